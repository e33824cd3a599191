//! What a simulated user does: journeys as rules, and their performance against a tenant.

pub mod author;
pub mod cast;
pub mod catalog;
pub mod draft;
mod ends;
pub mod har;
pub mod import;
mod import_value;
pub mod input;
pub mod interview;
pub mod key;
pub mod outcome;
pub mod perform;
mod polling;
mod held;
mod preflight;
pub mod rehearsal;
pub mod role;
pub mod rule;
pub mod schema;
pub mod script;
pub mod struck;
pub mod template;
pub mod witness;
