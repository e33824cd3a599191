//! One iteration: a script walked through a flow over a session, with everything that happens told
//! to a witness.

use super::cast::{Cast, Stage};
use super::outcome::{self, Outcome, Verdict};
use super::preflight::{Cookies, Preflights};
use super::rule::{Expect, Rule, Target};
use super::script::{Goal, Script, Start};
use super::struck::Learnt;
use super::template::{Template, Variable};
use crate::base::names::Step;
use crate::base::remedy::Listing;
use crate::base::secret::Secret;
use crate::codes::Pickup;
use crate::davinci::form::{Event, Field, FieldKind, Filled, Form};
use crate::davinci::node::{Completion, Kind, Refusal};
use crate::davinci::walk::{Fingerprint, Turn, Walk};
use crate::measure::fault::Fault;
use crate::transport::{Exchange, Session};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

pub use super::witness::{Answered, Label, Sending, Wait, Witness};

/// An iteration that takes more steps than this goes in a circle. DaVinci itself lets a node run
/// at most 20 times.
const MOST_STEPS: usize = 100;

/// Header under which a stand-in keeps its own record of a call.
pub(super) const CALL_ID: &str = "x-gander-call";

/// Step of a form that only wants to be polled, where no rule names it.
pub const POLL: &str = "poll";

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

/// Why an iteration ends before its goal.
pub(super) struct Stop {
    pub(super) fault: Fault,
    detail: Option<String>,
}

impl Stop {
    pub(super) fn new(fault: Fault, detail: impl Into<String>) -> Self {
        Self { fault, detail: Some(detail.into()) }
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self { fault, detail: None }
    }
}

/// Performs one iteration. What few iterations come to, or come to once, is boxed on its way: it
/// would else take its room in the memory of every user. Never panics on anything that the tenant sends; every wait is bounded by
/// the time-outs of session and code source, and by what a form that is polled allows.
pub async fn perform(
    stage: &Stage,
    part: Part<'_>,
    session: &mut Session,
    witness: &mut (impl Witness + ?Sized),
) -> Outcome {
    let began = stage.clock.now();
    let start = part.script.start.unwrap_or(stage.start);
    let mut iteration = Iteration {
        stage,
        script: part.script,
        session,
        witness,
        used: vec![0; part.script.rules.len()],
        last_step: start.step().into(),
        waited: Duration::ZERO,
        index: part.index,
        sent: 0,
        told: None,
        think: stage.think.is_some().then(|| stage.seed.stream("think", part.index)),
        preflights: stage.page.clone().map(Preflights::of),
        learnt: Learnt::default(),
    };
    let (mut fingerprint, mut ended) = (None, began);
    let mut gathered = Cast::gather(stage, part);
    if matches!(gathered, Err((Fault::NoAccount, _))) && !stage.is_scheduled {
        gathered = Box::pin(Cast::gather_in_time(stage, part)).await;
        ended = stage.clock.now();
        iteration.waited = ended.saturating_duration_since(began);
    }
    let result = match gathered {
        Ok(mut cast) => {
            let played = iteration.play(part, start, &mut cast, &mut fingerprint).await;
            ended = stage.clock.now();
            let signs_on = matches!(part.script.goal, Goal::Token | Goal::Code);
            if played.is_ok() && signs_on {
                cast.confirm(stage);
            }
            played.map_err(|Stop { fault, detail }| {
                cast.give_up();
                let detail = detail.filter(|_| iteration.witness.wants_detail(fault));
                let detail = detail.map(|detail| iteration.struck_detail(&detail, &cast));
                Stop { fault, detail }
            })
        }
        Err((fault, detail)) => Err(Stop::new(fault, detail)),
    };
    let (result, detail) = match result {
        Ok(()) => (Ok(()), None),
        Err(stop) => (Err(stop.fault), stop.detail),
    };
    let Iteration { last_step, waited, .. } = iteration;
    Outcome { result, last_step, detail, began, ended, waited, fingerprint }
}

pub(super) struct Iteration<'s, W: ?Sized> {
    pub(super) stage: &'s Stage,
    pub(super) script: &'s Script,
    pub(super) session: &'s mut Session,
    pub(super) witness: &'s mut W,
    /// How often each rule has answered.
    used: Vec<u64>,
    pub(super) last_step: Step,
    pub(super) waited: Duration,
    /// Index of the iteration, for call ids.
    index: u64,
    /// Requests sent so far.
    sent: u32,
    think: Option<ChaCha8Rng>,
    /// The code that a reply held, where replies are what codes come from.
    told: Option<Secret>,
    /// What a browser remembers, if one is played.
    pub(super) preflights: Option<Preflights>,
    /// What it knows so far that nobody may see.
    pub(super) learnt: Learnt,
}

/// Where the walk stands after a good exchange.
pub(super) enum Progress {
    /// There is a form to answer.
    Form,
    /// The answer was turned down, as the rule expected; the form is still there.
    Refused,
    /// Nothing changed: the flow waits for something else.
    Stay,
    /// The flow is over.
    Complete(Completion),
}

impl<'s, W: Witness + ?Sized> Iteration<'s, W> {
    async fn play(
        &mut self,
        part: Part<'_>,
        start: Start,
        cast: &mut Cast,
        fingerprint: &mut Option<Fingerprint>,
    ) -> Result<(), Stop> {
        let (mut walk, request) = self.start((part, start), cast, "")?;
        let wanted = self.script.goal == Goal::Refusal(self.last_step.clone());
        let expect = if wanted { Expect::Refusal } else { Expect::Advance };
        let first = Call { label: Label::call(start.step()), request, filled: Vec::new() };
        let mut progress = self.send(first, &mut walk, expect).await;
        *fingerprint = walk.fingerprint().cloned();
        for _ in 0..MOST_STEPS {
            match progress? {
                Progress::Complete(completion) => {
                    self.meets(&completion)?;
                    if self.script.ends.is_empty() {
                        return Ok(());
                    }
                    return Box::pin(self.after_flow(walk, completion, (part, cast))).await;
                }
                Progress::Refused if wanted => return Ok(()),
                Progress::Stay if walk.polling().is_none() => {
                    let what = "the flow stays where it is, and its form is none to be polled";
                    return Err(Stop::new(Fault::NoNextStep, what));
                }
                Progress::Form | Progress::Refused | Progress::Stay => {}
            }
            let rule = match (self.rule_for(&walk), walk.polling().cloned()) {
                (Ok(rule), None) => rule,
                (Ok(rule), Some(_))
                    if walk.form().is_some_and(|f| rule.named_action(f).is_some()) =>
                {
                    rule
                }
                (rule, Some(polling)) => {
                    let step = rule.map_or_else(|_| POLL.into(), |rule| rule.name.clone());
                    progress = Box::pin(self.poll(step, &polling, &mut walk)).await;
                    continue;
                }
                (Err(stop), None) => return Err(stop),
            };
            if self.script.goal == Goal::Form(rule.name.clone()) {
                self.last_step = rule.name.clone();
                return self.await_code(cast, Patience::Outstanding).await;
            }
            self.think().await;
            progress = self.answer(rule, &mut walk, cast).await;
            if matches!(progress, Ok(Progress::Refused))
                && self.script.goal == Goal::Refusal(rule.name.clone())
            {
                return self.await_code(cast, Patience::Outstanding).await;
            }
        }
        Err(Stop::new(Fault::UnexpectedForm, format!("no end after {MOST_STEPS} steps")))
    }

    /// The request that starts the flow. PKCE, state and nonce are others for each `purpose`.
    pub(super) fn start(
        &mut self,
        (part, start): (Part<'_>, Start),
        cast: &mut Cast,
        purpose: &str,
    ) -> Result<(Walk, Request<Bytes>), Stop> {
        let stage = self.stage;
        let (application, random) = (stage.application.clone(), cast.random(stage, purpose));
        let malformed =
            |error: &dyn std::fmt::Display| Stop::new(Fault::MalformedReply, error.to_string());
        match start {
            Start::Authorize => Walk::authorize(application, part.policy, &random)
                .map_err(|error| malformed(&error)),
            Start::Policy => {
                let missing = |what: &str| {
                    let what = format!("a start by policy needs {what}");
                    Stop::new(Fault::UnmappedField, what)
                };
                let policy = part.policy.ok_or_else(|| missing("the id of a flow policy"))?;
                let bearer = stage.bearer.as_ref().ok_or_else(|| missing("a bearer token"))?;
                let input = part.script.input.fill(&mut |variable| {
                    let value = cast.value(variable, stage)?;
                    if variable.is_secret() {
                        self.learnt.note(&Secret::new(value.clone()));
                    }
                    Ok(value)
                });
                let input = input.map_err(nothing_for)?;
                if part.script.start_creates_account {
                    cast.foretell_account(stage).map_err(|error| unwritten(&error))?;
                }
                let bearer = bearer.borrow();
                Walk::start(application, policy, &bearer, &input, &random)
                    .map_err(|error| malformed(&error))
            }
        }
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
        let label = self.struck_label(label);
        if rule.sends_code {
            self.await_code(cast, Patience::Numbered).await?;
        }
        let mut filled = self.fill_in(rule, form, cast).await?;
        if action.event == Event::Submit {
            add_defaults(&mut filled, form, (cast, self.stage));
        }
        let (values, secret): (Vec<_>, Vec<_>) = filled.into_iter().unzip();
        let request = walk
            .answer(&action.key, &values)
            .map_err(|error| Stop::new(outcome::of_walk(&error), error.to_string()))?;
        if rule.sends_code
            && let Some(code) = self.told.take()
        {
            cast.tell_code(code);
        }
        cast.foretell(rule, self.stage).map_err(|error| unwritten(&error))?;
        let filled = values.into_iter().zip(secret).collect();
        let progress = self.send(Call { label, request, filled }, walk, rule.expect).await;
        cast.count_asked(rule, progress.as_ref().err().map(|stop| stop.fault));
        cast.settle(rule, matches!(progress, Ok(Progress::Form | Progress::Complete(_))));
        progress
    }

    /// What goes into the form, secret values marked.
    async fn fill_in(
        &mut self,
        rule: &Rule,
        form: &Form,
        cast: &mut Cast,
    ) -> Result<Vec<(Filled, bool)>, Stop> {
        let wanted = wanted_values(rule, form);
        let mut filled = Vec::with_capacity(wanted.len());
        for (field, template) in wanted {
            if template.variables().any(|variable| variable == Variable::Code) {
                if let Some(code) = self.told.take() {
                    cast.tell_code(code);
                }
                if let Some(waited) = Box::pin(cast.fetch_code(self.stage)).await? {
                    self.note_wait(Wait::Code, waited);
                }
            }
            let text = template.fill(|variable| cast.value(variable, self.stage));
            let text = text.map_err(nothing_for)?;
            // What goes into a password field is a secret, wherever it came from.
            let is_secret = template.is_secret() || field.kind == FieldKind::Password;
            if is_secret {
                self.learnt.note(&Secret::new(text.clone()));
            }
            filled.push((Filled { key: field.key.clone(), text }, is_secret));
        }
        Ok(filled)
    }

    /// Waits for a code that was asked for and not fetched, where one that comes late would be
    /// taken for another.
    async fn await_code(&mut self, cast: &mut Cast, patience: Patience) -> Result<(), Stop> {
        let stage = self.stage;
        let awaited = match patience {
            Patience::Numbered => {
                if !cast.is_ready() {
                    self.waited += Box::pin(cast.get_ready(stage)).await?;
                }
                Box::pin(cast.await_numbered(stage)).await
            }
            Patience::Outstanding => Ok(Box::pin(cast.await_outstanding(stage)).await),
        };
        if let Some(waited) = awaited? {
            self.note_wait(Wait::Code, waited);
        }
        Ok(())
    }

    pub(super) fn note_wait(&mut self, wait: Wait, time: Duration) {
        self.waited += time;
        self.witness.waited(wait, time);
    }

    /// A person reads a form before answering it.
    async fn think(&mut self) {
        let (Some(think), Some(random)) = (&self.stage.think, &mut self.think) else { return };
        let began = self.stage.clock.now();
        tokio::time::sleep(think.draw(random)).await;
        let thought = self.stage.clock.now().saturating_duration_since(began);
        self.note_wait(Wait::Think, thought);
    }

    /// One exchange, of which the witness is told before it is sent.
    pub(super) async fn exchange(
        &mut self,
        label: &Label,
        mut request: Request<Bytes>,
        filled: &[(Filled, bool)],
        walk: &Walk,
    ) -> Exchange {
        let call = self.stamp(&mut request);
        let (learnt, call) = (&self.learnt, call.as_deref());
        self.witness.sending(&Sending { label, request: &request, filled, call, walk, learnt });
        self.session.exchange(request).await
    }

    /// Gives a request its call id, if the stage wants them.
    fn stamp(&mut self, request: &mut Request<Bytes>) -> Option<String> {
        self.sent += 1;
        if !self.stage.call_ids {
            return None;
        }
        let call = format!("{}-{}", self.index, self.sent);
        let value = HeaderValue::from_str(&call).ok()?;
        request.headers_mut().insert(HeaderName::from_static(CALL_ID), value);
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
    pub(super) async fn send(
        &mut self,
        call: Call,
        walk: &mut Walk,
        expect: Expect,
    ) -> Result<Progress, Stop> {
        let Call { label, mut request, filled } = call;
        if self.preflights.is_some() {
            Box::pin(self.ask_first(&label, &mut request, Cookies::Meant)).await?;
        }
        let exchange = self.exchange(&label, request, &filled, walk).await;
        if let (Some(Pickup::Reply(code)), Ok(reply)) = (&self.stage.codes, &exchange.reply) {
            self.told = code.find(reply.body()).or(self.told.take());
            self.told.iter().for_each(|code| self.learnt.note(code));
        }
        let judged = match &exchange.reply {
            Ok(reply) => judge(self.receive(walk, reply), expect),
            Err(fault) => Judged::fault(outcome::of_transport(fault), fault.to_string()),
        };
        self.witness.answered(&Answered {
            label: &label,
            exchange: &exchange,
            verdict: judged.verdict,
            refusal: judged.refusal.as_ref(),
            completed: matches!(judged.progress, Ok(Progress::Complete(_))),
            walk,
            learnt: &self.learnt,
        });
        judged.progress
    }
}

/// Which codes are waited for.
enum Patience {
    /// Those before the next, which would else be taken for it.
    Numbered,
    /// Those that the next iteration with the same account would take for its own.
    Outstanding,
}

fn nothing_for(variable: Variable) -> Stop {
    Stop::new(Fault::UnmappedField, format!("there is nothing for `{{{}}}`", variable.name()))
}

fn unwritten(error: &std::io::Error) -> Stop {
    Stop::new(Fault::LedgerNotWritten, format!("the ledger cannot be written: {error}"))
}

/// Which template goes into which field of the form at hand; fields that it lacks are left out.
fn wanted_values<'a>(rule: &'a Rule, form: &'a Form) -> Vec<(&'a Field, &'a Template)> {
    let matched = || {
        let key = rule.when.matched_field(form)?;
        form.fields.iter().find(|field| field.key == key)
    };
    let wanted = rule.answer.iter().filter_map(|(target, template)| {
        let field = match target {
            Target::Key(key) => key.field(form),
            Target::Matched => matched(),
        };
        Some((field?, template))
    });
    wanted.collect()
}

/// What a form insists on and no rule answers, where its type says what a person would give:
/// consent, and a number to call.
fn add_defaults(filled: &mut Vec<(Filled, bool)>, form: &Form, (cast, stage): (&Cast, &Stage)) {
    for field in form.fields.iter().filter(|field| field.required) {
        let text = match field.kind {
            FieldKind::Check => "true",
            FieldKind::Phone { .. } => cast.phone(stage),
            _ => continue,
        };
        if !filled.iter().any(|(given, _)| given.key == field.key) {
            filled.push((Filled { key: field.key.clone(), text: text.to_owned() }, false));
        }
    }
}

/// A request with its names.
pub(super) struct Call {
    pub(super) label: Label,
    pub(super) request: Request<Bytes>,
    pub(super) filled: Vec<(Filled, bool)>,
}

/// What a reply did for the journey.
pub(super) struct Judged<P = Progress> {
    pub(super) verdict: Verdict,
    refusal: Option<Refusal>,
    pub(super) progress: Result<P, Stop>,
}

impl<P> Judged<P> {
    pub(super) fn fault(fault: Fault, detail: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fault(fault),
            refusal: None,
            progress: Err(Stop::new(fault, detail)),
        }
    }

    pub(super) fn advanced(progress: P) -> Self {
        Self { verdict: Verdict::Advanced, refusal: None, progress: Ok(progress) }
    }
}

impl Judged {
    fn refused(refusal: Option<Refusal>) -> Self {
        let verdict = Verdict::RefusedAsExpected;
        Self { verdict, refusal, progress: Ok(Progress::Refused) }
    }
}

fn judge(turn: Turn, expect: Expect) -> Judged {
    match (turn, expect) {
        (Turn::Answer { refusal: None }, Expect::Advance) => Judged::advanced(Progress::Form),
        (Turn::Complete(completion), Expect::Advance) => {
            Judged::advanced(Progress::Complete(completion))
        }
        (Turn::Answer { refusal: Some(refusal) }, Expect::Refusal) => {
            Judged::refused(Some(refusal))
        }
        // A start that is turned down leaves no form behind.
        (Turn::End(ending), Expect::Refusal) if ending.kind == Kind::Refusal => {
            Judged::refused(None)
        }
        (Turn::Answer { refusal: Some(refusal) }, Expect::Advance) => {
            let by = refusal.capability.as_deref().unwrap_or("the flow");
            let code = refusal.code.as_deref().map(|code| format!(", code `{code}`"));
            let code = code.unwrap_or_default();
            let detail = format!("turned down by `{by}` with status {}{code}", refusal.status);
            Judged { refusal: Some(refusal), ..Judged::fault(Fault::Refused, detail) }
        }
        (Turn::Answer { refusal: None } | Turn::Complete(_) | Turn::Stay, Expect::Refusal) => {
            Judged::fault(Fault::NotRefused, "the flow went on where the rule expects a refusal")
        }
        (Turn::Stay, Expect::Advance) => Judged::advanced(Progress::Stay),
        (Turn::End(ending), _) => {
            Judged::fault(outcome::of_ending(&ending), outcome::describe(&ending))
        }
    }
}
