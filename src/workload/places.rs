//! Which users of the closed model are a member's: it keeps its own when others are lost, and has some of theirs. Pure.

use super::shape::Shape;
use super::share::Roster;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The users of one member by a roster: its own places, and which user of the plan has each of them in which epoch.
///
/// At first the user k is of the member at k mod their number. Users of those who are missing in the next epoch go one by
/// one to whoever has the fewest; all others stay where they are. Where somebody new is in an epoch all are dealt out anew.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Places {
    /// From when on, by its own place, in order.
    epochs: Vec<(Duration, Vec<u64>)>,
}

impl Places {
    /// Those of a member, where the plan has so many users at most. Takes so much time and memory as there are users.
    pub fn of(roster: &Roster, member: u32, users: u64) -> Self {
        let mut owners: Vec<u32> = Vec::new();
        let mut epochs: Vec<(Duration, Vec<u64>)> = Vec::new();
        let mut last = None;
        for epoch in roster.epochs() {
            let members = epoch.members();
            let mut own = match last {
                Some(before) if !epoch.has_new(before) => {
                    let taken = hand_over(&mut owners, members, member);
                    epochs.last().map(|(_, own)| [own.clone(), taken].concat()).unwrap_or_default()
                }
                _ => {
                    owners = members.iter().copied().cycle().zip(0..users).map(|it| it.0).collect();
                    (0..)
                        .zip(&owners)
                        .filter(|(_, owner)| **owner == member)
                        .map(|it| it.0)
                        .collect()
                }
            };
            if members.binary_search(&member).is_err() {
                own.clear();
            }
            epochs.push((epoch.from(), own));
            last = Some(epoch);
        }
        Self { epochs }
    }

    /// The user of the plan who has a place of the member at a moment of the plan.
    pub fn user(&self, place: usize, at: Duration) -> Option<u64> {
        let (_, own) = self.epochs.iter().rev().find(|(from, _)| *from <= at)?;
        own.get(place).copied()
    }

    /// When the user in a place of the member is let in, from `after` on; none if never again as it stands. `users` is the
    /// level of all members together: at every moment all of them let in as many as it says.
    pub fn opens(&self, place: usize, (users, after): (&Shape, Duration)) -> Option<Duration> {
        let mut epochs = self.epochs.iter().peekable();
        while let Some((from, own)) = epochs.next() {
            let ends = epochs.peek().map(|next| next.0);
            if ends.is_some_and(|ends| ends <= after) {
                continue;
            }
            #[expect(clippy::cast_precision_loss, reason = "at most 100,000 users")]
            let at = own.get(place).and_then(|user| users.exceeds(*user as f64, after.max(*from)));
            if let Some(at) = at.filter(|at| ends.is_none_or(|ends| *at < ends)) {
                return Some(at);
            }
        }
        None
    }
}

/// Gives the users of those who are missing to the members. Says which of them one has.
fn hand_over(owners: &mut [u32], members: &[u32], member: u32) -> Vec<u64> {
    let mut numbers: BTreeMap<u32, u64> = members.iter().map(|member| (*member, 0)).collect();
    for owner in owners.iter() {
        numbers.entry(*owner).and_modify(|number| *number += 1);
    }
    let mut fewest: BTreeSet<(u64, u32)> =
        numbers.iter().map(|(member, number)| (*number, *member)).collect();
    let mut taken = Vec::new();
    for (user, owner) in (0..).zip(owners) {
        if numbers.contains_key(owner) {
            continue;
        }
        let Some((number, next)) = fewest.pop_first() else { break };
        fewest.insert((number + 1, next));
        *owner = next;
        if next == member {
            taken.push(user);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::super::shape::Stage;
    use super::super::share::Epoch;
    use super::*;
    use proptest::prelude::*;

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
    fn users_of_the_lost_are_let_in_elsewhere_and_all_others_stay() {
        let level = Shape::constant(6.0);
        let roster = roster(&[0, 1, 2], &[(10, &[1, 2])]);
        let users = |member, at| -> Vec<u64> {
            let places = Places::of(&roster, member, 6);
            (0..6).filter_map(|place| places.user(place, s(at))).collect()
        };
        assert_eq!([0, 1, 2].map(|member| users(member, 9)), [[0, 3], [1, 4], [2, 5]]);
        assert_eq!([1, 2].map(|member| users(member, 10)), [[1, 4, 0], [2, 5, 3]]);
        assert!(users(0, 10).is_empty());
        let opens =
            |member, place, after| Places::of(&roster, member, 6).opens(place, (&level, s(after)));
        assert_eq!(
            [0, 1, 2, 3].map(|place| opens(1, place, 0)),
            [Some(s(0)), Some(s(0)), Some(s(10)), None]
        );
        assert_eq!([0, 1].map(|place| opens(0, place, 0)), [Some(s(0)); 2]);
        assert_eq!([0, 1].map(|place| opens(0, place, 10)), [None; 2]);
    }

    #[test]
    fn who_has_fewest_takes_over_first() {
        // A user each, and one after the other goes.
        let later: Vec<(u64, Vec<u32>)> =
            (1u32..6).map(|lost| (lost.into(), (0..12 - lost).collect())).collect();
        let later: Vec<(u64, &[u32])> =
            later.iter().map(|(at, members)| (*at, &members[..])).collect();
        let roster = roster(&(0..12).collect::<Vec<_>>(), &later);
        let most = |at| {
            let held = |member| {
                let places = Places::of(&roster, member, 12);
                (0..12).filter(|place| places.user(*place, s(at)).is_some()).count()
            };
            (0..12).map(held).max()
        };
        assert_eq!((most(0), most(1), most(5)), (Some(1), Some(2), Some(2)));
    }

    /// Rosters from which members are lost one after the other, in any order, some at once.
    fn losses() -> impl Strategy<Value = (u32, Roster)> {
        let epochs = proptest::collection::vec((1u64..20, any::<u32>()), 0..5);
        (1u32..12, epochs).prop_map(|(of, epochs)| {
            let mut roster = Roster::of(of);
            let (mut from, mut members) = (0, (0..of).collect::<Vec<_>>());
            for (after, bits) in epochs {
                from += after;
                let left: Vec<u32> =
                    members.iter().copied().filter(|index| bits & (1 << index) != 0).collect();
                members = if left.is_empty() { members } else { left };
                roster.change(Epoch::new(s(from), members.clone()).unwrap()).unwrap();
            }
            (of, roster)
        })
    }

    proptest! {
        #[test]
        fn each_user_is_held_by_one_member_at_any_moment_and_only_those_of_the_lost_move(
            (of, roster) in losses(),
            users in 1u64..60,
        ) {
            let all: Vec<Places> = (0..of).map(|member| Places::of(&roster, member, users)).collect();
            let mut before: BTreeMap<u64, (u32, usize)> = BTreeMap::new();
            for epoch in roster.epochs() {
                let mut held = BTreeMap::new();
                for (member, places) in (0..).zip(&all) {
                    for place in 0..60 {
                        if let Some(user) = places.user(place, epoch.from()) {
                            prop_assert!(epoch.members().contains(&member));
                            prop_assert_eq!(held.insert(user, (member, place)), None);
                        }
                    }
                }
                prop_assert_eq!(held.keys().copied().collect::<Vec<_>>(), (0..users).collect::<Vec<_>>());
                for (user, (member, place)) in &before {
                    if epoch.members().contains(member) {
                        // In the same place, so that nobody's turn changes either.
                        prop_assert_eq!(held[user], (*member, *place));
                    }
                }
                before = held;
                // As many as are launched where not more than half are lost.
                let half = of.div_ceil(2);
                if epoch.members().len() >= half as usize {
                    let launched = users.div_ceil(half.into());
                    prop_assert!(before.values().all(|(_, place)| (*place as u64) < launched));
                }
            }
        }

        #[test]
        fn users_of_all_members_are_as_many_as_the_level_at_every_moment(
            (of, roster) in losses(),
            stages in proptest::collection::vec((0u32..30, 1u64..20, any::<bool>()), 1..5),
            moments in proptest::collection::vec(0u64..100_000, 1..30),
        ) {
            let stages: Vec<_> = stages
                .into_iter()
                .map(|(level, seconds, ramps)| Stage { level: f64::from(level), lasts: s(seconds), ramps })
                .collect();
            let shape = Shape::of(&stages);
            let all: Vec<Places> = (0..of).map(|member| Places::of(&roster, member, 30)).collect();
            for at in moments.into_iter().map(Duration::from_millis) {
                let inside = |places: &Places, place| places.opens(place, (&shape, at)) == Some(at);
                let count: usize = all
                    .iter()
                    .map(|places| (0..30).filter(|place| inside(places, *place)).count())
                    .sum();
                // As in one piece: users with a number below the level are let in.
                let alone = (0..30).filter(|user| shape.exceeds(f64::from(*user), at) == Some(at));
                prop_assert_eq!(count, alone.count(), "{:?}", at);
            }
        }
    }
}
