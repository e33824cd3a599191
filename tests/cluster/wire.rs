//! The wire: what is told once is delivered until it is acknowledged and never twice, and what goes wrong is told.

use crate::server::NatsServer;
use gander::base::names::RunId;
use gander::base::remedy::Remedy;
use gander::cluster::message::{LedgerPart, News, Report, write};
use gander::cluster::name::Name;
use gander::cluster::order::{Answer, Order, Request};
use gander::cluster::server::{Access, Credentials};
use gander::cluster::wire::{Results, Wire, WireError};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(500);

fn group() -> Name {
    "load".parse().expect("a name")
}

fn agent() -> Name {
    "a".parse().expect("a name")
}

fn report(sequence: u64) -> Report {
    let news = News::Ledger(LedgerPart { after: sequence, lines: vec![format!("{sequence}")] });
    Report { schema_version: 1, run: run(), agent: agent(), instance: 7, sequence, news }
}

fn run() -> RunId {
    "20261122-220000-abcdef".into()
}

async fn connected(access: &Access) -> Wire {
    Wire::connect(access, &group(), "test").await.expect("a connection")
}

async fn publish(wire: &Wire, sequence: u64) -> Result<(), WireError> {
    let report = report(sequence);
    wire.publish(&run(), &agent(), (&report.id(), write(&report).into())).await
}

/// The numbers of what is there now; all of it is acknowledged if that is wanted.
async fn fetched(results: &Results, acknowledges: bool) -> Vec<u64> {
    let mut numbers = Vec::new();
    for delivered in results.fetch(SHORT).await.unwrap_or_default() {
        numbers.push(delivered.report.as_ref().expect("a report").sequence);
        if acknowledges {
            delivered.receipt.acknowledge().await;
        }
    }
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_twice_is_delivered_once_and_again_until_it_is_acknowledged() {
    let server = NatsServer::start();
    let wire = connected(&server.access()).await;
    wire.open_stream().await.expect("a stream");
    wire.open_stream().await.expect("the same stream");
    for sequence in [0, 1, 1, 0, 2] {
        publish(&wire, sequence).await.expect("a stored message");
    }
    let results = wire.results(&run()).await.expect("results");
    assert_eq!(fetched(&results, false).await, [0, 1, 2]);
    // Whoever took them died: another conductor gets them at once.
    let other = connected(&server.access()).await;
    let results = other.take_over(&run()).await.expect("the same results");
    assert_eq!(fetched(&results, true).await, [0, 1, 2]);
    publish(&wire, 3).await.expect("a stored message");
    publish(&wire, 1).await.expect("a message that is known");
    assert_eq!(fetched(&results, true).await, [3]);
    results.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_started_again_has_what_it_had() {
    let mut server = NatsServer::start();
    let wire = connected(&server.access()).await;
    wire.open_stream().await.expect("a stream");
    let results = wire.results(&run()).await.expect("results");
    publish(&wire, 0).await.expect("a stored message");
    server.kill();
    assert!(publish(&wire, 1).await.is_err(), "nobody has stored it");
    server.start_again();
    // As an agent does.
    let mut attempts = 0;
    while let Err(error) = publish(&wire, 1).await {
        attempts += 1;
        assert!(attempts < 60, "{error}");
        tokio::time::sleep(SHORT).await;
    }
    let mut numbers = Vec::new();
    while numbers.len() < 2 {
        numbers.extend(fetched(&results, true).await);
    }
    assert_eq!(numbers, [0, 1]);
    assert!(wire.is_connected());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_asked_and_answers_and_nobody_else_does() {
    let server = NatsServer::start();
    let wire = connected(&server.access()).await;
    let mut orders = wire.orders(&agent()).await.expect("orders");
    let own = tokio::spawn(async move {
        while let Some(asked) = orders.next().await {
            let order = asked.request.as_ref().expect("an order").order.clone();
            asked.answer(Answer::Refused { why: format!("{order:?}") }).await;
        }
    });
    let request = Request::of(Order::StandDown { run: run(), why: "no".to_owned() });
    let answer = wire.ask(&agent(), &request, SHORT).await.expect("an answer");
    assert!(matches!(answer, Answer::Refused { why } if why.contains("StandDown")));
    let answers = wire.ask_all(&Request::of(Order::Present), SHORT).await.expect("answers");
    assert_eq!(answers.len(), 1);
    let nobody = wire.ask(&"b".parse().expect("a name"), &request, SHORT).await.unwrap_err();
    assert_eq!(nobody.to_string(), "nobody hears what is said to agent `b`");
    own.abort();
    // One of another group is not heard.
    let elsewhere =
        Wire::connect(&server.access(), &"other".parse().expect("a name"), "test").await;
    let elsewhere = elsewhere.expect("a connection");
    assert!(elsewhere.ask(&agent(), &request, SHORT).await.is_err());
}

/// What is said when a connection does not come about, and what to do.
async fn refused(access: &Access) -> String {
    let Err(error) = Wire::connect(access, &group(), "test").await else {
        panic!("let in with {access:?}")
    };
    let told = format!("{error}; {}", error.remedy().unwrap_or_default());
    told.replace(&access.server.to_string(), "SERVER")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_a_connection_from_coming_about_is_told() {
    let secured =
        "jetstream { store_dir: STORE }\nauthorization { user: load, password: hush-7f3k }\n";
    let mut server = NatsServer::configured(secured);
    let somebody = |user: &str, password: &str| {
        server.access_as(Credentials::User(user.to_owned(), password.to_owned().into()))
    };
    let nobody = refused(&server.access()).await;
    assert!(nobody.contains("it does not let us in") && nobody.contains("NATS_USER"), "{nobody}");
    let wrong = refused(&somebody("load", "guess-9z")).await;
    assert!(wrong.contains("it does not let us in") && !wrong.contains("guess"), "{wrong}");
    let wire = connected(&somebody("load", "hush-7f3k")).await;
    wire.open_stream().await.expect("a stream");
    let gone = server.access();
    server.kill();
    let told = refused(&gone).await;
    assert!(told.contains("no connection to the NATS server at SERVER"), "{told}");
    assert!(told.contains("nats-server --jetstream"), "{told}");
    let plain = NatsServer::configured("");
    let wire = connected(&plain.access()).await;
    let error = wire.open_stream().await.unwrap_err();
    assert!(error.to_string().contains("keeps no streams"), "{error}");
    assert!(error.remedy().unwrap_or_default().contains("--jetstream"), "{error}");
}

/// A pair of the server's own documentation.
const NKEY: (&str, &str) = (
    "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4",
    "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
);

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_and_a_file_without_one_does_not() {
    let (known, seed) = NKEY;
    let config = format!(
        "jetstream {{ store_dir: STORE }}\nauthorization {{ users: [ {{ nkey: {known} }} ] }}\n"
    );
    let server = NatsServer::configured(&config);
    let key = Credentials::Nkey(seed.to_owned().into());
    connected(&server.access_as(key)).await.open_stream().await.expect("a stream");
    let told = refused(&server.access_as(Credentials::File("no key".to_owned().into()))).await;
    assert!(told.contains("has no token and key in it") && told.contains("nsc"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tls_is_known_by_its_authority() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let named = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]);
    let named = named.expect("a certificate");
    let write = |name: &str, text: String| {
        std::fs::write(folder.path().join(name), text).expect("a written file");
    };
    write("cert.pem", named.cert.pem());
    write("key.pem", named.signing_key.serialize_pem());
    let config = "jetstream { store_dir: STORE }\ntls { cert_file: \"FOLDER/cert.pem\", key_file: \"FOLDER/key.pem\" }\n\
                  authorization { token: hush-7f3k }\n";
    let server = NatsServer::configured_in(folder, config);
    let credentials = || Credentials::Token("hush-7f3k".to_owned().into());
    let unknown = refused(&server.access_as(credentials())).await;
    assert!(unknown.contains("no encrypted connection"), "{unknown}");
    assert!(unknown.contains("--nats-ca"), "{unknown}");
    let authorities = Some(server.folder().join("cert.pem"));
    let access = Access { authorities, ..server.access_as(credentials()) };
    let wire = connected(&access).await;
    assert!(wire.is_encrypted());
    let plain = NatsServer::start();
    assert!(!connected(&plain.access()).await.is_encrypted());
}
