//! A run that is over: judged by what is on file, its summary written, its reports left beside it.

use super::exit::{Exit, Failure};
use super::report::about;
use super::terminal::{Style, Terminal};
use crate::analysis::guard::Breach;
use crate::management::keeper::AccountsError;
use crate::measure::segment::Stand;
use crate::measure::tally::Tally;
use crate::measure::windows::Windows;
use crate::report::{FORMATS, console};
use crate::result::run_dir::{RunDir, RunDirError, RunRecord};
use crate::result::summary::{Summary, Verdict};
use crate::run::begin;
use crate::run::conduct::Conducted;
use crate::run::summarise::{dossier, drift, summarise, windows};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A run with its result.
pub(super) struct Settled {
    pub(super) dir: RunDir,
    pub(super) record: RunRecord,
    pub(super) tally: Tally,
    /// Those on file, if they could be read.
    pub(super) windows: Option<Windows>,
    pub(super) summary: Summary,
    /// What kept its results from being written, if anything did. Then the directory is left without an end.
    pub(super) unwritten: Option<RunDirError>,
    /// The guard that stopped it, if one did.
    pub(super) breach: Option<Breach>,
    /// What kept spoiled accounts from being put right, if anything did.
    pub(super) unmended: Option<AccountsError>,
    /// Whether users could not be ended, so that this process can put no load on any more.
    pub(super) left_behind: bool,
}

/// Judges a run and leaves its summary and its reports in its directory.
pub(super) fn settle(conducted: Conducted, terminal: &Terminal) -> Settled {
    let Conducted { dir, record, tally, load, breach, unwritten, unmended, .. } = conducted;
    // Judged by what is on file, as everybody will who finds it there.
    let (windows, unwritten) = match (unwritten, windows(&dir, &record)) {
        (None, Ok(windows)) => (Some(windows), None),
        (unwritten, windows) => (None, unwritten.or(windows.err())),
    };
    let lost = unwritten.as_ref().map(|error| format!("the results could not be written: {error}"));
    let stopped = lost.or_else(|| record.stopped.clone());
    let mut summary = summarise(&record, &tally, windows.as_ref(), stopped);
    // What cannot be read now is not there for the reports either, which say so.
    summary.drift = drift(&dir, &record).unwrap_or(None);
    if load.stuck > 0 {
        summary.verdict = Verdict::Invalid;
        let what = "iterations could not be ended: a bug in gander, or a machine that stood still";
        summary.reasons.insert(0, format!("{} {what}", load.stuck));
    }
    // A directory without its last seconds is left without an end and without a summary.
    let unwritten = unwritten.or_else(|| dir.write_summary(&summary).err());
    if unwritten.is_none() {
        leave_reports(&dir, terminal);
    }
    let left_behind = load.left_behind;
    Settled { dir, record, tally, windows, summary, unwritten, breach, unmended, left_behind }
}

/// Gives a run that was killed in its drain its end, and shows it.
pub(super) fn wind_up(
    dir: &RunDir,
    (mut record, stand): (RunRecord, Stand),
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let wrong = |error: RunDirError| Failure::of(Exit::WrongInput, &error);
    terminal.say("nothing of its plan is left: the run gets the end that it lacks");
    begin::wind_up(dir, &mut record, stand).map_err(wrong)?;
    let (tally, windows) = (dir.tally().map_err(wrong)?, windows(dir, &record).map_err(wrong)?);
    let summary = summarise(&record, &tally, Some(&windows), None);
    dir.write_summary(&summary).map_err(wrong)?;
    leave_reports(dir, terminal);
    let (about, paint) = (about(&record, dir), terminal.paint_of_text());
    let text = console::render(&summary, &about, terminal.columns(), paint);
    terminal.say(&format!("\n{}", text.trim_end()));
    Ok(Exit::of_run(summary.verdict, false))
}

/// Puts the reports into the run directory that every run leaves there, rendered from its files. The
/// result is safe by now: what keeps a report from being made is told, and the report can be made later.
pub(super) fn leave_reports(dir: &RunDir, terminal: &Terminal) {
    let caution = |what: &str| {
        let again = format!("`gander report {}` makes reports again", dir.path().display());
        terminal.say(&format!("{} {what}; {again}", terminal.paint(Style::Bad, "caution")));
    };
    let dossier = match dossier(dir) {
        Ok(dossier) => dossier,
        Err(error) => return caution(&format!("there are no reports: {error}")),
    };
    for format in FORMATS {
        let Some(file) = format.file else { continue };
        // A defect in a drawing is no reason to lose what comes after it.
        let text = catch_unwind(AssertUnwindSafe(|| format.rendered(&dossier)));
        let written = match text {
            Ok(Ok(text)) => dir.replace(file, text.as_bytes()).map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("a bug in gander".to_owned()),
        };
        if let Err(why) = written {
            caution(&format!("there is no `{file}`: {why}"));
        }
    }
}
