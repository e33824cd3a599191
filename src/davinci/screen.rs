//! A form of the hosted page: its inputs from the list of fields, its buttons out of the HTML.

use super::field::{Field, FieldKind};
use super::form::{Dialect, Form};
use super::markup;
use super::poll::Polling;
use super::wire::{Loose, Properties, Screen, ScreenField};
use serde_json::{Value, json};

/// Entries of the list of fields that say what was pressed, not what was filled in.
const NO_FIELDS: &[&str] = &["buttonValue", "buttonType"];

/// Data types of an input and the kind of its value; every other is text. Only `string` is
/// documented.
const DATA_TYPES: &[(&str, FieldKind)] =
    &[("boolean", FieldKind::Check), ("array", FieldKind::Options)];

/// The key under which a poll of the hosted page says how it stands.
const POLL_KEY: &str = "pollProps";

/// A screen, sorted.
pub(super) struct Shown {
    /// What it offers; without node and capability, which stand beside the screen.
    pub(super) form: Form,
    /// The event that pressing a button echoes.
    pub(super) next_event: Value,
}

/// Sorts a screen into fields and actions.
pub(super) fn read(screen: Screen<'_>) -> Shown {
    let properties = screen.properties.0.unwrap_or_default();
    let Properties { custom_html, form_fields_list, button, challenge, node_title, .. } =
        properties;
    let html = custom_html.value().0.unwrap_or_default();
    let found = markup::read(&html);
    let fields = form_fields_list.value().0.into_iter().filter_map(|field| field.0);
    let fields = fields.filter_map(|field| {
        let field = input(field)?;
        Some(if found.passwords.contains(&field.key) {
            Field::plain(field.key, FieldKind::Password)
        } else {
            field
        })
    });
    let fields = fields.collect();
    let challenge = challenge.value();
    let is_polled = properties.enable_polling.value().is_true()
        || challenge.as_str().is_some_and(|challenge| !challenge.is_empty());
    let polling = is_polled.then(|| {
        // The status of a challenge is asked for unless the page says otherwise.
        let mut wants_status = properties.poll_challenge_status.value();
        if wants_status.as_str().is_none() {
            wants_status = Loose(Some("true".into()));
        }
        Polling::read(
            POLL_KEY.to_owned(),
            &properties.poll_interval.value(),
            &properties.poll_retries.value(),
            &wants_status,
            challenge,
        )
    });
    let mut form = Form {
        name: node_title.value().filled(),
        fields,
        actions: found.actions,
        polling,
        dialect: Dialect::Screen,
        ..Form::default()
    };
    form.complete();
    let on_click = button.0.and_then(|button| button.on_click.0);
    Shown { form, next_event: on_click.map_or_else(usual_event, Value::Object) }
}

fn input(field: ScreenField<'_>) -> Option<Field> {
    let key = field.property_name.filled().filter(|key| !NO_FIELDS.contains(&key.as_str()))?;
    let kind = if field.hashed_visibility.is_true() {
        FieldKind::Password
    } else {
        let wanted = field.preferred_data_type.as_str();
        let known = DATA_TYPES.iter().find(|(name, _)| Some(*name) == wanted);
        known.map_or(FieldKind::Text, |(_, kind)| kind.clone())
    };
    Some(Field::plain(key, kind))
}

/// The event of the documented page, for pages that do not name theirs.
fn usual_event() -> Value {
    json!({
        "constructType": "skEvent",
        "eventName": "continue",
        "params": [],
        "eventType": "post",
        "postProcess": {},
    })
}
