//! `gander announce`: the sheet to send to a tenant's owner or its support before a test.

use super::exit::{Exit, Failure};
use super::prepare::{self, Selection};
use super::terminal::{Style, Terminal};
use crate::analysis::budget::judge::Budget;
use crate::base::clock::{Clock, Utc, moment};
use crate::base::units::{Rate, Span};
use crate::journey::script::Script;
use crate::profile::accounts::AccountSource;
use crate::profile::check::Checked;
use crate::profile::document::Variant;
use crate::profile::load::Flags;
use crate::profile::tenant::Tenant;
use crate::report::announce::{Announcement, TO_FILL_IN, journey};
use crate::workload::schedule::Arrivals;
use crate::workload::settings::{Model, Settings};
use crate::workload::shape::Shape;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// The parts of the sheet that flags fill in.
const FLAGS: &[(&str, &str)] =
    &[("source addresses", "--source"), ("window", "--at"), ("contacts", "--contact")];

/// Write the sheet that a tenant's owner or its support wants to see before a load test.
#[derive(Debug, clap::Args)]
pub(super) struct AnnounceArgs {
    #[command(flatten)]
    selection: Selection,
    /// When the test begins, in UTC, such as `2026-12-01T10:00Z`
    #[arg(long, value_name = "TIME", value_parser = begins)]
    at: Option<SystemTime>,
    /// An address that calls come from, as the tenant sees it (repeatable)
    #[arg(long = "source", value_name = "ADDRESS", value_parser = source)]
    sources: Vec<String>,
    /// How many runs it is, one after another, as with `gander run --repeat`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=100))]
    repeat: Option<u16>,
    /// Who answers for the test and can be reached meanwhile (repeatable)
    #[arg(long = "contact", value_name = "WHO", value_parser = contact)]
    contacts: Vec<String>,
    /// Form of the sheet
    #[arg(long, value_parser = ["text", "markdown"], default_value = "text")]
    format: String,
    /// File to write to instead of standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

fn begins(text: &str) -> Result<SystemTime, String> {
    moment(text).ok_or_else(|| "write a moment in UTC, such as `2026-12-01T10:00Z`".to_owned())
}

/// An address, or a network of them.
fn source(text: &str) -> Result<String, String> {
    let wrong =
        || "write an address or a network, such as `192.0.2.7` or `192.0.2.0/28`".to_owned();
    let (address, length) = text.split_once('/').unwrap_or((text, "0"));
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let fits = length.parse::<u8>().is_ok_and(|length| length <= most);
    if fits { Ok(text.to_owned()) } else { Err(wrong()) }
}

fn contact(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("name somebody, and where they can be reached".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) fn announce(args: &AnnounceArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    if let Some(at) = args.at.filter(|at| *at < Clock::system().wall()) {
        let what = format!("`--at` is over: {} UTC", Utc::of(at).minute());
        let remedy = "name a moment to come; an announcement comes before the test";
        return Err(Failure::new(Exit::WrongInput, what, Some(remedy)));
    }
    let checked = prepare::read_to_call_nothing(&args.selection, Flags::default())?;
    let sheet = sheet(args, &checked);
    let text = if args.format == "markdown" { sheet.markdown() } else { sheet.text() };
    match &args.to {
        None => terminal.data(text.trim_end()),
        Some(path) => std::fs::write(path, text).map_err(|error| {
            let what = format!("`{}` cannot be written: {error}", path.display());
            Failure::new(Exit::WrongInput, what, None)
        })?,
    }
    let missing = sheet.missing();
    if !missing.is_empty() {
        let what = format!(
            "{} to be filled in: {}",
            terminal.paint(Style::Bad, "still"),
            still(&missing).join(", ")
        );
        terminal.say(&what);
    }
    // The sheet is written all the same: its reader may grant what the profile does not know of.
    for shortage in checked.overspending() {
        let caution = terminal.paint(Style::Bad, "caution");
        terminal.say(&format!("{caution} {}; {}", shortage.what, shortage.advice));
    }
    Ok(Exit::Passed)
}

/// What is missing, each with the flag that says it.
fn still(missing: &[&str]) -> Vec<String> {
    let flag = |label: &str| FLAGS.iter().find(|(of, _)| *of == label).map(|(_, flag)| *flag);
    let with_flag = |label: &&str| {
        flag(label).map_or_else(|| (*label).to_owned(), |flag| format!("{label} (`{flag}`)"))
    };
    missing.iter().map(with_flag).collect()
}

fn sheet(args: &AnnounceArgs, checked: &Checked) -> Announcement {
    let profile = &checked.profile;
    let tenants: Vec<(&Variant, &Tenant)> = profile.tenants().collect();
    let whole: f64 = checked.journeys.iter().map(|(_, weight)| weight).sum();
    let budget = checked.budget();
    let before = before(checked, &budget);
    let runs = u32::from(args.repeat.unwrap_or(1));
    let of_tenant =
        |value: fn(&Tenant) -> String| once(tenants.iter().map(|(_, tenant)| value(tenant)));
    let hosts = tenants.iter().flat_map(|(_, tenant)| &tenant.hosts);
    let hosts = once(hosts.map(|host| format!("`{}`", host.trim_start_matches("https://"))));
    let applications = once(tenants.iter().map(|(variant, tenant)| application(variant, tenant)));
    let here = "the embedded stand-in, on this machine: nobody has to be asked";
    let (environments, hosts, applications) = if tenants.is_empty() {
        (vec![here.to_owned()], vec!["none".to_owned()], vec!["its own".to_owned()])
    } else {
        (of_tenant(Tenant::typed_name), hosts, applications)
    };
    Announcement {
        profile: args.selection.name(),
        case: tenants.iter().find_map(|(_, tenant)| tenant.acknowledge.clone()),
        environments,
        hosts,
        applications,
        window: args.at.map(|at| window(at, (before, runs), &profile.workload)),
        lasts: lasts(checked, (before, runs)),
        sources: sources(args, checked),
        contacts: args.contacts.clone(),
        journeys: checked
            .journeys
            .iter()
            .map(|(script, weight)| {
                journey(script.name.as_str(), weight / whole.max(f64::MIN_POSITIVE))
            })
            .collect(),
        load: load(checked, runs),
        budget: Some(budget),
        accounts: accounts(checked),
        marks: marks(checked),
        guards: profile
            .guards_if(profile.pauses_when_limited)
            .iter()
            .map(|guard| format!("`{}`", guard.rule()))
            .collect(),
        stop: vec![
            format!(
                "Ctrl-C: nothing new begins, what is under way may end within {}; twice: at once",
                Span(profile.workload.drain)
            ),
            "whoever is named under contacts, at any time".to_owned(),
        ],
    }
}

/// Each once, in their order.
fn once(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for value in values {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all
}

fn application(variant: &Variant, tenant: &Tenant) -> String {
    let policies = variant.flow_policy.iter().chain(variant.policies.iter().map(|(_, id)| id));
    let policies: Vec<_> = once(policies.map(|id| format!("`{id}`")));
    match policies.as_slice() {
        [] => format!("`{}`", tenant.client_id),
        policies => format!("`{}`, flow policy {}", tenant.client_id, policies.join(", ")),
    }
}

/// Where calls come from. What this machine calls its own addresses may be something else to the tenant.
fn sources(args: &AnnounceArgs, checked: &Checked) -> Vec<String> {
    let own = &checked.profile.http.local_addresses;
    if !args.sources.is_empty() || own.is_empty() {
        return args.sources.clone();
    }
    let own: Vec<_> = own.iter().map(ToString::to_string).collect();
    let own = own.join(", ");
    vec![format!("{TO_FILL_IN}: as the tenant sees them; to this machine they are {own}")]
}

/// How long accounts are made or register before the load, at the least. None where nobody makes any.
fn before(checked: &Checked, budget: &Budget) -> Option<Duration> {
    let workers = checked.profile.tenants().filter_map(|(_, tenant)| tenant.worker.as_ref());
    let worker = workers.map(|worker| worker.rate.per_second).reduce(f64::max);
    let registered = budget.before.as_ref().and_then(|before| before.peak_per_s);
    let per_s = registered.or(worker).filter(|per_s| *per_s > 0.0)?;
    let lasts = Duration::try_from_secs_f64((budget.cost.provisioned / per_s).ceil()).ok()?;
    (!lasts.is_zero()).then_some(lasts)
}

/// From the first call, which makes an account, to the last.
fn window(at: SystemTime, (before, runs): (Option<Duration>, u32), workload: &Settings) -> String {
    let begins = Utc::of(at).minute();
    let one = |lasts: Duration| before.unwrap_or_default() + lasts + workload.drain;
    let lasts = workload.closes_after().and_then(|lasts| one(lasts).checked_mul(runs));
    let ends = lasts.and_then(|lasts| at.checked_add(lasts));
    // What ends within a minute needs the whole of it.
    let up = Duration::from_secs(60).saturating_sub(Duration::from_nanos(1));
    match ends.and_then(|ends| ends.checked_add(up)) {
        Some(ends) => format!("{begins} to {} UTC", Utc::of(ends).minute()),
        None => format!("from {begins} UTC on, until all iterations are done"),
    }
}

/// How long everything takes: accounts, load, drain, and what may come in between.
fn lasts(checked: &Checked, (before, runs): (Option<Duration>, u32)) -> String {
    let before = before.map(|before| format!("{} in which accounts are made, then ", Span(before)));
    let load = load_lasts(&checked.profile.workload);
    let pauses = if checked.profile.pauses_when_limited {
        "; each 429 makes the load pause for as long as it asks, 5m at most, and end as much later"
    } else {
        ""
    };
    let runs = if runs > 1 { format!("; {runs} times, one after another") } else { String::new() };
    format!("{}{load}{pauses}{runs}", before.unwrap_or_default())
}

fn load_lasts(workload: &Settings) -> String {
    let drain = Span(workload.drain);
    match (workload.closes_after(), workload.iterations) {
        (Some(lasts), _) => format!(
            "{}, then up to {drain} in which what is under way may end",
            Span(Duration::from_secs(lasts.as_secs()))
        ),
        (None, Some(iterations)) => format!("until {iterations} iterations are done"),
        (None, None) => "until it is stopped".to_owned(),
    }
}

/// How much load when, a line for each part.
fn load(checked: &Checked, runs: u32) -> Vec<String> {
    let mut load = load_of(&checked.profile.workload);
    if runs > 1 {
        load.push(format!("{runs} runs: what follows is of each of them"));
    }
    load
}

fn load_of(workload: &Settings) -> Vec<String> {
    let until = workload.closes_after().unwrap_or(Duration::MAX);
    match &workload.model {
        Model::Open { rate, arrivals, .. } => {
            let average = if *arrivals == Arrivals::Poisson { " on average" } else { "" };
            lines(rate, until, |rate| format!("{}{average}", Rate { per_second: rate }))
        }
        Model::Closed { users, pacing } => {
            let mut lines = lines(users, until, |users| format!("{} users in turn", users.round()));
            if *pacing != crate::workload::pacing::Pacing::default() {
                lines.push("each waits before its next iteration".to_owned());
            }
            lines
        }
    }
}

fn lines(shape: &Shape, until: Duration, level: impl Fn(f64) -> String) -> Vec<String> {
    let line = |[_, lasts, from, to]: [f64; 4]| {
        let time =
            Duration::try_from_secs_f64(lasts).ok().filter(|time| time.as_secs() < 1_000_000_000);
        let time = time.map(Span);
        match (from == to, time) {
            (true, Some(time)) => format!("{} for {time}", level(from)),
            (true, None) => level(from),
            (false, time) => {
                format!("from {} to {} in {}", level(from), level(to), time.unwrap_or_default())
            }
        }
    };
    shape.lines(until).map(line).collect()
}

/// Where accounts come from and go to, and what goes through whose mail.
fn accounts(checked: &Checked) -> Vec<String> {
    let profile = &checked.profile;
    let domain = profile.identities.email_domain.clone();
    let mut lines = vec![format!("invented people have their mail at `{domain}`")];
    if checked.journeys.iter().any(|(script, _)| script.account.is_some()) {
        lines.push(match checked.source() {
            None | Some(AccountSource::Provision) => format!(
                "accounts are made in population `{}` before the load, without any mail; each is on a ledger before \
                 it is made, and can be removed by it",
                profile.accounts.population
            ),
            Some(AccountSource::RegisterFirst) => format!(
                "accounts register before the load as users do, by journey `{}`, with the mails of that; each is on \
                 a ledger before it registers, and can be removed by it",
                profile.accounts.journey.0
            ),
            Some(AccountSource::Csv(_)) => {
                "accounts are brought along; nobody makes, changes or removes them".to_owned()
            }
            Some(AccountSource::Ledger(_)) => {
                "accounts are those of an earlier ledger; what journeys change about them is put right".to_owned()
            }
        });
    }
    if checked.scripts().any(|script| script.start_creates_account || makes(script)) {
        lines.push(
            "people who register are on a ledger before they do, and can be removed by it"
                .to_owned(),
        );
    }
    let source = checked.plan.pointer("/codes/source").and_then(serde_json::Value::as_str);
    if let (Some(source), true) = (source, checked.scripts().any(Script::needs_codes)) {
        lines.push(format!("one-time codes are taken from where their messages go: `{source}`"));
    }
    lines
}

fn makes(script: &Script) -> bool {
    script.rules.iter().any(|rule| rule.creates_account)
}

fn marks(checked: &Checked) -> Vec<String> {
    let http = &checked.profile.http;
    let header = http
        .run_header
        .as_ref()
        .map(|name| format!("header `{}` with the run's id on every call", name.as_str()));
    header.into_iter().chain([format!("user agent `{}`", http.user_agent)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_with_the_minute_in_which_its_last_run_does() {
        let workload = Settings {
            duration: Some(Duration::from_secs(3)),
            drain: Duration::from_secs(10),
            ..Settings::default()
        };
        let at = moment("2099-12-01T10:00Z").unwrap();
        let of = |runs| window(at, (None, runs), &workload);
        assert_eq!(of(1), "2099-12-01 10:00 to 2099-12-01 10:01 UTC");
        assert_eq!(of(10), "2099-12-01 10:00 to 2099-12-01 10:03 UTC");
        let whole = Settings { duration: Some(Duration::from_secs(50)), ..workload };
        assert_eq!(window(at, (None, 1), &whole), "2099-12-01 10:00 to 2099-12-01 10:01 UTC");
    }

    #[test]
    fn a_source_is_an_address_and_a_contact_is_somebody() {
        for text in ["192.0.2.7", "192.0.2.0/28", "2001:db8::1", "2001:db8::/64"] {
            assert_eq!(source(text).as_deref(), Ok(text));
        }
        for text in ["foo", "", "192.0.2.0/33", "192.0.2", "192.0.2.7/"] {
            assert!(source(text).is_err(), "{text}");
        }
        assert!(contact("A").is_ok() && contact(" ").is_err() && contact("").is_err());
    }

    #[test]
    fn what_is_missing_is_named_with_its_flag_alone() {
        assert_eq!(still(&["window", "environment"]), ["window (`--at`)", "environment"]);
    }
}
