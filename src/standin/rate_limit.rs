//! Rate limits: a token bucket for each group of endpoints, and one for each client in it.

use super::fault::Kind;
use crate::base::document::Section;
use crate::base::units::{Rate, Share};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a call counts as. Every endpoint belongs to one group (documented); which, is assumed where
/// the documentation does not say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Group {
    /// Starting a flow, by authorize request or by policy.
    DavinciStart,
    /// Answering a form.
    DavinciExecution,
    /// Polls and challenge status.
    DavinciCallback,
    /// Tokens, sign-off, pushed requests.
    Sso,
    /// Introspection and userinfo.
    TokenCheck,
    /// Reading users.
    DirectoryRead,
    /// Making, changing and deleting users.
    DirectoryWrite,
    /// Everything else of the management API.
    Configuration,
}

/// Groups and their keys in settings and truth.
pub const GROUPS: &[(Group, &str)] = &[
    (Group::DavinciStart, "davinci_start"),
    (Group::DavinciExecution, "davinci_execution"),
    (Group::DavinciCallback, "davinci_callback"),
    (Group::Sso, "sso"),
    (Group::TokenCheck, "token_check"),
    (Group::DirectoryRead, "directory_read"),
    (Group::DirectoryWrite, "directory_write"),
    (Group::Configuration, "configuration"),
];

/// Addresses whose buckets are kept apart; further ones share the group's limit only.
const MOST_ADDRESSES: usize = 10_000;

/// Calls a second by group. Off by default: the real numbers are in no public document.
#[derive(Clone, Debug, PartialEq)]
pub struct RateLimits {
    /// The limit of each group, in the order of [`GROUPS`].
    pub rates: [Option<Rate>; GROUPS.len()],
    /// What one address may use of a limit (documented: 35 %).
    pub per_address_share: Share,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self { rates: [None; GROUPS.len()], per_address_share: Share(0.35) }
    }
}

impl RateLimits {
    /// Takes `[rate_limits]`: a rate for each group that is limited, and `per_address_share`.
    pub fn read(outer: &mut Section<'_>) -> Self {
        let mut section = outer.section("rate_limits");
        let mut limits = Self::default();
        for (rate, (_, key)) in limits.rates.iter_mut().zip(GROUPS) {
            *rate = section.parsed::<Rate>(key).map(|rate| rate.value);
        }
        if let Some(share) = section.parsed::<Share>("per_address_share") {
            limits.per_address_share = share.value;
        }
        section.finish();
        limits
    }
}

/// The limits at work.
#[derive(Debug)]
pub struct Meter {
    settings: RateLimits,
    state: Mutex<[State; GROUPS.len()]>,
}

#[derive(Debug, Default)]
struct State {
    all: Option<Bucket>,
    by_address: HashMap<IpAddr, Bucket>,
    refused: u64,
}

/// Calls that may come at once; it fills up at its rate, to those of one second and at least one.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    level: f64,
    at: Instant,
}

impl Bucket {
    const fn room(rate: f64) -> f64 {
        rate.max(1.0)
    }

    const fn full(rate: f64, now: Instant) -> Self {
        Self { level: Self::room(rate), at: now }
    }

    fn fill(&mut self, rate: f64, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + passed * rate).min(Self::room(rate));
        self.at = now;
    }

    /// How long until there is a call to take; none if there is one now.
    fn wait(&self, rate: f64) -> Option<Duration> {
        (self.level < 1.0).then(|| {
            Duration::try_from_secs_f64((1.0 - self.level) / rate).unwrap_or(super::fault::LONGEST)
        })
    }
}

impl Meter {
    /// Limits with every bucket full.
    pub fn new(settings: RateLimits) -> Self {
        Self { settings, state: Mutex::default() }
    }

    /// Whether there is any limit.
    pub fn is_on(&self) -> bool {
        self.settings.rates.iter().any(Option::is_some)
    }

    /// Takes a call of a group by an address, or says how long to wait. A call that is refused uses
    /// nothing up.
    pub fn take(&self, group: Group, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let Some(Some(rate)) = self.settings.rates.get(group as usize) else { return Ok(()) };
        let (rate, own_rate) =
            (rate.per_second, rate.per_second * self.settings.per_address_share.0);
        let mut state = self.lock();
        let Some(State { all, by_address, refused }) = state.get_mut(group as usize) else {
            return Ok(());
        };
        let all = all.get_or_insert_with(|| Bucket::full(rate, now));
        all.fill(rate, now);
        let knows = by_address.len() < MOST_ADDRESSES || by_address.contains_key(&address);
        let mut own =
            knows.then(|| by_address.entry(address).or_insert_with(|| Bucket::full(own_rate, now)));
        if let Some(own) = &mut own {
            own.fill(own_rate, now);
        }
        let waits = [all.wait(rate), own.as_ref().and_then(|own| own.wait(own_rate))];
        if let Some(wait) = waits.into_iter().flatten().max() {
            *refused += 1;
            return Err(wait);
        }
        all.level -= 1.0;
        if let Some(own) = own {
            own.level -= 1.0;
        }
        Ok(())
    }

    /// Refused calls by group, those without any left out.
    pub fn truth(&self) -> serde_json::Value {
        let state = self.lock();
        let refused = GROUPS.iter().zip(state.iter()).filter(|(_, state)| state.refused > 0);
        refused
            .map(|((_, key), state)| ((*key).to_owned(), serde_json::Value::from(state.refused)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, [State; GROUPS.len()]> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a refused call is recorded: as the fault that it is for its client.
pub const REFUSED: Kind = Kind::RateLimited;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;
    use std::net::Ipv4Addr;
    use std::time::SystemTime;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn meter(per_second: f64, share: f64) -> Meter {
        let mut settings = RateLimits { per_address_share: Share(share), ..Default::default() };
        settings.rates[Group::Sso as usize] = Some(Rate { per_second });
        Meter::new(settings)
    }

    #[test]
    fn the_groups_are_in_the_order_of_their_keys() {
        for (position, (group, _)) in GROUPS.iter().enumerate() {
            assert_eq!(*group as usize, position);
        }
    }

    #[test]
    fn a_second_of_calls_may_come_at_once_and_then_as_many_as_the_rate() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let meter = meter(10.0, 1.0);
        let taken =
            |n: usize| (0..n).filter(|_| meter.take(Group::Sso, HERE, clock.now()).is_ok()).count();
        assert_eq!(taken(25), 10);
        let wait = meter.take(Group::Sso, HERE, clock.now()).unwrap_err();
        assert!(wait > Duration::from_millis(99) && wait <= Duration::from_millis(101), "{wait:?}");
        clock.advance(Duration::from_millis(501));
        assert_eq!(taken(25), 5);
        clock.advance(Duration::from_secs(100));
        assert_eq!(taken(25), 10);
        assert_eq!(meter.truth(), serde_json::json!({ "sso": 15 + 1 + 20 + 15 }));
        assert!(meter.take(Group::DavinciStart, HERE, clock.now()).is_ok(), "not limited");
    }

    #[test]
    fn one_address_uses_its_share_and_leaves_the_rest_to_others() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let meter = meter(100.0, 0.35);
        let taken = |address: [u8; 4]| {
            let take = |_: &usize| meter.take(Group::Sso, address.into(), clock.now()).is_ok();
            (0..200).filter(take).count()
        };
        assert_eq!([taken([127, 0, 0, 1]), taken([127, 0, 0, 2])], [35, 35]);
        assert_eq!(taken([127, 0, 0, 3]), 30, "the group's limit");
    }

    #[test]
    fn a_limit_of_nothing_refuses_after_the_first_call_and_names_a_wait() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let meter = meter(0.0, 1.0);
        assert!(meter.take(Group::Sso, HERE, clock.now()).is_ok());
        assert!(
            meter.take(Group::Sso, HERE, clock.now()).unwrap_err() <= super::super::fault::LONGEST
        );
    }
}
