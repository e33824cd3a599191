//! Opening a connection: the guard, the name, TCP, a proxy's way, TLS; each timed, all within one
//! limit.

use super::connection::Connection;
use super::connection::Forwarded;
use super::connection::Wire;
use super::fault::Stage;
use super::fault::TransportFault;
use super::fault::classify;
use super::guard::Guard;
use super::guard::GuardError;
use super::local::Locals;
use super::proxy::Closed;
use super::proxy::Proxy;
use super::resolve::Names;
use super::settings::Settings;
use super::settings::Version;
use super::stream::Stream;
use super::target::Target;
use super::tls;
use crate::base::clock::Clock;
use crate::base::units::Span;
use http::HeaderValue;
use rustls::pki_types::ServerName;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long the parts of setting up a connection took.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ConnectTime {
    /// Finding the address (of the proxy, if there is one); next to nothing where it was known.
    pub name: Duration,
    /// Opening the TCP connection, addresses that did not answer included, and the proxy's CONNECT.
    pub tcp: Duration,
    /// The TLS handshake; none over plain HTTP.
    pub tls: Option<Duration>,
}

impl ConnectTime {
    /// All of it.
    pub fn total(&self) -> Duration {
        self.name + self.tcp + self.tls.unwrap_or_default()
    }
}

/// The only maker of connections. Holds the guard and asks it before every name and every address.
pub(super) struct Dialer {
    pub(super) guard: Guard,
    pub(super) names: Names,
    pub(super) tls: Arc<rustls::ClientConfig>,
    pub(super) locals: Locals,
    pub(super) settings: Settings,
    pub(super) user_agent: HeaderValue,
    pub(super) clock: Clock,
}

impl Dialer {
    /// Opens a connection to a target.
    pub(super) async fn connect(
        &self,
        target: &Target,
    ) -> Result<(Wire, ConnectTime), TransportFault> {
        self.guard.admit_origin(&target.origin)?;
        let limit = self.settings.connect_timeout;
        match timeout(limit, self.open(target)).await {
            Ok(opened) => opened,
            Err(_) => Err(self.too_slow(target.origin.host())),
        }
    }

    /// Makes an open stream ready for requests of one user.
    pub(super) async fn ready(
        &self,
        wire: Wire,
        target: &Target,
    ) -> Result<Connection, TransportFault> {
        let ready = Connection::over(wire).await;
        ready.map_err(|error| classify(Stage::Connect, target.origin.host(), &*error))
    }

    /// The addresses of a host, every one of them admitted.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, TransportFault> {
        let found = self.names.addresses(host).await;
        let found = found.map_err(|error| classify(Stage::Name, host, &error))?;
        found.iter().try_for_each(|address| self.guard.admit_address(host, *address))?;
        Ok(found)
    }

    /// Judges a request that goes through the proxy, if there is one.
    pub(super) fn admit_way(&self, target: &super::guard::Origin) -> Result<(), GuardError> {
        let Some(proxy) = &self.settings.proxy else { return Ok(()) };
        self.guard.admit_through_proxy(target)?;
        self.guard.admit_proxy(proxy.host())
    }

    async fn open(&self, target: &Target) -> Result<(Wire, ConnectTime), TransportFault> {
        let origin = &target.origin;
        self.admit_way(origin)?;
        let proxy = self.settings.proxy.as_ref();
        let (host, port) = match proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (origin.host(), origin.port()),
        };
        let began = self.clock.now();
        let addresses = match host.parse() {
            Ok(address) => {
                self.guard.admit_address(host, address)?;
                vec![address]
            }
            Err(_) => self.addresses(host).await?,
        };
        let named = self.clock.now();
        let mut tcp = self.dial(host, &addresses, port).await?;
        let tunnels = origin.is_https() || self.settings.version == Version::Two;
        let forwarded = match proxy {
            Some(proxy) if tunnels => {
                self.open_way(proxy, &mut tcp, target).await?;
                None
            }
            Some(proxy) => Some(Forwarded { authorization: proxy.authorization() }),
            None => None,
        };
        let connected = self.clock.now();
        let mut time = ConnectTime { name: named - began, tcp: connected - named, tls: None };
        let mut version = match self.settings.version {
            Version::Two => http::Version::HTTP_2,
            Version::Auto | Version::One => http::Version::HTTP_11,
        };
        let stream = if origin.is_https() {
            let (stream, chosen) = self.secure(origin.host(), tcp).await?;
            time.tls = Some(self.clock.now() - connected);
            version = chosen;
            stream
        } else {
            Stream::Plain(tcp)
        };
        Ok((Wire { stream, version, forwarded }, time))
    }

    /// Tries the addresses in the resolver's order; each gets an equal share of the time there is.
    async fn dial(
        &self,
        host: &str,
        addresses: &[IpAddr],
        port: u16,
    ) -> Result<TcpStream, TransportFault> {
        let mut fault = self.too_slow(host);
        let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        for address in addresses {
            let address = SocketAddr::new(*address, port);
            self.names.resolver().note_dial(address);
            let share = self.settings.connect_timeout / count;
            fault = match timeout(share, self.locals.connect(address)).await {
                Ok(Ok(stream)) => {
                    let set = stream.set_nodelay(true);
                    set.map_err(|error| classify(Stage::Connect, host, &error))?;
                    return Ok(stream);
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => self.too_slow(host),
                Ok(Err(error)) => classify(Stage::Connect, host, &error),
                Err(_) => self.too_slow(host),
            };
        }
        Err(fault)
    }

    /// Has the proxy open a way to the target.
    async fn open_way(
        &self,
        proxy: &Proxy,
        tcp: &mut TcpStream,
        target: &Target,
    ) -> Result<(), TransportFault> {
        let (host, port) = (target.origin.host(), target.origin.port());
        let brackets = if host.contains(':') { ("[", "]") } else { ("", "") };
        let authority = format!("{}{host}{}:{port}", brackets.0, brackets.1);
        let opened = proxy.open_way(tcp, &authority, &self.user_agent).await;
        let (host, name) = (target.origin.to_string(), proxy.to_string());
        opened.map_err(|closed| match closed {
            Closed::Refused(status) => TransportFault::ProxyRefused { host, proxy: name, status },
            Closed::Malformed(reason) => TransportFault::MalformedReply { host: name, reason },
            Closed::Broken(error) => classify(Stage::Connect, &name, &error),
        })
    }

    /// Puts TLS around a stream; says which version of HTTP its server chose.
    pub(super) async fn secure(
        &self,
        host: &str,
        tcp: TcpStream,
    ) -> Result<(Stream, http::Version), TransportFault> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| TransportFault::Tls {
            host: host.to_owned(),
            reason: error.to_string(),
        })?;
        let stream = TlsConnector::from(self.tls.clone()).connect(name, tcp).await;
        let stream = stream.map_err(|error| classify(Stage::Tls, host, &error))?;
        let chosen = match stream.get_ref().1.alpn_protocol() {
            Some(tls::HTTP_2) => http::Version::HTTP_2,
            // A server that chooses nothing speaks what there was before there was a choice.
            _ if self.settings.version == Version::Two => {
                return Err(TransportFault::HttpVersion { host: host.to_owned() });
            }
            _ => http::Version::HTTP_11,
        };
        Ok((Stream::Tls(Box::new(stream)), chosen))
    }

    /// The same for servers that speak something else than HTTP: no proxy, and TLS that does not
    /// offer any version of it.
    pub(super) fn without_http(&self) -> Self {
        let settings = Settings { proxy: None, version: Version::Auto, ..self.settings.clone() };
        let mut tls = (*self.tls).clone();
        tls.alpn_protocols = Vec::new();
        let resolver = self.names.resolver().clone();
        Self {
            guard: self.guard.clone(),
            names: Names::new(resolver, settings.resolve.clone(), self.clock.clone()),
            tls: Arc::new(tls),
            // They were there when this one was made.
            locals: Locals::new(&settings.local_addresses).unwrap_or_default(),
            user_agent: self.user_agent.clone(),
            clock: self.clock.clone(),
            settings,
        }
    }

    pub(super) fn too_slow(&self, host: &str) -> TransportFault {
        let limit = Span(self.settings.connect_timeout);
        TransportFault::ConnectTimeout { host: host.to_owned(), limit }
    }
}
