//! One input of a form: its type, and its value as each genuine client would send it, touched or
//! not.

use super::form::{AnswerError, Client};
use super::phone::{self, PhoneNumber};
use super::wire::{self, Choice};
use serde_json::{Map, Value, json};

/// An input.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Name under which its value is sent.
    pub key: String,
    /// What kind of value it takes.
    pub kind: FieldKind,
    /// Whether the form insists on it.
    pub required: bool,
    /// Whether an untouched text keeps its default: only with a rule attached, as the genuine
    /// JavaScript client does.
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
    /// A number with its country.
    Phone {
        /// The country where the answer names none, in two letters; may be empty.
        country: String,
        /// Whether the value has an extension.
        with_extension: bool,
    },
    /// The type of a device to be registered, out of these.
    DeviceType(Vec<Device>),
    /// A device that is registered, out of these.
    Device(Vec<Device>),
    /// What a security key says; left out where a secondary way is taken.
    SecurityKey,
    /// Signals about the browser, opaque.
    Signals,
    /// How a poll ended.
    Poll,
    /// What an app did with the meta data that the flow handed it. Submitting a form that has one is
    /// the event `action`.
    Metadata,
}

/// A device that a form offers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Device {
    /// `EMAIL`, `SMS`, …
    pub kind: String,
    /// Id of a device that is registered.
    pub id: String,
    description: String,
    is_default: bool,
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
    ("PHONE_NUMBER", FieldKind::Phone { country: String::new(), with_extension: false }),
    ("DEVICE_REGISTRATION", FieldKind::DeviceType(Vec::new())),
    ("DEVICE_AUTHENTICATION", FieldKind::Device(Vec::new())),
    ("FIDO2", FieldKind::SecurityKey),
    ("PROTECT", FieldKind::Signals),
    ("POLLING", FieldKind::Poll),
    ("METADATA", FieldKind::Metadata),
];

impl Field {
    /// The input that a field of the wire is; none for a type without a value. `kind` and `key` are
    /// its type and key.
    pub(super) fn read(
        kind: &str,
        key: String,
        field: wire::Field,
        prefill: Option<Value>,
    ) -> Option<Self> {
        let (_, found) = FIELD_TYPES.iter().find(|(name, _)| *name == kind)?;
        let required = field.required.is_true();
        // The genuine client asks whether the member is there, not what it says.
        let has_rule = field.required.as_str().is_some() || field.validation.0;
        let devices = || field.options.0.iter().filter_map(|o| o.0.as_ref()).map(Device::read);
        let found = match found {
            FieldKind::Phone { .. } => FieldKind::Phone {
                country: field.default_country_code.as_str().unwrap_or_default().to_owned(),
                with_extension: field.show_extension.is_true(),
            },
            FieldKind::DeviceType(_) => FieldKind::DeviceType(devices().collect()),
            FieldKind::Device(_) => FieldKind::Device(devices().collect()),
            other => other.clone(),
        };
        Some(Self {
            key,
            kind: found,
            required,
            keeps_default: kind == "TEXT" && has_rule,
            prefill,
        })
    }

    /// An input of the hosted page, without any rule.
    pub(super) const fn plain(key: String, kind: FieldKind) -> Self {
        Self { key, kind, required: false, keeps_default: false, prefill: None }
    }

    /// The value that an answer becomes.
    pub(super) fn encode(&self, text: &str) -> Result<Value, AnswerError> {
        Ok(match &self.kind {
            FieldKind::Text | FieldKind::Password | FieldKind::Signals | FieldKind::Poll => {
                Value::from(text)
            }
            FieldKind::Options => options(text),
            FieldKind::Check => Value::Bool(text.trim().eq_ignore_ascii_case("true")),
            FieldKind::Phone { country, with_extension } => {
                phone_value(phone::read(text, country), *with_extension)
            }
            FieldKind::DeviceType(devices) => self.device(devices, text)?.kind.as_str().into(),
            FieldKind::Device(devices) => match object(text) {
                Some(given) => Value::Object(given),
                None => self.device(devices, text)?.value(),
            },
            FieldKind::SecurityKey | FieldKind::Metadata => {
                Value::Object(object(text).unwrap_or_default())
            }
        })
    }

    /// The value that an untouched field has in a genuine client.
    pub(super) fn untouched(&self, client: Client) -> Value {
        let prefill = self.prefill.as_ref();
        let is_mobile = client == Client::Mobile;
        match &self.kind {
            // Mobile clients start from the form's values, whatever the type of a text.
            FieldKind::Text if self.keeps_default || is_mobile => {
                prefill.filter(|value| !value.is_null()).cloned().unwrap_or_else(|| "".into())
            }
            FieldKind::Text | FieldKind::Password | FieldKind::Signals | FieldKind::Poll => {
                "".into()
            }
            FieldKind::Options => {
                prefill.filter(|value| value.is_array()).cloned().unwrap_or_else(|| json!([]))
            }
            FieldKind::Check => Value::Bool(false),
            FieldKind::Phone { country, with_extension } => {
                let of = |key: &str| {
                    let text = prefill.and_then(|value| value.get(key)).and_then(Value::as_str);
                    text.filter(|text| !text.is_empty()).map(str::to_owned)
                };
                let number = PhoneNumber {
                    country: of("countryCode").unwrap_or_else(|| country.clone()),
                    number: of("phoneNumber").unwrap_or_default(),
                    extension: of("extension").unwrap_or_default(),
                };
                phone_value(number, *with_extension)
            }
            FieldKind::DeviceType(_) => "".into(),
            FieldKind::Device(devices) => {
                let default = devices.iter().find(|device| device.is_default && !is_mobile);
                default.map_or_else(|| json!({ "type": "", "id": "", "value": "" }), Device::value)
            }
            FieldKind::SecurityKey | FieldKind::Metadata => json!({}),
        }
    }

    /// Whether a value says nothing: what mobile clients leave out, and what a field that is
    /// required does not take.
    pub(super) fn is_blank(&self, value: &Value) -> bool {
        match (&self.kind, value) {
            // A country alone is no number.
            (FieldKind::Phone { .. }, value) => {
                let lacks = |key| value.get(key).and_then(Value::as_str).is_none_or(str::is_empty);
                lacks("phoneNumber") || lacks("countryCode")
            }
            (_, value) => is_empty(value),
        }
    }

    fn device<'d>(&self, devices: &'d [Device], wanted: &str) -> Result<&'d Device, AnswerError> {
        let wanted = wanted.trim();
        let by_id = devices.iter().find(|device| !device.id.is_empty() && device.id == wanted);
        by_id
            .or_else(|| devices.iter().find(|device| device.kind.eq_ignore_ascii_case(wanted)))
            .ok_or_else(|| AnswerError::NotAnOption {
                key: self.key.clone(),
                wanted: wanted.to_owned(),
                offered: devices.iter().map(|device| device.kind.clone()).collect(),
            })
    }
}

impl Device {
    fn read(choice: &Choice) -> Self {
        let text = |text: &wire::Loose| text.as_str().unwrap_or_default().to_owned();
        Self {
            kind: text(&choice.kind),
            id: text(&choice.id),
            description: text(&choice.description),
            is_default: choice.default.is_true(),
        }
    }

    fn value(&self) -> Value {
        json!({ "type": self.kind, "id": self.id, "value": self.description })
    }
}

/// Options as a JSON list or with commas between them.
fn options(text: &str) -> Value {
    if text.trim_start().starts_with('[')
        && let Ok(Value::Array(given)) = serde_json::from_str(text)
    {
        return Value::Array(given);
    }
    text.split(',').map(str::trim).filter(|option| !option.is_empty()).collect()
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

fn phone_value(number: PhoneNumber, with_extension: bool) -> Value {
    let mut value = json!({ "countryCode": number.country, "phoneNumber": number.number });
    if with_extension {
        value["extension"] = number.extension.into();
    }
    value
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
