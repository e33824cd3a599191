//! Tokens: the exchange and its refusals, what is in them, what they open.

use crate::support::*;
use gander::base::secret::Secret;
use gander::standin::settings::Signing;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

async fn code_for(lab: &Lab) -> String {
    if lab.truth().await["users"] == 0 {
        lab.user("ada", PASSWORD).await;
    }
    assert_success(&lab.agent().sign_on("ada", PASSWORD).await)
}

/// Claims of a token, verified by the published keys.
async fn claims(lab: &Lab, token: &str, audience: &str) -> Value {
    let keys = send(lab.get(&lab.url("/as/jwks"))).await.body;
    let keys: JwkSet = serde_json::from_value(keys).expect("a key set");
    let header = decode_header(token).expect("a token");
    let key = keys.find(&header.kid.expect("a key id")).expect("the key");
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[lab.url("/as")]);
    // The tenant's clock stands at a time of the test's choosing.
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(key).expect("a usable key");
    decode(token, &key, &validation).expect("a good signature").claims
}

#[tokio::test]
async fn the_id_token_says_who_signed_on_where_and_by_which_policy() {
    for signing in [Signing::Es256, Signing::Rs256] {
        let lab = Lab::with(|settings| settings.signing = signing).await;
        let user = lab.user("ada", PASSWORD).await;
        let code = assert_success(&lab.agent().sign_on("ada", PASSWORD).await);
        let tokens = lab.post_form("/as/token", &lab.token_form(&code)).await;
        assert_eq!((tokens.status, &tokens.body["expires_in"]), (200, &json!(3600)), "{tokens:?}");
        assert_eq!(tokens.body["token_type"], "Bearer");
        assert_eq!(tokens.body["scope"], "openid profile email");
        let ready = &lab.running.ready;
        let id_token = tokens.body["id_token"].as_str().unwrap();
        let id = claims(&lab, id_token, &ready.client_id).await;
        assert_eq!(id["sub"], user);
        assert_eq!((&id["nonce"], &id["acr"]), (&json!("n1"), &json!(ready.policies["stock"])));
        assert_eq!(id["exp"].as_u64().unwrap() - id["iat"].as_u64().unwrap(), 3600);
        let kind = decode_header(id_token).unwrap().alg;
        let expected = if signing == Signing::Rs256 { "RS256" } else { "ES256" };
        assert_eq!(format!("{kind:?}"), expected);
    }
}

#[tokio::test]
async fn a_code_is_good_once_and_only_with_all_it_was_given_for() {
    let lab = Lab::start().await;
    for (name, value) in [
        ("code_verifier", Some("another")),
        ("code_verifier", None),
        ("redirect_uri", Some("https://app.example.com/other")),
        ("redirect_uri", None),
        ("code", Some("unknown")),
    ] {
        let code = code_for(&lab).await;
        let mut form = lab.token_form(&code);
        form.retain(|(known, _)| *known != name);
        form.extend(value.map(|value| (name, value)));
        let reply = lab.post_form("/as/token", &form).await;
        assert_eq!((reply.status, &reply.body["error"]), (400, &json!("invalid_grant")), "{name}");
    }
    let code = code_for(&lab).await;
    assert_eq!(lab.post_form("/as/token", &lab.token_form(&code)).await.status, 200);
    let again = lab.post_form("/as/token", &lab.token_form(&code)).await;
    assert_eq!(again.body["error"], "invalid_grant");
}

#[tokio::test]
async fn a_code_grows_old() {
    let lab = Lab::start().await;
    for (wait, status) in [(59, 200), (60, 400)] {
        let code = code_for(&lab).await;
        lab.clock.advance(Duration::from_secs(wait));
        assert_eq!(lab.post_form("/as/token", &lab.token_form(&code)).await.status, status);
    }
}

#[tokio::test]
async fn only_known_clients_and_grants_get_tokens() {
    let lab = Lab::start().await;
    let code = code_for(&lab).await;
    let mut form = lab.token_form(&code);
    form.retain(|(name, _)| *name != "client_id");
    let reply = lab.post_form("/as/token", &form).await;
    assert_eq!((reply.status, &reply.body["error"]), (401, &json!("invalid_client")));
    let worker = lab.running.ready.worker.client_id.clone();
    for (form, status, error) in [
        (vec![("grant_type", "password")], 400, "unsupported_grant_type"),
        (vec![], 400, "invalid_request"),
        (
            vec![
                ("grant_type", "client_credentials"),
                ("client_id", worker.as_str()),
                ("client_secret", "wrong"),
            ],
            401,
            "invalid_client",
        ),
    ] {
        let reply = lab.post_form("/as/token", &form).await;
        assert_eq!((reply.status, &reply.body["error"]), (status, &json!(error)), "{form:?}");
    }
}

#[tokio::test]
async fn a_confidential_application_shows_its_secret() {
    let lab = Lab::with(|settings| {
        settings.application.client_secret = Some(Secret::new("s3cret".to_owned()));
    })
    .await;
    for (secret, status) in [(None, 401), (Some("wrong"), 401), (Some("s3cret"), 200)] {
        let code = code_for(&lab).await;
        let mut form = lab.token_form(&code);
        form.extend(secret.map(|secret| ("client_secret", secret)));
        assert_eq!(lab.post_form("/as/token", &form).await.status, status, "{secret:?}");
    }
}

#[tokio::test]
async fn an_access_token_opens_userinfo_until_it_is_revoked_or_too_old() {
    let lab = Lab::start().await;
    let code = code_for(&lab).await;
    let tokens = lab.post_form("/as/token", &lab.token_form(&code)).await.body;
    let access = tokens["access_token"].as_str().unwrap();
    let userinfo =
        async |token: &str| send(lab.get(&lab.url("/as/userinfo")).bearer_auth(token)).await;
    let found = userinfo(access).await;
    assert_eq!((found.status, &found.body["email"]), (200, &json!("ada@example.com")));
    assert_eq!(found.body["preferred_username"], "ada");
    let id_token = tokens["id_token"].as_str().unwrap();
    for wrong in [id_token, "x", lab.worker_token().await.as_str()] {
        assert_eq!(userinfo(wrong).await.status, 401);
    }
    let ready = &lab.running.ready;
    let active = async || {
        let form = [("token", access), ("client_id", ready.client_id.as_str())];
        lab.post_form("/as/introspect", &form).await.body["active"].clone()
    };
    assert_eq!(active().await, true);
    let form = [("token", access), ("client_id", ready.client_id.as_str())];
    let revoked = lab.post_form("/as/revoke", &form).await;
    assert_eq!((revoked.status, revoked.text.as_str()), (200, "{}"));
    assert_eq!(active().await, false);
    assert_eq!(userinfo(access).await.status, 401);
    let stranger = lab.post_form("/as/introspect", &[("token", access)]).await;
    assert_eq!(stranger.status, 401);
    let code = code_for(&lab).await;
    let tokens = lab.post_form("/as/token", &lab.token_form(&code)).await.body;
    lab.clock.advance(Duration::from_hours(1));
    assert_eq!(userinfo(tokens["access_token"].as_str().unwrap()).await.status, 401);
}

#[tokio::test]
async fn sign_off_finds_the_session_by_the_hint_alone() {
    let lab = Lab::start().await;
    lab.user("ada", PASSWORD).await;
    let mut agent = lab.agent();
    let code = assert_success(&agent.sign_on("ada", PASSWORD).await);
    let tokens = lab.post_form("/as/token", &lab.token_form(&code)).await.body;
    let hint = tokens["id_token"].as_str().unwrap();
    let target = &lab.running.ready.redirect_uri;
    let url = url::Url::parse_with_params(
        &lab.url("/as/signoff"),
        [("id_token_hint", hint), ("post_logout_redirect_uri", target), ("state", "a&b")],
    )
    .unwrap();
    let reply = send(lab.request(Method::GET, url.as_str())).await;
    assert_eq!(reply.status, 302);
    assert_eq!(header(&reply, "location"), format!("{target}?state=a%26b"));
    assert_form(&agent.start().await, "65u7m8cm28");
    let elsewhere = lab.url("/as/signoff?post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F");
    assert_eq!(send(lab.get(&elsewhere)).await.status, 200, "only registered addresses");
}
