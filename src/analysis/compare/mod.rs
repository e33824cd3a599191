//! Comparison of two sides, flow versions or variants: what is compared, and what was found.

mod align;
mod contrast;
pub mod found;
mod judge;
mod needed;
mod pool;
mod told;

use crate::analysis::statistics::blocks::Deck;
use crate::base::names::{Journey, Variant};
use crate::measure::windows::Windows;
use align::{Key, Keys, Laid, Strand};
use contrast::{Contrast, Strands};
use found::{
    Comparison, Design, METRICS, MethodFound, Mismatch, Row, RunFacts, SCHEMA_VERSION, Side,
};
use judge::{CONFIDENCE, Claims, Weighed, described, judge, together};
use std::collections::BTreeSet;

/// One run, or one variant of a run, as one side of a comparison sees it.
#[derive(Clone, Debug)]
pub struct Arm {
    /// The run's id, for messages.
    pub run_id: String,
    /// When it started.
    pub started_at: String,
    /// The variant that is looked at; none for all of them together.
    pub variant: Option<Variant>,
    /// Its measured part.
    pub windows: Windows,
    /// How its own verdict reads; a run whose generator was the limit says nothing about the tenant.
    pub is_invalid: bool,
}

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct Sides {
    /// What it was before.
    pub baseline: Vec<Arm>,
    /// What it may become.
    pub candidate: Vec<Arm>,
    /// Whether `baseline[i]` and `candidate[i]` are variants of the same run, which met the same
    /// minutes of the same tenant: then their windows are compared in pairs.
    pub paired: bool,
    /// Runs of one and the same thing, from which the spread between runs is known.
    pub spread: Vec<Arm>,
    /// What makes the two sides hard to compare, found before.
    pub mismatches: Vec<Mismatch>,
}

/// How to judge.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// Relative change of a time that does not matter: 0.05 for 5 %.
    pub margin: f64,
    /// Change of a time that does not matter, whatever part it is, in microseconds: where times are
    /// short, a relative margin is less than the clocks and timers of a machine can tell.
    pub floor_us: f64,
    /// Change of an error share that does not matter, in parts of the samples: 0.005 for half a point.
    pub fault_margin: f64,
    /// The part of all reports that may raise a false alarm: 0.05.
    pub significance: f64,
    /// Resamples of each bootstrap.
    pub resamples: u32,
    /// Where the randomness of the bootstrap comes from.
    pub seed: u64,
    /// The metrics that are tested; those not among them are described.
    pub metrics: Vec<found::Metric>,
    /// Journeys to look at; all, if there are none.
    pub journeys: Vec<Journey>,
}

/// Compares two sides. Pure: the same sides and the same method give the same answer, to the last digit.
///
/// `docs/statistics.md` says how, with sources, and what has been measured of it.
pub fn compare(sides: &Sides, method: &Method) -> Comparison {
    let design = design(sides);
    let laid = AllLaid::out(sides, method);
    let keys = Keys::of(laid.baseline.iter().chain(&laid.candidate));
    let mut decks = decks(sides, method);
    let mut weigh = |keys: &BTreeSet<Key>| -> Vec<Weighed> {
        keys.iter().map(|key| weighed(key, &laid, method, (design, &mut decks))).collect()
    };
    let (mut journeys, mut steps, mut capabilities) =
        (weigh(&keys.journeys), weigh(&keys.steps), weigh(&keys.capabilities));
    let is_invalid = sides.baseline.iter().chain(&sides.candidate).any(|arm| arm.is_invalid);
    let claims =
        if design == Design::OneRunEach || is_invalid { Claims::Withheld } else { Claims::Open };
    let minutes = minutes(sides);

    judge(&mut journeys.iter_mut().collect::<Vec<_>>(), method, claims, minutes);
    let changed: BTreeSet<String> = journeys
        .iter()
        .filter(|weighed| has_changed(&weighed.row))
        .filter_map(|weighed| weighed.row.journey.clone())
        .collect();
    let mut under: Vec<&mut Weighed> = steps
        .iter_mut()
        .filter(|weighed| is_on_both_sides(&weighed.row))
        .filter(|weighed| weighed.row.journey.as_ref().is_some_and(|name| changed.contains(name)))
        .collect();
    judge(&mut under, method, claims, minutes);
    if !changed.is_empty() {
        let both = capabilities.iter_mut().filter(|weighed| is_on_both_sides(&weighed.row));
        judge(&mut both.collect::<Vec<_>>(), method, claims, minutes);
    }

    let rows = |weighed: Vec<Weighed>| weighed.into_iter().map(|weighed| weighed.row).collect();
    let journeys: Vec<Row> = rows(journeys);
    let verdict = together(journeys.iter().filter_map(|row| row.verdict));
    Comparison {
        schema_version: SCHEMA_VERSION,
        verdict,
        reasons: told::reasons(verdict, design, sides, &journeys),
        baseline: side(&sides.baseline),
        candidate: side(&sides.candidate),
        method: method_found(sides, method, design),
        mismatches: sides.mismatches.clone(),
        journeys,
        steps: rows(steps),
        capabilities: rows(capabilities),
    }
}

const fn has_changed(row: &Row) -> bool {
    matches!(row.verdict, Some(found::Verdict::Worse | found::Verdict::Better))
}

const fn is_on_both_sides(row: &Row) -> bool {
    row.baseline_samples.is_some() && row.candidate_samples.is_some()
}

fn design(sides: &Sides) -> Design {
    let groups = [&sides.baseline, &sides.candidate, &sides.spread];
    if sides.paired {
        Design::Paired
    } else if groups.iter().any(|group| group.len() > 1) {
        Design::Runs
    } else {
        Design::OneRunEach
    }
}

/// The resamples of every timeline: variants of one run share one. First those of the baseline, then
/// those of the candidate, then those of the spread. Many runs share out the number of resamples.
fn decks(sides: &Sides, method: &Method) -> Vec<Deck> {
    let candidate = if sides.paired { &[][..] } else { &sides.candidate[..] };
    let runs = sides.baseline.len().max(sides.candidate.len()).max(1);
    let share = method.resamples / u32::try_from(runs).unwrap_or(u32::MAX);
    let number = share.max(FEWEST_RESAMPLES).min(method.resamples);
    let arms = sides.baseline.iter().chain(candidate).chain(&sides.spread);
    let deck = |(index, arm): (u64, &Arm)| {
        Deck::new(method.seed, index, arm.windows.measured().len(), number)
    };
    (0..).zip(arms).map(deck).collect()
}

/// So many resamples of each run still give its error to one part in twenty.
const FEWEST_RESAMPLES: u32 = 200;

/// The arms of a comparison, laid out; the timeline of each side's first arm among [`decks`].
struct AllLaid<'s> {
    baseline: Vec<Laid<'s>>,
    candidate: Vec<Laid<'s>>,
    spread: Vec<Laid<'s>>,
    candidate_from: usize,
    spread_from: usize,
}

impl<'s> AllLaid<'s> {
    fn out(sides: &'s Sides, method: &Method) -> Self {
        let out = |arms: &'s [Arm]| arms.iter().map(|arm| Laid::out(arm, method)).collect();
        let candidate_from = if sides.paired { 0 } else { sides.baseline.len() };
        Self {
            baseline: out(&sides.baseline),
            candidate: out(&sides.candidate),
            spread: out(&sides.spread),
            candidate_from,
            spread_from: candidate_from
                + sides.candidate.len().max(sides.baseline.len() - candidate_from),
        }
    }
}

fn weighed(
    key: &Key,
    laid: &AllLaid<'_>,
    method: &Method,
    (design, decks): (Design, &mut Vec<Deck>),
) -> Weighed {
    let strands = |arms: &[Laid<'_>], first: usize| -> Vec<Option<Strand>> {
        let of = |(place, laid)| Strand::of(laid, key, first + place);
        arms.iter().enumerate().map(of).collect()
    };
    let strands = Strands {
        baseline: strands(&laid.baseline, 0),
        candidate: strands(&laid.candidate, laid.candidate_from),
        spread: strands(&laid.spread, laid.spread_from),
    };
    let samples = |side: &[Option<Strand>]| {
        let present = side.iter().flatten();
        present.map(|strand| strand.samples).reduce(|sum, more| sum + more)
    };
    let mut row = key.row();
    row.baseline_samples = samples(&strands.baseline);
    row.candidate_samples = samples(&strands.candidate);
    let metrics = METRICS.iter().map(|(metric, _)| *metric);
    let contrasts: Vec<Contrast> =
        metrics.filter_map(|metric| Contrast::of(design, &strands, metric, decks)).collect();
    row.changes = contrasts.iter().map(|contrast| described(contrast, method)).collect();
    Weighed { row, contrasts }
}

/// Measured time of the shortest run.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are below 2^52")]
fn minutes(sides: &Sides) -> f64 {
    let arms = sides.baseline.iter().chain(&sides.candidate);
    arms.map(measured_ms).min().unwrap_or(0) as f64 / 60_000.0
}

fn measured_ms(arm: &Arm) -> u64 {
    arm.windows.cells(|_| false).iter().map(|cell| cell.measured_ms).sum()
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are below 2^52")]
fn side(arms: &[Arm]) -> Side {
    let facts = |arm: &Arm| RunFacts {
        run_id: arm.run_id.clone(),
        started_at: arm.started_at.clone(),
        variant: arm.variant.as_ref().map(|variant| variant.as_str().to_owned()),
        measured_s: measured_ms(arm) as f64 / 1000.0,
    };
    let first = arms.first();
    let variant = first
        .and_then(|arm| arm.variant.as_ref())
        .filter(|variant| arms.iter().all(|arm| arm.variant.as_ref() == Some(variant)));
    let label = match (variant, first) {
        (Some(variant), _) => variant.as_str().to_owned(),
        (None, Some(arm)) if arms.len() == 1 => arm.run_id.clone(),
        (None, Some(arm)) => format!("{} and {} more", arm.run_id, arms.len() - 1),
        (None, None) => String::new(),
    };
    Side { label, runs: arms.iter().map(facts).collect() }
}

fn method_found(sides: &Sides, method: &Method, design: Design) -> MethodFound {
    // Two variants of a run are one run.
    let candidate = if sides.paired { 0 } else { sides.candidate.len() };
    let groups = [sides.baseline.len(), candidate, sides.spread.len()];
    let known: usize = match design {
        Design::Paired => groups[..2].iter().filter(|runs| **runs > 1).sum(),
        _ => groups.iter().filter(|runs| **runs > 1).sum(),
    };
    let mut metrics = method.metrics.clone();
    metrics.sort_unstable();
    metrics.dedup();
    MethodFound {
        design,
        margin: method.margin,
        floor_us: method.floor_us,
        fault_margin: method.fault_margin,
        confidence: CONFIDENCE,
        resamples: method.resamples,
        seed: method.seed,
        spread_runs: u32::try_from(known).unwrap_or(u32::MAX),
        metrics,
    }
}
