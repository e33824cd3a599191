//! A figure of a timeline with its 95 % interval: the block bootstrap as thresholds use it.

use super::statistics::blocks::Deck;
use super::statistics::evidence::Evidence;
use super::statistics::figure;
use super::statistics::grid::Grid;
use super::statistics::lane::Lane;
use super::statistics::ratio::Ratio;
use super::statistics::share::{Share, design_effect};
use crate::measure::fault::Fault;
use crate::measure::histogram::Percentile;
use crate::measure::windows::Cell;

/// A figure of a sequence of cells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Figure {
    /// The percentile that judges: what is beyond any limit counts as slower than all others. µs.
    Percentile(Percentile),
    /// The mean of good samples. µs.
    Mean,
    /// Faults ÷ samples.
    FaultShare,
    /// One fault ÷ samples.
    FaultOf(Fault),
    /// Dropped arrivals ÷ those due.
    DroppedShare,
    /// Iterations completed in the measured time, per second of it.
    CompletedRate,
}

/// How to resample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draws {
    /// How many resamples; 1000 are enough for an interval.
    pub resamples: u32,
    /// Where the randomness comes from: the same seed, the same interval.
    pub seed: u64,
    /// The part of intervals that hold the truth: 0.95.
    pub confidence: f64,
}

/// A figure and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The figure: times in µs (`f64::INFINITY` beyond any limit), shares as parts, rates per second.
    pub value: f64,
    /// The interval, in the same unit. None where there is too little to know how sure it is: fewer than
    /// 8 windows with samples, or fewer than 5 samples beyond a percentile.
    pub interval: Option<(f64, f64)>,
}

/// The figure of these cells together, with an interval from how the cells differ: a circular block
/// bootstrap with automatic block length, its standard error times Student's t with as many degrees of
/// freedom as there are blocks, less one; on the logarithmic scale for times; for shares the interval of
/// Agresti and Coull with as many samples as they are worth, so that no fault is no certainty. None
/// without samples.
///
/// `docs/statistics.md` has the formulas and what has been measured of them.
pub fn estimate(cells: &[Cell], figure: Figure, draws: Draws) -> Option<Estimate> {
    let mut deck = Deck::new(draws.seed, 0, cells.len(), draws.resamples);
    if let Figure::Percentile(percentile) = figure {
        let grid = Grid::new(&[&Lane::of_cells(cells)]);
        return of_figure(figure::Figure::Percentile(&grid, percentile), &mut deck, draws);
    }
    let ratio = ratio(cells, figure);
    match figure {
        Figure::Percentile(_) | Figure::Mean => {
            of_figure(figure::Figure::Mean(&ratio), &mut deck, draws)
        }
        Figure::FaultShare | Figure::FaultOf(_) | Figure::DroppedShare => {
            of_share(&ratio, &mut deck, draws)
        }
        Figure::CompletedRate if cells.iter().all(Cell::is_empty) => None,
        Figure::CompletedRate => {
            let found = of_figure(figure::Figure::Ratio(&ratio), &mut deck, draws)?;
            let interval = found.interval.map(|(low, high)| (low.max(0.0), high));
            Some(Estimate { interval, ..found })
        }
    }
}

/// Part and whole of a figure that is a ratio, for each cell; of percentiles nothing.
#[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 samples")]
fn ratio(cells: &[Cell], figure: Figure) -> Ratio {
    Ratio::of(cells.iter().map(|cell| {
        let pool = &cell.pool;
        let samples = pool.samples() as f64;
        match figure {
            Figure::Percentile(_) => (0.0, 0.0),
            Figure::Mean => {
                let good = pool.good.count() as f64;
                (pool.good.mean_us() * good, good)
            }
            Figure::FaultShare => (pool.faults.total() as f64, samples),
            Figure::FaultOf(fault) => (pool.faults.of(fault) as f64, samples),
            Figure::DroppedShare => (cell.dropped as f64, cell.due as f64),
            Figure::CompletedRate => {
                (cell.completed_in_time_m as f64 / 1000.0, cell.measured_ms as f64 / 1000.0)
            }
        }
    }))
}

fn of_figure(figure: figure::Figure<'_>, deck: &mut Deck, draws: Draws) -> Option<Estimate> {
    let value = figure.value()?;
    let interval = figure.alone(deck).zip(figure.scaled()).map(|(resampled, centre)| {
        let (low, high) = resampled.evidence(centre).interval(draws.confidence);
        (figure.unscaled(low), figure.unscaled(high))
    });
    Some(Estimate { value, interval })
}

fn of_share(ratio: &Ratio, deck: &mut Deck, draws: Draws) -> Option<Estimate> {
    let value = ratio.value()?;
    let share = Share { faults: ratio.part(), samples: ratio.whole() };
    let interval = figure::Figure::Ratio(ratio).alone(deck).map(|resampled| {
        let seen = resampled.variance.unwrap_or(0.0);
        let effect = design_effect(seen, share.variance_if_independent());
        let (centre, error) = share.alone(effect);
        let freedom = resampled.freedom;
        let evidence = Evidence::Student { centre, error, freedom };
        let (low, high) = evidence.interval(draws.confidence);
        (low.max(0.0).min(value), high.min(1.0).max(value))
    });
    Some(Estimate { value, interval })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::{Seed, unit};
    use crate::measure::counts::FaultCounts;
    use crate::measure::histogram::{Bounds, Times};
    use crate::measure::tally::Pool;

    const DRAWS: Draws = Draws { resamples: 400, seed: 1, confidence: 0.95 };
    const P95: Figure = Figure::Percentile(Percentile::P95);

    fn cell(times_us: impl Iterator<Item = u64>, faults: u64, beyond: u64) -> Cell {
        let mut good = Times::new(Bounds::Journey);
        times_us.for_each(|time_us| good.record(time_us));
        let counted = [(Fault::Refused, faults)].into_iter().collect::<FaultCounts>();
        let completed_in_time_m = good.count() * 1000;
        let due = good.count() + faults + beyond;
        let pool = Pool { good, faults: counted, beyond };
        Cell { measured_ms: 1000, pool, due, dropped: 0, completed_in_time_m }
    }

    /// Windows with ten even times between 1 and 2 ms each.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 up to a thousand"
    )]
    fn even(windows: u64, index: u64) -> Vec<Cell> {
        let mut random = Seed(5).stream("bootstrap", index);
        let mut time = || 1000 + (unit(&mut random) * 1000.0) as u64;
        (0..windows)
            .map(|_| cell((0..10).map(|_| time()).collect::<Vec<_>>().into_iter(), 0, 0))
            .collect()
    }

    #[test]
    fn nineteen_of_twenty_intervals_hold_the_truth() {
        let mut holding = [0u32; 3];
        for index in 0..100 {
            let cells = even(60, index);
            let truths = [(P95, 1950.0), (Figure::Mean, 1500.0), (Figure::CompletedRate, 10.0)];
            for (holds, (figure, truth)) in holding.iter_mut().zip(truths) {
                let found = estimate(&cells, figure, DRAWS).unwrap();
                let (low, high) = found.interval.unwrap();
                assert!(low <= found.value && found.value <= high, "{found:?}");
                *holds += u32::from(low <= truth && truth <= high);
            }
        }
        assert!(holding.iter().all(|holds| *holds >= 89), "{holding:?}");
    }

    #[test]
    fn no_fault_is_no_certainty_and_no_sample_no_estimate() {
        let found = estimate(&even(60, 0), Figure::FaultShare, DRAWS).unwrap();
        let (low, high) = found.interval.unwrap();
        assert_eq!((found.value, low), (0.0, 0.0));
        assert!(high > 0.003 && high < 0.02, "{high}");
        let none = [cell(std::iter::empty(), 0, 0)];
        for figure in
            [P95, Figure::Mean, Figure::FaultShare, Figure::DroppedShare, Figure::CompletedRate]
        {
            assert_eq!(estimate(&none, figure, DRAWS), None, "{figure:?}");
            assert_eq!(estimate(&[], figure, DRAWS), None, "{figure:?}");
        }
    }

    #[test]
    fn faults_in_one_burst_are_less_certain_than_faults_spread_out() {
        let with = |faults: fn(u64) -> u64| -> Vec<Cell> {
            (0..60u64).map(|at| cell((0..20).map(|n| 1000 + n), faults(at), 0)).collect()
        };
        let width = |cells: &[Cell]| {
            let (low, high) = estimate(cells, Figure::FaultShare, DRAWS).unwrap().interval.unwrap();
            high - low
        };
        let spread = width(&with(|at| u64::from(at % 3 == 0)));
        let burst = width(&with(|at| if at == 30 { 20 } else { 0 }));
        assert!(burst > 2.0 * spread, "{burst} {spread}");
    }

    #[test]
    fn too_little_says_nothing_of_its_own_error() {
        assert_eq!(estimate(&even(7, 0), P95, DRAWS).unwrap().interval, None);
        // 90 samples, not five of them above the 95th percentile.
        assert_eq!(estimate(&even(9, 0), P95, DRAWS).unwrap().interval, None);
        assert!(estimate(&even(9, 0), Figure::Mean, DRAWS).unwrap().interval.is_some());
    }

    #[test]
    fn an_interval_may_end_beyond_any_limit() {
        let cells: Vec<Cell> = (0..60u64)
            .map(|at| cell((0..20).map(|n| 1000 + n), 0, at % 2 + u64::from(at > 30)))
            .collect();
        let found = estimate(&cells, P95, DRAWS).unwrap();
        assert_eq!(found.value, 1019.0);
        let (low, high) = found.interval.unwrap();
        assert!(low < 1020.0 && high == f64::INFINITY, "{low} {high}");
        let all: Vec<Cell> = (0..20).map(|_| cell(std::iter::empty(), 0, 6)).collect();
        let found = estimate(&all, P95, DRAWS).unwrap();
        assert_eq!(
            (found.value, found.interval.unwrap()),
            (f64::INFINITY, (f64::INFINITY, f64::INFINITY))
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let cells = even(60, 3);
        assert_eq!(estimate(&cells, P95, DRAWS), estimate(&cells, P95, DRAWS));
        assert_ne!(estimate(&cells, P95, DRAWS), estimate(&cells, P95, Draws { seed: 2, ..DRAWS }));
    }
}
