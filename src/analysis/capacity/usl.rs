//! The Universal Scalability Law through all levels: what comes out against how many are under way.

use super::found::{Law, Level, LevelVerdict, Scalability};
use crate::base::figures;
use crate::base::random::{Seed, unit};

/// Three numbers are not to be had from fewer levels than this.
const FEWEST: usize = 5;

/// The most that are under way must be so many times the fewest: a law from one end of a curve is none.
const SPREAD: f64 = 3.0;

/// With less of the variance explained it is said not to fit.
const FITS: f64 = 0.9;

/// A peak that was surpassed, or nearly, is none.
const SURPASSED: f64 = 1.02;

/// Resamples of the interval of the peak, and where their randomness comes from.
const RESAMPLES: u64 = 500;
const SEED: Seed = Seed(1);

/// In so many of them a peak has to be, before one is foreseen.
const PEAKS: f64 = 0.975;

/// A level as the law sees it: iterations under way, and completed per second.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Load {
    under_way: f64,
    per_s: f64,
}

/// N ÷ X = a + b (N − 1) + c N (N − 1), all at least 0: λ = 1 ÷ a, σ = b ÷ a, κ = c ÷ a.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Curve {
    a: f64,
    b: f64,
    c: f64,
}

/// Fits the law to the levels that came to rest: of others nobody knows how many would be under way. The least
/// squares are those of relative errors, with no part below 0.
///
/// Gunther, *Guerrilla Capacity Planning* (2007), chapter 4, which fits the same three parts of N ÷ X.
pub(super) fn fit(levels: &[Level]) -> Scalability {
    let without = |remark: String| Scalability { law: None, remark: Some(remark) };
    let loads = loads(levels);
    let lowest = loads.first().map_or(0.0, |load| load.under_way);
    let highest = loads.last().map_or(0.0, |load| load.under_way);
    if loads.len() < FEWEST || highest < SPREAD * lowest {
        let there = match loads.len() {
            0 => "none came to rest".to_owned(),
            1 => format!("there is 1, with {lowest:.1} under way"),
            number => format!("there are {number}, with {lowest:.1} to {highest:.1} under way"),
        };
        return without(format!(
            "too little to fit it to: it takes {FEWEST} levels at rest, with {SPREAD} times as many iterations \
             under way at the highest as at the lowest; {there}"
        ));
    }
    let Some(curve) = curve(&loads) else {
        return without("the levels follow no such law".to_owned());
    };
    let r_squared = r_squared(&loads, curve);
    if r_squared < FITS {
        return without(format!(
            "the law explains only {:.0}% of what was completed",
            r_squared.max(0.0) * 100.0
        ));
    }
    let peaks = peaks(&loads);
    let part = peaks.len() as f64 / RESAMPLES as f64;
    let end = |part: f64| peaks.get(place(part, peaks.len())).copied();
    let most = loads.iter().map(|load| load.per_s).fold(0.0, f64::max);
    let has_peak = part >= PEAKS;
    let peak_per_s = curve.peak().filter(|_| has_peak);
    if let Some(peak) = peak_per_s.filter(|peak| *peak < most * SURPASSED) {
        return without(format!(
            "the law bends too early: it has its peak at {peak:.1} a second, and {most:.1} were completed at rest"
        ));
    }
    let ceiling =
        (curve.b > 0.0).then(|| format!("it comes near {} a second", figures::rate(1.0 / curve.b)));
    let remark = match (peak_per_s, ceiling) {
        (Some(peak), _) if peak > 1.5 * most => {
            Some("the peak lies far beyond what was measured: it is foreseen, not seen".to_owned())
        }
        (Some(_), _) if loads.last().is_some_and(|last| last.per_s >= most) => {
            Some("foreseen, not seen: with the most under way, most was completed".to_owned())
        }
        (Some(_), _) => None,
        (None, Some(ceiling)) => {
            Some(format!("no peak within what was measured; {ceiling} at most"))
        }
        (None, None) => Some("no limit within what was measured".to_owned()),
    };
    let law = Law {
        alone_per_s: 1.0 / curve.a,
        contention: curve.b / curve.a,
        coherency: curve.c / curve.a,
        r_squared,
        peak_per_s,
        peak_low_per_s: peak_per_s.and_then(|_| end(0.025)),
        peak_high_per_s: peak_per_s.and_then(|_| end(0.975)),
    };
    Scalability { law: Some(law), remark }
}

impl Law {
    /// How many complete per second with so many under way.
    pub fn per_s(&self, under_way: f64) -> f64 {
        let n = under_way;
        self.alone_per_s * n / (1.0 + self.contention * (n - 1.0) + self.coherency * n * (n - 1.0))
    }
}

impl Curve {
    fn per_s(self, n: f64) -> f64 {
        n / (self.a + self.b * (n - 1.0) + self.c * n * (n - 1.0))
    }

    /// The most: at N = √((1 − σ) ÷ κ).
    fn peak(self) -> Option<f64> {
        let n = ((self.a - self.b) / self.c).sqrt();
        (self.c > 0.0 && n.is_finite() && n >= 1.0).then(|| self.per_s(n))
    }
}

/// By the number under way; levels that say nothing, or never came to rest, left out.
fn loads(levels: &[Level]) -> Vec<Load> {
    let is_at_rest = |level: &&Level| {
        let is_told = level.verdict != LevelVerdict::Void && level.stops.is_none();
        is_told && level.is_settled && level.in_flight > 0.0 && level.completed_per_s > 0.0
    };
    let at_rest = levels.iter().filter(is_at_rest);
    // Where work piles up, more are under way than the rate would have.
    let keeps_up = at_rest.filter(|level| level.completed_per_s >= 0.95 * level.rate_per_s);
    let mut loads: Vec<Load> = keeps_up
        .map(|level| Load { under_way: level.in_flight, per_s: level.completed_per_s })
        .collect();
    loads.sort_by(|one, other| one.under_way.total_cmp(&other.under_way));
    loads
}

/// The best of all fits with some of the three parts, none of them negative: with three parts that is quicker
/// than looking for it.
fn curve(loads: &[Load]) -> Option<Curve> {
    const PARTS: &[[bool; 3]] =
        &[[true, true, true], [true, true, false], [true, false, true], [true, false, false]];
    let fits = PARTS.iter().filter_map(|parts| with_parts(loads, *parts));
    let valid = fits.filter(|curve| curve.a > 0.0 && curve.b >= 0.0 && curve.c >= 0.0);
    valid.min_by(|one, other| misfit(loads, *one).total_cmp(&misfit(loads, *other)))
}

fn misfit(loads: &[Load], curve: Curve) -> f64 {
    let off = |load: &Load| (curve.per_s(load.under_way) / load.per_s - 1.0).powi(2);
    loads.iter().map(off).sum()
}

/// Weighted least squares by the normal equations, three at most.
fn with_parts(loads: &[Load], parts: [bool; 3]) -> Option<Curve> {
    let mut rows = [[0.0f64; 4]; 3];
    for load in loads {
        let n = load.under_way;
        let terms = [1.0, n - 1.0, n * (n - 1.0)];
        let (time, weight) = (n / load.per_s, (load.per_s / n).powi(2));
        for (row, own) in rows.iter_mut().zip(terms) {
            for (cell, other) in row.iter_mut().zip(terms.into_iter().chain([time])) {
                *cell += weight * own * other;
            }
        }
    }
    for (place, is_in) in parts.into_iter().enumerate() {
        if !is_in {
            rows[place] = [0.0; 4];
            rows.iter_mut().for_each(|row| row[place] = 0.0);
            rows[place][place] = 1.0;
        }
    }
    let [a, b, c] = solved(rows)?;
    Some(Curve { a, b, c })
}

/// Three equations in three unknowns, by elimination; the right side is the fourth column.
fn solved(mut rows: [[f64; 4]; 3]) -> Option<[f64; 3]> {
    for pivot in 0..3 {
        let best = (pivot..3)
            .max_by(|one, other| rows[*one][pivot].abs().total_cmp(&rows[*other][pivot].abs()))?;
        rows.swap(pivot, best);
        let scale = rows[pivot][pivot];
        if scale.abs() < 1e-300 || !scale.is_finite() {
            return None;
        }
        rows[pivot].iter_mut().for_each(|cell| *cell /= scale);
        let pivoted = rows[pivot];
        for (place, row) in rows.iter_mut().enumerate() {
            if place != pivot {
                let factor = row[pivot];
                row.iter_mut().zip(pivoted).for_each(|(cell, by)| *cell -= factor * by);
            }
        }
    }
    Some([rows[0][3], rows[1][3], rows[2][3]])
}

#[expect(clippy::cast_precision_loss, reason = "levels are few")]
fn r_squared(loads: &[Load], curve: Curve) -> f64 {
    let mean = loads.iter().map(|load| load.per_s).sum::<f64>() / loads.len() as f64;
    let left = loads.iter().map(|load| (load.per_s - curve.per_s(load.under_way)).powi(2));
    let all = loads.iter().map(|load| (load.per_s - mean).powi(2));
    1.0 - left.sum::<f64>() / all.sum::<f64>()
}

/// The peaks of resamples of the levels, in order; fewer than resamples where some have none.
fn peaks(loads: &[Load]) -> Vec<f64> {
    let one = |resample: u64| {
        let mut random = SEED.stream("scalability", resample);
        let mut drawn: Vec<Load> = (0..loads.len())
            .filter_map(|_| loads.get(place(unit(&mut random), loads.len())).copied())
            .collect();
        drawn.sort_by(|one, other| one.under_way.total_cmp(&other.under_way));
        curve(&drawn)?.peak()
    };
    let mut peaks: Vec<f64> = (0..RESAMPLES).filter_map(one).collect();
    peaks.sort_by(f64::total_cmp);
    peaks
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn place(part: f64, of: usize) -> usize {
    ((part * of as f64) as usize).min(of.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::level;
    use super::*;

    fn levels(of: impl Fn(f64) -> f64, under_way: &[f64]) -> Vec<Level> {
        let one = |n: &f64| {
            let per_s = of(*n);
            Level {
                in_flight: *n,
                completed_per_s: per_s,
                ..level(per_s, LevelVerdict::Pass, -1.0)
            }
        };
        under_way.iter().map(one).collect()
    }

    const UNDER_WAY: &[f64] = &[1.0, 2.0, 4.0, 7.0, 12.0, 20.0, 32.0];

    #[test]
    fn a_law_that_is_there_is_found_with_its_peak() {
        let truth = Law {
            alone_per_s: 20.0,
            contention: 0.05,
            coherency: 0.001,
            r_squared: 1.0,
            peak_per_s: None,
            peak_low_per_s: None,
            peak_high_per_s: None,
        };
        let found = fit(&levels(|n| truth.per_s(n), &UNDER_WAY[..6]));
        let law = found.law.unwrap();
        assert!(found.remark.unwrap().starts_with("foreseen, not seen"));
        for (found, expected) in [
            (law.alone_per_s, 20.0),
            (law.contention, 0.05),
            (law.coherency, 0.001),
            (law.r_squared, 1.0),
            // At N = √(0.95 ÷ 0.001) = 30.8.
            (law.peak_per_s.unwrap(), truth.per_s(950f64.sqrt())),
        ] {
            assert!((found / expected - 1.0).abs() < 1e-6, "{law:?}");
        }
        assert!(law.peak_low_per_s.unwrap() <= law.peak_per_s.unwrap() * 1.000_001);
    }

    /// M/M/1 is the law with σ = ½ and λ half of what the server can do, and has no peak.
    #[test]
    fn a_single_server_has_a_ceiling_and_no_peak() {
        let found = fit(&levels(|n| 100.0 * n / (1.0 + n), UNDER_WAY));
        let law = found.law.unwrap();
        assert!((law.alone_per_s - 50.0).abs() < 1e-6 && (law.contention - 0.5).abs() < 1e-6);
        assert_eq!((law.peak_per_s, law.peak_low_per_s), (None, None));
        assert_eq!(
            found.remark.unwrap(),
            "no peak within what was measured; it comes near 100 a second at most"
        );
    }

    /// Four servers and a queue: straight up, and then a sharp bend, which is no knee of the law.
    #[test]
    fn a_peak_that_was_surpassed_is_none() {
        let seen = [
            (0.925, 19.1),
            (1.51, 30.1),
            (2.25, 45.2),
            (2.92, 56.1),
            (3.45, 60.3),
            (3.95, 68.3),
            (5.03, 74.9),
            (6.36, 83.2),
            (7.13, 80.8),
        ];
        let levels = seen.map(|(in_flight, completed_per_s)| Level {
            in_flight,
            completed_per_s,
            ..level(completed_per_s, LevelVerdict::Pass, -1.0)
        });
        let found = fit(&levels);
        assert!(found.law.is_none(), "{found:?}");
        assert!(found.remark.unwrap().starts_with("the law bends too early"));
    }

    #[test]
    fn what_follows_no_law_or_is_too_little_is_said_to() {
        let none = fit(&levels(|n| 20.0 * n, &[1.0, 2.0, 4.0]));
        assert!(none.law.is_none() && none.remark.unwrap().starts_with("too little"));
        let jumps = fit(&levels(|n| if n < 5.0 { 90.0 } else { 100.0 }, UNDER_WAY));
        assert!(jumps.law.is_none(), "{jumps:?}");
        let mut moving = levels(|n| 20.0 * n, UNDER_WAY);
        moving.iter_mut().for_each(|level| level.is_settled = false);
        assert!(fit(&moving).law.is_none());
    }
}
