//! The first thing on the page: whether the run shows what was asked of it, and what to distrust.

use super::prose::{prose, remark};
use crate::report::{about, console};
use crate::report::{columns::clean, figures};
use crate::result::dossier::Dossier;
use crate::result::summary::{Caution, Verdict};
use maud::{Markup, html};

/// The word of a verdict, and the class of its colours.
pub(super) const fn word(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Pass => ("Pass", "good"),
        Verdict::Fail => ("Fail", "bad"),
        Verdict::Invalid => ("Invalid", "bad"),
    }
}

pub(super) fn section(dossier: &Dossier) -> Markup {
    let summary = &dossier.summary;
    let (verdict, class) = word(summary.verdict);
    let (word, class) = if dossier.is_running { ("Running", "now") } else { (verdict, class) };
    let sentence = sentence(dossier, verdict);
    // Of a run in progress, that it has no end is no news.
    let reasons: Vec<_> =
        if dossier.is_running { vec![] } else { summary.reasons.iter().collect() };
    html! {
        div class={ "verdict " (class) } {
            h1 { span.word { (word) } " " span.sentence { (sentence) } }
            @for note in notes(dossier) { p.note { (note) } }
            @if !reasons.is_empty() {
                ul.reasons { @for reason in reasons { li { (prose(reason)) } } }
            }
            p.what { (in_one_line(dossier)) }
        }
        (cautions(dossier))
    }
}

fn sentence(dossier: &Dossier, verdict: &str) -> String {
    let summary = &dossier.summary;
    let in_short = console::in_short(summary);
    if dossier.is_running {
        let so_far = if in_short.is_empty() { String::new() } else { format!(": {in_short}") };
        return format!("so far {verdict}{so_far}");
    }
    match (in_short.is_empty(), summary.verdict) {
        (false, _) => in_short,
        (true, Verdict::Pass) => "it had no thresholds to meet".to_owned(),
        (true, _) => "for another reason than its thresholds".to_owned(),
    }
}

/// How the run ended, where it did not just end.
fn notes(dossier: &Dossier) -> Vec<&'static str> {
    let record = &dossier.record;
    [
        (dossier.is_running, "The run is going on; all numbers are those up to now."),
        (
            record.interrupted,
            "The run was interrupted by a person: the numbers are those up to then.",
        ),
        (record.stopped.is_some(), "gander ended the run before its time."),
        (
            record.ended_at.is_none() && !dossier.is_running,
            "The run has no end on record, as if it was killed: the numbers are those that were \
             written down by then.",
        ),
    ]
    .into_iter()
    .filter_map(|(applies, note)| applies.then_some(note))
    .collect()
}

/// What was run, for those who read no further.
fn in_one_line(dossier: &Dossier) -> Markup {
    let (record, summary) = (&dossier.record, &dossier.summary);
    let (model, _) = about::model(summary.workload_model);
    let measured = figures::seconds(summary.measured_s);
    html! {
        (clean(&about::load(record))) " (" (model) ") against " (clean(&about::tenant(record)))
        " · " (measured) " measured · started " (clean(&summary.started_at))
    }
}

fn cautions(dossier: &Dossier) -> Markup {
    let is_news = |caution: &&Caution| !(dossier.is_running && caution.slug == "unfinished");
    let cautions: Vec<_> = dossier.summary.cautions.iter().filter(is_news).collect();
    html! {
        @if cautions.is_empty() {
            @if !dossier.is_running { (remark("No cautions: nothing is known that would make these numbers doubtful.")) }
        } @else {
            h2 { "Cautions" }
            ul.cautions {
                @for caution in cautions {
                    li {
                        strong { (clean(&caution.slug)) } ": " (prose(&caution.text)) ". "
                        span.advice { "→ " (prose(&caution.advice)) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;

    #[test]
    fn the_word_of_the_verdict_is_in_the_first_heading() {
        for dossier in specimen::dossiers() {
            let page = section(&dossier).into_string();
            let heading = page.split("</h1>").next().unwrap();
            assert!(heading.contains(word(dossier.summary.verdict).0), "{heading}");
        }
    }

    #[test]
    fn a_run_in_progress_is_not_said_to_have_failed() {
        let mut dossier = specimen::dossier(specimen::failing());
        (dossier.is_running, dossier.record.ended_at) = (true, None);
        let page = section(&dossier).into_string();
        assert!(page.contains("Running") && page.contains("so far Fail"));
        assert!(!page.contains("no end on record"));
    }

    #[test]
    fn a_killed_and_an_interrupted_run_say_so() {
        let mut dossier = specimen::dossier(specimen::passing());
        assert!(notes(&dossier).is_empty());
        (dossier.record.ended_at, dossier.record.interrupted) = (None, true);
        let page = section(&dossier).into_string();
        assert!(page.contains("interrupted by a person") && page.contains("no end on record"));
    }
}
