//! A one-time code out of a text. Pure: a text goes in, a code or nothing comes out.
//!
//! Without a pattern of the profile every token that could be a code is weighed by what stands
//! around it, because wordings differ and the word "code" also occurs where none follows.

use crate::base::remedy::Remedy;
use crate::base::secret::Secret;
use regex::Regex;
use std::str::FromStr;
use std::sync::LazyLock;

/// How a code is found in a text.
#[derive(Clone, Debug, Default)]
pub struct CodePattern(Option<Regex>);

/// Why a text is not a pattern for codes.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PatternError {
    /// Not a regular expression.
    #[error("`{pattern}` is not a regular expression")]
    Malformed {
        pattern: String,
        #[source]
        source: regex::Error,
    },
    /// It does not say which part of the match is the code.
    #[error("`{pattern}` has {groups} capture groups, not one")]
    Groups { pattern: String, groups: usize },
}

impl Remedy for PatternError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Malformed { .. } => {
                "write it in single quotes, such as `'code: (\\w+)'`, so that TOML leaves its backslashes alone"
            }
            Self::Groups { .. } => {
                "put the code itself in round brackets, such as `'code: (\\w+)'`, and any others as `(?:…)`"
            }
        }
        .to_owned())
    }
}

impl CodePattern {
    /// The first code that a text holds, in the spelling of the text.
    pub fn find(&self, text: &str) -> Option<Secret> {
        let code = match &self.0 {
            Some(pattern) => pattern.captures(text)?.get(1)?.as_str(),
            None => likeliest(text)?,
        };
        Some(Secret::new(code.to_owned()))
    }

    /// Whether it is one that the profile gave.
    pub const fn is_custom(&self) -> bool {
        self.0.is_some()
    }
}

impl FromStr for CodePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let pattern = Regex::new(text)
            .map_err(|source| PatternError::Malformed { pattern: text.to_owned(), source })?;
        match pattern.captures_len() - 1 {
            1 => Ok(Self(Some(pattern))),
            groups => Err(PatternError::Groups { pattern: text.to_owned(), groups }),
        }
    }
}

/// Shortest and longest code. The platform's own have eight characters.
const LENGTH: std::ops::RangeInclusive<usize> = 4..=10;

/// What a token must weigh to be taken. A token with a digit weighs 2, a keyword beside it 4.
const ENOUGH: i32 = 6;

/// Words that announce a code, in the languages of PingOne's own templates and some more.
static KEYWORD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        "(?i)code|\\bpin\\b|\\botp\\b|one[- ]time|verif|confirm|bestätig|einmal(?:kenn|pass)wort|\
         código|codigo|codice|\\bkod|\\bkód|koodi|код|κωδικ|コード|確認番号|验证码|驗證碼|認証|\
         인증|코드|رمز|کد|קוד|รหัส",
    )
    .ok()
});

/// Codes of other kinds: the keyword does not count where one of these matches.
static OTHER_CODE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        "(?i)(?:promo|discount|coupon|voucher|referral|gift|zip|postal|post|area|country|dial(?:l?ing)?|\
         error|status|source|qr|bar|dress|product|order)[- ]?codes?|codes? of conduct",
    )
    .ok()
});

/// Ends of a text after which a code is likely to follow: `… is`, `… ist`, `…は`.
static ANNOUNCED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        "(?i)(?:\\b(?:is|ist|lautet|est|es|è|é|e|jest|to|je|är|er|on|enter|use|with)|это|是|为|為|は|이)\\s*$",
    )
    .ok()
});

/// A number followed by one of these is a length of time or an amount.
static UNIT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        "(?i)^\\s*(?:sec|s\\b|min|hour|hr|h\\b|day|week|month|year|sek|std|stunde|tag|heure|jour|hora|dia|día|\
         ore\\b|giorn|minut|分|秒|小时|日|年|%|€|\\$|eur|usd)",
    )
    .ok()
});

/// Addresses and the rest of style sheets hold tokens that look like codes.
static NOISE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        "(?i)\\b(?:https?|ftp|mailto|tel):\\S+|\\bwww\\.\\S+|\\S+@\\S+|\\{[^{}]*:[^{}]*;?[^{}]*\\}",
    )
    .ok()
});

/// Words that stand where a code of letters only could stand.
const NO_CODES: &[&str] = &[
    "above",
    "account",
    "again",
    "always",
    "anyone",
    "aqui",
    "attached",
    "below",
    "cannot",
    "change",
    "check",
    "click",
    "code",
    "codes",
    "confirm",
    "continue",
    "correct",
    "dear",
    "email",
    "enter",
    "expire",
    "expired",
    "expires",
    "following",
    "hello",
    "here",
    "hier",
    "ignore",
    "incorrect",
    "invalid",
    "kind",
    "link",
    "login",
    "mail",
    "missing",
    "never",
    "only",
    "passcode",
    "password",
    "please",
    "private",
    "provided",
    "ready",
    "regards",
    "required",
    "secret",
    "secure",
    "security",
    "sent",
    "shown",
    "sign",
    "sincerely",
    "team",
    "thank",
    "thanks",
    "this",
    "used",
    "valid",
    "verify",
    "within",
    "wrong",
    "your",
];

/// A token that could be a code, and where it stands in its line.
#[derive(Clone, Copy)]
struct Token<'t> {
    text: &'t str,
    before: &'t str,
    after: &'t str,
    /// Whether one of the two lines before announces a code.
    announced_above: bool,
}

/// The heaviest token that weighs enough; of equal ones the first.
fn likeliest(text: &str) -> Option<&str> {
    let mut best: Option<(i32, &str)> = None;
    let mut above = [false, false];
    let pieces = within(text, LONGEST_TEXT).lines().flat_map(pieces);
    for line in pieces.filter(|line| !line.trim().is_empty()) {
        let noise: Vec<_> = NOISE
            .iter()
            .flat_map(|noise| noise.find_iter(line))
            .map(|found| found.range())
            .collect();
        for (start, end) in tokens(line) {
            if noise.iter().any(|range| range.start < end && start < range.end) {
                continue;
            }
            let token = Token {
                text: &line[start..end],
                before: &line[..start],
                after: &line[end..],
                announced_above: above.contains(&true),
            };
            let weight = token.weight();
            if weight >= ENOUGH && best.is_none_or(|(most, _)| weight > most) {
                best = Some((weight, token.text));
            }
        }
        above = [announces(line), above[0]];
    }
    best.map(|(_, code)| code)
}

/// A code stands near the beginning of a mail; every token is weighed against its whole line, so
/// text and lines are bounded.
const LONGEST_TEXT: usize = 64 * 1024;
const LONGEST_LINE: usize = 1000;

/// The beginning of a text, at most so many bytes.
fn within(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A line in pieces of a bounded length. Lines that people write are one piece.
fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let piece = within(rest, LONGEST_LINE);
        rest = &rest[piece.len()..];
        (!piece.is_empty()).then_some(piece)
    })
}

/// Ranges of runs of ASCII letters and digits of a fitting length that are not part of something
/// longer, such as a word with a hyphen, a colour, a date or a telephone number.
fn tokens(line: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut ranges = Vec::new();
    let mut start = None;
    for (at, c) in line.char_indices().chain([(line.len(), ' ')]) {
        match (c.is_ascii_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                ranges.push((from, at));
                start = None;
            }
            _ => {}
        }
    }
    ranges.into_iter().filter(|(start, end)| {
        let mut before = line[..*start].chars().rev();
        let mut after = line[*end..].chars();
        LENGTH.contains(&(end - start))
            && !is_joined(before.next(), before.next())
            && !is_joined(after.next(), after.next())
    })
}

/// Whether a token goes on across its neighbour, given the character behind that.
fn is_joined(neighbour: Option<char>, behind: Option<char>) -> bool {
    // Scripts without blanks between words stand directly beside a code.
    let letter = |c: char| c.is_alphabetic() && u32::from(c) < 0x0e00;
    neighbour.is_some_and(|c| match c {
        '_' | '@' | '/' | '\\' | '#' | '=' | '&' | '+' | '$' | '%' => true,
        '-' | '.' | ',' | '\'' | '’' | ':' => behind.is_some_and(|c| c.is_ascii_alphanumeric()),
        c => letter(c),
    })
}

impl Token<'_> {
    fn weight(self) -> i32 {
        let digits = self.text.bytes().filter(u8::is_ascii_digit).count();
        let all_digits = digits == self.text.len();
        let alone = self.stands_alone();
        let colon = self.before.trim_end_matches([' ', '*', '"', '\t']).ends_with([':', '：']);
        let announced = announces(self.before);
        let introduced = colon || matches(&ANNOUNCED, self.before.trim_end_matches(['*', '"']));
        if digits == 0 && !self.may_be_all_letters(alone, announced && introduced) {
            return 0;
        }
        let kind = match digits {
            0 => i32::from(!self.text.bytes().all(|b| b.is_ascii_lowercase())),
            _ if all_digits => 2,
            _ => 3,
        };
        let place = match () {
            () if alone => 4,
            () if introduced => 3,
            () => 0,
        };
        let keyword = match () {
            () if announced || announces(self.after) => 4,
            () if self.announced_above => 3,
            () => 0,
        };
        let year = self.text.len() == 4
            && all_digits
            && (self.text.starts_with("19") || self.text.starts_with("20"));
        let sign = ['©', '№', '€', '£'].iter().any(|sign| self.before.trim_end().ends_with(*sign));
        let quantity = all_digits && matches(&UNIT, self.after);
        let other = !announced && matches(&OTHER_CODE, self.before);
        kind + place + keyword - 3 * i32::from(year) - 8 * i32::from(quantity || sign || other)
    }

    /// Whether nothing but punctuation stands beside it.
    fn stands_alone(self) -> bool {
        let bare = |text: &str| !text.chars().any(char::is_alphanumeric);
        bare(self.before) && bare(self.after)
    }

    /// A token without digits is a code only where no word could stand: alone on its line or right
    /// after its announcement and at the end of a sentence.
    fn may_be_all_letters(self, alone: bool, introduced: bool) -> bool {
        let ends = self.after.trim_start_matches(['*', '"', '.', '!']).trim().is_empty()
            || self.after.starts_with(['.', '!', '\n']);
        let title = self.text.starts_with(|c: char| c.is_ascii_uppercase())
            && self.text.bytes().skip(1).all(|b| b.is_ascii_lowercase());
        let shouted = self.text.bytes().all(|b| b.is_ascii_uppercase());
        let word = NO_CODES.contains(&self.text.to_ascii_lowercase().as_str());
        !word && ((alone && self.announced_above && !title) || (introduced && (ends || shouted)))
    }
}

/// Whether a text holds a word for a one-time code.
fn announces(text: &str) -> bool {
    let Some(keyword) = KEYWORD.as_ref() else { return false };
    let others: Vec<_> = OTHER_CODE
        .iter()
        .flat_map(|other| other.find_iter(text))
        .map(|found| found.range())
        .collect();
    keyword.find_iter(text).any(|found| !others.iter().any(|other| other.contains(&found.start())))
}

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::{ALPHANUMERIC, Seed, text};
    use proptest::prelude::*;

    fn found(text: &str) -> Option<String> {
        CodePattern::default().find(text).map(|code| code.expose().clone())
    }

    #[test]
    fn all_built_in_patterns_are_well_formed() {
        for pattern in [&KEYWORD, &OTHER_CODE, &ANNOUNCED, &UNIT, &NOISE] {
            assert!(pattern.is_some());
        }
        assert!(NO_CODES.is_sorted());
    }

    #[test]
    fn the_code_is_found_in_many_wordings() {
        for (text, code) in [
            ("Your verification code is: ab12cd34", "ab12cd34"),
            ("Your verification code is ab12cd34.", "ab12cd34"),
            ("Your recovery code: 7f3k9q2x\n\nIt is valid for 5 minutes.", "7f3k9q2x"),
            ("123456 is your verification code.", "123456"),
            ("G5T9 is your one-time passcode", "G5T9"),
            ("Enter 9041 to confirm your e-mail address.", "9041"),
            ("Use this code:\n\n    KXQWZRTB\n\nRegards\nThe team", "KXQWZRTB"),
            ("Your verification code is: kxqwzrtb", "kxqwzrtb"),
            ("Your verification code is kxqwzrtb. It expires soon.", "kxqwzrtb"),
            ("Hello Jane,\n\nYour code is\n\nkxqwzrtb\n\nThanks", "kxqwzrtb"),
            ("Hi,\r\n\r\nyour code is *48219377*\r\n", "48219377"),
            ("Passcode: \"A1B2C3D4E5\"", "A1B2C3D4E5"),
            ("Your one-time password: 20261234", "20261234"),
            ("Your code is 2026. Copyright © 2025 Example", "2026"),
            ("Ihr Bestätigungscode lautet 48219377. Er ist 10 Minuten gültig.", "48219377"),
            ("Ihr Code ist: XK4P9M", "XK4P9M"),
            ("Votre code de vérification est : 482193", "482193"),
            ("Su código de verificación es 482193", "482193"),
            ("Il tuo codice di verifica è: 9F3K2LQ8", "9F3K2LQ8"),
            ("Twój kod weryfikacyjny to 482193", "482193"),
            ("Din verifieringskod är 482193", "482193"),
            ("Ваш код подтверждения: 482193", "482193"),
            ("您的验证码是482193，10分钟内有效。", "482193"),
            ("認証コード：9F3K2LQ8", "9F3K2LQ8"),
            ("인증 코드: 482193", "482193"),
            ("482193", "482193"),
        ] {
            assert_eq!(found(text).as_deref(), Some(code), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_code_is_passed_over() {
        for (text, code) in [
            (
                "Dear Jane,\nthe code below is valid for 3600 seconds.\n\nab12cd34\n\n© 2026 Example",
                "ab12cd34",
            ),
            (
                "Confirm at https://example.com/verify?code=zz99yy88 or enter the code 4821ab.",
                "4821ab",
            ),
            ("Order 99887766 needs a code.\nYour code is: 123456", "123456"),
            ("Promo code: SAVE2026\nYour verification code: 7F3K9Q2X", "7F3K9Q2X"),
            ("Code requested on 21.11.2026 at 18:34 by +15550100.\nCode: 7F3K9Q2X", "7F3K9Q2X"),
            (".button { color: #ff00ff; width: 1234px }\nYour code: 7F3K9Q2X", "7F3K9Q2X"),
            (
                "Never share your code with anyone, support1 will never ask.\nCode: 7F3K9Q2X",
                "7F3K9Q2X",
            ),
            ("To: gander-2026-0-17@load.example.com\nYour code is 7F3K9Q2X", "7F3K9Q2X"),
        ] {
            assert_eq!(found(text).as_deref(), Some(code), "{text}");
        }
    }

    #[test]
    fn a_text_without_a_code_gives_none() {
        for text in [
            "",
            "Your code is valid for five minutes.",
            "Your code is required.",
            "Your code: enter it below",
            "The code expires soon.\n\nRegards\nSupport Team",
            "Please read our code of conduct: 12345678 people already did.",
            "Your order 12345678 has shipped.",
            "Your voucher code: SAVE2026",
            "Your code is valid for 1800 seconds.",
            "Welcome! Your account is ready since 2026.",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn a_pattern_of_the_profile_overrides() {
        let pattern: CodePattern = "Ref ([0-9]{3}-[0-9]{3})".parse().unwrap();
        assert!(pattern.is_custom());
        let text = "Your code: 7F3K9Q2X\nRef 123-456";
        assert_eq!(pattern.find(text).unwrap().expose(), "123-456");
        assert!(pattern.find("Your code: 7F3K9Q2X").is_none());
    }

    #[test]
    fn a_pattern_that_cannot_work_is_refused_with_a_remedy() {
        let messages: Vec<String> = ["(", "code", "(a)(b)"]
            .iter()
            .map(|text| {
                let error = text.parse::<CodePattern>().unwrap_err();
                format!("{error} ({})", error.remedy().unwrap())
            })
            .collect();
        insta::assert_snapshot!(messages.join("\n"), @r"
        `(` is not a regular expression (write it in single quotes, such as `'code: (\w+)'`, so that TOML leaves its backslashes alone)
        `code` has 0 capture groups, not one (put the code itself in round brackets, such as `'code: (\w+)'`, and any others as `(?:…)`)
        `(a)(b)` has 2 capture groups, not one (put the code itself in round brackets, such as `'code: (\w+)'`, and any others as `(?:…)`)
        ");
    }

    #[test]
    fn random_codes_are_found_whatever_they_look_like() {
        let mut random = Seed(5).stream("codes", 0);
        for alphabet in
            [ALPHANUMERIC, b"0123456789", b"BCDFGHJKLMNPQRSTVWXYZ", b"bcdfghjkmnpqrtvwxz"]
        {
            for length in LENGTH {
                for _ in 0..50 {
                    let code = text(&mut random, alphabet, length);
                    let mail = format!("Hello Jane,\n\nYour verification code is: {code}\n\nBye");
                    assert_eq!(found(&mail).as_deref(), Some(code.as_str()), "{mail}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_search_panic(text in "(\\PC|[\r\n:]|code|is|12ab){0,60}") {
            if let Some(code) = found(&text) {
                prop_assert!(LENGTH.contains(&code.len()) && text.contains(&code));
            }
        }
    }
}
