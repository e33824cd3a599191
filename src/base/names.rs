//! Names as types, so that a journey can never be passed where a step is meant.

use std::fmt;
use std::sync::Arc;

/// Reads a name with one allocation: the lines of a timeline are full of them.
struct Text;

impl serde::de::Visitor<'_> for Text {
    type Value = Arc<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<Arc<str>, E> {
        Ok(text.into())
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name.into())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// One flow version or configuration under comparison.
    Variant;
    /// What a user wants to achieve, start to end.
    Journey;
    /// One form answered: the name of the rule that answered it.
    Step;
    /// What the tenant was doing: the `capabilityName` of the form being answered, or the name of
    /// a call outside the flow (`authorize`, `token`, …).
    Capability;
    /// One execution of a plan; also the name of its directory.
    RunId;
}

/// Where variants are told apart by flow: the variant of iterations that ended before they met one.
pub const UNKNOWN_FLOW: &str = "unknown";

/// Where variants are told apart by flow: the variant of those that met one more.
pub const OTHER_FLOW: &str = "other";

/// Most flows that are told apart as variants. A policy splits its traffic among a handful, and a table
/// of more says nothing any more.
pub const MOST_FLOW_VARIANTS: usize = 16;
