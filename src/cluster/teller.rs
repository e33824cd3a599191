//! What an agent tells of its run: hears of every interval and puts it into the spool as messages.

use super::message::{Exemplars, LARGEST, LedgerPart, News, Report, SCHEMA_VERSION, write};
use super::name::Name;
use super::pieces::Cutter;
use super::spool::Spool;
use crate::base::names::RunId;
use crate::measure::Exemplar;
use crate::measure::tally::Tally;
use crate::measure::timeline::Interval;
use crate::result::run_dir::{EXEMPLARS, LEDGER, RunDir, RunRecord};
use crate::run::conduct::Listener;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// After so many intervals the exemplars so far are told, and at the end.
const EXEMPLARS_EVERY: u64 = 60;

/// How many bytes of lines make a message.
const ROOM: usize = LARGEST / 2;

/// Tells of one run. Clones are the same.
#[derive(Clone)]
pub struct Teller(Arc<Mutex<Inner>>);

struct Inner {
    run: RunId,
    agent: Name,
    instance: u64,
    dir: RunDir,
    spool: Spool,
    sequence: u64,
    cutter: Cutter,
    has_begun: bool,
    intervals: u64,
    ledger: LedgerPosition,
    failed: Option<io::Error>,
}

#[derive(Clone, Copy, Default)]
struct LedgerPosition {
    bytes: u64,
    lines: u64,
}

impl Teller {
    /// Tells of the run of an agent, which is this process of its name, in a directory.
    pub fn new((run, agent, instance): (RunId, Name, u64), dir: RunDir, spool: Spool) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            run,
            agent,
            instance,
            dir,
            spool,
            sequence: 0,
            cutter: Cutter::default(),
            has_begun: false,
            intervals: 0,
            ledger: LedgerPosition::default(),
            failed: None,
        })))
    }

    /// Tells what its ledger has by now: accounts that are made are known, whatever becomes of the agent.
    pub fn tell_ledger(&self) {
        self.inner().tell(Inner::ledger);
    }

    /// Tells that its run ended, and everything that was not told yet. The last that is told.
    pub fn tell_end(&self, record: &RunRecord) {
        self.inner().tell(|inner| {
            inner.begin()?;
            inner.ledger()?;
            inner.exemplars()?;
            inner.say(News::Ended(Box::new(record.clone())))
        });
    }

    /// How many intervals were told.
    pub fn intervals(&self) -> u64 {
        self.inner().intervals
    }

    /// Whether there was a load to tell of.
    pub fn has_begun(&self) -> bool {
        self.inner().has_begun
    }

    /// What kept something from being told, if anything did: a full disk. Nothing is told after it.
    pub fn failure(&self) -> Option<String> {
        self.inner().failed.as_ref().map(ToString::to_string)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Teller {
    fn interval(&mut self, interval: &Interval, _so_far: &Tally) {
        self.inner().tell(|inner| {
            inner.begin()?;
            inner.ledger()?;
            for piece in inner.cutter.cut(interval) {
                inner.say(News::Interval(Box::new(piece)))?;
            }
            inner.intervals = interval.line.interval + 1;
            if inner.intervals.is_multiple_of(EXEMPLARS_EVERY) {
                inner.exemplars()?;
            }
            Ok(())
        });
    }
}

impl Inner {
    /// The first failure is the last that is tried: what comes behind a gap could not be counted.
    fn tell(&mut self, what: impl FnOnce(&mut Self) -> io::Result<()>) {
        if self.failed.is_none() {
            self.failed = what(self).err();
        }
    }

    fn say(&mut self, news: News) -> io::Result<()> {
        let report = Report {
            schema_version: SCHEMA_VERSION,
            run: self.run.clone(),
            agent: self.agent.clone(),
            instance: self.instance,
            sequence: self.sequence,
            news,
        };
        self.spool.append(&write(&report))?;
        self.sequence += 1;
        Ok(())
    }

    /// Tells what its run is; it is on file from its first moment.
    fn begin(&mut self) -> io::Result<()> {
        if self.has_begun {
            return Ok(());
        }
        let record = self.dir.run().map_err(io::Error::other)?;
        self.say(News::Begun(Box::new(record)))?;
        self.has_begun = true;
        Ok(())
    }

    fn ledger(&mut self) -> io::Result<()> {
        let mut file = match File::open(self.dir.file(LEDGER)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        file.seek(SeekFrom::Start(self.ledger.bytes))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        // What has no end yet is told with it.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let text = String::from_utf8_lossy(&text[..whole]).into_owned();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for part in parts(lines, String::len) {
            let after = self.ledger.lines;
            self.ledger.lines += part.len() as u64;
            self.say(News::Ledger(LedgerPart { after, lines: part }))?;
        }
        self.ledger.bytes += whole as u64;
        Ok(())
    }

    fn exemplars(&mut self) -> io::Result<()> {
        let mut all: Vec<Exemplar> = Vec::new();
        let read = self.dir.each_line(EXEMPLARS, |exemplar| all.push(exemplar));
        read.map_err(io::Error::other)?;
        let size = |exemplar: &Exemplar| serde_json::to_vec(exemplar).map_or(0, |text| text.len());
        let parts = parts(all, size);
        let pieces = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        for (piece, lines) in (0..).zip(parts) {
            self.say(News::Exemplars(Exemplars { piece, pieces, lines }))?;
        }
        Ok(())
    }
}

/// Items cut into lists that are small enough for a message each.
fn parts<T>(items: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut parts: Vec<Vec<T>> = Vec::new();
    let mut used = 0;
    for item in items {
        let bytes = size(&item);
        match parts.last_mut().filter(|_| used + bytes <= ROOM) {
            Some(part) => {
                used += bytes;
                part.push(item);
            }
            None => {
                used = bytes;
                parts.push(vec![item]);
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::super::message::read;
    use super::super::mirror::Mirror;
    use super::super::pieces::tests::interval;
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_told_makes_the_directory_that_it_is_told_of() {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(&home.path().join("own")).unwrap();
        let spool = Spool::create(&home.path().join("spool")).unwrap();
        let agent: Name = "a".parse().unwrap();
        let mut teller = Teller::new(("r1".into(), agent, 7), dir.clone(), spool.clone());
        // A ledger that is more than a message holds, and a line of it that has no end yet.
        let line = format!("{{\"login\":\"{}\"}}\n", "l".repeat(1000));
        let mut ledger = File::create(dir.file(LEDGER)).unwrap();
        ledger.write_all(line.repeat(700).as_bytes()).unwrap();
        ledger.write_all(b"{\"torn").unwrap();
        teller.tell_ledger();
        assert!(spool.told() >= 3, "{}", spool.told());
        let record = serde_json::json!({
            "schema_version": 1, "gander_version": "0.1.0", "run_id": "r1",
            "started_at": "2026-11-21T18:34:41.000Z", "started_unix_ms": 1_795_286_081_000u64,
            "ended_at": null, "interrupted": false, "seed": "1",
            "workload_model": "open", "planned_ms": 60_000, "reply_timeout_ms": 30_000,
            "thresholds": [], "host": { "name": "", "system": "", "cores": 2 },
            "tenant_hosts": [], "flows": [], "plan": {},
        });
        let mut record: RunRecord = serde_json::from_value(record).unwrap();
        dir.write_run(&record).unwrap();
        let mut tally = Tally::default();
        for number in 0..3 {
            let interval = interval(number, 2, &[5, 7]);
            tally.absorb(&interval);
            teller.interval(&interval, &tally);
        }
        ledger.write_all(b"\"}\n").unwrap();
        record.ended_at = Some("2026-11-21T18:35:41.000Z".to_owned());
        teller.tell_end(&record);
        assert_eq!((teller.failure(), teller.intervals()), (None, 3));
        let path = home.path().join("mirror");
        let mut mirror = Mirror::open(&path, "a", 0).unwrap();
        for number in 0..spool.told() {
            let report: Report = read(Report::WHAT, &spool.read(number).unwrap()).unwrap();
            assert_eq!(report.sequence, number);
            mirror.take(report).unwrap();
        }
        assert!(mirror.is_ended());
        let other = RunDir::open(&path).unwrap();
        tally.settle();
        assert_eq!(other.tally().unwrap(), tally);
        assert_eq!(other.run().unwrap(), record);
        let text = |dir: &RunDir| std::fs::read_to_string(dir.file(LEDGER)).unwrap();
        assert_eq!(text(&other), text(&dir));
    }

    #[test]
    fn nothing_is_told_behind_a_gap() {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(&home.path().join("own")).unwrap();
        let spool = Spool::create(&home.path().join("spool")).unwrap();
        let mut teller = Teller::new(("r1".into(), "a".parse().unwrap(), 7), dir, spool.clone());
        // There is no record to tell of.
        teller.interval(&interval(0, 1, &[5]), &Tally::default());
        assert!(teller.failure().is_some());
        teller.interval(&interval(1, 1, &[5]), &Tally::default());
        assert_eq!(spool.told(), 0);
    }
}
