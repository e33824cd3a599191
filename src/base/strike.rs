//! Striking known secrets out of texts that somebody else had a hand in: a tenant may repeat what
//! it was sent.

use super::secret::{STRUCK_OUT, Secret};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Values shorter than this are looked for nowhere: they would strike out half of every text.
pub const SHORTEST: usize = 4;

/// So much of the beginning of a secret is struck out, too: a text may have been cut in the middle of it.
const SHORTEST_PART: usize = 8;

/// Secrets to be struck out, in every spelling in which they travel.
#[derive(Clone, Debug, Default)]
pub struct Strikes(Vec<Secret>);

/// What forms and URLs leave as it is (RFC 3986).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What forms leave as it is (WHATWG URL, `application/x-www-form-urlencoded`).
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');

impl Strikes {
    /// Adds a secret: as it is, as JSON and forms and URLs spell it, and in Base64.
    pub fn add(&mut self, secret: &Secret) {
        if secret.expose().len() < SHORTEST {
            return;
        }
        for spelling in spellings(secret.expose()) {
            if !self.0.iter().any(|known| *known.expose() == spelling) {
                self.0.push(Secret::new(spelling));
            }
        }
    }

    /// Adds many.
    pub fn extend<'s>(&mut self, secrets: impl IntoIterator<Item = &'s Secret>) {
        secrets.into_iter().for_each(|secret| self.add(secret));
    }

    /// The text without any of them, and without what looks like a token: a JWT, or what follows
    /// `Bearer` or `Basic`.
    pub fn strike(&self, text: &str) -> String {
        let mut struck = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let same = self.0.iter().map(|known| common(rest, known.expose())).max();
            match same.unwrap_or_default() {
                0 => {
                    struck.push(first);
                    rest = &rest[first.len_utf8()..];
                }
                length => {
                    struck.push_str(STRUCK_OUT);
                    rest = &rest[length..];
                }
            }
        }
        without_tokens(&struck)
    }
}

/// How many bytes of a secret a text begins with, if they are enough to tell.
fn common(text: &str, secret: &str) -> usize {
    let same = text.bytes().zip(secret.bytes()).take_while(|(one, other)| one == other).count();
    if same < secret.len().min(SHORTEST_PART) { 0 } else { text.floor_char_boundary(same) }
}

/// The ways in which a value is written, each once.
pub fn spellings(value: &str) -> Vec<String> {
    let json = serde_json::Value::from(value).to_string();
    // Without the marks around it; one at its end belongs to it.
    let json = json.get(1..json.len() - 1).unwrap_or_default().to_owned();
    let form = utf8_percent_encode(value, FORM).to_string().replace("%20", "+");
    let lower = |text: &str| lower_escapes(text);
    let url = utf8_percent_encode(value, UNRESERVED).to_string();
    let mut all = vec![
        value.to_owned(),
        json,
        lower(&form),
        form,
        lower(&url),
        url,
        STANDARD.encode(value),
        STANDARD_NO_PAD.encode(value),
        URL_SAFE.encode(value),
        URL_SAFE_NO_PAD.encode(value),
    ];
    all.sort_unstable();
    all.dedup();
    all
}

/// `%2F` as `%2f`.
fn lower_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let mut lowered = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        lowered.push('%');
        lowered.push_str(&digits.to_ascii_lowercase());
        lowered.push_str(rest);
    }
    lowered
}

/// Words that a credential follows in a header.
const SCHEMES: &[&str] = &["bearer", "basic"];

/// No credential is shorter; `Basic authentication` is none.
const SHORTEST_CREDENTIAL: usize = 16;

/// A text without what looks like a JWT and without credentials behind the name of their scheme.
fn without_tokens(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.~+/=".contains(c);
    let mut struck = String::with_capacity(text.len());
    let mut rest = text;
    let mut follows_scheme = false;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_part(c) != is_part(first)).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        rest = behind;
        if !is_part(first) {
            follows_scheme &= run.chars().all(|c| c == ' ');
            struck.push_str(run);
            continue;
        }
        let is_credential = follows_scheme && run.len() >= SHORTEST_CREDENTIAL;
        struck.push_str(if is_credential || looks_like_a_jwt(run) { STRUCK_OUT } else { run });
        follows_scheme = SCHEMES.iter().any(|scheme| run.eq_ignore_ascii_case(scheme));
    }
    struck
}

/// A JSON object in Base64 begins with `eyJ`, and two dots part the three of them.
fn looks_like_a_jwt(run: &str) -> bool {
    run.find("eyJ").is_some_and(|at| run[at..].matches('.').count() >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strikes(values: &[&str]) -> Strikes {
        let mut strikes = Strikes::default();
        values.iter().for_each(|value| strikes.add(&Secret::new((*value).to_owned())));
        strikes
    }

    #[test]
    fn a_known_secret_is_struck_out_however_it_is_spelled() {
        let strikes = strikes(&["p%ss w\"rd/1", "p%ss"]);
        for (text, struck) in [
            ("said p%ss w\"rd/1 twice: p%ss", "said *** twice: ***"),
            (r#"{"password":"p%ss w\"rd/1"}"#, r#"{"password":"***"}"#),
            ("password=p%25ss+w%22rd%2F1&x=1", "password=***&x=1"),
            ("/p%25ss%20w%22rd%2f1/", "/***/"),
            ("cCVzcyB3InJkLzE=", "***"),
            ("cut off: p%ss w\"r", "cut off: ***"),
            ("p%ss w\"rd/p%ss w\"rd/1", "******"),
            ("nothing of it", "nothing of it"),
        ] {
            assert_eq!(strikes.strike(text), struck);
        }
    }

    #[test]
    fn what_looks_like_a_token_is_struck_out_unseen() {
        let strikes = Strikes::default();
        for (text, struck) in [
            ("token eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0. ends", "token *** ends"),
            ("authorization: Bearer  abcdefgh.12345678", "authorization: Bearer  ***"),
            ("Basic dXNlcjpwYXNzd29yZA==, and basic rules", "Basic ***, and basic rules"),
            ("bearer: see below", "bearer: see below"),
            ("", ""),
        ] {
            assert_eq!(strikes.strike(text), struck);
        }
    }

    #[test]
    fn what_is_too_short_to_be_told_from_a_word_is_left_alone() {
        assert_eq!(strikes(&["a", "1"]).strike("a is 1"), "a is 1");
    }

    proptest! {
        #[test]
        fn no_secret_survives_in_any_text(secret in "[!-~ ]{8,24}", before in "\\PC{0,20}", after in "\\PC{0,20}") {
            let strikes = strikes(&[&secret]);
            for spelling in spellings(&secret) {
                let struck = strikes.strike(&format!("{before}{spelling}{after}"));
                prop_assert!(!struck.contains(&spelling), "{struck}");
            }
        }
    }
}
