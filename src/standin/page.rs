//! Forms as the service writes them, in both dialects, written once per form when a tenant starts.
//!
//! Texts of the flow tables may hold blanks: `{{interval}}` and `{{retries}}` are filled in when a
//! page is written, `{{echo}}` and `{{challenge}}` whenever it is shown.

use super::flow::{Button, ButtonKind, Field, Flow, Form};
use super::screen;
use super::settings::{PollingSettings, SecondaryButtons};
use serde_json::{Map, Value, json};

/// The two ways of writing a form (documented).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialect {
    /// Trimmed JSON with links, for `X-Requested-With: ping-sdk`.
    Sdk,
    /// The whole screen, HTML included, without links.
    Screen,
}

/// What pages of a tenant have in common.
#[derive(Clone, Copy, Debug)]
pub struct Site<'s> {
    /// Absolute prefix of the tenant.
    pub prefix: &'s str,
    /// Company id.
    pub company: &'s str,
    /// Type of the buttons that lead aside.
    pub secondary: SecondaryButtons,
    /// How often clients poll.
    pub polling: PollingSettings,
}

/// The part of a reply that is the same in every interaction, as members of an object without its
/// braces.
#[derive(Debug)]
pub struct Page {
    text: String,
    has_blanks: bool,
}

/// What goes into the blanks of a page.
#[derive(Clone, Copy, Debug)]
pub struct Blanks<'b> {
    /// What was received last, as JSON.
    pub echo: &'b str,
    /// Id of the challenge that is waited for.
    pub challenge: &'b str,
}

impl Page {
    /// Writes a form.
    pub fn write(flow: &Flow, form: &Form, site: Site<'_>, dialect: Dialect) -> Self {
        let object = match dialect {
            Dialect::Sdk => trimmed(flow, form, site),
            Dialect::Screen => screen::write(flow, form, site),
        };
        let number = |text: String, blank: &str, number: u128| {
            text.replace(&format!("\"{{{{{blank}}}}}\""), &number.to_string())
        };
        let text = number(object.to_string(), "interval", site.polling.interval.as_millis());
        let text = number(text, "retries", site.polling.retries.into());
        let text = match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(members) => members.to_owned(),
            None => text,
        };
        let has_blanks = text.contains("{{echo") || text.contains("{{challenge}}");
        Self { text, has_blanks }
    }

    /// Adds the page to a reply that is being written.
    pub fn add_to(&self, reply: &mut String, blanks: Blanks<'_>) {
        if !self.has_blanks {
            reply.push_str(&self.text);
            return;
        }
        let filled = self
            .text
            .replace("{{echo-html}}", &in_json(&screen::escape(blanks.echo)))
            .replace("{{echo}}", &in_json(blanks.echo))
            .replace("{{challenge}}", &in_json(blanks.challenge));
        reply.push_str(&filled);
    }
}

/// A text as it stands inside a JSON string.
fn in_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned()
}

/// The form in the SDK dialect.
fn trimmed(flow: &Flow, form: &Form, site: Site<'_>) -> Value {
    let href = format!("{}{}", site.prefix, form.path());
    let fields = form.fields.iter().map(field);
    let buttons = form.buttons.iter().filter_map(|each| button(each, site));
    let fields: Vec<Value> = fields.chain(buttons).collect();
    let mut links = json!({ "next": { "href": href } });
    if form.buttons.iter().any(|button| button.kind == ButtonKind::Social) {
        links["continue"] = json!({ "href": href });
    }
    if form.polling.is_some_and(|polling| polling.challenge) {
        links["self"] = json!({ "href": href });
    }
    let mut object = members(form.style.more);
    for (name, value) in [
        ("_links", links),
        ("isResponseCompatibleWithMobileAndWebSdks", json!(true)),
        ("id", json!(form.id)),
        ("companyId", json!(site.company)),
        ("flowId", json!(flow.id)),
        ("connectionId", json!(form.style.connection)),
        ("capabilityName", json!(form.style.capability)),
        ("formData", json!({ "value": initial_values(form) })),
        (
            "form",
            json!({
                "name": form.name,
                "description": form.description,
                "category": form.style.category,
                "components": { "fields": fields },
            }),
        ),
    ] {
        object.insert(name.to_owned(), value);
    }
    if form.style.names_event {
        object.insert("eventName".to_owned(), json!("continue"));
    }
    Value::Object(object)
}

/// The fields that take a value, each with the one it has before anything is typed.
pub fn initial_values(form: &Form) -> Map<String, Value> {
    let valued = form.fields.iter().filter(|field| !field.initial.is_empty());
    valued
        .map(|field| {
            let initial = serde_json::from_str(field.initial).unwrap_or_default();
            (field.key.to_owned(), initial)
        })
        .collect()
}

fn field(field: &Field) -> Value {
    let mut object = Map::new();
    object.insert("type".to_owned(), json!(field.kind));
    for (name, text) in [("key", field.key), ("label", field.label)] {
        if !text.is_empty() {
            object.insert(name.to_owned(), json!(text));
        }
    }
    object.extend(members(field.more));
    Value::Object(object)
}

fn button(button: &Button, site: Site<'_>) -> Option<Value> {
    let kind = match button.kind {
        ButtonKind::Primary => "SUBMIT_BUTTON",
        ButtonKind::Aside if site.secondary == SecondaryButtons::Submit => "SUBMIT_BUTTON",
        ButtonKind::Aside => "FLOW_BUTTON",
        ButtonKind::Link => "FLOW_LINK",
        ButtonKind::Social => "SOCIAL_LOGIN_BUTTON",
        ButtonKind::Hidden => return None,
    };
    let mut object = json!({ "type": kind, "label": button.label, "key": button.key });
    match button.kind {
        ButtonKind::Link => object["inputType"] = json!("ACTION"),
        ButtonKind::Social => {
            let href = format!("{}/stand-in/social", site.prefix);
            object["links"] = json!({ "authenticate": { "href": href } });
            object["idpId"] = json!("3f1b7c6a-0d24-4e95-8a7b-6c5d4e3f2a10");
            object["idpType"] = json!("GOOGLE");
            object["idpEnabled"] = json!(true);
        }
        ButtonKind::Primary | ButtonKind::Aside | ButtonKind::Hidden => {}
    }
    Some(object)
}

/// Members written in a flow's table; a test sees to it that they can be read.
fn members(more: &str) -> Map<String, Value> {
    serde_json::from_str(&format!("{{{more}}}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::flows::FLOWS;
    use super::*;
    use std::time::Duration;

    fn site() -> Site<'static> {
        Site {
            prefix: "http://tenant/e",
            company: "e",
            secondary: SecondaryButtons::Flow,
            polling: PollingSettings {
                interval: Duration::from_millis(1500),
                ..PollingSettings::default()
            },
        }
    }

    #[test]
    fn every_page_is_json_in_both_dialects_whatever_goes_into_its_blanks() {
        let blanks = Blanks { echo: r#"{"a":"\"<b>"}"#, challenge: "c-1" };
        for (flow, form) in FLOWS.iter().flat_map(|flow| flow.forms.iter().map(move |f| (flow, f)))
        {
            for dialect in [Dialect::Sdk, Dialect::Screen] {
                let mut text = "{".to_owned();
                Page::write(flow, form, site(), dialect).add_to(&mut text, blanks);
                text.push('}');
                let page: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(page["id"], form.id);
                for blank in ["{{echo", "{{challenge", "{{interval", "{{retries"] {
                    assert!(!text.contains(blank), "{blank} is left in {}", form.id);
                }
            }
        }
    }

    #[test]
    fn what_was_received_can_be_read_back_from_the_page() {
        let form = FLOWS.iter().find_map(|flow| flow.form("cz6x8nkw5z").map(|form| (flow, form)));
        let (flow, form) = form.unwrap();
        let echo = json!({ "formData": { "text": "\"quoted\" <b>" } }).to_string();
        let mut text = "{".to_owned();
        let page = Page::write(flow, form, site(), Dialect::Sdk);
        page.add_to(&mut text, Blanks { echo: &echo, challenge: "" });
        let page: Value = serde_json::from_str(&(text + "}")).unwrap();
        assert_eq!(page["form"]["description"], echo);
        assert_eq!(page["form"]["components"]["fields"][0]["content"], echo);
    }

    #[test]
    fn intervals_are_numbers() {
        let flow = FLOWS.iter().find(|flow| flow.name == "polling").unwrap();
        let form = flow.form("xiazfisuh9").unwrap();
        let page = trimmed(flow, form, site());
        assert_eq!(page["form"]["components"]["fields"][0]["pollInterval"], "{{interval}}");
        let text = Page::write(flow, form, site(), Dialect::Sdk).text;
        assert!(text.contains("\"pollInterval\":1500,\"pollRetries\":60"), "{text}");
    }
}
