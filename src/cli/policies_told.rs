//! Which flow policy each journey starts, and which flow versions that distributes: of two users of one run
//! each may meet another.

use super::prepare::Ground;
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::base::names::Journey;
use crate::base::remedy::Remedy;
use crate::management::policies::{Distributed, FlowPolicy, Version};
use crate::report::columns::clean;
use crate::run::policies::policies;
use std::collections::BTreeMap;

/// Told of a policy that the management API does not list.
const UNSEEN: &str = "the worker sees no such policy";

/// Told where nobody may look into a policy.
const CLOSED: &str = "which flows it starts only a worker with the role DaVinci Admin may see";

/// Tells of every tenant that the profile names a worker for. What cannot be read is a caution: whether a
/// policy can be started is shown by starting it.
pub(super) async fn tell(ground: &Ground, terminal: &Terminal) {
    if ground.embedded.is_some() {
        return;
    }
    let at = (&Clock::system(), ground.opened.seed);
    for (variant, tenant) in ground.checked.profile.variants.iter().zip(&ground.tenants) {
        let known = match policies(tenant, &ground.opened.transport, at).await {
            Ok(Some(known)) => known,
            Ok(None) => continue,
            Err(error) => {
                let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
                let caution = terminal.paint(Style::Bad, "caution");
                terminal.say(&format!("{caution} flow policies cannot be read: {error}{remedy}"));
                continue;
            }
        };
        let journeys = ground.checked.journeys.iter().map(|(script, _)| &script.name);
        let started = journeys.map(|journey| (journey, variant.policy(journey)));
        terminal.data(&format!("\n{}", terminal.paint(Style::Strong, &title(&variant.name))));
        lines(started, &known).iter().for_each(|line| terminal.data(&clean(line)));
    }
}

fn title(variant: &crate::base::names::Variant) -> String {
    format!("flow policies ({variant})")
}

/// A line for each policy that is started, journeys that start the same one together.
fn lines<'a>(
    started: impl Iterator<Item = (&'a Journey, Option<&'a str>)>,
    known: &[FlowPolicy],
) -> Vec<String> {
    let mut journeys: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
    for (journey, policy) in started {
        journeys.entry(policy).or_default().push(journey.as_str());
    }
    let line = |(id, journeys): (&Option<&str>, &Vec<&str>)| {
        let policy = known.iter().find(|policy| Some(policy.id.as_str()) == *id);
        let about = match (id, policy) {
            (None, _) => "the application's first policy".to_owned(),
            (Some(id), None) => format!("{id}: {UNSEEN}"),
            (Some(_), Some(policy)) => described(policy),
        };
        format!("  {}  {about}", journeys.join(", "))
    };
    journeys.iter().map(line).collect()
}

fn described(policy: &FlowPolicy) -> String {
    let FlowPolicy { id, name, is_enabled, distribution, .. } = policy;
    let state = if *is_enabled { "enabled" } else { "not enabled" };
    let whole: f64 = distribution.iter().map(|of| of.weight).sum();
    let flows: Vec<_> = distribution.iter().map(|of| share(of, whole)).collect();
    let flows = if flows.is_empty() { CLOSED.to_owned() } else { flows.join(", ") };
    format!("{name} ({id}), {state}: {flows}")
}

fn share(of: &Distributed, whole: f64) -> String {
    let version = match of.version {
        Version::Latest => "latest version".to_owned(),
        Version::Number(number) => format!("version {number}"),
    };
    // Weights of nothing at all leave nothing to divide.
    let share = if whole > 0.0 { of.weight / whole * 100.0 } else { 0.0 };
    format!("{share:.0} % flow {} {version}", of.flow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_told_with_its_state_and_what_it_distributes() {
        let of = |flow: &str, version, weight| Distributed { flow: flow.into(), version, weight };
        let policy = |id: &str, is_enabled, distribution| FlowPolicy {
            id: id.into(),
            name: format!("Policy {id}"),
            is_enabled,
            application: String::new(),
            distribution,
        };
        let known = [
            policy(
                "p",
                true,
                vec![of("f1", Version::Latest, 9.0), of("f2", Version::Number(7), 1.0)],
            ),
            policy("q", false, vec![]),
            policy("z", true, vec![of("f", Version::Latest, 0.0)]),
        ];
        let journeys: Vec<Journey> = ["sign-on", "register", "recovery", "other", "again"]
            .iter()
            .map(|name| (*name).into())
            .collect();
        let started = [Some("p"), Some("q"), Some("gone"), None, Some("p")];
        let told = lines(journeys.iter().zip(started), &known);
        insta::assert_snapshot!(told.join("\n"), @r"
          other  the application's first policy
          recovery  gone: the worker sees no such policy
          sign-on, again  Policy p (p), enabled: 90 % flow f1 latest version, 10 % flow f2 version 7
          register  Policy q (q), not enabled: which flows it starts only a worker with the role DaVinci Admin may see
        ");
        assert_eq!(share(&of("f", Version::Latest, 0.0), 0.0), "0 % flow f latest version");
    }
}
