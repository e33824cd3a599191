//! From evidence to verdicts: claims against a margin, corrected for all that are made together.

use super::Method;
use super::contrast::Contrast;
use super::found::{Change, Metric, Row, Verdict};
use super::needed::needed;
use crate::analysis::statistics::holm;

/// The part of intervals that hold the truth.
pub(super) const CONFIDENCE: f64 = 0.95;

/// A row with everything that is known of its changes.
#[derive(Debug)]
pub(super) struct Weighed {
    pub(super) row: Row,
    /// One for each change of the row, in the same order.
    pub(super) contrasts: Vec<Contrast>,
}

/// Why nothing is claimed, although it is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Claims {
    /// As the evidence allows.
    Open,
    /// None, whatever the figures are: an invalid run, or one run each.
    Withheld,
}

/// The changes that do not matter lie between these, on the scale of the evidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Limits {
    /// A time by `margin` as a part, a share by `margin` itself.
    pub(super) fn of(metric: Metric, margin: f64) -> Self {
        if metric.is_time() {
            // Nothing is faster by more than all of it.
            let low = if margin < 1.0 { (-margin).ln_1p() } else { f64::NEG_INFINITY };
            Self { low, high: margin.ln_1p() }
        } else {
            Self { low: -margin, high: margin }
        }
    }
}

/// The change that does not matter: for times the margin, or what the floor is of the baseline.
pub(super) fn margin(method: &Method, contrast: &Contrast) -> f64 {
    if !contrast.metric.is_time() {
        return method.fault_margin.max(0.0);
    }
    let floor = if contrast.baseline > 0.0 { method.floor_us / contrast.baseline } else { 0.0 };
    method.margin.max(floor).max(0.0)
}

/// A change as it is shown, untested.
pub(super) fn described(contrast: &Contrast, method: &Method) -> Change {
    let is_time = contrast.metric.is_time();
    let unscaled = |scaled: f64| if is_time { scaled.exp_m1() } else { scaled };
    let finite = |value: f64| value.is_finite().then_some(value);
    let is_both_beyond = contrast.baseline.is_infinite() && contrast.candidate.is_infinite();
    let interval = contrast.interval(CONFIDENCE).filter(|_| !is_both_beyond);
    Change {
        metric: contrast.metric,
        baseline: finite(contrast.baseline),
        candidate: finite(contrast.candidate),
        change: Some(contrast.change)
            .filter(|change| change.is_finite() && !is_both_beyond)
            .and_then(|change| finite(unscaled(change))),
        low: interval.and_then(|(low, _)| end(low).map(unscaled)).and_then(finite),
        high: interval.and_then(|(_, high)| end(high).map(unscaled)).and_then(finite),
        margin: margin(method, contrast),
        p: None,
        p_corrected: None,
        verdict: None,
        minutes_needed: None,
        runs_needed: None,
    }
}

fn end(scaled: f64) -> Option<f64> {
    scaled.is_finite().then_some(scaled)
}

/// Judges rows that are tested together, and gives each its verdict. `minutes` is the measured time of
/// the shortest run.
pub(super) fn judge(rows: &mut [&mut Weighed], method: &Method, claims: Claims, minutes: f64) {
    let number = match claims {
        Claims::Open => claim(rows, method),
        Claims::Withheld => 0,
    };
    for weighed in rows.iter_mut() {
        for (change, contrast) in weighed.row.changes.iter_mut().zip(&weighed.contrasts) {
            if change.verdict.is_some() || !method.metrics.contains(&contrast.metric) {
                continue;
            }
            let limits = Limits::of(contrast.metric, change.margin);
            let is_same = change.p.is_some()
                && contrast
                    .interval(CONFIDENCE)
                    .is_some_and(|(low, high)| limits.low < low && high < limits.high);
            change.verdict = Some(if is_same { Verdict::Same } else { Verdict::CannotTell });
            if !is_same && claims == Claims::Open {
                let needed = needed(contrast, limits, minutes, (CONFIDENCE, number));
                (change.minutes_needed, change.runs_needed) = (needed.minutes, needed.runs);
            }
        }
        let Row { changes, verdict, .. } = &mut weighed.row;
        let has = |metric: &Metric| changes.iter().any(|change| change.metric == *metric);
        let unknown = (!method.metrics.iter().all(has)).then_some(Verdict::CannotTell);
        *verdict = Some(together(changes.iter().filter_map(|change| change.verdict).chain(unknown)));
    }
}

/// Claims worse or better of whatever the evidence allows, among everything that is tested. How many
/// claims were tried.
fn claim(rows: &mut [&mut Weighed], method: &Method) -> usize {
    let mut tried = Vec::new();
    for (row, weighed) in rows.iter().enumerate() {
        for (place, contrast) in weighed.contrasts.iter().enumerate() {
            if method.metrics.contains(&contrast.metric) {
                tried.extend(p_of(contrast, method).map(|(p, verdict)| (row, place, p, verdict)));
            }
        }
    }
    let corrected = holm::corrected(&tried.iter().map(|(.., p, _)| *p).collect::<Vec<_>>());
    for ((row, place, p, verdict), corrected) in tried.iter().zip(corrected) {
        let change = &mut rows[*row].row.changes[*place];
        (change.p, change.p_corrected) = (Some(*p), Some(corrected));
        change.verdict = (corrected <= method.significance).then_some(*verdict);
    }
    tried.len()
}

/// How probable so much of a change, or more, is where there is none beyond the margin, in the likelier
/// direction; none where nothing is known of it.
fn p_of(contrast: &Contrast, method: &Method) -> Option<(f64, Verdict)> {
    if contrast.baseline.is_infinite() && contrast.candidate.is_infinite() {
        return None;
    }
    let limits = Limits::of(contrast.metric, margin(method, contrast));
    // The most doubtful evidence counts.
    let evidence = contrast.evidence.iter();
    let above = evidence.clone().map(|found| found.p_above(limits.high)).reduce(f64::max)?;
    let below = evidence.map(|found| found.p_below(limits.low)).reduce(f64::max)?;
    let verdict = if above <= below { Verdict::Worse } else { Verdict::Better };
    // Two claims, worse and better.
    Some(((2.0 * above.min(below)).min(1.0), verdict))
}

/// What several verdicts come to: worse if any is, else better if any is, else same if all are.
pub(super) fn together(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    let verdicts: Vec<Verdict> = verdicts.collect();
    let any = |verdict| verdicts.contains(&verdict);
    if any(Verdict::Worse) {
        Verdict::Worse
    } else if any(Verdict::Better) {
        Verdict::Better
    } else if verdicts.is_empty() || any(Verdict::CannotTell) {
        Verdict::CannotTell
    } else {
        Verdict::Same
    }
}
