//! The times of all windows side by side, so that a percentile of any resample is a short search.

use super::lane::Lane;
use crate::measure::histogram::{Judged, Percentile};

/// For each counter that any window occupies, how many samples of each window are no longer than it.
///
/// A resample is a weight for each window. How many of its samples are no longer than a counter is then
/// one sum of products, and its percentile the first counter with as many as the rank. Nothing is merged
/// and nothing rounded: the answer is [`Pool::judged`](crate::measure::tally::Pool::judged) of the
/// windows put together.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    windows: usize,
    /// The longest time of each counter in µs, ascending.
    longest_us: Vec<u64>,
    /// Counter by counter: samples up to and including it in each window.
    below: Vec<u32>,
    /// Samples slower than any limit in each window.
    beyond: Vec<u32>,
}

/// Where a percentile lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Counter(usize),
    Beyond,
}

impl Grid {
    /// Of lanes of the same windows, taken together.
    pub fn new(lanes: &[&Lane]) -> Self {
        let windows = lanes.first().map_or(0, |lane| lane.sums.len());
        let counted = || lanes.iter().flat_map(|lane| &lane.counted);
        let mut longest_us: Vec<u64> = counted().map(|counted| counted.longest_us).collect();
        longest_us.sort_unstable();
        longest_us.dedup();
        let mut below = vec![0u32; longest_us.len() * windows];
        let mut counter = 0;
        for counted in counted() {
            // In order within a window, so that most of the way is a step.
            if longest_us[counter] > counted.longest_us {
                counter = longest_us.partition_point(|longest| *longest < counted.longest_us);
            }
            while longest_us[counter] < counted.longest_us {
                counter += 1;
            }
            let place = &mut below[counter * windows + counted.window];
            *place = place.saturating_add(counted.number);
        }
        for place in windows..below.len() {
            below[place] = below[place].saturating_add(below[place - windows]);
        }
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let beyond = |window: usize| lanes.iter().map(|lane| lane.sums[window].beyond).sum::<u64>();
        let beyond = (0..windows).map(|window| narrow(beyond(window))).collect();
        Self { windows, longest_us, below, beyond }
    }

    /// The percentile of all windows; none without samples.
    pub fn judged(&self, percentile: Percentile) -> Option<Judged> {
        self.judged_of(&vec![1; self.windows], percentile)
    }

    /// The percentile of a resample; none without samples.
    pub fn judged_of(&self, weights: &[u32], percentile: Percentile) -> Option<Judged> {
        let place = self.place(weights, percentile, self.longest_us.len() / 2)?;
        Some(self.time_at(place))
    }

    /// The percentile of each resample in µs, infinite beyond any limit; none for those without samples.
    pub fn resampled<'g>(
        &'g self,
        resamples: impl Iterator<Item = &'g [u32]> + 'g,
        percentile: Percentile,
    ) -> impl Iterator<Item = Option<f64>> + 'g {
        let near = match self.place(&vec![1; self.windows], percentile, 0) {
            Some(Place::Counter(counter)) => counter,
            _ => self.longest_us.len() / 2,
        };
        resamples.map(move |weights| {
            self.place(weights, percentile, near).map(|place| time_us(self.time_at(place)))
        })
    }

    /// How many samples there are, those beyond any limit included.
    pub fn samples(&self) -> u64 {
        let good: u64 = self.last().iter().map(|count| u64::from(*count)).sum();
        good + self.beyond.iter().map(|count| u64::from(*count)).sum::<u64>()
    }

    /// How many windows have samples.
    pub fn occupied(&self) -> usize {
        (0..self.windows).filter(|window| self.samples_in(*window) > 0.0).count()
    }

    /// How much each window moves the logarithm of the percentile: (its own part of samples at or below
    /// it that is missing) × the sparsity, over the mean number of samples, so that the error of the
    /// figure is nearly that of the mean of these (Bahadur's representation of a quantile). Where the
    /// percentile is beyond any limit, how much each window moves the part that is. Empty without samples.
    #[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 samples")]
    pub fn influence(&self, percentile: Percentile) -> Vec<f64> {
        let all = vec![1; self.windows];
        let Some(place) = self.place(&all, percentile, 0) else { return Vec::new() };
        let mean = self.samples() as f64 / self.windows as f64;
        let (row, part, scale) = match place {
            Place::Counter(counter) => {
                let part = 1.0 - percentile.beyond_thousandths() as f64 / 1e5;
                (self.row(counter), part, self.sparsity(part) / mean)
            }
            Place::Beyond => {
                let good: f64 = self.last().iter().map(|count| f64::from(*count)).sum();
                (self.last(), good / self.samples() as f64, 1.0 / mean)
            }
        };
        let counted = |window: usize| row.get(window).map_or(0.0, |count| f64::from(*count));
        let missing = |window: usize| part * self.samples_in(window) - counted(window);
        (0..self.windows).map(|window| missing(window) * scale).collect()
    }

    /// The slope of the logarithm of the percentile over the part it stands for, between the percentiles
    /// half way to the nearer end on either side.
    fn sparsity(&self, part: f64) -> f64 {
        let width = (1.0 - part).min(part) / 2.0;
        let all = vec![1; self.windows];
        let log_at = |part: f64| {
            let percentile = Percentile::from_thousandths(thousandths(part))?;
            match self.place(&all, percentile, 0)? {
                Place::Counter(counter) => Some((self.longest_us[counter].max(1) as f64).ln()),
                Place::Beyond => None,
            }
        };
        let (low, middle, high) = (log_at(part - width), log_at(part), log_at(part + width));
        match (low, middle, high) {
            (Some(low), _, Some(high)) if high > low => (high - low) / (2.0 * width),
            (Some(low), Some(middle), None) if middle > low => (middle - low) / width,
            _ => 1.0,
        }
    }

    fn place(&self, weights: &[u32], percentile: Percentile, near: usize) -> Option<Place> {
        let good = products(self.last(), weights);
        let rank = percentile.rank(good + products(&self.beyond, weights))?;
        if rank > good {
            return Some(Place::Beyond);
        }
        let reaches = |counter: usize| products(self.row(counter), weights) >= rank;
        let last = self.longest_us.len() - 1;
        let near = near.min(last);
        // From where it lies in the whole timeline, in steps that double, then in halves.
        let (mut short, mut enough);
        let mut step = 1;
        if reaches(near) {
            (short, enough) = (None, near);
            while enough > 0 && short.is_none() {
                let next = enough.saturating_sub(step);
                if reaches(next) {
                    enough = next
                } else {
                    short = Some(next)
                }
                step *= 2;
            }
        } else {
            (short, enough) = (Some(near), last);
            let mut next = near;
            while next < last {
                next = (next + step).min(last);
                if next == last || reaches(next) {
                    enough = next;
                    break;
                }
                short = Some(next);
                step *= 2;
            }
        }
        let mut from = short.map_or(0, |short| short + 1);
        while from < enough {
            let middle = from.midpoint(enough);
            if reaches(middle) { enough = middle } else { from = middle + 1 }
        }
        Some(Place::Counter(enough))
    }

    fn time_at(&self, place: Place) -> Judged {
        match place {
            Place::Counter(counter) => Judged::Within(self.longest_us[counter]),
            Place::Beyond => Judged::BeyondAnyLimit,
        }
    }

    fn row(&self, counter: usize) -> &[u32] {
        &self.below[counter * self.windows..(counter + 1) * self.windows]
    }

    /// The good samples of each window.
    fn last(&self) -> &[u32] {
        self.longest_us.len().checked_sub(1).map_or(&[], |last| self.row(last))
    }

    fn samples_in(&self, window: usize) -> f64 {
        let of = |row: &[u32]| row.get(window).map_or(0.0, |count| f64::from(*count));
        of(self.last()) + of(&self.beyond)
    }
}

/// A percentile in µs, infinite beyond any limit.
#[expect(clippy::cast_precision_loss, reason = "times are below 2^52 µs")]
pub const fn time_us(judged: Judged) -> f64 {
    match judged {
        Judged::Within(time_us) => time_us as f64,
        Judged::BeyondAnyLimit => f64::INFINITY,
    }
}

/// The innermost loop of all: products of 32 bits, added up in 64, which the compiler does several at a
/// time.
fn products(counts: &[u32], weights: &[u32]) -> u64 {
    counts.iter().zip(weights).map(|(count, weight)| u64::from(*count) * u64::from(*weight)).sum()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of one")]
fn thousandths(part: f64) -> u32 {
    (part.clamp(0.0, 1.0) * 1e5).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::counts::FaultCounts;
    use crate::measure::histogram::{Bounds, Times};
    use crate::measure::tally::Pool;
    use crate::measure::windows::Cell;
    use proptest::prelude::*;

    fn cell(times_us: &[u64], beyond: u64) -> Cell {
        let mut good = Times::new(Bounds::Exchange);
        times_us.iter().for_each(|time_us| good.record(*time_us));
        let pool = Pool { good, faults: FaultCounts::default(), beyond };
        Cell { measured_ms: 1000, pool, due: 0, dropped: 0, completed_in_time_m: 0 }
    }

    fn grid(cells: &[Cell]) -> Grid {
        Grid::new(&[&Lane::of_cells(cells)])
    }

    proptest! {
        /// Whatever is drawn how often, and wherever the search begins.
        #[test]
        fn the_search_finds_what_the_merged_histogram_says(
            windows in prop::collection::vec(
                (prop::collection::vec(1u64..5_000_000, 0..12), 0u64..3, 0u32..4), 1..12),
            thousandths in prop::sample::select(&[1u32, 1000, 50_000, 90_000, 95_000, 99_000, 100_000][..]),
            near in 0usize..200,
        ) {
            let percentile = Percentile::from_thousandths(thousandths).unwrap();
            let cells: Vec<_> = windows.iter().map(|(times, beyond, _)| cell(times, *beyond)).collect();
            let weights: Vec<_> = windows.iter().map(|(.., weight)| *weight).collect();
            let mut merged = cell(&[], 0);
            for (cell, weight) in cells.iter().zip(&weights) {
                (0..*weight).for_each(|_| merged.append(cell));
            }
            let grid = grid(&cells);
            let expected = merged.pool.judged(percentile);
            prop_assert_eq!(grid.judged_of(&weights, percentile), expected);
            let found = grid.place(&weights, percentile, near).map(|place| grid.time_at(place));
            prop_assert_eq!(found, expected);
            let found: Vec<_> = grid.resampled(std::iter::once(&weights[..]), percentile).collect();
            prop_assert_eq!(found, vec![expected.map(time_us)]);
        }
    }

    #[test]
    fn the_influence_of_all_windows_together_is_next_to_nothing() {
        let cells: Vec<_> =
            (1..40u64).map(|at| cell(&[at * 1000, at * 1700, at * 2300, 40_000], 0)).collect();
        let grid = grid(&cells);
        let influence = grid.influence(Percentile::P50);
        let largest = influence.iter().fold(0.0f64, |most, of| most.max(of.abs()));
        assert!(largest > 0.0 && influence.iter().sum::<f64>().abs() <= 2.0 * largest);
        assert_eq!((grid.samples(), grid.occupied()), (4 * 39, 39));
    }

    #[test]
    fn nothing_and_only_what_is_beyond_any_limit_are_no_times() {
        let none = grid(&[cell(&[], 0), cell(&[], 0)]);
        assert_eq!((none.judged(Percentile::P95), none.occupied()), (None, 0));
        assert!(none.influence(Percentile::P95).is_empty());
        let beyond = grid(&[cell(&[], 2), cell(&[], 0)]);
        assert_eq!(beyond.judged(Percentile::P50), Some(Judged::BeyondAnyLimit));
        assert_eq!((beyond.samples(), beyond.occupied()), (2, 1));
        assert_eq!(beyond.influence(Percentile::P50), [0.0, 0.0]);
        assert_eq!(grid(&[]).judged(Percentile::P50), None);
    }
}
