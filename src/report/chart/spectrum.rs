//! The whole range of response times by percentile, each nine with the same room.

use super::axis::{Axis, real};
use super::colour::SERIES;
use super::figure::{About, Dashes, Figure, Readout, Sheet, Track};
use super::panel::{Panel, Place, WIDTH};
use super::percentiles::JourneyNames;
use super::timeline::{least, most};
use crate::base::names::{Journey, Variant};
use crate::measure::histogram::{Percentile, Times};
use crate::measure::series::Kind;
use crate::report::figures;
use crate::result::dossier::Dossier;
use plotters::style::RGBColor;

/// The percentiles that are marked: those of the summary's tables.
const MARKED: &[Percentile] =
    &[Percentile::P50, Percentile::P95, Percentile::P99, Percentile::P99_9];

/// Places of a power of ten along the axis.
const PER_DECADE: u32 = 14;

/// Those that must be met exactly, in thousandths of a percent.
const EXACT: &[u32] = &[50_000, 75_000, 90_000, 95_000, 99_000, 99_900, 99_990, 99_999];

/// One line.
struct Line {
    name: String,
    colour: RGBColor,
    dashes: Dashes,
    times: Times,
    /// Along all percentiles, to the first that has the longest time.
    places: Vec<Option<Place>>,
}

/// How to read one.
const CAPTION: &str = "How long the fastest part of the iterations took at most. Each nine has the same \
     room, so that the slowest few can be seen; a step up to the right is a second kind of slowness. Dots \
     mark p50, p95, p99 and p99.9. A line ends at its longest time.";

/// None of a run in which nothing was completed.
pub(super) fn figure(dossier: &Dossier) -> Option<Figure> {
    let title = "Percentile spectrum of response times";
    drawn("spectrum", title, with_times(dossier))
}

/// A line for each of these, on the same axes; none without any time.
pub(super) fn drawn(id: &str, title: &str, series: Vec<(String, Times)>) -> Option<Figure> {
    let percentiles = percentiles();
    let lines = lines(series, &percentiles);
    let heights = || lines.iter().flat_map(|line| &line.places).map(|place| place.map(|(_, y)| y));
    let far = most(lines.iter().flat_map(|line| &line.places).map(|place| place.map(|(x, _)| x)))?;
    let y = Axis::times("response time", least(heights())?, most(heights())?);
    let x = Axis::nines("percentile of the completed iterations", far);
    // The last label may be as long as `99.999%`.
    let panel = Panel { right: WIDTH - 28, ..Panel::filling(320, x, y) };
    let mut sheet = Sheet::default();
    sheet.add(&panel.mesh()?);
    for line in &lines {
        let mut piece = panel.line(&line.places, line.colour, 20)?;
        piece.push_str(&panel.dots(&marks(line), line.colour, 30)?);
        sheet.dashed(&line.name, line.dashes, &piece);
    }
    let about = About {
        id: id.to_owned(),
        title: title.to_owned(),
        alt: alt(&lines),
        caption: CAPTION.to_owned(),
    };
    let x = percentiles.iter().map(|percentile| {
        let text = percentile.map_or_else(|| "shortest".to_owned(), |p| p.to_string());
        (panel.pixel((along(*percentile), 0.0)).0, text)
    });
    let readout = Readout { label: "percentile", x: x.collect(), series: tracks(&panel, &lines) };
    Some(sheet.figure(about, panel.sheet, &readout))
}

/// From the shortest time, which is no percentile, to 99.999 %.
fn percentiles() -> Vec<Option<Percentile>> {
    let steps = 0..=5 * PER_DECADE;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100,000")]
    let even = steps.map(|step| {
        let beyond = 10f64.powf(-f64::from(step) / f64::from(PER_DECADE));
        (100_000.0 * (1.0 - beyond)).round() as u32
    });
    let mut thousandths: Vec<u32> = even.chain(EXACT.iter().copied()).collect();
    thousandths.sort_unstable();
    thousandths.dedup();
    thousandths.into_iter().map(Percentile::from_thousandths).collect()
}

/// Where a percentile lies: `1 / (1 - p)`.
fn along(percentile: Option<Percentile>) -> f64 {
    percentile.map_or(1.0, |percentile| 100_000.0 / real(percentile.beyond_thousandths().max(1)))
}

fn time_at(times: &Times, percentile: Option<Percentile>) -> Option<u64> {
    match percentile {
        None => (!times.is_empty()).then(|| times.min_us()),
        Some(percentile) => times.at(percentile),
    }
}

fn with_times(dossier: &Dossier) -> Vec<(String, Times)> {
    let keys: Vec<&(Variant, Journey)> = dossier.tally.journeys.keys().collect();
    let names = JourneyNames::of(keys.iter().copied());
    let with_times = keys.into_iter().filter_map(|key| {
        let (variant, journey) = key;
        let pool = dossier.tally.iterations(Kind::Response, |v, j| v == variant && j == journey);
        (!pool.good.is_empty()).then_some((names.name(key), pool.good))
    });
    with_times.collect()
}

fn lines(series: Vec<(String, Times)>, percentiles: &[Option<Percentile>]) -> Vec<Line> {
    let drawn = series.into_iter().enumerate().map(|(number, (name, times))| Line {
        name,
        colour: SERIES[number % SERIES.len()],
        dashes: match number / SERIES.len() % 3 {
            0 => Dashes::None,
            1 => Dashes::Long,
            _ => Dashes::Short,
        },
        places: places(&times, percentiles),
        times,
    });
    drawn.collect()
}

fn places(times: &Times, percentiles: &[Option<Percentile>]) -> Vec<Option<Place>> {
    let is_last = |percentile: Percentile| percentile.rank(times.count()) == Some(times.count());
    let mut is_over = false;
    let place = |percentile: &Option<Percentile>| {
        if is_over {
            return None;
        }
        is_over = percentile.is_some_and(is_last);
        Some((along(*percentile), real(time_at(times, *percentile)?)))
    };
    percentiles.iter().map(place).collect()
}

fn marks(line: &Line) -> Vec<Place> {
    let end = line.places.iter().flatten().last().map_or(1.0, |(x, _)| *x);
    let marks = MARKED.iter().filter_map(|percentile| {
        let place = (along(Some(*percentile)), real(line.times.at(*percentile)?));
        (place.0 <= end).then_some(place)
    });
    marks.collect()
}

fn tracks(panel: &Panel, lines: &[Line]) -> Vec<Track> {
    let track = |line: &Line| {
        let points = line.places.iter().map(|place| {
            place.map(|place| (panel.pixel(place).1, super::percentiles::say_time(place.1)))
        });
        Track { name: line.name.clone(), colour: line.colour, points: points.collect() }
    };
    lines.iter().map(track).collect()
}

fn alt(lines: &[Line]) -> String {
    let said = lines.iter().map(|line| {
        let at = |percentile| figures::time_or_none(line.times.at(percentile));
        format!(
            "{}: half within {}, 99% within {}, all within {}",
            line.name,
            at(Percentile::P50),
            at(Percentile::P99),
            figures::time(line.times.max_us())
        )
    });
    let said: Vec<_> = said.collect();
    format!("Response times by percentile. {}.", said.join("; "))
}
