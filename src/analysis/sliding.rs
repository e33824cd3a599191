//! Stretches of a run: all that are as long as asked for, one after the other, each with its sum.

use crate::measure::windows::Cell;
use std::ops::RangeInclusive;

/// A stretch may be that part of a cell shorter than asked for, one in so many: intervals begin and end a few
/// milliseconds late, and ten of them are ten seconds all the same.
const SLACK: u64 = 20;

/// What a stretch of cells of this width may lack.
pub const fn slack_ms(width_ms: u64) -> u64 {
    width_ms / SLACK
}

/// Shows every stretch that is full, with its first and last cell and their sum: for each cell the shortest
/// full one that ends with it, and the first of all. Together they hold every cell, unless all cells together
/// are too short; then there is none.
pub fn stretches(
    cells: &[Cell],
    (length_ms, slack_ms): (u64, u64),
    mut each: impl FnMut(RangeInclusive<usize>, &Cell),
) {
    let enough_ms = length_ms.saturating_sub(slack_ms).max(1);
    let mut open = Sliding::default();
    let (mut first, mut has_begun) = (0, false);
    for (last, cell) in cells.iter().enumerate() {
        open.push(cell.clone());
        if open.measured_ms() < enough_ms {
            continue;
        }
        let is_spare = |open: &Sliding| open.measured_ms() >= enough_ms + open.oldest_ms();
        if !has_begun && is_spare(&open) {
            // What stands before the shortest that ends here is in no other.
            open.with_sum(|sum| each(first..=last, sum));
        }
        has_begun = true;
        while open.len() > 1 && is_spare(&open) {
            open.pop();
            first += 1;
        }
        open.with_sum(|sum| each(first..=last, sum));
    }
}

/// Cells in order, with their sum at hand: the newest comes, the oldest goes.
///
/// Sums of histograms cannot be taken apart again. So the older half keeps the sum from each cell to its end,
/// and is made anew from the newer half when it is used up: each cell is added twice in all.
#[derive(Clone, Debug, Default)]
pub struct Sliding {
    /// The oldest last: the measured time of a cell, and the sum from it to the end of this half.
    older: Vec<(u64, Cell)>,
    newer: Vec<Cell>,
    newer_sum: Option<Cell>,
    measured_ms: u64,
}

impl Sliding {
    /// None yet.
    pub const EMPTY: Self =
        Self { older: Vec::new(), newer: Vec::new(), newer_sum: None, measured_ms: 0 };

    /// Adds the newest.
    pub fn push(&mut self, cell: Cell) {
        self.measured_ms += cell.measured_ms;
        match &mut self.newer_sum {
            Some(sum) => sum.append(&cell),
            none => *none = Some(cell.clone()),
        }
        self.newer.push(cell);
    }

    /// Takes the oldest out.
    pub fn pop(&mut self) {
        if self.older.is_empty() {
            self.newer_sum = None;
            for cell in self.newer.drain(..).rev() {
                let measured_ms = cell.measured_ms;
                let mut sum = cell;
                if let Some((_, later)) = self.older.last() {
                    sum.append(later);
                }
                self.older.push((measured_ms, sum));
            }
        }
        if let Some((measured_ms, _)) = self.older.pop() {
            self.measured_ms -= measured_ms;
        }
    }

    /// Measured time of all that are in.
    pub const fn measured_ms(&self) -> u64 {
        self.measured_ms
    }

    /// Measured time of the oldest; 0 if there is none.
    pub fn oldest_ms(&self) -> u64 {
        let oldest = self.older.last().map(|(measured_ms, _)| *measured_ms);
        oldest.or_else(|| self.newer.first().map(|cell| cell.measured_ms)).unwrap_or(0)
    }

    /// How many are in.
    pub fn len(&self) -> usize {
        self.older.len() + self.newer.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shows the sum of all that are in; none of nothing.
    pub fn with_sum<T>(&self, show: impl FnOnce(&Cell) -> T) -> Option<T> {
        match (self.older.last(), &self.newer_sum) {
            (None, None) => None,
            (None, Some(sum)) | (Some((_, sum)), None) => Some(show(sum)),
            (Some((_, older)), Some(newer)) => {
                let mut sum = older.clone();
                sum.append(newer);
                Some(show(&sum))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lab::{fine, run};
    use super::*;
    use proptest::prelude::*;

    /// Cells of so many measured milliseconds, the n-th with n sign-ons.
    fn cells(measured_ms: &[u64]) -> Vec<Cell> {
        let cells = (1..).zip(measured_ms).map(|(number, measured_ms)| {
            let (_, windows) = run(&[fine(number, 1000)], 1000);
            Cell { measured_ms: *measured_ms, ..windows.cells(|_| true).remove(0) }
        });
        cells.collect()
    }

    fn found(measured_ms: &[u64], length_ms: u64) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        stretches(&cells(measured_ms), (length_ms, 0), |place, sum| {
            let (first, last) = (*place.start(), *place.end());
            let whole: u64 = measured_ms[first..=last].iter().sum();
            assert_eq!(sum.measured_ms, whole);
            found.push((first, last));
        });
        found
    }

    #[test]
    fn stretches_slide_by_a_cell_and_leave_no_cell_out() {
        for (measured_ms, length_ms, expected) in [
            (&[1000; 4][..], 2000, &[(0, 1), (1, 2), (2, 3)][..]),
            (&[1000; 4], 1000, &[(0, 0), (1, 1), (2, 2), (3, 3)]),
            (&[1000; 4], 4000, &[(0, 3)]),
            (&[1000; 4], 4001, &[]),
            (&[1000; 4], 1500, &[(0, 1), (1, 2), (2, 3)]),
            // The measured part begins and ends within a cell.
            (&[300, 1000, 1000, 400], 2000, &[(0, 2), (1, 2), (1, 3)]),
            // A pause of the machine: one interval of three seconds.
            (&[1000, 0, 3000, 0, 1000], 2000, &[(0, 2), (2, 2), (2, 3), (2, 4)]),
            (&[], 1000, &[]),
        ] {
            assert_eq!(found(measured_ms, length_ms), expected, "{measured_ms:?} {length_ms}");
        }
    }

    #[test]
    fn a_stretch_may_be_a_little_short_but_not_by_a_cell() {
        let late = [998, 1001, 999, 1002];
        assert_eq!(found(&late, 2000), [(0, 2), (1, 2), (2, 3)]);
        let mut places = Vec::new();
        stretches(&cells(&late), (2000, slack_ms(1000)), |place, _| places.push(place));
        assert_eq!(places, [0..=1, 1..=2, 2..=3]);
    }

    proptest! {
        #[test]
        fn the_sum_is_that_of_what_is_in(
            steps in prop::collection::vec((any::<bool>(), 1u64..1500), 1..60),
        ) {
            let (mut sliding, mut plain) = (Sliding::default(), Vec::new());
            for (comes, measured_ms) in steps {
                if comes {
                    let cell = cells(&[measured_ms]).remove(0);
                    plain.push(cell.clone());
                    sliding.push(cell);
                } else {
                    sliding.pop();
                    if !plain.is_empty() {
                        plain.remove(0);
                    }
                }
                let sum = plain.clone().into_iter().reduce(|mut sum, cell| {
                    sum.append(&cell);
                    sum
                });
                prop_assert_eq!(sliding.with_sum(Clone::clone), sum);
                prop_assert_eq!(sliding.len(), plain.len());
                prop_assert_eq!(sliding.is_empty(), plain.is_empty());
                prop_assert_eq!(sliding.oldest_ms(), plain.first().map_or(0, |cell| cell.measured_ms));
            }
        }
    }
}
