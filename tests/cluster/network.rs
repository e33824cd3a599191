//! An agent whose network is gone for ten seconds: packets are swallowed, and neither side is told.

use crate::namespaces::Network;
use crate::server::NatsServer;
use crate::world::{Group, number, planned, profile, total, workload};
use serde_json::Value;
use std::fs;
use std::process::Child;
use std::time::Duration;

/// How long the network is gone: what these tests are about, and no wait for anything.
const GONE: Duration = Duration::from_secs(10);

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Measured seconds of a run.
const SECONDS: u64 = 26;

/// Everybody on a machine of the network, and a server with this configuration.
fn group_in(network: &Network, folder: tempfile::TempDir, config: &str) -> Group {
    let server = NatsServer::placed(Some(network.place("nats")), folder, config);
    let mut group = Group::at(server);
    for who in NAMES.iter().chain(&["conductor"]) {
        group.put(who, network.place(who));
    }
    group
}

/// A run of agents who all have a tenant of their own on their own machine, with this much of it told.
fn under_way(network: &Network, more: &[&str]) -> (Group, Child) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = group_in(network, folder, "jetstream { store_dir: STORE }\n");
    group.lab.file("p.toml", &profile(SECONDS, "5ms"));
    group.start_all(&NAMES);
    let mut conductor = group.conduct(3, &[&["--out", "out", "--seed", "7"], more].concat());
    group.wait_for("b", 3, &mut conductor);
    (group, conductor)
}

/// Takes the network from agent `b` for a while, and says how many of its intervals the conductor had then.
fn take_and_give_back(network: &Network, group: &Group) -> usize {
    network.cut("b");
    std::thread::sleep(GONE);
    let before = group.intervals("b");
    network.mend("b");
    before
}

/// The row of a part.
fn part(group: &Group, name: &str) -> Value {
    let text = fs::read(group.out().join("run.json")).expect("a record");
    let record: Value = serde_json::from_slice(&text).expect("JSON");
    let parts = record["parts"].as_array().expect("parts").clone();
    parts.into_iter().find(|part| part["name"] == name).expect("the part")
}

/// Intervals of an agent are there from the first to the last, each once.
fn assert_gapless(group: &Group, name: &str) {
    let path = group.out().join("agents").join(name).join("timeline.jsonl");
    let text = fs::read_to_string(path).expect("a timeline");
    let told: Vec<u64> = text
        .lines()
        .map(|line| number(&serde_json::from_str::<Value>(line).expect("a line")["interval"]))
        .collect();
    assert_eq!(told, (0..told.len() as u64).collect::<Vec<_>>(), "{name}");
}

#[test]
fn an_agent_that_loses_the_way_to_the_server_for_ten_seconds_loses_nothing() {
    let Some(network) = Network::new(&["nats", "conductor", "a", "b", "c"]) else { return };
    let (group, conductor) = under_way(&network, &[]);
    let before = take_and_give_back(&network, &group);
    let conducted = group.end(conductor);
    let summary = group.summary();
    let told = &conducted.told;
    assert!(told.contains("nothing is heard of agent `b`"), "{}", group.all_told());
    assert!(told.contains("agent `b` is heard again"), "{}", group.all_told());
    assert!(!told.contains("is lost"), "{}", group.all_told());
    assert!(before < 10, "it was cut off, and {before} of its intervals came through");
    assert_eq!(Group::due(&summary), planned(SECONDS, 7), "{}", group.all_told());
    for key in ["lost", "failed", "cut_off"] {
        assert_eq!(total(&summary, key), 0, "{key}: {summary}");
    }
    assert_eq!(number(&part(&group, "b")["due"]), total(&summary, "due") / 3, "its share, whole");
    NAMES.iter().for_each(|name| assert_gapless(&group, name));
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
}

#[test]
fn an_agent_that_is_away_for_longer_than_it_may_be_does_nothing_twice_that_others_took_over() {
    let Some(network) = Network::new(&["nats", "conductor", "a", "b", "c"]) else { return };
    let (group, conductor) = under_way(&network, &["--agent-lost", "6s"]);
    // It goes on with the plan, as far as it knows: its tenant is on its own machine.
    take_and_give_back(&network, &group);
    group
        .wait_to_hear("conductor", "`b` is heard again; others have its load, and it is sent away");
    group.wait_to_hear("b", "the stream has everything");
    let conducted = group.end(conductor);
    let summary = group.summary();
    let told = &conducted.told;
    assert!(told.contains("agent `b` is lost: nothing is heard of it"), "{}", group.all_told());
    assert!(told.contains("its load goes to 2 others"), "{}", group.all_told());
    assert_eq!(Group::due(&summary), planned(SECONDS, 7), "{}", group.all_told());
    let (own, all) = (part(&group, "b"), total(&summary, "due"));
    // Six seconds until it was given up, three until others took over; it had begun with three.
    assert!(number(&own["due"]) < all / 3, "its share, whole: {own}");
    let others = number(&part(&group, "a")["due"]) + number(&part(&group, "c")["due"]);
    assert!(others > all * 2 / 3, "{others} of {all}");
    assert_eq!(others + number(&own["due"]), all, "{summary}");
    NAMES.iter().for_each(|name| assert_gapless(&group, name));
}

/// A tenant that is nobody's own machine, by what it says of itself, and its profile.
fn tenant(group: &mut Group, place: &crate::namespaces::Place) -> (String, String) {
    group.lab.file(
        "stand-in.toml",
        "beyond_loopback = true\nsigning = \"ES256\"\n[mail]\nshow = true\n",
    );
    let listen = format!("{}:0", place.address);
    group.put("tenant", place.clone());
    let files = ["--ca-file", "tenant.pem", "--config", "stand-in.toml", "--ready", "ready.json"];
    group
        .spawn("tenant", &[&["-q", "stand-in", "--listen", &listen, "--tls"], &files[..]].concat());
    let ready = group.wait_for_line("ready.json");
    let ready: Value = serde_json::from_str(&ready).expect("JSON");
    let of = |key: &str| ready[key].as_str().expect("a text").to_owned();
    let worker = |key: &str| ready["worker"][key].as_str().expect("a text").to_owned();
    group.set("WORKER_SECRET", &worker("client_secret"));
    let text = format!(
        "[tenant]\nauth_url = \"{}\"\napi_url = \"{}\"\nenvironment_id = \"{}\"\nclient_id = \"{}\"\n\
         redirect_uri = \"{}\"\nacknowledge = \"CASE-1\"\n[tenant.worker]\nclient_id = \"{}\"\n\
         client_secret = \"${{WORKER_SECRET}}\"\nrate = \"50/s\"\n\
         [http]\nca_file = \"{}\"\nreply_timeout = \"4s\"\nconnect_timeout = \"4s\"\n\
         [codes]\nsource = \"reply\"\npointer = \"/testCode\"\n[limits]\nper_address_share = \"100%\"\n\
         [guards]\nstop_when = [\"http-5xx > 50% over 30s\"]\n",
        of("auth_url"),
        of("api_url"),
        of("environment_id"),
        of("client_id"),
        of("redirect_uri"),
        worker("client_id"),
        group.lab.path("tenant.pem").display()
    );
    (text, of("environment_id"))
}

#[test]
fn what_an_agent_could_not_do_while_everything_was_gone_is_failed_by_name_and_nothing_is_lost() {
    let machines = ["nats", "conductor", "a", "b", "c", "tenant"];
    let Some(network) = Network::new(&machines) else { return };
    // Both the server and the tenant are other machines: it goes encrypted, and by a password.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let named = rcgen::generate_simple_self_signed(vec![network.place("nats").address]);
    let named = named.expect("a certificate");
    fs::write(folder.path().join("cert.pem"), named.cert.pem()).expect("a written file");
    let key = named.signing_key.serialize_pem();
    fs::write(folder.path().join("key.pem"), key).expect("a written file");
    let config = "jetstream { store_dir: STORE }\ntls { cert_file: \"FOLDER/cert.pem\", key_file: \"FOLDER/key.pem\" }\n\
                  authorization { user: load, password: hush-7f3k }\n";
    let mut group = group_in(&network, folder, config);
    group.set("GANDER_NATS_CA", &group.server.folder().join("cert.pem").display().to_string());
    group.set("NATS_USER", "load");
    group.set("NATS_PASSWORD", "hush-7f3k");
    group.set("GANDER_PASSWORD_KEY", &"k7Q".repeat(16));
    let (text, environment) = tenant(&mut group, &network.place("tenant"));
    let workload = workload(SECONDS).replace("[accounts]", "[accounts]\nsource = \"provision\"");
    group.lab.file("p.toml", &format!("{text}{workload}"));
    group.start_all(&NAMES);
    let typed = ["--acknowledge", "CASE-1", "--environment", &environment];
    let more = [&["--out", "out", "--seed", "7"], &typed[..]].concat();
    let mut conductor = group.conduct(3, &more);
    group.wait_for("b", 3, &mut conductor);
    take_and_give_back(&network, &group);
    let conducted = group.end(conductor);
    let summary = group.summary();
    let told = &conducted.told;
    assert!(told.contains("nothing is heard of agent `b`"), "{}", group.all_told());
    assert!(told.contains("agent `b` is heard again"), "{}", group.all_told());
    assert!(!told.contains("is lost"), "{}", group.all_told());
    assert_eq!(Group::due(&summary), planned(SECONDS, 7), "{}", group.all_told());
    assert_eq!(total(&summary, "lost"), 0, "{summary}");
    let own = part(&group, "b");
    let failed = number(&own["failed"]);
    assert_eq!(number(&own["due"]), total(&summary, "due") / 3, "its share, whole: {own}");
    // Four a second, of which those of the last seconds may still have come through.
    assert!(failed >= 10 && number(&own["completed"]) > failed, "{own}");
    assert_eq!(total(&summary, "failed"), failed, "others had their network: {summary}");
    assert_eq!(by_network(&summary), failed, "{}", summary["journeys"]);
    NAMES.iter().for_each(|name| assert_gapless(&group, name));
    assert!(!group.all_told().contains("hush"), "{}", group.all_told());
}

/// Iterations that failed by the network, by whichever of its names.
fn by_network(summary: &Value) -> u64 {
    let rows = summary["journeys"].as_array().expect("journeys").iter();
    let names = ["connect-timeout", "connect-refused", "reset", "read-timeout"];
    rows.flat_map(|row| names.map(|name| number(&row["faults"][name]))).sum()
}
