//! What an environment's mail setting was before gander changed it, in a file that only its owner can read.

use super::mail_settings::{MailSettings, Obstacle, Smtp, Way};
use super::plain_file;
use crate::base::remedy::Remedy;
use crate::base::word::word;
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A setting that could be put back, and what it was to be replaced by. It holds no secret: what has one could not be
/// put back.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct MailCopy {
    /// What the file is, and how it is written.
    what: String,
    /// The environment.
    environment: String,
    /// When it was read, in UTC.
    at: String,
    /// The server that mails were to go to instead.
    host: String,
    /// Its port.
    port: u16,
    /// The setting as it was; empty where the platform's own service sent.
    setting: Value,
}

/// What the file says of itself.
const WHAT: &str = "mail setting of a PingOne environment before gander changed it, 1";

/// Longest file that is read.
const LONGEST: u64 = 1 << 20;

/// Why a copy cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum MailCopyError {
    /// There is something of that name.
    #[error("`{}` is there already", path.display())]
    Exists { path: PathBuf },
    /// There is none to be read.
    #[error("there is no `{}`", path.display())]
    Missing { path: PathBuf },
    /// It cannot be written or read.
    #[error("`{}` cannot be used", path.display())]
    Unusable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("`{}` is no copy of a mail setting", path.display())]
    NoCopy { path: PathBuf },
}

/// The command that puts a copy back, with the profile as it is typed.
pub fn undo(copy: &Path, profile: &str) -> String {
    format!("gander mail restore {} {profile}", word(&copy.display().to_string()))
}

impl MailCopyError {
    /// What to do, where the profile is typed so.
    pub fn remedy_with(&self, profile: &str) -> String {
        match self {
            Self::Exists { path } => format!(
                "if it is a copy of what was there, put that back first (`{}`); else name another file",
                undo(path, profile)
            ),
            Self::Unusable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "make its folder first, or name another file".to_owned()
            }
            Self::Unusable { source, .. } if source.kind() == io::ErrorKind::InvalidInput => {
                "name the file that `gander mail point --save` wrote".to_owned()
            }
            Self::Unusable { .. } => "make room and rights where it is".to_owned(),
            Self::Missing { .. } | Self::NoCopy { .. } => {
                "name the file that `gander mail point --save` wrote, and the profile after it"
                    .to_owned()
            }
        }
    }
}

impl Remedy for MailCopyError {
    fn remedy(&self) -> Option<String> {
        Some(self.remedy_with("PROFILE"))
    }
}

impl MailCopy {
    /// A copy of what was read in an environment, before it is replaced by `to`; none of what could not be put back.
    pub fn of(
        (environment, at): (&str, String),
        setting: &MailSettings,
        to: &Smtp,
    ) -> Result<Self, Obstacle> {
        match setting.obstacle() {
            Some(obstacle) => Err(obstacle),
            None => Ok(Self {
                what: WHAT.to_owned(),
                environment: environment.to_owned(),
                at,
                host: to.host.clone(),
                port: to.port,
                setting: setting.body(),
            }),
        }
    }

    /// The environment that it is of.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The setting as it was.
    pub fn setting(&self) -> MailSettings {
        MailSettings::of(self.setting.clone())
    }

    /// Where mails were to go instead.
    pub fn instead(&self) -> Way {
        Way::Smtp { host: self.host.clone(), port: self.port }
    }

    /// Writes it into a new file. When this returned, it outlasts the machine.
    pub fn write(&self, path: &Path) -> Result<(), MailCopyError> {
        let unusable = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => MailCopyError::Exists { path: path.to_owned() },
            _ => MailCopyError::Unusable { path: path.to_owned(), source },
        };
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| unusable(error.into()))?;
        text.push(b'\n');
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(unusable)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(unusable)?;
        // The name of a file is in its folder, which has to reach the disk, too.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable)
    }

    /// Reads one back.
    pub fn read(path: &Path) -> Result<Self, MailCopyError> {
        let bytes = plain_file::read(path, LONGEST).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => MailCopyError::Missing { path: path.to_owned() },
            _ => MailCopyError::Unusable { path: path.to_owned(), source },
        })?;
        let copy: Option<Self> = serde_json::from_slice(&bytes).ok();
        copy.filter(|copy| {
            copy.what == WHAT && copy.setting.is_object() && copy.setting().obstacle().is_none()
        })
        .ok_or_else(|| MailCopyError::NoCopy { path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    fn to() -> Smtp {
        Smtp { host: "sink.test".into(), port: 25, credentials: None, from: "a@x.test".into() }
    }

    fn copy(setting: Value) -> Result<MailCopy, Obstacle> {
        MailCopy::of(("e1", "2026-11-21T18:34:41.120Z".into()), &MailSettings::of(setting), &to())
    }

    #[test]
    fn a_copy_is_its_owners_alone_replaces_nothing_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        for (number, setting) in
            [json!({}), json!({ "host": "m.test", "port": 25 })].into_iter().enumerate()
        {
            let path = folder.path().join(format!("{number}.json"));
            let copy = copy(setting.clone()).unwrap();
            copy.write(&path).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
            assert!(matches!(copy.write(&path), Err(MailCopyError::Exists { .. })));
            let back = MailCopy::read(&path).unwrap();
            assert_eq!((&back, back.setting().body()), (&copy, setting));
            assert_eq!(back.instead(), Way::Smtp { host: "sink.test".into(), port: 25 });
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_said_to_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone/a.json");
        let error = MailCopy::read(&gone).unwrap_err();
        assert!(matches!(error, MailCopyError::Missing { .. }), "{error}");
        assert!(error.remedy().unwrap().contains("`gander mail point --save` wrote"));
        let error = copy(json!({})).unwrap().write(&gone).unwrap_err();
        assert_eq!(error.remedy().unwrap(), "make its folder first, or name another file");
    }

    #[test]
    fn what_is_no_regular_file_is_no_copy() {
        let error = MailCopy::read(Path::new("/dev/zero")).unwrap_err();
        assert!(error.remedy().unwrap().contains("--save"), "{error}");
    }

    #[test]
    fn what_could_not_be_put_back_is_neither_copied_nor_taken_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let setting = json!({ "host": "m.test", "port": 25, "username": "u" });
        assert_eq!(copy(setting.clone()).unwrap_err(), Obstacle::Password);
        let path = folder.path().join("a.json");
        let forged = MailCopy { setting, ..copy(json!({})).unwrap() };
        forged.write(&path).unwrap();
        assert!(matches!(MailCopy::read(&path), Err(MailCopyError::NoCopy { .. })));
        for text in ["", "{}", "[]", "nonsense"] {
            fs::write(&path, text).unwrap();
            let error = MailCopy::read(&path).unwrap_err();
            assert!(error.remedy().is_some() && matches!(error, MailCopyError::NoCopy { .. }));
        }
    }
}
