//! The users of a run: each ticket becomes one iteration of a journey, recorded as it happens.

use super::call_log::CallLog;
use crate::base::names::Variant;
use crate::journey::cast::Stage;
use crate::journey::outcome::{Outcome as Played, Verdict};
use crate::journey::perform::{Answered, Part, Sending, Wait, Witness, perform};
use crate::journey::script::Script;
use crate::load::{Performer, Ticket};
use crate::measure::catalogue::{JourneyId, Row, RowId, StepId};
use crate::measure::failing::Failing;
use crate::measure::fault::Fault;
use crate::measure::recorder::Recorder;
use crate::measure::sample::{Ending, Iteration, Sample, Traced};
use crate::measure::series::{Kind, Outcome};
use crate::transport::{Exchange, Session, Transport};
use bytes::Bytes;
use http::Request;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Performs journeys and records what happens.
pub struct Players {
    stage: Arc<Stage>,
    transport: Transport,
    recorder: Recorder,
    choices: Vec<Choice>,
    first_index: u64,
    calls: Option<CallLog>,
}

/// A journey of a variant.
pub struct Choice {
    /// The journey.
    pub script: Arc<Script>,
    /// Under which variant it is counted.
    pub variant: Variant,
    /// The flow policy it starts.
    pub policy: Option<String>,
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
    steps: Vec<StepId>,
    exchanges: Vec<Traced>,
    in_flight: Option<(RowId, Instant)>,
    last_row: Option<RowId>,
    last_status: Option<u16>,
    last_call: Option<String>,
    /// Waiting for things other than replies.
    waited: Duration,
}

impl Trace {
    /// Empties it and keeps its memory.
    fn begin(&mut self, now: Instant) {
        self.steps.clear();
        self.exchanges.clear();
        let (steps, exchanges) =
            (std::mem::take(&mut self.steps), std::mem::take(&mut self.exchanges));
        *self = Self { began: Some(now), steps, exchanges, ..Self::default() };
    }
}

impl Players {
    /// Users that play these choices on a stage. Iterations are numbered from `first_index`.
    pub fn new(
        stage: Arc<Stage>,
        transport: Transport,
        recorder: Recorder,
        choices: Vec<Choice>,
        (first_index, calls): (u64, Option<CallLog>),
    ) -> Self {
        Self { stage, transport, recorder, choices, first_index, calls }
    }

    fn index(&self, ticket: Ticket) -> u64 {
        self.first_index.saturating_add(ticket.number)
    }

    /// Puts the end of an iteration on record.
    fn record(&self, ticket: Ticket, choice: &Choice, trace: &Trace, ending: Ending) {
        let now = self.stage.clock.now();
        let elapsed = now.saturating_duration_since(ticket.due);
        let lag =
            trace.began.map_or(Duration::ZERO, |began| began.saturating_duration_since(ticket.due));
        let response = elapsed.saturating_sub(trace.waited);
        self.recorder.iteration(
            ticket.phase,
            choice.id(&self.recorder),
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
    fn keep_failing(&self, ticket: Ticket, choice: &Choice, trace: &Trace, played: &Played) {
        let Err(fault) = played.result else { return };
        let journey = choice.id(&self.recorder);
        if self.recorder.wants_failing(journey, trace.last_row, fault) {
            self.recorder.failing(Failing {
                journey,
                row: trace.last_row,
                at: ticket.after + self.stage.clock.now().saturating_duration_since(ticket.due),
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

    fn new_user(&self, _number: usize) -> User {
        User { session: self.transport.session(), trace: Trace::default() }
    }

    async fn perform(&self, ticket: Ticket, user: &mut User) -> Ending {
        // The mix was made from the choices, so there is one for every ticket.
        let Some(choice) = self.choices.get(ticket.choice) else { return Ending::Dropped };
        let User { session, trace } = user;
        session.next_iteration();
        trace.begin(self.stage.clock.now());
        let journey = choice.id(&self.recorder);
        self.recorder.due(ticket.phase, journey);
        let part = Part {
            script: &choice.script,
            policy: choice.policy.as_deref(),
            index: self.index(ticket),
        };
        let mut witness = Recording { players: self, ticket, journey, trace };
        let played = perform(&self.stage, part, session, &mut witness).await;
        if let Some(print) = &played.fingerprint {
            self.recorder.flow(journey, &format!("{}/{}", print.flow, print.first_node));
        }
        let ending = match played.result {
            Ok(()) => Ending::Completed,
            Err(fault) => Ending::Failed(fault),
        };
        self.keep_failing(ticket, choice, trace, &played);
        self.record(ticket, choice, trace, ending);
        ending
    }

    fn unfinished(&self, ticket: Ticket, user: Option<User>, ending: Ending) {
        let Some(choice) = self.choices.get(ticket.choice) else { return };
        let trace = user.map(|user| user.trace).unwrap_or_default();
        // An exchange that was still waiting is slower than any limit, and percentiles that judge
        // have to see it.
        if let (Ending::CutOff, Some((row, since))) = (ending, trace.in_flight) {
            let service = self.stage.clock.now().saturating_duration_since(since);
            let outcome = Outcome::Fault(Fault::CutOff);
            let sample = Sample { service, outcome, connect: None, first_byte: None };
            self.recorder.exchange(ticket.phase, row, &sample);
        }
        self.record(ticket, choice, &trace, ending);
    }
}

/// Records the exchanges of one iteration.
struct Recording<'a> {
    players: &'a Players,
    ticket: Ticket,
    journey: JourneyId,
    trace: &'a mut Trace,
}

/// Keys of actions are names of series, too; a tenant must not be able to make them long.
fn clipped(action: &str) -> &str {
    action.char_indices().nth(128).map_or(action, |(at, _)| &action[..at])
}

impl Witness for Recording<'_> {
    fn sending(&mut self, sending: &Sending<'_>) {
        let Self { players: Players { recorder, stage, .. }, journey, trace, .. } = self;
        let label = sending.label;
        let row = Row {
            step: label.step.as_str(),
            capability: label.capability.as_str(),
            event: label.event.map_or("", |event| event.as_str()),
            action: clipped(&label.action),
        };
        let row = recorder.row(*journey, &row);
        trace.steps.push(recorder.step(*journey, label.step.as_str()));
        trace.in_flight = Some((row, stage.clock.now()));
        trace.last_row = Some(row);
        trace.last_status = None;
        trace.last_call = sending.call.map(str::to_owned);
    }

    fn answered(&mut self, answered: &Answered<'_>) {
        let Some((row, _)) = self.trace.in_flight.take() else { return };
        let timing = &answered.exchange.timing;
        let from = timing.sent.unwrap_or(timing.began);
        let service =
            timing.service.unwrap_or_else(|| timing.ended.saturating_duration_since(from));
        let outcome = match answered.verdict {
            Verdict::Advanced => Outcome::Advanced,
            Verdict::RefusedAsExpected => Outcome::Refused,
            Verdict::Fault(fault) => Outcome::Fault(fault),
        };
        let connect = timing.connect.map(|connect| connect.total());
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

    fn preflighted(&mut self, _: &Request<Bytes>, exchange: &Exchange) {
        let Self { players: Players { recorder, .. }, ticket, journey, .. } = self;
        let timing = &exchange.timing;
        if let Some(connect) = &timing.connect {
            recorder.wait(ticket.phase, *journey, Kind::Connect, connect.total());
        }
        if let Some(service) = timing.service {
            recorder.wait(ticket.phase, *journey, Kind::Preflight, service);
        }
    }

    fn waited(&mut self, wait: Wait, time: Duration) {
        let kind = match wait {
            Wait::Code => Kind::CodeWait,
            Wait::Poll => Kind::PollWait,
            Wait::Think => Kind::Think,
        };
        self.trace.waited += time;
        self.players.recorder.wait(self.ticket.phase, self.journey, kind, time);
    }
}
