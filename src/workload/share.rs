//! One plan performed by several: which arrivals and users are whose, also when some are lost meanwhile. Pure.

use crate::base::remedy::Remedy;
pub use crate::base::share::{Share, ShareError};
use crate::base::units::Span;
use std::collections::BTreeMap;
use std::time::Duration;

/// Who performs a plan from a moment on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Epoch {
    from: Duration,
    members: Vec<u32>,
    /// Members who take over what is theirs by it later than that, and from when on.
    late: BTreeMap<u32, Duration>,
}

/// Who performs a plan when: epochs, one after the other. Moments are those of the plan: counted from its start, and
/// in the open model without the pauses that put it off.
///
/// At first the arrival with the number k goes to the member at k mod their number, and so does the user k of the closed
/// model ([`Places`](super::places::Places)). Where members are missing in the next epoch the others keep what is theirs,
/// and what was of the missing is dealt out among them: so one that hears of it late takes nothing that is another's. Where
/// somebody new is in an epoch all is dealt out anew. Everybody who has the same roster and walks the same plan takes each
/// arrival to be the same member's, so that all of them together perform exactly the plan.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Roster {
    first: Epoch,
    later: Vec<Epoch>,
}

/// Why a roster cannot be so.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
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
        let late = BTreeMap::new();
        if members.is_empty() { Err(RosterError::Nobody) } else { Ok(Self { from, members, late }) }
    }

    /// The same, where a member takes over what was of the missing later than the others. Until then nobody performs it.
    #[must_use]
    pub fn with_late(mut self, member: u32, from: Duration) -> Self {
        self.late.insert(member, from);
        self
    }

    /// When it begins.
    pub const fn from(&self) -> Duration {
        self.from
    }

    /// Who is in it, by index, in order.
    pub fn members(&self) -> &[u32] {
        &self.members
    }

    /// Whether somebody is in it who was not in the one before.
    pub(super) fn has_new(&self, before: &Self) -> bool {
        self.members.iter().any(|member| before.members.binary_search(member).is_err())
    }

    /// Deals out what is numbered in a row: who has the next of so many, by their places from one on; and the number
    /// among those of that one.
    fn deal(&self, number: u64, from: u32) -> (u32, u64) {
        let all = self.members.len() as u64;
        let place = usize::try_from((number + u64::from(from)) % all).unwrap_or(0);
        (self.members.get(place).copied().unwrap_or(0), number / all)
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
        let members = (0..parts.max(1)).collect();
        let first = Epoch { from: Duration::ZERO, members, late: BTreeMap::new() };
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

    /// Whose an arrival with this number is that is due at this moment of the plan. One of which a member takes over too
    /// late is of the one that is missing.
    pub fn owner(&self, number: u64, due: Duration) -> u32 {
        let (mut owner, mut rest) = self.first.deal(number, 0);
        let (mut before, mut taken) = (owner, &self.first);
        let mut last = &self.first;
        for epoch in self.later.iter().take_while(|epoch| epoch.from <= due) {
            let is_missing = epoch.members.binary_search(&owner).is_err();
            let is_new = epoch.has_new(last);
            if is_missing || is_new {
                (before, taken) = (owner, epoch);
                (owner, rest) =
                    if is_new { epoch.deal(number, 0) } else { epoch.deal(rest, owner) };
            }
            last = epoch;
        }
        let is_late = taken.late.get(&owner).is_some_and(|from| due < *from);
        if is_late { before } else { owner }
    }

    /// Whether an arrival with this number, due at this moment of the plan, is a member's own.
    pub fn owns(&self, member: u32, number: u64, due: Duration) -> bool {
        self.owner(number, due) == member
    }

    /// How many of so many users of the open model are a member's own at a moment of the plan.
    pub fn users(&self, member: u32, users: u64, at: Duration) -> u64 {
        self.at(at).share(member).map_or(0, |share| share.count(users))
    }

    /// When the open model lets a user of a member in, from `after` on; none if it never does again as it stands. A member
    /// has its part of so many users in each epoch, and `local` counts its own.
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
        // Others keep theirs, and have those of the lost in turn.
        assert_eq!([6, 7, 8].map(|number| owner(number, 10)), [Some(0), Some(2), Some(2)]);
        assert_eq!([1, 4, 7, 10].map(|it| owner(it, 10)), [Some(2), Some(0), Some(2), Some(0)]);
    }

    #[test]
    fn what_a_member_takes_over_too_late_is_of_the_lost_until_then() {
        let mut known = roster(&[0, 1, 2], &[]);
        let epoch = Epoch::new(s(10), vec![0, 2]).unwrap();
        known.change(epoch.with_late(2, s(15))).unwrap();
        known.change(Epoch::new(s(12), vec![2]).unwrap()).unwrap();
        let owners = |due| [3, 4, 5, 6, 7, 8].map(|number| known.owner(number, s(due)));
        assert_eq!(owners(9), [0, 1, 2, 0, 1, 2]);
        assert_eq!(owners(10), [0, 0, 2, 0, 1, 2], "4 is taken over in time, 7 is not");
        assert_eq!(owners(13), [2, 2, 2, 2, 1, 2]);
        assert_eq!(owners(15), [2; 6]);
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
    fn users_of_the_open_model_are_let_in_when_the_new_roster_holds() {
        let roster = roster(&[0, 1, 2], &[(10, &[1, 2])]);
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
        fn only_arrivals_of_the_missing_move_and_the_others_have_equally_many_of_them(
            of in 2u32..12,
            bits in any::<u32>(),
            late in 0u64..10,
        ) {
            let mut roster = Roster::of(of);
            let left = members(of, bits);
            let slow = *left.last().unwrap();
            let epoch = Epoch::new(s(10), left.clone()).unwrap();
            roster.change(epoch.with_late(slow, s(10 + late))).unwrap();
            let mut taken = BTreeMap::new();
            for number in 0..u64::from(of) * 100 {
                let (before, after) = (roster.owner(number, s(9)), roster.owner(number, s(20)));
                let meanwhile = roster.owner(number, s(10));
                if left.contains(&before) {
                    prop_assert_eq!((before, before), (meanwhile, after));
                } else {
                    let waits = late > 0 && after == slow;
                    prop_assert_eq!(meanwhile, if waits { before } else { after });
                    *taken.entry((before, after)).or_insert(0u64) += 1;
                }
            }
            let most = taken.values().max().unwrap_or(&0);
            prop_assert!(taken.values().all(|number| most - number <= 1), "{:?}", taken);
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
