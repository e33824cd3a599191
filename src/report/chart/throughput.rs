//! What was to start each second, and what became of it.

use super::axis::Axis;
use super::colour::{BLUE, ORANGE, RED, SLATE};
use super::figure::{About, Dashes, Figure, Sheet};
use super::panel::Panel;
use super::timeline::{Timeline, Trace, most, over};
use crate::measure::course::{JourneyMoment, Moment};
use crate::report::figures;
use crate::result::dossier::Dossier;
use crate::result::summary::WorkloadModel;
use plotters::style::RGBColor;

/// A way to count iterations, the name of the line, how it is drawn, and whether it is left out
/// when there were none.
struct Counted {
    name: &'static str,
    colour: RGBColor,
    tenths_wide: u32,
    dashes: Dashes,
    is_bad: bool,
    count: fn(&JourneyMoment) -> u64,
}

const COUNTED: &[Counted] = &[
    Counted {
        name: "due",
        colour: SLATE,
        tenths_wide: 15,
        dashes: Dashes::Long,
        is_bad: false,
        count: |journey| journey.due,
    },
    Counted {
        name: "completed",
        colour: BLUE,
        tenths_wide: 20,
        dashes: Dashes::None,
        is_bad: false,
        count: |journey| journey.completed,
    },
    Counted {
        name: "failed",
        colour: RED,
        tenths_wide: 20,
        dashes: Dashes::None,
        is_bad: true,
        count: |journey| journey.faults.total(),
    },
    Counted {
        name: "dropped",
        colour: ORANGE,
        tenths_wide: 15,
        dashes: Dashes::None,
        is_bad: true,
        count: |journey| journey.dropped,
    },
];

/// None of a run in which nothing was due and nothing ended.
pub(super) fn figure(dossier: &Dossier, timeline: &Timeline<'_>) -> Option<Figure> {
    let traces: Vec<Trace> =
        COUNTED.iter().filter_map(|counted| trace(timeline, counted)).collect();
    let peak = most(traces.iter().flat_map(|trace| trace.values.iter().copied()));
    let peak = peak.filter(|peak| *peak > 0.0)?;
    let panel = Panel::filling(300, timeline.axis(), Axis::amount("iterations per second", peak));
    let mut sheet = Sheet::default();
    timeline.shade(&mut sheet, &panel)?;
    sheet.add(&panel.mesh()?);
    timeline.events(&mut sheet, &panel, true)?;
    timeline.lines(&mut sheet, &panel, &traces)?;
    let caption = match dossier.summary.workload_model {
        WorkloadModel::Open => {
            "Arrivals are due on a schedule of their own. Where fewer complete than are due, the \
             tenant does not keep up, or iterations fail."
        }
        WorkloadModel::Closed => {
            "A user starts the next iteration when the one before has ended: a slower tenant gets \
             less load."
        }
    };
    let about = About {
        id: "throughput".to_owned(),
        title: "Throughput".to_owned(),
        alt: alt(timeline, &traces),
        caption: caption.to_owned(),
    };
    Some(sheet.figure(about, panel.sheet, &timeline.readout(&panel, &traces)))
}

fn trace(timeline: &Timeline<'_>, counted: &Counted) -> Option<Trace> {
    let values = timeline.each(|moment: &Moment| moment.per_s(counted.count));
    let is_shown = !counted.is_bad || values.iter().flatten().any(|value| *value > 0.0);
    is_shown.then(|| Trace {
        tenths_wide: counted.tenths_wide,
        dashes: counted.dashes,
        is_filled: counted.name == "completed",
        ..Trace::new(counted.name, counted.colour, values, say_rate)
    })
}

fn alt(timeline: &Timeline<'_>, traces: &[Trace]) -> String {
    let peaks: Vec<_> = traces.iter().filter_map(Trace::peak_said).collect();
    let none = if traces.iter().any(|trace| trace.name == "failed") { "" } else { "; none failed" };
    let events = timeline.events_said();
    format!("Iterations per second {}: {}{none}.{events}", over(timeline), peaks.join(", "))
}

/// A rate, read out.
pub(super) fn say_rate(per_s: f64) -> String {
    format!("{}/s", figures::rate(per_s))
}
