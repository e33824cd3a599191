//! What became of an exchange and of an iteration: replies and errors turned into faults.

use crate::base::names::Step;
use crate::davinci::node::{Ending, Kind};
use crate::davinci::walk::{Fingerprint, WalkError};
use crate::measure::fault::Fault;
use crate::transport::TransportFault;
use std::time::{Duration, Instant};

/// What an exchange did for its journey.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The flow went on.
    Advanced,
    /// The answer was turned down, as the rule expected.
    RefusedAsExpected,
    /// Neither.
    Fault(Fault),
}

/// What became of an iteration.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether the journey's goal was reached, or what prevented it.
    pub result: Result<(), Fault>,
    /// The step at which it ended.
    pub last_step: Step,
    /// More about the fault, for people: what a form offered, what was missing. Never a secret.
    pub detail: Option<String>,
    /// When its user began.
    pub began: Instant,
    /// When it was over.
    pub ended: Instant,
    /// Time spent waiting for things outside the tenant's replies (codes, polls, thinking), which
    /// is in neither service nor response time.
    pub waited: Duration,
    /// Which flow answered the start, if one did.
    pub fingerprint: Option<Fingerprint>,
}

/// The fault that an ending is counted as.
pub fn of_ending(ending: &Ending) -> Fault {
    match ending.kind {
        Kind::RateLimited => Fault::RateLimited,
        Kind::Blocked => Fault::Blocked,
        Kind::ServerError => Fault::Http5xx,
        Kind::Redirected | Kind::OauthError | Kind::ClientError => Fault::Http4xx,
        Kind::InteractionRejected => Fault::InteractionRejected,
        Kind::FlowTimedOut => Fault::FlowTimedOut,
        Kind::FlowFailed => Fault::FlowFailed,
        Kind::Refusal => Fault::Refused,
        Kind::NoNextStep => Fault::NoNextStep,
        // The other kinds are turns, not endings.
        Kind::Malformed | Kind::Success | Kind::Stay | Kind::Form | Kind::Screen => {
            Fault::MalformedReply
        }
    }
}

/// What an ending says to a person.
pub fn describe(ending: &Ending) -> String {
    let capability =
        ending.capability.as_deref().map(|name| format!(" from `{name}`")).unwrap_or_default();
    let code = ending.code.as_deref().map(|code| format!(", code `{code}`")).unwrap_or_default();
    let location =
        ending.location.as_deref().map(|to| format!(", pointing to {to}")).unwrap_or_default();
    // A reply that turns down where no form is at hand is one to the start.
    let hint = match ending.kind {
        Kind::Redirected | Kind::OauthError | Kind::Refusal => {
            ": look at client id, redirect address and flow policy"
        }
        _ => "",
    };
    format!("status {}{capability}{code}{location}{hint}", ending.status)
}

/// The fault that a failed exchange is counted as. Transport and fault table use the same slugs.
pub fn of_transport(fault: &TransportFault) -> Fault {
    fault.slug().parse().unwrap_or(Fault::MalformedReply)
}

/// The fault of a form that could not be answered.
pub const fn of_walk(error: &WalkError) -> Fault {
    match error {
        WalkError::Answer(crate::davinci::form::AnswerError::Unmapped { .. }) => {
            Fault::UnmappedField
        }
        WalkError::Answer(_) | WalkError::NoForm | WalkError::NoPolling => Fault::UnexpectedForm,
        WalkError::BadValue(_) => Fault::MalformedReply,
    }
}

/// The fault of a status outside the flow (token, userinfo, sign-off, revocation).
pub const fn of_status(status: u16) -> Fault {
    match status {
        429 => Fault::RateLimited,
        403 => Fault::Blocked,
        500..=599 => Fault::Http5xx,
        300..=499 => Fault::Http4xx,
        _ => Fault::MalformedReply,
    }
}
