//! What a handler gives back: status, JSON body, headers, the key of the call, mail to send.

use super::latency::Traits;
use super::mail::Letter;
use axum::http::{HeaderName, StatusCode, header};
use serde_json::{Value, json};

/// What a call was about: the key of its row in the record and in the table of delays.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key {
    /// Capability of the form that was answered, or the name of a call outside the flow.
    pub capability: Box<str>,
    /// Event, such as `submit`; empty outside the flow.
    pub event: Box<str>,
    /// Action, such as `SIGNON`; empty outside the flow.
    pub action: Box<str>,
}

/// Longest text of a part of a key that came from outside.
const LONGEST_PART: usize = 64;

impl Key {
    /// The key of a call outside the flow.
    pub fn outside(name: &str) -> Self {
        Self { capability: name.into(), ..Self::default() }
    }

    /// The key of a form that was answered.
    pub fn answer(capability: &str, event: &str, action: &str) -> Self {
        let part = |text: &str| text.chars().take(LONGEST_PART).collect();
        Self { capability: part(capability), event: part(event), action: part(action) }
    }

    /// The three parts.
    pub fn parts(&self) -> (&str, &str, &str) {
        (&self.capability, &self.event, &self.action)
    }

    /// What rows of delays and faults select by, for a call of a policy; empty where nobody can tell.
    pub fn traits<'k>(&'k self, policy: &'k str) -> Traits<'k> {
        [&self.capability, &self.event, &self.action, policy]
    }
}

/// An answer, not yet sent.
#[derive(Debug)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// JSON text; none for 204.
    pub body: Option<String>,
    /// Headers beyond those that every reply has.
    pub headers: Vec<(HeaderName, String)>,
    /// What the call was about.
    pub key: Key,
    /// Mail that the call caused.
    pub letters: Box<[Letter]>,
    /// Whether the reply carries CORS headers.
    pub cors: bool,
}

impl Reply {
    /// JSON text, already written.
    pub fn text(status: StatusCode, body: String) -> Self {
        let (headers, letters) = (Vec::new(), Box::default());
        Self { status, body: Some(body), headers, key: Key::outside(""), letters, cors: true }
    }

    /// A JSON value.
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self::text(status, body.to_string())
    }

    /// 200 with a JSON value.
    pub fn ok(body: &Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// 204.
    pub fn empty() -> Self {
        Self { body: None, ..Self::text(StatusCode::NO_CONTENT, String::new()) }
    }

    /// An error of the platform, in its documented shape.
    pub fn platform(status: StatusCode, code: &str, message: &str) -> Self {
        // The correlation id is not unique on purpose: nothing reads it, and drawing costs.
        let id = "00000000-0000-4000-8000-000000000000";
        Self::json(status, &json!({ "id": id, "code": code, "message": message }))
    }

    /// An error of an OAuth endpoint.
    pub fn oauth(status: StatusCode, error: &str, description: &str) -> Self {
        Self::json(status, &json!({ "error": error, "error_description": description }))
    }

    /// The same with a header more.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with a cookie more. `max_age_s` 0 expires it.
    #[must_use]
    pub fn with_cookie(self, name: &str, value: &str, max_age_s: u64) -> Self {
        let cookie = format!("{name}={value}; Max-Age={max_age_s}; Path=/; HttpOnly");
        self.with_header(header::SET_COOKIE, cookie)
    }

    /// The same under a key.
    #[must_use]
    pub fn of(mut self, key: Key) -> Self {
        self.key = key;
        self
    }
}
