//! A run directory tells what the run knew: finished, killed, torn, with any length of window.

use super::interval_log::LogText;
use super::run_dir::{EXEMPLARS, FAULTS, HostRecord, INTERVALS, RunDir, RunRecord, TAIL, TIMELINE};
use super::summary::{Facts, Judgement, Summary, Verdict, WorkloadModel};
use super::writer::RunWriter;
use crate::base::random::Seed;
use crate::measure::Exemplar;
use crate::measure::catalogue::{JourneyId, Row};
use crate::measure::collector::Collector;
use crate::measure::failing::{Failing, FaultSample};
use crate::measure::fault::Fault;
use crate::measure::recorder::Recorder;
use crate::measure::sample::{Connect, Ending, Iteration, Sample, Traced};
use crate::measure::segment::Segment;
use crate::measure::series::{Kind, Outcome, Phase, Phases};
use crate::measure::tally::Tally;
use crate::measure::timeline::{Interval, Readings};
use proptest::prelude::*;
use rand::Rng;
use std::fs;
use std::time::Duration;

const MINUTE_MS: u64 = 60_000;

fn record(planned_ms: Option<u64>) -> RunRecord {
    RunRecord {
        schema_version: 1,
        gander_version: "0.1.0".to_owned(),
        run_id: "r1".into(),
        started_at: "2026-11-21T18:34:41.000Z".to_owned(),
        started_unix_ms: 1_795_286_081_000,
        ended_at: None,
        interrupted: false,
        stopped: None,
        never_looked: Vec::new(),
        seed: "7".to_owned(),
        workload_model: WorkloadModel::Closed,
        max_users: None,
        planned_ms,
        reply_timeout_ms: 30_000,
        thresholds: Vec::new(),
        share: None,
        host: HostRecord::default(),
        tenant_hosts: Vec::new(),
        segments: Vec::new(),
        parts: Vec::new(),
        flows: Vec::new(),
        plan: serde_json::Value::Null,
    }
}

/// A run of invented happenings, the same for the same seed.
struct Invented {
    recorder: Recorder,
    collector: Collector,
    journeys: [JourneyId; 2],
    random: rand_chacha::ChaCha8Rng,
    now_ms: u64,
    iteration: u64,
}

impl Invented {
    fn new(seed: u64) -> Self {
        let recorder = Recorder::new(2, Seed(seed));
        let phases = Phases {
            warm_up_ends: Duration::from_secs(2),
            measured_ends: Some(Duration::from_secs(30)),
        };
        Self {
            journeys: ["register", "sign-on"].map(|j| recorder.journey(&"v1".into(), &j.into())),
            collector: Collector::new(recorder.clone(), phases),
            recorder,
            random: Seed(seed).stream("invented", 0),
            now_ms: 0,
            iteration: 0,
        }
    }

    /// The next segment of the same run, so long after the last interval that counts.
    fn take_up(&mut self, interval: u64, start_ms: u64) {
        let recorder = Recorder::new(2, Seed(interval));
        let phases = Phases { warm_up_ends: Duration::from_secs(2), measured_ends: None };
        self.journeys = ["register", "sign-on"].map(|j| recorder.journey(&"v1".into(), &j.into()));
        self.collector = Collector::new(recorder.clone(), phases).going_on(interval, start_ms);
        self.recorder = recorder;
        self.now_ms = start_ms;
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random.next_u64() % limit
    }

    fn pick(&mut self, limit: u64) -> usize {
        usize::try_from(self.below(limit)).unwrap_or(0)
    }

    fn interval(&mut self) -> Interval {
        for _ in 0..self.below(12) {
            self.iterate();
        }
        self.now_ms += 950 + self.below(100);
        let readings = Readings {
            users: self.below(20),
            cpu_share: Some(0.000_07 * (self.below(10_000) as f64)),
            rss_bytes: Some(self.below(1 << 30)),
            open_sockets: Some(self.below(100)),
            ..Readings::default()
        };
        self.collector.close(Duration::from_millis(self.now_ms), readings)
    }

    fn iterate(&mut self) {
        let recorder = self.recorder.clone();
        let journey = self.journeys[usize::from(self.below(2) == 0)];
        let due = Duration::from_millis(self.now_ms);
        let phases = Phases {
            warm_up_ends: Duration::from_secs(2),
            measured_ends: Some(Duration::from_secs(30)),
        };
        let phase = phases.of(due);
        recorder.due(phase, journey);
        let fault = Fault::all().nth(self.pick(60));
        let step = recorder.step(journey, ["credentials", "verify"][self.pick(2)]);
        let row = recorder.row(
            journey,
            &Row {
                step: "credentials",
                capability: "customHTMLTemplate",
                event: ["submit", "action"][self.pick(2)],
                action: "SIGN ON, please",
            },
        );
        let service = Duration::from_micros(20_000 + self.below(30_000));
        let outcome = fault.map_or(Outcome::Advanced, Outcome::Fault);
        let connect = Some(Connect { tcp: service / 9, ..Connect::default() });
        let sample = Sample { service, outcome, connect, first_byte: Some(service / 2) };
        recorder.exchange(phase, row, &sample);
        recorder.flow(journey, ["f1/n1", "f2/n1"][self.pick(2)]);
        if let Some(fault) = fault {
            recorder.failing(Failing {
                journey,
                row: Some(row),
                at: due,
                iteration: self.iteration,
                fault,
                status: Some(500),
                call_id: None,
                detail: "what came".to_owned(),
            });
        }
        self.iteration += 1;
        // Some are never heard of again.
        if self.below(10) > 0 {
            recorder.wait(phase, journey, Kind::DispatchLag, service / 100);
            recorder.iteration(
                phase,
                journey,
                &Iteration {
                    index: self.iteration,
                    due,
                    response: service * 3,
                    service: service * 2,
                    elapsed: service * 4,
                    ending: fault.map_or(Ending::Completed, Ending::Failed),
                    steps: &[step],
                    exchanges: &[Traced { row, sent: Duration::ZERO, service, outcome }],
                },
            );
        }
    }
}

fn summary(mut tally: Tally) -> Summary {
    tally.settle();
    let facts = Facts {
        run_id: "r1".into(),
        started_at: "2026-11-21T18:34:41.000Z".to_owned(),
        workload_model: WorkloadModel::Closed,
        parts: Vec::new(),
    };
    let judgement = Judgement {
        verdict: Verdict::Pass,
        reasons: Vec::new(),
        thresholds: Vec::new(),
        cautions: Vec::new(),
    };
    Summary::new(facts, &tally, judgement)
}

/// One second, ten seconds, a minute, and not known beforehand.
const PLANS: [Option<u64>; 4] =
    [Some(MINUTE_MS), Some(20 * MINUTE_MS), Some(300 * MINUTE_MS), None];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_files_alone_give_the_same_summary(
        seed in any::<u64>(),
        plan in prop::sample::select(&PLANS[..]),
        intervals in 1u64..25,
        finished in any::<bool>(),
    ) {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(home.path()).unwrap();
        let mut writer = RunWriter::start(dir, &record(plan)).unwrap();
        let mut invented = Invented::new(seed);
        let mut live = Tally::default();
        for _ in 0..intervals {
            let interval = invented.interval();
            writer.write(&interval).unwrap();
            live.absorb(&interval);
        }
        let dir = if finished { writer.finish().unwrap() } else { writer.dir().clone() };
        let mut rebuilt = dir.tally().unwrap();
        // Only the log cannot say how many times were clipped; the timeline does.
        live.settle();
        prop_assert_eq!(&rebuilt.journeys, &live.journeys);
        prop_assert_eq!(&rebuilt.run, &live.run);
        prop_assert_eq!(summary(rebuilt.clone()), summary(live));
        rebuilt.settle();
        for journey in rebuilt.journeys.values() {
            prop_assert_eq!(journey.due, journey.ended());
        }
    }

    /// A kill can fall between any two writes and within any of them.
    #[test]
    fn torn_anywhere_a_directory_still_tells_every_finished_interval(
        seed in any::<u64>(),
        plan in prop::sample::select(&PLANS[..]),
        intervals in 1u64..25,
        torn_bytes in 1usize..400,
    ) {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(home.path()).unwrap();
        let mut writer = RunWriter::start(dir.clone(), &record(plan)).unwrap();
        let mut invented = Invented::new(seed);
        let mut live = Tally::default();
        for _ in 0..intervals {
            let interval = invented.interval();
            writer.write(&interval).unwrap();
            live.absorb(&interval);
        }
        // The interval in which the kill falls: its histograms in part, its line in part.
        let names = [INTERVALS, TAIL, TIMELINE];
        let before = names.map(|name| fs::read(dir.file(name)).unwrap());
        writer.write(&invented.interval()).unwrap();
        for (name, before) in names.into_iter().zip(before) {
            let after = fs::read(dir.file(name)).unwrap();
            if after.starts_with(&before) && after.len() > before.len() {
                let kept = (before.len() + torn_bytes).min(after.len() - 1);
                let kept = if name == TIMELINE { before.len() + torn_bytes % 9 } else { kept };
                fs::write(dir.file(name), &after[..kept]).unwrap();
            } else {
                fs::write(dir.file(name), &before).unwrap();
            }
        }
        prop_assert_eq!(summary(dir.tally().unwrap()), summary(live));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Killed within any write, taken up again, killed while it was made ready for that: nothing is counted
    /// twice, nothing that was told is lost, and what was under way is cut off.
    #[test]
    fn a_run_in_segments_tells_what_all_of_them_knew(
        seed in any::<u64>(),
        plan in prop::sample::select(&PLANS[..]),
        segments in prop::collection::vec((1u64..14, 1usize..400, 0u64..9_000), 2..4),
    ) {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(home.path()).unwrap();
        let mut record = record(plan);
        let mut writer = RunWriter::start(dir.clone(), &record).unwrap();
        let mut invented = Invented::new(seed);
        let mut live = Tally::default();
        let names = [INTERVALS, TAIL, FAULTS, TIMELINE];
        for (number, (intervals, torn_bytes, gap_ms)) in (1u32..).zip(segments) {
            for _ in 0..intervals {
                let interval = invented.interval();
                writer.write(&interval).unwrap();
                live.absorb(&interval);
            }
            let before = names.map(|name| fs::read(dir.file(name)).unwrap());
            writer.write(&invented.interval()).unwrap();
            for (name, before) in names.into_iter().zip(before) {
                let after = fs::read(dir.file(name)).unwrap();
                let is_longer = after.starts_with(&before) && after.len() > before.len();
                let torn = if name == TIMELINE { torn_bytes % 9 } else { torn_bytes };
                let kept = (before.len() + torn).min(after.len().saturating_sub(1));
                let kept = if is_longer { &after[..kept] } else { &before[..] };
                fs::write(dir.file(name), kept).unwrap();
            }
            live.settle();
            prop_assert_eq!(summary(dir.tally().unwrap()), summary(live.clone()));

            let mut stand = dir.stand(&record.segments).unwrap();
            dir.mend(&stand).unwrap();
            prop_assert_eq!(summary(dir.tally().unwrap()), summary(live.clone()));
            let cut_off = dir.book_cut_off(&mut stand).unwrap();
            // A second attempt after a kill finds all of it done.
            let mut again = dir.stand(&record.segments).unwrap();
            dir.mend(&again).unwrap();
            prop_assert_eq!(dir.book_cut_off(&mut again).unwrap(), cut_off);
            prop_assert_eq!(again.next_interval, stand.next_interval);
            prop_assert_eq!(summary(dir.tally().unwrap()), summary(live.clone()));

            let start_ms = (stand.end_ms + gap_ms) / 1000 * 1000 + 1000;
            if record.segments.is_empty() {
                record.segments.push(Segment::default());
            }
            record.segments.last_mut().unwrap().end_ms = Some(stand.end_ms);
            record.segments.push(Segment { segment: number, start_ms, ..Segment::default() });
            writer = RunWriter::go_on(dir.clone(), &record, start_ms).unwrap();
            invented.take_up(stand.next_interval, start_ms);
        }
        let interval = invented.interval();
        writer.write(&interval).unwrap();
        live.absorb(&interval);
        let dir = writer.finish().unwrap();
        prop_assert_eq!(summary(dir.tally().unwrap()), summary(live));
        let lines = dir.timeline().unwrap();
        let numbers: Vec<_> = lines.iter().map(|line| line.interval).collect();
        prop_assert_eq!(numbers, (0..lines.len() as u64).collect::<Vec<_>>());
        prop_assert!(lines.is_sorted_by_key(|line| line.start_ms));
    }
}

#[test]
fn a_kill_between_closing_a_window_and_emptying_the_tail_counts_nothing_twice() {
    let home = tempfile::tempdir().unwrap();
    let dir = RunDir::create_at(home.path()).unwrap();
    let mut writer = RunWriter::start(dir.clone(), &record(Some(20 * MINUTE_MS))).unwrap();
    let mut invented = Invented::new(3);
    let mut live = Tally::default();
    let mut text = LogText::default();
    let mut tail = fs::read(dir.file(TAIL)).unwrap();
    let head = tail.len();
    loop {
        let interval = invented.interval();
        writer.write(&interval).unwrap();
        live.absorb(&interval);
        let bounds = (interval.line.start_ms, interval.line.end_ms);
        interval.series.iter().for_each(|(key, times)| text.line(key, times, bounds, &mut tail));
        if bounds.1 >= 9_500 {
            break;
        }
    }
    assert_eq!(fs::read(dir.file(TAIL)).unwrap().len(), head, "the window has closed");
    fs::write(dir.file(TAIL), &tail).unwrap();
    assert_eq!(summary(dir.tally().unwrap()), summary(live));
}

#[test]
fn samples_of_the_log_are_the_samples_of_the_summary() {
    let home = tempfile::tempdir().unwrap();
    let dir = RunDir::create_at(home.path()).unwrap();
    let mut writer = RunWriter::start(dir, &record(Some(MINUTE_MS))).unwrap();
    let mut invented = Invented::new(11);
    (0..35).for_each(|_| writer.write(&invented.interval()).unwrap());
    writer.write_exemplars(&invented.recorder.exemplars()).unwrap();
    let dir = writer.finish().unwrap();
    let summary = summary(dir.tally().unwrap());
    let mut logged = 0;
    dir.each_entry(INTERVALS, |entry| {
        if entry.key.phase == Phase::Measured && entry.key.kind == Kind::Exchange {
            logged += entry.times.count();
        }
    })
    .unwrap();
    assert!(logged > 50);
    assert_eq!(summary.steps.iter().map(|row| row.samples).sum::<u64>(), logged);
    assert_eq!(summary.capabilities.iter().map(|row| row.samples).sum::<u64>(), logged);
    let actions = summary.capabilities.iter().flat_map(|row| &row.actions);
    assert_eq!(actions.map(|row| row.samples).sum::<u64>(), logged);

    let mut exemplars: Vec<Exemplar> = Vec::new();
    dir.each_line(EXEMPLARS, |line| exemplars.push(line)).unwrap();
    assert!(exemplars.iter().any(|exemplar| exemplar.slowest));
    assert_eq!(exemplars[0].exchanges[0].capability.as_str(), "customHTMLTemplate");
    let mut failing: Vec<FaultSample> = Vec::new();
    dir.each_line(FAULTS, |line| failing.push(line)).unwrap();
    assert!(failing.iter().all(|sample| sample.journey.as_str() != ""));
    assert!(!failing.is_empty());
}

#[test]
fn percentiles_are_in_order_and_a_subtotal_covers_its_actions() {
    let mut invented = Invented::new(5);
    let mut tally = Tally::default();
    (0..30).for_each(|_| tally.absorb(&invented.interval()));
    let summary = summary(tally);
    assert_eq!(summary.journeys.len(), 2);
    for journey in &summary.journeys {
        let t = journey.response_time_us.unwrap();
        let ordered = [t.min, t.p50, t.p75, t.p90, t.p95, t.p99, t.p99_9, t.max];
        assert!(ordered.is_sorted(), "{ordered:?}");
        assert!(t.min <= t.mean && t.mean <= t.max);
        assert_eq!(journey.failed, journey.faults.total());
        let all = [journey.completed, journey.failed, journey.dropped, journey.cut_off];
        assert_eq!(journey.due, all.iter().sum::<u64>() + journey.lost);
    }
    for capability in &summary.capabilities {
        let subtotal = capability.service_time_us.unwrap();
        let of_actions = capability.actions.iter().filter_map(|row| row.service_time_us);
        assert_eq!(of_actions.map(|t| t.max).max(), Some(subtotal.max));
    }
}

#[test]
fn the_summary_obeys_its_schema() {
    let mut invented = Invented::new(5);
    let mut tally = Tally::default();
    (0..30).for_each(|_| tally.absorb(&invented.interval()));
    let valid = serde_json::to_value(summary(tally)).unwrap();

    let mut compiler = boon::Compiler::new();
    let mut schemas = boon::Schemas::new();
    compiler.add_resource("summary.json", Summary::schema()).unwrap();
    let schema = compiler.compile("summary.json", &mut schemas).unwrap();
    schemas.validate(&valid, schema).unwrap();
    let read: Summary = serde_json::from_value(valid.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), valid);

    for (pointer, wrong) in [
        ("/verdict", serde_json::json!("fine")),
        ("/journeys/0/due", serde_json::json!("7")),
        ("/journeys/0/response_time_us/p95", serde_json::json!(null)),
        ("/series/0/kind", serde_json::json!("smell")),
        ("/generator", serde_json::json!({ "cpu_share": "low" })),
        ("/steps/0/faults", serde_json::json!({ "reset": -1 })),
    ] {
        let mut invalid = valid.clone();
        *invalid.pointer_mut(pointer).unwrap() = wrong;
        assert!(schemas.validate(&invalid, schema).is_err(), "{pointer}");
    }
    let mut unknown = valid;
    unknown["p95_ms"] = serde_json::json!(1);
    assert!(schemas.validate(&unknown, schema).is_err());
}
