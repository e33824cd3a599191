//! Answers to forms: `POST …/connections/{connection}/capabilities/{capability}`.

use super::answer::Answer;
use super::call::Call;
use super::flow::{Form, Lead, Leads, Outcome, Polling, Role, Task, lead_of};
use super::grant::{End, open_session, succeed};
use super::interaction::Interaction;
use super::page::{Blanks, Dialect};
use super::refusal::{Refusal, failed_flow, malformed, timed_out, unauthorized};
use super::reply::{Key, Reply};
use super::settings::NodeRunsAnswer;
use super::start::REGION;
use super::task::{Stop, Work};
use super::tenant::Tenant;
use axum::http::StatusCode;
use serde_json::json;

/// Answers the waiting form.
pub fn advance(tenant: &Tenant, call: &Call) -> Reply {
    let segment = call.segment("capability");
    let Some(answer) = Answer::read(&call.body) else {
        return malformed("the body is not a JSON object").of(Key::answer(segment, "", ""));
    };
    let key = Key::answer(segment, &answer.event, &answer.action);
    // Headers win over cookies, one by one: some clients send the id as a header and the token as
    // a cookie only (observed; which wins on the service is unknown).
    let proof = |name| call.header(name).or_else(|| call.cookie(name));
    let (Some(id), Some(token)) = (proof("interactionId"), proof("interactionToken")) else {
        return unauthorized().of(key);
    };
    let now = tenant.clock.now();
    let scene = Scene::of(tenant, call);
    let step = tenant.interactions.with(id, now, |interaction| {
        if interaction.token != token {
            return Step { reply: unauthorized().of(key.clone()), over: false };
        }
        let capability = interaction.waiting.map_or(segment, |form| form.style.capability);
        let key = Key::answer(capability, &answer.event, &answer.action);
        let mut step = scene.take(interaction, &answer);
        step.reply.key = key;
        step
    });
    let Some(step) = step else { return unauthorized().of(key) };
    if step.over {
        tenant.interactions.take(id, now);
    }
    step.reply
}

/// Who asks for what: the frame in which an interaction moves.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'s> {
    /// The tenant.
    pub tenant: &'s Tenant,
    /// The request.
    pub call: &'s Call,
    /// Dialect of the reply.
    pub dialect: Dialect,
}

/// What became of an answer.
#[derive(Debug)]
pub struct Step {
    /// The reply.
    pub reply: Reply,
    /// Whether the interaction is over.
    pub over: bool,
}

impl Step {
    fn stay(reply: Reply) -> Self {
        Self { reply, over: false }
    }

    fn end(reply: Reply) -> Self {
        Self { reply, over: true }
    }
}

impl<'s> Scene<'s> {
    /// The scene of a request.
    pub fn of(tenant: &'s Tenant, call: &'s Call) -> Self {
        let dialect = if call.is_sdk() { Dialect::Sdk } else { Dialect::Screen };
        Self { tenant, call, dialect }
    }

    /// Performs a task for an interaction and follows where its outcome leads.
    pub fn perform(
        self,
        interaction: &mut Interaction,
        answer: &Answer,
        (task, leads): (Task, Leads),
    ) -> Step {
        let (tenant, call) = (self.tenant, self.call);
        let mut work = Work { tenant, call, interaction, answer, letters: Vec::new() };
        let outcome = work.perform(task);
        let letters = work.letters.into();
        let mut step = match outcome {
            Ok(outcome) => match Self::lead(leads, outcome) {
                Ok(lead) => self.follow(interaction, lead),
                Err(refusal) => self.refuse(interaction, &refusal),
            },
            Err(Stop::TooOften) => return too_often(tenant, interaction),
            Err(Stop::Refused(refusal)) => self.refuse(interaction, &refusal),
        };
        step.reply.letters = letters;
        step
    }

    /// Where an outcome leads. A flow without a page for a locked account or an old password
    /// refuses (assumed codes); one that does not care about addresses goes on.
    fn lead(leads: Leads, outcome: Outcome) -> Result<Option<Lead>, Refusal> {
        let lead = lead_of(leads, outcome);
        match (lead, outcome) {
            (Some(_), _) | (None, Outcome::Done) => Ok(lead),
            (None, Outcome::Unverified) => Ok(lead_of(leads, Outcome::Done)),
            (None, Outcome::Locked) => Err(Refusal::of_state("passwordLockedOut")),
            (None, Outcome::MustChange) => Err(Refusal::of_state("passwordExpired")),
        }
    }

    /// Takes an answer from somebody who proved that the interaction is theirs.
    fn take(self, interaction: &mut Interaction, answer: &Answer) -> Step {
        let (tenant, call) = (self.tenant, self.call);
        let age = tenant.clock.now().duration_since(interaction.started);
        if age >= tenant.settings.limits.interaction_timeout {
            return Step::stay(timed_out(&interaction.id));
        }
        let Some(form) = interaction.waiting else { return broken(tenant) };
        let right_place = call.segment("connection") == form.style.connection
            && call.segment("capability") == form.style.capability
            && interaction.is_at(&answer.id);
        if tenant.settings.strict_ids && !right_place {
            return Step::stay(unauthorized());
        }
        if let Some(polling) = form.polling.filter(|_| answer.event == "polling") {
            return self.poll(interaction, answer, polling);
        }
        match form.button(&answer.action) {
            Some(button) => self.perform(interaction, answer, (button.task, button.leads)),
            None => self.refuse_value(interaction),
        }
    }

    /// Takes a poll. Polls do not count as runs of the node (documented).
    fn poll(self, interaction: &mut Interaction, answer: &Answer, polling: &Polling) -> Step {
        let value = answer.polled(polling.key);
        let lead = polling.leads.iter().find(|(known, _)| *known == value).map(|(_, lead)| *lead);
        if polling.challenge {
            // The word of a client is not enough: the challenge itself must have been approved.
            if value == "approved" && !super::challenge::is_approved(self.tenant, interaction) {
                return self.refuse_value(interaction);
            }
        } else if value == "continue" {
            interaction.polls = interaction.polls.saturating_add(1);
            if interaction.polls <= self.tenant.settings.polling.stays {
                return Step::stay(self.rewind(interaction));
            }
        }
        match lead {
            Some(lead) => self.follow(interaction, Some(lead)),
            None => self.refuse_value(interaction),
        }
    }

    fn follow(self, interaction: &mut Interaction, lead: Option<Lead>) -> Step {
        let tenant = self.tenant;
        match lead {
            Some(Lead::Form(id)) => {
                let Some(form) = interaction.flow.form(id) else { return broken(tenant) };
                if !interaction.enter(form.id, tenant.settings.limits.node_runs) {
                    return too_often(tenant, interaction);
                }
                let is_first = interaction.waiting.is_none();
                interaction.show(form);
                if form.polling.is_some_and(|polling| polling.challenge) {
                    super::challenge::pose(tenant, interaction);
                }
                Step::stay(self.show(interaction, form, is_first))
            }
            Some(Lead::Success) => {
                let Some(user) = interaction.user.clone() else { return broken(tenant) };
                let session = open_session(tenant, user);
                let Interaction { id, token, flow, .. } = &*interaction;
                let form = interaction.waiting.or_else(|| flow.first());
                let end = End { interaction: id, token, flow, form };
                Step::end(succeed(tenant, end, interaction.request.clone(), session))
            }
            None => broken(tenant),
        }
    }

    /// The reply that shows a form.
    fn show(self, interaction: &Interaction, form: &'static Form, is_first: bool) -> Reply {
        let (id, token) = (&interaction.id, &interaction.token);
        let extra = match (self.dialect, is_first) {
            (Dialect::Screen, _) => format!(r#""skProxyApiEnvironmentId":"{REGION}","#),
            (Dialect::Sdk, false) => String::new(),
            // Connectors that name themselves in every page do so in the first one too.
            (Dialect::Sdk, true) if !form.style.more.is_empty() => {
                r#""success":true,"startUiSubFlow":true,"#.to_owned()
            }
            (Dialect::Sdk, true) => {
                r#""connectorId":"api","success":true,"startUiSubFlow":true,"#.to_owned()
            }
        };
        let mut body = format!(r#"{{"interactionId":"{id}","interactionToken":"{token}",{extra}"#);
        let blanks = Blanks { echo: &interaction.echo, challenge: &interaction.challenge };
        let Some(page) = self.tenant.page(form, self.dialect) else {
            return broken(self.tenant).reply;
        };
        page.add_to(&mut body, blanks);
        body.push('}');
        Reply::text(StatusCode::OK, body)
    }

    /// The reply to a poll that has to go on (observed in client fixtures).
    fn rewind(self, interaction: &Interaction) -> Reply {
        let form = interaction.waiting;
        Reply::ok(&json!({
            "interactionId": *interaction.id,
            "interactionToken": interaction.token,
            "companyId": self.tenant.settings.environment_id,
            "id": form.map(|form| form.id),
            "success": true,
            "eventName": "rewindStateToLastRenderedUI",
            "_links": { "next": {
                "href": form.map(|form| format!("{}{}", self.tenant.prefix(), form.path())),
            } },
        }))
    }

    fn refuse_value(self, interaction: &mut Interaction) -> Step {
        self.refuse(interaction, &Refusal::custom(Role::Unexpected, "Received an unexpected value"))
    }

    /// Refuses an answer; form, link and token stay good.
    fn refuse(self, interaction: &mut Interaction, refusal: &Refusal) -> Step {
        interaction.last_error = interaction.flow.node(refusal.role).map(|node| node.id);
        let company = &self.tenant.settings.environment_id;
        Step::stay(refusal.reply(interaction.flow, company, &interaction.id))
    }
}

fn too_often(tenant: &Tenant, interaction: &Interaction) -> Step {
    let message = "A node ran more often than the flow allows";
    Step::end(match tenant.settings.limits.node_runs_answer {
        NodeRunsAnswer::FailedFlow => {
            failed_flow(&tenant.settings.environment_id, "server_error", message)
        }
        NodeRunsAnswer::Refusal => Reply::json(
            StatusCode::BAD_REQUEST,
            &json!({
                "interactionId": *interaction.id, "code": "nodeRunsExceeded", "message": message,
                "httpResponseCode": 400, "expected": false,
            }),
        ),
    })
}

/// A flow whose tables lead nowhere, or to success without a user. The tests of the tables see to
/// it that no flow is like that.
fn broken(tenant: &Tenant) -> Step {
    let message = "The flow has no way on from here";
    Step::end(failed_flow(&tenant.settings.environment_id, "server_error", message))
}
