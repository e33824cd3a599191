//! The tenant's own truth: what was called, what it injected, how long it took.
//!
//! Tests hold a measuring tool against this record, call by call (joined by call id) and in sum.

use super::fault::Kind;
use super::queue::Served;
use super::reply::Key;
use crate::base::clock::Clock;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Different keys kept apart; calls with further ones go to `other`. Keys come from clients.
const MOST_KEYS: usize = 500;

/// Calls in one answer of the record at most.
const PAGE: usize = 10_000;

/// Everything the stand-in remembers about the calls it answered.
#[derive(Debug)]
pub struct Record {
    clock: Clock,
    started: Instant,
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: Vec<Row>,
    ids: HashMap<Key, usize>,
    calls: Vec<Remembered>,
    queued: Queued,
    not_kept: u64,
}

/// One call, as a handler's frame reports it.
#[derive(Debug)]
pub struct Answered {
    /// What the sender called it.
    pub call: Option<Box<str>>,
    /// What it was about.
    pub key: Key,
    /// When its head was received.
    pub received: Instant,
    /// Status of the reply; 0 if none was sent.
    pub status: u16,
    /// Delay drawn for it.
    pub asked: Duration,
    /// Delay it really got, by the clock: timers are coarser than draws.
    pub injected: Duration,
    /// Its time in the queue and with a server, as the model has it, where it needed one.
    pub served: Option<Served>,
    /// From its head received to its reply handed to the server, the delay included.
    pub service: Duration,
    /// What was done to it.
    pub fault: Option<Kind>,
}

#[derive(Debug)]
struct Remembered {
    call: Option<Box<str>>,
    key: usize,
    received_us: u64,
    status: u16,
    asked_us: u64,
    injected_us: u64,
    /// Wait and service of the queue.
    queue_us: Option<(u64, u64)>,
    service_us: u64,
    fault: Option<Kind>,
}

/// What the queue did, over all calls.
#[derive(Debug, Default)]
struct Queued {
    calls: u64,
    waited: u64,
    wait_sum_us: u64,
    service_sum_us: u64,
}

/// What is known about one key.
#[derive(Debug)]
struct Row {
    key: Key,
    statuses: BTreeMap<u16, u64>,
    injected_sum_us: u64,
    /// Made at the first call that was delayed.
    injected: Option<Histogram<u64>>,
    /// Faults by name.
    faults: BTreeMap<&'static str, u64>,
}

impl Record {
    /// An empty record, its time starting now.
    pub fn new(clock: Clock, capacity: usize) -> Self {
        let started = clock.now();
        Self { clock, started, capacity, state: Mutex::default() }
    }

    /// Notes a call that was answered, or will never be.
    pub fn note(&self, answered: Answered) {
        let mut state = self.lock();
        let key = state.row_of(&answered.key);
        let injected_us = micros(answered.injected);
        if let Some(row) = state.keys.get_mut(key) {
            *row.statuses.entry(answered.status).or_default() += 1;
            row.injected_sum_us += injected_us;
            if !answered.asked.is_zero() {
                let histogram = row.injected.get_or_insert_with(histogram);
                histogram.saturating_record(injected_us);
            }
            if let Some(fault) = answered.fault {
                *row.faults.entry(fault.row().slug).or_default() += 1;
            }
        }
        let queue_us = answered.served.map(|it| (micros(it.wait()), micros(it.service())));
        if let Some((wait_us, service_us)) = queue_us {
            let queued = &mut state.queued;
            queued.calls += 1;
            queued.waited += u64::from(wait_us > 0);
            queued.wait_sum_us += wait_us;
            queued.service_sum_us += service_us;
        }
        if state.calls.len() >= self.capacity {
            state.not_kept += 1;
            return;
        }
        let remembered = Remembered {
            call: answered.call,
            key,
            received_us: micros(answered.received.duration_since(self.started)),
            status: answered.status,
            asked_us: micros(answered.asked),
            injected_us,
            queue_us,
            service_us: micros(answered.service),
            fault: answered.fault,
        };
        state.calls.push(remembered);
    }

    /// The remembered calls after number `since` (the first call is 1), at most 10,000.
    pub fn calls(&self, since: usize) -> Value {
        let state = self.lock();
        let page: Vec<Value> = state
            .calls
            .iter()
            .enumerate()
            .skip(since)
            .take(PAGE)
            .map(|(index, call)| state.shown(index + 1, call))
            .collect();
        let last = since.min(state.calls.len()) + page.len();
        json!({
            "calls": page,
            "last": last,
            "more": last < state.calls.len(),
            "not_kept": state.not_kept,
        })
    }

    /// Counts, faults and injected delays per capability, event and action, over all calls.
    pub fn truth(&self) -> Value {
        let state = self.lock();
        let rows: Vec<Value> = state.keys.iter().map(Row::shown).collect();
        let mut faults = BTreeMap::<&str, u64>::new();
        for (fault, count) in state.keys.iter().flat_map(|row| &row.faults) {
            *faults.entry(fault).or_default() += count;
        }
        json!({
            "elapsed_us": micros(self.clock.now().duration_since(self.started)),
            "rows": rows,
            "queue": {
                "calls": state.queued.calls,
                "waited": state.queued.waited,
                "wait_sum_us": state.queued.wait_sum_us,
                "service_sum_us": state.queued.service_sum_us,
            },
            "faults": faults,
            "kept": state.calls.len(),
            "not_kept": state.not_kept,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn row_of(&mut self, key: &Key) -> usize {
        if let Some(index) = self.ids.get(key) {
            return *index;
        }
        let key = if self.keys.len() < MOST_KEYS { key.clone() } else { Key::outside("other") };
        if let Some(index) = self.ids.get(&key) {
            return *index;
        }
        self.keys.push(Row {
            key: key.clone(),
            statuses: BTreeMap::new(),
            injected_sum_us: 0,
            injected: None,
            faults: BTreeMap::new(),
        });
        self.ids.insert(key, self.keys.len() - 1);
        self.keys.len() - 1
    }

    fn shown(&self, sequence: usize, call: &Remembered) -> Value {
        let (capability, event, action) =
            self.keys.get(call.key).map_or(("", "", ""), |row| row.key.parts());
        json!({
            "sequence": sequence,
            "call": call.call,
            "received_us": call.received_us,
            "capability": capability,
            "event": event,
            "action": action,
            "status": call.status,
            "asked_us": call.asked_us,
            "injected_us": call.injected_us,
            "queue_wait_us": call.queue_us.map(|(wait, _)| wait),
            "queue_service_us": call.queue_us.map(|(_, service)| service),
            "service_us": call.service_us,
            "fault": call.fault.map(|fault| fault.row().slug),
        })
    }
}

impl Row {
    fn shown(&self) -> Value {
        let statuses: Map<String, Value> = self
            .statuses
            .iter()
            .map(|(status, count)| (status.to_string(), json!(count)))
            .collect();
        let quantiles = self.injected.as_ref().map(|histogram| {
            let at = |quantile| histogram.value_at_quantile(quantile);
            json!({
                "count": histogram.len(),
                "min": histogram.min(), "p50": at(0.5), "p90": at(0.9), "p95": at(0.95),
                "p99": at(0.99), "max": histogram.max(),
            })
        });
        let (capability, event, action) = self.key.parts();
        json!({
            "capability": capability,
            "event": event,
            "action": action,
            "count": self.statuses.values().sum::<u64>(),
            "statuses": statuses,
            "injected_sum_us": self.injected_sum_us,
            "injected_us": quantiles,
            "faults": self.faults,
        })
    }
}

/// 1 µs to 20 min at three digits; nothing is injected for longer than 10 min.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(1_200_000_000, 3)
        .or_else(|_| Histogram::new(3))
        .expect("three significant digits are allowed")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn answered(clock: &Clock, action: &str, ms: u64) -> Answered {
        let delay = Duration::from_millis(ms);
        Answered {
            call: Some(action.into()),
            key: Key::answer("form", "submit", action),
            received: clock.now(),
            status: 200,
            asked: delay,
            injected: delay,
            served: None,
            service: delay + Duration::from_micros(7),
            fault: None,
        }
    }

    #[test]
    fn calls_beyond_the_capacity_are_counted_and_still_in_the_sums() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let record = Record::new(clock.clone(), 2);
        clock.advance(Duration::from_millis(1));
        (1..=3).for_each(|ms| record.note(answered(&clock, "NEXT", ms)));
        let calls = record.calls(1);
        assert_eq!(calls["not_kept"], 1);
        assert_eq!(calls["calls"].as_array().unwrap().len(), 1);
        assert_eq!(calls["calls"][0]["sequence"], 2);
        assert_eq!(calls["calls"][0]["received_us"], 1000);
        assert_eq!(calls["calls"][0]["service_us"], 2007);
        let truth = record.truth();
        assert_eq!(truth["rows"][0]["count"], 3);
        assert_eq!(truth["rows"][0]["injected_sum_us"], 6000);
        assert_eq!(truth["rows"][0]["injected_us"]["count"], 3);
    }

    #[test]
    fn what_the_queue_did_to_a_call_is_beside_it_and_in_the_sums() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let record = Record::new(clock.clone(), 2);
        let ms = Duration::from_millis;
        let served = |began| Served { arrived: ms(5), began: ms(began), ended: ms(30) };
        record.note(Answered { served: Some(served(5)), ..answered(&clock, "NEXT", 25) });
        record.note(Answered { served: Some(served(20)), ..answered(&clock, "NEXT", 25) });
        record.note(answered(&clock, "NEXT", 0));
        let calls = record.calls(0);
        assert_eq!(calls["calls"][1]["queue_wait_us"], 15_000);
        assert_eq!(calls["calls"][1]["queue_service_us"], 10_000);
        let expected =
            json!({ "calls": 2, "waited": 1, "wait_sum_us": 15_000, "service_sum_us": 35_000 });
        assert_eq!(record.truth()["queue"], expected);
    }

    #[test]
    fn faults_are_counted_in_all_and_by_key() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let record = Record::new(clock.clone(), 2);
        for (action, fault) in
            [("NEXT", Some(Kind::Reset)), ("NEXT", None), ("BACK", Some(Kind::Reset))]
        {
            record.note(Answered { fault, status: 0, ..answered(&clock, action, 0) });
        }
        let truth = record.truth();
        assert_eq!(truth["faults"], json!({ "reset": 2 }));
        assert_eq!(truth["rows"][0]["faults"], json!({ "reset": 1 }));
        assert_eq!(truth["rows"][0]["statuses"], json!({ "0": 2 }));
        let calls = record.calls(0);
        assert_eq!(calls["calls"][0]["fault"], "reset");
        assert_eq!(calls["calls"][1]["fault"], Value::Null);
    }

    #[test]
    fn keys_from_outside_cannot_grow_without_limit() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let record = Record::new(clock.clone(), 0);
        (0..1000).for_each(|n| record.note(answered(&clock, &n.to_string(), 0)));
        let truth = record.truth();
        let rows = truth["rows"].as_array().unwrap();
        assert_eq!(rows.len(), MOST_KEYS + 1);
        assert_eq!(rows.last().unwrap()["capability"], "other");
        assert_eq!(rows.last().unwrap()["count"], 500);
    }
}
