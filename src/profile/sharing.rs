//! A profile of which a machine performs a part: whether it can, and what it has for it.

use super::check::Checked;
use super::tenant::Tenant;
use crate::base::document::Problem;
use crate::base::share::Share;
use crate::identity::account::AccountState;
use crate::workload::settings::Model;
use crate::workload::shape::Shape;
use std::collections::BTreeSet;

impl Checked {
    /// The same, of which this machine performs a part. A part without a user or an account can perform nothing.
    pub fn with_share(self, share: Share) -> Result<Self, Vec<Problem>> {
        let checked = Self { share: Some(share), ..self };
        let problems = checked.missing(share);
        if problems.is_empty() { Ok(checked) } else { Err(problems) }
    }

    fn missing(&self, share: Share) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut note = |what: String, remedy: &str| {
            let remedy = Some(format!("{remedy}, or split the plan into fewer shares"));
            problems.push(Problem { place: None, what, remedy });
        };
        let model = &self.profile.workload.model;
        if share.count_of(model.users()) == 0 {
            let key = if model.is_open() { "max_users" } else { "users" };
            let what = format!("share {share} has no user: the plan has {} in all", model.users());
            note(what, &format!("raise `workload.{key}`"));
        }
        let states: BTreeSet<AccountState> =
            self.journeys.iter().filter_map(|(script, _)| script.account).collect();
        for state in states {
            let (own, all) = match &self.brought {
                Some(brought) => {
                    let own = brought.dealt(share, self.profile.variants.len());
                    (own.count(state) / self.profile.variants.len().max(1), brought.count(state))
                }
                None => {
                    let all = self.profile.accounts.count;
                    let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
                    (count(share.count(all)), count(all))
                }
            };
            // Those without any are told of elsewhere.
            if own == 0 && all > 0 {
                let state = state.name();
                let what = format!(
                    "share {share} has no account in state `{state}` for each variant: there are {all} in all"
                );
                note(what, "have more accounts");
            }
        }
        problems
    }

    /// What a machine has of the plan that it performs a part of, as if that were all; none of a whole plan.
    pub(super) fn own_part(&self) -> Option<(Share, Self)> {
        let share = self.share.filter(|_| !self.is_part)?;
        let mut own = Self { is_part: true, ..self.clone() };
        own.brought =
            self.brought.as_ref().map(|all| all.dealt(share, self.profile.variants.len()));
        let profile = &mut own.profile;
        profile.accounts.count = share.count(profile.accounts.count);
        let tenants = profile.variants.iter_mut().filter_map(|variant| variant.tenant.as_mut());
        tenants.for_each(|tenant| tenant.slow_down(share));
        let workload = &mut profile.workload;
        let users = share.count_of(workload.model.users());
        workload.model = match &workload.model {
            Model::Closed { pacing, .. } => {
                #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
                let users = Shape::constant(users as f64);
                Model::Closed { users, pacing: *pacing }
            }
            Model::Open { rate, arrivals, when_late, .. } => Model::Open {
                rate: rate.times(share.part(1.0)),
                arrivals: *arrivals,
                max_users: users,
                when_late: *when_late,
            },
        };
        Some((share, own))
    }
}

impl Tenant {
    /// The same for a machine that performs a share: all of them together call the management API no faster than one
    /// may.
    pub fn slow_down(&mut self, share: Share) {
        if let Some(worker) = &mut self.worker {
            worker.rate.per_second = share.part(worker.rate.per_second);
        }
    }
}
