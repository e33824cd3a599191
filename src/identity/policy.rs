//! The platform's three built-in password policies as a table, and what a password breaks of them.
//!
//! The rules are documented, except where a comment says otherwise.

use crate::base::remedy::edit_distance;
use std::collections::BTreeSet;

/// What a policy asks of a new password. A rule that is `None` or `false` is not applied. A new
/// password may never equal the current one, whatever the policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Name of the policy.
    pub name: &'static str,
    /// Least and greatest number of characters.
    pub length: Option<(usize, usize)>,
    /// One lower-case letter, one upper-case letter, one digit and one of [`SPECIAL`] at least.
    pub all_classes: bool,
    /// How often a character may stand in a row.
    pub longest_repeat: Option<usize>,
    /// How many different characters there must be.
    pub least_different: Option<usize>,
    /// Whether it may equal an attribute of the user, letter case aside.
    pub not_an_attribute: bool,
    /// Least number of changes from the current password (Levenshtein).
    pub least_distance: Option<usize>,
    /// Least time to guess it, in days.
    pub least_days_to_guess: Option<f64>,
}

/// Characters that count as special.
pub const SPECIAL: &str = "~!@#$%^&*()-_=+[]\\{}|;:,.<>/?";

/// The built-in policies, the default first. All of them refuse common passwords.
pub const POLICIES: &[Policy] = &[
    Policy {
        name: "standard",
        length: Some((8, 255)),
        all_classes: true,
        longest_repeat: Some(2),
        least_different: Some(5),
        not_an_attribute: true,
        least_distance: Some(3),
        least_days_to_guess: None,
    },
    Policy {
        name: "passphrase",
        length: None,
        all_classes: false,
        longest_repeat: None,
        least_different: None,
        not_an_attribute: true,
        least_distance: Some(3),
        least_days_to_guess: Some(7.0),
    },
    Policy {
        name: "basic",
        length: Some((8, 255)),
        all_classes: true,
        longest_repeat: None,
        least_different: None,
        not_an_attribute: false,
        least_distance: None,
        least_days_to_guess: None,
    },
];

/// What a password is judged against.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The password that is valid now; never shown.
    pub current: Option<&'a str>,
    /// Login, names and other attributes of the user.
    pub attributes: &'a [&'a str],
}

/// A rule that a password breaks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Violation {
    /// Fewer characters than the policy asks for.
    TooShort,
    /// More characters than the policy allows.
    TooLong,
    /// One of the four classes of characters is absent.
    ClassMissing,
    /// A character stands too often in a row.
    Repeats,
    /// Too few different characters.
    TooFewDifferent,
    /// It is on the list of common passwords.
    Common,
    /// It equals the current password.
    SameAsCurrent,
    /// It is nearly the current password.
    TooSimilar,
    /// It equals an attribute of the user.
    IsAttribute,
    /// It is guessed too soon.
    TooSimple,
}

/// Passwords that every list of common ones holds. The platform's own list is not published.
const COMMON: &[&str] = &[
    "123456",
    "12345678",
    "123456789",
    "1q2w3e4r",
    "abc123",
    "admin",
    "changeme",
    "dragon",
    "iloveyou",
    "letmein",
    "monkey",
    "p@ssw0rd",
    "p@ssw0rd1",
    "passw0rd",
    "password",
    "password1",
    "password1!",
    "password123",
    "qwerty",
    "qwerty123",
    "qwertyuiop",
    "sunshine",
    "welcome",
    "welcome1",
    "welcome1!",
];

/// How fast a password is guessed; assumed, the platform does not say.
const GUESSES_PER_DAY: f64 = 1e10 * 86_400.0;

impl Policy {
    /// A policy by its name.
    pub fn named(name: &str) -> Option<&'static Self> {
        POLICIES.iter().find(|policy| policy.name == name)
    }

    /// Every rule that a password breaks, in the order of [`Violation`].
    pub fn violations(&self, password: &str, context: Context<'_>) -> Vec<Violation> {
        let length = password.chars().count();
        let (least, most) = self.length.unwrap_or((0, usize::MAX));
        let same = context.current == Some(password);
        let near = |current: &str, least: usize| edit_distance(password, current) < least;
        let checks = [
            (length < least, Violation::TooShort),
            (length > most, Violation::TooLong),
            (self.all_classes && !has_all_classes(password), Violation::ClassMissing),
            (
                self.longest_repeat.is_some_and(|most| longest_repeat(password) > most),
                Violation::Repeats,
            ),
            (
                self.least_different.is_some_and(|least| different(password) < least),
                Violation::TooFewDifferent,
            ),
            (COMMON.contains(&password.to_lowercase().as_str()), Violation::Common),
            (same, Violation::SameAsCurrent),
            (
                !same
                    && self
                        .least_distance
                        .zip(context.current)
                        .is_some_and(|(least, current)| near(current, least)),
                Violation::TooSimilar,
            ),
            (
                self.not_an_attribute && is_attribute(password, context.attributes),
                Violation::IsAttribute,
            ),
            (
                self.least_days_to_guess.is_some_and(|least| days_to_guess(password) < least),
                Violation::TooSimple,
            ),
        ];
        checks.into_iter().filter(|(broken, _)| *broken).map(|(_, violation)| violation).collect()
    }
}

/// A class of characters.
struct Class {
    holds: fn(char) -> bool,
    size: u32,
}

const CLASSES: &[Class] = &[
    Class { holds: |c| c.is_ascii_lowercase(), size: 26 },
    Class { holds: |c| c.is_ascii_uppercase(), size: 26 },
    Class { holds: |c| c.is_ascii_digit(), size: 10 },
    Class { holds: |c| SPECIAL.contains(c), size: 29 },
];

fn has_all_classes(password: &str) -> bool {
    CLASSES.iter().all(|class| password.chars().any(class.holds))
}

fn longest_repeat(password: &str) -> usize {
    let characters: Vec<char> = password.chars().collect();
    characters.chunk_by(|a, b| a == b).map(<[char]>::len).max().unwrap_or(0)
}

fn different(password: &str) -> usize {
    password.chars().collect::<BTreeSet<_>>().len()
}

fn is_attribute(password: &str, attributes: &[&str]) -> bool {
    attributes.iter().any(|attribute| attribute.to_lowercase() == password.to_lowercase())
}

/// Half of all passwords of this length from the classes used, at the assumed rate. Coarser than
/// what the platform does, which is not documented; ours are far beyond any such measure.
fn days_to_guess(password: &str) -> f64 {
    let used = CLASSES.iter().filter(|class| password.chars().any(class.holds));
    let alphabet = f64::from(used.map(|class| class.size).sum::<u32>()).max(1.0);
    let length = i32::try_from(password.chars().count()).unwrap_or(i32::MAX);
    alphabet.powi(length) / 2.0 / GUESSES_PER_DAY
}

#[cfg(test)]
mod tests {
    use super::*;
    use Violation::*;

    const CONTEXT: Context<'_> =
        Context { current: Some("Lt9!abcdefgh"), attributes: &["Jane@example.com", "Jane"] };

    #[test]
    fn each_rule_is_broken_by_its_example() {
        let long = "aB1!".repeat(64);
        for (policy, password, broken) in [
            ("standard", "Kq7!vb%N2x", &[][..]),
            ("standard", "kQ7!", &[TooShort, TooFewDifferent]),
            ("standard", "", &[TooShort, ClassMissing, TooFewDifferent]),
            ("standard", &long, &[TooLong, TooFewDifferent]),
            ("standard", "kqxvbnmw", &[ClassMissing]),
            ("standard", "Kq7!vbbb%N2x", &[Repeats]),
            ("standard", "Kq7!Kq7!", &[TooFewDifferent]),
            ("standard", "Password1!", &[Common]),
            ("standard", "Lt9!abcdefgh", &[SameAsCurrent]),
            ("standard", "Lt9!abcdefXY", &[TooSimilar]),
            ("standard", "Lt9!abcdeXYZ", &[]),
            ("passphrase", "jane@EXAMPLE.com", &[IsAttribute]),
            ("passphrase", "qwertz", &[TooSimple]),
            ("passphrase", "correct horse battery", &[]),
            ("basic", "Kq7!Kq7!", &[]),
            ("basic", "Kqqqqq7!", &[]),
            ("basic", "Lt9!abcdefgh", &[SameAsCurrent]),
            ("basic", "Lt9!abcdefgX", &[]),
        ] {
            let found = Policy::named(policy).unwrap().violations(password, CONTEXT);
            assert_eq!(found, broken, "{policy} `{password}`");
        }
    }

    #[test]
    fn policies_are_found_by_name() {
        for policy in POLICIES {
            assert_eq!(Policy::named(policy.name), Some(policy));
        }
        assert_eq!(Policy::named("strict"), None);
    }

    #[test]
    fn common_passwords_are_kept_in_lower_case() {
        assert!(COMMON.iter().all(|common| common.to_lowercase() == *common));
        assert!(COMMON.is_sorted());
    }
}
