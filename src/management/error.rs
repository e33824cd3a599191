//! What can go wrong with the management API. Messages name the call, the status and the
//! platform's codes, never a body, a token or a password.

use crate::base::remedy::Remedy;
use crate::transport::TransportFault;
use http::StatusCode;
use std::fmt;
use std::time::Duration;

/// Why a management call failed.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    /// The tenant answered, but not with what was asked for; retries are used up.
    #[error("the tenant answered `{call}` with {status}{codes}")]
    Refused { call: &'static str, status: StatusCode, codes: PlatformCodes },
    /// There was no answer; retries are used up.
    #[error("the tenant did not answer `{call}`")]
    Unanswered {
        call: &'static str,
        #[source]
        source: TransportFault,
    },
    /// The answer lacks something that has to be there.
    #[error("the tenant answered `{call}` without a {missing}")]
    Malformed { call: &'static str, missing: &'static str },
    /// A link of a listing leads away from the API; the token is not taken there.
    #[error("a link in the answer to `{call}` leads to `{host}`, which is not the management API")]
    ForeignLink { call: &'static str, host: String },
    /// A listing that has no end.
    #[error("the listing of `{call}` did not end after {pages} pages")]
    Endless { call: &'static str, pages: usize },
    /// The tenant asks for a longer pause than is worth waiting for.
    #[error("the tenant limits `{call}` and asks to wait {} s", .pause.as_secs())]
    Limited { call: &'static str, pause: Duration },
    /// Something is to be set that is not understood as a whole.
    #[error("`{call}` is not sent: what is to be set is not understood as a whole")]
    NotUnderstood { call: &'static str },
    /// A request that cannot be written, because an address of the profile cannot be extended.
    #[error("no address for `{call}` can be made from the profile's")]
    NoAddress { call: &'static str },
}

/// Codes that the platform gave with a refusal: the one of the whole and those of its details.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PlatformCodes {
    /// Code of the whole, such as `INVALID_DATA`.
    pub code: Option<String>,
    /// Code and target of each detail, such as `UNIQUENESS_VIOLATION` and `username`.
    pub details: Vec<(String, Option<String>)>,
}

impl ManagementError {
    /// Whether every other call would fail as well, so that there is no point in going on.
    pub fn is_general(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            }
            Self::Unanswered { .. } | Self::Limited { .. } | Self::NoAddress { .. } => true,
            _ => false,
        }
    }

    /// Whether the tenant refused because the user name is taken.
    pub fn is_name_taken(&self) -> bool {
        self.is_taken("username")
    }

    /// Whether the tenant refused because there is one already that has the same of this.
    pub fn is_taken(&self, target: &str) -> bool {
        let taken = |(code, of): &(String, Option<String>)| {
            code == "UNIQUENESS_VIOLATION" && of.as_deref() == Some(target)
        };
        matches!(self, Self::Refused { codes, .. } if codes.details.iter().any(taken))
    }

    /// Whether the worker lacks the role for the call.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::FORBIDDEN, .. })
    }

    /// Whether the tenant does not take the call as it was sent.
    pub fn is_not_taken(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::BAD_REQUEST, .. })
    }

    /// Whether what the call is about is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND, .. })
    }
}

impl Remedy for ManagementError {
    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Refused { call, status, .. } => return refusal_remedy(call, *status),
            Self::Unanswered { source, .. } => return source.remedy(),
            Self::ForeignLink { .. } => {
                "set `tenant.api_url` to the address under which the tenant names itself"
            }
            Self::Limited { .. } => "lower `tenant.worker.rate`, or try again after that time",
            Self::NotUnderstood { .. } => "change it in the platform's console",
            Self::NoAddress { .. } => {
                "write `tenant.auth_url` and `tenant.api_url` as `https://HOST`"
            }
            Self::Malformed { .. } | Self::Endless { .. } => {
                "check that `tenant.api_url` is that of the platform's management API"
            }
        };
        Some(text.to_owned())
    }
}

fn refusal_remedy(call: &str, status: StatusCode) -> Option<String> {
    let is_token = call == super::call::WORKER_TOKEN;
    let text = match status.as_u16() {
        _ if is_token && status.is_client_error() => {
            "check `tenant.worker`: client id, secret, and the environment the worker lives in"
        }
        401 => "check that the worker application is enabled and its secret is the current one",
        403 if call.ends_with("mail settings") => {
            "give the worker application the role Environment Admin in this environment"
        }
        403 => "give the worker application the role Identity Data Admin in this environment",
        404 => "check `tenant.environment_id`; what was just made may need some seconds to appear",
        429 => "lower `tenant.worker.rate`",
        500..=599 => "try again later; the platform's status page tells of outages",
        _ => return None,
    };
    Some(text.to_owned())
}

impl PlatformCodes {
    /// Reads an error body: the platform's, or that of a token endpoint. Whatever does not look
    /// like a code is left out, so that nothing of the body can leak.
    pub fn read(body: &[u8]) -> Self {
        let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else {
            return Self::default();
        };
        let text = |value: &serde_json::Value| {
            value.as_str().filter(|text| is_code(text)).map(str::to_owned)
        };
        let details = body.get("details").and_then(|details| details.as_array());
        let details = details.into_iter().flatten().take(5).filter_map(|detail| {
            Some((text(detail.get("code")?)?, detail.get("target").and_then(text)))
        });
        Self {
            code: body.get("code").or_else(|| body.get("error")).and_then(text),
            details: details.collect(),
        }
    }
}

/// Codes and targets are short words: `INVALID_DATA`, `invalid_client`, `name.given`.
fn is_code(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphabetic() || "_.".contains(c))
}

impl fmt::Display for PlatformCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = &self.code {
            write!(f, " `{code}`")?;
        }
        for (code, target) in &self.details {
            write!(f, ", `{code}`")?;
            if let Some(target) = target {
                write!(f, " of `{target}`")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(call: &'static str, status: u16, body: &str) -> ManagementError {
        let status = StatusCode::from_u16(status).unwrap();
        ManagementError::Refused { call, status, codes: PlatformCodes::read(body.as_bytes()) }
    }

    #[test]
    fn a_refusal_names_call_status_and_codes_and_a_way_out() {
        let taken = r#"{"id":"x","code":"INVALID_DATA","message":"secret words","details":[{"code":"UNIQUENESS_VIOLATION","target":"username","message":"jane@x.test is taken"}]}"#;
        let messages: Vec<String> = [
            refused("import user", 400, taken),
            refused(
                "worker token",
                401,
                r#"{"error":"invalid_client","error_description":"s3cret"}"#,
            ),
            refused("import user", 403, r#"{"code":"ACCESS_FAILED"}"#),
            refused("delete user", 503, "<html>"),
            ManagementError::Limited { call: "import user", pause: Duration::from_secs(900) },
        ]
        .iter()
        .map(|error| format!("{error} ({})", error.remedy().unwrap_or_default()))
        .collect();
        insta::assert_snapshot!(messages.join("\n"), @r"
        the tenant answered `import user` with 400 Bad Request `INVALID_DATA`, `UNIQUENESS_VIOLATION` of `username` ()
        the tenant answered `worker token` with 401 Unauthorized `invalid_client` (check `tenant.worker`: client id, secret, and the environment the worker lives in)
        the tenant answered `import user` with 403 Forbidden `ACCESS_FAILED` (give the worker application the role Identity Data Admin in this environment)
        the tenant answered `delete user` with 503 Service Unavailable (try again later; the platform's status page tells of outages)
        the tenant limits `import user` and asks to wait 900 s (lower `tenant.worker.rate`, or try again after that time)
        ");
    }

    #[test]
    fn nothing_of_a_body_is_shown_but_codes() {
        for body in [
            r#"{"code":"hunter2!"}"#,
            r#"{"code":"eyJhbGciOiJIUzI1NiJ9.e30.abc123"}"#,
            r#"{"details":[{"code":"Lt9!abcdefgh","target":"jane@x.test"}]}"#,
            r#"["code"]"#,
            "not json",
        ] {
            assert_eq!(PlatformCodes::read(body.as_bytes()).to_string(), "", "{body}");
        }
    }

    #[test]
    fn a_taken_name_is_told_from_other_refusals() {
        let body = |target: &str| {
            format!(r#"{{"details":[{{"code":"UNIQUENESS_VIOLATION","target":"{target}"}}]}}"#)
        };
        assert!(refused("import user", 400, &body("username")).is_name_taken());
        assert!(!refused("import user", 400, &body("email")).is_name_taken());
        assert!(refused("delete user", 404, "").is_not_found());
        assert!(refused("delete user", 403, "").is_general());
        assert!(!refused("delete user", 404, "").is_general());
    }
}
