//! A drift for tests of reports: made up, but with the proportions of a real one.

use crate::result::soak::{
    DriftRow, DriftSummary, Figure, Finding, Gap, JumpSummary, OwnDrift, OwnFigure, Projection,
    RowKind, Slope,
};

/// Twelve hours with a gap in which the p95 of sign-on grew, its p50 jumped, and a capability grew together with
/// gander's own CPU.
pub(super) fn drifting() -> DriftSummary {
    DriftSummary {
        measured_s: 43_200.0,
        least_share: 0.05,
        series: 45,
        gaps: vec![Gap { from_s: 21_600.0, to_s: 25_200.0 }],
        rows: rows(),
        generator: vec![
            OwnDrift { figure: OwnFigure::Memory, drifts: false, slope: slope(84e6, 1e3, 84e6) },
            OwnDrift { figure: OwnFigure::Cpu, drifts: true, slope: slope(0.3, 0.02, 0.42) },
        ],
        projections: vec![Projection {
            rule: "sign-on.p95 < 800ms".to_owned(),
            in_s: 111_600.0,
            low_s: 68_400.0,
            high_s: Some(252_000.0),
            at: "2026-11-23T14:05:00.000Z".to_owned(),
        }],
    }
}

/// Sixty stretches, an hour of gap after the thirtieth.
fn at(place: u32) -> f64 {
    f64::from(place) * 720.0 + if place < 30 { 0.0 } else { 3600.0 }
}

fn points(value: impl Fn(u32) -> f64) -> Vec<(f64, f64)> {
    (0..60).map(|place| (at(place), value(place))).collect()
}

fn slope(level: f64, per_h: f64, ends: f64) -> Slope {
    Slope {
        level,
        per_h,
        low_per_h: Some(per_h * 0.6 - 10.0),
        high_per_h: Some(per_h * 1.4 + 10.0),
        grown_share: (level > 0.0).then_some(per_h * 12.0 / level),
        p: 0.0004,
        mann_kendall_p: 0.001,
        stretches: 60,
        ends: (at(59), ends),
    }
}

fn rows() -> Vec<DriftRow> {
    let row = |of, name: &str, figure, finding, slope| DriftRow {
        of,
        variant: "v1".into(),
        name: name.to_owned(),
        event: String::new(),
        action: String::new(),
        figure,
        finding,
        slope,
        jumps: Vec::new(),
        coincides_with: Vec::new(),
        points: Vec::new(),
    };
    let (journey, capability) = (RowKind::Journey, RowKind::Capability);
    let jump = JumpSummary {
        at: "2026-11-22T01:34:41.000Z".to_owned(),
        at_s: 25_200.0,
        within_s: 180.0,
        from: 120_000.0,
        to: 150_000.0,
        p: 0.0001,
        beside: Some("rate changed by hand to 11/s".to_owned()),
    };
    let flat = slope(135_000.0, 100.0, 150_500.0);
    vec![
        DriftRow {
            points: points(|place| {
                400_000.0 + 2000.0 * f64::from(place) + 3000.0 * f64::from(place % 7)
            }),
            ..row(
                journey,
                "sign-on",
                Figure::P95,
                Finding::Drifts,
                slope(459_000.0, 9230.0, 520_000.0),
            )
        },
        DriftRow {
            jumps: vec![jump],
            points: points(|place| if place < 30 { 120_000.0 } else { 150_000.0 }),
            ..row(journey, "sign-on", Figure::P50, Finding::Drifts, flat)
        },
        DriftRow {
            event: "submit".to_owned(),
            action: "SIGNON".to_owned(),
            coincides_with: vec![OwnFigure::Cpu],
            points: points(|place| 0.001 * f64::from(place % 5)),
            ..row(
                capability,
                "customHTMLTemplate",
                Figure::ErrorShare,
                Finding::Coincides,
                Slope { low_per_h: None, ..slope(0.002, 0.0005, 0.005) },
            )
        },
        row(capability, "token", Figure::P99, Finding::Steady, slope(40_000.0, 10.0, 40_100.0)),
    ]
}
