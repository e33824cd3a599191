//! How far a source of codes may reach: over the transport, and past its guard, as everything that
//! leaves this machine.

use super::http_mailbox::MailboxError;
use super::imap::is_here;
use crate::base::clock::Clock;
use crate::base::secret::without_user_info;
use crate::transport::{AllowedHost, ApiClient, Guard, Resolver, SetUpError, Settings, Transport};

/// What a source that asks others is given.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Time-outs, authorities to trust and the proxy, as for the tenant.
    pub http: Settings,
    /// Whether the test is acknowledged, so that hosts beyond this machine may be asked.
    pub is_acknowledged: bool,
}

impl Reach {
    /// A transport that leads to one host and no other. It shows no certificate: that is for the
    /// tenant's eyes.
    pub(super) fn transport(
        &self,
        host: AllowedHost,
        clock: &Clock,
    ) -> Result<Transport, SetUpError> {
        let guard = Guard::new([host.clone()]);
        let guard = if self.is_acknowledged { guard.acknowledged() } else { guard };
        // A list of mails may be longer than any reply of a flow.
        let max_reply = self.http.max_reply.max(LARGEST);
        // A proxy's own machine is another than this one.
        let place = host.to_string();
        let is_here = is_here(place.rsplit("://").next().unwrap_or_default());
        let proxy = self.http.proxy.clone().filter(|_| !is_here);
        let settings = Settings { client: None, max_reply, proxy, ..self.http.clone() };
        Transport::new(guard, &settings, Resolver::System, clock.clone())
    }

    /// A client for the one host of an address.
    pub(super) fn api_client(&self, url: &str, clock: &Clock) -> Result<ApiClient, MailboxError> {
        let host = url.parse().ok().and_then(|uri| AllowedHost::of(&uri));
        // What stands before an `@` is a password.
        let shown = || MailboxError::Address { url: without_user_info(url) };
        Ok(self.transport(host.ok_or_else(shown)?, clock)?.api_client()?)
    }
}

/// Bytes of the largest list of mails.
const LARGEST: u64 = 64 << 20;
