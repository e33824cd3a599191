//! What every rendering of a comparison says in the same words.

use super::Compared;
use crate::analysis::compare::found::{
    Change, Comparison, Design, METRICS, MethodFound, Metric, Row, Side, Verdict,
};
use crate::base::units::Share;
use crate::report::{about, figures};
use crate::result::run_dir::RunRecord;
use std::collections::{BTreeMap, BTreeSet};

/// A verdict as a heading, and what it means.
pub(super) const fn headline(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Worse => ("Worse", "the candidate is worse by more than the margin"),
        Verdict::Better => ("Better", "the candidate is better by more than the margin"),
        Verdict::Same => ("Same", "the sides differ by less than the margin"),
        Verdict::CannotTell => ("Cannot tell", "neither a change nor that there is none is shown"),
    }
}

/// The verdict of a row or a metric; nothing for what only describes.
pub(super) const fn verdict(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(verdict) => verdict.name(),
        None => "",
    }
}

/// A value of one side.
pub(super) fn value(metric: Metric, value: Option<f64>) -> String {
    match value {
        None => "> limit".to_owned(),
        Some(value) if metric.is_time() => figures::time(whole(value)),
        Some(value) => figures::share(value),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, as it should"
)]
fn whole(us: f64) -> u64 {
    us.round().max(0.0) as u64
}

/// A change with its sign: `+12.1%` of a time, `+0.20 pt` of an error share.
pub(super) fn change(metric: Metric, value: Option<f64>) -> String {
    match value {
        Some(value) if value.is_finite() => format!("{}{}", signed(metric, value), unit(metric)),
        _ => figures::NONE.to_owned(),
    }
}

/// An interval: `-0.5 … +2.1%`.
pub(super) fn interval(of: &Change) -> String {
    match (of.low, of.high) {
        (Some(low), Some(high)) if low.is_finite() && high.is_finite() => {
            let (low, high) = (signed(of.metric, low), signed(of.metric, high));
            format!("{low} … {high}{}", unit(of.metric))
        }
        _ => figures::NONE.to_owned(),
    }
}

const fn unit(metric: Metric) -> &'static str {
    if metric.is_time() { "%" } else { " pt" }
}

fn signed(metric: Metric, value: f64) -> String {
    let hundredths = value * 100.0;
    let text = match metric {
        Metric::ErrorShare => format!("{hundredths:+.2}"),
        _ if hundredths.abs() < 99.95 => format!("{hundredths:+.1}"),
        _ => format!("{hundredths:+.0}"),
    };
    // Nothing has no sign.
    let is_nothing = text.chars().all(|c| !c.is_ascii_digit() || c == '0');
    if is_nothing { text[1..].to_owned() } else { text }
}

/// What is still needed for an answer: `12 min more`, `3 runs more`.
pub(super) fn needed(of: &Change) -> Option<String> {
    let runs = of.runs_needed.map(|runs| match runs.ceil().max(1.0) {
        1.0 => "1 run more".to_owned(),
        runs => format!("{runs:.0} runs more"),
    });
    runs.or_else(|| Some(format!("{} more", minutes(of.minutes_needed?))))
}

fn minutes(minutes: f64) -> String {
    if minutes <= 120.0 {
        format!("{:.0} min", minutes.ceil().max(1.0))
    } else {
        format!("{:.0} h", (minutes / 60.0).ceil())
    }
}

/// What each metric of a row still needs, those with the same together.
pub(super) fn needs(row: &Row) -> Vec<String> {
    let mut by_need: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for of in &row.changes {
        if let Some(needed) = needed(of) {
            by_need.entry(needed).or_default().push(of.metric.name());
        }
    }
    let mut needs: Vec<_> = by_need.into_iter().collect();
    needs.sort_by_key(|(_, metrics)| {
        METRICS.iter().position(|(_, name)| Some(name) == metrics.first())
    });
    needs
        .into_iter()
        .map(|(needed, metrics)| format!("{} for {}", needed, metrics.join(", ")))
        .collect()
}

/// Where a row is on one side only.
pub(super) fn one_sided(row: &Row) -> Option<&'static str> {
    match (row.baseline_samples, row.candidate_samples) {
        (Some(_), None) => Some("in the baseline only"),
        (None, Some(_)) => Some("in the candidate only"),
        (None, None) => Some("without samples"),
        (Some(_), Some(_)) => None,
    }
}

/// The rows that were found to be worse or better.
pub(super) fn changed(rows: &[Row]) -> impl Iterator<Item = &Row> {
    rows.iter().filter(|row| matches!(row.verdict, Some(Verdict::Worse | Verdict::Better)))
}

/// The metrics of a row that were found to be worse or better, in words.
pub(super) fn what_changed(row: &Row) -> String {
    let changed = row
        .changes
        .iter()
        .filter(|of| matches!(of.verdict, Some(Verdict::Worse | Verdict::Better)));
    let told = changed.map(|of| format!("{} {}", of.metric.name(), change(of.metric, of.change)));
    told.collect::<Vec<_>>().join(", ")
}

/// The margins: `5% of a time, at least 1.00 ms; 0.5 points of an error share`.
pub(super) fn margin(method: &MethodFound) -> String {
    let floor = match method.floor_us {
        floor if floor > 0.0 => format!(", at least {}", figures::time(whole(floor))),
        _ => String::new(),
    };
    let margin = Share(method.margin);
    // A share of a share is told in points.
    let points = Share(method.fault_margin).to_string();
    format!("{margin} of a time{floor}; {} points of an error share", points.trim_end_matches('%'))
}

/// What the intervals are made of.
pub(super) const fn design(design: Design) -> &'static str {
    match design {
        Design::Paired => "variants of the same run, window by window",
        Design::Runs => "whole runs: how much runs of the same thing differ is known",
        Design::OneRunEach => "one run each: how much runs of the same thing differ is not known",
    }
}

/// A side in a line: `v1 of 20261121-183441-k3f9, 5.00 min measured`.
pub(super) fn side(side: &Side) -> String {
    let measured: f64 = side.runs.iter().map(|run| run.measured_s).sum();
    let measured = figures::seconds(measured);
    let runs = match side.runs.as_slice() {
        [] => return side.label.clone(),
        [run] => run.run_id.clone(),
        [first, .., last] => {
            format!("{} runs from {} to {}", side.runs.len(), first.run_id, last.run_id)
        }
    };
    // Without a variant the label is made of the runs.
    let of = if side.runs.iter().any(|run| run.variant.is_some()) {
        format!("{} of ", side.label)
    } else {
        String::new()
    };
    format!("{of}{runs}, {measured} measured")
}

/// The first reasons, and what is to be said of the rest: the table has everything.
pub(super) fn first_reasons(reasons: &[String], most: usize) -> (&[String], Option<String>) {
    // One left out would take as much room as what is said of it.
    if reasons.len() <= most + 1 {
        return (reasons, None);
    }
    let (first, rest) = reasons.split_at(most);
    (first, Some(format!("and {} more, in the table", rest.len())))
}

/// What is the same of several records is said once.
pub(super) fn told(records: &[RunRecord], of: impl Fn(&RunRecord) -> String) -> String {
    let told: Vec<String> = records.iter().map(of).collect();
    let distinct: BTreeSet<&String> = told.iter().collect();
    distinct.into_iter().cloned().collect::<Vec<_>>().join(" and ")
}

/// The fingerprints that each journey of a side met.
pub(super) fn flows(side: &Side) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut flows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for flow in side.runs.iter().flat_map(|run| &run.flows) {
        flows.entry(&flow.journey).or_default().insert(&flow.fingerprint);
    }
    flows
}

/// Whether the sides met the same flows, as a fact: other flows are what is compared, not a mismatch.
pub(super) fn flows_in_short(found: &Comparison) -> Option<String> {
    let (baseline, candidate) = (flows(&found.baseline), flows(&found.candidate));
    if baseline.is_empty() || candidate.is_empty() {
        return None;
    }
    let shared =
        baseline.iter().filter_map(|(journey, met)| Some((journey, met, candidate.get(journey)?)));
    let (mut same, mut other) = (0, Vec::new());
    for (journey, met, met_there) in shared {
        if met == met_there {
            same += 1;
        } else {
            other.push(format!("`{journey}`"));
        }
    }
    match (same, other.len()) {
        (0, 0) => None,
        (_, 0) => Some("both sides met the same flows".to_owned()),
        (0, _) => Some("the sides met different flows, which is what is compared".to_owned()),
        _ => Some(format!(
            "the sides met different flows in {}, which is what is compared",
            other.join(", ")
        )),
    }
}

/// What there was of both sides, beside the figures: a name, the baseline and the candidate.
pub(super) fn facts(of: &Compared<'_>) -> Vec<(&'static str, [String; 2])> {
    let both = |one: fn(&RunRecord) -> String| [told(of.baseline, one), told(of.candidate, one)];
    let found = of.comparison;
    let sides = [&found.baseline, &found.candidate];
    vec![
        ("side", sides.map(|side| side.label.clone())),
        ("runs", sides.map(runs)),
        (
            "started",
            sides.map(|side| {
                side.runs.first().map_or_else(String::new, |run| run.started_at.clone())
            }),
        ),
        (
            "measured",
            sides.map(|side| figures::seconds(side.runs.iter().map(|run| run.measured_s).sum())),
        ),
        ("tenant", both(about::tenant)),
        (
            "load",
            both(|record| {
                format!("{}, {}", about::model(record.workload_model).0, about::load(record))
            }),
        ),
        ("gander", both(|record| record.gander_version.clone())),
        (
            "generator",
            both(|record| {
                format!("{}, {}, {} cores", record.host.name, record.host.system, record.host.cores)
            }),
        ),
        ("seed", both(|record| record.seed.clone())),
    ]
}

fn runs(side: &Side) -> String {
    side.runs.iter().map(|run| run.run_id.as_str()).collect::<Vec<_>>().join(" ")
}

/// How the comparison was judged, a term and its sentence each.
pub(super) fn method(found: &Comparison) -> Vec<(&'static str, String)> {
    let method = &found.method;
    let metrics: Vec<_> = method.metrics.iter().map(|metric| metric.name()).collect();
    let confidence = Share(method.confidence);
    vec![
        ("margin", margin(method)),
        ("tested", metrics.join(", ")),
        ("design", design(method.design).to_owned()),
        ("runs that tell the spread", method.spread_runs.to_string()),
        ("intervals", format!("{confidence}, {} resamples of blocks of windows", method.resamples)),
        ("seed", method.seed.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::specimen;

    #[test]
    fn changes_have_a_sign_and_their_unit() {
        for (metric, of, shown) in [
            (Metric::P95, 0.1213, "+12.1%"),
            (Metric::P95, -0.0004, "0.0%"),
            (Metric::Mean, -0.5, "-50.0%"),
            (Metric::P99, 3.5, "+350%"),
            (Metric::ErrorShare, 0.0021, "+0.21 pt"),
            (Metric::ErrorShare, 0.0, "0.00 pt"),
        ] {
            assert_eq!(change(metric, Some(of)), shown);
        }
        assert_eq!(change(Metric::P50, None), "–");
    }

    #[test]
    fn what_is_needed_is_told_in_minutes_hours_or_runs() {
        let mut of = specimen::change(Metric::P95, 1e5, 1e5, (-0.1, 0.1), None);
        assert_eq!(needed(&of), None);
        for (minutes, shown) in [(0.2, "1 min more"), (11.2, "12 min more"), (150.0, "3 h more")] {
            of.minutes_needed = Some(minutes);
            assert_eq!(needed(&of).unwrap(), shown);
        }
        of.runs_needed = Some(2.1);
        assert_eq!(needed(&of).unwrap(), "3 runs more");
    }

    #[test]
    fn margins_are_told_with_their_floor() {
        let mut method = specimen::same().method;
        assert_eq!(margin(&method), "5% of a time, at least 1.00 ms; 0.5 points of an error share");
        method.floor_us = 0.0;
        assert_eq!(margin(&method), "5% of a time; 0.5 points of an error share");
    }
}
