//! The management API, but for users: environment, populations, flow policies.

use super::call::Call;
use super::rate_limit::Group;
use super::reply::{Key, Reply};
use super::settings::FlowPolicy;
use super::tenant::{Tenant, uuid};
use super::token::{Bearer, bearer};
use axum::http::StatusCode;
use serde_json::{Number, Value, json};

/// Performs a management call for the worker application, and for nobody else.
pub fn for_worker(tenant: &Tenant, call: &Call, perform: impl FnOnce() -> Reply) -> Reply {
    match bearer(tenant, call) {
        Some(Bearer::Worker) => perform(),
        Some(Bearer::User { .. }) => Reply::platform(
            StatusCode::FORBIDDEN,
            "ACCESS_FAILED",
            "This token does not open the management API",
        ),
        None => Reply::platform(
            StatusCode::UNAUTHORIZED,
            "INVALID_TOKEN",
            "The access token is missing or not good",
        ),
    }
}

/// The environment with the rate limits of its licence: those of `[rate_limits]`, and invented numbers for the
/// others.
pub fn environment(tenant: &Tenant, call: &Call) -> Reply {
    let reply = for_worker(tenant, call, || {
        let rates = &tenant.settings.rate_limits.rates;
        let limit = |group: Group, invented: u32| {
            // What is in force is what is told.
            let set = rates.get(group as usize).copied().flatten();
            json!({ "limit": set.map_or_else(|| invented.into(), |rate| whole(rate.per_second)) })
        };
        Reply::ok(&json!({
            "id": tenant.settings.environment_id,
            "name": "Stand-in tenant",
            "type": "SANDBOX",
            "region": "NA",
            "license": {
                "id": tenant.settings.environment_id,
                "licenseQuantities": {
                    "rlgDvFlowStartRps": limit(Group::DavinciStart, 100),
                    "rlgDvFlowExecRps": limit(Group::DavinciExecution, 300),
                    "rlgDvFlowCallbackRps": limit(Group::DavinciCallback, 300),
                    "rlgAuthnRps": limit(Group::Sso, 300),
                    "rlgTokenCheckRps": limit(Group::TokenCheck, 300),
                    "rlgDirAccessRps": limit(Group::DirectoryRead, 500),
                    "rlgDirWriteRps": limit(Group::DirectoryWrite, 100),
                },
            },
        }))
    });
    reply.of(key("environment", "GET"))
}

/// A number as the platform writes limits: without a fraction where it has none.
fn whole(number: f64) -> Value {
    // A float is displayed without a fraction then, and read as the integer it is.
    number.to_string().parse::<Number>().map_or(Value::Null, Value::Number)
}

/// Lists populations.
pub fn populations(tenant: &Tenant, call: &Call) -> Reply {
    let reply = for_worker(tenant, call, || {
        let directory = tenant.directory();
        let populations = directory.populations().iter();
        let wanted = call.query().get("filter").map(str::to_owned);
        let shown: Vec<Value> = populations
            .filter(|population| {
                wanted.as_deref().is_none_or(|filter| {
                    filter == format!("name eq {}", json!(population.name))
                        || filter == format!("id eq {}", json!(population.id))
                })
            })
            .map(|population| {
                json!({
                    "id": population.id,
                    "name": population.name,
                    "default": population.id == tenant.population_id,
                    "userCount": population.users,
                    "environment": { "id": tenant.settings.environment_id },
                })
            })
            .collect();
        collection("populations", shown)
    });
    reply.of(key("populations", "GET"))
}

/// Creates a population.
pub fn create_population(tenant: &Tenant, call: &Call) -> Reply {
    let reply = for_worker(tenant, call, || {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let Some(name) = body["name"].as_str().filter(|name| !name.is_empty()) else {
            return invalid(("REQUIRED_VALUE", "name"), "name is required");
        };
        let id = uuid(&mut tenant.draw("population"));
        let mut directory = tenant.directory();
        match directory.add_population(id, name.to_owned()) {
            Some(made) => Reply::json(
                StatusCode::CREATED,
                &json!({ "id": made.id, "name": made.name, "default": false, "userCount": 0 }),
            ),
            None => invalid(("UNIQUENESS_VIOLATION", "name"), "a population has this name"),
        }
    });
    reply.of(key("populations", "POST"))
}

/// Lists the flow policies.
pub fn flow_policies(tenant: &Tenant, call: &Call) -> Reply {
    let reply = for_worker(tenant, call, || {
        let shown = tenant.settings.policies.iter().map(|policy| shown(tenant, policy));
        collection("flowPolicies", shown.collect())
    });
    reply.of(key("flowPolicies", "GET"))
}

/// One flow policy.
pub fn flow_policy(tenant: &Tenant, call: &Call) -> Reply {
    let reply = for_worker(tenant, call, || {
        let mut policies = tenant.settings.policies.iter();
        match policies.find(|policy| policy.id == call.segment("policy")) {
            Some(policy) => Reply::ok(&shown(tenant, policy)),
            None => not_found(),
        }
    });
    reply.of(key("flowPolicies", "GET"))
}

fn shown(tenant: &Tenant, policy: &FlowPolicy) -> Value {
    json!({
        "id": policy.id,
        "name": policy.name,
        "enabled": true,
        "trigger": { "type": "AUTHENTICATION" },
        "application": {
            "id": tenant.settings.davinci_application.id, "name": "Stand-in application",
        },
    })
}

/// Key of a management call: the resource as the event, the method as the action.
pub fn key(resource: &str, method: &str) -> Key {
    Key::answer("management", resource, method)
}

/// 400 with one detail, given by its code and target.
pub fn invalid((code, target): (&str, &str), message: &str) -> Reply {
    invalid_with(json!({ "code": code, "target": target, "message": message }))
}

/// 400 with a detail.
pub fn invalid_with(detail: Value) -> Reply {
    Reply::json(
        StatusCode::BAD_REQUEST,
        &json!({
            "id": "00000000-0000-4000-8000-000000000000",
            "code": "INVALID_DATA",
            "message": "The request could not be completed. One or more validation errors were in the request.",
            "details": [detail],
        }),
    )
}

/// 404 in the platform's shape.
pub fn not_found() -> Reply {
    Reply::platform(StatusCode::NOT_FOUND, "NOT_FOUND", "There is no such object")
}

/// A collection, whole on one page.
pub fn collection(name: &str, items: Vec<Value>) -> Reply {
    let count = items.len();
    Reply::ok(&json!({ "_embedded": { name: items }, "count": count, "size": count }))
}
