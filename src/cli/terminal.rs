//! The only place that prints. Text for people goes to stderr, data that was asked for to stdout.

use super::aside;
use super::exit::Failure;
use super::{Colour, Manner, environment};
use crate::report::columns::clean;
use crate::report::console::WIDEST;
use crate::report::paint::Paint;
pub(super) use crate::report::paint::Style;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Standard output is one for the process, and so is this.
static DATA_LOST: AtomicBool = AtomicBool::new(false);

/// Lines for people that wait until a full-screen view is gone; none while there is no such view.
static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// More than this nobody reads afterwards; the last of them is the summary.
const MOST_HELD: usize = 200;

/// Standard output and error with the person's wishes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    quiet: bool,
    verbose: bool,
    live: bool,
    paint: Paint,
}

impl Terminal {
    pub(super) fn new(manner: Manner) -> Self {
        let live = std::io::stderr().is_terminal();
        let wanted = environment("NO_COLOR").is_none_or(|value| value.is_empty());
        let colour = match manner.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => live && wanted,
        };
        let paint = if colour { Paint::Ansi } else { Paint::Plain };
        Self { quiet: manner.quiet, verbose: manner.verbose, live, paint }
    }

    /// Whether somebody watches who can be shown something that changes.
    pub(super) const fn is_live(&self) -> bool {
        self.live && !self.quiet
    }

    /// Whether text for people is coloured.
    pub(super) const fn paint_of_text(&self) -> Paint {
        self.paint
    }

    /// How many columns a text for people may take.
    pub(super) fn columns(&self) -> usize {
        let given = environment("COLUMNS").and_then(|columns| columns.parse().ok());
        given.unwrap_or(WIDEST).clamp(80, WIDEST)
    }

    /// A line for people who asked for more.
    pub(super) fn explain(&self, line: &str) {
        if self.verbose {
            self.say(line);
        }
    }

    /// A line for people. Behind a full-screen view it waits.
    pub(super) fn say(&self, line: &str) {
        if !self.quiet && !Self::hold(line) {
            tell(line.to_owned());
        }
    }

    /// The same, for a thread that nobody waits for: it stands still with the terminal.
    pub(super) fn say_here(&self, line: &str) {
        if !self.quiet && !Self::hold(line) {
            write_line(&mut std::io::stderr(), line);
        }
    }

    /// A line for people that was asked for, and is said to those who want to hear nothing else.
    pub(super) fn answer(&self, line: &str) {
        tell(line.to_owned());
    }

    /// A line for people that is of no use later: behind a full-screen view it is left out.
    pub(super) fn remark(&self, line: &str) {
        if held().is_none() {
            self.say(line);
        }
    }

    /// Keeps a line for later if a full-screen view has the terminal, and says whether it has.
    pub(super) fn hold(line: &str) -> bool {
        held()
            .as_mut()
            .map(|held| {
                if held.len() >= MOST_HELD {
                    held.remove(0);
                }
                held.push(line.to_owned());
            })
            .is_some()
    }

    /// Where a full-screen view is drawn.
    pub(super) fn screen(&self) -> std::io::Stderr {
        std::io::stderr()
    }

    /// Why a full-screen view cannot be shown here; none if it can.
    pub(super) fn no_screen(&self) -> Option<&'static str> {
        if !self.live {
            return Some("standard error is no terminal");
        }
        if !std::io::stdin().is_terminal() {
            return Some("standard input is no terminal");
        }
        (environment("TERM").as_deref() == Some("dumb"))
            .then_some("this terminal says it is `dumb`")
    }

    /// A line of data that was asked for.
    pub(super) fn data(&self, line: &str) {
        write_data(line);
    }

    /// The same in its turn among the lines for people, so that a terminal that stands still holds up
    /// nothing that comes after it.
    pub(super) fn data_aside(&self, line: String) {
        aside::write(move || write_data(&line));
    }

    /// Whether data that was asked for could not be written, to a full disk for instance. A reader
    /// that has gone away wants no more.
    pub(super) fn has_lost_data() -> bool {
        DATA_LOST.load(Ordering::Relaxed)
    }

    /// A question. The answer is typed behind it.
    pub(super) fn ask(&self, question: &str) {
        let mut err = std::io::stderr();
        let _ = write!(err, "{question} ").and_then(|()| err.flush());
    }

    /// Ends the line of a question whose answer did not end it itself.
    pub(super) fn end_line(&self) {
        write_line(&mut std::io::stderr(), "");
    }

    /// A text in its colour.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        self.paint.apply(style, text)
    }

    /// Everything that is wrong, each with its place and way out.
    pub(super) fn failure(&self, failure: &Failure) {
        for complaint in &failure.complaints {
            let mut lines = vec![(Style::Bad, "error:", &complaint.what)];
            lines.extend(complaint.place.as_ref().map(|place| (Style::Faint, "   in:", place)));
            lines.extend(complaint.remedy.as_ref().map(|remedy| (Style::Hint, " help:", remedy)));
            for (style, name, text) in lines {
                let indent = name.len() - name.trim_start().len();
                let name = self.paint(style, name.trim_start());
                tell(format!("{:indent$}{name} {}", "", clean(text)));
            }
        }
    }
}

/// From now on lines for people wait.
pub(super) fn hold_lines() {
    held().get_or_insert_default();
}

/// Says what waited, and lets nothing wait any more. Stands still with the terminal; whoever has a line
/// meanwhile does not, and it comes in its turn.
pub(super) fn release_lines() {
    loop {
        let lines = {
            let mut held = held();
            match held.as_mut().map(std::mem::take) {
                Some(lines) if !lines.is_empty() => lines,
                _ => {
                    *held = None;
                    return;
                }
            }
        };
        for line in lines {
            write_line(&mut std::io::stderr(), &line);
        }
    }
}

fn held() -> MutexGuard<'static, Option<Vec<String>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell(line: String) {
    aside::write(move || write_line(&mut std::io::stderr(), &line));
}

fn write_data(line: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        DATA_LOST.store(true, Ordering::Relaxed);
    }
}

/// A reader that has gone away is no failure of ours.
fn write_line(to: &mut impl Write, line: &str) {
    let _ = writeln!(to, "{line}");
}
