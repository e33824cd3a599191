//! A mailbox with an HTTP interface, asked again and again for what is new in it.
//!
//! Mails that are there at the start, or before somebody begins to wait where one person is asked for at
//! a time, are nobody's. A mail is read when somebody waits at one of its addresses; it is never deleted.

use super::credentials::Credentials;
use super::extract::CodePattern;
use super::layout::Layout;
use super::mailbox_client::Client;
use super::mailbox_reader::Reader;
use super::office::Office;
use super::reach::Reach;
use super::watch::Watch;
use crate::base::clock::Clock;
use crate::base::document::{Place, Section};
use crate::base::remedy::Remedy;
use crate::base::secret::Secret;
use crate::base::units::Span;
use crate::transport::{AllowedHost, SetUpError, TransportFault};
use http::{HeaderValue, Uri};
use std::time::Duration;

/// Where a mailbox is and how it is asked.
#[derive(Clone, Debug)]
pub struct MailboxSettings {
    /// Scheme, host and port, and what stands before every path; without a slash at its end.
    pub url: String,
    /// What it looks like.
    pub layout: Layout,
    /// What `{inbox}` stands for.
    pub inbox: String,
    /// Name and password; none to bring none.
    pub credentials: Option<Credentials>,
    /// Bearer token; none to bring none.
    pub token: Option<Secret>,
    /// Pause between two questions.
    pub poll: Duration,
}

/// Most mails that are taken from one look through a mailbox.
pub(super) const MOST_MAILS: usize = 100_000;

/// Most objects of a list: a mail has a few.
pub(super) const MOST_OBJECTS: usize = 10 * MOST_MAILS;

/// Why a mailbox cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
    /// Its address is none.
    #[error("`{url}` is not where a mailbox can be")]
    Address { url: String },
    /// Connections cannot be prepared.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// No reply came.
    #[error("the mailbox cannot be asked: {0}")]
    Unreachable(#[from] TransportFault),
    /// It does not want to say.
    #[error("the mailbox answers {status}")]
    Refused { status: u16 },
    /// It says something that cannot be read.
    #[error("what the mailbox answers is not a list of mails")]
    Unreadable,
    /// It has more than can be kept.
    #[error("the mailbox lists more than {MOST_MAILS} mails")]
    TooMany,
    /// What is asked cannot be put into a request. The text stays out of the message: it may hold a key.
    #[error("what `{key}` says cannot be asked for")]
    Path { key: &'static str },
}

impl Remedy for MailboxError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Address { .. } => "write `codes.url` whole: `https://mail.example.com`".to_owned(),
            Self::SetUp(error) => return error.remedy(),
            Self::Unreachable(TransportFault::Guarded(_)) => {
                "a mailbox that is not on this machine is asked only in a test that is acknowledged: \
                 name the tenant and its support case"
                    .to_owned()
            }
            Self::Unreachable(TransportFault::OversizedReply { .. }) | Self::TooMany => {
                "empty the mailbox, or raise `http.max_reply` where only single lists or mails are large"
                    .to_owned()
            }
            Self::Unreachable(_) => "see that `codes.url` is right and that it is up".to_owned(),
            Self::Refused { status: 401 | 403 } => {
                "look at `codes.user` and `codes.password`, or `codes.token`".to_owned()
            }
            Self::Refused { .. } | Self::Unreadable => {
                "see that `codes.preset` names this kind of mailbox, or describe it in `[codes.mailbox]`"
                    .to_owned()
            }
            Self::Path { .. } => {
                "look for blanks and line ends in it, and in what it is filled in with".to_owned()
            }
        })
    }
}

impl MailboxSettings {
    /// Takes the keys of `[codes]` that are the mailbox's; none where one that is needed is missing.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let layout = Layout::read(section);
        let url = section.required_text("url", "say where the mailbox is: `http://127.0.0.1:8025`");
        let (place, url) = url.map(|url| (url.place, url.value)).unzip();
        let settings = Self {
            url: url.map(|url| url.trim_end_matches('/').to_owned()).unwrap_or_default(),
            inbox: section.text("inbox").map(|text| text.value).unwrap_or_default(),
            credentials: Credentials::read(section),
            token: section.secret("token"),
            poll: read_poll(section),
            layout: layout?,
        };
        if settings.layout.list.contains("{inbox}") && settings.inbox.is_empty() {
            section.missing("inbox", "say which one is meant: Mailosaur calls it the server's id");
        }
        if settings.credentials.is_some() && settings.token.is_some() {
            let place = section.item("token").map(|item| &item.place);
            let remedy = "keep the one that the mailbox wants".to_owned();
            let what = "a question cannot bring both a password and a token";
            section.problems().note(place, what, Some(remedy));
        }
        settings.refuse_what_cannot_be_sent(section, place.as_ref());
        (!settings.url.is_empty()).then_some(settings)
    }

    fn refuse_what_cannot_be_sent(&self, section: &mut Section<'_>, place: Option<&Place>) {
        let says_who = self.credentials.is_some() || self.token.is_some();
        let is_open = |uri: &Uri| {
            uri.scheme_str() == Some("http")
                && AllowedHost::of(uri).is_some_and(|host| !host.is_local())
        };
        if says_who && self.url.parse().is_ok_and(|uri| is_open(&uri)) {
            let what = "the mailbox's password or token would be sent in the clear";
            let remedy = format!("let `{}` begin with `https://`", section.name("url"));
            section.problems().note(place, what, Some(remedy));
        }
        let fits = |value: Secret| HeaderValue::from_str(value.expose()).is_ok();
        if !self.authorization().is_none_or(fits) {
            let place = section.item("token").map(|item| &item.place);
            let what = format!("`{}` has characters that no header takes", section.name("token"));
            let remedy = "look for a line end at its end, and for letters that are not English";
            section.problems().note(place, what, Some(remedy.to_owned()));
        }
    }

    /// The `Authorization` header of every question; none to bring none.
    pub fn authorization(&self) -> Option<Secret> {
        if let Some(known) = &self.credentials {
            return Some(known.basic());
        }
        let token = self.token.as_ref()?;
        if self.layout.token_is_name {
            let user = token.expose().clone();
            return Some(Credentials { user, password: Secret::default() }.basic());
        }
        Some(Secret::new(format!("Bearer {}", token.expose())))
    }
}

/// Pause between two questions to a mailbox; no mailbox has to bear a hundred a second.
pub(super) fn read_poll(section: &mut Section<'_>) -> Duration {
    const SHORTEST: Duration = Duration::from_millis(50);
    let poll = section.parsed::<Span>("poll");
    if let Some(poll) = poll.as_ref().filter(|poll| poll.value.0 < SHORTEST) {
        let what = format!("`{}` is shorter than 50ms", section.name("poll"));
        let remedy = "write `500ms`, or what the mailbox bears".to_owned();
        section.problems().note(Some(&poll.place), what, Some(remedy));
    }
    poll.map_or(Duration::from_millis(500), |poll| poll.value.0)
}

/// A mailbox that is watched. Dropping it ends that.
#[derive(Debug)]
pub struct HttpMailbox {
    _watch: Watch,
}

impl HttpMailbox {
    /// Asks once, so that a mailbox that cannot be asked is known before anybody waits, and goes on
    /// asking. One that is asked for one person at a time is asked first when somebody begins to wait.
    pub async fn start(
        settings: &MailboxSettings,
        pattern: &CodePattern,
        (office, clock): (Office, Clock),
        reach: &Reach,
    ) -> Result<Self, MailboxError> {
        let api = reach.api_client(&settings.url, &clock)?;
        let client = Client::new(settings.clone(), pattern.clone(), api);
        let mut reader = Reader::new(client, office.clone(), clock);
        if settings.layout.is_personal() {
            office.look_first();
        } else {
            reader.pass_over().await?;
        }
        let pause = settings.poll;
        Ok(Self { _watch: Watch::over(watch(reader, office.clone(), pause), office) })
    }
}

async fn watch(mut reader: Reader, office: Office, pause: Duration) {
    let mut sleep = Box::pin(tokio::time::sleep(pause));
    loop {
        let is_time = tokio::select! {
            () = &mut sleep => true,
            () = office.somebody_opens(), if reader.is_personal() => false,
        };
        let read = match (reader.is_personal(), is_time) {
            (false, _) => reader.read().await,
            (true, true) => reader.read_for_people().await,
            (true, false) => reader.look_around().await,
        };
        if let Err(error) = read {
            office.note_trouble(error.to_string());
        }
        if is_time {
            sleep.set(tokio::time::sleep(pause));
        }
    }
}
