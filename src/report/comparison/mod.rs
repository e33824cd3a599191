//! A comparison shown: for a terminal, as data, as a comment on a pull request, and as a page. Pure.

pub mod console;
pub mod json;
pub mod markdown;
pub mod page;
mod words;

#[cfg(test)]
mod specimen;

use crate::analysis::compare::Sides;
use crate::analysis::compare::found::Comparison;
use crate::result::run_dir::RunRecord;

/// Everything that is known of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// What was found.
    pub comparison: &'a Comparison,
    /// What it was found from.
    pub sides: &'a Sides,
    /// The records of the baseline's runs, in the order of its arms.
    pub baseline: &'a [RunRecord],
    /// The same of the candidate.
    pub candidate: &'a [RunRecord],
}
