//! How many calls the stand-in serves per second of processor time.
//!
//! The tenant runs alone on a single-threaded runtime in a thread of its own; a few client threads
//! keep it busy over loopback, one keep-alive connection each, one call at a time. What counts is
//! the processor time of the tenant's thread (user and system, as the kernel accounts for it), so
//! that the clients and other work on the machine do not enter the figure.
//!
//! `cargo bench --bench standin`, or with a number of seconds after `--`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use gander::base::clock::Clock;
use gander::standin::password::Hashed;
use gander::standin::settings::Signing;
use gander::standin::{Ready, Settings, serve};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

const CLIENTS: usize = 4;
const PASSWORD: &str = "Lt9!kwzXqPbnTr";
const USERS: usize = 100;

#[derive(Default)]
struct Counts {
    capability: AtomicU64,
    authorize: AtomicU64,
    token: AtomicU64,
    stop: AtomicBool,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let seconds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(5);
    println!("capability calls and the authorize calls that start them:");
    measure(Duration::from_secs(seconds), Signing::Es256, false);
    for (name, signing) in [("RS256", Signing::Rs256), ("ES256", Signing::Es256)] {
        println!("sign-on with token exchange, {name}:");
        measure(Duration::from_secs(seconds.min(5)), signing, true);
    }
}

/// Runs one tenant under load for a while and prints what it did per second of its own time.
fn measure(span: Duration, signing: Signing, exchange: bool) {
    let (ready, task, finish) = tenant(signing);
    let counts = Arc::new(Counts::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (ready, counts) = (ready.clone(), counts.clone());
            thread::spawn(move || {
                let mut client = Client::connect(&ready);
                while !counts.stop.load(Ordering::Relaxed) {
                    client.journey(&counts, number, exchange);
                }
            })
        })
        .collect();
    let clock = Clock::system();
    thread::sleep(Duration::from_millis(500));
    let read = || {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [count(&counts.capability), count(&counts.authorize), count(&counts.token)]
    };
    let (before, from, used) = (read(), clock.now(), processor_time(&task));
    thread::sleep(span);
    let (after, wall, used) = (read(), clock.now() - from, processor_time(&task) - used);
    counts.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("a client that ends well");
    }
    finish.send(()).expect("a tenant that waits for its end");
    let per_second = |count: u64| count as f64 / used.as_secs_f64();
    let [capability, authorize, token] = [0, 1, 2].map(|index| after[index] - before[index]);
    println!(
        "  {capability} capability, {authorize} authorize, {token} token calls in {:.1} s, {:.2} s of the tenant's processor time",
        wall.as_secs_f64(),
        used.as_secs_f64(),
    );
    println!(
        "  {:.0} capability calls/s and {:.0} calls/s in all per core",
        per_second(capability),
        per_second(capability + authorize + token),
    );
}

/// Starts a tenant in a thread of its own: how to reach it, its entry in `/proc`, its end.
fn tenant(signing: Signing) -> (Ready, String, tokio::sync::oneshot::Sender<()>) {
    let (tell, told) = mpsc::channel();
    let (finish, finished) = tokio::sync::oneshot::channel::<()>();
    thread::spawn(move || {
        let task = std::fs::read_link("/proc/thread-self").expect("Linux");
        let task = format!("/proc/{}/schedstat", task.display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let settings = Settings { signing, lockout_failures: 0, ..Settings::default() };
            let running = serve(settings, Clock::system()).await.expect("a tenant");
            people(running.tenant());
            tell.send((running.ready.clone(), task)).expect("somebody waits");
            let _ = finished.await;
            running.stop().await;
        });
    });
    let (ready, task) = told.recv().expect("a tenant that starts");
    (ready, task, finish)
}

/// Users to sign on with.
fn people(tenant: &gander::standin::tenant::Tenant) {
    use gander::standin::directory::{Profile, User};
    for index in 0..USERS {
        let profile = Profile {
            username: format!("user-{index}"),
            email: format!("user-{index}@example.com"),
            population: tenant.population_id.clone(),
            ..Profile::default()
        };
        let mut user = User::new(&format!("id-{index}"), profile, tenant.clock.wall());
        user.set_password(Hashed::of(PASSWORD, &mut tenant.draw("salt")), 0);
        tenant.directory().add(user).expect("room");
    }
}

/// Processor time of a thread so far, from its `schedstat`: the first number, in nanoseconds.
fn processor_time(task: &str) -> Duration {
    let text = std::fs::read_to_string(task).expect("a thread that runs");
    let first = text.split_whitespace().next().and_then(|number| number.parse().ok());
    Duration::from_nanos(first.expect("a number"))
}

/// A keep-alive HTTP/1.1 connection that does one call at a time.
struct Client {
    stream: BufReader<TcpStream>,
    start: String,
    token: String,
    redirect_uri: String,
    client_id: String,
    body: Vec<u8>,
    journeys: usize,
}

/// What is needed of the last form to answer it.
struct Form {
    path: String,
    id: String,
    interaction: String,
    token: String,
}

impl Client {
    fn connect(ready: &Ready) -> Self {
        let address = ready.auth_url.trim_start_matches("http://");
        let stream = TcpStream::connect(address).expect("a tenant that listens");
        stream.set_nodelay(true).expect("a socket");
        let environment = &ready.environment_id;
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &ready.client_id)
            .append_pair("redirect_uri", &ready.redirect_uri)
            .append_pair("response_type", "code")
            .append_pair("response_mode", "pi.flow")
            .append_pair("scope", "openid")
            .append_pair("code_challenge", "verifier")
            .append_pair("code_challenge_method", "plain")
            .finish();
        Self {
            stream: BufReader::new(stream),
            start: format!("/{environment}/as/authorize?{query}"),
            token: format!("/{environment}/as/token"),
            redirect_uri: ready.redirect_uri.clone(),
            client_id: ready.client_id.clone(),
            body: Vec::new(),
            journeys: 0,
        }
    }

    /// Start, to and fro between forms, a wrong password, the right one; or just the sign-on with
    /// the exchange of its code.
    fn journey(&mut self, counts: &Counts, number: usize, exchange: bool) {
        let path = self.start.clone();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nx-requested-with: ping-sdk\r\n\r\n");
        assert_eq!(self.call(&request), 200);
        counts.authorize.fetch_add(1, Ordering::Relaxed);
        let mut form = self.form();
        let turns = if exchange { 0 } else { 5 };
        for _ in 0..turns {
            for action in ["REGISTER", "CANCEL"] {
                assert_eq!(self.answer(&form, "action", action, "{}"), 200);
                form = self.form();
                counts.capability.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.journeys += 1;
        let user = (self.journeys * CLIENTS + number) % USERS;
        let typed = |password| format!(r#"{{"username":"user-{user}","password":"{password}"}}"#);
        if !exchange {
            assert_eq!(self.answer(&form, "submit", "SIGNON", &typed("wrong")), 400);
            counts.capability.fetch_add(1, Ordering::Relaxed);
        }
        assert_eq!(self.answer(&form, "submit", "SIGNON", &typed(PASSWORD)), 200);
        counts.capability.fetch_add(1, Ordering::Relaxed);
        if exchange {
            let success: Value = serde_json::from_slice(&self.body).expect("JSON");
            let body = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("grant_type", "authorization_code")
                .append_pair("code", success["authorizeResponse"]["code"].as_str().expect("a code"))
                .append_pair("redirect_uri", &self.redirect_uri)
                .append_pair("client_id", &self.client_id)
                .append_pair("code_verifier", "verifier")
                .finish();
            let (path, length) = (&self.token, body.len());
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            assert_eq!(self.call(&request), 200);
            counts.token.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn answer(&mut self, form: &Form, event: &str, action: &str, typed: &str) -> u16 {
        let Form { path, id, interaction, token } = form;
        let body = format!(
            r#"{{"id":"{id}","eventName":"continue","interactionId":"{interaction}","parameters":{{"eventType":"{event}","data":{{"actionKey":"{action}","formData":{typed}}}}}}}"#
        );
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-requested-with: ping-sdk\r\ninteractionid: {interaction}\r\ninteractiontoken: {token}\r\nx-gander-call: bench\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.call(&request)
    }

    fn form(&self) -> Form {
        let body: Value = serde_json::from_slice(&self.body).expect("JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let href = text(&body["_links"]["next"]["href"]);
        let path = href.splitn(4, '/').nth(3).expect("a path");
        Form {
            path: format!("/{path}"),
            id: text(&body["id"]),
            interaction: text(&body["interactionId"]),
            token: text(&body["interactionToken"]),
        }
    }

    /// One exchange; the body is kept, the status given back.
    fn call(&mut self, request: &str) -> u16 {
        self.stream.get_mut().write_all(request.as_bytes()).expect("a connection");
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line).expect("a reply");
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest[..3].parse().expect("a status");
            } else if let Some(rest) = line.strip_prefix("content-length: ") {
                length = rest.parse().expect("a length");
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).expect("a body");
        status
    }
}
