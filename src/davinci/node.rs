//! What a reply is: one table from status and structure to kind, never from message text.

use super::form::{Dialect, Form};
use super::oidc::{Endpoints, Tokens};
use super::screen::{self, Shown};
use super::wire::{self, Body, Detail, List, Object};
use crate::base::names::Capability;
use crate::base::secret::Secret;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode, Uri, header};
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;

/// What a reply to an authorize or capability call can be.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// The tenant limits the rate: 429 that no flow author wrote.
    RateLimited,
    /// 403 that no flow author wrote: an edge or firewall turned the call away.
    Blocked,
    /// 5xx that no flow author wrote.
    ServerError,
    /// 3xx where `pi.flow` promises a body: usually a wrong client id or redirect address.
    Redirected,
    /// The interaction's credentials were not accepted (code 1999).
    InteractionRejected,
    /// The flow or interaction ran out of time (`requestTimedOut`).
    FlowTimedOut,
    /// The flow ended without success.
    FlowFailed,
    /// An OAuth error in place of a flow.
    OauthError,
    /// The answer was turned down; the same form may be answered again.
    Refusal,
    /// 4xx without a body that could be understood.
    ClientError,
    /// 2xx whose body is not a JSON object, or a status that no reply should have.
    Malformed,
    /// The flow reached its end.
    Success,
    /// Nothing changed: ask again later.
    Stay,
    /// The next form, in the dialect of the SDKs.
    Form,
    /// The next form, in the dialect of the hosted page.
    Screen,
    /// A body that is neither an end nor a step.
    NoNextStep,
}

/// A reply as far as the table looks at it.
struct Seen<'a> {
    status: StatusCode,
    body: Option<Body<'a>>,
}

impl<'a> Seen<'a> {
    fn of(status: StatusCode, body: &'a [u8]) -> Self {
        Self { status, body: wire::read(body) }
    }

    fn has(&self, test: impl FnOnce(&Body<'a>) -> bool) -> bool {
        self.body.as_ref().is_some_and(test)
    }

    fn connector(&self) -> Option<&str> {
        self.body.as_ref()?.connector_id.as_str()
    }

    fn is_code(&self, code: &str) -> bool {
        self.has(|body| body.code.as_str() == Some(code))
    }

    fn is_ok(&self) -> bool {
        self.status.is_success()
    }
}

/// One line of the table.
struct Row {
    kind: Kind,
    when: fn(&Seen<'_>) -> bool,
}

/// Read from top to bottom; the first line that holds decides. Success stands before links because
/// some success bodies carry a next link, and before it the failures that arrive with status 200.
const TABLE: &[Row] = &[
    Row { kind: Kind::FlowFailed, when: |s| !s.is_ok() && s.has(says_error_response) },
    Row { kind: Kind::RateLimited, when: |s| s.status == 429 && s.connector().is_none() },
    Row { kind: Kind::Blocked, when: |s| s.status == 403 && s.connector().is_none() },
    Row {
        kind: Kind::ServerError,
        when: |s| s.status.is_server_error() && s.connector() != Some("errorConnector"),
    },
    Row { kind: Kind::Redirected, when: |s| s.status.is_redirection() },
    Row { kind: Kind::InteractionRejected, when: |s| !s.is_ok() && s.is_code("1999") },
    Row { kind: Kind::FlowTimedOut, when: |s| !s.is_ok() && s.is_code("requestTimedOut") },
    Row { kind: Kind::FlowFailed, when: |s| !s.is_ok() && s.has(failed_at_the_end) },
    Row {
        kind: Kind::OauthError,
        when: |s| !s.is_ok() && s.connector().is_none() && s.has(|b| b.error.is_there),
    },
    // A platform error that is neither a node's nor a 400 (a wrong path, a wrong token) is no answer
    // to a form.
    Row {
        kind: Kind::Refusal,
        when: |s| {
            let is_of_a_node = s.status == 400 || s.connector().is_some();
            is_error_status(s.status) && is_of_a_node && s.body.is_some()
        },
    },
    Row { kind: Kind::ClientError, when: |s| s.status.is_client_error() },
    Row { kind: Kind::Malformed, when: |s| !s.is_ok() || s.body.is_none() },
    Row { kind: Kind::FlowFailed, when: |s| s.has(says_failed) },
    Row { kind: Kind::Success, when: |s| s.has(is_an_end) },
    Row { kind: Kind::Stay, when: |s| s.has(|b| b.event_name.as_str().is_some_and(is_rewind)) },
    Row { kind: Kind::Form, when: |s| s.has(|b| next_href(b).is_some()) },
    Row { kind: Kind::Screen, when: |s| s.has(|b| b.screen.0.is_some()) },
    Row { kind: Kind::NoNextStep, when: |_| true },
];

fn is_error_status(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// The flow's own error in place of a result, whatever its status (documented for starts without
/// pages).
fn says_error_response(body: &Body<'_>) -> bool {
    body.capability_name.as_str() == Some("createErrorResponse")
}

/// The node that should have handed out the session failed itself.
fn failed_at_the_end(body: &Body<'_>) -> bool {
    body.connector_id.as_str() == Some("pingOneAuthenticationConnector")
        && matches!(
            body.capability_name.as_str(),
            Some("returnSuccessResponseRedirect" | "setSession")
        )
}

fn says_failed(body: &Body<'_>) -> bool {
    let failed =
        |status: &str| ["failed", "failure"].iter().any(|word| status.eq_ignore_ascii_case(word));
    body.error.is_there || body.status.as_str().is_some_and(failed)
}

fn is_an_end(body: &Body<'_>) -> bool {
    body.session.0
        || body.authorize_response.0.is_some()
        || body.access_token.is_filled()
        || body.dv_response.is_filled()
        || body.capability_name.as_str() == Some("createSuccessResponse")
}

fn is_rewind(event: &str) -> bool {
    matches!(event, "rewindStateToLastRenderedUI" | "rewindStateToSpecificRenderedUI")
}

fn next_href<'b>(body: &'b Body<'_>) -> Option<&'b str> {
    body.links.0.as_ref()?.next.0.as_ref()?.href.as_str()
}

/// What a reply says, as values.
#[derive(Debug)]
pub enum Node {
    /// The next form and what its answer must carry.
    Form(Box<Continue>),
    /// The answer was turned down.
    Refusal(Refusal),
    /// Nothing changed.
    Stay,
    /// The flow reached its end.
    Success(Completion),
    /// The conversation is over or cannot be understood.
    End(Ending),
}

/// The next form with everything that is chained from it.
#[derive(Debug)]
pub struct Continue {
    /// Where the answer goes.
    pub href: Uri,
    /// The node that waits; some tenants leave it out.
    pub id: Option<String>,
    /// Event name to echo; `continue` where the reply has none.
    pub event_name: String,
    /// The interaction, if the body names it.
    pub interaction_id: Option<String>,
    /// Proof of ownership, if the body carries it (else the cookies do).
    pub interaction_token: Option<Secret>,
    /// Which flow runs.
    pub flow_id: Option<String>,
    /// What is offered.
    pub form: Form,
    /// The form's link to itself, below which the status of a challenge is found.
    pub own: Option<Uri>,
    /// What a press on the hosted page echoes; null in the dialect of SDKs.
    pub next_event: Value,
}

/// An answer that was turned down.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// What refused: `checkPassword`, `createUser`, `customErrorMessage`, …
    pub capability: Option<String>,
    /// The error's code where it is a name and no sentence: `invalidValue`, `validationError`.
    pub code: Option<String>,
    /// Fields named by the platform's error, with its code for each: `password` `INVALID_VALUE`.
    pub targets: Vec<(String, String)>,
}

/// The end of a successful flow.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Completion {
    /// Authorization code, if the flow was started by an authorize request.
    pub code: Option<Secret>,
    /// State echoed by the tenant.
    pub state: Option<String>,
    /// Tokens, if the flow ends in a success response for widgets.
    pub tokens: Option<Tokens>,
    /// What a hosted page hands back to the authorization server to go on, opaque.
    pub dv_response: Option<Secret>,
}

/// Why a walk cannot go on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    /// What the reply was.
    pub kind: Kind,
    /// HTTP status.
    pub status: u16,
    /// What failed, where the body says so.
    pub capability: Option<String>,
    /// The error's code where it is a name and no sentence: `requestTimedOut`, `access_denied`.
    pub code: Option<String>,
    /// How long the tenant asks to wait, for rate limits and outages; at most a day. A date counts
    /// from the reply's own date, so that no clock is needed; without one it says nothing.
    pub retry_after: Option<Duration>,
    /// Scheme and host of where a redirect points, and the error that it names; the rest may hold
    /// secrets.
    pub location: Option<String>,
}

impl Ending {
    /// An ending of which no more is known.
    pub(super) const fn bare(kind: Kind, status: u16) -> Self {
        Self { kind, status, capability: None, code: None, retry_after: None, location: None }
    }
}

impl Node {
    /// Reads one reply of a start, an authorize or a capability call. `endpoints` are those of the
    /// tenant: a hosted page says only which capability goes on, not where.
    pub fn read(reply: &Response<Bytes>, endpoints: &Endpoints) -> Self {
        let seen = Seen::of(reply.status(), reply.body());
        let kind =
            TABLE.iter().find(|row| (row.when)(&seen)).map_or(Kind::NoNextStep, |row| row.kind);
        let status = seen.status.as_u16();
        let body = seen.body.unwrap_or_default();
        let capability = body.capability_name.as_str().map(|name| clip(name).to_owned());
        match kind {
            Kind::Form | Kind::Screen => next(kind, body, endpoints).map_or_else(
                || {
                    let kind = Kind::NoNextStep;
                    Self::End(Ending { capability, ..Ending::bare(kind, status) })
                },
                |next| Self::Form(Box::new(next)),
            ),
            Kind::Stay => Self::Stay,
            Kind::Success => Self::Success(completion(body)),
            Kind::Refusal => Self::Refusal(Refusal {
                status,
                capability,
                code: code_of(&body),
                targets: targets(body.details),
            }),
            kind => Self::End(Ending {
                capability,
                code: code_of(&body),
                retry_after: retry_after(reply.headers()),
                location: text_of(reply.headers(), header::LOCATION).map(origin_of),
                ..Ending::bare(kind, status)
            }),
        }
    }
}

/// The next form with its link; none if there is nowhere to send an answer.
fn next(kind: Kind, body: Body<'_>, endpoints: &Endpoints) -> Option<Continue> {
    let dialect = if kind == Kind::Form { Dialect::Sdk } else { Dialect::Screen };
    let href = match dialect {
        Dialect::Sdk => absolute(next_href(&body)?)?,
        Dialect::Screen => {
            let connection = body.connection_id.as_str()?;
            absolute(&endpoints.capability(connection, body.capability_name.as_str()?)?)?
        }
    };
    let own = body.links.0.and_then(|links| absolute(links.own.0?.href.as_str()?));
    let capability = body.capability_name.filled().or_else(|| {
        // The link's last segment is the capability by construction; the body usually says it.
        href.path().rsplit('/').next().filter(|segment| !segment.is_empty()).map(str::to_owned)
    });
    let capability: Option<Capability> = capability.map(|name| clip(&name).into());
    let id = body.id.0.map(Cow::into_owned);
    let shown = match dialect {
        Dialect::Sdk => {
            let prefill = body.form_data.0.and_then(|data| data.value.0).unwrap_or_default();
            let form = body.form.0.unwrap_or_default();
            Shown { form: Form::read(form, prefill), next_event: Value::Null }
        }
        Dialect::Screen => screen::read(body.screen.0.unwrap_or_default()),
    };
    Some(Continue {
        form: Form { node: id.clone(), capability, ..shown.form },
        next_event: shown.next_event,
        id,
        href,
        own,
        event_name: body.event_name.filled().unwrap_or_else(|| "continue".to_owned()),
        interaction_id: body.interaction_id.filled(),
        interaction_token: body.interaction_token.filled().map(Secret::new),
        flow_id: body.flow_id.filled().map(|id| clip(&id).to_owned()),
    })
}

fn absolute(link: &str) -> Option<Uri> {
    let link: Uri = link.parse().ok()?;
    (link.scheme().is_some() && link.authority().is_some()).then_some(link)
}

fn completion(body: Body<'_>) -> Completion {
    let response = body.authorize_response.0.unwrap_or_default();
    let id_token = body.id_token.filled().map(Secret::new);
    Completion {
        code: response.code.filled().map(Secret::new),
        state: response.state.0.map(Cow::into_owned),
        tokens: body
            .access_token
            .filled()
            .map(|access_token| Tokens { access_token: access_token.into(), id_token }),
        dv_response: body.dv_response.filled().map(Secret::new),
    }
}

/// The code of an error, unless it is a sentence: some repeat their message there, which may name
/// the person.
fn code_of(body: &Body<'_>) -> Option<String> {
    let code = body.code.as_str().or(body.error.code.as_deref())?;
    is_name(code).then(|| code.to_owned())
}

fn is_name(code: &str) -> bool {
    let fits = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    fits && (1..=LONGEST_NAME).contains(&code.len())
}

/// Longest pause that a tenant can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = text_of(headers, header::RETRY_AFTER)?.trim();
    let pause = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = httpdate::parse_http_date(text).ok()?;
        let now = httpdate::parse_http_date(text_of(headers, header::DATE)?.trim()).ok()?;
        until.duration_since(now).unwrap_or_default()
    };
    Some(pause.min(LONGEST_PAUSE))
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Scheme and host of a link, and the error that it carries where that is a name. A link without a
/// host is named as what it is.
fn origin_of(location: &str) -> String {
    let uri = location.parse::<Uri>().ok();
    let parts = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.host()?)));
    let origin = parts.map_or_else(
        || "somewhere on the same host".to_owned(),
        |(scheme, host)| format!("{scheme}://{host}"),
    );
    let pairs = uri.as_ref().and_then(Uri::query).unwrap_or_default().split('&');
    let error = pairs.filter_map(|pair| pair.strip_prefix("error=")).find(|code| is_name(code));
    error.map_or(origin.clone(), |error| format!("{origin} with `error={error}`"))
}

/// Names become keys of series, which live as long as the run: a tenant must not be able to make
/// them long.
pub(super) fn clip(name: &str) -> &str {
    let end = name.char_indices().nth(LONGEST_NAME).map_or(name.len(), |(at, _)| at);
    &name[..end]
}

/// Longest name of a capability or flow, in characters.
const LONGEST_NAME: usize = 128;

/// Most fields that a refusal names.
const MOST_TARGETS: usize = 100;

/// Field problems in the untouched platform error inside `details[].rawResponse.details[]`.
fn targets(details: List<Object<Detail<'_>>>) -> Vec<(String, String)> {
    let details = details.0.into_iter().filter_map(|detail| detail.0?.raw_response.0);
    let problems = details.flat_map(|raw| raw.details.0).filter_map(|problem| problem.0);
    let named = problems.filter_map(|problem| {
        let (target, code) = (problem.target.filled()?, problem.code.filled()?);
        Some((clip(&target).to_owned(), clip(&code).to_owned()))
    });
    named.take(MOST_TARGETS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reply(status: u16, body: &str) -> Response<Bytes> {
        Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap()
    }

    fn endpoints() -> Endpoints {
        Endpoints::new("https://auth.example.com", Some("env"))
    }

    fn read(status: u16, body: &str) -> Node {
        Node::read(&reply(status, body), &endpoints())
    }

    /// At least one reply for every line of the table.
    const CASES: &[(u16, &str, Kind)] = &[
        (
            429,
            r#"{"id":"x","code":"REQUEST_LIMITED","message":"Too many requests."}"#,
            Kind::RateLimited,
        ),
        (429, "slow down", Kind::RateLimited),
        (429, r#"{"connectorId":"errorConnector","code":"429"}"#, Kind::Refusal),
        (403, "<html>", Kind::Blocked),
        (
            403,
            r#"{"connectorId":"errorConnector","capabilityName":"customErrorMessage"}"#,
            Kind::Refusal,
        ),
        (500, r#"{"code":"UNEXPECTED_ERROR"}"#, Kind::ServerError),
        (503, "<html>", Kind::ServerError),
        (500, r#"{"connectorId":"errorConnector","code":500}"#, Kind::Refusal),
        (405, r#"{"connectorId":"errorConnector","code":405}"#, Kind::Refusal),
        (429, r#"{"capabilityName":"createErrorResponse","success":false}"#, Kind::FlowFailed),
        (400, r#"{"code":"invalidInput","details":[{"message":"m"}]}"#, Kind::Refusal),
        (
            400,
            r#"{"code":"validationError","httpResponseCode":"400","details":"m"}"#,
            Kind::Refusal,
        ),
        (400, r#"{"error":null,"code":"x"}"#, Kind::Refusal),
        (302, "", Kind::Redirected),
        (401, r#"{"cause":null,"message":"Unauthorized!","code":1999}"#, Kind::InteractionRejected),
        (401, r#"{"code":"1999"}"#, Kind::InteractionRejected),
        (400, r#"{"interactionId":"i","code":"requestTimedOut"}"#, Kind::FlowTimedOut),
        (
            400,
            r#"{"connectorId":"pingOneAuthenticationConnector","capabilityName":"setSession"}"#,
            Kind::FlowFailed,
        ),
        (400, r#"{"error":"invalid_request","error_description":"x"}"#, Kind::OauthError),
        (
            400,
            r#"{"connectorId":"pingOneSSOConnector","capabilityName":"checkPassword"}"#,
            Kind::Refusal,
        ),
        (404, "not here", Kind::ClientError),
        (404, r#"{"code":"NOT_FOUND","message":"m"}"#, Kind::ClientError),
        (401, r#"{"code":"INVALID_TOKEN","message":"m"}"#, Kind::ClientError),
        (200, "<html>", Kind::Malformed),
        (200, "[]", Kind::Malformed),
        (200, "", Kind::Malformed),
        (200, r#"{"status":"FAILED","error":{"code":"server_error"}}"#, Kind::FlowFailed),
        (200, r#"{"status":"failure"}"#, Kind::FlowFailed),
        (200, r#"{"error":"x","_links":{"next":{"href":"https://a/b"}}}"#, Kind::FlowFailed),
        (200, r#"{"session":{"id":"s"},"_links":{"next":{"href":"https://a/b"}}}"#, Kind::Success),
        (200, r#"{"authorizeResponse":{"code":"c"}}"#, Kind::Success),
        (200, r#"{"access_token":"a","success":true}"#, Kind::Success),
        (200, r#"{"dvResponse":"opaque"}"#, Kind::Success),
        (200, r#"{"capabilityName":"createSuccessResponse","success":true}"#, Kind::Success),
        (
            200,
            r#"{"eventName":"rewindStateToLastRenderedUI","_links":{"next":{"href":"https://a/b"}}}"#,
            Kind::Stay,
        ),
        (200, r#"{"success":true,"id":"a","_links":{"next":{"href":"https://a/b"}}}"#, Kind::Form),
        (201, r#"{"id":"a","_links":{"next":{"href":"https://a/b"}}}"#, Kind::Form),
        (200, r#"{"id":"a","screen":{"name":"HTTP"}}"#, Kind::Screen),
        (200, r#"{"success":true}"#, Kind::NoNextStep),
        (200, r#"{"error":null,"_links":{"next":{"href":"https://a/b"}}}"#, Kind::Form),
        (200, r#"{"session":null,"access_token":null,"dvResponse":""}"#, Kind::NoNextStep),
        (200, r#"{"status":"COMPLETED","session":{},"screen":{}}"#, Kind::Success),
        (
            200,
            r#"{"id":"a","screen":"x","_links":{"self":{"href":"https://a/b"}}}"#,
            Kind::NoNextStep,
        ),
        (204, "", Kind::Malformed),
        (200, "{\"id\":\"a\",\"screen\":{}", Kind::Malformed),
    ];

    #[test]
    fn every_line_of_the_table_has_a_reply_that_it_decides() {
        let mut decided = vec![false; TABLE.len()];
        for (status, body, expected) in CASES {
            let seen = Seen::of(StatusCode::from_u16(*status).unwrap(), body.as_bytes());
            let line = TABLE.iter().position(|row| (row.when)(&seen)).unwrap();
            assert_eq!(TABLE[line].kind, *expected, "{status} {body}");
            decided[line] = true;
        }
        assert!(decided.iter().all(|line| *line), "{decided:?}");
    }

    #[test]
    fn a_link_that_is_not_absolute_is_no_next_step() {
        for href in ["/davinci/x", "", "not a link", "https://"] {
            let body = format!(r#"{{"id":"a","_links":{{"next":{{"href":"{href}"}}}}}}"#);
            let Node::End(ending) = read(200, &body) else { panic!("{href} was followed") };
            assert_eq!(ending.kind, Kind::NoNextStep);
        }
    }

    #[test]
    fn a_refusal_names_the_fields_that_the_platform_named() {
        let body = r#"{"connectorId":"pingOneSSOConnector","capabilityName":"createUser","code":"invalidValue",
            "details":[{"rawResponse":{"code":"INVALID_DATA","details":[
                {"code":"INVALID_VALUE","target":"password","message":"…"}]},"statusCode":400}]}"#;
        let Node::Refusal(refusal) = read(400, body) else { panic!("not a refusal") };
        assert_eq!(refusal.capability.as_deref(), Some("createUser"));
        assert_eq!(refusal.targets, [("password".to_owned(), "INVALID_VALUE".to_owned())]);
    }

    #[test]
    fn a_rate_limit_says_how_long_to_wait() {
        let mut limited = reply(429, "{}");
        limited.headers_mut().insert("retry-after", "7".parse().unwrap());
        let Node::End(ending) = Node::read(&limited, &endpoints()) else { panic!("not an end") };
        assert_eq!(
            (ending.kind, ending.retry_after),
            (Kind::RateLimited, Some(Duration::from_secs(7)))
        );
    }

    #[test]
    fn a_date_to_wait_for_counts_from_the_date_of_the_reply() {
        let pause = |after: &str, date: Option<&str>| {
            let mut outage = reply(503, "<html>");
            outage.headers_mut().insert("retry-after", after.parse().unwrap());
            if let Some(date) = date {
                outage.headers_mut().insert("date", date.parse().unwrap());
            }
            let Node::End(ending) = Node::read(&outage, &endpoints()) else { panic!("not an end") };
            ending.retry_after.map(|pause| pause.as_secs())
        };
        let later = "Sat, 21 Nov 2026 22:00:30 GMT";
        assert_eq!(pause(later, Some("Sat, 21 Nov 2026 22:00:00 GMT")), Some(30));
        assert_eq!(pause(later, Some("Sun, 22 Nov 2026 22:00:00 GMT")), Some(0));
        assert_eq!(pause(later, None), None);
        assert_eq!(pause("18446744073709551615", None), Some(24 * 60 * 60));
        assert_eq!(pause("soon", None), None);
    }

    #[test]
    fn a_code_is_passed_on_only_where_it_is_a_name() {
        let code = |body: &str| match read(400, body) {
            Node::Refusal(refusal) => refusal.code,
            Node::End(ending) => ending.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code(r#"{"code":"invalidValue"}"#).as_deref(), Some("invalidValue"));
        assert_eq!(code(r#"{"code":400}"#).as_deref(), Some("400"));
        assert_eq!(code(r#"{"error":"access_denied"}"#).as_deref(), Some("access_denied"));
        assert_eq!(code(r#"{"code":" Invalid username and/or password"}"#), None);
        assert_eq!(code("{}"), None);
    }

    #[test]
    fn the_ends_of_a_flow_say_what_they_hand_out() {
        let end = |body: &str| match read(200, body) {
            Node::Success(completion) => completion,
            other => panic!("{other:?}"),
        };
        let widget = end(
            r#"{"access_token":"a","id_token":"i","capabilityName":"returnSuccessResponseWidget"}"#,
        );
        assert!(widget.code.is_none() && widget.tokens.unwrap().id_token.is_some());
        let hosted = end(r#"{"dvResponse":"opaque"}"#);
        assert_eq!(hosted.dv_response.unwrap().expose(), "opaque");
        let api = end(r#"{"capabilityName":"createSuccessResponse"}"#);
        assert!(api.code.is_none() && api.tokens.is_none() && api.dv_response.is_none());
    }

    proptest! {
        #[test]
        fn no_reply_makes_the_reader_panic(
            status in 200u16..600,
            body in prop_oneof![
                "\\PC{0,80}",
                r#"\{"(id|form|_links|details|formData|session)":("[a-z]{0,3}"|\{\}|\[\]|\[\{\}\]|null|7)\}"#,
            ],
        ) {
            let _ = read(status, &body);
        }
    }
}
