//! Signs of life of the agents of a run, told apart by process: what another of the same name says, or somebody who has
//! only the name, is not what the agent says. Pure; moments come from outside.

use super::name::Name;
use super::order::{Complaint, Presence, Stage};
use crate::base::names::RunId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// After so long without a word of the agent itself another process of its name is believed to have taken its place, and
/// so long after an order what an agent says of itself is what came of it.
const GRACE: Duration = Duration::from_secs(3);

/// What was heard.
#[derive(Debug, Default)]
pub struct Signs {
    agents: BTreeMap<Name, Sign>,
}

#[derive(Debug)]
struct Sign {
    instance: u64,
    /// Since when it is listened for.
    since: Instant,
    own: Option<(Presence, Instant)>,
    /// When another process of that name was heard.
    other: Option<Instant>,
}

/// How far an agent is that has been given a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Readiness {
    /// It could start.
    Ready,
    /// It is at it.
    Waits,
    /// It cannot.
    Failed(Vec<Complaint>),
    /// It never will.
    Gone(&'static str),
}

impl Signs {
    /// From now on these processes are listened for, and no others.
    pub fn expect(&mut self, agents: impl IntoIterator<Item = (Name, u64)>, now: Instant) {
        let sign = |instance| Sign { instance, since: now, own: None, other: None };
        self.agents = agents.into_iter().map(|(name, instance)| (name, sign(instance))).collect();
    }

    /// Somebody says who and how it is.
    pub fn note(&mut self, presence: Presence, now: Instant) {
        let Some(sign) = self.agents.get_mut(&presence.agent) else { return };
        if presence.instance == sign.instance {
            sign.own = Some((presence, now));
        } else {
            sign.other = Some(now);
        }
    }

    /// The latest that an agent itself said, and when.
    pub fn latest(&self, agent: &Name) -> Option<(Presence, Instant)> {
        self.agents.get(agent).and_then(|sign| sign.own.clone())
    }

    /// Whether another process of its name is heard in its place.
    pub fn is_replaced(&self, agent: &Name) -> bool {
        let is_replaced = |sign: &Sign| {
            let own = sign.own.as_ref().map_or(sign.since, |(_, at)| *at);
            sign.other.is_some_and(|other| other.saturating_duration_since(own) > GRACE)
        };
        self.agents.get(agent).is_some_and(is_replaced)
    }

    /// How far an agent is that was given the plan of a run at a moment. One that is silent for longer than `patience` is
    /// gone.
    pub fn readiness(
        &self,
        agent: &Name,
        (run, since): (&RunId, Instant),
        (now, patience): (Instant, Duration),
    ) -> Readiness {
        if self.is_replaced(agent) {
            return Readiness::Gone("its process was started anew");
        }
        let own = self.agents.get(agent).and_then(|sign| sign.own.as_ref());
        let last = own.map_or(since, |(_, at)| since.max(*at));
        if now.saturating_duration_since(last) > patience {
            return Readiness::Gone("nothing is heard of it any more");
        }
        match own {
            Some((presence, _)) if presence.run.as_ref() == Some(run) => match &presence.stage {
                Stage::Ready => Readiness::Ready,
                Stage::Failed { complaints, .. } => Readiness::Failed(complaints.clone()),
                _ => Readiness::Waits,
            },
            // What it said before it had the plan is no sign.
            Some((_, at)) if at.saturating_duration_since(since) > GRACE => {
                Readiness::Gone("it has left the run")
            }
            _ => Readiness::Waits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::agent::presence;
    use super::*;
    use crate::base::clock::Clock;
    use std::time::SystemTime;

    const SECOND: Duration = Duration::from_secs(1);

    fn says(instance: u64, run: Option<&str>, stage: Stage) -> Presence {
        let presence = presence("a".parse().unwrap(), instance, "h".to_owned());
        Presence { run: run.map(RunId::from), stage, ..presence }
    }

    #[test]
    fn another_process_of_the_name_is_believed_once_the_agent_itself_is_silent() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let (mut signs, agent) = (Signs::default(), "a".parse::<Name>().unwrap());
        signs.expect([(agent.clone(), 7)], clock.now());
        // Somebody forges for a while, and the agent goes on.
        for _ in 0..20 {
            clock.advance(SECOND);
            signs.note(says(7, Some("r1"), Stage::Ready), clock.now());
            signs.note(says(8, None, Stage::Idle), clock.now());
            assert!(!signs.is_replaced(&agent));
        }
        assert_eq!(signs.latest(&agent).unwrap().0.instance, 7);
        for second in 1..=5 {
            clock.advance(SECOND);
            signs.note(says(8, None, Stage::Idle), clock.now());
            assert_eq!(signs.is_replaced(&agent), second > 3, "{second}");
        }
        // Of nobody that is expected nothing is kept.
        signs.note(says(9, None, Stage::Idle), clock.now());
        let ghost = Presence { agent: "ghost".parse().unwrap(), ..says(1, None, Stage::Idle) };
        signs.note(ghost, clock.now());
        assert_eq!(signs.agents.len(), 1);
    }

    #[test]
    fn one_that_has_a_plan_gets_ready_or_fails_or_is_gone() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let (mut signs, agent) = (Signs::default(), "a".parse::<Name>().unwrap());
        signs.expect([(agent.clone(), 7)], clock.now());
        let (run, since) = (RunId::from("r1"), clock.now());
        let of = |signs: &Signs, clock: &Clock| {
            signs.readiness(&agent, (&run, since), (clock.now(), 15 * SECOND))
        };
        // What it said as it had no plan yet may come late.
        clock.advance(SECOND);
        signs.note(says(7, None, Stage::Idle), clock.now());
        assert_eq!(of(&signs, &clock), Readiness::Waits);
        signs.note(says(7, Some("r1"), Stage::Preparing), clock.now());
        assert_eq!(of(&signs, &clock), Readiness::Waits);
        signs.note(says(7, Some("r1"), Stage::Ready), clock.now());
        assert_eq!(of(&signs, &clock), Readiness::Ready);
        let failed = Stage::Failed { exit: 3, complaints: Vec::new() };
        signs.note(says(7, Some("r1"), failed), clock.now());
        assert_eq!(of(&signs, &clock), Readiness::Failed(Vec::new()));
        clock.advance(4 * SECOND);
        signs.note(says(7, None, Stage::Idle), clock.now());
        assert_eq!(of(&signs, &clock), Readiness::Gone("it has left the run"));
        signs.note(says(8, None, Stage::Idle), clock.now() + 4 * SECOND);
        assert_eq!(of(&signs, &clock), Readiness::Gone("its process was started anew"));
        clock.advance(20 * SECOND);
        let mut signs = Signs::default();
        signs.expect([(agent.clone(), 7)], clock.now());
        assert_eq!(of(&signs, &clock), Readiness::Gone("nothing is heard of it any more"));
    }
}
