//! Flow policies, and how each distributes its starts among flow versions. Pure.
//!
//! The members are documented by the platform. One policy can have several entries; which of them a start
//! gets is drawn by weight, so that two users of one run may legitimately meet different flows.

use super::error::ManagementError;
use super::reply::{Page, page, required, text};
use serde_json::Value;

/// A flow policy of an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowPolicy {
    /// The id, by which a run starts it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it can be started.
    pub is_enabled: bool,
    /// The DaVinci application that it belongs to; empty where the tenant does not tell.
    pub application: String,
    /// What it starts; empty where the worker may not see that.
    pub distribution: Vec<Distributed>,
}

/// One flow version of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Distributed {
    /// Id of the flow.
    pub flow: String,
    /// Which version of it.
    pub version: Version,
    /// How often it is drawn, compared with the others.
    pub weight: f64,
}

/// A version of a flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// Whichever was published last (`-1`).
    Latest,
    /// A certain one.
    Number(u64),
}

/// Reads a page of flow policies of the environment.
pub(super) fn policies(
    call: &'static str,
    body: &[u8],
) -> Result<Page<FlowPolicy>, ManagementError> {
    page(call, body, "flowPolicies", policy)
}

fn policy(call: &'static str, body: &Value) -> Result<FlowPolicy, ManagementError> {
    let is_enabled = match (body.get("enabled"), body.get("status")) {
        (Some(enabled), _) => enabled.as_bool() == Some(true),
        (None, status) => status.and_then(Value::as_str) == Some("enabled"),
    };
    let entries = body.get("flowDistributions").and_then(Value::as_array);
    Ok(FlowPolicy {
        id: required(call, body, "id")?,
        name: text(body, "/name"),
        is_enabled,
        application: text(body, "/application/id"),
        distribution: entries.into_iter().flatten().filter_map(distributed).collect(),
    })
}

fn distributed(entry: &Value) -> Option<Distributed> {
    let version = match entry.get("version").and_then(Value::as_i64) {
        Some(number) => u64::try_from(number).map_or(Version::Latest, Version::Number),
        None => Version::Latest,
    };
    Some(Distributed {
        flow: entry.get("id")?.as_str()?.to_owned(),
        version,
        weight: entry.get("weight").and_then(Value::as_f64).unwrap_or(0.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_with_what_it_distributes() {
        let body = br#"{"_embedded":{"flowPolicies":[
            {"id":"p","name":"Sign on","status":"enabled","flowDistributions":[
                {"id":"f1","version":-1,"weight":90},{"id":"f2","version":7,"weight":10},{"version":1}]},
            {"id":"q","enabled":false,"application":{"id":"a"}}]}}"#;
        let page = policies("list flow policies", body).unwrap();
        let of = |flow: &str, version, weight| Distributed { flow: flow.into(), version, weight };
        assert_eq!(
            page.items[0].distribution,
            [of("f1", Version::Latest, 90.0), of("f2", Version::Number(7), 10.0)]
        );
        let told = |policy: &FlowPolicy| (policy.is_enabled, policy.application.clone());
        assert_eq!(told(&page.items[0]), (true, String::new()));
        assert_eq!(told(&page.items[1]), (false, "a".to_owned()));
    }
}
