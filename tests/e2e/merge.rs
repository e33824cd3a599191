//! `gander report --merge`: directories of parts made one run, by the real binary.

use crate::lab::{Ended, Lab};
use crate::run::{number, summary};
use crate::tenant::Tenant;
use gander::result::run_dir::{INTERVALS, RunDir};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

/// A short run of the open model at a stand-in without delays.
fn plan<'a>(name: &'a str, seed: &'a str, (rate, duration): (&'a str, &'a str)) -> Vec<&'a str> {
    let load = ["run", "-q", "--rate", rate, "--warm-up", "500ms", "-d", duration, "-j", "sign-on"];
    let rest = [
        "--set",
        "accounts.count=40",
        "--set",
        "stand_in.delay=[]",
        "--set",
        "stand_in.signing=\"ES256\"",
        "--threshold",
        "faults < 50%",
        "--seed",
        seed,
        "-o",
        name,
    ];
    [&load[..], &rest].concat()
}

/// The usual one.
const USUAL: (&str, &str) = ("20/s", "1500ms");

/// Leaves the directory of a run of that plan.
fn leave(lab: &Lab, name: &str, seed: &str, (load, more): ((&str, &str), &[&str])) {
    let ended = lab.run(&[&plan(name, seed, load), more].concat());
    assert!([0, 5].contains(&ended.code), "{}", ended.stderr);
}

fn merge(lab: &Lab, arguments: &[&str]) -> Ended {
    lab.run(&[&["report", "--merge"], arguments].concat())
}

/// The first row of journeys.
fn row(summary: &Value) -> &Value {
    &summary["journeys"][0]
}

/// How many times each series of the interval log has, by its tag.
fn samples(lab: &Lab, name: &str) -> BTreeMap<String, u64> {
    let dir = RunDir::open(&lab.path(name)).expect("a run directory");
    let mut samples = BTreeMap::new();
    dir.each_entry(INTERVALS, |entry| {
        *samples.entry(entry.key.to_string()).or_default() += entry.times.count();
    })
    .expect("a readable log");
    samples
}

/// Changes a member of the record of a run.
fn record(lab: &Lab, name: &str, change: impl Fn(&mut Value)) {
    let path = lab.path(name).join("run.json");
    let mut record: Value =
        serde_json::from_slice(&fs::read(&path).expect("a record")).expect("JSON");
    change(&mut record);
    fs::write(&path, record.to_string()).expect("a written record");
}

#[test]
fn runs_of_one_plan_become_one_whose_counts_are_their_sums() {
    let lab = Lab::new();
    for (name, seed) in [("a", "1"), ("b", "2"), ("c", "3")] {
        leave(&lab, name, seed, (USUAL, &[]));
    }
    let ended = merge(&lab, &["a", "b", "c", "-o", "whole"]);
    let whole = summary(&lab.path("whole"));
    let verdict = whole["verdict"].as_str().expect("a verdict");
    let expected = if verdict == "pass" { 0 } else { 5 };
    assert_eq!(ended.code, expected, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("3 parts merged into whole"), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("Parts") && ended.stdout.contains("3 times 20/s"),
        "{}",
        ended.stdout
    );
    assert!(!lab.path("whole/.merging").exists());

    let parts = ["a", "b", "c"].map(|name| summary(&lab.path(name)));
    for key in ["due", "completed", "failed", "dropped", "cut_off", "lost", "late"] {
        let sum: u64 = parts.iter().map(|part| number(&row(part)[key])).sum();
        assert_eq!(number(&row(&whole)[key]), sum, "{key}");
    }
    assert!(number(&row(&whole)["due"]) >= 60, "{whole}");
    let rows = whole["parts"].as_array().expect("parts");
    for (told, (name, part)) in rows.iter().zip(["a", "b", "c"].iter().zip(&parts)) {
        assert_eq!(told["name"], *name);
        for key in ["due", "completed", "failed", "dropped", "cut_off", "lost"] {
            assert_eq!(told[key], row(part)[key], "{key} of {told}");
        }
        assert_eq!(told["generator"]["lag_us"], part["generator"]["lag_us"]);
    }
    let mut sum: BTreeMap<String, u64> = BTreeMap::new();
    for name in ["a", "b", "c"] {
        for (tag, times) in samples(&lab, name) {
            *sum.entry(tag).or_default() += times;
        }
    }
    assert!(sum.len() > 10);
    assert_eq!(samples(&lab, "whole"), sum);
    let cautions: Vec<_> = whole["cautions"]
        .as_array()
        .expect("cautions")
        .iter()
        .map(|it| it["slug"].clone())
        .collect();
    assert!(cautions.contains(&"whole-plans".into()), "{cautions:?}");

    // It is a run like any other.
    for name in ["report.html", "junit.xml", "steps.csv", "timeline.jsonl", "ledger.jsonl"] {
        assert!(lab.path("whole").join(name).is_file(), "{name}");
    }
    let again = lab.run(&["report", "whole", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&again.stdout).expect("JSON"), whole);
    for format in ["markdown", "html", "csv-timeline", "hgrm"] {
        let shown = lab.run(&["report", "whole", "--format", format]);
        assert_eq!(shown.code, 0, "{format}: {}", shown.stderr);
        let has_parts = !["csv-timeline", "hgrm"].contains(&format);
        assert_eq!(shown.stdout.contains("Parts"), has_parts, "{format}: {}", shown.stdout);
    }
    // Without a summary it is judged again, and comes to the same.
    fs::remove_file(lab.path("whole/summary.json")).expect("a removed summary");
    let afresh = lab.run(&["report", "whole", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&afresh.stdout).expect("JSON"), whole);
    let compared = lab.run(&["compare", "whole", "a", "--json"]);
    assert!(compared.code == 0 || compared.code == 4, "{}", compared.stderr);
    assert!(serde_json::from_str::<Value>(&compared.stdout).is_ok(), "{}", compared.stderr);
}

#[test]
fn what_cannot_be_merged_is_refused_by_name_and_leaves_nothing() {
    let lab = Lab::new();
    for (name, seed) in [("r/a", "1"), ("r/b", "2")] {
        leave(&lab, name, seed, (USUAL, &[]));
    }
    leave(&lab, "faster", "3", (("30/s", "1500ms"), &[]));
    leave(&lab, "strict", "4", (USUAL, &["--threshold", "faults < 40%"]));
    let copy = |from: &str, to: &str| {
        fs::create_dir_all(lab.path(to)).expect("a folder");
        for entry in fs::read_dir(lab.path(from)).expect("a listing") {
            let entry = entry.expect("an entry");
            fs::copy(entry.path(), lab.path(to).join(entry.file_name())).expect("a copy");
        }
    };
    copy("r/a", "copy");
    for (name, seed, share) in [
        ("s1", "5", Some((1, 3))),
        ("s1-again", "5", Some((1, 3))),
        ("s2", "5", Some((2, 3))),
        ("s2-of-2", "5", Some((2, 2))),
        ("s2-other-seed", "6", Some((2, 3))),
        ("s4-of-3", "5", Some((4, 3))),
        ("newer", "5", None),
        ("other-format", "5", None),
    ] {
        copy("r/a", name);
        record(&lab, name, |record| {
            record["run_id"] = name.into();
            record["seed"] = seed.into();
            if let Some((index, of)) = share {
                record["share"] = serde_json::json!({ "index": index, "of": of });
            }
        });
    }
    record(&lab, "newer", |record| record["schema_version"] = 9.into());
    record(&lab, "other-format", |record| record["schema_version"] = 0.into());
    lab.file("file", "");
    for (given, what, remedy) in [
        (&["r/a", "nowhere"][..], "cannot open `nowhere`", ""),
        (&["r"], "`r` is not the directory of a run: it holds 2 of them", "`r/*`"),
        (&["r/a", "r/../r/a"], "are the same run", "name each run once"),
        (&["r/a", "copy"], "are the same run", "name each run once"),
        (&["r/a", "faster"], "workload.rate was 20/s and is 30/s", "gander compare"),
        (&["r/a", "strict"], "40%", "gander compare"),
        (&["r/a", "newer"], "has version 9 of its format", "use a newer gander"),
        (&["r/a", "other-format"], "version 0 of their format", "one version of gander"),
        (&["r/a", "s1"], "one is a share of the plan, 1/3", "leave it out"),
        (&["s1", "s1-again"], "are both share 1/3 of the plan", "count twice"),
        (&["s1", "s2-of-2"], "it is share 2/2, and the other 1/3", "the shares of one run"),
        (&["s1", "s2-other-seed"], "it has 6, not 5", "the shares of one run"),
        (&["s4-of-3"], "`4/3` is no share of a plan", "run.json"),
    ] {
        let ended = merge(&lab, &[given, &["-o", "out"]].concat());
        assert_eq!(ended.code, 2, "{given:?}: {}{}", ended.stdout, ended.stderr);
        let said = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(what) && said.contains(remedy), "{given:?}: {said}");
        assert!(!lab.path("out").exists(), "{given:?}");
    }
    // What is there already is not written over, and what is damaged leaves nothing.
    let taken = merge(&lab, &["r/a", "r/b", "-o", "faster"]);
    assert_eq!(taken.code, 2);
    assert!(taken.stderr.contains("`faster` already holds a run"), "{}", taken.stderr);
    fs::write(lab.path("copy/ledger.jsonl"), "nonsense\n").expect("a damaged ledger");
    record(&lab, "copy", |record| record["run_id"] = "copy".into());
    let damaged = merge(&lab, &["r/a", "copy", "-o", "out"]);
    assert_eq!(damaged.code, 2, "{}", damaged.stderr);
    assert!(damaged.stderr.contains("copy/ledger.jsonl"), "{}", damaged.stderr);
    assert!(!lab.path("out").exists());

    // Two of three shares are merged, and the third is missed by name; into a directory where another merge was
    // killed, and where something else is besides.
    fs::create_dir_all(lab.path("shares/.merging")).expect("a folder");
    for name in [".merging/timeline.jsonl", "timeline.jsonl", "notes"] {
        fs::write(lab.path("shares").join(name), "half\n").expect("a file");
    }
    let shares = merge(&lab, &["s1", "s2", "-o", "shares", "--format", "markdown"]);
    assert!([0, 5].contains(&shares.code), "{}", shares.stderr);
    assert_eq!(fs::read_to_string(lab.path("shares/notes")).expect("a file"), "half\n");
    assert!(!lab.path("shares/.merging").exists());
    let slugs: Vec<_> = summary(&lab.path("shares"))["cautions"]
        .as_array()
        .expect("cautions")
        .iter()
        .map(|it| format!("{}: {}", it["slug"], it["text"]))
        .collect();
    assert!(
        slugs.iter().any(|it| it.contains("shares-missing") && it.contains("(3/3)")),
        "{slugs:?}"
    );
    assert!(!slugs.iter().any(|it| it.contains("whole-plans")), "{slugs:?}");
    // Both ledgers speak of the same accounts, for one run is a copy of the other.
    assert!(shares.stderr.contains("kept by themselves"), "{}", shares.stderr);
    for part in ["s1", "s2"] {
        assert!(lab.path("shares/parts").join(format!("{part}-ledger.jsonl")).is_file(), "{part}");
    }
    // Merged runs are merged with nothing more, and not taken up again.
    let nested = merge(&lab, &["shares", "-o", "out"]);
    assert_eq!(nested.code, 2);
    assert!(nested.stderr.contains("is merged already, of 2 parts"), "{}", nested.stderr);
    let resumed = lab.run(&["run", "--resume", "shares"]);
    assert_eq!(resumed.code, 2, "{}", resumed.stderr);
    assert!(resumed.stderr.contains("is merged of 2 parts"), "{}", resumed.stderr);
}

#[test]
fn a_finished_part_that_came_incomplete_is_refused_by_file_and_a_killed_one_is_not() {
    let lab = Lab::new();
    for (name, seed) in [("whole", "1"), ("torn", "2")] {
        leave(&lab, name, seed, (USUAL, &[]));
    }
    for (name, figure) in
        [("timeline.jsonl", "iterations due"), ("intervals.hlog", "timed exchanges")]
    {
        let path = lab.path("torn").join(name);
        let sound = fs::read(&path).expect("a file");
        // To the middle of a line, and to the end of the one before; without anything; not there at all.
        let half = sound.len() / 2;
        let line = sound[..half].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lengths = [Some(half), Some(line), Some(0), None];
        for length in lengths {
            match length {
                Some(length) => fs::write(&path, &sound[..length]).expect("a shorter file"),
                None => fs::remove_file(&path).expect("a removed file"),
            }
            let ended = merge(&lab, &["whole", "torn", "-o", "out"]);
            assert_eq!(ended.code, 2, "{name} {length:?}: {}{}", ended.stdout, ended.stderr);
            let said = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            let state = if length.is_none() { "is missing" } else { "is not whole" };
            for told in [&format!("torn/{name}` {state}"), figure, "part `torn`", "leave it out"] {
                assert!(said.contains(told), "{name} {length:?}: {said}");
            }
            assert!(!lab.path("out").exists());
        }
        fs::write(&path, sound).expect("the file again");
    }
    // The same of a run that was killed: nobody knows what is missing, and it has no end on record.
    fs::remove_file(lab.path("torn/summary.json")).expect("a removed summary");
    fs::write(lab.path("torn/intervals.hlog"), "").expect("an empty file");
    record(&lab, "torn", |record| record["ended_at"] = Value::Null);
    let ended = merge(&lab, &["whole", "torn", "-o", "out"]);
    assert!([4, 5].contains(&ended.code), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn one_directory_becomes_the_same_run_with_one_part() {
    let lab = Lab::new();
    leave(&lab, "alone", "1", (USUAL, &[]));
    let ended = merge(&lab, &["alone", "-o", "whole"]);
    let (alone, whole) = (summary(&lab.path("alone")), summary(&lab.path("whole")));
    assert!([0, 5].contains(&ended.code), "{}", ended.stderr);
    assert!(ended.stderr.contains("1 part merged into whole"), "{}", ended.stderr);
    for key in ["steps", "capabilities", "series"] {
        assert_eq!(whole[key], alone[key], "{key}");
    }
    let measured_s = |summary: &Value| summary["measured_s"].as_f64().expect("a number");
    assert!((measured_s(&whole) - measured_s(&alone)).abs() < 0.05, "{whole}");
    for key in
        ["due", "late", "completed", "failed", "faults", "funnel", "response_time_us", "elapsed_us"]
    {
        assert_eq!(row(&whole)[key], row(&alone)[key], "{key}");
    }
    assert_eq!(whole["parts"].as_array().map(Vec::len), Some(1));
    assert_eq!(samples(&lab, "whole"), samples(&lab, "alone"));
    let cautions = whole["cautions"].to_string();
    assert!(
        !cautions.contains("whole-plans") && !ended.stdout.contains("times 20/s"),
        "{cautions}"
    );
}

#[test]
fn a_killed_part_is_merged_up_to_its_last_interval_and_fails_the_whole() {
    let lab = Lab::new();
    leave(&lab, "well", "1", (("20/s", "4s"), &[]));
    let mut command = lab.command(&plan("killed", "2", ("20/s", "4s")));
    let mut child =
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a binary that starts");
    let timeline = lab.path("killed/timeline.jsonl");
    while fs::read_to_string(&timeline).unwrap_or_default().lines().count() < 2 {
        std::thread::park_timeout(Duration::from_millis(20));
        let ended = child.try_wait().expect("a process");
        assert!(ended.is_none(), "it ended by itself: {ended:?}");
    }
    let going_on = merge(&lab, &["well", "killed", "-o", "whole"]);
    child.kill().expect("a kill");
    child.wait().expect("an end");
    assert_eq!(going_on.code, 2, "{}", going_on.stderr);
    assert!(going_on.stderr.contains("`killed` is still going on"), "{}", going_on.stderr);

    let ended = merge(&lab, &["well", "killed", "-o", "whole"]);
    let whole = summary(&lab.path("whole"));
    assert!([4, 5].contains(&ended.code), "{}", ended.stderr);
    let reasons = whole["reasons"].to_string();
    assert!(reasons.contains("part `killed` has no end on record"), "{reasons}");
    for row in whole["journeys"].as_array().expect("journeys") {
        let ends = ["completed", "failed", "dropped", "cut_off", "lost"];
        let ended: u64 = ends.iter().map(|key| number(&row[*key])).sum();
        assert_eq!(number(&row["due"]), ended, "{row}");
    }
    let killed = &whole["parts"][1];
    assert_eq!((&killed["name"], &killed["ended_at"]), (&"killed".into(), &Value::Null));
    let alone = lab.run(&["report", "killed", "--format", "json"]);
    let alone: Value = serde_json::from_str(&alone.stdout).expect("JSON");
    let due = alone["journeys"].as_array().expect("journeys");
    let due: u64 = due.iter().map(|row| number(&row["due"])).sum();
    assert_eq!(number(&killed["due"]), due);
}

#[test]
fn one_clean_up_removes_the_accounts_of_all_parts() {
    let (lab, tenant) = (Lab::new(), Tenant::start(""));
    let users = || tenant.directory().populations().iter().map(|each| each.users).sum::<usize>();
    let text = format!(
        "{}count = 3\n[journeys]\nsign-on = 1\n[workload]\nusers = 2\niterations = 8\n",
        tenant.profile()
    );
    let profile = lab.file("p.toml", &text);
    for name in ["a", "b"] {
        let ended = tenant.gander(&lab, &["run", &profile, "-q", "-o", name]);
        assert!([0, 5].contains(&ended.code), "{}", ended.stderr);
    }
    assert_eq!(users(), 6);
    let merged = merge(&lab, &["a", "b"]);
    assert!([0, 5].contains(&merged.code), "{}", merged.stderr);
    let clean = ["accounts", "clean-up", &profile, "--ledger", "reports/latest"];
    let ended = tenant.gander(&lab, &clean);
    assert_eq!((ended.code, users()), (0, 0), "{}", ended.stderr);
    assert!(ended.stderr.contains("6 accounts removed"), "{}", ended.stderr);
    let again = tenant.gander(&lab, &clean);
    assert!(again.stderr.contains("0 accounts removed"), "{}", again.stderr);
}
