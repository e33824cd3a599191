//! What a soak shows, held against simulated tenants whose truth is known: slopes, false alarms, jumps, gaps.

#[path = "drift/claims.rs"]
mod claims;
#[path = "drift/world.rs"]
mod world;
