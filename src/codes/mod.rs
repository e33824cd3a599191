//! One-time codes: where they come from, and how each reaches the user who asked for it.

pub mod certificate;
pub mod credentials;
pub mod door;
pub mod extract;
pub mod http_mailbox;
pub mod http_provider;
pub mod imap;
mod imap_stream;
pub mod layout;
pub mod mail;
mod mailbox_client;
mod mailbox_reader;
pub mod office;
pub mod reach;
pub mod reception;
pub mod reply;
pub mod seen;
pub mod settings;
pub mod smtp_session;
pub mod smtp_sink;
mod watch;

#[cfg(test)]
mod imap_tests;
#[cfg(test)]
mod mailbox_tests;

use crate::base::clock::Clock;
use crate::base::remedy::Remedy;
use crate::base::secret::Secret;
use door::{DoorError, Encryption};
use http_mailbox::{HttpMailbox, MailboxError};
use http_provider::HttpProvider;
use imap::{ImapError, ImapMailbox};
use office::Office;
use reach::Reach;
use reply::ReplyCode;
use settings::{Settings, Source};
use smtp_sink::SmtpSink;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A running source of codes. It ends when it is dropped.
#[derive(Debug)]
pub enum CodeSource {
    /// Mails are delivered to us over SMTP.
    SmtpSink(SmtpSink),
    /// Notifications are posted to us.
    HttpProvider(HttpProvider),
    /// We ask a mailbox over HTTP.
    HttpMailbox(HttpMailbox),
    /// We read a mailbox over IMAP.
    Imap(ImapMailbox),
    /// Codes come without anybody's doing.
    None,
}

/// Where an iteration gets its codes.
#[derive(Clone, Debug)]
pub enum Pickup {
    /// From the office, where they arrive by mail.
    Office(Office),
    /// Out of the flow's own replies.
    Reply(ReplyCode),
    /// It is always the same.
    Fixed(Secret),
}

/// Why a source cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nobody can be let in.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The mailbox cannot be asked.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// The mailbox cannot be read.
    #[error(transparent)]
    Imap(#[from] ImapError),
}

impl Remedy for SourceError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Door(error) => error.remedy(),
            Self::Mailbox(error) => error.remedy(),
            Self::Imap(error) => error.remedy(),
        }
    }
}

/// How somebody on this machine delivers to a source: the embedded stand-in.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The way there.
    pub way: Way,
    /// When TLS begins.
    pub tls: Encryption,
    /// The authority to trust, in PEM, where the certificate is none of files.
    pub authority: Option<String>,
    /// Name to bring.
    pub user: Option<String>,
    /// Password to bring.
    pub password: Option<Secret>,
    /// Token to bring.
    pub token: Option<Secret>,
}

/// By mail, or posted.
#[derive(Clone, Debug)]
pub enum Way {
    /// An SMTP server's address.
    Smtp(SocketAddr),
    /// The address of a notification provider.
    Http(String),
}

impl Settings {
    /// Where iterations get their codes; those that come by mail go through `office`.
    pub fn pickup(&self, office: &Office) -> Pickup {
        match &self.source {
            Source::Reply(pointer) => {
                Pickup::Reply(ReplyCode { pointer: pointer.clone(), pattern: self.pattern.clone() })
            }
            Source::Fixed(code) => Pickup::Fixed(code.clone()),
            _ => Pickup::Office(office.clone()),
        }
    }
}

/// How this machine reaches an address that is listened at: one that stands for all of them is no
/// address to deliver to.
pub(super) fn reached_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl CodeSource {
    /// Starts the source that the profile names. Codes reach their waiters through `office`.
    pub async fn start(
        settings: &Settings,
        office: &Office,
        clock: &Clock,
        reach: &Reach,
    ) -> Result<Self, SourceError> {
        let (pattern, office, clock) = (&settings.pattern, office.clone(), clock.clone());
        Ok(match &settings.source {
            Source::SmtpSink(own) => {
                Self::SmtpSink(SmtpSink::start(own, pattern, office, clock).await?)
            }
            Source::HttpProvider(own) => {
                Self::HttpProvider(HttpProvider::start(own, pattern, office, clock).await?)
            }
            Source::HttpMailbox(own) => {
                Self::HttpMailbox(HttpMailbox::start(own, pattern, (office, clock), reach).await?)
            }
            Source::Imap(own) => {
                Self::Imap(ImapMailbox::start(own, pattern, (office, clock), reach).await?)
            }
            Source::Reply(_) | Source::Fixed(_) => Self::None,
        })
    }

    /// How the embedded stand-in delivers here; none where the profile has to say where its mail goes.
    pub fn delivery(&self) -> Option<Delivery> {
        match self {
            Self::SmtpSink(sink) => {
                let settings = sink.settings();
                let known = settings.credentials.as_ref();
                Some(Delivery {
                    way: Way::Smtp(reached_here(sink.address())),
                    tls: settings.door.tls,
                    authority: sink.authority().map(str::to_owned),
                    user: known.map(|known| known.user.clone()),
                    password: known.map(|known| known.password.clone()),
                    token: None,
                })
            }
            Self::HttpProvider(provider) => {
                let settings = provider.settings();
                let known = settings.credentials.as_ref();
                Some(Delivery {
                    way: Way::Http(provider.url()),
                    tls: settings.door.tls,
                    authority: provider.authority().map(str::to_owned),
                    user: known.map(|known| known.user.clone()),
                    password: known.map(|known| known.password.clone()),
                    token: settings.token.clone(),
                })
            }
            Self::HttpMailbox(_) | Self::Imap(_) | Self::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_stands_for_all_is_reached_over_loopback() {
        for (listened, reached) in [
            ("0.0.0.0:25", "127.0.0.1:25"),
            ("[::]:25", "[::1]:25"),
            ("127.0.0.1:25", "127.0.0.1:25"),
            ("192.0.2.1:25", "192.0.2.1:25"),
        ] {
            assert_eq!(reached_here(listened.parse().unwrap()), reached.parse().unwrap());
        }
    }
}
