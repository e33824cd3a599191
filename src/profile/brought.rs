//! Accounts that a profile brings along: those of a CSV file, or of an earlier ledger.

use super::accounts::AccountSource;
use crate::base::document::{Place, Problems};
use crate::base::remedy::Remedy;
use crate::base::share::Share;
use crate::identity::account::{Account, AccountState};
use crate::identity::ledger::Book;
use crate::identity::roster;
use crate::management::plain_file;
use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What the file has.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Brought {
    /// The accounts that can be used, in the order of the file.
    pub accounts: Vec<Account>,
    /// Fingerprints of the keys that their passwords come from; empty where the file does not say.
    pub keys: Vec<String>,
    /// The environments that they are in; empty where the file does not say.
    pub environments: Vec<String>,
    /// The file, with the folder of the profile before it. That of a ledger is the file itself, whatever links lead
    /// to it now: `reports/latest` leads to another one as soon as a run begins.
    pub path: PathBuf,
}

/// Bytes of the longest file of accounts, some millions of them.
const LONGEST: u64 = 1 << 30;

/// Name of a ledger in the directory of a run.
const LEDGER: &str = "ledger.jsonl";

impl Brought {
    /// Reads the file of a source; none for sources without one. What is wrong is noted, with the name of the file
    /// only where it `is_shown`: what comes from outside the profile may be a secret by mistake.
    pub fn read(
        (source, place, is_shown): (&AccountSource, &Place, bool),
        folder: &Path,
        problems: &Problems,
    ) -> Option<Self> {
        let path = match source {
            AccountSource::Provision | AccountSource::RegisterFirst => return None,
            AccountSource::Csv(path) | AccountSource::Ledger(path) => folder.join(path),
        };
        let name = if is_shown {
            format!("`{}`", path.display())
        } else {
            "the file of `accounts.source`, which is not shown as it may be a secret".to_owned()
        };
        let read =
            if matches!(source, AccountSource::Csv(_)) { of_csv(path) } else { of_ledger(path) };
        match read {
            Ok(brought) => Some(brought),
            Err((what, remedy)) => {
                problems.note(Some(place), format!("{name}: {what}"), remedy);
                None
            }
        }
    }

    /// What a ledger has.
    pub fn of_book(path: PathBuf, book: Book) -> Self {
        let accounts = book.usable().cloned().collect();
        let mut brought = Self { path, accounts, ..Self::default() };
        for opening in book.openings {
            if !brought.keys.contains(&opening.key) {
                brought.keys.push(opening.key);
            }
            if !brought.environments.contains(&opening.environment) {
                brought.environments.push(opening.environment);
            }
        }
        brought
    }

    /// How many accounts of a state there are.
    pub fn count(&self, state: AccountState) -> usize {
        self.accounts.iter().filter(|account| account.state == state).count()
    }

    /// How many of a state one of several variants has.
    pub fn count_of(&self, state: AccountState, (variant, of): (usize, usize)) -> usize {
        let (all, of) = (self.count(state), of.max(1));
        all / of + usize::from(variant < all % of)
    }

    /// The rows of one of several shares of a plan with so many variants. They are dealt out so that each variant has
    /// in all shares together what it has in one piece: with one variant every n-th row of a state.
    #[must_use]
    pub fn dealt(&self, share: Share, variants: usize) -> Self {
        let mut seen = [0_usize; crate::identity::account::STATES.len()];
        let is_own = |account: &&Account| {
            let number = &mut seen[account.state as usize];
            *number += 1;
            share.has(((*number - 1) / variants.max(1)) as u64)
        };
        let accounts = self.accounts.iter().filter(is_own).cloned().collect();
        Self { accounts, ..self.clone() }
    }

    /// The part of one of several variants: of every state each has as many as the others, or one more.
    pub fn share(&self, variant: usize, of: usize) -> Vec<Account> {
        let mut seen = [0_usize; crate::identity::account::STATES.len()];
        let own = self.accounts.iter().filter(|account| {
            let number = &mut seen[account.state as usize];
            *number += 1;
            (*number - 1) % of.max(1) == variant
        });
        own.cloned().collect()
    }
}

/// What is wrong, and what to do.
type Trouble = (String, Option<String>);

fn unreadable(error: &std::io::Error) -> Trouble {
    let remedy = match error.kind() {
        ErrorKind::NotFound => "paths start at the folder of the profile",
        ErrorKind::InvalidInput => "name a file on the disk",
        _ => "make it readable",
    };
    (format!("it cannot be read: {error}"), Some(remedy.to_owned()))
}

fn of_csv(path: PathBuf) -> Result<Brought, Trouble> {
    let file = plain_file::open(&path, LONGEST).map_err(|error| unreadable(&error))?;
    let accounts = roster::read(file).map_err(|error| (error.to_string(), error.remedy()))?;
    Ok(Brought { accounts, path, ..Brought::default() })
}

fn of_ledger(path: PathBuf) -> Result<Brought, Trouble> {
    let path = if path.is_dir() { path.join(LEDGER) } else { path };
    let path = fs::canonicalize(&path).map_err(|error| unreadable(&error))?;
    let bytes = plain_file::read(&path, LONGEST).map_err(|error| unreadable(&error))?;
    let book = Book::read(&bytes).map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        (format!("{error}{cause}"), error.remedy())
    })?;
    Ok(Brought::of_book(path, book))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str, folder: &Path) -> (Option<Brought>, String) {
        read_and_show(source, folder, true)
    }

    fn read_and_show(source: &str, folder: &Path, is_shown: bool) -> (Option<Brought>, String) {
        let problems = Problems::default();
        let source = AccountSource::named(source).unwrap();
        let place = Place { document: "p.toml".into(), line: 1, column: 1 };
        let brought = Brought::read((&source, &place, is_shown), folder, &problems);
        let lines = problems
            .into_sorted()
            .into_iter()
            .map(|problem| format!("{} ({})\n", problem.what, problem.remedy.unwrap_or_default()));
        (brought, lines.collect::<String>().replace(&folder.display().to_string(), "."))
    }

    #[test]
    fn accounts_of_a_file_are_dealt_out_among_variants_state_by_state() {
        let folder = tempfile::tempdir().unwrap();
        let rows = "login,state\na,ok\nb,ok\nv,victim\nc,ok\nw,victim\n";
        fs::write(folder.path().join("a.csv"), rows).unwrap();
        let (brought, problems) = read("csv:a.csv", folder.path());
        assert_eq!(problems, "");
        let brought = brought.unwrap();
        let share = |variant| {
            let share = brought.share(variant, 2);
            share.into_iter().map(|account| account.login).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((share(0), share(1)), ("a v c".to_owned(), "b w".to_owned()));
        for variant in 0..2 {
            let of_state = |state| {
                let share = brought.share(variant, 2);
                share.into_iter().filter(|account| account.state == state).count()
            };
            for state in crate::identity::account::STATES {
                assert_eq!(brought.count_of(state, (variant, 2)), of_state(state), "{state:?}");
            }
        }
        assert_eq!((brought.count(AccountState::Ok), brought.count(AccountState::Locked)), (3, 0));
    }

    #[test]
    fn a_ledger_stays_the_same_where_a_link_to_it_moves_on() {
        let folder = tempfile::tempdir().unwrap();
        let (first, link) = (folder.path().join("first"), folder.path().join("latest"));
        fs::create_dir(&first).unwrap();
        fs::write(first.join(LEDGER), "").unwrap();
        std::os::unix::fs::symlink("first", &link).unwrap();
        let (brought, _) = read("ledger:latest", folder.path());
        let expected = fs::canonicalize(first.join(LEDGER)).unwrap();
        assert_eq!(brought.unwrap().path, expected);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_with_a_way_out() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.csv"), "name\nx\n").unwrap();
        fs::write(folder.path().join("ledger.jsonl"), "{}\n").unwrap();
        let texts =
            ["csv:gone.csv", "csv:a.csv", "ledger:."].map(|source| read(source, folder.path()).1);
        insta::assert_snapshot!(texts.concat(), @r"
        `./gone.csv`: it cannot be read: No such file or directory (os error 2) (paths start at the folder of the profile)
        `./a.csv`: the first line of the roster names no column `login` (the first line names the columns: `login`, `email`, `password`, `state`, `generation`, `id`, `persona`; only `login` is needed)
        `./.`: line 1 of the ledger is not an entry: missing field `event` at line 1 column 2 (if the file was edited, undo it; if a newer gander wrote it, use that one)
        ");
    }

    #[test]
    fn a_file_that_came_from_outside_is_not_named_and_a_device_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        for (source, reason) in
            [("csv:hush-7f3k", "No such file"), ("csv:/dev/zero", "it is not a regular file")]
        {
            let (_, told) = read_and_show(source, folder.path(), false);
            assert!(told.contains(reason) && told.contains("`accounts.source`"), "{told}");
            assert!(!told.contains("hush") && !told.contains("zero"), "{told}");
        }
        assert!(read("ledger:/dev/zero", folder.path()).1.contains("not a regular file"));
    }
}
