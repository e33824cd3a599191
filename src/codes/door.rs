//! Where a source of codes is reached from outside: the address it listens at, who may, with or
//! without TLS; and the connections that come in, a bounded number at a time.

use super::certificate::{Certificate, CertificateError, Identity};
use crate::base::document::Section;
use crate::base::remedy::Remedy;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

/// Where to listen, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DoorSettings {
    /// The address. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether other machines may reach it.
    pub expose: bool,
    /// Whether TLS is spoken.
    pub tls: Encryption,
    /// Files of the certificate and its key; none to make one for this machine.
    pub certificate: Option<Certificate>,
}

/// When TLS begins on a connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Encryption {
    /// Never.
    #[default]
    Off,
    /// When the client asks for it; nothing of weight is done before.
    StartTls,
    /// At once.
    Implicit,
}

/// What `tls` may be, as the profile writes it.
pub const ENCRYPTIONS: &[(&str, Encryption)] = &[
    ("off", Encryption::Off),
    ("starttls", Encryption::StartTls),
    ("implicit", Encryption::Implicit),
];

/// Why nobody can be let in.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Other machines could reach it, and nobody asked for that.
    #[error("codes would be received at {address}, where other machines can reach it")]
    Exposed { address: SocketAddr },
    /// The address cannot be listened at.
    #[error("codes cannot be received at {address}")]
    Unbound {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    /// There is no certificate to speak TLS with.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl Remedy for DoorError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Exposed { .. } => {
                "listen at 127.0.0.1, or set `codes.expose = true` if the tenant delivers its mail here"
                    .to_owned()
            }
            Self::Unbound { address, .. } => format!(
                "set `codes.listen` to an address of this machine with a port that nothing else uses, not {address}"
            ),
            Self::Certificate(error) => return error.remedy(),
        })
    }
}

/// Connections at a time. With a mail of the largest size in each they take 256 MiB.
const MOST_CONNECTIONS: usize = 256;

/// Pause after a connection could not be accepted, for instance for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An open door. Dropping it closes its port and all connections.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    identity: Option<Identity>,
    acceptor: AbortHandle,
}

impl Default for DoorSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            expose: false,
            tls: Encryption::Off,
            certificate: None,
        }
    }
}

impl DoorSettings {
    /// Takes `listen`, `expose`, `tls`, `certificate` and `key`; what is not said keeps its default.
    /// `encryptions` are the words that `tls` may be.
    pub fn read(section: &mut Section<'_>, encryptions: &[(&'static str, Encryption)]) -> Self {
        let defaults = Self::default();
        let settings = Self {
            listen: listen(section).unwrap_or(defaults.listen),
            expose: section.flag("expose").unwrap_or(defaults.expose),
            tls: section.choice("tls", encryptions).unwrap_or_default(),
            certificate: certificate(section),
        };
        if !settings.expose && !settings.listen.ip().is_loopback() {
            let place = section.item("listen").map(|item| &item.place);
            let what = format!("`{}` can be reached from other machines", section.name("listen"));
            let remedy =
                "use 127.0.0.1, or set `expose = true` if the tenant delivers its mail here";
            section.problems().note(place, what, Some(remedy.to_owned()));
        }
        if settings.tls == Encryption::Off && settings.certificate.is_some() {
            let place = section.item("certificate").map(|item| &item.place);
            let what = format!("`{}` is never shown to anybody", section.name("certificate"));
            let remedy = "set `tls` to a word that means TLS, or leave the certificate out";
            section.problems().note(place, what, Some(remedy.to_owned()));
        }
        settings
    }
}

impl DoorSettings {
    /// Refuses a door that other machines reach and where a password or token comes in without TLS.
    pub fn refuse_in_the_clear(&self, section: &mut Section<'_>, asks_who: bool) {
        let is_near = !self.expose || self.listen.ip().is_loopback();
        if !asks_who || is_near || self.tls != Encryption::Off {
            return;
        }
        let place = section.item("expose").map(|item| &item.place);
        let what = "the tenant's password or token would come in in the clear";
        let remedy = "set `tls`, or listen at 127.0.0.1 behind something that speaks TLS";
        section.problems().note(place, what, Some(remedy.to_owned()));
    }
}

impl Door {
    /// Begins to listen. Every connection is handed to `serve`, whose future ends it; `busy` is sent
    /// to those for whom there is no room.
    pub async fn open<F>(
        settings: &DoorSettings,
        busy: &'static [u8],
        serve: impl Fn(TcpStream, Option<Identity>) -> F + Send + Sync + 'static,
    ) -> Result<Self, DoorError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = settings.listen;
        if !settings.expose && !address.ip().is_loopback() {
            return Err(DoorError::Exposed { address });
        }
        let identity = match settings.tls {
            Encryption::Off => None,
            Encryption::StartTls | Encryption::Implicit => {
                Some(Identity::of(settings.certificate.as_ref(), address.ip())?)
            }
        };
        let unbound = |source| DoorError::Unbound { address, source };
        let listener = TcpListener::bind(address).await.map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        let handed = identity.clone();
        let serve = move |stream| serve(stream, handed.clone());
        let acceptor = tokio::spawn(accept(listener, busy, serve)).abort_handle();
        Ok(Self { address, identity, acceptor })
    }

    /// Where it listens, with the port that was taken.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority that a client has to trust, in PEM, where the certificate was made here.
    pub fn authority(&self) -> Option<&str> {
        self.identity.as_ref()?.authority.as_deref()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

/// Accepts until it is aborted, and takes its connections with it.
async fn accept<F>(listener: TcpListener, busy: &'static [u8], serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((mut stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            // The client may try again; what it does with the reply is its own affair.
            let _ = stream.try_write(busy);
            let _ = stream.shutdown().await;
            continue;
        };
        let served = serve(stream);
        connections.spawn(async move {
            served.await;
            drop(place);
        });
    }
}

/// The address to listen at. One that cannot be read is noted as a problem.
fn listen(section: &mut Section<'_>) -> Option<SocketAddr> {
    let item = section.item("listen")?;
    let sited = section.text("listen")?;
    let parsed = sited.value.parse().ok();
    if parsed.is_none() && item.is_filled_in() {
        section.unreadable("listen", item);
    } else if parsed.is_none() {
        let what = format!(
            "`{}`: `{}` is not an address to listen at",
            section.name("listen"),
            sited.value
        );
        let remedy = "write address and port, such as `127.0.0.1:2525`; port 0 takes a free one";
        section.problems().note(Some(&sited.place), what, Some(remedy.to_owned()));
    }
    parsed
}

/// Both files or neither.
fn certificate(section: &mut Section<'_>) -> Option<Certificate> {
    let path =
        |section: &mut Section<'_>, key| section.text(key).map(|text| PathBuf::from(text.value));
    match (path(section, "certificate"), path(section, "key")) {
        (Some(chain), Some(key)) => Some(Certificate { chain, key }),
        (None, None) => None,
        (Some(_), None) => {
            section.missing("key", "name the file of the certificate's private key");
            None
        }
        (None, Some(_)) => {
            section.missing("certificate", "name the file of the certificate that the key is of");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(settings: &DoorSettings) -> Result<Door, DoorError> {
        Door::open(settings, b"busy", |_, _| async {}).await
    }

    #[tokio::test]
    async fn an_address_that_others_can_reach_is_refused_unless_asked_for() {
        let open_to_all =
            DoorSettings { listen: "0.0.0.0:0".parse().unwrap(), ..DoorSettings::default() };
        let error = open(&open_to_all).await.unwrap_err();
        assert!(matches!(error, DoorError::Exposed { .. }) && error.remedy().is_some());
    }

    #[tokio::test]
    async fn a_taken_port_is_named_in_the_error() {
        let door = open(&DoorSettings::default()).await.unwrap();
        let taken = DoorSettings { listen: door.address(), ..DoorSettings::default() };
        let error = open(&taken).await.unwrap_err();
        assert!(error.to_string().contains(&door.address().to_string()), "{error}");
    }

    #[tokio::test]
    async fn a_dropped_door_frees_its_port() {
        let door = open(&DoorSettings::default()).await.unwrap();
        let again = DoorSettings { listen: door.address(), ..DoorSettings::default() };
        drop(door);
        // The acceptor is aborted when it is next scheduled; binding waits for nothing.
        let mut opened = open(&again).await;
        while opened.is_err() {
            tokio::task::yield_now().await;
            opened = open(&again).await;
        }
    }

    #[tokio::test]
    async fn a_certificate_that_is_made_comes_with_the_authority_to_trust() {
        let mut settings = DoorSettings::default();
        assert_eq!(open(&settings).await.unwrap().authority(), None);
        settings.tls = Encryption::StartTls;
        let door = open(&settings).await.unwrap();
        assert!(door.authority().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    }
}
