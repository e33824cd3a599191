//! Comparison of two sides, flow versions or variants: what is compared, and what was found.

pub mod found;
mod withhold;

use crate::base::names::{Journey, Variant};
use crate::measure::windows::Windows;
use found::Mismatch;

/// One run, or one variant of a run, as one side of a comparison sees it.
#[derive(Clone, Debug)]
pub struct Arm {
    /// The run's id, for messages.
    pub run_id: String,
    /// When it started.
    pub started_at: String,
    /// The variant that is looked at; none for all of them together.
    pub variant: Option<Variant>,
    /// Its measured part.
    pub windows: Windows,
    /// How its own verdict reads; a run whose generator was the limit says nothing about the tenant.
    pub is_invalid: bool,
}

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct Sides {
    /// What it was before.
    pub baseline: Vec<Arm>,
    /// What it may become.
    pub candidate: Vec<Arm>,
    /// Whether `baseline[i]` and `candidate[i]` are variants of the same run, which met the same
    /// minutes of the same tenant: then their windows are compared in pairs.
    pub paired: bool,
    /// Runs of one and the same thing, from which the spread between runs is known.
    pub spread: Vec<Arm>,
    /// What makes the two sides hard to compare, found before.
    pub mismatches: Vec<Mismatch>,
}

/// How to judge.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// Relative change of a time that does not matter: 0.05 for 5 %.
    pub margin: f64,
    /// Change of a time that does not matter, whatever part it is, in microseconds: where times are
    /// short, a relative margin is less than the clocks and timers of a machine can tell.
    pub floor_us: f64,
    /// Change of an error share that does not matter, in parts of the samples: 0.005 for half a point.
    pub fault_margin: f64,
    /// The part of all reports that may raise a false alarm: 0.05.
    pub significance: f64,
    /// Resamples of each bootstrap.
    pub resamples: u32,
    /// Where the randomness of the bootstrap comes from.
    pub seed: u64,
    /// The metrics that are tested; those not among them are described.
    pub metrics: Vec<found::Metric>,
    /// Journeys to look at; all, if there are none.
    pub journeys: Vec<Journey>,
}
