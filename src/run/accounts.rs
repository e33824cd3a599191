//! The accounts of a run: who looks after them at which tenant, and how many every variant gets.

use super::making::Making;
use super::stage::StageError;
use crate::base::share::Share;
use crate::identity::account::{Account, AccountState};
use crate::identity::ledger::Book;
use crate::identity::login::Logins;
use crate::journey::cast::Stage;
use crate::journey::script::Script;
use crate::management::api::Api;
use crate::management::keeper::Keeper;
use crate::management::provision::Order;
use crate::management::settings::Settings;
use crate::profile::check::Checked;
use crate::profile::tenant::Tenant;
use crate::transport::Transport;
use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;
use url::Url;

/// Accounts being made at the same time; the worker's rate limits them further.
const PROVISIONING: usize = 8;

/// Those who look after accounts, one for each management API and worker: variants of the same tenant
/// share one, because they share the rate at which it may call.
#[derive(Default)]
pub(super) struct Keepers(Vec<(Settings, Arc<Keeper<File>>)>);

impl Keepers {
    /// Whoever looks after the accounts of a tenant, let in by the management API; none if the profile
    /// gives no access to it.
    pub(super) async fn of(
        &mut self,
        tenant: &Tenant,
        transport: &Transport,
        stage: &Stage,
    ) -> Result<Option<Arc<Keeper<File>>>, StageError> {
        let Some(settings) = management(tenant)? else { return Ok(None) };
        if let Some((_, keeper)) = self.0.iter().find(|(known, _)| *known == settings) {
            return Ok(Some(keeper.clone()));
        }
        let client = transport.api_client()?;
        let api = Api::new(client, settings.clone(), stage.clock.clone(), stage.seed);
        api.authorize().await?;
        let keeper = Arc::new(Keeper {
            api: Arc::new(api),
            ledger: stage.ledger.clone(),
            key: stage.key.clone(),
            clock: stage.clock.clone(),
            concurrency: PROVISIONING,
        });
        self.0.push((settings, keeper.clone()));
        Ok(Some(keeper))
    }
}

/// How many accounts of each state the journeys of one variant need.
pub(super) fn counts(checked: &Checked, wanted: Option<u64>) -> Vec<(AccountState, u64)> {
    let states: BTreeSet<_> =
        checked.journeys.iter().filter_map(|(script, _)| script.account).collect();
    let count = wanted.unwrap_or(checked.profile.accounts.count);
    states.into_iter().map(|state| (state, count)).collect()
}

/// The accounts that a run made for one variant when it first started: those with `count` personas from
/// `first_persona` on, as the ledger has them now.
pub(super) fn of_ledger(
    book: &Book,
    (first_persona, count): (u64, u64),
    logins: &Logins,
) -> Vec<Account> {
    let personas = first_persona..first_persona + count;
    // Journeys registered others in later segments, with personas of their own.
    let is_own = |account: &&Account| {
        let persona = account.persona.filter(|persona| personas.contains(persona));
        persona.is_some_and(|persona| account.login == logins.address(persona))
    };
    book.accounts.iter().filter(is_own).cloned().collect()
}

/// The states in which some journey does something to its account that a kill can leave half done.
pub(super) fn at_risk(checked: &Checked) -> BTreeSet<AccountState> {
    let changes = |script: &Script| {
        script.rules.iter().any(|rule| rule.changes_password || rule.spoils_account)
    };
    let scripts = checked.journeys.iter().map(|(script, _)| script);
    let at_risk = scripts.filter_map(|script| {
        let state = script.account?;
        (state != AccountState::Ok || changes(script)).then_some(state)
    });
    at_risk.collect()
}

/// Makes a share of the accounts that the journeys of one variant lease. Their personas begin at `first_persona`,
/// so that no two variants have the same. Each is told to `making`.
pub(super) async fn provision(
    (counts, share, first_persona): (Vec<(AccountState, u64)>, Share, u64),
    keeper: &Arc<Keeper<File>>,
    stage: &Stage,
    (population, making): (&str, &Making),
) -> Result<Vec<Account>, StageError> {
    let population = keeper.api.population(population).await?;
    let order = Order {
        counts,
        share,
        first_persona,
        seed: stage.seed,
        locale: stage.locale,
        logins: stage.logins.clone(),
        population: Some(population.id),
    };
    let wanted = order.wanted();
    let made = keeper.provision(&order, |_| making.made_one()).await;
    match made.stopped_by {
        None => Ok(made.accounts),
        Some(source) => Err(StageError::Provision { made: made.accounts.len(), wanted, source }),
    }
}

/// The management API of a tenant, if the profile gives access to it.
pub(super) fn management(tenant: &Tenant) -> Result<Option<Settings>, StageError> {
    let (Some(worker), Some(api_url), Some(environment_id)) =
        (&tenant.worker, &tenant.api_url, &tenant.environment_id)
    else {
        return Ok(None);
    };
    let url =
        |text: &str| Url::parse(text).map_err(|_| StageError::Address { text: text.to_owned() });
    Ok(Some(Settings {
        auth_url: url(&tenant.auth_url)?,
        api_url: url(api_url)?,
        custom_domain: tenant.custom_domain,
        environment_id: environment_id.clone(),
        worker: worker.clone(),
    }))
}
