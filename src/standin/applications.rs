//! The management API for applications: the OIDC one, and the DaVinci one with its policies.

use super::call::Call;
use super::management::{collection, for_worker, key, not_found};
use super::reply::Reply;
use super::settings::FlowPolicy;
use super::tenant::{Tenant, uuid};
use serde_json::{Value, json};

/// Lists the OIDC applications.
pub fn list(tenant: &Tenant, call: &Call) -> Reply {
    for_worker(tenant, call, || collection("applications", vec![application(tenant)]))
        .of(key("applications", "GET"))
}

/// One OIDC application.
pub fn read(tenant: &Tenant, call: &Call) -> Reply {
    for_worker(tenant, call, || {
        if is_application(tenant, call) { Reply::ok(&application(tenant)) } else { not_found() }
    })
    .of(key("applications", "GET"))
}

/// The flow policies of an OIDC application, by priority.
pub fn assignments(tenant: &Tenant, call: &Call) -> Reply {
    for_worker(tenant, call, || {
        if !is_application(tenant, call) {
            return not_found();
        }
        let shown = tenant.settings.policies.iter().zip(1..).map(|(policy, priority)| {
            // The ids follow from the seed, so that they are the same at every question.
            let id = uuid(&mut tenant.settings.seed.stream("assignment", priority));
            json!({
                "id": id,
                "priority": priority,
                "flowPolicy": { "id": policy.id },
                "application": { "id": tenant.settings.application.client_id },
                "environment": { "id": tenant.settings.environment_id },
            })
        });
        collection("flowPolicyAssignments", shown.collect())
    })
    .of(key("flowPolicyAssignments", "GET"))
}

/// Lists the DaVinci applications.
pub fn davinci_list(tenant: &Tenant, call: &Call) -> Reply {
    for_worker(tenant, call, || collection("davinciApplications", vec![davinci(tenant)]))
        .of(key("davinciApplications", "GET"))
}

/// One DaVinci application.
pub fn davinci_read(tenant: &Tenant, call: &Call) -> Reply {
    for_worker(tenant, call, || {
        if is_davinci(tenant, call) { Reply::ok(&davinci(tenant)) } else { not_found() }
    })
    .of(key("davinciApplications", "GET"))
}

/// The flow policies of a DaVinci application, with the versions that each draws from.
pub fn davinci_policies(tenant: &Tenant, call: &Call) -> Reply {
    for_worker(tenant, call, || {
        if !is_davinci(tenant, call) {
            return not_found();
        }
        let shown = tenant.settings.policies.iter().map(distributed);
        collection("flowPolicies", shown.collect())
    })
    .of(key("flowPolicies", "GET"))
}

fn distributed(policy: &FlowPolicy) -> Value {
    let versions = policy.distribution.iter().map(|version| {
        let flow = super::flows::named(&version.flow);
        json!({ "id": flow.map(|flow| flow.id), "version": -1, "weight": version.weight })
    });
    json!({
        "id": policy.id,
        "name": policy.name,
        "status": "enabled",
        "trigger": { "type": "AUTHENTICATION" },
        "flowDistributions": versions.collect::<Vec<_>>(),
    })
}

fn is_application(tenant: &Tenant, call: &Call) -> bool {
    call.segment("application") == tenant.settings.application.client_id
}

fn is_davinci(tenant: &Tenant, call: &Call) -> bool {
    call.segment("application") == tenant.settings.davinci_application.id
}

fn application(tenant: &Tenant) -> Value {
    let application = &tenant.settings.application;
    let mut grants = vec!["AUTHORIZATION_CODE"];
    if application.refresh_tokens {
        grants.push("REFRESH_TOKEN");
    }
    let confidential = application.client_secret.is_some();
    json!({
        "id": application.client_id,
        "name": "Stand-in application",
        "enabled": true,
        "type": "WEB_APP",
        "protocol": "OPENID_CONNECT",
        "redirectUris": application.redirect_uris,
        "grantTypes": grants,
        "responseTypes": ["CODE"],
        "pkceEnforcement": if application.require_pkce { "S256_REQUIRED" } else { "OPTIONAL" },
        "tokenEndpointAuthMethod": if confidential { "CLIENT_SECRET_BASIC" } else { "NONE" },
        "environment": { "id": tenant.settings.environment_id },
    })
}

/// Without its key: who reads this could start flows with it.
fn davinci(tenant: &Tenant) -> Value {
    json!({
        "id": tenant.settings.davinci_application.id,
        "name": "Stand-in application",
        "apiKeyEnabled": true,
        "environment": { "id": tenant.settings.environment_id },
    })
}
