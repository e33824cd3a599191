//! What the HTML of a hosted page says about its form: the buttons, and which inputs are secret.

use super::form::{Action, Event};
use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};
use std::collections::BTreeSet;

/// What was found on a page.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Markup {
    /// Elements with `data-skbuttonvalue`, each value once, in the order of the page.
    pub(super) actions: Vec<Action>,
    /// Names of inputs that hide what is typed.
    pub(super) passwords: BTreeSet<String>,
}

/// Buttons and inputs that are looked at; a page with more is none that a person could use.
const MOST_ELEMENTS: usize = 1000;

/// Longest value of an attribute that is looked at, in bytes.
const LONGEST_VALUE: usize = 1024;

/// Types of button (`data-skbuttontype`) and the event that pressing one sends (documented). Other
/// types leave the page or need a device; they cannot be pressed.
const BUTTON_TYPES: &[(&str, Event)] =
    &[("form-submit", Event::Submit), ("next-event", Event::Action)];

/// Attributes of one element, as far as they matter.
#[derive(Default)]
struct Element {
    is_input: bool,
    button_value: Option<String>,
    button_type: Option<String>,
    kind: Option<String>,
    name: Option<String>,
}

impl Element {
    /// Where the value of an attribute goes. Of attributes that come twice the first counts, as in
    /// a browser.
    fn attribute(&mut self, name: &[u8]) -> Option<&mut Option<String>> {
        let slot = match name {
            b"data-skbuttonvalue" => &mut self.button_value,
            b"data-skbuttontype" => &mut self.button_type,
            b"type" => &mut self.kind,
            b"name" => &mut self.name,
            _ => return None,
        };
        slot.is_none().then_some(slot)
    }

    fn action(&mut self) -> Option<Action> {
        let key = self.button_value.take().filter(|value| !value.is_empty())?;
        let event = match self.button_type.as_deref().filter(|kind| !kind.is_empty()) {
            Some(kind) => BUTTON_TYPES.iter().find(|(name, _)| *name == kind)?.1,
            // Without a type of its own an HTML button says what it does (assumed).
            None if self.kind.as_deref() == Some("submit") => Event::Submit,
            None => Event::Action,
        };
        Some(Action { key, event })
    }

    fn password(&mut self) -> Option<String> {
        let hides = self.is_input
            && self.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("password"));
        self.name.take().filter(|name| hides && !name.is_empty())
    }
}

/// Reads a page once from front to back, whatever it is. What stands in comments, scripts and styles
/// is no button.
pub(super) fn read(html: &str) -> Markup {
    let mut element = Element::default();
    let mut attribute: Vec<u8> = Vec::new();
    let mut emitter =
        CallbackEmitter::new(move |event: CallbackEvent<'_>, _: Span<()>| -> Option<Element> {
            match event {
                CallbackEvent::OpenStartTag { name } => {
                    element = Element { is_input: name == b"input", ..Element::default() };
                }
                CallbackEvent::AttributeName { name } => {
                    attribute.clear();
                    attribute.extend_from_slice(name.get(..LONGEST_VALUE).unwrap_or(name));
                }
                CallbackEvent::AttributeValue { value } => {
                    if let Some(slot) = element.attribute(&attribute)
                        && value.len() <= LONGEST_VALUE
                    {
                        *slot = Some(String::from_utf8_lossy(value).into_owned());
                    }
                }
                CallbackEvent::CloseStartTag { .. } => return Some(std::mem::take(&mut element)),
                _ => {}
            }
            None
        });
    emitter.naively_switch_states(true);
    let mut markup = Markup::default();
    for element in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(mut element) = element;
        if markup.actions.len() < MOST_ELEMENTS
            && let Some(action) = element.action()
            && !markup.actions.iter().any(|known| known.key == action.key)
        {
            markup.actions.push(action);
        }
        if markup.passwords.len() < MOST_ELEMENTS {
            markup.passwords.extend(element.password());
        }
    }
    markup
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn actions(html: &str) -> Vec<(String, Event)> {
        read(html).actions.into_iter().map(|action| (action.key, action.event)).collect()
    }

    #[test]
    fn a_button_is_what_has_a_value_to_send_and_its_type_says_the_event() {
        let html = r#"<form><input type="PASSWORD" name=secret><input name=user type=text>
            <button type="submit" data-skcomponent="skbutton" data-skbuttontype="form-submit"
                data-skbuttonvalue="SIGNON">Sign On</button>
            <a data-skbuttonvalue='TROUBLE &amp; more' data-skbuttontype="next-event">Trouble?</a>
            <BUTTON DATA-SKBUTTONVALUE=again DATA-SKBUTTONVALUE=other type=submit>
            <button data-skbuttonvalue="key" data-skbuttontype="webauthn">Key</button>
            <button data-skbuttonvalue="">Nothing</button><button type="submit">Plain</button>
            <button data-skbuttonvalue="SIGNON" data-skbuttontype="next-event">Twice</button>
            <!-- <button data-skbuttonvalue="comment"> -->
            <script>"<button data-skbuttonvalue='script'>"</script>
            <style>a::after { content: "<a data-skbuttonvalue='style'>" }</style>"#;
        assert_eq!(
            actions(html),
            [
                ("SIGNON".to_owned(), Event::Submit),
                ("TROUBLE & more".to_owned(), Event::Action),
                ("again".to_owned(), Event::Submit),
            ]
        );
        assert_eq!(read(html).passwords, BTreeSet::from(["secret".to_owned()]));
    }

    #[test]
    fn a_large_page_is_read_in_one_go() {
        let shapes =
            ["<", "<a ", "<a b=", "<!--", "<script>", "&amp", "<a data-skbuttonvalue=x", "\0"];
        for shape in shapes {
            // A reader that is quadratic in any of these would need hours.
            let html = shape.repeat((1 << 18) / shape.len());
            assert!(read(&html).actions.len() <= 1, "{shape}");
        }
    }

    proptest! {
        #[test]
        fn no_page_makes_the_reader_panic(html in r#"([<>="'&!/\-]|script|button|data-skbuttonvalue|input| |\PC){0,60}"#) {
            let _ = read(&html);
        }
    }
}
