//! gander is safe to point at things: nothing but this machine is called unless it is meant, and
//! links of a tenant are not followed elsewhere.

use crate::lab::Lab;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

pub(crate) fn profile(auth_url: &str, more: &str) -> String {
    format!(
        "[tenant]\nauth_url = \"{auth_url}\"\nenvironment_id = \"env\"\nclient_id = \"app\"\n\
         redirect_uri = \"https://app.example.com/callback\"\n{more}\n[journeys]\nregister = 1\n"
    )
}

#[test]
fn a_public_host_is_refused_unless_the_case_and_environment_are_typed() {
    let lab = Lab::new();
    let bare = lab.file("bare.toml", &profile("https://auth.example.com", ""));
    let announced = lab
        .file("announced.toml", &profile("https://auth.example.com", "acknowledge = \"CASE-7\""));
    for arguments in [
        vec!["check", &bare, "--walk"],
        vec!["check", &bare, "--walk", "--acknowledge", "CASE-7", "--environment", "env"],
        vec!["check", &announced, "--walk"],
        vec!["check", &announced, "--walk", "--acknowledge", "CASE-8", "--environment", "env"],
        vec!["check", &announced, "--walk", "--acknowledge", "CASE-7", "--environment", "other"],
    ] {
        let ended = lab.run(&arguments);
        assert_eq!(ended.code, 2, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("is not this machine"), "{}", ended.stderr);
        assert!(!lab.path("reports").exists(), "something was begun");
    }
    let other = ["check", &announced, "--walk", "--acknowledge", "CASE", "--environment", "env"];
    let said = lab.run(&other).stderr;
    assert!(said.contains("another support case was typed, `CASE`"), "{said}");
    // Without a walk nothing is called, so nothing has to be typed.
    let typed = ["--acknowledge", "CASE-7", "--environment", "env"];
    for profile in [&bare, &announced] {
        for typed in [&typed[..], &[]] {
            let ended = lab.run(&[&["check", profile.as_str()], typed].concat());
            assert_eq!(ended.code, 0, "{}", ended.stderr);
        }
    }
}

/// Answers every request on a new loopback port with one body, and counts connections.
pub(crate) fn serve(body: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let own = address.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 8192];
            let _ = stream.read(&mut head);
            let body = body(&own);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

#[test]
fn a_link_to_another_host_is_never_called() {
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a free port");
    stranger.set_nonblocking(true).expect("a listener that does not wait");
    let elsewhere = stranger.local_addr().expect("an address").to_string();
    let tenant = serve(move |_| {
        serde_json::json!({
            "id": "n", "interactionId": "i", "interactionToken": "t",
            "_links": { "next": { "href": format!("http://{elsewhere}/next") } },
            "form": { "name": "F", "components": { "fields": [
                { "type": "SUBMIT_BUTTON", "key": "SIGNON" }, { "type": "FLOW_BUTTON", "key": "REGISTER" } ] } }
        })
        .to_string()
    });
    let lab = Lab::new();
    let profile = lab.file("p.toml", &profile(&format!("http://{tenant}"), ""));
    let ended = lab.run(&["check", &profile, "--walk"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("foreign-link"), "{}", ended.stderr);
    let called = stranger.accept();
    assert_eq!(
        called.map(|_| ()).map_err(|error| error.kind()),
        Err(std::io::ErrorKind::WouldBlock)
    );
}
