//! The intervals of all agents as one run while it goes on: for those who watch it, and for what may stop it.
//!
//! What is judged at the end is made from the agents' directories, by the same additions. Here an interval is told once:
//! what comes too late for its own goes into the next.

use crate::measure::failing::FaultSample;
use crate::measure::histogram::Times;
use crate::measure::merging::{Figures, INTERVAL_MS, Together, cut, middle};
use crate::measure::series::SeriesKey;
use crate::measure::timeline::Interval;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An agent that is so many intervals behind the first is not waited for.
const PATIENCE: u64 = 4;

/// Intervals that come in, and the whole that goes out.
pub struct Live {
    agents: Vec<State>,
    slots: BTreeMap<u64, Slot>,
    /// The number of the interval of the whole that is told next.
    next: u64,
}

struct State {
    name: Arc<str>,
    /// The first interval of the whole that it has told nothing of yet.
    reached: u64,
    is_done: bool,
}

#[derive(Default)]
struct Slot {
    together: Together,
    series: BTreeMap<Arc<SeriesKey>, Times>,
    failing: Vec<FaultSample>,
}

impl Live {
    /// Agents of these names, from the first interval on that is still to be told.
    pub fn new(names: impl IntoIterator<Item = String>, next: u64) -> Self {
        let state = |name: String| State { name: name.into(), reached: next, is_done: false };
        Self { agents: names.into_iter().map(state).collect(), slots: BTreeMap::new(), next }
    }

    /// An agent told of an interval.
    pub fn take(&mut self, agent: usize, interval: Interval) {
        let Some(state) = self.agents.get_mut(agent) else { return };
        let Interval { line, series, failing } = interval;
        let span = (line.start_ms, line.end_ms);
        state.reached = state.reached.max(middle(span) / INTERVAL_MS + 1);
        let home = (middle(span) / INTERVAL_MS).max(self.next);
        for (number, piece) in cut(line, 0) {
            let slot = self.slots.entry(number.max(self.next)).or_default();
            slot.together.take(&state.name, piece);
        }
        let slot = self.slots.entry(home).or_default();
        for (key, times) in series {
            match slot.series.get_mut(&key) {
                Some(all) => all.add(&times),
                None => drop(slot.series.insert(key, times)),
            }
        }
        slot.failing.extend(failing);
    }

    /// Nothing more is to be waited for from an agent, or again.
    pub fn set_done(&mut self, agent: usize, is_done: bool) {
        if let Some(state) = self.agents.get_mut(agent) {
            state.is_done = is_done;
        }
    }

    /// The next interval of the whole, if all have told of it, or nobody waits for who has not.
    pub fn whole(&mut self) -> Option<Interval> {
        let waited = self.agents.iter().filter(|agent| !agent.is_done);
        let slowest = waited.map(|agent| agent.reached).min();
        let first = self.agents.iter().map(|agent| agent.reached).max().unwrap_or(0);
        let is_whole = slowest.is_none_or(|slowest| slowest > self.next);
        let is_late = first > self.next + PATIENCE;
        let has_any = self.slots.keys().next_back().is_some_and(|last| *last >= self.next);
        ((is_whole || is_late) && has_any).then(|| self.tell())
    }

    /// The next interval of the whole whoever has told of it; none if nobody has.
    pub fn rest(&mut self) -> Option<Interval> {
        let last = *self.slots.keys().next_back()?;
        (last >= self.next).then(|| self.tell())
    }

    fn tell(&mut self) -> Interval {
        let number = self.next;
        self.next += 1;
        let Slot { together, series, failing } = self.slots.remove(&number).unwrap_or_default();
        let span = (number * INTERVAL_MS, (number + 1) * INTERVAL_MS);
        let line = together.line(number, span, Some(&Figures::of(&series)));
        Interval { line, series, failing }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::tests::interval;
    use super::*;
    use crate::measure::tally::Tally;

    fn live() -> Live {
        Live::new(["a".to_owned(), "b".to_owned()], 0)
    }

    fn due(interval: &Interval) -> u64 {
        interval.line.journeys.iter().map(|row| row.due).sum()
    }

    #[test]
    fn an_interval_is_told_once_all_have_told_of_it() {
        let mut live = live();
        live.take(0, interval(0, 1, &[5, 7]));
        assert!(live.whole().is_none());
        live.take(1, interval(0, 1, &[9]));
        let whole = live.whole().unwrap();
        assert_eq!((whole.line.interval, due(&whole)), (0, 5));
        assert_eq!((whole.line.start_ms, whole.line.end_ms), (0, 1000));
        assert_eq!(whole.series.values().map(Times::count).sum::<u64>(), 3);
        assert!(live.whole().is_none());
    }

    #[test]
    fn who_is_late_is_not_waited_for_and_its_counts_are_in_the_next() {
        let (mut live, mut all) = (live(), Tally::default());
        let mut told = Vec::new();
        for number in 0..8 {
            live.take(0, interval(number, 1, &[5]));
            told.extend(std::iter::from_fn(|| live.whole()));
        }
        assert_eq!(told.len(), 4, "those that four others followed");
        live.take(1, interval(0, 1, &[5]));
        live.set_done(1, true);
        told.extend(std::iter::from_fn(|| live.whole()));
        assert_eq!(told.len(), 8);
        assert_eq!(told.iter().map(due).collect::<Vec<_>>(), [2, 2, 2, 2, 4, 2, 2, 2]);
        told.iter().for_each(|interval| all.absorb(interval));
        assert_eq!(all.run.elapsed_ms, 8000);
        assert_eq!(all.journeys.values().map(|journey| journey.due).sum::<u64>(), 18);
        assert!(live.rest().is_none());
    }

    #[test]
    fn what_is_left_is_told_at_the_end() {
        let mut live = live();
        live.take(0, interval(2, 1, &[5]));
        assert!(live.whole().is_none());
        let rest: Vec<_> = std::iter::from_fn(|| live.rest()).collect();
        assert_eq!(rest.iter().map(due).collect::<Vec<_>>(), [0, 0, 2]);
    }
}
