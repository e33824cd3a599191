//! Which rows two sides have, by name, and what each side saw of one.

use super::found::{Metric, Row};
use super::{Arm, Method};
use crate::analysis::statistics::figure::Figure;
use crate::analysis::statistics::grid::Grid;
use crate::analysis::statistics::lane::{self, Lane};
use crate::analysis::statistics::ratio::Ratio;
use crate::analysis::statistics::share::Share;
use crate::base::names::{Capability, Journey, Step};
use crate::measure::histogram::Percentile;
use crate::measure::windows::Track;
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
    pub(super) fn of<'s>(sides: impl Iterator<Item = &'s Laid<'s>>) -> Self {
        let mut keys = Self::default();
        for (track, _) in sides.flat_map(|laid| &laid.0) {
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
        keys
    }
}

/// Everything of one arm that is looked at, laid out track by track.
#[derive(Debug)]
pub(super) struct Laid<'a>(Vec<(&'a Track, Lane)>);

impl<'a> Laid<'a> {
    pub(super) fn out(arm: &'a Arm, method: &Method) -> Self {
        let is_looked_at = |track: &&Track| {
            arm.variant.as_ref().is_none_or(|variant| variant == track.variant())
                && (method.journeys.is_empty() || method.journeys.contains(track.journey()))
        };
        let lane = |track| (track, Lane::of_track(&arm.windows, track));
        Self(arm.windows.tracks().filter(is_looked_at).map(lane).collect())
    }
}

impl Key {
    fn is_of(&self, track: &Track) -> bool {
        match (self, track) {
            (Self::Journey(mine), Track::Iterations { journey, .. }) => mine == journey,
            (Self::Step(mine, named), Track::Exchanges { journey, step, .. }) => {
                mine == journey && named == step
            }
            (
                Self::Capability(mine, on, by),
                Track::Exchanges { capability, event, action, .. },
            ) => mine == capability && on == event && by == action,
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
    pub(super) fn of(laid: &Laid<'_>, key: &Key, timeline: usize) -> Option<Self> {
        let mine = laid.0.iter().filter(|(track, _)| key.is_of(track));
        let lanes: Vec<&Lane> = mine.map(|(_, lane)| lane).collect();
        (!lanes.is_empty()).then(|| Self {
            timeline,
            samples: lanes.iter().map(|lane| lane.samples()).sum(),
            grid: Grid::new(&lanes),
            mean: lane::mean(&lanes),
            faults: lane::fault_share(&lanes),
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
