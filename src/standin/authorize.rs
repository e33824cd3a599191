//! The authorize endpoint: starts a flow, or reuses a session.

use super::call::{Call, Pairs};
use super::capability::show;
use super::flow::Flow;
use super::grant::{End, succeed};
use super::interaction::{Challenge, Interaction, Request};
use super::refusal::{failed_flow, malformed};
use super::reply::{Key, Reply};
use super::session::Session;
use super::settings::FlowPolicy;
use super::tenant::{Tenant, hexadecimal, uuid};
use axum::http::{Method, StatusCode, header};
use rand::Rng;
use std::sync::Arc;

/// Age of the interaction's cookies (observed: 3600 s).
const COOKIE_AGE_S: u64 = 3600;

/// Answers an authorize request, by GET with a query or by POST with a form.
pub fn authorize(tenant: &Tenant, call: &Call) -> Reply {
    let parameters = if call.method == Method::POST { call.form() } else { call.query() };
    start(tenant, call, &parameters).unwrap_or_else(|refused| refused).of(Key::outside("authorize"))
}

fn start(tenant: &Tenant, call: &Call, parameters: &Pairs) -> Result<Reply, Reply> {
    let (request, policy, flow) = read(tenant, call, parameters)?;
    let request = Arc::new(Request { policy: policy.id.clone(), ..request });
    let prompt = parameters.get("prompt").unwrap_or_default();
    let session = live_session(tenant, call).filter(|_| prompt != "login");
    let mut random = tenant.draw("interaction");
    let id = uuid(&mut random);
    let mut proof = [0; 128];
    random.fill_bytes(&mut proof);
    let token = hexadecimal(&proof);
    let environment = &tenant.settings.environment_id;
    let nowhere = || failed_flow(environment, "server_error", "The flow has no first form");
    if let Some(session) = session {
        let form = flow.form(flow.first).ok_or_else(nowhere)?;
        let end = End { interaction: &id, token: &token, flow, form };
        return Ok(succeed(tenant, end, request, session));
    }
    if prompt == "none" {
        return Err(failed_flow(environment, "login_required", "No session to use silently"));
    }
    let now = tenant.clock.now();
    let proof = (id.as_str(), token.clone());
    let interaction = Interaction::start(proof, flow, request, now).ok_or_else(nowhere)?;
    let reply =
        show(tenant, &interaction, r#""connectorId":"api","success":true,"startUiSubFlow":true,"#);
    tenant.interactions.insert(&id, interaction, now);
    Ok(reply
        .with_cookie("interactionId", &id, COOKIE_AGE_S)
        .with_cookie("interactionToken", &token, COOKIE_AGE_S)
        .with_cookie("skProxyApiEnvironmentId", "us-west-2", 900))
}

/// What a request asks for, and the policy that serves it.
fn read<'t>(
    tenant: &'t Tenant,
    call: &Call,
    parameters: &Pairs,
) -> Result<(Request, &'t FlowPolicy, &'static Flow), Reply> {
    let given = |name| parameters.get(name).unwrap_or_default();
    let application = &tenant.settings.application;
    if given("client_id") != application.client_id {
        return Err(to_error_page(tenant, "invalid_client"));
    }
    if !application.redirect_uris.iter().any(|uri| uri == given("redirect_uri")) {
        return Err(to_error_page(tenant, "invalid_redirect_uri"));
    }
    let invalid =
        |message: &str| Reply::platform(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message);
    if given("response_mode") != "pi.flow" || !call.is_sdk() {
        let what = "this tenant serves `response_mode=pi.flow` with `X-Requested-With: ping-sdk` only; the screen dialect and hosted pages are not served yet";
        return Err(malformed(what));
    }
    if given("response_type") != "code" {
        return Err(invalid("response_type: only `code` is permitted for this application"));
    }
    let scope: Vec<&str> = given("scope").split_whitespace().collect();
    if !scope.contains(&"openid") {
        return Err(invalid("scope: must contain `openid`"));
    }
    let granted = scope.into_iter().filter(|scope| application.scopes.iter().any(|s| s == scope));
    let granted: Vec<&str> = granted.collect();
    let challenge = parameters.get("code_challenge").filter(|challenge| !challenge.is_empty());
    let challenge = match (challenge, given("code_challenge_method")) {
        (None, _) if application.require_pkce => {
            return Err(invalid("code_challenge: this application requires PKCE"));
        }
        (None, _) => None,
        (Some(challenge), "S256") => Some(Challenge::Digest(challenge.to_owned())),
        (Some(challenge), "" | "plain") => Some(Challenge::Plain(challenge.to_owned())),
        _ => return Err(invalid("code_challenge_method: must be `S256` or `plain`")),
    };
    let served = tenant.policy(given("acr_values"));
    let (policy, flow) =
        served.ok_or_else(|| invalid("acr_values: no such flow policy is assigned"))?;
    let own = |name: &str| parameters.get(name).map(str::to_owned);
    let request = Request {
        client_id: application.client_id.clone(),
        redirect_uri: given("redirect_uri").to_owned(),
        scope: granted.join(" "),
        state: own("state"),
        nonce: own("nonce"),
        challenge,
        policy: String::new(),
    };
    Ok((request, policy, flow))
}

/// The session of the caller's cookie, if its sign-on is recent enough for the flow.
fn live_session(tenant: &Tenant, call: &Call) -> Option<Session> {
    let cookie = call.cookie("ST").or_else(|| call.cookie("ST-NO-SS"))?;
    let now = tenant.clock.now();
    let session = tenant.sessions.with(cookie, now, |session| session.clone())?;
    let recent = now.duration_since(session.authenticated) < tenant.settings.validity.session;
    let known = tenant.directory().get(&session.user).is_some();
    (recent && known).then_some(session)
}

/// 302 to a page of another origin without CORS headers: clients see a failed fetch or a redirect,
/// as they do on the service (observed). `localhost` is another origin than `127.0.0.1`.
fn to_error_page(tenant: &Tenant, error: &str) -> Reply {
    let port = tenant.origin.rsplit(':').next().unwrap_or_default();
    let location = format!("http://localhost:{port}/stand-in/error?error={error}");
    let body = serde_json::json!({ "error": { "code": error, "message": "see the Location" } });
    let reply = Reply::json(StatusCode::FOUND, &body).with_header(header::LOCATION, location);
    Reply { cors: false, ..reply }
}
