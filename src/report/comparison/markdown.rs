//! A comparison as a comment on a pull request: the verdict, what to distrust, the journeys, and the rest
//! folded away.

use super::{Compared, words};
use crate::analysis::compare::found::{Change, METRICS, Metric, Row, Verdict};
use crate::report::figures;
use crate::report::markdown::{Page, Table};
use crate::report::markup::{code, sentence};

/// More reasons than this are in the table.
const MOST_REASONS: usize = 6;

/// The whole comment.
pub fn render(of: &Compared<'_>) -> String {
    let found = of.comparison;
    let mut page = Page::default();
    let (word, meaning) = words::headline(found.verdict);
    page.block(&format!("## {} gander compare: {}\n", sign(found.verdict), word.to_uppercase()));
    page.block(&format!("{}.\n", capitalised(meaning)));
    let (reasons, rest) = words::first_reasons(&found.reasons, MOST_REASONS);
    let reasons = reasons.iter().chain(&rest);
    page.list("reasons", reasons.map(|reason| format!("- {}\n", sentence(reason))));
    page.table(&mismatches(of));
    page.table(&journeys(&found.journeys));
    let needs = found.journeys.iter().filter_map(|row| {
        let needs = words::needs(row);
        (!needs.is_empty()).then(|| format!("- {} needs {}\n", code(&row.name()), needs.join("; ")))
    });
    page.list("journeys that need more", needs);
    let changed = |rows| words::changed(rows).map(changed).collect::<Vec<_>>();
    page.list("steps that changed", changed(&found.steps).into_iter());
    page.list("capabilities that changed", changed(&found.capabilities).into_iter());
    page.table(&rows("steps", "Steps", &found.steps));
    page.table(&rows("rows of capabilities", "Capabilities", &found.capabilities));
    page.table(&facts(of));
    page.finish("`gander compare … --json`")
}

const fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Worse => "❌",
        Verdict::Better | Verdict::Same => "✅",
        Verdict::CannotTell => "❔",
    }
}

fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

fn changed(row: &Row) -> String {
    format!(
        "- {}: {}, {}\n",
        code(&row.name()),
        words::verdict(row.verdict),
        words::what_changed(row)
    )
}

fn mismatches(of: &Compared<'_>) -> Table {
    let rows = of.comparison.mismatches.iter();
    Table {
        what: "differences",
        heading: "**The sides differ in more than what is compared:**\n\n".to_owned(),
        headings: vec!["what", "baseline", "candidate"],
        names: 3,
        rows: rows
            .map(|m| [&m.what, &m.baseline, &m.candidate].map(|text| sentence(text)).into())
            .collect(),
        after: "",
    }
}

fn journeys(rows: &[Row]) -> Table {
    let lines = rows.iter().flat_map(|row| {
        let lone = words::one_sided(row).map(|where_| {
            let mut cells = vec![code(&row.name()), where_.to_owned()];
            cells.resize(7, String::new());
            cells
        });
        lone.into_iter().chain(row.changes.iter().map(move |of| line(row, of)))
    });
    Table {
        what: "rows of journeys",
        heading: String::new(),
        headings: vec![
            "journey",
            "metric",
            "baseline",
            "candidate",
            "change",
            "95% interval",
            "verdict",
        ],
        names: 2,
        rows: lines.collect(),
        after: "",
    }
}

fn line(row: &Row, of: &Change) -> Vec<String> {
    let metric = of.metric;
    let strong = matches!(of.verdict, Some(Verdict::Worse | Verdict::Better));
    let verdict = words::verdict(of.verdict);
    vec![
        code(&row.name()),
        metric.name().to_owned(),
        words::value(metric, of.baseline),
        words::value(metric, of.candidate),
        words::change(metric, of.change),
        words::interval(of),
        if strong { format!("**{verdict}**") } else { verdict.to_owned() },
    ]
}

/// A line for each row, with the change of each metric, folded away.
fn rows(what: &'static str, title: &str, rows: &[Row]) -> Table {
    let line = |row: &Row| {
        let change = |metric: Metric| {
            let found = row.changes.iter().find(|of| of.metric == metric);
            found.map_or_else(String::new, |of| words::change(metric, of.change))
        };
        let samples =
            |samples: Option<u64>| samples.map_or_else(|| figures::NONE.to_owned(), figures::count);
        let mut cells = vec![code(&row.name())];
        cells.extend([samples(row.baseline_samples), samples(row.candidate_samples)]);
        cells.extend(METRICS.iter().map(|(metric, _)| change(*metric)));
        cells.push(words::verdict(row.verdict).to_owned());
        cells
    };
    let metrics = METRICS.iter().map(|(_, name)| *name);
    Table {
        what,
        heading: format!("<details><summary>{title} ({})</summary>\n\n", rows.len()),
        headings: ["row", "baseline", "candidate"]
            .into_iter()
            .chain(metrics)
            .chain(["verdict"])
            .collect(),
        names: 1,
        rows: rows.iter().map(line).collect(),
        after: "\n</details>\n",
    }
}

/// What was compared, and how it was judged.
fn facts(of: &Compared<'_>) -> Table {
    let sides = words::facts(of).into_iter().map(|(name, [baseline, candidate])| {
        vec![name.to_owned(), sentence(&baseline), sentence(&candidate)]
    });
    let flows = words::flows_in_short(of.comparison)
        .map(|text| vec!["flows".to_owned(), sentence(&text), String::new()]);
    let method = words::method(of.comparison).into_iter();
    let method = method.map(|(name, text)| vec![name.to_owned(), sentence(&text), String::new()]);
    Table {
        what: "facts",
        heading: "<details><summary>What was compared, and how</summary>\n\n".to_owned(),
        headings: vec!["", "baseline", "candidate"],
        names: 3,
        rows: sides.chain(flows).chain(method).collect(),
        after: "\n</details>\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::specimen::{self, case};

    fn shown(comparison: crate::analysis::compare::found::Comparison) -> String {
        render(&case(comparison).compared())
    }

    #[test]
    fn a_candidate_that_is_worse() {
        insta::assert_snapshot!(shown(specimen::worse()), @"");
    }

    #[test]
    fn mismatches_and_what_is_needed_are_told() {
        insta::assert_snapshot!(shown(specimen::mismatched()), @"");
    }

    #[test]
    fn every_verdict_is_in_the_heading() {
        for comparison in specimen::all() {
            let (word, _) = words::headline(comparison.verdict);
            let text = shown(comparison);
            let heading = text.lines().next().unwrap();
            assert!(
                heading.ends_with(&format!("gander compare: {}", word.to_uppercase())),
                "{heading}"
            );
        }
    }

    #[test]
    fn no_name_breaks_a_table_or_calls_anybody() {
        let bars = |text: &str| {
            let rows = text.lines().filter(|line| line.starts_with('|'));
            rows.map(|line| line.matches('|').count()).collect::<Vec<_>>()
        };
        let (hostile, mut usual) = (shown(specimen::hostile()), specimen::worse());
        usual.mismatches = specimen::mismatched().mismatches;
        assert_eq!(bars(&hostile), bars(&shown(usual)));
        let outside: String = hostile.split('`').step_by(2).collect();
        assert!(!outside.contains('@') && !outside.contains("<script"), "{outside}");
    }
}
