//! Planted secrets: whatever goes wrong, none of them is in anything that gander prints or writes.

use crate::lab::{Ended, Lab};
use crate::secrets::{Tap, secrets};
use crate::stand_in::Served;
use crate::watch::{ask, attribute, parts, reply};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use gander::standin::fault::KINDS;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Variable of the environment and the secret in it. Where a secret may hold anything it holds what
/// JSON, forms, URLs and Base64 each write differently.
const PLANTED: &[(&str, &str)] = &[
    ("APP_SECRET", "app+Secret/of=1~planted"),
    ("API_KEY", "sdk+Key/of=3~planted"),
    ("HEADER_SECRET", "header+Secret/of=4~planted"),
    ("PARAMETER_SECRET", "parameter+Secret/of=5~planted"),
    ("URL_SECRET", "url-secret-6-planted"),
    ("PROXY_PASSWORD", "proxy-password-7-planted"),
    ("GANDER_PASSWORD_KEY", "key+Of/passwords=8~planted-and-long-enough"),
    ("COMMAND_SECRET", "command+Secret/of=9~planted"),
    ("MAIL_PASSWORD", "mail+Secret/of=11~planted"),
    ("MAIL_TOKEN", "mail-token-12-planted"),
];

/// Shorter spellings than this are words.
const SHORTEST: usize = 6;

/// What addresses leave as it is (RFC 3986).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How JSON, forms, addresses and Base64 write a text: written down here once more, not asked of gander.
fn spellings(text: &str) -> Vec<String> {
    let json = Value::from(text).to_string();
    let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let address = utf8_percent_encode(text, UNRESERVED).to_string();
    let lower = |text: &str| {
        let mut lower = String::new();
        for (number, part) in text.split('%').enumerate() {
            let digits = if number == 0 { 0 } else { 2 };
            lower.push_str(if number == 0 { "" } else { "%" });
            lower.push_str(&part[..digits].to_lowercase());
            lower.push_str(&part[digits..]);
        }
        lower
    };
    let (small_form, small_address) = (lower(&form), lower(&address));
    let html = text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
    let mut all =
        vec![json[1..json.len() - 1].to_owned(), html, form, address, small_form, small_address];
    let every = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    all.extend([lower(&every), every]);
    all.extend(engines.map(|engine| engine.encode(text)));
    all.push(text.to_owned());
    all.sort_unstable();
    all.dedup();
    all
}

/// Looks for many texts at once.
struct Search {
    /// By their first bytes: the whole and what it is.
    wanted: HashMap<[u8; SHORTEST], Vec<(String, String)>>,
}

impl Search {
    fn of(secrets: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut wanted: HashMap<_, Vec<(String, String)>> = HashMap::new();
        for (name, value) in secrets {
            for spelling in spellings(&value).into_iter().chain(inside_base64(&value)) {
                let Some(start) = spelling.as_bytes().first_chunk() else { continue };
                wanted.entry(*start).or_default().push((spelling, name.clone()));
            }
        }
        Self { wanted }
    }

    /// The names of those that are in a text.
    fn found_in(&self, text: &[u8]) -> Vec<&str> {
        let mut found = Vec::new();
        for (at, start) in text.windows(SHORTEST).enumerate() {
            let Some(candidates) =
                <&[u8; SHORTEST]>::try_from(start).ok().and_then(|start| self.wanted.get(start))
            else {
                continue;
            };
            let here =
                candidates.iter().filter(|(whole, _)| text[at..].starts_with(whole.as_bytes()));
            found.extend(here.map(|(_, name)| name.as_str()));
        }
        found.dedup();
        found
    }
}

/// A text as it looks where it is part of something in Base64, wherever it begins there.
fn inside_base64(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for before in 0..3_usize {
        let bytes = [&vec![0; before], text.as_bytes()].concat();
        // Whole groups of six bits that hold nothing but the text.
        let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        for engine in [&STANDARD, &URL_SAFE] {
            all.extend(engine.encode(&bytes).get(from..to).map(str::to_owned));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// A stand-in tenant in a process of its own, with a tap that gander takes for its proxy.
struct Ground {
    _served: Served,
    tap: Tap,
    address: String,
    /// Where codes are received.
    mail: String,
    /// Drawn by the stand-in: its settings have none.
    worker_secret: String,
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

fn ground(lab: &Lab, faults: &str) -> Ground {
    let mail = free_port();
    let settings = format!(
        "listen = \"127.0.0.1:0\"\nsigning = \"ES256\"\n[application]\nclient_secret = \"${{APP_SECRET}}\"\n\
         redirect_uris = [\"https://app.example.com/back?k=${{URL_SECRET}}\"]\n\
         [davinci_application]\napi_key = \"${{API_KEY}}\"\n\
         [mail]\nsmtp = \"{mail}\"\n{faults}"
    );
    let config = lab.file("stand-in.toml", &settings);
    let mut command = lab.command(&["stand-in", "--config", &config, "--ready", "ready.json"]);
    command.envs(PLANTED.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut served = Served(command.spawn().expect("a binary that starts"));
    let path = lab.path("ready.json");
    let ready: Value = loop {
        let text = std::fs::read(&path).unwrap_or_default();
        match serde_json::from_slice(&text) {
            Ok(ready) => break ready,
            Err(_) => {
                let ended = served.0.try_wait().expect("a child");
                assert!(ended.is_none(), "the stand-in ended: {ended:?}");
                thread::park_timeout(Duration::from_millis(20));
            }
        }
    };
    // It holds every secret, for its owner alone.
    std::fs::remove_file(&path).expect("a file that can go");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let auth = text(&ready["auth_url"]);
    let address = auth.trim_start_matches("http://").to_owned();
    let tap = Tap::on(TcpListener::bind("127.0.0.1:0").expect("a free port"), address.clone());
    let profile = format!(
        "[tenant]\nauth_url = \"{auth}\"\napi_url = \"{auth}\"\norchestrate_url = \"{auth}\"\n\
         environment_id = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"${{APP_SECRET}}\"\n\
         redirect_uri = \"https://app.example.com/back?k=${{URL_SECRET}}\"\n\
         headers = {{ X-Key = \"${{HEADER_SECRET}}\" }}\n\
         authorize_parameters = {{ extra = \"${{PARAMETER_SECRET}}\" }}\n\
         [tenant.worker]\nclient_id = \"{}\"\nclient_secret = \"${{WORKER_SECRET}}\"\nrate = \"5000/s\"\n\
         [tenant.sdk_token]\napi_key = \"${{API_KEY}}\"\n\
         [http]\nproxy = \"http://user:${{PROXY_PASSWORD}}@{}\"\nreply_timeout = \"400ms\"\nmax_reply = \"64KiB\"\n\
         [accounts]\nsource = \"provision\"\ncount = 40\n[codes]\nlisten = \"{mail}\"\ntimeout = \"1s\"\n\
         [guards]\nstop_when = []\n[[variant]]\nname = \"v\"\nflow_policy = \"{}\"\n\
         policies = {{ start-with-input = \"{}\" }}\n[journeys]\nregister = 2\nsign-on = 2\nrecovery = 2\n\
         sign-on-wrong-password = 1\nstart-with-input = 1\n",
        text(&ready["environment_id"]),
        text(&ready["client_id"]),
        text(&ready["worker"]["client_id"]),
        tap.address(),
        text(&ready["policies"]["stock"]),
        text(&ready["policies"]["start-with-input"]),
    );
    lab.file("p.toml", &profile);
    let worker_secret = text(&ready["worker"]["client_secret"]);
    Ground { _served: served, tap, address, mail, worker_secret }
}

/// What the stand-in counted.
fn truth(address: &str) -> Value {
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "GET /stand-in/truth HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
        .expect("a request");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply");
    let body = reply.split_once("\r\n\r\n").expect("a body").1;
    serde_json::from_str(body).expect("JSON")
}

fn command(lab: &Lab, ground: &Ground, arguments: &[&str]) -> Command {
    let mut command = lab.command(arguments);
    command
        .envs(PLANTED.iter().copied())
        .env("WORKER_SECRET", &ground.worker_secret)
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "1");
    command
}

fn gander(lab: &Lab, ground: &Ground, arguments: &[&str]) -> Ended {
    Ended::of(command(lab, ground, arguments).output().expect("a binary that starts"))
}

/// Everything that the live page of a run sends to a browser, to the end of the run.
fn page(link: &str) -> JoinHandle<String> {
    let (host, path) = parts(link);
    thread::spawn(move || {
        let mut seen = reply(&host, "GET", &path);
        let events = attribute(&seen, "data-events");
        let mut stream = BufReader::new(ask(&host, "GET", &events));
        while stream.read_line(&mut seen).is_ok_and(|length| length > 0) {}
        seen
    })
}

/// Everything that is scraped until nobody answers.
fn scraped(host: String) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut seen = String::new();
        while let Ok(mut socket) = TcpStream::connect(&host) {
            let asked = write!(
                socket,
                "GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            );
            if asked.is_err() || socket.read_to_string(&mut seen).is_err() {
                break;
            }
            thread::park_timeout(Duration::from_millis(300));
        }
        seen
    })
}

/// Takes whatever is posted and keeps it as it came.
fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let link = format!("http://{}", listener.local_addr().expect("an address"));
    let got = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&got);
    thread::spawn(move || {
        for mut stream in listener.incoming().filter_map(Result::ok) {
            let keep = Arc::clone(&keep);
            thread::spawn(move || {
                let mut piece = [0; 64 * 1024];
                while let Ok(length @ 1..) = stream.read(&mut piece) {
                    keep.lock().expect("a lock").extend_from_slice(&piece[..length]);
                    // A message is one piece or two: an answer too many is no answer to anything.
                    if length < piece.len()
                        && stream
                            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                            .is_err()
                    {
                        break;
                    }
                }
            });
        }
    });
    (link, got)
}

/// A mailbox that lets nobody in and repeats who asked.
fn closed_mailbox() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().filter_map(Result::ok) {
            let mut piece = [0; 16 * 1024];
            let length = stream.read(&mut piece).unwrap_or_default();
            let said = String::from_utf8_lossy(&piece[..length]).replace("\r\n", " ");
            let reply = format!(
                "HTTP/1.1 401 {said}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}",
                said.len()
            );
            let _ = stream.write_all(reply.as_bytes());
        }
    });
    address
}

/// Every kind of fault, each in this share of the calls that the selector names.
fn every_kind(selector: &str, share: &str) -> String {
    let row = |kind: &&gander::standin::fault::Row| {
        let size = if kind.keys.contains(&"size") { "size = \"128KiB\"\n" } else { "" };
        format!("[[fault]]\nkind = \"{}\"\nshare = \"{share}\"\n{selector}{size}", kind.slug)
    };
    KINDS.iter().collect::<Vec<_>>().iter().map(row).collect()
}

/// Fails if a planted secret, or one that went over the wire, is in what was said or written.
fn nothing_is_found(lab: &Lab, ground: &Ground, said: &[(String, String)]) {
    let heard = &ground.tap.text();
    let planted = PLANTED.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let planted = planted.chain([("WORKER_SECRET".to_owned(), ground.worker_secret.clone())]);
    // A text that was cut may have kept the beginning of one.
    let planted = planted.flat_map(|(name, value)| {
        let start = value[..12].to_owned();
        [(format!("the beginning of {name}"), start), (name, value)]
    });
    // Titles of forms stand under the same key as passwords do; these have a digit and no blank.
    let is_title = |kind: &str, value: &str| {
        kind == "password set by management"
            && (value.contains(' ') || !value.contains(|c: char| c.is_ascii_digit()))
    };
    let met = secrets(heard).into_iter().flat_map(|(kind, values)| {
        let secret = values.into_iter().filter(move |value| !is_title(kind, value));
        secret.map(move |value| (kind.to_owned(), value))
    });
    let search = Search::of(planted.chain(met));
    let own = ["p.toml", "q.toml", "stand-in.toml", "password.key", "secret.txt"];
    let files = lab.files().into_iter().filter(|(path, _)| {
        path.file_name().is_none_or(|name| !own.iter().any(|own| name == *own))
    });
    let said = said.iter().map(|(place, text)| (place.clone(), text.clone().into_bytes()));
    for (place, text) in said.chain(files.map(|(path, text)| (path.display().to_string(), text))) {
        let found = search.found_in(&text);
        assert!(found.is_empty(), "{found:?} in {place}");
    }
}

#[test]
fn a_search_finds_a_secret_in_every_spelling() {
    let search = Search::of([("it".to_owned(), "p+s/w~rd&12".to_owned())]);
    for text in [
        "x p+s/w~rd&12",
        "p%2Bs%2Fw~rd%2612",
        "p%2bs%2fw%7erd%2612",
        "p+s/w~rd&amp;12",
        &STANDARD.encode("p+s/w~rd&12"),
        &STANDARD.encode("user:p+s/w~rd&12"),
        &STANDARD.encode("user1:p+s/w~rd&12 and more"),
        &URL_SAFE.encode("another:p+s/w~rd&12"),
    ] {
        assert_eq!(search.found_in(text.as_bytes()), ["it"], "{text}");
    }
    assert!(search.found_in(b"p+s/w~rd&1 p+s/w").is_empty());
}

#[test]
fn runs_that_fail_in_every_way_of_the_table_tell_no_secret() {
    let lab = Lab::new();
    let in_flow: Vec<_> = ["authorize", "start", "customHTMLTemplate", "token"]
        .iter()
        .map(|capability| every_kind(&format!("capability = \"{capability}\"\n"), "2.5%"))
        .collect();
    let ground = ground(&lab, &in_flow.concat());
    let mut said = Vec::new();
    let mut note = |what: &str, ended: Ended| {
        said.push((format!("standard output of {what}"), ended.stdout));
        said.push((format!("standard error of {what}"), ended.stderr));
        ended.code
    };
    let ended =
        gander(&lab, &ground, &["run", "p.toml", "-v", "-u", "12", "-n", "400", "--warm-up", "0s"]);
    assert_eq!(ended.code, 4, "{}{}", ended.stdout, ended.stderr);
    note("run", ended);
    let truth = truth(&ground.address);
    for row in KINDS {
        assert!(truth["faults"][row.slug].as_u64() > Some(0), "no `{}`: {truth:#}", row.slug);
    }
    for format in ["html", "json", "csv", "csv-timeline", "markdown", "junit", "hgrm"] {
        let code =
            note(format, gander(&lab, &ground, &["report", "reports/latest", "--format", format]));
        assert_eq!(code, 0, "{format}");
    }
    note(
        "compare",
        gander(&lab, &ground, &["compare", "reports/latest", "reports/latest", "--json"]),
    );
    for _ in 0..3 {
        note("a walk", gander(&lab, &ground, &["check", "p.toml", "--walk", "-v"]));
    }
    let heard = ground.tap.text();
    let met = secrets(&heard);
    for kind in ["password", "verification code", "access token", "session", "bearer"] {
        assert!(!met[kind].is_empty(), "no {kind} went over the wire");
    }
    assert!(heard.to_ascii_lowercase().contains("proxy-authorization"), "nothing met the proxy");
    let faults = lab.files().into_iter().find(|(path, _)| path.ends_with("faults.jsonl"));
    let faults = String::from_utf8(faults.expect("failing exchanges").1).expect("text");
    assert!(faults.contains("***"), "nothing was repeated, so nothing was struck out: {faults}");
    nothing_is_found(&lab, &ground, &said);
}

#[test]
fn what_a_tenant_repeats_in_its_names_is_in_no_view_of_a_run() {
    let lab = Lab::new();
    let repeating = |capability: &&str| {
        let row = |(kind, share): (&str, &str)| {
            format!(
                "[[fault]]\nkind = \"{kind}\"\nshare = \"{share}\"\ncapability = \"{capability}\"\n"
            )
        };
        [("repeating", "15%"), ("repeating-names", "40%")].map(row).concat()
    };
    let faults: String =
        ["authorize", "start", "customHTMLTemplate"].iter().map(repeating).collect();
    let ground = ground(&lab, &faults);
    let (metrics, (link, sent)) = (free_port(), collector());
    let mut arguments = vec!["run", "p.toml", "-v", "-u", "12", "-d", "12s", "--warm-up", "0s"];
    arguments.extend(["--live", "--prometheus", &metrics, "--set", "variant_by=\"flow\""]);
    if cfg!(feature = "otlp") {
        arguments.extend(["--otlp", &link]);
    }
    let mut command = command(&lab, &ground, &arguments);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a binary that starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("standard error"));
    let (mut told, mut views) = (String::new(), Vec::new());
    loop {
        let before = told.len();
        if stderr.read_line(&mut told).expect("text") == 0 {
            break;
        }
        if let Some(link) = told[before..].strip_prefix("live ") {
            views.push(("the live page", page(link.trim())));
            views.push(("the metrics", scraped(metrics.clone())));
        }
    }
    let ended = Ended::of(child.wait_with_output().expect("an end"));
    assert_eq!(ended.code, 4, "{told}");
    let mut said =
        vec![("standard error".to_owned(), told), ("standard output".to_owned(), ended.stdout)];
    for (name, view) in views {
        let seen = view.join().expect("what was seen");
        assert!(seen.contains("***"), "nothing that was repeated is in {name}");
        said.push((name.to_owned(), seen));
    }
    if cfg!(feature = "otlp") {
        let sent = String::from_utf8_lossy(&sent.lock().expect("a lock")).into_owned();
        assert!(sent.contains("***"), "nothing that was repeated was sent to the collector");
        said.push(("what the collector got".to_owned(), sent));
    }
    let truth = truth(&ground.address);
    for kind in ["repeating", "repeating-names"] {
        assert!(truth["faults"][kind].as_u64() > Some(50), "{truth:#}");
    }
    for format in ["html", "json", "csv", "csv-timeline", "markdown", "junit", "hgrm"] {
        let ended = gander(&lab, &ground, &["report", "reports/latest", "--format", format]);
        assert_eq!(ended.code, 0, "{format}: {}", ended.stderr);
        said.push((format.to_owned(), ended.stdout));
    }
    for number in 0..4 {
        let ended = gander(&lab, &ground, &["check", "p.toml", "--walk", "-v"]);
        said.push((format!("walk {number}"), ended.stdout + &ended.stderr));
    }
    let files = lab.files();
    for name in ["faults.jsonl", "summary.json", "run.json"] {
        let file = files.iter().find(|(path, _)| path.ends_with(name)).expect(name);
        let text = String::from_utf8_lossy(&file.1).into_owned();
        assert!(text.contains("***"), "nothing that was repeated is in {name}");
    }
    nothing_is_found(&lab, &ground, &said);
}

#[test]
fn a_source_of_codes_that_turns_gander_down_hears_its_secret_and_nobody_else() {
    let lab = Lab::new();
    let ground = ground(&lab, "");
    let profile = std::fs::read_to_string(lab.path("p.toml")).expect("a profile");
    let (start, end) = profile.split_once("[codes]\n").expect("a source of codes");
    let end = end.split_once("[guards]").expect("what follows").1;
    let closed = closed_mailbox();
    let mailbox = |who: &str| {
        format!("source = \"http-mailbox\"\npreset = \"mailpit\"\nurl = \"http://{closed}\"\n{who}")
    };
    let imap = format!("source = \"imap\"\nserver = \"{closed}\"\ntls = \"off\"\n");
    let listen = format!("listen = \"{}\"\n", ground.mail);
    let pair = "user = \"load\"\npassword = \"${MAIL_PASSWORD}\"\n";
    let mut said = Vec::new();
    for codes in [
        mailbox(pair),
        mailbox("token = \"${MAIL_TOKEN}\"\n"),
        imap + pair,
        // The stand-in brings no credentials, so that every mail is turned down.
        format!("{listen}{pair}"),
        format!("source = \"http-provider\"\n{listen}token = \"${{MAIL_TOKEN}}\"\n"),
    ] {
        lab.file("q.toml", &format!("{start}[codes]\n{codes}timeout = \"1s\"\n[guards]{end}"));
        let arguments = ["run", "q.toml", "-v", "-u", "2", "-n", "6", "-j", "register"];
        let ended = gander(&lab, &ground, &arguments);
        assert!(ended.code > 2, "{codes}: {}", ended.stderr);
        said.push((codes, ended.stdout + &ended.stderr));
    }
    nothing_is_found(&lab, &ground, &said);
}

#[test]
fn what_fails_before_any_load_tells_no_secret() {
    let lab = Lab::new();
    let ground = ground(&lab, &every_kind("", "4%"));
    lab.file("secret.txt", "file+Secret/of=10~planted\n");
    let mut said = Vec::new();
    for set in [
        // A worker, an application and a proxy that are turned down, each by what it brought.
        "tenant.worker.client_secret=\"${API_KEY}\"",
        "tenant.client_secret=\"${WORKER_SECRET}\"",
        "tenant.sdk_token.api_key=\"${APP_SECRET}\"",
        "http.proxy=\"http://user:${PROXY_PASSWORD}@127.0.0.1:1\"",
        "tenant.api_url=\"http://user:${PROXY_PASSWORD}@127.0.0.1:1\"",
        "tenant.worker.client_secret=\"${cmd:echo $COMMAND_SECRET; echo $COMMAND_SECRET >&2; exit 3}\"",
        "tenant.worker.client_secret=\"${cmd:printf '%s\\n\\001' $COMMAND_SECRET}\"",
        "workload.duration=\"${file:secret.txt}\"",
        "tenant.headers={ X-Key = \"${COMMAND_SECRET}\\u0001\" }",
    ] {
        let ended =
            gander(&lab, &ground, &["run", "p.toml", "-v", "-u", "2", "-n", "6", "--set", set]);
        assert_ne!(ended.code, 1, "{set}: {}", ended.stderr);
        // The place of a problem repeats the key that was set, never the value.
        said.push((format!("what was said to {set}"), ended.stdout + &ended.stderr));
    }
    assert!(said.iter().any(|(_, text)| text.contains("error:")), "{said:?}");
    nothing_is_found(&lab, &ground, &said);
    let files = Search::of([("file".to_owned(), "file+Secret/of=10~planted".to_owned())]);
    assert!(said.iter().all(|(_, text)| files.found_in(text.as_bytes()).is_empty()), "{said:?}");
}
