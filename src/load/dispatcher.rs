//! The open model at work: takes up each arrival when it is due, whatever became of those before.

use super::alarm::Alarm;
use super::crew::Crew;
use super::desk::Served;
use super::events::Events;
use super::gate::EndedBy;
use super::performer::Performer;
use super::rate::{Changes, RateControl};
use super::share::{ShareControl, Turns};
use super::walk::{Step, Walk};
use crate::measure::sample::Ending;
use crate::measure::timeline::{RATE_CHANGE, STEERED};
use crate::workload::settings::{Model, PATIENCE, WhenLate};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Brings the arrivals of a schedule that are this machine's to the desk until the gate closes, and then shuts the desk.
/// Nothing to do in the closed model.
pub(super) async fn dispatch<P: Performer>(crew: Arc<Crew<P>>) {
    let gate = &crew.gate;
    let (Model::Open { when_late, .. }, Some(walk), Some(start)) =
        (&gate.plan.workload.model, gate.plan.walk(), gate.start())
    else {
        return;
    };
    let _shut = Shut(&crew);
    let is_steered = gate.plan.timetable.is_some() && gate.plan.pauses.is_none();
    let slug = if is_steered { STEERED } else { RATE_CHANGE };
    let mut pace = Pace { walk, factor: 1.0, slug };
    let mut turns = gate.plan.share.as_ref().map(ShareControl::changes);
    let mut changes = gate.plan.rate.as_ref().map(RateControl::changes);
    let alarm = Alarm::new(gate.clock.clone());
    loop {
        let now = gate.clock.now();
        let coming = bring(&crew, &mut pace.walk, (start, now));
        if coming == Coming::Stopped {
            return;
        }
        if *when_late != WhenLate::Queue {
            lose_patience(&crew, *when_late, now);
        }
        if let (Some(changes), Coming::More) = (&mut changes, coming) {
            let planned = gate.after(now.min(cut(&crew.gate, now))).saturating_sub(gate.put_off());
            pace.change(changes.look(), (planned, gate.after(now)), &gate.events);
        }
        let next = pace.walk.peek().filter(|_| coming == Coming::More);
        let due = next.and_then(|after| start.checked_add(after + gate.put_off()));
        // What is due in a pause is put off to its end, and by then it may be longer.
        let due = match gate.pause() {
            Some((from, until)) => due.filter(|due| *due < from).or(Some(until)),
            None => due,
        };
        // Beyond the end nothing is due, but somebody has to be there when it comes.
        let due = due.map(|due| gate.closes_at().map_or(due, |end| due.min(end)));
        let wake = due.into_iter().chain(impatient(&crew, *when_late)).min();
        if wake.is_none() && coming == Coming::Nothing {
            // Users whom a shut desk sends away look again and again until the end.
            return gate.closed().await;
        }
        tokio::select! {
            () = until(&alarm, wake) => (),
            () = gate.closed(), if coming == Coming::More => (),
            () = changed(&mut changes), if coming == Coming::More => (),
            () = turned(&mut turns), if coming == Coming::More => (),
        }
    }
}

/// Until a moment; for ever where there is none.
async fn until(alarm: &Alarm, moment: Option<Instant>) {
    match moment {
        Some(moment) => alarm.until(moment).await,
        None => std::future::pending().await,
    }
}

/// Until somebody changes the rate.
async fn changed(changes: &mut Option<Changes>) {
    match changes {
        Some(changes) => changes.next().await,
        None => std::future::pending().await,
    }
}

/// Until the roster changes.
async fn turned(turns: &mut Option<Turns>) {
    match turns {
        Some(turns) => turns.next().await,
        None => std::future::pending().await,
    }
}

/// The arrivals at the rate that they have now.
struct Pace {
    walk: Walk,
    factor: f64,
    /// What a change is called: whether a person made it, or the run itself.
    slug: &'static str,
}

impl Pace {
    /// Goes on at `factor` times the planned rate. What was due by then is at the desk already.
    /// The schedule knows nothing of pauses; the run does.
    fn change(&mut self, factor: f64, (planned, after): (Duration, Duration), events: &Events) {
        if factor == self.factor {
            return;
        }
        let before = self.walk.rate(planned);
        self.walk.change(planned, factor);
        self.factor = factor;
        let (from, to) = (rounded(before), rounded(self.walk.rate(planned)));
        let how = if factor > 0.0 { format!("×{}", rounded(factor)) } else { "paused".to_owned() };
        events.note(after, self.slug, format!("rate {from}/s → {to}/s ({how})"));
    }
}

/// As a person reads it: two decimals at most.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// What is due after it is not brought now: the present, or the beginning of a pause.
fn cut(gate: &super::gate::Gate, now: Instant) -> Instant {
    gate.pause().map_or(now, |(from, _)| from)
}

/// What is to be expected of a schedule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Coming {
    /// More arrivals, or a change that makes there be more.
    More,
    /// No more: the time is over, or there were as many as were asked for.
    Nothing,
    /// Somebody wants it over.
    Stopped,
}

/// Shuts the desk however the dispatcher ends, so that no user waits for one that is gone.
struct Shut<'a, P: Performer>(&'a Crew<P>);

impl<P: Performer> Drop for Shut<'_, P> {
    fn drop(&mut self) {
        self.0.gate.desk.shut();
        self.0.turn_away_if_cut();
    }
}

/// Brings all arrivals to the desk that were due by now, and says what is still to come. An arrival
/// that was due before the end is brought even if the dispatcher is late for it.
fn bring<P: Performer>(
    crew: &Crew<P>,
    walk: &mut Walk,
    (start, now): (Instant, Instant),
) -> Coming {
    let gate = &crew.gate;
    gate.look(now);
    let is_over = match gate.closing().map(|closing| closing.by) {
        None => false,
        Some(EndedBy::Time) => true,
        Some(EndedBy::Count) => return Coming::Nothing,
        Some(EndedBy::Stop | EndedBy::Late) => return Coming::Stopped,
    };
    let (cut, off) = (cut(gate, now), gate.put_off());
    let is_due = |after: &Duration| {
        let due = start.checked_add(*after + off);
        due.is_some_and(|due| due <= cut && gate.closes_at().is_none_or(|end| due < end))
    };
    while let Some(after) = walk.peek().filter(is_due) {
        match walk.take() {
            Step::Own(number) => {
                let Some(ticket) = gate.arrive(number, after + off) else { return Coming::Nothing };
                crew.arrive(ticket);
            }
            Step::Others(next) => gate.pass(next),
            Step::Undecided => {}
        }
        if gate.closing().is_some_and(|closing| closing.by == EndedBy::Count) {
            return Coming::Nothing;
        }
    }
    if is_over { Coming::Nothing } else { Coming::More }
}

/// When the arrival that waits for longest is to be given up.
fn impatient<P: Performer>(crew: &Crew<P>, when_late: WhenLate) -> Option<Instant> {
    let oldest = (when_late != WhenLate::Queue).then(|| crew.gate.desk.oldest()).flatten()?;
    let paused = crew.gate.plan.pauses.as_ref();
    let paused = paused.map(|pauses| pauses.between(oldest, crew.gate.clock.now()));
    Some(oldest + PATIENCE + paused.unwrap_or_default())
}

fn lose_patience<P: Performer>(crew: &Crew<P>, when_late: WhenLate, now: Instant) {
    // Nobody's patience ends in a pause, or for it.
    let since = match &crew.gate.plan.pauses {
        Some(pauses) => pauses.before(now, PATIENCE),
        None => now.checked_sub(PATIENCE),
    };
    let Some(since) = since else { return };
    if when_late == WhenLate::Abort {
        if crew.gate.desk.oldest().is_some_and(|oldest| oldest <= since) {
            crew.gate.close(now, EndedBy::Late);
        }
    } else {
        crew.turn_away(crew.gate.desk.turn_away(since), Ending::Dropped);
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
