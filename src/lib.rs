//! gander puts load on PingOne DaVinci flows and measures what comes back.
//!
//! Modules stand in the order of their layers; each uses only those above it, and
//! `tests/architecture.rs` fails on any other use.

pub mod base;
pub mod davinci;
pub mod journey;
pub mod codes;
pub mod identity;
pub mod measure;
pub mod standin;
pub mod management;
pub mod standin;
pub mod transport;
