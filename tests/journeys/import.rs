//! Recordings of real exchanges with the stand-in become journeys that reach their goal.

use crate::browser::{Bodies, Browser};
use crate::lab::Lab;
use crate::support::{self, NEW_PASSWORD, PASSWORD, registration};
use serde_json::json;

const UNTOUCHED: fn() -> serde_json::Value = || json!({ "username": "", "password": "" });

/// Imports a recording, checks that nothing secret is in the journey, and walks it.
fn imported(lab: &Lab, browser: &Browser<'_>, name: &str) -> String {
    let recording = lab.file(&format!("{name}.har"), &browser.recording());
    let journey = format!("my-{name}.toml");
    let ended = lab.run(&["journeys", "import-har", &recording, "--to", &journey]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("gander check PROFILE --walk"), "{}", ended.stderr);
    let text = std::fs::read_to_string(lab.path(&journey)).expect("a written journey");
    for secret in browser.secrets.iter().filter(|secret| !secret.is_empty()) {
        assert!(!text.contains(secret.as_str()), "`{secret}` is in\n{text}");
        assert!(!ended.stderr.contains(secret.as_str()), "`{secret}` is in {}", ended.stderr);
    }
    let profile = lab.file(
        &format!("{name}.toml"),
        &format!(
            "journey_files = [\"{journey}\"]\n[journeys]\nmy-{name} = 1\n\
             [[variant]]\nname = \"only\"\npolicies = {{ my-start-with-input = \"start-with-input\" }}\n"
        ),
    );
    let walked = lab.run(&["check", &profile, "--walk"]);
    assert_eq!(walked.code, 0, "{text}\n{}{}", walked.stdout, walked.stderr);
    assert!(walked.stdout.contains("goal reached"), "{}", walked.stdout);
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_registration_registers_somebody_else() {
    let tenant = support::Lab::start().await;
    let mut browser = Browser::open(&tenant);
    browser.start().await;
    browser.press("REGISTER", UNTOUCHED()).await;
    browser.submit("REGISTER", registration("ada@example.com", PASSWORD)).await;
    let code = tenant.mailbox.code("ada@example.com", 1).await;
    browser.submit("VERIFY", json!({ "passcode": code })).await;
    let success = browser.submit("NEXT", json!({})).await;
    let tokens = browser.tokens(&success).await;
    browser.userinfo(&tokens).await;
    let text = imported(&Lab::new(), &browser, "register");
    assert!(!text.contains("ada@example.com") && !text.contains("Byron"), "{text}");
    insta::assert_snapshot!(text, @r#"
    # From the recording register.har: open registration, submit registration, verify, finish.
    name = "my-register"
    goal = "token"
    account = "none"

    [[rule]]
    name = "open registration"
    when = { fields = ["username", "password"], actions = ["SIGNON", "REGISTER", "TROUBLE"] }
    action = ["REGISTER"]

    [[rule]]
    name = "submit registration"
    when = { fields = ["email", "password", "givenName", "familyName"], actions = ["REGISTER", "CANCEL"] }
    answer = { email = "{persona.email}", password = "{persona.password}", givenName = "{persona.given_name}", familyName = "{persona.family_name}" }
    action = ["REGISTER"]
    creates_account = true

    [[rule]]
    name = "verify"
    when = { fields = ["passcode"], actions = ["VERIFY", "RESEND"] }
    answer = { passcode = "{code}" }
    action = ["VERIFY"]

    [[rule]]
    name = "finish"
    when = { actions = ["NEXT"] }

    [[end]]
    do = "token"

    [[end]]
    do = "userinfo"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_sign_on_signs_on_a_leased_account() {
    let tenant = support::Lab::start().await;
    tenant.user("ada", PASSWORD).await;
    let mut browser = Browser::open(&tenant);
    browser.bodies = Bodies::Base64;
    browser.start().await;
    browser.press("REGISTER", UNTOUCHED()).await;
    browser.press("CANCEL", json!({ "email": "", "password": "" })).await;
    let success =
        browser.submit("SIGNON", json!({ "username": "ada", "password": PASSWORD })).await;
    browser.tokens(&success).await;
    let text = imported(&Lab::new(), &browser, "sign-on");
    insta::assert_snapshot!(text, @r#"
    # From the recording sign-on.har: open registration, credentials, go back.
    name = "my-sign-on"
    goal = "token"
    account = "ok"

    [[rule]]
    name = "open registration"
    when = { fields = ["username", "password"], actions = ["SIGNON", "REGISTER", "TROUBLE"] }
    action = ["REGISTER"]
    at_most = 1

    [[rule]]
    name = "credentials"
    when = { fields = ["username", "password"], actions = ["SIGNON", "REGISTER", "TROUBLE"] }
    answer = { username = "{account.username}", password = "{account.password}" }
    action = ["SIGNON"]

    [[rule]]
    name = "go back"
    when = { fields = ["email", "password", "givenName", "familyName"], actions = ["REGISTER", "CANCEL"] }
    action = ["CANCEL"]

    [[end]]
    do = "token"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_recovery_sets_the_next_password() {
    let tenant = support::Lab::start().await;
    tenant.user("ada", PASSWORD).await;
    let mut browser = Browser::open(&tenant);
    browser.start().await;
    browser.press("TROUBLE", UNTOUCHED()).await;
    browser.submit("CONTINUE", json!({ "username": "ada" })).await;
    tenant.mailbox.code("ada@example.com", 1).await;
    browser
        .press("RESEND", json!({ "recoveryCode": "", "newPassword": "", "verifyNewPassword": "" }))
        .await;
    let code = tenant.mailbox.code("ada@example.com", 2).await;
    let wrong = json!({ "recoveryCode": "00000000", "newPassword": NEW_PASSWORD, "verifyNewPassword": NEW_PASSWORD });
    browser.submit("UPDATE", wrong).await;
    let right = json!({ "recoveryCode": code, "newPassword": NEW_PASSWORD, "verifyNewPassword": NEW_PASSWORD });
    browser.submit("UPDATE", right).await;
    let success = browser.submit("NEXT", json!({})).await;
    browser.tokens(&success).await;
    let text = imported(&Lab::new(), &browser, "recovery");
    insta::assert_snapshot!(text, @r#"
    # From the recording recovery.har: open recovery, identify, resend code, set new password refused, set new password, finish.
    name = "my-recovery"
    goal = "token"
    account = "victim"

    [[rule]]
    name = "open recovery"
    when = { fields = ["username", "password"], actions = ["SIGNON", "REGISTER", "TROUBLE"] }
    action = ["TROUBLE"]

    [[rule]]
    name = "identify"
    when = { fields = ["username"], actions = ["CONTINUE", "CANCEL"] }
    answer = { username = "{account.username}" }
    action = ["CONTINUE"]
    sends_code = true

    [[rule]]
    name = "resend code"
    when = { fields = ["recoveryCode", "newPassword", "verifyNewPassword"], actions = ["UPDATE", "RESEND", "CANCEL"] }
    action = ["RESEND"]
    at_most = 1
    sends_code = true

    [[rule]]
    name = "set new password refused"
    when = { fields = ["recoveryCode", "newPassword", "verifyNewPassword"], actions = ["UPDATE", "RESEND", "CANCEL"] }
    answer = { recoveryCode = "000000", newPassword = "{account.new_password}", verifyNewPassword = "{account.new_password}" }
    action = ["UPDATE"]
    at_most = 1
    expect = "refusal"

    [[rule]]
    name = "set new password"
    when = { fields = ["recoveryCode", "newPassword", "verifyNewPassword"], actions = ["UPDATE", "RESEND", "CANCEL"] }
    answer = { recoveryCode = "{code}", newPassword = "{account.new_password}", verifyNewPassword = "{account.new_password}" }
    action = ["UPDATE"]
    changes_password = true

    [[rule]]
    name = "finish"
    when = { actions = ["NEXT"] }

    [[end]]
    do = "token"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_start_by_policy_starts_with_somebody_else() {
    let tenant = support::Lab::start().await;
    let mut browser = Browser::open(&tenant);
    let input = json!({ "email": "elmer@example.com", "username": "elmer", "password": PASSWORD,
        "primaryPhone": "+14155552672", "name": { "given": "Elmer", "family": "Fudd" } });
    browser.start_by_policy("start-with-input", &input).await;
    let end = browser.click("submit", json!({ "username": "elmer", "password": PASSWORD })).await;
    assert!(end["access_token"].is_string(), "{end}");
    let text = imported(&Lab::new(), &browser, "start-with-input");
    assert!(!text.contains("lmer") && !text.contains("Fudd") && !text.contains("4155"), "{text}");
    insta::assert_snapshot!(text, @r#"
    # From the recording start-with-input.har: submit registration.
    # The flow is started by its policy: the profile has to name it and say where the token comes from.
    name = "my-start-with-input"
    goal = "token"
    account = "none"
    start = "policy"
    start_creates_account = true

    [input]
    email = "{persona.email}"
    name = { family = "{persona.family_name}", given = "{persona.given_name}" }
    password = "{persona.password}"
    primaryPhone = "{persona.phone}"
    username = "{persona.email}"

    [[rule]]
    name = "submit registration"
    when = { fields = ["username", "password"], actions = ["submit", "forgotPassword"] }
    answer = { username = "{persona.email}", password = "{persona.password}" }
    action = ["submit"]

    [[end]]
    do = "token"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_mistake_is_expected_to_be_refused() {
    let tenant = support::Lab::start().await;
    tenant.user("ada", PASSWORD).await;
    let mut browser = Browser::open(&tenant);
    browser.start().await;
    browser.submit("SIGNON", json!({ "username": "ada", "password": NEW_PASSWORD })).await;
    let text = imported(&Lab::new(), &browser, "mistake");
    insta::assert_snapshot!(text, @r#"
    # From the recording mistake.har: credentials refused.
    name = "my-mistake"
    goal = "refusal:credentials refused"
    account = "victim"

    [[rule]]
    name = "credentials refused"
    when = { fields = ["username", "password"], actions = ["SIGNON", "REGISTER", "TROUBLE"] }
    answer = { username = "{account.username}", password = "{persona.wrong_password}" }
    action = ["SIGNON"]
    expect = "refusal"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_that_was_corrected_is_both() {
    let tenant = support::Lab::start().await;
    tenant.user("ada", PASSWORD).await;
    let mut browser = Browser::open(&tenant);
    browser.start().await;
    for password in [NEW_PASSWORD, NEW_PASSWORD] {
        browser.submit("SIGNON", json!({ "username": "ada", "password": password })).await;
    }
    let success =
        browser.submit("SIGNON", json!({ "username": "ada", "password": PASSWORD })).await;
    browser.tokens(&success).await;
    let text = imported(&Lab::new(), &browser, "corrected");
    insta::assert_snapshot!(text, @r#"
    # From the recording corrected.har: credentials refused, credentials.
    name = "my-corrected"
    goal = "token"
    account = "victim"

    [[rule]]
    name = "credentials refused"
    when = { fields = ["username", "password"], actions = ["SIGNON", "REGISTER", "TROUBLE"] }
    answer = { username = "{account.username}", password = "{persona.wrong_password}" }
    action = ["SIGNON"]
    at_most = 2
    expect = "refusal"

    [[rule]]
    name = "credentials"
    when = { fields = ["username", "password"], actions = ["SIGNON", "REGISTER", "TROUBLE"] }
    answer = { username = "{account.username}", password = "{account.password}" }
    action = ["SIGNON"]

    [[end]]
    do = "token"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_stops_at_a_form_is_a_look_at_that_form() {
    let tenant = support::Lab::start().await;
    let mut browser = Browser::open(&tenant);
    browser.start().await;
    browser.press("REGISTER", UNTOUCHED()).await;
    let text = imported(&Lab::new(), &browser, "look");
    assert!(text.contains("goal = \"form:stop here\""), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_become_a_journey_is_said_with_the_way_out() {
    let tenant = support::Lab::start().await;
    let mut browser = Browser::open(&tenant);
    browser.start().await;
    let whole = browser.recording();
    browser.bodies = Bodies::Absent;
    browser.press("REGISTER", UNTOUCHED()).await;
    let lab = Lab::new();
    let cut = &whole[..whole.len() - 40];
    let mut said = String::new();
    for (name, text) in [
        ("nothing.har", ""),
        ("text.har", "this is no recording"),
        ("other.har", "{\"log\": [1]}"),
        ("cut.har", cut),
        (
            "elsewhere.har",
            "{\"log\":{\"entries\":[{\"request\":{\"method\":\"GET\",\"url\":\"https://a.example/\"}}]}}",
        ),
        ("without-content.har", &browser.recording()),
    ] {
        let file = lab.file(name, text);
        let ended = lab.run(&["journeys", "import-har", &file]);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{name}: {}", ended.stderr);
        said.push_str(&ended.stderr);
    }
    insta::assert_snapshot!(said, @r#"
    error: `nothing.har` does not become a journey: it is no JSON: line 1, column 1
     help: save it from the network panel of Chrome or Firefox: `Save all as HAR with content`
    error: `text.har` does not become a journey: it is no JSON: line 1, column 2
     help: save it from the network panel of Chrome or Firefox: `Save all as HAR with content`
    error: `other.har` does not become a journey: it is JSON but no HAR: line 1, column 11 is not what a HAR has there
     help: save it from the network panel of Chrome or Firefox: `Save all as HAR with content`
    error: `cut.har` does not become a journey: it ends in the middle, at line 1
     help: save the recording again; this file was not written to its end
    error: `elsewhere.har` does not become a journey: there is no DaVinci exchange in it
     help: record from before the first page of the flow; a flow is an `/as/authorize` with `response_mode=pi.flow` or a `/davinci/policy/…/start`, then `/davinci/connections/…` calls
    error: `without-content.har` does not become a journey: the reply of entry 5 (customHTMLTemplate) is not in it
     help: save the recording with its bodies: in Chrome `Save all as HAR with content`, in Firefox `Save All As HAR`, before the page is left
    "#);
}

#[test]
fn a_recording_that_is_too_large_is_not_read() {
    let lab = Lab::new();
    lab.file("large.har", "{");
    let file = std::fs::File::options().write(true).open(lab.path("large.har")).expect("a file");
    file.set_len((256 << 20) + 1).expect("a file with a hole");
    let ended = lab.run(&["journeys", "import-har", "large.har"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("larger than 256 MiB"), "{}", ended.stderr);
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    let lab = Lab::new();
    lab.file("mine.toml", "precious");
    let har = lab.file("a.har", "{}");
    let ended = lab.run(&["journeys", "import-har", &har, "--to", "mine.toml"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("`mine.toml` is there already"), "{}", ended.stderr);
    assert_eq!(std::fs::read_to_string(lab.path("mine.toml")).expect("a file"), "precious");
}
