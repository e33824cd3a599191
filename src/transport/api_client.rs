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
use super::proxy::Proxy;
use super::tls;
use super::tls::SetUpError;
use crate::base::units::Size;
use crate::base::units::Span;
use bytes::Bytes;
use bytes::BytesMut;
use http::HeaderName;
use http::HeaderValue;
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
    pub(super) fn new(
        dialer: Arc<Dialer>,
        run_header: Option<&(HeaderName, HeaderValue)>,
    ) -> Result<Self, SetUpError> {
        let settings = &dialer.settings;
        let refused = |error: reqwest::Error| SetUpError::ApiClient { reason: error.to_string() };
        // It speaks nothing newer, so nothing newer may be chosen.
        let mut tls = (*dialer.tls).clone();
        tls.alpn_protocols = vec![tls::HTTP_1_1.to_vec()];
        let builder = reqwest::Client::builder().no_proxy();
        let builder = match &settings.proxy {
            Some(proxy) => builder.proxy(way(proxy).map_err(refused)?),
            None => builder,
        };
        let reqwest = builder
            .tls_backend_preconfigured(tls)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .local_address(dialer.locals.first())
            .default_headers(run_header.cloned().into_iter().collect())
            .dns_resolver(GuardedNames(dialer.clone()))
            .user_agent(&settings.user_agent)
            .connect_timeout(settings.connect_timeout)
            .timeout(whole_time(&dialer))
            .build()
            .map_err(refused)?;
        Ok(Self { dialer, reqwest })
    }

    /// Sends a request with an absolute URI and waits for its whole reply, whatever its status.
    pub async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        let origin = self.dialer.guard.admit(request.uri())?;
        self.dialer.admit_way(&origin)?;
        let host = origin.to_string();
        let request = reqwest::Request::try_from(request).map_err(|_| GuardError::NoHost)?;
        require_same(&origin, request.url())?;
        if let (Some(address), None) = (origin.literal(), &self.dialer.settings.proxy) {
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
        if let (Some(proxy), 407) = (&self.dialer.settings.proxy, reply.status().as_u16()) {
            return Err(refusal(proxy, &host));
        }
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
        let host = match (&self.dialer.settings.proxy, stage) {
            (Some(proxy), Stage::Connect) => format!("{host} through the proxy {proxy}"),
            _ => host,
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

/// The proxy as reqwest takes it; its password goes apart from its address, which errors may show.
fn way(proxy: &Proxy) -> reqwest::Result<reqwest::Proxy> {
    let way = reqwest::Proxy::all(format!("http://{proxy}"))?;
    Ok(match proxy.authorization() {
        Some(value) => way.custom_http_auth(value),
        None => way,
    })
}

fn refusal(proxy: &Proxy, host: &str) -> TransportFault {
    TransportFault::ProxyRefused { host: host.to_owned(), proxy: proxy.to_string(), status: 407 }
}

/// reqwest counts from the call, not from handing over the request.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

fn whole_time(dialer: &Dialer) -> Duration {
    dialer.settings.connect_timeout.saturating_add(dialer.settings.reply_timeout).min(LONGEST)
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

#[cfg(test)]
mod tests {
    use super::super::lab::Act;
    use super::super::lab::Lab;
    use super::super::lab::reply;
    use super::super::lab::silent_listener;
    use super::super::lab::transport;
    use super::super::resolve::FixedNames;
    use super::super::resolve::Resolver;
    use super::super::settings::Settings;
    use super::*;

    fn client(urls: &[&str], settings: &Settings, resolver: Resolver) -> ApiClient {
        transport(urls, settings, resolver).api_client().unwrap()
    }

    fn get(url: &str) -> Request<Bytes> {
        Request::get(url).body(Bytes::new()).unwrap()
    }

    /// The slug of what a call comes to, or its status and body.
    async fn outcome(lab: &Lab, settings: &Settings) -> String {
        let client = lab.transport(settings).api_client().unwrap();
        match client.call(lab.get("/v1/users?token=hidden")).await {
            Ok(reply) => format!("{} {}", reply.status().as_u16(), reply.body().len()),
            Err(fault) => {
                let shown = format!("{fault} {fault:?}");
                assert!(!shown.contains("hidden") && !shown.contains("/v1"), "{shown}");
                fault.slug().to_owned()
            }
        }
    }

    #[tokio::test]
    async fn replies_come_back_whole_or_named_by_what_is_wrong_with_them() {
        let settings = Settings { max_reply: 8, ..Settings::default() };
        let close = |text: &str| text.as_bytes().to_vec();
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        for (said, expected) in [
            (reply("201 Created", "", "12345678"), "201 8"),
            (reply("302 Found", "location: https://evil.example/\r\n", ""), "302 0"),
            (reply("503 Service Unavailable", "", "x"), "503 1"),
            (reply("200 OK", "", "123456789"), "oversized-reply"),
            (close(&format!("{chunked}9\r\n123456789\r\n0\r\n\r\n")), "oversized-reply"),
            (close("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nx"), "reset"),
            (close(""), "reset"),
            (close("220 mail.example ESMTP\r\n"), "malformed-reply"),
        ] {
            let shown = String::from_utf8_lossy(&said).into_owned();
            let lab = Lab::saying(move || Act::SayAndClose(said.clone())).await;
            assert_eq!(outcome(&lab, &settings).await, expected, "{shown:?}");
            assert_eq!(lab.asked().len(), 1, "{shown:?}");
        }
    }

    #[tokio::test]
    async fn what_does_not_come_in_time_is_a_time_out_of_its_kind() {
        let (soon, late) = (Duration::from_millis(50), Duration::from_millis(500));
        let lab = Lab::saying(|| Act::SayAndWait(Vec::new())).await;
        let settings =
            Settings { connect_timeout: late, reply_timeout: soon, ..Settings::default() };
        assert_eq!(outcome(&lab, &settings).await, "read-timeout");
        let (address, _held) = silent_listener().await;
        let url = format!("https://{address}/");
        let settings = Settings { connect_timeout: soon, ..Settings::default() };
        let call = client(&[&url], &settings, Resolver::System).call(get(&url)).await;
        assert_eq!(call.unwrap_err().slug(), "connect-timeout");
    }

    #[tokio::test]
    async fn the_guard_stands_in_front_of_every_call() {
        let lab = Lab::saying(|| Act::Say(reply("200 OK", "", "fine"))).await;
        let port = lab.address.port();
        let here = std::net::IpAddr::from([127, 0, 0, 1]);
        let away = std::net::IpAddr::from([192, 0, 2, 1]);
        let own = lab.url("/");
        for (permitted, link, expected) in [
            (own.clone(), own.clone(), "ok"),
            (String::from("http://good.localhost"), format!("http://good.localhost:{port}/"), "ok"),
            (own.clone(), "https://evil.example/?a=b".to_owned(), "foreign-link"),
            (own, format!("http://localhost:{port}/"), "foreign-link"),
            (
                String::from("https://a.example"),
                "https://a.example/".to_owned(),
                "not-acknowledged",
            ),
            (String::from("http://192.0.2.1"), "http://192.0.2.1/".to_owned(), "not-acknowledged"),
            (
                String::from("http://bad.localhost"),
                "http://bad.localhost/".to_owned(),
                "not-acknowledged",
            ),
            (String::from("http://no.localhost"), "http://no.localhost/".to_owned(), "dns"),
        ] {
            let names = FixedNames::new([("good.localhost", here), ("bad.localhost", away)]);
            let client =
                client(&[&permitted], &Settings::default(), Resolver::Fixed(names.clone()));
            let came = client.call(get(&link)).await;
            let slug = came.as_ref().map_or_else(TransportFault::slug, |_| "ok");
            assert_eq!(slug, expected, "{link}");
            assert_eq!(names.dialled().len(), usize::from(expected == "ok"), "{link}");
            if !link.contains(".localhost") {
                assert!(names.asked().is_empty(), "{link}");
            }
        }
    }

    #[tokio::test]
    async fn a_host_that_two_readers_read_differently_is_not_called() {
        // Written as a number, read as an address by one and as a name by the other.
        for link in ["http://2130706433/", "http://0x7f.1/"] {
            let transport = {
                let hosts = super::super::guard::AllowedHost::of(&link.parse().unwrap());
                let guard = super::super::guard::Guard::new(hosts).acknowledged();
                let clock = crate::base::clock::Clock::system();
                let names = Resolver::Fixed(FixedNames::new([]));
                super::super::session::Transport::new(guard, &Settings::default(), names, clock)
            };
            let client = transport.unwrap().api_client().unwrap();
            assert_eq!(client.call(get(link)).await.unwrap_err().slug(), "foreign-link", "{link}");
        }
    }
}
