//! gander puts load on PingOne DaVinci flows and measures what comes back.
//!
//! Modules stand in the order of their layers; each uses only those above it, and
//! `tests/architecture.rs` fails on any other use.

pub mod base;
pub mod codes;
pub mod davinci;
pub mod identity;
pub mod journey;
pub mod load;
pub mod measure;
pub mod standin;
pub mod workload;
