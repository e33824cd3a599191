//! Gander's own drift, and that of its load: what must not be charged to the tenant.

use super::line::Line;
use super::stretch::{CUTS, Frame, Point, groups};
use crate::measure::course::{Course, Moment};
use crate::measure::histogram::{Percentile, Times};
use crate::result::soak::OwnFigure;

/// What is watched, how it is read off a moment, what change over the measured part might matter (a part of
/// the level, and so much in its own unit), and whether it could make a tenant look slower that is not.
///
/// Memory, CPU and lag could. Users at work could not: they follow a tenant that becomes slow. Open sockets
/// could where they grow by more than the users that they are opened for.
type Row = (OwnFigure, fn(&Moment) -> Option<f64>, (f64, f64), bool);

const ROWS: &[Row] = &[
    (OwnFigure::Memory, |moment| moment.rss_bytes.map(real), (0.1, 32e6), true),
    (OwnFigure::Cpu, |moment| moment.cpu_share, (0.1, 0.1), true),
    (OwnFigure::OpenSockets, |moment| moment.open_sockets.map(real), (0.1, 20.0), true),
    (OwnFigure::DispatchLag, |moment| p99(&moment.dispatch_lag), (0.1, 1000.0), true),
    (OwnFigure::TimerLag, |moment| p99(&moment.scheduler_lag), (0.1, 1000.0), true),
    (OwnFigure::Users, |moment| Some(real(moment.users)), (0.1, 1.0), false),
    (OwnFigure::Load, |moment| moment.per_s(|journey| journey.due), (0.05, 0.0), true),
];

/// How one of them moved.
#[derive(Clone, Debug, PartialEq)]
pub struct Own {
    /// Of what.
    pub figure: OwnFigure,
    /// Stretch by stretch.
    pub points: Vec<Point>,
    /// The line through them.
    pub line: Line,
    /// What change over the measured part might matter.
    pub least: f64,
    /// Whether it could make a tenant look slower that is not.
    pub is_cause: bool,
}

/// All that the system tells of.
pub fn all(course: &Course) -> Vec<Own> {
    let moments: Vec<&Moment> = course.moments().map(|(_, moment)| moment).collect();
    let first = moments.iter().position(|moment| moment.measured_ms > 0).unwrap_or(0);
    let last = moments.iter().rposition(|moment| moment.measured_ms > 0).map_or(0, |last| last + 1);
    let moments = moments.get(first..last).unwrap_or_default();
    let start_ms = first as u64 * course.width_ms();
    let frame = Frame::even(start_ms, course.width_ms(), moments.len());
    let read = |(figure, read, least, is_cause): &Row| {
        let points = points(moments, &frame, *read);
        let line = Line::through(&points, 0.0)?;
        let least = (line.level.abs() * least.0).max(least.1);
        Some(Own { figure: *figure, points, line, least, is_cause: *is_cause })
    };
    ROWS.iter().filter_map(read).collect()
}

/// The mean of what the moments of each stretch tell.
fn points(moments: &[&Moment], frame: &Frame, read: fn(&Moment) -> Option<f64>) -> Vec<Point> {
    let measured_ms: Vec<u64> = moments.iter().map(|moment| moment.measured_ms).collect();
    let point = |group: super::stretch::Group| {
        let values: Vec<f64> =
            moments[group.places.clone()].iter().filter_map(|moment| read(moment)).collect();
        #[expect(clippy::cast_precision_loss, reason = "a few moments")]
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let is_told = !values.is_empty() && mean.is_finite();
        is_told.then_some(Point { at_s: group.at_s, value: mean, segment: group.segment })
    };
    groups(&measured_ms, frame, CUTS[0]).into_iter().filter_map(point).collect()
}

fn p99(times: &Times) -> Option<f64> {
    times.at(Percentile::P99).map(real)
}

#[expect(clippy::cast_precision_loss, reason = "readings are below 2^52")]
fn real(number: u64) -> f64 {
    number as f64
}

/// The rank correlation of two series where they were at the same time (Spearman, *The proof and measurement of
/// association between two things*, American Journal of Psychology 15 (1904) 72–101): −1 to 1, 0 of too few.
pub fn together(one: &[Point], other: &[Point]) -> f64 {
    let nearest = |point: &Point| {
        let distance = |of: &&Point| (of.at_s - point.at_s).abs();
        other.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).map(|found| found.value)
    };
    let pairs: Vec<(f64, f64)> =
        one.iter().filter_map(|point| Some((point.value, nearest(point)?))).collect();
    if pairs.len() < 8 {
        return 0.0;
    }
    let ranked = |of: fn(&(f64, f64)) -> f64| {
        let values: Vec<f64> = pairs.iter().map(of).collect();
        #[expect(clippy::cast_precision_loss, reason = "a few dozen points")]
        let rank = |value: &f64| {
            let below = values.iter().filter(|other| *other < value).count() as f64;
            let equal = values.iter().filter(|other| *other == value).count() as f64;
            2.0 * below + equal - values.len() as f64
        };
        values.iter().map(rank).collect::<Vec<f64>>()
    };
    let (a, b) = (ranked(|pair| pair.0), ranked(|pair| pair.1));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let spread = (dot(&a, &a) * dot(&b, &b)).sqrt();
    if spread > 0.0 { dot(&a, &b) / spread } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::timeline::{Line as Told, Readings};

    fn course(rss_mb: impl Fn(u64) -> u64) -> Course {
        let mut course = Course::default();
        for second in 0..200 {
            course.absorb_line(&Told {
                interval: second,
                start_ms: second * 1000,
                end_ms: second * 1000 + 1000,
                measured_ms: if second < 20 { 0 } else { 1000 },
                readings: Readings {
                    rss_bytes: Some(rss_mb(second) << 20),
                    cpu_share: Some(0.2),
                    ..Readings::default()
                },
                ..Told::default()
            });
        }
        course
    }

    fn of(found: &[Own], figure: OwnFigure) -> &Own {
        found.iter().find(|own| own.figure == figure).unwrap()
    }

    #[test]
    fn memory_that_grows_is_seen_and_the_warm_up_is_not() {
        let found = all(&course(|second| if second < 20 { 5000 } else { 100 + second }));
        let memory = of(&found, OwnFigure::Memory);
        assert_eq!(memory.points.len(), 60);
        assert!((memory.line.per_s - 1_048_576.0).abs() < 1.0, "{memory:?}");
        assert!(memory.line.per_s * 180.0 > memory.least);
        let cpu = of(&found, OwnFigure::Cpu);
        assert_eq!((cpu.line.per_s, cpu.least), (0.0, 0.1));
        // What the system does not tell of is not there.
        assert!(found.iter().all(|own| own.figure != OwnFigure::OpenSockets));
    }

    #[test]
    fn nothing_measured_is_nothing_seen() {
        assert_eq!(all(&Course::default()), []);
    }

    #[test]
    fn series_that_move_alike_are_together_and_others_are_not() {
        let points = |value: fn(u32) -> f64| {
            (0..40).map(|n| Point { at_s: f64::from(n), value: value(n), segment: 0 }).collect()
        };
        let (rising, falling): (Vec<_>, Vec<_>) =
            (points(|n| f64::from(n).exp()), points(|n| -f64::from(n)));
        let there_and_back = points(|n| f64::from(n.min(39 - n)));
        assert!((together(&rising, &rising) - 1.0).abs() < 1e-12);
        assert!((together(&rising, &falling) + 1.0).abs() < 1e-12);
        assert!(together(&rising, &there_and_back).abs() < 0.1);
        assert_eq!(together(&rising[..7], &rising), 0.0);
    }
}
