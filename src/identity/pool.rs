//! Leases: who may use which account right now. No two users ever hold the same one.

use super::account::{Account, AccountState, STATES};
use std::collections::{HashSet, VecDeque};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Accounts to lend, by state. Cloning it gives another handle to the same accounts.
#[derive(Clone, Debug, Default)]
pub struct Pool(Arc<Mutex<Shelves>>);

/// No account of this state is free.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no account in state `{}` is free", state.name())]
pub struct NoAccount {
    /// The state that was asked for.
    pub state: AccountState,
}

/// How often somebody tries to put an account right before it is set aside for good.
const MOST_ATTEMPTS: u32 = 3;

/// An account held by one user. It goes back when the lease is dropped, however the iteration
/// ended.
#[derive(Debug)]
pub struct Lease {
    /// Present until the drop.
    account: Option<Account>,
    spoiled: bool,
    /// Attempts to put it right that came to nothing.
    attempts: u32,
    pool: Pool,
}

/// How many accounts of a state there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Supply {
    /// Free to be leased.
    pub free: usize,
    /// Held by users.
    pub leased: usize,
    /// Waiting to be put right.
    pub spoiled: usize,
    /// Could not be put right, so nobody gets them any more.
    pub set_aside: usize,
}

#[derive(Debug, Default)]
struct Shelves {
    shelves: [Shelf; STATES.len()],
    logins: HashSet<String>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// Least recently used first.
    free: VecDeque<Account>,
    /// With the attempts to put each right so far.
    spoiled: VecDeque<(Account, u32)>,
    set_aside: Vec<Account>,
    leased: usize,
}

impl Pool {
    /// A pool of these accounts.
    pub fn new(accounts: impl IntoIterator<Item = Account>) -> Self {
        let pool = Self::default();
        accounts.into_iter().for_each(|account| {
            pool.add(account);
        });
        pool
    }

    /// Adds an account, to be used after those already there. Says whether it was new: an account
    /// that the pool knows, free, leased or spoiled, is not added again.
    pub fn add(&self, account: Account) -> bool {
        let mut shelves = self.lock();
        let new = shelves.logins.insert(account.login.clone());
        if new {
            shelves.shelf(account.state).free.push_back(account);
        }
        new
    }

    /// Leases the account of a state that was not used for the longest time.
    pub fn lease(&self, state: AccountState) -> Result<Lease, NoAccount> {
        let mut shelves = self.lock();
        let shelf = shelves.shelf(state);
        let account = shelf.free.pop_front().ok_or(NoAccount { state })?;
        shelf.leased += 1;
        Ok(Lease { account: Some(account), spoiled: false, attempts: 0, pool: self.clone() })
    }

    /// Takes the spoiled account that has waited longest, to put it right. It counts as leased
    /// until it comes back by the lease.
    pub fn lease_spoiled(&self) -> Option<Lease> {
        let mut shelves = self.lock();
        let shelf = shelves.shelves.iter_mut().find(|shelf| !shelf.spoiled.is_empty())?;
        let (account, attempts) = shelf.spoiled.pop_front()?;
        shelf.leased += 1;
        Some(Lease { account: Some(account), spoiled: true, attempts, pool: self.clone() })
    }

    /// Puts all free accounts of a state aside until they are put right.
    pub fn spoil_all(&self, state: AccountState) {
        let mut shelves = self.lock();
        let Shelf { free, spoiled, .. } = shelves.shelf(state);
        spoiled.extend(free.drain(..).map(|account| (account, 0)));
    }

    /// How many accounts of a state there are.
    pub fn supply(&self, state: AccountState) -> Supply {
        let mut shelves = self.lock();
        let shelf = shelves.shelf(state);
        Supply {
            free: shelf.free.len(),
            leased: shelf.leased,
            spoiled: shelf.spoiled.len(),
            set_aside: shelf.set_aside.len(),
        }
    }

    /// A panic while the lock is held cannot leave the shelves half changed, so a poisoned lock is
    /// as good as any.
    fn lock(&self) -> MutexGuard<'_, Shelves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    fn shelf(&mut self, state: AccountState) -> &mut Shelf {
        &mut self.shelves[state as usize]
    }
}

impl Lease {
    /// Notes that the password is about to be that of the next generation, and returns it. To be
    /// called before the request that changes the password, and after the ledger was told.
    pub fn advance(&mut self) -> u64 {
        self.account.as_mut().map_or(0, |account| {
            account.generation = account.generation.saturating_add(1);
            account.generation
        })
    }

    /// Notes the tenant's id of the user.
    pub fn learn_id(&mut self, id: impl Into<String>) {
        if let Some(account) = &mut self.account {
            account.id = Some(id.into());
        }
    }

    /// Marks the account as no longer in its state, or as of unknown state: nobody gets it until it
    /// was put right.
    pub const fn spoil(&mut self) {
        self.spoiled = true;
    }

    /// Marks the account as put right.
    pub const fn mend(&mut self) {
        self.spoiled = false;
    }

    /// Notes that the account could not be put right, and not because the tenant was in trouble.
    /// After a few times it is set aside for good instead of being tried over and over.
    pub const fn note_failure(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
    }

    /// Takes the account out of the pool for good, for instance because it was deleted.
    pub fn discard(mut self) {
        if let Some(account) = self.account.take() {
            let mut shelves = self.pool.lock();
            shelves.shelf(account.state).leased -= 1;
            shelves.logins.remove(&account.login);
        }
    }
}

impl Deref for Lease {
    type Target = Account;

    fn deref(&self) -> &Account {
        self.account.as_ref().expect("a lease holds its account until it is dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(account) = self.account.take() else { return };
        let mut shelves = self.pool.lock();
        let shelf = shelves.shelf(account.state);
        shelf.leased -= 1;
        if !self.spoiled {
            shelf.free.push_back(account);
        } else if self.attempts < MOST_ATTEMPTS {
            shelf.spoiled.push_back((account, self.attempts));
        } else {
            shelf.set_aside.push(account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn pool(states: &[AccountState]) -> Pool {
        let account = |(i, state): (usize, &AccountState)| {
            Account::new(format!("{i}@x.test"), *state, i as u64)
        };
        Pool::new(states.iter().enumerate().map(account))
    }

    #[test]
    fn states_share_no_accounts() {
        let pool = pool(&STATES);
        let leases: Vec<_> = STATES.iter().map(|state| pool.lease(*state).unwrap()).collect();
        for (lease, state) in leases.iter().zip(STATES) {
            assert_eq!(lease.state, state);
            assert_eq!(pool.lease(state).unwrap_err(), NoAccount { state });
        }
    }

    #[test]
    fn the_least_recently_used_account_comes_first() {
        let pool = pool(&[AccountState::Ok; 3]);
        let mut order = Vec::new();
        for _ in 0..6 {
            order.push(pool.lease(AccountState::Ok).unwrap().login.clone());
        }
        assert_eq!(order, ["0", "1", "2", "0", "1", "2"].map(|i| format!("{i}@x.test")));
    }

    #[test]
    fn a_spoiled_account_is_lent_only_after_it_was_mended() {
        let pool = pool(&[AccountState::Victim]);
        let mut lease = pool.lease(AccountState::Victim).unwrap();
        lease.spoil();
        drop(lease);
        assert!(pool.lease(AccountState::Victim).is_err());
        drop(pool.lease_spoiled().unwrap());
        assert!(pool.lease(AccountState::Victim).is_err());
        let mut lease = pool.lease_spoiled().unwrap();
        lease.mend();
        drop(lease);
        assert!(pool.lease(AccountState::Victim).is_ok());
        assert!(pool.lease_spoiled().is_none());
    }

    #[test]
    fn an_account_that_cannot_be_put_right_is_set_aside_after_a_few_attempts() {
        let pool = pool(&[AccountState::Ok]);
        pool.lease(AccountState::Ok).unwrap().spoil();
        for _ in 0..MOST_ATTEMPTS {
            assert_eq!(pool.supply(AccountState::Ok).set_aside, 0);
            pool.lease_spoiled().unwrap().note_failure();
        }
        assert!(pool.lease_spoiled().is_none());
        assert!(pool.lease(AccountState::Ok).is_err());
        let expected = Supply { set_aside: 1, ..Supply::default() };
        assert_eq!(pool.supply(AccountState::Ok), expected);
    }

    #[test]
    fn accounts_that_nobody_knows_about_are_put_right_before_they_are_lent() {
        let pool = pool(&[AccountState::Ok, AccountState::Victim, AccountState::Victim]);
        pool.spoil_all(AccountState::Victim);
        assert!(pool.lease(AccountState::Victim).is_err() && pool.lease(AccountState::Ok).is_ok());
        let expected = Supply { spoiled: 2, ..Supply::default() };
        assert_eq!(pool.supply(AccountState::Victim), expected);
        pool.lease_spoiled().unwrap().mend();
        assert_eq!(pool.supply(AccountState::Victim), Supply { free: 1, spoiled: 1, ..expected });
    }

    #[test]
    fn a_new_generation_stays_with_the_account() {
        let pool = pool(&[AccountState::Ok]);
        let mut lease = pool.lease(AccountState::Ok).unwrap();
        assert_eq!(lease.advance(), 1);
        lease.learn_id("u-1");
        drop(lease);
        let lease = pool.lease(AccountState::Ok).unwrap();
        assert_eq!((lease.generation, lease.id.as_deref()), (1, Some("u-1")));
    }

    #[test]
    fn an_account_is_in_the_pool_once() {
        let pool = pool(&[AccountState::Ok]);
        let again = || Account::new("0@x.test", AccountState::Locked, 0);
        assert!(!pool.add(again()));
        let lease = pool.lease(AccountState::Ok).unwrap();
        assert!(!pool.add(again()), "while it is leased");
        lease.discard();
        assert_eq!(pool.supply(AccountState::Ok), Supply::default());
        assert!(pool.add(again()), "after it was discarded");
    }

    #[test]
    fn a_panicking_user_gives_its_account_back() {
        let pool = pool(&[AccountState::Ok]);
        let held = pool.clone();
        let user = std::thread::spawn(move || {
            let _lease = held.lease(AccountState::Ok);
            panic!("on purpose");
        });
        assert!(user.join().is_err());
        assert_eq!(pool.supply(AccountState::Ok), Supply { free: 1, ..Supply::default() });
    }

    #[test]
    fn no_two_threads_ever_hold_the_same_account() {
        let pool = pool(&[AccountState::Ok; 5]);
        let holders = Mutex::new(BTreeMap::<String, u32>::new());
        let count = |login: &str, change: i32| {
            let mut holders = holders.lock().unwrap();
            let holding = holders.entry(login.to_owned()).or_default();
            *holding = holding.checked_add_signed(change).expect("returned more than taken");
            *holding
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let Ok(lease) = pool.lease(AccountState::Ok) else { continue };
                        assert_eq!(count(&lease.login, 1), 1);
                        count(&lease.login, -1);
                    }
                });
            }
        });
        assert_eq!(pool.supply(AccountState::Ok), Supply { free: 5, ..Supply::default() });
    }
}
