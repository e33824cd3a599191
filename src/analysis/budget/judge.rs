//! Whether a load fits a licence: calls by rate group at the peak, held against what may be used.

use super::groups::{CALLBACK, DIRECTORY_READ, DIRECTORY_WRITE, GROUPS, Group, START};
use super::limits::Limits;
use super::load::Load;
use super::mails::Supply;
use crate::base::names::Journey;
use crate::base::units::Rate;

/// The part of what may be used above which it is tight: what a licence warns its owner at, and room for arrivals
/// that bunch.
pub const TIGHT: f64 = 0.75;

/// What one iteration of a journey does to a tenant, as far as it is known before.
#[derive(Clone, Debug, PartialEq)]
pub struct Footprint {
    /// The journey.
    pub journey: Journey,
    /// Its part of all iterations, 0 to 1.
    pub share: f64,
    /// Calls by rate group.
    pub calls: Vec<(&'static str, f64)>,
    /// Whether its author said how many forms it answers; otherwise each of its rules counts once.
    pub is_told: bool,
    /// Accounts that it makes.
    pub creates: f64,
    /// Mails that it has sent, at most.
    pub mails: f64,
    /// The state of account that it takes, whose owner gets the mails; none if it makes its own.
    pub account: Option<&'static str>,
}

/// Everything that a budget is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What iterations do.
    pub footprints: Vec<Footprint>,
    /// How many of them there are when.
    pub load: Load,
    /// What the licence allows.
    pub limits: Limits,
    /// How many addresses calls go out from.
    pub addresses: usize,
    /// Whether users think between their steps, so that what follows on their starts does not come at once.
    pub thinks: bool,
    /// Whether a browser's OPTIONS goes before each call. Nobody knows which group they count in.
    pub preflights: bool,
    /// Accounts by state and variant.
    pub accounts: Vec<Supply>,
    /// Accounts that are made before the load by the worker.
    pub provisioned: u64,
    /// The worker that makes accounts and puts them right.
    pub worker: Option<Worker>,
    /// Whether its rates are averages, as those of Poisson arrivals are.
    pub bunches: bool,
    /// Iterations that are walked before the load, one of each journey and variant.
    pub walked: u64,
    /// The registrations before the load that give it its accounts.
    pub before: Option<Box<Self>>,
}

/// Who calls the management API.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worker {
    /// Calls a second, at most.
    pub rate: Rate,
    /// Whether it makes accounts, as fast as it may; otherwise it puts them right, now and then.
    pub makes: bool,
}

/// Whether calls of a group fit.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fit {
    /// Neither the limit nor, perhaps, the load is known.
    Unknown,
    /// There is room.
    Fits,
    /// It fits on average, and arrivals that bunch may exceed it.
    Tight,
    /// It is more than may be used.
    Exceeds,
}

impl Fit {
    /// As people read it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Fits => "fits",
            Self::Tight => "tight",
            Self::Exceeds => "too much",
        }
    }
}

/// One rate group.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its name.
    pub group: &'static str,
    /// What counts in it.
    pub covers: &'static str,
    /// Calls of an iteration, over all journeys; none where the worker calls, not iterations.
    pub per_iteration: Option<f64>,
    /// Calls a second at the peak, where the rate is known.
    pub peak_per_s: Option<f64>,
    /// The licence's rate.
    pub licence: Option<Rate>,
    /// What of it may be used.
    pub usable: Option<Rate>,
    /// Whether it fits.
    pub fit: Fit,
    /// When the first call is turned down, in seconds from the first start.
    pub first_refusal_s: Option<f64>,
    /// Calls of users who are let in in the same moment, where those are more than may be used.
    pub at_once: Option<f64>,
    /// Whether the tenant itself said the licence's rate.
    pub is_asked: bool,
    /// Why it is not judged though its limit is known, or how.
    pub note: Option<&'static str>,
}

/// What a load comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// By rate group; those without a call left out.
    pub rows: Vec<Row>,
    /// Iterations a second at the peak, where they are known.
    pub peak_per_s: Option<f64>,
    /// The highest rate of iterations that fits every group whose limit is known.
    pub highest_per_s: Option<f64>,
    /// What it costs, what comes before it included.
    pub cost: Cost,
    /// The registrations before it.
    pub before: Option<Box<Self>>,
}

/// What a load costs a tenant. What is not known before is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// Flow starts a second at the peak.
    pub starts_per_s: Option<f64>,
    /// All calls of iterations a second at the peak.
    pub calls_per_s: Option<f64>,
    /// Calls of one iteration, over all journeys, preflights included.
    pub calls_per_iteration: f64,
    /// Whether half of them are preflights.
    pub preflights: bool,
    /// Whether these rates are averages: arrivals bunch.
    pub bunches: bool,
    /// Iterations that are walked before the load, each with an account; in no other number.
    pub walked: u64,
    /// Iterations in all.
    pub iterations: Option<f64>,
    /// Accounts that are made or registered before the load.
    pub provisioned: f64,
    /// Accounts that journeys make.
    pub registered: Option<f64>,
    /// Mails in all, at most.
    pub mails: Option<f64>,
    /// Mails that one account gets in a day, at most, and the state of the accounts that get most.
    pub mails_per_account: Option<(f64, &'static str)>,
    /// Where that is not known: after how many iterations an account has got all that are sent in a day.
    pub mails_run_out_after: Option<(f64, &'static str)>,
}

impl Cost {
    /// Identities that count for the licence: each that is made signs on, or has a password set.
    pub fn identities(&self) -> Option<f64> {
        self.registered.map(|registered| registered + self.provisioned)
    }
}

impl Budget {
    /// Holds a plan against its limits.
    pub fn of(plan: &Plan) -> Self {
        let rows: Vec<_> = GROUPS.iter().filter_map(|group| plan.row(group)).collect();
        let before = plan.before.as_ref().map(|plan| Box::new(Self::of(plan)));
        let room = |row: &Row| Some(row.usable?.per_second * TIGHT / row.per_iteration?);
        let highest_per_s = rows.iter().filter_map(room).reduce(f64::min);
        let peak_per_s = plan.load.peak_per_s();
        let cost = plan.cost(&rows, before.as_deref().map(|before| &before.cost));
        Self { rows, peak_per_s, highest_per_s, cost, before }
    }

    /// How the worst group fits.
    pub fn fit(&self) -> Fit {
        self.rows.iter().map(|row| row.fit).max().unwrap_or(Fit::Unknown)
    }

    /// The group whose calls are turned down first, and when, in seconds from the first start.
    pub fn first_refusal(&self) -> Option<(&Row, f64)> {
        let refused = self.rows.iter().filter_map(|row| Some((row, row.first_refusal_s?)));
        refused.min_by(|(_, one), (_, other)| one.total_cmp(other))
    }
}

impl Plan {
    fn per_iteration(&self, group: &str) -> f64 {
        let of = |footprint: &Footprint| {
            let calls = footprint.calls.iter().filter(|(name, _)| *name == group);
            footprint.share * calls.map(|(_, calls)| calls).sum::<f64>()
        };
        self.footprints.iter().map(of).sum()
    }

    fn row(&self, group: &Group) -> Option<Row> {
        let Group { name, covers, .. } = *group;
        let (licence, usable) = (self.limits.rate(name), self.limits.usable(name, self.addresses));
        let is_asked = self.limits.is_asked(name);
        let row = Row { group: name, covers, licence, usable, is_asked, ..Row::EMPTY };
        let per_iteration = self.per_iteration(name);
        if per_iteration > 0.0 {
            return Some(self.of_iterations(row, per_iteration));
        }
        let worker = self.worker.filter(|_| name == DIRECTORY_WRITE || name == DIRECTORY_READ);
        match (worker, licence) {
            (Some(worker), _) if name == DIRECTORY_WRITE => {
                Some(of_worker(row, worker, (worker.makes, None)))
            }
            (Some(worker), Some(_)) => Some(of_worker(row, worker, (false, Some(SOME_READ)))),
            (None, Some(_)) if name == CALLBACK && !is_asked => {
                Some(Row { note: Some(POLLS), ..row })
            }
            _ => None,
        }
    }

    fn of_iterations(&self, row: Row, per_iteration: f64) -> Row {
        let at_start = row.group == START;
        let each = match (at_start, self.thinks) {
            // The first call of each, and no other: what comes later does not come at once.
            (true, _) => 1.0,
            (false, true) => 0.0,
            (false, false) => per_iteration,
        };
        let usable = row.usable.map(|usable| usable.per_second);
        let steady = usable.and_then(|usable| self.load.first_refusal_s(per_iteration, usable));
        let together = usable.and_then(|usable| self.load.first_refusal_of_entries_s(each, usable));
        let peak = self.load.peak_per_s().map(|peak| peak * per_iteration);
        let is_sure = steady.is_some() || at_start && together.is_some();
        let fit = match fit(peak, row.usable) {
            _ if is_sure => Fit::Exceeds,
            // What exceeds it does so for so short a time that it is let through; or users come together.
            Fit::Exceeds => Fit::Tight,
            Fit::Fits | Fit::Unknown if together.is_some() => Fit::Tight,
            fit => fit,
        };
        Row {
            per_iteration: Some(per_iteration),
            peak_per_s: peak,
            fit,
            first_refusal_s: steady.into_iter().chain(together).reduce(f64::min),
            at_once: together.map(|_| self.load.at_once() * each).filter(|calls| *calls > 0.0),
            ..row
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    fn cost(&self, rows: &[Row], before: Option<&Cost>) -> Cost {
        let of = |row: &&Row| row.per_iteration.is_some();
        let sum = |value: fn(&Footprint) -> f64| {
            self.footprints.iter().map(|it| it.share * value(it)).sum::<f64>()
        };
        let iterations = self.load.total();
        let starts = rows.iter().find(|row| row.group == START);
        let calls = rows.iter().filter(of).map(|row| row.peak_per_s).sum::<Option<f64>>();
        let doubled = if self.preflights { 2.0 } else { 1.0 };
        let registered = sum(|it| it.creates);
        let mails = sum(|it| it.mails);
        // Nothing times a number that nobody knows is nothing.
        let times =
            |each: f64| if each > 0.0 { iterations.map(|all| all * each) } else { Some(0.0) };
        Cost {
            starts_per_s: starts.map_or(Some(0.0), |row| row.peak_per_s),
            calls_per_s: calls.map(|calls| calls * doubled),
            calls_per_iteration: doubled
                * rows.iter().filter_map(|row| row.per_iteration).sum::<f64>(),
            preflights: self.preflights,
            bunches: self.bunches,
            walked: self.walked,
            iterations,
            provisioned: self.provisioned as f64
                + before.and_then(|before| before.registered).unwrap_or(0.0),
            registered: times(registered),
            mails: times(mails)
                .map(|mails| mails + before.and_then(|before| before.mails).unwrap_or(0.0)),
            mails_per_account: self.mails_per_account(),
            mails_run_out_after: self.mails_run_out_after(),
        }
    }
}

/// What the calls of a worker may come to.
fn of_worker(row: Row, worker: Worker, (is_sure, note): (bool, Option<&'static str>)) -> Row {
    let peak_per_s = Some(worker.rate.per_second);
    let fit = match fit(peak_per_s, row.usable) {
        Fit::Exceeds if !is_sure => Fit::Tight,
        fit => fit,
    };
    Row { peak_per_s, fit, note, ..row }
}

/// What is to be said of polls.
const POLLS: &str = "how often a flow is polled is known only once it runs";

/// What is to be said of reading users.
const SOME_READ: &str = "the worker's calls, if all of them read";

impl Row {
    const EMPTY: Self = Self {
        group: "",
        covers: "",
        per_iteration: None,
        peak_per_s: None,
        licence: None,
        usable: None,
        fit: Fit::Unknown,
        first_refusal_s: None,
        at_once: None,
        is_asked: false,
        note: None,
    };
}

fn fit(peak: Option<f64>, usable: Option<Rate>) -> Fit {
    let (Some(peak), Some(usable)) = (peak, usable) else { return Fit::Unknown };
    match usable.per_second {
        usable if peak > usable => Fit::Exceeds,
        usable if peak > usable * TIGHT => Fit::Tight,
        _ => Fit::Fits,
    }
}

#[cfg(test)]
mod tests {
    use super::super::groups::{EXECUTION, SSO};
    use super::super::load::Pace;
    use super::*;
    use crate::base::document::{Problems, Section, Table};
    use std::time::Duration;

    fn footprint(journey: &str, share: f64, answers: f64) -> Footprint {
        Footprint {
            journey: journey.into(),
            share,
            calls: vec![(START, 1.0), (EXECUTION, answers), (SSO, 1.0)],
            is_told: true,
            creates: 0.0,
            mails: 0.0,
            account: Some("ok"),
        }
    }

    fn limits(text: &str) -> Limits {
        let table = Table::parse("p", text).unwrap();
        let problems = Problems::default();
        Limits::read(&mut Section::document(&table, &problems))
    }

    /// 20/s for ten minutes: half sign-on with one answer, 30 % registrations and 20 % recoveries with four.
    fn plan(limits_text: &str) -> Plan {
        let load = Load {
            pace: Pace::Planned(vec![[0.0, 600.0, 20.0, 20.0]]),
            entries: Vec::new(),
            ends: Some(Duration::from_secs(600)),
            iterations: None,
        };
        let register = Footprint {
            creates: 1.0,
            mails: 1.0,
            account: None,
            ..footprint("register", 0.3, 4.0)
        };
        let recovery = Footprint { mails: 1.0, ..footprint("recovery", 0.2, 4.0) };
        Plan {
            footprints: vec![footprint("sign-on", 0.5, 1.0), register, recovery],
            load,
            limits: limits(limits_text),
            addresses: 1,
            thinks: false,
            preflights: false,
            accounts: vec![Supply { state: "ok", accounts: 40, share: 1.0, already: 0.0 }],
            provisioned: 40,
            bunches: false,
            walked: 0,
            worker: None,
            before: None,
        }
    }

    #[test]
    fn calls_of_all_journeys_together_are_held_against_what_one_address_may_use() {
        // 20 starts, 50 answers, 20 tokens a second; of 100/s one address may use 35.
        let text = "davinci-start = \"100/s\"\ndavinci-execution = \"100/s\"\nsso = \"60/s\"\n";
        let budget = Budget::of(&plan(text));
        let found: Vec<_> = budget
            .rows
            .iter()
            .map(|row| (row.group, row.peak_per_s.unwrap().round(), row.fit))
            .collect();
        let expected =
            [(START, 20.0, Fit::Fits), (EXECUTION, 50.0, Fit::Exceeds), (SSO, 20.0, Fit::Tight)];
        assert_eq!(found, expected);
        assert_eq!(budget.fit(), Fit::Exceeds);
        // 75 % of 35 answers a second, at 2.5 an iteration.
        assert!((budget.highest_per_s.unwrap() - 10.5).abs() < 1e-9);
        let (row, at) = budget.first_refusal().unwrap();
        assert_eq!(row.group, EXECUTION);
        assert!((at - 35.0 / 15.0).abs() < 1e-9, "{at}");
    }

    #[test]
    fn the_highest_rate_that_is_named_does_fit() {
        let text = "davinci-start = \"11/s\"\ndavinci-execution = \"100/s\"\nper_address_share = \"100%\"\n";
        let mut plan = plan(text);
        let highest = Budget::of(&plan).highest_per_s.unwrap();
        plan.load.pace = Pace::Planned(vec![[0.0, 600.0, highest, highest]]);
        let known: Vec<_> =
            Budget::of(&plan).rows.into_iter().filter(|row| row.usable.is_some()).collect();
        assert_eq!(known.iter().map(|row| row.fit).collect::<Vec<_>>(), [Fit::Fits, Fit::Fits]);
    }

    #[test]
    fn the_cost_of_ten_minutes_is_their_identities_and_mails() {
        let cost = Budget::of(&plan("")).cost;
        assert_eq!(cost.iterations, Some(12_000.0));
        assert_eq!((cost.starts_per_s, cost.calls_per_iteration), (Some(20.0), 4.5));
        assert_eq!(
            (cost.registered.map(f64::round), cost.mails.map(f64::round)),
            (Some(3600.0), Some(6000.0))
        );
        assert_eq!(cost.identities().map(f64::round), Some(3640.0));
        let (most, state) = cost.mails_per_account.unwrap();
        assert_eq!((most.round(), state), (60.0, "ok"));
    }

    #[test]
    fn what_nobody_knows_before_is_not_made_up() {
        let mut plan = plan("davinci-start = \"1/s\"\n");
        plan.load.pace = Pace::AsAnswered;
        let budget = Budget::of(&plan);
        assert_eq!((budget.fit(), budget.peak_per_s), (Fit::Unknown, None));
        assert_eq!((budget.cost.mails, budget.cost.identities()), (None, None));
        plan.footprints.retain(|it| it.creates == 0.0 && it.mails == 0.0);
        assert_eq!(Budget::of(&plan).cost.identities(), Some(40.0));
    }

    #[test]
    fn the_worker_that_makes_accounts_is_held_against_the_directory() {
        let mut plan = plan("directory-write = \"10/s\"\n");
        let worker = |per_second, makes| Some(Worker { rate: Rate { per_second }, makes });
        plan.worker = worker(5.0, true);
        let row = Budget::of(&plan).rows.pop().unwrap();
        assert_eq!((row.group, row.fit, row.per_iteration), (DIRECTORY_WRITE, Fit::Exceeds, None));
        // One that only puts accounts right calls now and then.
        plan.worker = worker(5.0, false);
        assert_eq!(Budget::of(&plan).rows.pop().unwrap().fit, Fit::Tight);
    }

    #[test]
    fn a_limit_that_somebody_wrote_down_is_on_the_sheet_even_if_it_cannot_be_judged() {
        let mut plan = plan("davinci-callback = \"10/s\"\ndirectory-read = \"10/s\"\n");
        plan.worker = Some(Worker { rate: Rate { per_second: 9.0 }, makes: true });
        let rows = Budget::of(&plan).rows;
        let of = |group| rows.iter().find(|row| row.group == group).unwrap();
        assert_eq!((of(CALLBACK).fit, of(CALLBACK).note), (Fit::Unknown, Some(POLLS)));
        assert_eq!(
            (of(DIRECTORY_READ).fit, of(DIRECTORY_READ).note),
            (Fit::Tight, Some(SOME_READ))
        );
    }

    #[test]
    fn users_who_start_together_are_held_against_what_may_be_used_at_once() {
        let mut plan = plan("davinci-start = \"100/s\"\ndavinci-execution = \"300/s\"\n");
        // A hundred users, each of whom starts every ten seconds: 10/s on average.
        plan.load.pace = Pace::AtMost(vec![[0.0, 600.0, 10.0, 10.0]]);
        plan.load.entries = super::super::load::entries(&[[0.0, 600.0, 100.0, 100.0]]);
        let row = |plan: &Plan, group| {
            let row = Budget::of(plan).rows.into_iter().find(|row| row.group == group).unwrap();
            (row.fit, row.at_once.map(f64::round), row.first_refusal_s.is_some())
        };
        assert_eq!(row(&plan, START), (Fit::Exceeds, Some(100.0), true));
        // Their answers follow, as fast as the tenant replies: that may be at once.
        assert_eq!(row(&plan, EXECUTION), (Fit::Tight, Some(250.0), true));
        plan.thinks = true;
        assert_eq!(row(&plan, EXECUTION), (Fit::Fits, None, false));
        plan.load.pace = Pace::AsAnswered;
        assert_eq!(row(&plan, START), (Fit::Exceeds, Some(100.0), true));
        plan.load.entries = super::super::load::entries(&[[0.0, 10.0, 0.0, 100.0]]);
        assert_eq!(row(&plan, START), (Fit::Unknown, None, false));
    }

    #[test]
    fn mails_are_dealt_out_by_variant_and_those_of_a_registration_count() {
        let mut plan = plan("");
        let supply = |share| Supply { state: "ok", accounts: 40, share, already: 1.0 };
        plan.accounts = vec![supply(0.9), supply(0.1)];
        // 2400 recoveries, nine of ten of them for 40 accounts.
        let (most, _) = Budget::of(&plan).cost.mails_per_account.unwrap();
        assert_eq!(most.round(), 55.0);
        plan.load.pace = Pace::AsAnswered;
        let cost = Budget::of(&plan).cost;
        assert_eq!(cost.mails_per_account, Some((1.0, "new")), "what registrations send is known");
        let (after, state) = cost.mails_run_out_after.unwrap();
        // 49 × 40 mails, 0.2 × 0.9 of them an iteration.
        assert_eq!((after.round(), state), (10_889.0, "ok"));
    }

    #[test]
    fn accounts_that_register_first_are_identities_with_mails_and_a_load_of_their_own() {
        let mut plan = plan("davinci-execution = \"100/s\"\n");
        let mut first = plan.clone();
        first.footprints = vec![Footprint {
            creates: 1.0,
            mails: 1.0,
            account: None,
            ..footprint("register", 1.0, 4.0)
        }];
        first.load.pace = Pace::Planned(vec![[0.0, 25.0, 200.0, 200.0]]);
        first.load.iterations = Some(5000);
        (first.provisioned, plan.provisioned) = (0, 0);
        plan.before = Some(Box::new(first));
        let budget = Budget::of(&plan);
        assert_eq!(budget.cost.identities().map(f64::round), Some(8600.0));
        assert_eq!(budget.cost.mails.map(f64::round), Some(11_000.0));
        let before = budget.before.unwrap();
        let row = before.rows.iter().find(|row| row.group == EXECUTION).unwrap();
        assert_eq!((row.peak_per_s, row.fit), (Some(800.0), Fit::Exceeds));
    }
}
