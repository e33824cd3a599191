//! Load: users who start iterations when the gate lets them, and who stop for certain.
//!
//! [`launch()`] starts all users, parked; [`Launched::run`] opens the gate and sees the run through to
//! its end. What an iteration is stays with the caller, as a [`Performer`]. Only `goose` knows what
//! the users run on.

mod alarm;
mod crew;
mod desk;
mod dispatcher;
mod events;
mod gate;
mod goose;
mod interrupt;
mod launch;
mod pauses;
mod performer;
mod rate;
mod share;
mod stop;
mod tally;
mod walk;
mod warden;

// A name of its own, so that what Goose itself is called is found in one file only.
use self::goose as engine;

pub use alarm::wait_until;
pub use events::Events;
pub use gate::{EndedBy, Plan};
pub use interrupt::on_interrupt;
pub use launch::{Launched, LoadEnd, LoadError, launch};
pub use pauses::Pauses;
pub use performer::{Performer, Ticket};
pub use rate::{MOST_FACTOR, RateControl};
pub use share::{ShareControl, SplitError, Turn, TurnError};
pub use stop::Stop;
pub use tally::{Counts, Ended, Progress};
