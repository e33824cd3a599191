//! The documented examples: every request body is taken, and replies have the printed structure.

use crate::support::*;
use gander::standin::policy::Policy;
use gander::standin::settings::SecondaryButtons;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// The address in the examples, and what stands for the struck-out or made-up passwords in them.
const NAME: &str = "DummyEmail@dummydomain.com";

fn fixture(path: &str) -> Value {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/seeds");
    let text = fs::read_to_string(root.join(path)).expect("a fixture");
    serde_json::from_str(&text).expect("a JSON fixture")
}

fn request(name: &str) -> Value {
    fixture(&format!("requests/{name}.json"))
}

/// A request with some of its form data replaced, where the example has placeholders.
fn request_with(name: &str, data: &[(&str, &str)]) -> Value {
    let mut body = request(name);
    for (key, value) in data {
        let slot = &mut body["parameters"]["data"]["formData"][*key];
        assert!(slot.is_string(), "{name} has no `{key}`");
        *slot = json!(value);
    }
    body
}

/// A tenant as in the examples: `CANCEL` submits, passwords have no rules, ids are looked at.
async fn documented() -> Lab {
    Lab::with(|settings| {
        settings.secondary_buttons = SecondaryButtons::Submit;
        settings.password_policy = Policy::none();
        settings.strict_ids = true;
        settings.limits.interaction_timeout = Duration::from_hours(1);
    })
    .await
}

/// Every path through a value with its kind, list places included.
fn structure(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.insert(format!("{path} object"));
            members
                .iter()
                .for_each(|(key, value)| structure(value, &format!("{path}.{key}"), found));
        }
        Value::Array(items) => {
            found.insert(format!("{path} list"));
            let each = items.iter().enumerate();
            each.for_each(|(index, item)| structure(item, &format!("{path}[{index}]"), found));
        }
        Value::String(_) => _ = found.insert(format!("{path} text")),
        Value::Number(_) => _ = found.insert(format!("{path} number")),
        Value::Bool(_) => _ = found.insert(format!("{path} flag")),
        Value::Null => _ = found.insert(format!("{path} null")),
    }
}

/// Members whose values belong to one tenant, run or host.
const OF_THE_TENANT: &[&str] = &["interactionId", "interactionToken", "companyId", "_links"];

#[track_caller]
fn assert_printed(reply: &Value, printed: &Value) {
    let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
    structure(reply, "", &mut ours);
    structure(printed, "", &mut theirs);
    assert_eq!(ours, theirs);
    for (name, value) in printed.as_object().expect("an object") {
        if !OF_THE_TENANT.contains(&name.as_str()) {
            assert_eq!(&reply[name], value, "{name}");
        }
    }
}

#[tokio::test]
async fn the_documented_registration_walks() {
    let lab = documented().await;
    let mut agent = lab.agent();
    agent.start().await;
    // The examples open the registration with the id of the node that complains about unexpected
    // values, so one has to have been sent.
    assert_eq!(agent.press("NEXT").await.body["id"], "0mkskx7cez");
    let form = agent.post(&request("navigate-to-registration")).await;
    assert_form(&form, "1k5y98i1v1");
    assert_printed(&form.body, &fixture("replies/registration-form.201.json"));
    // The id of the failed `createUser` follows a registration that it refused.
    let refused = agent.submit("REGISTER", json!({ "email": "no address" })).await;
    assert_eq!(refused.body["id"], "x0txd3bdfn");
    assert_form(&agent.post(&request("submit-registration")).await, "o4yhix414e");
    assert_form(&agent.post(&request("resend-verification-code")).await, "o4yhix414e");
    let wrong = agent.post(&request("verify")).await;
    assert_refused(&wrong, "customErrorMessage", "Invalid verification code");
    let code = lab.mailbox.code(NAME, 2).await;
    let complete = agent.post(&request_with("verify", &[("passcode", &code)])).await;
    assert_form(&complete, "h2cy2gkjip");
    assert_printed(&complete.body, &fixture("replies/registration-complete.200.json"));
    assert_success(&agent.post(&request("finish-registration")).await);
}

#[tokio::test]
async fn the_documented_bodies_that_open_the_registration_are_all_taken() {
    let lab = documented().await;
    for (name, provoke) in [
        ("navigate-to-registration", true),
        ("navigate-to-registration-with-interaction-id", true),
        ("navigate-to-registration-from-login", false),
    ] {
        let mut agent = lab.agent();
        agent.start().await;
        if provoke {
            agent.press("NEXT").await;
        }
        assert_form(&agent.post(&request(name)).await, "1k5y98i1v1");
    }
}

#[tokio::test]
async fn the_documented_incorrect_registration_walks() {
    let lab = documented().await;
    lab.user(NAME, "x").await;
    let mut agent = lab.agent();
    agent.start().await;
    agent.post(&request("navigate-to-registration-from-login")).await;
    let mut first = request("submit-registration");
    first["id"] = agent.last["id"].clone();
    let refused = agent.post(&first).await;
    assert_eq!(refused.body["id"], "leznhnimpg");
    // The same address again is refused again, now under the id of the node that refused.
    let again = agent.post(&request("submit-registration-after-error")).await;
    assert_refused(&again, "createUser", "is unique but a non-unique value is provided");
    let data = [("email", "other@example.com")];
    let corrected = request_with("submit-registration-after-error", &data);
    assert_form(&agent.post(&corrected).await, "o4yhix414e");
}

#[tokio::test]
async fn the_documented_sign_on_walks() {
    let lab = documented().await;
    lab.user(NAME, "DummyPassword").await;
    let mut agent = lab.agent();
    agent.start_with(&[("state", "")]).await;
    let wrong = agent.post(&request_with("sign-on", &[("password", "x")])).await;
    assert_eq!(wrong.body["id"], "dnu7jt3sjz");
    let success = agent.post(&request("sign-on-after-error")).await;
    assert_eq!(success.status, 200, "{success:?}");
    let printed = fixture("replies/success.200.json");
    let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
    structure(&success.body, "", &mut ours);
    structure(&printed, "", &mut theirs);
    assert_eq!(ours, theirs);
    for member in ["connectorId", "id", "capabilityName", "status", "connectionId", "success"] {
        assert_eq!(success.body[member], printed[member], "{member}");
    }
    let mut direct = lab.agent();
    direct.start().await;
    assert_success(&direct.post(&request("sign-on")).await);
}

#[tokio::test]
async fn the_workflow_templates_walk_when_filled_in() {
    let lab = documented().await;
    lab.user(NAME, "DummyPassword").await;
    let mut agent = lab.agent();
    agent.start().await;
    let data = [("username", NAME), ("password", "DummyPassword")];
    let mut body = request_with("workflow-sign-on", &data);
    body["id"] = agent.last["id"].clone();
    assert_success(&agent.post(&body).await);
    let mut agent = lab.agent();
    agent.register("ada@example.com").await;
    let code = lab.mailbox.code("ada@example.com", 1).await;
    agent.submit("VERIFY", json!({ "passcode": code })).await;
    let mut body = request("workflow-finish-registration");
    body["id"] = agent.last["id"].clone();
    assert_success(&agent.post(&body).await);
}

#[tokio::test]
async fn the_documented_recovery_walks() {
    let lab = documented().await;
    lab.user(NAME, "DummyPassword").await;
    let mut agent = lab.agent();
    agent.start().await;
    assert_form(&agent.post(&request("open-recovery")).await, "afyus0g868");
    assert_form(&agent.post(&request("cancel-recovery")).await, "65u7m8cm28");
    agent.post(&request("open-recovery")).await;
    assert_form(&agent.post(&request("submit-identifier")).await, "9gi11xivkc");
    assert_form(&agent.post(&request("resend-recovery-code")).await, "9gi11xivkc");
    let wrong = agent.post(&request("submit-recovery")).await;
    assert_refused(&wrong, "recoverPassword", "Invalid recovery code and/or password");
    let code = lab.mailbox.code(NAME, 2).await;
    let update = request_with("submit-recovery", &[("recoveryCode", &code)]);
    assert_form(&agent.post(&update).await, "c28j6unuv1");
    assert_success(&agent.post(&request("finish-recovery")).await);
}

#[tokio::test]
async fn the_documented_password_change_walks() {
    let lab = documented().await;
    let id = lab.user(NAME, "******").await;
    let path = format!("/users/{id}/password");
    lab.manage(Method::PUT, &path, "password.forceChange", &json!({})).await;
    let mut agent = lab.agent();
    agent.start().await;
    assert_form(&agent.post(&request("sign-on-expired-password")).await, "yscz5j5r84");
    // The example's two new passwords have seven and six stars.
    let differing = agent.post(&request("submit-password-change")).await;
    assert_refused(&differing, "customErrorMessage", "Passwords do not match.");
    let data = [("newPassword", "*******"), ("verifyNewPassword", "*******")];
    let update = request_with("submit-password-change", &data);
    assert_form(&agent.post(&update).await, "3rcqks6t1v");
    assert_success(&agent.post(&request("finish-password-change")).await);
}

#[tokio::test]
async fn the_documented_start_with_an_input_schema_walks() {
    let lab = documented().await;
    let token = lab.sdk_token(None).await;
    let mut elmer = lab.agent();
    elmer.screen = true;
    let input = request("start-with-input-schema");
    let first = elmer.start_by_policy("start-with-input", &token, &input).await;
    assert_eq!(first.status, 200, "{first:?}");
    let printed = fixture("replies/start-with-input-schema.200.json");
    let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
    structure(&first.body, "", &mut ours);
    structure(&printed, "", &mut theirs);
    assert_eq!(ours, theirs);
    for member in ["id", "flowId", "connectionId", "capabilityName", "skProxyApiEnvironmentId"] {
        assert_eq!(first.body[member], printed[member], "{member}");
    }
    // The page itself belongs to its author; all around it is as printed.
    let (mut own, mut known) = (first.body["screen"].clone(), printed["screen"].clone());
    for screen in [&mut own, &mut known] {
        screen["properties"]["customHTML"]["value"] = Value::Null;
    }
    assert_eq!(own, known);
    let page = &first.body["screen"]["properties"]["customHTML"]["value"];
    let printed = &printed["screen"]["properties"]["customHTML"]["value"];
    for part in ["data-skbuttonvalue", "data-skbuttontype=\"form-submit\"", "usernamePasswordForm"]
    {
        let count = |html: &Value| html.as_str().expect("a page").matches(part).count();
        assert!(count(page) > 0 && count(printed) > 0, "{part}");
    }
    let right = json!({ "username": "elmerfudd", "password": "{{password}}" });
    let end = elmer.click("submit", right).await;
    assert_eq!(end.body["capabilityName"], "returnSuccessResponseWidget", "{end:?}");
}

#[test]
fn every_request_fixture_is_sent_by_a_test_here() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/seeds/requests");
    let own = include_str!("seeds.rs");
    for entry in fs::read_dir(root).expect("fixtures") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".json") else { continue };
        let calls = own.contains(&format!("(\"{name}\"")) || own.contains(&format!("(\"{name}\","));
        assert!(calls, "{name} is not sent");
    }
}

#[test]
fn the_one_example_that_is_not_json_is_known_to_be_so() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/seeds/requests");
    let text = fs::read_to_string(root.join("submit-registration.invalid.txt")).expect("a fixture");
    assert!(serde_json::from_str::<Value>(&text).is_err());
    let repaired = text.replace("\"DummyPassword@1234\"/", "\"DummyPassword@1234\"");
    assert_eq!(serde_json::from_str::<Value>(&repaired).unwrap(), request("submit-registration"));
}
