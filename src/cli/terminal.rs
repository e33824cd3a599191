//! The only place that prints. Text for people goes to stderr, data that was asked for to stdout.

use super::exit::Failure;
use super::{Colour, Manner, environment};
use std::io::{IsTerminal, Write};

/// Standard output and error with the person's wishes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    quiet: bool,
    verbose: bool,
    colour: bool,
}

/// Kinds of text, shown in colours where there are any.
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    Plain,
    Strong,
    Faint,
    Good,
    Bad,
    Hint,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\x1b[1m",
            Self::Faint => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[1;31m",
            Self::Hint => "\x1b[36m",
        }
    }
}

impl Terminal {
    pub(super) fn new(manner: Manner) -> Self {
        let colour = match manner.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                std::io::stderr().is_terminal()
                    && environment("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        Self { quiet: manner.quiet, verbose: manner.verbose, colour }
    }

    /// Whether more than usual is wanted.
    pub(super) const fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// A line for people.
    pub(super) fn say(&self, line: &str) {
        if !self.quiet {
            write_line(&mut std::io::stderr(), line);
        }
    }

    /// A line of data that was asked for.
    pub(super) fn data(&self, line: &str) {
        write_line(&mut std::io::stdout(), line);
    }

    /// A text in its colour.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        if self.colour && !style.code().is_empty() {
            format!("{}{text}\x1b[0m", style.code())
        } else {
            text.to_owned()
        }
    }

    /// Everything that is wrong, each with its place and way out.
    pub(super) fn failure(&self, failure: &Failure) {
        let mut err = std::io::stderr();
        for complaint in &failure.complaints {
            write_line(
                &mut err,
                &format!("{} {}", self.paint(Style::Bad, "error:"), complaint.what),
            );
            if let Some(place) = &complaint.place {
                write_line(&mut err, &format!("   {} {place}", self.paint(Style::Faint, "in:")));
            }
            if let Some(remedy) = &complaint.remedy {
                write_line(&mut err, &format!(" {} {remedy}", self.paint(Style::Hint, "help:")));
            }
        }
    }
}

/// A reader that has gone away is no failure of ours.
fn write_line(to: &mut impl Write, line: &str) {
    let _ = writeln!(to, "{line}");
}
