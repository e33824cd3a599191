//! Who sees what happens in an iteration, and what there is to see.

pub use super::struck::Learnt;

use super::outcome::Verdict;
use crate::base::names::{Capability, Step};
use crate::davinci::form::{Event, Filled};
use crate::davinci::node::Refusal;
use crate::davinci::walk::Walk;
use crate::measure::fault::Fault;
use crate::transport::Exchange;
use bytes::Bytes;
use http::Request;
use std::time::Duration;

/// Sees everything that happens in an iteration.
pub trait Witness {
    /// A request is about to be sent.
    fn sending(&mut self, _sending: &Sending<'_>) {}
    /// The reply was read and judged.
    fn answered(&mut self, answered: &Answered<'_>);
    /// The iteration waited for something other than a reply of the tenant.
    fn waited(&mut self, _wait: Wait, _time: Duration) {}
    /// Whether anybody wants to know more about an iteration that failed: to strike secrets out of it takes
    /// time. Asked last of all.
    fn wants_detail(&mut self, _fault: Fault) -> bool {
        true
    }
    /// A browser would ask whether it may send what comes next, and so does the iteration. The
    /// label is that of what comes next.
    fn preflighting(&mut self, _label: &Label) {}
    /// The answer to that question came, or did not.
    fn preflighted(&mut self, _preflight: &Request<Bytes>, _exchange: &Exchange) {}
}

/// Something outside the tenant's replies that takes time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wait {
    /// A one-time code.
    Code,
    /// The pause that the flow asks for before it is asked again.
    Poll,
    /// Thinking.
    Think,
}

/// A request on its way.
#[derive(Debug)]
pub struct Sending<'a> {
    /// What it belongs to.
    pub label: &'a Label,
    /// The request.
    pub request: &'a Request<Bytes>,
    /// Values that go into the form, secret ones marked.
    pub filled: &'a [(Filled, bool)],
    /// Id under which a stand-in keeps its own record of the call, if the stage asks for it.
    pub call: Option<&'a str>,
    /// The walk before the request.
    pub walk: &'a Walk,
    /// What the iteration knows so far that may not be shown.
    pub learnt: &'a Learnt,
}

/// A reply that was read.
#[derive(Debug)]
pub struct Answered<'a> {
    /// What it belongs to.
    pub label: &'a Label,
    /// The exchange: reply and times.
    pub exchange: &'a Exchange,
    /// What it did for the journey.
    pub verdict: Verdict,
    /// Why the answer was turned down, if it was.
    pub refusal: Option<&'a Refusal>,
    /// Whether the flow is over with success.
    pub completed: bool,
    /// The walk after the reply.
    pub walk: &'a Walk,
    /// What the iteration knows by now that may not be shown.
    pub learnt: &'a Learnt,
}

/// Under which names an exchange is counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Label {
    /// The rule, or the call outside the flow.
    pub step: Step,
    /// The capability of the form being answered, or the call outside the flow.
    pub capability: Capability,
    /// Event type; none outside the flow.
    pub event: Option<Event>,
    /// Key of the action; empty outside the flow.
    pub action: String,
}

impl Label {
    /// A call outside the flow, whose step is its capability.
    pub(super) fn call(name: &str) -> Self {
        Self { step: name.into(), capability: name.into(), event: None, action: String::new() }
    }
}
