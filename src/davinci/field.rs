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
        field: wire::Field<'_>,
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
    pub const fn plain(key: String, kind: FieldKind) -> Self {
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
    fn read(choice: &Choice<'_>) -> Self {
        let text = |text: &wire::Loose<'_>| text.as_str().unwrap_or_default().to_owned();
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

#[cfg(test)]
mod tests {
    use super::super::form::{Event, Filled, Form};
    use super::*;

    /// One type: the field, the form's value for it, an answer, and what is sent for it touched and
    /// untouched by each client; null where the key is left out.
    struct Case {
        field: &'static str,
        prefill: &'static str,
        answer: &'static str,
        touched: [&'static str; 2],
        untouched: [&'static str; 2],
    }

    const fn case(
        field: &'static str,
        [prefill, answer]: [&'static str; 2],
        touched: [&'static str; 2],
        untouched: [&'static str; 2],
    ) -> Case {
        Case { field, prefill, answer, touched, untouched }
    }

    const OMITTED: &str = "null";

    /// Every type with a value. `k` is the key of each.
    #[rustfmt::skip]
    const CASES: &[Case] = &[
        case(r#""type":"TEXT""#, [r#""d""#, "a"], [r#""a""#; 2], [r#""""#, r#""d""#]),
        case(r#""type":"TEXT","validation":{"regex":"x"}"#, [r#""d""#, "a"], [r#""a""#; 2], [r#""d""#; 2]),
        case(r#""type":"TEXT","required":false"#, [r#""d""#, "a"], [r#""a""#; 2], [r#""d""#; 2]),
        case(r#""type":"TEXT""#, ["null", ""], [r#""""#, OMITTED], [r#""""#, OMITTED]),
        case(r#""type":"PASSWORD""#, [r#""d""#, "a"], [r#""a""#; 2], [r#""""#, OMITTED]),
        case(r#""type":"PASSWORD_VERIFY","verify":true"#, [r#""""#, "a"], [r#""a""#; 2], [r#""""#, OMITTED]),
        case(r#""type":"RADIO","options":[{"value":"a"}]"#, [r#""d""#, "a"], [r#""a""#; 2], [r#""""#, r#""d""#]),
        case(r#""type":"DROPDOWN","options":[{"value":"a"}]"#, [r#""""#, "a"], [r#""a""#; 2], [r#""""#, OMITTED]),
        case(r#""type":"CHECKBOX""#, ["null", "a, b,"], [r#"["a","b"]"#; 2], ["[]", OMITTED]),
        case(r#""type":"COMBOBOX""#, [r#"["d"]"#, r#"["a, b"]"#], [r#"["a, b"]"#; 2], [r#"["d"]"#; 2]),
        case(r#""type":"SINGLE_CHECKBOX""#, ["null", "True"], ["true"; 2], ["false"; 2]),
        case(r#""type":"PHONE_NUMBER","defaultCountryCode":"GB""#, ["null", "07700 900123"],
            [r#"{"countryCode":"GB","phoneNumber":"07700900123"}"#; 2],
            [r#"{"countryCode":"GB","phoneNumber":""}"#, OMITTED]),
        case(r#""type":"PHONE_NUMBER","defaultCountryCode":null,"showExtension":true"#,
            [r#"{"countryCode":"DE","phoneNumber":"1","extension":"2"}"#, "+44 7700900123 x9"],
            [r#"{"countryCode":"GB","phoneNumber":"7700900123","extension":"9"}"#; 2],
            [r#"{"countryCode":"DE","phoneNumber":"1","extension":"2"}"#; 2]),
        case(r#""type":"DEVICE_REGISTRATION","options":[{"type":"EMAIL"},{"type":"SMS"}]"#, ["null", "sms"],
            [r#""SMS""#; 2], [r#""""#, OMITTED]),
        case(r#""type":"DEVICE_AUTHENTICATION","options":[{"type":"EMAIL","id":"1","description":"a@b"},
                {"type":"SMS","id":"2","description":"+1","default":true}]"#, ["null", "1"],
            [r#"{"type":"EMAIL","id":"1","value":"a@b"}"#; 2],
            [r#"{"type":"SMS","id":"2","value":"+1"}"#, OMITTED]),
        case(r#""type":"DEVICE_AUTHENTICATION","options":[{"type":"EMAIL","id":"1","description":"a@b"}]"#, ["null", "EMAIL"],
            [r#"{"type":"EMAIL","id":"1","value":"a@b"}"#; 2],
            [r#"{"type":"","id":"","value":""}"#, OMITTED]),
        case(r#""type":"FIDO2","action":"REGISTER""#, ["null", r#"{"attestationValue":{"id":"x"}}"#],
            [r#"{"attestationValue":{"id":"x"}}"#; 2], ["{}", OMITTED]),
        case(r#""type":"PROTECT""#, ["null", "signals"], [r#""signals""#; 2], [r#""""#, OMITTED]),
        case(r#""type":"POLLING""#, ["null", "continue"], [r#""continue""#; 2], [r#""""#, OMITTED]),
        case(r#""type":"METADATA","payload":{}"#, ["null", r#"{"done":true}"#], [r#"{"done":true}"#; 2], ["{}", OMITTED]),
    ];

    fn form(field: &str, prefill: &str) -> Form {
        let text = format!(r#"{{"components":{{"fields":[{{"key":"k",{field}}}]}}}}"#);
        let form: wire::Form<'_> = serde_json::from_str(&text).unwrap();
        let values = vec![("k".into(), serde_json::from_str(prefill).unwrap())];
        Form::read(form, wire::Members(values))
    }

    #[test]
    fn every_type_is_sent_as_each_genuine_client_sends_it_touched_or_not() {
        for case in CASES {
            let form = form(case.field, case.prefill);
            let answer = [Filled { key: "k".into(), text: case.answer.into() }];
            for (at, client) in [Client::JavaScript, Client::Mobile].into_iter().enumerate() {
                for (answers, expected) in
                    [(&answer[..], case.touched[at]), (&[], case.untouched[at])]
                {
                    let data = form.data(answers, client, Event::Submit).unwrap();
                    let sent = data.get("k").cloned().unwrap_or_default();
                    let expected: Value = serde_json::from_str(expected).unwrap();
                    assert_eq!(sent, expected, "{client:?} {answers:?} {}", case.field);
                }
            }
            let pressed = form.data(&answer, Client::JavaScript, Event::Action).unwrap();
            assert_eq!(pressed.contains_key("k"), !case.field.contains("FIDO2"), "{}", case.field);
            assert_eq!(form.data(&answer, Client::Mobile, Event::Action).unwrap(), Map::new());
        }
    }

    #[test]
    fn no_type_is_missing_from_the_table_of_the_test() {
        for (name, _) in FIELD_TYPES {
            let wanted = format!(r#""type":"{name}""#);
            assert!(CASES.iter().any(|case| case.field.starts_with(&wanted)), "{name}");
        }
    }

    #[test]
    fn a_required_field_is_content_only_with_a_value_that_says_something() {
        let unmapped = |field: &str, prefill: &str| {
            form(&format!(r#"{field},"required":true"#), prefill)
                .data(&[], Client::JavaScript, Event::Submit)
                .is_err()
        };
        assert!(unmapped(r#""type":"TEXT""#, "null"));
        assert!(!unmapped(r#""type":"TEXT""#, r#""d""#));
        assert!(unmapped(r#""type":"SINGLE_CHECKBOX""#, "null"));
        assert!(unmapped(r#""type":"PHONE_NUMBER","defaultCountryCode":"GB""#, "null"));
        assert!(unmapped(r#""type":"FIDO2""#, "null"));
        assert!(!unmapped(r#""type":"CHECKBOX""#, r#"["d"]"#));
    }

    #[test]
    fn a_device_that_is_not_there_is_named_with_those_that_are() {
        let form = form(
            r#""type":"DEVICE_REGISTRATION","options":[{"type":"EMAIL"},{"type":"SMS"}]"#,
            "null",
        );
        let answer = [Filled { key: "k".into(), text: "FIDO2".into() }];
        let error = form.data(&answer, Client::JavaScript, Event::Submit).unwrap_err();
        assert_eq!(error.to_string(), "`k` offers `EMAIL`, `SMS`, not `FIDO2`");
    }
}
