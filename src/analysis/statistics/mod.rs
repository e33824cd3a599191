//! The statistics under comparisons and thresholds, each in a file of its own: numbers in, numbers out.

pub mod autocorrelation;
pub mod blocks;
pub mod evidence;
pub mod figure;
pub mod grid;
pub mod holm;
pub mod lane;
pub mod ratio;
pub mod share;
pub mod student;
