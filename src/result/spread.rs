//! `spread.json`: the runs from which it is known how much runs of one and the same thing differ, kept
//! beside the run that others are compared with.

use super::run_dir::{RunDir, RunDirError};
use crate::base::names::{RunId, Variant};
use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

/// The file in the directory of the baseline.
pub const SPREAD: &str = "spread.json";

/// The format of [`Spread`].
pub const SCHEMA_VERSION: u32 = 1;

/// Runs of one and the same thing. Only where they are is kept: what is estimated from them may be
/// estimated better by a later gander, and a run can be looked at.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Spread {
    /// The format of this document.
    pub schema_version: u32,
    /// The runs, each once.
    pub runs: Vec<SpreadRun>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SpreadRun {
    /// Where its directory is, seen from the one that holds the file; a whole path where there is no way
    /// from one to the other.
    pub path: String,
    /// Its id: another run in its place is not it.
    pub run_id: RunId,
    /// The variant that was looked at; none for all of them together.
    pub variant: Option<Variant>,
}

impl SpreadRun {
    /// Where it is, as seen from a directory of a run.
    pub fn place(&self, seen_from: &RunDir) -> PathBuf {
        seen_from.path().join(&self.path)
    }
}

impl RunDir {
    /// The spread that is known beside this run; none where nobody said one.
    pub fn spread(&self) -> Result<Option<Spread>, RunDirError> {
        if self.has_file(SPREAD)? { self.read_json(SPREAD).map(Some) } else { Ok(None) }
    }

    /// Keeps a spread beside this run, instead of an earlier one.
    pub fn write_spread(&self, spread: &Spread) -> Result<(), RunDirError> {
        self.write_json(SPREAD, spread)
    }
}

/// The way from one directory to another, so that both can be moved together. Both are whole paths
/// without links.
pub fn way(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let has_root_in_common =
        from.components().next().is_some_and(|first| Some(first) == to.components().next());
    if !has_root_in_common {
        return to.to_owned();
    }
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(shared)).collect();
    if way.as_os_str().is_empty() { PathBuf::from(".") } else { way }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_leads_from_one_directory_to_the_other() {
        for (from, to, expected) in [
            ("/a/b", "/a/c", "../c"),
            ("/a/b", "/a/b", "."),
            ("/a", "/a/b/c", "b/c"),
            ("/a/b/c", "/d", "../../../d"),
        ] {
            assert_eq!(way(Path::new(from), Path::new(to)), Path::new(expected), "{from} {to}");
        }
        assert_eq!(way(Path::new("a"), Path::new("/b")), Path::new("/b"));
    }

    #[test]
    fn a_spread_is_read_as_it_was_written() {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(home.path()).unwrap();
        assert_eq!(dir.spread().unwrap(), None);
        let run = |path: &str, variant: Option<&str>| SpreadRun {
            path: path.to_owned(),
            run_id: path.into(),
            variant: variant.map(Into::into),
        };
        let spread = Spread {
            schema_version: SCHEMA_VERSION,
            runs: vec![run("../r2", None), run("../r3", Some("v1"))],
        };
        dir.write_spread(&spread).unwrap();
        assert_eq!(dir.spread().unwrap(), Some(spread));
        std::fs::write(dir.file(SPREAD), "{\"schema_version\":9}").unwrap();
        let error = dir.spread().unwrap_err();
        assert!(error.to_string().contains("has version 9"), "{error}");
    }
}
