//! The stand-in tenant over real HTTP on loopback: what its clients may rely on.

#[path = "standin/support.rs"]
mod support;

#[path = "theory/erlang.rs"]
mod erlang;

#[path = "standin/checklist.rs"]
mod checklist;
#[path = "standin/conformance.rs"]
mod conformance;
#[path = "standin/flows.rs"]
mod flows;
#[path = "standin/faults.rs"]
mod faults;
#[path = "standin/hold.rs"]
mod hold;
#[path = "standin/journeys.rs"]
mod journeys;
#[path = "standin/management.rs"]
mod management;
#[path = "standin/policy.rs"]
mod policy;
#[path = "standin/polling.rs"]
mod polling;
#[path = "standin/queue.rs"]
mod queue;
#[path = "standin/record.rs"]
mod record;
#[path = "standin/screen.rs"]
mod screen;
#[path = "standin/seeds.rs"]
mod seeds;
#[path = "standin/tokens.rs"]
mod tokens;
#[path = "standin/versions.rs"]
mod versions;
