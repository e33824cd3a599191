//! A monotone curve through all levels seen: how far beyond its limit each rule is, by the rate.

use super::found::{Estimate, Level, LevelRule, LevelVerdict};
use super::goodput::GOODPUT;
use crate::base::random::{Seed, unit};
use std::collections::BTreeMap;

/// How often the points are moved, and where the randomness comes from.
const DRAWS: u64 = 400;
const SEED: Seed = Seed(1);

/// What is twice as good as the limit asks, or better, counts as this.
const BEST: f64 = -1.0;

/// The error of a point whose own is not known.
const UNKNOWN_ERROR: f64 = 0.5;

/// No point is known better than this: levels differ by more than their windows show.
const LEAST_ERROR: f64 = 0.01;

/// An interval of 95 % from eight blocks of windows reaches 2.4 errors to either side; and the next level has
/// an error of its own.
const ERRORS_TO_DECIDE: f64 = 3.2;

/// A rule at a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// The natural logarithm of the rate.
    pub(super) x: f64,
    /// 1 − limit ÷ observed: 0 at the limit, more is worse, 1 for what never ends.
    pub(super) y: f64,
    /// 1 ÷ variance, of the point itself.
    pub(super) weight: f64,
}

/// The curve of the rule that meets its limit first, and where it does.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Crossing {
    /// The rate.
    pub(super) rate_per_s: f64,
    curve: Vec<Point>,
}

/// The first rule to meet its limit, by a fit through all levels; none where no rule does between two of
/// them.
///
/// Waiting times grow without bound towards saturation, so that a straight line through them, or through
/// their logarithms, ends far below where it should. One over them falls nearly straight to nought (in M/M/1
/// exactly), and is what is fitted.
pub(super) fn crossing(levels: &[Level]) -> Option<Crossing> {
    first_crossing(by_rule(levels))
}

/// Where the first rule meets its limit, with the interval that holds it in 95 of 100 cases: every point is
/// moved by its own error, again and again. None where that leaves too often no crossing at all.
pub(super) fn estimate(levels: &[Level]) -> Option<Estimate> {
    let points = by_rule(levels);
    let per_s = first_crossing(points.clone())?.rate_per_s;
    let moved = |draw: u64| {
        let mut random = SEED.stream("crossing", draw);
        let mut points = points.clone();
        for point in points.iter_mut().flatten() {
            // Twelve even numbers add up to nearly a normal one.
            let normal = (0..12).map(|_| unit(&mut random)).sum::<f64>() - 6.0;
            point.y += normal * point.weight.recip().sqrt();
        }
        Some(first_crossing(points)?.rate_per_s)
    };
    let mut draws: Vec<f64> = (0..DRAWS).filter_map(moved).collect();
    draws.sort_by(f64::total_cmp);
    let outside = draws.len() / 40;
    let last = draws.len().checked_sub(1 + outside)?;
    (draws.len() as u64 * 20 >= DRAWS * 19).then(|| Estimate {
        per_s,
        low_per_s: draws[outside].min(per_s),
        high_per_s: draws[last].max(per_s),
    })
}

/// The points of each rule. Goodput is one only where it was ever too little: as long as everything ends, it is
/// as near to its limit at the lowest rate as at the highest.
fn by_rule(levels: &[Level]) -> Vec<Vec<Point>> {
    let mut rules: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
    let telling = || levels.iter().filter(|level| level.verdict != LevelVerdict::Void);
    let is_broken = |rule: &LevelRule| rule.rule == GOODPUT && rule.verdict == LevelVerdict::Fail;
    let has_goodput = telling().flat_map(|level| &level.rules).any(is_broken);
    for level in telling() {
        for rule in level.rules.iter().filter(|rule| has_goodput || rule.rule != GOODPUT) {
            rules.entry(&rule.rule).or_default().extend(point(level.rate_per_s, rule));
        }
    }
    rules.into_values().collect()
}

fn first_crossing(rules: Vec<Vec<Point>>) -> Option<Crossing> {
    let crossings = rules.into_iter().filter_map(|points| {
        let curve = isotonic(points);
        Some(Crossing { rate_per_s: root(&curve)?.exp(), curve })
    });
    crossings.min_by(|one, other| one.rate_per_s.total_cmp(&other.rate_per_s))
}

impl Crossing {
    /// Between a rate that is decided and one that is not, the one nearest to the latter that is likely to be
    /// decided: so far from the limit, on a straight line from one to the other, as the error of what is not
    /// asks for. None where the curve does not go through both.
    pub(super) fn decidable(&self, decided: f64, open: f64) -> Option<f64> {
        let (decided, open) = (self.at(decided)?, self.at(open)?);
        let wanted = ERRORS_TO_DECIDE * open.weight.recip().sqrt() * decided.y.signum();
        let part = (wanted - open.y) / (decided.y - open.y);
        let x = open.x + part * (decided.x - open.x);
        (part.is_finite() && part >= 0.0).then(|| x.exp())
    }

    fn at(&self, rate_per_s: f64) -> Option<Point> {
        self.curve.iter().find(|point| point.x == rate_per_s.ln()).copied()
    }
}

fn point(rate_per_s: f64, rule: &LevelRule) -> Option<Point> {
    let (excess, error) = match (rule.excess, rule.verdict) {
        (Some(excess), _) => (excess, rule.excess_error.unwrap_or(UNKNOWN_ERROR)),
        // Nothing of what must be rare was seen, or something of what must not be at all.
        (None, LevelVerdict::Pass) => (BEST, UNKNOWN_ERROR),
        (None, LevelVerdict::Fail) => (-BEST, UNKNOWN_ERROR),
        (None, _) => return None,
    };
    let y = (1.0 - (-excess).exp()).max(BEST);
    let is_kept_up = rule.rule == GOODPUT && rule.verdict == LevelVerdict::Pass;
    let error = if is_kept_up { LEAST_ERROR } else { error * (-excess).exp() };
    let error = error.clamp(LEAST_ERROR, UNKNOWN_ERROR);
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
        let own = vec![(point.x, point.weight)];
        let mut pool = Pool { sum: point.y * point.weight, weight: point.weight, own };
        while let Some(last) = pools.pop_if(|last| {
            let is_same_rate = last.own.last().map(|of| of.0) == pool.own.first().map(|of| of.0);
            is_same_rate || last.mean() >= pool.mean()
        }) {
            pool = last.with(pool);
        }
        pools.push(pool);
    }
    let of_pool = |pool: Pool| {
        let y = pool.mean();
        pool.own.into_iter().map(move |(x, weight)| Point { x, y, weight })
    };
    pools.into_iter().flat_map(of_pool).collect()
}

/// Neighbours that share a height.
struct Pool {
    sum: f64,
    weight: f64,
    /// Where each is, and its own weight.
    own: Vec<(f64, f64)>,
}

impl Pool {
    fn mean(&self) -> f64 {
        self.sum / self.weight
    }

    fn with(mut self, later: Self) -> Self {
        self.own.extend(later.own);
        Self { sum: self.sum + later.sum, weight: self.weight + later.weight, own: self.own }
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
