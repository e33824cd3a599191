//! `gander capacity`: level by level, each a run of its own, and what comes of them all.

use super::aside;
use super::capacity_journal::Journal;
use super::capacity_level::Prober;
use super::ending::Ending;
use super::exit::{Exit, Failure};
use super::mix::{self, MixArgs, quoted};
use super::prepare::{self, Ground, Order, Selection};
use super::report_search::shown;
use super::run::{asked_to_stop, is_of_nobody, stopped};
use super::terminal::{Style, Terminal};
use super::walk;
use crate::analysis::capacity::exit::exit;
use crate::analysis::capacity::found::{Asked, Level, LevelVerdict, Purpose, Reason};
use crate::analysis::capacity::level;
use crate::analysis::capacity::search::Step;
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::base::units::{Rate, Share, Span};
use crate::profile::check::Checked;
use crate::profile::load::Flags;
use crate::report::capacity::json;
use crate::result::capacity::SearchDir;
use crate::run::capacity::first_level;
use crate::run::ledger_file::LEDGER;
use crate::run::stage::run_id;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Find the highest arrival rate at which all thresholds hold.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Each level of load is a run of its own, below `probes` in the directory of the search. \
        Exit codes: 0 if the tenant's capacity was found, or everything up to `--to` passed, and what is \
        needed is there; 4 if it is not, if no level passed, or if something else was the limit (429, a \
        block, accounts); 5 if gander was; 130 if interrupted."
)]
pub(super) struct CapacityArgs {
    #[command(flatten)]
    selection: Selection,
    /// Do not perform each journey once before the load, as is done at a tenant that is not this machine
    #[arg(long)]
    no_walk_first: bool,
    /// First level, such as `2/s`; without it the rate of the workload, or 1/s
    #[arg(long, value_name = "RATE")]
    from: Option<String>,
    /// Highest level that is tried; against a tenant there has to be one
    #[arg(long, value_name = "RATE")]
    to: Option<String>,
    /// How wide the bracket may be that is the answer, such as `5%`
    #[arg(long, value_name = "SHARE")]
    resolution: Option<String>,
    /// How many levels are tried at most, the confirmation not counted
    #[arg(long, value_name = "N")]
    probes: Option<u32>,
    /// How long the answer is held to confirm it, such as `5m`; `0s` for not at all
    #[arg(long, value_name = "TIME")]
    hold: Option<String>,
    /// What is needed, such as `20/s`: tells the head-room, and fails where it is not there
    #[arg(long, value_name = "RATE", conflicts_with = "forecast")]
    plan: Option<String>,
    /// The same as a forecast, such as `60000/h peak 3`
    #[arg(long, value_name = "FORECAST")]
    forecast: Option<String>,
    #[command(flatten)]
    mix: MixArgs,
    /// A rule that has to hold besides those of the profile, such as `sign-on.p95 < 800ms` (repeatable)
    #[arg(long = "threshold", value_name = "RULE")]
    thresholds: Vec<String>,
    /// Where the search is written; without it, a new folder in `reports`
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print what was found as JSON to standard output
    #[arg(long)]
    json: bool,
}

impl CapacityArgs {
    /// What the flags say, as a document laid over the profile.
    fn flags(&self) -> Result<Flags, Failure> {
        // As they were written: a reader of the profile says what is wrong with them.
        let text = |given: &Option<String>| given.as_deref().map(quoted);
        let mut lines = mix::table(
            "capacity",
            &[
                ("from", text(&self.from)),
                ("to", text(&self.to)),
                ("resolution", text(&self.resolution)),
                ("probes", self.probes.map(|probes| probes.to_string())),
                ("hold", text(&self.hold)),
                ("plan", text(&self.plan)),
                ("forecast", text(&self.forecast)),
            ],
        );
        lines.extend(self.mix.lines()?);
        let document = lines.join("\n");
        Ok(Flags { document, thresholds: self.thresholds.clone(), ..Flags::default() })
    }
}

pub(super) fn capacity(args: &CapacityArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    // Nothing that is told holds up what is measured, written or ended.
    aside::begin();
    let checked = prepare::read_or(prepare::CAPACITY, &args.selection, args.flags()?)?;
    check_most(&checked)?;
    check_cost(&checked, terminal)?;
    let runtime = super::runtime()?;
    let ending = Ending::of_series(terminal);
    listen(&ending)?;
    let run = run_id(&Clock::system());
    let dir = make_dir(args.out.as_deref(), &run)?;
    terminal.say(&format!("{} {}", terminal.paint(Style::Faint, "search"), dir.path().display()));
    let order = Order {
        run,
        folder: dir.path().to_owned(),
        accounts: None,
        call_ids: false,
        continued: None,
        weigh: Some(check_cost),
    };
    let outlives = checked.profile.names_tenant;
    let outcome = runtime.block_on(async {
        let is_outside = checked.profile.tenants().any(|(_, tenant)| !tenant.is_loopback);
        let prepared = async {
            let mut ground = prepare::ground(&args.selection, checked, order, terminal).await?;
            if is_outside && !args.no_walk_first {
                walk::first(&mut ground, terminal).await?;
            }
            Ok(ground)
        };
        let ground = tokio::select! {
            ground = prepared => ground?,
            () = asked_to_stop(ending.stop()) => {
                terminal.say(&stopped(&args.selection, outlives, &dir.path().join(LEDGER)));
                return Ok(Exit::Interrupted);
            }
        };
        let ended = search(args, &ground, &dir, ending, terminal).await;
        ground.tell_codes(0, terminal);
        ended
    });
    // Iterations that hang must not keep the process; everything worth keeping is on disk.
    runtime.shutdown_background();
    if outcome.is_err() {
        dir.give_up(is_of_nobody);
    }
    outcome
}

/// Level by level until the search is over.
async fn search(
    args: &CapacityArgs,
    ground: &Ground,
    dir: &SearchDir,
    mut ending: Ending,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let settings = &ground.checked.profile.capacity;
    let mut journal = Journal::begin(ground, dir, terminal)?;
    terminal.say(&plan_of_search(journal.asked(), settings.measure));
    let mut prober = Prober::new(ground, dir, terminal);
    let over = loop {
        let (rate_per_s, purpose) = match journal.next() {
            Step::Done(over) => break over,
            Step::Probe { rate_per_s, purpose } => (rate_per_s, purpose),
        };
        let order = level::Order {
            cool_down: journal.cool_down(settings.cool_down),
            has_passed_below: journal.has_passed(rate_per_s),
            ..order(ground, rate_per_s, purpose)
        };
        terminal.say(&heading(prober.next_number(), &order, purpose));
        let mut probed = prober.level(order, purpose, &ending).await?;
        // From here on it is the next level that is interrupted.
        let next = Ending::of_series(terminal);
        listen(&next)?;
        if ending.is_to_go() {
            probed.level.stops.get_or_insert(Reason::User);
        }
        terminal.say(&told(&probed.level));
        journal.note(probed)?;
        ending = next;
    };
    let found = journal.end(over)?;
    if args.json {
        let text = json::render(&found).map_err(|error| Failure::of(Exit::Bug, &error))?;
        terminal.data_aside(text.trim_end().to_owned());
    }
    terminal.say(&format!("\n{}", shown(&found, dir, terminal).trim_end()));
    Ok(exit(&found))
}

/// What is to be found out at a level, were it the first.
fn order(ground: &Ground, rate_per_s: f64, purpose: Purpose) -> level::Order {
    let profile = &ground.checked.profile;
    let settings = &profile.capacity;
    level::Order {
        rate_per_s,
        rules: ground.checked.rules(),
        reply_timeout: profile.http.reply_timeout,
        settle: settings.settle,
        measure_at_least: settings.measure_at_least,
        measure: settings.measure,
        cool_down: None,
        has_passed_below: false,
        hold: (purpose == Purpose::Hold).then_some(settings.hold),
    }
}

/// Nobody finds out by accident what a tenant takes that belongs to others as well.
fn check_most(checked: &Checked) -> Result<(), Failure> {
    let is_outside = checked.profile.tenants().any(|(_, tenant)| !tenant.is_loopback);
    if !is_outside || checked.profile.capacity.to.is_some() {
        return Ok(());
    }
    let what = "nobody said how far the search may go against a tenant";
    let remedy = "give it `--to RATE` or `capacity.to`: what the tenant's owner agreed to";
    Err(Failure::new(Exit::WrongInput, what, Some(remedy)))
}

/// Tells what the longest search costs, and refuses one that is sure to be more than the tenant allows. How many
/// calls are answered is what it is there to find out.
fn check_cost(checked: &Checked, terminal: &Terminal) -> Result<(), Failure> {
    tell_room(checked, terminal);
    if checked.profile.capacity.to.is_none() {
        return Ok(());
    }
    let longest = checked.at_most_searched(first_level(&checked.profile.workload));
    if checked.is_costly() {
        terminal.say("the longest search, if every level passes:");
    }
    prepare::weigh(&longest, longest.overspending_besides_calls(), terminal)
}

/// How far the licence lets a search go, where that is known and less than it may go.
fn tell_room(checked: &Checked, terminal: &Terminal) {
    let Some(room) = checked.budget().highest_per_s else { return };
    if checked.profile.capacity.to.is_some_and(|to| to.per_second <= room) {
        return;
    }
    let caution = terminal.paint(Style::Bad, "caution");
    terminal.say(&format!(
        "{caution} the licence has room for {room:.2}/s of iterations by `[limits]`: a level far above it ends in 429, \
         and the search with it"
    ));
}

fn listen(ending: &Ending) -> Result<(), Failure> {
    ending
        .listen()
        .map_err(|error| Failure::new(Exit::Bug, format!("signals cannot be heard: {error}"), None))
}

fn make_dir(out: Option<&Path>, run: &RunId) -> Result<SearchDir, Failure> {
    let made = match out {
        Some(path) => SearchDir::create_at(path),
        None => SearchDir::create(Path::new("reports"), run),
    };
    made.map_err(|error| Failure::of(Exit::WrongInput, &error))
}

/// What is to come, before anything is sent.
fn plan_of_search(asked: &Asked, measure: Duration) -> String {
    let rate = |per_second: f64| Rate { per_second };
    let to = asked.to_per_s.map(|to| format!(" up to {}", rate(to))).unwrap_or_default();
    let hold = match Duration::from_secs_f64(asked.hold_s) {
        Duration::ZERO => String::new(),
        hold => format!("; then {} at the highest that passes", Span(hold)),
    };
    format!(
        "from {}{to}, × {} while everything holds, then to within {}: at most {} levels of up to {} measured{hold}",
        rate(asked.from_per_s),
        asked.climb,
        Share(asked.resolution),
        asked.most_probes,
        Span(measure),
    )
}

/// The line above a level.
fn heading(number: u32, order: &level::Order, purpose: Purpose) -> String {
    let why = PURPOSES.iter().find(|(of, _)| *of == purpose).map_or("", |(_, why)| why);
    let rest = order.cool_down.map(|rest| {
        let rate = Rate { per_second: rest.rate_per_s };
        format!(", after a rest at {rate} until times are back")
    });
    let rate = Rate { per_second: order.rate_per_s };
    format!("\nlevel {number}: {rate}, {why}{}", rest.unwrap_or_default())
}

/// Purposes as a person reads them behind a rate.
const PURPOSES: &[(Purpose, &str)] = &[
    (Purpose::Climb, "where the limit is not known yet"),
    (Purpose::Narrow, "between what passed and what failed"),
    (Purpose::Repeat, "again"),
    (Purpose::Hold, "to confirm it"),
];

/// The line below a level.
fn told(level: &Level) -> String {
    let word = match level.verdict {
        LevelVerdict::Pass => "passes",
        LevelVerdict::Fail => "fails",
        LevelVerdict::Undecided => "cannot be told",
        LevelVerdict::Void => "says nothing about the tenant",
    };
    let rate = Rate { per_second: level.rate_per_s };
    let settled = if level.is_settled { "settled in" } else { "not settled after" };
    let times = format!(
        "{settled} {:.0} s, measured for {:.0} s, {} due",
        level.settling_s, level.measured_s, level.due
    );
    let reasons: String = level.reasons.iter().map(|why| format!("\n  {why}")).collect();
    format!("{rate} {word} ({times}){reasons}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(to_per_s: Option<f64>, hold_s: f64) -> Asked {
        let (from_per_s, resolution, climb, most_probes) = (2.0, 0.05, 1.5, 20);
        Asked { from_per_s, to_per_s, resolution, climb, most_probes, hold_s, rules: Vec::new() }
    }

    #[test]
    fn a_search_says_what_is_to_come() {
        let measure = Duration::from_secs(120);
        assert_eq!(
            plan_of_search(&asked(Some(200.0), 300.0), measure),
            "from 2/s up to 200/s, × 1.5 while everything holds, then to within 5%: at most 20 levels of up \
             to 2m measured; then 5m at the highest that passes"
        );
        assert_eq!(
            plan_of_search(&asked(None, 0.0), measure),
            "from 2/s, × 1.5 while everything holds, then to within 5%: at most 20 levels of up to 2m measured"
        );
    }
}
