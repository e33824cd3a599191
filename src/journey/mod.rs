//! What a simulated user does: journeys as rules, and their performance against a tenant.

pub mod catalog;
pub mod rule;
pub mod script;
pub mod template;
