//! `gander accounts list`: which accounts there are, as CSV.

use super::accounts::{
    Source, Which, as_csv, connect, counted, found_as_csv, of_ledger, of_tenant, read,
};
use super::exit::{Exit, Failure};
use super::prepare::Selection;
use super::terminal::Terminal;
use crate::base::clock::Clock;
use crate::base::names::RunId;
use crate::identity::ledger::Book;
use crate::identity::login::{Home, Logins};
use crate::management::clean_up::{beginning, tagged};
use crate::management::reply::User;
use crate::report::columns::clean;
use crate::run::ledger_file;
use crate::run::stage::run_id;
use std::collections::{BTreeMap, BTreeSet};

/// Show accounts as CSV. A ledger is read without asking the tenant, and without a profile.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    which: Which,
}

pub(super) fn list(args: &ListArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    match args.which.source()? {
        Some(Source::Ledger(path)) => {
            let book = ledger_file::read(&path).map_err(|error| of_ledger(&error))?;
            terminal.data(as_csv(&book.accounts)?.trim_end());
            terminal.say(&clean(&told(&book)));
        }
        Some(Source::Tag(tag)) => super::runtime()?.block_on(of_tag(args, &tag, terminal))?,
        None => super::runtime()?.block_on(tags(args, terminal))?,
    }
    Ok(Exit::Passed)
}

/// What a ledger says, in a sentence.
fn told(book: &Book) -> String {
    let environments: BTreeSet<&str> =
        book.openings.iter().map(|opening| opening.environment.as_str()).collect();
    let environments: Vec<&str> = environments.into_iter().collect();
    let place = match environments.as_slice() {
        [] => String::new(),
        some => format!(" of environment {}", some.join(", ")),
    };
    let removed = match book.removed {
        0 => String::new(),
        removed => format!("; {removed} were removed"),
    };
    format!("{}{place} may be there{removed}", counted(book.accounts.len()))
}

async fn of_tag(args: &ListArgs, tag: &RunId, terminal: &Terminal) -> Result<(), Failure> {
    let checked = read(&args.selection)?;
    let api = connect(&checked, tag, &Clock::system()).await?;
    let found = tagged(&api, tag, &args.which.home(&checked)).await;
    let found = found.map_err(|error| of_tenant(&error))?;
    terminal.data(found_as_csv(&found)?.trim_end());
    terminal.say(&format!("{} carry the tag {tag}", counted(found.len())));
    Ok(())
}

/// The tag of a user that gander made. A flow may name its users otherwise; their addresses are gander's all the
/// same.
fn tag_of<'u>(home: &Home, user: &'u User) -> Option<&'u str> {
    home.tag_of(&user.username).or_else(|| home.tag_of(&user.email))
}

/// How many accounts there are of each tag.
async fn tags(args: &ListArgs, terminal: &Terminal) -> Result<(), Failure> {
    let (checked, clock) = (read(&args.selection)?, Clock::system());
    let api = connect(&checked, &run_id(&clock), &clock).await?;
    let home = args.which.home(&checked);
    let found = beginning(&api, &Logins::prefixes(None, home.mailbox.as_ref())).await;
    let found = found.map_err(|error| of_tenant(&error))?;
    let mut tags: BTreeMap<&str, usize> = BTreeMap::new();
    for tag in found.iter().filter_map(|user| tag_of(&home, user)) {
        *tags.entry(tag).or_default() += 1;
    }
    terminal.data("tag,accounts");
    for (tag, accounts) in &tags {
        terminal.data(&format!("{},{accounts}", clean(tag)));
    }
    let all = tags.values().sum();
    terminal.say(&format!("{} of gander's in environment {}", counted(all), api.environment_id()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::account::{Account, AccountState};
    use crate::identity::ledger::Opening;

    #[test]
    fn a_ledger_is_told_in_a_sentence() {
        let opening = Opening { run: "r".into(), environment: "e1".into(), key: "00".into() };
        let book = Book {
            openings: vec![
                opening.clone(),
                Opening { environment: "e2".into(), ..opening.clone() },
                opening,
            ],
            accounts: vec![Account::new("a@x.test", AccountState::Ok, 0)],
            removed: 2,
            ..Book::default()
        };
        assert_eq!(told(&book), "1 account of environment e1, e2 may be there; 2 were removed");
        assert_eq!(told(&Book::default()), "0 accounts may be there");
    }
}
