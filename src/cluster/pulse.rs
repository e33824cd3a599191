//! Whether agents live: by how long nothing was heard of each. Pure; moments come from outside.

use std::time::{Duration, Instant};

/// What became of an agent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Nothing was heard of it for a while.
    Suspected,
    /// It is heard again.
    Back,
    /// It is given up.
    Lost,
}

/// How an agent is taken to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Health {
    Well,
    Suspected,
    Lost,
    /// Nothing more is to be heard of it.
    Done,
}

/// The signs of life of all agents, by their places.
#[derive(Clone, Debug)]
pub struct Pulse {
    heard: Vec<(Instant, Health)>,
    /// After so long without a sign of life one is given up.
    lost: Duration,
    is_deaf: bool,
}

impl Pulse {
    /// So many agents, of which all were heard just now. One that is silent for so long is given up; after a third of
    /// that its silence is told.
    pub fn new(agents: usize, lost: Duration, now: Instant) -> Self {
        Self { heard: vec![(now, Health::Well); agents], lost, is_deaf: false }
    }

    /// An agent was heard.
    pub fn beat(&mut self, agent: usize, now: Instant) -> Option<Change> {
        let (heard, health) = self.heard.get_mut(agent)?;
        *heard = now.max(*heard);
        match health {
            Health::Suspected | Health::Lost => {
                *health = Health::Well;
                Some(Change::Back)
            }
            Health::Well | Health::Done => None,
        }
    }

    /// Nothing more is to be heard of an agent.
    pub fn end(&mut self, agent: usize) {
        if let Some((_, health)) = self.heard.get_mut(agent) {
            *health = Health::Done;
        }
    }

    /// Looks who was not heard for too long. While we are `deaf` ourselves, having no connection, nobody can be heard,
    /// and afterwards everybody is given the whole time again.
    pub fn look(&mut self, now: Instant, is_deaf: bool) -> Vec<(usize, Change)> {
        if is_deaf || self.is_deaf {
            self.is_deaf = is_deaf;
            self.heard.iter_mut().for_each(|(heard, _)| *heard = now);
            return Vec::new();
        }
        let (mut changes, lost) = (Vec::new(), self.lost);
        for (agent, (heard, health)) in self.heard.iter_mut().enumerate() {
            let silent = now.saturating_duration_since(*heard);
            let change = match health {
                Health::Well | Health::Suspected if silent >= lost => Change::Lost,
                Health::Well if silent >= lost / 3 => Change::Suspected,
                _ => continue,
            };
            *health = if change == Change::Lost { Health::Lost } else { Health::Suspected };
            changes.push((agent, change));
        }
        changes
    }

    /// Whether an agent is taken to be at work.
    pub fn is_there(&self, agent: usize) -> bool {
        let health = self.heard.get(agent).map(|(_, health)| *health);
        matches!(health, Some(Health::Well | Health::Suspected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;
    use std::time::SystemTime;

    const SECOND: Duration = Duration::from_secs(1);
    const LOST: Duration = Duration::from_secs(15);

    #[test]
    fn who_is_silent_is_suspected_then_lost_and_may_come_back() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let mut pulse = Pulse::new(2, LOST, clock.now());
        let mut told = Vec::new();
        for second in 1..=20u64 {
            clock.advance(SECOND);
            pulse.beat(0, clock.now());
            let changes = pulse.look(clock.now(), false);
            told.extend(changes.into_iter().map(|change| (second, change)));
        }
        assert_eq!(told, [(5, (1, Change::Suspected)), (15, (1, Change::Lost))]);
        assert!(pulse.is_there(0) && !pulse.is_there(1));
        assert_eq!(pulse.beat(1, clock.now()), Some(Change::Back));
        assert_eq!(pulse.beat(1, clock.now()), None);
        assert!(pulse.is_there(1));
    }

    #[test]
    fn while_we_hear_nobody_nobody_is_silent() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let mut pulse = Pulse::new(1, LOST, clock.now());
        for is_deaf in [[true; 40], [false; 40]].concat().into_iter().take(44) {
            clock.advance(SECOND);
            assert_eq!(pulse.look(clock.now(), is_deaf), []);
        }
        clock.advance(2 * SECOND);
        assert_eq!(pulse.look(clock.now(), false), [(0, Change::Suspected)]);
    }

    #[test]
    fn nobody_waits_for_one_that_is_done() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let mut pulse = Pulse::new(1, LOST, clock.now());
        pulse.end(0);
        clock.advance(60 * SECOND);
        assert_eq!((pulse.look(clock.now(), false), pulse.beat(0, clock.now())), (vec![], None));
        assert_eq!((pulse.beat(9, clock.now()), pulse.is_there(9)), (None, false));
    }
}
