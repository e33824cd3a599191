//! The users at work: one turn is one whole iteration, and whatever it does, the user survives it.

use super::gate::Gate;
use super::performer::{Performer, Ticket};
use crate::measure::fault::Fault;
use crate::measure::sample::Ending;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How often a user who has nothing more to do looks up. Goose hears only between two turns that a
/// user may go, and a turn that returned at once would starve the runtime.
const NAP: Duration = Duration::from_millis(50);

pub(super) struct Crew<P: Performer> {
    pub(super) gate: Arc<Gate>,
    performer: Arc<P>,
    seats: Box<[Seat<P::User>]>,
    cut: AtomicBool,
    abandoned: AtomicBool,
}

/// What belongs to one user. The locks are the user's own but for the end of a run.
struct Seat<U> {
    user: Mutex<Option<U>>,
    /// The iteration in flight. Who takes the ticket out books its end, so each is booked once.
    ticket: Mutex<Option<Ticket>>,
    waker: Mutex<Option<Waker>>,
}

/// What came of polling an iteration.
enum Outcome {
    Ended(Ending),
    CutOff,
    Panicked,
}

impl<P: Performer> Crew<P> {
    pub(super) fn new(gate: Arc<Gate>, performer: Arc<P>) -> Self {
        let seat =
            || Seat { user: Mutex::default(), ticket: Mutex::default(), waker: Mutex::default() };
        let seats = std::iter::repeat_with(seat).take(gate.plan.users()).collect();
        let (cut, abandoned) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { gate, performer, seats, cut, abandoned }
    }

    /// One turn of a user: an iteration, if there is one for it. Goose takes no more turns of a user
    /// once the gate is closed, so those who wait then are served in this one.
    pub(super) async fn turn(&self, user: usize) {
        loop {
            let (Some(seat), Some(ticket)) = (self.seats.get(user), self.gate.ticket(user).await)
            else {
                return self.nap().await;
            };
            // Boxed, so that a user who waits for a ticket takes up no room for an iteration.
            Box::pin(self.perform(seat, ticket)).await;
            if self.gate.closing().is_none() {
                return;
            }
        }
    }

    /// Tells the performer of an iteration that is due.
    pub(super) fn tell_due(&self, ticket: &Ticket) {
        // What it cannot stand is its own affair: the iteration is due all the same.
        let _ = catch_unwind(AssertUnwindSafe(|| self.performer.due(ticket)));
    }

    /// Tells the performer of an iteration that found no free user.
    pub(super) fn tell_late(&self, ticket: &Ticket) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.performer.late(ticket)));
    }

    /// Books the end of iterations that nobody performs any more.
    pub(super) fn turn_away(&self, tickets: Vec<Ticket>, ending: Ending) {
        tickets.into_iter().for_each(|ticket| self.unfinished(ticket, None, ending));
    }

    /// Books those who came to the desk after the cut.
    pub(super) fn turn_away_if_cut(&self) {
        if self.cut.load(Ordering::SeqCst) {
            self.turn_away(self.gate.desk.turn_all_away(), Ending::CutOff);
        }
    }

    /// Cuts off every iteration in flight, and all that might still begin.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.turn_away(self.gate.desk.turn_all_away(), Ending::CutOff);
        for seat in &self.seats {
            if let Some(waker) = locked(&seat.waker).take() {
                waker.wake();
            }
        }
    }

    /// Books the iterations that did not heed the cut and says how many there are. What they do
    /// later counts no more.
    pub(super) fn abandon(&self) -> usize {
        self.abandoned.store(true, Ordering::SeqCst);
        self.turn_away(self.gate.desk.forsake(), Ending::CutOff);
        let stuck = self.seats.iter().filter_map(|seat| locked(&seat.ticket).take());
        stuck.map(|ticket| self.unfinished(ticket, None, Ending::CutOff)).count()
    }

    async fn nap(&self) {
        if self.abandoned.load(Ordering::SeqCst) {
            // Nobody is left who could let this user go.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(NAP).await;
    }

    async fn perform(&self, seat: &Seat<P::User>, ticket: Ticket) {
        let mut user = locked(&seat.user).take();
        *locked(&seat.ticket) = Some(ticket);
        let _at_work = self.gate.tally.at_work();
        if !self.gate.plan.workload.model.is_open() {
            self.tell_due(&ticket);
        }
        let mut waited = false;
        let outcome = {
            let mut iteration = pin!(Some(async {
                let user = user.get_or_insert_with(|| self.performer.new_user(ticket.user));
                self.performer.perform(ticket, user).await
            }));
            let outcome = poll_fn(|context| {
                let Some(running) = iteration.as_mut().as_pin_mut() else {
                    return Poll::Ready(Outcome::Panicked);
                };
                match catch_unwind(AssertUnwindSafe(|| running.poll(context))) {
                    Err(_) => Poll::Ready(Outcome::Panicked),
                    Ok(Poll::Ready(ending)) => Poll::Ready(Outcome::Ended(ending)),
                    Ok(Poll::Pending) => {
                        waited = true;
                        self.cut_off(seat, context)
                    }
                }
            })
            .await;
            // What an iteration leaves may panic as well when it is dropped.
            let dropped = catch_unwind(AssertUnwindSafe(|| iteration.set(None)));
            if dropped.is_err() { Outcome::Panicked } else { outcome }
        };
        if locked(&seat.ticket).take().is_some() {
            match outcome {
                Outcome::Ended(ending) => {
                    self.finished(ticket, user.as_mut(), ending);
                    *locked(&seat.user) = user;
                }
                Outcome::CutOff => self.unfinished(ticket, user, Ending::CutOff),
                Outcome::Panicked => {
                    self.unfinished(ticket, user, Ending::Failed(Fault::Panicked));
                }
            }
        }
        if !waited {
            // An iteration that never waited has given the other users no chance yet.
            tokio::task::yield_now().await;
        }
    }

    /// Ready once the iteration has to go. The waker is left before the flag is read and the flag
    /// set before wakers are taken, so that no iteration sleeps through the cut.
    fn cut_off(&self, seat: &Seat<P::User>, context: &Context<'_>) -> Poll<Outcome> {
        let mut waker = locked(&seat.waker);
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        drop(waker);
        if self.cut.load(Ordering::SeqCst) { Poll::Ready(Outcome::CutOff) } else { Poll::Pending }
    }

    fn finished(&self, ticket: Ticket, user: Option<&mut P::User>, ending: Ending) {
        self.book(&ticket, ending);
        let told = || user.map(|user| self.performer.finished(ticket, user, ending));
        let _ = catch_unwind(AssertUnwindSafe(told));
    }

    fn unfinished(&self, ticket: Ticket, user: Option<P::User>, ending: Ending) {
        self.book(&ticket, ending);
        let told = || self.performer.unfinished(ticket, user, ending);
        // A second panic says nothing new.
        let _ = catch_unwind(AssertUnwindSafe(told));
    }

    fn book(&self, ticket: &Ticket, ending: Ending) {
        let after = self.gate.after(self.gate.clock.now());
        self.gate.tally.end(ticket, ending, after);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
