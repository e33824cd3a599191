//! One level of a search for capacity: a run of its own on the ground of them all, steered, settled and judged.

use super::assemble::{Undertaking, setup};
use super::ending::Ending;
use super::exit::{Exit, Failure};
use super::prepare::Ground;
use super::progress::Watcher;
use super::run::{caution_of_accounts, why_not_conducted};
use super::settle::{Settled, settle};
use super::terminal::Terminal;
use crate::analysis::capacity::assemble::Probed;
use crate::analysis::capacity::found::{Level, LevelVerdict, Purpose, Reason};
use crate::analysis::capacity::judge::judge;
use crate::analysis::capacity::level::Order;
use crate::analysis::threshold::Evidence;
use crate::base::clock::Clock;
use crate::base::random::Seed;
use crate::measure::series::Phases;
use crate::result::capacity::SearchDir;
use crate::result::run_dir::RunDir;
use crate::run::capacity::{Steering, load_of, plan_of};
use crate::run::conduct::{Listener, conduct};
use crate::workload::settings::Settings;
use std::time::Duration;

/// How long users may take to end who have to stop: where they hang, no other level can follow.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tries levels, one after another. What they share goes on from each to the next.
pub(super) struct Prober<'a> {
    ground: &'a Ground,
    dir: &'a SearchDir,
    terminal: &'a Terminal,
    /// How many users at once, where the profile says so.
    max_users: Option<usize>,
    /// Number of the level before.
    number: u32,
    /// Number of the first persona that nobody has been yet.
    next_index: u64,
}

impl<'a> Prober<'a> {
    pub(super) fn new(ground: &'a Ground, dir: &'a SearchDir, terminal: &'a Terminal) -> Self {
        let said = ground.checked.plan.pointer("/workload/max_users").is_some();
        let max_users = said.then(|| ground.checked.profile.workload.model.users());
        Self { ground, dir, terminal, max_users, number: 0, next_index: ground.opened.next_index }
    }

    /// The number of the level that is to be tried next.
    pub(super) const fn next_number(&self) -> u32 {
        self.number + 1
    }

    /// Tries a level, and says what came of it and of its run.
    pub(super) async fn level(
        &mut self,
        order: Order,
        purpose: Purpose,
        ending: &Ending,
    ) -> Result<Probed, Failure> {
        self.number += 1;
        let wrong = |error: &_| Failure::of(Exit::WrongInput, error);
        let (dir, name) = self.dir.probe(self.number).map_err(|error| wrong(&error))?;
        let steering = Steering::new(order.clone());
        let settled = self.run(&order, &steering, dir, ending).await?;
        if let Some(error) = settled.unwritten {
            return Err(wrong(&error));
        }
        let watched = steering.seen(|watch| watch.watched());
        let on = Evidence {
            tally: &settled.tally,
            windows: settled.windows.as_ref(),
            reply_timeout: order.reply_timeout,
        };
        let judged = judge(&order, (&watched, settled.breach.as_ref()), &on, &settled.summary);
        let level = Level { probe: self.number, purpose, dir: name, ..judged };
        let level = ended_early(level, &settled);
        Ok(Probed { level, summary: settled.summary })
    }

    async fn run(
        &mut self,
        order: &Order,
        steering: &Steering,
        dir: RunDir,
        ending: &Ending,
    ) -> Result<Settled, Failure> {
        let load = load_of(order, &self.ground.checked.profile.workload, self.max_users);
        let mut setup = setup(self.ground, self.undertaking(&load), dir)?;
        setup.plan = setup.plan.with_moving_phases();
        setup.plan.patience = PATIENCE;
        let _ = setup.plan.rate.as_ref().map(|rate| rate.set(order.first_factor()));
        setup.pilot = Some(Box::new(steering.clone()));
        let plan = setup.plan.clone();
        let listeners: Vec<Box<dyn Listener>> =
            vec![Box::new(Watcher::new(self.terminal, &setup.plan))];
        let conducted = conduct(setup, Clock::system(), ending.stop().clone(), listeners).await;
        ending.load_is_over();
        let mut conducted = conducted.map_err(|error| why_not_conducted(&error))?;
        self.next_index += conducted.load.total().due;
        // Its phases are known now. Where nothing more can be written, the record is as it was.
        if conducted.unwritten.is_none() {
            let measured_ends = Some(conducted.load.closed - conducted.load.started);
            let phases = Phases { measured_ends, ..plan.phases() };
            conducted.record.plan = plan_of(&self.ground.checked.plan, &load, phases);
            conducted.unwritten = conducted.dir.write_run(&conducted.record).err();
        }
        let settled = settle(conducted, self.terminal);
        if let Some(error) = &settled.unmended {
            caution_of_accounts(error, &self.ground.opened.kept, self.terminal);
        }
        Ok(settled)
    }

    /// The run of a level. Each draws its own arrivals: with the same ones a repeat would repeat their
    /// accidents, too.
    fn undertaking(&self, load: &Settings) -> Undertaking {
        let of_ground = Undertaking::of(self.ground);
        let phases = Phases { warm_up_ends: load.warm_up, measured_ends: load.closes_after() };
        Undertaking {
            run: format!("{}-{:02}", of_ground.run, self.number).into(),
            seed: Seed(of_ground.seed.0.wrapping_add(self.number.into())),
            first_index: self.next_index,
            plan: plan_of(&of_ground.plan, load, phases),
            workload: load.clone(),
            // A level at which calls are turned down says what it has to say.
            pauses: false,
            ..of_ground
        }
    }
}

/// A level whose run was ended by something else than its pilot or a guard says nothing about the tenant, and
/// ends the search, unless what ended it is named already.
fn ended_early(level: Level, run: &Settled) -> Level {
    let (reason, why) = match (run.record.interrupted, &run.record.stopped) {
        (true, _) => (Reason::User, "somebody ended it"),
        _ if run.left_behind => (Reason::GeneratorSaturated, HANGING),
        // What a guard ended is judged already.
        (false, Some(why)) if level.stops.is_none() && run.breach.is_none() => {
            (Reason::Aborted, why.as_str())
        }
        _ => return level,
    };
    let mut reasons = level.reasons;
    reasons.insert(0, why.to_owned());
    Level { verdict: LevelVerdict::Void, stops: Some(reason), reasons, ..level }
}

/// Why no level can come after one whose users could not be ended.
const HANGING: &str =
    "users still hang in this process, which could not keep up: another level would not be alone";
