//! What one thread records: histograms and counters of the open interval, found by small numbers.

use super::catalogue::{ByHash, Catalogue, JourneyId, Row, RowId, RowNames, SeriesId, hash_of};
use super::counts::Counts;
use super::exemplar::{Lots, Reservoir};
use super::failing::Sampler;
use super::histogram::Times;
use super::sample::{Iteration, Sample, micros};
use super::series::{Kind, Outcome, Phase};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most flow fingerprints told apart for each journey.
const MOST_FLOWS: usize = 64;

/// The open interval of one thread; swapped for an empty one when the interval ends.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// By [`SeriesId`].
    pub(super) times: Vec<Option<Box<Times>>>,
    /// By journey and phase.
    pub(super) counts: Vec<Counts>,
    /// Starts of each flow, by its fingerprint.
    pub(super) flows: Vec<(JourneyId, Arc<str>, u64)>,
}

impl Buffers {
    /// The place of a journey's counters.
    pub(super) const fn counts_place(journey: JourneyId, phase: Phase) -> usize {
        journey.place() * Phase::COUNT + phase as usize
    }

    fn counts(&mut self, journey: JourneyId, phase: Phase) -> &mut Counts {
        let place = Self::counts_place(journey, phase);
        if place >= self.counts.len() {
            self.counts.resize_with(place + 1, Counts::default);
        }
        &mut self.counts[place]
    }

    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.times.iter_mut().flatten().filter(|t| !t.is_empty()).for_each(|t| t.clear());
        self.counts.iter_mut().for_each(Counts::clear);
        self.flows.iter_mut().for_each(|(_, _, starts)| *starts = 0);
    }
}

/// Where the histograms of one kind of exchange are, by phase and outcome.
#[derive(Debug)]
struct RowSlots {
    journey: JourneyId,
    series: [Option<SeriesId>; Phase::COUNT * Outcome::COUNT],
}

/// Where the histograms of one journey are, by phase and kind.
type JourneySlots = [Option<SeriesId>; Phase::COUNT * Kind::COUNT];

/// What a time of a journey is about.
#[derive(Clone, Copy)]
pub(super) struct About(pub(super) Phase, pub(super) JourneyId, pub(super) Kind);

/// One thread's part of the recorder.
#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) open: Buffers,
    pub(super) reservoirs: Vec<Reservoir>,
    pub(super) failing: Sampler,
    rows: Vec<Option<Box<RowSlots>>>,
    journeys: Vec<Option<Box<JourneySlots>>>,
    names: ByHash<(RowId, Arc<RowNames>)>,
}

/// The catalogue, asked only for what the shard has not met.
pub(super) type Names = Mutex<Catalogue>;

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while recording leaves at worst one sample half counted.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    pub(super) fn row(&mut self, names: &Names, journey: JourneyId, row: &Row<'_>) -> RowId {
        let mut hash = hash_of(journey, row);
        while let Some((id, known)) = self.names.get(&hash) {
            if known.is(journey, row) {
                return *id;
            }
            hash = hash.wrapping_add(1);
        }
        let mut catalogue = locked(names);
        let id = catalogue.row(journey, row);
        if id != RowId::OTHER {
            self.names.insert(hash, (id, Arc::clone(&catalogue.rows[id.place()])));
        }
        id
    }

    pub(super) fn exchange(&mut self, names: &Names, phase: Phase, row: RowId, sample: &Sample) {
        let slots = slot(&mut self.rows, row.place(), || {
            let catalogue = locked(names);
            let known = catalogue.rows.get(row.place());
            let journey = known.map_or(JourneyId::NONE, |names| names.journey);
            RowSlots { journey, series: [None; Phase::COUNT * Outcome::COUNT] }
        });
        let journey = slots.journey;
        let series = &mut slots.series[phase as usize * Outcome::COUNT + sample.outcome.index()];
        let id = *series.get_or_insert_with(|| locked(names).exchange(row, phase, sample.outcome));
        self.record(names, id, sample.service);
        if let Some(connect) = sample.connect {
            self.wait(names, About(phase, journey, Kind::Connect), connect);
        }
        if let Some(first_byte) = sample.first_byte {
            self.wait(names, About(phase, journey, Kind::FirstByte), first_byte);
        }
    }

    pub(super) fn wait(&mut self, names: &Names, about: About, time: Duration) {
        let About(phase, journey, kind) = about;
        let slots =
            slot(&mut self.journeys, journey.place(), || [None; Phase::COUNT * Kind::COUNT]);
        let series = &mut slots[phase as usize * Kind::COUNT + kind as usize];
        let id = *series.get_or_insert_with(|| locked(names).of_journey(journey, phase, kind));
        self.record(names, id, time);
    }

    fn record(&mut self, names: &Names, id: SeriesId, time: Duration) {
        let place = usize::from(id.0);
        if place >= self.open.times.len() {
            self.open.times.resize_with(place + 1, || None);
        }
        self.open.times[place]
            .get_or_insert_with(|| Box::new(Times::new(locked(names).series[place].bounds())))
            .record(micros(time));
    }

    pub(super) fn due(&mut self, journey: JourneyId, phase: Phase) {
        self.open.counts(journey, phase).due += 1;
    }

    pub(super) fn late(&mut self, journey: JourneyId, phase: Phase) {
        self.open.counts(journey, phase).late += 1;
    }

    pub(super) fn iteration(
        &mut self,
        names: &Names,
        phase: Phase,
        journey: JourneyId,
        ended: &Iteration<'_>,
    ) {
        self.open.counts(journey, phase).end(ended.ending, ended.steps);
        if ended.ending == super::sample::Ending::Completed {
            self.wait(names, About(phase, journey, Kind::Response), ended.response);
            self.wait(names, About(phase, journey, Kind::Service), ended.service);
            self.wait(names, About(phase, journey, Kind::Elapsed), ended.elapsed);
        }
    }

    pub(super) fn exemplar(&mut self, lots: Lots, journey: JourneyId, ended: &Iteration<'_>) {
        if self.reservoirs.len() <= journey.place() {
            self.reservoirs.resize_with(journey.place() + 1, Reservoir::default);
        }
        self.reservoirs[journey.place()].offer(lots.of(ended.index), ended);
    }

    pub(super) fn flow(&mut self, journey: JourneyId, fingerprint: &str) {
        let flows = &mut self.open.flows;
        let known = |name: &str, flows: &[(JourneyId, Arc<str>, u64)]| {
            flows.iter().position(|(of, known, _)| *of == journey && **known == *name)
        };
        let full = flows.iter().filter(|(of, ..)| *of == journey).count() >= MOST_FLOWS;
        let name = if full && known(fingerprint, flows).is_none() {
            super::catalogue::OTHER
        } else {
            fingerprint
        };
        match known(name, flows) {
            Some(place) => flows[place].2 += 1,
            None => flows.push((journey, name.into(), 1)),
        }
    }
}

fn slot<T>(slots: &mut Vec<Option<Box<T>>>, place: usize, make: impl FnOnce() -> T) -> &mut T {
    if place >= slots.len() {
        slots.resize_with(place + 1, || None);
    }
    slots[place].get_or_insert_with(|| Box::new(make()))
}
