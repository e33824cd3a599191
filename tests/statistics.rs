//! What the statistics of a comparison are worth: simulated runs whose truth is known, and recorded ones.
//!
//! The large simulations are ignored; `./scripts/prove compare` runs them optimised.

#[path = "statistics/claims.rs"]
mod claims;
#[path = "statistics/power.rs"]
mod power;
#[path = "statistics/recorded.rs"]
mod recorded;
#[path = "statistics/report.rs"]
mod report;
#[path = "statistics/world.rs"]
mod world;
