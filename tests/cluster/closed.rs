//! Users in turn on many machines: those of an agent that is lost go on at the others, and a count stays what it is.

use crate::world::{Group, number, part, signal_to, total};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// A closed load of nine users, which lasts for a time or for a count.
fn profile(lasts: &str, more: &str) -> String {
    format!(
        "[workload]\nusers = 9\n{lasts}\n{more}\n[journeys]\nregister = 2\nsign-on = 1\n[accounts]\ncount = 90\n\
         [[threshold]]\nrule = \"faults < 90%\"\n[stand_in]\nsigning = \"ES256\"\n\
         [[stand_in.delay]]\ndelay = \"constant 20ms\"\n"
    )
}

/// Three agents at it, of which one has told so much.
fn under_way(profile: &str, intervals: usize, more: &[&str]) -> (Group, Child) {
    let mut group = Group::new();
    group.lab.file("p.toml", profile);
    group.start_all(&["a", "b", "c"]);
    let mut conductor = group.conduct(3, &[&["--out", "out", "--seed", "7"], more].concat());
    group.wait_for("b", intervals, &mut conductor);
    (group, conductor)
}

/// The most users of an agent that were at work in an interval of those between two moments.
fn users(group: &Group, agent: &str, (from, to): (u64, u64)) -> u64 {
    let path = group.out().join("agents").join(agent).join("timeline.jsonl");
    let text = fs::read_to_string(path).expect("a timeline");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line"));
    let within = lines.filter(|line| (from..to).contains(&number(&line["end_ms"])));
    within.map(|line| number(&line["readings"]["users"])).max().unwrap_or(0)
}

/// Nobody was registered by two.
fn assert_distinct_people(group: &Group) {
    let mut seen = BTreeSet::new();
    for agent in ["a", "b", "c"] {
        let path = group.out().join("agents").join(agent).join("ledger.jsonl");
        let text = fs::read_to_string(path).unwrap_or_default();
        for entry in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            if entry["event"] == "made" {
                let login = entry["login"].as_str().expect("a login").to_owned();
                assert!(seen.insert(login), "made twice: {entry}");
            }
        }
    }
    assert!(seen.len() > 90, "{}", seen.len());
}

#[test]
fn users_of_an_agent_that_dies_go_on_at_the_others() {
    let text = profile("duration = \"22s\"", "");
    let (mut group, conductor) = under_way(&text, 3, &["--agent-lost", "4s"]);
    group.kill("b");
    let conducted = group.end(conductor);
    let summary = group.summary();
    let lost = part(&group, "b");
    // What its three users were at.
    assert!(number(&lost["lost"]) <= 3, "{lost}");
    assert_eq!(total(&summary, "lost"), number(&lost["lost"]), "{summary}");
    assert_eq!(number(&part(&group, "a")["lost"]) + number(&part(&group, "c")["lost"]), 0);
    assert!(conducted.told.contains("its load goes to 2 others"), "{}", conducted.told);
    let at = group.taken_over_ms();
    let of_both = |between| users(&group, "a", between) + users(&group, "c", between);
    assert_eq!(
        (of_both((0, at - 100)), users(&group, "b", (0, at))),
        (6, 3),
        "{}",
        group.all_told()
    );
    assert_eq!(of_both((at, u64::MAX)), 9, "{}", group.all_told());
    assert_distinct_people(&group);
}

#[test]
fn what_is_left_of_the_count_of_an_agent_that_dies_is_performed_by_the_others() {
    let text = profile("iterations = 300", "pacing = \"600ms\"");
    let (mut group, conductor) = under_way(&text, 3, &["--agent-lost", "4s"]);
    group.kill("b");
    let conducted = group.end(conductor);
    let summary = group.summary();
    let lost = part(&group, "b");
    assert_eq!(total(&summary, "due"), 300, "{}", group.all_told());
    assert!(number(&lost["lost"]) <= 3, "{lost}");
    assert!(number(&lost["due"]) < 60, "{lost}");
    let others = ["a", "c"].map(|name| number(&part(&group, name)["completed"]));
    assert_eq!(others.iter().sum::<u64>(), 300 - number(&lost["due"]), "{}", group.all_told());
    assert!(others[0].abs_diff(others[1]) <= 1, "{others:?}");
    assert!(conducted.told.contains("its load goes to 2 others"), "{}", conducted.told);
    assert_distinct_people(&group);
}

#[test]
fn what_nobody_is_left_for_of_a_count_is_lost_by_name() {
    // The others are through before it is known.
    let text = profile("iterations = 90", "pacing = \"600ms\"");
    for more in [&["--agent-lost", "9s"][..], &["--agent-lost", "4s", "--when-lost", "mark"]] {
        let (mut group, conductor) = under_way(&text, 2, more);
        group.kill("b");
        let conducted = group.end(conductor);
        let summary = group.summary();
        let own = part(&group, "b");
        assert_eq!(total(&summary, "due"), 90, "{}", group.all_told());
        assert_eq!((number(&own["due"]), total(&summary, "lost")), (30, number(&own["lost"])));
        assert!(number(&own["lost"]) > 5, "{own}");
        let others = ["a", "c"].map(|name| number(&part(&group, name)["completed"]));
        assert_eq!(others, [30, 30], "{}", group.all_told());
        assert!(conducted.told.contains("agent `b` is lost"), "{}", conducted.told);
    }
}

#[test]
fn a_conductor_killed_after_an_agent_counts_as_the_one_before_did() {
    let text = profile("iterations = 300", "pacing = \"600ms\"");
    let (mut group, mut conductor) = under_way(&text, 3, &["--agent-lost", "4s"]);
    group.kill("b");
    group.wait_until(&mut conductor, || group.told("conductor").contains("its load goes to"));
    conductor.kill().expect("a kill");
    conductor.wait().expect("an end");
    let more = ["--resume", "out", "--seed", "7", "--agent-lost", "4s"];
    group.end(group.conduct(3, &more));
    let summary = group.summary();
    assert_eq!(total(&summary, "due"), 300, "{}", group.all_told());
    assert!(number(&part(&group, "b")["lost"]) <= 3, "{summary}");
    assert_eq!(total(&summary, "lost"), number(&part(&group, "b")["lost"]), "{summary}");
}

#[test]
fn an_agent_that_stands_still_while_others_take_over_takes_over_later_and_all_is_accounted_for() {
    let mut group = Group::new();
    group.lab.file("p.toml", &crate::world::profile(26, "5ms"));
    group.start_all(&["a", "b", "c"]);
    let more = ["--out", "out", "--seed", "7", "--agent-lost", "60s"];
    let mut conductor = group.conduct(3, &more);
    group.wait_for("b", 3, &mut conductor);
    group.signal("c", "STOP");
    group.signal("b", "INT");
    group.wait_to_hear("conductor", "its load goes to 2 others");
    // Until that is over.
    let at = usize::try_from(group.taken_over_ms()).expect("a moment") / 1000;
    group.wait_for("a", at + 2, &mut conductor);
    group.signal("c", "CONT");
    group.end(conductor);
    let summary = group.summary();
    let planned = crate::world::planned(26, 7);
    assert_eq!(Group::due(&summary), planned, "{}", group.all_told());
    assert_eq!(total(&summary, "lost"), number(&part(&group, "b")["lost"]), "{summary}");
    // In the end it does a part of what was of the lost one.
    let own = number(&part(&group, "c")["due"]);
    assert!(own > planned.values().sum::<u64>() / 3, "{own}: {}", group.all_told());
}

#[test]
fn what_is_due_until_an_agent_hears_that_it_has_more_to_do_is_lost_of_the_one_that_left_it() {
    let mut group = Group::new();
    group.lab.file("p.toml", &crate::world::profile(26, "5ms"));
    let relay = Relay::start(&group.server.url());
    group.start_all(&["a", "b"]);
    group.start_through(&relay.url, "c", &[]);
    let more = ["--out", "out", "--seed", "7", "--agent-lost", "60s"];
    let mut conductor = group.conduct(3, &more);
    group.wait_for("b", 3, &mut conductor);
    relay.hold(true);
    group.signal("b", "INT");
    group.wait_to_hear("conductor", "its load goes to 2 others");
    let at = usize::try_from(group.taken_over_ms()).expect("a moment") / 1000;
    group.wait_for("a", at + 2, &mut conductor);
    relay.hold(false);
    let conducted = group.end(conductor);
    let told = "agent `c` heard too late that it has more to do";
    assert!(conducted.told.contains(told), "{}", group.all_told());
    let (summary, planned) = (group.summary(), crate::world::planned(26, 7));
    assert_eq!(Group::due(&summary), planned, "{}", group.all_told());
    let lost = ["a", "b", "c"].map(|name| number(&part(&group, name)["lost"]));
    // A sixth of twelve a second, for five seconds at least, and for no more than fifteen.
    assert_eq!((lost[0], lost[2]), (0, 0), "{lost:?}");
    assert!((8..40).contains(&lost[1]), "{lost:?}: {}", group.all_told());
    let own = number(&part(&group, "c")["due"]);
    assert!(own > planned.values().sum::<u64>() / 3, "{own}: {}", group.all_told());
}

#[test]
fn whoever_stops_a_count_after_an_agent_was_lost_is_owed_nothing_more() {
    let text = profile("iterations = 9000", "pacing = \"600ms\"");
    let (mut group, mut conductor) = under_way(&text, 3, &["--agent-lost", "4s"]);
    group.kill("b");
    group.wait_until(&mut conductor, || group.told("conductor").contains("its load goes to"));
    signal_to(conductor.id(), "INT");
    let conducted = group.end(conductor);
    assert_eq!(conducted.code, Some(130), "{}", group.all_told());
    let summary = group.summary();
    assert!(total(&summary, "lost") <= 3, "{summary}");
    assert!(total(&summary, "due") < 1500, "{summary}");
}

impl Group {
    /// When others took over, as the conductor told it.
    fn taken_over_ms(&self) -> u64 {
        let told = self.told("conductor");
        let (_, behind) = told.split_once(" others from ").expect("a takeover");
        let (seconds, _) = behind.split_once(" s of the run").expect("a moment");
        let at = Duration::from_secs_f64(seconds.parse().expect("seconds"));
        u64::try_from(at.as_millis()).expect("a moment")
    }
}

/// A way to the server on which nothing gets through for a while.
struct Relay {
    url: String,
    is_held: Arc<AtomicBool>,
}

impl Relay {
    fn start(to: &str) -> Self {
        let to = to.trim_start_matches("nats://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("nats://{}", listener.local_addr().expect("an address"));
        let is_held = Arc::new(AtomicBool::new(false));
        let held = is_held.clone();
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(&to) else { continue };
                let ways = [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))];
                for (from, to) in ways {
                    let (held, from, to) = (held.clone(), from.expect("one"), to.expect("another"));
                    thread::spawn(move || pass(from, to, &held));
                }
            }
        });
        Self { url, is_held }
    }

    fn hold(&self, is_held: bool) {
        self.is_held.store(is_held, Ordering::SeqCst);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, is_held: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        while is_held.load(Ordering::SeqCst) {
            thread::park_timeout(Duration::from_millis(10));
        }
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
