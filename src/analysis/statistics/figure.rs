//! A figure of one timeline, ready to be resampled, alone or against another of the same windows.

use super::autocorrelation::{Memory, shortest_alone, shortest_paired};
use super::blocks::{Deck, Resamples};
use super::evidence::Evidence;
use super::grid::{Grid, time_us};
use super::ratio::Ratio;
use crate::measure::histogram::Percentile;

/// What is looked at along a timeline. Times are looked at on a logarithmic scale, so that a change is a
/// part, and twice as slow is as far as twice as fast.
#[derive(Clone, Copy, Debug)]
pub enum Figure<'t> {
    /// A percentile that judges.
    Percentile(&'t Grid, Percentile),
    /// The mean of good samples.
    Mean(&'t Ratio),
    /// A part of a whole, or so many in a time.
    Ratio(&'t Ratio),
}

/// With fewer windows that have samples nothing is said of an error.
pub const FEWEST_WINDOWS: usize = 8;

/// With fewer samples beyond a percentile nothing is said of its error: what lies there is not seen.
pub const FEWEST_BEYOND: u64 = 5;

/// No time is known better than the counters of a histogram tell it apart: the variance of a thousandth,
/// evenly spread, on the logarithmic scale.
pub const RESOLUTION_VARIANCE: f64 = 0.001 * 0.001 / 12.0;

/// A standard error from resamples, or all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Resampled {
    /// The values of the resamples; infinite ones among them.
    pub draws: Vec<f64>,
    /// The variance of the estimate, as blocks show it and corrected for their number and ends; none
    /// where draws are infinite.
    pub variance: Option<f64>,
    /// Blocks, or windows with samples if they are fewer, less one.
    pub freedom: f64,
}

impl Figure<'_> {
    /// The figure of the whole timeline: µs (infinite beyond any limit), a share, a rate. None without
    /// samples.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Percentile(grid, percentile) => grid.judged(*percentile).map(time_us),
            Self::Mean(ratio) | Self::Ratio(ratio) => ratio.value(),
        }
    }

    /// The same on the scale on which it is looked at.
    pub fn scaled(&self) -> Option<f64> {
        self.value().map(|value| self.scale(value))
    }

    const fn is_time(&self) -> bool {
        !matches!(self, Self::Ratio(_))
    }

    fn scale(&self, value: f64) -> f64 {
        if self.is_time() { value.ln() } else { value }
    }

    /// Back from the scale on which it is looked at.
    pub fn unscaled(&self, scaled: f64) -> f64 {
        if self.is_time() { scaled.exp() } else { scaled }
    }

    /// How many windows have samples.
    pub fn occupied(&self) -> usize {
        match self {
            Self::Percentile(grid, _) => grid.occupied(),
            Self::Mean(ratio) | Self::Ratio(ratio) => ratio.occupied(),
        }
    }

    /// How many times as much of it there would have to be before anything is said of its error; at most
    /// 1 if there is enough, infinite if there is nothing.
    #[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 samples")]
    pub fn missing(&self) -> f64 {
        let windows = FEWEST_WINDOWS as f64 / self.occupied() as f64;
        let Self::Percentile(grid, percentile) = self else { return windows };
        let beyond = grid.samples() as f64 * percentile.beyond_thousandths() as f64 / 1e5;
        windows.max(FEWEST_BEYOND as f64 / beyond)
    }

    fn influence(&self) -> Vec<f64> {
        match self {
            Self::Percentile(grid, percentile) => grid.influence(*percentile),
            Self::Mean(ratio) => {
                let value = ratio.value().unwrap_or(1.0);
                ratio.influence().into_iter().map(|influence| influence / value).collect()
            }
            Self::Ratio(ratio) => ratio.influence(),
        }
    }

    fn draws(&self, resamples: &Resamples) -> Vec<Option<f64>> {
        let scaled = |value: Option<f64>| value.map(|value| self.scale(value));
        match self {
            Self::Percentile(grid, percentile) => {
                grid.resampled(resamples.each(), *percentile).map(scaled).collect()
            }
            Self::Mean(ratio) | Self::Ratio(ratio) => {
                resamples.each().map(|weights| scaled(ratio.resampled(weights))).collect()
            }
        }
    }

    /// Resampled along its timeline. None with too little to resample.
    pub fn alone(&self, deck: &mut Deck) -> Option<Resampled> {
        if self.missing() > 1.0 {
            return None;
        }
        let memory = Memory::of(&self.influence());
        let block = deck.block(memory.block_length().max(shortest_alone(deck.windows())));
        let draws = self.draws(deck.resamples(block));
        resampled(draws, &memory, block, self.pieces(deck, block), self.resolution())
    }

    /// What this has more than a baseline, on the scale: both drawn with the same windows, so that what
    /// both met in a window cancels out. None with too little to resample.
    pub fn against(&self, baseline: &Self, deck: &mut Deck) -> Option<Resampled> {
        if self.missing() > 1.0 || baseline.missing() > 1.0 {
            return None;
        }
        let (mine, before) = (self.influence(), baseline.influence());
        let influence: Vec<f64> = mine.iter().zip(&before).map(|(mine, its)| mine - its).collect();
        let memory = Memory::of(&influence);
        let block = deck.block(memory.block_length().max(shortest_paired(deck.windows())));
        let resamples = deck.resamples(block);
        let (mine, before) = (self.draws(resamples), baseline.draws(resamples));
        let both = mine.into_iter().zip(before);
        let draws = both.map(|(mine, before)| Some(difference(mine?, before?))).collect();
        let pieces = self.pieces(deck, block).min(baseline.pieces(deck, block));
        let resolution = 2.0 * self.resolution();
        resampled(draws, &memory, block, pieces, resolution)
    }

    fn resolution(&self) -> f64 {
        if self.is_time() { RESOLUTION_VARIANCE } else { 0.0 }
    }

    #[expect(clippy::cast_precision_loss, reason = "windows are few")]
    fn pieces(&self, deck: &Deck, block: usize) -> f64 {
        (deck.windows() as f64 / block as f64).min(self.occupied() as f64)
    }
}

impl Resampled {
    /// As evidence around the estimate.
    pub fn evidence(self, centre: f64) -> Evidence {
        match self.variance {
            Some(variance) if centre.is_finite() => {
                Evidence::Student { centre, error: variance.sqrt(), freedom: self.freedom }
            }
            _ => Evidence::counted(self.draws),
        }
    }
}

/// Of two values on the scale; what is beyond any limit on both sides does not differ.
pub fn difference(mine: f64, before: f64) -> f64 {
    if mine == before { 0.0 } else { mine - before }
}

#[expect(clippy::cast_precision_loss, reason = "resamples are few")]
fn resampled(
    draws: Vec<Option<f64>>,
    memory: &Memory,
    block: usize,
    pieces: f64,
    resolution: f64,
) -> Option<Resampled> {
    let asked = draws.len();
    let draws: Vec<f64> = draws.into_iter().flatten().collect();
    // Where one resample in twenty met nothing at all, the others are no fair picture.
    if draws.len() < 2 || draws.len() * 20 < asked * 19 || pieces < 2.0 {
        return None;
    }
    let number = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / number;
    let squares: f64 = draws.iter().map(|draw| (draw - mean).powi(2)).sum();
    // Blocks vary about their own mean, not about the truth: k ÷ (k − 1), as for any variance.
    let corrected = squares / (number - 1.0) * pieces / (pieces - 1.0) * memory.shortfall(block);
    let variance = draws.iter().all(|draw| draw.is_finite()).then_some(corrected + resolution);
    Some(Resampled { draws, variance, freedom: pieces - 1.0 })
}
