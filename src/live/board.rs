//! What is exported, added up interval by interval, with a bound on how many rows there are.

use super::family::{BOUNDS_US, CLOSED, FAMILIES, Family, Id};
use crate::measure::catalogue::OTHER;
use crate::measure::histogram::Times;
use crate::measure::series::{Kind, Outcome, SeriesKey};
use crate::measure::tally::Tally;
use crate::measure::timeline::{Interval, JourneyLine, Line};
use crate::run::conduct::Listener;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The values of a row's labels, in the order of its family's names.
pub type Labels = Box<[Arc<str>]>;

/// All numbers that are exported.
#[derive(Clone, Debug)]
pub struct Board {
    families: Vec<BTreeMap<Labels, Value>>,
}

/// One number.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter.
    Count(u64),
    /// Of a gauge.
    Level(f64),
    /// Of a histogram.
    Spread(Spread),
}

/// Times, counted in buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// How many times there are.
    pub count: u64,
    /// All of them together, in seconds.
    pub sum_s: f64,
    /// How many are within each of [`BOUNDS_US`] and beyond the bound before it; the last are
    /// beyond all of them.
    pub buckets: [u64; BOUNDS_US.len() + 1],
}

impl Spread {
    #[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 samples")]
    fn add(&mut self, times: &Times) {
        self.count += times.count();
        self.sum_s += times.mean_us() * times.count() as f64 / 1e6;
        // A counter that reaches beyond a bound is within it, as in `Times::above`.
        times.each(|lowest, _, count| {
            let place = BOUNDS_US.partition_point(|bound| *bound < lowest);
            self.buckets[place] += u64::from(count);
        });
    }
}

impl Default for Board {
    fn default() -> Self {
        Self { families: vec![BTreeMap::new(); FAMILIES.len()] }
    }
}

impl Board {
    /// A board that says whose it is.
    pub fn of_run(run_id: &str, version: &str) -> Self {
        let mut board = Self::default();
        board.level(Id::RunInfo, &[run_id, version], Some(1.0));
        board
    }

    /// Every family with its rows, in order.
    pub fn families(&self) -> impl Iterator<Item = (&'static Family, &BTreeMap<Labels, Value>)> {
        FAMILIES.iter().zip(&self.families)
    }

    /// Adds an interval.
    pub fn absorb(&mut self, interval: &Interval) {
        let Line { journeys, readings, end_ms, .. } = &interval.line;
        // The exchanges of `other` belong to no journey.
        for row in journeys.iter().filter(|row| !row.journey.as_str().is_empty()) {
            self.absorb_journey(row);
        }
        for (key, times) in &interval.series {
            self.absorb_times(key, times);
        }
        self.level(Id::Users, &[], Some(number(readings.users)));
        self.level(Id::GeneratorCpu, &[], readings.cpu_share);
        self.level(Id::ResidentMemory, &[], readings.rss_bytes.map(number));
        self.level(Id::OpenSockets, &[], readings.open_sockets.map(number));
        self.level(Id::Elapsed, &[], Some(number(*end_ms) / 1e3));
        let line = &interval.line;
        for (name, lag) in [
            ("iteration", &line.lag_us),
            ("dispatch", &line.dispatch_lag_us),
            ("scheduler", &line.scheduler_lag_us),
        ] {
            self.level(Id::LagP99, &[name], lag.as_ref().map(|lag| number(lag.p99) / 1e6));
        }
    }

    /// Settles the account: what was due and never heard of again was cut off, as in a summary.
    pub fn settle(&mut self, settled: &Tally) {
        for ((variant, journey), tally) in &settled.journeys {
            let labels = ["measured", variant.as_str(), journey.as_str(), "cut_off"];
            let row = self.row(Id::Iterations, &labels, || Value::Count(0));
            if let Value::Count(count) = row {
                *count = tally.cut_off.max(*count);
            }
        }
    }

    fn absorb_journey(&mut self, row: &JourneyLine) {
        let of = [row.phase.slug(), row.variant.as_str(), row.journey.as_str()];
        self.count(Id::IterationsDue, &of, row.due);
        let endings = [
            ("completed", row.completed),
            ("dropped", row.dropped),
            ("cut_off", row.cut_off),
            ("lost", row.lost),
        ];
        let faults = row.faults.iter().map(|(fault, number)| (fault.slug(), number));
        for (ending, number) in endings.into_iter().chain(faults) {
            if number > 0 || ending == "completed" {
                self.count(Id::Iterations, &[of[0], of[1], of[2], ending], number);
            }
        }
    }

    fn absorb_times(&mut self, key: &SeriesKey, times: &Times) {
        let named =
            |name: &'_ str| if name.is_empty() { OTHER.to_owned() } else { name.to_owned() };
        let (variant, journey) = (named(key.variant.as_str()), named(key.journey.as_str()));
        let of = [key.phase.slug(), &variant, &journey];
        match (key.kind, key.outcome) {
            (Kind::Response, _) => self.times(Id::JourneyResponse, &of, times),
            (Kind::Exchange, Some(outcome)) => {
                let (step, capability) = (key.step.as_str(), key.capability.as_str());
                let row = [of[0], of[1], of[2], step, capability, &key.event, &key.action];
                let [phase, variant, journey, step, capability, event, action] = row;
                let slug = outcome.slug();
                let with = [phase, variant, journey, step, capability, event, action, slug];
                self.count(Id::Exchanges, &with, times.count());
                if !matches!(outcome, Outcome::Fault(_)) {
                    self.times(Id::Exchange, &row, times);
                }
            }
            _ => {}
        }
    }

    fn count(&mut self, id: Id, labels: &[&str], more: u64) {
        if let Value::Count(count) = self.row(id, labels, || Value::Count(0)) {
            *count += more;
        }
    }

    fn times(&mut self, id: Id, labels: &[&str], times: &Times) {
        if let Value::Spread(spread) = self.row(id, labels, || Value::Spread(Spread::default())) {
            spread.add(times);
        }
    }

    /// What is not known is absent, never zero.
    fn level(&mut self, id: Id, labels: &[&str], level: Option<f64>) {
        match level {
            Some(level) => *self.row(id, labels, || Value::Level(level)) = Value::Level(level),
            None => drop(self.families[id as usize].remove(&owned(labels))),
        }
    }

    /// A row, or one of `other` when there are too many.
    fn row(&mut self, id: Id, labels: &[&str], new: impl FnOnce() -> Value) -> &mut Value {
        let (family, rows) = (&FAMILIES[id as usize], &mut self.families[id as usize]);
        let mut labels = owned(labels);
        if rows.len() >= family.most && !rows.contains_key(&labels) {
            for (label, name) in labels.iter_mut().zip(family.labels) {
                if !CLOSED.contains(name) {
                    *label = OTHER.into();
                }
            }
        }
        rows.entry(labels).or_insert_with(new)
    }
}

fn owned(labels: &[&str]) -> Labels {
    labels.iter().map(|label| Arc::from(*label)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a number with a point")]
const fn number(value: u64) -> f64 {
    value as f64
}

/// A board that one thread writes and others read. Nobody waits for a reader: it takes what is there,
/// and the writer goes on with a copy while it is being read.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<Arc<Board>>>);

impl Shared {
    /// Shares a board.
    pub fn new(board: Board) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(board))))
    }

    /// What is there now.
    pub fn read(&self) -> Arc<Board> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it.
    pub fn write(&self, change: impl FnOnce(&mut Board)) {
        change(Arc::make_mut(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// Brings every interval to a shared board.
#[derive(Debug)]
pub struct MetricsFeed(pub Shared);

impl Listener for MetricsFeed {
    fn interval(&mut self, interval: &Interval, _so_far: &Tally) {
        self.0.write(|board| board.absorb(interval));
    }
}

#[cfg(test)]
mod tests {
    use super::super::prometheus::{Dialect, render};
    use super::*;
    use crate::measure::counts::FaultCounts;
    use crate::measure::fault::Fault;
    use crate::measure::histogram::{Bounds, Percentile};
    use crate::measure::series::Phase;
    use crate::measure::timeline::Readings;
    use proptest::prelude::*;

    fn exchange(action: &str, outcome: Outcome) -> SeriesKey {
        SeriesKey {
            step: "credentials".into(),
            capability: "customHTMLTemplate".into(),
            event: "submit".into(),
            action: action.into(),
            outcome: Some(outcome),
            ..SeriesKey::of_journey(
                Phase::Measured,
                &"v1".into(),
                &"sign-on".into(),
                Kind::Exchange,
            )
        }
    }

    fn times(values_us: &[u64]) -> Times {
        let mut times = Times::new(Bounds::Exchange);
        values_us.iter().for_each(|time| times.record(*time));
        times
    }

    fn second() -> Interval {
        let row = JourneyLine {
            phase: Phase::Measured,
            variant: "v1".into(),
            journey: "sign-on".into(),
            due: 4,
            late: 0,
            completed: 2,
            dropped: 0,
            cut_off: 0,
            lost: 0,
            faults: [(Fault::Http5xx, 1)].into_iter().collect(),
            exchanges: 3,
            exchange_faults: FaultCounts::default(),
            response_us: None,
            funnel: Vec::new(),
        };
        let response =
            SeriesKey::of_journey(Phase::Measured, &"v1".into(), &"sign-on".into(), Kind::Response);
        let line = Line {
            end_ms: 1000,
            measured_ms: 1000,
            journeys: vec![row],
            readings: Readings { users: 3, cpu_share: Some(0.25), ..Readings::default() },
            ..Line::default()
        };
        let series = [
            (Arc::new(response), times(&[900, 1_500_000])),
            (Arc::new(exchange("SIGNON", Outcome::Advanced)), times(&[1000, 2500])),
            (Arc::new(exchange("SIGNON", Outcome::Fault(Fault::Http5xx))), times(&[7000])),
        ];
        Interval { line, series: series.into(), failing: Vec::new() }
    }

    fn text(board: Board, dialect: Dialect) -> String {
        let text = render(&Shared::new(board), dialect).unwrap();
        // The buckets say little here and are many.
        let lines = text.lines().filter(|line| !line.contains("_bucket") || line.contains("0.002"));
        lines.map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn an_interval_becomes_a_few_lines() {
        let mut board = Board::of_run("r1", "0.1.0");
        board.absorb(&second());
        board.absorb(&second());
        insta::assert_snapshot!(text(board, Dialect::OpenMetrics), @r#"
        # HELP gander_iterations_due Iterations planned to start.
        # TYPE gander_iterations_due counter
        gander_iterations_due_total{phase="measured",variant="v1",journey="sign-on"} 8
        # HELP gander_iterations Iterations that ended: completed, dropped, cut_off, lost or a fault.
        # TYPE gander_iterations counter
        gander_iterations_total{phase="measured",variant="v1",journey="sign-on",ending="completed"} 4
        gander_iterations_total{phase="measured",variant="v1",journey="sign-on",ending="http-5xx"} 2
        # HELP gander_journey_response_seconds Response time of completed iterations: lag, service and connect times, no think time.
        # TYPE gander_journey_response_seconds histogram
        gander_journey_response_seconds_sum{phase="measured",variant="v1",journey="sign-on"} 3.001096
        gander_journey_response_seconds_count{phase="measured",variant="v1",journey="sign-on"} 4
        gander_journey_response_seconds_bucket{le="0.002",phase="measured",variant="v1",journey="sign-on"} 2
        # HELP gander_exchanges Exchanges that ended: advanced, refused-as-expected or a fault.
        # TYPE gander_exchanges counter
        gander_exchanges_total{phase="measured",variant="v1",journey="sign-on",step="credentials",capability="customHTMLTemplate",event="submit",action="SIGNON",outcome="advanced"} 4
        gander_exchanges_total{phase="measured",variant="v1",journey="sign-on",step="credentials",capability="customHTMLTemplate",event="submit",action="SIGNON",outcome="http-5xx"} 2
        # HELP gander_exchange_seconds Service time of exchanges that advanced or were refused as expected.
        # TYPE gander_exchange_seconds histogram
        gander_exchange_seconds_sum{phase="measured",variant="v1",journey="sign-on",step="credentials",capability="customHTMLTemplate",event="submit",action="SIGNON"} 0.007002
        gander_exchange_seconds_count{phase="measured",variant="v1",journey="sign-on",step="credentials",capability="customHTMLTemplate",event="submit",action="SIGNON"} 4
        gander_exchange_seconds_bucket{le="0.002",phase="measured",variant="v1",journey="sign-on",step="credentials",capability="customHTMLTemplate",event="submit",action="SIGNON"} 2
        # HELP gander_users Users performing an iteration.
        # TYPE gander_users gauge
        gander_users{} 3.0
        # HELP gander_generator_cpu_ratio CPU time of the generator as a part of the cores it may use, in the last interval.
        # TYPE gander_generator_cpu_ratio gauge
        gander_generator_cpu_ratio{} 0.25
        # HELP gander_elapsed_seconds Time since the start of the run, at the end of the last interval.
        # TYPE gander_elapsed_seconds gauge
        gander_elapsed_seconds{} 1.0
        # HELP gander_run_info Always 1; which run of which version of gander this is.
        # TYPE gander_run_info gauge
        gander_run_info{run_id="r1",version="0.1.0"} 1.0
        # EOF
        "#);
    }

    #[test]
    fn the_older_dialect_names_counters_by_their_samples() {
        let mut board = Board::default();
        board.count(Id::Iterations, &["measured", "v1", "a \"b\"\n\\c", "completed"], 1);
        insta::assert_snapshot!(text(board, Dialect::Text), @r#"
        # HELP gander_iterations_total Iterations that ended: completed, dropped, cut_off, lost or a fault.
        # TYPE gander_iterations_total counter
        gander_iterations_total{phase="measured",variant="v1",journey="a \"b\"\n\\c",ending="completed"} 1
        "#);
    }

    #[test]
    fn rows_beyond_the_most_are_added_up_in_other_and_nothing_is_lost() {
        let family = &FAMILIES[Id::Exchange as usize];
        let mut board = Board::default();
        for number in 0..family.most + 50 {
            let key = exchange(&format!("ACTION-{number}"), Outcome::Advanced);
            board.absorb_times(&key, &times(&[1000]));
        }
        let rows = &board.families[Id::Exchange as usize];
        assert_eq!(rows.len(), family.most + 1);
        let other = owned(&["measured", "other", "other", "other", "other", "other", "other"]);
        let Some(Value::Spread(spread)) = rows.get(&other) else { panic!("no other in {rows:?}") };
        assert_eq!(spread.count, 50);
        let counted = rows.values().map(|value| match value {
            Value::Spread(spread) => spread.count,
            _ => 0,
        });
        assert_eq!(counted.sum::<u64>(), family.most as u64 + 50);
    }

    #[test]
    fn what_is_not_known_any_more_is_gone_from_the_board() {
        let mut board = Board::default();
        board.absorb(&second());
        assert_eq!(board.families[Id::GeneratorCpu as usize].len(), 1);
        let mut next = second();
        next.line.readings.cpu_share = None;
        board.absorb(&next);
        assert!(board.families[Id::GeneratorCpu as usize].is_empty());
    }

    #[test]
    fn what_was_never_heard_of_again_is_cut_off_when_the_account_is_settled() {
        let (mut board, mut tally) = (Board::default(), Tally::default());
        board.absorb(&second());
        tally.absorb(&second());
        tally.settle();
        board.settle(&tally);
        let cut_off = owned(&["measured", "v1", "sign-on", "cut_off"]);
        let rows = &board.families[Id::Iterations as usize];
        assert_eq!(rows.get(&cut_off), Some(&Value::Count(1)));
    }

    #[test]
    fn a_reader_keeps_what_it_took_while_the_writer_goes_on() {
        let shared = Shared::new(Board::default());
        let taken = shared.read();
        shared.write(|board| board.absorb(&second()));
        assert!(taken.families().all(|(_, rows)| rows.is_empty()));
        assert!(shared.read().families().any(|(_, rows)| !rows.is_empty()));
    }

    proptest! {
        #[test]
        fn a_percentile_lies_in_the_bucket_that_the_spread_puts_it_in(
            values in prop::collection::vec(1u64..100_000_000, 1..200),
            thousandths in 1u32..=100_000,
        ) {
            let times = times(&values);
            let mut spread = Spread::default();
            spread.add(&times);
            prop_assert_eq!(spread.count, values.len() as u64);
            prop_assert_eq!(spread.buckets.iter().sum::<u64>(), spread.count);
            let exact = values.iter().sum::<u64>() as f64 / 1e6;
            prop_assert!((spread.sum_s - exact).abs() <= exact / 1000.0 + 1e-6);
            let percentile = Percentile::from_thousandths(thousandths).unwrap();
            let rank = percentile.rank(spread.count).unwrap();
            let mut seen = 0;
            let place = spread.buckets.iter().position(|count| { seen += count; seen >= rank });
            let place = place.unwrap();
            let shown = times.at(percentile).unwrap();
            let low = if place == 0 { 0 } else { BOUNDS_US[place - 1] };
            let high = BOUNDS_US.get(place).copied().unwrap_or(u64::MAX);
            prop_assert!(shown > low && shown <= high.saturating_add(high / 1000));
        }
    }
}
