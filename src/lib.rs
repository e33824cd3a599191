//! gander puts load on PingOne DaVinci flows and measures what comes back.
//!
//! Modules stand in the order of their layers; each uses only those above it, and
//! `tests/architecture.rs` fails on any other use.

pub mod base;

pub mod measure;

pub mod result;

pub mod analysis;
