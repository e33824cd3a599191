//! The two records of the same calls, gander's and the tenant's, joined by call id.

use crate::canary::{Miss, quantile, tell};
use crate::lab::Lab;
use crate::tenant::Tenant;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;

/// One call of the measured phase in both records. Times in microseconds.
pub(super) struct Both {
    pub(super) capability: String,
    /// As gander measured it.
    pub(super) measured_us: i64,
    /// As the tenant did: from its head received to its reply handed over.
    pub(super) recorded_us: i64,
    /// How long it waited for a server; none where it needed none.
    pub(super) queue_wait_us: Option<i64>,
}

impl Both {
    /// By how much gander saw it longer than the tenant.
    pub(super) fn difference_us(&self) -> i64 {
        self.measured_us - self.recorded_us
    }
}

/// The calls of gander's log, and what the tenant recorded of each. Panics when the tenant lacks one.
pub(super) fn joined(lab: &Lab, tenant: &Tenant) -> Vec<Both> {
    let recorded = tenant.calls();
    let by_id: HashMap<&str, &Value> =
        recorded.iter().filter_map(|call| Some((call["call"].as_str()?, call))).collect();
    let text = fs::read_to_string(lab.path("calls.jsonl")).expect("a log of calls");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("a line in JSON"));
    let measured = lines.filter(|line: &Value| line["phase"] == "measured");
    measured
        .map(|line| {
            let id = line["call"].as_str().expect("a call id");
            let call = by_id.get(id).unwrap_or_else(|| panic!("the tenant did not record `{id}`"));
            let time = |value: &Value| value.as_i64().expect("a time");
            Both {
                capability: call["capability"].as_str().expect("a name").to_owned(),
                measured_us: time(&line["service_us"]),
                recorded_us: time(&call["service_us"]),
                queue_wait_us: call["queue_wait_us"].as_i64(),
            }
        })
        .collect()
}

/// One figure of every call, sorted.
pub(super) fn sorted(calls: &[Both], figure: impl Fn(&Both) -> i64) -> Vec<i64> {
    let mut figures: Vec<i64> = calls.iter().map(figure).collect();
    figures.sort_unstable();
    figures
}

/// Quantiles in thousandths, and what the summary calls them.
pub(super) const QUANTILES: &[(usize, &str)] =
    &[(500, "p50"), (900, "p90"), (990, "p99"), (999, "p99_9")];

/// The percentiles of a summary's times that are not those of the record, within 1 % and 1 ms.
pub(super) fn misses(what: &str, reported: &Value, recorded: &[i64]) -> Vec<Miss> {
    let miss = |(per_mille, name): &(usize, &str)| {
        let expected = quantile(recorded, *per_mille);
        let seen = reported[*name].as_i64().expect("a time");
        let off = seen - expected;
        tell(&format!("{what}: {name} {seen} µs, recorded {expected} µs, {off:+} µs"));
        let beyond = off.abs() - (expected / 100 + 1_000);
        let told = format!("{what}: {name} is {seen} µs, recorded {expected} µs");
        (beyond > 0).then(|| Miss::of_percentile(told, *per_mille, beyond))
    };
    QUANTILES.iter().filter_map(miss).collect()
}
