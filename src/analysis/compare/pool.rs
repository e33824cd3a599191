//! The runs of one side taken together.

use super::align::Strand;
use super::found::Metric;
use crate::analysis::statistics::share::Share;

/// One metric of the runs of a side.
#[derive(Debug)]
pub(super) struct Pooled {
    /// What is shown: the geometric mean of the runs' times, infinite if one is beyond any limit; all
    /// faults ÷ all samples.
    pub(super) value: f64,
    /// The same on the scale of the evidence: its logarithm, or as it is.
    pub(super) scaled: f64,
    /// Run by run on that scale, infinite ones at [`FAR`], so that they can be reckoned with.
    pub(super) runs: Vec<f64>,
    /// The mean of these.
    pub(super) mean: f64,
    /// Faults and samples of all runs.
    pub(super) share: Share,
    /// How many times as much time the worst provided run would need to say anything of its error.
    pub(super) missing: f64,
}

/// The logarithm of two hours in µs, more than any time that is told apart: what is beyond any limit
/// where it has to be a number.
const FAR: f64 = 22.7;

/// None where no run has a value.
pub(super) fn pooled<'s>(
    strands: impl Iterator<Item = &'s Strand>,
    metric: Metric,
) -> Option<Pooled> {
    let (mut runs, mut missing, mut is_beyond) = (Vec::new(), 0.0_f64, false);
    let mut exact = 0.0;
    let mut share = Share { faults: 0.0, samples: 0.0 };
    for strand in strands {
        let figure = strand.figure(metric);
        let Some((value, scaled)) = figure.value().zip(figure.scaled()) else { continue };
        exact = value;
        let own = strand.share();
        share.faults += own.faults;
        share.samples += own.samples;
        is_beyond |= scaled.is_infinite();
        missing = missing.max(figure.missing());
        runs.push(scaled.min(FAR));
    }
    let number = u32::try_from(runs.len()).ok().filter(|number| *number > 0)?;
    let mean = runs.iter().sum::<f64>() / f64::from(number);
    let scaled = match metric.is_time() {
        true if is_beyond => f64::INFINITY,
        true => mean,
        false => share.faults / share.samples.max(1.0),
    };
    let value = match metric.is_time() {
        true if number == 1 => exact,
        true => scaled.exp(),
        false => scaled,
    };
    Some(Pooled { value, scaled, runs, mean, share, missing })
}
