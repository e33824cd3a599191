//! `gander accounts`: accounts made, listed and removed outside of any run.

use super::accounts_clean_up::{self, CleanUpArgs};
use super::accounts_list::{self, ListArgs};
use super::accounts_provision::{self, ProvisionArgs};
use super::exit::{Exit, Failure};
use super::prepare::{self, Selection};
use super::terminal::Terminal;
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::base::remedy::Remedy;
use crate::identity::account::Account;
use crate::identity::domain::EmailDomain;
use crate::identity::login::{Home, Logins, MailboxName};
use crate::identity::roster::{self, RosterError};
use crate::management::api::Api;
use crate::management::error::ManagementError;
use crate::profile::check::Checked;
use crate::profile::load::Flags;
use crate::report::columns::clean;
use crate::run::ledger_file::{LEDGER, LedgerFileError};
use crate::run::registry::{self, RegistryError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Accounts at the profile's tenant, through its management API.
#[derive(Debug, clap::Subcommand)]
pub(super) enum AccountsCommand {
    /// Make accounts under a tag, each on a ledger before it is made
    Provision(Box<ProvisionArgs>),
    /// Show accounts: those of a ledger, those that carry a tag, or how many there are of each tag
    List(Box<ListArgs>),
    /// Remove accounts that gander made: those of a run, of a ledger, or that carry a tag
    CleanUp(Box<CleanUpArgs>),
}

/// Which accounts, and where ledgers are.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Which {
    /// Those on the ledger of a run, by its id
    #[arg(long, value_name = "ID", group = "which")]
    pub(super) run: Option<String>,
    /// Those on a ledger, or on that of a run's directory
    #[arg(long, value_name = "FILE", group = "which")]
    pub(super) ledger: Option<PathBuf>,
    /// Those that carry a tag, a run's id for instance, on a ledger or not
    #[arg(long, group = "which")]
    pub(super) tag: Option<String>,
    /// Mailbox in front of names and addresses, where they were made in one; default: that of the profile
    #[arg(long, value_name = "NAME")]
    mailbox: Option<MailboxName>,
    /// What follows the `@` in names and addresses, where they were made at another; default: that of the profile
    #[arg(long, value_name = "NAME")]
    domain: Option<EmailDomain>,
    /// Folder of the runs, for --run
    #[arg(long, value_name = "DIR", default_value = "reports")]
    reports: PathBuf,
}

/// Where accounts are looked up.
pub(super) enum Source {
    /// On a ledger.
    Ledger(PathBuf),
    /// At the tenant, by their tag.
    Tag(RunId),
}

impl Which {
    /// Where accounts have their mail that may be gander's.
    pub(super) fn home(&self, checked: &Checked) -> Home {
        let identities = &checked.profile.identities;
        Home {
            domain: self.domain.as_ref().unwrap_or(&identities.email_domain).clone(),
            mailbox: self.mailbox.as_ref().or(identities.mailbox.as_ref()).cloned(),
        }
    }

    /// Where the ledger of a run or a tag is, if it is where ledgers are by default.
    pub(super) fn ledger_of(&self, run: &str) -> PathBuf {
        self.reports.join(run).join(LEDGER)
    }

    /// The one source that was named, if one was.
    pub(super) fn source(&self) -> Result<Option<Source>, Failure> {
        if let Some(run) = &self.run {
            return Ok(Some(Source::Ledger(self.ledger_of(run))));
        }
        if let Some(ledger) = &self.ledger {
            return Ok(Some(Source::Ledger(ledger.clone())));
        }
        let Some(tag) = &self.tag else { return Ok(None) };
        Ok(Some(Source::Tag(checked_tag(tag)?)))
    }
}

pub(super) fn accounts(command: &AccountsCommand, terminal: &Terminal) -> Result<Exit, Failure> {
    match command {
        AccountsCommand::Provision(args) => accounts_provision::provision(args, terminal),
        AccountsCommand::List(args) => accounts_list::list(args, terminal),
        AccountsCommand::CleanUp(args) => accounts_clean_up::clean_up(args, terminal),
    }
}

/// A tag as it stands in logins. Ids of runs that gander gave fit always.
pub(super) fn checked_tag(text: &str) -> Result<RunId, Failure> {
    if Logins::is_tag(text) {
        return Ok(text.into());
    }
    let what = format!("`{text}` cannot be a tag");
    let remedy = "use at most 24 lower-case letters, digits and hyphens, no hyphen at either end";
    Err(Failure::new(Exit::WrongInput, what, Some(remedy)))
}

/// The profile. Where its journeys get their accounts from does not matter here: the file may be made by this
/// very command.
pub(super) fn read(selection: &Selection) -> Result<Checked, Failure> {
    if !selection.is_named() {
        return Err(of_registry(&RegistryError::NoTenant));
    }
    prepare::read(&selection.with_set("accounts.source=provision"), Flags::default())
}

/// The management API of the profile's tenant.
pub(super) async fn connect(
    checked: &Checked,
    run: &RunId,
    clock: &Clock,
) -> Result<Arc<Api>, Failure> {
    registry::connect(checked, run, clock).await.map_err(|error| of_registry(&error))
}

pub(super) fn of_registry(error: &RegistryError) -> Failure {
    let exit = if error.is_of_tenant() { Exit::TenantNotUsable } else { Exit::WrongInput };
    Failure::of(exit, error)
}

pub(super) fn of_ledger(error: &LedgerFileError) -> Failure {
    Failure::of(Exit::WrongInput, error)
}

pub(super) fn of_tenant(error: &ManagementError) -> Failure {
    Failure::of(Exit::TenantNotUsable, error)
}

/// Accounts as CSV, without passwords.
pub(super) fn as_csv(accounts: &[Account]) -> Result<String, Failure> {
    csv_by(|bytes| roster::write(&cleaned(accounts), bytes))
}

/// Accounts that the tenant was found to have as CSV: what it does not tell is empty.
pub(super) fn found_as_csv(accounts: &[Account]) -> Result<String, Failure> {
    csv_by(|bytes| roster::write_found(&cleaned(accounts), bytes))
}

/// As a terminal can be given them: their names come from the tenant.
fn cleaned(accounts: &[Account]) -> Vec<Account> {
    let cleaned = accounts.iter().map(|account| Account {
        login: clean(&account.login),
        email: clean(&account.email),
        id: account.id.as_deref().map(clean),
        ..account.clone()
    });
    cleaned.collect()
}

fn csv_by(write: impl FnOnce(&mut Vec<u8>) -> Result<(), RosterError>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    write(&mut bytes)
        .map_err(|error| Failure::new(Exit::Bug, error.to_string(), error.remedy().as_deref()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes accounts as CSV into a file.
pub(super) fn write_csv(accounts: &[Account], path: &Path) -> Result<(), Failure> {
    std::fs::write(path, as_csv(accounts)?).map_err(|error| {
        let what = format!("`{}` cannot be written: {error}", path.display());
        Failure::new(Exit::WrongInput, what, Some("the accounts are made, and on their ledger"))
    })
}

/// A number with its noun.
pub(super) fn counted(number: usize) -> String {
    if number == 1 { "1 account".to_owned() } else { format!("{number} accounts") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::account::AccountState;

    #[test]
    fn names_that_a_tenant_gives_control_no_terminal() {
        let name = "gander-r1-1\u{1b}[2J\u{7}\u{202e}\n@x.test";
        let account = Account {
            id: Some("1\u{9b}31m".to_owned()),
            ..Account::new(name, AccountState::Ok, 0)
        };
        let shown = as_csv(&[account]).unwrap();
        let is_bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(is_bad), "{shown:?}");
        assert_eq!(shown.lines().count(), 2, "{shown:?}");
    }
}
