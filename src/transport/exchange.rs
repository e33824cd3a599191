//! One request and its reply: what came of it and how long it took.

use super::dial::ConnectTime;
use super::fault::TransportFault;
use bytes::Bytes;
use http::Response;
use std::fmt;
use std::time::Duration;
use std::time::Instant;

/// What became of one request.
pub struct Exchange {
    /// The reply, whatever its status, or why there is none.
    pub reply: Result<Response<Bytes>, TransportFault>,
    /// When its parts happened.
    pub timing: Timing,
    /// Whether a kept connection turned out to be closed and another took its place.
    pub reconnected: bool,
}

/// When the parts of an exchange happened.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The exchange was asked for.
    pub began: Instant,
    /// Setting up a connection, if one had to be.
    pub connect: Option<ConnectTime>,
    /// The request was handed to an open connection; none if it never was.
    pub sent: Option<Instant>,
    /// From sent until the head of the reply was read.
    pub first_byte: Option<Duration>,
    /// From sent until the last byte was read; none without a whole reply. This is the service
    /// time: setting up the connection is not in it.
    pub service: Option<Duration>,
    /// The exchange was over, well or not.
    pub ended: Instant,
}

impl Timing {
    /// An exchange that begins and has come nowhere yet.
    pub(super) const fn begun(began: Instant) -> Self {
        Self { began, connect: None, sent: None, first_byte: None, service: None, ended: began }
    }
}

/// Shows status and size; the headers and the body hold tokens.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reply = self.reply.as_ref().map(|reply| (reply.status(), reply.body().len()));
        f.debug_struct("Exchange")
            .field("reply", &reply)
            .field("timing", &self.timing)
            .field("reconnected", &self.reconnected)
            .finish()
    }
}
