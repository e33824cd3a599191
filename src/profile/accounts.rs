//! `[accounts]`: where journeys that need an account get one.

use crate::base::document::{Place, Section, Sited};
use crate::base::units::Rate;
use crate::identity::account::AccountState;
use crate::journey::script::Script;
use std::path::PathBuf;

/// The table as read.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// Whether a source was named.
    pub source: Option<Sited<AccountSource>>,
    /// How many accounts are made of each state that some journey needs.
    pub count: u64,
    /// Population that they are made in.
    pub population: String,
    /// The journey that registers accounts, for `register-first`, and where it is named.
    pub journey: (String, Option<Place>),
    /// Registrations at most, for `register-first`; none without a limit.
    pub rate: Option<Rate>,
}

/// Where accounts come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AccountSource {
    /// Made through the management API.
    Provision,
    /// Registered before the load begins, as users do it.
    RegisterFirst,
    /// In a CSV file that a person brings along.
    Csv(PathBuf),
    /// On the ledger of an earlier run, or of a provisioning.
    Ledger(PathBuf),
}

/// Registrations at a tenant where the profile names no rate: with the calls of each they stay below five calls a
/// second.
pub const CAREFUL: Rate = Rate { per_second: 0.5 };

/// The journey that registers accounts unless the profile names another.
pub const REGISTER: &str = "register";

/// The words for sources without a file.
pub const WORDS: &[(&str, AccountSource)] =
    &[("provision", AccountSource::Provision), ("register-first", AccountSource::RegisterFirst)];

/// A source with the file that it is in.
type OfFile = fn(PathBuf) -> AccountSource;

/// What stands before the colon for sources with a file.
pub const WITH_FILE: &[(&str, OfFile)] =
    &[("csv", AccountSource::Csv), ("ledger", AccountSource::Ledger)];

impl AccountSource {
    /// The source as a profile has it.
    pub fn named(text: &str) -> Option<Self> {
        if let Some((_, source)) = WORDS.iter().find(|(word, _)| *word == text) {
            return Some(source.clone());
        }
        let (word, path) = text.split_once(':')?;
        let (_, of) = WITH_FILE.iter().find(|(known, _)| *known == word)?;
        (!path.is_empty()).then(|| of(path.into()))
    }

    /// The word for it in profiles and messages, without its file.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::RegisterFirst => "register-first",
            Self::Csv(_) => "csv",
            Self::Ledger(_) => "ledger",
        }
    }

    /// Whether gander makes the accounts, before the load.
    pub const fn makes(&self) -> bool {
        matches!(self, Self::Provision | Self::RegisterFirst)
    }

    /// Whether it can have accounts of a state. Registering leaves them in one.
    pub fn has(&self, state: AccountState) -> bool {
        *self != Self::RegisterFirst || state == AccountState::Ok
    }

    /// Whether a journey may do to its account what it does. What it spoils, the management API has to put
    /// right (`is_managed`); what a person brought along is not changed at all, because their file would not be
    /// right any more.
    pub fn allows(&self, script: &Script, is_managed: bool) -> bool {
        let changes = script.rules.iter().any(|rule| rule.changes_password);
        match self {
            Self::Csv(_) => !changes && !script.spoils_account(),
            Self::Provision | Self::RegisterFirst | Self::Ledger(_) => {
                is_managed || !script.spoils_account()
            }
        }
    }
}

/// Reads the table.
pub(super) fn read(mut section: Section<'_>) -> Accounts {
    let source = section.text("source").and_then(|text| {
        let value = AccountSource::named(&text.value);
        if value.is_none() {
            // A reference may have brought in a secret by mistake.
            let is_filled_in = section.item("source").is_some_and(|item| item.is_filled_in());
            let what = if is_filled_in {
                "`accounts.source` is no source".to_owned()
            } else {
                format!("`accounts.source` is `{}`, which it cannot be", text.value)
            };
            let remedy = "write `provision`, `register-first`, `csv:FILE` or `ledger:FILE`";
            section.problems().note(Some(&text.place), what, Some(remedy.to_owned()));
        }
        Some(Sited { place: text.place, value: value? })
    });
    let journey = section
        .text("journey")
        .map_or_else(|| (REGISTER.to_owned(), None), |text| (text.value, Some(text.place)));
    let rate = section.parsed::<Rate>("rate");
    if let Some(rate) = rate.as_ref().filter(|rate| rate.value.per_second <= 0.0) {
        let what = "`accounts.rate` allows no registration at all";
        section.problems().note(Some(&rate.place), what, Some("write at least `1/min`".to_owned()));
    }
    let accounts = Accounts {
        source,
        count: section.count("count").unwrap_or(0),
        population: section
            .text("population")
            .map_or_else(|| "gander".to_owned(), |text| text.value),
        journey,
        rate: rate.map(|rate| rate.value),
    };
    section.finish();
    accounts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_reads_as_its_word() {
        let file = || PathBuf::from("a b.csv");
        for (text, expected) in [
            ("provision", AccountSource::Provision),
            ("register-first", AccountSource::RegisterFirst),
            ("csv:a b.csv", AccountSource::Csv(file())),
            ("ledger:a b.csv", AccountSource::Ledger(file())),
        ] {
            let source = AccountSource::named(text).unwrap();
            assert_eq!(source, expected);
            assert!(text.starts_with(source.word()));
        }
        for text in ["", "csv", "csv:", "provision:x", "reply:x"] {
            assert_eq!(AccountSource::named(text), None, "{text}");
        }
    }

    #[test]
    fn nothing_is_done_to_what_a_person_brought_along() {
        let script = |name: &str| crate::journey::catalog::built_in(name).unwrap().unwrap();
        let (csv, ledger) = (AccountSource::Csv("a".into()), AccountSource::Ledger("a".into()));
        for (name, by_csv, by_ledger) in [
            ("sign-on", true, true),
            ("recovery", false, true),
            ("sign-on-wrong-password", false, false),
            ("sign-on-expired-password", false, false),
        ] {
            let script = script(name);
            assert_eq!(
                (csv.allows(&script, true), csv.allows(&script, false)),
                (by_csv, by_csv),
                "{name}"
            );
            assert_eq!(
                (ledger.allows(&script, true), ledger.allows(&script, false)),
                (true, by_ledger),
                "{name}"
            );
        }
    }
}
