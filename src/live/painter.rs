//! The thread that draws the page of a run in progress, as long as somebody watches, and hands every
//! watcher what changed.

use super::brush::{Brush, Paths};
use super::serve::give_way;
use crate::base::clock::{Clock, Utc};
use crate::measure::course::Course;
use crate::measure::tally::Tally;
use crate::result::dossier::Dossier;
use crate::result::run_dir::{EXEMPLARS, FAULTS, RunDir, RunRecord};
use crate::result::summary::Summary;
use crate::run::summarise::summarise;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How old what is shown first may be. With nobody watching, nothing newer is at hand.
const FRESH: Duration = Duration::from_secs(3);

/// How long a page waits for something newer: an interval is over every second.
const SOON: Duration = Duration::from_millis(1500);

/// Most who watch at a time.
pub const MOST_WATCHERS: usize = 8;

/// Events that wait for a watcher who does not take them. With one more he is let go; his browser
/// comes back by itself and is given what he missed.
const MOST_WAITING: usize = 2;

/// Most jobs that wait for the painter.
const MOST_JOBS: usize = 32;

/// What a painter can be asked for.
pub enum Job {
    /// The run as it is now.
    State(Box<(Tally, Course)>),
    /// The course of the whole run, when no interval follows any more.
    Course(Course),
    /// The result.
    Over(Box<(RunRecord, Summary, Tally)>),
    /// The page as it is now.
    Page(oneshot::Sender<String>),
    /// Somebody who wants to know what changes after the state of this number.
    Watch(u64, mpsc::Sender<Bytes>),
}

/// What the painter wants, for the thread that has the numbers: it must not copy them for nobody.
#[derive(Clone, Debug, Default)]
pub struct Wants(Arc<WantsInner>);

#[derive(Debug, Default)]
struct WantsInner {
    anything: AtomicBool,
    at_once: AtomicBool,
    is_busy: AtomicBool,
}

impl Wants {
    /// Whether somebody watches and the painter has nothing to do.
    pub fn anything(&self) -> bool {
        self.0.anything.load(Ordering::Acquire) && !self.0.is_busy.load(Ordering::Acquire)
    }

    /// Whether somebody waits for the next interval.
    pub fn at_once(&self) -> bool {
        self.0.at_once.load(Ordering::Acquire)
    }

    /// Notes, before it is handed over, that there is something to do; or that there is not.
    pub fn is_busy(&self, is_busy: bool) {
        self.0.is_busy.store(is_busy, Ordering::Release);
    }
}

/// The way to a painter. It ends when nobody has a way to it any more.
#[derive(Clone, Debug)]
pub struct Studio {
    /// Takes jobs.
    pub jobs: SyncSender<Job>,
    /// Says what is wanted.
    pub wants: Wants,
}

/// A channel of events for one watcher.
pub fn events() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
    mpsc::channel(MOST_WAITING)
}

/// Starts a painter on a thread of its own.
pub fn start(
    dir: RunDir,
    record: RunRecord,
    (brush, paths): (Brush, Paths),
    clock: Clock,
) -> io::Result<Studio> {
    let (jobs, asked) = sync_channel(MOST_JOBS);
    let wants = Wants::default();
    let painter = Painter {
        dir,
        record,
        brush,
        paths,
        clock,
        wants: wants.clone(),
        shown: None,
        since: None,
        number: 0,
        sections: Vec::new(),
        watchers: Vec::new(),
        waiting: Vec::new(),
        is_over: false,
    };
    Builder::new().name("live-page".to_owned()).spawn(move || {
        give_way();
        painter.work(&asked);
    })?;
    Ok(Studio { jobs, wants })
}

struct Painter {
    dir: RunDir,
    record: RunRecord,
    brush: Brush,
    paths: Paths,
    clock: Clock,
    wants: Wants,
    /// The last dossier that was made.
    shown: Option<Dossier>,
    /// When its numbers came.
    since: Option<Instant>,
    /// How often something changed.
    number: u64,
    /// Every section with the number of its last change.
    sections: Vec<(&'static str, String, u64)>,
    watchers: Vec<Watcher>,
    /// Pages that wait for something newer, until then at most.
    waiting: Vec<(Instant, oneshot::Sender<String>)>,
    is_over: bool,
}

struct Watcher {
    /// The state that he has seen.
    number: u64,
    events: mpsc::Sender<Bytes>,
}

impl Painter {
    fn work(mut self, jobs: &Receiver<Job>) {
        loop {
            let until = self.waiting.first().map(|(until, _)| *until);
            let job = match until {
                Some(until) => jobs.recv_timeout(until.saturating_duration_since(self.clock.now())),
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match job {
                Ok(job) => self.perform(job),
                Err(RecvTimeoutError::Timeout) => self.answer_pages(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.say_what_is_wanted();
        }
    }

    fn perform(&mut self, job: Job) {
        match job {
            Job::State(state) => {
                if !self.is_over {
                    let (tally, course) = *state;
                    self.shown = Some(self.running(tally, course));
                    self.since = Some(self.clock.now());
                    self.paint();
                    self.answer_pages();
                    self.tell_watchers();
                }
                self.wants.is_busy(false);
            }
            Job::Course(course) => {
                let shown = self.shown.get_or_insert_with(|| empty(self.record.clone()));
                shown.course = course;
            }
            Job::Over(end) => self.end(*end),
            Job::Page(reply) => {
                let now = self.clock.now();
                self.waiting.push((now + SOON, reply));
                let is_fresh = self.since.is_some_and(|since| now < since + FRESH);
                if is_fresh || self.is_over {
                    self.answer_pages();
                }
            }
            Job::Watch(number, events) => {
                self.watchers.retain(|watcher| !watcher.events.is_closed());
                if self.watchers.len() < MOST_WATCHERS {
                    self.watchers.push(Watcher { number, events });
                    self.tell_watchers();
                }
            }
        }
    }

    fn say_what_is_wanted(&self) {
        let wants = &self.wants.0;
        let at_once = !self.waiting.is_empty();
        wants.anything.store(at_once || !self.watchers.is_empty(), Ordering::Release);
        wants.at_once.store(at_once, Ordering::Release);
    }

    fn end(&mut self, (record, summary, tally): (RunRecord, Summary, Tally)) {
        let course = self.shown.take().map(|shown| shown.course).unwrap_or_default();
        let dossier = Dossier { record, summary, tally, course, ..empty(self.record.clone()) };
        self.shown = Some(self.with_samples(Dossier { is_running: false, ..dossier }));
        self.is_over = true;
        self.answer_pages();
        if !self.watchers.is_empty() {
            self.paint();
            self.tell_watchers();
        }
    }

    /// The dossier of a run that goes on: what it would be if it had ended now. What is under way is
    /// neither counted nor cut off.
    fn running(&mut self, tally: Tally, course: Course) -> Dossier {
        if self.record.started_at.is_empty()
            && let Ok(record) = self.dir.run()
        {
            self.record = record;
        }
        let now = Utc::of(self.clock.wall()).stamp();
        let judged = RunRecord { ended_at: Some(now), ..self.record.clone() };
        let summary = summarise(&judged, &tally, None, None);
        let record = self.record.clone();
        self.with_samples(Dossier { summary, tally, course, ..empty(record) })
    }

    /// A line of a file that is being written may be torn; then there is none of its kind this time.
    fn with_samples(&self, mut dossier: Dossier) -> Dossier {
        let _ = self.dir.each_line(EXEMPLARS, |exemplar| dossier.exemplars.push(exemplar));
        let _ = self.dir.each_line(FAULTS, |sample| dossier.failing.push(sample));
        dossier
    }

    /// Draws the sections and notes which of them changed.
    fn paint(&mut self) {
        let Some(dossier) = &self.shown else { return };
        self.number += 1;
        for (id, html) in (self.brush.sections)(dossier) {
            match self.sections.iter_mut().find(|(known, ..)| *known == id) {
                Some((_, old, _)) if *old == html => {}
                Some((_, old, number)) => (*old, *number) = (html, self.number),
                None => self.sections.push((id, html, self.number)),
            }
        }
    }

    fn answer_pages(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let nothing_yet = empty(self.record.clone());
        let dossier = self.shown.as_ref().unwrap_or(&nothing_yet);
        // What is not drawn yet for watchers counts as not seen.
        let page = (self.brush.document)(dossier, &self.paths, self.number);
        for (_, reply) in self.waiting.drain(..) {
            let _ = reply.send(page.clone());
        }
    }

    /// Hands everybody what changed since they were told last. Who has not taken what waits for them
    /// is let go.
    fn tell_watchers(&mut self) {
        let (number, is_over) = (self.number, self.is_over);
        let sections = &self.sections;
        self.watchers.retain_mut(|watcher| {
            let seen = watcher.number;
            if seen >= number && !is_over {
                return !watcher.events.is_closed();
            }
            watcher.number = number;
            let changed = sections.iter().filter(|(_, _, changed)| *changed > seen);
            let changed: Map<String, Value> =
                changed.map(|(id, html, _)| ((*id).to_owned(), html.clone().into())).collect();
            let data = json!({ "sections": changed, "over": is_over });
            let event = format!("id: {number}\ndata: {data}\n\n");
            watcher.events.try_send(event.into()).is_ok() && !is_over
        });
    }
}

/// A run of which nothing is known yet.
fn empty(record: RunRecord) -> Dossier {
    let tally = Tally::default();
    let judged = RunRecord { ended_at: Some(String::new()), ..record.clone() };
    Dossier {
        summary: summarise(&judged, &tally, None, None),
        record,
        tally,
        course: Course::default(),
        exemplars: Vec::new(),
        failing: Vec::new(),
        is_running: true,
    }
}
