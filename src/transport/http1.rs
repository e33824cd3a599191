//! One HTTP/1.1 connection, driven by whoever uses it.
//!
//! hyper's connection is usually given a task of its own. Here the user of the connection polls it
//! while it waits: no hand-over between tasks lies between the socket and the clock, a dropped
//! exchange closes its socket at once, and an idle connection costs nothing.

use super::connection::Failure;
use super::connection::Pieces;
use super::stream::Stream;
use bytes::Bytes;
use http::Request;
use http::Response;
use hyper::body::Body;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::body::SizeHint;
use hyper::client::conn::http1;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

/// An open connection. Whoever gives up in the middle of an exchange must drop it.
pub(super) struct Http1 {
    sender: SendRequest<Payload>,
    driver: Driver,
}

/// Moves bytes between the socket and hyper whenever it is polled, until the connection's end.
struct Driver {
    hyper: Pin<Box<http1::Connection<TokioIo<Stream>, Payload>>>,
    ended: bool,
}

/// A request's body: all of it or nothing. Unlike the usual types it gives back what was not sent.
struct Payload(Bytes);

impl Http1 {
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

    /// Sends a request, whose link is already as this server wants it, and waits for the head of its
    /// reply.
    pub(super) async fn send(
        &mut self,
        request: Box<Request<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut reply = pin!(self.sender.try_send_request(request.map(Payload)));
        let head = poll_fn(|cx| {
            self.driver.poll(cx);
            reply.as_mut().poll(cx)
        });
        head.await.map_err(|mut error| match error.take_message() {
            Some(back) => Failure::Unsent(Some(Box::new(back.map(|payload| payload.0)))),
            None => broken(error.into_error()),
        })
    }

    /// Reads a body to its end, at most `most` bytes of it.
    pub(super) async fn read(&mut self, mut body: Incoming, most: u64) -> Result<Bytes, Failure> {
        let mut pieces = Pieces::up_to(most, body.size_hint().lower())?;
        while let Some(frame) = poll_fn(|cx| self.driver.poll_frame(&mut body, cx)).await {
            if let Ok(piece) = frame.map_err(broken)?.into_data() {
                pieces.push(piece)?;
            }
        }
        Ok(pieces.whole())
    }
}

fn broken(error: hyper::Error) -> Failure {
    if error.is_parse_too_large() { Failure::TooLarge } else { Failure::Broken(Box::new(error)) }
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
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let mut body = Pin::new(body);
        if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
            return Poll::Ready(frame);
        }
        self.poll(cx);
        Poll::Ready(ready!(body.poll_frame(cx)))
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let whole = std::mem::take(&mut self.0);
        Poll::Ready((!whole.is_empty()).then(|| Ok(Frame::data(whole))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
