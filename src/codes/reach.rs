//! How far a source of codes may reach: over the transport, and past its guard, as everything that
//! leaves this machine.

use super::http_mailbox::MailboxError;
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
        let is_local = host.is_local();
        let guard = Guard::new([host]);
        let guard = if self.is_acknowledged { guard.acknowledged() } else { guard };
        // A list of mails may be longer than a reply of a flow is to be.
        let max_reply = self.http.max_reply.max(LARGEST);
        // A proxy's own machine is another than this one.
        let proxy = self.http.proxy.clone().filter(|_| !is_local);
        let settings = Settings { client: None, max_reply, proxy, ..self.http.clone() };
        Transport::new(guard, &settings, Resolver::System, clock.clone())
    }

    /// A client for the one host of an address.
    pub(super) fn api_client(&self, url: &str, clock: &Clock) -> Result<ApiClient, MailboxError> {
        let host = url.parse().ok().and_then(|uri| AllowedHost::of(&uri));
        // What stands before an `@` is a password, and a path may hold a key.
        let shown = || {
            let url = without_user_info(url);
            let end = url.find("://").map_or(0, |at| at + 3);
            let path = url.get(end..).and_then(|rest| rest.find(['/', '?', '#']));
            let end = path.map_or(url.len(), |at| end + at);
            MailboxError::Address { url: url.get(..end).unwrap_or_default().to_owned() }
        };
        Ok(self.transport(host.ok_or_else(shown)?, clock)?.api_client()?)
    }
}

/// Bytes of the largest list of mails, and of the largest mail, unless `http.max_reply` allows more. MailDev lists whole
/// mails, of three kilobytes and more, all that came since it was started.
const LARGEST: u64 = 32 << 20;
