//! What keeps a run of a group from coming about is told with its way out, and nothing of it is left.

use crate::lab::Ended;
use crate::server::NatsServer;
use crate::world::{Group, profile};
use gander::cluster::agent::presence;
use gander::cluster::name::Name;
use gander::cluster::order::{Answer, Order};
use gander::cluster::wire::Wire;
use nkeys::{KeyPair, KeyPairType};
use serde_json::Value;
use std::fs;

/// A profile of a tenant at this address, with more about it.
fn at_tenant(url: &str, more: &str) -> String {
    let workload = crate::world::workload(3).replace("register = 2\n", "");
    let workload = workload.replace("[accounts]", "[accounts]\nsource = \"provision\"");
    format!(
        "[tenant]\nauth_url = \"{url}\"\napi_url = \"{url}\"\nenvironment_id = \"e\"\nclient_id = \"c\"\n\
         redirect_uri = \"https://app.example.com\"\n{more}[tenant.worker]\nclient_id = \"w\"\n\
         client_secret = \"${{WORKER_SECRET:-hush-9z}}\"\n{workload}"
    )
}

#[test]
fn too_few_agents_and_those_that_cannot_get_ready_are_named() {
    let mut group = Group::new();
    group.lab.file("p.toml", &profile(3, "5ms"));
    group.start("a", &[]);
    group.wait_to_hear("a", "of group load");
    let few = group.run(2, &["--agent-wait", "2s"]);
    assert_eq!(few.code, Some(3), "{}", few.told);
    assert!(few.told.contains("1 of 2 agents are there within the time: `a`"), "{}", few.told);
    assert!(few.told.contains("help: start more with `gander agent"), "{}", few.told);
    // One that lacks what the others have.
    let secret = "client_secret = \"${ONLY_HERE}\"\n";
    group.lab.file("p.toml", &at_tenant("http://127.0.0.1:9", secret));
    group.set("ONLY_HERE", "hush-7f3k");
    let unready = group.run(1, &[]);
    assert_eq!(unready.code, Some(3), "{}", group.all_told());
    let why = "agent `a`: the environment variable `ONLY_HERE` is not set";
    assert!(unready.told.contains(why), "{}", unready.told);
    assert!(!group.out().exists(), "nothing is left of what did not begin");
    // It is there for the next one.
    group.lab.file("p.toml", &profile(2, "5ms"));
    let fine = group.run(1, &[]);
    assert!([Some(0), Some(5)].contains(&fine.code), "{}", group.all_told());
}

#[test]
fn what_is_wrong_with_the_server_or_who_we_are_to_it_is_told() {
    let secured = "jetstream { store_dir: STORE }\nauthorization { token: hush-7f3k }\n";
    let group = Group::at(NatsServer::configured(secured));
    group.lab.file("p.toml", &profile(3, "5ms"));
    let nobody = group.run(1, &[]);
    assert_eq!(nobody.code, Some(3), "{}", nobody.told);
    assert!(nobody.told.contains("it does not let us in"), "{}", nobody.told);
    let run = |url: &str, more: &[&str]| {
        let own =
            ["run", "p.toml", "--nats", url, "--group", "load", "--agents", "1", "--out", "out"];
        group.lab.run(&[&own, more].concat())
    };
    for (url, code, told) in [
        ("nats://load:hush-7f3k@127.0.0.1:1", 2, "says who you are"),
        ("http://127.0.0.1:1", 2, "is no address of a NATS server"),
        ("nats://127.0.0.1:1", 3, "no connection to the NATS server"),
    ] {
        let ended = run(url, &["--agent-wait", "1s"]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert!(ended.stderr.contains(told) && ended.stderr.contains("help:"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
    }
    let nowhere = group.lab.run(&["run", "p.toml", "--nats", "nats://127.0.0.1:1"]);
    assert_eq!(nowhere.code, 2, "{}", nowhere.stderr);
    assert!(!group.out().exists());
}

/// What a conductor and an agent say to an address and variables that are none, before anybody is called.
fn refused_at_once(group: &Group, url: &str, (set, more): (&[(&str, &str)], &[&str])) -> String {
    let conductor = ["run", "p.toml", "--nats", url, "--group", "load", "--agents", "1"];
    let agent = ["agent", "--nats", url, "--group", "load"];
    let told = [&conductor[..], &agent[..]].map(|own| {
        let mut command = group.lab.command(&[own, more].concat());
        let ended = Ended::of(command.envs(set.iter().copied()).output().expect("a binary"));
        assert_eq!(ended.code, 2, "{set:?} {more:?}: {}", ended.stderr);
        let error = ended.stderr.split_once("error: ").map(|(_, error)| error.to_owned());
        let error = error.unwrap_or_else(|| panic!("no error: {}", ended.stderr));
        assert!(error.contains("help:"), "{error}");
        assert!(
            ![&ended.stderr, &ended.stdout].iter().any(|text| text.contains("hush")),
            "{error}"
        );
        error
    });
    assert_eq!(told[0], told[1], "agent and conductor say the same");
    told.into_iter().next().unwrap_or_default()
}

#[test]
fn who_says_by_half_or_twice_who_we_are_is_told_so_at_once() {
    let group = Group::new();
    group.lab.file("p.toml", &profile(3, "5ms"));
    let file = ["--nats-creds", &group.lab.file("empty.creds", "no token, hush-7f3k")];
    let (url, secret) = (group.server.url(), "hush-7f3k");
    let (user, password) = (("NATS_USER", secret), ("NATS_PASSWORD", secret));
    let (token, seed) = (("NATS_TOKEN", secret), ("NATS_NKEY", secret));
    // That of an account, which is nobody who may connect.
    let account = KeyPair::new_from_raw(KeyPairType::Account, [2; 32]).and_then(|key| key.seed());
    let account = account.expect("a seed");
    let account = ("NATS_NKEY", account.as_str());
    let none: [&str; 0] = [];
    for (set, more, told) in [
        (vec![user], &none[..], "NATS_USER is set, and NATS_PASSWORD is not"),
        (vec![password], &none, "NATS_PASSWORD is set, and NATS_USER is not"),
        (vec![user, ("NATS_PASSWORD", "")], &none, "NATS_USER is set, and NATS_PASSWORD is not"),
        (vec![user, password, token], &none, "said more than once: `NATS_TOKEN`, `NATS_USER`"),
        (vec![token], &file, "said more than once: `--nats-creds`, `NATS_TOKEN`"),
        (vec![seed], &none, "what was given as the seed of a user's key is none"),
        (vec![account], &none, "what was given as the seed of a user's key is none"),
        (vec![], &file, "the file of credentials has no token and key in it"),
        (vec![("GANDER_NATS_CREDS", "missing.creds")], &none, "`missing.creds` cannot be read"),
    ] {
        let error = refused_at_once(&group, &url, (&set, more));
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn nothing_secret_in_an_address_is_repeated() {
    let group = Group::new();
    group.lab.file("p.toml", &profile(3, "5ms"));
    for (url, told) in [
        ("nats://127.0.0.1:1?token=hush-7f3k", "`nats://127.0.0.1:1` says more than where"),
        ("tls://127.0.0.1:1/?tls_ca=hush-7f3k#hush", "`tls://127.0.0.1:1/` says more than where"),
        ("nats://load:hush-7f3k@127.0.0.1:1", "`nats://***@127.0.0.1:1` says who you are"),
        ("nats://hush-7f3k@127.0.0.1:1", "`nats://***@127.0.0.1:1` says who you are"),
        ("load:hush-7f3k@127.0.0.1:1", "`nats://***@127.0.0.1:1` says who you are"),
        ("nats://load:hush/7f3k@127.0.0.1:1", "`nats://***` is no address of a NATS server"),
        ("nats://load:hush-7f3k", "`nats://***` is no address of a NATS server"),
    ] {
        let error = refused_at_once(&group, url, (&[], &[]));
        assert!(error.starts_with(told), "{error}");
        assert!(!error.contains("7f3k"), "{error}");
    }
}

#[test]
fn a_plan_for_a_tenant_elsewhere_does_not_go_through_a_server_that_lets_anybody_in() {
    let group = Group::new();
    let meant = "hosts = [\"auth.example.com\"]\nacknowledge = \"CASE-1\"\n";
    group.lab.file("p.toml", &at_tenant("https://auth.example.com", meant));
    let arguments =
        ["run", "p.toml", "--nats", "nats://192.0.2.7:4222", "--group", "load", "--agents", "1"];
    let typed = ["--acknowledge", "CASE-1", "--environment", "e"];
    let ended = group.lab.run(&[&arguments[..], &typed[..]].concat());
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("lets anybody in"), "{}", ended.stderr);
}

/// The same through the command line: encrypted, with an authority of its own and a token from the environment.
#[test]
fn a_group_on_a_server_with_tls_and_a_token_performs_its_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let named = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]);
    let named = named.expect("a certificate");
    fs::write(folder.path().join("cert.pem"), named.cert.pem()).expect("a written file");
    let key = named.signing_key.serialize_pem();
    fs::write(folder.path().join("key.pem"), key).expect("a written file");
    let config = "jetstream { store_dir: STORE }\ntls { cert_file: \"FOLDER/cert.pem\", key_file: \"FOLDER/key.pem\" }\n\
                  authorization { token: hush-7f3k }\n";
    let mut group = Group::at(NatsServer::configured_in(folder, config));
    group.lab.file("p.toml", &profile(2, "5ms"));
    group.set("NATS_TOKEN", "hush-7f3k");
    let unknown = group.run(1, &[]);
    assert_eq!(unknown.code, Some(3), "{}", unknown.told);
    assert!(unknown.told.contains("--nats-ca"), "{}", unknown.told);
    let authority = group.server.folder().join("cert.pem").display().to_string();
    group.set("GANDER_NATS_CA", &authority);
    group.start("a", &[]);
    let conducted = group.run(1, &[]);
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    group.summary();
    assert!(!group.all_told().contains("hush"), "{}", group.all_told());
}

/// One that says it is of another version.
#[test]
fn an_agent_of_another_version_is_refused_by_name() {
    let group = Group::new();
    group.lab.file("p.toml", &profile(3, "5ms"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (access, name): (_, Name) = (group.server.access(), "old".parse().expect("a name"));
    runtime.block_on(async {
        let wire = Wire::connect(&access, &"load".parse().expect("a name"), "test").await;
        let mut orders = wire.expect("a connection").orders(&name).await.expect("orders");
        tokio::spawn(async move {
            let mut own = presence(name, 7, "elsewhere".to_owned());
            own.gander_version = "0.0.9".to_owned();
            while let Some(asked) = orders.next().await {
                let order = asked.request.as_ref().map(|request| request.order.clone());
                if matches!(order, Ok(Order::Present)) {
                    asked.answer(Answer::Present(Box::new(own.clone()))).await;
                }
            }
        });
    });
    let refused = group.run(1, &["--agent-wait", "2s"]);
    assert_eq!(refused.code, Some(3), "{}", refused.told);
    assert!(refused.told.contains("agent `old` is gander 0.0.9, and this is"), "{}", refused.told);
}

#[test]
fn another_plan_than_that_of_the_run_is_not_taken_up() {
    let mut group = Group::new();
    group.lab.file("p.toml", &profile(6, "5ms"));
    group.start("a", &[]);
    let mut conductor = group.conduct(1, &["--out", "out", "--seed", "7"]);
    group.wait_for("a", 2, &mut conductor);
    conductor.kill().expect("a kill");
    conductor.wait().expect("an end");
    let other = group.end(group.conduct(1, &["--resume", "out", "--rate", "11/s"]));
    assert_eq!(other.code, Some(2), "{}", other.told);
    assert!(other.told.contains("this is another plan"), "{}", other.told);
    let journal: Value =
        serde_json::from_slice(&fs::read(group.out().join("conductor.json")).expect("a journal"))
            .expect("JSON");
    assert_eq!(journal["members"][0]["name"], "a");
    let fine = group.end(group.conduct(1, &["--resume", "out"]));
    assert!([Some(0), Some(5)].contains(&fine.code), "{}", group.all_told());
    group.summary();
}
