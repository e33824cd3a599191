//! Several machines, one run: agents that perform their shares of one plan, and a conductor that joins what they send.
//!
//! Two kinds of messages go through the group's NATS server. What one party asks of another (who is there, the plan,
//! the start, an end) goes by plain requests and is stored nowhere. What an agent has to tell of its run goes into
//! a stream, numbered, so that neither a lost connection nor a killed conductor loses any of it or counts it twice.

pub mod admission;
pub mod agent;
pub mod conductor;
mod delivery;
pub mod gaps;
pub mod handover;
pub mod held;
pub mod journal;
pub mod keep;
pub mod live;
pub mod mirror;
pub mod name;
pub mod message;
pub mod offset;
pub mod order;
pub mod pieces;
pub mod pulse;
pub mod server;
pub mod signs;
pub mod spool;
pub mod teller;
pub mod wire;
mod wire_error;
