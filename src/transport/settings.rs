//! The profile's `[http]` table.

use super::proxy::Proxy;
use super::resolve::Resolve;
use crate::base::document::Section;
use crate::base::units::{Size, Span};
use http::{HeaderName, HeaderValue};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How exchanges are carried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Whose connections; none means [`Connections::Shared`] where only this machine can be called
    /// and [`Connections::PerIteration`] elsewhere.
    pub connections: Option<Connections>,
    /// The most that name, TCP and TLS may take together.
    pub connect_timeout: Duration,
    /// The most that a reply may take, from handing over the request to the last byte.
    pub reply_timeout: Duration,
    /// The largest reply body, in bytes.
    pub max_reply: u64,
    /// PEM file of the authorities to trust instead of this machine's.
    pub ca_file: Option<PathBuf>,
    /// Authorities in PEM to trust besides, of a stand-in that made its own. No key of the profile.
    pub ca_pem: Option<String>,
    /// Which versions of HTTP are offered.
    pub version: Version,
    /// Certificate and key that this client shows to servers who ask for one.
    pub client: Option<ClientFiles>,
    /// The proxy that everything goes through. Those of the environment are never used.
    pub proxy: Option<Proxy>,
    /// Addresses of this machine that connections go out from in turn; none for the system's choice.
    pub local_addresses: Vec<IpAddr>,
    /// How often names are asked for, and those that never are.
    pub resolve: Resolve,
    /// `User-Agent` of every request that brings none of its own.
    pub user_agent: String,
    /// The header that carries the run's id; none to send none.
    pub run_header: Option<HeaderName>,
}

/// Which versions of HTTP are offered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Version {
    /// Over TLS both, and the server chooses; without TLS HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1.
    One,
    /// HTTP/2: over TLS nothing else is offered, without TLS the server is taken to know it.
    Two,
}

/// What `version` may be, as the profile writes it.
pub const VERSIONS: &[(&str, Version)] =
    &[("auto", Version::Auto), ("1.1", Version::One), ("2", Version::Two)];

/// PEM files of a client's certificate and of its key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientFiles {
    /// The certificate first, then those that vouch for it.
    pub cert: PathBuf,
    /// The private key, not encrypted.
    pub key: PathBuf,
}

/// Headers that say how a request travels, so that none can carry the run's id.
const NOT_FOR_IDS: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Whose a connection is, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Connections {
    /// A fresh one for every iteration, as a browser that was just opened.
    PerIteration,
    /// One for each simulated user, kept from iteration to iteration.
    PerUser,
    /// Whichever is idle, from a pool of all users.
    Shared,
}

/// What `connections` may be, as the profile writes it.
pub const CONNECTIONS: &[(&str, Connections)] = &[
    ("per-iteration", Connections::PerIteration),
    ("per-user", Connections::PerUser),
    ("shared", Connections::Shared),
];

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections: None,
            connect_timeout: Duration::from_secs(5),
            reply_timeout: Duration::from_secs(30),
            max_reply: 4 << 20,
            ca_file: None,
            ca_pem: None,
            version: Version::Auto,
            client: None,
            proxy: None,
            local_addresses: Vec::new(),
            resolve: Resolve::default(),
            user_agent: concat!("gander/", env!("CARGO_PKG_VERSION")).to_owned(),
            run_header: Some(HeaderName::from_static("x-gander-run")),
        }
    }
}

impl Settings {
    /// Takes the keys of `[http]`; notes every problem and uses the default in its place.
    pub fn read(section: &mut Section<'_>) -> Self {
        let mut settings = Self::default();
        settings.connections = section.choice("connections", CONNECTIONS);
        settings.connect_timeout = time(section, "connect_timeout", settings.connect_timeout);
        settings.reply_timeout = time(section, "reply_timeout", settings.reply_timeout);
        if let Some(size) = section.parsed::<Size>("max_reply") {
            settings.max_reply = size.value.0;
            if size.value.0 == 0 {
                too_small(section, "max_reply", "0B", "4MiB");
            }
        }
        settings.ca_file = section.text("ca_file").map(|path| path.value.into());
        settings.version = section.choice("version", VERSIONS).unwrap_or_default();
        settings.client = read_client(section);
        settings.proxy = Proxy::take(section);
        settings.local_addresses = read_local_addresses(section);
        settings.resolve = Resolve::take(section);
        read_names(section, &mut settings);
        settings
    }

    /// Whose connections are used, where only this machine can be called or elsewhere.
    pub fn connections(&self, loopback_only: bool) -> Connections {
        let usual = if loopback_only { Connections::Shared } else { Connections::PerIteration };
        self.connections.unwrap_or(usual)
    }
}

fn time(section: &mut Section<'_>, key: &'static str, usual: Duration) -> Duration {
    match section.parsed::<Span>(key) {
        None => usual,
        Some(span) if span.value.0.is_zero() => {
            too_small(section, key, "0s", "5s");
            usual
        }
        Some(span) => span.value.0,
    }
}

fn too_small(section: &mut Section<'_>, key: &'static str, value: &str, example: &str) {
    let place = section.item(key).map(|item| item.place.clone());
    let what = format!("`{}` is {value}, so that no reply could ever come", section.name(key));
    section.problems().note(
        place.as_ref(),
        what,
        Some(format!("give it room, such as `{example}`")),
    );
}

/// Certificate and key come as two files or not at all.
fn read_client(section: &mut Section<'_>) -> Option<ClientFiles> {
    let cert = read_path(section, "client_cert");
    let key = read_path(section, "client_key");
    for (present, absent) in [("client_cert", "client_key"), ("client_key", "client_cert")] {
        let place = section.item(present).map(|item| item.place.clone());
        if place.is_some() && section.item(absent).is_none() {
            let what =
                format!("`{}` needs `{}` beside it", section.name(present), section.name(absent));
            let remedy = format!("name the other PEM file, too: `{absent} = \"FILE\"`");
            section.problems().note(place.as_ref(), what, Some(remedy));
        }
    }
    Some(ClientFiles { cert: cert?, key: key? })
}

/// A path, not what belongs into the file: that would be shown with every message about it.
fn read_path(section: &mut Section<'_>, key: &'static str) -> Option<PathBuf> {
    let path = section.text(key)?;
    if !path.value.contains("-----BEGIN") {
        return Some(path.value.into());
    }
    let what = format!("`{}` holds what belongs into a file", section.name(key));
    let remedy =
        format!("put it into a file that only you can read and name that: `{key} = \"FILE\"`");
    section.problems().note(Some(&path.place), what, Some(remedy));
    None
}

fn read_local_addresses(section: &mut Section<'_>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for text in section.texts("local_addresses").unwrap_or_default() {
        match text.value.parse::<IpAddr>() {
            Ok(address) if !address.is_unspecified() => addresses.push(address),
            _ => {
                let name = section.name("local_addresses");
                let what = format!("`{}` in `{name}` is not an address of a machine", text.value);
                let remedy = "write numbers: `[\"127.0.0.2\", \"127.0.0.3\"]`".to_owned();
                section.problems().note(Some(&text.place), what, Some(remedy));
            }
        }
    }
    addresses
}

/// `user_agent` and `run_header`.
fn read_names(section: &mut Section<'_>, settings: &mut Settings) {
    if let Some(agent) = section.text("user_agent") {
        if HeaderValue::from_str(&agent.value).is_ok() && !agent.value.trim().is_empty() {
            settings.user_agent = agent.value;
        } else {
            let what = format!("`{}` cannot be sent as a header", section.name("user_agent"));
            let remedy = "write it on one line, such as `gander/1.0 (load test)`".to_owned();
            section.problems().note(Some(&agent.place), what, Some(remedy));
        }
    }
    if let Some(name) = section.text("run_header") {
        let read = HeaderName::try_from(name.value.as_str());
        settings.run_header = match read {
            _ if name.value.is_empty() => None,
            Ok(header) if !NOT_FOR_IDS.contains(&header.as_str()) => Some(header),
            _ => {
                let what = format!(
                    "`{}` is `{}`, which cannot carry the run's id",
                    section.name("run_header"),
                    name.value
                );
                let remedy = "name a header of your own, such as `X-Gander-Run`; `\"\"` sends none";
                section.problems().note(Some(&name.place), what, Some(remedy.to_owned()));
                None
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};

    fn read(text: &str) -> (Settings, String) {
        let table = Table::parse("p.toml", text).unwrap();
        let problems = Problems::default();
        let mut document = Section::document(&table, &problems);
        let mut section = document.section("http");
        let settings = Settings::read(&mut section);
        section.finish();
        document.finish();
        let lines = problems.into_sorted().into_iter().map(|problem| {
            format!("{}: {} ({})\n", problem.place.unwrap(), problem.what, problem.remedy.unwrap())
        });
        (settings, lines.collect())
    }

    #[test]
    fn the_table_of_the_reference_is_read() {
        let (settings, problems) = read(
            "[http]\nconnections = \"per-user\"\nversion = \"auto\"\nconnect_timeout = \"2s\"\n\
             reply_timeout = \"1m\"\nmax_reply = \"512KiB\"\nca_file = \"ca.pem\"\n\
             client_cert = \"c.pem\"\nclient_key = \"k.pem\"\n\
             proxy = \"http://p.example:3128\"\nlocal_addresses = [\"127.0.0.2\", \"::1\"]\n\
             resolve = \"pinned\"\nuser_agent = \"me/1\"\nrun_header = \"X-Run\"\n",
        );
        assert_eq!(problems, "");
        let expected = Settings {
            connections: Some(Connections::PerUser),
            connect_timeout: Duration::from_secs(2),
            reply_timeout: Duration::from_secs(60),
            max_reply: 512 * 1024,
            ca_file: Some("ca.pem".into()),
            client: Some(ClientFiles { cert: "c.pem".into(), key: "k.pem".into() }),
            proxy: settings.proxy.clone(),
            local_addresses: vec!["127.0.0.2".parse().unwrap(), "::1".parse().unwrap()],
            resolve: Resolve::Pinned,
            user_agent: "me/1".to_owned(),
            run_header: Some(HeaderName::from_static("x-run")),
            ..Settings::default()
        };
        assert_eq!(settings.proxy.as_ref().unwrap().to_string(), "p.example:3128");
        assert_eq!(settings, expected);
        for (word, version) in VERSIONS {
            assert_eq!(read(&format!("[http]\nversion = \"{word}\"")).0.version, *version);
        }
        assert_eq!(read("[http]\nrun_header = \"\"").0.run_header, None);
        assert_eq!(read("").0, Settings::default());
    }

    #[test]
    fn what_cannot_be_is_said_in_its_place_with_a_way_out() {
        let (_, problems) = read(
            "[http]\nconnections = \"none\"\nversion = \"3\"\nconnect_timeout = \"0s\"\n\
             max_reply = \"0B\"\nproxy = \"socks5://p\"\nreply_timout = \"1s\"\n\
             client_key = \"-----BEGIN PRIVATE KEY-----hidden\"\n\
             local_addresses = [\"0.0.0.0\", \"eth0\"]\nresolve = \"never\"\n\
             user_agent = \"a\\nb\"\nrun_header = \"Cookie\"\n",
        );
        assert!(!problems.contains("hidden"), "{problems}");
        insta::assert_snapshot!(problems, @r#"
        p.toml:2:15: `http.connections` is `none`, which it cannot be (choose one of `per-iteration`, `per-user`, `shared`)
        p.toml:3:11: `http.version` is `3`, which it cannot be (choose one of `auto`, `1.1`, `2`)
        p.toml:4:19: `http.connect_timeout` is 0s, so that no reply could ever come (give it room, such as `5s`)
        p.toml:5:13: `http.max_reply` is 0B, so that no reply could ever come (give it room, such as `4MiB`)
        p.toml:6:9: `http.proxy` is not an `http://` address (give the address at which the proxy takes CONNECT over plain HTTP)
        p.toml:7:1: unknown key `http.reply_timout` (did you mean `reply_timeout`?)
        p.toml:8:14: `http.client_key` holds what belongs into a file (put it into a file that only you can read and name that: `client_key = "FILE"`)
        p.toml:8:14: `http.client_key` needs `http.client_cert` beside it (name the other PEM file, too: `client_cert = "FILE"`)
        p.toml:9:20: `0.0.0.0` in `http.local_addresses` is not an address of a machine (write numbers: `["127.0.0.2", "127.0.0.3"]`)
        p.toml:9:31: `eth0` in `http.local_addresses` is not an address of a machine (write numbers: `["127.0.0.2", "127.0.0.3"]`)
        p.toml:10:11: `http.resolve` is `never`, which it cannot be (write a time such as `5s`, `pinned`, or a table of names and addresses)
        p.toml:11:14: `http.user_agent` cannot be sent as a header (write it on one line, such as `gander/1.0 (load test)`)
        p.toml:12:14: `http.run_header` is `Cookie`, which cannot carry the run's id (name a header of your own, such as `X-Gander-Run`; `""` sends none)
        "#);
        let (settings, problems) = read("[http]\nclient_cert = \"c.pem\"\n");
        assert_eq!(settings.client, None);
        insta::assert_snapshot!(problems, @r#"p.toml:2:15: `http.client_cert` needs `http.client_key` beside it (name the other PEM file, too: `client_key = "FILE"`)"#);
    }

    #[test]
    fn connections_are_shared_on_this_machine_and_fresh_elsewhere_unless_said() {
        let usual = Settings::default();
        assert_eq!(usual.connections(true), Connections::Shared);
        assert_eq!(usual.connections(false), Connections::PerIteration);
        let said = Settings { connections: Some(Connections::PerUser), ..usual };
        assert_eq!(said.connections(true), Connections::PerUser);
    }
}
