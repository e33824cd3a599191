//! What a node offers, by key: fields to fill in and actions to take, and how an answer is encoded.

pub use super::field::{Device, Field, FieldKind};
pub use super::poll::Polling;

use super::wire;
use crate::base::names::Capability;
use crate::base::remedy::{Listing, Remedy};
use serde_json::{Map, Value};

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
    /// Buttons and links, in the order of the form. A form without any can be submitted all the
    /// same, as by the genuine JavaScript client: it then has one action with an empty key.
    pub actions: Vec<Action>,
    /// Buttons and links of other types, by key or else type: offered, but nothing that a client can
    /// take by itself. Social login is one: it leads away from the flow.
    pub ways_out: Vec<String>,
    /// How the form wants to be polled, if it does.
    pub polling: Option<Polling>,
    /// The dialect in which it came, and in which it is answered.
    pub dialect: Dialect,
}

/// The two ways in which a tenant describes a form.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Dialect {
    /// For SDKs: `form.components.fields` and a link to follow.
    #[default]
    Sdk,
    /// For the hosted page: `screen`, its HTML, and ids from which the link is made.
    Screen,
}

/// Button types and the event that pressing one sends.
const ACTION_TYPES: &[(&str, Event)] = &[
    ("SUBMIT_BUTTON", Event::Submit),
    ("FLOW_BUTTON", Event::Action),
    ("FLOW_LINK", Event::Action),
];

/// A button or link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Action {
    /// Sent as `actionKey`, or as `buttonValue` to the hosted page.
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
    /// The rule chooses a device that is not there.
    #[error("`{key}` offers {offered}, not `{wanted}`")]
    NotAnOption {
        /// Key of the field.
        key: String,
        /// What the rule chooses.
        wanted: String,
        /// Types of the devices.
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
            Self::NotAnOption { key, offered, .. } => {
                format!("let the rule answer `{key}` with one of {offered}, or with a device's id")
            }
        })
    }
}

impl Form {
    /// Sorts what the tenant wrote into fields and actions; node and capability stand beside it.
    pub(super) fn read(form: wire::Form<'_>, mut prefill: wire::Members<'_>) -> Self {
        let mut read =
            Self { name: form.name.filled(), category: form.category.filled(), ..Self::default() };
        let fields = form.components.0.unwrap_or_default().fields.0;
        for mut field in fields.into_iter().filter_map(|field| field.0) {
            let kind = std::mem::take(&mut field.kind);
            let Some(kind) = kind.as_str().filter(|kind| !kind.is_empty()) else { continue };
            let key = std::mem::take(&mut field.key).filled();
            if let Some((_, event)) = ACTION_TYPES.iter().find(|(name, _)| *name == kind) {
                read.actions.extend(key.map(|key| Action { key, event: *event }));
                continue;
            }
            if kind.contains("BUTTON") || kind.contains("LINK") {
                read.ways_out.push(key.unwrap_or_else(|| kind.to_owned()));
                continue;
            }
            let Some(key) = key else { continue };
            if kind == "POLLING" && read.polling.is_none() {
                read.polling = Some(Polling::read(
                    key.clone(),
                    &field.poll_interval,
                    &field.poll_retries,
                    &field.poll_challenge_status,
                    std::mem::take(&mut field.challenge),
                ));
            }
            let prefill = prefill.take(&key);
            read.fields.extend(Field::read(kind, key, field, prefill));
        }
        read.complete();
        read
    }

    /// Adds the way to submit a form that has no button: with the key of its meta data, or with
    /// none. A form that is polled moves on by itself.
    pub(super) fn complete(&mut self) {
        if self.actions.is_empty() && self.polling.is_none() {
            let metadata = self.fields.iter().find(|field| field.kind == FieldKind::Metadata);
            let key = metadata.map(|field| field.key.clone()).unwrap_or_default();
            self.actions.push(Action { key, event: Event::Submit });
        }
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

    /// The event that taking an action sends: that of the button, except that a form with meta data
    /// is never submitted but acted upon.
    pub(super) fn event_of(&self, action: &Action) -> Event {
        match action.event {
            Event::Submit if self.fields.iter().any(|f| f.kind == FieldKind::Metadata) => {
                Event::Action
            }
            event => event,
        }
    }

    /// The form's values as the imitated client would send them when a button that
    /// sends this event is pressed.
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
            if event == Event::Action && field.kind == FieldKind::SecurityKey {
                continue;
            }
            let answer = filled.iter().find(|filled| filled.key == field.key);
            let value = match answer {
                Some(answer) => field.encode(&answer.text)?,
                None => field.untouched(client),
            };
            let is_blank = field.is_blank(&value);
            let says_nothing = is_blank || field.kind == FieldKind::Check;
            if answer.is_none() && says_nothing && field.required && event == Event::Submit {
                return Err(AnswerError::Unmapped { key: field.key.clone() });
            }
            if client == Client::JavaScript || !is_blank {
                data.insert(field.key.clone(), value);
            }
        }
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn form(fields: &str) -> Form {
        let text = format!(r#"{{"name":"F","components":{{"fields":{fields}}}}}"#);
        let form: wire::Form<'_> = serde_json::from_str(&text).unwrap();
        let prefill = r#"{ "nick": "twice", "plain": "kept?", "nick": "ada" }"#;
        Form::read(form, serde_json::from_str(prefill).unwrap())
    }

    fn filled(key: &str, text: &str) -> Filled {
        Filled { key: key.into(), text: text.into() }
    }

    #[test]
    fn buttons_become_actions_by_their_type_and_unknown_types_are_left_alone() {
        let form = form(
            r#"[{"type":"LABEL","content":"x"},{"type":"TEXT","key":"username"},{"type":"HOLOGRAM","key":"h"},
                {"type":"SUBMIT_BUTTON","key":"SIGNON"},{"type":"FLOW_BUTTON","key":"REGISTER"},
                {"type":"FLOW_LINK","key":"TROUBLE"},{"type":"SUBMIT_BUTTON"},
                {"type":"SOCIAL_LOGIN_BUTTON","idpType":"GOOGLE"},{"type":"COPY_LINK","key":"copy"}]"#,
        );
        let actions: Vec<_> =
            form.actions.iter().map(|action| (action.key.as_str(), action.event)).collect();
        assert_eq!(
            actions,
            [("SIGNON", Event::Submit), ("REGISTER", Event::Action), ("TROUBLE", Event::Action)]
        );
        assert_eq!(form.ways_out, ["SOCIAL_LOGIN_BUTTON", "copy"]);
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
                    "plain": "kept?" })
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
