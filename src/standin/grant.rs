//! The end of a flow: a session, an authorization code, and the success reply that carries them.

use super::flow::{Flow, Form, Role};
use super::interaction::Request;
use super::reply::Reply;
use super::session::{Session, cookie_of};
use super::tenant::{SESSION_AGE, Tenant, uuid};
use serde_json::json;
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
    /// The last form, or the first if none was shown.
    pub form: &'static Form,
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

/// Ends a flow well: hands out a code and sets the session's cookies.
pub fn succeed(tenant: &Tenant, end: End<'_>, request: Arc<Request>, session: Session) -> Reply {
    let code = uuid(&mut tenant.draw("grant"));
    let mut response = json!({ "code": code });
    if let Some(state) = &request.state {
        response["state"] = json!(state);
    }
    let node = end.flow.node(Role::Success);
    let environment = &tenant.settings.environment_id;
    let body = json!({
        "interactionId": end.interaction,
        "companyId": environment,
        "connectionId": node.map(|node| node.connection),
        "connectorId": node.map(|node| node.connector),
        "id": node.map(|node| node.id),
        "capabilityName": node.map(|node| node.capability),
        "environment": { "id": environment },
        "session": { "id": session.id },
        "status": "COMPLETED",
        "authorizeResponse": response,
        "isResponseCompatibleWithMobileAndWebSdks": true,
        "sessionToken": session.cookie,
        "sessionTokenMaxAge": SESSION_AGE.as_secs(),
        "success": true,
        "resetCookie": true,
        "interactionToken": end.token,
        "_links": { "self": { "href": format!("{}{}", tenant.prefix(), end.form.path()) } },
        "subFlowSettings": {
            "reactSkUrl": "https://assets.stand-in.example/davinci.js",
            "cssUrl": null,
            "cssLinks": [],
            "jsLinks": [],
            "loadingScreenSettings": "{}",
            "useInternetExplorerTag": false,
        },
    });
    let cookie = session.cookie.clone();
    tenant.grants.insert(&code, Grant { request, session }, tenant.clock.now());
    Reply::ok(&body).with_cookie("ST", &cookie, SESSION_AGE.as_secs()).with_cookie(
        "ST-NO-SS",
        &cookie,
        SESSION_AGE.as_secs(),
    )
}
