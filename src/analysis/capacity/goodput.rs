//! The rule that every level has to keep, whatever the thresholds: iterations end as fast as they come.

use super::found::LevelVerdict;
use crate::analysis::bootstrap::Draws;
use crate::analysis::observed::Observed;
use crate::analysis::statistics::blocks::Deck;
use crate::analysis::statistics::figure::Figure;
use crate::analysis::statistics::ratio::Ratio;
use crate::analysis::threshold::{Evidence, Weighed};
use crate::base::figures;
use crate::measure::windows::{Cell, Track};
use crate::result::summary::ThresholdSummary;

/// The part of what is due that has to end in the same time: with less, work piles up.
pub(super) const LEAST: f64 = 0.95;

/// What it is called among the rules of a level.
pub(super) const GOODPUT: &str = "iterations ended ≥ 95% of those due";

/// Looks at all iterations together. Those that failed count as ended: what may fail is another rule's
/// business. None where nothing was due.
pub(super) fn weigh(on: &Evidence<'_>, draws: Draws) -> Option<Weighed> {
    let cells = on.windows?.cells(|track| matches!(track, Track::Iterations { .. }));
    let ratio = Ratio::of(cells.iter().map(ended_and_due));
    let value = ratio.value()?;
    let mut deck = Deck::new(draws.seed, 0, cells.len(), draws.resamples);
    let figure = Figure::Ratio(&ratio);
    let interval = figure.alone(&mut deck).map(|resampled| {
        let (low, high) = resampled.evidence(value).interval(draws.confidence);
        (low.max(0.0), high)
    });
    let (low, high) =
        interval.map(|(low, high)| (figures::share(low), figures::share(high))).unzip();
    let told = ThresholdSummary {
        rule: GOODPUT.to_owned(),
        observed: figures::share(value),
        low,
        high,
        holds: value >= LEAST,
        ..ThresholdSummary::default()
    };
    Some(Weighed { told, observed: Some(Observed::Share(value)), interval })
}

/// A fail by the whole of the interval, and a pass by the number itself: a few iterations more or fewer under
/// way at either end are no reason to doubt a level whose thresholds hold.
pub(super) fn verdict(weighed: &Weighed) -> LevelVerdict {
    match weighed.interval {
        Some((_, high)) if high < LEAST => LevelVerdict::Fail,
        _ if weighed.told.holds => LevelVerdict::Pass,
        _ => LevelVerdict::Undecided,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 iterations")]
fn ended_and_due(cell: &Cell) -> (f64, f64) {
    let completed = cell.completed_in_time_m as f64 / 1000.0;
    (completed + cell.pool.faults.total() as f64, cell.due as f64)
}
