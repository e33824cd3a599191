//! A monotone curve through all levels seen: how far beyond its limit each rule is, by the rate.

use super::found::{Level, LevelRule, LevelVerdict};
use std::collections::BTreeMap;

/// What is twice as good as the limit asks, or better, counts as this.
const BEST: f64 = -1.0;

/// The error of a point whose own is not known.
const UNKNOWN_ERROR: f64 = 0.5;

/// No point is known better than this: levels differ by more than their windows show.
const LEAST_ERROR: f64 = 0.01;

/// A rule at a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// The natural logarithm of the rate.
    pub(super) x: f64,
    /// 1 − limit ÷ observed: 0 at the limit, more is worse, 1 for what never ends.
    pub(super) y: f64,
    /// 1 ÷ variance.
    pub(super) weight: f64,
}

/// The rate at which the first rule meets its limit, by a fit through all levels; none where no rule does
/// between two of them.
///
/// Waiting times grow without bound towards saturation, so that a straight line through them, or through
/// their logarithms, ends far below where it should. One over them falls nearly straight to nought (in M/M/1
/// exactly), and is what is fitted.
pub(super) fn crossing(levels: &[Level]) -> Option<f64> {
    let mut rules: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
    let telling = levels.iter().filter(|level| level.verdict != LevelVerdict::Void);
    for level in telling {
        for rule in &level.rules {
            rules.entry(&rule.rule).or_default().extend(point(level.rate_per_s, rule));
        }
    }
    let crossings = rules.into_values().filter_map(|points| root(&isotonic(points)));
    crossings.min_by(f64::total_cmp).map(f64::exp)
}

fn point(rate_per_s: f64, rule: &LevelRule) -> Option<Point> {
    let (excess, error) = match (rule.excess, rule.verdict) {
        (Some(excess), _) => (excess, rule.excess_error.unwrap_or(UNKNOWN_ERROR)),
        // Nothing of what must be rare was seen, or something of what must not be at all.
        (None, LevelVerdict::Pass) => (BEST, UNKNOWN_ERROR),
        (None, LevelVerdict::Fail) => (-BEST, UNKNOWN_ERROR),
        (None, _) => return None,
    };
    // What has to end is bounded from above by itself, and is fitted as it is.
    let y = (1.0 - (-excess).exp()).max(BEST);
    let error = (error * (-excess).exp()).clamp(LEAST_ERROR, UNKNOWN_ERROR);
    Some(Point { x: rate_per_s.ln(), y, weight: (error * error).recip() })
}

/// The nearest curve that never falls, by weighted least squares: pool adjacent violators.
///
/// Ayer, Brunk, Ewing, Reid & Silverman, *An empirical distribution function for sampling with incomplete
/// information*, Annals of Mathematical Statistics 26 (1955) 641–647.
pub(super) fn isotonic(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|one, other| one.x.total_cmp(&other.x));
    let mut pools: Vec<Pool> = Vec::new();
    for point in points {
        let mut pool =
            Pool { sum: point.y * point.weight, weight: point.weight, xs: vec![point.x] };
        while let Some(last) = pools.pop_if(|last| {
            let is_same_rate = last.xs.last() == pool.xs.first();
            is_same_rate || last.mean() >= pool.mean()
        }) {
            pool = last.with(pool);
        }
        pools.push(pool);
    }
    let of_pool = |pool: Pool| {
        let (y, weight) = (pool.mean(), pool.weight);
        pool.xs.into_iter().map(move |x| Point { x, y, weight })
    };
    pools.into_iter().flat_map(of_pool).collect()
}

struct Pool {
    sum: f64,
    weight: f64,
    xs: Vec<f64>,
}

impl Pool {
    fn mean(&self) -> f64 {
        self.sum / self.weight
    }

    fn with(mut self, later: Self) -> Self {
        self.xs.extend(later.xs);
        Self { sum: self.sum + later.sum, weight: self.weight + later.weight, xs: self.xs }
    }
}

/// Where the curve crosses nought, straight between two points.
fn root(curve: &[Point]) -> Option<f64> {
    let place = curve.iter().position(|point| point.y > 0.0)?;
    let (below, above) = (curve.get(place.checked_sub(1)?)?, curve.get(place)?);
    let part = -below.y / (above.y - below.y);
    Some(below.x + part * (above.x - below.x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(of: &[(f64, f64, f64)]) -> Vec<Point> {
        of.iter().map(|(x, y, weight)| Point { x: *x, y: *y, weight: *weight }).collect()
    }

    fn heights(of: &[(f64, f64, f64)]) -> Vec<f64> {
        isotonic(points(of)).iter().map(|point| point.y).collect()
    }

    #[test]
    fn a_table_worked_by_hand() {
        assert_eq!(heights(&[(1.0, 1.0, 1.0), (2.0, 2.0, 1.0)]), [1.0, 2.0]);
        assert_eq!(heights(&[(1.0, 2.0, 1.0), (2.0, 1.0, 1.0)]), [1.5, 1.5]);
        // The surer one has more to say.
        assert_eq!(heights(&[(1.0, 2.0, 3.0), (2.0, 1.0, 1.0)]), [1.75, 1.75]);
        let back = heights(&[(1.0, 1.0, 1.0), (2.0, 3.0, 1.0), (3.0, 2.0, 1.0), (4.0, 1.5, 1.0)]);
        assert_eq!(back, [1.0, 6.5 / 3.0, 6.5 / 3.0, 6.5 / 3.0]);
        // One rate, two levels: one height.
        assert_eq!(heights(&[(1.0, 1.0, 1.0), (1.0, 3.0, 1.0)]), [2.0, 2.0]);
        assert!(heights(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn the_curve_never_falls_and_keeps_the_weighted_mean(
            of in prop::collection::vec((0.0f64..5.0, -1.0f64..1.0, 0.1f64..10.0), 1..30),
        ) {
            let curve = isotonic(points(&of));
            prop_assert_eq!(curve.len(), of.len());
            prop_assert!(curve.windows(2).all(|pair| pair[0].y <= pair[1].y + 1e-12));
            let (lowest, highest) = of.iter().fold((1.0f64, -1.0f64), |ends, point| {
                (ends.0.min(point.1), ends.1.max(point.1))
            });
            prop_assert!(curve.iter().all(|p| p.y >= lowest - 1e-9 && p.y <= highest + 1e-9));
        }
    }

    #[test]
    fn the_crossing_lies_between_the_last_below_and_the_first_above() {
        let curve = isotonic(points(&[(1.0, -0.5, 1.0), (2.0, -0.1, 1.0), (3.0, 0.3, 1.0)]));
        assert!((root(&curve).unwrap() - 2.25).abs() < 1e-12);
        assert_eq!(root(&isotonic(points(&[(1.0, -0.5, 1.0)]))), None);
        assert_eq!(root(&isotonic(points(&[(1.0, 0.5, 1.0)]))), None);
    }
}
