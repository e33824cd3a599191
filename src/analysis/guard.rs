//! Guards: rules that stop a run while it goes, on a sliding window.

use super::rule::{Limit, Metric, Op, Rule, RuleError, Scope};
use crate::base::figures;
use crate::base::names::{Journey, Variant};
use crate::base::units::Share;
use crate::measure::counts::FaultCounts;
use crate::measure::fault::Fault;
use crate::measure::tally::share;
use crate::measure::timeline::Line;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// A window with fewer ended iterations says nothing yet.
pub const FEWEST_EVENTS: u64 = 20;

/// Ends this close together are counted together, so that a window is a bounded list.
const GRAIN: Duration = Duration::from_millis(100);

/// A rule watched while the run goes. Times are passed in; there is no clock inside.
#[derive(Clone, Debug)]
pub struct Guard {
    rule: Rule,
    limit: Share,
    window: Duration,
    ends: VecDeque<Ends>,
    sum: Seen,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    at: Duration,
    seen: Seen,
}

/// Iterations that ended, and those of them that the rule counts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Seen {
    /// Completed or failed.
    pub events: u64,
    /// Failed in the way the rule is about.
    pub hits: u64,
}

/// A guard's reason to stop.
#[derive(Clone, Debug, PartialEq)]
pub struct Breach {
    /// The rule.
    pub rule: Rule,
    /// What the window held.
    pub seen: Seen,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "guard `{}`: {}", self.rule, self.observed())
    }
}

impl Breach {
    /// What the window held, in words.
    pub fn observed(&self) -> String {
        let Seen { events, hits } = self.seen;
        format!("{hits} of {events} iterations, {}", figures::share(self.part()))
    }

    /// What would have had to hold: guards say what must not.
    pub fn expected(&self) -> Rule {
        Rule { op: self.rule.op.opposite(), ..self.rule.clone() }
    }

    /// The part of the iterations that the rule counts.
    pub fn part(&self) -> f64 {
        share(self.seen.hits, self.seen.events)
    }
}

impl Guard {
    /// A guard needs a window, a share of faults and a comparison upwards.
    pub fn new(rule: Rule) -> Result<Self, RuleError> {
        let why = match (&rule.over, rule.limit.value, rule.metric) {
            (None, ..) => Some("it has no window"),
            (_, Limit::Share(_), Metric::Faults | Metric::Fault(_)) => None,
            _ => Some("it is not about a share of faults"),
        };
        let why = why.or(match (rule.op, &rule.scope) {
            (Op::Below | Op::AtMost, _) => Some("it would stop a run in which all is well"),
            (_, Scope::Step(..) | Scope::Capability { .. }) => {
                Some("it is about exchanges, and guards watch iterations")
            }
            _ => None,
        });
        match (why, rule.limit.value, &rule.over) {
            (None, Limit::Share(limit), Some(over)) => {
                let window = over.value.0;
                let (ends, sum) = (VecDeque::new(), Seen::default());
                Ok(Self { rule, limit, window, ends, sum })
            }
            (why, ..) => Err(RuleError::NoGuard {
                rule: rule.to_string(),
                why: why.unwrap_or("it has no limit"),
            }),
        }
    }

    /// Its rule.
    pub const fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Whether it is about calls that the tenant turned down for their rate, and nothing else.
    pub fn is_about_rate_limits(&self) -> bool {
        self.rule.metric == Metric::Fault(Fault::RateLimited)
    }

    /// What an interval of any phase holds for it: a guard also watches the warm-up.
    pub fn count(&self, line: &Line) -> Seen {
        let mut seen = Seen::default();
        for row in &line.journeys {
            seen.add(self.count_of((&row.variant, &row.journey), row.completed, &row.faults));
        }
        seen
    }

    /// What iterations of one journey of a variant hold for it, of which so many completed and so many failed.
    pub fn count_of(
        &self,
        (variant, journey): (&Variant, &Journey),
        completed: u64,
        faults: &FaultCounts,
    ) -> Seen {
        let is_asked = match &self.rule.scope {
            Scope::Journey(one) => journey == one,
            Scope::Variant(one) => variant == one,
            Scope::Run | Scope::Step(..) | Scope::Capability { .. } => true,
        };
        if !is_asked {
            return Seen::default();
        }
        let hits = match self.rule.metric {
            Metric::Fault(fault) => faults.of(fault),
            _ => faults.total(),
        };
        Seen { events: completed + faults.total(), hits }
    }

    /// Adds what was seen at a moment, counted from the start of the run and never going back, and
    /// says whether to stop.
    pub fn observe(&mut self, at: Duration, seen: Seen) -> Option<Breach> {
        while self.ends.front().is_some_and(|ends| ends.at + self.window <= at) {
            if let Some(ends) = self.ends.pop_front() {
                self.sum.events -= ends.seen.events;
                self.sum.hits -= ends.seen.hits;
            }
        }
        self.sum.add(seen);
        match self.ends.back_mut().filter(|last| at < last.at + GRAIN) {
            Some(last) => last.seen.add(seen),
            None => self.ends.push_back(Ends { at, seen }),
        }
        let enough = self.sum.events >= FEWEST_EVENTS;
        let breached = self.rule.op.holds(share(self.sum.hits, self.sum.events), self.limit.0);
        (enough && breached).then(|| Breach { rule: self.rule.clone(), seen: self.sum })
    }
}

impl Seen {
    /// Adds others to these.
    pub fn add(&mut self, other: Self) {
        self.events += other.events;
        self.hits += other.hits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::remedy::Remedy;
    use crate::measure::timeline::JourneyLine;

    fn one(hit: bool) -> Seen {
        Seen { events: 1, hits: u64::from(hit) }
    }

    fn guard(rule: &str) -> Guard {
        Guard::new(rule.parse().unwrap()).unwrap()
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_guard_waits_for_twenty_events() {
        let mut guard = guard("faults > 20% over 30s");
        let stop: Vec<_> = (1..=20).map(|n| guard.observe(ms(n), one(true)).is_some()).collect();
        assert_eq!(stop.iter().filter(|stop| **stop).count(), 1);
        assert!(stop[19]);
    }

    #[test]
    fn a_guard_looks_at_its_window_alone() {
        let mut guard = guard("rate-limited > 1% over 10s");
        // Two of 100 in the second second: breached there, and until they leave the window.
        let mut breached: Vec<u64> = Vec::new();
        for second in 0..30 {
            let hits = if second == 1 { 2 } else { 0 };
            let seen = Seen { events: 100, hits };
            if guard.observe(ms(second * 1000), seen).is_some() {
                breached.push(second);
            }
        }
        assert!(breached.is_empty(), "2 of 200 are 1 %, which is not above");
        let seen = Seen { events: 30, hits: 30 };
        let breach = guard.observe(ms(30_000), seen).unwrap();
        assert_eq!(breach.seen, Seen { events: 930, hits: 30 });
        assert_eq!(
            breach.to_string(),
            "guard `fault:rate-limited > 1% over 10s`: 30 of 930 iterations, 3.23%"
        );
        assert_eq!(breach.expected().to_string(), "fault:rate-limited <= 1% over 10s");
        assert_eq!(guard.observe(ms(41_000), Seen { events: 100, hits: 0 }), None);
        assert!(guard.ends.len() <= 2);
    }

    #[test]
    fn a_window_is_a_bounded_list() {
        let mut guard = guard("faults > 99% over 10s");
        for n in 0..100_000u64 {
            guard.observe(Duration::from_micros(n * 1000), one(n % 2 == 0));
        }
        assert!(guard.ends.len() <= 101, "{}", guard.ends.len());
        assert_eq!(guard.sum.events, guard.ends.iter().map(|ends| ends.seen.events).sum::<u64>());
    }

    #[test]
    fn a_guard_counts_the_iterations_of_its_scope() {
        let line = |journey: &str, completed, fault, number| JourneyLine {
            completed,
            faults: [(fault, number)].into_iter().collect(),
            ..serde_json::from_str(&format!(
                r#"{{"phase":"warm-up","variant":"v1","journey":"{journey}"}}"#
            ))
            .unwrap()
        };
        let line = Line {
            journeys: vec![
                line("register", 5, Fault::RateLimited, 3),
                line("sign-on", 7, Fault::Reset, 1),
            ],
            ..Line::default()
        };
        for (rule, events, hits) in [
            ("faults > 1% over 1s", 16, 4),
            ("rate-limited > 1% over 1s", 16, 3),
            ("sign-on.faults > 1% over 1s", 8, 1),
            ("variant:v2.faults > 1% over 1s", 0, 0),
        ] {
            assert_eq!(guard(rule).count(&line), Seen { events, hits }, "{rule}");
        }
    }

    #[test]
    fn what_cannot_guard_says_why() {
        for (rule, why) in [
            ("faults > 20%", "it has no window"),
            ("p95 > 2s over 10s", "it is not about a share of faults"),
            ("faults < 20% over 10s", "it would stop a run in which all is well"),
            (
                "capability:c.faults > 2% over 10s",
                "it is about exchanges, and guards watch iterations",
            ),
        ] {
            let error = Guard::new(rule.parse().unwrap()).unwrap_err();
            assert_eq!(error.to_string(), format!("`{rule}` cannot stop a run: {why}"));
            assert!(error.remedy().unwrap().contains("over 10s"));
        }
    }
}
