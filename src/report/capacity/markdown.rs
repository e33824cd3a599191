//! A search as a comment on a pull request or a page of a wiki: the bracket, what broke, and the levels.

use super::words::{self, Tone};
use crate::analysis::capacity::found::{Capacity, Level, LevelJourney, LevelVerdict};
use crate::report::figures;
use crate::report::markdown::{Page, Table};
use crate::report::markup::{code, sentence};

/// The whole comment.
pub fn render(of: &Capacity) -> String {
    let mut page = Page::default();
    let (word, meaning) = words::headline(of);
    page.block(&format!("## {} gander capacity: {}\n", sign(words::tone(of)), sentence(&word)));
    page.block(&format!("{}.\n", capitalised(&meaning)));
    let ending = of.ending.iter().map(|ending| format!("- {}\n", sentence(&ending.text)));
    let findings = words::findings(of).into_iter();
    let findings = findings.map(|(term, text)| format!("- **{term}:** {}\n", sentence(&text)));
    page.list("findings", ending.chain(findings));
    page.table(&levels(of));
    page.table(&calls(of));
    let cautions = of.cautions.iter().map(|caution| {
        let (slug, text) = (code(&caution.slug), sentence(&caution.text));
        format!("- ⚠️ {slug}: {text}. {}\n", sentence(&caution.advice))
    });
    page.list("cautions", cautions);
    page.table(&rules(of));
    page.table(&asked(of));
    page.finish("`capacity.json`")
}

const fn sign(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "✅",
        Tone::Bad => "❌",
        Tone::Open => "❔",
    }
}

fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

fn levels(of: &Capacity) -> Table {
    let rows = words::by_rate(of).into_iter().flat_map(|level| {
        let several = level.journeys.len() > 1;
        let own = match level.journeys.as_slice() {
            [alone] => line(level, alone),
            _ => alone(level),
        };
        let parts = level.journeys.iter().filter(move |_| several).map(part);
        std::iter::once(own).chain(parts)
    });
    Table {
        what: "levels",
        heading: String::new(),
        headings: vec![
            "rate",
            "probe",
            "verdict",
            "p50",
            "p95",
            "p99",
            "errors",
            "ended/s",
            "in flight",
            "measured",
        ],
        names: 3,
        rows: rows.collect(),
        after: "",
    }
}

fn line(level: &Level, journey: &LevelJourney) -> Vec<String> {
    let mut cells = head(level);
    cells.extend(times(journey));
    cells.extend(tail(level));
    cells
}

fn alone(level: &Level) -> Vec<String> {
    let mut cells = head(level);
    cells.extend([slower(level.p50_us), String::new(), String::new(), String::new()]);
    cells.extend(tail(level));
    cells
}

fn part(journey: &LevelJourney) -> Vec<String> {
    let mut cells = vec![String::new(), code(&journey.journey), String::new()];
    cells.extend(times(journey));
    cells.extend([figures::rate(journey.completed_per_s), String::new(), String::new()]);
    cells
}

fn head(level: &Level) -> Vec<String> {
    let verdict = words::verdict(level.verdict);
    let is_strong = matches!(level.verdict, LevelVerdict::Pass | LevelVerdict::Fail);
    vec![
        words::rate(level.rate_per_s),
        format!("{} {}", level.probe, words::purpose(level.purpose)),
        if is_strong { format!("**{verdict}**") } else { verdict.to_owned() },
    ]
}

fn times(journey: &LevelJourney) -> [String; 4] {
    let [p50, p95, p99] = [journey.p50_us, journey.p95_us, journey.p99_us].map(slower);
    [p50, p95, p99, figures::share(journey.error_share)]
}

fn tail(level: &Level) -> [String; 3] {
    [
        figures::rate(level.completed_per_s),
        figures::rate(level.in_flight),
        figures::seconds(level.measured_s),
    ]
}

fn slower(us: Option<u64>) -> String {
    us.map_or_else(|| "> limit".to_owned(), figures::time)
}

fn calls(of: &Capacity) -> Table {
    let rows = of.calls.iter().map(|calls| {
        vec![code(&calls.group), words::rate(calls.per_s), format!("{:.2}", calls.per_iteration)]
    });
    Table {
        what: "rate groups",
        heading: "**Calls by rate group, at the highest level that passed:**\n\n".to_owned(),
        headings: vec!["group", "calls", "per iteration"],
        names: 1,
        rows: rows.collect(),
        after: "",
    }
}

/// What each rule had at each level, folded away.
fn rules(of: &Capacity) -> Table {
    let rows = words::by_rate(of).into_iter().flat_map(|level| {
        level.rules.iter().map(|rule| {
            let interval = rule.low.as_ref().zip(rule.high.as_ref());
            let interval = interval
                .map_or_else(|| figures::NONE.to_owned(), |(low, high)| format!("{low} … {high}"));
            vec![
                words::rate(level.rate_per_s),
                level.probe.to_string(),
                code(&rule.rule),
                rule.observed.clone(),
                interval,
                words::verdict(rule.verdict).to_owned(),
            ]
        })
    });
    Table {
        what: "rules",
        heading: "<details><summary>Rules at each level</summary>\n\n".to_owned(),
        headings: vec!["rate", "probe", "rule", "observed", "95% interval", "verdict"],
        names: 3,
        rows: rows.collect(),
        after: "\n</details>\n",
    }
}

fn asked(of: &Capacity) -> Table {
    let rows = words::asked(of).into_iter();
    Table {
        what: "facts",
        heading: "<details><summary>What was asked for</summary>\n\n".to_owned(),
        headings: vec!["", ""],
        names: 2,
        rows: rows.map(|(term, text)| vec![term.to_owned(), sentence(&text)]).collect(),
        after: "\n</details>\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::capacity::specimen;

    #[test]
    fn a_capacity_that_was_found() {
        insta::assert_snapshot!(render(&specimen::found()), @"");
    }

    #[test]
    fn names_from_outside_are_text_and_never_markup() {
        let text = render(&specimen::hostile());
        assert!(!text.contains("<script") && !text.contains("<img") && !text.contains('\u{202e}'));
        // Every row of a table has the cells of its heading.
        let tables = text.split("\n\n").filter(|block| block.starts_with('|'));
        for table in tables {
            let cells = |line: &str| line.matches(" | ").count();
            let mut lines = table.lines().filter(|line| line.starts_with('|'));
            let first = lines.next().map(cells);
            assert!(lines.all(|line| Some(cells(line)) == first), "{table}");
        }
    }
}
