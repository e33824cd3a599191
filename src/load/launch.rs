//! One load from launch to end: users parked, gate opened, and a bounded wait for the last of them.

use super::crew::Crew;
use super::events::Events;
use super::gate::{Closing, EndedBy, Gate, Plan};
use super::performer::Performer;
use super::stop::Stop;
use super::tally::{Counts, Progress};
use super::{dispatcher, engine, interrupt, warden};
use crate::base::clock::Clock;
use crate::base::remedy::Remedy;
use crate::measure::series::Phase;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, oneshot};
use tokio::task::{JoinError, JoinHandle};

/// Why there was no load, or no more.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The users could not be started.
    #[error("users could not be launched: {reason}")]
    NotLaunched {
        /// In Goose's words.
        reason: String,
    },
    /// Only some of the users came.
    #[error("only {launched} of {users} users were launched within {}s", LAUNCH.as_secs())]
    TooSlow {
        /// How many came.
        launched: usize,
        /// How many were wanted.
        users: usize,
    },
    /// The users went before the run was over.
    #[error("the load ended before its time: {reason}")]
    EndedEarly {
        /// In Goose's words.
        reason: String,
    },
    /// Users of an earlier load are stuck in this process.
    #[error("users of an earlier load still hang in this process")]
    LeftBehind,
    /// The system gives no more threads.
    #[error("no thread to watch over the load")]
    NoThread {
        /// The system's reason.
        source: std::io::Error,
    },
}

impl Remedy for LoadError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::TooSlow { .. } => Some("ask for fewer users, or use a faster machine".to_owned()),
            Self::LeftBehind => Some("start the next load in a new process".to_owned()),
            Self::NoThread { .. } => Some("raise the limit of threads (`ulimit -u`)".to_owned()),
            Self::NotLaunched { .. } | Self::EndedEarly { .. } => None,
        }
    }
}

/// How a load went.
#[derive(Clone, Debug)]
pub struct LoadEnd {
    /// When the gate was opened.
    pub started: Instant,
    /// When the last iteration could have started: the end of the measured part.
    pub closed: Instant,
    /// When the last iteration ended or was cut off.
    pub ended: Instant,
    /// Why no more iterations were started.
    pub by: EndedBy,
    /// How long was measured: to `closed`, or to `ended` where the count ended it, because then
    /// the last iterations are as wanted as the first.
    pub measured: Duration,
    /// Iterations by choice of the mix and by phase (indexed by [`Phase`]).
    pub counts: Vec<[Counts; Phase::COUNT]>,
    /// Iterations that did not heed the cut, counted as cut off. A mistake in gander.
    pub stuck: usize,
    /// Whether users could not be ended. Then the runtime may not end by itself either.
    pub left_behind: bool,
}

impl LoadEnd {
    /// Iterations of all choices and phases together.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.counts.iter().flatten().for_each(|counts| total.add(counts));
        total
    }
}

/// No machine takes that long for a hundred thousand users.
const LAUNCH: Duration = Duration::from_secs(60);

/// Goose's kill switch is one for the process, so there is one attack at a time.
static ATTACK: Mutex<()> = Mutex::const_new(());

/// Whether users of an earlier attack could not be ended.
static LEFT_BEHIND: AtomicBool = AtomicBool::new(false);

/// Users launched and parked. Dropped, they are sent away, and iterations in flight are cut off.
pub struct Launched {
    gate: Arc<Gate>,
    attack: JoinHandle<Result<(), String>>,
    stuck: oneshot::Receiver<usize>,
    /// Brings the arrivals of the open model, once the gate is open.
    dispatch: Option<Box<dyn FnOnce() -> JoinHandle<()> + Send>>,
}

/// Launches all users, parked, on the runtime of the caller. Waits while another load of this
/// process is under way. Also returns when a stop is requested meanwhile; the run is then empty.
pub async fn launch<P: Performer>(
    plan: Plan,
    clock: Clock,
    stop: Stop,
    performer: Arc<P>,
) -> Result<Launched, LoadError> {
    let turn_to_attack = ATTACK.lock().await;
    if LEFT_BEHIND.load(Ordering::SeqCst) {
        return Err(LoadError::LeftBehind);
    }
    interrupt::claim();
    let _silence = engine::Silence::begin();
    let users = plan.users();
    let gate = Arc::new(Gate::new(plan, clock, stop));
    // A stop from before the launch is known at once, not when the warden first looks.
    gate.look(gate.clock.now());
    let crew = Arc::new(Crew::new(gate.clone(), performer));
    let over = Over { over: Arc::default(), gate: gate.clone() };
    let (over_too, performing) = (over.over.clone(), crew.clone());
    let attack = tokio::spawn(async move {
        let until_over = (over, turn_to_attack);
        let turn = move |user| {
            let crew = performing.clone();
            async move { crew.turn(user).await }
        };
        engine::attack(users, turn).await?;
        let gate = &until_over.0.gate;
        gate.closing().map(drop).ok_or_else(|| "all users were sent away".to_owned())
    });
    let (give_up, stuck) = oneshot::channel();
    let abort = attack.abort_handle();
    let dispatching = crew.clone();
    let dispatch = Box::new(move || tokio::spawn(dispatcher::dispatch(dispatching)));
    let mut launched = Launched { gate, attack, stuck, dispatch: Some(dispatch) };
    std::thread::Builder::new()
        .name("load-warden".to_owned())
        .spawn(move || {
            if let Some(stuck) = warden::watch(&crew, &over_too) {
                LEFT_BEHIND.store(true, Ordering::SeqCst);
                abort.abort();
                // Nobody listens any more where the run was given up before.
                let _ = give_up.send(stuck);
            }
        })
        .map_err(|source| LoadError::NoThread { source })?;
    tokio::select! {
        biased;
        () = launched.gate.all_here() => Ok(launched),
        ended = &mut launched.attack => Err(LoadError::NotLaunched { reason: reason(ended) }),
        () = tokio::time::sleep(LAUNCH) => {
            Err(LoadError::TooSlow { launched: launched.progress().users(), users })
        }
    }
}

impl Launched {
    /// Counts of the run, also while it goes.
    pub fn progress(&self) -> Progress {
        Progress::of(self.gate.tally.clone())
    }

    /// What is done to the load while it goes on.
    pub fn events(&self) -> Events {
        self.gate.events.clone()
    }

    /// Opens the gate and sees the run through: the first iterations are due now, at `start`, which
    /// the clock that the load was launched with has just said.
    ///
    /// Returns when all users have ended, at the latest when the drain and the plan's patience are
    /// over. To return even though iterations block every thread of the runtime, it must run on a
    /// thread outside of the runtime (`Runtime::block_on`).
    pub async fn run(mut self, start: Instant) -> Result<LoadEnd, LoadError> {
        self.gate.open(start);
        if let Some(dispatch) = self.dispatch.take() {
            drop(dispatch());
        }
        let stuck = self.ended().await?;
        let tally = &self.gate.tally;
        let closing = self.gate.closing().unwrap_or(Closing { at: start, by: EndedBy::Stop });
        let closed = closing.at.max(start);
        let ended = closed.max(start + tally.last_end());
        let measured_to = if closing.by == EndedBy::Count { ended } else { closed };
        let phases = self.gate.plan.phases();
        Ok(LoadEnd {
            started: start,
            closed,
            ended,
            by: closing.by,
            measured: phases.measured_between(Duration::ZERO, measured_to - start),
            counts: tally.snapshot(),
            stuck: stuck.unwrap_or(0),
            left_behind: stuck.is_some(),
        })
    }
}

impl Launched {
    /// Until all users have ended and the warden has booked what it cut off, or has given up on so
    /// many iterations that are stuck.
    async fn ended(&mut self) -> Result<Option<usize>, LoadError> {
        let checked = |ended: Result<Result<(), String>, JoinError>| match ended {
            Ok(Ok(())) => Ok(()),
            ended => Err(LoadError::EndedEarly { reason: reason(ended) }),
        };
        tokio::select! {
            ended = &mut self.attack => {
                checked(ended)?;
                // It says nothing, and is gone when it is done.
                Ok((&mut self.stuck).await.ok())
            }
            stuck = &mut self.stuck => match stuck {
                Ok(stuck) => Ok(Some(stuck)),
                // Done, because the attack is over.
                Err(_) => checked((&mut self.attack).await).map(|()| None),
            },
        }
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        self.gate.cancel();
    }
}

/// Says that the attack is over, however it went.
struct Over {
    over: Arc<AtomicBool>,
    gate: Arc<Gate>,
}

impl Drop for Over {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.gate.stop.ring();
    }
}

fn reason(ended: Result<Result<(), String>, JoinError>) -> String {
    match ended {
        Ok(Ok(())) => "it was over before it began".to_owned(),
        Ok(Err(reason)) => reason,
        Err(error) => error.to_string(),
    }
}
