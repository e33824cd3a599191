//! A run of several machines while it goes on: what agents tell is kept and shown, who is lost is noticed, and what is
//! to end it is passed on.

use super::ending::Ending;
use super::exit::{Exit, Failure};
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::cluster::conductor::{Conductor, GroupError};
use crate::cluster::journal::Journal;
use crate::cluster::live::Live;
use crate::cluster::mirror::{Mirror, MirrorError};
use crate::cluster::name::Name;
use crate::cluster::order::{Order, Stage};
use crate::cluster::pulse::{Change, Pulse};
use crate::cluster::wire::{Delivered, Results};
use crate::load::Plan;
use crate::measure::tally::Tally;
use crate::result::run_dir::RunDir;
use crate::run::conduct::Listener;
use crate::run::oversight::Oversight;
use crate::workload::agents::{Settings, WhenLost};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long one look for results takes.
const FETCH: Duration = Duration::from_millis(300);

/// How often what was told is brought to the disk and acknowledged.
const SYNC: Duration = Duration::from_secs(1);

/// How long an order may take to arrive.
const ORDER: Duration = Duration::from_secs(2);

/// A run in progress, with everything that has to be known of it.
pub(super) struct Ensemble<'a> {
    pub(super) conductor: Conductor,
    pub(super) results: Results,
    pub(super) journal: Journal,
    pub(super) dir: RunDir,
    pub(super) mirrors: Vec<Mirror>,
    pub(super) live: Live,
    pub(super) tally: Tally,
    pub(super) listeners: Vec<Box<dyn Listener>>,
    pub(super) oversight: Oversight,
    /// The whole plan.
    pub(super) plan: Plan,
    /// What becomes of it when one is lost.
    pub(super) agents: Settings,
    pub(super) ending: &'a Ending,
    pub(super) clock: Clock,
    /// When the load began, or will.
    pub(super) start: Instant,
    pub(super) terminal: &'a Terminal,
}

/// What is noted while it goes on.
struct Course {
    pulse: Pulse,
    /// When each was heard last.
    heard: Vec<Option<Instant>>,
    /// Messages that are not acknowledged yet, by agent and number.
    open: BTreeMap<(usize, u64), Vec<Delivered>>,
    synced: Instant,
    is_deaf: bool,
    /// How many looks for results in a row have found none.
    quiet: u32,
    /// Who may not have heard that it is to stop.
    unheard: Vec<usize>,
}

/// After so many looks that found nothing there is nothing more.
const QUIET: u32 = 3;

impl Ensemble<'_> {
    pub(super) fn say(&self, text: &str) {
        self.terminal.say(text);
    }

    pub(super) fn caution(&self, text: &str) {
        self.say(&format!("{} {text}", self.terminal.paint(Style::Bad, "caution")));
    }

    /// How long the plan has been going on.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.start)
    }

    pub(super) fn number(&self) -> usize {
        self.mirrors.len()
    }

    pub(super) fn name(&self, agent: usize) -> Name {
        self.journal.members[agent].name.clone()
    }

    /// Whether nothing more is to come from an agent.
    pub(super) fn is_over(&self, agent: usize) -> bool {
        self.mirrors[agent].is_ended() || self.journal.members[agent].lost_from_ms.is_some()
    }

    /// Until every agent's run has ended, or it is lost.
    pub(super) async fn see_through(&mut self) -> Result<(), Failure> {
        let now = self.clock.now();
        let mut course = Course {
            pulse: Pulse::new(self.number(), self.agents.lost_after, now),
            heard: vec![None; self.number()],
            open: BTreeMap::new(),
            synced: now,
            is_deaf: false,
            quiet: 0,
            unheard: Vec::new(),
        };
        for (agent, mirror) in self.mirrors.iter().enumerate() {
            if mirror.is_ended() {
                course.pulse.end(agent);
            }
        }
        loop {
            let fetched = self.fetch(&mut course).await?;
            let is_quiet = fetched == 0 && self.conductor.wire().is_connected();
            course.quiet = if is_quiet { course.quiet.saturating_add(1) } else { 0 };
            self.tell_whole();
            self.hear(&mut course).await?;
            self.look(&mut course).await?;
            self.hand_over().await?;
            self.pass_on_wishes(&mut course).await?;
            let is_over = (0..self.number()).all(|agent| self.is_over(agent));
            if is_over && self.has_all(&mut course).await? {
                break;
            }
        }
        self.sync(&mut course).await?;
        while let Some(interval) = self.live.rest() {
            self.tell(&interval);
        }
        Ok(())
    }

    /// Whether the stream has nothing more, not even what was given to a conductor that was killed, and comes again.
    async fn has_all(&mut self, course: &mut Course) -> Result<bool, Failure> {
        if course.quiet < QUIET {
            return Ok(false);
        }
        self.sync(course).await?;
        // Pieces of an interval that never became whole are not acknowledged.
        let open = course.open.values().map(Vec::len).sum::<usize>() as u64;
        Ok(self.results.left().await.is_some_and(|left| left <= open))
    }

    /// Takes what is there. Says how much that was.
    async fn fetch(&mut self, course: &mut Course) -> Result<usize, Failure> {
        let delivered = match self.results.fetch(FETCH).await {
            Ok(delivered) => delivered,
            Err(_) => {
                // Without a connection this comes back at once; that there is none is told elsewhere. A server that has
                // lost what it had is asked anew.
                tokio::time::sleep(FETCH).await;
                let wire = self.conductor.wire();
                if wire.is_connected()
                    && let Ok(results) = wire.results(&self.journal.plan.run).await
                {
                    self.results = results;
                }
                Vec::new()
            }
        };
        let fetched = delivered.len();
        for message in delivered {
            let report = match &message.report {
                Ok(report) => report.clone(),
                Err(error) => {
                    // Nobody will ever be able to read it; if an agent wrote it, that one will be missed.
                    self.caution(&format!("{error}; it is left out"));
                    message.acknowledge().await;
                    continue;
                }
            };
            let members = &self.journal.members;
            let agent = members.iter().position(|member| member.name == report.agent);
            let Some(agent) = agent.filter(|_| report.run == self.journal.plan.run) else {
                // Of nobody that we know.
                message.acknowledge().await;
                continue;
            };
            let sequence = report.sequence;
            let took = match self.mirrors[agent].take(report) {
                Ok(took) => took,
                Err(error @ (MirrorError::Dir(_) | MirrorError::Ledger { .. })) => {
                    return Err(unkept(&error));
                }
                Err(error) => {
                    // What comes behind cannot be counted, but the others can.
                    message.acknowledge().await;
                    self.lose(agent, &error.to_string()).await?;
                    continue;
                }
            };
            for interval in took.intervals {
                self.live.take(agent, interval);
            }
            if !took.later {
                course.open.entry((agent, sequence)).or_default().push(message);
            }
            if self.mirrors[agent].is_ended() {
                course.pulse.end(agent);
                self.live.set_done(agent, true);
            }
        }
        if self.clock.now().saturating_duration_since(course.synced) >= SYNC {
            self.sync(course).await?;
        }
        Ok(fetched)
    }

    /// Brings everything to the disk, and acknowledges it.
    async fn sync(&mut self, course: &mut Course) -> Result<(), Failure> {
        course.synced = self.clock.now();
        let mut safe = vec![None; self.number()];
        for (agent, _) in course.open.keys() {
            if safe[*agent].is_none() {
                let next = self.mirrors[*agent].sync().map_err(|error| unkept(&error))?;
                safe[*agent] = Some(next);
            }
        }
        let is_safe = |(agent, sequence): &(usize, u64)| {
            safe.get(*agent).copied().flatten().is_some_and(|next| *sequence < next)
        };
        let keys: Vec<_> = course.open.keys().filter(|key| is_safe(key)).copied().collect();
        for key in keys {
            for message in course.open.remove(&key).unwrap_or_default() {
                message.acknowledge().await;
            }
        }
        Ok(())
    }

    /// Tells the intervals of the whole that are complete, and ends the run where one of them says so.
    fn tell_whole(&mut self) {
        while let Some(interval) = self.live.whole() {
            self.tell(&interval);
        }
    }

    fn tell(&mut self, interval: &crate::measure::timeline::Interval) {
        self.tally.absorb(interval);
        self.listeners.interval(interval, &self.tally);
        if self.plan.workload.closes_after().is_some_and(|closes| self.elapsed() >= closes) {
            self.oversight.close();
        }
        if let Some(halt) = self.oversight.interval(interval)
            && self.ending.stop().requests() == 0
        {
            self.journal.stopped = Some(halt.why.clone());
            self.stop_by_itself(&halt.why, halt.now);
        }
    }

    fn stop_by_itself(&self, why: &str, now: bool) {
        self.say(why);
        self.ending.stop().drain_by(why);
        if now {
            self.ending.stop().now();
        }
    }

    /// Hears how agents are.
    async fn hear(&mut self, course: &mut Course) -> Result<(), Failure> {
        for agent in 0..self.number() {
            let name = self.name(agent);
            let Some((presence, at)) = self.conductor.latest(&name) else { continue };
            let is_new = course.heard[agent].is_none_or(|last| last < at);
            course.heard[agent] = Some(at);
            if !is_new && course.quiet < QUIET {
                continue;
            }
            let is_other = presence.instance != self.journal.members[agent].instance;
            let is_at_it = presence.run.as_ref() == Some(&self.journal.plan.run) && !is_other;
            if !is_at_it {
                // Another process of that name, or one that is done: what was told is all that there is.
                if !self.is_over(agent) && (is_other || self.has_all(course).await?) {
                    let why =
                        if is_other { "it was started anew" } else { "it is at the run no more" };
                    self.lose(agent, why).await?;
                }
                continue;
            }
            if let Stage::Failed { complaints, .. } = presence.stage
                && !self.is_over(agent)
            {
                let why = complaints.first().map_or_else(String::new, |it| it.what.clone());
                self.lose(agent, &why).await?;
                continue;
            }
            if is_new && self.journal.members[agent].is_shared_out {
                self.send_away(agent, course).await;
            } else if is_new && course.pulse.beat(agent, at) == Some(Change::Back) {
                self.welcome_back(agent)?;
            }
        }
        Ok(())
    }

    /// Others have its load: what it still does counts no more.
    async fn send_away(&self, agent: usize, course: &mut Course) {
        let name = self.name(agent);
        if course.pulse.beat(agent, self.clock.now()) == Some(Change::Back) {
            self.caution(&format!(
                "agent `{name}` is heard again; others have its load, and it is sent away"
            ));
        }
        // Said again with its next sign of life, if it does not hear it.
        let order = Order::StandDown { run: self.journal.plan.run.clone() };
        let _ = self.conductor.order(&name, order, ORDER / 4).await;
    }

    fn welcome_back(&mut self, agent: usize) -> Result<(), Failure> {
        let name = self.name(agent);
        let member = &mut self.journal.members[agent];
        if member.lost_from_ms.take().is_some() {
            self.live.set_done(agent, false);
            self.write_journal()?;
        }
        self.say(&format!("agent `{name}` is heard again"));
        Ok(())
    }

    /// Looks who is not heard any more.
    async fn look(&mut self, course: &mut Course) -> Result<(), Failure> {
        let is_deaf = !self.conductor.wire().is_connected();
        if is_deaf != course.is_deaf {
            course.is_deaf = is_deaf;
            match is_deaf {
                true => self.caution(
                    "there is no connection to the NATS server; it is tried again and again",
                ),
                false => self.say("the NATS server is there again"),
            }
        }
        for (agent, change) in course.pulse.look(self.clock.now(), is_deaf) {
            let name = self.name(agent);
            match change {
                Change::Suspected => self.caution(&format!("nothing is heard of agent `{name}`")),
                Change::Lost => self.lose(agent, "nothing is heard of it").await?,
                Change::Back => {}
            }
        }
        // One that left before its time leaves work behind, as one that is lost does.
        for agent in 0..self.number() {
            let member = &self.journal.members[agent];
            let has_left = member.lost_from_ms.is_none() && self.mirrors[agent].is_ended();
            let Some(record) = self.mirrors[agent].record().filter(|_| has_left) else { continue };
            let is_asked = self.journal.stops > 0 || self.ending.stop().requests() > 0;
            if let Some(why) = record.stopped.clone().filter(|_| !is_asked) {
                let why = format!("agent `{}` stopped: {why}", member.name);
                self.journal.stopped = Some(why.clone());
                self.stop_by_itself(&why, true);
            } else if record.interrupted && !is_asked {
                self.lose(agent, "it was interrupted").await?;
            }
        }
        Ok(())
    }

    /// An agent is lost: others take over, or the run is marked.
    async fn lose(&mut self, agent: usize, why: &str) -> Result<(), Failure> {
        let name = self.name(agent);
        if self.journal.members[agent].lost_from_ms.is_some() {
            return Ok(());
        }
        self.caution(&format!("agent `{name}` is lost: {why}"));
        let (_, told_ms) = self.mirrors[agent].stand();
        self.journal.members[agent].lost_from_ms = Some(told_ms);
        self.live.set_done(agent, true);
        if self.agents.when_lost == WhenLost::ShareOut {
            self.share_out(agent).await?;
        }
        self.write_journal()
    }

    /// Passes on what somebody here wants, until everybody has heard it.
    async fn pass_on_wishes(&mut self, course: &mut Course) -> Result<(), Failure> {
        let wanted = self.ending.stop().requests().min(2);
        if wanted > self.journal.stops {
            self.journal.stops = wanted;
            self.journal.stopped_ms.get_or_insert(millis(self.elapsed()));
            self.oversight.close();
            self.write_journal()?;
            course.unheard = (0..self.number()).collect();
        }
        let asked = self.ending.stop().asked();
        let who = asked.last().map_or_else(|| "the conductor".to_owned(), |(_, who)| who.clone());
        for agent in std::mem::take(&mut course.unheard) {
            if self.is_over(agent) {
                continue;
            }
            let run = self.journal.plan.run.clone();
            let order = Order::Stop { run, now: self.journal.stops > 1, who: who.clone() };
            match self.conductor.order(&self.name(agent), order, ORDER / 4).await {
                // One that is at the run no more has nothing to stop.
                Ok(()) | Err(GroupError::Refused { .. }) => {}
                Err(_) => course.unheard.push(agent),
            }
        }
        Ok(())
    }

    pub(super) fn write_journal(&self) -> Result<(), Failure> {
        let written = self.journal.write(&self.dir);
        written.map_err(|error| Failure::of(Exit::WrongInput, &error))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn unkept(error: &MirrorError) -> Failure {
    let exit = match error {
        MirrorError::Dir(_) | MirrorError::Ledger { .. } => Exit::WrongInput,
        MirrorError::Pieces { .. } | MirrorError::Gap { .. } => Exit::Bug,
    };
    Failure::of(exit, error)
}
