//! The result of a search for capacity: `capacity.json`, versioned, with its unit in every name.

use crate::base::names::RunId;
use crate::result::summary::Caution;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The format of [`Capacity`].
pub const SCHEMA_VERSION: u32 = 1;

/// What a search found. Written anew after every probe, so that one that was killed is not lost.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// The format of this document.
    pub schema_version: u32,
    /// The version of gander that searched.
    pub gander_version: String,
    /// The search's id, also the name of its directory.
    #[schemars(with = "String")]
    pub run_id: RunId,
    /// When it started, UTC.
    pub started_at: String,
    /// When it ended; none while it goes on, or if it was killed.
    pub ended_at: Option<String>,
    /// Why it ended; none while it goes on.
    pub ending: Option<Ending>,
    /// The number that all randomness came from, as text.
    pub seed: String,
    /// The hosts that were called.
    pub tenant_hosts: Vec<String>,
    /// What was asked for.
    pub asked: Asked,
    /// The answer.
    pub bracket: Bracket,
    /// Where between its ends the capacity is most likely; none without both.
    pub estimate: Option<Estimate>,
    /// The confirmation at the end, if it came to it.
    pub hold: Option<Hold>,
    /// What does not hold any more at the lowest level that failed.
    pub broke_first: Option<Broken>,
    /// Every level in the order in which it was tried, repeats and the hold included.
    pub levels: Vec<Level>,
    /// The Universal Scalability Law through all levels.
    pub scalability: Scalability,
    /// What is left above what is needed, where somebody said what is needed.
    pub head_room: Option<HeadRoom>,
    /// Calls at the highest level that passed, by rate group of the licence.
    pub calls: Vec<GroupCalls>,
    /// Reasons to distrust a number.
    pub cautions: Vec<Caution>,
}

impl Capacity {
    /// The JSON Schema of the format.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }
}

/// Why a search ended.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// Which of the reasons it was.
    pub reason: Reason,
    /// The same for people, with its numbers: one line.
    pub text: String,
    /// Whether the bracket is a statement about the tenant's capacity.
    pub is_capacity: bool,
}

/// The reasons for which a search ends.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Above the bracket a threshold does not hold.
    Thresholds,
    /// Above the bracket iterations do not complete as fast as they come, whatever the thresholds say.
    GoodputStoppedRising,
    /// The tenant answered 429: the licence is the limit, or the share of it that one address may use, not what the
    /// tenant could do.
    RateLimited,
    /// The tenant's edge keeps the generator out.
    Blocked,
    /// gander or its machine was the limit.
    GeneratorSaturated,
    /// There were no accounts left for the users.
    AccountsExhausted,
    /// Every level up to the highest that was allowed passed.
    TopReached,
    /// The lowest level that makes sense failed.
    NothingPassed,
    /// As many probes were made as were allowed.
    ProbesUsedUp,
    /// A probe ended for another reason than its load: a guard, results that could not be written.
    Aborted,
    /// A person ended it.
    User,
}

/// What was asked of a search.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The first level.
    pub from_per_s: f64,
    /// The highest level allowed.
    pub to_per_s: Option<f64>,
    /// How wide the bracket may be, as a part of its lower end.
    pub resolution: f64,
    /// What a level that passed is multiplied by while none has failed.
    pub climb: f64,
    /// How many probes at most, the hold not counted.
    pub most_probes: u32,
    /// Length of the confirmation; 0 for none.
    pub hold_s: f64,
    /// The rules that have to hold.
    pub rules: Vec<String>,
}

/// Between which rates the capacity lies.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bracket {
    /// The highest level that passed, below all that failed.
    pub highest_pass_per_s: Option<f64>,
    /// The lowest level that failed, twice.
    pub lowest_fail_per_s: Option<f64>,
}

/// The rate at which a monotone curve through all levels crosses the limit of the first rule to meet its own.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// Iterations started per second.
    pub per_s: f64,
    /// Lower end of its 95 % interval.
    pub low_per_s: f64,
    /// Upper end.
    pub high_per_s: f64,
}

/// The confirmation at the highest level that passed.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Iterations started per second.
    pub rate_per_s: f64,
    /// How long was measured.
    pub measured_s: f64,
    /// What came of it.
    pub verdict: LevelVerdict,
}

/// What broke first.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Broken {
    /// At which level.
    pub rate_per_s: f64,
    /// The rule, in its canonical spelling; none where iterations did not complete as fast as they came.
    pub rule: Option<String>,
    /// What was observed there, with its unit.
    pub observed: String,
    /// The row of exchanges that takes so much longer there than at the first level that no other does.
    pub row: Option<Slowed>,
}

/// A row of exchanges that became slower with the load.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slowed {
    /// What the tenant was doing.
    pub capability: String,
    /// The event type of the answer; empty for calls outside a flow.
    pub event: String,
    /// The key of the action taken; empty for calls outside a flow.
    pub action: String,
    /// Its mean service time at the first level.
    pub before_us: u64,
    /// Its mean service time at the level that failed.
    pub after_us: u64,
    /// Its part of what whole iterations take longer.
    pub share: f64,
}

/// What came of a level.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LevelVerdict {
    /// Every rule holds, by the whole of its interval.
    Pass,
    /// A rule does not, by the whole of its interval.
    Fail,
    /// What was measured does not tell.
    Undecided,
    /// It says nothing about the tenant.
    Void,
}

/// Why a level was tried.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Upwards, while none has failed; downwards, while none has passed.
    Climb,
    /// Between the highest that passed and the lowest that failed.
    Narrow,
    /// Again, because it failed or said nothing.
    Repeat,
    /// The confirmation.
    Hold,
}

/// One level of load.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Its number, from 1.
    pub probe: u32,
    /// Why it was tried.
    pub purpose: Purpose,
    /// The directory of its run, within that of the search.
    pub dir: String,
    /// Iterations started per second.
    pub rate_per_s: f64,
    /// What came of it.
    pub verdict: LevelVerdict,
    /// Why it is no `pass`, for people.
    pub reasons: Vec<String>,
    /// The reason to end the whole search that it met, if it did.
    pub stops: Option<Reason>,
    /// How long it took until times were back at those of the first level, after one that failed.
    pub cooled_s: f64,
    /// How long it took until it was settled, or until that was given up.
    pub settling_s: f64,
    /// Whether as many iterations were under way as Little's law has it, and no longer more and more.
    pub is_settled: bool,
    /// How long was measured.
    pub measured_s: f64,
    /// Iterations planned to start in that time.
    pub due: u64,
    /// Iterations that completed in that time, per second of it.
    pub completed_per_s: f64,
    /// How many were under way on average.
    pub in_flight: f64,
    /// Median response time of all journeys together; none falls on what is slower than any limit.
    pub p50_us: Option<u64>,
    /// What the samples are worth, neighbours sharing their fate; the smallest of all rules.
    pub effective_samples: Option<f64>,
    /// How many the rules need.
    pub needed_samples: u64,
    /// The rules.
    pub rules: Vec<LevelRule>,
    /// Response times that judge, by journey.
    pub journeys: Vec<LevelJourney>,
}

/// A rule at one level.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LevelRule {
    /// The rule, in its canonical spelling.
    pub rule: String,
    /// What was observed, with its unit.
    pub observed: String,
    /// Lower end of its 95 % interval.
    pub low: Option<String>,
    /// Upper end.
    pub high: Option<String>,
    /// What that says.
    pub verdict: LevelVerdict,
    /// The natural logarithm of what was observed ÷ the limit, so that 0 is at the limit and more is worse; none
    /// where either is nought.
    pub excess: Option<f64>,
    /// Its standard error.
    pub excess_error: Option<f64>,
}

/// A journey at one level. Times are response times; none falls on what is slower than any limit.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LevelJourney {
    /// What the users wanted to achieve.
    pub journey: String,
    /// Iterations that completed in the measured time, per second of it.
    pub completed_per_s: f64,
    /// Faults ÷ samples.
    pub error_share: f64,
    /// Median.
    pub p50_us: Option<u64>,
    /// 95th percentile.
    pub p95_us: Option<u64>,
    /// 99th percentile.
    pub p99_us: Option<u64>,
}

/// The Universal Scalability Law: X(N) = λ N ÷ (1 + σ (N − 1) + κ N (N − 1)), N being the iterations under way and
/// X those completed per second.
///
/// Gunther, *Guerrilla Capacity Planning* (2007), chapter 4.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scalability {
    /// The law as fitted; none where it does not fit, or where there is too little to fit it to.
    pub law: Option<Law>,
    /// Why there is none, or what to keep in mind.
    pub remark: Option<String>,
}

/// A law that fits.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Law {
    /// λ: iterations per second with one under way.
    pub alone_per_s: f64,
    /// σ: contention, the part that is done one after another.
    pub contention: f64,
    /// κ: coherency, what all lose to each other.
    pub coherency: f64,
    /// Part of the variance of what was completed that the law explains.
    pub r_squared: f64,
    /// The most that the law foresees; none without a peak (κ = 0 within its error).
    pub peak_per_s: Option<f64>,
    /// Lower end of its 95 % interval.
    pub peak_low_per_s: Option<f64>,
    /// Upper end.
    pub peak_high_per_s: Option<f64>,
}

/// What is left above what is needed.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HeadRoom {
    /// What was said: `20/s`, or `60000/h peak 3`.
    pub asked: String,
    /// Iterations per second that it comes to.
    pub needed_per_s: f64,
    /// Capacity ÷ need − 1, by the highest level that passed; negative where it is not enough. None without one.
    pub share: Option<f64>,
    /// Whether it is enough: true from the highest pass on, once that is confirmed where a confirmation was asked
    /// for; false from the lowest fail on; none otherwise.
    pub is_enough: Option<bool>,
}

/// Calls of one rate group of the licence.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GroupCalls {
    /// The group.
    pub group: String,
    /// Calls for each iteration.
    pub per_iteration: f64,
    /// Calls per second at the highest level that passed.
    pub per_s: f64,
}
