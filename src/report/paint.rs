//! Colours for text that a person reads. Whoever prints decides whether there are any.

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Paint {
    /// Not at all: files, pipes, `NO_COLOR`.
    #[default]
    Plain,
    /// By the escape sequences that terminals know.
    Ansi,
}

/// What a piece of text is. No text needs its colour to be understood.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Style {
    /// Nothing special.
    #[default]
    Plain,
    /// Headings and what sums up.
    Strong,
    /// What may be passed over.
    Faint,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// What to do.
    Hint,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\x1b[1m",
            Self::Faint => "\x1b[2m",
            Self::Good => "\x1b[1;32m",
            Self::Bad => "\x1b[1;31m",
            Self::Hint => "\x1b[36m",
        }
    }
}

impl Paint {
    /// The text in its style. Nothing is put around an empty text.
    pub fn apply(self, style: Style, text: &str) -> String {
        match (self, style.code()) {
            (Self::Plain, _) | (_, "") => text.to_owned(),
            (Self::Ansi, _) if text.is_empty() => String::new(),
            (Self::Ansi, code) => format!("{code}{text}\x1b[0m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ansi_adds_anything() {
        assert_eq!(Paint::Plain.apply(Style::Bad, "no"), "no");
        assert_eq!(Paint::Ansi.apply(Style::Bad, "no"), "\x1b[1;31mno\x1b[0m");
        assert_eq!(Paint::Ansi.apply(Style::Plain, "no"), "no");
        assert_eq!(Paint::Ansi.apply(Style::Bad, ""), "");
    }
}
