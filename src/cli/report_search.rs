//! `gander report` of a search for capacity: what was found, shown again, also of one that was killed.

use super::exit::{Exit, Failure};
use super::report::{ReportArgs, unfit};
use super::sink::Sink;
use super::terminal::Terminal;
use crate::analysis::capacity::found::Capacity;
use crate::base::remedy::Listing;
use crate::report::RenderError;
use crate::report::capacity::{console, json, markdown, page};
use crate::result::capacity::SearchDir;
use crate::result::run_dir::REPORT;

/// How a search is rendered.
type Render = fn(&Capacity) -> Result<String, RenderError>;

/// The formats of a search; those of runs that are about one run alone are not among them.
const FORMATS: &[(&str, Render)] = &[
    ("json", json::render),
    ("markdown", |found| Ok(markdown::render(found))),
    ("html", |found| Ok(page::document(found))),
];

pub(super) fn report(
    args: &ReportArgs,
    dir: &SearchDir,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let found: Capacity = dir.found().map_err(|error| Failure::of(Exit::WrongInput, &error))?;
    let Some(name) = args.format.as_deref() else {
        terminal.data(shown(&found, dir, terminal).trim_end());
        return Ok(Exit::Passed);
    };
    let Some((_, render)) = FORMATS.iter().find(|(format, _)| *format == name) else {
        let known: Listing = FORMATS.iter().map(|(format, _)| *format).collect();
        let what = format!("a search has no report as `{name}`");
        let remedy = format!("ask for {known}, or name one of its runs, in `{}`", probes(dir));
        return Err(Failure::new(Exit::WrongInput, what, Some(&remedy)));
    };
    if let Some(of) = &args.of {
        let what = format!("`--of {of}` chooses a part of a run, and this is a search");
        let remedy = format!("name one of its runs, in `{}`", probes(dir));
        return Err(Failure::new(Exit::WrongInput, what, Some(&remedy)));
    }
    let text = render(&found).map_err(unfit)?;
    Sink::open(args.to.as_deref(), dir.files(), terminal)?.take_all(&text)?;
    Ok(Exit::Passed)
}

/// What was found, for people, and where all of it is.
pub(super) fn shown(found: &Capacity, dir: &SearchDir, terminal: &Terminal) -> String {
    let paint = terminal.paint_of_text();
    let report = Some(dir.file(REPORT)).filter(|report| report.is_file());
    let report = report.map(|report| report.display().to_string());
    let directory = dir.path().display().to_string();
    let text = console::render(found, terminal.columns(), paint);
    let results = console::results(&directory, report.as_deref(), paint);
    format!("{}\n\n{}", text.trim_end(), results.trim_start())
}

fn probes(dir: &SearchDir) -> String {
    dir.file(crate::result::capacity::PROBES).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_of_a_search_is_called_as_that_of_a_run() {
        let told: Vec<_> = FORMATS.iter().map(|(name, _)| *name).collect();
        assert_eq!(told, ["json", "markdown", "html"], "the help of `gander report` names them");
        for (name, _) in FORMATS {
            assert!(crate::report::FORMATS.iter().any(|format| format.name == *name), "{name}");
        }
    }
}
