//! What becomes of the load of an agent that is lost: who has it from when on, and who has heard of it. Pure.
//!
//! An agent that hears of it too late takes over what is its own later than the others; until then that is nobody's, and
//! is booked as lost. An order is said again until it is taken or refused, and what was refused is refused for ever: so
//! it is known of every agent from when on it has what.

use super::order::Epoch;
use crate::workload::share::{self, Roster, Share};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// From a moment on these agents have the load, without one that had it before.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Handover {
    /// The moment of the plan, in milliseconds.
    pub from_ms: u64,
    /// Places of the agents among those of the plan, in order.
    pub agents: Vec<usize>,
    /// Whose load it is; none where that one was through with it when it was to have more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<usize>,
    /// What the lost one did later than this does not count.
    pub counts_until_ms: u64,
    /// Of a count of the closed model: how many iterations each of them has more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<usize, u64>,
    /// Who has confirmed it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub taken: BTreeSet<usize>,
    /// Who takes over later than that, and from when on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub late: BTreeMap<usize, u64>,
    /// Who was through with its load when it heard of it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub over: BTreeSet<usize>,
}

/// All that were made of a run, in their order.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Handovers(Vec<Handover>);

/// A moment that never comes.
const NEVER: u64 = u64::MAX;

impl Handovers {
    /// Whether there was none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One more, at a moment or as soon after it as can be. Of a count that is left each has its part. Says when.
    pub fn push(
        &mut self,
        (agents, lost): (Vec<usize>, Option<usize>),
        (from_ms, counts_until_ms): (u64, Option<u64>),
        left: u64,
    ) -> u64 {
        let from_ms = self.0.last().map_or(from_ms, |last| from_ms.max(last.from_ms + 1));
        let parts = Share::all(u32::try_from(agents.len()).unwrap_or(u32::MAX));
        let more = agents.iter().copied().zip(parts.map(|part| part.count(left)));
        self.0.push(Handover {
            from_ms,
            lost,
            counts_until_ms: counts_until_ms.unwrap_or(from_ms),
            more: more.filter(|(_, more)| *more > 0).collect(),
            agents,
            ..Handover::default()
        });
        from_ms
    }

    /// Which of them an agent has to confirm next.
    pub fn behind(&self, agent: usize) -> Option<usize> {
        self.0.iter().position(|it| {
            it.agents.contains(&agent) && !it.taken.contains(&agent) && !it.over.contains(&agent)
        })
    }

    /// The same as an agent is told of it, with all before it and the beginning of so many.
    pub fn told_to(&self, agent: usize, last: usize, all: usize) -> Vec<Epoch> {
        let first = Epoch { from_ms: 0, agents: (0..all).collect(), more: 0 };
        let moments = self.moments(agent);
        let later = self.0.iter().zip(moments).take(last + 1).map(|(it, from_ms)| Epoch {
            from_ms,
            agents: it.agents.clone(),
            more: it.more.get(&agent).copied().unwrap_or(0),
        });
        std::iter::once(first).chain(later).collect()
    }

    /// An agent has confirmed one.
    pub fn take(&mut self, agent: usize, place: usize) {
        self.0.get_mut(place).map(|it| it.taken.insert(agent));
    }

    /// One comes too late for an agent: it takes over from another moment on, or, with none, never. Says whether it is the
    /// first time.
    pub fn put_off(&mut self, agent: usize, place: usize, from_ms: Option<u64>) -> bool {
        let Some(it) = self.0.get_mut(place) else { return false };
        if from_ms.is_none() {
            it.taken.insert(agent);
        }
        it.late.insert(agent, from_ms.unwrap_or(NEVER)).is_none()
    }

    /// An agent was through with its load when it was to have more: what others have to do of that.
    pub fn refuse(&mut self, agent: usize, place: usize) -> u64 {
        let Some(it) = self.0.get_mut(place) else { return 0 };
        it.over.insert(agent);
        it.more.get(&agent).copied().unwrap_or(0)
    }

    /// Whether an agent was through with its load when it was to have more.
    pub fn is_through(&self, agent: usize) -> bool {
        self.0.iter().any(|it| it.over.contains(&agent))
    }

    /// How many iterations of a count an agent of so many was given in all.
    pub fn given(&self, agent: usize, (all, count): (usize, u64)) -> u64 {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let own = Share::new(number(agent), number(all)).map_or(0, |share| share.count(count));
        let more = self.0.iter().filter(|it| !it.over.contains(&agent));
        own + more.filter_map(|it| it.more.get(&agent)).sum::<u64>()
    }

    /// The same without what others have of it since it was lost.
    pub fn keeps(&self, agent: usize, of: (usize, u64)) -> u64 {
        let handed = self.0.iter().filter(|it| it.lost == Some(agent)).flat_map(|it| {
            it.more.iter().filter(|(other, _)| !it.over.contains(other)).map(|(_, more)| *more)
        });
        self.given(agent, of).saturating_sub(handed.sum())
    }

    /// From when on what a lost agent tells does not count, if others have its load.
    pub fn counts_until(&self, agent: usize) -> Option<u64> {
        self.0.iter().find(|it| it.lost == Some(agent)).map(|it| it.counts_until_ms)
    }

    /// Who of so many has the load when.
    pub fn roster(&self, all: usize) -> Roster {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let mut roster = Roster::of(number(all));
        let late: BTreeMap<usize, Vec<u64>> = (self.0.iter().flat_map(|it| it.late.keys()))
            .map(|agent| (*agent, self.moments(*agent)))
            .collect();
        for (place, it) in self.0.iter().enumerate() {
            let members = it.agents.iter().map(|agent| number(*agent)).collect();
            // They were made in this order, and never without anybody.
            let Ok(mut epoch) = share::Epoch::new(Duration::from_millis(it.from_ms), members)
            else {
                continue;
            };
            for (agent, moments) in &late {
                let from_ms = moments.get(place).copied().unwrap_or(it.from_ms);
                if from_ms > it.from_ms && it.agents.contains(agent) {
                    epoch = epoch.with_late(number(*agent), Duration::from_millis(from_ms));
                }
            }
            let _ = roster.change(epoch);
        }
        roster
    }

    /// From when on an agent goes by each of them: in their order, one after the other.
    fn moments(&self, agent: usize) -> Vec<u64> {
        let mut next = 0;
        let moments = self.0.iter().map(|it| {
            let from_ms = it.late.get(&agent).copied().unwrap_or(it.from_ms).max(next);
            next = from_ms.saturating_add(1);
            from_ms
        });
        moments.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn what_is_left_of_a_count_is_dealt_out_and_what_one_refuses_goes_to_the_rest() {
        let mut made = Handovers::default();
        assert_eq!(made.push((vec![0, 2, 3], Some(1)), (5000, Some(2000)), 11), 5000);
        let given = |made: &Handovers| [0, 1, 2, 3].map(|agent| made.given(agent, (4, 42)));
        // Eleven, eleven, ten and ten; the lost one had begun none of its own.
        assert_eq!(given(&made), [15, 11, 14, 13]);
        assert_eq!(made.behind(2), Some(0));
        assert_eq!(made.refuse(2, 0), 4);
        assert_eq!((made.behind(2), made.counts_until(1)), (None, Some(2000)));
        assert_eq!(made.push((vec![0, 3], None), (5000, None), 4), 5001, "each is later");
        assert_eq!(given(&made), [17, 11, 10, 15]);
        let kept: u64 = (0..4).map(|agent| made.keeps(agent, (4, 42))).sum();
        // What was refused first and then handed on stands twice.
        assert_eq!((made.keeps(1, (4, 42)), kept), (4, 42 + 4));
        made.take(0, 0);
        assert_eq!((made.behind(0), made.behind(3), made.behind(1)), (Some(1), Some(0), None));
        let told = made.told_to(0, 1, 4);
        let short: Vec<_> = told.iter().map(|it| (it.from_ms, it.agents.len(), it.more)).collect();
        assert_eq!(short, [(0, 4, 0), (5000, 3, 4), (5001, 2, 2)]);
    }

    #[test]
    fn one_that_hears_too_late_takes_over_later_and_nobody_has_it_until_then() {
        let mut made = Handovers::default();
        made.push((vec![0, 2], Some(1)), (5000, None), 0);
        made.put_off(2, 0, Some(8000));
        made.push((vec![2], Some(0)), (7000, None), 0);
        assert_eq!(
            made.told_to(2, 1, 3).iter().map(|it| it.from_ms).collect::<Vec<_>>(),
            [0, 8000, 8001]
        );
        let mut told = Roster::of(3);
        for epoch in made.told_to(2, 1, 3).iter().skip(1) {
            let members = epoch.agents.iter().map(|it| u32::try_from(*it).unwrap()).collect();
            told.change(share::Epoch::new(ms(epoch.from_ms), members).unwrap()).unwrap();
        }
        let known = made.roster(3);
        for at in (0..10_000).step_by(100) {
            for number in 0..60 {
                let is_its = known.owner(number, ms(at)) == 2;
                assert_eq!(is_its, told.owner(number, ms(at)) == 2, "{number} at {at}");
            }
        }
        made.put_off(2, 0, None);
        assert_eq!(made.roster(3).owner(7, ms(1 << 40)), 1, "for ever");
    }
}
