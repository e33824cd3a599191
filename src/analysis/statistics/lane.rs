//! What was seen window by window, without the histograms: what grids and ratios are made of.

use super::ratio::Ratio;
use crate::measure::windows::{Cell, Track, Windows};

/// Samples of a timeline, window by window.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Every counter of every window.
    pub(super) counted: Vec<Counted>,
    /// What else is known of each window.
    pub(super) sums: Vec<Sums>,
}

/// Good samples of one window that share a counter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Counted {
    /// The longest time of the counter.
    pub(super) longest_us: u64,
    pub(super) window: usize,
    pub(super) number: u32,
}

/// Sums over a window.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Sums {
    /// Samples slower than any limit.
    pub(super) beyond: u64,
    good: u64,
    /// Twice the sum of the times of good samples, each in the middle of its counter.
    twice_us: u128,
    faults: u64,
}

impl Lane {
    /// Of so many windows in which nothing was seen.
    pub fn new(windows: usize) -> Self {
        Self { counted: Vec::new(), sums: vec![Sums::default(); windows] }
    }

    /// Of cells in order.
    pub fn of_cells(cells: &[Cell]) -> Self {
        let mut lane = Self::new(cells.len());
        cells.iter().enumerate().for_each(|(window, cell)| lane.add(window, cell));
        lane
    }

    /// Of one track of a run.
    pub fn of_track(windows: &Windows, track: &Track) -> Self {
        let mut lane = Self::new(windows.measured().len());
        windows.visit(track, |window, cell| lane.add(window, cell));
        lane
    }

    fn add(&mut self, window: usize, cell: &Cell) {
        let Self { counted, sums } = self;
        let Some(sums) = sums.get_mut(window) else { return };
        cell.pool.good.each(|shortest, longest_us, number| {
            counted.push(Counted { longest_us, window, number });
            sums.good += u64::from(number);
            sums.twice_us += u128::from(shortest + longest_us) * u128::from(number);
        });
        sums.beyond += cell.pool.beyond;
        sums.faults += cell.pool.faults.total();
    }

    /// Good samples and faults of all windows.
    pub fn samples(&self) -> u64 {
        self.sums.iter().map(|sums| sums.good + sums.faults).sum()
    }
}

/// The mean of good samples of lanes of the same windows, in µs.
#[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 samples")]
pub fn mean(lanes: &[&Lane]) -> Ratio {
    ratio(lanes, |sums| (sums.twice_us as f64 / 2.0, sums.good as f64))
}

/// Faults ÷ samples of lanes of the same windows.
#[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 samples")]
pub fn fault_share(lanes: &[&Lane]) -> Ratio {
    ratio(lanes, |sums| (sums.faults as f64, (sums.good + sums.faults) as f64))
}

fn ratio(lanes: &[&Lane], of: impl Fn(&Sums) -> (f64, f64)) -> Ratio {
    let windows = lanes.first().map_or(0, |lane| lane.sums.len());
    Ratio::of((0..windows).map(|window| {
        let each = lanes.iter().filter_map(|lane| lane.sums.get(window)).map(&of);
        each.fold((0.0, 0.0), |sum, more| (sum.0 + more.0, sum.1 + more.1))
    }))
}
