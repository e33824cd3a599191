//! How a run drifts, and what happens to it meanwhile, as the real binary tells it.

use crate::lab::Lab;
use crate::run::summary;
use serde_json::Value;
use std::fs;

/// One call of sign-on becomes twice as slow within the run, the others stay as they are.
const PROFILE: &str = r#"
[workload]
model = "open"
rate = "25/s"
duration = "70s"
warm_up = "2s"
max_users = 100

[journeys]
sign-on = 1

[accounts]
count = 100

[[threshold]]
rule = "capability:customHTMLTemplate submit SIGNON.p95 < 900ms"

[stand_in]
signing = "ES256"

[[stand_in.delay]]
delay = "constant 20ms"

[[stand_in.delay]]
action = "SIGNON"
delay = "lognormal 60ms 0.1"
drift = "100% per 70s"
"#;

fn row<'s>(drift: &'s Value, action: &str, figure: &str) -> &'s Value {
    let rows = drift["rows"].as_array().expect("rows");
    let is_it = |row: &&Value| row["action"] == *action && row["figure"] == figure;
    rows.iter().find(is_it).unwrap_or_else(|| panic!("no {action} {figure} in {rows:?}"))
}

#[test]
fn a_call_that_becomes_slower_is_named_and_the_one_beside_it_is_not() {
    let lab = Lab::new();
    let profile = lab.file("drifting.toml", PROFILE);
    let ended = lab.run(&["run", &profile]);
    let dir = lab.path("reports/latest");
    let told = summary(&dir);
    let drift = &told["drift"];
    let grows = row(drift, "SIGNON", "p50");
    assert!(
        ["drifts", "coincides"].contains(&grows["finding"].as_str().expect("a word")),
        "{grows}"
    );
    // From 60 ms to 120: two thirds of the middle. Gander's clock and the stand-in's start with the first call.
    let grown = grows["slope"]["grown_share"].as_f64().expect("a share");
    assert!((0.4..0.85).contains(&grown), "{grows}");
    let steady = drift["rows"].as_array().expect("rows");
    let authorize = steady.iter().find(|row| row["name"] == "authorize" && row["figure"] == "p50");
    let moved = authorize.expect("a row")["slope"]["grown_share"].as_f64().expect("a share");
    assert!(moved.abs() < 0.25, "{authorize:?}");
    let projections = drift["projections"].as_array().expect("projections");
    assert_eq!(projections.len(), 1, "{drift}");
    for (place, text) in [
        ("console", ended.stderr.clone()),
        ("page", fs::read_to_string(dir.join("report.html")).expect("a page")),
        ("markdown", lab.run(&["report", "reports/latest", "--format", "markdown"]).stdout),
    ] {
        for words in ["Drift", "customHTMLTemplate submit SIGNON p50", "is broken in"] {
            assert!(text.contains(words), "{words} is not in the {place}: {text}");
        }
    }

    // The files alone say the same.
    fs::remove_file(dir.join("summary.json")).expect("a removed summary");
    let again = lab.run(&["report", "reports/latest", "--format", "json"]).stdout;
    let again: Value = serde_json::from_str(&again).expect("a summary");
    assert_eq!(again["drift"], *drift);
}

#[test]
fn a_stretch_of_429_is_an_event_of_the_timeline() {
    let lab = Lab::new();
    lab.run(&[
        "run",
        "-r",
        "10/s",
        "-d",
        "4s",
        "-j",
        "sign-on",
        "--warm-up",
        "0s",
        "--set",
        "accounts.count=50",
        "--set",
        "stand_in.delay=[]",
        "--set",
        "stand_in.rate_limits={ sso = \"3/s\", per_address_share = \"100%\" }",
    ]);
    let lines = fs::read_to_string(lab.path("reports/latest/timeline.jsonl")).expect("a timeline");
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line"));
    let events: Vec<_> =
        lines.flat_map(|line| line["events"].as_array().cloned().unwrap_or_default()).collect();
    let limited = events.iter().filter(|event| event["slug"] == "rate-limited");
    let texts: Vec<_> = limited.map(|event| event["text"].as_str().expect("a text")).collect();
    assert_eq!(texts, ["429: the tenant turns calls down"], "{events:?}");
}
