//! Starts by policy: with an SDK token for flows with pages, with the application's key for flows
//! without.

use super::call::Call;
use super::capability::Scene;
use super::flow::Role;
use super::input;
use super::interaction::{Request, Start};
use super::refusal::{malformed, unauthorized};
use super::reply::{Key, Reply};
use super::sdk_token::{Bound, bound, failure, for_application};
use super::start::{Opening, live_session, open, session_of};
use super::tenant::Tenant;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// `POST …/davinci/policy/{policy}/start`.
pub fn start(tenant: &Tenant, call: &Call) -> Reply {
    by_policy(tenant, call).unwrap_or_else(|refused| refused).of(Key::outside("start"))
}

fn by_policy(tenant: &Tenant, call: &Call) -> Result<Reply, Reply> {
    let Bound { policy, parameters, session_token } =
        bound(tenant, call).ok_or_else(unauthorized)?;
    if policy.is_some_and(|policy| policy != call.segment("policy")) {
        return Err(unauthorized());
    }
    let mut own = read(call)?;
    // What the token was made with cannot be overridden by who holds it.
    own.extend(parameters);
    let session = session_token.and_then(|token| session_of(tenant, &token));
    let session = session.or_else(|| live_session(tenant, call));
    let opening = opening(tenant, call, (own, Start::Policy))?;
    Ok(open(Scene::of(tenant, call), Opening { session, ..opening }))
}

/// `POST /v1/company/{company}/policy/{policy}/start`, for flows without pages.
pub fn start_with_key(tenant: &Tenant, call: &Call) -> Reply {
    by_key(tenant, call).unwrap_or_else(|refused| refused).of(Key::outside("start-with-key"))
}

fn by_key(tenant: &Tenant, call: &Call) -> Result<Reply, Reply> {
    for_application(tenant, call)?;
    let opening = opening(tenant, call, (read(call)?, Start::Key))?;
    let flow = opening.flow;
    if flow.first().is_some() {
        let message = "This flow has pages: start it with an SDK token";
        return Err(failure(StatusCode::BAD_REQUEST, message));
    }
    let mut reply = open(Scene::of(tenant, call), opening);
    // Cookies are for browsers.
    reply.headers.clear();
    if reply.status.is_success() {
        return Ok(reply);
    }
    // The flow's own error, as its last node words it.
    let error: Value =
        reply.body.as_deref().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    let node = flow.node(Role::ApiError);
    let body = json!({
        "interactionId": error["interactionId"],
        "companyId": error["companyId"],
        "connectionId": node.map(|node| node.connection),
        "connectorId": node.map(|node| node.connector),
        "id": node.map(|node| node.id),
        "capabilityName": node.map(|node| node.capability),
        "success": false,
        "message": error["message"],
        "httpResponseCode": reply.status.as_u16(),
    });
    Ok(Reply::json(reply.status, &body))
}

/// The input in a body; an absent one is empty.
fn read(call: &Call) -> Result<Map<String, Value>, Reply> {
    if call.body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&call.body) {
        Ok(Value::Object(input)) => Ok(input),
        _ => Err(malformed("the body is not a JSON object")),
    }
}

/// The start of the policy in the path, its input examined.
fn opening(
    tenant: &Tenant,
    call: &Call,
    (input, start): (Map<String, Value>, Start),
) -> Result<Opening, Reply> {
    let wanted = Some(call.segment("policy")).filter(|policy| !policy.trim().is_empty());
    let served = wanted.and_then(|policy| tenant.policy(policy));
    let (policy, flow) = served.ok_or_else(|| {
        // The service's answer is unknown; assumed.
        Reply::platform(StatusCode::BAD_REQUEST, "INVALID_REQUEST", "There is no such flow policy")
    })?;
    let problems = input::problems(flow.input, &input);
    if !problems.is_empty() {
        return Err(input::refused(&problems));
    }
    let application = &tenant.settings.application;
    let request = Request {
        client_id: application.client_id.clone(),
        scope: application.scopes.join(" "),
        nonce: input.get("nonce").and_then(Value::as_str).map(str::to_owned),
        policy: policy.id.clone(),
        start,
        ..Request::default()
    };
    Ok(Opening { flow, request: Arc::new(request), input, session: None, silent: false })
}
