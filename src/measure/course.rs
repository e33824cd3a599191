//! The course of a run: what happened when, in a bounded number of moments, for charts and live views.

use super::counts::FaultCounts;
use super::histogram::{Bounds, Times};
use super::segment::Gap;
use super::series::{Kind, Outcome, SeriesKey};
use super::timeline::{Event, Interval, JourneyLine, Line};
use crate::base::names::{Journey, Variant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most moments of a course. When there would be more, each two become one of twice the length, so
/// that a course of a day takes no more room than one of an hour.
pub const MOST_MOMENTS: usize = 240;

/// The shortest moment: the length of an interval.
pub const SHORTEST_MS: u64 = 1000;

/// A run over time, in moments of equal length. A copy shares what does not change any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    width_ms: u64,
    moments: Vec<Arc<Moment>>,
    gaps: Vec<Gap>,
}

/// What happened in one moment, whatever phase it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// How much of it has been told of: what rates are to be divided by. Zero for one that a longer
    /// interval beside it tells of.
    pub length_ms: u64,
    /// How much of that lies in the measured part of the run.
    pub measured_ms: u64,
    /// By variant and journey.
    pub journeys: BTreeMap<(Variant, Journey), JourneyMoment>,
    /// Service times of the exchanges that ended well.
    pub exchanges: Times,
    /// Due → first request sent; empty in the closed model.
    pub lag: Times,
    /// The generator's own part of it.
    pub dispatch_lag: Times,
    /// How late the generator's own timer was.
    pub scheduler_lag: Times,
    /// Most users performing an iteration at the end of any interval.
    pub users: u64,
    /// Highest share of the cores.
    pub cpu_share: Option<f64>,
    /// Highest resident memory.
    pub rss_bytes: Option<u64>,
    /// Most open sockets.
    pub open_sockets: Option<u64>,
    /// What was done to the run.
    pub events: Vec<Event>,
}

/// One journey in one moment. Counts as in [`JourneyLine`], of all phases.
#[derive(Clone, Debug, PartialEq)]
pub struct JourneyMoment {
    /// Iterations planned to start.
    pub due: u64,
    /// Iterations for which no user was free when they were due.
    pub late: u64,
    /// Iterations that reached their goal.
    pub completed: u64,
    /// Iterations that found no free user in time.
    pub dropped: u64,
    /// Iterations ended by the drain or an interrupt.
    pub cut_off: u64,
    /// Iterations of an agent that was lost.
    pub lost: u64,
    /// Failed iterations.
    pub faults: FaultCounts,
    /// Exchanges that ended.
    pub exchanges: u64,
    /// Those of them that ended in a fault.
    pub exchange_faults: FaultCounts,
    /// Response times of the completed iterations.
    pub response: Times,
}

impl Default for Course {
    fn default() -> Self {
        Self { width_ms: SHORTEST_MS, moments: Vec::new(), gaps: Vec::new() }
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self {
            length_ms: 0,
            measured_ms: 0,
            journeys: BTreeMap::new(),
            exchanges: Times::new(Bounds::Exchange),
            lag: Times::new(Bounds::Journey),
            dispatch_lag: Times::new(Bounds::Journey),
            scheduler_lag: Times::new(Bounds::Journey),
            users: 0,
            cpu_share: None,
            rss_bytes: None,
            open_sockets: None,
            events: Vec::new(),
        }
    }
}

impl Default for JourneyMoment {
    fn default() -> Self {
        Self {
            due: 0,
            late: 0,
            completed: 0,
            dropped: 0,
            cut_off: 0,
            lost: 0,
            faults: FaultCounts::default(),
            exchanges: 0,
            exchange_faults: FaultCounts::default(),
            response: Times::new(Bounds::Journey),
        }
    }
}

impl Course {
    /// The same of a run with these gaps between its segments.
    #[must_use]
    pub fn with_gaps(self, gaps: Vec<Gap>) -> Self {
        Self { gaps, ..self }
    }

    /// The gaps between its segments, in order.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Length of a moment.
    pub const fn width_ms(&self) -> u64 {
        self.width_ms
    }

    /// Every moment with its start, from the start of the run, in order.
    pub fn moments(&self) -> impl ExactSizeIterator<Item = (u64, &Moment)> {
        let width_ms = self.width_ms;
        let started = move |place: usize| place as u64 * width_ms;
        self.moments.iter().enumerate().map(move |(place, moment)| (started(place), &**moment))
    }

    /// Everything that was done to the run, in order.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.moments.iter().flat_map(|moment| &moment.events)
    }

    /// All variants and journeys that occur, in the order of reports.
    pub fn journeys(&self) -> Vec<(Variant, Journey)> {
        let mut names: Vec<_> =
            self.moments.iter().flat_map(|moment| moment.journeys.keys().cloned()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Makes moments at least this long: times that are known for a window as a whole belong in one
    /// moment.
    pub fn widen(&mut self, width_ms: u64) {
        if width_ms <= self.width_ms {
            return;
        }
        let gaps = std::mem::take(&mut self.gaps);
        let old = std::mem::replace(self, Self { width_ms, moments: Vec::new(), gaps });
        for (place, moment) in old.moments.into_iter().enumerate() {
            let middle_ms = place as u64 * old.width_ms + old.width_ms / 2;
            self.moment(middle_ms).merge(&moment);
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
        let moment = self.moment(middle((line.start_ms, line.end_ms)));
        moment.length_ms += line.end_ms.saturating_sub(line.start_ms);
        moment.measured_ms += line.measured_ms;
        for row in &line.journeys {
            // The exchanges of `other` belong to no journey.
            if !row.journey.as_str().is_empty() {
                moment.journey(&row.variant, &row.journey).absorb(row);
            }
        }
        let readings = &line.readings;
        moment.users = moment.users.max(readings.users);
        moment.cpu_share = highest(moment.cpu_share, readings.cpu_share);
        moment.rss_bytes = moment.rss_bytes.max(readings.rss_bytes);
        moment.open_sockets = moment.open_sockets.max(readings.open_sockets);
        moment.events.extend(line.events.iter().cloned());
    }

    /// Adds times of one series that were measured between two moments of the run. Those that no
    /// chart is about are passed over.
    pub fn absorb_times(&mut self, key: &SeriesKey, span: (u64, u64), times: &Times) {
        let good = matches!(key.outcome, Some(Outcome::Advanced | Outcome::Refused));
        match key.kind {
            Kind::Exchange if good => self.moment(middle(span)).exchanges.add(times),
            Kind::Response => {
                self.moment(middle(span)).journey(&key.variant, &key.journey).response.add(times);
            }
            Kind::Lag => self.moment(middle(span)).lag.add(times),
            Kind::DispatchLag => self.moment(middle(span)).dispatch_lag.add(times),
            Kind::SchedulerLag => self.moment(middle(span)).scheduler_lag.add(times),
            _ => {}
        }
    }

    fn moment(&mut self, at_ms: u64) -> &mut Moment {
        while at_ms / self.width_ms >= MOST_MOMENTS as u64 {
            let doubled = self.width_ms.saturating_mul(2);
            if doubled == self.width_ms {
                break;
            }
            self.widen(doubled);
        }
        let place = usize::try_from(at_ms / self.width_ms).unwrap_or(0).min(MOST_MOMENTS);
        if place >= self.moments.len() {
            self.moments.resize_with(place + 1, Arc::default);
        }
        Arc::make_mut(&mut self.moments[place])
    }
}

/// What belongs to a span of time belongs to the moment in which its middle lies.
const fn middle((start_ms, end_ms): (u64, u64)) -> u64 {
    start_ms + end_ms.saturating_sub(start_ms) / 2
}

fn highest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).max_by(f64::total_cmp)
}

impl Moment {
    /// Iterations of all journeys, counted in one's own way, per second; none where nothing is told.
    #[expect(clippy::cast_precision_loss, reason = "counts of a moment")]
    pub fn per_s(&self, count: impl Fn(&JourneyMoment) -> u64) -> Option<f64> {
        let total: u64 = self.journeys.values().map(count).sum();
        (self.length_ms > 0).then(|| total as f64 * 1000.0 / self.length_ms as f64)
    }

    /// Response times of all journeys.
    pub fn response(&self) -> Times {
        let mut all = Times::new(Bounds::Journey);
        self.journeys.values().for_each(|journey| all.add(&journey.response));
        all
    }

    fn journey(&mut self, variant: &Variant, journey: &Journey) -> &mut JourneyMoment {
        self.journeys.entry((variant.clone(), journey.clone())).or_default()
    }

    fn merge(&mut self, other: &Self) {
        self.length_ms += other.length_ms;
        self.measured_ms += other.measured_ms;
        for ((variant, journey), theirs) in &other.journeys {
            self.journey(variant, journey).merge(theirs);
        }
        self.exchanges.add(&other.exchanges);
        self.lag.add(&other.lag);
        self.dispatch_lag.add(&other.dispatch_lag);
        self.scheduler_lag.add(&other.scheduler_lag);
        self.users = self.users.max(other.users);
        self.cpu_share = highest(self.cpu_share, other.cpu_share);
        self.rss_bytes = self.rss_bytes.max(other.rss_bytes);
        self.open_sockets = self.open_sockets.max(other.open_sockets);
        self.events.extend(other.events.iter().cloned());
    }
}

impl JourneyMoment {
    fn absorb(&mut self, row: &JourneyLine) {
        self.due += row.due;
        self.late += row.late;
        self.completed += row.completed;
        self.dropped += row.dropped;
        self.cut_off += row.cut_off;
        self.lost += row.lost;
        self.faults.merge(&row.faults);
        self.exchanges += row.exchanges;
        self.exchange_faults.merge(&row.exchange_faults);
    }

    fn merge(&mut self, other: &Self) {
        self.due += other.due;
        self.late += other.late;
        self.completed += other.completed;
        self.dropped += other.dropped;
        self.cut_off += other.cut_off;
        self.lost += other.lost;
        self.faults.merge(&other.faults);
        self.exchanges += other.exchanges;
        self.exchange_faults.merge(&other.exchange_faults);
        self.response.add(&other.response);
    }
}

#[cfg(test)]
mod tests {
    use super::super::series::Phase;
    use super::*;

    fn second(number: u64) -> Interval {
        let journey = JourneyLine {
            phase: Phase::Measured,
            variant: "v1".into(),
            journey: "sign-on".into(),
            due: 3,
            late: 0,
            completed: 2,
            dropped: 0,
            cut_off: 0,
            lost: 0,
            faults: FaultCounts::default(),
            exchanges: 10,
            exchange_faults: FaultCounts::default(),
            response_us: None,
            funnel: Vec::new(),
        };
        let key =
            |kind| SeriesKey::of_journey(Phase::Measured, &"v1".into(), &"sign-on".into(), kind);
        let mut times = Times::new(Bounds::Journey);
        times.record(1000 * (number + 1));
        times.record(1000 * (number + 1));
        Interval {
            line: Line {
                interval: number,
                start_ms: number * 1000,
                end_ms: number * 1000 + 1000,
                measured_ms: 1000,
                journeys: vec![journey],
                events: vec![Event { at_ms: number * 1000, slug: "e".into(), text: "t".into() }],
                ..Line::default()
            },
            series: [(Arc::new(key(Kind::Response)), times)].into(),
            failing: Vec::new(),
        }
    }

    fn of(seconds: u64) -> Course {
        let mut course = Course::default();
        (0..seconds).for_each(|number| course.absorb(&second(number)));
        course
    }

    #[test]
    fn a_short_run_has_a_moment_for_each_second() {
        let course = of(60);
        assert_eq!((course.width_ms(), course.moments().len()), (1000, 60));
        for (start_ms, moment) in course.moments() {
            assert_eq!(moment.per_s(|journey| journey.due), Some(3.0));
            let (times, recorded) = (moment.response(), start_ms + 1000);
            assert!((times.min_us()..=times.max_us()).contains(&recorded));
        }
    }

    #[test]
    fn a_day_has_no_more_moments_than_fit_and_loses_nothing() {
        let course = of(86_400);
        assert!(course.moments().len() <= MOST_MOMENTS);
        assert!(course.moments().len() > MOST_MOMENTS / 2);
        let (mut due, mut responses, mut length_ms) = (0, 0, 0);
        for (_, moment) in course.moments() {
            due += moment.journeys.values().map(|journey| journey.due).sum::<u64>();
            responses += moment.response().count();
            length_ms += moment.length_ms;
        }
        assert_eq!((due, responses, length_ms), (3 * 86_400, 2 * 86_400, 86_400_000));
        assert_eq!(course.events().count(), 86_400);
    }

    #[test]
    fn whole_windows_and_single_seconds_come_to_the_same_course() {
        let (mut whole, mut lines) = (of(95), Course::default());
        whole.widen(10_000);
        (0..95).for_each(|number| lines.absorb_line(&second(number).line));
        lines.widen(10_000);
        for window in 0..10 {
            for number in (window * 10)..(window * 10 + 10).min(95) {
                for (key, times) in second(number).series {
                    lines.absorb_times(&key, (window * 10_000, window * 10_000 + 10_000), &times);
                }
            }
        }
        assert_eq!(whole, lines);
    }

    #[test]
    fn a_long_interval_leaves_the_moments_beside_it_untold() {
        let mut course = Course::default();
        let mut long = second(0);
        long.line.end_ms = 5000;
        course.absorb(&long);
        let told: Vec<_> = course.moments().map(|(_, m)| m.per_s(|journey| journey.due)).collect();
        assert_eq!(told, [None, None, Some(0.6)]);
    }
}
