//! What can be known of a tenant before anything is made there: that its discovery document is where
//! the profile says and offers what gander needs, and that the clocks agree.

use crate::base::clock::Clock;
use crate::base::remedy::Remedy;
use crate::davinci::oidc::Endpoints;
use crate::profile::tenant::Tenant;
use crate::transport::{ApiClient, SetUpError, Transport, TransportFault};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
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

/// What was found at tenants.
#[derive(Debug, Default)]
pub struct Found {
    /// What keeps any of them from being used.
    pub problems: Vec<PreflightError>,
    /// What may be wrong, and may as well be the doing of a cache in front of them.
    pub doubts: Vec<PreflightError>,
}

/// Asks each of these tenants, each address once.
pub async fn look(
    tenants: impl IntoIterator<Item = &Tenant>,
    transport: &Transport,
    clock: &Clock,
) -> Found {
    let mut found = Found::default();
    let client = match transport.api_client() {
        Ok(client) => client,
        Err(error) => {
            found.problems.push(error.into());
            return found;
        }
    };
    let mut asked: Vec<Endpoints> = Vec::new();
    for tenant in tenants {
        let environment = tenant.environment_id.as_deref().filter(|_| !tenant.custom_domain);
        let endpoints = Endpoints::new(&tenant.auth_url, environment);
        if !asked.contains(&endpoints) {
            ask((&client, clock), (&tenant.auth_url, &endpoints), &mut found).await;
            asked.push(endpoints);
        }
    }
    found
}

async fn ask(
    (client, clock): (&ApiClient, &Clock),
    (address, endpoints): (&str, &Endpoints),
    found: &mut Found,
) {
    let of = (client, clock);
    let document = endpoints.oidc(".well-known/openid-configuration");
    let (reply, skew) = match get(of, &document).await {
        Ok(answer) => answer,
        Err(problem) => return found.problems.push(problem.about(address)),
    };
    let said = (reply.status().as_u16(), &reply.body()[..]);
    found.problems.extend(of_document(address, said));
    let Some(skew) = skew.and_then(|skew| skew.too_far(address)) else { return };
    // The document is made to be cached, and a cache hands out an old date. Nobody is let in here, so
    // nothing of it is kept anywhere.
    match get(of, &endpoints.oidc("userinfo")).await {
        Ok((_, Some(again))) => found.problems.extend(again.too_far(address)),
        Ok((_, None)) | Err(_) => found.doubts.push(skew),
    }
}

/// Why there is no answer.
enum NoAnswer {
    /// An address that cannot be asked for at all, which was refused when the profile was read.
    NoAddress,
    Fault(TransportFault),
}

impl NoAnswer {
    fn about(self, address: &str) -> PreflightError {
        let address = address.to_owned();
        match self {
            Self::NoAddress => PreflightError::Lacks { address, missing: "host" },
            Self::Fault(source) => PreflightError::Unanswered { address, source },
        }
    }
}

/// A reply that comes from the tenant itself, as far as caches heed that; and how the clocks differ, where it
/// tells.
async fn get(
    (client, clock): (&ApiClient, &Clock),
    url: &str,
) -> Result<(Response<Bytes>, Option<Skew>), NoAnswer> {
    let request = Request::get(url)
        .header(header::ACCEPT, "application/json")
        .header(header::CACHE_CONTROL, "no-cache")
        .body(Bytes::new())
        .map_err(|_| NoAnswer::NoAddress)?;
    let before = clock.wall();
    let reply = client.call(request).await.map_err(NoAnswer::Fault)?;
    let skew = date(reply.headers()).map(|date| Skew::of(date, (before, clock.wall())));
    Ok((reply, skew))
}

/// The time at which a reply was handed out: its date, and the age that it has since (RFC 9111, section 5.1).
fn date(headers: &HeaderMap) -> Option<SystemTime> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let date = httpdate::parse_http_date(text(header::DATE)?).ok()?;
    let age_s = text(header::AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    date.checked_add(Duration::from_secs(age_s))
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

/// How far a reply's date, which has whole seconds, lies outside the time in which the reply came.
#[derive(Clone, Copy, Debug)]
struct Skew {
    by: Duration,
    is_ahead: bool,
}

impl Skew {
    fn of(date: SystemTime, (before, after): (SystemTime, SystemTime)) -> Self {
        let by = |later: SystemTime, earlier: SystemTime| later.duration_since(earlier).ok();
        let behind = by(date, after);
        let ahead = date.checked_add(Duration::from_secs(1)).and_then(|end| by(before, end));
        match (behind, ahead) {
            (Some(by), _) => Self { by, is_ahead: false },
            (None, ahead) => Self { by: ahead.unwrap_or_default(), is_ahead: true },
        }
    }

    fn too_far(self, address: &str) -> Option<PreflightError> {
        let Self { by: skew, is_ahead: ahead } = self;
        let is_far = skew > MOST_SKEW;
        is_far.then(|| PreflightError::Clock { address: address.to_owned(), skew, ahead })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};
    use crate::transport::{Guard, Resolver, Settings};
    use http::HeaderName;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    const NOON: &str = "Sun, 22 Nov 2026 12:00:00 GMT";

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
        let at = httpdate::parse_http_date(NOON).unwrap();
        let of = |before: i64, after: i64| {
            let moved = |by: i64| {
                let by_s = Duration::from_secs(by.unsigned_abs());
                if by < 0 { at - by_s } else { at + by_s }
            };
            said(Skew::of(at, (moved(before), moved(after))).too_far("t"))
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
    }

    #[test]
    fn an_age_is_added_to_the_date_of_a_reply() {
        let of = |headers: &[(HeaderName, &'static str)]| {
            let pairs =
                headers.iter().map(|(name, text)| (name.clone(), HeaderValue::from_static(text)));
            date(&pairs.collect())
        };
        let noon = httpdate::parse_http_date(NOON).unwrap();
        let later = |seconds| noon + Duration::from_secs(seconds);
        assert_eq!(of(&[(header::DATE, NOON)]), Some(noon));
        assert_eq!(of(&[(header::DATE, NOON), (header::AGE, "3600")]), Some(later(3600)));
        assert_eq!(of(&[(header::DATE, NOON), (header::AGE, "old")]), Some(noon));
        assert_eq!(of(&[(header::DATE, NOON), (header::AGE, "18446744073709551615")]), None);
        assert_eq!(of(&[(header::DATE, "yesterday")]), None);
        assert_eq!(of(&[(header::AGE, "1")]), None);
    }

    /// A tenant that answers each call with the next of these heads.
    fn tenant(heads: Vec<String>) -> Tenant {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for head in heads {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.extend(byte);
                }
                let length = GOOD.len();
                write!(
                    stream,
                    "HTTP/1.1 {head}content-length: {length}\r\nconnection: close\r\n\r\n{GOOD}"
                )
                .unwrap();
            }
        });
        let text = format!(
            "auth_url = \"http://{address}\"\nenvironment_id = \"e\"\nclient_id = \"c\"\nredirect_uri = \"https://a.example\"\n"
        );
        Tenant::of(&Table::parse("t", &text).unwrap(), &Problems::default()).unwrap()
    }

    #[tokio::test]
    async fn clocks_differ_only_if_a_reply_that_nobody_caches_says_so() {
        let now = Clock::system().wall();
        let dated = |status: &str, ago_s: u64| {
            let date = httpdate::fmt_http_date(now - Duration::from_secs(ago_s));
            format!("{status}\r\ndate: {date}\r\n")
        };
        let (found, gone) =
            (|ago_s| dated("200 OK", ago_s), |ago_s| dated("401 Unauthorized", ago_s));
        let no_date = "401 Unauthorized\r\n".to_owned();
        let aged = format!("{}age: 600\r\n", found(600));
        for (heads, problems, doubts) in [
            (vec![found(0)], 0, 0),
            (vec![aged], 0, 0),
            (vec![found(600), gone(0)], 0, 0),
            (vec![found(600), gone(600)], 1, 0),
            (vec![found(600), no_date], 0, 1),
            (vec![found(600)], 0, 1),
        ] {
            let tenant = tenant(heads.clone());
            let guard = Guard::new([tenant.auth_url.parse().unwrap()]);
            let clock = Clock::system();
            let settings =
                Settings { reply_timeout: Duration::from_secs(2), ..Settings::default() };
            let transport =
                Transport::new(guard, &settings, Resolver::System, clock.clone()).unwrap();
            let found = look([&tenant], &transport, &clock).await;
            assert_eq!(
                (found.problems.len(), found.doubts.len()),
                (problems, doubts),
                "{heads:?} {found:?}"
            );
        }
    }
}
