//! Who watches a run while it goes on: the terminal, a browser, a metrics system.

use super::broadcast::{BroadcastArgs, Doors, Views};
use super::exit::Failure;
use super::progress::Watcher;
use super::terminal::Terminal;
use crate::load::Stop;
use crate::run::conduct::{Listener, Setup};
use crate::run::players::Players;

/// Views of a run in progress.
#[derive(Debug, clap::Args)]
pub(super) struct WatchArgs {
    #[command(flatten)]
    broadcast: BroadcastArgs,
}

impl WatchArgs {
    /// Takes the addresses that others are to watch at, before anything is sent to anybody.
    pub(super) fn open(&self) -> Result<Doors, Failure> {
        Doors::open(&self.broadcast)
    }
}

/// Everybody who was asked to watch, ready before the first iteration is due, and what has to be ended
/// after the last.
pub(super) fn listeners(
    doors: Doors,
    setup: &Setup<Players>,
    stop: &Stop,
    terminal: &Terminal,
) -> Result<(Vec<Box<dyn Listener>>, Views), Failure> {
    let (mut listeners, views) = doors.serve(setup, stop, terminal)?;
    listeners.push(Box::new(Watcher::new(terminal, &setup.plan)));
    Ok((listeners, views))
}
