//! What can happen to a group: agents that die or stand still, a server that is started again, a conductor that is killed.

use crate::world::{Group, number, part, planned, profile, signal_to, total};
use serde_json::Value;
use std::fs;
use std::process::Child;

pub(crate) const NAMES: [&str; 3] = ["a", "b", "c"];

/// A run of three agents under way, with this much of it told.
pub(crate) fn under_way(seconds: u64, more: &[&str]) -> (Group, Child) {
    let mut group = Group::new();
    group.lab.file("p.toml", &profile(seconds, "5ms"));
    group.start_all(&NAMES);
    let mut conductor = group.conduct(3, &[&["--out", "out", "--seed", "7"], more].concat());
    group.wait_for("b", 3, &mut conductor);
    (group, conductor)
}

#[test]
fn the_load_of_an_agent_that_dies_goes_to_the_others_and_what_is_missing_is_lost_by_name() {
    let (mut group, conductor) = under_way(16, &["--agent-lost", "4s"]);
    group.kill("b");
    let conducted = group.end(conductor);
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(16, 7), "{}", group.all_told());
    let lost = part(&group, "b");
    assert!(number(&lost["lost"]) > 0, "{lost}");
    assert_eq!(total(&summary, "lost"), number(&lost["lost"]), "{summary}");
    assert!(conducted.told.contains("agent `b` is lost"), "{}", conducted.told);
    assert!(conducted.told.contains("its load goes to 2 others"), "{}", conducted.told);
    // From four seconds and three more on the others did its work.
    let all: u64 = planned(16, 7).values().sum();
    assert!(number(&lost["lost"]) < all / 3, "{lost}");
    let others = number(&part(&group, "a")["due"]) + number(&part(&group, "c")["due"]);
    assert!(others > all * 2 / 3, "{others} of {all}");
    assert!(lost["lost_from_ms"].is_u64(), "{lost}");
}

#[test]
fn of_an_agent_that_dies_before_it_tells_anything_all_is_lost_that_was_due_of_it() {
    let mut group = Group::new();
    group.lab.file("p.toml", &profile(12, "5ms"));
    group.start_all(&NAMES);
    let more = ["--out", "out", "--seed", "7", "--agent-lost", "4s"];
    let conductor = group.conduct(3, &more);
    // Three seconds before that.
    group.wait_to_hear("conductor", "all start at");
    group.kill("b");
    let conducted = group.end(conductor);
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(12, 7), "{}", group.all_told());
    assert!(conducted.told.contains("agent `b` is lost"), "{}", conducted.told);
    let own = part(&group, "b");
    assert_eq!(
        (number(&own["due"]), number(&own["completed"])),
        (number(&own["lost"]), 0),
        "{own}"
    );
    assert!(number(&own["lost"]) > 0, "{own}");
}

#[test]
fn where_the_run_is_to_be_marked_the_rest_of_an_agent_that_dies_is_lost() {
    let (mut group, conductor) = under_way(10, &["--agent-lost", "4s", "--when-lost", "mark"]);
    group.kill("b");
    let conducted = group.end(conductor);
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(10, 7), "{}", group.all_told());
    let (own, all) = (part(&group, "b"), planned(10, 7).values().sum::<u64>());
    assert_eq!(number(&own["due"]), all / 3, "its share, all of it: {own}");
    assert!(number(&own["lost"]) > all / 6, "{own}");
    assert!(!conducted.told.contains("its load goes to"), "{}", conducted.told);
    assert_eq!(conducted.code, Some(5), "less than the plan was put on: {}", group.all_told());
    assert!(conducted.told.contains("due iterations were lost"), "{}", conducted.told);
    let cautions = summary["cautions"].to_string();
    assert!(cautions.contains("lost"), "{cautions}");
}

#[test]
fn an_agent_that_stands_still_for_a_while_loses_nothing() {
    let (group, conductor) = under_way(14, &["--agent-lost", "24s"]);
    group.signal("b", "STOP");
    // That is told after a third of the time, eight seconds.
    group.wait_to_hear("conductor", "nothing is heard of agent `b`");
    group.signal("b", "CONT");
    let conducted = group.end(conductor);
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(14, 7), "{}", group.all_told());
    assert_eq!(total(&summary, "lost"), 0, "{summary}");
    assert!(conducted.told.contains("agent `b` is heard again"), "{}", conducted.told);
}

#[test]
fn an_agent_that_stands_still_for_ever_is_lost() {
    let (group, conductor) = under_way(14, &["--agent-lost", "4s"]);
    group.signal("b", "STOP");
    let conducted = group.end(conductor);
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(14, 7), "{}", group.all_told());
    assert!(number(&part(&group, "b")["lost"]) > 0);
    assert!(conducted.told.contains("agent `b` is lost"), "{}", conducted.told);
}

#[test]
fn an_agent_that_comes_back_when_others_have_its_load_is_sent_away_and_nothing_counts_twice() {
    let (group, conductor) = under_way(24, &["--agent-lost", "4s"]);
    group.signal("b", "STOP");
    group.wait_to_hear("conductor", "its load goes to 2 others");
    group.signal("b", "CONT");
    group.wait_to_hear("conductor", "agent `b` is heard again; others have its load");
    group.wait_to_hear("b", "the stream has everything");
    group.end(conductor);
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(24, 7), "{}", group.all_told());
    assert!(number(&part(&group, "b")["lost"]) > 0, "{summary}");
}

#[test]
fn a_server_that_is_started_again_costs_nothing() {
    let (mut group, mut conductor) = under_way(12, &[]);
    group.server.kill();
    group.wait_to_hear("conductor", "there is no connection to the NATS server");
    group.server.start_again();
    group.wait_for("a", 6, &mut conductor);
    let conducted = group.end(conductor);
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(12, 7), "{}", group.all_told());
    assert_eq!(total(&summary, "lost"), 0, "{summary}");
    assert!(conducted.told.contains("the NATS server is there again"), "{}", conducted.told);
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
}

#[test]
fn a_conductor_killed_twice_and_taken_up_twice_counts_everything_once() {
    let (group, mut conductor) = under_way(14, &[]);
    for intervals in [5, 9] {
        group.wait_for("c", intervals, &mut conductor);
        // Between taking messages and acknowledging them: that is once a second only.
        conductor.kill().expect("a kill");
        conductor.wait().expect("an end");
        conductor = group.conduct(3, &["--resume", "out", "--seed", "7"]);
    }
    let conducted = group.end(conductor);
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(14, 7), "{}", group.all_told());
    assert_eq!(total(&summary, "lost"), 0, "{summary}");
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    for name in NAMES {
        let path = group.out().join("agents").join(name).join("timeline.jsonl");
        let text = fs::read_to_string(path).expect("a timeline");
        for (place, line) in text.lines().enumerate() {
            let line: Value = serde_json::from_str(line).expect("a line");
            assert_eq!(number(&line["interval"]), place as u64, "{name}");
        }
    }
    // What is over is not taken up again.
    let over = group.end(group.conduct(3, &["--resume", "out", "--seed", "7"]));
    assert_eq!(over.code, Some(2), "{}", over.told);
}

#[test]
fn a_run_whose_conductor_is_gone_until_its_end_is_finished_by_the_next_one() {
    let (group, mut conductor) = under_way(6, &[]);
    conductor.kill().expect("a kill");
    conductor.wait().expect("an end");
    // The agents go on by themselves, and the stream has what they tell.
    for name in NAMES {
        group.wait_to_hear(name, "the stream has everything");
    }
    let conducted = group.end(group.conduct(3, &["--resume", "out", "--seed", "7"]));
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(6, 7), "{}", group.all_told());
    assert_eq!(total(&summary, "lost"), 0, "{summary}");
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
}

#[test]
fn a_run_has_one_conductor_also_where_a_second_one_is_to_take_it_up() {
    let (group, conductor) = under_way(8, &[]);
    for more in [["--resume", "out"], ["--resume-or-start", "out"], ["-o", "out"]] {
        let second = group.end(group.conduct(3, &[&more[..], &["--seed", "7"]].concat()));
        assert_eq!(second.code, Some(2), "{more:?}: {}", second.told);
    }
    assert!(group.told("conductor").contains("another process conducts the run in `out`"));
    let conducted = group.end(conductor);
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(8, 7), "{}", group.all_told());
    assert_eq!(total(&summary, "lost"), 0, "{summary}");
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
}

#[test]
fn whoever_stops_the_conductor_stops_all_agents() {
    let (group, conductor) = under_way(60, &[]);
    signal_to(conductor.id(), "INT");
    let conducted = group.end(conductor);
    assert_eq!(conducted.code, Some(130), "{}", group.all_told());
    let summary = group.summary();
    assert!(total(&summary, "due") < u64::from(crate::world::RATE) * 40, "{summary}");
    assert_eq!(total(&summary, "lost"), 0, "{summary}");
}

#[test]
fn an_agent_that_somebody_stops_leaves_its_load_to_the_others() {
    let (mut group, conductor) = under_way(12, &[]);
    group.signal("b", "INT");
    assert_eq!(group.ended("b"), Some(130), "{}", group.all_told());
    let conducted = group.end(conductor);
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(12, 7), "{}", group.all_told());
    assert!(conducted.told.contains("agent `b` is lost: it was interrupted"), "{}", conducted.told);
    assert!(conducted.told.contains("its load goes to 2 others"), "{}", conducted.told);
}
