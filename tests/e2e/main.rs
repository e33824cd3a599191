//! The real binary, as a person uses it.

mod check;
mod guard;
mod lab;
