//! However a run ends, it says so: by its exit code, and to whoever reports it later.

use crate::lab::{Ended, Lab};
use crate::run::{after_intervals, signal, summary};
use serde_json::Value;
use std::process::{Child, Stdio};

/// Sign-ons of which each call takes a second, without anything else on the disk that grows.
const SLOW: &[&str] = &[
    "run",
    "--warm-up",
    "0s",
    "-j",
    "sign-on",
    "--set",
    "accounts.count=20",
    "--set",
    "stand_in.delay=[{ delay = \"constant 1s\" }]",
    "--set",
    "stand_in.signing=\"ES256\"",
];

/// The same without delays.
const QUICK: &[&str] = &[
    "run",
    "--warm-up",
    "0s",
    "-j",
    "sign-on",
    "--set",
    "accounts.count=20",
    "--set",
    "stand_in.delay=[]",
    "--set",
    "stand_in.signing=\"ES256\"",
];

fn start(lab: &Lab, arguments: &[&[&str]]) -> Child {
    let mut command = lab.command(&arguments.concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a binary that starts")
}

fn end(child: Child) -> Ended {
    Ended::of(child.wait_with_output().expect("an end"))
}

/// The binary behind a shell that has set something for it first.
fn behind(lab: &Lab, first: &str, arguments: &[&[&str]]) -> std::process::Command {
    let gander = lab.command(&arguments.concat());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("{first}; exec \"$0\" \"$@\"")]);
    shell.arg(gander.get_program()).args(gander.get_args());
    shell.env_clear().env("HOME", lab.path("")).env("PATH", "/usr/bin:/bin");
    shell.current_dir(lab.path("")).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

/// A limit of file size stands in for a disk that is full: the write fails half-way through a line,
/// for root too.
#[test]
fn a_run_that_can_write_no_more_stops_shows_what_it_has_and_never_passes() {
    let lab = Lab::new();
    let full = "trap '' XFSZ; ulimit -f 24";
    let arguments = [QUICK, &["-u", "4", "-d", "120s", "--threshold", "faults < 90%"]];
    let child = behind(&lab, full, &arguments).spawn().expect("a shell");
    let ended = end(child);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("error: cannot write"), "{}", ended.stderr);
    assert!(ended.stderr.contains("File too large"), "{}", ended.stderr);
    assert!(ended.stderr.contains("help: make room on the disk"), "{}", ended.stderr);
    assert!(ended.stderr.contains("FAIL"), "{}", ended.stderr);
    assert!(ended.stderr.contains("the results could not be written"), "{}", ended.stderr);
    assert!(!lab.path("reports/latest/summary.json").exists());

    let lines = std::fs::read_to_string(lab.path("reports/latest/timeline.jsonl")).expect("lines");
    assert!(lines.lines().count() < 60, "the load went on");
    let reported = lab.run(&["report", "reports/latest", "--format", "json"]);
    assert_eq!(reported.code, 0, "{}", reported.stderr);
    let reported: Value = serde_json::from_str(&reported.stdout).expect("a summary");
    assert_eq!(reported["verdict"], "fail");
    let reason = reported["reasons"][0].as_str().expect("a reason");
    assert!(reason.starts_with("the run has no end on record"), "{reason}");
}

#[test]
fn a_killed_run_never_passes() {
    let lab = Lab::new();
    let mut child = start(&lab, &[QUICK, &["-u", "2", "-d", "60s"]]);
    after_intervals(&lab, 2);
    child.kill().expect("a kill");
    child.wait().expect("an end");
    let shown = lab.run(&["report", "reports/latest"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(shown.stdout.starts_with("FAIL"), "{}", shown.stdout);
    assert!(shown.stdout.contains("the run has no end on record"), "{}", shown.stdout);
}

#[test]
fn an_interrupt_while_the_last_iterations_end_is_an_interrupt() {
    for ends in [&["-n", "3"][..], &["-d", "1s"]] {
        let lab = Lab::new();
        let child = start(&lab, &[SLOW, &["-u", "3", "--set", "workload.drain=4s"], ends]);
        after_intervals(&lab, 2);
        signal(child.id(), "INT");
        let ended = end(child);
        assert_eq!(ended.code, 130, "{ends:?}: {}", ended.stderr);
        let interrupted = |caution: &Value| caution["slug"] == "interrupted";
        let summary = summary(&lab.path("reports/latest"));
        let cautions = summary["cautions"].as_array().expect("cautions");
        assert!(cautions.iter().any(interrupted), "{cautions:?}");
    }
}

#[test]
fn a_terminal_that_goes_away_ends_a_run_with_its_results() {
    let lab = Lab::new();
    let child = start(&lab, &[QUICK, &["-u", "2", "-d", "60s"]]);
    after_intervals(&lab, 2);
    signal(child.id(), "HUP");
    let ended = end(child);
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!(summary(&lab.path("reports/latest"))["measured_s"].as_f64().expect("seconds") < 30.0);
}

#[test]
fn a_run_started_to_outlive_its_terminal_does() {
    let lab = Lab::new();
    let child = behind(&lab, "trap '' HUP", &[QUICK, &["-u", "2", "-d", "3s"]]);
    let child = { child }.spawn().expect("a shell");
    after_intervals(&lab, 1);
    signal(child.id(), "HUP");
    let ended = end(child);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn users_who_do_not_fit_under_the_limit_of_open_files_are_refused_before_any_load() {
    let lab = Lab::new();
    let few = "ulimit -n 300";
    let ended = end(behind(&lab, few, &[QUICK, &["-u", "400"]]).spawn().expect("a shell"));
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("the limit is 300"), "{}", ended.stderr);
    assert!(ended.stderr.contains("at most 172 users"), "{}", ended.stderr);
    assert!(!lab.path("reports").exists(), "something was begun");
}

#[test]
fn the_limit_of_open_files_is_raised_and_what_the_generator_used_is_told() {
    let lab = Lab::new();
    let soft = "ulimit -Sn 64; ulimit -Hn 4000";
    let ended =
        end(behind(&lab, soft, &[QUICK, &["-u", "80", "-d", "2s", "--set", "accounts.count=100"]])
            .spawn()
            .expect("a shell"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let generator = &summary(&lab.path("reports/latest"))["generator"];
    assert_eq!(generator["file_limit"], 4000);
    for figure in [
        "cores",
        "cpu_share",
        "worst_cpu_share",
        "peak_rss_bytes",
        "max_open_sockets",
        "max_open_files",
        "max_ports_in_use",
        "ports",
    ] {
        assert!(
            generator[figure].as_f64().is_some_and(|number| number > 0.0),
            "{figure}: {generator}"
        );
    }
    assert!(
        generator["scheduler_lag_us"]["p99"].as_u64().is_some_and(|lag| lag > 0),
        "{generator}"
    );
    assert!(generator["lag_us"].is_null(), "no dispatcher in the closed model: {generator}");
}

#[test]
fn a_refused_run_leaves_nothing_behind_and_latest_where_it_was() {
    let lab = Lab::new();
    let plain = ["run", "--warm-up", "0s", "-j", "register", "-n", "2"];
    let plain = [&plain[..], &["--set", "stand_in.delay=[]"]].concat();
    // Refused once the ledger is open, and before that; without a run before it, too.
    let refusals = [&["--calls", "nowhere/calls.jsonl"][..], &["--variant", "v1=stok"]];
    for refusal in refusals {
        let ended = lab.run(&[&plain, refusal].concat());
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(!lab.path("reports").exists(), "{refusal:?}");
    }
    let ended = lab.run(&plain);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let latest = || std::fs::read_link(lab.path("reports/latest")).expect("a link");
    let before = latest();
    for refusal in refusals {
        let ended = lab.run(&[&plain, refusal].concat());
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert_eq!(latest(), before, "{refusal:?}");
    }
    let entries = std::fs::read_dir(lab.path("reports")).expect("a folder").count();
    assert_eq!(entries, 2, "the run and the link to it");
    assert_eq!(lab.run(&["report", "reports/latest"]).code, 0);
}
