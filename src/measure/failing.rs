//! A bounded sample of what failed, for `faults.jsonl`.

use super::catalogue::{Catalogue, JourneyId, RowId};
use super::fault::Fault;
use super::sample::micros;
use crate::base::names::{Capability, Journey, Step, Variant};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;

/// How many of each kind (journey, row and fault) a thread keeps over a run.
const OF_EACH: u16 = 10;

/// Most bytes of detail kept of each.
const LONGEST_DETAIL: usize = 2048;

/// One failing exchange, or iteration where the fault has no exchange. Whoever makes it has struck
/// out every secret.
#[derive(Clone, Debug)]
pub struct Failing {
    /// The journey it belongs to.
    pub journey: JourneyId,
    /// The kind of exchange; none where the fault has none.
    pub row: Option<RowId>,
    /// When it failed, from the start of the run.
    pub at: Duration,
    /// The number of the iteration.
    pub iteration: u64,
    /// What went wrong.
    pub fault: Fault,
    /// The status of the reply, where one came.
    pub status: Option<u16>,
    /// The id by which the stand-in's record of the call is found.
    pub call_id: Option<String>,
    /// What a person needs to know of request, reply or reason.
    pub detail: String,
}

/// A line of `faults.jsonl`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FaultSample {
    /// When it failed, from the start of the run.
    pub at_us: u64,
    /// The number of the iteration.
    pub iteration: u64,
    /// Which configuration was under test.
    pub variant: Variant,
    /// What the user wanted to achieve.
    pub journey: Journey,
    /// The name of the rule that answered; empty where the fault has no exchange.
    pub step: Step,
    /// What the tenant was doing.
    pub capability: Capability,
    /// The event type of the answer.
    pub event: String,
    /// The key of the action taken.
    pub action: String,
    /// What went wrong.
    pub fault: Fault,
    /// The status of the reply, where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The id by which the stand-in's record of the call is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// What a person needs to know of request, reply or reason. No secrets.
    pub detail: String,
}

/// What one thread keeps.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    counts: HashMap<(JourneyId, Option<RowId>, Fault), u16>,
    pub(super) kept: Vec<Failing>,
}

impl Sampler {
    pub(super) fn wants(&self, journey: JourneyId, row: Option<RowId>, fault: Fault) -> bool {
        self.counts.get(&(journey, row, fault)).is_none_or(|count| *count < OF_EACH)
    }

    pub(super) fn keep(&mut self, mut failing: Failing) {
        if self.wants(failing.journey, failing.row, failing.fault) {
            *self.counts.entry((failing.journey, failing.row, failing.fault)).or_default() += 1;
            let end = failing.detail.floor_char_boundary(LONGEST_DETAIL);
            failing.detail.truncate(end);
            self.kept.push(failing);
        }
    }
}

impl Failing {
    pub(super) fn named(self, names: &Catalogue) -> FaultSample {
        let about = names.journeys.get(self.journey.place()).unwrap_or(&names.journeys[0]);
        let row = self.row.and_then(|row| names.rows.get(row.place()));
        FaultSample {
            at_us: micros(self.at),
            iteration: self.iteration,
            variant: about.variant.clone(),
            journey: about.journey.clone(),
            step: row.map_or_else(|| "".into(), |row| row.step.clone()),
            capability: row.map_or_else(|| "".into(), |row| row.capability.clone()),
            event: row.map_or_else(String::new, |row| row.event.to_string()),
            action: row.map_or_else(String::new, |row| row.action.to_string()),
            fault: self.fault,
            status: self.status,
            call_id: self.call_id,
            detail: self.detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_of_each_kind_are_kept_and_none_is_long() {
        let mut sampler = Sampler::default();
        let failing = |fault| Failing {
            journey: JourneyId::NONE,
            row: None,
            at: Duration::ZERO,
            iteration: 1,
            fault,
            status: None,
            call_id: None,
            detail: "é".repeat(5000),
        };
        (0..100).for_each(|_| sampler.keep(failing(Fault::Reset)));
        assert!(!sampler.wants(JourneyId::NONE, None, Fault::Reset));
        assert!(sampler.wants(JourneyId::NONE, None, Fault::Dns));
        sampler.keep(failing(Fault::Dns));
        assert_eq!(sampler.kept.len(), usize::from(OF_EACH) + 1);
        assert!(sampler.kept.iter().all(|kept| kept.detail.len() <= LONGEST_DETAIL));
    }
}
