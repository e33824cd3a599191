//! The directory of a search for capacity: what was found so far, and a directory for each of its runs.

use super::run_dir::{RunDir, RunDirError};
use crate::base::names::RunId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// What was found. A directory without it is none of a search.
pub const CAPACITY: &str = "capacity.json";

/// The folder of the runs, one for each level that was tried.
pub const PROBES: &str = "probes";

/// The directory of one search. The ledger of all its accounts is in it, and a run directory for each level
/// of load below [`PROBES`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SearchDir {
    dir: RunDir,
}

impl SearchDir {
    /// Makes `reports/<id>`, to which `reports/latest` points from [`SearchDir::begin`] on.
    pub fn create(reports: &Path, id: &RunId) -> Result<Self, RunDirError> {
        Self::unless_taken(RunDir::create(reports, id)?)
    }

    /// Makes a directory where the person said. An existing one is fine as long as it holds neither a run
    /// nor a search.
    pub fn create_at(path: &Path) -> Result<Self, RunDirError> {
        Self::unless_taken(RunDir::create_at(path)?)
    }

    fn unless_taken(dir: RunDir) -> Result<Self, RunDirError> {
        match dir.file(PROBES).exists() {
            true => Err(RunDirError::Taken { path: dir.path().to_owned() }),
            false => Ok(Self { dir }),
        }
    }

    /// An existing one; none if there is something else, a run for instance, or nothing.
    pub fn open(path: &Path) -> Option<Self> {
        let path = path.canonicalize().ok()?;
        path.join(CAPACITY).is_file().then(|| Self { dir: RunDir::at(path) })
    }

    /// The search begins: from here on it is the latest, if it was made among others.
    pub fn begin(&self) -> Result<(), RunDirError> {
        self.dir.begin()
    }

    /// The search was refused before its first run. What gander made for it goes again, as far as nothing is
    /// in it; `is_of_nobody` says of a ledger whether it has no account.
    pub fn give_up(&self, is_of_nobody: impl FnOnce(&[u8]) -> bool) {
        if !self.dir.file(CAPACITY).exists() {
            self.dir.give_up(is_of_nobody);
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Its files, for whoever must not write over them.
    pub const fn files(&self) -> &RunDir {
        &self.dir
    }

    /// Where a file of it is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.file(name)
    }

    /// What was found so far.
    pub fn found<T: DeserializeOwned>(&self) -> Result<T, RunDirError> {
        self.dir.read_json(CAPACITY)
    }

    /// Writes what was found so far, in place of what was known before.
    pub fn write_found(&self, found: &impl Serialize) -> Result<(), RunDirError> {
        self.dir.write_json(CAPACITY, found)
    }

    /// Replaces another file of it as a whole.
    pub fn replace(&self, name: &str, text: &[u8]) -> Result<(), RunDirError> {
        self.dir.replace(name, text)
    }

    /// Makes the directory of a run, and says its name as seen from here: `probes/01`.
    pub fn probe(&self, number: u32) -> Result<(RunDir, String), RunDirError> {
        let name = format!("{PROBES}/{number:02}");
        Ok((RunDir::create_at(&self.dir.file(&name))?, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::run_dir::{LATEST, LEDGER};

    #[test]
    fn a_search_is_found_again_with_what_it_knew_last() {
        let reports = tempfile::tempdir().unwrap();
        let made = SearchDir::create(reports.path(), &"20261122-a".into()).unwrap();
        made.begin().unwrap();
        assert_eq!(SearchDir::open(made.path()), None, "nothing is known yet");
        for known in [1, 2] {
            made.write_found(&serde_json::json!({ "schema_version": 1, "levels": known })).unwrap();
        }
        let latest = SearchDir::open(&reports.path().join(LATEST)).unwrap();
        assert_eq!(latest.found::<serde_json::Value>().unwrap()["levels"], 2);
        let newer = serde_json::json!({ "schema_version": 9 });
        made.write_found(&newer).unwrap();
        let error = latest.found::<serde_json::Value>().unwrap_err();
        assert!(matches!(error, RunDirError::Newer { version: 9, .. }), "{error}");
    }

    #[test]
    fn its_runs_have_directories_of_their_own_that_are_never_written_over() {
        let home = tempfile::tempdir().unwrap();
        let made = SearchDir::create_at(home.path()).unwrap();
        let (run, name) = made.probe(3).unwrap();
        assert_eq!((name.as_str(), run.path()), ("probes/03", &*home.path().join("probes/03")));
        assert_eq!(made.probe(12).unwrap().1, "probes/12");
        let error = SearchDir::create_at(home.path()).unwrap_err();
        assert!(matches!(error, RunDirError::Taken { .. }), "{error}");
    }

    #[test]
    fn one_that_was_refused_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("s1");
        let refused = SearchDir::create_at(&path).unwrap();
        std::fs::write(refused.file(LEDGER), "nobody").unwrap();
        refused.give_up(|ledger| ledger == b"nobody");
        assert!(!path.exists());
        let begun = SearchDir::create_at(&path).unwrap();
        begun.write_found(&serde_json::json!({})).unwrap();
        begun.give_up(|_| true);
        assert!(path.exists());
    }
}
