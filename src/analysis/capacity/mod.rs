//! How much load a tenant takes: a search over the arrival rate, level by level.

pub mod found;
pub mod need;
pub mod settings;
