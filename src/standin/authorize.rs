//! The authorize endpoint: starts a flow, or reuses a session.

use super::call::{Call, Pairs};
use super::capability::Scene;
use super::flow::Flow;
use super::hosted;
use super::input;
use super::interaction::{Challenge, Request};
use super::par;
use super::refusal::malformed;
use super::reply::{Key, Reply};
use super::settings::FlowPolicy;
use super::start::{Opening, live_session, open};
use super::tenant::Tenant;
use axum::http::{Method, StatusCode, header};
use serde_json::Map;
use std::sync::Arc;

/// Answers an authorize request, by GET with a query or by POST with a form. The genuine OIDC client
/// posts a query and no body.
pub fn authorize(tenant: &Tenant, call: &Call) -> Reply {
    let is_form = call.method == Method::POST && !call.body.is_empty();
    let parameters = if is_form { call.form() } else { call.query() };
    start(tenant, call, parameters).unwrap_or_else(|refused| refused).of(Key::outside("authorize"))
}

fn start(tenant: &Tenant, call: &Call, parameters: Pairs) -> Result<Reply, Reply> {
    if parameters.get("client_id") != Some(&tenant.settings.application.client_id) {
        return Err(to_error_page(tenant, "invalid_client"));
    }
    let parameters = par::resolve(tenant, parameters)?;
    if let Some(refused) = refuse_client(tenant, &parameters) {
        return Err(refused);
    }
    let (request, policy, flow) = read(tenant, &parameters)?;
    let problems = input::problems(flow.input, &Map::new());
    if !problems.is_empty() {
        return Err(input::refused(&problems));
    }
    let request = Request { policy: policy.id.clone(), ..request };
    let prompt = parameters.get("prompt").unwrap_or_default();
    let session = live_session(tenant, call).filter(|_| prompt != "login");
    match parameters.get("response_mode").unwrap_or_default() {
        "pi.flow" => {}
        "" | "query" => {
            return Ok(match session.filter(|_| flow.checks_session) {
                Some(session) => hosted::to_application(tenant, Arc::new(request), session),
                None => hosted::page(tenant, request),
            });
        }
        _ => return Err(malformed("response_mode: must be `pi.flow` or `query`")),
    }
    let (request, silent) = (Arc::new(request), prompt == "none");
    let opening = Opening { flow, request, input: Map::new(), session, silent };
    Ok(open(Scene::of(tenant, call), opening))
}

/// The reply to a wrong client or redirect URI; none if both are right.
pub fn refuse_client(tenant: &Tenant, parameters: &Pairs) -> Option<Reply> {
    let given = |name| parameters.get(name).unwrap_or_default();
    let application = &tenant.settings.application;
    if given("client_id") != application.client_id {
        return Some(to_error_page(tenant, "invalid_client"));
    }
    let known = application.redirect_uris.iter().any(|uri| uri == given("redirect_uri"));
    (!known).then(|| to_error_page(tenant, "invalid_redirect_uri"))
}

/// What a request asks for, and the policy that serves it.
pub fn read<'t>(
    tenant: &'t Tenant,
    parameters: &Pairs,
) -> Result<(Request, &'t FlowPolicy, &'static Flow), Reply> {
    let given = |name| parameters.get(name).unwrap_or_default();
    let application = &tenant.settings.application;
    let invalid =
        |message: &str| Reply::platform(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message);
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
        ..Request::default()
    };
    Ok((request, policy, flow))
}

/// 302 to a page of another origin without CORS headers: clients see a failed fetch or a redirect,
/// as they do on the service (observed). `localhost` is another origin than `127.0.0.1`.
fn to_error_page(tenant: &Tenant, error: &str) -> Reply {
    let mut page = url::Url::parse(&tenant.origin).ok();
    if let Some(page) = &mut page {
        // Both fail only for addresses without a host, which an origin has.
        let _ = page.set_host(Some("localhost"));
        page.set_path("/stand-in/error");
        page.set_query(Some(&format!("error={error}")));
    }
    let location = page.map(String::from).unwrap_or_default();
    let body = serde_json::json!({ "error": { "code": error, "message": "see the Location" } });
    let reply = Reply::json(StatusCode::FOUND, &body).with_header(header::LOCATION, location);
    Reply { cors: false, ..reply }
}
