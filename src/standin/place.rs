//! Where a call goes, told from its route alone: the key that selects delays and faults, and the
//! rate-limit group, both before any handler ran.

use super::call::Call;
use super::management;
use super::rate_limit::Group;
use super::reply::Key;
use axum::http::Method;
use serde::Deserialize;

/// Below which prefix a route stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Area {
    /// `/{environment}`: authorization server and flow runtime. A custom domain has no such prefix.
    Auth,
    /// `/v1/environments/{environment}`: management.
    Management,
    /// `/v1/company/{company}`: orchestration.
    Company,
    /// `/stand-in`: what only a stand-in tells.
    StandIn,
}

/// A route, without its methods.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) area: Area,
    /// Path below the area's prefix, parameters in braces.
    pub(super) path: &'static str,
}

/// Places whose key is not the last word of their path.
const NAMES: &[(&str, &str)] = &[
    ("/as/.well-known/openid-configuration", "discovery"),
    ("/davinci/.well-known/jwks.json", "jwks"),
    ("/as/signoff", "sign-off"),
    ("/davinci/user/credentials/challenge/{challenge}/status", "challenge-status"),
    ("/sdktoken", "sdk-token"),
    ("/policy/{policy}/start", "start-with-key"),
    ("/coverage", "stand-in"),
];

/// The group of a place that is not decided by more than its path.
const GROUPS: &[(&str, Group)] = &[
    ("/as/authorize", Group::DavinciStart),
    ("/start", Group::DavinciStart),
    ("/{capability}", Group::DavinciExecution),
    ("/status", Group::DavinciCallback),
    ("/as/introspect", Group::TokenCheck),
    ("/as/userinfo", Group::TokenCheck),
];

impl Place {
    /// The key that the handler of this place gives its replies.
    pub(super) fn key(self, call: &Call) -> Key {
        if self.is_answer() {
            let (event, action) = pressed(&call.body);
            return Key::answer(call.segment("capability"), &event, &action);
        }
        if self.area == Area::Management {
            // A password is set by PUT and by POST: one thing in the record.
            let method = match (self.resource(), &call.method) {
                ("password", &Method::POST) => "PUT",
                (_, method) => method.as_str(),
            };
            return management::key(self.resource(), method);
        }
        let name = NAMES.iter().find(|(path, _)| *path == self.path).map(|(_, name)| *name);
        Key::outside(name.unwrap_or_else(|| self.last_word()))
    }

    /// The group whose limit it counts against.
    pub(super) fn group(self, call: &Call) -> Group {
        if self.area == Area::Management {
            return match (self.resource(), &call.method) {
                ("user" | "users" | "password", &Method::GET) => Group::DirectoryRead,
                ("user" | "users" | "password", _) => Group::DirectoryWrite,
                _ => Group::Configuration,
            };
        }
        if self.is_answer() && pressed(&call.body).0 == "polling" {
            return Group::DavinciCallback;
        }
        let found = GROUPS.iter().find(|(end, _)| self.path.ends_with(end));
        found.map_or(Group::Sso, |(_, group)| *group)
    }

    /// Whether calls here start a flow or answer one of its forms.
    pub(super) fn is_in_flow(self) -> bool {
        self.is_answer() || self.path.ends_with("/start") || self.path == "/as/authorize"
    }

    /// Whether calls here answer a form.
    pub(super) fn is_answer(self) -> bool {
        self.path.ends_with("/{capability}")
    }

    /// The last segment that is no parameter.
    fn last_word(self) -> &'static str {
        let mut words = self.path.rsplit('/').filter(|word| !word.starts_with('{'));
        words.next().unwrap_or_default()
    }

    /// What a management call is about.
    fn resource(self) -> &'static str {
        match self.path {
            "" => "environment",
            path if path.ends_with("/{user}") => "user",
            _ => self.last_word(),
        }
    }
}

/// Event and action of an answer to a form; empty where the body has none.
fn pressed(body: &[u8]) -> (String, String) {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Answer {
        parameters: Parameters,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Parameters {
        event_type: String,
        data: Data,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Data {
        action_key: String,
    }
    let answer: Answer = serde_json::from_slice(body).unwrap_or_default();
    let pressed = (answer.parameters.event_type, answer.parameters.data.action_key);
    if pressed.1.is_empty() {
        // A screen says it elsewhere, and clients of the other dialect seldom say nothing.
        let screen = super::answer::Answer::read(body).unwrap_or_default();
        return (screen.event, screen.action);
    }
    pressed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(body: &str) -> Call {
        Call {
            method: Method::POST,
            path: vec![("capability".to_owned(), "customHTMLTemplate".to_owned())],
            query: String::new(),
            headers: Default::default(),
            body: body.to_owned().into(),
        }
    }

    fn auth(path: &'static str) -> Place {
        Place { area: Area::Auth, path }
    }

    #[test]
    fn an_answer_is_known_by_its_capability_event_and_action() {
        let place = auth("/davinci/connections/{connection}/capabilities/{capability}");
        let body = r#"{"id":"x","parameters":{"eventType":"submit","data":{"actionKey":"NEXT","formData":{"a":1}}}}"#;
        let expected = Key::answer("customHTMLTemplate", "submit", "NEXT");
        assert_eq!(place.key(&call(body)), expected);
        assert_eq!(place.group(&call(body)), Group::DavinciExecution);
        assert_eq!(place.group(&call(&body.replace("submit", "polling"))), Group::DavinciCallback);
        for body in ["", "[]", "{}", r#"{"parameters":7}"#, r#"{"parameters":{"data":null}}"#] {
            assert_eq!(place.key(&call(body)), Key::answer("customHTMLTemplate", "", ""), "{body}");
        }
    }

    #[test]
    fn flows_are_started_in_two_ways() {
        for (path, in_flow, group) in [
            ("/as/authorize", true, Group::DavinciStart),
            ("/davinci/policy/{policy}/start", true, Group::DavinciStart),
            ("/as/token", false, Group::Sso),
            ("/as/userinfo", false, Group::TokenCheck),
        ] {
            assert_eq!(auth(path).is_in_flow(), in_flow, "{path}");
            assert_eq!(auth(path).group(&call("")), group, "{path}");
        }
    }
}
