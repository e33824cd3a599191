//! Time as an argument. The only file that reads the system's clocks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Tells the time: the system's, or one that a test moves by hand.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Mutex<Hand>>>);

/// Where a hand-driven clock started and how far it was moved.
#[derive(Debug)]
struct Hand {
    started: Instant,
    wall: SystemTime,
    moved: Duration,
}

impl Clock {
    /// The system's monotonic and wall clocks.
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until [`Clock::advance`], its wall time starting at `wall`.
    #[expect(clippy::disallowed_methods, reason = "an `Instant` can only be made from the clock")]
    pub fn by_hand(wall: SystemTime) -> Self {
        let hand = Hand { started: Instant::now(), wall, moved: Duration::ZERO };
        Self(Some(Arc::new(Mutex::new(hand))))
    }

    /// Moves a hand-driven clock forward. Does nothing to the system's.
    pub fn advance(&self, by: Duration) {
        if let Some(hand) = &self.0 {
            hand.lock().unwrap_or_else(PoisonError::into_inner).moved += by;
        }
    }

    /// The monotonic time, for measuring.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the monotonic clock")]
    pub fn now(&self) -> Instant {
        match &self.0 {
            None => Instant::now(),
            Some(hand) => {
                let hand = hand.lock().unwrap_or_else(PoisonError::into_inner);
                hand.started + hand.moved
            }
        }
    }

    /// The time of day, for names and time stamps; never for measuring.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the wall clock")]
    pub fn wall(&self) -> SystemTime {
        match &self.0 {
            None => SystemTime::now(),
            Some(hand) => {
                let hand = hand.lock().unwrap_or_else(PoisonError::into_inner);
                hand.wall + hand.moved
            }
        }
    }
}

/// A moment in UTC as a calendar and clock reading, for time stamps and run ids.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Utc {
    /// Year, month (1–12) and day (1–31).
    pub date: (i64, u8, u8),
    /// Hour, minute and second.
    pub time: (u8, u8, u8),
    /// Milliseconds within the second.
    pub millisecond: u16,
}

impl Utc {
    /// Reads a wall time. Moments before 1970 are taken as 1970.
    pub fn of(moment: SystemTime) -> Self {
        let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs();
        let of_day = seconds % 86_400;
        let narrow = |value: u64| u8::try_from(value).unwrap_or(u8::MAX);
        Self {
            date: civil(i64::try_from(seconds / 86_400).unwrap_or(i64::MAX / 2)),
            time: (narrow(of_day / 3600), narrow(of_day / 60 % 60), narrow(of_day % 60)),
            millisecond: u16::try_from(since.subsec_millis()).unwrap_or(0),
        }
    }

    /// `2026-11-21T18:34:41.120Z`
    pub fn stamp(&self) -> String {
        let ((year, month, day), (hour, minute, second)) = (self.date, self.time);
        let millisecond = self.millisecond;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
    }

    /// `20261121-183441`, safe in file names and addresses.
    pub fn compact(&self) -> String {
        let ((year, month, day), (hour, minute, second)) = (self.date, self.time);
        format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
    }
}

/// Days since 1970-01-01 to a date of the Gregorian calendar, by Howard Hinnant's
/// `civil_from_days`: years start in March, so that the leap day comes last.
fn civil(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_driven_clock_moves_only_by_hand() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let before = (clock.now(), clock.wall());
        clock.clone().advance(Duration::from_secs(3));
        assert_eq!(clock.now() - before.0, Duration::from_secs(3));
        assert_eq!(clock.wall(), before.1 + Duration::from_secs(3));
    }

    #[test]
    fn moments_read_as_dates() {
        for (seconds, stamp) in [
            (0, "1970-01-01T00:00:00.250Z"),
            (951_782_400, "2000-02-29T00:00:00.250Z"),
            (1_795_286_081, "2026-11-21T18:34:41.250Z"),
        ] {
            let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 250);
            assert_eq!(Utc::of(moment).stamp(), stamp);
        }
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_286_081);
        assert_eq!(Utc::of(moment).compact(), "20261121-183441");
    }
}
