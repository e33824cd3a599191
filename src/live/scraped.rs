//! The metrics at `/metrics`, and the patience to be scraped once more when the run is over.

use super::board::Shared;
use super::prometheus::{Dialect, render};
use super::serve::Server;
use super::visitor;
use crate::base::clock::Clock;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The longest wait for a last scrape.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often it is looked whether it came.
const LOOK: Duration = Duration::from_millis(50);

/// How long a scrape under way may take when the server stops.
const LAST_REPLY: Duration = Duration::from_secs(1);

/// The exporter for Prometheus.
#[derive(Debug)]
pub struct Scraped {
    server: Server,
    visits: Arc<Mutex<Visits>>,
    clock: Clock,
}

/// How many pauses between scrapes are remembered: somebody may look in between.
const REMEMBERED: usize = 4;

/// When it was scraped, and how long the last pauses before were.
#[derive(Clone, Copy, Debug, Default)]
struct Visits {
    last: Option<Instant>,
    pauses: [Option<Duration>; REMEMBERED],
}

impl Visits {
    fn note(&mut self, now: Instant) {
        self.pauses.rotate_right(1);
        self.pauses[0] = self.last.map(|last| now.saturating_duration_since(last));
        self.last = Some(now);
    }

    /// How long the next one is worth waiting for.
    fn patience(&self, now: Instant) -> Option<Duration> {
        let longest = self.pauses.iter().flatten().max()?;
        let due = longest.checked_add(*longest / 4)?.min(LONGEST_WAIT);
        let left = due.saturating_sub(now.saturating_duration_since(self.last?));
        (!left.is_zero()).then_some(left)
    }
}

#[derive(Clone)]
struct Desk {
    board: Shared,
    bound: SocketAddr,
    visits: Arc<Mutex<Visits>>,
    clock: Clock,
}

impl Scraped {
    /// Serves a board.
    pub fn start(listener: TcpListener, board: Shared, clock: Clock) -> io::Result<Self> {
        let visits = Arc::default();
        let bound = listener.local_addr()?;
        let desk = Desk { board, bound, visits: Arc::clone(&visits), clock: clock.clone() };
        let router = Router::new().route("/metrics", get(metrics)).with_state(desk);
        Ok(Self { server: Server::start("prometheus", listener, router)?, visits, clock })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How long a last scrape is worth waiting for: until the next one is due by the longest of the
    /// last pauses and a quarter more, a minute at most. None where nobody came twice.
    pub fn patience(&self) -> Option<Duration> {
        let visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        visits.patience(self.clock.now())
    }

    /// Waits so long for one more scrape, or until somebody has enough of it. Says whether it came.
    pub fn wait(&self, patience: Duration, is_enough: impl Fn() -> bool) -> bool {
        let began = self.clock.now();
        loop {
            let last = self.visits.lock().unwrap_or_else(PoisonError::into_inner).last;
            if last.is_some_and(|last| last > began) {
                return true;
            }
            if is_enough() || self.clock.now().saturating_duration_since(began) >= patience {
                return false;
            }
            thread::sleep(LOOK);
        }
    }

    /// Ends it.
    pub fn stop(self) {
        self.server.stop(LAST_REPLY);
    }
}

async fn metrics(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    // Beyond loopback scrapers know it by any name; the person chose that it can be read by all.
    if desk.bound.ip().is_loopback() && !visitor::is_meant_for(&headers, desk.bound) {
        let text = "ask by the address of this machine, such as 127.0.0.1, or as localhost\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let dialect = Dialect::accepted(accept.unwrap_or_default());
    let Ok(text) = render(&desk.board, dialect) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let now = desk.clock.now();
    desk.visits.lock().unwrap_or_else(PoisonError::into_inner).note(now);
    let kept = [
        (header::CONTENT_TYPE, dialect.content_type()),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (kept, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_last_scrape_is_waited_for_as_long_as_they_were_apart() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let s = Duration::from_secs;
        let mut visits = Visits::default();
        assert_eq!(visits.patience(clock.now()), None, "nobody came");
        visits.note(clock.now());
        assert_eq!(visits.patience(clock.now()), None, "once says nothing of when again");
        clock.advance(s(16));
        visits.note(clock.now());
        clock.advance(s(5));
        assert_eq!(visits.patience(clock.now()), Some(s(15)));
        // Somebody looks by hand.
        visits.note(clock.now());
        assert_eq!(visits.patience(clock.now()), Some(s(20)));
        clock.advance(s(20));
        assert_eq!(visits.patience(clock.now()), None, "the scraper is gone");
        visits.note(clock.now());
        clock.advance(s(3600));
        visits.note(clock.now());
        assert_eq!(visits.patience(clock.now()), Some(s(60)));
    }
}
