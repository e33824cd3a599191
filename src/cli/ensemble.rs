//! A run of several machines while it goes on: what agents tell is kept and shown, who is lost is noticed, and what is
//! to end it is passed on.

use super::ending::Ending;
use super::exit::{Exit, Failure};
use super::intake::Intake;
use super::missing::Missing;
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::cluster::conductor::{Conductor, GroupError};
use crate::cluster::journal::Journal;
use crate::cluster::live::Live;
use crate::cluster::mirror::{Mirror, MirrorError};
use crate::cluster::name::Name;
use crate::cluster::order::{Order, Stage};
use crate::cluster::pulse::{Change, Pulse};
use crate::cluster::wire::Results;
use crate::load::Plan;
use crate::measure::tally::Tally;
use crate::result::run_dir::RunDir;
use crate::run::conduct::Listener;
use crate::run::oversight::Oversight;
use crate::workload::agents::{Settings, WhenLost};
use futures_util::future::join_all;
use std::time::{Duration, Instant};

/// How long an order may take to arrive.
pub(super) const ORDER: Duration = Duration::from_secs(2);

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
pub(super) struct Course {
    pulse: Pulse,
    pub(super) missing: Missing,
    /// When each was heard last.
    heard: Vec<Option<Instant>>,
    is_deaf: bool,
    /// Who may not have heard that it is to stop.
    unheard: Vec<usize>,
}

/// After so many looks that found nothing there is nothing more.
const QUIET: u32 = 3;

/// After so many looks that found nothing it is looked whether there still is a stream.
const OFTEN_QUIET: u32 = 5;

/// What brought nothing for so long is not waited for, all agents being done or lost.
const STALE: Duration = Duration::from_secs(12);

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
        let mut intake = Intake::new(now);
        let mut course = Course {
            pulse: Pulse::new(self.number(), self.agents.lost_after, now),
            missing: Missing::new(self.number(), now),
            heard: vec![None; self.number()],
            is_deaf: false,
            unheard: Vec::new(),
        };
        loop {
            self.take_in(&mut intake).await?;
            self.note_ends(&mut course);
            self.tell_whole();
            self.hear(&mut course).await?;
            self.look((&mut course, &mut intake)).await?;
            self.hand_over().await?;
            self.mind_missing(&mut course).await?;
            self.pass_on_wishes(&mut course).await?;
            let is_over = (0..self.number()).all(|agent| self.is_over(agent));
            if is_over && self.has_all(&mut intake).await? {
                break;
            }
            if intake.quiet > 0
                && intake.quiet.is_multiple_of(OFTEN_QUIET)
                && self.results.left().await.is_none()
            {
                self.open_results().await;
            }
        }
        self.keep_all(&mut intake).await?;
        while let Some(interval) = self.live.rest() {
            self.tell(&interval);
        }
        if let Some(left_out) = intake.left_out() {
            self.caution(&format!(
                "{left_out} came through the group's stream, and is left out; look who may publish `gander.{}.>`",
                self.journal.group
            ));
        }
        Ok(())
    }

    /// Of whom nothing more is to come.
    fn note_ends(&self, course: &mut Course) {
        for (agent, mirror) in self.mirrors.iter().enumerate() {
            if mirror.is_ended() {
                course.pulse.end(agent);
            }
        }
    }

    /// Whether nothing more is to come, all being over. What one that is lost told before may be on its way.
    async fn has_all(&mut self, intake: &mut Intake) -> Result<bool, Failure> {
        if self.mirrors.iter().all(Mirror::is_ended) {
            return Ok(true);
        }
        let stale = self.clock.now().saturating_duration_since(intake.progress);
        if !self.conductor.wire().is_connected() || (intake.quiet < QUIET && stale < STALE) {
            return Ok(false);
        }
        self.keep_all(intake).await?;
        // Pieces of an interval that never became whole are not acknowledged, nor what is behind a gap.
        let left = self.results.left().await;
        Ok(left.is_some_and(|left| left <= intake.open()) || stale >= STALE)
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
            if self.conductor.is_replaced(&name) {
                if !self.is_over(agent) {
                    self.lose(agent, "its process was started anew").await?;
                }
                continue;
            }
            let Some((presence, at)) = self.conductor.latest(&name) else { continue };
            let is_new = course.heard[agent].is_none_or(|last| last < at);
            course.heard[agent] = Some(at);
            if !is_new {
                continue;
            }
            let is_at_it = presence.run.as_ref() == Some(&self.journal.plan.run);
            if let Stage::Failed { complaints, .. } = presence.stage
                && is_at_it
                && !self.is_over(agent)
            {
                let why = complaints.first().map_or_else(String::new, |it| it.what.clone());
                self.lose(agent, &why).await?;
            } else if self.journal.members[agent].is_shared_out {
                if is_at_it {
                    self.send_away(agent, course).await;
                }
            } else if course.pulse.beat(agent, at) == Some(Change::Back) {
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
        let why = "others have its load".to_owned();
        let order = Order::StandDown { run: self.journal.plan.run.clone(), why };
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
    async fn look(&mut self, (course, intake): (&mut Course, &mut Intake)) -> Result<(), Failure> {
        let is_deaf = !self.conductor.wire().is_connected();
        if is_deaf != course.is_deaf {
            course.is_deaf = is_deaf;
            intake.progress = self.clock.now();
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
                // Who is lost was told of.
                Change::Suspected if self.is_over(agent) => {}
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
    pub(super) async fn lose(&mut self, agent: usize, why: &str) -> Result<(), Failure> {
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
        let unheard = std::mem::take(&mut course.unheard);
        let told = unheard.into_iter().filter(|agent| !self.is_over(*agent)).map(|agent| {
            let run = self.journal.plan.run.clone();
            let order = Order::Stop { run, now: self.journal.stops > 1, who: who.clone() };
            let (name, conductor) = (self.name(agent), &self.conductor);
            async move {
                match conductor.order(&name, order, ORDER / 4).await {
                    // One that is at the run no more has nothing to stop.
                    Ok(()) | Err(GroupError::Refused { .. } | GroupError::Busy { .. }) => None,
                    Err(_) => Some(agent),
                }
            }
        });
        course.unheard = join_all(told).await.into_iter().flatten().collect();
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
        MirrorError::Dir(_) | MirrorError::File { .. } => Exit::WrongInput,
        MirrorError::Pieces { .. } | MirrorError::Gap { .. } => Exit::Bug,
    };
    Failure::of(exit, error)
}
