//! The end of the page: what was asked for, how it was found, and what the words mean.

use crate::analysis::capacity::found::Capacity;
use crate::report::capacity::words;
use crate::report::page::prose::{facts, prose};
use maud::{Markup, html};

pub(super) fn asked(of: &Capacity) -> Markup {
    let told: Vec<_> =
        words::asked(of).into_iter().map(|(term, text)| (term, prose(&text))).collect();
    html! { h2 { "What was asked for" } (facts(&told)) }
}

/// What the figures rest on, for those who have to defend them.
const METHOD: &[&str] = &[
    "Load arrives on a schedule of its own: a tenant that becomes slow gets no less of it. Each level is a run \
     of its own, with all files of a run.",
    "A level is measured when it has settled: for three journeys and three seconds at least, as many iterations \
     were under way as before, and within 10% as many as Little's law has it. It is measured until its samples \
     are worth what its rules need, neighbouring samples sharing their fate: 15 beyond a percentile, three \
     where a share is at its limit.",
    "A rule passes or fails by the whole of its 95% interval. What lies on both sides of the limit is \
     undecided, whatever the number itself says. While a level goes on, it is ended early by intervals of \
     99.9% only, so that looking again and again adds no mistakes.",
    "A fail counts after a repeat that fails, too; if the repeat passes, a third decides. After a fail the load \
     rests until times are back at those of the lowest level that passed.",
    "Between the highest level that passed and the lowest that failed, the next is where a monotone curve \
     through all levels seen crosses the limit, kept within the middle half. The highest that passed is then \
     held for longer, to confirm it.",
];

pub(super) fn method(_: &Capacity) -> Markup {
    html! { h2 { "Method" } @for paragraph in METHOD { p.remark { (paragraph) } } }
}

/// The words of the page.
const GLOSSARY: &[(&str, &str)] = &[
    (
        "capacity",
        "The highest arrival rate at which all rules hold. Known as a bracket, never as one number.",
    ),
    (
        "level",
        "A rate that was tried, by a probe: iterations started per second, of all journeys together.",
    ),
    ("pass, fail", "Every rule holds, or one does not, by the whole of its interval."),
    ("undecided", "What was measured lies on both sides of a limit, or was too little."),
    (
        "void",
        "It says nothing about the tenant: the generator was the limit, or something else stopped it.",
    ),
    (
        "settling",
        "How long it took until the level was at rest; `>` where it had not come to rest by then.",
    ),
    ("hold", "The confirmation: the highest level that passed, for longer."),
    (
        "in flight",
        "Iterations under way on average. By Little's law it is rate × time in the system.",
    ),
    (
        "worth",
        "So many independent samples would know as much as those of the level, of so many that its rules need.",
    ),
    (
        "p50, p95, p99",
        "Response times; time-outs, resets and cut-offs count as slower than any limit (`> limit`).",
    ),
    ("goodput", "Iterations that end, over those that are due. Below 95% work piles up."),
    ("head-room", "What passed ÷ what is needed, less one."),
    (
        "contention, coherency",
        "The two losses of the Universal Scalability Law: what is done one after another, and what all lose to each other.",
    ),
];

pub(super) fn glossary(_: &Capacity) -> Markup {
    html! {
        h2 { "Glossary" }
        dl.glossary { @for (term, meaning) in GLOSSARY { div { dt { (term) } dd { (prose(meaning)) } } } }
    }
}
