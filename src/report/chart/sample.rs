//! Runs for the tests of charts: made up from a small generator of numbers.

use crate::measure::counts::FaultCounts;
use crate::measure::course::Course;
use crate::measure::fault::Fault;
use crate::measure::histogram::{Bounds, Times};
use crate::measure::series::{Kind, Phase, SeriesKey};
use crate::measure::tally::Tally;
use crate::measure::timeline::{Event, Interval, JourneyLine, Line, Readings};
use crate::measure::{Exemplar, ExemplarExchange};
use crate::report::specimen;
use crate::result::dossier::Dossier;
use crate::result::summary::TimeUs;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A name that has to be escaped wherever it is written.
pub(super) const ODD: &str = "<&\"' sign\non";

/// What a run of these tests is made of.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) journeys: Vec<String>,
    /// Length of an interval.
    pub(super) interval_ms: u64,
    pub(super) intervals: u64,
    /// Of ten iterations so many fail.
    pub(super) failing: u64,
    /// Intervals at the beginning that are not measured.
    pub(super) warm_up: u64,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            journeys: vec!["sign-on".to_owned(), ODD.to_owned()],
            interval_ms: 1000,
            intervals: 60,
            failing: 1,
            warm_up: 5,
        }
    }
}

/// The course of a run of so many seconds.
pub(super) fn course(seconds: u64) -> Course {
    Run { intervals: seconds, ..Run::default() }.dossier().course
}

impl Run {
    /// Everything that is known of it.
    pub(super) fn dossier(&self) -> Dossier {
        let mut dossier = specimen::dossier(specimen::failing());
        let (mut course, mut tally) = (Course::default(), Tally::default());
        for number in 0..self.intervals {
            let interval = self.interval(number);
            course.absorb(&interval);
            tally.absorb(&interval);
        }
        tally.settle();
        let row = dossier.summary.journeys[0].clone();
        let rows = tally.journeys.keys().map(|(variant, journey)| {
            let pool = tally.iterations(Kind::Response, |v, j| v == variant && j == journey);
            let mut row = row.clone();
            (row.variant, row.journey) = (variant.clone(), journey.clone());
            row.response_time_us = TimeUs::of(&pool.good);
            row
        });
        dossier.summary.journeys = rows.collect();
        dossier.record.plan = serde_json::json!({ "workload": {
            "model": "open", "rate": "40/s", "warm_up": "5s", "duration": "55s",
        } });
        dossier.exemplars = self.journeys.iter().flat_map(|name| exemplars(name)).collect();
        (dossier.course, dossier.tally) = (course, tally);
        dossier
    }

    fn interval(&self, number: u64) -> Interval {
        let phase = if number < self.warm_up { Phase::WarmUp } else { Phase::Measured };
        let mut series = BTreeMap::new();
        let mut lines = Vec::new();
        for (place, name) in (0u64..).zip(&self.journeys) {
            let due = 10 + (number * 7 + place * 3) % 13;
            let failed = due * self.failing / 10;
            let faults: FaultCounts =
                [(Fault::Http5xx, failed.div_ceil(2)), (Fault::ReadTimeout, failed / 2)]
                    .into_iter()
                    .collect();
            let mut times = Times::new(Bounds::Journey);
            (failed..due)
                .for_each(|n| times.record(20_000 * (place + 1) + (n * n * number) % 977 * 100));
            let key = |kind| {
                Arc::new(SeriesKey::of_journey(phase, &"v1".into(), &name.as_str().into(), kind))
            };
            if !times.is_empty() {
                for kind in [Kind::Response, Kind::Lag, Kind::DispatchLag] {
                    series.insert(key(kind), times.clone());
                }
            }
            lines.push(JourneyLine {
                phase,
                variant: "v1".into(),
                journey: name.as_str().into(),
                due,
                late: 0,
                completed: due - failed,
                dropped: 0,
                cut_off: 0,
                lost: 0,
                faults,
                exchanges: due,
                exchange_faults: FaultCounts::default(),
                response_us: None,
                funnel: Vec::new(),
            });
        }
        let start_ms = number * self.interval_ms;
        let text = format!("rate changed by hand to {number}/s, {ODD}");
        let event = Event { at_ms: start_ms, slug: "rate-change".to_owned(), text };
        let line = Line {
            interval: number,
            start_ms,
            end_ms: start_ms + self.interval_ms,
            measured_ms: if phase == Phase::Measured { self.interval_ms } else { 0 },
            journeys: lines,
            events: if number % 20 == 11 { vec![event] } else { Vec::new() },
            readings: Readings {
                users: 5 + number % 7,
                cpu_share: Some(0.3),
                ..Readings::default()
            },
            ..Line::default()
        };
        Interval { line, series, failing: Vec::new() }
    }
}

fn exemplars(journey: &str) -> Vec<Exemplar> {
    let exchange = |step: u64, length: u64| ExemplarExchange {
        step: format!("step {step} of {journey}").into(),
        capability: "customHTMLTemplate".into(),
        event: "submit".to_owned(),
        action: "SIGNON".to_owned(),
        sent_us: step * length * 2,
        service_us: length,
        outcome: ["advanced", "refused-as-expected", "http-5xx"]
            [usize::try_from(step).unwrap() % 3]
            .to_owned(),
    };
    let exemplar = |iteration: u64| Exemplar {
        variant: "v1".into(),
        journey: journey.into(),
        slowest: false,
        iteration,
        due_us: 0,
        response_us: iteration * 20_000,
        service_us: iteration * 20_000,
        elapsed_us: iteration * 30_000,
        ending: "completed".to_owned(),
        exchanges: (0..4).map(|step| exchange(step, iteration * 5000)).collect(),
    };
    (1..6).map(exemplar).collect()
}
