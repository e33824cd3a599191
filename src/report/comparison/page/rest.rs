//! The end of the page: what was compared, how it was judged, and what the words mean.

use crate::report::comparison::{Compared, words};
use crate::report::page::prose::{facts, name, prose};
use crate::report::page::table::{Cell, Column, Group, Row, Table};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Most journeys whose flows are listed.
const MOST_FLOWS: usize = 50;

pub(super) fn compared(of: &Compared<'_>) -> Markup {
    const COLUMNS: &[Column] =
        &[Column::text("fact"), Column::text("baseline"), Column::text("candidate")];
    let told = words::facts(of).into_iter();
    let mut rows: Vec<Row> = told
        .map(|(term, sides)| {
            let [one, other] = sides.map(|side| Cell::of(name(side)));
            Row::of(vec![Cell::of(term), one, other])
        })
        .collect();
    let found = of.comparison;
    let sides = [words::flows(&found.baseline), words::flows(&found.candidate)];
    let journeys: BTreeSet<&str> = sides.iter().flat_map(|flows| flows.keys().copied()).collect();
    rows.extend(journeys.into_iter().take(MOST_FLOWS).map(|journey| {
        let [one, other] = sides.each_ref().map(|flows| {
            let met = flows.get(journey).into_iter().flatten();
            Cell::of(html! { @for flow in met { code { (name(flow)) } " " } })
        });
        Row::of(vec![Cell::of(format!("flows of {}", name(journey))), one, other])
    }));
    let groups = vec![Group { title: None, rows }];
    html! {
        h2 { "What was compared" }
        (Table { id: "facts", caption: "Both sides", columns: COLUMNS, groups })
        @if let Some(flows) = words::flows_in_short(found) { p.remark { (prose(&flows)) "." } }
    }
}

/// What the figures rest on, for those who have to defend them.
const METHOD: &[&str] = &[
    "What is compared are windows of the timeline, not samples: neighbouring samples share their fate, so that \
     a thousand of them are no thousand observations.",
    "Intervals come from a moving-block bootstrap: blocks of neighbouring windows are drawn again and again, as \
     long as the timeline remembers itself. Several runs of a side are counted as runs: how much runs of the \
     same thing differ is usually more than what is seen within one.",
    "A change is called worse or better only if it is shown to be larger than the margin, at 5% for the whole \
     report: p-values are corrected by Holm's method for everything tested together. Same wants the whole \
     interval within the margin; that nothing was found is not enough.",
];

pub(super) fn method(of: &Compared<'_>) -> Markup {
    let told = words::method(of.comparison);
    let told: Vec<_> =
        told.into_iter().map(|(term, text)| (term, html! { (name(text)) })).collect();
    html! {
        h2 { "Method" }
        (facts(&told))
        @for paragraph in METHOD { p.remark { (paragraph) } }
    }
}

/// The words of the page.
const GLOSSARY: &[(&str, &str)] = &[
    (
        "baseline, candidate",
        "What it was before, and what it may become. A change is always the candidate's.",
    ),
    (
        "variant",
        "One flow version or configuration; several of one run take turns, so that they meet the same minutes of the same tenant.",
    ),
    (
        "change",
        "Of a time: the candidate's divided by the baseline's, less one. Of an error share: the difference, in points (pt) of a hundred.",
    ),
    (
        "95% interval",
        "Where the true change lies, in nineteen of twenty comparisons made like this. Not corrected for the number of rows.",
    ),
    (
        "margin",
        "A change so small that it does not matter. For short times it is at least the floor, below which clocks and timers cannot be told from the tenant.",
    ),
    ("worse, better", "Shown to have changed by more than the margin."),
    ("same", "Shown to have changed by less than the margin."),
    (
        "cannot-tell",
        "None of these is shown. `still needed` says how much longer the same run, or how many more runs of each side, would show it.",
    ),
    (
        "p, corrected",
        "How often so large a change would be seen where there is none beyond the margin, corrected for everything that was tested.",
    ),
    (
        "p50, p95, p99",
        "Percentiles: half, 95 and 99 of a hundred samples took no longer. Time-outs, resets and cut-offs count as slower than any limit (`> limit`).",
    ),
    ("error-share", "Faults among the samples."),
    (
        "response time",
        "Of a journey: from when it was due to its end, thinking and waiting for codes left out.",
    ),
    (
        "service time",
        "Of a step or capability: from the request on an open connection to the last byte of its reply.",
    ),
    (
        "flow",
        "A flow by its id and first node, as each start met it. That the sides met different ones is what a comparison of versions is about.",
    ),
];

pub(super) fn glossary(_: &Compared<'_>) -> Markup {
    html! {
        h2 { "Glossary" }
        dl.glossary { @for (term, meaning) in GLOSSARY { div { dt { (term) } dd { (prose(meaning)) } } } }
    }
}
