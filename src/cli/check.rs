//! `gander check`: every problem of a profile at once; with `--walk` each journey once, told.

use super::exit::{Complaint, Exit, Failure};
use super::narrator::Narrator;
use super::prepare::{self, Order, Selection};
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::journey::perform::{Part, perform};
use crate::profile::check::Checked;
use crate::profile::load::Flags;
use crate::report::columns::clean;
use crate::run::stage::{Opened, run_id};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// Find every problem of a profile.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    selection: Selection,
    /// Perform each journey once and print every exchange, secrets struck out
    #[arg(long)]
    walk: bool,
    /// Folder for the ledger of the accounts that --walk makes
    #[arg(short, long, default_value = "reports")]
    out: PathBuf,
}

pub(super) fn check(args: &CheckArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let checked = prepare::read(&args.selection, Flags::default())?;
    let journeys: Vec<_> =
        checked.journeys.iter().map(|(script, _)| script.name.as_str()).collect();
    let tenants: BTreeSet<_> =
        checked.profile.tenants().map(|(_, tenant)| tenant.auth_url.as_str()).collect();
    let tenants: Vec<_> = tenants.into_iter().collect();
    let tenant =
        if tenants.is_empty() { "the embedded stand-in".to_owned() } else { tenants.join(", ") };
    terminal.say(&format!(
        "{} {}: {} on {tenant}",
        terminal.paint(Style::Good, "sound"),
        args.selection.name(),
        journeys.join(", ")
    ));
    prepare::check_supply(&checked, terminal)?;
    if args.walk {
        super::runtime()?.block_on(walk(args, checked, terminal))
    } else {
        Ok(Exit::Passed)
    }
}

async fn walk(args: &CheckArgs, checked: Checked, terminal: &Terminal) -> Result<Exit, Failure> {
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
    };
    let ground = prepare::ground(&args.selection, checked, order, terminal).await?;
    let outcome = walk_each(&ground, terminal).await;
    if ground.embedded.is_none() {
        terminal.say(&format!("accounts made are on {}", ground.opened.ledger_path.display()));
    }
    outcome
}

async fn walk_each(ground: &prepare::Ground, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut complaints = Vec::new();
    let mut index = ground.opened.next_index;
    let Opened { stages, transport, .. } = &ground.opened;
    for (variant, stage) in ground.checked.profile.variants.iter().zip(stages) {
        for (script, _) in &ground.checked.journeys {
            let title = format!("{} ({})", script.name, variant.name);
            terminal.data(&format!("\n{}", terminal.paint(Style::Strong, &title)));
            let part = Part { script, policy: variant.policy(&script.name), index };
            let mut session = transport.session();
            let outcome = perform(stage, part, &mut session, &mut Narrator::new(terminal)).await;
            index += 1;
            let elapsed =
                outcome.ended.duration_since(outcome.began).saturating_sub(outcome.waited);
            match outcome.result {
                Ok(()) => terminal.data(&format!(
                    "  {}  {}",
                    terminal.paint(Style::Good, "goal reached"),
                    terminal.paint(Style::Faint, &shown(elapsed, outcome.waited))
                )),
                Err(fault) => {
                    let detail = outcome
                        .detail
                        .map(|detail| format!(": {}", clean(&detail)))
                        .unwrap_or_default();
                    terminal.data(&format!(
                        "  {} {}{detail}",
                        terminal.paint(Style::Bad, "failed"),
                        fault.slug()
                    ));
                    complaints.push(Complaint {
                        what: format!(
                            "journey `{}` ended as {}{detail}",
                            script.name,
                            fault.slug()
                        ),
                        place: Some(format!("step `{}`", outcome.last_step)),
                        remedy: Some(fault.entry().meaning.to_owned()),
                    });
                }
            }
        }
    }
    terminal.data("");
    if complaints.is_empty() {
        Ok(Exit::Passed)
    } else {
        Err(Failure { exit: Exit::TenantNotUsable, complaints })
    }
}

fn shown(elapsed: Duration, waited: Duration) -> String {
    let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    if waited.is_zero() {
        milliseconds(elapsed)
    } else {
        format!("{} without {} of waiting", milliseconds(elapsed), milliseconds(waited))
    }
}
