//! What a run leaves behind: its directory, written as the run goes and read back by everything else.

pub mod aside;
pub mod capacity;
pub mod dossier;
pub mod interval_log;
mod lines;
pub mod merge;
pub mod part;
pub mod rebuild;
pub mod reopen;
pub mod run_dir;
pub mod soak;
pub mod spread;
pub mod summary;
mod unpack;
pub mod writer;

#[cfg(test)]
mod properties;
