//! The ledgers of the parts: one after the other they are the ledger of the whole, unless two of them speak of the
//! same account. Then nobody could say which of them was right last, and each is kept by itself.

use super::check::MergeError;
use crate::identity::ledger::{Book, LedgerEntry};
use crate::management::plain_file;
use crate::result::merge::Source;
use crate::result::run_dir::{LEDGER, RunDir, RunDirError};
use crate::run::ledger_file::{LONGEST, LedgerFileError};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What became of the ledgers of the parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ledgers {
    /// No part had one.
    None,
    /// They are one: accounts are removed by that of the whole.
    Joined,
    /// They are kept by themselves.
    Apart {
        /// An account that two of them speak of.
        login: String,
        /// Where they are.
        files: Vec<PathBuf>,
    },
}

/// Where ledgers are kept that cannot be one.
const PARTS: &str = "parts";

/// Writes the ledger of the whole, or those of the parts, into `aside`, which is to become `into`.
pub(super) fn join(
    sources: &[Source],
    aside: &RunDir,
    into: &RunDir,
) -> Result<Ledgers, MergeError> {
    let mut known = HashMap::new();
    let (mut any, mut twice) = (false, None);
    for (place, source) in sources.iter().enumerate() {
        if let Some(bytes) = read(&source.dir.file(LEDGER))? {
            any = true;
            twice = twice.or(spoken_of(&bytes, place, &mut known));
        }
    }
    match (any, twice) {
        (false, _) => Ok(Ledgers::None),
        (true, None) => {
            let path = aside.file(LEDGER);
            let mut file = File::create_new(&path).map_err(unwritten(&path))?;
            for source in sources {
                if let Some(bytes) = read(&source.dir.file(LEDGER))? {
                    file.write_all(&bytes).map_err(unwritten(&path))?;
                }
            }
            file.sync_data().map_err(unwritten(&path))?;
            Ok(Ledgers::Joined)
        }
        (true, Some(login)) => {
            let folder = aside.file(PARTS);
            fs::create_dir(&folder).map_err(unwritten(&folder))?;
            let mut files = Vec::new();
            for (number, source) in (1..).zip(sources) {
                if let Some(bytes) = read(&source.dir.file(LEDGER))? {
                    let name = file_name(&source.name, number, &files);
                    let path = folder.join(&name);
                    fs::write(&path, bytes).map_err(unwritten(&path))?;
                    files.push(into.file(PARTS).join(name));
                }
            }
            Ok(Ledgers::Apart { login, files })
        }
    }
}

/// The whole lines of a ledger; none where there is none. One whose last line lacks only its end gets it: what it
/// announces may have happened.
fn read(path: &Path) -> Result<Option<Vec<u8>>, LedgerFileError> {
    let mut bytes = match plain_file::read(path, LONGEST) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => {
            read.map_err(|source| LedgerFileError::Unusable { path: path.to_owned(), source })?
        }
    };
    let book = Book::read(&bytes)
        .map_err(|source| LedgerFileError::Damaged { path: path.to_owned(), source })?;
    let rest = bytes.get(book.sound_length..).unwrap_or_default();
    if serde_json::from_slice::<LedgerEntry>(rest).is_ok() {
        bytes.push(b'\n');
    } else {
        bytes.truncate(book.sound_length);
    }
    Ok(Some(bytes))
}

/// Who made an account, or only used it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Role {
    Maker(usize),
    Borrower,
}

/// Notes whom a ledger speaks of, and names somebody of whom another one spoke otherwise.
fn spoken_of(bytes: &[u8], part: usize, known: &mut HashMap<String, Role>) -> Option<String> {
    let lines = bytes.split(|byte| *byte == b'\n');
    for line in lines.filter(|line| !line.is_empty()) {
        let (login, role) = match serde_json::from_slice(line) {
            Ok(LedgerEntry::Made { login, .. }) => (login, Role::Maker(part)),
            Ok(LedgerEntry::Brought { login, .. }) => (login, Role::Borrower),
            _ => continue,
        };
        match known.entry(login) {
            Entry::Occupied(entry) if *entry.get() != role => return Some(entry.key().clone()),
            Entry::Occupied(_) => {}
            Entry::Vacant(entry) => drop(entry.insert(role)),
        }
    }
    None
}

/// `agent-1-ledger.jsonl`, whatever the part is called.
fn file_name(part: &str, number: usize, taken: &[PathBuf]) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let part: String = part.chars().take(80).map(plain).collect();
    let name = format!("{}-ledger.jsonl", part.trim_start_matches(['.', '-']));
    let is_taken = taken.iter().any(|path| path.file_name().is_some_and(|taken| *taken == *name));
    if is_taken { format!("{number}-{name}") } else { name }
}

fn unwritten(path: &Path) -> impl Fn(std::io::Error) -> MergeError {
    let path = path.to_owned();
    move |source| RunDirError::Io { action: "write", path: path.clone(), source }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(login: &str) -> String {
        format!(
            "{{\"event\":\"made\",\"at\":\"\",\"login\":\"{login}\",\"email\":\"\",\"persona\":1,\"state\":\"ok\"}}\n"
        )
    }

    fn brought(login: &str) -> String {
        format!("{{\"event\":\"brought\",\"at\":\"\",\"login\":\"{login}\"}}\n")
    }

    #[test]
    fn ledgers_are_one_unless_two_of_them_speak_of_one_account() {
        for (ledgers, twice) in [
            ([made("a") + &made("b"), made("c")], None),
            ([made("a") + &made("a"), made("c")], None),
            ([brought("x"), brought("x")], None),
            ([made("a"), made("a")], Some("a")),
            ([made("a"), brought("a")], Some("a")),
            ([brought("a"), made("a")], Some("a")),
        ] {
            let mut known = HashMap::new();
            let mut found = ledgers.iter().enumerate();
            let found = found.find_map(|(part, text)| spoken_of(text.as_bytes(), part, &mut known));
            assert_eq!(found.as_deref(), twice, "{ledgers:?}");
        }
    }

    #[test]
    fn a_torn_line_goes_and_a_whole_one_without_its_end_gets_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(LEDGER);
        assert_eq!(read(&path).unwrap(), None);
        let whole = made("a");
        for (text, expected) in [
            (whole.clone() + "{\"event\":\"ma", whole.clone()),
            (whole.clone() + made("b").trim_end(), whole.clone() + &made("b")),
            (whole.clone(), whole.clone()),
            (String::new(), String::new()),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(read(&path).unwrap().unwrap(), expected.as_bytes());
        }
        fs::write(&path, "nonsense\n").unwrap();
        assert!(matches!(read(&path), Err(LedgerFileError::Damaged { .. })));
    }

    #[test]
    fn a_ledger_has_a_name_that_is_one() {
        let taken = [PathBuf::from("p/a-ledger.jsonl")];
        for (part, name) in
            [("a", "2-a-ledger.jsonl"), ("../b/c d", "b-c-d-ledger.jsonl"), ("", "ledger.jsonl")]
        {
            assert!(file_name(part, 2, &taken).ends_with(name), "{part}");
        }
    }
}
