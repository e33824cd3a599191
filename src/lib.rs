//! gander puts load on PingOne DaVinci flows and measures what comes back.
//!
//! Modules stand in the order of their layers; each uses only those above it, and
//! `tests/architecture.rs` fails on any other use.
//!
//! ```text
//! profile ─ check ─ stage (guard, accounts, ledger, codes)
//!                     │
//!    journey::perform ⇄ davinci::walk      pure: which form, which answer, what next
//!       │    ⇅
//!       │  transport::Session ⇄ tenant or stand-in
//!       ▼
//!    witness: a narrator, or a recorder
//! ```

pub mod base;
pub mod davinci;
pub mod identity;
pub mod workload;
pub mod measure;
pub mod standin;
pub mod transport;
pub mod result;
pub mod codes;
pub mod management;
pub mod analysis;
pub mod journey;
pub mod report;
pub mod load;
pub mod profile;
pub mod run;
pub mod live;
pub mod cluster;
pub mod cli;
