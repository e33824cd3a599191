//! `gander accounts provision`: accounts made under a tag of their own.

use super::accounts::{checked_tag, connect, counted, of_ledger, of_registry, read, write_csv};
use super::exit::{Exit, Failure};
use super::halting;
use super::prepare::{self, Selection};
use super::provisioning;
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::base::random::Seed;
use crate::base::units::Span;
use crate::identity::account::{AccountState, STATES};
use crate::profile::check::Checked;
use crate::run::ledger_file::{self, LEDGER};
use crate::run::making::Making;
use crate::run::registry::{self, Wanted};
use crate::run::stage::run_id;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Make accounts at the profile's tenant. They can sign on at once, and no mail is sent.
#[derive(Debug, clap::Args)]
pub(super) struct ProvisionArgs {
    #[command(flatten)]
    selection: Selection,
    /// How many
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// What they are kept for: ok, victim (may be locked by wrong passwords), must-change, locked
    #[arg(long, default_value = "ok", value_parser = states())]
    state: AccountState,
    /// Population that they are made in, made if there is none of that name; default: that of the profile
    #[arg(long, value_name = "NAME")]
    population: Option<String>,
    /// Word in front of the tag, your team's for instance; it is part of the tag: `team-spring`
    #[arg(long, value_name = "WORD")]
    prefix: Option<String>,
    /// What they are found by later; default: a new one. More can be made under one that is there
    #[arg(long)]
    tag: Option<String>,
    /// Write those that are made to this new CSV file, without passwords
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Folder for the ledger, in a folder named by the tag
    #[arg(long, value_name = "DIR", default_value = "reports")]
    reports: PathBuf,
}

/// The words for a state, which shells complete.
fn states() -> impl TypedValueParser<Value = AccountState> {
    let words = PossibleValuesParser::new(STATES.map(AccountState::name));
    words.try_map(|word| AccountState::named(&word).ok_or("no such state"))
}

pub(super) fn provision(args: &ProvisionArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    if let Some(out) = &args.out {
        check_free(out)?;
    }
    let checked = read(&args.selection)?;
    let clock = Clock::system();
    let tag = args.tag(&clock)?;
    super::runtime()?.block_on(make(args, &checked, (tag, clock), terminal))
}

/// Refuses to write over accounts that nobody may have anywhere else.
fn check_free(out: &Path) -> Result<(), Failure> {
    if out.symlink_metadata().is_err() {
        return Ok(());
    }
    let what = format!("`{}` is there already", out.display());
    let remedy = "name another file with `--out`, or remove it first";
    Err(Failure::new(Exit::WrongInput, what, Some(remedy)))
}

impl ProvisionArgs {
    /// How the accounts that were made are removed.
    fn way_back(&self, ledger: &Path) -> String {
        let (profile, ledger) = (self.selection.name(), ledger.display());
        format!("`gander accounts clean-up {profile} --ledger {ledger}` removes them")
    }

    /// How far it came, and how it goes on.
    fn stopped(&self, made: usize, tag: &RunId) -> String {
        let rest = self.count.saturating_sub(made as u64);
        format!(
            "{made} of {} could be made; with `--tag {tag} --count {rest}` and no prefix the others can",
            counted_u64(self.count)
        )
    }

    /// The tag as the person finds it again.
    fn named(&self, tag: &RunId) -> String {
        let whole = if self.prefix.is_some() { " with its prefix" } else { "" };
        format!("tag{whole} {tag}")
    }

    fn tag(&self, clock: &Clock) -> Result<RunId, Failure> {
        let new = run_id(clock);
        let text = match (&self.prefix, &self.tag) {
            (None, None) => new.to_string(),
            (None, Some(tag)) => tag.clone(),
            (Some(prefix), Some(tag)) => format!("{prefix}-{tag}"),
            // The date would be too long behind a word, and nobody has chosen the letters twice.
            (Some(prefix), None) => {
                let letters = new.as_str().rsplit('-').next().unwrap_or_default().to_lowercase();
                format!("{prefix}-{letters}")
            }
        };
        checked_tag(&text)
    }
}

async fn make(
    args: &ProvisionArgs,
    checked: &Checked,
    (tag, clock): (RunId, Clock),
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let key = prepare::password_key()?;
    let api = connect(checked, &tag, &clock).await?;
    let path = args.reports.join(tag.as_str()).join(LEDGER);
    let (ledger, book) = ledger_file::open_or_make(&path).map_err(|error| of_ledger(&error))?;
    let profile = &checked.profile;
    let population = args.population.clone().unwrap_or_else(|| profile.accounts.population.clone());
    terminal.say(&format!(
        "{} {} in environment {}, population {population}, tag {tag}{}",
        terminal.paint(Style::Strong, "making"),
        if args.count == 1 {
            "1 identity".to_owned()
        } else {
            format!("{} identities", args.count)
        },
        api.environment_id(),
        pace(api.rate_per_s(), args.count)
    ));
    terminal.say(&format!("each is on {} before it is asked for", path.display()));
    let wanted = Wanted {
        count: args.count,
        state: args.state,
        tag: tag.clone(),
        population,
        domain: profile.identities.email_domain.clone(),
        mailbox: profile.identities.mailbox.clone(),
        locale: profile.identities.locale,
        seed: args.selection.seed().unwrap_or_else(Seed::unforeseen),
        key,
    };
    let making = Arc::new(Making::default());
    halting::listen(&making, terminal);
    let ledger = Arc::new(ledger);
    let provisioning = registry::provision(wanted, api, (ledger, &book), (&making, clock.clone()));
    let made = provisioning::told(provisioning, &making, &clock, terminal).await;
    let made = made.map_err(|error| of_registry(&error))?;
    if let Some(out) = &args.out {
        write_csv(&made.accounts, out)?;
    }
    if let Some(error) = made.stopped_by {
        let mut failure = Failure::of(Exit::TenantNotUsable, &error);
        failure.complaints.insert(
            0,
            super::exit::Complaint {
                what: format!(
                    "{} of {} could be made",
                    made.accounts.len(),
                    counted_u64(args.count)
                ),
                place: None,
                remedy: Some(args.way_back(&path)),
            },
        );
        return Err(failure);
    }
    let count = made.accounts.len();
    if making.is_halted() && (count as u64) < args.count {
        terminal.say(&format!("stopped: {}", args.stopped(count, &tag)));
        terminal.say(&args.way_back(&path));
        return Ok(Exit::Interrupted);
    }
    let done = format!("{} made, {}", counted(made.accounts.len()), args.named(&tag));
    terminal.say(&format!("{} {done}", terminal.paint(Style::Good, "done")));
    if let (Some(out), 1..) = (&args.out, book.accounts.len()) {
        terminal.say(&format!(
            "{} has the new ones alone; {} of this tag were there before, and all are on {}",
            out.display(),
            counted(book.accounts.len()),
            path.display()
        ));
    }
    Ok(Exit::Passed)
}

fn counted_u64(number: u64) -> String {
    counted(usize::try_from(number).unwrap_or(usize::MAX))
}

/// How long it takes at least, where that is worth a word.
#[expect(clippy::cast_precision_loss, reason = "at most a million")]
fn pace(rate_per_s: f64, count: u64) -> String {
    let seconds = count as f64 / rate_per_s.max(f64::MIN_POSITIVE);
    if seconds < 5.0 {
        return String::new();
    }
    let time = Duration::try_from_secs_f64(seconds.ceil()).unwrap_or(Duration::MAX);
    format!(", {} at `tenant.worker.rate`", Span(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_told_before_it_begins() {
        assert_eq!(pace(5.0, 24), "");
        assert_eq!(pace(5.0, 1000), ", 3m20s at `tenant.worker.rate`");
        assert!(pace(0.0, 1_000_000).contains(" at "));
    }
}
