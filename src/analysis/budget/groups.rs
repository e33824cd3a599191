//! The rate groups of a licence, and which calls count in which of them.

use crate::analysis::capacity::found::GroupCalls;
use crate::result::summary::{JourneySummary, Summary};

/// A rate group: what a profile calls it, how it is called in a licence, and what counts in it.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Its name in profiles and reports.
    pub name: &'static str,
    /// The keys of a licence's quantities that limit it, calls a second; where there are several, the lowest
    /// counts.
    pub codes: &'static [&'static str],
    /// What counts in it, for people.
    pub covers: &'static str,
}

/// Starts of flows.
pub const START: &str = "davinci-start";
/// Answers to forms.
pub const EXECUTION: &str = "davinci-execution";
/// Polls.
pub const CALLBACK: &str = "davinci-callback";
/// Tokens.
pub const SSO: &str = "sso";
/// Introspection and userinfo.
pub const TOKEN_CHECK: &str = "token-check";
/// Reading users.
pub const DIRECTORY_READ: &str = "directory-read";
/// Making and changing users.
pub const DIRECTORY_WRITE: &str = "directory-write";

/// The groups in which calls of gander count, in the order of reports. That there are these groups is
/// documented, the codes are those of the vendor's published models.
pub const GROUPS: &[Group] = &[
    Group { name: START, codes: &["rlgDvFlowStartRps"], covers: "starts of flows" },
    Group { name: EXECUTION, codes: &["rlgDvFlowExecRps"], covers: "answers to forms" },
    Group { name: CALLBACK, codes: &["rlgDvFlowCallbackRps"], covers: "polls" },
    Group { name: SSO, codes: &["rlgAuthnRps"], covers: "tokens, sign-off, pushed requests" },
    Group { name: TOKEN_CHECK, codes: &["rlgTokenCheckRps"], covers: "introspection, userinfo" },
    Group { name: DIRECTORY_READ, codes: &["rlgDirAccessRps"], covers: "reading users" },
    Group {
        name: DIRECTORY_WRITE,
        codes: &["rlgDirWriteRps"],
        covers: "making and changing users by the worker",
    },
];

/// The group of each call outside a flow. That every endpoint belongs to exactly one group is documented;
/// which one it is, is assumed here: no public document lists them.
const OUTSIDE: &[(&str, &str)] = &[
    ("authorize", START),
    ("start", START),
    ("challenge-status", CALLBACK),
    ("par", SSO),
    ("token", SSO),
    ("revoke", SSO),
    ("sign-off", SSO),
    ("userinfo", TOKEN_CHECK),
    ("introspection", TOKEN_CHECK),
];

/// The event of the answers that ask whether something outside the flow has happened.
const POLLING: &str = "polling";

/// The group of a row of exchanges: answers to forms are executions, polls are callbacks. A call outside a flow
/// has no event.
pub fn group_of(capability: &str, event: &str) -> &'static str {
    let outside = OUTSIDE.iter().find(|(name, _)| event.is_empty() && *name == capability);
    match outside {
        Some((_, group)) => group,
        None if event == POLLING => CALLBACK,
        None => EXECUTION,
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
    let of = |group: &Group| {
        let rows = summary.steps.iter();
        let rows = rows.filter(|row| group_of(row.capability.as_str(), &row.event) == group.name);
        let samples: u64 = rows.map(|row| row.samples).sum();
        let per_iteration = samples as f64 / iterations as f64;
        let per_s = per_iteration * rate_per_s;
        let group = group.name.to_owned();
        (samples > 0).then_some(GroupCalls { group, per_iteration, per_s })
    };
    GROUPS.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_row_of_the_table_names_a_group_of_the_list() {
        for (name, group) in OUTSIDE {
            assert!(GROUPS.iter().any(|known| known.name == *group), "{name}");
            assert_eq!(group_of(name, ""), *group);
        }
    }

    #[test]
    fn no_name_and_no_code_stands_for_two_groups() {
        let names: BTreeSet<_> = GROUPS.iter().map(|group| group.name).collect();
        let codes: Vec<_> = GROUPS.iter().flat_map(|group| group.codes).collect();
        assert_eq!(names.len(), GROUPS.len());
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
    }

    #[test]
    fn answers_are_executions_and_polls_are_callbacks() {
        assert_eq!(group_of("customHTMLTemplate", "submit"), EXECUTION);
        assert_eq!(group_of("customHTMLTemplate", "action"), EXECUTION);
        assert_eq!(group_of("challenge", POLLING), CALLBACK);
        // A flow may have a capability that is called like one of ours.
        assert_eq!(group_of("token", "submit"), EXECUTION);
    }
}
