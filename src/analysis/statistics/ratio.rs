//! Figures that are a part over a whole, window by window: means, shares and rates.

/// The parts and wholes of all windows: sums of times and their numbers, faults and samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    parts: Vec<f64>,
    wholes: Vec<f64>,
}

impl Ratio {
    /// Of a part and a whole for each window.
    pub fn of(windows: impl Iterator<Item = (f64, f64)>) -> Self {
        let (parts, wholes) = windows.unzip();
        Self { parts, wholes }
    }

    /// All parts ÷ all wholes; none without a whole.
    pub fn value(&self) -> Option<f64> {
        divided(self.part(), self.whole())
    }

    /// The same of a resample.
    pub fn resampled(&self, weights: &[u32]) -> Option<f64> {
        let of = |values: &[f64]| values.iter().zip(weights).map(|(v, w)| v * f64::from(*w)).sum();
        divided(of(&self.parts), of(&self.wholes))
    }

    /// The sum of the parts.
    pub fn part(&self) -> f64 {
        self.parts.iter().sum()
    }

    /// The sum of the wholes.
    pub fn whole(&self) -> f64 {
        self.wholes.iter().sum()
    }

    /// How many windows have a whole.
    pub fn occupied(&self) -> usize {
        self.wholes.iter().filter(|whole| **whole > 0.0).count()
    }

    /// How much each window moves the figure: (part − value · whole) ÷ the mean whole, so that the error
    /// of the figure is that of the mean of these. Empty without a whole.
    #[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 windows")]
    pub fn influence(&self) -> Vec<f64> {
        let Some(value) = self.value() else { return Vec::new() };
        let mean = self.whole() / self.wholes.len() as f64;
        self.parts
            .iter()
            .zip(&self.wholes)
            .map(|(part, whole)| (part - value * whole) / mean)
            .collect()
    }
}

fn divided(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_of_sums_is_no_mean_of_ratios() {
        let ratio = Ratio::of([(1.0, 1.0), (0.0, 9.0), (0.0, 0.0)].into_iter());
        assert_eq!((ratio.value(), ratio.occupied()), (Some(0.1), 2));
        assert_eq!(ratio.resampled(&[2, 1, 0]), Some(2.0 / 11.0));
        assert_eq!(ratio.resampled(&[0, 0, 3]), None);
        assert!(ratio.influence().iter().sum::<f64>().abs() < 1e-12);
        assert_eq!(Ratio::of(std::iter::empty()).value(), None);
    }
}
