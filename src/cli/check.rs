//! `gander check`: every problem of a profile at once; with `--walk` each journey once, told.

use super::exit::{Exit, Failure};
use super::policies_told;
use super::prepare::{self, Order, Selection};
use super::terminal::{Style, Terminal};
use super::walk;
use crate::base::clock::Clock;
use crate::base::units::Span;
use crate::codes::settings::Source;
use crate::profile::check::Checked;
use crate::profile::load::Flags;
use crate::run::stage::run_id;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Find every problem of a profile.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    selection: Selection,
    /// Look at the tenant's discovery document and clock, perform each journey once and print every
    /// exchange, secrets struck out
    #[arg(long)]
    walk: bool,
    /// Folder for the ledger of the accounts that --walk makes
    #[arg(short, long, default_value = "reports")]
    out: PathBuf,
}

pub(super) fn check(args: &CheckArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    // Without a walk nothing is called.
    let read = if args.walk { prepare::read } else { prepare::read_to_call_nothing };
    let checked = read(&args.selection, Flags::default())?;
    let journeys: Vec<_> =
        checked.journeys.iter().map(|(script, _)| script.name.as_str()).collect();
    let tenants: BTreeSet<_> =
        checked.profile.tenants().map(|(_, tenant)| tenant.auth_url.as_str()).collect();
    let tenants: Vec<_> = tenants.into_iter().collect();
    let tenant =
        if tenants.is_empty() { "the embedded stand-in".to_owned() } else { tenants.join(", ") };
    prepare::check_supply(&checked, terminal)?;
    terminal.say(&format!(
        "{} {}: {} on {tenant}",
        terminal.paint(Style::Good, "sound"),
        args.selection.name(),
        journeys.join(", ")
    ));
    if let Some(caution) = short_drain(&checked) {
        terminal.say(&format!("{} {caution}", terminal.paint(Style::Bad, "caution")));
    }
    if args.walk {
        super::runtime()?.block_on(walked(args, checked, terminal))
    } else {
        Ok(Exit::Passed)
    }
}

/// What is said where the load ends sooner than a wait for a code may. The stand-in's codes come at once.
fn short_drain(checked: &Checked) -> Option<String> {
    let profile = &checked.profile;
    let (timeout, drain) = (profile.codes.timeout, profile.workload.drain);
    let is_awaited = !matches!(profile.codes.source, Source::Reply(_) | Source::Fixed(_))
        && checked.scripts().any(|script| script.needs_codes());
    (profile.names_tenant && is_awaited && timeout > drain).then(|| {
        let (timeout, drain) = (Span(timeout), Span(drain));
        format!(
            "a code may be waited for {timeout} (`codes.timeout`), and the drain is {drain}: whoever waits when the load \
             ends is cut off; make `workload.drain` longer, or `codes.timeout` shorter"
        )
    })
}

async fn walked(args: &CheckArgs, checked: Checked, terminal: &Terminal) -> Result<Exit, Failure> {
    // Each variant has accounts of its own; one for each journey is all that it needs.
    let walks = checked.journeys.len();
    let run = run_id(&Clock::system());
    let folder = args.out.join(run.as_str());
    let order = Order {
        run,
        folder,
        accounts: u64::try_from(walks).ok(),
        call_ids: false,
        continued: None,
        weigh: Some(prepare::check_supply),
    };
    let ground = prepare::ground(&args.selection, checked, order, terminal).await?;
    let mut complaints = walk::discovered(&ground, &Clock::system()).await;
    policies_told::tell(&ground, terminal).await;
    let failed = walk::each(&ground, Some(terminal)).await.0;
    terminal.data("");
    if !failed.is_empty() {
        ground.tell_codes(0, terminal);
    }
    complaints.extend(failed);
    if ground.embedded.is_none() {
        terminal.say(&format!("accounts made are on {}", ground.opened.ledger_path.display()));
    }
    if complaints.is_empty() {
        Ok(Exit::Passed)
    } else {
        Err(Failure { exit: Exit::TenantNotUsable, complaints })
    }
}
