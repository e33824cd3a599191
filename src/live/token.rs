//! The token in the address of a live page: whoever has it may watch and stop the run.

use crate::base::remedy::Remedy;
use crate::base::secret::Secret;

/// 128 bits that nobody can guess, as 32 hexadecimal digits.
///
/// It stands in every address of the page and in no cookie: a browser sends cookies of this machine
/// to all its ports, whoever listens there.
#[derive(Clone, Debug)]
pub struct Token(Secret<String>);

/// The system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no randomness for the token of the live page")]
pub struct NoRandomness;

impl Remedy for NoRandomness {
    fn remedy(&self) -> Option<String> {
        Some("run without `--live`".to_owned())
    }
}

impl Token {
    /// A token that nobody chose. The seed of the run has no part in it: that is no secret.
    pub fn unforeseen() -> Result<Self, NoRandomness> {
        let mut bits = [0u8; 16];
        aws_lc_rs::rand::fill(&mut bits).map_err(|_| NoRandomness)?;
        let digits = bits.iter().map(|byte| format!("{byte:02x}"));
        Ok(Self(Secret::new(digits.collect())))
    }

    /// The token itself, for the address that the person opens.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Whether the query of an address has it. How long that takes does not tell how much of a wrong
    /// one is right.
    pub fn is_in(&self, query: Option<&str>) -> bool {
        let mut given = query.unwrap_or_default().split('&').filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            (name == "token").then_some(value)
        });
        let (Some(given), None) = (given.next(), given.next()) else { return false };
        let own = self.expose().as_bytes();
        aws_lc_rs::constant_time::verify_slices_are_equal(given.as_bytes(), own).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_its_own_and_shown_nowhere() {
        let (one, other) = (Token::unforeseen().unwrap(), Token::unforeseen().unwrap());
        assert_eq!(one.expose().len(), 32);
        assert!(one.expose().bytes().all(|digit| digit.is_ascii_hexdigit()));
        assert_ne!(one.expose(), other.expose());
        assert!(!format!("{one:?}").contains(one.expose()));
    }

    #[test]
    fn only_the_whole_token_opens() {
        let token = Token::unforeseen().unwrap();
        let own = token.expose();
        assert!(token.is_in(Some(&format!("token={own}"))));
        assert!(token.is_in(Some(&format!("since=3&token={own}"))));
        let mut wrong = own.to_owned();
        wrong.replace_range(31.., if own.ends_with('0') { "1" } else { "0" });
        for query in [
            String::new(),
            "token=".to_owned(),
            format!("token={wrong}"),
            format!("token={}", &own[..31]),
            format!("token={own}0"),
            format!("token={own}&token={own}"),
            format!("Token={own}"),
            own.to_owned(),
        ] {
            assert!(!token.is_in(Some(&query)), "{query}");
        }
        assert!(!token.is_in(None));
    }
}
