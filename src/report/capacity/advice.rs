//! What to do next, by what came of a search.

use super::words::rate;
use crate::analysis::capacity::found::{Capacity, Reason};

/// By the reason that ended it; none where there is nothing to do.
const ADVICE: &[(Reason, &str)] = &[
    (
        Reason::RateLimited,
        "ask the tenant's owner which of the two it was. The vendor's documents grant one address 35% of a \
         licence's rate: that is what a search from one machine meets first. `http.local_addresses` lets \
         connections go out from several addresses of this machine",
    ),
    (
        Reason::Blocked,
        "ask the tenant's owner to let the addresses of this machine through its edge, and search again",
    ),
    (
        Reason::GeneratorSaturated,
        "search again from a machine with more cores, or with nothing else on it; what was short stands under \
         Generator in the report of the last level",
    ),
    (Reason::AccountsExhausted, "raise `accounts.count`, and search again"),
    (Reason::TopReached, "raise `--to`, if the tenant's owner agrees, to find where the limit is"),
    (
        Reason::NothingPassed,
        "begin lower, with `--from`; if even an idle tenant does not keep the rule, its limit is not about load",
    ),
    (
        Reason::ProbesUsedUp,
        "allow more with `--probes`, begin nearer with `--from`, or ask for less with `--resolution`",
    ),
    (
        Reason::Aborted,
        "see why the last level was ended, in its report; then search again from the highest level that passed",
    ),
];

/// Of a search that ended before it was done.
const AGAIN: &str = "a search cannot be taken up again, and `--resume` is for runs: search again";

/// Where what was measured was not enough to tell.
const LONGER: &str = "raise `capacity.measure`, so that levels near the limit can be told";

/// What to do next; none where the answer is there.
pub(super) fn advice(of: &Capacity, is_wide: bool) -> Option<String> {
    let Some(ending) = &of.ending else { return Some(again(of)) };
    match ending.reason {
        Reason::User => Some(again(of)),
        Reason::Thresholds | Reason::GoodputStoppedRising => {
            (is_wide || !ending.is_capacity).then(|| LONGER.to_owned())
        }
        reason => {
            ADVICE.iter().find(|(of, _)| *of == reason).map(|(_, advice)| (*advice).to_owned())
        }
    }
}

fn again(of: &Capacity) -> String {
    let from = of.bracket.highest_pass_per_s;
    let from = from.map(|passed| format!(", with `--from {}` to spare the way up", rate(passed)));
    format!("{AGAIN}{}", from.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::capacity::specimen;

    #[test]
    fn every_end_without_an_answer_has_an_advice() {
        let schema = serde_json::to_value(schemars::schema_for!(Reason)).unwrap();
        let reasons = schema["oneOf"].as_array().expect("reasons, each with what it means");
        for reason in reasons {
            let reason: Reason = serde_json::from_value(reason["const"].clone()).unwrap();
            let mut found = specimen::found();
            let ending = found.ending.as_mut().unwrap();
            (ending.reason, ending.is_capacity) = (reason, false);
            assert!(advice(&found, false).is_some(), "{reason:?}");
        }
        assert_eq!(advice(&specimen::found(), false), None);
        assert_eq!(advice(&specimen::found(), true).as_deref(), Some(LONGER));
    }

    #[test]
    fn one_that_was_killed_is_begun_again_where_it_was() {
        let told = advice(&specimen::under_way(), false).unwrap();
        assert!(told.contains("cannot be taken up again"), "{told}");
        assert!(told.contains("`--from 20.0/s`"), "{told}");
    }
}
