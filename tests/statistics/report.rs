//! Reports of simulated runs, and how often they say what.

use crate::world::{Change, World};
use gander::analysis::compare::found::{Comparison, Metric, Row, Verdict};
use gander::analysis::compare::{Arm, Method, Sides, compare};
use gander::base::names::Variant;
use gander::measure::windows::Windows;

pub(crate) fn method(margin: f64) -> Method {
    Method {
        margin,
        floor_us: 0.0,
        fault_margin: 0.005,
        significance: 0.05,
        resamples: 400,
        seed: 1,
        metrics: vec![Metric::P95, Metric::ErrorShare],
        journeys: Vec::new(),
    }
}

pub(crate) fn arm(run_id: &str, variant: Option<&str>, windows: Windows) -> Arm {
    Arm {
        run_id: run_id.to_owned(),
        started_at: "2026-11-22T08:00:00.000Z".to_owned(),
        variant: variant.map(Variant::from),
        windows,
        is_invalid: false,
    }
}

/// Two variants of each of these runs.
pub(crate) fn paired(runs: Vec<Windows>) -> Sides {
    let side = |variant| {
        let named = |(number, windows): (usize, &Windows)| {
            arm(&format!("run-{number}"), Some(variant), windows.clone())
        };
        runs.iter().enumerate().map(named).collect()
    };
    Sides {
        baseline: side("v1"),
        candidate: side("v2"),
        paired: true,
        spread: Vec::new(),
        mismatches: Vec::new(),
    }
}

/// One run with both variants, the second changed.
pub(crate) fn interleaved(world: &World, seed: u64, change: Change) -> Sides {
    paired(vec![world.run(seed, 0, &[("v1", Change::default()), ("v2", change)])])
}

/// So many runs of each side, and so many more of the baseline for the spread.
pub(crate) fn apart(
    world: &World,
    seed: u64,
    change: Change,
    (baseline, candidate, spread): (u64, u64, u64),
) -> Sides {
    let runs = |from: u64, number: u64, change| -> Vec<Arm> {
        let run = |run| arm(&format!("run-{run}"), None, world.run(seed, run, &[("v1", change)]));
        (from..from + number).map(run).collect()
    };
    Sides {
        baseline: runs(0, baseline, Change::default()),
        candidate: runs(100, candidate, change),
        paired: false,
        spread: runs(200, spread, Change::default()),
        mismatches: Vec::new(),
    }
}

pub(crate) fn row<'c>(rows: &'c [Row], name: &str) -> &'c Row {
    let found = rows.iter().find(|row| row.name() == name);
    found.unwrap_or_else(|| panic!("no row {name} among {:?}", names(rows)))
}

pub(crate) fn names(rows: &[Row]) -> Vec<String> {
    rows.iter().map(Row::name).collect()
}

/// How often each verdict came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Verdicts {
    pub(crate) reports: u32,
    pub(crate) worse: u32,
    pub(crate) better: u32,
    pub(crate) same: u32,
}

impl Verdicts {
    pub(crate) fn of(found: impl Iterator<Item = Verdict>) -> Self {
        let mut counted = Self::default();
        for verdict in found {
            counted.reports += 1;
            match verdict {
                Verdict::Worse => counted.worse += 1,
                Verdict::Better => counted.better += 1,
                Verdict::Same => counted.same += 1,
                Verdict::CannotTell => {}
            }
        }
        counted
    }

    pub(crate) fn alarms(self) -> f64 {
        f64::from(self.worse + self.better) / f64::from(self.reports)
    }

    pub(crate) fn same(self) -> f64 {
        f64::from(self.same) / f64::from(self.reports)
    }

    pub(crate) fn worse(self) -> f64 {
        f64::from(self.worse) / f64::from(self.reports)
    }
}

/// The verdicts of so many reports, on all cores.
pub(crate) fn reports(
    number: u64,
    sides: impl Fn(u64) -> Sides + Sync,
    method: &Method,
) -> Vec<Comparison> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    std::thread::scope(|scope| {
        let sides = &sides;
        let part = |core| {
            let seeds = (0..number).filter(move |seed| seed % cores == core);
            scope.spawn(move || {
                seeds.map(|seed| (seed, compare(&sides(seed), method))).collect::<Vec<_>>()
            })
        };
        let parts: Vec<_> = (0..cores).map(part).collect();
        let joined = parts.into_iter().flat_map(|part| part.join().expect("a report"));
        let mut found: Vec<(u64, Comparison)> = joined.collect();
        found.sort_by_key(|(seed, _)| *seed);
        found.into_iter().map(|(_, comparison)| comparison).collect()
    })
}

pub(crate) fn verdicts(found: &[Comparison]) -> Verdicts {
    Verdicts::of(found.iter().map(|comparison| comparison.verdict))
}

/// Figures for whoever asks the harness to show them; `./scripts/prove compare` does.
#[expect(clippy::print_stdout, reason = "the harness keeps it from whoever does not ask")]
pub(crate) fn tell(figure: &str) {
    println!("figure: {figure}");
}
