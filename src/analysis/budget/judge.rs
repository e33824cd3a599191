//! Whether a load fits a licence: calls by rate group at the peak, held against what may be used.

use super::groups::{DIRECTORY_WRITE, GROUPS, START};
use super::limits::Limits;
use super::load::Load;
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
    /// Accounts of each state, in all variants together.
    pub accounts: Vec<(&'static str, u64)>,
    /// Accounts that are made before the load.
    pub provisioned: u64,
    /// Calls a second of the worker that makes accounts and puts them right, at most.
    pub worker: Option<Rate>,
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
    /// What it costs.
    pub cost: Cost,
}

/// What a load costs a tenant. What is not known before is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// Flow starts a second at the peak.
    pub starts_per_s: Option<f64>,
    /// All calls of iterations a second at the peak.
    pub calls_per_s: Option<f64>,
    /// Calls of one iteration, over all journeys.
    pub calls_per_iteration: f64,
    /// Iterations in all.
    pub iterations: Option<f64>,
    /// Accounts that are made before the load.
    pub provisioned: u64,
    /// Accounts that journeys make.
    pub registered: Option<f64>,
    /// Mails in all, at most.
    pub mails: Option<f64>,
    /// Mails that one account gets in a day, at most, and the state of the accounts that get most.
    pub mails_per_account: Option<(f64, &'static str)>,
}

impl Cost {
    /// Identities that count for the licence: each that is made signs on, or has a password set.
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    pub fn identities(&self) -> Option<f64> {
        self.registered.map(|registered| registered + self.provisioned as f64)
    }
}

impl Budget {
    /// Holds a plan against its limits.
    pub fn of(plan: &Plan) -> Self {
        let rows: Vec<_> =
            GROUPS.iter().filter_map(|group| plan.row(group.name, group.covers)).collect();
        let room = |row: &Row| Some(row.usable?.per_second * TIGHT / row.per_iteration?);
        let highest_per_s = rows.iter().filter_map(room).reduce(f64::min);
        let peak_per_s = plan.load.peak_per_s();
        let cost = plan.cost(&rows);
        Self { rows, peak_per_s, highest_per_s, cost }
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

    fn row(&self, group: &'static str, covers: &'static str) -> Option<Row> {
        let (licence, usable) =
            (self.limits.rate(group), self.limits.usable(group, self.addresses));
        let per_iteration = self.per_iteration(group);
        let of_worker = self.worker.filter(|_| group == DIRECTORY_WRITE);
        if per_iteration <= 0.0 && of_worker.is_none() {
            return None;
        }
        let peak = match of_worker {
            Some(rate) => Some(rate.per_second),
            None => self.load.peak_per_s().map(|peak| peak * per_iteration),
        };
        let first_refusal_s = usable.filter(|_| of_worker.is_none());
        let first_refusal_s = first_refusal_s
            .and_then(|usable| self.load.first_refusal_s(per_iteration, usable.per_second));
        Some(Row {
            group,
            covers,
            per_iteration: of_worker.is_none().then_some(per_iteration),
            peak_per_s: peak,
            licence,
            usable,
            fit: fit(peak, usable),
            first_refusal_s,
        })
    }

    fn cost(&self, rows: &[Row]) -> Cost {
        let of = |row: &&Row| row.per_iteration.is_some();
        let sum = |value: fn(&Footprint) -> f64| {
            self.footprints.iter().map(|it| it.share * value(it)).sum::<f64>()
        };
        let iterations = self.load.total();
        let starts = rows.iter().find(|row| row.group == START);
        let calls = rows.iter().filter(of).map(|row| row.peak_per_s).sum::<Option<f64>>();
        let registered = sum(|it| it.creates);
        let mails = sum(|it| it.mails);
        // Nothing times a number that nobody knows is nothing.
        let times =
            |each: f64| if each > 0.0 { iterations.map(|all| all * each) } else { Some(0.0) };
        Cost {
            starts_per_s: starts.map_or(Some(0.0), |row| row.peak_per_s),
            calls_per_s: calls,
            calls_per_iteration: rows.iter().filter_map(|row| row.per_iteration).sum(),
            iterations,
            provisioned: self.provisioned,
            registered: times(registered),
            mails: times(mails),
            mails_per_account: self.mails_per_account(),
        }
    }

    /// Accounts are taken in turn, so that each of a state gets as many mails as any other.
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    fn mails_per_account(&self) -> Option<(f64, &'static str)> {
        let in_a_day = self.load.in_a_day()?;
        let of_state = |(state, accounts): &(&'static str, u64)| {
            let takers = self.footprints.iter().filter(|it| it.account == Some(*state));
            let mails: f64 = takers.map(|it| it.share * it.mails).sum();
            (mails > 0.0).then(|| (in_a_day * mails / (*accounts).max(1) as f64, *state))
        };
        let states = self.accounts.iter().filter_map(of_state);
        let most = states.max_by(|(one, _), (other, _)| one.total_cmp(other));
        let own = self.footprints.iter().filter(|it| it.account.is_none() && it.share > 0.0);
        let own = own.map(|it| it.mails).fold(0.0, f64::max);
        let own = (own > 0.0).then_some((own, "new"));
        most.into_iter().chain(own).max_by(|(one, _), (other, _)| one.total_cmp(other))
    }
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
            accounts: vec![("ok", 40)],
            provisioned: 40,
            worker: None,
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
        plan.worker = Some(Rate { per_second: 5.0 });
        let row = Budget::of(&plan).rows.pop().unwrap();
        assert_eq!((row.group, row.fit, row.per_iteration), (DIRECTORY_WRITE, Fit::Exceeds, None));
    }
}
