//! Student's t: how far an estimate may be off when its own error is an estimate.

use statrs::distribution::{ChiSquared, ContinuousCDF, StudentsT};

/// Beyond so many degrees of freedom it is the normal distribution to five digits.
const MANY: f64 = 1e5;

/// The t that a fraction `probability` of the distribution does not exceed, with so many degrees of
/// freedom, at least 1: `quantile(4.0, 0.975)` is 2.776. `probability` is kept inside (0, 1).
pub fn quantile(freedom: f64, probability: f64) -> f64 {
    let probability = probability.clamp(1e-9, 1.0 - 1e-9);
    distribution(freedom).map_or(f64::INFINITY, |student| student.inverse_cdf(probability))
}

/// The fraction of the distribution above `t`; 1 of −∞, 0 of ∞.
pub fn above(freedom: f64, t: f64) -> f64 {
    if t.is_infinite() {
        return if t > 0.0 { 0.0 } else { 1.0 };
    }
    distribution(freedom).map_or(1.0, |student| student.sf(t))
}

/// The χ² that a fraction `probability` does not exceed, with so many degrees of freedom, at least 1.
pub fn chi_squared(freedom: f64, probability: f64) -> f64 {
    let probability = probability.clamp(1e-9, 1.0 - 1e-9);
    let found = ChiSquared::new(freedom.clamp(1.0, MANY));
    found.map_or(f64::INFINITY, |squared| squared.inverse_cdf(probability))
}

fn distribution(freedom: f64) -> Option<StudentsT> {
    let freedom = if freedom.is_nan() { 1.0 } else { freedom.clamp(1.0, MANY) };
    StudentsT::new(0.0, 1.0, freedom).ok()
}

/// Degrees of freedom of a sum of independent variances, each with its own.
///
/// Satterthwaite, *An approximate distribution of estimates of variance components*, Biometrics
/// Bulletin 2 (1946) 110–114. Without any variance, infinite.
pub fn of_sum(variances: &[(f64, f64)]) -> f64 {
    let sum: f64 = variances.iter().map(|(variance, _)| variance).sum();
    let parts: f64 =
        variances.iter().map(|(variance, freedom)| variance * variance / freedom.max(1.0)).sum();
    if parts > 0.0 { sum * sum / parts } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the printed tables.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (freedom, probability, expected) in [
            (1.0, 0.975, 12.706),
            (2.0, 0.975, 4.303),
            (4.0, 0.975, 2.776),
            (4.0, 0.95, 2.132),
            (10.0, 0.995, 3.169),
            (30.0, 0.975, 2.042),
            (120.0, 0.975, 1.980),
            (299.0, 0.975, 1.968),
            (1e9, 0.975, 1.960),
            (f64::INFINITY, 0.975, 1.960),
        ] {
            let found = quantile(freedom, probability);
            assert!((found - expected).abs() < 6e-4, "{freedom} {probability}: {found}");
            assert!((above(freedom, found) - (1.0 - probability)).abs() < 1e-6, "{freedom}");
        }
    }

    #[test]
    fn chi_squared_is_that_of_the_tables() {
        for (freedom, expected) in [(1.0, 2.706), (4.0, 7.779), (10.0, 15.987)] {
            assert!((chi_squared(freedom, 0.9) - expected).abs() < 1e-3, "{freedom}");
        }
    }

    #[test]
    fn what_cannot_be_is_harmless() {
        assert_eq!((above(3.0, f64::INFINITY), above(3.0, f64::NEG_INFINITY)), (0.0, 1.0));
        assert!(quantile(f64::NAN, 0.975) > 12.0);
        assert!(quantile(-1.0, 2.0) > 1e6);
        assert_eq!(of_sum(&[]), f64::INFINITY);
    }

    #[test]
    fn freedoms_of_a_sum_lie_between_the_smaller_and_both_together() {
        assert!((of_sum(&[(1.0, 4.0), (1.0, 4.0)]) - 8.0).abs() < 1e-12);
        assert!((of_sum(&[(1.0, 4.0), (0.0, 9.0)]) - 4.0).abs() < 1e-12);
    }
}
