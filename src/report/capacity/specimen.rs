//! Searches for the tests of their renderings: one that found a capacity, and those that did not.

use crate::analysis::capacity::found::{
    Asked, Bracket, Broken, Capacity, Ending, Estimate, GroupCalls, HeadRoom, Hold, Law, Level,
    LevelJourney, LevelRule, LevelVerdict, Purpose, Reason, SCHEMA_VERSION, Scalability, Slowed,
};
use crate::result::summary::Caution;
use LevelVerdict::{Fail, Pass, Undecided, Void};
use Purpose::{Climb, Narrow, Repeat};

/// One of each kind.
pub(in crate::report) fn all() -> Vec<Capacity> {
    vec![found(), limited(), under_way(), lowest_failed(), hostile()]
}

/// A bracket with everything that can be said of it.
pub(in crate::report) fn found() -> Capacity {
    let levels = [
        (20.0, Climb, Pass, 61_000, Some(118_000)),
        (60.0, Climb, Pass, 66_000, Some(139_000)),
        (180.0, Climb, Fail, 2_610_000, None),
        (180.0, Repeat, Fail, 2_480_000, None),
        (104.0, Narrow, Pass, 81_000, Some(203_000)),
        (140.0, Narrow, Pass, 118_000, Some(362_000)),
        (143.0, Narrow, Undecided, 121_000, Some(391_000)),
        (147.0, Narrow, Fail, 140_000, Some(442_000)),
        (147.0, Repeat, Fail, 143_000, Some(451_000)),
        (140.0, Purpose::Hold, Pass, 119_000, Some(358_000)),
    ];
    let levels = (1..).zip(levels).map(|(probe, of)| level(probe, of)).collect();
    Capacity {
        schema_version: SCHEMA_VERSION,
        gander_version: "0.1.0".to_owned(),
        run_id: "20261122-101500-k3f9".into(),
        started_at: "2026-11-22T10:15:00.000Z".to_owned(),
        ended_at: Some("2026-11-22T10:41:00.000Z".to_owned()),
        ending: Some(Ending {
            reason: Reason::Thresholds,
            text: "`p95 < 400ms` does not hold at 147/s: 451 ms".to_owned(),
            is_capacity: true,
        }),
        seed: "1".to_owned(),
        tenant_hosts: vec!["auth.example.com".to_owned()],
        asked: Asked {
            from_per_s: 20.0,
            to_per_s: None,
            resolution: 0.05,
            climb: 1.5,
            most_probes: 20,
            hold_s: 300.0,
            rules: vec!["p95 < 400ms".to_owned(), "faults < 1%".to_owned()],
        },
        bracket: Bracket { highest_pass_per_s: Some(140.0), lowest_fail_per_s: Some(147.0) },
        estimate: Some(Estimate { per_s: 143.2, low_per_s: 141.4, high_per_s: 145.1 }),
        hold: Some(Hold { rate_per_s: 140.0, measured_s: 300.0, verdict: Pass }),
        broke_first: Some(Broken {
            rate_per_s: 147.0,
            rule: Some("p95 < 400ms".to_owned()),
            observed: "451 ms".to_owned(),
            row: Some(Slowed {
                capability: "customHTMLTemplate".to_owned(),
                event: "submit".to_owned(),
                action: "SIGNON".to_owned(),
                before_us: 45_000,
                after_us: 126_000,
                share: 0.92,
            }),
        }),
        levels,
        scalability: Scalability {
            law: Some(Law {
                alone_per_s: 16.8,
                contention: 0.021,
                coherency: 0.000_31,
                r_squared: 0.998,
                peak_per_s: Some(171.0),
                peak_low_per_s: Some(158.0),
                peak_high_per_s: Some(190.0),
            }),
            remark: None,
        },
        head_room: Some(HeadRoom {
            asked: "60000/h peak 3".to_owned(),
            needed_per_s: 50.0,
            share: Some(1.8),
            is_enough: Some(true),
        }),
        calls: [("davinci-start", 1.0), ("davinci-execution", 1.0), ("sso", 1.0)]
            .map(|(group, per_iteration)| GroupCalls {
                group: group.to_owned(),
                per_iteration,
                per_s: 140.0 * per_iteration,
            })
            .into(),
        cautions: vec![],
    }
}

/// Stopped by the licence.
pub(in crate::report) fn limited() -> Capacity {
    let mut of = found();
    of.levels.truncate(3);
    let last = &mut of.levels[2];
    (last.verdict, last.stops) = (Void, Some(Reason::RateLimited));
    last.reasons = vec!["41 of 620 exchanges ended in `rate-limited`, 6.61%".to_owned()];
    of.ending = Some(Ending {
        reason: Reason::RateLimited,
        text:
            "the tenant answered 429 at 180/s: 41 of 620 exchanges ended in `rate-limited`, 6.61%"
                .to_owned(),
        is_capacity: false,
    });
    of.bracket = Bracket { highest_pass_per_s: Some(60.0), lowest_fail_per_s: None };
    (of.estimate, of.hold, of.broke_first) = (None, None, None);
    of.calls.iter_mut().for_each(|calls| calls.per_s = 60.0 * calls.per_iteration);
    of.scalability = Scalability { law: None, remark: Some("too little to fit it to".to_owned()) };
    of.head_room = Some(HeadRoom {
        asked: "70/s".to_owned(),
        needed_per_s: 70.0,
        share: Some(60.0 / 70.0 - 1.0),
        is_enough: None,
    });
    of.cautions = vec![Caution {
        slug: "few-samples".to_owned(),
        text: "at 60.0/s (probe 2): 12 samples".to_owned(),
        advice: "measure for longer".to_owned(),
    }];
    of
}

/// Killed after its first level.
pub(in crate::report) fn under_way() -> Capacity {
    let mut of = found();
    of.levels.truncate(1);
    (of.ended_at, of.ending, of.head_room) = (None, None, None);
    (of.estimate, of.hold, of.broke_first) = (None, None, None);
    of.bracket = Bracket { highest_pass_per_s: Some(20.0), lowest_fail_per_s: None };
    of.scalability = Scalability { law: None, remark: Some("too little to fit it to".to_owned()) };
    of.calls.clear();
    of
}

/// Nothing passed.
pub(in crate::report) fn lowest_failed() -> Capacity {
    let mut of = under_way();
    let level = &mut of.levels[0];
    level.verdict = Fail;
    level.reasons = vec!["`p95 < 400ms` does not hold: 2.00 s".to_owned()];
    of.bracket = Bracket { highest_pass_per_s: None, lowest_fail_per_s: Some(20.0) };
    of.ending = Some(Ending {
        reason: Reason::NothingPassed,
        text: "no level passed, down to 1.00/s".to_owned(),
        is_capacity: false,
    });
    of
}

/// Names that want to be more than names.
pub(in crate::report) fn hostile() -> Capacity {
    let name = "<script>alert(1)</script>\u{202e}\"|`@all`<img src=x onerror=\"alert(2)\">";
    let mut of = found();
    of.tenant_hosts = vec![name.to_owned()];
    for level in &mut of.levels {
        level.reasons = vec![name.to_owned()];
        level.journeys[0].journey = name.to_owned();
        level.rules[0].rule = name.to_owned();
    }
    if let Some(row) = of.broke_first.as_mut().and_then(|broken| broken.row.as_mut()) {
        row.action = name.to_owned();
    }
    of.cautions =
        vec![Caution { slug: name.to_owned(), text: name.to_owned(), advice: name.to_owned() }];
    of
}

fn level(
    probe: u32,
    (rate_per_s, purpose, verdict, p50_us, p95_us): (f64, Purpose, LevelVerdict, u64, Option<u64>),
) -> Level {
    let is_overload = p95_us.is_none();
    let completed_per_s = if is_overload { 155.0 } else { rate_per_s };
    let observed = p95_us.map_or_else(|| "> 30 s".to_owned(), |us| format!("{} ms", us / 1000));
    let reasons = match verdict {
        Pass => vec![],
        Fail => vec![format!("`p95 < 400ms` does not hold: {observed}")],
        _ => vec![format!("`p95 < 400ms`: {observed} (372 ms … 411 ms) does not tell")],
    };
    let journey = LevelJourney {
        journey: "sign-on".to_owned(),
        completed_per_s,
        error_share: if is_overload { 0.021 } else { 0.0 },
        p50_us: Some(p50_us),
        p95_us,
        p99_us: p95_us.map(|us| us * 3 / 2),
    };
    Level {
        probe,
        purpose,
        dir: format!("probes/{probe:02}"),
        rate_per_s,
        verdict,
        reasons,
        stops: None,
        cooled_s: if purpose == Repeat { 6.0 } else { 0.0 },
        settling_s: 4.0,
        is_settled: !is_overload,
        measured_s: if purpose == Purpose::Hold { 300.0 } else { 48.0 },
        due: 2880,
        completed_per_s,
        in_flight: completed_per_s * p50_us as f64 / 1e6,
        p50_us: Some(p50_us),
        effective_samples: Some(812.0),
        needed_samples: 300,
        rules: vec![LevelRule {
            rule: "p95 < 400ms".to_owned(),
            observed,
            low: None,
            high: None,
            verdict,
            excess: p95_us.map(|us| (us as f64 / 400_000.0).ln()),
            excess_error: Some(0.03),
        }],
        journeys: vec![journey],
    }
}
