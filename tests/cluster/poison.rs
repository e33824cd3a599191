//! Messages that no agent of the run wrote: they cost nothing, end nothing, and are told of once.

use crate::faults::under_way;
use crate::world::{Group, planned, total};
use async_nats::Client;
use serde_json::{Value, json};

/// What somebody with the group's credentials puts into the stream and says in the names of agents.
async fn poison(client: &Client, journal: &Value) {
    let run = journal["plan"]["run"].as_str().expect("a run");
    let instance = |name: &str| {
        let members = journal["members"].as_array().expect("members");
        members.iter().find(|of| of["name"] == name).expect("a member")["instance"].clone()
    };
    let report = |agent: &str, instance: &Value, sequence: u64, news: Value| {
        json!({
            "schema_version": 1, "run": run, "agent": agent, "instance": instance, "sequence": sequence, "news": news,
        })
    };
    let ledger = |after: u64| json!({ "ledger": { "after": after, "lines": ["{}"] } });
    let interval = |interval: u64, end_ms: u64| {
        let line = json!({
            "schema_version": 1, "interval": interval, "start_ms": 0, "end_ms": end_ms, "measured_ms": 0,
        });
        json!({ "interval": { "interval": interval, "piece": 0, "pieces": 200, "line": line } })
    };
    let own = instance("a");
    let mut messages: Vec<Vec<u8>> = vec![b"no message".to_vec(), vec![0xff; 3000], Vec::new()];
    for text in [
        json!({ "schema_version": 9, "run": run, "what": "nobody knows" }),
        report("ghost", &json!(1), 0, ledger(0)),
        report("../..", &json!(1), 0, ledger(0)),
        report("a", &json!(12), 0, ledger(0)),
        report("a", &own, u64::MAX, ledger(0)),
        report("a", &own, 1_000_000, interval(0, 1000)),
        report("a", &own, 5, ledger(u64::MAX)),
        report("a", &own, 6, interval(0, u64::MAX)),
    ] {
        messages.push(text.to_string().into_bytes());
    }
    // In the place of what comes next, wherever that is: none of it can be.
    for sequence in 0..200 {
        messages.push(report("a", &own, sequence, ledger(u64::MAX)).to_string().into_bytes());
    }
    for (number, message) in messages.into_iter().enumerate() {
        let subject = format!("gander.load.results.{run}.x{number}");
        client.publish(subject, message.into()).await.expect("a message");
    }
    let presence = json!({
        "schema_version": 1, "agent": "b", "instance": 5, "gander_version": "9.9.9", "host": "h", "cores": 1,
        "stage": "idle",
    });
    for text in [presence.to_string(), "no sign".to_owned()] {
        for agent in ["b", "ghost", "x"] {
            let subject = format!("gander.load.beat.{agent}");
            client.publish(subject, text.clone().into()).await.expect("a message");
        }
    }
    client.flush().await.expect("a connection");
}

#[test]
fn what_no_agent_wrote_ends_nothing_and_costs_nothing() {
    let (group, mut conductor) = under_way(16, &[]);
    let (runtime, client) = group.stranger();
    runtime.block_on(poison(&client, &group.journal()));
    group.wait_for("a", 7, &mut conductor);
    runtime.block_on(poison(&client, &group.journal()));
    // Whoever takes it up again meets none of what was left out.
    group.wait_for("a", 9, &mut conductor);
    conductor.kill().expect("a kill");
    conductor.wait().expect("an end");
    let conducted = group.end(group.conduct(3, &["--resume", "out", "--seed", "7"]));
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(16, 7), "{}", group.all_told());
    assert_eq!(total(&summary, "lost"), 0, "{}", group.all_told());
    assert!(!conducted.told.contains("is lost"), "{}", conducted.told);
}

#[test]
fn what_was_left_out_is_told_once() {
    let (group, conductor) = under_way(6, &[]);
    let (runtime, client) = group.stranger();
    let run = group.journal()["plan"]["run"].as_str().expect("a run").to_owned();
    runtime.block_on(async {
        for text in ["no message", "{}", "[]"] {
            let subject = format!("gander.load.results.{run}.ghost");
            client.publish(subject, text.into()).await.expect("a message");
        }
        client.flush().await.expect("a connection");
    });
    let conducted = group.end(conductor);
    let told = "3 messages that no agent of the run can have written (3 cannot be read)";
    assert_eq!(conducted.told.matches(told).count(), 1, "{}", conducted.told);
    assert_eq!(Group::due(&group.summary()), planned(6, 7), "{}", group.all_told());
}
