//! Everything that can be told of one run, in one place: what reports are made of.

use super::run_dir::RunRecord;
use super::summary::Summary;
use crate::measure::Exemplar;
use crate::measure::course::Course;
use crate::measure::failing::FaultSample;
use crate::measure::tally::Tally;

/// One run: what it was, what it found, and how that came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Dossier {
    /// The plan as run.
    pub record: RunRecord,
    /// The result; of a run in progress, the one it would have if it ended now.
    pub summary: Summary,
    /// All histograms and counters of the measured part.
    pub tally: Tally,
    /// The run over time, warm-up and drain included.
    pub course: Course,
    /// A few whole iterations.
    pub exemplars: Vec<Exemplar>,
    /// A few failing exchanges.
    pub failing: Vec<FaultSample>,
    /// Whether it is still going on.
    pub is_running: bool,
}
