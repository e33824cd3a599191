//! How much load a tenant takes: a search over the arrival rate, level by level.

pub mod assemble;
mod ending;
pub mod enough;
pub mod exit;
mod fit;
pub mod forecast;
pub mod found;
mod goodput;
pub mod judge;
pub mod level;
pub mod search;
pub mod settings;
mod settling;
#[cfg(test)]
mod specimen;
mod standing;
mod stops;
mod usl;
