//! Puts accounts right that journeys spoiled: unlocked, with a known password, in their state again.

use super::keeper::{AccountsError, Keeper};
use crate::identity::account::AccountState;
use crate::identity::ledger::LedgerEntry;
use crate::identity::pool::{Lease, Pool};
use std::io::Write;

impl<W: Write + Send + 'static> Keeper<W> {
    /// Puts every spoiled account of a pool right, one after the other, and says how many. The
    /// first that cannot be put right ends it; it stays spoiled.
    pub async fn mend_all(&self, pool: &Pool) -> Result<usize, AccountsError> {
        let mut mended = 0;
        while let Some(mut lease) = pool.lease_spoiled() {
            self.mend(&mut lease).await?;
            mended += 1;
        }
        Ok(mended)
    }

    /// Puts one account right. Its password becomes that of the next generation, because nobody
    /// knows whether the journey still changed it; the ledger is told first.
    pub async fn mend(&self, lease: &mut Lease) -> Result<(), AccountsError> {
        let id = self.id_of(lease).await?;
        let login = lease.login.clone();
        let of = |source| AccountsError::tenant(&login, source);
        let generation = lease.generation.saturating_add(1);
        self.ledger.append(&LedgerEntry::Advanced {
            at: self.stamp(),
            login: login.clone(),
            generation,
        })?;
        lease.advance();
        self.api.unlock(&id).await.map_err(of)?;
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
