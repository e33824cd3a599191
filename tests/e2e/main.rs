//! The real binary, as a person uses it.

mod arrivals;
mod by_flow;
mod capacity;
mod canary;
mod check;
mod codes;
mod compare;
mod connections;
mod drift;
mod endings;
#[path = "../theory/erlang.rs"]
mod erlang;
mod exports;
mod faults;
mod generator;
mod guard;
mod hostile;
mod instrument;
mod journeys;
mod lab;
mod leash;
mod one_call;
mod profiles;
mod repeat;
mod resume;
mod run;
mod secrets;
mod stand_in;
mod tenant;
mod versions;
mod variants;
mod watch;
mod terminal;
mod thresholds;
