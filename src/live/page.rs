//! The page of a run in progress: its addresses, who may open them, and how the run comes to it.

use super::brush::{Brush, Paths};
use super::painter::{self, Job, Studio};
use super::serve::Server;
use super::token::Token;
use super::visitor;
use crate::base::clock::Clock;
use crate::measure::course::Course;
use crate::measure::tally::Tally;
use crate::measure::timeline::Interval;
use crate::result::run_dir::{RunDir, RunRecord};
use crate::result::summary::Summary;
use crate::run::conduct::Listener;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use hyper::body::Frame;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// How many intervals lie between two pictures.
const EVERY: u32 = 2;

/// How long drawing a page may take.
const DRAWING: Duration = Duration::from_secs(10);

/// How long browsers get to take the last picture.
const LAST_PICTURE: Duration = Duration::from_secs(5);

/// What is done when somebody presses the button.
pub type StopButton = Arc<dyn Fn() + Send + Sync>;

/// A page that is being served.
#[derive(Debug)]
pub struct Page {
    server: Server,
    studio: Studio,
    token: Token,
}

#[derive(Clone)]
struct Desk {
    studio: Studio,
    token: Token,
    bound: SocketAddr,
    stop: StopButton,
    policy: HeaderValue,
}

impl Page {
    /// Serves the page of a run, and makes the listener that it hears of the run by.
    pub fn start(
        listener: TcpListener,
        (dir, record): (RunDir, RunRecord),
        (brush, token): (Brush, Token),
        stop: StopButton,
        policy: &str,
    ) -> io::Result<(Self, PageFeed)> {
        let bound = listener.local_addr()?;
        let paths = Paths {
            events: format!("/events?token={}&since=", token.expose()),
            stop: format!("/stop?token={}", token.expose()),
        };
        let studio = painter::start(dir, record, (brush, paths), Clock::system())?;
        let policy = HeaderValue::from_str(policy).map_err(io::Error::other)?;
        let desk = Desk { studio: studio.clone(), token: token.clone(), bound, stop, policy };
        let router = Router::new()
            .route("/", get(page))
            .route("/events", get(events))
            .route("/stop", post(stop_run))
            .layer(from_fn_with_state(desk.clone(), at_the_door))
            .with_state(desk);
        let server = Server::start("live", listener, router)?;
        let feed = PageFeed { studio: studio.clone(), course: Course::default(), since: 0 };
        Ok((Self { server, studio, token }, feed))
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What the person opens.
    pub fn link(&self) -> String {
        let address = self.address();
        let token = self.token.expose();
        // "All addresses" is none that a browser opens.
        if address.ip().is_unspecified() {
            return format!("http://127.0.0.1:{}/?token={token}", address.port());
        }
        format!("http://{address}/?token={token}")
    }

    /// Shows the result to those who watch, and ends in bounded time.
    pub fn finish(self, record: &RunRecord, summary: &Summary, tally: &Tally) {
        let Self { server, studio, .. } = self;
        let end = Box::new((record.clone(), summary.clone(), tally.clone()));
        // A painter that is gone has no watchers.
        let _ = studio.jobs.send(Job::Over(end));
        server.stop(LAST_PICTURE);
    }
}

/// Follows the run, and hands it over only while somebody watches.
#[derive(Debug)]
pub struct PageFeed {
    studio: Studio,
    course: Course,
    since: u32,
}

impl Listener for PageFeed {
    fn interval(&mut self, interval: &Interval, so_far: &Tally) {
        self.course.absorb(interval);
        self.since = self.since.saturating_add(1);
        let wants = &self.studio.wants;
        if wants.anything() && (self.since >= EVERY || wants.at_once()) {
            let state = Box::new((so_far.clone(), self.course.clone()));
            wants.is_busy(true);
            match self.studio.jobs.try_send(Job::State(state)) {
                Ok(()) => self.since = 0,
                Err(_) => wants.is_busy(false),
            }
        }
    }
}

/// The course outlives the thread that followed it, for the picture of the end.
impl Drop for PageFeed {
    fn drop(&mut self) {
        let course = std::mem::take(&mut self.course);
        let _ = self.studio.jobs.try_send(Job::Course(course));
    }
}

/// Lets in who may come in, and tells browsers what not to do with what they get.
async fn at_the_door(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let refused = |text: &'static str| (StatusCode::FORBIDDEN, text).into_response();
    let mut response = if !visitor::is_meant_for(request.headers(), desk.bound) {
        refused("ask by the address of the machine, not by a name\n")
    } else if !desk.token.is_in(request.uri().query()) {
        refused("open the address that gander printed, with its token\n")
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, desk.policy);
    response
}

async fn page(State(desk): State<Desk>) -> Response {
    let (reply, page) = oneshot::channel();
    let busy = StatusCode::SERVICE_UNAVAILABLE;
    if desk.studio.jobs.try_send(Job::Page(reply)).is_err() {
        return busy.into_response();
    }
    match timeout(DRAWING, page).await {
        Ok(Ok(page)) => Html(page).into_response(),
        Ok(Err(_)) | Err(_) => busy.into_response(),
    }
}

async fn events(State(desk): State<Desk>, request: Request) -> Response {
    // A browser that lost the connection says what it has seen.
    let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let query = request.uri().query().unwrap_or_default();
    let since = query.split('&').find_map(|pair| pair.strip_prefix("since="));
    let seen = last.or(since).and_then(|number| number.parse().ok()).unwrap_or(0);
    let (sender, receiver) = painter::events();
    if desk.studio.jobs.try_send(Job::Watch(seen, sender)).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    (kind, Body::new(Events(receiver))).into_response()
}

async fn stop_run(State(desk): State<Desk>, request: Request) -> StatusCode {
    if !visitor::is_of_our_page(request.headers()) {
        return StatusCode::FORBIDDEN;
    }
    (desk.stop)();
    // A browser that sent a form stays on its page.
    StatusCode::NO_CONTENT
}

/// Events as they come, until their sender is gone.
struct Events(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::timeline::Line;
    use crate::result::dossier::Dossier;
    use crate::run::summarise::summarise;
    use std::collections::BTreeMap;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Pictures of one word, so that what changes is known.
    const BRUSH: Brush = Brush { document, sections };

    fn document(dossier: &Dossier, paths: &Paths, number: u64) -> String {
        format!("<p>{}</p>{}{number} {}", of(dossier), paths.events, paths.stop)
    }

    fn of(dossier: &Dossier) -> String {
        let users: u64 = dossier.course.moments().map(|(_, moment)| moment.users).sum();
        format!("running {} users {users}", dossier.is_running)
    }

    fn sections(dossier: &Dossier) -> Vec<(&'static str, String)> {
        vec![("verdict", of(dossier)), ("glossary", "words".to_owned())]
    }

    struct Lab {
        page: Page,
        feed: PageFeed,
        pressed: Arc<AtomicU32>,
        record: RunRecord,
        _home: tempfile::TempDir,
    }

    impl Lab {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let dir = RunDir::create_at(home.path()).unwrap();
            let record: RunRecord = serde_json::from_value(serde_json::json!({
                "schema_version": 1, "gander_version": "0.1.0", "run_id": "r1",
                "started_at": "2026-11-21T18:34:41.000Z", "started_unix_ms": 0,
                "ended_at": null, "interrupted": false, "seed": "1",
                "workload_model": "closed", "planned_ms": null, "reply_timeout_ms": 30_000,
                "thresholds": [], "host": { "name": "", "system": "", "cores": 2 },
                "tenant_hosts": [], "flows": [], "plan": {},
            }))
            .unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let pressed = Arc::new(AtomicU32::new(0));
            let button = Arc::clone(&pressed);
            let stop: StopButton = Arc::new(move || {
                button.fetch_add(1, Ordering::SeqCst);
            });
            let token = Token::unforeseen().unwrap();
            let (page, feed) = Page::start(
                listener,
                (dir, record.clone()),
                (BRUSH, token),
                stop,
                "default-src 'none'",
            )
            .unwrap();
            Self { page, feed, pressed, record, _home: home }
        }

        fn second(&mut self, number: u64, users: u64) {
            let mut line = Line { interval: number, start_ms: number * 1000, ..Line::default() };
            line.end_ms = line.start_ms + 1000;
            line.readings.users = users;
            let interval = Interval { line, series: BTreeMap::new(), failing: Vec::new() };
            let mut tally = Tally::default();
            tally.absorb(&interval);
            self.feed.interval(&interval, &tally);
        }

        fn connect(&self, head: &str) -> TcpStream {
            let mut socket = TcpStream::connect(self.page.address()).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let token = self.page.token.expose();
            let head = head.replace("TOKEN", token).replace('\n', "\r\n");
            socket.write_all(format!("{head}\r\n\r\n").as_bytes()).unwrap();
            socket
        }

        fn ask(&self, head: &str) -> String {
            let mut text = String::new();
            self.connect(head).read_to_string(&mut text).unwrap();
            text
        }

        fn finish(self) {
            let Self { page, feed, record, .. } = self;
            drop(feed);
            let tally = Tally::default();
            page.finish(&record, &summarise(&record, &tally, None, None), &tally);
        }
    }

    /// Reads until a text comes.
    fn read_until(socket: &mut TcpStream, wanted: &str) -> String {
        let mut text = Vec::new();
        let mut piece = [0; 1024];
        while !String::from_utf8_lossy(&text).contains(wanted) {
            match socket.read(&mut piece).unwrap() {
                0 => panic!("the end came before `{wanted}`: {}", String::from_utf8_lossy(&text)),
                read => text.extend_from_slice(&piece[..read]),
            }
        }
        String::from_utf8(text).unwrap()
    }

    const PAGE: &str = "GET /?token=TOKEN HTTP/1.1\nHost: localhost";

    #[test]
    fn only_who_has_the_token_and_came_by_the_address_is_let_in() {
        let lab = Lab::new();
        for (head, status) in [
            (PAGE, "200 OK"),
            ("GET / HTTP/1.1\nHost: localhost", "403 Forbidden"),
            (
                "GET /?token=00000000000000000000000000000000 HTTP/1.1\nHost: localhost",
                "403 Forbidden",
            ),
            ("GET /?token=TOKEN HTTP/1.1\nHost: gander.evil.example", "403 Forbidden"),
            ("GET /events HTTP/1.1\nHost: localhost", "403 Forbidden"),
            ("GET /nothing?token=TOKEN HTTP/1.1\nHost: localhost", "404 Not Found"),
            ("GET /stop?token=TOKEN HTTP/1.1\nHost: localhost", "405 Method Not Allowed"),
            ("POST /stop HTTP/1.1\nHost: localhost\nContent-Length: 0", "403 Forbidden"),
            (
                "POST /stop?token=TOKEN HTTP/1.1\nHost: localhost\nContent-Length: 0\nOrigin: http://evil.example",
                "403 Forbidden",
            ),
        ] {
            let reply = lab.ask(head);
            assert!(reply.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {reply}");
            for name in [
                "cache-control: no-store",
                "referrer-policy: no-referrer",
                "x-frame-options: DENY",
                "x-content-type-options: nosniff",
                "content-security-policy: ",
            ] {
                assert!(reply.contains(name), "{head}: no {name} in {reply}");
            }
            assert!(!reply.contains("set-cookie"), "{reply}");
        }
        assert_eq!(lab.pressed.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn the_button_stops_the_run() {
        let lab = Lab::new();
        let reply = lab.ask("POST /stop?token=TOKEN HTTP/1.1\nHost: 127.0.0.1:80\nContent-Length: 0\nOrigin: http://127.0.0.1:80");
        assert!(reply.starts_with("HTTP/1.1 204 No Content"), "{reply}");
        assert_eq!(lab.pressed.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn nothing_is_copied_or_drawn_while_nobody_watches() {
        let mut lab = Lab::new();
        for number in 0..10 {
            lab.second(number, 5);
        }
        assert!(!lab.page.studio.wants.anything());
        assert_eq!(lab.feed.since, 10, "nothing was handed over");
    }

    #[test]
    fn a_watcher_is_told_what_changes_and_that_it_is_over() {
        let mut lab = Lab::new();
        let mut page = lab.connect(PAGE);
        // The page waits for the next second of the run.
        while !lab.page.studio.wants.at_once() {
            std::thread::yield_now();
        }
        lab.second(0, 7);
        let page = read_until(&mut page, "/stop?token=");
        assert!(page.contains("<p>running true users 7</p>"), "{page}");
        let (_, since) = page.split_once("&since=").unwrap();
        let since = since.split(' ').next().unwrap().to_owned();
        assert_eq!(since, "1");

        let mut watcher = lab
            .connect(&format!("GET /events?token=TOKEN&since={since} HTTP/1.1\nHost: localhost"));
        let head = read_until(&mut watcher, "\r\n\r\n");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        while !lab.page.studio.wants.anything() {
            std::thread::yield_now();
        }
        lab.second(1, 4);
        lab.second(2, 4);
        let event = read_until(&mut watcher, "\n\n");
        assert!(event.contains("id: 2\n"), "{event}");
        assert!(
            event
                .contains(r#"data: {"over":false,"sections":{"verdict":"running true users 15"}}"#),
            "{event}"
        );

        lab.finish();
        let mut rest = String::new();
        watcher.read_to_string(&mut rest).unwrap();
        assert!(
            rest.contains(r#"{"over":true,"sections":{"verdict":"running false users 15"}}"#),
            "{rest}"
        );
    }

    #[test]
    fn who_comes_back_is_given_what_he_missed() {
        let mut lab = Lab::new();
        let mut watcher = lab
            .connect("GET /events?token=TOKEN&since=9 HTTP/1.1\nHost: localhost\nLast-Event-ID: 0");
        read_until(&mut watcher, "\r\n\r\n");
        while !lab.page.studio.wants.anything() {
            std::thread::yield_now();
        }
        lab.second(0, 1);
        lab.second(1, 1);
        let event = read_until(&mut watcher, "\n\n");
        assert!(event.contains(r#""glossary":"words""#), "{event}");
    }

    #[test]
    fn the_end_does_not_wait_for_a_browser_that_takes_nothing() {
        let mut lab = Lab::new();
        let idle = TcpStream::connect(lab.page.address()).unwrap();
        let watchers: Vec<_> = (0..painter::MOST_WATCHERS + 3)
            .map(|_| lab.connect("GET /events?token=TOKEN&since=0 HTTP/1.1\nHost: localhost"))
            .collect();
        while !lab.page.studio.wants.anything() {
            std::thread::yield_now();
        }
        lab.second(0, 1);
        lab.second(1, 1);
        let clock = Clock::system();
        let began = clock.now();
        lab.finish();
        assert!(clock.now() - began < LAST_PICTURE, "one that asked for nothing is not waited for");
        drop((idle, watchers));
    }
}
