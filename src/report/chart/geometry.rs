//! What holds of every chart of every run: it is drawn, it fits its sheet, its read-outs lie on it.

use super::figure::{Figure, escaped};
use super::panel::WIDTH;
use super::sample::{ODD, Run};
use super::{colour, figures, workload};
use crate::measure::course::Course;
use crate::measure::histogram::Percentile;
use crate::measure::timeline::Line;
use crate::report::specimen;
use crate::result::dossier::Dossier;
use serde_json::Value;
use std::collections::BTreeSet;

fn charts(dossier: &Dossier) -> Vec<Figure> {
    let charts: Vec<_> = figures(dossier).into_iter().chain(workload(dossier)).collect();
    charts.iter().for_each(check);
    let ids: BTreeSet<_> = charts.iter().map(|chart| &chart.id).collect();
    assert_eq!(ids.len(), charts.len());
    charts
}

fn names(charts: &[Figure]) -> String {
    charts.iter().map(|chart| chart.id.as_str()).collect::<Vec<_>>().join(" ")
}

pub(super) fn check(figure: &Figure) {
    let Figure { id, title, alt, caption, svg, data } = figure;
    assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{id}");
    assert!(!title.is_empty() && !caption.is_empty(), "{id}");
    assert!(alt.ends_with('.') && alt.chars().any(|c| c.is_ascii_digit()), "{id}: {alt}");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"), "{id}");
    assert!(
        svg.contains("role=\"img\"") && svg.contains(&format!("<title>{}</title>", escaped(title)))
    );
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{id}");
    let limit = if id == "heat-map" { 60_000 } else { 40_000 };
    assert!(svg.len() < limit, "{id} has {} bytes", svg.len());
    tags_are_closed(svg);
    let known: BTreeSet<_> =
        colour::PALETTE.iter().map(|(_, colour, _)| colour::hex(*colour)).collect();
    for used in svg.split("=\"#").skip(1).filter_map(|rest| rest.get(..6)) {
        assert!(known.contains(&format!("#{used}")), "{id}: #{used} is not on the list");
    }
    let height: f64 = svg
        .split_once(&format!("viewBox=\"0 0 {WIDTH} "))
        .and_then(|(_, rest)| rest.split_once('"'))
        .and_then(|(height, _)| height.parse().ok())
        .unwrap();
    read_outs_lie_within(id, data, height);
}

fn read_outs_lie_within(id: &str, data: &Value, height: f64) {
    let list = |value: &Value, key: &str| value[key].as_array().unwrap().clone();
    let x = list(&data["x"], "pixels");
    assert_eq!(x.len(), list(&data["x"], "text").len());
    for place in &x {
        assert!((0.0..=f64::from(WIDTH)).contains(&place.as_f64().unwrap()), "{id}: {place}");
    }
    for series in list(data, "series") {
        let (pixels, text) = (list(&series, "pixels"), list(&series, "text"));
        assert!(series["name"].as_str().is_some() && series["colour"].as_str().is_some());
        assert_eq!(pixels.len(), text.len());
        assert!(pixels.len() == x.len() || pixels.is_empty(), "{id} {}", series["name"]);
        for (pixel, text) in pixels.iter().zip(&text) {
            assert_eq!(pixel.is_null(), text.is_null(), "{id}");
            let within = pixel.as_f64().is_none_or(|pixel| (0.0..=height).contains(&pixel));
            assert!(within, "{id}: {pixel}");
        }
    }
}

/// Every tag that is opened is closed in its turn, and no text holds what XML reserves.
fn tags_are_closed(svg: &str) {
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        assert!(!text.contains('>') && !tag.contains('\n'), "{part}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        for entity in part.split('&').skip(1) {
            let known = ["amp;", "lt;", "gt;", "quot;", "apos;"];
            assert!(known.iter().any(|known| entity.starts_with(known)), "{part}");
        }
        let name = |tag: &str| tag.split([' ', '/']).next().unwrap_or_default().to_owned();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed));
        } else if !tag.ends_with('/') {
            open.push(name(tag));
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_run_with_everything_has_every_chart_in_the_order_of_the_page() {
    insta::assert_snapshot!(names(&charts(&Run::default().dossier())), @"throughput percentiles-1 percentiles-2 heat-map spectrum faults users-and-lag generator-cpu waterfall-1-median waterfall-1-slow waterfall-2-median waterfall-2-slow workload");
}

#[test]
fn nothing_has_no_chart_but_the_plan() {
    let mut dossier = specimen::dossier(specimen::nothing_completed());
    dossier.course = Course::default();
    assert_eq!(names(&charts(&dossier)), "workload");
    dossier.record.plan = Value::Null;
    assert_eq!(names(&charts(&dossier)), "");
    for dossier in specimen::dossiers() {
        charts(&dossier);
    }
}

#[test]
fn runs_of_every_length_are_drawn() {
    for (intervals, interval_ms) in
        [(1, 1), (1, 1000), (1, 40), (2, 1000), (241, 1000), (400, 216_000)]
    {
        let run = Run { intervals, interval_ms, warm_up: 0, ..Run::default() };
        assert!(names(&charts(&run.dossier())).contains("heat-map"), "{intervals} × {interval_ms}");
    }
    let never_measured = Run { warm_up: 1000, ..Run::default() };
    assert!(names(&charts(&never_measured.dossier())).starts_with("throughput"));
}

#[test]
fn many_journeys_share_one_chart_of_percentiles_and_have_a_line_each_in_the_spectrum() {
    let journeys = (0..15).map(|number| format!("journey {number} {ODD}")).collect();
    let charts = charts(&Run { journeys, intervals: 240, ..Run::default() }.dossier());
    assert!(names(&charts).contains(" percentiles heat-map spectrum "), "{}", names(&charts));
    let spectrum = charts.iter().find(|chart| chart.id == "spectrum").unwrap();
    assert_eq!(spectrum.data["series"].as_array().unwrap().len(), 15);
    assert!(spectrum.svg.contains("data-series=\"journey 3 &lt;&amp;&quot;&apos; sign on\""));
}

#[test]
fn where_everything_fails_there_are_faults_and_no_times() {
    let run = Run { failing: 10, ..Run::default() };
    let mut dossier = run.dossier();
    dossier.exemplars.clear();
    assert_eq!(names(&charts(&dossier)), "throughput faults users-and-lag generator-cpu workload");
}

#[test]
fn a_run_without_faults_has_no_chart_of_them() {
    let charts = charts(&Run { failing: 0, ..Run::default() }.dossier());
    assert!(!names(&charts).contains("faults"));
    assert!(charts[0].alt.contains("none failed"), "{}", charts[0].alt);
}

#[test]
fn a_machine_that_stood_still_leaves_a_line_and_no_peak() {
    let mut dossier = Run::default().dossier();
    let late = Line { start_ms: 60_000, end_ms: 95_000, measured_ms: 35_000, ..Line::default() };
    dossier.course.absorb_line(&late);
    dossier.course.absorb_line(&Line { start_ms: 95_000, end_ms: 95_003, ..late });
    let charts = charts(&dossier);
    let x = charts[0].data["x"]["text"].as_array().unwrap();
    assert_eq!(x.len(), 61, "the last three milliseconds have no rate");
}

#[test]
fn the_spectrum_reads_out_what_the_summary_says() {
    let dossier = Run::default().dossier();
    let charts = charts(&dossier);
    let Figure { data, svg, .. } = charts.iter().find(|chart| chart.id == "spectrum").unwrap();
    let labels: Vec<_> = data["x"]["text"].as_array().unwrap().iter().collect();
    for (row, series) in dossier.summary.journeys.iter().zip(data["series"].as_array().unwrap()) {
        let times = row.response_time_us.unwrap();
        for (percentile, us) in [
            (Percentile::P50, times.p50),
            (Percentile::P75, times.p75),
            (Percentile::P90, times.p90),
            (Percentile::P95, times.p95),
            (Percentile::P99, times.p99),
        ] {
            let place = labels.iter().position(|label| **label == percentile.to_string()).unwrap();
            assert_eq!(series["text"][place], crate::report::figures::time(us), "{percentile}");
            let pixel = |pixels: &Value| pixels["pixels"][place].as_f64().unwrap();
            let (x, y) = (pixel(&data["x"]), pixel(series));
            let is_marked = svg.contains(&format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"3\"/>"));
            let is_to_be = ["p50", "p95", "p99"].contains(&percentile.to_string().as_str());
            assert!(is_marked || !is_to_be, "{percentile} {x} {y}");
        }
    }
}

#[test]
fn sentences_for_those_who_do_not_see_a_chart_hold_its_figures() {
    let run = Run { journeys: vec!["sign-on".to_owned()], intervals: 20, ..Run::default() };
    let said: Vec<_> = charts(&run.dossier()).into_iter().map(|chart| chart.alt).collect();
    insta::assert_snapshot!(said.join("\n"), @r##"
    Iterations per second over 0:20: due peaks at 22.0/s, completed peaks at 20.0/s, failed peaks at 2.00/s. At 0:11: rate changed by hand to 11/s, <&"' sign on.
    Response time of sign-on over 0:20: p50 between 20.0 ms and 59.8 ms, p90 between 20.0 ms and 112 ms, p95 between 20.0 ms and 117 ms, p99 between 20.0 ms and 117 ms, max between 20.0 ms and 117 ms.
    Response times of 285 completed iterations over 0:20: from 20.0 ms to 117 ms, half of them within 44.8 ms; at most 9 of a moment took about the same time.
    Response times by percentile. sign-on: half within 52.4 ms, 99% within 116 ms, all within 117 ms.
    23 failed iterations over 0:20, at most 2.00 per second: 20 http-5xx, 3 read-timeout.
    Users at work and lag over 0:20: users at work peaks at 11, lag p99 peaks at 117 ms, dispatcher lag p99 peaks at 117 ms.
    CPU share of gander itself over 0:20: at most 30.0% of its cores, the limit is 85.0%.
    A median iteration of sign-on: 4 exchanges in 90.0 ms, 60.0 ms of it response time, the longest of 15.0 ms for step 3 of sign-on.
    A slow iteration of sign-on: 4 exchanges in 150 ms, 100 ms of it response time, the longest of 25.0 ms for step 3 of sign-on.
    Planned load over 1:00: at most 40.0/s. Reached: at most 22.0/s.
    "##);
}
