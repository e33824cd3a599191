//! Response times over time, as percentiles of each moment.

use super::axis::{Axis, real};
use super::colour::{BLUE, CYAN, GREEN, ORANGE, SLATE};
use super::figure::{About, Figure, Sheet};
use super::panel::Panel;
use super::timeline::{Timeline, Trace, least, most, over};
use crate::base::names::{Journey, Variant};
use crate::measure::course::Moment;
use crate::measure::histogram::{Percentile, Times};
use crate::report::figures;
use plotters::style::RGBColor;

/// With more journeys than this, one chart shows all of them together.
const MOST_FIGURES: usize = 6;

/// What is read off the times of a moment, the name of the line, its colour and its width.
type Read = (&'static str, fn(&Times) -> Option<u64>, RGBColor, u32);

/// From the highest line to the lowest.
const READ: &[Read] = &[
    ("max", |times| (!times.is_empty()).then(|| times.max_us()), SLATE, 10),
    ("p99", |times| times.at(Percentile::P99), ORANGE, 15),
    ("p95", |times| times.at(Percentile::P95), GREEN, 20),
    ("p90", |times| times.at(Percentile::P90), CYAN, 15),
    ("p50", |times| times.at(Percentile::P50), BLUE, 20),
];

/// One for each journey, or one for all of them; those without a completed iteration are left out.
pub(super) fn all(timeline: &Timeline<'_>, journeys: &[(Variant, Journey)]) -> Vec<Figure> {
    if journeys.len() > MOST_FIGURES {
        let times = timeline.each(Moment::response);
        let about = ("percentiles", "Response time of all journeys together");
        return figure(timeline, &times, about).into_iter().collect();
    }
    let names = JourneyNames::of(journeys);
    let figures = journeys.iter().enumerate().filter_map(|(place, key)| {
        let times = timeline.each(|moment| {
            moment
                .journeys
                .get(key)
                .map_or_else(|| Moment::default().response(), |j| j.response.clone())
        });
        let id = if journeys.len() == 1 {
            "percentiles".to_owned()
        } else {
            format!("percentiles-{}", place + 1)
        };
        figure(timeline, &times, (&id, &format!("Response time of {}", names.name(key))))
    });
    figures.collect()
}

fn figure(timeline: &Timeline<'_>, times: &[Times], (id, title): (&str, &str)) -> Option<Figure> {
    let traces: Vec<Trace> = READ.iter().map(|read| trace(times, read)).collect();
    let values = || traces.iter().flat_map(|trace| trace.values.iter().copied());
    let (shortest, longest) = (least(values())?, most(values())?);
    let panel =
        Panel::filling(300, timeline.axis(), Axis::times("response time", shortest, longest));
    let mut sheet = Sheet::default();
    timeline.shade(&mut sheet, &panel)?;
    sheet.add(&panel.mesh()?);
    timeline.events(&mut sheet, &panel, false)?;
    timeline.lines(&mut sheet, &panel, &traces)?;
    let about = About {
        id: id.to_owned(),
        title: title.to_owned(),
        alt: alt(timeline, title, &traces),
        caption:
            "Of iterations that completed, by when they ended; the time from when an iteration \
                  was due to when it had its goal, without think time and waits."
                .to_owned(),
    };
    Some(sheet.figure(about, panel.sheet, &timeline.readout(&panel, &traces)))
}

fn trace(times: &[Times], (name, read, colour, tenths_wide): &Read) -> Trace {
    let values = times.iter().map(|times| read(times).map(real)).collect();
    Trace { tenths_wide: *tenths_wide, ..Trace::new(name, *colour, values, say_time) }
}

/// A time in microseconds, read out.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was a whole number"
)]
pub(super) fn say_time(us: f64) -> String {
    figures::time(us as u64)
}

fn alt(timeline: &Timeline<'_>, title: &str, traces: &[Trace]) -> String {
    let ranges = traces.iter().rev().filter_map(|trace| {
        let values = || trace.values.iter().copied();
        let (low, high) = (say_time(least(values())?), say_time(most(values())?));
        Some(format!("{} between {low} and {high}", trace.name))
    });
    let ranges: Vec<_> = ranges.collect();
    format!("{title} {}: {}.", over(timeline), ranges.join(", "))
}

/// What journeys are called: with their variant only where there are several.
pub(super) struct JourneyNames {
    with_variant: bool,
}

impl JourneyNames {
    pub(super) fn of<'a>(journeys: impl IntoIterator<Item = &'a (Variant, Journey)>) -> Self {
        let mut variants = journeys.into_iter().map(|(variant, _)| variant);
        let first = variants.next();
        Self { with_variant: variants.any(|variant| Some(variant) != first) }
    }

    pub(super) fn name(&self, (variant, journey): &(Variant, Journey)) -> String {
        if self.with_variant { format!("{variant} · {journey}") } else { journey.to_string() }
    }
}
