//! What a simulated user does: journeys as rules, and their performance against a tenant.

pub mod cast;
pub mod catalog;
pub mod outcome;
pub mod perform;
pub mod rule;
pub mod script;
pub mod template;
