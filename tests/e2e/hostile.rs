//! What once broke the program, from outside: tenants, profiles, terminals and signals that mean no
//! good. Each test fails without the fix it stands for.

use crate::guard::{profile, serve};
use crate::lab::{Ended, Lab};
use crate::run::{after_intervals, number, signal, summary};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};

/// A run that lasts until something ends it.
const LONG: &[&str] = &[
    "run",
    "-u",
    "2",
    "-d",
    "60s",
    "--warm-up",
    "0s",
    "--set",
    "stand_in.delay=[]",
    "--set",
    "stand_in.signing=\"ES256\"",
];

fn start(lab: &Lab, more: &[&str]) -> Child {
    lab.command(&[LONG, more].concat())
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a binary that starts")
}

/// A tenant whose every reply is a form of this capability and name.
fn tenant_that_names(capability: String, name: String) -> String {
    serve(move |own| {
        serde_json::json!({
            "id": "n", "interactionId": "i", "interactionToken": "t", "capabilityName": capability,
            "_links": { "next": { "href": format!("http://{own}/next") } },
            "form": { "name": name, "components": { "fields": [
                { "type": "SUBMIT_BUTTON", "key": "SIGNON" }, { "type": "FLOW_BUTTON", "key": "REGISTER" } ] } }
        })
        .to_string()
    })
}

#[test]
fn a_tenant_cannot_make_names_as_long_as_it_likes() {
    let lab = Lab::new();
    let tenant = tenant_that_names("c".repeat(1_000_000), "f".repeat(100));
    let name = lab.file("p.toml", &profile(&format!("http://{tenant}"), ""));
    let ended = lab.run(&["run", &name, "-u", "1", "-n", "2"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let longest = ended.stderr.split_whitespace().map(str::len).max().unwrap_or(0);
    assert!(longest < 500, "a word of {longest} characters");
    for (path, content) in lab.files() {
        assert!(content.len() < 500_000, "{} has {} bytes", path.display(), content.len());
    }
}

#[test]
fn a_tenants_words_do_not_steer_the_terminal() {
    let lab = Lab::new();
    let words = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m";
    let tenant = tenant_that_names(format!("cap{words}"), format!("form{words}"));
    let name = lab.file("p.toml", &profile(&format!("http://{tenant}"), ""));
    let ended = lab.run(&["check", &name, "--walk", "--color", "never"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    let steers = |c: char| c.is_control() && c != '\n';
    assert!(!said.contains(steers), "{said:?}");
    assert!(said.contains("owned"), "the name is shown all the same: {said}");
}

#[test]
fn an_empty_acknowledgement_is_none() {
    let lab = Lab::new();
    let text = profile("https://auth.example.com", "acknowledge = \"\"");
    let name =
        lab.file("p.toml", &text.replace("environment_id = \"env\"\n", "environment_id = \"\"\n"));
    let ended = lab.run(&["check", &name, "--walk", "--acknowledge", "", "--environment", ""]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(!lab.path("reports").exists(), "something was begun");
}

#[test]
fn a_profile_cannot_open_the_stand_in_to_others() {
    let lab = Lab::new();
    let ended = lab.run(&["run", "-n", "1", "--set", "stand_in.beyond_loopback=true"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("beyond_loopback"), "{}", ended.stderr);
}

#[test]
fn time_outs_of_ages_are_taken() {
    let lab = Lab::new();
    let ages = "\"100000000000h\"";
    let keys = ["http.reply_timeout", "http.connect_timeout", "codes.timeout", "workload.drain"];
    let sets: Vec<String> = keys.iter().map(|key| format!("{key}={ages}")).collect();
    let mut arguments = vec!["run", "-u", "1", "-n", "3", "--warm-up", "0s"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set.as_str()]));
    let ended = lab.run(&arguments);
    assert!([0, 2].contains(&ended.code), "exit {}: {}", ended.code, ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn a_weight_next_to_nothing_is_a_weight() {
    let lab = Lab::new();
    let sets = ["--set", "journeys={ sign-on = 1e-320 }", "--set", "accounts.count=2"];
    let ended = lab.run(&[&["run", "-u", "1", "-n", "2", "--warm-up", "0s"], &sets[..]].concat());
    assert!([0, 2].contains(&ended.code), "exit {}: {}", ended.code, ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn without_a_home_the_key_of_passwords_can_come_from_the_environment() {
    let lab = Lab::new();
    let arguments = ["check", "--walk", "--set", "stand_in.delay=[]"];
    let without = |key: Option<&str>| {
        let mut command = lab.command(&arguments);
        command.env_remove("HOME");
        key.map(|key| command.env("GANDER_PASSWORD_KEY", key));
        Ended::of(command.output().expect("a binary that starts"))
    };
    let ended = without(None);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("HOME"), "{}", ended.stderr);
    let ended = without(Some("0123456789abcdef0123456789abcdef"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn a_directory_of_results_is_never_written_twice() {
    let lab = Lab::new();
    let arguments = ["-n", "3", "-o", "out", "--set", "accounts.count=2"];
    let child = start(&lab, &arguments);
    let first = Ended::of(child.wait_with_output().expect("an end"));
    assert_eq!(first.code, 0, "{}", first.stderr);
    let before = lab.files();
    let second = Ended::of(start(&lab, &arguments).wait_with_output().expect("an end"));
    assert_eq!(second.code, 2, "{}", second.stderr);
    assert!(second.stderr.contains("out"), "{}", second.stderr);
    let kept = |(path, content): &(_, Vec<u8>)| {
        before.iter().any(|(old, was)| old == path && was == content)
    };
    assert!(lab.files().iter().filter(|(path, _)| path.starts_with(lab.path("out"))).all(kept));
}

/// A terminal's interrupt and a service manager's stop reach the whole group, the stand-in's
/// process too; iterations under way must be able to finish all the same.
#[test]
fn a_stop_of_the_whole_group_leaves_the_stand_in_alive_until_the_drain_is_over() {
    let lab = Lab::new();
    let child = start(&lab, &["--set", "stand_in.delay=[{ delay = \"constant 200ms\" }]"]);
    after_intervals(&lab, 2);
    signal_group(child.id(), "TERM");
    let ended = Ended::of(child.wait_with_output().expect("an end"));
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    for row in summary["journeys"].as_array().expect("journeys") {
        assert_eq!((number(&row["failed"]), number(&row["cut_off"])), (0, 0), "{row}");
    }
    assert!(summary["measured_s"].as_f64().expect("seconds") < 30.0, "{}", summary["measured_s"]);
}

#[test]
fn a_stop_while_accounts_are_made_ends_the_run_and_keeps_the_ledger() {
    let lab = Lab::new();
    // So many accounts take longer than this test.
    let child = start(&lab, &["--set", "accounts.count=500000", "-o", "out"]);
    let ledger = lab.path("out/ledger.jsonl");
    while std::fs::read_to_string(&ledger).map_or(0, |text| text.lines().count()) < 50 {
        std::thread::yield_now();
    }
    signal_group(child.id(), "INT");
    let ended = Ended::of(child.wait_with_output().expect("an end"));
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    let made = std::fs::read_to_string(&ledger).expect("a ledger").lines().count();
    assert!((50..500_000).contains(&made), "{made} accounts on the ledger");
}

/// Somebody pressed Ctrl-S: what the run has to say stays in the pipe, what it measures does not.
#[test]
fn a_terminal_that_stands_still_does_not_stop_the_results() {
    let lab = Lab::new();
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let filler = writer.try_clone().expect("a second end");
    // A pipe holds 64 KiB on Linux: there is room for the line that names the directory, and not for
    // a second line of progress.
    writer.write_all(&[b'.'; 65_536 - 160]).expect("a pipe that takes its fill");
    let mut child = lab
        .command(LONG)
        .stdout(Stdio::null())
        .stderr(filler)
        .spawn()
        .expect("a binary that starts");
    after_intervals(&lab, 15);
    child.kill().expect("a kill");
    child.wait().expect("an end");
    drop(reader);
}

#[test]
fn data_that_cannot_be_written_is_no_success() {
    let lab = Lab::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
    let output = lab.command(&["journeys", "show", "register"]).stdout(full).output();
    let ended = Ended::of(output.expect("a binary that starts"));
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("standard output"), "{}", ended.stderr);
}

fn signal_group(process: u32, name: &str) {
    signal(format!("-{process}"), name);
}
