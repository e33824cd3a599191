//! One run from start to end: everything put in place, conducted, and wound up.

mod accounts;
pub mod bearer;
pub mod begin;
mod breaks;
mod by_flow;
pub mod call_log;
pub mod capacity;
pub mod comparable;
pub mod conduct;
pub mod cores;
pub mod descriptors;
pub mod generator;
pub mod making;
pub mod mending;
pub mod pilot;
pub mod players;
pub mod ports;
pub mod resume;
pub mod sides;
pub mod renewals;
mod sentry;
pub mod stage;
pub mod summarise;
