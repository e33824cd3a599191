//! `gander run`: what it leaves behind adds up, whatever ends it.

use crate::lab::{Ended, Lab};
use gander::result::run_dir::{INTERVALS, RunDir};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// A short run against a stand-in without delays.
const SHORT: &[&str] = &[
    "run",
    "--warm-up",
    "0s",
    "--set",
    "stand_in.delay=[]",
    "--set",
    "stand_in.signing=\"ES256\"",
];

fn short(lab: &Lab, more: &[&str]) -> Ended {
    lab.run(&[SHORT, more].concat())
}

pub(crate) fn summary(path: &Path) -> Value {
    let text = fs::read(path.join("summary.json")).expect("a summary");
    serde_json::from_slice(&text).expect("a summary in JSON")
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn what_a_run_leaves_behind_adds_up() {
    let lab = Lab::new();
    let ended = short(&lab, &["-u", "5", "-d", "3s", "--set", "workload.warm_up=500ms", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    let printed: Value = serde_json::from_str(&ended.stdout).expect("a summary on standard output");
    assert_eq!(printed, summary);
    assert_eq!(summary["verdict"], "pass");
    let journeys = summary["journeys"].as_array().expect("journeys");
    assert_eq!(journeys.len(), 3);
    for row in journeys {
        assert!(number(&row["completed"]) > 10, "{row}");
        let parts = ["completed", "failed", "dropped", "cut_off"].map(|part| number(&row[part]));
        assert_eq!(number(&row["due"]), parts.iter().sum::<u64>(), "{row}");
        assert_eq!(number(&row["failed"]), 0, "{row}");
        let steps = row["funnel"].as_array().expect("a funnel");
        assert_eq!(steps.first().expect("a step")["step"], "authorize");
        assert_eq!(steps.last().expect("a step")["step"], "token");
    }
    let mut samples = 0;
    let mut rows = Vec::new();
    for capability in summary["capabilities"].as_array().expect("capabilities") {
        let name = capability["capability"].as_str().expect("a name");
        samples += number(&capability["samples"]);
        in_order(&capability["service_time_us"]);
        for action in capability["actions"].as_array().expect("actions") {
            rows.push(format!("{name} {} {}", action["event"], action["action"]).replace('"', ""));
            in_order(&action["service_time_us"]);
        }
    }
    rows.sort();
    let expected = [
        "authorize  ",
        "customHTMLTemplate action REGISTER",
        "customHTMLTemplate action TROUBLE",
        "customHTMLTemplate submit CONTINUE",
        "customHTMLTemplate submit NEXT",
        "customHTMLTemplate submit REGISTER",
        "customHTMLTemplate submit SIGNON",
        "customHTMLTemplate submit UPDATE",
        "customHTMLTemplate submit VERIFY",
        "token  ",
    ];
    assert_eq!(rows, expected);
    assert_eq!(samples, samples_in_log(&lab.path("reports/latest")));
}

fn in_order(times: &Value) {
    let keys = ["min", "p50", "p75", "p90", "p95", "p99", "p99_9", "max"];
    let values = keys.map(|key| number(&times[key]));
    assert!(values.is_sorted(), "{times}");
}

/// Samples of exchanges of the measured phase in the interval log.
fn samples_in_log(path: &Path) -> u64 {
    let dir = RunDir::open(path).expect("a run directory");
    let mut samples = 0;
    let count = |entry: gander::result::interval_log::Entry| {
        let key = &entry.key;
        if key.phase.slug() == "measured" && key.kind.slug() == "exchange" {
            samples += entry.times.count();
        }
    };
    dir.each_entry(INTERVALS, count).expect("a readable log");
    samples
}

#[test]
fn a_run_by_count_performs_exactly_so_many_iterations() {
    let lab = Lab::new();
    let ended = short(&lab, &["-u", "4", "-n", "37", "-j", "sign-on", "--set", "accounts.count=4"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    assert_eq!(number(&summary["journeys"][0]["completed"]), 37);
}

#[test]
fn a_threshold_that_does_not_hold_ends_in_exit_4_and_one_of_nothing_in_exit_2() {
    let lab = Lab::new();
    let ended = short(
        &lab,
        &["-u", "2", "-n", "20", "-j", "register", "--threshold", "register.p50 < 1us"],
    );
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("FAIL"), "{}", ended.stderr);
    let ended = short(&lab, &["-n", "1", "--threshold", "regster.p50 < 1s"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("regster"), "{}", ended.stderr);
}

#[test]
fn the_same_seed_invents_the_same_people_and_never_the_same_logins() {
    let lab = Lab::new();
    let walk = || {
        let ended = lab.run(&["check", "--walk", "--seed", "7", "--set", "journeys.register=1"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let line =
            ended.stdout.lines().find(|line| line.contains("givenName=")).expect("a registration");
        let of = |key: &str| {
            let text = line.split(key).nth(1).expect("a value");
            text.split("  ").next().expect("a value").to_owned()
        };
        (of("email="), of("givenName="), of("familyName="))
    };
    let (first, second) = (walk(), walk());
    assert_eq!((&first.1, &first.2), (&second.1, &second.2));
    assert_ne!(first.0, second.0);
}

/// Waits until the run has finished some intervals.
pub(crate) fn after_intervals(lab: &Lab, intervals: usize) {
    let timeline = lab.path("reports/latest/timeline.jsonl");
    while fs::read_to_string(&timeline).map_or(0, |text| text.lines().count()) < intervals {
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn one_interrupt_drains_and_leaves_a_complete_directory() {
    let lab = Lab::new();
    let child = lab
        .command(&[SHORT, &["-u", "3", "-d", "60s"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a binary that starts");
    after_intervals(&lab, 2);
    signal(child.id(), "INT");
    let ended = Ended::of(child.wait_with_output().expect("an end"));
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    for row in summary["journeys"].as_array().expect("journeys") {
        let parts = ["completed", "failed", "dropped", "cut_off"].map(|part| number(&row[part]));
        assert_eq!(number(&row["due"]), parts.iter().sum::<u64>(), "{row}");
        assert_eq!(number(&row["cut_off"]), 0, "those under way could finish: {row}");
    }
    assert!(summary["measured_s"].as_f64().expect("seconds") < 30.0);
    for file in ["run.json", "timeline.jsonl", "intervals.hlog", "exemplars.jsonl", "ledger.jsonl"]
    {
        assert!(lab.path("reports/latest").join(file).exists(), "{file} is missing");
    }
}

#[test]
fn a_killed_run_can_be_reported_up_to_its_last_interval() {
    for intervals in [1u32, 2, 3] {
        let lab = Lab::new();
        let mut child = lab
            .command(&[SHORT, &["-u", "3", "-d", "60s"]].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a binary that starts");
        after_intervals(&lab, intervals as usize);
        child.kill().expect("a kill");
        child.wait().expect("an end");
        let ended = lab.run(&["report", "reports/latest", "--format", "json"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let summary: Value = serde_json::from_str(&ended.stdout).expect("a summary");
        assert_eq!(completed_by_summary(&summary), completed_by_timeline(&lab));
        assert!(summary["measured_s"].as_f64().expect("seconds") >= f64::from(intervals) - 0.1);
        let shown = lab.run(&["report", "reports/latest"]);
        assert_eq!(shown.code, 0, "{}", shown.stderr);
    }
}

fn completed_by_summary(summary: &Value) -> BTreeMap<String, u64> {
    let rows = summary["journeys"].as_array().expect("journeys").iter();
    rows.map(|row| (row["journey"].as_str().expect("a name").to_owned(), number(&row["completed"])))
        .collect()
}

fn completed_by_timeline(lab: &Lab) -> BTreeMap<String, u64> {
    let text = fs::read_to_string(lab.path("reports/latest/timeline.jsonl")).expect("a timeline");
    let mut completed = BTreeMap::new();
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let line: Value = serde_json::from_str(line).expect("a line in JSON");
        for row in line["journeys"].as_array().expect("journeys") {
            if row["phase"] == "measured" {
                let name = row["journey"].as_str().expect("a name").to_owned();
                *completed.entry(name).or_default() += row["completed"].as_u64().unwrap_or(0);
            }
        }
    }
    completed
}

/// Sends a signal to a process, or to a group of them by its number with a minus before it.
pub(crate) fn signal(process: impl std::fmt::Display, name: &str) {
    let arguments = [format!("-{name}"), "--".to_owned(), process.to_string()];
    let status = std::process::Command::new("kill").args(arguments).status();
    assert!(status.expect("a kill command").success());
}
