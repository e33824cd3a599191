//! The frame around every call: limits and faults, the handler, delay, CORS headers, the record.

use super::assigned::policy_of;
use super::call::Call;
use super::fault::{Drawn, Kind, LONGEST, When};
use super::fault_reply::{instead, overloaded, rate_limited, spoil, spoiled_body};
use super::hold::Held;
use super::line::Line;
use super::place::Place;
use super::queue::TURNED_AWAY;
use super::rate_limit::REFUSED;
use super::record::Answered;
use super::reply::{Key, Reply};
use super::settings::MailWhen;
use super::tenant::Tenant;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::http::header;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A handler: request in, reply out, nothing waited for.
pub(super) type Handler = fn(&Tenant, &Call) -> Reply;

/// Largest body taken (documented: 10 MB).
const LARGEST_BODY: usize = 10 << 20;

/// What is served for a call: a place among the routes, or none, and its handler.
#[derive(Clone, Copy)]
pub(super) struct Served {
    /// Limits and faults are for calls of a place only.
    pub(super) place: Option<Place>,
    pub(super) handler: Handler,
}

/// Reads the body, has the call handled, waits out the delay, adds CORS headers, notes the call in
/// the record, sends its mail.
pub(super) async fn framed(
    tenant: Arc<Tenant>,
    served: Served,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let received = tenant.clock.now();
    tenant.holds.received(served.place, received);
    let (parts, body) = request.into_parts();
    let line = parts.extensions.get::<Line>().cloned().unwrap_or_default();
    // Parameters that are not UTF-8 are as good as absent: nothing here has such a name.
    let path = path
        .iter()
        .flat_map(RawPathParams::iter)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let (method, headers) = (parts.method, parts.headers);
    let body = to_bytes(body, LARGEST_BODY).await;
    let is_whole = body.is_ok();
    let call = Call { method, path, query, headers, body: body.unwrap_or_default() };
    let mut note = Note::new(&tenant, &call, received);
    if !is_whole {
        let message = "The body is too large or was cut off";
        let reply = Reply::platform(StatusCode::PAYLOAD_TOO_LARGE, "INVALID_REQUEST", message);
        return finish(&tenant, &call, (None, (reply, None)), &line, note).await;
    }
    // Before the handler, which may end what tells it.
    note.policy = served.place.and_then(|place| policy_of(&tenant, place, &call));
    let replied = match decide(&tenant, served, &call, &line, &mut note) {
        Decision::Reply(reply, fault) => (reply, fault),
        Decision::Silence(time) => {
            tokio::time::sleep(time).await;
            line.cut();
            return Response::default();
        }
    };
    finish(&tenant, &call, (served.place, replied), &line, note).await
}

/// What is done about a call.
enum Decision<'t> {
    /// This is the reply; a fault may still spoil its body on the way.
    Reply(Reply, Option<Drawn<'t>>),
    /// Nothing is sent; after this time the connection is broken off.
    Silence(Duration),
}

/// Asks limits, the queue, faults and the handler, in this order.
fn decide<'t>(
    tenant: &'t Tenant,
    served: Served,
    call: &Call,
    line: &Line,
    note: &mut Note<'_>,
) -> Decision<'t> {
    let may_turn_away =
        tenant.meter.is_on() || tenant.settings.has_short_queue() || !tenant.faults.is_empty();
    let Some(place) = served.place.filter(|_| may_turn_away) else {
        return Decision::Reply((served.handler)(tenant, call), None);
    };
    let (key, group) = (place.key(call), place.group(call));
    note.answered.key = key.clone();
    if let Err(wait) = tenant.meter.take(group, line.peer, tenant.clock.now()) {
        note.answered.fault = Some(REFUSED);
        return Decision::Reply(rate_limited(wait).of(key), None);
    }
    if tenant.holds.is_full(&tenant.settings, (place, &key), note.answered.received) {
        note.answered.fault = Some(TURNED_AWAY);
        return Decision::Reply(overloaded().of(key), None);
    }
    let Some(drawn) = tenant.faults.draw((&key, note.policy()), place.is_in_flow()) else {
        return Decision::Reply((served.handler)(tenant, call), None);
    };
    let kind = drawn.rule.kind;
    match (kind.row().when, kind) {
        (When::After, _) => {
            let mut reply = (served.handler)(tenant, call);
            if spoil(drawn.rule, &mut reply, call) {
                note.answered.fault = Some(kind);
                Decision::Reply(reply, Some(drawn))
            } else {
                tenant.faults.take_back(drawn);
                Decision::Reply(reply, None)
            }
        }
        (_, Kind::Stall) => {
            note.answered.fault = Some(kind);
            Decision::Silence(drawn.rule.time.min(LONGEST))
        }
        (when, _) => {
            note.answered.fault = Some(kind);
            let interaction = call.interaction_id().unwrap_or_default();
            if when == When::Over {
                tenant.interactions.take(interaction, tenant.clock.now());
            }
            let environment = &tenant.settings.environment_id;
            instead(drawn.rule, environment, call)
                .map_or(Decision::Silence(Duration::ZERO), |reply| {
                    Decision::Reply(reply.of(key), Some(drawn))
                })
        }
    }
}

/// Sends a reply, when it may go.
async fn finish(
    tenant: &Tenant,
    call: &Call,
    (place, (mut reply, fault)): (Option<Place>, (Reply, Option<Drawn<'_>>)),
    line: &Line,
    mut note: Note<'_>,
) -> Response {
    let letters = std::mem::take(&mut reply.letters);
    note.answered.key = std::mem::take(&mut reply.key);
    let now = tenant.clock.now();
    let Held { until, served } = hold(tenant, place, &note, now);
    note.answered.asked = until.saturating_duration_since(now);
    note.answered.served = served;
    if !note.answered.asked.is_zero() {
        tokio::time::sleep(note.answered.asked).await;
        note.answered.injected = tenant.clock.now().duration_since(now);
    }
    if tenant.settings.mail.when == MailWhen::BeforeReply {
        tenant.mailer.deliver(&letters).await;
    }
    let text = reply.body.take();
    let text = if tenant.settings.mail.show { shown(text, &letters) } else { text };
    let body = match (text, fault) {
        (None, _) => Body::empty(),
        (Some(text), Some(drawn)) => spoiled_body(drawn.rule, text, line),
        (Some(text), None) => Body::from(text),
    };
    let response = respond(tenant, reply, body, &call.headers);
    note.answered.status = response.status().as_u16();
    drop(note);
    if tenant.settings.mail.when == MailWhen::AfterReply {
        tenant.mailer.post(letters);
    }
    response
}

/// A body with the code of the first letter that has one in it.
fn shown(text: Option<String>, letters: &[super::mail::Letter]) -> Option<String> {
    let code = letters.iter().find_map(|letter| letter.code.as_ref());
    let (Some(code), Some(body)) = (code, &text) else { return text };
    match serde_json::from_str(body) {
        Ok(serde_json::Value::Object(mut body)) => {
            body.insert("testCode".to_owned(), code.expose().as_str().into());
            Some(serde_json::Value::Object(body).to_string())
        }
        _ => text,
    }
}

/// A call's line of the record, written when it is dropped: also then when the client went away
/// before its reply, which leaves the status 0.
struct Note<'t> {
    tenant: &'t Tenant,
    answered: Answered,
    /// Id of the flow policy whose call it is, if some row asks for that and it can be told.
    policy: Option<String>,
}

impl<'t> Note<'t> {
    fn new(tenant: &'t Tenant, call: &Call, received: Instant) -> Self {
        let answered = Answered {
            call: call.id(),
            key: Key::default(),
            received,
            status: 0,
            asked: Duration::ZERO,
            injected: Duration::ZERO,
            served: None,
            service: Duration::ZERO,
            fault: None,
        };
        Self { tenant, answered, policy: None }
    }

    fn policy(&self) -> &str {
        self.policy.as_deref().unwrap_or_default()
    }
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        let Self { tenant, answered, .. } = self;
        let service = tenant.clock.now().duration_since(answered.received);
        let (call, key) = (answered.call.take(), std::mem::take(&mut answered.key));
        tenant.record.note(Answered { call, key, service, ..*answered });
    }
}

/// How a reply is held back. What was turned down in front of the servers needs none.
fn hold(tenant: &Tenant, place: Option<Place>, note: &Note<'_>, now: Instant) -> Held {
    let answered = &note.answered;
    let is_turned_down = matches!(answered.fault, Some(REFUSED | TURNED_AWAY));
    let place = place.filter(|_| !is_turned_down);
    let (call, times) = ((place, &answered.key, note.policy()), (answered.received, now));
    tenant.holds.hold(&tenant.settings, call, times, || tenant.next_draw())
}

/// The response to a reply whose text is its whole body.
pub(super) fn respond_whole(tenant: &Tenant, mut reply: Reply, asked: &HeaderMap) -> Response {
    let body = reply.body.take().map_or_else(Body::empty, Body::from);
    respond(tenant, reply, body, asked)
}

fn respond(tenant: &Tenant, reply: Reply, body: Body, asked: &HeaderMap) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if reply.status == StatusCode::NO_CONTENT {
        headers.remove(header::CONTENT_TYPE);
    }
    for (name, mut value) in reply.headers {
        if name == header::SET_COOKIE && tenant.is_https() {
            value.push_str("; Secure; SameSite=None");
        }
        // A value from outside (a redirect URI, a state) may hold what no header can.
        let Ok(value) = HeaderValue::try_from(value) else { continue };
        if name == header::CONTENT_TYPE {
            headers.insert(name, value);
        } else {
            headers.append(name, value);
        }
    }
    if reply.cors {
        allow_origin(headers, asked);
    }
    response
}

/// Lets pages of the asking origin read the reply, cookies included.
fn allow_origin(headers: &mut HeaderMap, asked: &HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = asked.get(header::ORIGIN) else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
}
