//! Why something could not be said in a group, or heard.

use super::message::MessageError;
use super::name::NameError;
use crate::base::remedy::Remedy;

/// Why something could not be said or heard.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// There is no connection.
    #[error("no connection to the NATS server at {server}: {why}")]
    NotConnected {
        /// The server.
        server: String,
        /// In plain words.
        why: String,
        /// What to do.
        remedy: Option<String>,
        /// Whether another attempt may find it otherwise.
        may_pass: bool,
    },
    /// The server has no streams.
    #[error("the NATS server at {server} keeps no streams: {why}")]
    NoStream {
        /// The server.
        server: String,
        /// In its words.
        why: String,
    },
    /// Nobody hears.
    #[error("nobody hears what is said to agent `{agent}`")]
    NobodyHears {
        /// The agent.
        agent: String,
    },
    /// No answer came in time.
    #[error("agent `{agent}` does not answer")]
    NoAnswer {
        /// The agent.
        agent: String,
    },
    /// It is too much for one message.
    #[error("{bytes} bytes are more than the NATS server at {server} takes in one message")]
    TooLarge {
        /// How many there are.
        bytes: usize,
        /// The server.
        server: String,
    },
    /// A message cannot be read.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A run's id cannot stand in a subject.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Anything else.
    #[error("the NATS server at {server}: {why}")]
    Other {
        /// The server.
        server: String,
        /// In the client's words.
        why: String,
    },
}

impl Remedy for WireError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::NotConnected { remedy, .. } => remedy.clone(),
            Self::NoStream { .. } => Some(
                "start it with JetStream (`nats-server --jetstream --store_dir DIR`), and let the user make streams"
                    .to_owned(),
            ),
            Self::NobodyHears { .. } | Self::NoAnswer { .. } => {
                Some("look whether `gander agent` still runs there and reaches the server".to_owned())
            }
            Self::TooLarge { .. } => Some(
                "raise `max_payload` of the server, or take journeys out of the profile that it does not perform"
                    .to_owned(),
            ),
            Self::Message(error) => error.remedy(),
            Self::Name(error) => error.remedy(),
            Self::Other { .. } => None,
        }
    }
}
