//! What a new password has to be like: the three built-in policies as data.

use crate::base::remedy::edit_distance;

/// Rules for new passwords. The documented limits of the three built-in policies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Shortest and longest length in characters.
    pub length: Option<(usize, usize)>,
    /// Whether a lower-case letter, an upper-case letter, a digit and a special character are needed.
    pub classes: bool,
    /// Most identical characters in a row.
    pub repeats: Option<usize>,
    /// Fewest different characters.
    pub distinct: Option<usize>,
    /// Whether well-known passwords are refused.
    pub uncommon: bool,
    /// Whether a password equal to an attribute of the profile, or nearly the current one, is refused.
    pub personal: bool,
    /// Whether guessing must take long (passphrases).
    pub complexity: bool,
    /// Former passwords that may not come back.
    pub history: usize,
}

/// Special characters that count as such (documented).
pub const SPECIAL: &str = "~!@#$%^&*()-_=+[]\\{}|;:,.<>/?";

/// A few passwords everybody knows; the service's list is not published (assumed).
const COMMON: &[&str] =
    &["password", "password1", "Password1!", "Passw0rd!", "12345678", "qwertyuiop", "letmein!"];

/// Fewest changes between the current and the new password (documented).
const NEAREST: usize = 3;

/// Length below which a passphrase is taken as quickly guessed; stands for "at least 7 days"
/// (assumed).
const PASSPHRASE_LENGTH: usize = 14;

impl Policy {
    /// `Standard`, the default of the service.
    pub const fn standard() -> Self {
        Self {
            length: Some((8, 255)),
            classes: true,
            repeats: Some(2),
            distinct: Some(5),
            uncommon: true,
            personal: true,
            complexity: false,
            history: 6,
        }
    }

    /// `Passphrase`.
    pub const fn passphrase() -> Self {
        Self {
            length: None,
            classes: false,
            repeats: None,
            distinct: None,
            complexity: true,
            ..Self::standard()
        }
    }

    /// `Basic`.
    pub const fn basic() -> Self {
        Self { repeats: None, distinct: None, personal: false, history: 0, ..Self::standard() }
    }

    /// No rule at all.
    pub const fn none() -> Self {
        Self { length: None, classes: false, uncommon: false, complexity: false, ..Self::basic() }
    }

    /// The rules that a password breaks, by the names the service uses, each with its text.
    /// `attributes` are those of the profile; `current` is the password to be replaced, if known.
    pub fn unsatisfied(
        &self,
        password: &str,
        attributes: &[&str],
        current: Option<&str>,
    ) -> Vec<(&'static str, String)> {
        let characters = password.chars().count();
        let mut broken = Vec::new();
        if let Some((least, most)) = self.length.filter(|(l, m)| !(*l..=*m).contains(&characters)) {
            broken.push(("length", format!("{least} to {most} characters")));
        }
        if self.classes && !has_all_classes(password) {
            let text =
                "at least one lower-case letter, upper-case letter, digit and special character";
            broken.push(("minCharacters", text.to_owned()));
        }
        if let Some(most) = self.repeats.filter(|most| longest_repeat(password) > *most) {
            broken.push(("maxRepeatedCharacters", format!("at most {most} in a row")));
        }
        if let Some(least) = self.distinct.filter(|least| distinct(password) < *least) {
            broken.push(("minUniqueCharacters", format!("at least {least} different characters")));
        }
        if self.uncommon && COMMON.iter().any(|common| common.eq_ignore_ascii_case(password)) {
            broken.push(("excludesCommonlyUsed", "a commonly used password".to_owned()));
        }
        if self.personal
            && attributes.iter().any(|own| !own.is_empty() && own.eq_ignore_ascii_case(password))
        {
            broken.push(("excludesProfileData", "equal to an attribute of the profile".to_owned()));
        }
        if self.personal && current.is_some_and(|old| edit_distance(old, password) < NEAREST) {
            broken.push(("notSimilarToCurrent", "too similar to the current one".to_owned()));
        }
        if self.complexity && (characters < PASSPHRASE_LENGTH || distinct(password) < 5) {
            broken.push(("minComplexity", "guessed in less than 7 days".to_owned()));
        }
        broken
    }
}

fn has_all_classes(password: &str) -> bool {
    let classes: [fn(char) -> bool; 4] = [
        |c| c.is_lowercase(),
        |c| c.is_uppercase(),
        |c| c.is_ascii_digit(),
        |c| SPECIAL.contains(c),
    ];
    classes.iter().all(|class| password.chars().any(class))
}

fn longest_repeat(password: &str) -> usize {
    let (mut longest, mut run, mut last) = (0, 0, None);
    for c in password.chars() {
        run = if last == Some(c) { run + 1 } else { 1 };
        longest = longest.max(run);
        last = Some(c);
    }
    longest
}

fn distinct(password: &str) -> usize {
    let mut characters: Vec<char> = password.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    characters.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_breaks_where_the_table_of_rules_says() {
        let attributes = ["ada@example.com", "Ada"];
        let cases: &[(&str, [&str; 3])] = &[
            ("Lt9!kwzXqPbn", ["", "minComplexity", ""]),
            ("Lt9!kwzXqPbnTr", ["", "", ""]),
            ("Lt9!k", ["length", "minComplexity", "length"]),
            ("lt9!kwzxqpbnty", ["minCharacters", "", "minCharacters"]),
            ("Lt9!kkkXqPbnTr", ["maxRepeatedCharacters", "", ""]),
            ("Aa1!Aa1!Aa1!Aa1!", ["minUniqueCharacters", "minComplexity", ""]),
            (
                "Passw0rd!",
                [
                    "excludesCommonlyUsed",
                    "excludesCommonlyUsed minComplexity",
                    "excludesCommonlyUsed",
                ],
            ),
        ];
        for (password, expected) in cases {
            let policies = [Policy::standard(), Policy::passphrase(), Policy::basic()];
            for (policy, expected) in policies.iter().zip(expected) {
                let broken = policy.unsatisfied(password, &attributes, None);
                let names: Vec<&str> = broken.iter().map(|(name, _)| *name).collect();
                assert_eq!(names.join(" "), *expected, "{password}");
            }
            assert!(Policy::none().unsatisfied(password, &attributes, None).is_empty());
        }
    }

    #[test]
    fn a_password_may_not_be_personal_or_nearly_the_old_one() {
        let names = |password: &str| {
            let broken =
                Policy::standard().unsatisfied(password, &["Ada9!love"], Some("Lt9!kwzXqPbn"));
            broken.iter().map(|(name, _)| *name).collect::<Vec<_>>()
        };
        assert_eq!(names("Ada9!love"), ["excludesProfileData"]);
        assert_eq!(names("Lt9!kwzXqPba"), ["notSimilarToCurrent"]);
        assert!(names("Qt7!mnbVcXyz").is_empty());
    }
}
