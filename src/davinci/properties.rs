//! What holds for whatever a tenant sends: sequences of invented replies, everything asked of the
//! walk after each.

use super::form::{Client, Dialect, Filled};
use super::oidc::tests::application;
use super::walk::{Turn, Walk, read_challenge};
use bytes::Bytes;
use http::{Response, Uri};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Members that mean something somewhere; where they stand and what is in them is left to chance.
const MEMBERS: &[&str] = &[
    "id",
    "eventName",
    "interactionId",
    "interactionToken",
    "flowId",
    "connectionId",
    "connectorId",
    "capabilityName",
    "_links",
    "next",
    "self",
    "href",
    "formData",
    "value",
    "form",
    "components",
    "fields",
    "type",
    "key",
    "required",
    "validation",
    "options",
    "default",
    "screen",
    "properties",
    "customHTML",
    "formFieldsList",
    "propertyName",
    "button",
    "onClick",
    "challenge",
    "session",
    "authorizeResponse",
    "code",
    "state",
    "access_token",
    "dvResponse",
    "status",
    "error",
    "details",
    "rawResponse",
    "target",
    "pollInterval",
    "pollRetries",
    "pollChallengeStatus",
    "showExtension",
];

/// Texts that mean something somewhere.
const TEXTS: &[&str] = &[
    "",
    "continue",
    "rewindStateToLastRenderedUI",
    "errorConnector",
    "requestTimedOut",
    "1999",
    "FAILED",
    "true",
    "..",
    "a/b",
    "https://auth.example.com/next",
    "//x",
    "http://",
    "TEXT",
    "SUBMIT_BUTTON",
    "POLLING",
    "PHONE_NUMBER",
    "DEVICE_AUTHENTICATION",
    "METADATA",
    "FIDO2",
    "createSuccessResponse",
    "\u{0}",
    "\u{fffd}",
    "<a data-skbuttonvalue=x>",
    "<input type=password name=k>",
];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(TEXTS).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 40, 6, |inner| {
        let member = (proptest::sample::select(MEMBERS), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            proptest::collection::vec(member, 0..6).prop_map(|members| {
                let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::Object(members.collect())
            }),
        ]
    })
}

/// Types of the fields of a page.
const KINDS: &[&str] =
    &["TEXT", "PASSWORD", "CHECKBOX", "PHONE_NUMBER", "POLLING", "SUBMIT_BUTTON", "FLOW_BUTTON"];

/// A form or a screen as a tenant would write it, with some members put right or wrong by chance.
fn page() -> impl Strategy<Value = Value> {
    let field = (proptest::sample::select(KINDS), "[a-c]", scalar()).prop_map(
        |(kind, key, odd)| json!({ "type": kind, "key": key, "required": odd, "challenge": odd }),
    );
    let fields = proptest::collection::vec(field, 0..5);
    (fields, "[a-z]{1,8}", proptest::option::of("[a-f0-9]{0,8}"), any::<bool>(), anything()).prop_map(
        |(fields, place, token, is_screen, odd)| {
            let mut page = json!({ "id": place, "connectionId": place, "capabilityName": "x", "flowId": odd,
                "interactionId": "i" });
            if let Some(token) = token {
                page["interactionToken"] = token.into();
            }
            if is_screen {
                page["screen"] = json!({ "properties": {
                    "customHTML": { "value": format!("<a data-skbuttonvalue={place}>") },
                    "formFieldsList": { "value": [{ "propertyName": place }, odd] }, "challenge": odd } });
            } else {
                page["_links"] = json!({ "next": { "href": format!("https://auth.example.com/{place}") } });
                page["form"] = json!({ "components": { "fields": fields } });
                page["formData"] = odd;
            }
            page
        },
    )
}

fn reply() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let body = prop_oneof![
        4 => page().prop_map(|page| page.to_string().into_bytes()),
        3 => proptest::collection::vec((proptest::sample::select(MEMBERS), anything()), 0..8).prop_map(
            |members| {
                let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::Object(members.collect::<Map<_, _>>()).to_string().into_bytes()
            }
        ),
        1 => proptest::collection::vec(any::<u8>(), 0..60),
    ];
    let status = prop_oneof![3 => Just(200u16), 1 => Just(400), 1 => 200u16..600];
    (status, body)
}

/// A scalar as the text that is sent of it.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
    .filter(|text| !text.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn links_stay_what_the_reply_gave_and_the_last_token_goes_along(
        replies in proptest::collection::vec(reply(), 1..7),
    ) {
        let mut application = application();
        application.client = Client::JavaScript;
        let mut walk = Walk::authorize(Arc::new(application), None, &[7; 64]).unwrap().0;
        let (mut link, mut token): (Option<Uri>, Option<String>) = (None, None);
        for (status, body) in replies {
            let reply = Response::builder().status(status).body(Bytes::from(body.clone())).unwrap();
            let turn = walk.receive(&reply);
            let _ = read_challenge(&reply);
            if matches!(turn, Turn::Answer { refusal: None }) {
                let body: Value = serde_json::from_slice(&body).unwrap();
                token = text(body.get("interactionToken")).or(token);
                let form = walk.form().unwrap();
                if form.dialect == Dialect::Sdk {
                    let given = body["_links"]["next"]["href"].as_str().unwrap();
                    link = Some(given.parse().unwrap());
                } else {
                    let made = walk.next_href().unwrap();
                    let place = "https://auth.example.com/env/davinci/connections/";
                    prop_assert!(made.to_string().starts_with(place), "{}", made);
                    prop_assert!(!made.path().split('/').any(|part| part == ".."));
                    link = Some(made.clone());
                }
            }
            prop_assert_eq!(walk.next_href(), link.as_ref());
            let Some(form) = walk.form() else { continue };
            let filled: Vec<_> = form.fields.iter()
                .map(|field| Filled { key: field.key.clone(), text: "a".to_owned() }).collect();
            let answers = form.actions.iter().map(|action| walk.answer(&action.key, &filled));
            for request in answers.chain([walk.poll("continue")]).flatten() {
                prop_assert_eq!(Some(request.uri()), link.as_ref());
                let sent = request.headers().get("interactiontoken").map(|v| v.as_bytes().to_vec());
                prop_assert_eq!(sent, token.clone().map(String::into_bytes));
                prop_assert!(serde_json::from_slice::<Map<String, Value>>(request.body()).is_ok());
            }
            let _ = walk.challenge_status();
        }
    }
}
