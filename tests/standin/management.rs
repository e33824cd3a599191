//! The management subset: who may use it, and what it does to users.

use crate::support::*;
use gander::standin::policy::Policy;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn only_the_worker_opens_the_management_api() {
    let lab = Lab::start().await;
    lab.user("ada", PASSWORD).await;
    let code = assert_success(&lab.agent().sign_on("ada", PASSWORD).await);
    let tokens = lab.post_form("/as/token", &lab.token_form(&code)).await.body;
    let users = tokens["access_token"].as_str().unwrap();
    for path in ["", "/populations", "/users", "/flowPolicies", "/users/x"] {
        let url = lab.management_url(path);
        let none = send(lab.get(&url)).await;
        assert_eq!((none.status, &none.body["code"]), (401, &json!("INVALID_TOKEN")), "{path}");
        let forbidden = send(lab.get(&url).bearer_auth(users)).await;
        assert_eq!((forbidden.status, &forbidden.body["code"]), (403, &json!("ACCESS_FAILED")));
    }
}

#[tokio::test]
async fn the_environment_tells_its_limits_and_policies() {
    let lab = Lab::start().await;
    let environment = lab.manage(Method::GET, "", "", &Value::Null).await.body;
    assert_eq!(environment["id"], lab.running.ready.environment_id);
    let limits = &environment["license"]["licenseQuantities"];
    assert!(limits["rlgDvFlowStartRps"]["limit"].is_u64(), "{environment}");
    let policies = lab.manage(Method::GET, "/flowPolicies", "", &Value::Null).await.body;
    let policy = &policies["_embedded"]["flowPolicies"][0];
    assert_eq!(policy["id"], lab.running.ready.policies["stock"]);
    assert_eq!(policy["trigger"]["type"], "AUTHENTICATION");
}

#[tokio::test]
async fn populations_are_listed_made_and_counted() {
    let lab = Lab::start().await;
    let made = lab.manage(Method::POST, "/populations", "", &json!({ "name": "Load" })).await;
    assert_eq!(made.status, 201);
    let body = json!({
        "username": "ada", "email": "ada@example.com", "population": { "id": made.body["id"] },
    });
    assert_eq!(lab.manage(Method::POST, "/users", "", &body).await.status, 201);
    let named = "/populations?filter=name%20eq%20%22Load%22";
    let listed = lab.manage(Method::GET, named, "", &Value::Null).await.body;
    assert_eq!(listed["_embedded"]["populations"][0]["userCount"], 1);
    assert_eq!((&listed["count"], &listed["size"]), (&json!(1), &json!(1)));
    let again = lab.manage(Method::POST, "/populations", "", &json!({ "name": "Load" })).await;
    assert_eq!(again.body["details"][0]["code"], "UNIQUENESS_VIOLATION");
}

#[tokio::test]
async fn users_are_found_page_by_page() {
    let lab = Lab::start().await;
    for index in 0..25 {
        lab.user(&format!("lt-{index:02}"), PASSWORD).await;
    }
    lab.user("other", PASSWORD).await;
    let filter = "filter=username%20sw%20%22LT-%22%20and%20email%20sw%20%22lt%22";
    let mut path = format!("/users?limit=10&{filter}");
    let (mut sizes, mut names) = (Vec::new(), BTreeSet::new());
    loop {
        let page = lab.manage(Method::GET, &path, "", &Value::Null).await.body;
        assert_eq!(page["count"], 25, "{page}");
        sizes.push(page["size"].as_u64().unwrap());
        for user in page["_embedded"]["users"].as_array().unwrap() {
            names.insert(user["username"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["_links"]["next"]["href"].as_str() else { break };
        path = next.strip_prefix(&lab.management_url("")).expect("a link of ours").to_owned();
    }
    assert_eq!((sizes, names.len()), (vec![10, 10, 5], 25));
    for (query, target) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=%21", "cursor"),
        ("filter=x", "filter"),
    ] {
        let reply = lab.manage(Method::GET, &format!("/users?{query}"), "", &Value::Null).await;
        assert_eq!((reply.status, &reply.body["details"][0]["target"]), (400, &json!(target)));
    }
}

#[tokio::test]
async fn a_user_is_changed_and_deleted() {
    let lab = Lab::start().await;
    let id = lab.user("ada", PASSWORD).await;
    lab.user("bob", PASSWORD).await;
    let path = format!("/users/{id}");
    let change = json!({ "name": { "given": "Augusta" }, "email": "a@example.com" });
    let changed = lab.manage(Method::PATCH, &path, "", &change).await;
    assert_eq!((changed.status, &changed.body["name"]["given"]), (200, &json!("Augusta")));
    assert_eq!(changed.body["username"], "ada");
    let taken = lab.manage(Method::PATCH, &path, "", &json!({ "username": "BOB" })).await;
    assert_eq!(taken.body["details"][0]["code"], "UNIQUENESS_VIOLATION");
    assert_success(&lab.agent().sign_on("a@example.com", PASSWORD).await);
    let deleted = lab.manage(Method::DELETE, &path, "", &Value::Null).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(lab.manage(method, &path, "", &Value::Null).await.body["code"], "NOT_FOUND");
    }
    assert_refused(&lab.agent().sign_on("a@example.com", PASSWORD).await, "userLookup", "Invalid");
}

#[tokio::test]
async fn a_deleted_user_has_no_session_left() {
    let lab = Lab::start().await;
    let id = lab.user("ada", PASSWORD).await;
    let mut agent = lab.agent();
    assert_success(&agent.sign_on("ada", PASSWORD).await);
    lab.manage(Method::DELETE, &format!("/users/{id}"), "", &Value::Null).await;
    assert_form(&agent.start().await, "65u7m8cm28");
}

#[tokio::test]
async fn passwords_are_set_by_the_rules() {
    let lab = Lab::start().await;
    let id = lab.user("ada", PASSWORD).await;
    let path = format!("/users/{id}/password");
    let set = async |value: &str, force: bool| {
        let body = json!({ "value": value, "forceChange": force });
        lab.manage(Method::PUT, &path, "password.set", &body).await
    };
    let weak = set("weak", false).await;
    assert_eq!(weak.body["details"][0]["target"], "password");
    assert_eq!(set(NEW_PASSWORD, true).await.body["status"], "MUST_CHANGE_PASSWORD");
    assert_form(&lab.agent().sign_on("ada", NEW_PASSWORD).await, "yscz5j5r84");
    assert_eq!(set(NEW_PASSWORD, false).await.body["status"], "OK");
    assert_success(&lab.agent().sign_on("ada", NEW_PASSWORD).await);
    let other = lab.manage(Method::PUT, &path, "password.unheard", &json!({})).await;
    assert_eq!(other.status, 415);
}

#[tokio::test]
async fn an_import_may_ask_for_verification_without_a_mail() {
    let lab = Lab::with(|settings| settings.password_policy = Policy::none()).await;
    let import = |name: &str, suppressed: bool| {
        json!({
            "username": name, "email": format!("{name}@example.com"),
            "lifecycle": {
                "status": "VERIFICATION_REQUIRED", "suppressVerificationCode": suppressed,
            },
            "password": { "value": "plain" },
        })
    };
    for (name, suppressed) in [("ada", true), ("bob", false)] {
        let reply =
            lab.manage(Method::POST, "/users", "user.import", &import(name, suppressed)).await;
        assert_eq!(reply.body["lifecycle"]["status"], "VERIFICATION_REQUIRED");
    }
    lab.mailbox.mails_to("bob@example.com", 1).await;
    assert_eq!(lab.truth().await["mails"]["written"], 1);
    assert_form(&lab.agent().sign_on("ada", "plain").await, "o4yhix414e");
    lab.mailbox.mails_to("ada@example.com", 1).await;
}

#[tokio::test]
async fn a_full_directory_takes_nobody() {
    let lab = Lab::with(|settings| settings.room.users = 1).await;
    lab.user("ada", PASSWORD).await;
    let body = json!({ "username": "bob", "email": "bob@example.com" });
    let refused = lab.manage(Method::POST, "/users", "", &body).await;
    assert_eq!((refused.status, &refused.body["code"]), (400, &json!("REQUEST_FAILED")));
    let reply = lab.agent().register("eve@example.com").await;
    assert_refused(&reply, "createUser", "the directory is full");
    assert_eq!(lab.truth().await["mails"]["written"], 0, "no code to somebody who is not there");
}
