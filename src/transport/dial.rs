//! Opening a connection: the guard, the name, TCP, TLS; each timed, all within one limit.

use super::connection::Connection;
use super::fault::Stage;
use super::fault::TransportFault;
use super::fault::classify;
use super::guard::Guard;
use super::guard::Origin;
use super::resolve::Names;
use super::settings::Settings;
use super::stream::Stream;
use crate::base::clock::Clock;
use crate::base::units::Span;
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
    /// Finding the address; next to nothing where it was known.
    pub name: Duration,
    /// Opening the TCP connection, addresses that did not answer included.
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
    pub(super) settings: Settings,
    pub(super) clock: Clock,
}

impl Dialer {
    /// Opens a connection to an origin.
    pub(super) async fn connect(
        &self,
        origin: &Origin,
    ) -> Result<(Connection, ConnectTime), TransportFault> {
        self.guard.admit_origin(origin)?;
        let limit = self.settings.connect_timeout;
        match timeout(limit, self.open(origin)).await {
            Ok(opened) => opened,
            Err(_) => Err(self.too_slow(origin.host())),
        }
    }

    /// The addresses of a host, every one of them admitted.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, TransportFault> {
        let found = self.names.addresses(host).await;
        let found = found.map_err(|error| classify(Stage::Name, host, &error))?;
        found.iter().try_for_each(|address| self.guard.admit_address(host, *address))?;
        Ok(found)
    }

    async fn open(&self, origin: &Origin) -> Result<(Connection, ConnectTime), TransportFault> {
        let host = origin.host();
        let began = self.clock.now();
        let addresses = match origin.literal() {
            Some(address) => {
                self.guard.admit_address(host, address)?;
                vec![address]
            }
            None => self.addresses(host).await?,
        };
        let named = self.clock.now();
        let tcp = self.dial(host, &addresses, origin.port()).await?;
        let connected = self.clock.now();
        let mut time = ConnectTime { name: named - began, tcp: connected - named, tls: None };
        let stream = if origin.is_https() {
            let stream = self.secure(host, tcp).await?;
            time.tls = Some(self.clock.now() - connected);
            stream
        } else {
            Stream::Plain(tcp)
        };
        let connection = Connection::over(stream).await;
        Ok((connection.map_err(|error| classify(Stage::Connect, host, &error))?, time))
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
            fault = match timeout(share, TcpStream::connect(address)).await {
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

    async fn secure(&self, host: &str, tcp: TcpStream) -> Result<Stream, TransportFault> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| TransportFault::Tls {
            host: host.to_owned(),
            reason: error.to_string(),
        })?;
        let stream = TlsConnector::from(self.tls.clone()).connect(name, tcp).await;
        let stream = stream.map_err(|error| classify(Stage::Tls, host, &error))?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    fn too_slow(&self, host: &str) -> TransportFault {
        let limit = Span(self.settings.connect_timeout);
        TransportFault::ConnectTimeout { host: host.to_owned(), limit }
    }
}
