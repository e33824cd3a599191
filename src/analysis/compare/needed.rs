//! How much more time, or how many more runs, would turn a cannot-tell into an answer.

use super::contrast::{Between, Contrast};
use super::judge::Limits;
use crate::analysis::statistics::student;

/// What would help. Both none where nothing sensible would.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Needed {
    /// More minutes of measured time.
    pub(super) minutes: Option<f64>,
    /// More runs of each side.
    pub(super) runs: Option<f64>,
}

/// Nobody measures longer than 1000 hours.
const MOST_MINUTES: f64 = 60_000.0;

/// Nor more often than this.
const MOST_RUNS: u32 = 1000;

/// What is needed for an answer if the change stays as it is, given a measured time of each run.
///
/// Errors shrink with the square root of time and of runs. Within the limits the whole interval has to
/// fit; beyond them the claim has to hold among all that are made.
pub(super) fn needed(
    contrast: &Contrast,
    limits: Limits,
    minutes: f64,
    (confidence, claims): (f64, usize),
) -> Needed {
    if contrast.missing > 1.0 && contrast.between.is_none() {
        return Needed { minutes: minutes_of(minutes, contrast.missing), runs: None };
    }
    let Some((low, high)) = contrast.interval(confidence) else { return Needed::default() };
    let (change, width) = (low.midpoint(high), (high - low) / 2.0);
    if !(change.is_finite() && width.is_finite()) {
        return Needed::default();
    }
    let is_inside = limits.low < change && change < limits.high;
    let distance = (change - limits.low).abs().min((change - limits.high).abs());
    let claims = u32::try_from(claims.max(1)).map_or(f64::INFINITY, f64::from);
    let confidence = if is_inside { confidence } else { 1.0 - (1.0 - confidence) / claims };
    match contrast.between {
        None => {
            let Some((low, high)) = contrast.interval(confidence) else { return Needed::default() };
            let width = (high - low) / 2.0;
            Needed { minutes: minutes_of(minutes, (width / distance).powi(2)), runs: None }
        }
        Some(between) => {
            let runs = (1..=MOST_RUNS).find(|more| between.width(confidence, *more) < distance);
            Needed { minutes: None, runs: runs.map(f64::from) }
        }
    }
}

/// So many times as much time, less what there is already.
fn minutes_of(minutes: f64, times: f64) -> Option<f64> {
    let more = minutes * (times - 1.0);
    (more > 0.0 && more <= MOST_MINUTES).then_some(more)
}

impl Between {
    /// Half the interval with so many more runs of each side.
    fn width(&self, confidence: f64, more: u32) -> f64 {
        let more = f64::from(more);
        let freedom = self.freedom + 2.0 * more;
        let (baseline, candidate) = (self.baseline + more, self.candidate + more);
        let error = (self.variance * (1.0 / baseline + 1.0 / candidate)).sqrt();
        student::quantile(freedom, 1.0 - (1.0 - confidence) / 2.0) * error
    }
}
