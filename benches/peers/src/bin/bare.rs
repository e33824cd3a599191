//! The bare client: one hyper connection per user, the chain, and one histogram of all times. No
//! engine, no rules, no cookies of its own, no time-outs: less cannot walk the chain.

use bytes::Bytes;
use gander_peers::{AUTHORIZE, Arguments, HEADERS, Reply};
use hdrhistogram::Histogram;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::net::TcpStream;

/// What all users share.
struct Run {
    authority: String,
    left: AtomicU64,
    times: Mutex<Histogram<u32>>,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::read();
    let authority = arguments.origin.strip_prefix("http://").expect("http");
    let times = Histogram::new_with_bounds(1, 120_000_000, 3).expect("bounds");
    let run = Arc::new(Run {
        authority: authority.to_owned(),
        left: AtomicU64::new(arguments.iterations),
        times: Mutex::new(times),
    });
    let users = (0..arguments.users).map(|_| {
        let run = run.clone();
        tokio::spawn(async move { user(&run).await })
    });
    for user in users.collect::<Vec<_>>() {
        user.await.expect("a user who comes through");
    }
    let times = run.times.lock().expect("the times");
    println!("{} {}", times.len(), times.value_at_quantile(0.5));
}

async fn user(run: &Run) {
    let mut line = open(run).await;
    let take = |left: u64| left.checked_sub(1);
    while run.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
        chain(&mut line, run).await;
    }
}

async fn chain(line: &mut Line, run: &Run) {
    let mut request = Request::get(AUTHORIZE);
    let mut body = Bytes::new();
    loop {
        for (name, value) in HEADERS {
            request = request.header(name, value);
        }
        let request_out = request.header("host", &run.authority).header("user-agent", "bare");
        let request_out = request_out.body(Full::new(body)).expect("a request");
        let sent = Instant::now();
        line.ready().await.expect("an open connection");
        let answered = line.send_request(request_out).await.expect("a reply");
        let answered = answered.into_body().collect().await.expect("a body").to_bytes();
        let time = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
        run.times.lock().expect("the times").saturating_record(time);
        let reply: Reply = serde_json::from_slice(&answered).expect("a reply");
        let Some(next) = reply.next() else { return };
        let next: http::Uri = next.parse().expect("a link");
        request = Request::post(next.path())
            .header("content-type", "application/json")
            .header("interactionid", &reply.interaction_id)
            .header("interactiontoken", &reply.interaction_token)
            .header("cookie", reply.cookies());
        body = reply.answer().into();
    }
}

type Line = SendRequest<Full<Bytes>>;

/// A connection in the care of a task of its own, as in hyper's examples: measured, that costs a
/// little less than to drive it oneself.
async fn open(run: &Run) -> Line {
    let stream = TcpStream::connect(&run.authority).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let (line, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
    tokio::spawn(connection);
    line
}
