//! What can happen between a plan and the start of its load: agents that go, a person who has enough, an agent that is
//! taken, a server that is not there yet.

use crate::server::NatsServer;
use crate::tenant::Tenant;
use crate::world::{Group, profile, signal_to, workload};
use std::fs;
use std::process::Child;

/// A conductor of two agents at a tenant of which one never gets ready, for its accounts take their time.
fn preparing(tenant: &Tenant) -> (Group, Child) {
    let mut group = Group::new();
    let text = workload(4).replace("[accounts]\ncount = 90\n", "").replace("register = 2\n", "");
    group.lab.file("p.toml", &format!("{}count = 4\n{text}", tenant.profile()));
    group.set("GANDER_PASSWORD_KEY", &"k7Q".repeat(16));
    group.set("WORKER_SECRET", tenant.worker_secret());
    group.start_all(&["a", "b"]);
    let conductor = group.conduct(2, &["--out", "out"]);
    (group, conductor)
}

/// Both have a plan, and none is ready for long.
fn of_slow_accounts() -> Tenant {
    Tenant::start("signing = \"ES256\"\n[[delay]]\ndelay = \"constant 5s\"\n")
}

#[test]
fn an_agent_that_is_started_anew_between_its_plan_and_the_start_is_told_by_name() {
    let tenant = of_slow_accounts();
    let (mut group, conductor) = preparing(&tenant);
    group.wait_to_hear("b", "share 2 of 2");
    group.kill("b");
    group.start("b", &[]);
    let conducted = group.end(conductor);
    assert_eq!(conducted.code, Some(3), "{}", group.all_told());
    let told = "agent `b` is gone: its process was started anew";
    assert!(conducted.told.contains(told), "{}", group.all_told());
    group.wait_to_hear("a", told);
    group.wait_to_hear("a", "nothing came of run");
    assert!(!group.out().exists(), "nothing is left of what did not begin");
}

#[test]
fn whoever_stops_a_conductor_before_the_start_lets_agents_forget_the_plan() {
    let tenant = of_slow_accounts();
    let (group, conductor) = preparing(&tenant);
    group.wait_to_hear("b", "share 2 of 2");
    group.wait_to_hear("a", "share 1 of 2");
    signal_to(conductor.id(), "INT");
    let conducted = group.end(conductor);
    assert_eq!(conducted.code, Some(130), "{}", group.all_told());
    assert!(conducted.told.contains("nothing has begun"), "{}", conducted.told);
    assert!(!conducted.told.contains("may finish"), "{}", conducted.told);
    assert!(conducted.told.contains("may have made accounts"), "{}", conducted.told);
    for name in ["a", "b"] {
        group.wait_to_hear(name, "somebody stopped the conductor");
        group.wait_to_hear(name, "nothing came of run");
        assert!(!group.told(name).contains("the stream has everything"), "{}", group.told(name));
    }
    assert!(!group.out().exists(), "nothing is left of what did not begin");
}

#[test]
fn accounts_that_were_made_for_a_run_that_never_began_are_told_with_what_removes_them() {
    let tenant = Tenant::start("signing = \"ES256\"\n");
    let mut group = Group::new();
    let text = workload(4).replace("[accounts]\ncount = 90\n", "").replace("register = 2\n", "");
    group.lab.file("p.toml", &format!("{}count = 4\n{text}", tenant.profile()));
    group.set("GANDER_PASSWORD_KEY", &"k7Q".repeat(16));
    group.set("WORKER_SECRET", tenant.worker_secret());
    group.start("a", &[]);
    // One of them cannot: it has no secret.
    group.set("WORKER_SECRET", "wrong-9z");
    group.start("b", &[]);
    group.set("WORKER_SECRET", tenant.worker_secret());
    let conducted = group.run(2, &[]);
    assert_eq!(conducted.code, Some(3), "{}", group.all_told());
    assert!(
        conducted.told.contains("agents `a`, `b` may have made accounts"),
        "{}",
        conducted.told
    );
    group.wait_to_hear("a", "nothing came of run");
    let told = group.told("a");
    if told.contains("accounts made for it") {
        let command = told.split('`').find(|part| part.starts_with("gander accounts clean-up"));
        let command: Vec<_> = command.expect("a command").split(' ').skip(1).collect();
        let mut cleaning = group.lab.command(&command);
        cleaning.env("WORKER_SECRET", tenant.worker_secret());
        let cleaned = cleaning.output().expect("a clean-up");
        assert!(cleaned.status.success(), "{}", String::from_utf8_lossy(&cleaned.stderr));
    }
}

#[test]
fn all_are_counted_and_one_that_is_taken_is_waited_for() {
    let mut group = Group::new();
    group.lab.file("p.toml", &profile(3, "5ms"));
    group.start("a", &[]);
    let first = group.conduct(1, &["--out", "first"]);
    group.wait_to_hear("conductor", "all start at");
    let conducted = group.run(1, &[]);
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    for told in ["0 of 1 agents are there", "1 of 1 agents are there", "1 of 1 agents are ready"] {
        assert!(conducted.told.contains(told), "{told}: {}", conducted.told);
    }
    group.end(first);
    group.summary();
}

#[test]
fn a_server_that_is_not_there_yet_is_tried_again_and_again() {
    let mut server = NatsServer::start();
    server.kill();
    let mut group = Group::at(server);
    group.lab.file("p.toml", &profile(2, "5ms"));
    group.start("a", &[]);
    group.wait_to_hear("a", "it is tried again and again");
    let conductor = group.conduct(1, &["--out", "out"]);
    group.wait_to_hear("conductor", "it is tried again and again for");
    group.server.start_again();
    let conducted = group.end(conductor);
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    group.summary();
}

#[test]
fn where_nothing_began_nothing_is_taken_up() {
    let group = Group::new();
    group.lab.file("p.toml", &profile(2, "5ms"));
    fs::create_dir(group.out()).expect("a folder");
    let nothing = group.end(group.conduct(1, &["--resume", "out"]));
    assert_eq!(nothing.code, Some(2), "{}", nothing.told);
    assert!(nothing.told.contains("nothing has begun"), "{}", nothing.told);
    assert!(nothing.told.contains("--resume-or-start"), "{}", nothing.told);
}
