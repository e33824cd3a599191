//! `gander run --resume`: one directory for a run that was killed, however often, with exact sums.

use crate::lab::{Ended, Lab};
use crate::run::{number, signal, summary};
use crate::tenant::Tenant;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// A workload of constant arrivals: 2 s of warm-up and 12 s measured, 10 a second.
const WORKLOAD: &str = "[workload]\nmodel = \"open\"\nrate = \"10/s\"\narrivals = \"constant\"\nwarm_up = \"2s\"\n\
    duration = \"12s\"\nmax_users = 100\n[journeys]\nregister = 1\nsign-on = 1\nrecovery = 1\n\
    [[threshold]]\nrule = \"faults < 90%\"\n[accounts]\ncount = 60\n";

fn timeline(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path.join("timeline.jsonl")).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).expect("a line in JSON")).collect()
}

/// Seconds of the run that are measured so far.
fn measured_ms(path: &Path) -> u64 {
    timeline(path).iter().map(|line| number(&line["measured_ms"])).sum()
}

/// Runs until so much is measured, and kills.
fn killed_at(lab: &Lab, tenant: Option<&Tenant>, arguments: &[&str], ms: u64) {
    let mut child = start(lab, tenant, arguments);
    let run = lab.path("run");
    while measured_ms(&run) < ms {
        std::thread::park_timeout(Duration::from_millis(20));
        let ended = child.try_wait().expect("a process");
        assert!(ended.is_none(), "it ended by itself: {ended:?}");
    }
    child.kill().expect("a kill");
    child.wait().expect("an end");
}

fn start(lab: &Lab, tenant: Option<&Tenant>, arguments: &[&str]) -> Child {
    let mut command = lab.command(arguments);
    if let Some(tenant) = tenant {
        command.env("WORKER_SECRET", tenant.worker_secret());
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a binary that starts")
}

fn go_on(lab: &Lab, tenant: Option<&Tenant>) -> Ended {
    let arguments = ["run", "p.toml", "--resume", "run"];
    match tenant {
        Some(tenant) => tenant.gander(lab, &arguments),
        None => lab.run(&arguments),
    }
}

/// `due = completed + failed + dropped + cut off`, in the summary and line by line.
fn assert_exact(path: &Path, summary: &Value) {
    let is_over = path.join("summary.json").exists();
    for row in summary["journeys"].as_array().expect("journeys") {
        let parts = ["completed", "failed", "dropped", "cut_off"].map(|part| number(&row[part]));
        assert_eq!(number(&row["due"]), parts.iter().sum::<u64>(), "{row}");
        let of = |line: &Value, key: &str| -> u64 {
            let rows = line["journeys"].as_array().expect("journeys").iter();
            let own =
                rows.filter(|of| of["phase"] == "measured" && of["journey"] == row["journey"]);
            own.map(|of| of[key].as_u64().unwrap_or(0)).sum()
        };
        let lines = timeline(path);
        // What was under way at a kill is booked when the run is taken up, and known before.
        let keys: &[&str] =
            if is_over { &["due", "completed", "cut_off"] } else { &["due", "completed"] };
        for key in keys {
            let sum: u64 = lines.iter().map(|line| of(line, key)).sum();
            assert_eq!(number(&row[*key]), sum, "{key} of {row}");
        }
    }
}

/// A count of all journeys together.
fn of_all(summary: &Value, key: &str) -> u64 {
    let rows = summary["journeys"].as_array().expect("journeys").iter();
    rows.map(|row| number(&row[key])).sum()
}

/// Intervals are numbered without a gap, and none begins before the one before it ended.
fn assert_in_order(lines: &[Value]) {
    for (place, line) in lines.iter().enumerate() {
        assert_eq!(number(&line["interval"]), place as u64, "{line}");
        let before = place.checked_sub(1).map_or(0, |before| number(&lines[before]["end_ms"]));
        assert!(number(&line["start_ms"]) >= before, "{line}");
    }
}

/// Logins on the ledger that some entry makes, each as often as one does.
fn made(path: &Path) -> Vec<String> {
    let ledger = fs::read_to_string(path.join("ledger.jsonl")).expect("a ledger");
    let entries = ledger.lines().map(|line| serde_json::from_str::<Value>(line).expect("an entry"));
    let made = entries.filter(|entry| entry["event"] == "made");
    made.map(|entry| entry["login"].as_str().expect("a login").to_owned()).collect()
}

fn reported(lab: &Lab) -> Value {
    let ended = lab.run(&["report", "run", "--format", "json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for format in ["html", "csv-timeline", "markdown", "junit"] {
        let ended = lab.run(&["report", "run", "--format", format, "--to", "shown"]);
        assert_eq!(ended.code, 0, "{format}: {}", ended.stderr);
    }
    serde_json::from_str(&ended.stdout).expect("a summary")
}

/// Kills it twice, goes on twice, and says what it came to.
fn twice_killed(lab: &Lab, tenant: Option<&Tenant>) -> Value {
    let run = lab.path("run");
    killed_at(lab, tenant, &["run", "p.toml", "--out", "run", "--seed", "7"], 3000);
    let first = reported(lab);
    assert_exact(&run, &first);
    assert_ne!(first["verdict"], "pass", "killed");
    killed_at(lab, tenant, &["run", "p.toml", "--resume", "run"], 7000);
    let second = reported(lab);
    assert_exact(&run, &second);
    assert!(!run.join("summary.json").exists(), "what goes on has no result");
    let ended = go_on(lab, tenant);
    assert!(run.join("summary.json").exists(), "{}", ended.stderr);
    let summary = summary(&run);
    assert_exact(&run, &summary);
    assert_eq!(reported(lab), summary);
    summary
}

fn assert_taken_up_twice(lab: &Lab, summary: &Value) {
    let run = lab.path("run");
    let lines = timeline(&run);
    assert_in_order(&lines);
    // Every arrival of the plan was due once, whatever the kills did; those of the warm-ups come besides.
    assert_eq!(of_all(summary, "due"), 120, "{summary}");
    assert!(
        (summary["measured_s"].as_f64().expect("seconds") - 12.0).abs() < 0.2,
        "{}",
        summary["measured_s"]
    );
    let record: Value =
        serde_json::from_slice(&fs::read(run.join("run.json")).expect("a record")).expect("JSON");
    let segments = record["segments"].as_array().expect("segments");
    assert_eq!(segments.len(), 3, "{record}");
    for (number_of, pair) in segments.windows(2).enumerate() {
        let (end, start) = (number(&pair[0]["end_ms"]), number(&pair[1]["start_ms"]));
        assert!(end < start, "{pair:?}");
        assert_eq!((start % 1000, number(&pair[1]["warm_up_ms"])), (0, 2000));
        assert_eq!(number(&pair[1]["segment"]), number_of as u64 + 1);
        // Nothing is told of the time between.
        let told =
            |line: &&Value| number(&line["start_ms"]) >= end && number(&line["end_ms"]) <= start;
        assert_eq!(
            lines.iter().filter(told).filter(|line| line["start_ms"] != line["end_ms"]).count(),
            0
        );
    }
    let slugs: Vec<_> = lines
        .iter()
        .flat_map(|line| line["events"].as_array().cloned().unwrap_or_default())
        .map(|event| event["slug"].as_str().expect("a slug").to_owned())
        .collect();
    assert_eq!(slugs, ["killed", "resumed", "killed", "resumed"]);
    let caution = |caution: &&Value| caution["slug"] == "resumed";
    let cautions = summary["cautions"].as_array().expect("cautions");
    let text = cautions.iter().find(caution).expect("a caution")["text"].as_str().expect("a text");
    assert!(text.contains("taken up again 2 times"), "{text}");
    let page = fs::read_to_string(run.join("report.html")).expect("a page");
    assert!(page.contains(">gap<"), "a gap in the charts");
    assert!(page.contains("segments"), "the segments");
    let made = made(&run);
    let distinct: BTreeSet<_> = made.iter().collect();
    assert_eq!(distinct.len(), made.len(), "a login was made twice");
    // The segment stands in each.
    for segment in 0..3 {
        let part = format!("-{segment}-");
        assert!(made.iter().any(|login| login.contains(&part)), "no login of segment {segment}");
    }
}

#[test]
fn a_run_killed_and_taken_up_twice_is_one_run_with_exact_sums() {
    let lab = Lab::new();
    let quick = "[stand_in]\nsigning = \"ES256\"\n[[stand_in.delay]]\ndelay = \"constant 60ms\"\n";
    lab.file("p.toml", &format!("{WORKLOAD}{quick}"));
    let summary = twice_killed(&lab, None);
    assert_taken_up_twice(&lab, &summary);
    assert!(of_all(&summary, "cut_off") > 0, "something is under way at 10/s and 60 ms a call");
}

#[test]
fn at_a_tenant_the_accounts_of_the_run_are_used_on_and_none_is_made_twice() {
    let lab = Lab::new();
    let tenant = Tenant::start("signing = \"ES256\"\n[[delay]]\ndelay = \"constant 60ms\"\n");
    let workload = WORKLOAD.replace("[accounts]\ncount = 60\n", "");
    // Codes go to a sink that is another one after each kill, and this tenant does not know it.
    let workload = workload.replace(
        "register = 1\nsign-on = 1\nrecovery = 1",
        "sign-on = 2\nregister-cancel = 1\nsign-on-expired-password = 1",
    );
    lab.file("p.toml", &format!("{}count = 60\n{workload}", tenant.profile()));
    let summary = twice_killed(&lab, Some(&tenant));
    let failed: u64 = of_all(&summary, "failed");
    assert_eq!(failed, 0, "an account was not what its journey needs: {summary}");
    assert_eq!(of_all(&summary, "due"), 120);
    let run = lab.path("run");
    let made = made(&run);
    let provisioned = made.iter().filter(|login| login.contains("-0-")).count();
    assert_eq!(provisioned, made.len(), "accounts were made anew: {made:?}");
    let truth = tenant.truth();
    assert!(truth.to_string().len() > 2);
}

#[test]
fn another_plan_or_a_run_that_is_over_or_goes_on_is_refused_and_nothing_is_changed() {
    let lab = Lab::new();
    let quick = "[stand_in]\nsigning = \"ES256\"\n[[stand_in.delay]]\ndelay = \"constant 5ms\"\n";
    lab.file("p.toml", &format!("{WORKLOAD}{quick}"));
    let mut child = start(&lab, None, &["run", "p.toml", "--out", "run"]);
    let run = lab.path("run");
    while measured_ms(&run) < 1000 {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let going_on = go_on(&lab, None);
    assert_eq!(going_on.code, 2, "{}", going_on.stderr);
    assert!(going_on.stderr.contains("still going on"), "{}", going_on.stderr);
    child.kill().expect("a kill");
    child.wait().expect("an end");

    let files = |lab: &Lab| {
        lab.files().into_iter().filter(|(path, _)| path.starts_with(&run)).collect::<Vec<_>>()
    };
    let before = files(&lab);
    let other = lab.run(&["run", "p.toml", "--rate", "11/s", "--seed", "8", "--resume", "run"]);
    assert_eq!(other.code, 2, "{}", other.stderr);
    assert!(other.stderr.contains("workload.rate was 10/s and is 11/s"), "{}", other.stderr);
    assert!(other.stderr.contains("the seed was"), "{}", other.stderr);
    assert_eq!(files(&lab), before);

    // One that was interrupted can be gone on with, one that ended cannot.
    let child = start(&lab, None, &["run", "p.toml", "--resume", "run"]);
    while measured_ms(&run) < 3000 {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    signal(child.id(), "INT");
    let ended = child.wait_with_output().expect("an end");
    assert_eq!(ended.status.code(), Some(130));
    let ended = go_on(&lab, None);
    // A busy machine makes an invalid run, with an end all the same.
    assert!([0, 5].contains(&ended.code), "{}", ended.stderr);
    let over = go_on(&lab, None);
    assert_eq!(over.code, 2, "{}", over.stderr);
    assert!(over.stderr.contains("is over: it ended at"), "{}", over.stderr);
    assert_exact(&run, &summary(&run));
}

#[test]
fn a_run_by_count_is_taken_up_for_as_many_as_are_missing() {
    let lab = Lab::new();
    let by_count = "[workload]\nusers = 2\niterations = 60\n[journeys]\nsign-on = 1\n[accounts]\ncount = 4\n\
                    [[threshold]]\nrule = \"faults < 90%\"\n\
                    [stand_in]\nsigning = \"ES256\"\n[[stand_in.delay]]\ndelay = \"constant 40ms\"\n";
    lab.file("p.toml", by_count);
    killed_at(&lab, None, &["run", "p.toml", "--out", "run"], 1000);
    let ended = go_on(&lab, None);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = summary(&lab.path("run"));
    assert_exact(&lab.path("run"), &summary);
    assert_eq!(number(&summary["journeys"][0]["due"]), 60, "{summary}");
}

/// Killed when nothing new was to begin any more, a run lacks nothing but its end.
#[test]
fn a_run_killed_in_its_drain_gets_the_end_that_it_lacks() {
    let lab = Lab::new();
    let slow = "[workload]\nusers = 3\nduration = \"2s\"\ndrain = \"60s\"\n[journeys]\nsign-on = 1\n\
                [accounts]\ncount = 4\n[[threshold]]\nrule = \"faults < 90%\"\n\
                [stand_in]\nsigning = \"ES256\"\n[[stand_in.delay]]\ncapability = \"customHTMLTemplate\"\ndelay = \"constant 20s\"\n";
    lab.file("p.toml", slow);
    let run = lab.path("run");
    let mut child = start(&lab, None, &["run", "p.toml", "--out", "run"]);
    while timeline(&run).len() < 4 {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    child.kill().expect("a kill");
    child.wait().expect("an end");
    let ended = go_on(&lab, None);
    assert!(ended.stderr.contains("gets the end that it lacks"), "{}", ended.stderr);
    let summary = summary(&run);
    assert_exact(&run, &summary);
    assert_eq!((of_all(&summary, "due"), of_all(&summary, "cut_off")), (3, 3));
    assert_eq!(reported(&lab), summary);
    let over = go_on(&lab, None);
    assert_eq!(over.code, 2, "{}", over.stderr);
}

/// Tokens of three seconds and less: the worker's and that of starts by policy are renewed while the run goes
/// on, and again after it was killed.
#[test]
fn tokens_that_end_outlast_a_run() {
    let lab = Lab::new();
    let settings = "[journeys]\nstart-with-input = 1\nsign-on-expired-password = 1\n[accounts]\ncount = 30\n\
        [workload]\nrate = \"5/s\"\nduration = \"14s\"\nmax_users = 60\n[[threshold]]\nrule = \"faults < 2%\"\n\
        [stand_in]\nsigning = \"ES256\"\n[stand_in.validity]\ntoken = \"2s\"\nsdk_token = \"7s\"\n\
        [[stand_in.delay]]\ndelay = \"constant 5ms\"\n";
    lab.file("p.toml", settings);
    let ended = lab.run(&["run", "p.toml", "--out", "run"]);
    let summary = summary(&lab.path("run"));
    let faults: Vec<_> = summary["journeys"]
        .as_array()
        .expect("journeys")
        .iter()
        .map(|row| row["faults"].clone())
        .collect();
    assert!(
        faults.iter().all(|faults| faults.as_object().is_some_and(serde_json::Map::is_empty)),
        "{faults:?}: {}",
        ended.stderr
    );
    assert_eq!(summary["journeys"].as_array().map(Vec::len), Some(2));
}
