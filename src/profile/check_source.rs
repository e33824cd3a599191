//! Whether accounts of the profile's source can do what its journeys want of them.

use super::accounts::{AccountSource, REGISTER};
use super::brought::Brought;
use super::check::Checked;
use super::tenant::Tenant;
use crate::base::document::{Place, Problem, Problems, Sited};
use crate::base::remedy::Listing;
use crate::identity::account::AccountState;
use crate::journey::script::{Goal, Script};
use std::collections::BTreeSet;

/// A remedy that fits every source.
const PROVISION: &str =
    "`source = \"provision\"` with `[tenant.worker]` makes accounts for every journey";

impl Checked {
    /// Where accounts come from, if the profile says.
    pub fn source(&self) -> Option<&AccountSource> {
        self.profile.accounts.source.as_ref().map(|source| &source.value)
    }

    /// Notes what the source cannot give: states, accounts that may be spoiled, a tenant that they are of.
    pub(super) fn check_source(&self, problems: &Problems) {
        let Some(source) = &self.profile.accounts.source else { return };
        let (place, source) = (&source.place, &source.value);
        if *source == AccountSource::Provision {
            return;
        }
        if *source == AccountSource::RegisterFirst {
            self.check_registering(problems);
        }
        if !source.makes() && !self.profile.names_tenant {
            let what =
                format!("accounts of a {} are not those of the embedded stand-in", source.word());
            let remedy = "leave `accounts.source` out, or name the tenant in `[tenant]`".to_owned();
            problems.note(Some(place), what, Some(remedy));
            return;
        }
        self.check_states((source, place), self.brought.as_ref(), problems);
        let is_managed =
            !self.profile.names_tenant || self.profile.tenants().all(|(_, it)| it.is_managed());
        let refused = self
            .journeys
            .iter()
            .filter(|(script, _)| script.account.is_some() && !source.allows(script, is_managed));
        let refused: Listing = refused.map(|(script, _)| script.name.as_str()).collect();
        if refused != Listing::default() {
            let (verb, why, remedy) = match source {
                AccountSource::Csv(_) => (
                    refused.word("changes its account", "change their accounts"),
                    "and those of a CSV file stay as they are",
                    "leave them out, or take accounts whose passwords gander keeps: `provision`, `ledger:FILE`",
                ),
                _ => (
                    refused.word("spoils its account", "spoil their accounts"),
                    "and nobody puts them right",
                    "leave them out, or add `tenant.api_url` and `[tenant.worker]`: it unlocks accounts and sets \
                     their passwords",
                ),
            };
            problems.note(Some(place), format!("{refused} {verb}, {why}"), Some(remedy.to_owned()));
        }
        self.check_environment(place, self.brought.as_ref(), problems);
    }

    /// What accounts of the source cannot give any more, read again, if anything: somebody may have gone on with
    /// their file since it was checked.
    pub fn unfit(&self, brought: &Brought) -> Option<Problem> {
        let Sited { place, value } = self.profile.accounts.source.as_ref()?;
        let problems = Problems::default();
        self.check_states((value, place), Some(brought), &problems);
        self.check_environment(place, Some(brought), &problems);
        problems.into_sorted().into_iter().next()
    }

    fn check_states(
        &self,
        (source, place): (&AccountSource, &Place),
        brought: Option<&Brought>,
        problems: &Problems,
    ) {
        let states: BTreeSet<AccountState> =
            self.journeys.iter().filter_map(|(script, _)| script.account).collect();
        let there = |state: &AccountState| match brought {
            Some(brought) => brought.count(*state) >= self.profile.variants.len(),
            // What is wrong with the file is noted where it is read.
            None => source.has(*state),
        };
        for state in states.iter().filter(|state| !there(state)) {
            let of_state = |script: &Script| script.account == Some(*state);
            let scripts = self.journeys.iter().filter(|(script, _)| of_state(script));
            let scripts: Listing = scripts.map(|(script, _)| script.name.as_str()).collect();
            let need = scripts.word("needs", "need");
            let what = match brought {
                Some(brought) => format!(
                    "{scripts} {need} accounts in state `{}`, one for each variant at least, and `{}` has {}",
                    state.name(),
                    brought.path.display(),
                    brought.count(*state)
                ),
                None => format!(
                    "{scripts} {need} accounts in state `{}`, and registering leaves them in `ok`",
                    state.name()
                ),
            };
            problems.note(Some(place), what, Some(PROVISION.to_owned()));
        }
    }

    /// A ledger says which environment its accounts are in.
    fn check_environment(&self, place: &Place, brought: Option<&Brought>, problems: &Problems) {
        let Some(brought) = brought else { return };
        let here: BTreeSet<String> =
            self.profile.tenants().map(|(_, tenant): (_, &Tenant)| tenant.typed_name()).collect();
        let others = brought.environments.iter().filter(|environment| !here.contains(*environment));
        let others: Listing = others.map(String::as_str).collect();
        if others != Listing::default() {
            let what = format!("`{}` has accounts of environment {others}", brought.path.display());
            let remedy = "use a ledger of this tenant, or a profile of that one".to_owned();
            problems.note(Some(place), what, Some(remedy));
        }
    }

    /// The journey that registers accounts has to make one that can sign on.
    fn check_registering(&self, problems: &Problems) {
        let (journey, place) = &self.profile.accounts.journey;
        let note = |what: String| {
            let remedy = format!(
                "name a journey that registers, such as `{REGISTER}`, in `accounts.journey`"
            );
            problems.note(place.as_ref(), what, Some(remedy));
        };
        let Some(script) = &self.registering else {
            return note(format!("there is no journey `{}` to register accounts with", journey));
        };
        let makes =
            script.start_creates_account || script.rules.iter().any(|rule| rule.creates_account);
        let ends_well = matches!(script.goal, Goal::Token | Goal::Code);
        if !makes || !ends_well || script.account.is_some() {
            note(format!("journey `{}` does not register accounts that can sign on", journey));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{Typed, check};
    use super::super::load::Loaded;
    use super::*;
    use crate::base::document::Table;
    use crate::identity::account::Account;
    use std::path::PathBuf;

    const TENANT: &str = "[tenant]\nauth_url = \"http://127.0.0.1:1\"\nenvironment_id = \"e1\"\nclient_id = \"a\"\n\
        redirect_uri = \"https://a.example\"\n";

    fn checked(text: &str, folder: PathBuf) -> (Checked, Vec<String>) {
        let table = Table::parse("p.toml", &format!("{TENANT}{text}")).unwrap();
        let problems = Problems::default();
        let checked = check(&Loaded { table, folder }, Typed::default(), &problems);
        (checked, problems.into_sorted().into_iter().map(|it| it.what).collect())
    }

    #[test]
    fn a_ledger_that_was_read_again_has_to_fit_once_more() {
        let folder = tempfile::tempdir().unwrap();
        let opened = r#"{"event":"opened","at":"","run":"r","environment":"e1","key":"00"}"#;
        let made = r#"{"event":"made","at":"","login":"a","email":"a","persona":0,"state":"ok"}"#;
        let ledger = format!("{opened}\n{made}\n{{\"event\":\"confirmed\",\"login\":\"a\"}}\n");
        std::fs::write(folder.path().join("l.jsonl"), ledger).unwrap();
        let text = "[accounts]\nsource = \"ledger:l.jsonl\"\n[journeys]\nsign-on = 1\n";
        let (checked, problems) = checked(text, folder.path().to_owned());
        assert_eq!(problems, Vec::<String>::new());
        let brought = |environment: &str, accounts| Brought {
            accounts,
            environments: vec![environment.to_owned()],
            path: "l".into(),
            ..Brought::default()
        };
        let account = || vec![Account::new("a", AccountState::Ok, 0)];
        let told = [brought("e1", account()), brought("e1", vec![]), brought("e2", account())]
            .map(|brought| checked.unfit(&brought).map_or_else(String::new, |it| it.what));
        insta::assert_snapshot!(told.join("\n"), @r"

        `sign-on` needs accounts in state `ok`, one for each variant at least, and `l` has 0
        `l` has accounts of environment `e2`
        ");
    }

    #[test]
    fn a_registering_journey_without_a_policy_is_told_once() {
        let of = |journeys: &str| {
            let text = format!(
                "start = \"policy\"\n[accounts]\nsource = \"register-first\"\n[journeys]\n{journeys}"
            );
            let (_, problems) = checked(&text, PathBuf::new());
            let told = "journey `register` starts a policy, and variant";
            problems.iter().filter(|problem| problem.starts_with(told)).count()
        };
        assert_eq!((of("sign-on = 1\n"), of("register = 1\nsign-on = 1\n")), (1, 1));
    }
}
