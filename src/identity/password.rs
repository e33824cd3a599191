//! Passwords that are worked out again whenever they are needed, and stored nowhere.
//!
//! A password is an HMAC of login and generation, written with the characters of its generation.
//! It meets all built-in policies by its shape alone, so that neither the persona nor the previous
//! password has to be known to work it out.

use crate::base::remedy::Remedy;
use crate::base::secret::Secret;
use aws_lc_rs::hmac;

/// The key of all passwords. Whoever has it and the ledger has the accounts.
#[derive(Clone, Debug)]
pub struct PasswordKey(hmac::Key);

/// Why a text cannot be the key of passwords.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// Fewer than [`PasswordKey::SHORTEST`] bytes.
    #[error("the key of passwords has {length} bytes, fewer than {}", PasswordKey::SHORTEST)]
    TooShort { length: usize },
}

impl Remedy for KeyError {
    fn remedy(&self) -> Option<String> {
        Some("make one with `openssl rand -hex 32`".to_owned())
    }
}

/// A password that a policy refuses, for journeys that fail on purpose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Weakness {
    /// Fewer than eight characters.
    Short,
    /// Letters of one case only.
    OneClass,
    /// One character three times in a row.
    Repeats,
    /// Eight characters, four of them different.
    FewDifferent,
    /// On every list of common passwords.
    Common,
    /// Equal to the login.
    IsLogin,
}

/// Every weakness and its name in journeys.
pub const WEAKNESSES: &[(&str, Weakness)] = &[
    ("short", Weakness::Short),
    ("one-class", Weakness::OneClass),
    ("repeats", Weakness::Repeats),
    ("few-different", Weakness::FewDifferent),
    ("common", Weakness::Common),
    ("is-login", Weakness::IsLogin),
];

/// Letters and digits without those that people confuse.
const ALPHANUMERIC: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Special characters of even generations, of odd ones, and of passwords that are wrong on
/// purpose. They have none in common: of the five in a password each has to be changed to get from
/// one kind to another, so that the distance between two generations in a row is at least five and
/// a wrong password never equals a right one. None of them needs escaping in JSON or HTML.
const MARKS: [&[u8]; 3] = [b"!#%+*", b"=?-_:", b"~^.,;"];
const WRONG: usize = 2;

/// Pairs of letters or digits between marks: `kB%3q!Qz=…`. As no three stand together, no name, no
/// word and no part of a login of three characters or more can occur in a password.
const PAIRS: usize = 6;

impl PasswordKey {
    /// Least number of bytes.
    pub const SHORTEST: usize = 32;

    /// A key from a text; blanks around it do not count.
    pub fn new(text: &Secret) -> Result<Self, KeyError> {
        let bytes = text.expose().trim().as_bytes();
        if bytes.len() < Self::SHORTEST {
            return Err(KeyError::TooShort { length: bytes.len() });
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// Eight letters that tell two keys apart and nothing about either; for the ledger.
    pub fn fingerprint(&self) -> String {
        let tag = hmac::sign(&self.0, b"fingerprint");
        tag.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The password of a login in a generation, from 0.
    pub fn password(&self, login: &str, generation: u64) -> Secret {
        let marks = MARKS[usize::from(generation % 2 == 1)];
        self.shaped("right", login, generation, marks)
    }

    /// A password of the right shape that is not the login's in any generation. Different numbers
    /// give different ones.
    pub fn wrong_password(&self, login: &str, number: u64) -> Secret {
        self.shaped("wrong", login, number, MARKS[WRONG])
    }

    /// A password that policies refuse, and none that was ever the login's.
    pub fn weak_password(&self, login: &str, weakness: Weakness) -> Secret {
        let strong = self.shaped("weak", login, 0, MARKS[WRONG]);
        let start = |length: usize| strong.expose().chars().take(length).collect::<String>();
        Secret::new(match weakness {
            Weakness::Short => start(7),
            Weakness::OneClass => "jkqvwxzpqvkj".to_owned(),
            Weakness::Repeats => format!("{}ZZZ", strong.expose()),
            Weakness::FewDifferent => "Kq7!Kq7!".to_owned(),
            Weakness::Common => "Password1!".to_owned(),
            Weakness::IsLogin => login.to_owned(),
        })
    }

    fn shaped(&self, kind: &str, login: &str, number: u64, marks: &[u8]) -> Secret {
        let mut attempt: u32 = 0;
        loop {
            let message = format!("{kind}\n{number}\n{attempt}\n{login}");
            let password = spelled(hmac::sign(&self.0, message.as_bytes()).as_ref(), marks);
            // About one in four lacks a class or repeats a letter and is drawn again.
            if is_sound(&password) {
                return password.into();
            }
            attempt = attempt.wrapping_add(1);
        }
    }
}

/// Writes 32 bytes as pairs and marks; each pair takes two bytes, each mark one.
fn spelled(digest: &[u8], marks: &[u8]) -> String {
    let pick = |from: &[u8], byte: u8| char::from(from[usize::from(byte) % from.len()]);
    let mut password = String::with_capacity(3 * PAIRS);
    for (position, bytes) in digest.chunks_exact(3).take(PAIRS).enumerate() {
        if position > 0 {
            password.push(pick(marks, bytes[2]));
        }
        password.push(pick(ALPHANUMERIC, bytes[0]));
        password.push(pick(ALPHANUMERIC, bytes[1]));
    }
    password
}

fn is_sound(password: &str) -> bool {
    let repeats = password.as_bytes().windows(2).any(|pair| pair[0] == pair[1]);
    let kinds: [fn(&char) -> bool; 3] =
        [char::is_ascii_lowercase, char::is_ascii_uppercase, char::is_ascii_digit];
    !repeats && kinds.iter().all(|kind| password.chars().any(|c| kind(&c)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Seed;
    use crate::base::remedy::edit_distance;
    use crate::identity::domain::EmailDomain;
    use crate::identity::login::Logins;
    use crate::identity::persona::{Locale, Persona};
    use crate::identity::policy::{Context, POLICIES, Violation};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn key() -> PasswordKey {
        PasswordKey::new(&"a key for tests, of thirty-two bytes".to_owned().into()).unwrap()
    }

    #[test]
    fn a_password_depends_on_key_login_and_generation_alone() {
        let other =
            PasswordKey::new(&"another key for tests, also long enough".to_owned().into()).unwrap();
        let password = key().password("a@x.test", 0);
        assert_eq!(key().password("a@x.test", 0), password);
        for different in [
            key().password("b@x.test", 0),
            key().password("a@x.test", 1),
            other.password("a@x.test", 0),
        ] {
            assert_ne!(different, password);
        }
        assert_ne!(key().fingerprint(), other.fingerprint());
    }

    #[test]
    fn a_short_key_is_refused_with_a_remedy() {
        let error = PasswordKey::new(&" \n 0123456789 ".to_owned().into()).unwrap_err();
        insta::assert_snapshot!(format!("{error}\n{}", error.remedy().unwrap()), @r"
        the key of passwords has 10 bytes, fewer than 32
        make one with `openssl rand -hex 32`
        ");
    }

    #[test]
    fn neither_key_nor_password_shows_itself() {
        let password = key().password("a@x.test", 0);
        assert_eq!(format!("{password}{password:?}"), "******");
        assert!(!format!("{:?}", key()).contains("tests"));
    }

    /// Thousands of logins, each over some generations, against every policy, with the persona's
    /// attributes and the previous password in force.
    #[test]
    fn passwords_of_many_people_meet_every_policy() {
        let key = key();
        let logins = Logins::new(&"20261121-183441-k3x9".into(), 0, EmailDomain::default());
        let mut seen = BTreeSet::new();
        for index in 0..3000 {
            let login = logins.address(index);
            let persona = Persona::invent(Seed(1), Locale::default(), index);
            let attributes = [login.as_str(), &persona.given_name, &persona.family_name];
            let mut previous: Option<Secret> = None;
            for generation in 0..4 {
                let password = key.password(&login, generation);
                let current = previous.as_ref().map(|previous| previous.expose().as_str());
                for policy in POLICIES {
                    let found = policy.violations(
                        password.expose(),
                        Context { current, attributes: &attributes },
                    );
                    assert_eq!(found, [], "{login} {generation} {}", policy.name);
                }
                assert!(seen.insert(password.expose().clone()), "a password twice");
                previous = Some(password);
            }
        }
    }

    proptest! {
        #[test]
        fn every_generation_is_far_from_its_neighbours(login in "\\PC{0,40}", generation in 1u64..u64::MAX) {
            let key = key();
            let now = key.password(&login, generation);
            for other in [
                key.password(&login, generation - 1),
                key.password(&login, generation + 1),
                key.wrong_password(&login, generation),
            ] {
                prop_assert!(edit_distance(now.expose(), other.expose()) >= 5);
            }
        }

        #[test]
        fn no_name_or_part_of_a_login_occurs_in_a_password(login in "[a-z0-9-]{3,30}", generation: u64) {
            let password = key().password(&login, generation);
            let runs = password.expose().split(|c: char| !c.is_alphanumeric()).map(str::len);
            prop_assert!(runs.max() <= Some(2));
            prop_assert!(!password.expose().bytes().zip(password.expose().bytes().skip(1)).any(|(a, b)| a == b));
        }

        #[test]
        fn a_wrong_password_is_shaped_like_a_right_one(login in "\\PC{0,40}", number: u64) {
            let wrong = key().wrong_password(&login, number);
            for policy in POLICIES {
                prop_assert_eq!(policy.violations(wrong.expose(), Context::default()), vec![]);
            }
        }
    }

    #[test]
    fn each_weak_password_breaks_its_rule() {
        for (weakness, broken) in [
            (Weakness::Short, Violation::TooShort),
            (Weakness::OneClass, Violation::ClassMissing),
            (Weakness::Repeats, Violation::Repeats),
            (Weakness::FewDifferent, Violation::TooFewDifferent),
            (Weakness::Common, Violation::Common),
            (Weakness::IsLogin, Violation::IsAttribute),
        ] {
            let login = "gander-r-0-1@load.example.com";
            let weak = key().weak_password(login, weakness);
            let context = Context { current: None, attributes: &[login] };
            let found = POLICIES[0].violations(weak.expose(), context);
            assert!(found.contains(&broken), "{weakness:?}: {found:?}");
            assert!(WEAKNESSES.iter().any(|(_, known)| *known == weakness));
        }
    }

    #[test]
    fn the_kinds_of_marks_have_nothing_in_common() {
        let all: BTreeSet<u8> = MARKS.concat().into_iter().collect();
        assert_eq!(all.len(), MARKS.iter().map(|marks| marks.len()).sum::<usize>());
        assert!(!all.iter().any(u8::is_ascii_alphanumeric));
    }
}
