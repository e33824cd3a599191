//! The screen dialect: whole pages without links, for whoever does not ask for the SDK's.

use crate::support::*;
use serde_json::{Value, json};

#[tokio::test]
async fn without_the_sdk_header_authorize_answers_with_a_screen() {
    let lab = Lab::start().await;
    let mut agent = lab.agent();
    agent.screen = true;
    let reply = agent.start().await;
    assert_screen(&reply, "65u7m8cm28");
    let properties = &reply.body["screen"]["properties"];
    assert_eq!(properties["nodeTitle"]["value"], "Username/Password Form");
    assert_eq!(properties["button"]["onClick"]["eventName"], "continue");
    let html = properties["customHTML"]["value"].as_str().unwrap();
    assert!(html.contains("data-skbuttonvalue=\"SIGNON\""), "{html}");
    assert_eq!(reply.body["skProxyApiEnvironmentId"], "us-west-2");
    assert_eq!(agent.cookies["interactionId"], reply.body["interactionId"].as_str().unwrap());
}

#[tokio::test]
async fn a_flow_can_be_walked_in_screens() {
    let lab = Lab::start().await;
    let mut ada = lab.agent();
    ada.screen = true;
    ada.start().await;
    assert_screen(&ada.click("REGISTER", json!({})).await, "1k5y98i1v1");
    let refused = ada.click("REGISTER", registration("", PASSWORD)).await;
    assert_refused(&refused, "createUser", "Enter a valid email address");
    let data = registration("ada@example.com", PASSWORD);
    assert_screen(&ada.click("REGISTER", data).await, "o4yhix414e");
    let code = lab.mailbox.code("ada@example.com", 1).await;
    assert_screen(&ada.click("VERIFY", json!({ "passcode": code })).await, "h2cy2gkjip");
    // The documentation shows the SDK's shape of body with screens too.
    assert_success(&ada.submit("NEXT", json!({})).await);
}

#[tokio::test]
async fn the_header_decides_call_by_call() {
    let lab = Lab::start().await;
    let mut agent = lab.agent();
    agent.start().await;
    agent.screen = true;
    assert_screen(&agent.press("REGISTER").await, "1k5y98i1v1");
    agent.screen = false;
    assert_form(&agent.click("CANCEL", json!({})).await, "65u7m8cm28");
}

#[tokio::test]
async fn refusals_are_the_same_in_both_dialects() {
    let lab = Lab::start().await;
    let refused = async |screen: bool| -> Value {
        let mut agent = lab.agent();
        agent.screen = screen;
        agent.start().await;
        let nobody = json!({ "username": "nobody", "password": "x" });
        let mut body = agent.submit("SIGNON", nobody).await.body;
        for own in ["interactionId", "correlationId"] {
            body[own] = Value::Null;
        }
        body
    };
    assert_eq!(refused(true).await, refused(false).await);
}

#[tokio::test]
async fn screens_record_the_event_of_their_button() {
    let lab = Lab::start().await;
    let mut agent = lab.agent();
    agent.screen = true;
    agent.start().await;
    agent.click("TROUBLE", json!({})).await;
    let calls = lab.calls().await;
    let last = calls.last().unwrap();
    assert_eq!((&last["event"], &last["action"]), (&json!("submit"), &json!("TROUBLE")), "{last}");
}
