//! What a comparison claims, on runs whose truth is known: small enough to run always.

use crate::recorded::Recorded;
use crate::report::{apart, arm, interleaved, method, names, paired, reports, row, tell, verdicts};
use crate::world::{Change, Ends, World, line, row as journey_row};
use gander::analysis::compare::found::{Comparison, Design, Metric, Verdict};
use gander::analysis::compare::{Method, Sides, compare};
use gander::measure::counts::FaultCounts;
use gander::measure::fault::Fault;
use gander::measure::histogram::{Bounds, Times};
use gander::measure::series::{Kind, Phase, SeriesKey};
use gander::measure::windows::{Cell, Windows};

const SAME: Change = Change { everywhere: 0.0, tail: 0.0, step: None, faults: 0.0 };

fn few(margin: f64) -> Method {
    Method { resamples: 200, ..method(margin) }
}

fn by(everywhere: f64) -> Change {
    Change { everywhere, ..SAME }
}

/// Every number of every change, by name.
fn numbers(found: &Comparison) -> Vec<(String, f64)> {
    let rows = found.journeys.iter().chain(&found.steps).chain(&found.capabilities);
    let each = rows.flat_map(|row| {
        row.changes.iter().flat_map(move |change| {
            let values = [
                change.baseline,
                change.candidate,
                change.change,
                change.low,
                change.high,
                Some(change.margin),
                change.p,
                change.p_corrected,
                change.minutes_needed,
                change.runs_needed,
            ];
            let name = format!("{} {}", row.name(), change.metric.name());
            values.into_iter().flatten().map(move |value| (name.clone(), value))
        })
    });
    each.collect()
}

#[test]
fn two_variants_that_are_the_same_are_rarely_called_different() {
    let world = World::sign_on(20.0, 3);
    let found = reports(40, |seed| interleaved(&world, seed, SAME), &few(0.0));
    let counted = verdicts(&found);
    assert_eq!(counted.same, 0, "nothing is within a margin of nothing");
    assert!(counted.worse + counted.better <= 4, "{counted:?}");
    assert!(found.iter().all(|found| found.method.design == Design::Paired));
}

#[test]
fn a_change_beyond_the_margin_is_found_and_one_within_it_is_none() {
    let world = World::sign_on(40.0, 3);
    for (change, margin, expected) in [
        (by(0.3), 0.05, Verdict::Worse),
        (by(-0.3), 0.05, Verdict::Better),
        (by(0.01), 0.2, Verdict::Same),
        (by(0.1), 0.1, Verdict::CannotTell),
        (Change { tail: 0.5, ..SAME }, 0.05, Verdict::Worse),
        (Change { faults: 0.05, ..SAME }, 0.1, Verdict::Worse),
    ] {
        let found = compare(&interleaved(&world, 1, change), &few(margin));
        assert_eq!(found.verdict, expected, "{change:?} {:?}", found.reasons);
        assert!(!found.reasons.is_empty());
    }
}

#[test]
fn the_step_that_changed_is_named_and_no_other() {
    let slower = Change { step: Some(("verify", 150_000.0)), ..SAME };
    let world = World::mixed(50.0, 3);
    let found = compare(&interleaved(&world, 3, slower), &few(0.03));
    let changed = |rows: &[gander::analysis::compare::found::Row]| -> Vec<String> {
        let is_worse =
            |row: &&gander::analysis::compare::found::Row| row.verdict == Some(Verdict::Worse);
        rows.iter().filter(is_worse).map(|row| row.name()).collect()
    };
    assert_eq!(changed(&found.journeys), ["recovery", "register"], "{:?}", found.reasons);
    assert_eq!(changed(&found.steps), ["recovery/verify", "register/verify"]);
    assert_eq!(changed(&found.capabilities), ["verifyEmail submit verify"]);
    assert_eq!(row(&found.steps, "sign-on/credentials").verdict, None);
    assert!(
        row(&found.steps, "sign-on/credentials").changes.iter().all(|change| {
            change.verdict.is_none() && change.p.is_none() && change.low.is_some()
        })
    );
}

#[test]
fn one_run_each_never_tells_whatever_it_shows() {
    let world = World::sign_on(20.0, 2);
    for change in [SAME, by(1.0)] {
        let found = compare(&apart(&world, 5, change, (1, 1, 0)), &few(0.05));
        assert_eq!(found.verdict, Verdict::CannotTell);
        assert_eq!(found.method.design, Design::OneRunEach);
        assert!(found.reasons[0].contains("--spread"), "{:?}", found.reasons);
        let change = &row(&found.journeys, "sign-on").changes[2];
        assert_eq!((change.metric, change.p, change.minutes_needed), (Metric::P95, None, None));
        assert!(change.low < change.change && change.change < change.high);
    }
}

#[test]
fn runs_are_judged_by_how_runs_differ() {
    let world = World { wobble: 0.03, exchanges: false, ..World::sign_on(20.0, 2) };
    for (runs, change, expected) in [
        ((3, 3, 0), by(0.5), Verdict::Worse),
        ((3, 3, 0), by(-0.4), Verdict::Better),
        ((1, 1, 4), by(0.6), Verdict::Worse),
        ((3, 3, 0), SAME, Verdict::Same),
        // Two runs of one side know next to nothing of their spread: t with one degree of freedom.
        ((2, 1, 0), by(0.05), Verdict::CannotTell),
    ] {
        let found = compare(&apart(&world, 1, change, runs), &few(0.15));
        assert_eq!(found.verdict, expected, "{runs:?} {change:?} {:?}", found.reasons);
        assert_eq!(found.method.design, Design::Runs);
    }
    // An offset of a run is not mistaken for a change, however sure each run is of itself.
    let restless = World { spread: 0.1, ..world };
    let found = reports(20, |seed| apart(&restless, seed, SAME, (2, 2, 0)), &few(0.02));
    let counted = verdicts(&found);
    assert!(counted.worse + counted.better <= 2, "{counted:?}");
}

#[test]
fn so_many_more_minutes_or_runs_would_tell() {
    let world = World { exchanges: false, ..World::sign_on(20.0, 2) };
    let open = |sides: fn(&World, u64) -> Sides| {
        let found = reports(6, |seed| sides(&world, seed), &few(0.03));
        let changes = found.iter().map(|found| row(&found.journeys, "sign-on").changes[2].clone());
        changes.filter(|change| change.verdict == Some(Verdict::CannotTell)).collect::<Vec<_>>()
    };
    let paired = open(|world, seed| interleaved(world, seed, SAME));
    assert!(paired.len() >= 3, "{paired:?}");
    for change in &paired {
        assert_eq!((change.metric, change.runs_needed), (Metric::P95, None));
        assert!(change.minutes_needed.is_none_or(|minutes| minutes > 0.0 && minutes < 60_000.0));
    }
    let known = paired.iter().filter(|change| change.minutes_needed.is_some());
    assert!(known.count() * 2 > paired.len(), "{paired:?}");
    let runs = open(|world, seed| apart(world, seed, SAME, (2, 2, 0)));
    let known = runs.iter().filter(|change| change.runs_needed.is_some_and(|runs| runs >= 1.0));
    assert!(known.count() * 2 > runs.len(), "{runs:?}");
    assert!(runs.iter().all(|change| change.minutes_needed.is_none()), "{runs:?}");
}

#[test]
fn the_same_sides_give_the_same_bytes() {
    let world = World::mixed(20.0, 1);
    let bytes = || {
        let sides = interleaved(&world, 1, by(0.05));
        serde_json::to_string(&compare(&sides, &few(0.05))).expect("a document")
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn no_fault_on_either_side_is_no_proof_that_there_is_none() {
    // 300 samples each: one fault in a hundred would hardly show.
    let sparse = World { seconds: 60, ..World::sign_on(10.0, 1) };
    let found = compare(&interleaved(&sparse, 1, SAME), &few(0.5));
    let change = row(&found.journeys, "sign-on").changes.last().expect("an error share");
    assert_eq!((change.metric, change.change), (Metric::ErrorShare, Some(0.0)));
    assert_eq!(change.verdict, Some(Verdict::CannotTell));
    assert!(change.low < Some(-0.004) && change.high > Some(0.004), "{change:?}");
    assert!(change.minutes_needed.is_some());
    let many = World { seconds: 60, ..World::sign_on(100.0, 1) };
    let found = compare(&interleaved(&many, 1, SAME), &few(0.5));
    let change = row(&found.journeys, "sign-on").changes.last().expect("an error share");
    assert_eq!(change.verdict, Some(Verdict::Same), "{change:?}");
}

/// How many completed and how many were cut off in a second.
type Counts<'c> = &'c dyn Fn(u64) -> (u64, u64);

/// Windows of one journey of both variants, with so many completed iterations of 100 ms and so many that
/// were cut off in each second.
fn cut_off(seconds: u64, sides: [(&str, Counts<'_>); 2]) -> Windows {
    let mut windows = Windows::new(1000, 300);
    let journey = "sign-on".into();
    for second in 0..seconds {
        let counts = sides.iter().map(|(variant, counts)| (*variant, counts(second)));
        let rows = counts.clone().map(|(variant, (completed, cut_off))| {
            let faults: FaultCounts = [(Fault::ReadTimeout, 0)].into_iter().collect();
            let ends = Ends { due: completed + cut_off, completed, cut_off, faults };
            journey_row(&variant.into(), &journey, ends)
        });
        let line = line(second, 1000, rows.collect());
        windows.absorb_line(&line);
        for (variant, (completed, _)) in counts {
            let key =
                SeriesKey::of_journey(Phase::Measured, &variant.into(), &journey, Kind::Response);
            let mut times = Times::new(Bounds::Journey);
            (0..completed).for_each(|step| times.record(100_000 + step * 1000));
            windows.absorb_times(&key, (line.start_ms, line.end_ms), &times);
        }
    }
    windows
}

#[test]
fn what_is_slower_than_any_limit_is_worse_and_no_number() {
    let fine = |_| (20, 0);
    let stuck = |_| (20, 4);
    for (before, after, expected) in [
        (&fine as Counts<'_>, &stuck as Counts<'_>, Verdict::Worse),
        (&stuck, &fine, Verdict::Better),
        (&stuck, &stuck, Verdict::CannotTell),
    ] {
        let sides = paired(vec![cut_off(60, [("v1", before), ("v2", after)])]);
        let method = Method { metrics: vec![Metric::P95], ..few(0.05) };
        let found = compare(&sides, &method);
        assert_eq!(found.verdict, expected, "{:?}", found.reasons);
        let change = &row(&found.journeys, "sign-on").changes[2];
        assert_eq!(
            (change.change, change.high.filter(|_| expected == Verdict::Worse)),
            (None, None)
        );
        assert!(change.baseline.is_none() || change.candidate.is_none());
        assert!(
            found.reasons.iter().any(|reason| reason.contains("any limit")),
            "{:?}",
            found.reasons
        );
        let numbers = numbers(&found);
        assert!(numbers.iter().all(|(_, number)| number.is_finite()), "{numbers:?}");
    }
}

#[test]
fn nothing_but_finite_numbers_leaves() {
    let restless: Counts<'_> = &|second| (20, u64::from(second % 3 == 0) * 3);
    let none: Counts<'_> = &|_| (0, 0);
    let only: Counts<'_> = &|_| (0, 2);
    for (before, after) in [(restless, restless), (restless, only), (only, only), (none, restless)]
    {
        for seconds in [0, 1, 7, 9, 60] {
            let windows = cut_off(seconds, [("v1", before), ("v2", after)]);
            let one = |variant| arm("run", Some(variant), windows.clone());
            for (runs, is_paired, spread) in
                [(1, true, 0), (2, true, 0), (1, false, 0), (3, false, 2)]
            {
                let sides = Sides {
                    baseline: (0..runs).map(|_| one("v1")).collect(),
                    candidate: (0..runs).map(|_| one("v2")).collect(),
                    paired: is_paired,
                    spread: (0..spread).map(|_| one("v1")).collect(),
                    mismatches: Vec::new(),
                };
                let found = compare(&sides, &few(0.0));
                let numbers = numbers(&found);
                assert!(numbers.iter().all(|(_, number)| number.is_finite()), "{numbers:?}");
                assert!(!found.reasons.is_empty());
            }
        }
    }
}

#[test]
fn a_journey_on_one_side_alone_or_without_samples_is_told_as_such() {
    let world = World::mixed(20.0, 1);
    let mut only_sign_on = world.clone();
    only_sign_on.journeys.truncate(1);
    let mut sides = apart(&world, 1, SAME, (2, 2, 0));
    for (place, arm) in (7u64..).zip(&mut sides.candidate) {
        arm.windows = only_sign_on.run(1, place, &[("v1", SAME)]);
    }
    let found = compare(&sides, &few(0.05));
    let register = row(&found.journeys, "register");
    assert!(register.baseline_samples.is_some_and(|samples| samples > 0));
    assert_eq!((register.candidate_samples, register.changes.len()), (None, 0));
    assert_eq!(register.verdict, Some(Verdict::CannotTell));
    assert!(found.reasons.iter().any(|reason| reason == "register: only the baseline has it"));
    assert_eq!(row(&found.steps, "register/verify").verdict, None);
    assert_eq!(row(&found.steps, "register/verify").candidate_samples, None);

    let none = |_| (0, 0);
    let fine = |_| (20, 0);
    let found = compare(&paired(vec![cut_off(30, [("v1", &fine), ("v2", &none)])]), &few(0.05));
    let silent = row(&found.journeys, "sign-on");
    assert_eq!((silent.candidate_samples, silent.changes.len()), (Some(0), 0));
    assert_eq!(silent.verdict, Some(Verdict::CannotTell));
    assert_eq!(found.reasons, ["sign-on: no samples on one side"]);
}

#[test]
fn an_invalid_run_says_nothing() {
    let mut sides = interleaved(&World::sign_on(20.0, 1), 1, by(1.0));
    sides.candidate[0].is_invalid = true;
    let found = compare(&sides, &few(0.05));
    assert_eq!(found.verdict, Verdict::CannotTell);
    assert!(found.reasons[0].contains("run-0 is invalid"), "{:?}", found.reasons);
}

#[test]
fn only_the_journeys_and_metrics_asked_for_are_judged() {
    let sides = interleaved(&World::mixed(40.0, 1), 1, by(0.5));
    let asked =
        Method { journeys: vec!["register".into()], metrics: vec![Metric::P50], ..few(0.05) };
    let found = compare(&sides, &asked);
    assert_eq!(names(&found.journeys), ["register"]);
    assert_eq!(names(&found.steps).len(), 3);
    let judged = found.journeys[0].changes.iter().filter(|change| change.verdict.is_some());
    assert_eq!(judged.map(|change| change.metric).collect::<Vec<_>>(), [Metric::P50]);
}

#[test]
fn a_recorded_run_is_dealt_out_whole() {
    let windows = World::mixed(20.0, 1).run(1, 0, &[("v1", SAME)]);
    let dealt = Recorded::new(&windows).dealt(3, 0.0);
    let sum = |windows: &Windows| {
        let cells = windows.cells(|_| true);
        let all = |of: fn(&Cell) -> u64| cells.iter().map(of).sum::<u64>();
        (
            cells.len(),
            all(|cell| cell.measured_ms),
            all(|cell| cell.pool.samples()),
            all(|cell| cell.pool.faults.total()),
            all(|cell| cell.due),
        )
    };
    assert_eq!(sum(&dealt), sum(&windows));
    let found = compare(&paired(vec![Recorded::new(&windows).dealt(3, 0.5)]), &few(0.05));
    assert_eq!(found.verdict, Verdict::Worse, "{:?}", found.reasons);
    let change = &row(&found.journeys, "sign-on").changes[0];
    tell(&format!("half as long again: {:?}", change.change));
    assert!(change.change.is_some_and(|change| (change - 0.5).abs() < 0.1), "{change:?}");
}
