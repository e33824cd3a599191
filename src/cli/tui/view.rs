//! What the terminal view shows: plain values, put together from each interval as it ends.

use crate::analysis::caution::{self, Circumstances};
use crate::analysis::early::{SoFar, moment};
use crate::analysis::rule::Rule;
use crate::analysis::threshold::Evidence;
use crate::base::names::{Journey, Variant};
use crate::load::{Plan, RateControl};
use crate::measure::counts::FaultCounts;
use crate::measure::histogram::{Bounds, Times};
use crate::measure::series::{Kind, Phase, Phases, SeriesKey};
use crate::measure::tally::{JourneyTally, Tally};
use crate::measure::timeline::{Event, Interval, Line, Percentiles};
use crate::report::paint::Paint;
use crate::result::run_dir::RunRecord;
use crate::result::summary::ThresholdSummary;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// "Of late" are the last so many intervals.
pub(super) const LATE: usize = 5;

/// How many intervals the sparklines look back.
const LOOKS_BACK: usize = 300;

/// Thresholds and cautions are looked at every so many intervals.
const JUDGED_EVERY: u64 = 2;

/// How many events are shown.
const EVENTS: usize = 3;

/// Cautions that say nothing while a run goes on: they are of its end, or of every run.
const NOT_YET: &[&str] = &["few-samples", "closed-model", "cut-off"];

/// Everything on the screen.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// What does not change.
    pub(super) facts: Facts,
    /// Since the start of the run; none before it.
    pub(super) elapsed: Option<Duration>,
    /// The last interval and all before; none before the first.
    pub(super) now: Option<Now>,
    /// The rate of an open run.
    pub(super) rate: Option<Rate>,
    /// How often somebody asked to stop.
    pub(super) stops: u32,
    /// Whether the table shows the times so far rather than those of late, where there is no room for
    /// both.
    pub(super) is_so_far: bool,
    /// Whether the keys are explained.
    pub(super) is_helping: bool,
    /// An answer to the last key, if it needs one.
    pub(super) answer: Option<&'static str>,
    /// Whether there are colours.
    pub(super) paint: Paint,
}

/// What is known of a run beforehand.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) run: String,
    pub(super) tenant: String,
    pub(super) phases: Phases,
    /// When the last iteration may start.
    pub(super) closes: Option<Duration>,
    pub(super) iterations: Option<u64>,
    pub(super) users: usize,
    pub(super) is_open: bool,
}

/// The rate of an open run at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    /// By the plan, per second.
    pub(super) planned: f64,
    pub(super) factor: f64,
    pub(super) is_paused: bool,
}

/// A run at the end of an interval.
#[derive(Clone, Debug, Default)]
pub(super) struct Now {
    pub(super) ended: Duration,
    /// Of all phases.
    pub(super) due: u64,
    /// Of late.
    pub(super) offered_per_s: f64,
    pub(super) completed_per_s: f64,
    /// Response times of all journeys of late.
    pub(super) response: Option<Percentiles>,
    pub(super) users: u64,
    /// Whether nothing was measured yet.
    pub(super) is_warming_up: bool,
    /// Of the measured iterations; in the warm-up those of the warm-up.
    pub(super) faults: FaultCounts,
    pub(super) journeys: Vec<Row>,
    /// Completed per second and p95 of each of the last intervals.
    pub(super) course: Vec<Dot>,
    pub(super) thresholds: Vec<ThresholdSummary>,
    pub(super) cautions: Vec<String>,
    /// The last things that were done to the run.
    pub(super) events: Vec<Event>,
    pub(super) generator: Generator,
}

/// One journey of one variant. Counts are of the measured part.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) variant: Variant,
    pub(super) journey: Journey,
    pub(super) due: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
    /// Completed per second of late.
    pub(super) per_s: f64,
    pub(super) late: Option<Percentiles>,
    pub(super) so_far: Option<Percentiles>,
}

/// One interval of the sparklines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dot {
    pub(super) number: u64,
    pub(super) per_s: f64,
    pub(super) p95_us: Option<u64>,
}

/// How the generator is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Generator {
    pub(super) cpu_share: Option<f64>,
    pub(super) cores: Option<f64>,
    pub(super) lag_p99_us: Option<u64>,
    pub(super) sockets: Option<u64>,
    /// Whether it may have been the limit in this interval.
    pub(super) is_limit: bool,
}

impl Facts {
    pub(super) fn of(plan: &Plan, record: &RunRecord) -> Self {
        Self {
            run: record.run_id.to_string(),
            tenant: record.tenant_hosts.join(", "),
            phases: plan.phases(),
            closes: plan.workload.closes_after(),
            iterations: plan.iterations(),
            users: plan.users(),
            is_open: plan.workload.model.is_open(),
        }
    }
}

impl Rate {
    pub(super) fn of(control: &RateControl, after: Duration) -> Self {
        let (factor, is_paused) = (control.factor(), control.is_paused());
        Self { planned: control.planned(after), factor, is_paused }
    }

    /// The rate that holds, per second.
    pub(super) const fn holds(self) -> f64 {
        if self.is_paused { 0.0 } else { self.planned * self.factor }
    }
}

impl View {
    pub(super) const fn new(facts: Facts, paint: Paint) -> Self {
        Self {
            facts,
            elapsed: None,
            now: None,
            rate: None,
            stops: 0,
            is_so_far: true,
            is_helping: false,
            answer: None,
            paint,
        }
    }

    /// The part of the run that it is in, in a word.
    pub(super) fn phase(&self) -> &'static str {
        match (self.elapsed, self.stops) {
            (None, _) => "starting",
            (_, 1) => "stopping (draining)",
            (_, 2..) => "stopping now",
            (Some(elapsed), 0) => self.facts.phases.of(elapsed).slug(),
        }
    }

    /// How much of the run is over, from 0 to 1; none where nobody knows.
    #[expect(clippy::cast_precision_loss, reason = "counts of a run")]
    pub(super) fn progress(&self) -> Option<f64> {
        let (elapsed, due) = (self.elapsed.unwrap_or_default(), self.now.as_ref()?.due);
        let time = self.facts.closes.map(|closes| elapsed.as_secs_f64() / closes.as_secs_f64());
        let count = self.facts.iterations.map(|all| due as f64 / all.max(1) as f64);
        let over = time.into_iter().chain(count).filter(|part| part.is_finite());
        over.max_by(f64::total_cmp).map(|part| part.clamp(0.0, 1.0))
    }
}

/// Puts together what is shown. On the thread that writes the intervals, so it does little.
pub(super) struct Gatherer {
    rules: Vec<Rule>,
    /// Those of them that are about stretches.
    stretches: Vec<SoFar>,
    reply_timeout: Duration,
    circumstances: Circumstances,
    /// Where what is watched began, from the start of the run; known with its first interval.
    began: Option<u64>,
    late: VecDeque<Late>,
    course: VecDeque<Dot>,
    warm_up_faults: FaultCounts,
    due: u64,
    events: VecDeque<Event>,
    thresholds: Vec<ThresholdSummary>,
    cautions: Vec<String>,
}

/// One of the last intervals.
struct Late {
    seconds: f64,
    journeys: BTreeMap<(Variant, Journey), JourneyLate>,
}

struct JourneyLate {
    due: u64,
    completed: u64,
    response: Times,
}

impl Default for JourneyLate {
    fn default() -> Self {
        Self { due: 0, completed: 0, response: Times::new(Bounds::Journey) }
    }
}

impl Gatherer {
    pub(super) fn of(record: &RunRecord) -> Self {
        // They were rules when they were written.
        let rules = record.thresholds.iter().filter_map(|rule| rule.parse().ok()).collect();
        let circumstances = Circumstances {
            workload_model: Some(record.workload_model),
            max_users: record.max_users,
            by_flow: record.counts_by_flow(),
            started_unix_ms: record.started_unix_ms,
            share: record.share,
            ..Circumstances::default()
        };
        Self::new(rules, Duration::from_millis(record.reply_timeout_ms), circumstances)
    }

    fn new(rules: Vec<Rule>, reply_timeout: Duration, circumstances: Circumstances) -> Self {
        let stretches = rules.iter().filter_map(|rule| SoFar::new(rule, reply_timeout)).collect();
        Self {
            rules,
            stretches,
            reply_timeout,
            circumstances,
            began: None,
            late: VecDeque::new(),
            course: VecDeque::new(),
            warm_up_faults: FaultCounts::default(),
            due: 0,
            events: VecDeque::new(),
            thresholds: Vec::new(),
            cautions: Vec::new(),
        }
    }

    pub(super) fn gather(&mut self, interval: &Interval, so_far: &Tally) -> Now {
        let line = &interval.line;
        let began_ms = *self.began.get_or_insert(line.start_ms);
        self.note(interval);
        if !self.stretches.is_empty() {
            let (moment, is_paused) = (moment(interval), line.paused_ms > 0);
            self.stretches.iter_mut().for_each(|rule| rule.observe(&moment, is_paused));
        }
        if line.interval.is_multiple_of(JUDGED_EVERY) {
            let (tally, reply_timeout) = (so_far, self.reply_timeout);
            let on = Evidence { tally, windows: None, reply_timeout };
            let mut thresholds: Vec<_> = self.rules.iter().map(|rule| rule.evaluate(&on)).collect();
            for found in self.stretches.iter().filter_map(SoFar::found) {
                let place = thresholds.iter_mut().find(|open| open.rule == found.rule);
                place.into_iter().for_each(|open| *open = found.clone());
            }
            self.thresholds = thresholds;
            self.cautions = cautions(so_far, &self.circumstances);
        }
        let all = self.of_late(|_, _| true);
        let (offered_per_s, completed_per_s) = self.per_s(&all);
        let is_warming_up = so_far.run.measured_ms == 0;
        let mut faults = FaultCounts::default();
        so_far.journeys.values().for_each(|journey| faults.merge(&journey.faults));
        Now {
            ended: Duration::from_millis(line.end_ms.saturating_sub(began_ms)),
            due: self.due,
            offered_per_s,
            completed_per_s,
            response: Percentiles::of(&all.response),
            users: line.readings.users,
            is_warming_up,
            faults: if is_warming_up { self.warm_up_faults.clone() } else { faults },
            journeys: self.rows(so_far),
            course: self.course.iter().copied().collect(),
            thresholds: self.thresholds.clone(),
            cautions: self.cautions.clone(),
            events: self.events.iter().cloned().collect(),
            generator: generator(line),
        }
    }

    fn note(&mut self, interval: &Interval) {
        let line = &interval.line;
        let seconds = Duration::from_millis(line.end_ms - line.start_ms.min(line.end_ms));
        let mut late = Late { seconds: seconds.as_secs_f64(), journeys: BTreeMap::new() };
        // The exchanges of `other` belong to no journey.
        for row in line.journeys.iter().filter(|row| !row.journey.as_str().is_empty()) {
            let name = (row.variant.clone(), row.journey.clone());
            let journey = late.journeys.entry(name).or_default();
            journey.due += row.due;
            journey.completed += row.completed;
            self.due += row.due;
            if row.phase == Phase::WarmUp {
                self.warm_up_faults.merge(&row.faults);
            }
        }
        for (key, times) in interval.series.iter().filter(|(key, _)| key.kind == Kind::Response) {
            let name = (key.variant.clone(), key.journey.clone());
            late.journeys.entry(name).or_default().response.add(times);
        }
        push(&mut self.late, late, LATE);
        let mut dot = JourneyLate::default();
        if let Some(late) = self.late.back() {
            late.journeys.values().for_each(|journey| dot.add(journey));
            let per_s = rate(dot.completed, late.seconds);
            let p95_us = Percentiles::of(&dot.response).map(|response| response.p95);
            push(&mut self.course, Dot { number: line.interval, per_s, p95_us }, LOOKS_BACK);
        }
        line.events.iter().for_each(|event| push(&mut self.events, event.clone(), EVENTS));
    }

    fn of_late(&self, chosen: impl Fn(&Variant, &Journey) -> bool) -> JourneyLate {
        let mut all = JourneyLate::default();
        for ((variant, journey), late) in self.late.iter().flat_map(|late| &late.journeys) {
            if chosen(variant, journey) {
                all.add(late);
            }
        }
        all
    }

    /// Due and completed.
    fn per_s(&self, late: &JourneyLate) -> (f64, f64) {
        let seconds = self.late.iter().map(|late| late.seconds).sum();
        (rate(late.due, seconds), rate(late.completed, seconds))
    }

    fn rows(&self, so_far: &Tally) -> Vec<Row> {
        let mut names: Vec<_> = so_far.journeys.keys().collect();
        names.extend(self.late.iter().flat_map(|late| late.journeys.keys()));
        // A journey's variants stand together.
        names.sort_by_key(|(variant, journey)| (journey, variant));
        names.dedup();
        let row = |(variant, journey): &(Variant, Journey)| {
            let late = self.of_late(|v, j| (v, j) == (variant, journey));
            let counts = so_far.journeys.get(&(variant.clone(), journey.clone()));
            let key = SeriesKey::of_journey(Phase::Measured, variant, journey, Kind::Response);
            Row {
                variant: variant.clone(),
                journey: journey.clone(),
                due: counts.map_or(0, |counts| counts.due),
                completed: counts.map_or(0, |counts| counts.completed),
                failed: counts.map_or(0, JourneyTally::failed),
                per_s: self.per_s(&late).1,
                late: Percentiles::of(&late.response),
                so_far: so_far.series.get(&key).and_then(Percentiles::of),
            }
        };
        names.into_iter().map(row).collect()
    }
}

impl JourneyLate {
    fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.completed += other.completed;
        self.response.add(&other.response);
    }
}

/// What is to be said of a run that goes on.
fn cautions(so_far: &Tally, circumstances: &Circumstances) -> Vec<String> {
    let sum = |count: fn(&JourneyTally) -> u64| so_far.journeys.values().map(count).sum::<u64>();
    let (late, dropped) = (sum(|journey| journey.late), sum(|journey| journey.dropped));
    let dropped = if dropped > 0 { format!(", {dropped} were dropped") } else { String::new() };
    let busy = (late > 0)
        .then(|| format!("max-users-reached: {late} arrivals found all users busy{dropped}"));
    let found = caution::all(so_far, circumstances).into_iter();
    let told = found.filter(|caution| !NOT_YET.contains(&caution.slug.as_str()));
    busy.into_iter()
        .chain(told.map(|caution| format!("{}: {}", caution.slug, caution.text)))
        .collect()
}

fn generator(line: &Line) -> Generator {
    let late = line.dispatched_late * 100 > line.dispatched && line.dispatched_late > 1;
    Generator {
        cpu_share: line.readings.cpu_share,
        cores: line.readings.cores,
        lag_p99_us: line.dispatch_lag_us.or(line.scheduler_lag_us).map(|lag| lag.p99),
        sockets: line.readings.open_sockets,
        is_limit: late || line.is_out_of_cpu(),
    }
}

fn push<T>(list: &mut VecDeque<T>, item: T, most: usize) {
    list.push_back(item);
    while list.len() > most {
        list.pop_front();
    }
}

#[expect(clippy::cast_precision_loss, reason = "iterations of some seconds")]
fn rate(number: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { number as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::threshold::AT_THE_END;
    use crate::measure::fault::Fault;
    use crate::measure::timeline::{JourneyLine, RATE_CHANGE, Readings};
    use std::sync::Arc;

    /// A second with so many iterations due and completed, each in so many milliseconds.
    fn second(number: u64, phase: Phase, (due, completed, ms): (u64, u64, u64)) -> Interval {
        let journey = JourneyLine {
            phase,
            variant: "v1".into(),
            journey: "sign-on".into(),
            due,
            late: 0,
            completed,
            dropped: 0,
            cut_off: 0,
            lost: 0,
            faults: [(Fault::Reset, due - completed)].into_iter().collect(),
            exchanges: 0,
            exchange_faults: FaultCounts::default(),
            response_us: None,
            funnel: Vec::new(),
        };
        let key = SeriesKey::of_journey(phase, &"v1".into(), &"sign-on".into(), Kind::Response);
        let mut times = Times::new(Bounds::Journey);
        (0..completed).for_each(|_| times.record(ms * 1000));
        let events = vec![Event {
            at_ms: number * 1000,
            slug: RATE_CHANGE.to_owned(),
            text: number.to_string(),
        }];
        Interval {
            line: Line {
                interval: number,
                start_ms: number * 1000,
                end_ms: number * 1000 + 1000,
                measured_ms: if phase == Phase::Measured { 1000 } else { 0 },
                journeys: vec![journey],
                events,
                readings: Readings { users: number, cpu_share: Some(0.9), ..Readings::default() },
                ..Line::default()
            },
            series: [(Arc::new(key), times)].into(),
            failing: Vec::new(),
        }
    }

    fn gather(seconds: &[Interval]) -> Now {
        let rules = ["sign-on.p95 < 800ms", "faults < 1%"].map(|rule| rule.parse().unwrap());
        let timeout = Duration::from_secs(30);
        let mut gatherer = Gatherer::new(rules.to_vec(), timeout, Circumstances::default());
        let mut tally = Tally::default();
        let mut now = Now::default();
        for interval in seconds {
            tally.absorb(interval);
            now = gatherer.gather(interval, &tally);
        }
        now
    }

    #[test]
    fn the_warm_up_shows_its_rates_and_faults_and_counts_for_nothing() {
        let now = gather(&[second(0, Phase::WarmUp, (20, 18, 50))]);
        assert!(now.is_warming_up);
        assert_eq!((now.offered_per_s, now.completed_per_s, now.faults.total()), (20.0, 18.0, 2));
        let row = &now.journeys[0];
        assert_eq!((row.due, row.completed, row.failed, row.so_far), (0, 0, 0, None));
        assert!(row.late.is_some() && now.response == row.late);
        assert!(now.thresholds.iter().all(|found| found.observed == "no samples"));
    }

    #[test]
    fn of_late_forgets_and_so_far_does_not() {
        let mut seconds: Vec<_> =
            (0..6).map(|number| second(number, Phase::Measured, (10, 10, 900))).collect();
        seconds.extend((6..11).map(|number| second(number, Phase::Measured, (30, 29, 50))));
        let now = gather(&seconds);
        assert_eq!((now.offered_per_s, now.completed_per_s), (30.0, 29.0));
        let row = &now.journeys[0];
        assert_eq!((row.due, row.completed, row.failed, row.per_s), (210, 205, 5, 29.0));
        assert!(row.late.unwrap().p99 < 60_000 && row.so_far.unwrap().p95 > 800_000, "{row:?}");
        assert_eq!((now.due, now.users, now.faults.of(Fault::Reset)), (210, 10, 5));
        assert_eq!(now.course.len(), 11);
        assert!(now.course[5].p95_us.unwrap() > 800_000 && now.course[6].p95_us.unwrap() < 60_000);
        let observed: Vec<_> = now.thresholds.iter().map(|found| found.holds).collect();
        assert_eq!(observed, [false, false], "{:?}", now.thresholds);
        assert!(now.cautions[0].starts_with("rate-changed: "), "{:?}", now.cautions);
        assert!(now.generator.is_limit);
        let events: Vec<_> = now.events.iter().map(|event| event.text.as_str()).collect();
        assert_eq!(events, ["8", "9", "10"]);
    }

    #[test]
    fn of_a_rule_about_stretches_the_worst_so_far_is_shown_once_there_is_one() {
        let rules = ["sign-on.p95 < 800ms over 3s", "drift(p95) < 5%"];
        let rules = rules.map(|rule| rule.parse().unwrap()).to_vec();
        let mut gatherer = Gatherer::new(rules, Duration::from_secs(30), Circumstances::default());
        let mut tally = Tally::default();
        let mut told = Vec::new();
        for number in 0..12 {
            let time_ms = if (3..6).contains(&number) { 900 } else { 50 };
            let interval = second(number, Phase::Measured, (10, 10, time_ms));
            tally.absorb(&interval);
            told.push(gatherer.gather(&interval, &tally).thresholds);
        }
        let observed = |second: usize, rule: usize| told[second][rule].observed.as_str();
        assert_eq!((observed(0, 0), observed(2, 0)), (AT_THE_END, "50.0 ms"));
        assert!(told[2][0].holds && !told[11][0].holds, "{:?}", told[11]);
        assert_eq!((observed(11, 0), observed(11, 1)), ("900 ms", AT_THE_END));
    }

    #[test]
    fn progress_is_that_of_whatever_ends_the_run_first() {
        let facts = Facts {
            run: String::new(),
            tenant: String::new(),
            phases: Phases { warm_up_ends: Duration::ZERO, measured_ends: None },
            closes: Some(Duration::from_secs(100)),
            iterations: None,
            users: 1,
            is_open: false,
        };
        let mut view = View::new(facts, Paint::Plain);
        assert_eq!((view.progress(), view.phase()), (None, "starting"));
        view.elapsed = Some(Duration::from_secs(25));
        view.now = Some(Now { due: 50, ..Now::default() });
        assert_eq!(view.progress(), Some(0.25));
        view.facts.iterations = Some(60);
        assert_eq!(view.progress(), Some(50.0 / 60.0));
        view.facts.iterations = Some(10);
        assert_eq!(view.progress(), Some(1.0));
        (view.facts.closes, view.facts.iterations) = (None, None);
        assert_eq!(view.progress(), None);
        view.stops = 1;
        assert_eq!(view.phase(), "stopping (draining)");
    }
}
