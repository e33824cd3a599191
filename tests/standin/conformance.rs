//! What clients of the service expect of any reply: proof, ids, links, CORS, time-outs, limits.

use crate::support::*;
use gander::standin::settings::{NodeRunsAnswer, SecondaryButtons};
use gander::standin::{Settings, StandInError, serve};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn the_first_form_has_what_clients_read() {
    let lab = Lab::start().await;
    let mut agent = lab.agent();
    let reply = agent.start().await;
    assert_form(&reply, "65u7m8cm28");
    let body = &reply.body;
    assert_eq!(body["connectorId"], "api");
    assert_eq!((&body["success"], &body["startUiSubFlow"]), (&json!(true), &json!(true)));
    assert_eq!(body["companyId"], lab.running.ready.environment_id);
    assert_eq!(body["interactionToken"].as_str().unwrap().len(), 256);
    assert_eq!(body["formData"]["value"], json!({ "username": "", "password": "" }));
    let href = body["_links"]["next"]["href"].as_str().unwrap();
    assert!(href.starts_with(&lab.url("/davinci/connections/")), "{href}");
    for name in ["interactionId", "interactionToken"] {
        assert_eq!(agent.cookies[name], body[name].as_str().unwrap());
    }
    let cookies: Vec<&str> =
        reply.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap()).collect();
    assert!(cookies[0].ends_with("; Max-Age=3600; Path=/; HttpOnly"), "{}", cookies[0]);
    let later = agent.press("REGISTER").await;
    for once in ["connectorId", "success", "startUiSubFlow"] {
        assert!(later.body.get(once).is_none(), "{once} belongs to the first reply only");
    }
}

#[tokio::test]
async fn authorize_takes_a_form_as_well_and_ignores_what_it_does_not_know() {
    let lab = Lab::start().await;
    let mut parameters = lab.authorize_parameters();
    parameters.push(("ui_locales".to_owned(), "en".to_owned()));
    let request = lab
        .request(Method::POST, &lab.url("/as/authorize"))
        .header("X-Requested-With", "ping-sdk")
        .form(&parameters);
    assert_form(&send(request).await, "65u7m8cm28");
}

#[tokio::test]
async fn authorize_says_what_is_wrong_with_a_request() {
    let lab = Lab::start().await;
    let mut agent = lab.agent();
    for (name, value, message) in [
        ("code_challenge", "", "requires PKCE"),
        ("code_challenge_method", "S512", "must be `S256` or `plain`"),
        ("acr_values", "0123", "no such flow policy"),
        ("scope", "profile", "must contain `openid`"),
        ("response_type", "token", "only `code`"),
        ("response_mode", "query", "hosted pages are not served"),
    ] {
        let reply = agent.start_with(&[(name, value)]).await;
        assert_eq!(reply.status, 400, "{name}");
        assert!(reply.body["message"].as_str().unwrap().contains(message), "{reply:?}");
        assert!(reply.body.get("error").is_none(), "{name}");
    }
    let policy = lab.running.ready.policies["stock"].clone();
    let reply = agent.start_with(&[("acr_values", &format!("0123 {policy}"))]).await;
    assert_form(&reply, "65u7m8cm28");
}

#[tokio::test]
async fn a_wrong_client_or_redirect_uri_is_redirected_to_another_origin() {
    let lab = Lab::start().await;
    for change in [("client_id", "nobody"), ("redirect_uri", "https://evil.example/")] {
        let mut agent = lab.agent();
        let reply = agent.start_with(&[change]).await;
        assert_eq!(reply.status, 302, "{reply:?}");
        let location = header(&reply, "location");
        assert!(location.starts_with("http://localhost:"), "{location}");
        assert!(!location.contains("evil"), "never to an address that is not registered");
        assert!(reply.headers.get("access-control-allow-origin").is_none());
    }
}

#[tokio::test]
async fn ownership_is_proved_by_headers_or_by_cookies() {
    let lab = Lab::start().await;
    for (headers, cookies, good) in
        [(true, true, true), (true, false, true), (false, true, true), (false, false, false)]
    {
        let mut agent = lab.agent();
        (agent.headers, agent.sends_cookies) = (headers, cookies);
        agent.start().await;
        let reply = agent.press("REGISTER").await;
        if good {
            assert_form(&reply, "1k5y98i1v1");
        } else {
            assert_unauthorized(&reply);
        }
    }
}

#[track_caller]
fn assert_unauthorized(reply: &Reply) {
    assert_eq!(reply.status, 401, "{reply:?}");
    assert_eq!(reply.body["code"], 1999);
    assert_eq!(reply.body["message"], "Unauthorized!");
}

#[tokio::test]
async fn wrong_foreign_and_spent_proofs_are_unauthorized() {
    let lab = Lab::start().await;
    lab.user("ada", PASSWORD).await;
    let (mut one, mut two) = (lab.agent(), lab.agent());
    one.start().await;
    two.start().await;
    let own = one.last.clone();
    one.last["interactionToken"] = two.last["interactionToken"].clone();
    assert_unauthorized(&one.press("REGISTER").await);
    one.last = own.clone();
    one.last["interactionId"] = json!("00000000-0000-4000-8000-000000000000");
    assert_unauthorized(&one.press("REGISTER").await);
    one.last = own;
    let right = json!({ "username": "ada", "password": PASSWORD });
    assert_success(&one.submit("SIGNON", right.clone()).await);
    assert_unauthorized(&one.submit("SIGNON", right).await);
}

#[tokio::test]
async fn two_interactions_of_one_browser_do_not_mix() {
    let lab = Lab::start().await;
    let mut first = lab.agent();
    first.start().await;
    let mut second = lab.agent();
    second.start().await;
    // The browser's jar holds the second interaction's cookies; the first one's headers win.
    first.cookies = second.cookies.clone();
    assert_form(&first.press("REGISTER").await, "1k5y98i1v1");
    assert_form(&second.press("TROUBLE").await, "afyus0g868");
    assert_form(&first.press("CANCEL").await, "65u7m8cm28");
}

#[tokio::test]
async fn bodies_may_leave_out_what_clients_leave_out() {
    let lab = Lab::start().await;
    let mut agent = lab.agent();
    agent.start().await;
    // Neither interactionId, nor eventType, nor anything unknown matters.
    let bare = json!({
        "id": "65u7m8cm28",
        "parameters": { "data": { "actionKey": "REGISTER", "formData": { "surplus": [1] } } },
        "unknown": null,
    });
    assert_form(&agent.post(&bare).await, "1k5y98i1v1");
    // Without an action the first primary button is meant: here REGISTER, with nothing typed.
    for action in [json!({ "id": "x" }), json!({ "parameters": { "data": { "actionKey": "" } } })] {
        assert_refused(&agent.post(&action).await, "createUser", "Enter a valid email address");
    }
    let reply = agent.take(agent.to_next().body("{\"id\":")).await;
    assert_eq!((reply.status, &reply.body["code"]), (400, &json!("invalidRequest")));
    let extra = format!("{}?next=true", agent.last["_links"]["next"]["href"].as_str().unwrap());
    agent.last["_links"]["next"]["href"] = json!(extra);
    assert_form(&agent.press("CANCEL").await, "65u7m8cm28");
}

#[tokio::test]
async fn an_unexpected_action_is_refused_by_the_node_that_says_so() {
    let lab = Lab::start().await;
    let mut agent = lab.agent();
    agent.start().await;
    let reply = agent.press("NEXT").await;
    assert_refused(&reply, "customErrorMessage", "Received an unexpected value");
    assert_eq!(reply.body["id"], "0mkskx7cez");
    assert_eq!(reply.body["connectorId"], "errorConnector");
}

#[tokio::test]
async fn ids_of_form_and_last_error_are_taken_and_others_only_when_lenient() {
    for strict in [true, false] {
        let lab = Lab::with(|settings| settings.strict_ids = strict).await;
        lab.user("ada", PASSWORD).await;
        let mut agent = lab.agent();
        agent.start().await;
        agent.submit("SIGNON", json!({ "username": "ada", "password": "x" })).await;
        let form = agent.last["id"].clone();
        for (id, taken) in [("dnu7jt3sjz", true), ("fbx7x6gnus", !strict), ("", !strict)] {
            agent.last["id"] = json!(id);
            let wrong = json!({ "username": "ada", "password": "x" });
            let reply = agent.submit("SIGNON", wrong).await;
            if taken {
                assert_refused(&reply, "checkPassword", "Invalid");
            } else {
                assert_unauthorized(&reply);
            }
        }
        agent.last["id"] = form;
        assert_form(&agent.press("REGISTER").await, "1k5y98i1v1");
    }
}

#[tokio::test]
async fn an_old_interaction_has_timed_out() {
    let lab = Lab::start().await;
    let mut agent = lab.agent();
    agent.start().await;
    lab.clock.advance(Duration::from_secs(299));
    assert_form(&agent.press("REGISTER").await, "1k5y98i1v1");
    lab.clock.advance(Duration::from_secs(1));
    let reply = agent.press("CANCEL").await;
    assert_eq!((reply.status, &reply.body["code"]), (400, &json!("requestTimedOut")));
    assert_eq!(reply.body["interactionId"], agent.last["interactionId"]);
}

#[tokio::test]
async fn the_twenty_first_run_of_a_node_ends_the_flow() {
    for answer in [NodeRunsAnswer::FailedFlow, NodeRunsAnswer::Refusal] {
        let lab = Lab::with(|settings| {
            settings.limits.node_runs_answer = answer;
            settings.lockout_failures = 0;
        })
        .await;
        lab.user("ada", PASSWORD).await;
        let mut agent = lab.agent();
        agent.start().await;
        let wrong = || json!({ "username": "ada", "password": "x" });
        for _ in 0..20 {
            assert_refused(&agent.submit("SIGNON", wrong()).await, "checkPassword", "Invalid");
        }
        let reply = agent.submit("SIGNON", wrong()).await;
        match answer {
            NodeRunsAnswer::FailedFlow => {
                assert_eq!((reply.status, &reply.body["status"]), (200, &json!("FAILED")));
                assert!(reply.body["error"]["code"].is_string());
            }
            NodeRunsAnswer::Refusal => {
                assert_eq!((reply.status, &reply.body["code"]), (400, &json!("nodeRunsExceeded")));
            }
        }
        assert_unauthorized(&agent.submit("SIGNON", wrong()).await);
    }
}

#[tokio::test]
async fn buttons_that_lead_aside_have_the_type_that_is_asked_for() {
    for (style, kind) in
        [(SecondaryButtons::Flow, "FLOW_BUTTON"), (SecondaryButtons::Submit, "SUBMIT_BUTTON")]
    {
        let lab = Lab::with(|settings| settings.secondary_buttons = style).await;
        let mut agent = lab.agent();
        agent.start().await;
        let reply = agent.press("REGISTER").await;
        let fields = reply.body["form"]["components"]["fields"].as_array().unwrap();
        let kind_of =
            |key: &str| fields.iter().find(|field| field["key"] == key).unwrap()["type"].clone();
        assert_eq!((kind_of("REGISTER"), kind_of("CANCEL")), (json!("SUBMIT_BUTTON"), json!(kind)));
    }
}

#[tokio::test]
async fn every_reply_to_another_origin_lets_that_origin_read_it() {
    let lab = Lab::start().await;
    let origin = "https://app.example.com";
    for (method, path) in [
        (Method::GET, "/as/.well-known/openid-configuration"),
        (Method::GET, "/as/authorize"),
        (Method::POST, "/as/token"),
        (Method::GET, "/as/userinfo"),
        (Method::POST, "/davinci/connections/c/capabilities/x"),
        (Method::GET, "/nowhere"),
        (Method::PUT, "/as/token"),
    ] {
        let mut url = lab.url(path);
        if path == "/as/authorize" {
            let (client, uri) = (&lab.running.ready.client_id, &lab.running.ready.redirect_uri);
            url = format!("{url}?client_id={client}&redirect_uri={uri}");
        }
        let reply = send(lab.request(method.clone(), &url).header("origin", origin)).await;
        assert_eq!(header(&reply, "access-control-allow-origin"), origin, "{method} {path}");
        assert_eq!(header(&reply, "access-control-allow-credentials"), "true");
        assert_eq!(header(&reply, "vary"), "Origin");
        assert!(reply.body.is_object(), "{method} {path}: {}", reply.text);
        assert_eq!(header(&reply, "content-type"), "application/json");
    }
}

#[tokio::test]
async fn a_preflight_allows_what_clients_send() {
    let lab = Lab::start().await;
    for path in ["/as/authorize", "/as/token", "/davinci/connections/c/capabilities/x", "/nowhere"]
    {
        let request = lab
            .request(Method::OPTIONS, &lab.url(path))
            .header("origin", "http://localhost:5829")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,x-custom");
        let reply = send(request).await;
        assert_eq!(reply.status, 204, "{path}");
        assert_eq!(header(&reply, "access-control-allow-origin"), "http://localhost:5829");
        let (methods, headers) = (
            header(&reply, "access-control-allow-methods"),
            header(&reply, "access-control-allow-headers"),
        );
        assert!(["GET", "POST", "OPTIONS"].iter().all(|method| methods.contains(method)));
        for name in ["interactionid", "interactiontoken", "x-requested-platform", "x-custom"] {
            assert!(headers.contains(name), "{name} in {headers}");
        }
    }
}

#[tokio::test]
async fn discovery_lists_absolute_addresses() {
    let lab = Lab::start().await;
    let found = send(lab.get(&lab.url("/as/.well-known/openid-configuration"))).await.body;
    assert_eq!(found["issuer"], lab.url("/as"));
    for member in [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "end_session_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "jwks_uri",
    ] {
        assert!(found[member].as_str().unwrap().starts_with(&lab.url("/as/")), "{member}");
    }
    assert_eq!(found["response_modes_supported"], json!(["pi.flow"]));
}

#[tokio::test]
async fn settings_that_cannot_be_served_are_refused_before_anything_is() {
    let refuse = async |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        serve(settings, gander::base::clock::Clock::system()).await.unwrap_err()
    };
    let listen: fn(&mut Settings) = |s| s.listen = ([0, 0, 0, 0], 0).into();
    let mail: fn(&mut Settings) = |s| s.mail.server = Some(([192, 0, 2, 1], 25).into());
    for change in [listen, mail] {
        assert!(matches!(refuse(change).await, StandInError::NotLoopback { .. }));
    }
    assert!(matches!(refuse(|s| s.policies.clear()).await, StandInError::Nothing { .. }));
    let no_flow = refuse(|s| s.policies[0].distribution[0].flow = "x".to_owned()).await;
    assert!(matches!(no_flow, StandInError::NoFlow { .. }));
    let lab = Lab::start().await;
    let listen = lab.running.ready.auth_url["http://".len()..].parse().unwrap();
    let taken = Settings { listen, ..Settings::default() };
    let error = serve(taken, lab.clock.clone()).await.unwrap_err();
    assert!(matches!(error, StandInError::Listen { .. }));
}

#[tokio::test]
async fn a_stopped_tenant_answers_no_more() {
    let lab = Lab::start().await;
    let url = lab.url("/as/jwks");
    assert_eq!(send(lab.get(&url)).await.status, 200);
    let fresh = reqwest::Client::new();
    lab.running.stop().await;
    assert!(fresh.get(&url).send().await.is_err());
}

#[tokio::test]
async fn the_ready_line_can_be_read_back_and_is_not_shown_with_its_secret() {
    let lab = Lab::start().await;
    let line = serde_json::to_string(&lab.running.ready).unwrap();
    assert!(!line.contains('\n'));
    let read: gander::standin::Ready = serde_json::from_str(&line).unwrap();
    assert_eq!(read, lab.running.ready);
    let mut agent = lab.agent();
    agent.start().await;
    let shown = format!("{:?}", lab.running);
    for secret in [&read.worker.client_secret, &read.api_key, &agent.cookies["interactionToken"]] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let value: Value = serde_json::from_str(&line).unwrap();
    assert!(value["worker"]["client_secret"].as_str().unwrap().len() >= 32);
}
