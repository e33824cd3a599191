//! The real binary, as a person uses it.

mod arrivals;
mod check;
mod faults;
mod guard;
mod hostile;
mod instrument;
mod journeys;
mod lab;
mod run;
mod secrets;
mod stand_in;
mod tenant;
