//! JSON Schemas of documents that people write: how a text with a unit looks, which words there are, and
//! the document around it all. What is described here is read by [`super::document`].

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Value, json};

/// A number without a sign.
const NUMBER: &str = r"(\d+(\.\d*)?|\.\d+)";

/// A reference to something outside of the document is filled in before anything is read, so that it may
/// stand wherever a text may.
const REFERENCE: &str = r"\$\{";

/// The schema of a document format: draft 7, which editors for TOML know. Its id and title never change.
pub fn document<T: JsonSchema>(name: &str) -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        // First, so that the others find no union where there is none any more.
        settings.transforms.insert(0, Box::new(RecursiveTransform(without_null)));
    });
    let schema = settings.into_generator().into_root_schema_for::<T>();
    identified(schema.to_value(), name)
}

/// A schema under the name that it has in the world.
pub fn identified(mut schema: Value, name: &str) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert("$id".to_owned(), format!("urn:gander:schema:{name}").into());
        members.insert("title".to_owned(), format!("gander {name}").into());
    }
    schema
}

/// TOML has no null: what is absent is not written.
fn without_null(schema: &mut Schema) {
    let Some(members) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            members.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
        choices.retain(|choice| *choice != json!({ "type": "null" }));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            members.remove("anyOf");
            for (key, value) in only {
                members.entry(key).or_insert(value);
            }
        }
    }
}

/// One of a few words.
pub fn words<'w>(words: impl IntoIterator<Item = &'w str>) -> Schema {
    let words: Vec<&str> = words.into_iter().collect();
    json_schema!({ "type": "string", "enum": words })
}

/// One of a few words, or a reference to something that holds one.
pub fn words_or_reference<'w>(known: impl IntoIterator<Item = &'w str>) -> Schema {
    let reference = json!({ "type": "string", "pattern": REFERENCE });
    json_schema!({ "anyOf": [words(known), reference] })
}

/// A text that looks like this from its first character to its last, or has a reference in it.
pub fn text_like(pattern: &str) -> Schema {
    json_schema!({ "type": "string", "pattern": format!(r"{REFERENCE}|^\s*({pattern})\s*$") })
}

/// A text that may not stand in the document itself.
pub fn secret() -> Schema {
    json_schema!({ "type": "string", "pattern": r"\$\{.+\}" })
}

/// How a duration looks, as [`super::units::Span`] reads it, but for white space around it.
pub fn span_pattern() -> String {
    format!(r"({NUMBER}\s*(us|µs|ms|s|min|m|h|d)\s*)+")
}

/// The same without white space inside, where words follow each other.
pub fn span_word_pattern() -> String {
    format!("({NUMBER}(us|µs|ms|s|min|m|h|d))+")
}

/// How a number looks.
pub const fn number_pattern() -> &'static str {
    NUMBER
}

/// As [`super::units::Rate`] reads it.
pub fn rate_pattern() -> String {
    format!(r"{NUMBER}([eE][+-]?\d+)?\s*/\s*(s|min|m|h)")
}

/// As [`super::units::Share`] reads it: from 0 to 100 %.
pub fn share_pattern() -> String {
    r"0*(100(\.0*)?|\d{1,2}(\.\d*)?|\.\d+)\s*%".to_owned()
}

/// As [`super::units::Size`] reads it.
pub fn size_pattern() -> String {
    r"\d+\s*(B|KiB|MiB|GiB)".to_owned()
}

/// Types that stand for themselves in a schema: a name, what it is for people, and how it is written.
macro_rules! described {
    ($($(#[doc = $doc:literal])+ $name:ident = $schema:expr;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(crate) struct $name;

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut schema: schemars::Schema = $schema;
                let lines: &[&str] = &[$($doc),+];
                let lines: Vec<_> = lines.iter().map(|line| line.trim()).collect();
                schema.insert("description".to_owned(), lines.join(" ").into());
                schema
            }
        }
    )+};
}

pub(crate) use described;

described! {
    /// A length of time with its unit: `250ms`, `1.5s`, `5m`, `1h30m`, `2d`.
    Duration = text_like(&span_pattern());
    /// So many in a time: `40/s`, `600/min`, `60000/h`.
    Rate = text_like(&rate_pattern());
    /// A part of a whole: `1.5%`.
    Share = text_like(&share_pattern());
    /// A number of bytes with its unit: `512KiB`, `4MiB`, `1000B`.
    Size = text_like(&size_pattern());
    /// Not written here but named: `${NAME}`, `${file:PATH}` or `${cmd:COMMAND}`.
    Secret = secret();
}

#[cfg(test)]
pub(crate) mod drift;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::units;
    use proptest::prelude::*;
    use std::str::FromStr;

    fn fits(pattern: &str, text: &str) -> bool {
        let schema = text_like(pattern);
        let pattern = schema.get("pattern").and_then(Value::as_str).unwrap();
        regex::Regex::new(pattern).unwrap().is_match(text)
    }

    fn agree<T: FromStr>(pattern: &str, text: &str) -> Result<(), TestCaseError> {
        prop_assert_eq!(text.parse::<T>().is_ok(), fits(pattern, text), "{}", text);
        Ok(())
    }

    #[test]
    fn a_reference_fits_everywhere_and_a_bare_number_nowhere() {
        for pattern in [span_pattern(), rate_pattern(), share_pattern(), size_pattern()] {
            assert!(fits(&pattern, "${NAME:-1}") && fits(&pattern, "1${UNIT}"), "{pattern}");
            assert!(!fits(&pattern, "250") && !fits(&pattern, ""), "{pattern}");
        }
    }

    proptest! {
        /// The schema takes what the reader takes and refuses what it refuses.
        #[test]
        fn patterns_and_readers_agree(
            text in "[ ]?[0-9]{0,3}[.]?[0-9]{0,2}[ ]?(us|µs|ms|s|m|min|h|d|x|B|KiB|MB|%|/s|/min|/ h|/y)?([0-9]{1,2}(ms|s|m))?[ ]?",
        ) {
            agree::<units::Span>(&span_pattern(), &text)?;
            agree::<units::Rate>(&rate_pattern(), &text)?;
            agree::<units::Share>(&share_pattern(), &text)?;
            agree::<units::Size>(&size_pattern(), &text)?;
        }
    }
}
