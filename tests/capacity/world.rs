//! A tenant that is a queue, a generator that never tires, and a clock that is only counted.

use crate::erlang::Erlang;
use gander::analysis::capacity::assemble::{About, Probed, assemble};
use gander::analysis::capacity::found::{Asked, Capacity, Ending, Level, LevelVerdict, Purpose};
use gander::analysis::capacity::judge::judge;
use gander::analysis::capacity::level::{Order, Turn, Watch};
use gander::analysis::capacity::search::{Search, Step};
use gander::analysis::rule::Rule;
use gander::analysis::threshold::Evidence;
use gander::base::random::{Seed, unit};
use gander::measure::fault::Fault;
use gander::measure::histogram::Times;
use gander::measure::series::{Kind, Phase, SeriesKey};
use gander::measure::tally::Tally;
use gander::measure::timeline::{Interval, JourneyLine, Line};
use gander::measure::windows::Windows;
use gander::result::summary::{Facts, Judgement, Summary, Verdict, WorkloadModel};
use gander::standin::queue::Queue;
use rand::Rng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

/// Figures for whoever asks the harness to show them; `./scripts/prove capacity` does.
#[expect(clippy::print_stdout, reason = "the harness keeps it from whoever does not ask")]
pub(crate) fn tell(figure: &str) {
    println!("figure: {figure}");
}

/// What is under test. Every iteration is one call to a queue.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) servers: u32,
    pub(crate) service_ms: f64,
    /// Calls a second above which every further one is answered with 429.
    pub(crate) licence_per_s: Option<f64>,
    /// Rate above which the generator is the limit.
    pub(crate) generator_per_s: Option<f64>,
    /// The number of a probe during which everything takes so many times as long.
    pub(crate) disturbed: Option<(usize, f64)>,
    /// How long a level is measured at most.
    pub(crate) measure: Duration,
    pub(crate) seed: u64,
    pub(crate) rules: Vec<Rule>,
}

impl World {
    pub(crate) fn new(servers: u32, service_ms: f64, rules: &[&str], seed: u64) -> Self {
        let rules = rules.iter().map(|rule| rule.parse().expect("a rule")).collect();
        let (licence_per_s, generator_per_s, disturbed) = (None, None, None);
        let measure = Duration::from_secs(120);
        Self {
            servers,
            service_ms,
            licence_per_s,
            generator_per_s,
            disturbed,
            measure,
            seed,
            rules,
        }
    }

    /// Calls a second that would keep every server busy.
    pub(crate) fn saturation_per_s(&self) -> f64 {
        f64::from(self.servers) * 1000.0 / self.service_ms
    }

    /// The rate at which a part of the calls takes longer than a limit, by queueing theory.
    pub(crate) fn capacity_per_s(&self, part: f64, limit_ms: f64) -> f64 {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..100 {
            let load = f64::midpoint(low, high);
            let above = Erlang::new(self.servers, load).sojourn_above(limit_ms / self.service_ms);
            if above < part { low = load } else { high = load }
        }
        low * self.saturation_per_s()
    }

    /// The limit in whole milliseconds that is reached at this part of saturation.
    pub(crate) fn limit_ms_at(&self, load: f64, percentile: f64) -> f64 {
        (Erlang::new(self.servers, load).sojourn_quantile(percentile) * self.service_ms).round()
    }
}

/// A search as it is asked for by default.
pub(crate) fn asked(from_per_s: f64) -> Asked {
    Asked {
        from_per_s,
        to_per_s: None,
        resolution: 0.05,
        climb: 1.5,
        most_probes: 20,
        hold_s: 300.0,
        rules: Vec::new(),
    }
}

/// A probe as it is made by default.
pub(crate) fn order(rate_per_s: f64, rules: &[Rule]) -> Order {
    Order {
        rate_per_s,
        rules: rules.to_vec(),
        reply_timeout: Duration::from_secs(30),
        settle: Duration::from_secs(60),
        measure_at_least: Duration::from_secs(10),
        measure: Duration::from_secs(120),
        cool_down: None,
        hold: None,
        has_passed_below: false,
    }
}

/// A search that is over.
pub(crate) struct Found {
    pub(crate) probed: Vec<Probed>,
    pub(crate) ending: Ending,
    pub(crate) search: Search,
}

impl Found {
    /// Without the confirmations.
    pub(crate) fn probes(&self) -> usize {
        self.probed.iter().filter(|probed| probed.level.purpose != Purpose::Hold).count()
    }

    /// What is left behind.
    pub(crate) fn assembled(&self) -> Capacity {
        let about = About {
            run_id: "r".into(),
            started_at: String::new(),
            ended_at: None,
            seed: "1".to_owned(),
            tenant_hosts: Vec::new(),
            asked: asked(1.0),
            need: None,
        };
        assemble(about, &self.probed, Some(self.ending.clone()))
    }

    /// A line for each level.
    pub(crate) fn told(&self) -> String {
        let line = |probed: &Probed| {
            let level = &probed.level;
            let rules = level.rules.iter().map(|rule| {
                let (low, high) = (rule.low.as_deref(), rule.high.as_deref());
                let ends = format!("{} … {}", low.unwrap_or("-"), high.unwrap_or("-"));
                format!("{} [{ends}]", rule.observed)
            });
            format!(
                "{:3} {:7?} {:8.2}/s {:9?} settled {} {:5.1} s measured {:6.1} s  {}\n",
                level.probe,
                level.purpose,
                level.rate_per_s,
                level.verdict,
                level.is_settled,
                level.settling_s + level.cooled_s,
                level.measured_s,
                rules.collect::<Vec<_>>().join("; ")
            )
        };
        let levels: String = self.probed.iter().map(line).collect();
        format!("{levels}{:?} {:?}", self.search.bracket(), self.ending)
    }
}

/// Searches, as the program does.
pub(crate) fn search(world: &World, asked: &Asked) -> Found {
    let mut search = Search::new(asked);
    let mut probed: Vec<Probed> = Vec::new();
    let mut tenant = Tenant::new(world);
    loop {
        let (rate_per_s, purpose) = match search.next() {
            Step::Probe { rate_per_s, purpose } => (rate_per_s, purpose),
            Step::Done(ending) => return Found { probed, ending, search },
        };
        assert!(probed.len() < 60, "it does not end");
        let mut order = order(rate_per_s, &world.rules);
        order.measure = world.measure;
        order.cool_down = search.cool_down(Duration::from_secs(60));
        order.hold = (purpose == Purpose::Hold).then(|| Duration::from_secs_f64(asked.hold_s));
        let (level, summary) = tenant.probe(&order, probed.len() + 1);
        let probe = u32::try_from(probed.len() + 1).expect("few");
        let dir = format!("probes/{probe:02}");
        let level = Level { probe, purpose, dir, ..level };
        search.note(&level);
        probed.push(Probed { level, summary });
    }
}

/// One level of a world, on a queue that has nothing to do.
pub(crate) fn probe(world: &World, order: &Order) -> Level {
    Tenant::new(world).probe(order, 1).0
}

/// The queue and the time, from probe to probe.
struct Tenant<'w> {
    world: &'w World,
    queue: Queue,
    now: Duration,
}

/// An iteration that is under way.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct UnderWay {
    ended: Duration,
    due: Duration,
    phase: usize,
    is_refused: bool,
}

/// How long iterations may take to end after a probe.
const DRAIN: Duration = Duration::from_secs(10);

impl<'w> Tenant<'w> {
    fn new(world: &'w World) -> Self {
        Self { world, queue: Queue::new(world.servers), now: Duration::ZERO }
    }

    fn probe(&mut self, order: &Order, number: usize) -> (Level, Summary) {
        let mut random = Seed(self.world.seed).stream("capacity", number as u64);
        let start = self.now;
        let mut run = Run::new(order);
        let mut next_due = exponential(&mut random, 1.0 / run.rate());
        let (mut second, mut ends) = (0u64, None);
        loop {
            let close = Duration::from_secs(second + 1);
            while next_due < close && ends.is_none_or(|ends| next_due < ends) {
                self.arrive(&mut run, (start, next_due), number, &mut random);
                next_due += exponential(&mut random, 1.0 / run.rate());
            }
            let interval = run.close(second, ends);
            if let Some(turn) = run.take(&interval) {
                if let Turn::EndAt(at) = turn {
                    ends = Some(at);
                }
                if let Turn::Rate(factor) = turn {
                    run.factor = factor;
                }
            }
            second += 1;
            let is_over =
                ends.is_some_and(|ends| close >= ends + DRAIN || run.is_idle(close, ends));
            if is_over {
                self.now = start + close + Duration::from_secs(2);
                return run.judged(order, self.world);
            }
        }
    }

    fn arrive(
        &mut self,
        run: &mut Run,
        (start, due): (Duration, Duration),
        number: usize,
        random: &mut impl Rng,
    ) {
        let phase = run.phase_of(due);
        run.due[phase] += 1;
        let rate = run.rate();
        let is_refused = self
            .world
            .licence_per_s
            .is_some_and(|licence| rate > licence && unit(random) > licence / rate);
        let slower =
            self.world.disturbed.filter(|(probe, _)| *probe == number).map_or(1.0, |of| of.1);
        let ended = if is_refused {
            due + Duration::from_millis(2)
        } else {
            let service = exponential(random, self.world.service_ms * slower / 1e3);
            self.queue.arrive(start + due, service).ended - start
        };
        run.under_way.push(Reverse(UnderWay { ended, due, phase, is_refused }));
    }
}

/// What happens in one probe.
struct Run {
    rate_per_s: f64,
    factor: f64,
    watch: Watch,
    measured: (Option<Duration>, Option<Duration>),
    under_way: BinaryHeap<Reverse<UnderWay>>,
    due: [u64; 3],
    tally: Tally,
    windows: Windows,
}

const PHASES: [Phase; 3] = [Phase::WarmUp, Phase::Measured, Phase::Drain];

impl Run {
    fn new(order: &Order) -> Self {
        Self {
            rate_per_s: order.rate_per_s,
            factor: order.first_factor(),
            watch: Watch::new(order.clone()),
            measured: (None, None),
            under_way: BinaryHeap::new(),
            due: [0; 3],
            tally: Tally::default(),
            windows: Windows::new(1000, 1440),
        }
    }

    fn rate(&self) -> f64 {
        self.rate_per_s * self.factor
    }

    fn phase_of(&self, due: Duration) -> usize {
        match self.measured {
            (Some(from), _) if due < from => 0,
            (None, _) => 0,
            (_, Some(to)) if due >= to => 2,
            _ => 1,
        }
    }

    fn is_idle(&self, close: Duration, ends: Duration) -> bool {
        close >= ends && self.under_way.is_empty()
    }

    fn take(&mut self, interval: &Interval) -> Option<Turn> {
        self.tally.absorb(interval);
        self.windows.absorb(interval);
        let turn = self.watch.observe(interval);
        match turn {
            Some(Turn::MeasureFrom(at)) => self.measured.0 = Some(at),
            Some(Turn::EndAt(at)) => self.measured.1 = Some(at),
            _ => {}
        }
        turn
    }

    fn close(&mut self, second: u64, ends: Option<Duration>) -> Interval {
        let (start, close) = (Duration::from_secs(second), Duration::from_secs(second + 1));
        let is_cut_off = ends.is_some_and(|ends| close >= ends + DRAIN);
        let mut rows: [Row; 3] = [Row::default(), Row::default(), Row::default()];
        while let Some(Reverse(first)) = self.under_way.peek().copied() {
            let has_ended = first.ended < close;
            if !has_ended && !is_cut_off {
                break;
            }
            self.under_way.pop();
            let row = &mut rows[first.phase];
            match (has_ended, first.is_refused) {
                (false, _) => row.cut_off += 1,
                (true, true) => row.refused += 1,
                (true, false) => row.times_us.push((first.ended - first.due).as_micros()),
            }
        }
        let from = self.measured.0.unwrap_or(Duration::MAX).max(start);
        let to = self.measured.1.unwrap_or(Duration::MAX).min(close);
        let measured = to.saturating_sub(from);
        let due = std::mem::take(&mut self.due);
        let mut line = Line {
            interval: second,
            start_ms: second * 1000,
            end_ms: second * 1000 + 1000,
            measured_ms: u64::try_from(measured.as_millis()).expect("a second"),
            ..Line::default()
        };
        let mut series = BTreeMap::new();
        for ((phase, row), due) in PHASES.into_iter().zip(rows).zip(due) {
            if due > 0 || !row.is_empty() {
                line.journeys.push(row.line(phase, due));
            }
            series.extend(row.series(phase));
        }
        Interval { line, series, failing: Vec::new() }
    }

    fn judged(mut self, order: &Order, world: &World) -> (Level, Summary) {
        self.tally.settle();
        let on = Evidence {
            tally: &self.tally,
            windows: Some(&self.windows),
            reply_timeout: order.reply_timeout,
        };
        let facts = Facts {
            run_id: "r".into(),
            started_at: String::new(),
            workload_model: WorkloadModel::Open,
            parts: Vec::new(),
        };
        let is_too_fast = world.generator_per_s.is_some_and(|most| order.rate_per_s > most);
        let (verdict, reasons) = if is_too_fast {
            (Verdict::Invalid, vec!["the generator was the limit".to_owned()])
        } else {
            (Verdict::Pass, Vec::new())
        };
        let judgement = Judgement { verdict, reasons, thresholds: vec![], cautions: vec![] };
        let summary = Summary::new(facts, &self.tally, judgement);
        let level = judge(order, (&self.watch.watched(), None), &on, &summary);
        assert_eq!(level.verdict == LevelVerdict::Void, is_too_fast || level.stops.is_some());
        (level, summary)
    }
}

#[derive(Default)]
struct Row {
    times_us: Vec<u128>,
    refused: u64,
    cut_off: u64,
}

impl Row {
    fn is_empty(&self) -> bool {
        self.times_us.is_empty() && self.refused == 0 && self.cut_off == 0
    }

    fn line(&self, phase: Phase, due: u64) -> JourneyLine {
        let completed = self.times_us.len() as u64;
        let row: JourneyLine = serde_json::from_value(serde_json::json!({
            "phase": phase, "variant": "v1", "journey": "sign-on", "due": due,
            "completed": completed, "cut_off": self.cut_off,
            "exchanges": completed + self.refused,
        }))
        .expect("a row");
        let faults = || [(Fault::RateLimited, self.refused)].into_iter().collect();
        JourneyLine { faults: faults(), exchange_faults: faults(), ..row }
    }

    fn series(&self, phase: Phase) -> Vec<(Arc<SeriesKey>, Times)> {
        if self.times_us.is_empty() {
            return Vec::new();
        }
        let one = |kind| {
            let key = SeriesKey::of_journey(phase, &"v1".into(), &"sign-on".into(), kind);
            let mut times = Times::new(key.bounds());
            self.times_us.iter().for_each(|us| times.record(u64::try_from(*us).expect("a time")));
            (Arc::new(key), times)
        };
        vec![one(Kind::Response), one(Kind::Elapsed)]
    }
}

fn exponential(random: &mut impl Rng, mean_s: f64) -> Duration {
    Duration::from_secs_f64(-mean_s * (1.0 - unit(random)).ln())
}
