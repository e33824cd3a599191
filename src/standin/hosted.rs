//! The hosted page: what a browser gets that is sent to the authorize endpoint, and the way back
//! from it to the application (observed on a live tenant, not documented).

use super::call::Call;
use super::interaction::{Request, Start};
use super::refusal::malformed;
use super::reply::{Key, Reply};
use super::screen::escape;
use super::sdk_token::{Bound, make};
use super::session::Session;
use super::tenant::{Tenant, uuid};
use axum::http::{StatusCode, header};
use serde_json::json;
use std::sync::Arc;

/// The page that runs a flow. Its script is not served: a client reads `skProps` and `state` out of
/// it, walks the flow itself and comes back to the resume endpoint.
pub fn page(tenant: &Tenant, request: Request) -> Reply {
    let state = uuid(&mut tenant.draw("page"));
    let policy = request.policy.clone();
    let request = Request { start: Start::Page, page: Some(state.clone()), ..request };
    let bound = Bound {
        policy: Some(policy.clone()),
        request: Some(Arc::new(request)),
        ..Bound::default()
    };
    let Some(token) = make(tenant, bound) else {
        return Reply::oauth(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "not signed");
    };
    let company = &tenant.settings.environment_id;
    let properties =
        json!({ "accessToken": token, "companyId": company, "policyId": policy }).to_string();
    // Nothing in it can end the script: ids and a token have no `<`.
    let html = format!(
        "<!DOCTYPE html>\n<html>\n<head><title>Sign On</title></head>\n<body>\n\
         <div class=\"skWidget\"></div>\n\
         <form method=\"post\" action=\"{}/as/resume\">\n\
         <input type=\"hidden\" name=\"dvResponse\" value=\"\">\n\
         <input type=\"hidden\" name=\"state\" value=\"{}\">\n</form>\n\
         <script>var skProps = {properties};</script>\n</body>\n</html>\n",
        escape(&tenant.prefix()),
        escape(&state),
    );
    Reply::text(StatusCode::OK, html)
        .with_header(header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned())
}

/// `POST …/as/resume`: takes what the flow ended with and sends the browser to the application.
pub fn resume(tenant: &Tenant, call: &Call) -> Reply {
    let form = call.form();
    let response = form.get("dvResponse").unwrap_or_default();
    let grant = tenant.grants.take(response, tenant.clock.now());
    let meant = grant.filter(|grant| {
        grant.request.page.is_some() && grant.request.page.as_deref() == form.get("state")
    });
    let reply = match meant {
        None => malformed("dvResponse or state is unknown, expired or was used before"),
        Some(grant) => {
            let request = Request { start: Start::Authorize, ..(*grant.request).clone() };
            to_application(tenant, Arc::new(request), grant.session)
        }
    };
    reply.of(Key::outside("resume"))
}

/// 302 to the application, with an authorization code.
pub fn to_application(tenant: &Tenant, request: Arc<Request>, session: Session) -> Reply {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let code = uuid(&mut tenant.draw("grant"));
    query.append_pair("code", &code);
    if let Some(state) = &request.state {
        query.append_pair("state", state);
    }
    let uri = &request.redirect_uri;
    let sign = if uri.contains('?') { '&' } else { '?' };
    let location = format!("{uri}{sign}{}", query.finish());
    let grant = super::grant::Grant { request, session };
    tenant.grants.insert(&code, grant, tenant.clock.now());
    Reply::json(StatusCode::FOUND, &json!({})).with_header(header::LOCATION, location)
}
