//! Large simulations: false alarms, power, coverage. `./scripts/prove compare` runs them optimised, each
//! printing its figures for `docs/statistics.md`.

use crate::recorded::Recorded;
use crate::report::{apart, interleaved, method, paired, reports, tell, verdicts};
use crate::world::{Change, World};
use gander::analysis::bootstrap::{Draws, Figure, estimate};
use gander::analysis::compare::found::{Change as Found, Comparison, METRICS, Metric, Verdict};
use gander::analysis::compare::{Method, Sides, compare};
use gander::measure::histogram::Percentile;
use gander::measure::windows::Track;
use gander::result::run_dir::RunDir;
use std::path::Path;

const SAME: Change = Change { everywhere: 0.0, tail: 0.0, step: None, faults: 0.0 };

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// Reports of two sides that are the same, with three journeys and two metrics each. Whether as many of them
/// as `least` say so at a margin of 10 % depends on how much the runs tell, which is printed.
fn same_against_same(name: &str, least: f64, sides: impl Fn(u64) -> Sides + Sync) {
    let number = 400;
    let mut alarms = Vec::new();
    for margin in [0.0, 0.05, 0.1] {
        let counted = verdicts(&reports(number, &sides, &method(margin)));
        tell(&format!(
            "A/A {name}: {number} reports, margin {}: false alarms {}, same {}",
            percent(margin),
            percent(counted.alarms()),
            percent(counted.same()),
        ));
        alarms.push((margin, counted.alarms(), counted.same()));
    }
    for (margin, alarms, same) in alarms {
        assert!(alarms <= 0.05, "{name}: {alarms} at {margin}");
        assert!(margin < 0.1 || same >= least, "{name}: {same} at {margin}");
    }
}

/// A hundred iterations a second for ten minutes, on a tenant whose speed wanders by 5 %; whole
/// iterations alone.
fn busy() -> World {
    World { wobble: 0.05, exchanges: false, ..World::mixed(100.0, 10) }
}

#[test]
#[ignore = "large: ./scripts/prove compare"]
fn false_alarms_of_interleaved_variants() {
    let world = World { wobble: 0.15, ..busy() };
    same_against_same("interleaved", 0.9, |seed| interleaved(&world, seed, SAME));
}

#[test]
#[ignore = "large: ./scripts/prove compare"]
fn false_alarms_of_three_interleaved_runs() {
    let world = World { seconds: 300, ..busy() };
    same_against_same("three interleaved runs", 0.7, |seed| {
        let run = |run| world.run(seed, run, &[("v1", SAME), ("v2", SAME)]);
        paired((0..3).map(run).collect())
    });
}

#[test]
#[ignore = "large: ./scripts/prove compare"]
fn false_alarms_of_three_runs_a_side() {
    let world = World { seconds: 900, spread: 0.005, ..busy() };
    same_against_same("3 + 3 runs", 0.0, |seed| apart(&world, seed, SAME, (3, 3, 0)));
}

#[test]
#[ignore = "large: ./scripts/prove compare"]
fn false_alarms_of_one_run_a_side_with_a_known_spread() {
    let world = World { seconds: 900, spread: 0.005, ..busy() };
    same_against_same("1 + 1 runs, spread of 5", 0.0, |seed| apart(&world, seed, SAME, (1, 1, 5)));
}

fn found_of(comparison: &Comparison, metric: Metric) -> Option<&Found> {
    comparison.journeys.first()?.changes.iter().find(|change| change.metric == metric)
}

fn p95(margin: f64) -> Method {
    Method { metrics: vec![Metric::P95], ..method(margin) }
}

#[test]
#[ignore = "large: ./scripts/prove compare"]
fn ten_percent_of_p95_is_found_in_five_minutes() {
    let world = World { exchanges: false, ..World::sign_on(50.0, 5) };
    let slower = Change { everywhere: 0.1, ..SAME };
    let both = Method { metrics: vec![Metric::P95, Metric::ErrorShare], ..method(0.03) };
    let found = reports(400, |seed| interleaved(&world, seed, slower), &both);
    let worse = found.iter().filter(|found| {
        found_of(found, Metric::P95).and_then(|change| change.verdict) == Some(Verdict::Worse)
    });
    let share = worse.count() as f64 / found.len() as f64;
    tell(&format!("+10% of p95, 50/s, 5 min, margin 3%: found in {} of 400", percent(share)));
    assert!(share >= 0.9, "{share}");
}

const CHANGES: &[(&str, Change)] = &[
    ("+1%", Change { everywhere: 0.01, ..SAME }),
    ("+2%", Change { everywhere: 0.02, ..SAME }),
    ("+5%", Change { everywhere: 0.05, ..SAME }),
    ("+10%", Change { everywhere: 0.1, ..SAME }),
    ("tail +1%", Change { tail: 0.01, ..SAME }),
    ("tail +2%", Change { tail: 0.02, ..SAME }),
    ("tail +5%", Change { tail: 0.05, ..SAME }),
    ("tail +10%", Change { tail: 0.1, ..SAME }),
];

/// In how many of so many reports p95 is found worse at all (margin 0), and the median half of its
/// interval.
fn power(number: u64, sides: impl Fn(u64) -> Sides + Sync) -> (f64, f64) {
    let found = reports(number, sides, &p95(0.0));
    let mut widths: Vec<f64> = found
        .iter()
        .filter_map(|found| found_of(found, Metric::P95))
        .filter_map(|change| Some((change.high? - change.low?) / 2.0))
        .collect();
    widths.sort_by(f64::total_cmp);
    (verdicts(&found).worse(), widths.get(widths.len() / 2).copied().unwrap_or(f64::NAN))
}

/// A line of a table: the power against each change, and what that comes to: the smallest change of
/// p95 that 90 reports of 100 find is its interval's half times (1 + 1.282 ÷ 1.96).
fn row_of(name: &str, number: u64, sides: impl Fn(u64, Change) -> Sides + Sync) {
    let mut cells = Vec::new();
    let mut half = f64::NAN;
    for (_, change) in CHANGES {
        let (share, width) = power(number, |seed| sides(seed, *change));
        cells.push(percent(share));
        half = width;
    }
    let smallest = percent(half * (1.0 + 1.282 / 1.96));
    tell(&format!("| {name} | {} | ±{} | {smallest} |", cells.join(" | "), percent(half)));
}

fn heading(of: &str) {
    let names: Vec<&str> = CHANGES.iter().map(|(name, _)| *name).collect();
    tell(&format!("| {of} | {} | half interval | found in 9 of 10 |", names.join(" | ")));
}

#[test]
#[ignore = "large: ./scripts/prove compare"]
fn power_by_sample_size() {
    heading("interleaved");
    for rate in [25.0, 50.0, 100.0] {
        for minutes in [1, 5, 15] {
            let world = World { exchanges: false, ..World::sign_on(rate, minutes) };
            row_of(&format!("{rate}/s, {minutes} min"), 100, |seed, change| {
                interleaved(&world, seed, change)
            });
        }
    }
}

#[test]
#[ignore = "large: ./scripts/prove compare"]
fn power_by_spread_and_number_of_runs() {
    heading("runs of 5 min at 50/s");
    for spread in [0.005, 0.01, 0.03] {
        let world = World { spread, exchanges: false, ..World::sign_on(50.0, 5) };
        for (name, runs) in [
            ("1 + 1, spread of 5", (1, 1, 5)),
            ("3 + 3", (3, 3, 0)),
            ("5 + 5", (5, 5, 0)),
            ("10 + 10", (10, 10, 0)),
        ] {
            row_of(&format!("runs differ by {}, {name}", percent(spread)), 60, |seed, change| {
                apart(&world, seed, change, runs)
            });
        }
    }
}

/// How many intervals of each metric hold the truth.
fn coverage(name: &str, number: u64, truth: f64, sides: impl Fn(u64) -> Sides + Sync) -> f64 {
    let found = reports(number, sides, &method(0.0));
    let mut least: f64 = 1.0;
    for (metric, called) in METRICS {
        let truth = if metric.is_time() { truth } else { 0.0 };
        let intervals: Vec<(f64, f64)> = found
            .iter()
            .filter_map(|found| found_of(found, *metric))
            .filter_map(|change| change.low.zip(change.high))
            .collect();
        let holding =
            intervals.iter().filter(|(low, high)| *low <= truth && truth <= *high).count();
        let share = holding as f64 / intervals.len().max(1) as f64;
        tell(&format!(
            "coverage {name}: {called}: {} of {} intervals hold the truth",
            percent(share),
            intervals.len(),
        ));
        least = least.min(share);
    }
    least
}

#[test]
#[ignore = "large: ./scripts/prove compare"]
fn nineteen_of_twenty_intervals_hold_the_truth() {
    let slower = Change { everywhere: 0.05, ..SAME };
    let mut least: f64 = 1.0;
    for (rate, minutes) in [(10.0, 2), (50.0, 1), (50.0, 5), (100.0, 15)] {
        let world = World { exchanges: false, ..World::sign_on(rate, minutes) };
        let name = format!("interleaved, {rate}/s, {minutes} min");
        least = least.min(coverage(&name, 400, 0.05, |seed| interleaved(&world, seed, slower)));
    }
    let world = World { exchanges: false, ..World::sign_on(50.0, 5) };
    least =
        least.min(coverage("3 + 3 runs", 400, 0.05, |seed| apart(&world, seed, slower, (3, 3, 0))));
    least = least.min(coverage("1 + 1, spread of 5", 400, 0.05, |seed| {
        apart(&world, seed, slower, (1, 1, 5))
    }));
    assert!(least >= 0.925, "{least}");
}

/// The figures of a single run, as thresholds see them, against the tenant's long-run figures: log-normal
/// with both variances together.
#[test]
#[ignore = "large: ./scripts/prove compare"]
fn intervals_of_one_run_hold_the_long_run_figure() {
    let figures = [
        (Figure::Percentile(Percentile::P50), 0.0),
        (Figure::Percentile(Percentile::P90), 1.281_552),
        (Figure::Percentile(Percentile::P95), 1.644_854),
        (Figure::Percentile(Percentile::P99), 2.326_348),
        (Figure::Mean, 0.0),
    ];
    let mut missed = Vec::new();
    for (kept, minutes) in [(0.0, 5), (0.5, 5), (0.9, 2), (0.9, 5), (0.9, 15), (0.97, 15)] {
        let world = World {
            kept,
            drift: 0.0,
            spread: 0.0,
            exchanges: false,
            ..World::sign_on(50.0, minutes)
        };
        let both = (0.4_f64.powi(2) + world.wobble.powi(2)).sqrt();
        for (figure, deviate) in figures {
            let truth = match figure {
                Figure::Mean => 120_000.0 * (both * both / 2.0).exp(),
                _ => 120_000.0 * (both * deviate).exp(),
            };
            let holds = |seed| {
                let windows = world.run(seed, 0, &[("v1", SAME)]);
                let cells = windows.cells(|track| matches!(track, Track::Iterations { .. }));
                let draws = Draws { resamples: 400, seed: 1, confidence: 0.95 };
                let interval = estimate(&cells, figure, draws).and_then(|found| found.interval);
                interval.is_some_and(|(low, high)| low <= truth && truth <= high)
            };
            let number = 200;
            let share = (0..number).filter(|seed| holds(*seed)).count() as f64 / number as f64;
            tell(&format!(
                "coverage of one run, {minutes} min, a second keeps {kept}: {figure:?}: {}",
                percent(share)
            ));
            // A memory of ten seconds and more does not show itself whole in a few minutes.
            let expected = if kept > 0.8 { 0.82 } else { 0.91 };
            if share < expected {
                missed.push(format!("{minutes} min, {kept} kept, {figure:?}: {share}"));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

/// Real runs, dealt out at random to two variants that are the same, one of them changed by a known
/// amount. The first directories below `target/prove/compare-runs`: each takes minutes.
#[test]
#[ignore = "large: ./scripts/prove compare"]
fn recorded_runs_dealt_out_to_two_variants() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/prove/compare-runs");
    let Ok(folders) = std::fs::read_dir(&root) else {
        tell("no recorded runs: target/prove/compare-runs is not there");
        return;
    };
    let mut folders: Vec<_> = folders.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    for folder in folders.iter().filter(|folder| folder.join("run.json").is_file()).take(2) {
        let windows =
            RunDir::open(folder).and_then(|dir| dir.windows(300)).expect("a run directory");
        let recorded = Recorded::new(&windows);
        let name = folder.file_name().map(|name| name.display().to_string()).unwrap_or_default();
        for change in [0.0, 0.02, 0.05, 0.1] {
            for margin in [0.0, 0.1] {
                let method = method(margin);
                let found =
                    reports(200, |seed| paired(vec![recorded.dealt(seed, change)]), &method);
                let counted = verdicts(&found);
                tell(&format!(
                    "recorded {name}, {} windows, +{}, margin {}: worse {}, better {}, same {}",
                    recorded.windows(),
                    percent(change),
                    percent(margin),
                    percent(counted.worse()),
                    percent(f64::from(counted.better) / f64::from(counted.reports)),
                    percent(counted.same()),
                ));
                assert!(change > 0.0 || counted.alarms() <= 0.06, "{name}: {counted:?}");
            }
        }
    }
}

/// Sixty rows, 240 windows, 2000 resamples.
#[test]
#[ignore = "large: ./scripts/prove compare"]
fn a_large_report_takes_no_longer_than_its_reader() {
    const STEPS: &[(&str, &str, f64)] = &[
        ("a", "one", 0.1),
        ("b", "two", 0.1),
        ("c", "three", 0.1),
        ("d", "four", 0.2),
        ("e", "five", 0.2),
        ("f", "six", 0.3),
    ];
    let mut world = World { windows: 240, ..World::mixed(100.0, 4) };
    let names = ["j1", "j2", "j3", "j4", "j5", "j6", "j7"];
    let plan = |name| crate::world::Plan { name, steps: STEPS, ..world.journeys[0].clone() };
    world.journeys = names.into_iter().map(plan).collect();
    let sides = interleaved(&world, 1, SAME);
    let method = Method { resamples: 2000, ..method(0.05) };
    #[expect(clippy::disallowed_methods, reason = "how long it takes is what is asked")]
    let started = std::time::Instant::now();
    let found = compare(&sides, &method);
    let rows = found.journeys.len() + found.steps.len() + found.capabilities.len();
    tell(&format!("{rows} rows, 240 windows, 2000 resamples: {:.2?}", started.elapsed()));
}
