//! Reply bodies as the tenant writes them, nothing interpreted.
//!
//! Every member is optional and scalars are read loosely: a flow author may put a number where
//! another puts a text, and an unknown member must never stop a walk.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A scalar as text; absent for null, lists and objects.
#[derive(Debug, Default)]
pub(super) struct Loose(pub(super) Option<String>);

impl Loose {
    pub(super) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text if there is one and it is not empty.
    pub(super) fn filled(self) -> Option<String> {
        self.0.filter(|text| !text.is_empty())
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl<'de> Visitor<'de> for Scalar {
            type Value = Option<String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Some(text.to_owned()))
            }
            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Some(text))
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(Some(flag.to_string()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Some(number.to_string()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Some(number.to_string()))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Some(number.to_string()))
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

/// The members of a reply that say what it is and what comes next.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Body {
    pub(super) id: Loose,
    pub(super) event_name: Loose,
    pub(super) interaction_id: Loose,
    pub(super) interaction_token: Loose,
    pub(super) flow_id: Loose,
    pub(super) connection_id: Loose,
    pub(super) connector_id: Loose,
    pub(super) capability_name: Loose,
    #[serde(rename = "_links")]
    pub(super) links: Option<Links>,
    pub(super) form_data: Option<FormData>,
    pub(super) form: Option<Form>,
    pub(super) screen: Presence,
    pub(super) session: Presence,
    pub(super) authorize_response: Option<AuthorizeResponse>,
    pub(super) dv_response: Presence,
    #[serde(rename = "access_token")]
    pub(super) access_token: Presence,
    pub(super) status: Loose,
    pub(super) error: Presence,
    pub(super) code: Loose,
    pub(super) details: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Links {
    pub(super) next: Option<Link>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Link {
    pub(super) href: Loose,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FormData {
    pub(super) value: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Form {
    pub(super) name: Loose,
    pub(super) category: Loose,
    pub(super) components: Option<Components>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Components {
    pub(super) fields: Vec<Field>,
}

/// An input, a button, or something only to be looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Field {
    #[serde(rename = "type")]
    pub(super) kind: Loose,
    pub(super) key: Loose,
    pub(super) required: Loose,
    pub(super) validation: Presence,
    pub(super) default_country_code: Loose,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthorizeResponse {
    pub(super) code: Loose,
    pub(super) state: Loose,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scalars_of_the_wrong_type_are_read_loosely() {
        let body: Body = serde_json::from_str(
            r#"{"id":7,"eventName":null,"flowId":["x"],"code":1999,"status":true,"session":null,"_links":null}"#,
        )
        .unwrap();
        assert_eq!(body.id.as_str(), Some("7"));
        assert_eq!(body.event_name.as_str(), None);
        assert_eq!(body.flow_id.as_str(), None);
        assert_eq!(body.code.as_str(), Some("1999"));
        assert!(!body.session.0 && !body.error.0);
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = serde_json::from_slice::<Body>(&bytes);
        }
    }
}
