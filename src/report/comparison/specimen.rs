//! Comparisons for the tests of their renderings: one of each verdict, and what goes with it.

use super::Compared;
use crate::analysis::compare::found::{
    Change, Comparison, Design, FlowFacts, METRICS, MethodFound, Metric, Mismatch, Row, RunFacts,
    SCHEMA_VERSION, Side, Verdict,
};
use crate::analysis::compare::{Arm, Sides};
use crate::base::names::Variant;
use crate::measure::histogram::{Bounds, Times};
use crate::measure::series::{Kind, Phase, SeriesKey};
use crate::measure::timeline::Line;
use crate::measure::windows::Windows;
use crate::report::specimen;
use crate::result::run_dir::RunRecord;

/// A comparison with what it was made from.
pub(in crate::report) struct Case {
    pub(in crate::report) comparison: Comparison,
    sides: Sides,
    baseline: Vec<RunRecord>,
    candidate: Vec<RunRecord>,
}

impl Case {
    pub(in crate::report) fn compared(&self) -> Compared<'_> {
        let Self { comparison, sides, baseline, candidate } = self;
        Compared { comparison, sides, baseline, candidate }
    }
}

/// All of them with runs to go with them.
pub(in crate::report) fn cases() -> Vec<Case> {
    all().into_iter().chain([hostile()]).map(case).collect()
}

/// One with runs to go with it.
pub(in crate::report) fn case(comparison: Comparison) -> Case {
    let (baseline, candidate) = (records(&comparison.baseline), records(&comparison.candidate));
    let arms = |side: &Side, slower| {
        let arm = |run: &RunFacts| arm(run, slower);
        side.runs.iter().map(arm).collect()
    };
    let sides = Sides {
        baseline: arms(&comparison.baseline, 0),
        candidate: arms(&comparison.candidate, 1),
        paired: comparison.method.design == Design::Paired,
        spread: Vec::new(),
        mismatches: comparison.mismatches.clone(),
    };
    Case { comparison, sides, baseline, candidate }
}

/// One of each verdict, and one in which nothing but mismatches is seen.
pub(in crate::report) fn all() -> Vec<Comparison> {
    vec![worse(), same(), cannot_tell(), mismatched()]
}

/// Two variants of one run, of which one is slower at one step.
pub(in crate::report) fn worse() -> Comparison {
    let slower = |metric, baseline: f64, part: f64, verdict| {
        let interval = (part - 0.031, part + 0.033);
        change(metric, baseline, baseline * (1.0 + part), interval, Some(verdict))
    };
    let sign_on = vec![
        slower(Metric::P50, 78.3e3, 0.31, Verdict::Worse),
        slower(Metric::P90, 150e3, 0.15, Verdict::Worse),
        slower(Metric::P95, 179e3, 0.121, Verdict::Worse),
        slower(Metric::P99, 251e3, 0.084, Verdict::CannotTell),
        slower(Metric::Mean, 91e3, 0.27, Verdict::Worse),
        error_share(0.001, 0.0031, Verdict::Same),
    ];
    let mut sign_on = row(&["sign-on"], (15_000, 15_012), Some(Verdict::Worse), sign_on);
    sign_on.changes[3].minutes_needed = Some(11.3);
    let register =
        row(&["register"], (4_300, 4_280), Some(Verdict::Same), still(Some(Verdict::Same), 1.0));
    let step =
        |name: &str, verdict, changes| row(&["sign-on", name], (15_000, 15_012), verdict, changes);
    let verify = vec![
        slower(Metric::P50, 25e3, 1.2, Verdict::Worse),
        slower(Metric::P95, 59e3, 0.5, Verdict::Worse),
    ];
    let steps = vec![
        step("credentials", Some(Verdict::Same), still(Some(Verdict::Same), 0.4)),
        step("verify", Some(Verdict::Worse), verify.clone()),
        row(&["register", "finish"], (4_300, 4_280), None, still(None, 0.4)),
    ];
    let capabilities = vec![
        capability("customHTMLTemplate", "submit", "VERIFY", Some(Verdict::Worse), verify),
        capability(
            "customHTMLTemplate",
            "submit",
            "SIGNON",
            Some(Verdict::Same),
            still(Some(Verdict::Same), 0.4),
        ),
        capability("token", "", "", Some(Verdict::Same), still(Some(Verdict::Same), 0.3)),
    ];
    let run = "20261122-091500-w3ghqk";
    Comparison {
        verdict: Verdict::Worse,
        reasons: vec![
            "`sign-on` is worse: p50 +31.0%, p90 +15.0%, p95 +12.1%, mean +27.0%".to_owned(),
        ],
        baseline: side("v1", &[(run, Some("v1"))]),
        candidate: side("v2", &[(run, Some("v2"))]),
        journeys: vec![register, sign_on],
        steps,
        capabilities,
        ..blank(Design::Paired)
    }
}

/// Three runs each, between which there is nothing.
pub(in crate::report) fn same() -> Comparison {
    let mut only_here = row(&["recovery"], (900, 0), None, Vec::new());
    only_here.candidate_samples = None;
    let runs = |day: &str| ["1", "2", "3"].map(|number| format!("{day}-07000{number}-aaaaaa"));
    let (one, other) = (runs("20261120"), runs("20261121"));
    let named = |runs: &[String; 3]| {
        let runs: Vec<_> = runs.iter().map(|run| (run.as_str(), None)).collect();
        side("3 runs", &runs)
    };
    Comparison {
        verdict: Verdict::Same,
        reasons: vec!["every tested metric lies within the margin".to_owned()],
        baseline: named(&one),
        candidate: named(&other),
        method: MethodFound { spread_runs: 6, ..blank(Design::Runs).method },
        journeys: vec![
            only_here,
            row(
                &["sign-on"],
                (45_000, 45_030),
                Some(Verdict::Same),
                still(Some(Verdict::Same), 1.0),
            ),
        ],
        ..blank(Design::Runs)
    }
}

/// One run each, of which nothing can be said.
pub(in crate::report) fn cannot_tell() -> Comparison {
    let mut changes = still(Some(Verdict::CannotTell), 1.0);
    changes.iter_mut().for_each(|of| of.p = None);
    changes[3].baseline = None;
    (changes[3].change, changes[3].low, changes[3].high) = (None, None, None);
    Comparison {
        verdict: Verdict::CannotTell,
        reasons: vec![
            "there is one run each: how much runs of the same thing differ is not known; repeat each with \
             `gander run --repeat 4`, say a known spread with `--spread`, or run both as variants of one run"
                .to_owned(),
        ],
        baseline: side("20261120-070001-aaaaaa", &[("20261120-070001-aaaaaa", None)]),
        candidate: side("20261121-070001-bbbbbb", &[("20261121-070001-bbbbbb", None)]),
        journeys: vec![row(&["sign-on"], (15_000, 15_010), Some(Verdict::CannotTell), changes)],
        ..blank(Design::OneRunEach)
    }
}

/// Two runs that differ in more than their names.
pub(in crate::report) fn mismatched() -> Comparison {
    let mismatch = |what: &str, baseline: &str, candidate: &str| Mismatch {
        what: what.to_owned(),
        baseline: baseline.to_owned(),
        candidate: candidate.to_owned(),
    };
    let mut found = cannot_tell();
    found.mismatches = vec![
        mismatch("gander", "0.1.0", "0.2.0"),
        mismatch(
            "offered load",
            "rate 20/s, stages not set",
            "rate not set, stages [over 30s rate 20/s, for 5m rate 20/s]",
        ),
        mismatch("the run", "in order", "interrupted by a person"),
    ];
    let needed = |of: &mut Change| of.runs_needed = Some(2.2);
    found.journeys[0].changes.iter_mut().take(2).for_each(needed);
    found
}

/// Names as somebody would choose them who wants a page to run their script, or to break a table.
pub(in crate::report) fn hostile() -> Comparison {
    let name = "<script>alert(1)</script>\u{202e}\"|`@all`<img src=x onerror=\"alert(2)\">";
    let mut found = worse();
    found.reasons = vec![name.to_owned()];
    found.mismatches = mismatched().mismatches;
    found.mismatches[0].baseline = name.to_owned();
    for side in [&mut found.baseline, &mut found.candidate] {
        side.label = name.to_owned();
        side.runs[0].run_id = name.to_owned();
        side.runs[0].started_at = name.to_owned();
        side.runs[0].variant = Some(name.to_owned());
    }
    for row in found.journeys.iter_mut().chain(&mut found.steps) {
        row.journey = Some(name.to_owned());
        row.step = row.step.as_ref().map(|_| name.to_owned());
    }
    found.capabilities.iter_mut().for_each(|row| row.action = Some(name.to_owned()));
    found
}

/// A change with what most of them have.
pub(in crate::report) fn change(
    metric: Metric,
    baseline: f64,
    candidate: f64,
    (low, high): (f64, f64),
    verdict: Option<Verdict>,
) -> Change {
    let is_time = metric.is_time();
    Change {
        metric,
        baseline: Some(baseline),
        candidate: Some(candidate),
        change: Some(if is_time { candidate / baseline - 1.0 } else { candidate - baseline }),
        low: Some(low),
        high: Some(high),
        margin: if is_time { 0.05 } else { 0.005 },
        p: verdict.map(|_| 0.03),
        p_corrected: verdict.map(|_| 0.25),
        verdict,
        minutes_needed: None,
        runs_needed: None,
    }
}

fn error_share(baseline: f64, candidate: f64, verdict: Verdict) -> Change {
    let difference = candidate - baseline;
    change(
        Metric::ErrorShare,
        baseline,
        candidate,
        (difference - 0.001, difference + 0.001),
        Some(verdict),
    )
}

/// Every metric, nearly unchanged.
fn still(verdict: Option<Verdict>, factor: f64) -> Vec<Change> {
    let times = [78.3e3, 150e3, 179e3, 251e3, 91e3];
    let changes = METRICS.iter().zip(times).map(|((metric, _), time)| {
        let time = time * factor;
        change(*metric, time, time * 1.004, (-0.012, 0.021), verdict)
    });
    let mut changes: Vec<_> = changes.collect();
    changes.push(change(Metric::ErrorShare, 0.001, 0.0012, (-0.0004, 0.0009), verdict));
    changes
}

fn row(names: &[&str], samples: (u64, u64), verdict: Option<Verdict>, changes: Vec<Change>) -> Row {
    Row {
        journey: names.first().map(|name| (*name).to_owned()),
        step: names.get(1).map(|name| (*name).to_owned()),
        capability: None,
        event: None,
        action: None,
        verdict,
        baseline_samples: Some(samples.0),
        candidate_samples: Some(samples.1),
        changes,
    }
}

fn capability(
    name: &str,
    event: &str,
    action: &str,
    verdict: Option<Verdict>,
    changes: Vec<Change>,
) -> Row {
    Row {
        capability: Some(name.to_owned()),
        event: Some(event.to_owned()),
        action: Some(action.to_owned()),
        ..row(&[], (15_000, 15_012), verdict, changes)
    }
}

fn side(label: &str, runs: &[(&str, Option<&str>)]) -> Side {
    let run = |(run, variant): &(&str, Option<&str>)| RunFacts {
        run_id: (*run).to_owned(),
        started_at: "2026-11-22T09:15:00.000Z".to_owned(),
        variant: variant.map(str::to_owned),
        measured_s: 300.0,
        flows: vec![FlowFacts {
            journey: "sign-on".to_owned(),
            fingerprint: format!("flow/{label}"),
        }],
    };
    Side { label: label.to_owned(), runs: runs.iter().map(run).collect() }
}

fn blank(design: Design) -> Comparison {
    Comparison {
        schema_version: SCHEMA_VERSION,
        verdict: Verdict::CannotTell,
        reasons: Vec::new(),
        baseline: side("", &[]),
        candidate: side("", &[]),
        method: MethodFound {
            design,
            margin: 0.05,
            floor_us: 1000.0,
            fault_margin: 0.005,
            confidence: 0.95,
            resamples: 2000,
            seed: 1,
            spread_runs: 0,
            metrics: METRICS.iter().map(|(metric, _)| *metric).collect(),
        },
        mismatches: Vec::new(),
        journeys: Vec::new(),
        steps: Vec::new(),
        capabilities: Vec::new(),
    }
}

fn records(side: &Side) -> Vec<RunRecord> {
    let record = |run: &RunFacts| {
        let mut record = specimen::dossier(specimen::passing()).record;
        record.run_id = run.run_id.as_str().into();
        record
    };
    side.runs.iter().map(record).collect()
}

/// Ten seconds of two journeys, the candidate's slower by a tenth.
fn arm(run: &RunFacts, slower: u64) -> Arm {
    let mut windows = Windows::new(1000, 100);
    let variant: Variant = run.variant.as_deref().unwrap_or("default").into();
    for second in 0..10u64 {
        let (start_ms, end_ms) = (second * 1000, second * 1000 + 1000);
        windows.absorb_line(&Line { start_ms, end_ms, measured_ms: 1000, ..Line::default() });
        for (place, journey) in ["register", "sign-on"].into_iter().enumerate() {
            let mut times = Times::new(Bounds::Journey);
            let step = (place as u64 + 1) * (2000 + 200 * slower) + 10 * second;
            (1..=40).for_each(|part: u64| times.record(20_000 + part * step));
            let key =
                SeriesKey::of_journey(Phase::Measured, &variant, &journey.into(), Kind::Response);
            windows.absorb_times(&key, (start_ms, end_ms), &times);
        }
    }
    Arm {
        run_id: run.run_id.clone(),
        started_at: run.started_at.clone(),
        variant: run.variant.as_deref().map(Into::into),
        windows,
        flows: run.flows.clone(),
        is_invalid: false,
    }
}
