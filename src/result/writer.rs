//! Writes a run directory as the run goes: every interval is on disk when it has ended.
//!
//! On disk means handed to the operating system: it outlives gander, however gander dies. To outlive
//! the machine's power the files are also synced every ten seconds and at the end.
//!
//! The line of the timeline is written after the histograms of its interval and thereby makes them
//! count. While a window is longer than an interval, its histograms stand in `tail.hlog` second by
//! second; when it closes they go to `intervals.hlog` as one, and the tail is emptied after that. A
//! reader therefore takes the tail's word for whatever time the tail holds.

use super::interval_log::{Entry, LogText};
use super::run_dir::{
    EXEMPLARS, FAULTS, INTERVALS, RunDir, RunDirError, RunRecord, TAIL, TIMELINE, io_error,
};
use crate::measure::Exemplar;
use crate::measure::histogram::Times;
use crate::measure::series::SeriesKey;
use crate::measure::timeline::Interval;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Most lines of `faults.jsonl`.
pub const MOST_FAULTS: usize = 1000;

/// How often files are synced.
const SYNC_EVERY_MS: u64 = 10_000;

/// Window lengths: runs, or moments of a run of unknown length, up to so many milliseconds have
/// windows of so many.
const WINDOWS: &[(u64, u64)] = &[(15 * 60_000, 1000), (3 * 3_600_000, 10_000)];

const LONGEST_WINDOW_MS: u64 = 60_000;

/// The length of a window in a run of this length, or at this moment of a run of unknown length.
pub(super) fn window_ms(run_ms: u64) -> u64 {
    let fitting = WINDOWS.iter().find(|(up_to, _)| run_ms <= *up_to);
    fitting.map_or(LONGEST_WINDOW_MS, |(_, window)| *window)
}

/// Writes the files that grow. One writer for a directory.
pub struct RunWriter {
    dir: RunDir,
    planned_ms: Option<u64>,
    started: SystemTime,
    text: LogText,
    timeline: Growing,
    intervals: Growing,
    tail: Growing,
    faults: Growing,
    fault_lines: usize,
    window: Window,
    synced_ms: u64,
    /// Whether it is left to somebody else to bring to the disk what grows.
    is_synced_aside: bool,
}

/// When a window of this length is to end: at a multiple of it, so that the windows of a run that was taken up
/// again in the middle of one are those that it would have had.
const fn end_of_window(start_ms: u64, length_ms: u64) -> u64 {
    let length_ms = if length_ms == 0 { 1 } else { length_ms };
    // Windows end as intervals do, some milliseconds late.
    ((start_ms + 500) / length_ms + 1) * length_ms
}

/// The open window.
#[derive(Default)]
pub(super) struct Window {
    start_ms: u64,
    end_ms: u64,
    series: BTreeMap<Arc<SeriesKey>, Times>,
}

impl RunWriter {
    /// Writes `run.json` and starts the other files.
    pub fn start(dir: RunDir, run: &RunRecord) -> Result<Self, RunDirError> {
        dir.write_run(run)?;
        let started = SystemTime::UNIX_EPOCH + Duration::from_millis(run.started_unix_ms);
        let mut text = LogText::default();
        let head = text.head(started);
        let mut intervals = Growing::open(&dir, INTERVALS)?;
        intervals.begin(&head)?;
        let mut tail = Growing::open(&dir, TAIL)?;
        tail.begin(&head)?;
        Ok(Self {
            planned_ms: run.planned_ms,
            started,
            text,
            timeline: Growing::open(&dir, TIMELINE)?,
            faults: Growing::open(&dir, FAULTS)?,
            intervals,
            tail,
            dir,
            fault_lines: 0,
            window: Window::default(),
            synced_ms: 0,
            is_synced_aside: false,
        })
    }

    /// Goes on in the directory of a run that was made ready for that, from a moment on.
    pub fn go_on(dir: RunDir, run: &RunRecord, start_ms: u64) -> Result<Self, RunDirError> {
        let mut fault_lines = 0;
        dir.each_line(FAULTS, |_: serde::de::IgnoredAny| fault_lines += 1)?;
        let window = Window { start_ms, end_ms: start_ms, ..Window::default() };
        Ok(Self { fault_lines, window, synced_ms: start_ms, ..Self::start(dir, run)? })
    }

    /// The same, of which somebody else brings to the disk what grows: who writes for a thousand cannot wait for each.
    pub fn synced_aside(self) -> Self {
        Self { is_synced_aside: true, ..self }
    }

    /// Where it writes.
    pub fn dir(&self) -> &RunDir {
        &self.dir
    }

    /// Writes an interval. When this returns the interval is safe.
    pub fn write(&mut self, interval: &Interval) -> Result<(), RunDirError> {
        let line = &interval.line;
        let length = window_ms(self.planned_ms.unwrap_or(line.end_ms));
        let alone = self.window.series.is_empty() && length <= 1000;
        let log = if alone { &mut self.intervals } else { &mut self.tail };
        log.append(&log_lines(&mut self.text, &interval.series, (line.start_ms, line.end_ms)))?;
        self.timeline.append(&json_line(&self.timeline.path, line)?)?;
        if alone {
            self.window.start_ms = line.end_ms;
        } else {
            self.window.add(interval);
            // Half an interval early rather than most of one late.
            if line.end_ms + 500 >= end_of_window(self.window.start_ms, length) {
                self.close_window()?;
            }
        }
        self.write_failing(interval)?;
        if !self.is_synced_aside && line.end_ms >= self.synced_ms + SYNC_EVERY_MS {
            self.synced_ms = line.end_ms;
            self.sync()?;
        }
        Ok(())
    }

    /// Replaces the exemplars: by all so far, whenever there is time, and at the end.
    pub fn write_exemplars(&self, exemplars: &[Exemplar]) -> Result<(), RunDirError> {
        Self::replace_exemplars(&self.dir, exemplars)
    }

    /// The same in any directory.
    pub(super) fn replace_exemplars(
        dir: &RunDir,
        exemplars: &[Exemplar],
    ) -> Result<(), RunDirError> {
        let path = dir.file(EXEMPLARS);
        let lines: Result<Vec<_>, _> =
            exemplars.iter().map(|exemplar| json_line(&path, exemplar)).collect();
        dir.replace(EXEMPLARS, &lines?.concat())
    }

    /// Closes the open window and syncs everything. The summary is written besides.
    pub fn finish(mut self) -> Result<RunDir, RunDirError> {
        if !self.window.series.is_empty() {
            self.close_window()?;
        }
        self.sync()?;
        Ok(self.dir)
    }

    fn close_window(&mut self) -> Result<(), RunDirError> {
        let bounds = (self.window.start_ms, self.window.end_ms);
        let series = std::mem::take(&mut self.window.series);
        self.window.start_ms = self.window.end_ms;
        self.intervals.append(&log_lines(&mut self.text, &series, bounds))?;
        self.dir.replace(TAIL, &self.text.head(self.started))?;
        self.tail = Growing::open(&self.dir, TAIL)?;
        Ok(())
    }

    fn write_failing(&mut self, interval: &Interval) -> Result<(), RunDirError> {
        let room = MOST_FAULTS.saturating_sub(self.fault_lines);
        for sample in interval.failing.iter().take(room) {
            self.faults.append(&json_line(&self.faults.path, sample)?)?;
            self.fault_lines += 1;
        }
        Ok(())
    }

    /// Brings everything so far to the disk, so that it outlives the machine's power.
    pub fn sync(&self) -> Result<(), RunDirError> {
        [&self.timeline, &self.intervals, &self.tail, &self.faults]
            .into_iter()
            .try_for_each(Growing::sync)
    }
}

impl Window {
    fn add(&mut self, interval: &Interval) {
        self.end_ms = interval.line.end_ms;
        interval.series.iter().for_each(|(key, times)| self.add_times(key, times));
    }

    fn add_times(&mut self, key: &Arc<SeriesKey>, times: &Times) {
        match self.series.get_mut(key) {
            Some(all) => all.add(times),
            None => drop(self.series.insert(Arc::clone(key), times.clone())),
        }
    }

    /// Adds a line of a tail; the first one begins the window.
    pub(super) fn add_entry(&mut self, entry: &Entry) {
        let is_first = self.series.is_empty();
        self.start_ms = if is_first { entry.start_ms } else { self.start_ms.min(entry.start_ms) };
        self.end_ms = self.end_ms.max(entry.end_ms);
        self.add_times(&entry.key, &entry.times);
    }

    /// When it begins; none while there is nothing in it.
    pub(super) fn begins_ms(&self) -> Option<u64> {
        (!self.series.is_empty()).then_some(self.start_ms)
    }

    /// Its lines in a log.
    pub(super) fn lines(&self) -> Vec<u8> {
        log_lines(&mut LogText::default(), &self.series, (self.start_ms, self.end_ms))
    }
}

fn log_lines(
    text: &mut LogText,
    series: &BTreeMap<Arc<SeriesKey>, Times>,
    (start_ms, end_ms): (u64, u64),
) -> Vec<u8> {
    let mut lines = Vec::new();
    for (key, times) in series {
        text.line(key, times, (start_ms, end_ms), &mut lines);
    }
    lines
}

fn json_line<T: serde::Serialize>(
    path: &std::path::Path,
    value: &T,
) -> Result<Vec<u8>, RunDirError> {
    let mut line = serde_json::to_vec(value).map_err(|source| RunDirError::Json {
        path: path.to_owned(),
        line: 0,
        source,
    })?;
    line.push(b'\n');
    Ok(line)
}

/// A file that only grows. Each append is one call of the system: no buffer of ours to lose.
struct Growing {
    path: PathBuf,
    file: File,
}

impl Growing {
    fn open(dir: &RunDir, name: &str) -> Result<Self, RunDirError> {
        let path = dir.file(name);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(io_error("open", &path))?;
        Ok(Self { path, file })
    }

    /// Writes the head of a file that is new.
    fn begin(&mut self, head: &[u8]) -> Result<(), RunDirError> {
        let length = self.file.metadata().map_err(io_error("read", &self.path))?.len();
        if length == 0 { self.append(head) } else { Ok(()) }
    }

    fn append(&mut self, text: &[u8]) -> Result<(), RunDirError> {
        self.file.write_all(text).map_err(io_error("write", &self.path))
    }

    fn sync(&self) -> Result<(), RunDirError> {
        self.file.sync_data().map_err(io_error("sync", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_at_multiples_of_their_length() {
        for (start_ms, length_ms, ends_ms) in [
            (0, 1000, 1000),
            (12_003, 1000, 13_000),
            (9_998, 10_000, 20_000),
            (20_004, 10_000, 30_000),
            (47_000, 10_000, 50_000),
            (47_000, 60_000, 60_000),
        ] {
            assert_eq!(end_of_window(start_ms, length_ms), ends_ms, "{start_ms}");
        }
    }

    #[test]
    fn longer_runs_have_longer_windows() {
        for (minutes, seconds) in [(1, 1), (15, 1), (16, 10), (180, 10), (181, 60), (9999, 60)] {
            assert_eq!(window_ms(minutes * 60_000), seconds * 1000, "{minutes} minutes");
        }
    }
}
