//! When iterations are due in the open model: a pure sequence of moments, whatever the tenant does.

use super::shape::Shape;
use crate::base::random::{Seed, unit};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// How arrivals are spread over time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arrivals {
    /// As independent users come: the gaps are exponential, so that bursts happen.
    Poisson,
    /// At equal distances while the rate stays.
    Constant,
}

/// What `arrivals` may be, as the profile writes it.
pub const ARRIVALS: &[(&str, Arrivals)] =
    &[("poisson", Arrivals::Poisson), ("constant", Arrivals::Constant)];

/// The moments at which iterations are due, counted from the start of the run, in order. Ends with
/// the shape.
///
/// Both kinds come from the area under the rate, Λ(t): at the moments at which it passes whole
/// numbers, or the points of a Poisson process of rate 1 (time rescaling; a Poisson process of
/// varying rate is one of rate 1 on the scale of its own Λ).
#[derive(Debug)]
pub struct Schedule {
    rate: Shape,
    arrivals: Arrivals,
    random: ChaCha8Rng,
    number: u64,
    /// Λ of the next arrival.
    next: f64,
}

impl Schedule {
    /// The arrivals of a shape whose level is a rate per second. Same seed, same moments.
    pub fn new(rate: Shape, arrivals: Arrivals, seed: Seed) -> Self {
        let mut random = seed.stream("arrivals", 0);
        let next = match arrivals {
            Arrivals::Poisson => exponential(&mut random),
            Arrivals::Constant => 0.0,
        };
        Self { rate, arrivals, random, number: 0, next }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let due = self.rate.when(self.next)?;
        self.number += 1;
        #[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 arrivals")]
        let whole = self.number as f64;
        match self.arrivals {
            Arrivals::Poisson => self.next += exponential(&mut self.random),
            Arrivals::Constant => self.next = whole,
        }
        Some(due)
    }
}

/// A draw with mean 1.
fn exponential(random: &mut ChaCha8Rng) -> f64 {
    -(1.0 - unit(random)).ln()
}

#[cfg(test)]
mod tests {
    use super::super::shape::Stage;
    use super::*;
    use proptest::prelude::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn stages(stages: &[(f64, u64, bool)]) -> Shape {
        let stage = |&(level, seconds, ramps): &_| Stage { level, lasts: s(seconds), ramps };
        Shape::of(&stages.iter().map(stage).collect::<Vec<_>>())
    }

    fn due(shape: &Shape, arrivals: Arrivals, seed: u64) -> Vec<Duration> {
        Schedule::new(shape.clone(), arrivals, Seed(seed)).collect()
    }

    #[test]
    fn a_constant_rate_is_due_at_equal_distances_from_the_start() {
        let shape = stages(&[(40.0, 10, false)]);
        let due = due(&shape, Arrivals::Constant, 1);
        assert_eq!(due.len(), 400);
        for (number, at) in due.iter().enumerate() {
            assert_eq!(at.as_micros(), number as u128 * 25_000);
        }
    }

    #[test]
    fn a_ramp_has_as_many_arrivals_as_its_area_up_to_every_moment() {
        // 0 to 100/s in 60 s, held, a spike of 10 s, and down again: Λ in closed form.
        let shape = stages(&[
            (100.0, 60, true),
            (100.0, 30, false),
            (400.0, 10, false),
            (100.0, 5, false),
            (0.0, 20, true),
        ]);
        let due = due(&shape, Arrivals::Constant, 1);
        let closed = |t: f64| match t {
            t if t <= 60.0 => 100.0 / 120.0 * t * t,
            t if t <= 90.0 => 3000.0 + 100.0 * (t - 60.0),
            t if t <= 100.0 => 6000.0 + 400.0 * (t - 90.0),
            t if t <= 105.0 => 10_000.0 + 100.0 * (t - 100.0),
            t => 10_500.0 + 100.0 * (t - 105.0) - 2.5 * (t - 105.0) * (t - 105.0),
        };
        for tenth in 0..=1250 {
            let t = f64::from(tenth) / 10.0;
            let counted = due.partition_point(|at| at.as_secs_f64() < t) as f64;
            assert!((counted - closed(t)).abs() <= 1.0, "{t} s: {counted}, not {}", closed(t));
        }
        assert_eq!(due.len(), 11_500);
    }

    /// Distance between the sorted sample and a distribution (Kolmogorov and Smirnov), × √n.
    fn distance(mut sample: Vec<f64>, distribution: impl Fn(f64) -> f64) -> f64 {
        sample.sort_by(f64::total_cmp);
        let n = sample.len() as f64;
        let off = |(place, value): (usize, &f64)| {
            let expected = distribution(*value);
            (expected - place as f64 / n).max((place + 1) as f64 / n - expected)
        };
        sample.iter().enumerate().map(off).fold(0.0, f64::max) * n.sqrt()
    }

    /// Above it, a sample of the very distribution is found in one of a thousand.
    const CRITICAL: f64 = 1.95;

    #[test]
    fn the_gaps_of_a_poisson_process_are_exponential() {
        for seed in 1..=5 {
            let shape = stages(&[(50.0, 400, false)]);
            let due = due(&shape, Arrivals::Poisson, seed);
            let gaps: Vec<_> =
                due.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
            let d = distance(gaps.clone(), |gap| 1.0 - (-50.0 * gap).exp());
            assert!(d < CRITICAL, "seed {seed}: {d}");
            // One gap says nothing about the next: correlation of neighbours 0 ± 4/√n.
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let products = gaps.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean));
            let correlation = products.sum::<f64>() / gaps.len() as f64 / (mean * mean);
            assert!(correlation.abs() < 4.0 / (gaps.len() as f64).sqrt(), "{seed}: {correlation}");
        }
    }

    #[test]
    fn gaps_that_are_not_exponential_are_found_by_the_same_test() {
        let even: Vec<_> = (0..20_000).map(|n| 0.02 + f64::from(n % 7) * 1e-4).collect();
        assert!(distance(even, |gap| 1.0 - (-50.0 * gap).exp()) > 10.0 * CRITICAL);
    }

    #[test]
    fn poisson_arrivals_follow_a_ramp() {
        let shape = stages(&[(100.0, 100, true), (20.0, 100, false)]);
        for seed in 1..=5 {
            let due = due(&shape, Arrivals::Poisson, seed);
            // 7000 ± 4 standard deviations.
            assert!(due.len().abs_diff(7000) < 335, "seed {seed}: {}", due.len());
            let sample = due.iter().map(Duration::as_secs_f64).collect();
            let total = shape.total();
            let d = distance(sample, |t| shape.area(Duration::from_secs_f64(t)) / total);
            assert!(d < CRITICAL, "seed {seed}: {d}");
        }
    }

    #[test]
    fn the_same_seed_is_the_same_schedule() {
        let shape = stages(&[(50.0, 10, false)]);
        assert_eq!(due(&shape, Arrivals::Poisson, 7), due(&shape, Arrivals::Poisson, 7));
        assert_ne!(due(&shape, Arrivals::Poisson, 7), due(&shape, Arrivals::Poisson, 8));
    }

    proptest! {
        #[test]
        fn arrivals_are_in_order_and_end_with_the_shape(
            parts in proptest::collection::vec((0u32..200, 0u64..20, any::<bool>()), 1..6),
            poisson in any::<bool>(),
        ) {
            let parts: Vec<_> = parts
                .into_iter()
                .map(|(level, seconds, ramps)| (f64::from(level), seconds, ramps))
                .collect();
            let shape = stages(&parts);
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let due = due(&shape, arrivals, 3);
            prop_assert!(due.is_sorted());
            let end = shape.length().unwrap();
            prop_assert!(due.iter().all(|at| *at <= end));
            if !poisson {
                prop_assert!((due.len() as f64 - shape.total()).abs() <= 1.0);
            }
        }
    }
}
