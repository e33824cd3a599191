//! Who knocked where mails are delivered to us, and who waited for a code: what explains a code that never came.

use std::net::SocketAddr;

/// What is known of a source beside its mails.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Reception {
    /// Where mails are delivered to us; none where we fetch them.
    pub at: Option<SocketAddr>,
    /// Connections that came there.
    pub connections: u64,
    /// Deliveries turned away because user, password or token were wrong or not there: those of one
    /// connection over SMTP count once, and every notification over HTTP.
    pub refused: u64,
    /// Notifications that nobody could be found in to give them to.
    pub misread: u64,
    /// Waits for a code that began.
    pub awaited: u64,
    /// Waits that ended with a code.
    pub met: u64,
    /// Waits that ended without one, when their time was over.
    pub missed: u64,
}

impl Reception {
    /// Waits that were given up before their time was over: the iteration was ended from outside. Right once
    /// nobody waits any more.
    pub const fn cut_short(&self) -> u64 {
        self.awaited.saturating_sub(self.met.saturating_add(self.missed))
    }
}
