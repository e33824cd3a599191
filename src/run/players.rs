//! The users of a run: each ticket becomes one iteration of a journey, recorded as it happens.

use super::by_flow::{ByFlow, Held};
use super::call_log::CallLog;
use crate::base::clock::Clock;
use crate::base::names::Variant;
use crate::davinci::walk::Fingerprint;
use crate::journey::cast::Stage;
use crate::journey::outcome::{Outcome as Played, Verdict};
use crate::journey::perform::{Answered, Label, Part, Sending, Wait, Witness, perform};
use crate::journey::script::Script;
use crate::load::{Pauses, Performer, Ticket};
use crate::management::backoff::asked_pause;
use crate::measure::catalogue::{JourneyId, Row, RowId, StepId};
use crate::measure::failing::Failing;
use crate::measure::fault::Fault;
use crate::measure::recorder::Recorder;
use crate::measure::sample::{Connect, Ending, Iteration, Sample, Traced};
use crate::measure::series::{Kind, Outcome};
use crate::transport::{ConnectTime, Exchange, Session, Transport};
use bytes::Bytes;
use http::Request;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Performs journeys and records what happens.
pub struct Players {
    clock: Clock,
    transport: Transport,
    recorder: Recorder,
    choices: Vec<Choice>,
    first_index: u64,
    calls: Option<CallLog>,
    /// Iterations are due on a schedule of their own, so that they can be late.
    has_lag: bool,
    /// Iterations are counted under the flow that they meet, not under the variant of their choice.
    by_flow: Option<ByFlow>,
    /// Where the tenant's wish for a pause is told, if anybody heeds it.
    pauses: Option<Pauses>,
}

/// A journey of a variant.
pub struct Choice {
    /// The journey.
    pub script: Arc<Script>,
    /// Under which variant it is counted.
    pub variant: Variant,
    /// The flow policy it starts.
    pub policy: Option<String>,
    /// The stage of its variant.
    pub stage: Arc<Stage>,
}

impl Choice {
    fn id(&self, recorder: &Recorder) -> JourneyId {
        recorder.journey(&self.variant, &self.script.name)
    }
}

/// What a user keeps from iteration to iteration.
pub struct User {
    session: Session,
    trace: Trace,
}

/// What is known about an iteration while it runs.
#[derive(Default)]
struct Trace {
    began: Option<Instant>,
    /// Where the iteration is counted, once it is performed.
    journey: Option<JourneyId>,
    steps: Vec<StepId>,
    exchanges: Vec<Traced>,
    in_flight: Option<(RowId, Instant)>,
    /// A preflight is under way since then.
    asking: Option<Instant>,
    /// The step of what is sent next is among the steps already.
    is_announced: bool,
    last_row: Option<RowId>,
    last_status: Option<u16>,
    last_call: Option<String>,
    /// Waiting for things other than replies.
    waited: Duration,
    /// What goes on record once the iteration has met its flow, where it is counted under that.
    held: Held,
}

impl Trace {
    /// Empties it and keeps its memory.
    fn begin(&mut self, now: Instant) {
        self.steps.clear();
        self.exchanges.clear();
        self.held.clear();
        let before = std::mem::take(self);
        let (steps, exchanges, held) = (before.steps, before.exchanges, before.held);
        *self = Self { began: Some(now), steps, exchanges, held, ..Self::default() };
    }
}

impl Players {
    /// Users that play these choices, each on its stage. Iterations are numbered from `first_index`.
    pub fn new(
        clock: Clock,
        transport: Transport,
        recorder: Recorder,
        choices: Vec<Choice>,
        (first_index, calls): (u64, Option<CallLog>),
    ) -> Self {
        let (has_lag, by_flow, pauses) = (false, None, None);
        Self { clock, transport, recorder, choices, first_index, calls, has_lag, by_flow, pauses }
    }

    /// The same users in the open model, where iterations can begin later than they were due.
    #[must_use]
    pub fn on_a_schedule(self) -> Self {
        Self { has_lag: true, ..self }
    }

    /// The same users, who tell of every call that the tenant turned down for its rate, and how long it wants to
    /// be left alone.
    #[must_use]
    pub fn telling(self, pauses: Option<Pauses>) -> Self {
        Self { pauses, ..self }
    }

    /// So many users whose iterations are counted under the flow that each meets.
    #[must_use]
    pub fn by_flow(self, users: usize) -> Self {
        let journeys = self.choices.iter().map(|choice| choice.script.name.clone()).collect();
        let by_flow = Some(ByFlow::new(self.recorder.clone(), journeys, users));
        Self { by_flow, ..self }
    }

    fn index(&self, ticket: Ticket) -> u64 {
        self.first_index.saturating_add(ticket.number)
    }

    /// Puts the end of an iteration on record.
    fn record(&self, ticket: Ticket, journey: JourneyId, trace: &Trace, ending: Ending) {
        let now = self.clock.now();
        let elapsed = now.saturating_duration_since(ticket.due);
        let lag =
            trace.began.map_or(Duration::ZERO, |began| began.saturating_duration_since(ticket.due));
        let response = elapsed.saturating_sub(trace.waited);
        self.recorder.iteration(
            ticket.phase,
            journey,
            &Iteration {
                index: ticket.number,
                due: ticket.after,
                response,
                service: response.saturating_sub(lag),
                elapsed,
                ending,
                steps: &trace.steps,
                exchanges: &trace.exchanges,
            },
        );
    }

    /// Keeps a sample of what went wrong, with a detail that names keys and never values.
    fn keep_failing(&self, ticket: Ticket, journey: JourneyId, trace: &Trace, played: &Played) {
        let Err(fault) = played.result else { return };
        if self.recorder.wants_failing(journey, trace.last_row, fault) {
            self.recorder.failing(Failing {
                journey,
                row: trace.last_row,
                at: ticket.after + self.clock.now().saturating_duration_since(ticket.due),
                iteration: ticket.number,
                fault,
                status: trace.last_status,
                call_id: trace.last_call.clone(),
                detail: played.detail.clone().unwrap_or_default(),
            });
        }
    }
}

impl Performer for Players {
    type User = User;

    fn due(&self, ticket: &Ticket) {
        // Where it is counted by flow, that is known later, and so is this.
        if let (None, Some(choice)) = (&self.by_flow, self.choices.get(ticket.choice)) {
            self.recorder.due(ticket.phase, choice.id(&self.recorder));
        }
    }

    fn late(&self, ticket: &Ticket) {
        if let (None, Some(choice)) = (&self.by_flow, self.choices.get(ticket.choice)) {
            self.recorder.late(ticket.phase, choice.id(&self.recorder));
        }
    }

    fn new_user(&self, _number: usize) -> User {
        User { session: self.transport.session(), trace: Trace::default() }
    }

    async fn perform(&self, ticket: Ticket, user: &mut User) -> Ending {
        // The mix was made from the choices, so there is one for every ticket.
        let Some(choice) = self.choices.get(ticket.choice) else { return Ending::Dropped };
        let User { session, trace } = user;
        session.next_iteration();
        let began = self.clock.now();
        trace.begin(began);
        let by_flow = self.by_flow.as_ref();
        let journey =
            by_flow.map_or_else(|| choice.id(&self.recorder), |by_flow| by_flow.begin(&ticket));
        let part = Part {
            script: &choice.script,
            policy: choice.policy.as_deref(),
            index: self.index(ticket),
        };
        let mut witness = Recording { players: self, ticket, journey, unmet: by_flow, trace };
        witness.lag(began);
        let played = perform(&choice.stage, part, session, &mut witness).await;
        witness.meet(None);
        let journey = witness.journey;
        if let Some(print) = &played.fingerprint {
            self.recorder.flow(journey, &print.to_string());
        }
        let ending = match played.result {
            Ok(()) => Ending::Completed,
            Err(fault) => Ending::Failed(fault),
        };
        self.keep_failing(ticket, journey, trace, &played);
        trace.journey = Some(journey);
        ending
    }

    fn finished(&self, ticket: Ticket, user: &mut User, ending: Ending) {
        if let Some(journey) = user.trace.journey {
            self.record(ticket, journey, &user.trace, ending);
        }
    }

    fn unfinished(&self, ticket: Ticket, user: Option<User>, ending: Ending) {
        let Some(choice) = self.choices.get(ticket.choice) else { return };
        let mut trace = user.map(|user| user.trace).unwrap_or_default();
        let journey = match &self.by_flow {
            Some(by_flow) => by_flow.count(&ticket, None, &mut trace.held),
            None => choice.id(&self.recorder),
        };
        // An exchange that was still waiting is slower than any limit, and percentiles that judge
        // have to see it.
        if let (Ending::CutOff, Some((row, since))) = (ending, trace.in_flight) {
            let service = self.clock.now().saturating_duration_since(since);
            let outcome = Outcome::Fault(Fault::CutOff);
            let sample = Sample { service, outcome, connect: None, first_byte: None };
            self.recorder.exchange(ticket.phase, row, &sample);
        }
        if let (Ending::CutOff, Some(since)) = (ending, trace.asking) {
            let time = self.clock.now().saturating_duration_since(since);
            self.recorder.wait(ticket.phase, journey, Kind::Preflight, time);
        }
        self.record(ticket, journey, &trace, ending);
    }
}

/// The same times for who records them.
const fn parts(time: ConnectTime) -> Connect {
    Connect { name: time.name, tcp: time.tcp, tls: time.tls }
}

/// Records the exchanges of one iteration.
struct Recording<'a> {
    players: &'a Players,
    ticket: Ticket,
    journey: JourneyId,
    /// Who decides where the iteration is counted, until that is decided.
    unmet: Option<&'a ByFlow>,
    trace: &'a mut Trace,
}

/// Keys of actions are names of series, too; a tenant must not be able to make them long.
fn clipped(action: &str) -> &str {
    action.char_indices().nth(128).map_or(action, |(at, _)| &action[..at])
}

impl Recording<'_> {
    /// Takes the iteration to what is sent next, or asked for first: whatever goes wrong from here
    /// on is charged to it.
    fn reach(&mut self, label: &Label) -> RowId {
        let row = self.name(label);
        self.trace.last_row = Some(row);
        self.trace.last_status = None;
        self.trace.last_call = None;
        row
    }

    /// The row of what is sent next. Its step is from now on among those that the iteration reached.
    fn name(&mut self, label: &Label) -> RowId {
        let Self { players: Players { recorder, .. }, journey, trace, .. } = self;
        let row = Row {
            step: label.step.as_str(),
            capability: label.capability.as_str(),
            event: label.event.map_or("", |event| event.as_str()),
            action: clipped(&label.action),
        };
        let row = recorder.row(*journey, &row);
        if !trace.is_announced {
            trace.steps.push(recorder.step(*journey, label.step.as_str()));
        }
        row
    }

    /// Puts on record how late the iteration begins, and which part of that is the generator's own:
    /// all but the wait for a free user.
    fn lag(&mut self, began: Instant) {
        if self.players.has_lag {
            let lag = began.saturating_duration_since(self.ticket.due);
            self.time(Kind::Lag, lag);
            self.time(Kind::DispatchLag, lag.saturating_sub(self.ticket.queued()));
        }
    }

    /// A time of the journey, put on record as soon as it is known where.
    fn time(&mut self, kind: Kind, time: Duration) {
        match self.unmet {
            Some(_) => self.trace.held.push(kind, time),
            None => self.players.recorder.wait(self.ticket.phase, self.journey, kind, time),
        }
    }

    /// Decides where the iteration is counted, if nobody has. Says whether that is elsewhere than
    /// where it stood.
    fn meet(&mut self, print: Option<&Fingerprint>) -> bool {
        let Some(by_flow) = self.unmet.take() else { return false };
        let before = self.journey;
        self.journey = by_flow.count(&self.ticket, print, &mut self.trace.held);
        self.journey != before
    }

    /// The row of an exchange that was answered. The first of an iteration is the start of its flow:
    /// who answered it is what the iteration is counted under, this exchange included.
    fn row(&mut self, row: RowId, answered: &Answered<'_>) -> RowId {
        if !self.meet(answered.walk.fingerprint()) {
            return row;
        }
        self.trace.steps.clear();
        let row = self.name(answered.label);
        self.trace.last_row = Some(row);
        row
    }
}

impl Witness for Recording<'_> {
    fn sending(&mut self, sending: &Sending<'_>) {
        let row = self.reach(sending.label);
        self.trace.is_announced = false;
        self.trace.in_flight = Some((row, self.players.clock.now()));
        self.trace.last_call = sending.call.map(str::to_owned);
    }

    fn answered(&mut self, answered: &Answered<'_>) {
        let Some((row, _)) = self.trace.in_flight.take() else { return };
        let row = self.row(row, answered);
        let timing = &answered.exchange.timing;
        let from = timing.sent.unwrap_or(timing.began);
        let service =
            timing.service.unwrap_or_else(|| timing.ended.saturating_duration_since(from));
        let outcome = match answered.verdict {
            Verdict::Advanced => Outcome::Advanced,
            Verdict::RefusedAsExpected => Outcome::Refused,
            Verdict::Fault(fault) => Outcome::Fault(fault),
        };
        if let (Verdict::Fault(Fault::RateLimited), Some(pauses)) =
            (answered.verdict, &self.players.pauses)
        {
            let headers = answered.exchange.reply.as_ref().ok().map(http::Response::headers);
            let now = self.players.clock.wall();
            pauses.ask(headers.and_then(|headers| asked_pause(headers, now)));
        }
        let connect = timing.connect.map(parts);
        let sample = Sample { service, outcome, connect, first_byte: timing.first_byte };
        self.players.recorder.exchange(self.ticket.phase, row, &sample);
        let sent = from.saturating_duration_since(self.ticket.due);
        self.trace.exchanges.push(Traced { row, sent, service, outcome });
        self.trace.last_status =
            answered.exchange.reply.as_ref().ok().map(|reply| reply.status().as_u16());
        if let (Some(calls), Some(call)) = (&self.players.calls, &self.trace.last_call) {
            calls.note(call, self.ticket.phase, service);
        }
    }

    fn wants_detail(&mut self, fault: Fault) -> bool {
        self.meet(None);
        self.players.recorder.wants_failing(self.journey, self.trace.last_row, fault)
    }

    fn preflighting(&mut self, label: &Label) {
        self.reach(label);
        self.trace.is_announced = true;
        self.trace.asking = Some(self.players.clock.now());
    }

    fn preflighted(&mut self, _: &Request<Bytes>, exchange: &Exchange) {
        let timing = &exchange.timing;
        self.trace.asking = None;
        self.trace.last_status = exchange.reply.as_ref().ok().map(|reply| reply.status().as_u16());
        for (kind, time) in timing.connect.map(parts).into_iter().flat_map(Connect::series) {
            self.time(kind, time);
        }
        // One without an answer took until it was given up.
        let from = timing.sent.unwrap_or(timing.began);
        let service =
            timing.service.unwrap_or_else(|| timing.ended.saturating_duration_since(from));
        self.time(Kind::Preflight, service);
    }

    fn waited(&mut self, wait: Wait, time: Duration) {
        let kind = match wait {
            Wait::Code => Kind::CodeWait,
            Wait::Poll => Kind::PollWait,
            Wait::Think => Kind::Think,
        };
        self.trace.waited += time;
        self.time(kind, time);
    }
}

#[cfg(test)]
mod held_back;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Seed;
    use crate::davinci::form::{Client, Dialect};
    use crate::davinci::oidc::{Application, Endpoints};
    use crate::davinci::walk::Walk;
    use crate::journey::struck::Learnt;
    use crate::measure::series::Phase;
    use crate::transport::{Guard, Resolver, Settings, Timing};
    use http::Response;

    pub(super) fn application() -> Arc<Application> {
        Arc::new(Application {
            endpoints: Endpoints::new("http://127.0.0.1:1", Some("env")),
            client_id: "app".to_owned(),
            client_secret: None,
            redirect_uri: "http://127.0.0.1/back".to_owned(),
            scopes: vec!["openid".to_owned()],
            client: Client::default(),
            start_dialect: Dialect::default(),
            authorize_parameters: Vec::new(),
            headers: Vec::new(),
        })
    }

    #[test]
    fn a_preflight_belongs_to_the_step_that_it_goes_before() {
        let clock = Clock::system();
        let recorder = Recorder::new(1, Seed(1));
        let transport =
            Transport::new(Guard::new([]), &Settings::default(), Resolver::System, clock.clone());
        let journey = recorder.journey(&"v".into(), &"j".into());
        let application = application();
        let transport = transport.unwrap();
        let players =
            Players::new(clock.clone(), transport, recorder.clone(), Vec::new(), (0, None));
        let (now, after) = (clock.now(), Duration::ZERO);
        let phase = Phase::Measured;
        let ticket = Ticket {
            number: 0,
            due: now,
            dispatched: now,
            handed: now,
            late: false,
            after,
            phase,
            user: 0,
            choice: 0,
        };
        let mut trace = Trace::default();
        let players = &players;
        let mut witness = Recording { players, ticket, journey, unmet: None, trace: &mut trace };
        let label = Label {
            step: "credentials".into(),
            capability: "c".into(),
            event: None,
            action: String::new(),
        };
        witness.preflighting(&label);
        assert!(witness.trace.asking.is_some() && witness.trace.in_flight.is_none());
        let reply = Response::builder().status(403).body(Bytes::new()).unwrap();
        let timing = Timing {
            began: now,
            connect: None,
            sent: None,
            first_byte: None,
            service: None,
            ended: now,
        };
        let exchange = Exchange { reply: Ok(reply), timing, reconnected: false };
        witness.preflighted(&Request::new(Bytes::new()), &exchange);
        let step = recorder.step(journey, "credentials");
        let row = Row { step: "credentials", capability: "c", event: "", action: "" };
        let row = recorder.row(journey, &row);
        let known = (&witness.trace.steps, witness.trace.last_row, witness.trace.last_status);
        assert_eq!(known, (&vec![step], Some(row), Some(403)));
        assert!(witness.trace.asking.is_none());
        let (walk, request) = Walk::authorize(application, None, &[0; 64]).unwrap();
        let (request, filled) = (&request, &[][..]);
        let (learnt, walk) = (&Learnt::default(), &walk);
        witness.sending(&Sending { label: &label, request, filled, call: None, walk, learnt });
        assert_eq!(witness.trace.steps, [step], "once, with its preflight or without");
        assert!(witness.trace.in_flight.is_some());
    }
}
