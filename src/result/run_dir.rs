//! The directory of a run: what is in it, making one, finding one.

use super::aside::Aside;
use super::capacity::CAPACITY;
use super::interval_log::LogError;
use super::lines::LONGEST_LINE;
use super::part::Part;
use super::spread::SPREAD;
use super::summary::{SCHEMA_VERSION, Summary, WorkloadModel};
use crate::base::names::{Journey, RunId, Variant};
use crate::base::remedy::Remedy;
use crate::base::share::Share;
use crate::measure::segment::Segment;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The plan as run. Written first; a directory without it is none of a run.
pub const RUN: &str = "run.json";
/// Counters and readings, a line for each interval.
pub const TIMELINE: &str = "timeline.jsonl";
/// Histograms, a line for each series and window.
pub const INTERVALS: &str = "intervals.hlog";
/// Histograms of the open window, a line for each series and second.
pub const TAIL: &str = "tail.hlog";
/// A few whole iterations.
pub const EXEMPLARS: &str = "exemplars.jsonl";
/// A few failing exchanges.
pub const FAULTS: &str = "faults.jsonl";
/// Accounts made.
pub const LEDGER: &str = "ledger.jsonl";
/// The result.
pub const SUMMARY: &str = "summary.json";
/// The result as a page, for people.
pub const REPORT: &str = "report.html";
/// The result as test cases, for CI systems.
pub const JUNIT: &str = "junit.xml";
/// The result as rows, for spreadsheets.
pub const STEPS: &str = "steps.csv";
/// The link to the newest run, beside the directories of runs.
pub const LATEST: &str = "latest";

/// What a run or a search consists of, and what was learned of it since; everything else in its directory can
/// be made again.
pub const OWN: &[&str] =
    &[RUN, TIMELINE, INTERVALS, TAIL, EXEMPLARS, FAULTS, LEDGER, SUMMARY, SPREAD, CAPACITY];

/// The longest file that is read as a whole, in bytes, far more than gander writes.
const LONGEST_WHOLE: u64 = 64 << 20;

/// What a run was, in `run.json`. Holds no secrets.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RunRecord {
    /// The format of this file and of all others in the directory.
    pub schema_version: u32,
    /// The version of gander that ran.
    pub gander_version: String,
    /// The run's id.
    pub run_id: RunId,
    /// When it started, for people.
    pub started_at: String,
    /// The same in milliseconds since 1970: what interval logs count from.
    pub started_unix_ms: u64,
    /// When it ended; none while it runs, or if it was killed.
    pub ended_at: Option<String>,
    /// Whether it was interrupted by a person.
    pub interrupted: bool,
    /// Why gander itself ended it early, if it did: the reason of a guard or a threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// The thresholds that were to stop it and never had samples enough to, told at its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub never_looked: Vec<String>,
    /// The number that all randomness came from, as text: it may have more digits than numbers
    /// in JSON keep.
    pub seed: String,
    /// Whether arrivals kept to a schedule of their own.
    pub workload_model: WorkloadModel,
    /// How many iterations can be under way at once, in the open model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_users: Option<u64>,
    /// How long it was planned to be with warm-up and drain; none for one that ends by count.
    pub planned_ms: Option<u64>,
    /// The longest wait for a reply: what is slower than any limit is slower than this.
    pub reply_timeout_ms: u64,
    /// The rules it is judged by.
    pub thresholds: Vec<String>,
    /// Which part of its plan it is, if several machines performed that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// The machine that ran it.
    pub host: HostRecord,
    /// The hosts that were called.
    pub tenant_hosts: Vec<String>,
    /// The stretches in which it ran, once it was taken up again; none of a run in one piece.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment>,
    /// What it was merged of, in order; nothing of a run of one machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Flow fingerprints seen, filled in at the end.
    pub flows: Vec<FlowRecord>,
    /// The profile as run, with secrets struck out.
    pub plan: serde_json::Value,
}

impl RunRecord {
    /// Whether its variants are the flows that iterations met, not those that the profile names.
    pub fn counts_by_flow(&self) -> bool {
        self.plan.get("variant_by").and_then(serde_json::Value::as_str) == Some("flow")
    }
}

/// The machine of a run.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct HostRecord {
    /// Its name.
    pub name: String,
    /// Operating system and architecture.
    pub system: String,
    /// Cores available to gander.
    pub cores: u64,
}

/// One flow that a run met.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FlowRecord {
    /// Which configuration was under test.
    pub variant: Variant,
    /// What the users wanted to achieve.
    pub journey: Journey,
    /// Flow id and first node.
    pub fingerprint: String,
    /// How many iterations met it.
    pub starts: u64,
}

/// Why a run directory cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// The system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A run is there already.
    #[error("`{}` already holds a run", path.display())]
    Taken {
        /// The directory.
        path: PathBuf,
    },
    /// There is no `run.json`.
    #[error("`{}` is not the directory of a run: it has no `{RUN}`", path.display())]
    NotARun {
        /// The directory.
        path: PathBuf,
    },
    /// What is named like a file of a run is a pipe, a device or a directory.
    #[error("`{}` is not a regular file", path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// A file that is read as a whole has no end, or a far one.
    #[error("`{}` is longer than {LONGEST_WHOLE} bytes", path.display())]
    TooMuch {
        /// The file.
        path: PathBuf,
    },
    /// A line has no end, or a far one.
    #[error("`{}`, line {line}, is longer than {LONGEST_LINE} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A file was written by a gander that knows more.
    #[error(
        "`{}` has version {version} of its format, and this gander knows {known} and older ones",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
        /// The newest that is known here.
        known: u32,
    },
    /// A file is not what it should be.
    #[error("`{}`, line {line}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A histogram log is not what it should be.
    #[error("`{}`: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: LogError,
    },
}

impl Remedy for RunDirError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                    Some(
                        "make room on the disk; a new run can be written elsewhere with `--out`"
                            .to_owned(),
                    )
                }
                _ => None,
            },
            Self::Taken { .. } => {
                Some("name another directory with `--out`, or move this one away".to_owned())
            }
            Self::NotARun { path } if path.join("agents").is_dir() => Some(format!(
                "its conductor has not ended it: the same `gander run` with `--resume {0}` does that, and `gander report \
                 --merge {0}/agents/*` joins what there is",
                path.display()
            )),
            Self::NotARun { .. } => {
                Some("name a directory that `gander run` made, such as `reports/latest`".to_owned())
            }
            Self::NotAFile { .. } | Self::TooMuch { .. } => {
                Some("take it out of the directory, or name another run".to_owned())
            }
            Self::Newer { .. } => Some("use a newer gander".to_owned()),
            Self::Json { .. } | Self::Log { .. } | Self::TooLong { .. } => Some(
                "read it with the version of gander that wrote it (`run.json` names it), \
                 or take the damaged line out"
                    .to_owned(),
            ),
        }
    }
}

/// The directory of one run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunDir {
    path: PathBuf,
    /// The link beside it that is to point to it once the run begins.
    latest: Option<PathBuf>,
    /// The directories that were made for it, itself first.
    made: Vec<PathBuf>,
}

impl RunDir {
    /// Makes `reports/<run-id>`, to which `reports/latest` points from [`RunDir::begin`] on.
    pub fn create(reports: &Path, run_id: &RunId) -> Result<Self, RunDirError> {
        let made = Self::create_at(&reports.join(run_id.as_str()))?;
        Ok(Self { latest: Some(reports.join(LATEST)), ..made })
    }

    /// Makes a directory where the person said. An existing one is fine as long as it holds no run and no
    /// search.
    pub fn create_at(path: &Path) -> Result<Self, RunDirError> {
        let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let made = path.ancestors().take_while(is_missing).map(Path::to_owned).collect();
        fs::create_dir_all(path).map_err(io_error("make", path))?;
        let made = Self { made, ..Self::at(path.to_owned()) };
        if made.file(RUN).exists() || made.file(CAPACITY).exists() {
            return Err(RunDirError::Taken { path: path.to_owned() });
        }
        Ok(made)
    }

    pub(super) const fn at(path: PathBuf) -> Self {
        Self { path, latest: None, made: Vec::new() }
    }

    /// The same, to which this link is to point from [`RunDir::begin`] on.
    pub(super) fn linked_by(self, latest: PathBuf) -> Self {
        Self { latest: Some(latest), ..self }
    }

    /// The run begins: from here on it is the latest, if it was made among others.
    pub fn begin(&self) -> Result<(), RunDirError> {
        match (&self.latest, self.path.file_name()) {
            (Some(latest), Some(run_id)) => link(latest, run_id),
            _ => Ok(()),
        }
    }

    /// The run was refused before it began. What gander made for it goes again, as far as nothing is in
    /// it; `is_of_nobody` says of a ledger whether it has no account. What cannot be removed stays.
    pub fn give_up(&self, is_of_nobody: impl FnOnce(&[u8]) -> bool) {
        if self.made.is_empty() || self.file(RUN).exists() {
            return;
        }
        let ledger = self.file(LEDGER);
        if fs::read(&ledger).is_ok_and(|bytes| is_of_nobody(&bytes)) {
            let _ = fs::remove_file(ledger);
        }
        // A directory with anything in it is left alone by the system.
        let _ = self.made.iter().try_for_each(fs::remove_dir);
    }

    /// An existing one; `reports/latest` will do. Whatever of it is no regular file is an error,
    /// before anything is read.
    pub fn open(path: &Path) -> Result<Self, RunDirError> {
        let path = path.canonicalize().map_err(io_error("open", path))?;
        let opened = Self::at(path);
        for name in OWN {
            opened.has_file(name)?;
        }
        if opened.file(RUN).is_file() {
            Ok(opened)
        } else {
            Err(RunDirError::NotARun { path: opened.path })
        }
    }

    /// All runs in a directory of runs, by name: run ids begin with their time.
    pub fn list(reports: &Path) -> Result<Vec<Self>, RunDirError> {
        let error = |source| io_error("list", reports)(source);
        let mut found = Vec::new();
        for entry in fs::read_dir(reports).map_err(error)? {
            let entry = entry.map_err(error)?;
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_directory && entry.path().join(RUN).is_file() {
                found.push(Self::at(entry.path()));
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file of it is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What the run was.
    pub fn run(&self) -> Result<RunRecord, RunDirError> {
        self.read_json(RUN)
    }

    /// Writes what the run is, or became.
    pub fn write_run(&self, run: &RunRecord) -> Result<(), RunDirError> {
        self.write_json(RUN, run)
    }

    /// The result of a finished run; none if it was killed before there was one.
    pub fn summary(&self) -> Result<Option<Summary>, RunDirError> {
        if self.has_file(SUMMARY)? { self.read_json(SUMMARY).map(Some) } else { Ok(None) }
    }

    /// Writes the result.
    pub fn write_summary(&self, summary: &Summary) -> Result<(), RunDirError> {
        self.write_json(SUMMARY, summary)
    }

    /// Replaces a file as a whole: whoever reads it, and whoever finds it after a kill, sees the
    /// old text or the new.
    pub fn replace(&self, name: &str, text: &[u8]) -> Result<(), RunDirError> {
        let path = self.file(name);
        let mut aside = Aside::of(&path).map_err(io_error("write", &path))?;
        aside.write_all(text).map_err(io_error("write", &path))?;
        aside.settle().map_err(io_error("replace", &path))
    }

    /// Whether it has a file of this name. What is not a regular one is an error.
    pub(super) fn has_file(&self, name: &str) -> Result<bool, RunDirError> {
        let path = self.file(name);
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(true),
            Ok(_) => Err(RunDirError::NotAFile { path }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error("read", &path)(error)),
        }
    }

    /// A file of it, to be read; none if there is none of this name. What is not a regular one is
    /// never opened: a pipe might let us wait for ever.
    pub(super) fn open_file(&self, name: &str) -> Result<Option<File>, RunDirError> {
        if !self.has_file(name)? {
            return Ok(None);
        }
        let path = self.file(name);
        File::open(&path).map(Some).map_err(io_error("open", &path))
    }

    pub(super) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, RunDirError> {
        let path = self.file(name);
        let missing = || io_error("read", &path)(ErrorKind::NotFound.into());
        let file = self.open_file(name)?.ok_or_else(missing)?;
        let mut text = Vec::new();
        file.take(LONGEST_WHOLE + 1).read_to_end(&mut text).map_err(io_error("read", &path))?;
        if text.len() as u64 > LONGEST_WHOLE {
            return Err(RunDirError::TooMuch { path });
        }
        check_version(&path, &text, SCHEMA_VERSION)?;
        serde_json::from_slice(&text).map_err(|source| RunDirError::Json {
            line: source.line(),
            path,
            source,
        })
    }

    pub(super) fn write_json<T: Serialize>(
        &self,
        name: &str,
        value: &T,
    ) -> Result<(), RunDirError> {
        let text = serde_json::to_vec_pretty(value).map(|mut text| {
            text.push(b'\n');
            text
        });
        let path = self.file(name);
        let text = text.map_err(|source| RunDirError::Json { path, line: 0, source })?;
        self.replace(name, &text)
    }
}

/// A link is made aside and renamed, so that there is always one. Something else of that name is left
/// alone, and so is a system without links.
fn link(latest: &Path, run_id: &OsStr) -> Result<(), RunDirError> {
    if latest.symlink_metadata().is_ok_and(|found| !found.is_symlink()) {
        return Ok(());
    }
    let aside = latest.with_file_name(format!(".{LATEST}.{}", run_id.display()));
    #[cfg(unix)]
    std::os::unix::fs::symlink(run_id, &aside)
        .and_then(|()| fs::rename(&aside, latest))
        .map_err(io_error("link", latest))?;
    #[cfg(not(unix))]
    let _ = aside;
    Ok(())
}

/// Looks whether a document, or a line of one, is of a version that is known here, before it is
/// read: what a newer one means may not even have the same members. One without a version is fine.
pub(super) fn check_version(path: &Path, text: &[u8], known: u32) -> Result<(), RunDirError> {
    #[derive(Deserialize)]
    struct Versioned {
        #[serde(default)]
        schema_version: u64,
    }
    // As gander writes its lines; they are many, and need not be read twice.
    let usual = text.strip_prefix(b"{\"schema_version\":");
    let number = usual.and_then(|rest| rest.split(|byte| *byte == b',').next());
    let number = number.and_then(|number| std::str::from_utf8(number).ok()?.parse::<u32>().ok());
    if number == Some(known) {
        return Ok(());
    }
    match serde_json::from_slice(text) {
        Ok(Versioned { schema_version: version }) if version > known.into() => {
            Err(RunDirError::Newer { path: path.to_owned(), version, known })
        }
        // What else is wrong is said by whoever reads the rest.
        _ => Ok(()),
    }
}

/// Puts a system's refusal into words.
pub(super) fn io_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> RunDirError + 'a {
    move |source| RunDirError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(run_id: &str) -> RunRecord {
        RunRecord {
            schema_version: 1,
            gander_version: "0.1.0".to_owned(),
            run_id: run_id.into(),
            started_at: "2026-11-21T18:34:41.000Z".to_owned(),
            started_unix_ms: 1_795_286_081_000,
            ended_at: None,
            interrupted: false,
            stopped: None,
            never_looked: Vec::new(),
            seed: u64::MAX.to_string(),
            workload_model: WorkloadModel::Closed,
            max_users: None,
            planned_ms: Some(33_000),
            reply_timeout_ms: 30_000,
            thresholds: vec!["faults < 1%".to_owned()],
            share: None,
            host: HostRecord::default(),
            segments: Vec::new(),
            parts: Vec::new(),
            tenant_hosts: vec!["127.0.0.1".to_owned()],
            flows: Vec::new(),
            plan: serde_json::json!({ "journeys": { "sign-on": 1 } }),
        }
    }

    #[test]
    fn latest_points_to_the_newest_run() {
        let reports = tempfile::tempdir().unwrap();
        for name in ["20261121-a", "20261122-b"] {
            let made = RunDir::create(reports.path(), &name.into()).unwrap();
            made.write_run(&record(name)).unwrap();
            made.begin().unwrap();
        }
        let latest = RunDir::open(&reports.path().join(LATEST)).unwrap();
        assert_eq!(latest.run().unwrap(), record("20261122-b"));
        assert_eq!(latest.summary().unwrap(), None);
        let listed = RunDir::list(reports.path()).unwrap();
        let names: Vec<_> = listed.iter().filter_map(|dir| dir.path().file_name()).collect();
        assert_eq!(names, ["20261121-a", "20261122-b"]);
    }

    #[test]
    fn a_run_that_is_refused_leaves_nothing_that_was_made_for_it_and_latest_alone() {
        let home = tempfile::tempdir().unwrap();
        let reports = home.path().join("deep/reports");
        let before = RunDir::create(&reports, &"r1".into()).unwrap();
        before.give_up(|_| true);
        assert!(!home.path().join("deep").exists());
        let before = RunDir::create(&reports, &"r1".into()).unwrap();
        before.write_run(&record("r1")).unwrap();
        before.begin().unwrap();
        let latest = || RunDir::open(&reports.join(LATEST)).unwrap().run().unwrap().run_id;
        for (written, stays) in [(None, false), (Some("opening"), false), (Some("account"), true)] {
            let refused = RunDir::create(&reports, &"r2".into()).unwrap();
            if let Some(text) = written {
                fs::write(refused.file(LEDGER), text).unwrap();
            }
            refused.give_up(|ledger| ledger == b"opening");
            assert_eq!(refused.path().exists(), stays, "{written:?}");
            assert_eq!(latest(), "r1".into());
        }
        // A begun run and a directory of somebody else are never taken away.
        before.give_up(|_| true);
        let theirs = home.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        RunDir::create_at(&theirs).unwrap().give_up(|_| true);
        assert!(before.path().exists() && theirs.exists());
    }

    #[test]
    fn a_run_is_never_written_over() {
        let reports = tempfile::tempdir().unwrap();
        let made = RunDir::create(reports.path(), &"r1".into()).unwrap();
        made.write_run(&record("r1")).unwrap();
        let error = RunDir::create(reports.path(), &"r1".into()).unwrap_err();
        assert!(matches!(error, RunDirError::Taken { .. }));
        assert!(error.remedy().unwrap().contains("--out"));
    }

    #[test]
    fn what_is_not_a_run_is_said_to_be_none() {
        let empty = tempfile::tempdir().unwrap();
        let error = RunDir::open(empty.path()).unwrap_err();
        assert!(error.to_string().ends_with("it has no `run.json`"), "{error}");
        let error = RunDir::open(&empty.path().join("nowhere")).unwrap_err();
        assert!(error.to_string().starts_with("cannot open"), "{error}");
        fs::write(empty.path().join(RUN), "{\n\"schema_version\": x}").unwrap();
        let error = RunDir::open(empty.path()).unwrap().run().unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }

    #[test]
    fn what_a_newer_gander_wrote_is_refused_with_its_version() {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(home.path()).unwrap();
        dir.write_run(&record("r1")).unwrap();
        let newer =
            |name: &str| format!("{}` has version 7 of its format", dir.file(name).display());
        let line = "{\"schema_version\":7,\"other\":[1]}\n";
        fs::write(dir.file(TIMELINE), line).unwrap();
        let error = dir.timeline().unwrap_err();
        assert!(error.to_string().contains(&newer(TIMELINE)), "{error}");
        fs::write(dir.file(SUMMARY), line).unwrap();
        let error = dir.summary().unwrap_err();
        assert!(error.to_string().contains(&newer(SUMMARY)), "{error}");
        assert_eq!(error.remedy().unwrap(), "use a newer gander");
        fs::write(dir.file(RUN), line).unwrap();
        let error = dir.run().unwrap_err();
        assert!(error.to_string().contains(&newer(RUN)), "{error}");
        // An older one is read as far as it can be.
        let old = serde_json::to_string(&RunRecord { schema_version: 0, ..record("r1") }).unwrap();
        fs::write(dir.file(RUN), old).unwrap();
        assert_eq!(dir.run().unwrap().schema_version, 0);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_not_read() {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(home.path()).unwrap();
        dir.write_run(&record("r1")).unwrap();
        for name in OWN {
            let (path, kept) = (dir.file(name), dir.file("kept"));
            let was_there = fs::rename(&path, &kept).is_ok();
            std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
            let error = RunDir::open(home.path()).unwrap_err();
            let expected = format!("{name}` is not a regular file");
            assert!(error.to_string().ends_with(&expected), "{error}");
            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
            let error = dir.open_file(name).unwrap_err();
            assert!(error.to_string().ends_with(&expected), "{error}");
            fs::remove_dir(&path).unwrap();
            if was_there {
                fs::rename(&kept, &path).unwrap();
            }
        }
        assert!(RunDir::open(home.path()).is_ok());
    }

    #[test]
    fn a_file_without_an_end_is_not_read_to_its_end() {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(home.path()).unwrap();
        // Holes take no room on the disk.
        File::create(dir.file(RUN)).unwrap().set_len(LONGEST_WHOLE + 2).unwrap();
        assert!(matches!(dir.run().unwrap_err(), RunDirError::TooMuch { .. }));
        for name in [TIMELINE, TAIL] {
            File::create(dir.file(name)).unwrap().set_len(2 * LONGEST_LINE as u64).unwrap();
        }
        let error = dir.timeline().unwrap_err();
        assert!(error.to_string().ends_with("line 1, is longer than 16777216 bytes"), "{error}");
        let error = dir.each_entry(TAIL, |_| ()).unwrap_err();
        assert!(matches!(error, RunDirError::Log { source: LogError::TooLong { line: 1 }, .. }));
    }

    #[test]
    fn a_replaced_file_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let made = RunDir::create_at(dir.path()).unwrap();
        made.replace(EXEMPLARS, b"one\n").unwrap();
        made.replace(EXEMPLARS, b"two\n").unwrap();
        assert_eq!(fs::read(made.file(EXEMPLARS)).unwrap(), b"two\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
