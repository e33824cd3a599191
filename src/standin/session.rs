//! Sessions, and the endpoints of a signed-on user: userinfo and sign-off.

use super::call::Call;
use super::reply::{Key, Reply};
use super::tenant::{Tenant, uuid};
use super::token::{Bearer, bearer};
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// A session: who signed on and when.
#[derive(Clone, Debug)]
pub struct Session {
    /// Session id, as tokens carry it (`sid`).
    pub id: String,
    /// Value of the cookie `ST`.
    pub cookie: String,
    /// User id.
    pub user: Arc<str>,
    /// When the user signed on.
    pub authenticated: Instant,
    /// The same in seconds since 1970.
    pub authenticated_s: u64,
}

/// The cookie of a session id. It follows from the id and the tenant's seed, so that sessions need
/// no second index.
pub fn cookie_of(tenant: &Tenant, id: &str) -> String {
    uuid(&mut tenant.settings.seed.stream(&format!("session {id}"), 0))
}

/// Claims about the user that the access token is for.
pub fn userinfo(tenant: &Tenant, call: &Call) -> Reply {
    let key = Key::outside("userinfo");
    let Some(Bearer::User { user, scope }) = bearer(tenant, call) else {
        return Reply::oauth(
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "The access token is not good",
        )
        .with_header(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"".to_owned())
        .of(key);
    };
    let directory = tenant.directory();
    let mut claims = json!({ "sub": user });
    if let Some(user) = directory.get(&user) {
        let profile = &user.profile;
        let has = |wanted: &str| scope.split_whitespace().any(|scope| scope == wanted);
        if has("email") {
            claims["email"] = json!(profile.email);
        }
        if has("profile") {
            claims["preferred_username"] = json!(profile.username);
            claims["given_name"] = json!(profile.given);
            claims["family_name"] = json!(profile.family);
        }
    }
    Reply::ok(&claims).of(key)
}

/// Ends a session: the one of the cookie, and the one that the id token hint names.
pub fn sign_off(tenant: &Tenant, call: &Call) -> Reply {
    let query = call.query();
    let now = tenant.clock.now();
    for cookie in [call.cookie("ST"), call.cookie("ST-NO-SS")].into_iter().flatten() {
        tenant.sessions.take(cookie, now);
    }
    // A hint alone ends the session too: mobile clients may have lost the cookie.
    let hinted = query.get("id_token_hint").and_then(|hint| tenant.keys.verify(hint));
    if let Some(id) = hinted.as_ref().and_then(|claims| claims["sid"].as_str()) {
        tenant.sessions.take(&cookie_of(tenant, id), now);
    }
    let wants_json = call.header("accept").is_some_and(|accept| accept.contains("json"));
    let target = query.get("post_logout_redirect_uri").filter(|uri| {
        !wants_json && tenant.settings.application.redirect_uris.iter().any(|known| known == uri)
    });
    let reply = match target {
        None => Reply::ok(&Value::Object(serde_json::Map::new())),
        Some(uri) => {
            let state = query.get("state").map(|state| {
                let pairs = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("state", state)
                    .finish();
                format!("{}{pairs}", if uri.contains('?') { '&' } else { '?' })
            });
            Reply::json(StatusCode::FOUND, &json!({}))
                .with_header(header::LOCATION, format!("{uri}{}", state.unwrap_or_default()))
        }
    };
    reply.with_cookie("ST", "", 0).with_cookie("ST-NO-SS", "", 0).of(Key::outside("sign-off"))
}
