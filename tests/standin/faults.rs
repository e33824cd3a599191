//! Faults on the wire: what a client sees of each, and what the record says about it.

use crate::support::*;
use gander::base::clock::Clock;
use gander::standin::fault::{FaultRule, KINDS, Kind};
use gander::standin::settings::Tls;
use serde_json::{Value, json};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn lab(rule: FaultRule) -> Lab {
    Lab::on(Clock::system(), |settings| settings.faults = vec![rule]).await
}

/// The address of a start of a flow.
fn start_of(lab: &Lab, origin: &str) -> String {
    let url = format!("{origin}/{}/as/authorize", lab.running.ready.environment_id);
    let url = url::Url::parse_with_params(&url, lab.authorize_parameters());
    url.expect("an address").to_string()
}

/// What comes over the wire for a start of a flow, byte by byte, and how it ends.
async fn raw(lab: &Lab, wait: Duration) -> (String, Option<io::ErrorKind>) {
    let mut stream = TcpStream::connect(lab.running.address).await.expect("a connection");
    let url = start_of(lab, "http://x");
    let path = url.trim_start_matches("http://x");
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nx-requested-with: ping-sdk\r\nx-gander-call: c-1\r\n\
         origin: https://page.example\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("room to write");
    let (mut text, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match tokio::time::timeout(wait, stream.read(&mut piece)).await {
            Err(_) => {
                return (String::from_utf8(text).expect("text"), Some(io::ErrorKind::TimedOut));
            }
            Ok(Err(error)) => return (String::from_utf8(text).expect("text"), Some(error.kind())),
            Ok(Ok(0)) => return (String::from_utf8(text).expect("text"), None),
            Ok(Ok(length)) => text.extend_from_slice(&piece[..length]),
        }
    }
}

/// The only call, once it is recorded: a call that nobody waits for is recorded when the server
/// notices that.
async fn recorded(lab: &Lab) -> Value {
    loop {
        let calls = lab.calls().await;
        if let [call] = calls.as_slice() {
            return call.clone();
        }
        assert!(calls.is_empty(), "{calls:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_reset_is_a_reset_on_the_wire_before_any_byte_or_in_the_middle_of_a_body() {
    let lab1 = lab(FaultRule::everywhere(Kind::Reset)).await;
    let (text, end) = raw(&lab1, Duration::from_secs(20)).await;
    assert_eq!((text.as_str(), end), ("", Some(io::ErrorKind::ConnectionReset)));
    let call = recorded(&lab1).await;
    assert_eq!(
        (&call["call"], &call["fault"], &call["status"]),
        (&json!("c-1"), &json!("reset"), &json!(0))
    );

    let lab2 = lab(FaultRule::everywhere(Kind::ResetMidBody)).await;
    let (text, end) = raw(&lab2, Duration::from_secs(20)).await;
    assert_eq!(end, Some(io::ErrorKind::ConnectionReset), "{text}");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let length: usize = length.parse().expect("a number");
    assert!(head.starts_with("HTTP/1.1 200") && !body.is_empty() && body.len() < length, "{text}");
    assert_eq!(recorded(&lab2).await["fault"], "reset-mid-body");
}

#[tokio::test]
async fn a_stall_lasts_until_the_client_goes_away_and_is_recorded_once() {
    let lab = lab(FaultRule::everywhere(Kind::Stall)).await;
    let (text, end) = raw(&lab, Duration::from_millis(400)).await;
    assert_eq!((text.as_str(), end), ("", Some(io::ErrorKind::TimedOut)));
    let call = recorded(&lab).await;
    assert_eq!(
        (&call["call"], &call["fault"], &call["status"]),
        (&json!("c-1"), &json!("stall"), &json!(0))
    );
    // The tenant's clock begins when the request has come, which is later than the client's.
    assert!(call["service_us"].as_u64().expect("a time") >= 200_000, "{call}");
    assert_eq!(lab.truth().await["faults"], json!({ "stall": 1 }));
}

#[tokio::test]
async fn a_stall_with_an_end_breaks_the_connection_off() {
    let rule = FaultRule { time: Duration::from_millis(50), ..FaultRule::everywhere(Kind::Stall) };
    let lab = lab(rule).await;
    let (text, end) = raw(&lab, Duration::from_secs(20)).await;
    assert_eq!((text.as_str(), end), ("", Some(io::ErrorKind::ConnectionReset)));
    assert_eq!(recorded(&lab).await["fault"], "stall");
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_a_delayed_reply_is_recorded_too() {
    use gander::standin::latency::{Delay, DelayRule};
    let delay = DelayRule::everywhere(Delay::Constant(Duration::from_secs(60)));
    let lab = Lab::on(Clock::system(), |settings| settings.delays = vec![delay]).await;
    raw(&lab, Duration::from_millis(100)).await;
    let call = recorded(&lab).await;
    assert_eq!((&call["capability"], &call["status"]), (&json!("authorize"), &json!(0)));
    assert_eq!((&call["fault"], &call["asked_us"]), (&Value::Null, &json!(60_000_000)));
}

#[tokio::test]
async fn injected_errors_can_be_read_by_the_page_that_asked() {
    for row in KINDS {
        if matches!(row.kind, Kind::Stall | Kind::Reset | Kind::ResetMidBody | Kind::SlowBody) {
            continue;
        }
        let lab = lab(FaultRule { size: 1 << 16, ..FaultRule::everywhere(row.kind) }).await;
        let request = lab
            .get(&start_of(&lab, &lab.running.ready.auth_url))
            .header("x-requested-with", "ping-sdk")
            .header("origin", "https://page.example");
        let reply = send(request).await;
        assert_eq!(
            header(&reply, "access-control-allow-origin"),
            "https://page.example",
            "{}",
            row.slug
        );
        assert_eq!(header(&reply, "access-control-allow-credentials"), "true", "{}", row.slug);
        assert_eq!(header(&reply, "vary"), "Origin", "{}", row.slug);
        assert_eq!(reply.headers.get_all("content-type").iter().count(), 1, "{}", row.slug);
        assert_eq!(lab.truth().await["faults"], json!({ row.slug: 1 }));
    }
}

#[tokio::test]
async fn a_rate_limited_reply_has_the_documented_body_and_wait() {
    let wait = Duration::from_millis(1500);
    let lab =
        lab(FaultRule { retry_after: wait, ..FaultRule::everywhere(Kind::RateLimited) }).await;
    let reply = lab.agent().start().await;
    assert_eq!((reply.status, header(&reply, "retry-after").as_str()), (429, "2"));
    assert_eq!(reply.body["code"], "REQUEST_LIMITED");
}

#[tokio::test]
async fn a_group_of_endpoints_is_limited_and_the_others_are_not() {
    use gander::base::units::{Rate, Share};
    use gander::standin::rate_limit::Group;
    let lab = Lab::with(|settings| {
        settings.rate_limits.rates[Group::DavinciStart as usize] = Some(Rate { per_second: 10.0 });
        settings.rate_limits.per_address_share = Share(0.5);
    })
    .await;
    for expected in [200, 200, 200, 200, 200, 429, 429] {
        let reply = lab.agent().start().await;
        assert_eq!(reply.status, expected, "{reply:?}");
    }
    lab.clock.advance(Duration::from_millis(200));
    let mut agent = lab.agent();
    assert_eq!(agent.start().await.status, 200);
    assert_eq!(agent.press("REGISTER").await.status, 200);
    let truth = lab.truth().await;
    assert_eq!(truth["rate_limited"], json!({ "davinci_start": 2 }));
    assert_eq!(truth["faults"], json!({ "rate-limited": 2 }));
}

#[tokio::test]
async fn a_fault_in_place_of_the_handler_leaves_the_flow_where_it_was_or_ends_it() {
    for (kind, goes_on) in
        [(Kind::Http500, true), (Kind::AuthorError, true), (Kind::InteractionRejected, false)]
    {
        let rule = FaultRule {
            action: Some("SIGNON".to_owned()),
            count: Some(1),
            ..FaultRule::everywhere(kind)
        };
        let lab = lab(rule).await;
        lab.user("ada", PASSWORD).await;
        let mut agent = lab.agent();
        agent.sign_on("ada", PASSWORD).await;
        let again =
            agent.submit("SIGNON", json!({ "username": "ada", "password": PASSWORD })).await;
        if goes_on {
            assert_success(&again);
        } else {
            assert_eq!((again.status, &again.body["code"]), (401, &json!(1999)));
        }
        let truth = lab.truth().await;
        let rows = truth["rows"].as_array().expect("rows");
        let row = rows.iter().find(|row| row["action"] == "SIGNON").expect("a row");
        assert_eq!(row["faults"], json!({ kind.row().slug: 1 }));
    }
}

#[tokio::test]
async fn preflights_and_the_record_itself_have_no_faults() {
    let lab = lab(FaultRule::everywhere(Kind::Http500)).await;
    let preflight = lab.request(reqwest::Method::OPTIONS, &lab.url("/as/authorize"));
    assert_eq!(send(preflight).await.status, 204);
    assert_eq!(lab.truth().await["faults"], json!({}));
}

#[tokio::test]
async fn over_tls_links_are_https_and_cookies_are_fit_for_other_sites() {
    let lab = Lab::with(|settings| settings.tls = Tls::Made).await;
    let ready = &lab.running.ready;
    assert!(ready.auth_url.starts_with("https://127.0.0.1:"), "{ready:?}");
    let pem = ready.ca_pem.clone().expect("an authority");
    let authority = reqwest::Certificate::from_pem(pem.as_bytes()).expect("PEM");
    let port = lab.running.address.port();
    let client = reqwest::Client::builder().tls_certs_only([authority]).build().expect("a client");
    for host in ["127.0.0.1", "localhost"] {
        let request = client.get(start_of(&lab, &format!("https://{host}:{port}")));
        let reply = send(request.header("x-requested-with", "ping-sdk")).await;
        assert_form(&reply, "65u7m8cm28");
        assert!(
            reply.body["_links"]["next"]["href"].as_str().expect("a link").starts_with("https://")
        );
        let cookies: Vec<_> = reply.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies.len(), 3);
        for cookie in cookies {
            assert!(
                cookie.to_str().expect("text").ends_with("; Secure; SameSite=None"),
                "{cookie:?}"
            );
        }
    }
}
