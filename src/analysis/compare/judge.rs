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
        *verdict =
            Some(together(changes.iter().filter_map(|change| change.verdict).chain(unknown)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::compare::contrast::Between;
    use crate::analysis::statistics::evidence::Evidence;

    fn method(margin: f64) -> Method {
        Method {
            margin,
            floor_us: 0.0,
            fault_margin: 0.005,
            significance: 0.05,
            resamples: 100,
            seed: 1,
            metrics: vec![Metric::P95],
            journeys: Vec::new(),
        }
    }

    /// A change of p95 by a part, known to an error on the logarithmic scale.
    fn contrast(change: f64, error: f64) -> Contrast {
        let centre = change.ln_1p();
        Contrast {
            metric: Metric::P95,
            baseline: 100_000.0,
            candidate: 100_000.0 * (1.0 + change),
            change: centre,
            evidence: vec![Evidence::Student { centre, error, freedom: 100.0 }],
            missing: 0.5,
            between: None,
        }
    }

    fn weighed(contrasts: Vec<Contrast>, method: &Method) -> Weighed {
        let changes = contrasts.iter().map(|contrast| described(contrast, method)).collect();
        let row = Row {
            journey: Some("sign-on".to_owned()),
            step: None,
            capability: None,
            event: None,
            action: None,
            verdict: None,
            baseline_samples: Some(1000),
            candidate_samples: Some(1000),
            changes,
        };
        Weighed { row, contrasts }
    }

    fn judged(contrasts: Vec<Contrast>, method: &Method, claims: Claims) -> Vec<Weighed> {
        let mut rows: Vec<Weighed> =
            contrasts.into_iter().map(|contrast| weighed(vec![contrast], method)).collect();
        judge(&mut rows.iter_mut().collect::<Vec<_>>(), method, claims, 5.0);
        rows
    }

    #[test]
    fn verdicts_of_a_change_against_a_margin() {
        for (change, error, margin, expected) in [
            // Within the margin, and the whole interval too.
            (0.0, 0.01, 0.05, Verdict::Same),
            (0.02, 0.01, 0.05, Verdict::Same),
            (-0.02, 0.01, 0.05, Verdict::Same),
            // The interval reaches over the margin.
            (0.04, 0.01, 0.05, Verdict::CannotTell),
            (0.0, 0.1, 0.05, Verdict::CannotTell),
            (0.06, 0.01, 0.05, Verdict::CannotTell),
            (-0.06, 0.01, 0.05, Verdict::CannotTell),
            // Beyond it for sure.
            (0.09, 0.01, 0.05, Verdict::Worse),
            (-0.09, 0.01, 0.05, Verdict::Better),
            // Any change at all.
            (0.03, 0.01, 0.0, Verdict::Worse),
            (-0.03, 0.01, 0.0, Verdict::Better),
            (0.0, 0.01, 0.0, Verdict::CannotTell),
            // Half of it cannot be lost twice.
            (-0.9, 0.01, 1.5, Verdict::Same),
            (2.0, 0.01, 1.5, Verdict::Worse),
        ] {
            let rows = judged(vec![contrast(change, error)], &method(margin), Claims::Open);
            assert_eq!(rows[0].row.verdict, Some(expected), "{change} ± {error} by {margin}");
            let p = rows[0].row.changes[0].p.unwrap();
            assert_eq!(p <= 0.05, matches!(expected, Verdict::Worse | Verdict::Better), "{p}");
            let withheld = judged(vec![contrast(change, error)], &method(margin), Claims::Withheld);
            assert_eq!(withheld[0].row.verdict, Some(Verdict::CannotTell));
            assert_eq!(withheld[0].row.changes[0].p, None);
        }
    }

    #[test]
    fn what_is_claimed_together_is_corrected_together() {
        // Alone it would be worse: p is 0.03.
        let doubtful = || contrast(0.0222, 0.01);
        let alone = judged(vec![doubtful()], &method(0.0), Claims::Open);
        assert_eq!(alone[0].row.verdict, Some(Verdict::Worse));
        let many: Vec<_> =
            std::iter::once(doubtful()).chain((0..9).map(|_| contrast(0.0, 0.01))).collect();
        let rows = judged(many, &method(0.0), Claims::Open);
        let change = &rows[0].row.changes[0];
        assert_eq!(change.verdict, Some(Verdict::CannotTell));
        assert!(change.p < Some(0.05) && change.p_corrected > Some(0.2), "{change:?}");
    }

    #[test]
    fn the_floor_stands_in_for_the_margin_where_times_are_short() {
        let short = Contrast { baseline: 4000.0, ..contrast(0.1, 0.01) };
        let method = Method { floor_us: 1000.0, ..method(0.05) };
        let rows = judged(vec![short], &method, Claims::Open);
        let change = &rows[0].row.changes[0];
        assert_eq!((change.margin, change.verdict), (0.25, Some(Verdict::Same)));
    }

    #[test]
    fn the_most_doubtful_evidence_counts() {
        let mut runs = contrast(0.09, 0.01);
        let centre = runs.change;
        runs.evidence.push(Evidence::Student { centre, error: 0.01, freedom: 1.0 });
        let rows = judged(vec![runs], &method(0.05), Claims::Open);
        assert_eq!(rows[0].row.verdict, Some(Verdict::CannotTell));
        let change = &rows[0].row.changes[0];
        assert!(change.low < Some(0.0) && change.high > Some(0.2), "{change:?}");
    }

    #[test]
    fn several_verdicts_come_to_one() {
        use Verdict::{Better, CannotTell, Same, Worse};
        for (verdicts, expected) in [
            (&[][..], CannotTell),
            (&[Same, Same], Same),
            (&[Same, CannotTell], CannotTell),
            (&[Better, Same, CannotTell], Better),
            (&[Better, Worse, CannotTell], Worse),
        ] {
            assert_eq!(together(verdicts.iter().copied()), expected, "{verdicts:?}");
        }
    }

    #[test]
    fn minutes_needed_shrink_the_interval_until_it_fits() {
        // Half of the interval is 1.984 · 0.04; the distance to the margin is 0.0488.
        let rows = judged(vec![contrast(0.0, 0.04)], &method(0.05), Claims::Open);
        let minutes = rows[0].row.changes[0].minutes_needed.unwrap();
        let expected = 5.0 * ((1.984 * 0.04 / 1.05f64.ln()).powi(2) - 1.0);
        assert!((minutes - expected).abs() < 0.05, "{minutes} {expected}");
        // On the margin itself no time is enough.
        let rows = judged(vec![contrast(0.05, 0.04)], &method(0.05), Claims::Open);
        assert_eq!(rows[0].row.changes[0].minutes_needed, None);
        // Too few samples for any error: twice the time for twice the samples.
        let sparse = Contrast { evidence: Vec::new(), missing: 2.0, ..contrast(0.0, 0.01) };
        let rows = judged(vec![sparse], &method(0.05), Claims::Open);
        assert_eq!(rows[0].row.changes[0].minutes_needed, Some(5.0));
        assert_eq!(rows[0].row.changes[0].verdict, Some(Verdict::CannotTell));
    }

    #[test]
    fn runs_needed_are_as_many_as_make_the_interval_fit() {
        let between = Between { variance: 0.0009, baseline: 2.0, candidate: 2.0, freedom: 2.0 };
        let evidence = vec![Evidence::Student { centre: 0.0, error: 0.03, freedom: 2.0 }];
        let few = Contrast { evidence, between: Some(between), ..contrast(0.0, 0.01) };
        let rows = judged(vec![few], &method(0.05), Claims::Open);
        let change = &rows[0].row.changes[0];
        // t(8) is 2.306: 0.03 · √(2 ÷ 5) · 2.306 = 0.0438 < 0.0488, and with one run less it is more.
        assert_eq!((change.runs_needed, change.minutes_needed), (Some(3.0), None));
    }

    #[test]
    fn what_is_beyond_any_limit_on_both_sides_is_no_change() {
        let beyond = Contrast {
            baseline: f64::INFINITY,
            candidate: f64::INFINITY,
            change: 0.0,
            evidence: vec![Evidence::counted(vec![0.0; 100])],
            ..contrast(0.0, 0.01)
        };
        let rows = judged(vec![beyond], &method(0.05), Claims::Open);
        let change = &rows[0].row.changes[0];
        assert_eq!(
            (change.baseline, change.change, change.low, change.p),
            (None, None, None, None)
        );
        assert_eq!(change.verdict, Some(Verdict::CannotTell));
    }
}
