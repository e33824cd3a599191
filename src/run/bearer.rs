//! The token that lets flows be started by their policy: brought along, or fetched with an API key
//! before the load and renewed in the background, outside everything that is measured.

use super::stage::StageError;
use crate::base::clock::Clock;
use crate::base::remedy::Remedy;
use crate::base::secret::Secret;
use crate::davinci::oidc::{BadValue, SdkToken, read_sdk_token, sdk_token_request};
use crate::profile::tenant::{self, Tenant};
use crate::transport::{ApiClient, Transport, TransportFault};
use bytes::Bytes;
use http::Request;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A token that is kept fresh as long as this lives.
#[derive(Debug)]
pub struct Bearer {
    /// The token as it is now.
    pub token: watch::Receiver<Secret>,
    /// Ends with the bearer; none for a token that cannot be renewed.
    renewing: Option<JoinHandle<()>>,
}

/// The tokens of a run, one for each place that they come from: variants that share it share a token.
#[derive(Debug, Default)]
pub struct Bearers {
    held: Vec<(Source, Bearer)>,
    renewed: Arc<AtomicU64>,
}

/// Where a token comes from: address, environment, key.
type Source = (Option<String>, Option<String>, Option<tenant::SdkToken>);

impl Bearers {
    /// How often a token was renewed so far, of all that there are and will be.
    pub fn renewed(&self) -> Arc<AtomicU64> {
        self.renewed.clone()
    }

    /// The token for flows of a tenant, as it is from time to time.
    pub async fn token_of(
        &mut self,
        tenant: &Tenant,
        transport: &Transport,
        clock: &Clock,
    ) -> Result<watch::Receiver<Secret>, StageError> {
        let of = |tenant: &Tenant| {
            (
                tenant.orchestrate_url.clone(),
                tenant.environment_id.clone(),
                tenant.sdk_token.clone(),
            )
        };
        let source = of(tenant);
        if let Some((_, bearer)) = self.held.iter().find(|(known, _)| *known == source) {
            return Ok(bearer.token.clone());
        }
        let client = transport.api_client()?;
        let bearer = Bearer::open(tenant, client, clock.clone(), self.renewed()).await?;
        let token = bearer.token.clone();
        self.held.push((source, bearer));
        Ok(token)
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum BearerError {
    /// The profile does not say where it comes from.
    #[error("a start by policy needs `[tenant.sdk_token]`")]
    NoSource,
    /// The request cannot be built.
    #[error(transparent)]
    BadValue(#[from] BadValue),
    /// The orchestration API could not be reached.
    #[error("no SDK token could be fetched")]
    Unreachable(#[from] TransportFault),
    /// The orchestration API answered something else.
    #[error("the SDK token was answered with status {status}")]
    Refused {
        /// HTTP status.
        status: u16,
    },
}

impl Remedy for BearerError {
    fn remedy(&self) -> Option<String> {
        Some(
            match self {
                Self::NoSource | Self::BadValue(_) => {
                    "give `[tenant.sdk_token]` an `api_key` or a `bearer` from the environment"
                }
                Self::Unreachable(_) => "look at `tenant.orchestrate_url`",
                Self::Refused { .. } => {
                    "look at the API key of the DaVinci application, and at `tenant.environment_id`"
                }
            }
            .to_owned(),
        )
    }
}

/// A token without an end is taken to live as long as documented.
const LIFETIME: Duration = Duration::from_hours(1);

/// A token is renewed when this part of the time that it had left is over.
const RENEW_AFTER: f64 = 0.8;

/// Soonest renewal, so that a token that is old already does not become a flood.
const SOONEST: Duration = Duration::from_secs(5);

/// How often somebody looks at the clock on the wall.
const LOOK: Duration = Duration::from_secs(20);

impl Bearer {
    /// Gets the first token and sees to the next ones, each of which is counted.
    pub async fn open(
        tenant: &Tenant,
        client: ApiClient,
        clock: Clock,
        renewed: Arc<AtomicU64>,
    ) -> Result<Self, BearerError> {
        let key = match tenant.sdk_token.as_ref().ok_or(BearerError::NoSource)? {
            tenant::SdkToken::Bearer(token) => {
                let (_, token) = watch::channel(token.clone());
                return Ok(Self { token, renewing: None });
            }
            tenant::SdkToken::ApiKey(key) => key,
        };
        let url = tenant.orchestrate_url.as_deref().ok_or(BearerError::NoSource)?;
        let company = tenant.environment_id.as_deref().ok_or(BearerError::NoSource)?;
        let request = sdk_token_request(url, company, key)?;
        let first = fetch(&client, &request).await?;
        let wait = until_renewal(&first, clock.wall());
        let (sender, token) = watch::channel(first.token);
        let renewing = tokio::spawn(renew(client, request, (sender, renewed), (clock, wait)));
        Ok(Self { token, renewing: Some(renewing) })
    }
}

impl Drop for Bearer {
    fn drop(&mut self) {
        if let Some(renewing) = &self.renewing {
            renewing.abort();
        }
    }
}

/// Fetches a new token in time, again and again. One that cannot be had is asked for again soon:
/// until then the old one may still do, and what the tenant says to it is measured.
async fn renew(
    client: ApiClient,
    request: Request<Bytes>,
    (sender, renewed): (watch::Sender<Secret>, Arc<AtomicU64>),
    (clock, mut wait): (Clock, Duration),
) {
    loop {
        until(&clock, wait).await;
        wait = match fetch(&client, &request).await {
            Ok(token) => {
                let wait = until_renewal(&token, clock.wall());
                sender.send_replace(token.token);
                renewed.fetch_add(1, Ordering::Relaxed);
                wait
            }
            Err(_) => SOONEST,
        };
    }
}

/// Waits by the clock on the wall, by which tokens end: timers stand still while a machine sleeps.
async fn until(clock: &Clock, wait: Duration) {
    let due = clock.wall() + wait;
    while let Ok(left) = due.duration_since(clock.wall())
        && !left.is_zero()
    {
        tokio::time::sleep(left.min(LOOK)).await;
    }
}

async fn fetch(client: &ApiClient, request: &Request<Bytes>) -> Result<SdkToken, BearerError> {
    let reply = client.call(request.clone()).await?;
    read_sdk_token(&reply).ok_or(BearerError::Refused { status: reply.status().as_u16() })
}

fn until_renewal(token: &SdkToken, now: SystemTime) -> Duration {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = token
        .expires_at
        .map_or(LIFETIME, |end| Duration::from_secs(end).saturating_sub(now))
        .min(LIFETIME * 24);
    left.mul_f64(RENEW_AFTER).max(SOONEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_before_it_ends_and_never_in_a_flood() {
        let token = |expires_at| SdkToken { token: Secret::new(String::new()), expires_at };
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (expires_at, wait_s) in [
            (Some(1_000_100), 80),
            (Some(1_000_001), 5),
            (Some(0), 5),
            (None, 2880),
            (Some(u64::MAX), 69_120),
        ] {
            assert_eq!(until_renewal(&token(expires_at), now).as_secs(), wait_s, "{expires_at:?}");
        }
    }
}
