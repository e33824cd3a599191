//! Several machines, one run: through a real NATS server, with real agents.

#[path = "cluster/server.rs"]
mod server;
#[path = "cluster/wire.rs"]
mod wire;
