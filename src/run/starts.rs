//! When a run begins: now, at an agreed instant, or when somebody says so.

use crate::base::clock::{Clock, moment};
use crate::base::remedy::Remedy;
use crate::base::units::Span;
use crate::load::Stop;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::oneshot;

/// When a run begins. Everything is in place before: users are launched and wait.
#[derive(Debug, Default)]
pub enum Starts {
    /// As soon as everything is in place.
    #[default]
    Now,
    /// At this time of day.
    At(SystemTime),
    /// Somebody is told that everything is in place, and says when.
    WhenTold {
        /// Rings when everything is in place.
        ready: oneshot::Sender<()>,
        /// When to begin.
        told: oneshot::Receiver<Start>,
    },
}

/// The first moment of a run.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// By this machine's monotonic clock.
    pub at: Instant,
    /// The time of day that goes on record for it: what all who begin together agreed on.
    pub wall: SystemTime,
}

/// Why a run did not begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StartError {
    /// The instant was over when everything was in place.
    #[error("the run was to start {} ago: everything was in place too late", Span(*by))]
    TooLate {
        /// How long it was over.
        by: Duration,
    },
    /// Whoever was to say when has gone.
    #[error("nobody says when to start any more")]
    NeverTold,
    /// Somebody asked to stop meanwhile.
    #[error("stopped before any load")]
    Stopped,
}

impl Remedy for StartError {
    fn remedy(&self) -> Option<String> {
        matches!(self, Self::TooLate { .. }).then(|| {
            "agree on a later instant for all parts: accounts, the walk before the load and the launch of users \
             come before it"
                .to_owned()
        })
    }
}

/// Why a text names no instant.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is no instant to start at")]
pub struct StartAtError {
    text: String,
}

impl Remedy for StartAtError {
    fn remedy(&self) -> Option<String> {
        Some(
            "write it in UTC (`2026-12-01T10:00:00Z`), in seconds since 1970 (`1795286081`), or from now on (`+30s`)"
                .to_owned(),
        )
    }
}

/// Reads when to start: a time of day in UTC, with or without fractions of a second; seconds since 1970; or from now
/// on (`+10s`).
pub fn read(text: &str, now: SystemTime) -> Result<SystemTime, StartAtError> {
    let wrong = || StartAtError { text: text.to_owned() };
    let later = text.strip_prefix('+').map(|span| span.parse::<Span>().ok());
    let read = match later {
        Some(span) => span.and_then(|Span(span)| now.checked_add(span)),
        None => since_1970(text).or_else(|| of_day(text)),
    };
    read.ok_or_else(wrong)
}

fn since_1970(text: &str) -> Option<SystemTime> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = text.parse::<f64>().ok().filter(|_| is_number)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

fn of_day(text: &str) -> Option<SystemTime> {
    let Some((whole, fraction)) = text.split_once('.') else { return moment(text) };
    let digits = fraction.strip_suffix(['Z', 'z'])?;
    let is_fraction =
        (1..=9).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
    let fraction: f64 = format!("0.{digits}").parse().ok().filter(|_| is_fraction)?;
    moment(&format!("{whole}Z"))?.checked_add(Duration::try_from_secs_f64(fraction).ok()?)
}

/// How long before it starts a run is written into its directory: whoever stops it before that leaves nothing.
const HEAD_START: Duration = Duration::from_secs(1);

/// How often somebody who waits looks whether the run is still wanted.
const LOOK: Duration = Duration::from_millis(50);

impl Starts {
    /// When the run begins, once that is known and near: everything is in place.
    pub(super) async fn near(self, clock: &Clock, stop: &Stop) -> Result<Start, StartError> {
        let now = || Start { at: clock.now(), wall: clock.wall() };
        let start = match self {
            Self::Now => return Ok(now()),
            Self::At(wall) => {
                let now = now();
                let left =
                    wall.duration_since(now.wall).map_err(|late| too_late(late.duration()))?;
                Start { at: now.at + left, wall }
            }
            Self::WhenTold { ready, told } => {
                // Whoever does not listen any more does not tell either.
                let _ = ready.send(());
                tokio::select! {
                    start = told => start.map_err(|_| StartError::NeverTold)?,
                    () = asked_to_stop(stop) => return Err(StartError::Stopped),
                }
            }
        };
        let now = clock.now();
        let left = start.at.checked_duration_since(now);
        let left = left.ok_or_else(|| too_late(now.saturating_duration_since(start.at)))?;
        let wait = left.saturating_sub(HEAD_START);
        tokio::select! {
            biased;
            () = asked_to_stop(stop) => Err(StartError::Stopped),
            () = tokio::time::sleep(wait) => Ok(start),
        }
    }
}

/// To the millisecond: nobody reads more of it.
fn too_late(by: Duration) -> StartError {
    let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    StartError::TooLate { by: Duration::from_millis(ms) }
}

async fn asked_to_stop(stop: &Stop) {
    while stop.requests() == 0 {
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Utc;

    fn hour() -> SystemTime {
        moment("2026-12-01T10:00:00Z").unwrap()
    }

    #[test]
    fn an_instant_is_a_time_of_day_or_seconds_or_from_now_on() {
        for (text, stamp) in [
            ("2026-12-01T10:00:30Z", "2026-12-01T10:00:30.000Z"),
            ("2026-12-01 10:00Z", "2026-12-01T10:00:00.000Z"),
            ("2026-12-01T10:00:30.250Z", "2026-12-01T10:00:30.250Z"),
            ("1795286081", "2026-11-21T18:34:41.000Z"),
            ("1795286081.5", "2026-11-21T18:34:41.500Z"),
            ("+90s", "2026-12-01T10:01:30.000Z"),
            ("+500ms", "2026-12-01T10:00:00.500Z"),
        ] {
            assert_eq!(Utc::of(read(text, hour()).unwrap()).stamp(), stamp, "{text}");
        }
        for wrong in [
            "",
            "+",
            "+10",
            "10s",
            "soon",
            "-5",
            "1e9",
            "NaN",
            "2026-12-01T10:00:30",
            "2026-12-01T10:00:30.Z",
            "2026-12-01T10:00:30.5",
        ] {
            let error = read(wrong, hour()).unwrap_err();
            assert!(error.remedy().unwrap().contains("+30s"), "{wrong}");
        }
    }

    #[tokio::test]
    async fn what_is_over_when_everything_is_in_place_is_refused_with_how_long() {
        let clock = Clock::by_hand(hour());
        clock.advance(Duration::from_secs(7));
        let error = Starts::At(hour()).near(&clock, &Stop::default()).await.unwrap_err();
        assert_eq!(error, StartError::TooLate { by: Duration::from_secs(7) });
        assert_eq!(
            error.to_string(),
            "the run was to start 7s ago: everything was in place too late"
        );
    }

    #[tokio::test]
    async fn who_is_to_be_told_when_is_told_that_everything_is_in_place() {
        let clock = Clock::by_hand(hour());
        let (ready, is_ready) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let agreed = Start { at: clock.now() + Duration::from_millis(800), wall: hour() };
        let telling = async {
            is_ready.await.unwrap();
            tell.send(agreed).unwrap();
        };
        let stop = Stop::default();
        let (start, ()) =
            tokio::join!(Starts::WhenTold { ready, told }.near(&clock, &stop), telling);
        assert_eq!(start.unwrap().at, agreed.at);
        let (ready, _) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        drop(tell);
        let error = Starts::WhenTold { ready, told }.near(&clock, &stop).await.unwrap_err();
        assert_eq!(error, StartError::NeverTold);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_run_that_is_not_wanted_any_more() {
        let clock = Clock::by_hand(hour());
        let stop = Stop::default();
        stop.request();
        let far = Starts::At(hour() + Duration::from_secs(3600)).near(&clock, &stop).await;
        assert_eq!(far.unwrap_err(), StartError::Stopped);
    }
}
