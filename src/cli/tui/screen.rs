//! The terminal taken over for a full-screen view, and given back on every way out.
//!
//! Keys come one by one and unseen, but Ctrl-C stays the signal that it is: the terminal itself makes
//! it, so that it is heard whatever this program is doing.

use crate::cli::aside;
use crate::cli::terminal::{Terminal, hold_lines, release_lines};
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::execute;
use ratatui::crossterm::style::force_color_output;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::layout::Rect;
use ratatui::{TerminalOptions, Viewport};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use std::io::{self, BufWriter, Write};
use std::panic;
use std::sync::mpsc::channel;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

/// The terminal's modes from before; there while they are changed.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Whether the view has the screen. Held by whoever writes to it.
static IS_UP: Mutex<bool> = Mutex::new(false);

static HOOK: Once = Once::new();

/// A screen of unknown size.
const USUAL: (u16, u16) = (80, 24);

/// Tenths of a second that a read of keys waits.
const WAIT: u8 = 1;

/// What the view is drawn with.
pub(super) type Canvas = ratatui::Terminal<CrosstermBackend<BufWriter<Screen>>>;

/// Takes the terminal over. Lines that are said from now on are held until it is given back.
pub(super) fn take(terminal: &Terminal, colour: bool) -> io::Result<Canvas> {
    let before = tcgetattr(io::stdin())?;
    let mut modes = before.clone();
    modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN;
    // To be suspended or to dump core would leave the screen behind as it is.
    modes.special_codes[SpecialCodeIndex::VSUSP] = 0;
    modes.special_codes[SpecialCodeIndex::VQUIT] = 0;
    modes.special_codes[SpecialCodeIndex::VMIN] = 0;
    modes.special_codes[SpecialCodeIndex::VTIME] = WAIT;
    HOOK.call_once(hold_panics);
    force_color_output(colour);
    hold_lines();
    *locked(&BEFORE) = Some(before);
    *locked(&IS_UP) = true;
    let taken = tcsetattr(io::stdin(), OptionalActions::Now, &modes).map_err(io::Error::from);
    let made = taken.and_then(|()| {
        execute!(terminal.screen(), EnterAlternateScreen, Hide, EnableBracketedPaste)?;
        let screen = BufWriter::with_capacity(1 << 16, Screen(*terminal));
        let viewport = Viewport::Fixed(size());
        let options = TerminalOptions { viewport };
        ratatui::Terminal::with_options(CrosstermBackend::new(screen), options)
    });
    made.inspect_err(|_| restore())
}

/// How large the screen is now.
pub(super) fn size() -> Rect {
    let (columns, rows) =
        tcgetwinsize(io::stderr()).map_or(USUAL, |size| (size.ws_col, size.ws_row));
    let (usual_columns, usual_rows) = USUAL;
    Rect::new(
        0,
        0,
        if columns == 0 { usual_columns } else { columns },
        if rows == 0 { usual_rows } else { rows },
    )
}

/// Gives the terminal back as it was, and says what was held. Nothing to do where it was not taken,
/// or was given back already.
pub(in crate::cli) fn restore() {
    if let Some(before) = locked(&BEFORE).take() {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
    let mut is_up = locked(&IS_UP);
    if std::mem::take(&mut *is_up) {
        let _ = execute!(io::stderr(), DisableBracketedPaste, LeaveAlternateScreen, Show);
        release_lines();
    }
}

/// The same for one who must not wait for a terminal that stands still.
pub(in crate::cli) fn restore_within(longest: Duration) {
    let (done, is_done) = channel();
    thread::spawn(move || {
        restore();
        // Whoever waited may have gone.
        let _ = done.send(());
    });
    let _ = is_done.recv_timeout(longest);
}

/// Gives the terminal back when it is dropped.
pub(in crate::cli) struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        // What was held must still be told by the end of the process, which waits for all of this.
        aside::write(restore);
    }
}

/// Where the view is written to. Takes nothing once the screen is given back.
pub(super) struct Screen(Terminal);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_up = locked(&IS_UP);
        if *is_up { self.0.screen().write(bytes) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let is_up = locked(&IS_UP);
        if *is_up { self.0.screen().flush() } else { Ok(()) }
    }
}

/// What a panic says would be lost with the screen that it is written across.
fn hold_panics() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |what| {
        if !Terminal::hold(&crate::cli::panics::told(what)) {
            usual(what);
        }
    }));
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Colour, Manner};
    use std::process::Command;

    fn terminal() -> Terminal {
        Terminal::new(Manner { quiet: false, verbose: false, color: Colour::Never })
    }

    #[test]
    #[ignore = "run by a_panic_gives_the_terminal_back_and_is_told_after_that"]
    fn child_panics_in_front_of_the_screen() {
        let _restored = Restored;
        let terminal = terminal();
        let _canvas = take(&terminal, false).unwrap();
        terminal.say("said meanwhile");
        terminal.remark("of no use later");
        panic!("on purpose");
    }

    #[test]
    fn a_panic_gives_the_terminal_back_and_is_told_after_that() {
        let test = "cli::tui::screen::tests::child_panics_in_front_of_the_screen";
        let program = std::env::current_exe().unwrap();
        let inside = format!("{} --exact {test} --ignored --nocapture; stty -a", program.display());
        let script = ["--quiet", "--flush", "--command", &inside, "/dev/null"];
        let output = Command::new("script").args(script).output().expect("`script` of util-linux");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (before, after) = text.split_once("\x1b[?1049l").expect("the usual screen again");
        assert!(before.contains("\x1b[?1049h") && before.contains("\x1b[?25l"), "{text}");
        assert!(before.contains("\x1b[?2004h") && before.ends_with("\x1b[?2004l"), "{text}");
        assert!(!before.contains("meanwhile") && !before.contains("on purpose"), "{text}");
        let said = after.find("said meanwhile").expect("what was said");
        let panic = after.find("on purpose").expect("what the panic said");
        assert!(after.starts_with("\x1b[?25h") && said < panic, "{text}");
        assert!(!text.contains("of no use later"), "{text}");
        let modes: Vec<_> = after.split_whitespace().collect();
        assert!(modes.contains(&"icanon") && modes.contains(&"echo"), "{text}");
    }

    #[test]
    fn nothing_is_held_without_a_screen() {
        assert!(!Terminal::hold("a line"));
        restore();
        restore_within(Duration::from_secs(1));
    }
}
