//! Several machines, one run: through a real NATS server, with real agents.

#[path = "cluster/beginnings.rs"]
mod beginnings;
#[path = "cluster/closed.rs"]
mod closed;
#[path = "cluster/creds.rs"]
mod creds;
#[path = "cluster/faults.rs"]
mod faults;
#[path = "cluster/joins.rs"]
mod joins;
#[path = "cluster/kills.rs"]
mod kills;
#[path = "e2e/lab.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod lab;
#[path = "cluster/namespaces.rs"]
mod namespaces;
#[path = "cluster/network.rs"]
mod network;
#[path = "cluster/poison.rs"]
mod poison;
#[path = "cluster/refusals.rs"]
mod refusals;
#[path = "cluster/runs.rs"]
mod runs;
#[path = "cluster/server.rs"]
mod server;
#[path = "e2e/tenant.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod tenant;
#[path = "cluster/wiped.rs"]
mod wiped;
#[path = "cluster/wire.rs"]
mod wire;
#[path = "cluster/world.rs"]
mod world;
