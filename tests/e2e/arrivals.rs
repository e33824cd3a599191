//! The open model from the outside: as many iterations as the schedule says, whatever the tenant does.

use crate::lab::{Ended, Lab};
use crate::run::{number, summary};
use serde_json::Value;

/// A short open run of one journey against a stand-in with such delays.
fn open(lab: &Lab, delays: &str, more: &[&str]) -> Ended {
    let delays = format!("stand_in.delay=[{delays}]");
    let arguments = [
        "run",
        "-j",
        "register-cancel",
        "--seed",
        "1",
        "--warm-up",
        "0s",
        "--set",
        &delays,
        "--set",
        "stand_in.signing=\"ES256\"",
    ];
    lab.run(&[&arguments, more].concat())
}

fn journey(lab: &Lab) -> (Value, Value) {
    let summary = summary(&lab.path("reports/latest"));
    let row = summary["journeys"][0].clone();
    (summary, row)
}

#[test]
fn as_many_are_due_as_the_schedule_says_and_all_of_them_are_accounted_for() {
    let lab = Lab::new();
    let stages = "workload.stages=[{rate=\"40/s\",over=\"1s\"},{rate=\"40/s\",for=\"2s\"},{rate=\"0/s\",over=\"1s\"}]";
    let ended = open(
        &lab,
        "",
        &[
            "--set",
            stages,
            "--set",
            "workload.arrivals=\"constant\"",
            "--set",
            "workload.warm_up=\"500ms\"",
        ],
    );
    assert!([0, 5].contains(&ended.code), "{}", ended.stderr);
    let (summary, row) = journey(&lab);
    // 20 + 80 + 20 in all, 5 of them in the first half second.
    assert_eq!(number(&row["due"]), 115, "{row}");
    assert_eq!((number(&row["completed"]), number(&row["late"])), (115, 0), "{row}");
    assert_eq!(summary["workload_model"], "open");
    let lag = summary["series"].as_array().expect("series").iter().find(|row| row["kind"] == "lag");
    assert_eq!(number(&lag.expect("a series of lags")["samples"]), 115);
    assert!(summary["generator"]["lag_us"]["p99"].is_u64());
    assert!(
        ended.stderr.contains("to 40/s over 1s, 40/s for 2s, to 0/s over 1s"),
        "{}",
        ended.stderr
    );
}

#[test]
fn arrivals_that_find_all_users_busy_fail_the_run_and_are_dropped_where_asked() {
    let lab = Lab::new();
    let slow = "{delay=\"constant 400ms\"}";
    let arguments = ["-r", "20/s", "-d", "2s", "--max-users", "2"];
    let drop = ["--set", "workload.when_late=\"drop\"", "--set", "workload.arrivals=\"constant\""];
    let ended = open(&lab, slow, &[&arguments[..], &drop[..]].concat());
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let (summary, row) = journey(&lab);
    let [due, completed, dropped, late] =
        ["due", "completed", "dropped", "late"].map(|part| number(&row[part]));
    assert_eq!((due, completed + dropped), (40, 40), "{row}");
    assert!(late >= dropped && dropped >= 25, "{row}");
    let reason = summary["reasons"][0].as_str().expect("a reason");
    assert!(reason.starts_with("max-users-reached: "), "{reason}");
    assert!(reason.contains("of 40 arrivals found all 2 users busy"), "{reason}");
}

#[test]
fn a_run_that_is_to_end_when_it_is_late_says_so() {
    let lab = Lab::new();
    let slow = "{delay=\"constant 1s\"}";
    let arguments =
        ["-r", "20/s", "-d", "60s", "--max-users", "2", "--set", "workload.when_late=\"abort\""];
    let ended = open(&lab, slow, &arguments);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let (summary, row) = journey(&lab);
    let reasons = summary["reasons"].to_string();
    assert!(reasons.contains("an arrival found no free user within 100ms"), "{reasons}");
    assert!(summary["measured_s"].as_f64().expect("seconds") < 10.0);
    let parts = ["completed", "failed", "dropped", "cut_off"].map(|part| number(&row[part]));
    assert_eq!(number(&row["due"]), parts.iter().sum::<u64>(), "{row}");
}

#[test]
fn a_rate_and_users_together_are_refused_and_flags_replace_the_shape_of_a_profile() {
    let lab = Lab::new();
    let both = lab.run(&["run", "-r", "5/s", "-u", "5"]);
    assert_eq!(both.code, 2, "{}", both.stderr);
    let profile = lab.file("p.toml", "[workload]\nstages = [{ rate = \"5/s\", for = \"1h\" }]\nmax_users = 7\n[journeys]\nregister-cancel = 1\n");
    let ended = lab.run(&["run", &profile, "-u", "2", "-n", "4", "--set", "stand_in.delay=[]"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let (summary, row) = journey(&lab);
    assert_eq!(
        (&summary["workload_model"], number(&row["completed"])),
        (&Value::from("closed"), 4)
    );
}
