//! When a reply may go: after a server worked at its call, after the delay drawn for it, and not
//! during a stall.

use super::latency::{LONGEST, delay_for};
use super::place::{Area, Place};
use super::queue::{Capacity, Queue, Served};
use super::reply::Key;
use super::settings::Settings;
use super::stall::released;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// What holds the replies of one tenant back.
#[derive(Debug)]
pub(super) struct Holds {
    started: Instant,
    /// When the first call of a flow was received.
    first: OnceLock<Instant>,
    line: Mutex<Line>,
}

/// The queue and the number of customers that it had.
#[derive(Debug)]
struct Line {
    queue: Queue,
    taken: u64,
}

/// How a reply is held back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// When it goes.
    pub(super) until: Instant,
    /// Its time in the queue and with a server, where it needed one.
    pub(super) served: Option<Served>,
}

impl Holds {
    pub(super) fn new(settings: &Settings, now: Instant) -> Self {
        let servers = settings.capacity.as_ref().map_or(1, |capacity| capacity.servers);
        let line = Mutex::new(Line { queue: Queue::new(servers), taken: 0 });
        Self { started: now, first: OnceLock::new(), line }
    }

    /// Notes a call that was received. The first one of a flow is what stalls count from.
    pub(super) fn received(&self, place: Option<Place>, at: Instant) {
        if place.is_some_and(Place::is_in_flow) {
            self.first.get_or_init(|| at);
        }
    }

    /// When the reply to a call of `key` and a policy goes that was received at `received` and is
    /// ready `now`.
    /// Draw number `draw` of the settings' seed is its delay. The end of its service is computed from
    /// its arrival, so that a late timer delays one reply and never the queue.
    pub(super) fn hold(
        &self,
        settings: &Settings,
        (place, key, policy): (Option<Place>, &Key, &str),
        (received, now): (Instant, Instant),
        draw: impl FnOnce() -> u64,
    ) -> Held {
        let protocol = place.is_some_and(is_of_protocol);
        let capacity = settings.capacity.as_ref().filter(|_| protocol);
        let served = capacity
            .filter(|capacity| capacity.counts_for(key))
            .map(|capacity| self.serve(settings, capacity, received));
        let mut until = served.map_or(now, |served| now.max(self.started + served.ended));
        if !settings.delays.is_empty() {
            let draw = (settings.seed, draw());
            let after = self
                .first
                .get()
                .map_or(Duration::ZERO, |first| received.saturating_duration_since(*first));
            let rule = delay_for(&settings.delays, key.traits(policy), draw);
            until += rule.map_or(Duration::ZERO, |rule| rule.draw(draw.0, draw.1, after));
        }
        if let Some(first) = self.first.get().filter(|_| protocol) {
            let ready = until.saturating_duration_since(*first);
            until += released(&settings.stalls, ready).saturating_sub(ready);
        }
        Held { until: until.min(now + LONGEST), served }
    }

    /// Whether a call would have to wait behind as many as may wait: it is to be turned away.
    pub(super) fn is_full(
        &self,
        settings: &Settings,
        (place, key): (Place, &Key),
        received: Instant,
    ) -> bool {
        let capacity = settings.capacity.as_ref();
        let capacity = capacity.filter(|of| is_of_protocol(place) && of.counts_for(key));
        let Some(most) = capacity.and_then(|of| of.waiting) else { return false };
        let arrived = received.saturating_duration_since(self.started);
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.queue.waiting(arrived) as u64 >= most && line.queue.is_busy(arrived)
    }

    fn serve(&self, settings: &Settings, capacity: &Capacity, received: Instant) -> Served {
        let arrived = received.saturating_duration_since(self.started);
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.taken += 1;
        let service = capacity.service.sample(&mut settings.seed.stream("service", line.taken));
        line.queue.arrive(arrived, service)
    }
}

/// Management of the tenant needs no server.
const fn is_of_protocol(place: Place) -> bool {
    matches!(place.area, Area::Auth | Area::Company)
}

#[cfg(test)]
mod tests {
    use super::super::latency::{Delay, DelayRule};
    use super::super::stall::Stall;
    use super::*;
    use crate::base::clock::Clock;
    use std::time::SystemTime;

    const MS: fn(u64) -> Duration = Duration::from_millis;
    const AUTHORIZE: Place = Place { area: Area::Auth, path: "/as/authorize" };

    /// Milliseconds after the start at which the replies go to calls of a place received then.
    fn gone(settings: &Settings, calls: &[(Place, u64)]) -> Vec<u128> {
        let start = Clock::by_hand(SystemTime::UNIX_EPOCH).now();
        let holds = Holds::new(settings, start);
        let go = |(place, at): &(Place, u64)| {
            let at = start + MS(*at);
            holds.received(Some(*place), at);
            let key = Key::outside("authorize");
            let held = holds.hold(settings, (Some(*place), &key, ""), (at, at), || 1);
            held.until.duration_since(start).as_millis()
        };
        calls.iter().map(go).collect()
    }

    #[test]
    fn a_reply_waits_for_a_server_then_for_its_delay_then_for_the_end_of_a_stall() {
        let capacity = Capacity {
            servers: 1,
            service: Delay::Constant(MS(100)),
            waiting: None,
            capability: None,
            event: None,
            action: None,
        };
        let users = Place { area: Area::Management, path: "/users" };
        let calls = [(users, 0), (AUTHORIZE, 10), (AUTHORIZE, 10), (AUTHORIZE, 50), (users, 60)];
        let with = |stalls: &[Stall], delays: &[DelayRule]| Settings {
            capacity: Some(capacity.clone()),
            stalls: stalls.to_vec(),
            delays: delays.to_vec(),
            ..Settings::default()
        };
        assert_eq!(gone(&with(&[], &[]), &calls), [0, 110, 210, 310, 60]);
        let delays = [DelayRule::everywhere(Delay::Constant(MS(5)))];
        assert_eq!(gone(&with(&[], &delays), &calls), [5, 115, 215, 315, 65]);
        // 200 ms after the first call of a flow, which came at 10.
        let stall = [Stall { at: MS(200), lasts: MS(1000) }];
        assert_eq!(gone(&with(&stall, &[]), &calls), [0, 110, 1210, 1210, 60]);
    }

    #[test]
    fn no_reply_is_held_for_longer_than_ten_minutes() {
        let stalls = vec![Stall { at: MS(0), lasts: Duration::from_hours(5) }];
        let settings = Settings { stalls, ..Settings::default() };
        assert_eq!(gone(&settings, &[(AUTHORIZE, 0)]), [LONGEST.as_millis()]);
    }
}
