//! The token endpoint, introspection and revocation.

use super::call::{Call, Pairs};
use super::grant::Grant;
use super::interaction::Challenge;
use super::reply::{Key, Reply};
use super::tenant::{Tenant, uuid};
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Who a bearer token speaks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Bearer {
    /// A user who signed on.
    User {
        /// User id.
        user: String,
        /// Scopes granted.
        scope: String,
    },
    /// The worker application.
    Worker,
}

/// The token endpoint.
pub fn token(tenant: &Tenant, call: &Call) -> Reply {
    let form = call.form();
    let reply = match form.get("grant_type") {
        Some("authorization_code") => exchange(tenant, call, &form),
        Some("refresh_token") => refresh(tenant, call, &form),
        Some("client_credentials") => credentials(tenant, call, &form),
        Some(_) => Err(bad("unsupported_grant_type", "This grant type is not served")),
        None => Err(bad("invalid_request", "grant_type is missing")),
    };
    reply.unwrap_or_else(|refused| refused).of(Key::outside("token"))
}

/// Exchanges an authorization code.
fn exchange(tenant: &Tenant, call: &Call, form: &Pairs) -> Result<Reply, Reply> {
    let (client, secret) = client_of(call, form);
    if !knows_secret(tenant, (&client, &secret)) {
        return Err(invalid_client());
    }
    let code = form.get("code").unwrap_or_default();
    // Taken before it is looked at: a code is good for one attempt.
    let grant = tenant.grants.take(code, tenant.clock.now());
    let unknown = || bad("invalid_grant", "The code is unknown, expired or was used before");
    let grant = grant.ok_or_else(unknown)?;
    let request = &grant.request;
    if request.client_id != client {
        return Err(bad("invalid_grant", "The code was given to another client"));
    }
    if form.get("redirect_uri") != Some(&request.redirect_uri) {
        return Err(bad("invalid_grant", "The redirect URI is not that of the authorize request"));
    }
    if !proves(request.challenge.as_ref(), form.get("code_verifier")) {
        return Err(bad("invalid_grant", "The code verifier does not fit the challenge"));
    }
    answer(tenant, grant)
}

/// Exchanges a refresh token; it is replaced by another one (assumed).
fn refresh(tenant: &Tenant, call: &Call, form: &Pairs) -> Result<Reply, Reply> {
    let (client, secret) = client_of(call, form);
    if !knows_secret(tenant, (&client, &secret)) {
        return Err(invalid_client());
    }
    let token = form.get("refresh_token").unwrap_or_default();
    let grant = tenant.refreshes.take(token, tenant.clock.now());
    let unknown =
        || bad("invalid_grant", "The refresh token is unknown, expired or was used before");
    answer(tenant, grant.ok_or_else(unknown)?)
}

/// The tokens of a grant, a refresh token among them where the application has them.
fn answer(tenant: &Tenant, grant: Grant) -> Result<Reply, Reply> {
    let mut tokens = tokens(tenant, &grant).ok_or_else(signing_failed)?;
    if tenant.settings.application.refresh_tokens {
        let token = uuid(&mut tenant.draw("refresh"));
        tokens["refresh_token"] = json!(token);
        tenant.refreshes.insert(&token, grant, tenant.clock.now());
    }
    Ok(Reply::ok(&tokens))
}

/// A token for the worker application.
fn credentials(tenant: &Tenant, call: &Call, form: &Pairs) -> Result<Reply, Reply> {
    let (client, secret) = client_of(call, form);
    let known = &tenant.settings.worker.client_id;
    if client != *known || secret != *tenant.worker_secret.expose() {
        return Err(invalid_client());
    }
    let claims = claims(tenant, "access", json!({ "client_id": client, "aud": [tenant.origin] }));
    let token = tenant.keys.sign(&claims).ok_or_else(signing_failed)?;
    let expires_in = tenant.settings.validity.token.as_secs();
    Ok(Reply::ok(
        &json!({ "access_token": token, "token_type": "Bearer", "expires_in": expires_in }),
    ))
}

/// Tells whether a token is good.
pub fn introspect(tenant: &Tenant, call: &Call) -> Reply {
    let form = call.form();
    let key = Key::outside("introspect");
    let (client, secret) = client_of(call, &form);
    let settings = &tenant.settings;
    let worker = client == settings.worker.client_id && secret == *tenant.worker_secret.expose();
    if !worker && !knows_secret(tenant, (&client, &secret)) {
        return invalid_client().of(key);
    }
    let token = form.get("token").unwrap_or_default();
    let refreshes = |grant: &mut Grant| json!({ "jti": token, "sub": *grant.session.user, "client_id": grant.request.client_id });
    let refresh = || tenant.refreshes.with(token, tenant.clock.now(), refreshes);
    let claims = good(tenant, token).or_else(refresh);
    let mut answer = claims.unwrap_or_else(|| json!({}));
    answer["active"] = json!(answer.get("jti").is_some());
    Reply::ok(&answer).of(key)
}

/// Revokes a token; unknown tokens are no error (RFC 7009).
pub fn revoke(tenant: &Tenant, call: &Call) -> Reply {
    let form = call.form();
    let token = form.get("token").unwrap_or_default();
    tenant.refreshes.take(token, tenant.clock.now());
    let claims = good(tenant, token);
    if let Some(id) = claims.as_ref().and_then(|claims| claims["jti"].as_str()) {
        tenant.revoked.insert(id, (), tenant.clock.now());
    }
    Reply::ok(&json!({})).of(Key::outside("revoke"))
}

/// Who the bearer token of a request speaks for, if it is good.
pub fn bearer(tenant: &Tenant, call: &Call) -> Option<Bearer> {
    let claims = good(tenant, call.bearer()?)?;
    let text = |name: &str| claims[name].as_str().map(str::to_owned);
    if claims["token_use"] != "access" {
        return None;
    }
    match text("sub") {
        Some(user) => Some(Bearer::User { user, scope: text("scope").unwrap_or_default() }),
        None => Some(Bearer::Worker),
    }
}

/// The claims of a token that is neither forged nor expired nor revoked.
fn good(tenant: &Tenant, token: &str) -> Option<Value> {
    let claims = tenant.keys.verify(token)?;
    let alive = claims["exp"].as_u64()? > tenant.epoch_s();
    let id = claims["jti"].as_str()?;
    let revoked = tenant.revoked.with(id, tenant.clock.now(), |()| ()).is_some();
    (alive && !revoked).then_some(claims)
}

/// The tokens of a grant; none only if signing fails.
pub fn tokens(tenant: &Tenant, grant: &Grant) -> Option<Value> {
    let (request, session) = (&grant.request, &grant.session);
    let environment = &tenant.settings.environment_id;
    let access = claims(
        tenant,
        "access",
        json!({
            "sub": *session.user, "client_id": request.client_id, "scope": request.scope,
            "sid": session.id, "acr": request.policy, "env": environment,
            "aud": [tenant.origin],
        }),
    );
    let access = tenant.keys.sign(&access)?;
    // The first half of the digest, by OpenID Connect Core 3.1.3.6.
    let half = digest(&SHA256, access.as_bytes());
    let hash = URL_SAFE_NO_PAD.encode(half.as_ref().get(..16)?);
    let mut id = claims(
        tenant,
        "id",
        json!({
            "sub": *session.user, "aud": request.client_id, "acr": request.policy, "amr": ["pwd"],
            "auth_time": session.authenticated_s, "at_hash": hash, "sid": session.id,
            "env": environment, "org": environment, "p1.region": "NA",
        }),
    );
    if let Some(nonce) = &request.nonce {
        id["nonce"] = json!(nonce);
    }
    Some(json!({
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": tenant.settings.validity.token.as_secs(),
        "scope": request.scope,
        "id_token": tenant.keys.sign(&id)?,
    }))
}

/// Claims with issuer, times, id and use filled in.
fn claims(tenant: &Tenant, token_use: &str, mut claims: Value) -> Value {
    let now = tenant.epoch_s();
    claims["iss"] = json!(tenant.issuer());
    claims["iat"] = json!(now);
    claims["exp"] = json!(now + tenant.settings.validity.token.as_secs());
    claims["jti"] = json!(uuid(&mut tenant.draw("token")));
    claims["token_use"] = json!(token_use);
    claims
}

/// Whether a verifier answers the challenge. Without a challenge there must be no verifier.
fn proves(challenge: Option<&Challenge>, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        (None, verifier) => verifier.is_none(),
        (Some(_), None) => false,
        (Some(Challenge::Plain(challenge)), Some(verifier)) => challenge == verifier,
        (Some(Challenge::Digest(challenge)), Some(verifier)) => {
            URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) == *challenge
        }
    }
}

/// Client id and secret, by HTTP Basic or in the form; empty where absent.
pub fn client_of(call: &Call, form: &Pairs) -> (String, String) {
    let own = |name| form.get(name).unwrap_or_default().to_owned();
    call.basic().unwrap_or_else(|| (own("client_id"), own("client_secret")))
}

/// Whether a client is the application and, if that has a secret, knows it.
pub fn knows_secret(tenant: &Tenant, (client, secret): (&str, &str)) -> bool {
    let application = &tenant.settings.application;
    let fits = application.client_secret.as_ref().is_none_or(|known| *known.expose() == secret);
    client == application.client_id && fits
}

fn bad(error: &str, description: &str) -> Reply {
    Reply::oauth(StatusCode::BAD_REQUEST, error, description)
}

fn invalid_client() -> Reply {
    let description = "The client is unknown or did not prove itself";
    Reply::oauth(StatusCode::UNAUTHORIZED, "invalid_client", description)
}

fn signing_failed() -> Reply {
    Reply::oauth(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "The token was not signed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_must_answer_the_challenge() {
        // The example of RFC 7636, appendix B.
        let digest = Challenge::Digest("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned());
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let plain = Challenge::Plain(verifier.to_owned());
        for (challenge, verifier, fits) in [
            (Some(&digest), Some(verifier), true),
            (Some(&digest), Some("another"), false),
            (Some(&digest), None, false),
            (Some(&plain), Some(verifier), true),
            (Some(&plain), Some("another"), false),
            (None, None, true),
            (None, Some(verifier), false),
        ] {
            assert_eq!(proves(challenge, verifier), fits, "{challenge:?} {verifier:?}");
        }
    }
}
