//! Codes from every source that needs no server besides gander, with the embedded stand-in sending
//! them the way that the profile says.

use crate::lab::{Ended, Lab};
use crate::tenant::Tenant;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use gander::base::clock::Clock;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Journeys that ask for codes, one of them twice in a row.
const JOURNEYS: &str = "[journeys]\nregister = 2\nrecovery = 1\nregister-resend = 1\n\
                        [accounts]\ncount = 5\n[workload]\nmodel = \"closed\"\nusers = 4\nduration = \"3s\"\n\
                        warm_up = \"0s\"\n";

/// Secrets that a profile of these takes from the environment.
const SECRETS: &[(&str, &str)] = &[("PW", "hunter2-and-more"), ("TOKEN", "token-of-the-provider")];

fn run(lab: &Lab, codes: &str) -> Ended {
    let profile = lab.file("p.toml", &format!("{JOURNEYS}{codes}"));
    let mut command = lab.command(&["run", &profile, "--seed", "7", "-o", "run", "--json"]);
    command.envs(SECRETS.iter().copied());
    Ended::of(command.output().expect("a binary that starts"))
}

#[test]
fn every_source_brings_each_code_to_whoever_asked_for_it() {
    for (name, codes) in [
        ("starttls", "[codes]\ntls = \"starttls\"\nuser = \"t\"\npassword = \"${PW}\"\n"),
        ("implicit", "[codes]\ntls = \"implicit\"\n"),
        ("provider", "[codes]\nsource = \"http-provider\"\ntoken = \"${TOKEN}\"\n"),
        (
            "secure provider",
            "[codes]\nsource = \"http-provider\"\ntls = \"implicit\"\nuser = \"t\"\npassword = \"${PW}\"\n",
        ),
        (
            "reply",
            "[codes]\nsource = \"reply\"\npointer = \"/testCode\"\n[stand_in.mail]\nshow = true\n",
        ),
        (
            "fixed",
            "[codes]\nsource = \"fixed\"\ncode = \"${CODE:-1234}\"\n[stand_in.mail]\ncode = \"${CODE:-1234}\"\n",
        ),
    ] {
        let lab = Lab::new();
        let ended = run(&lab, codes);
        assert_eq!(ended.code, 0, "{name}: {}", ended.stderr);
        let summary: Value = serde_json::from_str(&ended.stdout).expect("a summary");
        for journey in summary["journeys"].as_array().expect("journeys") {
            assert!(journey["completed"].as_u64() > Some(0), "{name}: {journey}");
            assert_eq!(journey["failed"], 0, "{name}: {journey}");
        }
        let waits = summary["series"].as_array().expect("series");
        let waits = waits.iter().any(|row| row["kind"] == "code-wait" && row["samples"] != 0);
        assert_eq!(waits, !["reply", "fixed"].contains(&name), "{name} is waited for");
        for (_, secret) in SECRETS {
            assert!(!ended.stderr.contains(secret) && !ended.stdout.contains(secret), "{name}");
            for (path, content) in lab.files() {
                let content = String::from_utf8_lossy(&content);
                assert!(!content.contains(secret), "{name}: {}", path.display());
            }
        }
    }
}

#[test]
fn a_mailbox_that_does_not_answer_is_known_before_anybody_waits() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    for codes in [
        format!(
            "[codes]\nsource = \"http-mailbox\"\nurl = \"http://{address}\"\npreset = \"maildev\"\n"
        ),
        format!(
            "[codes]\nsource = \"imap\"\nserver = \"{address}\"\ntls = \"off\"\nuser = \"u\"\npassword = \"${{PW}}\"\n"
        ),
    ] {
        let ended = run(&Lab::new(), &codes);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert!(ended.stderr.contains("does not accept connections"), "{}", ended.stderr);
        assert!(ended.stderr.contains("codes."), "{}", ended.stderr);
    }
}

#[test]
fn a_sink_that_nobody_finds_and_a_drain_shorter_than_a_wait_are_told() {
    let journeys =
        "[codes]\nuser = \"t\"\npassword = \"${PW}\"\ntimeout = \"1s\"\n[journeys]\nregister = 1\n";
    let lab = Lab::new();
    let tenant = Tenant::start("");
    let text = format!("{}{journeys}[workload]\ndrain = \"500ms\"\n", tenant.profile());
    let profile = lab.file("p.toml", &text);
    let mut command = lab.command(&["check", &profile, "--walk"]);
    command.envs(SECRETS.iter().copied()).env("WORKER_SECRET", tenant.worker_secret());
    let ended = Ended::of(command.output().expect("a binary that starts"));
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    for part in ["nobody connected to 127.0.0.1:", "`workload.drain` longer", "user and password"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

#[test]
fn a_mailbox_elsewhere_is_not_asked_in_a_test_that_nobody_acknowledged() {
    for codes in [
        "[codes]\nsource = \"http-mailbox\"\nurl = \"https://192.0.2.1\"\npreset = \"mailpit\"\n",
        "[codes]\nsource = \"imap\"\nserver = \"192.0.2.1\"\nuser = \"u\"\npassword = \"${PW}\"\n",
    ] {
        let ended = run(&Lab::new(), codes);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert!(ended.stderr.contains("nothing was sent"), "{}", ended.stderr);
        assert!(ended.stderr.contains("acknowledged"), "{}", ended.stderr);
    }
}

/// A mailbox that shows a mail only some time after it came, which is `LATE` for the first so many.
#[derive(Clone, Default)]
struct SlowMailbox(Arc<Mutex<Vec<(Instant, Value)>>>);

const LATE: Duration = Duration::from_millis(700);
const FIRST: usize = 4;

impl SlowMailbox {
    /// Serves until the runtime ends.
    fn serve(self) -> (tokio::runtime::Runtime, String) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new()
            .route(
                "/take",
                post(
                    |State(mailbox): State<Self>, body: String| async move { mailbox.take(&body) },
                ),
            )
            .route("/mails", get(|State(mailbox): State<Self>| async move { mailbox.show() }))
            .with_state(self);
        runtime.spawn(async move { axum::serve(listener, router).await });
        (runtime, url)
    }

    fn take(&self, body: &str) {
        let mut mail: Value = serde_json::from_str(body).expect("a notification");
        let mut mails = self.0.lock().expect("a mailbox");
        mail["id"] = mails.len().into();
        let delay = if mails.len() < FIRST { LATE } else { Duration::ZERO };
        mails.push((Clock::system().now() + delay, mail));
        mails.sort_by_key(|(due, _)| *due);
    }

    fn show(&self) -> String {
        let (now, mails) = (Clock::system().now(), self.0.lock().expect("a mailbox"));
        let shown = mails.iter().filter(|(due, _)| *due <= now).map(|(_, mail)| mail.clone());
        Value::Array(shown.collect()).to_string()
    }
}

#[test]
fn a_mail_that_comes_too_late_fails_the_iteration_that_asked_for_it_and_no_other() {
    let (_runtime, url) = SlowMailbox::default().serve();
    let profile = format!(
        "[journeys]\nrecovery = 1\n[accounts]\ncount = 2\n[workload]\nmodel = \"open\"\nrate = \"5/s\"\n\
         duration = \"7s\"\nwarm_up = \"0s\"\n[guards]\nstop_when = []\n[stand_in.mail]\nhttp = \"{url}/take\"\n\
         [codes]\nsource = \"http-mailbox\"\nurl = \"{url}\"\ntimeout = \"500ms\"\npoll = \"50ms\"\n\
         [codes.mailbox]\nlist = \"/mails\"\norder = \"oldest-first\"\nid = \"/id\"\nrecipients = [\"/to\"]\n\
         texts = [\"/message\"]\n"
    );
    let lab = Lab::new();
    let profile = lab.file("p.toml", &profile);
    let ended = lab.run(&["run", &profile, "--seed", "7", "-o", "run", "--json"]);
    let summary: Value = serde_json::from_str(&ended.stdout).expect(&ended.stderr);
    let journey = &summary["journeys"][0];
    let faults = journey["faults"].as_object().expect("faults");
    assert!(journey["completed"].as_u64() > Some(0), "{journey} {}", ended.stderr);
    assert!(faults.contains_key("code-not-received"), "{journey} {}", ended.stderr);
    assert!(faults.contains_key("no-account"), "{journey} {}", ended.stderr);
    assert_eq!(faults.len(), 2, "nobody entered another's code: {journey}");
}
