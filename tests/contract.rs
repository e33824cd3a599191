//! The documented requests and replies of the flow API, replayed through the walker.

use bytes::Bytes;
use gander::base::secret::Secret;
use gander::davinci::form::{Client, Dialect, Filled};
use gander::davinci::node::Node;
use gander::davinci::oidc::{Application, Endpoints};
use gander::davinci::walk::{Turn, Walk};
use http::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Every documented example below a folder, by file name without `.json`.
fn examples(folder: &str) -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/seeds").join(folder);
    let mut examples = BTreeMap::new();
    for entry in fs::read_dir(&folder).expect("a folder of fixtures") {
        let path = entry.expect("a readable entry").path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(&path).expect("a readable fixture");
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            examples.insert(name, serde_json::from_str(&text).expect("a fixture in JSON"));
        }
    }
    assert!(!examples.is_empty(), "no fixtures in {}", folder.display());
    examples
}

fn application() -> Application {
    Application {
        endpoints: Endpoints::new("https://auth.example.com", Some("env")),
        client_id: "app".into(),
        client_secret: None,
        redirect_uri: "https://app.example.com/callback".into(),
        scopes: vec!["openid".into()],
        client: Client::JavaScript,
        authorize_parameters: Vec::new(),
        headers: Vec::new(),
        start_dialect: Dialect::Screen,
    }
}

fn started() -> Walk {
    Walk::authorize(Arc::new(application()), None, &[7; 64]).expect("a start").0
}

fn reply(status: u16, body: &Value) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::from(body.to_string())).expect("a reply")
}

/// A form that asks for exactly what an example answers.
fn form_answered_by(example: &Value) -> Value {
    let data = &example["parameters"]["data"];
    let button = match example["parameters"]["eventType"].as_str() {
        Some("submit") => "SUBMIT_BUTTON",
        Some("action") => "FLOW_BUTTON",
        other => panic!("event type {other:?}"),
    };
    let inputs = data["formData"].as_object().expect("form data");
    let mut fields: Vec<_> = inputs
        .keys()
        .map(|key| {
            let secret = key.to_lowercase().contains("password");
            json!({ "type": if secret { "PASSWORD" } else { "TEXT" }, "key": key })
        })
        .collect();
    fields.push(json!({ "type": button, "key": data["actionKey"] }));
    json!({
        "id": example["id"], "eventName": example["eventName"], "interactionId": "i", "interactionToken": "t",
        "_links": { "next": { "href": "https://auth.example.com/env/davinci/connections/c/capabilities/customHTMLTemplate" } },
        "capabilityName": "customHTMLTemplate",
        "form": { "name": "F", "components": { "fields": fields } },
    })
}

#[test]
fn the_walker_writes_every_documented_request() {
    let mut compared = 0;
    for (name, mut example) in examples("requests") {
        if name == "start-with-input-schema" {
            continue; // Not an answer to a form: it starts a flow, which has a test of its own.
        }
        let mut walk = started();
        let turn = walk.receive(&reply(200, &form_answered_by(&example)));
        assert!(matches!(turn, Turn::Answer { refusal: None }), "{name}: {turn:?}");
        let data = &example["parameters"]["data"];
        let filled: Vec<_> = data["formData"]
            .as_object()
            .expect("form data")
            .iter()
            .map(|(key, value)| Filled {
                key: key.clone(),
                text: value.as_str().expect("a text").to_owned(),
            })
            .collect();
        let action = data["actionKey"].as_str().expect("an action").to_owned();
        let request = walk.answer(&action, &filled).expect("a request");
        assert_eq!(request.headers()["interactionid"], "i", "{name}");
        assert_eq!(request.headers()["interactiontoken"], "t", "{name}");
        assert_eq!(request.headers()["x-requested-with"], "ping-sdk", "{name}");
        assert_eq!(request.headers()["content-type"], "application/json", "{name}");
        let mut written: Value = serde_json::from_slice(request.body()).expect("a JSON body");
        // Genuine JavaScript clients always name the interaction; all but one example leave it out.
        for body in [&mut written, &mut example] {
            body.as_object_mut().expect("an object").remove("interactionId");
        }
        assert_eq!(written, example, "{name}");
        compared += 1;
    }
    assert!(compared >= 20, "only {compared} examples");
}

#[test]
fn the_walker_writes_the_documented_start_and_answers_the_page_that_it_brings() {
    let input = &examples("requests")["start-with-input-schema"];
    let bearer = Secret::new("token".to_owned());
    let (mut walk, request) = Walk::start(
        Arc::new(application()),
        "policy",
        &bearer,
        input.as_object().expect("an input"),
        &[7; 64],
    )
    .expect("a start");
    assert_eq!(request.uri(), "https://auth.example.com/env/davinci/policy/policy/start");
    assert_eq!(request.headers()["authorization"], "Bearer token");
    assert_eq!(request.headers().get("x-requested-with"), None);
    let written: Value = serde_json::from_slice(request.body()).expect("a JSON body");
    assert_eq!(&written, input);

    let page = &examples("replies")["start-with-input-schema.200"];
    assert!(matches!(walk.receive(&reply(200, page)), Turn::Answer { refusal: None }));
    let filled = |key: &str, text: &str| Filled { key: key.into(), text: text.into() };
    let answers = [filled("username", "elmerfudd"), filled("password", "secret")];
    let request = walk.answer("submit", &answers).expect("a request");
    assert_eq!(request.headers().get("x-requested-with"), None);
    assert_eq!(request.headers()["interactionid"], "03b9c80f-0f33-4cc7-bd69-e4b2333db89c");
    assert!(request.headers().contains_key("interactiontoken"));
    let written: Value = serde_json::from_slice(request.body()).expect("a JSON body");
    assert_eq!(
        written,
        json!({
            "id": "howu8n9hsc", "eventName": "continue",
            "nextEvent": page["screen"]["properties"]["button"]["onClick"],
            "parameters": { "buttonType": "form-submit", "buttonValue": "submit",
                "username": "elmerfudd", "password": "secret" },
        })
    );
}

#[test]
fn the_one_request_that_is_not_json_is_the_named_exception() {
    let text = include_str!("fixtures/seeds/requests/submit-registration.invalid.txt");
    assert!(serde_json::from_str::<Value>(text).is_err());
    let repaired: Value =
        serde_json::from_str(include_str!("fixtures/seeds/requests/submit-registration.json"))
            .expect("JSON");
    assert_eq!(repaired["parameters"]["data"]["actionKey"], "REGISTER");
}

#[test]
fn the_walker_takes_every_documented_reply_for_what_it_is() {
    let expected = BTreeMap::from([
        ("registration-complete.200", "form h2cy2gkjip: [] NEXT/submit"),
        (
            "registration-form.201",
            "form 1k5y98i1v1: [email, password, givenName, familyName] REGISTER/submit CANCEL/submit",
        ),
        (
            "start-with-input-schema.200",
            "form howu8n9hsc: [username, password] submit/submit forgotPassword/submit",
        ),
        ("success.200", "success with a code"),
    ]);
    let endpoints = Endpoints::new("https://auth.example.com", Some("env"));
    let replies = examples("replies");
    assert_eq!(replies.len(), expected.len());
    for (name, body) in replies {
        let status =
            name.rsplit('.').next().and_then(|status| status.parse().ok()).expect("a status");
        let seen = match Node::read(&reply(status, &body), &endpoints) {
            Node::Form(next) => {
                let fields: Vec<_> =
                    next.form.fields.iter().map(|field| field.key.as_str()).collect();
                let actions: Vec<_> = next
                    .form
                    .actions
                    .iter()
                    .map(|action| format!("{}/{}", action.key, action.event.as_str()))
                    .collect();
                // The hosted page has no link; it is made from the ids.
                let connection = body["connectionId"].as_str().expect("a connection");
                let made = format!(
                    "https://auth.example.com/env/davinci/connections/{connection}/capabilities/customHTMLTemplate"
                );
                assert_eq!(
                    next.href.to_string(),
                    body["_links"]["next"]["href"].as_str().unwrap_or(&made)
                );
                let token = next.interaction_token.as_ref().map(|token| token.expose().as_str());
                assert_eq!(token, body["interactionToken"].as_str());
                assert_eq!(
                    next.form.capability.as_ref().expect("a capability").as_str(),
                    "customHTMLTemplate"
                );
                format!(
                    "form {}: [{}] {}",
                    next.id.expect("an id"),
                    fields.join(", "),
                    actions.join(" ")
                )
            }
            Node::Success(completion) if completion.code.is_some() => {
                "success with a code".to_owned()
            }
            Node::End(ending) => format!("end {:?}", ending.kind),
            other => format!("{other:?}"),
        };
        assert_eq!(seen, expected[name.as_str()], "{name}");
    }
}
