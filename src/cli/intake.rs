//! What agents tell their conductor: taken from the stream, put into their directories, brought to the disk aside, and
//! acknowledged when it is there.

use super::ensemble::{Ensemble, unkept};
use super::exit::{Exit, Failure};
use crate::cluster::admission::{LeftOut, Odd, admit};
use crate::cluster::keep::{Standing, keep};
use crate::cluster::mirror::{Mirror, MirrorError};
use crate::cluster::wire::{Delivered, Receipt};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long one look for results takes.
const FETCH: Duration = Duration::from_millis(300);

/// How often what was told is brought to the disk and acknowledged, where that takes no longer.
const KEEP: Duration = Duration::from_secs(1);

/// What is brought to the disk, aside.
struct Keeping {
    task: JoinHandle<Result<(), MirrorError>>,
    /// How far each agent is when it is there.
    next: Vec<u64>,
}

/// What was taken and is not acknowledged yet.
pub(super) struct Intake {
    /// By agent, number of the message, and place in the stream, where one may stand more than once.
    open: BTreeMap<(usize, u64, u64), Receipt>,
    /// Agents of which something is not on the disk.
    fresh: BTreeSet<usize>,
    keeping: Option<Keeping>,
    kept: Instant,
    left_out: LeftOut,
    /// When a message came last that brought something.
    pub(super) progress: Instant,
    /// How many looks for results in a row have found none.
    pub(super) quiet: u32,
}

impl Intake {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            open: BTreeMap::new(),
            fresh: BTreeSet::new(),
            keeping: None,
            kept: now,
            left_out: LeftOut::default(),
            progress: now,
            quiet: 0,
        }
    }

    /// Messages that the stream still has because of us.
    pub(super) fn open(&self) -> u64 {
        self.open.len() as u64
    }

    /// What was of nobody, if anything was.
    pub(super) fn left_out(&self) -> Option<&LeftOut> {
        (self.left_out.total() > 0).then_some(&self.left_out)
    }

    /// Messages that need not come again.
    async fn drop_open(&mut self, agent: usize, numbers: RangeInclusive<u64>) {
        let (first, last) = numbers.into_inner();
        let among = self.open.range((agent, first, 0)..=(agent, last, u64::MAX));
        let keys: Vec<_> = among.map(|(key, _)| *key).collect();
        for key in keys {
            if let Some(receipt) = self.open.remove(&key) {
                receipt.acknowledge().await;
            }
        }
    }

    /// Acknowledges what is on the disk, where each agent is so far.
    async fn acknowledge(&mut self, written: &[u64]) {
        let is_safe = |(agent, number, _): &(usize, u64, u64)| {
            written.get(*agent).is_some_and(|next| number < next)
        };
        let keys: Vec<_> = self.open.keys().filter(|key| is_safe(key)).copied().collect();
        for key in keys {
            if let Some(receipt) = self.open.remove(&key) {
                receipt.acknowledge().await;
            }
        }
    }
}

impl Ensemble<'_> {
    /// Takes what is there, and sees to it that it gets to the disk.
    pub(super) async fn take_in(&mut self, intake: &mut Intake) -> Result<(), Failure> {
        let delivered = match self.results.fetch(FETCH).await {
            Ok(delivered) => delivered,
            Err(_) => {
                // Without a connection this comes back at once; that there is none is told elsewhere.
                tokio::time::sleep(FETCH).await;
                self.open_results().await;
                Vec::new()
            }
        };
        let is_quiet = delivered.is_empty() && self.conductor.wire().is_connected();
        intake.quiet = if is_quiet { intake.quiet.saturating_add(1) } else { 0 };
        for message in delivered {
            self.take(message, intake).await?;
        }
        self.keep_on(intake).await
    }

    /// A server that has lost what it had is given it anew.
    pub(super) async fn open_results(&mut self) {
        let wire = self.conductor.wire();
        if wire.is_connected()
            && wire.open_stream().await.is_ok()
            && let Ok(results) = wire.results(&self.journal.plan.run).await
        {
            self.results = results;
        }
    }

    async fn take(&mut self, message: Delivered, intake: &mut Intake) -> Result<(), Failure> {
        let Delivered { report, receipt } = message;
        let admitted = match &report {
            Ok(report) => admit(report, &self.journal, self.elapsed()),
            Err(error) => Err(Odd::of(error)),
        };
        let (report, agent) = match (report, admitted) {
            (Ok(report), Ok(agent)) => (report, agent),
            (report, odd) => {
                let odd = odd.err().unwrap_or(Odd::Unreadable);
                let name = report.as_ref().map(|report| report.agent.as_str());
                intake.left_out.note(odd, name.ok());
                receipt.acknowledge().await;
                return Ok(());
            }
        };
        let number = report.sequence;
        let before = self.mirrors[agent].next();
        let took = self.mirrors[agent].take(report).map_err(|error| unkept(&error))?;
        if !took.later {
            intake.open.insert((agent, number, receipt.place), receipt);
            intake.fresh.insert(agent);
        }
        if let Some((numbers, error)) = took.wrong {
            // The agent tells again what it was; whoever else wrote it does not.
            self.terminal.explain(&error.to_string());
            let name = self.name(agent);
            intake.left_out.note(Odd::Impossible, Some(name.as_str()));
            intake.drop_open(agent, numbers).await;
        }
        if self.mirrors[agent].next() > before {
            intake.progress = self.clock.now();
        }
        for interval in took.intervals {
            self.live.take(agent, interval);
        }
        if self.mirrors[agent].is_ended() {
            self.live.set_done(agent, true);
        }
        Ok(())
    }

    /// Goes on bringing to the disk what was taken. It is waited for by nobody who takes more.
    async fn keep_on(&mut self, intake: &mut Intake) -> Result<(), Failure> {
        if intake.keeping.as_ref().is_some_and(|keeping| keeping.task.is_finished()) {
            self.kept(intake).await?;
        }
        let now = self.clock.now();
        let is_due = now.saturating_duration_since(intake.kept) >= KEEP;
        if is_due && intake.keeping.is_none() && !intake.fresh.is_empty() {
            self.begin_to_keep(intake);
        }
        Ok(())
    }

    fn begin_to_keep(&self, intake: &mut Intake) {
        intake.kept = self.clock.now();
        let next: Vec<u64> = self.mirrors.iter().map(Mirror::written).collect();
        let fresh = std::mem::take(&mut intake.fresh);
        let path = |agent: usize| self.mirrors[agent].dir().path().to_owned();
        let paths: Vec<PathBuf> = fresh.into_iter().map(path).collect();
        let members = self.journal.members.iter().zip(&self.mirrors);
        let standing = members.map(|(of, mirror)| (of.name.to_string(), mirror.written()));
        let (dir, standing) = (self.dir.clone(), Standing::of(standing.collect()));
        let task = tokio::task::spawn_blocking(move || keep(&dir, &paths, &standing));
        intake.keeping = Some(Keeping { task, next });
    }

    /// Waits for what is being brought to the disk, and acknowledges it.
    async fn kept(&self, intake: &mut Intake) -> Result<(), Failure> {
        let Some(Keeping { task, next }) = intake.keeping.take() else { return Ok(()) };
        let outcome = task.await.map_err(|error| {
            Failure::new(Exit::Bug, format!("what was told was not kept: {error}"), None)
        })?;
        outcome.map_err(|error| unkept(&error))?;
        intake.acknowledge(&next).await;
        Ok(())
    }

    /// Brings everything to the disk, and acknowledges it.
    pub(super) async fn keep_all(&self, intake: &mut Intake) -> Result<(), Failure> {
        self.kept(intake).await?;
        if !intake.fresh.is_empty() {
            self.begin_to_keep(intake);
            self.kept(intake).await?;
        }
        Ok(())
    }
}
