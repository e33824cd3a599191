//! The pictures of the page: changes with their intervals, and both sides' times over one another.

use crate::analysis::compare::Arm;
use crate::analysis::compare::found::{Change, Row};
use crate::measure::histogram::{Bounds, Times};
use crate::measure::windows::Track;
use crate::report::chart::forest::{self, Branch, Title};
use crate::report::chart::{self, Figure};
use crate::report::comparison::{Compared, words};
use crate::report::page::charts::still;
use crate::report::page::prose::{name, remark};
use maud::{Markup, html};

/// Most journeys whose spectra are drawn.
const MOST_SPECTRA: usize = 8;

pub(super) fn forests(of: &Compared<'_>) -> Markup {
    let rows = &of.comparison.journeys;
    let times = Title {
        id: "forest-times",
        title: "Changes of response times",
        axis: "change of a time",
        unit: "%",
    };
    let errors = Title {
        id: "forest-errors",
        title: "Changes of error shares",
        axis: "change of an error share, in points",
        unit: " pt",
    };
    let drawn = [
        forest::figure(times, &branches(rows, true)),
        forest::figure(errors, &branches(rows, false)),
    ];
    let drawn: Vec<Figure> = drawn.into_iter().flatten().collect();
    html! { @if !drawn.is_empty() { h2 { "Changes" } @for drawn in &drawn { (still(drawn)) } } }
}

/// Those that have an interval.
fn branches(rows: &[Row], is_time: bool) -> Vec<Branch> {
    let of_row = |row: &Row| {
        let changes = row.changes.iter().filter(|of| of.metric.is_time() == is_time);
        let mut branches: Vec<_> = changes.filter_map(|of| branch(row, of)).collect();
        if let Some(first) = branches.first_mut() {
            first.is_first = true;
        }
        branches
    };
    rows.iter().flat_map(of_row).collect()
}

fn branch(row: &Row, of: &Change) -> Option<Branch> {
    let (change, low, high) = (of.change?, of.low?, of.high?);
    let is_drawn = [change, low, high].into_iter().all(f64::is_finite);
    is_drawn.then(|| Branch {
        name: format!("{} {}", name(row.name()), of.metric.name()),
        change,
        interval: (low, high),
        margin: of.margin,
        verdict: of.verdict,
        told: format!("{} ({})", words::change(of.metric, of.change), words::interval(of)),
        is_first: false,
    })
}

pub(super) fn spectra(of: &Compared<'_>) -> Markup {
    let found = of.comparison;
    let journeys: Vec<&str> =
        found.journeys.iter().filter_map(|row| row.journey.as_deref()).collect();
    let sides = [
        (format!("baseline {}", name(&found.baseline.label)), &of.sides.baseline),
        (format!("candidate {}", name(&found.candidate.label)), &of.sides.candidate),
    ];
    let drawn = journeys.iter().enumerate().filter_map(|(place, journey)| {
        let series = sides.iter().map(|(side, arms)| (side.clone(), times(arms, journey)));
        let series: Vec<_> = series.filter(|(_, times)| !times.is_empty()).collect();
        let title = format!("Response times of {}", name(journey));
        chart::spectra(&format!("spectrum-{}", place + 1), &title, series)
    });
    let drawn: Vec<Figure> = drawn.take(MOST_SPECTRA).collect();
    let left_out = journeys.len().saturating_sub(MOST_SPECTRA);
    html! {
        @if !drawn.is_empty() {
            h2 { "Spectra" }
            @for drawn in &drawn { (still(drawn)) }
            @if left_out > 0 { (remark(format!("{left_out} more journeys would have made this page too large."))) }
        }
    }
}

/// All good response times of a journey on one side.
fn times(arms: &[Arm], journey: &str) -> Times {
    let mut all = Times::new(Bounds::Journey);
    for arm in arms {
        let is_chosen = |track: &Track| {
            matches!(track, Track::Iterations { .. })
                && track.journey().as_str() == journey
                && arm.variant.as_ref().is_none_or(|variant| variant == track.variant())
        };
        arm.windows.cells(is_chosen).iter().for_each(|cell| all.add(&cell.pool.good));
    }
    all
}
