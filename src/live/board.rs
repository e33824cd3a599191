//! What is exported, added up interval by interval, with a bound on how many rows there are.

use super::family::{BOUNDS_US, CLOSED, FAMILIES, Family, Id};
use crate::measure::catalogue::OTHER;
use crate::measure::histogram::Times;
use crate::measure::series::{Kind, Outcome, SeriesKey};
use crate::measure::tally::Tally;
use crate::measure::timeline::{Interval, JourneyLine, Line};
use crate::run::conduct::Listener;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The values of a row's labels, in the order of its family's names.
pub type Labels = Box<[Arc<str>]>;

/// All numbers that are exported.
#[derive(Clone, Debug)]
pub struct Board {
    families: Vec<BTreeMap<Labels, Value>>,
}

/// One number.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter.
    Count(u64),
    /// Of a gauge.
    Level(f64),
    /// Of a histogram.
    Spread(Spread),
}

/// Times, counted in buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// How many times there are.
    pub count: u64,
    /// All of them together, in seconds.
    pub sum_s: f64,
    /// How many are within each of [`BOUNDS_US`] and beyond the bound before it; the last are
    /// beyond all of them.
    pub buckets: [u64; BOUNDS_US.len() + 1],
}

impl Spread {
    #[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 samples")]
    fn add(&mut self, times: &Times) {
        self.count += times.count();
        self.sum_s += times.mean_us() * times.count() as f64 / 1e6;
        // A counter that reaches beyond a bound is within it, as in `Times::above`.
        times.each(|lowest, _, count| {
            let place = BOUNDS_US.partition_point(|bound| *bound < lowest);
            self.buckets[place] += u64::from(count);
        });
    }
}

impl Default for Board {
    fn default() -> Self {
        Self { families: vec![BTreeMap::new(); FAMILIES.len()] }
    }
}

impl Board {
    /// A board that says whose it is.
    pub fn of_run(run_id: &str, version: &str) -> Self {
        let mut board = Self::default();
        board.level(Id::RunInfo, &[run_id, version], Some(1.0));
        board
    }

    /// Every family with its rows, in order.
    pub fn families(&self) -> impl Iterator<Item = (&'static Family, &BTreeMap<Labels, Value>)> {
        FAMILIES.iter().zip(&self.families)
    }

    /// Adds an interval.
    pub fn absorb(&mut self, interval: &Interval) {
        let Line { journeys, readings, end_ms, .. } = &interval.line;
        // The exchanges of `other` belong to no journey.
        for row in journeys.iter().filter(|row| !row.journey.as_str().is_empty()) {
            self.absorb_journey(row);
        }
        for (key, times) in &interval.series {
            self.absorb_times(key, times);
        }
        self.level(Id::Users, &[], Some(readings.users).map(number));
        self.level(Id::GeneratorCpu, &[], readings.cpu_share);
        self.level(Id::ResidentMemory, &[], readings.rss_bytes.map(number));
        self.level(Id::OpenSockets, &[], readings.open_sockets.map(number));
        self.level(Id::Elapsed, &[], Some(number(*end_ms) / 1e3));
        let line = &interval.line;
        for (name, lag) in [
            ("iteration", &line.lag_us),
            ("dispatch", &line.dispatch_lag_us),
            ("scheduler", &line.scheduler_lag_us),
        ] {
            self.level(Id::LagP99, &[name], lag.as_ref().map(|lag| number(lag.p99) / 1e6));
        }
    }

    /// Settles the account: what was due and never heard of again was cut off, as in a summary.
    pub fn settle(&mut self, settled: &Tally) {
        for ((variant, journey), tally) in &settled.journeys {
            let labels = ["measured", variant.as_str(), journey.as_str(), "cut_off"];
            let row = self.row(Id::Iterations, &labels, || Value::Count(0));
            if let Value::Count(count) = row {
                *count = tally.cut_off.max(*count);
            }
        }
    }

    fn absorb_journey(&mut self, row: &JourneyLine) {
        let of = [row.phase.slug(), row.variant.as_str(), row.journey.as_str()];
        self.count(Id::IterationsDue, &of, row.due);
        let endings = [
            ("completed", row.completed),
            ("dropped", row.dropped),
            ("cut_off", row.cut_off),
            ("lost", row.lost),
        ];
        let faults = row.faults.iter().map(|(fault, number)| (fault.slug(), number));
        for (ending, number) in endings.into_iter().chain(faults) {
            if number > 0 || ending == "completed" {
                self.count(Id::Iterations, &[of[0], of[1], of[2], ending], number);
            }
        }
    }

    fn absorb_times(&mut self, key: &SeriesKey, times: &Times) {
        let named =
            |name: &'_ str| if name.is_empty() { OTHER.to_owned() } else { name.to_owned() };
        let (variant, journey) = (named(key.variant.as_str()), named(key.journey.as_str()));
        let of = [key.phase.slug(), &variant, &journey];
        match (key.kind, key.outcome) {
            (Kind::Response, _) => self.times(Id::JourneyResponse, &of, times),
            (Kind::Exchange, Some(outcome)) => {
                let (step, capability) = (key.step.as_str(), key.capability.as_str());
                let row = [of[0], of[1], of[2], step, capability, &key.event, &key.action];
                let [phase, variant, journey, step, capability, event, action] = row;
                let slug = outcome.slug();
                let with = [phase, variant, journey, step, capability, event, action, slug];
                self.count(Id::Exchanges, &with, times.count());
                if !matches!(outcome, Outcome::Fault(_)) {
                    self.times(Id::Exchange, &row, times);
                }
            }
            _ => {}
        }
    }

    fn count(&mut self, id: Id, labels: &[&str], more: u64) {
        if let Value::Count(count) = self.row(id, labels, || Value::Count(0)) {
            *count += more;
        }
    }

    fn times(&mut self, id: Id, labels: &[&str], times: &Times) {
        if let Value::Spread(spread) = self.row(id, labels, || Value::Spread(Spread::default())) {
            spread.add(times);
        }
    }

    /// What is not known is absent, never zero.
    fn level(&mut self, id: Id, labels: &[&str], level: Option<f64>) {
        match level {
            Some(level) => *self.row(id, labels, || Value::Level(level)) = Value::Level(level),
            None => drop(self.families[id as usize].remove(&owned(labels))),
        }
    }

    /// A row, or one of `other` when there are too many.
    fn row(&mut self, id: Id, labels: &[&str], new: impl FnOnce() -> Value) -> &mut Value {
        let (family, rows) = (&FAMILIES[id as usize], &mut self.families[id as usize]);
        let mut labels = owned(labels);
        if rows.len() >= family.most && !rows.contains_key(&labels) {
            for (label, name) in labels.iter_mut().zip(family.labels) {
                if !CLOSED.contains(name) {
                    *label = OTHER.into();
                }
            }
        }
        rows.entry(labels).or_insert_with(new)
    }
}

fn owned(labels: &[&str]) -> Labels {
    labels.iter().map(|label| Arc::from(*label)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a number with a point")]
const fn number(value: u64) -> f64 {
    value as f64
}

/// A board that one thread writes and others read. Nobody waits for a reader: it takes what is there,
/// and the writer goes on with a copy while it is being read.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<Arc<Board>>>);

impl Shared {
    /// Shares a board.
    pub fn new(board: Board) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(board))))
    }

    /// What is there now.
    pub fn read(&self) -> Arc<Board> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it.
    pub fn write(&self, change: impl FnOnce(&mut Board)) {
        change(Arc::make_mut(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// Brings every interval to a shared board.
#[derive(Debug)]
pub struct MetricsFeed(pub Shared);

impl Listener for MetricsFeed {
    fn interval(&mut self, interval: &Interval, _so_far: &Tally) {
        self.0.write(|board| board.absorb(interval));
    }
}
