//! The readable texts of a mail, best first, and the code in them.

use super::extract::CodePattern;
use super::seen::Mark;
use crate::base::secret::Secret;
use mail_parser::decoders::html::html_to_text;
use mail_parser::{Message, MessageParser, PartType};
use regex::Regex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

/// What a mail says that somebody waits for.
#[derive(Debug, Default)]
pub struct Reading {
    /// The code, if one was found.
    pub code: Option<Secret>,
    /// What the mail and another delivery of it have in common, and no other mail has: its `Message-ID`
    /// with the code, as some programs give all mails the same id.
    pub mark: Option<Mark>,
}

/// Reads a mail as it came over the wire.
pub fn read(raw: &[u8], pattern: &CodePattern) -> Reading {
    careful(|| {
        let message = parsed(raw)?;
        let code = code_of(&message, pattern);
        let id = message.message_id().unwrap_or_default().as_bytes();
        let mark = code.as_ref().filter(|_| !id.is_empty());
        let mark = mark.map(|code| Mark::of(&[id, code.expose().as_bytes()]));
        Some(Reading { code, mark })
    })
    .unwrap_or_default()
}

/// Finds the code in a mail as it came over the wire. Plain text is searched first, then the text of
/// HTML, then the subject; a pattern of the profile also sees the HTML itself.
pub fn code_in(raw: &[u8], pattern: &CodePattern) -> Option<Secret> {
    read(raw, pattern).code
}

/// Looks into what somebody else wrote. The libraries that do so are not to panic; if one does, there
/// is nothing to be found in this mail, and the next is looked into all the same.
fn careful<T>(look: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(look)).unwrap_or_default()
}

fn parsed(raw: &[u8]) -> Option<Message<'_>> {
    if nests_too_deep(raw) {
        return None;
    }
    MessageParser::default().parse(raw)
}

fn code_of(message: &Message<'_>, pattern: &CodePattern) -> Option<Secret> {
    let mut plain = Vec::new();
    let mut html = Vec::new();
    for part in &message.parts {
        match &part.body {
            PartType::Text(text) => plain.push(text),
            PartType::Html(text) => html.push(text),
            _ => {}
        }
    }
    plain
        .iter()
        .find_map(|text| pattern.find(text))
        .or_else(|| html.iter().find_map(|text| pattern.find(&text_of(text))))
        .or_else(|| message.subject().and_then(|subject| pattern.find(subject)))
        .or_else(|| html.iter().filter(|_| pattern.is_custom()).find_map(|text| pattern.find(text)))
}

/// Headers that tell whom a mail was delivered to, and after them those that tell whom it was sent to.
const DELIVERED_TO: &[&str] =
    &["delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to", "cc"];

/// Everybody a mail as it came over the wire is for, whom it was delivered to first.
pub fn recipients_in(raw: &[u8]) -> Vec<String> {
    if nests_too_deep(raw) {
        return Vec::new();
    }
    let look = || {
        let message = MessageParser::default().parse_headers(raw)?;
        let mut found = Vec::new();
        for wanted in DELIVERED_TO {
            for (name, value) in message.headers_raw() {
                if name.eq_ignore_ascii_case(wanted) {
                    found.extend(addresses_in(value));
                }
            }
        }
        Some(found)
    };
    careful(look).unwrap_or_default()
}

/// The addresses in the value of a header, without names and comments.
fn addresses_in(value: &str) -> impl Iterator<Item = String> + '_ {
    let parts = value.split(|c: char| c.is_whitespace() || "<>(),;\"".contains(c));
    parts
        .filter(|part| part.contains('@'))
        .map(|part| part.trim_start_matches("mailto:").to_owned())
}

/// Finds the code in the text of a mail: plain, or HTML if it looks like that.
pub fn code_in_text(text: &str, pattern: &CodePattern) -> Option<Secret> {
    careful(|| {
        let is_html = BLOCK.as_ref().is_some_and(|block| block.is_match(text));
        let shown = is_html.then(|| text_of(text));
        let found = pattern.find(shown.as_deref().unwrap_or(text));
        found.or_else(|| pattern.is_custom().then(|| pattern.find(text)).flatten())
    })
}

/// Messages within messages are parsed by recursion, which a hostile mail could take beyond the
/// stack. No mail with a code in it is forwarded so often.
fn nests_too_deep(raw: &[u8]) -> bool {
    const MARK: &[u8] = b"message/";
    let marks = raw.windows(MARK.len()).filter(|window| window.eq_ignore_ascii_case(MARK));
    let parts = raw.windows(10).filter(|window| window.eq_ignore_ascii_case(b"multipart/"));
    marks.count() > DEEPEST || parts.count() > DEEPEST
}

/// Most messages or multiparts in a mail that is looked at.
const DEEPEST: usize = 32;

/// Tags that begin or end a line of what a reader sees.
static BLOCK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        "(?i)<(/?(?:address|article|blockquote|center|dd|div|dl|dt|footer|h[1-6]|header|hr|li|main|ol|p|pre|section|table|td|th|title|tr|ul)\\b)",
    )
    .ok()
});

/// HTML as text. The library joins cells and blocks that have no white space between them, so each
/// gets a line break of its own first.
fn text_of(html: &str) -> String {
    match BLOCK.as_ref() {
        Some(block) => html_to_text(&block.replace_all(html, "<br><$1")),
        None => html_to_text(html),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(mail: &str) -> Option<String> {
        let mail = mail.replace('\n', "\r\n");
        code_in(mail.as_bytes(), &CodePattern::default()).map(|code| code.expose().clone())
    }

    #[test]
    fn a_panic_over_a_mail_costs_that_mail_alone() {
        assert_eq!(careful(|| -> Option<()> { panic!("a mistake of a library") }), None);
        assert_eq!(careful(|| Some(1)), Some(1));
    }

    #[test]
    fn two_deliveries_of_a_mail_have_a_mark_in_common_and_two_mails_have_none() {
        let mark = |id: &str, code: &str| {
            let mail = format!("{id}Subject: Hi\r\n\r\nYour code is: {code}\r\n");
            read(mail.as_bytes(), &CodePattern::default()).mark
        };
        let (one, other) = ("Message-ID: <1@x.test>\r\n", "Message-ID: <2@x.test>\r\n");
        assert_eq!(mark(one, "ab12cd34"), mark(one, "ab12cd34"));
        assert_ne!(mark(one, "ab12cd34"), mark(other, "ab12cd34"));
        assert_ne!(mark(one, "ab12cd34"), mark(one, "ab12cd35"));
        assert!(mark(one, "ab12cd34").is_some() && mark("", "ab12cd34").is_none());
    }

    #[test]
    fn a_mail_nested_beyond_reason_is_not_parsed() {
        let mail = "Content-Type: message/rfc822\r\n\r\n".repeat(30_000);
        assert!(code_in(mail.as_bytes(), &CodePattern::default()).is_none());
    }

    #[test]
    fn the_code_is_found_in_every_kind_of_mail() {
        for (mail, code) in [
            ("Subject: Hi\n\nYour verification code is: ab12cd34\n", "ab12cd34"),
            ("Subject: 482193 is your code\n\nWelcome.\n", "482193"),
            (
                "Content-Type: text/html\n\n<html><head><title>Code</title><style>.a1b2c3{color:#aabbcc}</style></head><body><table><tr><td>Your code</td><td><b>AB12CD34</b></td><td>Expires soon</td></tr></table></body></html>\n",
                "AB12CD34",
            ),
            (
                "Content-Type: text/html\n\n<p>Your&nbsp;code&nbsp;is:</p><div><span>4</span><span>82193</span></div><div>Bye</div>\n",
                "482193",
            ),
            (
                "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nSWhyIEJlc3TDpHRpZ3VuZ3Njb2RlIGxhdXRldDogYWIxMmNkMzQK\n",
                "ab12cd34",
            ),
            (
                "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nVotre code de v=C3=A9rification est=C2=A0: ab12=\ncd34\n",
                "ab12cd34",
            ),
            (
                "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=x\n\n--x\nContent-Type: text/plain\n\nPlease use an HTML reader.\n--x\nContent-Type: text/html\n\n<h1>Code</h1><p>ab12cd34</p>\n--x--\n",
                "ab12cd34",
            ),
        ] {
            assert_eq!(found(mail).as_deref(), Some(code), "{mail}");
        }
    }

    #[test]
    fn a_mail_is_for_whom_it_was_delivered_to_and_then_for_whom_it_names() {
        let mail = b"To: Team <team@x.test>,\r\n \"A, B\" <load+b@x.test>\r\nDelivered-To: load+a@x.test\r\nSubject: c@x.test\r\n\r\nd@x.test\r\n";
        assert_eq!(recipients_in(mail), ["load+a@x.test", "team@x.test", "load+b@x.test"]);
        assert!(recipients_in(b"").is_empty() && recipients_in(b"To: nobody\r\n\r\n").is_empty());
    }

    #[test]
    fn a_pattern_of_the_profile_sees_the_html_itself() {
        let mail = b"Content-Type: text/html\r\n\r\n<p data-code=\"zz-99\">Hello</p>\r\n";
        let pattern: CodePattern = "data-code=\"([a-z0-9-]+)\"".parse().unwrap();
        assert_eq!(code_in(mail, &pattern).unwrap().expose(), "zz-99");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = code_in(&bytes, &CodePattern::default());
            let _ = recipients_in(&bytes);
        }

        #[test]
        fn no_html_makes_the_reader_panic(html in "(<|>|&|;|--|!|/|p|td|style|é|\\PC| |\n){0,60}") {
            let mail = format!("Content-Type: text/html; charset=utf-8\r\n\r\n{html}");
            let _ = code_in(mail.as_bytes(), &CodePattern::default());
        }
    }
}
