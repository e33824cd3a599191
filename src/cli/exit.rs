//! Exit codes, and failures on their way to one.

pub use crate::analysis::verdict::Exit;
use crate::base::document::{Place, Problem};
use crate::base::remedy::Remedy;

/// What is told to the person when a command cannot do its work.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) complaints: Vec<Complaint>,
}

/// One thing that is wrong: what, where, and the way out.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) what: String,
    pub(super) place: Option<String>,
    pub(super) remedy: Option<String>,
}

impl Failure {
    /// Wrong input, with every problem found.
    pub(super) fn of_problems(problems: Vec<Problem>) -> Self {
        let complaint = |problem: Problem| Complaint {
            what: problem.what,
            place: problem.place.as_ref().map(Place::to_string),
            remedy: problem.remedy,
        };
        Self { exit: Exit::WrongInput, complaints: problems.into_iter().map(complaint).collect() }
    }

    /// One error with everything that caused it.
    pub(super) fn of(exit: Exit, error: &dyn Remedy) -> Self {
        let complaint = Complaint { what: with_causes(error), place: None, remedy: error.remedy() };
        Self { exit, complaints: vec![complaint] }
    }

    /// One sentence and its remedy.
    pub(super) fn new(exit: Exit, what: impl Into<String>, remedy: Option<&str>) -> Self {
        let complaint =
            Complaint { what: what.into(), place: None, remedy: remedy.map(str::to_owned) };
        Self { exit, complaints: vec![complaint] }
    }
}

/// An error's text followed by those of its causes, none twice.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// Help and version are printed by clap and are no failure.
pub(super) fn of_arguments(error: &clap::Error) -> Exit {
    // A closed pipe is the reader's choice, not a failure.
    let _ = error.print();
    if error.use_stderr() { Exit::WrongInput } else { Exit::Passed }
}
