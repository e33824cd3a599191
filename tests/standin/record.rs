//! The tenant's own truth: calls by call id, sums by key, injected delays.

use crate::support::*;
use gander::base::clock::Clock;
use gander::standin::latency::{Delay, DelayRule};
use serde_json::{Value, json};
use std::time::Duration;

fn row<'t>(truth: &'t Value, capability: &str, action: &str) -> &'t Value {
    let rows = truth["rows"].as_array().expect("rows");
    let found = rows.iter().find(|row| row["capability"] == capability && row["action"] == action);
    found.expect("a row")
}

#[tokio::test]
async fn calls_are_remembered_under_their_call_id_and_key() {
    let lab = Lab::start().await;
    lab.user("ada", PASSWORD).await;
    let mut agent = lab.agent();
    agent.start().await;
    let body = json!({
        "id": "65u7m8cm28",
        "parameters": {
            "eventType": "submit",
            "data": {
                "actionKey": "SIGNON", "formData": { "username": "ada", "password": "x" },
            },
        },
    });
    let request = agent.to_next().header("x-gander-call", "w1-77").body(body.to_string());
    agent.take(request).await;
    let calls = lab.calls().await;
    let keys: Vec<&str> = calls.iter().map(|call| call["capability"].as_str().unwrap()).collect();
    assert_eq!(keys, ["token", "management", "authorize", "customHTMLTemplate"]);
    let last = calls.last().unwrap();
    assert_eq!((&last["call"], &last["sequence"]), (&json!("w1-77"), &json!(4)));
    assert_eq!((&last["event"], &last["action"]), (&json!("submit"), &json!("SIGNON")));
    assert_eq!((&last["status"], &last["fault"]), (&json!(400), &Value::Null));
    assert_eq!(calls[2]["call"], Value::Null);
    let truth = lab.truth().await;
    assert_eq!(row(&truth, "customHTMLTemplate", "SIGNON")["statuses"], json!({ "400": 1 }));
    assert_eq!(truth["users"], 1);
}

#[tokio::test]
async fn a_delay_is_put_into_the_calls_it_is_meant_for_and_is_recorded() {
    let lab = Lab::on(Clock::system(), |settings| {
        let delay = Delay::Constant(Duration::from_millis(40));
        let update = DelayRule {
            capability: Some("customHTMLTemplate".to_owned()),
            event: Some("action".to_owned()),
            action: None,
            policy: None,
            delay,
            drift: None,
            share: gander::base::units::Share(1.0),
        };
        settings.delays = vec![update];
    })
    .await;
    let mut agent = lab.agent();
    agent.start().await;
    let before = lab.clock.now();
    agent.press("REGISTER").await;
    assert!(lab.clock.now() - before >= Duration::from_millis(40));
    agent.submit("CANCEL", json!({})).await;
    let calls = lab.calls().await;
    let number = |index: usize, member: &str| calls[index][member].as_u64().unwrap();
    assert_eq!(
        [number(0, "asked_us"), number(1, "asked_us"), number(2, "asked_us")],
        [0, 40_000, 0]
    );
    assert!(number(1, "injected_us") >= 40_000);
    assert!(number(1, "service_us") >= number(1, "injected_us"));
    assert_eq!(number(2, "injected_us"), 0);
    let truth = lab.truth().await;
    let row = row(&truth, "customHTMLTemplate", "REGISTER");
    assert_eq!(row["injected_sum_us"], number(1, "injected_us"));
    assert_eq!(row["injected_us"]["count"], 1);
}

#[tokio::test]
async fn what_does_not_fit_the_record_is_counted() {
    let lab = Lab::with(|settings| settings.room.calls = 3).await;
    for _ in 0..5 {
        lab.agent().start().await;
    }
    let reply = send(lab.get(&lab.at_origin("/stand-in/calls?since=2"))).await.body;
    assert_eq!((&reply["not_kept"], &reply["last"]), (&json!(2), &json!(3)));
    assert_eq!(reply["calls"].as_array().unwrap().len(), 1);
    assert_eq!(row(&lab.truth().await, "authorize", "")["count"], 5);
}

#[tokio::test]
async fn finished_interactions_and_spent_codes_leave_nothing_behind() {
    let lab = Lab::start().await;
    lab.user("ada", PASSWORD).await;
    for _ in 0..3 {
        let code = assert_success(&lab.agent().sign_on("ada", PASSWORD).await);
        lab.post_form("/as/token", &lab.token_form(&code)).await;
    }
    assert_eq!(lab.truth().await["interactions"], 0);
    assert!(lab.running.tenant().grants.is_empty());
    assert_eq!(lab.truth().await["sessions"], 3);
}
