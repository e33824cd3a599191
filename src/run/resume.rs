//! Taking up a run that was killed or interrupted: whether it can be, and where it stands.

use super::begin::Resumed;
use crate::base::random::Seed;
use crate::base::remedy::{Listing, Remedy};
use crate::base::share::Share;
use crate::identity::ledger::{Book, LedgerEntry, LedgerError};
use crate::measure::segment::{Segment, Stand};
use crate::profile::check::Checked;
use crate::result::capacity::{CAPACITY, PROBES};
use crate::result::run_dir::{LEDGER, RUN, RunDir, RunDirError, RunRecord, TIMELINE};
use crate::workload::onward::Onward;
use crate::workload::settings::Settings;
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
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
    /// It is merged of several.
    #[error("the run in `{}` is merged of {parts} parts", path.display())]
    OfParts {
        /// Its directory.
        path: PathBuf,
        /// How many.
        parts: usize,
    },
    /// It is a level of a search for capacity.
    #[error("the run in `{}` is a level of the search in `{}`", path.display(), search.display())]
    OfSearch {
        /// Its directory.
        path: PathBuf,
        /// That of the search.
        search: PathBuf,
    },
    /// It is one part of a plan that several machines perform together.
    #[error("the run in `{}` is share {share} of a plan, and the others do not wait for it", path.display())]
    OfShare {
        /// Its directory.
        path: PathBuf,
        /// Which part.
        share: Share,
    },
    /// A file of it says what cannot be.
    #[error("`{}` is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it says.
        what: String,
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
            Self::OfSearch { .. } => Some(
                "levels are run by their search: run the search again, or take up a run of its own"
                    .to_owned(),
            ),
            Self::OfShare { .. } => Some(
                "what it has is reported and merged as it is; to have all of the plan start all shares again with \
                 another `--run-id`"
                    .to_owned(),
            ),
            Self::OfParts { .. } => Some(
                "take up the part that was killed, and merge all of them again".to_owned(),
            ),
            Self::Damaged { .. } => Some(
                "put the file back as gander wrote it, or start a new run; nothing was changed"
                    .to_owned(),
            ),
            Self::Ledger { source, .. } if source.kind() == ErrorKind::NotFound => Some(
                "put it back: without it nobody knows which accounts the run made, nor whether it \
                 is still going on"
                    .to_owned(),
            ),
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
/// the torn rest of a line in its ledger, and that only if the run can be gone on with.
pub fn take_up(path: &Path, checked: &Checked, seed: Option<Seed>) -> Result<Taken, ResumeError> {
    let dir = RunDir::reopen(path)?;
    if let Some(search) = search_of(&dir) {
        return Err(ResumeError::OfSearch { path: path.to_owned(), search });
    }
    let record = dir.run()?;
    if let Some(share) = record.share {
        return Err(ResumeError::OfShare { path: path.to_owned(), share });
    }
    if !record.parts.is_empty() {
        let parts = record.parts.len();
        return Err(ResumeError::OfParts { path: path.to_owned(), parts });
    }
    let mut ledger = lock(&dir)?;
    if let Some(why) = end_of(&record) {
        return Err(ResumeError::Over { path: path.to_owned(), why });
    }
    let damaged = |name, what| ResumeError::Damaged { path: dir.file(name), what };
    let Ok(own_seed) = record.seed.parse() else {
        return Err(damaged(RUN, format!("its seed is `{}`", said(&record.seed.clone().into()))));
    };
    let mut differences = differences(&record.plan, &checked.plan);
    if let Some(other) = seed.filter(|seed| *seed != own_seed) {
        differences.push(format!("the seed was {own_seed} and is {other}"));
    }
    if !differences.is_empty() {
        let differences = differences.iter().map(String::as_str).collect();
        return Err(ResumeError::OtherPlan { differences });
    }
    let workload = &checked.profile.workload;
    let segment = next_segment(&record.segments).map_err(|what| damaged(RUN, what))?;
    let stand = dir.stand(&record.segments)?;
    let plan = Duration::from_millis(stand.plan_ms(&record.segments));
    sound(&dir, &record.segments, &stand)?;
    not_too_many(&stand, workload, plan).map_err(|what| damaged(TIMELINE, what))?;
    let onward = Onward::of(
        workload,
        Onward {
            plan,
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
    let (book, bytes) = read(&dir, &mut ledger)?;
    // Accounts have personas, too.
    let last = book.accounts.iter().filter_map(|account| account.persona).max();
    let Some(of_accounts) = last.map_or(Some(0), |last| last.checked_add(1)) else {
        return Err(damaged(LEDGER, format!("`persona` is {}", u64::MAX)));
    };
    trim(&dir, &mut ledger, bytes.get(book.sound_length..).unwrap_or_default(), &book)?;
    let next_persona = of_accounts.max(stand.next_persona);
    let continued = Continued { segment, next_persona, ledger, book };
    let resumed = Resumed { onward, stand };
    Ok(Taken { dir, record, seed: own_seed, resumed, is_done, continued })
}

/// The directory of the search that a run is a level of. Its ledger is there, and not with the run.
fn search_of(dir: &RunDir) -> Option<PathBuf> {
    let probes = dir.path().parent().filter(|it| it.file_name() == Some(OsStr::new(PROBES)))?;
    let search = probes.parent()?;
    let is_one = [CAPACITY, LEDGER].into_iter().any(|name| search.join(name).exists());
    is_one.then(|| search.to_owned())
}

/// What ended a run for good; none if it was killed or interrupted.
fn end_of(record: &RunRecord) -> Option<String> {
    match (&record.stopped, &record.ended_at) {
        (Some(why), _) => Some(why.clone()),
        (None, Some(at)) if !record.interrupted => Some(format!("it ended at {at}")),
        _ => None,
    }
}

/// The number of the next segment, or what is wrong with those that there are.
fn next_segment(segments: &[Segment]) -> Result<u32, String> {
    segments.iter().try_for_each(Segment::check).map_err(|error| error.to_string())?;
    let last = segments.last().map_or(0, |last| last.segment);
    last.checked_add(1).ok_or_else(|| format!("`segment` is {last}"))
}

/// That the files of a run can be read and agree on how far it came.
fn sound(dir: &RunDir, segments: &[Segment], stand: &Stand) -> Result<(), ResumeError> {
    let reach = dir.look_through()?;
    let began_ms = segments.last().map_or(0, |last| last.start_ms);
    if !reach.is_beyond(stand, began_ms) {
        return Ok(());
    }
    let what = format!(
        "its lines end at {} ms of the run, and there are histograms up to {} ms",
        stand.end_ms, reach.ends_ms
    );
    Err(ResumeError::Damaged { path: dir.file(TIMELINE), what })
}

/// Arrivals are drawn again one by one up to where the plan stood: as many as it can have had.
fn not_too_many(stand: &Stand, workload: &Settings, plan: Duration) -> Result<(), String> {
    match workload.most_arrivals(plan) {
        Some(most) if !stand.is_off_plan && stand.arrivals > most => Err(format!(
            "{} iterations were due by its lines, and by its plan there were no more than {most}",
            stand.arrivals
        )),
        _ => Ok(()),
    }
}

/// The ledger of a run, locked: whoever runs holds that lock, however gander ends. One that is not there is
/// never made: nobody would hold it.
fn lock(dir: &RunDir) -> Result<File, ResumeError> {
    let path = dir.file(LEDGER);
    let opened = OpenOptions::new().read(true).append(true).open(&path);
    let file = opened.map_err(|source| ResumeError::Ledger { path, source })?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(ResumeError::GoingOn { path: dir.path().to_owned() }),
        // A file system without locks cannot say.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Reads the ledger.
fn read(dir: &RunDir, ledger: &mut File) -> Result<(Book, Vec<u8>), ResumeError> {
    let path = dir.file(LEDGER);
    let mut bytes = Vec::new();
    if let Err(source) = ledger.read_to_end(&mut bytes) {
        return Err(ResumeError::Ledger { path, source });
    }
    let book = Book::read(&bytes).map_err(|source| ResumeError::Book { path, source })?;
    Ok((book, bytes))
}

/// Cuts off the torn rest of a line in the ledger.
fn trim(dir: &RunDir, ledger: &mut File, rest: &[u8], book: &Book) -> Result<(), ResumeError> {
    let trimmed = if serde_json::from_slice::<LedgerEntry>(rest).is_ok() {
        // Only its line end is missing; what it announces may have happened.
        ledger.write_all(b"\n")
    } else if !rest.is_empty() {
        ledger.set_len(book.sound_length as u64)
    } else {
        Ok(())
    };
    trimmed.map_err(|source| ResumeError::Ledger { path: dir.file(LEDGER), source })
}

/// Most differences that are named.
const MOST: usize = 8;

/// Longest text of a value that is named, in characters.
const LONGEST: usize = 60;

/// What is not the same in two plans, each with its place.
pub(super) fn differences(was: &Value, is: &Value) -> Vec<String> {
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
        _ => {
            let place = if place.is_empty() { "the plan" } else { place };
            found.push(format!("{place} was {} and is {}", said(was), said(is)));
        }
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
    use crate::base::document::{Problems, Table};
    use crate::measure::histogram::Times;
    use crate::measure::series::{Kind, Phase, SeriesKey};
    use crate::profile::check::{Typed, check};
    use crate::profile::load::Loaded;
    use crate::result::interval_log::LogText;
    use crate::result::run_dir::TAIL;
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

    #[test]
    fn a_plan_that_is_none_is_called_by_its_name() {
        assert_eq!(differences(&Value::Null, &json!(3)), ["the plan was nothing and is 3"]);
    }

    const PROFILE: &str = "[workload]\nrate = \"10/s\"\nwarm_up = \"2s\"\nduration = \"60s\"\n[journeys]\nsign-on = 1\n";

    fn checked() -> Checked {
        let mut table = Table::parse("p.toml", PROFILE).unwrap();
        table.fill_in(&Problems::default(), &|text| Ok(Some(text.to_owned())));
        let loaded = Loaded { table, folder: PathBuf::new() };
        check(&loaded, Typed::default(), &Problems::default())
    }

    /// A run that was killed after five seconds, in this folder.
    fn killed(folder: &Path, damage: impl Fn(&mut Value)) {
        let line = |number: u64| {
            json!({
                "schema_version": 1, "interval": number, "start_ms": number * 1000, "end_ms": (number + 1) * 1000,
                "measured_ms": 1000, "readings": { "users": 1, "next_arrival": 10 * number, "next_persona": 5 },
                "journeys": [{ "phase": "measured", "variant": "v", "journey": "sign-on", "due": 10, "completed": 10 }],
            })
        };
        let mut files = json!({
            "run": {
                "schema_version": 1, "gander_version": "0.1.0", "run_id": "r1", "started_at": "2026-11-21T18:34:41Z",
                "started_unix_ms": 1_795_286_081_000_u64, "ended_at": null, "interrupted": false, "seed": "7",
                "workload_model": "open", "planned_ms": 90_000, "reply_timeout_ms": 30_000, "thresholds": [],
                "host": { "name": "h", "system": "s", "cores": 2 }, "tenant_hosts": [], "flows": [],
                "plan": checked().plan,
            },
            "lines": (0..5).map(line).collect::<Vec<_>>(),
            "ledger": "",
            "tail": "",
        });
        damage(&mut files);
        std::fs::create_dir_all(folder).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write(RUN, &files["run"].to_string());
        let lines = files["lines"].as_array().unwrap().iter();
        write(TIMELINE, &lines.map(|line| format!("{line}\n")).collect::<String>());
        write(TAIL, files["tail"].as_str().unwrap());
        if let Some(ledger) = files["ledger"].as_str() {
            write(LEDGER, ledger);
        }
    }

    fn all_files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }

    /// What it is refused with; nothing is changed then.
    fn refused(damage: impl Fn(&mut Value)) -> Option<String> {
        let home = tempfile::tempdir().unwrap();
        killed(home.path(), damage);
        let before = all_files(home.path());
        let error = take_up(home.path(), &checked(), None).err()?;
        assert_eq!(all_files(home.path()), before, "{error}");
        assert!(error.remedy().is_some(), "{error}");
        let place = home.path().canonicalize().unwrap();
        Some(error.to_string().replace(place.to_str().unwrap(), "RUN"))
    }

    #[test]
    fn a_killed_run_is_taken_up_where_it_stood() {
        let home = tempfile::tempdir().unwrap();
        killed(home.path(), |files| files["ledger"] = json!("{\"event\":\"ma"));
        let taken = take_up(home.path(), &checked(), Some(Seed(7))).unwrap();
        let onward = &taken.resumed.onward;
        assert_eq!(
            (onward.plan, onward.arrivals, onward.segment),
            (Duration::from_secs(5), Some(50), 1)
        );
        assert_eq!((taken.seed, taken.continued.next_persona, taken.is_done), (Seed(7), 5, false));
        assert_eq!(std::fs::read(home.path().join(LEDGER)).unwrap(), b"", "a torn line");
        assert!(matches!(take_up(home.path(), &checked(), None), Err(ResumeError::GoingOn { .. })));
    }

    #[test]
    fn a_level_of_a_search_is_refused_and_no_ledger_is_made_for_it() {
        let home = tempfile::tempdir().unwrap();
        let level = home.path().join(PROBES).join("01");
        for of_search in [CAPACITY, LEDGER] {
            killed(&level, |files| files["ledger"] = Value::Null);
            std::fs::write(home.path().join(of_search), "").unwrap();
            let error = take_up(&level, &checked(), None).unwrap_err();
            assert!(matches!(error, ResumeError::OfSearch { .. }), "{error}");
            assert!(!level.join(LEDGER).exists());
            std::fs::remove_file(home.path().join(of_search)).unwrap();
        }
        // Nor is one made for whatever else has none.
        let error = take_up(&level, &checked(), None).unwrap_err();
        assert!(matches!(error, ResumeError::Ledger { .. }), "{error}");
        assert!(!level.join(LEDGER).exists());
    }

    #[test]
    fn damaged_records_are_refused_before_anything_is_done() {
        let text = |damage: &dyn Fn(&mut Value)| refused(damage).unwrap_or_default();
        let mut told = String::new();
        let mut tell = |damage: &dyn Fn(&mut Value)| told = format!("{told}{}\n", text(damage));
        tell(&|files| files["run"]["seed"] = json!("x7"));
        tell(&|files| files["run"]["plan"] = Value::Null);
        tell(&|files| files["run"]["segments"] = json!([segment(u32::MAX, 0)]));
        tell(&|files| files["run"]["segments"] = json!([segment(0, u64::MAX)]));
        tell(&|files| files["lines"][2]["interval"] = json!(u64::MAX));
        tell(&|files| files["lines"][2]["readings"]["next_persona"] = json!(u64::MAX));
        tell(&|files| files["lines"][4]["journeys"][0]["due"] = json!(1_000_000_000_000_u64));
        tell(&|files| files["tail"] = json!("no histogram\n"));
        tell(&|files| files["ledger"] = json!("no entry\n"));
        tell(&|files| {
            files["ledger"] = json!(format!(
                "{}\n{{\"event\":\"ma",
                json!({ "event": "made", "at": "", "login": "l", "email": "l", "persona": u64::MAX, "state": "ok" })
            ));
        });
        let plan = told.lines().nth(1).unwrap_or_default().to_owned();
        assert!(plan.contains("the plan was nothing and is {"), "{plan}");
        let told = told.replace(&plan, "(the plan)");
        insta::assert_snapshot!(told, @r"
        `RUN/run.json` is damaged: its seed is `x7`
        (the plan)
        `RUN/run.json` is damaged: `segment` is 4294967295
        `RUN/run.json` is damaged: `plan_ms` is 18446744073709551615, which no run comes to
        `RUN/timeline.jsonl`, line 3: `interval` is 18446744073709551615, which no run comes to
        `RUN/timeline.jsonl`, line 3: `next_persona` is 18446744073709551615, which no run comes to
        `RUN/timeline.jsonl` is damaged: 1000000000040 iterations were due by its lines, and by its plan there were no more than 283
        `RUN/tail.hlog`: line 1 is not a line of an interval log
        `RUN/ledger.jsonl` cannot be gone on with: line 1 of the ledger is not an entry
        `RUN/ledger.jsonl` is damaged: `persona` is 18446744073709551615
        ");
    }

    fn segment(number: u32, plan_ms: u64) -> Value {
        json!({ "segment": number, "started_at": "", "gander_version": "", "start_ms": 0, "warm_up_ms": 0, "plan_ms": plan_ms })
    }

    #[test]
    fn histograms_of_which_the_timeline_knows_nothing_are_no_run_that_begins_anew() {
        let key =
            SeriesKey::of_journey(Phase::Measured, &"v".into(), &"sign-on".into(), Kind::Response);
        let log = |seconds: std::ops::Range<u64>| {
            let mut times = Times::new(key.bounds());
            times.record(1000);
            let (mut text, mut to) = (LogText::default(), Vec::new());
            for second in seconds {
                text.line(&key, &times, (second * 1000, (second + 1) * 1000), &mut to);
            }
            json!(String::from_utf8(to).unwrap())
        };
        let lost = |seconds: std::ops::Range<u64>, lines: usize| {
            refused(|files| {
                files["tail"] = log(seconds.clone());
                files["lines"].as_array_mut().unwrap().truncate(lines);
            })
        };
        let text = lost(0..5, 0).unwrap();
        insta::assert_snapshot!(text, @"`RUN/timeline.jsonl` is damaged: its lines end at 0 ms of the run, and there are histograms up to 5000 ms");
        // Killed before the line of its first interval, or of its last; or the machine went away.
        assert_eq!((lost(0..1, 0), lost(0..6, 5), lost(0..20, 5)), (None, None, None));
        assert!(lost(0..50, 5).is_some());
    }
}
