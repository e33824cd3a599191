//! Vocabulary that every other module speaks: units, names, time, randomness, secrets and the
//! reading of documents. No I/O.

pub mod clock;
pub mod document;
mod escape;
pub mod figures;
pub mod names;
pub mod random;
pub mod remedy;
pub mod schema;
pub mod secret;
pub mod share;
pub mod strike;
pub mod units;
pub mod word;
