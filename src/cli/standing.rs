//! What a conductor that a scheduler starts finds in the directory of its run: nothing yet, a run that was begun, or
//! one that is over.

use super::exit::{Exit, Failure};
use crate::cluster::journal::CONDUCTOR;
use crate::result::run_dir::{RUN, RunDir};
use std::path::{Path, PathBuf};

/// What there is of a run in a directory.
pub(super) enum Standing {
    /// Nothing that was begun.
    New(PathBuf),
    /// A run that began and has no end.
    Begun(PathBuf),
    /// A run that is over, and what it came to.
    Over(PathBuf, Exit),
}

/// Looks at what is there.
pub(super) fn standing(path: &Path) -> Result<Standing, Failure> {
    let wrong = |error| Failure::of(Exit::WrongInput, &error);
    let at = path.to_owned();
    // It goes last: until then something is left to be done, were it only to tell the agents that all is safe.
    if path.join(CONDUCTOR).exists() {
        return Ok(Standing::Begun(at));
    }
    if !path.join(RUN).exists() {
        return Ok(Standing::New(at));
    }
    let dir = RunDir::open(path).map_err(wrong)?;
    let record = dir.run().map_err(wrong)?;
    let Some(summary) = dir.summary().map_err(wrong)? else {
        let what = format!("the run in `{}` is over, but was not judged", path.display());
        let remedy = format!("`gander report {}` does that", path.display());
        return Err(Failure::new(Exit::WrongInput, what, Some(&remedy)));
    };
    Ok(Standing::Over(at, Exit::of_run(summary.verdict, record.interrupted)))
}
