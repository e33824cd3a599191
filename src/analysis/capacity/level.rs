//! The brain of a probe: fed with every interval, it says when to measure, and when enough is known.

use super::enough::{effective, needed};
use super::found::{LevelVerdict, Reason};
use super::judge::{LOOKING, verdicts};
use super::settling::{Rest, Settling};
use super::stops::Stops;
use crate::analysis::rule::Rule;
use crate::analysis::threshold::Evidence;
use crate::measure::histogram::{Bounds, Percentile, Times};
use crate::measure::series::Kind;
use crate::measure::tally::Tally;
use crate::measure::timeline::Interval;
use crate::measure::windows::Windows;
use std::collections::VecDeque;
use std::time::Duration;

/// From one look to the next the measured time grows by this factor.
const LOOKS: f64 = 1.5;

/// The most windows of a second that are kept; of longer ones there are fewer.
const MOST_WINDOWS: usize = 1440;

/// What comes back after an overload is back when its median is within this factor of what it was.
const COOLED: f64 = 1.2;

/// From the medians of so many intervals together.
const COOLED_INTERVALS: usize = 3;

/// With fewer samples there is no telling.
const COOLED_SAMPLES: u64 = 10;

/// What a probe is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Iterations to start per second.
    pub rate_per_s: f64,
    /// What has to hold.
    pub rules: Vec<Rule>,
    /// What is slower than any limit was waited for at most so long.
    pub reply_timeout: Duration,
    /// How long to wait at most until it is settled.
    pub settle: Duration,
    /// How long to measure at least.
    pub measure_at_least: Duration,
    /// How long to measure at most.
    pub measure: Duration,
    /// What has to be over before its load comes.
    pub cool_down: Option<CoolDown>,
    /// It is the confirmation, and this long; ended early by a certain fail alone.
    pub hold: Option<Duration>,
    /// Whether a level of at most this rate passed before: then what goes wrong at this one is its load's doing.
    pub has_passed_below: bool,
}

/// A rest after a level that failed, at the rate of one that passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoolDown {
    /// Iterations to start per second.
    pub rate_per_s: f64,
    /// The median response time at that rate before; the greatest number if any will do.
    pub p50_us: u64,
    /// The rest is over at the latest after this time.
    pub at_most: Duration,
}

/// What to change about the run. Moments count from its start and lie in the future, at whole seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    /// From now on, so many times the rate of the level.
    Rate(f64),
    /// The measured part begins then.
    MeasureFrom(Duration),
    /// The run ends then; without a measured part, if none was begun.
    EndAt(Duration),
}

impl Order {
    /// The part of its rate to begin with; the whole without a rest.
    pub fn first_factor(&self) -> f64 {
        let rest = self.cool_down.map(|rest| rest.rate_per_s / self.rate_per_s);
        rest.filter(|factor| factor.is_finite()).unwrap_or(1.0).min(1.0)
    }

    /// How long it is measured at the most.
    pub fn longest(&self) -> Duration {
        self.hold.unwrap_or(self.measure)
    }

    /// How much of it has to be measured in any case: the stretches of its rules, too.
    fn shortest(&self) -> Duration {
        let stretches = self.rules.iter().filter_map(|rule| Some(rule.over.as_ref()?.value.0));
        stretches.max().unwrap_or_default().max(self.measure_at_least).min(self.longest())
    }
}

/// What was seen of a probe beside what is on file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watched {
    /// How long the rest took.
    pub cooled_s: f64,
    /// How long it took until it was settled, or until that was given up.
    pub settling_s: f64,
    /// Whether it was.
    pub is_settled: bool,
    /// How many were under way on average while it was measured.
    pub in_flight: f64,
    /// What ends the whole search, and how often it was met.
    pub stops: Option<(Reason, String)>,
    /// Whether the load was that of the level by the end, and not that of the rest before it.
    pub is_loaded: bool,
}

/// Watches one probe.
#[derive(Clone, Debug)]
pub struct Watch {
    order: Order,
    stage: Stage,
    stops: Stops,
    in_flight: f64,
    settling: Settling,
    cooling: VecDeque<Times>,
    tally: Tally,
    windows: Windows,
    watched: Watched,
    /// Sum of what was under way at the ends of measured intervals, and their number.
    under_way: (f64, f64),
    next_look: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Cooling,
    Settling,
    Measuring,
    Over,
}

impl Watch {
    /// Of a probe that is about to begin, with [`Order::first_factor`] of its rate.
    pub fn new(order: Order) -> Self {
        let stage = if order.cool_down.is_some() { Stage::Cooling } else { Stage::Settling };
        let next_look = order.shortest();
        Self {
            order,
            stage,
            stops: Stops::default(),
            in_flight: 0.0,
            settling: Settling::default(),
            cooling: VecDeque::new(),
            tally: Tally::default(),
            windows: Windows::new(1000, MOST_WINDOWS),
            watched: Watched::default(),
            under_way: (0.0, 0.0),
            next_look,
        }
    }

    /// Takes every interval of the run in order, from the first on, and says what to do about it.
    pub fn observe(&mut self, interval: &Interval) -> Option<Turn> {
        self.stops.absorb(&interval.line);
        self.in_flight += under_way(interval);
        if interval.line.measured_ms > 0 {
            self.under_way.0 += self.in_flight;
            self.under_way.1 += 1.0;
        }
        self.tally.absorb(interval);
        self.windows.absorb(interval);
        if self.stage != Stage::Over && self.stops.reason().is_some() {
            return Some(self.end(interval));
        }
        match self.stage {
            Stage::Cooling => self.cool(interval),
            Stage::Settling => self.settle(interval),
            Stage::Measuring => self.look(interval),
            Stage::Over => None,
        }
    }

    /// What was seen so far.
    pub fn watched(&self) -> Watched {
        let (sum, number) = self.under_way;
        let in_flight = if number > 0.0 { sum / number } else { 0.0 };
        let is_loaded = self.stage != Stage::Cooling;
        Watched { in_flight, is_loaded, stops: self.stops.reason(), ..self.watched.clone() }
    }

    fn cool(&mut self, interval: &Interval) -> Option<Turn> {
        let rest = self.order.cool_down?;
        self.watched.cooled_s = Duration::from_millis(interval.line.end_ms).as_secs_f64();
        let mut times = Times::new(Bounds::Journey);
        let responses = interval.series.iter().filter(|(key, _)| key.kind == Kind::Response);
        responses.for_each(|(_, of)| times.add(of));
        self.cooling.push_back(times);
        // The last seconds alone, or as many more as it takes to have samples enough.
        let seen = |cooling: &VecDeque<Times>| cooling.iter().map(Times::count).sum::<u64>();
        while self.cooling.len() > COOLED_INTERVALS
            && seen(&self.cooling) - self.cooling[0].count() >= COOLED_SAMPLES
        {
            self.cooling.pop_front();
        }
        let mut together = Times::new(Bounds::Journey);
        self.cooling.iter().for_each(|times| together.add(times));
        #[expect(clippy::cast_precision_loss, reason = "times are below 2^52")]
        let is_back = self.cooling.len() >= COOLED_INTERVALS
            && together.count() >= COOLED_SAMPLES
            && together
                .at(Percentile::P50)
                .is_some_and(|p50| p50 as f64 <= COOLED * rest.p50_us as f64);
        let is_over = self.watched.cooled_s >= rest.at_most.as_secs_f64();
        (is_back || is_over).then(|| {
            self.stage = Stage::Settling;
            Turn::Rate(1.0)
        })
    }

    fn settle(&mut self, interval: &Interval) -> Option<Turn> {
        let rest = self.settling.observe(interval, self.in_flight);
        let settling_s = self.settling.watched_s();
        let is_given_up = rest == Rest::Hopeless || settling_s >= self.order.settle.as_secs_f64();
        let is_settled = rest == Rest::Settled;
        (is_settled || is_given_up).then(|| {
            self.watched = Watched { settling_s, is_settled, ..self.watched.clone() };
            self.stage = Stage::Measuring;
            Turn::MeasureFrom(next_second(interval))
        })
    }

    fn look(&mut self, interval: &Interval) -> Option<Turn> {
        let measured = Duration::from_millis(self.tally.run.measured_ms);
        // An interval ends a little early now and then.
        let is_reached = |moment: Duration| measured + Duration::from_millis(50) >= moment;
        if is_reached(self.order.longest()) {
            return Some(self.end(interval));
        }
        if !is_reached(self.next_look) {
            return None;
        }
        self.next_look = measured.mul_f64(LOOKS);
        self.is_decided().then(|| self.end(interval))
    }

    /// Whether more would not change what comes of it: by intervals so wide that looking again and again
    /// makes no difference.
    fn is_decided(&self) -> bool {
        let reply_timeout = self.order.reply_timeout;
        let on = Evidence { tally: &self.tally, windows: Some(&self.windows), reply_timeout };
        let found = verdicts(&self.order.rules, &on, LOOKING);
        if found.iter().any(|ruled| ruled.verdict == LevelVerdict::Fail) {
            return true;
        }
        let all_pass = found.iter().all(|ruled| ruled.verdict == LevelVerdict::Pass);
        let has_enough = |rule: &Rule| {
            let needed = needed(rule);
            #[expect(clippy::cast_precision_loss, reason = "at most 10^9")]
            let is_enough = |worth: f64| worth >= needed as f64;
            needed == 0 || effective(rule, &on).is_some_and(is_enough)
        };
        all_pass
            && self.watched.is_settled
            && self.order.hold.is_none()
            && self.order.rules.iter().all(has_enough)
    }

    fn end(&mut self, interval: &Interval) -> Turn {
        self.stage = Stage::Over;
        Turn::EndAt(next_second(interval))
    }
}

/// The next whole second after the end of an interval: what is told now is known everywhere by then.
fn next_second(interval: &Interval) -> Duration {
    // Intervals end a few milliseconds early or late.
    Duration::from_secs((interval.line.end_ms + 500) / 1000 + 1)
}

/// How many more are under way after an interval than before it.
#[expect(clippy::cast_precision_loss, reason = "counts of an interval")]
fn under_way(interval: &Interval) -> f64 {
    let rows = interval.line.journeys.iter();
    let more = rows.map(|row| {
        let ended = row.completed + row.faults.total() + row.dropped + row.cut_off + row.lost;
        row.due as f64 - ended as f64
    });
    more.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::lab::{fine, interval};
    use crate::measure::series::{Phase, SeriesKey};
    use crate::measure::timeline::JourneyLine;
    use std::sync::Arc;

    fn order(cool_down: Option<CoolDown>) -> Order {
        Order {
            rate_per_s: 40.0,
            rules: vec!["p95 < 400ms".parse().unwrap()],
            reply_timeout: Duration::from_secs(30),
            settle: Duration::from_secs(60),
            measure_at_least: Duration::from_secs(10),
            measure: Duration::from_secs(30),
            cool_down,
            hold: None,
            has_passed_below: false,
        }
    }

    /// A second of the warm-up, in which as many end as are due, but for four of the first.
    fn warming(number: u64, completed: u64, time_us: u64) -> Interval {
        let mut of = interval(number, fine(completed, time_us));
        of.line.measured_ms = 0;
        for row in &mut of.line.journeys {
            row.phase = Phase::WarmUp;
            row.due += if number == 0 { 4 } else { 0 };
        }
        let (variant, journey) = ("v1".into(), "sign-on".into());
        let series = [Kind::Response, Kind::Elapsed].map(|kind| {
            let key = SeriesKey::of_journey(Phase::WarmUp, &variant, &journey, kind);
            let mut times = Times::new(Bounds::Journey);
            (0..completed).for_each(|_| times.record(time_us));
            (Arc::new(key), times)
        });
        Interval { series: series.into(), ..of }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_settles_measures_and_ends_at_whole_seconds_to_come() {
        let mut watch = Watch::new(order(None));
        let turns: Vec<_> =
            (0..4).map(|number| watch.observe(&warming(number, 40, 100_000))).collect();
        assert_eq!(turns, [None, None, None, Some(Turn::MeasureFrom(5 * SECOND))]);
        assert_eq!(watch.observe(&warming(4, 40, 100_000)), None);
        let end = (5..).find_map(|number| watch.observe(&interval(number, fine(40, 100_000))));
        // Nothing of it varies: the first look decides.
        assert_eq!(end, Some(Turn::EndAt(16 * SECOND)));
        assert_eq!(watch.observe(&interval(15, fine(40, 100_000))), None, "it is over");
        let watched = watch.watched();
        assert!(watched.is_settled && watched.stops.is_none());
        assert!((watched.in_flight - 4.0).abs() < 1e-9);
    }

    #[test]
    fn after_a_fail_it_rests_until_times_are_back() {
        let rest = CoolDown { rate_per_s: 10.0, p50_us: 100_000, at_most: 60 * SECOND };
        let order = order(Some(rest));
        assert!((order.first_factor() - 0.25).abs() < 1e-12);
        let order_of_rest = order.clone();
        let mut watch = Watch::new(order);
        let times = [900_000, 500_000, 200_000, 110_000, 110_000, 110_000];
        let turns: Vec<_> = (0..)
            .zip(times)
            .map(|(number, time_us)| watch.observe(&warming(number, 10, time_us)))
            .collect();
        assert_eq!(turns[..4], [None; 4]);
        assert_eq!(turns[4], Some(Turn::Rate(1.0)));
        assert!(watch.watched().is_loaded && !Watch::new(order_of_rest).watched().is_loaded);
        assert!((watch.watched().cooled_s - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_rest_has_an_end_however_slow_the_tenant_stays() {
        let rest = CoolDown { rate_per_s: 10.0, p50_us: 100_000, at_most: 8 * SECOND };
        let mut watch = Watch::new(order(Some(rest)));
        let first =
            (0..).find_map(|number| Some((number, watch.observe(&warming(number, 10, 900_000))?)));
        assert_eq!(first, Some((7, Turn::Rate(1.0))));
    }

    #[test]
    fn what_stops_the_search_ends_the_probe_at_once() {
        let mut watch = Watch::new(order(None));
        let mut limited = warming(0, 40, 100_000);
        limited.line.journeys[0] = JourneyLine {
            exchanges: 100,
            exchange_faults: [(crate::measure::fault::Fault::RateLimited, 3)].into_iter().collect(),
            ..limited.line.journeys[0].clone()
        };
        assert_eq!(watch.observe(&limited), Some(Turn::EndAt(2 * SECOND)));
        assert_eq!(watch.watched().stops.unwrap().0, Reason::RateLimited);
    }

    #[test]
    fn a_hold_is_not_ended_by_good_news() {
        let mut watch = Watch::new(Order { hold: Some(40 * SECOND), ..order(None) });
        (0..5).for_each(|number| _ = watch.observe(&warming(number, 40, 100_000)));
        let end = (5..).find_map(|number| watch.observe(&interval(number, fine(40, 100_000))));
        assert_eq!(end, Some(Turn::EndAt(46 * SECOND)));
    }
}
