//! A mailbox with an HTTP interface, asked again and again for what is new in it.
//!
//! Mails that are there at the start are nobody's. A mail is read when somebody waits at one of its
//! addresses; it is never changed or deleted.

use super::credentials::Credentials;
use super::extract::CodePattern;
use super::http_provider::address_in;
use super::layout::{Layout, Order};
use super::mail::{code_in, code_in_text};
use super::office::{Arrival, Office};
use super::reach::Reach;
use super::reply::text_of;
use crate::base::clock::Clock;
use crate::base::document::Section;
use crate::base::remedy::Remedy;
use crate::base::secret::Secret;
use crate::base::units::Span;
use crate::transport::{ApiClient, SetUpError, TransportFault};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};

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
    /// What is asked cannot be put into a request.
    #[error("`{path}` cannot be asked for")]
    Path { path: String },
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
            Self::Unreachable(_) => "see that `codes.url` is right and that it is up".to_owned(),
            Self::Refused { status: 401 | 403 } => {
                "look at `codes.user` and `codes.password`, or `codes.token`".to_owned()
            }
            Self::Refused { .. } | Self::Unreadable => {
                "see that `codes.preset` names this kind of mailbox, or describe it in `[codes.mailbox]`"
                    .to_owned()
            }
            Self::Path { .. } => "look at the paths in `[codes.mailbox]`".to_owned(),
        })
    }
}

/// Questions at a time, where single mails or people are asked for.
const AT_ONCE: usize = 8;

/// Mails remembered as read; a list that goes back further is read again, which harms nobody.
const MOST_SEEN: usize = 200_000;

/// Most parts of one list that are asked for in a row.
const MOST_PARTS: usize = 200;

impl MailboxSettings {
    /// Takes the keys of `[codes]` that are the mailbox's; none where one that is needed is missing.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let layout = Layout::read(section);
        let url = section.required_text("url", "say where the mailbox is: `http://127.0.0.1:8025`");
        let settings = Self {
            url: url.map(|url| url.value.trim_end_matches('/').to_owned()).unwrap_or_default(),
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
        (!settings.url.is_empty()).then_some(settings)
    }
}

impl MailboxSettings {
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
    watch: AbortHandle,
}

impl HttpMailbox {
    /// Asks once, so that a mailbox that cannot be asked is known before anybody waits, and goes on
    /// asking.
    pub async fn start(
        settings: &MailboxSettings,
        pattern: &CodePattern,
        (office, clock): (Office, Clock),
        reach: &Reach,
    ) -> Result<Self, MailboxError> {
        let url = &settings.url;
        let api = reach.api_client(url, &clock)?;
        let shared =
            Shared { settings: settings.clone(), pattern: pattern.clone(), office, clock, api };
        let mut reader = Reader { shared: Arc::new(shared), seen: Seen::default(), skip: 0 };
        if !settings.layout.is_personal() {
            reader.read(true).await?;
        }
        Ok(Self { watch: tokio::spawn(watch(reader)).abort_handle() })
    }
}

impl Drop for HttpMailbox {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

async fn watch(mut reader: Reader) {
    let office = reader.shared.office.clone();
    loop {
        tokio::time::sleep(reader.shared.settings.poll).await;
        let read = if reader.shared.settings.layout.is_personal() {
            reader.read_for_people().await
        } else if office.is_open() {
            reader.read(false).await
        } else {
            Ok(())
        };
        if let Err(error) = read {
            office.note_trouble(error.to_string());
        }
    }
}

/// What all questions share.
struct Shared {
    settings: MailboxSettings,
    pattern: CodePattern,
    office: Office,
    clock: Clock,
    api: ApiClient,
}

struct Reader {
    shared: Arc<Shared>,
    seen: Seen,
    /// Mails of a list whose oldest come first that need not be asked for again.
    skip: usize,
}

/// Mails that were looked at.
#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Notes a mail; whether it is new.
    fn note(&mut self, id: String) -> bool {
        if !self.ids.insert(id.clone()) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > MOST_SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

impl Reader {
    /// Looks through the list for what is new; `only_notes`: what is there is nobody's.
    async fn read(&mut self, only_notes: bool) -> Result<(), MailboxError> {
        let layout = self.shared.settings.layout.clone();
        let mut fresh = Vec::new();
        let mut skip = self.skip;
        for page in 0..MOST_PARTS {
            let items = self.shared.list(&layout, (skip, page), "").await?;
            let overlaps = |item: &Value| self.seen.has(&self.shared.id_of(item, ""));
            if page == 0 && skip > 0 && !items.first().is_some_and(overlaps) {
                // The last one known is not where it was: somebody took mails out of the list.
                (self.skip, skip) = (0, 0);
                continue;
            }
            let count = items.len();
            let before = fresh.len();
            for item in items {
                if self.seen.note(self.shared.id_of(&item, "")) {
                    fresh.push(item);
                }
            }
            skip += count;
            let new = fresh.len() - before;
            let goes_on = match layout.order {
                Order::OldestFirst => new > 0,
                Order::NewestFirst => new > 0 && new == count,
            };
            if !goes_on || !layout.has_parts() {
                break;
            }
        }
        if layout.order == Order::OldestFirst && layout.has_parts() {
            self.skip = skip.saturating_sub(1);
        }
        if layout.order == Order::NewestFirst {
            fresh.reverse();
        }
        if !only_notes {
            self.shared.hand_out(fresh).await;
        }
        Ok(())
    }

    /// Asks for everybody who is held up.
    async fn read_for_people(&mut self) -> Result<(), MailboxError> {
        let layout = self.shared.settings.layout.clone();
        let mut people = self.shared.office.wanting().into_iter();
        let mut asked: JoinSet<(String, Result<Vec<Value>, MailboxError>)> = JoinSet::new();
        let mut trouble = None;
        loop {
            while asked.len() < AT_ONCE
                && let Some(person) = people.next()
            {
                let (shared, layout) = (self.shared.clone(), layout.clone());
                asked.spawn(async move {
                    let items = shared.list(&layout, (0, 0), &person).await;
                    (person, items)
                });
            }
            let Some(answered) = asked.join_next().await else { break };
            let Ok((person, items)) = answered else { continue };
            let mut items = match items {
                // Nothing there for this person yet.
                Err(MailboxError::Refused { status: 404 }) => continue,
                Err(error) => {
                    trouble = Some(error);
                    continue;
                }
                Ok(items) => items,
            };
            if layout.order == Order::NewestFirst {
                items.reverse();
            }
            for item in items {
                if self.seen.note(self.shared.id_of(&item, &person)) {
                    let code = self.shared.code_of(&item);
                    // A page about a person without a code is a mailbox without a mail.
                    if code.is_some() {
                        let at = self.shared.clock.now();
                        self.shared.office.receive(Arrival { recipient: person.clone(), code, at });
                    }
                }
            }
        }
        trouble.map_or(Ok(()), Err)
    }
}

impl Shared {
    /// A part of the list. `person` stands for `{recipient}`.
    async fn list(
        &self,
        layout: &Layout,
        (skip, page): (usize, usize),
        person: &str,
    ) -> Result<Vec<Value>, MailboxError> {
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let path = layout
            .list
            .replace("{skip}", &skip.to_string())
            .replace("{page}", &page.to_string())
            .replace("{inbox}", &escaped(&self.settings.inbox))
            .replace("{recipient}", &escaped(person));
        let body = self.get(&path).await?;
        let document = match serde_json::from_slice::<Value>(&body) {
            Ok(document) => document,
            // For one person any text will do.
            Err(_) if layout.is_personal() => {
                Value::String(String::from_utf8_lossy(&body).into_owned())
            }
            Err(_) => return Err(MailboxError::Unreadable),
        };
        let found = layout.items.all(&document);
        match found.as_slice() {
            [Value::Array(items)] => Ok(items.clone()),
            [Value::Null] => Ok(Vec::new()),
            [item] if layout.is_personal() => Ok(vec![(*item).clone()]),
            [] if layout.is_personal() => Ok(Vec::new()),
            _ => Err(MailboxError::Unreadable),
        }
    }

    async fn get(&self, path: &str) -> Result<Bytes, MailboxError> {
        let wrong = || MailboxError::Path { path: path.to_owned() };
        let uri: Uri = format!("{}{path}", self.settings.url).parse().map_err(|_| wrong())?;
        let mut request = Request::get(uri).header(header::ACCEPT, "application/json");
        if let Some(value) = self.settings.authorization() {
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| wrong())?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request.body(Bytes::new()).map_err(|_| wrong())?;
        let reply = self.api.call(request).await?;
        if reply.status() == StatusCode::OK {
            return Ok(reply.into_body());
        }
        Err(MailboxError::Refused { status: reply.status().as_u16() })
    }

    /// What tells a mail from others. Where the mailbox has nothing for that, it is what it says.
    fn id_of(&self, item: &Value, person: &str) -> String {
        let id = self.settings.layout.id.as_ref().and_then(|id| id.text(item));
        format!("{person} {}", id.unwrap_or_else(|| item.to_string()))
    }

    /// Hands mails out in their order, the oldest first; texts that the list lacks are fetched.
    async fn hand_out(self: &Arc<Self>, items: Vec<Value>) {
        let mut due = VecDeque::from(items);
        while !due.is_empty() {
            let batch: Vec<Value> = due.drain(..due.len().min(AT_ONCE)).collect();
            let mut fetched = JoinSet::new();
            for (place, item) in batch.into_iter().enumerate() {
                let shared = self.clone();
                fetched.spawn(async move { (place, shared.read_mail(item).await) });
            }
            let mut mails: Vec<_> = fetched.join_all().await;
            mails.sort_by_key(|(place, _)| *place);
            for arrival in mails.into_iter().filter_map(|(_, mail)| mail) {
                self.office.receive(arrival);
            }
        }
    }

    async fn read_mail(&self, item: Value) -> Option<Arrival> {
        let at = self.clock.now();
        let recipients = self.recipients_of(&item);
        let waiting = recipients.iter().find(|recipient| self.office.is_open_at(recipient));
        let Some(recipient) = waiting.cloned() else {
            let recipient = recipients.into_iter().next().unwrap_or_default();
            return Some(Arrival { recipient, code: None, at });
        };
        let whole = match (&self.settings.layout.message, &self.settings.layout.id) {
            (Some(path), Some(id)) => {
                let id = id.text(&item)?;
                let id = utf8_percent_encode(&id, NON_ALPHANUMERIC).to_string();
                match self.get(&path.replace("{id}", &id)).await {
                    Ok(body) => serde_json::from_slice(&body).unwrap_or(Value::Null),
                    Err(error) => {
                        self.office.note_trouble(error.to_string());
                        Value::Null
                    }
                }
            }
            _ => item,
        };
        Some(Arrival { recipient, code: self.code_of(&whole), at })
    }

    fn recipients_of(&self, item: &Value) -> Vec<String> {
        let pointers = self.settings.layout.recipients.iter();
        let found = pointers.flat_map(|pointer| pointer.all(item)).filter_map(text_of);
        found.map(|text| address_in(&text).to_owned()).collect()
    }

    fn code_of(&self, mail: &Value) -> Option<Secret> {
        let layout = &self.settings.layout;
        if let Some(raw) = &layout.raw {
            return code_in(raw.text(mail)?.as_bytes(), &self.pattern);
        }
        if layout.texts.is_empty() {
            return code_in_text(&text_of(mail).unwrap_or_else(|| mail.to_string()), &self.pattern);
        }
        let texts = layout.texts.iter().flat_map(|text| text.all(mail)).filter_map(text_of);
        let mut texts = texts;
        texts.find_map(|text| code_in_text(&text, &self.pattern))
    }
}
