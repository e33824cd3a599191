//! Ends intervals: takes what the threads recorded and makes one interval of it.

use super::catalogue::{JourneyId, JourneyNames, OTHER};
use super::counters::Shape;
use super::counts::{Counts, FaultCounts};
use super::failing::Failing;
use super::histogram::{Bounds, Times};
use super::recorder::Recorder;
use super::series::{Kind, Outcome, Phase, Phases, SeriesKey};
use super::shard::{Buffers, Shard, locked};
use super::timeline::{
    FlowLine, FunnelLine, Interval, JourneyLine, Line, Percentiles, Quick, Readings,
    SCHEMA_VERSION, allowed_lag_us,
};
use crate::base::names::{Journey, Variant};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A series without samples for so many intervals gives its memory back.
const IDLE_INTERVALS: u16 = 30;

/// Takes the open interval out of each shard in turn, leaving an empty one in its place.
///
/// There is one spare set of buffers more than shards: the set taken out of one shard, merged and
/// emptied, goes into the next. It is made ready for every series in use before it goes in, so that
/// the thread that records finds its histograms in place.
#[derive(Debug)]
pub struct Collector {
    recorder: Recorder,
    phases: Phases,
    spare: Buffers,
    /// By series: intervals since it last had a sample.
    idle: Vec<u16>,
    keys: Vec<Arc<SeriesKey>>,
    /// By series: the ranges of time in which it had samples since it was last idle.
    shapes: Vec<Shape>,
    pool: Pool,
    interval: u64,
    /// When what it collects began, from the start of the run.
    start_ms: u64,
    end_ms: u64,
}

/// Histograms of intervals that are done with: their memory is paid for already.
#[derive(Debug, Default)]
struct Pool(Vec<(Bounds, Times)>);

impl Pool {
    fn copy(&mut self, times: &Times, bounds: Bounds) -> Times {
        let Some(place) = self.0.iter().rposition(|(of, _)| *of == bounds) else {
            return times.clone();
        };
        let (_, mut copy) = self.0.swap_remove(place);
        copy.clear();
        copy.add(times);
        copy
    }
}

impl Collector {
    /// A collector whose first interval starts at the start of the run.
    pub fn new(recorder: Recorder, phases: Phases) -> Self {
        Self {
            recorder,
            phases,
            spare: Buffers::default(),
            idle: Vec::new(),
            keys: Vec::new(),
            shapes: Vec::new(),
            pool: Pool::default(),
            interval: 0,
            start_ms: 0,
            end_ms: 0,
        }
    }

    /// The same for a run that is taken up again: its first interval has this number and starts at this moment
    /// of the run, from which all moments of this segment are told.
    #[must_use]
    pub fn going_on(self, interval: u64, start_ms: u64) -> Self {
        Self { interval, start_ms, end_ms: start_ms, ..self }
    }

    /// Changes when phases end: the measured part of a run that ends by count, or early.
    pub fn set_phases(&mut self, phases: Phases) {
        self.phases = phases;
    }

    /// Ends the interval at `moment`, counted from the start of the run. What a thread records at
    /// this very moment falls on one side or the other; nothing is lost or counted twice.
    pub fn close(&mut self, moment: Duration, readings: Readings) -> Interval {
        let mut merged = Merged::default();
        let mut failing = Vec::new();
        let recorder = self.recorder.clone();
        for shard in &recorder.inner().shards {
            ready(&mut self.spare, &self.keys, &self.idle, &self.shapes);
            failing.extend(self.take(shard));
            self.note_names();
            merged.add(&self.spare, &self.keys, &mut self.pool);
            self.spare.clear();
        }
        self.note_use(&merged);

        let start_ms = self.end_ms;
        self.end_ms = u64::try_from(moment.as_millis()).unwrap_or(u64::MAX).max(start_ms);
        let (start, end) = (Duration::from_millis(start_ms), Duration::from_millis(self.end_ms));
        let measured = self.phases.measured_between(start, end);
        let interval = self.interval;
        self.interval += 1;

        let series = merged.named(&self.keys);
        let exchange_p50_us = median_of_good(&series);
        let own_lag = together(&series, Bounds::Journey, |key| key.kind == Kind::DispatchLag);
        let names = locked(&recorder.inner().names);
        let line = Line {
            schema_version: SCHEMA_VERSION,
            interval,
            start_ms,
            end_ms: self.end_ms,
            measured_ms: u64::try_from(measured.as_millis()).unwrap_or(u64::MAX),
            paused_ms: 0,
            journeys: journey_lines(&merged, &names.journeys, &series),
            flows: flow_lines(&merged, &names.journeys),
            exchange_p50_us,
            lag_us: quick(&series, Kind::Lag),
            dispatch_lag_us: Quick::of(&own_lag),
            dispatched: own_lag.count(),
            dispatched_late: own_lag.above(allowed_lag_us(exchange_p50_us.unwrap_or(0))),
            scheduler_lag_us: quick(&series, Kind::SchedulerLag),
            clipped: series.values().map(Times::clipped).sum(),
            other: samples_of_other(&series),
            events: Vec::new(),
            readings: rounded(readings),
        };
        let began = Duration::from_millis(self.start_ms);
        let failing = failing.into_iter().map(|of| Failing { at: began + of.at, ..of });
        let failing = failing.map(|failing| failing.named(&names)).collect();
        Interval { line, series, failing }
    }

    /// Leaves the spare buffers in the shard, takes its own as the spare ones.
    fn take(&mut self, shard: &Mutex<Shard>) -> Vec<Failing> {
        let mut shard = locked(shard);
        std::mem::swap(&mut shard.open, &mut self.spare);
        std::mem::take(&mut shard.failing.kept)
    }

    /// Takes an interval that is done with, for its memory. Not to do so costs only time.
    pub fn recycle(&mut self, interval: Interval) {
        self.pool.0.clear();
        let series = interval.series.into_iter();
        self.pool.0.extend(series.map(|(key, times)| (key.bounds(), times)));
    }

    fn note_names(&mut self) {
        let names = locked(&self.recorder.inner().names);
        let known = self.keys.len();
        self.keys.extend(names.series.iter().skip(known).map(Arc::clone));
    }

    fn note_use(&mut self, merged: &Merged) {
        self.idle.resize(self.keys.len(), IDLE_INTERVALS);
        for (place, idle) in self.idle.iter_mut().enumerate() {
            let used = merged.times.get(place).is_some_and(Option::is_some);
            *idle = if used { 0 } else { idle.saturating_add(1) };
        }
        self.shapes.resize(self.keys.len(), 0);
        for (place, shape) in self.shapes.iter_mut().enumerate() {
            match merged.times.get(place) {
                Some(Some(times)) => *shape |= times.shape(),
                _ if self.idle[place] >= IDLE_INTERVALS => *shape = 0,
                _ => {}
            }
        }
    }
}

/// Gives every series in use its histogram, and takes it from those long unused.
fn ready(spare: &mut Buffers, keys: &[Arc<SeriesKey>], idle: &[u16], shapes: &[Shape]) {
    spare.times.resize_with(spare.times.len().max(keys.len()), || None);
    let known = keys.iter().zip(idle).zip(shapes);
    for (times, ((key, idle), shape)) in spare.times.iter_mut().zip(known) {
        if *idle >= IDLE_INTERVALS {
            *times = None;
        } else {
            times.get_or_insert_with(|| Box::new(Times::new(key.bounds()))).provide(*shape);
        }
    }
}

/// What all shards together recorded in one interval.
#[derive(Default)]
struct Merged {
    times: Vec<Option<Times>>,
    counts: Vec<Counts>,
    flows: BTreeMap<(JourneyId, Arc<str>), u64>,
}

impl Merged {
    fn add(&mut self, buffers: &Buffers, keys: &[Arc<SeriesKey>], pool: &mut Pool) {
        self.times.resize_with(self.times.len().max(buffers.times.len()), || None);
        for ((mine, theirs), key) in self.times.iter_mut().zip(&buffers.times).zip(keys) {
            let Some(theirs) = theirs.as_ref().filter(|times| !times.is_empty()) else { continue };
            match mine {
                Some(mine) => mine.add(theirs),
                None => *mine = Some(pool.copy(theirs, key.bounds())),
            }
        }
        self.counts.resize_with(self.counts.len().max(buffers.counts.len()), Counts::default);
        self.counts.iter_mut().zip(&buffers.counts).for_each(|(mine, theirs)| mine.merge(theirs));
        for (journey, fingerprint, starts) in &buffers.flows {
            if *starts > 0 {
                *self.flows.entry((*journey, Arc::clone(fingerprint))).or_default() += starts;
            }
        }
    }

    fn named(&mut self, keys: &[Arc<SeriesKey>]) -> BTreeMap<Arc<SeriesKey>, Times> {
        let times = self.times.iter_mut().zip(keys);
        times.filter_map(|(times, key)| Some((Arc::clone(key), times.take()?))).collect()
    }
}

/// The times of an interval, by series.
pub(super) type Series = BTreeMap<Arc<SeriesKey>, Times>;

fn journey_lines(merged: &Merged, names: &[JourneyNames], series: &Series) -> Vec<JourneyLine> {
    let mut lines: BTreeMap<(Phase, Variant, Journey), JourneyLine> = BTreeMap::new();
    for (place, about) in names.iter().enumerate() {
        for phase in [Phase::WarmUp, Phase::Measured, Phase::Drain] {
            let place = Buffers::counts_place(JourneyId::from_place(place), phase);
            if let Some(counts) = merged.counts.get(place).filter(|counts| !counts.is_empty()) {
                let key = (phase, about.variant.clone(), about.journey.clone());
                lines.insert(key.clone(), counted(key, counts, about));
            }
        }
    }
    for (key, times) in series {
        if !matches!(key.kind, Kind::Exchange | Kind::Response) {
            continue;
        }
        let name = (key.phase, key.variant.clone(), key.journey.clone());
        let empty = || counted(name.clone(), &Counts::default(), &names[0]);
        let line = lines.entry(name.clone()).or_insert_with(empty);
        if key.kind == Kind::Response {
            line.response_us = Percentiles::of(times);
        } else {
            line.exchanges += times.count();
            if let Some(fault) = key.outcome.and_then(Outcome::fault) {
                line.exchange_faults.add(fault, times.count());
            }
        }
    }
    lines.into_values().collect()
}

fn counted(
    (phase, variant, journey): (Phase, Variant, Journey),
    counts: &Counts,
    about: &JourneyNames,
) -> JourneyLine {
    let funnel = about.steps.iter().zip(&counts.steps).filter(|(_, counts)| counts.reached > 0);
    JourneyLine {
        phase,
        variant,
        journey,
        due: counts.due,
        late: counts.late,
        completed: counts.completed,
        dropped: counts.dropped,
        cut_off: counts.cut_off,
        lost: 0,
        faults: counts.faults.clone(),
        exchanges: 0,
        exchange_faults: FaultCounts::default(),
        response_us: None,
        funnel: funnel
            .map(|(step, counts)| FunnelLine {
                step: step.clone(),
                reached: counts.reached,
                position_sum: counts.position_sum,
                left: counts.left.clone(),
            })
            .collect(),
    }
}

fn flow_lines(merged: &Merged, names: &[JourneyNames]) -> Vec<FlowLine> {
    let line = |((journey, fingerprint), starts): (&(JourneyId, Arc<str>), &u64)| {
        let about = names.get(journey.place())?;
        Some(FlowLine {
            variant: about.variant.clone(),
            journey: about.journey.clone(),
            fingerprint: fingerprint.to_string(),
            starts: *starts,
        })
    };
    merged.flows.iter().filter_map(line).collect()
}

/// Median service time of the exchanges of all phases that ended well.
pub(super) fn median_of_good(series: &Series) -> Option<u64> {
    let good = |key: &SeriesKey| {
        key.kind == Kind::Exchange && key.outcome.is_some_and(|outcome| outcome.fault().is_none())
    };
    together(series, Bounds::Exchange, good).at(super::histogram::Percentile::P50)
}

/// What matters of a lag.
pub(super) fn quick(series: &Series, kind: Kind) -> Option<Quick> {
    Quick::of(&together(series, Bounds::Journey, |key| key.kind == kind))
}

fn together(series: &Series, bounds: Bounds, chosen: impl Fn(&SeriesKey) -> bool) -> Times {
    let mut all = Times::new(bounds);
    series.iter().filter(|(key, _)| chosen(key)).for_each(|(_, times)| all.add(times));
    all
}

fn samples_of_other(series: &Series) -> u64 {
    let other = |key: &SeriesKey| {
        key.kind == Kind::Exchange
            && key.journey.as_str().is_empty()
            && key.capability.as_str() == OTHER
    };
    series.iter().filter(|(key, _)| other(key)).map(|(_, times)| times.count()).sum()
}

/// Shares to four digits: what is in the file is what was counted with.
fn rounded(readings: Readings) -> Readings {
    let digits = |share: f64| (share * 10_000.0).round() / 10_000.0;
    Readings { cpu_share: readings.cpu_share.map(digits), ..readings }
}
