//! The arrivals of a plan in their order, of which a machine takes up its own.

use super::share::ShareControl;
use crate::workload::schedule::Schedule;
use std::time::Duration;

/// How far ahead one looks for the next arrival of one's own before somebody may want to know something else.
const AHEAD: Duration = Duration::from_millis(100);

/// Walks all arrivals of a plan and stops at those that are its own. With a share everybody walks the whole plan: an
/// arrival has the same number, moment and choice wherever it is performed.
///
/// It looks ahead on a copy of the schedule, so that nobody is woken for what is others', and a change of the rate or
/// of the roster finds the plan where it stands.
pub(super) struct Walk {
    /// Behind the last arrival of which it is decided whose it is.
    schedule: Schedule,
    /// The number of the next one.
    number: u64,
    /// So many arrivals are there in all, if they are counted.
    limit: Option<u64>,
    share: Option<ShareControl>,
    ahead: Option<Ahead>,
}

/// The next arrival at which there is something to do.
struct Ahead {
    schedule: Schedule,
    number: u64,
    is_own: bool,
    /// The roster that says so.
    version: u64,
}

/// What an arrival is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// One's own, by its number.
    Own(u64),
    /// Somebody else's: the next one has this number.
    Others(u64),
    /// Not decided: the roster has just changed.
    Undecided,
}

impl Walk {
    /// The arrivals of a schedule from a number on.
    pub(super) fn new(
        schedule: Schedule,
        (number, limit): (u64, Option<u64>),
        share: Option<ShareControl>,
    ) -> Self {
        Self { schedule, number, limit, share, ahead: None }
    }

    /// When there is something to do next: an arrival of one's own, or the last of all, or one to look on from.
    pub(super) fn peek(&mut self) -> Option<Duration> {
        let Some(share) = &self.share else { return self.schedule.peek() };
        let (roster, version) = share.standing();
        let ahead = match self.ahead.take().filter(|ahead| ahead.version == version) {
            Some(ahead) => ahead,
            None => {
                let (mut schedule, mut number) = (self.schedule.clone(), self.number);
                let horizon = schedule.peek()? + AHEAD;
                let is_own = loop {
                    let Some(due) = schedule.peek() else { break false };
                    let is_own = roster.owns(share.own().index(), number, due);
                    if is_own || due >= horizon || self.limit == Some(number + 1) {
                        break is_own;
                    }
                    schedule.next();
                    number += 1;
                };
                Ahead { schedule, number, is_own, version }
            }
        };
        self.ahead.insert(ahead).schedule.peek()
    }

    /// Takes the arrival that was looked at last.
    pub(super) fn take(&mut self) -> Step {
        let Some(share) = &self.share else {
            self.schedule.next();
            self.number += 1;
            return Step::Own(self.number - 1);
        };
        let Some(Ahead { mut schedule, number, is_own, version }) = self.ahead.take() else {
            return Step::Undecided;
        };
        match schedule.next() {
            Some(due) if share.decide(version, due) => {
                (self.schedule, self.number) = (schedule, number + 1);
                if is_own { Step::Own(number) } else { Step::Others(number + 1) }
            }
            _ => Step::Undecided,
        }
    }

    /// From a moment of the plan on the rate is so many times the planned one. One's own arrivals up to there are to be
    /// taken first; those of others are passed.
    pub(super) fn change(&mut self, at: Duration, factor: f64) {
        self.ahead = None;
        while let (Some(share), Some(due)) = (&self.share, self.schedule.peek()) {
            let (roster, version) = share.standing();
            let stays = due > at
                || self.limit == Some(self.number + 1)
                || roster.owns(share.own().index(), self.number, due);
            if stays || !share.decide(version, due) {
                break;
            }
            self.schedule.next();
            self.number += 1;
        }
        self.schedule.change(at, factor);
    }

    /// The rate of the whole plan at a moment of it, per second.
    pub(super) fn rate(&self, at: Duration) -> f64 {
        self.schedule.rate(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Seed;
    use crate::workload::schedule::Arrivals;
    use crate::workload::shape::{Shape, Stage};
    use crate::workload::share::{Epoch, Roster, Share};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn schedule(poisson: bool) -> Schedule {
        let stage = |level, ramps| Stage { level, lasts: Duration::from_secs(5), ramps };
        let rate = Shape::of(&[stage(60.0, true), stage(20.0, false), stage(90.0, true)]);
        let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
        Schedule::new(rate, arrivals, Seed(5))
    }

    fn share(index: u32, of: u32) -> ShareControl {
        ShareControl::new(Share::new(index, of).unwrap())
    }

    /// What it takes as its own up to a moment, with the numbers that it passed.
    fn taken(walk: &mut Walk, until: Duration) -> Vec<(u64, Duration)> {
        let mut taken = Vec::new();
        while let Some(due) = walk.peek().filter(|due| *due <= until) {
            if let Step::Own(number) = walk.take() {
                taken.push((number, due));
            }
        }
        taken
    }

    const END: Duration = ms(99_000);

    #[test]
    fn without_a_share_everything_is_its_own() {
        let mut walk = Walk::new(schedule(true), (7, None), None);
        let all: Vec<_> = (7..).zip(schedule(true)).collect();
        assert_eq!(taken(&mut walk, END), all);
    }

    #[test]
    fn all_shares_together_take_every_arrival_of_the_plan_once_with_its_number_and_its_moment() {
        for poisson in [true, false] {
            let whole: BTreeMap<u64, Duration> = (0..).zip(schedule(poisson)).collect();
            let mut all = BTreeMap::new();
            for index in 0..7 {
                let mut walk = Walk::new(schedule(poisson), (0, None), Some(share(index, 7)));
                for (number, due) in taken(&mut walk, END) {
                    assert_eq!(all.insert(number, due), None, "{number} twice");
                }
            }
            assert_eq!(all, whole);
        }
    }

    #[test]
    fn the_last_of_a_count_is_met_by_everybody() {
        for index in 0..3 {
            let mut walk = Walk::new(schedule(true), (0, Some(20)), Some(share(index, 3)));
            let mut steps = Vec::new();
            while steps.last().is_none_or(|step| !matches!(step, Step::Own(19) | Step::Others(20)))
            {
                walk.peek().unwrap();
                steps.push(walk.take());
            }
            let own = steps.iter().filter(|step| matches!(step, Step::Own(_))).count();
            assert_eq!(own as u64, Share::new(index, 3).unwrap().count(20));
        }
    }

    #[test]
    fn a_roster_is_not_changed_for_what_was_passed_already() {
        let control = share(0, 2);
        let mut walk = Walk::new(schedule(false), (0, None), Some(control.clone()));
        let before = taken(&mut walk, ms(8000));
        let last = before.last().unwrap().1;
        let epoch = |from| Epoch::new(from, vec![0]).unwrap();
        let error = control.change(epoch(last)).unwrap_err();
        assert!(error.to_string().contains("comes too late: the plan is at"), "{error}");
        assert_eq!(control.change(epoch(last + ms(1))), Ok(()));
        // At 20/s every second one was its own, and now all are.
        assert_eq!(taken(&mut walk, last + ms(1000)).len(), 20);
    }

    #[test]
    fn a_change_that_was_looked_beyond_already_holds_from_its_moment_on() {
        let control =
            ShareControl::new(Share::new(1, 2).unwrap()).by(Roster::new(vec![0]).unwrap());
        let mut walk = Walk::new(schedule(false), (0, None), Some(control.clone()));
        assert_eq!(taken(&mut walk, ms(6000)), []);
        let ahead = walk.peek().unwrap();
        assert!(ahead > ms(6050), "{ahead:?}");
        control.change(Epoch::new(ms(6020), vec![1]).unwrap()).unwrap();
        let own = taken(&mut walk, ms(7000));
        assert!(own[0].1 >= ms(6020) && own[0].1 < ms(6070), "{own:?}");
    }

    proptest! {
        #[test]
        fn rosters_and_rates_that_change_meanwhile_leave_every_arrival_to_exactly_one(
            of in 1u32..6,
            poisson in any::<bool>(),
            changes in proptest::collection::vec((1u64..3000, 0u32..8, any::<u32>()), 0..6),
        ) {
            let mut moment = 0;
            let changes: Vec<_> = changes.into_iter().map(|(after, quarters, bits)| {
                moment += after;
                let members: Vec<u32> = (0..of).filter(|index| bits & (1 << index) != 0).collect();
                let members = if members.is_empty() { vec![of - 1] } else { members };
                (ms(moment), f64::from(quarters) / 4.0, members)
            }).collect();
            let walked = |share: Option<ShareControl>| {
                let mut walk = Walk::new(schedule(poisson), (0, None), share.clone());
                let mut all = Vec::new();
                for (at, factor, members) in &changes {
                    all.extend(taken(&mut walk, *at));
                    walk.change(*at, *factor);
                    let epoch = Epoch::new(*at + ms(500), members.clone()).unwrap();
                    if let Some(share) = &share {
                        share.change(epoch).unwrap();
                    }
                }
                all.extend(taken(&mut walk, END));
                all
            };
            let whole = walked(None);
            let mut all: Vec<_> = (0..of).flat_map(|index| walked(Some(share(index, of)))).collect();
            all.sort_unstable();
            prop_assert_eq!(all, whole);
        }
    }
}
