//! A straight line through a run that single stretches do not move, and how far chance may have tilted it.

use super::inflation::Inflation;
use super::stretch::Point;
use crate::analysis::statistics::student;

/// A slope with its doubt. Its pairs are those within a segment: what happened in a gap, or at a jump, is
/// none.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// How many points it goes through.
    pub points: usize,
    /// The median of all values.
    pub level: f64,
    /// The median of the slopes between all pairs (Theil 1950, Sen 1968), per second of the clock.
    pub per_s: f64,
    /// Its standard error; none where that is not known, because neighbours share too much of their fate.
    pub error_per_s: Option<f64>,
    /// Degrees of freedom of the error.
    pub freedom: f64,
    /// How probable so much order, upwards or downwards, is where there is none: Mann and Kendall's
    /// S (1945, 1975), its variance corrected for memory.
    pub mann_kendall_p: f64,
    /// The middle of the last segment, in seconds from the start of the run, and the line's value there.
    pub newest: (f64, f64),
    /// The standard error of that value.
    pub newest_error: f64,
}

/// With how many standard errors on each side the order of the slopes is read off for one of them.
const READ_AT: f64 = 2.0;

impl Line {
    /// Through points in order. `resolution` is the standard deviation of what a value may be off by alone
    /// because of how it is written down. None without two points in one segment.
    ///
    /// Sen, *Estimates of the regression coefficient based on Kendall's tau*, Journal of the American
    /// Statistical Association 63 (1968) 1379–1389: how far S may be off says which of the ordered slopes
    /// bound the true one. The variance of S is inflated for memory, as Hamed & Rao, *A modified Mann–Kendall
    /// trend test for autocorrelated data*, Journal of Hydrology 204 (1998) 182–196, do, with
    /// [`Inflation`] in place of their sum.
    pub fn through(points: &[Point], resolution: f64) -> Option<Self> {
        let pairs = Pairs::of(points);
        let per_s = quantile(&pairs.slopes, 0.5)?;
        let parts: Vec<&[Point]> = points.chunk_by(|a, b| a.segment == b.segment).collect();
        let residuals: Vec<f64> = parts.iter().flat_map(|part| residuals(part, per_s)).collect();
        let weights: Vec<f64> = parts.iter().flat_map(|part| off_centre(part)).collect();
        let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
        let inflation = Inflation::of(&residuals, &weights, parts.len() + 1);
        let deviation = (pairs.variance * inflation.factor).sqrt();
        let error = pairs.error(deviation);
        let floor = if squares > 0.0 { resolution / squares.sqrt() } else { 0.0 };
        let last = parts.last()?;
        let mut values: Vec<f64> = points.iter().map(|point| point.value).collect();
        Some(Self {
            points: points.len(),
            level: median(&mut values),
            per_s,
            error_per_s: error.map(|error| error.hypot(floor)),
            freedom: inflation.freedom,
            mann_kendall_p: two_sided(inflation.freedom, (pairs.score.abs() - 1.0) / deviation),
            newest: newest(last, per_s),
            newest_error: error_of_level(last, &residuals, parts.len() + 1),
        })
    }

    /// The slope's interval of such a confidence; none where its error is not known.
    pub fn interval(&self, confidence: f64) -> Option<(f64, f64)> {
        let reach =
            self.error_per_s? * student::quantile(self.freedom, f64::midpoint(1.0, confidence));
        Some((self.per_s - reach, self.per_s + reach))
    }

    /// How probable so steep a slope, or a steeper one, is where there is none.
    pub fn p(&self) -> f64 {
        match self.error_per_s {
            None => 1.0,
            Some(_) if self.per_s == 0.0 => 1.0,
            Some(error) => two_sided(self.freedom, self.per_s.abs() / error),
        }
    }
}

fn two_sided(freedom: f64, t: f64) -> f64 {
    // Where nothing varies, t is no number.
    if t.is_nan() || t <= 0.0 { 1.0 } else { (2.0 * student::above(freedom, t)).min(1.0) }
}

/// All pairs of points of one segment.
struct Pairs {
    /// Their slopes, in order of size.
    slopes: Vec<f64>,
    /// Those that rise less those that fall.
    score: f64,
    /// The variance of the score where every order is as probable.
    variance: f64,
}

impl Pairs {
    fn of(points: &[Point]) -> Self {
        let mut found = Self { slopes: Vec::new(), score: 0.0, variance: 0.0 };
        for part in points.chunk_by(|a, b| a.segment == b.segment) {
            for (place, early) in part.iter().enumerate() {
                for late in part[place + 1..].iter().filter(|late| late.at_s > early.at_s) {
                    let rise = late.value - early.value;
                    found.slopes.push(rise / (late.at_s - early.at_s));
                    found.score += if rise == 0.0 { 0.0 } else { rise.signum() };
                }
            }
            found.variance += variance(part);
        }
        found.slopes.sort_by(f64::total_cmp);
        found
    }

    /// The standard error of the median slope, where the score has such a deviation: half of what lies between the
    /// slopes that far to either side of the middle.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand pairs")]
    fn error(&self, deviation: f64) -> Option<f64> {
        let pairs = self.slopes.len() as f64;
        // Not the outermost slopes, which are of the nearest pairs.
        let reach = READ_AT.min(0.9 * pairs / deviation);
        if deviation <= 0.0 {
            return Some(0.0);
        }
        let side = reach * deviation / pairs / 2.0;
        let ends = (quantile(&self.slopes, 0.5 - side)?, quantile(&self.slopes, 0.5 + side)?);
        (reach >= 0.5).then(|| (ends.1 - ends.0) / 2.0 / reach)
    }
}

/// n (n − 1) (2n + 5) ÷ 18, and as much less for every set of equal values.
#[expect(clippy::cast_precision_loss, reason = "a few dozen stretches")]
fn variance(part: &[Point]) -> f64 {
    let of = |n: usize| n as f64 * (n as f64 - 1.0) * (2.0 * n as f64 + 5.0);
    let mut values: Vec<f64> = part.iter().map(|point| point.value).collect();
    values.sort_by(f64::total_cmp);
    let ties: f64 = values.chunk_by(|a, b| a == b).map(|equal| of(equal.len())).sum();
    (of(part.len()) - ties) / 18.0
}

/// What is left of a segment without the slope and its own level.
fn residuals(part: &[Point], per_s: f64) -> Vec<f64> {
    let bare: Vec<f64> = part.iter().map(|point| point.value - per_s * point.at_s).collect();
    let level = median(&mut bare.clone());
    bare.into_iter().map(|value| value - level).collect()
}

fn off_centre(part: &[Point]) -> Vec<f64> {
    let centre = mean(part);
    part.iter().map(|point| point.at_s - centre).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a few dozen stretches")]
fn mean(part: &[Point]) -> f64 {
    part.iter().map(|point| point.at_s).sum::<f64>() / part.len().max(1) as f64
}

fn newest(part: &[Point], per_s: f64) -> (f64, f64) {
    let centre = mean(part);
    let mut values: Vec<f64> =
        part.iter().map(|point| point.value - per_s * (point.at_s - centre)).collect();
    (centre, median(&mut values))
}

/// Of the median of a segment, from how far residuals lie off: 1.2533 σ ÷ √n for normal ones, inflated.
#[expect(clippy::cast_precision_loss, reason = "a few dozen stretches")]
fn error_of_level(part: &[Point], residuals: &[f64], removed: usize) -> f64 {
    let inflation = Inflation::of(residuals, &vec![1.0; residuals.len()], removed);
    1.2533 * deviation(residuals) * (inflation.factor / part.len().max(1) as f64).sqrt()
}

/// A standard deviation that outliers do not move: 1.4826 times the median distance from zero.
pub(super) fn deviation(residuals: &[f64]) -> f64 {
    let mut distances: Vec<f64> = residuals.iter().map(|residual| residual.abs()).collect();
    1.4826 * median(&mut distances)
}

/// The median; 0 of nothing. Puts the numbers into another order.
pub(super) fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    quantile(numbers, 0.5).unwrap_or(0.0)
}

/// Of numbers in order: between two of them as far as it is from one to the other.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place among them")]
#[expect(clippy::cast_precision_loss, reason = "a few thousand numbers")]
fn quantile(ordered: &[f64], part: f64) -> Option<f64> {
    let last = ordered.len().checked_sub(1)? as f64;
    let place = (part * ordered.len() as f64 - 0.5).clamp(0.0, last);
    let below = place.floor();
    let (low, high) = (ordered.get(below as usize)?, ordered.get(place.ceil() as usize)?);
    Some(low + (high - low) * (place - below))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::{Seed, unit};

    fn points(values: impl IntoIterator<Item = f64>) -> Vec<Point> {
        let values = values.into_iter().enumerate();
        #[expect(clippy::cast_precision_loss, reason = "a test")]
        let point = |(place, value)| Point { at_s: place as f64 * 10.0, value, segment: 0 };
        values.map(point).collect()
    }

    #[test]
    fn a_straight_line_is_found_exactly() {
        let line = Line::through(&points((0..60).map(|n| 100.0 + f64::from(n))), 0.0).unwrap();
        assert!((line.per_s - 0.1).abs() < 1e-12);
        assert!(line.p() < 1e-6 && line.mann_kendall_p < 1e-3, "{line:?}");
        assert_eq!((line.level, line.newest), (129.5, (295.0, 129.5)));
    }

    #[test]
    fn a_level_line_has_no_slope_and_no_doubt_but_that_of_its_figures() {
        let line = Line::through(&points([7.0; 60]), 0.0).unwrap();
        assert_eq!((line.per_s, line.error_per_s, line.p()), (0.0, Some(0.0), 1.0));
        assert_eq!(line.mann_kendall_p, 1.0);
        let rounded = Line::through(&points([7.0; 60]), 0.1).unwrap();
        assert!(rounded.interval(0.95).unwrap().1 > 0.0);
        assert_eq!(Line::through(&points([7.0]), 0.0), None);
    }

    #[test]
    fn six_stretches_of_a_stall_do_not_tilt_it() {
        let mut random = Seed(2).stream("stall", 0);
        let mut noisy = points((0..60).map(|_| 100.0 + unit(&mut random)));
        let before = Line::through(&noisy, 0.0).unwrap();
        noisy[50..56].iter_mut().for_each(|point| point.value = 30_000.0);
        let after = Line::through(&noisy, 0.0).unwrap();
        assert!((after.per_s - before.per_s).abs() < 1e-3, "{before:?} {after:?}");
        assert!(after.p() > 0.05 && after.mann_kendall_p > 0.01, "{after:?}");
    }

    #[test]
    fn what_happens_between_segments_is_no_slope() {
        let mut parted = points((0..60).map(|n| 100.0 + f64::from(n % 2)));
        parted[30..].iter_mut().for_each(|point| {
            (point.value, point.segment, point.at_s) = (point.value + 50.0, 1, point.at_s + 900.0);
        });
        let line = Line::through(&parted, 0.0).unwrap();
        assert!(line.per_s.abs() < 1e-9 && line.p() > 0.5, "{line:?}");
        assert!((line.newest.1 - 150.5).abs() < 1.0);
    }

    /// Stretches that keep 0.6 of the one before, with and without a slope: the true one lies inside of
    /// nearly all intervals, and few of those without are taken for one.
    #[test]
    fn intervals_hold_the_truth_where_neighbours_share_their_fate() {
        let (mut missed, mut alarms) = (0, 0);
        for run in 0..200 {
            let mut random = Seed(3).stream("runs", run);
            let mut noise = || (0..12).map(|_| unit(&mut random)).sum::<f64>() - 6.0;
            let mut value = noise();
            let truth = if run % 2 == 0 { 0.0 } else { 0.05 };
            let values = (0..60).map(|n| {
                value = 0.6 * value + 0.8 * noise();
                100.0 + value + truth * f64::from(n)
            });
            let line = Line::through(&points(values), 0.0).unwrap();
            let (low, high) = line.interval(0.95).unwrap();
            missed += usize::from(!(low..=high).contains(&(truth / 10.0)));
            alarms += usize::from(truth == 0.0 && line.p().max(line.mann_kendall_p) < 0.05);
        }
        assert!(missed <= 18 && alarms <= 9, "{missed} of 200, {alarms} of 100");
    }
}
