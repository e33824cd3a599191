//! A map whose entries grow old: bounded, so that hours of load do not grow memory without limit.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Shards, so that threads seldom wait for each other.
const SHARDS: usize = 16;

/// Values by text key, gone when they reach their age or when there is no room and they are oldest.
#[derive(Debug)]
pub struct Store<V> {
    shards: Vec<Mutex<Shard<V>>>,
    hasher: RandomState,
    room: usize,
    age: Duration,
}

#[derive(Debug)]
struct Shard<V> {
    entries: HashMap<Arc<str>, Entry<V>>,
    /// Keys in the order of insertion, with the serial number that tells a key put in again, or
    /// removed, from the one meant here.
    order: VecDeque<(Arc<str>, u64)>,
    serial: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    since: Instant,
    serial: u64,
}

impl<V> Store<V> {
    /// A store for about `capacity` values of at most `age`.
    pub fn new(capacity: usize, age: Duration) -> Self {
        let shard =
            || Mutex::new(Shard { entries: HashMap::new(), order: VecDeque::new(), serial: 0 });
        Self {
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
            hasher: RandomState::new(),
            room: capacity.div_ceil(SHARDS).max(1),
            age,
        }
    }

    /// Puts a value in, in place of one of the same key.
    pub fn insert(&self, key: &str, value: V, now: Instant) {
        let mut shard = self.shard(key);
        shard.make_room(self.room, self.age, now);
        shard.serial += 1;
        let (key, serial): (Arc<str>, u64) = (key.into(), shard.serial);
        shard.order.push_back((key.clone(), serial));
        shard.entries.insert(key, Entry { value, since: now, serial });
    }

    /// Gives a value to `use_it`; the key is locked meanwhile.
    pub fn with<R>(&self, key: &str, now: Instant, use_it: impl FnOnce(&mut V) -> R) -> Option<R> {
        let mut shard = self.shard(key);
        let entry = shard.entries.get_mut(key)?;
        (now.duration_since(entry.since) < self.age).then(|| use_it(&mut entry.value))
    }

    /// Takes a value out.
    pub fn take(&self, key: &str, now: Instant) -> Option<V> {
        let entry = self.shard(key).entries.remove(key)?;
        (now.duration_since(entry.since) < self.age).then_some(entry.value)
    }

    /// Values held, expired ones that nobody met yet included.
    pub fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard<V>>| lock(shard).entries.len();
        self.shards.iter().map(count).sum()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, key: &str) -> MutexGuard<'_, Shard<V>> {
        #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
        let index = self.hasher.hash_one(key) as usize % SHARDS;
        lock(&self.shards[index])
    }
}

impl<V> Shard<V> {
    /// Drops what is too old, then the oldest until one more fits.
    fn make_room(&mut self, room: usize, age: Duration, now: Instant) {
        while let Some((key, serial)) = self.order.front() {
            let held = self.entries.get(key).filter(|entry| entry.serial == *serial);
            let keep = held.is_some_and(|entry| {
                self.entries.len() < room && now.duration_since(entry.since) < age
            });
            if keep {
                break;
            }
            if held.is_some() {
                self.entries.remove(&key.clone());
            }
            self.order.pop_front();
        }
        // Removed keys leave their place in the queue behind; without this a long-lived entry at
        // the front would let the queue grow for as long as it lives.
        if self.order.len() > 2 * self.entries.len() + 64 {
            let entries = &self.entries;
            self.order.retain(|(key, serial)| {
                entries.get(key).is_some_and(|entry| entry.serial == *serial)
            });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;
    use std::time::SystemTime;

    #[test]
    fn values_grow_old() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let store = Store::new(100, Duration::from_secs(10));
        store.insert("a", 1, clock.now());
        clock.advance(Duration::from_secs(9));
        assert_eq!(store.with("a", clock.now(), |value| *value), Some(1));
        clock.advance(Duration::from_secs(1));
        assert_eq!(store.with("a", clock.now(), |value| *value), None);
        assert_eq!(store.take("a", clock.now()), None);
    }

    #[test]
    fn the_oldest_go_when_there_is_no_room() {
        let now = Clock::by_hand(SystemTime::UNIX_EPOCH).now();
        let store = Store::new(SHARDS * 10, Duration::from_secs(10));
        (0..10_000).for_each(|index: i32| store.insert(&index.to_string(), index, now));
        assert!(store.len() <= SHARDS * 10, "{}", store.len());
        assert_eq!(store.with("9999", now, |value| *value), Some(9999));
        assert_eq!(store.with("0", now, |value| *value), None);
    }

    #[test]
    fn what_is_taken_out_leaves_nothing_behind() {
        let now = Clock::by_hand(SystemTime::UNIX_EPOCH).now();
        let store = Store::new(100_000, Duration::from_secs(10));
        (0..SHARDS * 8).for_each(|index| store.insert(&format!("stays {index}"), 0, now));
        for index in 0..50_000 {
            let key = index.to_string();
            store.insert(&key, index, now);
            assert_eq!(store.take(&key, now), Some(index));
        }
        let waiting: usize = store.shards.iter().map(|shard| lock(shard).order.len()).sum();
        assert!(waiting < SHARDS * 200, "{waiting} keys wait in the queues");
        assert!(!store.is_empty());
    }
}
