//! No secret leaves: everything that went over the wires is searched for secrets, and everything
//! that gander printed and wrote is searched for those.

use crate::lab::{Ended, Lab};
use crate::tenant::Tenant;
use regex::Regex;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes bytes between a listener and a target, and keeps a copy of all of them.
pub(crate) struct Tap {
    address: String,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    pub(crate) fn on(listener: TcpListener, target: String) -> Self {
        let address = listener.local_addr().expect("an address").to_string();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = heard.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&target)) else {
                    continue;
                };
                pass(
                    client.try_clone().expect("a clone"),
                    server.try_clone().expect("a clone"),
                    keep.clone(),
                );
                pass(server, client, keep.clone());
            }
        });
        Self { address, heard }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().expect("a lock")).into_owned()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, keep: Arc<Mutex<Vec<u8>>>) {
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        let mut own = Vec::new();
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            own.extend_from_slice(&buffer[..length]);
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
        // One direction of one connection in one piece, so that nothing is torn apart.
        let mut all = keep.lock().expect("a lock");
        all.extend_from_slice(b"\n\n");
        all.extend_from_slice(&own);
    });
}

/// What is a secret on the wire, and how it looks there.
const SECRETS: &[(&str, &str)] = &[
    ("interaction token", r#""interactionToken":"([0-9a-f]{40,})""#),
    ("interaction token in a cookie", r"interactionToken=([0-9a-f]{40,})"),
    ("session", r"\bST=([^;\s]{8,})"),
    ("session token", r#""sessionToken":"([^"]{8,})""#),
    ("authorization code", r#""authorizeResponse":\{"code":"([^"]{8,})""#),
    ("code verifier", r"code_verifier=([^&\s]{8,})"),
    ("access token", r#""access_token":"([^"]{8,})""#),
    ("id token", r#""id_token":"([^"]{8,})""#),
    ("bearer", r"(?i)authorization: bearer (\S{8,})"),
    ("client credentials", r"(?i)authorization: basic (\S{8,})"),
    ("password", r#""password":"([^"]{8,})""#),
    ("password set by management", r#""value":"([^"]{12,})""#),
    ("new password", r#""newPassword":"([^"]{8,})""#),
    ("verification code", r#""passcode":"([^"]{4,})""#),
    ("recovery code", r#""recoveryCode":"([^"]{4,})""#),
];

/// Secrets by kind in what was heard.
pub(crate) fn secrets(heard: &str) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for (kind, pattern) in SECRETS {
        let pattern = Regex::new(pattern).expect("a pattern");
        let values = pattern.captures_iter(heard).map(|found| found[1].to_owned());
        found.insert(*kind, values.collect::<BTreeSet<_>>());
    }
    found
}

/// Runs gander through a tap and searches everything it printed and wrote.
fn nothing_leaks(arguments: &[&str], settings: &str, code: i32) {
    let front = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = front.local_addr().expect("an address");
    let mail =
        TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let tenant = Tenant::start(&format!(
        "public_url = \"http://{address}\"\nsigning = \"ES256\"\n{settings}[mail]\nsmtp = \"{mail}\"\n"
    ));
    let tap = Tap::on(front, tenant.listens_at());
    let lab = Lab::new();
    let profile = format!(
        "{}count = 12\n[codes]\nlisten = \"{mail}\"\n[journeys]\nregister = 1\nsign-on = 1\nrecovery = 1\n",
        tenant.profile()
    );
    assert!(profile.contains(&tap.address), "the tap is not in between");
    lab.file("p.toml", &profile);
    let Ended { code: ended, stdout, stderr } = tenant.gander(&lab, arguments);
    assert_eq!(ended, code, "{stdout}{stderr}");
    drop(tenant);
    let mut found = secrets(&tap.text());
    found.insert("worker secret", BTreeSet::from([worker(&tap.text())]));
    let mut places =
        vec![("standard output".to_owned(), stdout), ("standard error".to_owned(), stderr)];
    for (path, content) in lab.files() {
        if path.file_name().is_some_and(|name| name == "password.key") {
            found.insert(
                "key of passwords",
                BTreeSet::from([String::from_utf8_lossy(&content).trim().to_owned()]),
            );
        } else {
            places
                .push((path.display().to_string(), String::from_utf8_lossy(&content).into_owned()));
        }
    }
    assert!(places.len() >= 4, "{places:?}");
    for (kind, values) in &found {
        assert!(
            !values.is_empty(),
            "the test found no {kind} on the wire, so it proves nothing about it"
        );
        for value in values {
            for (place, text) in &places {
                assert!(!text.contains(value.as_str()), "a {kind} is in {place}");
            }
        }
    }
}

/// The worker's secret out of its Basic credentials.
fn worker(heard: &str) -> String {
    use base64::Engine;
    let credentials = Regex::new(r"(?i)authorization: basic (\S+)").expect("a pattern");
    let encoded = &credentials.captures(heard).expect("credentials of the worker")[1];
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).expect("base64");
    String::from_utf8(decoded).expect("text").split_once(':').expect("two parts").1.to_owned()
}

#[test]
fn a_walk_shows_and_keeps_no_secret() {
    nothing_leaks(&["check", "p.toml", "--walk", "-v"], "", 0);
}

#[test]
fn a_run_shows_and_keeps_no_secret_even_of_what_failed() {
    // Time-outs in mid-flow, so that failing exchanges are sampled too.
    let settings = "[[delay]]\ndelay = \"constant 60s\"\nevent = \"submit\"\nshare = \"10%\"\n";
    let arguments = [
        "run",
        "p.toml",
        "-u",
        "3",
        "-n",
        "60",
        "-v",
        "--set",
        "http.reply_timeout=\"300ms\"",
        "--set",
        "guards.stop_when=[]",
    ];
    nothing_leaks(&arguments, settings, 4);
}

#[test]
fn what_stands_in_addresses_is_not_kept() {
    let uri = "https://app.example.com/callback?k=TOPSECRET";
    let tenant = Tenant::start(&format!(
        "signing = \"ES256\"\n[application]\nredirect_uris = [\"{uri}\"]\n[mail]\nsmtp = \"127.0.0.1:1\"\n"
    ));
    let lab = Lab::new();
    let profile = tenant.profile();
    assert!(profile.contains(uri), "{profile}");
    lab.file("p.toml", &format!("{profile}count = 4\n[journeys]\nsign-on = 1\n"));
    let ended = tenant.gander(&lab, &["run", "p.toml", "-v", "-u", "1", "-n", "2"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("TOPSECRET"));
    let files = lab.files();
    assert!(files.len() >= 7, "{files:?}");
    for (path, content) in files.iter().filter(|(path, _)| !path.ends_with("p.toml")) {
        let content = String::from_utf8_lossy(content);
        assert!(!content.contains("TOPSECRET"), "{}", path.display());
    }
    for setting in [
        "http.proxy=\"http://TOPSECRET@127.0.0.1:1\"",
        "http.proxy=\"http://TOPSECRET:@127.0.0.1:1\"",
        "tenant.redirect_uri=\"https://u:TOPSECRET@app.example.com/callback\"",
        "workload.duration=\"${SECRET}\"",
        "codes.pattern=\"${SECRET}\"",
        "tenant.hosts=[\"${SECRET}\"]",
    ] {
        let mut command = lab.command(&["run", "p.toml", "-u", "1", "--set", setting]);
        command.env("WORKER_SECRET", tenant.worker_secret()).env("SECRET", "(TOPSECRET/ 1");
        let ended = Ended::of(command.output().expect("a binary that starts"));
        let key = setting.split(['.', '=']).nth(1).expect("a key");
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(key), "{}", ended.stderr);
        // The place of a problem repeats the key, and the value nowhere.
        assert!(!ended.stderr.contains("TOPSECRET"), "{}", ended.stderr);
    }
}
