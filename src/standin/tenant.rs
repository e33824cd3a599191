//! The state of a stand-in tenant, and what its handlers share.

use super::challenge::Challenge;
use super::directory::Directory;
use super::echo::Echoes;
use super::fault::Faults;
use super::flow::{Flow, Form};
use super::flows::{FLOWS, named};
use super::grant::Grant;
use super::hold::Holds;
use super::interaction::Interaction;
use super::keys::Keys;
use super::mail::Mailer;
use super::page::{Dialect, Page, Site};
use super::par::Pushed;
use super::rate_limit::Meter;
use super::record::Record;
use super::sdk_token::Bound;
use super::session::Session;
use super::settings::{FlowPolicy, Settings};
use super::store::Store;
use crate::base::clock::Clock;
use crate::base::random::text;
use crate::base::secret::Secret;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Age at which an interaction is forgotten: that of its cookies (observed: 3600 s).
const INTERACTION_AGE: Duration = Duration::from_hours(1);

/// Age at which a session is forgotten (documented: 30 days idle).
pub const SESSION_AGE: Duration = Duration::from_hours(720);

/// A stand-in tenant: settings and state, without the server.
pub struct Tenant {
    /// What it was told.
    pub settings: Settings,
    /// The time.
    pub clock: Clock,
    /// Scheme, host and port under which it is reached.
    pub origin: String,
    /// Secret of the worker application.
    pub worker_secret: Secret,
    /// API key of the DaVinci application.
    pub api_key: Secret,
    /// Id of the default population.
    pub population_id: String,
    /// Signing key.
    pub keys: Keys,
    /// Running interactions by id.
    pub interactions: Store<Interaction>,
    /// Authorization codes not yet exchanged.
    pub grants: Store<Grant>,
    /// Sessions by the value of their cookie.
    pub sessions: Store<Session>,
    /// Tokens that were revoked, by id.
    pub revoked: Store<()>,
    /// What refresh tokens stand for.
    pub refreshes: Store<Grant>,
    /// Authorize requests that were pushed beforehand, by their URI.
    pub pushed: Store<Pushed>,
    /// What SDK tokens were made with, by their id.
    pub bound: Store<Bound>,
    /// Challenges that are waited for.
    pub challenges: Store<Challenge>,
    /// What the coverage flow received.
    pub echoes: Echoes,
    /// What was called.
    pub record: Record,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// How many calls are taken.
    pub meter: Meter,
    /// What holds replies back.
    pub(super) holds: Holds,
    /// Mail.
    pub mailer: Mailer,
    directory: Mutex<Directory>,
    /// By which way mails would go at a real tenant; none for its own service.
    mail_settings: Mutex<Option<Value>>,
    /// The pages of each form, by form id: in the SDK dialect, and as a screen.
    pages: HashMap<&'static str, [Page; 2]>,
    drawn: AtomicU64,
}

/// Without the state, which is full of tokens and cookies.
impl std::fmt::Debug for Tenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenant").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Tenant {
    /// A tenant reached at `origin`.
    pub fn new(
        settings: Settings,
        clock: Clock,
        (origin, keys, mailer): (String, Keys, Mailer),
    ) -> Self {
        let draw = |purpose, index| settings.seed.stream(purpose, index);
        let worker_secret = settings.worker.client_secret.clone();
        let worker_secret = worker_secret.unwrap_or_else(|| {
            text(&mut draw("worker", 0), crate::base::random::ALPHANUMERIC, 48).into()
        });
        let population_id = uuid(&mut draw("population", 0));
        let api_key = settings.davinci_application.api_key.clone();
        let api_key = api_key.unwrap_or_else(|| {
            text(&mut draw("api key", 0), crate::base::random::ALPHANUMERIC, 64).into()
        });
        let prefix = format!("{origin}{}", settings.path_prefix());
        let site = Site {
            prefix: &prefix,
            company: &settings.environment_id,
            secondary: settings.secondary_buttons,
            polling: settings.polling,
        };
        let both = |flow, form: &Form| {
            [Dialect::Sdk, Dialect::Screen].map(|dialect| Page::write(flow, form, site, dialect))
        };
        let forms = FLOWS.iter().flat_map(|flow| flow.forms.iter().map(move |form| (flow, form)));
        let pages = forms.map(|(flow, form)| (form.id, both(flow, form))).collect();
        let room = settings.room;
        Self {
            origin,
            worker_secret,
            api_key,
            keys,
            interactions: Store::new(room.interactions, INTERACTION_AGE),
            grants: Store::new(room.codes, settings.validity.authorization),
            sessions: Store::new(room.sessions, SESSION_AGE),
            revoked: Store::new(room.sessions, settings.validity.token),
            refreshes: Store::new(room.sessions, SESSION_AGE),
            pushed: Store::new(room.codes, super::par::AGE),
            bound: Store::new(room.codes, settings.validity.sdk_token),
            challenges: Store::new(room.interactions, INTERACTION_AGE),
            echoes: Echoes::default(),
            record: Record::new(clock.clone(), room.calls),
            faults: Faults::new(&settings.faults, settings.seed),
            meter: Meter::new(settings.rate_limits.clone()),
            holds: Holds::new(&settings, clock.now()),
            mailer,
            mail_settings: Mutex::default(),
            directory: Mutex::new(Directory::new(&population_id, room.users)),
            population_id,
            pages,
            drawn: AtomicU64::new(0),
            clock,
            settings,
        }
    }

    /// Whether clients reach it by TLS.
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }

    /// The absolute prefix of the authorization and flow endpoints.
    pub fn prefix(&self) -> String {
        format!("{}{}", self.origin, self.settings.path_prefix())
    }

    /// The issuer of tokens.
    pub fn issuer(&self) -> String {
        format!("{}/as", self.prefix())
    }

    /// The users, locked for the caller; never held across a wait.
    pub fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// By which way mails would go at a real tenant; none for its own service.
    pub fn mail_settings(&self) -> MutexGuard<'_, Option<Value>> {
        self.mail_settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream of randomness that was not handed out before.
    pub fn draw(&self, purpose: &str) -> ChaCha8Rng {
        self.settings.seed.stream(purpose, self.next_draw())
    }

    /// The number of the next draw.
    pub fn next_draw(&self) -> u64 {
        self.drawn.fetch_add(1, Ordering::Relaxed)
    }

    /// A policy and one of its flows, drawn by their weights: the first of the wanted ids that is
    /// known, or the first policy if none is wanted.
    pub fn policy(&self, wanted: &str) -> Option<(&FlowPolicy, &'static Flow)> {
        let policy = self.assigned(wanted)?;
        Some((policy, named(self.version_of(policy)?)?))
    }

    /// The first of the wanted ids that is known, or the first policy if none is wanted.
    pub fn assigned(&self, wanted: &str) -> Option<&FlowPolicy> {
        let policies = &self.settings.policies;
        if wanted.trim().is_empty() {
            return policies.first();
        }
        wanted.split_whitespace().find_map(|id| policies.iter().find(|p| p.id == id))
    }

    /// A flow version of a policy, drawn by the weights.
    fn version_of<'p>(&self, policy: &'p FlowPolicy) -> Option<&'p str> {
        if let [only] = policy.distribution.as_slice() {
            return Some(&only.flow);
        }
        let weights = policy.distribution.iter().map(|version| u64::from(version.weight));
        let sum = weights.sum::<u64>().max(1);
        let mut drawn = self.draw("version").random_range(0..sum);
        let version = policy.distribution.iter().find(|version| {
            let weight = u64::from(version.weight);
            let is_it = drawn < weight;
            drawn = drawn.saturating_sub(weight);
            is_it
        });
        Some(&version?.flow)
    }

    /// The page of a form.
    pub fn page(&self, form: &Form, dialect: Dialect) -> Option<&Page> {
        let [trimmed, screen] = self.pages.get(form.id)?;
        Some(if dialect == Dialect::Sdk { trimmed } else { screen })
    }

    /// The wall time in seconds, as tokens carry it.
    pub fn epoch_s(&self) -> u64 {
        self.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}

/// A random UUID (version 4).
pub fn uuid(random: &mut impl Rng) -> String {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hexadecimal(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Seed;

    #[test]
    fn uuids_have_their_shape() {
        let drawn = uuid(&mut Seed(1).stream("test", 0));
        let lengths: Vec<usize> = drawn.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(drawn.as_bytes()[14], b'4');
        assert!(matches!(drawn.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
