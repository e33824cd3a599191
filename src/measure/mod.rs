//! Recording what happens: series, faults, counters, and the timeline they are handed over in. Pure.
//!
//! Users record into a [`recorder::Recorder`]; each second a [`collector::Collector`] takes what was
//! recorded as one [`timeline::Interval`]; a [`tally::Tally`] adds the intervals up.

pub mod catalogue;
pub mod collector;
mod counters;
pub mod counts;
pub mod course;
mod exemplar;
pub mod failing;
pub mod fault;
pub mod histogram;
pub mod limited;
pub mod merging;
pub mod placing;
pub mod recorder;
pub mod sample;
pub mod segment;
pub mod series;
mod shard;
pub mod tally;
pub mod timeline;
pub mod timetable;
pub mod windows;

pub use exemplar::{Drawn, Exemplar, ExemplarExchange, SAMPLED, SLOWEST, merged};

#[cfg(test)]
mod properties;
