//! A run cut into stretches of equal length by the clock: what slopes are drawn through.

use crate::analysis::rule::Metric;
use crate::measure::histogram::Judged;
use crate::measure::sample::micros;
use crate::measure::tally::share;
use crate::measure::windows::{Cell, Track, Windows};
use std::ops::Range;
use std::time::Duration;

/// A stretch with fewer samples says nothing of a percentile; of a rare one it takes one sample beyond it.
pub const FEWEST_SAMPLES: u64 = 20;

/// A count smaller than this, on average, is mostly chance: stretches are longer then.
const FEWEST_COUNTED: u64 = 5;

/// Into how many stretches of equal length a run is cut; the first that leaves most of them with samples
/// enough. More than these would tell no more: there are 1770 pairs of 60.
pub const CUTS: &[usize] = &[60, 30, 15, 8];

/// Where cells lie on the clock of the run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// Start of each, from the start of the run.
    starts_ms: Vec<u64>,
    /// Length of each.
    width_ms: u64,
}

impl Frame {
    /// Of the measured windows of a run.
    pub fn of(windows: &Windows) -> Self {
        let starts_ms = windows.measured().map(|place| windows.begins_ms(place)).collect();
        Self { starts_ms, width_ms: windows.width_ms() }
    }

    /// Of so many cells, one after the other.
    pub fn even(start_ms: u64, width_ms: u64, cells: usize) -> Self {
        let starts_ms = (0..cells as u64).map(|cell| start_ms + cell * width_ms).collect();
        Self { starts_ms, width_ms }
    }

    fn start_ms(&self, place: usize) -> u64 {
        self.starts_ms.get(place).copied().unwrap_or(0)
    }

    /// The middle of a cell, in seconds from the start of the run.
    pub fn middle_s(&self, place: usize) -> f64 {
        self.start_s(place) + seconds(self.width_ms) / 2.0
    }

    /// Where a cell begins, in seconds from the start of the run.
    pub fn start_s(&self, place: usize) -> f64 {
        seconds(self.start_ms(place))
    }
}

/// Neighbouring cells taken together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Which cells.
    pub places: Range<usize>,
    /// The middle of what is measured of them, in seconds of the clock from the start of the run.
    pub at_s: f64,
    /// In which part of the run: between two parts lies a gap as long as a stretch, or longer.
    pub segment: usize,
}

/// Cuts cells of which so much is measured into at most `cut` groups, and a few more where the run has gaps,
/// which no group spans. One that is measured for less than half of its length is none.
pub fn groups(measured_ms: &[u64], frame: &Frame, cut: usize) -> Vec<Group> {
    let length = length(measured_ms, cut);
    let mut found = Vec::new();
    for (segment, part) in parts(measured_ms, frame, length).into_iter().enumerate() {
        let mut from = part.start;
        while from < part.end {
            let places = from..(from + length).min(part.end);
            from = places.end;
            let measured: u64 = measured_ms[places.clone()].iter().sum();
            if measured * 2 >= length as u64 * frame.width_ms && measured > 0 {
                let moments = places
                    .clone()
                    .map(|place| frame.middle_s(place) * share(measured_ms[place], measured));
                found.push(Group { at_s: moments.sum(), places, segment });
            }
        }
    }
    found
}

/// How many cells a stretch has.
fn length(measured_ms: &[u64], cut: usize) -> usize {
    let measured = measured_ms.iter().filter(|measured_ms| **measured_ms > 0).count();
    measured.div_ceil(cut.max(1)).max(1)
}

/// The parts of a run between its gaps: as long as a stretch by the clock without measured time, or longer.
fn parts(measured_ms: &[u64], frame: &Frame, length: usize) -> Vec<Range<usize>> {
    let longest_ms = length as u64 * frame.width_ms;
    let mut parts: Vec<Range<usize>> = Vec::new();
    for place in (0..measured_ms.len()).filter(|place| measured_ms[*place] > 0) {
        let since = |part: &Range<usize>| frame.start_ms(place) - frame.start_ms(part.end - 1);
        match parts.last_mut() {
            Some(part) if since(part) < longest_ms + frame.width_ms => part.end = place + 1,
            _ => parts.push(place..place + 1),
        }
    }
    parts
}

/// The gaps of a run that is cut so, from when to when, in seconds from its start.
pub fn gaps(measured_ms: &[u64], frame: &Frame, cut: usize) -> Vec<(f64, f64)> {
    let parts = parts(measured_ms, frame, length(measured_ms, cut));
    let ends_s = |part: &Range<usize>| frame.start_s(part.end - 1) + seconds(frame.width_ms);
    parts.windows(2).map(|pair| (ends_s(&pair[0]), frame.start_s(pair[1].start))).collect()
}

/// A value and when it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Seconds of the clock, from the start of the run.
    pub at_s: f64,
    /// The value.
    pub value: f64,
    /// Points with a gap or a jump between them are of different segments.
    pub segment: usize,
}

/// Some tracks of a run, cut into stretches in every way there is.
#[derive(Clone, Debug)]
pub struct Ribbon {
    frame: Frame,
    cells: Vec<Cell>,
    is_of_exchanges: bool,
    cuts: Vec<Vec<(Group, Cell)>>,
}

impl Ribbon {
    /// Of the tracks of one's choice; those of exchanges are never chosen together with those of iterations.
    pub fn of(windows: &Windows, chosen: impl Fn(&Track) -> bool) -> Self {
        let is_of_exchanges =
            windows.tracks().any(|track| chosen(track) && matches!(track, Track::Exchanges { .. }));
        Self::new(windows.cells(chosen), Frame::of(windows), is_of_exchanges)
    }

    /// Of cells in order.
    pub fn new(cells: Vec<Cell>, frame: Frame, is_of_exchanges: bool) -> Self {
        let measured_ms: Vec<u64> = cells.iter().map(|cell| cell.measured_ms).collect();
        let summed = |group: Group| {
            let mut sum = cells[group.places.start].clone();
            cells[group.places.clone()].iter().skip(1).for_each(|cell| sum.append(cell));
            (group, sum)
        };
        let cut =
            |cut: &usize| groups(&measured_ms, &frame, *cut).into_iter().map(summed).collect();
        let cuts = CUTS.iter().map(cut).collect();
        Self { frame, cells, is_of_exchanges, cuts }
    }

    /// Measured time of all of it.
    pub fn measured_s(&self) -> f64 {
        seconds(self.cells.iter().map(|cell| cell.measured_ms).sum())
    }

    /// Whether anything was seen at all.
    pub fn is_empty(&self) -> bool {
        self.cells.iter().all(|cell| cell.pool.good.count() + cell.pool.beyond == 0)
    }

    /// A metric stretch by stretch, in order: in the way of cutting that gives most of them, the coarsest
    /// of equals. A percentile that falls on a time-out is as slow as what was waited for.
    pub fn points(&self, metric: Metric, reply_timeout: Duration, fewest: u64) -> Vec<Point> {
        let read = |cut: &Vec<(Group, Cell)>| {
            let counted =
                cut.iter().map(|(_, cell)| self.counted(metric, cell)).sum::<Option<u64>>();
            if counted.is_some_and(|counted| counted < FEWEST_COUNTED * cut.len() as u64) {
                return Vec::new();
            }
            let point = |(group, cell): &(Group, Cell)| {
                let value = self.value(metric, cell, reply_timeout, fewest)?;
                Some(Point { at_s: group.at_s, value, segment: group.segment })
            };
            cut.iter().filter_map(point).collect::<Vec<_>>()
        };
        // Of equals the last, whose stretches are longer.
        self.cuts.iter().map(read).max_by_key(Vec::len).unwrap_or_default()
    }

    /// A metric cell by cell, with the start of each, between two moments of the run.
    pub fn fine(
        &self,
        metric: Metric,
        reply_timeout: Duration,
        span_s: Range<f64>,
    ) -> Vec<(f64, f64)> {
        let within = |place: &usize| span_s.contains(&self.frame.middle_s(*place));
        let places = (0..self.cells.len()).filter(within);
        let value = |place: usize| {
            let cell = self.cells.get(place).filter(|cell| cell.measured_ms > 0)?;
            Some((self.frame.start_s(place), self.value(metric, cell, reply_timeout, 1)?))
        };
        places.filter_map(value).collect()
    }

    /// Of what is counted and not timed, how many; none for a time.
    fn counted(&self, metric: Metric, cell: &Cell) -> Option<u64> {
        match metric {
            Metric::Faults => Some(cell.pool.faults.total()),
            Metric::Fault(fault) => {
                let of = cell.pool.faults.iter().find(|(found, _)| *found == fault);
                Some(of.map_or(0, |(_, number)| number))
            }
            Metric::CompletedRate if self.is_of_exchanges => Some(cell.pool.good.count()),
            Metric::CompletedRate => Some(cell.completed_in_time_m / 1000),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "times are below 2^52")]
    fn value(&self, metric: Metric, cell: &Cell, timeout: Duration, fewest: u64) -> Option<f64> {
        let pool = &cell.pool;
        match metric {
            Metric::Percentile(percentile) => {
                let events = pool.good.count() + pool.beyond;
                (events >= fewest.max(1)).then(|| match pool.judged(percentile) {
                    Some(Judged::Within(time_us)) => time_us.max(1) as f64,
                    _ => micros(timeout).max(pool.good.max_us()).max(1) as f64,
                })
            }
            Metric::CompletedRate if self.is_of_exchanges => {
                (cell.measured_ms > 0).then(|| share(pool.good.count() * 1000, cell.measured_ms))
            }
            Metric::Faults | Metric::Fault(_) if pool.samples() < fewest => None,
            Metric::Faults | Metric::Fault(_) | Metric::CompletedRate => {
                metric.of(cell, timeout).map(super::super::observed::Observed::value)
            }
            _ => None,
        }
    }
}

/// How many samples a stretch needs for a metric: 20, or as many as one beyond the percentile takes.
pub fn fewest(metric: Metric) -> u64 {
    match metric {
        Metric::Percentile(percentile) => {
            FEWEST_SAMPLES.max(100_000_u64.div_ceil(percentile.beyond_thousandths().max(1)))
        }
        _ => FEWEST_SAMPLES,
    }
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::super::super::lab::{Second, fine, run};
    use super::*;
    use crate::measure::histogram::Percentile;

    const TIMEOUT: Duration = Duration::from_secs(30);
    const P95: Metric = Metric::Percentile(Percentile::P95);

    #[test]
    fn a_gap_belongs_to_no_stretch_and_parts_the_run() {
        let mut measured_ms = vec![1000; 120];
        measured_ms[31..71].fill(0);
        let frame = Frame::even(10_000, 1000, 120);
        let found = groups(&measured_ms, &frame, 60);
        assert!(found.iter().all(|group| group.places.end <= 31 || group.places.start >= 71));
        assert_eq!(found.iter().filter(|group| group.segment == 0).count(), 16);
        assert_eq!(found.iter().filter(|group| group.segment == 1).count(), 25);
        assert_eq!(gaps(&measured_ms, &frame, 60), [(41.0, 81.0)]);
        // By the clock: forty seconds lie between, and the warm-up before.
        assert_eq!((found[0].at_s, found[16].at_s), (11.0, 82.0));
    }

    #[test]
    fn windows_that_are_neighbours_although_hours_lie_between_are_told_apart_by_the_clock() {
        let starts_ms = (0..60).chain(3600..3660).map(|second| second * 1000).collect();
        let frame = Frame { starts_ms, width_ms: 1000 };
        let found = groups(&[1000; 120], &frame, 60);
        assert_eq!((found.len(), found[29].segment, found[30].segment), (60, 0, 1));
        assert_eq!((found[29].at_s, found[30].at_s), (59.0, 3601.0));
        assert_eq!(gaps(&[1000; 120], &frame, 60), [(60.0, 3600.0)]);
    }

    #[test]
    fn a_hole_shorter_than_a_stretch_is_no_gap() {
        let mut measured_ms = vec![1000; 240];
        let frame = Frame::even(10_000, 1000, 240);
        // A machine that stood still for three seconds: one long interval, told in its middle.
        measured_ms[40..43].copy_from_slice(&[0, 3000, 0]);
        assert!(gaps(&measured_ms, &frame, 60).is_empty());
        assert_eq!(groups(&measured_ms, &frame, 60).len(), 60);
        // What is measured for less than half its length is no stretch.
        measured_ms[40..44].copy_from_slice(&[300, 500, 400, 700]);
        assert_eq!(groups(&measured_ms, &frame, 60).len(), 59);
        assert!(groups(&[], &frame, 60).is_empty());
    }

    fn ribbon(seconds: &[Second]) -> Ribbon {
        let (_, windows) = run(seconds, 1000);
        Ribbon::of(&windows, |track| matches!(track, Track::Iterations { .. }))
    }

    #[test]
    fn few_samples_make_longer_stretches_and_too_few_none() {
        // 20 samples need five seconds: of 60 and 30 stretches each is too short, of 15 none.
        let thin = ribbon(&[fine(4, 1_000_000); 120]);
        assert_eq!(thin.points(P95, TIMEOUT, 20).len(), 15);
        assert_eq!(ribbon(&[fine(4, 1_000_000); 30]).points(P95, TIMEOUT, 20).len(), 0);
        // One of a hundred: a p99 needs stretches of so many.
        let p99 = Metric::Percentile(Percentile::P99);
        assert_eq!((fewest(P95), fewest(p99)), (20, 100));
        assert_eq!(ribbon(&[fine(50, 1_000_000); 120]).points(p99, TIMEOUT, 100).len(), 60);
        assert_eq!(ribbon(&[fine(20, 1_000_000); 120]).points(p99, TIMEOUT, 100).len(), 15);
    }

    #[test]
    fn rare_faults_are_counted_in_long_stretches_or_not_at_all() {
        let with = |every: usize| {
            let second =
                |n: usize| Second { refused: u64::from(n.is_multiple_of(every)), ..fine(50, 1000) };
            let seconds: Vec<_> = (0..120).map(second).collect();
            ribbon(&seconds).points(Metric::Faults, TIMEOUT, 20)
        };
        assert_eq!((with(1).len(), with(3).len(), with(40).len()), (15, 8, 0));
        assert!(with(1).iter().all(|point| (point.value - 1.0 / 51.0).abs() < 1e-12));
    }

    #[test]
    fn rates_are_per_second_of_measured_time() {
        let rates = ribbon(&[fine(50, 1000); 120]).points(Metric::CompletedRate, TIMEOUT, 20);
        assert!(rates.len() == 60 && rates.iter().all(|point| point.value == 50.0));
    }
}
