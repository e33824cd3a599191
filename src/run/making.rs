//! How far the making of accounts has come, for whoever looks on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Accounts wanted and made so far. Both only grow; they are for people, and order nothing.
#[derive(Debug, Default)]
pub struct Making {
    wanted: AtomicU64,
    made: AtomicU64,
}

impl Making {
    /// So many more are wanted.
    pub fn want(&self, accounts: u64) {
        self.wanted.fetch_add(accounts, Relaxed);
    }

    /// One more can be used.
    pub fn made_one(&self) {
        self.made.fetch_add(1, Relaxed);
    }

    /// How many can be used, of how many.
    pub fn so_far(&self) -> (u64, u64) {
        (self.made.load(Relaxed), self.wanted.load(Relaxed))
    }
}
