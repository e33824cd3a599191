//! What load a run puts on: how many users, for how long, which journeys, with which pauses. Pure.

pub mod agents;
pub mod mix;
pub mod onward;
pub mod pacing;
pub mod places;
pub mod schedule;
pub mod settings;
pub mod shape;
pub mod share;
