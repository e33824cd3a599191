//! One run from start to end: everything put in place, conducted, and wound up.

pub mod stage;
