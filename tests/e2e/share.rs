//! `gander run --share`: parts of one plan that are together exactly the plan.

use crate::lab::{Ended, Lab};
use crate::run::{number, signal, summary};
use crate::tenant::Tenant;
use gander::base::clock::Clock;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::{Duration, UNIX_EPOCH};

/// Who registers and who signs on, with accounts that are made before.
const JOURNEYS: &str = "[journeys]\nregister = 3\nsign-on = 2\n[accounts]\ncount = 30\n\
    [[threshold]]\nrule = \"faults < 1%\"\n[stand_in]\ndelay = []\nsigning = \"ES256\"\n";

const OPEN: &str = "[workload]\nmodel = \"open\"\nrate = \"15/s\"\nwarm_up = \"1s\"\nduration = \"2s\"\nmax_users = 60\n";

/// The same plan, with the flags that all its parts have.
const ALIKE: &[&str] = &["run", "p.toml", "--seed", "11", "--run-id", "one"];

fn record(lab: &Lab, run: &str) -> Value {
    let text = fs::read_to_string(lab.path(run).join("run.json")).expect("a record");
    serde_json::from_str(&text).expect("JSON")
}

/// How many iterations of each journey were due, in all phases.
fn due(lab: &Lab, run: &str) -> BTreeMap<String, u64> {
    let text = fs::read_to_string(lab.path(run).join("timeline.jsonl")).expect("a timeline");
    let mut due = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        for row in line["journeys"].as_array().expect("journeys") {
            let name = row["journey"].as_str().expect("a name").to_owned();
            *due.entry(name).or_default() += row["due"].as_u64().unwrap_or(0);
        }
    }
    due
}

/// Logins on the ledger that an entry of this kind names.
fn logins(lab: &Lab, run: &str, event: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(lab.path(run).join("ledger.jsonl")).expect("a ledger");
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an entry"));
    let of_event = entries.filter(|entry| entry["event"] == event);
    of_event.map(|entry| entry["login"].as_str().expect("a login").to_owned()).collect()
}

/// Performed, on a machine of whatever speed: what was due is the same however late it was.
fn assert_performed(ended: &Ended) {
    assert!([0, 5].contains(&ended.code), "{}: {}", ended.code, ended.stderr);
}

/// Starts one part.
fn start(lab: &Lab, tenant: Option<&Tenant>, share: &str, more: &[&str]) -> Child {
    let mut command = lab.command(&[ALIKE, &["--share", share], more].concat());
    if let Some(tenant) = tenant {
        command.env("WORKER_SECRET", tenant.worker_secret());
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a binary that starts")
}

/// Performs a plan in three parts at once, and in one piece, and holds them against each other.
fn in_three_and_in_one(lab: &Lab) {
    let parts: Vec<Child> = ["1/3", "2/3", "3/3"].map(|share| start(lab, None, share, &[])).into();
    for part in parts {
        let ended = Ended::of(part.wait_with_output().expect("an end"));
        assert_performed(&ended);
    }
    let ended = lab.run(&[ALIKE, &["--out", "whole"]].concat());
    assert_performed(&ended);
    let parts = ["reports/one-1", "reports/one-2", "reports/one-3"];
    let mut sum: BTreeMap<String, u64> = BTreeMap::new();
    let mut made = BTreeSet::new();
    for (index, part) in (1..).zip(parts) {
        let of = due(lab, part);
        assert!(of.values().sum::<u64>() > 0, "{part}");
        of.into_iter().for_each(|(name, due)| *sum.entry(name).or_default() += due);
        for login in logins(lab, part, "made") {
            assert!(made.insert(login.clone()), "{login} was made twice");
        }
        let record = record(lab, part);
        assert_eq!(record["share"], serde_json::json!({ "index": index, "of": 3 }));
        assert_eq!((&record["run_id"], &record["seed"]), (&"one".into(), &"11".into()));
    }
    assert_eq!(sum, due(lab, "whole"));
    assert_eq!(made, logins(lab, "whole", "made"), "the same people");
    assert_eq!(record(lab, "whole").get("share"), None);
}

#[test]
fn poisson_arrivals_in_three_parts_are_those_of_one_run_by_journey_and_by_person() {
    let lab = Lab::new();
    lab.file("p.toml", &format!("{OPEN}{JOURNEYS}"));
    in_three_and_in_one(&lab);
    // One place says that it is a part.
    let shown = lab.run(&["report", "reports/one-2"]);
    assert!(shown.stdout.contains("share 2 of 3 of 15/s"), "{}", shown.stdout);
    let shown = lab.run(&["report", "reports/one-2", "--format", "markdown"]);
    assert!(shown.stdout.contains("share 2 of 3 of 15/s"), "{}", shown.stdout);
    let page = fs::read_to_string(lab.path("reports/one-2/report.html")).expect("a page");
    assert!(page.contains("share 2 of 3 of 15/s"));
    let again = lab.run(&["run", "p.toml", "--resume", "reports/one-2"]);
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert!(again.stderr.contains("is share 2 of 3 of a plan"), "{}", again.stderr);
}

#[test]
fn constant_arrivals_in_three_parts_are_those_of_one_run_by_journey_and_by_person() {
    let lab = Lab::new();
    lab.file("p.toml", &format!("{OPEN}arrivals = \"constant\"\n{JOURNEYS}"));
    in_three_and_in_one(&lab);
}

#[test]
fn a_count_of_users_in_turn_in_three_parts_is_that_of_one_run_by_journey_and_by_person() {
    let lab = Lab::new();
    lab.file("p.toml", &format!("[workload]\nusers = 5\niterations = 25\n{JOURNEYS}"));
    in_three_and_in_one(&lab);
    let numbers = ["reports/one-1", "reports/one-2", "reports/one-3"].map(|part| {
        let rows = summary(&lab.path(part))["journeys"].as_array().expect("journeys").clone();
        rows.iter().map(|row| number(&row["due"])).sum::<u64>()
    });
    assert_eq!(numbers, [9, 8, 8]);
}

#[test]
fn parts_at_one_tenant_begin_at_one_instant_and_never_meet() {
    let (lab, tenant) = (Lab::new(), Tenant::start("delay = []\nsigning = \"ES256\"\n"));
    let text =
        format!("{OPEN}[journeys]\nregister = 3\nsign-on = 2\n{}count = 12\n", tenant.profile());
    lab.file("p.toml", &text);
    let now = Clock::system().wall().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let instant = now + 15;
    let at = instant.to_string();
    let parts: Vec<Child> = ["1/3", "2/3", "3/3"]
        .map(|share| start(&lab, Some(&tenant), share, &["--start-at", &at]))
        .into();
    let mut made = 0;
    let mut due_in_all = 0;
    for (part, child) in ["reports/one-1", "reports/one-2", "reports/one-3"].iter().zip(parts) {
        let ended = Ended::of(child.wait_with_output().expect("an end"));
        assert_performed(&ended);
        assert_eq!(record(&lab, part)["started_unix_ms"], instant * 1000);
        made += logins(&lab, part, "made").len();
        due_in_all += due(&lab, part).values().sum::<u64>();
    }
    let users: usize = tenant.directory().populations().iter().map(|each| each.users).sum();
    // Nobody was asked for twice, or the tenant would have refused somebody.
    assert_eq!(users, made);
    assert!(made > 12 && due_in_all > 20, "{made} {due_in_all}");
}

#[test]
fn accounts_that_are_brought_along_are_dealt_out_and_none_is_given_twice() {
    let lab = Lab::new();
    let rows: String = (0..7).map(|n| format!("user{n}@example.com,pass{n}\n")).collect();
    lab.file("a.csv", &format!("username,password\n{rows}"));
    let tenant = Tenant::start("delay = []\nsigning = \"ES256\"\n");
    let source = tenant.profile().replace("\"provision\"", "\"csv:a.csv\"");
    lab.file(
        "p.toml",
        &format!("[workload]\nusers = 3\niterations = 6\n[journeys]\nsign-on = 1\n{source}"),
    );
    let mut all = Vec::new();
    for share in ["1/3", "2/3", "3/3"] {
        let child = start(&lab, Some(&tenant), share, &[]);
        child.wait_with_output().expect("an end");
        all.extend(logins(&lab, &format!("reports/one-{}", &share[..1]), "brought"));
    }
    all.sort();
    let expected: Vec<String> = (0..7).map(|n| format!("user{n}@example.com")).collect();
    assert_eq!(all, expected);
}

#[test]
fn who_registers_first_registers_other_people_in_each_part() {
    let lab = Lab::new();
    lab.file(
        "p.toml",
        "[workload]\nusers = 3\niterations = 9\n[journeys]\nregister = 1\nsign-on = 1\n\
         [accounts]\nsource = \"register-first\"\ncount = 7\n[stand_in]\ndelay = []\nsigning = \"ES256\"\n",
    );
    let mut all = BTreeSet::new();
    let mut count = 0;
    for share in ["1/3", "2/3", "3/3"] {
        let ended = start(&lab, None, share, &[]).wait_with_output().expect("an end");
        let ended = Ended::of(ended);
        assert_performed(&ended);
        let own = logins(&lab, &format!("reports/one-{}", &share[..1]), "made");
        count += own.len();
        all.extend(own);
    }
    // Seven before the load, and the registrations of nine iterations.
    assert_eq!(all.len(), count);
    assert!((7 + 4..=7 + 5).contains(&count), "{count}");
}

#[test]
fn what_a_share_lacks_or_cannot_go_with_is_refused_with_a_way_out() {
    let lab = Lab::new();
    lab.file("p.toml", &format!("{OPEN}{JOURNEYS}"));
    for (arguments, told) in [
        (
            &["--share", "2/4"][..],
            "`--share 2/4` needs --seed and --run-id: all parts of a plan draw",
        ),
        (&["--share", "2/4", "--seed", "7"], "`--share 2/4` needs --run-id"),
        (&["--share", "5/4", "--seed", "7", "--run-id", "r"], "`5/4` is no share of a plan"),
        (&["--run-id", "No Such"], "`No Such` cannot be the id of a run"),
        (&["--start-at", "soon"], "`soon` is no instant to start at"),
        (&["--start-at", "2020-01-01T00:00Z"], "has been over for"),
        (&["--start-at", "9999-12-31T23:59Z"], "days ahead, and 24h are the most"),
        (&["--share", "1/2", "--repeat", "2"], "cannot be used with"),
        (&["--share", "1/2", "--resume", "x"], "cannot be used with"),
        (
            &["--share", "61/61", "--seed", "7", "--run-id", "r"],
            "share 61 of 61 has no user: the plan has 60 in all",
        ),
        (
            &["--share", "31/40", "--seed", "7", "--run-id", "r"],
            "share 31 of 40 has no account in state `ok`",
        ),
    ] {
        let ended = lab.run(&[&["run", "p.toml"], arguments].concat());
        assert_eq!(ended.code, 2, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(told), "{arguments:?}: {}", ended.stderr);
    }
    assert!(!lab.path("reports").exists(), "nothing was begun");
}

#[test]
fn an_instant_that_is_over_when_everything_is_in_place_ends_it_before_any_load() {
    let lab = Lab::new();
    lab.file("p.toml", &format!("{OPEN}{JOURNEYS}"));
    let ended = lab.run(&[ALIKE, &["--start-at", "+1ms"]].concat());
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("everything was in place too late"), "{}", ended.stderr);
    assert!(ended.stderr.contains("agree on a later instant for all parts"), "{}", ended.stderr);
}

#[test]
fn who_waits_for_the_instant_can_be_interrupted() {
    let lab = Lab::new();
    lab.file("p.toml", &format!("{OPEN}{JOURNEYS}"));
    let mut child = start(&lab, None, "1/2", &["--start-at", "+1h"]);
    let ledger = lab.path("reports/one-1/ledger.jsonl");
    // Its accounts are made: soon it says that it waits, and for how long.
    let made = || fs::read_to_string(&ledger).unwrap_or_default().matches("\"made\"").count();
    while made() < 15 {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let mut told = BufReader::new(child.stderr.take().expect("what it says"));
    let mut all = String::new();
    while !all.contains("the load starts at ") {
        assert!(told.read_line(&mut all).expect("text") > 0, "{all}");
    }
    signal(child.id(), "INT");
    told.read_to_string(&mut all).expect("text");
    let ended = Ended { stderr: all, ..Ended::of(child.wait_with_output().expect("an end")) };
    assert!(ended.stderr.contains("Z, in 59m"), "{}", ended.stderr);
    assert!(ended.stderr.contains("the run ends before any load"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("may finish"), "{}", ended.stderr);
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!(ended.stderr.contains("stopped before any load"), "{}", ended.stderr);
    assert!(!lab.path("reports/one-1/run.json").exists());
}

#[test]
fn thresholds_are_judged_by_the_whole_and_fail_no_share() {
    let lab = Lab::new();
    let rule = "[[threshold]]\nrule = \"completed-rate > 10/s\"\n";
    lab.file("p.toml", &format!("{OPEN}{rule}{JOURNEYS}"));
    let now = Clock::system().wall().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    // Rates of a whole are those of parts that are measured together.
    let at = (now + 15).to_string();
    let parts = ["1/2", "2/2"].map(|share| (share, start(&lab, None, share, &["--start-at", &at])));
    for (share, child) in parts {
        let ended = Ended::of(child.wait_with_output().expect("an end"));
        assert_performed(&ended);
        assert!(ended.stderr.contains("thresholds are for the whole"), "{}", ended.stderr);
        let found = summary(&lab.path(&format!("reports/one-{}", &share[..1])));
        assert_eq!(found["thresholds"][0]["holds"], false, "{found}");
        assert_eq!(found["cautions"][0]["slug"], "one-share", "{found}");
    }
    let merged = lab.run(&["report", "--merge", "reports/one-1", "reports/one-2", "-o", "whole"]);
    assert_performed(&merged);
    assert_eq!(summary(&lab.path("whole"))["thresholds"][0]["holds"], true);
}

#[test]
fn the_cost_is_that_of_the_whole_plan_and_the_part_is_told_beside_it() {
    let lab = Lab::new();
    let limits = "[limits]\ndavinci-start = \"30/s\"\n";
    lab.file("p.toml", &format!("{OPEN}{limits}{JOURNEYS}"));
    let arguments = ["--share", "1/2", "--start-at", "+1ms"];
    let ended = lab.run(&[ALIKE, &arguments].concat());
    assert!(
        ended.stderr.contains("share 1 of 2 of it: about 23 iterations, 7.5/s at the peak"),
        "{}",
        ended.stderr
    );
    // 15 flow starts a second are more than one address may have of 30, and not more than two may.
    assert!(!ended.stderr.contains("more than may be used"), "{}", ended.stderr);
    let alone = lab.run(&ALIKE.iter().copied().chain(["--start-at", "+1ms"]).collect::<Vec<_>>());
    assert!(alone.stderr.contains("more than may be used"), "{}", alone.stderr);
}
