//! HTTP/2 from end to end: what is negotiated, who shares what, and what breaks how.

use super::fault::TransportFault;
use super::lab_http2::Answer;
use super::lab_http2::Lab2;
use super::lab_http2::Papers;
use super::lab_http2::Setup;
use super::session::Session;
use super::settings::Connections;
use super::settings::Settings;
use super::settings::Version;
use crate::base::clock::Clock;
use bytes::Bytes;
use h2::Reason;
use http::Request;
use std::time::Duration;
use std::time::SystemTime;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

fn two(connections: Connections) -> Settings {
    let connections = Some(connections);
    Settings { connections, version: Version::Two, ..Settings::default() }
}

fn plain(limit: Option<u32>) -> Setup {
    Setup { limit, tls: None }
}

/// The version and body of a reply, or the slug of what came instead.
async fn outcome(session: &mut Session, request: Request<Bytes>) -> String {
    match session.exchange(request).await.reply {
        Ok(reply) => {
            format!("{:?} {}", reply.version(), std::str::from_utf8(reply.body()).unwrap())
        }
        Err(fault) => fault.slug().to_owned(),
    }
}

#[tokio::test]
async fn both_ends_agree_on_a_version_or_the_lack_of_one_is_named() {
    let papers = Papers::new(false);
    for (version, offers, expected) in [
        (Version::Auto, &["h2", "http/1.1"][..], "HTTP/2.0 fine"),
        (Version::Auto, &["h2"], "HTTP/2.0 fine"),
        (Version::Auto, &["http/1.1"], "HTTP/1.1 fine"),
        // No choice is HTTP/1.1.
        (Version::Auto, &[], "HTTP/1.1 fine"),
        (Version::One, &["h2", "http/1.1"], "HTTP/1.1 fine"),
        (Version::One, &[], "HTTP/1.1 fine"),
        (Version::Two, &["h2", "http/1.1"], "HTTP/2.0 fine"),
        (Version::Two, &["http/1.1"], "http-version"),
        (Version::Two, &[], "http-version"),
    ] {
        for connections in [Connections::PerUser, Connections::Shared] {
            let lab = papers.lab(offers, |_| Answer::Say("fine")).await;
            let connections = Some(connections);
            let settings = Settings { version, connections, ..papers.settings.clone() };
            let mut session = lab.transport(&settings).session();
            for _ in 0..2 {
                let came = outcome(&mut session, lab.get("/")).await;
                assert_eq!(came, expected, "{version:?} {offers:?}");
            }
            let asked = lab.seen().asked.len();
            assert_eq!(asked, if expected == "http-version" { 0 } else { 2 });
        }
    }
}

#[tokio::test]
async fn without_tls_the_server_is_taken_to_know_http_2() {
    let lab = Lab2::start(plain(None), |_| Answer::Say("fine")).await;
    let mut session = lab.transport(&two(Connections::PerUser)).session();
    assert_eq!(outcome(&mut session, lab.get("/")).await, "HTTP/2.0 fine");
    // One that does not know it says so in its own words.
    let other = super::lab::Lab::saying(|| {
        super::lab::Act::SayAndClose(super::lab::reply("400 Bad Request", "", ""))
    })
    .await;
    let mut session = other.transport(&two(Connections::PerUser)).session();
    let fault = session.exchange(other.get("/")).await.reply.unwrap_err();
    assert!(matches!(fault.slug(), "malformed-reply" | "reset"), "{fault}");
}

#[tokio::test]
async fn a_request_has_the_headers_of_http_2_and_no_others() {
    let lab = Lab2::start(plain(None), |_| Answer::Say("fine")).await;
    let mut session = lab.transport(&two(Connections::PerUser)).session();
    let made = || {
        Request::post(lab.url("/a%20b?c=d&e"))
            .header("x-requested-with", "ping-sdk")
            .header("connection", "keep-alive")
            .header("transfer-encoding", "chunked")
    };
    session.exchange(made().body(Bytes::from("{}")).unwrap()).await;
    session.exchange(made().body(Bytes::new()).unwrap()).await;
    let address = lab.address.to_string();
    let texts: Vec<_> = lab
        .seen()
        .asked
        .iter()
        .map(|asked| format!("{}{}\n", asked.head.replace(&address, "ADDRESS"), asked.body))
        .collect();
    insta::assert_snapshot!(texts.join("\n"), @r"
    POST http://ADDRESS/a%20b?c=d&e
    x-requested-with: ping-sdk
    user-agent: gander/0.1.0
    content-length: 2
    {}

    POST http://ADDRESS/a%20b?c=d&e
    x-requested-with: ping-sdk
    user-agent: gander/0.1.0
    content-length: 0
    ");
}

#[tokio::test]
async fn a_connection_is_shared_by_nobody_unless_the_profile_says_so() {
    for (connections, expected) in
        [(Connections::PerIteration, 4), (Connections::PerUser, 2), (Connections::Shared, 1)]
    {
        let lab = Lab2::start(plain(None), |_| Answer::Say("fine")).await;
        let transport = lab.transport(&two(connections));
        let mut users = [transport.session(), transport.session()];
        for _ in 0..2 {
            let [one, two] = &mut users;
            for _ in 0..3 {
                let both = tokio::join!(one.exchange(lab.get("/")), two.exchange(lab.get("/")));
                assert!(both.0.reply.is_ok() && both.1.reply.is_ok(), "{both:?}");
            }
            users.iter_mut().for_each(Session::next_iteration);
        }
        assert_eq!(lab.seen().accepted, expected, "{connections:?}");
        assert_eq!(lab.seen().asked.len(), 12);
    }
}

#[tokio::test]
async fn users_share_as_many_connections_as_their_streams_need() {
    for (limit, expected) in [(None, 1), (Some(10), 1), (Some(3), 4), (Some(1), 10)] {
        let lab = Lab2::start(plain(limit), |asked| match asked.head.contains("/held") {
            true => Answer::Hold,
            false => Answer::Say("fine"),
        })
        .await;
        let transport = lab.transport(&two(Connections::Shared));
        let mut first = transport.session();
        assert_eq!(outcome(&mut first, lab.get("/")).await, "HTTP/2.0 fine");
        let mut users = JoinSet::new();
        for _ in 0..10 {
            let (mut user, request) = (transport.session(), lab.get("/held"));
            users.spawn(async move { outcome(&mut user, request).await });
        }
        lab.sees(|seen| seen.asked.len() == 11).await;
        assert_eq!(lab.seen().accepted, expected, "{limit:?}");
        lab.release();
        assert!(users.join_all().await.iter().all(|came| came == "HTTP/2.0 late"));
        // All places were given back.
        for _ in 0..5 {
            assert_eq!(outcome(&mut first, lab.get("/")).await, "HTTP/2.0 fine");
        }
        assert_eq!(lab.seen().accepted, expected, "{limit:?}");
    }
}

#[tokio::test]
async fn users_who_begin_at_once_do_not_open_a_connection_each() {
    let papers = Papers::new(false);
    for (offers, limit) in [(&["h2"][..], 2), (&["http/1.1"], 50)] {
        let lab = papers.lab(offers, |_| Answer::Say("fine")).await;
        let connections = Some(Connections::Shared);
        let transport = lab.transport(&Settings { connections, ..papers.settings.clone() });
        let mut users = JoinSet::new();
        for _ in 0..50 {
            let (mut user, request) = (transport.session(), lab.get("/"));
            users.spawn(async move { user.exchange(request).await.reply.is_ok() });
        }
        assert!(users.join_all().await.into_iter().all(|good| good));
        let accepted = lab.seen().accepted;
        assert!((1..=limit).contains(&accepted), "{offers:?} {accepted}");
    }
}

#[tokio::test]
async fn users_who_wait_for_a_connection_that_cannot_be_opened_are_told_why() {
    let (address, held) = super::lab::silent_listener().await;
    let url = format!("https://{address}/");
    let settings = Settings {
        connect_timeout: Duration::from_millis(100),
        connections: Some(Connections::Shared),
        ..Settings::default()
    };
    let transport = super::lab::transport(&[&url], &settings, Default::default());
    let mut users = JoinSet::new();
    for _ in 0..5 {
        let mut user = transport.session();
        let request = Request::get(&url).body(Bytes::new()).unwrap();
        users.spawn(async move { outcome(&mut user, request).await });
    }
    assert!(users.join_all().await.iter().all(|came| came == "connect-timeout"));
    drop(held);
}

#[tokio::test]
async fn an_exchange_given_up_resets_its_stream_and_disturbs_no_other() {
    let lab = Lab2::start(plain(None), |asked| match asked.head.contains("/held") {
        true => Answer::Hold,
        false => Answer::Say("fine"),
    })
    .await;
    let transport = lab.transport(&two(Connections::Shared));
    let (mut one, mut other) = (transport.session(), transport.session());
    assert_eq!(outcome(&mut one, lab.get("/")).await, "HTTP/2.0 fine");
    let held = lab.get("/held");
    let waiting = tokio::spawn(async move { outcome(&mut other, held).await });
    lab.sees(|seen| seen.asked.len() == 2).await;
    tokio::select! {
        biased;
        exchange = one.exchange(lab.get("/held")) => panic!("{exchange:?}"),
        () = lab.sees(|seen| seen.asked.len() == 3) => {}
    }
    lab.sees(|seen| seen.resets == 1).await;
    assert_eq!(outcome(&mut one, lab.get("/")).await, "HTTP/2.0 fine");
    lab.release();
    assert_eq!(waiting.await.unwrap(), "HTTP/2.0 late");
    assert_eq!(lab.seen().accepted, 1);
}

#[tokio::test]
async fn a_reply_that_breaks_is_named_by_how_it_broke() {
    for connections in [Connections::PerUser, Connections::Shared] {
        for (answer, expected, accepted) in [
            ("reset", "reset", 1),
            ("begin", "read-timeout", 2),
            ("hold", "read-timeout", 2),
            ("large", "oversized-reply", 1),
            ("endless", "oversized-reply", 1),
            ("head", "oversized-reply", 1),
            ("leave", "reset", 2),
        ] {
            let lab = Lab2::start(plain(None), move |asked| {
                match (asked.head.contains("/bad"), answer) {
                    (false, _) => Answer::Say("fine"),
                    (_, "reset") => Answer::Reset(Reason::INTERNAL_ERROR),
                    (_, "begin") => Answer::Begin("1"),
                    (_, "hold") => Answer::Hold,
                    (_, "large") => Answer::Say("123456789"),
                    (_, "endless") => Answer::Begin("123456789"),
                    (_, "head") => Answer::LongHead(300 << 10),
                    _ => Answer::Leave(Reason::ENHANCE_YOUR_CALM),
                }
            })
            .await;
            let slow = expected == "read-timeout";
            let limit = if slow { Duration::from_millis(400) } else { Duration::from_secs(30) };
            let settings = Settings { max_reply: 8, reply_timeout: limit, ..two(connections) };
            let mut session = lab.transport(&settings).session();
            assert_eq!(outcome(&mut session, lab.get("/")).await, "HTTP/2.0 fine");
            let context = format!("{answer} {connections:?}");
            assert_eq!(outcome(&mut session, lab.get("/bad")).await, expected, "{context}");
            assert_eq!(outcome(&mut session, lab.get("/")).await, "HTTP/2.0 fine", "{context}");
            // What is shared is not given up for one stream's silence.
            let spared = slow && connections == Connections::Shared;
            assert_eq!(lab.seen().accepted, if spared { 1 } else { accepted }, "{context}");
            assert_eq!(lab.seen().asked.len(), 3, "{context}");
        }
    }
}

#[tokio::test]
async fn a_shared_connection_that_says_nothing_any_more_is_given_up() {
    let lab = Lab2::start(plain(None), |asked| match (asked.connection, &asked.head) {
        (0, head) if head.contains("/held") => Answer::Hold,
        _ => Answer::Say("fine"),
    })
    .await;
    let limit = Duration::from_millis(400);
    let settings = Settings { reply_timeout: limit, ..two(Connections::Shared) };
    let mut session = lab.transport(&settings).session();
    assert_eq!(outcome(&mut session, lab.get("/")).await, "HTTP/2.0 fine");
    for _ in 0..2 {
        assert_eq!(outcome(&mut session, lab.get("/held")).await, "read-timeout");
    }
    assert_eq!(outcome(&mut session, lab.get("/held")).await, "HTTP/2.0 fine");
    assert_eq!(lab.seen().accepted, 2);
}

#[tokio::test]
async fn a_server_that_leaves_politely_is_no_fault() {
    for connections in [Connections::PerUser, Connections::Shared] {
        let lab = Lab2::start(plain(None), |_| Answer::SayAndLeave("fine")).await;
        let mut session = lab.transport(&two(connections)).session();
        for round in 1..=3 {
            assert_eq!(outcome(&mut session, lab.get("/")).await, "HTTP/2.0 fine");
            lab.sees(|seen| seen.closed == round).await;
        }
        assert_eq!(lab.seen().accepted, 3, "{connections:?}");
    }
}

#[tokio::test]
async fn a_stream_that_was_refused_goes_out_once_more_on_a_fresh_connection() {
    for connections in [Connections::PerUser, Connections::Shared] {
        let lab = Lab2::start(plain(None), |asked| match (asked.connection, &asked.head) {
            (0, head) if head.contains("/second") => Answer::Reset(Reason::REFUSED_STREAM),
            (_, head) if head.contains("/never") => Answer::Reset(Reason::REFUSED_STREAM),
            _ => Answer::Say("fine"),
        })
        .await;
        let mut session = lab.transport(&two(connections)).session();
        assert_eq!(outcome(&mut session, lab.get("/first")).await, "HTTP/2.0 fine");
        let second = session.exchange(lab.get("/second")).await;
        assert!(second.reply.is_ok() && second.reconnected, "{second:?}");
        assert_eq!((lab.seen().accepted, lab.seen().asked.len()), (2, 3));
        // Never more often than that.
        assert_eq!(outcome(&mut session, lab.get("/never")).await, "reset");
        assert_eq!((lab.seen().accepted, lab.seen().asked.len()), (3, 5));
    }
}

/// The frames of HTTP/2 by hand: a server that answers the first request of each connection, and
/// tells whoever sends a second one that it was not looked at.
async fn leaving_server() -> (String, JoinSet<()>) {
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const SETTINGS_ACK: &[u8] = &[0, 0, 0, 4, 1, 0, 0, 0, 0];
    // HEADERS with END_STREAM and END_HEADERS on stream 1: `:status: 200`, the eighth of the table.
    const REPLY: &[u8] = &[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88];
    // GOAWAY: the last stream looked at is 1, no error.
    const GOAWAY: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            connections.spawn(async move {
                let mut preface = [0; 24];
                stream.read_exact(&mut preface).await.unwrap();
                stream.write_all(SETTINGS).await.unwrap();
                loop {
                    let mut head = [0; 9];
                    if stream.read_exact(&mut head).await.is_err() {
                        return;
                    }
                    let length = usize::from(head[1]) << 8 | usize::from(head[2]);
                    stream.read_exact(&mut vec![0; length]).await.unwrap();
                    let says = match (head[3], head[4], head[8]) {
                        (4, 0, _) => SETTINGS_ACK,
                        (1, _, 1) => REPLY,
                        (1, ..) => GOAWAY,
                        _ => &[],
                    };
                    stream.write_all(says).await.unwrap();
                    if says == GOAWAY {
                        return;
                    }
                }
            });
        }
    });
    (url, tasks)
}

#[tokio::test]
async fn a_stream_that_a_goaway_excludes_goes_out_on_a_fresh_connection() {
    for connections in [Connections::PerUser, Connections::Shared] {
        let (url, _server) = leaving_server().await;
        let transport = super::lab::transport(&[&url], &two(connections), Default::default());
        let mut session = transport.session();
        for round in 0..3 {
            let request = Request::post(&url).body(Bytes::from("once")).unwrap();
            let exchange = session.exchange(request).await;
            assert!(exchange.reply.is_ok(), "{connections:?} {round} {exchange:?}");
            assert_eq!(exchange.reconnected, round > 0);
        }
    }
}

#[tokio::test]
async fn service_time_means_the_same_as_over_http_1_1() {
    let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
    let server = clock.clone();
    let lab = Lab2::start(plain(None), move |_| {
        server.advance(Duration::from_millis(7));
        Answer::Say("fine")
    })
    .await;
    for connections in [Connections::PerUser, Connections::Shared] {
        let host = super::guard::AllowedHost::of(&lab.url("/").parse().unwrap());
        let guard = super::guard::Guard::new(host);
        let resolver = super::resolve::Resolver::System;
        let transport =
            super::session::Transport::new(guard, &two(connections), resolver, clock.clone());
        let mut session = transport.unwrap().session();
        let began = clock.now();
        clock.advance(Duration::from_millis(2));
        let timing = session.exchange(lab.get("/")).await.timing;
        let seven = Some(Duration::from_millis(7));
        assert_eq!((timing.first_byte, timing.service), (seven, seven));
        assert_eq!(timing.sent.unwrap() - began, Duration::from_millis(2));
        assert_eq!(timing.connect.unwrap().total(), Duration::ZERO);
        assert!(session.exchange(lab.get("/")).await.timing.connect.is_none());
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_the_one_it_knows() {
    let papers = Papers::new(true);
    for offers in [["h2"], ["http/1.1"]] {
        let lab = papers.lab(&offers, |_| Answer::Say("fine")).await;
        for (client, expected) in
            [(Some(&papers.client), "fine"), (Some(&papers.stranger), "fault"), (None, "fault")]
        {
            let settings = Settings { client: client.cloned(), ..papers.settings.clone() };
            let transport = lab.transport(&settings);
            let came = transport.session().exchange(lab.get("/")).await.reply;
            let slug = came.as_ref().map_or_else(TransportFault::slug, |_| "fine");
            // With TLS 1.3 the refusal comes after the client's handshake is over.
            let as_expected = match expected {
                "fine" => slug == "fine",
                _ => slug == "tls",
            };
            assert!(as_expected, "{offers:?} {client:?} {came:?}");
            if offers == ["http/1.1"] {
                let api = transport.api_client().unwrap().call(lab.get("/")).await;
                assert_eq!(api.is_ok(), expected == "fine", "{api:?}");
            }
        }
    }
}
