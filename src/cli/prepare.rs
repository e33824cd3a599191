//! From a profile on the command line to ground on which journeys can be performed: profile read,
//! stand-in started, codes received, accounts made.

use super::codes_told;
use super::embedded::Embedded;
use super::environment;
use super::exit::{Complaint, Exit, Failure};
use super::licence;
use super::provisioning;
use super::stand_in::settings_of;
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::base::document::{Problem, Problems, Table, Value};
use crate::base::names::{Journey, RunId};
use crate::base::random::Seed;
use crate::base::remedy::{Listing, Remedy, nearest};
use crate::base::secret::Secret;
use crate::base::units::Rate;
use crate::base::word::word;
use crate::cluster::message::Plan;
use crate::codes::office::Office;
use crate::codes::reach::Reach;
use crate::codes::{CodeSource, Pickup, SourceError};
use crate::identity::password::PasswordKey;
use crate::profile::check::{self, Checked, Typed};
use crate::profile::document::Variant;
use crate::profile::load::{self, Flags, Origin};
use crate::profile::reference::Surroundings;
use crate::profile::supply::Shortage;
use crate::profile::tenant::Tenant;
use crate::report::budget;
use crate::run::resume::Continued;
use crate::run::stage::{self, Opened, StageError, Wishes};
use crate::standin::Ready;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The profile that `run` and `check` use when none is named.
const QUICKSTART: (&str, &str) =
    ("quickstart.toml (embedded)", include_str!("../../profiles/quickstart.toml"));

/// The profile that `capacity` uses when none is named: a stand-in that can only take so much.
pub(super) const CAPACITY: (&str, &str) =
    ("capacity.toml (embedded)", include_str!("../../profiles/capacity.toml"));

/// Management calls a second to our own stand-in, which has nobody else to serve.
const STAND_IN_RATE: Rate = Rate { per_second: 5000.0 };

/// Name of the stand-in's policy that is started where nothing else is chosen.
const STOCK: &str = "stock";

/// Which profile, and what is changed in it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Selection {
    /// Profile to use; without one, an embedded one against the embedded stand-in
    profile: Option<PathBuf>,
    /// Change a key of the profile (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Number that all randomness comes from; without one, a new one
    #[arg(long)]
    seed: Option<Seed>,
    /// The support case named in the profile, to show that the tenant is meant
    #[arg(long, value_name = "CASE", requires = "environment")]
    acknowledge: Option<String>,
    /// The tenant's environment id, typed out
    #[arg(long, value_name = "ID", requires = "acknowledge")]
    environment: Option<String>,
}

impl Selection {
    /// The profile of somebody else's plan, laid out here.
    pub(super) fn of_plan(profile: Option<PathBuf>, plan: &Plan, seed: Seed) -> Self {
        Self {
            profile,
            sets: plan.sets.clone(),
            seed: Some(seed),
            acknowledge: plan.acknowledge.clone(),
            environment: plan.environment.clone(),
        }
    }

    /// Puts what was typed into a plan for others.
    pub(super) fn tell(&self, plan: &mut Plan) {
        plan.sets.clone_from(&self.sets);
        plan.acknowledge.clone_from(&self.acknowledge);
        plan.environment.clone_from(&self.environment);
    }

    /// The seed that was asked for.
    pub(super) const fn seed(&self) -> Option<Seed> {
        self.seed
    }

    /// The same with this seed.
    pub(super) fn with_seed(&self, seed: Seed) -> Self {
        Self { seed: Some(seed), ..self.clone() }
    }

    /// The same with one more key of the profile changed.
    pub(super) fn with_set(&self, set: &str) -> Self {
        let mut other = self.clone();
        other.sets.push(set.to_owned());
        other
    }

    /// The same selection once more, as it is typed behind a command.
    pub(super) fn typed(&self) -> String {
        let profile = self.profile.iter().map(|path| path.display().to_string());
        let sets = self.sets.iter().flat_map(|set| ["--set".to_owned(), set.clone()]);
        let meant = [("--acknowledge", &self.acknowledge), ("--environment", &self.environment)];
        let meant = meant.into_iter().filter_map(|(flag, value)| Some((flag, value.clone()?)));
        let meant = meant.flat_map(|(flag, value)| [flag.to_owned(), value]);
        let words: Vec<_> = profile.chain(sets).chain(meant).map(|it| word(&it)).collect();
        words.join(" ")
    }

    /// The profile's file, if one was named.
    pub(super) fn path(&self) -> Option<&Path> {
        self.profile.as_deref()
    }

    /// Whether a profile was named.
    pub(super) const fn is_named(&self) -> bool {
        self.profile.is_some()
    }

    /// The profile's name for people.
    pub(super) fn name(&self) -> String {
        self.profile
            .as_ref()
            .map_or_else(|| QUICKSTART.0.to_owned(), |path| path.display().to_string())
    }
}

/// Reads and checks the selected profile; without one, the quick start.
pub(super) fn read(selection: &Selection, flags: Flags) -> Result<Checked, Failure> {
    read_or(QUICKSTART, selection, flags)
}

/// The same for a command that calls nothing: nobody has to have been asked yet.
pub(super) fn read_to_call_nothing(
    selection: &Selection,
    flags: Flags,
) -> Result<Checked, Failure> {
    read_as(QUICKSTART, selection, flags, true)
}

/// The same as [`read`] with another one, by name and text, where none is selected.
pub(super) fn read_or(
    of: (&str, &str),
    selection: &Selection,
    flags: Flags,
) -> Result<Checked, Failure> {
    read_as(of, selection, flags, false)
}

fn read_as(
    (name, text): (&str, &str),
    selection: &Selection,
    mut flags: Flags,
    calls_nothing: bool,
) -> Result<Checked, Failure> {
    let problems = Problems::default();
    let origin = match &selection.profile {
        Some(path) => Origin::File(path),
        None => Origin::Embedded(name, text),
    };
    let surroundings = Surroundings { variable: &environment };
    flags.sets.clone_from(&selection.sets);
    let loaded =
        load::load(origin, &flags, surroundings, &problems).map_err(Failure::of_problems)?;
    let typed = Typed {
        acknowledge: selection.acknowledge.as_deref(),
        environment: selection.environment.as_deref(),
        calls_nothing,
    };
    let checked = check::check(&loaded, typed, &problems);
    if !checked.profile.names_tenant {
        check_policies(&loaded.table, checked.profile.stand_in.as_ref(), &problems);
    }
    if let Some(table) = &checked.profile.stand_in {
        settings_of(table, &problems);
        // The embedded one serves this process alone; what it may call is no matter of a profile.
        if let Some(item) = table.get("beyond_loopback") {
            let remedy = "start `gander stand-in --config` by itself for that".to_owned();
            let what = "`stand_in.beyond_loopback` has no place in a profile";
            problems.note(Some(&item.place), what, Some(remedy));
        }
    }
    check::settle(checked, problems).map_err(Failure::of_problems)
}

/// Whether the embedded stand-in will have the flow policies that variants name.
fn check_policies(profile: &Table, stand_in: Option<&Table>, problems: &Problems) {
    // What is wrong with its settings is noted where they are read.
    let of_settings = Problems::default();
    let settings = stand_in.map(|table| settings_of(table, &of_settings)).unwrap_or_default();
    let Some(Value::List(variants)) = profile.get("variant").map(|item| &item.value) else {
        return;
    };
    if !of_settings.is_empty() {
        return;
    }
    let policies = settings.policies.into_iter().map(|policy| (policy.name, policy.id)).collect();
    for variant in variants {
        let Value::Table(variant) = &variant.value else { continue };
        let several = variant.get("policies").map(|item| &item.value);
        let several = several.into_iter().flat_map(|policies| match policies {
            Value::Table(policies) => &policies.entries[..],
            _ => &[],
        });
        let named = variant.get("flow_policy").into_iter().chain(several.map(|(.., item)| item));
        for item in named {
            let Value::Text { text, .. } = &item.value else { continue };
            if let Some((what, remedy)) = lacks_policy(text, &policies) {
                problems.note(Some(&item.place), what, Some(remedy));
            }
        }
    }
}

/// That a stand-in with these policies, names to ids, has none of this name or id, and what to do.
fn lacks_policy(policy: &str, policies: &BTreeMap<String, String>) -> Option<(String, String)> {
    if policies.iter().any(|(name, id)| name == policy || id == policy) {
        return None;
    }
    let known = || policies.keys().map(String::as_str);
    let remedy = nearest(policy, known()).map_or_else(
        || format!("it has {}", known().collect::<Listing>()),
        |near| format!("did you mean `{near}`?"),
    );
    Some((format!("the stand-in has no flow policy `{policy}`"), remedy))
}

/// Tells what may not last for the whole load, and refuses a load that some users must go without it.
pub(super) fn check_supply(checked: &Checked, terminal: &Terminal) -> Result<(), Failure> {
    let mut shortages = checked.overspending();
    shortages.extend(checked.shortages(Clock::system().wall()));
    weigh(checked, shortages, terminal)
}

/// Tells what a load costs and what speaks against it; refuses it where that is certain.
pub(super) fn weigh(
    checked: &Checked,
    shortages: Vec<Shortage>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    tell_cost(checked, terminal);
    let (certain, likely): (Vec<_>, Vec<_>) = shortages.into_iter().partition(|it| it.is_certain);
    for Shortage { what, advice, .. } in likely {
        terminal.say(&format!("{} {what}; {advice}", terminal.paint(Style::Bad, "caution")));
    }
    let complaint =
        |it: Shortage| Complaint { what: it.what, place: None, remedy: Some(it.advice) };
    let complaints: Vec<_> = certain.into_iter().map(complaint).collect();
    if complaints.is_empty() { Ok(()) } else { Err(Failure { exit: Exit::WrongInput, complaints }) }
}

/// What the load costs, for whoever pays for it; on this machine for those who want to know.
fn tell_cost(checked: &Checked, terminal: &Terminal) {
    let cost = checked.budget();
    let mut text = budget::render(&cost, terminal.columns(), terminal.paint_of_text());
    if let Some(share) = checked.share {
        let own = terminal.paint(Style::Faint, &budget::of_share(&cost, share));
        text = format!("{}\n\n  {own}\n", text.trim_end());
    }
    if checked.is_costly() {
        terminal.say(text.trim_end());
    } else {
        terminal.explain(text.trim_end());
    }
    if let Some(ignored) = &checked.gentle {
        let rest = if ignored.is_empty() {
            String::new()
        } else {
            let ignored: Listing = ignored.iter().copied().collect();
            format!(", and {ignored} of `[workload]` count for nothing")
        };
        terminal.say(&format!(
            "{} the profile says no load, neither `rate` nor `users` nor `stages`: a constant rate below five calls a \
             second{rest}",
            terminal.paint(Style::Faint, "load")
        ));
    }
}

/// Everything that journeys need, in place.
pub(super) struct Ground {
    pub(super) checked: Checked,
    pub(super) opened: Opened,
    /// The tenant of each variant, or the stand-in as one.
    pub(super) tenants: Vec<Tenant>,
    /// Present unless the profile names a tenant. Ends with the ground.
    pub(super) embedded: Option<Embedded>,
}

/// What a command wants of the ground.
pub(super) struct Order {
    /// The run that the accounts belong to.
    pub(super) run: RunId,
    /// Where its ledger is written.
    pub(super) folder: PathBuf,
    /// How many accounts of each state for each variant; none for as many as the profile says.
    pub(super) accounts: Option<u64>,
    /// Whether calls carry ids.
    pub(super) call_ids: bool,
    /// What is known of accounts, if the run is taken up again.
    pub(super) continued: Option<Continued>,
    /// Judges what the load costs once the tenant has told its limits; none where no load follows.
    pub(super) weigh: Option<Weigh>,
}

/// Tells what a load costs and may last, and refuses one that is sure not to.
pub(super) type Weigh = fn(&Checked, &Terminal) -> Result<(), Failure>;

/// Puts everything in place, and tells how it goes where that takes long. With no `[tenant]` the embedded
/// stand-in is started and then treated exactly as a tenant is.
pub(super) async fn ground(
    selection: &Selection,
    mut checked: Checked,
    order: Order,
    terminal: &Terminal,
) -> Result<Ground, Failure> {
    let clock = Clock::system();
    let mut codes = None;
    if checked.scripts().any(|script| script.needs_codes()) {
        let office = Office::new(clock.clone());
        let settings = &checked.profile.codes;
        let http = checked.profile.http.clone();
        let reach = Reach { http, is_acknowledged: checked.is_acknowledged() };
        let source =
            CodeSource::start(settings, &office, &clock, &reach).await.map_err(no_codes)?;
        codes = Some((source, settings.pickup(&office)));
    }
    let mut embedded = None;
    let mut tenants: Vec<Tenant> = if checked.profile.names_tenant {
        checked.profile.tenants().map(|(_, tenant)| tenant.clone()).collect()
    } else {
        let delivery = codes.as_ref().and_then(|(source, _)| source.delivery());
        let child = Embedded::start(checked.profile.stand_in.as_ref(), delivery.as_ref()).await?;
        let ready = &embedded.insert(child).ready;
        name_policies(&mut checked, &ready.policies)?;
        checked.profile.http.ca_pem.clone_from(&ready.ca_pem);
        as_tenants(ready, &checked.profile.variants).map_err(Failure::of_problems)?
    };
    if let Some(share) = checked.share {
        tenants.iter_mut().for_each(|tenant| tenant.slow_down(share));
    }
    let (password_key, state_folder) = key_sources()?;
    let reached = stage::reach(&checked, &tenants, &order.run, &clock).await;
    let (transport, doubts) = reached.map_err(|error| not_opened(&error))?;
    for doubt in doubts {
        let remedy = doubt.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        terminal.say(&format!("{} {doubt}{remedy}", terminal.paint(Style::Bad, "caution")));
    }
    if let Some(weigh) = order.weigh {
        let way = (&transport, &clock);
        licence::ask(&mut checked, &tenants, way, (weigh, terminal)).await?;
    }
    let wishes = Wishes {
        seed: selection.seed.unwrap_or_else(Seed::unforeseen),
        password_key,
        state_folder,
        run: order.run,
        folder: order.folder,
        call_ids: order.call_ids,
        accounts: order.accounts,
        making: Arc::default(),
        continued: order.continued,
    };
    let making = wishes.making.clone();
    let pickup = codes.as_ref().map(|(_, pickup)| pickup.clone());
    let to = (&*tenants, transport);
    let opening = stage::open(&checked, to, codes, wishes, clock.clone());
    let opened = provisioning::told(opening, &making, &clock, terminal).await.map_err(|error| {
        if matches!(error, StageError::Register { .. }) {
            codes_told::tell(pickup.as_ref(), &checked.profile.codes, 1, terminal);
        }
        not_opened(&error)
    })?;
    Ok(Ground { checked, opened, tenants, embedded })
}

/// Why there is no ground: everything that was found of the tenants, or the one thing that went wrong.
fn not_opened(error: &StageError) -> Failure {
    let exit = if error.is_of_tenant() { Exit::TenantNotUsable } else { Exit::WrongInput };
    let StageError::Preflight(problems) = error else { return Failure::of(exit, error) };
    let complaints = problems.iter().flat_map(|problem| Failure::of(exit, problem).complaints);
    Failure { exit, complaints: complaints.collect() }
}

/// A mailbox that does not answer is as bad as a tenant that does not; an address of this machine is
/// the profile's.
fn no_codes(error: SourceError) -> Failure {
    let exit = match error {
        SourceError::Door(_) => Exit::WrongInput,
        SourceError::Mailbox(_) | SourceError::Imap(_) => Exit::TenantNotUsable,
    };
    Failure::of(exit, &error)
}

impl Ground {
    /// Where codes come from, if any are needed.
    pub(super) fn pickup(&self) -> Option<&Pickup> {
        self.opened.stages.first().and_then(|stage| stage.codes.as_ref())
    }

    /// Tells what became of the mails, `missing` codes having been waited for in vain.
    pub(super) fn tell_codes(&self, missing: u64, terminal: &Terminal) {
        codes_told::tell(self.pickup(), &self.checked.profile.codes, missing, terminal);
    }

    /// Where calls go, each address once.
    pub(super) fn addresses(&self) -> String {
        let mut addresses: Vec<&str> = Vec::new();
        for tenant in &self.tenants {
            if !addresses.contains(&tenant.auth_url.as_str()) {
                addresses.push(&tenant.auth_url);
            }
        }
        addresses.join(", ")
    }
}

/// Policies of the stand-in go by their names. A journey starts the one that has its own name,
/// unless the profile names another for it; without any choice the stock flow is started.
fn name_policies(
    checked: &mut Checked,
    policies: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let id = |name: &String| policies.get(name).cloned();
    let journeys: Vec<Journey> =
        checked.journeys.iter().map(|(script, _)| script.name.clone()).collect();
    for variant in &mut checked.profile.variants {
        let named = variant.policies.iter_mut().map(|(_, policy)| policy);
        for policy in named.chain(&mut variant.flow_policy) {
            if let Some(id) = id(policy) {
                *policy = id;
            } else if let Some((what, remedy)) = lacks_policy(policy, policies) {
                return Err(Failure::new(Exit::WrongInput, what, Some(&remedy)));
            }
        }
        for journey in &journeys {
            let is_named = variant.policies.iter().any(|(name, _)| name == journey);
            if let (false, Some(id)) = (is_named, policies.get(journey.as_str())) {
                variant.policies.push((journey.clone(), id.clone()));
            }
        }
        variant.flow_policy = variant.flow_policy.take().or_else(|| policies.get(STOCK).cloned());
    }
    Ok(())
}

/// A stand-in that is ready as the tenant of each variant.
fn as_tenants(ready: &Ready, variants: &[Variant]) -> Result<Vec<Tenant>, Vec<Problem>> {
    let problems = Problems::default();
    let table = as_document(ready)?;
    let tenant = |variant: &Variant| match &variant.overlay {
        None => Tenant::of(&table, &problems),
        Some(overlay) => overlay.over(&table, &problems),
    };
    let tenants = variants.iter().filter_map(tenant).collect();
    check::settle(tenants, problems)
}

/// A stand-in that is ready, as a profile would describe it.
fn as_document(ready: &Ready) -> Result<Table, Vec<Problem>> {
    // Every JSON text is one of TOML.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let scopes: Vec<String> = ready.scopes.iter().map(|scope| quoted(scope)).collect();
    let text = format!(
        "auth_url = {auth}\napi_url = {}\norchestrate_url = {}\nhosts = [{auth}]\n\
         environment_id = {}\ncustom_domain = {}\nclient_id = {}\nredirect_uri = {}\nscopes = [{}]\n\
         sdk_token = {{ api_key = {} }}\nworker = {{ client_id = {}, client_secret = {}, rate = {} }}\n",
        quoted(&ready.api_url),
        quoted(&ready.orchestrate_url),
        quoted(&ready.environment_id),
        ready.custom_domain,
        quoted(&ready.client_id),
        quoted(&ready.redirect_uri),
        scopes.join(", "),
        quoted(&ready.api_key),
        quoted(&ready.worker.client_id),
        quoted(&ready.worker.client_secret),
        quoted(&STAND_IN_RATE.to_string()),
        auth = quoted(&ready.auth_url),
    );
    let mut table = Table::parse("stand-in", &text)?;
    // It told us, nobody wrote it down: its secrets may stand here.
    table.fill_in(&Problems::default(), &|text| Ok(Some(text.to_owned())));
    Ok(table)
}

/// Where the key of passwords may be: in the environment, or in gander's own folder.
fn key_sources() -> Result<(Option<Secret>, PathBuf), Failure> {
    let key = environment("GANDER_PASSWORD_KEY").filter(|key| !key.is_empty()).map(Secret::new);
    let Some(folder) = state_folder().or_else(|| key.as_ref().map(|_| PathBuf::new())) else {
        let what = "there is no home folder to keep the key of passwords in";
        return Err(Failure::new(
            Exit::WrongInput,
            what,
            Some("set HOME, XDG_STATE_HOME or GANDER_PASSWORD_KEY"),
        ));
    };
    Ok((key, folder))
}

/// The key of passwords, made on first need.
pub(super) fn password_key() -> Result<PasswordKey, Failure> {
    let (given, folder) = key_sources()?;
    stage::password_key(given.as_ref(), &folder)
        .map_err(|error| Failure::of(Exit::WrongInput, &error))
}

/// Where gander keeps what outlives a run: the key of passwords.
fn state_folder() -> Option<PathBuf> {
    let set = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    state.map(|state| state.join("gander"))
}
