//! How many iterations were due and how they ended, exactly, while the run goes and after it.

use super::performer::Ticket;
use crate::measure::counts::FaultCounts;
use crate::measure::fault::Fault;
use crate::measure::sample::Ending;
use crate::measure::series::Phase;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Iterations by what became of them. Once a run has ended,
/// `due = completed + failed + dropped + cut_off`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Planned to start; in the closed model started.
    pub due: u64,
    /// Reached their goal.
    pub completed: u64,
    /// Did not, those that panicked included.
    pub failed: u64,
    /// Of those, the ones that panicked.
    pub panicked: u64,
    /// Found no free user in time. Never in the closed model.
    pub dropped: u64,
    /// Ended by the drain or an interrupt.
    pub cut_off: u64,
}

impl Counts {
    /// Still running.
    pub const fn in_flight(&self) -> u64 {
        self.due.saturating_sub(self.completed + self.failed + self.dropped + self.cut_off)
    }

    /// Adds others to these.
    pub const fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.completed += other.completed;
        self.failed += other.failed;
        self.panicked += other.panicked;
        self.dropped += other.dropped;
        self.cut_off += other.cut_off;
    }
}

/// Iterations of a choice that came to an end of their own.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ended {
    /// Reached their goal.
    pub completed: u64,
    /// Did not, by fault.
    pub faults: FaultCounts,
}

/// Counts of a run in progress, for whoever shows it. Cheap to read, from any thread.
#[derive(Clone, Debug)]
pub struct Progress(Arc<Tally>);

impl Progress {
    pub(super) const fn of(tally: Arc<Tally>) -> Self {
        Self(tally)
    }

    /// Users launched, parked ones included.
    pub fn users(&self) -> usize {
        self.0.launched.load(Ordering::Relaxed)
    }

    /// Users performing an iteration.
    pub fn at_work(&self) -> usize {
        self.0.at_work.load(Ordering::Relaxed)
    }

    /// Iterations so far, of all phases and choices. Taken while the run goes, an iteration that
    /// ends meanwhile may still count as in flight.
    pub fn counts(&self) -> Counts {
        let mut total = Counts::default();
        self.0.snapshot().iter().flatten().for_each(|counts| total.add(counts));
        total
    }

    /// Iterations that came to an end of their own so far, in all phases, by choice of the mix.
    pub fn ended(&self) -> Vec<Ended> {
        self.0.ended()
    }

    /// The same, by choice of the mix and by phase.
    pub fn by_choice(&self) -> Vec<[Counts; Phase::COUNT]> {
        self.0.snapshot()
    }

    /// The number behind the last iteration that was due, or passed because it is another machine's.
    pub fn next_number(&self) -> u64 {
        self.0.reached.load(Ordering::Relaxed)
    }
}

/// Counts as they are made: one cell for each choice and phase.
#[derive(Debug)]
pub(super) struct Tally {
    cells: Box<[[Cell; Phase::COUNT]]>,
    /// Failed iterations of each choice, by fault.
    faults: Box<[[AtomicU64; Fault::COUNT]]>,
    launched: AtomicUsize,
    at_work: AtomicUsize,
    reached: AtomicU64,
    last_end_us: AtomicU64,
}

/// Counts a user as at work until it is dropped.
pub(super) struct AtWork<'a>(&'a AtomicUsize);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Cell {
    due: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    panicked: AtomicU64,
    dropped: AtomicU64,
    cut_off: AtomicU64,
}

impl Tally {
    pub(super) fn new(choices: usize) -> Self {
        Self {
            cells: std::iter::repeat_with(Default::default).take(choices.max(1)).collect(),
            faults: std::iter::repeat_with(|| std::array::from_fn(|_| AtomicU64::new(0)))
                .take(choices.max(1))
                .collect(),
            launched: AtomicUsize::new(0),
            at_work: AtomicUsize::new(0),
            reached: AtomicU64::new(0),
            last_end_us: AtomicU64::new(0),
        }
    }

    /// One more user is there; says how many are.
    pub(super) fn launched(&self) -> usize {
        self.launched.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// One more user is at work, for as long as the answer is kept.
    pub(super) fn at_work(&self) -> AtWork<'_> {
        self.at_work.fetch_add(1, Ordering::Relaxed);
        AtWork(&self.at_work)
    }

    pub(super) fn due(&self, ticket: &Ticket) {
        self.count(ticket, |cell| &cell.due);
        self.reach(ticket.number.saturating_add(1));
    }

    /// The next number is no lower than this.
    pub(super) fn reach(&self, next: u64) {
        self.reached.fetch_max(next, Ordering::Relaxed);
    }

    /// An iteration ended, so long after the start of the run.
    pub(super) fn end(&self, ticket: &Ticket, ending: Ending, after: Duration) {
        match ending {
            Ending::Completed => self.count(ticket, |cell| &cell.completed),
            Ending::Dropped => self.count(ticket, |cell| &cell.dropped),
            Ending::CutOff | Ending::Failed(Fault::CutOff) => {
                self.count(ticket, |cell| &cell.cut_off);
            }
            Ending::Failed(fault) => {
                self.count(ticket, |cell| &cell.failed);
                let faults = self.faults.get(ticket.choice).or_else(|| self.faults.last());
                if let Some(counter) = faults.and_then(|faults| faults.get(fault as usize)) {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                if fault == Fault::Panicked {
                    self.count(ticket, |cell| &cell.panicked);
                }
            }
        }
        let after_us = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        self.last_end_us.fetch_max(after_us, Ordering::Relaxed);
    }

    /// When the last iteration so far ended, counted from the start of the run.
    pub(super) fn last_end(&self) -> Duration {
        Duration::from_micros(self.last_end_us.load(Ordering::Relaxed))
    }

    pub(super) fn snapshot(&self) -> Vec<[Counts; Phase::COUNT]> {
        self.cells.iter().map(|phases| phases.each_ref().map(Cell::read)).collect()
    }

    fn ended(&self) -> Vec<Ended> {
        let of = |(phases, by_fault): (&[Cell; Phase::COUNT], &[AtomicU64; Fault::COUNT])| {
            let completed = phases.iter().map(|cell| cell.completed.load(Ordering::Relaxed)).sum();
            let counted = Fault::all().zip(by_fault);
            let faults = counted.map(|(fault, number)| (fault, number.load(Ordering::Relaxed)));
            Ended { completed, faults: faults.collect() }
        };
        self.cells.iter().zip(&self.faults).map(of).collect()
    }

    fn count(&self, ticket: &Ticket, counter: impl Fn(&Cell) -> &AtomicU64) {
        let phases = self.cells.get(ticket.choice).or_else(|| self.cells.last());
        if let Some(cell) = phases.and_then(|phases| phases.get(ticket.phase as usize)) {
            counter(cell).fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Cell {
    fn read(&self) -> Counts {
        // Ends before dues, so that no iteration seems to have ended before it was due.
        let [completed, failed, panicked, dropped, cut_off] =
            [&self.completed, &self.failed, &self.panicked, &self.dropped, &self.cut_off]
                .map(|counter| counter.load(Ordering::Acquire));
        let due = self.due.load(Ordering::Acquire);
        Counts { due, completed, failed, panicked, dropped, cut_off }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(choice: usize, phase: Phase) -> Ticket {
        let due = crate::base::clock::Clock::system().now();
        Ticket {
            number: 0,
            due,
            dispatched: due,
            handed: due,
            late: false,
            after: Duration::ZERO,
            phase,
            user: 0,
            choice,
        }
    }

    #[test]
    fn every_ending_is_counted_once_and_in_its_place() {
        let tally = Tally::new(2);
        for (choice, phase, ending) in [
            (0, Phase::WarmUp, Ending::Completed),
            (1, Phase::Measured, Ending::Completed),
            (1, Phase::Measured, Ending::Failed(Fault::Panicked)),
            (1, Phase::Measured, Ending::Failed(Fault::CutOff)),
            (1, Phase::Drain, Ending::CutOff),
            (1, Phase::Drain, Ending::Dropped),
        ] {
            let ticket = ticket(choice, phase);
            tally.due(&ticket);
            tally.end(&ticket, ending, Duration::from_millis(7));
        }
        tally.due(&ticket(1, Phase::Measured));
        let counts = tally.snapshot();
        let measured = counts[1][Phase::Measured as usize];
        let expected =
            Counts { due: 4, completed: 1, failed: 1, panicked: 1, cut_off: 1, dropped: 0 };
        assert_eq!(measured, expected);
        assert_eq!(measured.in_flight(), 1);
        assert_eq!(counts[0][Phase::WarmUp as usize].completed, 1);
        assert_eq!(counts[1][Phase::Drain as usize].dropped, 1);
        assert_eq!(tally.last_end(), Duration::from_millis(7));
        let ended = tally.ended();
        assert_eq!((ended[0].completed, ended[1].completed), (1, 1));
        assert!(ended[0].faults.is_empty());
        assert_eq!((ended[1].faults.of(Fault::Panicked), ended[1].faults.total()), (1, 1));
        assert_eq!(Progress::of(Arc::new(tally)).counts().due, 7);
    }
}
