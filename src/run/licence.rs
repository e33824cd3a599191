//! What the licence of a tenant allows, asked of the tenant itself before a load.

use super::accounts::management;
use super::stage::StageError;
use crate::analysis::budget::limits::Limits;
use crate::base::clock::Clock;
use crate::base::random::Seed;
use crate::management::api::Api;
use crate::management::settings::Settings;
use crate::profile::tenant::Tenant;
use crate::transport::Transport;

/// These limits with what the licences of the tenants say of groups that they do not name; the lowest, where
/// several say one. A tenant whose management API is out of reach says nothing.
pub async fn ask(
    limits: &Limits,
    tenants: &[Tenant],
    transport: &Transport,
    clock: &Clock,
) -> Result<Limits, StageError> {
    let mut asked: Vec<Settings> = Vec::new();
    let mut quantities = Vec::new();
    for tenant in tenants {
        let Some(settings) = management(tenant)?.filter(|it| !asked.contains(it)) else { continue };
        asked.push(settings.clone());
        let client = transport.api_client()?;
        let api = Api::new(client, settings, clock.clone(), Seed::unforeseen());
        api.authorize().await?;
        let told = api.limits().await?.groups.into_iter();
        quantities.extend(told.map(|limit| (limit.code, limit.rate.per_second)));
    }
    let quantities = quantities.iter().map(|(code, per_second)| (code.as_str(), *per_second));
    Ok(limits.clone().or_of_licence(quantities))
}
