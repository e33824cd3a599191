//! The commands: the only part that talks to a person.

mod accounts;
mod accounts_clean_up;
mod accounts_list;
mod accounts_provision;
mod agent;
mod agent_run;
mod announce;
mod aside;
mod assemble;
mod broadcast;
mod capacity;
mod capacity_journal;
mod capacity_level;
mod check;
mod codes_told;
mod compare;
mod conclude;
mod convene;
mod core_dump;
mod dialogue;
mod embedded;
mod ending;
mod ensemble;
mod exit;
mod group;
mod halting;
mod intake;
mod journeys;
mod journeys_import;
mod journeys_record;
mod licence;
mod mail;
mod manual;
mod missing;
mod mix;
mod narrator;
mod panics;
mod part;
mod policies_told;
mod prepare;
mod progress;
mod provisioning;
mod repeat;
mod report;
mod report_merge;
mod report_search;
mod run;
mod run_many;
mod schema;
mod see_through;
mod settle;
mod sink;
mod stand_in;
mod standing;
mod takeover;
mod terminal;
mod tui;
mod walk;
mod watch;

use clap::{Parser, Subcommand, ValueEnum};
pub use exit::Exit;
use terminal::Terminal;

/// Load and performance testing of PingOne DaVinci flows.
#[derive(Debug, Parser)]
#[command(name = "gander", version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    manner: Manner,
}

/// How to talk.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Manner {
    /// Say only what was asked for
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    verbose: bool,
    /// When to use colour (NO_COLOR is honoured)
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto)]
    color: Colour,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put load on a tenant, or on the embedded stand-in, and measure what comes back
    Run(Box<run::RunArgs>),
    /// Join a group of machines that perform one plan together
    Agent(Box<agent::AgentArgs>),
    /// Find the highest arrival rate at which all thresholds hold
    Capacity(Box<capacity::CapacityArgs>),
    /// Show the result of a run or a search again, also of one that was killed
    Report(report::ReportArgs),
    /// Say whether one flow version is slower than another: two runs, several, or variants of one
    Compare(Box<compare::CompareArgs>),
    /// Find every problem of a profile; with --walk, perform each journey once and show it
    Check(check::CheckArgs),
    /// Make, list and remove accounts through the tenant's management API
    #[command(subcommand)]
    Accounts(accounts::AccountsCommand),
    /// Say by which way a tenant sends its mails, lead them elsewhere for a test, and back
    #[command(subcommand)]
    Mail(mail::MailCommand),
    /// Write the sheet to send to a tenant's owner or its support before a test
    Announce(Box<announce::AnnounceArgs>),
    /// Serve a stand-in tenant
    StandIn(stand_in::StandInArgs),
    /// List and show journeys, and make more: from a recording or in the terminal
    #[command(subcommand)]
    Journeys(journeys::JourneysCommand),
    /// Print the JSON Schema of a file format: profile, journey, summary, comparison, capacity, plan or result
    Schema(schema::SchemaArgs),
    /// Print a script that completes commands and flags in a shell
    Completions(manual::CompletionsArgs),
    /// Print the manual page, or write one for each command
    Man(manual::ManArgs),
}

/// Runs the command line. Returns the exit code instead of ending the process.
pub fn main(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Exit {
    panics::strike();
    core_dump::forbid();
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return exit::of_arguments(&error),
    };
    let terminal = Terminal::new(arguments.manner);
    let outcome = match arguments.command {
        Command::Run(args) => run::run(&args, &terminal),
        Command::Agent(args) => agent::agent(&args, &terminal),
        Command::Capacity(args) => capacity::capacity(&args, &terminal),
        Command::Report(args) => report::report(&args, &terminal),
        Command::Compare(args) => compare::compare(&args, &terminal),
        Command::Check(args) => check::check(&args, &terminal),
        Command::Accounts(command) => accounts::accounts(&command, &terminal),
        Command::Mail(command) => mail::mail(&command, &terminal),
        Command::Announce(args) => announce::announce(&args, &terminal),
        Command::StandIn(args) => stand_in::stand_in(&args, &terminal),
        Command::Journeys(command) => journeys::journeys(&command, &terminal),
        Command::Schema(args) => schema::schema(&args, &terminal),
        Command::Completions(args) => manual::completions(&args, &terminal),
        Command::Man(args) => manual::man(&args, &terminal),
    };
    aside::settle();
    let outcome = outcome.and_then(|exit| {
        if Terminal::has_lost_data() {
            let what = "what was asked for could not be written to standard output";
            let remedy = "make room where it goes, and ask again";
            return Err(exit::Failure::new(Exit::WrongInput, what, Some(remedy)));
        }
        Ok(exit)
    });
    match outcome {
        Ok(exit) => exit,
        Err(failure) => {
            terminal.failure(&failure);
            aside::settle();
            failure.exit
        }
    }
}

/// The environment, read in this one place.
#[expect(clippy::disallowed_methods, reason = "the command line is where the environment is read")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The runtime that a command runs on. Whatever runs on it may make many connections.
fn runtime() -> Result<tokio::runtime::Runtime, exit::Failure> {
    crate::run::descriptors::raise_limit();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        exit::Failure::new(
            Exit::Bug,
            format!("no runtime: {error}"),
            Some("are there threads and file descriptors left?"),
        )
    })
}
