//! Questions in the terminal and the lines that are typed in answer, or that a pipe holds.

use super::terminal::Terminal;
use std::io::{BufRead, IsTerminal};
use tokio::sync::mpsc;

/// Asks and listens.
pub(super) struct Dialogue<'t> {
    terminal: &'t Terminal,
    /// Whether a person types.
    is_typed: bool,
    wanted: std::sync::mpsc::Sender<()>,
    lines: mpsc::Receiver<Option<String>>,
}

impl<'t> Dialogue<'t> {
    /// Begins to listen. A thread of its own reads, one line for each question, so that whoever
    /// waits can stop waiting.
    pub(super) fn open(terminal: &'t Terminal) -> Self {
        let (wanted, asked) = std::sync::mpsc::channel();
        let (read, lines) = mpsc::channel(1);
        std::thread::spawn(move || {
            for () in asked {
                let mut line = String::new();
                let count = std::io::stdin().lock().read_line(&mut line).unwrap_or(0);
                let line = (count > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned());
                if read.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self { terminal, is_typed: std::io::stdin().is_terminal(), wanted, lines }
    }

    /// Asks and waits for one line; none when there is no more. A secret is not shown as it is
    /// typed, where the terminal allows that.
    pub(super) async fn ask(&mut self, question: &str, is_secret: bool) -> Option<String> {
        self.terminal.ask(question);
        let hushed = if is_secret && self.is_typed { Hushed::new() } else { None };
        let is_unshown = hushed.is_some();
        let line = match self.wanted.send(()) {
            Ok(()) => self.lines.recv().await.flatten(),
            Err(_) => None,
        };
        drop(hushed);
        if is_unshown || !self.is_typed || line.is_none() {
            self.terminal.end_line();
        }
        line
    }
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hushed(#[cfg(unix)] rustix::termios::Termios);

impl Hushed {
    #[cfg(unix)]
    fn new() -> Option<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Now, &silent).ok()?;
        Some(Self(before))
    }

    #[cfg(not(unix))]
    fn new() -> Option<Self> {
        None
    }
}

impl Drop for Hushed {
    fn drop(&mut self) {
        #[cfg(unix)]
        let _ = rustix::termios::tcsetattr(
            std::io::stdin(),
            rustix::termios::OptionalActions::Now,
            &self.0,
        );
    }
}
