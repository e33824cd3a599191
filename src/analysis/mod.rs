//! Judgement: rules, guards, the verdict and reasons to distrust it. Pure.

pub mod bootstrap;
pub mod budget;
pub mod capacity;
pub mod caution;
pub mod compare;
pub mod early;
pub mod episodes;
pub mod guard;
#[cfg(test)]
mod lab;
pub mod observed;
mod parts;
pub mod rule;
pub mod sliding;
pub mod soak;
pub mod statistics;
pub mod threshold;
pub mod verdict;
