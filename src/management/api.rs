//! The management client: one method for each thing it can do, all paced, authorised and retried
//! in one place.

use super::backoff::{Backoff, asked_pause, is_passing};
use super::call::{Call, NewUser, WORKER_TOKEN, equals, token_request};
use super::error::{ManagementError, PlatformCodes};
use super::pace::Pace;
use super::reply::{self, Page, Population, User};
use super::settings::Settings;
use crate::base::clock::Clock;
use crate::base::random::Seed;
use crate::base::secret::Secret;
use crate::transport::{ApiClient, TransportFault};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use rand::Rng;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A client of one environment's management API, to be shared by all who need it.
#[derive(Debug)]
pub struct Api {
    client: ApiClient,
    settings: Settings,
    backoff: Backoff,
    pace: Pace,
    clock: Clock,
    seed: Seed,
    draws: AtomicU64,
    token: Mutex<Option<HeldToken>>,
    tokens: AtomicU64,
}

/// Whether something was there to be removed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Removal {
    /// It was, and is gone.
    Removed,
    /// It was not.
    Absent,
}

#[derive(Debug)]
struct HeldToken {
    value: Secret,
    renew_at: Instant,
}

/// What became of a call that was sent as often as it may be.
struct Answer {
    reply: Response<Bytes>,
    /// Whether an earlier attempt may have been carried out although its answer was lost.
    may_be_repeated: bool,
}

/// Pages of one listing. With 200 users on each, far more than any run makes.
const MOST_PAGES: usize = 10_000;

/// A token is renewed when this much of its lifetime is over.
const RENEW_AFTER: f64 = 0.8;

impl Api {
    /// A client that has not called yet.
    pub fn new(client: ApiClient, settings: Settings, clock: Clock, seed: Seed) -> Self {
        Self {
            client,
            backoff: Backoff::default(),
            pace: Pace::new(settings.worker.rate, clock.clone()),
            settings,
            clock,
            seed,
            draws: AtomicU64::new(0),
            token: Mutex::new(None),
            tokens: AtomicU64::new(0),
        }
    }

    /// The same client with another patience.
    #[must_use]
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// The environment whose users are managed.
    pub fn environment_id(&self) -> &str {
        &self.settings.environment_id
    }

    /// The most calls in a second.
    pub const fn rate_per_s(&self) -> f64 {
        self.settings.worker.rate.per_second
    }

    /// How many tokens it has had so far.
    pub fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::Relaxed)
    }

    /// Gets a token, to find out early whether the worker may have one.
    pub async fn authorize(&self) -> Result<(), ManagementError> {
        self.token().await.map(drop)
    }

    /// The population of a name, made if there is none.
    pub async fn population(&self, name: &str) -> Result<Population, ManagementError> {
        if let Some(population) = self.population_named(name).await? {
            return Ok(population);
        }
        let call = Call::create_population(&self.settings, name)?;
        match self.perform(&call).await {
            Ok(answer) => reply::population(call.name, answer.reply.body()),
            // Another machine with a share of the same plan has just made it.
            Err(error) if error.is_taken("name") => self.population_named(name).await?.ok_or(error),
            Err(error) => Err(error),
        }
    }

    async fn population_named(&self, name: &str) -> Result<Option<Population>, ManagementError> {
        let call = Call::populations(&self.settings, Some(name))?;
        let found = self.listing(call, reply::populations).await?;
        Ok(found.into_iter().find(|population| population.name == name))
    }

    /// Every population of the environment.
    pub async fn populations(&self) -> Result<Vec<Population>, ManagementError> {
        self.listing(Call::populations(&self.settings, None)?, reply::populations).await
    }

    /// Makes a user with a password. If an attempt whose answer was lost made it already, that
    /// user is returned.
    pub async fn import_user(&self, user: &NewUser) -> Result<User, ManagementError> {
        let call = Call::import_user(&self.settings, user)?;
        let answer = self.send(&call).await?;
        let may_be_repeated = answer.may_be_repeated;
        match accepted(&call, answer) {
            Ok(answer) => reply::user(call.name, answer.reply.body()),
            Err(error) if may_be_repeated && error.is_name_taken() => {
                self.user_named(&user.username).await?.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// The user of a name.
    pub async fn user_named(&self, username: &str) -> Result<Option<User>, ManagementError> {
        let found = self.find_users(&equals("username", username)).await?;
        // The platform compares without regard to case.
        let same = |user: &User| user.username.eq_ignore_ascii_case(username);
        Ok(found.into_iter().find(same))
    }

    /// The user of an id; none if there is none.
    pub async fn user_of(&self, id: &str) -> Result<Option<User>, ManagementError> {
        let call = Call::read_user(&self.settings, id)?;
        match self.perform(&call).await {
            Ok(answer) => reply::user(call.name, answer.reply.body()).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All users that a SCIM filter lets through, page after page.
    pub async fn find_users(&self, filter: &str) -> Result<Vec<User>, ManagementError> {
        self.listing(Call::find_users(&self.settings, filter)?, reply::users).await
    }

    /// Sets a password as an administrator.
    pub async fn set_password(
        &self,
        user: &str,
        password: &Secret,
        must_change: bool,
    ) -> Result<(), ManagementError> {
        let call = Call::set_password(&self.settings, user, password, must_change)?;
        self.perform(&call.fresh()).await.map(drop)
    }

    /// Has a user change the password at the next sign-on.
    pub async fn force_change(&self, user: &str) -> Result<(), ManagementError> {
        self.perform(&Call::force_change(&self.settings, user)?.fresh()).await.map(drop)
    }

    /// Ends the lock of an account.
    pub async fn unlock(&self, user: &str) -> Result<(), ManagementError> {
        self.perform(&Call::unlock(&self.settings, user)?.fresh()).await.map(drop)
    }

    /// Locks an account.
    pub async fn lock(&self, user: &str) -> Result<(), ManagementError> {
        self.perform(&Call::lock(&self.settings, user)?.fresh()).await.map(drop)
    }

    /// Removes a user; one that is not there is no error. One that is not there after an attempt whose answer was
    /// lost was removed by that attempt.
    pub async fn delete_user(&self, user: &str) -> Result<Removal, ManagementError> {
        let call = Call::delete_user(&self.settings, user)?;
        let answer = self.send(&call).await?;
        let may_be_repeated = answer.may_be_repeated;
        match accepted(&call, answer) {
            Ok(_) => Ok(Removal::Removed),
            Err(error) if error.is_not_found() => {
                Ok(if may_be_repeated { Removal::Removed } else { Removal::Absent })
            }
            Err(error) => Err(error),
        }
    }

    /// Where it calls.
    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends a call until it is answered well, and returns the body of the answer.
    pub(super) async fn reply(&self, call: &Call) -> Result<Bytes, ManagementError> {
        Ok(self.perform(call).await?.reply.into_body())
    }

    /// Follows a listing to its end. One that leads round, or on and on to what it had before, has none.
    pub(super) async fn listing<T>(
        &self,
        first: Call,
        read: fn(&'static str, &[u8]) -> Result<Page<T>, ManagementError>,
    ) -> Result<Vec<T>, ManagementError> {
        let mut items = Vec::new();
        let mut call = first;
        let (mut seen, mut ids) = (HashSet::new(), HashSet::new());
        for page_index in 0..MOST_PAGES {
            let page = read(call.name, self.perform(&call).await?.reply.body())?;
            items.extend(page.items);
            let Some(next) = page.next else { return Ok(items) };
            let known = ids.len();
            ids.extend(page.ids);
            let is_new = page_index == 0 || ids.len() > known;
            if !seen.insert(next.clone()) || !is_new {
                break;
            }
            call = call.next_page(&self.settings, &next)?;
        }
        Err(ManagementError::Endless { call: call.name, pages: seen.len() })
    }

    /// Sends a call until it is answered well.
    async fn perform(&self, call: &Call) -> Result<Answer, ManagementError> {
        accepted(call, self.send(call).await?)
    }

    /// Sends a call until it is answered for good. A token that was refused is renewed once, an
    /// object that was just made may take some attempts to be found.
    async fn send(&self, call: &Call) -> Result<Answer, ManagementError> {
        let mut renewed = false;
        let mut may_be_repeated = false;
        loop {
            let token = self.token().await?;
            let mut answer = self.insist(call.name, call.is_fresh, || call.request(&token)).await?;
            may_be_repeated |= answer.may_be_repeated;
            answer.may_be_repeated = may_be_repeated;
            if answer.reply.status() != StatusCode::UNAUTHORIZED || renewed {
                return Ok(answer);
            }
            renewed = true;
            self.forget(&token).await;
        }
    }

    /// Sends a request, again and again while its answers are of the passing kind.
    async fn insist(
        &self,
        name: &'static str,
        is_fresh: bool,
        request: impl Fn() -> Result<Request<Bytes>, ManagementError>,
    ) -> Result<Answer, ManagementError> {
        let mut attempt = 0;
        let mut may_be_repeated = false;
        loop {
            attempt += 1;
            self.pace.turn().await;
            let answered = self.client.call(request()?).await;
            let asked = match &answered {
                Ok(reply) if may_improve(reply.status(), is_fresh) => {
                    Some(asked_pause(reply.headers(), self.clock.wall()))
                }
                Ok(_) => None,
                Err(fault) => is_passing_fault(fault).then_some(None),
            };
            let pause = match asked {
                Some(asked) => self.pause(name, attempt, asked)?,
                None => None,
            };
            let Some(pause) = pause else {
                let reply = answered
                    .map_err(|source| ManagementError::Unanswered { call: name, source })?;
                return Ok(Answer { reply, may_be_repeated });
            };
            may_be_repeated |= match &answered {
                Ok(reply) => reply.status() != StatusCode::TOO_MANY_REQUESTS,
                Err(fault) => fault.may_have_arrived(),
            };
            if answered.is_ok_and(|reply| reply.status() == StatusCode::TOO_MANY_REQUESTS) {
                // The limit is that of all callers.
                self.pace.hold(pause);
            } else {
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// The pause before another attempt; none when there is to be none.
    fn pause(
        &self,
        call: &'static str,
        attempt: u32,
        asked: Option<Duration>,
    ) -> Result<Option<Duration>, ManagementError> {
        if let Some(pause) = asked.filter(|asked| *asked > self.backoff.longest_asked) {
            return Err(ManagementError::Limited { call, pause });
        }
        let index = self.draws.fetch_add(1, Ordering::Relaxed);
        let draw = self.seed.stream("management back-off", index).next_u32();
        Ok(self.backoff.pause(attempt, f64::from(draw) / f64::from(u32::MAX), asked))
    }

    /// The worker's token, a new one when the last is nearly over. Callers wait for each other, so
    /// that only one of them gets a new one.
    async fn token(&self) -> Result<Secret, ManagementError> {
        let mut held = self.token.lock().await;
        let now = self.clock.now();
        if let Some(token) = held.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.value.clone());
        }
        let request = || token_request(&self.settings);
        let reply = self.insist(WORKER_TOKEN, false, request).await?.reply;
        if !reply.status().is_success() {
            return Err(refused(WORKER_TOKEN, &reply));
        }
        let token = reply::token(WORKER_TOKEN, reply.body())?;
        let value = token.value.clone();
        let renew_at = now + token.lifetime.mul_f64(RENEW_AFTER);
        *held = Some(HeldToken { value: token.value, renew_at });
        self.tokens.fetch_add(1, Ordering::Relaxed);
        Ok(value)
    }

    /// Drops a token that was refused, unless somebody already replaced it.
    async fn forget(&self, refused: &Secret) {
        let mut held = self.token.lock().await;
        if held.as_ref().is_some_and(|token| token.value == *refused) {
            *held = None;
        }
    }
}

/// Whether a reply may turn out better at another attempt.
fn may_improve(status: StatusCode, is_fresh: bool) -> bool {
    is_passing(status) || (is_fresh && status == StatusCode::NOT_FOUND)
}

/// Whether a fault of the network may pass. What the guard, TLS or the size of a reply object to
/// stays objectionable.
fn is_passing_fault(fault: &TransportFault) -> bool {
    const PASSING: [&str; 5] =
        ["dns", "connect-refused", "connect-timeout", "reset", "read-timeout"];
    PASSING.contains(&fault.slug())
}

fn accepted(call: &Call, answer: Answer) -> Result<Answer, ManagementError> {
    if answer.reply.status().is_success() {
        Ok(answer)
    } else {
        Err(refused(call.name, &answer.reply))
    }
}

fn refused(call: &'static str, reply: &Response<Bytes>) -> ManagementError {
    let codes = PlatformCodes::read(reply.body());
    ManagementError::Refused { call, status: reply.status(), codes }
}
