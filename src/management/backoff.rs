//! When a management call is sent again, and after which pause. Pure; measured steps are never
//! retried, these calls are.

use http::{HeaderMap, StatusCode, header};
use std::time::{Duration, SystemTime};

/// How often and how patiently a call is sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Backoff {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Pause after the first; it doubles with each further one.
    pub first: Duration,
    /// Longest pause of our own choice.
    pub longest: Duration,
    /// Longest pause that is kept because the tenant asks for it.
    pub longest_asked: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            attempts: 5,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(20),
            longest_asked: Duration::from_secs(120),
        }
    }
}

impl Backoff {
    /// The pause before the next attempt; none when this was the last. `attempt` counts from 1,
    /// `draw` is between 0 and 1 and spreads callers that failed together over the upper half of
    /// the pause. What the tenant asked for is kept in full.
    pub fn pause(&self, attempt: u32, draw: f64, asked: Option<Duration>) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let doubled = self.first.saturating_mul(1 << (attempt.saturating_sub(1)).min(20));
        let own = doubled.min(self.longest).mul_f64(0.5 + 0.5 * draw.clamp(0.0, 1.0));
        Some(own.max(asked.unwrap_or_default()))
    }
}

/// Whether a reply is worth another attempt: 408, 429 and errors of the server, as the platform's
/// documentation says. Refusals are final.
pub fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// What `Retry-After` asks for: seconds (429) or a date (503). A date that has passed is no pause.
pub fn asked_pause(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_end_with_the_attempts() {
        let backoff = Backoff { attempts: 9, ..Backoff::default() };
        let pauses: Vec<_> = (1..=9).map(|attempt| backoff.pause(attempt, 1.0, None)).collect();
        let seconds = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0].map(Duration::from_secs_f64);
        assert_eq!(pauses[..8], seconds.map(Some));
        assert_eq!(pauses[8], None);
    }

    #[test]
    fn what_the_tenant_asks_for_is_kept() {
        let backoff = Backoff::default();
        let asked = Some(Duration::from_secs(7));
        assert_eq!(backoff.pause(1, 0.0, asked), asked);
        assert_eq!(backoff.pause(5, 0.0, asked), None);
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, seconds) in [
            ("3", Some(3)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("99999999999999999999", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            assert_eq!(asked_pause(&headers, now), seconds.map(Duration::from_secs), "{value}");
        }
        assert_eq!(asked_pause(&HeaderMap::new(), now), None);
    }

    #[test]
    fn only_passing_faults_are_tried_again() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(is_passing(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [200, 201, 204, 301, 400, 401, 403, 404, 405, 409, 422, 501] {
            assert!(!is_passing(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }

    proptest! {
        #[test]
        fn jitter_takes_at_most_half_of_the_pause(attempt in 1u32..5, draw in 0.0..1.0f64) {
            let backoff = Backoff::default();
            let full = backoff.pause(attempt, 1.0, None).unwrap();
            let pause = backoff.pause(attempt, draw, None).unwrap();
            prop_assert!(pause <= full && pause >= full / 2);
        }
    }
}
