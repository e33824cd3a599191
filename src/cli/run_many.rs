//! `gander run --nats`: one run performed by a group of machines, up to its start; and taken up by a conductor that was
//! killed.

use super::broadcast::Doors;
use super::convene::reach;
use super::ending::Ending;
use super::exit::{Complaint, Exit, Failure};
use super::group::{CredentialArgs, name, wire_failure};
use super::mix::quoted;
use super::prepare;
use super::run::{RunArgs, asked_to_stop, make_dir};
use super::standing::{Standing, standing};
use super::terminal::{Style, Terminal};
use super::watch;
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::base::random::Seed;
use crate::base::remedy::Listing;
use crate::base::units::Span;
use crate::cluster::conductor::Conductor;
use crate::cluster::held::{Held, hold};
use crate::cluster::journal::{CONDUCTOR, Journal, JournalError};
use crate::cluster::message::{Plan, PlanFile, SCHEMA_VERSION};
use crate::cluster::name::Name;
use crate::cluster::server::Access;
use crate::cluster::wire::Wire;
use crate::profile::accounts::AccountSource;
use crate::profile::check::Checked;
use crate::profile::load::Flags;
use crate::profile::sent::gather;
use crate::result::run_dir::{RUN, RunDir};
use std::path::{Path, PathBuf};

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
    /// How long to wait for them, and for the server
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(super) agent_wait: Span,
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
pub(super) struct Given<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) access: Access,
    pub(super) group: Name,
    pub(super) agents: usize,
    pub(super) checked: Checked,
    pub(super) seed: Seed,
    pub(super) clock: Clock,
    pub(super) terminal: &'a Terminal,
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
        Some((_, journal, _)) => journal.plan.seed.parse().unwrap_or(Seed(0)),
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
    ending.waits_for_agents();
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
    Old(Box<(RunDir, Journal, Held)>),
}

/// The directory of a run that is taken up again.
fn reopen(path: &Path, checked: &Checked) -> Result<(RunDir, Journal, Held), Failure> {
    let held = held(path)?;
    let wrong = |error: JournalError| Failure::of(Exit::WrongInput, &error);
    if path.join(RUN).exists() && !path.join(CONDUCTOR).exists() {
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
    Ok((dir, journal, held))
}

/// The directory of the run for this conductor alone.
fn held(path: &Path) -> Result<Held, Failure> {
    hold(path).map_err(|taken| Failure::of(Exit::WrongInput, &taken))
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
        let within = Some(self.args.many.agent_wait.0);
        let reached = tokio::select! {
            wire = reach((&self.access, &self.group), "conductor", within, self.terminal) => wire,
            () = asked_to_stop(ending.stop()) => {
                self.terminal.say("stopped before any load");
                return Ok(Exit::Interrupted);
            }
        };
        let wire = reached.map_err(|error| wire_failure(&error))?;
        self.access
            .check(wire.is_encrypted(), is_outside(&self.checked))
            .map_err(|error| Failure::of(Exit::WrongInput, &error))?;
        wire.open_stream().await.map_err(|error| wire_failure(&error))?;
        match beginning {
            Beginning::New(plan) => match self.begin(*plan, wire, ending).await? {
                Some(begun) => self.perform(begun, doors, ending).await,
                None => Ok(Exit::Interrupted),
            },
            Beginning::Old(old) => {
                let (dir, journal, held) = *old;
                let run = journal.plan.run.clone();
                let conductor = Conductor::new(wire, run, self.clock.clone(), held).await;
                let conductor = conductor.map_err(|error| wire_failure(&error))?;
                let members = journal.members.iter();
                conductor.expect(members.map(|member| (member.name.clone(), member.instance)));
                self.terminal.say(&format!(
                    "{} {}, taken up again",
                    self.terminal.paint(Style::Faint, "run"),
                    dir.path().display()
                ));
                ending.load_begins();
                self.perform((dir, journal, conductor), doors, ending).await
            }
        }
    }

    /// Up to a start that all have agreed on; none if somebody here wants none. Whatever else comes of it, agents that
    /// have the plan are told to forget it.
    async fn begin(
        &self,
        plan: Plan,
        wire: Wire,
        ending: &Ending,
    ) -> Result<Option<(RunDir, Journal, Conductor)>, Failure> {
        let dir = make_dir(self.args, &plan.run)?;
        let held = held(dir.path())?;
        let made = Conductor::new(wire, plan.run.clone(), self.clock.clone(), held).await;
        let conductor = made.map_err(|error| {
            dir.give_up(|_| false);
            wire_failure(&error)
        })?;
        let begun = tokio::select! {
            begun = self.convene(plan, &dir, &conductor) => Some(begun),
            () = asked_to_stop(ending.stop()) => None,
        };
        if let Some(Ok(journal)) = begun {
            ending.load_begins();
            return Ok(Some((dir, journal, conductor)));
        }
        let why = match &begun {
            Some(Err(error)) => error.complaints.first().map_or("it failed", |it| it.what.as_str()),
            _ => "somebody stopped the conductor",
        };
        conductor.stand_down(why).await;
        let _ = std::fs::remove_file(dir.file(CONDUCTOR));
        dir.give_up(|_| false);
        let remaining = self.remaining(&conductor.met());
        match begun {
            Some(Err(mut failure)) => {
                failure.complaints.extend(remaining);
                Err(failure)
            }
            _ => {
                self.terminal.say("stopped before any load");
                if let Some(Complaint { what, remedy, .. }) = remaining {
                    let remedy = remedy.unwrap_or_default();
                    self.terminal.say(&format!("{what}; {remedy}"));
                }
                Ok(None)
            }
        }
    }

    /// What agents that had the plan of a run that never began may have made for it.
    fn remaining(&self, told: &[Name]) -> Option<Complaint> {
        let profile = &self.checked.profile;
        let source = profile.accounts.source.as_ref().map(|source| &source.value);
        let makes = matches!(source, Some(AccountSource::Provision | AccountSource::RegisterFirst));
        if told.is_empty() || !makes || !profile.names_tenant {
            return None;
        }
        let names: Listing = told.iter().map(Name::as_str).collect();
        let agents = names.word("agent", "agents");
        Some(Complaint {
            what: format!("{agents} {names} may have made accounts for the run that never began"),
            place: None,
            remedy: Some(
                "each that has says so, and where its ledger is (in its `--folder`): `gander accounts clean-up PROFILE \
                 --ledger FILE` there removes them"
                    .to_owned(),
            ),
        })
    }
}
