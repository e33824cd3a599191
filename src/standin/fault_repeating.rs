//! What a careless author's nodes send: something that came in, one value in one reply, wherever there is room
//! for a name.

use super::call::{Call, Pairs};
use super::reply::Reply;
use axum::http::{StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// Headers in which a client says nothing of its own.
const OF_ANYBODY: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "connection",
    "content-length",
    "content-type",
    "host",
    "origin",
    "user-agent",
    "x-gander-call",
    "x-requested-platform",
    "x-requested-with",
];

/// Shorter values say nothing.
const SHORTEST: usize = 4;

/// 400 with one of the values that were sent as capability, code, id, target and message.
pub(super) fn refusal(call: &Call, interaction: &str) -> Reply {
    let sent = one_of(call);
    let problem = json!({ "code": sent, "target": sent, "message": sent });
    let body = json!({
        "interactionId": interaction,
        "connectorId": "errorConnector",
        "id": sent,
        "capabilityName": sent,
        "code": sent,
        "message": sent,
        "httpResponseCode": 400,
        "details": [{ "rawResponse": { "code": "INVALID_DATA", "details": [problem] } }],
    });
    Reply::json(StatusCode::BAD_REQUEST, &body)
}

/// Names flow, node, capability and form by one of the values that were sent, and adds a button of that name,
/// and a field where there are any; all that is needed to go on stays. Whether the text is a form.
pub(super) fn name_after(text: &mut String, call: &Call) -> bool {
    let Ok(mut body) = serde_json::from_str::<Value>(text) else { return false };
    if body.pointer("/_links/next/href").is_none() {
        return false;
    }
    let sent = Value::from(one_of(call));
    let Some(fields) = body.pointer_mut("/form/components/fields").and_then(Value::as_array_mut)
    else {
        return false;
    };
    let is_button =
        |field: &Value| field["type"].as_str().is_some_and(|kind| kind.contains("BUTTON"));
    if fields.iter().any(|field| field["key"].is_string() && !is_button(field)) {
        fields.push(json!({ "type": "TEXT", "key": sent, "label": sent, "required": false }));
    }
    fields.push(json!({ "type": "FLOW_BUTTON", "key": sent, "label": sent }));
    for place in ["/flowId", "/id", "/capabilityName", "/form/name", "/form/description"] {
        if let Some(name) = body.pointer_mut(place) {
            name.clone_from(&sent);
        }
    }
    *text = body.to_string();
    true
}

/// One of the values that a call sent; which, depends on everything in it.
fn one_of(call: &Call) -> String {
    let sent = sent(call);
    let mut hasher = DefaultHasher::new();
    sent.hash(&mut hasher);
    let count = u64::try_from(sent.len()).unwrap_or(u64::MAX).max(1);
    let place = usize::try_from(hasher.finish() % count).unwrap_or(0);
    sent.get(place).cloned().unwrap_or_else(|| "nothing".to_owned())
}

/// Every value that a call sent of its own: headers, cookies, credentials, parameters, members of the body.
fn sent(call: &Call) -> Vec<String> {
    let mut sent = Vec::new();
    for (name, value) in &call.headers {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if *name == header::COOKIE {
            let pairs = text.split("; ").filter_map(|pair| pair.split_once('='));
            sent.extend(pairs.map(|(_, value)| value.to_owned()));
        } else if !OF_ANYBODY.contains(&name.as_str()) {
            sent.extend(credentials(&text));
        }
    }
    sent.extend(values(&Pairs::read(call.query.as_bytes())));
    match serde_json::from_slice(&call.body) {
        Ok(body) => leaves(&body, &mut sent),
        Err(_) => sent.extend(values(&call.form())),
    }
    sent.retain(|value| value.len() >= SHORTEST);
    sent.dedup();
    sent
}

/// A header's value; where it names a scheme, what follows it, as it stands and out of its Base64.
fn credentials(text: &str) -> Vec<String> {
    let Some((_, credential)) = text.split_once(' ') else { return vec![text.to_owned()] };
    let pair = STANDARD.decode(credential).ok().and_then(|pair| String::from_utf8(pair).ok());
    let secret = pair.and_then(|pair| Some(pair.split_once(':')?.1.to_owned()));
    secret.into_iter().chain([credential.to_owned()]).collect()
}

/// The values of parameters, and what an address among them says behind its path.
fn values(pairs: &Pairs) -> Vec<String> {
    let behind = |value: &str| value.split_once('?').map(|(_, behind)| behind.to_owned());
    let all = pairs.0.iter().map(|(_, value)| value);
    all.flat_map(|value| [Some(value.clone()), behind(value)]).flatten().collect()
}

fn leaves(value: &Value, sent: &mut Vec<String>) {
    match value {
        Value::String(text) => sent.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| leaves(value, sent)),
        Value::Object(members) => members.values().for_each(|value| leaves(value, sent)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
    use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
    use std::collections::BTreeSet;

    fn call(number: u32, body: &'static str) -> Call {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("cookie", "ST=session; other=1"),
            ("authorization", "Basic dXNlcjpwYXNzd29yZA=="),
            ("x-key", "header-key"),
            ("user-agent", "Mozilla"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let query = format!("state=number-{number}&to=https%3A%2F%2Fa%2Fb%3Fk%3Dkey1");
        Call {
            method: Method::POST,
            path: Vec::new(),
            query,
            headers,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn every_value_that_was_sent_comes_back_by_itself_in_some_reply() {
        let mut came = BTreeSet::new();
        for number in 1000..1400 {
            let body =
                if number % 2 == 0 { r#"{"a":{"b":["in json"]},"n":1}"# } else { "code=in+form" };
            let reply = refusal(&call(number, body), "i").body.unwrap();
            let body: Value = serde_json::from_str(&reply).unwrap();
            let name = body["capabilityName"].as_str().unwrap().to_owned();
            assert_eq!(body["code"], name);
            assert_eq!(body["details"][0]["rawResponse"]["details"][0]["target"], name);
            came.insert(if name.starts_with("number-") { "number".to_owned() } else { name });
        }
        let expected = [
            "dXNlcjpwYXNzd29yZA==",
            "header-key",
            "https://a/b?k=key1",
            "in form",
            "in json",
            "k=key1",
            "number",
            "password",
            "session",
        ];
        assert_eq!(came.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_form_is_named_after_what_was_sent_and_can_still_be_answered() {
        let form = json!({
            "_links": { "next": { "href": "http://h/x" } }, "flowId": "f", "id": "n", "capabilityName": "c",
            "interactionId": "i", "form": { "name": "Sign On", "components": { "fields": [{ "key": "username" }] } },
        });
        let mut text = form.to_string();
        assert!(name_after(&mut text, &call(1, "")));
        let body: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(body["_links"], form["_links"]);
        assert_eq!(body["interactionId"], "i");
        assert_eq!(body["form"]["components"]["fields"][0]["key"], "username");
        let name = &body["flowId"];
        assert_ne!(name, "f");
        for place in ["/id", "/capabilityName", "/form/name", "/form/components/fields/2/key"] {
            assert_eq!(body.pointer(place), Some(name), "{place}");
        }
        for other in [r#"{"success":true}"#, "<html>"] {
            let mut text = other.to_owned();
            assert!(!name_after(&mut text, &call(1, "")));
            assert_eq!(text, other);
        }
    }
}
