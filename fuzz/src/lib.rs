//! What a fuzzer does to the protocol: replies out of its bytes, and everything that can be asked of
//! a walk after each.
//!
//! The protocol and the module below it are compiled from the tool's own source, and alone: the
//! fuzzer then instruments nothing that it is not about, and is built in a minute.

#[path = "../../src/base/mod.rs"]
pub mod base;
#[path = "../../src/davinci/mod.rs"]
pub mod davinci;

use bytes::Bytes;
use davinci::form::{Client, Dialect, Filled};
use davinci::oidc::{Application, Endpoints, Tokens, read_sdk_token};
use davinci::walk::{Turn, Walk, WalkError, read_challenge};
use http::{HeaderName, HeaderValue, Request, Response};
use std::sync::Arc;

/// Stands between two replies of a walk: ASCII record separator.
const SEPARATOR: u8 = 0x1e;

/// Where the tenant is.
const BASE: &str = "https://auth.example.com/env/";

/// A walk that asked for its first form.
pub fn started(client: Client) -> Walk {
    let application = Application {
        endpoints: Endpoints::new("https://auth.example.com", Some("env")),
        client_id: "app".into(),
        client_secret: None,
        redirect_uri: "https://app.example.com/callback".into(),
        scopes: vec!["openid".into()],
        client,
        authorize_parameters: Vec::new(),
        headers: Vec::new(),
        start_dialect: Dialect::Screen,
    };
    Walk::authorize(Arc::new(application), None, &[7; 64]).expect("a start").0
}

/// The replies in a fuzzer's bytes.
pub fn replies(bytes: &[u8]) -> impl Iterator<Item = Response<Bytes>> {
    bytes.split(|byte| *byte == SEPARATOR).map(reply)
}

/// A reply out of a fuzzer's bytes: `STATUS`, lines of headers, an empty line, the body. What is
/// missing is 200, nothing and all the bytes.
pub fn reply(bytes: &[u8]) -> Response<Bytes> {
    let split = bytes.windows(2).position(|pair| pair == b"\n\n");
    let Some((head, body)) = split.map(|at| (&bytes[..at], &bytes[at + 2..])) else {
        return Response::new(Bytes::copy_from_slice(bytes));
    };
    let mut reply = Response::new(Bytes::copy_from_slice(body));
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = lines.next().and_then(|line| http::StatusCode::from_bytes(line).ok());
    *reply.status_mut() = status.unwrap_or_default();
    for line in lines {
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(&line[..at]), HeaderValue::from_bytes(&line[at + 1..]))
        {
            reply.headers_mut().append(name, value);
        }
    }
    reply
}

/// Gives a reply to a walk and asks everything of it that can be asked then. Panics where a promise
/// is broken.
pub fn play(walk: &mut Walk, reply: &Response<Bytes>) {
    let before = walk.form().map(|form| (form.clone(), walk.next_href().cloned()));
    let turn = walk.receive(reply);
    match &turn {
        Turn::Answer { refusal: Some(refusal) } => {
            assert!(refusal.targets.len() <= 100);
            let after = walk.form().map(|form| (form.clone(), walk.next_href().cloned()));
            assert_eq!(before, after, "a refusal changed the form");
        }
        Turn::Stay => {
            let after = walk.form().map(|form| (form.clone(), walk.next_href().cloned()));
            assert_eq!(before, after, "a rewind changed the form");
        }
        Turn::Answer { refusal: None } => assert!(walk.form().is_some()),
        Turn::Complete(completion) => {
            let _ = walk.token(completion).map(|request| request.map(|request| sound(&request)));
        }
        Turn::End(ending) => {
            assert!(ending.retry_after.is_none_or(|pause| pause.as_secs() <= 24 * 60 * 60));
        }
    }
    assert!(!format!("{turn:?}").contains("Secret("));
    ask(walk);
    let _ = (read_challenge(reply), read_sdk_token(reply), Tokens::read(reply));
}

fn ask(walk: &Walk) {
    let Some(form) = walk.form() else {
        assert!(walk.answer("", &[]).is_err());
        return;
    };
    assert!(form.fields.len() + form.actions.len() <= 2001);
    for text in ["", "a", "+44 7700 900123 x1", "{}", "[1]", "true", "EMAIL"] {
        let fields = form.fields.iter();
        let filled: Vec<_> =
            fields.map(|field| Filled { key: field.key.clone(), text: text.to_owned() }).collect();
        for action in form.actions.iter().take(5) {
            for filled in [&filled[..], &[]] {
                match walk.answer(&action.key, filled) {
                    Ok(request) => in_place(walk, &request),
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
            }
        }
    }
    match walk.poll("continue") {
        Ok(request) => {
            assert!(walk.polling().is_some());
            in_place(walk, &request);
        }
        // An interaction that no header can hold leaves nothing to send.
        Err(error) => assert_eq!(matches!(error, WalkError::NoPolling), walk.polling().is_none()),
    }
    if let Some(Ok(request)) = walk.challenge_status() {
        sound(&request);
        assert!(request.uri().path().ends_with("/status"));
    }
}

/// A request of the flow goes where the form says, or to the tenant where it says nothing.
fn in_place(walk: &Walk, request: &Request<Bytes>) {
    sound(request);
    let form = walk.form().expect("a form that is answered");
    assert_eq!(Some(request.uri()), walk.next_href());
    if form.dialect == Dialect::Screen {
        assert!(request.uri().to_string().starts_with(BASE), "{}", request.uri());
        assert!(!request.uri().path().split('/').any(|part| part == ".."));
    }
}

fn sound(request: &Request<Bytes>) {
    assert!(request.uri().scheme().is_some() && request.uri().authority().is_some());
    let is_json = request.headers().get("content-type").is_some_and(|t| t == "application/json");
    if is_json {
        let body: serde_json::Value = serde_json::from_slice(request.body()).expect("JSON");
        assert!(body.is_object());
    }
}
