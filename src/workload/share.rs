//! One plan performed by several: which arrivals and users are whose, also when some are lost meanwhile. Pure.

use super::shape::Shape;
use crate::base::remedy::Remedy;
pub use crate::base::share::{Share, ShareError};
use crate::base::units::Span;
use std::time::Duration;

/// Who performs a plan from a moment on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Epoch {
    from: Duration,
    members: Vec<u32>,
}

/// Who performs a plan when: epochs, one after the other. Moments are those of the plan: counted from its start, and
/// in the open model without the pauses that put it off.
///
/// What is due in an epoch is dealt out among its members in their order: the arrival with the number k goes to the one
/// at k mod their number, and so does the user k of the closed model. Everybody who has the same roster and walks the
/// same plan takes each arrival to be the same member's, so that all of them together perform exactly the plan.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Roster {
    first: Epoch,
    later: Vec<Epoch>,
}

/// Why a roster cannot be so.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RosterError {
    /// An epoch without anybody.
    #[error("nobody is left to perform the plan")]
    Nobody,
    /// Epochs are told in their order.
    #[error("a change of the roster from {} on comes behind one from {} on", Span(*from), Span(*last))]
    NotLater {
        /// Where it was to begin.
        from: Duration,
        /// Where the last one begins.
        last: Duration,
    },
    /// What was due then is performed or left to others already.
    #[error("a change of the roster from {} on comes too late: the plan is at {}", Span(*from), Span(*at))]
    TooLate {
        /// Where it was to begin.
        from: Duration,
        /// How far the plan was walked.
        at: Duration,
    },
}

impl Remedy for RosterError {
    fn remedy(&self) -> Option<String> {
        Some(
            match self {
                Self::Nobody => "keep one member at least, or end the run",
                Self::NotLater { .. } | Self::TooLate { .. } => "agree on a later moment",
            }
            .to_owned(),
        )
    }
}

/// Numbers of iterations of the closed model from here on are those of members that joined later: no run starts as
/// many, and they still have ten digits.
const LATE: u64 = 1 << 32;

impl Epoch {
    /// These members, by index, from a moment of the plan on. Their order and repeats do not matter.
    pub fn new(from: Duration, mut members: Vec<u32>) -> Result<Self, RosterError> {
        members.sort_unstable();
        members.dedup();
        if members.is_empty() { Err(RosterError::Nobody) } else { Ok(Self { from, members }) }
    }

    /// When it begins.
    pub const fn from(&self) -> Duration {
        self.from
    }

    /// Who is in it, by index, in order.
    pub fn members(&self) -> &[u32] {
        &self.members
    }

    /// The share of a member; none for anybody else.
    pub fn share(&self, member: u32) -> Option<Share> {
        let place = self.members.binary_search(&member).ok()?;
        Share::new(u32::try_from(place).ok()?, u32::try_from(self.members.len()).ok()?)
    }
}

impl Roster {
    /// All of so many from the beginning.
    pub fn of(parts: u32) -> Self {
        let first = Epoch { from: Duration::ZERO, members: (0..parts.max(1)).collect() };
        Self { first, later: Vec::new() }
    }

    /// These members from the beginning.
    pub fn new(members: Vec<u32>) -> Result<Self, RosterError> {
        Ok(Self { first: Epoch::new(Duration::ZERO, members)?, later: Vec::new() })
    }

    /// One more epoch, later than all others. The last one told again changes nothing.
    pub fn change(&mut self, epoch: Epoch) -> Result<(), RosterError> {
        let last = self.last();
        if *last == epoch {
            return Ok(());
        }
        if epoch.from <= last.from {
            return Err(RosterError::NotLater { from: epoch.from, last: last.from });
        }
        self.later.push(epoch);
        Ok(())
    }

    /// The epochs in their order.
    pub fn epochs(&self) -> impl DoubleEndedIterator<Item = &Epoch> {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// The epoch that everything ends with, as it stands.
    pub fn last(&self) -> &Epoch {
        self.later.last().unwrap_or(&self.first)
    }

    /// The epoch of a moment of the plan.
    pub fn at(&self, moment: Duration) -> &Epoch {
        self.epochs().rev().find(|epoch| epoch.from <= moment).unwrap_or(&self.first)
    }

    /// Whether an arrival with this number, due at this moment of the plan, is a member's own.
    pub fn owns(&self, member: u32, number: u64, due: Duration) -> bool {
        self.at(due).share(member).is_some_and(|share| share.has(number))
    }

    /// How many of so many users are a member's own at a moment of the plan.
    pub fn users(&self, member: u32, users: u64, at: Duration) -> u64 {
        self.at(at).share(member).map_or(0, |share| share.count(users))
    }

    /// When the closed model lets a user of a member in, from `after` on; none if it never does again as it stands.
    /// `users` is the level of all members together, and `local` counts the member's own users. All of them together
    /// are at every moment as many as the level says.
    pub fn opens(
        &self,
        member: u32,
        local: u64,
        (users, after): (&Shape, Duration),
    ) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "at most 100,000 users")]
        self.first(member, after, |share, from| users.exceeds(share.nth(local) as f64, from))
    }

    /// The same of the open model, where a member has its part of so many users in each epoch.
    pub fn seats(
        &self,
        member: u32,
        local: u64,
        (users, after): (u64, Duration),
    ) -> Option<Duration> {
        self.first(member, after, |share, from| (share.count(users) > local).then_some(from))
    }

    /// The first moment of all epochs from `after` on, by what a member's share of each comes to.
    fn first(
        &self,
        member: u32,
        after: Duration,
        when: impl Fn(Share, Duration) -> Option<Duration>,
    ) -> Option<Duration> {
        let mut epochs = self.epochs().peekable();
        while let Some(epoch) = epochs.next() {
            let ends = epochs.peek().map(|next| next.from);
            if ends.is_some_and(|ends| ends <= after) {
                continue;
            }
            let at = epoch.share(member).and_then(|share| when(share, after.max(epoch.from)));
            if let Some(at) = at.filter(|at| ends.is_none_or(|ends| *at < ends)) {
                return Some(at);
            }
        }
        None
    }

    /// The number of a member's iteration in the closed model, where it has begun so many itself; `of` is more than
    /// every index. No two members ever have the same one, whatever becomes of the roster.
    pub fn number(&self, member: u32, local: u64, of: u32) -> u64 {
        match self.first.share(member) {
            Some(share) => share.nth(local),
            None => local.saturating_mul(of.into()).saturating_add(LATE + u64::from(member)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::Stage;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn roster(first: &[u32], later: &[(u64, &[u32])]) -> Roster {
        let mut roster = Roster::new(first.to_vec()).unwrap();
        for (from, members) in later {
            roster.change(Epoch::new(s(*from), members.to_vec()).unwrap()).unwrap();
        }
        roster
    }

    #[test]
    fn arrivals_of_the_lost_go_to_the_others_from_the_agreed_moment_on() {
        let roster = roster(&[0, 1, 2], &[(10, &[0, 2])]);
        let owner = |number, due| (0..3).find(|member| roster.owns(*member, number, s(due)));
        assert_eq!([6, 7, 8].map(|number| owner(number, 9)), [Some(0), Some(1), Some(2)]);
        assert_eq!([6, 7, 8].map(|number| owner(number, 10)), [Some(0), Some(2), Some(0)]);
    }

    #[test]
    fn a_roster_changes_in_order_and_never_to_nobody() {
        let mut roster = roster(&[1, 0, 1], &[(10, &[0])]);
        assert_eq!(roster.epochs().next().unwrap().members(), [0, 1]);
        assert_eq!(Epoch::new(s(12), Vec::new()), Err(RosterError::Nobody));
        let epoch = |from, members: &[u32]| Epoch::new(s(from), members.to_vec()).unwrap();
        assert_eq!(roster.change(epoch(10, &[0])), Ok(()), "told again");
        let error = roster.change(epoch(10, &[1])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a change of the roster from 10s on comes behind one from 10s on"
        );
        assert!(error.remedy().is_some());
        assert_eq!(roster.change(epoch(11, &[1])), Ok(()));
        assert_eq!((roster.epochs().count(), roster.last().from()), (3, s(11)));
    }

    #[test]
    fn users_of_the_lost_are_let_in_elsewhere_when_the_new_roster_holds() {
        let level = Shape::constant(6.0);
        let roster = roster(&[0, 1, 2], &[(10, &[1, 2])]);
        let opens = |member, local, after| roster.opens(member, local, (&level, s(after)));
        // Two each at first, three each afterwards.
        assert_eq!(
            [0, 1, 2, 3].map(|local| opens(1, local, 0)),
            [Some(s(0)), Some(s(0)), Some(s(10)), None]
        );
        assert_eq!([0, 1].map(|local| opens(0, local, 0)), [Some(s(0)); 2]);
        assert_eq!([0, 1].map(|local| opens(0, local, 10)), [None; 2]);
        assert_eq!([0, 1, 2].map(|member| roster.users(member, 7, s(10))), [0, 4, 3]);
        let seats = [0, 1, 2, 3, 4].map(|local| roster.seats(1, local, (7, s(2))));
        assert_eq!(seats, [Some(s(2)), Some(s(2)), Some(s(10)), Some(s(10)), None]);
    }

    #[test]
    fn those_who_join_later_number_apart_and_within_ten_digits() {
        let roster = roster(&[0, 1], &[(10, &[0, 1, 2])]);
        let numbers: BTreeSet<u64> = (0..3)
            .flat_map(|member| (0..100).map(move |local| (member, local)))
            .map(|(member, local)| roster.number(member, local, 3))
            .collect();
        assert_eq!(numbers.len(), 300);
        assert_eq!(roster.number(1, 7, 3), 15);
        assert!(roster.number(2, 1_000_000_000, 3) < 10_000_000_000);
    }

    /// Members by lot, as bits; never nobody.
    fn members(of: u32, bits: u32) -> Vec<u32> {
        let chosen: Vec<u32> = (0..of).filter(|index| bits & (1 << index) != 0).collect();
        if chosen.is_empty() { vec![0] } else { chosen }
    }

    fn rosters() -> impl Strategy<Value = (u32, Roster)> {
        let epochs = proptest::collection::vec((1u64..20, any::<u32>()), 0..5);
        (1u32..12, any::<u32>(), epochs).prop_map(|(of, first, epochs)| {
            let mut roster = Roster::new(members(of, first)).unwrap();
            let mut from = 0;
            for (after, bits) in epochs {
                from += after;
                roster.change(Epoch::new(s(from), members(of, bits)).unwrap()).unwrap();
            }
            (of, roster)
        })
    }

    proptest! {
        #[test]
        fn each_arrival_is_of_exactly_one_member_and_of_nobody_outside(
            (of, roster) in rosters(),
            gaps in proptest::collection::vec(0u64..3000, 1..200),
        ) {
            let mut due = Duration::ZERO;
            for (number, gap) in (0..).zip(gaps) {
                due += Duration::from_millis(gap);
                let owners: Vec<u32> = (0..of + 3).filter(|it| roster.owns(*it, number, due)).collect();
                prop_assert_eq!(owners.len(), 1, "{} {:?}", number, due);
                prop_assert!(roster.at(due).members().contains(&owners[0]));
            }
        }

        #[test]
        fn users_of_all_members_are_as_many_as_the_level_at_every_moment(
            (of, roster) in rosters(),
            stages in proptest::collection::vec((0u32..30, 1u64..20, any::<bool>()), 1..5),
            moments in proptest::collection::vec(0u64..100_000, 1..30),
        ) {
            let stages: Vec<_> = stages
                .into_iter()
                .map(|(level, seconds, ramps)| Stage { level: f64::from(level), lasts: s(seconds), ramps })
                .collect();
            let shape = Shape::of(&stages);
            for at in moments.into_iter().map(Duration::from_millis) {
                let inside = |member, local| roster.opens(member, local, (&shape, at)) == Some(at);
                let count: usize =
                    (0..of).map(|member| (0..40).filter(|local| inside(member, *local)).count()).sum();
                // As in one piece: users with a number below the level are let in.
                let alone = (0..40).filter(|user| shape.exceeds(f64::from(*user), at) == Some(at));
                prop_assert_eq!(count, alone.count(), "{:?}", at);
            }
        }

        #[test]
        fn numbers_of_the_closed_model_never_meet_and_a_count_splits_exactly(
            (of, roster) in rosters(),
            total in 0u64..300,
        ) {
            let numbers: Vec<u64> = (0..of)
                .flat_map(|member| (0..100).map(move |local| (member, local)))
                .map(|(member, local)| roster.number(member, local, of))
                .collect();
            prop_assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len());
            let first = roster.epochs().next().unwrap();
            let done: u64 = first.members().iter().map(|member| {
                (0..).take_while(|local| roster.number(*member, *local, of) < total).count() as u64
            }).sum();
            prop_assert_eq!(done, total);
        }

        #[test]
        fn users_are_split_without_a_rest((of, roster) in rosters(), users in 0u64..500, at in 0u64..100) {
            let sum: u64 = (0..of).map(|member| roster.users(member, users, s(at))).sum();
            prop_assert_eq!(sum, users);
        }
    }
}
