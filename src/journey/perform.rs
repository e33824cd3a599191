//! One iteration: a script walked through a flow over a session, with everything that happens told
//! to a witness.

use super::cast::{Cast, Stage};
use super::outcome::{self, Outcome, Verdict};
use super::rule::{Expect, Rule, Target};
use super::script::{End, Goal, Script};
use super::template::{Template, Variable};
use crate::base::names::{Capability, Step};
use crate::base::remedy::Listing;
use crate::davinci::form::{Event, FieldKind, Filled, Form};
use crate::davinci::node::{Completion, Refusal};
use crate::davinci::oidc::{BadValue, Tokens};
use crate::davinci::walk::{Fingerprint, Turn, Walk};
use crate::measure::fault::Fault;
use crate::transport::{Exchange, Session};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// An iteration that takes more steps than this goes in a circle. DaVinci itself lets a node run
/// at most 20 times.
const MOST_STEPS: usize = 100;

/// Header under which a stand-in keeps its own record of a call.
const CALL_ID: HeaderName = HeaderName::from_static("x-gander-call");

/// What is to be performed.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The journey.
    pub script: &'a Script,
    /// Flow policy to start; none for the application's first.
    pub policy: Option<&'a str>,
    /// Index of the iteration in the run: of its persona, and of its randomness.
    pub index: u64,
}

/// Sees everything that happens in an iteration.
pub trait Witness {
    /// A request is about to be sent.
    fn sending(&mut self, _sending: &Sending<'_>) {}
    /// The reply was read and judged.
    fn answered(&mut self, answered: &Answered<'_>);
    /// The iteration waited for something other than a reply of the tenant.
    fn waited(&mut self, _wait: Wait, _time: Duration) {}
}

/// Something outside the tenant's replies that takes time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wait {
    /// A one-time code.
    Code,
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
    fn call(name: &str) -> Self {
        Self { step: name.into(), capability: name.into(), event: None, action: String::new() }
    }
}

/// Why an iteration ends before its goal.
struct Stop {
    fault: Fault,
    detail: Option<String>,
}

impl Stop {
    fn new(fault: Fault, detail: impl Into<String>) -> Self {
        Self { fault, detail: Some(detail.into()) }
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self { fault, detail: None }
    }
}

/// Performs one iteration. Never panics on anything that the tenant sends; every wait is bounded by
/// the time-outs of session and code source.
pub async fn perform(
    stage: &Stage,
    part: Part<'_>,
    session: &mut Session,
    witness: &mut (impl Witness + ?Sized),
) -> Outcome {
    let began = stage.clock.now();
    let mut iteration = Iteration {
        stage,
        script: part.script,
        session,
        witness,
        used: vec![0; part.script.rules.len()],
        last_step: "authorize".into(),
        waited: Duration::ZERO,
        index: part.index,
        sent: 0,
        think: stage.think.is_some().then(|| stage.seed.stream("think", part.index)),
    };
    let mut fingerprint = None;
    let result = match Cast::gather(stage, part) {
        Ok(mut cast) => iteration.walk(part, &mut cast, &mut fingerprint).await,
        Err((fault, detail)) => Err(Stop::new(fault, detail)),
    };
    let (result, detail) = match result {
        Ok(()) => (Ok(()), None),
        Err(stop) => (Err(stop.fault), stop.detail),
    };
    let Iteration { last_step, waited, .. } = iteration;
    Outcome { result, last_step, detail, began, ended: stage.clock.now(), waited, fingerprint }
}

struct Iteration<'s, W: ?Sized> {
    stage: &'s Stage,
    script: &'s Script,
    session: &'s mut Session,
    witness: &'s mut W,
    /// How often each rule has answered.
    used: Vec<u64>,
    last_step: Step,
    waited: Duration,
    /// Index of the iteration, for call ids.
    index: u64,
    /// Requests sent so far.
    sent: u32,
    think: Option<ChaCha8Rng>,
}

/// Where the walk stands after a good exchange.
enum Progress {
    /// There is a form to answer.
    Form,
    /// The answer was turned down, as the rule expected; the form is still there.
    Refused,
    /// The flow is over.
    Complete(Completion),
}

impl<'s, W: Witness + ?Sized> Iteration<'s, W> {
    async fn walk(
        &mut self,
        part: Part<'_>,
        cast: &mut Cast,
        fingerprint: &mut Option<Fingerprint>,
    ) -> Result<(), Stop> {
        let (mut walk, request) =
            Walk::authorize(self.stage.application.clone(), part.policy, &cast.random(self.stage))
                .map_err(|error| Stop::new(Fault::MalformedReply, error.to_string()))?;
        let first = Call { label: Label::call("authorize"), request, filled: Vec::new() };
        let mut progress = self.send(first, &mut walk, Expect::Advance).await;
        *fingerprint = walk.fingerprint().cloned();
        for _ in 0..MOST_STEPS {
            if let Progress::Complete(completion) = progress? {
                return self.after_flow(&mut walk, &completion).await;
            }
            let rule = self.rule_for(&walk)?;
            if self.script.goal == Goal::Form(rule.name.clone()) {
                self.last_step = rule.name.clone();
                return Ok(());
            }
            self.think().await;
            progress = self.answer(rule, &mut walk, cast).await;
            if matches!(progress, Ok(Progress::Refused))
                && self.script.goal == Goal::Refusal(rule.name.clone())
            {
                return Ok(());
            }
        }
        Err(Stop::new(Fault::UnexpectedForm, format!("no end after {MOST_STEPS} steps")))
    }

    /// Answers the form at hand by a rule: fills in, makes known what the request will do, sends.
    async fn answer(
        &mut self,
        rule: &Rule,
        walk: &mut Walk,
        cast: &mut Cast,
    ) -> Result<Progress, Stop> {
        self.last_step = rule.name.clone();
        let form = walk.form().ok_or(Fault::NoNextStep)?;
        let action = rule.choose(form).ok_or_else(|| {
            let offered: Listing = form.actions.iter().map(|action| action.key.as_str()).collect();
            let what = format!("the form offers {offered}, not `{}`", rule.wanted());
            Stop::new(Fault::UnexpectedForm, what)
        })?;
        let label = Label {
            step: rule.name.clone(),
            capability: form.capability.clone().unwrap_or_else(|| "unnamed".into()),
            event: Some(action.event),
            action: action.key.clone(),
        };
        let wanted = wanted_values(rule, form);
        let mut filled = Vec::with_capacity(wanted.len());
        for (key, template) in wanted {
            if template.variables().any(|variable| variable == Variable::Code) {
                let waited = cast.fetch_code(self.stage).await.map_err(Stop::from)?;
                self.waited += waited;
                self.witness.waited(Wait::Code, waited);
            }
            let text =
                template.fill(|variable| cast.value(variable, self.stage)).map_err(|variable| {
                    Stop::new(
                        Fault::UnmappedField,
                        format!("there is nothing for `{{{}}}`", variable.name()),
                    )
                })?;
            // What goes into a password field is a secret, wherever it came from.
            let is_password = form
                .fields
                .iter()
                .any(|field| field.key == key && field.kind == FieldKind::Password);
            filled
                .push((Filled { key: key.to_owned(), text }, template.is_secret() || is_password));
        }
        let values: Vec<_> = filled.iter().map(|(filled, _)| filled.clone()).collect();
        let request = walk
            .answer(&label.action, &values)
            .map_err(|error| Stop::new(outcome::of_walk(&error), error.to_string()))?;
        cast.foretell(rule, self.stage).map_err(|error| {
            Stop::new(Fault::LedgerNotWritten, format!("the ledger cannot be written: {error}"))
        })?;
        let progress = self.send(Call { label, request, filled }, walk, rule.expect).await;
        cast.settle(rule, matches!(progress, Ok(Progress::Form | Progress::Complete(_))));
        progress
    }

    /// A person reads a form before answering it.
    async fn think(&mut self) {
        let (Some(think), Some(random)) = (&self.stage.think, &mut self.think) else { return };
        let began = self.stage.clock.now();
        tokio::time::sleep(think.draw(random)).await;
        let thought = self.stage.clock.now().saturating_duration_since(began);
        self.waited += thought;
        self.witness.waited(Wait::Think, thought);
    }

    /// Gives a request its call id, if the stage wants them.
    fn stamp(&mut self, request: &mut Request<Bytes>) -> Option<String> {
        self.sent += 1;
        if !self.stage.call_ids {
            return None;
        }
        let call = format!("{}-{}", self.index, self.sent);
        let value = HeaderValue::from_str(&call).ok()?;
        request.headers_mut().insert(CALL_ID, value);
        Some(call)
    }

    /// The rule for the form at hand; without one the iteration ends and says what was offered.
    fn rule_for(&mut self, walk: &Walk) -> Result<&'s Rule, Stop> {
        let form = walk.form().ok_or(Fault::NoNextStep)?;
        let position = self.script.rule_for(form, &self.used).ok_or_else(|| {
            let fields: Listing = form.fields.iter().map(|field| field.key.as_str()).collect();
            let actions: Listing = form.actions.iter().map(|action| action.key.as_str()).collect();
            let name = form.name.as_deref().unwrap_or("without a name");
            let what = format!(
                "no rule answers the form `{name}` with fields {fields} and actions {actions}"
            );
            Stop::new(Fault::UnexpectedForm, what)
        })?;
        self.used[position] += 1;
        Ok(&self.script.rules[position])
    }

    /// One exchange of the flow, judged and told.
    async fn send(
        &mut self,
        call: Call,
        walk: &mut Walk,
        expect: Expect,
    ) -> Result<Progress, Stop> {
        let Call { label, mut request, filled } = call;
        let call = self.stamp(&mut request);
        let (filled, call) = (&filled, call.as_deref());
        self.witness.sending(&Sending { label: &label, request: &request, filled, call, walk });
        let exchange = self.session.exchange(request).await;
        let judged = match &exchange.reply {
            Ok(reply) => judge(walk.receive(reply), expect),
            Err(fault) => Judged::fault(outcome::of_transport(fault), fault.to_string()),
        };
        self.witness.answered(&Answered {
            label: &label,
            exchange: &exchange,
            verdict: judged.verdict,
            refusal: judged.refusal.as_ref(),
            completed: matches!(judged.progress, Ok(Progress::Complete(_))),
            walk,
        });
        judged.progress
    }

    /// The calls that follow a completed flow.
    async fn after_flow(&mut self, walk: &mut Walk, completion: &Completion) -> Result<(), Stop> {
        match &self.script.goal {
            Goal::Token | Goal::Code => {}
            Goal::Form(step) => {
                let what = format!("the flow was over before the form of `{step}` was shown");
                return Err(Stop::new(Fault::UnexpectedForm, what));
            }
            Goal::Refusal(step) => {
                let what = format!("the flow was over before `{step}` was turned down");
                return Err(Stop::new(Fault::NotRefused, what));
            }
        }
        if completion.code.is_none() {
            return Err(Stop::new(
                Fault::NoNextStep,
                "the flow succeeded without an authorization code",
            ));
        }
        let mut tokens = None;
        for end in &self.script.ends {
            let bad = |error: BadValue| Stop::new(Fault::MalformedReply, error.to_string());
            let none = || {
                Stop::new(Fault::UnmappedField, "there is no token yet: put `do = \"token\"` first")
            };
            let application = self.stage.application.clone();
            match end {
                End::Token => {
                    let request = walk.token(completion).ok_or_else(none)?.map_err(bad)?;
                    let reply = self
                        .outside("token", request, walk, |reply| Tokens::read(reply).is_ok())
                        .await?;
                    tokens = Tokens::read(&reply).ok();
                }
                End::Userinfo => {
                    let request =
                        application.userinfo(tokens.as_ref().ok_or_else(none)?).map_err(bad)?;
                    self.outside("userinfo", request, walk, is_success).await?;
                }
                End::SignOff => {
                    let request =
                        application.sign_off(tokens.as_ref().ok_or_else(none)?).map_err(bad)?;
                    self.outside("sign-off", request, walk, is_success).await?;
                }
                End::Revoke => {
                    let request =
                        application.revoke(tokens.as_ref().ok_or_else(none)?).map_err(bad)?;
                    self.outside("revoke", request, walk, is_success).await?;
                }
            }
        }
        Ok(())
    }

    /// One exchange outside the flow, good if `good` says so.
    async fn outside(
        &mut self,
        name: &str,
        mut request: Request<Bytes>,
        walk: &Walk,
        good: impl FnOnce(&Response<Bytes>) -> bool,
    ) -> Result<Response<Bytes>, Stop> {
        let label = Label::call(name);
        self.last_step = label.step.clone();
        let call = self.stamp(&mut request);
        let call = call.as_deref();
        self.witness.sending(&Sending {
            label: &label,
            request: &request,
            filled: &[],
            call,
            walk,
        });
        let mut exchange = self.session.exchange(request).await;
        let fault = match &exchange.reply {
            Ok(reply) if good(reply) => None,
            Ok(reply) => {
                let status = reply.status().as_u16();
                Some(Stop::new(
                    outcome::of_status(status),
                    format!("{name} answered with status {status}"),
                ))
            }
            Err(fault) => Some(Stop::new(outcome::of_transport(fault), fault.to_string())),
        };
        let verdict = fault.as_ref().map_or(Verdict::Advanced, |stop| Verdict::Fault(stop.fault));
        let (refusal, completed) = (None, false);
        let (label, exchange_seen) = (&label, &exchange);
        self.witness.answered(&Answered {
            label,
            exchange: exchange_seen,
            verdict,
            refusal,
            completed,
            walk,
        });
        match fault {
            Some(stop) => Err(stop),
            None => {
                let reply = std::mem::replace(&mut exchange.reply, Ok(Response::default()));
                reply.map_err(|fault| outcome::of_transport(&fault).into())
            }
        }
    }
}

fn is_success(reply: &Response<Bytes>) -> bool {
    reply.status().is_success()
}

/// Which template goes into which field of the form at hand; fields that it lacks are left out.
fn wanted_values<'r>(rule: &'r Rule, form: &Form) -> Vec<(&'r str, &'r Template)> {
    let wanted = rule.answer.iter().filter_map(|(target, template)| {
        let key = match target {
            Target::Key(key) => Some(key.as_str()).filter(|key| form.has_field(key)),
            Target::Matched => rule.when.matched_field(form),
        };
        Some((key?, template))
    });
    wanted.collect()
}

/// A request with its names.
struct Call {
    label: Label,
    request: Request<Bytes>,
    filled: Vec<(Filled, bool)>,
}

/// What a reply did for the journey.
struct Judged {
    verdict: Verdict,
    refusal: Option<Refusal>,
    progress: Result<Progress, Stop>,
}

impl Judged {
    fn fault(fault: Fault, detail: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fault(fault),
            refusal: None,
            progress: Err(Stop::new(fault, detail)),
        }
    }

    fn good(verdict: Verdict, progress: Progress) -> Self {
        Self { verdict, refusal: None, progress: Ok(progress) }
    }
}

fn judge(turn: Turn, expect: Expect) -> Judged {
    match (turn, expect) {
        (Turn::Answer { refusal: None }, Expect::Advance) => {
            Judged::good(Verdict::Advanced, Progress::Form)
        }
        (Turn::Complete(completion), Expect::Advance) => {
            Judged::good(Verdict::Advanced, Progress::Complete(completion))
        }
        (Turn::Answer { refusal: Some(refusal) }, Expect::Refusal) => Judged {
            refusal: Some(refusal),
            ..Judged::good(Verdict::RefusedAsExpected, Progress::Refused)
        },
        (Turn::Answer { refusal: Some(refusal) }, Expect::Advance) => {
            let by = refusal.capability.as_deref().unwrap_or("the flow");
            let detail = format!("turned down by `{by}` with status {}", refusal.status);
            Judged { refusal: Some(refusal), ..Judged::fault(Fault::Refused, detail) }
        }
        (Turn::Answer { refusal: None } | Turn::Complete(_), Expect::Refusal) => {
            Judged::fault(Fault::NotRefused, "the flow went on where the rule expects a refusal")
        }
        (Turn::Stay, _) => {
            Judged::fault(Fault::NoNextStep, "the flow asks to be polled, which is not built yet")
        }
        (Turn::End(ending), _) => {
            Judged::fault(outcome::of_ending(&ending), outcome::describe(&ending))
        }
    }
}
