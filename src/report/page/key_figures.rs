//! The handful of numbers that a run comes down to.

use super::journeys::Part;
use super::prose::{name, remark};
use super::setup::variants;
use crate::base::names::Journey;
use crate::measure::tally::share;
use crate::report::figures;
use crate::result::dossier::Dossier;
use crate::result::summary::{JourneySummary, Summary, WorkloadModel};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// The percentiles that people ask for first.
const FIRST: &[(&str, Part)] =
    &[("p50", |times| times.p50), ("p95", |times| times.p95), ("p99", |times| times.p99)];

/// Most journeys in the short table.
const MOST_JOURNEYS: usize = 100;

pub(super) fn section(dossier: &Dossier) -> Markup {
    html! {
        h2 { "Key figures" }
        dl.tiles {
            @for (term, figure, more) in tiles(&dossier.summary) {
                div { dt { (term) } dd { b { (figure) } span.muted { (more) } } }
            }
        }
        (response_times(dossier))
    }
}

fn tiles(summary: &Summary) -> [(&'static str, String, String); 6] {
    let sum = |of: fn(&JourneySummary) -> u64| summary.journeys.iter().map(of).sum::<u64>();
    let (due, completed) = (sum(|row| row.due), sum(|row| row.completed));
    let failed = sum(|row| row.failed);
    let calls: u64 = summary.capabilities.iter().map(|row| row.samples).sum();
    let faults: u64 = summary.capabilities.iter().map(|row| row.faults.total()).sum();
    let completed_per_s: f64 = summary.journeys.iter().map(|row| row.completed_per_s).sum();
    let of_due = |part| format!("{} of due", figures::share(share(part, due)));
    let ended = format!("in {} measured", figures::seconds(summary.measured_s));
    [
        ("iterations due", figures::count(due), ended),
        ("completed", figures::count(completed), of_due(completed)),
        ("failed", figures::count(failed), of_due(failed)),
        ("completed/s", figures::rate(completed_per_s), "iterations".to_owned()),
        ("calls/s", calls_per_s(summary, calls), format!("{} calls", figures::count(calls))),
        (
            "calls in error",
            figures::share(share(faults, calls)),
            format!("{} faults", figures::count(faults)),
        ),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "three figures are shown")]
fn calls_per_s(summary: &Summary, calls: u64) -> String {
    figures::rate(if summary.measured_s > 0.0 { calls as f64 / summary.measured_s } else { 0.0 })
}

/// Each journey in a row, its variants side by side.
fn response_times(dossier: &Dossier) -> Markup {
    let summary = &dossier.summary;
    let journeys: BTreeSet<_> = summary.journeys.iter().map(|row| &row.journey).collect();
    let variants = variants(dossier);
    let several = variants.len() > 1;
    let of = |journey: &Journey, variant: &str| {
        let is_it = |row: &&JourneySummary| {
            row.journey == *journey && name(row.variant.as_str()) == variant
        };
        summary.journeys.iter().find(is_it)
    };
    html! {
        @if !journeys.is_empty() {
            div.scroll #key-times-box tabindex="0" role="group" aria-labelledby="key-times-caption" {
                table #key-times {
                    caption #key-times-caption { "Response time of completed iterations" }
                    thead {
                        @if several { tr {
                            td {}
                            @for variant in &variants { th.n scope="colgroup" colspan=(FIRST.len()) { (variant) } }
                        } }
                        tr {
                            th scope="col" { "journey" }
                            @for _ in &variants { @for (title, _) in FIRST { th.n scope="col" { (title) } } }
                        }
                    }
                    tbody { @for journey in journeys.iter().take(MOST_JOURNEYS) { tr {
                        th scope="row" { (name(journey.as_str())) }
                        @for variant in &variants { @for (_, part) in FIRST {
                            td.n { (figures::time_or_none(of(journey, variant).and_then(|row| row.response_time_us.as_ref()).map(part))) }
                        } }
                    } } }
                }
            }
            @if summary.workload_model == WorkloadModel::Closed {
                (remark("In the closed model an iteration is due when its user is free: there is no lag, and response and service time are the same."))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;

    #[test]
    fn the_tiles_add_up_over_journeys_and_capabilities() {
        let told: Vec<_> = tiles(&specimen::failing())
            .into_iter()
            .map(|(term, figure, more)| format!("{term}: {figure} ({more})"))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        iterations due: 2125 (in 20.0 s measured)
        completed: 2020 (95.1% of due)
        failed: 91 (4.28% of due)
        completed/s: 101 (iterations)
        calls/s: 438 (8762 calls)
        calls in error: 0.96% (84 faults)
        ");
    }

    #[test]
    fn variants_stand_side_by_side() {
        let page = section(&specimen::dossier(specimen::two_variants())).into_string();
        assert_eq!(page.matches("scope=\"colgroup\"").count(), 2);
        assert_eq!(page.matches(">p95<").count(), 2);
        let page = section(&specimen::dossier(specimen::passing())).into_string();
        assert_eq!(page.matches("colgroup").count(), 0);
    }
}
