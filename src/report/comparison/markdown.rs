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
    for (what, title, rows) in [
        ("steps that changed", "Steps that changed", &found.steps),
        ("capabilities that changed", "Capabilities that changed", &found.capabilities),
    ] {
        let title = |place| if place == 0 { format!("**{title}:**\n\n") } else { String::new() };
        let items = words::changed(rows).enumerate();
        page.list(what, items.map(|(place, row)| title(place) + &changed(row)));
    }
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
        heading: "**What makes the sides hard to compare:**\n\n".to_owned(),
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
        insta::assert_snapshot!(shown(specimen::worse()), @"
        ## ❌ gander compare: WORSE

        The candidate is worse by more than the margin.

        - `sign-on` is worse: p50 &#43;31.0%, p90 &#43;15.0%, p95 &#43;12.1%, mean &#43;27.0%

        | journey | metric | baseline | candidate | change | 95% interval | verdict |
        | --- | --- | ---: | ---: | ---: | ---: | ---: |
        | `register` | p50 | 78.3 ms | 78.6 ms | +0.4% | -1.2 … +2.1% | same |
        | `register` | p90 | 150 ms | 151 ms | +0.4% | -1.2 … +2.1% | same |
        | `register` | p95 | 179 ms | 180 ms | +0.4% | -1.2 … +2.1% | same |
        | `register` | p99 | 251 ms | 252 ms | +0.4% | -1.2 … +2.1% | same |
        | `register` | mean | 91.0 ms | 91.4 ms | +0.4% | -1.2 … +2.1% | same |
        | `register` | error-share | 0.10% | 0.12% | +0.02 pt | -0.04 … +0.09 pt | same |
        | `sign-on` | p50 | 78.3 ms | 103 ms | +31.0% | +27.9 … +34.3% | **worse** |
        | `sign-on` | p90 | 150 ms | 172 ms | +15.0% | +11.9 … +18.3% | **worse** |
        | `sign-on` | p95 | 179 ms | 201 ms | +12.1% | +9.0 … +15.4% | **worse** |
        | `sign-on` | p99 | 251 ms | 272 ms | +8.4% | +5.3 … +11.7% | cannot-tell |
        | `sign-on` | mean | 91.0 ms | 116 ms | +27.0% | +23.9 … +30.3% | **worse** |
        | `sign-on` | error-share | 0.10% | 0.31% | +0.21 pt | +0.11 … +0.31 pt | same |

        - `sign-on` needs 12 min more for p99

        **Steps that changed:**

        - `sign-on/verify`: worse, p50 +120%, p95 +50.0%

        **Capabilities that changed:**

        - `customHTMLTemplate submit VERIFY`: worse, p50 +120%, p95 +50.0%

        <details><summary>Steps (3)</summary>

        | row | baseline | candidate | p50 | p90 | p95 | p99 | mean | error-share | verdict |
        | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
        | `sign-on/credentials` | 15000 | 15012 | +0.4% | +0.4% | +0.4% | +0.4% | +0.4% | +0.02 pt | same |
        | `sign-on/verify` | 15000 | 15012 | +120% |  | +50.0% |  |  |  | worse |
        | `register/finish` | 4300 | 4280 | +0.4% | +0.4% | +0.4% | +0.4% | +0.4% | +0.02 pt |  |

        </details>

        <details><summary>Capabilities (3)</summary>

        | row | baseline | candidate | p50 | p90 | p95 | p99 | mean | error-share | verdict |
        | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
        | `customHTMLTemplate submit VERIFY` | 15000 | 15012 | +120% |  | +50.0% |  |  |  | worse |
        | `customHTMLTemplate submit SIGNON` | 15000 | 15012 | +0.4% | +0.4% | +0.4% | +0.4% | +0.4% | +0.02 pt | same |
        | `token` | 15000 | 15012 | +0.4% | +0.4% | +0.4% | +0.4% | +0.4% | +0.02 pt | same |

        </details>

        <details><summary>What was compared, and how</summary>

        |  | baseline | candidate |
        | --- | --- | --- |
        | side | v1 | v2 |
        | runs | 20261122-091500-w3ghqk | 20261122-091500-w3ghqk |
        | started | 2026-11-22T09:15:00.000Z | 2026-11-22T09:15:00.000Z |
        | measured | 5.00 min | 5.00 min |
        | tenant | the embedded stand-in, 127.0.0.1 | the embedded stand-in, 127.0.0.1 |
        | load | closed model, 20 users in turn for 20s | closed model, 20 users in turn for 20s |
        | gander | 0.1.0 | 0.1.0 |
        | generator | lab, linux x86&#95;64, 2 cores | lab, linux x86&#95;64, 2 cores |
        | seed | 7 | 7 |
        | flows | the sides met different flows, which is what is compared |  |
        | margin | 5% of a time, at least 1.00 ms; 0.5 points of an error share |  |
        | tested | p50, p90, p95, p99, mean, error-share |  |
        | design | variants of the same run, window by window |  |
        | runs that tell the spread | 0 |  |
        | intervals | 95%, 2000 resamples of blocks of windows |  |
        | seed | 1 |  |

        </details>
        ");
    }

    #[test]
    fn mismatches_and_what_is_needed_are_told() {
        insta::assert_snapshot!(shown(specimen::mismatched()), @"
        ## ❔ gander compare: CANNOT TELL

        Neither a change nor that there is none is shown.

        - there is one run each: how much runs of the same thing differ is not known; repeat each with `gander run --repeat 4`, say a known spread with `--spread`, or run both as variants of one run

        **What makes the sides hard to compare:**

        | what | baseline | candidate |
        | --- | --- | --- |
        | gander | 0.1.0 | 0.2.0 |
        | offered load | rate 20/s, stages not set | rate not set, stages &#91;over 30s rate 20/s, for 5m rate 20/s&#93; |
        | the run | in order | interrupted by a person |

        | journey | metric | baseline | candidate | change | 95% interval | verdict |
        | --- | --- | ---: | ---: | ---: | ---: | ---: |
        | `sign-on` | p50 | 78.3 ms | 78.6 ms | +0.4% | -1.2 … +2.1% | cannot-tell |
        | `sign-on` | p90 | 150 ms | 151 ms | +0.4% | -1.2 … +2.1% | cannot-tell |
        | `sign-on` | p95 | 179 ms | 180 ms | +0.4% | -1.2 … +2.1% | cannot-tell |
        | `sign-on` | p99 | > limit | 252 ms | – | – | cannot-tell |
        | `sign-on` | mean | 91.0 ms | 91.4 ms | +0.4% | -1.2 … +2.1% | cannot-tell |
        | `sign-on` | error-share | 0.10% | 0.12% | +0.02 pt | -0.04 … +0.09 pt | cannot-tell |

        - `sign-on` needs 3 runs more for p50, p90

        <details><summary>What was compared, and how</summary>

        |  | baseline | candidate |
        | --- | --- | --- |
        | side | 20261120-070001-aaaaaa | 20261121-070001-bbbbbb |
        | runs | 20261120-070001-aaaaaa | 20261121-070001-bbbbbb |
        | started | 2026-11-22T09:15:00.000Z | 2026-11-22T09:15:00.000Z |
        | measured | 5.00 min | 5.00 min |
        | tenant | the embedded stand-in, 127.0.0.1 | the embedded stand-in, 127.0.0.1 |
        | load | closed model, 20 users in turn for 20s | closed model, 20 users in turn for 20s |
        | gander | 0.1.0 | 0.1.0 |
        | generator | lab, linux x86&#95;64, 2 cores | lab, linux x86&#95;64, 2 cores |
        | seed | 7 | 7 |
        | flows | the sides met different flows, which is what is compared |  |
        | margin | 5% of a time, at least 1.00 ms; 0.5 points of an error share |  |
        | tested | p50, p90, p95, p99, mean, error-share |  |
        | design | one run each: how much runs of the same thing differ is not known |  |
        | runs that tell the spread | 0 |  |
        | intervals | 95%, 2000 resamples of blocks of windows |  |
        | seed | 1 |  |

        </details>
        ");
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
