//! A plan performed by several is the plan, its directory that of one run, and nobody's secrets are in it.

use crate::server::NatsServer;
use crate::tenant::Tenant;
use crate::world::{Group, number, planned, profile, total, workload};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn three_agents_perform_exactly_the_plan() {
    let mut group = Group::new();
    group.lab.file("p.toml", &profile(6, "5ms"));
    group.start_all(&["a", "b", "c"]);
    let conducted = group.run(3, &["--seed", "7", "--json"]);
    let summary = group.summary();
    // A busy machine makes an invalid run, with exact sums all the same.
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    assert_eq!(Group::due(&summary), planned(6, 7), "{}", group.all_told());
    assert_eq!((total(&summary, "lost"), total(&summary, "dropped")), (0, 0), "{summary}");
    assert!(conducted.told.contains("agent a on "), "{}", conducted.told);
    let record: Value =
        serde_json::from_slice(&fs::read(group.out().join("run.json")).expect("a record"))
            .expect("JSON");
    let names: Vec<_> =
        record["parts"].as_array().expect("parts").iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["a", "b", "c"]);
    // Numbers of iterations are those of one machine: of those measured none is there twice, none is missing.
    let mut indices = BTreeSet::new();
    for name in ["a", "b", "c"] {
        let path = group.out().join("agents").join(name).join("exemplars.jsonl");
        let text = fs::read_to_string(path).expect("exemplars");
        for line in text.lines() {
            let exemplar: Value = serde_json::from_str(line).expect("an exemplar");
            if exemplar["slowest"] == false {
                assert!(indices.insert(number(&exemplar["iteration"])), "twice: {exemplar}");
            }
        }
    }
    assert_eq!(indices.into_iter().collect::<Vec<_>>(), (12..84).collect::<Vec<_>>());
    // Nothing is left of it where it went through.
    assert!(!group.out().join("conductor.json").exists());
    let left = fs::read_dir(group.lab.path("agents")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "agents keep nothing that the conductor has");
    // And they are there for the next one.
    fs::remove_dir_all(group.out()).expect("a removed directory");
    let again = group.run(3, &["--seed", "8"]);
    assert!([Some(0), Some(5)].contains(&again.code), "{}", group.all_told());
    assert_eq!(Group::due(&group.summary()), planned(6, 8));
}

#[test]
fn a_closed_load_by_count_is_performed_exactly_so_often() {
    let mut group = Group::new();
    let text = "[workload]\nusers = 5\niterations = 43\n[journeys]\nsign-on = 1\n[accounts]\ncount = 10\n\
                [[threshold]]\nrule = \"faults < 90%\"\n[stand_in]\nsigning = \"ES256\"\n\
                [[stand_in.delay]]\ndelay = \"constant 5ms\"\n";
    group.lab.file("p.toml", text);
    group.start("a", &["--once"]);
    group.start("b", &["--once"]);
    let conducted = group.run(2, &[]);
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    let summary = group.summary();
    assert_eq!((total(&summary, "due"), total(&summary, "completed")), (43, 43), "{summary}");
    assert_eq!((group.ended("a"), group.ended("b")), (Some(0), Some(0)), "{}", group.all_told());
}

/// Looks for a text in every file below a folder.
fn find(folder: &Path, text: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            find(&path, text, found);
        } else if let Ok(bytes) = fs::read(&path)
            && bytes.windows(text.len()).any(|window| window == text.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
}

#[test]
fn accounts_of_a_tenant_are_made_once_each_and_no_secret_is_stored_anywhere() {
    let tenant = Tenant::start("signing = \"ES256\"\n");
    let secured =
        "jetstream { store_dir: STORE }\nauthorization { user: load, password: hush-of-nats }\n";
    let mut group = Group::at(NatsServer::configured(secured));
    let text = workload(4).replace("[accounts]\ncount = 90\n", "");
    group.lab.file("p.toml", &format!("{}count = 30\n{text}", tenant.profile()));
    group.set("NATS_USER", "load");
    group.set("NATS_PASSWORD", "hush-of-nats");
    group.set("GANDER_PASSWORD_KEY", &"k7Q".repeat(16));
    group.set("WORKER_SECRET", tenant.worker_secret());
    group.start_all(&["a", "b"]);
    let conducted = group.run(2, &["--seed", "3", "--set", "journeys.register=0"]);
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    let summary = group.summary();
    let due: u64 = planned(4, 3).values().sum();
    assert_eq!(total(&summary, "due"), due, "{summary}");
    assert_eq!(total(&summary, "failed"), 0, "an account was used by two: {summary}");
    // One ledger of the whole, in which no login stands twice.
    let ledger = fs::read_to_string(group.out().join("ledger.jsonl")).unwrap_or_default();
    let ledgers = ["a", "b"].map(|name| {
        let path = group.out().join("agents").join(name).join("ledger.jsonl");
        fs::read_to_string(path).expect("a ledger of an agent")
    });
    let made = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let made = lines.filter(|entry| entry["event"] == "made");
        made.filter_map(|entry| entry["login"].as_str().map(str::to_owned)).collect()
    };
    let all: Vec<String> = ledgers.iter().flat_map(|text| made(text)).collect();
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!((distinct.len(), all.len()), (30, 30), "{all:?}");
    assert!(ledger.is_empty() || made(&ledger).len() == 30);
    let mut found = Vec::new();
    for secret in ["hush-of-nats", tenant.worker_secret(), &"k7Q".repeat(4)] {
        find(group.lab.path("").as_path(), secret, &mut found);
        // The server's own configuration has its own password.
        find(&group.server.folder().join("store"), secret, &mut found);
    }
    found.retain(|path| !path.ends_with("nats.conf"));
    assert!(found.is_empty(), "{found:?}");
}
