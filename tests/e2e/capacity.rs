//! `gander capacity`: what it finds, what it leaves behind, and what it never calls the tenant's capacity.

use crate::canary::{Miss, unless_the_machine_stalls};
use crate::erlang::Erlang;
use crate::lab::{Ended, Lab};
use crate::leash::run_held;
use crate::one_call;
use crate::run::{number, signal, summary};
use crate::tenant::Tenant;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Two servers that take 100 ms for each password: 20 sign-ons a second, and not one more. Rules that can be told
/// by a few samples.
const TWENTY: &str = "[workload]\ndrain = \"3s\"\n[journeys]\nsign-on = 1\n[accounts]\ncount = 600\n\
    [[threshold]]\nrule = \"sign-on/credentials.p50 < 300ms\"\n[[threshold]]\nrule = \"faults < 30%\"\n\
    [stand_in]\nsigning = \"ES256\"\n[stand_in.capacity]\nevent = \"submit\"\naction = \"SIGNON\"\n\
    servers = 2\nservice = \"constant 100ms\"\n";

/// Levels as short as they can be.
const BRIEF: &str =
    "settle = \"8s\"\nmeasure_at_least = \"3s\"\nmeasure = \"14s\"\ncool_down = \"8s\"\n";

fn profile(lab: &Lab, capacity: &str, rest: &str) -> String {
    lab.file("p.toml", &format!("[capacity]\n{BRIEF}{capacity}{rest}"))
}

fn start(lab: &Lab, arguments: &[&str]) -> Child {
    let mut command = lab.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a binary that starts")
}

fn found(dir: &Path) -> Value {
    let text = fs::read(dir.join("capacity.json")).expect("what was found");
    serde_json::from_slice(&text).expect("JSON")
}

fn levels(found: &Value) -> &[Value] {
    found["levels"].as_array().expect("levels")
}

/// Until so many levels are on record, and the next one is under way.
fn after_levels(lab: &Lab, child: &mut Child, number: usize) {
    let dir = lab.path("reports/latest");
    let timeline = dir.join(format!("probes/{:02}/timeline.jsonl", number + 1));
    while !timeline.exists() {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before level {number}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// The profile that is shipped promises a rate at which its threshold is reached.
#[test]
fn the_threshold_of_the_shipped_profile_is_reached_near_seventy_percent_of_its_servers() {
    let p95_ms = |rate: f64| 5.0 * Erlang::new(1, rate / 200.0).sojourn_quantile(0.95);
    assert!(p95_ms(139.0) < 50.0 && p95_ms(141.0) > 50.0, "{} {}", p95_ms(139.0), p95_ms(141.0));
    let shipped = include_str!("../../profiles/capacity.toml");
    for part in ["servers = 1", "exponential 5ms", "credentials.p95 < 50ms", "up to 140/s"] {
        assert!(shipped.contains(part), "{part}");
    }
}

#[test]
fn a_search_brackets_the_capacity_of_a_queue_and_leaves_every_level_as_a_run() {
    let capacity = "from = \"6/s\"\nto = \"100/s\"\nclimb = 2\nresolution = \"50%\"\nhold = \"20s\"\n\
        plan = \"5/s\"\n";
    unless_the_machine_stalls(|| {
        let lab = Lab::new();
        let profile = profile(&lab, capacity, TWENTY);
        let ended = lab.run(&["capacity", &profile, "--seed", "1", "--json"]);
        let dir = lab.path("reports/latest");
        let found = found(&dir);
        every_level_is_a_run(&lab, &found);
        nobody_signs_on_twice_at_once(&dir, &found);
        it_can_be_shown_again(&lab, &found);
        let printed: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        assert_eq!(printed, found);
        if ended.code != 0 {
            return Err(Miss::of_run(ended.code, &ended.stderr));
        }
        assert_eq!(found["ending"]["is_capacity"], true, "{found:#}");
        let bracket = |end: &str| found["bracket"][end].as_f64().expect("an end of the bracket");
        let (pass, fail) = (bracket("highest_pass_per_s"), bracket("lowest_fail_per_s"));
        assert!((6.0..=20.5).contains(&pass) && fail > pass && fail <= 24.1, "{pass} {fail}");
        assert_eq!(found["head_room"]["is_enough"], true);
        Ok(())
    });
}

fn it_can_be_shown_again(lab: &Lab, found: &Value) {
    let again = lab.run(&["report", "reports/latest", "--format", "json"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(serde_json::from_str::<Value>(&again.stdout).expect("JSON"), *found);
    let shown = lab.run(&["report", "reports/latest"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(lab.path("reports/latest/report.html").is_file());
    let csv = lab.run(&["report", "reports/latest", "--format", "csv"]);
    assert_eq!(csv.code, 2, "{}", csv.stderr);
}

/// The levels on record are the runs in their directories: phases begin and end with whole seconds, all that
/// was due has an end, and nothing is due behind the end.
fn every_level_is_a_run(lab: &Lab, found: &Value) {
    let home = lab.path("reports/latest");
    for (place, level) in (1..).zip(levels(found)) {
        assert_eq!(number(&level["probe"]), place);
        let dir = home.join(level["dir"].as_str().expect("a directory"));
        let summary = summary(&dir);
        assert_eq!(summary["measured_s"], level["measured_s"], "{level:#}");
        let measured_s = summary["measured_s"].as_f64().expect("seconds");
        assert!(measured_s >= 3.0 && measured_s.fract() == 0.0, "{level:#}");
        let due: u64 = summary["journeys"].as_array().expect("rows").iter().map(exact).sum();
        assert_eq!(due, number(&level["due"]), "{level:#}");
        let rate = level["rate_per_s"].as_f64().expect("a rate");
        #[expect(clippy::cast_precision_loss, reason = "few arrivals")]
        let off = (due as f64 - rate * measured_s).abs();
        assert!(off < 5.0 * (rate * measured_s).sqrt() + 1.0, "{due} at {rate}/s: {level:#}");
        for file in ["run.json", "timeline.jsonl", "intervals.hlog", "report.html"] {
            assert!(dir.join(file).is_file(), "{file}");
        }
        assert!(!dir.join("ledger.jsonl").exists(), "there is one ledger for all");
        let shown = lab.run(&["report", dir.to_str().expect("a path")]);
        assert_eq!(shown.code, 0, "{}", shown.stderr);
    }
}

fn exact(row: &Value) -> u64 {
    let parts = ["completed", "failed", "dropped", "cut_off"].map(|part| number(&row[part]));
    assert_eq!(number(&row["due"]), parts.iter().sum::<u64>(), "{row}");
    number(&row["due"])
}

/// The runs share their accounts, and each goes on where the one before it ended.
fn nobody_signs_on_twice_at_once(dir: &Path, found: &Value) {
    let ledger = fs::read_to_string(dir.join("ledger.jsonl")).expect("a ledger");
    let lines = ledger.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line"));
    let logins: Vec<String> =
        lines.filter_map(|line| Some(line["login"].as_str()?.to_owned())).collect();
    let different: BTreeSet<_> = logins.iter().collect();
    assert!(different.len() >= 600, "{}", different.len());
    let mut last = 0;
    for level in levels(found) {
        let timeline = dir.join(level["dir"].as_str().expect("a directory")).join("timeline.jsonl");
        let text = fs::read_to_string(timeline).expect("a timeline");
        let personas = text.lines().map(|line| {
            let line: Value = serde_json::from_str(line).expect("a line");
            number(&line["readings"]["next_persona"])
        });
        let personas: Vec<u64> = personas.collect();
        assert!(personas.first().is_some_and(|first| *first >= last), "{level:#}");
        last = personas.last().copied().unwrap_or(last);
    }
}

/// A search that ends for a reason that is not the tenant's capacity.
fn no_statement(ended: &Ended, code: i32, dir: &Path, reason: &str) -> Value {
    let found = found(dir);
    assert_eq!(ended.code, code, "{}\n{found:#}", ended.stderr);
    assert_eq!(found["ending"]["reason"], reason, "{found:#}");
    assert_eq!(found["ending"]["is_capacity"], false, "{found:#}");
    assert!(found["ended_at"].is_string(), "{found:#}");
    found
}

#[test]
fn a_tenant_that_answers_429_above_a_rate_is_at_the_limit_of_its_licence_and_not_of_its_capacity() {
    let lab = Lab::new();
    let rest = "[workload]\ndrain = \"3s\"\n[journeys]\nsign-on = 1\n[accounts]\ncount = 200\n\
        [stand_in]\nsigning = \"ES256\"\n[stand_in.rate_limits]\ndavinci_start = \"12/s\"\n\
        per_address_share = \"100%\"\n";
    let profile = profile(&lab, "from = \"4/s\"\nto = \"100/s\"\nclimb = 5\n", rest);
    let ended = lab.run(&["capacity", &profile, "--seed", "2"]);
    let found = no_statement(&ended, 4, &lab.path("reports/latest"), "rate-limited");
    let told = found["ending"]["text"].as_str().expect("a text");
    assert!(told.contains("rate-limited") || told.contains("429"), "{told}");
    assert!(
        ended.stderr.contains("rate-limited") || ended.stderr.contains("429"),
        "{}",
        ended.stderr
    );
}

/// What a tenth of a core can do is no statement about the tenant.
#[test]
fn a_generator_held_to_a_tenth_of_a_core_ends_the_search_by_its_own_name() {
    let tenant = Tenant::start("signing = \"ES256\"\n");
    let lab = Lab::new();
    let capacity = "drain = \"2s\"\n[capacity]\nfrom = \"1000/s\"\nsettle = \"4s\"\n\
        measure_at_least = \"5s\"\nmeasure = \"6s\"\nhold = \"0s\"\n";
    let workload = format!("rate = \"1000/s\"\nduration = \"6s\"\n{capacity}");
    let profile = one_call::profile(&lab, &tenant, &workload);
    let mut command = lab.command(&["capacity", &profile, "--seed", "1"]);
    command.env("WORKER_SECRET", tenant.worker_secret());
    let (ended, by) = run_held(command, 10);
    let found = no_statement(&ended, 5, &lab.path("reports/latest"), "generator-saturated");
    assert_eq!(found["bracket"]["lowest_fail_per_s"], Value::Null, "held by {by}: {found:#}");
    assert!(levels(&found).iter().all(|level| level["verdict"] == "void"), "{found:#}");
}

#[test]
fn an_interrupted_search_says_what_it_knows_by_then() {
    let lab = Lab::new();
    let profile = profile(&lab, "from = \"4/s\"\nto = \"12/s\"\n", TWENTY);
    let mut child = start(&lab, &["capacity", &profile, "--seed", "3"]);
    after_levels(&lab, &mut child, 1);
    signal(child.id(), "INT");
    let ended = Ended::of(child.wait_with_output().expect("an end"));
    let found = no_statement(&ended, 130, &lab.path("reports/latest"), "user");
    assert_eq!(found["bracket"]["highest_pass_per_s"], 4.0, "{found:#}");
    assert!((1..=2).contains(&levels(&found).len()), "{found:#}");
}

#[test]
fn a_killed_search_can_be_shown_up_to_its_last_level() {
    let lab = Lab::new();
    let profile = profile(&lab, "from = \"4/s\"\nto = \"12/s\"\n", TWENTY);
    let mut child = start(&lab, &["capacity", &profile, "--seed", "4"]);
    after_levels(&lab, &mut child, 1);
    child.kill().expect("a kill");
    child.wait().expect("an end");
    let found = found(&lab.path("reports/latest"));
    assert_eq!((levels(&found).len(), &found["ended_at"]), (1, &Value::Null), "{found:#}");
    for format in [&[][..], &["--format", "json"], &["--format", "markdown"], &["--format", "html"]]
    {
        let ended = lab.run(&[&["report", "reports/latest"], format].concat());
        assert_eq!(ended.code, 0, "{format:?}: {}", ended.stderr);
        assert!(!ended.stdout.is_empty());
    }
    let killed = lab.run(&["report", "reports/latest/probes/02"]);
    assert_eq!(killed.code, 0, "{}", killed.stderr);
}

/// Two may wait: of 29 a second 9 are turned away with 503.
#[test]
fn a_tenant_that_fails_under_overload_has_a_capacity_and_one_that_always_fails_has_none() {
    let steady =
        TWENTY.replace("[workload]\n", "[workload]\nrate = \"5/s\"\narrivals = \"constant\"\n");
    let guards = "[guards]\nstop_when = [\"faults > 25% over 10s\"]\n";
    let overloaded = format!("{steady}waiting = 2\n{guards}");
    unless_the_machine_stalls(|| {
        let lab = Lab::new();
        let rest = "climb = 1.5\nresolution = \"50%\"\nhold = \"0s\"\n";
        let well = profile(&lab, &format!("from = \"19.5/s\"\n{rest}"), &overloaded);
        let ended = lab.run(&["capacity", &well, "--seed", "2"]);
        if ended.code != 0 {
            return Err(Miss::of_run(ended.code, &ended.stderr));
        }
        let found = found(&lab.path("reports/latest"));
        assert_eq!(found["ending"]["reason"], "thresholds", "{found:#}");
        assert_eq!(found["ending"]["is_capacity"], true, "{found:#}");
        let verdicts: Vec<_> = levels(&found).iter().map(|level| &level["verdict"]).collect();
        assert_eq!(verdicts, ["pass", "fail", "fail"], "{found:#}");
        for level in &levels(&found)[1..3] {
            let reason = level["reasons"][0].as_str().expect("a reason");
            assert!(reason.starts_with("guard `faults > 25% over 10s`: "), "{reason}");
            let rules = level["rules"].as_array().expect("rules");
            assert_eq!(rules.last().expect("the guard")["rule"], "faults <= 25% over 10s");
        }
        let text = found["ending"]["text"].as_str().expect("a text");
        assert!(text.starts_with("`faults <= 25% over 10s` does not hold at 29"), "{text}");
        assert!(ended.stderr.contains(text), "{}", ended.stderr);
        Ok(())
    });
    let lab = Lab::new();
    let ill = profile(&lab, "from = \"36/s\"\n", &overloaded);
    let ended = lab.run(&["capacity", &ill]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let found = found(&lab.path("reports/latest"));
    assert_eq!((&found["ending"]["reason"], levels(&found).len()), (&"aborted".into(), 1));
    assert!(ended.stderr.contains("no level passed before"), "{}", ended.stderr);
}

#[test]
fn what_makes_no_search_is_refused_before_anything_is_begun() {
    let lab = Lab::new();
    let backwards = profile(&lab, "from = \"9/s\"\nto = \"3/s\"\n", TWENTY);
    let both = ["capacity", "--plan", "2/s", "--forecast", "60/h peak 2"];
    let outside = lab.file(
        "outside.toml",
        &crate::guard::profile(
            "https://auth.example.com",
            "acknowledge = \"CASE-7\"\nscopes = [\"openid\"]\n[tenant.worker]\nclient_id = \"w\"\n\
             client_secret = \"${PATH}\"\n[accounts]\nsource = \"provision\"\n",
        ),
    );
    for (arguments, complaint) in [
        (&["capacity", &backwards][..], "`capacity.to` is below `capacity.from`"),
        (&both[..], "cannot be used with"),
        (
            &["capacity", &outside, "--acknowledge", "CASE-7", "--environment", "env"],
            "how far the search may go",
        ),
        (&["capacity", "--resolution", "5"], "is not a share"),
    ] {
        let ended = lab.run(arguments);
        assert_eq!(ended.code, 2, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(complaint), "{arguments:?}: {}", ended.stderr);
        assert!(!lab.path("reports").exists(), "something was begun: {arguments:?}");
    }
}
