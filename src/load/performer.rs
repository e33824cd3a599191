//! The seam between load and what is loaded: a ticket for one iteration, and who performs it.

use crate::measure::sample::Ending;
use crate::measure::series::Phase;
use std::time::{Duration, Instant};

/// The right to perform one iteration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ticket {
    /// Number of the iteration in the run, from 0, without gaps. With a share that in the whole plan, of which a
    /// machine has only its own.
    pub number: u64,
    /// When it is due. In the closed model the moment at which its user became free, so there is no
    /// lag.
    pub due: Instant,
    /// When the dispatcher took it up; in the closed model when it was due.
    pub dispatched: Instant,
    /// When a user got it: at once where one was free.
    pub handed: Instant,
    /// All users were busy when it was due, so it waits or waited for one. Never in the closed model.
    pub late: bool,
    /// When it is due, counted from the start of the run.
    pub after: Duration,
    /// The phase of its due time, for it and all its samples.
    pub phase: Phase,
    /// Who performs it, from 0. One user performs one iteration at a time.
    pub user: usize,
    /// Which journey of which variant: an index into the weights of the mix.
    pub choice: usize,
}

impl Ticket {
    /// How long it waited for a user because all were busy: the part of its lag that the tenant is
    /// to blame for, or a number of users that is too small.
    pub fn queued(&self) -> Duration {
        self.handed.saturating_duration_since(self.dispatched)
    }
}

/// Performs iterations for any number of users at once.
pub trait Performer: Send + Sync + 'static {
    /// What one user keeps from iteration to iteration.
    type User: Send + 'static;

    /// Told, exactly once, of each iteration that is due, before anything else is done about it.
    fn due(&self, ticket: &Ticket);

    /// Told of each iteration for which no user was free when it was due. Never in the closed model.
    fn late(&self, ticket: &Ticket);

    /// A user who has done nothing yet. Called on a user's first iteration, and again after one
    /// that was cut off or panicked, whose leftovers nobody trusts.
    fn new_user(&self, number: usize) -> Self::User;

    /// Performs one iteration and says how it ended. Is polled at least once, and dropped at an
    /// await when the iteration is cut off. Its end is put on record by [`Performer::finished`] and
    /// not here: one that does not heed a cut may come to its end after it was given up.
    fn perform(&self, ticket: Ticket, user: &mut Self::User)
    -> impl Future<Output = Ending> + Send;

    /// Told, exactly once, of each iteration that [`Performer::perform`] brought to its end before it
    /// was given up.
    fn finished(&self, ticket: Ticket, user: &mut Self::User, ending: Ending);

    /// Told, exactly once, of each iteration that [`Performer::perform`] did not bring to its end:
    /// it was cut off, it panicked, or nobody ever performed it. `user` is what it left behind;
    /// none when it is stuck and still holds it, or there was none yet.
    fn unfinished(&self, ticket: Ticket, user: Option<Self::User>, ending: Ending);
}
