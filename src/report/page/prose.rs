//! Small pieces of the page that hold words.

use crate::report::columns::clean;
use maud::{Markup, Render, html};

/// A sentence from a summary: what stands between backticks is code.
pub(in crate::report) fn prose(text: &str) -> Markup {
    let text = clean(text);
    let parts: Vec<_> = text.split('`').collect();
    let is_paired = parts.len() % 2 == 1;
    html! {
        @if is_paired {
            @for (place, part) in parts.iter().enumerate() {
                @if place % 2 == 1 { code { (part) } } @else { (part) }
            }
        } @else { (text) }
    }
}

/// A name from outside: what would turn the text round is struck out.
pub(in crate::report) fn name(text: impl AsRef<str>) -> String {
    clean(text.as_ref())
}

/// Lines from outside, which keep their breaks.
pub(in crate::report) fn lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// Terms and what is to be said of each.
pub(in crate::report) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (term, fact) in facts { div { dt { (term) } dd { (fact) } } }
        }
    }
}

/// Some remark on what stands above or below.
pub(in crate::report) fn remark(text: impl Render) -> Markup {
    html! { p.remark { (text) } }
}

/// `1 user`, `2 users`.
pub(in crate::report) fn plural(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paired_backticks_make_code() {
        assert_eq!(prose("`a < b` fails").into_string(), "<code>a &lt; b</code> fails");
        assert_eq!(prose("a ` b").into_string(), "a ` b");
        assert_eq!(prose("x\u{202e}y").into_string(), "x\u{fffd}y");
    }
}
