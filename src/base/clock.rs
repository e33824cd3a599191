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

    /// `2026-11-21 18:34`, to the minute.
    pub fn minute(&self) -> String {
        let ((year, month, day), (hour, minute, _)) = (self.date, self.time);
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
    }

    /// `20261121-183441`, safe in file names and addresses.
    pub fn compact(&self) -> String {
        let ((year, month, day), (hour, minute, second)) = (self.date, self.time);
        format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
    }
}

/// The moment that a text names in UTC: `2026-12-01T10:00Z`, with or without seconds, with a blank for the `T`. None
/// for anything else, days that no month has included, and for moments before 1970.
pub fn moment(text: &str) -> Option<SystemTime> {
    let (date, time) = text.trim().strip_suffix(['Z', 'z'])?.split_once(['T', 't', ' '])?;
    let numbers = |text: &str, between: char| -> Option<Vec<u64>> {
        let is_plain =
            |part: &&str| part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        text.split(between).map(|part| Some(part).filter(is_plain)?.parse().ok()).collect()
    };
    let ([year, month, day], time) =
        (<[u64; 3]>::try_from(numbers(date, '-')?).ok()?, numbers(time, ':')?);
    let (hour, minute, second) = match time.as_slice() {
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 || !(1970..=9999).contains(&year) {
        return None;
    }
    // A year has 365.2425 days: from so many the date is a few days away at most.
    let guess = (year - 1970) * 1461 / 4 + month.saturating_sub(1) * 30;
    let wanted = (i64::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?);
    let days = (guess.saturating_sub(100)..guess + 100)
        .find(|days| i64::try_from(*days).is_ok_and(|days| civil(days) == wanted))?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
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
        assert_eq!(Utc::of(moment).minute(), "2026-11-21 18:34");
    }

    #[test]
    fn a_moment_that_is_written_is_the_one_that_is_read() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59Z",
            "2026-12-01T10:00:00Z",
            "9999-12-31T00:00:01Z",
        ] {
            let read = moment(text).unwrap();
            assert_eq!(Utc::of(read).stamp(), text.replace('Z', ".000Z"));
        }
        assert_eq!(moment("2026-12-01 10:00Z"), moment("2026-12-01T10:00:00Z"));
        for wrong in [
            "2026-12-01T10:00",
            "2026-02-30T10:00Z",
            "2026-13-01T10:00Z",
            "1969-12-31T10:00Z",
            "2026-12-01T24:00Z",
            "tomorrow",
            "2026-12-01T+1:00Z",
            "",
        ] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }
}
