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

#[cfg(test)]
mod tests {
    use super::super::brought::Brought;
    use super::super::check::{Typed, check};
    use super::super::load::Loaded;
    use super::*;
    use crate::base::document::{Problems, Table};
    use crate::identity::account::Account;
    use std::path::PathBuf;
    use std::time::SystemTime;

    const TENANT: &str = "[tenant]\nauth_url = \"http://127.0.0.1:1\"\napi_url = \"http://127.0.0.1:1\"\n\
        environment_id = \"e\"\nclient_id = \"a\"\nredirect_uri = \"https://a.example\"\n\
        [tenant.worker]\nclient_id = \"w\"\nclient_secret = \"${S}\"\nrate = \"10/s\"\n[journeys]\nsign-on = 1\n";

    fn checked(text: &str) -> Checked {
        let mut table = Table::parse("p.toml", &format!("{TENANT}{text}")).unwrap();
        table.fill_in(&Problems::default(), &|text| Ok(Some(text.to_owned())));
        let loaded = Loaded { table, folder: PathBuf::new() };
        let problems = Problems::default();
        let checked = check(&loaded, Typed::default(), &problems);
        assert!(problems.is_empty(), "{problems:?}");
        checked
    }

    fn share(index: u32, of: u32) -> Share {
        Share::new(index, of).unwrap()
    }

    fn refused(checked: &Checked, share: Share) -> Vec<String> {
        let problems = checked.clone().with_share(share).err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_part_without_a_user_or_an_account_is_refused() {
        let checked =
            checked("[accounts]\nsource = \"provision\"\ncount = 5\n[workload]\nusers = 6\n");
        assert_eq!(refused(&checked, share(4, 5)), Vec::<String>::new());
        insta::assert_snapshot!(refused(&checked, share(5, 6)).join("\n"), @"share 6 of 6 has no account in state `ok` for each variant: there are 5 in all");
        insta::assert_snapshot!(refused(&checked, share(6, 7)).join("\n"), @r"
        share 7 of 7 has no user: the plan has 6 in all
        share 7 of 7 has no account in state `ok` for each variant: there are 5 in all
        ");
    }

    #[test]
    fn rows_that_are_brought_along_are_enough_where_each_variant_of_each_part_has_one() {
        let two = "[accounts]\nsource = \"provision\"\n[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\n[workload]\nusers = 9\n";
        let mut checked = checked(two);
        let accounts = (0..6).map(|n| Account::new(n.to_string(), AccountState::Ok, n)).collect();
        checked.brought = Some(Brought { accounts, ..Brought::default() });
        assert_eq!(refused(&checked, share(2, 3)), Vec::<String>::new());
        assert_eq!(refused(&checked, share(3, 4)).len(), 1);
        // Each variant has in all parts what it has in one piece.
        let rows = |brought: &Brought, variant| -> Vec<String> {
            brought.share(variant, 2).into_iter().map(|account| account.login).collect()
        };
        let brought = checked.brought.as_ref().unwrap();
        for variant in [0, 1] {
            let mut all: Vec<_> =
                Share::all(3).flat_map(|share| rows(&brought.dealt(share, 2), variant)).collect();
            all.sort();
            assert_eq!(all, rows(brought, variant));
        }
    }

    #[test]
    fn what_does_not_last_is_told_of_the_part_and_what_to_do_of_all() {
        let text = "[accounts]\nsource = \"provision\"\ncount = 40\n[workload]\nusers = 60\n";
        let checked = checked(text).with_share(share(1, 4)).unwrap();
        let told = checked.shortages(SystemTime::UNIX_EPOCH).into_iter();
        let told: Vec<_> = told.map(|it| format!("{}; {}", it.what, it.advice)).collect();
        insta::assert_snapshot!(told.join("\n"), @"share 2 of 4: 10 accounts in state `ok` are too few: 15 users hold one each, and `sign-on` must fail with `no-account`; set `accounts.count` to 75 or more");
    }

    #[test]
    fn all_parts_together_call_the_management_api_no_faster_than_one_machine_may() {
        let checked =
            checked("[accounts]\nsource = \"provision\"\ncount = 40\n[workload]\nrate = \"8/s\"\n");
        let (_, own) = checked.with_share(share(3, 4)).unwrap().own_part().unwrap();
        let worker = own.profile.tenants().next().unwrap().1.worker.as_ref().unwrap();
        assert_eq!(worker.rate.per_second, 2.5);
        let Model::Open { rate, max_users, .. } = &own.profile.workload.model else { panic!() };
        assert_eq!((rate.peak(), *max_users, own.profile.accounts.count), (2.0, 60, 10));
        assert!(own.own_part().is_none());
    }

    #[test]
    fn the_plan_is_held_against_the_addresses_of_all_machines() {
        let text = "[accounts]\nsource = \"provision\"\ncount = 40\n[workload]\nrate = \"30/s\"\n[limits]\ndavinci-start = \"50/s\"\n";
        let alone = checked(text);
        let of = |checked: &Checked| {
            let budget = checked.budget();
            let row = budget.rows.iter().find(|row| row.group == "davinci-start").unwrap();
            (row.peak_per_s, row.usable.map(|usable| usable.per_second))
        };
        assert_eq!(of(&alone), (Some(30.0), Some(17.5)));
        assert_eq!(of(&alone.clone().with_share(share(0, 2)).unwrap()), (Some(30.0), Some(35.0)));
        assert_eq!(of(&alone.with_share(share(0, 4)).unwrap()), (Some(30.0), Some(50.0)));
    }
}
