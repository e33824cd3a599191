//! Which calls of an iteration count against which rate group of a licence.

use super::found::GroupCalls;
use crate::result::summary::{JourneySummary, Summary};

/// The groups in which calls of journeys count, in the order of reports.
const GROUPS: &[&str] =
    &["davinci-start", "davinci-execution", "davinci-callback", "sso", "token-check"];

/// The group of each call outside a flow. That every endpoint belongs to exactly one group is documented;
/// which one it is, is assumed here: no public document lists them.
const OUTSIDE: &[(&str, &str)] = &[
    ("authorize", "davinci-start"),
    ("start", "davinci-start"),
    ("challenge-status", "davinci-callback"),
    ("par", "sso"),
    ("token", "sso"),
    ("revoke", "sso"),
    ("sign-off", "sso"),
    ("userinfo", "token-check"),
    ("introspection", "token-check"),
];

/// The event of the answers that ask whether something outside the flow has happened.
const POLLING: &str = "polling";

/// The group of a row of exchanges: answers to forms are executions, polls are callbacks.
fn group_of(capability: &str, event: &str) -> &'static str {
    let outside = OUTSIDE.iter().find(|(name, _)| event.is_empty() && *name == capability);
    match outside {
        Some((_, group)) => group,
        None if event == POLLING => "davinci-callback",
        None => "davinci-execution",
    }
}

/// Calls by group: how many each iteration makes, of a level that was measured, and how many that is a second
/// at its rate. Groups without any call are left out.
#[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 exchanges")]
pub fn calls(summary: &Summary, rate_per_s: f64) -> Vec<GroupCalls> {
    let ended = |journey: &JourneySummary| journey.completed + journey.failed + journey.cut_off;
    let iterations: u64 = summary.journeys.iter().map(ended).sum();
    if iterations == 0 {
        return Vec::new();
    }
    let of = |group: &&str| {
        let rows = summary.steps.iter();
        let rows = rows.filter(|row| group_of(row.capability.as_str(), &row.event) == *group);
        let samples: u64 = rows.map(|row| row.samples).sum();
        let per_iteration = samples as f64 / iterations as f64;
        let per_s = per_iteration * rate_per_s;
        (samples > 0).then(|| GroupCalls { group: (*group).to_owned(), per_iteration, per_s })
    };
    GROUPS.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_names_a_group_of_the_list() {
        for (name, group) in OUTSIDE {
            assert!(GROUPS.contains(group), "{name}");
            assert_eq!(group_of(name, ""), *group);
        }
    }

    #[test]
    fn answers_are_executions_and_polls_are_callbacks() {
        assert_eq!(group_of("customHTMLTemplate", "submit"), "davinci-execution");
        assert_eq!(group_of("customHTMLTemplate", "action"), "davinci-execution");
        assert_eq!(group_of("challenge", POLLING), "davinci-callback");
        // A flow may have a capability that is called like one of ours.
        assert_eq!(group_of("token", "submit"), "davinci-execution");
    }
}
