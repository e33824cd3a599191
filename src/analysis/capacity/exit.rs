//! How the program ends after a search.

use super::found::{Capacity, LevelVerdict, Reason};
use crate::analysis::verdict::Exit;

/// How it ends for each reason to end a search, where nobody said what is needed.
const ENDS: &[(Reason, Exit)] = &[
    (Reason::Thresholds, Exit::Passed),
    (Reason::GoodputStoppedRising, Exit::Passed),
    (Reason::TopReached, Exit::Passed),
    (Reason::RateLimited, Exit::Failed),
    (Reason::Blocked, Exit::Failed),
    (Reason::AccountsExhausted, Exit::Failed),
    (Reason::NothingPassed, Exit::Failed),
    (Reason::ProbesUsedUp, Exit::Failed),
    (Reason::Aborted, Exit::Failed),
    (Reason::GeneratorSaturated, Exit::Invalid),
    (Reason::User, Exit::Interrupted),
];

/// The exit code of a search: passed if it found what the tenant takes, that was confirmed where it was to be,
/// and it is as much as is needed, where somebody said what is. One without an end did not pass.
pub fn exit(found: &Capacity) -> Exit {
    let Some(ending) = &found.ending else { return Exit::Failed };
    let by_reason = ENDS.iter().find(|(reason, _)| *reason == ending.reason);
    let exit = by_reason.map_or(Exit::Failed, |(_, exit)| *exit);
    let is_held = found.asked.hold_s <= 0.0
        || found.hold.as_ref().is_some_and(|hold| hold.verdict == LevelVerdict::Pass);
    let is_enough = found.head_room.as_ref().is_none_or(|room| room.is_enough == Some(true));
    match exit {
        Exit::Passed if !is_held || !is_enough => Exit::Failed,
        exit => exit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(reason: &str, held: Option<&str>, is_enough: Option<Option<bool>>) -> Capacity {
        let hold = held.map(|verdict| {
            serde_json::json!({ "rate_per_s": 8.0, "measured_s": 60.0, "verdict": verdict })
        });
        let room = is_enough.map(|is_enough| {
            serde_json::json!({
                "asked": "7/s", "needed_per_s": 7.0, "share": 0.1, "is_enough": is_enough
            })
        });
        let text = serde_json::json!({
            "schema_version": 1, "gander_version": "0.1.0", "run_id": "s", "started_at": "",
            "ended_at": null, "seed": "1", "tenant_hosts": [], "broke_first": null, "levels": [],
            "ending": { "reason": reason, "text": "", "is_capacity": false },
            "asked": {
                "from_per_s": 1.0, "to_per_s": null, "resolution": 0.05, "climb": 1.5,
                "most_probes": 20, "hold_s": if held.is_some() { 60.0 } else { 0.0 }, "rules": [],
            },
            "bracket": { "highest_pass_per_s": 8.0, "lowest_fail_per_s": 8.4 },
            "hold": hold, "scalability": { "law": null, "remark": null },
            "head_room": room, "calls": [], "cautions": [],
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn every_reason_has_an_exit_and_three_of_them_pass() {
        let word = |reason: &Reason| serde_json::to_value(reason).unwrap();
        for (reason, expected) in ENDS {
            let word = word(reason);
            assert_eq!(exit(&found(word.as_str().unwrap(), None, None)), *expected, "{word}");
        }
        let schema = serde_json::to_value(schemars::schema_for!(Reason)).unwrap();
        let words = schema["oneOf"].as_array().expect("reasons, each with what it means");
        assert_eq!(words.len(), ENDS.len());
        assert_eq!(ENDS.iter().filter(|(_, exit)| *exit == Exit::Passed).count(), 3);
    }

    #[test]
    fn what_is_not_confirmed_or_not_enough_has_not_passed() {
        for (held, is_enough, expected) in [
            (Some("pass"), None, Exit::Passed),
            (Some("undecided"), None, Exit::Failed),
            (Some("fail"), Some(Some(true)), Exit::Failed),
            (Some("pass"), Some(Some(true)), Exit::Passed),
            (None, Some(Some(false)), Exit::Failed),
            (None, Some(None), Exit::Failed),
        ] {
            let found = found("thresholds", held, is_enough);
            assert_eq!(exit(&found), expected, "{held:?} {is_enough:?}");
        }
        assert_eq!(exit(&Capacity { ending: None, ..found("user", None, None) }), Exit::Failed);
    }
}
