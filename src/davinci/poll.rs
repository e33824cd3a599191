//! Polling: how often a form wants to be asked again, and what a challenge has come to.

use super::wire::{self, Loose};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use std::time::Duration;

/// How a form wants to be polled. Without a challenge the client submits `continue` after each
/// interval and `timedOut` when the retries are used up; with one it asks for the challenge's status
/// and submits what that came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Polling {
    /// Key of the field that takes the outcome.
    pub key: String,
    /// Pause between two attempts as the form asks for it; at most a minute, two seconds where the
    /// form does not say. [`Rounds`] make it longer where it is too short.
    pub interval: Duration,
    /// Attempts before giving up; at most 1000, 60 where the form does not say.
    pub retries: u32,
    /// The challenge whose status is asked for; none in continue mode.
    pub challenge: Option<String>,
}

/// Longest pause that a tenant can ask for.
const LONGEST_INTERVAL_MS: u64 = 60_000;

/// Shortest pause between two attempts, whatever a form asks for: one that asks for none must not
/// turn its clients into a flood.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// Pauses of one walk taken together: after that its client gives up, whatever the forms allow.
pub(super) const LONGEST_PATIENCE: Duration = Duration::from_mins(10);

/// Most attempts that a tenant can ask for.
const MOST_RETRIES: u64 = 1000;

impl Polling {
    /// Numbers come as numbers or as text (client fixtures have both). Challenge mode needs the
    /// challenge and the wish for its status; the genuine JavaScript client gives up on one without
    /// the other, gander then polls in continue mode.
    pub(super) fn read(
        key: String,
        interval: &Loose<'_>,
        retries: &Loose<'_>,
        wants_status: &Loose<'_>,
        challenge: Loose<'_>,
    ) -> Self {
        let interval = whole(interval).unwrap_or(2000).min(LONGEST_INTERVAL_MS);
        let retries = whole(retries).unwrap_or(60).min(MOST_RETRIES);
        Self {
            key,
            interval: Duration::from_millis(interval),
            retries: u32::try_from(retries).unwrap_or(u32::MAX),
            challenge: challenge.filled().filter(|_| wants_status.is_true()),
        }
    }
}

/// A whole number of at least zero; a fraction is cut off.
fn whole(text: &Loose<'_>) -> Option<u64> {
    let text = text.as_str()?.trim();
    let digits = text.split('.').next()?;
    digits.parse().ok().or_else(|| {
        let is_large = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_large.then_some(u64::MAX)
    })
}

/// Value of a polling field while there is nothing to tell.
const CONTINUE: &str = "continue";

/// Value of a polling field once the patience is over.
const TIMED_OUT: &str = "timedOut";

/// One thing that a client does while it polls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Round {
    /// Ask for the state of the challenge and let [`Rounds::decide`] know.
    Ask,
    /// Tell the flow this value of the polling field.
    Tell(String),
}

/// What a client does, one thing after the other, for one form that is polled.
#[derive(Clone, Debug)]
pub struct Rounds {
    pause: Duration,
    left: u32,
    has_challenge: bool,
    is_first: bool,
    last_word: Option<String>,
}

impl Rounds {
    /// The rounds of a form that is polled from now on.
    pub fn of(polling: &Polling) -> Self {
        Self {
            pause: polling.interval.max(SHORTEST_PAUSE),
            left: polling.retries,
            has_challenge: polling.challenge.is_some(),
            is_first: true,
            last_word: Some(TIMED_OUT.to_owned()),
        }
    }

    /// Takes what the challenge has come to: what is decided is told next, and nothing after it.
    pub fn decide(&mut self, state: ChallengeState) {
        if let ChallengeState::Done(value) = state {
            self.left = 0;
            self.last_word = Some(value);
        }
    }

    /// What comes next and how long to pause before it; none once the last word is said. `patience`
    /// is what may still be paused. A challenge is asked about at once, a flow after a pause
    /// (observed).
    pub(super) fn next(&mut self, patience: &mut Duration) -> Option<(Duration, Round)> {
        let is_at_once = self.has_challenge && self.is_first;
        let pause = if is_at_once { Duration::ZERO } else { self.pause };
        let Some(rest) = patience.checked_sub(pause).filter(|_| self.left > 0) else {
            self.left = 0;
            return self.last_word.take().map(|value| (Duration::ZERO, Round::Tell(value)));
        };
        *patience = rest;
        self.left -= 1;
        self.is_first = false;
        let round = if self.has_challenge { Round::Ask } else { Round::Tell(CONTINUE.to_owned()) };
        Some((pause, round))
    }
}

/// What the status of a challenge says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChallengeState {
    /// Not yet decided: ask again after the interval.
    Pending,
    /// Decided: this value goes into the polling field (`approved`, `denied`, `expired`, `error`…).
    Done(String),
}

/// Longest status that is passed on, in characters.
const LONGEST_STATUS: usize = 128;

/// Reads the reply to a status request, as the genuine JavaScript client does: an error is `error`,
/// and so is a decision without a status. None for what is no such reply: a body that is no object,
/// which the genuine client would take for `error` and a measurement must not.
pub fn read_challenge(reply: &Response<Bytes>) -> Option<ChallengeState> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
    struct Body<'a> {
        is_challenge_complete: Loose<'a>,
        status: Loose<'a>,
        service_name: Loose<'a>,
    }
    let done = |status: &str| ChallengeState::Done(status.chars().take(LONGEST_STATUS).collect());
    let body: Body<'_> = wire::read(reply.body())?;
    Some(match reply.status() {
        StatusCode::BAD_REQUEST if body.service_name.as_str() == Some("challengeExpired") => {
            done("expired")
        }
        status if !status.is_success() => done("error"),
        _ if body.is_challenge_complete.is_true() => {
            done(&body.status.filled().unwrap_or_else(|| "error".to_owned()))
        }
        _ => ChallengeState::Pending,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose(text: &str) -> Loose<'_> {
        Loose(Some(text.into()))
    }

    #[test]
    fn nonsense_in_a_polling_field_is_bounded() {
        let cases: &[(&str, &str, u64, u32)] = &[
            ("3000", "30", 3000, 30),
            ("2000.5", "0", 2000, 0),
            ("99999999999999999999999", "18446744073709551616", 60_000, 1000),
            ("-5", "many", 2000, 60),
            ("1e400", "", 2000, 60),
        ];
        for (interval, retries, interval_ms, expected) in cases {
            let polling = Polling::read(
                "k".into(),
                &loose(interval),
                &loose(retries),
                &Loose(None),
                Loose(None),
            );
            assert_eq!(
                (polling.interval, polling.retries),
                (Duration::from_millis(*interval_ms), *expected),
                "{interval} {retries}"
            );
        }
    }

    #[test]
    fn a_challenge_is_asked_for_only_where_the_form_wants_its_status() {
        let challenge = |wanted: &str, challenge: &str| {
            let none = Loose(None);
            Polling::read("k".into(), &none, &none, &loose(wanted), loose(challenge)).challenge
        };
        assert_eq!(challenge("true", "c-1").as_deref(), Some("c-1"));
        assert_eq!(challenge("false", "c-1"), None);
        assert_eq!(challenge("true", ""), None);
    }

    fn rounds_of(polling: &Polling, patience: &mut Duration) -> Vec<(u128, Round)> {
        let mut rounds = Rounds::of(polling);
        std::iter::from_fn(|| rounds.next(patience))
            .map(|(pause, round)| (pause.as_millis(), round))
            .collect()
    }

    fn polling(interval_ms: u64, retries: u32, challenge: Option<&str>) -> Polling {
        let interval = Duration::from_millis(interval_ms);
        Polling { key: "k".into(), interval, retries, challenge: challenge.map(str::to_owned) }
    }

    #[test]
    fn a_flow_is_told_to_go_on_in_the_rhythm_of_its_form_and_then_that_time_is_up() {
        let tell = |value: &str| Round::Tell(value.to_owned());
        let told = rounds_of(&polling(300, 2, None), &mut LONGEST_PATIENCE.clone());
        assert_eq!(told, [(300, tell("continue")), (300, tell("continue")), (0, tell("timedOut"))]);
        let told = rounds_of(&polling(300, 2, Some("c")), &mut LONGEST_PATIENCE.clone());
        assert_eq!(told, [(0, Round::Ask), (300, Round::Ask), (0, tell("timedOut"))]);
    }

    #[test]
    fn what_a_challenge_came_to_is_the_last_word() {
        let mut patience = LONGEST_PATIENCE;
        let mut rounds = Rounds::of(&polling(300, 9, Some("c")));
        assert_eq!(rounds.next(&mut patience), Some((Duration::ZERO, Round::Ask)));
        rounds.decide(ChallengeState::Pending);
        assert_eq!(rounds.next(&mut patience), Some((Duration::from_millis(300), Round::Ask)));
        rounds.decide(ChallengeState::Done("approved".to_owned()));
        let approved = Round::Tell("approved".to_owned());
        assert_eq!(rounds.next(&mut patience), Some((Duration::ZERO, approved)));
        assert_eq!(rounds.next(&mut patience), None);
    }

    #[test]
    fn no_form_is_polled_without_a_pause_or_without_an_end() {
        for challenge in [None, Some("c")] {
            let told = rounds_of(&polling(0, 1000, challenge), &mut LONGEST_PATIENCE.clone());
            let pauses: Vec<_> = told.iter().map(|(pause, _)| *pause).collect();
            let at_once = usize::from(challenge.is_some());
            assert!(pauses[at_once..1000].iter().all(|pause| *pause == 100), "{pauses:?}");
            // One form after the other: all of them share one patience.
            let mut patience = LONGEST_PATIENCE;
            let mut paused = 0;
            for _ in 0..3 {
                let told = rounds_of(&polling(60_000, 1000, challenge), &mut patience);
                assert_eq!(told.last(), Some(&(0, Round::Tell("timedOut".to_owned()))));
                paused += told.iter().map(|(pause, _)| *pause).sum::<u128>();
            }
            assert_eq!(paused, LONGEST_PATIENCE.as_millis());
        }
    }

    #[test]
    fn every_reply_about_a_challenge_is_taken_as_the_genuine_client_takes_it() {
        let done = |status: &str| Some(ChallengeState::Done(status.to_owned()));
        let cases = [
            (200, r#"{"isChallengeComplete":false}"#, Some(ChallengeState::Pending)),
            (200, "{}", Some(ChallengeState::Pending)),
            (200, r#"{"isChallengeComplete":true,"status":"approved"}"#, done("approved")),
            (200, r#"{"isChallengeComplete":true}"#, done("error")),
            (200, "<html>", None),
            (200, r#"{"isChallengeComplete":tr"#, None),
            (200, "", None),
            (200, "[]", None),
            (400, "<html>", None),
            (400, r#"{"serviceName":"challengeExpired"}"#, done("expired")),
            (400, r#"{"code":4019}"#, done("error")),
            (500, r#"{"isChallengeComplete":true,"status":"approved"}"#, done("error")),
        ];
        for (status, body, expected) in cases {
            let reply = Response::builder().status(status).body(Bytes::from(body)).unwrap();
            assert_eq!(read_challenge(&reply), expected, "{status} {body}");
        }
    }
}
