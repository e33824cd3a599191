//! A flow walked form by form for somebody who decides at each one, with real values, and kept as a
//! draft of a journey.

use super::cast::{Cast, Stage};
use super::draft::{Act, Came, Draft};
use super::interview::Reply;
use super::outcome;
use super::perform::Part;
use super::role::{Whose, invites};
use super::rule::{Expect, Rule, When};
use super::script::{End, Script, Start};
use super::template::{Source, Template, Variable};
use crate::base::document::Problem;
use crate::davinci::form::{Filled, Form};
use crate::davinci::node::{Completion, Refusal};
use crate::davinci::oidc::Tokens;
use crate::davinci::walk::{ChallengeState, Turn, Walk, WalkError, read_challenge};
use crate::identity::account::AccountState;
use crate::transport::Session;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Map;

/// A journey that needs everything that a rehearsal may need, to prepare the ground with.
pub fn needs(state: Option<AccountState>) -> Result<Script, Vec<Problem>> {
    let account = state.map_or("none", AccountState::name);
    Script::parse(
        "rehearsal",
        &format!(
            "name = \"rehearsal\"\ngoal = \"code\"\naccount = \"{account}\"\n[[rule]]\nname = \"any\"\n\
             when = {{ fields = [\"any\"] }}\nanswer = {{ any = \"{{code}}{{persona.email}}\" }}\n"
        ),
    )
}

/// Where a rehearsal stands after a reply.
#[derive(Debug)]
pub enum Met {
    /// There is a form to answer.
    Form,
    /// The answer was turned down; the form is still there.
    Refused(Refusal),
    /// The flow is over, well.
    Complete,
    /// The flow is over, and why.
    Broken(String),
}

/// A flow that is being walked.
pub struct Rehearsal<'s> {
    stage: &'s Stage,
    session: &'s mut Session,
    policy: Option<String>,
    walk: Walk,
    persona: Cast,
    account: Option<Cast>,
    draft: Draft,
    /// The answer that was turned down last, until it is known whether that was meant, and the keys
    /// of the secrets that were typed into it.
    refused: Option<(Act, Vec<String>)>,
    completion: Option<Completion>,
    tokens: Option<Tokens>,
    invited: bool,
}

impl<'s> Rehearsal<'s> {
    /// Invents the person, leases the account if there is one, and starts the flow. `Err` says what
    /// prevented it.
    pub async fn start(
        stage: &'s Stage,
        session: &'s mut Session,
        (policy, index): (Option<&str>, u64),
        state: Option<AccountState>,
    ) -> Result<(Self, Met), String> {
        let gather = |state| {
            let script = needs(state).map_err(|_| "the rehearsal is not sound".to_owned())?;
            let part = Part { script: &script, policy, index };
            Cast::gather(stage, part).map_err(|(_, detail)| detail)
        };
        let persona = gather(None)?;
        // Without one a person can still type in their own.
        let account = state.and_then(|state| gather(Some(state)).ok());
        let random = persona.random(stage, "");
        let application = stage.application.clone();
        let (walk, request) = match stage.start {
            Start::Authorize => Walk::authorize(application, policy, &random),
            Start::Policy => {
                let missing = |what: &str| format!("a start by policy needs {what}");
                let policy = policy.ok_or_else(|| missing("the id of a flow policy"))?;
                let bearer = stage.bearer.as_ref().ok_or_else(|| missing("a bearer token"))?;
                Walk::start(application, policy, &bearer.borrow(), &Map::new(), &random)
            }
        }
        .map_err(|error| error.to_string())?;
        let policy = policy.map(str::to_owned);
        let draft =
            Draft { state: account.is_some().then_some(state).flatten(), ..Draft::default() };
        let (refused, completion, tokens, invited) = (None, None, None, false);
        let mut rehearsal = Self {
            stage,
            session,
            policy,
            walk,
            persona,
            account,
            draft,
            refused,
            completion,
            tokens,
            invited,
        };
        let met = rehearsal.send(request).await;
        let met = rehearsal.wait_through(met).await;
        rehearsal.draft.first = rehearsal.walk.form().cloned();
        Ok((rehearsal, met))
    }

    /// The form at hand.
    pub fn form(&self) -> Option<&Form> {
        self.walk.form()
    }

    /// Whose values the form at hand is likely to want.
    pub fn whose(&self) -> Whose {
        let persona = self
            .draft
            .acts
            .iter()
            .any(|act| act.uses(Variable::PersonaEmail) || act.uses(Variable::PersonaPassword));
        let is_new = (self.invited || persona) && !self.draft.uses_account();
        if is_new { Whose::Persona } else { Whose::Account }
    }

    /// Whether there is an account whose values can be sent.
    pub const fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// Answers the form at hand. Waits for a code where one is needed. `Err` says why the answer
    /// could not be sent; the form is still there.
    pub async fn answer(&mut self, reply: Reply) -> Result<Met, String> {
        self.keep_refusal(false);
        let form = self.walk.form().cloned().ok_or("there is no form")?;
        let mut filled = Vec::with_capacity(reply.entries.len());
        for entry in &reply.entries {
            let text = match &entry.typed {
                Some(typed) => typed.clone(),
                None => self.fill(&entry.template, &reply).await?,
            };
            filled.push(Filled { key: entry.key.clone(), text });
        }
        let request =
            self.walk.answer(&reply.action, &filled).map_err(|error| error.to_string())?;
        let typed = reply.entries.iter().filter(|entry| entry.typed.is_some());
        let typed = typed.map(|entry| entry.key.clone()).collect();
        let answers = reply.entries.into_iter().map(|entry| (entry.key, entry.template));
        let mut act =
            Act { form, action: reply.action, answers: answers.collect(), came: Came::Refusal };
        let mut deed = self
            .foretell(&act)
            .map_err(|error| format!("the ledger cannot be written: {error}"))?;
        let met = self.send(request).await;
        let met = self.wait_through(met).await;
        act.came = match &met {
            Met::Form => Came::Form(Box::new(self.walk.form().cloned().unwrap_or_default())),
            Met::Complete => Came::End,
            Met::Refused(_) | Met::Broken(_) => Came::Refusal,
        };
        deed.spoils_account = matches!(met, Met::Refused(_));
        if let Some(account) = &mut self.account {
            account.settle(&deed, matches!(met, Met::Form | Met::Complete));
        }
        if act.sends_code() {
            let deed = rule(|rule| rule.sends_code = true);
            let written = self.casts().try_for_each(|cast| cast.1.foretell(&deed, cast.0));
            written.map_err(|error| format!("the ledger cannot be written: {error}"))?;
        }
        self.invited |= invites(&act.action);
        match met {
            Met::Refused(_) => self.refused = Some((act, typed)),
            Met::Form | Met::Complete => self.draft.acts.push(act),
            Met::Broken(_) => {}
        }
        Ok(met)
    }

    /// Whether the last answer was meant to be turned down: then it belongs to the journey. A secret
    /// that was typed into it was wrong, and so is what stands in its place.
    pub fn keep_refusal(&mut self, is_meant: bool) {
        let Some((mut act, typed)) = self.refused.take().filter(|_| is_meant) else { return };
        for (_, template) in act.answers.iter_mut().filter(|(key, _)| typed.contains(key)) {
            *template = wrong(template);
        }
        self.draft.acts.push(act);
    }

    /// Makes a call after the flow. `Err` says why it did not go well.
    pub async fn after(&mut self, end: End) -> Result<u16, String> {
        let none = || "there is no token".to_owned();
        let request = match end {
            // The flow handed it out itself.
            End::Token if self.tokens.is_some() => {
                self.draft.ends.push(end);
                return Ok(200);
            }
            End::Token => {
                let completion = self.completion.as_ref().ok_or_else(none)?;
                let request = self.walk.token(completion);
                request.ok_or_else(|| "the flow handed out no code".to_owned())?
            }
            End::Userinfo => {
                self.stage.application.userinfo(self.tokens.as_ref().ok_or_else(none)?)
            }
            End::SignOff => self.stage.application.sign_off(self.tokens.as_ref().ok_or_else(none)?),
            End::Revoke => self.stage.application.revoke(self.tokens.as_ref().ok_or_else(none)?),
            End::StartAgain => {
                let random = self.persona.random(self.stage, "again");
                let (walk, request) = Walk::authorize(
                    self.stage.application.clone(),
                    self.policy.as_deref(),
                    &random,
                )
                .map_err(|error| error.to_string())?;
                self.walk = walk;
                Ok(request)
            }
        };
        let reply = self.exchange(request.map_err(|error| error.to_string())?).await?;
        let status = reply.status();
        if end == End::Token {
            self.tokens = Tokens::read(&reply).ok();
        }
        if !status.is_success() || (end == End::Token && self.tokens.is_none()) {
            return Err(format!("{} answered with status {}", end.name(), status.as_u16()));
        }
        if end == End::StartAgain {
            let Turn::Complete(completion) = self.walk.receive(&reply) else {
                return Err("the second start shows a form: there is no session".to_owned());
            };
            self.completion = Some(completion);
        }
        self.draft.ends.push(end);
        Ok(status.as_u16())
    }

    /// What was recorded.
    pub fn into_draft(self) -> Draft {
        self.draft
    }

    async fn exchange(&mut self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        self.session.exchange(request).await.reply.map_err(|fault| fault.to_string())
    }

    async fn send(&mut self, request: Request<Bytes>) -> Met {
        let reply = match self.exchange(request).await {
            Ok(reply) => reply,
            Err(fault) => return Met::Broken(fault),
        };
        match self.walk.receive(&reply) {
            Turn::Answer { refusal: None } => Met::Form,
            Turn::Answer { refusal: Some(refusal) } => Met::Refused(refusal),
            Turn::Complete(mut completion) => {
                // A flow for widgets hands its tokens out itself.
                self.tokens = completion.tokens.take();
                self.completion = Some(completion);
                self.draft.is_complete = true;
                Met::Complete
            }
            Turn::Stay if self.walk.polling().is_none() => {
                Met::Broken("the flow stays where it is".to_owned())
            }
            Turn::Stay => Met::Form,
            Turn::End(ending) => Met::Broken(outcome::describe(&ending)),
        }
    }

    /// Waits, as a client does, while the form at hand only wants to be polled: no journey says
    /// anything about that.
    async fn wait_through(&mut self, mut met: Met) -> Met {
        let mut polls = 0;
        while let (Met::Form, Some(polling)) = (&met, self.walk.polling().cloned()) {
            let offers = |form: &Form| form.actions.iter().any(|action| !action.key.is_empty());
            if self.walk.form().is_some_and(offers) {
                break;
            }
            if polls > polling.retries {
                return Met::Broken("it was polled as often as the form says".to_owned());
            }
            tokio::time::sleep(polling.interval).await;
            polls += 1;
            let value = match self.walk.challenge_status() {
                Some(request) => match self.challenge(request).await {
                    Ok(ChallengeState::Pending) => continue,
                    Ok(ChallengeState::Done(value)) => value,
                    Err(what) => return Met::Broken(what),
                },
                None => "continue".to_owned(),
            };
            met = match self.walk.poll(&value) {
                Ok(request) => self.send(request).await,
                Err(error) => Met::Broken(error.to_string()),
            };
        }
        met
    }

    async fn challenge(
        &mut self,
        request: Result<Request<Bytes>, WalkError>,
    ) -> Result<ChallengeState, String> {
        let reply = self.exchange(request.map_err(|error| error.to_string())?).await?;
        Ok(read_challenge(&reply))
    }

    /// Whoever gets the code: the account as soon as it has a part in the journey.
    async fn fill(&mut self, template: &Template, reply: &Reply) -> Result<String, String> {
        let of_account = |template: &Template| {
            template.variables().any(|variable| variable.source() == Source::Account)
        };
        let with_account = self.draft.uses_account()
            || reply.entries.iter().any(|entry| of_account(&entry.template));
        let receiver = match &mut self.account {
            Some(account) if with_account => account,
            _ => &mut self.persona,
        };
        if template.variables().any(|variable| variable == Variable::Code) {
            receiver.fetch_code(self.stage).await.map_err(|_| {
                "no code came in time; type it, or choose another action".to_owned()
            })?;
        }
        let value = |variable: Variable| {
            let cast = match (variable.source(), &self.account) {
                (Source::Account, Some(account)) => account,
                (Source::Codes, Some(account)) if with_account => account,
                _ => &self.persona,
            };
            cast.value(variable, self.stage)
        };
        template
            .fill(value)
            .map_err(|variable| format!("there is nothing for `{{{}}}`", variable.name()))
    }

    /// Notes on the ledger what an answer may be about to do.
    fn foretell(&mut self, act: &Act) -> Result<Rule, std::io::Error> {
        let creates = act.uses(Variable::PersonaPassword)
            || (act.uses(Variable::PersonaEmail) && !self.draft.uses_account());
        self.persona.foretell(&rule(|rule| rule.creates_account = creates), self.stage)?;
        let changes = act.uses(Variable::AccountNewPassword);
        let deed = rule(|rule| rule.changes_password = changes);
        if let Some(account) = &mut self.account {
            account.foretell(&deed, self.stage)?;
        }
        Ok(deed)
    }

    fn casts(&mut self) -> impl Iterator<Item = (&'s Stage, &mut Cast)> {
        let stage = self.stage;
        std::iter::once(&mut self.persona).chain(&mut self.account).map(move |cast| (stage, cast))
    }
}

/// What is wrong where the template is right.
fn wrong(template: &Template) -> Template {
    match template.variables().next() {
        Some(Variable::Code) => Template::plain(WRONG_CODE).unwrap_or_else(|| template.clone()),
        Some(Variable::PersonaPassword) => Variable::PersonaWeakPassword.into(),
        Some(variable) if variable.is_secret() => Variable::PersonaWrongPassword.into(),
        _ => template.clone(),
    }
}

/// No tenant sends it but by chance.
const WRONG_CODE: &str = "000000";

/// A rule that does one thing.
fn rule(change: impl FnOnce(&mut Rule)) -> Rule {
    let mut rule = Rule {
        name: "rehearsed".into(),
        when: When::default(),
        answer: Vec::new(),
        action: Vec::new(),
        at_most: None,
        creates_account: false,
        changes_password: false,
        sends_code: false,
        spoils_account: false,
        expect: Expect::Advance,
    };
    change(&mut rule);
    rule
}
