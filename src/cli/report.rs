//! `gander report`: the directory of a run or a search shown again.

use super::exit::{Exit, Failure};
use super::report_merge;
use super::report_search;
use super::sink::Sink;
use super::terminal::Terminal;
use crate::analysis::rule::Scope;
use crate::base::remedy::{Listing, Remedy};
use crate::report::console::{self, About};
use crate::report::{FORMATS, Format, Render, RenderError};
use crate::result::capacity::SearchDir;
use crate::result::run_dir::{REPORT, RunDir, RunRecord, TIMELINE};
use crate::run::ledger_file::{self, LEDGER};
use crate::run::summarise::{dossier, of_directory};
use std::path::PathBuf;

/// Show the result of a run or of a search for capacity again, also of one that was killed.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "gander report RUN_DIR [--format FORMAT]\n       \
        gander report --merge DIR… [-o OUT] [--format FORMAT]",
    after_help = "Exit codes: 0 for a run that is shown again; with --merge as those of the run itself, 4 if \
        thresholds fail, 5 if a generator was the limit; 2 for wrong input."
)]
pub(super) struct ReportArgs {
    /// Directory of the run or the search, such as `reports/latest`
    #[arg(required_unless_present = "merge")]
    run_dir: Option<PathBuf>,
    /// Make one run of the directories of its parts first: of all shares of a plan, or of runs of one plan on several
    /// machines
    #[arg(long, value_name = "DIR", num_args = 1.., conflicts_with = "run_dir")]
    pub(super) merge: Vec<PathBuf>,
    /// Where the merged run is written; without it, a new folder in `reports`
    #[arg(short, long, value_name = "OUT", requires = "merge")]
    pub(super) out: Option<PathBuf>,
    /// Format; without one, the summary for people. A search has `json`, `markdown` and `html`
    #[arg(long, value_parser = formats())]
    pub(super) format: Option<String>,
    /// File to write to instead of standard output
    #[arg(long, value_name = "FILE", requires = "format")]
    pub(super) to: Option<PathBuf>,
    /// For `hgrm`, what the distribution is of, as thresholds write it: `sign-on`,
    /// `sign-on/credentials`, `capability:token`, `variant:v1`; without it, all journeys
    #[arg(long, value_name = "SCOPE", requires = "format")]
    pub(super) of: Option<String>,
}

/// The names of the formats, each with what it is for.
fn formats() -> clap::builder::PossibleValuesParser {
    let words = FORMATS.iter();
    words
        .map(|of| clap::builder::PossibleValue::new(of.name).help(of.purpose))
        .collect::<Vec<_>>()
        .into()
}

pub(super) fn report(args: &ReportArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let Some(run_dir) = &args.run_dir else { return report_merge::report(args, terminal) };
    if let Some(search) = SearchDir::open(run_dir) {
        return report_search::report(args, &search, terminal);
    }
    args.check()?;
    let dir = RunDir::open(run_dir).map_err(|error| wrong(&error))?;
    show(args, &dir, terminal)?;
    Ok(Exit::Passed)
}

impl ReportArgs {
    /// The format that was asked for, and the part of the run that it is to be about.
    fn wanted(&self) -> Result<(Option<&'static Format>, Scope), Failure> {
        let format = FORMATS.iter().find(|format| self.format.as_deref() == Some(format.name));
        Ok((format, scope(self.of.as_deref(), format)?))
    }

    /// Whether what was asked for can be given, before anything is read for it.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.wanted().map(drop)
    }
}

/// Shows a run as it was asked for.
pub(super) fn show(args: &ReportArgs, dir: &RunDir, terminal: &Terminal) -> Result<(), Failure> {
    let (format, scope) = args.wanted()?;
    let Some(format) = format else {
        let summary = of_directory(dir).map_err(|error| wrong(&error))?;
        let record = dir.run().map_err(|error| wrong(&error))?;
        let about = about(&record, dir);
        let paint = terminal.paint_of_text();
        terminal.data(console::render(&summary, &about, terminal.columns(), paint).trim_end());
        return Ok(());
    };
    let whole = || dossier(dir).map_err(|error| wrong(&error));
    match format.render {
        Render::Result(render) => {
            let record = dir.run().map_err(|error| wrong(&error))?;
            let summary = of_directory(dir).map_err(|error| wrong(&error))?;
            let text = render(&record, &summary).map_err(unfit)?;
            Sink::open(args.to.as_deref(), dir, terminal)?.take_all(&text)?;
        }
        Render::Whole(render) => {
            let text = render(&whole()?).map_err(unfit)?;
            Sink::open(args.to.as_deref(), dir, terminal)?.take_all(&text)?;
        }
        Render::Scoped(render) => {
            let text = render(&whole()?, &scope).map_err(unfit)?;
            Sink::open(args.to.as_deref(), dir, terminal)?.take_all(&text)?;
        }
        Render::Stream { head, line } => {
            let record = dir.run().map_err(|error| wrong(&error))?;
            let head = head().map_err(unfit)?;
            let mut sink = Sink::open(args.to.as_deref(), dir, terminal)?;
            let mut outcome = sink.take(&head);
            let read = dir.each_line(TIMELINE, |interval| {
                if outcome.is_ok() {
                    let text = line(&record, &interval).map_err(unfit);
                    outcome = text.and_then(|text| sink.take(&text));
                }
            });
            outcome?;
            if let Err(error) = read {
                sink.abandon();
                return Err(wrong(&error));
            }
            sink.close()?;
        }
    }
    Ok(())
}

fn wrong(error: &dyn Remedy) -> Failure {
    Failure::of(Exit::WrongInput, error)
}

pub(super) fn unfit(error: RenderError) -> Failure {
    let exit = if error.is_of_input() { Exit::WrongInput } else { Exit::Bug };
    Failure::of(exit, &error)
}

/// The part of the run that was asked for; only some formats are about a part.
fn scope(of: Option<&str>, format: Option<&'static Format>) -> Result<Scope, Failure> {
    let Some(of) = of else { return Ok(Scope::Run) };
    match format {
        Some(format) if !format.has_scope() => {
            let scoped = FORMATS.iter().filter(|format| format.has_scope());
            let scoped: Listing = scoped.map(|format| format.name).collect();
            let what = format!(
                "`--of {of}` chooses a part of the run, and `{}` is about all of it",
                format.name
            );
            Err(Failure::new(
                Exit::WrongInput,
                what,
                Some(&format!("leave it out, or use {scoped}")),
            ))
        }
        _ => of.parse().map_err(|error| wrong(&error)),
    }
}

/// What a person wants to know of a run besides its numbers.
pub(super) fn about(record: &RunRecord, dir: &RunDir) -> About {
    let page = Some(dir.file(REPORT)).filter(|page| page.is_file());
    About {
        directory: Some(dir.path().display().to_string()),
        report: page.map(|page| page.display().to_string()),
        remaining: remaining(record, dir),
        ..About::from(record)
    }
}

/// Accounts that are on the run's own ledger, and what removes them. Those of the embedded stand-in went with it.
fn remaining(record: &RunRecord, dir: &RunDir) -> Option<(usize, String)> {
    record.plan.get("tenant")?;
    let path = dir.file(LEDGER);
    let accounts = ledger_file::read(&path).ok()?.accounts.len();
    let command = format!("gander accounts clean-up PROFILE --ledger {}", path.display());
    (accounts > 0).then_some((accounts, command))
}
