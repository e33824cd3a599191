//! The reasons of a comparison, in words.

use super::Sides;
use super::found::{Change, Design, Row, Verdict};

/// Why the comparison comes to what it does: what changed, or what keeps one from telling, first what
/// concerns all of it. Never empty.
pub(super) fn reasons(
    verdict: Verdict,
    design: Design,
    sides: &Sides,
    journeys: &[Row],
) -> Vec<String> {
    let mut reasons = withheld(design, sides);
    let is_withheld = !reasons.is_empty();
    if journeys.is_empty() {
        reasons.push("there is no journey to compare".to_owned());
    }
    for row in journeys.iter().filter(|row| is_on_one_side(row)) {
        let side = if row.candidate_samples.is_none() { "baseline" } else { "candidate" };
        reasons.push(format!("{}: only the {side} has it", row.name()));
    }
    let asked = match verdict {
        Verdict::Worse | Verdict::Better => &[Verdict::Worse, Verdict::Better][..],
        Verdict::CannotTell if !is_withheld => &[Verdict::CannotTell],
        Verdict::CannotTell | Verdict::Same => &[],
    };
    for row in journeys.iter().filter(|row| !is_on_one_side(row)) {
        if verdict == Verdict::CannotTell && !is_withheld && row.changes.is_empty() {
            reasons.push(format!("{}: no samples on one side", row.name()));
        }
        let told = row.changes.iter().filter_map(|change| {
            change
                .verdict
                .filter(|verdict| asked.contains(verdict))
                .map(|verdict| (change, verdict))
        });
        reasons.extend(told.map(|(change, verdict)| of_change(row, change, verdict)));
    }
    if reasons.is_empty() {
        reasons.push(match verdict {
            Verdict::Same => "every tested metric differs by less than its margin".to_owned(),
            _ => "a tested metric has no value on one side".to_owned(),
        });
    }
    reasons
}

fn is_on_one_side(row: &Row) -> bool {
    row.baseline_samples.is_none() || row.candidate_samples.is_none()
}

/// What forbids any verdict.
fn withheld(design: Design, sides: &Sides) -> Vec<String> {
    let mut reasons = Vec::new();
    if design == Design::OneRunEach {
        reasons.push(
            "one run of each side, and how much runs of the same thing differ is not known: repeat each \
             side (`gander run --repeat 3`), name runs of the same thing (`--spread DIR…`), or compare \
             variants within one run"
                .to_owned(),
        );
    }
    let mut invalid: Vec<&str> = sides
        .baseline
        .iter()
        .chain(&sides.candidate)
        .filter(|arm| arm.is_invalid)
        .map(|arm| arm.run_id.as_str())
        .collect();
    // Two variants of a run are two arms.
    invalid.sort_unstable();
    invalid.dedup();
    reasons.extend(invalid.into_iter().map(|run| {
        format!("run {run} is invalid: its generator was the limit, so that it says nothing of the tenant")
    }));
    reasons
}

fn of_change(row: &Row, change: &Change, verdict: Verdict) -> String {
    let is_time = change.metric.is_time();
    let shown = |part: f64| {
        if is_time {
            format!("{:+.1}%", part * 100.0)
        } else {
            format!("{:+.2} points", part * 100.0)
        }
    };
    let moved = match (change.change, change.baseline, change.candidate) {
        (Some(moved), ..) => shown(moved),
        (None, Some(_), None) => "now slower than any limit".to_owned(),
        (None, None, Some(_)) => "no longer slower than any limit".to_owned(),
        (None, ..) => "slower than any limit on both sides".to_owned(),
    };
    let interval = match (change.low, change.high) {
        (Some(low), Some(high)) => format!(" ({} to {})", shown(low), shown(high)),
        _ => String::new(),
    };
    let margin = if is_time {
        format!("{:.3}", change.margin * 100.0)
    } else {
        format!("{:.4}", change.margin * 100.0)
    };
    let margin = margin.trim_end_matches('0').trim_end_matches('.');
    let unit = if is_time { "%" } else { " points" };
    let ending = match verdict {
        Verdict::Worse | Verdict::Better if change.margin > 0.0 => {
            format!("{} by more than {margin}{unit}", verdict.name())
        }
        Verdict::Worse | Verdict::Better => verdict.name().to_owned(),
        Verdict::Same => format!("less than {margin}{unit}"),
        Verdict::CannotTell if is_beyond(change) => format!(
            "beyond {margin}{unit} taken alone, but not for sure among all that is tested{}",
            more(change)
        ),
        Verdict::CannotTell => {
            format!("neither within {margin}{unit} nor beyond for sure{}", more(change))
        }
    };
    format!("{} {}: {moved}{interval}, {ending}", row.name(), change.metric.name())
}

/// Whether the interval alone lies beyond the margin, on one side of it.
fn is_beyond(change: &Change) -> bool {
    let above = change.low.is_some_and(|low| low > change.margin);
    above || change.high.is_some_and(|high| high < -change.margin)
}

/// What would help.
fn more(change: &Change) -> String {
    // With that much there is an interval at all, and nothing says how wide it will be.
    let is_unknown = change.low.is_none() && change.high.is_none();
    match (change.minutes_needed, change.runs_needed) {
        (Some(minutes), _) if is_unknown => {
            format!("; its error is known after {} more at the earliest", length(minutes))
        }
        (Some(minutes), _) => format!("; about {} more would tell", length(minutes)),
        (None, Some(runs)) if runs <= 1.0 => {
            "; about one more run of each side would tell".to_owned()
        }
        (None, Some(runs)) => format!("; about {runs:.0} more runs of each side would tell"),
        (None, None) => String::new(),
    }
}

/// A number of minutes as one says it.
fn length(minutes: f64) -> String {
    match minutes.ceil() {
        minutes if minutes <= 1.0 => "a minute".to_owned(),
        minutes if minutes <= 120.0 => format!("{minutes:.0} minutes"),
        minutes => format!("{:.0} hours", (minutes / 60.0).ceil()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::compare::found::Metric;

    fn change(metric: Metric, change: Option<f64>, margin: f64) -> Change {
        Change {
            metric,
            baseline: Some(1000.0),
            candidate: change.map(|change| 1000.0 * (1.0 + change)),
            change,
            low: change.map(|change| change - 0.02),
            high: change.map(|change| change + 0.02),
            margin,
            p: Some(0.001),
            p_corrected: Some(0.002),
            verdict: None,
            minutes_needed: None,
            runs_needed: None,
        }
    }

    #[test]
    fn a_reason_names_the_row_the_change_its_interval_and_the_margin() {
        let row = Row {
            journey: Some("sign-on".to_owned()),
            step: None,
            capability: None,
            event: None,
            action: None,
            verdict: None,
            baseline_samples: Some(1),
            candidate_samples: Some(1),
            changes: Vec::new(),
        };
        let told = |change: &Change, verdict| of_change(&row, change, verdict);
        let slower = change(Metric::P95, Some(0.104), 0.03);
        assert_eq!(
            told(&slower, Verdict::Worse),
            "sign-on p95: +10.4% (+8.4% to +12.4%), worse by more than 3%"
        );
        let faults = change(Metric::ErrorShare, Some(-0.03), 0.005);
        assert_eq!(
            told(&faults, Verdict::Better),
            "sign-on error-share: -3.00 points (-5.00 points to -1.00 points), better by more than \
             0.5 points"
        );
        let open = Change { minutes_needed: Some(7.3), ..change(Metric::P50, Some(0.03), 0.025) };
        assert_eq!(
            told(&open, Verdict::CannotTell),
            "sign-on p50: +3.0% (+1.0% to +5.0%), neither within 2.5% nor beyond for sure; about 8 minutes \
             more would tell"
        );
        let alone =
            Change { minutes_needed: Some(200.0), ..change(Metric::P50, Some(0.06), 0.025) };
        assert_eq!(
            told(&alone, Verdict::CannotTell),
            "sign-on p50: +6.0% (+4.0% to +8.0%), beyond 2.5% taken alone, but not for sure among all that \
             is tested; about 4 hours more would tell"
        );
        let unknown = Change { low: None, high: None, minutes_needed: Some(0.4), ..open.clone() };
        assert_eq!(
            told(&unknown, Verdict::CannotTell),
            "sign-on p50: +3.0%, neither within 2.5% nor beyond for sure; its error is known after a \
             minute more at the earliest"
        );
        let by_runs = Change { minutes_needed: None, runs_needed: Some(1.0), ..open };
        assert!(
            told(&by_runs, Verdict::CannotTell).ends_with("one more run of each side would tell")
        );
        let beyond = change(Metric::P99, None, 0.0);
        assert_eq!(told(&beyond, Verdict::Worse), "sign-on p99: now slower than any limit, worse");
    }
}
