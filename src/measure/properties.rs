//! Properties of recording as a whole: nothing lost, nothing counted twice, on any thread.

use super::catalogue::{JourneyId, OTHER, Row, RowId};
use super::collector::Collector;
use super::fault::Fault;
use super::recorder::Recorder;
use super::sample::{Ending, Iteration, Sample};
use super::series::{Kind, Outcome, Phase, Phases};
use super::tally::Tally;
use super::timeline::Readings;
use crate::base::random::Seed;
use proptest::prelude::*;
use std::time::Duration;

const ENDLESS: Phases = Phases { warm_up_ends: Duration::ZERO, measured_ends: None };

fn sample(service_us: u64, outcome: Outcome) -> Sample {
    Sample { service: Duration::from_micros(service_us), outcome, connect: None, first_byte: None }
}

fn ended(ending: Ending, response_us: u64) -> Iteration<'static> {
    let response = Duration::from_micros(response_us);
    Iteration {
        index: response_us,
        due: Duration::ZERO,
        response,
        service: response,
        elapsed: response,
        ending,
        steps: &[],
        exchanges: &[],
    }
}

fn row(action: &str) -> Row<'_> {
    Row { step: "credentials", capability: "customHTMLTemplate", event: "submit", action }
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    Due(usize),
    Exchange(usize, u64, Outcome),
    End(usize, Ending, u64),
    Close,
}

const PHASES: [Phase; 3] = [Phase::WarmUp, Phase::Measured, Phase::Drain];

fn outcomes() -> impl Strategy<Value = Outcome> {
    let faults: Vec<_> = Fault::all().collect();
    prop_oneof![
        4 => Just(Outcome::Advanced),
        1 => Just(Outcome::Refused),
        1 => prop::sample::select(faults).prop_map(Outcome::Fault),
    ]
}

fn endings() -> impl Strategy<Value = Ending> {
    let faults: Vec<_> = Fault::all().collect();
    prop_oneof![
        4 => Just(Ending::Completed),
        1 => Just(Ending::Dropped),
        1 => Just(Ending::CutOff),
        2 => prop::sample::select(faults).prop_map(Ending::Failed),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (0..6usize).prop_map(Event::Due),
        4 => (0..6usize, 0..200_000_000u64, outcomes()).prop_map(|(j, t, o)| Event::Exchange(j, t, o)),
        3 => (0..6usize, endings(), 0..4_000_000_000u64).prop_map(|(j, e, t)| Event::End(j, e, t)),
        1 => Just(Event::Close),
    ];
    prop::collection::vec(event, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Ends are only made for what is due, as a run does.
    #[test]
    fn the_account_of_each_journey_balances(events in events()) {
        let recorder = Recorder::new(2, Seed(1));
        let journeys = ["a", "b"].map(|name| recorder.journey(&"v1".into(), &name.into()));
        let mut collector = Collector::new(recorder.clone(), ENDLESS);
        let mut tally = Tally::default();
        let mut open = [0u64; 6];
        let (mut due, mut ends, mut samples, mut clipped) = ([0u64; 6], [0u64; 6], 0u64, 0u64);
        let mut now = Duration::ZERO;
        for event in events {
            match event {
                Event::Due(slot) => {
                    recorder.due(PHASES[slot % 3], journeys[slot / 3]);
                    open[slot] += 1;
                    due[slot] += 1;
                }
                Event::Exchange(slot, time, outcome) => {
                    let row = recorder.row(journeys[slot / 3], &row("SIGNON"));
                    recorder.exchange(PHASES[slot % 3], row, &sample(time, outcome));
                    samples += u64::from(slot % 3 == 1);
                    clipped += u64::from(time > 120_000_000 && outcome.fault().is_none());
                }
                Event::End(slot, ending, time) if open[slot] > 0 => {
                    recorder.iteration(PHASES[slot % 3], journeys[slot / 3], &ended(ending, time));
                    clipped += 3 * u64::from(ending == Ending::Completed && time > 3_600_000_000);
                    open[slot] -= 1;
                    ends[slot] += 1;
                }
                Event::End(..) => {}
                Event::Close => {
                    now += Duration::from_secs(1);
                    let interval = collector.close(now, Readings::default());
                    tally.absorb(&interval);
                    collector.recycle(interval);
                }
            }
        }
        tally.absorb(&collector.close(now + Duration::from_secs(1), Readings::default()));
        prop_assert_eq!(tally.exchanges(|_| true).samples(), samples);
        prop_assert_eq!(tally.run.clipped, clipped);
        for (name, slot) in [("a", 1), ("b", 4)] {
            let Some(journey) = tally.journeys.get(&("v1".into(), name.into())) else {
                prop_assert_eq!(due[slot], 0);
                continue;
            };
            prop_assert_eq!(journey.due, due[slot]);
            prop_assert_eq!(journey.ended(), ends[slot]);
        }
        tally.settle();
        for journey in tally.journeys.values() {
            prop_assert_eq!(journey.due, journey.ended());
        }
    }
}

#[test]
fn nothing_is_lost_between_threads_and_intervals() {
    const EACH: u64 = 20_000;
    let recorder = Recorder::new(3, Seed(1));
    let journey = recorder.journey(&"v1".into(), &"sign-on".into());
    let mut collector = Collector::new(recorder.clone(), ENDLESS);
    let mut tally = Tally::default();
    let mut intervals = 0u32;
    std::thread::scope(|scope| {
        let work = |thread: u64| {
            let recorder = recorder.clone();
            move || {
                for number in 0..EACH {
                    recorder.due(Phase::Measured, journey);
                    let row = recorder.row(journey, &row(["A", "B"][(number % 2) as usize]));
                    recorder.exchange(Phase::Measured, row, &sample(number, Outcome::Advanced));
                    recorder.flow(journey, "flow/node");
                    let ended = ended(Ending::Completed, number * 4 + thread);
                    recorder.iteration(Phase::Measured, journey, &ended);
                }
            }
        };
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(work(thread))).collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            intervals += 1;
            let interval = collector.close(Duration::from_secs(1) * intervals, Readings::default());
            tally.absorb(&interval);
            collector.recycle(interval);
        }
    });
    tally.absorb(&collector.close(Duration::from_secs(1) * (intervals + 1), Readings::default()));
    let signed_on = &tally.journeys[&("v1".into(), "sign-on".into())];
    assert_eq!((signed_on.due, signed_on.completed), (4 * EACH, 4 * EACH));
    assert_eq!(tally.exchanges(|_| true).good.count(), 4 * EACH);
    assert_eq!(tally.exchanges(|key| &*key.action == "A").samples(), 2 * EACH);
    assert_eq!(tally.of_kind(Kind::Response).count(), 4 * EACH);
    assert_eq!(tally.flows.values().map(|flow| flow.starts).sum::<u64>(), 4 * EACH);
    assert_eq!(recorder.exemplars().len(), super::SAMPLED + super::SLOWEST);
}

#[test]
fn too_many_series_go_to_other_and_are_counted() {
    let recorder = Recorder::with_most_series(1, Seed(1), 5);
    let journey = recorder.journey(&"v1".into(), &"sign-on".into());
    let mut collector = Collector::new(recorder.clone(), ENDLESS);
    for action in 0..20 {
        let row = recorder.row(journey, &row(&action.to_string()));
        recorder.exchange(Phase::Measured, row, &sample(10, Outcome::Advanced));
    }
    let mut tally = Tally::default();
    tally.absorb(&collector.close(Duration::from_secs(1), Readings::default()));
    assert_eq!(tally.run.other, 15);
    assert_eq!(tally.exchanges(|_| true).samples(), 20);
    assert_eq!(tally.exchanges(|key| key.capability.as_str() == OTHER).samples(), 15);
    let journeys: Vec<_> = tally.journeys.keys().map(|(_, journey)| journey.as_str()).collect();
    assert_eq!(journeys, ["sign-on"], "`other` is not a journey");
    recorder.exchange(Phase::Measured, RowId::OTHER, &sample(1, Outcome::Advanced));
}

#[test]
fn a_series_that_has_been_idle_for_long_can_be_recorded_again() {
    let recorder = Recorder::new(1, Seed(1));
    let mut collector = Collector::new(recorder.clone(), ENDLESS);
    let mut tally = Tally::default();
    for interval in 1..=100u64 {
        if interval % 40 == 1 {
            let time = Duration::from_millis(interval);
            recorder.wait(Phase::Measured, JourneyId::NONE, Kind::Management, time);
        }
        tally.absorb(&collector.close(Duration::from_secs(interval), Readings::default()));
    }
    assert_eq!(tally.of_kind(Kind::Management).count(), 3);
}

#[test]
fn a_line_tells_the_interval_in_the_words_of_the_contract() {
    let recorder = Recorder::new(1, Seed(1));
    let journey = recorder.journey(&"v1".into(), &"sign-on".into());
    let steps = ["authorize", "credentials"].map(|step| recorder.step(journey, step));
    let mut collector = Collector::new(recorder.clone(), ENDLESS);
    let row = recorder.row(journey, &row("SIGNON"));
    for ending in [Ending::Completed, Ending::Failed(Fault::ReadTimeout)] {
        recorder.due(Phase::Measured, journey);
        let outcome = ending.fault().map_or(Outcome::Advanced, Outcome::Fault);
        recorder.exchange(Phase::Measured, row, &sample(2000, outcome));
        recorder.iteration(
            Phase::Measured,
            journey,
            &Iteration { steps: &steps, ..ended(ending, 3000) },
        );
    }
    recorder.flow(journey, "f1/n1");
    let readings = Readings { users: 2, cpu_share: Some(0.123_456), ..Readings::default() };
    let line = collector.close(Duration::from_millis(1003), readings).line;
    insta::assert_snapshot!(serde_json::to_string_pretty(&line).unwrap(), @r#"
{
  "schema_version": 1,
  "interval": 0,
  "start_ms": 0,
  "end_ms": 1003,
  "measured_ms": 1003,
  "journeys": [
    {
      "phase": "measured",
      "variant": "v1",
      "journey": "sign-on",
      "due": 2,
      "completed": 1,
      "faults": {
        "read-timeout": 1
      },
      "exchanges": 2,
      "exchange_faults": {
        "read-timeout": 1
      },
      "response_us": {
        "p50": 3001,
        "p95": 3001,
        "p99": 3001
      },
      "funnel": [
        {
          "step": "authorize",
          "reached": 2
        },
        {
          "step": "credentials",
          "reached": 2,
          "position_sum": 2,
          "left": {
            "read-timeout": 1
          }
        }
      ]
    }
  ],
  "flows": [
    {
      "variant": "v1",
      "journey": "sign-on",
      "fingerprint": "f1/n1",
      "starts": 1
    }
  ],
  "exchange_p50_us": 2000,
  "readings": {
    "users": 2,
    "next_arrival": 0,
    "next_persona": 0,
    "cpu_share": 0.1235
  }
}
"#);
}
