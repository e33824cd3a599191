//! What agents said and nobody heard: who is to tell it again, because the stream lost it. Pure; moments come from outside.

use std::time::{Duration, Instant};

/// What an agent has delivered and did not come for so long is missing.
pub const DELIVERED: Duration = Duration::from_secs(5);

/// The same of what it has told, and cannot deliver though it is heard.
pub const TOLD: Duration = Duration::from_secs(20);

/// So often one is asked for the same without any of it coming.
const MOST_ASKED: u32 = 6;

/// What is to be done about an agent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// It is to tell again.
    Ask,
    /// It was asked often enough.
    GiveUp,
}

/// How far each agent is heard, by their places.
#[derive(Clone, Debug)]
pub struct Gaps {
    patience: Duration,
    gaps: Vec<Gap>,
}

#[derive(Clone, Copy, Debug)]
struct Gap {
    /// The message that is waited for: the highest number so far.
    next: u64,
    since: Instant,
    asked: u32,
}

impl Gaps {
    /// So many agents, of which nothing is missing now. What does not come for so long is asked for.
    pub fn new(agents: usize, patience: Duration, now: Instant) -> Self {
        Self { patience, gaps: vec![Gap { next: 0, since: now, asked: 0 }; agents] }
    }

    /// Looks at an agent whose next message has this number, and of which something `is_missing`.
    pub fn look(
        &mut self,
        agent: usize,
        (next, is_missing): (u64, bool),
        now: Instant,
    ) -> Option<Step> {
        let gap = self.gaps.get_mut(agent)?;
        if next > gap.next || !is_missing {
            *gap = Gap { next: next.max(gap.next), since: now, asked: 0 };
            return None;
        }
        if now.saturating_duration_since(gap.since) < self.patience {
            return None;
        }
        gap.since = now;
        gap.asked = gap.asked.saturating_add(1);
        Some(if gap.asked > MOST_ASKED { Step::GiveUp } else { Step::Ask })
    }

    /// Nobody can be heard now: everybody is given the whole time again.
    pub fn wait(&mut self, now: Instant) {
        self.gaps.iter_mut().for_each(|gap| gap.since = now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;
    use std::time::SystemTime;

    #[test]
    fn what_does_not_come_is_asked_for_some_times_and_then_given_up() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let mut gaps = Gaps::new(1, DELIVERED, clock.now());
        let mut steps = Vec::new();
        for second in 1..=40u64 {
            clock.advance(Duration::from_secs(1));
            // Something comes in the eighth second, and none of it after that.
            let next = if second < 8 { 3 } else { 4 };
            let step = gaps.look(0, (next, true), clock.now());
            steps.extend(step.map(|step| (second, step)));
        }
        let asked: Vec<_> = steps.iter().take_while(|(_, step)| *step == Step::Ask).collect();
        assert_eq!(
            asked.iter().map(|(second, _)| *second).collect::<Vec<_>>(),
            [6, 13, 18, 23, 28, 33, 38]
        );
        clock.advance(DELIVERED);
        assert_eq!(gaps.look(0, (4, true), clock.now()), Some(Step::GiveUp));
    }

    #[test]
    fn of_what_is_not_missing_and_of_nobody_nothing_is_asked() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let mut gaps = Gaps::new(1, DELIVERED, clock.now());
        clock.advance(2 * DELIVERED);
        assert_eq!(gaps.look(0, (0, false), clock.now()), None);
        clock.advance(2 * DELIVERED);
        gaps.wait(clock.now());
        assert_eq!(gaps.look(0, (0, true), clock.now()), None);
        assert_eq!(gaps.look(7, (0, true), clock.now()), None);
    }
}
