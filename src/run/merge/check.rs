//! Whether directories are parts of one run. Nothing of them is read before that but what they were.

use crate::base::remedy::{Listing, Remedy};
use crate::measure::segment::LARGEST;
use crate::result::merge::Source;
use crate::result::part::ShareRecord;
use crate::result::run_dir::{RUN, RunDir, RunDirError, RunRecord};
use crate::run::ledger_file::{self, LedgerFileError};
use crate::run::resume::differences;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Why directories cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// One of them cannot be used, or the whole not be written.
    #[error(transparent)]
    Dir(#[from] RunDirError),
    /// None was given.
    #[error("there is nothing to merge")]
    Nothing,
    /// A directory that holds runs, and is none.
    #[error("`{}` is not the directory of a run: it holds {runs} of them", path.display())]
    Folder {
        /// The directory.
        path: PathBuf,
        /// How many.
        runs: usize,
    },
    /// Its run is still going on.
    #[error("the run in `{}` is still going on", path.display())]
    GoingOn {
        /// The directory.
        path: PathBuf,
    },
    /// It was merged before.
    #[error("the run in `{}` is merged already, of {parts} parts", path.display())]
    Merged {
        /// The directory.
        path: PathBuf,
        /// How many.
        parts: usize,
    },
    /// The same run twice.
    #[error("`{}` and `{}` are the same run, {run}", one.display(), other.display())]
    SameRun {
        /// A directory.
        one: PathBuf,
        /// The other.
        other: PathBuf,
        /// What both are.
        run: String,
    },
    /// The same share twice, of two runs.
    #[error("`{}` and `{}` are both share {share} of the plan", one.display(), other.display())]
    SameShare {
        /// A directory.
        one: PathBuf,
        /// The other.
        other: PathBuf,
        /// What both are.
        share: ShareRecord,
    },
    /// Its record says what cannot be.
    #[error("`{}` is damaged: {what}", path.display())]
    Damaged {
        /// The record.
        path: PathBuf,
        /// What it says.
        what: String,
    },
    /// Its files do not hold what its own summary tells of.
    #[error(
        "`{}` is {}: it has {there} {what}, and the `summary.json` of part `{part}` tells of {expected}",
        path.display(), if *is_missing { "missing" } else { "not whole" }
    )]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// The part.
        part: String,
        /// Whether there is no such file at all.
        is_missing: bool,
        /// What is counted.
        what: &'static str,
        /// How many there are.
        there: u64,
        /// How many there should be.
        expected: u64,
    },
    /// Two that are no parts of one run.
    #[error("`{}` is no part of the same run as `{}`: {what}", other.display(), one.display())]
    Other {
        /// The first directory.
        one: PathBuf,
        /// The one that differs.
        other: PathBuf,
        /// What differs.
        what: Difference,
    },
    /// A ledger cannot be read, or not be written.
    #[error(transparent)]
    Ledger(#[from] LedgerFileError),
}

/// What differs between two runs that are no parts of one.
#[derive(Debug, thiserror::Error)]
pub enum Difference {
    /// The format of their files.
    #[error("its files have version {is} of their format, and those of the other {was}")]
    Schema {
        /// That of the first.
        was: u32,
        /// That of the other.
        is: u32,
    },
    /// The plan.
    #[error("its plan is another: {0}")]
    Plan(Listing),
    /// The rules.
    #[error("it is judged by other thresholds: {is} and not {was}")]
    Thresholds {
        /// Those of the first.
        was: Listing,
        /// Those of the other.
        is: Listing,
    },
    /// How load was made.
    #[error("its load was made in another way")]
    Model,
    /// The seeds of two shares.
    #[error("shares of one plan have one seed, and it has {is}, not {was}")]
    Seed {
        /// That of the first.
        was: String,
        /// That of the other.
        is: String,
    },
    /// A share and a whole plan.
    #[error("one is a share of the plan, {0}, and one all of it")]
    Kind(ShareRecord),
    /// How many shares there are.
    #[error("it is share {is}, and the other {was}")]
    Shares {
        /// The first.
        was: ShareRecord,
        /// The other.
        is: ShareRecord,
    },
}

impl Remedy for MergeError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Dir(error) => return error.remedy(),
            Self::Ledger(error) => return error.remedy(),
            Self::Nothing => "name the directories of the parts".to_owned(),
            Self::Folder { path, .. } => format!("name those: `{}/*`", path.display()),
            Self::GoingOn { .. } => "wait for its end, or stop it first".to_owned(),
            Self::Merged { .. } => {
                "name the directories of its parts, and those that are to be added".to_owned()
            }
            Self::SameRun { .. } => "name each run once".to_owned(),
            Self::SameShare { .. } => {
                "name one of them: added up, their iterations would count twice".to_owned()
            }
            Self::Incomplete { .. } => {
                "copy the directory once more from the machine that ran it, or leave it out".to_owned()
            }
            Self::Damaged { .. } => "put the file back as gander wrote it, or leave the run out".to_owned(),
            Self::Other { what: Difference::Schema { .. }, .. } => {
                "run all parts with one version of gander".to_owned()
            }
            Self::Other { what: Difference::Seed { .. } | Difference::Shares { .. }, .. } => {
                "name the shares of one run only".to_owned()
            }
            Self::Other { .. } => {
                "leave it out; runs of different plans are held against each other by `gander compare`"
                    .to_owned()
            }
        })
    }
}

/// Looks at what is to be merged, in the order given.
pub fn look_at(given: &[PathBuf]) -> Result<Vec<Source>, MergeError> {
    let mut sources: Vec<Source> = Vec::new();
    let mut seen = Seen::default();
    for (path, name) in given.iter().zip(names(given)) {
        let dir = opened(path)?;
        let record = dir.run()?;
        alone(path, &dir, &record)?;
        if let Some(first) = sources.first() {
            same(first, path, &record)?;
        }
        seen.take(path, &dir, &record)?;
        let is_first = sources.is_empty();
        // All have the same plan, which need not be kept a thousand times.
        let plan = if is_first { record.plan } else { serde_json::Value::Null };
        let record = RunRecord { plan, ..record };
        // Only a conductor knows more of a part.
        let (clock_offset_ms, lost_from_ms, taken_over_from_ms) = (None, None, None);
        sources.push(Source {
            name,
            dir,
            record,
            clock_offset_ms,
            lost_from_ms,
            taken_over_from_ms,
        });
    }
    if sources.is_empty() { Err(MergeError::Nothing) } else { Ok(sources) }
}

fn opened(path: &Path) -> Result<RunDir, MergeError> {
    RunDir::open(path).map_err(|error| match error {
        RunDirError::NotARun { .. } => {
            let runs = RunDir::list(path).map_or(0, |runs| runs.len());
            match runs {
                0 => error.into(),
                _ => MergeError::Folder { path: path.to_owned(), runs },
            }
        }
        _ => error.into(),
    })
}

fn share_of(record: &RunRecord) -> Option<ShareRecord> {
    record.share.map(Into::into)
}

/// What can be said of one by itself.
fn alone(path: &Path, dir: &RunDir, record: &RunRecord) -> Result<(), MergeError> {
    let path = || path.to_owned();
    if !record.parts.is_empty() {
        return Err(MergeError::Merged { path: path(), parts: record.parts.len() });
    }
    if record.started_unix_ms > LARGEST {
        let what = format!("`started_unix_ms` is {}", record.started_unix_ms);
        return Err(MergeError::Damaged { path: dir.file(RUN), what });
    }
    match ledger_file::hold(dir.path()) {
        Err(LedgerFileError::InUse { .. }) => Err(MergeError::GoingOn { path: path() }),
        // What else is wrong with it is said by whoever reads it.
        _ => Ok(()),
    }
}

/// That one is a part of the same run as the first.
fn same(first: &Source, path: &Path, record: &RunRecord) -> Result<(), MergeError> {
    let was = &first.record;
    let listing = |rules: &[String]| rules.iter().map(String::as_str).collect::<Listing>();
    let what = if was.schema_version != record.schema_version {
        Difference::Schema { was: was.schema_version, is: record.schema_version }
    } else if was.plan != record.plan {
        Difference::Plan(differences(&was.plan, &record.plan).into_iter().collect())
    } else if was.thresholds != record.thresholds {
        let (was, is) = (listing(&was.thresholds), listing(&record.thresholds));
        Difference::Thresholds { was, is }
    } else if (was.workload_model, was.reply_timeout_ms)
        != (record.workload_model, record.reply_timeout_ms)
    {
        Difference::Model
    } else {
        match (share_of(was), share_of(record)) {
            (None, None) => return Ok(()),
            (Some(share), None) | (None, Some(share)) => Difference::Kind(share),
            (Some(was), Some(is)) if was.of != is.of => Difference::Shares { was, is },
            _ if was.seed != record.seed => {
                Difference::Seed { was: was.seed.clone(), is: record.seed.clone() }
            }
            _ => return Ok(()),
        }
    };
    let (one, other) = (first.dir.path().to_owned(), path.to_owned());
    Err(MergeError::Other { one, other, what })
}

/// What was there before.
#[derive(Default)]
struct Seen {
    directories: BTreeMap<PathBuf, PathBuf>,
    runs: BTreeMap<(String, String, Option<ShareRecord>), PathBuf>,
    shares: BTreeMap<ShareRecord, PathBuf>,
}

impl Seen {
    fn take(&mut self, path: &Path, dir: &RunDir, record: &RunRecord) -> Result<(), MergeError> {
        let other = || path.to_owned();
        let share = share_of(record).map(|share| format!(", share {share}")).unwrap_or_default();
        let run = || format!("{}{share}", record.run_id);
        let id = (record.run_id.to_string(), record.seed.clone(), share_of(record));
        let known = self.directories.get(dir.path()).or_else(|| self.runs.get(&id));
        if let Some(one) = known.cloned() {
            return Err(MergeError::SameRun { one, other: other(), run: run() });
        }
        if let Some(share) = share_of(record) {
            if let Some(one) = self.shares.get(&share).cloned() {
                return Err(MergeError::SameShare { one, other: other(), share });
            }
            self.shares.insert(share, other());
        }
        self.directories.insert(dir.path().to_owned(), other());
        self.runs.insert(id, other());
        Ok(())
    }
}

/// What each is called: by as much of the end of its path as tells all apart.
fn names(given: &[PathBuf]) -> Vec<String> {
    let path = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    let paths: Vec<PathBuf> = given.iter().map(path).collect();
    let end = |path: &Path, length: usize| {
        let parts: Vec<_> =
            path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        let from = parts.len().saturating_sub(length);
        parts[from..].join("/").replace("//", "/")
    };
    let longest = paths.iter().map(|path| path.components().count()).max().unwrap_or(1);
    let of_length = |length: usize| paths.iter().map(|path| end(path, length)).collect::<Vec<_>>();
    let are_apart =
        |names: &Vec<String>| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    let found = (1..=longest).map(of_length).find(are_apart);
    found.unwrap_or_else(|| of_length(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_called_by_as_much_of_their_path_as_tells_them_apart() {
        for (paths, expected) in [
            (vec!["/r/a", "/r/b"], vec!["a", "b"]),
            (vec!["/0/run", "/1/run"], vec!["0/run", "1/run"]),
            (vec!["/0/x/run", "/1/x/run", "/1/y/ran"], vec!["0/x/run", "1/x/run", "1/y/ran"]),
            (vec!["/a", "/a"], vec!["/a", "/a"]),
        ] {
            let given: Vec<_> = paths.iter().map(PathBuf::from).collect();
            assert_eq!(names(&given), expected);
        }
    }
}
