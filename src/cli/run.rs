//! `gander run`: one run, its directory, its summary.

use super::aside;
use super::broadcast::Doors;
use super::ending::Ending;
use super::exit::{Exit, Failure};
use super::prepare::{self, Ground, Order, Selection};
use super::repeat::repeat;
use super::report::about;
use super::terminal::{Style, Terminal};
use super::tui;
use super::watch::{self, WatchArgs};
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::base::random::Seed;
use crate::base::remedy::Remedy;
use crate::identity::account::STATES;
use crate::identity::ledger::Book;
use crate::identity::pool::Pool;
use crate::load::{Plan, Stop};
use crate::management::keeper::{AccountsError, Keeper};
use crate::measure::recorder::Recorder;
use crate::profile::check::Checked;
use crate::profile::document::VariantBy;
use crate::profile::load::Flags;
use crate::profile::tenant::Tenant;
use crate::report::{FORMATS, console, json};
use crate::result::run_dir::{HostRecord, RunDir, RunRecord};
use crate::result::summary::{Verdict, WorkloadModel};
use crate::run::call_log::CallLog;
use crate::run::conduct::{ConductError, Conducted, Setup, conduct};
use crate::run::cores::cores;
use crate::run::descriptors;
use crate::run::players::{Choice, Players};
use crate::run::renewals::Renewals;
use crate::run::stage::run_id;
use crate::run::summarise::{dossier, drift, summarise, windows};
use crate::workload::mix::Mix;
use crate::workload::settings::Model;
use std::error::Error;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
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
    /// Journeys and weights instead of the profile's: `sign-on=7,register=2`
    #[arg(short, long = "journey", value_name = "NAME=WEIGHT", value_delimiter = ',')]
    journeys: Vec<String>,
    /// A flow policy under a name, instead of the profile's variants (repeatable)
    #[arg(long = "variant", value_name = "NAME=POLICY")]
    variants: Vec<String>,
    /// What iterations are counted under: the variants of the profile, or the flow that answers each,
    /// where one policy splits its traffic among versions
    #[arg(long, value_name = "WHAT", value_parser = ["profile", "flow"])]
    variant_by: Option<String>,
    /// A rule that the result has to keep, such as `sign-on.p95 < 800ms` (repeatable)
    #[arg(long = "threshold", value_name = "RULE")]
    thresholds: Vec<String>,
    /// Stop the run as soon as a threshold does not hold; what is under way may end
    #[arg(long)]
    abort_on_fail: bool,
    /// Where the run is written; without it, a new folder in `reports`
    #[arg(short, long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Make so many whole runs, one after another, with seeds that follow each other: what differs
    /// between them is what a comparison has to be larger than
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=100))]
    repeat: Option<u16>,
    /// Print the summary as JSON to standard output; with --repeat each on a line of its own
    #[arg(long)]
    json: bool,
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
    check_room(&checked.profile.workload.model, terminal)?;
    watch::check(&args.watch, terminal)?;
    let doors = watch::open(&args.watch)?;
    ending.listen().map_err(|error| {
        Failure::new(Exit::Bug, format!("signals cannot be heard: {error}"), None)
    })?;
    // However this ends, nothing is told behind a full-screen view.
    let _restored = tui::Restored;
    let clock = Clock::system();
    let run = run_id(&clock);
    let dir = make_dir(args, &run)?;
    let made = dir.clone();
    let order = Order {
        run,
        folder: dir.path().to_owned(),
        accounts: None,
        call_ids: args.calls.is_some(),
    };
    terminal.say(&format!("{} {}", terminal.paint(Style::Faint, "run"), dir.path().display()));
    let outcome = runtime.block_on(async {
        let ground = tokio::select! {
            ground = prepare::ground(&args.selection, checked, order) => ground?,
            () = asked_to_stop(ending.stop()) => {
                terminal.say("stopped before any load; accounts made so far are on the ledger");
                return Ok(Exit::Interrupted);
            }
        };
        measure(args, &ground, dir, (clock, ending, doors), terminal).await
    });
    // Iterations that hang must not keep the process; everything worth keeping is on disk.
    runtime.shutdown_background();
    if outcome.is_err() {
        made.give_up(is_of_nobody);
    }
    outcome.map(|exit| (exit, made))
}

async fn measure(
    args: &RunArgs,
    ground: &Ground,
    dir: RunDir,
    (clock, ending, doors): (Clock, Ending, Doors),
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let setup = setup(args, ground, dir)?;
    terminal.explain(&format!("tenant at {}, seed {}", ground.addresses(), ground.opened.seed));
    let (listeners, views) = watch::listeners(&args.watch, doors, &setup, &ending, terminal)?;
    let conducted = conduct(setup, clock, ending.stop().clone(), listeners).await;
    ending.load_is_over();
    let conducted = conducted.map_err(|error| match error {
        // A disk that is full is nobody's bug; what was written can be reported.
        ConductError::Write(_) => Failure::of(Exit::WrongInput, &error),
        _ => Failure::of(Exit::Bug, &error),
    })?;
    let Conducted { dir, record, tally, load, unwritten, unmended, .. } = conducted;
    // Judged by what is on file, as everybody will who finds it there.
    let (windows, unwritten) = match (unwritten, windows(&dir, &record)) {
        (None, Ok(windows)) => (Some(windows), None),
        (unwritten, windows) => (None, unwritten.or(windows.err())),
    };
    let lost = unwritten.as_ref().map(|error| format!("the results could not be written: {error}"));
    let stopped = lost.or_else(|| record.stopped.clone());
    let mut summary = summarise(&record, &tally, windows.as_ref(), stopped);
    // What cannot be read now is not there for the reports either, which say so.
    summary.drift = drift(&dir, &record).unwrap_or(None);
    if load.stuck > 0 {
        summary.verdict = Verdict::Invalid;
        let what = "iterations could not be ended: a bug in gander, or a machine that stood still";
        summary.reasons.insert(0, format!("{} {what}", load.stuck));
    }
    // A directory without its last seconds is left without an end and without a summary.
    let unwritten = unwritten.or_else(|| dir.write_summary(&summary).err());
    if unwritten.is_none() {
        leave_reports(&dir, terminal);
    }
    ending.is_settled(match unwritten {
        Some(_) => Exit::WrongInput,
        None => Exit::of_run(summary.verdict, record.interrupted),
    });
    if let Some(error) = unmended {
        caution_of_accounts(&error, &ground.opened.kept, terminal);
    }
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

/// Puts the reports into the run directory that every run leaves there, rendered from its files. The
/// result is safe by now: what keeps a report from being made is told, and the report can be made later.
fn leave_reports(dir: &RunDir, terminal: &Terminal) {
    let caution = |what: &str| {
        let again = format!("`gander report {}` makes reports again", dir.path().display());
        terminal.say(&format!("{} {what}; {again}", terminal.paint(Style::Bad, "caution")));
    };
    let dossier = match dossier(dir) {
        Ok(dossier) => dossier,
        Err(error) => return caution(&format!("there are no reports: {error}")),
    };
    for format in FORMATS {
        let Some(file) = format.file else { continue };
        // A defect in a drawing is no reason to lose what comes after it.
        let text = catch_unwind(AssertUnwindSafe(|| format.rendered(&dossier)));
        let written = match text {
            Ok(Ok(text)) => dir.replace(file, text.as_bytes()).map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("a bug in gander".to_owned()),
        };
        if let Err(why) = written {
            caution(&format!("there is no `{file}`: {why}"));
        }
    }
}

fn setup(args: &RunArgs, ground: &Ground, dir: RunDir) -> Result<Setup<Players>, Failure> {
    let Ground { checked, opened, tenants, .. } = ground;
    let profile = &checked.profile;
    let mut choices = Vec::new();
    let mut weights = Vec::new();
    for (variant, stage) in profile.variants.iter().zip(&opened.stages) {
        for (script, weight) in &checked.journeys {
            choices.push(Choice {
                script: script.clone(),
                variant: variant.name.clone(),
                policy: variant.policy(&script.name).map(str::to_owned),
                stage: stage.clone(),
            });
            weights.push(variant.weight * weight);
        }
    }
    let mix =
        Mix::new(&weights, opened.seed).map_err(|error| Failure::of(Exit::WrongInput, &error))?;
    let plan = Plan::new(profile.workload.clone(), mix, opened.seed);
    let calls = args.calls.as_deref().map(CallLog::create).transpose().map_err(|error| {
        Failure::new(
            Exit::WrongInput,
            format!("the file of calls cannot be written: {error}"),
            None,
        )
    })?;
    // The runtime's workers record, and the thread that waits for them may.
    let recorder = Recorder::new(cores() as usize + 1, opened.seed);
    let numbering = (opened.next_index, calls);
    let transport = opened.transport.clone();
    let players = Players::new(Clock::system(), transport, recorder.clone(), choices, numbering);
    let is_open = profile.workload.model.is_open();
    let players = if is_open { players.on_a_schedule() } else { players };
    let players = match profile.variant_by {
        VariantBy::Flow => players.by_flow(profile.workload.model.users()),
        VariantBy::Profile => players,
    };
    let planned = profile.workload.closes_after().map(|closes| closes + profile.workload.drain);
    let record = RunRecord {
        schema_version: crate::result::summary::SCHEMA_VERSION,
        gander_version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: opened.run.clone(),
        started_at: String::new(),
        started_unix_ms: 0,
        ended_at: None,
        interrupted: false,
        stopped: None,
        never_looked: Vec::new(),
        seed: opened.seed.to_string(),
        workload_model: if is_open { WorkloadModel::Open } else { WorkloadModel::Closed },
        max_users: is_open.then(|| profile.workload.model.users() as u64),
        planned_ms: planned.map(|planned| u64::try_from(planned.as_millis()).unwrap_or(u64::MAX)),
        reply_timeout_ms: u64::try_from(profile.http.reply_timeout.as_millis()).unwrap_or(u64::MAX),
        thresholds: checked.rules().iter().map(ToString::to_string).collect(),
        host: HostRecord {
            name: std::fs::read_to_string("/proc/sys/kernel/hostname")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cores: cores().into(),
        },
        tenant_hosts: hosts(tenants),
        flows: Vec::new(),
        plan: checked.plan.clone(),
    };
    Ok(Setup {
        plan,
        performer: Arc::new(players),
        recorder,
        dir,
        record,
        guards: profile.guards.clone(),
        lookouts: checked.lookouts(args.abort_on_fail),
        first_index: opened.next_index,
        renewals: Renewals::of(&opened.bearers, &opened.kept),
        ledger: opened.ledger.clone(),
        kept: opened.kept.clone(),
    })
}

/// The hosts that may be called, each once.
fn hosts(tenants: &[Tenant]) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for host in tenants.iter().flat_map(|tenant| &tenant.hosts) {
        if !hosts.contains(host) {
            hosts.push(host.clone());
        }
    }
    hosts
}

/// Users in turn are all at work at once; of those who wait for arrivals as many as the tenant is slow.
fn check_room(model: &Model, terminal: &Terminal) -> Result<(), Failure> {
    let Err(error) = descriptors::check_room(model.users() as u64, descriptors::limit()) else {
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
fn caution_of_accounts(
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
fn is_of_nobody(ledger: &[u8]) -> bool {
    Book::read(ledger).is_ok_and(|book| {
        book.accounts.is_empty() && book.removed == 0 && book.sound_length == ledger.len()
    })
}

fn make_dir(args: &RunArgs, run: &RunId) -> Result<RunDir, Failure> {
    let made = match &args.out {
        Some(path) => RunDir::create_at(path),
        None => RunDir::create(&PathBuf::from("reports"), run),
    };
    made.map_err(|error| Failure::of(Exit::WrongInput, &error))
}

/// Until somebody asks to stop. Nothing is under way yet that could finish.
async fn asked_to_stop(stop: &Stop) {
    while stop.requests() == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl RunArgs {
    /// The same for one run of several.
    pub(super) fn for_one(&self, seed: Seed, out: Option<PathBuf>) -> Self {
        Self { selection: self.selection.with_seed(seed), out, ..self.clone() }
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
        if !self.journeys.is_empty() {
            lines.push("[journeys]".to_owned());
        }
        for journey in &self.journeys {
            let (name, weight) = journey.split_once('=').unwrap_or((journey, "1"));
            let weight: f64 =
                weight.trim().parse().map_err(|_| bad("--journey", journey, "sign-on=7"))?;
            lines.push(format!("{} = {weight:?}", quoted(name.trim())));
        }
        for variant in &self.variants {
            let (name, policy) = variant
                .split_once('=')
                .ok_or_else(|| bad("--variant", variant, "v2=FLOW_POLICY_ID"))?;
            let (name, policy) = (quoted(name), quoted(policy));
            lines.push(format!("[[variant]]\nname = {name}\nflow_policy = {policy}"));
        }
        let document = lines.join("\n");
        Ok(Flags { document, thresholds: self.thresholds.clone(), ..Flags::default() })
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn bad(flag: &str, value: &str, example: &str) -> Failure {
    let remedy = format!("write it like `{flag} {example}`");
    Failure::new(Exit::WrongInput, format!("`{flag} {value}` cannot be read"), Some(&remedy))
}
