//! A server that loses what it stored, and a conductor that cannot go on.

use crate::faults::{NAMES, under_way};
use crate::world::{Group, planned, total};
use std::fs;

/// Everything adds up, and nothing is missing.
fn is_whole(group: &Group, seconds: u64, told: &str) {
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(seconds, 7), "{}", group.all_told());
    assert_eq!(total(&summary, "lost"), 0, "{told}");
}

#[test]
fn a_server_whose_store_is_wiped_while_a_run_is_on_costs_nothing() {
    let (mut group, mut conductor) = under_way(14, &[]);
    group.server.kill();
    group.wait_to_hear("conductor", "there is no connection to the NATS server");
    group.server.wipe();
    group.server.start_again();
    group.wait_for("a", 8, &mut conductor);
    let conducted = group.end(conductor);
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    is_whole(&group, 14, &conducted.told);
}

#[test]
fn what_was_in_a_stream_that_is_deleted_is_told_again() {
    let (group, mut conductor) = under_way(14, &[]);
    let (runtime, client) = group.stranger();
    let _inside = runtime.enter();
    let streams = async_nats::jetstream::new(client);
    for intervals in [4, 8] {
        group.wait_for("a", intervals, &mut conductor);
        runtime.block_on(streams.delete_stream("gander-load")).expect("a deleted stream");
    }
    let conducted = group.end(conductor);
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    is_whole(&group, 14, &conducted.told);
}

#[test]
fn a_stream_that_is_lost_without_a_conductor_is_told_again_to_the_next_one_by_agents_that_are_done()
{
    let (group, mut conductor) = under_way(6, &[]);
    conductor.kill().expect("a kill");
    conductor.wait().expect("an end");
    for name in NAMES {
        group.wait_to_hear(name, "the stream has everything");
    }
    let (runtime, client) = group.stranger();
    let _inside = runtime.enter();
    let streams = async_nats::jetstream::new(client);
    runtime.block_on(streams.delete_stream("gander-load")).expect("a deleted stream");
    let conducted = group.end(group.conduct(3, &["--resume", "out", "--seed", "7"]));
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    assert!(conducted.told.contains("it tells again what is missing"), "{}", conducted.told);
    is_whole(&group, 6, &conducted.told);
}

#[test]
fn a_conductor_that_cannot_write_lets_agents_end_and_says_how_the_run_is_rescued() {
    let (group, mut conductor) = under_way(60, &[]);
    group.wait_until(&mut conductor, || group.out().join("agents.json").exists());
    // Nothing can be put in its place now.
    let path = group.out().join("agents.json");
    loop {
        let _ = fs::remove_file(&path);
        // It may be put there again meanwhile.
        if fs::create_dir(&path).is_ok() {
            break;
        }
    }
    let conducted = group.end(conductor);
    assert_eq!(conducted.code, Some(2), "{}", group.all_told());
    for told in ["agents.json", "--resume", "gander report --merge"] {
        assert!(conducted.told.contains(told), "{told}: {}", conducted.told);
    }
    for name in NAMES {
        group.wait_to_hear(name, "the conductor, which cannot go on");
        group.wait_to_hear(name, "the stream has everything");
    }
    fs::remove_dir(&path).expect("a removed folder");
    let rescued = group.end(group.conduct(3, &["--resume", "out", "--seed", "7"]));
    assert!(rescued.code.is_some_and(|code| code != 1 && code != 2), "{}", group.all_told());
    group.summary();
}
