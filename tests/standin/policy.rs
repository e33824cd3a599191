//! Starts by policy: SDK tokens, input schemas, flows that end with tokens or with their own JSON.

use crate::support::*;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

fn input() -> Value {
    json!({
        "email": "elmer@example.com", "username": "elmer", "password": PASSWORD,
        "primaryPhone": "+14155552672", "name": { "given": "Elmer", "family": "Fudd" },
    })
}

#[tokio::test]
async fn a_start_with_input_makes_the_account_and_ends_with_tokens() {
    let lab = Lab::start().await;
    let token = lab.sdk_token(None).await;
    let mut elmer = lab.agent();
    elmer.screen = true;
    let first = elmer.start_by_policy("start-with-input", &token, &input()).await;
    assert_screen(&first, "howu8n9hsc");
    assert_eq!(first.body["connectionId"], "867ed4363b2bc21c860085ad2baa817d");
    assert_eq!(first.body["interactionToken"].as_str().unwrap().len(), 256);
    assert!(elmer.cookies.contains_key("interactionId"));
    let wrong = elmer.click("submit", json!({ "username": "elmer", "password": "x" })).await;
    assert_refused(&wrong, "checkPassword", "Invalid username and/or password");
    let right = json!({ "username": "elmer", "password": PASSWORD });
    let end = elmer.click("submit", right).await;
    assert_eq!((end.status, &end.body["success"]), (200, &json!(true)), "{end:?}");
    assert_eq!(end.body["capabilityName"], "returnSuccessResponseWidget");
    for member in ["access_token", "id_token", "scope", "sessionToken"] {
        assert!(end.body[member].is_string(), "{member} of {end:?}");
    }
    assert_eq!(
        (&end.body["token_type"], &end.body["expires_in"]),
        (&json!("Bearer"), &json!(3600))
    );
    assert!(end.body.get("authorizeResponse").is_none());
    let bearer = end.body["access_token"].as_str().unwrap();
    let known = send(lab.get(&lab.url("/as/userinfo")).bearer_auth(bearer)).await;
    assert_eq!(known.body["given_name"], "Elmer", "{known:?}");
    // The same input again meets the account that is there now.
    let again = lab.agent().start_by_policy("start-with-input", &token, &input()).await;
    assert_refused(&again, "createUser", "is unique but a non-unique value is provided");
}

#[tokio::test]
async fn a_start_that_asks_for_the_sdk_dialect_gets_it() {
    let lab = Lab::start().await;
    let token = lab.sdk_token(None).await;
    let mut elmer = lab.agent();
    let first = elmer.start_by_policy("start-with-input", &token, &input()).await;
    assert_form(&first, "howu8n9hsc");
}

#[tokio::test]
async fn input_against_the_schema_is_refused_with_every_problem() {
    let lab = Lab::start().await;
    let token = lab.sdk_token(None).await;
    let mut agent = lab.agent();
    let bad = json!({ "email": 7, "username": "elmer", "name": "Elmer" });
    for (input, expected) in [
        (Value::Null, 3),
        (json!({}), 3),
        (bad, 3),
        (json!({ "email": "e", "username": "u", "password": true }), 1),
    ] {
        let reply = agent.start_by_policy("start-with-input", &token, &input).await;
        assert_eq!((reply.status, &reply.body["code"]), (400, &json!("invalidInput")), "{reply:?}");
        assert_eq!(reply.body["httpResponseCode"], 400);
        let details = reply.body["details"].as_array().unwrap();
        assert_eq!(details.len(), expected, "{reply:?}");
        assert!(details[0]["message"].as_str().unwrap().starts_with("email") || expected == 1);
    }
    let by_authorize = agent.start_flow("start-with-input").await;
    assert_eq!(by_authorize.body["code"], "invalidInput", "{by_authorize:?}");
}

#[tokio::test]
async fn a_start_without_a_good_sdk_token_is_unauthorized() {
    let lab = Lab::start().await;
    let worker = lab.worker_token().await;
    let good = lab.sdk_token(None).await;
    let other = lab.sdk_token(Some(&json!({ "policyId": lab.policy("stock") }))).await;
    for token in ["", "nonsense", worker.as_str(), other.as_str(), &format!("{good}x")] {
        let reply = lab.agent().start_by_policy("start-with-input", token, &input()).await;
        assert_eq!((reply.status, &reply.body["code"]), (401, &json!(1999)), "{token}");
    }
    lab.clock.advance(Duration::from_hours(1));
    let late = lab.agent().start_by_policy("start-with-input", &good, &input()).await;
    assert_eq!(late.status, 401);
}

#[tokio::test]
async fn input_can_be_bound_into_the_token() {
    let lab = Lab::start().await;
    let body = json!({ "policyId": lab.policy("start-with-input"), "parameters": input() });
    let token = lab.sdk_token(Some(&body)).await;
    // Nothing of it can be read in the token itself.
    assert!(!token.contains(PASSWORD));
    let mut elmer = lab.agent();
    elmer.screen = true;
    assert_screen(
        &elmer.start_by_policy("start-with-input", &token, &Value::Null).await,
        "howu8n9hsc",
    );
}

#[tokio::test]
async fn a_session_bound_into_the_token_ends_the_flow_at_once() {
    let lab = Lab::start().await;
    lab.user("ada", PASSWORD).await;
    let session = lab.agent().sign_on("ada", PASSWORD).await;
    let body = json!({ "global": { "sessionToken": session.body["sessionToken"] } });
    let token = lab.sdk_token(Some(&body)).await;
    let reply = lab.agent().start_by_policy("stock", &token, &Value::Null).await;
    assert_eq!(reply.body["capabilityName"], "returnSuccessResponseWidget", "{reply:?}");
    assert!(reply.body["access_token"].is_string());
}

#[tokio::test]
async fn every_flow_with_pages_can_be_started_by_policy() {
    let lab = Lab::start().await;
    let token = lab.sdk_token(None).await;
    for name in ["stock", "forms", "verify-first", "agreement", "coverage", "polling", "versions"] {
        let mut agent = lab.agent();
        agent.screen = true;
        let reply = agent.start_by_policy(name, &token, &Value::Null).await;
        assert!(reply.body["screen"].is_object(), "{name}: {reply:?}");
    }
}

#[tokio::test]
async fn sdk_tokens_are_for_who_knows_company_and_key() {
    let lab = Lab::start().await;
    let key = lab.running.ready.api_key.clone();
    let own = lab.company_url("/sdktoken");
    let foreign = lab.at_origin("/v1/company/00000000-0000-4000-8000-000000000000/sdktoken");
    for (url, key, status) in [(&own, "wrong", 401), (&own, "", 401), (&foreign, key.as_str(), 404)]
    {
        let reply = send(lab.get(url).header("x-sk-api-key", key)).await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!(reply.body["httpResponseCode"], status);
        assert!(reply.body["message"].is_string());
    }
}

#[tokio::test]
async fn a_flow_without_pages_answers_the_key_with_its_own_json() {
    let lab = Lab::start().await;
    let id = lab.user("ada", PASSWORD).await;
    let start = async |policy: &str, key: &str, input: Value| {
        let url = lab.company_url(&format!("/policy/{}/start", lab.policy(policy)));
        let request = lab.request(Method::POST, &url).header("x-sk-api-key", key);
        send(request.body(input.to_string())).await
    };
    let key = lab.running.ready.api_key.clone();
    let right = json!({ "username": "ada", "password": PASSWORD });
    let good = start("without-pages", &key, right.clone()).await;
    assert_eq!((good.status, &good.body["success"]), (200, &json!(true)), "{good:?}");
    assert_eq!(good.body["capabilityName"], "createSuccessResponse");
    assert_eq!(good.body["additionalProperties"]["userId"], id);
    assert!(good.body["interactionId"].is_string());
    let wrong = json!({ "username": "ada", "password": "x" });
    let bad = start("without-pages", &key, wrong).await;
    assert_eq!((bad.status, &bad.body["capabilityName"]), (400, &json!("createErrorResponse")));
    assert_eq!(start("without-pages", "wrong", right.clone()).await.status, 401);
    let pages = start("stock", &key, right).await;
    assert_eq!(pages.status, 400);
    assert!(pages.body["message"].as_str().unwrap().contains("has pages"), "{pages:?}");
}

#[tokio::test]
async fn a_flow_without_pages_ends_an_authorize_request_at_once() {
    let lab = Lab::start().await;
    assert_success(&lab.agent().start_flow("without-pages").await);
}

#[tokio::test]
async fn a_pushed_request_starts_the_flow_once() {
    let lab = Lab::start().await;
    let pairs = lab.authorize_parameters();
    let form: Vec<(&str, &str)> =
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let pushed = lab.post_form("/as/par", &form).await;
    assert_eq!((pushed.status, &pushed.body["expires_in"]), (201, &json!(60)), "{pushed:?}");
    let uri = pushed.body["request_uri"].as_str().unwrap().to_owned();
    let query = [("client_id", lab.running.ready.client_id.as_str()), ("request_uri", &uri)];
    let url = url::Url::parse_with_params(&lab.url("/as/authorize"), query).unwrap();
    let request = || lab.get(url.as_str()).header("x-requested-with", "ping-sdk");
    assert_form(&send(request()).await, "65u7m8cm28");
    let again = send(request()).await;
    assert_eq!(again.status, 400, "a request URI is good for one use: {again:?}");
    let unknown = lab.post_form("/as/par", &[("client_id", "nobody")]).await;
    assert_eq!((unknown.status, &unknown.body["error"]), (401, &json!("invalid_client")));
    let bare = lab.post_form("/as/par", &form[..1]).await;
    assert_eq!((bare.status, &bare.body["error"]), (400, &json!("invalid_request")), "{bare:?}");
}

#[tokio::test]
async fn refresh_tokens_are_handed_out_where_asked_for_and_used_once() {
    let lab = Lab::with(|settings| settings.application.refresh_tokens = true).await;
    lab.user("ada", PASSWORD).await;
    let code = assert_success(&lab.agent().sign_on("ada", PASSWORD).await);
    let tokens = lab.post_form("/as/token", &lab.token_form(&code)).await;
    let first = tokens.body["refresh_token"].as_str().expect("a refresh token").to_owned();
    let client = lab.running.ready.client_id.clone();
    let refresh = async |token: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", client.as_str()),
        ];
        lab.post_form("/as/token", &form).await
    };
    let renewed = refresh(&first).await;
    assert!(renewed.body["access_token"].is_string(), "{renewed:?}");
    let second = renewed.body["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(refresh(&first).await.body["error"], "invalid_grant");
    let form = [("client_id", client.as_str()), ("token", second.as_str())];
    let active = async || lab.post_form("/as/introspect", &form).await.body["active"].clone();
    assert_eq!(active().await, true);
    assert_eq!(lab.post_form("/as/revoke", &form).await.status, 200);
    assert_eq!(active().await, false);
    assert_eq!(refresh(&second).await.body["error"], "invalid_grant");
}
