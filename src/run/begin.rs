//! How a run begins: its first moment and its directory; and how one is taken up again.

use super::starts::Start;
use crate::base::clock::{Clock, Utc};
use crate::base::names::{Journey, Variant};
use crate::base::random::Seed;
use crate::base::units::Span;
use crate::load::Events;
use crate::measure::Exemplar;
use crate::measure::segment::{Segment, Stand};
use crate::measure::tally::{FlowTally, Tally};
use crate::measure::timeline::RESUMED;
use crate::result::run_dir::{EXEMPLARS, FlowRecord, RunDir, RunDirError, RunRecord};
use crate::result::writer::RunWriter;
use crate::workload::onward::Onward;
use std::time::{Duration, Instant, SystemTime};

/// A run that is taken up again.
#[derive(Clone, Debug)]
pub struct Resumed {
    /// How its plan goes on.
    pub onward: Onward,
    /// Where it stood by its files.
    pub stand: Stand,
}

/// A run that has begun, or goes on.
pub(super) struct Begun {
    /// The first moment of what is done now.
    pub(super) start: Instant,
    /// How long after the first start of the run that is.
    pub(super) base: Duration,
    /// The number of the next interval.
    pub(super) interval: u64,
    /// Everything that was counted and timed before.
    pub(super) tally: Tally,
    /// What was kept before.
    pub(super) before: Before,
    pub(super) writer: RunWriter,
}

/// Exemplars of segments before, and the seed they were drawn by.
pub(super) struct Before {
    exemplars: Vec<Exemplar>,
    seed: Seed,
    base_us: u64,
}

impl Before {
    /// All exemplars of the run, those of this segment among them.
    pub(super) fn with(&self, now: Vec<Exemplar>) -> Vec<Exemplar> {
        if self.base_us == 0 {
            return now;
        }
        let of_run = |of: Exemplar| Exemplar { due_us: of.due_us + self.base_us, ..of };
        let now = now.into_iter().map(of_run).collect();
        crate::measure::merged(self.seed, &self.exemplars, now)
    }
}

/// Begins the run at its first moment, which may be still to come.
pub(super) fn afresh(
    dir: RunDir,
    record: &mut RunRecord,
    Start { at: start, wall }: Start,
) -> Result<Begun, RunDirError> {
    record.started_at = Utc::of(wall).stamp();
    let since_epoch = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    record.started_unix_ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    let before = Before { exemplars: Vec::new(), seed: seed(record), base_us: 0 };
    let writer = RunWriter::start(dir, record)?;
    let (base, interval, tally) = (Duration::ZERO, 0, Tally::default());
    Ok(Begun { start, base, interval, tally, before, writer })
}

/// Books what the last segment left undone and begins the next one, at a whole second of the run: there the
/// windows of a run in one piece would be.
pub(super) async fn again(
    dir: RunDir,
    record: &mut RunRecord,
    Resumed { onward, mut stand }: Resumed,
    (clock, events): (&Clock, &Events),
) -> Result<Begun, RunDirError> {
    dir.mend(&stand)?;
    let was_killed = record.ended_at.is_none();
    let cut_off = if was_killed { dir.book_cut_off(&mut stand)? } else { 0 };
    let tally = dir.tally_so_far()?;
    let mut exemplars = Vec::new();
    dir.each_line(EXEMPLARS, |exemplar| exemplars.push(exemplar))?;

    // A segment may have died before its first interval was over.
    let began_ms = record.segments.last().map_or(0, |last| last.start_ms);
    let stood = Duration::from_millis(stand.end_ms.max(began_ms));
    let since = since_start(record, clock).max(stood);
    let base = Duration::from_secs((since + HEAD_START).as_secs() + 1);
    let base_ms = millis(base);
    if record.segments.is_empty() {
        record.segments.push(first(record));
    }
    close(record, &stand, cut_off);
    record.segments.push(Segment {
        segment: onward.segment,
        started_at: Utc::of(clock.wall()).stamp(),
        gander_version: env!("CARGO_PKG_VERSION").to_owned(),
        start_ms: base_ms,
        warm_up_ms: millis(onward.warm_up),
        plan_ms: millis(onward.plan),
        end_ms: None,
        cut_off: 0,
    });
    (record.ended_at, record.interrupted) = (None, false);
    (record.stopped, record.never_looked) = (None, Vec::new());
    dir.forget_result()?;
    let seed = seed(record);
    let writer = RunWriter::go_on(dir, record, base_ms)?;
    let gap = Span(Duration::from_secs(base.saturating_sub(stood).as_secs()));
    let warm_up = match onward.warm_up {
        Duration::ZERO => String::new(),
        warm_up => format!(", with a warm-up of {}", Span(warm_up)),
    };
    let how = if onward.is_anew() { "begun anew" } else { "taken up again" };
    events.note(Duration::ZERO, RESUMED, format!("{how} after {gap}{warm_up}"));
    tokio::time::sleep(base.saturating_sub(since_start(record, clock).max(since))).await;
    let before = Before { exemplars, seed, base_us: base_ms.saturating_mul(1000) };
    Ok(Begun { start: clock.now(), base, interval: stand.next_interval, tally, before, writer })
}

/// Gives a run the end that it lacks, because it was killed when nothing of its plan was left: books what was
/// under way then.
pub fn wind_up(dir: &RunDir, record: &mut RunRecord, mut stand: Stand) -> Result<(), RunDirError> {
    dir.mend(&stand)?;
    let cut_off = dir.book_cut_off(&mut stand)?;
    close(record, &stand, cut_off);
    let ended = Duration::from_millis(record.started_unix_ms.saturating_add(stand.end_ms));
    record.ended_at = Some(Utc::of(SystemTime::UNIX_EPOCH + ended).stamp());
    record.flows = flows(&dir.tally_so_far()?);
    dir.write_run(record)
}

/// Ends the last segment where it was killed. One that never came to an interval has cut nothing off: what is
/// booked was under way in the one before.
fn close(record: &mut RunRecord, stand: &Stand, cut_off: u64) {
    let Some(last) = record.segments.last_mut().filter(|last| last.end_ms.is_none()) else {
        return;
    };
    last.cut_off = if last.start_ms < stand.end_ms { cut_off } else { 0 };
    last.end_ms = Some(stand.end_ms.max(last.start_ms));
}

/// The flows that were met.
pub(super) fn flows(tally: &Tally) -> Vec<FlowRecord> {
    let record =
        |((variant, journey, fingerprint), flow): (&(Variant, Journey, String), &FlowTally)| {
            FlowRecord {
                variant: variant.clone(),
                journey: journey.clone(),
                fingerprint: fingerprint.clone(),
                starts: flow.starts,
            }
        };
    tally.flows.iter().map(record).collect()
}

/// Time to write what a segment begins with, before it does.
const HEAD_START: Duration = Duration::from_millis(300);

fn since_start(record: &RunRecord, clock: &Clock) -> Duration {
    let started = SystemTime::UNIX_EPOCH + Duration::from_millis(record.started_unix_ms);
    clock.wall().duration_since(started).unwrap_or_default()
}

/// What a run in one piece is the first segment of.
fn first(record: &RunRecord) -> Segment {
    Segment {
        started_at: record.started_at.clone(),
        gander_version: record.gander_version.clone(),
        ..Segment::default()
    }
}

/// Whoever took the run up refused one that is none.
fn seed(record: &RunRecord) -> Seed {
    record.seed.parse().unwrap_or(Seed(0))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
