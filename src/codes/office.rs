//! The code office: codes that arrive are handed to whoever waits at their address.
//!
//! A waiter opens before the request that triggers the mail is sent, so that no mail can come too
//! early. Codes are numbered as they arrive: the n-th belongs to the n-th request that asked for one.
//! Whoever goes before all the codes have come that were asked for leaves something behind, an account
//! as a rule, that nobody gets before they came: the next to wait there would take them for its own.

use super::reception::Reception;
use super::seen::Mark;
use crate::base::clock::Clock;
use crate::base::remedy::Remedy;
use crate::base::secret::Secret;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

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
    /// What tells it from other mails, however often it is delivered; none if nothing does.
    pub mark: Option<Mark>,
}

/// Somebody who waits at an address until this is dropped.
#[derive(Debug)]
pub struct Waiter {
    address: String,
    post: watch::Receiver<Post>,
    office: Office,
    /// Whether the desk is another's by now.
    has_left: bool,
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
    /// What is in the mailbox from before is not known, so that a new code could not be told from it.
    #[error("the mailbox of `{address}` could not be looked at within {waited:?}")]
    NotReady { address: String, waited: Duration },
}

impl CodeFault {
    /// Slug of the fault.
    pub const fn slug(&self) -> &'static str {
        match self {
            Self::NotReceived { .. } | Self::NotReady { .. } => "code-not-received",
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
    /// The code that was asked for, after whoever asked for it had gone.
    pub late: u64,
    /// A mail that had come before, or one more than anybody asks for.
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
    opened: Notify,
}

#[derive(Debug, Default)]
struct Desks {
    /// By address in lower case.
    open: HashMap<String, Desk>,
    /// What was left behind, by address in lower case.
    left: HashMap<String, Left>,
    /// When the first of those is given up.
    next_release: Option<Instant>,
    /// Whether a desk has to be made ready.
    needs_looking: bool,
    stats: OfficeStats,
    trouble: Trouble,
    reception: Reception,
}

#[derive(Debug)]
struct Desk {
    opened: Instant,
    /// How many codes somebody is waiting for right now.
    wanted: usize,
    post: watch::Sender<Post>,
    /// Mails that came.
    marks: Vec<Mark>,
}

/// What a waiter sees.
#[derive(Debug)]
struct Post {
    codes: Vec<Secret>,
    is_ready: bool,
}

/// A desk that nobody waits at any more.
#[derive(Debug)]
struct Left {
    /// Codes that are still to come.
    owed: usize,
    /// When it is no longer believed that they do.
    until: Instant,
    marks: Vec<Mark>,
    /// What nobody gets until then.
    _kept: Box<dyn Debug + Send>,
}

/// What becomes of a mail.
enum Fate {
    Delivered,
    NoWaiter,
    NoCode,
    Stale,
    Late,
    Surplus,
}

impl Office {
    /// An office where nobody waits yet.
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner { clock, desks: Mutex::default(), opened: Notify::new() }))
    }

    /// Begins to wait at an address; letter case does not matter. To be called before the request
    /// that triggers the first mail.
    pub fn open(&self, recipient: &str) -> Result<Waiter, OfficeError> {
        let address = recipient.to_lowercase();
        let opened = self.0.clock.now();
        let mut desks = self.lock();
        if desks.open.contains_key(&address) || desks.left.contains_key(&address) {
            return Err(OfficeError::Taken { address });
        }
        let is_ready = !desks.needs_looking;
        let (post, receiver) = watch::channel(Post { codes: Vec::new(), is_ready });
        let desk = Desk { opened, wanted: 0, post, marks: Vec::new() };
        desks.open.insert(address.clone(), desk);
        drop(desks);
        self.0.opened.notify_one();
        Ok(Waiter { address, post: receiver, office: self.clone(), has_left: false })
    }

    /// Takes a mail in.
    pub fn receive(&self, arrival: Arrival) {
        let address = arrival.recipient.to_lowercase();
        let mut desks = self.lock();
        let fate = if let Some(desk) = desks.open.get_mut(&address) {
            desk.take(arrival)
        } else if let Some(left) = desks.left.get_mut(&address) {
            left.take(&arrival)
        } else {
            Fate::NoWaiter
        };
        desks.stats.count(&fate);
        let is_settled = desks.left.get(&address).is_some_and(|left| left.owed == 0);
        let settled = is_settled.then(|| desks.left.remove(&address));
        // What goes back somewhere has locks of its own.
        drop(desks);
        drop(settled);
    }

    /// What came so far.
    pub fn stats(&self) -> OfficeStats {
        self.lock().stats
    }

    /// Whether anybody has begun to wait at an address, or codes to it are still to come; letter
    /// case does not matter.
    pub fn is_open_at(&self, recipient: &str) -> bool {
        let (address, desks) = (recipient.to_lowercase(), self.lock());
        desks.open.contains_key(&address) || desks.left.contains_key(&address)
    }

    /// The addresses where somebody is held up for want of a code, or where codes are still to come,
    /// in lower case.
    pub fn wanting(&self) -> Vec<String> {
        let desks = self.lock();
        let wants = |desk: &Desk| desk.post.borrow().codes.len() < desk.wanted;
        let waiting = desks.open.iter().filter(|(_, desk)| wants(desk)).map(|(address, _)| address);
        waiting.chain(desks.left.keys()).cloned().collect()
    }

    /// From now on whoever opens waits, before anything is asked for, until somebody has looked at
    /// what is there already.
    pub fn look_first(&self) {
        self.lock().needs_looking = true;
    }

    /// The addresses that nobody has looked at, in lower case.
    pub fn unready(&self) -> Vec<String> {
        let desks = self.lock();
        let unready = desks.open.iter().filter(|(_, desk)| !desk.post.borrow().is_ready);
        unready.map(|(address, _)| address.clone()).collect()
    }

    /// Notes that somebody has looked at what is there for an address.
    pub fn make_ready(&self, address: &str) {
        if let Some(desk) = self.lock().open.get(address) {
            desk.post.send_modify(|post| post.is_ready = true);
        }
    }

    /// Waits until somebody opens, or has since the last time.
    pub async fn somebody_opens(&self) {
        self.0.opened.notified().await;
    }

    /// Gives up what codes did not come for in all their time.
    pub fn release(&self) {
        let now = self.0.clock.now();
        let mut desks = self.lock();
        if desks.next_release.is_none_or(|at| now < at) {
            return;
        }
        let over = desks.left.iter().filter(|(_, left)| left.until <= now);
        let over: Vec<String> = over.map(|(address, _)| address.clone()).collect();
        let over: Vec<_> = over.iter().filter_map(|address| desks.left.remove(address)).collect();
        desks.next_release = desks.left.values().map(|left| left.until).min();
        drop(desks);
        drop(over);
    }

    /// How many left something behind that codes are still to come for.
    pub fn left(&self) -> usize {
        self.lock().left.len()
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

    /// Notes something of who came and who waits.
    pub(super) fn note(&self, note: impl FnOnce(&mut Reception)) {
        note(&mut self.lock().reception);
    }

    /// Who came, and who waited.
    pub fn reception(&self) -> Reception {
        self.lock().reception
    }

    fn want(&self, address: &str, wanted: usize) {
        let mut desks = self.lock();
        desks.reception.awaited += 1;
        if let Some(desk) = desks.open.get_mut(address) {
            desk.wanted = wanted;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Desks> {
        self.0.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn take(&mut self, arrival: Arrival) -> Fate {
        if arrival.at < self.opened {
            return Fate::Stale;
        }
        let Some(code) = arrival.code else { return Fate::NoCode };
        let is_new = arrival.mark.is_none_or(|mark| !self.marks.contains(&mark));
        if !is_new || self.post.borrow().codes.len() >= MOST_CODES {
            return Fate::Surplus;
        }
        self.marks.extend(arrival.mark);
        self.post.send_modify(|post| post.codes.push(code));
        Fate::Delivered
    }
}

impl Left {
    fn take(&mut self, arrival: &Arrival) -> Fate {
        if arrival.code.is_none() {
            return Fate::NoCode;
        }
        if arrival.mark.is_some_and(|mark| self.marks.contains(&mark)) {
            return Fate::Surplus;
        }
        self.marks.extend(arrival.mark);
        self.owed = self.owed.saturating_sub(1);
        Fate::Late
    }
}

impl OfficeStats {
    const fn count(&mut self, fate: &Fate) {
        self.received += 1;
        *match fate {
            Fate::Delivered => &mut self.delivered,
            Fate::NoWaiter => &mut self.no_waiter,
            Fate::NoCode => &mut self.no_code,
            Fate::Stale => &mut self.stale,
            Fate::Late => &mut self.late,
            Fate::Surplus => &mut self.surplus,
        } += 1;
    }
}

impl Waiter {
    /// The address waited at, in lower case.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How many codes have come.
    pub fn count(&self) -> usize {
        self.post.borrow().codes.len()
    }

    /// The codes that have come, fetched or not.
    pub fn arrived(&self) -> Vec<Secret> {
        self.post.borrow().codes.clone()
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
        let arrived = self.post.wait_for(|post| post.codes.len() > index);
        let code = match tokio::time::timeout(within, arrived).await {
            Ok(Ok(post)) => post.codes.get(index).cloned(),
            Ok(Err(_)) | Err(_) => None,
        };
        self.office.note(|of| *if code.is_some() { &mut of.met } else { &mut of.missed } += 1);
        let waited = self.office.0.clock.now().saturating_duration_since(began);
        code.map(|code| (code, waited)).ok_or_else(|| CodeFault::NotReceived {
            address: self.address.clone(),
            number,
            waited,
        })
    }

    /// Whether a code may be asked for: nothing that is there already can be taken for it.
    pub fn is_ready(&self) -> bool {
        self.post.borrow().is_ready
    }

    /// Waits until a code may be asked for, and says how long that took.
    pub async fn ready(&mut self, within: Duration) -> Result<Duration, CodeFault> {
        let began = self.office.0.clock.now();
        let looked = tokio::time::timeout(within, self.post.wait_for(|post| post.is_ready)).await;
        let is_ready = matches!(looked, Ok(Ok(_)));
        let waited = self.office.0.clock.now().saturating_duration_since(began);
        is_ready
            .then_some(waited)
            .ok_or_else(|| CodeFault::NotReady { address: self.address.clone(), waited })
    }

    /// Goes, having asked for so many codes. If not all of them have come, `kept` is dropped only
    /// once they have, or after the time `within` which they may.
    pub fn leave(mut self, asked: usize, within: Duration, kept: Box<dyn Debug + Send>) {
        let owed = asked.saturating_sub(self.count());
        let until = self.office.0.clock.now().checked_add(within);
        let (1.., Some(until)) = (owed, until) else { return };
        let mut desks = self.office.lock();
        let Some(desk) = desks.open.remove(&self.address) else { return };
        desks.next_release = Some(desks.next_release.map_or(until, |at| at.min(until)));
        let left = Left { owed, until, marks: desk.marks, _kept: kept };
        desks.left.insert(self.address.clone(), left);
        drop(desks);
        self.has_left = true;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if !self.has_left {
            self.office.lock().open.remove(&self.address);
        }
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
        Arrival { recipient: recipient.to_owned(), code, at: clock.now(), mark: None }
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
        assert!(!office.is_open_at("a@x.test"));
        let mut waiter = office.open("A@x.test").unwrap();
        assert!(office.is_open_at("a@X.test") && !office.is_open_at("b@x.test"));
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

    /// Something that says whether it is still kept.
    fn keepsake() -> (Box<dyn Debug + Send>, std::sync::Weak<()>) {
        let kept = Arc::new(());
        let watched = Arc::downgrade(&kept);
        (Box::new(kept), watched)
    }

    #[tokio::test]
    async fn what_is_left_behind_is_kept_until_its_codes_have_come() {
        let (office, clock) = office();
        let (kept, watched) = keepsake();
        let waiter = office.open("a@x.test").unwrap();
        office.receive(mail("a@x.test", "first", &clock));
        waiter.leave(3, SOON, kept);
        assert_eq!((office.wanting(), office.left()), (vec!["a@x.test".to_owned()], 1));
        assert!(matches!(office.open("a@x.test"), Err(OfficeError::Taken { .. })));
        office.receive(mail("A@x.test", "second", &clock));
        office.receive(Arrival { code: None, ..mail("a@x.test", "", &clock) });
        assert!(watched.upgrade().is_some(), "one is still to come");
        office.receive(mail("a@x.test", "third", &clock));
        assert!(watched.upgrade().is_none() && office.left() == 0);
        let mut next = office.open("a@x.test").unwrap();
        office.receive(mail("a@x.test", "own", &clock));
        assert_eq!(nth(&mut next, 1).await, "own");
        let stats = office.stats();
        assert_eq!((stats.delivered, stats.late, stats.no_code, stats.received), (2, 2, 1, 5));
    }

    #[test]
    fn what_is_left_behind_is_given_up_in_its_time() {
        let (office, clock) = office();
        let (first, second) = (keepsake(), keepsake());
        office.open("a@x.test").unwrap().leave(1, SOON, first.0);
        clock.advance(SOON / 2);
        office.open("b@x.test").unwrap().leave(1, SOON, second.0);
        let kept = || [&first.1, &second.1].map(|watched| watched.upgrade().is_some());
        office.release();
        assert_eq!(kept(), [true, true]);
        clock.advance(SOON / 2);
        office.release();
        assert_eq!(kept(), [false, true]);
        clock.advance(SOON / 2);
        office.release();
        assert_eq!((kept(), office.left()), ([false, false], 0));
        assert!(office.open("a@x.test").is_ok());
    }

    #[test]
    fn nothing_is_kept_of_whoever_had_all_codes() {
        let (office, clock) = office();
        let (kept, watched) = keepsake();
        let waiter = office.open("a@x.test").unwrap();
        office.receive(mail("a@x.test", "first", &clock));
        waiter.leave(1, SOON, kept);
        assert!(watched.upgrade().is_none());
        assert!(office.open("a@x.test").is_ok());
    }

    #[tokio::test]
    async fn a_mail_that_is_delivered_twice_is_one() {
        let (office, clock) = office();
        let mut waiter = office.open("a@x.test").unwrap();
        for (code, id) in [("first", 1), ("first", 1), ("first", 2), ("second", 3), ("first", 1)] {
            let mark = Some(Mark::of(&[&[id]]));
            office.receive(Arrival { mark, ..mail("a@x.test", code, &clock) });
        }
        assert_eq!(nth(&mut waiter, 3).await, "second");
        assert_eq!((office.stats().delivered, office.stats().surplus), (3, 2));
        waiter.leave(4, SOON, Box::new(()));
        let mark = Some(Mark::of(&[&[3]]));
        office.receive(Arrival { mark, ..mail("a@x.test", "second", &clock) });
        assert_eq!((office.stats().surplus, office.left()), (3, 1));
    }

    #[tokio::test]
    async fn where_somebody_has_to_look_first_nobody_is_ready_before() {
        let (office, _) = office();
        assert!(office.open("early@x.test").unwrap().is_ready());
        office.look_first();
        let mut waiter = office.open("A@x.test").unwrap();
        office.somebody_opens().await;
        assert_eq!((office.unready(), waiter.is_ready()), (vec!["a@x.test".to_owned()], false));
        let fault = waiter.ready(Duration::ZERO).await.unwrap_err();
        assert_eq!(fault.slug(), "code-not-received");
        office.make_ready("a@x.test");
        assert!(waiter.ready(SOON).await.is_ok() && office.unready().is_empty());
    }
}
