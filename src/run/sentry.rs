//! Watches the guards of a run more often than its intervals end, so that a breach stops it within a second.

use crate::analysis::guard::{Breach, Guard, Seen};
use crate::analysis::rule::Scope;
use crate::base::names::{Journey, Variant};
use crate::load::{Ended, Progress};
use crate::measure::counts::FaultCounts;
use crate::measure::fault::Fault;
use crate::measure::timeline::Line;
use std::time::Duration;

/// Guards, and what they have seen of a load.
pub(super) struct Sentry {
    guards: Vec<Guard>,
    /// What the choices of the mix are called in rules.
    choices: Vec<(Variant, Journey)>,
    /// Variants are known only once a flow was met: of those intervals tell.
    by_flow: bool,
    seen: Vec<Ended>,
}

impl Sentry {
    pub(super) fn new(
        guards: Vec<Guard>,
        (choices, by_flow): (Vec<(Variant, Journey)>, bool),
    ) -> Self {
        let seen = vec![Ended::default(); choices.len()];
        Self { guards, choices, by_flow, seen }
    }

    /// Looks at what has ended since the last time. `at` never goes back.
    pub(super) fn look(&mut self, at: Duration, progress: &Progress) -> Option<Breach> {
        if self.guards.is_empty() {
            return None;
        }
        self.take(at, &progress.ended())
    }

    /// Looks at an interval, where nothing else tells.
    pub(super) fn interval(&mut self, at: Duration, line: &Line) -> Option<Breach> {
        let observe = |guard: &mut Guard| guard.observe(at, guard.count(line));
        let by_flow = self.by_flow;
        let waiting = self.guards.iter_mut().filter(|guard| waits(guard, by_flow));
        first(waiting.filter_map(observe).collect())
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
        let by_flow = self.by_flow;
        let looking = self.guards.iter_mut().filter(|guard| !waits(guard, by_flow));
        let breaches = looking.filter_map(observe).collect();
        self.seen = ended.to_vec();
        first(breaches)
    }
}

/// Whether a guard is about something that only intervals tell.
fn waits(guard: &Guard, by_flow: bool) -> bool {
    by_flow && matches!(guard.rule().scope, Scope::Variant(_))
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
    use crate::measure::series::Phase;
    use crate::measure::timeline::JourneyLine;

    fn ended(completed: u64, limited: u64) -> Ended {
        Ended { completed, faults: [(Fault::RateLimited, limited)].into_iter().collect() }
    }

    fn sentry(rule: &str) -> Sentry {
        watching(rule, false)
    }

    fn watching(rule: &str, by_flow: bool) -> Sentry {
        let choice = |journey: &str| ("v".into(), journey.into());
        let guard = Guard::new(rule.parse().unwrap()).unwrap();
        Sentry::new(vec![guard], (vec![choice("register"), choice("sign-on")], by_flow))
    }

    #[test]
    fn where_flows_are_the_variants_only_guards_of_one_of_them_wait_for_an_interval() {
        let at = Duration::from_millis(50);
        for (rule, by_flow, at_once) in [
            ("rate-limited > 10% over 1s", true, true),
            ("sign-on.rate-limited > 10% over 1s", true, true),
            ("variant:v.rate-limited > 10% over 1s", true, false),
            ("variant:v.rate-limited > 10% over 1s", false, true),
        ] {
            let mut sentry = watching(rule, by_flow);
            let breach = sentry.take(at, &[ended(50, 0), ended(0, 50)]);
            assert_eq!(breach.is_some(), at_once, "{rule}");
            let row = JourneyLine {
                phase: Phase::Measured,
                variant: "v".into(),
                journey: "sign-on".into(),
                due: 50,
                late: 0,
                completed: 0,
                dropped: 0,
                cut_off: 0,
                lost: 0,
                faults: ended(0, 50).faults,
                exchanges: 0,
                exchange_faults: FaultCounts::default(),
                response_us: None,
                funnel: Vec::new(),
            };
            let line = Line { journeys: vec![row], ..Line::default() };
            assert_eq!(sentry.interval(at, &line).is_some(), !at_once, "{rule}");
        }
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
