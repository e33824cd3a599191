//! The run second by second: one line of `timeline.jsonl` each, and the interval it belongs to.

use super::counts::{FaultCounts, StepCounts};
use super::failing::FaultSample;
use super::histogram::{Percentile, Times};
use super::series::{Phase, SeriesKey};
use crate::base::names::{Journey, Step, Variant};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The format of [`Line`].
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that happened in one interval: what a line says, and the histograms.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// The counters and readings.
    pub line: Line,
    /// The times of everything that ended in it. None is empty.
    pub series: BTreeMap<Arc<SeriesKey>, Times>,
    /// Samples of what failed in it.
    pub failing: Vec<FaultSample>,
}

/// One line of `timeline.jsonl`. Counts are of this interval alone; an end counts in the interval
/// it happens in, a due time in the one it is counted in. Absent members are zero or unknown.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Line {
    /// The format of the line.
    pub schema_version: u32,
    /// The number of the interval, from 0.
    pub interval: u64,
    /// Its start, from the start of the run.
    pub start_ms: u64,
    /// Its end. The real one: a late end makes a long interval, not a wrong rate.
    pub end_ms: u64,
    /// How much of it lies in the measured part of the run.
    pub measured_ms: u64,
    /// How much of it nothing new began in because the tenant asked for a pause; that is not measured.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub paused_ms: u64,
    /// By phase, variant and journey.
    pub journeys: Vec<JourneyLine>,
    /// Starts of each flow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<FlowLine>,
    /// Median service time of the exchanges of all phases that ended well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange_p50_us: Option<u64>,
    /// Due → first request sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_us: Option<Quick>,
    /// Due → taken up by the dispatcher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatch_lag_us: Option<Quick>,
    /// How late the generator's own timer was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler_lag_us: Option<Quick>,
    /// Iterations begun whose dispatcher's lag is known; none in the closed model.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dispatched: u64,
    /// Those of them with more of it than [`allowed_lag_us`] allows in this interval.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dispatched_late: u64,
    /// Times beyond the bounds of their histogram; they are in it at the bound.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clipped: u64,
    /// Samples that went to `other` because there are too many series.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other: u64,
    /// What was done to the run in this interval.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// What the rest of the program reads off at the end of the interval.
    pub readings: Readings,
}

/// The slug of an event that changed the rate of an open run.
pub const RATE_CHANGE: &str = "rate-change";

/// The slug of an event that changed the rate of a run that steers itself: a level of a search that rests before
/// its load comes. It is the run of its plan.
pub const STEERED: &str = "steered";

/// The slug of an event that tells of a pause that the tenant asked for, once it is over.
pub const PAUSED: &str = "paused";

/// The slug of an event that asked for the end of a run before its time.
pub const STOP: &str = "stop";

/// The slug of the event with which a run ended without a word, as was found when it was taken up again.
pub const KILLED: &str = "killed";

/// The slug of the event with which a run was taken up again.
pub const RESUMED: &str = "resumed";

/// Something that was done to a run, or happened to it as a whole: a change of the rate by hand, say.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Event {
    /// When, from the start of the run.
    pub at_ms: u64,
    /// What kind of event: [`RATE_CHANGE`], [`STEERED`], [`STOP`], [`KILLED`], [`RESUMED`], a stretch of 429, a new flow, a
    /// renewed token.
    pub slug: String,
    /// What happened, for people: one line.
    pub text: String,
}

/// What the recorder does not know itself, read at the end of an interval. What the system does not
/// tell is none, never zero.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Readings {
    /// Users performing an iteration.
    pub users: u64,
    /// The number of the next arrival, for resuming.
    pub next_arrival: u64,
    /// The number of the next persona, for resuming.
    pub next_persona: u64,
    /// Cores that the process may use: affinity and quota, fractions kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<f64>,
    /// CPU time of the process ÷ (time × available cores), in the interval; at least the part of it
    /// in which a quota was used up, by whomever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_share: Option<f64>,
    /// Resident memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_bytes: Option<u64>,
    /// Open sockets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_sockets: Option<u64>,
    /// Open file descriptors of all kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// How many may be open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_limit: Option<u64>,
    /// Ephemeral ports that the busiest pair of a local and a remote address holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports_in_use: Option<u64>,
    /// How many there are for each such pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<u64>,
}

/// One journey in one interval.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct JourneyLine {
    /// The phase of the due times.
    pub phase: Phase,
    /// Which configuration was under test.
    pub variant: Variant,
    /// What the users wanted to achieve.
    pub journey: Journey,
    /// Iterations planned to start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub due: u64,
    /// Iterations for which no user was free when they were due.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late: u64,
    /// Iterations that reached their goal.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub completed: u64,
    /// Iterations that found no free user in time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: u64,
    /// Iterations ended by the drain or an interrupt.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut_off: u64,
    /// Iterations of an agent that was lost.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u64,
    /// Failed iterations.
    #[serde(default, skip_serializing_if = "FaultCounts::is_empty")]
    pub faults: FaultCounts,
    /// Exchanges that ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub exchanges: u64,
    /// Those of them that ended in a fault.
    #[serde(default, skip_serializing_if = "FaultCounts::is_empty")]
    pub exchange_faults: FaultCounts,
    /// Response times of the completed iterations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_us: Option<Percentiles>,
    /// How far the iterations that ended came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub funnel: Vec<FunnelLine>,
}

/// One step of a funnel in one interval.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FunnelLine {
    /// The step.
    pub step: Step,
    /// Iterations that reached it.
    pub reached: u64,
    /// Sum of the positions at which they first did.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub position_sum: u64,
    /// With what those ended that ended there.
    #[serde(default, skip_serializing_if = "FaultCounts::is_empty")]
    pub left: FaultCounts,
}

impl JourneyLine {
    /// One of which nothing was counted yet.
    pub fn new(phase: Phase, variant: Variant, journey: Journey) -> Self {
        Self {
            phase,
            variant,
            journey,
            due: 0,
            late: 0,
            completed: 0,
            dropped: 0,
            cut_off: 0,
            lost: 0,
            faults: FaultCounts::default(),
            exchanges: 0,
            exchange_faults: FaultCounts::default(),
            response_us: None,
            funnel: Vec::new(),
        }
    }

    /// Adds what was counted elsewhere of the same journey. Percentiles cannot be added, and are left out. The funnel
    /// of one that was only added to is in the order of its steps' names.
    pub fn absorb(&mut self, other: Self) {
        self.due += other.due;
        self.late += other.late;
        self.completed += other.completed;
        self.dropped += other.dropped;
        self.cut_off += other.cut_off;
        self.lost += other.lost;
        self.faults.merge(&other.faults);
        self.exchanges += other.exchanges;
        self.exchange_faults.merge(&other.exchange_faults);
        self.response_us = None;
        for step in other.funnel {
            match self.funnel.binary_search_by(|known| known.step.cmp(&step.step)) {
                Ok(place) => self.funnel[place].absorb(&step),
                Err(place) => self.funnel.insert(place, step),
            }
        }
    }
}

impl FunnelLine {
    fn absorb(&mut self, other: &Self) {
        self.reached += other.reached;
        self.position_sum += other.position_sum;
        self.left.merge(&other.left);
    }

    /// The counters without the name.
    pub fn counts(&self) -> StepCounts {
        StepCounts {
            reached: self.reached,
            position_sum: self.position_sum,
            left: self.left.clone(),
        }
    }
}

/// Starts of one flow in one interval.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FlowLine {
    /// Which configuration was under test.
    pub variant: Variant,
    /// What the users wanted to achieve.
    pub journey: Journey,
    /// Flow id and first node.
    pub fingerprint: String,
    /// How many iterations met it.
    pub starts: u64,
}

/// Three percentiles of the good samples of an interval.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Percentiles {
    pub p50: u64,
    pub p95: u64,
    pub p99: u64,
}

impl Percentiles {
    /// None for an empty set.
    pub fn of(times: &Times) -> Option<Self> {
        let at = |percentile| times.at(percentile);
        Some(Self {
            p50: at(Percentile::P50)?,
            p95: at(Percentile::P95)?,
            p99: at(Percentile::P99)?,
        })
    }
}

/// What matters of a lag.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Quick {
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

impl Quick {
    /// None for an empty set.
    pub fn of(times: &Times) -> Option<Self> {
        let at = |percentile| times.at(percentile);
        Some(Self { p50: at(Percentile::P50)?, p99: at(Percentile::P99)?, max: times.max_us() })
    }
}

/// CPU share of the available cores above which the generator may have been the limit.
pub const CPU_LIMIT: f64 = 0.85;

/// Dispatcher lag (p99) that is always allowed.
pub const LAG_FLOOR_US: u64 = 10_000;

/// The part of the median service time that the dispatcher's lag (p99) may reach.
pub const LAG_PART_OF_SERVICE: u64 = 20;

/// The lag (p99) up to which a generator is fast enough for services of this median.
pub const fn allowed_lag_us(service_p50_us: u64) -> u64 {
    let part = service_p50_us / LAG_PART_OF_SERVICE;
    if part > LAG_FLOOR_US { part } else { LAG_FLOOR_US }
}

impl Line {
    /// How many iterations of a journey in this line completed in measured time, in thousandths. Of an interval that
    /// is measured in part that part; but what ends in a pause began before it, and what ends right after one is too
    /// little by as much, so that it counts although the pause's time does not.
    pub fn completed_in_time_m(&self, journey: &JourneyLine) -> u64 {
        let length_ms = self.end_ms.saturating_sub(self.start_ms);
        let unpaused_ms = length_ms.saturating_sub(self.paused_ms);
        let completed_m = journey.completed.saturating_mul(1000);
        match unpaused_ms {
            0 if self.paused_ms > 0 && journey.phase == Phase::Measured => completed_m,
            0 => completed_m.min(completed_m.saturating_mul(self.measured_ms)),
            _ => completed_m.saturating_mul(self.measured_ms) / unpaused_ms,
        }
    }

    /// Whether the generator may have been the limit in this interval by its CPU share: above 85 % of
    /// the cores. An unknown one says nothing.
    pub fn is_out_of_cpu(&self) -> bool {
        self.readings.cpu_share.is_some_and(|share| share > CPU_LIMIT)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_takes_nothing_off_what_completed() {
        let journey = |phase, completed| JourneyLine {
            completed,
            ..JourneyLine::new(phase, "v1".into(), "sign-on".into())
        };
        for (end_ms, measured_ms, paused_ms, completed_m) in [
            (1000, 1000, 0, 12_000),
            (1000, 0, 0, 0),
            // Half of it is the warm-up's.
            (1000, 500, 0, 6000),
            // A fifth of it was not paused, and all twelve ended in it or were under way before.
            (1000, 200, 800, 12_000),
            // Of the half that was not paused a half is the warm-up's.
            (1000, 250, 500, 6000),
            (1000, 0, 1000, 12_000),
        ] {
            let line = Line { end_ms, measured_ms, paused_ms, ..Line::default() };
            assert_eq!(
                line.completed_in_time_m(&journey(Phase::Measured, 12)),
                completed_m,
                "{line:?}"
            );
        }
        let paused = Line { end_ms: 1000, paused_ms: 1000, ..Line::default() };
        assert_eq!(paused.completed_in_time_m(&journey(Phase::WarmUp, 12)), 0);
        assert_eq!(Line::default().completed_in_time_m(&journey(Phase::Measured, 12)), 0);
    }

    #[test]
    fn the_generator_is_the_limit_beyond_the_numbers_of_the_contract() {
        let line = |cpu_share| Line {
            readings: Readings { cpu_share: Some(cpu_share), ..Readings::default() },
            ..Line::default()
        };
        assert!(!line(0.85).is_out_of_cpu() && line(0.86).is_out_of_cpu());
        assert!(!Line::default().is_out_of_cpu(), "what is not known proves nothing");
        for (service_p50_us, allowed) in [(0, 10_000), (200_000, 10_000), (1_000_000, 50_000)] {
            assert_eq!(allowed_lag_us(service_p50_us), allowed);
        }
    }
}
