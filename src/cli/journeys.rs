//! `gander journeys`: what journeys there are, and making more of them.

use super::environment;
use super::exit::{Exit, Failure};
use super::journeys_import::{self, ImportArgs};
use super::journeys_record::{self, RecordArgs};
use super::terminal::{Style, Terminal};
use crate::base::document::{Problems, Section};
use crate::base::remedy::{Listing, nearest};
use crate::identity::account::NEEDS;
use crate::journey::catalog::BUILT_IN;
use crate::journey::script::Script;
use crate::profile::check::own_files;
use crate::profile::load::{self, Flags, Origin};
use crate::profile::reference::Surroundings;
use clap::Subcommand;
use serde::Serialize;
use std::path::PathBuf;

/// What to do with journeys.
#[derive(Debug, Subcommand)]
pub(super) enum JourneysCommand {
    /// Every journey: its goal, the account it takes, and what it is for
    List(ListArgs),
    /// The file of one journey
    Show(ShowArgs),
    /// Make a journey out of what a browser recorded
    ImportHar(ImportArgs),
    /// Walk a flow form by form in the terminal and make a journey of it
    Record(Box<RecordArgs>),
}

/// `journeys list`.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Profile whose own journeys are listed, too
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

/// `journeys show`.
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// Name of the journey
    name: String,
    /// Profile whose own journeys are meant, too
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
}

pub(super) fn journeys(command: &JourneysCommand, terminal: &Terminal) -> Result<Exit, Failure> {
    match command {
        JourneysCommand::List(args) => list(args, terminal),
        JourneysCommand::Show(args) => show(args, terminal),
        JourneysCommand::ImportHar(args) => journeys_import::import(args, terminal),
        JourneysCommand::Record(args) => journeys_record::record(args, terminal),
    }
}

/// One journey as it is listed.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    goal: String,
    /// State of the account that it takes; `none` without one.
    account: &'static str,
    /// What it does, from the first line of its file.
    about: String,
    /// Whether it comes with gander.
    built_in: bool,
    /// Where it stands, unless it is built in.
    file: Option<String>,
    #[serde(skip)]
    text: String,
}

impl Entry {
    /// Reads one; a file that is no journey is no entry and its problems are noted.
    fn read(file: Option<String>, text: &str, problems: &Problems) -> Option<Self> {
        let document = file.clone().unwrap_or_else(|| "(built in)".to_owned());
        let script = match Script::parse(&document, text) {
            Ok(script) => script,
            Err(found) => {
                problems.extend(found);
                return None;
            }
        };
        let first = text.lines().find(|line| !line.starts_with("#:schema "));
        let first = first.and_then(|line| line.strip_prefix('#'));
        let account = NEEDS.iter().find(|(_, need)| *need == script.account);
        Some(Self {
            name: script.name.to_string(),
            goal: script.goal.to_string(),
            account: account.map_or("none", |(name, _)| name),
            about: first.unwrap_or_default().trim().to_owned(),
            built_in: file.is_none(),
            file,
            text: text.to_owned(),
        })
    }
}

/// Own journeys first: they stand in front of built-in ones of the same name.
fn entries(profile: Option<&PathBuf>) -> Result<Vec<Entry>, Failure> {
    let problems = Problems::default();
    let mut entries = Vec::new();
    if let Some(path) = profile {
        let surroundings = Surroundings { variable: &environment };
        // What a profile gets from elsewhere need not be there to list its journeys.
        let unfilled = Problems::default();
        let flags = Flags::default();
        let loaded = load::load(Origin::File(path), &flags, surroundings, &unfilled)
            .map_err(Failure::of_problems)?;
        let mut section = Section::document(&loaded.table, &problems);
        let patterns = section.texts("journey_files").unwrap_or_default();
        for (file, text) in own_files(&patterns, &loaded.folder, &problems) {
            entries.extend(Entry::read(Some(file), &text, &problems));
        }
    }
    for (name, text) in BUILT_IN {
        if !entries.iter().any(|entry| entry.name == *name) {
            entries.extend(Entry::read(None, without_schema(text), &problems));
        }
    }
    if problems.is_empty() {
        Ok(entries)
    } else {
        Err(Failure::of_problems(problems.into_sorted()))
    }
}

/// A built-in journey without the line that leads editors to its schema: that goes by the place of the
/// file, and whoever is shown the text will put it somewhere else.
fn without_schema(text: &str) -> &str {
    let rest = text.strip_prefix("#:schema ").and_then(|rest| rest.split_once('\n'));
    rest.map_or(text, |(_, rest)| rest)
}

fn list(args: &ListArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let entries = entries(args.profile.as_ref())?;
    if args.json {
        let json = serde_json::to_string_pretty(&entries).map_err(|error| {
            Failure::new(Exit::Bug, format!("the list cannot be written: {error}"), None)
        })?;
        terminal.data(&json);
        return Ok(Exit::Passed);
    }
    let width = |text: fn(&Entry) -> &str| {
        entries.iter().map(|entry| text(entry).chars().count()).max().unwrap_or(0)
    };
    let (names, goals) = (width(|entry| &entry.name), width(|entry| &entry.goal));
    let accounts = NEEDS.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let head = format!("{:<names$}  {:<goals$}  {:<accounts$}  about", "name", "goal", "account");
    terminal.data(&terminal.paint(Style::Faint, &head));
    for Entry { name, goal, account, about, file, .. } in &entries {
        let from = file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default();
        let line = format!("{name:<names$}  {goal:<goals$}  {account:<accounts$}  {about}{from}");
        terminal.data(&crate::report::columns::clean(line.trim_end()));
    }
    Ok(Exit::Passed)
}

fn show(args: &ShowArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let entries = entries(args.profile.as_ref())?;
    let Some(entry) = entries.iter().find(|entry| entry.name == args.name) else {
        return Err(unknown(&args.name, &entries));
    };
    terminal.data(entry.text.trim_end());
    Ok(Exit::Passed)
}

fn unknown(name: &str, entries: &[Entry]) -> Failure {
    let names = || entries.iter().map(|entry| entry.name.as_str());
    let remedy = nearest(name, names()).map_or_else(
        || format!("there are {}", names().collect::<Listing>()),
        |near| format!("did you mean `{near}`?"),
    );
    Failure::new(Exit::WrongInput, format!("there is no journey `{name}`"), Some(&remedy))
}
