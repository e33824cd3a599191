//! Every built-in journey: alone, on flows that name and order things otherwise, in both habits, and
//! all at once.

use crate::lab::{Ended, Lab};
use crate::run::summary;
use crate::tenant::Tenant;
use gander::base::clock::Clock;
use gander::base::secret::Secret;
use gander::identity::account::{Account, AccountState};
use gander::identity::ledger::Book;
use gander::identity::password::PasswordKey;
use gander::standin::directory::Checked;
use regex::Regex;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::time::Duration;

const PASSWORD_KEY: &str = "0123456789abcdef0123456789abcdef";

/// Names that `gander journeys list` shows.
fn built_in(lab: &Lab) -> Vec<String> {
    let ended = lab.run(&["journeys", "list", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let listed: Vec<serde_json::Value> = serde_json::from_str(&ended.stdout).expect("a list");
    listed.iter().map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
}

fn weights<'a>(journeys: impl IntoIterator<Item = &'a str>) -> String {
    let rows = journeys.into_iter().map(|name| format!("{name} = 1\n"));
    format!("[journeys]\n{}", rows.collect::<String>())
}

/// A variant that runs one flow of the stand-in, under the flow's name.
fn variant(flow: &str) -> String {
    format!("[[variant]]\nname = \"{flow}\"\nflow_policy = \"{flow}\"\n")
}

/// The steps of each walk, by its title: journey and variant.
fn walked(ended: &Ended) -> BTreeMap<String, Vec<String>> {
    let title = Regex::new(r"^(\S+ \(\S+\))$").expect("a pattern");
    let step = Regex::new(r"^ +\d+  (.+?)  ").expect("a pattern");
    let mut walks: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in ended.stdout.lines() {
        if let Some(found) = title.captures(line) {
            current = found[1].to_owned();
        } else if let Some(found) = step.captures(line) {
            walks.entry(current.clone()).or_default().push(found[1].to_owned());
        }
    }
    walks
}

#[test]
fn every_built_in_journey_walks_to_its_goal() {
    let lab = Lab::new();
    let names = built_in(&lab);
    assert!(names.len() >= 15, "{names:?}");
    let profile = lab.file("all.toml", &weights(names.iter().map(String::as_str)));
    let ended = lab.run(&["check", &profile, "--walk", "--seed", "1"]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.stdout.matches("goal reached").count(), names.len(), "{}", ended.stdout);
    let walks = walked(&ended);
    let steps = |journey: &str| walks[&format!("{journey} (default)")].join(", ");
    assert_eq!(
        steps("register-resend"),
        "authorize, open registration, submit registration, wrong code, resend, verify, finish, token"
    );
    assert_eq!(steps("register-cancel"), "authorize, open registration, cancel");
    assert_eq!(
        steps("sign-on-session"),
        "authorize, credentials, token, start-again, token, userinfo, sign-off, revoke"
    );
    assert_eq!(steps("sign-on-locked"), "authorize, credentials, read notice");
    assert_eq!(
        steps("recovery-cancel"),
        "authorize, open recovery, cancel, open recovery, identify, cancel recovery"
    );
    assert_eq!(steps("start-with-input"), "start, credentials");
}

/// What each flow makes of three journeys: the same rules, other pages.
const OTHER_FLOWS: &[(&str, &str, &str)] = &[
    ("forms", "register", "authorize, open registration, submit registration, verify, token"),
    ("forms", "sign-on", "authorize, credentials, token"),
    ("forms", "recovery", "authorize, open recovery, identify, set new password, token"),
    (
        "verify-first",
        "register",
        "authorize, open registration, give address, verify, submit registration, token",
    ),
    ("verify-first", "sign-on", "authorize, credentials, token"),
    ("verify-first", "recovery", "authorize, open recovery, identify, set new password, token"),
    (
        "agreement",
        "register",
        "authorize, open registration, submit registration, verify, agree, token",
    ),
    ("agreement", "sign-on", "authorize, credentials, agree, token"),
    ("agreement", "recovery", "authorize, open recovery, identify, set new password, agree, token"),
];

#[test]
fn one_journey_walks_flows_with_other_keys_and_pages_and_its_steps_keep_their_names() {
    let lab = Lab::new();
    let mut profile = weights(["register", "sign-on", "recovery"]);
    profile.extend(["forms", "verify-first", "agreement"].map(variant));
    let profile = lab.file("flows.toml", &profile);
    let ended = lab.run(&["check", &profile, "--walk"]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let walks = walked(&ended);
    for (flow, journey, steps) in OTHER_FLOWS {
        assert_eq!(walks[&format!("{journey} ({flow})")].join(", "), *steps, "{flow}");
    }
}

#[test]
fn refusals_and_ways_back_are_found_on_other_flows_too() {
    let lab = Lab::new();
    let names = built_in(&lab);
    let names = names.iter().map(String::as_str).filter(|name| *name != "start-with-input");
    let count = names.clone().count();
    let mut profile = weights(names);
    profile.extend(["forms", "verify-first"].map(variant));
    let profile = lab.file("flows.toml", &profile);
    let ended = lab.run(&["check", &profile, "--walk"]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.stdout.matches("goal reached").count(), 2 * count, "{}", ended.stdout);
}

#[test]
fn a_flow_that_waits_is_polled_and_a_challenge_asked_for() {
    let lab = Lab::new();
    let profile = lab.file(
        "polls.toml",
        "[stand_in.polling]\ninterval = \"5ms\"\n[journeys]\nsign-on = 1\n\
         [[variant]]\nname = \"polling\"\nflow_policy = \"polling\"\n\
         [[variant]]\nname = \"challenge\"\nflow_policy = \"challenge\"\n",
    );
    let ended = lab.run(&["check", &profile, "--walk"]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let walks = walked(&ended);
    assert_eq!(
        walks["sign-on (polling)"].join(", "),
        "authorize, credentials, poll, poll, poll, token"
    );
    assert_eq!(
        walks["sign-on (challenge)"].join(", "),
        "authorize, credentials, poll, poll, poll, poll, token"
    );
    assert_eq!(ended.stdout.matches("challenge-status").count(), 3, "{}", ended.stdout);
    let ended = lab.run(&["run", &profile, "-u", "2", "-n", "20", "--warm-up", "0s"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    let series = summary["series"].as_array().expect("series");
    let waits = series.iter().find(|row| row["kind"] == "poll-wait").expect("a series of waits");
    assert!(waits["samples"].as_u64() >= Some(40), "{waits}");
    let capabilities = summary["capabilities"].as_array().expect("capabilities");
    let has = |name: &str, event: &str| {
        capabilities.iter().any(|row| {
            let actions = row["actions"].as_array().expect("actions");
            row["capability"] == name && actions.iter().any(|action| action["event"] == event)
        })
    };
    assert!(has("challenge-status", "") && has("customHTMLTemplate", "polling"), "{summary:#}");
}

#[test]
fn two_versions_of_a_flow_are_walked_unchanged_and_told_apart() {
    let lab = Lab::new();
    let profile = lab.file(
        "versions.toml",
        "[[variant]]\nname = \"both\"\nflow_policy = \"versions\"\n\
         [journeys]\nregister = 1\nsign-on = 1\nrecovery = 1\n",
    );
    let ended = lab.run(&["run", &profile, "-u", "4", "-n", "60", "--warm-up", "0s"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    let cautions = summary["cautions"].as_array().expect("cautions");
    let told = cautions.iter().find(|caution| caution["slug"] == "several-flows");
    assert!(told.is_some(), "{cautions:?}");
    let record = fs::read(lab.path("reports/latest/run.json")).expect("a record");
    let record: serde_json::Value = serde_json::from_slice(&record).expect("JSON");
    let flows = record["flows"].as_array().expect("flows");
    assert_eq!(flows.len(), 6, "two versions of three journeys: {flows:?}");
    let starts: u64 = flows.iter().map(|flow| flow["starts"].as_u64().expect("a count")).sum();
    assert_eq!(starts, 60);
    let timeline = fs::read_to_string(lab.path("reports/latest/timeline.jsonl")).expect("lines");
    let counted: u64 = timeline
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .flat_map(|line| line["flows"].as_array().cloned().unwrap_or_default())
        .map(|flow| flow["starts"].as_u64().expect("a count"))
        .sum();
    assert_eq!(counted, 60, "every start is in an interval");
}

/// A tenant in the test's process, and a profile for it.
struct Ground {
    tenant: Tenant,
    profile: String,
}

impl Ground {
    /// `settings` are the stand-in's, `of_tenant` more keys of `[tenant]`, `more` more tables.
    fn new(settings: &str, of_tenant: &str, more: &str) -> Self {
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let mail = free().expect("a free port");
        let tenant =
            Tenant::start(&format!("signing = \"ES256\"\n{settings}\n[mail]\nsmtp = \"{mail}\"\n"));
        let ready = tenant.ready();
        let of_tenant =
            format!("[tenant]\norchestrate_url = \"{}\"\n{of_tenant}", ready.orchestrate_url);
        let policy = &ready.policies["start-with-input"];
        let profile = format!(
            "{}{more}\n[tenant.sdk_token]\napi_key = \"${{API_KEY}}\"\n[codes]\nlisten = \"{mail}\"\n\
             [[variant]]\nname = \"v\"\nflow_policy = \"{}\"\npolicies = {{ start-with-input = \"{policy}\" }}\n",
            tenant.profile().replacen("[tenant]\n", &of_tenant, 1),
            ready.policies["stock"],
        );
        Self { tenant, profile }
    }

    fn gander(&self, lab: &Lab, arguments: &[&str]) -> Ended {
        let mut command = lab.command(arguments);
        command.env("WORKER_SECRET", self.tenant.worker_secret());
        command.env("API_KEY", &self.tenant.ready().api_key);
        command.env("GANDER_PASSWORD_KEY", PASSWORD_KEY);
        Ended::of(command.output().expect("a binary that starts"))
    }
}

#[test]
fn both_habits_walk_every_journey_and_a_browser_asks_first() {
    for (habit, of_tenant) in [
        ("mobile", "client = \"mobile\"\n"),
        ("browser", "preflight = true\n"),
        ("start of an SDK", "start_dialect = \"sdk\"\n"),
    ] {
        let lab = Lab::new();
        let names = built_in(&lab);
        let journeys = weights(names.iter().map(String::as_str));
        let ground = Ground::new("", of_tenant, &format!("count = 20\n{journeys}"));
        let profile = lab.file("p.toml", &ground.profile);
        let ended = ground.gander(&lab, &["check", &profile, "--walk"]);
        assert_eq!(ended.code, 0, "{habit}: {}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.stdout.matches("goal reached").count(), names.len(), "{habit}");
        let asked = ended.stdout.contains("asks     OPTIONS ");
        assert_eq!(asked, habit == "browser", "{habit}: {}", ended.stdout);
    }
}

#[test]
fn preflights_are_a_series_of_their_own_and_no_step() {
    let lab = Lab::new();
    let ground = Ground::new("", "preflight = true\n", "count = 5\n[journeys]\nsign-on = 1\n");
    let profile = lab.file("p.toml", &ground.profile);
    let ended = ground.gander(&lab, &["run", &profile, "-u", "2", "-n", "10", "--warm-up", "0s"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    let series = summary["series"].as_array().expect("series");
    let preflights = series.iter().find(|row| row["kind"] == "preflight").expect("a series");
    assert_eq!(preflights["samples"], 20, "one before the start, one before the answer");
    let steps = summary["steps"].as_array().expect("steps");
    let samples: u64 = steps.iter().map(|row| row["samples"].as_u64().expect("a count")).sum();
    assert_eq!(samples, 30, "{steps:?}");
}

#[test]
fn an_input_that_the_schema_does_not_take_is_a_refusal_of_the_start() {
    let lab = Lab::new();
    let journey = |goal: &str| {
        format!(
            "name = \"bad-input\"\ngoal = \"{goal}\"\nstart = \"policy\"\n[input]\nemail = 7\n\
             [[rule]]\nname = \"credentials\"\nwhen = {{ fields = [\"username\"] }}\n"
        )
    };
    let profile = "journey_files = [\"bad.toml\"]\n[journeys]\nbad-input = 1\n\
                   [[variant]]\nname = \"v\"\nflow_policy = \"start-with-input\"\n";
    let profile = lab.file("p.toml", profile);
    lab.file("bad.toml", &journey("refusal:start"));
    let ended = lab.run(&["check", &profile, "--walk"]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("refused, as expected"), "{}", ended.stdout);
    lab.file("bad.toml", &journey("token"));
    let ended = lab.run(&["check", &profile, "--walk"]);
    assert_eq!(ended.code, 3, "{}", ended.stdout);
    assert!(ended.stdout.contains("failed refused"), "{}", ended.stdout);
}

/// Whether the tenant takes an account's password, wants it changed, or holds it for locked.
fn state(tenant: &Tenant, account: &Account) -> (Checked, bool) {
    let key = PasswordKey::new(&Secret::new(PASSWORD_KEY.to_owned())).expect("a key");
    let mut directory = tenant.directory();
    let user = directory.meant(&account.login).expect("a user");
    let password = account.password(&key);
    let lockout = (5, Duration::from_secs(900));
    (user.check(password.expose(), lockout, Clock::system().now()), user.must_change)
}

#[test]
fn all_journeys_at_once_meet_no_fault_and_leave_every_account_in_its_state() {
    let lab = Lab::new();
    let names = built_in(&lab);
    let journeys = weights(names.iter().map(String::as_str));
    // Every wrong password locks, so that an account that went astray would be met.
    let more = format!("count = 40\n{journeys}[think_time]\nbetween_steps = \"10ms..50ms\"\n");
    let ground = Ground::new("lockout_failures = 1", "", &more);
    let profile = lab.file("p.toml", &ground.profile);
    let ended = ground.gander(&lab, &["run", &profile, "-u", "10", "-n", "450", "--warm-up", "0s"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    let rows = summary["journeys"].as_array().expect("journeys");
    assert_eq!(rows.len(), names.len());
    for row in rows {
        assert_eq!((&row["failed"], &row["cut_off"]), (&0.into(), &0.into()), "{row}");
        assert!(row["completed"].as_u64() > Some(0), "{row}");
    }
    let ledger = fs::read(lab.path("reports/latest/ledger.jsonl")).expect("a ledger");
    let book = Book::read(&ledger).expect("a sound ledger");
    let provisioned = book.accounts.iter().filter(|account| account.id.is_some());
    let mut seen = 0;
    for account in provisioned {
        let expected = match account.state {
            AccountState::Ok | AccountState::Victim => (Checked::Right, false),
            AccountState::MustChange => (Checked::Right, true),
            AccountState::Locked => (Checked::Locked, false),
        };
        assert_eq!(state(&ground.tenant, account), expected, "{account:?}");
        seen += 1;
    }
    assert_eq!(seen, 160, "forty accounts of each of four states");
}

#[test]
fn too_few_accounts_are_said_before_anything_runs() {
    let lab = Lab::new();
    let ended = lab.run(&["check", "--set", "workload.users=50", "--set", "accounts.count=20"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("20 accounts in state `ok` are too few"), "{}", ended.stderr);
}

#[test]
fn a_tenant_on_a_domain_of_its_own_is_walked_without_the_environment_in_its_paths() {
    let lab = Lab::new();
    let names = built_in(&lab);
    let journeys = weights(names.iter().map(String::as_str));
    let profile = lab.file("p.toml", &format!("{journeys}[stand_in]\ncustom_domain = true\n"));
    let ended = lab.run(&["check", &profile, "--walk"]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.stdout.matches("goal reached").count(), names.len(), "{}", ended.stdout);
}
