//! Removes accounts that gander made: those on a ledger, or those that carry a tag, and nothing else.

use super::api::{Api, Removal};
use super::call::{equals, starts_with};
use super::error::ManagementError;
use super::keeper::AccountsError;
use super::reply::User;
use crate::base::clock::{Clock, Utc};
use crate::base::names::RunId;
use crate::base::remedy::Listing;
use crate::base::remedy::Remedy;
use crate::identity::account::{Account, AccountState};
use crate::identity::ledger::{Book, Doubts, Ledger, LedgerEntry};
use crate::identity::login::{Home, Logins};
use std::collections::{BTreeSet, HashMap, HashSet};
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
    /// What the ledger says about accounts that are not found; nothing where there is none.
    pub doubts: Doubts,
}

/// What a clean-up did.
#[derive(Debug, Default)]
pub struct CleanUp {
    /// Accounts that were there and are gone.
    pub removed: usize,
    /// Accounts that were not there.
    pub absent: usize,
    /// Accounts that were not found and may be there, or come, all the same; they stay on the ledger.
    pub unsure: usize,
    /// Accounts that may still be there, and why; another clean-up takes them up again.
    pub failed: Vec<AccountsError>,
}

impl CleanUp {
    /// Accounts of which it is said what became of them.
    pub fn handled(&self) -> usize {
        self.removed + self.absent + self.unsure + self.failed.len()
    }
}

/// Whom of some accounts the tenant has, as it showed a moment ago: what a removal removes, and what a dry run shows.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Those that it showed by their login or their address, each with the id that it showed.
    pub there: Vec<Account>,
    /// Those that it did not show.
    pub absent: Vec<Account>,
    /// Those that must not be removed, and why.
    pub failed: Vec<AccountsError>,
}

/// Who of those that carry some tags is at the tenant.
#[derive(Debug, Default)]
struct Present {
    by_login: HashMap<String, String>,
    by_email: HashMap<String, String>,
}

/// Why a ledger may not be cleaned up here.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ForeignLedger {
    /// It was written against another environment.
    #[error("the ledger belongs to environment `{of}`, not to `{here}`")]
    Environment { of: String, here: String },
    /// Its accounts are in several environments, and it does not say which is where.
    #[error(
        "the ledger has accounts of environments {environments}, and does not say which is where"
    )]
    Several { environments: Listing, runs: Listing },
    /// It has accounts that no run makes.
    #[error("the ledger has `{login}`{more}, which is no account that {runs} made")]
    Stranger { login: String, more: String, runs: Listing },
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
            Self::Several { runs, .. } => {
                format!(
                    "use a profile for each of them, one after the other, with `--tag` {runs} in place of the ledger"
                )
            }
            Self::Stranger { .. } => {
                "nothing was removed; if the ledger was edited, undo it, and remove such accounts by hand".to_owned()
            }
            Self::Unsigned => "use the ledger as the run wrote it, with its first line".to_owned(),
        })
    }
}

/// Pause before accounts are looked for a second time.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How long after its announcement an account may still come: a request that was sent at a kill is carried out all
/// the same, and what was made is found some seconds later. Far longer than either takes.
pub const MAY_STILL_COME: Duration = Duration::from_mins(10);

/// How many accounts that once were there are asked for one by one before a listing is believed that has none of
/// them.
const SPOT_CHECKS: usize = 8;

/// Makes sure that a ledger speaks of this environment and of no other.
pub fn belongs_to(book: &Book, environment: &str) -> Result<(), ForeignLedger> {
    if book.openings.is_empty() {
        return Err(ForeignLedger::Unsigned);
    }
    let environments: BTreeSet<&str> =
        book.openings.iter().map(|opening| opening.environment.as_str()).collect();
    if environments.len() > 1 {
        let runs: BTreeSet<&str> =
            book.openings.iter().map(|opening| opening.run.as_str()).collect();
        let (environments, runs) = (environments.into_iter().collect(), runs.into_iter().collect());
        return Err(ForeignLedger::Several { environments, runs });
    }
    match environments.into_iter().find(|other| *other != environment) {
        None => Ok(()),
        Some(of) => {
            Err(ForeignLedger::Environment { of: of.to_owned(), here: environment.to_owned() })
        }
    }
}

/// Makes sure that a ledger has only accounts as gander makes them in the runs that wrote it: whoever can write a line
/// into it shall not have anybody else removed.
pub fn names_only_own(book: &Book) -> Result<(), ForeignLedger> {
    let runs: Vec<RunId> =
        book.openings.iter().map(|opening| RunId::from(opening.run.as_str())).collect();
    let is_own = |name: &str| runs.iter().any(|run| Logins::is_of(run, name));
    let mut strangers = book.accounts.iter().filter(|account| {
        !is_own(&account.login) || !(account.email.is_empty() || is_own(&account.email))
    });
    let Some(stranger) = strangers.next() else { return Ok(()) };
    let name = match is_own(&stranger.login) {
        true => &stranger.email,
        false => &stranger.login,
    };
    let runs: BTreeSet<&str> = book.openings.iter().map(|opening| opening.run.as_str()).collect();
    let runs = runs.into_iter().collect();
    Err(ForeignLedger::Stranger { login: name.clone(), more: more(strangers.count()), runs })
}

fn more(number: usize) -> String {
    if number == 0 { String::new() } else { format!(" and {number} more") }
}

impl Present {
    /// The tenant's id of an account: by what it signs on with, else by its address, because flows may name
    /// their users as they like. Both were invented by gander and carry the tag of the run.
    fn id_of(&self, account: &Account) -> Option<&str> {
        let login = self.by_login.get(&account.login.to_lowercase());
        let address = || self.by_email.get(&own_address(account)?.to_lowercase());
        login.or_else(address).map(String::as_str)
    }

    fn take(&mut self, user: User) {
        // Many have none.
        if !user.email.is_empty() {
            self.by_email.insert(user.email.to_lowercase(), user.id.clone());
        }
        self.by_login.insert(user.username.to_lowercase(), user.id);
    }
}

/// The users that gander made here under a tag, the id of a run or what a provisioning was given: by name, or by
/// address, because flows may name their users as they like. One of both has to be, as a whole, what gander makes.
pub async fn tagged(api: &Api, tag: &RunId, home: &Home) -> Result<Vec<Account>, ManagementError> {
    let users = beginning(api, &Logins::prefixes(Some(tag), home.mailbox.as_ref())).await?;
    // What begins alike may be another run's, or a person's.
    let is_own = |user: &User| home.has(tag, &user.username) || home.has(tag, &user.email);
    Ok(users.into_iter().filter(is_own).map(account_of).collect())
}

/// The users whose name or address begins with one of these, each once.
pub async fn beginning(api: &Api, prefixes: &[String]) -> Result<Vec<User>, ManagementError> {
    let (mut users, mut seen) = (Vec::new(), HashSet::new());
    for attribute in ATTRIBUTES {
        for prefix in prefixes {
            let found = searched(api, attribute, &starts_with(attribute, prefix)).await?;
            users.extend(found.into_iter().filter(|user| seen.insert(user.id.clone())));
        }
    }
    Ok(users)
}

/// What users are searched by.
const ATTRIBUTES: [&str; 2] = ["username", "email"];

/// The users that a condition on an attribute lets through. That addresses can be searched is assumed: a tenant
/// that does not take it has none.
async fn searched(
    api: &Api,
    attribute: &str,
    condition: &str,
) -> Result<Vec<User>, ManagementError> {
    match api.find_users(condition).await {
        Err(error) if attribute == "email" && error.is_not_taken() => Ok(Vec::new()),
        found => found,
    }
}

/// The address of an account where gander invented it: one that a person has says nothing about who it is.
fn own_address(account: &Account) -> Option<&str> {
    Logins::prefix_in(&account.email).map(|_| account.email.as_str())
}

/// Whether a user has the login or the address of an account. The platform compares without regard to case.
fn is_of(user: &User, account: &Account) -> bool {
    let same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
    let has_address = own_address(account).is_some_and(|address| same(&user.email, address));
    has_address || same(&user.username, &account.login)
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
    /// Removes accounts that gander made, several at a time, and notes each on the ledger. What
    /// cannot be removed is told and passed over, unless every other would meet the same. `done` is
    /// told of each. No id is believed that the tenant did not show together with the login or the address.
    ///
    /// What is not found is looked for once more some seconds later: what was made a moment ago may not be
    /// there at once. What is not found then either is taken for gone only where nothing speaks against it.
    pub async fn remove(self: &Arc<Self>, accounts: Vec<Account>, done: impl FnMut()) -> CleanUp {
        self.remove_until(accounts, done, || false).await
    }

    /// The same, until somebody says that it is enough: what is under way then is brought to its end.
    pub async fn remove_until(
        self: &Arc<Self>,
        accounts: Vec<Account>,
        mut done: impl FnMut(),
        is_enough: impl Fn() -> bool,
    ) -> CleanUp {
        let mut result = CleanUp::default();
        let mut waiting = accounts;
        for is_last in [false, true] {
            let Resolved { there, mut absent, failed } = match self.resolve(waiting).await {
                Ok(resolved) => resolved,
                Err(error) => {
                    result.failed.push(error);
                    return result;
                }
            };
            failed.iter().for_each(|_| done());
            result.failed.extend(failed);
            let going_on = (&mut done, &is_enough);
            let Some(vanished) = self.delete_all(there, &mut result, going_on).await else {
                return result;
            };
            if is_last {
                // Shown a second time, they are there, whatever is said of them.
                for Account { login, .. } in vanished {
                    result.failed.push(AccountsError::StillListed { login });
                    done();
                }
                match self.are_gone(&absent).await {
                    Ok(gone) => self.note_absent(absent, gone, &mut result, &mut done),
                    Err(source) => result.failed.push(AccountsError::Unlisted { source }),
                }
                return result;
            }
            absent.extend(vanished);
            if absent.is_empty() {
                return result;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            waiting = absent;
        }
        result
    }

    /// Whom of some accounts the tenant has: by listings, and where these lack one whose id is known, by that id. An
    /// id counts only with the login or the address beside it.
    pub async fn resolve(&self, accounts: Vec<Account>) -> Result<Resolved, AccountsError> {
        let present = self.present(&accounts).await;
        let present = present.map_err(|source| AccountsError::Unlisted { source })?;
        let mut resolved = Resolved::default();
        for mut account in accounts {
            if let Some(id) = present.id_of(&account) {
                account.id = Some(id.to_owned());
                resolved.there.push(account);
                continue;
            }
            let Some(id) = &account.id else {
                resolved.absent.push(account);
                continue;
            };
            let found = self.api.user_of(id).await;
            match found.map_err(|source| AccountsError::tenant(&account.login, source)) {
                Ok(None) => resolved.absent.push(account),
                Ok(Some(user)) if is_of(&user, &account) => resolved.there.push(account),
                Ok(Some(_)) => {
                    resolved.failed.push(AccountsError::SomebodyElse { login: account.login });
                }
                Err(error) if error.is_general() => return Err(error),
                Err(error) => resolved.failed.push(error),
            }
        }
        Ok(resolved)
    }

    /// Whom of some accounts the tenant has. Lists what begins as they do; by address only where names are not
    /// enough.
    async fn present(&self, accounts: &[Account]) -> Result<Present, ManagementError> {
        let names = accounts.iter().flat_map(|account| [&account.login, &account.email]);
        let prefixes: BTreeSet<&str> = names.filter_map(|name| Logins::prefix_in(name)).collect();
        let mut present = Present::default();
        for attribute in ATTRIBUTES {
            for prefix in &prefixes {
                let condition = starts_with(attribute, prefix);
                let found = searched(&self.api, attribute, &condition).await?;
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
        (done, is_enough): (&mut impl FnMut(), &impl Fn() -> bool),
    ) -> Option<Vec<Account>> {
        let mut absent = Vec::new();
        let mut waiting = accounts.into_iter();
        let mut working = JoinSet::new();
        let mut stopped = false;
        loop {
            stopped |= is_enough();
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

    /// Whether accounts that no listing has are gone: some of those that once were there are asked for one by one,
    /// so that a listing that lacks them does not have them forgotten.
    async fn are_gone(&self, absent: &[Account]) -> Result<bool, ManagementError> {
        let known = absent.iter().filter(|account| self.doubts.confirmed.contains(&account.login));
        for account in known.take(SPOT_CHECKS) {
            for (attribute, value) in ATTRIBUTES.into_iter().zip([&account.login, &account.email]) {
                if value.is_empty() {
                    continue;
                }
                let found = searched(&self.api, attribute, &equals(attribute, value)).await?;
                if !found.is_empty() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Notes those as removed of which nothing says that they may be there all the same, or come.
    fn note_absent(
        &self,
        accounts: Vec<Account>,
        are_gone: bool,
        result: &mut CleanUp,
        done: &mut impl FnMut(),
    ) {
        for account in accounts {
            let is_doubted = self.doubts.recent.contains(&account.login)
                || (!are_gone && self.doubts.confirmed.contains(&account.login));
            match if is_doubted { None } else { Some(self.note(&account)) } {
                None => result.unsure += 1,
                Some(Ok(())) => result.absent += 1,
                Some(Err(error)) => result.failed.push(error),
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
    fn a_ledger_is_refused_that_has_accounts_which_no_run_of_it_makes() {
        let opening = Opening { run: "r1".into(), environment: "e1".into(), key: "00".into() };
        let own = "gander-r1-0-0@load.example.com";
        let book = |login: &str, email: &str| {
            let account = Account::new(login, AccountState::Ok, 0);
            let accounts = vec![Account { email: email.into(), ..account }];
            Book { openings: vec![opening.clone()], accounts, ..Book::default() }
        };
        for (login, email) in [(own, own), (own, ""), ("load+gander-r1-3-7@x.test", own)] {
            assert_eq!(names_only_own(&book(login, email)), Ok(()), "{login} {email}");
        }
        for (login, email) in [
            ("jane", "jane"),
            (own, "jane@realcompany.com"),
            ("gander-r1-holiday", own),
            ("gander-r2-0-0@load.example.com", own),
        ] {
            let refused = names_only_own(&book(login, email));
            assert!(matches!(refused, Err(ForeignLedger::Stranger { .. })), "{login} {email}");
        }
        let error = names_only_own(&book("jane", "jane")).unwrap_err();
        insta::assert_snapshot!(format!("{error}\n{}", error.remedy().unwrap()), @r"
        the ledger has `jane`, which is no account that `r1` made
        nothing was removed; if the ledger was edited, undo it, and remove such accounts by hand
        ");
    }

    #[test]
    fn users_are_found_by_no_address_but_one_that_gander_makes() {
        let mut present = Present::default();
        present.take(User {
            id: "u1".into(),
            username: "jane".into(),
            email: String::new(),
            population: String::new(),
        });
        present.take(User {
            id: "u2".into(),
            username: "gander-r1-holiday".into(),
            email: "jane@realcompany.com".into(),
            population: String::new(),
        });
        let account = Account::new("gander-r1-0-0@load.example.com", AccountState::Ok, 0);
        for email in ["", "jane@realcompany.com"] {
            let account = Account { email: email.into(), ..account.clone() };
            assert_eq!(present.id_of(&account), None, "{email}");
        }
    }

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
        let error = |environments| {
            let error = belongs_to(&book(environments), "e1").unwrap_err();
            format!("{error}\n{}", error.remedy().unwrap())
        };
        insta::assert_snapshot!(error(&["e2", "e2"]), @r"
        the ledger belongs to environment `e2`, not to `e1`
        use a profile whose `tenant.environment_id` is `e2`
        ");
        // Whichever profile is used, the way out is the same.
        insta::assert_snapshot!(error(&["e1", "e2", "e1"]), @r"
        the ledger has accounts of environments `e1`, `e2`, and does not say which is where
        use a profile for each of them, one after the other, with `--tag` `r1` in place of the ledger
        ");
    }
}
