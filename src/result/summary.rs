//! The result of a run: `summary.json`, versioned, with its unit in every name.

use super::part::Part;
use super::soak::DriftSummary;
use crate::base::names::{Capability, Journey, RunId, Step, Variant};
use crate::base::units::Span;
use crate::measure::counts::FaultCounts;
use crate::measure::histogram::{Percentile, Times};
use crate::measure::series::{Kind, SeriesKey};
use crate::measure::tally::{JourneyTally, Pool, Tally, share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The format of [`Summary`].
pub const SCHEMA_VERSION: u32 = 1;

/// What a run found. Only iterations due in the measured part count, with all their samples.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The format of this document.
    pub schema_version: u32,
    /// The run's id, also the name of its directory.
    #[schemars(with = "String")]
    pub run_id: RunId,
    /// Whether the run shows what was asked of it.
    pub verdict: Verdict,
    /// Why the verdict is not `pass`.
    pub reasons: Vec<String>,
    /// When the run started, UTC.
    pub started_at: String,
    /// Length of the measured part.
    pub measured_s: f64,
    /// Whether arrivals kept to a schedule of their own. Without one, response times hold no lag.
    pub workload_model: WorkloadModel,
    /// By variant and journey.
    pub journeys: Vec<JourneySummary>,
    /// By variant, journey, step, capability, event and action.
    pub steps: Vec<StepSummary>,
    /// By variant and capability, over all journeys.
    pub capabilities: Vec<CapabilitySummary>,
    /// Everything else that was timed.
    pub series: Vec<SeriesSummary>,
    /// The rules, and whether they hold.
    pub thresholds: Vec<ThresholdSummary>,
    /// How it changed from beginning to end; none of a short run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftSummary>,
    /// How gander itself fared; of a merged run the worst of its parts.
    pub generator: GeneratorSummary,
    /// The parts of a run that was merged of several, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Reasons to distrust a number.
    pub cautions: Vec<Caution>,
}

/// Whether a run shows what was asked of it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every threshold holds.
    Pass,
    /// One does not.
    Fail,
    /// The generator, not the tenant, was the limit: the numbers say nothing about the tenant.
    Invalid,
}

/// How load is made.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkloadModel {
    /// Arrivals on their own schedule.
    Open,
    /// A fixed number of users in turn: a slow tenant gets less load.
    Closed,
}

/// Iterations of one journey of one variant.
/// `due = completed + failed + dropped + cut_off + lost`, always.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct JourneySummary {
    /// Which configuration was under test.
    #[schemars(with = "String")]
    pub variant: Variant,
    /// What the users wanted to achieve.
    #[schemars(with = "String")]
    pub journey: Journey,
    /// Iterations planned to start.
    pub due: u64,
    /// Iterations for which no user was free when they were due; they waited or were dropped.
    pub late: u64,
    /// Iterations that reached their goal.
    pub completed: u64,
    /// Iterations that did not; the sum of `faults`.
    pub failed: u64,
    /// Arrivals that found no free user in time.
    pub dropped: u64,
    /// Iterations that the end of the run ended.
    pub cut_off: u64,
    /// Iterations of an agent that was lost.
    pub lost: u64,
    /// Iterations that completed in the measured time, whenever they were due, ÷ that time.
    pub completed_per_s: f64,
    /// Failed iterations by fault.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub faults: FaultCounts,
    /// How far iterations came, in the order of the journey.
    pub funnel: Vec<FunnelStep>,
    /// Completed iterations, lag included.
    pub response_time_us: Option<TimeUs>,
    /// Completed iterations without lag.
    pub service_time_us: Option<TimeUs>,
    /// Completed iterations, wall time: think time and waits included.
    pub elapsed_us: Option<TimeUs>,
}

/// One step of a funnel.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FunnelStep {
    /// The name of the rule.
    #[schemars(with = "String")]
    pub step: Step,
    /// Iterations that came to it.
    pub reached: u64,
    /// Iterations that ended there short of the goal, by fault.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub left: FaultCounts,
}

/// Exchanges of one step, capability, event and action.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StepSummary {
    /// Which configuration was under test.
    #[schemars(with = "String")]
    pub variant: Variant,
    /// What the users wanted to achieve.
    #[schemars(with = "String")]
    pub journey: Journey,
    /// The name of the rule.
    #[schemars(with = "String")]
    pub step: Step,
    /// What the tenant was doing.
    #[schemars(with = "String")]
    pub capability: Capability,
    /// The event type of the answer; empty for calls outside a flow.
    pub event: String,
    /// The key of the action taken; empty for calls outside a flow.
    pub action: String,
    /// Exchanges that advanced, were refused as expected, or were faults.
    pub samples: u64,
    /// The faults among them.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub faults: FaultCounts,
    /// Faults ÷ samples.
    pub error_share: f64,
    /// The good ones' service time.
    pub service_time_us: Option<TimeUs>,
}

/// Exchanges of one capability, over all journeys.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CapabilitySummary {
    /// Which configuration was under test.
    #[schemars(with = "String")]
    pub variant: Variant,
    /// What the tenant was doing.
    #[schemars(with = "String")]
    pub capability: Capability,
    /// All samples of its actions.
    pub samples: u64,
    /// The faults among them.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub faults: FaultCounts,
    /// Faults ÷ samples.
    pub error_share: f64,
    /// The good ones' service time.
    pub service_time_us: Option<TimeUs>,
    /// The same by event and action.
    pub actions: Vec<ActionSummary>,
}

/// Exchanges of one event and action of a capability.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ActionSummary {
    /// The event type of the answer; empty for calls outside a flow.
    pub event: String,
    /// The key of the action taken; empty for calls outside a flow.
    pub action: String,
    /// Exchanges that advanced, were refused as expected, or were faults.
    pub samples: u64,
    /// The faults among them.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub faults: FaultCounts,
    /// Faults ÷ samples.
    pub error_share: f64,
    /// The good ones' service time.
    pub service_time_us: Option<TimeUs>,
}

/// Times that are neither a journey's nor a step's.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesSummary {
    /// What was timed.
    #[schemars(with = "SeriesKind")]
    pub kind: String,
    /// How often.
    pub samples: u64,
    /// The times.
    pub time_us: Option<TimeUs>,
}

/// The kinds of [`SeriesSummary`], for the schema.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "only its schema is used")]
enum SeriesKind {
    Connect,
    ConnectName,
    ConnectTcp,
    ConnectTls,
    FirstByte,
    CodeWait,
    PollWait,
    Think,
    Lag,
    Preflight,
    Management,
}

/// The kinds of [`SeriesSummary`], in order.
pub const SERIES_KINDS: &[Kind] = &[
    Kind::Connect,
    Kind::ConnectName,
    Kind::ConnectTcp,
    Kind::ConnectTls,
    Kind::FirstByte,
    Kind::CodeWait,
    Kind::PollWait,
    Kind::Think,
    Kind::Lag,
    Kind::Preflight,
    Kind::Management,
];

/// Times in whole microseconds. Percentiles are of good samples alone, for display: those that
/// judge count time-outs too and stand with the thresholds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TimeUs {
    pub min: u64,
    pub mean: u64,
    pub p50: u64,
    pub p75: u64,
    pub p90: u64,
    pub p95: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub max: u64,
}

impl TimeUs {
    /// None for an empty set.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of u64s")]
    pub fn of(times: &Times) -> Option<Self> {
        Some(Self {
            min: times.min_us(),
            mean: times.mean_us().round() as u64,
            p50: times.at(Percentile::P50)?,
            p75: times.at(Percentile::P75)?,
            p90: times.at(Percentile::P90)?,
            p95: times.at(Percentile::P95)?,
            p99: times.at(Percentile::P99)?,
            p99_9: times.at(Percentile::P99_9)?,
            max: times.max_us(),
        })
    }
}

/// A rule and what was observed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdSummary {
    /// The rule, in its canonical spelling.
    pub rule: String,
    /// What was observed, with its unit; of a rule with `over` in the worst stretch of that length.
    pub observed: String,
    /// Lower end of the 95 % interval of what was observed. None where too little was measured to say one,
    /// and of a longest time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<String>,
    /// Its upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<String>,
    /// Start of the worst stretch of a rule with `over`, from the start of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_from_s: Option<f64>,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_to_s: Option<f64>,
    /// What has to be known to read it: that the run was shorter than `over`, say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// Whether the rule holds.
    pub holds: bool,
}

impl ThresholdSummary {
    /// The 95 % interval for people, `171ms … 190ms`.
    pub fn interval(&self) -> Option<String> {
        Some(format!("{} … {}", self.low.as_ref()?, self.high.as_ref()?))
    }

    /// When the worst stretch was, for people: `2m10s … 3m10s`, from the start of the run.
    pub fn worst(&self) -> Option<String> {
        let span = |seconds: f64| Duration::try_from_secs_f64(seconds).ok().map(Span);
        Some(format!("{} … {}", span(self.worst_from_s?)?, span(self.worst_to_s?)?))
    }

    /// That it does not hold, and what was observed instead, in one line.
    pub fn broken(&self) -> String {
        let worst = self.worst().map(|worst| format!(" from {}", worst.replace('…', "to")));
        let worst = worst.unwrap_or_default();
        format!("`{}` does not hold: {}{worst}", self.rule, self.observed)
    }
}

/// How gander itself fared. What the system does not tell is absent, never zero.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorSummary {
    /// Of a merged run the part that used most of its cores: whose shares these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Cores that the process might use: affinity and quota, fractions kept.
    pub cores: Option<f64>,
    /// Mean share of the available cores in the measured part.
    pub cpu_share: Option<f64>,
    /// The highest share of a measured interval.
    pub worst_cpu_share: Option<f64>,
    /// Highest resident memory.
    pub peak_rss_bytes: Option<u64>,
    /// The generator's own part of the lag, in the measured part; none in the closed model.
    pub lag_us: Option<TimeUs>,
    /// How late the generator's own timer was, asked every 10 ms of the measured part.
    pub scheduler_lag_us: Option<TimeUs>,
    /// Most open sockets.
    pub max_open_sockets: Option<u64>,
    /// Most open files, sockets among them.
    pub max_open_files: Option<u64>,
    /// How many might be open.
    pub file_limit: Option<u64>,
    /// Most ephemeral ports in use between two addresses.
    pub max_ports_in_use: Option<u64>,
    /// How many there are between two addresses.
    pub ports: Option<u64>,
}

/// A reason to distrust a number, and what to do about it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Caution {
    /// Its name.
    pub slug: String,
    /// What is the matter, with the numbers.
    pub text: String,
    /// What to do.
    pub advice: String,
}

/// What the tally of a run does not know.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The run's id.
    pub run_id: RunId,
    /// When it started, UTC.
    pub started_at: String,
    /// How load was made.
    pub workload_model: WorkloadModel,
    /// The parts of a run that was merged of several.
    pub parts: Vec<Part>,
}

/// What was made of the numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Whether the run shows what was asked of it.
    pub verdict: Verdict,
    /// Why it is not `pass`.
    pub reasons: Vec<String>,
    /// The rules, and whether they hold.
    pub thresholds: Vec<ThresholdSummary>,
    /// Reasons to distrust a number.
    pub cautions: Vec<Caution>,
}

impl Summary {
    /// Puts a settled tally and what was made of it together. How it drifted is told from windows, by whoever
    /// has them.
    pub fn new(facts: Facts, tally: &Tally, judgement: Judgement) -> Self {
        let measured_s = seconds(tally.run.measured_ms);
        let journeys = tally.journeys.iter();
        Self {
            schema_version: SCHEMA_VERSION,
            run_id: facts.run_id,
            verdict: judgement.verdict,
            reasons: judgement.reasons,
            started_at: facts.started_at,
            measured_s,
            workload_model: facts.workload_model,
            journeys: journeys.map(|(name, counts)| journey_row(tally, name, counts)).collect(),
            steps: step_rows(tally),
            capabilities: capability_rows(tally),
            series: SERIES_KINDS.iter().filter_map(|kind| series_row(tally, *kind)).collect(),
            thresholds: judgement.thresholds,
            drift: None,
            generator: GeneratorSummary::of(tally).worst_of(&facts.parts),
            parts: facts.parts,
            cautions: judgement.cautions,
        }
    }

    /// The JSON Schema of the format.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }
}

impl GeneratorSummary {
    /// That of a run.
    pub(super) fn of(tally: &Tally) -> Self {
        let run = &tally.run;
        Self {
            part: None,
            cores: run.cores(),
            cpu_share: run.cpu_share(),
            worst_cpu_share: run.worst_cpu_share(),
            peak_rss_bytes: run.peak_rss_bytes,
            lag_us: TimeUs::of(&tally.of_kind(Kind::DispatchLag)),
            scheduler_lag_us: TimeUs::of(&tally.of_kind(Kind::SchedulerLag)),
            max_open_sockets: run.max_open_sockets,
            max_open_files: run.max_open_files,
            file_limit: run.file_limit,
            max_ports_in_use: run.max_ports_in_use,
            ports: run.ports,
        }
    }

    /// The same of a merged run: cores and their shares are those of the busiest part, which a mean of all would
    /// hide.
    fn worst_of(self, parts: &[Part]) -> Self {
        // The first of equals.
        let worst = parts.iter().rev().max_by_key(|part| part.busyness());
        match worst {
            None => self,
            Some(worst) => Self {
                part: Some(worst.name.clone()),
                cores: worst.generator.cores,
                cpu_share: worst.generator.cpu_share,
                worst_cpu_share: worst.generator.worst_cpu_share,
                ..self
            },
        }
    }
}

fn journey_row(
    tally: &Tally,
    (variant, journey): &(Variant, Journey),
    counts: &JourneyTally,
) -> JourneySummary {
    let times = |kind| {
        let pool = tally.iterations(kind, |v, j| v == variant && j == journey);
        TimeUs::of(&pool.good)
    };
    let funnel = counts.funnel_in_order().into_iter();
    JourneySummary {
        variant: variant.clone(),
        journey: journey.clone(),
        due: counts.due,
        late: counts.late,
        completed: counts.completed,
        failed: counts.failed(),
        dropped: counts.dropped,
        cut_off: counts.cut_off,
        lost: counts.lost,
        completed_per_s: counts.completed_per_s(tally.run.measured_ms),
        faults: counts.faults.clone(),
        funnel: funnel
            .map(|(step, counts)| FunnelStep {
                step: step.clone(),
                reached: counts.reached,
                left: counts.left.clone(),
            })
            .collect(),
        response_time_us: times(Kind::Response),
        service_time_us: times(Kind::Service),
        elapsed_us: times(Kind::Elapsed),
    }
}

fn step_rows(tally: &Tally) -> Vec<StepSummary> {
    let row = |key: &SeriesKey| {
        let same = |other: &SeriesKey| step_of(other) == step_of(key);
        let pool = tally.exchanges(same);
        StepSummary {
            variant: key.variant.clone(),
            journey: key.journey.clone(),
            step: key.step.clone(),
            capability: key.capability.clone(),
            event: key.event.to_string(),
            action: key.action.to_string(),
            samples: pool.samples(),
            error_share: pool.error_share(),
            service_time_us: TimeUs::of(&pool.good),
            faults: pool.faults,
        }
    };
    let mut seen = BTreeSet::new();
    let mut rows: Vec<_> =
        exchange_keys(tally).filter(|key| seen.insert(step_of(key))).map(row).collect();
    // In the order of the journey as far as its funnel tells; the sort is stable.
    let mut places = BTreeMap::new();
    for ((variant, journey), counts) in &tally.journeys {
        for (place, (step, _)) in counts.funnel_in_order().into_iter().enumerate() {
            places.insert((variant, journey, step), place);
        }
    }
    rows.sort_by_cached_key(|row| {
        let place = places.get(&(&row.variant, &row.journey, &row.step)).copied();
        (row.variant.clone(), row.journey.clone(), place.unwrap_or(usize::MAX))
    });
    rows
}

type StepOf<'k> = (&'k Variant, &'k Journey, &'k Step, &'k Capability, &'k str, &'k str);

fn step_of(key: &SeriesKey) -> StepOf<'_> {
    (&key.variant, &key.journey, &key.step, &key.capability, &key.event, &key.action)
}

fn capability_rows(tally: &Tally) -> Vec<CapabilitySummary> {
    let mut actions: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for key in exchange_keys(tally) {
        let of = actions.entry((&key.variant, &key.capability)).or_default();
        of.insert((&key.event, &key.action));
    }
    let row = |((variant, capability), actions): ((&Variant, &Capability), BTreeSet<_>)| {
        let of = |key: &SeriesKey| key.variant == *variant && key.capability == *capability;
        let pool = tally.exchanges(of);
        let action = |(event, action): (&Arc<str>, &Arc<str>)| {
            let one = |key: &SeriesKey| of(key) && key.event == *event && key.action == *action;
            action_row(event, action, tally.exchanges(one))
        };
        CapabilitySummary {
            variant: variant.clone(),
            capability: capability.clone(),
            samples: pool.samples(),
            error_share: pool.error_share(),
            service_time_us: TimeUs::of(&pool.good),
            faults: pool.faults,
            actions: actions.into_iter().map(action).collect(),
        }
    };
    actions.into_iter().map(row).collect()
}

fn action_row(event: &str, action: &str, pool: Pool) -> ActionSummary {
    ActionSummary {
        event: event.to_owned(),
        action: action.to_owned(),
        samples: pool.samples(),
        error_share: pool.error_share(),
        service_time_us: TimeUs::of(&pool.good),
        faults: pool.faults,
    }
}

fn series_row(tally: &Tally, kind: Kind) -> Option<SeriesSummary> {
    let times = tally.of_kind(kind);
    let time_us = TimeUs::of(&times);
    time_us?;
    Some(SeriesSummary { kind: kind.slug().to_owned(), samples: times.count(), time_us })
}

fn exchange_keys(tally: &Tally) -> impl Iterator<Item = &SeriesKey> {
    tally.series.keys().map(AsRef::as_ref).filter(|key| key.kind == Kind::Exchange)
}

fn seconds(ms: u64) -> f64 {
    // A part of a thousand: exact to the millisecond.
    share(ms, 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_of_a_merged_run_is_the_busiest_of_its_parts() {
        // The busiest is the one with the worst second, whatever its mean.
        let generator = |worst_cpu_share: Option<f64>| GeneratorSummary {
            cpu_share: worst_cpu_share.map(|share| (1.0 - share) / 10.0),
            worst_cpu_share,
            cores: worst_cpu_share.map(|share| share * 10.0),
            ..GeneratorSummary::of(&Tally::default())
        };
        let part = |name: &str, cpu_share| {
            let part = serde_json::json!({
                "name": name, "run_id": "r", "host": { "name": "", "system": "", "cores": 1 },
                "gander_version": "", "seed": "", "started_at": "", "offset_ms": 0, "ended_at": null,
                "measured_ms": 0, "due": 0, "completed": 0, "failed": 0, "dropped": 0, "cut_off": 0,
                "lost": 0, "overloaded_ms": 0, "out_of_cpu_ms": 0, "dispatched_late_ms": 0,
                "generator": generator(cpu_share),
            });
            serde_json::from_value::<Part>(part).unwrap()
        };
        let parts =
            [part("a", Some(0.2)), part("b", None), part("c", Some(0.7)), part("d", Some(0.5))];
        let of_all = generator(Some(0.9)).worst_of(&parts);
        assert_eq!(of_all, GeneratorSummary { part: Some("c".to_owned()), ..generator(Some(0.7)) });
        assert_eq!(generator(Some(0.9)).worst_of(&[]), generator(Some(0.9)));
    }
}
