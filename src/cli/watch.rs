//! Who watches a run while it goes on: the terminal, a browser, a metrics system.

use super::broadcast::{BroadcastArgs, Doors, Views};
use super::ending::Ending;
use super::exit::{Exit, Failure};
use super::progress::Watcher;
use super::terminal::Terminal;
use super::tui::{self, Tui};
use crate::load::Plan;
use crate::result::run_dir::{RunDir, RunRecord};
use crate::run::conduct::{Listener, Setup};
use crate::run::players::Players;

/// Views of a run in progress.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct WatchArgs {
    /// Show the run on the whole screen of the terminal, with keys to stop it and to change its rate
    #[arg(long)]
    tui: bool,
    #[command(flatten)]
    broadcast: BroadcastArgs,
}

/// Refuses views that cannot be shown, before anything is begun.
pub(super) fn check(args: &WatchArgs, terminal: &Terminal) -> Result<(), Failure> {
    if args.tui { tui::check(terminal) } else { Ok(()) }
}

/// The flag of a view that ends with the run that it shows, if there is one.
pub(super) fn of_one_run(args: &WatchArgs) -> Option<&'static str> {
    let live = args.broadcast.has_page().then_some("--live");
    args.tui.then_some("--tui").or(live)
}

/// Takes the addresses that others are to watch at, before anything is sent to anybody.
pub(super) fn open(args: &WatchArgs) -> Result<Doors, Failure> {
    Doors::open(&args.broadcast)
}

/// The same for a run that others perform: the full-screen view changes what its own machine does, and is not among them.
pub(super) fn open_for_many(args: &WatchArgs) -> Result<Doors, Failure> {
    if args.tui {
        let what = "`--tui` shows the run of its own machine, and this one is performed by others";
        let remedy = Some("leave it out, or use `--live`");
        return Err(Failure::new(Exit::WrongInput, what, remedy));
    }
    open(args)
}

/// Everybody who was asked to watch a run that others perform.
pub(super) fn listeners_of_many(
    doors: Doors,
    (plan, dir, record): (&Plan, &RunDir, &RunRecord),
    ending: &Ending,
    terminal: &Terminal,
) -> Result<(Vec<Box<dyn Listener>>, Views), Failure> {
    let (mut listeners, views) = doors.serve((dir, record), ending.stop(), terminal)?;
    listeners.push(Box::new(Watcher::new(terminal, plan)));
    Ok((listeners, views))
}

/// Everybody who was asked to watch, ready before the first iteration is due, and what has to be ended
/// after the last.
pub(super) fn listeners(
    args: &WatchArgs,
    doors: Doors,
    setup: &Setup<Players>,
    ending: &Ending,
    terminal: &Terminal,
) -> Result<(Vec<Box<dyn Listener>>, Views), Failure> {
    let (mut listeners, views) =
        doors.serve((&setup.dir, &setup.record), ending.stop(), terminal)?;
    let progress: Box<dyn Listener> = if args.tui {
        Box::new(Tui::start(setup, ending, terminal)?)
    } else {
        Box::new(Watcher::new(terminal, &setup.plan))
    };
    listeners.push(progress);
    Ok((listeners, views))
}
