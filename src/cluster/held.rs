//! One conductor at a time in the directory of a run: two of them would write what agents tell twice.

use crate::base::remedy::Remedy;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// A directory that no other conductor takes as long as this is kept; it goes with the process, however that ends.
#[derive(Debug)]
pub struct Held {
    _dir: Option<File>,
}

/// Another conductor is at it.
#[derive(Debug, thiserror::Error)]
#[error("another process conducts the run in `{}`", path.display())]
pub struct Taken {
    path: PathBuf,
}

impl Remedy for Taken {
    fn remedy(&self) -> Option<String> {
        Some(
            "wait for its end; one that stands still has to be ended before its run is taken up. A new run wants a \
             directory of its own"
                .to_owned(),
        )
    }
}

/// Takes a directory. Where the system cannot lock one, nobody is kept from it.
pub fn hold(path: &Path) -> Result<Held, Taken> {
    let dir = File::open(path).ok();
    match dir.as_ref().map(File::try_lock) {
        Some(Err(TryLockError::WouldBlock)) => Err(Taken { path: path.to_owned() }),
        _ => Ok(Held { _dir: dir }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_of_one_conductor_until_it_goes() {
        let home = tempfile::tempdir().unwrap();
        let first = hold(home.path()).unwrap();
        let error = hold(home.path()).unwrap_err();
        assert!(error.to_string().starts_with("another process conducts the run in"), "{error}");
        drop(first);
        assert!(hold(home.path()).is_ok());
        assert!(hold(&home.path().join("nothing")).is_ok());
    }
}
