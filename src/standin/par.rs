//! Pushed authorize requests (RFC 9126): parameters left at the tenant, named by a URI.

use super::authorize::{read, refuse_client};
use super::call::{Call, Pairs};
use super::reply::{Key, Reply};
use super::tenant::{Tenant, uuid};
use super::token::{client_of, knows_secret};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a pushed request can be used (observed: 60 s).
pub const AGE: Duration = Duration::from_mins(1);

/// The parameters of a pushed request.
pub type Pushed = Pairs;

/// Takes a request and gives it a URI.
pub fn push(tenant: &Tenant, call: &Call) -> Reply {
    take(tenant, call).unwrap_or_else(|refused| refused).of(Key::outside("par"))
}

fn take(tenant: &Tenant, call: &Call) -> Result<Reply, Reply> {
    let mut form = call.form();
    let (client, secret) = client_of(call, &form);
    if !knows_secret(tenant, (&client, &secret)) {
        let description = "The client is unknown or did not prove itself";
        return Err(Reply::oauth(StatusCode::UNAUTHORIZED, "invalid_client", description));
    }
    let invalid = |what: &str| Reply::oauth(StatusCode::BAD_REQUEST, "invalid_request", what);
    if form.get("request_uri").is_some() {
        return Err(invalid("request_uri: not in a pushed request"));
    }
    // With HTTP Basic the id need not be in the form.
    if form.get("client_id").is_none() {
        form.0.push(("client_id".to_owned(), client));
    }
    if refuse_client(tenant, &form).is_some() {
        return Err(invalid("redirect_uri: is not registered for this application"));
    }
    if let Err(refused) = read(tenant, &form) {
        let body: Value =
            refused.body.and_then(|b| serde_json::from_str(&b).ok()).unwrap_or_default();
        return Err(invalid(body["message"].as_str().unwrap_or("the request is not complete")));
    }
    let uri = format!("urn:ietf:params:oauth:request_uri:{}", uuid(&mut tenant.draw("par")));
    tenant.pushed.insert(&uri, form, tenant.clock.now());
    Ok(Reply::json(
        StatusCode::CREATED,
        &json!({ "request_uri": uri, "expires_in": AGE.as_secs() }),
    ))
}

/// The parameters behind a `request_uri`, if there is one; a URI is good for one use.
pub fn resolve(tenant: &Tenant, parameters: Pairs) -> Result<Pairs, Reply> {
    let Some(uri) = parameters.get("request_uri") else { return Ok(parameters) };
    let pushed = tenant.pushed.take(uri, tenant.clock.now());
    pushed.filter(|pushed| pushed.get("client_id") == parameters.get("client_id")).ok_or_else(
        || {
            let message = "request_uri: is unknown, expired, used, or of another client";
            Reply::platform(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
        },
    )
}
