//! Writing that may stand still, done by a thread of its own and in order: a terminal that was stopped
//! (Ctrl-S) must not hold up a run, its results or its end.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Builder;
use std::time::Duration;

/// How long somebody waits for what they gave to be written.
const USUAL: Duration = Duration::from_secs(1);

/// How long the end of the process waits for it where it was told to go.
const IN_A_HURRY: Duration = Duration::from_secs(2);

/// Standard error is one for the process, and so is this.
static ASIDE: OnceLock<Aside> = OnceLock::new();

/// From now on what is to be written is written aside. Where there is no thread to be had, it is
/// written at once, as before.
pub(super) fn begin() {
    if let Some(aside) = Aside::start() {
        let _ = ASIDE.set(aside);
    }
}

/// Writes in its turn, and waits a second for that at most; no more than that once for several.
pub(super) fn write(job: impl FnOnce() + Send + 'static) {
    match ASIDE.get() {
        Some(aside) => aside.give(Box::new(job), USUAL),
        None => job(),
    }
}

/// Waits until everything is written: for as long as the terminal stands still, unless the process is
/// told to go.
pub(super) fn settle() {
    if let Some(aside) = ASIDE.get() {
        aside.settle(IN_A_HURRY);
    }
}

/// The process is told to go: its end waits no longer for a terminal that stands still.
pub(super) fn hurry() {
    if let Some(aside) = ASIDE.get() {
        aside.hurry();
    }
}

type Job = Box<dyn FnOnce() + Send>;

#[derive(Clone)]
struct Aside(Arc<Inner>);

#[derive(Default)]
struct Inner {
    desk: Mutex<Desk>,
    changed: Condvar,
}

#[derive(Default)]
struct Desk {
    waiting: VecDeque<Job>,
    given: u64,
    done: u64,
    /// Somebody has waited in vain; nobody else does before all is written.
    is_late: bool,
    is_in_a_hurry: bool,
}

impl Aside {
    fn start() -> Option<Self> {
        let aside = Self(Arc::default());
        let own = aside.clone();
        let thread = Builder::new().name("aside".to_owned()).spawn(move || own.work());
        thread.ok().map(|_| aside)
    }

    fn work(&self) -> ! {
        loop {
            let idle = |desk: &mut Desk| desk.waiting.is_empty();
            let desk = self.0.changed.wait_while(self.desk(), idle);
            let job = desk.unwrap_or_else(PoisonError::into_inner).waiting.pop_front();
            if let Some(job) = job {
                // Whoever waits must not wait for ever; what a panic says is told by its hook.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
            let mut desk = self.desk();
            desk.done += 1;
            desk.is_late &= desk.done < desk.given;
            self.0.changed.notify_all();
        }
    }

    fn give(&self, job: Job, longest: Duration) {
        let mut desk = self.desk();
        desk.waiting.push_back(job);
        desk.given += 1;
        let own = desk.given;
        self.0.changed.notify_all();
        if desk.is_late {
            return;
        }
        let is_open = |desk: &mut Desk| desk.done < own && !desk.is_late;
        let waited = self.0.changed.wait_timeout_while(desk, longest, is_open);
        let (mut desk, _) = waited.unwrap_or_else(PoisonError::into_inner);
        desk.is_late |= desk.done < own;
    }

    fn settle(&self, in_a_hurry: Duration) {
        let desk = self.desk();
        let is_open = |desk: &mut Desk| desk.done < desk.given && !desk.is_in_a_hurry;
        let desk = self.0.changed.wait_while(desk, is_open);
        let desk = desk.unwrap_or_else(PoisonError::into_inner);
        let is_open = |desk: &mut Desk| desk.done < desk.given;
        drop(self.0.changed.wait_timeout_while(desk, in_a_hurry, is_open));
    }

    fn hurry(&self) {
        self.desk().is_in_a_hurry = true;
        self.0.changed.notify_all();
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    const SOON: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(3600);

    /// Stands still until the sender is dropped.
    fn terminal_that_stands_still(aside: &Aside) -> Sender<()> {
        let (going_on, stands) = channel::<()>();
        aside.give(Box::new(move || _ = stands.recv()), SOON);
        going_on
    }

    #[test]
    fn what_is_given_is_written_in_its_order_before_the_giver_goes_on() {
        let aside = Aside::start().unwrap();
        let (sender, written) = channel();
        for number in 0..10 {
            let sender = sender.clone();
            aside.give(Box::new(move || sender.send(number).unwrap()), LONG);
            assert_eq!(written.try_recv(), Ok(number));
        }
    }

    #[test]
    fn who_gives_to_a_terminal_that_stands_still_goes_on_and_all_is_written_when_it_goes_on() {
        let aside = Aside::start().unwrap();
        let going_on = terminal_that_stands_still(&aside);
        let (sender, written) = channel();
        for number in 0..10 {
            let sender = sender.clone();
            // Would block for an hour if everybody waited again.
            aside.give(Box::new(move || sender.send(number).unwrap()), LONG);
        }
        assert!(written.try_recv().is_err());
        drop((going_on, sender));
        aside.settle(SOON);
        assert_eq!(written.iter().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        assert!(!aside.desk().is_late, "everybody waits again");
    }

    #[test]
    fn in_a_hurry_nobody_waits_for_what_stands_still() {
        let aside = Aside::start().unwrap();
        let _going_on = terminal_that_stands_still(&aside);
        aside.hurry();
        // Would block for ever.
        aside.settle(SOON);
    }

    #[test]
    fn who_panics_aside_keeps_nobody_waiting() {
        let aside = Aside::start().unwrap();
        aside.give(Box::new(|| panic!("on purpose")), LONG);
        aside.settle(SOON);
    }
}
