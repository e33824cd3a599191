//! What many mirrors have written is brought to the disk, aside from whoever goes on writing: file by file where there are
//! few, and for all of a thousand agents at once where the system can do that.

use super::message::{SCHEMA_VERSION, write};
use super::mirror::MirrorError;
use crate::result::run_dir::{FAULTS, INTERVALS, LEDGER, RunDir, TAIL, TIMELINE};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The file in the directory of the whole run: the number of the next message of each agent.
pub const STANDING: &str = "agents.json";

/// Up to so many directories are synced file by file, which waits for nothing that others write.
const FEW: usize = 8;

/// The files of a mirror that grow.
const GROWING: [&str; 5] = [TIMELINE, INTERVALS, TAIL, FAULTS, LEDGER];

/// How far the messages of each agent are safe: those before the number never come again.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Standing {
    schema_version: u32,
    /// The number of the next message, by agent.
    pub next: BTreeMap<String, u64>,
}

impl Standing {
    /// These numbers.
    pub const fn of(next: BTreeMap<String, u64>) -> Self {
        Self { schema_version: SCHEMA_VERSION, next }
    }

    /// What is on file; the beginning where there is no word of it.
    pub fn open(dir: &RunDir) -> Self {
        let text = fs::read(dir.file(STANDING)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The run is whole: nobody asks any more.
    pub fn remove(dir: &RunDir) {
        let _ = fs::remove_file(dir.file(STANDING));
    }
}

/// Brings to the disk what stands in the directories of mirrors, and then how far they are. Nothing of that has to come
/// again when this returns.
pub fn keep(whole: &RunDir, mirrors: &[PathBuf], standing: &Standing) -> Result<(), MirrorError> {
    if !(mirrors.len() > FEW && of_system(whole.path())?) {
        for mirror in mirrors {
            GROWING.iter().try_for_each(|name| sync(&mirror.join(name)))?;
        }
    }
    whole.replace(STANDING, &write(standing)).map_err(MirrorError::from)
}

fn sync(path: &Path) -> Result<(), MirrorError> {
    match File::open(path).and_then(|file| file.sync_data()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done.map_err(|source| unkept(path, source)),
    }
}

/// Everything of the file system that a directory is on. Says whether the system can do that.
#[cfg(target_os = "linux")]
fn of_system(path: &Path) -> Result<bool, MirrorError> {
    let dir = File::open(path).map_err(|source| unkept(path, source))?;
    let synced = rustix::fs::syncfs(&dir).map(|()| true);
    synced.map_err(|error| unkept(path, error.into()))
}

#[cfg(not(target_os = "linux"))]
fn of_system(_: &Path) -> Result<bool, MirrorError> {
    Ok(false)
}

fn unkept(path: &Path, source: io::Error) -> MirrorError {
    MirrorError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_agents_are_is_on_file_with_what_they_told() {
        let home = tempfile::tempdir().unwrap();
        let whole = RunDir::create_at(home.path()).unwrap();
        assert_eq!(Standing::open(&whole), Standing::default());
        let folder = |number: usize| {
            let path = home.path().join(format!("agents/{number}"));
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join(TIMELINE), "{}\n").unwrap();
            path
        };
        // Few of them, and more than that.
        for number in [2, FEW + 4] {
            let mirrors: Vec<_> = (0..number).map(folder).collect();
            let next = (0..number as u64).map(|agent| (agent.to_string(), 3 * agent)).collect();
            let standing = Standing::of(next);
            keep(&whole, &mirrors, &standing).unwrap();
            assert_eq!(Standing::open(&whole), standing);
        }
        Standing::remove(&whole);
        fs::create_dir(whole.file(STANDING)).unwrap();
        let error = keep(&whole, &[], &Standing::default()).unwrap_err();
        assert!(error.to_string().contains(STANDING), "{error}");
    }
}
