//! The bodies of the vendor's published JavaScript client, recorded by `tests/conformance`, against
//! those of the walker in the same forms with the same answers.

use bytes::Bytes;
use gander::davinci::form::{Client, Dialect, Filled};
use gander::davinci::oidc::{Application, Endpoints};
use gander::davinci::walk::{Turn, Walk};
use http::Response;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A form where the walker, on purpose, follows the client's newer source and not the published
/// package, which does not know meta data yet.
const NEWER: &str = "metadata";

fn fixtures() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/genuine");
    let mut fixtures: Vec<_> = fs::read_dir(folder)
        .expect("a folder of fixtures")
        .map(|entry| {
            let path = entry.expect("a readable entry").path();
            let text = fs::read_to_string(&path).expect("a readable fixture");
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, serde_json::from_str(&text).expect("a fixture in JSON"))
        })
        .collect();
    fixtures.sort_by(|one, other| one.0.cmp(&other.0));
    fixtures
}

fn at(page: &Value) -> Walk {
    let application = Application {
        endpoints: Endpoints::new("https://auth.example.com", Some("env")),
        client_id: "app".into(),
        client_secret: None,
        redirect_uri: "https://app.example.com/callback".into(),
        scopes: vec!["openid".into()],
        client: Client::JavaScript,
        start_dialect: Dialect::Sdk,
        authorize_parameters: Vec::new(),
        headers: Vec::new(),
    };
    let (mut walk, _) = Walk::authorize(Arc::new(application), None, &[7; 64]).expect("a start");
    let reply = Response::builder().status(200).body(Bytes::from(page.to_string()));
    let turn = walk.receive(&reply.expect("a reply"));
    assert!(matches!(turn, Turn::Answer { refusal: None }), "{turn:?}");
    walk
}

/// An answer as a rule would give it.
fn filled((key, value): (&String, &Value)) -> Filled {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Filled { key: key.clone(), text }
}

/// What the walker sends where the client sent `sent`; none where it would not send anything.
fn written(walk: &Walk, sent: &Value) -> Option<Value> {
    let answers: Vec<Filled> = sent["set"].as_object()?.iter().map(filled).collect();
    let request = match sent["press"].as_str() {
        Some(action) => walk.answer(action, &answers).expect("a request"),
        None => walk.poll(&answers.first()?.text).expect("a request"),
    };
    Some(serde_json::from_slice(request.body()).expect("a JSON body"))
}

#[test]
fn the_walker_writes_what_the_published_client_writes() {
    let mut compared = 0;
    for (name, fixture) in fixtures().into_iter().filter(|(name, _)| name != NEWER) {
        let walk = at(&fixture["reply"]);
        for sent in fixture["sent"].as_array().expect("bodies") {
            let Some(mut written) = written(&walk, sent) else { continue };
            let genuine = &sent["body"];
            // The newer source sends the values with an action too; the published package sends none.
            if genuine["parameters"]["eventType"] == "action" {
                let data = written["parameters"]["data"].as_object_mut().expect("an object");
                data.remove("formData");
            }
            assert_eq!(
                written, *genuine,
                "{name}: {} pressed after {}",
                sent["press"], sent["set"]
            );
            compared += 1;
        }
    }
    assert!(compared >= 18, "only {compared} bodies");
}
