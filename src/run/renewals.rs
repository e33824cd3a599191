//! Tokens that were renewed while a run went on: events of its timeline.

use super::bearer::Bearers;
use crate::identity::pool::Pool;
use crate::management::keeper::Keeper;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The slug of an event that tells of a renewed token.
pub const TOKEN_RENEWAL: &str = "token-renewal";

/// Who gets tokens in the background, and how many of them were told of already.
#[derive(Debug, Default)]
pub struct Renewals {
    sdk: (Arc<AtomicU64>, u64),
    workers: Vec<(Arc<Keeper<File>>, u64)>,
}

impl Renewals {
    /// Of the tokens that start flows, and of those that look after accounts. What was renewed up to now
    /// is not told of.
    pub fn of(bearers: &Bearers, kept: &[(Arc<Keeper<File>>, Pool)]) -> Self {
        let sdk = bearers.renewed();
        let so_far = sdk.load(Ordering::Relaxed);
        let mut workers: Vec<(Arc<Keeper<File>>, u64)> = Vec::new();
        for (keeper, _) in kept {
            if !workers.iter().any(|(known, _)| Arc::ptr_eq(known, keeper)) {
                workers.push((keeper.clone(), keeper.api.tokens()));
            }
        }
        Self { sdk: (sdk, so_far), workers }
    }

    /// What was renewed since the last time, in words.
    pub fn since(&mut self) -> Vec<&'static str> {
        let mut told = Vec::new();
        let (sdk, known) = &mut self.sdk;
        let now = sdk.load(Ordering::Relaxed);
        if std::mem::replace(known, now) < now {
            told.push("the SDK token was renewed");
        }
        for (keeper, known) in &mut self.workers {
            let now = keeper.api.tokens();
            // The first one renews none.
            let is_renewal = *known > 0 && *known < now;
            *known = now;
            if is_renewal {
                told.push("the worker token was renewed");
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_renewal_is_told_of_once() {
        let bearers = Bearers::default();
        let mut renewals = Renewals::of(&bearers, &[]);
        assert!(renewals.since().is_empty());
        bearers.renewed().fetch_add(1, Ordering::Relaxed);
        assert_eq!(renewals.since(), ["the SDK token was renewed"]);
        assert!(renewals.since().is_empty());
    }
}
