//! How much less neighbouring stretches say than independent ones would: they share their fate.

/// What memory makes of the variance of a weighted sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inflation {
    /// The variance is so many times that of independent stretches; at least 1.
    pub factor: f64,
    /// How well that is known: degrees of freedom of Student's t.
    pub freedom: f64,
}

/// No fitted memory is longer than this: what is left of a stretch in the next.
const LONGEST_MEMORY: f64 = 0.95;

impl Inflation {
    /// Of the sum of `residuals` with such `weights`, which are as many. `removed` is how many things were
    /// fitted before what is left over became residuals: a level, a slope, a jump.
    ///
    /// The greater of two estimates, so that each covers for the weakness of the other; both from ranks, so
    /// that a stall is no memory:
    ///
    /// - the mean periodogram at the lowest frequencies that the fit has left something of (Müller, *A
    ///   theory of robust long-run variance estimation*, Journal of Econometrics 141 (2007) 1331–1352), as
    ///   many as Lazarus, Lewis, Stock & Watson, *HAR inference: recommendations for practice*, Journal of
    ///   Business & Economic Statistics 36 (2018) 541–559, recommend: 0.4 n^⅔;
    /// - an autoregression of the first order, whose coefficient is freed of what fitting took from it
    ///   (Kendall, *Note on bias in the estimation of autocorrelation*, Biometrika 41 (1954) 403–404, carried on
    ///   to several regressors).
    ///
    /// The degrees of freedom are those of the first, and up to twice as many where so many independent
    /// stretches are left: memory that is seen to be short is known by more than those few waves. (In 4000
    /// series of 60 each, p below 0.001 came up 0 to 4 times in a thousand where a stretch keeps up to 0.8 of the
    /// one before; 12 times at 0.9, and 19 times where that lies beneath as much noise.)
    #[expect(clippy::cast_precision_loss, reason = "a few dozen stretches")]
    pub fn of(residuals: &[f64], weights: &[f64], removed: usize) -> Self {
        let n = residuals.len() as f64;
        let waves = waves(residuals.len());
        let scores = scores(residuals);
        let freedom = waves as f64;
        let variance = scores.iter().map(|score| score * score).sum::<f64>() / n;
        if variance <= 0.0 {
            return Self { factor: 1.0, freedom };
        }
        let left = n / (n - removed as f64).max(1.0);
        let powers = (removed..removed + waves).map(|wave| power(&scores, wave));
        let low = powers.sum::<f64>() / freedom / (variance * left);
        let factor = low.max(of_memory(memory(&scores, removed), weights)).max(1.0);
        Self { factor, freedom: (n / factor - removed as f64).clamp(freedom, 2.0 * freedom) }
    }
}

/// How many frequencies are looked at.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few")]
#[expect(clippy::cast_precision_loss, reason = "a few dozen stretches")]
fn waves(stretches: usize) -> usize {
    ((0.4 * (stretches as f64).powf(2.0 / 3.0)).round() as usize).max(2)
}

/// The place of each among all, from −1 to 1; equals share theirs.
#[expect(clippy::cast_precision_loss, reason = "a few dozen stretches")]
fn scores(values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    let place = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count() as f64;
        let equal = values.iter().filter(|other| *other == value).count() as f64;
        (2.0 * below + equal - n) / n
    };
    values.iter().map(place).collect()
}

/// The power of half a wave, two halves, three, over the whole series.
#[expect(clippy::cast_precision_loss, reason = "a few dozen stretches")]
fn power(scores: &[f64], halves: usize) -> f64 {
    let n = scores.len() as f64;
    let step = std::f64::consts::PI * halves as f64 / n;
    let waves = scores.iter().enumerate();
    let sum: f64 = waves.map(|(place, score)| score * (step * (place as f64 + 0.5)).cos()).sum();
    sum * sum * 2.0 / n
}

/// What is left of a stretch in the next, freed of the bias that fitting brings.
#[expect(clippy::cast_precision_loss, reason = "a few dozen stretches")]
fn memory(scores: &[f64], removed: usize) -> f64 {
    let n = scores.len() as f64;
    let squares: f64 = scores.iter().map(|score| score * score).sum();
    let products: f64 = scores.iter().zip(scores.iter().skip(1)).map(|(a, b)| a * b).sum();
    let removed = removed as f64;
    let freed = (n * products / squares + removed) / (n - removed - 2.0).max(1.0);
    freed.clamp(0.0, LONGEST_MEMORY)
}

/// ΣΣ w w φ^|s − t| ÷ Σ w².
fn of_memory(kept: f64, weights: &[f64]) -> f64 {
    let (mut sum, mut squares, mut before) = (0.0, 0.0, 0.0);
    for weight in weights {
        sum += weight * (weight + 2.0 * before);
        squares += weight * weight;
        before = kept * (before + weight);
    }
    if squares > 0.0 { sum / squares } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::{Seed, unit};

    /// Sixty stretches that keep so much of the one before.
    fn series(kept: f64, index: u64) -> Vec<f64> {
        let mut random = Seed(1).stream("stretches", index);
        let mut noise = move || (0..12).map(|_| unit(&mut random)).sum::<f64>() - 6.0;
        let mut value = noise();
        let fresh = f64::sqrt(1.0 - kept * kept);
        let next = |_| {
            value = kept * value + fresh * noise();
            value
        };
        (0..60).map(next).collect()
    }

    fn mean_factor(kept: f64) -> f64 {
        let weights: Vec<f64> = (0..60).map(|place| f64::from(place) - 29.5).collect();
        let of = |index| Inflation::of(&series(kept, index), &weights, 2).factor;
        (0..200).map(of).sum::<f64>() / 200.0
    }

    #[test]
    fn what_remembers_nothing_is_hardly_inflated_and_what_does_as_theory_has_it() {
        let weights: Vec<f64> = (0..60).map(|place| f64::from(place) - 29.5).collect();
        let independent = mean_factor(0.0);
        assert!((1.0..1.6).contains(&independent), "{independent}");
        for kept in [0.5, 0.8] {
            let (found, true_one) = (mean_factor(kept), of_memory(kept, &weights));
            assert!((0.9..1.6).contains(&(found / true_one)), "{kept}: {found} {true_one}");
        }
    }

    #[test]
    fn a_memory_of_the_first_order_adds_up_as_by_hand() {
        assert!(
            (of_memory(0.5, &[1.0, 1.0, 1.0]) - (3.0 + 2.0 * (0.5 + 0.5 + 0.25)) / 3.0).abs()
                < 1e-12
        );
        assert_eq!(of_memory(0.5, &[0.0, 0.0]), 1.0);
    }

    #[test]
    fn a_stall_is_no_memory_and_what_never_varies_has_none() {
        let weights = [1.0; 60];
        let mut stalled = series(0.0, 3);
        let bare = Inflation::of(&stalled, &weights, 1);
        stalled[30] = 1e9;
        let found = Inflation::of(&stalled, &weights, 1);
        assert!((found.factor - bare.factor).abs() < 0.3, "{found:?} {bare:?}");
        assert_eq!(Inflation::of(&[5.0; 60], &weights, 1), Inflation { factor: 1.0, freedom: 6.0 });
    }
}
