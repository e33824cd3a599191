//! Faults: what the stand-in does wrong on purpose is what gander reports, kind by kind, and
//! nothing else.

use crate::lab::Lab;
use crate::run::summary;
use crate::tenant::Tenant;
use gander::standin::fault::{KINDS, Row, When};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Failed iterations by slug.
fn reported(summary: &Value) -> BTreeMap<String, u64> {
    let mut faults = BTreeMap::new();
    for journey in summary["journeys"].as_array().expect("journeys") {
        assert_eq!(journey["cut_off"], 0, "{journey}");
        for (slug, count) in journey["faults"].as_object().expect("faults") {
            *faults.entry(slug.clone()).or_default() += count.as_u64().expect("a count");
        }
    }
    faults.retain(|_, count| *count > 0);
    faults
}

/// Faults that the tenant made, under the names that a client should give them.
fn made(truth: &Value) -> BTreeMap<String, u64> {
    let mut faults = BTreeMap::new();
    for (kind, count) in truth["faults"].as_object().expect("faults") {
        let row = KINDS.iter().find(|row| row.slug == kind).expect("a kind");
        *faults.entry(row.client.to_owned()).or_default() += count.as_u64().expect("a count");
    }
    faults.remove(NONE);
    faults
}

/// What a client should call what is no fault to it.
const NONE: &str = "none";

/// What a client should report where a kind was made.
fn expected(row: &Row) -> Vec<&str> {
    Some(row.client).filter(|client| *client != NONE).into_iter().collect()
}

/// Rows of the table of faults that put a kind into calls of these capabilities.
fn rows_in(capabilities: &[&str], kind: &str, share: &str, more: &str) -> String {
    let row = |capability: &&str| {
        format!(
            "[[fault]]\nkind = \"{kind}\"\ncapability = \"{capability}\"\nshare = \"{share}\"\n{more}"
        )
    };
    capabilities.iter().map(row).collect()
}

/// Rows of the table of faults that put a kind into starts and answers.
fn rows(kind: &str, share: &str, more: &str) -> String {
    rows_in(&["authorize", "customHTMLTemplate"], kind, share, more)
}

/// Walks sign-ons against a tenant with these settings and holds both counts against each other.
fn compared(settings: &str, iterations: u64) -> (BTreeMap<String, u64>, Value) {
    compared_on(&Lab::new(), ("", "sign-on"), settings, iterations)
}

/// Walks a journey, with what else the profile has to say first, against a tenant with these
/// settings and holds both counts against each other.
fn compared_on(
    lab: &Lab,
    (first, journey): (&str, &str),
    settings: &str,
    iterations: u64,
) -> (BTreeMap<String, u64>, Value) {
    let tenant = Tenant::start(&format!("signing = \"ES256\"\n{settings}"));
    let challenge = &tenant.ready().policies["challenge"];
    let profile = format!(
        "{first}{}count = 10\n[journeys]\n{journey} = 1\n\
         [[variant]]\nname = \"v\"\npolicies = {{ approved = \"{challenge}\" }}\n\
         [http]\nreply_timeout = \"2s\"\nmax_reply = \"256KiB\"\n\
         [guards]\nstop_when = []\n[[threshold]]\nrule = \"faults <= 100%\"\n",
        tenant.profile()
    );
    let profile = lab.file("p.toml", &profile);
    let iterations = iterations.to_string();
    let arguments =
        ["run", &profile, "-u", "10", "-n", &iterations, "--warm-up", "0s", "--seed", "1"];
    let ended = tenant.gander(lab, &arguments);
    assert_eq!(ended.code, 0, "{settings}{}", ended.stderr);
    let reported = reported(&summary(&lab.path("reports/latest")));
    let truth = tenant.truth();
    assert_eq!(reported, made(&truth), "{settings}{truth:#}");
    recorded_once(&tenant.calls(), &truth);
    (reported, truth)
}

/// The record of calls has each fault once, under the call's own id.
fn recorded_once(calls: &[Value], truth: &Value) {
    let mut by_kind = BTreeMap::<&str, u64>::new();
    for kind in calls.iter().filter_map(|call| call["fault"].as_str()) {
        *by_kind.entry(kind).or_default() += 1;
    }
    assert_eq!(serde_json::to_value(by_kind).expect("JSON"), truth["faults"]);
}

fn each_kind_alone(when: When) {
    for row in KINDS.iter().filter(|row| row.when == when) {
        for more in variants(row) {
            let (reported, truth) = compared(&rows(row.slug, "15%", &more), 60);
            assert_eq!(
                reported.keys().collect::<Vec<_>>(),
                expected(row),
                "{} {truth:#}",
                row.slug
            );
            assert!(truth["faults"][row.slug].as_u64() > Some(0), "{} {truth:#}", row.slug);
        }
    }
}

/// Settings under which a kind is tried.
fn variants(row: &Row) -> Vec<String> {
    match row.slug {
        "author-error" => {
            [400, 403, 404, 405, 429, 500].map(|status| format!("status = {status}\n")).to_vec()
        }
        "oversized" => vec!["size = \"1MiB\"\n".to_owned()],
        "blocked" => vec!["burst = 3\n".to_owned()],
        _ => vec![String::new()],
    }
}

#[test]
fn faults_in_place_of_a_reply_are_reported_as_often_as_they_were_made() {
    each_kind_alone(When::Instead);
}

#[test]
fn faults_that_end_an_interaction_are_reported_as_often_as_they_were_made() {
    each_kind_alone(When::Over);
}

#[test]
fn spoiled_replies_are_reported_as_often_as_they_were_made() {
    each_kind_alone(When::After);
}

/// A sign-on that waits for a challenge, and asks afterwards who signed on.
const APPROVED: &str = "name = \"approved\"\ngoal = \"token\"\naccount = \"ok\"\n\
    [[rule]]\nname = \"credentials\"\nwhen = { fields = [\"username\", \"password\"] }\n\
    answer = { username = \"{account.username}\", password = \"{account.password}\" }\n\
    action = [\"SIGNON\"]\n[[end]]\ndo = \"token\"\n[[end]]\ndo = \"userinfo\"\n";

#[test]
fn faults_beside_the_forms_are_reported_as_often_as_they_were_made() {
    let lab = Lab::new();
    lab.file("approved.toml", APPROVED);
    let journey = ("journey_files = [\"approved.toml\"]\n", "approved");
    for row in KINDS.iter().filter(|row| !row.flow_only) {
        for capability in ["challenge-status", "userinfo"] {
            let more = if row.slug == "oversized" { "size = \"1MiB\"\n" } else { "" };
            let settings = format!(
                "{}[polling]\ninterval = \"5ms\"\napproved_at = 2\n",
                rows_in(&[capability], row.slug, "15%", more)
            );
            let (reported, truth) = compared_on(&lab, journey, &settings, 30);
            let kinds: Vec<_> = reported.keys().collect();
            assert_eq!(kinds, [row.client], "{} in {capability} {truth:#}", row.slug);
        }
    }
}

#[test]
fn all_kinds_at_once_are_told_apart() {
    let settings: String = KINDS
        .iter()
        .map(|row| {
            rows(row.slug, "2%", if row.slug == "oversized" { "size = \"1MiB\"\n" } else { "" })
        })
        .collect();
    let (reported, truth) = compared(&settings, 400);
    assert!(reported.len() >= 9, "{truth:#}");
}

#[test]
fn calls_beyond_a_rate_limit_are_reported_as_rate_limited() {
    let limits = "[rate_limits]\ndavinci_start = \"10/s\"\nper_address_share = \"100%\"\n";
    let (reported, truth) = compared(limits, 200);
    assert_eq!(reported.keys().collect::<Vec<_>>(), ["rate-limited"], "{truth:#}");
    assert_eq!(truth["rate_limited"]["davinci_start"], reported["rate-limited"]);
}

#[test]
fn the_embedded_stand_in_is_trusted_when_it_speaks_tls() {
    let lab = Lab::new();
    let set = ["stand_in.tls=true", "stand_in.signing=\"ES256\"", "stand_in.delay=[]"];
    let mut arguments = vec!["run", "-u", "2", "-n", "10", "-j", "sign-on", "--warm-up", "0s"];
    set.iter().for_each(|set| arguments.extend(["--set", set]));
    let ended = lab.run(&arguments);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = summary(&lab.path("reports/latest"));
    assert_eq!(summary["journeys"][0]["completed"], 10);
}

/// `gander stand-in` as a process of its own; it ends when this is dropped.
struct StandIn(std::process::Child);

impl StandIn {
    fn start(lab: &Lab, arguments: &[&str]) -> Self {
        let fixed = ["stand-in", "--listen", "127.0.0.1:0", "--ready", "ready.json"];
        let mut command = lab.command(&[&fixed, arguments].concat());
        command.stderr(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        Self(command.spawn().expect("a binary that starts"))
    }

    fn ready(&mut self, path: &Path) -> Value {
        loop {
            // The file is written in one go, so that it is whole or not there.
            if let Some(ready) =
                std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok())
            {
                return ready;
            }
            assert!(self.0.try_wait().expect("a child").is_none(), "it ended");
            std::thread::yield_now();
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_stand_in_with_tls_is_walked_by_whoever_has_its_authority_and_by_nobody_else() {
    let lab = Lab::new();
    let mut stand_in = StandIn::start(&lab, &["--tls", "--ca-file", "ca.pem"]);
    let ready = stand_in.ready(&lab.path("ready.json"));
    let text = |key: &str| ready[key].as_str().expect("a text").to_owned();
    assert!(text("auth_url").starts_with("https://127.0.0.1:"), "{ready}");
    let written = std::fs::read_to_string(lab.path("ca.pem")).expect("the authority");
    assert_eq!(written, text("ca_pem"));
    let profile = |http: &str| {
        format!(
            "[tenant]\nauth_url = \"{0}\"\napi_url = \"{0}\"\nenvironment_id = \"{1}\"\nclient_id = \"{2}\"\n\
             redirect_uri = \"{3}\"\n[tenant.worker]\nclient_id = \"{4}\"\nclient_secret = \"${{WORKER_SECRET}}\"\n\
             [accounts]\nsource = \"provision\"\ncount = 2\n[journeys]\nsign-on = 1\n{http}",
            text("auth_url"),
            text("environment_id"),
            text("client_id"),
            text("redirect_uri"),
            ready["worker"]["client_id"].as_str().expect("an id"),
        )
    };
    let secret = ready["worker"]["client_secret"].as_str().expect("a secret");
    for (http, code) in [("[http]\nca_file = \"ca.pem\"\n", 0), ("", 3)] {
        let name = lab.file("p.toml", &profile(http));
        let mut command = lab.command(&["run", &name, "-u", "1", "-n", "5", "--warm-up", "0s"]);
        let output = command.env("WORKER_SECRET", secret).output().expect("a binary that starts");
        let ended = crate::lab::Ended::of(output);
        assert_eq!(ended.code, code, "{http}{}", ended.stderr);
    }
}
