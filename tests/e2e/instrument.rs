//! The instrument tested as an instrument: a known truth is put in and has to come out. Times are
//! judged against the stand-in's own record of the same calls, never against a wall clock.

mod open_run;
mod delays;
mod records;
mod stalls;
mod theory;

use crate::canary::{Canary, quantile, unless_the_machine_stalls};
use crate::lab::Lab;
use crate::run::summary;
use crate::tenant::Tenant;
use records::{Both, joined, sorted};
use serde_json::Value;
use std::collections::BTreeMap;

/// Median by `capability event action` of a run's rows.
fn medians(summary: &Value) -> BTreeMap<String, i64> {
    let mut medians = BTreeMap::new();
    for capability in summary["capabilities"].as_array().expect("capabilities") {
        for row in capability["actions"].as_array().expect("actions") {
            let key = format!("{} {} {}", capability["capability"], row["event"], row["action"]);
            medians.insert(
                key.replace('"', ""),
                row["service_time_us"]["p50"].as_i64().expect("a time"),
            );
        }
    }
    medians
}

/// Total service time of the subtotal of `customHTMLTemplate`, from its mean and count.
fn total_of_forms(summary: &Value) -> (i64, i64) {
    let rows = summary["capabilities"].as_array().expect("capabilities");
    let row = rows.iter().find(|row| row["capability"] == "customHTMLTemplate").expect("a row");
    let samples = row["samples"].as_i64().expect("a count");
    (row["service_time_us"]["mean"].as_i64().expect("a time") * samples, samples)
}

#[test]
fn service_times_agree_with_the_tenants_own_record_of_the_same_calls() {
    unless_the_machine_stalls(|| {
        let tenant =
            Tenant::start("signing = \"ES256\"\n[[delay]]\ndelay = \"lognormal 20ms 0.3\"\n");
        let lab = Lab::new();
        let profile = format!("{}count = 20\n[journeys]\nsign-on = 1\n", tenant.profile());
        let profile = lab.file("p.toml", &profile);
        let canary = Canary::start();
        let arguments =
            ["run", &profile, "-u", "4", "-d", "5s", "--calls", "calls.jsonl", "--seed", "1"];
        let ended = tenant.gander(&lab, &arguments);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let late = canary.stop();
        let calls = joined(&lab, &tenant);
        assert!(calls.len() > 300, "only {} calls", calls.len());
        let differences = sorted(&calls, Both::difference_us);
        assert!(differences[0] >= 0, "a reply was read before it was sent: {} µs", differences[0]);
        let (median, p99) = (quantile(&differences, 500), quantile(&differences, 990));
        let cpu = summary(&lab.path("reports/latest"))["generator"]["cpu_share"]
            .as_f64()
            .expect("a share");
        assert!(cpu < 0.3, "{cpu} of the processors: too busy to measure");
        let told = format!("median {median} µs, p99 {p99} µs");
        // Three wake-ups lie between the two records of a call: the tenant's reader, the tenant's
        // writer, and gander's reader. Each is as late as the machine makes it.
        let allowed = (500 + 3 * late.at(500), 2000 + 3 * late.at(990));
        if median <= allowed.0 && p99 <= allowed.1 { Ok(()) } else { Err(told) }
    });
}

#[test]
fn a_delay_of_one_action_moves_its_row_and_no_other() {
    unless_the_machine_stalls(|| {
        let run = |delays: &str| {
            let lab = Lab::new();
            let delays = format!("stand_in.delay=[{{delay=\"constant 5ms\"}}{delays}]");
            let arguments = [
                "run",
                "--warm-up",
                "500ms",
                "-u",
                "2",
                "-d",
                "6s",
                "-j",
                "recovery",
                "--seed",
                "1",
                "--set",
                &delays,
                "--set",
                "stand_in.signing=\"ES256\"",
            ];
            let ended = lab.run(&arguments);
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            summary(&lab.path("reports/latest"))
        };
        let (plain, delayed) =
            (run(""), run(",{event=\"submit\",action=\"UPDATE\",delay=\"constant 55ms\"}"));
        let (before, after) = (medians(&plain), medians(&delayed));
        assert_eq!(before.len(), 6, "{before:?}");
        for (row, before) in &before {
            let moved = after[row] - before;
            let expected = if row.ends_with("submit UPDATE") { 50_000 } else { 0 };
            if (moved - expected).abs() > 1_000 {
                return Err(format!("{row} moved by {moved} µs"));
            }
        }
        // A quarter of the forms is UPDATE, so the subtotal's mean moves by a quarter of 50 ms.
        let ((before, some), (after, others)) = (total_of_forms(&plain), total_of_forms(&delayed));
        let moved = after / others - before / some;
        if (moved - 12_500).abs() > 1_000 {
            Err(format!("the subtotal's mean moved by {moved} µs"))
        } else {
            Ok(())
        }
    });
}

#[test]
fn replies_held_until_the_time_out_count_as_slower_than_any_limit() {
    let lab = Lab::new();
    let ended = lab.run(&[
        "run",
        "--warm-up",
        "0s",
        "-u",
        "40",
        "-n",
        "6000",
        "-j",
        "sign-on",
        "--seed",
        "1",
        "--json",
        "--set",
        "stand_in.delay=[{delay=\"constant 60s\",action=\"SIGNON\",share=\"6%\"}]",
        "--set",
        "http.reply_timeout=\"200ms\"",
        "--set",
        "stand_in.signing=\"ES256\"",
        "--threshold",
        "sign-on.p95 < 800ms",
        "--threshold",
        "sign-on.p90 < 800ms",
        "--threshold",
        "faults < 20%",
    ]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let summary: Value = serde_json::from_str(&ended.stdout).expect("a summary");
    let holds: Vec<_> = summary["thresholds"]
        .as_array()
        .expect("thresholds")
        .iter()
        .map(|threshold| (threshold["rule"].as_str().expect("a rule"), threshold["holds"] == true))
        .collect();
    assert_eq!(
        holds,
        [("sign-on.p95 < 800ms", false), ("sign-on.p90 < 800ms", true), ("faults < 20%", true)],
        "{summary:#}"
    );
    // All that were timed for display were fast.
    assert!(summary["journeys"][0]["response_time_us"]["p99"].as_i64().expect("a time") < 800_000);
}
