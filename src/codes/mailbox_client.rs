//! What is asked of a mailbox with an HTTP interface, and what its answers say.

use super::extract::CodePattern;
use super::http_mailbox::{MOST_MAILS, MOST_OBJECTS, MailboxError, MailboxSettings};
use super::http_provider::address_in;
use super::layout::Layout;
use super::mail::{code_in, code_in_text};
use super::reply::text_of;
use super::seen::Mark;
use crate::base::secret::Secret;
use crate::transport::ApiClient;
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Asks a mailbox.
pub(super) struct Client {
    settings: MailboxSettings,
    pattern: CodePattern,
    api: ApiClient,
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Part {
    /// Mails passed over.
    pub(super) skip: usize,
    /// Parts passed over.
    pub(super) page: usize,
}

impl Client {
    /// Asks nothing yet.
    pub(super) const fn new(
        settings: MailboxSettings,
        pattern: CodePattern,
        api: ApiClient,
    ) -> Self {
        Self { settings, pattern, api }
    }

    /// What the mailbox looks like.
    pub(super) const fn layout(&self) -> &Layout {
        &self.settings.layout
    }

    /// A part of the list. `person` stands for `{recipient}`.
    pub(super) async fn list(&self, part: Part, person: &str) -> Result<Vec<Value>, MailboxError> {
        let layout = self.layout();
        let path = layout
            .list
            .replace("{skip}", &part.skip.to_string())
            .replace("{page}", &part.page.to_string())
            .replace("{inbox}", &escaped(&self.settings.inbox))
            .replace("{recipient}", &escaped(person));
        let body = self.get("codes.mailbox.list", &path).await?;
        // Read, an object takes a hundred times the room of its text.
        if body.iter().filter(|byte| **byte == b'{').count() > MOST_OBJECTS {
            return Err(MailboxError::TooMany);
        }
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
            [Value::Array(items)] if items.len() > MOST_MAILS => Err(MailboxError::TooMany),
            [Value::Array(items)] => Ok(items.clone()),
            [Value::Null] => Ok(Vec::new()),
            [item] if layout.is_personal() => Ok(vec![(*item).clone()]),
            [] if layout.is_personal() => Ok(Vec::new()),
            _ => Err(MailboxError::Unreadable),
        }
    }

    /// What tells a mail from others. Where the mailbox has nothing for that, it is what it says.
    pub(super) fn mark_of(&self, item: &Value, person: &str) -> Mark {
        let id = self.layout().id.as_ref().and_then(|id| id.text(item));
        let id = id.unwrap_or_else(|| item.to_string());
        Mark::of(&[person.as_bytes(), id.as_bytes()])
    }

    /// Whom a mail of the list is for.
    pub(super) fn recipients_of(&self, item: &Value) -> Vec<String> {
        let pointers = self.layout().recipients.iter();
        let found = pointers.flat_map(|pointer| pointer.all(item)).filter_map(text_of);
        let mut recipients = Vec::new();
        for text in found {
            let address = address_in(&text).to_lowercase();
            if !recipients.contains(&address) {
                recipients.push(address);
            }
        }
        recipients
    }

    /// The code in a mail of the list; a mail whose texts the list lacks is asked for.
    pub(super) async fn code_of(&self, item: &Value) -> Result<Option<Secret>, MailboxError> {
        let layout = self.layout();
        let (Some(path), Some(id)) = (&layout.message, &layout.id) else {
            return Ok(self.code_in(item));
        };
        let Some(id) = id.text(item) else { return Ok(None) };
        let body = self.get("codes.mailbox.message", &path.replace("{id}", &escaped(&id))).await?;
        // The answer is the mail itself.
        if layout.raw.as_ref().is_some_and(|raw| raw.is_whole()) {
            return Ok(code_in(&body, &self.pattern));
        }
        Ok(serde_json::from_slice(&body).ok().and_then(|mail| self.code_in(&mail)))
    }

    fn code_in(&self, mail: &Value) -> Option<Secret> {
        let layout = self.layout();
        if let Some(raw) = &layout.raw {
            return code_in(raw.text(mail)?.as_bytes(), &self.pattern);
        }
        if layout.texts.is_empty() {
            return code_in_text(&text_of(mail).unwrap_or_else(|| mail.to_string()), &self.pattern);
        }
        let mut texts = layout.texts.iter().flat_map(|text| text.all(mail)).filter_map(text_of);
        texts.find_map(|text| code_in_text(&text, &self.pattern))
    }

    /// `key` is what the profile calls the path.
    async fn get(&self, key: &'static str, path: &str) -> Result<Bytes, MailboxError> {
        let wrong = || MailboxError::Path { key };
        let uri: Uri = format!("{}{path}", self.settings.url).parse().map_err(|_| wrong())?;
        let mut request = Request::get(uri).header(header::ACCEPT, "application/json, */*;q=0.5");
        if let Some(value) = self.settings.authorization() {
            let wrong = |_| MailboxError::Path { key: "codes.token" };
            let mut value = HeaderValue::from_str(value.expose()).map_err(wrong)?;
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
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
