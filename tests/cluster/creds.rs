//! Files of credentials as `nsc` writes them, for a server that knows its users by their operator's word.

use crate::server::NatsServer;
use crate::world::{Group, planned, profile, total};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nkeys::{KeyPair, KeyPairType};
use serde_json::{Value, json};
use std::fs;

/// What a member of the group `load` needs, as docs/agents.md has it.
const PUBLISHES: [&str; 4] = ["gander.load.>", "_INBOX.>", "$JS.API.>", "$JS.ACK.>"];
const HEARS: [&str; 3] = ["gander.load.>", "_INBOX.>", "$JS.API.>"];

/// A key of nobody, the same every time.
fn key(kind: KeyPairType, number: u8) -> KeyPair {
    KeyPair::new_from_raw(kind, [number; 32]).expect("a key")
}

/// What one says of another, signed.
fn token(by: &KeyPair, of: &KeyPair, end: Option<u64>, claims: &Value) -> String {
    let text = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = text(&json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let mut all = json!({
        "jti": format!("of {}", of.public_key()), "iat": 1_790_000_000u64, "iss": by.public_key(),
        "sub": of.public_key(), "name": "test", "nats": claims,
    });
    if let Some(end) = end {
        all["exp"] = end.into();
    }
    let signed = format!("{header}.{}", text(&all));
    let signature = by.sign(signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// An operator and accounts: one for the load, one without streams, one that the server was not told of.
struct Operator {
    own: KeyPair,
    load: KeyPair,
    other: KeyPair,
    unknown: KeyPair,
}

impl Operator {
    fn new() -> Self {
        let account = |number| key(KeyPairType::Account, number);
        Self {
            own: key(KeyPairType::Operator, 1),
            load: account(2),
            other: account(3),
            unknown: account(4),
        }
    }

    fn account(&self, account: &KeyPair, streams: i64) -> String {
        let limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
            "conn": -1, "leaf": -1, "mem_storage": streams, "disk_storage": streams,
            "streams": streams, "consumer": streams,
        });
        let claims = json!({ "type": "account", "version": 2, "limits": limits });
        token(&self.own, account, None, &claims)
    }

    /// What the server has to know.
    fn config(&self) -> String {
        let system = key(KeyPairType::Account, 5);
        let operator =
            token(&self.own, &self.own, None, &json!({ "type": "operator", "version": 2 }));
        let known = [(&self.load, -1), (&self.other, 0), (&system, 0)];
        let known = known.map(|(account, streams)| {
            format!("  {}: {}\n", account.public_key(), self.account(account, streams))
        });
        format!(
            "jetstream {{ store_dir: STORE }}\noperator: {operator}\nsystem_account: {}\nresolver: MEMORY\n\
             resolver_preload: {{\n{}}}\n",
            system.public_key(),
            known.concat()
        )
    }

    /// A file of credentials for a user of an account, good until that second since 1970.
    fn file(&self, group: &Group, account: &KeyPair, end: Option<u64>) -> String {
        let user = key(KeyPairType::User, 6);
        let claims = json!({
            "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1,
            "pub": { "allow": PUBLISHES }, "sub": { "allow": HEARS },
        });
        let token = token(account, &user, end, &claims);
        let seed = user.seed().expect("a seed");
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\n\
             NKEY Seed printed below can be used to sign and prove identity.\n\
             NKEYs are sensitive and should be treated as secrets.\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        group.lab.file("load.creds", &text)
    }
}

/// A server that asks its operator, and a group on it.
fn world() -> (Operator, Group) {
    let operator = Operator::new();
    let group = Group::at(NatsServer::configured(&operator.config()));
    group.lab.file("p.toml", &profile(3, "5ms"));
    (operator, group)
}

#[test]
fn a_user_of_the_account_performs_a_run_with_a_file_of_credentials() {
    let (operator, mut group) = world();
    let file = operator.file(&group, &operator.load, None);
    group.start("a", &["--nats-creds", &file]);
    // The other way to name it.
    group.set("GANDER_NATS_CREDS", &file);
    group.start("b", &[]);
    let conducted = group.run(2, &["--seed", "7"]);
    assert!([Some(0), Some(5)].contains(&conducted.code), "{}", group.all_told());
    let summary = group.summary();
    assert_eq!(Group::due(&summary), planned(3, 7), "{}", group.all_told());
    assert_eq!(total(&summary, "lost"), 0, "{summary}");
    // Who they are is in nothing that they leave behind.
    let text = fs::read_to_string(group.lab.path(&file)).expect("a file");
    let secrets: Vec<&str> =
        text.lines().filter(|line| line.len() > 50 && !line.starts_with('*')).collect();
    assert!(secrets.iter().any(|line| line.starts_with("SU")), "{}", secrets.len());
    for (path, content) in group.lab.files() {
        let content = String::from_utf8_lossy(&content);
        let is_clean =
            path.ends_with(&file) || secrets.iter().all(|secret| !content.contains(secret));
        assert!(is_clean, "{}", path.display());
    }
}

#[test]
fn credentials_that_have_ended_are_refused_before_anybody_is_asked() {
    let (operator, mut group) = world();
    let file = operator.file(&group, &operator.load, Some(1_000_000_000));
    let refused = group.run(1, &["--nats-creds", &file]);
    assert_eq!(refused.code, Some(2), "{}", refused.told);
    let why = "the credentials ended at 2001-09-09T01:46:40.000Z";
    assert!(refused.told.contains(why) && refused.told.contains("help:"), "{}", refused.told);
    group.start("a", &["--nats-creds", &file]);
    assert_eq!(group.ended("a"), Some(2), "{}", group.told("a"));
    assert!(group.told("a").contains(why), "{}", group.told("a"));
    assert!(!group.out().exists());
}

#[test]
fn users_of_other_accounts_are_told_what_keeps_them_out() {
    let (operator, group) = world();
    let file = operator.file(&group, &operator.unknown, None);
    let unknown = group.run(1, &["--nats-creds", &file]);
    assert_eq!(unknown.code, Some(3), "{}", unknown.told);
    assert!(unknown.told.contains("it does not let us in"), "{}", unknown.told);
    assert!(unknown.told.contains("account"), "{}", unknown.told);
    // One that the server knows, and that is no place for results.
    operator.file(&group, &operator.other, None);
    let other = group.run(1, &["--nats-creds", &file]);
    assert_eq!(other.code, Some(3), "{}", other.told);
    assert!(other.told.contains("keeps no streams"), "{}", other.told);
    assert!(other.told.contains("not enabled for account"), "{}", other.told);
    assert!(!group.out().exists());
}
