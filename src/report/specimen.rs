//! Summaries for tests: made up, but with the proportions of real ones.

pub(super) use super::specimen_drift::drifting;
use crate::base::names::{Journey, Variant};
use crate::measure::Exemplar;
use crate::measure::counts::FaultCounts;
use crate::measure::course::Course;
use crate::measure::failing::FaultSample;
use crate::measure::fault::Fault;
use crate::measure::histogram::{Bounds, Times};
use crate::measure::series::{Kind, Phase, SeriesKey};
use crate::measure::tally::Tally;
use crate::measure::timeline::{Interval, Line};
use crate::result::dossier::Dossier;
use crate::result::part::{Part, ShareRecord};
use crate::result::run_dir::{FlowRecord, HostRecord, RunRecord};
use crate::result::summary::{
    ActionSummary, CapabilitySummary, Caution, FunnelStep, GeneratorSummary, JourneySummary,
    SCHEMA_VERSION, SeriesSummary, Summary, ThresholdSummary, TimeUs, Verdict, WorkloadModel,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One of each kind.
pub(super) fn all() -> [Summary; 5] {
    [passing(), failing(), invalid(), nothing_completed(), two_variants()]
}

/// The same with everything else that is known of a run.
pub(super) fn dossiers() -> Vec<Dossier> {
    all().into_iter().map(dossier).collect()
}

/// A run of twenty seconds with what a summary says of it.
pub(super) fn dossier(summary: Summary) -> Dossier {
    let record = RunRecord {
        schema_version: SCHEMA_VERSION,
        gander_version: "0.1.0".to_owned(),
        run_id: summary.run_id.clone(),
        started_at: summary.started_at.clone(),
        started_unix_ms: 1_795_286_081_000,
        ended_at: Some("2026-11-21T18:35:06.000Z".to_owned()),
        interrupted: false,
        stopped: None,
        never_looked: Vec::new(),
        seed: "7".to_owned(),
        workload_model: summary.workload_model,
        max_users: None,
        planned_ms: Some(25_000),
        reply_timeout_ms: 30_000,
        thresholds: summary.thresholds.iter().map(|found| found.rule.clone()).collect(),
        share: None,
        host: HostRecord { name: "lab".to_owned(), system: "linux x86_64".to_owned(), cores: 2 },
        tenant_hosts: vec!["127.0.0.1".to_owned()],
        segments: Vec::new(),
        parts: Vec::new(),
        flows: Vec::new(),
        plan: serde_json::json!({ "workload": { "users": 20, "duration": "20s" } }),
    };
    let mut course = Course::default();
    (0..20).for_each(|number| {
        course.absorb_line(&Line {
            interval: number,
            start_ms: number * 1000,
            end_ms: number * 1000 + 1000,
            measured_ms: 1000,
            ..Line::default()
        });
    });
    let exemplars = Vec::new();
    let failing = samples(&summary);
    Dossier {
        record,
        summary,
        tally: Tally::default(),
        course,
        exemplars,
        failing,
        is_running: false,
    }
}

/// Two parts of a merged run: one that went well, and one that was killed.
pub(super) fn parts() -> Vec<Part> {
    let well = Part {
        name: "agent-1".to_owned(),
        run_id: "20261121-183441-k3f9".into(),
        share: Some(ShareRecord { index: 1, of: 2 }),
        host: HostRecord { name: "lab-1".to_owned(), system: "linux x86_64".to_owned(), cores: 2 },
        gander_version: "0.1.0".to_owned(),
        seed: "7".to_owned(),
        clock_offset_ms: None,
        started_at: "2026-11-21T18:34:41.120Z".to_owned(),
        offset_ms: 0,
        ended_at: Some("2026-11-21T18:35:06.000Z".to_owned()),
        measured_ms: 20_000,
        measured_from_ms: Some(3000),
        measured_to_ms: Some(23_000),
        due: 1010,
        completed: 1010,
        failed: 0,
        dropped: 0,
        cut_off: 0,
        lost: 0,
        lost_from_ms: None,
        taken_over_from_ms: None,
        resumed: 0,
        paused_ms: 0,
        overloaded_ms: 0,
        out_of_cpu_ms: 0,
        dispatched_late_ms: 0,
        generator_faults: FaultCounts::default(),
        invalid: None,
        generator: GeneratorSummary { lag_us: around(900), ..passing().generator },
    };
    let killed = Part {
        name: "agent-2".to_owned(),
        share: Some(ShareRecord { index: 2, of: 2 }),
        ended_at: None,
        due: 1010,
        completed: 930,
        failed: 61,
        dropped: 12,
        cut_off: 7,
        generator: GeneratorSummary {
            cpu_share: None,
            worst_cpu_share: None,
            ..passing().generator
        },
        ..well.clone()
    };
    vec![well, killed]
}

/// Names as somebody would choose them who wants a page to run their script.
pub(super) fn hostile() -> Dossier {
    let name = "<script>alert(1)</script>\u{202e}\"><img src=x onerror=\"alert(2)\">";
    let mut dossier = dossier(failing());
    let (record, summary) = (&mut dossier.record, &mut dossier.summary);
    record.tenant_hosts = vec![name.to_owned()];
    record.host.name = name.to_owned();
    record.gander_version = name.to_owned();
    record.plan = serde_json::json!({ "journeys": { name: 1 }, "workload": { "users": name } });
    record.flows = vec![FlowRecord {
        variant: name.into(),
        journey: name.into(),
        fingerprint: name.to_owned(),
        starts: 1,
    }];
    summary.reasons = vec![name.to_owned()];
    summary.thresholds = vec![ThresholdSummary {
        remark: Some(name.to_owned()),
        ..within(name, name, threshold(name, name, false))
    }];
    for row in &mut summary.journeys {
        (row.journey, row.variant) = (name.into(), name.into());
        row.funnel = vec![FunnelStep { step: name.into(), reached: 1, left: row.faults.clone() }];
    }
    for row in &mut summary.capabilities {
        row.capability = name.into();
        row.actions.iter_mut().for_each(|action| action.action = name.to_owned());
    }
    summary.cautions.iter_mut().for_each(|caution| caution.text = name.to_owned());
    summary.parts = parts();
    for part in &mut summary.parts {
        (part.name, part.host.name) = (name.to_owned(), name.to_owned());
    }
    summary.generator.part = Some(name.to_owned());
    let mut drift = drifting();
    for row in &mut drift.rows {
        (row.name, row.event, row.action) = (name.to_owned(), name.to_owned(), name.to_owned());
        row.jumps.iter_mut().for_each(|jump| jump.beside = Some(name.to_owned()));
    }
    drift.projections.iter_mut().for_each(|found| found.rule = name.to_owned());
    summary.drift = Some(drift);
    dossier.failing.iter_mut().for_each(|sample| {
        (sample.journey, sample.detail) = (name.into(), name.to_owned());
        sample.call_id = Some(name.to_owned());
    });
    dossier
}

/// The same with histograms, a course and whole iterations that go with its summary: everything
/// that charts are drawn from.
pub(super) fn with_course(mut dossier: Dossier) -> Dossier {
    dossier.course = Course::default();
    let variants = dossier.summary.journeys.iter().map(|row| (&row.variant, &row.journey));
    for second in 0..20 {
        let mut series = BTreeMap::new();
        let mut lines = Vec::new();
        for (variant, journey) in variants.clone() {
            let mut times = Times::new(Bounds::Journey);
            (1..=30).for_each(|part| times.record(part * (3000 + 200 * second)));
            let key = SeriesKey::of_journey(Phase::Measured, variant, journey, Kind::Response);
            series.insert(Arc::new(key), times);
            lines.push(serde_json::json!({
                "phase": "measured", "variant": variant, "journey": journey, "due": 32,
                "completed": 30, "faults": { "http-5xx": 2 }, "exchanges": 90,
            }));
        }
        let line = serde_json::json!({
            "schema_version": 1, "interval": second, "start_ms": second * 1000,
            "end_ms": second * 1000 + 1000, "measured_ms": 1000, "journeys": lines,
            "readings": {
                "users": 5 + second, "next_arrival": 0, "next_persona": 0, "cpu_share": 0.2,
            },
        });
        let line: Line = serde_json::from_value(line).unwrap();
        let interval = Interval { line, series, failing: Vec::new() };
        dossier.course.absorb(&interval);
        dossier.tally.absorb(&interval);
    }
    dossier.exemplars =
        variants.flat_map(|(v, j)| [exemplar(v, j, 1), exemplar(v, j, 2)]).collect();
    dossier
}

fn exemplar(variant: &Variant, journey: &Journey, number: u64) -> Exemplar {
    let exchange = |place: u64| {
        serde_json::json!({
            "step": format!("{journey} {place}"), "capability": "customHTMLTemplate",
            "event": "submit", "action": "SIGNON", "sent_us": place * 40_000,
            "service_us": 30_000 * number, "outcome": "advanced",
        })
    };
    let exemplar = serde_json::json!({
        "variant": variant, "journey": journey, "slowest": number > 1, "iteration": number,
        "due_us": 1_000_000, "response_us": 100_000 * number, "service_us": 100_000 * number,
        "elapsed_us": 120_000 * number, "ending": "completed",
        "exchanges": (0..3).map(exchange).collect::<Vec<_>>(),
    });
    serde_json::from_value(exemplar).unwrap()
}

/// Two samples of each fault that exchanges met.
fn samples(summary: &Summary) -> Vec<FaultSample> {
    let sample = |place: u64, fault: Fault| FaultSample {
        at_us: 1_500_000 * (place + 1),
        iteration: 7 * place,
        variant: "default".into(),
        journey: "sign-on".into(),
        step: "credentials".into(),
        capability: "customHTMLTemplate".into(),
        event: "submit".to_owned(),
        action: "SIGNON".to_owned(),
        fault,
        status: (fault == Fault::Http5xx).then_some(500),
        call_id: Some(format!("call-{place}")),
        detail: format!("POST /davinci/connections/x/capabilities/customHTMLTemplate\n{fault}"),
    };
    let of_exchanges = summary.capabilities.iter().flat_map(|row| row.faults.iter());
    let faults: Vec<_> = of_exchanges.flat_map(|(fault, _)| [fault, fault]).collect();
    (0..).zip(faults).map(|(place, fault)| sample(place, fault)).collect()
}

/// Times around a median, in microseconds.
pub(super) fn around(median: u64) -> Option<TimeUs> {
    let part = |percent: u64| median * percent / 100;
    Some(TimeUs {
        min: part(31),
        mean: part(112),
        p50: median,
        p75: part(140),
        p90: part(191),
        p95: part(228),
        p99: part(321),
        p99_9: part(468),
        max: part(612),
    })
}

fn journey(variant: &str, name: &str, completed: u64, median: u64) -> JourneySummary {
    JourneySummary {
        variant: variant.into(),
        journey: name.into(),
        due: completed,
        late: 0,
        completed,
        failed: 0,
        dropped: 0,
        cut_off: 0,
        lost: 0,
        completed_per_s: f64::from(u32::try_from(completed).unwrap()) / 20.0,
        faults: FaultCounts::default(),
        funnel: Vec::new(),
        response_time_us: around(median),
        service_time_us: around(median),
        elapsed_us: around(median + 1000),
    }
}

fn action(event: &str, action: &str, samples: u64, median: u64) -> ActionSummary {
    ActionSummary {
        event: event.to_owned(),
        action: action.to_owned(),
        samples,
        faults: FaultCounts::default(),
        error_share: 0.0,
        service_time_us: around(median),
    }
}

fn capability(variant: &str, name: &str, actions: Vec<ActionSummary>) -> CapabilitySummary {
    let samples = actions.iter().map(|action| action.samples).sum();
    let mut faults = FaultCounts::default();
    actions.iter().for_each(|action| faults.merge(&action.faults));
    CapabilitySummary {
        variant: variant.into(),
        capability: name.into(),
        samples,
        error_share: part(faults.total(), samples),
        faults,
        service_time_us: actions.first().and_then(|action| action.service_time_us),
        actions,
    }
}

fn part(part: u64, whole: u64) -> f64 {
    crate::measure::tally::share(part, whole)
}

fn series(kind: &str, samples: u64, median: u64) -> SeriesSummary {
    SeriesSummary { kind: kind.to_owned(), samples, time_us: around(median) }
}

fn threshold(rule: &str, observed: &str, holds: bool) -> ThresholdSummary {
    let (rule, observed) = (rule.to_owned(), observed.to_owned());
    ThresholdSummary { rule, observed, holds, ..ThresholdSummary::default() }
}

fn within(low: &str, high: &str, found: ThresholdSummary) -> ThresholdSummary {
    ThresholdSummary { low: Some(low.to_owned()), high: Some(high.to_owned()), ..found }
}

/// Like the quick start.
pub(super) fn passing() -> Summary {
    let flow = vec![
        action("action", "FORGOT_PASSWORD", 605, 25_100),
        action("action", "REGISTER", 811, 25_300),
        action("submit", "RECOVER", 602, 26_000),
        action("submit", "SIGNON", 608, 25_800),
        action("submit", "UPDATE", 601, 27_400),
        action("submit", "VERIFY", 1411, 25_200),
    ];
    Summary {
        drift: None,
        schema_version: SCHEMA_VERSION,
        run_id: "20261121-183441-k3f9".into(),
        verdict: Verdict::Pass,
        reasons: Vec::new(),
        started_at: "2026-11-21T18:34:41.120Z".to_owned(),
        measured_s: 20.0,
        workload_model: WorkloadModel::Closed,
        journeys: vec![
            journey("default", "recovery", 601, 181_000),
            journey("default", "register", 811, 132_000),
            journey("default", "sign-on", 608, 78_300),
        ],
        steps: Vec::new(),
        capabilities: vec![
            capability("default", "authorize", vec![action("", "", 2020, 24_900)]),
            capability("default", "customHTMLTemplate", flow),
            capability("default", "token", vec![action("", "", 2020, 25_000)]),
        ],
        series: vec![
            series("connect", 2020, 140),
            series("first-byte", 9_678, 24_100),
            series("code-wait", 1412, 3_210),
            series("management", 200, 9_000),
        ],
        thresholds: vec![
            threshold("faults < 1%", "0%", true),
            threshold("sign-on.p95 < 800ms", "179 ms", true),
        ],
        generator: GeneratorSummary {
            part: None,
            cores: Some(2.0),
            cpu_share: Some(0.234),
            worst_cpu_share: Some(0.31),
            peak_rss_bytes: Some(88_290_000),
            lag_us: None,
            scheduler_lag_us: around(1_100),
            max_open_sockets: Some(42),
            max_open_files: Some(61),
            file_limit: Some(20_000),
            max_ports_in_use: Some(42),
            ports: Some(28_232),
        },
        parts: Vec::new(),
        cautions: Vec::new(),
    }
}

/// The open model against a tenant that is not up to it.
pub(super) fn failing() -> Summary {
    let mut summary = passing();
    summary.verdict = Verdict::Fail;
    summary.workload_model = WorkloadModel::Open;
    summary.reasons = vec![
        "`sign-on.p95 < 800ms` does not hold: > 30 s".to_owned(),
        "`faults < 1%` does not hold: 6.78%".to_owned(),
    ];
    let sign_on = &mut summary.journeys[2];
    sign_on.faults = [
        (Fault::Http5xx, 20),
        (Fault::Refused, 3),
        (Fault::ReadTimeout, 61),
        (Fault::NoAccount, 7),
    ]
    .into_iter()
    .collect();
    sign_on.failed = sign_on.faults.total();
    (sign_on.dropped, sign_on.cut_off) = (12, 2);
    sign_on.due = sign_on.completed + sign_on.failed + 12 + 2;
    sign_on.response_time_us = around(214_000);
    let flow = &mut summary.capabilities[1];
    flow.actions[3].faults =
        [(Fault::Http5xx, 20), (Fault::Refused, 3), (Fault::ReadTimeout, 61)].into_iter().collect();
    flow.actions[3].error_share = part(84, 692);
    flow.actions[3].samples = 692;
    *flow = capability("default", "customHTMLTemplate", flow.actions.clone());
    summary.series.insert(3, series("lag", 2118, 91_000));
    summary.thresholds = vec![
        within("5.31%", "8.25%", threshold("faults < 1%", "6.78%", false)),
        ThresholdSummary {
            remark: Some("measured for 20s only: judged on all of it".to_owned()),
            ..within("520 ms", "655 ms", threshold("recovery.p99 < 2s over 1m", "581 ms", true))
        },
        threshold("sign-on.p95 < 800ms", "> 30 s", false),
        ThresholdSummary {
            worst_from_s: Some(11.0),
            worst_to_s: Some(16.0),
            ..threshold("register.p95 < 400ms over 5s", "377 ms", true)
        },
    ];
    summary.generator.lag_us = around(210);
    summary.cautions = vec![Caution {
        slug: "short-run".to_owned(),
        text: "`sign-on` has 608 completed iterations, too few for a 99th percentile that can be \
               trusted to two figures"
            .to_owned(),
        advice: "run for at least 2 minutes, or at a higher rate".to_owned(),
    }];
    summary
}

/// The generator was the limit.
pub(super) fn invalid() -> Summary {
    let mut summary = passing();
    summary.verdict = Verdict::Invalid;
    summary.reasons = vec![
        "process CPU was above 85% of the available cores for 14 of 20 measured seconds".to_owned(),
    ];
    summary.generator.cpu_share = Some(0.969);
    summary.generator.worst_cpu_share = Some(1.0);
    summary.cautions = vec![Caution {
        slug: "generator-saturated".to_owned(),
        text: "times include waiting for gander's own CPU".to_owned(),
        advice: "use fewer users, or a machine with more cores".to_owned(),
    }];
    summary
}

/// Nobody got anywhere.
pub(super) fn nothing_completed() -> Summary {
    let mut summary = passing();
    summary.verdict = Verdict::Fail;
    summary.reasons = vec!["`faults < 1%` does not hold: 100%".to_owned()];
    summary.journeys.truncate(1);
    let row = &mut summary.journeys[0];
    (row.completed, row.completed_per_s, row.due) = (0, 0.0, 40);
    row.faults = [(Fault::ConnectRefused, 40)].into_iter().collect();
    row.failed = 40;
    (row.response_time_us, row.service_time_us, row.elapsed_us) = (None, None, None);
    let refused = ActionSummary {
        faults: row.faults.clone(),
        error_share: 1.0,
        service_time_us: None,
        ..action("", "", 40, 0)
    };
    summary.capabilities = vec![capability("default", "authorize", vec![refused])];
    summary.series.clear();
    summary.thresholds = vec![threshold("faults < 1%", "100%", false)];
    summary
}

/// Two flow versions, side by side.
pub(super) fn two_variants() -> Summary {
    let mut summary = passing();
    summary.journeys.clear();
    summary.capabilities.clear();
    for (variant, slower) in [("v1", 0), ("v2", 12_000)] {
        summary.journeys.push(journey(variant, "recovery", 301, 181_000 + 3 * slower));
        summary.journeys.push(journey(variant, "sign-on", 304, 78_300 + slower));
        summary.capabilities.push(capability(
            variant,
            "authorize",
            vec![action("", "", 605, 24_900)],
        ));
        let mut actions = vec![action("submit", "SIGNON", 304, 25_800 + slower)];
        if variant == "v2" {
            actions.push(action("submit", "VERIFY", 304, 21_000));
        }
        summary.capabilities.push(capability(variant, "customHTMLTemplate", actions));
    }
    summary
}
