//! The built-in flows other than the stock one: other keys, other orders, other pages.

use crate::support::*;
use gander::standin::settings::{FlowPolicy, Version};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn keys(reply: &Reply) -> Vec<&str> {
    let fields = reply.body["form"]["components"]["fields"].as_array().expect("fields");
    fields.iter().filter_map(|field| field["key"].as_str()).collect()
}

#[tokio::test]
async fn forms_have_dotted_keys_from_registration_to_recovery() {
    let lab = Lab::start().await;
    let mut ada = lab.agent();
    let login = ada.start_flow("forms").await;
    assert_form(&login, "aw71bnmliq");
    assert_eq!(login.body["connectorId"], "pingOneFormsConnector");
    assert_eq!(login.body["capabilityName"], "customForm");
    assert_eq!(login.body["form"]["category"], "CUSTOM_FORM");
    assert!(login.body.get("eventName").is_none());
    assert_eq!(
        keys(&login),
        ["user.username", "user.password", "submit", "registerBtn", "forgotBtn"]
    );
    assert_form(&ada.press("registerBtn").await, "qazx4tub48");
    let data = json!({
        "user.email": "ada@example.com", "user.password": PASSWORD, "user.name.given": "Ada",
        "user.name.family": "Byron",
    });
    assert_form(&ada.submit("submit", data).await, "ezh3vtgltm");
    let wrong = ada.submit("submit", json!({ "verificationCode": "x" })).await;
    assert_refused(&wrong, "customErrorMessage", "Invalid verification code");
    let code = lab.mailbox.code("ada@example.com", 1).await;
    assert_success(&ada.submit("submit", json!({ "verificationCode": code })).await);
    let mut later = lab.agent();
    later.start_flow("forms").await;
    assert_form(&later.press("forgotBtn").await, "i09i7864o5");
    let name = json!({ "user.username": "ada@example.com" });
    assert_form(&later.submit("submit", name).await, "gweytpqbcp");
    // The welcome mail came second.
    let code = lab.mailbox.code("ada@example.com", 3).await;
    let update = json!({ "recoveryCode": code, "user.newPassword": NEW_PASSWORD });
    assert_success(&later.submit("submit", update).await);
    let mut last = lab.agent();
    last.start_flow("forms").await;
    let data = json!({ "user.username": "ada@example.com", "user.password": NEW_PASSWORD });
    assert_success(&last.submit("submit", data).await);
}

#[tokio::test]
async fn verify_first_makes_no_user_before_the_address_is_proved() {
    let lab = Lab::start().await;
    let mut ada = lab.agent();
    assert_form(&ada.start_flow("verify-first").await, "aojhb83v6m");
    assert_form(&ada.press("REGISTER").await, "0ju206l4cd");
    for (email, message) in
        [("", "Enter a valid email address"), ("no address", "must be a well-formed email")]
    {
        let refused = ada.submit("CONTINUE", json!({ "user.email": email })).await;
        assert_refused(&refused, "createUser", message);
    }
    let email = json!({ "user.email": "ada@example.com" });
    assert_form(&ada.submit("CONTINUE", email.clone()).await, "qd2l8hfv30");
    assert_form(&ada.press("RESEND").await, "qd2l8hfv30");
    let first = lab.mailbox.code("ada@example.com", 1).await;
    let wrong = ada.submit("VERIFY", json!({ "verificationCode": first })).await;
    assert_refused(&wrong, "customErrorMessage", "Invalid verification code");
    assert_eq!(lab.truth().await["users"], 0);
    let code = lab.mailbox.code("ada@example.com", 2).await;
    assert_form(&ada.submit("VERIFY", json!({ "verificationCode": code })).await, "t6lia9dut4");
    let weak = json!({ "password": "x" });
    let refused = ada.submit("REGISTER", weak).await;
    assert_refused(&refused, "createUser", "did not satisfy password policy requirements");
    let profile = json!({
        "user.name.given": "Ada", "user.name.family": "Byron", "password": PASSWORD,
    });
    assert_success(&ada.submit("REGISTER", profile).await);
    assert_eq!(lab.truth().await["users"], 1);
    // The stock flow knows the user too, and the address is taken now.
    assert_success(&lab.agent().sign_on("ada@example.com", PASSWORD).await);
    let mut again = lab.agent();
    again.start_flow("verify-first").await;
    again.press("REGISTER").await;
    assert_refused(&again.submit("CONTINUE", email).await, "createUser", "is unique");
}

#[tokio::test]
async fn an_agreement_stands_between_sign_on_and_success() {
    let lab = Lab::start().await;
    lab.user("ada", PASSWORD).await;
    let mut ada = lab.agent();
    assert_form(&ada.start_flow("agreement").await, "jrd7sxvrw3");
    let right = json!({ "username": "ada", "password": PASSWORD });
    let page = ada.submit("SIGNON", right).await;
    assert_form(&page, "4rht5sff3n");
    let field = &page.body["form"]["components"]["fields"][0];
    assert_eq!((&field["type"], &field["enabled"]), (&json!("AGREEMENT"), &json!(true)));
    assert_success(&ada.submit("CONTINUE", json!({})).await);
}

#[tokio::test]
async fn a_flow_without_a_page_for_it_refuses_a_locked_account() {
    let lab = Lab::with(|settings| settings.lockout_failures = 1).await;
    lab.user("ada", PASSWORD).await;
    let mut ada = lab.agent();
    ada.start_flow("agreement").await;
    let wrong = json!({ "username": "ada", "password": "x" });
    assert_refused(&ada.submit("SIGNON", wrong.clone()).await, "checkPassword", "Invalid");
    let locked = ada.submit("SIGNON", wrong).await;
    assert_refused(&locked, "checkPassword", "Invalid");
    assert_eq!(locked.body["code"], "passwordLockedOut");
}

#[tokio::test]
async fn versions_are_drawn_by_weight_and_differ() {
    let weighted = |weights: [(&str, u32); 2]| {
        let version = |(flow, weight): (&str, u32)| Version { flow: flow.to_owned(), weight };
        let distribution = weights.map(version).to_vec();
        Lab::with(move |settings| {
            let policy = FlowPolicy { distribution, ..FlowPolicy::of("a-b", "0123", "stock") };
            settings.policies = vec![policy];
        })
    };
    let lab = weighted([("stock", 1), ("verify-first", 3)]).await;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..200 {
        let reply = lab.agent().start().await;
        *seen.entry(reply.body["flowId"].as_str().expect("a flow").to_owned()).or_default() += 1;
    }
    let rare = seen["1041e8016fd7c57f6551739cb6e10c99"];
    // 50 are expected; beyond five standard deviations the draw is not by these weights.
    assert!((20..=80).contains(&rare) && seen.len() == 2, "{seen:?}");
    let lab = weighted([("stock", 0), ("verify-first", 1)]).await;
    for _ in 0..20 {
        assert_form(&lab.agent().start().await, "aojhb83v6m");
    }
}

#[tokio::test]
async fn management_lists_applications_assignments_and_distributions() {
    let lab = Lab::start().await;
    let get = async |path: &str| lab.manage(Method::GET, path, "", &Value::Null).await;
    let client = lab.running.ready.client_id.clone();
    let application = get(&format!("/applications/{client}")).await;
    assert_eq!(application.body["redirectUris"][0], lab.running.ready.redirect_uri);
    let assigned = get(&format!("/applications/{client}/flowPolicyAssignments")).await.body;
    let assigned = assigned["_embedded"]["flowPolicyAssignments"].as_array().unwrap().clone();
    assert_eq!(assigned[0]["flowPolicy"]["id"], lab.policy("stock"));
    assert_eq!(assigned[0]["priority"], 1);
    assert_eq!(assigned.len(), lab.running.ready.policies.len());
    let davinci = get("/davinciApplications").await.body;
    let id = davinci["_embedded"]["davinciApplications"][0]["id"].as_str().unwrap().to_owned();
    assert!(!davinci.to_string().contains(&lab.running.ready.api_key));
    let policies = get(&format!("/davinciApplications/{id}/flowPolicies")).await.body;
    let policies = policies["_embedded"]["flowPolicies"].as_array().unwrap().clone();
    let versions = policies.iter().find(|policy| policy["name"] == "versions").unwrap();
    let weights: Vec<&Value> = versions["flowDistributions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| &version["weight"])
        .collect();
    assert_eq!(weights, [50, 50]);
    let one = get(&format!("/flowPolicies/{}", lab.policy("forms"))).await;
    assert_eq!(one.body["name"], "forms");
    for path in ["/applications/x", "/davinciApplications/x", "/flowPolicies/x"] {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_custom_domain_has_no_environment_in_its_paths() {
    let lab = Lab::with(|settings| settings.custom_domain = true).await;
    let origin = &lab.running.ready.auth_url;
    let found = send(lab.get(&format!("{origin}/as/.well-known/openid-configuration"))).await.body;
    assert_eq!(found["issuer"], format!("{origin}/as"));
    lab.user("ada", PASSWORD).await;
    let mut ada = lab.agent();
    let reply = ada.sign_on("ada", PASSWORD).await;
    let code = assert_success(&reply);
    let href = ada.last["_links"]["next"]["href"].as_str().unwrap();
    assert!(href.starts_with(&format!("{origin}/davinci/connections/")), "{href}");
    let tokens = lab.post_form("/as/token", &lab.token_form(&code)).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let environment = &lab.running.ready.environment_id;
    let with = send(lab.get(&format!("{origin}/{environment}/as/jwks"))).await;
    assert_eq!(with.status, 404, "the environment is not part of these paths");
}
