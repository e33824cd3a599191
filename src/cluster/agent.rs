//! An agent in its group: says who and how it is, hands orders on, and delivers what is told.

use super::delivery::{Author, Delivery};
use super::message::SCHEMA_VERSION;
use super::name::Name;
use super::order::{Answer, Order, Presence, Stage};
use super::spool::Spool;
use super::teller::Teller;
use super::wire::{Asked, Orders, Wire, WireError};
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::run::cores::cores;
use crate::run::descriptors::{limit, room};
use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// How often an agent says how it is.
pub const BEAT: Duration = Duration::from_secs(1);

/// Orders that are not looked at yet.
const ORDERS: usize = 16;

/// A member of a group. Dropped, it leaves.
pub struct Agent {
    wire: Wire,
    own: Arc<Own>,
    wishes: mpsc::Receiver<Wish>,
    tasks: Vec<JoinHandle<()>>,
}

/// What it says of itself.
struct Own {
    presence: Mutex<Presence>,
    /// What it tells and delivers, while it is at a run.
    telling: Mutex<Option<(Teller, Spool)>>,
    /// What goes into the stream, by run.
    deliveries: Mutex<BTreeMap<RunId, Delivery>>,
    changed: Notify,
    clock: Clock,
}

/// An order that somebody has to answer.
pub struct Wish {
    /// What is wanted.
    pub order: Order,
    /// Where the answer goes.
    pub back: Back,
}

/// Where an answer goes.
pub struct Back(Asked);

impl Back {
    /// Says that it is done, or why not.
    pub async fn answer(self, done: Result<(), String>) {
        let answer = done.map_or_else(|why| Answer::Refused { why }, |()| Answer::Taken);
        self.0.answer(answer).await;
    }

    /// Says that the agent is at this run, which is another one.
    pub async fn is_busy(self, run: RunId) {
        self.0.answer(Answer::Busy { run }).await;
    }
}

/// This machine as a group is told of it.
pub fn presence(agent: Name, instance: u64, host: String) -> Presence {
    let limit = limit();
    Presence {
        schema_version: SCHEMA_VERSION,
        agent,
        instance,
        gander_version: env!("CARGO_PKG_VERSION").to_owned(),
        host,
        cores: cores().into(),
        memory_bytes: memory(),
        file_limit: limit,
        users: limit.map(room),
        run: None,
        stage: Stage::Idle,
    }
}

/// Memory of the machine, as Linux tells it.
fn memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

impl Agent {
    /// Joins the group of the wire.
    pub async fn join(wire: Wire, presence: Presence, clock: Clock) -> Result<Self, WireError> {
        let orders = wire.orders(&presence.agent).await?;
        let (hand_on, wishes) = mpsc::channel(ORDERS);
        let own = Arc::new(Own {
            presence: Mutex::new(presence),
            telling: Mutex::default(),
            deliveries: Mutex::default(),
            changed: Notify::new(),
            clock,
        });
        let tasks = vec![
            tokio::spawn(hear(orders, own.clone(), hand_on)),
            tokio::spawn(beat(wire.clone(), own.clone())),
        ];
        Ok(Self { wire, own, wishes, tasks })
    }

    /// The next order; none once the connection is given up.
    pub async fn next(&mut self) -> Option<Wish> {
        self.wishes.recv().await
    }

    /// The connection.
    pub const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// What it is called.
    pub fn name(&self) -> Name {
        self.own.author().0
    }

    /// Which process of that name it is.
    pub fn instance(&self) -> u64 {
        self.own.author().1
    }

    /// How far it is with which run, from now on.
    pub fn set(&self, run: Option<RunId>, stage: Stage) {
        {
            let mut presence = locked(&self.own.presence);
            (presence.run, presence.stage) = (run, stage);
        }
        *locked(&self.own.telling) = None;
        self.own.changed.notify_one();
    }

    /// It is at a run of which this teller tells, until it is [`Agent::set`] otherwise.
    pub fn set_running(&self, run: &RunId, teller: Teller, spool: Spool) {
        self.set(Some(run.clone()), Stage::Running { intervals: 0, told: 0, delivered: 0 });
        *locked(&self.own.telling) = Some((teller, spool));
        self.own.changed.notify_one();
    }

    /// Delivers what is in a spool, in order, for as long as it takes, and again where a conductor wants that, until it is
    /// told to [`Agent::forget`] the run.
    pub fn deliver(&self, run: RunId, spool: Spool) {
        let (agent, instance) = self.own.author();
        let author = Author { run: run.clone(), agent, instance };
        let delivery = Delivery::begin(self.wire.clone(), author, spool);
        locked(&self.own.deliveries).insert(run, delivery);
    }

    /// Nothing of a run is to be delivered any more.
    pub fn forget(&self, run: &RunId) {
        locked(&self.own.deliveries).remove(run);
    }

    /// Listens for the conductor of a run from now on.
    pub async fn listen_for(&self, run: &RunId) -> Result<Ear, WireError> {
        let mut conductors = self.wire.conductors(run).await?;
        let clock = self.own.clock.clone();
        let heard = Arc::new(Mutex::new(clock.now()));
        let (note, of_task) = (heard.clone(), clock.clone());
        let task = tokio::spawn(async move {
            while conductors.next().await.is_some() {
                *locked(&note) = of_task.now();
            }
        });
        Ok(Ear { heard, clock, task })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Hears whether a run has a conductor, until it is dropped.
pub struct Ear {
    heard: Arc<Mutex<Instant>>,
    clock: Clock,
    task: JoinHandle<()>,
}

impl Ear {
    /// How long nothing was heard.
    pub fn silence(&self) -> Duration {
        self.clock.now().saturating_duration_since(*locked(&self.heard))
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers what needs nobody's decision, and hands the rest on.
async fn hear(mut orders: Orders, own: Arc<Own>, hand_on: mpsc::Sender<Wish>) {
    while let Some(mut asked) = orders.next().await {
        let request =
            std::mem::replace(&mut asked.request, Ok(super::order::Request::of(Order::Time)));
        match request {
            Err(error) => asked.answer(Answer::Refused { why: error.to_string() }).await,
            Ok(request) => match request.order {
                Order::Present => {
                    let now = own.now();
                    asked.answer(Answer::Present(Box::new(now))).await;
                }
                Order::Time => asked.answer(Answer::Time(unix_us(own.clock.wall()))).await,
                Order::Tell { run, from } => asked.answer(own.tell_again(&run, from)).await,
                order => {
                    if hand_on.send(Wish { order, back: Back(asked) }).await.is_err() {
                        return;
                    }
                }
            },
        }
    }
}

/// Says each second how it is, and at once when that changes.
async fn beat(wire: Wire, own: Arc<Own>) {
    loop {
        let now = own.now();
        // Without a connection nothing is said late that was true early.
        if wire.is_connected() {
            let _ = wire.beat(&now).await;
        }
        tokio::select! {
            () = own.changed.notified() => {}
            () = tokio::time::sleep(BEAT) => {}
        }
    }
}

impl Own {
    fn author(&self) -> (Name, u64) {
        let presence = locked(&self.presence);
        (presence.agent.clone(), presence.instance)
    }

    fn tell_again(&self, run: &RunId, from: u64) -> Answer {
        match locked(&self.deliveries).get(run) {
            Some(delivery) => {
                delivery.tell_again(from);
                Answer::Taken
            }
            None => Answer::Refused { why: format!("it has nothing of run `{run}`") },
        }
    }

    fn now(&self) -> Presence {
        let mut presence = locked(&self.presence).clone();
        if let Some((teller, spool)) = &*locked(&self.telling) {
            presence.stage = Stage::Running {
                intervals: teller.intervals(),
                told: spool.told(),
                delivered: spool.delivered(),
            };
        }
        presence
    }
}

/// A moment in microseconds since 1970.
pub fn unix_us(moment: SystemTime) -> u64 {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The same the other way round.
pub fn of_unix_us(unix_us: u64) -> SystemTime {
    let since = Duration::from_micros(unix_us);
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::message::write;
    use super::*;

    #[test]
    fn a_machine_is_told_of_in_a_few_words() {
        let presence = presence("a".parse().unwrap(), 7, "h".to_owned());
        assert!(presence.cores > 0 && presence.memory_bytes.unwrap() > 1 << 20);
        assert!(presence.users < presence.file_limit);
        assert!(write(&presence).len() < 1024);
    }

    #[test]
    fn moments_are_the_same_in_microseconds() {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_286_081_123_456);
        assert_eq!(of_unix_us(unix_us(moment)), moment);
        assert!(of_unix_us(u64::MAX) > moment);
    }
}
