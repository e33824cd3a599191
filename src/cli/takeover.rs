//! The load of an agent that is lost goes to the others: who has what of it from when on, until all of them know.

use super::ensemble::Ensemble;
use super::exit::{Exit, Failure};
use crate::cluster::conductor::GroupError;
use crate::cluster::order::Order;
use crate::measure::timeline::Line;
use crate::result::run_dir::TIMELINE;
use crate::run::lost::{Told, begun, tell};
use futures_util::future::join_all;
use std::time::Duration;

/// How far ahead of now others take over from one that is lost.
const AHEAD: Duration = Duration::from_secs(3);

/// How long one attempt to tell them may take. It is made again.
const ORDER: Duration = Duration::from_millis(500);

impl Ensemble<'_> {
    /// Gives the rest of a lost agent's load to the others, from a moment on that is still to come.
    pub(super) async fn share_out(&mut self, lost: usize) -> Result<(), Failure> {
        let Some(at) = self.next_handover() else { return Ok(()) };
        let others: Vec<usize> =
            (0..self.number()).filter(|agent| *agent != lost && !self.is_over(*agent)).collect();
        if others.is_empty() {
            return Ok(());
        }
        // In the closed model nothing is due but what was begun, and nobody knows what was begun since.
        let (_, told_ms) = self.mirrors[lost].stand();
        let counts_until = (!self.plan.workload.model.is_open()).then_some(told_ms);
        let left = self.left_of(lost)?;
        let (epochs, number) = (&mut self.journal.epochs, others.len());
        let from_ms = epochs.push((others, Some(lost)), (at, counts_until), left);
        self.journal.members[lost].is_shared_out = true;
        self.mirrors[lost].cut(counts_until.unwrap_or(from_ms));
        // Whoever takes up the run after a kill has to know it as the agents do.
        self.write_journal()?;
        self.hand_over().await?;
        let seconds = Duration::from_millis(from_ms).as_secs_f64();
        let others = if number == 1 { "other" } else { "others" };
        self.say(&format!("its load goes to {number} {others} from {seconds:.1} s of the run on"));
        if number * 2 < self.number() {
            self.caution("more than half of the agents are lost: the others may lack users for all of the load");
        }
        Ok(())
    }

    /// Tells those who do not know it yet what they have. One that hears of it too late takes over later; what one does
    /// not take that is through with its load others have.
    pub(super) async fn hand_over(&mut self) -> Result<(), Failure> {
        let of = |agent| Some((agent, self.journal.epochs.behind(agent)?));
        let behind: Vec<(usize, usize)> = (0..self.number()).filter_map(of).collect();
        if behind.is_empty() {
            return Ok(());
        }
        let (mut left, mut has_changed) = (0, false);
        let is_wanted = self.ending.stop().requests() == 0;
        let (over, orders): (Vec<_>, Vec<_>) =
            behind.into_iter().partition(|(agent, _)| self.is_over(*agent));
        for (agent, place) in over {
            if self.journal.members[agent].lost_from_ms.is_none() && is_wanted {
                left += self.is_refused((agent, place), "its run is over");
                has_changed = true;
            }
        }
        let orders = orders.into_iter().filter(|_| is_wanted);
        let told = orders.map(|(agent, place)| {
            let epochs = self.journal.epochs.told_to(agent, place, self.number());
            let order = Order::Share { run: self.journal.plan.run.clone(), epochs };
            let (name, conductor) = (self.name(agent), &self.conductor);
            async move { (agent, place, conductor.order(&name, order, ORDER).await) }
        });
        let answers = join_all(told).await;
        for (agent, place, answer) in answers {
            match answer {
                Ok(()) => self.journal.epochs.take(agent, place),
                Err(GroupError::Refused { why, .. }) => {
                    left += self.is_refused((agent, place), &why)
                }
                // Whether it has heard is not known; it is told the same again.
                Err(_) => continue,
            }
            has_changed = true;
        }
        if has_changed {
            self.write_journal()?;
        }
        self.hand_on(left)
    }

    /// What others have to do of what one refuses.
    fn is_refused(&mut self, (agent, place): (usize, usize), why: &str) -> u64 {
        let name = self.name(agent);
        if !self.plan.workload.model.is_open() {
            self.say(&format!("agent `{name}` takes nothing over: {why}"));
            return self.journal.epochs.refuse(agent, place);
        }
        let next = self.next_handover().filter(|_| !self.is_over(agent));
        if self.journal.epochs.put_off(agent, place, next) {
            self.caution(&format!(
                "agent `{name}` heard too late that it has more to do ({why}): what is due of that meanwhile is lost"
            ));
        }
        0
    }

    /// Gives what is left of a count to those who are still at it.
    fn hand_on(&mut self, left: u64) -> Result<(), Failure> {
        let others: Vec<usize> = (0..self.number())
            .filter(|agent| !self.is_over(*agent) && !self.journal.epochs.is_through(*agent))
            .collect();
        let Some(at) = self.next_handover().filter(|_| left > 0 && !others.is_empty()) else {
            return Ok(());
        };
        self.journal.epochs.push((others, None), (at, None), left);
        self.write_journal()
    }

    /// When others take over, in milliseconds of the plan; none where that is not wanted any more.
    fn next_handover(&self) -> Option<u64> {
        let at = self.elapsed() + AHEAD;
        let closes = self.plan.workload.closes_after();
        let is_over = closes.is_some_and(|closes| at >= closes);
        let is_wanted = !is_over && self.ending.stop().requests() == 0;
        is_wanted.then(|| u64::try_from(at.as_millis()).unwrap_or(u64::MAX))
    }

    /// Of a count of the closed model: what a lost agent was given and did not begin, as far as it told.
    fn left_of(&mut self, lost: usize) -> Result<u64, Failure> {
        let Some(count) = self.plan.count_of_closed() else { return Ok(0) };
        let given = self.journal.epochs.given(lost, (self.number(), count));
        Ok(given.saturating_sub(begun(&self.told_by(lost)?)))
    }

    /// What an agent told that counts.
    pub(super) fn told_by(&mut self, agent: usize) -> Result<Told, Failure> {
        let mut told = Told::new();
        let mirror = &mut self.mirrors[agent];
        if mirror.record().is_none() {
            return Ok(told);
        }
        mirror.pause().map_err(|error| super::ensemble::unkept(&error))?;
        let each = |line: Line| tell(&mut told, &line);
        mirror
            .dir()
            .each_line(TIMELINE, each)
            .map_err(|error| Failure::of(Exit::WrongInput, &error))?;
        Ok(told)
    }

    /// Nothing more comes: what nobody has confirmed nobody took.
    pub(super) fn settle_handovers(&mut self) {
        for agent in 0..self.number() {
            while let Some(place) = self.journal.epochs.behind(agent) {
                self.journal.epochs.refuse(agent, place);
                if self.journal.members[agent].lost_from_ms.is_none() {
                    self.journal.epochs.put_off(agent, place, None);
                }
            }
        }
    }
}
