//! The way out that every error message offers, and quoted listings for messages.

use std::fmt;

/// An error that may know what to do about it.
pub trait Remedy: std::error::Error {
    /// One sentence that tells the person what to change; none where there is nothing to do.
    fn remedy(&self) -> Option<String>;
}

/// Names listed for a message, each in backquotes: `` `a`, `b` ``.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Listing(Vec<String>);

impl Listing {
    /// One of two words, for a single name or for several: its verb for instance.
    pub const fn word(&self, one: &'static str, several: &'static str) -> &'static str {
        if self.0.len() == 1 { one } else { several }
    }
}

impl<S: Into<String>> FromIterator<S> for Listing {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for (position, name) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            write!(f, "`{name}`")?;
        }
        Ok(())
    }
}

/// The candidate nearest to a mistyped word, if one is near enough to be meant.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(typed, candidate), candidate))
        .filter(|(distance, candidate)| *distance * 2 <= candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Number of insertions, deletions and replacements between two words (Levenshtein).
pub fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_quote_each_name() {
        assert_eq!(["a", "b"].into_iter().collect::<Listing>().to_string(), "`a`, `b`");
        assert_eq!(Listing::default().to_string(), "nothing");
    }

    #[test]
    fn the_nearest_word_is_suggested_only_when_near() {
        let known = ["client_id", "client_secret", "scopes"];
        assert_eq!(nearest("cleint_id", known), Some("client_id"));
        assert_eq!(nearest("scope", known), Some("scopes"));
        assert_eq!(nearest("entirely", known), None);
    }

    #[test]
    fn edit_distance_counts_single_changes() {
        for (a, b, distance) in
            [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("a", "b", 1)]
        {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }
}
