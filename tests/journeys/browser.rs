//! A browser on a page of a tenant, with its network panel open: everything that it does is in the
//! recording that it saves.

use crate::support::{Lab, VERIFIER};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How the recording keeps the bodies of replies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Bodies {
    Plain,
    Base64,
    Absent,
}

pub(crate) struct Browser<'l> {
    lab: &'l Lab,
    cookies: BTreeMap<String, String>,
    last: Value,
    entries: Vec<Value>,
    pub(crate) bodies: Bodies,
    /// Bearer token of a start by policy; pages then come as the hosted page gets them.
    bearer: Option<String>,
    /// Everything that went over the wire and may be in no journey.
    pub(crate) secrets: Vec<String>,
}

/// Members of bodies that hold secrets.
const SECRETS: &[&str] = &[
    "interactionToken",
    "interactionId",
    "sessionToken",
    "access_token",
    "id_token",
    "code",
    "password",
    "newPassword",
    "verifyNewPassword",
    "currentPassword",
    "passcode",
    "recoveryCode",
    "verificationCode",
];

impl<'l> Browser<'l> {
    pub(crate) fn open(lab: &'l Lab) -> Self {
        Self {
            lab,
            cookies: BTreeMap::new(),
            last: Value::Null,
            entries: Vec::new(),
            bodies: Bodies::Plain,
            bearer: None,
            secrets: Vec::new(),
        }
    }

    /// Starts a flow as a page with the vendor's client does.
    pub(crate) async fn start(&mut self) -> Value {
        let parameters = self.lab.authorize_parameters();
        let url = url::Url::parse_with_params(&self.lab.url("/as/authorize"), &parameters)
            .expect("an address");
        self.entries.push(entry(
            ("OPTIONS", url.as_str()),
            (&[], None),
            (204, &[]),
            json!({ "size": 0 }),
        ));
        self.send(Method::GET, url.as_str(), None).await
    }

    /// Starts a flow by its policy, as the vendor's widget does.
    pub(crate) async fn start_by_policy(&mut self, policy: &str, input: &Value) -> Value {
        let token = self.lab.sdk_token(None).await;
        self.secrets.push(token.clone());
        self.bearer = Some(token);
        let url = self.lab.url(&format!("/davinci/policy/{}/start", self.lab.policy(policy)));
        self.send(Method::POST, &url, Some(input.to_string())).await
    }

    /// Presses a button of a page that came as the hosted page gets it.
    pub(crate) async fn click(&mut self, button: &str, values: Value) -> Value {
        let mut parameters = values;
        parameters["buttonType"] = json!("form-submit");
        parameters["buttonValue"] = json!(button);
        let body = json!({ "id": self.last["id"], "eventName": "continue",
            "nextEvent": self.last["screen"]["properties"]["button"]["onClick"], "parameters": parameters });
        let text = |name: &str| self.last[name].as_str().expect("an id").to_owned();
        let path = format!(
            "/davinci/connections/{}/capabilities/{}",
            text("connectionId"),
            text("capabilityName")
        );
        let url = self.lab.url(&path);
        self.send(Method::POST, &url, Some(body.to_string())).await
    }

    /// Presses a button, with every field that the page has.
    pub(crate) async fn answer(&mut self, event: &str, action: &str, values: Value) -> Value {
        let body = json!({
            "id": self.last["id"],
            "eventName": "continue",
            "interactionId": self.last["interactionId"],
            "parameters": { "eventType": event, "data": { "actionKey": action, "formData": values } },
        });
        let href = self.last["_links"]["next"]["href"].as_str().expect("a link").to_owned();
        self.send(Method::POST, &href, Some(body.to_string())).await
    }

    pub(crate) async fn submit(&mut self, action: &str, values: Value) -> Value {
        self.answer("submit", action, values).await
    }

    pub(crate) async fn press(&mut self, action: &str, values: Value) -> Value {
        self.answer("action", action, values).await
    }

    /// Exchanges the code of a success and asks who signed on.
    pub(crate) async fn tokens(&mut self, success: &Value) -> Value {
        let code = success["authorizeResponse"]["code"].as_str().expect("a code");
        self.secrets.extend([code.to_owned(), VERIFIER.to_owned()]);
        let form = self.lab.token_form(code);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let url = self.lab.url("/as/token");
        let tokens = self.send(Method::POST, &url, Some(body)).await;
        assert!(tokens["access_token"].is_string(), "{tokens}");
        tokens
    }

    pub(crate) async fn userinfo(&mut self, tokens: &Value) {
        let token = tokens["access_token"].as_str().expect("a token").to_owned();
        let url = self.lab.url("/as/userinfo");
        self.cookies.insert("bearer".to_owned(), token);
        self.send(Method::GET, &url, None).await;
        self.cookies.remove("bearer");
    }

    /// The recording as it is saved, with things in it that belong to no flow.
    pub(crate) fn recording(&self) -> String {
        let image =
            entry(("GET", "https://cdn.example/logo.png"), (&[], None), (200, &[]), json!({}));
        let blocked =
            entry(("GET", "https://ads.example/as/userinfo"), (&[], None), (0, &[]), json!({}));
        let entries: Vec<_> = [&image, &blocked].into_iter().chain(&self.entries).collect();
        json!({ "log": { "version": "1.2", "creator": { "name": "a browser", "version": "1" },
            "pages": [], "entries": entries } })
        .to_string()
    }

    async fn send(&mut self, method: Method, url: &str, body: Option<String>) -> Value {
        let mut headers = Vec::new();
        match &self.bearer {
            Some(token) => headers.push(("Authorization".to_owned(), format!("Bearer {token}"))),
            None => headers.push(("x-requested-with".to_owned(), "ping-sdk".to_owned())),
        }
        if let Some(token) = self.cookies.get("bearer") {
            headers.push(("Authorization".to_owned(), format!("Bearer {token}")));
        } else if url.contains("/davinci/") {
            for name in ["interactionId", "interactionToken"] {
                let Some(value) = self.last[name].as_str().map(str::to_owned) else { continue };
                self.secrets.push(value.clone());
                headers.push((name.to_owned(), value));
            }
        }
        let kind = if url.ends_with("/as/token") {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        };
        headers.push(("content-type".to_owned(), kind.to_owned()));
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .filter(|(name, _)| *name != "bearer")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        headers.push(("Cookie".to_owned(), pairs.join("; ")));
        let mut request = self.lab.request(method.clone(), url);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        if let Some(body) = &body {
            request = request.body(body.clone());
            self.note_secrets(&serde_json::from_str(body).unwrap_or_default());
        }
        let reply = crate::support::send(request).await;
        let mut replied = Vec::new();
        for (name, value) in &reply.headers {
            let value = value.to_str().expect("text").to_owned();
            if name == "set-cookie" {
                let pair = value.split(';').next().unwrap_or_default();
                let (name, value) = pair.split_once('=').expect("a pair");
                self.cookies.insert(name.to_owned(), value.to_owned());
                self.secrets.push(value.to_owned());
            }
            replied.push((name.to_string(), value));
        }
        self.note_secrets(&reply.body);
        let content = match self.bodies {
            Bodies::Plain => json!({ "mimeType": "application/json", "text": reply.text }),
            Bodies::Base64 => {
                use base64::Engine;
                let text = base64::engine::general_purpose::STANDARD.encode(&reply.text);
                json!({ "mimeType": "application/json", "encoding": "base64", "text": text })
            }
            Bodies::Absent => json!({ "mimeType": "application/json", "size": reply.text.len() }),
        };
        self.entries.push(entry(
            (method.as_str(), url),
            (&headers, body.as_deref()),
            (reply.status, &replied),
            content,
        ));
        if reply.body["_links"]["next"].is_object() || reply.body["screen"].is_object() {
            self.last = reply.body.clone();
        }
        reply.body
    }

    fn note_secrets(&mut self, body: &Value) {
        match body {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(text) if SECRETS.contains(&name.as_str()) => {
                            self.secrets.push(text.clone());
                        }
                        value => self.note_secrets(value),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.note_secrets(item)),
            _ => {}
        }
    }
}

type Headers<'a> = &'a [(String, String)];

fn entry(
    (method, url): (&str, &str),
    (sent, body): (Headers<'_>, Option<&str>),
    (status, replied): (u16, Headers<'_>),
    content: Value,
) -> Value {
    let headers = |pairs: &[(String, String)]| -> Vec<Value> {
        pairs.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
    };
    let mut request = json!({ "method": method, "url": url, "httpVersion": "http/2.0",
        "cookies": [], "headers": headers(sent), "queryString": [], "headersSize": -1, "bodySize": -1 });
    if let Some(body) = body {
        request["postData"] = json!({ "mimeType": "application/json", "text": body });
    }
    json!({ "startedDateTime": "2026-01-01T00:00:00.000Z", "time": 1.5, "request": request,
        "response": { "status": status, "statusText": "", "httpVersion": "http/2.0", "cookies": [],
            "headers": headers(replied), "content": content, "redirectURL": "", "headersSize": -1, "bodySize": -1 },
        "cache": {}, "timings": { "send": 0, "wait": 1, "receive": 0 } })
}
