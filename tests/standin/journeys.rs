//! The journeys of the stock flow, with the ways they go wrong.

use crate::support::*;
use gander::standin::settings::MailWhen;
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

#[tokio::test]
async fn registration_goes_from_form_to_tokens() {
    let lab = Lab::start().await;
    let mut ada = lab.agent();
    assert_form(&ada.register("ada@example.com").await, "o4yhix414e");
    let code = lab.mailbox.code("ada@example.com", 1).await;
    assert_form(&ada.submit("VERIFY", json!({ "passcode": code })).await, "h2cy2gkjip");
    let code = assert_success(&ada.submit("NEXT", json!({})).await);
    let tokens = lab.post_form("/as/token", &lab.token_form(&code)).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let mails = lab.mailbox.mails_to("ada@example.com", 2).await;
    assert!(mails[0].plain.starts_with("Your verification code is: "), "{}", mails[0].plain);
    assert!(mails[0].html.contains("<b>"), "{}", mails[0].html);
    assert_eq!(mails[1].subject, "Welcome");
    assert!(!mails[1].plain.contains(": "), "no code in the welcome mail");
    assert_success(&lab.agent().sign_on("Ada@Example.com", PASSWORD).await);
}

#[tokio::test]
async fn only_the_last_code_sent_verifies() {
    let lab = Lab::start().await;
    let mut ada = lab.agent();
    ada.register("ada@example.com").await;
    assert_form(&ada.press("RESEND").await, "o4yhix414e");
    let (first, second) = (
        lab.mailbox.code("ada@example.com", 1).await,
        lab.mailbox.code("ada@example.com", 2).await,
    );
    assert_ne!(first, second);
    for wrong in [first.as_str(), "00000000", ""] {
        let reply = ada.submit("VERIFY", json!({ "passcode": wrong })).await;
        assert_refused(&reply, "customErrorMessage", "Invalid verification code");
    }
    assert_form(&ada.submit("VERIFY", json!({ "passcode": second })).await, "h2cy2gkjip");
}

#[tokio::test]
async fn a_bad_registration_is_refused_and_can_be_corrected() {
    let lab = Lab::start().await;
    lab.user("taken@example.com", PASSWORD).await;
    let mut ada = lab.agent();
    ada.start().await;
    ada.press("REGISTER").await;
    for (email, password, message) in [
        ("", PASSWORD, "Enter a valid email address"),
        ("not an address", PASSWORD, "email: must be a well-formed email address"),
        ("Taken@example.com", PASSWORD, "is unique but a non-unique value"),
        ("ada@example.com", "******", "did not satisfy password policy requirements"),
        ("ada9!A@example.com", "ADA9!a@example.com", "did not satisfy password policy"),
    ] {
        let reply = ada.submit("REGISTER", registration(email, password)).await;
        assert_refused(&reply, "createUser", message);
        assert_eq!(reply.body["details"][0]["rawResponse"]["code"], "INVALID_DATA");
    }
    let reply = ada.submit("REGISTER", registration("ada@example.com", PASSWORD)).await;
    assert_form(&reply, "o4yhix414e");
    let mut again = lab.agent();
    let reply = again.register("ada@example.com").await;
    assert_refused(&reply, "createUser", "is unique but a non-unique value is provided");
    assert_eq!(reply.body["code"], "uniquenessViolation");
}

#[tokio::test]
async fn an_abandoned_registration_asks_for_the_code_at_the_next_sign_on() {
    let lab = Lab::start().await;
    lab.agent().register("ada@example.com").await;
    let mut later = lab.agent();
    assert_form(&later.sign_on("ada@example.com", PASSWORD).await, "o4yhix414e");
    let code = lab.mailbox.code("ada@example.com", 2).await;
    assert_form(&later.submit("VERIFY", json!({ "passcode": code })).await, "h2cy2gkjip");
    assert_success(&later.submit("NEXT", json!({})).await);
}

#[tokio::test]
async fn buttons_that_lead_aside_ignore_the_form() {
    let lab = Lab::start().await;
    let mut agent = lab.agent();
    agent.start().await;
    // A browser sends every field, untouched ones empty, whatever button is pressed.
    let untouched = json!({ "username": "", "password": "" });
    assert_form(&agent.answer("action", "REGISTER", untouched).await, "1k5y98i1v1");
    assert_form(&agent.answer("submit", "CANCEL", json!({ "email": "x" })).await, "65u7m8cm28");
    assert_form(&agent.press("TROUBLE").await, "afyus0g868");
    assert_form(&agent.press("CANCEL").await, "65u7m8cm28");
}

#[tokio::test]
async fn wrong_credentials_leave_form_link_id_and_token_good() {
    let lab = Lab::start().await;
    lab.user("ada", PASSWORD).await;
    let mut agent = lab.agent();
    let reply = agent.sign_on("ada", "wrong").await;
    assert_refused(&reply, "checkPassword", " Invalid username and/or password");
    assert_eq!(reply.body["code"], " Invalid username and/or password");
    let inner = &reply.body["details"][0]["rawResponse"]["details"][0]["innerError"];
    assert_eq!(inner["failuresRemaining"], 4);
    let unknown = json!({ "username": "nobody", "password": PASSWORD });
    let reply = agent.submit("SIGNON", unknown).await;
    assert_refused(&reply, "userLookup", " Invalid username and/or password");
    assert_eq!(reply.body["details"][0]["statusCode"], 200);
    let right = json!({ "username": "ada@example.com", "password": PASSWORD });
    assert_success(&agent.submit("SIGNON", right).await);
}

#[tokio::test]
async fn an_account_locks_and_is_unlocked_by_time_or_by_management() {
    let lab = Lab::with(|settings| settings.lockout_failures = 2).await;
    let id = lab.user("ada", PASSWORD).await;
    let mut agent = lab.agent();
    agent.start().await;
    let lock = async |agent: &mut Agent<'_>| {
        for _ in 0..2 {
            let reply = agent.submit("SIGNON", json!({ "username": "ada", "password": "x" })).await;
            assert_refused(&reply, "checkPassword", "Invalid");
        }
        let right = json!({ "username": "ada", "password": PASSWORD });
        assert_form(&agent.submit("SIGNON", right).await, "7mtr7zq5h6");
        assert_form(&agent.press("BACK").await, "65u7m8cm28");
    };
    lock(&mut agent).await;
    let path = format!("/users/{id}");
    let shown = lab.manage(Method::GET, &path, "", &json!(null)).await;
    assert_eq!(shown.body["account"]["status"], "LOCKED");
    let unlocked = lab.manage(Method::POST, &path, "account.unlock", &json!({})).await;
    assert_eq!(unlocked.body["account"]["status"], "OK");
    lock(&mut agent).await;
    lab.clock.advance(Duration::from_secs(900));
    assert_success(&lab.agent().sign_on("ada", PASSWORD).await);
}

#[tokio::test]
async fn a_lost_password_is_recovered_by_mail() {
    let lab = Lab::start().await;
    lab.user("ada", PASSWORD).await;
    let mut agent = lab.agent();
    agent.start().await;
    agent.press("TROUBLE").await;
    assert_form(&agent.submit("CONTINUE", json!({ "username": "ada" })).await, "9gi11xivkc");
    assert_form(&agent.press("RESEND").await, "9gi11xivkc");
    let old = lab.mailbox.code("ada@example.com", 1).await;
    let code = lab.mailbox.code("ada@example.com", 2).await;
    let update = |code: &str, new: &str, again: &str| json!({ "recoveryCode": code, "newPassword": new, "verifyNewPassword": again });
    for (body, capability, message) in [
        (update(&code, NEW_PASSWORD, "x"), "customErrorMessage", "Passwords do not match."),
        (update(&old, NEW_PASSWORD, NEW_PASSWORD), "recoverPassword", "Invalid recovery code"),
        (update(&code, PASSWORD, PASSWORD), "recoverPassword", "did not satisfy"),
        (update(&code, "weak", "weak"), "recoverPassword", "did not satisfy"),
    ] {
        assert_refused(&agent.submit("UPDATE", body).await, capability, message);
    }
    let shouted = update(&code.to_uppercase(), NEW_PASSWORD, NEW_PASSWORD);
    assert_form(&agent.submit("UPDATE", shouted).await, "c28j6unuv1");
    assert_success(&agent.submit("NEXT", json!({})).await);
    assert_success(&lab.agent().sign_on("ada", NEW_PASSWORD).await);
    assert_refused(&lab.agent().sign_on("ada", PASSWORD).await, "checkPassword", "Invalid");
}

#[tokio::test]
async fn a_former_password_does_not_come_back() {
    let lab = Lab::start().await;
    lab.user("ada", PASSWORD).await;
    for (count, (new, kept)) in
        [(NEW_PASSWORD, true), (PASSWORD, false), (THIRD_PASSWORD, true)].into_iter().enumerate()
    {
        let mut agent = lab.agent();
        agent.start().await;
        agent.press("TROUBLE").await;
        agent.submit("CONTINUE", json!({ "username": "ada" })).await;
        let code = lab.mailbox.code("ada@example.com", count + 1).await;
        let update = json!({ "recoveryCode": code, "newPassword": new, "verifyNewPassword": new });
        let reply = agent.submit("UPDATE", update).await;
        if kept {
            assert_form(&reply, "c28j6unuv1");
        } else {
            assert_eq!(reply.body["code"], "newPasswordNotValid");
            let detail = &reply.body["details"][0]["rawResponse"]["details"][0];
            assert_eq!(detail["innerError"]["unsatisfiedRequirements"], json!(["history"]));
        }
    }
}

#[tokio::test]
async fn nobody_learns_from_the_recovery_who_exists() {
    let lab = Lab::start().await;
    let mut agent = lab.agent();
    agent.start().await;
    agent.press("TROUBLE").await;
    assert_form(&agent.submit("CONTINUE", json!({ "username": "nobody" })).await, "9gi11xivkc");
    let update = json!({
        "recoveryCode": "abcd1234", "newPassword": NEW_PASSWORD, "verifyNewPassword": NEW_PASSWORD,
    });
    assert_refused(&agent.submit("UPDATE", update).await, "recoverPassword", "Invalid recovery");
    assert_form(&agent.press("CANCEL").await, "65u7m8cm28");
    assert_eq!(lab.truth().await["mails"]["written"], 0);
}

#[tokio::test]
async fn a_recovery_code_is_good_for_five_minutes() {
    let lab = Lab::with(|settings| {
        settings.limits.interaction_timeout = Duration::from_hours(1);
    })
    .await;
    lab.user("ada", PASSWORD).await;
    for (wait, accepted) in [(301, false), (299, true)] {
        let mut agent = lab.agent();
        agent.start().await;
        agent.press("TROUBLE").await;
        agent.submit("CONTINUE", json!({ "username": "ada" })).await;
        let code = lab.mailbox.code("ada@example.com", 1 + usize::from(accepted)).await;
        lab.clock.advance(Duration::from_secs(wait));
        let update = json!({
            "recoveryCode": code, "newPassword": NEW_PASSWORD, "verifyNewPassword": NEW_PASSWORD,
        });
        let reply = agent.submit("UPDATE", update).await;
        assert_eq!(reply.status == 200, accepted, "after {wait} s: {reply:?}");
    }
}

#[tokio::test]
async fn a_password_that_must_change_is_changed_at_sign_on() {
    let lab = Lab::start().await;
    let id = lab.user("ada", PASSWORD).await;
    let path = format!("/users/{id}/password");
    let forced = lab.manage(Method::PUT, &path, "password.forceChange", &json!({})).await;
    assert_eq!(forced.body["status"], "MUST_CHANGE_PASSWORD");
    let mut agent = lab.agent();
    assert_form(&agent.sign_on("ada", PASSWORD).await, "yscz5j5r84");
    assert_form(&agent.press("CANCEL").await, "65u7m8cm28");
    let right = json!({ "username": "ada", "password": PASSWORD });
    assert_form(&agent.submit("SIGNON", right).await, "yscz5j5r84");
    let update = |current: &str, new: &str, again: &str| json!({ "currentPassword": current, "newPassword": new, "verifyNewPassword": again });
    for (body, capability, message) in [
        (update("x", NEW_PASSWORD, NEW_PASSWORD), "resetPassword", "did not match provisioned"),
        (update(PASSWORD, NEW_PASSWORD, "x"), "customErrorMessage", "Passwords do not match."),
        (update(PASSWORD, "Lt9!kwzXqPbnTs", "Lt9!kwzXqPbnTs"), "resetPassword", "did not satisfy"),
    ] {
        assert_refused(&agent.submit("UPDATE", body).await, capability, message);
    }
    let good = update(PASSWORD, NEW_PASSWORD, NEW_PASSWORD);
    assert_form(&agent.submit("UPDATE", good).await, "3rcqks6t1v");
    assert_success(&agent.submit("NEXT", json!({})).await);
    assert_success(&lab.agent().sign_on("ada", NEW_PASSWORD).await);
}

#[tokio::test]
async fn a_live_session_needs_no_form_until_it_is_signed_off() {
    let lab = Lab::start().await;
    lab.user("ada", PASSWORD).await;
    let mut agent = lab.agent();
    assert_success(&agent.sign_on("ada", PASSWORD).await);
    assert!(agent.cookies.contains_key("ST") && agent.cookies.contains_key("ST-NO-SS"));
    assert_success(&agent.start().await);
    assert_form(&agent.start_with(&[("prompt", "login")]).await, "65u7m8cm28");
    let sign_off =
        lab.get(&lab.url("/as/signoff?id_token_hint=x")).header("accept", "application/json");
    let reply = agent.take(sign_off).await;
    assert_eq!((reply.status, reply.text.as_str()), (200, "{}"));
    assert!(!agent.cookies.contains_key("ST"));
    assert_form(&agent.start().await, "65u7m8cm28");
}

#[tokio::test]
async fn a_session_is_too_old_after_its_validity() {
    let lab = Lab::start().await;
    lab.user("ada", PASSWORD).await;
    let mut agent = lab.agent();
    assert_success(&agent.sign_on("ada", PASSWORD).await);
    lab.clock.advance(Duration::from_mins(480));
    assert_form(&agent.start().await, "65u7m8cm28");
    let reply = agent.start_with(&[("prompt", "none")]).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.body["details"][0]["code"], "LOGIN_REQUIRED");
}

#[tokio::test]
async fn a_mail_before_the_reply_is_there_when_the_reply_is() {
    let lab = Lab::with(|settings| settings.mail.when = MailWhen::BeforeReply).await;
    lab.agent().register("ada@example.com").await;
    let mails = lab.truth().await["mails"].clone();
    assert_eq!((&mails["written"], &mails["delivered"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_mail_that_fails_is_counted_with_its_reason() {
    let lab = Lab::with(|settings| {
        // Port 1 on loopback has no listener.
        settings.mail.server = Some(([127, 0, 0, 1], 1).into());
        settings.mail.when = MailWhen::BeforeReply;
    })
    .await;
    assert_form(&lab.agent().register("ada@example.com").await, "o4yhix414e");
    let mails = lab.truth().await["mails"].clone();
    assert_eq!((&mails["failed"], &mails["waiting"]), (&json!(1), &json!(0)));
    assert_eq!(mails["failures"][0]["to"], "ada@example.com");
    assert_eq!(mails["failures"][0]["kind"], "verification");
    assert!(!mails["failures"][0]["why"].as_str().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_users_at_once_each_get_their_own_account() {
    let lab = Arc::new(Lab::start().await);
    let mut users = JoinSet::new();
    for index in 0..40 {
        let lab = lab.clone();
        users.spawn(async move {
            let email = format!("user-{index}@example.com");
            let mut agent = lab.agent();
            agent.register(&email).await;
            let code = lab.mailbox.code(&email, 1).await;
            agent.submit("VERIFY", json!({ "passcode": code })).await;
            let code = assert_success(&agent.submit("NEXT", json!({})).await);
            let tokens = lab.post_form("/as/token", &lab.token_form(&code)).await.body;
            let access = tokens["access_token"].as_str().expect("a token").to_owned();
            let claims = send(lab.get(&lab.url("/as/userinfo")).bearer_auth(access)).await.body;
            assert_eq!(claims["email"], email);
        });
    }
    while let Some(ended) = users.join_next().await {
        ended.expect("a registration that ends well");
    }
    let truth = lab.truth().await;
    assert_eq!((&truth["users"], &truth["interactions"]), (&json!(40), &json!(0)));
}
