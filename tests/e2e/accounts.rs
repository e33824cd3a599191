//! Accounts outside of any run: made, listed and removed, and nobody else's touched.

use crate::lab::{Ended, Lab};
use crate::run::{after_intervals, signal};
use crate::tenant::Tenant;
use gander::standin::directory::{Profile, User};
use std::process::Stdio;
use std::time::SystemTime;

const QUIET: &str = "[journeys]\nregister = 1\n";

fn users(tenant: &Tenant) -> usize {
    tenant.directory().populations().iter().map(|each| each.users).sum()
}

/// Somebody whom gander did not make.
fn add_jane(tenant: &Tenant, username: &str) {
    let population = tenant.ready().population_id.clone();
    let profile = Profile {
        username: username.to_owned(),
        email: "jane@example.com".to_owned(),
        population,
        ..Profile::default()
    };
    let user = User::new(username, profile, SystemTime::UNIX_EPOCH);
    tenant.directory().add(user).expect("a free name");
}

#[test]
fn accounts_are_provisioned_under_a_tag_listed_and_cleaned_up() {
    let (lab, tenant) = (Lab::new(), Tenant::start(""));
    let profile = lab.file("p.toml", &format!("{}{QUIET}", tenant.profile()));
    // One who looks like it, and is of no tag.
    add_jane(&tenant, "gander-jane");
    let make = ["accounts", "provision", &profile, "--count", "5", "--prefix", "load", "--tag"];
    let ended = tenant
        .gander(&lab, &[&make[..], &["spring", "--population", "Load", "--out", "a.csv"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for part in [
        "making 5 identities in environment",
        "population Load",
        "done 5 accounts made, tag with its prefix load-spring",
    ] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    let csv = std::fs::read_to_string(lab.path("a.csv")).expect("a file");
    assert_eq!(csv.lines().count(), 6, "{csv}");
    assert!(csv.contains("gander-load-spring-0-0@load.example.com"), "{csv}");
    assert!(!csv.contains("password"), "{csv}");
    let made =
        tenant.directory().populations().iter().find(|it| it.name == "Load").map(|it| it.users);
    assert_eq!(made, Some(5));

    let again = ["--count", "1", "--tag", "load-spring", "--out", "a.csv"];
    let ended =
        tenant.gander(&lab, &[&["accounts", "provision", &profile][..], &again[..]].concat());
    assert_eq!((ended.code, users(&tenant)), (2, 6), "{}", ended.stderr);
    assert!(ended.stderr.contains("`a.csv` is there already"), "{}", ended.stderr);
    assert_eq!(std::fs::read_to_string(lab.path("a.csv")).expect("a file"), csv);

    // Two more under the same tag, for another purpose; a tag of somebody else.
    let ended = tenant.gander(
        &lab,
        &[
            "accounts",
            "provision",
            &profile,
            "-c",
            "2",
            "--tag",
            "load-spring",
            "--state",
            "locked",
        ],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let ended =
        tenant.gander(&lab, &["accounts", "provision", &profile, "-c", "3", "--tag", "load"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let ended = tenant.gander(&lab, &["accounts", "list", &profile]);
    assert_eq!(ended.stdout, "tag,accounts\nload,3\nload-spring,7\n", "{}", ended.stderr);
    let ended = lab.run(&["accounts", "list", "--run", "load-spring"]);
    assert_eq!(ended.stdout.lines().filter(|line| line.contains(",locked,")).count(), 2);
    assert!(ended.stderr.contains("7 accounts of environment"), "{}", ended.stderr);
    let ended = tenant.gander(&lab, &["accounts", "list", &profile, "--tag", "load"]);
    assert_eq!(ended.stdout.lines().count(), 4, "{}", ended.stdout);
    assert!(!ended.stdout.contains(",ok,"), "a state that nobody knows: {}", ended.stdout);

    // Shown first, then done; by ledger, and what has no ledger by its tag.
    let clean = ["accounts", "clean-up", &profile, "--run", "load-spring"];
    let ended = tenant.gander(&lab, &[&clean[..], &["--dry-run"]].concat());
    assert_eq!((ended.code, ended.stdout.lines().count(), users(&tenant)), (0, 8, 11));
    assert!(ended.stderr.contains("7 accounts would be removed"), "{}", ended.stderr);
    let ended = tenant.gander(&lab, &clean);
    assert_eq!((ended.code, users(&tenant)), (0, 4), "{}", ended.stderr);
    assert!(ended.stderr.contains("7 accounts removed"), "{}", ended.stderr);
    let ended = tenant.gander(&lab, &clean);
    assert!(ended.stderr.contains("0 accounts removed"), "{}", ended.stderr);
    std::fs::remove_dir_all(lab.path("reports")).expect("a folder");
    let ended = tenant.gander(&lab, &["accounts", "clean-up", &profile, "--run", "load"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("`--tag`"), "{}", ended.stderr);
    let ended = tenant.gander(&lab, &["accounts", "clean-up", &profile, "--tag", "load"]);
    assert_eq!((ended.code, users(&tenant)), (0, 1), "{}", ended.stderr);
    assert!(tenant.directory().is_taken("gander-jane"));
}

/// A command at a slow tenant, interrupted once so many users are left or there.
fn interrupted(
    (lab, tenant): (&Lab, &Tenant),
    arguments: &[&str],
    is_time: impl Fn(usize) -> bool,
) -> Ended {
    let mut command = lab.command(arguments);
    command.args(["--set", "tenant.worker.rate=20/s"]);
    command.env("WORKER_SECRET", tenant.worker_secret());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().expect("a binary that starts");
    while !is_time(users(tenant)) {
        std::thread::yield_now();
    }
    signal(child.id(), "INT");
    Ended::of(child.wait_with_output().expect("an end"))
}

#[test]
fn an_interrupt_leaves_no_account_untold_and_says_how_to_go_on() {
    let (lab, tenant) = (Lab::new(), Tenant::start(""));
    let profile = lab.file("p.toml", &format!("{}{QUIET}", tenant.profile()));
    let make = ["accounts", "provision", &profile, "-c", "400", "--tag", "t", "--out", "a.csv"];
    let ended = interrupted((&lab, &tenant), &make, |users| users > 10);
    let made = users(&tenant);
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!((11..400).contains(&made), "{made}");
    let csv = std::fs::read_to_string(lab.path("a.csv")).expect("a file");
    assert_eq!(csv.lines().count(), made + 1, "{}", ended.stderr);
    let clean = format!("`gander accounts clean-up {profile} --ledger reports/t/ledger.jsonl`");
    for part in [&format!("stopped: {made} of 400 accounts"), &clean] {
        assert!(ended.stderr.contains(part.as_str()), "{part}: {}", ended.stderr);
    }

    let clean = ["accounts", "clean-up", &profile, "--run", "t"];
    let ended = interrupted((&lab, &tenant), &clean, |users| users < made);
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("{profile} --run t` goes on")), "{}", ended.stderr);
    let left = users(&tenant);
    let ended = tenant.gander(&lab, &clean);
    assert_eq!((ended.code, users(&tenant)), (0, 0), "{left}: {}", ended.stderr);
}

/// Somebody whose name and address are as given.
fn add(tenant: &Tenant, username: &str, email: &str) {
    let population = tenant.ready().population_id.clone();
    let (username, email) = (username.to_owned(), email.to_owned());
    let profile = Profile { username, email, population, ..Profile::default() };
    let user = User::new(&profile.username.clone(), profile, SystemTime::UNIX_EPOCH);
    tenant.directory().add(user).expect("a free name");
}

#[test]
fn people_whose_names_look_like_a_tag_are_neither_listed_nor_removed_by_it() {
    let (lab, tenant) = (Lab::new(), Tenant::start(""));
    let profile = lab.file("p.toml", &format!("{}{QUIET}", tenant.profile()));
    let make = ["accounts", "provision", &profile, "-c", "2", "--tag", "spring"];
    let ended = tenant.gander(&lab, &make);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    add(&tenant, "gander-spring-holiday", "jane+gander-spring-0-1@realcompany.com");
    add(&tenant, "gander-spring-0-901", "real@realcompany.com");
    add(&tenant, "gander-spring-0-902@realcompany.com", "ann@realcompany.com");
    add(&tenant, "bob", "gander-spring-0-900@realcompany.com");
    let ended = tenant.gander(&lab, &["accounts", "list", &profile]);
    assert_eq!(ended.stdout, "tag,accounts\nspring,2\n", "{}", ended.stderr);
    let ended = tenant.gander(&lab, &["accounts", "list", &profile, "--tag", "spring"]);
    assert_eq!(ended.stdout.lines().count(), 3, "{}", ended.stdout);
    let clean = ["accounts", "clean-up", &profile, "--tag", "spring"];
    let ended = tenant.gander(&lab, &[&clean[..], &["--dry-run"]].concat());
    assert_eq!((ended.stdout.lines().count(), users(&tenant)), (3, 6), "{}", ended.stdout);
    let ended = tenant.gander(&lab, &clean);
    assert_eq!((ended.code, users(&tenant)), (0, 4), "{}", ended.stderr);
    // Whose profile had another domain names it.
    let elsewhere = ["--domain", "realcompany.com", "--dry-run"];
    let ended = tenant.gander(&lab, &[&clean[..], &elsewhere].concat());
    assert!(ended.stderr.contains("2 accounts would be removed"), "{}", ended.stderr);
}

#[test]
fn a_killed_run_is_cleaned_up_from_its_ledger_and_a_run_that_goes_on_is_not() {
    let (lab, tenant) = (Lab::new(), Tenant::start(""));
    add_jane(&tenant, "jane");
    let text = format!(
        "{}count = 3\n[journeys]\nsign-on = 1\n[workload]\nusers = 2\nduration = \"60s\"\n",
        tenant.profile()
    );
    let profile = lab.file("p.toml", &text);
    let mut command = lab.command(&["run", &profile]);
    command.env("WORKER_SECRET", tenant.worker_secret());
    let mut process =
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a binary that starts");
    after_intervals(&lab, 1);
    let clean = ["accounts", "clean-up", &profile, "--ledger", "reports/latest"];
    let ended = tenant.gander(&lab, &clean);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("still going on"), "{}", ended.stderr);
    let run = std::fs::read_link(lab.path("reports/latest")).expect("a link");
    let run = run.file_name().and_then(|name| name.to_str()).expect("the id of a run").to_owned();
    let by_tag = ["accounts", "clean-up", &profile, "--tag", &run];
    let ended = tenant.gander(&lab, &by_tag);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("still going on"), "{}", ended.stderr);
    process.kill().expect("a process");
    process.wait().expect("an end");
    assert_eq!(users(&tenant), 4);
    let ended = tenant.gander(&lab, &clean);
    assert_eq!((ended.code, users(&tenant)), (0, 1), "{}", ended.stderr);
}

#[test]
fn a_ledger_of_another_environment_is_refused() {
    let (lab, tenant) = (Lab::new(), Tenant::start(""));
    let profile = lab.file("p.toml", &format!("{}{QUIET}", tenant.profile()));
    let ended = tenant.gander(&lab, &["accounts", "provision", &profile, "-c", "2", "--tag", "x"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let path = lab.path("reports/x/ledger.jsonl");
    let ledger = std::fs::read_to_string(&path).expect("a ledger");
    std::fs::write(&path, ledger.replace(&tenant.ready().environment_id, "e-2")).expect("a ledger");
    let ended = tenant.gander(&lab, &["accounts", "clean-up", &profile, "--run", "x"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("belongs to environment `e-2`"), "{}", ended.stderr);
    assert_eq!(users(&tenant), 2);
}

#[test]
fn a_ledger_that_names_somebody_else_removes_nobody() {
    let (lab, tenant) = (Lab::new(), Tenant::start(""));
    let profile = lab.file("p.toml", &format!("{}{QUIET}", tenant.profile()));
    add(&tenant, "jane", "jane@realcompany.com");
    let ended = tenant.gander(&lab, &["accounts", "provision", &profile, "-c", "2", "--tag", "x"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let path = lab.path("reports/x/ledger.jsonl");
    let ledger = std::fs::read_to_string(&path).expect("a ledger");
    let clean = ["accounts", "clean-up", &profile, "--run", "x"];
    let dry = [&clean[..], &["--dry-run"]].concat();
    // Her name with her id, and her id alone.
    for (login, code, word) in
        [("jane", 2, "`jane`"), ("gander-x-0-9@x.test", 3, "somebody else's")]
    {
        let made = format!(
            "{{\"event\":\"made\",\"at\":\"2026-01-01T00:00:00.000Z\",\"login\":\"{login}\",\"email\":\"{login}\",\
             \"persona\":9,\"state\":\"ok\"}}\n"
        );
        let id = &"{\"event\":\"learned\",\"login\":\"LOGIN\",\"id\":\"jane\"}\n"
            .replace("LOGIN", login);
        std::fs::write(&path, format!("{ledger}{made}{id}")).expect("a ledger");
        for arguments in [&dry[..], &clean] {
            let ended = tenant.gander(&lab, arguments);
            assert_eq!(ended.code, code, "{}", ended.stderr);
            assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
            assert!(tenant.directory().is_taken("jane"), "{login}");
        }
    }
    assert_eq!(users(&tenant), 1, "the others are removed");
}

#[test]
fn what_is_missing_for_accounts_is_told_with_a_way_out() {
    let (lab, tenant) = (Lab::new(), Tenant::start(""));
    let profile = lab.file("p.toml", &format!("{}{QUIET}", tenant.profile()));
    let bare = lab.file("bare.toml", "[journeys]\nregister = 1\n");
    let (unsaid, embedded) = (["accounts", "clean-up", &profile], ["accounts", "list", &bare]);
    let wrong = ["accounts", "provision", &profile, "-c", "1", "--tag", "Spring!"];
    let nobody = ["accounts", "list"];
    for (arguments, part) in [
        (&unsaid[..], "--run ID"),
        (&embedded, "names no tenant"),
        (&wrong, "cannot be a tag"),
        (&nobody, "gander stand-in"),
    ] {
        let ended = tenant.gander(&lab, arguments);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    // A worker that is not let in is the tenant's matter.
    let mut command = lab.command(&["accounts", "list", &profile]);
    let ended = Ended::of(command.env("WORKER_SECRET", "wrong").output().expect("output"));
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("`tenant.worker`"), "{}", ended.stderr);
}

/// A profile of this tenant whose accounts come from `source`, with a short load.
fn load_of(tenant: &Tenant, source: &str, more: &str) -> String {
    let tenant = tenant.profile().replace("\"provision\"", &format!("\"{source}\""));
    format!("{tenant}{more}\n[workload]\nusers = 2\niterations = 20\nwarm_up = \"0s\"\n")
}

const SIGN_ON: &str = "count = 4\n[journeys]\nsign-on = 1\n";

#[test]
fn accounts_of_a_csv_file_sign_on_and_outlive_every_clean_up() {
    let (lab, tenant) = (Lab::new(), Tenant::start(""));
    let profile = lab.file("p.toml", &format!("{}{QUIET}", tenant.profile()));
    let make = ["accounts", "provision", &profile, "-c", "4", "--tag", "x", "-o", "a.csv"];
    let ended = tenant.gander(&lab, &make);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let load = lab.file("load.toml", &load_of(&tenant, "csv:a.csv", SIGN_ON));
    let ended = tenant.gander(&lab, &["run", &load]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let ended = tenant.gander(&lab, &["accounts", "clean-up", &load, "--ledger", "reports/latest"]);
    assert_eq!((ended.code, users(&tenant)), (0, 4), "{}", ended.stderr);
    assert!(ended.stderr.contains("0 accounts removed"), "{}", ended.stderr);
    // What would change them is refused before anything is called.
    let changing = SIGN_ON.replace("sign-on", "recovery");
    let load = lab.file("load.toml", &load_of(&tenant, "csv:a.csv", &changing));
    let ended = tenant.gander(&lab, &["run", &load]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("`recovery` changes its account"), "{}", ended.stderr);
    // A password that a person wrote into the file is the one that is used.
    lab.file("b.csv", "login,password\nnobody@example.com,Wr0ng!password\n");
    let load = lab.file("load.toml", &load_of(&tenant, "csv:b.csv", SIGN_ON));
    let ended = tenant.gander(&lab, &["run", &load, "-u", "1"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    for (path, content) in lab.files() {
        let holds = String::from_utf8_lossy(&content).contains("Wr0ng!password");
        assert!(!holds || path.ends_with("b.csv"), "{}", path.display());
    }
}

#[test]
fn accounts_of_an_earlier_ledger_are_used_again_and_keep_their_ledger_right() {
    let (lab, tenant) = (Lab::new(), Tenant::start(""));
    let profile = lab.file("p.toml", &format!("{}{QUIET}", tenant.profile()));
    let ended = tenant.gander(&lab, &["accounts", "provision", &profile, "-c", "4", "--tag", "x"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let source = "ledger:reports/x/ledger.jsonl";
    let load = lab.file("load.toml", &load_of(&tenant, source, SIGN_ON));
    // Without the management API sign-ons are fine, and what spoils accounts is refused.
    let text = load_of(&tenant, source, SIGN_ON);
    let (before, after) = text.split_once("[tenant.worker]").expect("a worker");
    let (_, after) = after.split_once("[accounts]").expect("accounts");
    let bare = format!("{before}[accounts]{after}");
    let bare_load = lab.file("bare.toml", &bare);
    for load in [&load, &bare_load] {
        let ended = tenant.gander(&lab, &["run", load]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
    let spoiling = lab.file("bad.toml", &bare.replace("sign-on = 1", "sign-on-wrong-password = 1"));
    let ended = tenant.gander(&lab, &["run", &spoiling]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    for part in ["nobody puts them right", "in state `victim`"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    assert_eq!(users(&tenant), 4);
    let ended = tenant.gander(&lab, &["accounts", "clean-up", &load, "--ledger", "reports/latest"]);
    assert_eq!((ended.code, users(&tenant)), (0, 4), "{}", ended.stderr);
    let ended = tenant.gander(&lab, &["accounts", "clean-up", &load, "--run", "x"]);
    assert_eq!((ended.code, users(&tenant)), (0, 0), "{}", ended.stderr);
}

#[test]
fn recoveries_of_one_run_are_known_to_the_next_by_the_ledger() {
    let lab = Lab::new();
    // The codes of a tenant of its own come by mail to a fixed port that is free now.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = port.local_addr().expect("an address");
    drop(port);
    let tenant = Tenant::start(&format!("[mail]\nsmtp = \"{address}\"\n"));
    let profile = lab.file("p.toml", &format!("{}{QUIET}", tenant.profile()));
    let ended = tenant.gander(&lab, &["accounts", "provision", &profile, "-c", "4", "--tag", "x"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let codes = format!("[codes]\nsource = \"smtp-sink\"\nlisten = \"{address}\"\n");
    let text = load_of(&tenant, "ledger:reports/x", SIGN_ON);
    for journey in ["recovery", "sign-on"] {
        let load = format!("{}{codes}", text.replace("sign-on", journey));
        let load = lab.file("load.toml", &load);
        let ended = tenant.gander(&lab, &["run", &load]);
        assert_eq!(ended.code, 0, "{journey}: {}", ended.stderr);
    }
    let ledger = std::fs::read_to_string(lab.path("reports/x/ledger.jsonl")).expect("a ledger");
    assert!(ledger.contains("\"advanced\""), "{ledger}");
    // And those who registered in the course of a load are accounts of the next.
    let load = format!("{}{codes}", text.replace("sign-on", "register"));
    let ended = tenant.gander(&lab, &["run", &lab.file("load.toml", &load), "-o", "first"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let load = lab.file("load.toml", &load_of(&tenant, "ledger:first", SIGN_ON));
    let ended = tenant.gander(&lab, &["run", &load]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn accounts_register_themselves_before_the_load_where_nobody_can_make_them() {
    let lab = Lab::new();
    let load = "[accounts]\nsource = \"register-first\"\ncount = 6\n[journeys]\nsign-on = 1\n\
                [workload]\nusers = 3\niterations = 30\nwarm_up = \"0s\"\n";
    let profile = lab.file("p.toml", load);
    let ended = lab.run(&["run", &profile]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = crate::run::summary(&lab.path("reports/latest"));
    let journeys: Vec<_> =
        summary["journeys"].as_array().expect("journeys").iter().map(|it| &it["journey"]).collect();
    assert_eq!(journeys, ["sign-on"], "what happens before the load is not measured");
    let ledger =
        std::fs::read_to_string(lab.path("reports/latest/ledger.jsonl")).expect("a ledger");
    for event in ["made", "confirmed"] {
        let of_event = |line: &&str| line.contains(&format!("\"event\":\"{event}\""));
        assert_eq!(ledger.lines().filter(of_event).count(), 6, "{event}");
    }
    // What registering leaves behind is not locked.
    let profile = lab.file("p.toml", &load.replace("sign-on", "sign-on-locked"));
    let ended = lab.run(&["run", &profile]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("registering leaves them in `ok`"), "{}", ended.stderr);
    // A journey that makes no account registers nobody.
    let profile = lab.file("p.toml", &load.replace("count =", "journey = \"sign-on\"\ncount ="));
    let ended = lab.run(&["run", &profile]);
    assert!(ended.stderr.contains("does not register accounts"), "{}", ended.stderr);
}

/// A tenant whose codes come by mail to a fixed port that is free now, and the `[codes]` for it.
fn with_mail() -> (Tenant, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = port.local_addr().expect("an address");
    drop(port);
    let codes = format!("[codes]\nsource = \"smtp-sink\"\nlisten = \"{address}\"\n");
    (Tenant::start(&format!("[mail]\nsmtp = \"{address}\"\n")), codes)
}

/// By plus-addressing all mail of a load comes to one mailbox, and names begin with that. Journeys that
/// register leave no ids on the ledger: their accounts are found by name.
#[test]
fn accounts_in_one_mailbox_are_listed_and_cleaned_up_by_ledger_and_by_tag() {
    let (lab, (tenant, codes)) = (Lab::new(), with_mail());
    add_jane(&tenant, "load+jane@load.example.com");
    let mailbox = "[identities]\nmailbox = \"load\"\n";
    let load =
        "[journeys]\nregister = 1\n[workload]\nusers = 2\niterations = 6\nwarm_up = \"0s\"\n";
    let profile = lab.file("p.toml", &format!("{}{mailbox}{codes}{load}", tenant.profile()));
    let bare = lab.file("bare.toml", &format!("{}{QUIET}", tenant.profile()));
    let ended = tenant.gander(&lab, &["run", &profile]);
    assert_eq!((ended.code, users(&tenant)), (0, 7), "{}", ended.stderr);
    let clean = ["accounts", "clean-up", &profile, "--ledger", "reports/latest"];
    let ended = tenant.gander(&lab, &[&clean[..], &["--dry-run"]].concat());
    assert!(ended.stderr.contains("6 accounts would be removed"), "{}", ended.stderr);
    // The ledger itself says what they begin with, whatever the profile has.
    let ended = tenant.gander(&lab, &["accounts", "clean-up", &bare, "--ledger", "reports/latest"]);
    assert_eq!((ended.code, users(&tenant)), (0, 1), "{}", ended.stderr);
    assert!(ended.stderr.contains("6 accounts removed"), "{}", ended.stderr);

    // Whoever provisions has them in the mailbox, too; without a ledger the mailbox has to be known.
    for file in ["a.csv", "b.csv"] {
        let make = ["accounts", "provision", &profile, "-c", "2", "--tag", "x", "-o", file];
        let ended = tenant.gander(&lab, &make);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        // Names that are taken are known without a ledger.
        std::fs::remove_dir_all(lab.path("reports/x")).expect("a folder");
    }
    let csv = std::fs::read_to_string(lab.path("b.csv")).expect("a file");
    assert!(csv.contains("load+gander-x-1-0@load.example.com"), "{csv}");
    let ended = tenant.gander(&lab, &["accounts", "list", &profile]);
    assert_eq!(ended.stdout, "tag,accounts\nx,4\n", "{}", ended.stderr);
    let by_tag = ["accounts", "clean-up", &bare, "--tag", "x"];
    let ended = tenant.gander(&lab, &by_tag);
    assert!(ended.stderr.contains("0 accounts removed"), "{}", ended.stderr);
    let ended = tenant.gander(&lab, &[&by_tag[..], &["--mailbox", "load"]].concat());
    assert_eq!((ended.code, users(&tenant)), (0, 1), "{}", ended.stderr);
}

/// A killed run that registered its accounts in one mailbox has them again when it is taken up.
#[test]
fn accounts_that_registered_first_in_one_mailbox_are_used_on_after_a_kill() {
    let (lab, (tenant, codes)) = (Lab::new(), with_mail());
    let load = "count = 4\n[identities]\nmailbox = \"load\"\n[journeys]\nsign-on = 1\n\
                [workload]\nusers = 2\nduration = \"5s\"\nwarm_up = \"0s\"\n";
    let profile = tenant.profile().replace("\"provision\"", "\"register-first\"");
    let profile = lab.file("p.toml", &format!("{profile}{load}{codes}"));
    let mut command = lab.command(&["run", &profile, "-o", "reports/latest"]);
    command.env("WORKER_SECRET", tenant.worker_secret());
    let mut process =
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a binary that starts");
    after_intervals(&lab, 1);
    process.kill().expect("a process");
    process.wait().expect("an end");
    let ended = tenant.gander(&lab, &["run", &profile, "--resume", "reports/latest"]);
    // A busy machine makes an invalid run.
    assert!([0, 5].contains(&ended.code), "{}", ended.stderr);
    let row = &crate::run::summary(&lab.path("reports/latest"))["journeys"][0];
    assert_eq!(row["faults"]["no-account"], serde_json::Value::Null, "{row}");
    assert_eq!(users(&tenant), 4);
}

/// What fails for everybody is not tried with all of them: each try is a flow start, and perhaps a mail.
#[test]
fn registrations_that_cannot_work_end_after_a_few() {
    let lab = Lab::new();
    let load = "[accounts]\nsource = \"register-first\"\ncount = 300\n[journeys]\nsign-on = 1\n\
                [codes]\nsource = \"fixed\"\ncode = \"${CODE:-wrong}\"\n";
    let profile = lab.file("p.toml", load);
    let ended = lab.run(&["run", &profile, "-o", "run"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("0 of 300 accounts could be registered"), "{}", ended.stderr);
    let ledger = std::fs::read_to_string(lab.path("run/ledger.jsonl")).expect("a ledger");
    let tried = ledger.lines().filter(|line| line.contains("\"event\":\"made\"")).count();
    assert!((8..20).contains(&tried), "{tried} people tried");
    // A start by policy without a policy is found before anybody tries.
    let tenant = Tenant::start("");
    let load = load_of(&tenant, "register-first", "[journeys]\nsign-on = 1\n");
    let load = load.replace("[tenant]\n", "[tenant]\nstart = \"policy\"\n");
    let ended = tenant.gander(&lab, &["check", &lab.file("policy.toml", &load)]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("journey `register` starts a policy"), "{}", ended.stderr);
}

/// Each run of a series begins with moving the link `reports/latest`.
#[test]
fn a_series_uses_the_ledger_that_a_link_led_to_at_its_beginning() {
    let (lab, tenant) = (Lab::new(), Tenant::start(""));
    let profile = lab.file("p.toml", &format!("{}{QUIET}", tenant.profile()));
    let ended = tenant.gander(&lab, &["accounts", "provision", &profile, "-c", "4", "--tag", "x"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    std::os::unix::fs::symlink("x", lab.path("reports/latest")).expect("a link");
    let load = lab.file("load.toml", &load_of(&tenant, "ledger:reports/latest", SIGN_ON));
    let ended = tenant.gander(&lab, &["run", &load, "--repeat", "2"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stderr.contains("no-account"), "{}", ended.stderr);
}

#[test]
fn mails_of_an_environment_are_led_to_a_sink_and_back() {
    let (lab, tenant) = (Lab::new(), Tenant::start(""));
    let codes = "[codes]\nuser = \"tenant\"\npassword = \"${SINK:-s1nk-s3cret}\"\n";
    let profile = lab.file("p.toml", &format!("{}{codes}{QUIET}", tenant.profile()));
    let gander = |arguments: &[&str]| tenant.gander(&lab, arguments);
    let shown = || gander(&["mail", "show", &profile]).stdout;
    assert!(shown().ends_with("go by the platform's own mail service\n"), "{}", shown());
    let to = ["mail", "point", &profile, "--to", "sink.example.com:2525", "--save", "before.json"];
    let ended = gander(&to);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    // What it says can be typed as it stands.
    let undo = format!("`gander mail restore before.json {profile}` puts it back");
    assert!(ended.stderr.contains(&undo), "{}", ended.stderr);
    let ended = gander(&["mail", "show", &profile]);
    assert!(ended.stdout.contains("the SMTP server sink.example.com:2525"), "{}", ended.stdout);
    assert!(ended.stderr.contains("could not put it back"), "{}", ended.stderr);
    // Again nothing is changed; elsewhere it is refused, because what is there could not be put back.
    let ended = gander(&to);
    assert!(ended.code == 0 && ended.stderr.contains("nothing was changed"), "{}", ended.stderr);
    assert!(ended.stderr.contains("sender were not compared"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("caution"), "both are in the profile: {}", ended.stderr);
    let bare = lab.file("bare.toml", &format!("{}{QUIET}", tenant.profile()));
    let ended = gander(&["mail", "point", &bare, "--to", to[4], "--save", "c.json"]);
    assert!(ended.stderr.contains("a user name and a password"), "{}", ended.stderr);
    let other = ["mail", "point", &profile, "--to", "other.example.com:25", "--save", "b.json"];
    let ended = gander(&other);
    assert_eq!((ended.code, lab.path("b.json").exists()), (3, false), "{}", ended.stderr);
    assert!(ended.stderr.contains("nobody can read that"), "{}", ended.stderr);
    let ended = gander(&["mail", "restore", &profile, "before.json"]);
    assert!(ended.code == 2 && ended.stderr.contains("FILE PROFILE"), "{}", ended.stderr);
    let ended = gander(&["mail", "restore", "gone.json", &profile]);
    assert!(ended.code == 2 && ended.stderr.contains("no `gone.json`"), "{}", ended.stderr);
    for _ in 0..2 {
        let ended = gander(&["mail", "restore", "before.json", &profile]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(shown().ends_with("go by the platform's own mail service\n"), "{}", shown());
    }
    for (path, content) in lab.files() {
        let holds = String::from_utf8_lossy(&content).contains("s1nk-s3cret");
        assert!(!holds || path.ends_with("p.toml"), "{}", path.display());
    }
    // A copy of another environment.
    let text = std::fs::read_to_string(lab.path("before.json")).expect("a copy");
    lab.file("before.json", &text.replace(&tenant.ready().environment_id, "e-2"));
    let ended = gander(&["mail", "restore", "before.json", &profile]);
    assert!(ended.code == 2 && ended.stderr.contains("of environment `e-2`"), "{}", ended.stderr);
    let ended = lab.run(&["mail", "show"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
}
