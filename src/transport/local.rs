//! The addresses of this machine that connections go out from.

use super::tls::SetUpError;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpSocket, TcpStream};

/// The addresses given, taken in turn; with none the system chooses.
#[derive(Debug, Default)]
pub(super) struct Locals {
    addresses: Vec<IpAddr>,
    next: AtomicUsize,
}

impl Locals {
    /// Takes the addresses; each must be one of this machine.
    pub(super) fn new(addresses: &[IpAddr]) -> Result<Self, SetUpError> {
        for address in addresses {
            // Nothing is sent: the socket is only asked whether it could be.
            let bound = UdpSocket::bind(SocketAddr::new(*address, 0));
            bound.map_err(|error| SetUpError::LocalAddress {
                address: *address,
                reason: error.to_string(),
            })?;
        }
        Ok(Self { addresses: addresses.to_vec(), next: AtomicUsize::new(0) })
    }

    /// The first address, for a client that takes one only.
    pub(super) fn first(&self) -> Option<IpAddr> {
        self.addresses.first().copied()
    }

    /// Opens a TCP connection from the address whose turn it is.
    pub(super) async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        if self.addresses.is_empty() {
            return TcpStream::connect(to).await;
        }
        let Some(from) = self.turn(to.is_ipv4()) else {
            let what = "`http.local_addresses` has none of the kind of the address dialled";
            return Err(io::Error::other(what));
        };
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // With every port of an address taken, Linux says that the address is in use.
        let out_of_ports = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => io::ErrorKind::AddrNotAvailable.into(),
            _ => error,
        };
        socket.bind(SocketAddr::new(from, 0)).map_err(out_of_ports)?;
        socket.connect(to).await
    }

    fn turn(&self, ipv4: bool) -> Option<IpAddr> {
        let fitting = || self.addresses.iter().filter(|address| address.is_ipv4() == ipv4);
        let count = fitting().count();
        let turn = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(count)?;
        fitting().nth(turn).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_kind_are_taken_in_turn() {
        let texts = ["127.0.0.2", "::1", "127.0.0.3"];
        let addresses: Vec<IpAddr> = texts.iter().map(|text| text.parse().unwrap()).collect();
        let locals = Locals { addresses: addresses.clone(), next: AtomicUsize::new(0) };
        let turns: Vec<_> = (0..4).map(|_| locals.turn(true).unwrap()).collect();
        assert_eq!(turns, [addresses[0], addresses[2], addresses[0], addresses[2]]);
        assert_eq!(locals.turn(false), Some(addresses[1]));
        assert_eq!(Locals::default().turn(true), None);
    }

    #[test]
    fn an_address_of_another_machine_is_found_before_the_first_connection() {
        assert!(Locals::new(&["127.0.0.9".parse().unwrap()]).is_ok());
        let error = Locals::new(&["192.0.2.1".parse().unwrap()]).unwrap_err();
        assert!(matches!(error, SetUpError::LocalAddress { .. }), "{error}");
    }

    #[tokio::test]
    async fn an_address_of_the_wrong_kind_is_not_dialled() {
        let locals = Locals::new(&["::1".parse().unwrap()]).unwrap_or_default();
        if locals.first().is_some() {
            let error = locals.connect("127.0.0.1:9".parse().unwrap()).await.unwrap_err();
            assert!(error.to_string().contains("local_addresses"), "{error}");
        }
    }
}
