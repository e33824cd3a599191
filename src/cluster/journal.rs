//! What a conductor has to know when it is started again: `conductor.json` in the directory of the run.

use super::handover::Handovers;
use super::message::{MessageError, Plan, SCHEMA_VERSION, read, write};
use super::name::Name;
use super::offset::Offset;
use crate::base::remedy::Remedy;
use crate::result::run_dir::{RunDir, RunDirError};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file.
pub const CONDUCTOR: &str = "conductor.json";

/// The folder of the agents' directories.
pub const AGENTS: &str = "agents";

/// What is known of a run and its agents. Holds no secrets.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Journal {
    /// The format of the file.
    pub schema_version: u32,
    /// The group.
    pub group: Name,
    /// The plan, as it was sent but for the place of each agent.
    pub plan: Plan,
    /// The profile as run, with secrets struck out.
    pub checked: serde_json::Value,
    /// The agents, in the order of their shares.
    pub members: Vec<Member>,
    /// When the load begins by the conductor's clock, in microseconds since 1970; none before that is agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_unix_us: Option<u64>,
    /// Who has the load from when on, where that was changed.
    #[serde(default, skip_serializing_if = "Handovers::is_empty")]
    pub epochs: Handovers,
    /// How often it was asked to stop.
    #[serde(default)]
    pub stops: u32,
    /// When it was asked first, from the start of the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_ms: Option<u64>,
    /// Why gander itself ended it, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// One agent of the run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Member {
    /// What it is called.
    pub name: Name,
    /// Which process of that name.
    pub instance: u64,
    /// Its machine.
    pub host: String,
    /// How far its clock is from the conductor's, in microseconds.
    pub offset_us: i64,
    /// How far from that it may be.
    pub within_us: u64,
    /// From which moment of the plan it is lost, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_from_ms: Option<u64>,
    /// Whether others have its load since then.
    #[serde(default)]
    pub is_shared_out: bool,
}

impl Member {
    /// How far its clock is.
    pub const fn offset(&self) -> Offset {
        Offset { offset_us: self.offset_us, within_us: self.within_us }
    }
}

/// Why a run of several machines cannot be taken up again.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("`{}` is damaged: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: MessageError,
    },
    /// It was over before any load.
    #[error("in `{}` nothing has begun that could be taken up", path.display())]
    NotBegun {
        /// The directory.
        path: PathBuf,
    },
}

impl Remedy for JournalError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Io { .. } => "make it readable".to_owned(),
            Self::Damaged { .. } => {
                "put the file back as gander wrote it, or merge the directories of the agents: \
                 `gander report --merge RUN_DIR…`"
                    .to_owned()
            }
            Self::NotBegun { path } => format!(
                "start a new run: give `--out {}` in place of `--resume`, or `--resume-or-start` for either",
                path.display()
            ),
        })
    }
}

impl Journal {
    /// Whether a directory is that of a run with a conductor.
    pub fn is_in(path: &Path) -> bool {
        path.join(CONDUCTOR).is_file()
    }

    /// Reads it.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let file = path.join(CONDUCTOR);
        let text = fs::read(&file).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => JournalError::NotBegun { path: path.to_owned() },
            _ => JournalError::Io { path: file.clone(), source },
        })?;
        read("the record of a conductor", &text)
            .map_err(|source| JournalError::Damaged { path: file, source })
    }

    /// Writes it: whoever is killed meanwhile finds the old one or the new one.
    pub fn write(&self, dir: &RunDir) -> Result<(), RunDirError> {
        let mut text = write(&Self { schema_version: SCHEMA_VERSION, ..self.clone() });
        text.push(b'\n');
        dir.replace(CONDUCTOR, &text)
    }

    /// Where the directory of an agent is.
    pub fn mirror(dir: &RunDir, agent: &Name) -> PathBuf {
        dir.path().join(AGENTS).join(agent.as_str())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A run of two agents.
    pub(in super::super) fn journal() -> Journal {
        let member = |(name, instance): (&str, u64)| Member {
            name: name.parse().unwrap(),
            instance,
            host: "h".to_owned(),
            offset_us: 0,
            within_us: 900,
            lost_from_ms: None,
            is_shared_out: false,
        };
        let members: Vec<_> = [("a", 7), ("b", 8)].map(member).into();
        let plan = Plan {
            schema_version: SCHEMA_VERSION,
            run: "r1".into(),
            gander_version: "0.1.0".to_owned(),
            seed: "1".to_owned(),
            profile: None,
            files: Vec::new(),
            document: String::new(),
            sets: Vec::new(),
            thresholds: Vec::new(),
            acknowledge: None,
            environment: None,
            walks_first: false,
            agents: members.iter().map(|member| member.name.clone()).collect(),
            index: 0,
        };
        Journal {
            schema_version: SCHEMA_VERSION,
            group: "load".parse().unwrap(),
            plan,
            checked: serde_json::Value::Null,
            members,
            start_unix_us: Some(1),
            epochs: Handovers::default(),
            stops: 0,
            stopped_ms: None,
            stopped: None,
        }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(&home.path().join("out")).unwrap();
        let error = Journal::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("nothing has begun"), "{error}");
        assert!(error.remedy().unwrap().contains("--out"));
        journal().write(&dir).unwrap();
        assert_eq!(Journal::open(dir.path()).unwrap(), journal());
    }
}
