//! What was run: enough to run it again, and to know whether another run is comparable.

use super::charts;
use super::prose::{facts, lines, name, plural};
use super::table::{Cell, Column, Group, Row, Table};
use crate::measure::segment::Segment;
use crate::report::{about, figures};
use crate::result::dossier::Dossier;
use maud::{Markup, Render, html};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// Most bytes of the profile that are shown.
const LONGEST_PLAN: usize = 40_000;

/// Most rows of flows that are shown.
const MOST_FLOWS: usize = 100;

pub(super) fn section(dossier: &Dossier) -> Markup {
    html! {
        h2 { "What was run" }
        (facts(&told(dossier)))
        (charts::workload(dossier))
        (flows(dossier))
        (plan(dossier))
    }
}

fn told(dossier: &Dossier) -> Vec<(&'static str, Markup)> {
    let (record, summary) = (&dossier.record, &dossier.summary);
    let (model, meaning) = about::model(summary.workload_model);
    let host = &record.host;
    let variants = variants(dossier);
    let mut facts = vec![
        ("run", html! { (name(record.run_id.as_str())) }),
        ("tenant", html! { (name(about::tenant(record))) }),
        ("load", html! { (name(about::load(record))) br; span.muted { (model) ": " (meaning) } }),
        ("journeys", journeys(dossier)),
    ];
    if variants.len() > 1 {
        facts.push(("variants", html! { (variants.join(", ")) }));
    }
    let planned = record.planned_ms.map(|ms| figures::clock(Duration::from_millis(ms)));
    let ended = match &record.ended_at {
        Some(ended) => name(ended),
        None if dossier.is_running => "not yet".to_owned(),
        None => "not on record".to_owned(),
    };
    facts.extend([
        ("measured", html! {
            (figures::seconds(summary.measured_s))
            @if let Some(planned) = planned { span.muted { " · planned " (planned) " with warm-up and drain" } }
        }),
        ("started", html! { (name(&record.started_at)) }),
        ("ended", html! { (ended) }),
        ("seed", html! { (name(&record.seed)) }),
        ("gander", html! { (name(&record.gander_version)) }),
        ("host", html! {
            (name(&host.name)) ", " (name(&host.system)) ", "
            (plural(usize::try_from(host.cores).unwrap_or(usize::MAX), "core"))
        }),
    ]);
    if !record.segments.is_empty() {
        facts.push(("segments", segments(&record.segments, dossier.is_running)));
    }
    let events: Vec<_> = dossier.course.events().collect();
    if !events.is_empty() {
        facts.push(("done to it", html! {
            ul.plain { @for event in events.iter().take(20) {
                li { (figures::clock(Duration::from_millis(event.at_ms))) " · " (name(&event.text)) }
            } }
            @if events.len() > 20 { span.muted { "and " (events.len() - 20) " more" } }
        }));
    }
    facts
}

/// Most segments that are shown.
const MOST_SEGMENTS: usize = 50;

/// When the run was on, from its first start: between two segments nobody put load on.
fn segments(segments: &[Segment], is_running: bool) -> Markup {
    let clock = |ms: u64| figures::clock(Duration::from_millis(ms));
    html! {
        ul.plain { @for segment in segments.iter().take(MOST_SEGMENTS) {
            li {
                (clock(segment.start_ms)) " to "
                @match segment.end_ms {
                    Some(end_ms) => (clock(end_ms)),
                    None if is_running => "now",
                    None => "a kill",
                }
                span.muted {
                    " · " (name(&segment.started_at))
                    @if segment.warm_up_ms > 0 { " · warm-up until " (clock(segment.start_ms + segment.warm_up_ms)) }
                    @if segment.cut_off > 0 { " · " (segment.cut_off) " under way were cut off by a kill" }
                }
            }
        } }
        @if segments.len() > MOST_SEGMENTS {
            span.muted { "and " (segments.len() - MOST_SEGMENTS) " more" }
        }
    }
}

/// All variants that a summary speaks of, in order.
pub(super) fn variants(dossier: &Dossier) -> Vec<String> {
    let summary = &dossier.summary;
    let journeys = summary.journeys.iter().map(|row| &row.variant);
    let all: BTreeSet<_> =
        journeys.chain(summary.capabilities.iter().map(|row| &row.variant)).collect();
    all.into_iter().map(|variant| name(variant.as_str())).collect()
}

/// The journeys with their weights, as far as the plan tells them.
fn journeys(dossier: &Dossier) -> Markup {
    let weights = dossier.record.plan.get("journeys").and_then(Value::as_object);
    let weights: Vec<_> = weights
        .into_iter()
        .flatten()
        .filter_map(|(journey, weight)| Some((name(journey), weight.as_f64()?)))
        .collect();
    let whole: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let names: BTreeSet<_> =
        dossier.summary.journeys.iter().map(|row| row.journey.as_str()).collect();
    html! {
        @if whole > 0.0 {
            @for (place, (journey, weight)) in weights.iter().enumerate() {
                @if place > 0 { ", " }
                (journey) " " span.muted { (figures::share(weight / whole)) }
            }
        } @else {
            (names.into_iter().map(name).collect::<Vec<_>>().join(", "))
        }
    }
}

fn flows(dossier: &Dossier) -> Markup {
    const COLUMNS: &[Column] = &[
        Column::text("flow and first node"),
        Column::text("variant"),
        Column::text("journey"),
        Column::figure("starts"),
    ];
    let flows = &dossier.record.flows;
    if flows.is_empty() {
        return html! {};
    }
    let rows = flows.iter().take(MOST_FLOWS).map(|flow| {
        let names = [flow.variant.as_str(), flow.journey.as_str()].map(|text| Cell::of(name(text)));
        let fingerprint = html! { code { (name(&flow.fingerprint)) } };
        let cells = [Cell::of(fingerprint)].into_iter().chain(names);
        Row::of(cells.chain([Cell::count(flow.starts)]).collect())
    });
    let groups = vec![Group { title: None, rows: rows.collect() }];
    Table { id: "flows", caption: "Flow fingerprints", columns: COLUMNS, groups }.render()
}

fn plan(dossier: &Dossier) -> Markup {
    let mut text = serde_json::to_string_pretty(&dossier.record.plan).unwrap_or_default();
    let is_cut = text.len() > LONGEST_PLAN;
    text.truncate(text.floor_char_boundary(LONGEST_PLAN));
    html! {
        details #plan {
            summary { "The profile as run, secrets struck out" }
            pre tabindex="0" role="group" aria-label="profile as run" { (lines(&text)) @if is_cut { "\n…" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;
    use serde_json::json;

    #[test]
    fn weights_are_shares_of_the_whole() {
        let mut dossier = specimen::dossier(specimen::passing());
        assert_eq!(journeys(&dossier).into_string(), "recovery, register, sign-on");
        dossier.record.plan = json!({ "journeys": { "register": 1, "sign-on": 3 } });
        insta::assert_snapshot!(
            journeys(&dossier).into_string(),
            @r#"register <span class="muted">25.0%</span>, sign-on <span class="muted">75.0%</span>"#
        );
    }

    #[test]
    fn a_long_profile_is_cut() {
        let mut dossier = specimen::dossier(specimen::passing());
        dossier.record.plan = json!({ "text": "ä".repeat(100_000) });
        assert!(plan(&dossier).into_string().len() < LONGEST_PLAN + 500);
    }
}
