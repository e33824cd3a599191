//! Rows about one flow policy: they count for every call of the flows that were started with it.

use crate::support::*;
use gander::base::clock::Clock;
use gander::standin::fault::{FaultRule, Kind};
use gander::standin::latency::{Delay, DelayRule};
use gander::standin::settings::FlowPolicy;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

const ONE: &str = "00000000000000000000000000000001";
const TWO: &str = "00000000000000000000000000000002";

/// A tenant with two policies on the same flow; the rows are about the second.
async fn lab(delays: bool, fault: Option<FaultRule>) -> Lab {
    let of_two = |delay| DelayRule { policy: Some(TWO.to_owned()), ..DelayRule::everywhere(delay) };
    Lab::on(Clock::system(), |settings| {
        settings.policies =
            vec![FlowPolicy::of("one", ONE, "stock"), FlowPolicy::of("two", TWO, "stock")];
        settings.delays =
            delays.then(|| of_two(Delay::Constant(Duration::from_millis(1)))).into_iter().collect();
        settings.faults = fault
            .into_iter()
            .map(|rule| FaultRule { policy: Some(TWO.to_owned()), ..rule })
            .collect();
    })
    .await
}

fn with(url: &str, parameters: &[(&str, &str)]) -> String {
    url::Url::parse_with_params(url, parameters).expect("an address").into()
}

/// Signs on with a policy and makes every call that follows.
async fn whole_walk(lab: &Lab, policy: &str) {
    let mut agent = lab.agent();
    agent.start_flow(policy).await;
    let data = json!({ "username": "ada@example.com", "password": PASSWORD });
    let code = assert_success(&agent.submit("SIGNON", data).await);
    let tokens = lab.post_form("/as/token", &lab.token_form(&code)).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let token = |name: &str| tokens.body[name].as_str().expect("a token").to_owned();
    let (access, id) = (token("access_token"), token("id_token"));
    send(lab.get(&lab.url("/as/userinfo")).bearer_auth(&access)).await;
    lab.post_form("/as/introspect", &[("token", &access)]).await;
    lab.post_form("/as/revoke", &[("token", &access)]).await;
    send(lab.get(&with(&lab.url("/as/signoff"), &[("id_token_hint", &id)]))).await;
}

#[tokio::test]
async fn a_delay_of_a_policy_holds_for_every_call_of_its_flows_and_for_no_other() {
    let lab = lab(true, None).await;
    lab.user("ada@example.com", PASSWORD).await;
    for (policy, asked) in [("one", 0), ("two", 1000)] {
        let before = lab.calls().await.len();
        whole_walk(&lab, policy).await;
        let calls = lab.calls().await.split_off(before);
        let made: Vec<_> = calls
            .iter()
            .map(|call| (call["capability"].as_str().unwrap(), call["asked_us"].as_u64().unwrap()))
            .collect();
        let expected = [
            "authorize",
            "customHTMLTemplate",
            "token",
            "userinfo",
            "introspect",
            "revoke",
            "sign-off",
        ];
        assert_eq!(made, expected.map(|name| (name, asked)), "{policy}");
    }
}

#[tokio::test]
async fn whoever_names_no_policy_has_the_first_and_a_start_by_policy_its_own() {
    let lab = lab(true, None).await;
    let asked = async |index: usize| lab.calls().await[index]["asked_us"].as_u64().unwrap();
    lab.agent().start().await;
    assert_eq!(asked(0).await, 0);
    let token = lab.sdk_token(None).await;
    lab.agent().start_by_policy("two", &token, &json!({})).await;
    assert_eq!((asked(1).await, asked(2).await), (0, 1000));
    // Pushed beforehand, and started by its address alone.
    let mut form = lab.authorize_parameters();
    form.push(("acr_values".to_owned(), TWO.to_owned()));
    let request = lab.request(Method::POST, &lab.url("/as/par")).form(&form);
    let pushed = send(request).await;
    let uri = pushed.body["request_uri"].as_str().expect("an address").to_owned();
    let client = lab.running.ready.client_id.clone();
    let url = lab.url("/as/authorize");
    send(lab.get(&with(&url, &[("client_id", &client), ("request_uri", &uri)]))).await;
    assert_eq!((asked(3).await, asked(4).await), (1000, 1000));
}

#[tokio::test]
async fn a_fault_of_a_policy_strikes_its_answers_only() {
    let fault =
        FaultRule { event: Some("submit".to_owned()), ..FaultRule::everywhere(Kind::Http500) };
    let lab = lab(false, Some(fault)).await;
    lab.user("ada@example.com", PASSWORD).await;
    for (policy, status) in [("one", 200), ("two", 500)] {
        let mut agent = lab.agent();
        agent.start_flow(policy).await;
        let data = json!({ "username": "ada@example.com", "password": PASSWORD });
        assert_eq!(agent.submit("SIGNON", data).await.status, status, "{policy}");
    }
}
