//! Pages that wait by themselves, and the page with every field.

use crate::support::*;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

async fn waiting<'l>(lab: &'l Lab, flow: &str) -> (Agent<'l>, Reply) {
    lab.user("ada", PASSWORD).await;
    let mut agent = lab.agent();
    agent.start_flow(flow).await;
    let right = json!({ "username": "ada", "password": PASSWORD });
    let page = agent.submit("SIGNON", right).await;
    (agent, page)
}

fn field<'r>(reply: &'r Reply, kind: &str) -> &'r Value {
    let fields = reply.body["form"]["components"]["fields"].as_array().expect("fields");
    fields.iter().find(|field| field["type"] == kind).expect("a field of the kind")
}

#[tokio::test]
async fn polling_to_continue_is_told_to_stay_and_then_leads_on() {
    let lab = Lab::start().await;
    let (mut ada, page) = waiting(&lab, "polling").await;
    assert_form(&page, "xiazfisuh9");
    let polling = field(&page, "POLLING");
    assert_eq!((&polling["pollInterval"], &polling["pollRetries"]), (&json!(2000), &json!(60)));
    for _ in 0..2 {
        let before = ada.last.clone();
        let stay = ada.poll("continue").await;
        assert_eq!(stay.status, 200, "{stay:?}");
        assert_eq!(stay.body["eventName"], "rewindStateToLastRenderedUI");
        assert_eq!((&stay.body["id"], &stay.body["success"]), (&json!("xiazfisuh9"), &json!(true)));
        assert!(stay.body.get("form").is_none());
        assert_eq!(ada.last["_links"], before["_links"]);
    }
    assert_success(&ada.poll("continue").await);
}

#[tokio::test]
async fn polls_do_not_count_as_runs_of_a_node() {
    let lab = Lab::with(|settings| settings.polling.stays = 30).await;
    let (mut ada, _) = waiting(&lab, "polling").await;
    for _ in 0..30 {
        let stay = ada.poll("continue").await;
        assert_eq!(stay.body["eventName"], "rewindStateToLastRenderedUI", "{stay:?}");
    }
    assert_success(&ada.poll("continue").await);
}

#[tokio::test]
async fn who_gives_up_polling_is_shown_another_page() {
    let lab = Lab::start().await;
    let (mut ada, _) = waiting(&lab, "polling").await;
    assert_form(&ada.poll("timedOut").await, "82472nbfae");
    assert_form(&ada.press("BACK").await, "iez2ib5hme");
}

#[tokio::test]
async fn a_challenge_is_approved_at_the_third_question() {
    let lab = Lab::start().await;
    let (mut ada, page) = waiting(&lab, "challenge").await;
    assert_form(&page, "49uw588vj5");
    let polling = field(&page, "POLLING");
    assert_eq!(polling["pollChallengeStatus"], true);
    let challenge = polling["challenge"].as_str().unwrap().to_owned();
    assert!(field(&page, "QR_CODE")["content"].as_str().unwrap().ends_with(&challenge));
    // The address is put together as the genuine client does: origin, first segment, fixed rest.
    let myself = url::Url::parse(page.body["_links"]["self"]["href"].as_str().unwrap()).unwrap();
    let first = myself.path_segments().unwrap().next().unwrap();
    let origin = myself.origin().ascii_serialization();
    let at = |challenge: &str| {
        format!("{origin}/{first}/davinci/user/credentials/challenge/{challenge}/status")
    };
    let id = page.body["interactionId"].as_str().unwrap().to_owned();
    let ask = async |challenge: &str, id: &str| {
        let request = lab.request(Method::POST, &at(challenge)).header("interactionId", id);
        send(request.json(&json!({}))).await
    };
    // Nobody's word is enough before the challenge is complete.
    let early = ada.poll("approved").await;
    assert_refused(&early, "customErrorMessage", "unexpected value");
    for _ in 0..2 {
        assert_eq!(ask(&challenge, &id).await.body, json!({ "isChallengeComplete": false }));
    }
    let foreign = ask(&challenge, "somebody").await;
    assert_eq!((foreign.status, &foreign.body["code"]), (400, &json!(4019)), "{foreign:?}");
    assert_eq!(ask("unknown", &id).await.body["code"], 4019);
    let done = ask(&challenge, &id).await;
    assert_eq!(done.body, json!({ "isChallengeComplete": true, "status": "approved" }));
    assert_success(&ada.poll("approved").await);
}

#[tokio::test]
async fn an_old_challenge_has_expired_and_leads_to_another_page() {
    let lab = Lab::start().await;
    let (mut ada, page) = waiting(&lab, "challenge").await;
    let challenge = field(&page, "POLLING")["challenge"].as_str().unwrap();
    assert_form(&ada.poll("expired").await, "het2cgkslf");
    lab.clock.advance(Duration::from_mins(5));
    let url = lab.url(&format!("/davinci/user/credentials/challenge/{challenge}/status"));
    let id = page.body["interactionId"].as_str().unwrap();
    let late = send(lab.request(Method::POST, &url).header("interactionId", id)).await;
    assert_eq!((late.status, &late.body["serviceName"]), (400, &json!("challengeExpired")));
}

#[tokio::test]
async fn polling_works_in_screens() {
    let lab = Lab::start().await;
    lab.user("ada", PASSWORD).await;
    let mut ada = lab.agent();
    ada.screen = true;
    ada.start_flow("polling").await;
    let right = json!({ "username": "ada", "password": PASSWORD });
    assert_screen(&ada.click("SIGNON", right).await, "xiazfisuh9");
    let poll = json!({
        "id": "xiazfisuh9", "eventName": "continue", "parameters": { "eventType": "polling" },
        "pollProps": {
            "status": "continue", "delayInMs": 10, "retriesAllowed": 1, "pollChallengeStatus": false,
        },
    });
    for _ in 0..2 {
        assert_eq!(ada.post(&poll).await.body["eventName"], "rewindStateToLastRenderedUI");
        ada.last["connectionId"] = json!("867ed4363b2bc21c860085ad2baa817d");
    }
    assert_success(&ada.post(&poll).await);
}

/// Every type of field that takes a value, or that clients must at least bear (documented and
/// observed); polling and metadata have pages of their own.
const TYPES: &[&str] = &[
    "TEXT",
    "PASSWORD",
    "PASSWORD_VERIFY",
    "RADIO",
    "DROPDOWN",
    "CHECKBOX",
    "COMBOBOX",
    "SINGLE_CHECKBOX",
    "PHONE_NUMBER",
    "DEVICE_REGISTRATION",
    "DEVICE_AUTHENTICATION",
    "FIDO2",
    "PROTECT",
    "LABEL",
    "AGREEMENT",
    "QR_CODE",
    "IMAGE",
    "ERROR_DISPLAY",
    "SUBMIT_BUTTON",
    "FLOW_BUTTON",
    "FLOW_LINK",
    "SOCIAL_LOGIN_BUTTON",
];

#[tokio::test]
async fn the_coverage_page_has_every_field_and_shows_what_it_was_sent() {
    let lab = Lab::start().await;
    let mut agent = lab.agent();
    let page = agent.start_flow("coverage").await;
    assert_form(&page, "0jjt6pdwrl");
    TYPES.iter().for_each(|kind| _ = field(&page, kind));
    let sent = json!({
        "text": "\"quoted\" <b>", "checkbox": ["news"], "single-checkbox": true,
        "phone": { "countryCode": "GB", "phoneNumber": "7700900123" },
    });
    let echo = agent.submit("SUBMIT", sent.clone()).await;
    assert_form(&echo, "cz6x8nkw5z");
    let shown = echo.body["form"]["description"].as_str().unwrap();
    let shown: Value = serde_json::from_str(shown).unwrap();
    assert_eq!(shown["formData"], sent);
    assert_eq!((&shown["eventType"], &shown["actionKey"]), (&json!("submit"), &json!("SUBMIT")));
    assert_eq!(shown["shape"], "sdk");
    assert_form(&agent.press("METADATA").await, "i0hdt142f7");
    assert_form(&agent.answer("action", "metadata", json!({ "metadata": {} })).await, "cz6x8nkw5z");
    let id = page.body["interactionId"].as_str().unwrap();
    let url = lab.at_origin(&format!("/stand-in/coverage?interaction={id}"));
    let kept = send(lab.get(&url)).await.body;
    let kept = kept["answers"].as_array().unwrap().clone();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0], shown);
    assert_eq!(kept[1]["eventType"], "action");
    assert_eq!(
        kept[0]["cookies"],
        json!(["interactionId", "interactionToken", "skProxyApiEnvironmentId"])
    );
    assert_success(&agent.submit("NEXT", json!({})).await);
}

#[tokio::test]
async fn the_echo_is_escaped_in_screens() {
    let lab = Lab::start().await;
    let mut agent = lab.agent();
    agent.screen = true;
    assert_screen(&agent.start_flow("coverage").await, "0jjt6pdwrl");
    let echo = agent.click("SUBMIT", json!({ "text": "<script>" })).await;
    assert_screen(&echo, "cz6x8nkw5z");
    let html = echo.body["screen"]["properties"]["customHTML"]["value"].as_str().unwrap();
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"), "{html}");
}
