//! The open model at work: takes up each arrival when it is due, whatever became of those before.

use super::alarm::Alarm;
use super::crew::Crew;
use super::desk::Served;
use super::gate::EndedBy;
use super::performer::Performer;
use crate::measure::sample::Ending;
use crate::workload::schedule::Schedule;
use crate::workload::settings::{Model, PATIENCE, WhenLate};
use std::iter::Peekable;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Brings the arrivals of a schedule to the desk until the gate closes, and then shuts the desk.
/// Nothing to do in the closed model.
pub(super) async fn dispatch<P: Performer>(crew: Arc<Crew<P>>) {
    let gate = &crew.gate;
    let (Model::Open { rate, arrivals, when_late, .. }, Some(start)) =
        (&gate.plan.workload.model, gate.start())
    else {
        return;
    };
    let _shut = Shut(&crew);
    let mut schedule = Schedule::new(rate.clone(), *arrivals, gate.plan.seed).peekable();
    let alarm = Alarm::new(gate.clock.clone());
    loop {
        let now = gate.clock.now();
        if !bring(&crew, &mut schedule, (start, now)) {
            return;
        }
        if *when_late != WhenLate::Queue {
            lose_patience(&crew, *when_late, now);
        }
        let Some(next) = schedule.peek() else {
            // Everything was due; what waits may still lose patience.
            match impatient(&crew, *when_late) {
                Some(moment) => alarm.until(moment).await,
                None => return,
            }
            continue;
        };
        let due =
            start.checked_add(*next).filter(|due| gate.closes_at().is_none_or(|end| *due < end));
        let wake = [due, impatient(&crew, *when_late)].into_iter().flatten().min();
        tokio::select! {
            () = rest(&alarm, wake) => (),
            () = gate.closed() => (),
        }
        tokio::task::yield_now().await;
    }
}

/// Shuts the desk however the dispatcher ends, so that no user waits for one that is gone.
struct Shut<'a, P: Performer>(&'a Crew<P>);

impl<P: Performer> Drop for Shut<'_, P> {
    fn drop(&mut self) {
        self.0.gate.desk.shut();
        self.0.turn_away_if_cut();
    }
}

async fn rest(alarm: &Alarm, until: Option<Instant>) {
    match until {
        Some(moment) => alarm.until(moment).await,
        None => std::future::pending().await,
    }
}

/// Brings all arrivals to the desk that were due by now; says whether more may come. An arrival
/// that was due before the end is brought even if the dispatcher is late for it.
fn bring<P: Performer>(
    crew: &Crew<P>,
    schedule: &mut Peekable<Schedule>,
    (start, now): (Instant, Instant),
) -> bool {
    let gate = &crew.gate;
    gate.look(now);
    let closing = gate.closing();
    let end = match closing {
        None => Some(now),
        Some(closing) if closing.by == EndedBy::Time => gate.closes_at(),
        Some(_) => return false,
    };
    let is_due = |after: &Duration| match (start.checked_add(*after), end) {
        (Some(due), Some(end)) if closing.is_some() => due < end,
        (Some(due), Some(end)) => due <= end,
        _ => false,
    };
    while let Some(after) = schedule.next_if(is_due) {
        let Some(ticket) = gate.arrive(after) else { return false };
        crew.arrive(ticket);
    }
    closing.is_none() && gate.closing().is_none()
}

/// When the arrival that waits for longest is to be given up.
fn impatient<P: Performer>(crew: &Crew<P>, when_late: WhenLate) -> Option<Instant> {
    let oldest = (when_late != WhenLate::Queue).then(|| crew.gate.desk.oldest()).flatten();
    oldest.map(|due| due + PATIENCE)
}

fn lose_patience<P: Performer>(crew: &Crew<P>, when_late: WhenLate, now: Instant) {
    let Some(due) = now.checked_sub(PATIENCE) else { return };
    if when_late == WhenLate::Abort {
        if crew.gate.desk.oldest().is_some_and(|oldest| oldest <= due) {
            crew.gate.close(now, EndedBy::Late);
        }
    } else {
        crew.turn_away(crew.gate.desk.turn_away(due), Ending::Dropped);
    }
}

impl<P: Performer> Crew<P> {
    fn arrive(&self, ticket: super::performer::Ticket) {
        self.tell_due(&ticket);
        if self.gate.desk.offer(ticket) == Served::Waits {
            self.tell_late(&ticket);
        }
    }
}
