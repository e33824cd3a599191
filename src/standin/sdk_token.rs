//! Tokens that open a start by policy, handed out to whoever knows the application's key.

use super::call::Call;
use super::interaction::Request;
use super::reply::{Key, Reply};
use super::tenant::{Tenant, uuid};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What an SDK token was made with.
#[derive(Clone, Debug, Default)]
pub struct Bound {
    /// The one policy that it starts; none for any.
    pub policy: Option<String>,
    /// Input of the flow.
    pub parameters: Map<String, Value>,
    /// Session that the flow may use.
    pub session_token: Option<String>,
    /// The authorize request that it serves; none for tokens that an application asked for.
    pub request: Option<Arc<Request>>,
}

/// Hands out a token: by GET without anything bound to it, by POST with what the body says.
pub fn sdk_token(tenant: &Tenant, call: &Call) -> Reply {
    issue(tenant, call).unwrap_or_else(|refused| refused).of(Key::outside("sdk-token"))
}

fn issue(tenant: &Tenant, call: &Call) -> Result<Reply, Reply> {
    for_application(tenant, call)?;
    let body: Value = match call.body.as_ref() {
        [] => json!({}),
        body => serde_json::from_slice(body)
            .map_err(|_| failure(StatusCode::BAD_REQUEST, "The body is not JSON"))?,
    };
    let policy = body["policyId"].as_str().map(str::to_owned);
    if policy.as_deref().is_some_and(|id| !tenant.settings.policies.iter().any(|p| p.id == id)) {
        return Err(failure(StatusCode::NOT_FOUND, "There is no such flow policy"));
    }
    let bound = Bound {
        policy,
        parameters: body["parameters"].as_object().cloned().unwrap_or_default(),
        session_token: body["global"]["sessionToken"].as_str().map(str::to_owned),
        request: None,
    };
    let token = make(tenant, bound);
    let token = token.ok_or_else(|| {
        failure(StatusCode::INTERNAL_SERVER_ERROR, "The token could not be signed")
    })?;
    Ok(Reply::ok(&json!({ "success": true, "access_token": token })))
}

/// Makes a token; none only if signing fails.
pub fn make(tenant: &Tenant, bound: Bound) -> Option<String> {
    let (now, id) = (tenant.epoch_s(), uuid(&mut tenant.draw("sdk token")));
    let claims = json!({
        "iss": format!("{}/davinci", tenant.prefix()),
        "companyId": tenant.settings.environment_id,
        "clientId": tenant.settings.davinci_application.id,
        "policyId": bound.policy,
        "iat": now,
        "exp": now + tenant.settings.validity.sdk_token.as_secs(),
        "jti": id,
        "token_use": "sdk",
    });
    tenant.bound.insert(&id, bound, tenant.clock.now());
    tenant.keys.sign(&claims)
}

/// What the bearer token of a start was made with; none if it is no good SDK token.
pub fn bound(tenant: &Tenant, call: &Call) -> Option<Bound> {
    let claims = tenant.keys.verify(call.bearer()?)?;
    let good = claims["token_use"] == "sdk" && claims["exp"].as_u64()? > tenant.epoch_s();
    let id = claims["jti"].as_str().filter(|_| good)?;
    tenant.bound.with(id, tenant.clock.now(), |bound| bound.clone())
}

/// Whether a request to the orchestration API shows the right company and key.
pub fn for_application(tenant: &Tenant, call: &Call) -> Result<(), Reply> {
    if call.segment("company") != tenant.settings.environment_id {
        return Err(failure(StatusCode::NOT_FOUND, "There is no such company"));
    }
    if call.header("x-sk-api-key") != Some(tenant.api_key.expose()) {
        return Err(failure(StatusCode::UNAUTHORIZED, "The API key is missing or wrong"));
    }
    Ok(())
}

/// An error of the orchestration API (observed: status and message).
pub fn failure(status: StatusCode, message: &str) -> Reply {
    let body = json!({
        "cause": null, "logLevel": "error", "serviceName": null, "success": false,
        "message": message, "errorMessage": message, "httpResponseCode": status.as_u16(),
    });
    Reply::json(status, &body)
}
