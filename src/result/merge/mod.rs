//! Run directories of parts made one: their files read in step, added up without loss, and written as those of an
//! ordinary run. Memory is bounded by what happens at one time, not by how long parts last.

mod faults;
mod in_step;
mod lines;
mod paged;
mod windows;

use super::part::Part;
use super::run_dir::{
    EXEMPLARS, FAULTS, INTERVALS, RunDir, RunDirError, RunRecord, TAIL, TIMELINE, io_error,
};
use super::summary::GeneratorSummary;
use super::writer::{RunWriter, window_ms};
use crate::base::random::Seed;
use crate::measure::Drawn;
use crate::measure::merging::{Figures, INTERVAL_MS, Together, covered, in_intervals};
use crate::measure::tally::Tally;
use in_step::in_step;
use lines::{Counted, PartLines};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use windows::{PartWindows, Timed, Window};

pub use windows::Samples;

/// From when to when, in milliseconds.
type Span = (u64, u64);

/// A part that is to be merged.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub dir: RunDir,
    /// What it was.
    pub record: RunRecord,
    /// How much its clock was ahead of the others', where that was measured.
    pub clock_offset_ms: Option<i64>,
    /// From when on it was lost, from its own start, if it was.
    pub lost_from_ms: Option<u64>,
    /// From when on others had its load, from its own start, if they had.
    pub taken_over_from_ms: Option<u64>,
}

impl Source {
    /// When it started, its clock put right as far as that is known.
    pub fn started_unix_ms(&self) -> u64 {
        self.record
            .started_unix_ms
            .saturating_add_signed(self.clock_offset_ms.unwrap_or(0).saturating_neg())
    }
}

/// How parts lie in the whole.
#[derive(Clone, Debug)]
pub struct Layout {
    /// When the first of them started.
    pub started_unix_ms: u64,
    /// How much later each began.
    pub offsets_ms: Vec<u64>,
    /// Where each ended, by its own count.
    finished_ms: Vec<u64>,
    /// Where the last of them ended, from the start of the whole.
    pub elapsed_ms: u64,
    /// Length of a window of the whole.
    window_ms: u64,
}

impl Layout {
    /// Looks at the beginnings and ends of the parts.
    pub fn of(sources: &[Source]) -> Result<Self, RunDirError> {
        let started = sources.iter().map(Source::started_unix_ms).min().unwrap_or(0);
        let offset_ms = |source: &Source| source.started_unix_ms().saturating_sub(started);
        let offsets_ms: Vec<_> = sources.iter().map(offset_ms).collect();
        let (mut finished_ms, mut ends_ms, mut intervals) = (Vec::new(), 0, 0);
        for (source, offset_ms) in sources.iter().zip(&offsets_ms) {
            let last = lines::last(&source.dir)?;
            finished_ms.push(last.as_ref().map_or(0, |line| line.end_ms));
            if let Some(line) = last {
                let later = |at_ms: u64| at_ms.saturating_add(in_intervals(*offset_ms));
                ends_ms = ends_ms.max(later(line.end_ms));
                intervals = intervals.max(covered((later(line.start_ms), later(line.end_ms))).end);
            }
        }
        let whole_ms = intervals.saturating_mul(INTERVAL_MS);
        // The last interval is as long as it was, and never empty.
        let elapsed_ms = ends_ms.max(whole_ms.saturating_sub(INTERVAL_MS) + 1).min(whole_ms);
        let planned_ms = sources.iter().filter_map(|source| source.record.planned_ms).max();
        let window_ms = window_ms(planned_ms.unwrap_or(elapsed_ms));
        Ok(Self { started_unix_ms: started, offsets_ms, finished_ms, elapsed_ms, window_ms })
    }

    /// What of the whole the interval or window of this number is about.
    fn span(&self, number: u64, length_ms: u64) -> Span {
        let start_ms = number.saturating_mul(length_ms);
        (
            start_ms,
            start_ms.saturating_add(length_ms).min(self.elapsed_ms.max(start_ms.saturating_add(1))),
        )
    }
}

/// What the files of a part told.
#[derive(Clone, Debug)]
pub struct Told {
    /// What it did, and how its generator fared.
    pub part: Part,
    /// How many times its histograms have.
    pub samples: Samples,
}

/// Writes the files of the whole into an empty directory, all but its record, and tells of the parts in their order.
pub fn write(sources: &[Source], layout: &Layout, into: &RunDir) -> Result<Vec<Told>, RunDirError> {
    let (timed, figures) = write_windows(sources, layout, into)?;
    let (lags, samples): (_, Vec<_>) = timed.into_iter().map(|of| (of.lags, of.samples)).unzip();
    let counted = write_lines(sources, layout, into, lags, &figures)?;
    write_samples(sources, layout, into)?;
    let parts = sources.iter().zip(&layout.offsets_ms).zip(counted);
    let parts = parts.map(|((source, offset_ms), counted)| part(source, *offset_ms, counted));
    Ok(parts.zip(samples).map(|(part, samples)| Told { part, samples }).collect())
}

/// What the histograms of single intervals tell; nothing where windows are longer.
type FiguresOf = HashMap<u64, Figures>;

fn write_windows(
    sources: &[Source],
    layout: &Layout,
    into: &RunDir,
) -> Result<(Vec<Timed>, FiguresOf), RunDirError> {
    let mut streams = Vec::new();
    for ((source, offset_ms), finished_ms) in
        sources.iter().zip(&layout.offsets_ms).zip(&layout.finished_ms)
    {
        let grid = (in_intervals(*offset_ms), layout.window_ms);
        streams.push(PartWindows::open(source, grid, *finished_ms)?);
    }
    let mut text = super::interval_log::LogText::default();
    let started = SystemTime::UNIX_EPOCH + Duration::from_millis(layout.started_unix_ms);
    let head = text.head(started);
    let mut log = Growing::begin(into, INTERVALS)?;
    log.append(&head)?;
    let mut tail = Growing::begin(into, TAIL)?;
    tail.append(&head)?;
    tail.close()?;
    let mut figures = HashMap::new();
    let streams = in_step(streams, |number, window: Window| {
        let span = layout.span(number, layout.window_ms);
        let mut lines = Vec::new();
        for (key, times) in &window.0 {
            text.line(key, times, span, &mut lines);
        }
        if layout.window_ms == INTERVAL_MS {
            figures.insert(number, Figures::of(&window.0));
        }
        log.append(&lines)
    })?;
    log.close()?;
    Ok((streams.into_iter().map(|stream| stream.timed).collect(), figures))
}

fn write_lines(
    sources: &[Source],
    layout: &Layout,
    into: &RunDir,
    lags: Vec<Tally>,
    figures: &FiguresOf,
) -> Result<Vec<Counted>, RunDirError> {
    let mut streams = Vec::new();
    for ((source, offset_ms), lags) in sources.iter().zip(&layout.offsets_ms).zip(lags) {
        streams.push(PartLines::open(source, in_intervals(*offset_ms), lags)?);
    }
    let mut timeline = Growing::begin(into, TIMELINE)?;
    let mut interval = 0;
    let streams = in_step(streams, |number, together: Together| {
        let span = layout.span(number, INTERVAL_MS);
        let line = together.line(interval, span, figures.get(&number));
        interval += 1;
        timeline.append_json(&line)
    })?;
    timeline.close()?;
    let settled = streams.into_iter().map(|mut stream| {
        stream.counted.tally.settle();
        stream.counted
    });
    Ok(settled.collect())
}

fn write_samples(sources: &[Source], layout: &Layout, into: &RunDir) -> Result<(), RunDirError> {
    let mut faults = Growing::begin(into, FAULTS)?;
    for sample in faults::sampled(sources, &layout.offsets_ms)? {
        faults.append_json(&sample)?;
    }
    faults.close()?;
    let mut drawn = Drawn::default();
    for (source, offset_ms) in sources.iter().zip(&layout.offsets_ms) {
        let (mut exemplars, offset_us) = (Vec::new(), offset_ms.saturating_mul(1000));
        source.dir.each_line(EXEMPLARS, |exemplar: crate::measure::Exemplar| {
            let due_us = exemplar.due_us.saturating_add(offset_us);
            exemplars.push(crate::measure::Exemplar { due_us, ..exemplar });
        })?;
        // Each was drawn by the lots of its own run, which are as fair among those of all.
        drawn.add(source.record.seed.parse().unwrap_or(Seed(0)), exemplars);
    }
    RunWriter::replace_exemplars(into, &drawn.finish())
}

fn part(source: &Source, offset_ms: u64, counted: Counted) -> Part {
    let record = &source.record;
    let generator_faults = counted.generator_faults();
    let Counted { tally, measured, .. } = counted;
    let all = tally.journeys.values();
    let sum = |of: fn(&crate::measure::tally::JourneyTally) -> u64| all.clone().map(of).sum();
    let later = |at_ms: u64| at_ms.saturating_add(offset_ms);
    let run = &tally.run;
    Part {
        name: source.name.clone(),
        run_id: record.run_id.clone(),
        share: record.share.map(Into::into),
        host: record.host.clone(),
        gander_version: record.gander_version.clone(),
        seed: record.seed.clone(),
        clock_offset_ms: source.clock_offset_ms,
        started_at: record.started_at.clone(),
        offset_ms,
        ended_at: record.ended_at.clone(),
        measured_ms: run.measured_ms,
        measured_from_ms: measured.map(|(from_ms, _)| later(from_ms)),
        measured_to_ms: measured.map(|(_, to_ms)| later(to_ms)),
        due: sum(|counts| counts.due),
        completed: sum(|counts| counts.completed),
        failed: sum(crate::measure::tally::JourneyTally::failed),
        dropped: sum(|counts| counts.dropped),
        cut_off: sum(|counts| counts.cut_off),
        lost: sum(|counts| counts.lost),
        lost_from_ms: source.lost_from_ms.map(later),
        taken_over_from_ms: source.taken_over_from_ms.map(later),
        resumed: record.segments.len().saturating_sub(1) as u64,
        paused_ms: run.paused_ms,
        overloaded_ms: run.overloaded_ms,
        out_of_cpu_ms: run.out_of_cpu_ms,
        dispatched_late_ms: run.dispatched_late_ms,
        generator_faults,
        invalid: None,
        generator: GeneratorSummary::of(&tally),
    }
}

/// A file that is written from its beginning to its end, and on the disk once it is closed.
struct Growing {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Growing {
    fn begin(dir: &RunDir, name: &str) -> Result<Self, RunDirError> {
        let path = dir.file(name);
        let file = File::create_new(&path).map_err(io_error("write", &path))?;
        Ok(Self { path, file: BufWriter::new(file) })
    }

    fn append(&mut self, text: &[u8]) -> Result<(), RunDirError> {
        self.file.write_all(text).map_err(io_error("write", &self.path))
    }

    fn append_json(&mut self, value: &impl serde::Serialize) -> Result<(), RunDirError> {
        let text = serde_json::to_vec(value).map(|mut text| {
            text.push(b'\n');
            text
        });
        let path = || self.path.clone();
        let text = text.map_err(|source| RunDirError::Json { path: path(), line: 0, source })?;
        self.append(&text)
    }

    fn close(mut self) -> Result<(), RunDirError> {
        self.file.flush().map_err(io_error("write", &self.path))?;
        self.file.get_ref().sync_data().map_err(io_error("sync", &self.path))
    }
}

#[cfg(test)]
mod tests;
