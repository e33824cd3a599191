//! A flow walked form by form for somebody who decides at each one, with real values, and kept as a
//! draft of a journey.

use super::cast::{Cast, Stage};
use super::draft::{Act, Came, Draft};
use super::interview::{Choice, Reply};
use super::outcome;
use super::perform::Part;
use super::role::{Whose, invites};
use super::rule::{Expect, Rule, When};
use super::script::{End, Script, Start};
use super::template::{Source, Template, Variable};
use crate::base::document::Problem;
use crate::davinci::form::{Filled, Form};
use crate::davinci::node::{Completion, Kind, Refusal};
use crate::davinci::oidc::Tokens;
use crate::davinci::walk::{ChallengeState, Round, Rounds, Turn, Walk, read_challenge};
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

    /// Answers the form at hand, or polls it. Waits for a code where one is needed. `Err` says why
    /// nothing came of it; the form is still there.
    pub async fn answer(&mut self, reply: Reply) -> Result<Met, String> {
        self.keep_refusal(false);
        let action = match &reply.choice {
            Choice::Press(key) => key.clone(),
            Choice::Wait => return self.wait().await,
        };
        let form = self.walk.form().cloned().ok_or("there is no form")?;
        let mut filled = Vec::with_capacity(reply.entries.len());
        for entry in &reply.entries {
            let text = match &entry.typed {
                Some(typed) => typed.expose().clone(),
                None => self.fill(&entry.template, &reply).await?,
            };
            filled.push(Filled { key: entry.key.clone(), text });
        }
        let request = self.walk.answer(&action, &filled).map_err(|error| error.to_string())?;
        let typed = reply.entries.iter().filter(|entry| entry.typed.is_some());
        let typed = typed.map(|entry| entry.key.clone()).collect();
        let answers = reply.entries.into_iter().map(|entry| (entry.key, entry.template));
        let mut act = Act { form, action, answers: answers.collect(), came: Came::Refusal };
        let mut deed = self
            .foretell(&act)
            .map_err(|error| format!("the ledger cannot be written: {error}"))?;
        let met = self.send(request).await;
        let met = self.wait_through(met).await;
        act.came = self.came(&met).unwrap_or(Came::Refusal);
        deed.spoils_account = matches!(met, Met::Refused(_));
        if let Some(account) = &mut self.account {
            account.settle(&deed, matches!(met, Met::Form | Met::Complete));
        }
        if act.sends_code() {
            self.expect_code()?;
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
        match self.exchange(request).await {
            Ok(reply) => {
                let turn = self.walk.receive(&reply);
                self.met(turn)
            }
            Err(fault) => Met::Broken(fault),
        }
    }

    fn met(&mut self, turn: Turn) -> Met {
        match turn {
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
            // No form yet, and no server in trouble: the start itself was turned down.
            Turn::End(ending) if ending.kind == Kind::Refusal && self.form().is_none() => {
                Met::Broken(format!("{}; {NO_INPUT}", outcome::describe(&ending)))
            }
            Turn::End(ending) => Met::Broken(outcome::describe(&ending)),
        }
    }

    /// What came of an answer that was not turned down.
    fn came(&self, met: &Met) -> Option<Came> {
        match met {
            Met::Form => Some(Came::Form(Box::new(self.walk.form().cloned().unwrap_or_default()))),
            Met::Complete => Some(Came::End),
            Met::Refused(_) | Met::Broken(_) => None,
        }
    }

    /// Notes that the tenant sends a code.
    fn expect_code(&mut self) -> Result<(), String> {
        let deed = rule(|rule| rule.sends_code = true);
        let written = self.casts().try_for_each(|cast| cast.1.foretell(&deed, cast.0));
        written.map_err(|error| format!("the ledger cannot be written: {error}"))
    }

    /// Waits, as a client does, while the form at hand has no button and only wants to be polled.
    async fn wait_through(&mut self, mut met: Met) -> Met {
        for _ in 0..MOST_WAITS {
            let offers = |form: &Form| form.actions.iter().any(|action| !action.key.is_empty());
            let is_stuck = matches!(met, Met::Form)
                && self.walk.polling().is_some()
                && !self.walk.form().is_some_and(offers);
            if !is_stuck {
                return met;
            }
            met = self.poll().await.unwrap_or_else(Met::Broken);
        }
        Met::Broken("one form after the other wants to be polled".to_owned())
    }

    /// Waits at a form that has buttons, too. The journey does the same by itself, so that what was
    /// done before has led to where the flow stands now.
    async fn wait(&mut self) -> Result<Met, String> {
        let met = self.poll().await?;
        let met = self.wait_through(met).await;
        let Some(came) = self.came(&met) else { return Ok(met) };
        match self.draft.acts.last_mut() {
            Some(act) if act.is_refused() => {}
            Some(act) => {
                act.came = came;
                if act.sends_code() {
                    self.expect_code()?;
                }
            }
            None => self.draft.first = self.walk.form().cloned(),
        }
        Ok(met)
    }

    /// Polls the form at hand until the flow goes on. `Err` says why it did not; the form is still
    /// there.
    async fn poll(&mut self) -> Result<Met, String> {
        let polling = self.walk.polling().ok_or("the form has nothing to poll")?;
        let mut rounds = Rounds::of(polling);
        while let Some((pause, round)) = self.walk.next_round(&mut rounds) {
            tokio::time::sleep(pause).await;
            let value = match round {
                Round::Ask => {
                    rounds.decide(self.challenge().await?);
                    continue;
                }
                Round::Tell(value) => value,
            };
            let request = self.walk.poll(&value).map_err(|error| error.to_string())?;
            let reply = self.exchange(request).await?;
            match self.walk.receive(&reply) {
                Turn::Stay => {}
                Turn::Answer { refusal: Some(refusal) } => {
                    return Err(format!(
                        "`{value}` was turned down with status {}",
                        refusal.status
                    ));
                }
                turn => return Ok(self.met(turn)),
            }
        }
        Err("the flow still waits after it was polled as often as it allows".to_owned())
    }

    /// Asks for the state of the challenge.
    async fn challenge(&mut self) -> Result<ChallengeState, String> {
        let request = self.walk.challenge_status().ok_or("the form has no challenge")?;
        let reply = self.exchange(request.map_err(|error| error.to_string())?).await?;
        let status = reply.status().as_u16();
        let state = read_challenge(&reply).filter(|_| matches!(status, 200..=299 | 400));
        state.ok_or_else(|| format!("the state of the challenge came with status {status}"))
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

/// Most forms that are waited at in a row.
const MOST_WAITS: usize = 100;

/// What a start that was turned down may lack.
const NO_INPUT: &str = "a recording starts flows without input, so one that needs some cannot be recorded here: write `[input]` into a journey file, or import a recording of a browser";

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
