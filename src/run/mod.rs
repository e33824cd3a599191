//! One run from start to end: everything put in place, conducted, and wound up.

pub mod bearer;
pub mod call_log;
pub mod conduct;
pub mod generator;
pub mod mending;
pub mod players;
pub mod stage;
pub mod summarise;
