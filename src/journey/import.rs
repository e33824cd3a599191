//! A journey out of what a browser recorded. Links, ids and tokens are the protocol's and are not
//! written; what a person typed becomes templates by the keys and kinds of the fields.

use super::draft::{Act, Came, Draft, NothingDone};
use super::har::Exchange;
use super::import_value::{Typed, Values};
use super::script::{End, Script, Start};
use crate::base::remedy::Remedy;
use crate::davinci::form::Form;
use crate::davinci::node::{Node, Refusal};
use crate::davinci::oidc::Endpoints;
use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value};

/// A journey made out of a recording.
#[derive(Debug)]
pub struct Imported {
    /// The journey.
    pub script: Script,
    /// What a person should know about how it was made, one sentence each.
    pub remarks: Vec<String>,
}

/// Why a recording does not become a journey.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum ImportError {
    /// No exchange of the recording starts or advances a flow.
    #[error("there is no DaVinci exchange in it")]
    NoFlow,
    /// The browser kept no bodies.
    #[error("the {what} of entry {entry} ({call}) is not in it")]
    NoBody {
        /// `reply` or `request body`.
        what: &'static str,
        /// Which entry, from 1.
        entry: usize,
        /// The end of its path.
        call: String,
    },
    /// A reply that is cut off or no JSON where a flow goes on.
    #[error("the reply of entry {entry} ({call}) is cut off")]
    CutOff {
        /// Which entry, from 1.
        entry: usize,
        /// The end of its path.
        call: String,
    },
    /// No form was answered.
    #[error(transparent)]
    Nothing(#[from] NothingDone),
}

impl Remedy for ImportError {
    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::NoFlow => {
                "record from before the first page of the flow; a flow is an `/as/authorize` with `response_mode=pi.flow` or a `/davinci/policy/…/start`, then `/davinci/connections/…` calls"
            }
            Self::NoBody { .. } => {
                "save the recording with its bodies: in Chrome `Save all as HAR with content`, in Firefox `Save All As HAR`, before the page is left"
            }
            Self::CutOff { .. } => {
                "let the browser keep whole replies: in Firefox raise `devtools.netmonitor.responseBodyLimit`, then record again"
            }
            Self::Nothing(error) => return error.remedy(),
        };
        Some(text.to_owned())
    }
}

/// One answer as it was recorded. Not to be printed: it holds what somebody typed.
pub(super) struct Answered {
    pub(super) form: Form,
    pub(super) action: String,
    pub(super) values: Map<String, Value>,
    pub(super) came: Came,
    pub(super) refusal: Option<Refusal>,
}

/// One start of a flow and what followed. Not to be printed: it holds what somebody typed.
#[derive(Default)]
struct Run {
    first: Option<Form>,
    at_hand: Option<Form>,
    href: Option<String>,
    interaction: Option<String>,
    /// What it was started with, if it was started by its policy and not by a page.
    input: Option<Map<String, Value>>,
    answered: Vec<Answered>,
    is_complete: bool,
    ends: Vec<End>,
}

/// Makes a journey out of the exchanges of a recording.
pub fn import(exchanges: &[Exchange], name: &str) -> Result<Imported, ImportError> {
    let mut reading = Reading::default();
    for exchange in exchanges {
        reading.take(exchange)?;
    }
    let Reading { runs, mut remarks, .. } = reading;
    let count = runs.len();
    // The last that came to its end; else the one in which most was done.
    let best = runs.into_iter().enumerate().max_by_key(|(position, run)| {
        (
            run.is_complete && !run.answered.is_empty(),
            if run.is_complete { 0 } else { run.answered.len() },
            *position,
        )
    });
    let (_, run) = best.ok_or(ImportError::NoFlow)?;
    if count > 1 {
        remarks.push(format!(
            "The recording starts a flow {count} times; this is the last one that came to its end, or else the longest."
        ));
    }
    let typed = Typed::of(&run.answered, run.input.as_ref(), Values::secret_of(exchanges));
    let mut draft = Draft {
        first: run.first.clone(),
        ends: run.ends,
        is_complete: run.is_complete,
        ..Draft::default()
    };
    for (position, answered) in run.answered.iter().enumerate() {
        let answers = typed.templates(position, answered, &mut remarks);
        draft.acts.push(Act {
            form: answered.form.clone(),
            action: answered.action.clone(),
            answers,
            came: answered.came.clone(),
        });
    }
    if let Some(input) = &run.input {
        draft.start = Some(Start::Policy);
        draft.input = typed.input(input, &mut remarks);
        remarks.push(
            "The flow is started by its policy: the profile has to name it and say where the token comes from."
                .to_owned(),
        );
    }
    draft.state = typed.state();
    remarks.dedup();
    Ok(Imported { script: draft.build(name)?, remarks })
}

/// What an exchange is to a flow, by the end of its path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Call {
    Start,
    Advance,
    After(End),
}

impl Call {
    fn of(exchange: &Exchange) -> Option<Self> {
        if exchange.method.eq_ignore_ascii_case("OPTIONS") || exchange.status == 0 {
            return None;
        }
        let path = path_of(&exchange.url);
        let ends = |tail: &str| path.ends_with(tail);
        let posts = exchange.method.eq_ignore_ascii_case("POST");
        Some(match () {
            () if ends("/as/authorize") => Self::Start,
            () if posts && path.contains("/davinci/policy/") && ends("/start") => Self::Start,
            () if posts
                && path.contains("/davinci/connections/")
                && path.contains("/capabilities/") =>
            {
                Self::Advance
            }
            () if posts && ends("/as/token") => Self::After(End::Token),
            () if ends("/as/userinfo") => Self::After(End::Userinfo),
            () if ends("/as/signoff") => Self::After(End::SignOff),
            () if posts && ends("/as/revoke") => Self::After(End::Revoke),
            () => return None,
        })
    }
}

fn path_of(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// The end of a path, for messages: the ids before it are of no use to anybody.
fn call_of(exchange: &Exchange) -> String {
    path_of(&exchange.url).rsplit('/').next().unwrap_or_default().to_owned()
}

#[derive(Default)]
struct Reading {
    runs: Vec<Run>,
    has_authorize: bool,
    remarks: Vec<String>,
}

impl Reading {
    fn take(&mut self, exchange: &Exchange) -> Result<(), ImportError> {
        match Call::of(exchange) {
            Some(Call::Start) => self.start(exchange),
            Some(Call::Advance) => self.advance(exchange),
            Some(Call::After(end)) => {
                let is_good = exchange.status < 400;
                if let Some(run) = self.runs.last_mut().filter(|run| run.is_complete && is_good)
                    && !run.ends.contains(&end)
                    && (end == End::Token || run.ends.contains(&End::Token))
                {
                    run.ends.push(end);
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn start(&mut self, exchange: &Exchange) -> Result<(), ImportError> {
        self.has_authorize |= path_of(&exchange.url).ends_with("/as/authorize");
        // A hosted page is HTML, and a redirect has no body; the flow starts with what follows.
        let is_flow = exchange.url.contains("response_mode=pi.flow")
            || exchange.url.contains("/davinci/policy/")
            || exchange.request_body.as_deref().is_some_and(|body| body.contains("pi.flow"));
        if !is_flow {
            return Ok(());
        }
        let mut run = Run::default();
        // A hosted page starts the policy of the authorize request that it came with.
        if exchange.url.contains("/davinci/policy/") && !self.has_authorize {
            let body = exchange.request_body.as_deref().unwrap_or_default();
            run.input = Some(serde_json::from_str(body).unwrap_or_default());
        }
        match read(exchange)? {
            Node::Form(next) => {
                run.first = Some(next.form.clone());
                run.at_hand = Some(next.form);
                run.href = Some(next.href.to_string());
                run.interaction = next.interaction_id;
            }
            Node::Success(_) => match self.runs.last_mut() {
                // The session that the run before has made is good for another start.
                Some(before) if before.is_complete => {
                    if !before.ends.contains(&End::StartAgain) {
                        before.ends.push(End::StartAgain);
                    }
                    return Ok(());
                }
                _ => run.is_complete = true,
            },
            Node::Refusal(_) | Node::Stay | Node::End(_) => return Ok(()),
        }
        self.runs.push(run);
        Ok(())
    }

    fn advance(&mut self, exchange: &Exchange) -> Result<(), ImportError> {
        let missing =
            |what| ImportError::NoBody { what, entry: exchange.number, call: call_of(exchange) };
        let body = exchange.request_body.as_deref().filter(|body| !body.trim().is_empty());
        let body = body.ok_or_else(|| missing("request body"))?;
        let node = read(exchange)?;
        let sent = Sent::read(body);
        let Some(run) = self.run_of(exchange, &sent) else {
            self.remarks.push(
                "A form was answered whose first page is not in the recording; it was left out."
                    .to_owned(),
            );
            return Ok(());
        };
        let (came, refusal) = match node {
            Node::Form(next) => {
                let form = next.form.clone();
                run.href = Some(next.href.to_string());
                (Came::Form(Box::new(form)), None)
            }
            Node::Refusal(refusal) => (Came::Refusal, Some(refusal)),
            Node::Success(completion) => {
                run.is_complete = true;
                // A flow for widgets hands its tokens out itself.
                if completion.tokens.is_some() {
                    run.ends.push(End::Token);
                }
                (Came::End, None)
            }
            Node::Stay => return Ok(()),
            Node::End(ending) => {
                self.remarks.push(format!(
                    "Entry {} was answered with status {} and is left out: that is no answer of a flow.",
                    exchange.number, ending.status
                ));
                return Ok(());
            }
        };
        let at_hand = run.at_hand.clone();
        if let Came::Form(next) = &came {
            run.at_hand = Some((**next).clone());
        }
        let Some(form) = at_hand.filter(|_| !sent.is_poll) else { return Ok(()) };
        let Some(action) = sent.action(&form) else {
            self.remarks.push(format!(
                "Entry {} answers a form without one of its buttons and is left out.",
                exchange.number
            ));
            return Ok(());
        };
        // Values do not count when a secondary way is taken.
        let counts = form
            .action(&action)
            .is_some_and(|action| action.event == crate::davinci::form::Event::Submit);
        let values = if counts { sent.values } else { Map::new() };
        run.answered.push(Answered { form, action, values, came, refusal });
        Ok(())
    }

    /// The run that a request belongs to: the interaction decides, then the link, then the order.
    fn run_of(&mut self, exchange: &Exchange, sent: &Sent) -> Option<&mut Run> {
        let header = exchange.request_headers.iter().find(|(name, _)| name == "interactionid");
        let interaction = header.map(|(_, value)| value).or(sent.interaction.as_ref());
        let of_interaction =
            |run: &Run| interaction.is_some() && run.interaction.as_ref() == interaction;
        let of_link = |run: &Run| run.href.as_deref().map(path_of) == Some(path_of(&exchange.url));
        let position = self
            .runs
            .iter()
            .rposition(of_interaction)
            .or_else(|| self.runs.iter().rposition(of_link))
            .or_else(|| self.runs.len().checked_sub(1))?;
        self.runs.get_mut(position)
    }
}

/// The reply as the protocol reads it.
fn read(exchange: &Exchange) -> Result<Node, ImportError> {
    let (entry, call) = (exchange.number, call_of(exchange));
    let Some(body) = &exchange.reply_body else {
        return Err(ImportError::NoBody { what: "reply", entry, call });
    };
    if exchange.status < 300
        && let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(body)
        && error.is_eof()
    {
        return Err(ImportError::CutOff { entry, call });
    }
    let mut reply = Response::new(Bytes::copy_from_slice(body));
    *reply.status_mut() = http::StatusCode::from_u16(exchange.status).unwrap_or_default();
    Ok(Node::read(&reply, &endpoints_of(&exchange.url)))
}

/// The endpoints of the tenant that a URL belongs to: everything before the part that is known.
fn endpoints_of(url: &str) -> Endpoints {
    let path = path_of(url);
    let known = ["/as/", "/davinci/"].iter().filter_map(|part| path.find(part)).min();
    Endpoints::new(known.and_then(|at| path.get(..at)).unwrap_or(path), None)
}

/// What a request sends, in either dialect.
#[derive(Default)]
struct Sent {
    interaction: Option<String>,
    action: Option<String>,
    values: Map<String, Value>,
    is_poll: bool,
}

impl Sent {
    /// Reads both shapes: that of the SDKs, and that of hosted pages, where the values stand beside
    /// the button.
    fn read(body: &str) -> Self {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let parameters = body.get("parameters");
        let of = |key: &str| parameters.and_then(|parameters| parameters.get(key));
        let data = of("data");
        let (action, values) = match data {
            Some(data) => (
                text(data.get("actionKey")),
                data.get("formData").and_then(Value::as_object).cloned().unwrap_or_default(),
            ),
            None => {
                let mut values = parameters.and_then(Value::as_object).cloned().unwrap_or_default();
                let action = text(values.get("buttonValue"));
                for key in BESIDE_VALUES {
                    values.remove(*key);
                }
                (action, values)
            }
        };
        Self {
            interaction: text(body.get("interactionId")),
            action: action.filter(|action| !action.is_empty()),
            values,
            is_poll: text(of("eventType")).as_deref() == Some("polling"),
        }
    }

    /// The button that was pressed: the one that was named, if the form offers it; without a name
    /// the form's only one to submit.
    fn action(&self, form: &Form) -> Option<String> {
        match &self.action {
            Some(key) => form.action(key).map(|action| action.key.clone()),
            None => form.only_submit().map(|action| action.key.clone()),
        }
    }
}

/// Members of `parameters` in a hosted page's request that are no values of the form.
const BESIDE_VALUES: &[&str] = &["buttonType", "buttonValue", "eventType", "protectsdk"];
