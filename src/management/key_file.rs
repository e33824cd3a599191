//! The file that keeps the key of passwords: made on first need, readable by its owner alone.

use crate::base::remedy::Remedy;
use crate::base::secret::Secret;
use crate::identity::password::{KeyError, PasswordKey};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file or its folder cannot be read or made.
    #[error("the key of passwords in `{}` cannot be read or made", path.display())]
    Unusable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Others than its owner can read or change it.
    #[error("the key of passwords in `{}` is open to others (mode {mode:o})", path.display())]
    Open { path: PathBuf, mode: u32 },
    /// It holds no key.
    #[error("`{}` does not hold a key of passwords", path.display())]
    NoKey {
        path: PathBuf,
        #[source]
        source: KeyError,
    },
    /// The system gives no random numbers.
    #[error("this machine gives no random numbers for a key of passwords")]
    NoRandomness,
}

impl Remedy for KeyFileError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Unusable { .. } => {
                "set GANDER_PASSWORD_KEY, or make the folder writable for you".to_owned()
            }
            Self::Open { path, .. } => format!(
                "`chmod 600 {}`; if somebody may have read it, delete it and clean up the accounts made with it first",
                path.display()
            ),
            Self::NoKey { path, .. } => format!(
                "delete `{}` for a new one; accounts made with the old one can then only be removed",
                path.display()
            ),
            Self::NoRandomness => "set GANDER_PASSWORD_KEY".to_owned(),
        })
    }
}

/// Longest file that is read.
const LONGEST: u64 = 4096;

/// Reads the key, or makes a new one where there is none. Two that do this at once get the same key.
pub fn read_or_make(path: &Path) -> Result<PasswordKey, KeyFileError> {
    match read(path) {
        Err(KeyFileError::Unusable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            make(path)?;
            read(path)
        }
        read => read,
    }
}

/// Reads the key.
pub fn read(path: &Path) -> Result<PasswordKey, KeyFileError> {
    let unusable = |source| KeyFileError::Unusable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unusable)?;
    let mode = file.metadata().map_err(unusable)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Open { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(unusable)?;
    PasswordKey::new(&Secret::new(text))
        .map_err(|source| KeyFileError::NoKey { path: path.to_owned(), source })
}

/// Writes a new key beside the place and links it there, which fails if somebody was faster: their
/// key stays, and nobody ever sees half of one.
fn make(path: &Path) -> Result<(), KeyFileError> {
    let unusable = |source| KeyFileError::Unusable { path: path.to_owned(), source };
    let mut bytes = [0; PasswordKey::SHORTEST];
    let mut name = [0; 8];
    for part in [bytes.as_mut_slice(), name.as_mut_slice()] {
        aws_lc_rs::rand::fill(part).map_err(|_| KeyFileError::NoRandomness)?;
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
    }
    let beside = path.with_extension(format!("new-{}", hex(&name)));
    let made = write_alone(&beside, &format!("{}\n", hex(&bytes)))
        .and_then(|()| fs::hard_link(&beside, path));
    let removed = fs::remove_file(&beside);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(unusable(error)),
        _ => removed.map_err(unusable),
    }
}

fn write_alone(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/gander/password.key");
        let made = read_or_make(&path).unwrap();
        assert_eq!(read_or_make(&path).unwrap().fingerprint(), made.fingerprint());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let parent = path.parent().unwrap();
        assert_eq!(fs::metadata(parent).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(parent).unwrap().count(), 1, "something was left beside it");
    }

    #[test]
    fn all_who_make_it_at_once_get_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password.key");
        let keys: BTreeSet<String> = std::thread::scope(|scope| {
            let make = || scope.spawn(|| read_or_make(&path).unwrap().fingerprint());
            let threads: Vec<_> = std::iter::repeat_with(make).take(8).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(keys.len(), 1);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password.key");
        read_or_make(&path).unwrap();
        for mode in [0o640, 0o604, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read_or_make(&path).unwrap_err();
            assert!(matches!(error, KeyFileError::Open { .. }), "{mode:o}: {error}");
            assert!(error.remedy().unwrap().starts_with("`chmod 600 "));
        }
    }

    #[test]
    fn a_file_without_a_key_is_neither_used_nor_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password.key");
        write_alone(&path, "short").unwrap();
        assert!(matches!(read_or_make(&path), Err(KeyFileError::NoKey { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "short");
        assert!(matches!(
            read_or_make(folder.path()),
            Err(KeyFileError::Open { .. } | KeyFileError::Unusable { .. })
        ));
    }
}
