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
    let workload = record.plan.get("workload");
    let text = |key: &str| match workload?.get(key)? {
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let level = match (text("rate"), text("users")) {
        _ if text("stages").is_some() => workload.map(stages),
        (Some(rate), _) => Some(rate),
        (None, users) => {
            let users = users.unwrap_or_else(|| "1".to_owned());
            Some(format!("{users} {} in turn", if users == "1" { "user" } else { "users" }))
        }
    };
    let at_most = record.max_users.map(|users| format!("with at most {users} users at once"));
    let number = text("iterations").map(|number| format!("{number} times"));
    let duration = text("duration").map(|duration| format!("for {duration}"));
    let warm_up =
        text("warm_up").filter(|time| time != "0s").map(|time| format!("after {time} of warm-up"));
    let load: Vec<_> = [level, at_most, number, duration, warm_up].into_iter().flatten().collect();
    About {
        load: Some(load.join(" ")),
        tenant: Some(tenant(record)),
        seed: Some(record.seed.clone()),
        directory: Some(dir.path().display().to_string()),
        interrupted: record.interrupted,
    }
}

/// Stages as a person would say them: `to 5/s over 30s, 20/s for 5m`.
fn stages(workload: &serde_json::Value) -> String {
    let stages = workload.get("stages").and_then(serde_json::Value::as_array);
    let one = |stage: &serde_json::Value| {
        let text = |key: &str| match stage.get(key)? {
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let users = text("users").map(|users| format!("{users} users"));
        let level = text("rate").or(users).unwrap_or_default();
        match text("over") {
            Some(over) => format!("to {level} over {over}"),
            None => format!("{level} for {}", text("for").unwrap_or_default()),
        }
    };
    stages.map(|stages| stages.iter().map(one).collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

/// The hosts that were called; the embedded stand-in by its name.
fn tenant(record: &RunRecord) -> String {
    let hosts = record.tenant_hosts.join(", ");
    if record.plan.get("tenant").is_some() {
        hosts
    } else {
        format!("the embedded stand-in, {hosts}")
    }
}
