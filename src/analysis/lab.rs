//! Runs made up for tests: seconds with so many sign-ons of one time each.

use crate::measure::fault::Fault;
use crate::measure::histogram::Times;
use crate::measure::series::{Kind, Outcome, Phase, SeriesKey};
use crate::measure::tally::Tally;
use crate::measure::timeline::{Interval, JourneyLine, Line};
use crate::measure::windows::Windows;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What happened in a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Second {
    /// How much of it is measured, at its end if it is the first.
    pub(super) measured_ms: u64,
    /// Sign-ons that completed, and were due.
    pub(super) completed: u64,
    /// How long each took, and its one exchange.
    pub(super) time_us: u64,
    /// Sign-ons that timed out, and were due.
    pub(super) timed_out: u64,
    /// Sign-ons that were refused, and were due.
    pub(super) refused: u64,
    /// Sign-ons that were dropped, and were due.
    pub(super) dropped: u64,
}

/// So many sign-ons a second, each as long.
pub(super) const fn fine(completed: u64, time_us: u64) -> Second {
    Second { measured_ms: 1000, completed, time_us, timed_out: 0, refused: 0, dropped: 0 }
}

/// A second as the collector ends it, in a run that it is the `number`-th second of.
pub(super) fn interval(number: u64, second: Second) -> Interval {
    let Second { measured_ms, completed, time_us, timed_out, refused, dropped } = second;
    let faults = [(Fault::ReadTimeout, timed_out), (Fault::Refused, refused)];
    let row: JourneyLine = serde_json::from_value(serde_json::json!({
        "phase": "measured", "variant": "v1", "journey": "sign-on",
        "due": completed + timed_out + refused + dropped,
        "completed": completed, "dropped": dropped,
    }))
    .unwrap();
    let row = JourneyLine { faults: faults.into_iter().collect(), ..row };
    let line = Line {
        interval: number,
        start_ms: number * 1000,
        end_ms: number * 1000 + 1000,
        measured_ms,
        journeys: vec![row],
        ..Line::default()
    };
    let response =
        SeriesKey::of_journey(Phase::Measured, &"v1".into(), &"sign-on".into(), Kind::Response);
    let exchange = |outcome| SeriesKey {
        step: "credentials".into(),
        capability: "customHTMLTemplate".into(),
        event: "submit".into(),
        action: "SIGNON".into(),
        outcome: Some(outcome),
        kind: Kind::Exchange,
        ..response.clone()
    };
    let series = [
        (response.clone(), completed, time_us),
        (exchange(Outcome::Advanced), completed, time_us),
        (exchange(Outcome::Fault(Fault::ReadTimeout)), timed_out, 30_000_000),
        (exchange(Outcome::Fault(Fault::Refused)), refused, time_us),
    ];
    let series =
        series.into_iter().filter(|(_, count, _)| *count > 0).map(|(key, count, time_us)| {
            let mut times = Times::new(key.bounds());
            (0..count).for_each(|_| times.record(time_us));
            (Arc::new(key), times)
        });
    Interval { line, series: series.collect::<BTreeMap<_, _>>(), failing: Vec::new() }
}

/// A run of these seconds, with windows of a width.
pub(super) fn run(seconds: &[Second], width_ms: u64) -> (Tally, Windows) {
    let (mut tally, mut windows) = (Tally::default(), Windows::new(width_ms, 10_000));
    for (number, second) in (0..).zip(seconds) {
        let interval = interval(number, *second);
        tally.absorb(&interval);
        windows.absorb(&interval);
    }
    tally.settle();
    (tally, windows)
}
