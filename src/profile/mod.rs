//! The profile: one TOML document that says what to run where, read whole, checked whole.

mod budget;
pub mod check;
pub mod document;
pub mod load;
pub mod overlay;
pub mod reference;
pub mod schema;
pub mod supply;
pub mod tenant;
