//! Accounts from and to CSV: those that people bring along, and those that gander made.

use super::account::{Account, AccountState};
use crate::base::remedy::{Listing, Remedy};
use crate::base::secret::Secret;
use std::collections::HashMap;
use std::io::{Read, Write};

/// Why a roster cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// Not CSV, or a reader or writer that failed. The text itself may hold passwords and stays
    /// out of the message.
    #[error("the roster is not well-formed CSV")]
    Csv(#[from] csv::Error),
    /// A needed column is not in the header. Only columns that are known are named: without a header the first line
    /// may hold a password.
    #[error("the first line of the roster names no column `{column}`{}", only(.found.as_ref()))]
    ColumnMissing { column: &'static str, found: Option<Listing> },
    /// A row without a login.
    #[error("line {line} of the roster has no login")]
    NoLogin { line: u64 },
    /// A login that an earlier row has. No cell is shown, here and below: where columns are mixed up it may be a
    /// password.
    #[error("line {line} of the roster has the `login` of line {earlier} again")]
    Twice { line: u64, earlier: u64 },
    /// A state that does not exist.
    #[error("line {line} of the roster has a `state` that does not exist")]
    UnknownState { line: u64 },
    /// A whole number was meant.
    #[error("line {line} of the roster has no whole number as `{column}`")]
    NotANumber { line: u64, column: &'static str },
}

impl Remedy for RosterError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Csv(_) => "each row needs as many cells as the header".to_owned(),
            Self::ColumnMissing { .. } => format!(
                "the first line names the columns: {}; only `login` is needed",
                COLUMNS.iter().copied().collect::<Listing>()
            ),
            Self::NoLogin { .. } => "fill in its cell in the column `login`".to_owned(),
            Self::Twice { .. } => "keep one of the rows: no two users share an account, and the platform takes capital and small letters for the same".to_owned(),
            Self::UnknownState { .. } => {
                let states: Listing =
                    super::account::STATES.iter().map(|state| state.name()).collect();
                format!("choose one of {states}")
            }
            Self::NotANumber { .. } => "leave the cell empty or write digits only".to_owned(),
        })
    }
}

/// Columns that are read; others are passed over. `username` is read as `login`, too.
const COLUMNS: [&str; 7] = ["login", "email", "password", "state", "generation", "id", "persona"];

/// Reads accounts. The login is taken for the e-mail address where that is absent, and the state is
/// `ok` where it is.
pub fn read(from: impl Read) -> Result<Vec<Account>, RosterError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(from);
    let header = reader.headers()?.clone();
    let column = |name: &str| {
        header.iter().position(|cell| {
            let cell = cell.trim_start_matches('\u{feff}');
            cell.eq_ignore_ascii_case(name)
        })
    };
    let Some(login_column) = column("login").or_else(|| column("username")) else {
        let known: Vec<&str> =
            COLUMNS.into_iter().filter(|known| column(known).is_some()).collect();
        let found = (!known.is_empty()).then(|| known.into_iter().collect());
        return Err(RosterError::ColumnMissing { column: "login", found });
    };
    let columns = COLUMNS.map(column);
    let mut seen = HashMap::new();
    let mut accounts = Vec::new();
    for row in reader.records() {
        let row = row?;
        let line = row.position().map_or(0, csv::Position::line);
        let cell = |name: &str| {
            let at = COLUMNS.iter().position(|known| *known == name)?;
            row.get(columns[at]?).filter(|cell| !cell.is_empty())
        };
        let login = row.get(login_column).unwrap_or_default().trim();
        if login.is_empty() {
            return Err(RosterError::NoLogin { line });
        }
        if let Some(earlier) = seen.insert(login.to_lowercase(), line) {
            return Err(RosterError::Twice { line, earlier });
        }
        let number = |column: &'static str| match cell(column) {
            None => Ok(None),
            Some(text) => {
                let number = text.trim().parse().map(Some);
                number.map_err(|_| RosterError::NotANumber { line, column })
            }
        };
        let state = cell("state").map_or(Some(AccountState::Ok), AccountState::named);
        accounts.push(Account {
            login: login.to_owned(),
            email: cell("email").unwrap_or(login).to_owned(),
            generation: number("generation")?.unwrap_or(0),
            state: state.ok_or(RosterError::UnknownState { line })?,
            id: cell("id").map(str::to_owned),
            persona: number("persona")?,
            given_password: cell("password").map(|text| Secret::new(text.to_owned())),
        });
    }
    Ok(accounts)
}

/// What of a header is known, for a message.
fn only(found: Option<&Listing>) -> String {
    found.map_or_else(String::new, |found| format!(", only {found} of those that are known"))
}

/// Writes accounts with a header and without passwords.
pub fn write(accounts: &[Account], to: impl Write) -> Result<(), RosterError> {
    write_rows(accounts, true, to)
}

/// The same of accounts that a tenant was found to have: it does not tell what state they are kept in, nor how often
/// gander changed their passwords, so that these cells are empty.
pub fn write_found(accounts: &[Account], to: impl Write) -> Result<(), RosterError> {
    write_rows(accounts, false, to)
}

fn write_rows(accounts: &[Account], is_known: bool, to: impl Write) -> Result<(), RosterError> {
    let known = |text: String| if is_known { text } else { String::new() };
    let mut writer = csv::Writer::from_writer(to);
    writer.write_record(COLUMNS.iter().filter(|column| **column != "password"))?;
    for account in accounts {
        let persona = account.persona.map(|index| index.to_string()).unwrap_or_default();
        writer.write_record([
            account.login.as_str(),
            &account.email,
            &known(account.state.name().to_owned()),
            &known(account.generation.to_string()),
            account.id.as_deref().unwrap_or_default(),
            &persona,
        ])?;
    }
    writer.flush().map_err(csv::Error::from)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_login_is_needed() {
        let accounts = read("username\na@x.test\n\"b,c\"\n".as_bytes()).unwrap();
        assert_eq!(accounts[0].email, "a@x.test");
        assert_eq!((accounts[1].login.as_str(), accounts[1].state), ("b,c", AccountState::Ok));
    }

    #[test]
    fn a_password_is_read_and_never_written() {
        let text = "\u{feff}Login,note,Password,State\na,\"x, y\",s3cret!,victim\n";
        let accounts = read(text.as_bytes()).unwrap();
        assert_eq!(accounts[0].given_password.as_ref().unwrap().expose(), "s3cret!");
        let mut written = Vec::new();
        write(&accounts, &mut written).unwrap();
        insta::assert_snapshot!(String::from_utf8(written).unwrap(), @r"
        login,email,state,generation,id,persona
        a,a,victim,0,,
        ");
    }

    #[test]
    fn what_a_tenant_does_not_tell_is_left_empty() {
        let account = Account { id: Some("u1".into()), ..Account::new("a", AccountState::Ok, 0) };
        let mut written = Vec::new();
        write_found(&[account], &mut written).unwrap();
        insta::assert_snapshot!(String::from_utf8(written.clone()).unwrap(), @r"
        login,email,state,generation,id,persona
        a,a,,,u1,0
        ");
        assert_eq!(read(written.as_slice()).unwrap()[0].state, AccountState::Ok, "empty is absent");
    }

    #[test]
    fn mistakes_name_line_and_way_out() {
        let messages: Vec<String> = [
            "email,note\na,b\n",
            "jane,S3cret!pass\n",
            "login\na\na\n",
            "login\nJane@x.test\njane@X.test\n",
            "login,state\na,gone\n",
            "login,generation\na,x\n",
            "login,id\n\"\",1\n",
            "login,id\na\n",
        ]
        .iter()
        .map(|text| {
            let error = read(text.as_bytes()).unwrap_err();
            format!("{error} ({})", error.remedy().unwrap())
        })
        .collect();
        insta::assert_snapshot!(messages.join("\n"), @r"
        the first line of the roster names no column `login`, only `email` of those that are known (the first line names the columns: `login`, `email`, `password`, `state`, `generation`, `id`, `persona`; only `login` is needed)
        the first line of the roster names no column `login` (the first line names the columns: `login`, `email`, `password`, `state`, `generation`, `id`, `persona`; only `login` is needed)
        line 3 of the roster has the `login` of line 2 again (keep one of the rows: no two users share an account, and the platform takes capital and small letters for the same)
        line 3 of the roster has the `login` of line 2 again (keep one of the rows: no two users share an account, and the platform takes capital and small letters for the same)
        line 2 of the roster has a `state` that does not exist (choose one of `ok`, `victim`, `must-change`, `locked`)
        line 2 of the roster has no whole number as `generation` (leave the cell empty or write digits only)
        line 2 of the roster has no login (fill in its cell in the column `login`)
        the roster is not well-formed CSV (each row needs as many cells as the header)
        ");
    }

    #[test]
    fn no_message_shows_a_cell() {
        let secret = "S3cret!pass";
        for text in [
            format!("jane,{secret}\nann,b\n"),
            format!("login\n{secret}\n{secret}\n"),
            format!("login,state\na,{secret}\n"),
            format!("login,generation\na,{secret}\n"),
            format!("login,persona\na,{secret}\n"),
            format!("login\na,{secret}\n"),
        ] {
            let error = read(text.as_bytes()).unwrap_err();
            let told = format!("{error} {error:?} {}", error.remedy().unwrap());
            assert!(!told.to_lowercase().contains("s3cret"), "{told}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(logins in prop::collection::btree_set("[!-~]([ -~]{0,20}[!-~])?", 0..20), generation: u64) {
            let mut seen = std::collections::HashSet::new();
            let accounts: Vec<_> = logins
                .into_iter()
                .filter(|login| seen.insert(login.to_lowercase()))
                .map(|login| Account { generation, id: Some("u".into()), ..Account::new(login, AccountState::Locked, 4) })
                .collect();
            let mut written = Vec::new();
            write(&accounts, &mut written).unwrap();
            prop_assert_eq!(read(written.as_slice()).unwrap(), accounts);
        }
    }
}
