//! Levels made up for tests.

use super::found::{Level, LevelRule, LevelVerdict, Purpose};

/// A level with one rule, `p95 < 400ms`, so far beyond its limit by an error of 3 %.
pub(crate) fn level(rate_per_s: f64, verdict: LevelVerdict, excess: f64) -> Level {
    let rule = LevelRule {
        rule: "p95 < 400ms".to_owned(),
        observed: format!("{:.0} ms", 400.0 * excess.exp()),
        low: None,
        high: None,
        verdict,
        excess: Some(excess),
        excess_error: Some(0.03),
    };
    Level {
        probe: 0,
        purpose: Purpose::Climb,
        dir: String::new(),
        rate_per_s,
        verdict,
        reasons: vec![],
        stops: None,
        cooled_s: 0.0,
        settling_s: 4.0,
        is_settled: true,
        measured_s: 20.0,
        due: 100,
        completed_per_s: rate_per_s,
        in_flight: 1.0,
        p50_us: Some(100_000),
        effective_samples: Some(400.0),
        needed_samples: 300,
        rules: vec![rule],
        journeys: vec![],
    }
}
