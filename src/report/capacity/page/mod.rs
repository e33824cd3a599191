//! A search as a page: one file that needs no network, no server and no script.

mod rest;
mod tables;

use super::words::{self, Tone, capitalised};
use crate::analysis::capacity::found::Capacity;
use crate::report::chart::{self, Figure};
use crate::report::page::charts::still;
use crate::report::page::prose::{name, prose};
use crate::report::page::{STYLE, charts, theme};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What this page has besides those of runs.
const OWN_STYLE: &str = ".verdict.open{background:var(--warn-ground);border-color:var(--warn);color:var(--ink)}\
    .verdict.open .word{color:var(--warn)}.open{color:var(--warn)}\
    .why{padding-left:1.2rem}.facts dd{overflow-wrap:anywhere}\n";

/// Nothing may be loaded, run or sent.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
     form-action 'none'";

/// A row of [`PARTS`].
struct Part {
    id: &'static str,
    title: &'static str,
    render: fn(&Capacity) -> Markup,
}

/// The sections, in the order in which a reader asks.
const PARTS: &[Part] = &[
    Part { id: "verdict", title: "Capacity", render: verdict },
    Part { id: "cautions", title: "Cautions", render: tables::cautions },
    Part { id: "latency", title: "Latency against load", render: latency },
    Part { id: "levels", title: "Levels", render: tables::levels },
    Part { id: "scalability", title: "Scalability", render: scalability },
    Part { id: "calls", title: "Calls by rate group", render: tables::calls },
    Part { id: "rules", title: "Rules", render: tables::rules },
    Part { id: "asked", title: "What was asked for", render: rest::asked },
    Part { id: "method", title: "Method", render: rest::method },
    Part { id: "glossary", title: "Glossary", render: rest::glossary },
];

/// The whole file.
pub fn document(of: &Capacity) -> String {
    let sections = PARTS.iter().map(|part| (part, (part.render)(of).into_string()));
    let sections: Vec<_> = sections.filter(|(_, html)| !html.is_empty()).collect();
    let (word, _) = words::headline(of);
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
                meta name="generator" content={ "gander " (name(&of.gander_version)) };
                title { (name(&word)) " · " (name(of.run_id.as_str())) " · gander" }
                style { (PreEscaped(style)) }
            }
            body {
                a.skip href="#verdict" { "To the result" }
                header { p { b { "gander capacity" } " " span.muted { (name(of.run_id.as_str())) } } }
                nav aria-label="Sections" { ul {
                    @for (part, _) in &sections { li { a href={ "#" (part.id) } { (part.title) } } }
                } }
                main {
                    @for (part, html) in &sections { section id=(part.id) { (PreEscaped(html)) } }
                }
                footer { p {
                    "Made by gander " (env!("CARGO_PKG_VERSION")) ". Times of day are UTC. The numbers as data: "
                    code { "capacity.json" } "; each level is a run with a report of its own."
                } }
            }
        }
    };
    let mut page = page.into_string();
    page.push('\n');
    page
}

fn verdict(of: &Capacity) -> Markup {
    let (word, meaning) = words::headline(of);
    let class = match words::tone(of) {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Open => "open",
    };
    html! {
        div class={ "verdict " (class) } {
            h1 { span.word { (name(&word)) } " " span.sentence { (meaning) } }
            @if let Some(ending) = &of.ending { ul.reasons { li { (prose(&ending.text)) } } }
        }
        dl.facts {
            @for (term, text) in words::findings(of) { div { dt { (term) } dd { (prose(&text)) } } }
        }
    }
}

fn latency(of: &Capacity) -> Markup {
    let drawn = chart::load::latency(of);
    html! { @if !drawn.is_empty() { h2 { "Latency against load" } (figures(&drawn)) } }
}

fn scalability(of: &Capacity) -> Markup {
    let drawn: Vec<Figure> = chart::load::scalability(of).into_iter().collect();
    html! {
        @if !drawn.is_empty() {
            h2 { "Scalability" }
            p { (prose(&capitalised(&words::scalability(of)))) "." }
            (figures(&drawn))
        }
    }
}

fn figures(drawn: &[Figure]) -> Markup {
    html! { @for drawn in drawn { (still(drawn)) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::capacity::specimen;
    use std::collections::BTreeSet;

    fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
        let start = format!(" {name}=\"");
        page.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn every_id_is_unique_and_every_reference_leads_somewhere() {
        for of in specimen::all() {
            let page = document(&of);
            let body = page.split("<body>").nth(1).unwrap();
            let ids = attributes(body, "id");
            let known: BTreeSet<_> = ids.iter().collect();
            assert_eq!(known.len(), ids.len(), "{ids:?}");
            let links = attributes(body, "href").into_iter();
            let links = links.filter_map(|link| link.strip_prefix('#'));
            for reference in links.chain(attributes(body, "aria-labelledby")) {
                assert!(known.contains(&reference), "{reference}");
            }
        }
    }

    #[test]
    fn nothing_is_loaded_from_anywhere_and_nothing_runs() {
        for of in specimen::all() {
            let page = document(&of).replace("http://www.w3.org/2000/svg", "");
            for loading in ["http://", "https://", "<img", "<script", "@import", "url("] {
                assert!(!page.contains(loading), "{loading}");
            }
            assert!(!page.contains("onerror=\"") && !page.contains('\u{202e}'));
        }
    }

    #[test]
    fn the_answer_is_in_the_first_heading_and_in_the_title() {
        for of in specimen::all() {
            let (word, _) = words::headline(&of);
            let page = document(&of);
            assert_eq!(page.matches("<h1").count(), 1);
            let heading = page.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap();
            assert!(heading.contains(&word) && page.contains(&format!("<title>{word} · ")));
        }
    }

    #[test]
    fn latency_stands_against_load_and_what_comes_out_against_what_is_under_way() {
        let page = document(&specimen::found());
        for id in ["figure-load", "figure-scalability"] {
            assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
        }
        assert!(!document(&specimen::under_way()).contains("figure-scalability"));
    }
}
