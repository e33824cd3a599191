//! What a simulated user does: journeys as rules, and their performance against a tenant.

pub mod cast;
pub mod catalog;
mod ends;
pub mod input;
pub mod key;
pub mod outcome;
pub mod perform;
mod polling;
mod preflight;
pub mod rule;
pub mod script;
pub mod template;
pub mod witness;
