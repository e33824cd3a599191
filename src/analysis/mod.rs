//! Judgement: rules, guards, the verdict and reasons to distrust it. Pure.

pub mod bootstrap;
pub mod caution;
pub mod compare;
pub mod guard;
pub mod rule;
pub mod statistics;
pub mod threshold;
pub mod verdict;
