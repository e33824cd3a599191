//! Rules against the numbers of a run.

use super::bootstrap::{Draws, Figure, estimate};
use super::observed::Observed;
use super::rule::{Metric, Rule, Scope};
use super::sliding::{slack_ms, stretches};
use super::soak::line::Line;
use super::soak::stretch::{FEWEST_SAMPLES, Frame, Ribbon};
use crate::base::units::Span;
use crate::measure::tally::Tally;
use crate::measure::windows::{Cell, Windows};
use crate::result::summary::ThresholdSummary;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The rule that every run has that has no other about faults.
pub const DEFAULT_RULE: &str = "faults < 1%";

/// What is observed where there is nothing to observe.
pub const NO_SAMPLES: &str = "no samples";

/// What is observed of a rule about stretches of a run that goes on.
pub const AT_THE_END: &str = "judged at the end";

/// With fewer stretches there is no telling a drift.
const FEWEST_STRETCHES: usize = 8;

/// The confidence of intervals.
const CONFIDENCE: f64 = 0.95;

/// What is observed of a drift where there is too little to tell one.
const TOO_SHORT: &str = "too short to tell";

/// Where the randomness of intervals comes from: the same run has the same intervals, always.
pub const DRAWS: Draws = Draws { resamples: 1000, seed: 1, confidence: 0.95 };

/// A rule that a result has to keep, and what to do when it is broken before the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// The rule.
    pub rule: Rule,
    /// Whether the run is stopped when the rule does not hold.
    pub abort_on_fail: bool,
    /// How much has to be measured before that.
    pub abort_delay: Duration,
}

impl From<Rule> for Threshold {
    /// One that is judged at the end alone.
    fn from(rule: Rule) -> Self {
        Self { rule, abort_on_fail: false, abort_delay: Duration::ZERO }
    }
}

/// The thresholds of a run: those given, and [`DEFAULT_RULE`] unless one is about `faults`, of
/// whatever scope.
pub fn with_default(mut thresholds: Vec<Threshold>) -> Vec<Threshold> {
    if !thresholds.iter().any(|threshold| threshold.rule.metric == Metric::Faults) {
        thresholds.extend(DEFAULT_RULE.parse::<Rule>().map(Threshold::from));
    }
    thresholds
}

/// What rules are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'e> {
    /// Everything that was measured, settled.
    pub tally: &'e Tally,
    /// The same window by window, as wide as the files of the run tell them apart; none while it goes on.
    pub windows: Option<&'e Windows>,
    /// What is slower than any limit was waited for at most so long.
    pub reply_timeout: Duration,
}

/// What a rule observes, in words and in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighed {
    /// For people.
    pub told: ThresholdSummary,
    /// The number; none where there is nothing to observe, or too little.
    pub observed: Option<Observed>,
    /// Its interval, in the same unit: µs, a share, a rate.
    pub interval: Option<(f64, f64)>,
}

/// What is looked at, and how closely.
#[derive(Clone, Copy)]
struct Looking<'e> {
    on: &'e Evidence<'e>,
    draws: Draws,
}

/// What came of looking.
struct Found {
    /// The number, or why there is none.
    observed: Result<Observed, &'static str>,
    /// Its 95 % interval.
    interval: Option<(f64, f64)>,
    /// The worst stretch, from the start of the run.
    stretch_ms: Option<(u64, u64)>,
    remark: Option<String>,
}

impl Found {
    fn of(observed: Option<Observed>, interval: Option<(f64, f64)>) -> Self {
        Self { observed: observed.ok_or(NO_SAMPLES), interval, stretch_ms: None, remark: None }
    }

    fn without(why: &'static str) -> Self {
        Self { observed: Err(why), ..Self::of(None, None) }
    }
}

impl Rule {
    /// Whether it is about stretches of a run, which are known when it is over.
    pub const fn is_of_stretches(&self) -> bool {
        self.over.is_some() || matches!(self.metric, Metric::Drift(_))
    }

    /// Looks at what was measured. A rule that meets no sample does not hold; one whose time has not come
    /// yet is left open and holds so far.
    pub fn evaluate(&self, on: &Evidence<'_>) -> ThresholdSummary {
        self.weigh(on, DRAWS).told
    }

    /// The same with its numbers, and with intervals of one's choice.
    pub fn weigh(&self, on: &Evidence<'_>, draws: Draws) -> Weighed {
        let looking = Looking { on, draws };
        let found = match (on.windows, self.metric, &self.over) {
            (None, ..) if self.is_of_stretches() => Found::without(AT_THE_END),
            (Some(windows), Metric::Drift(_), _) => self.drift(on, windows),
            (Some(windows), _, Some(over)) => self.in_stretches(looking, windows, over.value.0),
            _ => self.in_all(looking),
        };
        let (observed, interval) = (found.observed.ok(), found.interval);
        Weighed { told: self.told(found, on), observed, interval }
    }

    fn told(&self, found: Found, on: &Evidence<'_>) -> ThresholdSummary {
        let is_open = found.observed == Err(AT_THE_END);
        let holds = is_open || found.observed.is_ok_and(|observed| self.holds(observed));
        let shown = |observed: Observed| observed.shown(on.reply_timeout);
        let ends = found.observed.ok().zip(found.interval);
        let ends = ends.map(|(of, (low, high))| (shown(of.with(low)), shown(of.with(high))));
        let (low, high) = ends.unzip();
        let (from_s, to_s) =
            found.stretch_ms.map(|(from, to)| (seconds(from), seconds(to))).unzip();
        ThresholdSummary {
            rule: self.to_string(),
            observed: found
                .observed
                .map_or_else(str::to_owned, |observed| self.shown(observed, on.reply_timeout)),
            low,
            high,
            worst_from_s: from_s,
            worst_to_s: to_s,
            remark: found.remark,
            holds,
        }
    }

    fn in_all(&self, looking: Looking<'_>) -> Found {
        let Looking { on, .. } = looking;
        let interval = |windows| self.interval(&self.cells(on, windows), looking);
        Found::of(self.seen_in_all(on), on.windows.and_then(interval))
    }

    fn seen_in_all(&self, on: &Evidence<'_>) -> Option<Observed> {
        let whole = self.scope.whole(on.tally);
        // Nothing per second is no rate of what was never due.
        let is_known = self.metric != Metric::CompletedRate || whole.due > 0;
        self.metric.of(&whole, on.reply_timeout).filter(|_| is_known)
    }

    /// The windows of what it is about. What was under way when gander was killed is in none of them; it was
    /// cut off in the last.
    pub fn cells(&self, on: &Evidence<'_>, windows: &Windows) -> Vec<Cell> {
        let mut cells = windows.cells(|track| self.scope.has(track));
        let beyond: u64 = cells.iter().map(|cell| cell.pool.beyond).sum();
        if let Some(last) = cells.last_mut() {
            last.pool.beyond += self.scope.whole(on.tally).pool.beyond.saturating_sub(beyond);
        }
        cells
    }

    fn in_stretches(&self, looking: Looking<'_>, windows: &Windows, over: Duration) -> Found {
        let Looking { on, .. } = looking;
        let cells = self.cells(on, windows);
        let (over_ms, width_ms) = (millis(over), windows.width_ms());
        let measured_ms: u64 = cells.iter().map(|cell| cell.measured_ms).sum();
        let slack_ms = slack_ms(width_ms);
        if measured_ms + slack_ms < over_ms {
            let remark = (measured_ms > 0).then(|| {
                let measured = Span(Duration::from_millis(measured_ms));
                format!("measured for {measured} only: judged on all of it")
            });
            return Found { remark, ..self.in_all(looking) };
        }
        if self.seen_in_all(on).is_none() {
            return Found::without(NO_SAMPLES);
        }
        let mut worst: Option<(Observed, RangeInclusive<usize>)> = None;
        stretches(&cells, (over_ms, slack_ms), |place, sum| {
            let Some(seen) = self.metric.of(sum, on.reply_timeout) else { return };
            if worst.as_ref().is_none_or(|(worst, _)| self.is_worse(seen, *worst)) {
                worst = Some((seen, place));
            }
        });
        let Some((worst, place)) = worst else { return Found::without(NO_SAMPLES) };
        let whole_ms = over_ms.div_ceil(width_ms) * width_ms;
        let remark = (whole_ms != over_ms).then(|| {
            let [whole, width] = [whole_ms, width_ms].map(|ms| Span(Duration::from_millis(ms)));
            format!("in stretches of {whole}, because the run has windows of {width} on file")
        });
        let stretch_ms = Some(bounds_ms(&cells, windows, &place));
        let interval = self.interval(&cells[place], looking);
        Found { stretch_ms, remark, ..Found::of(Some(worst), interval) }
    }

    fn drift(&self, on: &Evidence<'_>, windows: &Windows) -> Found {
        let Metric::Drift(percentile) = self.metric else { return Found::of(None, None) };
        let is_of_exchanges = matches!(self.scope, Scope::Step(..) | Scope::Capability { .. });
        let cells = self.cells(on, windows);
        let ribbon = Ribbon::new(cells, Frame::of(windows), is_of_exchanges);
        if ribbon.is_empty() {
            return Found::of(None, None);
        }
        let metric = Metric::Percentile(percentile);
        let points = ribbon.points(metric, on.reply_timeout, FEWEST_SAMPLES);
        let line = Line::through(&points, 0.0).filter(|_| points.len() >= FEWEST_STRETCHES);
        let Some(line) = line else {
            let needed = format!(
                "a drift needs {FEWEST_STRETCHES} stretches with {FEWEST_SAMPLES} samples each"
            );
            return Found { remark: Some(needed), ..Found::without(TOO_SHORT) };
        };
        let over_s = self.over.as_ref().map(|over| over.value.0.as_secs_f64());
        let scale = over_s.unwrap_or_else(|| ribbon.measured_s()) / line.level;
        let interval = line.interval(CONFIDENCE).map(|(low, high)| (low * scale, high * scale));
        Found::of(Some(Observed::Share(line.per_s * scale)), interval)
    }

    /// The interval of what cells show. None for a longest time, of which a sample says nothing, and
    /// with too few cells.
    fn interval(&self, cells: &[Cell], looking: Looking<'_>) -> Option<(f64, f64)> {
        let Looking { on, draws } = looking;
        let figure = match self.metric {
            Metric::Percentile(percentile) => Figure::Percentile(percentile),
            Metric::Mean => {
                let waited = cells.iter().map(|cell| with_waiting(cell, on.reply_timeout));
                return estimate(&waited.collect::<Vec<_>>(), Figure::Mean, draws)?.interval;
            }
            Metric::Faults => Figure::FaultShare,
            Metric::Fault(fault) => Figure::FaultOf(fault),
            Metric::CompletedRate => Figure::CompletedRate,
            Metric::Dropped => Figure::DroppedShare,
            Metric::Max | Metric::Drift(_) => return None,
        };
        estimate(cells, figure, draws)?.interval
    }
}

/// A cell in which everything beyond any limit took as long as it was waited for, as the mean has it.
fn with_waiting(cell: &Cell, reply_timeout: Duration) -> Cell {
    let mut cell = cell.clone();
    let waited_us = u64::try_from(reply_timeout.as_micros()).unwrap_or(u64::MAX);
    (0..std::mem::take(&mut cell.pool.beyond)).for_each(|_| cell.pool.good.record(waited_us));
    cell
}

/// When a stretch of cells begins and ends, from the start of the run: the first window may be measured in
/// its later part alone, the last in its earlier part.
fn bounds_ms(cells: &[Cell], windows: &Windows, place: &RangeInclusive<usize>) -> (u64, u64) {
    let width_ms = windows.width_ms();
    let start_ms = |place: usize| windows.begins_ms(windows.measured().start + place);
    let unmeasured_ms =
        |place: usize| cells.get(place).map_or(0, |cell| width_ms.saturating_sub(cell.measured_ms));
    let (first, last) = (*place.start(), *place.end());
    let before_ms = if first == 0 { unmeasured_ms(0) } else { 0 };
    let after_ms = if last + 1 == cells.len() && last > 0 { unmeasured_ms(last) } else { 0 };
    (start_ms(first) + before_ms, start_ms(last) + width_ms - after_ms)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::super::lab::{Second, fine, run};
    use super::*;
    use crate::measure::fault::Fault;
    use crate::measure::histogram::Times;
    use crate::measure::series::{Kind, Outcome, Phase, SeriesKey};
    use crate::measure::tally::JourneyTally;
    use proptest::prelude::*;
    use std::sync::Arc;

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// 94 sign-ons in 100 ms and 6 held until the time-out; one row of exchanges beneath.
    fn tally() -> Tally {
        let mut tally = Tally::default();
        tally.run.measured_ms = 10_000;
        let (variant, journey) = ("v1".into(), "sign-on".into());
        let response = SeriesKey::of_journey(Phase::Measured, &variant, &journey, Kind::Response);
        let exchange = |outcome| SeriesKey {
            step: "credentials".into(),
            capability: "customHTMLTemplate".into(),
            event: "submit".into(),
            action: "SIGNON".into(),
            outcome: Some(outcome),
            kind: Kind::Exchange,
            ..response.clone()
        };
        let mut add = |key: SeriesKey, time_us, count| {
            let mut times = Times::new(key.bounds());
            (0..count).for_each(|_| times.record(time_us));
            tally.absorb_times(&Arc::new(key), &times);
        };
        add(exchange(Outcome::Advanced), 20_000, 94);
        add(exchange(Outcome::Fault(Fault::ReadTimeout)), 30_000_000, 6);
        add(response.clone(), 100_000, 94);
        let counts = JourneyTally {
            due: 102,
            completed: 94,
            completed_in_time_m: 94_000,
            dropped: 2,
            faults: [(Fault::ReadTimeout, 6)].into_iter().collect(),
            ..JourneyTally::default()
        };
        tally.journeys.insert((variant, journey), counts);
        tally
    }

    fn observed(rule: &str) -> (String, bool) {
        let found = rule.parse::<Rule>().unwrap().evaluate(&Evidence {
            tally: &tally(),
            windows: None,
            reply_timeout: TIMEOUT,
        });
        assert_eq!((found.interval(), found.worst(), found.remark), (None, None, None));
        (found.observed, found.holds)
    }

    fn judged(rule: &str, seconds: &[Second], width_ms: u64) -> ThresholdSummary {
        let (tally, windows) = run(seconds, width_ms);
        let on = Evidence { tally: &tally, windows: Some(&windows), reply_timeout: TIMEOUT };
        rule.parse::<Rule>().unwrap().evaluate(&on)
    }

    #[test]
    fn six_of_a_hundred_held_until_the_time_out_fail_the_95th_percentile() {
        for rule in [
            "p95 < 800ms",
            "sign-on.p95 < 10h",
            "variant:v1.p95 < 800ms",
            "sign-on/credentials.p95 < 800ms",
            "capability:customHTMLTemplate.p95 < 800ms",
            "capability:customHTMLTemplate submit.p95 < 800ms",
            "capability:customHTMLTemplate submit SIGNON.p95 < 800ms",
            "max < 24h",
        ] {
            assert_eq!(observed(rule), ("> 30 s".to_owned(), false), "{rule}");
        }
        assert_eq!(observed("p90 < 800ms"), ("100 ms".to_owned(), true));
        assert_eq!(observed("p94 <= 100.031ms"), ("100 ms".to_owned(), true));
        assert_eq!(observed("p99.9 > 1s"), ("> 30 s".to_owned(), true));
    }

    #[test]
    fn every_metric_observes_its_number() {
        for (rule, observation, holds) in [
            ("faults < 1%", "6.00%", false),
            ("faults <= 6%", "6.00%", true),
            ("fault:read-timeout < 7%", "6.00%", true),
            ("fault:http-5xx <= 0%", "0%", true),
            ("dropped < 1%", "1.96%", false),
            ("completed-rate >= 9/s", "9.40/s", true),
            ("sign-on.completed-rate >= 600/min", "9.40/s", false),
            ("sign-on/credentials.faults < 10%", "6.00%", true),
        ] {
            assert_eq!(observed(rule), (observation.to_owned(), holds), "{rule}");
        }
        // 94 · 0.1 s + 6 · 30 s over 100.
        assert_eq!(observed("mean < 1s"), ("1.89 s".to_owned(), false));
    }

    #[test]
    fn a_rule_that_meets_no_sample_fails() {
        for rule in [
            "register.p95 < 800ms",
            "register.faults < 1%",
            "register.dropped < 1%",
            "register.completed-rate > 0/s",
            "capability:other.max < 1s",
            "capability:customHTMLTemplate action.mean < 1s",
            "variant:v2.p95 > 1us",
        ] {
            assert_eq!(observed(rule), ("no samples".to_owned(), false), "{rule}");
        }
    }

    #[test]
    fn while_a_run_goes_on_what_is_about_stretches_of_it_is_left_open() {
        for rule in ["p95 < 1us over 1m", "drift(p95) < 0%"] {
            assert_eq!(observed(rule), (AT_THE_END.to_owned(), true), "{rule}");
        }
    }

    /// Five minutes of which the fourth has one slow sign-on in ten; each second has ten.
    fn one_bad_minute() -> Vec<Second> {
        let mut seconds = vec![fine(10, 100_000); 300];
        for (place, second) in seconds.iter_mut().enumerate().skip(180).take(60) {
            *second = fine(10, if place % 10 == 0 { 900_000 } else { 100_000 });
        }
        seconds
    }

    #[test]
    fn one_bad_minute_breaks_the_rule_about_minutes_and_not_that_about_the_run() {
        let whole = judged("sign-on.p95 < 500ms", &one_bad_minute(), 1000);
        assert_eq!((whole.observed.as_str(), whole.holds), ("100 ms", true));
        for rule in [
            "sign-on.p95 < 500ms over 1m",
            "p95 < 500ms over 1m",
            "variant:v1.p95 < 500ms over 1m",
            "sign-on/credentials.p95 < 500ms over 1m",
            "capability:customHTMLTemplate submit SIGNON.p95 < 500ms over 1m",
        ] {
            let found = judged(rule, &one_bad_minute(), 1000);
            assert_eq!((found.observed.as_str(), found.holds), ("900 ms", false), "{rule}");
            // Six slow seconds of 60 are the tenth part; four were too few, and the first that end with four
            // do it by themselves: the earliest stretch of the worst is shown.
            assert_eq!((found.worst_from_s, found.worst_to_s), (Some(151.0), Some(211.0)));
            assert_eq!(found.remark, None);
        }
    }

    #[test]
    fn the_worst_of_a_lower_limit_is_the_lowest() {
        let mut seconds = vec![fine(10, 1000); 60];
        seconds[20..30].iter_mut().for_each(|second| second.completed = 4);
        seconds[40..45].iter_mut().for_each(|second| second.completed = 0);
        for (rule, observed, from_s, to_s) in [
            ("completed-rate >= 9/s over 10s", "4.00/s", 20.0, 30.0),
            ("completed-rate >= 9/s over 5s", "0/s", 40.0, 45.0),
            ("completed-rate < 9/s over 5s", "10.0/s", 0.0, 5.0),
            ("sign-on.p50 > 1s over 5s", "1.00 ms", 0.0, 5.0),
        ] {
            let found = judged(rule, &seconds, 1000);
            assert_eq!((found.observed.as_str(), found.holds), (observed, false), "{rule}");
            assert_eq!(
                (found.worst_from_s, found.worst_to_s),
                (Some(from_s), Some(to_s)),
                "{rule}"
            );
        }
    }

    #[test]
    fn every_metric_has_its_worst_stretch() {
        let mut seconds = vec![fine(8, 1000); 30];
        seconds[10] = Second { timed_out: 4, refused: 4, dropped: 4, time_us: 2000, ..seconds[10] };
        for (rule, observed) in [
            ("max < 1s over 1s", "> 30 s"),
            ("p50 < 1ms over 1s", "2.00 ms"),
            ("p50 < 2ms over 3s", "1.00 ms"),
            ("mean < 1s over 1s", "10.0 s"),
            ("faults < 50% over 1s", "50.0%"),
            ("faults < 25% over 2s", "33.3%"),
            ("fault:refused < 25% over 1s", "25.0%"),
            ("fault:dns <= 0% over 1s", "0%"),
            ("dropped < 20% over 1s", "20.0%"),
            ("sign-on/credentials.faults < 50% over 1s", "50.0%"),
        ] {
            assert_eq!(judged(rule, &seconds, 1000).observed, observed, "{rule}");
        }
    }

    #[test]
    fn a_stretch_without_a_sample_says_nothing_and_none_with_one_fails() {
        let mut seconds = vec![fine(10, 1000); 10];
        seconds[3..8].iter_mut().for_each(|second| second.completed = 0);
        for (rule, observed, holds) in [
            ("p95 < 2ms over 2s", "1.00 ms", true),
            ("faults < 1% over 2s", "0%", true),
            ("register.p95 < 2ms over 2s", NO_SAMPLES, false),
            ("register.completed-rate < 2/s over 2s", NO_SAMPLES, false),
        ] {
            let found = judged(rule, &seconds, 1000);
            assert_eq!((found.observed.as_str(), found.holds), (observed, holds), "{rule}");
        }
    }

    #[test]
    fn a_run_shorter_than_asked_for_is_judged_whole_and_says_so() {
        let found = judged("p95 < 1ms over 1m", &[fine(10, 5000); 59], 1000);
        assert_eq!((found.observed.as_str(), found.holds, found.worst()), ("5.00 ms", false, None));
        assert_eq!(found.remark.unwrap(), "measured for 59s only: judged on all of it");
        assert_eq!(judged("p95 < 1ms over 1m", &[fine(10, 5000); 60], 1000).remark, None);
    }

    #[test]
    fn what_windows_on_file_cannot_tell_apart_is_rounded_up_and_said() {
        let found = judged("p95 < 1ms over 15s", &[fine(10, 5000); 60], 10_000);
        assert_eq!(found.worst().unwrap(), "0s … 20s");
        assert_eq!(
            found.remark.unwrap(),
            "in stretches of 20s, because the run has windows of 10s on file"
        );
        assert_eq!(judged("p95 < 1ms over 20s", &[fine(10, 5000); 60], 10_000).remark, None);
    }

    #[test]
    fn stretches_begin_and_end_where_the_measured_part_does() {
        let mut seconds = vec![fine(10, 1000); 10];
        (seconds[0].measured_ms, seconds[1].measured_ms, seconds[9].measured_ms) = (0, 300, 400);
        seconds[1].time_us = 9000;
        let found = judged("max < 1us over 2s", &seconds, 1000);
        assert_eq!(found.worst().unwrap(), "1.7s … 4s", "the first alone is too short");
        seconds[9].time_us = 20_000;
        let found = judged("max < 1us over 2s", &seconds, 1000);
        assert_eq!(
            (found.observed.as_str(), found.worst().unwrap().as_str()),
            ("20.0 ms", "7s … 9.4s")
        );
    }

    #[test]
    fn a_drift_is_one_of_the_measured_part_or_of_what_is_asked_for() {
        let time = |second: u64| 1_000_000 + second * 1000;
        let seconds: Vec<_> = (0..300).map(|second| fine(20, time(second))).collect();
        let drift = |rule: &str| judged(rule, &seconds, 1000);
        // 300 ms of 1.15 s, to the resolution of the histogram.
        let found = drift("drift(p95) < 20%");
        let share = |text: &str| text.strip_suffix('%').unwrap().parse::<f64>().unwrap();
        assert!((share(&found.observed) - 26.1).abs() < 0.3, "{found:?}");
        assert!(!found.holds);
        let (low, high) = (share(&found.low.unwrap()), share(&found.high.unwrap()));
        assert!(low <= 26.1 && high >= 25.9 && high - low < 2.0, "{low} {high}");
        let hourly = share(&drift("drift(p95) < 20% over 1h").observed);
        assert!((hourly - 12.0 * share(&found.observed)).abs() < 1.2, "{hourly}");
        let short = judged("drift(p95) < 20%", &seconds[..7], 1000);
        assert_eq!((short.observed.as_str(), short.holds), (TOO_SHORT, false));
        assert!(short.remark.unwrap().contains("8 stretches"));
        assert_eq!(judged("register.drift(p95) < 20%", &seconds, 1000).observed, NO_SAMPLES);
    }

    #[test]
    fn an_interval_stands_around_what_was_observed() {
        let seconds: Vec<_> = (0..120)
            .map(|second| Second {
                refused: second % 2,
                ..fine(20, 100_000 + second * 7919 % 50_000)
            })
            .collect();
        for rule in
            ["p95 < 1s", "mean < 1s", "faults < 9%", "completed-rate > 1/s", "p50 < 1s over 1m"]
        {
            let found = judged(rule, &seconds, 1000);
            assert!(found.interval().is_some(), "{found:?}");
        }
        for rule in ["max < 1s", "p50 < 1s over 2s"] {
            assert_eq!(judged(rule, &seconds, 1000).interval(), None, "{rule}");
        }
        assert_eq!(judged("p95 < 1s", &seconds[..5], 1000).interval(), None);
    }

    #[test]
    fn what_was_under_way_when_gander_was_killed_was_cut_off_in_the_last_window() {
        let (mut tally, windows) = run(&[fine(10, 1000); 5], 1000);
        tally.journeys.values_mut().for_each(|journey| journey.cut_off += 10);
        let on = Evidence { tally: &tally, windows: Some(&windows), reply_timeout: TIMEOUT };
        let found = "p90 < 1s over 1s".parse::<Rule>().unwrap().evaluate(&on);
        assert_eq!((found.observed.as_str(), found.holds), ("> 30 s", false));
        assert_eq!(found.worst().unwrap(), "4s … 5s");
    }

    proptest! {
        /// Whatever the run: its windows together are the run.
        #[test]
        fn a_rule_without_over_observes_the_same_of_the_run_and_of_its_windows(
            seconds in prop::collection::vec(
                (0u64..=4, 0u64..9, 1u64..50_000_000, prop::array::uniform3(0u64..3)), 1..40),
            width_ms in 1u64..5000,
        ) {
            let seconds: Vec<_> = seconds
                .into_iter()
                .map(|(measured, completed, time_us, [timed_out, refused, dropped])| Second {
                    measured_ms: measured * 250, completed, time_us, timed_out, refused, dropped,
                })
                .collect();
            let (tally, windows) = run(&seconds, width_ms);
            for subject in ["", "sign-on.", "variant:v1.", "sign-on/credentials.",
                            "capability:customHTMLTemplate.", "register."] {
                for metric in ["p50 < 1s", "p99.9 < 1s", "max < 1s", "mean < 1s", "faults < 1%",
                               "fault:refused < 1%", "completed-rate > 1/s", "dropped < 1%"] {
                    let Ok(rule) = format!("{subject}{metric}").parse::<Rule>() else { continue };
                    let cells = windows.cells(|track| rule.scope.has(track));
                    let whole = rule.scope.whole(&tally);
                    let sum = cells.into_iter().reduce(|mut sum, cell| {
                        sum.append(&cell);
                        sum
                    });
                    // Nothing measured: no windows. What was due then is of no run either.
                    let Some(sum) = sum else { continue };
                    prop_assert_eq!(
                        rule.metric.of(&sum, TIMEOUT), rule.metric.of(&whole, TIMEOUT), "{}", rule
                    );
                }
            }
        }
    }

    #[test]
    fn a_run_without_a_rule_about_faults_gets_one() {
        let rules = |texts: &[&str]| -> Vec<String> {
            let rules = texts.iter().map(|text| text.parse::<Rule>().unwrap().into()).collect();
            with_default(rules).iter().map(|found| found.rule.to_string()).collect()
        };
        assert_eq!(rules(&[]), ["faults < 1%"]);
        assert_eq!(
            rules(&["p95 < 1s", "dns <= 0%"]),
            ["p95 < 1s", "fault:dns <= 0%", "faults < 1%"]
        );
        assert_eq!(rules(&["sign-on.faults < 5%"]), ["sign-on.faults < 5%"]);
    }
}
