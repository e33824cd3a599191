//! HTTP/2 connections of all users together, for `connections = "shared"`.
//!
//! A connection takes as many users at a time as its server allows streams; beyond that another is
//! opened. Whoever comes while one is being opened and would fit on it waits for it: a thousand
//! users who begin at once open no more connections than they need.

use super::connection::Connection;
use super::dial::ConnectTime;
use super::dial::Dialer;
use super::fault;
use super::fault::TransportFault;
use super::fault::classify;
use super::http2;
use super::http2::Http2;
use super::http2::Line;
use super::target::Target;
use bytes::Bytes;
use h2::client::SendRequest;
use http::Version;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Poll;
use tokio::sync::watch;
use tokio::time::timeout_at;

/// Shared HTTP/2 connections by target.
#[derive(Default)]
pub(super) struct Multiplex(Mutex<Vec<(Arc<Target>, Place)>>);

/// What is known about one target.
#[derive(Default)]
struct Place {
    /// The server chose HTTP/1.1: nothing of it can be shared by several at a time.
    speaks_http1: bool,
    /// How many streams its connections took, once one has said so.
    limit: Option<usize>,
    lines: Vec<Shared>,
    opening: Vec<Opening>,
}

/// A connection that several users are on.
struct Shared {
    sender: SendRequest<Bytes>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    users: AtomicUsize,
    /// Takes nobody new.
    retired: AtomicBool,
    /// Has had a reply since an exchange on it last timed out.
    heard: AtomicBool,
}

/// A connection that is not there yet, and how many more would fit on it.
struct Opening {
    seats: usize,
    stage: watch::Receiver<Stage>,
}

#[derive(Clone)]
enum Stage {
    Dialling,
    Open,
    Failed(TransportFault),
}

/// One user's place on a shared connection; given back when dropped.
pub(super) struct Lease(Arc<State>);

/// What a user who wants a connection does next.
enum Next {
    Go(Connection),
    Wait(watch::Receiver<Stage>),
    Dial(watch::Sender<Stage>),
    /// The server speaks HTTP/1.1.
    Elsewhere,
}

impl Multiplex {
    /// A place on a connection, and how long it took to open if this user had to. None where the
    /// server is known to speak HTTP/1.1.
    pub(super) async fn connection(
        &self,
        target: &Arc<Target>,
        dialer: &Dialer,
    ) -> Result<Option<(Connection, Option<ConnectTime>)>, TransportFault> {
        // One limit for all the connections that this user waits for, however many come to nothing.
        let limit = dialer.clock.now() + dialer.settings.connect_timeout;
        loop {
            match self.next(target) {
                Next::Go(connection) => return Ok(Some((connection, None))),
                Next::Elsewhere => return Ok(None),
                Next::Dial(stage) => {
                    let (connection, time) = self.open(target, dialer, stage).await?;
                    return Ok(Some((connection, Some(time))));
                }
                Next::Wait(mut stage) => {
                    let ready = stage.wait_for(|stage| !matches!(stage, Stage::Dialling));
                    match timeout_at(limit.into(), ready).await {
                        Err(_) => return Err(dialer.too_slow(target.origin.host())),
                        Ok(Ok(stage)) => {
                            if let Stage::Failed(fault) = &*stage {
                                return Err(fault.clone());
                            }
                        }
                        // Whoever was opening it gave up; the next one tries, while there is time.
                        Ok(Err(_)) if dialer.clock.now() >= limit => {
                            return Err(dialer.too_slow(target.origin.host()));
                        }
                        Ok(Err(_)) => {}
                    }
                }
            }
        }
    }

    fn next(&self, target: &Arc<Target>) -> Next {
        let mut places = self.lock();
        let place = place_of(&mut places, target);
        if place.speaks_http1 {
            return Next::Elsewhere;
        }
        place.lines.retain_mut(Shared::is_of_use);
        place.limit = place.lines.iter().find_map(Shared::limit).or(place.limit);
        if let Some(line) = place.lines.iter().find(|line| line.has_room()) {
            return Next::Go(line.take());
        }
        place.opening.retain(Opening::is_under_way);
        if let Some(opening) = place.opening.iter_mut().find(|opening| opening.seats > 0) {
            opening.seats -= 1;
            return Next::Wait(opening.stage.clone());
        }
        let (sender, stage) = watch::channel(Stage::Dialling);
        let seats = place.limit.map_or(usize::MAX, |limit| limit.saturating_sub(1));
        place.opening.push(Opening { seats, stage });
        Next::Dial(sender)
    }

    async fn open(
        &self,
        target: &Arc<Target>,
        dialer: &Dialer,
        stage: watch::Sender<Stage>,
    ) -> Result<(Connection, ConnectTime), TransportFault> {
        let (dialled, time) = match dial(target, dialer).await {
            Ok(dialled) => dialled,
            Err(fault) => {
                stage.send_replace(Stage::Failed(fault.clone()));
                return Err(fault);
            }
        };
        let mut places = self.lock();
        let place = place_of(&mut places, target);
        match dialled {
            Dialled::One(connection) => {
                place.speaks_http1 = true;
                stage.send_replace(Stage::Open);
                Ok((connection, time))
            }
            Dialled::Two(sender, line) => {
                let shared = Shared { sender, state: Arc::default() };
                let connection = shared.take();
                place.lines.push(shared);
                tokio::spawn(drive(line, stage));
                Ok((connection, time))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Arc<Target>, Place)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn is_of_use(&mut self) -> bool {
        !self.state.retired.load(Ordering::Relaxed) && http2::takes_streams(&mut self.sender)
    }

    /// How many streams its server allows; none while it has not said so.
    fn limit(&self) -> Option<usize> {
        Some(self.sender.current_max_send_streams()).filter(|limit| *limit != http2::NOT_SAID)
    }

    fn has_room(&self) -> bool {
        self.state.users.load(Ordering::Relaxed) < self.limit().unwrap_or(1)
    }

    fn take(&self) -> Connection {
        self.state.users.fetch_add(1, Ordering::Relaxed);
        Connection::Two(Http2::part(self.sender.clone(), Lease(self.state.clone())))
    }
}

impl Opening {
    fn is_under_way(&self) -> bool {
        let dialling = matches!(*self.stage.borrow(), Stage::Dialling);
        dialling && self.stage.has_changed().is_ok()
    }
}

impl Lease {
    /// A reply came: the connection is alive.
    pub(super) fn heard(&self) {
        if !self.0.heard.load(Ordering::Relaxed) {
            self.0.heard.store(true, Ordering::Relaxed);
        }
    }

    /// An exchange timed out. A connection that has not brought a single reply since the last one
    /// that did is given up: whether the stream or the connection is dead, nobody else can tell.
    pub(super) fn timed_out(&self) {
        if !self.0.heard.swap(false, Ordering::Relaxed) {
            self.retire();
        }
    }

    /// Nobody new comes onto the connection; those who are on it stay.
    pub(super) fn retire(&self) {
        self.0.retired.store(true, Ordering::Relaxed);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::Relaxed);
    }
}

enum Dialled {
    One(Connection),
    Two(SendRequest<Bytes>, Box<Line>),
}

async fn dial(
    target: &Arc<Target>,
    dialer: &Dialer,
) -> Result<(Dialled, ConnectTime), TransportFault> {
    let (wire, time) = dialer.connect(target).await?;
    if wire.version != Version::HTTP_2 {
        return Ok((Dialled::One(dialer.ready(wire, target).await?), time));
    }
    let greeted = http2::handshake(wire.stream).await;
    let (sender, line) =
        greeted.map_err(|error| classify(fault::Stage::Connect, target.origin.host(), &error))?;
    Ok((Dialled::Two(sender, Box::new(line)), time))
}

/// Moves the bytes of a shared connection until its end, and says when its server's settings came.
async fn drive(mut line: Box<Line>, stage: watch::Sender<Stage>) {
    let mut said = false;
    poll_fn(|cx| {
        let ended = Pin::new(&mut *line).poll(cx).is_ready();
        if !said && line.max_concurrent_send_streams() != http2::NOT_SAID {
            said = true;
            stage.send_replace(Stage::Open);
        }
        if ended { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn place_of<'p>(places: &'p mut Vec<(Arc<Target>, Place)>, target: &Arc<Target>) -> &'p mut Place {
    let at = places.iter().position(|(of, _)| Arc::ptr_eq(of, target)).unwrap_or_else(|| {
        places.push((target.clone(), Place::default()));
        places.len() - 1
    });
    &mut places[at].1
}
