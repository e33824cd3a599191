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
    /// Whether iterations begin on a schedule of their own: then none waits for an account that is kept
    /// back, since it would begin late.
    pub is_scheduled: bool,
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

/// Pause before an account that is kept back is asked for again.
const KEPT_BACK_PAUSE: Duration = Duration::from_millis(50);

impl Stage {
    /// How many accounts are kept back, since the codes that somebody asked for are still to come. Those
    /// whose time is over are no more.
    fn kept_back(&self) -> usize {
        let Some(Pickup::Office(office)) = &self.codes else { return 0 };
        office.release();
        office.left()
    }

    /// How long a code may still come that nobody waits for any more.
    const fn late_for(&self) -> Duration {
        self.code_timeout.saturating_mul(2)
    }
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
    /// Codes before that.
    spent: Vec<Secret>,
    /// Whether the persona's account is on the ledger.
    foretold: bool,
    /// How long a code may still come that the iteration does not wait for any more.
    late_for: Duration,
}

impl Cast {
    /// Invents, leases and registers for codes whatever the script needs. The waiter is registered
    /// here, before any request, so that no mail can arrive too early.
    pub(super) fn gather(stage: &Stage, part: Part<'_>) -> Result<Self, (Fault, String)> {
        let lease = match part.script.account {
            Some(state) => {
                let kept = stage.kept_back();
                let lease = stage.pool.lease(state).map_err(|none| {
                    let why = match kept {
                        0 => String::new(),
                        kept => format!("; {kept} are kept back for codes that are still to come"),
                    };
                    (Fault::NoAccount, format!("{none}{why}"))
                })?;
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
        let (code, spent) = (None, Vec::new());
        let (asked, foretold) = (0, false);
        let late_for = stage.late_for();
        Ok(Self { index, persona, address, lease, waiter, asked, code, spent, foretold, late_for })
    }

    /// The same as soon as there is an account, if those that there are too few of are kept back; they are
    /// for no longer than a code may be late.
    pub(super) async fn gather_in_time(
        stage: &Stage,
        part: Part<'_>,
    ) -> Result<Self, (Fault, String)> {
        let began = stage.clock.now();
        loop {
            let waited = stage.clock.now().saturating_duration_since(began);
            let may_come = waited <= stage.late_for() && stage.kept_back() > 0;
            match Self::gather(stage, part) {
                Err((Fault::NoAccount, _)) if may_come => {
                    tokio::time::sleep(KEPT_BACK_PAUSE).await;
                }
                gathered => return gathered,
            }
        }
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
        secrets.extend(self.spent.iter().cloned());
        if let Some(lease) = &self.lease {
            let before = lease.generation.saturating_sub(1);
            secrets.push(lease.password_of(before, &stage.key));
        }
        secrets.extend(self.waiter.iter().flat_map(Waiter::arrived));
        secrets
    }

    /// Remembers the code that a reply held: the last one is meant.
    pub(super) fn tell_code(&mut self, code: Secret) {
        self.spent.extend(self.code.replace(code));
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
        self.tell_code(code);
        Ok(waited)
    }

    /// Whether a code may be asked for: nothing in the mailbox can be taken for it.
    pub(super) fn is_ready(&self) -> bool {
        self.waiter.as_ref().is_none_or(Waiter::is_ready)
    }

    /// Waits until a code may be asked for. Returns how long it took.
    pub(super) async fn get_ready(&mut self, stage: &Stage) -> Result<Duration, Fault> {
        let Some(waiter) = &mut self.waiter else { return Ok(Duration::ZERO) };
        waiter.ready(stage.code_timeout).await.map_err(|_| Fault::CodeNotReceived)
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
            // The one of before is no answer to this request.
            self.spent.extend(self.code.take());
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

    /// Takes into account how a request that asks for a code ended: a call that nobody answered for the
    /// flow, or that was never sent, asks for none.
    pub(super) fn count_asked(&mut self, rule: &Rule, fault: Option<Fault>) {
        if rule.sends_code && fault.is_some_and(|fault| UNHEARD.contains(&fault)) {
            self.asked = self.asked.saturating_sub(1);
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

/// A leased account goes back once the codes are in that were asked for: whoever leases it next would
/// take them for its own. One that was to be there by now may still come, so some more time is given.
impl Drop for Cast {
    fn drop(&mut self) {
        if let (Some(waiter), Some(lease)) = (self.waiter.take(), self.lease.take()) {
            waiter.leave(self.asked, self.late_for, Box::new(lease));
        }
    }
}

/// Faults of a request after which the flow has not seen it: no mail comes of it.
const UNHEARD: &[Fault] = &[
    Fault::RateLimited,
    Fault::Blocked,
    Fault::ForeignLink,
    Fault::NotAcknowledged,
    Fault::Dns,
    Fault::ConnectRefused,
    Fault::ConnectTimeout,
    Fault::Tls,
    Fault::HttpVersion,
    Fault::ProxyRefused,
    Fault::OutOfSockets,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::office::{Arrival, Office};
    use crate::davinci::form::{Client, Dialect};
    use crate::davinci::oidc::Endpoints;
    use crate::identity::account::Account;
    use crate::identity::domain::EmailDomain;
    use crate::journey::script::Script;
    use std::time::SystemTime;

    const SOON: Duration = Duration::from_secs(20);

    /// A stage with one account, whose codes come by the office.
    fn stage() -> (Stage, Office) {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let office = Office::new(clock.clone());
        let stage = Stage {
            run: "r1".into(),
            application: Arc::new(Application {
                endpoints: Endpoints::new("http://127.0.0.1:1", Some("env")),
                client_id: "app".to_owned(),
                client_secret: None,
                redirect_uri: "http://127.0.0.1/back".to_owned(),
                scopes: vec!["openid".to_owned()],
                client: Client::default(),
                start_dialect: Dialect::default(),
                authorize_parameters: Vec::new(),
                headers: Vec::new(),
            }),
            clock,
            seed: Seed(1),
            locale: Locale::default(),
            logins: Logins::new(&"r1".into(), 0, EmailDomain::default()),
            key: PasswordKey::new(&Secret::new("0123456789abcdef".repeat(2))).unwrap(),
            pool: Pool::new([Account::new("jane@x.test", AccountState::Ok, 0)]),
            ledger: Arc::new(Ledger::new(tempfile::tempfile().unwrap())),
            codes: Some(Pickup::Office(office.clone())),
            code_timeout: SOON,
            is_scheduled: true,
            think: None,
            call_ids: false,
            start: Start::default(),
            bearer: None,
            page: None,
            hidden: Hidden::default(),
        };
        (stage, office)
    }

    fn script() -> Script {
        let text = "name = \"x\"\ngoal = \"code\"\naccount = \"ok\"\n[[rule]]\nname = \"a\"\n\
                    when = { fields = [\"f\"] }\nsends_code = true\n";
        Script::parse("x.toml", text).unwrap()
    }

    fn mail(stage: &Stage, code: &str) -> Arrival {
        let (code, at) = (Some(code.to_owned().into()), stage.clock.now());
        Arrival { recipient: "jane@x.test".to_owned(), code, at, mark: None }
    }

    #[tokio::test]
    async fn a_code_that_comes_too_late_is_no_code_of_the_next_iteration() {
        let ((stage, office), script) = (stage(), script());
        let part = Part { script: &script, policy: None, index: 0 };
        let rule = &script.rules[0];
        let mut first = Cast::gather(&stage, part).unwrap();
        first.foretell(rule, &stage).unwrap();
        stage.clock.advance(SOON);
        first.give_up();
        drop(first);
        let (fault, why) = Cast::gather(&stage, part).map(|_| ()).unwrap_err();
        assert_eq!(fault, Fault::NoAccount);
        assert!(why.contains("1 are kept back for codes"), "{why}");
        office.receive(mail(&stage, "first"));
        let mut second = Cast::gather(&stage, part).unwrap();
        second.foretell(rule, &stage).unwrap();
        office.receive(mail(&stage, "second"));
        second.fetch_code(&stage).await.unwrap();
        assert_eq!(second.value(Variable::Code, &stage).unwrap(), "second");
        drop(second);
        assert!(Cast::gather(&stage, part).is_ok(), "all codes came");
    }

    #[test]
    fn an_account_is_lent_again_when_no_code_comes_for_it() {
        for (fault, is_kept) in [
            (None, true),
            (Some(Fault::ReadTimeout), true),
            (Some(Fault::Http5xx), true),
            (Some(Fault::RateLimited), false),
            (Some(Fault::ConnectRefused), false),
        ] {
            let ((stage, office), script) = (stage(), script());
            let part = Part { script: &script, policy: None, index: 0 };
            let mut cast = Cast::gather(&stage, part).unwrap();
            cast.foretell(&script.rules[0], &stage).unwrap();
            cast.count_asked(&script.rules[0], fault);
            drop(cast);
            assert_eq!(Cast::gather(&stage, part).is_err(), is_kept, "{fault:?}");
            stage.clock.advance(SOON * 2);
            assert!(Cast::gather(&stage, part).is_ok(), "{fault:?}");
            assert_eq!(office.left(), 0);
        }
    }

    #[tokio::test]
    async fn users_that_follow_no_schedule_wait_for_an_account_that_is_kept_back() {
        let ((stage, office), script) = (stage(), script());
        let stage = Stage { is_scheduled: false, ..stage };
        let part = Part { script: &script, policy: None, index: 0 };
        let mut first = Cast::gather(&stage, part).unwrap();
        first.foretell(&script.rules[0], &stage).unwrap();
        drop(first);
        let code_comes = async {
            tokio::task::yield_now().await;
            office.receive(mail(&stage, "first"));
        };
        let (gathered, ()) = tokio::join!(Cast::gather_in_time(&stage, part), code_comes);
        let gathered = gathered.map_err(|(fault, why)| format!("{fault:?} {why}")).unwrap();
        let none = Cast::gather_in_time(&stage, part).await.map(|_| ()).unwrap_err();
        assert_eq!(none.0, Fault::NoAccount, "the one that there is, is in use");
        drop(gathered);
    }

    #[tokio::test]
    async fn the_code_of_one_request_is_not_entered_for_the_next() {
        let ((stage, _), script) = (stage(), script());
        let pickup = crate::codes::reply::ReplyCode {
            pointer: "/code".parse().unwrap(),
            pattern: crate::codes::extract::CodePattern::default(),
        };
        let stage = Stage { codes: Some(Pickup::Reply(pickup)), ..stage };
        let part = Part { script: &script, policy: None, index: 0 };
        let mut cast = Cast::gather(&stage, part).unwrap();
        cast.foretell(&script.rules[0], &stage).unwrap();
        cast.tell_code("ab12cd34".to_owned().into());
        assert!(cast.fetch_code(&stage).await.is_ok());
        cast.foretell(&script.rules[0], &stage).unwrap();
        assert_eq!(cast.fetch_code(&stage).await.unwrap_err(), Fault::CodeNotReceived);
        let known = cast.secrets(&stage);
        assert!(known.iter().any(|secret| secret.expose() == "ab12cd34"), "it is still a secret");
    }
}
