//! Thresholds of the real binary: in every stretch of a run, with intervals, and before its end.

use crate::lab::Lab;
use crate::run::{after_intervals, summary};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Stdio;

/// Sign-ons on a schedule at a stand-in without delays, and enough accounts for those that wait.
const OPEN: &[&str] = &[
    "run",
    "-r",
    "25/s",
    "-j",
    "sign-on",
    "--warm-up",
    "0s",
    "--set",
    "accounts.count=100",
    "--set",
    "stand_in.delay=[]",
    "--set",
    "stand_in.signing=\"ES256\"",
];

fn found<'s>(summary: &'s Value, rule: &str) -> &'s Value {
    let thresholds = summary["thresholds"].as_array().expect("thresholds");
    let found = thresholds.iter().find(|found| found["rule"] == rule);
    found.unwrap_or_else(|| panic!("no `{rule}` in {thresholds:?}"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Of 300 sign-ons those of one second wait, and 15 of them for more than 400 ms: the 20th part of all, but
/// every third of the two seconds around them.
#[test]
fn a_stall_breaks_the_rule_about_two_seconds_and_not_the_one_about_the_run() {
    let lab = Lab::new();
    let (in_two, in_all) = ("sign-on.p90 < 400ms over 2s", "sign-on.p90 < 400ms");
    let (drift, row) = ("drift(p50) < 50%", "capability:token.mean < 5s");
    let more = [
        "-d",
        "12s",
        "--set",
        "stand_in.stall=[{ at = \"5s\", for = \"1s\" }]",
        "--threshold",
        in_two,
        "--threshold",
        in_all,
        "--threshold",
        drift,
        "--threshold",
        row,
        "--threshold",
        "p90 < 1h over 1h",
    ];
    let ended = lab.run(&[OPEN, &more].concat());
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let dir = lab.path("reports/latest");
    let judged = summary(&dir);
    for (rule, holds) in [
        (in_two, false),
        (in_all, true),
        (row, true),
        ("faults < 1%", true),
        ("p90 < 1h over 1h", true),
    ] {
        assert_eq!(found(&judged, rule)["holds"], holds, "{}", found(&judged, rule));
    }
    // Shown with when it was: the stall, counted from the first call.
    let worst = found(&judged, in_two);
    let at = |end: &str| worst[end].as_f64().expect("a time");
    let (from_s, to_s) = (at("worst_from_s"), at("worst_to_s"));
    assert!((3.0..7.0).contains(&from_s) && (to_s - from_s - 2.0).abs() < 0.2, "{worst}");
    let reasons = judged["reasons"].to_string();
    assert!(
        reasons.contains("over 2s` does not hold: ") && reasons.contains(" from "),
        "{reasons}"
    );
    assert_eq!(
        found(&judged, "p90 < 1h over 1h")["remark"],
        "measured for 12s only: judged on all of it"
    );
    for rule in [in_all, drift, row, "faults < 1%"] {
        let found = found(&judged, rule);
        assert!(found["low"].is_string() && found["high"].is_string(), "{found}");
    }

    let interval = found(&judged, in_all);
    let interval = [&interval["low"], &interval["high"]].map(|end| end.as_str().expect("an end"));
    let interval = format!("{} … {}", interval[0], interval[1]);
    for (place, text) in [
        ("console", ended.stderr),
        ("junit", read(&dir.join("junit.xml"))),
        ("page", read(&dir.join("report.html"))),
        ("markdown", lab.run(&["report", "reports/latest", "--format", "markdown"]).stdout),
    ] {
        assert!(text.contains("95 % interval") && text.contains(&interval), "{place}: {text}");
        assert!(text.contains("judged on all of it"), "{place}: {text}");
    }

    // Without its summary the directory says the same, and so does one that has no end.
    fs::remove_file(dir.join("summary.json")).expect("a removed summary");
    let again = lab.run(&["report", "reports/latest", "--format", "json"]);
    let again: Value = serde_json::from_str(&again.stdout).expect("a summary");
    assert_eq!(again, judged);
}

#[test]
fn a_killed_run_is_judged_by_the_stretches_that_it_has_on_file() {
    let lab = Lab::new();
    let rule = "sign-on.p50 < 1us over 2s";
    let mut command = lab.command(&[OPEN, &["-d", "60s", "--threshold", rule]].concat());
    let mut child = command.stderr(Stdio::null()).spawn().expect("a binary that starts");
    after_intervals(&lab, 4);
    child.kill().expect("a kill");
    child.wait().expect("an end");
    let told = lab.run(&["report", "reports/latest", "--format", "json"]);
    let told: Value = serde_json::from_str(&told.stdout).expect("a summary");
    let found = found(&told, rule);
    assert_eq!(found["holds"], false, "{found}");
    assert!(found["worst_from_s"].is_number() && found["remark"].is_null(), "{found}");
}

fn stop_events(dir: &Path) -> Vec<String> {
    let lines = read(&dir.join("timeline.jsonl"));
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line"));
    let events = lines.flat_map(|line| line["events"].as_array().cloned().unwrap_or_default());
    let stops = events.filter(|event| event["slug"] == "stop");
    stops.map(|event| event["text"].as_str().expect("a text").to_owned()).collect()
}

#[test]
fn a_threshold_that_aborts_ends_the_run_in_order_with_its_results() {
    let lab = Lab::new();
    let profile = lab.file(
        "p.toml",
        "[workload]\nmodel = \"closed\"\nusers = 4\nduration = \"60s\"\n[journeys]\nsign-on = 1\n\
         [accounts]\ncount = 20\n[stand_in]\ndelay = []\nsigning = \"ES256\"\n\
         [[threshold]]\nrule = \"sign-on.p50 < 1us\"\nabort_on_fail = true\nabort_delay = \"2s\"\n\
         [[threshold]]\nrule = \"p50 < 2us\"\n",
    );
    let ended = lab.run(&["run", &profile]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let dir = lab.path("reports/latest");
    let judged = summary(&dir);
    let measured_s = judged["measured_s"].as_f64().expect("seconds");
    assert!((2.0..30.0).contains(&measured_s), "{measured_s}");
    assert_eq!(judged["verdict"], "fail");
    let row = &judged["journeys"][0];
    assert_eq!((&row["cut_off"], &row["due"]), (&0.into(), &row["completed"]), "in order: {row}");
    let why = judged["reasons"][0].as_str().expect("a reason");
    assert!(why.starts_with("threshold `sign-on.p50 < 1us` did not hold after "), "{why}");
    let record: Value = serde_json::from_str(&read(&dir.join("run.json"))).expect("a record");
    assert_eq!((&record["stopped"], &record["interrupted"]), (&why.into(), &false.into()));
    assert_eq!(stop_events(&dir), [format!("{why}: no new iterations; those under way may end")]);
    assert!(dir.join("report.html").exists() && dir.join("junit.xml").exists());
    fs::remove_file(dir.join("summary.json")).expect("a removed summary");
    let again = lab.run(&["report", "reports/latest", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&again.stdout).expect("a summary"), judged);
}

#[test]
fn one_flag_lets_every_threshold_stop_the_run_even_the_one_that_every_run_has() {
    let lab = Lab::new();
    let more = [
        "-d",
        "60s",
        "--abort-on-fail",
        "--set",
        "stand_in.fault=[{ kind = \"http-500\", action = \"SIGNON\", share = \"30%\" }]",
        "--threshold",
        "drift(p50) < 50%",
        "--set",
        "guards.stop_when=[]",
    ];
    let ended = lab.run(&[OPEN, &more].concat());
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let judged = summary(&lab.path("reports/latest"));
    assert!(judged["measured_s"].as_f64().expect("seconds") < 30.0);
    let why = judged["reasons"][0].as_str().expect("a reason");
    assert!(why.starts_with("threshold `faults < 1%` did not hold after "), "{why}");
}

#[test]
fn a_threshold_that_could_never_have_stopped_the_run_is_told_with_what_would_do() {
    let lab = Lab::new();
    let rule = "sign-on.p95 < 1h over 1s";
    let ended = lab.run(&[OPEN, &["-d", "4s", "--abort-on-fail", "--threshold", rule]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("could not stop the run"), "{}", ended.stderr);
    let dir = lab.path("reports/latest");
    let judged = summary(&dir);
    let cautions = judged["cautions"].as_array().expect("cautions");
    let told = cautions.iter().filter(|caution| caution["slug"] == "abort-never-looked");
    let told: Vec<_> = told.map(|caution| caution["text"].as_str().expect("a text")).collect();
    assert!(told.len() == 1 && told[0].contains("and it takes 200; `over "), "{told:?}");
    fs::remove_file(dir.join("summary.json")).expect("a removed summary");
    let again = lab.run(&["report", "reports/latest", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&again.stdout).expect("a summary"), judged);
}

#[test]
fn a_guard_that_stops_a_run_in_its_warm_up_blames_no_threshold() {
    let lab = Lab::new();
    let more = [
        "--set",
        "workload.warm_up=\"60s\"",
        "--set",
        "stand_in.fault=[{ kind = \"http-500\", action = \"SIGNON\" }]",
        "--threshold",
        "sign-on.p95 < 1s over 10s",
    ];
    let without_warm_up: Vec<_> =
        OPEN.iter().filter(|word| !["--warm-up", "0s"].contains(word)).copied().collect();
    let ended = lab.run(&[&without_warm_up[..], &more].concat());
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("FAIL  nothing was measured"), "{}", ended.stderr);
    let judged = summary(&lab.path("reports/latest"));
    let reasons: Vec<_> = judged["reasons"].as_array().expect("reasons").iter().collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].as_str().is_some_and(|why| why.starts_with("guard `")), "{reasons:?}");
    assert_eq!(reasons[1], "nothing was measured: the run ended in its warm-up");
}

#[test]
fn rules_that_cannot_be_judged_are_refused_before_the_start() {
    let lab = Lab::new();
    let profile = lab.file(
        "p.toml",
        "[[threshold]]\nrule = \"drift(p95) < 5%\"\nabort_on_fail = true\n\
         [[threshold]]\nrule = \"p95 < 1s over 0s\"\n\
         [[threshold]]\nrule = \"sing-on.p95 < 1s over 1m\"\n\
         [[threshold]]\nrule = \"drift(p95) < 5% over 1h\"\nabort_delay = \"30s\"\n\
         [[threshold]]\nrule = \"p95 < 1s\"\nabort_on_fail = \"yes\"\nabort_delay = 30\n",
    );
    let ended = lab.run(&["check", &profile]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    for problem in [
        "`drift(p95) < 5%` cannot stop a run: a drift is known at its end",
        "`p95 < 1s over 0s` looks at no time at all",
        "the run has no journey `sing-on`",
        "`threshold.abort_on_fail` is a text, not true or false",
        "`threshold.abort_delay`: `30` is not a duration",
    ] {
        assert!(ended.stderr.contains(problem), "{problem}: {}", ended.stderr);
    }
    assert_eq!(ended.stderr.matches("error: ").count(), 5, "{}", ended.stderr);
}
