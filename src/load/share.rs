//! One machine's part of a load that several put on: what is its own, also when others are lost meanwhile.

use crate::base::remedy::Remedy;
use crate::workload::places::Places;
use crate::workload::settings::{Model, Settings};
use crate::workload::share::{Epoch, Roster, RosterError, Share};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// A plan's part for one machine. Clones are the same part; any thread may change the roster, and the load goes by it
/// at once.
#[derive(Clone, Debug)]
pub struct ShareControl(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    own: Share,
    has_spares: bool,
    state: Mutex<State>,
    /// Rings when the roster has changed.
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    roster: Arc<Roster>,
    /// Counts its changes.
    version: u64,
    /// Up to which moment of the plan it was decided whose arrivals are.
    walked: Option<Duration>,
    /// Its users of the closed model by this roster, where so many were asked for.
    places: Option<(usize, Arc<Places>)>,
    /// Iterations of the closed model that it was given on top of its part of the count.
    more: u64,
    /// Whether the last of its count was begun: it takes no more.
    is_used_up: bool,
}

/// One more epoch for a part, with what it is given of the count of the closed model on top of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Turn {
    /// Who performs the plan from when on.
    pub epoch: Epoch,
    /// How many iterations it has more.
    pub more: u64,
}

/// Why a part is not changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TurnError {
    /// The roster cannot be so.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// Its count is used up: it does no more.
    #[error("its load is over already")]
    Over,
}

/// Why a plan cannot be split so.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// A part without a user can perform nothing.
    #[error("share {share} has no user: the plan has {users} in all")]
    NoUser {
        /// The part.
        share: Share,
        /// How many there are.
        users: usize,
    },
}

impl Remedy for SplitError {
    fn remedy(&self) -> Option<String> {
        Some(
            "split the plan into fewer parts, or raise `workload.users` or `workload.max_users`"
                .to_owned(),
        )
    }
}

impl ShareControl {
    /// A part, with all others there from the beginning to the end unless the roster is changed.
    pub fn new(own: Share) -> Self {
        Self::of(own, Roster::of(own.of()), false)
    }

    /// The same part by another roster; its members are indices below the number of parts.
    #[must_use]
    pub fn by(self, roster: Roster) -> Self {
        Self::of(self.0.own, roster, self.0.has_spares)
    }

    /// The same with users to spare: as many are launched as it takes when half of the others are lost. Those who are
    /// not needed wait.
    #[must_use]
    pub fn with_spares(self) -> Self {
        Self::of(self.0.own, self.roster(), true)
    }

    fn of(own: Share, roster: Roster, has_spares: bool) -> Self {
        let state = State {
            roster: Arc::new(roster),
            version: 0,
            walked: None,
            places: None,
            more: 0,
            is_used_up: false,
        };
        let state = Mutex::new(state);
        Self(Arc::new(Inner { own, has_spares, state, changed: watch::Sender::new(()) }))
    }

    /// Which part it is, of how many.
    pub fn own(&self) -> Share {
        self.0.own
    }

    /// Who performs the plan when, as it stands.
    pub fn roster(&self) -> Roster {
        (*self.lock().roster).clone()
    }

    /// One more epoch. Refused where it begins before what is decided already: then arrivals of it may have been left
    /// to others. The last one told again changes nothing.
    pub fn change(&self, epoch: Epoch) -> Result<(), RosterError> {
        let mut state = self.lock();
        if *state.roster.last() == epoch {
            return Ok(());
        }
        if let Some(at) = state.walked.filter(|at| epoch.from() <= *at) {
            return Err(RosterError::TooLate { from: epoch.from(), at });
        }
        Arc::make_mut(&mut state.roster).change(epoch)?;
        self.changed(state);
        Ok(())
    }

    /// All epochs but the first, in order: those that are new hold all or, where one cannot, none. What is refused once
    /// because it comes too late, or because its count is used up, is refused for ever.
    pub fn change_to(&self, turns: &[Turn]) -> Result<(), TurnError> {
        let mut state = self.lock();
        let known = state.roster.epochs().skip(1).zip(turns);
        if let Some((known, turn)) = { known }.find(|(known, turn)| **known != turn.epoch) {
            let (from, last) = (turn.epoch.from(), known.from());
            return Err(RosterError::NotLater { from, last }.into());
        }
        let new = turns.get(state.roster.epochs().count() - 1..).unwrap_or_default();
        let Some(first) = new.first() else { return Ok(()) };
        if state.is_used_up {
            return Err(TurnError::Over);
        }
        let from = first.epoch.from();
        if let Some(at) = state.walked.filter(|at| from <= *at) {
            return Err(RosterError::TooLate { from, at }.into());
        }
        let mut roster = (*state.roster).clone();
        for turn in new {
            roster.change(turn.epoch.clone())?;
        }
        state.roster = Arc::new(roster);
        state.more += new.iter().map(|turn| turn.more).sum::<u64>();
        self.changed(state);
        Ok(())
    }

    /// What was looked up by the roster before holds no more.
    fn changed(&self, mut state: MutexGuard<'_, State>) {
        state.version += 1;
        state.places = None;
        drop(state);
        self.0.changed.send_replace(());
    }

    /// How many users are launched for its part of so many.
    pub fn launched(&self, users: usize) -> usize {
        let state = self.lock();
        let first = state.roster.at(Duration::ZERO);
        let most = |members: usize| users.div_ceil(members.max(1));
        let share = first.share(self.0.own.index());
        match (share, self.0.has_spares) {
            (_, true) => most(first.members().len().div_ceil(2)),
            (Some(share), false) => share.count_of(users),
            // It joins later.
            (None, false) => most(first.members().len() + 1),
        }
    }

    /// Whether there is somebody to perform its part of a load.
    pub fn check(&self, workload: &Settings) -> Result<(), SplitError> {
        let users = workload.model.users();
        let share = self.0.own;
        if self.launched(users) == 0 { Err(SplitError::NoUser { share, users }) } else { Ok(()) }
    }

    /// How many iterations are its own, where so many are asked for of all.
    pub fn iterations(&self, all: u64) -> u64 {
        self.lock().iterations(self.0.own, all)
    }

    /// Whether its count is used up where it has begun so many of the closed model. Then it is given no more.
    pub(super) fn is_used_up(&self, begun: u64, all: u64) -> bool {
        let mut state = self.lock();
        state.is_used_up |= begun >= state.iterations(self.0.own, all);
        state.is_used_up
    }

    /// The roster as it stands, and which version of it that is.
    pub(super) fn standing(&self) -> (Arc<Roster>, u64) {
        let state = self.lock();
        (state.roster.clone(), state.version)
    }

    /// What is whose is decided up to a moment of the plan, if the roster is still the one of that version.
    pub(super) fn decide(&self, version: u64, moment: Duration) -> bool {
        let mut state = self.lock();
        let holds = state.version == version;
        if holds {
            state.walked = state.walked.max(Some(moment));
        }
        holds
    }

    /// When one of its users is let in, from a moment of the plan on; none if it never is as the roster stands. In the
    /// open model a user is let in while there are not more of them than its part of all.
    pub(super) fn opens(
        &self,
        local: usize,
        (model, after): (&Model, Duration),
    ) -> Option<Duration> {
        let (mut state, member) = (self.lock(), self.0.own.index());
        match model {
            Model::Closed { users, .. } => {
                let all = model.users();
                let known = state.places.take().filter(|(of, _)| *of == all);
                let of = || (all, Arc::new(Places::of(&state.roster, member, all as u64)));
                let known = known.unwrap_or_else(of);
                let places = known.1.clone();
                state.places = Some(known);
                drop(state);
                places.opens(local, (users, after))
            }
            Model::Open { max_users, .. } => {
                state.roster.seats(member, local as u64, (*max_users as u64, after))
            }
        }
    }

    /// The number of its next iteration in the closed model, where it has begun so many.
    pub(super) fn number(&self, local: u64) -> u64 {
        self.lock().roster.number(self.0.own.index(), local, self.0.own.of())
    }

    /// Hears of changes of the roster, from now on.
    pub(super) fn changes(&self) -> Turns {
        Turns(self.0.changed.subscribe())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn iterations(&self, own: Share, all: u64) -> u64 {
        let share = self.roster.at(Duration::ZERO).share(own.index());
        share.map_or(0, |share| share.count(all)).saturating_add(self.more)
    }
}

/// One who hears of changes of the roster.
pub(super) struct Turns(watch::Receiver<()>);

impl Turns {
    /// Until there is one that was not looked at.
    pub(super) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
