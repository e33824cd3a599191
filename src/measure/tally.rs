//! Everything a run knows when it is over: the measured part of all intervals, added up.

use super::counts::{FaultCounts, StepCounts};
use super::fault::Fault;
use super::histogram::{Bounds, Judged, Percentile, Times};
use super::limited::Limited;
use super::series::{Kind, Outcome, Phase, SeriesKey};
use super::timeline::{Interval, JourneyLine, Line, RATE_CHANGE, Readings};
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
    /// Completed in the measured time, whenever they were due, in thousandths: of an interval that
    /// is measured in part, that part.
    pub completed_in_time_m: u64,
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

    /// How many completed per second of a measured time: by when they ended, not by when they were
    /// due, because those that end in the drain say nothing about what was got through before.
    pub fn completed_per_s(&self, measured_ms: u64) -> f64 {
        // Thousandths over milliseconds are per second.
        share(self.completed_in_time_m, measured_ms)
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
    /// In how much of that the CPU share says so; the dispatcher's lag may say so besides.
    pub out_of_cpu_ms: u64,
    /// In how much of that the dispatcher's lag says so: the intervals with late arrivals, of those
    /// that were found late together.
    pub dispatched_late_ms: u64,
    /// Seconds that are too few yet to be judged by the dispatcher's lag.
    lag: LagWindow,
    /// CPU share in ten-thousandths × measured milliseconds.
    cpu: u128,
    /// The measured milliseconds of which the CPU share is known.
    cpu_known_ms: u64,
    /// The highest CPU share of a measured interval, in ten-thousandths.
    worst_cpu: Option<u64>,
    /// Cores that the process might use, in ten-thousandths; the fewest of any interval.
    cores: Option<u64>,
    /// Highest resident memory of any interval, as far as it is known.
    pub peak_rss_bytes: Option<u64>,
    /// Most open sockets at the end of any interval.
    pub max_open_sockets: Option<u64>,
    /// Most open files at the end of any interval.
    pub max_open_files: Option<u64>,
    /// How many might be open; the fewest of any interval.
    pub file_limit: Option<u64>,
    /// Most ephemeral ports in use between two addresses.
    pub max_ports_in_use: Option<u64>,
    /// How many there are.
    pub ports: Option<u64>,
    /// Most users at work at the end of any interval.
    pub max_users: u64,
    /// The next arrival, for resuming.
    pub next_arrival: u64,
    /// The next persona, for resuming.
    pub next_persona: u64,
    /// Times beyond the bounds of their histogram.
    pub clipped: u64,
    /// Samples in `other`.
    pub other: u64,
    /// How often the rate was changed while the run went on.
    pub rate_changes: u64,
    /// When the tenant turned calls down for their rate.
    pub limited: Limited,
    /// How long nothing new began because the tenant asked for that.
    pub paused_ms: u64,
}

/// Seconds taken together until they have enough arrivals for a 99th percentile. Whether it is too
/// high is said of all of them; when, only of those that had a late arrival.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct LagWindow {
    late_ms: u64,
    out_of_cpu_ms: u64,
    late_or_out_of_cpu_ms: u64,
    dispatched: u64,
    late: u64,
}

/// With fewer arrivals than this the 99th percentile is the latest of them, and one hiccup of the
/// machine would condemn a second.
const ARRIVALS_OF_A_WINDOW: u64 = 100;

impl LagWindow {
    /// Whether more than one in a hundred was late: the 99th percentile is above what is allowed.
    const fn is_late(self) -> bool {
        self.late * 100 > self.dispatched
    }
}

impl RunTally {
    /// Mean CPU share of the measured part, to four digits; none where it is not known.
    pub fn cpu_share(&self) -> Option<f64> {
        let mean = self.cpu.checked_div(u128::from(self.cpu_known_ms))?;
        u64::try_from(mean).ok().map(of_ten_thousandths)
    }

    /// The highest CPU share of a measured interval, to four digits.
    pub fn worst_cpu_share(&self) -> Option<f64> {
        self.worst_cpu.map(of_ten_thousandths)
    }

    /// Cores that the process might use, to four digits; the fewest of any interval.
    pub fn cores(&self) -> Option<f64> {
        self.cores.map(of_ten_thousandths)
    }

    fn absorb(&mut self, line: &Line) {
        let readings = &line.readings;
        self.intervals += 1;
        self.elapsed_ms = self.elapsed_ms.max(line.end_ms);
        self.measured_ms += line.measured_ms;
        let out_of_cpu_ms = if line.is_out_of_cpu() { line.measured_ms } else { 0 };
        self.out_of_cpu_ms += out_of_cpu_ms;
        if line.measured_ms > 0 {
            let has_late = line.dispatched_late > 0;
            self.lag.late_ms += if has_late { line.measured_ms } else { 0 };
            self.lag.late_or_out_of_cpu_ms +=
                if has_late { line.measured_ms } else { out_of_cpu_ms };
            self.lag.out_of_cpu_ms += out_of_cpu_ms;
            self.lag.dispatched += line.dispatched;
            self.lag.late += line.dispatched_late;
            if self.lag.dispatched == 0 || self.lag.dispatched >= ARRIVALS_OF_A_WINDOW {
                self.close_lag_window(self.lag.is_late());
            }
        }
        self.absorb_readings(readings, line.measured_ms);
        self.max_users = self.max_users.max(readings.users);
        self.next_arrival = readings.next_arrival;
        self.next_persona = readings.next_persona;
        self.clipped += line.clipped;
        self.other += line.other;
        let changes = line.events.iter().filter(|event| event.slug == RATE_CHANGE);
        self.rate_changes += changes.count() as u64;
        self.limited.absorb(line);
        self.paused_ms += line.paused_ms;
    }

    fn close_lag_window(&mut self, is_late: bool) {
        let window = std::mem::take(&mut self.lag);
        self.overloaded_ms +=
            if is_late { window.late_or_out_of_cpu_ms } else { window.out_of_cpu_ms };
        self.dispatched_late_ms += if is_late { window.late_ms } else { 0 };
    }

    fn absorb_readings(&mut self, readings: &Readings, measured_ms: u64) {
        if let Some(share) = readings.cpu_share.map(ten_thousandths).filter(|_| measured_ms > 0) {
            self.cpu += u128::from(measured_ms) * u128::from(share);
            self.cpu_known_ms += measured_ms;
            self.worst_cpu = self.worst_cpu.max(Some(share));
        }
        self.cores = fewest(self.cores, readings.cores.map(ten_thousandths));
        self.file_limit = fewest(self.file_limit, readings.file_limit);
        self.ports = fewest(self.ports, readings.ports);
        self.peak_rss_bytes = self.peak_rss_bytes.max(readings.rss_bytes);
        self.max_open_sockets = self.max_open_sockets.max(readings.open_sockets);
        self.max_open_files = self.max_open_files.max(readings.open_files);
        self.max_ports_in_use = self.max_ports_in_use.max(readings.ports_in_use);
    }
}

/// The lower of two numbers that may not be known.
fn fewest(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}

/// A share in whole ten-thousandths, which can be ordered and added up.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
pub(crate) fn ten_thousandths(share: f64) -> u64 {
    (share.clamp(0.0, 1e6) * 10_000.0).round() as u64
}

#[expect(clippy::cast_precision_loss, reason = "clamped before")]
fn of_ten_thousandths(share: u64) -> f64 {
    share as f64 / 10_000.0
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
        for journey in &line.journeys {
            let in_time_m = line.completed_in_time_m(journey);
            let name = (journey.variant.clone(), journey.journey.clone());
            // The exchanges of `other` belong to no journey.
            if name.1.as_str().is_empty() || (journey.phase != Phase::Measured && in_time_m == 0) {
                continue;
            }
            let tally = self.journeys.entry(name).or_default();
            tally.completed_in_time_m += in_time_m;
            if journey.phase == Phase::Measured {
                tally.absorb(journey);
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
        // Too few for a percentile: one alone proves nothing.
        let few = self.run.lag;
        self.run.close_lag_window(few.is_late() && few.late > 1);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: u64, dispatched: u64, dispatched_late: u64) -> Line {
        let (start_ms, end_ms) = (number * 1000, number * 1000 + 1000);
        Line { start_ms, end_ms, measured_ms: 1000, dispatched, dispatched_late, ..Line::default() }
    }

    fn late_ms(lines: &[(u64, u64)]) -> u64 {
        let mut tally = Tally::default();
        for (number, (dispatched, late)) in (0..).zip(lines) {
            tally.absorb_line(&second(number, *dispatched, *late));
        }
        tally.settle();
        assert_eq!(tally.run.overloaded_ms, tally.run.dispatched_late_ms);
        tally.run.dispatched_late_ms
    }

    #[test]
    fn a_percentile_of_the_lag_wants_a_hundred_arrivals() {
        // One in a hundred is the 99th percentile, two are above it.
        assert_eq!(late_ms(&[(100, 1), (100, 2), (1000, 11)]), 2000);
        // Ten seconds of ten arrivals are judged together.
        assert_eq!(late_ms(&[(10, 1); 10]), 10_000);
        assert_eq!(late_ms(&[&[(10, 1)][..], &[(10, 0); 9]].concat()), 0);
        // What is left over at the end: one hiccup proves nothing, two do.
        assert_eq!(late_ms(&[(16, 1)]), 0);
        assert_eq!(late_ms(&[(100, 0), (16, 2)]), 1000);
        assert_eq!(late_ms(&[(0, 0); 5]), 0);
    }

    #[test]
    fn a_hiccup_at_a_low_rate_is_that_of_its_seconds() {
        // 4 a second: 25 seconds are judged together, and two of them were late.
        let hiccup = [&[(4, 0); 20][..], &[(4, 1), (4, 2)], &[(4, 0); 98]].concat();
        assert_eq!(late_ms(&hiccup), 2000);
        // The same in what is left over at the end.
        assert_eq!(late_ms(&[&[(4, 0); 110][..], &[(4, 1), (4, 1), (4, 0)]].concat()), 2000);
        // Late all along is late all along.
        assert_eq!(late_ms(&[(4, 1); 60]), 60_000);
    }

    #[test]
    fn a_second_that_was_late_and_without_cpu_counts_once() {
        let out_of_cpu = Readings { cpu_share: Some(0.9), ..Readings::default() };
        let mut tally = Tally::default();
        for (number, dispatched_late) in (0..).zip([0, 2, 0, 0]) {
            let mut line = second(number, 25, dispatched_late);
            if number < 2 {
                line.readings = out_of_cpu;
            }
            tally.absorb_line(&line);
        }
        tally.settle();
        let run = &tally.run;
        let told = (run.overloaded_ms, run.out_of_cpu_ms, run.dispatched_late_ms);
        assert_eq!(told, (2000, 2000, 1000));
    }

    #[test]
    fn what_completes_in_the_drain_is_not_got_through_in_the_measured_time() {
        let journey = |phase, completed| JourneyLine {
            phase,
            variant: "v1".into(),
            journey: "sign-on".into(),
            due: 0,
            late: 0,
            completed,
            dropped: 0,
            cut_off: 0,
            lost: 0,
            faults: FaultCounts::default(),
            exchanges: 0,
            exchange_faults: FaultCounts::default(),
            response_us: None,
            funnel: Vec::new(),
        };
        let mut tally = Tally::default();
        for (number, measured_ms, phase, completed) in [
            (0, 0, Phase::WarmUp, 7),
            (1, 1000, Phase::WarmUp, 3),
            (1, 1000, Phase::Measured, 20),
            (2, 500, Phase::Measured, 20),
            (3, 0, Phase::Measured, 40),
        ] {
            let journeys = vec![journey(phase, completed)];
            tally.absorb_line(&Line { journeys, measured_ms, ..second(number, 0, 0) });
        }
        let counts = &tally.journeys[&("v1".into(), "sign-on".into())];
        assert_eq!(counts.completed, 80);
        // 3 + 20 in a whole second, half of 20 in half of one.
        assert!((counts.completed_per_s(1500) - 22.0).abs() < 1e-9);
    }
}
