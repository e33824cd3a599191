//! The open model's desk: arrivals for whom no user is free wait here, and so do users for whom
//! there is nothing to do.

use super::performer::Ticket;
use crate::base::clock::Clock;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

/// Arrivals are served in their order. Of the users, the one that was parked last goes first, so
/// that as few of them as possible are ever at work, and their memory stays warm.
#[derive(Debug)]
pub(super) struct Desk {
    clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Ticket>,
    parked: Vec<usize>,
    /// By user.
    places: Vec<Place>,
    shut: bool,
}

#[derive(Debug, Default)]
struct Place {
    handed: Option<Ticket>,
    waker: Option<Waker>,
}

/// What became of an arrival at the desk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Served {
    /// A free user has it.
    AtOnce,
    /// It waits: all users are busy.
    Waits,
}

impl Desk {
    pub(super) fn new(clock: Clock, users: usize) -> Self {
        let places = std::iter::repeat_with(Place::default).take(users).collect();
        Self { clock, inner: Mutex::new(Inner { places, ..Inner::default() }) }
    }

    /// An arrival for whoever is free, or else for whoever will be first.
    pub(super) fn offer(&self, ticket: Ticket) -> Served {
        let mut inner = self.lock();
        while let Some(user) = inner.parked.pop() {
            let Some(place) = inner.places.get_mut(user) else { continue };
            let Some(waker) = place.waker.take() else { continue };
            place.handed = Some(Ticket { user, ..ticket });
            drop(inner);
            waker.wake();
            return Served::AtOnce;
        }
        inner.waiting.push_back(Ticket { late: true, ..ticket });
        Served::Waits
    }

    /// The next arrival for a user who is free; waits for one until the desk is shut and none is
    /// left.
    pub(super) async fn take(&self, user: usize) -> Option<Ticket> {
        poll_fn(|context| {
            let mut inner = self.lock();
            let Inner { waiting, parked, places, shut } = &mut *inner;
            let Some(place) = places.get_mut(user) else { return Poll::Ready(None) };
            if let Some(ticket) = place.handed.take() {
                return Poll::Ready(Some(ticket));
            }
            if let Some(ticket) = waiting.pop_front() {
                // Woken for another reason, it may still be among the parked.
                place.waker = None;
                return Poll::Ready(Some(Ticket { user, handed: self.clock.now(), ..ticket }));
            }
            if *shut {
                return Poll::Ready(None);
            }
            if place.waker.replace(context.waker().clone()).is_none() {
                parked.push(user);
            }
            Poll::Pending
        })
        .await
    }

    /// Until an arrival is a user's own, and stays at the desk for it: whether there is one. None comes once the
    /// desk is shut and none is left.
    pub(super) async fn claim(&self, user: usize) -> bool {
        poll_fn(|context| {
            let mut inner = self.lock();
            let Inner { waiting, parked, places, shut } = &mut *inner;
            let Some(place) = places.get_mut(user) else { return Poll::Ready(false) };
            if place.handed.is_some() {
                return Poll::Ready(true);
            }
            if let Some(ticket) = waiting.pop_front() {
                place.waker = None;
                place.handed = Some(Ticket { user, handed: self.clock.now(), ..ticket });
                return Poll::Ready(true);
            }
            if *shut {
                return Poll::Ready(false);
            }
            if place.waker.replace(context.waker().clone()).is_none() {
                parked.push(user);
            }
            Poll::Pending
        })
        .await
    }

    /// The arrival that is a user's own, if it still is.
    pub(super) fn collect(&self, user: usize) -> Option<Ticket> {
        self.lock().places.get_mut(user)?.handed.take()
    }

    /// Whether nobody waits, not even one that is some user's own.
    pub(super) fn is_empty(&self) -> bool {
        let inner = self.lock();
        inner.waiting.is_empty() && inner.places.iter().all(|place| place.handed.is_none())
    }

    /// Nothing more comes: users for whom nothing waits may go.
    pub(super) fn shut(&self) {
        let mut inner = self.lock();
        inner.shut = true;
        inner.parked.clear();
        let wakers: Vec<_> =
            inner.places.iter_mut().filter_map(|place| place.waker.take()).collect();
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Since when the arrival waits that does so for longest. What the dispatcher itself was late is
    /// not in it: nobody is to be given up for the generator's own fault.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.lock().waiting.front().map(|ticket| ticket.dispatched)
    }

    /// Takes away the arrivals that wait since then or longer.
    pub(super) fn turn_away(&self, since: Instant) -> Vec<Ticket> {
        let mut inner = self.lock();
        let gone = inner.waiting.partition_point(|ticket| ticket.dispatched <= since);
        inner.waiting.drain(..gone).collect()
    }

    /// Takes away all that wait.
    pub(super) fn turn_all_away(&self) -> Vec<Ticket> {
        self.lock().waiting.drain(..).collect()
    }

    /// Takes away all that wait, and those that were handed to users who never came for them.
    pub(super) fn forsake(&self) -> Vec<Ticket> {
        let mut inner = self.lock();
        let mut gone: Vec<_> = inner.waiting.drain(..).collect();
        gone.extend(inner.places.iter_mut().filter_map(|place| place.handed.take()));
        gone
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::series::Phase;
    use std::pin::pin;
    use std::task::Context;
    use std::time::{Duration, SystemTime};

    fn desk(users: usize) -> (Desk, Clock) {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        (Desk::new(clock.clone(), users), clock)
    }

    fn ticket(clock: &Clock, number: u64) -> Ticket {
        let due = clock.now();
        let (after, phase) = (Duration::ZERO, Phase::Measured);
        let (dispatched, handed, late) = (due, due, false);
        Ticket { number, due, dispatched, handed, late, after, phase, user: 0, choice: 0 }
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    fn number(ticket: Option<Option<Ticket>>) -> Option<u64> {
        ticket.flatten().map(|ticket| ticket.number)
    }

    #[test]
    fn the_user_parked_last_goes_first_and_each_gets_one() {
        let (desk, clock) = desk(3);
        let mut users = [0, 1, 2].map(|user| Box::pin(desk.take(user)));
        for user in &mut users {
            assert!(poll(user.as_mut()).is_none());
            assert!(poll(user.as_mut()).is_none(), "parked once, however often it looks");
        }
        for arrival in 0..3 {
            assert_eq!(desk.offer(ticket(&clock, arrival)), Served::AtOnce);
        }
        assert_eq!(desk.offer(ticket(&clock, 3)), Served::Waits);
        let got = users.each_mut().map(|user| number(poll(user.as_mut())));
        assert_eq!(got, [Some(2), Some(1), Some(0)]);
    }

    #[test]
    fn arrivals_wait_in_their_order_and_say_when_they_were_handed_over() {
        let (desk, clock) = desk(1);
        for arrival in 0..2 {
            assert_eq!(desk.offer(ticket(&clock, arrival)), Served::Waits);
        }
        let due = clock.now();
        assert_eq!(desk.oldest(), Some(due));
        clock.advance(Duration::from_secs(2));
        for expected in 0..2 {
            let taken = poll(pin!(desk.take(0))).flatten().unwrap();
            assert_eq!(
                (taken.number, taken.handed - taken.due),
                (expected, Duration::from_secs(2))
            );
        }
        assert_eq!(desk.oldest(), None);
    }

    #[test]
    fn a_shut_desk_serves_those_who_wait_and_lets_the_users_go() {
        let (desk, clock) = desk(2);
        let mut parked = pin!(desk.take(0));
        assert!(poll(parked.as_mut()).is_none());
        desk.shut();
        assert_eq!(poll(parked), Some(None));
        desk.offer(ticket(&clock, 7));
        assert_eq!(number(poll(pin!(desk.take(1)))), Some(7));
        assert_eq!(poll(pin!(desk.take(1))), Some(None));
    }

    #[test]
    fn an_arrival_that_its_user_never_came_for_is_not_lost() {
        let (desk, clock) = desk(1);
        let mut user = pin!(desk.take(0));
        assert!(poll(user.as_mut()).is_none());
        assert_eq!(desk.offer(ticket(&clock, 0)), Served::AtOnce);
        desk.offer(ticket(&clock, 1));
        desk.shut();
        assert_eq!(desk.forsake().iter().map(|t| t.number).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(poll(user), Some(None));
    }

    #[test]
    fn an_arrival_that_a_user_claimed_is_nobody_elses_and_stays_at_the_desk() {
        let (desk, clock) = desk(2);
        let mut parked = pin!(desk.claim(1));
        assert_eq!(poll(parked.as_mut()), None);
        desk.offer(ticket(&clock, 0));
        assert_eq!(poll(parked), Some(true));
        desk.offer(ticket(&clock, 1));
        assert_eq!(
            (poll(pin!(desk.claim(0))), poll(pin!(desk.claim(0)))),
            (Some(true), Some(true))
        );
        assert_eq!((desk.oldest(), desk.is_empty()), (None, false), "nobody's patience ends");
        assert_eq!(desk.collect(0).map(|ticket| (ticket.number, ticket.user)), Some((1, 0)));
        assert_eq!(desk.forsake().iter().map(|ticket| ticket.number).collect::<Vec<_>>(), [0]);
        assert_eq!((desk.collect(1), desk.is_empty()), (None, true));
        desk.shut();
        assert_eq!(poll(pin!(desk.claim(1))), Some(false));
    }

    #[test]
    fn only_those_who_waited_since_then_are_turned_away() {
        let (desk, clock) = desk(1);
        let first = clock.now();
        for arrival in 0..3 {
            desk.offer(ticket(&clock, arrival));
            clock.advance(Duration::from_millis(10));
        }
        let gone = desk.turn_away(first + Duration::from_millis(10));
        assert_eq!(gone.iter().map(|ticket| ticket.number).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(desk.turn_all_away().len(), 1);
        assert_eq!(desk.oldest(), None);
    }
}
