//! A run cut into windows of equal length, by journey and step: what statistics of a run are made of.

use super::counts::FaultCounts;
use super::histogram::{Bounds, Times};
use super::limited::Stretch;
use super::segment::Gap;
use super::series::{Kind, Outcome, Phase, SeriesKey};
use super::tally::{Pool, share};
use super::timeline::{Interval, Line};
use crate::base::names::{Capability, Journey, Step, Variant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The measured part of a run, window by window. Neighbouring samples share their fate, so that what a
/// run shows is judged by how its windows differ, never by how many samples it has.
///
/// Only iterations due in the measured part count, with all their samples; each belongs to the window in
/// which it ended. What ends after the measured part, in the drain, belongs to the last window. The sum
/// of all windows is the [`Tally`](super::tally::Tally) of the run.
///
/// Between the segments of a run that was taken up again there are none: the window after the last of one
/// segment is the first measured one of the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    width_ms: u64,
    most: usize,
    /// What is left out: from when to when, in whole windows of the first width.
    cuts: Vec<(u64, u64)>,
    /// What of that has samples, which are passed over.
    passed_over: Vec<(u64, u64)>,
    /// How much of each is measured.
    measured_ms: Vec<u64>,
    tracks: BTreeMap<Track, Vec<Cell>>,
    /// Iterations that completed, and those of them of which there is a response time.
    completed: u64,
    timed: u64,
}

/// What is followed from window to window.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Track {
    /// Whole iterations, with their response times.
    Iterations {
        /// Which configuration was under test.
        variant: Variant,
        /// What the users wanted to achieve.
        journey: Journey,
    },
    /// Exchanges, with their service times.
    Exchanges {
        /// Which configuration was under test.
        variant: Variant,
        /// What the users wanted to achieve.
        journey: Journey,
        /// The name of the rule.
        step: Step,
        /// What the tenant was doing.
        capability: Capability,
        /// The event type of the answer; empty for calls outside a flow.
        event: Arc<str>,
        /// The key of the action taken; empty for calls outside a flow.
        action: Arc<str>,
    },
}

impl Track {
    /// Which configuration it belongs to.
    pub const fn variant(&self) -> &Variant {
        match self {
            Self::Iterations { variant, .. } | Self::Exchanges { variant, .. } => variant,
        }
    }

    /// Which journey it belongs to.
    pub const fn journey(&self) -> &Journey {
        match self {
            Self::Iterations { journey, .. } | Self::Exchanges { journey, .. } => journey,
        }
    }

    const fn bounds(&self) -> Bounds {
        match self {
            Self::Iterations { .. } => Bounds::Journey,
            Self::Exchanges { .. } => Bounds::Exchange,
        }
    }
}

/// What one track saw in one window.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// How much of the window is measured.
    pub measured_ms: u64,
    /// The samples.
    pub pool: Pool,
    /// Iterations planned to start; of exchanges none.
    pub due: u64,
    /// Iterations that found no free user in time.
    pub dropped: u64,
    /// Iterations that completed in the measured time, whenever they were due, in thousandths: of an
    /// interval that is measured in part, that part.
    pub completed_in_time_m: u64,
}

impl Cell {
    fn new(bounds: Bounds) -> Self {
        let pool = Pool { good: Times::new(bounds), faults: FaultCounts::default(), beyond: 0 };
        Self { measured_ms: 0, pool, due: 0, dropped: 0, completed_in_time_m: 0 }
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.pool.samples() + self.pool.beyond + self.due + self.dropped + self.completed_in_time_m
            == 0
    }

    /// Adds all of another cell of the same window: another track's.
    pub fn add(&mut self, other: &Self) {
        self.pool.good.add(&other.pool.good);
        self.pool.faults.merge(&other.pool.faults);
        self.pool.beyond += other.pool.beyond;
        self.due += other.due;
        self.dropped += other.dropped;
        self.completed_in_time_m += other.completed_in_time_m;
    }

    /// Adds all of a cell of another window, its measured time included.
    pub fn append(&mut self, later: &Self) {
        self.measured_ms += later.measured_ms;
        self.add(later);
    }
}

impl Windows {
    /// No windows yet. `width_ms` is the length of one, at least 1; when there would be more than
    /// `most`, each two become one of twice the length.
    pub fn new(width_ms: u64, most: usize) -> Self {
        let (width_ms, most) = (width_ms.max(1), most.max(1));
        let (cuts, passed_over) = (Vec::new(), Vec::new());
        let (measured_ms, tracks) = (Vec::new(), BTreeMap::new());
        Self { width_ms, most, cuts, passed_over, measured_ms, tracks, completed: 0, timed: 0 }
    }

    /// The same, still without any, for a run with these gaps.
    #[must_use]
    pub fn without(self, gaps: &[Gap]) -> Self {
        let width_ms = self.width_ms;
        let whole = |gap: &Gap| {
            // The last interval of a segment ends a few milliseconds late.
            let from = gap.from_ms.saturating_sub(width_ms / SLACK).div_ceil(width_ms);
            let to = gap.warm_ms / width_ms;
            (from < to).then_some((from * width_ms, to * width_ms))
        };
        Self { cuts: gaps.iter().filter_map(whole).collect(), ..self }
    }

    /// The same, still without any, that passes over these stretches: what ends in one is in no window, and the
    /// window after it is the next of the one before. With any, the sum of all windows is no more the tally.
    #[must_use]
    pub fn passing_over(self, stretches: &[Stretch]) -> Self {
        let width_ms = self.width_ms;
        let whole = |stretch: &Stretch| {
            let from = stretch.from_ms / width_ms * width_ms;
            // The last interval of a stretch ends a few milliseconds late.
            let to = stretch.to_ms.saturating_sub(width_ms / SLACK).div_ceil(width_ms) * width_ms;
            (from, to.max(from + width_ms))
        };
        let passed_over: Vec<_> = stretches.iter().map(whole).collect();
        let mut all = self.cuts;
        all.extend(&passed_over);
        all.sort_unstable();
        let mut cuts: Vec<(u64, u64)> = Vec::new();
        for (from, to) in all {
            match cuts.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => cuts.push((from, to)),
            }
        }
        Self { cuts, passed_over, ..self }
    }

    fn passes_over(&self, at_ms: u64) -> bool {
        self.passed_over.iter().any(|(from_ms, to_ms)| (*from_ms..*to_ms).contains(&at_ms))
    }

    /// When a window begins, from the start of the run.
    pub fn begins_ms(&self, place: usize) -> u64 {
        let mut at_ms = (place as u64).saturating_mul(self.width_ms);
        for (from_ms, to_ms) in &self.cuts {
            at_ms += if at_ms >= *from_ms { to_ms - from_ms } else { 0 };
        }
        at_ms
    }

    /// A moment when what is left out is not counted.
    fn joined(&self, at_ms: u64) -> u64 {
        let before = |(from_ms, to_ms): &(u64, u64)| at_ms.min(*to_ms).saturating_sub(*from_ms);
        at_ms - self.cuts.iter().map(before).sum::<u64>()
    }

    /// Which part of the completed iterations has no response time: of a damaged interval log, or where
    /// only some series were read.
    pub fn untimed_share(&self) -> f64 {
        share(self.completed.saturating_sub(self.timed), self.completed)
    }

    /// Length of a window.
    pub const fn width_ms(&self) -> u64 {
        self.width_ms
    }

    /// Everything that was followed, in order.
    pub fn tracks(&self) -> impl Iterator<Item = &Track> {
        self.tracks.keys()
    }

    /// The first and the number of the windows that are measured at least in part. Windows are counted
    /// from the start of the run.
    pub fn measured(&self) -> std::ops::Range<usize> {
        let is_measured = |length: &u64| *length > 0;
        let first = self.measured_ms.iter().position(is_measured);
        let last = self.measured_ms.iter().rposition(is_measured);
        match (first, last) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..0,
        }
    }

    /// One cell for each measured window, in order, with all tracks of one's choice together.
    pub fn cells(&self, chosen: impl Fn(&Track) -> bool) -> Vec<Cell> {
        let measured = self.measured();
        let chosen: Vec<_> = self.tracks.iter().filter(|(track, _)| chosen(track)).collect();
        // Of the wider bounds, so that nothing is clipped where both kinds come together.
        let is_of_exchanges =
            chosen.iter().all(|(track, _)| matches!(track, Track::Exchanges { .. }));
        let bounds = if is_of_exchanges { Bounds::Exchange } else { Bounds::Journey };
        let mut cells: Vec<Cell> = measured
            .clone()
            .map(|place| Cell { measured_ms: self.measured_ms[place], ..Cell::new(bounds) })
            .collect();
        let Some(last) = cells.len().checked_sub(1) else { return cells };
        for (_, found) in chosen {
            for (place, cell) in found.iter().enumerate() {
                // The first iterations that are due may end only in the drain, never before their window.
                cells[place.saturating_sub(measured.start).min(last)].add(cell);
            }
        }
        cells
    }

    /// Every cell of one track, with the place of its measured window. Several may come for one place:
    /// together they are what [`Self::cells`] has there.
    pub fn visit(&self, track: &Track, mut each: impl FnMut(usize, &Cell)) {
        let measured = self.measured();
        let Some(last) = measured.len().checked_sub(1) else { return };
        for (place, cell) in self.tracks.get(track).into_iter().flatten().enumerate() {
            each(place.saturating_sub(measured.start).min(last), cell);
        }
    }

    /// Adds an interval.
    pub fn absorb(&mut self, interval: &Interval) {
        self.absorb_line(&interval.line);
        let span = (interval.line.start_ms, interval.line.end_ms);
        interval.series.iter().for_each(|(key, times)| self.absorb_times(key, span, times));
    }

    /// Adds the counters of an interval; its times have to be added too.
    pub fn absorb_line(&mut self, line: &Line) {
        let at_ms = middle((line.start_ms, line.end_ms));
        if self.passes_over(at_ms) {
            return;
        }
        let place = self.place(at_ms);
        if line.measured_ms > 0 {
            if place >= self.measured_ms.len() {
                self.measured_ms.resize(place + 1, 0);
            }
            self.measured_ms[place] += line.measured_ms;
        }
        for row in &line.journeys {
            let in_time_m = line.completed_in_time_m(row);
            // The exchanges of `other` belong to no journey.
            if row.journey.as_str().is_empty() || (row.phase != Phase::Measured && in_time_m == 0) {
                continue;
            }
            let (variant, journey) = (row.variant.clone(), row.journey.clone());
            let cell = self.cell(Track::Iterations { variant, journey }, at_ms);
            cell.completed_in_time_m += in_time_m;
            if row.phase == Phase::Measured {
                cell.due += row.due;
                cell.dropped += row.dropped;
                cell.pool.faults.merge(&row.faults);
                cell.pool.beyond += row.faults.beyond_any_limit() + row.cut_off;
                self.completed += row.completed;
            }
        }
    }

    /// Adds times of one series that were measured between two moments of the run. Those that are
    /// neither response times nor exchanges of the measured part are passed over.
    pub fn absorb_times(&mut self, key: &SeriesKey, span: (u64, u64), times: &Times) {
        let is_measured = key.phase == Phase::Measured && !key.journey.as_str().is_empty();
        if !is_measured || self.passes_over(middle(span)) {
            return;
        }
        let (variant, journey) = (key.variant.clone(), key.journey.clone());
        match (key.kind, key.outcome) {
            (Kind::Response, _) => {
                self.timed += times.count();
                let cell = self.cell(Track::Iterations { variant, journey }, middle(span));
                cell.pool.good.add(times);
            }
            (Kind::Exchange, Some(outcome)) => {
                let track = Track::Exchanges {
                    variant,
                    journey,
                    step: key.step.clone(),
                    capability: key.capability.clone(),
                    event: key.event.clone(),
                    action: key.action.clone(),
                };
                let pool = &mut self.cell(track, middle(span)).pool;
                match outcome {
                    Outcome::Advanced | Outcome::Refused => pool.good.add(times),
                    Outcome::Fault(fault) => {
                        pool.faults.add(fault, times.count());
                        let is_beyond = fault.is_beyond_any_limit();
                        pool.beyond += if is_beyond { times.count() } else { 0 };
                    }
                }
            }
            _ => {}
        }
    }

    fn cell(&mut self, track: Track, at_ms: u64) -> &mut Cell {
        let place = self.place(at_ms);
        let bounds = track.bounds();
        let cells = self.tracks.entry(track).or_default();
        if place >= cells.len() {
            cells.resize_with(place + 1, || Cell::new(bounds));
        }
        &mut cells[place]
    }

    fn place(&mut self, at_ms: u64) -> usize {
        let at_ms = self.joined(at_ms);
        while at_ms / self.width_ms >= self.most as u64 {
            let doubled = self.width_ms.saturating_mul(2);
            if doubled == self.width_ms {
                break;
            }
            self.width_ms = doubled;
            self.measured_ms = self.measured_ms.chunks(2).map(|pair| pair.iter().sum()).collect();
            for cells in self.tracks.values_mut() {
                *cells = in_pairs(std::mem::take(cells));
            }
        }
        usize::try_from(at_ms / self.width_ms).unwrap_or(0).min(self.most)
    }
}

/// An interval may end that part of a window late, one in so many.
const SLACK: u64 = 20;

fn in_pairs(cells: Vec<Cell>) -> Vec<Cell> {
    let mut cells = cells.into_iter();
    let pair = move || {
        let mut first = cells.next()?;
        cells.next().iter().for_each(|second| first.add(second));
        Some(first)
    };
    std::iter::from_fn(pair).collect()
}

/// What belongs to a span of time belongs to the window in which its middle lies.
const fn middle((start_ms, end_ms): (u64, u64)) -> u64 {
    start_ms + end_ms.saturating_sub(start_ms) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::fault::Fault;
    use crate::measure::tally::Tally;
    use crate::measure::timeline::JourneyLine;
    use proptest::prelude::*;

    fn row(phase: Phase, due: u64, completed: u64, refused: u64, cut_off: u64) -> JourneyLine {
        let faults: FaultCounts = [(Fault::Refused, refused)].into_iter().collect();
        serde_json::from_value(serde_json::json!({
            "phase": phase, "variant": "v1", "journey": "sign-on", "due": due, "completed": completed,
            "cut_off": cut_off, "faults": faults,
        }))
        .unwrap()
    }

    fn key(kind: Kind) -> SeriesKey {
        SeriesKey::of_journey(Phase::Measured, &"v1".into(), &"sign-on".into(), kind)
    }

    proptest! {
        /// Whatever the interval lengths, and however few windows there may be.
        #[test]
        fn the_windows_of_a_run_add_up_to_its_tally(
            seconds in prop::collection::vec((0u64..3, 1u64..9, 0u64..4, 0u64..3, 1u64..90_000), 1..60),
            most in 1usize..30,
        ) {
            let (mut tally, mut windows) = (Tally::default(), Windows::new(1000, most));
            let key = Arc::new(key(Kind::Response));
            for (second, (warm, completed, refused, cut_off, time)) in (0u64..).zip(&seconds) {
                let start_ms = second * 1000;
                let measured_ms = if second < 2 { 0 } else { 1000 - warm * 100 };
                let line = Line {
                    interval: second,
                    start_ms,
                    end_ms: start_ms + 1000,
                    measured_ms,
                    journeys: vec![row(
                        if measured_ms > 0 { Phase::Measured } else { Phase::WarmUp },
                        completed + refused + cut_off, *completed, *refused, *cut_off,
                    )],
                    ..Line::default()
                };
                tally.absorb_line(&line);
                windows.absorb_line(&line);
                if measured_ms > 0 {
                    let mut times = Times::new(Bounds::Journey);
                    (0..*completed).for_each(|step| times.record(time + step));
                    tally.absorb_times(&key, &times);
                    windows.absorb_times(&key, (start_ms, start_ms + 1000), &times);
                }
            }
            tally.settle();
            let mut whole = Cell::new(Bounds::Journey);
            let cells = windows.cells(|_| true);
            prop_assert!(cells.len() <= most);
            cells.iter().for_each(|cell| whole.append(cell));
            prop_assert_eq!(&whole.pool, &tally.iterations(Kind::Response, |_, _| true));
            prop_assert_eq!(whole.measured_ms, tally.run.measured_ms);
            let journey = tally.journeys.values().next();
            let due = journey.map_or(0, |journey| journey.due);
            prop_assert_eq!(whole.due, if whole.measured_ms > 0 { due } else { 0 });
        }
    }

    #[test]
    fn what_ends_in_the_drain_belongs_to_the_last_measured_window() {
        let mut windows = Windows::new(1000, 100);
        for (start_ms, measured_ms) in [(0, 0), (1000, 1000), (2000, 1000), (3000, 0)] {
            let line = Line { start_ms, end_ms: start_ms + 1000, measured_ms, ..Line::default() };
            windows.absorb_line(&line);
        }
        let mut times = Times::new(Bounds::Journey);
        times.record(5);
        windows.absorb_times(&key(Kind::Response), (3000, 4000), &times);
        let counts: Vec<_> =
            windows.cells(|_| true).iter().map(|cell| cell.pool.good.count()).collect();
        assert_eq!((windows.measured(), counts), (1..3, vec![0, 1]));
        let mut visited = vec![0; 2];
        for track in windows.tracks() {
            windows.visit(track, |place, cell| visited[place] += cell.pool.good.count());
        }
        assert_eq!(visited, [0, 1]);
    }

    #[test]
    fn windows_on_both_sides_of_a_gap_are_neighbours_and_know_when_they_were() {
        // Seconds 0 to 23, nothing until 41, a warm-up until 45, then 12 seconds more.
        let gap = Gap { from_ms: 23_003, to_ms: 41_000, warm_ms: 45_000 };
        for (width_ms, begins) in [
            (1000, (0..23).chain(45..57).map(|second| second * 1000).collect::<Vec<_>>()),
            (10_000, vec![0, 10_000, 20_000, 40_000, 50_000]),
        ] {
            let mut windows = Windows::new(width_ms, 1000).without(&[gap]);
            let mut tally = Tally::default();
            for second in (0..23).chain(41..57) {
                let (start_ms, measured_ms) = (second * 1000, if second == 41 { 0 } else { 1000 });
                let measured_ms = if (41..45).contains(&second) { 0 } else { measured_ms };
                let phase = if measured_ms > 0 { Phase::Measured } else { Phase::WarmUp };
                let journeys = vec![row(phase, 3, 3, 0, 0)];
                let end_ms = start_ms + 1003;
                let line = Line { start_ms, end_ms, measured_ms, journeys, ..Line::default() };
                windows.absorb_line(&line);
                tally.absorb_line(&line);
            }
            let (cells, measured) = (windows.cells(|_| true), windows.measured());
            let found: Vec<_> = measured.map(|place| windows.begins_ms(place)).collect();
            assert_eq!(found, begins, "{width_ms}");
            assert!(cells.iter().all(|cell| cell.due > 0 && cell.measured_ms <= width_ms));
            assert_eq!(cells.iter().map(|cell| cell.due).sum::<u64>(), 3 * 35);
            assert_eq!(
                cells.iter().map(|cell| cell.measured_ms).sum::<u64>(),
                tally.run.measured_ms
            );
        }
    }

    #[test]
    fn what_ends_in_a_stretch_that_is_passed_over_is_in_no_window() {
        let stretch = Stretch { from_ms: 10_000, to_ms: 14_003, calls: 7 };
        for (width_ms, begins) in [
            (1000, (0..10).chain(14..30).map(|second| second * 1000).collect::<Vec<_>>()),
            (10_000, vec![0, 20_000]),
        ] {
            let mut windows = Windows::new(width_ms, 1000).passing_over(&[stretch]);
            for second in 0..30 {
                let (start_ms, end_ms) = (second * 1000, second * 1000 + 1003);
                let journeys = vec![row(Phase::Measured, 3, 3, 0, 0)];
                let line =
                    Line { start_ms, end_ms, measured_ms: 1000, journeys, ..Line::default() };
                windows.absorb_line(&line);
                let mut times = Times::new(Bounds::Journey);
                (0..3).for_each(|_| times.record(5));
                windows.absorb_times(&key(Kind::Response), (start_ms, end_ms), &times);
            }
            let found: Vec<_> = windows.measured().map(|place| windows.begins_ms(place)).collect();
            assert_eq!(found, begins, "{width_ms}");
            let cells = windows.cells(|_| true);
            let kept = 3 * begins.len() as u64 * width_ms / 1000;
            assert_eq!(cells.iter().map(|cell| cell.due).sum::<u64>(), kept);
            assert_eq!(cells.iter().map(|cell| cell.pool.good.count()).sum::<u64>(), kept);
            assert!(windows.untimed_share().abs() < 1e-9);
        }
    }

    #[test]
    fn a_gap_in_a_stretch_is_left_out_once() {
        let gap = Gap { from_ms: 12_000, to_ms: 13_000, warm_ms: 20_000 };
        let stretch = Stretch { from_ms: 10_000, to_ms: 15_000, calls: 7 };
        let windows = Windows::new(1000, 1000).without(&[gap]).passing_over(&[stretch]);
        assert_eq!((windows.begins_ms(9), windows.begins_ms(10)), (9000, 20_000));
    }

    #[test]
    fn times_that_are_missing_are_noticed() {
        let mut windows = Windows::new(1000, 100);
        let journeys = vec![row(Phase::Measured, 4, 4, 0, 0)];
        windows.absorb_line(&Line { end_ms: 1000, measured_ms: 1000, journeys, ..Line::default() });
        let mut times = Times::new(Bounds::Journey);
        times.record(5);
        windows.absorb_times(&key(Kind::Response), (0, 1000), &times);
        assert!((windows.untimed_share() - 0.75).abs() < 1e-9);
        (0..3).for_each(|_| windows.absorb_times(&key(Kind::Response), (0, 1000), &times));
        assert!(windows.untimed_share().abs() < 1e-9);
    }
}
