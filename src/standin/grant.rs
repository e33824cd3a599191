//! The end of a flow: a session, an authorization code, and the success reply that carries them.

use super::flow::{Flow, Form, Role};
use super::interaction::{Request, Start};
use super::refusal::failed_flow;
use super::reply::Reply;
use super::session::{Session, cookie_of};
use super::tenant::{SESSION_AGE, Tenant, uuid};
use super::token::tokens;
use serde_json::{Value, json};
use std::sync::Arc;

/// What an authorization code stands for.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The authorize request.
    pub request: Arc<Request>,
    /// The session it belongs to.
    pub session: Session,
}

/// Where a flow stood when it ended.
#[derive(Clone, Copy, Debug)]
pub struct End<'e> {
    /// Interaction id.
    pub interaction: &'e str,
    /// Interaction token.
    pub token: &'e str,
    /// The flow.
    pub flow: &'static Flow,
    /// The last form, or the first if none was shown; none if the flow has no forms.
    pub form: Option<&'static Form>,
}

/// Opens a session for a user who just proved who they are.
pub fn open_session(tenant: &Tenant, user: Arc<str>) -> Session {
    let id = uuid(&mut tenant.draw("session"));
    let session = Session {
        cookie: cookie_of(tenant, &id),
        id,
        user,
        authenticated: tenant.clock.now(),
        authenticated_s: tenant.epoch_s(),
    };
    tenant.sessions.insert(&session.cookie, session.clone(), tenant.clock.now());
    session
}

/// Ends a flow well, in the way that its start asks for.
pub fn succeed(tenant: &Tenant, end: End<'_>, request: Arc<Request>, session: Session) -> Reply {
    let cookie = session.cookie.clone();
    let grant = Grant { request, session };
    let (role, members) = match grant.request.start {
        Start::Authorize => (Role::Success, redirect_members(tenant, end, grant)),
        Start::Policy => match widget_members(tenant, &grant) {
            Some(members) => (Role::WidgetSuccess, members),
            None => {
                let message = "The tokens were not signed";
                return failed_flow(&tenant.settings.environment_id, "server_error", message);
            }
        },
        Start::Key => {
            (Role::ApiSuccess, json!({ "additionalProperties": { "userId": *grant.session.user } }))
        }
        Start::Page => (Role::Success, page_members(tenant, grant)),
    };
    let body = closing(tenant, end, role, members);
    let age = SESSION_AGE.as_secs();
    Reply::ok(&body).with_cookie("ST", &cookie, age).with_cookie("ST-NO-SS", &cookie, age)
}

/// The last reply of a flow: the members that all ends have, and those of one kind.
fn closing(tenant: &Tenant, end: End<'_>, role: Role, members: Value) -> Value {
    let node = end.flow.node(role);
    let mut body = json!({
        "interactionId": end.interaction,
        "companyId": tenant.settings.environment_id,
        "connectionId": node.map(|node| node.connection),
        "connectorId": node.map(|node| node.connector),
        "id": node.map(|node| node.id),
        "capabilityName": node.map(|node| node.capability),
        "success": true,
    });
    if let (Value::Object(body), Value::Object(members)) = (&mut body, members) {
        body.extend(members);
    }
    body
}

/// The end of a flow for an authorize request: an authorization code.
fn redirect_members(tenant: &Tenant, end: End<'_>, grant: Grant) -> Value {
    let code = uuid(&mut tenant.draw("grant"));
    let mut response = json!({ "code": code });
    if let Some(state) = &grant.request.state {
        response["state"] = json!(state);
    }
    let node = end.flow.node(Role::Success);
    let own = || {
        node.map(|n| format!("/davinci/connections/{}/capabilities/{}", n.connection, n.capability))
    };
    let path = end.form.map(Form::path).or_else(own).unwrap_or_default();
    let members = json!({
        "environment": { "id": tenant.settings.environment_id },
        "session": { "id": grant.session.id },
        "status": "COMPLETED",
        "authorizeResponse": response,
        "isResponseCompatibleWithMobileAndWebSdks": true,
        "sessionToken": grant.session.cookie,
        "sessionTokenMaxAge": SESSION_AGE.as_secs(),
        "resetCookie": true,
        "interactionToken": end.token,
        "_links": { "self": { "href": format!("{}{path}", tenant.prefix()) } },
        "subFlowSettings": {
            "reactSkUrl": "https://assets.stand-in.example/davinci.js",
            "cssUrl": null,
            "cssLinks": [],
            "jsLinks": [],
            "loadingScreenSettings": "{}",
            "useInternetExplorerTag": false,
        },
    });
    tenant.grants.insert(&code, grant, tenant.clock.now());
    members
}

/// The end of a flow that was started by policy: tokens, and no code. None only if signing fails.
fn widget_members(tenant: &Tenant, grant: &Grant) -> Option<Value> {
    let mut members = tokens(tenant, grant)?;
    members["sessionToken"] = json!(grant.session.cookie);
    members["sessionTokenMaxAge"] = json!(SESSION_AGE.as_secs());
    members["additionalProperties"] = json!({});
    Some(members)
}

/// The end of a flow that the hosted page runs: something to resume the authorize request with.
fn page_members(tenant: &Tenant, grant: Grant) -> Value {
    let response = uuid(&mut tenant.draw("grant"));
    tenant.grants.insert(&response, grant, tenant.clock.now());
    json!({ "dvResponse": response })
}
