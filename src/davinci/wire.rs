//! Reply bodies as the tenant writes them, nothing interpreted.
//!
//! Every member is optional and scalars are read loosely: a flow author may put a number where
//! another puts a text, and an unknown member must never stop a walk.

use crate::base::secret::Secret;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// A scalar as text; absent for null, lists and objects. It is part of the body where it can be: most
/// of what a body says is looked at once and never kept.
#[derive(Default)]
pub(super) struct Loose<'a>(pub(super) Option<Cow<'a, str>>);

/// Says whether there is a text and not which: it may be a token or a code.
impl fmt::Debug for Loose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.as_ref().map(|_| Secret::new(()));
        f.debug_tuple("Loose").field(&shown).finish()
    }
}

impl Loose<'_> {
    pub(super) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }

    pub(super) fn is_true(&self) -> bool {
        self.as_str() == Some("true")
    }

    pub(super) fn is_filled(&self) -> bool {
        self.as_str().is_some_and(|text| !text.is_empty())
    }

    /// The text if there is one and it is not empty.
    pub(super) fn filled(self) -> Option<String> {
        self.0.filter(|text| !text.is_empty()).map(Cow::into_owned)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl<'de> Visitor<'de> for Scalar {
            type Value = Option<Cow<'de, str>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Some(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Some(Cow::Owned(text.to_owned())))
            }
            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Some(Cow::Owned(text)))
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(Some(Cow::Borrowed(if flag { "true" } else { "false" })))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Some(Cow::Owned(number.to_string())))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Some(Cow::Owned(number.to_string())))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Some(Cow::Owned(number.to_string())))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(None)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(None)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(None)
            }
        }
        deserializer.deserialize_any(Scalar).map(Self)
    }
}

/// Whether a member is there at all and not null.
#[derive(Debug, Default)]
pub(super) struct Presence(pub(super) bool);

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<IgnoredAny>::deserialize(deserializer)?.is_some()))
    }
}

/// An object; absent where anything else stands.
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Option<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(None)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(None)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(None)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(None)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(None)
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(None)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(None)
            }
            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Some)
            }
        }
        deserializer.deserialize_any(Members(PhantomData)).map(Self)
    }
}

/// The first entries of a list; empty where anything else stands.
#[derive(Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

/// Entries of a list that are kept: more than any form has, few enough that a reply of the largest
/// size cannot take up a multiple of it in memory.
const MOST_ENTRIES: usize = 1000;

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Vec::new())
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Vec::new())
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Vec::new())
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Vec::new())
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Vec::new())
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Vec::new())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut kept = Vec::new();
                while kept.len() < MOST_ENTRIES {
                    let Some(item) = items.next_element()? else { return Ok(kept) };
                    kept.push(item);
                }
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(kept)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Vec::new())
            }
        }
        deserializer.deserialize_any(Entries(PhantomData)).map(Self)
    }
}

/// The members of an object with their values, in the order of the body.
#[derive(Debug, Default)]
pub(super) struct Members<'a>(pub(super) Vec<(Cow<'a, str>, Value)>);

impl Members<'_> {
    /// Takes a member's value out. Of members that come twice the last counts.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        let (_, value) = self.0.iter_mut().rev().find(|(name, _)| name == key)?;
        Some(value.take())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(Cow<'de, str>, Value)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some((Loose(name), value)) = members.next_entry()? {
                    pairs.push((name.unwrap_or_default(), value));
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Pairs).map(Self)
    }
}

/// Reads a body that is a JSON object, as a browser would: a byte order mark is skipped, bytes that
/// are no text are replaced, of members that come twice the last counts. None for anything else, and
/// for what nests deeper than 128 levels where it matters.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // The derived readers would take a list for an object, too.
    if !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    // Whether it is text is found out faster at once than for one member after the other.
    let read = match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    };
    read.ok().or_else(|| {
        let value: Value = serde_json::from_str(&String::from_utf8_lossy(body)).ok()?;
        T::deserialize(value).ok()
    })
}

/// The members of a reply that say what it is and what comes next.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Body<'a> {
    pub(super) id: Loose<'a>,
    pub(super) event_name: Loose<'a>,
    pub(super) interaction_id: Loose<'a>,
    pub(super) interaction_token: Loose<'a>,
    pub(super) flow_id: Loose<'a>,
    pub(super) connection_id: Loose<'a>,
    pub(super) connector_id: Loose<'a>,
    pub(super) capability_name: Loose<'a>,
    #[serde(rename = "_links")]
    pub(super) links: Object<Links<'a>>,
    pub(super) form_data: Object<FormData<'a>>,
    pub(super) form: Object<Form<'a>>,
    pub(super) screen: Object<Screen<'a>>,
    pub(super) session: Presence,
    pub(super) authorize_response: Object<AuthorizeResponse<'a>>,
    pub(super) dv_response: Loose<'a>,
    #[serde(rename = "access_token")]
    pub(super) access_token: Loose<'a>,
    #[serde(rename = "id_token")]
    pub(super) id_token: Loose<'a>,
    pub(super) status: Loose<'a>,
    pub(super) error: Failure,
    pub(super) code: Loose<'a>,
    pub(super) details: List<Object<Detail<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Links<'a> {
    pub(super) next: Object<Link<'a>>,
    #[serde(rename = "self")]
    pub(super) own: Object<Link<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Link<'a> {
    pub(super) href: Loose<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct FormData<'a> {
    pub(super) value: Object<Members<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Form<'a> {
    pub(super) name: Loose<'a>,
    pub(super) category: Loose<'a>,
    pub(super) components: Object<Components<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Components<'a> {
    pub(super) fields: List<Object<Field<'a>>>,
}

/// An input, a button, or something only to be looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Field<'a> {
    #[serde(rename = "type")]
    pub(super) kind: Loose<'a>,
    pub(super) key: Loose<'a>,
    pub(super) required: Loose<'a>,
    pub(super) validation: Presence,
    pub(super) default_country_code: Loose<'a>,
    pub(super) show_extension: Loose<'a>,
    pub(super) options: List<Object<Choice<'a>>>,
    pub(super) poll_interval: Loose<'a>,
    pub(super) poll_retries: Loose<'a>,
    pub(super) poll_challenge_status: Loose<'a>,
    pub(super) challenge: Loose<'a>,
}

/// One of the devices that a field offers.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Choice<'a> {
    #[serde(rename = "type")]
    pub(super) kind: Loose<'a>,
    pub(super) id: Loose<'a>,
    pub(super) description: Loose<'a>,
    pub(super) default: Loose<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Screen<'a> {
    pub(super) properties: Object<Properties<'a>>,
}

/// What the hosted page would show.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Properties<'a> {
    #[serde(rename = "customHTML")]
    pub(super) custom_html: Object<Property<Loose<'a>>>,
    pub(super) form_fields_list: Object<Property<List<Object<ScreenField<'a>>>>>,
    pub(super) button: Object<Button>,
    pub(super) challenge: Object<Property<Loose<'a>>>,
    pub(super) node_title: Object<Property<Loose<'a>>>,
    pub(super) enable_polling: Object<Property<Loose<'a>>>,
    pub(super) poll_interval: Object<Property<Loose<'a>>>,
    pub(super) poll_retries: Object<Property<Loose<'a>>>,
    pub(super) poll_challenge_status: Object<Property<Loose<'a>>>,
}

/// A property, of which only the value matters.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound = "T: Default + Deserialize<'de>")]
pub(super) struct Property<T> {
    pub(super) value: T,
}

impl<T: Default> Object<Property<T>> {
    /// The property's value, or none of it.
    pub(super) fn value(self) -> T {
        self.0.map(|property| property.value).unwrap_or_default()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct ScreenField<'a> {
    pub(super) property_name: Loose<'a>,
    pub(super) preferred_data_type: Loose<'a>,
    pub(super) hashed_visibility: Loose<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Button {
    pub(super) on_click: Object<Map<String, Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct AuthorizeResponse<'a> {
    pub(super) code: Loose<'a>,
    pub(super) state: Loose<'a>,
}

/// One of the platform's own errors behind a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Detail<'a> {
    pub(super) raw_response: Object<RawResponse<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct RawResponse<'a> {
    pub(super) details: List<Object<Problem<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Problem<'a> {
    pub(super) target: Loose<'a>,
    pub(super) code: Loose<'a>,
}

/// `error`: an object with a code in a failed flow, a word in an OAuth error.
#[derive(Debug, Default)]
pub(super) struct Failure {
    /// Whether there is one that is not null.
    pub(super) is_there: bool,
    /// Its word or code.
    pub(super) code: Option<String>,
}

impl<'de> Deserialize<'de> for Failure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let code = match &value {
            Value::String(word) => Some(word.clone()),
            Value::Object(members) => {
                members.get("code").and_then(Value::as_str).map(str::to_owned)
            }
            _ => None,
        };
        Ok(Self { is_there: !value.is_null(), code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_body_that_is_printed_shows_no_token() {
        let body: Body<'_> =
            serde_json::from_str(r#"{"interactionToken":"tok-77","id":"node-1"}"#).unwrap();
        let shown = format!("{body:?}");
        assert!(shown.contains("Loose(Some(***))") && !shown.contains("tok-77"), "{shown}");
    }

    #[test]
    fn scalars_of_the_wrong_type_are_read_loosely() {
        let body: Body<'_> = serde_json::from_str(
            r#"{"id":7,"eventName":null,"flowId":["x"],"code":1999,"status":true,"session":null,"_links":null}"#,
        )
        .unwrap();
        assert_eq!(body.id.as_str(), Some("7"));
        assert_eq!(body.event_name.as_str(), None);
        assert_eq!(body.flow_id.as_str(), None);
        assert_eq!(body.code.as_str(), Some("1999"));
        assert!(!body.session.0 && !body.error.is_there);
    }

    #[test]
    fn what_does_not_fit_is_absent_and_stops_nothing() {
        let cases = [
            r#"{"form":7,"formData":[[]],"screen":"x","_links":[{"next":1}],"details":{"a":1}}"#,
            r#"{"form":{"components":{"fields":{"0":{}}}},"formData":{"value":[]},"authorizeResponse":true}"#,
            r#"{"form":{"components":{"fields":[7,null,[],{"type":[],"key":{}}]}},"details":[[],{"rawResponse":-1.5}]}"#,
        ];
        for case in cases {
            assert!(read::<Body<'_>>(case.as_bytes()).is_some(), "{case}");
        }
    }

    #[test]
    fn a_body_is_read_as_a_browser_reads_it() {
        let id = |body: &[u8]| read::<Body<'_>>(body)?.id.filled();
        assert_eq!(id(b"\xef\xbb\xbf {\"id\":\"a\"}").as_deref(), Some("a"));
        assert_eq!(id(br#"{"id":"a","id":"b"}"#).as_deref(), Some("b"));
        assert_eq!(id(b"{\"id\":\"\xff\"}").as_deref(), Some("\u{fffd}"));
        assert_eq!(id(br#"{"id":"a\u0000"}"#).as_deref(), Some("a\0"));
        assert_eq!(id(br#"{"id":"a","label":"\ud800"}"#).as_deref(), Some("a"));
        assert_eq!(
            id(br#"{"id":99999999999999999999999}"#).as_deref(),
            Some("100000000000000000000000")
        );
        assert_eq!(id(br#"{"id":"\ud800"}"#), None);
        assert_eq!(id(b"[{\"id\":\"a\"}]"), None);
        assert_eq!(id(b"{\"id\":\"a\"}\0"), None);
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = |member: &str| {
            let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
            format!(r#"{{"{member}":{open}{close},"id":"a"}}"#)
        };
        assert!(read::<Body<'_>>(deep("whatever").as_bytes()).is_some());
        assert!(read::<Body<'_>>(deep("error").as_bytes()).is_none());
        let many =
            format!(r#"{{"form":{{"components":{{"fields":[{}{{}}]}}}}}}"#, "{},".repeat(9999));
        let body: Body<'_> = read(many.as_bytes()).unwrap();
        assert_eq!(body.form.0.unwrap().components.0.unwrap().fields.0.len(), MOST_ENTRIES);
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Body<'_>>(&bytes);
        }
    }
}
