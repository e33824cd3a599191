//! The profile's `[http]` table.

use crate::base::document::Section;
use crate::base::units::{Size, Span};
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
    /// `User-Agent` of every request that brings none of its own.
    pub user_agent: String,
}

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

/// Keys of the table that are known but do nothing yet.
const NOT_BUILT: &[&str] = &["client_cert", "client_key", "proxy", "local_addresses", "resolve"];

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections: None,
            connect_timeout: Duration::from_secs(5),
            reply_timeout: Duration::from_secs(30),
            max_reply: 4 << 20,
            ca_file: None,
            ca_pem: None,
            user_agent: concat!("gander/", env!("CARGO_PKG_VERSION")).to_owned(),
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
        read_version(section);
        for key in NOT_BUILT {
            section.not_built_yet(key);
        }
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

/// HTTP/1.1 is all there is: `auto` offers nothing else, `2` is not built yet.
fn read_version(section: &mut Section<'_>) {
    if section.choice("version", &[("auto", false), ("1.1", false), ("2", true)]) == Some(true) {
        section.not_built_yet("version");
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
             reply_timeout = \"1m\"\nmax_reply = \"512KiB\"\nca_file = \"ca.pem\"\n",
        );
        assert_eq!(problems, "");
        let expected = Settings {
            connections: Some(Connections::PerUser),
            connect_timeout: Duration::from_secs(2),
            reply_timeout: Duration::from_secs(60),
            max_reply: 512 * 1024,
            ca_file: Some("ca.pem".into()),
            ..Settings::default()
        };
        assert_eq!(settings, expected);
        assert_eq!(read("").0, Settings::default());
    }

    #[test]
    fn what_cannot_be_is_said_and_what_is_not_built_is_refused() {
        let (_, problems) = read(
            "[http]\nconnections = \"none\"\nversion = \"2\"\nconnect_timeout = \"0s\"\n\
             max_reply = \"0B\"\nproxy = \"http://p\"\nreply_timout = \"1s\"\n",
        );
        insta::assert_snapshot!(problems, @r"
        p.toml:2:15: `http.connections` is `none`, which it cannot be (choose one of `per-iteration`, `per-user`, `shared`)
        p.toml:3:1: `http.version` is known to gander but not built yet (leave it out for now)
        p.toml:4:19: `http.connect_timeout` is 0s, so that no reply could ever come (give it room, such as `5s`)
        p.toml:5:13: `http.max_reply` is 0B, so that no reply could ever come (give it room, such as `4MiB`)
        p.toml:6:1: `http.proxy` is known to gander but not built yet (leave it out for now)
        p.toml:7:1: unknown key `http.reply_timout` (did you mean `reply_timeout`?)
        ");
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
