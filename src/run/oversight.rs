//! Guards and thresholds over the intervals of a run that others perform: what ends it before its time.

use crate::analysis::early::{Lookout, moment};
use crate::analysis::guard::Guard;
use crate::measure::timeline::Interval;
use std::time::Duration;

/// Watches the intervals of a run as they come.
pub struct Oversight {
    guards: Vec<Guard>,
    lookouts: Vec<Lookout>,
    is_over: bool,
}

/// Why a run is to end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Halt {
    /// What was found.
    pub why: String,
    /// Whether what is under way is cut off.
    pub now: bool,
}

impl Oversight {
    /// By these rules.
    pub const fn new(guards: Vec<Guard>, lookouts: Vec<Lookout>) -> Self {
        Self { guards, lookouts, is_over: false }
    }

    /// Nothing is due any more: what is over cannot be stopped.
    pub const fn close(&mut self) {
        self.is_over = true;
    }

    /// Looks at an interval. The first that is found is told, once.
    pub fn interval(&mut self, interval: &Interval) -> Option<Halt> {
        let at = Duration::from_millis(interval.line.end_ms);
        let observe = |guard: &mut Guard| guard.observe(at, guard.count(&interval.line));
        // Every one of them has to see it.
        let breaches: Vec<_> = self.guards.iter_mut().filter_map(observe).collect();
        let (moment, is_paused) = (moment(interval), interval.line.paused_ms > 0);
        let lookouts = self.lookouts.iter_mut();
        let broken: Vec<_> =
            lookouts.filter_map(|lookout| lookout.observe(&moment, is_paused)).collect();
        if self.is_over {
            return None;
        }
        let breach = breaches.first().map(|breach| Halt { why: breach.to_string(), now: true });
        let broken = broken.first().map(|broken| Halt { why: broken.to_string(), now: false });
        let found = breach.or(broken);
        self.is_over = found.is_some();
        found
    }

    /// The thresholds that never had samples enough.
    pub fn never_looked(&self) -> Vec<String> {
        self.lookouts.iter().filter_map(Lookout::never_looked).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::timeline::Line;
    use std::collections::BTreeMap;

    fn interval(number: u64, completed: u64, limited: u64) -> Interval {
        let row = serde_json::json!({
            "phase": "measured", "variant": "v1", "journey": "sign-on", "due": completed + limited,
            "completed": completed, "faults": { "rate-limited": limited },
        });
        let line = Line {
            interval: number,
            start_ms: number * 1000,
            end_ms: number * 1000 + 1000,
            measured_ms: 1000,
            journeys: vec![serde_json::from_value(row).unwrap()],
            ..Line::default()
        };
        Interval { line, series: BTreeMap::new(), failing: Vec::new() }
    }

    #[test]
    fn what_all_agents_together_meet_ends_the_run_once() {
        let guard = Guard::new("rate-limited > 10% over 2s".parse().unwrap()).unwrap();
        let mut oversight = Oversight::new(vec![guard.clone()], Vec::new());
        assert_eq!(oversight.interval(&interval(0, 95, 5)), None);
        let halt = oversight.interval(&interval(1, 70, 30)).unwrap();
        assert!(
            halt.now && halt.why.starts_with("guard `fault:rate-limited > 10% over 2s`"),
            "{halt:?}"
        );
        assert_eq!(oversight.interval(&interval(2, 0, 100)), None);
        let mut over = Oversight::new(vec![guard], Vec::new());
        over.close();
        assert_eq!(over.interval(&interval(0, 0, 100)), None);
    }
}
