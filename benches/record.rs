//! What recording costs on the path of every exchange, and what ending an interval costs.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use gander::base::random::Seed;
use gander::measure::catalogue::Row;
use gander::measure::collector::Collector;
use gander::measure::recorder::Recorder;
use gander::measure::sample::{Connect, Ending, Iteration, Sample};
use gander::measure::series::{Outcome, Phase, Phases};
use gander::measure::timeline::Readings;
use std::hint::black_box;
use std::time::Duration;

const ROW: Row<'static> = Row {
    step: "submit registration",
    capability: "customHTMLTemplate",
    event: "submit",
    action: "REGISTER",
};

/// A connection over TLS.
fn connect(service: Duration) -> Connect {
    Connect { name: service / 99, tcp: service / 16, tls: Some(service / 8) }
}

/// Service times that walk over the buckets as real ones do.
fn services() -> impl Iterator<Item = Duration> {
    (0..u64::MAX).map(|n| Duration::from_micros(20_000 + n.wrapping_mul(7919) % 30_000))
}

fn recording(c: &mut Criterion) {
    let recorder = Recorder::new(2, Seed(1));
    let journey = recorder.journey(&"v1".into(), &"register".into());
    let row = recorder.row(journey, &ROW);
    let steps = [recorder.step(journey, "authorize"), recorder.step(journey, "verify")];
    let mut services = services();
    let mut sample = move || Sample {
        service: services.next().unwrap_or_default(),
        outcome: Outcome::Advanced,
        connect: None,
        first_byte: None,
    };

    c.bench_function("an exchange", |b| {
        b.iter(|| recorder.exchange(Phase::Measured, black_box(row), &sample()));
    });
    c.bench_function("an exchange with connect and first byte", |b| {
        b.iter(|| {
            let sample = sample();
            let (connect, first_byte) = (Some(connect(sample.service)), Some(sample.service));
            let sample = Sample { connect, first_byte, ..sample };
            recorder.exchange(Phase::Measured, black_box(row), &sample);
        });
    });
    c.bench_function("looking up the number of an exchange", |b| {
        b.iter(|| recorder.row(journey, black_box(&ROW)));
    });
    let mut index = 0;
    c.bench_function("an iteration", |b| {
        b.iter(|| {
            index += 1;
            let service = sample().service;
            let ended = Iteration {
                index,
                due: service,
                response: service,
                service,
                elapsed: service,
                ending: Ending::Completed,
                steps: &steps,
                exchanges: &[],
            };
            recorder.due(Phase::Measured, journey);
            recorder.iteration(Phase::Measured, journey, black_box(&ended));
        });
    });
}

fn ending_an_interval(c: &mut Criterion) {
    for (series, samples) in [(150, 6000), (2000, 20_000)] {
        let recorder = Recorder::new(2, Seed(1));
        let journey = recorder.journey(&"v1".into(), &"register".into());
        let names: Vec<_> = (0..series).map(|n| n.to_string()).collect();
        let rows: Vec<_> =
            names.iter().map(|action| recorder.row(journey, &Row { action, ..ROW })).collect();
        let phases = Phases { warm_up_ends: Duration::ZERO, measured_ends: None };
        let mut collector = Collector::new(recorder.clone(), phases);
        let mut services = services();
        let mut now = Duration::ZERO;
        let name = format!("ending an interval of {series} series and {samples} samples");
        c.bench_function(&name, |b| {
            b.iter_batched(
                || {
                    for sample in 0..samples {
                        let service = services.next().unwrap_or_default();
                        let outcome = Outcome::Advanced;
                        let sample_of =
                            Sample { service, outcome, connect: None, first_byte: None };
                        recorder.exchange(Phase::Measured, rows[sample % rows.len()], &sample_of);
                    }
                    now += Duration::from_secs(1);
                    now
                },
                |now| {
                    let interval = collector.close(now, Readings::default());
                    collector.recycle(interval);
                },
                BatchSize::PerIteration,
            );
        });
    }
}

criterion_group!(benches, recording, ending_an_interval);
criterion_main!(benches);
