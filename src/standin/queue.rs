//! The capacity of the tenant: so many servers, and one queue in front of them.
//!
//! A model in virtual time: arrivals in, beginnings and ends out. What is served live and what is held
//! against the formulas of queueing theory is the same code.

use super::fault::Kind;
use super::latency::{Delay, matches};
use super::reply::Key;
use crate::base::document::Section;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

/// How a call is recorded that found the queue full: as the fault that it is for its client.
pub const TURNED_AWAY: Kind = Kind::Http503Html;

/// Servers at most: more is no limit that a tenant on one machine could ever show.
const MOST_SERVERS: u64 = 100_000;

/// How many calls the tenant works on at once, and for how long at each.
#[derive(Clone, Debug, PartialEq)]
pub struct Capacity {
    /// Calls worked on at the same time; at least 1.
    pub servers: u32,
    /// How long a server works at a call.
    pub service: Delay,
    /// Calls that may wait for a server; who comes when so many do is turned away. None means any number.
    pub waiting: Option<u64>,
    /// The capability of the calls that need a server; none means any.
    pub capability: Option<String>,
    /// Their event, likewise.
    pub event: Option<String>,
    /// Their action, likewise.
    pub action: Option<String>,
}

impl Capacity {
    /// Takes `[capacity]` with `servers`, `service` and the selectors that delays have, too.
    pub fn read(outer: &mut Section<'_>) -> Option<Self> {
        let mut section = outer.section("capacity");
        if !section.is_present() {
            return None;
        }
        let mut selector = |key| section.text(key).map(|text| text.value);
        let (capability, event, action) =
            (selector("capability"), selector("event"), selector("action"));
        let servers = servers(&mut section);
        let service = section.parsed::<Delay>("service");
        if section.item("service").is_none() {
            section.missing("service", "write `service = \"exponential 20ms\"`");
        }
        let waiting = section.count("waiting");
        section.finish();
        let (servers, service) = (servers?, service?.value);
        Some(Self { servers, service, waiting, capability, event, action })
    }

    /// Whether a call needs one of the servers.
    pub fn counts_for(&self, key: &Key) -> bool {
        matches([&self.capability, &self.event, &self.action, &None], key.traits(""))
    }
}

fn servers(section: &mut Section<'_>) -> Option<u32> {
    let Some(item) = section.item("servers") else {
        section.missing("servers", "write `servers = 4`");
        return None;
    };
    let number = section.count("servers")?;
    if (1..=MOST_SERVERS).contains(&number) {
        return u32::try_from(number).ok();
    }
    let what = format!("`{}` is {number}", section.name("servers"));
    let remedy = format!("give it 1 to {MOST_SERVERS} servers, or leave `[capacity]` out");
    section.problems().note(Some(&item.place), what, Some(remedy));
    None
}

/// Servers that are all alike, and one queue for them: who came first is served first.
#[derive(Debug)]
pub struct Queue {
    /// When each server is free, the earliest on top.
    free: BinaryHeap<Reverse<Duration>>,
    /// When a server turns to each of those that may still wait. Never falls: first come, first served.
    beginnings: VecDeque<Duration>,
}

/// What became of a customer. All times count from the beginning of the queue's time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Served {
    /// When it came.
    pub arrived: Duration,
    /// When a server turned to it.
    pub began: Duration,
    /// When it was done.
    pub ended: Duration,
}

impl Served {
    /// How long it stood in the queue.
    pub fn wait(&self) -> Duration {
        self.began.saturating_sub(self.arrived)
    }

    /// How long a server worked at it.
    pub fn service(&self) -> Duration {
        self.ended.saturating_sub(self.began)
    }
}

impl Queue {
    /// Servers with nothing to do; no servers are taken for one.
    pub fn new(servers: u32) -> Self {
        let free = (0..servers.max(1)).map(|_| Reverse(Duration::ZERO)).collect();
        Self { free, beginnings: VecDeque::new() }
    }

    /// How many wait for a server at a moment that lies not before those asked for earlier.
    pub fn waiting(&mut self, now: Duration) -> usize {
        while self.beginnings.front().is_some_and(|began| *began <= now) {
            self.beginnings.pop_front();
        }
        self.beginnings.len()
    }

    /// Whether no server is free at a moment.
    pub fn is_busy(&self, now: Duration) -> bool {
        self.free.peek().is_some_and(|first| first.0 > now)
    }

    /// Takes a customer. Customers are served in the order of these calls; one whose arrival lies
    /// before that of the one before it (two threads, one queue) still stands behind it.
    pub fn arrive(&mut self, arrived: Duration, service: Duration) -> Served {
        let Some(mut server) = self.free.peek_mut() else {
            return Served { arrived, began: arrived, ended: arrived + service };
        };
        let began = arrived.max(server.0);
        let ended = began.saturating_add(service);
        *server = Reverse(ended);
        drop(server);
        self.waiting(arrived);
        self.beginnings.push_back(began);
        Served { arrived, began, ended }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};
    use proptest::prelude::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn customers_wait_for_the_server_that_is_free_first() {
        let mut queue = Queue::new(2);
        let arrivals = [(0, 100), (10, 20), (15, 50), (16, 5), (200, 1)];
        let served: Vec<_> = arrivals
            .into_iter()
            .map(|(at, service)| queue.arrive(MS(at), MS(service)))
            .map(|served| (served.began.as_millis(), served.ended.as_millis()))
            .collect();
        assert_eq!(served, [(0, 100), (10, 30), (30, 80), (80, 85), (200, 201)]);
    }

    #[test]
    fn who_waits_is_known_at_every_moment() {
        let mut queue = Queue::new(1);
        for at in [0, 10, 20, 30] {
            queue.arrive(MS(at), MS(100));
        }
        let waiting = [30, 99, 100, 199, 200, 300].map(|at| queue.waiting(MS(at)));
        assert_eq!(waiting, [3, 3, 2, 2, 1, 0]);
    }

    proptest! {
        /// The law of conservation: no server is idle while somebody waits, none does two things at once.
        #[test]
        fn never_more_are_served_at_once_than_there_are_servers_nor_fewer_while_one_waits(
            customers in prop::collection::vec((0u64..50, 0u64..100), 1..60),
            servers in 1u32..5,
        ) {
            let (mut queue, mut now) = (Queue::new(servers), 0);
            let served: Vec<Served> = customers
                .into_iter()
                .map(|(gap, service)| {
                    now += gap;
                    queue.arrive(MS(now), MS(service))
                })
                .collect();
            prop_assert!(served.iter().map(|customer| customer.began).is_sorted());
            for customer in &served {
                let busy_at = |moment| {
                    served.iter().filter(|other| other.began <= moment && moment < other.ended).count()
                };
                prop_assert!(busy_at(customer.began) <= servers as usize);
                if !customer.wait().is_zero() {
                    let before = customer.began.checked_sub(Duration::from_nanos(1));
                    prop_assert_eq!(busy_at(before.unwrap()), servers as usize);
                }
            }
        }
    }

    fn read(text: &str) -> (Option<Capacity>, String) {
        let table = Table::parse("s", text).unwrap();
        let problems = Problems::default();
        let mut section = Section::document(&table, &problems);
        let capacity = Capacity::read(&mut section);
        section.finish();
        let lines = problems.into_sorted().into_iter().map(|problem| {
            let place = problem.place.map_or_else(String::new, |place| format!("{place}: "));
            format!("{place}{} ({})\n", problem.what, problem.remedy.unwrap_or_default())
        });
        (capacity, lines.collect())
    }

    #[test]
    fn what_is_wrong_with_a_capacity_is_said_in_its_place() {
        assert_eq!(read(""), (None, String::new()));
        let problems: String = [
            "[capacity]",
            "[capacity]\nservers = 0\nservice = \"exponential 20ms\"",
            "[capacity]\nservers = 2\nservice = \"20ms\"",
            "[capacity]\nservers = 2\nservice = \"constant 20ms\"\ncalls = 3",
        ]
        .iter()
        .map(|text| read(text).1)
        .collect();
        insta::assert_snapshot!(problems, @r#"
        s:1:1: `capacity.servers` is missing (write `servers = 4`)
        s:1:1: `capacity.service` is missing (write `service = "exponential 20ms"`)
        s:2:11: `capacity.servers` is 0 (give it 1 to 100000 servers, or leave `[capacity]` out)
        s:3:11: `capacity.service`: `20ms` is not a delay (write `constant 50ms`, `exponential 20ms` with the mean, or `lognormal 25ms 0.5` with the median and a sigma from 0 to 5)
        s:4:1: unknown key `capacity.calls` (known here: `action`, `capability`, `event`, `servers`, `service`, `waiting`)
        "#);
    }

    #[test]
    fn a_capacity_may_be_that_of_some_calls_only() {
        let (capacity, _) =
            read("[capacity]\nservers = 2\nservice = \"constant 20ms\"\ncapability = \"token\"\n");
        let capacity = capacity.unwrap();
        assert!(capacity.counts_for(&Key::outside("token")));
        assert!(!capacity.counts_for(&Key::outside("authorize")));
    }
}
