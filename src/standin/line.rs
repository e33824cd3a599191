//! Connections: taken from the listener, served, ended with grace or broken off.
//!
//! An accept loop of its own, because a fault that resets a connection needs the socket.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// What a handler's frame knows of the connection that its call came over. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Address of the client.
    pub(super) peer: IpAddr,
    cut: Arc<AtomicBool>,
}

impl Line {
    const fn new(peer: IpAddr, cut: Arc<AtomicBool>) -> Self {
        Self { peer, cut }
    }

    /// Breaks the connection off: nothing more goes out, and the client sees a reset.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    /// Whether the connection is to be broken off.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Arc::default())
    }
}

/// The most that a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Pause after the system refused to hand over a connection, as when no file descriptor is left.
const BREATH: Duration = Duration::from_millis(100);

/// Serves connections until told to stop, then waits until those under way have ended.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    mut stopped: oneshot::Receiver<()>,
) {
    // Every connection holds a receiver: the sender hears when the last one is gone.
    let (stopping, watching) = watch::channel(());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => break,
        };
        let Ok((socket, peer)) = accepted else {
            sleep(BREATH).await;
            continue;
        };
        // Without it small replies could wait for the client's acknowledgements.
        let _ = socket.set_nodelay(true);
        let (tls, router, watching) = (tls.clone(), router.clone(), watching.clone());
        tokio::spawn(async move {
            let peer = peer.ip();
            let Some(tls) = tls else {
                return converse(socket, |socket| socket, (peer, router), watching).await;
            };
            if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(socket)).await {
                converse(stream, |stream| stream.get_ref().0, (peer, router), watching).await;
            }
        });
    }
    drop((listener, watching));
    let _ = stopping.send(());
    stopping.closed().await;
}

/// Serves one connection to its end. `socket` finds the socket below a stream.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    socket: fn(&S) -> &TcpStream,
    (peer, router): (IpAddr, Router),
    mut watching: watch::Receiver<()>,
) {
    let cut = Arc::new(AtomicBool::new(false));
    let line = Line::new(peer, cut.clone());
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(line.clone());
        let reply = hyper::service::Service::call(&router, request);
        let line = line.clone();
        async move {
            let Ok(reply) = reply.await;
            if line.is_cut() {
                Err(io::Error::from(io::ErrorKind::ConnectionReset))
            } else {
                Ok(reply)
            }
        }
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut stopping = false;
    loop {
        tokio::select! {
            // How it ended is the client's business, or a fault's.
            _ = &mut connection => break,
            _ = watching.changed(), if !stopping => {
                stopping = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    }
    if cut.load(Ordering::Acquire) {
        // With no time to linger, closing sends a reset and drops what was not sent yet.
        let stream = connection.into_parts().io.into_inner();
        let _ = socket(&stream).set_zero_linger();
    }
}
