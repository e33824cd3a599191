//! The wish to end a run early: once to drain, twice to stop now.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A run's stop signal. Clones are the same signal; any thread may give it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    requests: AtomicU32,
    /// The number of a request and who made it, until somebody takes it.
    asked: Mutex<Vec<(u32, String)>>,
    rings: Mutex<u64>,
    rung: Condvar,
}

/// Who keeps asking is not remembered for ever.
const MOST_ASKED: usize = 16;

impl Stop {
    /// Asks once more and says how often that was: 1 starts no new iteration and lets those in
    /// flight end within the drain, 2 cuts them off at once, 3 and more is the caller's to act on.
    pub fn request(&self) -> u32 {
        self.request_by("somebody")
    }

    /// The same, with who asks: `Ctrl-C`, `the live page`.
    pub fn request_by(&self, who: &str) -> u32 {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = self.0.requests.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        if asked.len() < MOST_ASKED {
            asked.push((requests, who.to_owned()));
        }
        drop(asked);
        self.ring();
        requests
    }

    /// Asks for the first time, and only that: where somebody has asked before, nothing is cut off. Says
    /// whether this was it.
    pub fn drain_by(&self, who: &str) -> bool {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let first = self.0.requests.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst);
        if first.is_ok() {
            asked.push((1, who.to_owned()));
        }
        drop(asked);
        self.ring();
        first.is_ok()
    }

    /// Takes the requests since the last time: the number of each, and who made it.
    pub fn asked(&self) -> Vec<(u32, String)> {
        std::mem::take(&mut *self.0.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// No new iteration, and those in flight are cut off at once.
    pub fn now(&self) {
        self.0.requests.fetch_max(2, Ordering::SeqCst);
        self.ring();
    }

    /// How often it was asked.
    pub fn requests(&self) -> u32 {
        self.0.requests.load(Ordering::SeqCst)
    }

    /// Wakes whoever waits.
    pub(super) fn ring(&self) {
        *self.0.rings.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.rung.notify_all();
    }

    /// How often it rang so far.
    pub(super) fn rings(&self) -> u64 {
        *self.0.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks the thread until it has rung more often than `seen`, at most for `longest`.
    pub(super) fn wait(&self, seen: u64, longest: Duration) {
        let rings = self.0.rings.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.rung.wait_timeout_while(rings, longest, |rings| *rings == seen));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_all_clones() {
        let stop = Stop::default();
        assert_eq!(stop.requests(), 0);
        assert_eq!((stop.request(), stop.clone().request(), stop.request()), (1, 2, 3));
        assert_eq!(stop.requests(), 3);
    }

    #[test]
    fn who_asked_is_told_once() {
        let stop = Stop::default();
        stop.request_by("Ctrl-C");
        stop.clone().request();
        assert_eq!(stop.asked(), [(1, "Ctrl-C".to_owned()), (2, "somebody".to_owned())]);
        (0..100).for_each(|_| _ = stop.request());
        assert_eq!((stop.asked().len(), stop.asked().len(), stop.requests()), (16, 0, 102));
    }

    #[test]
    fn a_drain_is_asked_for_once_and_never_cuts_off() {
        let stop = Stop::default();
        assert!(stop.drain_by("a threshold") && !stop.drain_by("another"));
        assert_eq!((stop.requests(), stop.asked()), (1, vec![(1, "a threshold".to_owned())]));
        let stopped = Stop::default();
        stopped.request();
        assert!(!stopped.drain_by("a threshold"));
        assert_eq!(stopped.requests(), 1);
    }

    #[test]
    fn now_is_at_least_two_requests() {
        let stop = Stop::default();
        stop.now();
        assert_eq!(stop.requests(), 2);
        stop.request();
        stop.now();
        assert_eq!(stop.requests(), 3);
    }

    #[test]
    fn a_ring_between_looking_and_waiting_is_not_missed() {
        let stop = Stop::default();
        let seen = stop.rings();
        stop.ring();
        // Would block for an hour otherwise.
        stop.wait(seen, Duration::from_secs(3600));
    }
}
