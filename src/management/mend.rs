//! Puts accounts right that journeys spoiled: unlocked, with a known password, in their state again.

use super::error::ManagementError;
use super::keeper::{AccountsError, Keeper};
use crate::identity::account::AccountState;
use crate::identity::ledger::LedgerEntry;
use crate::identity::pool::{Lease, Pool};
use std::io::Write;
use std::iter;
use std::sync::Arc;
use tokio::task::JoinSet;

impl<W: Write + Send + 'static> Keeper<W> {
    /// Puts the accounts of a pool right that are spoiled now, several at a time, and says how many.
    /// One that cannot be put right stays spoiled and is reported in the end, and is set aside after
    /// a few times; only what every other account would meet, too, ends it early, and is what is
    /// reported then.
    pub async fn mend_all(self: &Arc<Self>, pool: &Pool) -> Result<usize, AccountsError> {
        // Taken all at once: one that fails goes back to the others and would be met again.
        let mut waiting: Vec<_> = iter::from_fn(|| pool.lease_spoiled()).collect();
        waiting.reverse();
        let mut working = JoinSet::new();
        let (mut mended, mut failed) = (0, None);
        loop {
            let goes_on = failed.as_ref().is_none_or(|error: &AccountsError| !error.is_general());
            while goes_on && working.len() < self.concurrency.max(1) {
                let Some(mut lease) = waiting.pop() else { break };
                let keeper = Arc::clone(self);
                working.spawn(async move {
                    let mended = keeper.mend(&mut lease).await;
                    if mended.as_ref().is_err_and(is_of_account) {
                        lease.note_failure();
                    }
                    mended
                });
            }
            match working.join_next().await {
                None => break,
                Some(Ok(Ok(()))) => mended += 1,
                Some(Ok(Err(error))) if goes_on => failed = Some(error),
                Some(Ok(Err(_))) => {}
                Some(Err(_)) => failed = failed.or(Some(AccountsError::Lost)),
            }
        }
        failed.map_or(Ok(mended), Err)
    }

    /// Puts one account right. Its password becomes that of the next generation, because nobody
    /// knows whether the journey still changed it; the ledger is told first. A tenant that cannot be
    /// reached or lets nobody in is met before that, and costs no line.
    pub async fn mend(&self, lease: &mut Lease) -> Result<(), AccountsError> {
        let id = self.id_of(lease).await?;
        let login = lease.login.clone();
        let of = |source| AccountsError::tenant(&login, source);
        self.api.unlock(&id).await.map_err(of)?;
        let generation = lease.generation.saturating_add(1);
        self.ledger.append(&LedgerEntry::Advanced {
            at: self.stamp(),
            login: login.clone(),
            generation,
        })?;
        lease.advance();
        let must_change = lease.state == AccountState::MustChange;
        let password = lease.password(&self.key);
        self.api.set_password(&id, &password, must_change).await.map_err(of)?;
        if lease.state == AccountState::Locked {
            self.api.lock(&id).await.map_err(of)?;
        }
        lease.mend();
        Ok(())
    }

    /// The tenant's id of a leased account, looked up where it is not known: accounts that
    /// registered themselves come without.
    async fn id_of(&self, lease: &mut Lease) -> Result<String, AccountsError> {
        if let Some(id) = &lease.id {
            return Ok(id.clone());
        }
        let found = self.find(&lease.login).await?;
        let user = found.ok_or_else(|| AccountsError::Missing { login: lease.login.clone() })?;
        self.learned(lease, &user.id)?;
        lease.learn_id(user.id.clone());
        Ok(user.id)
    }
}

/// Whether the next attempt with this account is likely to end the same way: neither a tenant in
/// trouble nor a ledger that cannot be written is the fault of one account.
fn is_of_account(error: &AccountsError) -> bool {
    match error {
        AccountsError::Tenant { source: ManagementError::Refused { status, .. }, .. } => {
            let may_pass = matches!(status.as_u16(), 408 | 429) || status.is_server_error();
            !error.is_general() && !may_pass
        }
        AccountsError::Tenant { .. } | AccountsError::Unlisted { .. } => !error.is_general(),
        AccountsError::Missing { .. }
        | AccountsError::SomebodyElse { .. }
        | AccountsError::StillListed { .. } => true,
        AccountsError::Ledger(_) | AccountsError::Lost => false,
    }
}
