//! Pauses that a tenant asked for: nothing new begins in one, and everything planned comes as much later.

use crate::base::clock::Clock;
use crate::measure::timetable::Timetable;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A pause is never shorter: a tenant that says nothing, or nought, wants some.
const SHORTEST: Duration = Duration::from_secs(1);

/// Nor is it longer for one call: a run that waits for hours is better begun again.
const LONGEST: Duration = Duration::from_secs(300);

/// The latest pauses, for whoever looks back at the last interval.
const KEPT: usize = 1000;

/// The pauses of a load. Clones are the same; any thread may ask for one.
#[derive(Clone, Debug)]
pub struct Pauses(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    timetable: Timetable,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the gate was opened; before it there is nothing to pause.
    start: Option<Instant>,
    /// From when to when, in order; the last one may go on.
    spans: VecDeque<(Instant, Instant)>,
    /// How long those were that are not kept any more.
    forgotten: Duration,
    /// How many of those kept have been told.
    told: usize,
    /// Nothing that could wait for the end of one is left.
    ended: bool,
}

impl Pauses {
    /// None yet. What they put off is moved in the timetable.
    pub fn new(clock: Clock, timetable: Timetable) -> Self {
        Self(Arc::new(Inner { clock, timetable, state: Mutex::default() }))
    }

    /// Moments count from here on.
    pub fn begin(&self, start: Instant) {
        self.lock().start.get_or_insert(start);
    }

    /// Nothing new is to begin for so long from now on. One that goes on becomes longer, never shorter.
    pub fn ask(&self, pause: Option<Duration>) {
        let now = self.0.clock.now();
        let mut state = self.lock();
        let Some(start) = state.start.filter(|_| !state.ended) else { return };
        let Some(until) = now.checked_add(pause.unwrap_or(SHORTEST).clamp(SHORTEST, LONGEST))
        else {
            return;
        };
        let phases = self.0.timetable.phases();
        let after = now.saturating_duration_since(start);
        if phases.measured_ends.is_some_and(|ends| after >= ends) {
            // Nothing new begins any more.
            return;
        }
        let more = match state.spans.back_mut() {
            Some(last) if last.1 >= now => {
                let more = until.saturating_duration_since(last.1);
                last.1 = last.1.max(until);
                more
            }
            _ => {
                state.spans.push_back((now, until));
                until - now
            }
        };
        if state.spans.len() > KEPT
            && let Some((from, until)) = state.spans.pop_front()
        {
            state.forgotten += until - from;
            state.told = state.told.saturating_sub(1);
        }
        if more.is_zero() {
            return;
        }
        if let Some(ends) = phases.measured_ends {
            self.0.timetable.end_at(ends.saturating_add(more));
        }
        if after < phases.warm_up_ends {
            self.0.timetable.measure_from(phases.warm_up_ends.saturating_add(more));
        }
    }

    /// Nothing new begins any more, for another reason: the pause that goes on is over, and there is no other.
    pub fn end(&self) {
        let now = self.0.clock.now();
        let mut state = self.lock();
        state.ended = true;
        if let Some(last) = state.spans.back_mut() {
            last.1 = last.1.min(now.max(last.0));
        }
    }

    /// The pause that goes on: from when, and until when as it stands.
    pub fn going_on(&self) -> Option<(Instant, Instant)> {
        let now = self.0.clock.now();
        self.lock().spans.back().copied().filter(|(_, until)| *until > now)
    }

    /// How much everything that is due next has been put off by pauses that are over.
    pub fn over(&self) -> Duration {
        let now = self.0.clock.now();
        let state = self.lock();
        let over = state.spans.iter().filter(|(_, until)| *until <= now);
        state.forgotten + over.map(|(from, until)| *until - *from).sum::<Duration>()
    }

    /// How much of the time until now was paused.
    pub fn so_far(&self) -> Duration {
        let now = self.0.clock.now();
        let state = self.lock();
        let gone =
            |(from, until): &(Instant, Instant)| (*until).min(now).saturating_duration_since(*from);
        state.forgotten + state.spans.iter().map(gone).sum::<Duration>()
    }

    /// How much of the time between two moments, both gone by, was paused.
    pub fn between(&self, from: Instant, to: Instant) -> Duration {
        let state = self.lock();
        let part = |(begins, ends): &(Instant, Instant)| {
            (*ends).min(to).saturating_duration_since((*begins).max(from))
        };
        state.spans.iter().map(part).sum()
    }

    /// The same of the measured part of a load that began at a moment.
    pub fn between_measured(&self, start: Instant, (from, to): (Instant, Instant)) -> Duration {
        let phases = self.0.timetable.phases();
        let begins = start.checked_add(phases.warm_up_ends);
        let ends = phases.measured_ends.and_then(|ends| start.checked_add(ends));
        let (begins, ends) = (begins.unwrap_or(to).max(from), ends.unwrap_or(to).min(to));
        self.between(begins, ends)
    }

    /// The moment before another since which so much time was not paused.
    pub fn before(&self, moment: Instant, unpaused: Duration) -> Option<Instant> {
        let (mut moment, mut left) = (moment, unpaused);
        for (from, until) in self.lock().spans.iter().rev() {
            let since = moment.saturating_duration_since(*until);
            if since >= left {
                break;
            }
            left -= since;
            moment = moment.min(*from);
        }
        moment.checked_sub(left)
    }

    /// Those that are over and were not told yet: when each began, and how long it was.
    pub fn news(&self) -> Vec<(Instant, Duration)> {
        let now = self.0.clock.now();
        let mut state = self.lock();
        let told = state.told;
        let over = state.spans.iter().skip(told).take_while(|(_, until)| *until <= now);
        let news: Vec<_> = over.map(|(from, until)| (*from, *until - *from)).collect();
        state.told += news.len();
        news
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::series::Phases;
    use std::time::SystemTime;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// 5 s of warm-up and 20 s measured, just begun.
    fn pauses() -> (Pauses, Clock, Timetable) {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let timetable: Timetable = Phases { warm_up_ends: s(5), measured_ends: Some(s(25)) }.into();
        let pauses = Pauses::new(clock.clone(), timetable.clone());
        pauses.ask(Some(s(9)));
        assert_eq!(pauses.going_on(), None, "not before the start");
        pauses.begin(clock.now());
        (pauses, clock, timetable)
    }

    #[test]
    fn a_pause_puts_off_what_is_still_to_come_of_the_phases() {
        let (pauses, clock, timetable) = pauses();
        clock.advance(s(2));
        pauses.ask(Some(s(3)));
        let phases = timetable.phases();
        assert_eq!((phases.warm_up_ends, phases.measured_ends), (s(8), Some(s(28))));
        clock.advance(s(10));
        pauses.ask(Some(s(4)));
        let phases = timetable.phases();
        assert_eq!((phases.warm_up_ends, phases.measured_ends), (s(8), Some(s(32))));
        clock.advance(s(30));
        pauses.ask(Some(s(4)));
        assert_eq!(timetable.phases().measured_ends, Some(s(32)), "nothing new begins any more");
    }

    #[test]
    fn asking_again_makes_a_pause_longer_and_never_shorter() {
        let (pauses, clock, timetable) = pauses();
        clock.advance(s(10));
        let from = clock.now();
        pauses.ask(Some(s(4)));
        clock.advance(s(1));
        pauses.ask(Some(s(2)));
        pauses.ask(None);
        assert_eq!(pauses.going_on(), Some((from, from + s(4))));
        pauses.ask(Some(s(5)));
        assert_eq!(pauses.going_on(), Some((from, from + s(6))));
        assert_eq!(timetable.phases().measured_ends, Some(s(31)));
        assert_eq!((pauses.over(), pauses.news()), (s(0), vec![]));
        assert_eq!(pauses.so_far(), s(1), "what of it is gone by");
        clock.advance(s(5));
        assert_eq!((pauses.going_on(), pauses.over()), (None, s(6)));
        assert_eq!(pauses.between(from + s(2), from + s(60)), s(4));
        assert_eq!((pauses.news(), pauses.news()), (vec![(from, s(6))], vec![]));
    }

    #[test]
    fn once_nothing_new_begins_there_is_no_pause_any_more() {
        let (pauses, clock, timetable) = pauses();
        clock.advance(s(10));
        let from = clock.now();
        pauses.ask(Some(s(30)));
        clock.advance(s(4));
        pauses.end();
        assert_eq!((pauses.going_on(), pauses.news()), (None, vec![(from, s(4))]));
        let ends = timetable.phases().measured_ends;
        pauses.ask(Some(s(9)));
        assert_eq!((pauses.going_on(), timetable.phases().measured_ends), (None, ends));
        assert_eq!(pauses.between(from, from + s(60)), s(4));
    }

    #[test]
    fn only_what_is_paused_of_the_measured_part_is_taken_off_it() {
        let (pauses, clock, _) = pauses();
        let start = clock.now();
        // The warm-up of 5 s was to end within it, and ends 2 s later.
        clock.advance(s(4));
        pauses.ask(Some(s(2)));
        let at = |seconds| start + s(seconds);
        assert_eq!(pauses.between(at(0), at(20)), s(2));
        assert_eq!(pauses.between_measured(start, (at(5), at(20))), s(0));
        clock.advance(s(6));
        pauses.ask(Some(s(3)));
        assert_eq!(pauses.between_measured(start, (at(0), at(12))), s(2));
        assert_eq!(pauses.between_measured(start, (at(0), at(60))), s(3));
    }

    #[test]
    fn whoever_waits_through_a_pause_does_not_wait_longer_for_it() {
        let (pauses, clock, _) = pauses();
        clock.advance(s(10));
        let from = clock.now();
        assert_eq!(pauses.before(from, s(2)), Some(from - s(2)));
        pauses.ask(Some(s(4)));
        clock.advance(s(3));
        assert_eq!(pauses.before(clock.now(), s(2)), Some(from - s(2)), "while it goes on");
        clock.advance(s(2));
        assert_eq!(pauses.before(clock.now(), s(2)), Some(from - s(1)));
        assert_eq!(pauses.before(clock.now() + s(9), s(2)), Some(clock.now() + s(7)));
    }

    #[test]
    fn a_tenant_that_says_nothing_gets_a_second_and_one_that_says_a_day_five_minutes() {
        for (asked, got) in [(None, s(1)), (Some(s(0)), s(1)), (Some(s(86_400)), s(300))] {
            let (pauses, clock, _) = pauses();
            pauses.ask(asked);
            let (from, until) = pauses.going_on().unwrap();
            assert_eq!((from, until - from), (clock.now(), got), "{asked:?}");
        }
    }

    #[test]
    fn pauses_that_are_not_kept_any_more_still_count() {
        let (pauses, clock, timetable) = pauses();
        timetable.end_at(s(1_000_000));
        for _ in 0..KEPT + 10 {
            pauses.ask(None);
            clock.advance(s(2));
        }
        assert_eq!(pauses.over(), s(KEPT as u64 + 10));
        assert_eq!(pauses.news().len(), KEPT);
    }
}
