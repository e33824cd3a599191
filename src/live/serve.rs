//! A small HTTP server on a thread of its own: few connections, none kept, none for ever.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Sleep, sleep, timeout};

/// Most connections at a time. One more is closed at once.
pub const MOST_CONNECTIONS: u32 = 16;

/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(5);

/// How long a client may take nothing of what is written to it.
const STALLED: Duration = Duration::from_secs(10);

/// Pause after the system refused to hand over a connection, as when no file descriptor is left.
const BREATH: Duration = Duration::from_millis(100);

/// Niceness of the thread: users go first.
const NICENESS: i32 = 5;

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    patience: watch::Sender<Option<Duration>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on a listener that does not block.
    pub fn start(name: &str, listener: TcpListener, router: Router) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (patience, told) = watch::channel(None);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = move || {
            give_way();
            runtime.block_on(serve(listener, router, told));
        };
        let thread = Some(Builder::new().name(name.to_owned()).spawn(work)?);
        Ok(Self { address, patience, thread })
    }

    /// Where it listens: the real port where 0 was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets those under way end for so long, and breaks off the rest.
    pub fn stop(mut self, patience: Duration) {
        self.end(patience);
    }

    fn end(&mut self, patience: Duration) {
        self.patience.send_replace(Some(patience));
        if let Some(thread) = self.thread.take() {
            // What it died of was printed; the run is over either way.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// Lets the threads of users go first.
pub fn give_way() {
    // Of this thread alone. Where the system does not let it, it works as quickly as the others.
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

async fn serve(listener: TcpListener, router: Router, mut told: watch::Receiver<Option<Duration>>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS as usize));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = told.changed() => break,
        };
        let Ok((socket, _)) = accepted else {
            sleep(BREATH).await;
            continue;
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .keep_alive(false)
            .serve_connection(TokioIo::new(Patient::new(socket)), service);
        let mut told = told.clone();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            // How it ended is the client's business.
            tokio::select! {
                _ = &mut connection => return,
                _ = told.changed() => {}
            }
            // One that has asked for nothing yet, as browsers hold in reserve, ends here.
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    let patience = told.borrow().unwrap_or_default();
    // All places are free when nobody is left. What is still there then ends with the runtime.
    let _ = timeout(patience, room.acquire_many(MOST_CONNECTIONS)).await;
}

/// A connection that breaks when its client takes nothing for too long.
struct Patient {
    socket: TcpStream,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    const fn new(socket: TcpStream) -> Self {
        Self { socket, stalled: None }
    }

    fn watched<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.stalled = None;
            return poll;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALLED)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.watched(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
