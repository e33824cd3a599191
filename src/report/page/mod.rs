//! The report as a page: one file that needs no network, no server and no script to be read. Also
//! the page of a run in progress, whose sections are replaced as it goes on.

pub(in crate::report) mod charts;
mod drift;
mod exchanges;
mod faulty;
mod journeys;
mod key_figures;
mod parts;
pub(in crate::report) mod prose;
mod rest;
mod setup;
pub(in crate::report) mod table;
pub(in crate::report) mod theme;
mod verdict;

use crate::measure::histogram::Times;
use crate::report::chart;
use crate::result::dossier::Dossier;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The style sheet, but for its colours.
pub(in crate::report) const STYLE: &str = include_str!("page.css");

/// The page's only script. Whoever serves the page may allow this one alone.
pub const SCRIPT: &str = include_str!("page.js");

/// A part of the page.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Section {
    /// The id of its element.
    pub id: &'static str,
    /// Its name in the list of sections.
    pub title: &'static str,
    /// What is inside of its element; empty if there is nothing to say.
    pub html: String,
}

/// What the page of a run in progress has besides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LiveChrome {
    /// Where the server-sent events come from. The data of each is
    /// `{ "sections": { id: html, … }, "over": bool }`, sections as in [`Section`]; those that did
    /// not change may be left out.
    pub events_path: String,
    /// Where a POST without a body ends the run in order.
    pub stop_path: String,
}

/// A row of [`PARTS`].
struct Part {
    id: &'static str,
    title: &'static str,
    render: fn(&Dossier) -> Markup,
}

/// The sections, in the order in which a reader asks.
const PARTS: &[Part] = &[
    Part { id: "verdict", title: "Verdict", render: verdict::section },
    Part { id: "run", title: "What was run", render: setup::section },
    Part { id: "key-figures", title: "Key figures", render: key_figures::section },
    Part { id: "journeys", title: "Journeys", render: journeys::section },
    Part { id: "capabilities", title: "Capabilities", render: exchanges::capabilities },
    Part { id: "steps", title: "Steps", render: exchanges::steps },
    Part { id: "charts", title: "Charts", render: charts::section },
    Part { id: "thresholds", title: "Thresholds", render: rest::thresholds },
    Part { id: "drift", title: "Drift", render: drift::section },
    Part { id: "series", title: "Also timed", render: rest::series },
    Part { id: "faults", title: "Faults", render: faulty::section },
    Part { id: "parts", title: "Parts", render: parts::section },
    Part { id: "generator", title: "Generator", render: rest::generator },
    Part { id: "glossary", title: "Glossary", render: rest::glossary },
];

/// Every section, in order, also those that have nothing to say yet.
pub fn sections(dossier: &Dossier) -> Vec<Section> {
    let section = |part: &Part| Section {
        id: part.id,
        title: part.title,
        html: (part.render)(dossier).into_string(),
    };
    PARTS.iter().map(section).collect()
}

/// The whole file of a finished run.
pub fn document(dossier: &Dossier) -> String {
    page(dossier, None)
}

/// The page of a run in progress.
pub fn live_document(dossier: &Dossier, live: &LiveChrome) -> String {
    page(dossier, Some(live))
}

/// Nothing may be loaded, and only a live page may talk to whom it came from.
fn policy(live: bool) -> &'static str {
    if live {
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
         img-src data:; base-uri 'none'; connect-src 'self'; form-action 'self'"
    } else {
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
         img-src data:; base-uri 'none'; form-action 'none'"
    }
}

fn page(dossier: &Dossier, live: Option<&LiveChrome>) -> String {
    let sections = sections(dossier);
    let run = prose::name(dossier.record.run_id.to_string());
    let version = prose::name(&dossier.record.gander_version);
    let (verdict, _) = verdict::word(dossier.summary.verdict);
    let word = if dossier.is_running { "Running" } else { verdict };
    let style = format!("{}{}{STYLE}", theme::variables(&charts::colours()), charts::rules());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(policy(live.is_some()));
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "gander " (version) };
                title { (word) " · " (run) " · gander" }
                style { (PreEscaped(style)) }
            }
            body {
                a.skip href="#verdict" { "To the verdict" }
                header {
                    p { b { "gander" } " " span.muted { (run) } }
                    button #theme type="button" hidden { "Dark" }
                }
                @if let Some(live) = live { (live_bar(live)) }
                nav aria-label="Sections" { ul {
                    @for section in &sections {
                        li hidden[section.html.is_empty()] { a href={ "#" (section.id) } { (section.title) } }
                    }
                } }
                main {
                    @for section in &sections {
                        section id=(section.id) hidden[section.html.is_empty()] { (PreEscaped(&section.html)) }
                    }
                }
                footer { p {
                    "Made by gander " (version) ". Times of day are UTC. All numbers of this page are in "
                    code { "summary.json" } " beside it, full histograms in " code { "intervals.hlog" } "."
                } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    let mut page = page.into_string();
    page.push('\n');
    page
}

/// Works without the script, too: the form is sent then.
fn live_bar(live: &LiveChrome) -> Markup {
    html! {
        div #live data-events=(live.events_path) {
            p role="status" { span.dot {} " " span #live-text { "live" } }
            form method="post" action=(live.stop_path) {
                button #stop type="submit" { "Stop the run" }
            }
        }
    }
}

/// The small picture of a row's times; nothing without any.
fn distribution(times: &Times) -> String {
    chart::distribution(times)
}

#[cfg(test)]
mod tests;
