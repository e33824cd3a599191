//! Which flow policies a tenant has and what each of them starts, as far as the profile's worker may see.

use super::accounts::management;
use super::stage::StageError;
use crate::base::clock::Clock;
use crate::base::random::Seed;
use crate::management::api::Api;
use crate::management::policies::FlowPolicy;
use crate::profile::tenant::Tenant;
use crate::transport::Transport;

/// The flow policies of a tenant's environment; none where the profile names no worker.
pub async fn policies(
    tenant: &Tenant,
    transport: &Transport,
    (clock, seed): (&Clock, Seed),
) -> Result<Option<Vec<FlowPolicy>>, StageError> {
    let Some(settings) = management(tenant)? else { return Ok(None) };
    let api = Api::new(transport.api_client()?, settings, clock.clone(), seed);
    Ok(Some(api.flow_policies().await?))
}
