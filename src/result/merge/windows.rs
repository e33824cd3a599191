//! The interval logs of all parts: read in step, window by window, and added up without loss.

use super::in_step::{Joined, Stream};
use super::paged::Paged;
use super::{Source, Span};
use crate::measure::histogram::Times;
use crate::measure::merging::middle;
use crate::measure::series::{Kind, Phase, SeriesKey};
use crate::measure::tally::Tally;
use crate::result::interval_log::{self, LogError, LogReader, Packed, Tools};
use crate::result::run_dir::{INTERVALS, RunDirError, TAIL};
use std::collections::BTreeMap;
use std::io::BufReader;
use std::sync::Arc;

/// The histograms of a part, with moments of the whole: those of its log, then those of its tail.
pub(super) struct PartWindows<'s> {
    source: &'s Source,
    logs: Vec<(&'static str, LogReader<BufReader<Paged>>)>,
    offset_ms: u64,
    width_ms: u64,
    /// End of its last finished interval, and where the tail's word counts.
    finished_ms: u64,
    tail_from_ms: u64,
    next: Option<(u64, Packed)>,
    last: u64,
    /// What was found out about the part on the way.
    pub(super) timed: Timed,
}

/// What the histograms of a part tell of it.
#[derive(Default)]
pub(super) struct Timed {
    /// The lags that its generator made.
    pub(super) lags: Tally,
    /// How many times there are of each kind.
    pub(super) samples: Samples,
}

/// How many times of each kind belong to the measured part of a run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Samples([u64; Kind::COUNT]);

impl Samples {
    /// How many of one kind.
    pub const fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    fn add(&mut self, key: &SeriesKey, number: u64) {
        // As `Tally::absorb_times` chooses them.
        if key.phase == Phase::Measured || key.kind == Kind::Management {
            self.0[key.kind as usize] += number;
        }
    }
}

impl<'s> PartWindows<'s> {
    /// From their beginning. Windows of the whole are so long; the part began so much later, in whole intervals, and
    /// its last finished interval ended then, by its own count.
    pub(super) fn open(
        source: &'s Source,
        (offset_ms, width_ms): (u64, u64),
        finished_ms: u64,
    ) -> Result<Self, RunDirError> {
        let mut tail_from_ms = u64::MAX;
        if let Some(tail) = Paged::open(&source.dir, TAIL)? {
            let each = |(start_ms, end_ms): Span| {
                if end_ms <= finished_ms {
                    tail_from_ms = tail_from_ms.min(start_ms);
                }
            };
            interval_log::each_span(tail, each)
                .map_err(|error| RunDirError::Log { path: source.dir.file(TAIL), source: error })?;
        }
        let mut logs = Vec::new();
        // The last one is read first.
        for name in [TAIL, INTERVALS] {
            if let Some(log) = Paged::open(&source.dir, name)? {
                logs.push((name, LogReader::new(log)));
            }
        }
        Ok(Self {
            source,
            logs,
            offset_ms,
            width_ms,
            finished_ms,
            tail_from_ms,
            next: None,
            last: 0,
            timed: Timed::default(),
        })
    }

    fn fill(&mut self, tools: &mut Tools) -> Result<(), RunDirError> {
        while self.next.is_none() {
            let Some((name, log)) = self.logs.last_mut() else { return Ok(()) };
            let found = log.next_packed(tools).map_err(wrong(self.source, name))?;
            let Some(packed) = found else {
                self.logs.pop();
                continue;
            };
            // As every reader of a run directory counts them.
            let until_ms = if *name == TAIL { u64::MAX } else { self.tail_from_ms };
            if packed.end_ms > self.finished_ms.min(until_ms) {
                continue;
            }
            let at_ms = middle((packed.start_ms, packed.end_ms)).saturating_add(self.offset_ms);
            self.last = self.last.max(at_ms / self.width_ms);
            self.next = Some((self.last, packed));
        }
        Ok(())
    }
}

fn wrong(source: &Source, name: &str) -> impl FnOnce(LogError) -> RunDirError {
    let path = source.dir.file(name);
    |source| RunDirError::Log { path, source }
}

impl Stream for PartWindows<'_> {
    type Sum = Window;
    type Tools = Tools;

    /// A window has a line for each series.
    const AT_ONCE: u64 = 1;

    fn place(&mut self, tools: &mut Tools) -> Result<Option<u64>, RunDirError> {
        self.fill(tools)?;
        Ok(self.next.as_ref().map(|(place, _)| *place))
    }

    fn add_to(&mut self, sum: &mut Window, tools: &mut Tools) -> Result<(), RunDirError> {
        let (Some((_, packed)), Some((name, log))) = (self.next.take(), self.logs.last()) else {
            return Ok(());
        };
        let key = packed.key;
        let is_lag = matches!(key.kind, Kind::DispatchLag | Kind::SchedulerLag);
        if is_lag {
            let mut times = Times::new(key.bounds());
            log.unpack(&key, tools, &mut times).map_err(wrong(self.source, name))?;
            self.timed.lags.absorb_times(&key, &times);
            self.timed.samples.add(&key, times.count());
            sum.add_times(key, times);
            return Ok(());
        }
        let times = sum.0.entry(key);
        let key = Arc::clone(times.key());
        let times = times.or_insert_with(|| Times::new(key.bounds()));
        let before = times.count() + times.lost();
        log.unpack(&key, tools, times).map_err(wrong(self.source, name))?;
        self.timed.samples.add(&key, times.count() + times.lost() - before);
        Ok(())
    }
}

/// The times of one window of the whole, by series.
#[derive(Default)]
pub(super) struct Window(pub(super) BTreeMap<Arc<SeriesKey>, Times>);

impl Window {
    fn add_times(&mut self, key: Arc<SeriesKey>, times: Times) {
        match self.0.get_mut(&key) {
            Some(all) => all.add(&times),
            None => drop(self.0.insert(key, times)),
        }
    }
}

impl Joined for Window {
    fn add(&mut self, other: Self) {
        other.0.into_iter().for_each(|(key, times)| self.add_times(key, times));
    }
}
