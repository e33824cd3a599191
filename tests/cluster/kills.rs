//! A conductor that is killed again and again, at moments that nobody chose, and right between writing and
//! acknowledging: what was delivered counts once.

use crate::world::{Group, number, planned, profile, total};
use gander::base::random::Seed;
use gander::cluster::message::{News, Report, read};
use rand::RngExt;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Measured seconds of the run: enough for all kills on a machine that is twice as slow.
const SECONDS: u64 = 30;

const KILLS: u32 = 10;

/// Where the moments come from.
const SEED: Seed = Seed(20_261_123);

/// For each agent the first interval that the stream still has, as a conductor does not acknowledge what it has taken
/// before that is on its disk.
fn in_stream(group: &Group) -> BTreeMap<String, u64> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = async_nats::connect(group.server.url()).await.expect("a connection");
        let streams = async_nats::jetstream::new(client);
        let mut stream = streams.get_stream("gander-load").await.expect("a stream");
        let state = stream.info().await.expect("its state").state.clone();
        let mut first = BTreeMap::new();
        for place in state.first_sequence..=state.last_sequence {
            // Those that were acknowledged are gone.
            let Ok(message) = stream.get_raw_message(place).await else { continue };
            let report: Report = read(Report::WHAT, &message.payload).expect("a report");
            if let News::Interval(piece) = report.news {
                first.entry(report.agent.to_string()).or_insert(piece.interval);
            }
        }
        first
    })
}

/// Whether somebody's intervals are on the conductor's disk that the stream still has: it was killed between the two.
fn was_between(group: &Group, in_stream: &BTreeMap<String, u64>) -> bool {
    in_stream.iter().any(|(agent, first)| group.intervals(agent) as u64 > *first)
}

#[test]
fn a_conductor_killed_ten_times_at_any_moment_counts_everything_once() {
    let mut random = SEED.stream("kills", 0);
    let mut group = Group::new();
    group.lab.file("p.toml", &profile(SECONDS, "5ms"));
    group.start_all(&NAMES);
    let mut conductor = group.conduct(3, &["--out", "out", "--seed", "7"]);
    group.wait_for("c", 3, &mut conductor);
    let (mut between, mut acknowledged) = (0, 0);
    for kill in 0..KILLS {
        if kill % 2 == 0 {
            // It has just written: what it acknowledges once a second is still to come.
            let agent = NAMES[random.random_range(0..NAMES.len())];
            let before = group.intervals(agent);
            group.wait_for(agent, before + 1, &mut conductor);
        } else {
            // Any moment, that of its own beginning among them.
            std::thread::sleep(Duration::from_millis(random.random_range(0..1500)));
        }
        conductor.kill().expect("a kill");
        conductor.wait().expect("an end");
        let first = in_stream(&group);
        between += u32::from(was_between(&group, &first));
        acknowledged = acknowledged.max(first.values().copied().max().unwrap_or(0));
        conductor = group.conduct(3, &["--resume", "out", "--seed", "7"]);
    }
    assert!(between > 0, "none of {KILLS} kills by {SEED:?} came between the two");
    assert!(acknowledged > 0, "and nothing was ever acknowledged before one");
    let conducted = group.end(conductor);
    let summary = group.summary();
    let what = format!("moments of {SEED:?}, {between} of {KILLS} between the two");
    assert_eq!(Group::due(&summary), planned(SECONDS, 7), "{what}: {}", group.all_told());
    for key in ["lost", "failed", "cut_off"] {
        assert_eq!(total(&summary, key), 0, "{what}, {key}: {summary}");
    }
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    for name in NAMES {
        let path = group.out().join("agents").join(name).join("timeline.jsonl");
        let text = fs::read_to_string(path).expect("a timeline");
        let told: Vec<u64> = text
            .lines()
            .map(|line| number(&serde_json::from_str::<Value>(line).expect("a line")["interval"]))
            .collect();
        assert_eq!(told, (0..told.len() as u64).collect::<Vec<_>>(), "{name}");
    }
}

/// A scheduler starts a conductor again by itself, with the same words as the first time.
#[test]
fn a_conductor_killed_while_it_ends_the_run_ends_it_the_next_time() {
    let mut group = Group::new();
    group.lab.file("p.toml", &profile(2, "5ms"));
    group.start_all(&["a", "b"]);
    for file in ["timeline.jsonl", "run.json", "summary.json", "report.html"] {
        let words = ["--resume-or-start", "out", "--seed", "7"];
        let mut conductor = group.conduct(2, &words);
        let path = group.out().join(file);
        while !path.exists() && conductor.try_wait().expect("a process").is_none() {
            std::thread::yield_now();
        }
        let _ = conductor.kill();
        conductor.wait().expect("an end");
        let conducted = group.end(group.conduct(2, &words));
        assert!([Some(0), Some(5)].contains(&conducted.code), "{file}: {}", group.all_told());
        let summary = group.summary();
        assert_eq!(Group::due(&summary), planned(2, 7), "{file}: {}", group.all_told());
        assert_eq!(total(&summary, "lost"), 0, "{file}: {summary}");
        assert!(group.out().join("report.html").exists(), "{file}: {}", group.all_told());
        assert!(!group.out().join("conductor.json").exists(), "{file}: it is over");
        let kept = fs::read_dir(group.lab.path("agents")).map_or(0, Iterator::count);
        assert_eq!(kept, 0, "{file}: agents keep what the conductor has: {}", group.all_told());
        fs::remove_dir_all(group.out()).expect("a removed directory");
    }
}

/// What a lost agent left undone is booked once, however often the run is ended.
#[test]
fn a_conductor_killed_while_it_ends_a_run_that_lost_an_agent_books_that_once() {
    let mut group = Group::new();
    group.lab.file("p.toml", &profile(10, "5ms"));
    group.start_all(&NAMES);
    let words = ["--resume-or-start", "out", "--seed", "7", "--agent-lost", "4s"];
    let mut conductor = group.conduct(3, &words);
    group.wait_for("b", 3, &mut conductor);
    group.kill("b");
    let mut lost = Vec::new();
    for _ in 0..2 {
        let path = group.out().join("run.json");
        while !path.exists() && conductor.try_wait().expect("a process").is_none() {
            std::thread::yield_now();
        }
        let _ = conductor.kill();
        conductor.wait().expect("an end");
        let summary = group.summary();
        assert_eq!(Group::due(&summary), planned(10, 7), "{}", group.all_told());
        lost.push(total(&summary, "lost"));
        conductor = group.conduct(3, &words);
        // It is taken away before it is made again.
        group.wait_to_hear("conductor", "taken up again");
    }
    let conducted = group.end(conductor);
    assert!([Some(0), Some(4), Some(5)].contains(&conducted.code), "{}", group.all_told());
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(10, 7), "{}", group.all_told());
    lost.push(total(&summary, "lost"));
    assert!(lost[0] > 0 && lost.iter().all(|count| *count == lost[0]), "{lost:?}");
}
