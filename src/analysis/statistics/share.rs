//! Shares of faults, of which none seen is no proof of none.

/// Faults and samples of one side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The part.
    pub faults: f64,
    /// The whole.
    pub samples: f64,
}

impl Share {
    /// The variance that its estimate would have if every sample were on its own.
    pub fn variance_if_independent(self) -> f64 {
        let share = self.faults / self.samples.max(1.0);
        share * (1.0 - share) / self.samples.max(1.0)
    }

    /// With so many faults and as many good samples more, of as many as there are really: `effect`
    /// samples that share their fate count as one.
    fn padded(self, effect: f64, more: f64) -> (f64, f64) {
        let samples = self.samples / effect + 2.0 * more;
        let share = ((self.faults / effect + more) / samples).clamp(0.0, 1.0);
        (share, share * (1.0 - share) / samples)
    }

    /// Centre and standard error of one share: Agresti & Coull, *Approximate is better than “exact” for
    /// interval estimation of binomial proportions*, The American Statistician 52 (1998) 119–126: two
    /// faults and two good samples more.
    pub fn alone(self, effect: f64) -> (f64, f64) {
        let (share, variance) = self.padded(effect.max(1.0), 2.0);
        (share, variance.sqrt())
    }

    /// Centre and standard error of what the candidate has more than the baseline: Agresti & Caffo,
    /// *Simple and effective confidence intervals for proportions and differences of proportions*, The
    /// American Statistician 54 (2000) 280–288: one fault and one good sample more on each side.
    pub fn against(self, baseline: Self, effect: f64) -> (f64, f64) {
        let (mine, my_variance) = self.padded(effect.max(1.0), 1.0);
        let (before, its_variance) = baseline.padded(effect.max(1.0), 1.0);
        (mine - before, (my_variance + its_variance).sqrt())
    }
}

/// How many samples that share their fate count as one: the variance seen over the one that independent
/// samples would have (Kish, *Survey Sampling*, 1965, §8.2). At least 1.
pub fn design_effect(seen: f64, if_independent: f64) -> f64 {
    if if_independent > 0.0 && seen.is_finite() { (seen / if_independent).max(1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Share = Share { faults: 0.0, samples: 1000.0 };

    #[test]
    fn no_fault_in_a_thousand_is_no_certainty() {
        let (centre, error) = NONE.alone(1.0);
        assert!(centre > 0.0 && centre + 1.96 * error > 0.003 && centre + 1.96 * error < 0.006);
        let (centre, error) = NONE.against(NONE, 1.0);
        assert!(centre.abs() < 1e-12 && error > 0.001, "{centre} {error}");
    }

    #[test]
    fn the_difference_is_that_of_shares_with_one_more_of_each() {
        let seven = Share { faults: 7.0, samples: 53.0 };
        let (centre, error) = seven.against(Share { faults: 0.0, samples: 43.0 }, 1.0);
        let (a, b): (f64, f64) = (8.0 / 55.0, 1.0 / 45.0);
        assert!((centre - (a - b)).abs() < 1e-12);
        assert!((error - (a * (1.0 - a) / 55.0 + b * (1.0 - b) / 45.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn faults_that_come_in_bursts_count_as_fewer() {
        let share = Share { faults: 10.0, samples: 1000.0 };
        assert!(share.alone(10.0).1 > 2.0 * share.alone(1.0).1);
        assert_eq!(design_effect(0.0, 1.0), 1.0);
        assert_eq!(design_effect(1.0, 0.0), 1.0);
        assert_eq!(design_effect(6.0, 2.0), 3.0);
    }
}
