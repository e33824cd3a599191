//! The accounts of a tenant outside of any run: the management API of a profile's tenant, reached under the
//! same guard as a run's calls, and accounts made under a tag of their own.

use super::accounts::management;
use super::ledger_file;
use super::making::Making;
use super::stage::{StageError, guard};
use crate::base::clock::{Clock, Utc};
use crate::base::names::RunId;
use crate::base::random::Seed;
use crate::base::remedy::{Listing, Remedy};
use crate::base::share::Share;
use crate::identity::account::AccountState;
use crate::identity::domain::EmailDomain;
use crate::identity::ledger::{Book, Ledger, LedgerEntry};
use crate::identity::login::{Home, Logins, MailboxName};
use crate::identity::password::PasswordKey;
use crate::identity::persona::Locale;
use crate::management::api::Api;
use crate::management::clean_up::{ForeignLedger, belongs_to, tagged};
use crate::management::error::ManagementError;
use crate::management::keeper::Keeper;
use crate::management::provision::{Order, Provisioned};
use crate::profile::check::Checked;
use crate::profile::tenant::Tenant;
use crate::transport::{Resolver, Transport};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Calls about accounts under way at the same time; the worker's rate limits them further.
pub const AT_ONCE: usize = 8;

/// Why accounts cannot be managed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The profile names no tenant.
    #[error("the profile names no tenant, and the embedded stand-in ends with each command")]
    NoTenant,
    /// The profile gives no access to the management API.
    #[error("the profile gives no access to the management API")]
    NoWorker,
    /// Variants have different tenants.
    #[error("the profile names several environments: {environments}")]
    Several {
        /// Their ids.
        environments: Listing,
    },
    /// No connection can be made.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The tenant refused.
    #[error("the management API cannot be used")]
    Management(#[from] ManagementError),
    /// The ledger is another environment's.
    #[error(transparent)]
    Foreign(#[from] ForeignLedger),
    /// The ledger has accounts of another key.
    #[error("the ledger has accounts whose passwords are of another key")]
    OtherKey,
    /// The ledger cannot be written.
    #[error("the ledger of accounts cannot be written")]
    Ledger(#[from] io::Error),
}

impl Remedy for RegistryError {
    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::NoTenant => {
                "add `[tenant]`; for a tenant on this machine start `gander stand-in` by itself"
            }
            Self::NoWorker => {
                "add `tenant.api_url`, `tenant.environment_id` and `[tenant.worker]` with the worker \
                 application's id and secret"
            }
            Self::Several { .. } => {
                "use a profile for each of them; what a run made in several is removed with `--tag`, its id, by each"
            }
            Self::OtherKey => {
                "choose another `--tag`, or use the key of the first accounts (`GANDER_PASSWORD_KEY`)"
            }
            Self::Stage(error) => return error.remedy(),
            Self::Management(error) => return error.remedy(),
            Self::Foreign(error) => return error.remedy(),
            Self::Ledger(_) => "make room and rights where it is",
        };
        Some(text.to_owned())
    }
}

impl RegistryError {
    /// Whether the tenant is at fault, not what the person gave.
    pub const fn is_of_tenant(&self) -> bool {
        match self {
            Self::Management(_) => true,
            Self::Stage(error) => error.is_of_tenant(),
            _ => false,
        }
    }
}

/// The management API of the profile's tenant. It has been let in by it.
pub async fn connect(
    checked: &Checked,
    run: &RunId,
    clock: &Clock,
) -> Result<Arc<Api>, RegistryError> {
    let tenants: Vec<&Tenant> = checked.profile.tenants().map(|(_, tenant)| tenant).collect();
    let Some(tenant) = tenants.first() else { return Err(RegistryError::NoTenant) };
    let environments: BTreeSet<String> = tenants.iter().map(|each| each.address()).collect();
    if environments.len() > 1 {
        return Err(RegistryError::Several { environments: environments.into_iter().collect() });
    }
    let settings = management(tenant)?.ok_or(RegistryError::NoWorker)?;
    let guard = guard(&[(*tenant).clone()], checked.is_acknowledged())?;
    let transport = Transport::new(guard, &checked.profile.http, Resolver::System, clock.clone());
    let client = transport.map(|transport| transport.of_run(run)).map_err(StageError::from)?;
    let client = client.api_client().map_err(StageError::from)?;
    let api = Api::new(client, settings, clock.clone(), Seed::unforeseen());
    api.authorize().await?;
    Ok(Arc::new(api))
}

/// Whom to make, outside of any run.
#[derive(Debug)]
pub struct Wanted {
    /// How many.
    pub count: u64,
    /// What they are kept for.
    pub state: AccountState,
    /// What they are called by, in place of a run's id.
    pub tag: RunId,
    /// The population that they are made in, by name.
    pub population: String,
    /// Where they have their mail.
    pub domain: EmailDomain,
    /// The mailbox there that gets the mail of all, if one does.
    pub mailbox: Option<MailboxName>,
    /// Who they are.
    pub locale: Locale,
    /// What they are invented from.
    pub seed: Seed,
    /// What their passwords are worked out with.
    pub key: PasswordKey,
}

/// Makes accounts. Those that the ledger or the tenant has under the tag already stay as they are, and the new
/// ones get other logins. Each is told to `making`.
pub async fn provision(
    wanted: Wanted,
    api: Arc<Api>,
    (ledger, book): (Arc<Ledger<File>>, &Book),
    (making, clock): (&Making, Clock),
) -> Result<Provisioned, RegistryError> {
    if !book.openings.is_empty() {
        belongs_to(book, api.environment_id())?;
    }
    if book.openings.iter().any(|opening| opening.key != wanted.key.fingerprint()) {
        return Err(RegistryError::OtherKey);
    }
    let home = Home { domain: wanted.domain.clone(), mailbox: wanted.mailbox.clone() };
    let there = tagged(&api, &wanted.tag, &home).await?;
    let segments = there.iter().flat_map(|account| [&account.login, &account.email]);
    let segments = segments.filter_map(|name| Logins::segment_of(&wanted.tag, name));
    let on_ledger = u32::try_from(book.openings.len()).unwrap_or(u32::MAX);
    let segment = segments.map(|segment| segment.saturating_add(1)).fold(on_ledger, u32::max);
    let population = api.population(&wanted.population).await?;
    ledger.append(&LedgerEntry::Opened {
        at: Utc::of(clock.wall()).stamp(),
        run: wanted.tag.to_string(),
        environment: api.environment_id().to_owned(),
        key: wanted.key.fingerprint(),
    })?;
    let personas = book.accounts.iter().filter_map(|account| account.persona).max();
    let order = Order {
        counts: vec![(wanted.state, wanted.count)],
        share: Share::WHOLE,
        first_persona: personas.map_or(0, |last| last.saturating_add(1)),
        seed: wanted.seed,
        locale: wanted.locale,
        logins: Logins::new(&wanted.tag, segment, wanted.domain).in_mailbox(wanted.mailbox),
        population: Some(population.id),
    };
    making.want(wanted.count);
    let keeper =
        Keeper { api, ledger: ledger.clone(), key: wanted.key, clock, concurrency: AT_ONCE };
    let keeper = Arc::new(keeper);
    let making = keeper.provision_until(&order, |_| making.made_one(), || making.is_halted());
    Ok(ledger_file::synced(&ledger, making).await)
}
