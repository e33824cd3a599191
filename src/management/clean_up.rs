//! Removes what a run made: the accounts on its ledger and nothing else.

use super::api::Removal;
use super::keeper::{AccountsError, Keeper};
use super::reply::User;
use crate::base::remedy::Remedy;
use crate::identity::account::Account;
use crate::identity::ledger::{Book, LedgerEntry};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

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

/// Pause before an account is looked for a second time: what was made a moment ago may not be
/// found at once.
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

impl<W: Write + Send + 'static> Keeper<W> {
    /// Removes accounts, several at a time, and notes each on the ledger. What cannot be removed is
    /// told and passed over, unless every other would meet the same. `done` is told of each.
    pub async fn clean_up(
        self: &Arc<Self>,
        accounts: impl IntoIterator<Item = Account>,
        mut done: impl FnMut(),
    ) -> CleanUp {
        let mut waiting = accounts.into_iter();
        let mut working = JoinSet::new();
        let mut result = CleanUp::default();
        let mut stopped = false;
        loop {
            while !stopped && working.len() < self.concurrency.max(1) {
                let Some(account) = waiting.next() else { break };
                let keeper = self.clone();
                working.spawn(async move { keeper.remove(&account).await });
            }
            match working.join_next().await {
                None => break,
                Some(Ok(Ok(Removal::Removed))) => result.removed += 1,
                Some(Ok(Ok(Removal::Absent))) => result.absent += 1,
                Some(Ok(Err(error))) => {
                    stopped |= error.is_general();
                    result.failed.push(error);
                }
                Some(Err(_)) => result.failed.push(AccountsError::Lost),
            }
            done();
        }
        result
    }

    async fn remove(&self, account: &Account) -> Result<Removal, AccountsError> {
        let removal = match &account.id {
            Some(id) => self.delete(account, id).await?,
            // Announced, but nobody knows whether it was made.
            None => match self.find_patiently(&account.login).await? {
                Some(user) => self.delete(account, &user.id).await?,
                None => Removal::Absent,
            },
        };
        let login = account.login.clone();
        self.ledger.append(&LedgerEntry::Removed { at: self.stamp(), login })?;
        Ok(removal)
    }

    async fn delete(&self, account: &Account, id: &str) -> Result<Removal, AccountsError> {
        self.api
            .delete_user(id)
            .await
            .map_err(|source| AccountsError::tenant(&account.login, source))
    }

    async fn find_patiently(&self, login: &str) -> Result<Option<User>, AccountsError> {
        if let Some(user) = self.find(login).await? {
            return Ok(Some(user));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        self.find(login).await
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
