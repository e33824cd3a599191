//! Makes the accounts that a run needs, each on the ledger before it is asked for.

use super::call::NewUser;
use super::keeper::{AccountsError, Keeper};
use crate::base::random::Seed;
use crate::base::share::Share;
use crate::identity::account::{Account, AccountState};
use crate::identity::ledger::LedgerEntry;
use crate::identity::login::Logins;
use crate::identity::persona::{Locale, Persona};
use std::io::Write;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Whom to make.
#[derive(Clone, Debug)]
pub struct Order {
    /// How many accounts of each state, those of all shares together.
    pub counts: Vec<(AccountState, u64)>,
    /// Which of them are to be made.
    pub share: Share,
    /// Index of the first persona; the others follow, whoever makes them.
    pub first_persona: u64,
    /// Where personas come from.
    pub seed: Seed,
    /// Where they live.
    pub locale: Locale,
    /// What they sign on with.
    pub logins: Logins,
    /// Id of the population they belong to; none for the environment's default.
    pub population: Option<String>,
}

/// What a provisioning made.
#[derive(Debug)]
pub struct Provisioned {
    /// Accounts that can be used, in the order of their personas.
    pub accounts: Vec<Account>,
    /// Why there are not more. What was under way is on the ledger either way.
    pub stopped_by: Option<AccountsError>,
}

impl Order {
    /// The accounts to make, state by state.
    fn accounts(&self) -> impl Iterator<Item = Account> {
        let mut next = self.first_persona;
        let of_states = self.counts.iter().map(move |(state, count)| {
            let first = next;
            next = next.saturating_add(*count);
            (*state, self.share.range(*count).map(move |number| first.saturating_add(number)))
        });
        of_states.flat_map(move |(state, personas)| {
            personas.map(move |persona| Account::new(self.logins.address(persona), state, persona))
        })
    }

    /// How many are to be made.
    pub fn wanted(&self) -> u64 {
        self.counts.iter().map(|(_, count)| self.share.count(*count)).sum()
    }
}

impl<W: Write + Send + 'static> Keeper<W> {
    /// Makes accounts, several at a time. The first that cannot be made stops the others: what one
    /// account meets the next will meet too. `made` is told of each one that can be used.
    pub async fn provision(
        self: &Arc<Self>,
        order: &Order,
        made: impl FnMut(&Account),
    ) -> Provisioned {
        self.provision_until(order, made, || false).await
    }

    /// The same, until somebody says that it is enough: what is under way then is brought to its end.
    pub async fn provision_until(
        self: &Arc<Self>,
        order: &Order,
        mut made: impl FnMut(&Account),
        is_enough: impl Fn() -> bool,
    ) -> Provisioned {
        let order = Arc::new(order.clone());
        let mut waiting = order.accounts();
        let mut working = JoinSet::new();
        let mut accounts: Vec<Account> = Vec::new();
        let mut stopped_by = None;
        loop {
            while stopped_by.is_none() && !is_enough() && working.len() < self.concurrency.max(1) {
                let Some(account) = waiting.next() else { break };
                let (keeper, order) = (self.clone(), order.clone());
                working.spawn(async move { keeper.make(&order, account).await });
            }
            match working.join_next().await {
                None => break,
                Some(Ok(Ok(account))) => {
                    made(&account);
                    accounts.push(account);
                }
                Some(Ok(Err(error))) => stopped_by = stopped_by.or(Some(error)),
                Some(Err(_)) => stopped_by = stopped_by.or(Some(AccountsError::Lost)),
            }
        }
        accounts.sort_by_key(|account| account.persona);
        Provisioned { accounts, stopped_by }
    }

    async fn make(&self, order: &Order, account: Account) -> Result<Account, AccountsError> {
        let persona = Persona::invent(order.seed, order.locale, account.persona.unwrap_or(0));
        self.ledger.append(&LedgerEntry::Made {
            at: self.stamp(),
            login: account.login.clone(),
            email: account.email.clone(),
            persona: persona.index,
            state: account.state,
        })?;
        let user = NewUser {
            username: account.login.clone(),
            email: account.email.clone(),
            given_name: persona.given_name,
            family_name: persona.family_name,
            population: order.population.clone(),
            password: account.password(&self.key),
            must_change: account.state == AccountState::MustChange,
        };
        let of = |source| AccountsError::tenant(&account.login, source);
        let user = self.api.import_user(&user).await.map_err(of)?;
        self.learned(&account, &user.id)?;
        if account.state == AccountState::Locked {
            self.api.lock(&user.id).await.map_err(of)?;
        }
        Ok(Account { id: Some(user.id), ..account })
    }
}
