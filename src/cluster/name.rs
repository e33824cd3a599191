//! Names of groups and agents, as they stand in subjects, in file names and in reports.

use crate::base::remedy::Remedy;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The longest name, in characters.
const LONGEST: usize = 48;

/// A word that can stand in a subject and in a file name: letters, digits, `-` and `_`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is no name of a group or an agent")]
pub struct NameError {
    /// As much of it as there is room for.
    text: String,
}

impl Remedy for NameError {
    fn remedy(&self) -> Option<String> {
        Some(format!("take 1 to {LONGEST} letters, digits, `-` and `_`"))
    }
}

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name nearest to what a machine is called, with something behind it, which is letters and digits.
    pub fn of_machine(called: &str, behind: &str) -> Self {
        let room = LONGEST.saturating_sub(behind.len() + 1);
        let fitting = |c: char| if is_fitting(c) { c } else { '-' };
        let own: String = called.trim().chars().map(fitting).take(room).collect();
        let own = own.trim_matches('-');
        let own = if own.is_empty() { "agent" } else { own };
        Self(format!("{own}-{behind}"))
    }
}

const fn is_fitting(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = !text.is_empty() && text.len() <= LONGEST && text.chars().all(is_fitting);
        // In a file name a leading dash would be read as a flag by whoever types it.
        if fits && !text.starts_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError { text: text.chars().take(2 * LONGEST).collect() })
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What comes from elsewhere is checked like what is typed.
impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Name {
    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = format!("^[A-Za-z0-9_][A-Za-z0-9_-]{{0,{}}}$", LONGEST - 1);
        json_schema!({ "type": "string", "pattern": pattern })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_can_stand_in_a_subject_and_in_a_path() {
        let many = "n".repeat(LONGEST + 1);
        for wrong in ["", "a.b", "a b", "a/b", "..", "*", ">", "-n", "ä", many.as_str()] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong}");
            assert!(serde_json::from_value::<Name>(wrong.into()).is_err(), "{wrong}");
        }
        for right in ["load", "gander-0", "A_1", &many[1..]] {
            assert_eq!(right.parse::<Name>().unwrap().as_str(), right);
        }
    }

    #[test]
    fn machines_are_called_as_they_are_as_far_as_that_goes() {
        for (called, name) in [
            ("load1\n", "load1-x7k2"),
            ("load1.example.com", "load1-example-com-x7k2"),
            (".a.", "a-x7k2"),
            (" ...", "agent-x7k2"),
        ] {
            let made = Name::of_machine(called, "x7k2");
            assert_eq!((made.as_str(), made.as_str().parse()), (name, Ok(made.clone())));
        }
        let long = Name::of_machine(&"m".repeat(99), "x7k2");
        assert_eq!(long.as_str().len(), LONGEST);
        assert!(long.as_str().ends_with("-x7k2"));
    }

    proptest! {
        #[test]
        fn the_schema_takes_what_the_reader_takes(text in "[-a-zA-Z0-9_. ]{0,52}") {
            let schema = Name::json_schema(&mut SchemaGenerator::default());
            let pattern = schema.get("pattern").and_then(|it| it.as_str()).unwrap().to_owned();
            let fits = regex::Regex::new(&pattern).unwrap().is_match(&text);
            prop_assert_eq!(text.parse::<Name>().is_ok(), fits);
        }
    }
}
