//! An open connection, whichever version of HTTP its two ends settled on.

use super::http1::Http1;
use super::http2::Http2;
use super::stream::Stream;
use super::target::Target;
use bytes::Bytes;
use bytes::BytesMut;
use http::HeaderMap;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::Version;
use http::header;
use std::error::Error;

/// A stream that was just opened, and what is to be spoken over it.
pub(super) struct Wire {
    pub(super) stream: Stream,
    /// HTTP/1.1 or HTTP/2.
    pub(super) version: Version,
    /// What a proxy in front of plain HTTP has to be told with each request.
    pub(super) forwarded: Option<Forwarded>,
}

/// A connection to a proxy that passes on requests, not bytes.
#[derive(Clone, Debug)]
pub(super) struct Forwarded {
    /// `Proxy-Authorization`, if the proxy asks for it.
    pub(super) authorization: Option<HeaderValue>,
}

/// An open connection.
pub(super) enum Connection {
    /// HTTP/1.1. Whoever gives up in the middle of an exchange must drop it.
    One(Http1, Option<Forwarded>),
    /// HTTP/2, or one user's part of it. An exchange given up is reset and disturbs no other.
    Two(Http2),
}

/// The body of a reply that has begun.
pub(super) enum Body {
    One(hyper::body::Incoming),
    /// And the length that its head announces.
    Two(h2::RecvStream, u64),
}

/// Why there is no whole reply.
pub(super) enum Failure {
    /// The server has certainly not looked at the request: it can go out elsewhere. It comes back
    /// unless the version of HTTP keeps it.
    Unsent(Option<Box<Request<Bytes>>>),
    /// Head or body are larger than allowed.
    TooLarge,
    /// For good.
    Broken(Box<dyn Error + Send + Sync>),
}

/// A body being put together.
pub(super) struct Pieces {
    most: u64,
    first: Bytes,
    all: BytesMut,
}

impl Connection {
    /// Makes a stream ready for requests of one user.
    pub(super) async fn over(wire: Wire) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(match wire.version {
            Version::HTTP_2 => Self::Two(Http2::own(wire.stream).await?),
            _ => Self::One(Http1::over(wire.stream).await?, wire.forwarded),
        })
    }

    /// Whether another request can be sent, as far as this machine knows.
    pub(super) async fn is_idle(&mut self) -> bool {
        match self {
            Self::One(http1, _) => http1.is_idle().await,
            Self::Two(http2) => http2.is_open(),
        }
    }

    /// Sends a request with an absolute link and waits for the head of its reply.
    pub(super) async fn send(
        &mut self,
        request: Box<Request<Bytes>>,
        target: &Target,
    ) -> Result<(Response<()>, Body), Failure> {
        match self {
            Self::One(http1, forwarded) => {
                let reply = http1.send(for_http1(request, target, forwarded.as_ref())).await?;
                let (head, body) = reply.into_parts();
                Ok((Response::from_parts(head, ()), Body::One(body)))
            }
            Self::Two(http2) => {
                let (head, body) = http2.send(*request, target).await?.into_parts();
                let announced = announced(&head.headers);
                Ok((Response::from_parts(head, ()), Body::Two(body, announced)))
            }
        }
    }

    /// Reads a body to its end, at most `most` bytes of it.
    pub(super) async fn read(&mut self, body: Body, most: u64) -> Result<Bytes, Failure> {
        match (self, body) {
            (Self::One(http1, _), Body::One(body)) => http1.read(body, most).await,
            (Self::Two(http2), Body::Two(body, announced)) => {
                http2.read((body, announced), most).await
            }
            _ => Err(Failure::Broken("a body of another connection".into())),
        }
    }
}

/// The link as a server wants it, or a proxy that passes requests on.
fn for_http1(
    mut request: Box<Request<Bytes>>,
    target: &Target,
    forwarded: Option<&Forwarded>,
) -> Box<Request<Bytes>> {
    match forwarded {
        None => *request.uri_mut() = Target::path(request.uri()),
        Some(Forwarded { authorization }) => {
            *request.uri_mut() = target.link(request.uri());
            if let Some(value) = authorization {
                request.headers_mut().insert(header::PROXY_AUTHORIZATION, value.clone());
            }
        }
    }
    request
}

fn announced(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

impl Pieces {
    /// An empty body that may have `most` bytes, of which so many were announced.
    pub(super) fn up_to(most: u64, announced: u64) -> Result<Self, Failure> {
        let pieces = Self { most, first: Bytes::new(), all: BytesMut::new() };
        if announced > most { Err(Failure::TooLarge) } else { Ok(pieces) }
    }

    /// Adds a piece. Most bodies are one, which is then never copied.
    pub(super) fn push(&mut self, piece: Bytes) -> Result<(), Failure> {
        if (self.first.len() + self.all.len() + piece.len()) as u64 > self.most {
            return Err(Failure::TooLarge);
        }
        if self.first.is_empty() && self.all.is_empty() {
            self.first = piece;
            return Ok(());
        }
        self.all.extend_from_slice(&std::mem::take(&mut self.first));
        self.all.extend_from_slice(&piece);
        Ok(())
    }

    /// The whole body.
    pub(super) fn whole(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}
