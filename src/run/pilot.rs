//! Who moves the phases of a run while it goes on, and when a move comes into force.

pub use crate::analysis::capacity::level::Turn;
use crate::measure::timeline::Interval;
use std::time::Duration;

/// Sees every interval of a run as it ends, and says what is to be changed about the rest of it.
pub trait Pilot: Send + 'static {
    /// An interval ended. Not asked any more once nothing is due.
    fn interval(&mut self, interval: &Interval) -> Option<Turn>;
}

/// How long before it comes into force a move has to be known. What is due then has not been taken up by
/// the dispatcher yet, unless that is later than this, and then the run is invalid anyhow.
const NOTICE: Duration = Duration::from_millis(200);

/// The moment from which on a move is in force: the one that is wanted, or the first whole second that is
/// far enough ahead.
pub(super) fn ahead(wanted: Duration, now: Duration) -> Duration {
    let earliest = now.saturating_add(NOTICE);
    let whole = Duration::from_secs(earliest.as_secs());
    let next = if whole < earliest { whole + Duration::from_secs(1) } else { whole };
    if wanted >= earliest { wanted } else { next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_in_force_when_it_is_wanted_or_in_the_next_whole_second() {
        let ms = Duration::from_millis;
        for (wanted, now, expected) in [
            (6000, 5003, 6000),
            (6000, 5799, 6000),
            (6000, 5800, 6000),
            (6000, 5801, 7000),
            (6000, 6400, 7000),
            (6500, 6000, 6500),
            (0, 12_950, 14_000),
        ] {
            assert_eq!(ahead(ms(wanted), ms(now)), ms(expected), "{wanted} at {now}");
        }
    }
}
