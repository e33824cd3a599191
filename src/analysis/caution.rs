//! Reasons to distrust a number, each with what to do about it.

use super::verdict::OVERLOADED_PART;
use crate::base::names::{Journey, Variant};
use crate::base::units::Share;
use crate::measure::catalogue::MOST_SERIES;
use crate::measure::tally::{FlowTally, Tally, share};
use crate::result::summary::{Caution, WorkloadModel};
use std::collections::BTreeMap;

/// What of a run the tally does not know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// How load was made, if it is known.
    pub workload_model: Option<WorkloadModel>,
    /// How many iterations could be under way at once, in the open model.
    pub max_users: Option<u64>,
    /// Whether a person interrupted the run.
    pub interrupted: bool,
    /// Whether gander was killed: the result was put together from the files.
    pub killed: bool,
}

/// One reason of the table: when it applies, with its text.
struct Reason {
    slug: &'static str,
    advice: &'static str,
    text: fn(&Tally, &Circumstances) -> Option<String>,
}

/// The table, gravest first.
const REASONS: &[Reason] = &[
    Reason { slug: "killed", advice: KILLED, text: killed },
    Reason { slug: "interrupted", advice: KILLED, text: interrupted },
    Reason { slug: "generator-busy", advice: BUSY, text: generator_busy },
    Reason { slug: "flow-changed", advice: CHANGED, text: flow_changed },
    Reason { slug: "several-flows", advice: FLOWS, text: several_flows },
    Reason { slug: "few-samples", advice: FEW, text: few_samples },
    Reason { slug: "cut-off", advice: CUT_OFF, text: cut_off },
    Reason { slug: "closed-model", advice: CLOSED, text: closed_model },
    Reason { slug: "clipped", advice: CLIPPED, text: clipped },
    Reason { slug: "too-many-series", advice: SERIES, text: too_many_series },
];

const KILLED: &str = "repeat the run to its end before you rely on it";
const BUSY: &str = "use fewer users or a lower rate, a larger machine, or several agents";
const FLOWS: &str = "keep the policy as it is during a run; if it splits traffic on purpose, run each flow \
     version under a policy of its own";
const CHANGED: &str = "repeat the run: one half measured another flow version than the other";
const FEW: &str = "run longer: a 99th percentile wants a thousand samples, a 95th two hundred";
const CUT_OFF: &str = "make `workload.drain` longer than the slowest journey, think time included";
const CLOSED: &str = "read the times as those of users who wait their turn; `--rate` or `workload.rate` make \
     arrivals that do not wait";
const CLIPPED: &str = "take the maximum as a lower bound";
const SERIES: &str = "look for an action or capability name that changes with every iteration";

/// Flows that were met side by side for less than this part of the time took turns.
const OVERLAP_PART: u64 = 10;

/// A 99th percentile of fewer is one of its ten slowest samples.
const FEW_SAMPLES: u64 = 1000;

/// All that apply, gravest first.
pub fn all(tally: &Tally, circumstances: &Circumstances) -> Vec<Caution> {
    let caution = |reason: &Reason| {
        let text = (reason.text)(tally, circumstances)?;
        Some(Caution { slug: reason.slug.to_owned(), text, advice: reason.advice.to_owned() })
    };
    REASONS.iter().filter_map(caution).collect()
}

fn killed(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    let seconds = tally.run.elapsed_ms / 1000;
    circumstances.killed.then(|| {
        format!(
            "gander was killed; the result covers the first {seconds} s, as far as it was written"
        )
    })
}

fn interrupted(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    let seconds = tally.run.elapsed_ms / 1000;
    circumstances.interrupted.then(|| format!("the run was interrupted after {seconds} s"))
}

fn generator_busy(tally: &Tally, _: &Circumstances) -> Option<String> {
    let run = &tally.run;
    let applies = run.overloaded_ms > 0 && run.overloaded_ms * OVERLOADED_PART < run.measured_ms;
    let part = Share(share(run.overloaded_ms, run.measured_ms));
    applies.then(|| format!("the generator may have been the limit in {part} of the measured time"))
}

/// The flows that each journey of each variant met.
fn flows_met(tally: &Tally) -> BTreeMap<(&Variant, &Journey), Vec<&FlowTally>> {
    let mut met: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for ((variant, journey, _), flow) in &tally.flows {
        met.entry((variant, journey)).or_default().push(flow);
    }
    met
}

/// When flows took turns, so that one ended about where another began; none for flows that were met
/// side by side.
fn changed_at(flows: &[&FlowTally]) -> Option<u64> {
    let first = flows.iter().min_by_key(|flow| flow.first_ms)?;
    let last = flows.iter().max_by_key(|flow| flow.last_ms)?;
    let whole = last.last_ms.saturating_sub(first.first_ms);
    let together = first.last_ms.saturating_sub(last.first_ms);
    // Iterations that began before a change end after it.
    (first.last_ms < last.last_ms && together * OVERLAP_PART <= whole).then_some(last.first_ms)
}

fn flow_changed(tally: &Tally, _: &Circumstances) -> Option<String> {
    let text = |((variant, journey), flows): (_, Vec<&FlowTally>)| {
        let at = changed_at(&flows)? / 1000;
        Some(format!("`{journey}` of `{variant}` met another flow from second {at} on"))
    };
    let texts: Vec<_> = flows_met(tally).into_iter().filter_map(text).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

fn several_flows(tally: &Tally, _: &Circumstances) -> Option<String> {
    let several = flows_met(tally)
        .into_iter()
        .filter(|(_, flows)| flows.len() > 1 && changed_at(flows).is_none());
    let texts: Vec<_> = several
        .map(|((variant, journey), flows)| {
            format!("`{journey}` of `{variant}` met {} different flows", flows.len())
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

fn few_samples(tally: &Tally, _: &Circumstances) -> Option<String> {
    let few = tally.journeys.iter().filter(|(_, counts)| counts.completed < FEW_SAMPLES);
    let texts: Vec<_> = few
        .map(|((variant, journey), counts)| {
            format!("`{journey}` of `{variant}` completed {} times", counts.completed)
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

fn cut_off(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    let number: u64 = tally.journeys.values().map(|counts| counts.cut_off).sum();
    let expected = circumstances.interrupted || circumstances.killed;
    (number > 0 && !expected)
        .then(|| format!("{number} iterations were still under way when the drain ended"))
}

fn closed_model(_: &Tally, circumstances: &Circumstances) -> Option<String> {
    (circumstances.workload_model == Some(WorkloadModel::Closed)).then(|| {
        "in the closed model a slow tenant gets less load: who would have come during a stall is \
         not in the response times"
            .to_owned()
    })
}

fn clipped(tally: &Tally, _: &Circumstances) -> Option<String> {
    let number = tally.run.clipped;
    (number > 0).then(|| format!("{number} times were longer than a histogram reaches"))
}

fn too_many_series(tally: &Tally, _: &Circumstances) -> Option<String> {
    let number = tally.run.other;
    (number > 0)
        .then(|| format!("{number} samples beyond the first {MOST_SERIES} series are in `other`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::tally::JourneyTally;
    use std::collections::BTreeSet;

    fn met(first_ms: u64, last_ms: u64) -> FlowTally {
        FlowTally { starts: 5, first_ms, last_ms }
    }

    #[test]
    fn flows_that_take_turns_are_told_from_flows_side_by_side() {
        for (flows, changed) in [
            (vec![met(0, 60_000)], None),
            (vec![met(0, 60_000), met(1000, 59_000)], None),
            (vec![met(0, 31_000), met(30_000, 60_000)], Some(30_000)),
            (vec![met(0, 60_000), met(58_000, 60_000)], None),
            (vec![met(0, 20_000), met(20_000, 40_000), met(40_000, 60_000)], Some(40_000)),
        ] {
            assert_eq!(changed_at(&flows.iter().collect::<Vec<_>>()), changed, "{flows:?}");
        }
    }

    #[test]
    fn slugs_are_unique() {
        let slugs: BTreeSet<_> = REASONS.iter().map(|reason| reason.slug).collect();
        assert_eq!(slugs.len(), REASONS.len());
    }

    #[test]
    fn a_clean_run_gets_no_caution() {
        let mut tally = Tally::default();
        let counts = JourneyTally { due: 5000, completed: 5000, ..JourneyTally::default() };
        tally.journeys.insert(("v1".into(), "sign-on".into()), counts);
        tally.flows.insert(("v1".into(), "sign-on".into(), "f1/n1".into()), met(0, 9000));
        let open =
            Circumstances { workload_model: Some(WorkloadModel::Open), ..Circumstances::default() };
        assert_eq!(all(&tally, &open), []);
    }

    #[test]
    fn every_caution_says_what_and_what_to_do() {
        let mut tally = Tally::default();
        let counts = JourneyTally { due: 12, completed: 10, cut_off: 2, ..JourneyTally::default() };
        tally.journeys.insert(("v1".into(), "sign-on".into()), counts);
        for (journey, flow, span) in [
            ("sign-on", "f1/n1", met(0, 5000)),
            ("sign-on", "f2/n1", met(1000, 5000)),
            ("register", "f1/n1", met(0, 3000)),
            ("register", "f2/n1", met(3000, 5000)),
        ] {
            tally.flows.insert(("v1".into(), journey.into(), flow.into()), span);
        }
        tally.run.elapsed_ms = 5500;
        tally.run.measured_ms = 3000;
        tally.run.overloaded_ms = 200;
        (tally.run.clipped, tally.run.other) = (3, 4);
        let workload_model = Some(WorkloadModel::Closed);
        let told = |interrupted, killed| {
            let circumstances =
                Circumstances { workload_model, interrupted, killed, ..Circumstances::default() };
            let cautions = all(&tally, &circumstances);
            let lines: Vec<_> = cautions
                .iter()
                .map(|c| format!("{}: {}\n  {}\n", c.slug, c.text, c.advice))
                .collect();
            (lines.concat(), cautions.len())
        };
        let (text, number) = told(false, false);
        assert_eq!(number, REASONS.len() - 2);
        insta::assert_snapshot!(text, @r#"
generator-busy: the generator may have been the limit in 6.667% of the measured time
  use fewer users or a lower rate, a larger machine, or several agents
flow-changed: `register` of `v1` met another flow from second 3 on
  repeat the run: one half measured another flow version than the other
several-flows: `sign-on` of `v1` met 2 different flows
  keep the policy as it is during a run; if it splits traffic on purpose, run each flow version under a policy of its own
few-samples: `sign-on` of `v1` completed 10 times
  run longer: a 99th percentile wants a thousand samples, a 95th two hundred
cut-off: 2 iterations were still under way when the drain ended
  make `workload.drain` longer than the slowest journey, think time included
closed-model: in the closed model a slow tenant gets less load: who would have come during a stall is not in the response times
  read the times as those of users who wait their turn; `--rate` or `workload.rate` make arrivals that do not wait
clipped: 3 times were longer than a histogram reaches
  take the maximum as a lower bound
too-many-series: 4 samples beyond the first 2000 series are in `other`
  look for an action or capability name that changes with every iteration
"#);
        assert_eq!(told(true, true).1, REASONS.len() - 1, "an interrupted run cuts off");
    }
}
