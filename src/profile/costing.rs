//! What a profile's load is made of, as far as its tenant is concerned: what each iteration does, how many there are
//! when, which accounts get mails, and what comes before it.

use super::accounts::{AccountSource, CAREFUL};
use super::check::Checked;
use super::supply::mean_s;
use crate::analysis::budget::groups::{EXECUTION, START, group_of};
use crate::analysis::budget::judge::{Footprint, Plan, Worker};
use crate::analysis::budget::limits::Limits;
use crate::analysis::budget::load::{Line, Load, Pace, entries};
use crate::analysis::budget::mails::Supply;
use crate::base::units::Rate;
use crate::identity::account::AccountState;
use crate::journey::script::{End, Script};
use crate::workload::schedule::Arrivals;
use crate::workload::settings::{Model, Settings};
use crate::workload::shape::Shape;
use std::time::Duration;

/// A plan without an end is looked at so far.
pub(super) const FAR: Duration = Duration::from_hours(24 * 365);

impl Checked {
    /// A load of this profile, held against these limits.
    pub(super) fn plan_of(&self, workload: &Settings, limits: &Limits) -> Plan {
        let states = self.states();
        let makes = self.source().is_none_or(|source| *source == AccountSource::Provision);
        let of_state = self.profile.accounts.count.saturating_mul(self.variants());
        let provisioned = if makes { of_state.saturating_mul(states.len() as u64) } else { 0 };
        let is_kept = !states.is_empty() && !matches!(self.source(), Some(AccountSource::Csv(_)));
        let workers = self.profile.tenants().filter_map(|(_, tenant)| tenant.worker.as_ref());
        let rate = workers.map(|worker| worker.rate.per_second).reduce(f64::max);
        let worker = |per_second| Worker { rate: Rate { per_second }, makes: provisioned > 0 };
        let before = self.before(limits);
        let already = before
            .as_ref()
            .map_or(0.0, |plan| plan.footprints.iter().map(|footprint| footprint.mails).sum());
        Plan {
            footprints: self.footprints(),
            load: self.load_of(workload),
            accounts: states.iter().flat_map(|state| self.supplies(*state, already)).collect(),
            provisioned,
            bunches: matches!(workload.model, Model::Open { arrivals: Arrivals::Poisson, .. }),
            walked: if self.leaves_this_machine() {
                let each = self.variants().saturating_mul(self.journeys.len() as u64);
                each.saturating_mul(self.machines())
            } else {
                0
            },
            worker: rate.filter(|_| is_kept).map(worker),
            before: before.map(Box::new),
            ..self.plan_with(limits)
        }
    }

    /// What is the same of all loads of this profile.
    fn plan_with(&self, limits: &Limits) -> Plan {
        Plan {
            footprints: Vec::new(),
            load: Load {
                pace: Pace::AsAnswered,
                entries: Vec::new(),
                ends: None,
                iterations: None,
            },
            limits: limits.clone(),
            addresses: self.addresses(),
            thinks: self.profile.think.is_some_and(|think| mean_s(&think) > 0.0),
            preflights: self.profile.tenants().any(|(_, tenant)| tenant.preflight),
            accounts: Vec::new(),
            provisioned: 0,
            bunches: false,
            walked: 0,
            worker: None,
            before: None,
        }
    }

    /// The registrations that come before the load. One that fails is made up for by another, a few times; those
    /// are not in it.
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    fn before(&self, limits: &Limits) -> Option<Plan> {
        let script = self.registering.as_ref().filter(|_| !self.states().is_empty())?;
        let wanted = self.profile.accounts.count.saturating_mul(self.variants());
        let rate = self.profile.accounts.rate.or(self.leaves_this_machine().then_some(CAREFUL));
        let pace = rate.map_or(Pace::AsAnswered, |rate| {
            let lasts = wanted as f64 / rate.per_second.max(f64::MIN_POSITIVE);
            Pace::Planned(vec![[0.0, lasts, rate.per_second, rate.per_second]])
        });
        let load = Load { pace, entries: Vec::new(), ends: None, iterations: Some(wanted) };
        Some(Plan { footprints: vec![footprint(script, 1.0)], load, ..self.plan_with(limits) })
    }

    /// How many machines perform the plan, each with addresses of its own.
    fn machines(&self) -> u64 {
        self.share.map_or(1, |share| share.of().into())
    }

    /// How many addresses the calls of all machines go out from.
    fn addresses(&self) -> usize {
        let each = self.profile.http.local_addresses.len().max(1);
        usize::try_from(self.machines()).map_or(each, |machines| each.saturating_mul(machines))
    }

    fn variants(&self) -> u64 {
        self.profile.variants.len() as u64
    }

    /// The accounts of a state, variant by variant.
    fn supplies(&self, state: AccountState, already: f64) -> Vec<Supply> {
        let (variants, of) = (&self.profile.variants, self.profile.variants.len());
        let whole: f64 = variants.iter().map(|variant| variant.weight).sum();
        let of_variant = |(number, share): (usize, f64)| Supply {
            state: state.name(),
            accounts: match &self.brought {
                Some(brought) => brought.count_of(state, (number, of)) as u64,
                None => self.profile.accounts.count,
            },
            share,
            already,
        };
        let shares = variants.iter().map(|it| it.weight / whole.max(f64::MIN_POSITIVE));
        shares.enumerate().map(of_variant).collect()
    }

    /// The states that accounts are needed in, each once.
    fn states(&self) -> Vec<AccountState> {
        let mut states: Vec<_> =
            self.journeys.iter().filter_map(|(script, _)| script.account).collect();
        states.sort_unstable();
        states.dedup();
        states
    }

    /// What iterations do, by journey.
    pub(super) fn footprints(&self) -> Vec<Footprint> {
        let whole: f64 = self.journeys.iter().map(|(_, weight)| weight).sum();
        let part = |weight: f64| weight / whole.max(f64::MIN_POSITIVE);
        self.journeys.iter().map(|(script, weight)| footprint(script, part(*weight))).collect()
    }

    fn load_of(&self, workload: &Settings) -> Load {
        let ends = workload.closes_after();
        let until = ends.unwrap_or(FAR);
        let (pace, entries) = match &workload.model {
            Model::Open { rate, .. } => (Pace::Planned(rate.lines(until).collect()), Vec::new()),
            Model::Closed { users, pacing } => {
                let think = self.profile.think.map_or(0.0, |think| mean_s(&think));
                let answers: f64 = self.footprints().iter().map(|it| it.share * answers(it)).sum();
                let turn = mean_s(&pacing.0).max(think * answers);
                let entries = entries(&users.lines(until).collect::<Vec<_>>());
                let pace = if turn > 0.0 {
                    Pace::AtMost(turns(users, until, turn))
                } else {
                    Pace::AsAnswered
                };
                (pace, entries)
            }
        };
        Load { pace, entries, ends, iterations: workload.iterations }
    }
}

/// What an iteration of a journey does.
#[expect(clippy::cast_precision_loss, reason = "a few rules")]
pub(super) fn footprint(script: &Script, share: f64) -> Footprint {
    let answers = script.answers.unwrap_or(script.rules.len() as u64) as f64;
    let ends = script.ends.iter().map(|end| match end {
        End::StartAgain => START,
        other => group_of(other.name(), ""),
    });
    let mut calls = vec![(START, 1.0), (EXECUTION, answers)];
    calls.extend(ends.map(|group| (group, 1.0)));
    let creates =
        script.start_creates_account || script.rules.iter().any(|rule| rule.creates_account);
    let sending = script.rules.iter().filter(|rule| rule.sends_code).count();
    let mails = script.mails.unwrap_or(sending as u64);
    Footprint {
        journey: script.name.clone(),
        share,
        calls,
        is_told: script.answers.is_some(),
        creates: f64::from(u8::from(creates)),
        mails: mails as f64,
        account: script.account.map(|state| state.name()),
    }
}

/// How many forms an iteration answers.
pub(super) fn answers(footprint: &Footprint) -> f64 {
    footprint.calls.iter().filter(|(group, _)| *group == EXECUTION).map(|(_, calls)| calls).sum()
}

/// Iterations of users who take so many seconds for each, at least.
fn turns(users: &Shape, until: Duration, turn_s: f64) -> Vec<Line> {
    let turned = |[begins, lasts, from, to]: Line| [begins, lasts, from / turn_s, to / turn_s];
    users.lines(until).map(turned).collect()
}
