//! The load that was planned as a curve, read from the record, with the load that there was.

use super::axis::{Axis, real};
use super::colour::{BLUE, SHADE, SLATE, TEXT};
use super::figure::{About, Dashes, Figure, Readout, Sheet, Track};
use super::panel::{Anchor, Panel, Place, width_of};
use super::throughput::say_rate;
use super::timeline::{Timeline, Trace, most};
use crate::base::share::Share;
use crate::base::units::{Rate, Span};
use crate::measure::segment::Segment;
use crate::report::figures;
use crate::result::dossier::Dossier;
use crate::result::summary::WorkloadModel;
use serde_json::Value;
use std::time::Duration;

/// A planned level over time: places in milliseconds and users or arrivals per second, joined by
/// straight lines.
struct Curve {
    places: Vec<Place>,
    warm_up_ms: f64,
    /// None of a run that ends by count: its curve goes on as long as the run did.
    length_ms: Option<f64>,
}

/// None where the record has no plan that can be read.
pub(super) fn figure(dossier: &Dossier) -> Option<Figure> {
    let timeline = Timeline::of(&dossier.course);
    let is_open = dossier.summary.workload_model == WorkloadModel::Open;
    let went_ms = timeline.as_ref().map_or(0, |timeline| timeline.end_ms);
    let curve = Curve::of(dossier.record.plan.get("workload")?, is_open, real(went_ms))?;
    let curve = curve.in_segments(&dossier.record.segments).of_share(dossier.record.share);
    let ends = curve.places.last()?.0.max(real(went_ms));
    let real_trace = timeline.as_ref().map(|timeline| real_load(timeline, is_open));
    let peak = most(curve.places.iter().map(|(_, level)| Some(*level)))?;
    let reached = real_trace.as_ref().and_then(Trace::peak).unwrap_or_default();
    let (title, y) = if is_open {
        ("Arrivals", Axis::amount("iterations due per second", peak.max(reached)))
    } else {
        ("Users", Axis::whole("users", peak.max(reached), 6.0))
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time in ms")]
    let panel = Panel::filling(220, Axis::time_of_run(ends.round() as u64), y);
    let mut sheet = Sheet::default();
    match &timeline {
        Some(timeline) if !dossier.course.gaps().is_empty() => {
            timeline.shade(&mut sheet, &panel)?
        }
        _ => shade(&mut sheet, &panel, curve.warm_up_ms)?,
    }
    sheet.add(&panel.mesh()?);
    let planned: Vec<Option<Place>> = curve.places.iter().copied().map(Some).collect();
    let tint = panel.area(&planned, SLATE, 0.1)?;
    sheet.series("planned", &(tint + &panel.line(&planned, SLATE, 20)?));
    let mut readout = Readout { label: "time", ..Readout::default() };
    if let (Some(timeline), Some(trace)) = (&timeline, &real_trace) {
        timeline.events(&mut sheet, &panel, true)?;
        timeline.lines(&mut sheet, &panel, std::slice::from_ref(trace))?;
        readout = timeline.readout(&panel, std::slice::from_ref(trace));
        readout.series.insert(0, planned_at(&panel, timeline, &curve, is_open));
    }
    let about = About {
        id: "workload".to_owned(),
        title: format!("{title} planned and real"),
        alt: alt(&curve, is_open, peak, reached),
        caption: if is_open {
            "What the plan asks for, and thinly what really was due: arrivals scatter around it."
        } else {
            "How many users the plan lets through, and thinly how many were at work."
        }
        .to_owned(),
    };
    Some(sheet.figure(about, panel.sheet, &readout))
}

/// What was due or let in, as it was.
fn real_load(timeline: &Timeline<'_>, is_open: bool) -> Trace {
    let (name, values, say): (_, _, fn(f64) -> String) = if is_open {
        ("due", timeline.each(|moment| moment.per_s(|journey| journey.due)), say_rate)
    } else {
        ("at work", timeline.each(|moment| Some(real(moment.users))), say_users)
    };
    Trace { tenths_wide: 10, dashes: Dashes::None, ..Trace::new(name, BLUE, values, say) }
}

fn say_users(users: f64) -> String {
    figures::rate(users)
}

fn planned_at(panel: &Panel, timeline: &Timeline<'_>, curve: &Curve, is_open: bool) -> Track {
    let points = timeline.told.iter().map(|(at, _)| {
        let level = curve.level(*at)?;
        let text = if is_open { say_rate(level) } else { say_users(level) };
        Some((panel.pixel((*at, level)).1, text))
    });
    Track { name: "planned".to_owned(), colour: SLATE, points: points.collect() }
}

fn shade(sheet: &mut Sheet, panel: &Panel, warm_up_ms: f64) -> Option<()> {
    if warm_up_ms <= 0.0 {
        return Some(());
    }
    let corners = [(0.0, panel.y.low()), (warm_up_ms, panel.y.high())];
    sheet.add(&panel.bars([corners], SHADE)?);
    let (left, right) = (panel.pixel((0.0, 0.0)).0, panel.pixel((warm_up_ms, 0.0)).0);
    if right - left > width_of("warm-up") + 6.0 {
        let place = (f64::midpoint(left, right), f64::from(panel.top) + 9.0);
        sheet.add(&panel.text(place, "warm-up", Anchor::Middle, TEXT)?);
    }
    Some(())
}

impl Curve {
    fn of(workload: &Value, is_open: bool, went_ms: f64) -> Option<Self> {
        let key = if is_open { "rate" } else { "users" };
        let warm_up_ms = span_ms(workload.get("warm_up")).unwrap_or_default();
        if let Some(stages) = workload.get("stages").and_then(Value::as_array) {
            let places = staged(stages, key)?;
            let length_ms = places.last().map(|(at, _)| *at);
            return Some(Self { places, warm_up_ms, length_ms });
        }
        let level = match workload.get(key) {
            Some(level) => level_of(level)?,
            // One user is what a closed workload has that says nothing.
            None if !is_open => 1.0,
            None => return None,
        };
        let length_ms = match span_ms(workload.get("duration")) {
            Some(duration) => Some(warm_up_ms + duration),
            None if workload.get("iterations").is_some() => None,
            None => Some(warm_up_ms + 60_000.0),
        };
        let ends = length_ms.unwrap_or(went_ms).max(1.0);
        Some(Self { places: vec![(0.0, level), (ends, level)], warm_up_ms, length_ms })
    }

    /// What a share has of it.
    fn of_share(mut self, share: Option<Share>) -> Self {
        let share = share.unwrap_or_default();
        self.places.iter_mut().for_each(|(_, level)| *level = share.part(*level));
        self
    }

    /// The curve of a run in segments: held for each warm-up where it stood, and nothing in between.
    fn in_segments(self, segments: &[Segment]) -> Self {
        let Some(last) = segments.last() else { return self };
        let ends = self.places.last().map_or(0.0, |(at, _)| *at);
        let mut places: Vec<Place> = Vec::new();
        for segment in segments {
            let (start, plan) = (real(segment.start_ms), real(segment.plan_ms));
            let killed = segment.end_ms.map_or(f64::INFINITY, real);
            let begins = (start + real(segment.warm_up_ms)).min(killed);
            let ends = match segment.end_ms {
                Some(at) if segment != last => real(segment.plan_at(at)).min(ends),
                // One that ends by count goes on for as long as it went.
                _ if self.length_ms.is_none() => plan + (ends - begins).max(0.0),
                _ => ends,
            };
            let level = self.level(plan).unwrap_or_default();
            places.extend((segment.segment > 0).then_some((start, 0.0)));
            places.extend([(start, level), (begins, level)]);
            let corners = self.places.iter().filter(|(at, _)| (plan..ends).contains(at));
            places.extend(corners.map(|(at, level)| (begins + at - plan, *level)));
            let level = self.places.iter().find(|(at, _)| *at >= ends).map_or(level, |(_, to)| *to);
            let level = self.level(ends).unwrap_or(level);
            places.push((begins + ends - plan, level));
            places.extend((segment != last).then_some((begins + ends - plan, 0.0)));
        }
        places.dedup();
        let length_ms = self.length_ms.and_then(|_| places.last().map(|(at, _)| *at));
        Self { places, length_ms, ..self }
    }

    /// The planned level at a moment; none beyond the end.
    fn level(&self, at: f64) -> Option<f64> {
        let pairs = self.places.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)));
        let mut pairs = pairs.filter(|((from, _), (to, _))| *from <= at && at < *to);
        let ((from, low), (to, high)) = pairs.next()?;
        Some(low + (high - low) * (at - from) / (to - from))
    }
}

/// The corners of stages, one after the other: each is gone to in a straight line, or is there at
/// once.
fn staged(stages: &[Value], key: &str) -> Option<Vec<Place>> {
    let (mut at, mut level) = (0.0, 0.0);
    let mut places = Vec::new();
    for stage in stages {
        let to = level_of(stage.get(key)?)?;
        let (lasts, ramps) = match (span_ms(stage.get("over")), span_ms(stage.get("for"))) {
            (Some(lasts), None) => (lasts, true),
            (None, Some(lasts)) => (lasts, false),
            _ => return None,
        };
        let from = if ramps { level } else { to };
        level = to;
        if lasts > 0.0 {
            if places.last() != Some(&(at, from)) {
                places.push((at, from));
            }
            at += lasts;
            places.push((at, to));
        }
    }
    (places.len() > 1).then_some(places)
}

/// `20/s`, or a number of users.
fn level_of(level: &Value) -> Option<f64> {
    match level {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let rate = text.parse::<Rate>().map(|rate| rate.per_second);
            rate.ok().or_else(|| text.parse().ok())
        }
        _ => None,
    }
    .filter(|level| level.is_finite() && *level >= 0.0)
}

fn span_ms(span: Option<&Value>) -> Option<f64> {
    let Span(span) = span?.as_str()?.parse().ok()?;
    Some(span.as_secs_f64() * 1000.0)
}

fn alt(curve: &Curve, is_open: bool, peak: f64, reached: f64) -> String {
    let say = |level: f64| {
        if is_open { say_rate(level) } else { format!("{} users", say_users(level)) }
    };
    let length = match curve.length_ms {
        Some(ms) => format!(
            "over {}",
            figures::clock(Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default())
        ),
        None => "until a number of iterations is done".to_owned(),
    };
    format!("Planned load {length}: at most {}. Reached: at most {}.", say(peak), say(reached))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn curve(workload: &Value, is_open: bool) -> Option<Vec<Place>> {
        Curve::of(workload, is_open, 7000.0).map(|curve| curve.places)
    }

    #[test]
    fn stages_are_gone_to_in_a_straight_line_or_are_there_at_once() {
        let stages = json!({ "stages": [
            { "rate": "20/s", "over": "5s" },
            { "rate": "20/s", "for": "10s" },
            { "rate": "3600/min", "for": "5s" },
            { "rate": "0/s", "over": "500ms" },
        ] });
        let corners = [
            (0.0, 0.0),
            (5000.0, 20.0),
            (15_000.0, 20.0),
            (15_000.0, 60.0),
            (20_000.0, 60.0),
            (20_500.0, 0.0),
        ];
        assert_eq!(curve(&stages, true).unwrap(), corners);
        let curve = Curve::of(&stages, true, 0.0).unwrap();
        for (at, level) in [(0.0, 0.0), (2500.0, 10.0), (15_000.0, 60.0), (20_250.0, 30.0)] {
            assert_eq!(curve.level(at), Some(level), "{at}");
        }
        assert_eq!(curve.level(20_500.0), None);
    }

    #[test]
    fn a_run_in_segments_has_nothing_planned_between_them_and_goes_on_where_it_stood() {
        let segment = |segment, start_ms, warm_up_ms, plan_ms, end_ms| {
            let told = (String::new(), String::new());
            let (started_at, gander_version) = told;
            let cut_off = 0;
            Segment {
                segment,
                started_at,
                gander_version,
                start_ms,
                warm_up_ms,
                plan_ms,
                end_ms,
                cut_off,
            }
        };
        let segments = [segment(0, 0, 0, 0, Some(4000)), segment(1, 9000, 2000, 4000, None)];
        let stages = json!({ "stages": [
            { "rate": "10/s", "for": "6s" }, { "rate": "30/s", "over": "2s" }
        ] });
        let curve = Curve::of(&stages, true, 0.0).unwrap().in_segments(&segments);
        let corners = [
            (0.0, 10.0),
            (4000.0, 10.0),
            (4000.0, 0.0),
            (9000.0, 0.0),
            (9000.0, 10.0),
            (11_000.0, 10.0),
            (13_000.0, 10.0),
            (15_000.0, 30.0),
        ];
        assert_eq!((curve.places, curve.length_ms), (corners.to_vec(), Some(15_000.0)));
    }

    #[test]
    fn a_constant_load_lasts_as_long_as_it_says_or_as_the_run_did() {
        for (workload, is_open, corners) in [
            (json!({ "users": 20, "warm_up": "3s", "duration": "20s" }), false, (23_000.0, 20.0)),
            (json!({ "rate": "40/s" }), true, (60_000.0, 40.0)),
            (json!({ "users": 3, "iterations": 100 }), false, (7000.0, 3.0)),
            (json!({}), false, (60_000.0, 1.0)),
        ] {
            let places = curve(&workload, is_open).unwrap();
            assert_eq!(places, [(0.0, corners.1), corners], "{workload}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_plan() {
        for workload in [
            json!({}),
            json!({ "rate": "fast" }),
            json!({ "rate": -1 }),
            json!({ "stages": [] }),
            json!({ "stages": [{ "rate": "1/s" }] }),
            json!({ "stages": [{ "users": 1, "for": "1s" }] }),
        ] {
            assert_eq!(curve(&workload, true), None, "{workload}");
        }
    }
}
