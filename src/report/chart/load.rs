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

/// What a chart against the rate shows.
struct Drawing {
    about: About,
    /// What the vertical axis is.
    axis: &'static str,
    /// Each with a place for each level.
    lines: Vec<Line>,
    limits: Vec<(String, f64)>,
    /// Intervals: strokes from end to end.
    intervals: Vec<[Place; 2]>,
}

/// A line of a [`Drawing`].
struct Line {
    name: &'static str,
    colour: RGBColor,
    places: Vec<Option<Place>>,
}

/// Times against the rate: first what each rule about steps was judged by, then the response times of each
/// journey.
pub fn latency(of: &Capacity) -> Vec<Figure> {
    let levels = shown(of);
    let rules: Vec<(String, Rule)> = of
        .asked
        .rules
        .iter()
        .filter_map(|text| Some((text.clone(), text.parse().ok()?)))
        .filter(|(_, rule): &(String, Rule)| rule.scope.is_of_exchanges())
        .collect();
    let judged = (1..).zip(rules.iter().take(MOST_FIGURES));
    let judged: Vec<Figure> = judged
        .filter_map(|(place, (text, rule))| {
            drawn(of, &levels, of_rule(of, &levels, (text, rule), format!("load-rule-{place}"))?)
        })
        .collect();
    let names: BTreeSet<&str> =
        of.levels.iter().flat_map(|level| &level.journeys).map(|of| of.journey.as_str()).collect();
    let several = names.len() > 1;
    let journeys = names.iter().take(MOST_FIGURES).enumerate().filter_map(|(place, name)| {
        let id = if several { format!("load-{}", place + 1) } else { "load".to_owned() };
        drawn(of, &levels, of_journey(of, &levels, (name, !judged.is_empty()), id))
    });
    let journeys: Vec<Figure> = journeys.collect();
    judged.into_iter().chain(journeys).collect()
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

/// The time that a rule about steps looks at, with its interval, and its limit.
fn of_rule(
    of: &Capacity,
    levels: &[&Level],
    (text, rule): (&str, &Rule),
    id: String,
) -> Option<Drawing> {
    let Limit::Time(limit) = rule.limit.value else { return None };
    let limit_us = limit.0.as_secs_f64() * 1e6;
    let sign = if rule.op.wants_low() { 1.0 } else { -1.0 };
    let judged = |level: &Level| {
        let of_level = level.rules.iter().find(|of| of.rule == text)?;
        // Slower than any limit is no time.
        let is_time = !of_level.observed.starts_with('>');
        let excess = of_level.excess.filter(|_| is_time)?;
        let at = |excess: f64| (level.rate_per_s, limit_us * (sign * excess).exp());
        let interval = of_level.excess_error.map(|error| {
            let aside = TWO_SIDES * error;
            [at(excess - aside), at(excess + aside)]
        });
        Some((at(excess), interval))
    };
    let found: Vec<_> = levels.iter().map(|level| judged(level)).collect();
    let places: Vec<Option<Place>> = found.iter().map(|of| of.map(|(place, _)| place)).collect();
    let about = About {
        id,
        title: format!("{text}: what was observed, against load"),
        alt: alt(of, &format!("What the rule {text} looks at"), levels, &places),
        caption: format!(
            "The time of single exchanges that this rule looks at, at each level, with its 95% interval. {REST} Dashed: \
             its limit."
        ),
    };
    Some(Drawing {
        about,
        axis: "time of an exchange",
        intervals: found.into_iter().flatten().filter_map(|(_, interval)| interval).collect(),
        lines: vec![Line { name: "observed", colour: BLUE, places }],
        limits: vec![(text.to_owned(), limit_us)],
    })
}

/// The quantile of the normal distribution that intervals of 95 % reach to.
const TWO_SIDES: f64 = 1.96;

fn of_journey(
    of: &Capacity,
    levels: &[&Level],
    (name, has_steps): (&str, bool),
    id: String,
) -> Drawing {
    let at = |level: &Level| level.journeys.iter().find(|of| of.journey == name).cloned();
    let line = |(line, read, colour): &Read| {
        let place =
            |level: &&Level| Some((level.rate_per_s, real(at(level).as_ref().and_then(read)?)));
        Line { name: line, colour: *colour, places: levels.iter().map(place).collect() }
    };
    let lines: Vec<Line> = READ.iter().map(line).collect();
    let limits = limits(of, name);
    let p95 = lines.iter().find(|line| line.name == "p95");
    let p95 = p95.map_or(&[][..], |line| &line.places);
    let of_name = format!("95th percentile of the response time of {name}");
    let about = About {
        id,
        title: format!("Response time of {name}, the whole journey, against load"),
        alt: alt(of, &of_name, levels, p95),
        caption: caption(!limits.is_empty(), has_steps),
    };
    Drawing { about, axis: "response time", lines, limits, intervals: Vec::new() }
}

fn drawn(of: &Capacity, levels: &[&Level], what: Drawing) -> Option<Figure> {
    let Drawing { about, axis, lines, limits, intervals } = what;
    let times = || lines.iter().flat_map(|line| &line.places).flatten().map(|(_, time)| *time);
    let ends = intervals.iter().flatten().map(|(_, time)| *time);
    let all = times().chain(limits.iter().map(|(_, limit)| *limit)).chain(ends);
    let (shortest, longest) =
        all.fold((f64::INFINITY, 0.0f64), |ends, time| (ends.0.min(time), ends.1.max(time)));
    times().next()?;
    let most = levels.last()?.rate_per_s;
    let x = Axis::amount("iterations started per second", most);
    let panel = Panel::filling(320, x, Axis::log_times(axis, shortest, longest));
    let mut sheet = Sheet::default();
    shade(of, &panel, &mut sheet)?;
    sheet.add(&panel.mesh()?);
    for (rule, limit) in &limits {
        let ends = [(panel.x.low(), *limit), (panel.x.high(), *limit)];
        let stroke = panel.strokes([ends], RED, 10)?;
        sheet.dashed(rule, Dashes::Long, &stroke);
    }
    sheet.add(&panel.strokes(intervals, SLATE, 15)?);
    for Line { name, colour, places } in &lines {
        let dots: Vec<Place> = places.iter().copied().flatten().collect();
        let drawn = panel.line(places, *colour, 20)? + &panel.dots(&dots, *colour, 30)?;
        sheet.series(name, &drawn);
    }
    let readout = readout(&panel, levels, &lines);
    Some(sheet.figure(about, panel.sheet, &readout))
}

/// What is so in every chart against the rate.
const REST: &str = "One point for each level; one that lies on time-outs, slower than any limit, is left out. Shaded: \
                    from the highest level that passed to the lowest that failed.";

fn caption(has_limits: bool, has_steps: bool) -> String {
    let dashed = if has_limits { " Dashed: the limits of thresholds." } else { "" };
    let steps = if has_steps {
        " Rules about steps look at single exchanges: each has a chart of its own above."
    } else {
        ""
    };
    format!("From the first request of an iteration to its last. {REST}{dashed}{steps}")
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

fn readout(panel: &Panel, levels: &[&Level], lines: &[Line]) -> Readout {
    let x = levels.iter().map(|level| {
        let text = format!("{}/s", figures::rate(level.rate_per_s));
        (panel.pixel((level.rate_per_s, panel.y.low())).0, text)
    });
    let track = |line: &Line| Track {
        name: line.name.to_owned(),
        colour: line.colour,
        points: line
            .places
            .iter()
            .map(|place| place.map(|place| (panel.pixel(place).1, say_time(place.1))))
            .collect(),
    };
    Readout { label: "rate", x: x.collect(), series: lines.iter().map(track).collect() }
}

fn alt(of: &Capacity, what: &str, levels: &[&Level], places: &[Option<Place>]) -> String {
    let said = places.iter().zip(levels).map(|(place, level)| {
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
    format!("{what}: {}.{bracket}", said.join(", "))
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
    use crate::analysis::capacity::found::LevelRule;
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
    fn a_rule_about_a_step_is_drawn_with_the_times_of_that_step_and_with_no_others() {
        let text = "sign-on/credentials.p95 < 75ms";
        let mut found = specimen::found();
        found.asked.rules = vec![text.to_owned(), "p95 < 400ms".to_owned()];
        for level in &mut found.levels {
            let rule = LevelRule { rule: text.to_owned(), ..level.rules[0].clone() };
            level.rules.push(rule);
        }
        let drawn = latency(&found);
        assert_eq!(drawn.len(), 2);
        drawn.iter().for_each(geometry::check);
        assert!(drawn[0].title.starts_with(text) && drawn[0].svg.contains("stroke-dasharray"));
        assert!(drawn[0].svg.contains("credentials"));
        assert!(!drawn[1].svg.contains("credentials"), "beside times of whole journeys");
        assert!(drawn[1].caption.contains("a chart of its own above"), "{}", drawn[1].caption);
        // 442 of 400 ms is as far beyond as 82.9 of 75; what lies on time-outs is left out.
        let alt = &drawn[0].alt;
        assert!(alt.contains("82.9 ms at 147/s") && alt.contains("beyond any limit"), "{alt}");
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
