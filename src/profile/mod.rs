//! The profile: one TOML document that says what to run where, read whole, checked whole.

pub mod accounts;
pub mod brought;
mod budget;
pub mod check;
mod check_source;
mod command;
mod costing;
pub mod document;
mod hidden;
pub mod load;
pub mod manual;
pub mod overlay;
pub mod reference;
pub mod schema;
mod sharing;
pub mod sent;
pub mod supply;
pub mod tenant;
