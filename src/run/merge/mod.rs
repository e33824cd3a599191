//! Parts of one run made one run: shares of a plan, or runs of one plan on several machines. From their directories
//! alone, without any server.

pub mod check;
mod complete;
mod ledgers;
mod record;

pub use check::MergeError;
pub use ledgers::Ledgers;

use super::begin::flows;
use super::summarise::{drift, summarise, windows};
use crate::base::names::RunId;
use crate::result::merge::{Layout, Source, write};
use crate::result::part::Part;
use crate::result::run_dir::{RUN, RunDir, RunDirError, RunRecord};
use crate::result::summary::{Summary, Verdict};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// A merged run.
#[derive(Debug)]
pub struct Merged {
    /// Where it is.
    pub dir: RunDir,
    /// What it was.
    pub record: RunRecord,
    /// What came of it.
    pub summary: Summary,
    /// What became of the ledgers of its parts.
    pub ledgers: Ledgers,
}

/// Where the files of the whole are made, in its directory. It is no run before all of them are there.
const ASIDE: &str = ".merging";

/// Merges parts that were looked at into a directory that holds no run. Killed, or failed, it leaves none there
/// either, and can be begun again.
pub fn merge(sources: &[Source], into: RunDir, run_id: &RunId) -> Result<Merged, MergeError> {
    let merged = merged(sources, &into, run_id);
    if merged.is_err() {
        let _ = fs::remove_dir_all(into.file(ASIDE));
        into.give_up(|_| false);
    }
    let (record, summary, ledgers) = merged?;
    into.begin()?;
    Ok(Merged { dir: into, record, summary, ledgers })
}

fn merged(
    sources: &[Source],
    into: &RunDir,
    run_id: &RunId,
) -> Result<(RunRecord, Summary, Ledgers), MergeError> {
    let path = into.file(ASIDE);
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(refused("remove", &path)(error));
        }
        _ => {}
    }
    let aside = RunDir::create_at(&path)?;
    let layout = Layout::of(sources)?;
    let mut parts = Vec::new();
    for (told, source) in write(sources, &layout, &aside)?.into_iter().zip(sources) {
        let summary = source.dir.summary()?;
        if let Some(summary) = &summary {
            complete::check(source, &told, summary)?;
        }
        parts.push(Part { invalid: summary.and_then(invalid_of), ..told.part });
    }
    let mut record = record::of(sources, &layout, run_id, parts);
    // What is made of the files asks what they are of.
    aside.write_run(&record)?;
    let tally = aside.tally()?;
    record.flows = flows(&tally);
    aside.write_run(&record)?;
    let windows = windows(&aside, &record)?;
    let summary = summarise(&record, &tally, Some(&windows), record.stopped.clone());
    let summary = Summary { drift: drift(&aside, &record)?, ..summary };
    aside.write_summary(&summary)?;
    let ledgers = ledgers::join(sources, &aside, into)?;
    put_in_place(&aside, into)?;
    Ok((record, summary, ledgers))
}

/// Why a part was judged invalid when it ended. Its counters tell most of it, but not all.
fn invalid_of(summary: Summary) -> Option<String> {
    let reason = summary.reasons.into_iter().next();
    (summary.verdict == Verdict::Invalid)
        .then(|| reason.unwrap_or_else(|| "its own result is invalid".to_owned()))
}

/// Moves what was made to where it belongs, the record last: with it the directory is a run.
fn put_in_place(aside: &RunDir, into: &RunDir) -> Result<(), MergeError> {
    let mut names = Vec::new();
    let list = |path: &Path| -> io::Result<Vec<_>> {
        fs::read_dir(path)?.map(|entry| Ok(entry?.file_name())).collect()
    };
    names.extend(list(aside.path()).map_err(refused("list", aside.path()))?);
    names.sort_by_key(|name| name == RUN);
    for name in names {
        let (from, to) = (aside.path().join(&name), into.path().join(&name));
        if from.is_dir() {
            fs::create_dir_all(&to).map_err(refused("make", &to))?;
            for name in list(&from).map_err(refused("list", &from))? {
                fs::rename(from.join(&name), to.join(&name)).map_err(refused("write", &to))?;
            }
            fs::remove_dir(&from).map_err(refused("remove", &from))?;
        } else {
            fs::rename(&from, &to).map_err(refused("write", &to))?;
        }
    }
    fs::remove_dir(aside.path()).map_err(refused("remove", aside.path()))
}

fn refused<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> MergeError + 'a {
    move |source| RunDirError::Io { action, path: path.to_owned(), source }.into()
}
