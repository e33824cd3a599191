//! One run of a flow by one user agent: where it stands and what it has learnt.

use super::flow::{Flow, Form};
use super::settings::FlowPolicy;
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
    /// The form that waits for an answer.
    pub waiting: &'static Form,
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
    /// An interaction that waits at the flow's first form. None if the flow has no such form.
    pub fn start(
        (id, token): (&str, String),
        flow: &'static Flow,
        request: Arc<Request>,
        now: Instant,
    ) -> Option<Self> {
        let waiting = flow.form(flow.first)?;
        Some(Self {
            id: id.into(),
            token,
            started: now,
            flow,
            waiting,
            last_error: None,
            runs: vec![(waiting.id, 1)],
            request,
            user: None,
            lost: String::new(),
        })
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
        self.waiting = form;
        self.last_error = None;
    }

    /// Whether a request may carry this id: that of the waiting form, or of the last error's node,
    /// as documented samples do.
    pub fn is_at(&self, id: &str) -> bool {
        id == self.waiting.id || self.last_error == Some(id)
    }
}

/// The flow of a policy.
pub fn flow_of(policy: &FlowPolicy) -> Option<&'static Flow> {
    super::stock::FLOWS.iter().copied().find(|flow| flow.name == policy.flow)
}
