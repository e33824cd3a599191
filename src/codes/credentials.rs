//! Who is let in, and who we are to others: a user name and a password that is never shown.

use crate::base::document::Section;
use crate::base::secret::Secret;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A user name and a password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

impl Credentials {
    /// Takes `user` and `password`: both or neither.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let user = section.text("user").map(|text| text.value);
        match (user, section.secret("password")) {
            (Some(user), Some(password)) => Some(Self { user, password }),
            (None, None) => None,
            (Some(_), None) => {
                section.missing("password", "say where it is kept: `password = \"${NAME}\"`");
                None
            }
            (None, Some(_)) => {
                section.missing("user", "say whose password it is");
                None
            }
        }
    }

    /// Whether somebody else's are the same. Takes as long for a wrong password as for the right one.
    pub fn are(&self, user: &[u8], password: &[u8]) -> bool {
        let is_user = verify_slices_are_equal(self.user.as_bytes(), user).is_ok();
        let is_password =
            verify_slices_are_equal(self.password.expose().as_bytes(), password).is_ok();
        is_user && is_password
    }

    /// The value of an `Authorization` header (RFC 7617).
    pub fn basic(&self) -> Secret {
        let pair = format!("{}:{}", self.user, self.password.expose());
        Secret::new(format!("Basic {}", STANDARD.encode(pair)))
    }
}

/// Reads what a client of SMTP sends as its initial response to `AUTH PLAIN` (RFC 4616): who it acts
/// as, its name, its password.
pub fn plain(response: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let text = STANDARD.decode(response.trim_ascii()).ok()?;
    let mut parts = text.splitn(3, |byte| *byte == 0);
    let (_, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    Some((user.to_vec(), password.to_vec()))
}

/// Reads one answer of `AUTH LOGIN`.
pub fn login(response: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(response.trim_ascii()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};

    #[test]
    fn only_the_same_name_and_password_are_let_in() {
        let own = Credentials { user: "tenant".to_owned(), password: "pw".to_owned().into() };
        assert!(own.are(b"tenant", b"pw"));
        for (user, password) in [("tenant", "pW"), ("Tenant", "pw"), ("", ""), ("tenant", "pw1")] {
            assert!(!own.are(user.as_bytes(), password.as_bytes()), "{user} {password}");
        }
        assert_eq!(own.basic().expose(), "Basic dGVuYW50OnB3");
        assert!(!format!("{own:?}").contains("pw"));
    }

    #[test]
    fn both_kinds_of_answer_are_read() {
        assert_eq!(plain(b"AHRlbmFudABwdw==\r\n"), Some((b"tenant".to_vec(), b"pw".to_vec())));
        assert_eq!(plain(b"dGVuYW50"), None);
        assert_eq!(plain(b"!"), None);
        assert_eq!(login(b"cHc="), Some(b"pw".to_vec()));
    }

    #[test]
    fn a_name_without_a_password_is_a_problem_and_so_is_the_reverse() {
        for (text, complaint) in [
            ("user = \"a\"\n", "`password` is missing"),
            ("password = \"${B}\"\n", "`user` is missing"),
            ("user = \"a\"\npassword = \"open\"\n", "`password` is a secret"),
        ] {
            let table = Table::parse("p.toml", text).unwrap();
            let problems = Problems::default();
            Credentials::read(&mut Section::document(&table, &problems));
            let problems = problems.into_sorted();
            assert!(problems[0].what.starts_with(complaint), "{problems:?}");
        }
    }
}
