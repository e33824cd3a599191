//! What iterations failed of, over time: one stack of bars, one layer for each fault.

use super::axis::{Axis, real};
use super::colour::{CYAN, GREEN, MAGENTA, OLIVE, ORANGE, RED, SLATE, VIOLET};
use super::figure::{About, Figure, Readout, Sheet, Track};
use super::panel::{Panel, Place};
use super::timeline::{Timeline, most, over};
use crate::measure::counts::FaultCounts;
use crate::measure::course::{Course, Moment};
use crate::measure::fault::Fault;
use crate::report::figures;
use plotters::style::RGBColor;

/// The most frequent faults have a layer each, the rest one together.
const COLOURS: [RGBColor; 8] = [RED, ORANGE, VIOLET, CYAN, OLIVE, MAGENTA, GREEN, SLATE];

/// One layer.
struct Layer {
    name: String,
    colour: RGBColor,
    faults: Vec<Fault>,
    total: u64,
}

impl Layer {
    fn of(&self, counts: &FaultCounts) -> u64 {
        self.faults.iter().map(|fault| counts.of(*fault)).sum()
    }
}

/// One moment of the run in which something was told of.
struct Stack {
    begins: f64,
    ends: f64,
    /// Seconds that the counts are spread over.
    seconds: f64,
    counts: FaultCounts,
}

/// None of a run in which nothing failed.
pub(super) fn figure(course: &Course, timeline: &Timeline<'_>) -> Option<Figure> {
    let stacks = stacks(course, timeline);
    let layers = layers(&stacks);
    let highest =
        most(stacks.iter().map(|stack| Some(real(stack.counts.total()) / stack.seconds)))?;
    if layers.is_empty() {
        return None;
    }
    let panel =
        Panel::filling(240, timeline.axis(), Axis::amount("failed iterations per second", highest));
    let mut sheet = Sheet::default();
    timeline.shade(&mut sheet, &panel)?;
    sheet.add(&panel.mesh()?);
    let mut below = vec![0.0; stacks.len()];
    let mut series = Vec::new();
    for layer in &layers {
        let (bars, points) = lay(&panel, &stacks, layer, &mut below);
        sheet.series(&layer.name, &panel.bars(bars, layer.colour)?);
        series.push(Track { name: layer.name.clone(), colour: layer.colour, points });
    }
    timeline.events(&mut sheet, &panel, false)?;
    let about = About {
        id: "faults".to_owned(),
        title: "Faults".to_owned(),
        alt: alt(timeline, &layers, highest),
        caption: "Iterations that did not reach their goal, by what went wrong, when they ended."
            .to_owned(),
    };
    let x = stacks.iter().map(|stack| {
        let at = std::time::Duration::from_secs_f64(stack.begins / 1000.0);
        (panel.pixel((f64::midpoint(stack.begins, stack.ends), 0.0)).0, figures::clock(at))
    });
    Some(sheet.figure(about, panel.sheet, &Readout { label: "time", x: x.collect(), series }))
}

fn stacks(course: &Course, timeline: &Timeline<'_>) -> Vec<Stack> {
    let width_ms = course.width_ms();
    let told = course.moments().filter(|(_, moment)| moment.length_ms > 0);
    let stacks = told.map(|(begins_ms, moment)| Stack {
        begins: real(begins_ms),
        ends: real((begins_ms + width_ms).min(timeline.end_ms)),
        // What is left over at the end of a run is spread over a whole moment: no fault is left
        // out, and three of them in the last milliseconds are no peak.
        seconds: real(moment.length_ms.max(width_ms)) / 1000.0,
        counts: faults_of(moment),
    });
    stacks.collect()
}

fn faults_of(moment: &Moment) -> FaultCounts {
    let mut counts = FaultCounts::default();
    moment.journeys.values().for_each(|journey| counts.merge(&journey.faults));
    counts
}

fn layers(stacks: &[Stack]) -> Vec<Layer> {
    let mut total = FaultCounts::default();
    stacks.iter().for_each(|stack| total.merge(&stack.counts));
    let mut faults: Vec<(Fault, u64)> = total.iter().collect();
    faults.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    let own = if faults.len() <= COLOURS.len() { faults.len() } else { COLOURS.len() - 1 };
    let rest = faults.split_off(own);
    let layers = faults.into_iter().zip(COLOURS).map(|((fault, total), colour)| Layer {
        name: fault.slug().to_owned(),
        colour,
        faults: vec![fault],
        total,
    });
    let others = (!rest.is_empty()).then(|| Layer {
        name: "others".to_owned(),
        colour: SLATE,
        total: rest.iter().map(|(_, number)| number).sum(),
        faults: rest.into_iter().map(|(fault, _)| fault).collect(),
    });
    layers.chain(others).collect()
}

/// Puts a layer on those below it: the bars, and what is read out of them.
#[expect(clippy::type_complexity, reason = "two lists")]
fn lay(
    panel: &Panel,
    stacks: &[Stack],
    layer: &Layer,
    below: &mut [f64],
) -> (Vec<[Place; 2]>, Vec<Option<(f64, String)>>) {
    let (mut bars, mut points) = (Vec::new(), Vec::new());
    for (stack, below) in stacks.iter().zip(below) {
        let count = layer.of(&stack.counts);
        if count == 0 {
            points.push(None);
            continue;
        }
        let top = *below + real(count) / stack.seconds;
        bars.push([(stack.begins, *below), (stack.ends, top)]);
        let height = panel.pixel((stack.begins, top)).1;
        points.push(Some((height, figures::count(count))));
        *below = top;
    }
    (bars, points)
}

fn alt(timeline: &Timeline<'_>, layers: &[Layer], highest: f64) -> String {
    let total: u64 = layers.iter().map(|layer| layer.total).sum();
    let kinds: Vec<_> = layers
        .iter()
        .map(|layer| format!("{} {}", figures::count(layer.total), layer.name))
        .collect();
    format!(
        "{} failed iterations {}, at most {} per second: {}.",
        figures::count(total),
        over(timeline),
        figures::rate(highest),
        kinds.join(", ")
    )
}
