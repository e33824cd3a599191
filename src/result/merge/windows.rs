//! The interval logs of all parts: read in step, window by window, and added up without loss.

use super::in_step::{Stream, Sum};
use super::paged::Paged;
use super::{Source, Span};
use crate::measure::histogram::Times;
use crate::measure::merging::middle;
use crate::measure::series::{Kind, SeriesKey};
use crate::measure::tally::Tally;
use crate::result::interval_log::{self, Entry, LogReader};
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
    next: Option<(u64, Entry)>,
    last: u64,
    /// The lags that its generator made.
    pub(super) lags: Tally,
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
            lags: Tally::default(),
        })
    }

    fn fill(&mut self) -> Result<(), RunDirError> {
        while self.next.is_none() {
            let Some((name, log)) = self.logs.last_mut() else { return Ok(()) };
            let path = || self.source.dir.file(name);
            let found = log.next().map_err(|source| RunDirError::Log { path: path(), source })?;
            let Some(entry) = found else {
                self.logs.pop();
                continue;
            };
            // As every reader of a run directory counts them.
            let until_ms = if *name == TAIL { u64::MAX } else { self.tail_from_ms };
            if entry.end_ms > self.finished_ms.min(until_ms) {
                continue;
            }
            if matches!(entry.key.kind, Kind::DispatchLag | Kind::SchedulerLag) {
                self.lags.absorb_times(&entry.key, &entry.times);
            }
            let at_ms = middle((entry.start_ms, entry.end_ms)).saturating_add(self.offset_ms);
            self.last = self.last.max(at_ms / self.width_ms);
            self.next = Some((self.last, entry));
        }
        Ok(())
    }
}

impl Stream for PartWindows<'_> {
    type Item = Entry;

    fn place(&mut self) -> Result<Option<u64>, RunDirError> {
        self.fill()?;
        Ok(self.next.as_ref().map(|(place, _)| *place))
    }

    fn take(&mut self) -> Option<Entry> {
        self.next.take().map(|(_, entry)| entry)
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

impl Sum<PartWindows<'_>> for Window {
    fn take(&mut self, _: &PartWindows<'_>, entry: Entry) {
        self.add_times(entry.key, entry.times);
    }

    fn add(&mut self, other: Self) {
        other.0.into_iter().for_each(|(key, times)| self.add_times(key, times));
    }
}
