//! Puts the stages up, one for each variant: guard and connections for the tenants, the ledger on disk,
//! the accounts that the journeys need.

use super::accounts::{Keepers, at_risk, counts, of_ledger, provision};
use super::bearer::{BearerError, Bearers};
use super::ledger_file::{self, LedgerFileError};
use super::making::Making;
use super::preflight::{PreflightError, look};
use super::resume::Continued;
use super::sources::borrow;
use crate::base::clock::{Clock, Utc};
use crate::base::names::RunId;
use crate::base::random::{ALPHANUMERIC, Seed, text};
use crate::base::remedy::Remedy;
use crate::base::secret::Secret;
use crate::codes::{CodeSource, Pickup};
use crate::davinci::oidc::{Application, BadValue, Endpoints};
use crate::davinci::walk::Walk;
use crate::identity::ledger::{Book, Ledger, LedgerEntry};
use crate::identity::login::Logins;
use crate::identity::password::{KeyError, PasswordKey};
use crate::identity::pool::Pool;
use crate::journey::cast::Stage;
use crate::journey::script::Start;
use crate::journey::struck::Hidden;
use crate::management::error::ManagementError;
use crate::management::keeper::{AccountsError, Keeper};
use crate::management::key_file::{self, KeyFileError};
use crate::profile::accounts::AccountSource;
use crate::profile::brought::Brought;
use crate::profile::check::Checked;
use crate::profile::document::Variant;
use crate::profile::tenant::Tenant;
use crate::transport::{AllowedHost, Guard, HostError, Resolver, SetUpError, Transport};
use http::{HeaderName, HeaderValue};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the command line adds to a profile.
#[derive(Debug)]
pub struct Wishes {
    /// Where all randomness comes from.
    pub seed: Seed,
    /// The key of passwords, if the environment has it.
    pub password_key: Option<Secret>,
    /// Folder of what outlives a run.
    pub state_folder: PathBuf,
    /// The run.
    pub run: RunId,
    /// The run's own folder.
    pub folder: PathBuf,
    /// Whether each request carries an id under which a stand-in keeps its own record.
    pub call_ids: bool,
    /// How many accounts of each state to make for each variant; none for as many as the profile says.
    pub accounts: Option<u64>,
    /// Where it is told how many of them there are.
    pub making: Arc<Making>,
    /// What is known of accounts, if the run is taken up again.
    pub continued: Option<Continued>,
}

/// Stages that iterations can play on.
pub struct Opened {
    /// What the iterations of each variant share, in the order of the variants. Run, seed, time, logins,
    /// ledger, key and codes are those of all; nothing else is.
    pub stages: Vec<Arc<Stage>>,
    /// The run.
    pub run: RunId,
    /// Where all its randomness comes from.
    pub seed: Seed,
    /// Where accounts are noted before they are made.
    pub ledger: Arc<Ledger<File>>,
    /// Makes the sessions of users.
    pub transport: Transport,
    /// Where the ledger is.
    pub ledger_path: PathBuf,
    /// Index of the first iteration; those below belong to provisioned accounts.
    pub next_index: u64,
    /// Who looks after whose accounts, as far as the profile gives access to management APIs.
    pub kept: Vec<(Arc<Keeper<File>>, Pool)>,
    /// Keeps codes arriving.
    pub codes: Option<CodeSource>,
    /// Keep the tokens for starts by policy fresh.
    pub bearers: Bearers,
}

/// Why the stage could not be put up.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A host in the profile is none.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Connections could not be prepared.
    #[error(transparent)]
    Transport(#[from] SetUpError),
    /// The key of passwords is not usable.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The key of passwords in the environment is none.
    #[error("GANDER_PASSWORD_KEY is not usable")]
    GivenKey(#[from] KeyError),
    /// Accounts could not be made.
    #[error("{made} of {wanted} accounts could be made")]
    Provision {
        /// How many there are now.
        made: usize,
        /// How many were wanted.
        wanted: u64,
        #[source]
        source: AccountsError,
    },
    /// Accounts could not be registered.
    #[error("{made} of {wanted} accounts could be registered; journey `{journey}` ended as {why}")]
    Register {
        /// How many there are now.
        made: u64,
        /// How many were wanted.
        wanted: u64,
        /// The journey that registers them.
        journey: String,
        /// What the last one ended as.
        why: String,
    },
    /// The ledger whose accounts are used cannot be.
    #[error("the accounts of another ledger cannot be used")]
    Lender(#[from] LedgerFileError),
    /// The ledger whose accounts are used is not what it was.
    #[error("the ledger whose accounts are used has changed since it was read: {what}")]
    Unfit {
        /// What is wrong with it now.
        what: String,
        /// What to do.
        remedy: Option<String>,
    },
    /// Accounts that a killed run left behind cannot be put right.
    #[error("the accounts that the run left behind cannot be put right")]
    PutRight {
        #[source]
        source: AccountsError,
    },
    /// The passwords of the accounts of a run that is taken up again are not known.
    #[error("the accounts have passwords of another key")]
    OtherKey,
    /// Tenants are not what the profile takes them for, or their clocks are others.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Preflight(Vec<PreflightError>),
    /// The management API did not let us in.
    #[error("the management API cannot be used")]
    Management(#[from] ManagementError),
    /// An address in the profile is none.
    #[error("`{text}` is no address")]
    Address {
        /// What stands there.
        text: String,
    },
    /// The run's folder could not be written.
    #[error("`{path}` cannot be written")]
    Folder {
        /// What was to be written.
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// There is no token for starts by policy.
    #[error("flows cannot be started by their policy")]
    Bearer(#[from] BearerError),
    /// A value of the profile cannot be part of the request that starts a journey's flow.
    #[error("journey `{journey}` cannot be started")]
    Start {
        /// The journey.
        journey: String,
        #[source]
        source: BadValue,
    },
    /// A header of the profile cannot be sent.
    #[error("`{name}` cannot be sent as a header")]
    Header {
        /// Its name.
        name: String,
    },
}

impl Remedy for StageError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Host(error) => error.remedy(),
            Self::Transport(error) => error.remedy(),
            Self::Key(error) => error.remedy(),
            Self::GivenKey(error) => error.remedy(),
            Self::Provision { source, .. } | Self::PutRight { source } => source.remedy(),
            Self::Preflight(errors) => errors.iter().find_map(Remedy::remedy),
            Self::Management(error) => error.remedy(),
            Self::Lender(error) => error.remedy(),
            Self::Unfit { remedy, .. } => remedy.clone(),
            Self::Register { journey, .. } => Some(format!(
                "`gander check --walk` with `{journey}` among the journeys shows every exchange"
            )),
            Self::Bearer(error) => error.remedy(),
            Self::OtherKey => Some(
                "use the key that they were made with: in `GANDER_PASSWORD_KEY`, or the file \
                 `password.key` of whoever made them"
                    .to_owned(),
            ),
            Self::Address { .. } => Some("write it whole: `https://api.pingone.eu`".to_owned()),
            Self::Folder { .. } => Some("choose another folder with `--out`".to_owned()),
            Self::Start { .. } => Some(
                "look at `[tenant]` and its token for characters that no address and no header \
                 takes, such as a line's end"
                    .to_owned(),
            ),
            Self::Header { .. } => Some("use letters, digits and `-` in the name".to_owned()),
        }
    }
}

impl StageError {
    /// Whether the tenant is at fault, not what the person gave.
    pub const fn is_of_tenant(&self) -> bool {
        matches!(
            self,
            Self::Provision { .. }
                | Self::Register { .. }
                | Self::PutRight { .. }
                | Self::Preflight(_)
                | Self::Management(_)
                | Self::Bearer(_)
        )
    }
}

/// Unique without any register: the second it began, and six letters nobody chose. It does not
/// depend on the seed, so that the same seed never makes the same logins twice.
pub fn run_id(clock: &Clock) -> RunId {
    let at = Utc::of(clock.wall());
    let letters = text(&mut Seed::unforeseen().stream("run id", 0), ALPHANUMERIC, 6);
    format!("{}-{letters}", at.compact()).into()
}

/// The way to the tenants of a checked profile, each of which is what the profile takes it for; and what may be
/// wrong with them all the same.
pub async fn reach(
    checked: &Checked,
    tenants: &[Tenant],
    run: &RunId,
    clock: &Clock,
) -> Result<(Transport, Vec<PreflightError>), StageError> {
    let guard = guard(tenants, checked.is_acknowledged())?;
    let http = &checked.profile.http;
    let transport = Transport::new(guard, http, Resolver::System, clock.clone())?.of_run(run);
    // Before anything is made there. This machine needs no such question.
    let outside = tenants.iter().filter(|tenant| !tenant.is_loopback);
    let found = look(outside, &transport, clock).await;
    if found.problems.is_empty() {
        Ok((transport, found.doubts))
    } else {
        Err(StageError::Preflight(found.problems))
    }
}

/// Puts the stages up for a checked profile whose tenants, one for each variant, were [reached](reach).
/// What is wrong with any of them is found before an account is made for the first.
pub async fn open(
    checked: &Checked,
    (tenants, transport): (&[Tenant], Transport),
    codes: Option<(CodeSource, Pickup)>,
    wishes: Wishes,
    clock: Clock,
) -> Result<Opened, StageError> {
    let profile = &checked.profile;
    let key = password_key(wishes.password_key.as_ref(), &wishes.state_folder)?;
    let (run, seed) = (wishes.run, wishes.seed);
    let (ledger, ledger_path, taken) = open_ledger(&wishes.folder, wishes.continued)?;
    let (ledger, brought) = borrow(checked, ledger, &key)?;
    let (ledger, segment) = (Arc::new(ledger), taken.as_ref().map_or(0, |taken| taken.segment));
    let mut bearers = Bearers::default();
    let mut stages = Vec::new();
    for (variant, tenant) in profile.variants.iter().zip(tenants) {
        let bearer = match checked.starts_by_policy_at(tenant) {
            true => Some(bearers.token_of(tenant, &transport, &clock).await?),
            false => None,
        };
        let stage = Stage {
            application: Arc::new(application(tenant)?),
            seed,
            locale: profile.identities.locale,
            logins: logins(checked, &run, segment),
            key: key.clone(),
            pool: Pool::default(),
            ledger: ledger.clone(),
            code_timeout: profile.codes.timeout,
            is_scheduled: profile.workload.model.is_open(),
            codes: codes.as_ref().map(|(_, pickup)| pickup.clone()),
            think: profile.think,
            call_ids: wishes.call_ids,
            start: tenant.start,
            bearer,
            page: page(tenant)?,
            hidden: Hidden::new(hidden(tenant, &profile.http)),
            clock: clock.clone(),
            run: run.clone(),
        };
        check_starts(checked, variant, &stage)?;
        stages.push(stage);
    }
    let mut opened = Opened {
        stages: Vec::new(),
        run,
        seed,
        ledger,
        transport,
        ledger_path,
        next_index: taken.as_ref().map_or(0, |taken| taken.next_persona),
        kept: Vec::new(),
        codes: codes.map(|(source, _)| source),
        bearers,
    };
    opened.sign_ledger(tenants, &key, &clock)?;
    // Those of an embedded stand-in went with it.
    let taken = taken.filter(|_| profile.names_tenant);
    if taken.as_ref().is_some_and(|taken| !taken.is_of(&key)) {
        return Err(StageError::OtherKey);
    }
    let wanted = (wishes.accounts, &*wishes.making);
    let ledger = opened.ledger.clone();
    let filling = opened.fill((checked, wanted), (tenants, taken), (stages, brought));
    ledger_file::synced(&ledger, filling).await?;
    Ok(opened)
}

/// The logins of a segment of a run, as its profile wants them: what is made before the load is of segment 0.
pub(super) fn logins(checked: &Checked, run: &RunId, segment: u32) -> Logins {
    let identities = &checked.profile.identities;
    Logins::new(run, segment, identities.email_domain.clone())
        .in_mailbox(identities.mailbox.clone())
}

/// The key that passwords are worked out with: the one given, else that of gander's own folder, where it is
/// made on first need.
pub fn password_key(given: Option<&Secret>, folder: &Path) -> Result<PasswordKey, StageError> {
    Ok(match given {
        Some(text) => PasswordKey::new(text)?,
        None => key_file::read_or_make(&folder.join("password.key"))?,
    })
}

impl Opened {
    /// Gets the accounts of every variant from where the profile says.
    async fn fill(
        &mut self,
        (checked, wanted): (&Checked, (Option<u64>, &Making)),
        (tenants, taken): (&[Tenant], Option<Made>),
        (mut stages, brought): (Vec<Stage>, Option<Brought>),
    ) -> Result<(), StageError> {
        if let (Some(brought), Some(clock)) = (&brought, stages.first().map(|it| it.clock.clone()))
        {
            self.take_along(brought, &clock)?;
            for (number, stage) in stages.iter_mut().enumerate() {
                stage.pool = Pool::new(brought.share(number, tenants.len()));
            }
            self.keep_brought(checked, tenants, &stages).await?;
            self.stages = stages.into_iter().map(Arc::new).collect();
        } else if checked.source() == Some(&AccountSource::RegisterFirst) {
            self.stages = stages.into_iter().map(Arc::new).collect();
            self.register((checked, wanted), (tenants, taken)).await?;
        } else {
            self.make_accounts((checked, wanted), (tenants, taken), &mut stages).await?;
            self.stages = stages.into_iter().map(Arc::new).collect();
        }
        Ok(())
    }

    /// Says on the ledger whose accounts it will have: one line for each environment.
    fn sign_ledger(
        &self,
        tenants: &[Tenant],
        key: &PasswordKey,
        clock: &Clock,
    ) -> Result<(), StageError> {
        let path = || self.ledger_path.display().to_string();
        let mut signed: Vec<String> = Vec::new();
        for environment in tenants.iter().map(Tenant::typed_name) {
            if signed.contains(&environment) {
                continue;
            }
            let opening = LedgerEntry::Opened {
                at: Utc::of(clock.wall()).stamp(),
                run: self.run.to_string(),
                environment: environment.clone(),
                key: key.fingerprint(),
            };
            let failed = |source| StageError::Folder { path: path(), source };
            self.ledger.append(&opening).map_err(failed)?;
            signed.push(environment);
        }
        Ok(())
    }

    /// Makes the accounts of every variant, after all management APIs have let us in; of a run that is taken
    /// up again at a tenant those that it made are there.
    async fn make_accounts(
        &mut self,
        (checked, (wanted, making)): (&Checked, (Option<u64>, &Making)),
        (tenants, taken): (&[Tenant], Option<Made>),
        stages: &mut [Stage],
    ) -> Result<(), StageError> {
        let (counts, share) = (counts(checked, wanted), checked.share.unwrap_or_default());
        let each: u64 = counts.iter().map(|(_, count)| count).sum();
        let mut keepers = Keepers::default();
        let mut keeping = Vec::new();
        for (tenant, stage) in tenants.iter().zip(stages.iter()) {
            keeping.push(match counts.is_empty() {
                true => None,
                false => keepers.of(tenant, &self.transport, stage).await?,
            });
        }
        if taken.is_none() {
            let own: u64 = counts.iter().map(|(_, count)| share.count(*count)).sum();
            making.want(keeping.iter().flatten().map(|_| own).sum());
        }
        let population = &*checked.profile.accounts.population;
        for (number, (stage, keeper)) in (0..).zip(stages.iter_mut().zip(keeping)) {
            let first = self.next_index;
            self.next_index += if taken.is_some() { 0 } else { each };
            let Some(keeper) = keeper else { continue };
            stage.pool = match &taken {
                None => {
                    let order = (counts.clone(), share, first);
                    Pool::new(provision(order, &keeper, stage, (population, making)).await?)
                }
                Some(taken) => {
                    let logins = logins(checked, &self.run, 0);
                    Pool::new(of_ledger(&taken.book, (number * each, each), &logins))
                }
            };
            if taken.is_some() {
                put_right(checked, &keeper, &stage.pool).await?;
            }
            self.kept.push((keeper, stage.pool.clone()));
        }
        Ok(())
    }
}

/// Whatever one variant may call, all may.
pub(super) fn guard(tenants: &[Tenant], acknowledged: bool) -> Result<Guard, StageError> {
    let hosts = tenants.iter().flat_map(|tenant| &tenant.hosts);
    let hosts = hosts.map(|host| host.parse::<AllowedHost>());
    let guard = Guard::new(hosts.collect::<Result<Vec<_>, _>>()?);
    Ok(if acknowledged { guard.acknowledged() } else { guard })
}

fn application(tenant: &Tenant) -> Result<Application, StageError> {
    let header = |(name, value): &(String, String)| match (
        HeaderName::try_from(name.as_str()),
        HeaderValue::try_from(value.as_str()),
    ) {
        (Ok(header), Ok(value)) => Ok((header, value)),
        _ => Err(StageError::Header { name: name.clone() }),
    };
    Ok(Application {
        endpoints: Endpoints::new(&tenant.auth_url, tenant.environment_in_paths()),
        client_id: tenant.client_id.clone(),
        client_secret: tenant.client_secret.clone(),
        redirect_uri: tenant.redirect_uri.clone(),
        scopes: tenant.scopes.clone(),
        client: tenant.client,
        start_dialect: tenant.start_dialect,
        authorize_parameters: tenant.authorize_parameters.clone(),
        headers: tenant.headers.iter().map(header).collect::<Result<_, _>>()?,
    })
}

/// Puts the start of every journey of a variant together once. What no request takes is wrong in the
/// profile, and must not be held against the tenant later.
fn check_starts(checked: &Checked, variant: &Variant, stage: &Stage) -> Result<(), StageError> {
    let bearer = stage.bearer.as_ref().map(|bearer| bearer.borrow().clone());
    let of_load = checked.journeys.iter().map(|(script, _)| script);
    for script in of_load.chain(&checked.registering) {
        let policy = variant.policy(&script.name);
        let start = (script.start.unwrap_or(stage.start), policy, bearer.as_ref());
        first_request(&stage.application, start)
            .map_err(|source| StageError::Start { journey: script.name.to_string(), source })?;
    }
    Ok(())
}

/// What a start sends, without the flow's input, which is different for each iteration.
fn first_request(
    application: &Arc<Application>,
    (start, policy, bearer): (Start, Option<&str>, Option<&Secret>),
) -> Result<(), BadValue> {
    let (application, random) = (Arc::clone(application), [0; 64]);
    match (start, policy, bearer) {
        (Start::Authorize, ..) => Walk::authorize(application, policy, &random).map(|_| ()),
        (Start::Policy, Some(policy), Some(bearer)) => {
            Walk::start(application, policy, bearer, &serde_json::Map::new(), &random).map(|_| ())
        }
        // The profile's own check says what is missing.
        (Start::Policy, ..) => Ok(()),
    }
}

/// What may not be seen of what the requests to a tenant carry.
fn hidden(tenant: &Tenant, http: &crate::transport::Settings) -> Vec<Secret> {
    let proxy = http.proxy.iter().flat_map(crate::transport::Proxy::secrets);
    tenant.secrets().into_iter().chain(proxy).collect()
}

/// The page that a browser shows, if its preflights are wanted.
fn page(tenant: &Tenant) -> Result<Option<HeaderValue>, StageError> {
    let Some(origin) = tenant.page() else { return Ok(None) };
    let value = HeaderValue::try_from(origin.as_str());
    value.map(Some).map_err(|_| StageError::Address { text: origin })
}

/// What a run that is taken up again made before.
pub(super) struct Made {
    segment: u32,
    next_persona: u64,
    pub(super) book: Book,
}

impl Made {
    /// Whether its passwords come from this key.
    fn is_of(&self, key: &PasswordKey) -> bool {
        let theirs = self.book.openings.iter().all(|opening| opening.key == key.fingerprint());
        theirs || self.book.accounts.is_empty()
    }
}

/// Nobody knows what a journey was doing to an account when gander was killed: those of states in which
/// journeys change something get a known password and their state before anybody has them.
pub(super) async fn put_right(
    checked: &Checked,
    keeper: &Arc<Keeper<File>>,
    pool: &Pool,
) -> Result<(), StageError> {
    at_risk(checked).into_iter().for_each(|state| pool.spoil_all(state));
    match keeper.mend_all(pool).await {
        // What one account alone meets is tried again while the run goes on.
        Err(source) if source.is_general() => Err(StageError::PutRight { source }),
        _ => Ok(()),
    }
}

/// The ledger of a run, locked as long as this process lives: nobody takes up a run that goes on.
fn open_ledger(
    folder: &Path,
    continued: Option<Continued>,
) -> Result<(Ledger<File>, PathBuf, Option<Made>), StageError> {
    let path = folder.join("ledger.jsonl");
    if let Some(Continued { segment, next_persona, ledger, book }) = continued {
        return Ok((Ledger::new(ledger), path, Some(Made { segment, next_persona, book })));
    }
    let failed = |source| StageError::Folder { path: path.display().to_string(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    let file = fs::OpenOptions::new().append(true).create_new(true).open(&path).map_err(failed)?;
    // On a file system without locks nobody is told.
    let _ = file.try_lock();
    Ok((Ledger::new(file), path, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::davinci::form::{Client, Dialect};

    #[test]
    fn a_token_that_no_header_takes_is_found_before_any_load() {
        let application = Arc::new(Application {
            endpoints: Endpoints::new("http://127.0.0.1:1", Some("env")),
            client_id: "app".to_owned(),
            client_secret: None,
            redirect_uri: "http://127.0.0.1/back".to_owned(),
            scopes: vec!["openid".to_owned()],
            client: Client::default(),
            start_dialect: Dialect::default(),
            authorize_parameters: Vec::new(),
            headers: Vec::new(),
        });
        for (token, good) in [("t0ken", true), ("t0ken\n", false), ("t0\u{0}ken", false)] {
            let token = Secret::new(token.to_owned());
            let first = first_request(&application, (Start::Policy, Some("p"), Some(&token)));
            assert_eq!(first.is_ok(), good);
        }
        assert!(first_request(&application, (Start::Authorize, None, None)).is_ok());
    }
}
