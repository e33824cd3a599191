//! Whether the files of a part hold all that its own summary tells of: a directory may have come incomplete.

use super::check::MergeError;
use crate::measure::series::Kind;
use crate::result::merge::{Source, Told};
use crate::result::run_dir::{INTERVALS, TIMELINE};
use crate::result::summary::{JourneySummary, SERIES_KINDS, Summary};

/// What is counted, how many the files have, and how many the summary.
type Figure = (&'static str, u64, u64);

/// Refuses a part of which something is missing. One that was killed has no summary, and one that was lost tells of
/// what others did since: both are taken as they are.
pub(super) fn check(source: &Source, told: &Told, summary: &Summary) -> Result<(), MergeError> {
    if source.lost_from_ms.is_some() {
        return Ok(());
    }
    let of_lines = lines(told, summary).into_iter();
    let of_windows = windows(told, summary).into_iter();
    let mut all =
        of_lines.map(|figure| (TIMELINE, figure)).chain(of_windows.map(|of| (INTERVALS, of)));
    let Some((name, (what, there, expected))) = all.find(|(_, (_, there, of))| there != of) else {
        return Ok(());
    };
    let path = source.dir.file(name);
    let is_missing = !path.exists();
    let part = source.name.clone();
    Err(MergeError::Incomplete { path, part, is_missing, what, there, expected })
}

fn lines(told: &Told, summary: &Summary) -> Vec<Figure> {
    let part = &told.part;
    let sum = |of: fn(&JourneySummary) -> u64| summary.journeys.iter().map(of).sum();
    vec![
        ("iterations due", part.due, sum(|row| row.due)),
        ("completed iterations", part.completed, sum(|row| row.completed)),
        ("failed iterations", part.failed, sum(|row| row.failed)),
        ("dropped iterations", part.dropped, sum(|row| row.dropped)),
        ("iterations cut off", part.cut_off, sum(|row| row.cut_off)),
        ("lost iterations", part.lost, sum(|row| row.lost)),
        ("milliseconds of measured time", part.measured_ms, milliseconds(summary.measured_s)),
    ]
}

fn windows(told: &Told, summary: &Summary) -> Vec<Figure> {
    let exchanges = summary.steps.iter().map(|row| row.samples).sum();
    let mut figures = vec![("timed exchanges", told.samples.of(Kind::Exchange), exchanges)];
    for kind in SERIES_KINDS {
        let rows = summary.series.iter().filter(|row| row.kind == kind.slug());
        let expected = rows.map(|row| row.samples).sum();
        figures.push((kind.slug(), told.samples.of(*kind), expected));
    }
    let completed = summary.journeys.iter().map(|row| row.completed).sum();
    for (what, kind) in [
        ("response times", Kind::Response),
        ("service times", Kind::Service),
        ("elapsed times", Kind::Elapsed),
    ] {
        figures.push((what, told.samples.of(kind), completed));
    }
    // How many of these there were is in no summary.
    let (mine, theirs) = (&told.part.generator, &summary.generator);
    for (what, there, expected) in [
        ("µs of mean lag of its dispatcher", mine.lag_us, theirs.lag_us),
        ("µs of mean lag of its timers", mine.scheduler_lag_us, theirs.scheduler_lag_us),
    ] {
        figures.extend(expected.map(|of| (what, there.map_or(0, |there| there.mean), of.mean)));
    }
    figures
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
fn milliseconds(seconds: f64) -> u64 {
    (seconds.clamp(0.0, 1e12) * 1000.0).round() as u64
}
