//! The code office: codes that arrive are handed to whoever waits at their address.
//!
//! A waiter opens before the request that triggers the mail is sent, so that no mail can come too
//! early. Codes are numbered as they arrive: the n-th belongs to the n-th request that asked for one.

use crate::base::clock::Clock;
use crate::base::remedy::Remedy;
use crate::base::secret::Secret;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Hands out codes by address. Cloning it gives another handle to the same office.
#[derive(Clone, Debug)]
pub struct Office(Arc<Inner>);

/// A mail that came for one recipient.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The address it was sent to.
    pub recipient: String,
    /// The code in it, if one was found.
    pub code: Option<Secret>,
    /// When it came in.
    pub at: Instant,
}

/// Somebody who waits at an address until this is dropped.
#[derive(Debug)]
pub struct Waiter {
    address: String,
    codes: watch::Receiver<Vec<Secret>>,
    office: Office,
}

/// Why a waiter cannot be opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OfficeError {
    /// Two would get each other's codes.
    #[error("somebody already waits for codes to `{address}`")]
    Taken { address: String },
}

impl Remedy for OfficeError {
    fn remedy(&self) -> Option<String> {
        let Self::Taken { .. } = self;
        Some("give every account an e-mail address of its own".to_owned())
    }
}

/// Why there is no code.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CodeFault {
    /// It did not come in time.
    #[error("code {number} for `{address}` did not come within {waited:?}")]
    NotReceived { address: String, number: usize, waited: Duration },
}

impl CodeFault {
    /// Slug of the fault.
    pub const fn slug(&self) -> &'static str {
        match self {
            Self::NotReceived { .. } => "code-not-received",
        }
    }
}

/// Mails counted by recipient. `received` is the sum of all others.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OfficeStats {
    /// All that came.
    pub received: u64,
    /// Given to a waiter.
    pub delivered: u64,
    /// Nobody waited at the address.
    pub no_waiter: u64,
    /// No code was found in it.
    pub no_code: u64,
    /// It came before the waiter opened.
    pub stale: u64,
    /// The waiter had more codes already than anybody asks for.
    pub surplus: u64,
}

/// How a source fared that has to ask for its mails; no part of the mails' counts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trouble {
    /// How often it could not ask.
    pub times: u64,
    /// Why, the last time. No secrets.
    pub last: Option<String>,
}

/// Codes that one waiter can have; a flood to one address must not fill the memory.
const MOST_CODES: usize = 64;

#[derive(Debug)]
struct Inner {
    clock: Clock,
    desks: Mutex<Desks>,
}

#[derive(Debug, Default)]
struct Desks {
    /// By address in lower case.
    open: HashMap<String, Desk>,
    stats: OfficeStats,
    trouble: Trouble,
}

#[derive(Debug)]
struct Desk {
    opened: Instant,
    /// How many codes somebody is waiting for right now.
    wanted: usize,
    codes: watch::Sender<Vec<Secret>>,
}

impl Office {
    /// An office where nobody waits yet.
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner { clock, desks: Mutex::default() }))
    }

    /// Begins to wait at an address; letter case does not matter. To be called before the request
    /// that triggers the first mail.
    pub fn open(&self, recipient: &str) -> Result<Waiter, OfficeError> {
        let address = recipient.to_lowercase();
        let opened = self.0.clock.now();
        let mut desks = self.lock();
        if desks.open.contains_key(&address) {
            return Err(OfficeError::Taken { address });
        }
        let (codes, receiver) = watch::channel(Vec::new());
        desks.open.insert(address.clone(), Desk { opened, wanted: 0, codes });
        Ok(Waiter { address, codes: receiver, office: self.clone() })
    }

    /// Takes a mail in.
    pub fn receive(&self, arrival: Arrival) {
        let mut desks = self.lock();
        let Desks { open, stats, .. } = &mut *desks;
        stats.received += 1;
        let fate = match (open.get(&arrival.recipient.to_lowercase()), arrival.code) {
            (None, _) => &mut stats.no_waiter,
            (Some(desk), _) if arrival.at < desk.opened => &mut stats.stale,
            (Some(_), None) => &mut stats.no_code,
            (Some(desk), Some(code)) => {
                let fits = desk.codes.borrow().len() < MOST_CODES;
                if fits {
                    desk.codes.send_modify(|codes| codes.push(code));
                    &mut stats.delivered
                } else {
                    &mut stats.surplus
                }
            }
        };
        *fate += 1;
    }

    /// What came so far.
    pub fn stats(&self) -> OfficeStats {
        self.lock().stats
    }

    /// Whether anybody has begun to wait anywhere.
    pub fn is_open(&self) -> bool {
        !self.lock().open.is_empty()
    }

    /// Whether anybody has begun to wait at an address; letter case does not matter.
    pub fn is_open_at(&self, recipient: &str) -> bool {
        self.lock().open.contains_key(&recipient.to_lowercase())
    }

    /// The addresses where somebody is held up for want of a code, in lower case.
    pub fn wanting(&self) -> Vec<String> {
        let desks = self.lock();
        let wants = |desk: &Desk| desk.codes.borrow().len() < desk.wanted;
        desks
            .open
            .iter()
            .filter(|(_, desk)| wants(desk))
            .map(|(address, _)| address.clone())
            .collect()
    }

    /// Notes that a source could not ask for its mails.
    pub fn note_trouble(&self, why: String) {
        let trouble = &mut self.lock().trouble;
        trouble.times += 1;
        trouble.last = Some(why);
    }

    /// How the source fared.
    pub fn trouble(&self) -> Trouble {
        self.lock().trouble.clone()
    }

    fn want(&self, address: &str, wanted: usize) {
        if let Some(desk) = self.lock().open.get_mut(address) {
            desk.wanted = wanted;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Desks> {
        self.0.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// The address waited at, in lower case.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How many codes have come.
    pub fn count(&self) -> usize {
        self.codes.borrow().len()
    }

    /// The codes that have come, fetched or not.
    pub fn arrived(&self) -> Vec<Secret> {
        self.codes.borrow().clone()
    }

    /// Waits for the n-th code, counted from 1, and says how long that took. A code that is there
    /// already takes no time.
    pub async fn nth(
        &mut self,
        number: usize,
        within: Duration,
    ) -> Result<(Secret, Duration), CodeFault> {
        let began = self.office.0.clock.now();
        let index = number.saturating_sub(1);
        self.office.want(&self.address, number);
        let arrived = self.codes.wait_for(|codes| codes.len() > index);
        let code = match tokio::time::timeout(within, arrived).await {
            Ok(Ok(codes)) => codes.get(index).cloned(),
            Ok(Err(_)) | Err(_) => None,
        };
        let waited = self.office.0.clock.now().saturating_duration_since(began);
        code.map(|code| (code, waited)).ok_or_else(|| CodeFault::NotReceived {
            address: self.address.clone(),
            number,
            waited,
        })
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.office.lock().open.remove(&self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    const SOON: Duration = Duration::from_secs(20);

    fn office() -> (Office, Clock) {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        (Office::new(clock.clone()), clock)
    }

    fn mail(recipient: &str, code: &str, clock: &Clock) -> Arrival {
        let code = Some(code.to_owned().into());
        Arrival { recipient: recipient.to_owned(), code, at: clock.now() }
    }

    async fn nth(waiter: &mut Waiter, number: usize) -> String {
        waiter.nth(number, SOON).await.unwrap().0.expose().clone()
    }

    #[tokio::test]
    async fn a_code_is_handed_to_the_address_that_asked() {
        let (office, clock) = office();
        let mut jane = office.open("Jane@x.test").unwrap();
        let mut joe = office.open("joe@x.test").unwrap();
        office.receive(mail("JOE@X.test", "joes", &clock));
        office.receive(mail("jane@x.test", "janes", &clock));
        assert_eq!(nth(&mut jane, 1).await, "janes");
        assert_eq!(nth(&mut joe, 1).await, "joes");
    }

    #[tokio::test]
    async fn codes_are_numbered_as_they_arrive() {
        let (office, clock) = office();
        let mut waiter = office.open("a@x.test").unwrap();
        office.receive(mail("a@x.test", "first", &clock));
        office.receive(mail("a@x.test", "second", &clock));
        assert_eq!(nth(&mut waiter, 2).await, "second");
        assert_eq!(nth(&mut waiter, 1).await, "first");
        assert_eq!(waiter.count(), 2);
    }

    #[tokio::test]
    async fn a_code_that_comes_later_is_awaited_and_the_wait_is_measured() {
        let (office, clock) = office();
        let mut waiter = office.open("a@x.test").unwrap();
        let later = async {
            clock.advance(Duration::from_secs(3));
            office.receive(mail("a@x.test", "late", &clock));
        };
        let (arrived, ()) = tokio::join!(waiter.nth(1, SOON), later);
        let (code, waited) = arrived.unwrap();
        assert_eq!((code.expose().as_str(), waited), ("late", Duration::from_secs(3)));
        assert_eq!(waiter.nth(1, SOON).await.unwrap().1, Duration::ZERO);
    }

    #[tokio::test]
    async fn sources_that_ask_know_for_whom() {
        let (office, clock) = office();
        assert!(!office.is_open());
        let mut waiter = office.open("A@x.test").unwrap();
        assert!(
            office.is_open() && office.is_open_at("a@X.test") && !office.is_open_at("b@x.test")
        );
        assert!(office.wanting().is_empty(), "nobody is held up yet");
        let _ = waiter.nth(1, Duration::ZERO).await;
        assert_eq!(office.wanting(), ["a@x.test"]);
        office.receive(mail("a@x.test", "first", &clock));
        assert!(office.wanting().is_empty());
        office.note_trouble("connection refused".to_owned());
        assert_eq!((office.trouble().times, office.trouble().last.is_some()), (1, true));
    }

    #[tokio::test]
    async fn a_code_that_never_comes_is_a_fault() {
        let (office, _) = office();
        let mut waiter = office.open("a@x.test").unwrap();
        let fault = waiter.nth(1, Duration::ZERO).await.unwrap_err();
        assert_eq!(fault.slug(), "code-not-received");
        assert!(fault.to_string().starts_with("code 1 for `a@x.test` did not come"));
    }

    #[test]
    fn an_address_has_one_waiter_at_a_time() {
        let (office, _) = office();
        let waiter = office.open("a@x.test").unwrap();
        assert!(matches!(office.open("A@x.test"), Err(OfficeError::Taken { .. })));
        drop(waiter);
        assert!(office.open("A@x.test").is_ok());
    }

    #[test]
    fn every_mail_is_counted_once_whatever_becomes_of_it() {
        let (office, clock) = office();
        let early = mail("a@x.test", "old", &clock);
        clock.advance(Duration::from_secs(1));
        let waiter = office.open("a@x.test").unwrap();
        office.receive(early);
        office.receive(mail("b@x.test", "stray", &clock));
        office.receive(Arrival { code: None, ..mail("a@x.test", "", &clock) });
        for _ in 0..MOST_CODES + 3 {
            office.receive(mail("a@x.test", "code", &clock));
        }
        let stats = office.stats();
        assert_eq!((stats.stale, stats.no_waiter, stats.no_code, stats.surplus), (1, 1, 1, 3));
        assert_eq!((stats.delivered, stats.received), (64, 70));
        assert_eq!(waiter.count(), MOST_CODES);
    }

    #[tokio::test]
    async fn a_new_waiter_gets_none_of_the_codes_of_the_one_before() {
        let (office, clock) = office();
        let waiter = office.open("a@x.test").unwrap();
        office.receive(mail("a@x.test", "old", &clock));
        drop(waiter);
        let mut waiter = office.open("a@x.test").unwrap();
        assert_eq!(waiter.count(), 0);
        office.receive(mail("a@x.test", "new", &clock));
        assert_eq!(nth(&mut waiter, 1).await, "new");
    }
}
