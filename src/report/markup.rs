//! Names and sentences in Markdown, so that none of them can be anything else: no table broken, no HTML,
//! nobody notified.

use super::columns::clean;

/// More of a name tells nobody anything.
const LONGEST_NAME: usize = 120;

/// A name as a code span. One with a character that could end a span or a cell becomes an element of
/// HTML instead, with everything in it written by its number.
pub(super) fn code(name: &str) -> String {
    let name = short(&clean(name));
    if name.trim().is_empty() {
        return "–".to_owned();
    }
    if name.contains(['`', '|', '\\']) {
        format!("<code>{}</code>", sentence_part(&name))
    } else {
        // A span loses the blanks at its ends; a name has none that matter.
        format!("`{}`", name.trim())
    }
}

fn short(name: &str) -> String {
    let mut rest = name.chars();
    let short: String = rest.by_ref().take(LONGEST_NAME).collect();
    if rest.next().is_some() { short + "…" } else { short }
}

/// A sentence of gander's own with names between backquotes in it.
pub(super) fn sentence(text: &str) -> String {
    let text = clean(text);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        // A backquote without its partner: it came with a name.
        return sentence_part(&text);
    }
    let shown = parts.iter().enumerate().map(|(place, part)| match (place % 2, part.is_empty()) {
        (0, _) => sentence_part(part),
        (_, true) => "&#96;&#96;".to_owned(),
        (_, false) => code(part),
    });
    shown.collect()
}

/// Everything that Markdown, HTML or a forge may take for more than itself is written by its number. An
/// empty comment keeps a forge from finding a person or an issue behind `@` and `#`.
fn sentence_part(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let ends_word =
            rest.peek().is_none_or(|next| next.is_whitespace() || next.is_ascii_digit());
        match c {
            '@' | '#' => safe.extend([&by_number(c), "<!-- -->"]),
            ' ' | '.' | ',' | ';' | '%' | '?' | '(' | ')' | '\'' | '"' | '/' | '-' => safe.push(c),
            // Neither an address nor a picture by its name.
            ':' if ends_word => safe.push(c),
            // Only at the beginning of a line it quotes.
            '>' if !safe.trim().is_empty() => safe.push(c),
            c if c.is_ascii_punctuation() => safe.push_str(&by_number(c)),
            c => safe.push(c),
        }
    }
    // The one address that is recognised without a colon.
    safe.replace("www.", "www&#46;")
}

fn by_number(c: char) -> String {
    format!("&#{};", u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_code_and_nothing_else() {
        for (name, shown) in [
            ("sign-on", "`sign-on`"),
            ("<b>&amp;", "`<b>&amp;`"),
            ("@team/leads", "`@team/leads`"),
            ("a|b", "<code>a&#124;b</code>"),
            ("a\\|b", "<code>a&#92;&#124;b</code>"),
            ("a`b", "<code>a&#96;b</code>"),
            ("`@x`|", "<code>&#96;&#64;<!-- -->x&#96;&#124;</code>"),
            ("a\nb", "`a�b`"),
            ("", "–"),
            (" x ", "`x`"),
        ] {
            assert_eq!(code(name), shown);
        }
        assert_eq!(code(&"x".repeat(500)).chars().count(), LONGEST_NAME + 3);
    }

    #[test]
    fn sentences_keep_their_names_and_lose_their_teeth() {
        for (text, shown) in [
            (
                "`sign-on.p95 < 800ms` does not hold: > 30 s",
                "`sign-on.p95 < 800ms` does not hold: > 30 s",
            ),
            ("ask @me, see #1", "ask &#64;<!-- -->me, see &#35;<!-- -->1"),
            ("a ` b", "a &#96; b"),
            ("`a|b` of x", "<code>a&#124;b</code> of x"),
            ("![x](https://e.example)", "&#33;&#91;x&#93;(https&#58;//e.example)"),
            ("> a :tada:", "&#62; a &#58;tada:"),
            ("www.e.example", "www&#46;e.example"),
            ("``", "&#96;&#96;"),
        ] {
            assert_eq!(sentence(text), shown);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_means_something_is_left_outside_of_code(text in "[a`|<>@#&*_~!\\[\\]\\\\: \\n]{0,30}") {
            let shown = sentence(&text);
            let outside: String = shown.split('`').step_by(2).collect();
            let outside = outside.replace("<code>", "").replace("</code>", "").replace("<!-- -->", "");
            prop_assert!(!outside.contains(['|', '<', '@', '*', '_', '~', '[', ']', '\\', '!', '\n']), "{}", shown);
            prop_assert!(!shown.replace("\\|", "").contains('|'), "{}", shown);
        }
    }
}
