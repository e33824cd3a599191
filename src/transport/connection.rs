//! One HTTP/1.1 connection, driven by whoever uses it.
//!
//! hyper's connection is usually given a task of its own. Here the user of the connection polls it
//! while it waits: no hand-over between tasks lies between the socket and the clock, a dropped
//! exchange closes its socket at once, and an idle connection costs nothing.

use super::stream::Stream;
use bytes::Bytes;
use bytes::BytesMut;
use http::Request;
use http::Response;
use http_body_util::Full;
use hyper::body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

/// An open connection. Whoever gives up in the middle of an exchange must drop it.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
}

/// Moves bytes between the socket and hyper whenever it is polled, until the connection's end.
struct Driver {
    hyper: Pin<Box<http1::Connection<TokioIo<Stream>, Full<Bytes>>>>,
    ended: bool,
}

/// Why a body is not whole.
pub(super) enum BodyFault {
    TooLarge,
    Broken(hyper::Error),
}

impl Connection {
    /// Makes a stream that was just opened ready for requests.
    pub(super) async fn over(stream: Stream) -> hyper::Result<Self> {
        let (sender, hyper) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, driver: Driver { hyper: Box::pin(hyper), ended: false } })
    }

    /// Whether another request can be sent: the last exchange is over, and the server has not
    /// closed the connection as far as this machine knows.
    pub(super) async fn is_idle(&mut self) -> bool {
        poll_fn(|cx| {
            self.driver.poll(cx);
            let ready = matches!(self.sender.poll_ready(cx), Poll::Ready(Ok(())));
            Poll::Ready(ready && !self.driver.ended)
        })
        .await
    }

    /// Sends a request and waits for the head of its reply. The request comes back with the error
    /// if none of it was written.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        let mut reply = pin!(self.sender.try_send_request(request));
        poll_fn(|cx| {
            self.driver.poll(cx);
            reply.as_mut().poll(cx)
        })
        .await
    }

    /// Reads a body to its end, at most `most` bytes of it.
    pub(super) async fn read(&mut self, mut body: Incoming, most: u64) -> Result<Bytes, BodyFault> {
        let too_large = |length: u64| if length > most { Err(BodyFault::TooLarge) } else { Ok(()) };
        too_large(body.size_hint().lower())?;
        let mut whole = Bytes::new();
        let mut pieces = BytesMut::new();
        while let Some(frame) = poll_fn(|cx| self.driver.poll_frame(&mut body, cx)).await {
            let Ok(piece) = frame.map_err(BodyFault::Broken)?.into_data() else { continue };
            too_large((whole.len() + pieces.len() + piece.len()) as u64)?;
            if whole.is_empty() && pieces.is_empty() {
                whole = piece;
                continue;
            }
            pieces.extend_from_slice(&std::mem::take(&mut whole));
            pieces.extend_from_slice(&piece);
        }
        Ok(if pieces.is_empty() { whole } else { pieces.freeze() })
    }
}

impl Driver {
    fn poll(&mut self, cx: &mut Context<'_>) {
        // What went wrong reaches whoever waits for the reply or its body.
        self.ended = self.ended || self.hyper.as_mut().poll(cx).is_ready();
    }

    fn poll_frame(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<hyper::body::Frame<Bytes>>>> {
        let mut body = Pin::new(body);
        if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
            return Poll::Ready(frame);
        }
        self.poll(cx);
        Poll::Ready(ready!(body.poll_frame(cx)))
    }
}
