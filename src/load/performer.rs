//! The seam between load and what is loaded: a ticket for one iteration, and who performs it.

use crate::measure::sample::Ending;
use crate::measure::series::Phase;
use std::time::{Duration, Instant};

/// The right to perform one iteration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ticket {
    /// Number of the iteration in the run, from 0, without gaps.
    pub number: u64,
    /// When it is due. In the closed model the moment at which its user became free, so there is no
    /// lag.
    pub due: Instant,
    /// The same, counted from the start of the run.
    pub after: Duration,
    /// The phase of its due time, for it and all its samples.
    pub phase: Phase,
    /// Who performs it, from 0. One user performs one iteration at a time.
    pub user: usize,
    /// Which journey of which variant: an index into the weights of the mix.
    pub choice: usize,
}

/// Performs iterations for any number of users at once.
pub trait Performer: Send + Sync + 'static {
    /// What one user keeps from iteration to iteration.
    type User: Send + 'static;

    /// A user who has done nothing yet. Called on a user's first iteration, and again after one
    /// that was cut off or panicked, whose leftovers nobody trusts.
    fn new_user(&self, number: usize) -> Self::User;

    /// Performs one iteration and says how it ended. Is polled at least once, and dropped at an
    /// await when the iteration is cut off.
    fn perform(&self, ticket: Ticket, user: &mut Self::User)
    -> impl Future<Output = Ending> + Send;

    /// Told, exactly once, of each iteration that [`Performer::perform`] did not bring to its end:
    /// it was cut off, or it panicked. `user` is what it left behind; none when it is stuck and
    /// still holds it, or panicked before there was one.
    fn unfinished(&self, ticket: Ticket, user: Option<Self::User>, ending: Ending);
}
