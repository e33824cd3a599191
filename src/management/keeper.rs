//! Whoever looks after a run's accounts, and what can go wrong with that.

use super::api::Api;
use super::error::ManagementError;
use super::reply::User;
use crate::base::clock::{Clock, Utc};
use crate::base::remedy::Remedy;
use crate::identity::account::Account;
use crate::identity::ledger::{Ledger, LedgerEntry};
use crate::identity::password::PasswordKey;
use std::io::{self, Write};
use std::sync::Arc;

/// Makes, puts right and removes accounts. Everything it does to the tenant is on the ledger first.
#[derive(Debug)]
pub struct Keeper<W> {
    /// Who calls the tenant.
    pub api: Arc<Api>,
    /// Where it is written down first.
    pub ledger: Arc<Ledger<W>>,
    /// What the passwords are worked out with.
    pub key: PasswordKey,
    /// For time stamps.
    pub clock: Clock,
    /// Calls under way at a time; the pace limits them further.
    pub concurrency: usize,
}

/// Why accounts could not be made, put right or removed.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The tenant did not do it.
    #[error("nothing could be done about the account `{login}`")]
    Tenant {
        login: String,
        #[source]
        source: ManagementError,
    },
    /// The ledger cannot be written, so nothing may be asked of the tenant.
    #[error("the ledger of accounts cannot be written")]
    Ledger(#[from] io::Error),
    /// An account that should be there is not.
    #[error("the tenant knows no user `{login}`")]
    Missing { login: String },
    /// The id on the ledger is that of a user of another name.
    #[error("the id that the ledger has for `{login}` is somebody else's, who is left alone")]
    SomebodyElse { login: String },
    /// A listing has a user that cannot be removed because it is said not to be there.
    #[error(
        "the tenant shows the account `{login}`, and when it is to be removed says that it is not there"
    )]
    StillListed { login: String },
    /// Which users there are could not be asked.
    #[error("the users of the tenant cannot be listed")]
    Unlisted {
        #[source]
        source: ManagementError,
    },
    /// A task of ours died; a defect.
    #[error("a task that looks after accounts ended by itself")]
    Lost,
}

impl AccountsError {
    pub(super) fn tenant(login: &str, source: ManagementError) -> Self {
        Self::Tenant { login: login.to_owned(), source }
    }

    /// Whether every other account would meet the same.
    pub fn is_general(&self) -> bool {
        match self {
            Self::Tenant { source, .. } | Self::Unlisted { source } => source.is_general(),
            Self::Ledger(_) => true,
            Self::Missing { .. }
            | Self::SomebodyElse { .. }
            | Self::StillListed { .. }
            | Self::Lost => false,
        }
    }
}

impl Remedy for AccountsError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Tenant { source, .. } | Self::Unlisted { source } => source.remedy(),
            Self::Ledger(_) => Some("make room and rights where the run directory is".to_owned()),
            Self::Missing { .. } => Some("somebody removed it; provision new accounts".to_owned()),
            Self::SomebodyElse { .. } => {
                Some("use the ledger as the run wrote it; if it was edited, undo that".to_owned())
            }
            Self::StillListed { .. } => Some(
                "clean up once more in some minutes; then ask whoever owns the tenant".to_owned(),
            ),
            Self::Lost => None,
        }
    }
}

impl<W: Write> Keeper<W> {
    /// Writes down the tenant's id of a user.
    pub(super) fn learned(&self, account: &Account, id: &str) -> io::Result<()> {
        self.ledger
            .append(&LedgerEntry::Learned { login: account.login.clone(), id: id.to_owned() })
    }

    pub(super) fn stamp(&self) -> String {
        Utc::of(self.clock.wall()).stamp()
    }

    /// The user of a login, if there is one.
    pub(super) async fn find(&self, login: &str) -> Result<Option<User>, AccountsError> {
        let found = self.api.user_named(login).await;
        found.map_err(|source| AccountsError::tenant(login, source))
    }
}
