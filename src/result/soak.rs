//! What a soak shows, in `summary.json`: slow and sudden change, projections, and how gander itself changed.

use crate::base::names::Variant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a run changed from its beginning to its end. Absent from a summary where too little was measured.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DriftSummary {
    /// Length of the measured part, gaps left out.
    pub measured_s: f64,
    /// A change of less than this part of the level, over the measured part, is not called one.
    pub least_share: f64,
    /// How many series were looked at: `p` is corrected for so many.
    pub series: u64,
    /// Stretches without measured time between measured ones. They are in no slope.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// Every journey and every row of capabilities, figure by figure.
    pub rows: Vec<DriftRow>,
    /// Gander itself, and the load it put on, beside them.
    pub generator: Vec<OwnDrift>,
    /// When thresholds that hold will be broken, if it goes on like this.
    pub projections: Vec<Projection>,
}

/// A part of a run in which nothing was measured.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// Its start, from the start of the run.
    pub from_s: f64,
    /// Its end.
    pub to_s: f64,
}

/// One figure of one row.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DriftRow {
    /// What kind of row.
    pub of: RowKind,
    /// Which configuration was under test.
    #[schemars(with = "String")]
    pub variant: Variant,
    /// The journey or the capability.
    pub name: String,
    /// The event type of the answer; empty for journeys and for calls outside a flow.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub event: String,
    /// The key of the action taken; empty for journeys and for calls outside a flow.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// What is looked at.
    pub figure: Figure,
    /// What came out.
    pub finding: Finding,
    /// How it moved. Of a row that jumped without the jumps.
    pub slope: Slope,
    /// Jumps from one level to another, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jumps: Vec<JumpSummary>,
    /// What of gander itself, or of its load, changed together with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coincides_with: Vec<OwnFigure>,
    /// The stretches, where something was found: seconds from the start of the run, value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<(f64, f64)>,
}

/// What a row is of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowKind {
    /// Iterations: response times.
    Journey,
    /// Exchanges: service times.
    Capability,
}

/// A figure whose course is looked at.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// Median, in microseconds.
    P50,
    /// 95th percentile, in microseconds.
    P95,
    /// 99th percentile, in microseconds.
    P99,
    /// Faults ÷ samples.
    ErrorShare,
    /// Completed iterations, or good exchanges, per second.
    CompletedRate,
}

impl Figure {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::ErrorShare => "errors",
            Self::CompletedRate => "completed",
        }
    }
}

/// What is said of a row.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It changed, slowly or suddenly, and gander did not.
    Drifts,
    /// It changed together with gander itself, or with the load: not charged to the tenant.
    Coincides,
    /// The whole 95 % interval lies within what counts as no change.
    Steady,
    /// No change as great as counts could be told from chance, nor be ruled out.
    NotTold,
}

impl Finding {
    /// Whether something changed.
    pub const fn is_change(self) -> bool {
        matches!(self, Self::Drifts | Self::Coincides)
    }
}

/// A slope with its doubt, in the unit of the figure.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slope {
    /// The median of all stretches.
    pub level: f64,
    /// By how much it grew in an hour.
    pub per_h: f64,
    /// Lower end of its 95 % interval; none where neighbours share too much of their fate to say.
    pub low_per_h: Option<f64>,
    /// Upper end.
    pub high_per_h: Option<f64>,
    /// The same over the measured part, as a part of the level; none of a level of zero.
    pub grown_share: Option<f64>,
    /// How probable so steep a slope is by chance among all series that were looked at.
    pub p: f64,
    /// Mann and Kendall's test of this series alone, corrected for memory.
    pub mann_kendall_p: f64,
    /// Stretches that it rests on.
    pub stretches: u64,
    /// The last moment that was looked at, from the start of the run, and the line's value there.
    pub ends: (f64, f64),
}

/// A jump from one level to another.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct JumpSummary {
    /// When, UTC.
    pub at: String,
    /// The same from the start of the run.
    pub at_s: f64,
    /// How well that is known, to either side.
    pub within_s: f64,
    /// The level before.
    pub from: f64,
    /// The level after.
    pub to: f64,
    /// How probable one so great is by chance anywhere in any of the series.
    pub p: f64,
    /// What happened to the run at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
}

/// What is watched of gander itself.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum OwnFigure {
    /// Resident memory, in bytes.
    Memory,
    /// Share of the available cores.
    Cpu,
    /// Open sockets.
    OpenSockets,
    /// 99th percentile of the dispatcher's part of the lag, in microseconds.
    DispatchLag,
    /// 99th percentile of the lateness of gander's own timer, in microseconds.
    TimerLag,
    /// Users at work.
    Users,
    /// Iterations due per second.
    Load,
}

impl OwnFigure {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "CPU",
            Self::OpenSockets => "open sockets",
            Self::DispatchLag => "dispatcher lag p99",
            Self::TimerLag => "timer lag p99",
            Self::Users => "users at work",
            Self::Load => "load",
        }
    }
}

/// How gander itself changed.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OwnDrift {
    /// Of what.
    pub figure: OwnFigure,
    /// Whether it changed by as much as might matter.
    pub drifts: bool,
    /// How it moved; `p` is corrected for the figures of gander alone.
    pub slope: Slope,
}

/// When a threshold will be broken.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Projection {
    /// The rule.
    pub rule: String,
    /// In how long from the end of the run.
    pub in_s: f64,
    /// Lower end of its 95 % interval.
    pub low_s: f64,
    /// Upper end; none where it may never be.
    pub high_s: Option<f64>,
    /// When, UTC.
    pub at: String,
}
