//! Built-in journeys: files of the same form that users write, embedded.

use super::script::Script;
use crate::base::document::Problem;

/// Name and text of each built-in journey.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("register", include_str!("catalog/register.toml")),
    ("sign-on", include_str!("catalog/sign-on.toml")),
    ("recovery", include_str!("catalog/recovery.toml")),
];

/// The built-in journey of this name. `Err` only if the embedded file is broken, which a test
/// rules out.
pub fn built_in(name: &str) -> Option<Result<Script, Vec<Problem>>> {
    let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    Some(Script::parse(&format!("{name}.toml (built in)"), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_journey_is_sound_and_named_as_its_file() {
        for (name, _) in BUILT_IN {
            let script = built_in(name).unwrap().unwrap();
            assert_eq!(script.name.as_str(), *name);
        }
        assert!(built_in("nobody").is_none());
    }
}
