//! What no single key can get wrong: rules across sections. Collects every problem.

use super::document::{AccountSource, Profile, Variant};
use super::load::Loaded;
use super::tenant::{SdkToken, Tenant};
use crate::analysis::early::Lookout;
use crate::analysis::rule::{Known, Rule};
use crate::analysis::threshold::{Threshold, with_default};
use crate::base::document::{Problem, Problems, Section, Sited, Table, Value};
use crate::base::names::{Journey, Step};
use crate::base::remedy::{Listing, Remedy, nearest};
use crate::base::secret::{STRUCK_OUT, without_user_info};
use crate::identity::account::AccountState;
use crate::journey::catalog;
use crate::journey::perform::POLL;
use crate::journey::script::{Script, Start};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A profile in which everything fits together.
#[derive(Debug)]
pub struct Checked {
    /// The profile.
    pub profile: Profile,
    /// Its journeys with their weights, in the order of the profile.
    pub journeys: Vec<(Arc<Script>, f64)>,
    /// The document as run, secrets struck out.
    pub plan: serde_json::Value,
}

/// What the person typed to show that a tenant is meant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typed<'a> {
    /// `--acknowledge`
    pub acknowledge: Option<&'a str>,
    /// `--environment`
    pub environment: Option<&'a str>,
}

/// Reads and checks a loaded document. Everything wrong is noted in `problems`; the result is
/// usable only if nothing was.
pub fn check(loaded: &Loaded, typed: Typed<'_>, problems: &Problems) -> Checked {
    let profile = Profile::read(Section::document(&loaded.table, problems));
    let own = own_journeys(&profile.journey_files, &loaded.folder, problems);
    let mut journeys = Vec::new();
    for Sited { place, value: (name, weight) } in &profile.journeys {
        if let Some(script) = find(&name.as_str().into(), &own) {
            journeys.push((script, *weight));
        } else {
            let known = || {
                own.iter()
                    .map(|script| script.name.as_str())
                    .chain(catalog::BUILT_IN.iter().map(|b| b.0))
            };
            let remedy = nearest(name, known()).map_or_else(
                || format!("known: {}", known().collect::<Listing>()),
                |near| format!("did you mean `{near}`?"),
            );
            problems.note(Some(place), format!("there is no journey `{name}`"), Some(remedy));
        }
    }
    let plan = plan(&loaded.table);
    let checked = Checked { profile, journeys, plan };
    checked.check_journeys(problems);
    checked.check_starts(problems);
    checked.check_accounts(problems);
    checked.check_acknowledged(typed, problems);
    checked
}

/// The document without secrets. Headers and extra parameters are struck out too, and so are the
/// parameters of the redirect address and what stands in front of a host: people put keys and
/// tokens there.
fn plan(table: &Table) -> serde_json::Value {
    let mut plan = Value::Table(table.clone()).to_json();
    for table in ["/tenant/headers", "/tenant/authorize_parameters"] {
        let values = plan.pointer_mut(table).and_then(serde_json::Value::as_object_mut);
        for value in values.into_iter().flat_map(serde_json::Map::values_mut) {
            *value = STRUCK_OUT.into();
        }
    }
    if let Some(serde_json::Value::String(uri)) = plan.pointer_mut("/tenant/redirect_uri")
        && let Some(at) = uri.find(['?', '#'])
    {
        uri.truncate(at + 1);
        uri.push_str(STRUCK_OUT);
    }
    strike_user_info(&mut plan);
    plan
}

/// Strikes who somebody is to a server out of every address.
fn strike_user_info(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = without_user_info(text),
        serde_json::Value::Array(values) => values.iter_mut().for_each(strike_user_info),
        serde_json::Value::Object(members) => members.values_mut().for_each(strike_user_info),
        _ => {}
    }
}

/// Built-in journeys by name; own ones of the same name stand in front of them.
fn find(name: &Journey, own: &[Arc<Script>]) -> Option<Arc<Script>> {
    let of_person = own.iter().find(|script| script.name == *name).cloned();
    of_person.or_else(|| catalog::built_in(name.as_str())?.ok().map(Arc::new))
}

fn own_journeys(
    patterns: &[Sited<String>],
    folder: &Path,
    problems: &Problems,
) -> Vec<Arc<Script>> {
    let files = own_files(patterns, folder, problems).into_iter();
    let scripts = files.filter_map(|(name, text)| match Script::parse(&name, &text) {
        Ok(script) => Some(Arc::new(script)),
        Err(found) => {
            problems.extend(found);
            None
        }
    });
    scripts.collect()
}

/// Name and text of each file that `journey_files` finds.
pub fn own_files(
    patterns: &[Sited<String>],
    folder: &Path,
    problems: &Problems,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for pattern in patterns {
        let whole = folder.join(&pattern.value);
        let note = |what: String, remedy: &str| {
            problems.note(Some(&pattern.place), what, Some(remedy.to_owned()))
        };
        let files = match glob::glob(&whole.to_string_lossy()) {
            Ok(paths) => paths.filter_map(Result::ok).collect::<Vec<_>>(),
            Err(error) => {
                note(
                    format!("`{}` is no pattern: {}", pattern.value, error.msg),
                    "write `my-journeys/*.toml`",
                );
                continue;
            }
        };
        if files.is_empty() {
            note(
                format!("`{}` finds no file", pattern.value),
                "paths start at the folder of the profile",
            );
        }
        for file in files {
            let name = file.display().to_string();
            match std::fs::read_to_string(&file) {
                Ok(text) => found.push((name, text)),
                Err(error) => note(format!("`{name}` cannot be read: {error}"), "make it readable"),
            }
        }
    }
    found
}

impl Checked {
    fn check_journeys(&self, problems: &Problems) {
        if self.profile.journeys.is_empty() {
            let remedy = "add `[journeys]` with weights, such as `sign-on = 1`".to_owned();
            problems.note(None, "the profile has no journey", Some(remedy));
        }
        let mut names: Vec<_> = self.profile.variants.iter().map(|variant| &variant.name).collect();
        names.sort();
        self.check_rules(problems);
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            problems.note(
                None,
                format!("two variants are named `{}`", twice[0]),
                Some("name them apart".to_owned()),
            );
        }
    }

    /// A rule that names nothing of this run would silently hold, or silently fail.
    fn check_rules(&self, problems: &Problems) {
        let steps = |script: &Script| {
            // A form that is only polled has its step without a rule.
            let start = self.start_of(script).step();
            let outside = [start, POLL].into_iter().map(Step::from);
            let ends = script.ends.iter().map(|end| Step::from(end.name()));
            let rules = script.rules.iter().map(|rule| rule.name.clone());
            outside.chain(rules).chain(ends).collect::<Vec<_>>()
        };
        let known = Known {
            journeys: self
                .journeys
                .iter()
                .map(|(script, _)| (script.name.clone(), steps(script)))
                .collect(),
            variants: self.profile.variants.iter().map(|variant| variant.name.clone()).collect(),
            // Which capabilities a flow has is known only once it was walked.
            capabilities: None,
        };
        for threshold in &self.profile.thresholds {
            if let Err(error) = threshold.value.rule.check(&known) {
                problems.note(Some(&threshold.place), error.to_string(), error.remedy());
            }
        }
        for guard in &self.profile.guards {
            if let Err(error) = guard.rule().check(&known) {
                problems.note(None, error.to_string(), error.remedy());
            }
        }
    }

    /// The rules that the result is judged by.
    pub fn rules(&self) -> Vec<Rule> {
        self.thresholds().into_iter().map(|threshold| threshold.rule).collect()
    }

    /// Those that stop the run when they do not hold: what the profile says, or all.
    pub fn lookouts(&self, all: bool) -> Vec<Lookout> {
        let reply_timeout = self.profile.http.reply_timeout;
        let mut thresholds = self.thresholds();
        thresholds.retain(|threshold| all || threshold.abort_on_fail);
        let lookouts = thresholds.iter();
        lookouts.filter_map(|threshold| Lookout::new(threshold, reply_timeout)).collect()
    }

    fn thresholds(&self) -> Vec<Threshold> {
        let given = self.profile.thresholds.iter();
        with_default(given.map(|threshold| threshold.value.clone()).collect())
    }

    /// How a journey starts its flow.
    fn start_of(&self, script: &Script) -> Start {
        let of_tenant = || self.profile.tenant.as_ref().map(|tenant| tenant.start);
        script.start.or_else(of_tenant).unwrap_or_default()
    }

    /// Whether some journey starts its flow at a tenant by policy.
    pub fn starts_by_policy_at(&self, tenant: &Tenant) -> bool {
        let start = |script: &Script| script.start.unwrap_or(tenant.start);
        self.journeys.iter().any(|(script, _)| start(script) == Start::Policy)
    }

    /// A start by policy needs a policy, and a token that comes from somewhere.
    fn check_starts(&self, problems: &Problems) {
        let by_policy = |tenant: &&Tenant| self.starts_by_policy_at(tenant);
        let Some(tenant) = self.profile.tenant.as_ref().filter(by_policy) else { return };
        let note = |what: String, remedy: &str| {
            problems.note(tenant.place.as_ref(), what, Some(remedy.to_owned()));
        };
        let scripts = self.journeys.iter().map(|(script, _)| script);
        for script in scripts.filter(|script| self.start_of(script) == Start::Policy) {
            let lacks = |variant: &&Variant| variant.policy(&script.name).is_none();
            for variant in self.profile.variants.iter().filter(lacks) {
                note(
                    format!(
                        "journey `{}` starts a policy, and variant `{}` names none",
                        script.name, variant.name
                    ),
                    "add `[[variant]]` with `flow_policy`, or `policies` for this journey",
                );
            }
        }
        match &tenant.sdk_token {
            None => note(
                "a start by policy needs a token".to_owned(),
                "add `[tenant.sdk_token]` with `api_key = \"${…}\"` or `bearer = \"${…}\"`",
            ),
            Some(SdkToken::ApiKey(_)) if tenant.orchestrate_url.is_none() => note(
                "`tenant.sdk_token.api_key` is good at the orchestration API only".to_owned(),
                "add `orchestrate_url = \"https://orchestrate-api.pingone.eu\"`",
            ),
            Some(SdkToken::ApiKey(_)) if tenant.environment_id.is_none() => note(
                "tokens of the orchestration API belong to an environment".to_owned(),
                "add `environment_id`, and `custom_domain = true` if no path has it",
            ),
            Some(_) => {}
        }
    }

    /// States of which fewer accounts will be there than users may want at the same time, as texts
    /// with what to do. Where journeys spoil accounts there have to be others meanwhile.
    pub fn short_of_accounts(&self) -> Vec<(String, String)> {
        let users = self.profile.workload.model.busy_users() as u64;
        let count = self.profile.accounts.count;
        let mut wanted: BTreeMap<AccountState, Vec<&Script>> = BTreeMap::new();
        for (script, _) in &self.journeys {
            if let Some(state) = script.account {
                wanted.entry(state).or_default().push(script);
            }
        }
        let text = |(state, scripts): (AccountState, Vec<&Script>)| {
            let spoils = scripts.iter().any(|script| script.spoils_account());
            let needed = users.saturating_mul(if spoils { 2 } else { 1 });
            let journeys: Listing = scripts.iter().map(|script| script.name.as_str()).collect();
            let spoilt = if spoils { " that spoil some" } else { "" };
            let what = format!(
                "{count} accounts in state `{}` are too few for {users} users{spoilt}: {journeys} \
                 may find none and fail with `no-account`",
                state.name()
            );
            (count < needed).then(|| (what, format!("set `accounts.count` to {needed} or more")))
        };
        wanted.into_iter().filter_map(text).collect()
    }

    /// Accounts must come from somewhere, and a tenant's are made only when it says how.
    fn check_accounts(&self, problems: &Problems) {
        let needed = self.journeys.iter().filter(|(script, _)| script.account.is_some());
        let needed: Listing = needed.map(|(script, _)| script.name.as_str()).collect();
        let Some(tenant) = &self.profile.tenant else { return };
        if needed == Listing::default() {
            return;
        }
        let place = tenant.place.as_ref();
        match self.profile.accounts.source {
            None => problems.note(
                place,
                format!("{needed} need accounts, and `accounts.source` does not say where from"),
                Some("add `[accounts]` `source = \"provision\"`: gander makes them and keeps a ledger".to_owned()),
            ),
            Some(AccountSource::Provision) if tenant.worker.is_none() || tenant.api_url.is_none() => {
                problems.note(
                    place,
                    "`accounts.source = \"provision\"` needs the management API",
                    Some("add `tenant.api_url` and `[tenant.worker]` with the worker application's id and secret".to_owned()),
                );
            }
            Some(AccountSource::Provision) if tenant.environment_id.is_none() => problems.note(
                place,
                "`accounts.source = \"provision\"` needs the environment that accounts are made in",
                Some("add `environment_id`, and `custom_domain = true` if no path has it".to_owned()),
            ),
            Some(AccountSource::Provision) => {}
        }
    }

    /// Nothing but this machine is called unless the owner was asked and the environment is typed.
    fn check_acknowledged(&self, typed: Typed<'_>, problems: &Problems) {
        let Some(tenant) = self.profile.tenant.as_ref().filter(|tenant| !tenant.is_loopback) else {
            return;
        };
        let name = tenant.typed_name();
        let Some(case) = tenant.acknowledge.as_ref().filter(|case| !case.trim().is_empty()) else {
            problems.note(
                tenant.place.as_ref(),
                format!("{} is not this machine, and the profile does not acknowledge that", tenant.auth_url),
                Some(format!(
                    "open a support case before any load test, put its number in `tenant.acknowledge`, and type `--acknowledge CASE --environment {name}`"
                )),
            );
            return;
        };
        let is_typed = typed.acknowledge == Some(case) && typed.environment == Some(name.as_str());
        if !is_typed || name.trim().is_empty() {
            problems.note(
                tenant.place.as_ref(),
                format!("{} is not this machine", tenant.auth_url),
                Some(format!(
                    "to show that it is meant, type `--acknowledge {case} --environment {name}`"
                )),
            );
        }
    }

    /// Whether the guard may let other addresses than this machine's through.
    pub fn is_acknowledged(&self) -> bool {
        // `check` noted a problem unless everything matched, and a profile with problems never runs.
        self.profile
            .tenant
            .as_ref()
            .is_some_and(|tenant| !tenant.is_loopback && tenant.acknowledge.is_some())
    }
}

/// The problems as a result, in the order of their places.
pub fn settle<T>(value: T, problems: Problems) -> Result<T, Vec<Problem>> {
    if problems.is_empty() { Ok(value) } else { Err(problems.into_sorted()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_holds_no_secret_of_any_address() {
        let text = r#"
            [http]
            proxy = "http://TOPSECRET@127.0.0.1:3128"
            user_agent = "me@example.com"
            [tenant]
            auth_url = "https://auth.example.com"
            redirect_uri = "https://u:TOPSECRET@app.example.com/callback?k=TOPSECRET#TOPSECRET"
            hosts = ["http://u:TOPSECRET@a.example.com"]
            headers = { "X-Key" = "TOPSECRET" }
            authorize_parameters = { key = "TOPSECRET" }
            [[variant]]
            flow_policy = "x://TOPSECRET:@b.example.com"
        "#;
        let plan = plan(&Table::parse("p.toml", text).unwrap());
        assert!(!plan.to_string().contains("TOPSECRET"), "{plan}");
        let text = |place: &str| plan.pointer(place).unwrap().as_str().unwrap().to_owned();
        assert_eq!(text("/tenant/redirect_uri"), "https://***@app.example.com/callback?***");
        assert_eq!(text("/tenant/auth_url"), "https://auth.example.com");
        assert_eq!(text("/http/proxy"), "http://***@127.0.0.1:3128/");
        assert_eq!(text("/http/user_agent"), "me@example.com");
    }
}
