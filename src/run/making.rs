//! How far the making of accounts has come, for whoever looks on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Accounts wanted and made so far. Both only grow; they are for people, and order nothing.
#[derive(Debug, Default)]
pub struct Making {
    wanted: AtomicU64,
    made: AtomicU64,
    halted: AtomicBool,
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

    /// No others are to be begun. Says whether that was so already.
    pub fn halt(&self) -> bool {
        self.halted.swap(true, Relaxed)
    }

    /// Whether no others are to be begun.
    pub fn is_halted(&self) -> bool {
        self.halted.load(Relaxed)
    }

    /// How many can be used, of how many.
    pub fn so_far(&self) -> (u64, u64) {
        (self.made.load(Relaxed), self.wanted.load(Relaxed))
    }
}
