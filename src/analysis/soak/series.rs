//! What is looked at of a run: every figure of every row, and every rule that may come to be broken.

use super::found::CONFIDENCE;
use super::jump::{Jump, jumps};
use super::line::{Line, median};
use super::stretch::{Point, Ribbon, fewest};
use crate::analysis::rule::{Metric, Rule};
use crate::base::names::{Capability, Journey, Variant};
use crate::measure::histogram::Percentile;
use crate::measure::windows::{Track, Windows};
use crate::result::soak::Figure;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// A change of less than this part of the level over the measured part is not called one.
pub const LEAST_SHARE: f64 = 0.05;

/// Nor is one of an error share by less than this: a tenth of a percentage point.
const LEAST_ERROR_SHARE: f64 = 0.001;

/// With fewer stretches a series is not looked at.
const FEWEST_STRETCHES: usize = 12;

/// Times are known to a thousandth of themselves; this is the standard deviation of one evenly spread.
const RESOLUTION: f64 = 0.000_289;

/// What is looked at of each row.
const FIGURES: &[(Figure, Metric)] = &[
    (Figure::P50, Metric::Percentile(Percentile::P50)),
    (Figure::P95, Metric::Percentile(Percentile::P95)),
    (Figure::P99, Metric::Percentile(Percentile::P99)),
    (Figure::ErrorShare, Metric::Faults),
    (Figure::CompletedRate, Metric::CompletedRate),
];

/// What a series is of.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A figure of a row of the report.
    Row(Key, Figure),
    /// What a rule is about.
    Rule(Rule),
}

/// A journey, or a row of capabilities.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Key {
    /// Iterations.
    Journey(Variant, Journey),
    /// Exchanges, by capability, event and action.
    Capability(Variant, Capability, Arc<str>, Arc<str>),
}

impl Key {
    /// The row that a track belongs to.
    pub fn of(track: &Track) -> Self {
        match track {
            Track::Iterations { variant, journey } => {
                Self::Journey(variant.clone(), journey.clone())
            }
            Track::Exchanges { variant, capability, event, action, .. } => Self::Capability(
                variant.clone(),
                capability.clone(),
                Arc::clone(event),
                Arc::clone(action),
            ),
        }
    }
}

/// One figure over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is of.
    pub subject: Subject,
    /// What is looked at.
    pub metric: Metric,
    /// The stretches; those with a gap or a jump between them are of different segments.
    pub points: Vec<Point>,
    /// What change over the measured part is one.
    pub least: f64,
    /// Its jumps.
    pub jumps: Vec<Jump>,
    /// The line through it, jumps left out.
    pub line: Option<Line>,
}

impl Series {
    fn of(
        subject: Subject,
        metric: Metric,
        ribbon: &Ribbon,
        reply_timeout: Duration,
    ) -> Option<Self> {
        let points = ribbon.points(metric, reply_timeout, fewest(metric));
        let mut values: Vec<f64> = points.iter().map(|point| point.value).collect();
        let level = median(&mut values);
        let least = match metric {
            Metric::Faults | Metric::Fault(_) => (level * LEAST_SHARE).max(LEAST_ERROR_SHARE),
            _ => level * LEAST_SHARE,
        };
        let is_enough = points.len() >= FEWEST_STRETCHES;
        is_enough.then_some(Self { subject, metric, points, least, jumps: Vec::new(), line: None })
    }

    /// Looks for jumps of such significance, and draws the line beside them.
    pub fn look(&mut self, significance: f64) {
        self.jumps = jumps(&self.points, self.least, significance);
        for jump in &self.jumps {
            self.points[jump.place..].iter_mut().for_each(|point| point.segment += 1);
        }
        let is_time = matches!(self.metric, Metric::Percentile(_));
        let mut values: Vec<f64> = self.points.iter().map(|point| point.value).collect();
        let resolution = if is_time { median(&mut values) * RESOLUTION } else { 0.0 };
        self.line = Line::through(&self.points, resolution);
    }

    /// Whether it is as much of a change as is to be called one, over so long.
    pub fn is_enough(&self, line: &Line, measured_s: f64) -> bool {
        (line.per_s * measured_s).abs() >= self.least
    }

    /// Whether as much of a change is ruled out: all of the slope's interval, of this series alone, is less.
    pub fn is_steady(&self, line: &Line, measured_s: f64) -> bool {
        let is_less = |end: f64| (end * measured_s).abs() < self.least;
        line.interval(CONFIDENCE).is_some_and(|(low, high)| is_less(low) && is_less(high))
    }

    /// The tracks that it is of.
    pub fn has(&self, track: &Track) -> bool {
        match &self.subject {
            Subject::Row(key, _) => Key::of(track) == *key,
            Subject::Rule(rule) => rule.scope.has(track),
        }
    }
}

/// Every row and every rule of a run that there is enough of, in the order of a report.
pub fn all(windows: &Windows, rules: &[Rule], reply_timeout: Duration) -> Vec<Series> {
    let keys: BTreeSet<Key> = windows.tracks().map(Key::of).collect();
    let mut found = Vec::new();
    for key in keys {
        let ribbon = Ribbon::of(windows, |track| Key::of(track) == key);
        let figure = |(figure, metric): &(Figure, Metric)| {
            Series::of(Subject::Row(key.clone(), *figure), *metric, &ribbon, reply_timeout)
        };
        found.extend(FIGURES.iter().filter_map(figure));
    }
    let rules = rules.iter().filter_map(|rule| {
        let ribbon = Ribbon::of(windows, |track| rule.scope.has(track));
        Series::of(Subject::Rule(rule.clone()), rule.metric, &ribbon, reply_timeout)
    });
    found.extend(rules);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::{Seed, unit};

    /// Two minutes in which a p95 of 200 ms wanders by so much at most.
    fn wandering(by: f64) -> (Series, Line) {
        let mut random = Seed(7).stream("wandering", 0);
        let point = |place: u32| Point {
            at_s: f64::from(place) * 2.0,
            value: 200_000.0 * (1.0 + by * (unit(&mut random) - 0.5)),
            segment: 0,
        };
        let key = Key::Journey("v1".into(), "sign-on".into());
        let mut series = Series {
            subject: Subject::Row(key, Figure::P95),
            metric: Metric::Percentile(Percentile::P95),
            points: (0..60).map(point).collect(),
            least: 200_000.0 * LEAST_SHARE,
            jumps: Vec::new(),
            line: None,
        };
        series.look(0.0);
        let line = series.line.clone().unwrap();
        (series, line)
    }

    #[test]
    fn only_what_is_known_well_enough_is_steady() {
        let (quiet, line) = wandering(0.02);
        assert!(quiet.is_steady(&line, 120.0), "{line:?}");
        let (loud, line) = wandering(1.0);
        assert!(!loud.is_steady(&line, 120.0), "{line:?}");
        // Known to have moved, by more than counts.
        let grown = Line { per_s: quiet.least / 60.0, ..quiet.line.clone().unwrap() };
        assert!(!quiet.is_steady(&grown, 120.0));
        let unknown = Line { error_per_s: None, ..grown };
        assert!(!quiet.is_steady(&unknown, 120.0));
    }
}
