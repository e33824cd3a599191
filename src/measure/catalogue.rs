//! The names of a run as small numbers, so that recording compares and hashes no text.

use super::series::{Kind, Outcome, Phase, SeriesKey};
use crate::base::names::{Capability, Journey, Step, Variant};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Most series a run keeps; exchanges beyond go to `other`.
pub const MOST_SERIES: usize = 2000;

/// The name of everything beyond [`MOST_SERIES`].
pub const OTHER: &str = "other";

/// One journey of one variant.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct JourneyId(u16);

impl JourneyId {
    /// What belongs to no journey: management calls.
    pub const NONE: Self = Self(0);

    pub(super) const fn place(self) -> usize {
        self.0 as usize
    }

    pub(super) fn from_place(place: usize) -> Self {
        Self(u16::try_from(place).unwrap_or(0))
    }
}

/// One kind of exchange: journey, step, capability, event and action.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RowId(u16);

impl RowId {
    /// Where exchanges go when there are too many kinds.
    pub const OTHER: Self = Self(0);

    pub(super) const fn place(self) -> usize {
        self.0 as usize
    }
}

/// One step within a journey.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StepId(u16);

impl StepId {
    pub(super) const fn place(self) -> usize {
        self.0 as usize
    }

    pub(super) fn from_place(place: usize) -> Self {
        Self(u16::try_from(place).unwrap_or(u16::MAX))
    }
}

/// One histogram.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct SeriesId(pub(super) u16);

/// What one kind of exchange is about, within its journey.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row<'a> {
    /// The name of the rule that answered.
    pub step: &'a str,
    /// What the tenant was doing.
    pub capability: &'a str,
    /// `submit`, `action`, or empty for calls outside a flow.
    pub event: &'a str,
    /// The key of the action taken, or empty.
    pub action: &'a str,
}

/// A [`Row`] that owns its names.
#[derive(Debug)]
pub(super) struct RowNames {
    pub(super) journey: JourneyId,
    pub(super) step: Step,
    pub(super) capability: Capability,
    pub(super) event: Arc<str>,
    pub(super) action: Arc<str>,
}

impl RowNames {
    pub(super) fn is(&self, journey: JourneyId, row: &Row<'_>) -> bool {
        self.journey == journey
            && self.step.as_str() == row.step
            && self.capability.as_str() == row.capability
            && *self.event == *row.event
            && *self.action == *row.action
    }
}

/// A number for a row, the same wherever it is asked for. Equal numbers are told apart by the names,
/// so it only has to be quick: eight bytes at a time, turned and multiplied (after `FxHash`).
pub(super) fn hash_of(journey: JourneyId, row: &Row<'_>) -> u64 {
    let mix =
        |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    let mut hash = u64::from(journey.0);
    for name in [row.step, row.capability, row.event, row.action] {
        let (words, rest) = name.as_bytes().as_chunks::<8>();
        hash = words.iter().fold(hash, |hash, word| mix(hash, u64::from_le_bytes(*word)));
        hash = rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
        hash = mix(hash, u64::MAX);
    }
    hash
}

/// A map by numbers of [`hash_of`], which are hashes already.
pub(super) type ByHash<T> = HashMap<u64, T, BuildHasherDefault<Hashed>>;

/// Passes a hash through.
#[derive(Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[derive(Debug)]
pub(super) struct JourneyNames {
    pub(super) variant: Variant,
    pub(super) journey: Journey,
    pub(super) steps: Vec<Step>,
}

/// All names of a run. Grows, never forgets; asked once for each name and shard.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) journeys: Vec<JourneyNames>,
    pub(super) rows: Vec<Arc<RowNames>>,
    pub(super) series: Vec<Arc<SeriesKey>>,
    by_hash: ByHash<RowId>,
    by_key: HashMap<Arc<SeriesKey>, SeriesId>,
    most_series: usize,
}

impl Catalogue {
    pub(super) fn new(most_series: usize) -> Self {
        let none = JourneyNames { variant: "".into(), journey: "".into(), steps: Vec::new() };
        let other = RowNames {
            journey: JourneyId::NONE,
            step: OTHER.into(),
            capability: OTHER.into(),
            event: "".into(),
            action: "".into(),
        };
        Self {
            journeys: vec![none],
            rows: vec![Arc::new(other)],
            series: Vec::new(),
            by_hash: ByHash::default(),
            by_key: HashMap::new(),
            most_series,
        }
    }

    pub(super) fn journey(&mut self, variant: &Variant, journey: &Journey) -> JourneyId {
        let known = self
            .journeys
            .iter()
            .position(|names| names.variant == *variant && names.journey == *journey);
        let place = known.unwrap_or_else(|| {
            let (variant, journey) = (variant.clone(), journey.clone());
            self.journeys.push(JourneyNames { variant, journey, steps: Vec::new() });
            self.journeys.len() - 1
        });
        JourneyId::from_place(place)
    }

    pub(super) fn step(&mut self, journey: JourneyId, step: &str) -> StepId {
        let Some(names) = self.journeys.get_mut(journey.place()) else {
            return StepId::from_place(0);
        };
        let known = names.steps.iter().position(|name| name.as_str() == step);
        StepId::from_place(known.unwrap_or_else(|| {
            names.steps.push(step.into());
            names.steps.len() - 1
        }))
    }

    pub(super) fn row(&mut self, journey: JourneyId, row: &Row<'_>) -> RowId {
        let mut hash = hash_of(journey, row);
        while let Some(id) = self.by_hash.get(&hash) {
            if self.rows[id.place()].is(journey, row) {
                return *id;
            }
            hash = hash.wrapping_add(1);
        }
        if self.rows.len() > self.most_series {
            return RowId::OTHER;
        }
        let id = RowId(u16::try_from(self.rows.len()).unwrap_or(0));
        self.rows.push(Arc::new(RowNames {
            journey,
            step: row.step.into(),
            capability: row.capability.into(),
            event: row.event.into(),
            action: row.action.into(),
        }));
        self.by_hash.insert(hash, id);
        id
    }

    /// The series of an exchange, or that of `other` when there are too many.
    pub(super) fn exchange(&mut self, row: RowId, phase: Phase, outcome: Outcome) -> SeriesId {
        let key = self.exchange_key(row, phase, outcome);
        if self.by_key.contains_key(&key) || self.series.len() < self.most_series {
            return self.series(key);
        }
        let other = self.exchange_key(RowId::OTHER, phase, outcome);
        self.series(other)
    }

    fn exchange_key(&self, row: RowId, phase: Phase, outcome: Outcome) -> SeriesKey {
        let row = self.rows.get(row.place()).unwrap_or(&self.rows[0]);
        let journey = &self.journeys[row.journey.place()];
        SeriesKey {
            phase,
            variant: journey.variant.clone(),
            journey: journey.journey.clone(),
            step: row.step.clone(),
            capability: row.capability.clone(),
            event: Arc::clone(&row.event),
            action: Arc::clone(&row.action),
            outcome: Some(outcome),
            kind: Kind::Exchange,
        }
    }

    /// The series of a journey's time or wait. Never `other`: the plan bounds their number.
    pub(super) fn of_journey(&mut self, journey: JourneyId, phase: Phase, kind: Kind) -> SeriesId {
        let names = self.journeys.get(journey.place()).unwrap_or(&self.journeys[0]);
        let key = SeriesKey::of_journey(phase, &names.variant, &names.journey, kind);
        self.series(key)
    }

    fn series(&mut self, key: SeriesKey) -> SeriesId {
        if let Some(id) = self.by_key.get(&key) {
            return *id;
        }
        let id = SeriesId(u16::try_from(self.series.len()).unwrap_or(u16::MAX));
        let key = Arc::new(key);
        self.series.push(Arc::clone(&key));
        self.by_key.insert(key, id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBMIT: Row<'static> =
        Row { step: "credentials", capability: "customHTMLTemplate", event: "submit", action: "A" };

    #[test]
    fn a_name_has_one_number() {
        let mut catalogue = Catalogue::new(10);
        let journey = catalogue.journey(&"v1".into(), &"sign-on".into());
        assert_eq!(catalogue.journey(&"v1".into(), &"sign-on".into()), journey);
        assert_ne!(catalogue.journey(&"v2".into(), &"sign-on".into()), journey);
        let row = catalogue.row(journey, &SUBMIT);
        assert_eq!(catalogue.row(journey, &SUBMIT), row);
        assert_ne!(catalogue.row(journey, &Row { action: "B", ..SUBMIT }), row);
        assert_ne!(catalogue.row(JourneyId::NONE, &SUBMIT), row);
        assert_eq!(catalogue.step(journey, "a"), catalogue.step(journey, "a"));
        assert_ne!(catalogue.step(journey, "a"), catalogue.step(journey, "b"));
    }

    #[test]
    fn rows_and_series_beyond_the_most_are_other() {
        let mut catalogue = Catalogue::new(2);
        let names = ["A", "B", "C", "D"];
        let journey = catalogue.journey(&"v1".into(), &"sign-on".into());
        let rows = names.map(|action| catalogue.row(journey, &Row { action, ..SUBMIT }));
        assert_eq!(rows[2..], [RowId::OTHER, RowId::OTHER]);
        let mut series = |row| catalogue.exchange(row, Phase::Measured, Outcome::Advanced);
        assert_eq!(series(rows[0]), SeriesId(0));
        assert_eq!(series(rows[1]), SeriesId(1));
        assert_eq!(series(rows[2]), SeriesId(2), "the first of `other`");
        assert_eq!(series(rows[0]), SeriesId(0), "known ones stay");
        assert_eq!(catalogue.exchange(rows[0], Phase::Drain, Outcome::Advanced), SeriesId(3));
        assert_eq!(catalogue.series[3].capability.as_str(), OTHER);
        assert_eq!(
            catalogue.of_journey(journey, Phase::Measured, Kind::Response),
            SeriesId(4),
            "a journey's own times are never `other`"
        );
    }
}
