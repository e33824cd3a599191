//! Several variants in one run: dealt evenly, on accounts of their own, each with its own application.

use crate::lab::{Ended, Lab};
use crate::run::{number, summary};
use crate::tenant::Tenant;
use gander::base::clock::Clock;
use gander::base::secret::Secret;
use gander::identity::account::AccountState;
use gander::identity::ledger::{Book, LedgerEntry};
use gander::identity::password::PasswordKey;
use gander::standin::directory::Checked;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

const PASSWORD_KEY: &str = "0123456789abcdef0123456789abcdef";

/// Two policies of the stand-in on the same flow, as settings below `prefix`.
fn policies(prefix: &str) -> String {
    let policy = |name: &str, digit: char| {
        let id = format!("{digit:0>32}");
        format!("[[{prefix}flow_policy]]\nname = \"{name}\"\nid = \"{id}\"\n")
    };
    format!("{}{}", policy("v1", '1'), policy("v2", '2'))
}

/// A profile for the embedded stand-in with the variants `v1` and `v2`, which `v1` and `v2` add keys to.
fn profile(v1: &str, v2: &str, more: &str) -> String {
    let variant = |name: &str, keys: &str| {
        format!("[[variant]]\nname = \"{name}\"\nflow_policy = \"{name}\"\n{keys}\n")
    };
    let variants = format!("{}{}", variant("v1", v1), variant("v2", v2));
    format!("{more}\n{variants}{}[guards]\nstop_when = []\n", policies("stand_in."))
}

/// Of each variant, a count of its iterations by journey.
fn counts(summary: &Value, what: &str) -> BTreeMap<(String, String), u64> {
    let rows = summary["journeys"].as_array().expect("journeys").iter();
    let name = |row: &Value, key: &str| row[key].as_str().expect("a name").to_owned();
    rows.map(|row| ((name(row, "variant"), name(row, "journey")), number(&row[what]))).collect()
}

fn of(counts: &BTreeMap<(String, String), u64>, variant: &str, journey: &str) -> u64 {
    counts.get(&(variant.to_owned(), journey.to_owned())).copied().unwrap_or(0)
}

fn run(lab: &Lab, profile: &str, more: &[&str]) -> (Ended, Value) {
    let name = lab.file("p.toml", profile);
    let ended = lab.run(&[&["run", &name, "--seed", "1", "--warm-up", "0s"], more].concat());
    let summary = summary(&lab.path("reports/latest"));
    (ended, summary)
}

#[test]
fn equal_variants_get_the_same_journeys_equally_often() {
    let lab = Lab::new();
    let journeys = "[journeys]\nsign-on = 3\nsign-on-wrong-password = 1\n";
    let (ended, summary) = run(&lab, &profile("", "", journeys), &["-u", "4", "-n", "80"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let due = counts(&summary, "due");
    for variant in ["v1", "v2"] {
        let found = ["sign-on", "sign-on-wrong-password"].map(|name| of(&due, variant, name));
        assert_eq!(found, [30, 10], "{variant}");
    }
    assert_eq!(counts(&summary, "completed"), due);
}

#[test]
fn weights_divide_the_arrivals_of_the_open_model_too() {
    let lab = Lab::new();
    let text = profile("weight = 3", "", "[journeys]\nsign-on = 1\n");
    let (ended, summary) = run(&lab, &text, &["-r", "40/s", "-d", "3s"]);
    // On a busy machine the run may be invalid; it is dealt out all the same.
    assert!([0, 5].contains(&ended.code), "{}", ended.stderr);
    let due = counts(&summary, "due");
    let (one, two) = (of(&due, "v1", "sign-on"), of(&due, "v2", "sign-on"));
    assert!(one + two > 60, "{due:?}");
    // Exact after each block of four; the last may be torn.
    assert!(one.abs_diff(3 * two) <= 3, "{due:?}");
}

#[test]
fn a_delay_of_one_policy_is_in_the_rows_of_its_variant_alone() {
    let lab = Lab::new();
    let delay =
        "[[stand_in.delay]]\npolicy = \"v2\"\naction = \"SIGNON\"\ndelay = \"constant 40ms\"\n";
    let text = profile("", "", &format!("[journeys]\nsign-on = 1\n{delay}"));
    let (ended, summary) = run(&lab, &text, &["-u", "2", "-n", "100"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let rows = summary["steps"].as_array().expect("steps");
    assert_eq!(rows.len(), 6, "{rows:?}");
    for row in rows {
        let fastest = number(&row["service_time_us"]["min"]);
        let delayed = row["variant"] == "v2" && row["step"] == "credentials";
        assert_eq!(fastest >= 40_000, delayed, "{row}");
    }
}

#[test]
fn no_variant_uses_an_account_of_another() {
    for (failing, walking) in [("v1", 5..10), ("v2", 0..5)] {
        let lab = Lab::new();
        // A recovery writes down whose password it changes; a variant whose starts fail never does.
        let fault = format!(
            "[accounts]\ncount = 5\n[journeys]\nrecovery = 1\n[[stand_in.fault]]\npolicy = \"{failing}\"\n\
             kind = \"http-500\"\ncapability = \"authorize\"\n"
        );
        let (_, summary) = run(&lab, &profile("", "", &fault), &["-u", "2", "-n", "40"]);
        let failed = counts(&summary, "failed");
        for variant in ["v1", "v2"] {
            let expected = if variant == failing { 20 } else { 0 };
            assert_eq!(of(&failed, variant, "recovery"), expected, "{failed:?}");
        }
        let ledger = fs::read_to_string(lab.path("reports/latest/ledger.jsonl")).expect("a ledger");
        let entries = ledger.lines().map(|line| serde_json::from_str(line).expect("an entry"));
        let mut personas = BTreeMap::new();
        let mut used = BTreeSet::new();
        for entry in entries {
            match entry {
                LedgerEntry::Made { login, persona, .. } => {
                    assert!(personas.insert(login, persona).is_none(), "made twice");
                }
                LedgerEntry::Advanced { login, .. } => {
                    used.insert(personas[&login]);
                }
                _ => {}
            }
        }
        assert_eq!(personas.values().copied().collect::<BTreeSet<_>>(), (0..10).collect());
        assert_eq!(used, walking.collect(), "accounts that were used while {failing} failed");
    }
}

#[test]
fn the_accounts_of_every_variant_are_made_and_put_right() {
    let lab = Lab::new();
    // Every wrong password locks: eight accounts last for forty only if they are put right meanwhile.
    let tenant =
        Tenant::start(&format!("signing = \"ES256\"\nlockout_failures = 1\n{}", policies("")));
    let id = |name: &str| tenant.ready().policies[name].clone();
    let text = format!(
        "{}count = 8\n[journeys]\nsign-on-wrong-password = 1\n[think_time]\nbetween_steps = \"100ms\"\n\
         [[variant]]\nname = \"v1\"\nflow_policy = \"{}\"\n[[variant]]\nname = \"v2\"\nflow_policy = \"{}\"\n",
        tenant.profile(),
        id("v1"),
        id("v2"),
    );
    let profile = lab.file("p.toml", &text);
    let mut command = lab.command(&["run", &profile, "-u", "2", "-n", "80", "--warm-up", "0s"]);
    command.env("WORKER_SECRET", tenant.worker_secret()).env("GANDER_PASSWORD_KEY", PASSWORD_KEY);
    let ended = Ended::of(command.output().expect("a binary that starts"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let completed = counts(&summary(&lab.path("reports/latest")), "completed");
    for variant in ["v1", "v2"] {
        assert_eq!(of(&completed, variant, "sign-on-wrong-password"), 40, "{completed:?}");
    }
    let ledger = fs::read(lab.path("reports/latest/ledger.jsonl")).expect("a ledger");
    let book = Book::read(&ledger).expect("a sound ledger");
    assert_eq!(book.accounts.len(), 16, "eight for each variant");
    assert_eq!(book.openings.len(), 1, "one environment");
    // Who looks after them looks after both: the worker's rate is one.
    let calls = tenant.calls();
    assert_eq!(calls.iter().filter(|call| call["capability"] == "token").count(), 1);
    let key = PasswordKey::new(&Secret::new(PASSWORD_KEY.to_owned())).expect("a key");
    let mut directory = tenant.directory();
    for account in &book.accounts {
        assert_eq!(account.state, AccountState::Victim);
        assert!(account.generation > 0, "used and put right: {account:?}");
        let user = directory.meant(&account.login).expect("a user");
        let password = account.password(&key);
        let lockout = (1, Duration::from_secs(900));
        let checked = user.check(password.expose(), lockout, Clock::system().now());
        assert_eq!(checked, Checked::Right, "{account:?}");
    }
}

#[test]
fn what_a_variant_changes_about_the_tenant_reaches_the_tenant() {
    let lab = Lab::new();
    let tenant = Tenant::start(&format!("signing = \"ES256\"\n{}", policies("")));
    let id = |name: &str| tenant.ready().policies[name].clone();
    // The record names calls by this header, which nobody else sends here.
    let text = format!(
        "{}count = 5\n[journeys]\nsign-on = 1\n[[variant]]\nname = \"v1\"\nflow_policy = \"{}\"\n\
         [[variant]]\nname = \"v2\"\nflow_policy = \"{}\"\n[variant.tenant]\nheaders = {{ x-gander-call = \"of v2\" }}\n",
        tenant.profile(),
        id("v1"),
        id("v2"),
    );
    let profile = lab.file("p.toml", &text);
    let ended = tenant.gander(&lab, &["run", &profile, "-u", "2", "-n", "20", "--warm-up", "0s"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let calls = tenant.calls();
    for capability in ["authorize", "customHTMLTemplate"] {
        let of = |name: Option<&str>| {
            let fits =
                |call: &&Value| call["capability"] == capability && call["call"].as_str() == name;
            calls.iter().filter(fits).count()
        };
        assert_eq!((of(None), of(Some("of v2"))), (10, 10), "{capability}");
    }
}

#[test]
fn each_variant_signs_on_at_its_own_application() {
    let lab = Lab::new();
    let nobody = "tenant = { client_id = \"11111111-1111-1111-1111-111111111111\" }";
    let text = profile("", nobody, "[journeys]\nsign-on = 1\n");
    let (ended, found) = run(&lab, &text, &["-u", "2", "-n", "20"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let (completed, failed) = (counts(&found, "completed"), counts(&found, "failed"));
    assert_eq!((of(&completed, "v1", "sign-on"), of(&failed, "v1", "sign-on")), (10, 0));
    assert_eq!((of(&completed, "v2", "sign-on"), of(&failed, "v2", "sign-on")), (0, 10));
    let ended = lab.run(&["check", "p.toml", "--walk"]);
    assert_eq!(ended.code, 3, "{}", ended.stdout);
    let (one, two) = ended.stdout.split_once("sign-on (v2)").expect("two walks");
    assert!(one.contains("goal reached") && !two.contains("goal reached"), "{}", ended.stdout);
}

#[test]
fn on_this_machine_each_variant_may_have_a_tenant_of_its_own() {
    let lab = Lab::new();
    let one = Tenant::start("signing = \"ES256\"\n");
    let two = Tenant::start(
        "signing = \"ES256\"\nenvironment_id = \"22222222-2222-4222-8222-222222222222\"\nseed = 2\n",
    );
    let ready = two.ready();
    let text = format!(
        "{}count = 5\n[journeys]\nsign-on = 1\n[[variant]]\nname = \"one\"\n[[variant]]\nname = \"two\"\n\
         [variant.tenant]\nauth_url = \"{}\"\napi_url = \"{}\"\nenvironment_id = \"{}\"\n\
         worker = {{ client_secret = \"${{OTHER_SECRET}}\" }}\n",
        one.profile(),
        ready.auth_url,
        ready.api_url,
        ready.environment_id,
    );
    let profile = lab.file("p.toml", &text);
    let mut command = lab.command(&["run", &profile, "-u", "2", "-n", "20", "--warm-up", "0s"]);
    command.env("WORKER_SECRET", one.worker_secret()).env("OTHER_SECRET", two.worker_secret());
    let ended = Ended::of(command.output().expect("a binary that starts"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for tenant in [&one, &two] {
        let users: usize = tenant.directory().populations().iter().map(|each| each.users).sum();
        let calls = tenant.calls();
        let starts = calls.iter().filter(|call| call["capability"] == "authorize").count();
        assert_eq!((users, starts), (5, 10));
    }
    let ledger = fs::read(lab.path("reports/latest/ledger.jsonl")).expect("a ledger");
    assert_eq!(Book::read(&ledger).expect("a sound ledger").openings.len(), 2);
}

#[test]
fn one_variant_can_start_its_flow_by_policy_and_the_other_by_an_authorize_request() {
    let lab = Lab::new();
    let text = profile("", "tenant = { start = \"policy\" }", "[journeys]\nsign-on = 1\n");
    let (ended, found) = run(&lab, &text, &["-u", "2", "-n", "20"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let steps = found["steps"].as_array().expect("steps");
    let starts: BTreeSet<_> = steps
        .iter()
        .filter(|row| row["step"] == "authorize" || row["step"] == "start")
        .map(|row| (row["variant"].as_str().unwrap(), row["step"].as_str().unwrap()))
        .collect();
    assert_eq!(starts, BTreeSet::from([("v1", "authorize"), ("v2", "start")]));
}

#[test]
fn a_policy_that_the_stand_in_lacks_is_wrong_in_its_place() {
    let lab = Lab::new();
    let delay =
        "[journeys]\nsign-on = 1\n[[stand_in.delay]]\npolicy = \"v3\"\ndelay = \"constant 1ms\"\n";
    let profile = lab.file("p.toml", &profile("", "", delay));
    let ended = lab.run(&["check", &profile]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("there is no flow policy `v3`"), "{}", ended.stderr);
    assert!(ended.stderr.contains("p.toml:4:10"), "{}", ended.stderr);
}
