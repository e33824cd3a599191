//! A queue made live: what gander measures of it is what Erlang's formulas say.

use super::open_run::OpenRun;
use super::records::joined;
use crate::canary::{tell, unless_the_machine_stalls};
use crate::erlang::Erlang;
use crate::tenant::Tenant;
use gander::measure::series::Kind;
use std::thread;

/// With 16 servers and 20 ms of work at each call the tenant can do 800 calls a second.
const SERVERS: u32 = 16;
const MEAN_US: f64 = 20_000.0;

/// What is asked of it, at half and at four fifths of that, at the same time and of a tenant each:
/// 102,000 calls in all.
const LOADS: [(f64, u32); 2] = [(0.5, 400), (0.8, 640)];
const SECONDS: u32 = 98;

/// How near a live queue has to come.
const TOLERANCE: f64 = 0.2;

#[test]
#[ignore = "takes 2 minutes; `./scripts/prove instrument` runs it"]
fn a_live_queue_keeps_to_erlang() {
    unless_the_machine_stalls(|| {
        let runs = LOADS.map(|(load, rate)| thread::spawn(move || queue_at(load, rate)));
        let calls = runs.map(|run| run.join().expect("a run that does not panic"));
        let calls = calls.into_iter().collect::<Result<Vec<_>, _>>()?.iter().sum::<usize>();
        assert!(calls >= 100_000, "only {calls} calls");
        Ok::<(), String>(())
    });
}

/// Runs one load and returns how many calls it measured.
fn queue_at(load: f64, rate: u32) -> Result<usize, String> {
    let tenant = Tenant::start(&format!(
        "signing = \"ES256\"\n[capacity]\nservers = {SERVERS}\nservice = \"exponential 20ms\"\n"
    ));
    let run = OpenRun::run(
        &tenant,
        &format!(
            "rate = \"{rate}/s\"\nmax_users = 1000\nwarm_up = \"4s\"\nduration = \"{SECONDS}s\"\n"
        ),
    );
    run.must_end_with(0)?;
    let theory = Erlang::new(SERVERS, load);
    let near = |what: &str, seen: f64, expected: f64| {
        let told = format!("load {load}: {what} {seen:.1} µs, by Erlang {expected:.1} µs");
        tell(&told);
        if (seen / expected - 1.0).abs() < TOLERANCE { Ok(()) } else { Err(told) }
    };
    for (kind, what) in [(Kind::Exchange, "call"), (Kind::Response, "iteration")] {
        let times = run.times(kind);
        near(&format!("mean of a {what}"), times.mean(), theory.mean_sojourn() * MEAN_US)?;
        for share in [0.5, 0.9, 0.99] {
            let seen = times.value_at_quantile(share) as f64;
            let expected = theory.sojourn_quantile(share) * MEAN_US;
            near(&format!("{share} of a {what}"), seen, expected)?;
        }
    }
    // What the formulas are most sensitive to: who waits at all. Crowds last, so that a run has some 800
    // of them at four fifths of the capacity and few at half of it, and the share of those that wait is
    // off by a tenth of itself: three times that is the bound.
    let calls = joined(&run.lab, &tenant);
    let waited = calls.iter().filter(|call| call.queue_wait_us.is_some_and(|wait| wait > 0));
    let waiting = waited.count() as f64 / calls.len() as f64;
    let told = format!("load {load}: {waiting:.4} waited, by Erlang {:.4}", theory.wait_share);
    tell(&told);
    if (waiting / theory.wait_share - 1.0).abs() > 0.3 { Err(told) } else { Ok(calls.len()) }
}
