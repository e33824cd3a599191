//! Agents of a group brought together for one run: gathered, weighed, given their plans, and told when to start.

use super::exit::{Exit, Failure};
use super::group::group_failure;
use super::run_many::Given;
use super::terminal::Style;
use crate::base::clock::Utc;
use crate::base::share::Share;
use crate::base::units::Span;
use crate::cluster::agent::unix_us;
use crate::cluster::conductor::{Conductor, GroupError};
use crate::cluster::handover::Handovers;
use crate::cluster::journal::{Journal, Member};
use crate::cluster::message::{Plan, SCHEMA_VERSION};
use crate::cluster::name::Name;
use crate::cluster::offset::Offset;
use crate::cluster::order::{Order, Presence};
use crate::cluster::server::Access;
use crate::cluster::wire::{Wire, WireError};
use crate::result::run_dir::RunDir;
use crate::run::descriptors;
use std::time::Duration;

/// How far ahead of now a start is agreed.
const LEAD: Duration = Duration::from_secs(3);

/// How long an order about the start may take to arrive.
const ORDER: Duration = Duration::from_secs(2);

/// The pause between two attempts to reach a server.
const PAUSE: Duration = Duration::from_millis(500);

/// Files that are open for each agent while its run goes on.
const FILES_EACH: u64 = 5;

/// Connects, again and again for so long, or for ever, as long as that may help.
pub(super) async fn reach(
    (access, group): (&Access, &Name),
    who: &str,
    within: Option<Duration>,
    terminal: &super::terminal::Terminal,
) -> Result<Wire, WireError> {
    let mut left = within;
    let mut is_told = false;
    loop {
        let error = match Wire::connect(access, group, who).await {
            Err(error @ WireError::NotConnected { may_pass: true, .. }) => error,
            connected => return connected,
        };
        match &mut left {
            Some(left) if *left < PAUSE => return Err(error),
            Some(left) => *left -= PAUSE,
            None => {}
        }
        if !is_told {
            is_told = true;
            let caution = terminal.paint(Style::Bad, "caution");
            let until = within.map_or_else(String::new, |time| format!(" for {}", Span(time)));
            terminal.say(&format!("{caution} {error}; it is tried again and again{until}"));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Given<'_> {
    /// Up to a start that all have agreed on.
    pub(super) async fn convene(
        &self,
        plan: Plan,
        dir: &RunDir,
        conductor: &Conductor,
    ) -> Result<Journal, Failure> {
        let terminal = self.terminal;
        terminal.say(&format!("{} {}", terminal.paint(Style::Faint, "run"), dir.path().display()));
        self.check_files()?;
        let until = self.clock.now() + self.args.many.agent_wait.0;
        let (plan, members) = loop {
            let wait = until.saturating_duration_since(self.clock.now());
            match self.prepared(&plan, conductor, wait).await {
                // One that was idle when it was asked, and has another run by now.
                Err(Unprepared::Group(GroupError::Busy { agent, run })) if !wait.is_zero() => {
                    terminal.say(&format!("agent `{agent}` is at run `{run}`; it is waited for"));
                }
                Err(Unprepared::Group(error)) => return Err(group_failure(error)),
                Err(Unprepared::Other(failure)) => return Err(failure),
                Ok(prepared) => break prepared,
            }
        };
        let start = self.clock.wall() + LEAD;
        let journal = Journal {
            schema_version: SCHEMA_VERSION,
            group: self.group.clone(),
            checked: self.checked.plan.clone(),
            members,
            start_unix_us: Some(unix_us(start)),
            epochs: Handovers::default(),
            stops: 0,
            stopped_ms: None,
            stopped: None,
            plan,
        };
        journal.write(dir).map_err(|error| Failure::of(Exit::WrongInput, &error))?;
        let order = |member: &Member| {
            let at_unix_us = unix_us(member.offset().theirs(start));
            (member.name.clone(), Order::Start { run: journal.plan.run.clone(), at_unix_us })
        };
        let orders = journal.members.iter().map(order).collect();
        conductor.order_all(orders, ORDER).await.map_err(group_failure)?;
        terminal.say(&format!("all start at {}", Utc::of(start).stamp()));
        Ok(journal)
    }

    /// Gathers agents and gets them ready.
    async fn prepared(
        &self,
        plan: &Plan,
        conductor: &Conductor,
        wait: Duration,
    ) -> Result<(Plan, Vec<Member>), Unprepared> {
        let (terminal, wanted) = (self.terminal, self.agents);
        let told = |there| terminal.say(&format!("{there} of {wanted} agents are there"));
        let there = conductor.gather(wanted, wait, told).await?;
        let agents: Vec<Name> = there.iter().map(|presence| presence.agent.clone()).collect();
        conductor.expect(there.iter().map(|of| (of.agent.clone(), of.instance)));
        let offsets = conductor.offsets(&agents).await?;
        self.check_capacity(&there).map_err(Unprepared::Other)?;
        self.tell_agents(&there, &offsets);
        let plan = Plan { agents, ..plan.clone() };
        let told = |ready| terminal.say(&format!("{ready} of {wanted} agents are ready"));
        conductor.prepare(&plan, told).await?;
        let member = |(presence, offset): (&Presence, &Offset)| Member {
            name: presence.agent.clone(),
            instance: presence.instance,
            host: presence.host.clone(),
            offset_us: offset.offset_us,
            within_us: offset.within_us,
            lost_from_ms: None,
            is_shared_out: false,
        };
        Ok((plan, there.iter().zip(&offsets).map(member).collect()))
    }

    /// Whether the directories of all agents can be open at once.
    fn check_files(&self) -> Result<(), Failure> {
        let needed = FILES_EACH * self.agents as u64;
        let Some(limit) = descriptors::limit() else { return Ok(()) };
        if needed <= descriptors::room(limit) {
            return Ok(());
        }
        let what = format!(
            "the directories of {} agents are {needed} open files, and the limit of open files is {limit}",
            self.agents
        );
        let remedy = "raise the hard limit where the conductor runs, or use fewer agents";
        Err(Failure::new(Exit::WrongInput, what, Some(remedy)))
    }

    /// Whether each has room for its users. Of those who wait for arrivals as many are needed as the tenant is slow.
    fn check_capacity(&self, there: &[Presence]) -> Result<(), Failure> {
        let model = &self.checked.profile.workload.model;
        let users = model.users() as u64;
        let shares = Share::all(u32::try_from(there.len()).unwrap_or(u32::MAX));
        for (share, presence) in shares.zip(there) {
            self.checked.clone().with_share(share).map_err(Failure::of_problems)?;
            let own = share.count(users);
            let Some(room) = presence.users.filter(|room| own > *room) else { continue };
            let what = format!(
                "agent `{}` has room for {room} users, and its share has {own}",
                presence.agent
            );
            let remedy = "raise the limit of open files there, or use more agents";
            if !model.is_open() {
                return Err(Failure::new(Exit::TenantNotUsable, what, Some(remedy)));
            }
            let caution = self.terminal.paint(Style::Bad, "caution");
            self.terminal.say(&format!("{caution} {what}; {remedy}"));
        }
        Ok(())
    }

    fn tell_agents(&self, there: &[Presence], offsets: &[Offset]) {
        let ms = |us: i64| {
            #[expect(clippy::cast_precision_loss, reason = "a few hours at most")]
            let ms = us as f64 / 1000.0;
            format!("{ms:+.1} ms")
        };
        for (presence, offset) in there.iter().zip(offsets) {
            let within = i64::try_from(offset.within_us).unwrap_or(i64::MAX);
            let memory = presence
                .memory_bytes
                .map_or_else(String::new, |bytes| format!(", {} MiB", bytes >> 20));
            self.terminal.say(&format!(
                "agent {} on {}: {} cores{memory}, clock {} ± {}",
                presence.agent,
                presence.host,
                presence.cores,
                ms(offset.offset_us),
                ms(within).trim_start_matches('+')
            ));
        }
    }
}

/// Why agents are not ready.
enum Unprepared {
    Group(GroupError),
    Other(Failure),
}

impl From<GroupError> for Unprepared {
    fn from(error: GroupError) -> Self {
        Self::Group(error)
    }
}
