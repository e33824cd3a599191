//! One run of a flow by one user agent: where it stands and what it has learnt.

use super::directory::Code;
use super::flow::{Flow, Form};
use std::sync::Arc;
use std::time::Instant;

/// A running interaction.
#[derive(Debug)]
pub struct Interaction {
    /// Interaction id.
    pub id: Arc<str>,
    /// Proof of ownership, 256 hexadecimal digits; the same for the whole interaction.
    pub token: String,
    /// When it began. Whether steps restart the service's clock is unknown; here they do not.
    pub started: Instant,
    /// The flow it runs.
    pub flow: &'static Flow,
    /// The form that waits for an answer; none before the first one is shown.
    pub waiting: Option<&'static Form>,
    /// Id of the node that produced the last error since the form was shown.
    pub last_error: Option<&'static str>,
    /// Runs of each node so far.
    runs: Vec<(&'static str, u32)>,
    /// What the authorize request asked for.
    pub request: Arc<Request>,
    /// The user, once one signed on, registered or recovered.
    pub user: Option<Arc<str>>,
    /// Name whose password is being recovered; it may be nobody's.
    pub lost: String,
    /// The address that somebody claims before there is a user.
    pub claim: Option<Claim>,
    /// Times the form that waits was polled since it was shown.
    pub polls: u32,
    /// Id of the challenge that is waited for; empty when there is none.
    pub challenge: String,
    /// What was received last where the flow keeps it, as JSON.
    pub echo: String,
}

/// An address that is being claimed.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The address.
    pub email: String,
    /// The code sent to it last.
    pub code: Option<Code>,
    /// Whether the code came back.
    pub proved: bool,
}

/// How a flow was started; it decides how its end is told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Start {
    /// By an authorize request: the end is an authorization code.
    #[default]
    Authorize,
    /// By policy: the end is tokens in the body.
    Policy,
    /// With the application's key: the end is the flow's own JSON.
    Key,
    /// From the hosted page: the end is something to resume the authorize request with.
    Page,
}

/// What an authorize request asked for, as far as it matters later.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Request {
    /// Client id.
    pub client_id: String,
    /// Redirect URI.
    pub redirect_uri: String,
    /// Scopes granted, separated by spaces.
    pub scope: String,
    /// State, to be echoed.
    pub state: Option<String>,
    /// Nonce, for the id token.
    pub nonce: Option<String>,
    /// PKCE challenge.
    pub challenge: Option<Challenge>,
    /// Flow policy that serves the request.
    pub policy: String,
    /// How the flow was started.
    pub start: Start,
}

/// A PKCE challenge and its method.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Challenge {
    /// `S256`.
    Digest(String),
    /// `plain`.
    Plain(String),
}

impl Interaction {
    /// An interaction that has shown nothing yet.
    pub fn start(
        (id, token): (&str, String),
        flow: &'static Flow,
        request: Arc<Request>,
        now: Instant,
    ) -> Self {
        Self {
            id: id.into(),
            token,
            started: now,
            flow,
            waiting: None,
            last_error: None,
            runs: Vec::new(),
            request,
            user: None,
            lost: String::new(),
            claim: None,
            polls: 0,
            challenge: String::new(),
            echo: String::new(),
        }
    }

    /// Counts a run of a node; whether the node may still run.
    pub fn enter(&mut self, node: &'static str, limit: u32) -> bool {
        let Some((_, runs)) = self.runs.iter_mut().find(|(id, _)| *id == node) else {
            self.runs.push((node, 1));
            return limit > 0;
        };
        *runs += 1;
        *runs <= limit
    }

    /// Shows a form and waits at it.
    pub const fn show(&mut self, form: &'static Form) {
        self.waiting = Some(form);
        self.last_error = None;
        self.polls = 0;
    }

    /// Whether a request may carry this id: that of the waiting form, or of the last error's node,
    /// as documented samples do.
    pub fn is_at(&self, id: &str) -> bool {
        self.waiting.is_some_and(|form| form.id == id) || self.last_error == Some(id)
    }
}
