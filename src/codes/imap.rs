//! A mailbox read over IMAP (RFC 9051, and its forerunner RFC 3501): one that gets the mail of all
//! invented people, by plus-addressing or as a domain's catch-all.
//!
//! The mailbox is opened for reading only, so that nothing in it is changed, not even what was read.
//! Mails that are there at the start are nobody's. The server tells of new ones where it can (IDLE,
//! RFC 2177).

use super::credentials::Credentials;
use super::door::{ENCRYPTIONS, Encryption};
use super::extract::CodePattern;
use super::http_mailbox::read_poll;
use super::imap_stream::{Bounded, Unbearable};
use super::mail::{self, recipients_in};
use super::office::{Arrival, Office};
use super::reach::Reach;
use super::watch::Watch;
use crate::base::clock::Clock;
use crate::base::document::Section;
use crate::base::remedy::Remedy;
use crate::base::strike::Strikes;
use crate::transport::{AllowedHost, Line, SetUpError, Transport, TransportFault};
use async_imap::error::Error;
use async_imap::types::{Fetch, UnsolicitedResponse};
use async_imap::{Client, Session};
use futures_util::TryStreamExt;
use std::io;
use std::time::Duration;

/// Where a mailbox is and whose it is.
#[derive(Clone, Debug)]
pub struct ImapSettings {
    /// Host and port.
    pub server: String,
    /// When TLS begins.
    pub tls: Encryption,
    /// Who reads it.
    pub credentials: Credentials,
    /// Which of the person's folders.
    pub folder: String,
    /// Pause between two questions to a server that does not tell of new mails.
    pub poll: Duration,
}

/// Why a mailbox cannot be read. What the server says may repeat what it was told, so the password is
/// struck out of it.
#[derive(Debug, thiserror::Error)]
pub enum ImapError {
    /// Its address is none.
    #[error("`{server}` is not where a mailbox can be")]
    Address { server: String },
    /// Connections cannot be prepared.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// No connection.
    #[error("the mailbox cannot be reached: {0}")]
    Unreachable(#[from] TransportFault),
    /// Name or password are not what the server wants.
    #[error("`{server}` does not let `{user}` in: {reason}")]
    NotLetIn { server: String, user: String, reason: String },
    /// There is no such folder.
    #[error("the folder `{folder}` cannot be opened: {reason}")]
    Folder { folder: String, reason: String },
    /// The conversation broke off.
    #[error("the conversation with the mailbox broke off: {reason}")]
    Broken { reason: String },
    /// The server does not answer.
    #[error("the mailbox's server does not answer")]
    Silent,
}

impl Remedy for ImapError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Address { .. } => {
                "write host and port into `codes.server`: `imap.example.com:993`".to_owned()
            }
            Self::SetUp(error) => return error.remedy(),
            Self::Unreachable(TransportFault::Guarded(_)) => {
                "a mailbox that is not on this machine is read only in a test that is acknowledged: \
                 name the tenant and its support case"
                    .to_owned()
            }
            Self::Unreachable(_) => "see that `codes.server` and `codes.tls` are right".to_owned(),
            Self::NotLetIn { .. } => "look at `codes.user` and `codes.password`".to_owned(),
            Self::Folder { .. } => "name one that there is in `codes.folder`".to_owned(),
            Self::Broken { .. } | Self::Silent => {
                "see that it is an IMAP server, and that `codes.tls` says when TLS begins".to_owned()
            }
        })
    }
}

impl ImapError {
    /// The same without a password that a server repeats, and no longer than can be read.
    fn struck(mut self, strikes: &Strikes) -> Self {
        if let Self::NotLetIn { reason, .. }
        | Self::Folder { reason, .. }
        | Self::Broken { reason } = &mut self
        {
            *reason = strikes.strike(reason).chars().take(MOST_TOLD).collect();
        }
        self
    }
}

impl From<Error> for ImapError {
    fn from(error: Error) -> Self {
        Self::Broken { reason: told(&error) }
    }
}

/// What is told where the server's answer itself may hold anything, in any form.
const NOT_IMAP: &str = "the server answered with something that is not IMAP";

/// Characters of a server's own words that are told.
const MOST_TOLD: usize = 200;

/// An error in words of our own. Those of the parser repeat what it was given as numbers, in which nothing
/// can be struck out; only what a server says with NO and BAD is repeated.
fn told(error: &Error) -> String {
    match error {
        Error::Io(error) => told_of_stream(error),
        Error::No(said) => format!("the server refuses: {said}"),
        Error::Bad(said) => format!("the server does not understand: {said}"),
        Error::ConnectionLost => "the server closed the connection".to_owned(),
        Error::Validate(_) => {
            "name, password or folder has a character that IMAP does not take".to_owned()
        }
        _ => NOT_IMAP.to_owned(),
    }
}

fn told_of_stream(error: &io::Error) -> String {
    let inner = error.get_ref();
    if let Some(unbearable) = inner.and_then(|inner| inner.downcast_ref::<Unbearable>()) {
        return unbearable.to_string();
    }
    match error.kind() {
        // What the parser could not read is of no other kind.
        io::ErrorKind::Other => NOT_IMAP.to_owned(),
        // The system's own words.
        _ if error.raw_os_error().is_some() => error.to_string(),
        kind => kind.to_string(),
    }
}

/// How long the server is listened to before it is asked all the same: what it tells between two
/// commands can be lost.
const LISTENING: Duration = Duration::from_secs(5);

/// Bytes of a mail that are read; a code stands near its beginning.
const MOST_OF_A_MAIL: usize = 256 << 10;

/// Pause before a connection that broke is made anew, and the longest after many.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

impl ImapSettings {
    /// Takes the keys of `[codes]` that are the mailbox's; none where one that is needed is missing.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let server =
            section.required_text("server", "say where the mailbox is: `imap.example.com:993`");
        let tls = section.choice("tls", ENCRYPTIONS).unwrap_or(Encryption::Implicit);
        if section.item("user").is_none() && section.item("password").is_none() {
            section.missing("user", "say whose mailbox it is, and `password`: `\"${NAME}\"`");
        }
        let credentials = Credentials::read(section);
        let folder = section.text("folder").map_or_else(|| "INBOX".to_owned(), |text| text.value);
        let poll = read_poll(section);
        let place = section.item("tls").map(|item| &item.place);
        let server = with_port(&server?.value, tls);
        if tls == Encryption::Off && !is_here(&server) {
            let what = "the mailbox's password would be sent in the clear";
            let remedy = "set `tls` to `implicit` or `starttls`".to_owned();
            section.problems().note(place, what, Some(remedy));
        }
        Some(Self { server, tls, credentials: credentials?, folder, poll })
    }
}

/// The ports are those of RFC 8314 and RFC 9051.
fn with_port(server: &str, tls: Encryption) -> String {
    let is_bare = !server.contains(':') || server.ends_with(']');
    match (is_bare, tls) {
        (false, _) => server.to_owned(),
        (true, Encryption::Implicit) => format!("{server}:993"),
        (true, _) => format!("{server}:143"),
    }
}

/// Whether a host, with or without a port, is this machine.
fn is_here(server: &str) -> bool {
    server.parse().is_ok_and(|host: AllowedHost| host.is_local())
}

/// A mailbox that is watched. Dropping it ends that.
#[derive(Debug)]
pub struct ImapMailbox {
    _watch: Watch,
}

impl ImapMailbox {
    /// Opens the mailbox, so that one that cannot be opened is known before anybody waits, and goes
    /// on reading what comes.
    pub async fn start(
        settings: &ImapSettings,
        pattern: &CodePattern,
        (office, clock): (Office, Clock),
        reach: &Reach,
    ) -> Result<Self, ImapError> {
        let scheme = if settings.tls == Encryption::Implicit { "https" } else { "http" };
        let uri = format!("{scheme}://{}/", settings.server).parse().ok();
        let host = uri.as_ref().and_then(AllowedHost::of);
        let host = host.ok_or_else(|| ImapError::Address { server: settings.server.clone() })?;
        let mut strikes = Strikes::default();
        strikes.add(&settings.credentials.password);
        let reader = Reader {
            settings: settings.clone(),
            strikes,
            pattern: pattern.clone(),
            transport: reach.transport(host, &clock)?,
            patience: reach.http.reply_timeout,
            office: office.clone(),
            clock,
        };
        let opened = reader.open().await.map_err(|error| error.struck(&reader.strikes))?;
        Ok(Self { _watch: Watch::over(watch(reader, opened), office) })
    }
}

/// Reads on until it is aborted; a connection that breaks is made anew, and goes on where it was.
async fn watch(reader: Reader, first: Opened) {
    let (mut opened, mut mark) = (Some(first), None);
    let mut pause = FIRST_PAUSE;
    loop {
        let came = match opened.take() {
            Some(opened) => Ok(opened),
            None => reader.open().await,
        };
        let error = match came {
            Ok(opened) => {
                pause = FIRST_PAUSE;
                // A mailbox made anew begins its numbers anew.
                let place = mark.get_or_insert(opened.place);
                if place.validity != opened.place.validity {
                    *place = opened.place;
                }
                reader.follow(opened, place).await
            }
            Err(error) => error,
        };
        reader.office.note_trouble(error.struck(&reader.strikes).to_string());
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

struct Reader {
    settings: ImapSettings,
    strikes: Strikes,
    pattern: CodePattern,
    transport: Transport,
    patience: Duration,
    office: Office,
    clock: Clock,
}

/// A conversation with the folder open.
struct Opened {
    session: Session<Bounded<Line>>,
    tells: bool,
    place: Mark,
}

/// Where reading goes on.
#[derive(Clone, Copy)]
struct Mark {
    /// Changes when the numbers of mails do.
    validity: Option<u32>,
    /// Number of the next mail.
    next: u32,
}

impl Reader {
    async fn open(&self) -> Result<Opened, ImapError> {
        let at_once = self.settings.tls == Encryption::Implicit;
        let line = self.transport.line(&self.settings.server, at_once).await?;
        let mut client = Client::new(Bounded::new(line));
        let lost = || ImapError::Broken { reason: "it did not greet".to_owned() };
        let broken = |error: io::Error| ImapError::Broken { reason: told_of_stream(&error) };
        self.in_time(client.read_response()).await?.map_err(broken)?.ok_or_else(lost)?;
        if self.settings.tls == Encryption::StartTls {
            self.in_time(client.run_command_and_check_ok("STARTTLS", None)).await??;
            // What the server sent along in the clear goes with the client.
            let line = client.into_inner().into_inner().secure().await?;
            client = Client::new(Bounded::new(line));
        }
        let Credentials { user, password } = &self.settings.credentials;
        let login = self.in_time(client.login(user, password.expose())).await?;
        let mut session = login.map_err(|(error, _)| ImapError::NotLetIn {
            server: self.settings.server.clone(),
            user: user.clone(),
            reason: told(&error),
        })?;
        let tells = self.in_time(session.capabilities()).await??.has_str("IDLE");
        let folder = &self.settings.folder;
        let mailbox = self
            .in_time(session.examine(folder))
            .await?
            .map_err(|error| ImapError::Folder { folder: folder.clone(), reason: told(&error) })?;
        let next = match mailbox.uid_next {
            Some(next) => next,
            None => self.last_uid(&mut session).await?.saturating_add(1),
        };
        Ok(Opened { session, tells, place: Mark { validity: mailbox.uid_validity, next } })
    }

    async fn last_uid(&self, session: &mut Session<Bounded<Line>>) -> Result<u32, ImapError> {
        let found = self.in_time(session.uid_fetch("*", "UID")).await??;
        let mails: Vec<_> = self.in_time(found.try_collect()).await??;
        Ok(mails.iter().filter_map(|mail: &Fetch| mail.uid).max().unwrap_or(0))
    }

    /// Reads what comes until the conversation breaks off, and says why it did.
    async fn follow(&self, opened: Opened, place: &mut Mark) -> ImapError {
        let Opened { mut session, tells, .. } = opened;
        loop {
            let came = match self.read_new(&mut session, place).await {
                Ok(came) => came,
                Err(error) => return error,
            };
            if came || has_more(&session) {
                continue;
            }
            session = match self.pause(session, tells).await {
                Ok(session) => session,
                Err(error) => return error,
            };
        }
    }

    /// Waits until there may be something new.
    async fn pause(
        &self,
        mut session: Session<Bounded<Line>>,
        tells: bool,
    ) -> Result<Session<Bounded<Line>>, ImapError> {
        if !tells {
            tokio::time::sleep(self.settings.poll).await;
            self.in_time(session.noop()).await??;
            return Ok(session);
        }
        let mut idle = session.idle();
        self.in_time(idle.init()).await??;
        let (news, _interrupt) = idle.wait_with_timeout(LISTENING);
        news.await?;
        Ok(self.in_time(idle.done()).await??)
    }

    /// Reads the mails from the mark on; whether there were any.
    async fn read_new(
        &self,
        session: &mut Session<Bounded<Line>>,
        place: &mut Mark,
    ) -> Result<bool, ImapError> {
        let first = place.next;
        // The last mail is always told of, however old it is: only its number is asked for.
        let found = self.in_time(session.uid_fetch(format!("{first}:*"), "UID")).await??;
        let found: Vec<Fetch> = self.in_time(found.try_collect()).await??;
        let uids = found.iter().filter_map(|mail| mail.uid);
        let Some(last) = uids.filter(|uid| *uid >= first).max() else { return Ok(false) };
        let query = format!("(UID BODY.PEEK[]<0.{MOST_OF_A_MAIL}>)");
        let wanted = format!("{first}:{last}");
        let mut mails = self.in_time(session.uid_fetch(wanted, query)).await??;
        while let Some(mail) = self.in_time(mails.try_next()).await?? {
            let Some(uid) = mail.uid.filter(|uid| *uid >= first) else { continue };
            if let Some(body) = mail.body() {
                self.take(body);
            }
            place.next = place.next.max(uid.saturating_add(1));
        }
        // Those that somebody took away meanwhile are not asked for again.
        place.next = place.next.max(last.saturating_add(1));
        Ok(true)
    }

    /// Hands a mail to everybody who waits at one of its addresses.
    fn take(&self, raw: &[u8]) {
        let at = self.clock.now();
        let mut recipients = recipients_in(raw);
        recipients.iter_mut().for_each(|person| *person = person.to_lowercase());
        recipients.sort();
        recipients.dedup();
        let is_awaited = |person: &&String| self.office.is_open_at(person);
        let waiting: Vec<&String> = recipients.iter().filter(is_awaited).collect();
        if waiting.is_empty() {
            let recipient = recipients.first().cloned().unwrap_or_default();
            self.office.receive(Arrival { recipient, code: None, at, mark: None });
            return;
        }
        let mail::Reading { code, mark } = mail::read(raw, &self.pattern);
        for recipient in waiting {
            let arrival = Arrival { recipient: recipient.clone(), code: code.clone(), at, mark };
            self.office.receive(arrival);
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, ImapError> {
        tokio::time::timeout(self.patience, work).await.map_err(|_| ImapError::Silent)
    }
}

/// Whether the server told of new mails while it was busy with something else.
fn has_more(session: &Session<Bounded<Line>>) -> bool {
    let mut has_more = false;
    while let Ok(told) = session.unsolicited_responses.try_recv() {
        has_more |= matches!(told, UnsolicitedResponse::Exists(_));
    }
    has_more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_the_server_repeats_is_not_told() {
        let mut strikes = Strikes::default();
        strikes.add(&"hush-7f3k".to_owned().into());
        let reason = || "no such user: LOGIN load hush-7f3k".to_owned();
        for error in [
            ImapError::NotLetIn {
                server: "x".to_owned(),
                user: "load".to_owned(),
                reason: reason(),
            },
            ImapError::Folder { folder: "INBOX".to_owned(), reason: reason() },
            ImapError::Broken { reason: reason() },
        ] {
            let told = error.struck(&strikes);
            assert!(!format!("{told} {told:?}").contains("hush-7f3k"), "{told}");
            assert!(told.to_string().contains("LOGIN load"), "{told}");
        }
    }

    #[test]
    fn the_port_is_the_usual_one_unless_another_is_named() {
        for (server, tls, expected) in [
            ("imap.x.test", Encryption::Implicit, "imap.x.test:993"),
            ("imap.x.test", Encryption::StartTls, "imap.x.test:143"),
            ("imap.x.test:1993", Encryption::Implicit, "imap.x.test:1993"),
            ("[::1]", Encryption::Off, "[::1]:143"),
            ("[::1]:1143", Encryption::Off, "[::1]:1143"),
        ] {
            assert_eq!(with_port(server, tls), expected);
        }
        for here in
            ["127.0.0.1:143", "[::1]:143", "[::1]", "localhost:143", "mail.localhost", "localhost."]
        {
            assert!(is_here(here), "{here}");
        }
        for away in ["imap.x.test:143", "192.0.2.1:143", "[2001:db8::1]", "localhost.x.test", "::1"]
        {
            assert!(!is_here(away), "{away}");
        }
    }
}
