//! `gander report`: a run directory shown again.

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use crate::report::FORMATS;
use crate::report::console::{self, About};
use crate::result::run_dir::{RunDir, RunRecord};
use crate::run::summarise::{dossier, of_directory};
use std::path::PathBuf;

/// Show the result of a run again, also of one that was killed.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// Directory of the run, such as `reports/latest`
    run_dir: PathBuf,
    /// Format; without one, the summary for people
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(FORMATS.iter().map(|format| format.name)))]
    format: Option<String>,
    /// File to write to instead of standard output
    #[arg(long, value_name = "FILE", requires = "format")]
    to: Option<PathBuf>,
}

pub(super) fn report(args: &ReportArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let wrong = |error: &dyn crate::base::remedy::Remedy| Failure::of(Exit::WrongInput, error);
    let dir = RunDir::open(&args.run_dir).map_err(|error| wrong(&error))?;
    let format = FORMATS.iter().find(|format| args.format.as_deref() == Some(format.name));
    let Some(format) = format else {
        let summary = of_directory(&dir).map_err(|error| wrong(&error))?;
        let record = dir.run().map_err(|error| wrong(&error))?;
        let about = about(&record, &dir);
        let paint = terminal.paint_of_text();
        terminal.data(console::render(&summary, &about, terminal.columns(), paint).trim_end());
        return Ok(Exit::Passed);
    };
    let dossier = dossier(&dir).map_err(|error| wrong(&error))?;
    let text = (format.render)(&dossier).map_err(|error| Failure::of(Exit::Bug, &error))?;
    match &args.to {
        None => terminal.data(text.trim_end()),
        Some(path) => std::fs::write(path, text).map_err(|error| {
            Failure::new(
                Exit::WrongInput,
                format!("`{}` cannot be written: {error}", path.display()),
                None,
            )
        })?,
    }
    Ok(Exit::Passed)
}

/// What a person wants to know of a run besides its numbers.
pub(super) fn about(record: &RunRecord, dir: &RunDir) -> About {
    About { directory: Some(dir.path().display().to_string()), ..About::from(record) }
}
