//! A search as a comment on a pull request or a page of a wiki: the bracket, what broke, and the levels.

use super::words::{self, Tone, capitalised};
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
    cells.extend([words::median(level), String::new(), String::new(), String::new()]);
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
    let [p50, p95, p99] = words::times(journey);
    [p50, p95, p99, figures::share(journey.error_share)]
}

fn tail(level: &Level) -> [String; 3] {
    [
        figures::rate(level.completed_per_s),
        figures::rate(level.in_flight),
        words::length(level.measured_s),
    ]
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
        insta::assert_snapshot!(render(&specimen::found()), @"
        ## ✅ gander capacity: Capacity 140/s

        To promise, confirmed by a hold; 5.00% above it, at 147/s, a threshold does not hold.

        - `p95 < 400ms` does not hold at 147/s: 451 ms
        - **most likely:** 143/s, 95% between 141/s and 145/s
        - **broke first:** `p95 < 400ms`, 451 ms at 147/s
        - **slowed most:** `customHTMLTemplate submit SIGNON`, 45.0 ms on average at first and 126 ms there: 92.0% of what was added
        - **confirmed by:** a hold of 5 min at 140/s
        - **head-room:** 50.0/s needed (60000/h peak 3): &#43;180% left by what passed, enough
        - **scalability:** peak foreseen at 171/s (158/s … 190/s); contention 2.10%, coherency 3.1e-4, R² 0.998

        | rate | probe | verdict | p50 | p95 | p99 | errors | ended/s | in flight | measured |
        | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
        | 20.0/s | 1 climb | **pass** | 61.0 ms | 118 ms | 177 ms | 0% | 20.0 | 1.22 | 48 s |
        | 60.0/s | 2 climb | **pass** | 66.0 ms | 139 ms | 208 ms | 0% | 60.0 | 3.96 | 48 s |
        | 104/s | 5 narrow | **pass** | 81.0 ms | 203 ms | 304 ms | 0% | 104 | 8.42 | 48 s |
        | 140/s | 6 narrow | **pass** | 118 ms | 362 ms | 543 ms | 0% | 140 | 16.5 | 48 s |
        | 140/s | 10 hold | **pass** | 119 ms | 358 ms | 537 ms | 0% | 140 | 16.7 | 5 min |
        | 143/s | 7 narrow | undecided | 121 ms | 391 ms | 586 ms | 0% | 143 | 17.3 | 48 s |
        | 147/s | 8 narrow | **fail** | 140 ms | 442 ms | 663 ms | 0% | 147 | 20.6 | 48 s |
        | 147/s | 9 repeat | **fail** | 143 ms | 451 ms | 676 ms | 0% | 147 | 21.0 | 48 s |
        | 180/s | 3 climb | **fail** | 2.61 s | > limit | > limit | 2.10% | 155 | 405 | 48 s |
        | 180/s | 4 repeat | **fail** | 2.48 s | > limit | > limit | 2.10% | 155 | 384 | 48 s |

        **Calls by rate group, at the highest level that passed:**

        | group | calls | per iteration |
        | --- | ---: | ---: |
        | `davinci-start` | 140/s | 1.00 |
        | `davinci-execution` | 140/s | 1.00 |
        | `sso` | 140/s | 1.00 |

        <details><summary>Rules at each level</summary>

        | rate | probe | rule | observed | 95% interval | verdict |
        | --- | --- | --- | ---: | ---: | ---: |
        | 20.0/s | 1 | `p95 < 400ms` | 118 ms | – | pass |
        | 60.0/s | 2 | `p95 < 400ms` | 139 ms | – | pass |
        | 104/s | 5 | `p95 < 400ms` | 203 ms | – | pass |
        | 140/s | 6 | `p95 < 400ms` | 362 ms | – | pass |
        | 140/s | 10 | `p95 < 400ms` | 358 ms | – | pass |
        | 143/s | 7 | `p95 < 400ms` | 391 ms | – | undecided |
        | 147/s | 8 | `p95 < 400ms` | 442 ms | – | fail |
        | 147/s | 9 | `p95 < 400ms` | 451 ms | – | fail |
        | 180/s | 3 | `p95 < 400ms` | > 30 s | – | fail |
        | 180/s | 4 | `p95 < 400ms` | > 30 s | – | fail |

        </details>

        <details><summary>What was asked for</summary>

        |  |  |
        | --- | --- |
        | from | 20.0/s |
        | to | no bound |
        | resolution | 5% |
        | climb | × 1.5 |
        | probes at most | 20 |
        | hold | 5 min |
        | rules | `p95 < 400ms`, `faults < 1%` |
        | seed | 1 |
        | tenant | auth.example.com |

        </details>
        ");
    }

    #[test]
    fn names_from_outside_are_text_and_never_markup() {
        let text = render(&specimen::hostile());
        // What stands between backquotes is shown as it is.
        let outside: String = text.split('`').step_by(2).collect();
        assert!(!outside.contains("<script") && !outside.contains("<img"), "{outside}");
        assert!(!text.contains('\u{202e}') && !outside.contains('@'), "{outside}");
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
