//! What a fault sends: the reply in place of a handler's, and the ways to spoil a good one.

use super::body::Paced;
use super::call::Call;
use super::fault::{FaultRule, Kind, LONGEST};
use super::fault_repeating;
use super::line::Line;
use super::refusal::{failed_flow, timed_out, unauthorized};
use super::reply::Reply;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use std::time::Duration;

/// Host of the links of `foreign-link`. Reserved names lead nowhere.
const ELSEWHERE: &str = "https://elsewhere.stand-in.example";

/// The reply that takes the place of the handler's; none for kinds that send none or need one.
pub(super) fn instead(rule: &FaultRule, environment: &str, call: &Call) -> Option<Reply> {
    let interaction = call.interaction_id().unwrap_or_default();
    Some(match rule.kind {
        Kind::Http500 => {
            let message = "An unexpected error occurred on the server";
            Reply::platform(status(rule), "UNEXPECTED_ERROR", message)
        }
        Kind::Http503Html => {
            let page = page(StatusCode::SERVICE_UNAVAILABLE, "The service is unavailable");
            page.with_header(header::RETRY_AFTER, seconds(rule.retry_after))
        }
        Kind::RateLimited => rate_limited(rule.retry_after),
        Kind::Blocked => page(StatusCode::FORBIDDEN, "Access denied"),
        Kind::InteractionRejected => unauthorized(),
        Kind::TimedOut => timed_out(interaction),
        Kind::FailedFlow => {
            failed_flow(environment, "server_error", "An unexpected error occurred")
        }
        Kind::AuthorError => author_error(rule, environment, interaction),
        Kind::Repeating => fault_repeating::refusal(call, interaction),
        Kind::NotJson => page(StatusCode::OK, "Please stand by"),
        Kind::Stall
        | Kind::Reset
        | Kind::ResetMidBody
        | Kind::SlowBody
        | Kind::Truncated
        | Kind::Oversized
        | Kind::ForeignLink
        | Kind::RepeatingNames => return None,
    })
}

/// 429 of the platform (documented), `Retry-After` in whole seconds, at least one.
pub(super) fn rate_limited(wait: Duration) -> Reply {
    let message = "Too many requests. Please retry later.";
    let reply = Reply::platform(StatusCode::TOO_MANY_REQUESTS, "REQUEST_LIMITED", message);
    reply.with_header(header::RETRY_AFTER, seconds(wait))
}

/// What a gateway says for servers that are all busy, when no more calls may wait for them (assumed).
pub(super) fn overloaded() -> Reply {
    page(StatusCode::SERVICE_UNAVAILABLE, "The service is overloaded")
}

/// Spoils the text of a good reply to a call; whether it could.
pub(super) fn spoil(rule: &FaultRule, reply: &mut Reply, call: &Call) -> bool {
    let Some(text) = reply.body.as_mut().filter(|_| reply.status.is_success()) else {
        return false;
    };
    match rule.kind {
        Kind::Truncated => {
            let half = text.floor_char_boundary(text.len() / 2);
            text.truncate(half);
            true
        }
        Kind::ForeignLink => lead_elsewhere(text),
        Kind::RepeatingNames => fault_repeating::name_after(text, call),
        Kind::ResetMidBody | Kind::SlowBody => text.len() > 1,
        Kind::Oversized => true,
        _ => false,
    }
}

/// The body of a reply that a fault spoils on its way.
pub(super) fn spoiled_body(rule: &FaultRule, text: String, line: &Line) -> Body {
    let text = Bytes::from(text);
    match rule.kind {
        Kind::ResetMidBody => Body::new(Paced::cut_in_the_middle(text, line.clone())),
        Kind::SlowBody => Body::new(Paced::over(text, rule.time.min(LONGEST))),
        Kind::Oversized => Body::new(Paced::padded(text, rule.size)),
        _ => Body::from(text),
    }
}

fn status(rule: &FaultRule) -> StatusCode {
    StatusCode::from_u16(rule.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A gateway's page, in HTML.
fn page(status: StatusCode, title: &str) -> Reply {
    let number = status.as_u16();
    let text = format!(
        "<!DOCTYPE html>\n<html><head><title>{number} {title}</title></head>\
         <body><h1>{title}</h1><p>stand-in gateway</p></body></html>\n"
    );
    let kind = "text/html; charset=utf-8".to_owned();
    Reply::text(status, text).with_header(header::CONTENT_TYPE, kind)
}

fn seconds(wait: Duration) -> String {
    let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    whole.max(1).to_string()
}

/// What an author's error node sends: the common members of a refusal, with the status and text of
/// the author's choice (documented: 400, 403, 404, 405, 429 or 500).
fn author_error(rule: &FaultRule, environment: &str, interaction: &str) -> Reply {
    let status = status(rule);
    let body = json!({
        "interactionId": interaction,
        "companyId": environment,
        "connectionId": "53ab83a4a4ab919d9f2cb02d9e111ac8",
        "connectorId": "errorConnector",
        "id": "authorerr1",
        "capabilityName": "customErrorMessage",
        "errorCategory": "NotSet",
        "code": status.as_str(),
        "cause": null,
        "expected": false,
        "message": "The author of the flow does not want this",
        "httpResponseCode": status.as_u16(),
        "isResponseCompatibleWithMobileAndWebSdks": true,
        "correlationId": interaction,
    });
    Reply::json(status, &body)
}

/// Lets the next link of a form name another host; whether there is one.
fn lead_elsewhere(text: &mut String) -> bool {
    let Ok(mut body) = serde_json::from_str::<Value>(text) else { return false };
    let Some(Value::String(href)) = body.pointer_mut("/_links/next/href") else { return false };
    let after_scheme = href.find("://").map_or(0, |at| at + 3);
    let path = href[after_scheme..].find('/').map_or("", |at| &href[after_scheme + at..]);
    *href = format!("{ELSEWHERE}{path}");
    *text = body.to_string();
    true
}

#[cfg(test)]
mod tests {
    use super::super::fault::{KINDS, When};
    use super::*;
    use axum::http::{HeaderMap, HeaderValue, Method};

    fn call() -> Call {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", HeaderValue::from_static("ST=abc"));
        Call {
            method: Method::POST,
            path: Vec::new(),
            query: "q=1".to_owned(),
            headers,
            body: Bytes::from_static(b"{\"password\":\"hidden\"}"),
        }
    }

    #[test]
    fn every_kind_either_sends_a_reply_of_its_own_or_none_at_all_or_spoils_one() {
        for row in KINDS {
            let rule = FaultRule::everywhere(row.kind);
            let own = instead(&rule, "e", &call()).is_some();
            let form = r#"{"_links":{"next":{"href":"http://h:1/p/q"}},"form":{"components":{"fields":[]}}}"#;
            let mut good = Reply::text(StatusCode::OK, form.to_owned());
            let spoils = spoil(&rule, &mut good, &call());
            let silent = matches!(row.kind, Kind::Stall | Kind::Reset);
            assert_eq!(spoils, row.when == When::After, "{}", row.slug);
            assert_eq!([own, silent, spoils].iter().filter(|way| **way).count(), 1, "{}", row.slug);
            let mut refusal = Reply::text(StatusCode::BAD_REQUEST, form.to_owned());
            assert!(!spoil(&rule, &mut refusal, &call()), "{} spoils a refusal", row.slug);
        }
    }

    #[test]
    fn a_foreign_link_keeps_its_path_and_a_reply_without_a_link_stays_as_it_is() {
        let rule = FaultRule::everywhere(Kind::ForeignLink);
        let mut form = Reply::text(
            StatusCode::OK,
            r#"{"_links":{"next":{"href":"http://h:1/p/q"}}}"#.to_owned(),
        );
        assert!(spoil(&rule, &mut form, &call()));
        assert!(form.body.unwrap().contains("\"https://elsewhere.stand-in.example/p/q\""));
        let mut end = Reply::text(StatusCode::OK, r#"{"success":true}"#.to_owned());
        assert!(!spoil(&rule, &mut end, &call()));
        assert_eq!(end.body.unwrap(), r#"{"success":true}"#);
    }

    #[test]
    fn waits_are_said_in_whole_seconds_and_never_in_none() {
        for (ms, text) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (60_000, "60")] {
            assert_eq!(seconds(Duration::from_millis(ms)), text);
        }
    }
}
