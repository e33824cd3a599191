//! Flows walked in the terminal, form by form, become journeys that reach their goal. The person is
//! a pipe.

use crate::lab::{Ended, Lab, steady};
use std::io::Write;
use std::process::Stdio;

/// Types lines into `journeys record` and waits for its end.
fn typed(lab: &Lab, arguments: &[&str], lines: &[&str]) -> Ended {
    let mut command = lab.command(&["journeys", "record", "--seed", "1"]);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a binary that starts");
    let mut input = child.stdin.take().expect("a pipe");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    input.write_all(text.as_bytes()).expect("lines that are taken");
    drop(input);
    Ended::of(child.wait_with_output().expect("an end"))
}

/// Walks a journey file and gives back its text.
fn walked(lab: &Lab, name: &str) -> String {
    let file = format!("{name}.toml");
    let profile = lab.file(
        &format!("profile-{name}.toml"),
        &format!("journey_files = [\"{file}\"]\n[journeys]\n{name} = 1\n"),
    );
    let text = std::fs::read_to_string(lab.path(&file)).expect("a written journey");
    let walked = lab.run(&["check", &profile, "--walk"]);
    assert_eq!(walked.code, 0, "{text}\n{}{}", walked.stdout, walked.stderr);
    assert!(walked.stdout.contains("goal reached"), "{}", walked.stdout);
    text
}

#[test]
fn a_registration_is_recorded_by_taking_what_is_suggested() {
    let lab = Lab::new();
    let lines = ["REGISTER", "", "", "", "", "", "", "", "", "", "userinfo", ""];
    let ended = typed(&lab, &["--to", "mine.toml"], &lines);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    insta::assert_snapshot!(steady(&ended.stderr), @r#"
    recording `mine` on the embedded stand-in; Enter takes what stands in brackets, `-` leaves a field alone, `q` ends

    Username/Password Form
      fields   username (text), password (secret)
      actions  1 SIGNON (submit), 2 REGISTER (action), 3 TROUBLE (action)
      action [SIGNON]: 

    Registration Form
      fields   email (text), password (secret), givenName (text), familyName (text)
      actions  1 REGISTER (submit), 2 CANCEL (action)
      action [REGISTER]: 
      email [{persona.email}]: 
      password [{persona.password}]: 
      givenName [{persona.given_name}]: 
      familyName [{persona.family_name}]: 

    Verification Code Form
      fields   passcode (text)
      actions  1 VERIFY (submit), 2 RESEND (action)
      action [VERIFY]: 
      passcode [{code}]: 

    Registration Complete
      actions  1 NEXT (submit)
      action [NEXT]: 
      success  the flow is over
      and then (token) [token]: 
      token  status 200
      and then (userinfo, start-again, sign-off, revoke) [nothing]: 
      userinfo  status 200
      and then (start-again, sign-off, revoke) [nothing]: 
    Recorded in the terminal: open registration, submit registration, verify, finish.
    written to mine.toml
    to run it, put `journey_files = ["mine.toml"]` (from the profile's folder) and `mine = 1` below `[journeys]` into a profile, then `gander check PROFILE --walk`
    "#);
    insta::assert_snapshot!(walked(&lab, "mine"), @r#"
    # Recorded in the terminal: open registration, submit registration, verify, finish.
    name = "mine"
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

#[test]
fn a_mistake_that_was_meant_is_kept_and_what_was_typed_is_not() {
    let lab = Lab::new();
    let lines = ["", "", "Hunter2!typed", "maybe", "y", "1", "", "", "", ""];
    let ended = typed(&lab, &["--to", "mine.toml"], &lines);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let text = walked(&lab, "mine");
    assert!(text.contains("expect = \"refusal\""), "{text}");
    assert!(text.contains("{persona.wrong_password}"), "{text}");
    assert!(!text.contains("Hunter2") && !ended.stderr.contains("Hunter2"), "{text}");
}

#[test]
fn a_mistake_that_was_not_meant_leaves_no_trace() {
    let lab = Lab::new();
    let lines = ["", "nobody", "", "n", "", "", "", "", ""];
    let ended = typed(&lab, &["--to", "mine.toml"], &lines);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let text = walked(&lab, "mine");
    assert!(!text.contains("refusal") && !text.contains("nobody"), "{text}");
}

#[test]
fn a_recovery_waits_for_the_code_in_the_mail() {
    let lab = Lab::new();
    let lines = ["TROUBLE", "", "", "RESEND", "UPDATE", "", "", "", "", "", ""];
    let ended = typed(&lab, &["--to", "mine.toml"], &lines);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let text = walked(&lab, "mine");
    assert_eq!(text.matches("sends_code = true").count(), 2, "{text}");
    assert!(
        text.contains("changes_password = true") && text.contains("account = \"ok\""),
        "{text}"
    );
}

#[test]
fn whoever_stops_keeps_what_was_done() {
    for lines in [&["REGISTER", "q"][..], &["REGISTER"], &["7", "REGISTER", ""]] {
        let lab = Lab::new();
        let ended = typed(&lab, &["--to", "mine.toml"], lines);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(walked(&lab, "mine").contains("goal = \"form:stop here\""));
    }
}

#[test]
fn nothing_done_is_nothing_written() {
    let lab = Lab::new();
    for lines in [&["q"][..], &[]] {
        let ended = typed(&lab, &["--to", "mine.toml"], lines);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains("no form was answered"), "{}", ended.stderr);
        assert!(!lab.path("mine.toml").exists());
    }
    let ended = typed(&lab, &["--account", "rich"], &[]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("choose one of `none`, `ok`"), "{}", ended.stderr);
}

#[test]
fn without_a_file_the_journey_goes_to_standard_output() {
    let lab = Lab::new();
    let ended = typed(&lab, &["--name", "look", "--account", "none"], &["TROUBLE"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.starts_with("# Recorded in the terminal"), "{}", ended.stdout);
    assert!(ended.stdout.contains("name = \"look\"\n"), "{}", ended.stdout);
}

#[test]
fn a_page_that_waits_by_itself_is_waited_at() {
    let lab = Lab::new();
    for (policy, shown) in [("polling", "Please Wait"), ("challenge", "Approve the Sign-On")] {
        let file = format!("{policy}.toml");
        let arguments =
            ["--to", &file, "--policy", policy, "--set", "stand_in.polling.interval=\"5ms\""];
        let lines = ["", "", "", "", "", ""];
        let ended = typed(&lab, &arguments, &lines);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stderr.contains(shown), "{}", ended.stderr);
        assert!(ended.stderr.contains("action [wait]:"), "{}", ended.stderr);
        assert!(ended.stderr.contains("success  the flow is over"), "{}", ended.stderr);
        let text = std::fs::read_to_string(lab.path(&file)).expect("a written journey");
        assert!(text.contains("goal = \"token\"") && !text.contains("CANCEL"), "{text}");
        let profile = format!(
            "journey_files = [\"{file}\"]\n[journeys]\n{policy} = 1\n\
             [[variant]]\nname = \"v\"\nflow_policy = \"{policy}\"\n"
        );
        let profile = lab.file(&format!("profile-{policy}.toml"), &profile);
        let walked = lab.run(&["check", &profile, "--walk"]);
        assert!(walked.stdout.contains("goal reached"), "{}{}", walked.stdout, walked.stderr);
    }
}

#[test]
fn whoever_does_not_want_to_wait_presses_a_button() {
    let lab = Lab::new();
    let arguments = ["--to", "mine.toml", "--policy", "polling"];
    let ended = typed(&lab, &arguments, &["", "", "", "CANCEL", "q"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let text = std::fs::read_to_string(lab.path("mine.toml")).expect("a written journey");
    let pressed = "when = { fields = [\"pollingField\"], actions = [\"CANCEL\"] }";
    assert!(text.contains(pressed), "{text}");
}

#[test]
fn a_flow_that_needs_input_says_that_it_cannot_be_recorded_here() {
    let lab = Lab::new();
    let arguments = ["--to", "mine.toml", "--policy", "start-with-input"];
    let ended = typed(&lab, &arguments, &[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("a recording starts flows without input"), "{}", ended.stderr);
    assert!(!lab.path("mine.toml").exists());
}
