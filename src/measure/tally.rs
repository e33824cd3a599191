//! Everything a run knows when it is over: the measured part of all intervals, added up.

use super::counts::{FaultCounts, StepCounts};
use super::fault::Fault;
use super::histogram::{Bounds, Judged, Percentile, Times};
use super::series::{Kind, Outcome, Phase, SeriesKey};
use super::timeline::{Interval, JourneyLine, Line};
use crate::base::names::{Journey, Step, Variant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The intervals of a run, added up. The same whether they are absorbed as the run goes or read
/// back from its files later: there is no other way to a total.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Iterations due in the measured part.
    pub journeys: BTreeMap<(Variant, Journey), JourneyTally>,
    /// Times of the iterations due in the measured part, and management calls of any time.
    pub series: BTreeMap<Arc<SeriesKey>, Times>,
    /// Starts of each flow, in all phases.
    pub flows: BTreeMap<(Variant, Journey, String), FlowTally>,
    /// What concerns the run as a whole.
    pub run: RunTally,
}

/// Starts of one flow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FlowTally {
    /// How many.
    pub starts: u64,
    /// Start of the first interval in which it was met, from the start of the run.
    pub first_ms: u64,
    /// End of the last.
    pub last_ms: u64,
}

impl FlowTally {
    fn absorb(&mut self, starts: u64, line: &Line) {
        if self.starts == 0 {
            self.first_ms = line.start_ms;
        }
        self.starts += starts;
        self.first_ms = self.first_ms.min(line.start_ms);
        self.last_ms = self.last_ms.max(line.end_ms);
    }
}

/// Iterations of one journey of one variant. Once settled,
/// `due = completed + failed + dropped + cut_off + lost`, `failed` being all faults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JourneyTally {
    /// Planned to start.
    pub due: u64,
    /// Found no free user when they were due, so that they waited or were dropped.
    pub late: u64,
    /// Reached the goal.
    pub completed: u64,
    /// Found no free user in time.
    pub dropped: u64,
    /// Ended by the drain or an interrupt, or never heard of again.
    pub cut_off: u64,
    /// Of an agent that was lost.
    pub lost: u64,
    /// Failed, by fault.
    pub faults: FaultCounts,
    /// How far the iterations came, by step.
    pub funnel: BTreeMap<Step, StepCounts>,
}

impl JourneyTally {
    /// Iterations that failed.
    pub fn failed(&self) -> u64 {
        self.faults.total()
    }

    /// Iterations of which the end is known.
    pub fn ended(&self) -> u64 {
        self.completed + self.failed() + self.dropped + self.cut_off + self.lost
    }

    /// The funnel in the order of the journey: by the mean position at which a step was reached.
    pub fn funnel_in_order(&self) -> Vec<(&Step, &StepCounts)> {
        let mut steps: Vec<_> = self.funnel.iter().collect();
        // a / b < c / d as a · d < c · b, so that equal means stay equal.
        let scaled = |sum: u64, by: u64| u128::from(sum) * u128::from(by);
        steps.sort_by(|(_, a), (_, b)| {
            scaled(a.position_sum, b.reached).cmp(&scaled(b.position_sum, a.reached))
        });
        steps
    }

    fn absorb(&mut self, line: &JourneyLine) {
        self.due += line.due;
        self.late += line.late;
        self.completed += line.completed;
        self.dropped += line.dropped;
        self.cut_off += line.cut_off;
        self.lost += line.lost;
        self.faults.merge(&line.faults);
        for step in &line.funnel {
            self.funnel.entry(step.step.clone()).or_default().merge(&step.counts());
        }
    }
}

/// What concerns the run as a whole.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RunTally {
    /// Intervals absorbed.
    pub intervals: u64,
    /// End of the last interval, from the start of the run.
    pub elapsed_ms: u64,
    /// Length of the measured part so far.
    pub measured_ms: u64,
    /// How much of it the generator may have been the limit.
    pub overloaded_ms: u64,
    /// CPU share in ten-thousandths × measured milliseconds.
    cpu: u128,
    /// Highest resident memory of any interval.
    pub peak_rss_bytes: u64,
    /// Most open sockets at the end of any interval.
    pub max_open_sockets: u64,
    /// Most users at work at the end of any interval.
    pub max_users: u64,
    /// Longest lateness of the runtime's timer.
    pub scheduler_lag_us: u64,
    /// The next arrival, for resuming.
    pub next_arrival: u64,
    /// The next persona, for resuming.
    pub next_persona: u64,
    /// Times beyond the bounds of their histogram.
    pub clipped: u64,
    /// Samples in `other`.
    pub other: u64,
}

impl RunTally {
    /// Mean CPU share of the measured part, to four digits; 0 before it.
    #[expect(clippy::cast_precision_loss, reason = "shown to four digits")]
    pub fn cpu_share(&self) -> f64 {
        match u128::from(self.measured_ms) {
            0 => 0.0,
            measured => (self.cpu / measured) as f64 / 10_000.0,
        }
    }

    fn absorb(&mut self, line: &Line) {
        let readings = &line.readings;
        self.intervals += 1;
        self.elapsed_ms = self.elapsed_ms.max(line.end_ms);
        self.measured_ms += line.measured_ms;
        if line.is_overloaded() {
            self.overloaded_ms += line.measured_ms;
        }
        self.cpu += u128::from(line.measured_ms) * ten_thousandths(readings.cpu_share);
        self.peak_rss_bytes = self.peak_rss_bytes.max(readings.rss_bytes);
        self.max_open_sockets = self.max_open_sockets.max(readings.open_sockets);
        self.max_users = self.max_users.max(readings.users);
        self.scheduler_lag_us = self.scheduler_lag_us.max(readings.scheduler_lag_us);
        self.next_arrival = readings.next_arrival;
        self.next_persona = readings.next_persona;
        self.clipped += line.clipped;
        self.other += line.other;
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
fn ten_thousandths(share: f64) -> u128 {
    (share.clamp(0.0, 1000.0) * 10_000.0).round() as u128
}

impl Tally {
    /// Adds one interval.
    pub fn absorb(&mut self, interval: &Interval) {
        self.absorb_line(&interval.line);
        interval.series.iter().for_each(|(key, times)| self.absorb_times(key, times));
    }

    /// Adds the counters of one interval; its times have to be added too.
    pub fn absorb_line(&mut self, line: &Line) {
        self.run.absorb(line);
        for journey in line.journeys.iter().filter(|line| line.phase == Phase::Measured) {
            let name = (journey.variant.clone(), journey.journey.clone());
            // The exchanges of `other` belong to no journey.
            if !name.1.as_str().is_empty() {
                self.journeys.entry(name).or_default().absorb(journey);
            }
        }
        for flow in &line.flows {
            let name = (flow.variant.clone(), flow.journey.clone(), flow.fingerprint.clone());
            self.flows.entry(name).or_default().absorb(flow.starts, line);
        }
    }

    /// Adds times of one series.
    pub fn absorb_times(&mut self, key: &Arc<SeriesKey>, times: &Times) {
        if key.phase == Phase::Measured || key.kind == Kind::Management {
            let total = self.series.entry(Arc::clone(key));
            total.or_insert_with(|| Times::new(key.bounds())).add(times);
        }
    }

    /// Settles the account at the end: an iteration that was due and of which nothing was heard
    /// since was cut off, by a kill of gander if by nothing else.
    pub fn settle(&mut self) {
        for journey in self.journeys.values_mut() {
            journey.cut_off += journey.due.saturating_sub(journey.ended());
        }
    }

    /// All measured exchanges with keys of one's choice.
    pub fn exchanges(&self, chosen: impl Fn(&SeriesKey) -> bool) -> Pool {
        let mut pool = Pool::new(Bounds::Exchange);
        for (key, times) in &self.series {
            let Some(outcome) = key.outcome.filter(|_| key.kind == Kind::Exchange) else {
                continue;
            };
            if chosen(key) {
                match outcome {
                    Outcome::Fault(fault) => pool.faults.add(fault, times.count()),
                    Outcome::Advanced | Outcome::Refused => pool.good.add(times),
                }
            }
        }
        pool.beyond = pool.faults.beyond_any_limit();
        pool
    }

    /// All measured iterations of journeys of one's choice, with one of their three times.
    pub fn iterations(&self, kind: Kind, chosen: impl Fn(&Variant, &Journey) -> bool) -> Pool {
        let mut pool = Pool::new(Bounds::Journey);
        for ((variant, journey), tally) in &self.journeys {
            if chosen(variant, journey) {
                pool.faults.merge(&tally.faults);
                pool.beyond += tally.cut_off;
                let key = SeriesKey::of_journey(Phase::Measured, variant, journey, kind);
                if let Some(times) = self.series.get(&key) {
                    pool.good.add(times);
                }
            }
        }
        pool.beyond += pool.faults.beyond_any_limit();
        pool
    }

    /// All times of one kind, whatever they belong to.
    pub fn of_kind(&self, kind: Kind) -> Times {
        let mut all = Times::new(Bounds::Journey);
        let times = self.series.iter().filter(|(key, _)| key.kind == kind);
        times.for_each(|(_, times)| all.add(times));
        all
    }
}

/// Samples taken together: the times of the good ones, and the faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Times of the samples that advanced, completed or were refused as expected.
    pub good: Times,
    /// The others.
    pub faults: FaultCounts,
    /// Samples that percentiles that judge count as slower than any limit: time-outs, resets and
    /// what was cut off. Cut-off iterations are here and not among the faults.
    pub beyond: u64,
}

impl Pool {
    fn new(bounds: Bounds) -> Self {
        Self { good: Times::new(bounds), faults: FaultCounts::default(), beyond: 0 }
    }

    /// Good samples and faults.
    pub fn samples(&self) -> u64 {
        self.good.count() + self.faults.total()
    }

    /// Faults ÷ samples; 0 without samples.
    pub fn error_share(&self) -> f64 {
        share(self.faults.total(), self.samples())
    }

    /// One fault ÷ samples; 0 without samples.
    pub fn fault_share(&self, fault: Fault) -> f64 {
        share(self.faults.of(fault), self.samples())
    }

    /// The percentile that judges; none without anything to judge by.
    pub fn judged(&self, percentile: Percentile) -> Option<Judged> {
        self.good.judged(percentile, self.beyond)
    }
}

/// A part of a whole; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 samples")]
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
