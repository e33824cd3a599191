//! Accounts of other sources than the management API: brought along in a file, of an earlier ledger, or
//! registered before the load.

use super::accounts::{Keepers, counts, of_ledger};
use super::ledger_file;
use super::making::Making;
use super::registering::{self, pace, personas, personas_of, rate, register};
use super::stage::{Made, Opened, StageError, logins, put_right};
use crate::base::clock::{Clock, Utc};
use crate::base::document::Problem;
use crate::base::units::Rate;
use crate::identity::account::Account;
use crate::identity::ledger::{Ledger, LedgerEntry};
use crate::identity::password::PasswordKey;
use crate::journey::cast::Stage;
use crate::profile::accounts::AccountSource;
use crate::profile::brought::Brought;
use crate::profile::check::Checked;
use crate::profile::tenant::Tenant;
use std::fs::File;

impl Opened {
    /// Says on the run's own ledger whose accounts it uses without having made them.
    pub(super) fn take_along(&self, brought: &Brought, clock: &Clock) -> Result<(), StageError> {
        let path = || self.ledger_path.display().to_string();
        for account in &brought.accounts {
            let at = Utc::of(clock.wall()).stamp();
            let entry = LedgerEntry::Brought { at, login: account.login.clone() };
            let failed = |source| StageError::Folder { path: path(), source };
            self.ledger.append(&entry).map_err(failed)?;
        }
        Ok(())
    }

    /// Those who look after accounts of an earlier ledger. What a person brought along in a file is changed by
    /// nobody.
    pub(super) async fn keep_brought(
        &mut self,
        checked: &Checked,
        tenants: &[Tenant],
        stages: &[Stage],
    ) -> Result<(), StageError> {
        if !matches!(checked.source(), Some(AccountSource::Ledger(_))) {
            return Ok(());
        }
        let mut keepers = Keepers::default();
        for (tenant, stage) in tenants.iter().zip(stages) {
            let Some(keeper) = keepers.of(tenant, &self.transport, stage).await? else { continue };
            // Nobody knows what the run that used them last left behind.
            put_right(checked, &keeper, &stage.pool).await?;
            self.kept.push((keeper, stage.pool.clone()));
        }
        Ok(())
    }

    /// Registers the accounts of every variant; of a run that is taken up again those that it registered are
    /// there.
    pub(super) async fn register(
        &mut self,
        (checked, (wanted, making)): (&Checked, (Option<u64>, &Making)),
        (tenants, taken): (&[Tenant], Option<Made>),
    ) -> Result<(), StageError> {
        let share = checked.share.unwrap_or_default();
        let counts = counts(checked, wanted);
        let all: u64 = counts.iter().map(|(_, count)| count).sum();
        let each = share.count(all);
        let (Some(script), true) = (&checked.registering, all > 0) else { return Ok(()) };
        if taken.is_none() {
            making.want(each.saturating_mul(self.stages.len() as u64));
        }
        let is_loopback = tenants.iter().all(|tenant| tenant.is_loopback);
        let Some(clock) = self.stages.first().map(|stage| stage.clock.clone()) else {
            return Ok(());
        };
        let Rate { per_second } = rate(checked.profile.accounts.rate, is_loopback);
        let pace = pace(Rate { per_second: share.part(per_second) }, &clock);
        let (offset, of_all) = personas_of(share, all);
        let mut keepers = Keepers::default();
        let stages = self.stages.clone();
        let variants = checked.profile.variants.iter().zip(tenants);
        for (number, (stage, (variant, tenant))) in (0..).zip(stages.iter().zip(variants)) {
            let first = self.next_index;
            match &taken {
                None => {
                    self.next_index = first.saturating_add(of_all);
                    let first = first.saturating_add(offset);
                    let policy = variant.policy(&script.name).map(str::to_owned);
                    let order =
                        registering::Order { script: script.clone(), policy, count: each, first };
                    register(order, stage, &self.transport, (&pace, making)).await?;
                }
                Some(taken) => {
                    let logins = logins(checked, &self.run, 0);
                    let first = personas(each).saturating_mul(number);
                    let all = of_ledger(&taken.book, (first, personas(each)), &logins);
                    let is_there = |it: &Account| taken.book.confirmed.contains(&it.login);
                    all.into_iter().filter(is_there).for_each(|account| {
                        stage.pool.add(account);
                    });
                }
            }
            if let Some(keeper) = keepers.of(tenant, &self.transport, stage).await? {
                if taken.is_some() {
                    put_right(checked, &keeper, &stage.pool).await?;
                }
                self.kept.push((keeper, stage.pool.clone()));
            }
        }
        Ok(())
    }
}

/// The accounts that the profile brings along. Those of another ledger stay on it: it is taken, and told of
/// everything that happens to them.
pub(super) fn borrow(
    checked: &Checked,
    ledger: Ledger<File>,
    key: &PasswordKey,
) -> Result<(Ledger<File>, Option<Brought>), StageError> {
    let Some(brought) = &checked.brought else { return Ok((ledger, None)) };
    let share = checked.share.unwrap_or_default();
    let variants = checked.profile.variants.len();
    if !matches!(checked.source(), Some(AccountSource::Ledger(_))) {
        return Ok((ledger, Some(brought.dealt(share, variants))));
    }
    let (lender, book) = ledger_file::open(&brought.path)?;
    // Somebody may have gone on with it since it was checked.
    let brought = Brought::of_book(brought.path.clone(), book);
    if brought.keys.iter().any(|theirs| *theirs != key.fingerprint()) {
        return Err(StageError::OtherKey);
    }
    if let Some(Problem { what, remedy, .. }) = checked.unfit(&brought) {
        return Err(StageError::Unfit { what, remedy });
    }
    let brought = brought.dealt(share, variants);
    let logins = brought.accounts.iter().map(|account| account.login.clone()).collect();
    Ok((ledger.borrowing(logins, lender), Some(brought)))
}
