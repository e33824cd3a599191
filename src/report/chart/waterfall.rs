//! Single iterations exchange by exchange: what the tenant took, and what lay between.

use super::axis::{Axis, real};
use super::colour::{BLUE, CYAN, GAP, RED, TEXT};
use super::figure::{About, Figure, Readout, Sheet, Track};
use super::panel::{Anchor, Panel, WIDTH, shortened, width_of};
use super::percentiles::JourneyNames;
use crate::base::names::{Journey, Variant};
use crate::measure::series::Outcome;
use crate::measure::{Exemplar, ExemplarExchange};
use crate::report::figures;
use crate::result::dossier::Dossier;
use plotters::style::RGBColor;
use std::collections::BTreeMap;

/// Height of a row and width of its label, in pixels.
const ROW: u32 = 19;
const LABEL: u32 = 336;
const LABEL_CHARACTERS: usize = 52;

/// More exchanges than this are not drawn: an iteration that polls may have hundreds.
const MOST_ROWS: usize = 40;

/// How an exchange can end, the name of its bars, and their colour.
const KINDS: [(&str, RGBColor); 3] =
    [("answered", BLUE), ("refused as expected", CYAN), ("fault", RED)];

/// A median and a slow iteration of each journey that has any; one where they are the same.
pub(super) fn all(dossier: &Dossier) -> Vec<Figure> {
    let mut journeys: BTreeMap<(Variant, Journey), Vec<&Exemplar>> = BTreeMap::new();
    for exemplar in &dossier.exemplars {
        if exemplar.ending == "completed" && !exemplar.exchanges.is_empty() {
            let key = (exemplar.variant.clone(), exemplar.journey.clone());
            journeys.entry(key).or_default().push(exemplar);
        }
    }
    let names = JourneyNames::of(journeys.keys());
    let mut figures = Vec::new();
    for (number, (key, exemplars)) in journeys.iter().enumerate() {
        let chosen = chosen(exemplars, median_of(dossier, key));
        for (word, exemplar) in chosen {
            let id = format!("waterfall-{}-{word}", number + 1);
            let title = format!("A {word} iteration of {}", names.name(key));
            figures.extend(figure(id, title, exemplar));
        }
    }
    figures
}

fn median_of(dossier: &Dossier, (variant, journey): &(Variant, Journey)) -> Option<u64> {
    let rows = &dossier.summary.journeys;
    let row = rows.iter().find(|row| row.variant == *variant && row.journey == *journey)?;
    row.response_time_us.map(|times| times.p50)
}

/// The one nearest to the median, and the slowest. Without a median, that of those there are.
fn chosen<'a>(
    exemplars: &[&'a Exemplar],
    median_us: Option<u64>,
) -> Vec<(&'static str, &'a Exemplar)> {
    let mut in_order: Vec<&Exemplar> = exemplars.to_vec();
    in_order.sort_by_key(|exemplar| (exemplar.response_us, exemplar.iteration));
    let median_us =
        median_us.or_else(|| in_order.get(in_order.len() / 2).map(|middle| middle.response_us));
    let median = median_us.and_then(|median_us| {
        in_order.iter().min_by_key(|exemplar| exemplar.response_us.abs_diff(median_us))
    });
    let slow = in_order.last().filter(|slow| median.is_none_or(|median| median != *slow));
    let words = median.map(|one| ("median", *one)).into_iter();
    words.chain(slow.map(|one| ("slow", *one))).collect()
}

fn figure(id: String, title: String, exemplar: &Exemplar) -> Option<Figure> {
    let shown = exemplar.exchanges.len().min(MOST_ROWS);
    let exchanges = exemplar.exchanges.get(..shown)?;
    let ends =
        exchanges.iter().map(|exchange| exchange.sent_us.saturating_add(exchange.service_us));
    let longest = real(ends.max()?.max(1));
    let x = Axis::linear_times("time since the iteration was due", longest, 8.0);
    let bottom = 12 + ROW * u32::try_from(shown).ok()?;
    let panel = Panel {
        left: LABEL,
        right: WIDTH - 60,
        top: 12,
        bottom,
        ..Panel::filling(bottom + 40, x, Axis::rows(shown))
    };
    let mut sheet = Sheet::default();
    sheet.add(&panel.mesh()?);
    sheet.series("between", &between(&panel, exchanges)?);
    for (kind, (name, colour)) in KINDS.into_iter().enumerate() {
        let bars = exchanges.iter().enumerate().filter(|(_, exchange)| kind_of(exchange) == kind);
        let bars: Vec<_> = bars.map(|(row, exchange)| bar(shown, row, exchange)).collect();
        if !bars.is_empty() {
            sheet.series(name, &panel.bars(bars, colour)?);
        }
    }
    sheet.add(&labels(&panel, exchanges)?);
    let more = exemplar.exchanges.len() - shown;
    let about = About { id, alt: alt(&title, exemplar), title, caption: caption(exemplar, more) };
    Some(sheet.figure(about, panel.sheet, &readout(&panel, exchanges)))
}

fn kind_of(exchange: &ExemplarExchange) -> usize {
    match exchange.outcome.as_str() {
        outcome if outcome == Outcome::Advanced.slug() => 0,
        outcome if outcome == Outcome::Refused.slug() => 1,
        _ => 2,
    }
}

/// Corners of a bar: rows are counted from above, heights from below.
fn bar(rows: usize, row: usize, exchange: &ExemplarExchange) -> [(f64, f64); 2] {
    let floor = real((rows - 1 - row) as u64);
    let begins = real(exchange.sent_us);
    [(begins, floor + 0.22), (begins + real(exchange.service_us), floor + 0.78)]
}

/// What lies between the end of an exchange and the sending of the next, in the row of the next.
fn between(panel: &Panel, exchanges: &[ExemplarExchange]) -> Option<String> {
    let mut done = 0.0;
    let mut gaps = Vec::new();
    for (row, exchange) in exchanges.iter().enumerate() {
        let [(begins, _), (ends, _)] = bar(exchanges.len(), row, exchange);
        let height = real((exchanges.len() - 1 - row) as u64) + 0.5;
        if begins > done {
            gaps.push([(done, height), (begins, height)]);
        }
        done = ends;
    }
    panel.strokes(gaps, GAP, 20)
}

fn labels(panel: &Panel, exchanges: &[ExemplarExchange]) -> Option<String> {
    let (mut names, mut times) = (String::new(), String::new());
    for (row, exchange) in exchanges.iter().enumerate() {
        let [(begins, low), (ends, _)] = bar(exchanges.len(), row, exchange);
        let (left, _) = panel.pixel((begins, low));
        let (right, height) = panel.pixel((ends, low + 0.28));
        let name = shortened(&name_of(exchange), LABEL_CHARACTERS);
        let place = (f64::from(LABEL) - 10.0, height);
        names.push_str(&panel.text(place, &name, Anchor::End, TEXT)?);
        let time = figures::time(exchange.service_us);
        let (place, anchor) = if right + 5.0 + width_of(&time) < f64::from(WIDTH) {
            (right + 5.0, Anchor::Start)
        } else {
            (left - 5.0, Anchor::End)
        };
        times.push_str(&panel.text((place, height), &time, anchor, TEXT)?);
    }
    Some(names + &times)
}

/// `credentials · customHTMLTemplate submit SIGNON`; `token` where step and capability are one.
fn name_of(exchange: &ExemplarExchange) -> String {
    let ExemplarExchange { step, capability, event, action, .. } = exchange;
    let mut name = step.to_string();
    let what: Vec<&str> = [capability.as_str(), event, action]
        .into_iter()
        .filter(|part| !part.is_empty() && *part != step.as_str())
        .collect();
    if !what.is_empty() {
        name.push_str(" · ");
        name.push_str(&what.join(" "));
    }
    name
}

fn readout(panel: &Panel, exchanges: &[ExemplarExchange]) -> Readout {
    let middle =
        |exchange: &ExemplarExchange| real(exchange.sent_us) + real(exchange.service_us) / 2.0;
    let x = exchanges
        .iter()
        .map(|exchange| (panel.pixel((middle(exchange), 0.0)).0, name_of(exchange)));
    let series = KINDS.into_iter().enumerate().map(|(kind, (name, colour))| {
        let points = exchanges.iter().enumerate().map(|(row, exchange)| {
            (kind_of(exchange) == kind).then(|| {
                let [_, (ends, high)] = bar(exchanges.len(), row, exchange);
                let text = format!(
                    "{} from {} on",
                    figures::time(exchange.service_us),
                    figures::time(exchange.sent_us)
                );
                (panel.pixel((ends, high - 0.28)).1, text)
            })
        });
        Track { name: name.to_owned(), colour, points: points.collect() }
    });
    let series = series.filter(|track| track.points.iter().any(Option::is_some)).collect();
    Readout { label: "exchange", x: x.collect(), series }
}

fn alt(title: &str, exemplar: &Exemplar) -> String {
    let longest = exemplar.exchanges.iter().max_by_key(|exchange| exchange.service_us);
    let longest = longest.map_or_else(String::new, |exchange| {
        format!(", the longest of {} for {}", figures::time(exchange.service_us), exchange.step)
    });
    format!(
        "{title}: {} exchanges in {}, {} of it response time{longest}.",
        figures::count(exemplar.exchanges.len() as u64),
        figures::time(exemplar.elapsed_us),
        figures::time(exemplar.response_us),
    )
}

fn caption(exemplar: &Exemplar, more: usize) -> String {
    let more = match more {
        0 => String::new(),
        more => format!(" {} more exchanges are not shown.", figures::count(more as u64)),
    };
    format!(
        "Iteration {}: response time {}, wall time {}. Bars are exchanges; the thin line before a \
         bar is connecting, think time, waiting for a code, and gander's own time.{more}",
        figures::count(exemplar.iteration),
        figures::time(exemplar.response_us),
        figures::time(exemplar.elapsed_us),
    )
}
