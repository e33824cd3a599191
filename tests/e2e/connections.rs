//! Connections from the profile to the report: TLS, versions of HTTP, and what cannot be.

use crate::lab::Lab;
use crate::run::summary;
use crate::stand_in::Served;
use std::process::Stdio;
use std::time::Duration;

fn samples(summary: &serde_json::Value, kind: &str) -> u64 {
    let series = summary["series"].as_array().expect("series");
    let row = series.iter().find(|row| row["kind"] == kind);
    row.map_or(0, |row| row["samples"].as_u64().expect("a count"))
}

#[test]
fn connections_over_tls_are_counted_as_a_whole_and_in_parts() {
    let lab = Lab::new();
    for (connections, expected) in [("per-iteration", 12), ("per-user", 3)] {
        let out = format!("run-{connections}");
        let connections = format!("http.connections=\"{connections}\"");
        let ended = lab.run(&[
            "run",
            "-o",
            &out,
            "-j",
            "sign-on=1",
            "-u",
            "3",
            "-n",
            "12",
            "--set",
            "stand_in.tls=true",
            "--set",
            &connections,
        ]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let summary = summary(&lab.path(&out));
        for kind in ["connect", "connect-name", "connect-tcp", "connect-tls"] {
            assert_eq!(samples(&summary, kind), expected, "{connections} {kind}");
        }
    }
    let ended = lab.run(&["run", "-o", "plain", "-j", "sign-on=1", "-u", "1", "-n", "2"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = summary(&lab.path("plain"));
    assert_eq!((samples(&summary, "connect-tcp"), samples(&summary, "connect-tls")), (1, 0));
}

#[test]
fn a_stand_in_over_tls_is_walked_and_does_not_speak_what_it_does_not_know() {
    let lab = Lab::new();
    let arguments =
        ["--listen", "127.0.0.1:0", "--tls", "--ready", "r.json", "--ca-file", "ca.pem"];
    let child = lab
        .command(&[&["stand-in"], &arguments[..]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a binary that starts");
    let _served = Served(child);
    let ready = loop {
        let text = std::fs::read_to_string(lab.path("r.json")).unwrap_or_default();
        if text.ends_with('\n') {
            break serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
        }
        std::thread::park_timeout(Duration::from_millis(20));
    };
    let text = |key: &str| ready[key].as_str().expect("a text").to_owned();
    let profile = format!(
        "[tenant]\nauth_url = \"{0}\"\napi_url = \"{0}\"\nenvironment_id = \"{1}\"\nclient_id = \"{2}\"\n\
         redirect_uri = \"{3}\"\n[tenant.worker]\nclient_id = \"{4}\"\nclient_secret = \"${{WORKER_SECRET}}\"\n\
         rate = \"5000/s\"\n[accounts]\nsource = \"provision\"\n[http]\nca_file = \"ca.pem\"\n[journeys]\nsign-on = 1\n",
        text("auth_url"),
        text("environment_id"),
        text("client_id"),
        text("redirect_uri"),
        ready["worker"]["client_id"].as_str().expect("an id"),
    );
    let profile = lab.file("profile.toml", &profile);
    let secret = ready["worker"]["client_secret"].as_str().expect("a secret");
    let walk = |more: &[&str]| {
        let mut command = lab.command(&[&["check", "--walk", &profile], more].concat());
        command.env("WORKER_SECRET", secret);
        crate::lab::Ended::of(command.output().expect("a binary that starts"))
    };
    let ended = walk(&[]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("(HTTP/1.1)"), "{}", ended.stdout);
    let ended = walk(&["--set", "http.version=\"2\""]);
    assert_eq!(ended.code, 3, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("http-version"), "{}", ended.stderr);
    // A certificate that nobody can read is found before anything is sent.
    let ended =
        walk(&["--set", "http.client_cert=\"no.pem\"", "--set", "http.client_key=\"no.pem\""]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("no.pem"), "{}", ended.stderr);
}
