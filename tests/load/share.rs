//! Parts of one plan: together they are the plan, also when machines are lost meanwhile.

use super::{Work, arrivals, drive, in_time, launched, ms, plan};
use gander::base::clock::Clock;
use gander::load::{EndedBy, Plan, ShareControl, Stop, Ticket, Turn, TurnError};
use gander::measure::sample::Ending;
use gander::measure::series::Phase;
use gander::workload::settings::{Model, WhenLate};
use gander::workload::shape::{Shape, Stage};
use gander::workload::share::{Epoch, Roster, RosterError, Share};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn share(index: u32, of: u32) -> Share {
    Share::new(index, of).expect("a share")
}

/// One part after the other, in this process, by itself.
async fn parts(of: u32, plan: impl Fn() -> Plan) -> Vec<(EndedBy, Vec<Ticket>)> {
    let mut parts = Vec::new();
    for share in Share::all(of) {
        let work = Work::new(|_| async {
            tokio::time::sleep(ms(2)).await;
            Ending::Completed
        });
        let plan = plan().with_share(Some(ShareControl::new(share)));
        let expected = plan.iterations();
        let end = drive(plan, &Stop::default(), &work).await;
        let tickets = work.tickets();
        assert_eq!(end.total().due, tickets.len() as u64);
        assert!(expected.is_none_or(|expected| expected == end.total().due), "{share}");
        parts.push((end.by, tickets));
    }
    parts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_parts_of_a_schedule_perform_it_with_the_numbers_moments_and_choices_of_the_whole() {
    let plan = || arrivals(200.0, 60, WhenLate::Queue);
    let mut whole: Vec<_> = Vec::new();
    for (_, tickets) in parts(3, plan).await {
        // At equal distances, every third one.
        assert!(tickets.windows(2).all(|pair| pair[1].after - pair[0].after == ms(15)));
        whole.extend(tickets);
    }
    whole.sort_by_key(|ticket| ticket.number);
    assert_eq!(whole.len(), 100);
    let mix = plan().mix;
    for (number, ticket) in (0..).zip(&whole) {
        assert_eq!((ticket.number, ticket.choice), (number, mix.pick(number)));
        assert_eq!(ticket.after, ms(5) * u32::try_from(number).expect("few"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_is_split_without_a_rest_in_both_models() {
    let by_count = |iterations: u64| {
        move || {
            plan(7, |workload| {
                workload.duration = None;
                workload.iterations = Some(iterations);
            })
        }
    };
    let open = |iterations: u64| {
        move || {
            let mut plan = arrivals(400.0, 20, WhenLate::Queue);
            plan.workload.duration = None;
            plan.workload.iterations = Some(iterations);
            plan
        }
    };
    for iterations in [50, 4, 2] {
        for found in [parts(4, by_count(iterations)).await, parts(4, open(iterations)).await] {
            assert!(found.iter().all(|(by, _)| *by == EndedBy::Count));
            let numbers: Vec<u64> =
                found.iter().flat_map(|(_, tickets)| tickets).map(|it| it.number).collect();
            let each: BTreeSet<u64> = numbers.iter().copied().collect();
            assert_eq!((numbers.len() as u64, each), (iterations, (0..iterations).collect()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_in_turn_are_split_and_number_their_iterations_apart() {
    let level = |level, ramps| Stage { level, lasts: ms(250), ramps };
    let plan = || {
        plan(1, |workload| {
            let users = Shape::of(&[level(7.0, false), level(3.0, false)]);
            workload.model = Model::Closed { users, pacing: Default::default() };
            workload.duration = Some(ms(500));
        })
    };
    let launched: Vec<_> = Share::all(3)
        .map(|share| plan().with_share(Some(ShareControl::new(share))).users())
        .collect();
    assert_eq!(launched, [3, 2, 2]);
    let mut seen = BTreeSet::new();
    for (index, (by, tickets)) in parts(3, plan).await.into_iter().enumerate() {
        assert_eq!(by, EndedBy::Time);
        let users = |from: Duration| -> BTreeSet<usize> {
            let later = tickets.iter().filter(|ticket| ticket.after >= from);
            later.map(|ticket| ticket.user).collect()
        };
        assert_eq!(users(ms(0)).len(), launched[index]);
        // Of three users each has one.
        assert_eq!(users(ms(255)).len(), 1);
        assert!(tickets.iter().all(|ticket| seen.insert(ticket.number)));
        assert!(tickets.iter().all(|ticket| ticket.number % 3 == index as u64));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_machine_leaves_is_taken_over_from_the_agreed_moment_on() {
    let work = Work::new(|_| async { Ending::Completed });
    let control = ShareControl::new(share(0, 2)).with_spares();
    let plan = arrivals(200.0, 10, WhenLate::Queue).with_share(Some(control.clone()));
    let planned = plan.clone();
    // As many users as if it were alone.
    assert_eq!(plan.users(), 10);
    let changing = async {
        work.started(10).await;
        let epoch = Epoch::new(ms(300), vec![0]).expect("members");
        control.change(epoch.clone()).expect("in time");
        control.change(epoch).expect("told again");
    };
    let stop = Stop::default();
    let (end, ()) = in_time(async { tokio::join!(drive(plan, &stop, &work), changing) }).await;
    let numbers: Vec<u64> = work.tickets().iter().map(|ticket| ticket.number).collect();
    let expected: Vec<u64> = (0..60).filter(|number| number % 2 == 0).chain(60..100).collect();
    assert_eq!(numbers, expected);
    let late = Epoch::new(ms(400), vec![0, 1]).expect("members");
    assert!(matches!(control.change(late), Err(RosterError::TooLate { .. })));
    // What the other was to do until then is known without it.
    let roster = control.roster();
    let of = |member| planned.due_until((&roster, member), ms(10_000)).expect("an open model");
    let sum = |due: &[[u64; Phase::COUNT]]| -> u64 { due.iter().flatten().sum() };
    assert_eq!((sum(&of(0)), sum(&of(1))), (end.total().due, 30));
    let of_first = end.counts.iter().map(|phases| phases[Phase::Measured as usize].due);
    let known = of(0).into_iter().map(|phases| phases[Phase::Measured as usize]);
    assert_eq!(of_first.collect::<Vec<_>>(), known.collect::<Vec<_>>(), "by choice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_a_lost_machine_are_let_in_elsewhere_while_the_load_is_on() {
    let work = Work::new(|_| async {
        tokio::time::sleep(ms(5)).await;
        Ending::Completed
    });
    let control = ShareControl::new(share(1, 3)).with_spares();
    let plan = plan(6, |workload| workload.duration = Some(ms(600)));
    let plan = plan.with_share(Some(control.clone()));
    assert_eq!(plan.users(), 3, "half of three machines, rounded up, are left");
    let load = launched(plan, &Stop::default(), &work).await;
    let start = Clock::system().now();
    let changing = async {
        work.started(4).await;
        control.change(Epoch::new(ms(300), vec![1, 2]).expect("members")).expect("in time");
    };
    let (end, ()) = in_time(async { tokio::join!(load.run(start), changing) }).await;
    assert_eq!(end.expect("a load that ends").by, EndedBy::Time);
    let mut first: BTreeMap<usize, Duration> = BTreeMap::new();
    for ticket in work.tickets() {
        let since = first.entry(ticket.user).or_insert(ticket.after);
        *since = (*since).min(ticket.after);
    }
    assert_eq!(first.len(), 3);
    assert!(first[&0] < ms(300) && first[&1] < ms(300) && first[&2] >= ms(300), "{first:?}");
}

/// One epoch with what a part has more by it.
fn turn(from: Duration, members: &[u32], more: u64) -> Turn {
    Turn { epoch: Epoch::new(from, members.to_vec()).expect("members"), more }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_machine_leaves_of_a_count_is_performed_by_the_others_on_numbers_of_their_own()
{
    let mut seen = BTreeSet::new();
    // Forty-one iterations of three, of which the third has begun four: ten are left.
    for (index, (own, more)) in [(14, 5), (14, 5)].into_iter().enumerate() {
        let work = Work::new(|_| async {
            tokio::time::sleep(ms(5)).await;
            Ending::Completed
        });
        let of = u32::try_from(index).expect("few");
        let control = ShareControl::new(share(of, 3)).with_spares();
        let plan = plan(4, |workload| {
            (workload.duration, workload.iterations) = (None, Some(41));
        });
        let plan = plan.with_share(Some(control.clone()));
        let changing = async {
            work.started(4).await;
            let turns = [turn(ms(1), &[0, 1], more)];
            assert_eq!(control.change_to(&turns), Ok(()), "late makes no difference");
            assert_eq!(control.change_to(&turns), Ok(()), "told again");
            let other = control.change_to(&[turn(ms(2), &[0, 1], more)]);
            assert!(matches!(other, Err(TurnError::Roster(RosterError::NotLater { .. }))));
        };
        let stop = Stop::default();
        let (end, ()) = in_time(async { tokio::join!(drive(plan, &stop, &work), changing) }).await;
        assert_eq!((end.by, end.total().due), (EndedBy::Count, own + more));
        assert!(work.tickets().iter().all(|ticket| seen.insert(ticket.number)));
        assert!(work.tickets().iter().all(|ticket| ticket.number % 3 == index as u64));
        let users: BTreeSet<usize> = work.tickets().iter().map(|ticket| ticket.user).collect();
        assert_eq!(users.len(), 2, "four users of two machines");
        // Once the last was begun there is nobody for more.
        let more = [turn(ms(1), &[0, 1], more), turn(ms(3), &[of], 1)];
        assert_eq!(control.change_to(&more), Err(TurnError::Over));
        assert_eq!(control.change_to(&more[..1]), Ok(()), "what it took it has taken");
    }
    assert_eq!(seen.len(), 41 - 3);
}

#[test]
fn several_changes_hold_all_or_none() {
    let control = ShareControl::new(share(1, 3));
    let turns = [turn(ms(10), &[1, 2], 0), turn(ms(10), &[1], 0)];
    assert!(matches!(
        control.change_to(&turns),
        Err(TurnError::Roster(RosterError::NotLater { .. }))
    ));
    assert_eq!(control.roster(), Roster::of(3));
    assert_eq!(control.change_to(&[turns[0].clone(), turn(ms(11), &[1], 4)]), Ok(()));
    assert_eq!((control.roster().epochs().count(), control.iterations(10)), (3, 3 + 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_to_spare_wait_until_their_machine_has_more_to_do() {
    let control = ShareControl::new(share(0, 2)).with_spares();
    let work = Work::new(|_| async {
        tokio::time::sleep(ms(40)).await;
        Ending::Completed
    });
    let plan = arrivals(400.0, 4, WhenLate::Queue).with_share(Some(control.clone()));
    let changing = async {
        work.started(6).await;
        control.change(Epoch::new(ms(300), vec![0]).expect("members")).expect("in time");
    };
    let stop = Stop::default();
    in_time(async { tokio::join!(drive(plan, &stop, &work), changing) }).await;
    let began =
        |ticket: &Ticket| ticket.handed.saturating_duration_since(ticket.due - ticket.after);
    let users = |from: Duration, to: Duration| -> BTreeSet<usize> {
        let between = |ticket: &&Ticket| (from..to).contains(&began(ticket));
        work.tickets().iter().filter(between).map(|ticket| ticket.user).collect()
    };
    assert_eq!(users(ms(0), ms(295)).len(), 2, "its half of four");
    assert_eq!(users(ms(0), ms(60_000)).len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_that_is_changed_by_hand_is_changed_for_a_part_alike() {
    let work = Work::new(|_| async { Ending::Completed });
    let plan = arrivals(200.0, 10, WhenLate::Queue);
    let plan = plan.with_share(Some(ShareControl::new(share(1, 2))));
    let rate = plan.rate.clone().expect("an open model");
    rate.set(2.0);
    drive(plan, &Stop::default(), &work).await;
    let tickets = work.tickets();
    // 400/s for half a second, every second one.
    assert!((99..=100).contains(&tickets.len()), "{}", tickets.len());
    assert!(tickets.iter().all(|ticket| ticket.number % 2 == 1));
}

#[test]
fn a_machine_that_joins_later_has_users_and_its_part_from_then_on() {
    let roster = Roster::new(vec![0, 1]).expect("members");
    let control = ShareControl::new(share(2, 3)).by(roster);
    let plan = arrivals(300.0, 9, WhenLate::Queue).with_share(Some(control.clone()));
    assert_eq!(plan.users(), 3);
    control.change(Epoch::new(ms(100), vec![0, 1, 2]).expect("members")).expect("in time");
    let due = |member| plan.due_until((&control.roster(), member), ms(500)).expect("open");
    let sum = |member| due(member).iter().flatten().sum::<u64>();
    assert_eq!((sum(0) + sum(1) + sum(2), sum(2)), (150, 40));
}
