//! The run directory of an agent, as its reports make it at the conductor: an ordinary one, written message by message.
//!
//! A message may come twice, late, or after those that follow it; the conductor may be killed anywhere between taking one
//! and acknowledging it. So messages are applied by their numbers, those that are ahead wait, and what a message brings
//! is looked up in the files before it is added: an interval by its number, lines of the ledger by how many there are.

use super::message::{Exemplars, LedgerPart, News, Piece, Report};
use super::pieces::{Gatherer, PiecesError};
use crate::base::remedy::Remedy;
use crate::measure::Exemplar;
use crate::measure::timeline::{Interval, Line};
use crate::result::run_dir::{LEDGER, RUN, RunDir, RunDirError, RunRecord};
use crate::result::writer::RunWriter;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Messages that may wait for one that is missing. What is beyond comes again.
const MOST_WAITING: usize = 64;

/// So far ahead of the one that is missing no message is: a stream gives out no more before some are acknowledged.
const FARTHEST: u64 = 100_000;

/// The most exemplars of a run: fifty-five of a thousand journeys.
const MOST_EXEMPLARS: usize = 60_000;

/// Why what an agent tells cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The directory.
    #[error(transparent)]
    Dir(#[from] RunDirError),
    /// A file of it.
    #[error("cannot write `{}`: {source}", path.display())]
    File {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The pieces of an interval.
    #[error("what agent `{agent}` told cannot be put together")]
    Pieces {
        /// The agent.
        agent: String,
        /// Why.
        source: PiecesError,
    },
    /// Something was left out.
    #[error("agent `{agent}` left out {what}")]
    Gap {
        /// The agent.
        agent: String,
        /// What.
        what: String,
    },
}

impl Remedy for MirrorError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Dir(error) => error.remedy(),
            Self::File { .. } => Some("make room on the disk".to_owned()),
            Self::Pieces { .. } | Self::Gap { .. } => Some(
                "this is a bug in gander; the agent keeps its own run directory, which can be merged by itself".to_owned(),
            ),
        }
    }
}

/// What became of a message.
#[derive(Debug, Default)]
pub struct Took {
    /// Intervals that are whole now, in order.
    pub intervals: Vec<Interval>,
    /// Whether it has to come again: it is too far ahead.
    pub later: bool,
    /// What cannot be, and need not come again: these messages, and why.
    pub wrong: Option<(RangeInclusive<u64>, MirrorError)>,
}

/// The directory of an agent's run at the conductor.
pub struct Mirror {
    agent: String,
    dir: RunDir,
    /// The number of the next message.
    next: u64,
    waiting: BTreeMap<u64, News>,
    /// The number of the first message that made nothing yet: a piece of an interval that is not whole.
    open: Option<u64>,
    gatherer: Gatherer,
    exemplars: Vec<Exemplar>,
    writer: Option<RunWriter>,
    record: Option<RunRecord>,
    is_ended: bool,
    next_interval: u64,
    end_ms: u64,
    /// Intervals that end later than this are of an agent whose load others have.
    until_ms: u64,
    ledger: Ledger,
}

impl Mirror {
    /// The mirror of an agent in a directory of its own, which may be there already; messages before this one are in it.
    pub fn open(path: &Path, agent: &str, next: u64) -> Result<Self, MirrorError> {
        let is_old = path.join(RUN).is_file();
        let dir = if is_old { RunDir::open(path)? } else { RunDir::create_at(path)? };
        let mut mirror = Self {
            agent: agent.to_owned(),
            next,
            waiting: BTreeMap::new(),
            open: None,
            gatherer: Gatherer::default(),
            exemplars: Vec::new(),
            writer: None,
            record: None,
            is_ended: false,
            next_interval: 0,
            end_ms: 0,
            until_ms: u64::MAX,
            ledger: Ledger::open(dir.file(LEDGER))?,
            dir,
        };
        if is_old {
            mirror.take_up()?;
        }
        Ok(mirror)
    }

    /// Goes on where a conductor that was killed left it.
    fn take_up(&mut self) -> Result<(), MirrorError> {
        let record = self.dir.run()?;
        let stand = self.dir.stand(&record.segments)?;
        (self.next_interval, self.end_ms) = (stand.next_interval, stand.end_ms);
        self.is_ended = record.ended_at.is_some();
        if !self.is_ended {
            self.dir.mend(&stand)?;
            let writer = RunWriter::go_on(self.dir.clone(), &record, stand.end_ms)?;
            self.writer = Some(writer.synced_aside());
        }
        self.record = Some(record);
        Ok(())
    }

    /// Takes a message.
    pub fn take(&mut self, report: Report) -> Result<Took, MirrorError> {
        let mut took = Took::default();
        let Report { sequence, news, .. } = report;
        // Nothing comes after an end, and what is known is known.
        if self.is_ended || sequence < self.next {
            return Ok(took);
        }
        if sequence - self.next >= FARTHEST {
            let what = format!("{} messages before number {sequence}", sequence - self.next);
            took.wrong = Some((sequence..=sequence, self.gap(what)));
            return Ok(took);
        }
        if sequence > self.next && self.waiting.len() >= MOST_WAITING {
            took.later = true;
            return Ok(took);
        }
        self.waiting.insert(sequence, news);
        while let Some(news) = self.waiting.remove(&self.next) {
            match self.apply(news) {
                Ok(interval) => {
                    self.next += 1;
                    took.intervals.extend(interval);
                }
                Err(error @ (MirrorError::Pieces { .. } | MirrorError::Gap { .. })) => {
                    // One that cannot be applied may stand in the place of one that can.
                    let last = self.next;
                    self.next = self.open.take().unwrap_or(last);
                    self.gatherer = Gatherer::default();
                    took.wrong = Some((self.next..=last, error));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(took)
    }

    fn apply(&mut self, news: News) -> Result<Option<Interval>, MirrorError> {
        match news {
            News::Begun(record) => self.begin(*record).map(|()| None),
            News::Interval(piece) => self.take_piece(*piece),
            News::Exemplars(part) => self.take_exemplars(part).map(|()| None),
            News::Ledger(part) => self.take_ledger(&part).map(|()| None),
            News::Ended(record) => self.end(*record).map(|()| None),
        }
    }

    fn begin(&mut self, record: RunRecord) -> Result<(), MirrorError> {
        if self.record.is_some() {
            return Ok(());
        }
        let record = RunRecord { ended_at: None, ..record };
        self.writer = Some(RunWriter::start(self.dir.clone(), &record)?.synced_aside());
        self.record = Some(record);
        Ok(())
    }

    fn take_piece(&mut self, piece: Piece) -> Result<Option<Interval>, MirrorError> {
        self.open.get_or_insert(self.next);
        let of_agent = |source| MirrorError::Pieces { agent: self.agent.clone(), source };
        let whole = self.gatherer.take(piece).map_err(of_agent)?;
        let Some(interval) = whole else { return Ok(None) };
        self.open = None;
        let line = &interval.line;
        if line.interval < self.next_interval || line.end_ms > self.until_ms {
            return Ok(None);
        }
        if line.interval > self.next_interval {
            return Err(self.gap(format!("interval {}", self.next_interval)));
        }
        let Some(writer) = &mut self.writer else {
            return Err(self.gap("how its run began".to_owned()));
        };
        writer.write(&interval)?;
        (self.next_interval, self.end_ms) = (line.interval + 1, line.end_ms);
        Ok(Some(interval))
    }

    fn gap(&self, what: String) -> MirrorError {
        MirrorError::Gap { agent: self.agent.clone(), what }
    }

    fn take_exemplars(&mut self, part: Exemplars) -> Result<(), MirrorError> {
        if part.piece == 0 {
            self.exemplars.clear();
        }
        let room = MOST_EXEMPLARS.saturating_sub(self.exemplars.len());
        self.exemplars.extend(part.lines.into_iter().take(room));
        if part.piece + 1 >= part.pieces
            && let Some(writer) = &self.writer
        {
            writer.write_exemplars(&std::mem::take(&mut self.exemplars))?;
        }
        Ok(())
    }

    fn take_ledger(&mut self, part: &LedgerPart) -> Result<(), MirrorError> {
        // What an agent made it made, also one whose load others have by now.
        let Some(known) = self.ledger.lines.checked_sub(part.after) else {
            return Err(self.gap(format!("line {} of its ledger", self.ledger.lines)));
        };
        let new = part.lines.iter().skip(usize::try_from(known).unwrap_or(usize::MAX));
        self.ledger.append(new)
    }

    fn end(&mut self, record: RunRecord) -> Result<(), MirrorError> {
        if self.is_cut() {
            return Ok(());
        }
        let Some(writer) = self.writer.take() else { return Ok(()) };
        writer.finish()?;
        // Nothing is taken after the end, so nothing of it comes again.
        self.ledger.sync()?;
        self.dir.write_run(&record)?;
        (self.record, self.is_ended) = (Some(record), true);
        Ok(())
    }

    /// From a moment on others have its load: what it tells of later counts no more.
    pub fn cut(&mut self, until_ms: u64) {
        self.until_ms = self.until_ms.min(until_ms);
    }

    /// Whether others have its load.
    pub const fn is_cut(&self) -> bool {
        self.until_ms != u64::MAX
    }

    /// Nothing more is to come: everything told stands in the files that are read.
    pub fn pause(&mut self) -> Result<(), MirrorError> {
        if let Some(writer) = self.writer.take() {
            writer.finish()?;
        }
        Ok(())
    }

    /// Ends it without a word of the agent, with a last line that says what became of the rest, and is its last interval.
    /// Where that is written already, by a conductor that was killed then, it is not written again.
    pub fn give_up(&mut self, line: Line, ended_at: String) -> Result<(), MirrorError> {
        self.pause()?;
        let Some(record) = &mut self.record else { return Ok(()) };
        let has_any = !line.journeys.is_empty();
        if has_any {
            let mut writer = RunWriter::go_on(self.dir.clone(), record, self.end_ms)?;
            self.next_interval = line.interval + 1;
            writer.write(&Interval { line, series: BTreeMap::new(), failing: Vec::new() })?;
            writer.finish()?;
        }
        record.ended_at.get_or_insert(ended_at);
        self.dir.write_run(record)?;
        self.is_ended = true;
        Ok(())
    }

    /// Up to which message, that one not included, everything is written: brought to the disk, none of it needs to come
    /// again.
    pub fn written(&self) -> u64 {
        // After the end there is nothing to come.
        if self.is_ended { u64::MAX } else { self.open.unwrap_or(self.next) }
    }

    /// The number of the message that is to come next.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Takes for its record what another of the run has, as far as that is the same: it was lost before it told anything.
    pub fn suppose(&mut self, record: RunRecord) -> Result<(), MirrorError> {
        self.begin(record)
    }

    /// Where it is.
    pub const fn dir(&self) -> &RunDir {
        &self.dir
    }

    /// What the agent's run is; none before it told of it.
    pub const fn record(&self) -> Option<&RunRecord> {
        self.record.as_ref()
    }

    /// Whether there is nothing more to come.
    pub const fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// The number of the next interval, and when the last one ended.
    pub const fn stand(&self) -> (u64, u64) {
        (self.next_interval, self.end_ms)
    }
}

/// The copy of a ledger. Made with its first line.
struct Ledger {
    path: PathBuf,
    file: Option<File>,
    lines: u64,
}

impl Ledger {
    fn open(path: PathBuf) -> Result<Self, MirrorError> {
        let mut ledger = Self { path, file: None, lines: 0 };
        if ledger.path.is_file() {
            let text = fs::read(&ledger.path).map_err(|source| ledger.error(source))?;
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            ledger.lines = text[..whole].iter().filter(|byte| **byte == b'\n').count() as u64;
            let file = ledger.file()?;
            let cut = file.set_len(whole as u64);
            cut.map_err(|source| ledger.error(source))?;
        }
        Ok(ledger)
    }

    fn file(&mut self) -> Result<&mut File, MirrorError> {
        if self.file.is_none() {
            let file = OpenOptions::new().create(true).append(true).open(&self.path);
            self.file = Some(file.map_err(|source| self.error(source))?);
        }
        let path = &self.path;
        self.file.as_mut().ok_or_else(|| MirrorError::File {
            path: path.clone(),
            source: io::ErrorKind::NotFound.into(),
        })
    }

    fn append<'l>(&mut self, lines: impl Iterator<Item = &'l String>) -> Result<(), MirrorError> {
        let mut text = Vec::new();
        let mut number = 0;
        for line in lines {
            // One line each, whatever it says.
            text.extend(line.bytes().filter(|byte| *byte != b'\n'));
            text.push(b'\n');
            number += 1;
        }
        if number > 0 {
            let written = self.file()?.write_all(&text);
            written.map_err(|source| self.error(source))?;
            self.lines += number;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), MirrorError> {
        let file = self.file.as_ref();
        file.map_or(Ok(()), |file| file.sync_data().map_err(|source| self.error(source)))
    }

    fn error(&self, source: io::Error) -> MirrorError {
        MirrorError::File { path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::Cutter;
    use super::super::pieces::tests::interval;
    use super::*;
    use crate::base::random::Seed;
    use crate::measure::tally::Tally;
    use crate::measure::timeline::JourneyLine;
    use proptest::prelude::*;
    use rand::Rng;

    fn record(ended: bool) -> Box<RunRecord> {
        let record = serde_json::json!({
            "schema_version": 1, "gander_version": "0.1.0", "run_id": "r1",
            "started_at": "2026-11-21T18:34:41.000Z", "started_unix_ms": 1_795_286_081_000u64,
            "ended_at": ended.then_some("2026-11-21T18:35:41.000Z"), "interrupted": false, "seed": "1",
            "workload_model": "open", "planned_ms": 60_000, "reply_timeout_ms": 30_000,
            "thresholds": [], "host": { "name": "", "system": "", "cores": 2 },
            "tenant_hosts": [], "flows": [], "plan": {},
        });
        Box::new(serde_json::from_value(record).unwrap())
    }

    fn ledger(after: u64, lines: u64) -> News {
        let lines = (after..after + lines).map(|line| format!("{{\"line\":{line}}}")).collect();
        News::Ledger(LedgerPart { after, lines })
    }

    /// Everything that an agent tells of a run of so many seconds.
    fn told(seconds: u64, ended: bool) -> Vec<Report> {
        let mut cutter = Cutter::default();
        let mut news = vec![ledger(0, 2), News::Begun(record(false))];
        for number in 0..seconds {
            let interval = interval(number, 1 + number % 3, &[number + 1, 20_000]);
            let pieces = cutter.cut(&interval);
            // Some in several messages.
            if number % 2 == 0 {
                let piece = pieces.into_iter().next().unwrap();
                let (first, rest) = (
                    Piece { pieces: 2, failing: Vec::new(), ..piece.clone() },
                    Piece { pieces: 2, piece: 1, failing: piece.failing, ..Piece::default() },
                );
                let rest = Piece { interval: number, ..rest };
                news.extend([first, rest].map(|piece| News::Interval(Box::new(piece))));
            } else {
                news.extend(pieces.into_iter().map(|piece| News::Interval(Box::new(piece))));
            }
            news.push(ledger(2 + number, 1));
        }
        if ended {
            news.push(News::Ended(record(true)));
        }
        let report = |(sequence, news)| Report {
            schema_version: super::super::message::SCHEMA_VERSION,
            run: "r1".into(),
            agent: "a".parse().unwrap(),
            instance: 7,
            sequence,
            news,
        };
        (0..).zip(news).map(report).collect()
    }

    fn expected(seconds: u64) -> Tally {
        let mut tally = Tally::default();
        for number in 0..seconds {
            tally.absorb(&interval(number, 1 + number % 3, &[number + 1, 20_000]));
        }
        tally.settle();
        tally
    }

    fn told_by(path: &Path) -> (Tally, Vec<String>) {
        let dir = RunDir::open(path).unwrap();
        let ledger = fs::read_to_string(dir.file(LEDGER)).unwrap_or_default();
        (dir.tally().unwrap(), ledger.lines().map(str::to_owned).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// In any order, some of them twice, and with a conductor that is killed anywhere.
        #[test]
        fn whatever_becomes_of_messages_each_is_counted_once(seed in any::<u64>(), seconds in 1u64..9) {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("a");
            let mut random = Seed(seed).stream("messages", 0);
            let mut below = |limit: usize| {
                usize::try_from(random.next_u64() % limit.max(1) as u64).unwrap()
            };
            // What the stream would deliver: everything that is not acknowledged.
            let mut stream = told(seconds, true);
            // What is on file about how far it is.
            let mut standing = 0;
            let mut mirror = Mirror::open(&path, "a", standing).unwrap();
            let mut steps = 0;
            while !stream.is_empty() {
                steps += 1;
                prop_assert!(steps < 10_000, "it does not end");
                let place = below(stream.len().min(5));
                let took = mirror.take(stream[place].clone()).unwrap();
                prop_assert!(!took.later && took.wrong.is_none());
                match below(12) {
                    0 => {
                        drop(mirror);
                        mirror = Mirror::open(&path, "a", standing).unwrap();
                    }
                    1 => {
                        // Brought to the disk, and killed before anything was acknowledged.
                        standing = mirror.written();
                        drop(mirror);
                        mirror = Mirror::open(&path, "a", standing).unwrap();
                    }
                    2..=5 => {
                        standing = mirror.written();
                        stream.retain(|report| report.sequence >= standing);
                    }
                    _ => {}
                }
            }
            prop_assert!(mirror.is_ended());
            let (tally, ledger) = told_by(&path);
            prop_assert_eq!(tally, expected(seconds));
            let whole: Vec<_> = (0..seconds + 2).map(|line| format!("{{\"line\":{line}}}")).collect();
            prop_assert_eq!(ledger, whole);
            let dir = RunDir::open(&path).unwrap();
            prop_assert!(dir.run().unwrap().ended_at.is_some());
        }
    }

    #[test]
    fn an_agent_whose_load_others_have_counts_up_to_then_and_its_accounts_are_known() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a");
        let mut mirror = Mirror::open(&path, "a", 0).unwrap();
        mirror.cut(3000);
        let mut whole = Vec::new();
        for report in told(9, true) {
            whole.extend(mirror.take(report).unwrap().intervals);
        }
        assert_eq!(whole.len(), 3, "three seconds");
        assert_eq!((mirror.stand(), mirror.is_ended()), ((3, 3000), false));
        let row: JourneyLine = serde_json::from_value(serde_json::json!({
            "phase": "measured", "variant": "v1", "journey": "journey ü0", "due": 7, "lost": 7,
        }))
        .unwrap();
        let line = Line {
            interval: 3,
            start_ms: 3000,
            end_ms: 3000,
            journeys: vec![row],
            ..Line::default()
        };
        mirror.give_up(line, "2026-11-21T18:35:41.000Z".to_owned()).unwrap();
        let (tally, ledger) = told_by(&path);
        let lost: u64 = tally.journeys.values().map(|journey| journey.lost).sum();
        let due: u64 = tally.journeys.values().map(|journey| journey.due).sum();
        let ended: u64 = tally.journeys.values().map(|journey| journey.ended()).sum();
        assert_eq!((lost, due), (7, ended));
        assert_eq!(ledger.len(), 11, "nine seconds and two before");
    }

    #[test]
    fn what_is_too_far_ahead_comes_again_and_a_gap_is_no_interval() {
        let home = tempfile::tempdir().unwrap();
        let mut mirror = Mirror::open(&home.path().join("a"), "a", 0).unwrap();
        let mut reports = told(120, false);
        let first = reports.remove(0);
        let later = reports.iter().map(|report| mirror.take(report.clone()).unwrap().later);
        assert_eq!(later.filter(|later| !later).count(), MOST_WAITING);
        assert!(!mirror.take(first).unwrap().later);
        let mut reports = told(3, false).into_iter();
        let mut mirror = Mirror::open(&home.path().join("b"), "b", 0).unwrap();
        reports.by_ref().take(2).for_each(|report| _ = mirror.take(report).unwrap());
        let lonely = reports.nth(3).unwrap();
        let wrong = mirror.take(Report { sequence: 2, ..lonely }).unwrap().wrong;
        let (numbers, error) = wrong.unwrap();
        assert_eq!(error.to_string(), "agent `b` left out interval 0");
        assert_eq!((numbers, mirror.next()), (2..=2, 2));
    }

    #[test]
    fn what_cannot_be_costs_nothing_when_the_agent_tells_again() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a");
        let mut mirror = Mirror::open(&path, "a", 0).unwrap();
        let reports = told(3, true);
        let forged = |sequence: u64, news: News| Report { sequence, news, ..reports[0].clone() };
        let piece = |interval| {
            let line = Some(Line { interval, ..Line::default() });
            News::Interval(Box::new(Piece { interval, pieces: 3, line, ..Piece::default() }))
        };
        // A piece of an interval that never is whole, lines of a ledger far ahead, and numbers far ahead.
        let far = News::Ledger(LedgerPart { after: u64::MAX, lines: vec!["x".to_owned()] });
        for poison in [forged(u64::MAX, piece(0)), forged(0, far), forged(FARTHEST + 9, piece(0))] {
            let took = mirror.take(poison).unwrap();
            assert!(took.wrong.is_some() && took.intervals.is_empty());
        }
        mirror.take(reports[0].clone()).unwrap();
        mirror.take(reports[1].clone()).unwrap();
        assert!(mirror.take(forged(2, piece(0))).unwrap().wrong.is_none());
        let mut numbers = Vec::new();
        for report in &reports[2..] {
            numbers.extend(mirror.take(report.clone()).unwrap().wrong.map(|(numbers, _)| numbers));
        }
        assert_eq!((numbers, mirror.written()), (vec![2..=3], 2));
        // From there on it is told again.
        for report in &reports[2..] {
            assert!(mirror.take(report.clone()).unwrap().wrong.is_none());
        }
        assert!(mirror.is_ended());
        assert_eq!(told_by(&path).0, expected(3));
        // After the end nothing is taken.
        assert!(mirror.take(forged(99, piece(7))).unwrap().intervals.is_empty());
    }
}
