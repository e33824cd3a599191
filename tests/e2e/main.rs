//! The real binary, as a person uses it.

mod one_call;
mod canary;
mod arrivals;
mod check;
#[path = "../theory/erlang.rs"]
mod erlang;
mod connections;
mod faults;
mod generator;
mod guard;
mod hostile;
mod instrument;
mod journeys;
mod lab;
mod leash;
mod run;
mod secrets;
mod stand_in;
mod tenant;
