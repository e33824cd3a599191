//! `gander accounts clean-up`: accounts that gander made are removed, and no others.

use super::accounts::{
    Source, Which, connect, counted, of_ledger, of_registry, of_tenant, read, shown_as_csv,
};
use super::exit::{Complaint, Exit, Failure};
use super::prepare::Selection;
use super::provisioning;
use super::terminal::{Style, Terminal};
use crate::base::clock::{Clock, Utc};
use crate::base::names::RunId;
use crate::base::remedy::Remedy;
use crate::identity::account::Account;
use crate::identity::ledger::{Doubts, Ledger};
use crate::management::api::Api;
use crate::management::clean_up::{CleanUp, MAY_STILL_COME, Remover, belongs_to, tagged};
use crate::run::ledger_file::{self, LedgerFileError};
use crate::run::making::Making;
use crate::run::registry::AT_ONCE;
use crate::run::stage::run_id;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Remove accounts at the profile's tenant that gander made. Interrupted, it goes on where it was when it is
/// begun again.
#[derive(Debug, clap::Args)]
pub(super) struct CleanUpArgs {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    which: Which,
    /// Only show whom it would remove, as CSV
    #[arg(long)]
    dry_run: bool,
}

/// Most reasons that are told one by one.
const MOST_TOLD: usize = 5;

pub(super) fn clean_up(args: &CleanUpArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let Some(source) = args.which.source()? else {
        let what = "it is not said which accounts are to be removed";
        let remedy = "name a run (`--run ID`), a ledger (`--ledger FILE`) or a tag (`--tag TAG`); \
                      `gander accounts list PROFILE` shows the tags";
        return Err(Failure::new(Exit::WrongInput, what, Some(remedy)));
    };
    let runtime = super::runtime()?;
    match source {
        Source::Ledger(path) => runtime.block_on(of_ledger_at(args, &path, terminal)),
        Source::Tag(tag) => runtime.block_on(of_tag(args, tag, terminal)),
    }
}

/// What is to be removed, and how it is found.
struct Task {
    accounts: Vec<Account>,
    /// What the ledger says of those that are not found.
    doubts: Doubts,
}

async fn of_ledger_at(
    args: &CleanUpArgs,
    path: &Path,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let checked = read(&args.selection)?;
    // A dry run changes nothing, the ledger's torn end included.
    let (ledger, book) = if args.dry_run {
        let book = ledger_file::read(path).map_err(|error| of_ledger(&error))?;
        (None, book)
    } else {
        let (ledger, book) = ledger_file::open(path).map_err(|error| of_ledger(&error))?;
        (Some(ledger), book)
    };
    if book.openings.is_empty() && book.accounts.is_empty() {
        // Its run was killed before it could ask for the first.
        terminal.say("0 accounts removed: the ledger has none");
        return Ok(Exit::Passed);
    }
    let clock = Clock::system();
    let run = book.openings.first().map(|opening| RunId::from(opening.run.as_str()));
    let run = run.unwrap_or_else(|| run_id(&clock));
    let api = connect(&checked, &run, &clock).await?;
    belongs_to(&book, api.environment_id()).map_err(|error| of_registry(&error.into()))?;
    let since = clock.wall().checked_sub(MAY_STILL_COME).unwrap_or(SystemTime::UNIX_EPOCH);
    let doubts = book.doubts(&Utc::of(since).stamp());
    let task = Task { accounts: book.accounts, doubts };
    match ledger {
        Some(ledger) => {
            let ledger = Arc::new(ledger);
            let removing = remove(task, (api, ledger.clone(), clock), terminal);
            ledger_file::synced(&ledger, removing).await
        }
        None => show(task, (api, clock), terminal).await,
    }
}

async fn of_tag(args: &CleanUpArgs, tag: RunId, terminal: &Terminal) -> Result<Exit, Failure> {
    let (checked, clock) = (read(&args.selection)?, Clock::system());
    // A run under this tag may go on. Nobody knows that of one whose ledger is elsewhere.
    let held = match args.dry_run {
        true => None,
        false => hold_ledger(args, &tag)?,
    };
    let api = connect(&checked, &tag, &clock).await?;
    let accounts = tagged(&api, &tag, args.which.mailbox(&checked)).await;
    let task =
        Task { accounts: accounts.map_err(|error| of_tenant(&error))?, doubts: Doubts::default() };
    if args.dry_run {
        return show(task, (api, clock), terminal).await;
    }
    // There is no ledger to go on with: what is gone does not carry the tag any more.
    let ledger = Arc::new(Ledger::new(std::io::sink()));
    let removed = remove(task, (api, ledger, clock), terminal).await;
    drop(held);
    removed
}

/// Keeps a run of this tag from being taken up while its accounts are removed.
fn hold_ledger(args: &CleanUpArgs, tag: &RunId) -> Result<Option<File>, Failure> {
    match ledger_file::hold(&args.which.ledger_of(tag.as_str())) {
        // What cannot be read is asked of nobody: the tag is for ledgers that are lost.
        Err(LedgerFileError::Unusable { .. } | LedgerFileError::Damaged { .. }) => Ok(None),
        held => held.map_err(|error| of_ledger(&error)),
    }
}

async fn show(
    task: Task,
    (api, clock): (Arc<Api>, Clock),
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let ledger = Arc::new(Ledger::new(std::io::sink()));
    let doubts = Doubts::default();
    let remover = Remover { api, ledger, clock, concurrency: AT_ONCE, doubts };
    let present = remover.present(&task.accounts).await;
    let present = present.map_err(|error| of_tenant(&error))?;
    let all = task.accounts.len();
    let there: Vec<Account> = task
        .accounts
        .into_iter()
        .filter_map(|account| {
            let id = present.id_of(&account)?.to_owned();
            Some(Account { id: Some(id), ..account })
        })
        .collect();
    terminal.data(shown_as_csv(&there)?.trim_end());
    let absent = all - there.len();
    let others = if absent > 0 { format!("; {absent} are not there") } else { String::new() };
    terminal.say(&format!("{} would be removed{others}", counted(there.len())));
    Ok(Exit::Passed)
}

async fn remove<W: Write + Send + 'static>(
    task: Task,
    (api, ledger, clock): (Arc<Api>, Arc<Ledger<W>>, Clock),
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let making = Making::default();
    making.want(task.accounts.len() as u64);
    let Task { accounts, doubts } = task;
    let remover = Remover { api, ledger, clock: clock.clone(), concurrency: AT_ONCE, doubts };
    let remover = Arc::new(remover);
    let removing = remover.remove(accounts, || making.made_one());
    let result = provisioning::told(removing, &making, &clock, terminal).await;
    let text = told(&result);
    if result.failed.is_empty() {
        terminal.say(&format!("{} {text}", terminal.paint(Style::Good, "done")));
        return Ok(Exit::Passed);
    }
    terminal.say(&text);
    Err(failure(&result))
}

fn told(result: &CleanUp) -> String {
    let absent = match result.absent {
        0 => String::new(),
        absent => format!("; {absent} were not there"),
    };
    let unsure = match result.unsure {
        0 => String::new(),
        unsure => format!(
            "; {unsure} were not found, may come or be there all the same, and stay on the ledger: clean up \
             again in ten minutes"
        ),
    };
    format!("{} removed{absent}{unsure}", counted(result.removed))
}

/// What could not be removed, and why.
fn failure(result: &CleanUp) -> Failure {
    let mut complaints: Vec<Complaint> = result
        .failed
        .iter()
        .take(MOST_TOLD)
        .flat_map(|error| Failure::of(Exit::TenantNotUsable, error as &dyn Remedy).complaints)
        .collect();
    let more = result.failed.len().saturating_sub(MOST_TOLD);
    let rest = if more > 0 { format!(" ({more} more like these)") } else { String::new() };
    complaints.push(Complaint {
        what: format!("accounts may still be there{rest}"),
        place: None,
        remedy: Some("begin the clean-up again: it goes on with those that are left".to_owned()),
    });
    Failure { exit: Exit::TenantNotUsable, complaints }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::keeper::AccountsError;

    #[test]
    fn a_clean_up_that_failed_says_how_to_go_on() {
        let lost = |_| AccountsError::Missing { login: "a@x.test".into() };
        let failed = (0..7).map(lost).collect();
        let result = CleanUp { removed: 1, absent: 2, unsure: 3, failed };
        insta::assert_snapshot!(told(&result), @"1 account removed; 2 were not there; 3 were not found, may come or be there all the same, and stay on the ledger: clean up again in ten minutes");
        let failure = failure(&result);
        assert_eq!(failure.complaints.len(), MOST_TOLD + 1);
        let last = failure.complaints.last().unwrap();
        assert_eq!(last.what, "accounts may still be there (2 more like these)");
        assert!(last.remedy.as_ref().unwrap().contains("again"));
    }
}
