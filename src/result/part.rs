//! The parts of a run that was merged of several: who ran what of it, and how that went.

use super::run_dir::HostRecord;
use super::summary::GeneratorSummary;
use crate::base::names::RunId;
use crate::base::share::Share;
use crate::measure::counts::FaultCounts;
use crate::measure::tally::ten_thousandths;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Which of so many shares of one plan. `2/4` is the second of four.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(deny_unknown_fields)]
pub struct ShareRecord {
    /// Its number, from 1.
    pub index: u64,
    /// How many there are.
    pub of: u64,
}

impl From<Share> for ShareRecord {
    fn from(share: Share) -> Self {
        Self { index: u64::from(share.index()) + 1, of: share.of().into() }
    }
}

impl fmt::Display for ShareRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// One part of a merged run. Iterations are those due in its measured part:
/// `due = completed + failed + dropped + cut_off + lost`, always. Moments count from the start of the whole.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it is called: its agent, or its directory.
    pub name: String,
    /// Its own id.
    #[schemars(with = "String")]
    pub run_id: RunId,
    /// Its share of the plan; none where each part ran the whole plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<ShareRecord>,
    /// The machine that ran it.
    pub host: HostRecord,
    /// The version of gander that ran it.
    pub gander_version: String,
    /// The number that all its randomness came from.
    pub seed: String,
    /// How much its clock was ahead of the whole's, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<i64>,
    /// When it started, UTC, by its own clock.
    pub started_at: String,
    /// How much later than the whole that was, clocks allowed for as far as they are known.
    pub offset_ms: u64,
    /// When it ended; none if it was killed or lost.
    pub ended_at: Option<String>,
    /// Length of its measured part.
    pub measured_ms: u64,
    /// When that began; none if it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_from_ms: Option<u64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_to_ms: Option<u64>,
    /// Iterations planned to start.
    pub due: u64,
    /// Iterations that reached their goal.
    pub completed: u64,
    /// Iterations that did not.
    pub failed: u64,
    /// Arrivals that found no free user in time.
    pub dropped: u64,
    /// Iterations that the end of the part ended.
    pub cut_off: u64,
    /// Iterations that nobody performed because the part was lost.
    pub lost: u64,
    /// From when on it was lost, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_from_ms: Option<u64>,
    /// From when on others had its load, where it was lost and they had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_over_from_ms: Option<u64>,
    /// How often it was taken up again after a kill.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resumed: u64,
    /// How long nothing new began in it because the tenant asked for a pause.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub paused_ms: u64,
    /// In how much of its measured part its generator may have been the limit.
    pub overloaded_ms: u64,
    /// In how much of that its CPU share says so.
    pub out_of_cpu_ms: u64,
    /// In how much of that the lag of its dispatcher says so.
    pub dispatched_late_ms: u64,
    /// Faults that are charged to its generator.
    #[serde(default, skip_serializing_if = "FaultCounts::is_empty")]
    #[schemars(with = "BTreeMap<String, u64>")]
    pub generator_faults: FaultCounts,
    /// Why its own result is invalid, where it was judged so when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid: Option<String>,
    /// How its generator fared.
    pub generator: GeneratorSummary,
}

impl Part {
    /// Whether it neither came to an end nor is known to have been lost: it was killed.
    pub const fn is_unfinished(&self) -> bool {
        self.ended_at.is_none() && self.lost_from_ms.is_none()
    }

    /// The lag that its generator made: of its dispatcher, in the closed model that of its timers.
    pub fn own_lag_p99_us(&self) -> Option<u64> {
        let lag = self.generator.lag_us.or(self.generator.scheduler_lag_us)?;
        Some(lag.p99)
    }

    /// How busy its generator was: in its worst second, then on average, in ten-thousandths of its cores. Wherever
    /// the busiest part is named, it is the one with the most.
    pub fn busyness(&self) -> (u64, u64) {
        let of = |share: Option<f64>| share.map_or(0, ten_thousandths);
        (of(self.generator.worst_cpu_share), of(self.generator.cpu_share))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
