//! Names to addresses: the system's resolver, or a fixed table that records what was asked of it.

use crate::base::clock::Clock;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an address found by the system is used without asking again. Long enough that fresh
/// connections do not become a load on the name servers, short enough to follow a tenant that
/// moves.
pub(super) const NAME_LIFE: Duration = Duration::from_secs(5);

/// Who turns names into addresses.
#[derive(Clone, Debug, Default)]
pub enum Resolver {
    /// This machine's resolver.
    #[default]
    System,
    /// A table, for tests.
    Fixed(Arc<FixedNames>),
}

/// Names with fixed addresses, and a record of what was resolved and dialled.
#[derive(Debug, Default)]
pub struct FixedNames {
    names: BTreeMap<String, Vec<IpAddr>>,
    asked: Mutex<Vec<String>>,
    dialled: Mutex<Vec<SocketAddr>>,
}

impl FixedNames {
    /// A table of names; all others have no address.
    pub fn new<'a>(names: impl IntoIterator<Item = (&'a str, IpAddr)>) -> Arc<Self> {
        let mut table: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for (name, address) in names {
            table.entry(name.to_owned()).or_default().push(address);
        }
        Arc::new(Self { names: table, ..Self::default() })
    }

    /// The names asked for so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The addresses that a connection was opened to, or tried to be.
    pub fn dialled(&self) -> Vec<SocketAddr> {
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Resolver {
    /// Notes that a connection is about to be opened.
    pub(super) fn note_dial(&self, address: SocketAddr) {
        if let Self::Fixed(table) = self {
            table.dialled.lock().unwrap_or_else(PoisonError::into_inner).push(address);
        }
    }

    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::System => {
                let found = tokio::net::lookup_host((host, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            }
            Self::Fixed(table) => {
                table.asked.lock().unwrap_or_else(PoisonError::into_inner).push(host.to_owned());
                let none = || io::Error::new(io::ErrorKind::NotFound, "no such name");
                table.names.get(host).cloned().ok_or_else(none)
            }
        }
    }
}

/// A resolver with a short memory; one look-up at a time, so that a thousand users who start at
/// once ask once.
#[derive(Debug)]
pub(super) struct Names {
    resolver: Resolver,
    clock: Clock,
    known: tokio::sync::Mutex<BTreeMap<String, (Instant, Vec<IpAddr>)>>,
}

impl Names {
    pub(super) fn new(resolver: Resolver, clock: Clock) -> Self {
        Self { resolver, clock, known: tokio::sync::Mutex::default() }
    }

    pub(super) const fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// The addresses of a name, at least one.
    pub(super) async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut known = self.known.lock().await;
        if let Some((since, addresses)) = known.get(host)
            && self.clock.now().saturating_duration_since(*since) < NAME_LIFE
        {
            return Ok(addresses.clone());
        }
        let addresses = self.resolver.look_up(host).await?;
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        known.insert(host.to_owned(), (self.clock.now(), addresses.clone()));
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[tokio::test]
    async fn a_name_is_asked_for_once_and_again_when_its_address_is_old() {
        let table = FixedNames::new([("a.example", [127, 0, 0, 1].into())]);
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let names = Names::new(Resolver::Fixed(table.clone()), clock.clone());
        for _ in 0..3 {
            assert_eq!(names.addresses("a.example").await.unwrap().len(), 1);
        }
        assert_eq!(table.asked().len(), 1);
        clock.advance(NAME_LIFE);
        names.addresses("a.example").await.unwrap();
        assert_eq!(table.asked().len(), 2);
    }

    #[tokio::test]
    async fn a_name_without_an_address_is_an_error_each_time() {
        let table = FixedNames::new([]);
        let names = Names::new(Resolver::Fixed(table.clone()), Clock::system());
        assert!(names.addresses("b.example").await.is_err());
        assert!(names.addresses("b.example").await.is_err());
        assert_eq!(table.asked(), ["b.example", "b.example"]);
    }
}
