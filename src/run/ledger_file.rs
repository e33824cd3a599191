//! A ledger of accounts on disk, taken by one process at a time.

use crate::base::remedy::Remedy;
use crate::identity::ledger::{Book, Ledger, LedgerEntry, LedgerError};
use crate::management::plain_file;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Take, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFileError {
    /// It cannot be opened, read or written.
    #[error("the ledger `{}` cannot be used", path.display())]
    Unusable {
        /// The ledger.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A run or another command is writing it.
    #[error("the ledger `{}` is in use: its run is still going on", path.display())]
    InUse {
        /// The ledger.
        path: PathBuf,
    },
    /// It is damaged.
    #[error("the ledger `{}` cannot be read", path.display())]
    Damaged {
        /// The ledger.
        path: PathBuf,
        #[source]
        source: LedgerError,
    },
}

impl Remedy for LedgerFileError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Unusable { source, .. } if source.kind() == ErrorKind::NotFound => {
                "name the file `ledger.jsonl` of a run's directory; accounts whose ledger is lost are found by \
                 `--tag`, the id of their run"
                    .to_owned()
            }
            Self::Unusable { source, .. } if source.kind() == ErrorKind::InvalidInput => {
                "name the file `ledger.jsonl` of a run's directory".to_owned()
            }
            Self::Unusable { .. } => "make it readable and writable".to_owned(),
            Self::InUse { .. } => "wait for the end of the run, or stop it first".to_owned(),
            Self::Damaged { source, .. } => return source.remedy(),
        })
    }
}

/// Name of the ledger in the directory of a run.
pub const LEDGER: &str = "ledger.jsonl";

/// Bytes of the longest ledger, that of some millions of accounts.
pub(super) const LONGEST: u64 = 1 << 30;

/// Reads what a ledger says, whoever is writing it.
pub fn read(path: &Path) -> Result<Book, LedgerFileError> {
    let path = &within(path);
    let bytes = plain_file::read(path, LONGEST).map_err(unusable(path))?;
    Book::read(&bytes).map_err(damaged(path))
}

/// Opens a ledger to be gone on with. Nobody else can as long as it is kept.
pub fn open(path: &Path) -> Result<(Ledger<File>, Book), LedgerFileError> {
    let path = &within(path);
    plain_file::check(path, LONGEST).map_err(unusable(path))?;
    let mut file = OpenOptions::new().read(true).append(true).open(path).map_err(unusable(path))?;
    lock(&file, path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unusable(path))?;
    let book = Book::read(&bytes).map_err(damaged(path))?;
    mend_end(&mut file, bytes.get(book.sound_length..).unwrap_or_default(), &book)
        .map_err(unusable(path))?;
    Ok((Ledger::new(file), book))
}

/// The same, and a new one where there is none.
pub fn open_or_make(path: &Path) -> Result<(Ledger<File>, Book), LedgerFileError> {
    match open(path) {
        Err(LedgerFileError::Unusable { source, .. }) if source.kind() == ErrorKind::NotFound => {}
        opened => return opened,
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(unusable(path))?;
    }
    let file =
        OpenOptions::new().append(true).create_new(true).open(path).map_err(unusable(path))?;
    lock(&file, path)?;
    Ok((Ledger::new(file), Book::default()))
}

/// Keeps a ledger from being written by others as long as what is returned is kept, without reading it; nothing
/// where there is none.
pub fn hold(path: &Path) -> Result<Option<File>, LedgerFileError> {
    let path = &within(path);
    match plain_file::open(path, LONGEST).map(Take::into_inner) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => {
            let file = opened.map_err(unusable(path))?;
            lock(&file, path)?;
            Ok(Some(file))
        }
    }
}

/// Has a ledger outlast the machine, the one included whose accounts it borrows.
pub fn sync(ledger: &Ledger<File>) -> io::Result<()> {
    ledger.with_each(|file| file.sync_data())
}

/// How often a ledger is synced while it is written.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Waits for something in the course of which a ledger is written, and has it synced every second and at the end:
/// accounts that a dead machine forgot could not be removed from the tenant any more. What cannot be synced is still
/// in the system's hands.
pub async fn synced<T>(ledger: &Arc<Ledger<File>>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut turns = tokio::time::interval(SYNC_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let to_disk = || {
        let ledger = Arc::clone(ledger);
        // A slow disk holds no call up.
        tokio::task::spawn_blocking(move || sync(&ledger))
    };
    loop {
        tokio::select! {
            biased;
            done = &mut work => {
                let _ = to_disk().await;
                return done;
            }
            _ = turns.tick() => drop(to_disk()),
        }
    }
}

/// The directory of a run stands for the ledger in it.
fn within(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(LEDGER) } else { path.to_owned() }
}

fn lock(file: &File, path: &Path) -> Result<(), LedgerFileError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(LedgerFileError::InUse { path: path.to_owned() }),
        // A file system without locks cannot say.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// What follows the last whole line is cut off, or gets its end where only that is missing: what it
/// announces may have happened.
fn mend_end(file: &mut File, rest: &[u8], book: &Book) -> io::Result<()> {
    if serde_json::from_slice::<LedgerEntry>(rest).is_ok() {
        file.write_all(b"\n")
    } else if rest.is_empty() {
        Ok(())
    } else {
        file.set_len(book.sound_length as u64)
    }
}

fn unusable(path: &Path) -> impl Fn(io::Error) -> LedgerFileError {
    let path = path.to_owned();
    move |source| LedgerFileError::Unusable { path: path.clone(), source }
}

fn damaged(path: &Path) -> impl Fn(LedgerError) -> LedgerFileError {
    let path = path.to_owned();
    move |source| LedgerFileError::Damaged { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::account::AccountState;

    fn made(login: &str) -> LedgerEntry {
        LedgerEntry::Made {
            at: String::new(),
            login: login.to_owned(),
            email: login.to_owned(),
            persona: 1,
            state: AccountState::Ok,
        }
    }

    fn logins(path: &Path) -> Vec<String> {
        read(path).unwrap().accounts.into_iter().map(|account| account.login).collect()
    }

    #[test]
    fn a_ledger_is_taken_by_one_at_a_time_and_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r1").join(LEDGER);
        let error = open(&path).unwrap_err();
        assert!(error.remedy().unwrap().contains("--tag"), "{error}");
        let (ledger, _) = open_or_make(&path).unwrap();
        ledger.append(&made("a")).unwrap();
        assert!(matches!(open(&path), Err(LedgerFileError::InUse { .. })));
        assert_eq!(logins(&path), ["a"], "reading needs no lock");
        drop(ledger);
        // The directory of the run stands for it.
        let (ledger, book) = open(&folder.path().join("r1")).unwrap();
        assert_eq!(book.accounts.len(), 1);
        ledger.append(&made("b")).unwrap();
        assert_eq!(logins(&path), ["a", "b"]);
    }

    #[test]
    fn a_ledger_that_is_held_is_not_written_by_others_and_one_that_is_written_is_not_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r1").join(LEDGER);
        assert!(hold(&path).unwrap().is_none(), "there is none");
        let (ledger, _) = open_or_make(&path).unwrap();
        assert!(matches!(hold(&path), Err(LedgerFileError::InUse { .. })));
        drop(ledger);
        let held = hold(folder.path().join("r1").as_path()).unwrap();
        assert!(held.is_some() && matches!(open(&path), Err(LedgerFileError::InUse { .. })));
        drop(held);
        assert!(open(&path).is_ok());
    }

    #[test]
    fn what_is_no_regular_file_is_no_ledger() {
        for path in ["/dev/zero", "/dev/null"].map(Path::new) {
            let errors = [read(path).err(), open(path).err(), hold(path).err()];
            for error in errors.into_iter().flatten() {
                let said = format!("{error:?} {}", error.remedy().unwrap());
                assert!(
                    said.contains("not a regular file") && said.contains("ledger.jsonl"),
                    "{said}"
                );
            }
            assert!(read(path).is_err() && open(path).is_err() && hold(path).is_err());
        }
    }

    #[test]
    fn a_torn_line_is_cut_off_and_a_whole_one_without_end_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LEDGER);
        let line = serde_json::to_string(&made("a")).unwrap();
        for (rest, expected) in [("{\"event\":\"ma", vec!["b"]), (&line, vec!["a", "b"])] {
            fs::write(&path, rest).unwrap();
            let (ledger, _) = open(&path).unwrap();
            ledger.append(&made("b")).unwrap();
            assert_eq!(logins(&path), expected);
        }
        fs::write(&path, "nonsense\n").unwrap();
        assert!(matches!(open(&path), Err(LedgerFileError::Damaged { .. })));
    }
}
