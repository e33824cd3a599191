//! A run directory made ready to be gone on with: torn ends cut off, what is half written finished, and what
//! was under way booked as cut off.
//!
//! After each of these steps the directory tells the same run, so that it can be reported, and taken up
//! again, wherever a kill falls. First the torn rest of each file goes, and histograms of an interval whose
//! line was never written, which no reader counts; then the open window is closed: it is appended to
//! `intervals.hlog`, where readers do not count it as long as the tail has it, and the tail is emptied.

use super::interval_log::length_until;
use super::lines::{Next, next_line};
use super::run_dir::{
    EXEMPLARS, FAULTS, INTERVALS, JUNIT, LATEST, REPORT, RunDir, RunDirError, STEPS, SUMMARY, TAIL,
    TIMELINE, io_error,
};
use super::writer::Window;
use crate::measure::Exemplar;
use crate::measure::segment::{Segment, Stand};
use crate::measure::timeline::{Event, KILLED, Line, Readings, SCHEMA_VERSION};
use serde::de::{Error, IgnoredAny};
use std::fs::{self, OpenOptions};
use std::io::{BufReader, ErrorKind, Write};
use std::path::Path;

/// The last of what the histograms of a run tell of, finished or not. All zero if there are none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Reach {
    /// The latest beginning of an interval or a window.
    pub begins_ms: u64,
    /// The latest end.
    pub ends_ms: u64,
}

impl Reach {
    /// Whether it goes farther than a kill can have left it, or a machine that went away: the lines of a
    /// run that stood at this end, and began its last segment there, have been lost.
    pub const fn is_beyond(self, stand: &Stand, began_ms: u64) -> bool {
        let last_ms = if stand.end_ms > began_ms { stand.end_ms } else { began_ms };
        let is_lost = stand.next_interval == 0 && self.ends_ms > last_ms + FIRST_MS;
        is_lost || self.begins_ms > last_ms + UNSAFE_MS
    }
}

/// An interval of which there are histograms and no line yet is no longer than this where it is the first.
const FIRST_MS: u64 = 1900;

/// Lines are safe on disk every ten seconds; more than a few times of that is not lost when a machine goes.
const UNSAFE_MS: u64 = 30_000;

impl RunDir {
    /// An existing one to be gone on with: from [`RunDir::begin`] on it is the latest again, if it is among
    /// others of which one is.
    pub fn reopen(path: &Path) -> Result<Self, RunDirError> {
        let opened = Self::open(path)?;
        let latest = opened.path().with_file_name(LATEST);
        Ok(if latest.is_symlink() { opened.linked_by(latest) } else { opened })
    }

    /// Where its run stood at the end of its last finished interval.
    pub fn stand(&self, segments: &[Segment]) -> Result<Stand, RunDirError> {
        let (mut stand, mut number, mut damaged) = (Stand::default(), 0, None);
        self.each_line(TIMELINE, |line: Line| {
            number += 1;
            if damaged.is_none() {
                damaged = stand.absorb_line(&line, segments).err().map(|error| (number, error));
            }
        })?;
        match damaged {
            Some((line, error)) => Err(self.damaged(TIMELINE, line, error)),
            None => Ok(stand),
        }
    }

    /// That everything it is gone on with can be read, and how far its histograms tell of the run. Changes
    /// nothing.
    pub fn look_through(&self) -> Result<Reach, RunDirError> {
        let mut reach = Reach::default();
        for name in [INTERVALS, TAIL] {
            self.each_entry(name, |entry| {
                reach.begins_ms = reach.begins_ms.max(entry.start_ms);
                reach.ends_ms = reach.ends_ms.max(entry.end_ms);
            })?;
        }
        self.each_line(EXEMPLARS, |_: Exemplar| ())?;
        self.each_line(FAULTS, |_: IgnoredAny| ())?;
        Ok(reach)
    }

    fn damaged(&self, name: &str, line: usize, what: impl std::fmt::Display) -> RunDirError {
        RunDirError::Json { path: self.file(name), line, source: serde_json::Error::custom(what) }
    }

    /// Leaves nothing behind the last finished interval, and no window open.
    pub fn mend(&self, stand: &Stand) -> Result<(), RunDirError> {
        for name in [TIMELINE, FAULTS] {
            self.cut(name, self.whole_lines(name)?)?;
        }
        let mut window = Window::default();
        self.each_entry(TAIL, |entry| {
            if entry.end_ms <= stand.end_ms {
                window.add_entry(&entry);
            }
        })?;
        let until_ms = window.begins_ms().unwrap_or(u64::MAX).min(stand.end_ms);
        if let Some(log) = self.open_file(INTERVALS)? {
            let length = length_until(BufReader::new(log), until_ms);
            let path = self.file(INTERVALS);
            self.cut(INTERVALS, length.map_err(|source| RunDirError::Log { path, source })?)?;
        }
        if window.begins_ms().is_some() {
            self.append(INTERVALS, &window.lines())?;
        }
        match fs::remove_file(self.file(TAIL)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(io_error("remove", &self.file(TAIL))(error))
            }
            _ => Ok(()),
        }
    }

    /// Books what was under way when gander was killed, in a line of its own without any length, unless that
    /// is done. Says how many iterations it was. To be called after [`RunDir::mend`].
    pub fn book_cut_off(&self, stand: &mut Stand) -> Result<u64, RunDirError> {
        if let Some(cut_off) = stand.booked {
            return Ok(cut_off);
        }
        let journeys = stand.cut_off();
        let cut_off = journeys.iter().map(|row| row.cut_off).fold(0, u64::saturating_add);
        let text = match cut_off {
            0 => "gander was killed".to_owned(),
            1 => "gander was killed; 1 iteration under way is cut off".to_owned(),
            number => format!("gander was killed; {number} iterations under way are cut off"),
        };
        let line = Line {
            schema_version: SCHEMA_VERSION,
            interval: stand.next_interval,
            start_ms: stand.end_ms,
            end_ms: stand.end_ms,
            journeys,
            events: vec![Event { at_ms: stand.end_ms, slug: KILLED.to_owned(), text }],
            readings: Readings {
                next_arrival: stand.next_number,
                next_persona: stand.next_persona,
                ..Readings::default()
            },
            ..Line::default()
        };
        let path = self.file(TIMELINE);
        let text = serde_json::to_vec(&line).map(|mut text| {
            text.push(b'\n');
            text
        });
        let text = text.map_err(|source| RunDirError::Json { path, line: 0, source })?;
        self.append(TIMELINE, &text)?;
        match stand.absorb_line(&line, &[]) {
            Ok(()) => Ok(cut_off),
            Err(error) => Err(self.damaged(TIMELINE, 0, error)),
        }
    }

    /// Takes away what was made of the run when it ended: it goes on.
    pub fn forget_result(&self) -> Result<(), RunDirError> {
        for name in [SUMMARY, REPORT, JUNIT, STEPS] {
            match fs::remove_file(self.file(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(io_error("remove", &self.file(name))(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// How many bytes of a file are whole lines.
    fn whole_lines(&self, name: &str) -> Result<u64, RunDirError> {
        let path = self.file(name);
        let Some(file) = self.open_file(name)? else { return Ok(0) };
        let (mut file, mut text, mut length) = (BufReader::new(file), Vec::new(), 0);
        for line in 1.. {
            match next_line(&mut file, &mut text).map_err(io_error("read", &path))? {
                Next::Line => length += text.len() as u64,
                Next::End => break,
                Next::TooLong => return Err(RunDirError::TooLong { path, line }),
            }
        }
        Ok(length)
    }

    /// Makes a file no longer than this.
    fn cut(&self, name: &str, length: u64) -> Result<(), RunDirError> {
        let path = self.file(name);
        let Some(file) = self.open_file(name)? else { return Ok(()) };
        let is_longer = file.metadata().map_err(io_error("read", &path))?.len() > length;
        if !is_longer {
            return Ok(());
        }
        let file = OpenOptions::new().write(true).open(&path).map_err(io_error("open", &path))?;
        file.set_len(length).map_err(io_error("cut", &path))
    }

    fn append(&self, name: &str, text: &[u8]) -> Result<(), RunDirError> {
        let path = self.file(name);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let mut file = file.map_err(io_error("open", &path))?;
        file.write_all(text).map_err(io_error("write", &path))?;
        file.sync_data().map_err(io_error("sync", &path))
    }
}
