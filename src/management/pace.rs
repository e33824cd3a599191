//! Keeps calls below a rate, and holds all of them back when the tenant asks for a pause.

use crate::base::clock::Clock;
use crate::base::units::Rate;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Turns at a steady rate, shared by all callers. There are no bursts: after a quiet time the next
/// turn is at once, and the one after it a full gap later.
#[derive(Debug)]
pub struct Pace {
    clock: Clock,
    gap: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// Turns at most this often. A rate of 0 is taken as one turn an hour.
    pub fn new(rate: Rate, clock: Clock) -> Self {
        let hour = Duration::from_secs(3600);
        let gap = Duration::try_from_secs_f64(1.0 / rate.per_second).unwrap_or(hour).min(hour);
        let next = Mutex::new(clock.now());
        Self { clock, gap, next }
    }

    /// Waits for the next turn.
    pub async fn turn(&self) {
        loop {
            let wait = match self.take() {
                Ok(()) => return,
                Err(wait) => wait,
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// No turn before this time has passed, for anybody.
    pub fn hold(&self, pause: Duration) {
        let until = self.clock.now() + pause;
        let mut next = self.lock();
        *next = until.max(*next);
    }

    /// Takes the turn if it is due; says how long to wait otherwise.
    fn take(&self) -> Result<(), Duration> {
        let now = self.clock.now();
        let mut next = self.lock();
        let wait = next.saturating_duration_since(now);
        if wait.is_zero() {
            *next = now + self.gap;
            Ok(())
        } else {
            Err(wait)
        }
    }

    fn lock(&self) -> MutexGuard<'_, Instant> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn pace(per_second: f64) -> (Pace, Clock) {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        (Pace::new(Rate { per_second }, clock.clone()), clock)
    }

    #[test]
    fn turns_keep_their_distance_also_after_a_quiet_time() {
        let (pace, clock) = pace(4.0);
        let gap = Duration::from_millis(250);
        assert_eq!((pace.take(), pace.take()), (Ok(()), Err(gap)));
        clock.advance(gap);
        assert_eq!((pace.take(), pace.take()), (Ok(()), Err(gap)));
        clock.advance(Duration::from_secs(60));
        assert_eq!((pace.take(), pace.take()), (Ok(()), Err(gap)));
    }

    #[test]
    fn a_hold_keeps_everybody_waiting_and_a_shorter_one_changes_nothing() {
        let (pace, clock) = pace(4.0);
        pace.hold(Duration::from_secs(5));
        pace.hold(Duration::from_secs(1));
        assert_eq!(pace.take(), Err(Duration::from_secs(5)));
        clock.advance(Duration::from_secs(5));
        assert_eq!(pace.take(), Ok(()));
    }

    #[test]
    fn a_rate_of_nothing_does_not_panic() {
        for rate in [0.0, f64::MIN_POSITIVE] {
            let (pace, _) = pace(rate);
            assert_eq!((pace.take(), pace.take()), (Ok(()), Err(Duration::from_secs(3600))));
        }
    }

    #[tokio::test]
    async fn a_turn_that_is_due_is_not_waited_for() {
        let (pace, clock) = pace(1.0);
        pace.turn().await;
        clock.advance(Duration::from_secs(1));
        pace.turn().await;
    }
}
