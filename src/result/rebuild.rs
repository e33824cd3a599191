//! Reads a run directory back: the tally of a run from its files alone, finished or killed.

use super::interval_log::{self, Entry};
use super::lines::{Next, next_line};
use super::run_dir::{INTERVALS, RunDir, RunDirError, TAIL, TIMELINE, check_version, io_error};
use super::writer::window_ms;
use crate::measure::course::Course;
use crate::measure::limited::{Limited, Paused};
use crate::measure::segment::gaps;
use crate::measure::series::SeriesKey;
use crate::measure::tally::Tally;
use crate::measure::timeline::{Line, SCHEMA_VERSION};
use crate::measure::windows::Windows;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::BufReader;

impl RunDir {
    /// Adds up all finished intervals, by the same additions as during the run, and settles the
    /// account: what was under way when gander was killed was cut off.
    pub fn tally(&self) -> Result<Tally, RunDirError> {
        let mut tally = self.tally_so_far()?;
        tally.settle();
        Ok(tally)
    }

    /// The same without settling the account: the run goes on.
    pub fn tally_so_far(&self) -> Result<Tally, RunDirError> {
        let mut tally = Tally::default();
        self.each_line(TIMELINE, |line: Line| tally.absorb_line(&line))?;
        self.each_times(tally.run.elapsed_ms, |entry| {
            tally.absorb_times(&entry.key, &entry.times)
        })?;
        Ok(tally)
    }

    /// The same as [`RunDir::tally`], and how it came about.
    pub fn course(&self) -> Result<(Tally, Course), RunDirError> {
        let record = self.run()?;
        let gaps = gaps(&record.segments);
        let (mut tally, mut course) = (Tally::default(), Course::default().with_gaps(gaps));
        self.each_line(TIMELINE, |line: Line| {
            tally.absorb_line(&line);
            course.absorb_line(&line);
        })?;
        let elapsed_ms = tally.run.elapsed_ms;
        course.widen(window_ms(record.planned_ms.unwrap_or(elapsed_ms)));
        self.each_times(elapsed_ms, |entry| {
            course.absorb_times(&entry.key, (entry.start_ms, entry.end_ms), &entry.times);
            tally.absorb_times(&entry.key, &entry.times);
        })?;
        tally.settle();
        Ok((tally, course))
    }

    /// The measured part of the run, window by window: as many windows as its files tell apart, at most
    /// `most`.
    pub fn windows(&self, most: usize) -> Result<Windows, RunDirError> {
        self.windows_of(most, |_| true)
    }

    /// When the tenant turned calls down for their rate.
    pub fn limited(&self) -> Result<Limited, RunDirError> {
        let mut limited = Limited::default();
        self.each_line(TIMELINE, |line: Line| limited.absorb(&line))?;
        Ok(limited)
    }

    /// The same as [`RunDir::windows`] without these stretches.
    pub fn windows_without(&self, most: usize, out: &Limited) -> Result<Windows, RunDirError> {
        self.windows_with(most, out, |_| true)
    }

    /// The same as [`RunDir::windows`] with the times of chosen series only, for whoever looks at a few: those of
    /// all take a hundred megabytes.
    pub fn windows_of(
        &self,
        most: usize,
        chosen: impl Fn(&SeriesKey) -> bool,
    ) -> Result<Windows, RunDirError> {
        self.windows_with(most, &Limited::default(), chosen)
    }

    fn windows_with(
        &self,
        most: usize,
        out: &Limited,
        chosen: impl Fn(&SeriesKey) -> bool,
    ) -> Result<Windows, RunDirError> {
        let (mut elapsed_ms, mut paused) = (0, Paused::default());
        self.each_line(TIMELINE, |line: Line| {
            elapsed_ms = line.end_ms;
            paused.absorb(&line);
        })?;
        let record = self.run()?;
        let width_ms = window_ms(record.planned_ms.unwrap_or(elapsed_ms));
        let windows = Windows::new(width_ms, most).without(&gaps(&record.segments));
        let mut windows = windows.passing_over(&[out.stretches(), paused.stretches()].concat());
        self.each_line(TIMELINE, |line: Line| windows.absorb_line(&line))?;
        self.each_times(elapsed_ms, |entry| {
            if chosen(&entry.key) {
                windows.absorb_times(&entry.key, (entry.start_ms, entry.end_ms), &entry.times);
            }
        })?;
        Ok(windows)
    }

    /// The measured part of the run window by window, at most `most`, with the times of all series, and its
    /// course: both in one reading.
    pub fn windows_and_course(&self, most: usize) -> Result<(Windows, Course), RunDirError> {
        let record = self.run()?;
        let gaps = gaps(&record.segments);
        let (mut course, mut elapsed_ms) = (Course::default().with_gaps(gaps.clone()), 0);
        let mut paused = Paused::default();
        self.each_line(TIMELINE, |line: Line| {
            elapsed_ms = line.end_ms;
            paused.absorb(&line);
            course.absorb_line(&line);
        })?;
        let width_ms = window_ms(record.planned_ms.unwrap_or(elapsed_ms));
        course.widen(width_ms);
        let windows = Windows::new(width_ms, most).without(&gaps);
        let mut windows = windows.passing_over(paused.stretches());
        self.each_line(TIMELINE, |line: Line| windows.absorb_line(&line))?;
        self.each_times(elapsed_ms, |entry| {
            let span_ms = (entry.start_ms, entry.end_ms);
            windows.absorb_times(&entry.key, span_ms, &entry.times);
            course.absorb_times(&entry.key, span_ms, &entry.times);
        })?;
        Ok((windows, course))
    }

    /// The times of all finished intervals, each once, in no order. `finished_ms` is the end of the
    /// last of them.
    fn each_times(&self, finished_ms: u64, mut each: impl FnMut(Entry)) -> Result<(), RunDirError> {
        let mut tail_from_ms = u64::MAX;
        self.each_entry(TAIL, |entry| {
            if entry.end_ms <= finished_ms {
                tail_from_ms = tail_from_ms.min(entry.start_ms);
                each(entry);
            }
        })?;
        self.each_entry(INTERVALS, |entry| {
            // By its end: the first second that the tail tells of may not be the window's first.
            if entry.end_ms <= finished_ms.min(tail_from_ms) {
                each(entry);
            }
        })
    }

    /// Every finished interval of the timeline, in order.
    pub fn timeline(&self) -> Result<Vec<Line>, RunDirError> {
        let mut lines = Vec::new();
        self.each_line(TIMELINE, |line| lines.push(line))?;
        Ok(lines)
    }

    /// Each line of a file of JSON lines. One without its line break was being written when the
    /// writer was killed and is passed over; a file that is not there has no lines.
    pub fn each_line<T: DeserializeOwned>(
        &self,
        name: &str,
        mut each: impl FnMut(T),
    ) -> Result<(), RunDirError> {
        let path = self.file(name);
        let Some(mut file) = self.reader(name)? else { return Ok(()) };
        let mut text = Vec::new();
        for line in 1.. {
            match next_line(&mut file, &mut text).map_err(io_error("read", &path))? {
                Next::Line => {}
                Next::End => break,
                Next::TooLong => return Err(RunDirError::TooLong { path, line }),
            }
            check_version(&path, &text, SCHEMA_VERSION)?;
            let value = serde_json::from_slice(&text).map_err(|source| RunDirError::Json {
                path: path.clone(),
                line,
                source,
            })?;
            each(value);
        }
        Ok(())
    }

    /// Each line of an interval log, in the same way.
    pub fn each_entry(&self, name: &str, each: impl FnMut(Entry)) -> Result<(), RunDirError> {
        let Some(file) = self.reader(name)? else { return Ok(()) };
        interval_log::read(file, each)
            .map_err(|source| RunDirError::Log { path: self.file(name), source })
    }

    fn reader(&self, name: &str) -> Result<Option<BufReader<File>>, RunDirError> {
        Ok(self.open_file(name)?.map(BufReader::new))
    }
}
