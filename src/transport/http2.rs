//! One HTTP/2 connection, or one user's part of it.
//!
//! A user's own connection is polled by its user, as an HTTP/1.1 connection is: nothing else uses
//! it, so a task would only put a hand-over between socket and clock. A shared connection has a
//! task, because it must go on while any one of its users waits for something else.

use super::connection::Failure;
use super::connection::Pieces;
use super::multiplex::Lease;
use super::stream::Stream;
use super::target::Target;
use bytes::Bytes;
use h2::Reason;
use h2::RecvStream;
use h2::client::Builder;
use h2::client::ResponseFuture;
use h2::client::SendRequest;
use http::HeaderName;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::Version;
use http::header;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

/// What the connection between two ends is to h2.
pub(super) type Line = h2::client::Connection<Stream, Bytes>;

/// How many streams a server allows while it has not said so: a number that none can say.
pub(super) const NOT_SAID: usize = usize::MAX - 1;

/// Bytes that may be under way to one stream and to the connection. Replies are small; these are
/// large enough never to be waited for.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// The longest head of a reply, in bytes as HTTP/2 counts them (RFC 9113, section 6.5.2).
const LONGEST_HEAD: usize = 256 << 10;
/// What the server is told it may be. h2 calls a head beyond that a broken protocol, so there is
/// room left to tell the one from the other.
const LONGEST_HEAD_TOLD: u32 = 1 << 20;

/// Headers about a connection, which HTTP/2 does not have (RFC 9113, section 8.2.2). `Host` is
/// `:authority` there.
const NOT_IN_HTTP2: [HeaderName; 6] = [
    header::HOST,
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// One user's way into an HTTP/2 connection.
pub(super) struct Http2 {
    sender: SendRequest<Bytes>,
    driver: Driver,
}

/// Who moves the bytes.
enum Driver {
    /// The user, whenever it waits.
    Own { line: Box<Line>, ended: bool },
    /// A task; this is one user's place on the connection.
    Task(Lease),
}

impl Http2 {
    /// A connection of one user alone.
    pub(super) async fn own(stream: Stream) -> Result<Self, h2::Error> {
        let (sender, line) = handshake(stream).await?;
        Ok(Self { sender, driver: Driver::Own { line: Box::new(line), ended: false } })
    }

    /// A place on a shared connection.
    pub(super) const fn part(sender: SendRequest<Bytes>, lease: Lease) -> Self {
        Self { sender, driver: Driver::Task(lease) }
    }

    /// Whether it is a place on a shared connection.
    pub(super) const fn lease(&self) -> Option<&Lease> {
        match &self.driver {
            Driver::Task(lease) => Some(lease),
            Driver::Own { .. } => None,
        }
    }

    /// Whether another stream can be opened, as far as this machine knows.
    pub(super) fn is_open(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.driver.poll(&mut cx);
        takes_streams(&mut self.sender) && !self.driver.has_ended()
    }

    /// Sends a request with an absolute link and waits for the head of its reply. Dropped before
    /// that, it resets the stream.
    pub(super) async fn send(
        &mut self,
        request: Request<Bytes>,
        target: &Target,
    ) -> Result<Response<RecvStream>, Failure> {
        let (head, body) = for_http2(request, target);
        let opened = self.sender.send_request(head, body.is_empty());
        let (mut reply, mut stream) = opened.map_err(|error| broken(error, false))?;
        if !body.is_empty() {
            stream.send_data(body, true).map_err(|error| broken(error, false))?;
        }
        let reply = poll_fn(|cx| self.driver.poll_reply(&mut reply, cx)).await;
        let reply = reply.map_err(|error| broken(error, true))?;
        if let Driver::Task(lease) = &self.driver {
            lease.heard();
        }
        let lines = reply.headers().iter();
        let length: usize = lines.map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        if length > LONGEST_HEAD { Err(Failure::TooLarge) } else { Ok(reply) }
    }

    /// Reads a body to its end, at most `most` bytes of it. Given up, it resets the stream.
    pub(super) async fn read(
        &mut self,
        (mut body, announced): (RecvStream, u64),
        most: u64,
    ) -> Result<Bytes, Failure> {
        let mut pieces = Pieces::up_to(most, announced)?;
        while let Some(piece) = poll_fn(|cx| self.driver.poll_data(&mut body, cx)).await {
            let piece = piece.map_err(|error| broken(error, true))?;
            let length = piece.len();
            pieces.push(piece)?;
            body.flow_control().release_capacity(length).map_err(|error| broken(error, true))?;
        }
        Ok(pieces.whole())
    }
}

/// Greets the server. Its settings are not waited for.
pub(super) async fn handshake(stream: Stream) -> Result<(SendRequest<Bytes>, Line), h2::Error> {
    Builder::new()
        .enable_push(false)
        .initial_max_send_streams(NOT_SAID)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(LONGEST_HEAD_TOLD)
        .handshake(stream)
        .await
}

/// Whether a connection takes another stream: it is not broken, and its server has not said that
/// it is about to close.
pub(super) fn takes_streams(sender: &mut SendRequest<Bytes>) -> bool {
    !matches!(sender.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(_)))
}

impl Driver {
    fn has_ended(&self) -> bool {
        matches!(self, Self::Own { ended: true, .. })
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        if let Self::Own { line, ended } = self {
            // What went wrong reaches whoever waits for the reply or its body.
            *ended = *ended || Pin::new(&mut **line).poll(cx).is_ready();
        }
    }

    fn poll_reply(
        &mut self,
        reply: &mut ResponseFuture,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<RecvStream>, h2::Error>> {
        self.poll(cx);
        Pin::new(reply).poll(cx)
    }

    fn poll_data(
        &mut self,
        body: &mut RecvStream,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, h2::Error>>> {
        if let Poll::Ready(piece) = body.poll_data(cx) {
            return Poll::Ready(piece);
        }
        self.poll(cx);
        body.poll_data(cx)
    }
}

/// What came of a stream.
///
/// Only two ends of a stream promise that its server did not look at the request: it was refused
/// by name, or a GOAWAY excludes it (RFC 9113, sections 6.8 and 8.7).
fn broken(error: h2::Error, was_opened: bool) -> Failure {
    let refused = error.reason() == Some(Reason::REFUSED_STREAM);
    let untouched = error.is_remote() && (error.is_go_away() || refused);
    if untouched || (!was_opened && (error.is_io() || error.is_go_away())) {
        return Failure::Unsent(None);
    }
    Failure::Broken(Box::new(error))
}

/// The request as HTTP/2 has it.
fn for_http2(request: Request<Bytes>, target: &Target) -> (Request<()>, Bytes) {
    let (mut parts, body) = request.into_parts();
    for name in &NOT_IN_HTTP2 {
        parts.headers.remove(name);
    }
    if !body.is_empty() {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    parts.uri = target.link(&parts.uri);
    parts.version = Version::HTTP_2;
    (Request::from_parts(parts, ()), body)
}
