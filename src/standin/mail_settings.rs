//! The management API for the way of mails: one setting for the environment, which is kept and shown and does
//! not move the stand-in's own mails. What a reading of it leaves out is assumed.

use super::call::Call;
use super::management::{for_worker, invalid, key};
use super::reply::Reply;
use super::tenant::Tenant;
use serde_json::{Value, json};

/// Members that go in and never come out again (assumed: the platform does not show secrets).
const SECRET: &[&str] = &["password", "authentication"];

/// Shows the setting; the members of the platform's own mail service are none.
pub fn read(tenant: &Tenant, call: &Call) -> Reply {
    for_worker(tenant, call, || {
        Reply::ok(&shown(tenant, tenant.mail_settings().clone().unwrap_or_else(|| json!({}))))
    })
    .of(key("emailDeliverySettings", "GET"))
}

/// Replaces the setting by an SMTP server or a custom provider.
pub fn replace(tenant: &Tenant, call: &Call) -> Reply {
    let reply = for_worker(tenant, call, || {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let is_custom = body["provider"] == "CUSTOM_PROVIDER";
        let is_server = body["host"].is_string() && body["port"].is_u64();
        if !is_custom && !is_server {
            return invalid(("REQUIRED_VALUE", "host"), "a server or a provider is required");
        }
        if !body["from"]["address"].is_string() {
            return invalid(("REQUIRED_VALUE", "from.address"), "a sender is required");
        }
        let reply = Reply::ok(&shown(tenant, body.clone()));
        *tenant.mail_settings() = Some(body);
        reply
    });
    reply.of(key("emailDeliverySettings", "PUT"))
}

/// Goes back to the platform's own mail service.
pub fn remove(tenant: &Tenant, call: &Call) -> Reply {
    let reply = for_worker(tenant, call, || {
        *tenant.mail_settings() = None;
        Reply::empty()
    });
    reply.of(key("emailDeliverySettings", "DELETE"))
}

fn shown(tenant: &Tenant, mut setting: Value) -> Value {
    if let Some(members) = setting.as_object_mut() {
        members.retain(|name, _| !SECRET.contains(&name.as_str()));
        members.insert("environment".into(), json!({ "id": tenant.settings.environment_id }));
    }
    setting
}
