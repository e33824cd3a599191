//! Agents that come late: while a group gathers they take part, and when a run is on they wait for the next one.

use crate::world::{Group, planned, profile, total};
use serde_json::Value;
use std::fs;

/// Who took part.
fn parts(group: &Group) -> Vec<String> {
    let text = fs::read(group.out().join("run.json")).expect("a record");
    let record: Value = serde_json::from_slice(&text).expect("JSON");
    let parts = record["parts"].as_array().expect("parts").iter();
    parts.map(|part| part["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn one_that_joins_while_the_others_are_awaited_takes_part() {
    let mut group = Group::new();
    group.lab.file("p.toml", &profile(4, "5ms"));
    group.start("a", &[]);
    let conductor = group.conduct(2, &["--out", "out", "--seed", "7"]);
    group.wait_to_hear("conductor", "1 of 2 agents are there");
    group.start("b", &[]);
    let conducted = group.end(conductor);
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(4, 7), "{}", group.all_told());
    assert_eq!(total(&summary, "lost"), 0, "{summary}");
    assert_eq!(parts(&group), ["a", "b"]);
}

#[test]
fn one_that_joins_when_the_run_is_on_waits_for_the_next_and_disturbs_nothing() {
    let mut group = Group::new();
    group.lab.file("p.toml", &profile(14, "5ms"));
    group.start_all(&["a", "b"]);
    let more = ["--out", "out", "--seed", "7", "--agent-lost", "4s"];
    let mut conductor = group.conduct(2, &more);
    group.wait_for("b", 2, &mut conductor);
    group.start("c", &[]);
    group.wait_to_hear("c", "of group load");
    // It has nothing of what is left by one that is lost, either.
    group.kill("b");
    let conducted = group.end(conductor);
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(14, 7), "{}", group.all_told());
    assert!(conducted.told.contains("its load goes to 1 other from"), "{}", conducted.told);
    assert_eq!(parts(&group), ["a", "b"]);
    assert!(!group.told("c").contains("share"), "{}", group.told("c"));
    fs::remove_dir_all(group.out()).expect("a removed directory");
    group.lab.file("p.toml", &profile(3, "5ms"));
    let next = group.run(2, &["--seed", "8"]);
    assert!([Some(0), Some(5)].contains(&next.code), "{}", group.all_told());
    assert_eq!(Group::due(&group.summary()), planned(3, 8), "{}", group.all_told());
    assert_eq!(parts(&group), ["a", "c"]);
}
