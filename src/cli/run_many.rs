//! `gander run --nats`: one run performed by a group of machines, up to its start; and taken up by a conductor that was
//! killed.

use super::broadcast::Doors;
use super::conclude::conclude;
use super::ending::Ending;
use super::ensemble::{Ensemble, unkept};
use super::exit::{Complaint, Exit, Failure};
use super::group::{CredentialArgs, group_failure, name, wire_failure};
use super::mix::quoted;
use super::prepare;
use super::run::{RunArgs, asked_to_stop, make_dir};
use super::standing::{Standing, standing};
use super::terminal::{Style, Terminal};
use super::watch;
use crate::base::clock::{Clock, Utc};
use crate::base::names::{Journey, RunId, Variant};
use crate::base::random::Seed;
use crate::base::share::Share;
use crate::base::units::Span;
use crate::cluster::agent::{of_unix_us, unix_us};
use crate::cluster::conductor::Conductor;
use crate::cluster::handover::Handovers;
use crate::cluster::journal::{Journal, JournalError, Member};
use crate::cluster::live::Live;
use crate::cluster::message::{Plan, PlanFile, SCHEMA_VERSION};
use crate::cluster::mirror::Mirror;
use crate::cluster::name::Name;
use crate::cluster::offset::Offset;
use crate::cluster::order::{Order, Presence};
use crate::cluster::server::Access;
use crate::cluster::wire::Wire;
use crate::load;
use crate::measure::tally::Tally;
use crate::profile::accounts::AccountSource;
use crate::profile::check::Checked;
use crate::profile::document::VariantBy;
use crate::profile::load::Flags;
use crate::profile::sent::gather;
use crate::result::run_dir::{HostRecord, RUN, RunDir, RunRecord};
use crate::result::summary::WorkloadModel;
use crate::run::oversight::Oversight;
use crate::workload::mix::Mix;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How far ahead of now a start is agreed.
const LEAD: Duration = Duration::from_secs(3);

/// How long an order about the start may take to arrive.
const ORDER: Duration = Duration::from_secs(2);

/// Several machines for one run.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ManyArgs {
    /// Let a group of agents perform the run, found through this NATS server, such as `tls://nats.example.com:4222`
    #[arg(long, value_name = "URL", requires_all = ["group", "agents"],
        conflicts_with_all = ["repeat", "calls", "share", "start_at"])]
    nats: Option<String>,
    /// Name of the group
    #[arg(long, value_name = "NAME", requires = "nats", value_parser = name)]
    group: Option<Name>,
    /// How many agents perform it
    #[arg(long, value_name = "N", requires = "nats",
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    agents: Option<u16>,
    /// How long to wait for them
    #[arg(long, value_name = "TIME", default_value = "60s")]
    agent_wait: Span,
    /// After so long without a sign of life an agent is lost, such as `15s`
    #[arg(long, value_name = "TIME", requires = "nats")]
    agent_lost: Option<String>,
    /// What becomes of the load of an agent that is lost: others take over, or nobody does and the run is marked
    #[arg(long, value_name = "WHAT", requires = "nats", value_parser = ["share-out", "mark"])]
    when_lost: Option<String>,
    /// Where the run is written: begun there, taken up where its conductor was killed, and where it is over not
    /// performed again, but its exit code given once more. For schedulers, which start a conductor again by themselves
    #[arg(long, value_name = "DIR", requires = "nats", conflicts_with_all = ["out", "resume"])]
    resume_or_start: Option<PathBuf>,
    #[command(flatten)]
    credentials: CredentialArgs,
}

impl ManyArgs {
    /// Whether others perform the run.
    pub(super) const fn is_wanted(&self) -> bool {
        self.nats.is_some()
    }

    /// What the flags lay over the profile.
    pub(super) fn lines(&self) -> Vec<String> {
        let lost = self.when_lost.iter().map(|what| format!("when_lost = {}", quoted(what)));
        let after = self.agent_lost.iter().map(|time| format!("lost_after = {}", quoted(time)));
        let lines: Vec<String> = lost.chain(after).collect();
        if lines.is_empty() { lines } else { [vec!["[agents]".to_owned()], lines].concat() }
    }
}

/// What a conductor begins with.
struct Given<'a> {
    args: &'a RunArgs,
    access: Access,
    group: Name,
    agents: usize,
    checked: Checked,
    seed: Seed,
    clock: Clock,
    terminal: &'a Terminal,
}

pub(super) fn run_many(
    args: &RunArgs,
    flags: Flags,
    checked: Checked,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let standing = args.many.resume_or_start.as_deref().map(standing).transpose()?;
    if let Some(Standing::Over(path, exit)) = &standing {
        let path = path.display();
        terminal.say(&format!("the run in `{path}` is over, and not performed again"));
        return Ok(*exit);
    }
    let args = &standing.map_or_else(|| args.clone(), |standing| args.standing(standing));
    let many = &args.many;
    let (Some(url), Some(group), Some(agents)) = (&many.nats, &many.group, many.agents) else {
        // The parser of arguments demands all three.
        return Err(Failure::new(Exit::Bug, "`--nats` came without its group", None));
    };
    let access = many.credentials.access(url)?;
    // Half of it can be known before anything is connected.
    access
        .check(true, is_outside(&checked))
        .map_err(|error| Failure::of(Exit::WrongInput, &error))?;
    prepare::check_supply(&checked, terminal)?;
    let clock = Clock::system();
    let old = args.resume.as_deref().map(|path| reopen(path, &checked)).transpose()?;
    let seed = match &old {
        Some((_, journal)) => journal.plan.seed.parse().unwrap_or(Seed(0)),
        None => args.selection.seed().unwrap_or_else(Seed::unforeseen),
    };
    let given = Given {
        args,
        access,
        group: group.clone(),
        agents: agents.into(),
        checked,
        seed,
        clock: clock.clone(),
        terminal,
    };
    let fresh = match old {
        Some(old) => Beginning::Old(Box::new(old)),
        None => Beginning::New(Box::new(given.plan(flags, args.part.named(&clock)?.0)?)),
    };
    let doors = watch::open_for_many(&args.watch)?;
    let ending = Ending::new(terminal);
    ending.listen().map_err(|error| {
        Failure::new(Exit::Bug, format!("signals cannot be heard: {error}"), None)
    })?;
    let runtime = super::runtime()?;
    let outcome = runtime.block_on(given.conduct(fresh, doors, &ending));
    runtime.shutdown_background();
    outcome
}

/// Whether a tenant is not this machine.
fn is_outside(checked: &Checked) -> bool {
    checked.profile.tenants().any(|(_, tenant)| !tenant.is_loopback)
}

/// A new run, or one that a conductor was killed at.
enum Beginning {
    New(Box<Plan>),
    Old(Box<(RunDir, Journal)>),
}

/// The directory of a run that is taken up again.
fn reopen(path: &Path, checked: &Checked) -> Result<(RunDir, Journal), Failure> {
    let wrong = |error: JournalError| Failure::of(Exit::WrongInput, &error);
    if path.join(RUN).exists() && !path.join(crate::cluster::journal::CONDUCTOR).exists() {
        let what = format!("the run in `{}` is over", path.display());
        let remedy = format!("`gander report {}` shows it", path.display());
        return Err(Failure::new(Exit::WrongInput, what, Some(&remedy)));
    }
    let journal = Journal::open(path).map_err(wrong)?;
    if journal.start_unix_us.is_none() {
        return Err(wrong(JournalError::NotBegun { path: path.to_owned() }));
    }
    if journal.checked != checked.plan {
        let what = "this is another plan than that of the run";
        let remedy = "give the profile and the flags that the run was started with";
        return Err(Failure::new(Exit::WrongInput, what, Some(remedy)));
    }
    // Killed while it ended the run, it left both. It is ended again, out of what the agents told.
    match std::fs::remove_file(path.join(RUN)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let what = format!("`{}` cannot be removed: {error}", path.join(RUN).display());
            return Err(Failure::new(Exit::WrongInput, what, None));
        }
        _ => {}
    }
    let dir = RunDir::create_at(path).map_err(|error| Failure::of(Exit::WrongInput, &error))?;
    Ok((dir, journal))
}

impl Given<'_> {
    /// The plan as agents get it, but for who they are.
    fn plan(&self, flags: Flags, run: RunId) -> Result<Plan, Failure> {
        let brings = self.checked.profile.accounts.source.as_ref();
        let relative = brings.and_then(|source| match &source.value {
            AccountSource::Csv(path) | AccountSource::Ledger(path) => {
                (!Path::new(path).is_absolute()).then(|| source.place.to_string())
            }
            _ => None,
        });
        if let Some(place) = relative {
            let what = "accounts are secrets and are not sent to agents, and their file is named by a relative path";
            let remedy =
                "put the file onto every machine, and name it by a path that starts at `/`";
            let complaint = Complaint {
                what: what.to_owned(),
                place: Some(place),
                remedy: Some(remedy.to_owned()),
            };
            return Err(Failure { exit: Exit::WrongInput, complaints: vec![complaint] });
        }
        let selection = &self.args.selection;
        let sent = selection.path().map(|path| gather(path, &self.checked.profile.journey_files));
        let sent = sent.transpose().map_err(Failure::of_problems)?;
        let (profile, files) = match sent {
            Some(sent) => (Some(sent.profile), sent.files),
            None => (None, Vec::new()),
        };
        let mut plan = Plan {
            schema_version: SCHEMA_VERSION,
            run,
            gander_version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: self.seed.to_string(),
            profile,
            files: files.into_iter().map(|(name, text)| PlanFile { name, text }).collect(),
            document: flags.document,
            sets: Vec::new(),
            thresholds: flags.thresholds,
            acknowledge: None,
            environment: None,
            walks_first: self.args.walks_first(&self.checked),
            agents: Vec::new(),
            index: 0,
        };
        selection.tell(&mut plan);
        Ok(plan)
    }

    async fn conduct(
        self,
        beginning: Beginning,
        doors: Doors,
        ending: &Ending,
    ) -> Result<Exit, Failure> {
        let wire = Wire::connect(&self.access, &self.group, "conductor").await;
        let wire = wire.map_err(|error| wire_failure(&error))?;
        self.access
            .check(wire.is_encrypted(), is_outside(&self.checked))
            .map_err(|error| Failure::of(Exit::WrongInput, &error))?;
        wire.open_stream().await.map_err(|error| wire_failure(&error))?;
        let (dir, journal, conductor) = match beginning {
            Beginning::New(plan) => {
                let dir = make_dir(self.args, &plan.run)?;
                let begun = tokio::select! {
                    begun = self.begin(*plan, &dir, wire.clone()) => begun,
                    () = asked_to_stop(ending.stop()) => {
                        dir.give_up(|_| false);
                        self.terminal.say("stopped before any load");
                        return Ok(Exit::Interrupted);
                    }
                };
                let (journal, conductor) = begun.inspect_err(|_| dir.give_up(|_| false))?;
                (dir, journal, conductor)
            }
            Beginning::Old(old) => {
                let (dir, journal) = *old;
                let conductor =
                    Conductor::new(wire.clone(), journal.plan.run.clone(), self.clock.clone());
                let conductor = conductor.await.map_err(|error| wire_failure(&error))?;
                self.terminal.say(&format!(
                    "{} {}, taken up again",
                    self.terminal.paint(Style::Faint, "run"),
                    dir.path().display()
                ));
                (dir, journal, conductor)
            }
        };
        self.perform((dir, journal, conductor), doors, ending).await
    }

    /// Up to a start that all have agreed on.
    async fn begin(
        &self,
        plan: Plan,
        dir: &RunDir,
        wire: Wire,
    ) -> Result<(Journal, Conductor), Failure> {
        let terminal = self.terminal;
        terminal.say(&format!("{} {}", terminal.paint(Style::Faint, "run"), dir.path().display()));
        let conductor = Conductor::new(wire, plan.run.clone(), self.clock.clone()).await;
        let conductor = conductor.map_err(|error| wire_failure(&error))?;
        let (wanted, wait) = (self.agents, self.args.many.agent_wait.0);
        let told = |there| terminal.say(&format!("{there} of {wanted} agents are there"));
        let there = conductor.gather(wanted, wait, told).await.map_err(group_failure)?;
        let agents: Vec<Name> = there.iter().map(|presence| presence.agent.clone()).collect();
        let offsets = conductor.offsets(&agents).await.map_err(group_failure)?;
        self.check_capacity(&there)?;
        self.tell_agents(&there, &offsets);
        let plan = Plan { agents: agents.clone(), ..plan };
        let told = |ready| {
            if ready > 0 {
                terminal.say(&format!("{ready} of {wanted} agents are ready"));
            }
        };
        conductor.prepare(&plan, told).await.map_err(group_failure)?;
        let member = |(presence, offset): (&Presence, &Offset)| Member {
            name: presence.agent.clone(),
            instance: presence.instance,
            host: presence.host.clone(),
            offset_us: offset.offset_us,
            within_us: offset.within_us,
            lost_from_ms: None,
            is_shared_out: false,
        };
        let start = self.clock.wall() + LEAD;
        let journal = Journal {
            schema_version: SCHEMA_VERSION,
            group: self.group.clone(),
            checked: self.checked.plan.clone(),
            members: there.iter().zip(&offsets).map(member).collect(),
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
        if let Err(error) = conductor.order_all(orders, ORDER).await {
            conductor.stand_down(&agents).await;
            let _ = std::fs::remove_file(dir.file(crate::cluster::journal::CONDUCTOR));
            return Err(group_failure(error));
        }
        terminal.say(&format!("all start at {}", Utc::of(start).stamp()));
        Ok((journal, conductor))
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

    /// From the start to the end.
    async fn perform(
        self,
        (dir, journal, conductor): (RunDir, Journal, Conductor),
        doors: Doors,
        ending: &Ending,
    ) -> Result<Exit, Failure> {
        let start_wall = of_unix_us(journal.start_unix_us.unwrap_or(0));
        let (choices, plan) = self.load_plan()?;
        let record = self.record(&journal, start_wall);
        let watched = (&plan, &dir, &record);
        let (listeners, views) = watch::listeners_of_many(doors, watched, ending, self.terminal)?;
        let mirrors = journal.members.iter().map(|member| {
            let path = Journal::mirror(&dir, &member.name);
            let mut mirror = Mirror::open(&path, member.name.as_str())?;
            if let Some(at_ms) = cut_of(&journal, member) {
                mirror.cut(at_ms);
            }
            Ok(mirror)
        });
        let mirrors: Vec<Mirror> =
            mirrors.collect::<Result<_, _>>().map_err(|error| unkept(&error))?;
        let results = conductor.wire().results(&journal.plan.run).await;
        let results = results.map_err(|error| wire_failure(&error))?;
        let profile = &self.checked.profile;
        let guards = profile.guards_if(profile.pauses_when_limited);
        let lookouts = self.checked.lookouts(self.args.abort_on_fail);
        let names = journal.members.iter().map(|member| member.name.to_string());
        let reached = mirrors.iter().map(|mirror| mirror.stand().1 / 1000).max().unwrap_or(0);
        let mut live = Live::new(names, reached);
        for (agent, mirror) in mirrors.iter().enumerate() {
            let is_over = mirror.is_ended() || journal.members[agent].lost_from_ms.is_some();
            live.set_done(agent, is_over);
        }
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let start = match start_wall.duration_since(wall) {
            Ok(ahead) => now + ahead,
            Err(past) => now.checked_sub(past.duration()).unwrap_or(now),
        };
        let mut ensemble = Ensemble {
            conductor,
            results,
            live,
            tally: Tally::default(),
            listeners,
            oversight: Oversight::new(guards, lookouts),
            plan,
            agents: profile.agents,
            ending,
            clock: self.clock.clone(),
            start,
            terminal: self.terminal,
            journal,
            dir,
            mirrors,
        };
        ensemble.see_through().await?;
        ending.load_is_over();
        let by_flow = profile.variant_by == VariantBy::Flow;
        conclude(ensemble, (&choices, by_flow), (self.args, views)).await
    }

    /// The load as a whole, and what its choices are called.
    fn load_plan(&self) -> Result<(Vec<(Variant, Journey)>, load::Plan), Failure> {
        let variants = self.checked.profile.variants.iter();
        let choices = variants.flat_map(|variant| {
            self.checked.journeys.iter().map(move |(script, weight)| {
                ((variant.name.clone(), script.name.clone()), variant.weight * weight)
            })
        });
        let (choices, weights): (Vec<_>, Vec<f64>) = choices.unzip();
        let mix =
            Mix::new(&weights, self.seed).map_err(|error| Failure::of(Exit::WrongInput, &error))?;
        let workload = self.checked.profile.workload.clone();
        Ok((choices, load::Plan::new(workload, mix, self.seed)))
    }

    /// What is known of the run while it goes on.
    fn record(&self, journal: &Journal, start: SystemTime) -> RunRecord {
        let workload = &self.checked.profile.workload;
        let is_open = workload.model.is_open();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let planned = workload.closes_after().map(|closes| closes + workload.drain);
        let tenants: Vec<_> =
            self.checked.profile.tenants().map(|(_, tenant)| tenant.clone()).collect();
        RunRecord {
            schema_version: crate::result::summary::SCHEMA_VERSION,
            gander_version: env!("CARGO_PKG_VERSION").to_owned(),
            run_id: journal.plan.run.clone(),
            started_at: Utc::of(start).stamp(),
            started_unix_ms: unix_us(start) / 1000,
            ended_at: None,
            interrupted: false,
            stopped: None,
            never_looked: Vec::new(),
            seed: journal.plan.seed.clone(),
            workload_model: if is_open { WorkloadModel::Open } else { WorkloadModel::Closed },
            max_users: is_open.then(|| workload.model.users() as u64),
            planned_ms: planned.map(millis),
            reply_timeout_ms: millis(self.checked.profile.http.reply_timeout),
            thresholds: self.checked.rules().iter().map(ToString::to_string).collect(),
            host: HostRecord {
                name: format!("{} agents", journal.members.len()),
                ..HostRecord::default()
            },
            tenant_hosts: super::assemble::hosts(&tenants),
            segments: Vec::new(),
            share: None,
            parts: Vec::new(),
            flows: Vec::new(),
            plan: self.checked.plan.clone(),
        }
    }
}

/// From which moment on what a lost agent tells counts no more, if others have its load.
pub(super) fn cut_of(journal: &Journal, member: &Member) -> Option<u64> {
    let place = journal.members.iter().position(|of| of.name == member.name)?;
    journal.epochs.counts_until(place)
}
