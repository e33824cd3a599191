//! Removes accounts that gander made: those on a ledger, or those that carry a tag, and nothing else.

use super::api::{Api, Removal};
use super::call::starts_with;
use super::error::ManagementError;
use super::keeper::AccountsError;
use super::reply::User;
use crate::base::clock::{Clock, Utc};
use crate::base::names::RunId;
use crate::base::remedy::Remedy;
use crate::identity::account::{Account, AccountState};
use crate::identity::ledger::{Book, Ledger, LedgerEntry};
use crate::identity::login::Logins;
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Removes accounts. It knows no passwords, so it needs no key.
#[derive(Debug)]
pub struct Remover<W> {
    /// Who calls the tenant.
    pub api: Arc<Api>,
    /// Where each removal is noted.
    pub ledger: Arc<Ledger<W>>,
    /// For time stamps.
    pub clock: Clock,
    /// Calls under way at a time; the pace limits them further.
    pub concurrency: usize,
}

/// What a clean-up did.
#[derive(Debug, Default)]
pub struct CleanUp {
    /// Accounts that were there and are gone.
    pub removed: usize,
    /// Accounts that were not there.
    pub absent: usize,
    /// Accounts that may still be there, and why; another clean-up takes them up again.
    pub failed: Vec<AccountsError>,
}

/// Who of those that carry some tags is at the tenant.
#[derive(Debug, Default)]
pub struct Present {
    by_login: HashMap<String, String>,
    by_email: HashMap<String, String>,
}

/// Why a ledger may not be cleaned up here.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ForeignLedger {
    /// It was written against another environment.
    #[error("the ledger belongs to environment `{of}`, not to `{here}`")]
    Environment { of: String, here: String },
    /// It does not say where it belongs.
    #[error("the ledger does not say which environment it belongs to")]
    Unsigned,
}

impl Remedy for ForeignLedger {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Environment { of, .. } => {
                format!("use a profile whose `tenant.environment_id` is `{of}`")
            }
            Self::Unsigned => "use the ledger as the run wrote it, with its first line".to_owned(),
        })
    }
}

/// Pause before accounts are looked for a second time.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Makes sure that a ledger speaks of this environment and of no other.
pub fn belongs_to(book: &Book, environment: &str) -> Result<(), ForeignLedger> {
    if book.openings.is_empty() {
        return Err(ForeignLedger::Unsigned);
    }
    match book.openings.iter().find(|opening| opening.environment != environment) {
        None => Ok(()),
        Some(other) => Err(ForeignLedger::Environment {
            of: other.environment.clone(),
            here: environment.to_owned(),
        }),
    }
}

impl Present {
    /// The tenant's id of an account: by what it signs on with, else by its address, because flows may name
    /// their users as they like. Both were invented by gander and carry the tag of the run.
    pub fn id_of(&self, account: &Account) -> Option<&str> {
        let login = self.by_login.get(&account.login.to_lowercase());
        login.or_else(|| self.by_email.get(&account.email.to_lowercase())).map(String::as_str)
    }

    fn take(&mut self, user: User) {
        self.by_email.insert(user.email.to_lowercase(), user.id.clone());
        self.by_login.insert(user.username.to_lowercase(), user.id);
    }
}

/// The users that gander made under a tag: the id of a run, or what a provisioning was given.
pub async fn tagged(api: &Api, tag: &RunId) -> Result<Vec<Account>, ManagementError> {
    let users = api.find_users(&starts_with("username", &Logins::prefix_of(tag))).await?;
    // A tag that begins alike is another's.
    let own = users.into_iter().filter(|user| Logins::is_of(tag, &user.username));
    Ok(own.map(account_of).collect())
}

/// A user as an account. Which state and which password it has, the tenant does not tell.
pub fn account_of(user: User) -> Account {
    Account {
        login: user.username,
        email: user.email,
        generation: 0,
        state: AccountState::Ok,
        id: Some(user.id),
        persona: None,
        given_password: None,
    }
}

impl<W: Write + Send + 'static> Remover<W> {
    /// Removes accounts that were made by these runs, several at a time, and notes each on the ledger. What
    /// cannot be removed is told and passed over, unless every other would meet the same. `done` is
    /// told of each.
    ///
    /// What is not found is looked for once more some seconds later: what was made a moment ago may not be
    /// there at once.
    pub async fn remove(
        self: &Arc<Self>,
        accounts: Vec<Account>,
        runs: &[RunId],
        mut done: impl FnMut(),
    ) -> CleanUp {
        let mut result = CleanUp::default();
        let mut waiting = accounts;
        for is_last in [false, true] {
            if waiting.iter().any(|account| account.id.is_none()) {
                let present = match self.present(runs, &waiting).await {
                    Ok(present) => present,
                    Err(source) => {
                        result.failed.push(AccountsError::Unlisted { source });
                        return result;
                    }
                };
                for account in waiting.iter_mut().filter(|account| account.id.is_none()) {
                    account.id = present.id_of(account).map(str::to_owned);
                }
            }
            let Some(absent) = self.delete_all(waiting, &mut result, &mut done).await else {
                return result;
            };
            if absent.is_empty() {
                return result;
            }
            if is_last {
                self.note_absent(absent, &mut result, &mut done);
                return result;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            // An id that is not there any more is asked for again, too.
            let forgotten = |account| Account { id: None, ..account };
            waiting = absent.into_iter().map(forgotten).collect();
        }
        result
    }

    /// Whom of some accounts the tenant has. Lists what carries the runs' tags; by address only where names
    /// are not enough.
    pub async fn present(
        &self,
        runs: &[RunId],
        accounts: &[Account],
    ) -> Result<Present, ManagementError> {
        let mut present = Present::default();
        for attribute in ["username", "email"] {
            for run in runs {
                let prefix = Logins::prefix_of(run);
                let found = match self.api.find_users(&starts_with(attribute, &prefix)).await {
                    // That addresses can be searched by their beginning is assumed.
                    Err(error) if attribute == "email" && error.is_not_taken() => continue,
                    found => found?,
                };
                found.into_iter().for_each(|user| present.take(user));
            }
            if accounts.iter().all(|account| present.id_of(account).is_some()) {
                break;
            }
        }
        Ok(present)
    }

    /// Removes those with an id, and returns the others and those that were not there; none if there is no
    /// point in going on.
    async fn delete_all(
        self: &Arc<Self>,
        accounts: Vec<Account>,
        result: &mut CleanUp,
        done: &mut impl FnMut(),
    ) -> Option<Vec<Account>> {
        let mut absent = Vec::new();
        let mut waiting = accounts.into_iter();
        let mut working = JoinSet::new();
        let mut stopped = false;
        loop {
            while !stopped && working.len() < self.concurrency.max(1) {
                let Some(account) = waiting.next() else { break };
                let remover = self.clone();
                working.spawn(async move {
                    let removal = remover.delete(&account).await;
                    (account, removal)
                });
            }
            match working.join_next().await {
                None => break,
                Some(Ok((_, Ok(Removal::Removed)))) => result.removed += 1,
                Some(Ok((account, Ok(Removal::Absent)))) => {
                    absent.push(account);
                    continue;
                }
                Some(Ok((_, Err(error)))) => {
                    stopped |= error.is_general();
                    result.failed.push(error);
                }
                Some(Err(_)) => result.failed.push(AccountsError::Lost),
            }
            done();
        }
        (!stopped).then_some(absent)
    }

    async fn delete(&self, account: &Account) -> Result<Removal, AccountsError> {
        let Some(id) = &account.id else { return Ok(Removal::Absent) };
        let removal = self.api.delete_user(id).await;
        let removal = removal.map_err(|source| AccountsError::tenant(&account.login, source))?;
        if removal == Removal::Removed {
            self.note(account)?;
        }
        Ok(removal)
    }

    fn note_absent(&self, accounts: Vec<Account>, result: &mut CleanUp, done: &mut impl FnMut()) {
        for account in accounts {
            match self.note(&account) {
                Ok(()) => result.absent += 1,
                Err(error) => result.failed.push(error),
            }
            done();
        }
    }

    fn note(&self, account: &Account) -> Result<(), AccountsError> {
        let (at, login) = (Utc::of(self.clock.wall()).stamp(), account.login.clone());
        Ok(self.ledger.append(&LedgerEntry::Removed { at, login })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ledger::Opening;

    #[test]
    fn a_ledger_is_only_used_in_its_own_environment() {
        let opening = |environment: &str| Opening {
            run: "r1".into(),
            environment: environment.into(),
            key: "00".into(),
        };
        let book = |environments: &[&str]| Book {
            openings: environments.iter().map(|environment| opening(environment)).collect(),
            ..Book::default()
        };
        assert_eq!(belongs_to(&book(&["e1", "e1"]), "e1"), Ok(()));
        assert_eq!(belongs_to(&book(&[]), "e1"), Err(ForeignLedger::Unsigned));
        let error = belongs_to(&book(&["e1", "e2"]), "e1").unwrap_err();
        insta::assert_snapshot!(format!("{error}\n{}", error.remedy().unwrap()), @r"
        the ledger belongs to environment `e2`, not to `e1`
        use a profile whose `tenant.environment_id` is `e2`
        ");
    }
}
