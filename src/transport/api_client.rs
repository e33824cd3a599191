//! The client of everything that is not measured: management calls, their tokens, mailboxes.
//!
//! reqwest, behind the same guard: every link is judged before it is sent, every address when its
//! name is resolved. Redirects are not followed and proxies of the environment not used.

use super::dial::Dialer;
use super::fault::Stage;
use super::fault::TransportFault;
use super::fault::classify;
use super::guard::GuardError;
use super::guard::Origin;
use super::tls::SetUpError;
use crate::base::units::Size;
use crate::base::units::Span;
use bytes::Bytes;
use bytes::BytesMut;
use http::Request;
use http::Response;
use reqwest::dns::Addrs;
use reqwest::dns::Name;
use reqwest::dns::Resolve;
use reqwest::dns::Resolving;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A client with a pool of its own, without cookies. Cheap to clone.
#[derive(Clone)]
pub struct ApiClient {
    dialer: Arc<Dialer>,
    reqwest: reqwest::Client,
}

impl ApiClient {
    pub(super) fn new(dialer: Arc<Dialer>) -> Result<Self, SetUpError> {
        let settings = &dialer.settings;
        let reqwest = reqwest::Client::builder()
            .tls_backend_preconfigured((*dialer.tls).clone())
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(GuardedNames(dialer.clone()))
            .user_agent(&settings.user_agent)
            .connect_timeout(settings.connect_timeout)
            .timeout(whole_time(&dialer))
            .build()
            .map_err(|error| SetUpError::ApiClient { reason: error.to_string() })?;
        Ok(Self { dialer, reqwest })
    }

    /// Sends a request with an absolute URI and waits for its whole reply, whatever its status.
    pub async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        let origin = self.dialer.guard.admit(request.uri())?;
        let host = origin.to_string();
        let request = reqwest::Request::try_from(request).map_err(|_| GuardError::NoHost)?;
        require_same(&origin, request.url())?;
        if let Some(address) = origin.literal() {
            // A number is never resolved, so it is judged here.
            self.dialer.guard.admit_address(origin.host(), address)?;
            self.dialer.names.resolver().note_dial(SocketAddr::new(address, origin.port()));
        }
        let fault = |error: reqwest::Error| self.fault(&host, error);
        let mut reply = self.reqwest.execute(request).await.map_err(fault)?;
        let most = self.dialer.settings.max_reply;
        let too_large = |length: u64| {
            let fault = TransportFault::OversizedReply { host: host.clone(), limit: Size(most) };
            if length > most { Err(fault) } else { Ok(()) }
        };
        too_large(reply.content_length().unwrap_or(0))?;
        let mut body = BytesMut::new();
        while let Some(piece) = reply.chunk().await.map_err(fault)? {
            too_large((body.len() + piece.len()) as u64)?;
            body.extend_from_slice(&piece);
        }
        let mut whole = Response::new(body.freeze());
        *whole.status_mut() = reply.status();
        *whole.version_mut() = reply.version();
        *whole.headers_mut() = std::mem::take(reply.headers_mut());
        Ok(whole)
    }

    fn fault(&self, host: &str, error: reqwest::Error) -> TransportFault {
        let host = host.to_owned();
        if error.is_timeout() {
            return if error.is_connect() {
                let limit = Span(self.dialer.settings.connect_timeout);
                TransportFault::ConnectTimeout { host, limit }
            } else {
                TransportFault::ReadTimeout { host, limit: Span(whole_time(&self.dialer)) }
            };
        }
        let stage = if error.is_dns() {
            Stage::Name
        } else if error.is_connect() {
            Stage::Connect
        } else {
            Stage::Reply
        };
        // The link may hold a token.
        classify(stage, &host, &error.without_url())
    }
}

impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiClient").finish_non_exhaustive()
    }
}

/// reqwest counts from the call, not from handing over the request.
fn whole_time(dialer: &Dialer) -> Duration {
    dialer.settings.connect_timeout + dialer.settings.reply_timeout
}

/// What was judged must be what is sent: two readers of one link may disagree about its host.
fn require_same(origin: &Origin, url: &url::Url) -> Result<(), GuardError> {
    let https = url.scheme() == "https";
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let host = host.strip_suffix('.').unwrap_or(host);
    let port = url.port_or_known_default();
    if (https, host, port) == (origin.is_https(), origin.host(), Some(origin.port())) {
        return Ok(());
    }
    Err(GuardError::Foreign { host: host.to_owned() })
}

/// reqwest's way to addresses, past the guard.
struct GuardedNames(Arc<Dialer>);

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let dialer = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = dialer.addresses(&host).await?;
            // Port 0: reqwest puts the link's own in its place.
            let addresses = found.into_iter().map(|address| SocketAddr::new(address, 0));
            let addresses: Vec<_> = addresses.collect();
            addresses.iter().for_each(|address| dialer.names.resolver().note_dial(*address));
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
