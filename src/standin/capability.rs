//! Answers to forms: `POST …/connections/{connection}/capabilities/{capability}`.

use super::call::Call;
use super::flow::{Lead, Role};
use super::grant::{End, open_session, succeed};
use super::interaction::Interaction;
use super::refusal::{Refusal, failed_flow, malformed, timed_out, unauthorized};
use super::reply::{Key, Reply};
use super::settings::NodeRunsAnswer;
use super::task::{Stop, Work};
use super::tenant::Tenant;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// What a request says, read leniently: clients leave out what they do not need.
#[derive(Debug, Default)]
struct Answer {
    id: String,
    event: String,
    action: String,
    typed: Map<String, Value>,
}

/// Answers the waiting form.
pub fn advance(tenant: &Tenant, call: &Call) -> Reply {
    let segment = call.segment("capability");
    let Some(answer) = Answer::read(&call.body) else {
        return malformed("the body is not a JSON object").of(Key::answer(segment, "", ""));
    };
    let key = Key::answer(segment, &answer.event, &answer.action);
    if !call.is_sdk() {
        let what =
            "this tenant does not speak the screen dialect yet: send `X-Requested-With: ping-sdk`";
        return malformed(what).of(key);
    }
    // Headers win over cookies, one by one: some clients send the id as a header and the token as
    // a cookie only (observed; which wins on the service is unknown).
    let proof = |name| call.header(name).or_else(|| call.cookie(name));
    let (Some(id), Some(token)) = (proof("interactionId"), proof("interactionToken")) else {
        return unauthorized().of(key);
    };
    let now = tenant.clock.now();
    let step = tenant.interactions.with(id, now, |interaction| {
        if interaction.token != token {
            return Step { reply: unauthorized().of(key.clone()), over: false };
        }
        let capability = interaction.waiting.capability;
        let key = Key::answer(capability, &answer.event, &answer.action);
        let mut step = take(tenant, call, interaction, &answer);
        step.reply.key = key;
        step
    });
    let Some(step) = step else { return unauthorized().of(key) };
    if step.over {
        tenant.interactions.take(id, now);
    }
    step.reply
}

/// The reply that shows the waiting form, `extra` members included.
pub fn show(tenant: &Tenant, interaction: &Interaction, extra: &str) -> Reply {
    let (id, token) = (&interaction.id, &interaction.token);
    let members = tenant.members_of(interaction.waiting);
    let body =
        format!(r#"{{"interactionId":"{id}","interactionToken":"{token}",{extra}{members}}}"#);
    Reply::text(StatusCode::OK, body)
}

/// What became of an answer.
struct Step {
    reply: Reply,
    /// Whether the interaction is over.
    over: bool,
}

impl Step {
    fn stay(reply: Reply) -> Self {
        Self { reply, over: false }
    }

    fn end(reply: Reply) -> Self {
        Self { reply, over: true }
    }
}

/// Takes an answer from somebody who proved that the interaction is theirs.
fn take(tenant: &Tenant, call: &Call, interaction: &mut Interaction, answer: &Answer) -> Step {
    let settings = &tenant.settings;
    let age = tenant.clock.now().duration_since(interaction.started);
    if age >= settings.limits.interaction_timeout {
        return Step::stay(timed_out(&interaction.id));
    }
    let form = interaction.waiting;
    let right_place = call.segment("connection") == form.connection
        && call.segment("capability") == form.capability
        && interaction.is_at(&answer.id);
    if settings.strict_ids && !right_place {
        return Step::stay(unauthorized());
    }
    let Some(button) = form.button(&answer.action) else {
        let refusal = Refusal::custom(Role::Unexpected, "Received an unexpected value");
        return refuse(tenant, interaction, &refusal);
    };
    let mut work = Work { tenant, interaction, typed: &answer.typed, letters: Vec::new() };
    let outcome = work.perform(button.task);
    let letters = work.letters.into();
    let lead = match outcome {
        Ok(outcome) => {
            button.leads.iter().find(|(from, _)| *from == outcome).map(|(_, lead)| *lead)
        }
        Err(Stop::TooOften) => return too_often(tenant, interaction),
        Err(Stop::Refused(refusal)) => {
            let mut step = refuse(tenant, interaction, &refusal);
            step.reply.letters = letters;
            return step;
        }
    };
    let mut step = follow(tenant, interaction, lead);
    step.reply.letters = letters;
    step
}

fn follow(tenant: &Tenant, interaction: &mut Interaction, lead: Option<Lead>) -> Step {
    match lead {
        Some(Lead::Form(id)) => {
            let Some(form) = interaction.flow.form(id) else { return broken(tenant) };
            if !interaction.enter(form.id, tenant.settings.limits.node_runs) {
                return too_often(tenant, interaction);
            }
            interaction.show(form);
            Step::stay(show(tenant, interaction, ""))
        }
        Some(Lead::Success) => {
            let Some(user) = interaction.user.clone() else { return broken(tenant) };
            let session = open_session(tenant, user);
            let (flow, form) = (interaction.flow, interaction.waiting);
            let end = End { interaction: &interaction.id, token: &interaction.token, flow, form };
            Step::end(succeed(tenant, end, interaction.request.clone(), session))
        }
        None => broken(tenant),
    }
}

/// Refuses an answer; form, link and token stay good.
fn refuse(tenant: &Tenant, interaction: &mut Interaction, refusal: &Refusal) -> Step {
    interaction.last_error = interaction.flow.node(refusal.role).map(|node| node.id);
    let company = &tenant.settings.environment_id;
    Step::stay(refusal.reply(interaction.flow, company, &interaction.id))
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

impl Answer {
    fn read(body: &[u8]) -> Option<Self> {
        let Value::Object(mut body) = serde_json::from_slice(body).ok()? else { return None };
        let mut parameters = object(body.remove("parameters"));
        let mut data = object(parameters.remove("data"));
        let typed = object(data.remove("formData"));
        let (id, event) = (text(body.remove("id")), text(parameters.remove("eventType")));
        Some(Self { id, event, action: text(data.remove("actionKey")), typed })
    }
}

fn object(value: Option<Value>) -> Map<String, Value> {
    if let Some(Value::Object(object)) = value { object } else { Map::new() }
}

fn text(value: Option<Value>) -> String {
    if let Some(Value::String(text)) = value { text } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_may_leave_out_almost_everything() {
        for body in ["{}", r#"{"parameters":{}}"#, r#"{"parameters":{"data":{"formData":[]}}}"#] {
            let answer = Answer::read(body.as_bytes()).unwrap();
            assert_eq!((answer.action.as_str(), answer.typed.len()), ("", 0), "{body}");
        }
        for body in ["", "[]", "nonsense", "{\"id\":"] {
            assert!(Answer::read(body.as_bytes()).is_none(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Answer::read(&body);
        }
    }
}
