//! Iterations counted under the flow that they meet: what happens before they do is held back.

use crate::base::names::{Journey, MOST_FLOW_VARIANTS, OTHER_FLOW, UNKNOWN_FLOW, Variant};
use crate::davinci::walk::Fingerprint;
use crate::load::Ticket;
use crate::measure::catalogue::JourneyId;
use crate::measure::recorder::Recorder;
use crate::measure::series::Kind;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

/// Finds out under which variant an iteration is counted: the fingerprint of the flow that answers
/// its start. One that ends before, or whose start is answered by no form, is counted under
/// [`UNKNOWN_FLOW`], one that meets a flow beyond the first [`MOST_FLOW_VARIANTS`] under [`OTHER_FLOW`].
///
/// Its due time goes on record together with that, so in the end as many are due as ended, exactly,
/// for each variant and journey; until then an iteration that is due is in no count.
pub(super) struct ByFlow {
    recorder: Recorder,
    /// By choice of the mix.
    journeys: Vec<Journey>,
    unknown: Vec<JourneyId>,
    other: Vec<JourneyId>,
    met: RwLock<Vec<Met>>,
    /// By user. The locks are the user's own but for the end of a run.
    seats: Box<[Mutex<Seat>]>,
}

/// A flow, and where each choice that meets it is counted.
struct Met {
    print: Fingerprint,
    journeys: Vec<JourneyId>,
}

/// The iteration that a user performs, and where it is counted once that is known.
#[derive(Debug, Default)]
struct Seat {
    number: Option<u64>,
    counted: Option<JourneyId>,
}

/// Times of an iteration that wait until it is known where they belong. Keeps its memory.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<(Kind, Duration)>);

impl Held {
    pub(super) fn push(&mut self, kind: Kind, time: Duration) {
        self.0.push((kind, time));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl ByFlow {
    /// For choices of these journeys, performed by so many users.
    pub(super) fn new(recorder: Recorder, journeys: Vec<Journey>, users: usize) -> Self {
        let seats = std::iter::repeat_with(Mutex::default).take(users).collect();
        let ids = |variant: &str| ids(&recorder, &journeys, &variant.into());
        let (unknown, other) = (ids(UNKNOWN_FLOW), ids(OTHER_FLOW));
        Self { recorder, journeys, unknown, other, met: RwLock::default(), seats }
    }

    /// An iteration begins. Gives where it stands as long as nothing else is known.
    pub(super) fn begin(&self, ticket: &Ticket) -> JourneyId {
        if let Some(seat) = self.seats.get(ticket.user) {
            *locked(seat) = Seat { number: Some(ticket.number), counted: None };
        }
        at(&self.unknown, ticket.choice)
    }

    /// Decides where an iteration is counted and puts on record what was held back, its due time
    /// first. Only the first decision counts; it is given again to whoever asks later. An iteration
    /// that never began, because it was turned away, is decided once.
    pub(super) fn count(
        &self,
        ticket: &Ticket,
        print: Option<&Fingerprint>,
        held: &mut Held,
    ) -> JourneyId {
        let journey = self.decide(ticket, print);
        for (kind, time) in held.0.drain(..) {
            self.recorder.wait(ticket.phase, journey, kind, time);
        }
        journey
    }

    /// Where an iteration that is under way is counted, if that is decided.
    #[cfg(test)]
    pub(super) fn standing(&self, ticket: &Ticket) -> Option<JourneyId> {
        let seat = locked(self.seats.get(ticket.user)?);
        if seat.number == Some(ticket.number) { seat.counted } else { None }
    }

    fn decide(&self, ticket: &Ticket, print: Option<&Fingerprint>) -> JourneyId {
        // A ticket that was turned away names no user of its own: whoever sits there has another.
        let seat = self.seats.get(ticket.user).map(locked);
        let mut seat = seat.filter(|seat| seat.number == Some(ticket.number));
        if let Some(journey) = seat.as_ref().and_then(|seat| seat.counted) {
            return journey;
        }
        let journey = self.journey(ticket.choice, print);
        self.recorder.due(ticket.phase, journey);
        if ticket.late {
            self.recorder.late(ticket.phase, journey);
        }
        if let Some(seat) = &mut seat {
            seat.counted = Some(journey);
        }
        journey
    }

    fn journey(&self, choice: usize, print: Option<&Fingerprint>) -> JourneyId {
        let Some(print) = print else { return at(&self.unknown, choice) };
        let find = |met: &[Met]| {
            let known = met.iter().find(|met| met.print == *print);
            let full = (met.len() >= MOST_FLOW_VARIANTS).then_some(&self.other);
            known.map(|met| &met.journeys).or(full).map(|journeys| at(journeys, choice))
        };
        if let Some(journey) = find(&self.met.read().unwrap_or_else(PoisonError::into_inner)) {
            return journey;
        }
        let mut met = self.met.write().unwrap_or_else(PoisonError::into_inner);
        // Another user may have met it meanwhile.
        if let Some(journey) = find(&met) {
            return journey;
        }
        let journeys = ids(&self.recorder, &self.journeys, &print.to_string().into());
        let journey = at(&journeys, choice);
        met.push(Met { print: print.clone(), journeys });
        journey
    }
}

fn ids(recorder: &Recorder, journeys: &[Journey], variant: &Variant) -> Vec<JourneyId> {
    journeys.iter().map(|journey| recorder.journey(variant, journey)).collect()
}

/// The mix was made from the choices, so there is one for every ticket.
fn at(journeys: &[JourneyId], choice: usize) -> JourneyId {
    journeys.get(choice).copied().unwrap_or(JourneyId::NONE)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
