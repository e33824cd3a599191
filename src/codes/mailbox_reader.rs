//! Reads a mailbox with an HTTP interface: finds what is new in it and hands it out, each mail once and
//! those to one person in their order, whatever goes wrong on the way.

use super::http_mailbox::{MOST_MAILS, MailboxError};
use super::layout::Order;
use super::mailbox_client::{Client, Part};
use super::office::{Arrival, Office};
use super::seen::{Mark, Seen};
use crate::base::clock::Clock;
use crate::base::secret::Secret;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// Questions at a time, where single mails or people are asked for.
const AT_ONCE: usize = 16;

/// Most parts of one list that are asked for in a row.
const MOST_PARTS: usize = 200;

/// What was read so far, and what is to be handed out.
pub(super) struct Reader {
    client: Arc<Client>,
    office: Office,
    clock: Clock,
    seen: Seen,
    /// Where a list whose oldest come first is read on.
    place: Part,
    /// Found, and not handed out yet; oldest first.
    due: Vec<Due>,
}

/// A mail that was found.
struct Due {
    item: Value,
    /// In lower case.
    recipients: Vec<String>,
    /// Whether it is all that the mailbox says about a person: without a code in it, it is no mail.
    is_page: bool,
}

/// What a look through the list came to.
struct Found {
    items: Vec<(Mark, Value)>,
    place: Part,
}

impl Reader {
    /// Has read nothing yet.
    pub(super) fn new(client: Client, office: Office, clock: Clock) -> Self {
        let (seen, place, due) = (Seen::default(), Part::default(), Vec::new());
        Self { client: Arc::new(client), office, clock, seen, place, due }
    }

    /// Whether the mailbox is asked for one person at a time.
    pub(super) fn is_personal(&self) -> bool {
        self.client.layout().is_personal()
    }

    /// Looks through the list once: what is there is nobody's.
    pub(super) async fn pass_over(&mut self) -> Result<(), MailboxError> {
        let found = self.look().await?;
        self.keep(found);
        Ok(())
    }

    /// Looks through the list for what is new, and hands it out. What could not be read this time is
    /// tried again the next.
    pub(super) async fn read(&mut self) -> Result<(), MailboxError> {
        let looked = self.look().await.map(|found| self.keep(found));
        let looked = looked.map(|items| {
            for item in items {
                let recipients = self.client.recipients_of(&item);
                self.due.push(Due { item, recipients, is_page: false });
            }
        });
        looked.and(self.hand_out().await)
    }

    /// Looks at what is there for everybody who has begun to wait since the last time: it is nobody's.
    pub(super) async fn look_around(&mut self) -> Result<(), MailboxError> {
        let mut trouble = Ok(());
        for (person, listed) in self.lists_of(self.office.unready()).await {
            match listed {
                Ok(items) => {
                    for item in items {
                        self.seen.note(self.client.mark_of(&item, &person));
                    }
                    self.office.make_ready(&person);
                }
                Err(error) => trouble = Err(error),
            }
        }
        trouble
    }

    /// Asks for everybody who is held up.
    pub(super) async fn read_for_people(&mut self) -> Result<(), MailboxError> {
        let looked = self.look_around().await;
        let mut trouble = Ok(());
        let layout = self.client.layout();
        let (order, is_page) = (layout.order, layout.message.is_none());
        for (person, listed) in self.lists_of(self.office.wanting()).await {
            let mut items = match listed {
                Ok(items) => items,
                Err(error) => {
                    trouble = Err(error);
                    continue;
                }
            };
            if order == Order::NewestFirst {
                items.reverse();
            }
            for item in items {
                // A search may find more than it was asked for.
                let named = self.client.recipients_of(&item);
                let is_theirs = named.is_empty() || named.contains(&person);
                if self.seen.note(self.client.mark_of(&item, &person)) && is_theirs {
                    let recipients = vec![person.clone()];
                    self.due.push(Due { item, recipients, is_page });
                }
            }
        }
        looked.and(trouble).and(self.hand_out().await)
    }

    /// What the mailbox has for each of some people.
    async fn lists_of(
        &self,
        people: Vec<String>,
    ) -> Vec<(String, Result<Vec<Value>, MailboxError>)> {
        let asked = stream::iter(people).map(|person| {
            let client = self.client.clone();
            async move {
                let listed = match client.list(Part::default(), &person).await {
                    // Nothing there for this person yet.
                    Err(MailboxError::Refused { status: 404 }) => Ok(Vec::new()),
                    listed => listed,
                };
                (person, listed)
            }
        });
        asked.buffered(AT_ONCE).collect().await
    }

    /// Everything in the list that was not seen before, oldest first. Nothing is noted as seen: where a
    /// part of the list cannot be read, all of it is read again.
    async fn look(&self) -> Result<Found, MailboxError> {
        let layout = self.client.layout();
        let is_paged = layout.list.contains("{page}");
        let mut at = self.place;
        let mut goes_on_from = (at != Part::default()).then_some(at);
        let (mut items, mut marks) = (Vec::new(), HashSet::new());
        let mut place = at;
        for _ in 0..MOST_PARTS {
            let listed = self.client.list(at, "").await?;
            let is_known = |item: &Value| self.seen.has(self.client.mark_of(item, ""));
            if goes_on_from.take().is_some() && !listed.first().is_some_and(is_known) {
                // The last one known is not where it was: somebody took mails out of the list.
                (at, place) = (Part::default(), Part::default());
                continue;
            }
            let (count, before) = (listed.len(), items.len());
            for item in listed {
                let mark = self.client.mark_of(&item, "");
                if !self.seen.has(mark) && marks.insert(mark) {
                    items.push((mark, item));
                }
            }
            if items.len() > MOST_MAILS {
                return Err(MailboxError::TooMany);
            }
            if count > 0 {
                // The last part that has any, and in it the last mail: whether it is still there tells
                // whether the list is still the same.
                let last = (at.skip + count).saturating_sub(1);
                place = Part { skip: last, page: at.page };
            }
            at = Part { skip: at.skip + count, page: at.page + 1 };
            let is_new = items.len() > before;
            let goes_on = match layout.order {
                // A part that is full has another after it, whether it has anything new or not.
                Order::OldestFirst if is_paged => count > 0,
                Order::OldestFirst | Order::NewestFirst => is_new,
            };
            if !goes_on || !layout.has_parts() {
                break;
            }
        }
        if layout.order == Order::NewestFirst {
            items.reverse();
            place = Part::default();
        }
        let place = if layout.has_parts() { place } else { Part::default() };
        Ok(Found { items, place })
    }

    /// Notes what was found as seen.
    fn keep(&mut self, found: Found) -> Vec<Value> {
        self.place = found.place;
        let Self { seen, .. } = self;
        found.items.into_iter().filter_map(|(mark, item)| seen.note(mark).then_some(item)).collect()
    }

    /// Hands out what is due, in its order; texts that the list lacks are fetched. A mail that cannot be
    /// read now stays, and with it those that came after it for the same person.
    async fn hand_out(&mut self) -> Result<(), MailboxError> {
        let due = std::mem::take(&mut self.due);
        let (client, office) = (self.client.clone(), self.office.clone());
        let read = stream::iter(due).map(|due| {
            let (client, office) = (client.clone(), office.clone());
            async move {
                let is_wanted = due.recipients.iter().any(|person| office.is_open_at(person));
                let code = if is_wanted { client.code_of(&due.item).await } else { Ok(None) };
                (due, code)
            }
        });
        let mut read = read.buffered(AT_ONCE);
        let (mut held, mut trouble) = (HashSet::new(), Ok(()));
        while let Some((due, code)) = read.next().await {
            let is_held = due.recipients.iter().any(|person| held.contains(person));
            match code {
                Ok(code) if !is_held => self.give(&due, code.as_ref()),
                // Somebody took it out of the mailbox.
                Err(error @ MailboxError::Refused { status: 404 | 410 }) if !is_held => {
                    self.give(&due, None);
                    trouble = Err(error);
                }
                code => {
                    held.extend(due.recipients.iter().cloned());
                    self.due.push(due);
                    trouble = trouble.and(code.map(|_| ()));
                }
            }
        }
        trouble
    }

    /// Hands a mail to everybody who waits for it.
    fn give(&self, due: &Due, code: Option<&Secret>) {
        if due.is_page && code.is_none() {
            return;
        }
        let at = self.clock.now();
        let arrival = |recipient: String, code: Option<&Secret>| Arrival {
            recipient,
            code: code.cloned(),
            at,
            mark: None,
        };
        let waiting = due.recipients.iter().filter(|person| self.office.is_open_at(person));
        let waiting: Vec<&String> = waiting.collect();
        if waiting.is_empty() {
            let recipient = due.recipients.first().cloned().unwrap_or_default();
            self.office.receive(arrival(recipient, None));
        }
        for recipient in waiting {
            self.office.receive(arrival(recipient.clone(), code));
        }
    }
}
