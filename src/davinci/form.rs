//! What a node offers, by key: fields to fill in and actions to take, and how an answer is encoded.

use super::wire;
use crate::base::names::Capability;
use crate::base::remedy::{Listing, Remedy};
use serde_json::{Map, Value, json};

/// A form as far as an answer needs it. Identified by its keys; name and node id vary between
/// tenants and languages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Form {
    /// Title, for people.
    pub name: Option<String>,
    /// `CUSTOM_HTML`, `CUSTOM_FORM`, …
    pub category: Option<String>,
    /// The node that shows it.
    pub node: Option<String>,
    /// The capability that shows it; the row under which answering it is counted.
    pub capability: Option<Capability>,
    /// Inputs, in the order of the form.
    pub fields: Vec<Field>,
    /// Buttons and links, in the order of the form.
    pub actions: Vec<Action>,
}

/// An input.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Name under which its value is sent.
    pub key: String,
    /// What kind of value it takes.
    pub kind: FieldKind,
    /// Whether the form insists on it.
    pub required: bool,
    /// Whether an untouched text keeps its default: only with a rule attached, as genuine
    /// JavaScript clients do.
    keeps_default: bool,
    prefill: Option<Value>,
}

/// What kind of value an input takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FieldKind {
    /// One line of text, or the value of one option.
    Text,
    /// Text that nobody may see.
    Password,
    /// Any number of options.
    Options,
    /// Yes or no.
    Check,
    /// A number with its country, by default this one.
    Phone(String),
    /// A structured value that no rule fills in (security key, device, meta data).
    Object,
}

/// Field types and the kind of their values. A type that is not here carries no value and is left
/// alone, as genuine clients do.
const FIELD_TYPES: &[(&str, FieldKind)] = &[
    ("TEXT", FieldKind::Text),
    ("PASSWORD", FieldKind::Password),
    ("PASSWORD_VERIFY", FieldKind::Password),
    ("RADIO", FieldKind::Text),
    ("DROPDOWN", FieldKind::Text),
    ("CHECKBOX", FieldKind::Options),
    ("COMBOBOX", FieldKind::Options),
    ("SINGLE_CHECKBOX", FieldKind::Check),
    ("PHONE_NUMBER", FieldKind::Phone(String::new())),
    ("DEVICE_REGISTRATION", FieldKind::Text),
    ("DEVICE_AUTHENTICATION", FieldKind::Object),
    ("FIDO2", FieldKind::Object),
    ("PROTECT", FieldKind::Text),
    ("POLLING", FieldKind::Text),
    ("METADATA", FieldKind::Object),
];

/// Button types and the event that pressing one sends.
const ACTION_TYPES: &[(&str, Event)] = &[
    ("SUBMIT_BUTTON", Event::Submit),
    ("FLOW_BUTTON", Event::Action),
    ("FLOW_LINK", Event::Action),
];

/// A button or link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Action {
    /// Sent as `actionKey`.
    pub key: String,
    /// The event it sends, from the type of the button.
    pub event: Event,
}

/// `eventType` of a request.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Event {
    /// The form is answered.
    Submit,
    /// A secondary way is taken; form values do not count.
    Action,
    /// The client asks whether something outside has happened.
    Polling,
}

impl Event {
    /// As the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Action => "action",
            Self::Polling => "polling",
        }
    }
}

/// Which genuine client is imitated where they differ.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Client {
    /// All values, untouched ones included; interaction in headers, body and cookies.
    #[default]
    JavaScript,
    /// Filled values only, none with an action; interaction in cookies only.
    Mobile,
}

/// One field's value, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Filled {
    /// Key of the field.
    pub key: String,
    /// What goes into it.
    pub text: String,
}

/// A form that cannot be answered as asked.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum AnswerError {
    /// A required field has neither an answer nor a default.
    #[error("the form requires `{key}`, for which the rule has no answer")]
    Unmapped {
        /// Key of the field.
        key: String,
    },
    /// The rule presses something that is not there.
    #[error("the form offers {offered}, not `{wanted}`")]
    NotOffered {
        /// What the rule presses.
        wanted: String,
        /// Keys of the form's actions.
        offered: Listing,
    },
}

impl Remedy for AnswerError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Unmapped { key } => format!("add `{key} = \"…\"` to the rule's `answer`"),
            Self::NotOffered { offered, .. } => {
                format!("let the rule's `action` name one of {offered}")
            }
        })
    }
}

impl Form {
    /// Sorts what the tenant wrote into fields and actions.
    pub(super) fn read(
        form: wire::Form,
        mut prefill: Map<String, Value>,
        node: Option<String>,
        capability: Option<Capability>,
    ) -> Self {
        let mut read = Self {
            name: form.name.filled(),
            category: form.category.filled(),
            node,
            capability,
            ..Self::default()
        };
        for field in form.components.unwrap_or_default().fields {
            let (Some(kind), Some(key)) = (field.kind.as_str(), field.key.filled()) else {
                continue;
            };
            if let Some((_, event)) = ACTION_TYPES.iter().find(|(name, _)| *name == kind) {
                read.actions.push(Action { key, event: *event });
            } else if let Some((_, kind)) = FIELD_TYPES.iter().find(|(name, _)| *name == kind) {
                let kind = match kind {
                    FieldKind::Phone(_) => {
                        FieldKind::Phone(field.default_country_code.0.unwrap_or_default())
                    }
                    other => other.clone(),
                };
                let required = field.required.as_str() == Some("true");
                let keeps_default = required || field.validation.0;
                let prefill = prefill.remove(&key);
                read.fields.push(Field { key, kind, required, keeps_default, prefill });
            }
        }
        read
    }

    /// Whether there is an input with this key.
    pub fn has_field(&self, key: &str) -> bool {
        self.fields.iter().any(|field| field.key == key)
    }

    /// The action with this key.
    pub fn action(&self, key: &str) -> Option<&Action> {
        self.actions.iter().find(|action| action.key == key)
    }

    /// The only way to submit, if there is exactly one.
    pub fn only_submit(&self) -> Option<&Action> {
        let mut submits = self.actions.iter().filter(|action| action.event == Event::Submit);
        submits.next().filter(|_| submits.next().is_none())
    }

    /// The form's values as the imitated client would send them with this event.
    pub fn data(
        &self,
        filled: &[Filled],
        client: Client,
        event: Event,
    ) -> Result<Map<String, Value>, AnswerError> {
        if client == Client::Mobile && event == Event::Action {
            return Ok(Map::new());
        }
        let mut data = Map::new();
        for field in &self.fields {
            let answer = filled.iter().find(|filled| filled.key == field.key);
            let value = match answer {
                Some(answer) => field.encode(&answer.text),
                None if field.required && field.prefill.is_none() && event == Event::Submit => {
                    return Err(AnswerError::Unmapped { key: field.key.clone() });
                }
                None => field.untouched(),
            };
            if client == Client::JavaScript || !is_empty(&value) {
                data.insert(field.key.clone(), value);
            }
        }
        Ok(data)
    }
}

impl Field {
    fn encode(&self, text: &str) -> Value {
        match &self.kind {
            FieldKind::Text | FieldKind::Password => Value::from(text),
            FieldKind::Options => {
                text.split(',').map(str::trim).filter(|option| !option.is_empty()).collect()
            }
            FieldKind::Check => Value::Bool(text.eq_ignore_ascii_case("true")),
            FieldKind::Phone(country) => json!({ "countryCode": country, "phoneNumber": text }),
            FieldKind::Object => serde_json::from_str(text).unwrap_or_else(|_| json!({})),
        }
    }

    fn untouched(&self) -> Value {
        let prefill = self.prefill.clone();
        match &self.kind {
            FieldKind::Text if self.keeps_default => prefill.unwrap_or_else(|| "".into()),
            FieldKind::Text | FieldKind::Password => "".into(),
            FieldKind::Options => prefill.filter(Value::is_array).unwrap_or_else(|| json!([])),
            FieldKind::Check => Value::Bool(false),
            FieldKind::Phone(country) => {
                let of =
                    |key| prefill.as_ref().and_then(|value| value.get(key)).and_then(Value::as_str);
                json!({
                    "countryCode": of("countryCode").unwrap_or(country),
                    "phoneNumber": of("phoneNumber").unwrap_or_default(),
                })
            }
            FieldKind::Object => json!({}),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &str) -> Form {
        let form: wire::Form =
            serde_json::from_str(&format!(r#"{{"name":"F","components":{{"fields":{fields}}}}}"#))
                .unwrap();
        let prefill = json!({ "nick": "ada", "plain": "kept?" });
        Form::read(form, prefill.as_object().unwrap().clone(), Some("n".into()), Some("c".into()))
    }

    fn filled(key: &str, text: &str) -> Filled {
        Filled { key: key.into(), text: text.into() }
    }

    #[test]
    fn buttons_become_actions_by_their_type_and_unknown_types_are_left_alone() {
        let form = form(
            r#"[{"type":"LABEL","content":"x"},{"type":"TEXT","key":"username"},{"type":"HOLOGRAM","key":"h"},
                {"type":"SUBMIT_BUTTON","key":"SIGNON"},{"type":"FLOW_BUTTON","key":"REGISTER"},
                {"type":"FLOW_LINK","key":"TROUBLE"},{"type":"SUBMIT_BUTTON"}]"#,
        );
        let actions: Vec<_> =
            form.actions.iter().map(|action| (action.key.as_str(), action.event)).collect();
        assert_eq!(
            actions,
            [("SIGNON", Event::Submit), ("REGISTER", Event::Action), ("TROUBLE", Event::Action)]
        );
        assert_eq!(form.fields.len(), 1);
        assert_eq!(form.only_submit().unwrap().key, "SIGNON");
    }

    #[test]
    fn two_submit_buttons_leave_no_only_one() {
        let form = form(
            r#"[{"type":"SUBMIT_BUTTON","key":"REGISTER"},{"type":"SUBMIT_BUTTON","key":"CANCEL"}]"#,
        );
        assert_eq!(form.only_submit(), None);
        assert_eq!(form.action("CANCEL").unwrap().event, Event::Submit);
    }

    #[test]
    fn each_client_sends_what_the_genuine_one_sends() {
        let form = form(
            r#"[{"type":"TEXT","key":"username"},{"type":"PASSWORD","key":"password"},
                {"type":"TEXT","key":"nick","required":true},{"type":"TEXT","key":"plain"},
                {"type":"CHECKBOX","key":"topics"},{"type":"SINGLE_CHECKBOX","key":"agree"},
                {"type":"PHONE_NUMBER","key":"phone","defaultCountryCode":"GB"}]"#,
        );
        let answers = [filled("username", "u"), filled("topics", "a, b"), filled("agree", "true")];
        let sent = |client, event| Value::Object(form.data(&answers, client, event).unwrap());
        assert_eq!(
            sent(Client::JavaScript, Event::Submit),
            json!({ "username": "u", "password": "", "nick": "ada", "plain": "", "topics": ["a", "b"],
                    "agree": true, "phone": { "countryCode": "GB", "phoneNumber": "" } })
        );
        assert_eq!(
            sent(Client::Mobile, Event::Submit),
            json!({ "username": "u", "nick": "ada", "topics": ["a", "b"], "agree": true,
                    "phone": { "countryCode": "GB", "phoneNumber": "" } })
        );
        assert_eq!(sent(Client::Mobile, Event::Action), json!({}));
    }

    #[test]
    fn a_required_field_without_an_answer_is_named() {
        let form = form(r#"[{"type":"TEXT","key":"badge","required":true}]"#);
        let error = form.data(&[], Client::JavaScript, Event::Submit).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the form requires `badge`, for which the rule has no answer"
        );
        assert!(form.data(&[], Client::JavaScript, Event::Action).is_ok());
    }
}
