//! Whatever parts hold, the whole holds all of it, each thing once.

use super::*;
use crate::measure::collector::Collector;
use crate::measure::fault::Fault;
use crate::measure::recorder::Recorder;
use crate::measure::sample::{Ending, Iteration, Sample};
use crate::measure::series::{Kind, Outcome, Phases};
use crate::measure::timeline::{Line, Readings};
use crate::result::run_dir::HostRecord;
use crate::result::summary::WorkloadModel;
use proptest::prelude::*;
use std::path::Path;

const STARTED: u64 = 1_795_286_081_000;

fn record(name: &str, started_unix_ms: u64, planned_ms: Option<u64>) -> RunRecord {
    RunRecord {
        schema_version: 1,
        gander_version: "0.1.0".to_owned(),
        run_id: name.into(),
        started_at: String::new(),
        started_unix_ms,
        ended_at: Some(String::new()),
        interrupted: false,
        stopped: None,
        never_looked: Vec::new(),
        seed: "7".to_owned(),
        workload_model: WorkloadModel::Open,
        max_users: None,
        planned_ms,
        reply_timeout_ms: 30_000,
        thresholds: Vec::new(),
        host: HostRecord::default(),
        tenant_hosts: Vec::new(),
        segments: Vec::new(),
        share: None,
        parts: Vec::new(),
        flows: Vec::new(),
        plan: serde_json::Value::Null,
    }
}

/// What a part is made of.
#[derive(Clone, Debug)]
struct Made {
    offset_ms: u64,
    /// Of each interval: how long it was, how many were due, how many of them did not end in it.
    seconds: Vec<(u64, u64, u64)>,
    was_killed: bool,
}

prop_compose! {
    fn made()(
        offset_ms in prop_oneof![0u64..400, 0u64..20_000],
        seconds in prop::collection::vec(
            (prop_oneof![9 => 990u64..1010, 1 => 3000u64..9000], 0u64..4, 0u64..2), 0..25,
        ),
        was_killed in any::<bool>(),
    ) -> Made {
        Made { offset_ms, seconds, was_killed }
    }
}

impl Made {
    /// Leaves its directory as a run would, second by second.
    fn leave(&self, home: &Path, name: &str, planned_ms: Option<u64>) -> Source {
        let dir = RunDir::create_at(&home.join(name)).unwrap();
        let mut record = record(name, STARTED + self.offset_ms, planned_ms);
        record.ended_at = record.ended_at.filter(|_| !self.was_killed);
        let mut writer = RunWriter::start(dir, &record).unwrap();
        let recorder = Recorder::new(1, Seed(7));
        let phases = Phases { warm_up_ends: Duration::from_secs(2), measured_ends: None };
        let mut collector = Collector::new(recorder.clone(), phases);
        let journey = recorder.journey(&"v".into(), &"j".into());
        let row = crate::measure::catalogue::Row {
            step: "s",
            capability: "c",
            event: "submit",
            action: "A",
        };
        let row = recorder.row(journey, &row);
        let (mut at, mut index) = (Duration::ZERO, self.offset_ms * 1000);
        for (length_ms, due, open) in &self.seconds {
            let phase = phases.of(at);
            for number in 0..*due {
                index += 1;
                recorder.due(phase, journey);
                if number < *open {
                    continue;
                }
                let time = Duration::from_micros(900 + index * 7919 % 100_000);
                let fails = index.is_multiple_of(5);
                let outcome =
                    if fails { Outcome::Fault(Fault::Http5xx) } else { Outcome::Advanced };
                let sample = Sample { service: time, outcome, connect: None, first_byte: None };
                recorder.exchange(phase, row, &sample);
                recorder.wait(phase, journey, Kind::DispatchLag, time / 100);
                recorder.flow(journey, "f/n");
                let ending = if fails { Ending::Failed(Fault::Http5xx) } else { Ending::Completed };
                recorder.iteration(
                    phase,
                    journey,
                    &Iteration {
                        index,
                        due: at,
                        response: time,
                        service: time,
                        elapsed: time,
                        ending,
                        steps: &[],
                        exchanges: &[],
                    },
                );
            }
            at += Duration::from_millis(*length_ms);
            let readings = Readings { users: *due, cpu_share: Some(0.1), ..Readings::default() };
            writer.write(&collector.close(at, readings)).unwrap();
        }
        writer.write_exemplars(&recorder.exemplars()).unwrap();
        let dir = if self.was_killed { writer.dir().clone() } else { writer.finish().unwrap() };
        let (clock_offset_ms, lost_from_ms, taken_over_from_ms) = (None, None, None);
        Source {
            name: name.to_owned(),
            dir,
            record,
            clock_offset_ms,
            lost_from_ms,
            taken_over_from_ms,
        }
    }
}

fn merged(sources: &[Source], into: &Path) -> (RunDir, Vec<Part>, Layout) {
    let dir = RunDir::create_at(into).unwrap();
    let layout = Layout::of(sources).unwrap();
    let parts = write(sources, &layout, &dir).unwrap().into_iter().map(|told| told.part).collect();
    let planned_ms = sources.iter().filter_map(|source| source.record.planned_ms).max();
    dir.write_run(&record("whole", layout.started_unix_ms, planned_ms)).unwrap();
    (dir, parts, layout)
}

fn text(dir: &RunDir, name: &str) -> String {
    std::fs::read_to_string(dir.file(name)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_whole_is_the_sum_of_its_parts_in_any_order(
        made in prop::collection::vec(made(), 1..5),
        planned_ms in prop::sample::select(&[Some(60_000), Some(3_600_000), Some(20_000_000), None][..]),
    ) {
        let home = tempfile::tempdir().unwrap();
        let mut sources: Vec<_> = made.iter().enumerate()
            .map(|(n, made)| made.leave(home.path(), &format!("p{n}"), planned_ms)).collect();
        let (dir, parts, _) = merged(&sources, &home.path().join("whole"));
        let whole = dir.tally().unwrap();
        let mut sum = Tally::default();
        let mut journey = crate::measure::tally::JourneyTally::default();
        for (source, part) in sources.iter().zip(&parts) {
            let tally = source.dir.tally().unwrap();
            for (key, times) in &tally.series {
                sum.absorb_times(key, times);
            }
            let counts = tally.journeys.values().next().cloned().unwrap_or_default();
            prop_assert_eq!((part.due, part.completed, part.failed, part.cut_off),
                (counts.due, counts.completed, counts.failed(), counts.cut_off));
            prop_assert_eq!(part.due, part.completed + part.failed + part.dropped + part.cut_off + part.lost);
            prop_assert_eq!(part.measured_ms, tally.run.measured_ms);
            prop_assert_eq!(&part.generator, &GeneratorSummary::of(&tally));
            journey.due += counts.due;
            journey.completed += counts.completed;
            journey.cut_off += counts.cut_off;
            journey.faults.merge(&counts.faults);
        }
        // Histograms without loss: those of all samples.
        prop_assert_eq!(&whole.series, &sum.series);
        let found = whole.journeys.values().next().cloned().unwrap_or_default();
        prop_assert_eq!((found.due, found.completed, found.cut_off), (journey.due, journey.completed, journey.cut_off));
        prop_assert_eq!(&found.faults, &journey.faults);
        // Whoever reads it in another way finds the same.
        let mut of_windows = 0;
        let windows = dir.windows(10_000).unwrap();
        windows.cells(|_| true).iter().for_each(|cell| of_windows += cell.due);
        if !windows.measured().is_empty() {
            prop_assert_eq!(of_windows, journey.due);
        }
        let (_, course) = dir.course().unwrap();
        let due: u64 = course.moments().flat_map(|(_, moment)| moment.journeys.values()).map(|j| j.due).sum();
        let all: u64 = made.iter().flat_map(|made| &made.seconds).map(|(_, due, _)| due).sum();
        prop_assert_eq!(due, all);
        // Lines in order, one after the other.
        let lines: Vec<Line> = dir.timeline().unwrap();
        for (number, pair) in (0u64..).zip(lines.windows(2)) {
            prop_assert!(pair[0].end_ms <= pair[1].start_ms && pair[0].interval == number);
        }
        prop_assert!(lines.iter().all(|line| line.start_ms < line.end_ms && line.measured_ms <= 1000));
        sources.reverse();
        let (again, _, _) = merged(&sources, &home.path().join("again"));
        for name in [TIMELINE, INTERVALS, EXEMPLARS, FAULTS] {
            prop_assert_eq!(text(&again, name), text(&dir, name));
        }
    }
}

#[test]
fn parts_that_began_within_half_a_second_fall_together_and_others_later() {
    let home = tempfile::tempdir().unwrap();
    let seconds = vec![(1000, 3, 0); 20];
    let part = |offset_ms| Made { offset_ms, seconds: seconds.clone(), was_killed: false };
    let planned_ms = Some(20_000_000);
    let sources = [(0, "a"), (450, "b"), (9_000, "c")]
        .map(|(offset_ms, name)| part(offset_ms).leave(home.path(), name, planned_ms));
    let (together, parts, layout) = merged(&sources[..2], &home.path().join("two"));
    assert_eq!((layout.elapsed_ms, layout.window_ms), (20_000, 60_000));
    assert!(together.timeline().unwrap().iter().all(|line| line.journeys[0].due == 6));
    assert_eq!((parts[1].offset_ms, parts[1].measured_from_ms), (450, Some(2450)));
    let mut windows = 0;
    together
        .each_entry(INTERVALS, |entry| {
            windows += 1;
            assert_eq!((entry.start_ms, entry.end_ms), (0, 20_000));
        })
        .unwrap();
    let (apart, _, layout) = merged(&sources, &home.path().join("three"));
    assert_eq!(layout.elapsed_ms, 29_000);
    let due: Vec<u64> = apart
        .timeline()
        .unwrap()
        .iter()
        .map(|line| line.journeys.iter().map(|row| row.due).sum())
        .collect();
    assert_eq!((due[8], due[9], due[20]), (6, 9, 3));
    // Half a minute makes no other window of a minute.
    apart.each_entry(INTERVALS, |entry| assert_eq!(entry.start_ms, 0)).unwrap();
    assert!(windows > 0);
    // A clock that is known to be ahead is put right.
    let mut ahead = sources;
    ahead[2].clock_offset_ms = Some(9_000);
    let (_, parts, layout) = merged(&ahead, &home.path().join("right"));
    assert_eq!((layout.elapsed_ms, parts[2].offset_ms), (20_000, 0));
}

#[test]
fn an_interval_that_ended_late_makes_the_measured_time_of_the_whole_no_longer() {
    let home = tempfile::tempdir().unwrap();
    let part = |lengths: &[u64], name: &str| {
        let seconds = lengths.iter().map(|length| (*length, 3, 0)).collect();
        let made = Made { offset_ms: 0, seconds, was_killed: false };
        made.leave(home.path(), name, Some(60_000))
    };
    // Both are measured from the second second on.
    let sources = [
        part(&[1000; 8], "steady"),
        part(&[1000, 1400, 600, 1000, 1000, 1000, 1000, 1000], "starved"),
    ];
    let (dir, parts, _) = merged(&sources, &home.path().join("whole"));
    assert_eq!(dir.tally().unwrap().run.measured_ms, 6000);
    assert!(parts.iter().all(|part| part.measured_ms == 6000));
    let alone = merged(&sources[1..], &home.path().join("alone")).0;
    assert_eq!(alone.tally().unwrap().run.measured_ms, 6000);
}

#[test]
fn a_part_that_was_killed_is_merged_up_to_its_last_interval() {
    let home = tempfile::tempdir().unwrap();
    let seconds = vec![(1000, 3, 1); 14];
    let killed = Made { offset_ms: 0, seconds, was_killed: true };
    let source = killed.leave(home.path(), "killed", Some(3_600_000));
    let torn = "{\"schema_version\":1,\"interval\":14,\"sta";
    let whole = text(&source.dir, TIMELINE) + torn;
    std::fs::write(source.dir.file(TIMELINE), whole).unwrap();
    let (dir, parts, _) = merged(&[source], &home.path().join("whole"));
    assert_eq!((parts[0].due, parts[0].cut_off), (36, 12));
    let last = dir.timeline().unwrap().pop().unwrap();
    assert_eq!(
        last.events[0].text,
        "killed: gander was killed; 14 iterations under way are cut off"
    );
    assert_eq!((last.start_ms, last.end_ms), (13_000, 14_000));
}

#[test]
fn what_is_damaged_is_named_by_its_file_and_line() {
    let home = tempfile::tempdir().unwrap();
    let made = Made { offset_ms: 0, seconds: vec![(1000, 3, 0); 5], was_killed: false };
    for (name, damage, expected) in [
        (TIMELINE, "{\"schema_version\":1,\"interval\":true}\n", "timeline.jsonl`, line 6"),
        (
            TIMELINE,
            "{\"schema_version\":1,\"interval\":5,\"start_ms\":5000,\"end_ms\":6000,\"measured_ms\":0,\
          \"journeys\":[],\"clipped\":99999999999999999,\"readings\":{\"users\":0,\"next_arrival\":0,\
          \"next_persona\":0}}\n{\"schema_version\":1,\"interval\":6,\"start_ms\":6000,\"end_ms\":7000,\
          \"measured_ms\":0,\"journeys\":[],\"readings\":{\"users\":0,\"next_arrival\":0,\"next_persona\":0}}\n",
            "timeline.jsonl`, line 6",
        ),
        (INTERVALS, "Tag=a/b,0.000,1.000,5.000,HISTFAAA\n", "intervals.hlog`"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let good = made.leave(folder.path(), "good", Some(60_000));
        let bad = made.leave(folder.path(), "bad", Some(60_000));
        let damaged = text(&bad.dir, name) + damage;
        std::fs::write(bad.dir.file(name), damaged).unwrap();
        let sources = [good, bad];
        let dir =
            RunDir::create_at(&home.path().join(format!("{}{}", name, damage.len()))).unwrap();
        let error =
            Layout::of(&sources).and_then(|layout| write(&sources, &layout, &dir)).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("bad") && (error.contains(expected) || error.contains("line 0")),
            "{error}"
        );
    }
}
