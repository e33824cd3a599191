//! Built-in journeys: files of the same form that users write, embedded.

use super::script::Script;
use crate::base::document::Problem;

/// Name and text of each built-in journey.
#[rustfmt::skip]
pub const BUILT_IN: &[(&str, &str)] = &[
    ("register", include_str!("catalog/register.toml")),
    ("register-resend", include_str!("catalog/register-resend.toml")),
    ("register-cancel", include_str!("catalog/register-cancel.toml")),
    ("register-invalid", include_str!("catalog/register-invalid.toml")),
    ("register-duplicate", include_str!("catalog/register-duplicate.toml")),
    ("sign-on", include_str!("catalog/sign-on.toml")),
    ("sign-on-wrong-password", include_str!("catalog/sign-on-wrong-password.toml")),
    ("sign-on-expired-password", include_str!("catalog/sign-on-expired-password.toml")),
    ("sign-on-locked", include_str!("catalog/sign-on-locked.toml")),
    ("sign-on-session", include_str!("catalog/sign-on-session.toml")),
    ("recovery", include_str!("catalog/recovery.toml")),
    ("recovery-resend", include_str!("catalog/recovery-resend.toml")),
    ("recovery-cancel", include_str!("catalog/recovery-cancel.toml")),
    ("recovery-wrong-code", include_str!("catalog/recovery-wrong-code.toml")),
    ("start-with-input", include_str!("catalog/start-with-input.toml")),
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
    use crate::journey::template::Variable;

    #[test]
    fn every_built_in_journey_is_sound_and_named_as_its_file() {
        for (name, _) in BUILT_IN {
            let script = built_in(name).unwrap().unwrap();
            assert_eq!(script.name.as_str(), *name);
        }
        assert!(built_in("nobody").is_none());
    }

    #[test]
    fn whoever_sends_a_new_password_of_an_account_says_that_it_may_change() {
        let mut met = 0;
        for (name, _) in BUILT_IN {
            for rule in built_in(name).unwrap().unwrap().rules {
                let mut variables = rule.answer.iter().flat_map(|(_, text)| text.variables());
                if variables.any(|variable| variable == Variable::AccountNewPassword) {
                    assert!(rule.changes_password, "`{}` of {name}", rule.name);
                    met += 1;
                }
            }
        }
        assert!(met >= 4, "{met}");
    }
}
