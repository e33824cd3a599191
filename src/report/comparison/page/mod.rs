//! A comparison as a page: one file that needs no network, no server and no script.

mod pictures;
mod rest;
mod tables;

use super::{Compared, words};
use crate::analysis::compare::found::Verdict;
use crate::report::columns::clean;
use crate::report::page::prose::{name, prose};
use crate::report::page::{STYLE, charts, theme};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What this page has besides those of runs.
const OWN_STYLE: &str = ".verdict.open{background:var(--warn-ground);border-color:var(--warn);color:var(--ink)}\
    .verdict.open .word{color:var(--warn)}.open{color:var(--warn)}\
    .versus{font-size:1rem;margin-top:.7rem;overflow-wrap:anywhere}\
    td .below{white-space:nowrap}#step-changes tbody th,#capability-changes tbody th{min-width:8.5rem}#facts td{min-width:12rem;overflow-wrap:anywhere}\n";

/// Nothing may be loaded, run or sent.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
     form-action 'none'";

/// More reasons than this are in the table.
const MOST_REASONS: usize = 8;

/// A row of [`PARTS`].
struct Part {
    id: &'static str,
    title: &'static str,
    render: fn(&Compared<'_>) -> Markup,
}

/// The sections, in the order in which a reader asks.
const PARTS: &[Part] = &[
    Part { id: "verdict", title: "Verdict", render: verdict },
    Part { id: "mismatches", title: "What else differs", render: tables::mismatches },
    Part { id: "journeys", title: "Journeys", render: tables::journeys },
    Part { id: "changes", title: "Changes", render: pictures::forests },
    Part { id: "spectra", title: "Spectra", render: pictures::spectra },
    Part { id: "steps", title: "Steps", render: tables::steps },
    Part { id: "capabilities", title: "Capabilities", render: tables::capabilities },
    Part { id: "compared", title: "What was compared", render: rest::compared },
    Part { id: "method", title: "Method", render: rest::method },
    Part { id: "glossary", title: "Glossary", render: rest::glossary },
];

/// The whole file.
pub fn document(of: &Compared<'_>) -> String {
    let sections: Vec<(&Part, String)> =
        PARTS.iter().map(|part| (part, (part.render)(of).into_string())).collect();
    let sections: Vec<_> = sections.into_iter().filter(|(_, html)| !html.is_empty()).collect();
    let (word, _) = words::headline(of.comparison.verdict);
    let (one, other) = (name(&of.comparison.baseline.label), name(&of.comparison.candidate.label));
    let style =
        format!("{}{}{STYLE}{OWN_STYLE}", theme::variables(&charts::colours()), charts::rules());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "gander " (env!("CARGO_PKG_VERSION")) };
                title { (word) " · " (one) " and " (other) " · gander" }
                style { (PreEscaped(style)) }
            }
            body {
                a.skip href="#verdict" { "To the verdict" }
                header { p { b { "gander compare" } " " span.muted { (one) " and " (other) } } }
                nav aria-label="Sections" { ul {
                    @for (part, _) in &sections { li { a href={ "#" (part.id) } { (part.title) } } }
                } }
                main {
                    @for (part, html) in &sections { section id=(part.id) { (PreEscaped(html)) } }
                }
                footer { p {
                    "Made by gander " (env!("CARGO_PKG_VERSION")) ". Times of day are UTC. The same comparison \
                     of the same runs gives the same page; its numbers as data: " code { "--json" } "."
                } }
            }
        }
    };
    let mut page = page.into_string();
    page.push('\n');
    page
}

fn verdict(of: &Compared<'_>) -> Markup {
    let found = of.comparison;
    let (word, meaning) = words::headline(found.verdict);
    let (reasons, rest) = words::first_reasons(&found.reasons, MOST_REASONS);
    html! {
        div class={ "verdict " (class(found.verdict)) } {
            h1 { span.word { (word) } " " span.sentence { (meaning) } }
            @if !reasons.is_empty() {
                ul.reasons { @for reason in reasons.iter().chain(&rest) { li { (prose(reason)) } } }
            }
            p.what {
                b { "Baseline" } " " (clean(&words::side(&found.baseline))) br;
                b { "Candidate" } " " (clean(&words::side(&found.candidate)))
            }
            p.what {
                (words::design(found.method.design)) " · margin " (words::margin(&found.method))
                @if let Some(flows) = words::flows_in_short(of.comparison) { " · " (prose(&flows)) }
            }
        }
    }
}

/// The class of a verdict's colours.
const fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Worse => "bad",
        Verdict::Better | Verdict::Same => "good",
        Verdict::CannotTell => "open",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::specimen::{self, case, cases};
    use std::collections::BTreeSet;

    fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
        let start = format!(" {name}=\"");
        page.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn every_id_is_unique_and_every_reference_leads_somewhere() {
        for case in cases() {
            let page = document(&case.compared());
            let body = page.split("<body>").nth(1).unwrap();
            let ids = attributes(body, "id");
            let known: BTreeSet<_> = ids.iter().collect();
            assert_eq!(known.len(), ids.len(), "{ids:?}");
            let links = attributes(body, "href").into_iter().map(|link| &link[1..]);
            for reference in links.chain(attributes(body, "aria-labelledby")) {
                assert!(known.contains(&reference), "{reference}");
            }
        }
    }

    #[test]
    fn nothing_is_loaded_from_anywhere_and_nothing_runs() {
        for case in cases() {
            let page = document(&case.compared()).replace("http://www.w3.org/2000/svg", "");
            for loading in ["http://", "https://", "//cdn", "<img", "<script", "@import", "url("] {
                assert!(!page.contains(loading), "{loading}");
            }
        }
    }

    #[test]
    fn the_verdict_is_in_the_first_heading_and_in_the_title() {
        for case in cases() {
            let (word, _) = words::headline(case.comparison.verdict);
            let page = document(&case.compared());
            assert_eq!(page.matches("<h1").count(), 1);
            let heading = page.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap();
            assert!(heading.contains(word) && page.contains(&format!("<title>{word} · ")));
            let mut level = 0;
            for (at, _) in page.match_indices("<h") {
                let Some(found) = page.as_bytes().get(at + 2).filter(|c| c.is_ascii_digit()) else {
                    continue;
                };
                assert!(found - b'0' <= level + 1, "a heading is skipped");
                level = found - b'0';
            }
        }
    }

    #[test]
    fn names_from_outside_are_text_and_never_markup() {
        let page = document(&case(specimen::hostile()).compared());
        assert!(page.contains("&lt;script&gt;") && page.matches("<figure").count() >= 2);
        assert!(!page.contains("onerror=\"") && !page.contains('\u{202e}'));
    }

    #[test]
    fn both_sides_lie_over_one_another_and_every_tested_metric_has_a_branch() {
        let page = document(&case(specimen::worse()).compared());
        for id in [
            "figure-forest-times",
            "figure-forest-errors",
            "figure-spectrum-1",
            "figure-spectrum-2",
        ] {
            assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
        }
        for side in ["baseline v1", "candidate v2"] {
            assert_eq!(page.matches(&format!("<g data-series=\"{side}\"")).count(), 2, "{side}");
        }
        let times = page.split("id=\"figure-forest-times\"").nth(1).unwrap();
        let times = times.split("</figure>").next().unwrap();
        assert_eq!(times.matches("<circle").count(), 10, "five times of two journeys");
    }

    #[test]
    fn without_times_there_are_no_pictures_and_the_page_stands() {
        let mut found = specimen::cannot_tell();
        found.journeys.clear();
        let page = document(&case(found).compared());
        assert!(!page.contains("figure-forest"));
    }
}
