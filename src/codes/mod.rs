//! One-time codes: where they come from, and how each reaches the user who asked for it.

pub mod extract;
pub mod mail;
pub mod office;
pub mod settings;
pub mod smtp_session;
pub mod smtp_sink;

use crate::base::clock::Clock;
use office::Office;
use settings::Settings;
use smtp_sink::{SinkError, SmtpSink};
use std::net::SocketAddr;

/// A running source of codes. It ends when it is dropped.
#[derive(Debug)]
pub enum CodeSource {
    /// Mails are delivered to us over SMTP.
    SmtpSink(SmtpSink),
}

impl CodeSource {
    /// Starts the source that the profile names. Codes reach their waiters through `office`.
    pub async fn start(
        settings: &Settings,
        office: &Office,
        clock: &Clock,
    ) -> Result<Self, SinkError> {
        let sink = SmtpSink::start(settings, office.clone(), clock.clone()).await?;
        Ok(Self::SmtpSink(sink))
    }

    /// Where mails have to be delivered.
    pub const fn address(&self) -> SocketAddr {
        match self {
            Self::SmtpSink(sink) => sink.address(),
        }
    }
}
