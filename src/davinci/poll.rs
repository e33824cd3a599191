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
    /// Pause between two attempts; at most a minute, two seconds where the form does not say.
    pub interval: Duration,
    /// Attempts before giving up; at most 1000, 60 where the form does not say.
    pub retries: u32,
    /// The challenge whose status is asked for; none in continue mode.
    pub challenge: Option<String>,
}

/// Longest pause that a tenant can ask for.
const LONGEST_INTERVAL_MS: u64 = 60_000;

/// Most attempts that a tenant can ask for.
const MOST_RETRIES: u64 = 1000;

impl Polling {
    /// Numbers come as numbers or as text (client fixtures have both). Challenge mode needs the
    /// challenge and the wish for its status; the genuine JavaScript client gives up on one without
    /// the other, gander then polls in continue mode.
    pub(super) fn read(
        key: String,
        interval: &Loose,
        retries: &Loose,
        wants_status: &Loose,
        challenge: Loose,
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
fn whole(text: &Loose) -> Option<u64> {
    let text = text.as_str()?.trim();
    let digits = text.split('.').next()?;
    digits.parse().ok().or_else(|| {
        let is_large = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_large.then_some(u64::MAX)
    })
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

/// Reads the reply to a status request, as the genuine JavaScript client does: anything that cannot
/// be understood is `error`, and so is a decision without a status.
pub fn read_challenge(reply: &Response<Bytes>) -> ChallengeState {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Body {
        is_challenge_complete: Loose,
        status: Loose,
        service_name: Loose,
    }
    let done = |status: &str| ChallengeState::Done(status.chars().take(LONGEST_STATUS).collect());
    let body: Option<Body> = wire::read(reply.body());
    match (reply.status(), body) {
        (StatusCode::BAD_REQUEST, Some(body))
            if body.service_name.as_str() == Some("challengeExpired") =>
        {
            done("expired")
        }
        (status, Some(body)) if status.is_success() => {
            if body.is_challenge_complete.is_true() {
                done(&body.status.filled().unwrap_or_else(|| "error".to_owned()))
            } else {
                ChallengeState::Pending
            }
        }
        _ => done("error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose(text: &str) -> Loose {
        Loose(Some(text.to_owned()))
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

    #[test]
    fn every_reply_about_a_challenge_is_taken_as_the_genuine_client_takes_it() {
        let done = |status: &str| ChallengeState::Done(status.to_owned());
        let cases = [
            (200, r#"{"isChallengeComplete":false}"#, ChallengeState::Pending),
            (200, "{}", ChallengeState::Pending),
            (200, r#"{"isChallengeComplete":true,"status":"approved"}"#, done("approved")),
            (200, r#"{"isChallengeComplete":true}"#, done("error")),
            (200, "<html>", done("error")),
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
