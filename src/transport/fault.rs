//! What can go wrong between handing over a request and holding its whole reply.

use super::guard::GuardError;
use crate::base::remedy::Remedy;
use crate::base::units::{Size, Span};
use rustls::AlertDescription;
use std::error::Error;
use std::io;

/// Why there is no reply. Names hosts and reasons, never a path, a header or a body.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TransportFault {
    /// The guard did not let the request out.
    #[error(transparent)]
    Guarded(#[from] GuardError),
    /// The host's name has no address.
    #[error("the name `{host}` cannot be resolved: {reason}")]
    Dns {
        /// The host.
        host: String,
        /// What the resolver says.
        reason: String,
    },
    /// No connection: refused, or no way there.
    #[error("`{host}` does not accept connections: {reason}")]
    ConnectRefused {
        /// The host.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// Name, TCP and TLS together took too long.
    #[error("no connection to `{host}` within {limit}")]
    ConnectTimeout {
        /// The host.
        host: String,
        /// The limit that was reached.
        limit: Span,
    },
    /// The TLS handshake failed, or the session broke.
    #[error("TLS with `{host}` failed: {reason}")]
    Tls {
        /// The host.
        host: String,
        /// What the TLS library says.
        reason: String,
    },
    /// The server did not choose the version of HTTP that alone was offered.
    #[error("`{host}` did not choose HTTP/2 in the TLS handshake")]
    HttpVersion {
        /// The host.
        host: String,
    },
    /// The proxy did not open a way to the host, or would not pass on the request.
    #[error("the proxy `{proxy}` does not let calls to `{host}` through: status {status}")]
    ProxyRefused {
        /// The host.
        host: String,
        /// The proxy's host and port.
        proxy: String,
        /// The status of its answer.
        status: u16,
    },
    /// The connection ended before the reply was whole.
    #[error("`{host}` ended the connection before the reply was whole: {reason}")]
    Reset {
        /// The host.
        host: String,
        /// How it ended.
        reason: String,
    },
    /// The reply was not whole in time.
    #[error("no whole reply from `{host}` within {limit}")]
    ReadTimeout {
        /// The host.
        host: String,
        /// The limit that was reached.
        limit: Span,
    },
    /// The reply is larger than allowed; the rest was not read.
    #[error("the reply of `{host}` is larger than {limit}")]
    OversizedReply {
        /// The host.
        host: String,
        /// The limit that was exceeded.
        limit: Size,
    },
    /// What came is not HTTP.
    #[error("the reply of `{host}` is not HTTP: {reason}")]
    MalformedReply {
        /// The host.
        host: String,
        /// What could not be read.
        reason: String,
    },
    /// This machine has no socket left.
    #[error("this machine has no socket left for `{host}`: {reason}")]
    OutOfSockets {
        /// The host.
        host: String,
        /// What the system says.
        reason: String,
    },
}

impl TransportFault {
    /// The name under which the fault is counted and reported.
    pub const fn slug(&self) -> &'static str {
        match self {
            Self::Guarded(error) => error.slug(),
            Self::Dns { .. } => "dns",
            Self::ConnectRefused { .. } => "connect-refused",
            Self::ConnectTimeout { .. } => "connect-timeout",
            Self::Tls { .. } => "tls",
            Self::HttpVersion { .. } => "http-version",
            Self::ProxyRefused { .. } => "proxy-refused",
            Self::Reset { .. } => "reset",
            Self::ReadTimeout { .. } => "read-timeout",
            Self::OversizedReply { .. } => "oversized-reply",
            Self::MalformedReply { .. } => "malformed-reply",
            Self::OutOfSockets { .. } => "out-of-sockets",
        }
    }

    /// Whether the request may have reached the host.
    pub const fn may_have_arrived(&self) -> bool {
        matches!(
            self,
            Self::Reset { .. }
                | Self::ReadTimeout { .. }
                | Self::OversizedReply { .. }
                | Self::MalformedReply { .. }
        )
    }
}

impl Remedy for TransportFault {
    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Guarded(error) => return error.remedy(),
            Self::Dns { .. } => "check the host's spelling and this machine's name resolution",
            Self::ConnectRefused { .. } => "check that the tenant is up and the port is right",
            Self::ConnectTimeout { .. } => {
                "check the way there (firewall, proxy), or raise `http.connect_timeout`"
            }
            Self::Tls { .. } => {
                "if the tenant's certificate comes from an authority of your own, name its file in `http.ca_file`"
            }
            Self::HttpVersion { .. } => {
                "set `http.version` to `auto`, or to `1.1` if that is what is to be measured"
            }
            Self::ProxyRefused { status: 407, .. } => {
                "give user name and password in `http.proxy`: `http://user:${PROXY_PASSWORD}@host:port`"
            }
            Self::ProxyRefused { .. } => {
                "ask whoever runs the proxy to let the host through, or leave `http.proxy` out"
            }
            Self::Reset { .. } | Self::MalformedReply { .. } => return None,
            Self::ReadTimeout { .. } => "raise `http.reply_timeout` if such replies are expected",
            Self::OversizedReply { .. } => "raise `http.max_reply` if such replies are expected",
            Self::OutOfSockets { .. } => {
                "raise the limit of open files (`ulimit -n`), use fewer users, or set `http.connections` to `per-user`"
            }
        };
        Some(text.to_owned())
    }
}

/// At what point something broke, which decides what an error of the system means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    Name,
    Connect,
    Tls,
    Reply,
}

/// Reads an error, whatever library wrapped it, by its innermost known cause.
pub(super) fn classify(stage: Stage, host: &str, error: &(dyn Error + 'static)) -> TransportFault {
    let host = host.to_owned();
    let mut chain = Vec::new();
    let mut link = Some(error);
    while let Some(cause) = link {
        chain.push(cause);
        // An I/O error keeps what it wraps to itself, and so does one of HTTP/2.
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let inner = inner.map(|inner| inner as &(dyn Error + 'static));
        let http2 = cause.downcast_ref::<h2::Error>().and_then(h2::Error::get_io);
        let http2 = http2.map(|inner| inner as &(dyn Error + 'static));
        link = inner.or(http2).or_else(|| cause.source());
    }
    if let Some(known) = find::<TransportFault>(&chain) {
        return known.clone();
    }
    if let Some(guarded) = find::<GuardError>(&chain) {
        return guarded.clone().into();
    }
    if let Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)) =
        find::<rustls::Error>(&chain)
    {
        return TransportFault::HttpVersion { host };
    }
    if let Some(tls) = find::<rustls::Error>(&chain) {
        return TransportFault::Tls { host, reason: tls.to_string() };
    }
    if let Some(hyper) = find::<hyper::Error>(&chain) {
        if hyper.is_parse() {
            return TransportFault::MalformedReply { host, reason: hyper.to_string() };
        }
        if hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed() {
            return TransportFault::Reset { host, reason: hyper.to_string() };
        }
    }
    if let Some(http2) = find::<h2::Error>(&chain).filter(|http2| !http2.is_io()) {
        let reason = said_in_http2(http2);
        return if http2.is_library() {
            TransportFault::MalformedReply { host, reason }
        } else {
            TransportFault::Reset { host, reason }
        };
    }
    let Some(system) = find::<io::Error>(&chain) else {
        let reason = chain.last().map_or_else(String::new, ToString::to_string);
        return of_stage(stage, host, reason);
    };
    // Two limits of this machine, by their numbers on every Unix: too many open files.
    let files = matches!(system.raw_os_error(), Some(23 | 24));
    let reason = system.to_string();
    // h2 keeps the text of such an error alone, and no socket makes one: it is of TLS.
    let of_tls = find::<h2::Error>(&chain).is_some() && system.kind() == io::ErrorKind::InvalidData;
    match system.kind() {
        _ if of_tls => TransportFault::Tls { host, reason },
        _ if files => TransportFault::OutOfSockets { host, reason },
        io::ErrorKind::AddrNotAvailable => TransportFault::OutOfSockets { host, reason },
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput if stage == Stage::Reply => {
            TransportFault::MalformedReply { host, reason }
        }
        _ => of_stage(stage, host, reason),
    }
}

/// Without the text that may come with a GOAWAY, which is the server's.
fn said_in_http2(error: &h2::Error) -> String {
    let frame = match (error.is_go_away(), error.is_reset()) {
        (true, _) => "GOAWAY",
        (_, true) => "RST_STREAM",
        _ => "HTTP/2",
    };
    let whose = if error.is_remote() { "received" } else { "sent" };
    error.reason().map_or_else(|| error.to_string(), |why| format!("{frame} {whose}: {why}"))
}

fn find<'e, T: Error + 'static>(chain: &[&'e (dyn Error + 'static)]) -> Option<&'e T> {
    chain.iter().rev().find_map(|cause| cause.downcast_ref::<T>())
}

fn of_stage(stage: Stage, host: String, reason: String) -> TransportFault {
    match stage {
        Stage::Name => TransportFault::Dns { host, reason },
        Stage::Connect => TransportFault::ConnectRefused { host, reason },
        Stage::Tls => TransportFault::Tls { host, reason },
        Stage::Reply => TransportFault::Reset { host, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_are_read_by_their_stage() {
        let of = |code: i32| io::Error::from_raw_os_error(code);
        for (stage, error, slug) in [
            (Stage::Connect, of(111), "connect-refused"),
            (Stage::Connect, of(113), "connect-refused"),
            (Stage::Connect, of(99), "out-of-sockets"),
            (Stage::Connect, of(24), "out-of-sockets"),
            (Stage::Name, of(23), "out-of-sockets"),
            (Stage::Name, io::Error::other("no such name"), "dns"),
            (Stage::Tls, io::ErrorKind::UnexpectedEof.into(), "tls"),
            (Stage::Tls, io::Error::other(rustls::Error::DecryptError), "tls"),
            (Stage::Reply, io::Error::other(rustls::Error::DecryptError), "tls"),
            (Stage::Reply, of(104), "reset"),
            (Stage::Reply, of(32), "reset"),
            (Stage::Reply, io::ErrorKind::UnexpectedEof.into(), "reset"),
            (Stage::Reply, io::ErrorKind::InvalidInput.into(), "malformed-reply"),
        ] {
            assert_eq!(classify(stage, "h", &error).slug(), slug, "{stage:?} {error}");
        }
    }

    #[test]
    fn a_refusal_of_the_guard_keeps_its_name_through_every_wrapping() {
        let refusal = GuardError::Foreign { host: "evil.example".to_owned() };
        let wrapped = io::Error::other(io::Error::other(refusal.clone()));
        assert_eq!(classify(Stage::Name, "h", &wrapped), refusal.into());
    }

    #[test]
    fn a_message_names_the_host_the_reason_and_the_way_out() {
        let error = io::Error::from_raw_os_error(24);
        let fault = classify(Stage::Connect, "auth.example.com", &error);
        insta::assert_snapshot!(format!("{fault}\n{}", fault.remedy().unwrap()), @r"
        this machine has no socket left for `auth.example.com`: Too many open files (os error 24)
        raise the limit of open files (`ulimit -n`), use fewer users, or set `http.connections` to `per-user`
        ");
    }
}
