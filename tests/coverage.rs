//! Which journey and which test covers each documented request and reply: a table, checked against
//! the fixtures, the catalog and the tests, and written out as `docs/protocol-coverage.md`.
//!
//! `GANDER_WRITE_DOCS=1 cargo test --test coverage` writes the page anew.

use gander::journey::catalog::BUILT_IN;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const CONTRACT: &str = "tests/contract.rs";
const SEEDS: &str = "tests/standin/seeds.rs";

/// One documented request.
struct Request {
    /// Fixture below `tests/fixtures/seeds/requests`.
    fixture: &'static str,
    /// What it asks for.
    asks: &'static str,
    /// Built-in journey that sends it, and the step that does.
    journey: (&'static str, &'static str),
    /// Test that has the stand-in take it as printed.
    taken_by: &'static str,
}

const fn request(
    fixture: &'static str,
    asks: &'static str,
    journey: (&'static str, &'static str),
    taken_by: &'static str,
) -> Request {
    Request { fixture, asks, journey, taken_by }
}

const REQUESTS: &[Request] = &[
    request(
        "navigate-to-registration",
        "open the registration form",
        ("register", "open registration"),
        "the_documented_bodies_that_open_the_registration_are_all_taken",
    ),
    request(
        "navigate-to-registration-from-login",
        "open the registration form, as the page on incorrect registration prints it",
        ("register-invalid", "open registration"),
        "the_documented_incorrect_registration_walks",
    ),
    request(
        "navigate-to-registration-with-interaction-id",
        "open the registration form, with the interaction in the body",
        ("register", "open registration"),
        "the_documented_bodies_that_open_the_registration_are_all_taken",
    ),
    request(
        "submit-registration",
        "register with address and password",
        ("register", "submit registration"),
        "the_documented_registration_walks",
    ),
    request(
        "submit-registration-after-error",
        "register again after a refusal",
        ("register-duplicate", "submit duplicate"),
        "the_documented_incorrect_registration_walks",
    ),
    request(
        "resend-verification-code",
        "send the verification code again",
        ("register-resend", "resend"),
        "the_documented_registration_walks",
    ),
    request(
        "verify",
        "verify the address",
        ("register", "verify"),
        "the_documented_registration_walks",
    ),
    request(
        "finish-registration",
        "go on to the session token",
        ("register", "finish"),
        "the_documented_registration_walks",
    ),
    request(
        "workflow-finish-registration",
        "go on to the session token, as the registration workflow prints it",
        ("register", "finish"),
        "the_workflow_templates_walk_when_filled_in",
    ),
    request("sign-on", "sign on", ("sign-on", "credentials"), "the_documented_sign_on_walks"),
    request(
        "workflow-sign-on",
        "sign on, as the sign-on workflow prints it",
        ("sign-on", "credentials"),
        "the_workflow_templates_walk_when_filled_in",
    ),
    request(
        "sign-on-after-error",
        "sign on after a wrong password",
        ("sign-on-wrong-password", "credentials"),
        "the_documented_sign_on_walks",
    ),
    request(
        "sign-on-expired-password",
        "sign on with a password that has expired",
        ("sign-on-expired-password", "credentials"),
        "the_documented_password_change_walks",
    ),
    request(
        "submit-password-change",
        "set a new password in place of the expired one",
        ("sign-on-expired-password", "change password"),
        "the_documented_password_change_walks",
    ),
    request(
        "finish-password-change",
        "go on after the change",
        ("sign-on-expired-password", "finish"),
        "the_documented_password_change_walks",
    ),
    request(
        "open-recovery",
        "ask for help with signing on",
        ("recovery", "open recovery"),
        "the_documented_recovery_walks",
    ),
    request(
        "cancel-recovery",
        "go back to the sign-on form",
        ("recovery-cancel", "cancel"),
        "the_documented_recovery_walks",
    ),
    request(
        "submit-identifier",
        "say whose password is forgotten",
        ("recovery", "identify"),
        "the_documented_recovery_walks",
    ),
    request(
        "resend-recovery-code",
        "send the recovery code again",
        ("recovery-resend", "resend"),
        "the_documented_recovery_walks",
    ),
    request(
        "submit-recovery",
        "set a new password with the recovery code",
        ("recovery", "set new password"),
        "the_documented_recovery_walks",
    ),
    request(
        "finish-recovery",
        "go on after the recovery",
        ("recovery", "finish"),
        "the_documented_recovery_walks",
    ),
    request(
        "start-with-input-schema",
        "start a flow policy with input",
        ("start-with-input", "start"),
        "the_documented_start_with_an_input_schema_walks",
    ),
];

/// One documented reply: fixture, what it is, test that has the stand-in give it, journey that reads it.
const REPLIES: &[(&str, &str, &str, &str)] = &[
    (
        "registration-form.201",
        "the registration form (printed with status 201 and `CANCEL` as a submit button)",
        "the_documented_registration_walks",
        "register",
    ),
    (
        "registration-complete.200",
        "the page after the verification",
        "the_documented_registration_walks",
        "register",
    ),
    ("success.200", "the end of a flow, with the code", "the_documented_sign_on_walks", "sign-on"),
    (
        "start-with-input-schema.200",
        "the first page in the screen dialect",
        "the_documented_start_with_an_input_schema_walks",
        "start-with-input",
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Names of the JSON fixtures of a folder.
fn fixtures(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("tests/fixtures/seeds").join(folder)).expect("fixtures");
    let names = entries.filter_map(|entry| {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        name.strip_suffix(".json").map(str::to_owned)
    });
    names.collect()
}

#[test]
fn every_documented_request_and_reply_has_its_line() {
    let lines: BTreeSet<_> = REQUESTS.iter().map(|line| line.fixture.to_owned()).collect();
    assert_eq!(lines, fixtures("requests"));
    let lines: BTreeSet<_> = REPLIES.iter().map(|(fixture, ..)| (*fixture).to_owned()).collect();
    assert_eq!(lines, fixtures("replies"));
}

#[test]
fn every_test_that_is_named_is_there_and_names_the_fixture() {
    let seeds = read(SEEDS);
    let named = REQUESTS.iter().map(|line| (line.taken_by, line.fixture));
    for (test, fixture) in
        named.chain(REPLIES.iter().map(|(fixture, _, test, _)| (*test, *fixture)))
    {
        let body = seeds.split(&format!("async fn {test}(")).nth(1);
        let body = body.unwrap_or_else(|| panic!("{SEEDS} has no test {test}"));
        let body = body.split("\n}\n").next().unwrap_or(body);
        assert!(body.contains(fixture), "{test} does not use {fixture}");
    }
    for test in [
        "the_walker_writes_every_documented_request",
        "the_walker_takes_every_documented_reply_for_what_it_is",
    ] {
        assert!(read(CONTRACT).contains(&format!("fn {test}(")), "{CONTRACT} has no test {test}");
    }
}

/// The texts of a list, or the one text; alternatives are written `a|b`.
fn texts(value: Option<&toml::Value>) -> Vec<String> {
    let list = match value {
        Some(toml::Value::Array(items)) => items.iter().filter_map(toml::Value::as_str).collect(),
        Some(toml::Value::String(text)) => vec![text.as_str()],
        _ => Vec::new(),
    };
    list.into_iter().flat_map(|text| text.split('|').map(|key| key.trim().to_owned())).collect()
}

/// Keys of the actions and fields that a step of a built-in journey can send.
fn sent_by(journey: &str, step: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (_, text) = BUILT_IN.iter().find(|(name, _)| *name == journey).expect("a built-in journey");
    let journey: toml::Table = text.parse().expect("TOML");
    let rules = journey["rule"].as_array().expect("rules");
    let rule = rules.iter().find(|rule| rule["name"].as_str() == Some(step));
    let rule = rule.unwrap_or_else(|| panic!("no step `{step}`"));
    let when = |key| texts(rule.get("when").and_then(|when| when.get(key)));
    let lists = [texts(rule.get("action")), when("actions"), when("any_action")];
    let answers = rule.get("answer").and_then(toml::Value::as_table);
    let keys = answers.into_iter().flat_map(toml::Table::keys);
    let mut fields: BTreeSet<String> =
        keys.flat_map(|key| key.split('|').map(|key| key.trim().to_owned())).collect();
    if fields.contains("*") {
        fields.extend(when("any_field"));
    }
    (lists.into_iter().flatten().collect(), fields)
}

#[test]
fn every_documented_request_is_one_that_its_journey_sends() {
    for Request { fixture, journey: (journey, step), .. } in REQUESTS {
        if *step == "start" {
            continue; // Not an answer to a form: the walk of `tests/contract.rs` writes it.
        }
        let body: Value =
            serde_json::from_str(&read(&format!("tests/fixtures/seeds/requests/{fixture}.json")))
                .expect("JSON");
        let data = &body["parameters"]["data"];
        let (actions, fields) = sent_by(journey, step);
        let action = data["actionKey"].as_str().expect("an action");
        assert!(actions.contains(action), "{journey}/{step} sends {actions:?}, not {action}");
        for key in data["formData"].as_object().expect("form data").keys() {
            assert!(fields.contains(key), "{journey}/{step} fills in {fields:?}, not {key}");
        }
    }
}

fn page() -> String {
    let mut page = String::from(
        "# What covers the documented protocol\n\n\
         Every request and reply that the vendor's pages print is a fixture in `tests/fixtures/seeds`. It is\n\
         replayed both ways: gander's walker writes each request and reads each reply (`tests/contract.rs`),\n\
         and the stand-in takes each request and gives each reply (`tests/standin/seeds.rs`). The one printed\n\
         body that is not JSON (`submit-registration.invalid.txt`) is kept, and repaired beside it.\n\n\
         This page is written by `tests/coverage.rs`, which fails when a fixture has no line, a test is not\n\
         there, or a journey does not send what its line says.\n\n## Requests\n\n\
         | request | asks to | journey: step | taken by the stand-in in |\n| --- | --- | --- | --- |\n",
    );
    for Request { fixture, asks, journey: (journey, step), taken_by } in REQUESTS {
        let _ = writeln!(page, "| `{fixture}` | {asks} | `{journey}`: {step} | `{taken_by}` |");
    }
    page.push_str("\n## Replies\n\n| reply | is | read in journey | given by the stand-in in |\n| --- | --- | --- | --- |\n");
    for (fixture, is, test, journey) in REPLIES {
        let _ = writeln!(page, "| `{fixture}` | {is} | `{journey}` | `{test}` |");
    }
    page
}

#[test]
fn the_page_says_what_the_table_says() {
    let path = root().join("docs/protocol-coverage.md");
    #[expect(clippy::disallowed_methods, reason = "a test is run by a person as a command is")]
    let is_wanted = std::env::var_os("GANDER_WRITE_DOCS").is_some();
    if is_wanted {
        fs::write(&path, page()).expect("a written page");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/protocol-coverage.md is old: run with GANDER_WRITE_DOCS=1");
}
