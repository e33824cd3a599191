//! The start of a flow, whoever asks for it: session check, input, opening task, first page.

use super::answer::Answer;
use super::call::Call;
use super::capability::Scene;
use super::flow::Flow;
use super::grant::{End, succeed};
use super::interaction::{Interaction, Request};
use super::refusal::login_required;
use super::reply::Reply;
use super::session::Session;
use super::tenant::{Tenant, hexadecimal, uuid};
use rand::Rng;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Age of the interaction's cookies (observed: 3600 s).
const COOKIE_AGE_S: u64 = 3600;

/// Age of the cookie that names the region (observed: 900 s).
const REGION_AGE_S: u64 = 900;

/// The region that serves this tenant, as the cookie and the screen dialect name it (observed).
pub const REGION: &str = "us-west-2";

/// A start that somebody may ask for.
#[derive(Debug)]
pub struct Opening {
    /// The flow.
    pub flow: &'static Flow,
    /// What the end has to be like.
    pub request: Arc<Request>,
    /// Input of the flow; it keeps to the schema.
    pub input: Map<String, Value>,
    /// A session that the flow may end with at once.
    pub session: Option<Session>,
    /// Whether nothing may be shown.
    pub silent: bool,
}

/// Starts a flow.
pub fn open(scene: Scene<'_>, opening: Opening) -> Reply {
    let Opening { flow, request, input, session, silent } = opening;
    let tenant = scene.tenant;
    let mut random = tenant.draw("interaction");
    let id = uuid(&mut random);
    let mut proof = [0; 128];
    random.fill_bytes(&mut proof);
    let token = hexadecimal(&proof);
    if let Some(session) = session.filter(|_| flow.checks_session) {
        let end = End { interaction: &id, token: &token, flow, form: flow.first() };
        return succeed(tenant, end, request, session);
    }
    if silent {
        return login_required();
    }
    let now = tenant.clock.now();
    let mut interaction = Interaction::start((&id, token.clone()), flow, request, now);
    let answer = Answer::of_input(&input);
    let step = scene.perform(&mut interaction, &answer, flow.opening);
    if step.over || interaction.waiting.is_none() {
        return step.reply;
    }
    tenant.interactions.insert(&id, interaction, now);
    step.reply
        .with_cookie("interactionId", &id, COOKIE_AGE_S)
        .with_cookie("interactionToken", &token, COOKIE_AGE_S)
        .with_cookie("skProxyApiEnvironmentId", REGION, REGION_AGE_S)
}

/// The session of the caller's cookie, if its sign-on is recent enough for the flow.
pub fn live_session(tenant: &Tenant, call: &Call) -> Option<Session> {
    session_of(tenant, call.cookie("ST").or_else(|| call.cookie("ST-NO-SS"))?)
}

/// The session of a session token, if its sign-on is recent enough for the flow.
pub fn session_of(tenant: &Tenant, token: &str) -> Option<Session> {
    let now = tenant.clock.now();
    let session = tenant.sessions.with(token, now, |session| session.clone())?;
    let recent = now.duration_since(session.authenticated) < tenant.settings.validity.session;
    let known = tenant.directory().get(&session.user).is_some();
    (recent && known).then_some(session)
}
