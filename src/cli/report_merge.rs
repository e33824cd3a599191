//! `gander report --merge`: directories of parts made one run, which is then shown like any other.

use super::exit::{Exit, Failure};
use super::report::{ReportArgs, show};
use super::settle::leave_reports;
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::result::run_dir::RunDir;
use crate::run::merge::check::look_at;
use crate::run::merge::{Ledgers, MergeError, Merged, merge};
use crate::run::stage::run_id;
use std::path::Path;

pub(super) fn report(args: &ReportArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    args.check()?;
    let wrong = |error: &MergeError| Failure::of(Exit::WrongInput, error);
    let sources = look_at(&args.merge);
    let sources = sources.map_err(|error| wrong(&error))?;
    let run_id = run_id(&Clock::system());
    let into = match &args.out {
        Some(path) => RunDir::create_at(path),
        None => RunDir::create(Path::new("reports"), &run_id),
    };
    let into = into.map_err(|error| wrong(&error.into()))?;
    let merged = merge(&sources, into, &run_id).map_err(|error| wrong(&error))?;
    leave_reports(&merged.dir, terminal);
    let (number, place) = (merged.record.parts.len(), merged.dir.path().display());
    terminal.say(&format!(
        "{number} {} merged into {place}",
        if number == 1 { "part" } else { "parts" }
    ));
    tell_ledgers(&merged, terminal);
    show(args, &merged.dir, terminal)?;
    Ok(Exit::of_run(merged.summary.verdict, merged.record.interrupted))
}

/// Ledgers that could not be made one, and what is to be done with them.
fn tell_ledgers(merged: &Merged, terminal: &Terminal) {
    let Ledgers::Apart { login, files } = &merged.ledgers else { return };
    let caution = terminal.paint(Style::Bad, "caution");
    let example = files.first().map(|file| file.display().to_string()).unwrap_or_default();
    terminal.say(&format!(
        "{caution} the ledgers of the parts are kept by themselves, for two of them speak of `{login}`; clean up \
         each of the {} with `gander accounts clean-up PROFILE --ledger FILE`, such as `{example}`",
        files.len()
    ));
}
