//! Addresses to be watched at: read, bound before any load, and told apart from each other.

use crate::base::remedy::Remedy;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

/// Why nobody can watch at an address.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// It cannot be listened on.
    #[error("`{flag}` cannot listen on {address}: {source}")]
    Listen {
        /// Which flag asked for it.
        flag: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Two flags name one address.
    #[error("`{first}` and `{second}` both want {address}")]
    Twice {
        /// One flag.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// The address.
        address: SocketAddr,
    },
}

impl Remedy for DoorError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Listen { flag, address, .. } => {
                format!("choose another port, or a free one with `{flag} {}:0`", host(address.ip()))
            }
            Self::Twice { .. } => "give each a port of its own; port 0 is a free one".to_owned(),
        })
    }
}

/// Reads an address to listen on: `127.0.0.1:9464`, `[::1]:0`, `localhost:9464`, or `:9464` for this
/// machine alone.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let named = (host.is_empty() || host.eq_ignore_ascii_case("localhost"))
        .then(|| port.parse().ok().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
    let read = named.unwrap_or_else(|| text.parse().ok());
    read.ok_or_else(|| {
        "write an address and a port, such as `127.0.0.1:9464`; port 0 is a free one".to_owned()
    })
}

/// Listens on an address, before anything is sent anywhere. `others` are those of other flags.
pub fn listen(
    flag: &'static str,
    address: SocketAddr,
    others: &[(&'static str, SocketAddr)],
) -> Result<TcpListener, DoorError> {
    for (first, other) in others {
        if address.port() != 0 && address == *other {
            return Err(DoorError::Twice { first, second: flag, address });
        }
    }
    let failed = |source| DoorError::Listen { flag, address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// An address as a link has it.
pub fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, read) in [
            ("127.0.0.1:9464", "127.0.0.1:9464"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("[::1]:80", "[::1]:80"),
            ("localhost:9464", "127.0.0.1:9464"),
            (":9464", "127.0.0.1:9464"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), read, "{text}");
        }
        for text in
            ["", "9464", "127.0.0.1", "127.0.0.1:", ":x", "::1:80", "example.com:80", "1:99999"]
        {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_is_listened_on_once() {
        let first = listen("--live", address("127.0.0.1:0").unwrap(), &[]).unwrap();
        let taken = first.local_addr().unwrap();
        let busy = listen("--prometheus", taken, &[]).unwrap_err();
        assert!(busy.to_string().starts_with("`--prometheus` cannot listen on 127.0.0.1:"));
        assert!(busy.remedy().unwrap().contains("`--prometheus 127.0.0.1:0`"));
        let twice = listen("--prometheus", taken, &[("--live", taken)]).unwrap_err();
        assert!(twice.to_string().starts_with("`--live` and `--prometheus` both want"), "{twice}");
        let free = "127.0.0.1:0".parse().unwrap();
        assert!(listen("--prometheus", free, &[("--live", free)]).is_ok());
    }
}
