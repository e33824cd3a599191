//! Who plays in an iteration: the invented person, the leased account, the waiter for its codes;
//! and the stage that all iterations share.

use super::held::Held;
use super::perform::Part;
use super::rule::Rule;
use super::script::Start;
use super::struck::Hidden;
use super::template::Variable;
use crate::base::clock::{Clock, Utc};
use crate::base::names::RunId;
use crate::base::random::Seed;
use crate::base::secret::Secret;
use crate::codes::Pickup;
use crate::codes::office::Waiter;
use crate::davinci::oidc::Application;
use crate::identity::account::AccountState;
use crate::identity::ledger::{Ledger, LedgerEntry};
use crate::identity::login::Logins;
use crate::identity::password::{PasswordKey, Weakness};
use crate::identity::persona::{Locale, Persona};
use crate::identity::pool::Pool;
use crate::measure::fault::Fault;
use crate::workload::pacing::ThinkTime;
use http::HeaderValue;
use rand::Rng;
use std::fs::File;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;

/// Everything that iterations share.
pub struct Stage {
    /// The run.
    pub run: RunId,
    /// The application whose flow is walked.
    pub application: Arc<Application>,
    /// Time.
    pub clock: Clock,
    /// Where all randomness of the run comes from.
    pub seed: Seed,
    /// Who is invented.
    pub locale: Locale,
    /// What invented people sign on with.
    pub logins: Logins,
    /// What passwords are worked out with.
    pub key: PasswordKey,
    /// Accounts to lease.
    pub pool: Pool,
    /// Where accounts are noted before they are made.
    pub ledger: Arc<Ledger<File>>,
    /// Where codes come from; none if no journey needs any.
    pub codes: Option<Pickup>,
    /// How long to wait for a code.
    pub code_timeout: Duration,
    /// Pauses before each answer; none without.
    pub think: Option<ThinkTime>,
    /// Whether each request carries an id under which a stand-in keeps its own record.
    pub call_ids: bool,
    /// How flows are started, unless a journey says otherwise.
    pub start: Start,
    /// The token that flows are started with by their policy, renewed by whoever holds the other
    /// end; none if none are.
    pub bearer: Option<watch::Receiver<Secret>>,
    /// What the profile says of the application that nobody may see, and the names that were looked at.
    pub hidden: Hidden,
    /// Origin of the page that a browser shows, if its preflights are to be sent, too.
    pub page: Option<HeaderValue>,
}

/// Who plays in one iteration.
pub(super) struct Cast {
    /// Index of the persona.
    index: u64,
    /// Invented when it is first asked for: many journeys never do.
    persona: OnceLock<Persona>,
    /// Address and login of the persona.
    address: String,
    lease: Option<Held>,
    waiter: Option<Waiter>,
    /// How many requests have asked for a code so far.
    asked: usize,
    code: Option<Secret>,
    /// Whether the persona's account is on the ledger.
    foretold: bool,
}

impl Cast {
    /// Invents, leases and registers for codes whatever the script needs. The waiter is registered
    /// here, before any request, so that no mail can arrive too early.
    pub(super) fn gather(stage: &Stage, part: Part<'_>) -> Result<Self, (Fault, String)> {
        let lease = match part.script.account {
            Some(state) => {
                let lease =
                    stage.pool.lease(state).map_err(|none| (Fault::NoAccount, none.to_string()))?;
                Some(Held::of(lease))
            }
            None => None,
        };
        let address = stage.logins.address(part.index);
        let recipient = lease.as_ref().map_or(&address, |lease| &lease.email);
        let waiter = match &stage.codes {
            Some(Pickup::Office(office)) if part.script.needs_codes() => {
                let waiter = office
                    .open(recipient)
                    .map_err(|error| (Fault::CodeNotReceived, error.to_string()))?;
                Some(waiter)
            }
            _ => None,
        };
        let (index, persona) = (part.index, OnceLock::new());
        Ok(Self { index, persona, address, lease, waiter, asked: 0, code: None, foretold: false })
    }

    fn persona(&self, stage: &Stage) -> &Persona {
        self.persona.get_or_init(|| Persona::invent(stage.seed, stage.locale, self.index))
    }

    /// Bytes for PKCE, state and nonce: of this run and iteration alone, others for each `purpose`.
    pub(super) fn random(&self, stage: &Stage, purpose: &str) -> [u8; 64] {
        let mut bytes = [0; 64];
        let run = stage.run.as_str();
        let mut stream = if purpose.is_empty() {
            stage.seed.stream(run, self.index)
        } else {
            stage.seed.stream(&format!("{run} {purpose}"), self.index)
        };
        stream.fill_bytes(&mut bytes);
        bytes
    }

    /// The persona's telephone number.
    pub(super) fn phone(&self, stage: &Stage) -> &str {
        &self.persona(stage).phone
    }

    /// What stands for a variable; itself when there is nothing.
    pub(super) fn value(&self, variable: Variable, stage: &Stage) -> Result<String, Variable> {
        let lease = || self.lease.as_ref().ok_or(variable);
        // A password that is wrong for whoever this iteration signs on.
        let login = self.lease.as_ref().map_or(&self.address, |lease| &lease.login);
        let exposed = |secret: Secret| secret.expose().clone();
        Ok(match variable {
            Variable::PersonaEmail => self.address.clone(),
            Variable::PersonaAttribute(name) => {
                self.persona(stage).attribute(name).ok_or(variable)?.to_owned()
            }
            Variable::PersonaPassword => exposed(stage.key.password(&self.address, 0)),
            Variable::PersonaWrongPassword => exposed(stage.key.wrong_password(login, self.index)),
            Variable::PersonaWeakPassword => {
                exposed(stage.key.weak_password(login, Weakness::Short))
            }
            Variable::AccountUsername => lease()?.login.clone(),
            Variable::AccountEmail => lease()?.email.clone(),
            Variable::AccountPassword => exposed(lease()?.password(&stage.key)),
            Variable::AccountNewPassword => {
                let lease = lease()?;
                exposed(lease.password_of(lease.next_generation(), &stage.key))
            }
            Variable::Code => self.code.clone().map(exposed).ok_or(variable)?,
            Variable::RunId => stage.run.to_string(),
        })
    }

    /// Every secret that the iteration can have sent or been sent: what its variables stand for, the leased
    /// account's password of before, and all codes that came.
    pub(super) fn secrets(&self, stage: &Stage) -> Vec<Secret> {
        let values =
            Variable::secret_ones().filter_map(|variable| self.value(variable, stage).ok());
        let mut secrets: Vec<Secret> = values.map(Secret::new).collect();
        if let Some(lease) = &self.lease {
            let before = lease.generation.saturating_sub(1);
            secrets.push(lease.password_of(before, &stage.key));
        }
        secrets.extend(self.waiter.iter().flat_map(Waiter::arrived));
        secrets
    }

    /// Remembers the code that a reply held: the last one is meant.
    pub(super) fn tell_code(&mut self, code: Secret) {
        self.code = Some(code);
    }

    /// Waits for the code of the last request that asked for one. Returns how long it took; nothing
    /// where codes are not waited for.
    pub(super) async fn fetch_code(&mut self, stage: &Stage) -> Result<Option<Duration>, Fault> {
        match &stage.codes {
            Some(Pickup::Fixed(code)) => {
                self.code = Some(code.clone());
                Ok(None)
            }
            Some(Pickup::Reply(_)) => {
                self.code.as_ref().map(|_| None).ok_or(Fault::CodeNotReceived)
            }
            _ => self.await_code(stage).await.map(Some),
        }
    }

    async fn await_code(&mut self, stage: &Stage) -> Result<Duration, Fault> {
        let waiter = self.waiter.as_mut().ok_or(Fault::CodeNotReceived)?;
        let number = self.asked.max(1);
        let (code, waited) =
            waiter.nth(number, stage.code_timeout).await.map_err(|_| Fault::CodeNotReceived)?;
        self.code = Some(code);
        Ok(waited)
    }

    /// Before a further code is asked for, waits for those that were: they are told apart by the
    /// order in which they come. Returns how long it took, if it took any time.
    pub(super) async fn await_numbered(
        &mut self,
        stage: &Stage,
    ) -> Result<Option<Duration>, Fault> {
        match &self.waiter {
            Some(waiter) if waiter.count() < self.asked => self.await_code(stage).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Waits for codes that the leased account still gets, so that whoever leases it next does not
    /// take them for its own. One that does not come harms nobody.
    pub(super) async fn await_outstanding(&mut self, stage: &Stage) -> Option<Duration> {
        let is_due = |waiter: &Waiter| waiter.count() < self.asked;
        if self.lease.is_none() || !self.waiter.as_ref().is_some_and(is_due) {
            return None;
        }
        let began = stage.clock.now();
        let _ = self.await_code(stage).await;
        Some(stage.clock.now().saturating_duration_since(began))
    }

    /// Makes known what a rule's request is about to do, before it is sent: a killed run must be
    /// able to find every account and to know every password.
    pub(super) fn foretell(&mut self, rule: &Rule, stage: &Stage) -> io::Result<()> {
        if rule.sends_code {
            self.asked += 1;
        }
        if rule.creates_account {
            self.foretell_account(stage)?;
        }
        let Some(lease) = &mut self.lease else { return Ok(()) };
        if rule.changes_password {
            stage.ledger.append(&LedgerEntry::Advanced {
                at: Utc::of(stage.clock.wall()).stamp(),
                login: lease.login.clone(),
                generation: lease.next_generation(),
            })?;
        }
        lease.risk(rule);
        Ok(())
    }

    /// Puts the persona's account on the ledger, once, before a request that may make it.
    pub(super) fn foretell_account(&mut self, stage: &Stage) -> io::Result<()> {
        if self.foretold {
            return Ok(());
        }
        self.foretold = true;
        stage.ledger.append(&LedgerEntry::Made {
            at: Utc::of(stage.clock.wall()).stamp(),
            login: self.address.clone(),
            email: self.address.clone(),
            persona: self.index,
            state: AccountState::Ok,
        })
    }

    /// Notes that the account that was made can sign on, so that later runs may use it. Nothing depends on
    /// it in this one: where the ledger cannot be written, the next account says so.
    pub(super) fn confirm(&self, stage: &Stage) {
        if self.foretold {
            let _ = stage.ledger.append(&LedgerEntry::Confirmed { login: self.address.clone() });
        }
    }

    /// After a fault nobody knows whether an account is still in a state that it has to be kept in.
    pub(super) fn give_up(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.give_up();
        }
    }

    /// Draws the consequences of a rule's request for the account.
    pub(super) fn settle(&mut self, rule: &Rule, advanced: bool) {
        if let Some(lease) = &mut self.lease {
            lease.settle(rule, advanced);
        }
    }
}
