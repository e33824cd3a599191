//! The `[codes]` table of a profile.

use super::credentials::Credentials;
use super::extract::CodePattern;
use super::http_mailbox::MailboxSettings;
use super::http_provider::ProviderSettings;
use super::imap::ImapSettings;
use super::layout::Layout;
use super::reply::Pointer;
use super::smtp_sink::SinkSettings;
use crate::base::document::Section;
use crate::base::remedy::Listing;
use crate::base::secret::Secret;
use crate::base::units::Span;
use std::time::Duration;

/// Where codes come from and how long they are awaited.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The source, with what is its own.
    pub source: Source,
    /// How a code is found in a mail.
    pub pattern: CodePattern,
    /// How long a code is awaited.
    pub timeout: Duration,
}

/// A source of codes and its settings.
#[derive(Clone, Debug)]
pub enum Source {
    /// gander is the mail server.
    SmtpSink(SinkSettings),
    /// A mailbox with an HTTP interface.
    HttpMailbox(Box<MailboxSettings>),
    /// gander receives what the platform posts to a custom notification provider.
    HttpProvider(Box<ProviderSettings>),
    /// A mailbox read over IMAP.
    Imap(Box<ImapSettings>),
    /// The flow's own reply holds the code.
    Reply(Pointer),
    /// The code is always the same.
    Fixed(Secret),
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

/// Keys that only some sources have; `source`, `pattern` and `timeout` are everybody's.
const KEYS: &[(&str, &[SourceKind])] = {
    use SourceKind::{Fixed, HttpMailbox, HttpProvider, Imap, Reply, SmtpSink};
    &[
        ("certificate", &[SmtpSink, HttpProvider]),
        ("code", &[Fixed]),
        ("expose", &[SmtpSink, HttpProvider]),
        ("inbox", &[HttpMailbox]),
        ("key", &[SmtpSink, HttpProvider]),
        ("listen", &[SmtpSink, HttpProvider]),
        ("mailbox", &[HttpMailbox]),
        ("folder", &[Imap]),
        ("password", &[SmtpSink, HttpMailbox, HttpProvider, Imap]),
        ("pointer", &[Reply]),
        ("poll", &[HttpMailbox, Imap]),
        ("preset", &[HttpMailbox]),
        ("recipient", &[HttpProvider]),
        ("server", &[Imap]),
        ("text", &[HttpProvider]),
        ("tls", &[SmtpSink, HttpProvider, Imap]),
        ("token", &[HttpMailbox, HttpProvider]),
        ("url", &[HttpMailbox]),
        ("user", &[SmtpSink, HttpMailbox, HttpProvider, Imap]),
    ]
};

impl Default for Settings {
    fn default() -> Self {
        Self {
            source: Source::SmtpSink(SinkSettings::default()),
            pattern: CodePattern::default(),
            timeout: Duration::from_secs(30),
        }
    }
}

impl Settings {
    /// Reads the table; what it does not say keeps its default.
    pub fn read(section: &mut Section<'_>) -> Self {
        let defaults = Self::default();
        let kind = section.choice("source", SOURCES).unwrap_or(SourceKind::SmtpSink);
        let source = match kind {
            SourceKind::SmtpSink => Source::SmtpSink(SinkSettings::read(section)),
            SourceKind::HttpMailbox => MailboxSettings::read(section)
                .map_or(defaults.source, |settings| Source::HttpMailbox(Box::new(settings))),
            SourceKind::HttpProvider => {
                Source::HttpProvider(Box::new(ProviderSettings::read(section)))
            }
            SourceKind::Imap => ImapSettings::read(section)
                .map_or(defaults.source, |settings| Source::Imap(Box::new(settings))),
            SourceKind::Reply => read_pointer(section).map_or(defaults.source, Source::Reply),
            SourceKind::Fixed => read_code(section).map_or(defaults.source, Source::Fixed),
        };
        if kind != SourceKind::HttpMailbox
            && section.item("preset").or(section.item("mailbox")).is_some()
        {
            // What is in them is looked at, too, before they are found to be out of place.
            Layout::read(section);
        }
        refuse_keys_of_others(section, kind);
        Self {
            source,
            pattern: section.parsed("pattern").map_or(defaults.pattern, |sited| sited.value),
            timeout: section
                .parsed::<Span>("timeout")
                .map_or(defaults.timeout, |sited| sited.value.0),
        }
    }

    /// Whether gander shows a certificate that it did not make.
    pub const fn has_certificate(&self) -> bool {
        match &self.source {
            Source::SmtpSink(sink) => sink.door.certificate.is_some(),
            Source::HttpProvider(provider) => provider.door.certificate.is_some(),
            _ => false,
        }
    }

    /// Who has to say who they are to gander, or gander to others; for tests that look for them.
    pub fn credentials(&self) -> Option<&Credentials> {
        match &self.source {
            Source::SmtpSink(sink) => sink.credentials.as_ref(),
            Source::HttpMailbox(mailbox) => mailbox.credentials.as_ref(),
            Source::HttpProvider(provider) => provider.credentials.as_ref(),
            Source::Imap(imap) => Some(&imap.credentials),
            Source::Reply(_) | Source::Fixed(_) => None,
        }
    }
}

fn read_pointer(section: &mut Section<'_>) -> Option<Pointer> {
    if section.item("pointer").is_none() {
        section.missing("pointer", "say where in the flow's reply the code stands: `/code`");
    }
    section.parsed("pointer").map(|pointer| pointer.value)
}

fn read_code(section: &mut Section<'_>) -> Option<Secret> {
    if section.item("code").is_none() {
        section.missing("code", "say where it is kept: `code = \"${NAME}\"`");
    }
    section.secret("code")
}

/// A key that does nothing is a mistake: its author expects something of it.
fn refuse_keys_of_others(section: &mut Section<'_>, kind: SourceKind) {
    let name_of = |wanted: SourceKind| {
        SOURCES.iter().find(|(_, kind)| *kind == wanted).map_or("", |(name, _)| name)
    };
    for (key, sources) in KEYS {
        let Some(item) = section.item(key) else { continue };
        if sources.contains(&kind) {
            continue;
        }
        let owners: Listing = sources.iter().map(|source| name_of(*source)).collect();
        let what = format!("`{}` does nothing for `{}`", section.name(key), name_of(kind));
        let remedy = format!("leave it out; it belongs to {owners}");
        section.problems().note(Some(&item.place), what, Some(remedy));
    }
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
        let Source::SmtpSink(sink) = settings.source else { panic!("{settings:?}") };
        assert!(sink.door.listen.ip().is_loopback());
        assert!(!settings.pattern.is_custom());
    }

    #[test]
    fn every_setting_of_a_sink_is_read() {
        let (settings, problems) = read(
            "source = \"smtp-sink\"\nlisten = \"0.0.0.0:2525\"\nexpose = true\npattern = '(\\d+)'\ntimeout = \"2m\"\n\
             tls = \"starttls\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"\nuser = \"tenant\"\npassword = \"${PW}\"\n",
        );
        assert_eq!(problems, "");
        let Source::SmtpSink(sink) = &settings.source else { panic!("{settings:?}") };
        assert_eq!(sink.door.listen, "0.0.0.0:2525".parse().unwrap());
        assert_eq!(settings.timeout, Duration::from_secs(120));
        assert!(settings.pattern.is_custom() && sink.door.expose);
        assert!(sink.door.certificate.is_some());
        assert_eq!(settings.credentials().unwrap().user, "tenant");
    }

    #[test]
    fn nothing_that_lets_somebody_in_goes_over_the_network_in_the_clear() {
        let sink = "listen = \"0.0.0.0:25\"\nexpose = true\nuser = \"u\"\npassword = \"${PW}\"\n";
        let provider = "source = \"http-provider\"\nlisten = \"0.0.0.0:25\"\nexpose = true\ntoken = \"${T}\"\n";
        let mailbox = "source = \"http-mailbox\"\npreset = \"mailpit\"\n";
        for (text, complains) in [
            (sink.to_owned(), true),
            (format!("{sink}tls = \"starttls\"\n"), false),
            (sink.replace("0.0.0.0", "127.0.0.1"), false),
            ("listen = \"0.0.0.0:25\"\nexpose = true\n".to_owned(), false),
            (provider.to_owned(), true),
            (format!("{provider}tls = \"implicit\"\n"), false),
            (format!("{mailbox}url = \"http://mail.x.test\"\ntoken = \"${{T}}\"\n"), true),
            (
                format!(
                    "{mailbox}url = \"http://192.0.2.1:8025\"\nuser = \"u\"\npassword = \"${{T}}\"\n"
                ),
                true,
            ),
            (format!("{mailbox}url = \"https://mail.x.test\"\ntoken = \"${{T}}\"\n"), false),
            (format!("{mailbox}url = \"http://mail.x.test\"\n"), false),
            (format!("{mailbox}url = \"http://localhost:8025\"\ntoken = \"${{T}}\"\n"), false),
            (format!("{mailbox}url = \"http://[::1]\"\ntoken = \"${{T}}\"\n"), false),
        ] {
            let problems = read(&text).1;
            assert_eq!(problems.contains("in the clear"), complains, "{text}{problems}");
            assert_eq!(problems.is_empty(), !complains, "{text}{problems}");
        }
    }

    #[test]
    fn a_token_that_no_header_takes_is_a_problem_and_is_not_shown() {
        let mailbox =
            "source = \"http-mailbox\"\npreset = \"mailpit\"\nurl = \"http://localhost\"\n";
        let problems = read(&format!("{mailbox}token = \"hush-7f3k\\n${{T}}\"\n")).1;
        assert!(problems.contains("`token` has characters that no header takes"), "{problems}");
        assert!(!problems.contains("hush"), "{problems}");
    }

    /// The least that each source has to be told.
    const LEAST: &[(&str, &str)] = &[
        ("smtp-sink", ""),
        ("http-mailbox", "url = \"http://127.0.0.1:1080\"\npreset = \"maildev\"\n"),
        ("http-provider", ""),
        ("imap", "server = \"127.0.0.1:143\"\ntls = \"off\"\nuser = \"u\"\npassword = \"${PW}\"\n"),
        ("reply", "pointer = \"/code\"\n"),
        ("fixed", "code = \"${CODE}\"\n"),
    ];

    #[test]
    fn every_source_is_read_with_the_least_it_has_to_be_told_and_asks_for_that() {
        assert_eq!(LEAST.len(), SOURCES.len());
        for ((name, _), (also, least)) in SOURCES.iter().zip(LEAST) {
            assert_eq!(name, also);
            assert_eq!(read(&format!("source = \"{name}\"\n{least}")).1, "", "{name}");
            let bare = read(&format!("source = \"{name}\"\n")).1;
            assert_eq!(bare.contains("is missing"), !least.is_empty(), "{name}: {bare}");
        }
    }

    #[test]
    fn a_key_of_another_source_is_refused_and_its_own_are_not() {
        for (name, kind) in SOURCES {
            for (key, sources) in KEYS {
                let problems = read(&format!("source = \"{name}\"\n{key} = \"${{X}}\"\n")).1;
                let refused = problems.contains("does nothing for");
                assert_eq!(refused, !sources.contains(kind), "{name} {key}: {problems}");
                assert!(!problems.contains("unknown key"), "{name} {key}: {problems}");
            }
        }
    }

    #[test]
    fn mistakes_are_reported_all_at_once() {
        let text = "listen = \"[::]:25\"\npattern = \"code\"\ntimeout = 30\ncertificate = \"c.pem\"\ncode = \"1\"\n";
        let mut problems = read(text).1;
        problems.push_str(&read("listen = \"here\"\n").1);
        problems.push_str(&read("source = \"fixed\"\ncode = \"1234\"\n").1);
        problems.push_str(&read("source = \"reply\"\npointer = \"code\"\n").1);
        insta::assert_snapshot!(problems, @r#"
        p.toml:1:1 `key` is missing (name the file of the certificate's private key)
        p.toml:1:10 `listen` can be reached from other machines (use 127.0.0.1, or set `expose = true` if the tenant delivers its mail here)
        p.toml:2:11 `pattern`: `code` has 0 capture groups, not one (put the code itself in round brackets, such as `'code: (\w+)'`, and any others as `(?:…)`)
        p.toml:3:11 `timeout`: `30` is not a duration (write it with its unit, such as `250ms`, `30s` or `5m`)
        p.toml:5:8 `code` does nothing for `smtp-sink` (leave it out; it belongs to `fixed`)
        p.toml:1:10 `listen`: `here` is not an address to listen at (write address and port, such as `127.0.0.1:2525`; port 0 takes a free one)
        p.toml:2:8 `code` is a secret and may not stand in the document (name where it is kept: `code = "${NAME}"`, `"${file:PATH}"` or `"${cmd:COMMAND}"`)
        p.toml:2:11 `pointer`: `code` is not a JSON pointer (begin it with `/`: `/additionalProperties/code`, `/items/0/text`)
        "#);
    }
}
