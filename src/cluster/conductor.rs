//! The conductor's side of a group: who is there, whose clock is how far, who is ready, and orders that arrive.

use super::agent::of_unix_us;
use super::held::Held;
use super::message::{Plan, write};
use super::name::Name;
use super::offset::{Asked, Offset, QUESTIONS, Uncertain};
use super::order::{Answer, Complaint, Order, Presence, Request};
use super::signs::{Readiness, Signs};
use super::wire::{Wire, WireError};
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::base::remedy::{Listing, Remedy};
use crate::workload::agents::LOST_AFTER;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long a roll call listens for answers, and one question waits for its own.
const ROLL_CALL: Duration = Duration::from_millis(800);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(2);

/// The longest reason that is told to agents, in characters.
const LONGEST_WHY: usize = 1000;

/// How often it is looked who is ready.
const LOOK: Duration = Duration::from_millis(50);

/// Why a run does not come about.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// Too few agents.
    #[error(
        "{} of {wanted} agents are there within the time: {there}{}",
        there_are,
        busy_part(busy)
    )]
    TooFew {
        /// How many were wanted.
        wanted: usize,
        /// How many there are.
        there_are: usize,
        /// Their names.
        there: Listing,
        /// Those that are at another run.
        busy: Vec<String>,
    },
    /// Two processes have one name.
    #[error("two agents are called `{agent}`")]
    Twice {
        /// The name.
        agent: String,
    },
    /// They are not of our version.
    #[error("agent `{agent}` is gander {theirs}, and this is {ours}")]
    Version {
        /// The agent.
        agent: String,
        /// Its version.
        theirs: String,
        /// Ours.
        ours: String,
    },
    /// A clock is not known well enough.
    #[error(transparent)]
    Clock(#[from] Uncertain),
    /// The server.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// An agent does not do what it is told.
    #[error("agent `{agent}` refuses: {why}")]
    Refused {
        /// The agent.
        agent: String,
        /// Why.
        why: String,
    },
    /// An agent cannot get ready.
    #[error("agent `{agent}` cannot get ready")]
    NotReady {
        /// The agent.
        agent: String,
        /// Everything that is wrong there.
        complaints: Vec<Complaint>,
    },
    /// An agent went away.
    #[error("agent `{agent}` is gone: {why}")]
    Gone {
        /// The agent.
        agent: String,
        /// What is known of it.
        why: &'static str,
    },
    /// An agent was taken by another run meanwhile.
    #[error("agent `{agent}` is at run `{run}`")]
    Busy {
        /// The agent.
        agent: String,
        /// That run.
        run: RunId,
    },
}

fn busy_part(busy: &[String]) -> String {
    if busy.is_empty() {
        return String::new();
    }
    format!("; at another run: {}", busy.iter().map(String::as_str).collect::<Listing>())
}

impl Remedy for GroupError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::TooFew { .. } => Some(
                "start more with `gander agent --nats URL --group NAME`, ask for fewer with `--agents`, or wait longer \
                 with `--agent-wait`"
                    .to_owned(),
            ),
            Self::Twice { .. } => Some("give each a name of its own with `--name`".to_owned()),
            Self::Version { .. } => Some("let all be of the same version".to_owned()),
            Self::Clock(error) => error.remedy(),
            Self::Wire(error) => error.remedy(),
            Self::Refused { .. } => None,
            Self::Busy { .. } => Some(
                "wait for its end with a longer `--agent-wait`, start more with `gander agent`, or use another group"
                    .to_owned(),
            ),
            Self::NotReady { .. } => None,
            Self::Gone { .. } => Some("look whether it still runs; its own output says more".to_owned()),
        }
    }
}

/// One that conducts a run. Dropped, it is not heard any more.
pub struct Conductor {
    wire: Wire,
    run: RunId,
    clock: Clock,
    signs: Arc<Mutex<Signs>>,
    /// Who may have the plan.
    planned: Mutex<Vec<Name>>,
    /// Who may have had it, and made something for it.
    met: Mutex<BTreeSet<Name>>,
    tasks: Vec<JoinHandle<()>>,
    /// The directory of the run is nobody else's meanwhile.
    _held: Held,
}

impl Conductor {
    /// Begins to be heard, and to hear.
    pub async fn new(wire: Wire, run: RunId, clock: Clock, held: Held) -> Result<Self, WireError> {
        let mut beats = wire.beats().await?;
        let signs = Arc::new(Mutex::new(Signs::default()));
        let (note, of_task) = (signs.clone(), clock.clone());
        let hearing = tokio::spawn(async move {
            while let Some(presence) = beats.presence().await {
                locked(&note).note(presence, of_task.now());
            }
        });
        let (speaker, of_run) = (wire.clone(), run.clone());
        let speaking = tokio::spawn(async move {
            loop {
                if speaker.is_connected() {
                    let _ = speaker.conduct(&of_run).await;
                }
                tokio::time::sleep(super::agent::BEAT).await;
            }
        });
        let (planned, met) = (Mutex::default(), Mutex::default());
        Ok(Self {
            wire,
            run,
            clock,
            signs,
            planned,
            met,
            tasks: vec![hearing, speaking],
            _held: held,
        })
    }

    /// The connection.
    pub const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// From now on these processes are listened for, and no others.
    pub fn expect(&self, agents: impl IntoIterator<Item = (Name, u64)>) {
        locked(&self.signs).expect(agents, self.clock.now());
    }

    /// The latest that an agent itself said, and when.
    pub fn latest(&self, agent: &Name) -> Option<(Presence, Instant)> {
        locked(&self.signs).latest(agent)
    }

    /// Whether another process is heard in an agent's place.
    pub fn is_replaced(&self, agent: &Name) -> bool {
        locked(&self.signs).is_replaced(agent)
    }

    /// Waits for so many idle agents of our version, at most for so long. `told` hears how many there are whenever that
    /// changes. They come in the order of their names.
    pub async fn gather(
        &self,
        wanted: usize,
        wait: Duration,
        mut told: impl FnMut(usize),
    ) -> Result<Vec<Presence>, GroupError> {
        let until = self.clock.now() + wait;
        let mut before = None;
        loop {
            let (idle, busy) = split(self.roll_call().await?)?;
            if before != Some(idle.len()) {
                before = Some(idle.len());
                told(idle.len().min(wanted));
            }
            if idle.len() >= wanted {
                return Ok(idle.into_iter().take(wanted).collect());
            }
            if self.clock.now() >= until {
                let there = idle.iter().map(|presence| presence.agent.as_str()).collect();
                let busy = busy.iter().map(|presence| presence.agent.to_string()).collect();
                return Err(GroupError::TooFew { wanted, there_are: idle.len(), there, busy });
            }
        }
    }

    async fn roll_call(&self) -> Result<Vec<Presence>, WireError> {
        let answers = self.wire.ask_all(&Request::of(Order::Present), ROLL_CALL).await?;
        let present = |answer| match answer {
            Answer::Present(presence) => Some(*presence),
            _ => None,
        };
        Ok(answers.into_iter().filter_map(present).collect())
    }

    /// How far an agent's clock is, refused where that cannot be known well enough.
    pub async fn offset(&self, agent: &Name) -> Result<Offset, GroupError> {
        let mut answers = Vec::new();
        for _ in 0..QUESTIONS {
            let (sent, began) = (self.clock.wall(), self.clock.now());
            let answer = self.wire.ask(agent, &Request::of(Order::Time), ANSWER).await?;
            let took = self.clock.now().saturating_duration_since(began);
            if let Answer::Time(theirs) = answer {
                answers.push(Asked { sent, took, theirs: of_unix_us(theirs) });
            }
        }
        let offset =
            Offset::of(&answers).ok_or_else(|| WireError::NoAnswer { agent: agent.to_string() })?;
        offset.check(agent.as_str())?;
        Ok(offset)
    }

    /// The clocks of several, each by itself: questions of one would hold up the answers of another.
    pub async fn offsets(&self, agents: &[Name]) -> Result<Vec<Offset>, GroupError> {
        let mut offsets = Vec::new();
        for agent in agents {
            offsets.push(self.offset(agent).await?);
        }
        Ok(offsets)
    }

    /// Gives an order, as often as it takes within that time. An answer that says no is an error at once.
    pub async fn order(
        &self,
        agent: &Name,
        order: Order,
        within: Duration,
    ) -> Result<(), GroupError> {
        let (until, request) = (self.clock.now() + within, Request::of(order));
        loop {
            let patience = ANSWER.min(within);
            match self.wire.ask(agent, &request, patience).await {
                Ok(Answer::Refused { why }) => {
                    return Err(GroupError::Refused { agent: agent.to_string(), why });
                }
                Ok(Answer::Busy { run }) => {
                    return Err(GroupError::Busy { agent: agent.to_string(), run });
                }
                Ok(_) => return Ok(()),
                Err(error @ (WireError::TooLarge { .. } | WireError::Message(_))) => {
                    return Err(error.into());
                }
                Err(error) if self.clock.now() + LOOK >= until => return Err(error.into()),
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Gives each its order at the same time. The first that fails is told, by its place.
    pub async fn order_all(
        &self,
        orders: Vec<(Name, Order)>,
        within: Duration,
    ) -> Result<(), GroupError> {
        let given = orders
            .into_iter()
            .map(|(agent, order)| async move { self.order(&agent, order, within).await });
        join_all(given).await.into_iter().collect()
    }

    /// Sends each its plan and waits until all are ready. `told` hears how many are, whenever that changes. Where one
    /// cannot, all are told to forget it.
    pub async fn prepare(
        &self,
        plan: &Plan,
        mut told: impl FnMut(usize),
    ) -> Result<(), GroupError> {
        let agents = &plan.agents;
        let plans = agents.iter().enumerate().map(|(index, agent)| {
            let own = Plan { index, ..plan.clone() };
            (agent.clone(), Order::Prepare(Box::new(own)))
        });
        *locked(&self.planned) = agents.clone();
        locked(&self.met).extend(agents.iter().cloned());
        let sent = self.order_all(plans.collect(), 5 * ANSWER).await;
        let outcome = match sent {
            Ok(()) => self.all_ready(agents, &mut told).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &outcome {
            let why = match error {
                GroupError::NotReady { complaints, .. } => complaints.first().map(|it| &*it.what),
                _ => None,
            };
            let why = why.map_or_else(|| error.to_string(), |why| format!("{error}: {why}"));
            self.stand_down(&why).await;
        }
        outcome
    }

    async fn all_ready(
        &self,
        agents: &[Name],
        told: &mut impl FnMut(usize),
    ) -> Result<(), GroupError> {
        let (mut before, mut since) = (None, self.clock.now());
        loop {
            let mut ready = 0;
            for agent in agents {
                let now = (self.clock.now(), LOST_AFTER);
                match locked(&self.signs).readiness(agent, (&self.run, since), now) {
                    Readiness::Ready => ready += 1,
                    Readiness::Waits => {}
                    Readiness::Failed(complaints) => {
                        let agent = agent.to_string();
                        return Err(GroupError::NotReady { agent, complaints });
                    }
                    Readiness::Gone(why) if self.wire.is_connected() => {
                        return Err(GroupError::Gone { agent: agent.to_string(), why });
                    }
                    Readiness::Gone(_) => {}
                }
            }
            if !self.wire.is_connected() {
                // Nobody can be heard.
                since = self.clock.now();
            }
            if before != Some(ready) {
                before = Some(ready);
                told(ready);
            }
            if ready == agents.len() {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Who may have had the plan, and made something for it.
    pub fn met(&self) -> Vec<Name> {
        locked(&self.met).iter().cloned().collect()
    }

    /// Tells all that may have the plan to forget the run, and why. Who does not hear it hears no conductor either.
    pub async fn stand_down(&self, why: &str) {
        let agents = std::mem::take(&mut *locked(&self.planned));
        let why: String = why.chars().take(LONGEST_WHY).collect();
        let order =
            |agent: Name| (agent, Order::StandDown { run: self.run.clone(), why: why.clone() });
        let _ = self.order_all(agents.into_iter().map(order).collect(), ANSWER).await;
    }

    /// How many bytes a plan is as a message.
    pub fn size_of(plan: &Plan) -> usize {
        write(&Request::of(Order::Prepare(Box::new(plan.clone())))).len()
    }
}

impl Drop for Conductor {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Those that are idle and those that are not, each by name. All have to be of our version, and no two of one name.
fn split(mut present: Vec<Presence>) -> Result<(Vec<Presence>, Vec<Presence>), GroupError> {
    present.sort_by(|a, b| (&a.agent, a.instance).cmp(&(&b.agent, b.instance)));
    present.dedup_by_key(|presence| (presence.agent.clone(), presence.instance));
    if let Some(pair) = present.windows(2).find(|pair| pair[0].agent == pair[1].agent) {
        return Err(GroupError::Twice { agent: pair[0].agent.to_string() });
    }
    let ours = env!("CARGO_PKG_VERSION");
    if let Some(other) = present.iter().find(|presence| presence.gander_version != ours) {
        return Err(GroupError::Version {
            agent: other.agent.to_string(),
            theirs: other.gander_version.clone(),
            ours: ours.to_owned(),
        });
    }
    Ok(present.into_iter().partition(|presence| presence.run.is_none()))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::agent::presence;
    use super::*;

    fn there(agent: &str, instance: u64, run: Option<&str>) -> Presence {
        let presence = presence(agent.parse().unwrap(), instance, "h".to_owned());
        Presence { run: run.map(RunId::from), ..presence }
    }

    #[test]
    fn agents_are_taken_by_name_and_those_at_another_run_are_left_alone() {
        let present = vec![there("b", 2, None), there("c", 3, Some("r")), there("a", 1, None)];
        // An answer may come twice.
        let (idle, busy) = split([present.clone(), present].concat()).unwrap();
        let names =
            |of: Vec<Presence>| of.iter().map(|it| it.agent.to_string()).collect::<Vec<_>>();
        assert_eq!((names(idle), names(busy)), (vec!["a".into(), "b".into()], vec!["c".into()]));
    }

    #[test]
    fn another_version_and_another_of_the_same_name_are_refused_by_name() {
        let twice = split(vec![there("a", 1, None), there("a", 2, None)]).unwrap_err();
        assert_eq!(twice.to_string(), "two agents are called `a`");
        let other = Presence { gander_version: "0.0.9".to_owned(), ..there("b", 2, None) };
        let error = split(vec![there("a", 1, None), other]).unwrap_err();
        let ours = env!("CARGO_PKG_VERSION");
        assert_eq!(error.to_string(), format!("agent `b` is gander 0.0.9, and this is {ours}"));
        let error = GroupError::TooFew {
            wanted: 3,
            there_are: 1,
            there: ["a"].into_iter().collect(),
            busy: vec!["c".to_owned()],
        };
        assert_eq!(
            error.to_string(),
            "1 of 3 agents are there within the time: `a`; at another run: `c`"
        );
    }
}
