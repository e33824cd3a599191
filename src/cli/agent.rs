//! `gander agent`: one machine of a group, waiting for plans.

use super::agent_run::{AgentRun, Left};
use super::aside;
use super::convene::reach;
use super::ending::Ending;
use super::exit::{Exit, Failure};
use super::group::{CredentialArgs, name};
use super::run::asked_to_stop;
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::base::random::{ALPHANUMERIC, Seed, text};
use crate::cluster::agent::{Agent, Wish, presence};
use crate::cluster::name::Name;
use crate::cluster::order::{Order, Stage};
use crate::cluster::server::Access;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How long an agent that could not get ready says so, unless somebody heard it before.
const SULK: Duration = Duration::from_secs(60);

/// How long an agent of one run waits to hear that its conductor has everything.
const CONFIRMATION: Duration = Duration::from_secs(600);

/// Join a group of machines that perform one plan together.
#[derive(Debug, clap::Args)]
pub(super) struct AgentArgs {
    /// NATS server of the group, such as `tls://nats.example.com:4222`
    #[arg(long, value_name = "URL")]
    nats: String,
    /// Name of the group
    #[arg(long, value_name = "NAME", value_parser = name)]
    group: Name,
    /// Name of this agent in reports; without it, that of the machine and something new
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<Name>,
    #[command(flatten)]
    credentials: CredentialArgs,
    /// Folder for the directories of its runs. What a conductor has got goes again
    #[arg(long, value_name = "DIR", default_value = "reports/agents")]
    folder: PathBuf,
    /// End after one run
    #[arg(long)]
    once: bool,
    /// After so long without a word of the conductor, say that the run goes on without one
    #[arg(long, value_name = "TIME", default_value = "30s")]
    silence: crate::base::units::Span,
}

pub(super) fn agent(args: &AgentArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    // Nothing that is told holds up what is measured, written or ended.
    aside::begin();
    let access = args.credentials.access(&args.nats)?;
    // The group is heard on a thread of its own, however busy the load keeps the others.
    crate::run::descriptors::raise_limit();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().map_err(|error| {
        let remedy = Some("are there threads and file descriptors left?");
        Failure::new(Exit::Bug, format!("no runtime: {error}"), remedy)
    })?;
    let outcome = runtime.block_on(serve(args, access, terminal));
    runtime.shutdown_background();
    outcome
}

async fn serve(args: &AgentArgs, access: Access, terminal: &Terminal) -> Result<Exit, Failure> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().to_owned();
    let own = args.name.clone().unwrap_or_else(|| invented(&host));
    let wire = reach((&access, &args.group), &format!("agent {own}"), None, terminal).await;
    let wire = wire.map_err(|error| Failure::of(Exit::TenantNotUsable, &error))?;
    let presence = presence(own.clone(), Seed::unforeseen().0, host);
    let agent = Agent::join(wire, presence, Clock::system()).await;
    let mut agent = agent.map_err(|error| Failure::of(Exit::TenantNotUsable, &error))?;
    terminal.say(&format!(
        "{} {own} of group {} at {}; Ctrl-C to leave",
        terminal.paint(Style::Faint, "agent"),
        args.group,
        access.server
    ));
    let mut kept = Kept::default();
    loop {
        let Some(wish) = idle(&mut agent, terminal).await? else { return Ok(Exit::Passed) };
        let Some(left) = heed(&mut agent, wish, (args, &access), (&mut kept, terminal)).await
        else {
            continue;
        };
        match left {
            Left::Leaves(exit) => return Ok(exit),
            Left::Told(run) if args.once => {
                confirmed(&mut agent, &run, &mut kept, terminal).await?;
                return Ok(Exit::Passed);
            }
            Left::Failed if args.once => return Ok(Exit::TenantNotUsable),
            Left::Told(_) | Left::Failed => {}
        }
    }
}

/// What a machine without a name is called: two on one machine are not the same.
fn invented(host: &str) -> Name {
    let behind = text(&mut Seed::unforeseen().stream("agent", 0), ALPHANUMERIC, 4);
    Name::of_machine(host, &behind)
}

/// The next order, or nobody wants this agent to stay.
async fn idle(agent: &mut Agent, terminal: &Terminal) -> Result<Option<Wish>, Failure> {
    let ending = Ending::of_series(terminal);
    ending.listen().map_err(|error| {
        Failure::new(Exit::Bug, format!("signals cannot be heard: {error}"), None)
    })?;
    Ok(tokio::select! {
        wish = agent.next() => wish,
        () = asked_to_stop(ending.stop()) => None,
    })
}

/// Runs whose conductor has not said that it has everything.
#[derive(Default)]
struct Kept(BTreeMap<RunId, PathBuf>);

impl Kept {
    fn confirm(&mut self, run: &RunId, agent: &Agent) {
        agent.forget(run);
        if let Some(folder) = self.0.remove(run) {
            // What cannot be removed is only in the way.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// Does what is wanted of one who is at no run. A run that came of it is over then.
async fn heed(
    agent: &mut Agent,
    Wish { order, back }: Wish,
    (args, access): (&AgentArgs, &Access),
    (kept, terminal): (&mut Kept, &Terminal),
) -> Option<Left> {
    match order {
        Order::Prepare(plan) => {
            // It names a folder.
            if let Err(error) = plan.run.as_str().parse::<Name>() {
                back.answer(Err(error.to_string())).await;
                return None;
            }
            let run = plan.run.clone();
            agent.set(Some(run.clone()), Stage::Preparing);
            back.answer(Ok(())).await;
            let folder = args.folder.join(format!("{run}-{}", agent.name()));
            let at = AgentRun { folder: folder.clone(), access, silence: args.silence.0, terminal };
            let left = at.perform(agent, *plan).await;
            if matches!(left, Left::Told(_) | Left::Leaves(_)) && folder.exists() {
                kept.0.insert(run, folder);
            }
            if !matches!(left, Left::Failed) {
                agent.set(None, Stage::Idle);
            } else if !args.once {
                sulk(agent).await;
            }
            Some(left)
        }
        Order::Confirm { run } => {
            kept.confirm(&run, agent);
            back.answer(Ok(())).await;
            None
        }
        Order::StandDown { .. } => {
            agent.set(None, Stage::Idle);
            back.answer(Ok(())).await;
            None
        }
        _ => {
            back.answer(Err("it is at no run".to_owned())).await;
            None
        }
    }
}

/// Says for a while that it could not get ready.
async fn sulk(agent: &mut Agent) {
    let heard = async {
        while let Some(Wish { order, back }) = agent.next().await {
            let is_heard = matches!(order, Order::StandDown { .. });
            let done = if is_heard { Ok(()) } else { Err("it could not get ready".to_owned()) };
            back.answer(done).await;
            if is_heard {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(SULK, heard).await;
    agent.set(None, Stage::Idle);
}

/// Waits until the conductor has everything of the one run that there was.
async fn confirmed(
    agent: &mut Agent,
    run: &RunId,
    kept: &mut Kept,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let waiting = async {
        while kept.0.contains_key(run) {
            let Some(Wish { order, back }) = idle(agent, terminal).await? else { break };
            if let Order::Confirm { run } = &order {
                kept.confirm(run, agent);
            }
            back.answer(Ok(())).await;
        }
        Ok(())
    };
    match tokio::time::timeout(CONFIRMATION, waiting).await {
        Ok(outcome) => outcome,
        // The stream has everything; only nobody said that it was fetched.
        Err(_) => Ok(()),
    }
}
