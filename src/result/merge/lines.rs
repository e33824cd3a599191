//! The timelines of all parts: read in step, line by line, and what each part counted on the way.

use super::in_step::{Joined, Stream};
use super::paged::Paged;
use super::{Source, Span};
use crate::measure::counts::FaultCounts;
use crate::measure::fault::{Fault, Side};
use crate::measure::merging::Together;
use crate::measure::placing::Placing;
use crate::measure::segment::{Segment, Stand, TooLarge};
use crate::measure::series::Phase;
use crate::measure::tally::Tally;
use crate::measure::timeline::{Event, KILLED, Line, SCHEMA_VERSION};
use crate::result::lines::{LONGEST_LINE, Next, next_line};
use crate::result::run_dir::{RunDir, RunDirError, TIMELINE, check_version, io_error};
use serde::de::Error;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

/// The timeline of a part, with moments of the whole.
pub(super) struct PartLines {
    name: Arc<str>,
    path: PathBuf,
    file: Option<BufReader<Paged>>,
    number: usize,
    segments: Vec<Segment>,
    was_killed: bool,
    /// What comes next.
    pieces: Placing,
    last: Span,
    stand: Stand,
    /// What was counted so far.
    pub(super) counted: Counted,
}

/// What a part counted.
#[derive(Default)]
pub(super) struct Counted {
    /// Its counters, and whatever times somebody added.
    pub(super) tally: Tally,
    /// When it was measured, from its own start.
    pub(super) measured: Option<Span>,
    /// Faults of the exchanges of its measured part.
    exchange_faults: FaultCounts,
}

impl PartLines {
    /// From its beginning. `offset_ms` is how much later the part began, in whole intervals; `tally` has what is
    /// known of it already.
    pub(super) fn open(source: &Source, offset_ms: u64, tally: Tally) -> Result<Self, RunDirError> {
        Ok(Self {
            name: source.name.as_str().into(),
            path: source.dir.file(TIMELINE),
            file: Paged::open(&source.dir, TIMELINE)?,
            number: 0,
            segments: source.record.segments.clone(),
            was_killed: source.record.ended_at.is_none() && source.lost_from_ms.is_none(),
            pieces: Placing::new(offset_ms),
            last: (0, 0),
            stand: Stand::default(),
            counted: Counted { tally, ..Counted::default() },
        })
    }

    /// The next line; none at the end.
    fn line(&mut self, text: &mut Vec<u8>) -> Result<Option<Line>, RunDirError> {
        let Some(file) = &mut self.file else { return Ok(None) };
        self.number += 1;
        match next_line(file, text).map_err(io_error("read", &self.path))? {
            Next::Line => {}
            Next::End => return Ok(None),
            Next::TooLong => {
                return Err(RunDirError::TooLong { path: self.path.clone(), line: self.number });
            }
        }
        check_version(&self.path, text, SCHEMA_VERSION)?;
        let line = parsed(text).map_err(|error| self.wrong(error))?;
        self.stand
            .absorb_line(&line, &self.segments)
            .and_then(|()| bounded(&line))
            .map_err(|error| self.wrong(serde_json::Error::custom(error)))?;
        Ok(Some(line))
    }

    fn wrong(&self, source: serde_json::Error) -> RunDirError {
        RunDirError::Json { path: self.path.clone(), line: self.number, source }
    }

    /// What was under way when the last line was written, in a line of its own where that one was.
    fn rest(&mut self) -> Option<Line> {
        let journeys = self.stand.cut_off();
        let is_told = self.stand.booked.is_some();
        let cut_off: u64 = journeys.iter().map(|row| row.cut_off).sum();
        let text = match cut_off {
            0 => "gander was killed".to_owned(),
            1 => "gander was killed; 1 iteration under way is cut off".to_owned(),
            number => format!("gander was killed; {number} iterations under way are cut off"),
        };
        let killed = Event { at_ms: self.last.1, slug: KILLED.to_owned(), text };
        let events: Vec<_> = (self.was_killed && !is_told).then_some(killed).into_iter().collect();
        let is_some = self.number > 1 && !(journeys.is_empty() && events.is_empty());
        let (start_ms, end_ms) = self.last;
        is_some.then(|| Line { start_ms, end_ms, journeys, events, ..Line::default() })
    }

    /// Reads until the place of the next piece is known.
    fn fill(&mut self, text: &mut Vec<u8>) -> Result<(), RunDirError> {
        while self.pieces.place().is_none() && !self.pieces.is_over() {
            let line = self.line(text)?;
            let is_over = line.is_none();
            if let Some(mut line) = line.or_else(|| self.rest()) {
                self.last = (line.start_ms, line.end_ms);
                self.counted.absorb(&mut line);
                self.pieces.take(line);
            }
            if is_over {
                self.file = None;
                self.pieces.end();
            }
        }
        Ok(())
    }
}

/// That it is text is looked at once for all of it, and not for each name in it.
fn parsed(text: &[u8]) -> serde_json::Result<Line> {
    match std::str::from_utf8(text) {
        Ok(text) => serde_json::from_str(text),
        // Says where it is none.
        Err(_) => serde_json::from_slice(text),
    }
}

/// Counts beyond those that a [`Stand`] looks at, so that a thousand parts can be added up.
fn bounded(line: &Line) -> Result<(), TooLarge> {
    let most = |what, number| {
        if number > MOST { Err(TooLarge { what, number }) } else { Ok(()) }
    };
    most("measured_ms", line.measured_ms)?;
    most("users", line.readings.users)?;
    for (what, number) in [
        ("dispatched", line.dispatched),
        ("dispatched_late", line.dispatched_late),
        ("clipped", line.clipped),
        ("other", line.other),
    ] {
        most(what, number)?;
    }
    line.flows.iter().try_for_each(|flow| most("starts", flow.starts))?;
    for row in &line.journeys {
        most("late", row.late)?;
        most("exchanges", row.exchanges)?;
        most("exchange_faults", row.exchange_faults.iter().map(|(_, n)| n).max().unwrap_or(0))?;
        for step in &row.funnel {
            most("reached", step.reached.max(step.position_sum))?;
            most("left", step.left.iter().map(|(_, n)| n).max().unwrap_or(0))?;
        }
    }
    Ok(())
}

/// The most of anything in an interval: a few of a day's intervals of a million parts can be added up.
const MOST: u64 = 1 << 44;

impl Counted {
    fn absorb(&mut self, line: &mut Line) {
        // Nobody asks how far the iterations of one part came, and that is most of a line.
        let rows = line.journeys.iter_mut();
        let funnels: Vec<_> = rows.map(|row| std::mem::take(&mut row.funnel)).collect();
        self.tally.absorb_line(line);
        for (row, funnel) in line.journeys.iter_mut().zip(funnels) {
            row.funnel = funnel;
        }
        for row in line.journeys.iter().filter(|row| row.phase == Phase::Measured) {
            self.exchange_faults.merge(&row.exchange_faults);
        }
        if line.measured_ms > 0 {
            let from_ms = line.end_ms.saturating_sub(line.measured_ms).max(line.start_ms);
            let to_ms = line.start_ms.saturating_add(line.measured_ms).min(line.end_ms);
            let from_ms = self.measured.map_or(from_ms, |(from_ms, _)| from_ms);
            self.measured = Some((from_ms, to_ms.max(from_ms)));
        }
    }

    /// Faults that are charged to the generator. One that ended an iteration with its exchange is counted in both;
    /// the larger number is it.
    pub(super) fn generator_faults(&self) -> FaultCounts {
        let mut of_iterations = FaultCounts::default();
        self.tally.journeys.values().for_each(|counts| of_iterations.merge(&counts.faults));
        let own = Fault::all().filter(|fault| fault.side() == Side::Generator);
        own.map(|fault| (fault, self.exchange_faults.of(fault).max(of_iterations.of(fault))))
            .collect()
    }
}

impl Stream for PartLines {
    type Sum = Together;

    /// The line that is read.
    type Tools = Vec<u8>;

    const AT_ONCE: u64 = 16;

    fn place(&mut self, text: &mut Vec<u8>) -> Result<Option<u64>, RunDirError> {
        self.fill(text)?;
        Ok(self.pieces.place())
    }

    fn add_to(&mut self, sum: &mut Together, _: &mut Vec<u8>) -> Result<(), RunDirError> {
        if let Some(line) = self.pieces.next_piece() {
            sum.take(&self.name, line);
        }
        Ok(())
    }
}

impl Joined for Together {
    fn add(&mut self, other: Self) {
        Self::add(self, other);
    }
}

/// The last whole line of a timeline, without reading what comes before; none of an empty one.
pub(super) fn last(dir: &RunDir) -> Result<Option<Line>, RunDirError> {
    let path = dir.file(TIMELINE);
    let Some(mut file) = dir.open_file(TIMELINE)? else { return Ok(None) };
    let whole = file.metadata().map_err(io_error("read", &path))?.len();
    let mut length = FIRST_LOOK.min(whole);
    loop {
        let mut end = Vec::new();
        let place = SeekFrom::Start(whole - length);
        file.seek(place).map_err(io_error("read", &path))?;
        (&mut file).take(length).read_to_end(&mut end).map_err(io_error("read", &path))?;
        // What stands behind the last line break was being written.
        let sound = end.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |at| &end[..at]);
        let begins = sound.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
        let is_all = length == whole;
        match begins.or_else(|| is_all.then_some(0)) {
            Some(_) if sound.is_empty() => return Ok(None),
            Some(begins) => {
                let text = &sound[begins..];
                check_version(&path, text, SCHEMA_VERSION)?;
                return serde_json::from_slice(text)
                    .map(Some)
                    .map_err(|source| RunDirError::Json { path, line: 0, source });
            }
            None if length >= 2 * LONGEST_LINE as u64 => {
                return Err(RunDirError::TooLong { path, line: 0 });
            }
            None => length = (length * 8).min(whole),
        }
    }
}

/// How much of the end of a timeline is looked at first, in bytes.
const FIRST_LOOK: u64 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    #[test]
    fn the_last_whole_line_is_found_however_long_it_is() {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(home.path()).unwrap();
        assert_eq!(last(&dir).unwrap(), None);
        for (text, lines) in [("", 5), ("x", 1), ("{\"torn\":", 3), ("", 0)] {
            for padding in [0, 40_000] {
                let mut file = String::new();
                for number in 0..lines {
                    let event = Event { at_ms: 0, slug: "e".into(), text: "é".repeat(padding) };
                    let line = Line { interval: number, events: vec![event], ..Line::default() };
                    writeln!(file, "{}", serde_json::to_string(&line).unwrap()).unwrap();
                }
                std::fs::write(dir.file(TIMELINE), file + text).unwrap();
                let found = last(&dir).unwrap().map(|line| line.interval + 1).unwrap_or(0);
                assert_eq!(found, lines, "{text} {padding}");
            }
        }
        std::fs::write(dir.file(TIMELINE), "nonsense\n").unwrap();
        assert!(matches!(last(&dir), Err(RunDirError::Json { .. })));
    }
}
