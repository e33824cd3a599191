//! `--variant-by flow`: one policy that splits its traffic among versions, and each version counted by
//! itself.

use crate::lab::{Ended, Lab};
use crate::run::{number, summary};
use crate::tenant::Tenant;
use serde_json::Value;
use std::collections::BTreeMap;

/// The stand-in's two versions, as `run.json` names them.
const STOCK: &str = "1041e8016fd7c57f6551739cb6e10c99/65u7m8cm28";
const VERIFY_FIRST: &str = "c2029f7c3ddb565ad52f1ac6bdf94355/aojhb83v6m";

/// Opens the registration and goes on to the first form of which the versions have different ones. Only
/// one of them is sent an address on the way, which the tenant's record shows.
const LOOK: &str = r#"
name = "look"
goal = "form:end"

[[rule]]
name = "open registration"
when = { actions = ["SIGNON", "REGISTER"] }
action = ["REGISTER"]

[[rule]]
name = "end"
when = { any_field = ["givenName", "verificationCode"] }

[[rule]]
name = "give address"
when = { any_field = ["user.email"] }
answer = { "*" = "{persona.email}" }
action = ["CONTINUE"]
"#;

/// 200 iterations against a tenant of one's own, counted by flow.
fn look(lab: &Lab, tenant: &Tenant, more: &[&str]) -> Ended {
    lab.file("look.toml", LOOK);
    let policy = &tenant.ready().policies["versions"];
    let text = format!(
        "journey_files = [\"look.toml\"]\n{}[[variant]]\nname = \"split\"\nflow_policy = \"{policy}\"\n\
         [journeys]\nlook = 1\n",
        tenant.profile()
    );
    let profile = lab.file("p.toml", &text);
    let arguments = ["run", &profile, "-u", "4", "-n", "200", "--seed", "1"];
    tenant.gander(lab, &[&arguments, more].concat())
}

/// The rows of the journeys by variant. The account of each balances.
fn rows(summary: &Value) -> BTreeMap<String, Value> {
    let rows = summary["journeys"].as_array().expect("journeys").iter();
    rows.map(|row| {
        let parts = ["completed", "failed", "dropped", "cut_off"].map(|part| number(&row[part]));
        assert_eq!(number(&row["due"]), parts.iter().sum::<u64>(), "{row}");
        (row["variant"].as_str().expect("a name").to_owned(), row.clone())
    })
    .collect()
}

/// How often the tenant was called with a key, and in how many of those it made a fault.
fn called(tenant: &Tenant, capability: &str, action: &str) -> (u64, u64) {
    let truth = tenant.truth();
    let mut rows = truth["rows"].as_array().expect("rows").iter();
    let row = rows.find(|row| row["capability"] == capability && row["action"] == action);
    row.map_or((0, 0), |row| {
        let faults = row["faults"].as_object().expect("faults").values();
        (number(&row["count"]), faults.map(number).sum())
    })
}

/// Samples of a row of the capabilities of a variant.
fn samples(summary: &Value, variant: &str, capability: &str) -> u64 {
    let mut rows = summary["capabilities"].as_array().expect("capabilities").iter();
    let row = rows.find(|row| row["variant"] == variant && row["capability"] == capability);
    row.map_or(0, |row| number(&row["samples"]))
}

#[test]
fn a_policy_that_splits_its_traffic_gives_a_variant_for_each_version() {
    let lab = Lab::new();
    let tenant = Tenant::start("signing = \"ES256\"\n");
    let threshold = format!("variant:{STOCK}.completed-rate > 0/s");
    let ended = look(&lab, &tenant, &["--variant-by", "flow", "--threshold", &threshold]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    let rows = rows(&summary);
    assert_eq!(rows.keys().collect::<Vec<_>>(), [STOCK, VERIFY_FIRST]);
    let completed = |variant: &str| number(&rows[variant]["completed"]);
    assert_eq!(completed(STOCK) + completed(VERIFY_FIRST), 200);
    // Half of 200, five standard deviations either way.
    assert!((65..=135).contains(&completed(STOCK)), "{}", completed(STOCK));

    let (addresses, _) = called(&tenant, "customHTMLTemplate", "CONTINUE");
    assert_eq!(completed(VERIFY_FIRST), addresses, "as the tenant has it");
    for variant in [STOCK, VERIFY_FIRST] {
        assert_eq!(samples(&summary, variant, "authorize"), completed(variant), "its own starts");
        let funnel = rows[variant]["funnel"].as_array().expect("a funnel");
        assert_eq!(
            (&funnel[0]["step"], number(&funnel[0]["reached"])),
            (&"authorize".into(), completed(variant))
        );
    }

    let text = std::fs::read_to_string(lab.path("reports/latest/run.json")).expect("a record");
    let record: Value = serde_json::from_str(&text).expect("JSON");
    let flows: Vec<_> = record["flows"].as_array().expect("flows").iter().collect();
    assert_eq!(flows.len(), 2);
    for flow in flows {
        assert_eq!(flow["variant"], flow["fingerprint"]);
        assert_eq!(number(&flow["starts"]), completed(flow["variant"].as_str().expect("a name")));
    }
    assert_eq!(record["plan"]["variant_by"], "flow");
    assert!(!ended.stderr.contains("several-flows"), "{}", ended.stderr);

    let scope = format!("variant:{VERIFY_FIRST}");
    let shown = lab.run(&["report", "reports/latest", "--format", "hgrm", "--of", &scope]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(shown.stdout.contains("Percentile"), "{}", shown.stdout);
}

#[test]
fn what_fails_before_its_flow_is_known_is_counted_as_unknown() {
    let lab = Lab::new();
    let fault = "[[fault]]\nkind = \"http-500\"\ncapability = \"authorize\"\nshare = \"20%\"\n";
    let tenant = Tenant::start(&format!("signing = \"ES256\"\n{fault}"));
    let more = ["--set", "variant_by=flow", "--threshold", "faults < 90%"];
    let ended = look(&lab, &tenant, &more);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    let rows = rows(&summary);
    assert_eq!(rows.keys().collect::<Vec<_>>(), [STOCK, VERIFY_FIRST, "unknown"]);
    let (starts, faults) = called(&tenant, "authorize", "");
    let due = |variant: &str| number(&rows[variant]["due"]);
    assert_eq!((starts, due(STOCK) + due(VERIFY_FIRST) + due("unknown")), (200, 200));
    assert!(faults > 10, "{faults}");
    assert_eq!(number(&rows["unknown"]["faults"]["http-5xx"]), faults);
    assert_eq!((due("unknown"), samples(&summary, "unknown", "authorize")), (faults, faults));
    assert_eq!(number(&rows[STOCK]["failed"]) + number(&rows[VERIFY_FIRST]["failed"]), 0);
    let cautions = summary["cautions"].as_array().expect("cautions");
    let caution = cautions.iter().find(|caution| caution["slug"] == "flow-unknown");
    let text = caution.expect("a caution")["text"].as_str().expect("a text");
    assert!(
        text.starts_with(&format!("{faults} of {faults} failed iterations of `look`")),
        "{text}"
    );
}

#[test]
fn arrivals_that_never_begin_are_counted_as_unknown_and_nothing_is_lost() {
    let lab = Lab::new();
    let ended = lab.run(&[
        "run",
        "-j",
        "register-cancel",
        "--variant",
        "split=versions",
        "--variant-by",
        "flow",
        "--warm-up",
        "0s",
        "-r",
        "20/s",
        "-d",
        "2s",
        "--max-users",
        "2",
        "--set",
        "workload.when_late=\"drop\"",
        "--set",
        "workload.arrivals=\"constant\"",
        "--set",
        "stand_in.delay=[{delay=\"constant 200ms\"}]",
        "--set",
        "stand_in.signing=\"ES256\"",
    ]);
    // A machine that others keep busy may make it invalid.
    assert!([4, 5].contains(&ended.code), "{}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    let rows = rows(&summary);
    assert_eq!(rows.values().map(|row| number(&row["due"])).sum::<u64>(), 40);
    let dropped = |row: &Value| number(&row["dropped"]);
    assert!(dropped(&rows["unknown"]) > 10, "{}", rows["unknown"]);
    let late: u64 = rows.values().map(|row| number(&row["late"])).sum();
    assert!(late >= dropped(&rows["unknown"]), "{late}");
    for (variant, row) in rows.iter().filter(|(variant, _)| *variant != "unknown") {
        assert_eq!(dropped(row), 0, "{variant}");
    }
}

#[test]
fn names_that_are_not_known_before_the_run_are_told_from_wrong_ones() {
    let lab = Lab::new();
    let ended = lab.run(&["run", "--variant-by", "flow", "--threshold", "variant:v1.p95 < 1s"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("names no flow"), "{}", ended.stderr);
    assert!(ended.stderr.contains("variant:FLOW-ID/FIRST-NODE"), "{}", ended.stderr);
    let two = ["--variant", "a=stock", "--variant", "b=verify-first"];
    let ended = lab.run(&[&["run", "--variant-by", "flow"][..], &two].concat());
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("the profile has 2 variants"), "{}", ended.stderr);
    assert!(!lab.path("reports").exists(), "something was begun");
}
