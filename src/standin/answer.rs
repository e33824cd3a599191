//! What a request says about a form, read leniently from either shape of body.

use serde_json::{Map, Value, json};

/// An answer to a form, or the input of a start.
#[derive(Debug, Default)]
pub struct Answer {
    /// Id of the node that is answered.
    pub id: String,
    /// `submit`, `action` or `polling`; empty when the client left it out.
    pub event: String,
    /// The button pressed; empty when none.
    pub action: String,
    /// What was typed, by key.
    pub typed: Map<String, Value>,
    /// Whether the body had the shape of the screen dialect.
    pub of_screen: bool,
}

impl Answer {
    /// Reads a body; clients leave out what they do not need, and either shape is taken whatever
    /// dialect the reply is to be in (the documentation shows both). None if it is no JSON object.
    pub fn read(body: &[u8]) -> Option<Self> {
        let Value::Object(mut body) = serde_json::from_slice(body).ok()? else { return None };
        let mut parameters = object(body.remove("parameters"));
        let id = text(body.remove("id"));
        let event = text(parameters.remove("eventType"));
        if let Some(data) = parameters.remove("data") {
            let mut data = object(Some(data));
            let typed = object(data.remove("formData"));
            let action = text(data.remove("actionKey"));
            return Some(Self { id, event, action, typed, of_screen: false });
        }
        let of_screen =
            ["buttonType", "buttonValue"].iter().any(|key| parameters.contains_key(*key))
                || body.contains_key("nextEvent")
                || body.contains_key("pollProps");
        let event = match (text(parameters.remove("buttonType")).as_str(), event) {
            ("form-submit", event) if event.is_empty() => "submit".to_owned(),
            ("next-event", event) if event.is_empty() => "action".to_owned(),
            (_, event) => event,
        };
        let action = text(parameters.remove("buttonValue"));
        if let Some(status) = object(body.remove("pollProps")).remove("status") {
            parameters.entry(POLLED).or_insert(status);
        }
        Some(Self { id, event, action, typed: parameters, of_screen })
    }

    /// The input of a start: members of objects get dotted keys.
    pub fn of_input(input: &Map<String, Value>) -> Self {
        let mut typed = Map::new();
        flatten("", input, &mut typed);
        Self { typed, ..Self::default() }
    }

    /// The value of a polling field. A screen sends it as `pollProps.status`, and no value means to
    /// go on.
    pub fn polled(&self, key: &str) -> &str {
        let value = self.typed.get(key).or_else(|| self.typed.get(POLLED));
        value.and_then(Value::as_str).filter(|value| !value.is_empty()).unwrap_or("continue")
    }

    /// The answer as JSON, to be shown to who sent it.
    pub fn as_json(&self) -> Value {
        json!({
            "id": self.id,
            "eventType": self.event,
            "actionKey": self.action,
            "formData": self.typed,
            "shape": if self.of_screen { "screen" } else { "sdk" },
        })
    }
}

/// Where the status of a screen's polling is kept among the typed values.
const POLLED: &str = "pollProps.status";

fn flatten(prefix: &str, object: &Map<String, Value>, into: &mut Map<String, Value>) {
    for (name, value) in object {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(members) => flatten(&key, members, into),
            value => _ = into.insert(key, value.clone()),
        }
    }
}

fn object(value: Option<Value>) -> Map<String, Value> {
    if let Some(Value::Object(object)) = value { object } else { Map::new() }
}

fn text(value: Option<Value>) -> String {
    if let Some(Value::String(text)) = value { text } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_may_leave_out_almost_everything() {
        for body in ["{}", r#"{"parameters":{}}"#, r#"{"parameters":{"data":{"formData":[]}}}"#] {
            let answer = Answer::read(body.as_bytes()).unwrap();
            assert_eq!((answer.action.as_str(), answer.typed.len()), ("", 0), "{body}");
        }
        for body in ["", "[]", "nonsense", "{\"id\":"] {
            assert!(Answer::read(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn a_screen_puts_its_values_beside_the_button() {
        let body = json!({
            "id": "a", "nextEvent": { "constructType": "skEvent" },
            "parameters": {
                "buttonType": "next-event", "buttonValue": "REGISTER", "username": "ada",
                "protectsdk": "",
            },
        });
        let answer = Answer::read(body.to_string().as_bytes()).unwrap();
        assert_eq!((answer.event.as_str(), answer.action.as_str()), ("action", "REGISTER"));
        assert_eq!(answer.typed["username"], "ada");
        assert!(answer.of_screen && !answer.typed.contains_key("buttonValue"));
    }

    #[test]
    fn the_state_of_polling_is_found_in_either_shape() {
        for (body, value) in [
            (r#"{"parameters":{"eventType":"polling"}}"#, "continue"),
            (
                r#"{"parameters":{"eventType":"polling"},"pollProps":{"status":"timedOut"}}"#,
                "timedOut",
            ),
            (
                r#"{"parameters":{"eventType":"polling","data":{"formData":{"p":"approved"}}}}"#,
                "approved",
            ),
        ] {
            let answer = Answer::read(body.as_bytes()).unwrap();
            assert_eq!((answer.event.as_str(), answer.polled("p")), ("polling", value), "{body}");
        }
    }

    #[test]
    fn input_is_known_by_dotted_keys() {
        let input = json!({ "name": { "given": "Ada" }, "email": "a@example.com" });
        let answer = Answer::of_input(input.as_object().unwrap());
        assert_eq!(answer.typed["name.given"], "Ada");
        assert_eq!(answer.typed["email"], "a@example.com");
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Answer::read(&body);
        }
    }
}
