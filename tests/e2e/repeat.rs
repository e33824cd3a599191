//! `--repeat`: several whole runs, and what they say together.

use crate::lab::{Ended, Lab};
use crate::run::{after_intervals, signal, summary};
use crate::tenant::Tenant;
use serde_json::Value;
use std::fs;
use std::process::Stdio;

/// Series of short runs without accounts and without delays.
const SHORT: &[&str] = &[
    "run",
    "-j",
    "register-cancel",
    "-u",
    "2",
    "--warm-up",
    "0s",
    "--set",
    "stand_in.delay=[]",
    "--set",
    "stand_in.signing=\"ES256\"",
    "--repeat",
    "3",
];

fn short(lab: &Lab, more: &[&str]) -> Ended {
    lab.run(&[SHORT, more].concat())
}

fn record(lab: &Lab, run: &str) -> Value {
    let text = fs::read_to_string(lab.path(run).join("run.json")).expect("a record");
    serde_json::from_str(&text).expect("JSON")
}

/// The directories of runs below a folder.
fn directories(lab: &Lab, folder: &str) -> usize {
    let entries = fs::read_dir(lab.path(folder)).expect("a folder");
    entries
        .filter(|entry| entry.as_ref().expect("an entry").path().join("run.json").is_file())
        .count()
}

#[test]
fn a_series_is_so_many_whole_runs_with_seeds_that_follow_each_other() {
    let lab = Lab::new();
    let ended = short(&lab, &["-n", "6", "-o", "s", "--seed", "7", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!lab.path("reports").exists(), "written elsewhere");
    let lines: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).expect("a document")).collect();
    assert_eq!(lines.len(), 3, "one document in a line");
    for (number, line) in (1..).zip(&lines) {
        let (run, seed) = (format!("s/{number}"), (6 + number).to_string());
        assert_eq!(summary(&lab.path(&run)), *line);
        let record = record(&lab, &run);
        assert_eq!((&record["seed"], &record["run_id"]), (&seed.into(), &line["run_id"]));
        assert_eq!(line["journeys"][0]["completed"], 6);
        assert!(lab.path(&run).join("report.html").is_file());
    }
    assert_ne!(lines[0]["run_id"], lines[1]["run_id"]);
    for line in [
        "gander compare --baseline s/1 s/2 s/3 --candidate RUN...",
        "gander compare BASELINE CANDIDATE --spread s/1 s/2 s/3",
    ] {
        assert!(ended.stderr.contains(line), "{}", ended.stderr);
    }

    let again = short(&lab, &["-n", "6", "-o", "s"]);
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert!(again.stderr.contains("`s/1` already holds a run"), "{}", again.stderr);
}

#[test]
fn runs_that_fail_go_on_and_the_series_ends_as_the_worst_of_them() {
    let lab = Lab::new();
    let ended = short(&lab, &["-n", "4", "--threshold", "p50 < 1us"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    // The link to the newest is one more.
    assert_eq!(directories(&lab, "reports"), 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("3 runs\n    1  FAIL  seed "), "{}", ended.stderr);
}

#[test]
fn an_interrupt_ends_the_run_in_order_and_starts_no_other() {
    for (name, last) in [("INT", "Ctrl-C"), ("TERM", "SIGTERM")] {
        let lab = Lab::new();
        let child = lab
            .command(&[SHORT, &["-d", "60s"]].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a binary that starts");
        after_intervals(&lab, 2);
        signal(child.id(), name);
        let ended = Ended::of(child.wait_with_output().expect("an end"));
        assert_eq!(ended.code, 130, "{}", ended.stderr);
        assert_eq!(directories(&lab, "reports"), 2, "{}", ended.stderr);
        assert!(ended.stderr.contains("1 of 3 runs: run 1 was interrupted"), "{}", ended.stderr);
        let timeline = fs::read_to_string(lab.path("reports/latest/timeline.jsonl"));
        assert!(timeline.expect("a timeline").contains(last));
        let summary = summary(&lab.path("reports/latest"));
        assert_eq!(summary["journeys"][0]["cut_off"], 0, "those under way could finish");
    }
}

#[test]
fn a_later_run_hears_an_interrupt_too() {
    let lab = Lab::new();
    let child = lab
        .command(&[SHORT, &["-d", "2s", "-o", "s"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a binary that starts");
    while !lab.path("s/2/timeline.jsonl").exists() {
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    signal(child.id(), "TERM");
    let ended = Ended::of(child.wait_with_output().expect("an end"));
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!(ended.stderr.contains("2 of 3 runs: run 2 was interrupted"), "{}", ended.stderr);
    assert_eq!(directories(&lab, "s"), 2);
    assert_eq!(summary(&lab.path("s/1"))["verdict"], "pass");
}

#[test]
fn a_guard_that_ends_a_run_ends_the_series() {
    let lab = Lab::new();
    let ended = short(
        &lab,
        &[
            "-d",
            "30s",
            "--set",
            "stand_in.fault=[{kind=\"http-500\",capability=\"authorize\"}]",
            "--set",
            "guards.stop_when=[\"faults > 50% over 2s\"]",
        ],
    );
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert_eq!(directories(&lab, "reports"), 2, "one, and the link to it");
    assert!(
        ended.stderr.contains("1 of 3 runs: run 1 was ended before its time"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("Too few to compare by"), "{}", ended.stderr);
}

#[test]
fn a_tenant_that_cannot_be_used_ends_the_series() {
    let lab = Lab::new();
    let tenant = Tenant::start("");
    let profile = format!("{}[journeys]\nsign-on = 1\n", tenant.profile());
    let (profile, secret) = (lab.file("p.toml", &profile), tenant.worker_secret().to_owned());
    drop(tenant);
    let mut command = lab.command(&["run", &profile, "--repeat", "3", "-o", "s", "-n", "1"]);
    let ended = Ended::of(command.env("WORKER_SECRET", secret).output().expect("an end"));
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("0 of 3 runs"), "{}", ended.stderr);
    assert!(!lab.path("s/2").exists(), "another one was tried");
}

#[test]
fn what_is_of_one_run_is_refused_before_anything_is_begun() {
    let lab = Lab::new();
    for flag in [&["--live"][..], &["--calls", "calls.jsonl"]] {
        let ended = short(&lab, flag);
        assert_eq!(ended.code, 2, "{flag:?}: {}", ended.stderr);
        let what = format!("`{}` is of one run, and `--repeat` makes several", flag[0]);
        assert!(ended.stderr.contains(&what), "{}", ended.stderr);
    }
    for times in ["1", "101", "many"] {
        assert_eq!(lab.run(&["run", "--repeat", times]).code, 2, "{times}");
    }
    assert!(!lab.path("reports").exists(), "something was begun");
}
