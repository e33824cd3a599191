//! What was done to a load while it went on, until somebody writes it down.

use crate::measure::timeline::Event;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Events that nobody has taken yet. Clones are the same list; any thread may add to it.
#[derive(Clone, Debug, Default)]
pub struct Events(Arc<Mutex<Vec<Event>>>);

impl Events {
    /// Something was done, so long after the start of the run. `text` is one line for people.
    pub fn note(&self, after: Duration, slug: &str, text: impl Into<String>) {
        let at_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        let event = Event { at_ms, slug: slug.to_owned(), text: text.into() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// Takes all that were noted since the last time.
    pub fn drain(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
