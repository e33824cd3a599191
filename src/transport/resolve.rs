//! Names to addresses: the system's resolver, or a fixed table that records what was asked of it.

use super::guard::is_local_name;
use crate::base::clock::Clock;
use crate::base::document::{Section, Value};
use crate::base::units::Span;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an address found by the system is used without asking again. Long enough that fresh
/// connections do not become a load on the name servers, short enough to follow a tenant that
/// moves.
pub(super) const NAME_LIFE: Duration = Duration::from_secs(5);

/// How often names are asked for, and those that never are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resolve {
    /// Asked again when the answer is so old.
    Every(Duration),
    /// Asked once in a run.
    Pinned,
    /// These have fixed addresses; all others are asked for as usual.
    Fixed(BTreeMap<String, IpAddr>),
}

impl Default for Resolve {
    fn default() -> Self {
        Self::Every(NAME_LIFE)
    }
}

impl Resolve {
    /// Takes the key `resolve`.
    pub(super) fn take(section: &mut Section<'_>) -> Self {
        let Some(item) = section.item("resolve") else { return Self::default() };
        if let Value::Table(_) = item.value {
            return Self::Fixed(read_table(section));
        }
        let text = section.text("resolve").map(|text| text.value);
        match text.as_deref() {
            None => Self::default(),
            Some("pinned") => Self::Pinned,
            Some(text) => text.parse::<Span>().map_or_else(
                |_| {
                    let what =
                        format!("`{}` is `{text}`, which it cannot be", section.name("resolve"));
                    let remedy =
                        "write a time such as `5s`, `pinned`, or a table of names and addresses";
                    section.problems().note(Some(&item.place), what, Some(remedy.to_owned()));
                    Self::default()
                },
                |span| Self::Every(span.0),
            ),
        }
    }

    fn life(&self) -> Duration {
        match self {
            Self::Every(life) => *life,
            Self::Pinned => Duration::MAX,
            Self::Fixed(_) => NAME_LIFE,
        }
    }
}

fn read_table(section: &mut Section<'_>) -> BTreeMap<String, IpAddr> {
    let mut table = BTreeMap::new();
    for (name, address) in section.text_map("resolve") {
        let shown = section.name(&format!("resolve.{name}"));
        let problem = |what: String, remedy: &str| {
            section.problems().note(Some(&address.place), what, Some(remedy.to_owned()));
        };
        let host = name.strip_suffix('.').unwrap_or(&name).to_ascii_lowercase();
        if host.is_empty() || host.parse::<IpAddr>().is_ok() || host.contains([':', '/', '@']) {
            problem(format!("`{shown}` is not a name"), "give host names, without port or scheme");
        } else if let Ok(address) = address.value.parse() {
            table.insert(host, address);
        } else {
            let what = format!("`{shown}` is `{}`, which is not an address", address.value);
            problem(what, "write a number: `\"auth.example.com\" = \"127.0.0.1\"`");
        }
    }
    table
}

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
            // Names of this machine by definition (RFC 6761): asking a name server for them would tell
            // it, and let its answer decide.
            Self::System if is_local_name(host) => {
                Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
            }
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
    rule: Resolve,
    clock: Clock,
    known: tokio::sync::Mutex<BTreeMap<String, (Instant, Vec<IpAddr>)>>,
}

impl Names {
    pub(super) fn new(resolver: Resolver, rule: Resolve, clock: Clock) -> Self {
        Self { resolver, rule, clock, known: tokio::sync::Mutex::default() }
    }

    pub(super) const fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// The addresses of a name, at least one.
    pub(super) async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Resolve::Fixed(table) = &self.rule
            && let Some(address) = table.get(host)
        {
            return Ok(vec![*address]);
        }
        let mut known = self.known.lock().await;
        if let Some((since, addresses)) = known.get(host)
            && self.clock.now().saturating_duration_since(*since) < self.rule.life()
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
    use crate::base::document::{Problems, Table};
    use std::time::SystemTime;

    #[tokio::test]
    async fn a_name_is_asked_for_once_and_again_when_its_address_is_old() {
        let table = FixedNames::new([("a.example", [127, 0, 0, 1].into())]);
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let names = Names::new(Resolver::Fixed(table.clone()), Resolve::default(), clock.clone());
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
        let names = Names::new(Resolver::Fixed(table.clone()), Resolve::default(), Clock::system());
        assert!(names.addresses("b.example").await.is_err());
        assert!(names.addresses("b.example").await.is_err());
        assert_eq!(table.asked(), ["b.example", "b.example"]);
    }

    #[tokio::test]
    async fn the_rule_says_how_often_a_name_is_asked_for() {
        let minute = Duration::from_secs(60);
        for (rule, expected) in [
            (Resolve::default(), 4),
            (Resolve::Every(minute * 2), 2),
            (Resolve::Every(Duration::ZERO), 8),
            (Resolve::Pinned, 1),
            (Resolve::Fixed([("b.example".to_owned(), [127, 0, 0, 2].into())].into()), 4),
            (Resolve::Fixed([("a.example".to_owned(), [127, 0, 0, 2].into())].into()), 0),
        ] {
            let table = FixedNames::new([("a.example", [127, 0, 0, 1].into())]);
            let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
            let names = Names::new(Resolver::Fixed(table.clone()), rule.clone(), clock.clone());
            for _ in 0..4 {
                for _ in 0..2 {
                    let found = names.addresses("a.example").await.unwrap();
                    let fixed = u8::from(expected == 0);
                    assert_eq!(found, [IpAddr::from([127, 0, 0, 1 + fixed])]);
                }
                clock.advance(minute);
            }
            assert_eq!(table.asked().len(), expected, "{rule:?}");
        }
    }

    fn read(text: &str) -> (Resolve, String) {
        let table = Table::parse("p.toml", text).unwrap();
        let problems = Problems::default();
        let rule = Resolve::take(&mut Section::document(&table, &problems));
        let lines = problems.into_sorted().into_iter().map(|problem| {
            format!("{}: {} ({})\n", problem.place.unwrap(), problem.what, problem.remedy.unwrap())
        });
        (rule, lines.collect())
    }

    #[test]
    fn the_key_is_a_time_a_word_or_a_table() {
        assert_eq!(read("").0, Resolve::Every(NAME_LIFE));
        assert_eq!(read("resolve = \"0s\"").0, Resolve::Every(Duration::ZERO));
        assert_eq!(read("resolve = \"pinned\"").0, Resolve::Pinned);
        let table = [("auth.example.com".to_owned(), [127, 0, 0, 1].into())].into();
        let read_table = read("[resolve]\n\"Auth.example.com.\" = \"127.0.0.1\"");
        assert_eq!(read_table, (Resolve::Fixed(table), String::new()));
        let (_, problems) =
            read("[resolve]\n\"127.0.0.1\" = \"127.0.0.1\"\n\"a:81\" = \"127.0.0.1\"\nb = \"c\"\n");
        insta::assert_snapshot!(problems, @r#"
        p.toml:2:15: `resolve.127.0.0.1` is not a name (give host names, without port or scheme)
        p.toml:3:10: `resolve.a:81` is not a name (give host names, without port or scheme)
        p.toml:4:5: `resolve.b` is `c`, which is not an address (write a number: `"auth.example.com" = "127.0.0.1"`)
        "#);
        insta::assert_snapshot!(read("resolve = \"often\"").1, @"p.toml:1:11: `resolve` is `often`, which it cannot be (write a time such as `5s`, `pinned`, or a table of names and addresses)");
    }
}
