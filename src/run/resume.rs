//! Taking up a run that was killed or interrupted: whether it can be, and where it stands.

use super::begin::Resumed;
use crate::base::random::Seed;
use crate::base::remedy::{Listing, Remedy};
use crate::identity::ledger::{Book, LedgerEntry, LedgerError};
use crate::profile::check::Checked;
use crate::result::run_dir::{LEDGER, RunDir, RunDirError, RunRecord};
use crate::workload::onward::Onward;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A run that is taken up again. Nobody else can while this is kept.
#[derive(Debug)]
pub struct Taken {
    /// Where it is.
    pub dir: RunDir,
    /// What it was so far.
    pub record: RunRecord,
    /// Where all its randomness comes from.
    pub seed: Seed,
    /// Where it stands.
    pub resumed: Resumed,
    /// Whether nothing of its plan is left: it was killed in its drain, and only lacks its end.
    pub is_done: bool,
    /// Whom it knows.
    pub continued: Continued,
}

/// What a run that is taken up again knows of accounts.
#[derive(Debug)]
pub struct Continued {
    /// Number of the new segment, for the logins that it makes.
    pub segment: u32,
    /// Index of the next persona.
    pub next_persona: u64,
    /// The ledger, open at its end.
    pub ledger: File,
    /// What it says.
    pub book: Book,
}

/// Why a run cannot be taken up again.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// Its directory cannot be used.
    #[error(transparent)]
    Dir(#[from] RunDirError),
    /// It is still going on.
    #[error("the run in `{}` is still going on", path.display())]
    GoingOn {
        /// Its directory.
        path: PathBuf,
    },
    /// It came to its end.
    #[error("the run in `{}` is over: {why}", path.display())]
    Over {
        /// Its directory.
        path: PathBuf,
        /// What ended it.
        why: String,
    },
    /// Another profile, or other flags.
    #[error("this is another plan than that of the run: {differences}")]
    OtherPlan {
        /// What differs, with what it was and what it is.
        differences: Listing,
    },
    /// The ledger cannot be opened.
    #[error("`{}` cannot be gone on with: {source}", path.display())]
    Ledger {
        /// The ledger.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The ledger is damaged.
    #[error("`{}` cannot be gone on with: {source}", path.display())]
    Book {
        /// The ledger.
        path: PathBuf,
        /// What is wrong.
        source: LedgerError,
    },
}

impl Remedy for ResumeError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Dir(error) => error.remedy(),
            Self::GoingOn { .. } => Some("wait for its end, or stop it first".to_owned()),
            Self::Over { path, .. } => Some(format!(
                "`gander report {}` shows it; to run its plan again leave `--resume` out",
                path.display()
            )),
            Self::OtherPlan { .. } => Some(
                "give the profile and the flags that the run was started with, or write what it was with \
                 `--set KEY=VALUE`; `plan` in its `run.json` has every value"
                    .to_owned(),
            ),
            Self::Ledger { .. } => Some("make it readable and writable".to_owned()),
            Self::Book { source, .. } => source.remedy(),
        }
    }
}

/// Takes up the run of a directory with the profile that it was started with. Nothing is changed yet but
/// the torn rest of a line in its ledger.
pub fn take_up(path: &Path, checked: &Checked, seed: Option<Seed>) -> Result<Taken, ResumeError> {
    let dir = RunDir::reopen(path)?;
    let record = dir.run()?;
    let ledger = lock(&dir)?;
    if let Some(why) = end_of(&record) {
        return Err(ResumeError::Over { path: path.to_owned(), why });
    }
    let own_seed = record.seed.parse().unwrap_or(Seed(0));
    let mut differences = differences(&record.plan, &checked.plan);
    if let Some(other) = seed.filter(|seed| *seed != own_seed) {
        differences.push(format!("the seed was {own_seed} and is {other}"));
    }
    if !differences.is_empty() {
        let differences = differences.iter().map(String::as_str).collect();
        return Err(ResumeError::OtherPlan { differences });
    }
    let (ledger, book) = read(&dir, ledger)?;
    let stand = dir.stand(&record.segments)?;
    let segment = record.segments.last().map_or(0, |last| last.segment) + 1;
    let workload = &checked.profile.workload;
    let onward = Onward::of(
        workload,
        Onward {
            plan: Duration::from_millis(stand.plan_ms(&record.segments)),
            arrivals: (!stand.is_off_plan).then_some(stand.arrivals),
            warm_up: Duration::ZERO,
            due: stand.due,
            next_number: stand.next_number,
            segment,
        },
    );
    let is_done = workload.onward(&onward).is_none();
    if is_done && record.ended_at.is_some() {
        let why = "nothing is left of its plan".to_owned();
        return Err(ResumeError::Over { path: path.to_owned(), why });
    }
    // Accounts have personas, too.
    let personas = book.accounts.iter().filter_map(|account| account.persona);
    let next_persona = personas.max().map_or(0, |last| last + 1).max(stand.next_persona);
    let continued = Continued { segment, next_persona, ledger, book };
    let resumed = Resumed { onward, stand };
    Ok(Taken { dir, record, seed: own_seed, resumed, is_done, continued })
}

/// What ended a run for good; none if it was killed or interrupted.
fn end_of(record: &RunRecord) -> Option<String> {
    match (&record.stopped, &record.ended_at) {
        (Some(why), _) => Some(why.clone()),
        (None, Some(at)) if !record.interrupted => Some(format!("it ended at {at}")),
        _ => None,
    }
}

/// The ledger of a run, locked: whoever runs holds that lock, however gander ends.
fn lock(dir: &RunDir) -> Result<File, ResumeError> {
    let path = dir.file(LEDGER);
    let opened = OpenOptions::new().create(true).read(true).append(true).open(&path);
    let file = opened.map_err(|source| ResumeError::Ledger { path, source })?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(ResumeError::GoingOn { path: dir.path().to_owned() }),
        // A file system without locks cannot say.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Reads the ledger and cuts off the torn rest of a line.
fn read(dir: &RunDir, mut ledger: File) -> Result<(File, Book), ResumeError> {
    let path = dir.file(LEDGER);
    let failed = |source| ResumeError::Ledger { path: path.clone(), source };
    let mut bytes = Vec::new();
    ledger.read_to_end(&mut bytes).map_err(failed)?;
    let book = Book::read(&bytes);
    let book = book.map_err(|source| ResumeError::Book { path: path.clone(), source })?;
    let rest = bytes.get(book.sound_length..).unwrap_or_default();
    if serde_json::from_slice::<LedgerEntry>(rest).is_ok() {
        // Only its line end is missing; what it announces may have happened.
        ledger.write_all(b"\n").map_err(failed)?;
    } else if !rest.is_empty() {
        ledger.set_len(book.sound_length as u64).map_err(failed)?;
    }
    Ok((ledger, book))
}

/// Most differences that are named.
const MOST: usize = 8;

/// Longest text of a value that is named, in characters.
const LONGEST: usize = 60;

/// What is not the same in two plans, each with its place.
fn differences(was: &Value, is: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", was, is, &mut found);
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    if more > 0 {
        found.push(format!("{more} more"));
    }
    found
}

fn compare(place: &str, was: &Value, is: &Value, found: &mut Vec<String>) {
    if was == is {
        return;
    }
    let below =
        |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    match (was, is) {
        (Value::Object(before), Value::Object(now)) => {
            let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
            for key in keys {
                let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned();
                let (before, now) = (of(before).unwrap_or_default(), of(now).unwrap_or_default());
                compare(&below(key), &before, &now, found);
            }
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            for (number, (before, now)) in before.iter().zip(now).enumerate() {
                compare(&below(&number.to_string()), before, now, found);
            }
        }
        _ => found.push(format!("{place} was {} and is {}", said(was), said(is))),
    }
}

/// A value as a person would write it, not too long.
fn said(value: &Value) -> String {
    let text = match value {
        Value::Null => return "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_is_named_by_its_place_with_what_it_was_and_what_it_is() {
        let was = json!({
            "workload": { "rate": "20/s", "duration": "8h" }, "journeys": { "sign-on": 3 },
            "threshold": [{ "rule": "faults < 1%" }],
        });
        let is = json!({
            "workload": { "rate": "25/s", "duration": "8h" }, "journeys": { "sign-on": 3, "register": 1 },
            "threshold": [{ "rule": "faults < 2%" }],
        });
        insta::assert_snapshot!(differences(&was, &is).join("\n"), @r"
        journeys.register was nothing and is 1
        threshold.0.rule was faults < 1% and is faults < 2%
        workload.rate was 20/s and is 25/s
        ");
        assert_eq!(differences(&was, &was), Vec::<String>::new());
    }

    #[test]
    fn many_and_long_differences_are_cut() {
        let many: serde_json::Map<_, _> = (0..20).map(|n| (format!("k{n}"), json!(n))).collect();
        let found = differences(&json!({}), &Value::Object(many));
        assert_eq!((found.len(), found[MOST].as_str()), (MOST + 1, "12 more"));
        let found = differences(&json!("ä".repeat(500)), &json!([]));
        assert!(found[0].chars().count() < 2 * LONGEST, "{found:?}");
    }
}
