//! One metric of one row on both sides: the change, and the evidence for it.

use super::align::Strand;
use super::found::{Design, Metric};
use super::pool::{Pooled, pooled};
use crate::analysis::statistics::blocks::Deck;
use crate::analysis::statistics::evidence::Evidence;
use crate::analysis::statistics::figure::{RESOLUTION_VARIANCE, Resampled, difference};
use crate::analysis::statistics::share::{Share, design_effect};
use crate::analysis::statistics::student;

/// The strands of a row: of each run those that have it.
#[derive(Debug)]
pub(super) struct Strands {
    pub(super) baseline: Vec<Option<Strand>>,
    pub(super) candidate: Vec<Option<Strand>>,
    pub(super) spread: Vec<Option<Strand>>,
}

/// What both sides say of one metric.
#[derive(Debug)]
pub(super) struct Contrast {
    pub(super) metric: Metric,
    /// The baseline's value in µs or as a part; infinite beyond any limit.
    pub(super) baseline: f64,
    pub(super) candidate: f64,
    /// What the candidate has more, on the scale of the evidence: logarithms of times, parts.
    pub(super) change: f64,
    /// Everything that is known of the change; the most doubtful counts. Empty: nothing is.
    pub(super) evidence: Vec<Evidence>,
    /// How many times as much time there would have to be before anything is said of an error.
    pub(super) missing: f64,
    /// How whole runs differ; none where that is not looked at or not known.
    pub(super) between: Option<Between>,
}

/// How runs of the same thing differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Between {
    /// The variance of the figure of a run.
    pub(super) variance: f64,
    /// Runs of the baseline.
    pub(super) baseline: f64,
    /// Runs of the candidate.
    pub(super) candidate: f64,
    /// Runs from which it is known, less one for each group of equal ones.
    pub(super) freedom: f64,
}

impl Contrast {
    /// None where a side has nothing of it.
    pub(super) fn of(
        design: Design,
        strands: &Strands,
        metric: Metric,
        decks: &mut [Deck],
    ) -> Option<Self> {
        match design {
            Design::Paired => of_pairs(strands, metric, decks),
            Design::Runs => of_sides(strands, metric, decks, true),
            Design::OneRunEach => of_sides(strands, metric, decks, false),
        }
    }

    /// The widest interval that any evidence leaves, on its scale; none where there is no evidence.
    pub(super) fn interval(&self, confidence: f64) -> Option<(f64, f64)> {
        let intervals = self.evidence.iter().map(|evidence| evidence.interval(confidence));
        intervals.reduce(|(low, high), (lower, higher)| (low.min(lower), high.max(higher)))
    }
}

/// Variants of the same runs.
fn of_pairs(strands: &Strands, metric: Metric, decks: &mut [Deck]) -> Option<Contrast> {
    let pairs: Vec<(&Strand, &Strand)> = both(&strands.baseline, &strands.candidate)
        .filter(|(before, mine)| {
            before.figure(metric).value().is_some() && mine.figure(metric).value().is_some()
        })
        .collect();
    let baseline = pooled(pairs.iter().map(|(before, _)| *before), metric)?;
    let candidate = pooled(pairs.iter().map(|(_, mine)| *mine), metric)?;
    let mut missing: f64 = 0.0;
    let mut found = Vec::new();
    for (before, mine) in &pairs {
        let (before_figure, my_figure) = (before.figure(metric), mine.figure(metric));
        missing = missing.max(before_figure.missing()).max(my_figure.missing());
        let change = difference(my_figure.scaled()?, before_figure.scaled()?);
        let deck = decks.get_mut(mine.timeline)?;
        found.push((change, my_figure.against(&before_figure, deck)));
    }
    let resampled: Vec<(f64, Resampled)> =
        found.into_iter().filter_map(|(change, resampled)| Some((change, resampled?))).collect();
    let mut evidence = Vec::new();
    // Nothing is said of a row that some of the runs say nothing of.
    if resampled.len() == pairs.len() {
        evidence.extend(together(&resampled, &baseline, &candidate, metric));
        evidence.extend(disagreement(&resampled));
    }
    Some(contrast(metric, &baseline, &candidate, evidence, missing))
}

/// Several runs as one timeline: the mean of their changes, with the errors of each.
fn together(
    runs: &[(f64, Resampled)],
    baseline: &Pooled,
    candidate: &Pooled,
    metric: Metric,
) -> Option<Evidence> {
    let number = count(runs.len());
    let change = runs.iter().map(|(change, _)| change).sum::<f64>() / number;
    let parts: Option<Vec<(f64, f64)>> = runs
        .iter()
        .map(|(_, run)| Some((run.variance? / (number * number), run.freedom)))
        .collect();
    let Some(parts) = parts.filter(|_| change.is_finite()) else {
        return Some(Evidence::counted(means(runs.iter().map(|(_, run)| &run.draws[..]))));
    };
    let variance: f64 = parts.iter().map(|(variance, _)| variance).sum();
    let freedom = student::of_sum(&parts).min(parts.iter().map(|(_, freedom)| freedom).sum());
    Some(if metric.is_time() {
        Evidence::Student { centre: change, error: variance.sqrt(), freedom }
    } else {
        of_shares(baseline.share, candidate.share, variance, freedom)
    })
}

/// Where the runs contradict each other, more than their own errors explain, it is the runs that count,
/// not their windows: Cochran, *The combination of estimates from different experiments*, Biometrics 10
/// (1954) 101–129, at 10 %.
fn disagreement(runs: &[(f64, Resampled)]) -> Option<Evidence> {
    let number = count(runs.len());
    let centre = runs.iter().map(|(change, _)| change).sum::<f64>() / number;
    let squares: f64 = runs.iter().map(|(change, _)| (change - centre).powi(2)).sum();
    let expected: f64 =
        runs.iter().map(|(_, run)| run.variance.unwrap_or(f64::INFINITY)).sum::<f64>() / number;
    if runs.len() < 2 || squares <= expected * student::chi_squared(number - 1.0, 0.9) {
        return None;
    }
    let error = (squares / (number - 1.0) / number).sqrt();
    Some(Evidence::Student { centre, error, freedom: number - 1.0 })
}

/// Runs of each side on their own.
fn of_sides(
    strands: &Strands,
    metric: Metric,
    decks: &mut [Deck],
    by_runs: bool,
) -> Option<Contrast> {
    let present = |side: &[Option<Strand>]| pooled(side.iter().flatten(), metric);
    let (baseline, candidate) = (present(&strands.baseline)?, present(&strands.candidate)?);
    let mut of = |pooled: &Pooled, side: &[Option<Strand>]| within(pooled, side, metric, decks);
    let (before, mine) = (of(&baseline, &strands.baseline), of(&candidate, &strands.candidate));
    let windows = before.as_ref().zip(mine.as_ref()).map(|(before, mine)| {
        let change = difference(candidate.scaled, baseline.scaled);
        match before.variance.zip(mine.variance) {
            Some((its, my)) if change.is_finite() => {
                let freedom = student::of_sum(&[(its, before.freedom), (my, mine.freedom)]);
                if metric.is_time() {
                    Evidence::Student { centre: change, error: (its + my).sqrt(), freedom }
                } else {
                    of_shares(baseline.share, candidate.share, its + my, freedom)
                }
            }
            _ => {
                let draws = mine.draws.iter().zip(&before.draws);
                Evidence::counted(draws.map(|(mine, before)| difference(*mine, *before)).collect())
            }
        }
    });
    let missing = baseline.missing.max(candidate.missing);
    if !by_runs {
        return Some(contrast(
            metric,
            &baseline,
            &candidate,
            windows.into_iter().collect(),
            missing,
        ));
    }
    let spread = present(&strands.spread);
    let of_spread = spread.as_ref().and_then(|pooled| of(pooled, &strands.spread));
    let runs_within = [before.as_ref(), mine.as_ref(), of_spread.as_ref()]
        .map(|within| within.and_then(|within| within.variance_of_run));
    let groups = [Some(&baseline), Some(&candidate), spread.as_ref()];
    let between = between(groups, runs_within, metric);
    let mut evidence = Vec::new();
    if let Some(between) = between {
        let error = (between.variance * (1.0 / between.baseline + 1.0 / between.candidate)).sqrt();
        let centre = candidate.mean - baseline.mean;
        evidence.push(Evidence::Student { centre, error, freedom: between.freedom });
        evidence.extend(windows);
    }
    Some(Contrast { between, ..contrast(metric, &baseline, &candidate, evidence, missing) })
}

/// What the windows of the runs of one side say of the mean over its runs.
struct Within {
    variance: Option<f64>,
    /// The mean over the runs of the variance of one.
    variance_of_run: Option<f64>,
    freedom: f64,
    draws: Vec<f64>,
}

fn within(
    pooled: &Pooled,
    side: &[Option<Strand>],
    metric: Metric,
    decks: &mut [Deck],
) -> Option<Within> {
    let number = count(pooled.runs.len());
    let mut parts = Vec::new();
    let mut draws = Vec::new();
    for strand in side.iter().flatten().filter(|strand| strand.figure(metric).value().is_some()) {
        let found = strand.figure(metric).alone(decks.get_mut(strand.timeline)?)?;
        parts.push(found.variance.map(|variance| (variance, found.freedom)));
        draws.push(found.draws);
    }
    let parts: Option<Vec<(f64, f64)>> = parts.into_iter().collect();
    let draws = means(draws.iter().map(|draws| &draws[..]));
    let sum = |parts: &[(f64, f64)]| parts.iter().map(|(variance, _)| variance).sum::<f64>();
    let variance_of_run = parts.as_deref().map(|parts| sum(parts) / number);
    let variance = variance_of_run.map(|variance| variance / number);
    let freedom = parts.as_deref().map_or(1.0, student::of_sum);
    Some(Within { variance, variance_of_run, freedom, draws })
}

/// How runs of the same thing differ, each group about its own mean; none with no group of two.
///
/// Where the windows say more of the runs of the spread than of those of the sides, which were shorter,
/// what they say less comes on top. Where they say nothing of a side, nobody knows how much shorter its
/// runs are of samples than those of the spread: then nothing is known.
fn between(
    groups: [Option<&Pooled>; 3],
    within: [Option<f64>; 3],
    metric: Metric,
) -> Option<Between> {
    let (mut squares, mut freedom, mut known) = (0.0, 0.0, Some(0.0));
    for (pooled, within) in groups.iter().zip(within) {
        let Some(pooled) = pooled else { continue };
        let free = count(pooled.runs.len()) - 1.0;
        squares += pooled.runs.iter().map(|value| (value - pooled.mean).powi(2)).sum::<f64>();
        freedom += free;
        if free > 0.0 {
            known = known.zip(within).map(|(sum, within)| sum + within * free);
        }
    }
    let [Some(baseline), Some(candidate), _] = groups else { return None };
    if freedom < 1.0 {
        return None;
    }
    let (baseline, candidate) = (count(baseline.runs.len()), count(candidate.runs.len()));
    let [of_baseline, of_candidate, _] = within;
    let sides = of_baseline.zip(of_candidate).map(|(before, mine)| {
        let (baseline, candidate) = (1.0 / baseline, 1.0 / candidate);
        (before * baseline + mine * candidate) / (baseline + candidate)
    });
    let is_by_spread = groups[2].is_some_and(|spread| spread.runs.len() > 1);
    if is_by_spread && sides.is_none() {
        return None;
    }
    let short = sides.zip(known).map_or(0.0, |(sides, known)| (sides - known / freedom).max(0.0));
    let least = if metric.is_time() { RESOLUTION_VARIANCE } else { 0.0 };
    let variance = squares / freedom + short + least;
    Some(Between { variance, baseline, candidate, freedom })
}

/// The difference of two shares of which this variance was seen.
fn of_shares(baseline: Share, candidate: Share, variance: f64, freedom: f64) -> Evidence {
    let independent = baseline.variance_if_independent() + candidate.variance_if_independent();
    let (centre, error) = candidate.against(baseline, design_effect(variance, independent));
    Evidence::Student { centre, error, freedom }
}

fn contrast(
    metric: Metric,
    baseline: &Pooled,
    candidate: &Pooled,
    evidence: Vec<Evidence>,
    missing: f64,
) -> Contrast {
    Contrast {
        metric,
        baseline: baseline.value,
        candidate: candidate.value,
        change: difference(candidate.scaled, baseline.scaled),
        evidence,
        missing,
        between: None,
    }
}

fn both<'s>(
    baseline: &'s [Option<Strand>],
    candidate: &'s [Option<Strand>],
) -> impl Iterator<Item = (&'s Strand, &'s Strand)> {
    baseline.iter().zip(candidate).filter_map(|(before, mine)| before.as_ref().zip(mine.as_ref()))
}

/// The means over runs, resample by resample. One with both a +∞ and a −∞ says nothing: 0.
fn means<'d>(runs: impl Iterator<Item = &'d [f64]>) -> Vec<f64> {
    let runs: Vec<&[f64]> = runs.collect();
    let shortest = runs.iter().map(|run| run.len()).min().unwrap_or(0);
    let mean = |place: usize| {
        let mean = runs.iter().map(|run| run[place]).sum::<f64>() / count(runs.len());
        if mean.is_nan() { 0.0 } else { mean }
    };
    (0..shortest).map(mean).collect()
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(runs: &[f64]) -> Pooled {
        let (mean, share) = (runs[0], Share { faults: 0.0, samples: 100.0 });
        Pooled { value: 1.0, scaled: 0.0, runs: runs.to_vec(), mean, share, missing: 1.0 }
    }

    /// Long runs know their p99 and agree about it; of runs so short that their windows say nothing, that
    /// is no knowledge.
    #[test]
    fn a_spread_of_long_runs_says_nothing_of_runs_without_an_error_of_their_own() {
        let (one, other) = (pooled(&[1.0]), pooled(&[1.3]));
        let spread = pooled(&[1.0, 1.01, 0.99]);
        let groups = [Some(&one), Some(&other), Some(&spread)];
        let of = |sides: Option<f64>| between(groups, [sides, sides, Some(1e-4)], Metric::P99);
        assert!(of(None).is_none());
        assert!(of(Some(4e-4)).is_some_and(|between| between.variance > 3e-4));
        // Runs of the sides know how they differ themselves.
        let (many, more) = (pooled(&[1.0, 1.1]), pooled(&[1.3, 1.2]));
        let found = between([Some(&many), Some(&more), None], [None, None, None], Metric::P99);
        assert!(found.is_some());
    }
}
