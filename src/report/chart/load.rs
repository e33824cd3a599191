//! A search for capacity drawn: times against load, and what came out against what was under way.

use super::axis::Axis;
use super::colour::{BLUE, GREEN, ORANGE, RED, SHADE, SLATE, TEXT};
use super::figure::{About, Dashes, Figure, Readout, Sheet, Track};
use super::panel::{Anchor, Panel, Place};
use super::percentiles::say_time;
use crate::analysis::capacity::found::{Capacity, Law, Level, LevelJourney, LevelVerdict};
use crate::analysis::rule::{Limit, Rule};
use crate::report::figures;
use plotters::style::RGBColor;
use std::collections::BTreeSet;

/// Most journeys that get a chart of their own.
const MOST_FIGURES: usize = 6;

/// What is read off a journey at a level, the name of the line and its colour.
type Read = (&'static str, fn(&LevelJourney) -> Option<u64>, RGBColor);

/// From the highest line to the lowest.
const READ: &[Read] = &[
    ("p99", |journey| journey.p99_us, ORANGE),
    ("p95", |journey| journey.p95_us, GREEN),
    ("p50", |journey| journey.p50_us, BLUE),
];

/// Points of the law's curve.
const STEPS: u32 = 120;

/// Response times against the rate, a chart for each journey.
pub fn latency(of: &Capacity) -> Vec<Figure> {
    let names: BTreeSet<&str> =
        of.levels.iter().flat_map(|level| &level.journeys).map(|of| of.journey.as_str()).collect();
    let several = names.len() > 1;
    let drawn = names.iter().take(MOST_FIGURES).enumerate();
    drawn
        .filter_map(|(place, name)| {
            let id = if several { format!("load-{}", place + 1) } else { "load".to_owned() };
            of_journey(of, name, id)
        })
        .collect()
}

/// One for each rate: of repeats the one that was measured for longest.
fn shown(of: &Capacity) -> Vec<&Level> {
    let told = of.levels.iter().filter(|level| level.verdict != LevelVerdict::Void);
    let mut levels: Vec<&Level> = told.collect();
    levels.sort_by(|one, other| {
        let by_rate = one.rate_per_s.total_cmp(&other.rate_per_s);
        by_rate.then(other.measured_s.total_cmp(&one.measured_s))
    });
    levels.dedup_by(|later, kept| later.rate_per_s == kept.rate_per_s);
    levels
}

fn of_journey(of: &Capacity, name: &str, id: String) -> Option<Figure> {
    let levels = shown(of);
    let at = |level: &Level| level.journeys.iter().find(|of| of.journey == name).cloned();
    let lines: Vec<Vec<Option<Place>>> = READ
        .iter()
        .map(|(_, read, _)| {
            let place =
                |level: &&Level| Some((level.rate_per_s, real(at(level).as_ref().and_then(read)?)));
            levels.iter().map(place).collect()
        })
        .collect();
    let times = || lines.iter().flatten().flatten().map(|(_, time)| *time);
    let limits = limits(of, name);
    let all = times().chain(limits.iter().map(|(_, limit)| *limit));
    let (shortest, longest) =
        all.fold((f64::INFINITY, 0.0f64), |ends, time| (ends.0.min(time), ends.1.max(time)));
    times().next()?;
    let most = levels.last()?.rate_per_s;
    let x = Axis::amount("iterations started per second", most);
    let panel = Panel::filling(320, x, Axis::log_times("response time", shortest, longest));
    let mut sheet = Sheet::default();
    shade(of, &panel, &mut sheet)?;
    sheet.add(&panel.mesh()?);
    for (rule, limit) in &limits {
        let ends = [(panel.x.low(), *limit), (panel.x.high(), *limit)];
        let stroke = panel.strokes([ends], RED, 10)?;
        sheet.dashed(rule, Dashes::Long, &stroke);
    }
    for ((name, _, colour), places) in READ.iter().zip(&lines) {
        let dots: Vec<Place> = places.iter().flatten().copied().collect();
        let drawn = panel.line(places, *colour, 20)? + &panel.dots(&dots, *colour, 30)?;
        sheet.series(name, &drawn);
    }
    let readout = readout(&panel, &levels, &lines);
    let about = About {
        id,
        title: format!("Response time of {name} against load"),
        alt: alt(of, name, &levels, &lines),
        caption: caption(&limits),
    };
    Some(sheet.figure(about, panel.sheet, &readout))
}

fn caption(limits: &[(String, f64)]) -> String {
    let dashed = if limits.is_empty() { "" } else { " Dashed: the limits of thresholds." };
    format!(
        "One point for each level; one that lies on time-outs, slower than any limit, is left out. Shaded: from \
         the highest level that passed to the lowest that failed.{dashed}"
    )
}

/// The bracket as a band, with what its ends are.
fn shade(of: &Capacity, panel: &Panel, sheet: &mut Sheet) -> Option<()> {
    let (low, high) = (of.bracket.highest_pass_per_s, of.bracket.lowest_fail_per_s);
    if let (Some(low), Some(high)) = (low, high) {
        let corners = [(low, panel.y.low()), (high, panel.y.high())];
        sheet.add(&panel.cells([corners], SHADE)?);
    }
    let ends = [(low, GREEN, Anchor::End, "passed "), (high, RED, Anchor::Start, "failed ")];
    for (rate, colour, anchor, word) in ends {
        let Some(rate) = rate else { continue };
        let stroke =
            panel.strokes([[(rate, panel.y.low()), (rate, panel.y.high())]], colour, 10)?;
        sheet.add(&stroke);
        let (x, _) = panel.pixel((rate, panel.y.high()));
        let shift = if matches!(anchor, Anchor::End) { -4.0 } else { 4.0 };
        let text = format!("{word}{}/s", figures::rate(rate));
        sheet.add(&panel.text((x + shift, f64::from(panel.top) - 12.0), &text, anchor, TEXT)?);
    }
    Some(())
}

/// The limits of thresholds that are times of whole iterations of this journey.
fn limits(of: &Capacity, journey: &str) -> Vec<(String, f64)> {
    use crate::analysis::rule::Scope;
    let rules = of.asked.rules.iter().filter_map(|rule| rule.parse::<Rule>().ok());
    let limit = |rule: Rule| match (&rule.scope, rule.limit.value) {
        (Scope::Run | Scope::Variant(_), Limit::Time(limit)) => {
            Some((rule.to_string(), limit.0.as_secs_f64() * 1e6))
        }
        (Scope::Journey(one), Limit::Time(limit)) if one.as_str() == journey => {
            Some((rule.to_string(), limit.0.as_secs_f64() * 1e6))
        }
        _ => None,
    };
    rules.filter_map(limit).collect()
}

fn readout(panel: &Panel, levels: &[&Level], lines: &[Vec<Option<Place>>]) -> Readout {
    let x = levels.iter().map(|level| {
        let text = format!("{}/s", figures::rate(level.rate_per_s));
        (panel.pixel((level.rate_per_s, panel.y.low())).0, text)
    });
    let track = |((name, _, colour), places): (&Read, &Vec<Option<Place>>)| Track {
        name: (*name).to_owned(),
        colour: *colour,
        points: places
            .iter()
            .map(|place| place.map(|place| (panel.pixel(place).1, say_time(place.1))))
            .collect(),
    };
    Readout { label: "rate", x: x.collect(), series: READ.iter().zip(lines).map(track).collect() }
}

fn alt(of: &Capacity, name: &str, levels: &[&Level], lines: &[Vec<Option<Place>>]) -> String {
    let p95 = READ.iter().zip(lines).find(|((name, ..), _)| *name == "p95").map(|(_, line)| line);
    let said = p95.into_iter().flatten().zip(levels).map(|(place, level)| {
        let time = place.map_or_else(|| "beyond any limit".to_owned(), |place| say_time(place.1));
        format!("{time} at {}/s", figures::rate(level.rate_per_s))
    });
    let said: Vec<_> = said.collect();
    let bracket = match (of.bracket.highest_pass_per_s, of.bracket.lowest_fail_per_s) {
        (Some(low), Some(high)) => {
            let (low, high) = (figures::rate(low), figures::rate(high));
            format!(" The highest level that passed is {low}/s, the lowest that failed {high}/s.")
        }
        _ => String::new(),
    };
    format!("95th percentile of the response time of {name}: {}.{bracket}", said.join(", "))
}

/// What was completed against what was under way, and the law through it; none without levels at rest.
pub fn scalability(of: &Capacity) -> Option<Figure> {
    let levels = shown(of);
    let places: Vec<Place> = levels
        .iter()
        .filter(|level| level.is_settled && level.in_flight > 0.0)
        .map(|level| (level.in_flight, level.completed_per_s))
        .collect();
    let most = |of: fn(&Place) -> f64| places.iter().map(of).fold(0.0, f64::max);
    let (under_way, per_s) = (most(|place| place.0), most(|place| place.1));
    if places.len() < 2 {
        return None;
    }
    let law = of.scalability.law;
    let top = law.and_then(|law| law.peak_per_s).map_or(per_s, |peak| peak.min(2.0 * per_s));
    let x = Axis::amount("iterations under way", under_way * 1.1);
    let y = Axis::amount("iterations completed per second", top.max(per_s));
    let panel = Panel::filling(280, x, y);
    let mut sheet = Sheet::default();
    sheet.add(&panel.mesh()?);
    if let Some(law) = law {
        let curve = curve(&law, under_way * 1.1, panel.y.high());
        sheet.series("law", &panel.line(&curve, SLATE, 15)?);
    }
    sheet.series("levels", &panel.dots(&places, BLUE, 35)?);
    let said = law.map_or_else(
        || "no law fits".to_owned(),
        |law| format!("the law explains {}", figures::share(law.r_squared.clamp(0.0, 1.0))),
    );
    let readout = Readout {
        label: "",
        x: Vec::new(),
        series: [("levels", BLUE), ("law", SLATE)]
            .into_iter()
            .take(if law.is_some() { 2 } else { 1 })
            .map(|(name, colour)| Track { name: name.to_owned(), colour, points: Vec::new() })
            .collect(),
    };
    let about = About {
        id: "scalability".to_owned(),
        title: "What comes out against what is under way".to_owned(),
        alt: format!(
            "{} levels at rest, up to {} iterations under way and {} completed per second; {said}.",
            places.len(),
            figures::rate(under_way),
            figures::rate(per_s)
        ),
        caption: "A dot for each level that came to rest. The line is the Universal Scalability Law, where it \
                  fits."
            .to_owned(),
    };
    Some(sheet.figure(about, panel.sheet, &readout))
}

fn curve(law: &Law, most: f64, top: f64) -> Vec<Option<Place>> {
    let at = |step: u32| {
        let n = most * f64::from(step) / f64::from(STEPS);
        let per_s = law.per_s(n);
        (per_s.is_finite() && (0.0..=top).contains(&per_s)).then_some((n, per_s))
    };
    (1..=STEPS).map(at).collect()
}

#[expect(clippy::cast_precision_loss, reason = "times are below 2^52")]
fn real(us: u64) -> f64 {
    us.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::capacity::specimen;
    use crate::report::chart::geometry;

    #[test]
    fn times_stand_against_load_with_the_bracket_and_the_limits() {
        let drawn = latency(&specimen::found());
        assert_eq!(drawn.len(), 1);
        geometry::check(&drawn[0]);
        assert!(drawn[0].svg.contains("passed 140/s") && drawn[0].svg.contains("failed 147/s"));
        assert!(
            drawn[0].alt.contains("The highest level that passed is 140/s"),
            "{}",
            drawn[0].alt
        );
    }

    #[test]
    fn the_law_is_drawn_through_the_levels_at_rest() {
        let drawn = scalability(&specimen::found()).unwrap();
        geometry::check(&drawn);
        assert!(drawn.svg.contains("data-series=\"law\""));
        let mut none = specimen::found();
        none.scalability.law = None;
        assert!(!scalability(&none).unwrap().svg.contains("data-series=\"law\""));
    }

    #[test]
    fn without_levels_nothing_is_drawn() {
        let mut none = specimen::found();
        none.levels.clear();
        assert!(latency(&none).is_empty() && scalability(&none).is_none());
    }
}
