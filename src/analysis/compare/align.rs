//! Which rows two sides have, by name, and what each side saw of one.

use super::found::{Metric, Row};
use super::{Arm, Method, Sides};
use crate::analysis::bootstrap::{self, Figure as Asked};
use crate::analysis::statistics::figure::Figure;
use crate::analysis::statistics::grid::Grid;
use crate::analysis::statistics::ratio::Ratio;
use crate::analysis::statistics::share::Share;
use crate::base::names::{Capability, Journey, Step};
use crate::measure::histogram::Percentile;
use crate::measure::windows::{Cell, Track};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a row is about. Two sides are aligned by it, whatever their variants are called.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Key {
    /// Whole iterations.
    Journey(Journey),
    /// The exchanges of one step.
    Step(Journey, Step),
    /// The exchanges of one capability, event and action over all journeys.
    Capability(Capability, Arc<str>, Arc<str>),
}

/// The rows of a comparison, in order.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) journeys: BTreeSet<Key>,
    pub(super) steps: BTreeSet<Key>,
    pub(super) capabilities: BTreeSet<Key>,
}

impl Keys {
    /// Of everything that either side has.
    pub(super) fn of(sides: &Sides, method: &Method) -> Self {
        let mut keys = Self::default();
        for arm in sides.baseline.iter().chain(&sides.candidate) {
            for track in arm.windows.tracks().filter(|track| is_looked_at(arm, method, track)) {
                match track {
                    Track::Iterations { journey, .. } => {
                        keys.journeys.insert(Key::Journey(journey.clone()));
                    }
                    Track::Exchanges { journey, step, capability, event, action, .. } => {
                        keys.steps.insert(Key::Step(journey.clone(), step.clone()));
                        let (event, action) = (event.clone(), action.clone());
                        let key = Key::Capability(capability.clone(), event, action);
                        keys.capabilities.insert(key);
                    }
                }
            }
        }
        keys
    }
}

fn is_looked_at(arm: &Arm, method: &Method, track: &Track) -> bool {
    arm.variant.as_ref().is_none_or(|variant| variant == track.variant())
        && (method.journeys.is_empty() || method.journeys.contains(track.journey()))
}

impl Key {
    fn is_of(&self, track: &Track) -> bool {
        match (self, track) {
            (Self::Journey(mine), Track::Iterations { journey, .. }) => mine == journey,
            (Self::Step(mine, named), Track::Exchanges { journey, step, .. }) => {
                mine == journey && named == step
            }
            (Self::Capability(mine, on, by), Track::Exchanges { capability, event, action, .. }) => {
                mine == capability && on == event && by == action
            }
            _ => false,
        }
    }

    /// A row with nothing in it but its name.
    pub(super) fn row(&self) -> Row {
        let text = |text: &str| Some(text.to_owned());
        let (mut journey, mut step, mut capability) = (None, None, None);
        let (mut event, mut action) = (None, None);
        match self {
            Self::Journey(name) => journey = text(name.as_str()),
            Self::Step(of, name) => (journey, step) = (text(of.as_str()), text(name.as_str())),
            Self::Capability(name, on, by) => {
                (capability, event, action) = (text(name.as_str()), text(on), text(by));
            }
        }
        Row {
            journey,
            step,
            capability,
            event,
            action,
            verdict: None,
            baseline_samples: None,
            candidate_samples: None,
            changes: Vec::new(),
        }
    }
}

/// What one arm saw of one row, ready to be resampled.
#[derive(Debug)]
pub(super) struct Strand {
    /// Which timeline it belongs to, that of a run.
    pub(super) timeline: usize,
    /// Good samples and faults.
    pub(super) samples: u64,
    grid: Grid,
    mean: Ratio,
    faults: Ratio,
}

impl Strand {
    /// None where the arm does not have the row.
    pub(super) fn of(arm: &Arm, key: &Key, method: &Method, timeline: usize) -> Option<Self> {
        let is_mine = |track: &Track| key.is_of(track) && is_looked_at(arm, method, track);
        if !arm.windows.tracks().any(is_mine) {
            return None;
        }
        let cells: Vec<Cell> = arm.windows.cells(is_mine);
        Some(Self {
            timeline,
            samples: cells.iter().map(|cell| cell.pool.samples()).sum(),
            grid: Grid::new(&cells),
            mean: bootstrap::ratio(&cells, Asked::Mean),
            faults: bootstrap::ratio(&cells, Asked::FaultShare),
        })
    }

    /// One metric of it.
    pub(super) const fn figure(&self, metric: Metric) -> Figure<'_> {
        match metric {
            Metric::P50 => Figure::Percentile(&self.grid, Percentile::P50),
            Metric::P90 => Figure::Percentile(&self.grid, Percentile::P90),
            Metric::P95 => Figure::Percentile(&self.grid, Percentile::P95),
            Metric::P99 => Figure::Percentile(&self.grid, Percentile::P99),
            Metric::Mean => Figure::Mean(&self.mean),
            Metric::ErrorShare => Figure::Ratio(&self.faults),
        }
    }

    /// Its faults and samples.
    pub(super) fn share(&self) -> Share {
        Share { faults: self.faults.part(), samples: self.faults.whole() }
    }
}
