//! Watches the guards of a run more often than its intervals end, so that a breach stops it within a second.

use crate::analysis::guard::{Breach, Guard, Seen};
use crate::base::names::{Journey, Variant};
use crate::load::{Ended, Progress};
use crate::measure::counts::FaultCounts;
use crate::measure::fault::Fault;
use crate::measure::timeline::Line;
use std::time::Duration;

/// Guards, and what they have seen of a load.
pub(super) struct Sentry {
    guards: Vec<Guard>,
    /// What the choices of the mix are called in rules. None where that is known only once a flow was met: then
    /// intervals tell.
    choices: Vec<(Variant, Journey)>,
    seen: Vec<Ended>,
}

impl Sentry {
    pub(super) fn new(guards: Vec<Guard>, choices: Vec<(Variant, Journey)>) -> Self {
        let seen = vec![Ended::default(); choices.len()];
        Self { guards, choices, seen }
    }

    /// Looks at what has ended since the last time. `at` never goes back.
    pub(super) fn look(&mut self, at: Duration, progress: &Progress) -> Option<Breach> {
        if self.guards.is_empty() || self.choices.is_empty() {
            return None;
        }
        self.take(at, &progress.ended())
    }

    /// Looks at an interval, where nothing else tells.
    pub(super) fn interval(&mut self, at: Duration, line: &Line) -> Option<Breach> {
        if !self.choices.is_empty() {
            return None;
        }
        let observe = |guard: &mut Guard| guard.observe(at, guard.count(line));
        first(self.guards.iter_mut().filter_map(observe).collect())
    }

    fn take(&mut self, at: Duration, ended: &[Ended]) -> Option<Breach> {
        let rows: Vec<_> = self.choices.iter().zip(ended).zip(&self.seen).collect();
        let observe = |guard: &mut Guard| {
            let mut seen = Seen::default();
            for (((variant, journey), now), before) in &rows {
                let completed = now.completed.saturating_sub(before.completed);
                let faults = since(&now.faults, &before.faults);
                seen.add(guard.count_of((variant, journey), completed, &faults));
            }
            guard.observe(at, seen)
        };
        let breaches = self.guards.iter_mut().filter_map(observe).collect();
        self.seen = ended.to_vec();
        first(breaches)
    }
}

/// Every guard has to look; the first that is breached counts.
fn first(breaches: Vec<Breach>) -> Option<Breach> {
    breaches.into_iter().next()
}

fn since(now: &FaultCounts, before: &FaultCounts) -> FaultCounts {
    Fault::all().map(|fault| (fault, now.of(fault).saturating_sub(before.of(fault)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(completed: u64, limited: u64) -> Ended {
        Ended { completed, faults: [(Fault::RateLimited, limited)].into_iter().collect() }
    }

    fn sentry(rule: &str) -> Sentry {
        let choice = |journey: &str| ("v".into(), journey.into());
        let guard = Guard::new(rule.parse().unwrap()).unwrap();
        Sentry::new(vec![guard], vec![choice("register"), choice("sign-on")])
    }

    #[test]
    fn what_was_seen_once_is_not_seen_again() {
        let mut sentry = sentry("rate-limited > 10% over 1s");
        let ms = Duration::from_millis;
        assert_eq!(sentry.take(ms(50), &[ended(50, 2), ended(50, 3)]), None);
        // Nothing new: 5 of 105 stay 5 of 105.
        assert_eq!(sentry.take(ms(100), &[ended(50, 2), ended(50, 3)]), None);
        let breach = sentry.take(ms(150), &[ended(50, 12), ended(50, 3)]).unwrap();
        assert_eq!((breach.seen.events, breach.seen.hits), (115, 15));
    }

    #[test]
    fn a_guard_of_one_journey_sees_that_alone() {
        let mut sentry = sentry("sign-on.rate-limited > 10% over 1s");
        let at = Duration::from_millis(50);
        assert_eq!(sentry.take(at, &[ended(0, 100), ended(100, 0)]), None);
        assert!(sentry.take(at, &[ended(0, 100), ended(100, 100)]).is_some());
    }
}
