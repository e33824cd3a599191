//! Charts of a run as SVG, drawn with plotters: each with a sentence for those who do not see it, and
//! the numbers that a pointer reads out.

mod axis;
pub mod colour;
mod compact;
mod distribution;
mod drift;
mod failures;
mod figure;
pub mod forest;
mod generator;
mod heat;
pub mod load;
mod panel;
mod percentiles;
mod plan;
mod spectrum;
mod throughput;
mod timeline;
mod waterfall;

#[cfg(test)]
mod geometry;
#[cfg(test)]
mod sample;

pub use distribution::distribution;
pub use figure::Figure;

use crate::measure::histogram::Times;
use crate::result::dossier::Dossier;
use crate::result::soak::{DriftRow, DriftSummary};
use timeline::Timeline;

/// Every chart that there are data for, in the order of a page: throughput, percentiles over time,
/// heat map, spectrum, faults, users and lag, CPU, and the waterfalls.
pub fn figures(dossier: &Dossier) -> Vec<Figure> {
    let timeline = Timeline::of(&dossier.course);
    let mut figures = Vec::new();
    if let Some(timeline) = &timeline {
        figures.extend(throughput::figure(dossier, timeline));
        figures.extend(percentiles::all(timeline, &dossier.course.journeys()));
        figures.extend(heat::figure(&dossier.course, timeline));
    }
    figures.extend(spectrum::figure(dossier));
    if let Some(timeline) = &timeline {
        figures.extend(failures::figure(&dossier.course, timeline));
        figures.extend(generator::users_and_lag(timeline));
        figures.extend(generator::cpu(timeline));
    }
    figures.extend(waterfall::all(dossier));
    figures
}

/// The percentile spectra of several sets of response times, one over the other, each with its name;
/// none without any time.
pub fn spectra(id: &str, title: &str, series: Vec<(String, Times)>) -> Option<Figure> {
    spectrum::drawn(id, title, series)
}

/// How one figure of a run drifted; none of a row without its stretches.
pub fn drift(drift: &DriftSummary, row: &DriftRow, number: usize) -> Option<Figure> {
    drift::figure(drift, row, number)
}

/// The load that was planned, and thinly over it the load that there was.
pub fn workload(dossier: &Dossier) -> Option<Figure> {
    plan::figure(dossier)
}
