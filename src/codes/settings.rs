//! The `[codes]` table of a profile.

use super::extract::CodePattern;
use crate::base::document::Section;
use crate::base::units::Span;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Where codes come from and how long they are awaited.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The kind of source.
    pub source: SourceKind,
    /// Where the SMTP sink listens. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether it may listen where other machines can reach it.
    pub expose: bool,
    /// How a code is found in a mail.
    pub pattern: CodePattern,
    /// How long a code is awaited.
    pub timeout: Duration,
}

/// Every source a profile may name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SourceKind {
    /// gander is the mail server.
    SmtpSink,
    /// A mailbox with an HTTP interface.
    HttpMailbox,
    /// gander receives what the platform posts to a custom notification provider.
    HttpProvider,
    /// A mailbox read over IMAP.
    Imap,
    /// The flow's own reply holds the code.
    Reply,
    /// The code is always the same.
    Fixed,
}

/// Sources by their names in profiles.
pub const SOURCES: &[(&str, SourceKind)] = &[
    ("smtp-sink", SourceKind::SmtpSink),
    ("http-mailbox", SourceKind::HttpMailbox),
    ("http-provider", SourceKind::HttpProvider),
    ("imap", SourceKind::Imap),
    ("reply", SourceKind::Reply),
    ("fixed", SourceKind::Fixed),
];

impl SourceKind {
    /// Whether it works in this version.
    pub const fn is_built(self) -> bool {
        matches!(self, Self::SmtpSink)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            source: SourceKind::SmtpSink,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            expose: false,
            pattern: CodePattern::default(),
            timeout: Duration::from_secs(30),
        }
    }
}

impl Settings {
    /// Reads the table; what it does not say keeps its default.
    pub fn read(section: &mut Section<'_>) -> Self {
        let defaults = Self::default();
        let settings = Self {
            source: source(section),
            expose: section.flag("expose").unwrap_or(defaults.expose),
            listen: listen(section).unwrap_or(defaults.listen),
            pattern: section.parsed("pattern").map_or(defaults.pattern, |sited| sited.value),
            timeout: section
                .parsed::<Span>("timeout")
                .map_or(defaults.timeout, |sited| sited.value.0),
        };
        if !settings.expose && !settings.listen.ip().is_loopback() {
            let place = section.item("listen").map(|item| &item.place);
            section.problems().note(
                place,
                format!("`{}` can be reached from other machines", section.name("listen")),
                Some(
                    "use 127.0.0.1, or set `expose = true` if the tenant delivers its mail here"
                        .to_owned(),
                ),
            );
        }
        settings
    }
}

fn source(section: &mut Section<'_>) -> SourceKind {
    let source = section.choice("source", SOURCES).unwrap_or(SourceKind::SmtpSink);
    if !source.is_built() {
        let name = SOURCES.iter().find(|(_, kind)| *kind == source).map_or("", |(name, _)| name);
        let place = section.item("source").map(|item| &item.place);
        section.problems().note(
            place,
            format!("`{}` = `{name}` is known to gander but not built yet", section.name("source")),
            Some("use `smtp-sink` for now".to_owned()),
        );
    }
    source
}

/// The address to listen at. One that cannot be read is noted as a problem.
fn listen(section: &mut Section<'_>) -> Option<SocketAddr> {
    let item = section.item("listen")?;
    let sited = section.text("listen")?;
    let parsed = sited.value.parse().ok();
    if parsed.is_none() && item.is_filled_in() {
        section.unreadable("listen", item);
    } else if parsed.is_none() {
        section.problems().note(
            Some(&sited.place),
            format!(
                "`{}`: `{}` is not an address to listen at",
                section.name("listen"),
                sited.value
            ),
            Some(
                "write address and port, such as `127.0.0.1:2525`; port 0 takes a free one"
                    .to_owned(),
            ),
        );
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};

    fn read(text: &str) -> (Settings, String) {
        let table = Table::parse("p.toml", text).unwrap();
        let problems = Problems::default();
        let mut section = Section::document(&table, &problems);
        let settings = Settings::read(&mut section);
        section.finish();
        let lines = problems.into_sorted().into_iter().map(|problem| {
            let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
            format!("{place} {} ({})\n", problem.what, problem.remedy.unwrap_or_default())
        });
        (settings, lines.collect())
    }

    #[test]
    fn an_empty_table_gives_a_sink_on_loopback() {
        let (settings, problems) = read("");
        assert_eq!(problems, "");
        assert!(settings.listen.ip().is_loopback() && settings.source.is_built());
        assert!(!settings.pattern.is_custom());
    }

    #[test]
    fn every_setting_is_read() {
        let (settings, problems) = read(
            "source = \"smtp-sink\"\nlisten = \"0.0.0.0:2525\"\nexpose = true\npattern = '(\\d+)'\ntimeout = \"2m\"\n",
        );
        assert_eq!(problems, "");
        assert_eq!(settings.listen, "0.0.0.0:2525".parse().unwrap());
        assert_eq!(settings.timeout, Duration::from_secs(120));
        assert!(settings.pattern.is_custom() && settings.expose);
    }

    #[test]
    fn mistakes_are_reported_all_at_once() {
        let text = "source = \"imap\"\nlisten = \"[::]:25\"\npattern = \"code\"\ntimeout = 30\n";
        let mut problems = read(text).1;
        problems.push_str(&read("listen = \"here\"\n").1);
        insta::assert_snapshot!(problems, @r"
        p.toml:1:10 `source` = `imap` is known to gander but not built yet (use `smtp-sink` for now)
        p.toml:2:10 `listen` can be reached from other machines (use 127.0.0.1, or set `expose = true` if the tenant delivers its mail here)
        p.toml:3:11 `pattern`: `code` has 0 capture groups, not one (put the code itself in round brackets, such as `'code: (\w+)'`, and any others as `(?:…)`)
        p.toml:4:11 `timeout`: `30` is not a duration (write it with its unit, such as `250ms`, `30s` or `5m`)
        p.toml:1:10 `listen`: `here` is not an address to listen at (write address and port, such as `127.0.0.1:2525`; port 0 takes a free one)
        ");
    }

    #[test]
    fn a_source_that_is_not_built_is_refused_as_such() {
        for (name, kind) in SOURCES {
            let problems = read(&format!("source = \"{name}\"\n")).1;
            assert_eq!(problems.contains("not built yet"), !kind.is_built(), "{name}");
        }
    }
}
