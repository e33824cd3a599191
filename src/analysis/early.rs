//! Thresholds looked at while a run goes, for those that stop it.

use super::observed::Observed;
use super::rule::{Metric, Rule};
use super::sliding::{Sliding, slack_ms};
use super::threshold::Threshold;
use crate::base::figures;
use crate::base::units::Span;
use crate::measure::timeline::Interval;
use crate::measure::windows::{Cell, Windows};
use crate::result::summary::ThresholdSummary;
use std::fmt;
use std::time::Duration;

/// With fewer events nothing is judged before the end.
pub const FEWEST_EVENTS: u64 = 20;

/// Nor is a percentile with fewer events beyond it.
pub const FEWEST_BEYOND: u64 = 10;

/// The newest stretch of a rule is kept in at most so many pieces, however long it is.
const PIECES: u64 = 120;

/// A threshold that stops the run when it does not hold. What it keeps does not grow with the run.
#[derive(Clone, Debug)]
pub struct Lookout {
    rule: Rule,
    delay_ms: u64,
    reply_timeout: Duration,
    measured_ms: u64,
    /// Iterations of its scope that were due so far.
    due: u64,
    /// The most samples of anything that it could have looked at; none before there was anything.
    most: Option<u64>,
    has_looked: bool,
    seen: Seen,
}

#[derive(Clone, Debug)]
enum Seen {
    /// Everything so far.
    All(Box<Option<Cell>>),
    /// The newest stretch, as long as the rule asks for.
    Newest(Box<Newest>),
}

/// The newest stretch of a run, in pieces of which the oldest go as new ones come.
#[derive(Clone, Debug)]
struct Newest {
    length_ms: u64,
    piece_ms: u64,
    /// The piece that is being filled.
    open: Option<Cell>,
    pieces: Sliding,
}

/// Why a run was stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// The rule.
    pub rule: String,
    /// What was observed instead, with its unit.
    pub observed: String,
    /// How much had been measured by then.
    pub measured: Duration,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, observed, measured } = self;
        let measured = figures::seconds(measured.as_secs_f64());
        write!(f, "{} {measured} measured: {observed}", beginning(rule))
    }
}

/// Whether a run was stopped for a rule, by the line that says why it was.
pub fn was_stopped_for(rule: &str, stopped: &str) -> bool {
    stopped.starts_with(&beginning(rule))
}

fn beginning(rule: &str) -> String {
    format!("threshold `{rule}` did not hold after")
}

/// An interval of a run by itself, for all who look out: one window, if it is measured at all.
pub fn moment(interval: &Interval) -> Windows {
    // So wide that everything is in the first.
    let mut moment = Windows::new(u64::MAX, 1);
    moment.absorb(interval);
    moment
}

impl Lookout {
    /// None for a drift: it is known at the end.
    pub fn new(threshold: &Threshold, reply_timeout: Duration) -> Option<Self> {
        let Threshold { rule, abort_delay, .. } = threshold;
        if matches!(rule.metric, Metric::Drift(_)) {
            return None;
        }
        let seen = match &rule.over {
            None => Seen::All(Box::default()),
            Some(over) => Seen::Newest(Box::new(Newest::new(millis(over.value.0)))),
        };
        let delay_ms = millis(*abort_delay);
        let rule = rule.clone();
        let (measured_ms, due, most, has_looked) = (0, 0, None, false);
        Some(Self { rule, delay_ms, reply_timeout, measured_ms, due, most, has_looked, seen })
    }

    /// Looks at the next moment and says whether to stop. A rule about stretches passes over a moment with paused
    /// time in it, as it does at the end.
    pub fn observe(&mut self, moment: &Windows, is_paused: bool) -> Option<Broken> {
        if is_paused && matches!(self.seen, Seen::Newest(_)) {
            return None;
        }
        let cell = moment.cells(|track| self.rule.scope.has(track)).pop()?;
        self.measured_ms += cell.measured_ms;
        self.due += cell.due;
        let is_due = self.measured_ms >= self.delay_ms;
        let (rule, due, reply_timeout) = (&self.rule, self.due, self.reply_timeout);
        let judge = |sum: &Cell| {
            let samples = samples(rule.metric, sum, due);
            let seen = rule.metric.of(sum, reply_timeout);
            (samples, seen.filter(|_| samples >= fewest(rule.metric)))
        };
        let found = match &mut self.seen {
            Seen::All(all) => Some(judge(add(all, cell))),
            Seen::Newest(newest) => newest.take(cell).and_then(|pieces| pieces.with_sum(judge)),
        };
        let (samples, seen) = found.filter(|_| is_due)?;
        self.most = self.most.max(Some(samples));
        self.has_looked |= seen.is_some();
        let broken = seen.filter(|seen| !rule.holds(*seen));
        broken.map(|seen: Observed| Broken {
            rule: rule.to_string(),
            observed: rule.shown(seen, reply_timeout),
            measured: Duration::from_millis(self.measured_ms),
        })
    }

    /// That it could not have stopped the run, because no stretch had samples enough, in one line. Said of
    /// rules with `over` alone: without it everything is looked at together, as soon as that is enough. A rate
    /// wants enough of the run, not of a stretch.
    pub fn never_looked(&self) -> Option<String> {
        let over_ms = millis(self.rule.over.as_ref()?.value.0);
        let most = self.most.filter(|most| *most > 0 && !self.has_looked)?;
        let needed = fewest(self.rule.metric);
        if most >= needed || self.rule.metric == Metric::CompletedRate {
            return None;
        }
        let enough_s = over_ms.saturating_mul(needed).div_ceil(most).div_ceil(1000);
        let enough = Span(Duration::from_secs(enough_s));
        Some(format!(
            "`{}` could not stop the run: its stretches had at most {most} samples, and it takes {needed}; \
             `over {enough}` would do at that rate",
            self.rule
        ))
    }
}

/// A rule about stretches of a run as it stands while the run goes on: the worst stretch so far.
#[derive(Clone, Debug)]
pub struct SoFar {
    rule: Rule,
    reply_timeout: Duration,
    newest: Newest,
    worst: Option<Observed>,
}

impl SoFar {
    /// None for a rule without `over`, and for a drift: it is known at the end.
    pub fn new(rule: &Rule, reply_timeout: Duration) -> Option<Self> {
        let over = rule.over.as_ref().filter(|_| !matches!(rule.metric, Metric::Drift(_)))?;
        let newest = Newest::new(millis(over.value.0));
        Some(Self { rule: rule.clone(), reply_timeout, newest, worst: None })
    }

    /// Adds the next moment, unless it has paused time in it.
    pub fn observe(&mut self, moment: &Windows, is_paused: bool) {
        if is_paused {
            return;
        }
        let Some(cell) = moment.cells(|track| self.rule.scope.has(track)).pop() else { return };
        let of = |sum: &Cell| self.rule.metric.of(sum, self.reply_timeout);
        let Some(seen) = self.newest.take(cell).and_then(|pieces| pieces.with_sum(of)?) else {
            return;
        };
        if self.worst.is_none_or(|worst| self.rule.is_worse(seen, worst)) {
            self.worst = Some(seen);
        }
    }

    /// What was observed so far, if there was a stretch with a sample.
    pub fn found(&self) -> Option<ThresholdSummary> {
        let worst = self.worst?;
        let (rule, observed) = (self.rule.to_string(), self.rule.shown(worst, self.reply_timeout));
        let holds = self.rule.holds(worst);
        Some(ThresholdSummary { rule, observed, holds, ..ThresholdSummary::default() })
    }
}

impl Newest {
    const fn new(length_ms: u64) -> Self {
        let sliding = Sliding::EMPTY;
        Self { length_ms, piece_ms: length_ms / PIECES, open: None, pieces: sliding }
    }

    /// Adds what came last. Shows the pieces when a new one is whole and they are together as long as asked for.
    fn take(&mut self, cell: Cell) -> Option<&Sliding> {
        // A second, which may be a few milliseconds short.
        let slack_ms = slack_ms(cell.measured_ms);
        let measured_ms = add(&mut self.open, cell).measured_ms;
        if measured_ms + slack_ms < self.piece_ms {
            return None;
        }
        self.pieces.push(self.open.take()?);
        let enough_ms = self.length_ms.saturating_sub(slack_ms).max(1);
        while self.pieces.len() > 1
            && self.pieces.measured_ms() >= enough_ms + self.pieces.oldest_ms()
        {
            self.pieces.pop();
        }
        (self.pieces.measured_ms() >= enough_ms).then_some(&self.pieces)
    }
}

fn add(sum: &mut Option<Cell>, cell: Cell) -> &Cell {
    match sum {
        Some(sum) => {
            sum.append(&cell);
            sum
        }
        none => none.insert(cell),
    }
}

/// How many samples something has to have to be judged before the end.
fn fewest(metric: Metric) -> u64 {
    match metric {
        // Of the highest percentile of all nothing is beyond: it is the longest time.
        Metric::Percentile(percentile) if percentile.beyond_thousandths() > 0 => {
            let with_beyond = (FEWEST_BEYOND * 100_000).div_ceil(percentile.beyond_thousandths());
            with_beyond.max(FEWEST_EVENTS)
        }
        _ => FEWEST_EVENTS,
    }
}

/// How many samples a cell has of what a metric is about. A rate is judged by what was `due` so far: of a
/// tenant that answers nothing nothing ends.
fn samples(metric: Metric, cell: &Cell, due: u64) -> u64 {
    match metric {
        Metric::Percentile(_) | Metric::Mean | Metric::Max => {
            cell.pool.good.count() + cell.pool.beyond
        }
        Metric::Faults | Metric::Fault(_) => cell.pool.samples(),
        Metric::Dropped => cell.due,
        Metric::CompletedRate => due,
        Metric::Drift(_) => 0,
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::lab::{Second, fine, interval};
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// In which second a rule stops the run, and with what.
    fn stops(rule: &str, delay_s: u64, seconds: &[Second]) -> Option<(u64, Broken)> {
        let rule = rule.parse().unwrap();
        let abort_delay = Duration::from_secs(delay_s);
        let threshold = Threshold { rule, abort_on_fail: true, abort_delay };
        let mut lookout = Lookout::new(&threshold, TIMEOUT)?;
        (0..).zip(seconds).find_map(|(number, second)| {
            let broken = lookout.observe(&moment(&interval(number, *second)), false)?;
            Some((number, broken))
        })
    }

    fn second_of(rule: &str, seconds: &[Second]) -> Option<u64> {
        stops(rule, 0, seconds).map(|(number, _)| number)
    }

    #[test]
    fn nothing_is_judged_on_a_few_events() {
        let slow = [fine(10, 900_000); 200];
        for (rule, second) in [
            // Twenty events, and ten beyond the percentile: 20, 100, 200, 1000 of them.
            ("p50 < 1ms", Some(1)),
            ("p90 < 1ms", Some(9)),
            ("p95 < 1ms", Some(19)),
            ("p99 < 1ms", Some(99)),
            ("p99.9 < 1ms", None),
            ("mean < 1ms", Some(1)),
            ("max < 1ms", Some(1)),
            ("p100 < 1ms", Some(1)),
            ("completed-rate > 20/s", Some(1)),
            ("p95 < 1s", None),
            ("drift(p95) < 0%", None),
        ] {
            assert_eq!(second_of(rule, &slow), second, "{rule}");
        }
        let faulty = [Second { timed_out: 2, dropped: 2, ..fine(3, 1000) }; 200];
        assert_eq!(second_of("faults < 10%", &faulty), Some(3));
        assert_eq!(second_of("dropped < 10%", &faulty), Some(2));
    }

    #[test]
    fn a_delay_counts_from_where_measuring_begins() {
        let warm_up = Second { measured_ms: 0, ..fine(100, 900_000) };
        let mut seconds = vec![warm_up; 10];
        seconds.extend([fine(100, 900_000); 60]);
        let (number, broken) = stops("p50 < 1ms", 30, &seconds).unwrap();
        assert_eq!((number, broken.measured), (39, Duration::from_secs(30)));
        assert_eq!(
            broken.to_string(),
            "threshold `p50 < 1ms` did not hold after 30.0 s measured: 900 ms"
        );
    }

    #[test]
    fn the_newest_stretch_is_looked_at_once_it_is_full() {
        let mut seconds = vec![fine(100, 1000); 60];
        seconds[40..].iter_mut().for_each(|second| second.time_us = 900_000);
        assert_eq!(second_of("p50 < 10ms", &seconds), None);
        assert_eq!(second_of("p50 < 10ms over 10s", &seconds), Some(45));
        assert_eq!(second_of("p90 < 10ms over 10s", &seconds), Some(41));
        // A full one at the start, not before.
        assert_eq!(second_of("p50 > 1s over 10s", &seconds), Some(9));
        assert_eq!(second_of("p50 > 1s over 2m", &seconds), None);
        assert_eq!(second_of("completed-rate > 200/s over 1s", &seconds), Some(0));
    }

    #[test]
    fn a_stretch_too_short_for_its_fewest_samples_is_told_with_one_that_would_do() {
        let told = |rule: &str, delay_s: u64, seconds: &[Second]| {
            let rule = rule.parse().unwrap();
            let abort_delay = Duration::from_secs(delay_s);
            let threshold = Threshold { rule, abort_on_fail: true, abort_delay };
            let mut lookout = Lookout::new(&threshold, TIMEOUT).unwrap();
            for (number, second) in (0..).zip(seconds) {
                lookout.observe(&moment(&interval(number, *second)), false);
            }
            lookout.never_looked()
        };
        let seconds = [fine(8, 1000); 30];
        assert_eq!(
            told("p95 < 1s over 5s", 0, &seconds).unwrap(),
            "`p95 < 1s over 5s` could not stop the run: its stretches had at most 40 samples, and it takes 200; \
             `over 25s` would do at that rate"
        );
        assert_eq!(told("p95 < 1s over 25s", 0, &seconds), None);
        assert!(told("faults < 1% over 1s", 0, &seconds).unwrap().contains("`over 3s` would do"));
        for (rule, delay_s) in [
            ("p50 < 1s over 5s", 0),
            ("p99 < 1s", 0),
            ("completed-rate > 1/s over 1s", 0),
            // Nothing to look at: no sample, no full stretch, no time.
            ("register.p95 < 1s over 5s", 0),
            ("p99 < 1s over 1m", 0),
            ("p95 < 1s over 5s", 60),
        ] {
            assert_eq!(told(rule, delay_s, &seconds), None, "{rule}");
        }
        // Once is enough.
        let mut seconds = seconds;
        seconds[20].completed = 400;
        assert_eq!(told("p95 < 1s over 5s", 0, &seconds), None);
    }

    #[test]
    fn a_tenant_that_answers_nothing_any_more_is_noticed() {
        let mut seconds = vec![fine(10, 1000); 30];
        seconds[10..].iter_mut().for_each(|second| second.completed = 0);
        assert_eq!(second_of("completed-rate >= 5/s over 5s", &seconds), Some(12));
        assert_eq!(second_of("p95 < 1s over 5s", &seconds), None);
    }

    #[test]
    fn while_a_run_goes_on_the_worst_stretch_so_far_is_known() {
        let rule = "p50 < 10ms over 5s".parse::<Rule>().unwrap();
        let mut so_far = SoFar::new(&rule, TIMEOUT).unwrap();
        let mut told = Vec::new();
        for number in 0..20 {
            let time_us = if (8..12).contains(&number) { 900_000 } else { 1000 };
            so_far.observe(&moment(&interval(number, fine(10, time_us))), false);
            told.push(so_far.found().map(|found| (found.observed, found.holds)));
        }
        assert!(told[..4].iter().all(Option::is_none), "{told:?}");
        assert_eq!(told[4], Some(("1.00 ms".to_owned(), true)));
        assert_eq!(told[9], Some(("1.00 ms".to_owned(), true)));
        assert_eq!(told[10..].iter().flatten().filter(|(_, holds)| !holds).count(), 10);
        for rule in ["p50 < 10ms", "drift(p50) < 1% over 1h"] {
            assert!(SoFar::new(&rule.parse().unwrap(), TIMEOUT).is_none(), "{rule}");
        }
    }

    #[test]
    fn what_is_kept_does_not_grow_with_the_run() {
        let mut lookout =
            Lookout::new(&"p95 < 1h over 1h".parse::<Rule>().unwrap().into(), TIMEOUT).unwrap();
        for number in 0..8000 {
            assert_eq!(lookout.observe(&moment(&interval(number, fine(2, 1000))), false), None);
        }
        let Seen::Newest(newest) = &lookout.seen else { panic!("a window") };
        assert_eq!((newest.pieces.len(), newest.pieces.measured_ms()), (120, 3_600_000));
    }

    #[test]
    fn a_stretch_with_paused_time_in_it_stops_no_run() {
        let slow = || moment(&interval(0, fine(100, 900_000)));
        for (rule, stops) in [("p50 < 1ms over 5s", false), ("p50 < 1ms", true)] {
            let rule = rule.parse::<Rule>().unwrap();
            let mut lookout = Lookout::new(&rule.clone().into(), TIMEOUT).unwrap();
            let paused = (0..20).filter_map(|_| lookout.observe(&slow(), true)).count();
            assert_eq!(paused > 0, stops, "{rule}");
            assert!((0..20).any(|_| lookout.observe(&slow(), false).is_some()), "{rule}");
            if let Some(mut so_far) = SoFar::new(&rule, TIMEOUT) {
                (0..20).for_each(|_| so_far.observe(&slow(), true));
                assert!(so_far.found().is_none());
            }
        }
    }

    #[test]
    fn the_exchanges_of_a_step_are_looked_at_too() {
        let slow = [fine(100, 900_000); 5];
        for scope in ["sign-on/credentials", "capability:customHTMLTemplate submit"] {
            assert_eq!(second_of(&format!("{scope}.p50 < 1ms"), &slow), Some(0));
        }
        assert_eq!(second_of("register.p50 < 1ms", &slow), None);
    }
}
