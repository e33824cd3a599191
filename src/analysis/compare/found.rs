//! What a comparison found: the document that every rendering of it is made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The format of [`Comparison`].
pub const SCHEMA_VERSION: u32 = 1;

/// A comparison, versioned, with its unit in every name.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The format of this document.
    pub schema_version: u32,
    /// What it comes to.
    pub verdict: Verdict,
    /// Why: the journeys and metrics that changed, or what keeps one from telling.
    pub reasons: Vec<String>,
    /// What it was before.
    pub baseline: Side,
    /// What it may become.
    pub candidate: Side,
    /// How it was judged.
    pub method: MethodFound,
    /// What makes the two sides hard to compare.
    pub mismatches: Vec<Mismatch>,
    /// Whole iterations: the tested family.
    pub journeys: Vec<Row>,
    /// Exchanges by journey and step, judged under a journey that changed.
    pub steps: Vec<Row>,
    /// Exchanges by capability, event and action over all journeys, judged when a journey changed.
    pub capabilities: Vec<Row>,
}

impl Comparison {
    /// The JSON Schema of the format.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }
}

/// What can be said of a change.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is shown to be worse by more than the margin.
    Worse,
    /// It is shown to be better by more than the margin.
    Better,
    /// It is shown to differ by less than the margin.
    Same,
    /// None of these is shown.
    CannotTell,
}

impl Verdict {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Same => "same",
            Self::CannotTell => "cannot-tell",
        }
    }
}

/// One side.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// What it is called: the variant, or the run if there is one only.
    pub label: String,
    /// The runs it is made of.
    pub runs: Vec<RunFacts>,
}

/// One run of a side.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    /// The run's id.
    pub run_id: String,
    /// When it started, UTC.
    pub started_at: String,
    /// The variant that was looked at; none for all of them together.
    pub variant: Option<String>,
    /// Length of its measured part.
    pub measured_s: f64,
    /// The flows that it met. Other ones on the other side are what is compared, and no mismatch.
    pub flows: Vec<FlowFacts>,
}

/// A flow that a run met.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FlowFacts {
    /// The journey that met it.
    pub journey: String,
    /// Flow id and first node.
    pub fingerprint: String,
}

/// What is estimated from what.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// Variants of the same run, window by window.
    Paired,
    /// Several runs of at least one side, or a known spread: whole runs.
    Runs,
    /// One run of each side, and nothing known of how much runs differ: no verdict.
    OneRunEach,
}

/// How a comparison was judged.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MethodFound {
    /// What the intervals are made of.
    pub design: Design,
    /// Relative change of a time that does not matter.
    pub margin: f64,
    /// Change of a time that does not matter, whatever part it is.
    pub floor_us: f64,
    /// Change of an error share that does not matter.
    pub fault_margin: f64,
    /// The confidence of intervals: 0.95.
    pub confidence: f64,
    /// Resamples of each bootstrap.
    pub resamples: u32,
    /// Where the randomness of the bootstrap comes from.
    pub seed: u64,
    /// Runs from which the spread between runs is known, those of the sides included.
    pub spread_runs: u32,
    /// The metrics that were tested.
    pub metrics: Vec<Metric>,
}

/// Something in which the two sides differ besides what is compared.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mismatch {
    /// What differs: `offered load`, `mix`, `think time`.
    pub what: String,
    /// How it is in the baseline.
    pub baseline: String,
    /// How it is in the candidate.
    pub candidate: String,
}

/// What is compared of a row.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Metric {
    P50,
    P90,
    P95,
    P99,
    Mean,
    /// Faults ÷ samples: its change is a difference, not a part.
    ErrorShare,
}

/// Every metric with its name, in the order of reports.
pub const METRICS: &[(Metric, &str)] = &[
    (Metric::P50, "p50"),
    (Metric::P90, "p90"),
    (Metric::P95, "p95"),
    (Metric::P99, "p99"),
    (Metric::Mean, "mean"),
    (Metric::ErrorShare, "error-share"),
];

impl Metric {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        METRICS.iter().find(|(metric, _)| *metric == self).map_or("", |(_, name)| name)
    }

    /// Whether it is a time.
    pub const fn is_time(self) -> bool {
        !matches!(self, Self::ErrorShare)
    }
}

/// A journey, a step or a row of capability, event and action, on both sides.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The journey; none in rows of capabilities.
    pub journey: Option<String>,
    /// The step; none in rows of journeys and capabilities.
    pub step: Option<String>,
    /// The capability; none in rows of journeys and steps.
    pub capability: Option<String>,
    /// The event type of the answer; none in rows of journeys and steps.
    pub event: Option<String>,
    /// The key of the action taken; none in rows of journeys and steps.
    pub action: Option<String>,
    /// What it comes to; none for a row that only describes.
    pub verdict: Option<Verdict>,
    /// Samples of the baseline, faults included; none where only the candidate has it.
    pub baseline_samples: Option<u64>,
    /// Samples of the candidate, faults included; none where only the baseline has it.
    pub candidate_samples: Option<u64>,
    /// One for each metric that both sides have, in the order of [`METRICS`].
    pub changes: Vec<Change>,
}

impl Row {
    /// What it is called: `sign-on`, `sign-on/credentials`, `customHTMLTemplate submit VERIFY`.
    pub fn name(&self) -> String {
        let part = |part: &Option<String>, before: &str| {
            part.as_deref().filter(|part| !part.is_empty()).map(|part| format!("{before}{part}"))
        };
        let parts = [
            part(&self.journey, ""),
            part(&self.step, "/"),
            part(&self.capability, ""),
            part(&self.event, " "),
            part(&self.action, " "),
        ];
        parts.into_iter().flatten().collect()
    }
}

/// The change of one metric of one row.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Of what.
    pub metric: Metric,
    /// The baseline's value: microseconds, or a part of the samples. None for a percentile that falls on
    /// a time-out: slower than any limit.
    pub baseline: Option<f64>,
    /// The candidate's.
    pub candidate: Option<f64>,
    /// Candidate ÷ baseline − 1 of a time; candidate − baseline of an error share.
    pub change: Option<f64>,
    /// Lower end of its 95 % interval, not corrected for the number of rows.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// The change that does not matter here, in the same unit: the margin, or what the floor makes of it.
    pub margin: f64,
    /// How probable so much of a change, or more, is where there is none beyond the margin; none where it
    /// is not tested.
    pub p: Option<f64>,
    /// The same, corrected by Holm's method for everything that is tested with it.
    pub p_corrected: Option<f64>,
    /// What it comes to; none where it is not tested.
    pub verdict: Option<Verdict>,
    /// With so many more minutes of measured time (of each run, or of the one with both variants) the
    /// answer would be known, if it stays as it is; none where it is known, or where minutes do not help.
    pub minutes_needed: Option<f64>,
    /// With so many more runs of each side it would be known; none where it is known.
    pub runs_needed: Option<f64>,
}
