//! What no single key can get wrong: rules across sections. Collects every problem.

use super::accounts::AccountSource;
use super::brought::Brought;
use super::document::{Profile, VariantBy};
use super::load::Loaded;
use super::tenant::{SdkToken, Tenant};
use crate::analysis::early::Lookout;
use crate::analysis::rule::{Known, Rule, Scope};
use crate::analysis::threshold::{Threshold, with_default};
use crate::base::document::{Item, Problem, Problems, Section, Sited, Table, Value};
use crate::base::names::{Journey, OTHER_FLOW, Step, UNKNOWN_FLOW};
use crate::base::remedy::{Listing, Remedy, nearest};
use crate::base::secret::{STRUCK_OUT, without_user_info};
use crate::base::share::Share;
use crate::journey::catalog;
use crate::journey::perform::POLL;
use crate::journey::script::{Script, Start};
use crate::workload::settings::{KEYS_OF_MODELS, Settings};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// A profile in which everything fits together.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The profile.
    pub profile: Profile,
    /// Its journeys with their weights, in the order of the profile.
    pub journeys: Vec<(Arc<Script>, f64)>,
    /// Accounts that the profile brings along, if it does.
    pub brought: Option<Brought>,
    /// The journey that registers accounts before the load, if they come from there.
    pub registering: Option<Arc<Script>>,
    /// Where the profile says no load and gets a gentle one: the keys of its `[workload]` that do not count for that.
    pub gentle: Option<Vec<&'static str>>,
    /// The document as run, secrets struck out.
    pub plan: serde_json::Value,
    /// Which part of it this machine performs, if it is one of several.
    pub share: Option<Share>,
    /// Whether what stands here is that part alone, to be held against what it takes.
    pub(super) is_part: bool,
}

/// What the person typed to show that a tenant is meant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typed<'a> {
    /// `--acknowledge`
    pub acknowledge: Option<&'a str>,
    /// `--environment`
    pub environment: Option<&'a str>,
    /// Nothing is called, so nothing has to be acknowledged yet.
    pub calls_nothing: bool,
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
    let source = profile.accounts.source.as_ref();
    let is_shown = !is_filled_in(&loaded.table, "accounts", "source");
    let brought = source.and_then(|source| {
        Brought::read((&source.value, &source.place, is_shown), &loaded.folder, problems)
    });
    let registers = source.is_some_and(|source| source.value == AccountSource::RegisterFirst);
    let registering =
        registers.then(|| find(&profile.accounts.journey.0.as_str().into(), &own)).flatten();
    let (gentle, share, is_part) = (None, None, false);
    let checked = Checked { profile, journeys, brought, registering, gentle, plan, share, is_part };
    let checked = checked.gentle(&loaded.table);
    checked.check_journeys(problems);
    checked.check_starts(problems);
    checked.check_accounts(problems);
    checked.check_environments(problems);
    checked.check_acknowledged(typed, problems);
    checked.check_delivery(&loaded.table, problems);
    checked
}

/// The document without secrets. Headers and extra parameters are struck out too, and so are the
/// parameters of the redirect address and what stands in front of a host: people put keys and
/// tokens there.
fn plan(table: &Table) -> serde_json::Value {
    let mut plan = Value::Table(table.clone()).to_json();
    if let Some(tenant) = plan.get_mut("tenant") {
        strike_tenant(tenant);
    }
    let variants = plan.get_mut("variant").and_then(serde_json::Value::as_array_mut);
    for variant in variants.into_iter().flatten() {
        if let Some(tenant) = variant.get_mut("tenant") {
            strike_tenant(tenant);
        }
    }
    strike_user_info(&mut plan);
    plan
}

/// Strikes what may be a secret out of `[tenant]`, or of what a variant changes about it.
/// Whether a text of a table came from outside the document.
fn is_filled_in(document: &Table, table: &str, key: &str) -> bool {
    let Some(Value::Table(table)) = document.get(table).map(|item| &item.value) else {
        return false;
    };
    table.get(key).is_some_and(Item::is_filled_in)
}

fn strike_tenant(tenant: &mut serde_json::Value) {
    for table in ["headers", "authorize_parameters"] {
        let values = tenant.get_mut(table).and_then(serde_json::Value::as_object_mut);
        for value in values.into_iter().flat_map(serde_json::Map::values_mut) {
            *value = STRUCK_OUT.into();
        }
    }
    if let Some(serde_json::Value::String(uri)) = tenant.get_mut("redirect_uri")
        && let Some(at) = uri.find(['?', '#'])
    {
        uri.truncate(at + 1);
        uri.push_str(STRUCK_OUT);
    }
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

/// How a variant is called that is a flow.
const NAME_OF_A_FLOW: &str = "which flows there are is known once the run has met them; write \
     `variant:FLOW-ID/FIRST-NODE` as `run.json` of an earlier run has it under `flows` (one that is not met \
     fails), or `variant:unknown`";

/// Whether a variant of a run that counts by flow could be called so.
fn is_of_a_flow(variant: &str) -> bool {
    [UNKNOWN_FLOW, OTHER_FLOW].contains(&variant) || variant.contains('/')
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
    /// The same with a gentle load, where a tenant is somebody else's and nobody said how much it is to be.
    fn gentle(mut self, table: &Table) -> Self {
        let said = table.get("workload").map(|item| &item.value);
        let says = |key: &&str| matches!(said, Some(Value::Table(of)) if of.get(key).is_some());
        let is_said = ["rate", "users", "stages"].iter().any(says);
        let Some(rate) = self.gentle_rate().filter(|_| !is_said) else { return self };
        let text =
            format!("[workload]\nmodel = \"open\"\nrate = \"{rate}\"\narrivals = \"constant\"\n");
        let Ok(gentle) = Table::parse("gentle", &text) else { return self };
        let mut table = table.clone();
        table.overlay(gentle);
        // What is wrong with the rest of it is noted where it is read first. What does not count any more is told
        // with what the load costs.
        let of_closed = KEYS_OF_MODELS.iter().filter(|(model, _)| *model == "closed");
        let of_closed = of_closed.flat_map(|(_, keys)| keys.iter().copied());
        self.gentle =
            Some(["model"].into_iter().chain(of_closed).filter(|key| says(key)).collect());
        let problems = Problems::default();
        let mut section = Section::document(&table, &problems);
        self.profile.workload = Settings::read(&mut section.section("workload"));
        self.plan = plan(&table);
        self
    }

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
        if self.counts_by_flow() && names.len() > 1 {
            let what = format!(
                "`variant_by = \"flow\"` counts each iteration under the flow that it meets, and the \
                 profile has {} variants to deal them out among",
                names.len()
            );
            let remedy = "keep one `[[variant]]`, or leave `variant_by` out".to_owned();
            problems.note(None, what, Some(remedy));
        }
    }

    /// Whether variants are known only once the tenant has answered.
    fn counts_by_flow(&self) -> bool {
        self.profile.variant_by == VariantBy::Flow
    }

    /// A rule that names nothing of this run would silently hold, or silently fail.
    fn check_rules(&self, problems: &Problems) {
        let steps = |script: &Script| {
            // A form that is only polled has its step without a rule.
            let starts =
                self.profile.variants.iter().map(|variant| variant.start_of(script).step());
            let outside = starts.chain([POLL]).map(Step::from);
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
        let thresholds = self.profile.thresholds.iter().map(|it| (Some(&it.place), &it.value.rule));
        let guards = self.profile.guards.iter().map(|guard| (None, guard.rule()));
        // Where a journey is misspelt, or there is none, that is said; what a rule about journeys means is not
        // known then.
        let is_known =
            !self.journeys.is_empty() && self.journeys.len() == self.profile.journeys.len();
        for (place, rule) in thresholds.chain(guards) {
            match &rule.scope {
                Scope::Journey(_) | Scope::Step(..) if !is_known => {}
                Scope::Variant(variant) if self.counts_by_flow() => {
                    if !is_of_a_flow(variant.as_str()) {
                        let what = format!("`{rule}` names no flow, and `variant_by` is `flow`");
                        problems.note(place, what, Some(NAME_OF_A_FLOW.to_owned()));
                    }
                }
                _ => {
                    if let Err(error) = rule.check(&known) {
                        problems.note(place, error.to_string(), error.remedy());
                    }
                }
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

    /// The journeys that are performed: those of the load, and the one that registers accounts before it.
    pub fn scripts(&self) -> impl Iterator<Item = &Script> {
        let of_load = self.journeys.iter().map(|(script, _)| &**script);
        of_load.chain(self.registering.as_deref())
    }

    /// Whether some journey starts its flow at a tenant by policy.
    pub fn starts_by_policy_at(&self, tenant: &Tenant) -> bool {
        let start = |script: &Script| script.start.unwrap_or(tenant.start);
        self.scripts().any(|script| start(script) == Start::Policy)
    }

    /// A start by policy needs a policy, and a token that comes from somewhere.
    fn check_starts(&self, problems: &Problems) {
        for (variant, tenant) in self.profile.tenants() {
            let mut seen = BTreeSet::new();
            let scripts = self.scripts().filter(|script| seen.insert(script.name.as_str()));
            let by_policy = scripts.filter(|script| variant.start_of(script) == Start::Policy);
            for script in by_policy.filter(|script| variant.policy(&script.name).is_none()) {
                problems.note(
                    tenant.place.as_ref(),
                    format!(
                        "journey `{}` starts a policy, and variant `{}` names none",
                        script.name, variant.name
                    ),
                    Some(
                        "add `[[variant]]` with `flow_policy`, or `policies` for this journey"
                            .to_owned(),
                    ),
                );
            }
        }
        for tenant in self.different_tenants() {
            let missing = Some(tenant).filter(|tenant| self.starts_by_policy_at(tenant));
            if let Some((what, remedy)) = missing.and_then(lacks_token) {
                problems.note(tenant.place.as_ref(), what, Some(remedy.to_owned()));
            }
        }
    }

    /// The tenants of the variants, each table once.
    fn different_tenants(&self) -> Vec<&Tenant> {
        let mut tenants: Vec<&Tenant> = Vec::new();
        for (_, tenant) in self.profile.tenants() {
            if tenants.iter().all(|known| known.place != tenant.place) {
                tenants.push(tenant);
            }
        }
        tenants
    }

    /// Accounts must come from somewhere, and a tenant's are made only when it says how.
    fn check_accounts(&self, problems: &Problems) {
        let needed = self.journeys.iter().filter(|(script, _)| script.account.is_some());
        let needed: Listing = needed.map(|(script, _)| script.name.as_str()).collect();
        if needed == Listing::default() {
            return;
        }
        for tenant in self.different_tenants() {
            let place = tenant.place.as_ref();
            match self.source() {
                None => problems.note(
                    place,
                    format!("{needed} {} accounts, and `accounts.source` does not say where from", needed.word("needs", "need")),
                    Some("add `[accounts]` `source = \"provision\"`: gander makes them and keeps a ledger".to_owned()),
                ),
                Some(AccountSource::Provision) if !tenant.is_managed() => {
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
                Some(_) => {}
            }
        }
        self.check_source(problems);
    }

    /// Nothing but this machine is called unless the owner was asked and the environment is typed.
    fn check_acknowledged(&self, typed: Typed<'_>, problems: &Problems) {
        let outside = |tenant: &&Tenant| !tenant.is_loopback && !typed.calls_nothing;
        for tenant in self.different_tenants().into_iter().filter(outside) {
            let name = tenant.typed_name();
            let Some(case) = tenant.acknowledge.as_ref().filter(|case| !case.trim().is_empty())
            else {
                problems.note(
                    tenant.place.as_ref(),
                    format!("{} is not this machine, and the profile does not acknowledge that", tenant.auth_url),
                    Some(format!(
                        "open a support case before any load test, put its number in `tenant.acknowledge`, and type `--acknowledge CASE --environment {name}`"
                    )),
                );
                continue;
            };
            if let Some(other) = typed.acknowledge.filter(|other| other != case) {
                problems.note(
                    tenant.place.as_ref(),
                    format!("{} is not this machine, and another support case was typed, `{other}`, than `tenant.acknowledge` has, `{case}`", tenant.auth_url),
                    Some(format!("type `--acknowledge {case} --environment {name}`, or put the right number into the profile")),
                );
                continue;
            }
            let is_typed =
                typed.acknowledge == Some(case) && typed.environment == Some(name.as_str());
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
    }

    /// The embedded stand-in delivers to this machine by its number, for which no certificate of files
    /// is good.
    fn check_delivery(&self, table: &Table, problems: &Problems) {
        if self.profile.names_tenant || !self.profile.codes.has_certificate() {
            return;
        }
        let Some(Value::Table(codes)) = table.get("codes").map(|item| &item.value) else { return };
        let place = codes.get("certificate").map(|item| &item.place);
        let what = "the embedded stand-in cannot tell whose `codes.certificate` is";
        let remedy = "leave `certificate` and `key` out: gander makes one that the stand-in trusts; or name a `[tenant]`";
        problems.note(place, what, Some(remedy.to_owned()));
    }

    /// An owner acknowledges one environment, and a ledger of accounts belongs to one: where a variant
    /// leaves this machine, all of them go to the same.
    fn check_environments(&self, problems: &Problems) {
        let mut others = self.profile.tenants().filter(|(_, tenant)| !tenant.is_loopback);
        let Some((_, outside)) = others.next() else { return };
        for (variant, tenant) in self.profile.tenants() {
            if tenant.is_loopback || tenant.address() != outside.address() {
                let (one, other) = (outside.address(), tenant.address());
                problems.note(
                    tenant.place.as_ref(),
                    format!(
                        "variant `{}` is on another environment than the others: {other}, not {one}",
                        variant.name
                    ),
                    Some(
                        "the owner of one environment acknowledges a run: make a run on each, and hold them \
                         against each other with `gander compare`"
                            .to_owned(),
                    ),
                );
            }
        }
    }

    /// Whether the guard may let other addresses than this machine's through.
    pub fn is_acknowledged(&self) -> bool {
        // `check` noted a problem unless everything matched, and a profile with problems never runs.
        self.profile
            .tenants()
            .any(|(_, tenant)| !tenant.is_loopback && tenant.acknowledge.is_some())
    }
}

/// What keeps a tenant from starting flows by their policy, and what to do about it.
fn lacks_token(tenant: &Tenant) -> Option<(&'static str, &'static str)> {
    match &tenant.sdk_token {
        None => Some((
            "a start by policy needs a token",
            "add `[tenant.sdk_token]` with `api_key = \"${…}\"` or `bearer = \"${…}\"`",
        )),
        Some(SdkToken::ApiKey(_)) if tenant.orchestrate_url.is_none() => Some((
            "`tenant.sdk_token.api_key` is good at the orchestration API only",
            "add `orchestrate_url = \"https://orchestrate-api.pingone.eu\"`",
        )),
        Some(SdkToken::ApiKey(_)) if tenant.environment_id.is_none() => Some((
            "tokens of the orchestration API belong to an environment",
            "add `environment_id`, and `custom_domain = true` if no path has it",
        )),
        Some(_) => None,
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
            [variant.tenant]
            redirect_uri = "https://u:TOPSECRET@app.example.com/callback?k=TOPSECRET"
            headers = { "X-Key" = "TOPSECRET" }
            authorize_parameters = { key = "TOPSECRET" }
        "#;
        let plan = plan(&Table::parse("p.toml", text).unwrap());
        assert!(!plan.to_string().contains("TOPSECRET"), "{plan}");
        let text = |place: &str| plan.pointer(place).unwrap().as_str().unwrap().to_owned();
        assert_eq!(text("/tenant/redirect_uri"), "https://***@app.example.com/callback?***");
        assert_eq!(text("/tenant/auth_url"), "https://auth.example.com");
        assert_eq!(text("/http/proxy"), "http://***@127.0.0.1:3128/");
        assert_eq!(text("/http/user_agent"), "me@example.com");
        assert_eq!(text("/variant/0/tenant/headers/X-Key"), "***");
    }

    /// What is wrong with a profile, typed with these words.
    fn problems_of(text: &str, typed: Typed<'_>) -> String {
        let text = format!("[journeys]\nregister = 1\n{text}");
        let loaded = Loaded { table: Table::parse("p.toml", &text).unwrap(), folder: "".into() };
        let problems = Problems::default();
        check(&loaded, typed, &problems);
        let line = |problem: Problem| {
            let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
            format!("{place} {} ({})\n", problem.what, problem.remedy.unwrap_or_default())
        };
        problems.into_sorted().into_iter().map(line).collect()
    }

    const OUTSIDE: &str = "[tenant]\nauth_url = \"https://auth.example.com\"\nenvironment_id = \"one\"\n\
                           client_id = \"a\"\nredirect_uri = \"https://a.example\"\nacknowledge = \"C1\"\n";
    const TYPED: Typed<'_> =
        Typed { acknowledge: Some("C1"), environment: Some("one"), calls_nothing: false };

    #[test]
    fn a_certificate_of_files_is_not_shown_to_the_embedded_stand_in() {
        let codes = "[codes]\ntls = \"implicit\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";
        let problems = problems_of(codes, Typed::default());
        assert!(problems.contains("`codes.certificate`"), "{problems}");
        let tenant = "[tenant]\nauth_url = \"http://127.0.0.1:1\"\n";
        let problems = problems_of(&format!("{tenant}{codes}"), Typed::default());
        assert!(!problems.contains("codes.certificate"), "{problems}");
        let problems = problems_of("[codes]\ntls = \"implicit\"\n", Typed::default());
        assert!(!problems.contains("codes.certificate"), "{problems}");
    }

    #[test]
    fn two_variants_of_one_environment_are_acknowledged_once() {
        let text = format!(
            "{OUTSIDE}[[variant]]\nname = \"v1\"\n[[variant]]\nname = \"v2\"\n[variant.tenant]\nclient_id = \"b\"\n"
        );
        assert_eq!(problems_of(&text, TYPED), "");
        let said = problems_of(&text, Typed::default());
        assert_eq!(said.matches("is not this machine").count(), 2, "one for each table: {said}");
    }

    #[test]
    fn another_support_case_than_that_of_the_profile_is_said_to_be_another() {
        let text = format!("{OUTSIDE}[accounts]\ncount = 1\n");
        let said = problems_of(&text, Typed { acknowledge: Some("C"), ..TYPED });
        insta::assert_snapshot!(said, @"p.toml:3:1 https://auth.example.com is not this machine, and another support case was typed, `C`, than `tenant.acknowledge` has, `C1` (type `--acknowledge C1 --environment one`, or put the right number into the profile)");
        assert_eq!(problems_of(&text, TYPED), "");
    }

    #[test]
    fn variants_on_different_environments_are_refused() {
        let with = |change: &str| {
            let text = format!(
                "{OUTSIDE}[[variant]]\nname = \"v1\"\n[[variant]]\nname = \"v2\"\n[variant.tenant]\n{change}\n"
            );
            problems_of(&text, TYPED)
        };
        insta::assert_snapshot!(with("environment_id = \"two\""), @r"
        p.toml:13:1 variant `v2` is on another environment than the others: `two` on `https://auth.example.com`, not `one` on `https://auth.example.com` (the owner of one environment acknowledges a run: make a run on each, and hold them against each other with `gander compare`)
        p.toml:13:1 https://auth.example.com is not this machine (to show that it is meant, type `--acknowledge C1 --environment two`)
        ");
        let local = with("auth_url = \"http://127.0.0.1:1\"\nenvironment_id = \"here\"");
        assert!(local.contains("`here` on `http://127.0.0.1:1`, not `one` on"), "{local}");
        // What was typed names the environment, and no host that it is not on.
        let elsewhere = with("auth_url = \"https://other.example.com\"");
        assert!(
            elsewhere.contains("`one` on `https://other.example.com`, not `one` on"),
            "{elsewhere}"
        );
        let case = with("acknowledge = \"C2\"");
        assert!(case.contains("type `--acknowledge C2 --environment one`"), "{case}");
    }

    #[test]
    fn on_this_machine_variants_may_be_anywhere() {
        let text = "[tenant]\nauth_url = \"http://127.0.0.1:1\"\nenvironment_id = \"one\"\nclient_id = \"a\"\n\
                    redirect_uri = \"https://a.example\"\n[[variant]]\nname = \"v1\"\n[[variant]]\nname = \"v2\"\n\
                    [variant.tenant]\nauth_url = \"http://127.0.0.1:2\"\nenvironment_id = \"two\"\n";
        assert_eq!(problems_of(text, Typed::default()), "");
    }

    #[test]
    fn rules_are_not_judged_by_journeys_that_are_not_known() {
        let problems = |journeys: &str| {
            let text = format!(
                "[[threshold]]\nrule = \"sign-on.p95 < 1s\"\n[[threshold]]\nrule = \"variant:v9.p95 < 1s\"\n\
                 [guards]\nstop_when = [\"sign-on.faults > 5% over 9s\"]\n[accounts]\ncount = 1\n\
                 [journeys]\n{journeys}"
            );
            let loaded =
                Loaded { table: Table::parse("p.toml", &text).unwrap(), folder: "".into() };
            let problems = Problems::default();
            check(&loaded, Typed::default(), &problems);
            problems.into_sorted().into_iter().map(|it| it.what).collect::<Vec<_>>().join("\n")
        };
        for mistyped in ["sign-onn = 1\n", "sign-onn = 1\nregister = 1\n", ""] {
            let told = problems(mistyped);
            assert!(!told.contains("the run has no journey"), "{told}");
            assert!(told.contains("the run has no variant `v9`"), "{told}");
        }
        assert!(problems("register = 1\n").contains("has no journey `sign-on`, only `register`"));
    }

    #[test]
    fn what_makes_a_variant_is_told_to_belong_at_the_top() {
        let said =
            problems_of("[[variant]]\nname = \"v\"\nvariant_by = \"flow\"\n", Typed::default());
        insta::assert_snapshot!(said, @"p.toml:5:1 `variant_by` stands below `[[variant]]` (write it at the top of the profile, before the first `[table]`: what stands below one belongs to it)");
    }

    #[test]
    fn a_weight_of_a_variant_is_above_nothing() {
        let with = |weight: &str| {
            problems_of(
                &format!("[[variant]]\nname = \"v\"\nweight = {weight}\n"),
                Typed::default(),
            )
        };
        assert_eq!([with("0.5"), with("9")], ["", ""]);
        for wrong in ["0", "-1", "1e10"] {
            assert!(
                with(wrong).contains("p.toml:5:10 `variant.weight` is not a weight"),
                "{wrong}"
            );
        }
        assert!(with("\"often\"").contains("`variant.weight` is a text, not a number"));
    }
}
