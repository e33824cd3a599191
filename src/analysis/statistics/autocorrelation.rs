//! How long neighbouring windows share their fate, and what that makes of an error.

/// What a series of windows shows of its own memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    windows: usize,
    /// Autocovariances from lag 0 on, as far as anything is looked at.
    covariances: Vec<f64>,
    /// The last lag that counts, where the flat-top weights reach zero.
    horizon: usize,
}

impl Memory {
    /// Of a series with a value for each window; its mean is taken off.
    ///
    /// The horizon is the rule of Politis, *Adaptive bandwidth choice*, Journal of Nonparametric
    /// Statistics 15 (2003) 517–533: twice the smallest lag after which several in a row are within
    /// twice √(log₁₀ n ÷ n), the band of noise.
    #[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 windows")]
    pub fn of(series: &[f64]) -> Self {
        let windows = series.len();
        let n = windows.max(1) as f64;
        let in_a_row = whole(n.log10().sqrt().ceil()).max(5);
        let most = (whole(n.sqrt().ceil()) + in_a_row).min(windows.saturating_sub(1));
        let mean = series.iter().sum::<f64>() / n;
        let off: Vec<f64> = series.iter().map(|value| value - mean).collect();
        let covariance = |lag: usize| {
            off.iter().zip(off.iter().skip(lag)).map(|(early, late)| early * late).sum::<f64>() / n
        };
        let covariances: Vec<f64> = (0..=most).map(covariance).collect();
        let band = 2.0 * (n.log10() / n).sqrt() * covariances[0];
        let counts = |lag: &usize| covariances.get(*lag).is_some_and(|r| r.abs() > band);
        let longest = most.saturating_sub(in_a_row);
        let quiet = (0..=longest).find(|lag| !(lag + 1..=lag + in_a_row).any(|lag| counts(&lag)));
        let last = quiet.unwrap_or_else(|| (1..=most).rev().find(counts).unwrap_or(0));
        Self { windows, covariances, horizon: (2 * last).min(most) }
    }

    /// The length of block with which a circular block bootstrap of the mean errs least.
    ///
    /// Politis & White, *Automatic block-length selection for the dependent bootstrap*, Econometric
    /// Reviews 23 (2004) 53–70, with the correction of Patton, Politis & White, Econometric Reviews 28
    /// (2009) 372–375: (2 Ĝ² ÷ D̂)^⅓ n^⅓ with D̂ = 4/3 ĝ(0)², at most min(3 √n, n ÷ 3). 1 where no
    /// window knows of its neighbours.
    #[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 windows")]
    pub fn block_length(&self) -> usize {
        let n = self.windows as f64;
        let long_run = self.flat_top(self.horizon, |_| 1.0);
        if self.horizon == 0 || long_run <= 0.0 || n < 2.0 {
            return if self.horizon == 0 { 1 } else { most_of(n) };
        }
        let slope = self.flat_top(self.horizon, |lag| lag);
        let length = (2.0 * slope * slope / (4.0 / 3.0 * long_run * long_run)).cbrt() * n.cbrt();
        whole(length.ceil()).clamp(1, most_of(n))
    }

    /// By what part the variance that blocks of such a length show falls short of the long-run variance:
    /// what is torn apart at the ends of blocks. At least 1, at most 4.
    ///
    /// The variance of a block bootstrap is that of Bartlett's weights (Künsch, *The jackknife and the
    /// bootstrap for general stationary observations*, Annals of Statistics 17 (1989) 1217–1241); the
    /// flat-top weights of Politis & Romano, *Bias-corrected nonparametric spectral estimation*, Journal
    /// of Time Series Analysis 16 (1995) 67–103, have no such bias. They look at least as far as a block.
    #[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 windows")]
    pub fn shortfall(&self, block: usize) -> f64 {
        let long_run = self.flat_top(self.horizon.max(block), |_| 1.0);
        let block = block.max(1) as f64;
        let shown = self.weighted(|lag| (1.0 - lag / block).max(0.0));
        if shown > 0.0 && long_run > 0.0 { (long_run / shown).clamp(1.0, 4.0) } else { 1.0 }
    }

    /// Σ λ(k ÷ M) w(|k|) R(k) over both signs of k, λ being 1 up to one half and then falling to 0.
    #[expect(clippy::cast_precision_loss, reason = "lags are few")]
    fn flat_top(&self, horizon: usize, weight: impl Fn(f64) -> f64) -> f64 {
        let horizon = horizon.max(1) as f64;
        self.weighted(|lag| (2.0 * (1.0 - lag / horizon)).clamp(0.0, 1.0) * weight(lag))
    }

    #[expect(clippy::cast_precision_loss, reason = "lags are few")]
    fn weighted(&self, weight: impl Fn(f64) -> f64) -> f64 {
        let both = |lag: usize| if lag == 0 { 1.0 } else { 2.0 };
        let lags = self.covariances.iter().enumerate();
        lags.map(|(lag, covariance)| both(lag) * weight(lag as f64) * covariance).sum()
    }
}

/// No block of a single timeline is shorter than 1.3 √n: its memory is as likely as not longer than what
/// so few windows show of it, and each lag too weak to be told from noise still adds up.
///
/// Lazarus, Lewis, Stock & Watson, *HAR inference: recommendations for practice*, Journal of Business &
/// Economic Statistics 36 (2018) 541–559, for Bartlett's weights.
#[expect(clippy::cast_precision_loss, reason = "windows are few")]
pub fn shortest_alone(windows: usize) -> usize {
    whole((1.3 * (windows as f64).sqrt()).round()).max(1)
}

/// No block of two timelines that met the same windows is shorter than the cube root of n, the order of
/// the best length: what they share is gone from their difference, and what is left is short.
#[expect(clippy::cast_precision_loss, reason = "windows are few")]
pub fn shortest_paired(windows: usize) -> usize {
    whole((windows as f64).cbrt().round()).max(1)
}

fn most_of(n: f64) -> usize {
    whole((3.0 * n.sqrt()).min(n / 3.0).ceil()).max(1)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
fn whole(number: f64) -> usize {
    number.max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::{Seed, unit};

    /// A series in which each value keeps `kept` of the one before.
    fn series(kept: f64, length: usize, index: u64) -> Vec<f64> {
        let mut random = Seed(11).stream("autocorrelation", index);
        let mut noise = || (0..12).map(|_| unit(&mut random)).sum::<f64>() - 6.0;
        let mut value = noise() / (1.0 - kept * kept).sqrt();
        let next = |_| {
            value = kept * value + noise();
            value
        };
        (0..length).map(next).collect()
    }

    fn mean_of(figure: impl Fn(u64) -> f64) -> f64 {
        (0..40).map(figure).sum::<f64>() / 40.0
    }

    #[test]
    fn blocks_are_single_windows_where_windows_know_nothing_of_each_other() {
        let length = mean_of(|index| Memory::of(&series(0.0, 300, index)).block_length() as f64);
        assert!(length < 2.5, "{length}");
    }

    /// The best length for AR(1) is (6 φ² ÷ (1 − φ²)²)^⅓ n^⅓: 9.3 for φ = ½ and 300 windows, 25.5 for 0.8.
    #[test]
    fn blocks_are_as_long_as_theory_says_where_windows_share_their_fate() {
        for (kept, from, to) in [(0.5, 5.0, 16.0), (0.8, 15.0, 40.0)] {
            let length = mean_of(|at| Memory::of(&series(kept, 300, at)).block_length() as f64);
            assert!(length > from && length < to, "{kept}: {length}");
        }
    }

    /// Bartlett's weights see R(0) alone with blocks of one window: a third of the long-run variance
    /// for φ = ½.
    #[test]
    fn what_short_blocks_tear_apart_is_made_good() {
        let one = mean_of(|at| Memory::of(&series(0.5, 1000, at)).shortfall(1));
        assert!((one - 3.0).abs() < 0.4, "{one}");
        let many = mean_of(|at| Memory::of(&series(0.5, 1000, at)).shortfall(60));
        assert!(many < 1.2, "{many}");
    }

    #[test]
    fn a_series_without_anything_in_it_has_no_memory() {
        for series in [&[][..], &[1.0], &[2.0; 30]] {
            let memory = Memory::of(series);
            assert_eq!((memory.block_length(), memory.shortfall(3)), (1, 1.0), "{series:?}");
        }
    }
}
