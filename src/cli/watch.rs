//! Who watches a run while it goes on: the terminal, a browser, a metrics system.

use super::exit::Failure;
use super::progress::Watcher;
use super::terminal::Terminal;
use crate::load::Stop;
use crate::run::conduct::{Listener, Setup};
use crate::run::players::Players;

/// Views of a run in progress.
#[derive(Debug, clap::Args)]
pub(super) struct WatchArgs {}

/// Everybody who was asked to watch, ready before the first iteration is due.
pub(super) fn listeners(
    _args: &WatchArgs,
    setup: &Setup<Players>,
    _stop: &Stop,
    terminal: &Terminal,
) -> Result<Vec<Box<dyn Listener>>, Failure> {
    Ok(vec![Box::new(Watcher::new(terminal, &setup.plan))])
}
