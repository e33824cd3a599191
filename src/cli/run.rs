//! `gander run`: one run, its directory, its summary.

use super::aside;
use super::assemble::{Undertaking, setup};
use super::broadcast::Doors;
use super::ending::Ending;
use super::exit::{Exit, Failure};
use super::mix::{MixArgs, quoted};
use super::part::{PartArgs, awaited};
use super::prepare::{self, Ground, Order, Selection};
use super::repeat::repeat;
use super::report::about;
use super::run_many::{ManyArgs, run_many};
use super::settle::{Settled, settle, wind_up};
use super::standing::Standing;
use super::terminal::{Style, Terminal};
use super::tui;
use super::walk;
use super::watch::{self, WatchArgs};
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::base::random::Seed;
use crate::base::remedy::Remedy;
use crate::identity::account::STATES;
use crate::identity::ledger::Book;
use crate::identity::pool::Pool;
use crate::load::Stop;
use crate::management::keeper::{AccountsError, Keeper};
use crate::measure::fault::Fault;
use crate::profile::check::Checked;
use crate::profile::load::Flags;
use crate::report::{console, json};
use crate::result::run_dir::{RunDir, RunRecord};
use crate::result::summary::{JourneySummary, Summary};
use crate::run::begin::Resumed;
use crate::run::call_log::CallLog;
use crate::run::conduct::{ConductError, Setup, conduct};
use crate::run::descriptors;
use crate::run::ledger_file::{self, LEDGER};
use crate::run::players::Players;
use crate::run::resume::{Taken, take_up};
use crate::run::starts::StartError;
use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Put load on a tenant, or on the embedded stand-in, and measure what comes back.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Users in turn (closed model)
    #[arg(short, long, visible_alias = "vus", value_name = "N", conflicts_with = "rate")]
    users: Option<u64>,
    /// Iterations per second on a schedule of their own (open model), such as `40/s`
    #[arg(short, long, value_name = "RATE")]
    rate: Option<String>,
    /// How many iterations can be under way at once in the open model
    #[arg(long, value_name = "N", conflicts_with = "users")]
    max_users: Option<u64>,
    /// How long to measure, such as `60s`
    #[arg(short, long, visible_alias = "run-time", value_name = "TIME")]
    duration: Option<String>,
    /// End after exactly so many iterations in all
    #[arg(short = 'n', long, value_name = "N")]
    iterations: Option<u64>,
    /// Load before the measured part
    #[arg(long, value_name = "TIME")]
    warm_up: Option<String>,
    #[command(flatten)]
    mix: MixArgs,
    /// What iterations are counted under: the variants of the profile, or the flow that answers each,
    /// where one policy splits its traffic among versions
    #[arg(long, value_name = "WHAT", value_parser = ["profile", "flow"])]
    variant_by: Option<String>,
    /// A rule that the result has to keep besides those of the profile, such as `sign-on.p95 < 800ms`
    /// (repeatable)
    #[arg(long = "threshold", value_name = "RULE")]
    thresholds: Vec<String>,
    /// Stop the run as soon as a threshold does not hold; what is under way may end
    #[arg(long)]
    pub(super) abort_on_fail: bool,
    /// Where the run is written; without it, a new folder in `reports`
    #[arg(short, long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Go on with a run that was killed or interrupted, in its own directory; with the profile and the flags
    /// that it was started with
    #[arg(long, value_name = "RUN_DIR", conflicts_with_all = ["out", "repeat"])]
    pub(super) resume: Option<PathBuf>,
    #[command(flatten)]
    pub(super) part: PartArgs,
    #[command(flatten)]
    pub(super) many: ManyArgs,
    /// Make so many whole runs, one after another, with seeds that follow each other: what differs
    /// between them is what a comparison has to be larger than
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=100))]
    repeat: Option<u16>,
    /// Perform each journey once before the load, and go on only if all of them reach their goals: always
    /// done at a tenant that is not this machine
    #[arg(long, conflicts_with = "no_walk_first")]
    walk_first: bool,
    /// Go on without that, there too
    #[arg(long)]
    no_walk_first: bool,
    /// Print the summary as JSON to standard output; with --repeat each on a line of its own
    #[arg(long)]
    pub(super) json: bool,
    /// Write the service time of every exchange with its call id to this file, to be held against a
    /// stand-in's own record
    #[arg(long, value_name = "FILE")]
    pub(super) calls: Option<PathBuf>,
    #[command(flatten)]
    pub(super) watch: WatchArgs,
}

pub(super) fn run(args: &RunArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    // Nothing that is told holds up what is measured, written or ended.
    aside::begin();
    let checked = prepare::read(&args.selection, args.flags()?)?;
    if args.many.is_wanted() {
        return run_many(args, args.flags()?, checked, terminal);
    }
    let checked = args.part.of(checked, &args.selection)?;
    match args.repeat {
        Some(times) => repeat(args, &checked, times, terminal),
        None => once(args, checked, Ending::new(terminal), terminal).map(|(exit, _)| exit),
    }
}

/// One run, and where it was written.
pub(super) fn once(
    args: &RunArgs,
    checked: Checked,
    ending: Ending,
    terminal: &Terminal,
) -> Result<(Exit, RunDir), Failure> {
    // With the runtime the limit of open files is raised.
    let runtime = super::runtime()?;
    check_room(&checked, terminal)?;
    prepare::check_supply(&checked, terminal)?;
    watch::check(&args.watch, terminal)?;
    let doors = watch::open(&args.watch)?;
    ending.listen().map_err(|error| {
        Failure::new(Exit::Bug, format!("signals cannot be heard: {error}"), None)
    })?;
    // However this ends, nothing is told behind a full-screen view.
    let _restored = tui::Restored;
    let clock = Clock::system();
    let starts = args.part.starts(&clock)?;
    let Opening { dir, selection, mut order, going, is_done } = opening(args, &checked, &clock)?;
    if let (Some((record, resumed)), true) = (&going, is_done) {
        let killed = (record.clone(), resumed.stand.clone());
        return wind_up(&dir, killed, terminal).map(|exit| (exit, dir));
    }
    order.call_ids = args.calls.is_some();
    let made = dir.clone();
    terminal.say(&format!("{} {}", terminal.paint(Style::Faint, "run"), dir.path().display()));
    let outlives = checked.profile.names_tenant;
    let outcome = runtime.block_on(async {
        let walks = going.is_none() && args.walks_first(&checked);
        let prepared = async {
            let mut ground = prepare::ground(&selection, checked, order, terminal).await?;
            if walks {
                walk::first(&mut ground, terminal).await?;
            }
            Ok(ground)
        };
        let ground = tokio::select! {
            ground = prepared => ground?,
            () = asked_to_stop(ending.stop()) => {
                terminal.say(&stopped(&args.selection, outlives, &made.file(LEDGER)));
                return Ok(Exit::Interrupted);
            }
        };
        if let Some((at, text)) = awaited(&starts, &clock) {
            terminal.say(&text);
            ending.waits_until(at);
        }
        let undertaking = Undertaking { starts, ..undertaking(args, &ground, going)? };
        let setup = setup(&ground, undertaking, dir)?;
        measure(args, &ground, setup, (clock, ending, doors), terminal).await
    });
    // Iterations that hang must not keep the process; everything worth keeping is on disk.
    runtime.shutdown_background();
    if outcome.is_err() {
        made.give_up(is_of_nobody);
    }
    outcome.map(|exit| (exit, made))
}

/// What a run begins with, or goes on with.
struct Opening {
    dir: RunDir,
    selection: Selection,
    order: Order,
    going: Option<(RunRecord, Resumed)>,
    /// Nothing of the plan is left to go on with.
    is_done: bool,
}

/// A new directory, or that of the run which is taken up again.
fn opening(args: &RunArgs, checked: &Checked, clock: &Clock) -> Result<Opening, Failure> {
    let order = |run, dir: &RunDir, continued| {
        let folder = dir.path().to_owned();
        let weigh = Some(prepare::check_supply as prepare::Weigh);
        Order { run, folder, accounts: None, call_ids: false, continued, weigh }
    };
    let Some(path) = &args.resume else {
        let (run, folder) = args.part.named(clock)?;
        let dir = make_dir(args, &folder)?;
        let (order, selection) = (order(run, &dir, None), args.selection.clone());
        return Ok(Opening { dir, selection, order, going: None, is_done: false });
    };
    let taken = take_up(path, checked, args.selection.seed());
    let taken = taken.map_err(|error| Failure::of(Exit::WrongInput, &error))?;
    let Taken { dir, record, seed, resumed, is_done, continued } = taken;
    let order = order(record.run_id.clone(), &dir, Some(continued));
    let selection = args.selection.with_seed(seed);
    Ok(Opening { dir, selection, order, going: Some((record, resumed)), is_done })
}

async fn measure(
    args: &RunArgs,
    ground: &Ground,
    setup: Setup<Players>,
    (clock, ending, doors): (Clock, Ending, Doors),
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    terminal.explain(&format!("tenant at {}, seed {}", ground.addresses(), ground.opened.seed));
    let (listeners, views) = watch::listeners(&args.watch, doors, &setup, &ending, terminal)?;
    let conducted = conduct(setup, clock, ending.stop().clone(), listeners).await;
    ending.load_is_over();
    let conducted = match conducted {
        Err(ConductError::Start(StartError::Stopped)) => {
            let outlives = ground.checked.profile.names_tenant;
            terminal.say(&stopped(&args.selection, outlives, &ground.opened.ledger_path));
            return Ok(Exit::Interrupted);
        }
        conducted => conducted.map_err(|error| why_not_conducted(&error))?,
    };
    let Settled { dir, record, tally, summary, unwritten, unmended, .. } =
        settle(conducted, terminal);
    ending.is_settled(match unwritten {
        Some(_) => Exit::WrongInput,
        None => Exit::of_run(summary.verdict, record.interrupted),
    });
    if let Some(error) = unmended {
        caution_of_accounts(&error, &ground.opened.kept, terminal);
    }
    ground.tell_codes(without_a_code(&summary), terminal);
    if args.json {
        let render = if args.repeat.is_some() { json::render_line } else { json::render };
        let text = render(&summary).map_err(|error| Failure::of(Exit::Bug, &error))?;
        terminal.data_aside(text.trim_end().to_owned());
    }
    let (about, paint) = (about(&record, &dir), terminal.paint_of_text());
    terminal.say(&format!(
        "\n{}",
        console::render(&summary, &about, terminal.columns(), paint).trim_end()
    ));
    views.finish(&record, &summary, &tally, (&ending, terminal));
    match unwritten {
        Some(error) => Err(Failure::of(Exit::WrongInput, &error)),
        None => Ok(Exit::of_run(summary.verdict, record.interrupted)),
    }
}

/// What is said where nobody wants the load any more. The embedded stand-in's accounts go with it.
pub(super) fn stopped(selection: &Selection, outlives: bool, ledger: &Path) -> String {
    let book = ledger_file::read(ledger).ok().filter(|_| outlives);
    let Some(_) = book.filter(|book| !book.accounts.is_empty()) else {
        return "stopped before any load".to_owned();
    };
    let (profile, ledger) = (selection.name(), ledger.display());
    format!(
        "stopped before any load; accounts made so far are on {ledger}: \
         `gander accounts clean-up {profile} --ledger {ledger}` removes them"
    )
}

/// Iterations that failed for want of a code.
fn without_a_code(summary: &Summary) -> u64 {
    let of = |row: &JourneySummary| row.faults.of(Fault::CodeNotReceived);
    summary.journeys.iter().map(of).sum()
}

/// Why there was no run.
pub(super) fn why_not_conducted(error: &ConductError) -> Failure {
    match error {
        // A disk that is full is nobody's bug; what was written can be reported.
        ConductError::Write(_) | ConductError::Start(StartError::TooLate { .. }) => {
            Failure::of(Exit::WrongInput, error)
        }
        _ => Failure::of(Exit::Bug, error),
    }
}

/// What the flags say of the one run that there is on this ground.
fn undertaking(
    args: &RunArgs,
    ground: &Ground,
    going: Option<(RunRecord, Resumed)>,
) -> Result<Undertaking, Failure> {
    let calls = args.calls.as_deref().map(CallLog::create).transpose().map_err(|error| {
        let what = format!("the file of calls cannot be written: {error}");
        Failure::new(Exit::WrongInput, what, None)
    })?;
    let lookouts = ground.checked.lookouts(args.abort_on_fail);
    Ok(Undertaking { calls, lookouts, going, ..Undertaking::of(ground) })
}

/// Users in turn are all at work at once; of those who wait for arrivals as many as the tenant is slow.
pub(super) fn check_room(checked: &Checked, terminal: &Terminal) -> Result<(), Failure> {
    let model = &checked.profile.workload.model;
    let users = checked.share.unwrap_or_default().count(model.users() as u64);
    let Err(error) = descriptors::check_room(users, descriptors::limit()) else {
        return Ok(());
    };
    if !model.is_open() {
        return Err(Failure::of(Exit::WrongInput, &error));
    }
    let remedy = error.remedy().unwrap_or_default();
    terminal.say(&format!("{} {error}; {remedy}", terminal.paint(Style::Bad, "caution")));
    Ok(())
}

/// Accounts that could not be put right are missing to journeys, whose faults do not say why.
pub(super) fn caution_of_accounts(
    error: &AccountsError,
    kept: &[(Arc<Keeper<File>>, Pool)],
    terminal: &Terminal,
) {
    let out = kept.iter().flat_map(|(_, pool)| STATES.map(|state| pool.supply(state)));
    let out: usize = out.map(|supply| supply.spoiled + supply.set_aside).sum();
    let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    let why = std::iter::successors(error.source(), |source: &&dyn Error| (*source).source());
    let why: String = why.map(|source| format!(": {source}")).collect();
    terminal.say(&format!(
        "{} {out} accounts that journeys spoiled are not put right; last, {error}{why}{remedy}",
        terminal.paint(Style::Bad, "caution")
    ));
}

/// Whether a ledger is whole and names no account, not even one that may have been made.
pub(super) fn is_of_nobody(ledger: &[u8]) -> bool {
    Book::read(ledger).is_ok_and(|book| {
        book.accounts.is_empty() && book.removed == 0 && book.sound_length == ledger.len()
    })
}

pub(super) fn make_dir(args: &RunArgs, folder: &RunId) -> Result<RunDir, Failure> {
    let made = match &args.out {
        Some(path) => RunDir::create_at(path),
        None => RunDir::create(&PathBuf::from("reports"), folder),
    };
    made.map_err(|error| Failure::of(Exit::WrongInput, &error))
}

/// Until somebody asks to stop. Nothing is under way yet that could finish.
pub(super) async fn asked_to_stop(stop: &Stop) {
    while stop.requests() == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl RunArgs {
    /// The same for one run of several.
    pub(super) fn for_one(&self, seed: Seed, out: Option<PathBuf>) -> Self {
        Self { selection: self.selection.with_seed(seed), out, ..self.clone() }
    }

    /// The same for the directory that a conductor has been given.
    pub(super) fn standing(&self, standing: Standing) -> Self {
        let (out, resume) = match standing {
            Standing::Begun(path) => (None, Some(path)),
            Standing::New(path) | Standing::Over(path, _) => (Some(path), None),
        };
        Self { out, resume, ..self.clone() }
    }

    /// Whether each journey is performed once before the load.
    pub(super) fn walks_first(&self, checked: &Checked) -> bool {
        let is_outside = checked.profile.tenants().any(|(_, tenant)| !tenant.is_loopback);
        self.walk_first || is_outside && !self.no_walk_first
    }

    /// What the flags say, as a document laid over the profile.
    fn flags(&self) -> Result<Flags, Failure> {
        // What stands in no table stands first.
        let by = self.variant_by.iter().map(|by| format!("variant_by = {}", quoted(by)));
        let mut lines: Vec<String> = by.collect();
        // Exactly so many iterations should all be in the numbers.
        let none = self.iterations.map(|_| "0s".to_owned());
        let workload = [
            self.users.map(|users| format!("model = \"closed\"\nusers = {users}")),
            // As it was written: a reader of the profile says what is wrong with it.
            self.rate.as_ref().map(|rate| format!("model = \"open\"\nrate = {}", quoted(rate))),
            self.max_users.map(|users| format!("max_users = {users}")),
            self.duration.as_ref().map(|span| format!("duration = {}", quoted(span))),
            self.iterations.map(|number| format!("iterations = {number}")),
            self.warm_up.clone().or(none).map(|span| format!("warm_up = {}", quoted(&span))),
        ];
        if workload.iter().any(Option::is_some) {
            lines.push("[workload]".to_owned());
            lines.extend(workload.into_iter().flatten());
        }
        lines.extend(self.mix.lines()?);
        lines.extend(self.many.lines());
        let document = lines.join("\n");
        Ok(Flags { document, thresholds: self.thresholds.clone(), ..Flags::default() })
    }
}
