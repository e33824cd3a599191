//! Who may start which iteration when: the only place that decides it.

use super::desk::Desk;
use super::events::Events;
use super::pauses::Pauses;
use super::performer::Ticket;
use super::rate::RateControl;
use super::share::{ShareControl, Turns};
use super::stop::Stop;
use super::tally::Tally;
use super::walk::Walk;
use crate::base::clock::Clock;
use crate::base::random::{Seed, unit};
use crate::measure::series::{Phase, Phases};
use crate::measure::timetable::Timetable;
use crate::workload::mix::Mix;
use crate::workload::onward::Onward;
use crate::workload::pacing::ThinkTime;
use crate::workload::schedule::Schedule;
use crate::workload::settings::{Model, Settings, WhenLate};
use crate::workload::share::Roster;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What load to put on.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How much, and until when.
    pub workload: Settings,
    /// Which journeys of which variants.
    pub mix: Mix,
    /// What arrivals and pacing are drawn with.
    pub seed: Seed,
    /// How long users who have to stop may take before they are given up as stuck. Five seconds are
    /// enough for anything that still runs.
    pub patience: Duration,
    /// Where the rate of the open model can be changed while the load is on; none in the closed one.
    /// Clones of a plan share it.
    pub rate: Option<RateControl>,
    /// Where the phases can be moved while the load is on; none while they are those of the workload.
    /// Clones of a plan share it.
    pub timetable: Option<Timetable>,
    /// Where the tenant's wishes for a pause are heard; none where nobody heeds them. Clones of a plan share it.
    pub pauses: Option<Pauses>,
    /// Which part of the load is this machine's; none where it puts on all of it. Clones of a plan share it.
    pub share: Option<ShareControl>,
    /// Where the plan of an earlier load is taken up, and what it was.
    onward: Option<(Onward, Model)>,
}

impl Plan {
    /// A plan of this load, with the usual patience.
    pub fn new(workload: Settings, mix: Mix, seed: Seed) -> Self {
        let rate = RateControl::of(&workload.model);
        let patience = Duration::from_secs(5);
        let (timetable, pauses, share, onward) = (None, None, None, None);
        Self { workload, mix, seed, patience, rate, timetable, pauses, share, onward }
    }

    /// What is left of such a plan from where it stood, after a warm-up of its own; none if nothing is. All
    /// moments count from the beginning of that.
    #[must_use]
    pub fn onward(self, onward: Onward) -> Option<Self> {
        let left = self.workload.onward(&onward)?;
        let onward = Some((onward, self.workload.model));
        Some(Self { onward, ..Self::new(left, self.mix, self.seed) })
    }

    /// The number of its first iteration.
    pub fn first_number(&self) -> u64 {
        self.onward.as_ref().map_or(0, |(onward, _)| onward.next_number)
    }

    /// The same, of which this machine puts on its part. A plan that is taken up where it stood has no parts.
    #[must_use]
    pub fn with_share(self, share: Option<ShareControl>) -> Self {
        Self { share, ..self }
    }

    /// How many users are launched.
    pub fn users(&self) -> usize {
        let users = self.workload.model.users();
        self.share.as_ref().map_or(users, |share| share.launched(users))
    }

    /// How many iterations this machine performs in all, where they are counted.
    pub fn iterations(&self) -> Option<u64> {
        let all = self.workload.iterations?.saturating_sub(self.first_number());
        Some(self.share.as_ref().map_or(all, |share| share.iterations(all)))
    }

    /// How many iterations there are in all, where users in turn perform as many as are counted.
    pub const fn count_of_closed(&self) -> Option<u64> {
        if self.workload.model.is_open() { None } else { self.workload.iterations }
    }

    /// By choice of the mix and by phase: how many iterations of a member were due before a moment of the plan, at the
    /// planned rate. None in the closed model, in which users come when the tenant lets them.
    pub fn due_until(
        &self,
        (roster, member): (&Roster, u32),
        until: Duration,
    ) -> Option<Vec<[u64; Phase::COUNT]>> {
        let mut due = vec![[0; Phase::COUNT]; self.mix.choices()];
        let (phases, limit) = (self.phases(), self.workload.iterations.unwrap_or(u64::MAX));
        let ends = phases.measured_ends.map_or(until, |ends| ends.min(until));
        let arrivals = (self.first_number()..limit).zip(self.schedule()?);
        for (number, after) in arrivals.take_while(|(_, after)| *after < ends) {
            let choice = due.get_mut(self.mix.pick(number));
            if let Some(phases_due) = choice.filter(|_| roster.owns(member, number, after)) {
                phases_due[phases.of(after) as usize] += 1;
            }
        }
        Some(due)
    }

    /// Its arrivals, of which this machine takes up its own; none in the closed model.
    pub(super) fn walk(&self) -> Option<Walk> {
        let numbers = (self.first_number(), self.workload.iterations);
        Some(Walk::new(self.schedule()?, numbers, self.share.clone()))
    }

    /// When its iterations are due; none in the closed model.
    fn schedule(&self) -> Option<Schedule> {
        let Model::Open { rate, arrivals, .. } = &self.workload.model else { return None };
        Some(match &self.onward {
            Some((onward, Model::Open { rate, .. })) => {
                Schedule::onward(rate, *arrivals, self.seed, onward)
            }
            _ => Schedule::new(rate.clone(), *arrivals, self.seed),
        })
    }

    /// The same with phases that can be moved; until then they are those of the workload.
    #[must_use]
    pub fn with_moving_phases(self) -> Self {
        Self { timetable: Some(self.phases().into()), ..self }
    }

    /// The same that heeds the tenant's wishes for a pause: nothing new begins in one, and everything planned comes as
    /// much later, the end by time included.
    #[must_use]
    pub fn with_pauses(self, clock: Clock) -> Self {
        let plan = self.with_moving_phases();
        let pauses = plan.timetable.clone().map(|timetable| Pauses::new(clock, timetable));
        Self { pauses, ..plan }
    }

    /// When the phases change, as it stands.
    pub fn phases(&self) -> Phases {
        let workload = &self.workload;
        let of_workload =
            || Phases { warm_up_ends: workload.warm_up, measured_ends: workload.closes_after() };
        self.timetable.as_ref().map_or_else(of_workload, Timetable::phases)
    }
}

/// Why no more iterations were started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndedBy {
    /// The time was over.
    Time,
    /// As many as were asked for had been started.
    Count,
    /// Somebody asked for it.
    Stop,
    /// An arrival found no free user, and the plan says that this ends the run.
    Late,
}

/// When the gate closed, and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    pub(super) at: Instant,
    pub(super) by: EndedBy,
}

pub(super) struct Gate {
    pub(super) plan: Plan,
    pub(super) clock: Clock,
    pub(super) stop: Stop,
    pub(super) tally: Arc<Tally>,
    pub(super) events: Events,
    start: OnceLock<Instant>,
    closing: OnceLock<Closing>,
    cancelled: AtomicBool,
    next: AtomicU64,
    /// Where the arrivals of the open model meet their users.
    pub(super) desk: Desk,
    /// In the closed model with pacing: from when on a user may start again.
    paced: Box<[Mutex<Option<Instant>>]>,
    /// Changes once: when users who were parked before the start have something to look at.
    moved: watch::Sender<bool>,
    all_here: watch::Sender<bool>,
}

impl Gate {
    pub(super) fn new(plan: Plan, clock: Clock, stop: Stop) -> Self {
        let tally = Arc::new(Tally::new(plan.mix.choices()));
        let first = plan.first_number();
        let is_paced = matches!(&plan.workload.model, Model::Closed { pacing, .. } if pacing.0 != ThinkTime::None);
        let users = plan.users();
        let desk = Desk::new(clock.clone(), if plan.workload.model.is_open() { users } else { 0 });
        let paced = std::iter::repeat_with(Mutex::default).take(if is_paced { users } else { 0 });
        Self {
            desk,
            paced: paced.collect(),
            plan,
            clock,
            stop,
            tally,
            events: Events::default(),
            start: OnceLock::new(),
            closing: OnceLock::new(),
            cancelled: AtomicBool::new(false),
            next: AtomicU64::new(first),
            moved: watch::Sender::new(false),
            all_here: watch::Sender::new(false),
        }
    }

    /// Lets users through from now on.
    pub(super) fn open(&self, start: Instant) {
        self.start.get_or_init(|| start);
        if let Some(pauses) = &self.plan.pauses {
            pauses.begin(start);
        }
        self.moved.send_replace(true);
        self.stop.ring();
    }

    /// Lets nobody through any more. The first reason counts.
    pub(super) fn close(&self, at: Instant, by: EndedBy) {
        self.closing.get_or_init(|| Closing { at, by });
        self.end_pauses();
        self.moved.send_replace(true);
        self.all_here.send_replace(true);
        self.stop.ring();
    }

    /// Closes for one whom the run does not interest any more.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.close(self.clock.now(), EndedBy::Stop);
    }

    /// Whether iterations in flight are to be cut off without a drain.
    pub(super) fn is_urgent(&self) -> bool {
        self.stop.requests() > 1 || self.cancelled.load(Ordering::SeqCst)
    }

    pub(super) fn closing(&self) -> Option<Closing> {
        self.closing.get().copied()
    }

    /// Until all users are parked, or there is nothing left to wait for.
    pub(super) async fn all_here(&self) {
        // The sender is ours, so it cannot be gone.
        let _ = self.all_here.subscribe().wait_for(|here| *here).await;
    }

    /// Closes if it is time or somebody asked; says how long nothing of the kind is to be expected.
    pub(super) fn look(&self, now: Instant) -> Option<Duration> {
        if self.closing.get().is_some() {
            return None;
        }
        if self.stop.requests() > 0 {
            self.close(now, EndedBy::Stop);
            return None;
        }
        let closes = self.closes_at()?;
        if closes <= now {
            self.close(closes, EndedBy::Time);
            return None;
        }
        Some(closes - now)
    }

    /// A ticket for a user who is free. Waits for the start, and for its turn; none once the gate is
    /// closed and, in the open model, nobody waits any more.
    pub(super) async fn ticket(&self, user: usize) -> Option<Ticket> {
        if self.start.get().is_none() {
            let mut moved = self.moved.subscribe();
            if self.tally.launched() >= self.plan.users() {
                self.all_here.send_replace(true);
            }
            moved.wait_for(|moved| *moved).await.ok()?;
        }
        let start = *self.start.get()?;
        let mut turns = self.plan.share.as_ref().map(ShareControl::changes);
        if self.plan.workload.model.is_open() {
            if let (Some(share), Some(turns)) = (&self.plan.share, &mut turns) {
                self.seated((share, turns), start, user).await?;
            }
            let by = self.closing().map(|closing| closing.by);
            // Whoever stops a run wants nothing new to begin; time lets those who wait be served.
            let is_stopped = matches!(by, Some(EndedBy::Stop | EndedBy::Late));
            return match &self.plan.pauses {
                _ if is_stopped => None,
                None => self.desk.take(user).await,
                Some(pauses) => self.arrival(user, pauses).await,
            };
        }
        while let Some(turn) = self.turn(start, user) {
            tokio::select! {
                () = tokio::time::sleep_until(turn.into()) => (),
                () = self.closed() => return None,
                () = turned(turns.as_mut()) => (),
            }
        }
        self.issue(start, user)
    }

    /// Until a user of the open model is among those that this machine has for its part: others are there to take
    /// over from machines that are lost. None once the gate is closed.
    async fn seated(
        &self,
        (share, turns): (&ShareControl, &mut Turns),
        start: Instant,
        user: usize,
    ) -> Option<()> {
        loop {
            let now = self.clock.now();
            let at = self.of_plan(self.after(now));
            let opens = share.opens(user, (&self.plan.workload.model, at));
            if opens.is_some_and(|opens| opens <= at) {
                return Some(());
            }
            let off = opens.unwrap_or(at + NEVER) + self.put_off();
            tokio::select! {
                () = tokio::time::sleep_until(start.checked_add(off)?.into()) => (),
                () = self.closed() => return None,
                () = turns.next() => (),
            }
        }
    }

    /// The moment of the plan that is so long after the start.
    fn of_plan(&self, after: Duration) -> Duration {
        after.saturating_sub(self.put_off())
    }

    /// An arrival for a user who is free, but not in a pause. What it waited for the end of one is no wait: like
    /// everything planned, it comes as much later.
    async fn arrival(&self, user: usize, pauses: &Pauses) -> Option<Ticket> {
        if !self.desk.claim(user).await {
            return None;
        }
        let claimed = self.clock.now();
        let (mut now, mut begins) = (claimed, None);
        loop {
            if let Some((_, until)) = pauses.going_on() {
                begins = until.checked_add(self.delay(user));
            }
            let Some(left) = begins.map(|at| at.saturating_duration_since(now)) else { break };
            if left.is_zero() {
                break;
            }
            if self.is_given_up(now) {
                return None;
            }
            tokio::time::sleep(left.min(NAP)).await;
            now = self.clock.now();
        }
        let ticket = self.desk.collect(user)?;
        self.end_pauses();
        let held = begins.map_or(Duration::ZERO, |_| now - claimed);
        let off = pauses.between(ticket.dispatched, claimed) + held;
        let (dispatched, after) = (ticket.dispatched + off, ticket.after + off);
        let handed = (ticket.handed + held).max(dispatched);
        Some(Ticket { due: ticket.due + off, dispatched, handed, after, ..ticket })
    }

    /// Whether nobody begins any more who has not.
    fn is_given_up(&self, now: Instant) -> bool {
        let is_late = |closing: Closing| match closing.by {
            EndedBy::Stop | EndedBy::Late => true,
            EndedBy::Time | EndedBy::Count => closing
                .at
                .checked_add(self.plan.workload.drain)
                .is_some_and(|drained| drained <= now),
        };
        self.is_urgent() || self.closing().is_some_and(is_late)
    }

    /// Once nothing is left that a pause could hold back there are no more: the last one has begun.
    fn end_pauses(&self) {
        let (Some(pauses), Some(closing)) = (&self.plan.pauses, self.closing()) else { return };
        if closing.by != EndedBy::Count || self.desk.is_empty() {
            pauses.end();
        }
    }

    /// How long after a pause a user begins: not all in the same moment, or the next pause is sure to follow.
    fn delay(&self, user: usize) -> Duration {
        let mut random = self.plan.seed.stream("after a pause", user as u64);
        #[expect(clippy::cast_precision_loss, reason = "at most 100,000 users")]
        let over = match &self.plan.workload.model {
            Model::Closed { pacing, .. } => pacing.0.draw(&mut random).max(SPREAD),
            // More of them than arrive in a second anyway; and behind them nobody's patience ends.
            Model::Open { rate, max_users, when_late: WhenLate::Queue, .. }
                if *max_users as f64 > rate.peak() =>
            {
                SPREAD
            }
            Model::Open { .. } => Duration::ZERO,
        };
        over.mul_f64(unit(&mut random))
    }

    /// When it is a user's turn in the closed model, if it is not now: the stages let it through,
    /// and its pace allows it. A user whose turn never comes is told a moment beyond the end.
    fn turn(&self, start: Instant, user: usize) -> Option<Instant> {
        let Model::Closed { users, .. } = &self.plan.workload.model else { return None };
        let now = self.clock.now();
        if let Some((_, until)) = self.pause() {
            return until.checked_add(self.delay(user));
        }
        let off = self.put_off();
        let after = now.saturating_duration_since(start).saturating_sub(off);
        #[expect(clippy::cast_precision_loss, reason = "at most 100,000 users")]
        let opens = match &self.plan.share {
            None => users.exceeds(user as f64, after),
            Some(share) => share.opens(user, (&self.plan.workload.model, after)),
        };
        let opens = opens.unwrap_or(after + NEVER);
        let paced = self.paced.get(user).and_then(|paced| *locked(paced));
        let turn = start.checked_add(opens)?.checked_add(off)?.max(paced.unwrap_or(start));
        (turn > now).then_some(turn)
    }

    /// Until the gate is closed.
    pub(super) async fn closed(&self) {
        let mut moved = self.moved.subscribe();
        while self.closing.get().is_none() {
            if moved.changed().await.is_err() {
                return;
            }
        }
    }

    /// The closed model: due is the moment at which the user is free and has its turn.
    fn issue(&self, start: Instant, user: usize) -> Option<Ticket> {
        let due = self.clock.now();
        self.look(due);
        if self.closing.get().is_some() {
            return None;
        }
        let number = self.number(due)?;
        if let (Some(paced), Model::Closed { pacing, .. }) =
            (self.paced.get(user), &self.plan.workload.model)
        {
            let mut random = self.plan.seed.stream("pacing", number);
            *locked(paced) = due.checked_add(pacing.0.draw(&mut random));
        }
        let after = due.saturating_duration_since(start);
        Some(self.make(Ticket { user, ..self.blank(number, due, after) }))
    }

    /// The open model: an arrival with its number that was due so long after the start, whoever will have it. None
    /// once there were as many as were asked for.
    pub(super) fn arrive(&self, number: u64, after: Duration) -> Option<Ticket> {
        let start = *self.start.get()?;
        if self.plan.workload.iterations.is_some_and(|limit| number >= limit) {
            return None;
        }
        let ticket = self.make(self.blank(number, start + after, after));
        self.pass(number + 1);
        Some(ticket)
    }

    /// The open model: all arrivals below this number were due, whosever they are. The last one closes the gate.
    pub(super) fn pass(&self, next: u64) {
        self.tally.reach(next);
        if self.plan.workload.iterations.is_some_and(|limit| next >= limit) {
            self.close(self.clock.now(), EndedBy::Count);
        }
    }

    fn blank(&self, number: u64, due: Instant, after: Duration) -> Ticket {
        let now = self.clock.now();
        let (phase, choice) = (self.plan.phases().of(after), self.plan.mix.pick(number));
        let (dispatched, handed, late) = (now, now, false);
        Ticket { number, due, dispatched, handed, late, after, phase, user: 0, choice }
    }

    fn make(&self, ticket: Ticket) -> Ticket {
        self.tally.due(&ticket);
        ticket
    }

    /// The closed model: the next number of this machine, if there is one left; who takes the last one closes the
    /// gate.
    fn number(&self, now: Instant) -> Option<u64> {
        let share = self.plan.share.as_ref();
        let of_plan = |own: u64| share.map_or(own, |share| share.number(own));
        let Some(limit) = self.plan.workload.iterations else {
            return Some(of_plan(self.next.fetch_add(1, Ordering::Relaxed)));
        };
        loop {
            let count = share.map_or(limit, |share| share.iterations(limit));
            let next = |own: u64| (own < count).then_some(own + 1);
            let own = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
            let begun = own.map_or_else(|begun| begun, |own| own + 1);
            let is_used_up = share.map_or(begun >= limit, |share| share.is_used_up(begun, limit));
            if is_used_up {
                self.close(now, EndedBy::Count);
            }
            // Where there is more than a moment ago, by others who were lost, there may be one for this user.
            if own.is_ok() || is_used_up {
                return own.ok().map(of_plan);
            }
        }
    }

    /// The pause that goes on, if one does.
    pub(super) fn pause(&self) -> Option<(Instant, Instant)> {
        self.plan.pauses.as_ref().and_then(Pauses::going_on)
    }

    /// How much everything planned comes later, by pauses that are over.
    pub(super) fn put_off(&self) -> Duration {
        self.plan.pauses.as_ref().map_or(Duration::ZERO, Pauses::over)
    }

    /// When the last iteration may start; none while only the count ends the run.
    pub(super) fn closes_at(&self) -> Option<Instant> {
        self.start.get()?.checked_add(self.plan.phases().measured_ends?)
    }

    /// When the gate was opened.
    pub(super) fn start(&self) -> Option<Instant> {
        self.start.get().copied()
    }

    /// How long after the start of the run a moment is.
    pub(super) fn after(&self, moment: Instant) -> Duration {
        self.start.get().map_or(Duration::ZERO, |start| moment.saturating_duration_since(*start))
    }
}

/// Until the roster changes; for ever where there is none.
async fn turned(turns: Option<&mut Turns>) {
    match turns {
        Some(turns) => turns.next().await,
        None => std::future::pending().await,
    }
}

/// Over how long the beginnings after a pause are spread, at least.
const SPREAD: Duration = Duration::from_secs(1);

/// How often somebody who waits for the end of a pause looks whether there is still a run.
const NAP: Duration = Duration::from_millis(50);

/// Longer than any run: a user of stages that never come to it.
const NEVER: Duration = Duration::from_hours(24 * 365);

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Two users, 3 s of warm-up, 5 s measured, on a clock moved by hand.
    fn gate(change: impl FnOnce(&mut Settings)) -> (Gate, Instant) {
        let mut workload = Settings {
            model: Model::closed(2),
            duration: Some(s(5)),
            iterations: None,
            warm_up: s(3),
            drain: s(1),
        };
        change(&mut workload);
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let start = clock.now();
        let plan = Plan::new(workload, Mix::new(&[1.0], Seed(1)).unwrap(), Seed(1));
        let gate = Gate::new(plan, clock, Stop::default());
        gate.open(start);
        (gate, start)
    }

    #[test]
    fn the_phase_is_that_of_the_due_time_and_the_end_is_sharp() {
        let (gate, start) = gate(|_| ());
        let mut issued = Vec::new();
        for _ in 0..10 {
            issued.push(gate.issue(start, 1).map(|ticket| (ticket.after, ticket.phase)));
            gate.clock.advance(s(1));
        }
        let expected = |second| match second {
            0..=2 => Some((s(second), Phase::WarmUp)),
            3..=7 => Some((s(second), Phase::Measured)),
            _ => None,
        };
        assert_eq!(issued, (0..10).map(expected).collect::<Vec<_>>());
        let closing = gate.closing().unwrap();
        // However late somebody looks.
        assert_eq!((closing.at, closing.by), (start + s(8), EndedBy::Time));
    }

    #[test]
    fn numbers_end_at_the_count_even_for_those_who_were_let_through() {
        let (gate, start) = gate(|workload| workload.iterations = Some(3));
        let numbers: Vec<_> = (0..5).map(|_| gate.number(start)).collect();
        assert_eq!(numbers, [Some(0), Some(1), Some(2), None, None]);
        assert_eq!(gate.closing().unwrap().by, EndedBy::Count);
        assert_eq!(gate.issue(start, 0), None);
    }

    #[test]
    fn the_first_reason_to_close_counts() {
        let (gate, start) = gate(|_| ());
        gate.stop.request();
        assert_eq!(gate.issue(start, 0), None);
        gate.clock.advance(s(100));
        gate.look(gate.clock.now());
        let closing = gate.closing().unwrap();
        assert_eq!((closing.at, closing.by), (start, EndedBy::Stop));
        assert!(!gate.is_urgent());
        gate.stop.request();
        assert!(gate.is_urgent());
    }

    #[test]
    fn after_a_pause_users_do_not_all_begin_in_the_same_moment() {
        let (gate, start) = gate(|workload| workload.model = Model::closed(50));
        let gate = Gate { plan: gate.plan.clone().with_pauses(gate.clock.clone()), ..gate };
        gate.open(start);
        let pauses = gate.plan.pauses.clone().unwrap();
        pauses.begin(start);
        pauses.ask(Some(s(2)));
        let turns: Vec<_> =
            (0..50).map(|user| gate.turn(start, user).unwrap() - (start + s(2))).collect();
        assert!(turns.iter().all(|turn| *turn < SPREAD), "{turns:?}");
        let early = turns.iter().filter(|turn| **turn < SPREAD / 2).count();
        assert!((15..=35).contains(&early), "{early} of 50 in the first half");
    }

    #[test]
    fn whoever_stops_a_run_ends_its_pause_and_the_last_one_by_count_does() {
        for (by, is_over) in [(EndedBy::Stop, true), (EndedBy::Time, true), (EndedBy::Count, false)]
        {
            let (gate, start) = gate(|workload| {
                workload.model = Model::Open {
                    rate: crate::workload::shape::Shape::constant(1.0),
                    arrivals: crate::workload::schedule::Arrivals::Constant,
                    max_users: 1,
                    when_late: WhenLate::Queue,
                };
            });
            let gate = Gate { plan: gate.plan.clone().with_pauses(gate.clock.clone()), ..gate };
            let pauses = gate.plan.pauses.clone().unwrap();
            pauses.begin(start);
            gate.desk.offer(gate.arrive(0, Duration::ZERO).unwrap());
            pauses.ask(Some(s(2)));
            gate.close(start, by);
            assert_eq!(gate.pause().is_none(), is_over, "{by:?}");
            gate.desk.forsake();
            gate.end_pauses();
            assert_eq!(gate.pause(), None, "{by:?}");
        }
    }

    #[test]
    fn a_look_says_how_long_nothing_will_happen() {
        let (gate, start) = gate(|_| ());
        assert_eq!(gate.look(start), Some(s(8)));
        assert_eq!(gate.look(start + s(6)), Some(s(2)));
        assert_eq!(gate.look(start + s(8)), None);
    }
}
