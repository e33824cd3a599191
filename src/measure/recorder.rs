//! Where a run's users record what happened: one shard for each thread, no lock that two contend for.

use super::catalogue::{Catalogue, JourneyId, MOST_SERIES, Row, RowId, StepId};
use super::exemplar::{Exemplar, Lots, Reservoir};
use super::failing::Failing;
use super::fault::Fault;
use super::sample::{Iteration, Sample};
use super::series::{Kind, Phase};
use super::shard::{About, Names, Shard, locked};
use crate::base::names::{Journey, Variant};
use crate::base::random::Seed;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Takes samples from any number of threads. Clones record into the same place.
///
/// Each thread has a shard of its own behind a mutex that is held for the length of one call and
/// never across an await; besides its thread only the collector takes it, once an interval and for
/// the length of a swap. Nothing is allocated once a series has been met. More threads than shards
/// share them: slower, never wrong.
#[derive(Clone, Debug)]
pub struct Recorder(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) names: Names,
    pub(super) shards: Box<[Mutex<Shard>]>,
    lots: Lots,
}

impl Recorder {
    /// A recorder for so many threads. The seed draws the exemplars.
    pub fn new(threads: usize, seed: Seed) -> Self {
        Self::with_most_series(threads, seed, MOST_SERIES)
    }

    pub(super) fn with_most_series(threads: usize, seed: Seed, most_series: usize) -> Self {
        let shards = (0..threads.max(1)).map(|_| Mutex::default()).collect();
        let names = Mutex::new(Catalogue::new(most_series));
        Self(Arc::new(Inner { names, shards, lots: Lots::new(seed) }))
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    /// The number of a journey of a variant.
    pub fn journey(&self, variant: &Variant, journey: &Journey) -> JourneyId {
        locked(&self.0.names).journey(variant, journey)
    }

    /// The number of a step of a journey, for funnels.
    pub fn step(&self, journey: JourneyId, step: &str) -> StepId {
        locked(&self.0.names).step(journey, step)
    }

    /// The number of a kind of exchange; [`RowId::OTHER`] when there are too many. Cheap enough to
    /// ask for each exchange, cheaper to keep.
    pub fn row(&self, journey: JourneyId, row: &Row<'_>) -> RowId {
        self.shard().row(&self.0.names, journey, row)
    }

    /// One more iteration is due. Its phase is that of its due time, also for all it will record.
    pub fn due(&self, phase: Phase, journey: JourneyId) {
        self.shard().due(journey, phase);
    }

    /// An iteration that is due found no free user.
    pub fn late(&self, phase: Phase, journey: JourneyId) {
        self.shard().late(journey, phase);
    }

    /// An exchange ended.
    pub fn exchange(&self, phase: Phase, row: RowId, sample: &Sample) {
        self.shard().exchange(&self.0.names, phase, row, sample);
    }

    /// A wait or a connection of a journey ended, or a management call ([`JourneyId::NONE`]).
    pub fn wait(&self, phase: Phase, journey: JourneyId, kind: Kind, time: Duration) {
        self.shard().wait(&self.0.names, About(phase, journey, kind), time);
    }

    /// An iteration that was due ended, however it did. To be called exactly once for each.
    pub fn iteration(&self, phase: Phase, journey: JourneyId, ended: &Iteration<'_>) {
        let mut shard = self.shard();
        shard.iteration(&self.0.names, phase, journey, ended);
        if phase == Phase::Measured {
            shard.exemplar(self.0.lots, journey, ended);
        }
    }

    /// A flow was started whose reply identified itself so (flow id and first node).
    pub fn flow(&self, journey: JourneyId, fingerprint: &str) {
        self.shard().flow(journey, fingerprint);
    }

    /// Whether a sample of this fault is still wanted; asked before one is put together.
    pub fn wants_failing(&self, journey: JourneyId, row: Option<RowId>, fault: Fault) -> bool {
        self.shard().failing.wants(journey, row, fault)
    }

    /// A sample of what failed. Beyond a few of each kind it is let go.
    pub fn failing(&self, failing: Failing) {
        self.shard().failing.keep(failing);
    }

    /// The exemplars so far, by variant and journey.
    pub fn exemplars(&self) -> Vec<Exemplar> {
        let mut merged: Vec<Reservoir> = Vec::new();
        for shard in &self.0.shards {
            let reservoirs = locked(shard).reservoirs.clone();
            merged.resize_with(merged.len().max(reservoirs.len()), Reservoir::default);
            merged.iter_mut().zip(&reservoirs).for_each(|(mine, theirs)| mine.merge(theirs));
        }
        let names = locked(&self.0.names);
        let mut journeys: Vec<_> = merged.iter().enumerate().collect();
        journeys.sort_by_key(|(place, _)| {
            let about = &names.journeys[*place];
            (about.variant.clone(), about.journey.clone())
        });
        let named = |(place, reservoir): (usize, &Reservoir)| {
            reservoir.named(JourneyId::from_place(place), &names)
        };
        journeys.into_iter().flat_map(named).collect()
    }

    fn shard(&self) -> MutexGuard<'_, Shard> {
        let lane = LANE.with(|lane| {
            if lane.get() == usize::MAX {
                lane.set(NEXT_LANE.fetch_add(1, Ordering::Relaxed));
            }
            lane.get()
        });
        locked(&self.0.shards[lane % self.0.shards.len()])
    }
}

/// Threads are numbered as they first record, so that the worker threads of a runtime, which all
/// start to record at once, spread evenly.
static NEXT_LANE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static LANE: Cell<usize> = const { Cell::new(usize::MAX) };
}
