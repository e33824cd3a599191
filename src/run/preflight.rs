//! What can be known of a tenant before anything is made there: that its discovery document is where
//! the profile says and offers what gander needs, and that the clocks agree.

use crate::base::clock::Clock;
use crate::base::remedy::Remedy;
use crate::davinci::oidc::Endpoints;
use crate::profile::tenant::Tenant;
use crate::transport::{ApiClient, SetUpError, Transport, TransportFault};
use bytes::Bytes;
use http::{Request, header};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// The most by which the clocks may differ. Tokens of the platform are valid for minutes, and the
/// window that support is told is one by the tenant's clock.
pub const MOST_SKEW: Duration = Duration::from_secs(30);

/// Members of a discovery document without which no journey gets to its token.
const NEEDED: &[&str] = &["authorization_endpoint", "token_endpoint"];

/// The response mode that gander asks for; a list that has others only says that it is not known.
const MODE: &str = "pi.flow";

/// Why a tenant is not ready.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// It did not answer at all.
    #[error("the discovery document of {address} cannot be read")]
    Unanswered {
        address: String,
        #[source]
        source: TransportFault,
    },
    /// The client for it could not be made.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// It answered with something else.
    #[error("{address} answers with status {status} where its discovery document should be")]
    Absent { address: String, status: u16 },
    /// What it answered is no discovery document.
    #[error("what {address} answers is no discovery document: there is no `{missing}`")]
    Lacks { address: String, missing: &'static str },
    /// It says that it does not do what gander asks for.
    #[error("{address} does not offer the response mode `{MODE}`")]
    NoFlows { address: String },
    /// The clocks differ.
    #[error("the clock of this machine is {} s {} that of {address}", .skew.as_secs(), if *.ahead { "ahead of" } else { "behind" })]
    Clock { address: String, skew: Duration, ahead: bool },
}

impl Remedy for PreflightError {
    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Unanswered { source, .. } => return source.remedy(),
            Self::SetUp(error) => return error.remedy(),
            Self::Absent { .. } | Self::Lacks { .. } => {
                "check `tenant.auth_url` (its region), `tenant.environment_id`, and \
                 `tenant.custom_domain` where the tenant has a domain of its own"
            }
            Self::NoFlows { .. } => {
                "point `tenant.auth_url` at a PingOne environment with DaVinci; an environment without it \
                 has no flows to test"
            }
            Self::Clock { .. } => "set the clock of this machine by a time server",
        };
        Some(text.to_owned())
    }
}

/// Asks each of these tenants, each address once. What is wrong with any of them comes back.
pub async fn look(
    tenants: impl IntoIterator<Item = &Tenant>,
    transport: &Transport,
    clock: &Clock,
) -> Vec<PreflightError> {
    let client = match transport.api_client() {
        Ok(client) => client,
        Err(error) => return vec![error.into()],
    };
    let mut asked: Vec<String> = Vec::new();
    let mut problems = Vec::new();
    for tenant in tenants {
        let environment = tenant.environment_id.as_deref().filter(|_| !tenant.custom_domain);
        let endpoints = Endpoints::new(&tenant.auth_url, environment);
        let url = endpoints.oidc(".well-known/openid-configuration");
        if !asked.contains(&url) {
            problems.extend(ask((&client, clock), &tenant.auth_url, &url).await);
            asked.push(url);
        }
    }
    problems
}

async fn ask(
    (client, clock): (&ApiClient, &Clock),
    address: &str,
    url: &str,
) -> Vec<PreflightError> {
    let address = address.to_owned();
    let request = Request::get(url).header(header::ACCEPT, "application/json").body(Bytes::new());
    // An address that cannot be asked for at all was refused when the profile was read.
    let Ok(request) = request else {
        return vec![PreflightError::Lacks { address, missing: "host" }];
    };
    let before = clock.wall();
    match client.call(request).await {
        Err(source) => vec![PreflightError::Unanswered { address, source }],
        Ok(reply) => {
            let date = reply.headers().get(header::DATE).and_then(|date| date.to_str().ok());
            let said = (reply.status().as_u16(), &reply.body()[..]);
            let problem = of_document(&address, said);
            problem.into_iter().chain(of_clock(&address, date, (before, clock.wall()))).collect()
        }
    }
}

/// What is wrong with an answer that should be a discovery document.
fn of_document(address: &str, (status, body): (u16, &[u8])) -> Option<PreflightError> {
    let address = address.to_owned();
    if status != 200 {
        return Some(PreflightError::Absent { address, status });
    }
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let lacks = |name: &&&str| !document[**name].is_string();
    if let Some(missing) = NEEDED.iter().find(lacks) {
        return Some(PreflightError::Lacks { address, missing });
    }
    let modes = document["response_modes_supported"].as_array();
    let offers = modes.is_none_or(|modes| modes.iter().any(|mode| mode == MODE));
    (!offers).then_some(PreflightError::NoFlows { address })
}

/// Whether a reply's date, which has whole seconds, lies too far outside the time in which it came.
fn of_clock(
    address: &str,
    date: Option<&str>,
    (before, after): (SystemTime, SystemTime),
) -> Option<PreflightError> {
    let date = httpdate::parse_http_date(date?).ok()?;
    let by = |later: SystemTime, earlier: SystemTime| later.duration_since(earlier).ok();
    let behind = by(date, after);
    let ahead = by(before, date + Duration::from_secs(1));
    let (skew, is_ahead) = match (behind, ahead) {
        (Some(skew), _) => (skew, false),
        (None, Some(skew)) => (skew, true),
        (None, None) => return None,
    };
    let too_far = skew > MOST_SKEW;
    too_far.then(|| PreflightError::Clock { address: address.to_owned(), skew, ahead: is_ahead })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"authorization_endpoint":"a","token_endpoint":"t"}"#;

    fn said(problem: Option<PreflightError>) -> String {
        problem.map_or_else(String::new, |problem| problem.to_string())
    }

    #[test]
    fn an_answer_is_a_discovery_document_or_it_is_told_what_it_lacks() {
        let modes =
            |modes: &str| GOOD.replace('}', &format!(r#","response_modes_supported":{modes}}}"#));
        for (status, body, expected) in [
            (200, GOOD, ""),
            (200, &modes(r#"["query","pi.flow"]"#), ""),
            (200, &modes(r#"["query"]"#), "t does not offer the response mode `pi.flow`"),
            (404, GOOD, "t answers with status 404 where its discovery document should be"),
            (
                200,
                "<html>",
                "what t answers is no discovery document: there is no `authorization_endpoint`",
            ),
            (
                200,
                r#"{"authorization_endpoint":"a","token_endpoint":7}"#,
                "what t answers is no discovery document: there is no `token_endpoint`",
            ),
        ] {
            assert_eq!(said(of_document("t", (status, body.as_bytes()))), expected);
        }
    }

    #[test]
    fn clocks_may_differ_by_as_much_as_the_call_took_and_half_a_minute() {
        let date = "Sun, 22 Nov 2026 12:00:00 GMT";
        let at = httpdate::parse_http_date(date).unwrap();
        let of = |before: i64, after: i64| {
            let moved = |by: i64| {
                let by_s = Duration::from_secs(by.unsigned_abs());
                if by < 0 { at - by_s } else { at + by_s }
            };
            said(of_clock("t", Some(date), (moved(before), moved(after))))
        };
        for (before, after, expected) in [
            (0, 1, ""),
            (-60, 60, ""),
            (31, 31, ""),
            (32, 33, "the clock of this machine is 31 s ahead of that of t"),
            (-31, -30, ""),
            (-32, -31, "the clock of this machine is 31 s behind that of t"),
        ] {
            assert_eq!(of(before, after), expected, "{before} {after}");
        }
        assert!(of_clock("t", None, (at, at)).is_none());
        assert!(of_clock("t", Some("yesterday"), (at, at)).is_none());
    }
}
