//! What the nodes behind a button do: to the directory, to the interaction, by mail.

use super::answer::Answer;
use super::call::Call;
use super::directory::{Checked, Code, NotCreated, Profile, User};
use super::echo::echo;
use super::flow::{Outcome, Role, Task};
use super::interaction::{Claim, Interaction};
use super::mail::{Kind, Letter};
use super::password::Hashed;
use super::refusal::Refusal;
use super::tenant::{Tenant, uuid};
use crate::base::random::{ALPHANUMERIC, text};
use crate::base::secret::Secret;
use serde_json::Value;
use std::sync::Arc;

/// One task being performed.
#[derive(Debug)]
pub struct Work<'w> {
    /// The tenant.
    pub tenant: &'w Tenant,
    /// The interaction it belongs to.
    pub interaction: &'w mut Interaction,
    /// The request.
    pub call: &'w Call,
    /// What was typed into the form.
    pub answer: &'w Answer,
    /// Mail it causes.
    pub letters: Vec<Letter>,
}

/// Why a task did not come to an outcome.
#[derive(Debug)]
pub enum Stop {
    /// The flow refuses what was typed.
    Refused(Box<Refusal>),
    /// A node ran once too often.
    TooOften,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

/// Length of every code (documented: 8 alphanumeric characters).
const CODE_LENGTH: usize = 8;

/// Who signs on in flows that ask nobody.
const DEMONSTRATION_USER: &str = "demo@stand-in.example";

impl<'w> Work<'w> {
    /// Performs a task.
    pub fn perform(&mut self, task: Task) -> Result<Outcome, Stop> {
        match task {
            Task::Nothing => Ok(Outcome::Done),
            Task::CheckPassword => self.check_password(),
            Task::CreateUser => self.register(),
            Task::CreateFromInput => {
                let email = self.typed("email");
                self.create(email, true)
            }
            Task::ResendVerification => self.resend_verification(),
            Task::Verify => self.verify(),
            Task::Claim => self.claim(),
            Task::ResendClaim => self.resend_claim(),
            Task::ProveClaim => self.prove_claim(),
            Task::CreateClaimed => self.create_claimed(),
            Task::SendRecovery => {
                self.enter(Role::LookUpLost)?;
                self.interaction.lost = self.typed("username").to_owned();
                self.send_recovery();
                Ok(Outcome::Done)
            }
            Task::ResendRecovery => {
                self.send_recovery();
                Ok(Outcome::Done)
            }
            Task::Recover => self.recover(),
            Task::ChangePassword => self.change_password(),
            Task::Echo => {
                let echo = echo(&self.interaction.id, self.call, self.answer);
                self.interaction.echo = echo.to_string();
                self.tenant.echoes.keep(&echo);
                self.sign_on_demonstration_user()
            }
            Task::CheckInput if self.answer.typed.contains_key("username") => self.check_password(),
            Task::CheckInput => self.sign_on_demonstration_user(),
        }
    }

    fn check_password(&mut self) -> Result<Outcome, Stop> {
        self.enter(Role::LookUp)?;
        let (typed_name, password) = (self.typed("username"), self.typed("password"));
        let settings = &self.tenant.settings;
        let now = self.tenant.clock.now();
        let mut directory = self.tenant.directory();
        let Some(user) = directory.meant(typed_name) else {
            return Err(Refusal::unknown_user(typed_name).into());
        };
        self.enter(Role::CheckPassword)?;
        let lockout = (settings.lockout_failures, settings.lockout_duration);
        match user.check(password, lockout, now) {
            Checked::Locked => Ok(Outcome::Locked),
            Checked::Wrong(remaining) => Err(Refusal::wrong_password(remaining).into()),
            Checked::Right => {
                self.interaction.user = Some(user.id.clone());
                if user.must_change {
                    return Ok(Outcome::MustChange);
                }
                if !user.verified {
                    self.send_verification(user);
                    return Ok(Outcome::Unverified);
                }
                Ok(Outcome::Done)
            }
        }
    }

    /// Makes a user of the address typed, who has to verify it.
    fn register(&mut self) -> Result<Outcome, Stop> {
        let email = self.address()?;
        self.create(email, false)
    }

    /// The address typed, if it looks like one.
    fn address(&mut self) -> Result<&'w str, Stop> {
        let email = self.typed("email").trim();
        if email.is_empty() {
            self.enter(Role::RefuseRegistration)?;
            let text = ("email", "Enter a valid email address");
            let refusal = Refusal::invalid(Role::RefuseRegistration, "invalidValue", text);
            return Err(Refusal { message: text.1.to_owned(), ..refusal }.into());
        }
        Ok(email)
    }

    /// Makes a user. Whoever is not verified yet gets a code.
    fn create(&mut self, email: &str, verified: bool) -> Result<Outcome, Stop> {
        self.enter(Role::CreateUser)?;
        if !is_address(email) {
            let text = ("email", "must be a well-formed email address");
            return Err(Refusal::invalid(Role::CreateUser, "invalidValue", text).into());
        }
        let password = self.typed("password");
        let username = Some(self.typed("username")).filter(|name| !name.is_empty());
        let profile = Profile {
            username: username.unwrap_or(email).to_owned(),
            email: email.to_owned(),
            given: self.typed("givenName").to_owned(),
            family: self.typed("familyName").to_owned(),
            population: self.tenant.population_id.clone(),
        };
        let broken =
            self.tenant.settings.password_policy.unsatisfied(password, &profile.attributes(), None);
        let tenant = self.tenant;
        let mut directory = tenant.directory();
        if directory.is_taken(&profile.username) {
            self.enter(Role::RefuseRegistration)?;
            return Err(Refusal::duplicate().into());
        }
        if !broken.is_empty() {
            let place = ("invalidValue", "password");
            return Err(Refusal::weak_password(Role::CreateUser, place, &broken).into());
        }
        let mut random = tenant.draw("user");
        let mut user = User::new(&uuid(&mut random), profile, tenant.clock.wall());
        user.verified = verified;
        user.set_password(
            Hashed::of(password, &mut random),
            tenant.settings.password_policy.history,
        );
        if !verified {
            self.send_verification(&mut user);
        }
        let id = user.id.clone();
        match directory.add(user) {
            Ok(()) => {
                self.interaction.user = Some(id);
                Ok(Outcome::Done)
            }
            Err(reason) => {
                self.letters.clear();
                Err(match reason {
                    NotCreated::Duplicate => Refusal::duplicate(),
                    NotCreated::Full => Refusal::invalid(
                        Role::CreateUser,
                        "requestFailed",
                        ("user", "the directory is full"),
                    ),
                }
                .into())
            }
        }
    }

    /// Takes an address that nobody has, and sends a code to it.
    fn claim(&mut self) -> Result<Outcome, Stop> {
        let email = self.address()?;
        if !is_address(email) {
            self.enter(Role::RefuseRegistration)?;
            let text = ("email", "must be a well-formed email address");
            return Err(Refusal::invalid(Role::RefuseRegistration, "invalidValue", text).into());
        }
        if self.tenant.directory().is_taken(email) {
            self.enter(Role::RefuseRegistration)?;
            return Err(Refusal::duplicate().into());
        }
        self.interaction.claim = Some(Claim { email: email.to_owned(), code: None, proved: false });
        self.resend_claim()
    }

    fn resend_claim(&mut self) -> Result<Outcome, Stop> {
        let code = self.code();
        let made = self.tenant.clock.now();
        if let Some(claim) = &mut self.interaction.claim {
            claim.code = Some(Code { text: code.clone(), made });
            let to = claim.email.clone();
            self.letters.push(Letter { to, kind: Kind::Verification, code: Some(code) });
        }
        Ok(Outcome::Done)
    }

    fn prove_claim(&mut self) -> Result<Outcome, Stop> {
        self.enter(Role::Verify)?;
        let now = self.tenant.clock.now();
        let validity = self.tenant.settings.validity.verification;
        let typed = self.typed("passcode");
        let claim = self.interaction.claim.as_mut().filter(|claim| {
            claim.code.as_ref().is_some_and(|code| code.accepts(typed, validity, now))
        });
        let Some(claim) = claim else {
            return Err(Refusal::custom(Role::Verify, "Invalid verification code").into());
        };
        claim.proved = true;
        Ok(Outcome::Done)
    }

    fn create_claimed(&mut self) -> Result<Outcome, Stop> {
        let claim = self.interaction.claim.as_ref().filter(|claim| claim.proved);
        let Some(email) = claim.map(|claim| claim.email.clone()) else {
            return Err(Refusal::custom(Role::Verify, "Invalid verification code").into());
        };
        let made = self.create(&email, true)?;
        self.letters.push(Letter { to: email, kind: Kind::Welcome, code: None });
        Ok(made)
    }

    /// Signs on the one user that the demonstration flows have, and makes it if it is not there.
    fn sign_on_demonstration_user(&mut self) -> Result<Outcome, Stop> {
        let tenant = self.tenant;
        let mut directory = tenant.directory();
        let known = directory.meant(DEMONSTRATION_USER).map(|user| user.id.clone());
        let id: Arc<str> = match known {
            Some(id) => id,
            None => {
                let profile = Profile {
                    username: DEMONSTRATION_USER.to_owned(),
                    email: DEMONSTRATION_USER.to_owned(),
                    given: "Demo".to_owned(),
                    family: "User".to_owned(),
                    population: tenant.population_id.clone(),
                };
                let id = uuid(&mut tenant.draw("user"));
                let user = User::new(&id, profile, tenant.clock.wall());
                let full = || Refusal::custom(Role::Unexpected, "the directory is full");
                directory.add(user).map_err(|_| full())?;
                id.as_str().into()
            }
        };
        self.interaction.user = Some(id);
        Ok(Outcome::Done)
    }

    fn resend_verification(&mut self) -> Result<Outcome, Stop> {
        let Some(id) = self.interaction.user.clone() else { return Ok(Outcome::Done) };
        let mut directory = self.tenant.directory();
        if let Some(user) = directory.get_mut(&id) {
            self.send_verification(user);
        }
        Ok(Outcome::Done)
    }

    fn verify(&mut self) -> Result<Outcome, Stop> {
        self.enter(Role::Verify)?;
        let now = self.tenant.clock.now();
        let validity = self.tenant.settings.validity.verification;
        let typed = self.typed("passcode");
        let mut directory = self.tenant.directory();
        let user = self.interaction.user.clone().and_then(|id| directory.get_mut(&id));
        let user = user.filter(|user| {
            user.verification.as_ref().is_some_and(|code| code.accepts(typed, validity, now))
        });
        let Some(user) = user else {
            return Err(Refusal::custom(Role::Verify, "Invalid verification code").into());
        };
        user.verified = true;
        user.verification = None;
        let to = user.profile.email.clone();
        self.letters.push(Letter { to, kind: Kind::Welcome, code: None });
        Ok(Outcome::Done)
    }

    fn recover(&mut self) -> Result<Outcome, Stop> {
        let password = self.new_password()?;
        self.enter(Role::Recover)?;
        let typed = self.typed("recoveryCode").to_lowercase();
        let tenant = self.tenant;
        let (now, validity) = (tenant.clock.now(), tenant.settings.validity.recovery);
        let mut directory = tenant.directory();
        let user = directory.meant(&self.interaction.lost).filter(|user| {
            user.recovery.as_ref().is_some_and(|code| code.accepts(&typed, validity, now))
        });
        let Some(user) = user else {
            let text = ("recoveryCode", "Invalid recovery code and/or password");
            return Err(Refusal::invalid(Role::Recover, "invalidValue", text).into());
        };
        set_new_password(tenant, user, (Role::Recover, password, None))?;
        user.recovery = None;
        self.interaction.user = Some(user.id.clone());
        Ok(Outcome::Done)
    }

    fn change_password(&mut self) -> Result<Outcome, Stop> {
        let password = self.new_password()?;
        self.enter(Role::ChangePassword)?;
        let current = self.typed("currentPassword");
        let tenant = self.tenant;
        let mut directory = tenant.directory();
        let user = self.interaction.user.clone().and_then(|id| directory.get_mut(&id));
        let Some(user) = user.filter(|user| user.has_used(current, 0)) else {
            let text =
                ("currentPassword", "The provided password did not match provisioned password");
            return Err(Refusal::invalid(Role::ChangePassword, "invalidValue", text).into());
        };
        set_new_password(tenant, user, (Role::ChangePassword, password, Some(current)))?;
        Ok(Outcome::Done)
    }

    /// The new password, if it was typed twice the same way.
    fn new_password(&mut self) -> Result<&'w str, Stop> {
        let password = self.typed("newPassword");
        if password != self.typed("verifyNewPassword") {
            self.enter(Role::Mismatch)?;
            return Err(Refusal::custom(Role::Mismatch, "Passwords do not match.").into());
        }
        Ok(password)
    }

    /// What was typed into a field; empty when nothing was.
    fn typed(&self, name: &'static str) -> &'w str {
        let key = self.interaction.flow.key(name);
        self.answer.typed.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    fn send_recovery(&mut self) {
        let mut directory = self.tenant.directory();
        let Some(user) = directory.meant(&self.interaction.lost) else { return };
        let code = self.code();
        user.recovery = Some(Code { text: code.clone(), made: self.tenant.clock.now() });
        let to = user.profile.email.clone();
        self.letters.push(Letter { to, kind: Kind::Recovery, code: Some(code) });
    }

    fn send_verification(&mut self, user: &mut User) {
        let code = self.code();
        user.verification = Some(Code { text: code.clone(), made: self.tenant.clock.now() });
        let to = user.profile.email.clone();
        self.letters.push(Letter { to, kind: Kind::Verification, code: Some(code) });
    }

    fn code(&self) -> Secret {
        let fixed = self.tenant.settings.mail.code.clone();
        fixed.unwrap_or_else(|| {
            text(&mut self.tenant.draw("code"), ALPHANUMERIC, CODE_LENGTH).into()
        })
    }

    fn enter(&mut self, role: Role) -> Result<(), Stop> {
        let Some(node) = self.interaction.flow.node(role) else { return Ok(()) };
        let limit = self.tenant.settings.limits.node_runs;
        if self.interaction.enter(node.id, limit) { Ok(()) } else { Err(Stop::TooOften) }
    }
}

/// Sets a password that keeps the rules; `current` is the one it replaces, if it was typed.
fn set_new_password(
    tenant: &Tenant,
    user: &mut User,
    (role, password, current): (Role, &str, Option<&str>),
) -> Result<(), Stop> {
    let policy = &tenant.settings.password_policy;
    let mut broken = policy.unsatisfied(password, &user.profile.attributes(), current);
    if user.has_used(password, policy.history) {
        broken.push(("history", "a former password may not come back".to_owned()));
    }
    if !broken.is_empty() {
        let place = ("newPasswordNotValid", "newPassword");
        return Err(Refusal::weak_password(role, place, &broken).into());
    }
    user.set_password(Hashed::of(password, &mut tenant.draw("salt")), policy.history);
    Ok(())
}

/// Whether a text has the form of an address: one `@`, something before it, a domain without spaces
/// after it.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let plain = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@')
    };
    plain(local) && plain(domain) && !domain.starts_with('.') && !domain.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        for (text, is) in [
            ("ada@example.com", true),
            ("a+b@localhost", true),
            ("ada", false),
            ("@example.com", false),
            ("ada@", false),
            ("a da@example.com", false),
            ("ada@exam@ple.com", false),
            ("ada@.com", false),
        ] {
            assert_eq!(is_address(text), is, "{text}");
        }
    }
}
