//! Recording allocates nothing once a series is known, and a series takes memory only where its
//! times are.

use allocation_counter::measure;
use gander::base::random::Seed;
use gander::measure::catalogue::Row;
use gander::measure::collector::Collector;
use gander::measure::recorder::Recorder;
use gander::measure::sample::{Connect, Ending, Iteration, Sample};
use gander::measure::series::{Kind, Outcome, Phase, Phases};
use gander::measure::timeline::{Interval, Readings};
use std::time::Duration;

const ENDLESS: Phases = Phases { warm_up_ends: Duration::ZERO, measured_ends: None };

/// A thousand iterations of three exchanges each, as a user performs them, with times between 10 and
/// 70 ms. Exemplars belong to the measured phase; the few that are kept are copied.
fn perform(recorder: &Recorder, phase: Phase) {
    let journey = recorder.journey(&"v1".into(), &"sign-on".into());
    for number in 0..1000u64 {
        recorder.due(phase, journey);
        let time = Duration::from_micros(10_000 + number * 7919 % 60_000);
        let mut steps = [recorder.step(journey, "authorize"); 3];
        for (step, action) in steps.iter_mut().zip(["", "SIGNON", "NEXT"]) {
            *step = recorder.step(journey, action);
            let row = Row { step: action, capability: "form", event: "submit", action };
            let row = recorder.row(journey, &row);
            let connect = Connect { name: time / 99, tcp: time / 16, tls: Some(time / 8) };
            let (connect, first_byte) = (Some(connect), Some(time / 2));
            let sample = Sample { service: time, outcome: Outcome::Advanced, connect, first_byte };
            recorder.exchange(phase, row, &sample);
        }
        recorder.wait(phase, journey, Kind::Think, time);
        recorder.flow(journey, "f1/n1");
        let ended = Iteration {
            index: number,
            due: time,
            response: time,
            service: time,
            elapsed: time,
            ending: Ending::Completed,
            steps: &steps,
            exchanges: &[],
        };
        recorder.iteration(phase, journey, &ended);
    }
}

fn close(collector: &mut Collector, seconds: u64) -> Interval {
    collector.close(Duration::from_secs(seconds), Readings::default())
}

/// Names come as texts and have to be made once; everything else is counted.
#[test]
fn recording_allocates_nothing_once_a_series_is_known() {
    let recorder = Recorder::new(2, Seed(1));
    let mut collector = Collector::new(recorder.clone(), ENDLESS);
    // Each of the buffers that take turns has been in use once.
    for second in 1..=4 {
        perform(&recorder, Phase::WarmUp);
        let interval = close(&mut collector, second);
        collector.recycle(interval);
    }
    let names = measure(|| {
        let journey = recorder.journey(&"v1".into(), &"sign-on".into());
        recorder.step(journey, "SIGNON");
    });
    let recorded = measure(|| perform(&recorder, Phase::WarmUp));
    // A user keeps its journey's number; this test asks for it once.
    assert_eq!(recorded.count_total, names.count_total, "{recorded:?}");
    let interval = close(&mut collector, 5);
    collector.recycle(interval);
    let recorded = measure(|| perform(&recorder, Phase::WarmUp));
    assert_eq!(recorded.count_total, names.count_total, "after a swap: {recorded:?}");
}

#[test]
fn a_series_takes_memory_only_where_its_times_are() {
    let recorder = Recorder::new(2, Seed(1));
    let mut collector = Collector::new(recorder.clone(), ENDLESS);
    perform(&recorder, Phase::Measured);
    let interval = close(&mut collector, 1);
    assert_eq!(interval.series.len(), 12);
    for (key, times) in &interval.series {
        assert!(times.bytes() < 16 * 1024, "{key}: {} bytes", times.bytes());
    }
}
