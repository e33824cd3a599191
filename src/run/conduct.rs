//! Conducts a run: load on, intervals taken and written every second, drain, and the account
//! settled.

use super::begin::{self, Before, Begun, Resumed};
use super::breaks::Breaks;
use super::generator::Meter;
use super::ledger_file;
use super::mending::Mending;
use super::pilot::{Pilot, Turn, ahead};
use super::renewals::{Renewals, TOKEN_RENEWAL};
use super::sentry::Sentry;
use super::starts::{StartError, Starts};
use crate::analysis::early::{Broken, Lookout, moment};
use crate::analysis::episodes::Episodes;
use crate::analysis::guard::{Breach, Guard};
use crate::base::clock::{Clock, Utc};
use crate::base::names::{Journey, Variant};
use crate::base::remedy::Remedy;
use crate::base::units::Span;
use crate::identity::ledger::Ledger;
use crate::identity::pool::Pool;
use crate::load::{
    self, EndedBy, Events, LoadEnd, LoadError, Performer, Plan, Progress, RateControl, Stop,
};
use crate::management::keeper::{AccountsError, Keeper};
use crate::measure::collector::Collector;
use crate::measure::recorder::Recorder;
use crate::measure::series::Phases;
use crate::measure::tally::Tally;
use crate::measure::timeline::{Event, Interval, Readings, STOP};
use crate::measure::timetable::Timetable;
use crate::result::run_dir::{RunDir, RunDirError, RunRecord};
use crate::result::writer::RunWriter;
use crate::workload::settings::PATIENCE;
use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Length of an interval.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often somebody looks whether the run was told to stop.
const LOOK: Duration = Duration::from_millis(50);

/// How long the mending after the load may take.
const LAST_MENDING: Duration = Duration::from_secs(5);

/// Exemplars are replaced that often, and at the end.
const EXEMPLARS_EVERY: u64 = 10;

/// Hears of every interval as it ends.
pub trait Listener: Send + 'static {
    /// An interval was written. `so_far` has everything up to its end.
    fn interval(&mut self, interval: &Interval, so_far: &Tally);
}

/// Several at once, in their order.
impl Listener for Vec<Box<dyn Listener>> {
    fn interval(&mut self, interval: &Interval, so_far: &Tally) {
        self.iter_mut().for_each(|listener| listener.interval(interval, so_far));
    }
}

/// What a run is made of.
pub struct Setup<P> {
    /// How much load, and which choices.
    pub plan: Plan,
    /// Who performs.
    pub performer: Arc<P>,
    /// Where they record.
    pub recorder: Recorder,
    /// Where the run is written.
    pub dir: RunDir,
    /// What the run is; times are filled in here.
    pub record: RunRecord,
    /// When to stop by itself.
    pub guards: Vec<Guard>,
    /// What the choices of the mix are called, and whether their variants are known only once a flow was met.
    pub choices: (Vec<(Variant, Journey)>, bool),
    /// Thresholds that end it when they do not hold.
    pub lookouts: Vec<Lookout>,
    /// Who moves the phases and the rate while it goes on, where the plan lets them be moved.
    pub pilot: Option<Box<dyn Pilot>>,
    /// Index of the persona of an iteration that had the number 0.
    pub first_index: u64,
    /// When it begins, if it is not taken up again.
    pub starts: Starts,
    /// Where the run stood, if it is taken up again.
    pub resumed: Option<Resumed>,
    /// Tokens that are renewed meanwhile.
    pub renewals: Renewals,
    /// The ledger of accounts, brought to the disk with every interval.
    pub ledger: Arc<Ledger<File>>,
    /// Who puts spoiled accounts right while the run goes, and whose they are.
    pub kept: Vec<(Arc<Keeper<File>>, Pool)>,
}

/// A run that is over.
#[derive(Debug)]
pub struct Conducted {
    /// Where it was written.
    pub dir: RunDir,
    /// What it was.
    pub record: RunRecord,
    /// Everything that was counted and timed.
    pub tally: Tally,
    /// How the load went.
    pub load: LoadEnd,
    /// The guard that stopped it, if one did.
    pub breach: Option<Breach>,
    /// The threshold that stopped it, if one did.
    pub broken: Option<Broken>,
    /// What kept its results from being written, if anything did. The load was stopped there, and
    /// the directory has the run up to then and no end.
    pub unwritten: Option<RunDirError>,
    /// The last thing that kept spoiled accounts from being put right, if anything did.
    pub unmended: Option<AccountsError>,
}

/// Why a run could not be conducted, or its results not be written.
#[derive(Debug, thiserror::Error)]
pub enum ConductError {
    /// The load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It did not begin when it was to.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The run directory.
    #[error(transparent)]
    Write(#[from] RunDirError),
    /// A thread of ours died; a defect.
    #[error("the thread that writes intervals ended by itself")]
    WriterDied,
}

impl Remedy for ConductError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Load(error) => error.remedy(),
            Self::Start(error) => error.remedy(),
            Self::Write(error) => error.remedy(),
            Self::WriterDied => None,
        }
    }
}

/// Puts the load on and sees it through. Results are on disk after every interval.
pub async fn conduct<P: Performer>(
    setup: Setup<P>,
    clock: Clock,
    stop: Stop,
    listener: impl Listener,
) -> Result<Conducted, ConductError> {
    let Setup { plan, performer, recorder, dir, mut record, .. } = setup;
    let timetable = plan.timetable.clone().unwrap_or_else(|| plan.phases().into());
    let (rate, first_number) = (plan.rate.clone(), plan.first_number());
    let breaks = Breaks::of(plan.pauses.clone());
    let mending = Mending::start(setup.kept);
    let launched = load::launch(plan, clock.clone(), stop.clone(), performer).await?;
    let (progress, events) = (launched.progress(), launched.events());
    let begun = match setup.resumed {
        None => afresh(dir, &mut record, setup.starts, (&clock, &stop)).await?,
        Some(resumed) => begin::again(dir, &mut record, resumed, (&clock, &events)).await?,
    };
    let Begun { start, base, interval, tally, before, writer } = begun;
    let meter = Meter::start(clock.clone(), recorder.clone(), start, timetable.clone());
    writer.dir().begin()?;
    // From here on moments count from the first start of the run.
    let base_ms = u64::try_from(base.as_millis()).unwrap_or(u64::MAX);
    let secretary = Secretary {
        collector: Collector::new(recorder.clone(), timetable.phases().later(base))
            .going_on(interval, base_ms),
        recorder,
        writer,
        meter,
        tally,
        before,
        sentry: Sentry::new(setup.guards, setup.choices),
        lookouts: setup.lookouts,
        pilot: setup.pilot,
        rate,
        breaks,
        renewals: setup.renewals,
        episodes: Episodes::default(),
        ledger: setup.ledger,
        stop: stop.clone(),
        clock: clock.clone(),
        start,
        base,
        progress,
        events,
        first: (first_number, setup.first_index),
        listener,
        timetable: timetable.clone(),
        stopping: false,
        breach: None,
        broken: None,
        failed: None,
    };
    let (over, ended) = channel();
    let writing =
        thread::Builder::new().name("intervals".to_owned()).spawn(move || secretary.work(&ended));
    let writing = writing.map_err(|source| LoadError::NoThread { source })?;
    let load = launched.run(start).await;
    // A wish that comes when every iteration has ended interrupts nothing.
    let stopped = stop.requests() > 0;
    let load = finish(&over, load, timetable.phases().later(base))?;
    // Whoever stops a run wants it over; then nothing more is asked of the tenant.
    let patience = if stopped { Duration::ZERO } else { LAST_MENDING };
    let unmended = mending.finish(patience).await;
    let done = tokio::task::spawn_blocking(move || writing.join()).await;
    let Ok(Ok(Done { writer, mut tally, breach, broken, never_looked, failed: unwritten })) = done
    else {
        return Err(ConductError::WriterDied);
    };
    tally.settle();
    record.ended_at = Some(Utc::of(clock.wall()).stamp());
    let by_itself = breach.is_some() || broken.is_some() || unwritten.is_some();
    record.interrupted = stopped && !by_itself;
    record.stopped = ended_early((breach.as_ref(), broken.as_ref()), load.by);
    record.never_looked = never_looked;
    record.flows = begin::flows(&tally);
    if let Some(segment) = record.segments.last_mut() {
        segment.end_ms = Some(tally.run.elapsed_ms);
    }
    let dir = writer.dir().clone();
    let unwritten = match unwritten {
        Some(first) => Some(first),
        None => writer.finish().and_then(|dir| dir.write_run(&record)).err(),
    };
    Ok(Conducted { dir, record, tally, load, breach, broken, unwritten, unmended })
}

/// Begins the run when it is to, which may be a while from now.
async fn afresh(
    dir: RunDir,
    record: &mut RunRecord,
    starts: Starts,
    (clock, stop): (&Clock, &Stop),
) -> Result<Begun, ConductError> {
    let start = starts.near(clock, stop).await?;
    let begun = begin::afresh(dir, record, start)?;
    load::wait_until(clock, start.at).await;
    Ok(begun)
}

/// Why gander itself ended a run before its time, if it did.
fn ended_early(found: (Option<&Breach>, Option<&Broken>), by: EndedBy) -> Option<String> {
    match (found, by) {
        ((Some(breach), _), _) => Some(breach.to_string()),
        ((None, Some(broken)), _) => Some(broken.to_string()),
        (_, EndedBy::Late) => Some(format!(
            "an arrival found no free user within {}, and `workload.when_late` is `abort`",
            Span(PATIENCE)
        )),
        _ => None,
    }
}

/// Tells the secretary that the load is over, and when its measured part was.
fn finish(
    over: &Sender<Phases>,
    load: Result<LoadEnd, LoadError>,
    planned: Phases,
) -> Result<LoadEnd, LoadError> {
    let measured_ends = load.as_ref().ok().map(|load| planned.warm_up_ends + load.measured);
    // A secretary that is gone reports that itself.
    let _ = over.send(Phases { measured_ends: measured_ends.or(planned.measured_ends), ..planned });
    load
}

/// Takes and writes the intervals, on a thread of its own: a disk that is slow for a moment must
/// not make the users late.
struct Secretary<L> {
    collector: Collector,
    recorder: Recorder,
    writer: RunWriter,
    meter: Meter,
    tally: Tally,
    sentry: Sentry,
    lookouts: Vec<Lookout>,
    pilot: Option<Box<dyn Pilot>>,
    rate: Option<RateControl>,
    breaks: Breaks,
    renewals: Renewals,
    episodes: Episodes,
    ledger: Arc<Ledger<File>>,
    stop: Stop,
    clock: Clock,
    start: Instant,
    /// How long after the first start of the run that was.
    base: Duration,
    /// What was kept of the run before.
    before: Before,
    progress: Progress,
    events: Events,
    /// Number of the first iteration, and index of the persona of that with the number 0.
    first: (u64, u64),
    listener: L,
    timetable: Timetable,
    stopping: bool,
    breach: Option<Breach>,
    broken: Option<Broken>,
    failed: Option<RunDirError>,
}

/// What a secretary leaves.
struct Done {
    writer: RunWriter,
    tally: Tally,
    breach: Option<Breach>,
    broken: Option<Broken>,
    never_looked: Vec<String>,
    failed: Option<RunDirError>,
}

impl<L: Listener> Secretary<L> {
    fn work(mut self, over: &Receiver<Phases>) -> Done {
        let mut next = self.start + INTERVAL;
        loop {
            let wait = next.saturating_duration_since(self.clock.now());
            match over.recv_timeout(wait.min(LOOK)) {
                Err(RecvTimeoutError::Timeout) if self.clock.now() < next => {
                    self.watch();
                    self.note_stop();
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.note_stop();
                    // Whole seconds of the run; after a pause of the machine, one longer interval.
                    let moment = self.clock.now().max(next);
                    self.close(moment);
                    while next <= moment {
                        next += INTERVAL;
                    }
                }
                Ok(phases) => {
                    self.collector.set_phases(phases);
                    self.stopping = true;
                    self.close(self.clock.now());
                    break;
                }
                // The run was given up; what there is, is written.
                Err(RecvTimeoutError::Disconnected) => {
                    self.close(self.clock.now());
                    break;
                }
            }
        }
        self.write_exemplars();
        let Self { writer, tally, breach, broken, failed, lookouts, .. } = self;
        let never_looked = lookouts.iter().filter_map(Lookout::never_looked).collect();
        Done { writer, tally, breach, broken, never_looked, failed }
    }

    fn close(&mut self, moment: Instant) {
        let readings = self.readings();
        if !self.stopping {
            self.collector.set_phases(self.phases());
        }
        let mut interval = self.collector.close(self.after(moment), readings);
        self.breaks.mark(&mut interval.line, (self.start, moment), &self.events);
        self.note_who_asked();
        let renewed_at = moment.saturating_duration_since(self.start);
        for text in self.renewals.since() {
            self.events.note(renewed_at, TOKEN_RENEWAL, text);
        }
        let base_ms = u64::try_from(self.base.as_millis()).unwrap_or(u64::MAX);
        let events = self.events.drain().into_iter();
        let of_run = |event: Event| Event { at_ms: event.at_ms.saturating_add(base_ms), ..event };
        interval.line.events = events.map(of_run).collect();
        let told = self.episodes.observe(&interval.line);
        interval.line.events.extend(told);
        // Behind a torn line nothing could be read any more.
        if self.failed.is_none() {
            let written = self.writer.write(&interval);
            self.note(written);
        }
        // Accounts that a dead machine forgot could not be removed from the tenant any more. What
        // cannot be synced is still in the system's hands.
        let _ = ledger_file::sync(&self.ledger);
        self.tally.absorb(&interval);
        if interval.line.interval % EXEMPLARS_EVERY == EXEMPLARS_EVERY - 1 {
            self.write_exemplars();
        }
        self.look_out(&interval);
        self.steer(&interval);
        self.listener.interval(&interval, &self.tally);
        self.collector.recycle(interval);
    }

    fn write_exemplars(&mut self) {
        if self.failed.is_none() {
            let exemplars = self.before.with(self.recorder.exemplars());
            let written = self.writer.write_exemplars(&exemplars);
            self.note(written);
        }
    }

    /// From a stop on nothing new is due, so the drain that follows is no measured time.
    fn note_stop(&mut self) {
        self.note_who_asked();
        if self.stop.requests() > 0 && !self.stopping {
            self.stopping = true;
            let (now, phases) = (self.after(self.clock.now()), self.phases());
            let planned = phases.measured_ends.unwrap_or(Duration::MAX);
            let measured_ends = Some(planned.min(now.max(phases.warm_up_ends)));
            self.collector.set_phases(Phases { measured_ends, ..phases });
        }
    }

    fn note_who_asked(&self) {
        let after = self.clock.now().saturating_duration_since(self.start);
        for (time, who) in self.stop.asked() {
            let what = match time {
                1 => "no new iterations; those under way may end",
                _ => "stopped now",
            };
            self.events.note(after, STOP, format!("{who}: {what}"));
        }
    }

    /// Looks whether a guard is breached.
    fn watch(&mut self) {
        let breach = self.sentry.look(self.after(self.clock.now()), &self.progress);
        self.heed(breach);
    }

    /// A breached guard ends the run at once: what is under way is cut off.
    fn heed(&mut self, breach: Option<Breach>) {
        if let (Some(breach), None) = (breach, &self.breach) {
            let after = self.clock.now().saturating_duration_since(self.start);
            self.events.note(after, STOP, format!("{breach}: stopped now"));
            self.breach = Some(breach);
            self.stop.now();
        }
    }

    /// Looks at an interval: a threshold that does not hold stops the run in order. Stretches with paused time
    /// are judged by nobody at the end, and do not stop it before.
    fn look_out(&mut self, interval: &Interval) {
        let at = Duration::from_millis(interval.line.end_ms);
        self.watch();
        let breach = self.sentry.interval(at, &interval.line);
        self.heed(breach);
        // What is over cannot be stopped any more; it is judged as a whole.
        let is_over = self.stopping || self.is_closed(at);
        if self.lookouts.is_empty() || is_over || self.stop.requests() > 0 {
            return;
        }
        let (moment, is_paused) = (moment(interval), interval.line.paused_ms > 0);
        let broken =
            self.lookouts.iter_mut().filter_map(|lookout| lookout.observe(&moment, is_paused));
        // Every one of them has to see it.
        if let Some(broken) = broken.collect::<Vec<_>>().into_iter().next()
            && self.stop.drain_by(&broken.to_string())
        {
            self.broken = Some(broken);
        }
    }

    /// The phases as they stand, counted from the first start of the run.
    fn phases(&self) -> Phases {
        self.timetable.phases().later(self.base)
    }

    /// Whether nothing is due any more by the plan.
    fn is_closed(&self, at: Duration) -> bool {
        self.phases().measured_ends.is_some_and(|ends| at >= ends)
    }

    /// What the pilot wants, from a moment on that is still to come.
    fn steer(&mut self, interval: &Interval) {
        let is_over = self.stopping || self.is_closed(Duration::from_millis(interval.line.end_ms));
        let Some(pilot) = self.pilot.as_mut().filter(|_| !is_over) else { return };
        let turn = pilot.interval(interval);
        // The timetable counts from the start of this load, as the pilot does: its runs are not taken up again.
        let now = self.clock.now().saturating_duration_since(self.start);
        match turn {
            None => {}
            Some(Turn::Rate(factor)) => {
                let _ = self.rate.as_ref().map(|rate| rate.set(factor));
            }
            // What is measured already stays so.
            Some(Turn::MeasureFrom(at)) if now < self.timetable.phases().warm_up_ends => {
                self.timetable.measure_from(ahead(at, now));
            }
            Some(Turn::MeasureFrom(_)) => {}
            Some(Turn::EndAt(at)) => self.timetable.end_at(ahead(at, now)),
        }
    }

    /// The first failure to write ends the run: going on would put load on a tenant for nothing.
    fn note(&mut self, written: Result<(), RunDirError>) {
        if let (Err(error), None) = (written, &self.failed) {
            self.failed = Some(error);
            self.stop.now();
        }
    }

    /// How long after the first start of the run a moment is.
    fn after(&self, moment: Instant) -> Duration {
        self.base + moment.saturating_duration_since(self.start)
    }

    fn readings(&mut self) -> Readings {
        let (first_number, first_index) = self.first;
        let next = self.progress.next_number().max(first_number);
        Readings {
            users: self.progress.at_work() as u64,
            next_arrival: next,
            next_persona: first_index + next,
            ..self.meter.read()
        }
    }
}
