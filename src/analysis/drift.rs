//! Slow growth: how fast a percentile rises or falls over a run, whatever single windows do.
//!
//! The slope is the median of the slopes between all pairs of stretches (Theil 1950, Sen 1968): a stall or a
//! pause somewhere in the run, or a few of them, does not move it.

use super::statistics::autocorrelation::Memory;
use super::statistics::student;
use crate::base::random::{Seed, unit};
use crate::measure::histogram::{Judged, Percentile};
use crate::measure::sample::micros;
use crate::measure::windows::Cell;
use std::time::Duration;

/// With fewer stretches there is no telling.
pub const FEWEST_STRETCHES: usize = 8;

/// A stretch with fewer samples is none.
pub const FEWEST_SAMPLES: u64 = 20;

/// Into how many stretches of equal length a run is cut; the first that leaves most of them with samples
/// enough. More than these would tell no more: there are 1770 pairs of 60.
const CUTS: &[usize] = &[60, 30, 15, FEWEST_STRETCHES];

/// Resamples of the interval.
const RESAMPLES: u64 = 400;

/// Where their randomness comes from: the same run has the same interval, always.
const SEED: Seed = Seed(1);

/// The confidence of the interval.
const CONFIDENCE: f64 = 0.95;

/// What a run shows of a drift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trend {
    /// It has no sample.
    Nothing,
    /// It has fewer than [`FEWEST_STRETCHES`] with [`FEWEST_SAMPLES`] each.
    TooShort,
    /// It drifts: in parts of the median of the stretches, per second of measured time.
    Of {
        /// The slope.
        per_s: f64,
        /// Length of the measured part.
        measured_s: f64,
        /// Lower end of the slope's 95 % interval.
        low_per_s: f64,
        /// Upper end.
        high_per_s: f64,
    },
}

/// The drift of a percentile. A stretch in which it falls on a time-out counts as slow as what was waited
/// for, at most `reply_timeout`.
pub fn trend(cells: &[Cell], percentile: Percentile, reply_timeout: Duration) -> Trend {
    if cells.iter().all(|cell| events(cell) == 0) {
        return Trend::Nothing;
    }
    let cuts = CUTS.iter().map(|cut| points(cells, *cut, percentile, reply_timeout));
    // Of equals the last, whose stretches are longer.
    let Some(points) = cuts.max_by_key(Vec::len).filter(|points| points.len() >= FEWEST_STRETCHES)
    else {
        return Trend::TooShort;
    };
    let mut levels: Vec<_> = points.iter().map(|(_, level)| *level).collect();
    let level = median(&mut levels);
    let slope = slope(&points);
    let half = half_width(&points, slope);
    let measured_ms: u64 = cells.iter().map(|cell| cell.measured_ms).sum();
    Trend::Of {
        per_s: slope / level,
        measured_s: Duration::from_millis(measured_ms).as_secs_f64(),
        low_per_s: (slope - half) / level,
        high_per_s: (slope + half) / level,
    }
}

const fn events(cell: &Cell) -> u64 {
    cell.pool.good.count() + cell.pool.beyond
}

/// The percentile of each stretch, in microseconds, at its middle, in seconds of measured time.
#[expect(clippy::cast_precision_loss, reason = "times are below 2^52")]
fn points(
    cells: &[Cell],
    cut: usize,
    percentile: Percentile,
    reply_timeout: Duration,
) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let mut before_ms = 0;
    for stretch in cells.chunks(cells.len().div_ceil(cut).max(1)) {
        let mut sum = stretch[0].clone();
        stretch[1..].iter().for_each(|cell| sum.append(cell));
        let middle_s = (before_ms as f64 + sum.measured_ms as f64 / 2.0) / 1e3;
        before_ms += sum.measured_ms;
        if events(&sum) >= FEWEST_SAMPLES {
            let level_us = match sum.pool.judged(percentile) {
                Some(Judged::Within(time_us)) => time_us,
                _ => micros(reply_timeout).max(sum.pool.good.max_us()),
            };
            points.push((middle_s, level_us.max(1) as f64));
        }
    }
    points
}

/// The slope of Theil and Sen. Points at one and the same place have none between them.
fn slope(points: &[(f64, f64)]) -> f64 {
    let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
    for (place, (x, y)) in points.iter().enumerate() {
        let later = points[place + 1..].iter().filter(|(later, _)| later > x);
        slopes.extend(later.map(|(later, level)| (level - y) / (later - x)));
    }
    median(&mut slopes)
}

/// The median; 0 of nothing. Puts the numbers into another order.
fn median(numbers: &mut [f64]) -> f64 {
    let half = numbers.len() / 2;
    if numbers.is_empty() {
        return 0.0;
    }
    let is_even = numbers.len().is_multiple_of(2);
    let (lower, middle, _) = numbers.select_nth_unstable_by(half, f64::total_cmp);
    let below = lower.iter().copied().max_by(f64::total_cmp).filter(|_| is_even);
    below.map_or(*middle, |below| f64::midpoint(below, *middle))
}

/// Half the width of the slope's interval: its standard error when blocks of neighbouring residuals are drawn
/// anew (neighbours share their fate), times Student's t with the number of blocks less one.
#[expect(clippy::cast_precision_loss, reason = "a few dozen points")]
fn half_width(points: &[(f64, f64)], found: f64) -> f64 {
    let mut bare: Vec<_> = points.iter().map(|(x, y)| y - found * x).collect();
    let level = median(&mut bare);
    let residuals: Vec<_> = points.iter().map(|(x, y)| y - found * x - level).collect();
    let memory = Memory::of(&residuals);
    // So few points know little of their own memory: what they show of it is the least. At least four blocks.
    let (least, most) = (points.len() / 6, points.len() / 4);
    let block = memory.block_length().max(least).min(most).max(1);
    let anew = (0..RESAMPLES).map(|resample| {
        let mut random = SEED.stream("drift", resample);
        let mut drawn = Vec::with_capacity(points.len() + block);
        while drawn.len() < points.len() {
            let start = below(points.len(), unit(&mut random));
            drawn.extend((start..start + block).map(|place| residuals[place % residuals.len()]));
        }
        let points = points.iter().zip(drawn).map(|((x, _), residual)| (*x, residual));
        slope(&points.collect::<Vec<_>>())
    });
    let slopes: Vec<f64> = anew.collect();
    let mean = slopes.iter().sum::<f64>() / slopes.len() as f64;
    let squares: f64 = slopes.iter().map(|slope| (slope - mean).powi(2)).sum();
    let variance = squares / (slopes.len() - 1) as f64 * memory.shortfall(block);
    let blocks = points.len() as f64 / block as f64;
    variance.sqrt() * student::quantile(blocks - 1.0, f64::midpoint(1.0, CONFIDENCE))
}

/// A place below a count, evenly.
#[expect(clippy::cast_precision_loss, reason = "a few dozen points")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the count")]
fn below(count: usize, part: f64) -> usize {
    (part * count as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::counts::FaultCounts;
    use crate::measure::histogram::{Bounds, Times};
    use crate::measure::tally::Pool;

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// A second with so many samples, all of one time.
    fn second(samples: u64, time_us: f64) -> Cell {
        let mut good = Times::new(Bounds::Journey);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time")]
        (0..samples).for_each(|_| good.record(time_us as u64));
        let pool = Pool { good, faults: FaultCounts::default(), beyond: 0 };
        Cell { measured_ms: 1000, pool, due: 0, dropped: 0, completed_in_time_m: 0 }
    }

    /// The drift of the whole measured part with its interval.
    fn whole(cells: &[Cell]) -> (f64, f64, f64) {
        match trend(cells, Percentile::P95, TIMEOUT) {
            Trend::Of { per_s, measured_s, low_per_s, high_per_s } => {
                (per_s * measured_s, low_per_s * measured_s, high_per_s * measured_s)
            }
            other => panic!("{other:?}"),
        }
    }

    /// 120 s that grow evenly by 20 % of their median, in steps that the histogram can tell.
    fn growing() -> Vec<Cell> {
        (0..120).map(|n| second(50, 1e6 * (1.0 + 0.2 * (f64::from(n) - 59.5) / 120.0))).collect()
    }

    #[test]
    fn a_straight_slope_is_found_to_the_resolution_of_the_histogram() {
        let (drift, low, high) = whole(&growing());
        assert!((drift - 0.2).abs() < 0.005, "{drift}");
        assert!(low <= drift && drift <= high && high - low < 0.01, "{low} {high}");
        let falling: Vec<_> = growing().into_iter().rev().collect();
        assert!((whole(&falling).0 + 0.2).abs() < 0.005);
        let level: Vec<_> = (0..120).map(|_| second(50, 1e6)).collect();
        assert_eq!(whole(&level), (0.0, 0.0, 0.0));
    }

    #[test]
    fn a_stall_at_the_end_is_no_drift() {
        let mut cells: Vec<_> = (0..120).map(|_| second(50, 1e6)).collect();
        cells[110..].iter_mut().for_each(|cell| *cell = second(50, 2e7));
        assert_eq!(whole(&cells).0, 0.0);
        // Nor is one of time-outs, or a stretch without samples.
        cells[110..].iter_mut().for_each(|cell| cell.pool.beyond = 40);
        cells[30..40].iter_mut().for_each(|cell| *cell = second(0, 1.0));
        assert_eq!(whole(&cells).0, 0.0);
    }

    #[test]
    fn few_samples_make_longer_stretches_and_too_few_none() {
        // 20 samples need five seconds: of 60 and 30 stretches each is too short, of 15 none.
        let thin: Vec<_> = (0..120).map(|_| second(4, 1e6)).collect();
        assert_eq!(points(&thin, 60, Percentile::P95, TIMEOUT).len(), 0);
        assert_eq!(points(&thin, 15, Percentile::P95, TIMEOUT).len(), 15);
        assert_eq!(whole(&thin).0, 0.0);
        let told = |cells: &[Cell]| trend(cells, Percentile::P95, TIMEOUT);
        assert_eq!(told(&thin[..30]), Trend::TooShort);
        assert_eq!(told(&growing()[..7]), Trend::TooShort);
        assert!(matches!(told(&growing()[..8]), Trend::Of { .. }));
        assert_eq!(told(&[second(0, 1.0)]), Trend::Nothing);
        assert_eq!(told(&[]), Trend::Nothing);
    }

    /// Windows that share their fate with their neighbours (0.6 of the one before is kept) without any drift:
    /// of 60 such runs few have an interval without zero. Five of a hundred are meant; a bound that an interval
    /// from independent windows breaks is all that so few can show.
    #[test]
    fn an_interval_knows_of_neighbours_that_share_their_fate() {
        let mut missed = 0;
        for run in 0..60 {
            let mut random = Seed(3).stream("runs", run);
            let mut noise = || (0..12).map(|_| unit(&mut random)).sum::<f64>() - 6.0;
            let mut value = noise();
            let cells: Vec<_> = (0..60)
                .map(|_| {
                    value = 0.6 * value + 0.8 * noise();
                    second(30, 1e6 * (1.0 + 0.05 * value))
                })
                .collect();
            let (_, low, high) = whole(&cells);
            missed += usize::from(low > 0.0 || high < 0.0);
        }
        assert!(missed <= 9, "{missed} of 60");
    }
}
