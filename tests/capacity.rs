//! What a search for capacity is worth: simulated queues whose capacity is known, in virtual time, through the
//! same watch, judgement and search as the program's.
//!
//! The large simulations are ignored; `./scripts/prove capacity` runs them optimised.

#[path = "theory/erlang.rs"]
mod erlang;
#[path = "capacity/levels.rs"]
mod levels;
#[path = "capacity/searches.rs"]
mod searches;
#[path = "capacity/world.rs"]
mod world;
