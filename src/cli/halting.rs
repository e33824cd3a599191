//! Ctrl-C while accounts are made or removed: nothing new begins, and what is under way ends.

use super::terminal::Terminal;
use crate::load::on_interrupt;
use crate::run::making::Making;
use std::sync::Arc;

/// Hears Ctrl-C from now on: the first halts, one more ends the process.
pub(super) fn listen(making: &Arc<Making>, terminal: &Terminal) {
    let (making, terminal) = (making.clone(), *terminal);
    on_interrupt(move || {
        if making.halt() {
            die();
        }
        // A terminal that stands still must not keep the second from being heard.
        std::thread::spawn(move || {
            terminal.remark("\nno others are begun; those under way end (Ctrl-C again to die)");
        });
    });
}

#[expect(clippy::exit, reason = "ends the process whatever it is doing")]
fn die() -> ! {
    std::process::exit(130)
}
