//! One run of an agent: its share of a plan prepared, started when it is told to, and told of until all is delivered.

use super::assemble::{Undertaking, setup};
use super::ending::Ending;
use super::exit::{Exit, Failure};
use super::prepare::{self, Order as GroundOrder, Selection};
use super::progress::Watcher;
use super::run::{asked_to_stop, check_room, is_of_nobody, why_not_conducted};
use super::terminal::{Style, Terminal};
use super::walk;
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::base::random::Seed;
use crate::base::share::Share;
use crate::cluster::agent::{Agent, Wish, of_unix_us};
use crate::cluster::message::Plan;
use crate::cluster::order::{Complaint, Epoch, Order, Stage};
use crate::cluster::server::Access;
use crate::cluster::spool::Spool;
use crate::cluster::teller::Teller;
use crate::load::{ShareControl, Stop, Turn, TurnError};
use crate::profile::load::Flags;
use crate::profile::sent::{Sent, lay_out};
use crate::result::run_dir::{LEDGER, RunDir};
use crate::run::conduct::{ConductError, Listener, conduct};
use crate::run::starts::{Start, StartError, Starts};
use crate::workload::agents::WhenLost;
use crate::workload::share::{self, RosterError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often it is looked whether there still is a conductor.
const LOOK: Duration = Duration::from_millis(500);

/// Without a word for so long before the start, nobody means to start.
const BEFORE_START: Duration = Duration::from_secs(60);

/// A run of this agent.
pub(super) struct AgentRun<'a> {
    /// Its own folder, not there yet.
    pub(super) folder: PathBuf,
    pub(super) access: &'a Access,
    /// After so long without a word of the conductor that is said.
    pub(super) silence: Duration,
    pub(super) terminal: &'a Terminal,
}

/// How a run left this agent.
pub(super) enum Left {
    /// It is over, and the stream has everything that there is to tell, or there was nothing.
    Told(RunId),
    /// It did not come about, and the conductor was told why.
    Failed,
    /// Somebody here wants the agent to go.
    Leaves(Exit),
}

/// What is known once everything is in place.
struct Prepared {
    share: Option<ShareControl>,
}

/// What goes to the thread of the load.
struct Job {
    plan: Plan,
    profile: Option<PathBuf>,
    dir: RunDir,
    teller: Teller,
    access: Access,
    is_encrypted: bool,
    stop: Stop,
    terminal: Terminal,
    prepared: oneshot::Sender<Prepared>,
    starts: Starts,
}

impl AgentRun<'_> {
    /// Performs the agent's share of a plan.
    pub(super) async fn perform(&self, agent: &mut Agent, plan: Plan) -> Left {
        let run = plan.run.clone();
        let (own, all) = (plan.index + 1, plan.agents.len());
        self.terminal.say(&format!(
            "{} {run}, share {own} of {all}",
            self.terminal.paint(Style::Faint, "run  ")
        ));
        let ending = Ending::of_series(self.terminal);
        let outcome = match ending.listen() {
            Ok(()) => self.run_through(agent, plan, &ending).await,
            Err(error) => {
                Err(Failure::new(Exit::Bug, format!("signals cannot be heard: {error}"), None))
            }
        };
        match outcome {
            Ok(()) if ending.is_wanted_here() => Left::Leaves(Exit::Interrupted),
            Ok(()) => Left::Told(run),
            Err(failure) => {
                self.terminal.failure(&failure);
                agent.set(Some(run), failed(&failure));
                if ending.is_wanted_here() { Left::Leaves(failure.exit) } else { Left::Failed }
            }
        }
    }

    async fn run_through(
        &self,
        agent: &mut Agent,
        plan: Plan,
        ending: &Ending,
    ) -> Result<(), Failure> {
        let run = plan.run.clone();
        let (dir, profile) = self.lay_out(&plan)?;
        let laid_out = profile.clone();
        let spool = Spool::create(&self.folder.join("told.spool"))
            .map_err(|error| unwritten(&self.folder, &error))?;
        let teller =
            Teller::new((run.clone(), agent.name(), agent.instance()), dir.clone(), spool.clone());
        let wire = agent.wire();
        wire.open_stream().await.map_err(|error| Failure::of(Exit::TenantNotUsable, &error))?;
        let ear = agent.listen_for(&run).await;
        let ear = ear.map_err(|error| Failure::of(Exit::TenantNotUsable, &error))?;
        agent.deliver(run.clone(), spool.clone());

        let (prepared, mut is_prepared) = oneshot::channel();
        let (ready, mut is_ready) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let job = Job {
            plan,
            profile,
            dir,
            teller: teller.clone(),
            access: self.access.clone(),
            is_encrypted: wire.is_encrypted(),
            stop: ending.stop().clone(),
            terminal: *self.terminal,
            prepared,
            starts: Starts::WhenTold { ready, told },
        };
        let mut done = start(job)?;
        let mut stage = At::new(run.clone(), tell, ending.stop().clone());
        let (mut is_silent, mut asks_prepared, mut asks_ready) = (false, true, true);
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut done => break outcome,
                prepared = &mut is_prepared, if asks_prepared => {
                    asks_prepared = false;
                    stage.share = prepared.ok().and_then(|prepared| prepared.share);
                }
                ready = &mut is_ready, if asks_ready => {
                    asks_ready = false;
                    if ready.is_ok() {
                        agent.set(Some(run.clone()), Stage::Ready);
                    }
                }
                wish = agent.next() => {
                    let Some(Wish { order, back }) = wish else { break Ok(Ok(())) };
                    let begins = matches!(&order, Order::Start { run: of, .. } if *of == run);
                    if is_other_plan(&order, &run) {
                        back.is_busy(run.clone()).await;
                        continue;
                    }
                    self.tell_why(&order, &mut stage);
                    let answer = stage.heed(order);
                    if begins && answer.is_ok() {
                        agent.set_running(&run, teller.clone(), spool.clone());
                    }
                    back.answer(answer).await;
                }
                () = tokio::time::sleep(LOOK) => {
                    self.mind(ear.silence(), &stage, &mut is_silent);
                }
            }
        };
        ending.load_is_over();
        let outcome = outcome.unwrap_or_else(|_| {
            Err(Failure::new(Exit::Bug, "the thread of the load ended by itself", None))
        });
        self.deliver(agent, (&stage, &spool), ending).await;
        outcome.and(self.wind_up(agent, &run, (&spool, &teller), laid_out.as_deref()))
    }

    /// What is left to say and to clear away.
    fn wind_up(
        &self,
        agent: &Agent,
        run: &RunId,
        (spool, teller): (&Spool, &Teller),
        profile: Option<&Path>,
    ) -> Result<(), Failure> {
        if !teller.has_begun() {
            // Nobody asks for what it did not do.
            agent.forget(run);
            self.clear_away(run, profile);
        } else if spool.delivered() >= spool.told() {
            self.terminal
                .say(&format!("run {run} is over here, and the stream has everything of it"));
        }
        teller.failure().map_or(Ok(()), |why| {
            let what = format!("what was to be told could not be written: {why}");
            Err(Failure::new(Exit::WrongInput, what, Some("make room where `--folder` is")))
        })
    }

    /// The run never began. What was made for it at a tenant stays on its ledger, and how that goes is said.
    fn clear_away(&self, run: &RunId, profile: Option<&Path>) {
        let ledger = self.folder.join(LEDGER);
        if is_without_accounts(&self.folder) {
            let _ = std::fs::remove_dir_all(&self.folder);
            self.terminal.say(&format!("nothing came of run {run} here"));
            return;
        }
        let profile =
            profile.map_or_else(|| "PROFILE".to_owned(), |path| path.display().to_string());
        let ledger = ledger.display();
        self.terminal.say(&format!(
            "nothing came of run {run} here; accounts made for it are on {ledger}: \
             `gander accounts clean-up {profile} --ledger {ledger}` removes them"
        ));
    }

    /// Makes the folder of the run with the plan in it.
    fn lay_out(&self, plan: &Plan) -> Result<(RunDir, Option<PathBuf>), Failure> {
        let dir = RunDir::create_at(&self.folder);
        let dir = dir.map_err(|error| Failure::of(Exit::WrongInput, &error))?;
        let Some(profile) = plan.profile.clone() else { return Ok((dir, None)) };
        let files = plan.files.iter().map(|file| (file.name.clone(), file.text.clone())).collect();
        let folder = self.folder.join("plan");
        let profile = lay_out(&Sent { profile, files }, &folder);
        let profile = profile.map_err(|error| unwritten(&folder, &error))?;
        Ok((dir, Some(profile)))
    }

    /// What a silent conductor means: before the start there is none, after it the plan is known.
    fn mind(&self, silence: Duration, stage: &At, is_silent: &mut bool) {
        let has_started = stage.tell.is_none();
        if !has_started && silence > BEFORE_START && stage.stop.requests() == 0 {
            self.terminal
                .say("nothing is heard of the conductor any more; nothing comes of the run");
            stage.stop.request_by("this agent, without a conductor");
        }
        if has_started && silence > self.silence && !*is_silent {
            *is_silent = true;
            self.terminal.say(
                "nothing is heard of the conductor any more; the run goes on as planned, and what it finds is kept in \
                 the stream",
            );
        } else if has_started && *is_silent && silence < LOOK * 4 {
            *is_silent = false;
            self.terminal.say("the conductor is heard again");
        }
    }

    /// Says why the conductor wants an end, each reason once.
    fn tell_why(&self, order: &Order, stage: &mut At) {
        let text = match order {
            Order::StandDown { run, why } if *run == stage.run && !why.is_empty() => {
                format!("the conductor wants nothing more of run {run} here: {why}")
            }
            Order::Stop { run, who, .. } if *run == stage.run => {
                format!("the conductor ends run {run}: {who}")
            }
            _ => return,
        };
        if stage.said.as_ref() != Some(&text) {
            self.terminal.say(&text);
            stage.said = Some(text);
        }
    }

    /// Until the stream has everything, or somebody here wants to go all the same.
    async fn deliver(&self, agent: &mut Agent, (stage, spool): (&At, &Spool), ending: &Ending) {
        loop {
            tokio::select! {
                () = spool.all_delivered() => return,
                wish = agent.next() => {
                    let Some(Wish { order, back }) = wish else { return };
                    let run = &stage.run;
                    if is_other_plan(&order, run) {
                        back.is_busy(run.clone()).await;
                        continue;
                    }
                    let is_own = of_run(&order).is_none_or(|of| of == run);
                    let answer = match order {
                        _ if !is_own => Err(format!("it is at run `{run}`")),
                        // What it took in time it has taken; for more it is too late.
                        Order::Share { epochs, .. } => stage.change(&epochs),
                        _ => Ok(()),
                    };
                    back.answer(answer).await;
                }
                () = tokio::time::sleep(LOOK) => {
                    if ending.is_to_go() {
                        let left = spool.told() - spool.delivered();
                        self.terminal.say(&format!(
                            "{left} messages are left behind in `{}`",
                            self.folder.display()
                        ));
                        return;
                    }
                }
            }
        }
    }
}

/// Where a run stands, for those who give orders.
struct At {
    run: RunId,
    share: Option<ShareControl>,
    /// Where the start is told; none once it is.
    tell: Option<oneshot::Sender<Start>>,
    stop: Stop,
    /// What was said last of why it ends.
    said: Option<String>,
}

/// Whether it is the plan of a run while there is another.
fn is_other_plan(order: &Order, run: &RunId) -> bool {
    matches!(order, Order::Prepare(plan) if plan.run != *run)
}

/// The run that an order is about.
fn of_run(order: &Order) -> Option<&RunId> {
    match order {
        Order::Present | Order::Time => None,
        Order::Prepare(plan) => Some(&plan.run),
        Order::Start { run, .. }
        | Order::Share { run, .. }
        | Order::Stop { run, .. }
        | Order::StandDown { run, .. }
        | Order::Tell { run, .. }
        | Order::Confirm { run } => Some(run),
    }
}

impl At {
    const fn new(run: RunId, tell: oneshot::Sender<Start>, stop: Stop) -> Self {
        Self { run, share: None, tell: Some(tell), stop, said: None }
    }

    fn heed(&mut self, order: Order) -> Result<(), String> {
        if of_run(&order).is_some_and(|run| *run != self.run) {
            return Err(format!("it is at run `{}`", self.run));
        }
        match order {
            Order::Start { at_unix_us, .. } => self.start(at_unix_us),
            Order::Share { epochs, .. } => self.change(&epochs),
            Order::Stop { now, who, .. } => {
                if now {
                    self.stop.request_by(&who);
                    self.stop.now();
                } else {
                    self.stop.drain_by(&who);
                }
                Ok(())
            }
            Order::StandDown { .. } => {
                self.stop.request_by("the conductor");
                self.stop.now();
                Ok(())
            }
            Order::Prepare(_)
            | Order::Present
            | Order::Time
            | Order::Tell { .. }
            | Order::Confirm { .. } => Ok(()),
        }
    }

    fn start(&mut self, at_unix_us: u64) -> Result<(), String> {
        let Some(tell) = self.tell.take() else { return Ok(()) };
        let clock = Clock::system();
        let wall = of_unix_us(at_unix_us);
        let left = wall.duration_since(clock.wall());
        let left =
            left.map_err(|late| format!("that was {} ms ago", late.duration().as_millis()))?;
        let start = Start { at: clock.now() + left, wall };
        tell.send(start).map_err(|_| "its load is over already".to_owned())
    }

    fn change(&self, epochs: &[Epoch]) -> Result<(), String> {
        let Some(control) = &self.share else { return Err("it is not ready".to_owned()) };
        let turn = |Epoch { from_ms, agents, more }: &Epoch| {
            let members = agents.iter().filter_map(|agent| u32::try_from(*agent).ok()).collect();
            let epoch = share::Epoch::new(Duration::from_millis(*from_ms), members)?;
            Ok(Turn { epoch, more: *more })
        };
        let turns = epochs.iter().skip(1).map(turn).collect::<Result<Vec<_>, RosterError>>();
        let changed = turns.map_err(Into::into).and_then(|turns| control.change_to(&turns));
        changed.map_err(|error: TurnError| error.to_string())
    }
}

/// Whether nothing in a folder is about an account.
fn is_without_accounts(folder: &Path) -> bool {
    std::fs::read(folder.join(LEDGER)).map_or(true, |ledger| is_of_nobody(&ledger))
}

/// What is said of a failure to the conductor.
fn failed(failure: &Failure) -> Stage {
    let complaints = failure.complaints.iter().map(|complaint| Complaint {
        what: complaint.what.clone(),
        place: complaint.place.clone(),
        remedy: complaint.remedy.clone(),
    });
    Stage::Failed { exit: failure.exit.code(), complaints: complaints.collect() }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    let what = format!("`{}` cannot be written: {error}", path.display());
    Failure::new(Exit::WrongInput, what, Some("name another folder with `--folder`"))
}

/// The load, on a thread and a runtime of its own: nothing that it does keeps the group from being heard.
fn start(job: Job) -> Result<oneshot::Receiver<Result<(), Failure>>, Failure> {
    let (over, done) = oneshot::channel();
    let work = move || {
        let outcome = work(job);
        let _ = over.send(outcome);
    };
    let thread = thread::Builder::new().name("run".to_owned()).spawn(work);
    thread.map(|_| done).map_err(|error| {
        Failure::new(Exit::Bug, format!("no thread: {error}"), Some("raise the limit of threads"))
    })
}

fn work(job: Job) -> Result<(), Failure> {
    let runtime = super::runtime()?;
    let outcome = runtime.block_on(load(job));
    // Iterations that hang must not keep the process; everything worth keeping is on disk.
    runtime.shutdown_background();
    outcome
}

async fn load(job: Job) -> Result<(), Failure> {
    let Job { plan, profile, dir, teller, access, is_encrypted, stop, terminal, prepared, starts } =
        job;
    let Ok(seed) = plan.seed.parse::<Seed>() else {
        return Err(Failure::new(Exit::WrongInput, "the seed of the plan is none", None));
    };
    let selection = Selection::of_plan(profile, &plan, seed);
    let flags = Flags {
        document: plan.document.clone(),
        thresholds: plan.thresholds.clone(),
        ..Flags::default()
    };
    let checked = prepare::read(&selection, flags)?;
    let is_outside = checked.profile.tenants().any(|(_, tenant)| !tenant.is_loopback);
    access
        .check(is_encrypted, is_outside)
        .map_err(|error| Failure::of(Exit::WrongInput, &error))?;
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let Some(share) = Share::new(number(plan.index), number(plan.agents.len())) else {
        return Err(Failure::new(Exit::WrongInput, "the plan has no share for this agent", None));
    };
    let checked = checked.with_share(share).map_err(Failure::of_problems)?;
    check_room(&checked, &terminal)?;
    prepare::check_supply(&checked, &terminal)?;
    let order = GroundOrder {
        run: plan.run.clone(),
        folder: dir.path().to_owned(),
        accounts: None,
        call_ids: false,
        continued: None,
        weigh: Some(prepare::check_supply as prepare::Weigh),
    };
    let in_place = async {
        let mut ground = prepare::ground(&selection, checked, order, &terminal).await?;
        if plan.walks_first {
            walk::first(&mut ground, &terminal).await?;
        }
        Ok::<_, Failure>(ground)
    };
    let ground = tokio::select! {
        ground = in_place => ground,
        () = asked_to_stop(&stop) => {
            teller.tell_ledger();
            return Ok(());
        }
    };
    // Whatever becomes of the rest, the accounts are known.
    teller.tell_ledger();
    let ground = ground?;
    let undertaking = Undertaking::of(&ground);
    let share = match ground.checked.profile.agents.when_lost {
        // Others may leave theirs behind.
        WhenLost::ShareOut => undertaking.share.map(ShareControl::with_spares),
        WhenLost::Mark => undertaking.share,
    };
    let undertaking = Undertaking { starts, share, ..undertaking };
    let setup = setup(&ground, undertaking, dir)?;
    let _ = prepared.send(Prepared { share: setup.plan.share.clone() });
    let watcher = Watcher::new(&terminal, &setup.plan);
    let listeners: Vec<Box<dyn Listener>> = vec![Box::new(teller.clone()), Box::new(watcher)];
    match conduct(setup, Clock::system(), stop, listeners).await {
        Ok(conducted) => match conducted.unwritten {
            Some(error) => Err(Failure::of(Exit::WrongInput, &error)),
            None => {
                teller.tell_end(&conducted.record);
                Ok(())
            }
        },
        Err(ConductError::Start(StartError::Stopped | StartError::NeverTold)) => Ok(()),
        Err(error) => Err(why_not_conducted(&error)),
    }
}
