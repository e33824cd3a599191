//! Striking known secrets out of texts that somebody else had a hand in: a tenant may repeat what
//! it was sent.

use super::escape::Reading;
use super::secret::{STRUCK_OUT, Secret};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// Values shorter than this are looked for nowhere: they would strike out half of every text.
pub const SHORTEST: usize = 4;

/// So much of the beginning of a secret is struck out, too: a text may have been cut in the middle of it.
const SHORTEST_PART: usize = 8;

/// Secrets to be struck out: as they are and in Base64, by themselves or with something in front. How a text
/// escapes them does not matter: it is read without escapes, too.
#[derive(Clone, Debug, Default)]
pub struct Strikes(Vec<Secret>);

impl Strikes {
    /// Adds a secret.
    pub fn add(&mut self, secret: &Secret) {
        if secret.expose().len() < SHORTEST || self.0.contains(secret) {
            return;
        }
        self.0.push(secret.clone());
        for encoded in in_base64(secret.expose()) {
            if !self.0.contains(&encoded) {
                self.0.push(encoded);
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
        let mut hidden = vec![false; text.len()];
        for reading in Reading::all(text) {
            for known in &self.0 {
                mark(&reading, known.expose().as_bytes(), &mut hidden);
            }
        }
        let mut struck = String::with_capacity(text.len());
        let mut is_open = true;
        for (at, c) in text.char_indices() {
            // A character of which a byte is hidden is hidden.
            let is_hidden = hidden.iter().skip(at).take(c.len_utf8()).any(|hidden| *hidden);
            match (is_hidden, is_open) {
                (true, true) => struck.push_str(STRUCK_OUT),
                (true, false) => {}
                (false, _) => struck.push(c),
            }
            is_open = !is_hidden;
        }
        without_tokens(&struck)
    }
}

/// Hides where a reading has a secret, or enough of its beginning to tell.
fn mark(reading: &Reading, secret: &[u8], hidden: &mut [bool]) {
    let enough = secret.len().min(SHORTEST_PART);
    let Some(start) = secret.get(..enough).filter(|start| !start.is_empty()) else { return };
    let mut next = 0;
    for (at, window) in reading.bytes.windows(enough).enumerate() {
        // What was found goes on to its end; another that begins within it ends there or later.
        if window != start {
            continue;
        }
        let rest = reading.bytes.get(at..).unwrap_or_default();
        let same = rest.iter().zip(secret).take_while(|(one, other)| one == other).count();
        let end = at + same;
        for place in at.max(next)..end {
            let (from, to) = reading.place_of(place);
            hidden.iter_mut().take(to).skip(from).for_each(|hidden| *hidden = true);
        }
        next = next.max(end);
    }
}

/// A secret in Base64: by itself, and in the middle of something longer, such as `user:secret`, where its
/// first and last characters depend on what stands beside it and are not looked for.
fn in_base64(secret: &str) -> Vec<Secret> {
    let mut all: Vec<String> = vec![STANDARD_NO_PAD.encode(secret), URL_SAFE_NO_PAD.encode(secret)];
    for before in 0..3_usize {
        let bytes = [&vec![0; before], secret.as_bytes()].concat();
        // Whole groups of six bits that hold nothing but the secret.
        let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        let encoded = [STANDARD.encode(&bytes), URL_SAFE.encode(&bytes)];
        let inner = encoded.iter().filter_map(|text| text.get(from..to));
        all.extend(inner.filter(|inner| inner.len() >= SHORTEST_PART).map(str::to_owned));
    }
    all.into_iter().map(Secret::new).collect()
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
        let strikes = strikes(&["p%ss w\"rd/é1", "p%ss"]);
        for (text, struck) in [
            ("said p%ss w\"rd/é1 twice: p%ss", "said *** twice: ***"),
            (r#"{"password":"p%ss w\"rd/é1"}"#, r#"{"password":"***"}"#),
            (r#"{"password":"p%ss w\"rd\/\u00E91"}"#, r#"{"password":"***"}"#),
            (
                r#"{"said":"{\"password\":\"p%ss w\\\"rd\\/\\u00e91\"}"}"#,
                r#"{"said":"{\"password\":\"***\"}"}"#,
            ),
            ("password=p%25ss+w%22rd%2F%C3%a91&x=1", "password=***&x=1"),
            ("/p%25ss%20w%22rd%2f%c3%a91/", "/***/"),
            ("to=%2Fp%2525ss%2520w%2522rd%252f%25c3%25a91%2F", "to=%2F***%2F"),
            ("<b>p%ss w&quot;rd/&eacute;1", "<b>***&eacute;1"),
            ("<b>p%ss w&#34;rd&#x2F;&#233;1</b>", "<b>***</b>"),
            ("cCVzcyB3InJkL8OpMQ==", "***=="),
            ("dXNlcjpwJXNzIHcicmQvw6kx", "dXNlcjp***"),
            ("cut off: p%ss w\"r", "cut off: ***"),
            ("p%ss w\"rd/p%ss w\"rd/é1", "***"),
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

    /// How the world writes a text: by other means than those that read it.
    fn written(text: &str) -> Vec<String> {
        let json = |text: &str| {
            let quoted = serde_json::Value::from(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        };
        let units = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let ascii: String = units(text);
        let form = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let percent = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let form: String = form(text);
        let html = text.replace('&', "&amp;").replace('"', "&quot;").replace('\'', "&#39;");
        let html = html.replace('<', "&lt;").replace('>', "&gt;");
        let entities: String = text.chars().map(|c| format!("&#x{:x};", u32::from(c))).collect();
        vec![
            text.to_owned(),
            json(text),
            json(&json(text)),
            json(text).replace('/', "\\/"),
            ascii,
            percent(text),
            percent(text).to_lowercase(),
            percent(&percent(text)),
            percent(&json(text)),
            form,
            html,
            entities,
            STANDARD.encode(text),
            percent(&STANDARD.encode(text)),
            URL_SAFE_NO_PAD.encode(text),
        ]
    }

    proptest! {
        #[test]
        fn no_secret_survives_in_any_text(
            secret in "(\\PC|[\"&<>'/\\\\%+ ]){8,24}",
            // Not the beginning of an escape, which would take the beginning of what follows.
            before in "[a-zA-Z0-9 :;,.=\"é]{0,20}",
            after in "\\PC{0,20}",
            user in "[a-z]{1,6}",
        ) {
            let strikes = strikes(&[&secret]);
            for (number, written) in written(&secret).iter().enumerate() {
                // The case of what is no digit of an escape counts.
                if number == 6 && secret.to_lowercase() != secret {
                    continue;
                }
                let struck = strikes.strike(&format!("{before}{written}{after}"));
                prop_assert!(!struck.contains(written.as_str()), "{number}: {struck}");
            }
            // All but what stands at the ends, which depends on what is beside it.
            let pair = STANDARD.encode(format!("{user}:{secret}"));
            let struck = strikes.strike(&pair);
            prop_assert!(struck.len() <= 4 + 3 + 12, "{pair}: {struck}");
        }
    }
}
