//! What agents told and their conductor did not get: asked for again, and given up where that does not help.

use super::ensemble::{Course, Ensemble, ORDER};
use super::exit::Failure;
use crate::cluster::conductor::GroupError;
use crate::cluster::gaps::{DELIVERED, Gaps, Step, TOLD};
use crate::cluster::order::{Order, Stage};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What an agent said so long ago at most is how it is.
const HEARD: Duration = Duration::from_secs(3);

/// Of whom something is missing.
pub(super) struct Missing {
    /// What was delivered and lost.
    gaps: Gaps,
    /// What cannot be delivered.
    held_up: Gaps,
    /// Who was asked to tell again.
    asked: BTreeSet<usize>,
}

impl Missing {
    pub(super) fn new(agents: usize, now: Instant) -> Self {
        Self {
            gaps: Gaps::new(agents, DELIVERED, now),
            held_up: Gaps::new(agents, TOLD, now),
            asked: BTreeSet::new(),
        }
    }
}

impl Ensemble<'_> {
    /// What an agent said and the stream lost it is to tell again.
    pub(super) async fn mind_missing(&mut self, course: &mut Course) -> Result<(), Failure> {
        let now = self.clock.now();
        if !self.conductor.wire().is_connected() {
            course.missing.gaps.wait(now);
            course.missing.held_up.wait(now);
            return Ok(());
        }
        for agent in 0..self.number() {
            let next = self.mirrors[agent].next();
            let (is_missing, is_held_up) = self.lacks(agent, now);
            let Missing { gaps, held_up, .. } = &mut course.missing;
            let steps = (
                gaps.look(agent, (next, is_missing), now),
                held_up.look(agent, (next, is_held_up), now),
            );
            match steps {
                (Some(Step::GiveUp), _) | (_, Some(Step::GiveUp)) => {
                    self.lose(agent, "what it tells does not arrive").await?;
                }
                (Some(Step::Ask), _) => self.ask_again(agent, course).await?,
                // It delivers as soon as there is a stream.
                (None, Some(Step::Ask)) => self.open_results().await,
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Of an agent that is heard, whether it has delivered what did not come, and whether it has told it at least.
    fn lacks(&self, agent: usize, now: Instant) -> (bool, bool) {
        let latest = self.conductor.latest(&self.name(agent));
        let latest = latest.filter(|(_, at)| now.saturating_duration_since(*at) < HEARD);
        let Some((presence, _)) = latest.filter(|_| !self.is_over(agent)) else {
            return (false, false);
        };
        let is_at_it = presence.run.as_ref() == Some(&self.journal.plan.run);
        let next = self.mirrors[agent].next();
        match presence.stage {
            Stage::Running { told, delivered, .. } if is_at_it => (delivered > next, told > next),
            _ if is_at_it => (false, false),
            // Its run is over there, and nobody heard how it ended.
            _ => (true, true),
        }
    }

    async fn ask_again(&mut self, agent: usize, course: &mut Course) -> Result<(), Failure> {
        let (name, from) = (self.name(agent), self.mirrors[agent].next());
        let order = Order::Tell { run: self.journal.plan.run.clone(), from };
        match self.conductor.order(&name, order, ORDER / 4).await {
            Err(GroupError::Refused { .. }) => {
                self.lose(agent, "it is at the run no more").await?;
            }
            Ok(()) if course.missing.asked.insert(agent) => {
                self.caution(&format!(
                    "not all that agent `{name}` told has come through the stream; it tells again what is missing"
                ));
            }
            // It is asked once more.
            _ => {}
        }
        Ok(())
    }
}
