//! The ledger of accounts: one JSON line for each thing that happens to one, written before the
//! request that makes it happen, so that a killed run can still be cleaned up.
//!
//! No password is ever in it, only the generation that it can be worked out from.

use super::account::{Account, AccountState};
use crate::base::remedy::Remedy;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// One line. Times are in UTC, `2026-11-21T18:34:41.120Z`.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LedgerEntry {
    /// A run or a continuation of it begins to write.
    Opened {
        /// When.
        at: String,
        /// The run.
        run: String,
        /// The tenant's environment; accounts are only ever removed from this one.
        environment: String,
        /// Fingerprint of the key that the passwords are worked out with.
        key: String,
    },
    /// An account is about to be made. Whether it was is not known before `Learned`.
    Made {
        /// When.
        at: String,
        /// What it signs on with.
        login: String,
        /// Where its codes go.
        email: String,
        /// Index of its persona.
        persona: u64,
        /// What it is kept for.
        state: AccountState,
    },
    /// The tenant named the id of an account, so it is there.
    Learned {
        /// Which account.
        login: String,
        /// The tenant's id of the user.
        id: String,
    },
    /// The account was used as it should be: it is there, and can sign on.
    Confirmed {
        /// Which account.
        login: String,
    },
    /// An account that was there before, and is only used here. It is nobody's to remove who reads this ledger.
    Brought {
        /// When.
        at: String,
        /// Which account.
        login: String,
    },
    /// The password is about to be changed to that of another generation.
    Advanced {
        /// When.
        at: String,
        /// Which account.
        login: String,
        /// The new generation.
        generation: u64,
    },
    /// The account was removed.
    Removed {
        /// When.
        at: String,
        /// Which account.
        login: String,
    },
}

/// Writes entries, one line each, from any number of threads.
#[derive(Debug)]
pub struct Ledger<W> {
    own: Mutex<W>,
    lender: Option<Lender<W>>,
}

/// The ledger of an earlier run whose accounts are used. It stays right: what happens to them is on it first.
#[derive(Debug)]
struct Lender<W> {
    logins: HashSet<String>,
    to: Mutex<W>,
}

/// What a ledger says when it is read back.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Book {
    /// The environments, runs and keys that wrote it, in order.
    pub openings: Vec<Opening>,
    /// Accounts that may be there, in the order of their making.
    pub accounts: Vec<Account>,
    /// Logins of those that certainly were there and could sign on.
    pub confirmed: HashSet<String>,
    /// When accounts were announced, the last time, by login.
    pub announced: HashMap<String, String>,
    /// How many were removed.
    pub removed: usize,
    /// Length of the whole lines in bytes; what follows is the torn rest of a line, to be cut off
    /// before more is appended.
    pub sound_length: usize,
}

/// Accounts of which a look that does not find them is no proof that they are not there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Doubts {
    /// Logins of those announced a short while ago: the request that makes them may still be carried out, or
    /// they may not be found yet.
    pub recent: HashSet<String>,
    /// Logins of those that certainly were there once. If one of them is there and was not found, the looking is
    /// wrong.
    pub confirmed: HashSet<String>,
}

/// Who wrote a part of a ledger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opening {
    /// The run.
    pub run: String,
    /// The tenant's environment.
    pub environment: String,
    /// Fingerprint of the key of passwords.
    pub key: String,
}

/// Why a ledger cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A line that is whole but makes no sense.
    #[error("line {line} of the ledger is not an entry")]
    NotAnEntry {
        line: usize,
        #[source]
        source: serde_json::Error,
    },
    /// Something happened to an account that was never made.
    #[error("line {line} of the ledger speaks of `{login}`, which no line before it makes")]
    Stranger { line: usize, login: String },
}

impl Remedy for LedgerError {
    fn remedy(&self) -> Option<String> {
        Some(
            match self {
                Self::NotAnEntry { .. } => {
                    "if the file was edited, undo it; if a newer gander wrote it, use that one"
                }
                Self::Stranger { .. } => "use the whole ledger, not a part of it",
            }
            .to_owned(),
        )
    }
}

impl<W: Write> Ledger<W> {
    /// A ledger that appends to `to`.
    pub const fn new(to: W) -> Self {
        Self { own: Mutex::new(to), lender: None }
    }

    /// The same, for a run that uses accounts of another ledger: what is about these logins is appended to
    /// that one, too.
    #[must_use]
    pub fn borrowing(self, logins: HashSet<String>, from: Self) -> Self {
        Self { lender: Some(Lender { logins, to: from.own }), ..self }
    }

    /// Appends a line and hands it to the operating system, so that it survives a kill of the
    /// process. The request that the entry announces may be sent only after this returned.
    pub fn append(&self, entry: &LedgerEntry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        if let Some((lender, login)) = self.lender.as_ref().zip(entry.change_of())
            && lender.logins.contains(login)
        {
            write_line(&lender.to, &line)?;
        }
        write_line(&self.own, &line)
    }

    /// Does something with what is written to.
    pub fn with<T>(&self, act: impl FnOnce(&mut W) -> T) -> T {
        act(&mut self.own.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does something with everything that is written to, the ledger whose accounts are borrowed included, such as
    /// a sync to disk. Ends with the first error.
    pub fn with_each(&self, mut act: impl FnMut(&mut W) -> io::Result<()>) -> io::Result<()> {
        if let Some(lender) = &self.lender {
            act(&mut lender.to.lock().unwrap_or_else(PoisonError::into_inner))?;
        }
        self.with(act)
    }
}

fn write_line(to: &Mutex<impl Write>, line: &[u8]) -> io::Result<()> {
    let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
    to.write_all(line)?;
    to.flush()
}

impl LedgerEntry {
    /// The login of an account that is there and to which something happens.
    fn change_of(&self) -> Option<&str> {
        match self {
            Self::Learned { login, .. }
            | Self::Confirmed { login }
            | Self::Advanced { login, .. }
            | Self::Removed { login, .. } => Some(login),
            Self::Opened { .. } | Self::Made { .. } | Self::Brought { .. } => None,
        }
    }
}

impl Book {
    /// The accounts that certainly were there and could sign on.
    pub fn usable(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter().filter(|account| self.confirmed.contains(&account.login))
    }

    /// What is to be doubted about accounts that are not found. What was announced before `since`, a time stamp
    /// as in a ledger, was made by now or never will be.
    pub fn doubts(&self, since: &str) -> Doubts {
        let is_recent = |(_, at): &(&String, &String)| at.as_str() >= since;
        let recent = self.announced.iter().filter(is_recent).map(|(login, _)| login.clone());
        Doubts { recent: recent.collect(), confirmed: self.confirmed.clone() }
    }

    /// Reads a ledger back. A last line that was torn by a kill is left out: what it announced was
    /// never sent.
    pub fn read(bytes: &[u8]) -> Result<Self, LedgerError> {
        let mut book = Folding::default();
        let mut sound_length = 0;
        for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let number = number + 1;
            let is_whole = line.ends_with(b"\n");
            if is_whole && line.trim_ascii().is_empty() {
                sound_length += line.len();
                continue;
            }
            match serde_json::from_slice(line) {
                // Without its line end it cannot be appended to, so it counts as torn even when it
                // can be read; yet its request may have been sent, so it is believed.
                Ok(entry) => book.take(entry, number)?,
                Err(_) if !is_whole => break,
                Err(source) => return Err(LedgerError::NotAnEntry { line: number, source }),
            }
            if is_whole {
                sound_length += line.len();
            }
        }
        Ok(Self { sound_length, ..book.finish() })
    }
}

/// Entries being folded into accounts.
#[derive(Debug, Default)]
struct Folding {
    book: Book,
    /// By position of the making; none once removed.
    accounts: Vec<Option<Account>>,
    by_login: HashMap<String, usize>,
    /// Logins of accounts that are not this ledger's.
    brought: HashSet<String>,
}

impl Folding {
    fn take(&mut self, entry: LedgerEntry, line: usize) -> Result<(), LedgerError> {
        if entry.change_of().is_some_and(|login| self.brought.contains(login)) {
            return Ok(());
        }
        match entry {
            LedgerEntry::Brought { login, .. } => {
                self.brought.insert(login);
            }
            LedgerEntry::Confirmed { login } => {
                self.account(login.clone(), line)?;
                self.book.confirmed.insert(login);
            }
            LedgerEntry::Opened { run, environment, key, .. } => {
                self.book.openings.push(Opening { run, environment, key });
            }
            LedgerEntry::Made { at, login, email, persona, state } => {
                self.book.announced.insert(login.clone(), at);
                // Announced again after an attempt that failed: still one account.
                if !self.by_login.contains_key(&login) {
                    self.by_login.insert(login.clone(), self.accounts.len());
                    let account = Account::new(login, state, persona);
                    self.accounts.push(Some(Account { email, ..account }));
                }
            }
            LedgerEntry::Learned { login, id } => {
                self.account(login.clone(), line)?.id = Some(id);
                self.book.confirmed.insert(login);
            }
            LedgerEntry::Advanced { login, generation, .. } => {
                self.account(login, line)?.generation = generation;
            }
            LedgerEntry::Removed { login, .. } => {
                self.account(login.clone(), line)?;
                self.book.confirmed.remove(&login);
                self.book.announced.remove(&login);
                if let Some(slot) =
                    self.by_login.remove(&login).and_then(|at| self.accounts.get_mut(at))
                {
                    *slot = None;
                    self.book.removed += 1;
                }
            }
        }
        Ok(())
    }

    fn account(&mut self, login: String, line: usize) -> Result<&mut Account, LedgerError> {
        self.by_login
            .get(&login)
            .and_then(|at| self.accounts.get_mut(*at)?.as_mut())
            .ok_or(LedgerError::Stranger { line, login })
    }

    fn finish(self) -> Book {
        Book { accounts: self.accounts.into_iter().flatten().collect(), ..self.book }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at() -> String {
        "2026-11-21T18:34:41.120Z".to_owned()
    }

    fn made(index: u64) -> LedgerEntry {
        let login = format!("{index}@x.test");
        LedgerEntry::Made {
            at: at(),
            email: login.clone(),
            login,
            persona: index,
            state: AccountState::MustChange,
        }
    }

    fn written(entries: &[LedgerEntry]) -> Vec<u8> {
        let ledger = Ledger::new(Vec::new());
        entries.iter().for_each(|entry| ledger.append(entry).unwrap());
        ledger.with(|bytes| bytes.clone())
    }

    fn a_life() -> Vec<LedgerEntry> {
        vec![
            LedgerEntry::Opened {
                at: at(),
                run: "r1".into(),
                environment: "e1".into(),
                key: "00ff00ff".into(),
            },
            made(1),
            made(2),
            LedgerEntry::Learned { login: "1@x.test".into(), id: "u-1".into() },
            LedgerEntry::Advanced { at: at(), login: "1@x.test".into(), generation: 3 },
            LedgerEntry::Removed { at: at(), login: "2@x.test".into() },
        ]
    }

    #[test]
    fn a_line_is_an_object_with_its_event() {
        insta::assert_snapshot!(String::from_utf8(written(&a_life())).unwrap(), @r#"
        {"event":"opened","at":"2026-11-21T18:34:41.120Z","run":"r1","environment":"e1","key":"00ff00ff"}
        {"event":"made","at":"2026-11-21T18:34:41.120Z","login":"1@x.test","email":"1@x.test","persona":1,"state":"must-change"}
        {"event":"made","at":"2026-11-21T18:34:41.120Z","login":"2@x.test","email":"2@x.test","persona":2,"state":"must-change"}
        {"event":"learned","login":"1@x.test","id":"u-1"}
        {"event":"advanced","at":"2026-11-21T18:34:41.120Z","login":"1@x.test","generation":3}
        {"event":"removed","at":"2026-11-21T18:34:41.120Z","login":"2@x.test"}
        "#);
    }

    #[test]
    fn entries_fold_into_the_accounts_that_may_be_there() {
        let book = Book::read(&written(&a_life())).unwrap();
        assert_eq!(book.accounts.len(), 1);
        let account = &book.accounts[0];
        assert_eq!((account.login.as_str(), account.generation), ("1@x.test", 3));
        assert_eq!((account.id.as_deref(), account.persona), (Some("u-1"), Some(1)));
        assert_eq!(account.state, AccountState::MustChange);
        assert_eq!((book.removed, book.openings[0].environment.as_str()), (1, "e1"));
    }

    #[test]
    fn what_was_brought_along_is_not_of_this_ledger() {
        let brought = LedgerEntry::Brought { at: at(), login: "b@x.test".into() };
        let advanced = LedgerEntry::Advanced { at: at(), login: "b@x.test".into(), generation: 1 };
        let book = Book::read(&written(&[brought, made(1), advanced.clone()])).unwrap();
        assert_eq!((book.accounts.len(), book.usable().count()), (1, 0));
        // It goes to the ledger that it is of, and to no other.
        let logins = ["b@x.test".to_owned()].into();
        let ledger = Ledger::new(Vec::new()).borrowing(logins, Ledger::new(Vec::new()));
        ledger.append(&advanced).unwrap();
        ledger.append(&made(1)).unwrap();
        let lent = ledger.lender.unwrap().to.into_inner().unwrap();
        assert_eq!(lent, written(&[advanced]));
    }

    #[test]
    fn accounts_can_be_used_that_were_there_for_certain() {
        let confirmed = |index| LedgerEntry::Confirmed { login: format!("{index}@x.test") };
        let removed = LedgerEntry::Removed { at: at(), login: "3@x.test".into() };
        let learned = LedgerEntry::Learned { login: "2@x.test".into(), id: "u".into() };
        let entries =
            [made(1), made(2), made(3), made(4), confirmed(1), learned, confirmed(3), removed];
        let book = Book::read(&written(&entries)).unwrap();
        let usable: Vec<_> = book.usable().map(|account| &*account.login).collect();
        assert_eq!((usable, book.accounts.len()), (vec!["1@x.test", "2@x.test"], 3));
    }

    #[test]
    fn an_account_that_was_announced_a_moment_ago_may_still_come() {
        let of = |index, at: &str| match made(index) {
            LedgerEntry::Made { login, email, persona, state, .. } => {
                LedgerEntry::Made { at: at.to_owned(), login, email, persona, state }
            }
            other => other,
        };
        let (old, new) = ("2026-11-21T18:34:41.120Z", "2026-11-21T18:44:41.120Z");
        let confirmed = LedgerEntry::Confirmed { login: "1@x.test".into() };
        let removed = LedgerEntry::Removed { at: at(), login: "4@x.test".into() };
        // Announced again counts from then.
        let entries =
            [of(1, old), of(2, new), of(3, old), of(3, new), of(4, new), confirmed, removed];
        let doubts = Book::read(&written(&entries)).unwrap().doubts("2026-11-21T18:40:00.000Z");
        assert_eq!(doubts.recent, ["2@x.test", "3@x.test"].map(str::to_owned).into());
        assert_eq!(doubts.confirmed, ["1@x.test".to_owned()].into());
    }

    #[test]
    fn what_is_done_with_a_ledger_is_done_with_the_one_it_borrows_from() {
        let ledger = Ledger::new(vec![1_u8]).borrowing(HashSet::new(), Ledger::new(vec![2]));
        let mut seen = Vec::new();
        let note = |bytes: &mut Vec<u8>| {
            seen.extend_from_slice(bytes);
            Ok(())
        };
        ledger.with_each(note).unwrap();
        assert_eq!(seen, [2, 1]);
    }

    #[test]
    fn an_account_made_again_is_one_account_and_can_be_made_after_its_removal() {
        let removed = LedgerEntry::Removed { at: at(), login: "1@x.test".into() };
        let book = Book::read(&written(&[made(1), made(1)])).unwrap();
        assert_eq!(book.accounts.len(), 1);
        let book = Book::read(&written(&[made(1), removed, made(1)])).unwrap();
        assert_eq!((book.accounts.len(), book.removed), (1, 1));
    }

    #[test]
    fn a_damaged_ledger_is_refused_with_the_line() {
        let mut bytes = written(&[made(1)]);
        bytes.extend_from_slice(b"{\"event\":\"sold\"}\n");
        let unknown = Book::read(&bytes).unwrap_err();
        let stranger = Book::read(&written(&[LedgerEntry::Learned {
            login: "9@x.test".into(),
            id: "u".into(),
        }]))
        .unwrap_err();
        insta::assert_snapshot!(format!("{unknown}\n{stranger}"), @r"
        line 2 of the ledger is not an entry
        line 1 of the ledger speaks of `9@x.test`, which no line before it makes
        ");
        assert!(unknown.remedy().is_some() && stranger.remedy().is_some());
    }

    #[test]
    fn threads_never_mix_their_lines() {
        let ledger = Ledger::new(Vec::new());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let ledger = &ledger;
                scope.spawn(move || {
                    (0..200).for_each(|i| ledger.append(&made(thread * 1000 + i)).unwrap());
                });
            }
        });
        let book = Book::read(&ledger.with(|bytes| bytes.clone())).unwrap();
        assert_eq!(book.accounts.len(), 800);
    }

    proptest! {
        /// Wherever a kill cuts the file, what was written before the cut line is read.
        #[test]
        fn a_ledger_cut_anywhere_can_be_read(share in 0.0..=1.0f64) {
            let bytes = written(&a_life());
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a position in a short text")]
            let cut = (share * bytes.len() as f64) as usize;
            let book = Book::read(&bytes[..cut]).unwrap();
            prop_assert_eq!(book.sound_length, bytes[..cut].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
            let mut mended = bytes[..book.sound_length].to_vec();
            mended.extend(written(&[made(7)]));
            prop_assert!(Book::read(&mended).unwrap().accounts.iter().any(|account| account.login == "7@x.test"));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Book::read(&bytes);
        }
    }
}
