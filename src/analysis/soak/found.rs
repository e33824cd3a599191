//! What a run shows of slow and sudden change, when all that was looked at is taken together.

use super::line::Line;
use super::own::{self, Own, together};
use super::project::projection;
use super::series::{self, Key, LEAST_SHARE, Series, Subject};
use super::stretch::{CUTS, Frame, Point, Ribbon, gaps};
use crate::analysis::rule::Rule;
use crate::analysis::statistics::holm;
use crate::base::clock::Utc;
use crate::measure::course::Course;
use crate::measure::timeline::Event;
use crate::measure::windows::{Track, Windows};
use crate::result::soak::{
    DriftRow, DriftSummary, Figure, Finding, Gap, JumpSummary, OwnDrift, OwnFigure, RowKind, Slope,
};
use std::time::{Duration, SystemTime};

/// With less measured than this there is no soak.
pub const SHORTEST: Duration = Duration::from_secs(60);

/// Most windows that it takes: stretches enough, and several in each to say when something jumped.
pub const MOST_WINDOWS: usize = 240;

/// How often, at most, a run without any change has a series that is said to drift…
const SIGNIFICANCE: f64 = 0.04;

/// … and how often one that is said to jump. Together one run of twenty.
const SIGNIFICANCE_OF_JUMPS: f64 = 0.01;

/// How much alike a row and gander's own figure move that are said to coincide.
const ALIKE: f64 = 0.5;

/// The confidence of intervals.
pub(super) const CONFIDENCE: f64 = 0.95;

/// Most rows whose stretches are kept for a drawing.
const MOST_DRAWN: usize = 12;

/// What it is told from.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'g> {
    /// The run window by window, with the times of all series.
    pub windows: &'g Windows,
    /// The same moment by moment, with what gander read off itself.
    pub course: &'g Course,
    /// The rules that it is judged by: when will they be broken?
    pub rules: &'g [Rule],
    /// What is slower than any limit was waited for at most so long.
    pub reply_timeout: Duration,
    /// When it started, in milliseconds since 1970.
    pub started_unix_ms: u64,
}

impl Ground<'_> {
    /// A moment of the run as a time stamp.
    pub(super) fn stamp(&self, at_s: f64) -> String {
        let started = SystemTime::UNIX_EPOCH + Duration::from_millis(self.started_unix_ms);
        let after = Duration::try_from_secs_f64(at_s.max(0.0)).unwrap_or_default();
        Utc::of(started.checked_add(after).unwrap_or(started)).stamp()
    }
}

/// Everything that a run shows. None of one that is too short, or has too little to look at.
pub fn find(on: &Ground<'_>) -> Option<DriftSummary> {
    let measured_ms: Vec<u64> =
        on.windows.cells(|_| false).iter().map(|cell| cell.measured_ms).collect();
    let measured_s = seconds(measured_ms.iter().sum());
    if measured_s < SHORTEST.as_secs_f64() {
        return None;
    }
    let mut series = series::all(on.windows, on.rules, on.reply_timeout);
    if series.is_empty() {
        return None;
    }
    let claims = f64::from(u32::try_from(series.len()).unwrap_or(u32::MAX));
    series.iter_mut().for_each(|series| series.look(SIGNIFICANCE_OF_JUMPS / claims));
    let values: Vec<f64> =
        series.iter().map(|series| series.line.as_ref().map_or(1.0, Line::p)).collect();
    let values = holm::corrected(&values);
    let own = own::all(on.course);
    let generator = of_itself(&own, measured_s);
    let frame = Frame::of(on.windows);
    let mut found = DriftSummary {
        measured_s,
        least_share: LEAST_SHARE,
        series: series.len() as u64,
        gaps: gaps(&measured_ms, &frame, CUTS[0])
            .into_iter()
            .map(|(from_s, to_s)| Gap { from_s, to_s })
            .collect(),
        rows: Vec::new(),
        generator,
        projections: Vec::new(),
    };
    for (series, p) in series.iter().zip(values) {
        let Some(line) = &series.line else { continue };
        let is_shown = is_shown(line, p) && series.is_enough(line, measured_s);
        match &series.subject {
            Subject::Row(key, figure) => {
                let told = Told { on, series, line, p, measured_s, is_shown };
                found.rows.push(told.row(key, *figure, (&own, &found.generator)));
            }
            Subject::Rule(rule) if is_shown => {
                found.projections.extend(projection(on, rule, series, (line, measured_s)));
            }
            Subject::Rule(_) => {}
        }
    }
    let drawn = found.rows.iter_mut().filter(|row| !row.points.is_empty());
    drawn.skip(MOST_DRAWN).for_each(|row| row.points.clear());
    Some(found)
}

/// Whether chance is ruled out: among all series by the slope's own error, and for itself by the order of the
/// stretches, which no single one of them can make.
fn is_shown(line: &Line, p: f64) -> bool {
    p <= SIGNIFICANCE && line.mann_kendall_p <= 1.0 - CONFIDENCE
}

fn of_itself(own: &[Own], measured_s: f64) -> Vec<OwnDrift> {
    let values: Vec<f64> = own.iter().map(|own| own.line.p()).collect();
    let told = |(own, p): (&Own, f64)| OwnDrift {
        figure: own.figure,
        drifts: is_shown(&own.line, p) && (own.line.per_s * measured_s).abs() >= own.least,
        slope: slope(&own.line, p, (measured_s, &own.points)),
    };
    let mut told: Vec<OwnDrift> = own.iter().zip(holm::corrected(&values)).map(told).collect();
    let grown = |told: &[OwnDrift], figure| {
        let own = told.iter().find(|own| own.figure == figure && own.drifts);
        own.and_then(|own| own.slope.grown_share).unwrap_or(0.0)
    };
    // Sockets that are opened for users who are kept waiting are the tenant's doing.
    let beyond = grown(&told, OwnFigure::OpenSockets) - grown(&told, OwnFigure::Users);
    if let Some(sockets) = told.iter_mut().find(|own| own.figure == OwnFigure::OpenSockets) {
        sockets.drifts &= beyond.abs() >= 0.1;
    }
    told
}

fn slope(line: &Line, p: f64, (measured_s, points): (f64, &[Point])) -> Slope {
    const HOUR_S: f64 = 3600.0;
    let interval =
        line.interval(CONFIDENCE).filter(|(low, high)| low.is_finite() && high.is_finite());
    let ends_s = points.last().map_or(0.0, |point| point.at_s);
    let (newest_s, newest) = line.newest;
    Slope {
        level: line.level,
        per_h: line.per_s * HOUR_S,
        low_per_h: interval.map(|(low, _)| low * HOUR_S),
        high_per_h: interval.map(|(_, high)| high * HOUR_S),
        grown_share: (line.level > 0.0).then(|| line.per_s * measured_s / line.level),
        p,
        mann_kendall_p: line.mann_kendall_p,
        stretches: line.points as u64,
        ends: (ends_s, newest + line.per_s * (ends_s - newest_s)),
    }
}

/// A row on its way into the summary.
struct Told<'t> {
    on: &'t Ground<'t>,
    series: &'t Series,
    line: &'t Line,
    p: f64,
    measured_s: f64,
    is_shown: bool,
}

impl Told<'_> {
    fn row(&self, key: &Key, figure: Figure, own: (&[Own], &[OwnDrift])) -> DriftRow {
        let changed = self.is_shown || !self.series.jumps.is_empty();
        let coincides_with = if changed { self.coincides(figure, own) } else { Vec::new() };
        let is_steady = || self.series.is_steady(self.line, self.measured_s);
        let finding = match (changed, coincides_with.is_empty()) {
            (false, _) if is_steady() => Finding::Steady,
            (false, _) => Finding::NotTold,
            (true, true) => Finding::Drifts,
            (true, false) => Finding::Coincides,
        };
        let points = self.series.points.iter().map(|point| (point.at_s, point.value));
        let (of, variant, name, event, action) = match key {
            Key::Journey(variant, journey) => {
                (RowKind::Journey, variant, journey.to_string(), "", "")
            }
            Key::Capability(variant, capability, event, action) => {
                (RowKind::Capability, variant, capability.to_string(), &**event, &**action)
            }
        };
        DriftRow {
            of,
            variant: variant.clone(),
            name,
            event: event.to_owned(),
            action: action.to_owned(),
            figure,
            finding,
            slope: slope(self.line, self.p, (self.measured_s, &self.series.points)),
            jumps: self.jumps(),
            coincides_with,
            points: if changed { points.collect() } else { Vec::new() },
        }
    }

    /// What of gander itself drifts, could be a cause, and moves like this row. Completed iterations follow
    /// the load and nothing else of gander's.
    fn coincides(&self, figure: Figure, (own, drifts): (&[Own], &[OwnDrift])) -> Vec<OwnFigure> {
        let moves_alike = |(own, found): &(&Own, &OwnDrift)| {
            let concerns = figure != Figure::CompletedRate || own.figure == OwnFigure::Load;
            let alike = || together(&self.series.points, &own.points).abs() >= ALIKE;
            found.drifts && own.is_cause && concerns && alike()
        };
        own.iter().zip(drifts).filter(moves_alike).map(|(own, _)| own.figure).collect()
    }

    fn jumps(&self) -> Vec<JumpSummary> {
        if self.series.jumps.is_empty() {
            return Vec::new();
        }
        let ribbon = Ribbon::of(self.on.windows, |track: &Track| self.series.has(track));
        let points = &self.series.points;
        let told = self.series.jumps.iter().map(|jump| {
            let (before, after) = (points[jump.place - 1], points[jump.place]);
            let middle_s = f64::midpoint(before.at_s, after.at_s);
            let levels = levels(points, jump.place);
            let span_s = before.at_s..after.at_s;
            let fine = ribbon.fine(self.series.metric, self.on.reply_timeout, span_s);
            let width_s = seconds(self.on.windows.width_ms());
            let (at_s, within_s) = match turning(&fine, levels) {
                Some(at_s) => (at_s, width_s),
                None => (middle_s, (after.at_s - before.at_s) / 2.0),
            };
            JumpSummary {
                at: self.on.stamp(at_s),
                at_s,
                within_s,
                from: levels.0,
                to: levels.1,
                p: jump.p,
                beside: self.beside(at_s, within_s),
            }
        });
        told.collect()
    }

    /// The event nearest to a moment, if any is so near that it may have to do with it.
    fn beside(&self, at_s: f64, within_s: f64) -> Option<String> {
        let away = |event: &Event| (seconds(event.at_ms) - at_s).abs();
        let near = self.on.course.events().filter(|event| away(event) <= 2.0 * within_s.max(1.0));
        near.min_by(|a, b| away(a).total_cmp(&away(b))).map(|event| event.text.clone())
    }
}

/// The levels to both sides of a jump: of the five stretches next to it, as far as they are of its segment.
fn levels(points: &[Point], place: usize) -> (f64, f64) {
    let of = |part: &[Point], segment: usize| {
        let mut values: Vec<f64> =
            part.iter().filter(|point| point.segment == segment).map(|point| point.value).collect();
        super::line::median(&mut values)
    };
    let before = &points[place.saturating_sub(5)..place];
    let after = &points[place..(place + 5).min(points.len())];
    (of(before, points[place - 1].segment), of(after, points[place].segment))
}

/// Where windows turn from one level to the other: the start of the first that belongs to the later one, so
/// that what they are off by in sum is least. None without any.
fn turning(fine: &[(f64, f64)], (before, after): (f64, f64)) -> Option<f64> {
    let off = |turn: usize| {
        let (early, late) = fine.split_at(turn);
        let early: f64 = early.iter().map(|(_, value)| (value - before).abs()).sum();
        let late: f64 = late.iter().map(|(_, value)| (value - after).abs()).sum();
        early + late
    };
    let turn = (0..fine.len()).min_by(|a, b| off(*a).total_cmp(&off(*b)))?;
    fine.get(turn).map(|(start_s, _)| *start_s)
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}
