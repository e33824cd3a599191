//! `gander compare`: verdicts and exit codes, on run directories of invented runs and of real ones.

use crate::lab::{Ended, Lab};
use gander::base::names::Variant;
use gander::measure::histogram::{Bounds, Times};
use gander::measure::series::{Kind, Outcome, Phase, SeriesKey};
use gander::measure::timeline::{Interval, Line, SCHEMA_VERSION};
use gander::result::run_dir::{RunDir, RunRecord};
use gander::result::summary::{Summary, Verdict};
use gander::result::writer::RunWriter;
use gander::run::summarise::{summarise, windows};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Iterations of each variant in a second of an invented run.
const PER_SECOND: u64 = 20;

/// An invented run: sixty seconds of one journey of two steps.
struct Made<'a> {
    /// Its directory and id.
    name: &'a str,
    /// How much slower each variant is, as a factor of its times.
    variants: &'a [(&'a str, f64)],
    /// Seconds of it, none of which may be measured.
    seconds: std::ops::Range<u64>,
    plan: Value,
    flows: Value,
}

impl Default for Made<'_> {
    fn default() -> Self {
        Self {
            name: "r",
            variants: &[("default", 1.0)],
            seconds: 0..60,
            plan: json!({ "workload": { "rate": "20/s", "duration": "60s" }, "journeys": { "sign-on": 1 } }),
            flows: json!([]),
        }
    }
}

impl Made<'_> {
    fn leave(self, lab: &Lab) -> RunDir {
        let dir = RunDir::create_at(&lab.path(self.name)).expect("a directory");
        let record = self.record();
        let mut writer = RunWriter::start(dir, &record).expect("a run");
        for second in 0..60 {
            writer.write(&self.second(second)).expect("a written interval");
        }
        writer.finish().expect("a finished run")
    }

    fn record(&self) -> RunRecord {
        let record = json!({
            "schema_version": 1, "gander_version": "0.1.0", "run_id": self.name,
            "started_at": "2026-11-21T18:34:41.000Z", "started_unix_ms": 1_795_286_081_000u64,
            "ended_at": "2026-11-21T18:35:41.000Z", "interrupted": false, "seed": "1",
            "workload_model": "open", "planned_ms": 60_000, "reply_timeout_ms": 30_000,
            "thresholds": [], "host": { "name": "lab", "system": "linux", "cores": 2 },
            "tenant_hosts": ["127.0.0.1"], "flows": self.flows, "plan": self.plan,
        });
        serde_json::from_value(record).expect("a record")
    }

    fn second(&self, second: u64) -> Interval {
        let (start_ms, end_ms) = (second * 1000, second * 1000 + 1000);
        let mut series = BTreeMap::new();
        let mut lines = Vec::new();
        for (name, factor) in self.variants {
            let variant: Variant = (*name).into();
            lines.push(json!({
                "phase": "measured", "variant": name, "journey": "sign-on",
                "due": PER_SECOND, "completed": PER_SECOND, "exchanges": 2 * PER_SECOND,
            }));
            let key =
                SeriesKey::of_journey(Phase::Measured, &variant, &"sign-on".into(), Kind::Response);
            let draws = || self.draws(second, name);
            let times = |base: f64| {
                let mut times = Times::new(Bounds::Journey);
                draws().for_each(|draw| times.record(whole(base * draw)));
                times
            };
            series.insert(Arc::new(key.clone()), times(100e3 * factor));
            // All of it is the second step.
            for (step, action, base) in
                [("credentials", "SIGNON", 50e3), ("verify", "VERIFY", 100e3 * factor - 50e3)]
            {
                let key = SeriesKey {
                    step: step.into(),
                    capability: "customHTMLTemplate".into(),
                    event: "submit".into(),
                    action: action.into(),
                    outcome: Some(Outcome::Advanced),
                    kind: Kind::Exchange,
                    ..key.clone()
                };
                let mut times = Times::new(Bounds::Exchange);
                draws().for_each(|draw| times.record(whole(base * draw)));
                series.insert(Arc::new(key), times);
            }
        }
        let is_measured = self.seconds.contains(&second);
        let line = json!({
            "schema_version": SCHEMA_VERSION, "interval": second, "start_ms": start_ms, "end_ms": end_ms,
            "measured_ms": if is_measured { 1000 } else { 0 }, "journeys": lines,
            "readings": { "users": 5, "next_arrival": 0, "next_persona": 0, "cpu_share": 0.1 },
        });
        let line: Line = serde_json::from_value(line).expect("a line");
        Interval { line, series, failing: Vec::new() }
    }

    /// Factors around one, the same for the same run, second and variant; runs differ by a percent.
    fn draws(&self, second: u64, variant: &str) -> impl Iterator<Item = f64> {
        let hashed = |bytes: &mut dyn Iterator<Item = u64>| {
            bytes.fold(0x9e37_79b9_7f4a_7c15_u64, |state, byte| {
                (state ^ byte).wrapping_mul(0x0100_0000_01b3).rotate_left(29) ^ (state >> 31)
            })
        };
        let run = part(hashed(&mut self.name.bytes().map(u64::from)));
        let mut own =
            self.name.bytes().chain(variant.bytes()).map(u64::from).chain([second + 1000]);
        let mut state = hashed(&mut own);
        (0..PER_SECOND).map(move |_| {
            // The sum of a few even draws is nearly normal.
            let sum: f64 = (0..6)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    part(state ^ (state >> 29))
                })
                .sum();
            (0.3 * (sum - 3.0) + 0.02 * (run - 0.5)).exp()
        })
    }
}

/// A number from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn part(bits: u64) -> f64 {
    (bits >> 11) as f64 / 9_007_199_254_740_992.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "microseconds of a second"
)]
fn whole(us: f64) -> u64 {
    us as u64
}

fn plain(lab: &Lab, names: &[&str], factor: f64) {
    for name in names {
        Made { name, variants: &[("default", factor)], ..Made::default() }.leave(lab);
    }
}

/// Gives a run a caution more than it has.
fn warned((dir, made): (&RunDir, &Made<'_>), (slug, text): (&str, &str)) -> Summary {
    let record = made.record();
    let windows = windows(dir, &record).expect("windows");
    let mut summary = summarise(&record, &dir.tally().expect("a tally"), Some(&windows), None);
    let caution = json!({ "slug": slug, "text": text, "advice": "" });
    summary.cautions.push(serde_json::from_value(caution).expect("a caution"));
    dir.write_summary(&summary).expect("a summary");
    summary
}

fn compare(lab: &Lab, words: &[&str]) -> Ended {
    lab.run(&[&["compare"], words].concat())
}

fn json_of(lab: &Lab, words: &[&str]) -> Value {
    let ended = compare(lab, &[words, &["--json"]].concat());
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr))
}

#[test]
fn variants_of_one_run_are_worse_or_the_same() {
    let lab = Lab::new();
    Made { name: "far", variants: &[("v1", 1.0), ("v2", 1.3)], ..Made::default() }.leave(&lab);
    Made { name: "near", variants: &[("v1", 1.0), ("v2", 1.0)], ..Made::default() }.leave(&lab);
    let worse = compare(&lab, &["far"]);
    assert_eq!(worse.code, 4, "{}{}", worse.stdout, worse.stderr);
    assert!(worse.stdout.starts_with("WORSE  "), "{}", worse.stdout);
    assert!(worse.stdout.lines().all(|line| line.chars().count() <= 100), "{}", worse.stdout);
    let better = compare(&lab, &["far", "--variants", "v2,v1"]);
    assert_eq!(better.code, 0, "{}{}", better.stdout, better.stderr);
    assert!(better.stdout.starts_with("BETTER  "), "{}", better.stdout);
    let same = compare(&lab, &["near", "--margin", "15%", "--strict"]);
    assert_eq!(same.code, 0, "{}{}", same.stdout, same.stderr);
    assert!(same.stdout.starts_with("SAME  "), "{}", same.stdout);
}

#[test]
fn the_step_that_is_slower_is_named_and_no_other() {
    let lab = Lab::new();
    Made { name: "far", variants: &[("v1", 1.0), ("v2", 1.3)], ..Made::default() }.leave(&lab);
    let found = json_of(&lab, &["far"]);
    let worse = |rows: &str, key: &str| {
        let rows = found[rows].as_array().expect("rows");
        let worse = rows.iter().filter(|row| row["verdict"] == "worse");
        worse.map(|row| row[key].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(worse("journeys", "journey"), ["sign-on"]);
    assert_eq!(worse("steps", "step"), ["verify"]);
    assert_eq!(worse("capabilities", "action"), ["VERIFY"]);
}

#[test]
fn one_run_each_cannot_tell_until_it_is_known_how_much_runs_differ() {
    let lab = Lab::new();
    plain(&lab, &["old", "old2", "old3", "old4", "old5"], 1.0);
    plain(&lab, &["new"], 1.3);
    let open = compare(&lab, &["old", "new"]);
    assert_eq!(open.code, 0, "{}", open.stderr);
    assert!(open.stdout.starts_with("CANNOT TELL  "), "{}", open.stdout);
    assert!(open.stdout.contains("--spread"), "{}", open.stdout);
    assert_eq!(compare(&lab, &["old", "new", "--strict"]).code, 4);

    let spread = ["old", "new", "--spread", "old2", "old3", "old4", "old5"];
    let told = compare(&lab, &spread);
    assert_eq!(told.code, 4, "{}{}", told.stdout, told.stderr);
    assert!(told.stderr.contains("old/spread.json"), "{}", told.stderr);
    let again = compare(&lab, &["old", "new"]);
    assert_eq!((again.code, &again.stdout), (4, &told.stdout), "it is known from then on");

    std::fs::remove_dir_all(lab.path("old3")).expect("a removed run");
    let gone = compare(&lab, &["old", "new"]);
    assert_eq!(gone.code, 2);
    assert!(
        gone.stderr.contains("run `old3` of `") && gone.stderr.contains("--spread"),
        "{}",
        gone.stderr
    );
    Made { name: "other", ..Made::default() }.leave(&lab);
    std::fs::rename(lab.path("other"), lab.path("old3")).expect("a moved run");
    let other = compare(&lab, &["old", "new"]);
    assert_eq!(other.code, 2);
    assert!(other.stderr.contains("holds run `other`"), "{}", other.stderr);
}

#[test]
fn several_runs_of_each_side_are_judged_as_runs() {
    let lab = Lab::new();
    plain(&lab, &["a1", "a2", "a3", "a4"], 1.0);
    plain(&lab, &["b1", "b2", "b3", "b4"], 1.3);
    let sides = ["--baseline", "a1", "a2", "a3", "a4", "--candidate", "b1", "b2", "b3", "b4"];
    let found = json_of(&lab, &sides);
    assert_eq!(found["method"]["design"], "runs");
    assert_eq!(compare(&lab, &sides).code, 4);
    let same = ["--baseline", "a1", "a2", "--candidate", "a3", "a4", "--margin", "30%"];
    assert_eq!(json_of(&lab, &same)["verdict"], "same");
}

#[test]
fn what_else_differs_stands_above_the_table_and_is_refused_by_those_who_are_strict() {
    let lab = Lab::new();
    Made { name: "a", ..Made::default() }.leave(&lab);
    let plan = json!({ "workload": { "rate": "30/s" }, "journeys": { "sign-on": 1 } });
    Made { name: "b", plan, ..Made::default() }.leave(&lab);
    let shown = compare(&lab, &["a", "b"]);
    let (mismatch, table) =
        (shown.stdout.find("! offered load: baseline rate 20/s"), shown.stdout.find("Journeys"));
    assert!(mismatch.is_some() && mismatch < table, "{}", shown.stdout);
    let refused = compare(&lab, &["a", "b", "--strict", "--json"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (4, ""), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("offered load: baseline rate 20/s; candidate rate 30/s"),
        "{}",
        refused.stderr
    );
}

#[test]
fn an_invalid_run_and_a_flow_that_changed_half_way_give_no_verdict() {
    let lab = Lab::new();
    let variants = &[("v1", 1.0), ("v2", 1.3)];
    let made = || Made { name: "run", variants, ..Made::default() };
    let dir = made().leave(&lab);
    assert_eq!(compare(&lab, &["run"]).code, 4);
    let mut summary = warned(
        (&dir, &made()),
        ("flow-changed", "`sign-on` of `v1` met another flow from second 30 on"),
    );
    let changed = compare(&lab, &["run"]);
    assert_eq!(changed.code, 0, "{}", changed.stderr);
    assert!(changed.stdout.starts_with("CANNOT TELL  "), "{}", changed.stdout);
    assert!(changed.stdout.contains("met another flow"), "{}", changed.stdout);
    assert!(!changed.stdout.contains("worse by more"), "{}", changed.stdout);
    summary.cautions.clear();
    summary.verdict = Verdict::Invalid;
    dir.write_summary(&summary).expect("a summary");
    let invalid = compare(&lab, &["run"]);
    assert!(
        invalid.stdout.starts_with("CANNOT TELL  ") && invalid.stdout.contains("invalid"),
        "{}",
        invalid.stdout
    );
}

#[test]
fn a_run_with_a_disturbed_generator_is_held_against_no_other_run() {
    const LATE: &str = "gander's own timers were up to 45.6 ms late (99th percentile 45.6 ms)";
    const BUSY: &str = "the generator may have been the limit in 6.67% of the measured time";
    for (slug, text) in [("scheduler-lag", LATE), ("generator-busy", BUSY)] {
        let lab = Lab::new();
        plain(&lab, &["a1", "a2", "a3"], 1.0);
        plain(&lab, &["b1", "b2"], 1.3);
        let made = || Made { name: "b3", variants: &[("default", 1.3)], ..Made::default() };
        let dir = made().leave(&lab);
        let sides = ["--baseline", "a1", "a2", "a3", "--candidate", "b1", "b2", "b3"];
        assert_eq!(compare(&lab, &sides).code, 4);
        warned((&dir, &made()), (slug, text));
        let found = json_of(&lab, &sides);
        assert_eq!(found["verdict"], "cannot-tell", "{slug}");
        let reason = found["reasons"][0].as_str().expect("a reason");
        assert!(reason.contains("run b3 ") && reason.contains(text), "{reason}");
        assert_eq!(found["mismatches"][0]["what"], "disturbance of the generator");
        let shown = compare(&lab, &sides).stdout;
        let (told, table) = (shown.find("! disturbance of the"), shown.find("\nJourneys"));
        assert!(told.is_some() && told < table, "{shown}");
        assert!(!shown.contains("worse by more"), "{shown}");
        let strict = compare(&lab, &[&sides[..], &["--strict"]].concat());
        assert_eq!((strict.code, strict.stdout.as_str()), (4, ""), "{}", strict.stderr);
    }
}

#[test]
fn variants_of_a_run_with_a_disturbed_generator_are_judged_and_the_doubt_is_told() {
    let lab = Lab::new();
    let variants = &[("v1", 1.0), ("v2", 1.3)];
    let made = || Made { name: "run", variants, ..Made::default() };
    let dir = made().leave(&lab);
    warned((&dir, &made()), ("scheduler-lag", "gander's own timers were up to 45.6 ms late"));
    let shown = compare(&lab, &["run"]);
    assert!(shown.code == 4 && shown.stdout.starts_with("WORSE  "), "{}", shown.stdout);
    let (told, table) =
        (shown.stdout.find("! disturbance of the"), shown.stdout.find("\nJourneys"));
    assert!(told.is_some() && told < table, "{}", shown.stdout);
    let strict = compare(&lab, &["run", "--strict"]);
    assert!(strict.code == 4 && strict.stderr.contains("45.6 ms late"), "{}", strict.stderr);
}

#[test]
fn flows_that_differ_are_a_fact_and_no_mismatch() {
    let lab = Lab::new();
    let flow = |print: &str| json!([{ "variant": "default", "journey": "sign-on", "fingerprint": print, "starts": 9 }]);
    Made { name: "a", flows: flow("f1/n1"), ..Made::default() }.leave(&lab);
    Made { name: "b", flows: flow("f2/n1"), ..Made::default() }.leave(&lab);
    let found = compare(&lab, &["a", "b"]);
    assert!(found.stdout.contains("different flows"), "{}", found.stdout);
    assert_eq!(json_of(&lab, &["a", "b"])["mismatches"], json!([]));
}

#[test]
fn the_same_comparison_gives_the_same_bytes_in_every_form() {
    let lab = Lab::new();
    Made { name: "run", variants: &[("v1", 1.0), ("v2", 1.05)], ..Made::default() }.leave(&lab);
    for form in [&["--json"][..], &["--markdown"], &[]] {
        let words = [&["run", "--html", "page.html"], form].concat();
        let shown = || {
            let ended = compare(&lab, &words);
            (ended.stdout, std::fs::read(lab.path("page.html")).expect("a page"))
        };
        let first = shown();
        assert!(first.0.len() > 200 && first.1.starts_with(b"<!DOCTYPE html>"));
        assert!(first == shown(), "{form:?}");
    }
    let markdown = compare(&lab, &["run", "--markdown"]);
    assert!(markdown.stdout.starts_with("## "), "{}", markdown.stdout);
    assert!(markdown.stderr.contains("Journeys"), "people read the text, too: {}", markdown.stderr);
    let other = compare(&lab, &["run", "--seed", "2"]);
    assert!(other.stdout.contains("seed 2"), "{}", other.stdout);
}

#[test]
fn the_data_obey_the_schema_that_is_printed() {
    let lab = Lab::new();
    Made { name: "run", variants: &[("v1", 1.0), ("v2", 1.3)], ..Made::default() }.leave(&lab);
    let schema = serde_json::from_str(&lab.run(&["schema", "comparison"]).stdout).expect("JSON");
    let mut compiler = boon::Compiler::new();
    let mut schemas = boon::Schemas::new();
    compiler.add_resource("urn:gander:schema:comparison", schema).expect("a resource");
    let index = compiler.compile("urn:gander:schema:comparison", &mut schemas).expect("a schema");
    if let Err(error) = schemas.validate(&json_of(&lab, &["run"]), index) {
        panic!("{error:#}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused_with_a_way_out() {
    let lab = Lab::new();
    plain(&lab, &["a", "b"], 1.0);
    Made { name: "two", variants: &[("v1", 1.0), ("v2", 1.0)], ..Made::default() }.leave(&lab);
    Made { name: "three", variants: &[("v1", 1.0), ("v2", 1.0), ("v3", 1.0)], ..Made::default() }
        .leave(&lab);
    Made { name: "short", seconds: 0..0, ..Made::default() }.leave(&lab);
    lab.file("empty", "");
    let many: Vec<String> = (0..33).map(|number| format!("many{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let too_many = [&["--baseline"], many.as_slice(), &["--candidate", "a"]].concat();
    for (words, complaint, help) in [
        (&["a", "a"][..], "is the same run as", "name two runs"),
        (&["a", "./a/../a"], "is the same run as", "name two runs"),
        (&["--baseline", "a", "a", "--candidate", "b"], "is the same run as", "each run once"),
        (&["a", "nowhere"], "cannot open", ""),
        (&["a", "."], "is not the directory of a run", "reports/latest"),
        (&["a"], "has one variant, `default`", "name a second run"),
        (&["three"], "has 3 variants", "`v1`, `v2`, `v3`"),
        (&["two", "--variants", "v1,v9"], "has no variant `v9`", "did you mean"),
        (&["two", "--variants", "v1,v1"], "cannot be compared with itself", "name two"),
        (&["a", "short"], "has no measured part", "run it again"),
        (&["a", "b", "two"], "which are which", "--baseline"),
        (&["a", "b", "-j", "sing-on"], "no run has a journey `sing-on`", "did you mean `sign-on`?"),
        (&["a", "b", "--spread", "two"], "one run does not tell", "at least two"),
        (
            &["a", "b", "--html", "b/run.json"],
            "is the `run.json` of the run itself",
            "write elsewhere",
        ),
        (&too_many, "33 runs are too many of the baseline", "leave some out"),
    ] {
        let ended = compare(&lab, words);
        assert_eq!(ended.code, 2, "{words:?} {}", ended.stderr);
        assert!(
            ended.stderr.contains(complaint) && ended.stderr.contains(help),
            "{words:?} {}",
            ended.stderr
        );
    }
}

#[test]
fn real_runs_can_be_compared() {
    let lab = Lab::new();
    let run = |words: &[&str]| {
        let common =
            ["run", "-q", "-r", "10/s", "-d", "3s", "--warm-up", "0s", "-j", "sign-on", "--set"];
        let more = ["accounts.count=20", "--set", "stand_in.signing=\"ES256\""];
        let ended = lab.run(&[&common[..], &more, words].concat());
        assert!([0, 5].contains(&ended.code), "{}", ended.stderr);
    };
    run(&["-o", "old", "--set", "stand_in.delay=[{ delay = \"constant 1ms\" }]"]);
    run(&["-o", "new", "--set", "stand_in.delay=[{ delay = \"constant 40ms\" }]"]);
    run(&["-o", "both", "--variant", "v1=stock", "--variant", "v2=verify-first"]);
    // A machine that runs tests may well be busy with others.
    let mismatches = |found: &Value| {
        let found = found["mismatches"].as_array().expect("mismatches").clone();
        let is_of_plan = |of: &Value| of["what"] != "disturbance of the generator";
        found.into_iter().filter(is_of_plan).collect::<Vec<_>>()
    };
    let found = json_of(&lab, &["old", "new"]);
    assert_eq!((&found["verdict"], mismatches(&found)), (&json!("cannot-tell"), Vec::new()));
    let p50 = found["journeys"][0]["changes"][0]["change"].as_f64().expect("a change");
    assert!(p50 > 0.5, "{found}");
    let both = json_of(&lab, &["both"]);
    let labels =
        [&both["baseline"]["runs"][0]["variant"], &both["candidate"]["runs"][0]["variant"]];
    assert_eq!(labels, [&json!("v1"), &json!("v2")]);
    assert_eq!(mismatches(&both), Vec::<Value>::new());
}
