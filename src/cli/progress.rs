//! A run in progress: a bar on a terminal, a plain line every ten seconds elsewhere.

use super::aside;
use super::terminal::Terminal;
use crate::load::Plan;
use crate::measure::series::Phase;
use crate::measure::tally::Tally;
use crate::measure::timeline::{Interval, JourneyLine};
use crate::measure::timetable::Timetable;
use crate::report::figures;
use crate::report::progress::{JourneyNow, LINE_EVERY, Snapshot, line, message};
use crate::run::conduct::Listener;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// What is told.
enum Told {
    /// How the run is, so many seconds after its start.
    Now(u64, String),
    /// What was done to it.
    Event(String),
}

/// Shows each interval as it ends.
pub(super) struct Watcher {
    timetable: Timetable,
    has_bar: bool,
    /// Where what is watched began, from the start of the run; known with its first interval.
    began: Option<Duration>,
    last_line: Duration,
    lines: Option<SyncSender<Told>>,
    /// Never told: ends when the printer has.
    printed: Receiver<()>,
}

/// How long what is still to be printed may take at the end.
const LAST_LINES: Duration = Duration::from_secs(1);

impl Watcher {
    pub(super) fn new(terminal: &Terminal, plan: &Plan) -> Self {
        // Where phases move, nobody knows how long it will be.
        let closes = plan.workload.closes_after().filter(|_| plan.timetable.is_none());
        let length = closes.map(|closes| closes.as_secs().max(1));
        let bar = terminal.is_live().then(|| bar(length));
        let has_bar = bar.is_some();
        let (lines, printed) = printer(*terminal, bar);
        let lines = Some(lines);
        let timetable = plan.timetable.clone().unwrap_or_else(|| plan.phases().into());
        let last_line = Duration::ZERO;
        Self { timetable, has_bar, began: None, last_line, lines, printed }
    }
}

fn bar(length: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    let template = if length.is_some() {
        "{bar:24} {elapsed_precise} of {len}s  {msg}"
    } else {
        "{spinner} {elapsed_precise}  {msg}"
    };
    // A template that cannot be read would only cost the looks.
    bar.with_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}

impl Listener for Watcher {
    fn interval(&mut self, interval: &Interval, so_far: &Tally) {
        let starts = Duration::from_millis(interval.line.start_ms);
        let began = *self.began.get_or_insert(starts);
        let elapsed = Duration::from_millis(interval.line.end_ms).saturating_sub(began);
        let now = snapshot(interval, so_far, self.timetable.phases().of(elapsed));
        for event in &interval.line.events {
            let at = figures::clock(Duration::from_millis(event.at_ms));
            self.tell(Told::Event(format!("{at}  {}", event.text)));
        }
        if self.has_bar {
            self.tell(Told::Now(elapsed.as_secs(), message(&now)));
        } else if elapsed.saturating_sub(self.last_line) >= LINE_EVERY {
            self.last_line = elapsed;
            self.tell(Told::Now(elapsed.as_secs(), line(&now)));
        }
    }
}

impl Watcher {
    /// Lets go what the printer has no room for: a terminal that stands still must not hold up the
    /// thread that writes results and watches the guards.
    fn tell(&self, told: Told) {
        let _ = self.lines.as_ref().map(|lines| lines.try_send(told));
    }
}

/// Prints on a thread of its own, which ends with the watcher and takes the bar away.
fn printer(terminal: Terminal, bar: Option<ProgressBar>) -> (SyncSender<Told>, Receiver<()>) {
    let (lines, all_told) = sync_channel::<Told>(4);
    let (printing, printed) = sync_channel(1);
    thread::spawn(move || {
        let _until_the_end = printing;
        for told in all_told {
            match (&bar, told) {
                (Some(bar), Told::Now(seconds, text)) => {
                    bar.set_position(seconds);
                    bar.set_message(text);
                }
                (Some(bar), Told::Event(text)) => bar.suspend(|| terminal.say_here(&text)),
                (None, Told::Now(_, text) | Told::Event(text)) => terminal.say_here(&text),
            }
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    });
    (lines, printed)
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.lines.take());
        // A terminal that stands still is not waited for, but what comes next is written after this.
        if self.printed.recv_timeout(LAST_LINES) == Err(RecvTimeoutError::Timeout) {
            let (_, nobody) = sync_channel(1);
            let printed = std::mem::replace(&mut self.printed, nobody);
            aside::write(move || _ = printed.recv());
        }
    }
}

fn snapshot(interval: &Interval, so_far: &Tally, phase: Phase) -> Snapshot {
    let line = &interval.line;
    let seconds = Duration::from_millis(line.end_ms - line.start_ms).as_secs_f64();
    let of_late = |variant, journey| {
        let rows = line
            .journeys
            .iter()
            .filter(move |row| row.variant == variant && row.journey == journey);
        rows.collect::<Vec<&JourneyLine>>()
    };
    let mut faults = crate::measure::counts::FaultCounts::default();
    let journeys = so_far.journeys.iter().map(|((variant, journey), counts)| {
        faults.merge(&counts.faults);
        let rows = of_late(variant.clone(), journey.clone());
        let completed: u64 = rows.iter().map(|row| row.completed).sum();
        JourneyNow {
            variant: variant.clone(),
            journey: journey.clone(),
            completed: counts.completed,
            #[expect(clippy::cast_precision_loss, reason = "iterations of a second")]
            completed_per_s: if seconds > 0.0 { completed as f64 / seconds } else { 0.0 },
            response_p95_us: rows
                .iter()
                .filter_map(|row| row.response_us.as_ref())
                .map(|p| p.p95)
                .max(),
        }
    });
    let journeys = journeys.collect();
    Snapshot {
        elapsed: Duration::from_millis(line.end_ms),
        phase,
        users: line.readings.users,
        journeys,
        faults,
        lag_p99_us: line.lag_us.as_ref().map(|lag| lag.p99),
    }
}
