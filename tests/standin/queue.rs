//! The stand-in's queue against queueing theory, in virtual time.

use crate::erlang::Erlang;
use gander::base::random::Seed;
use gander::standin::latency::Delay;
use gander::standin::queue::Queue;
use std::time::Duration;

/// Loads of the servers, how near the theory has to be, and the waits whose share is held against it, in
/// mean waits of those that have to. The busier the servers, the longer a crowd lasts, and the fewer
/// crowds there are among two million customers: at 95 % some 1,300, too few for the far tail.
const LOADS: &[(f64, f64, &[f64])] =
    &[(0.5, 0.02, &[0.0, 1.0, 3.0]), (0.8, 0.02, &[0.0, 1.0, 3.0]), (0.95, 0.05, &[0.0, 1.0])];

/// Stays, wait and service together, whose share is held against the theory, in mean services.
const STAYS: [f64; 3] = [1.0, 2.0, 4.0];

const CUSTOMERS: u32 = 2_000_000;
const MEAN: Duration = Duration::from_millis(20);
const SERVERS: u32 = 4;

/// The wait and the stay of every customer, in mean services. Poisson arrivals are exponential gaps.
/// The first ones find nobody before them and count like the others: they are few.
fn customers(load: f64, seed: Seed) -> impl Iterator<Item = (f64, f64)> {
    let gaps = Delay::Exponential { mean: MEAN.div_f64(load * f64::from(SERVERS)) };
    let services = Delay::Exponential { mean: MEAN };
    let (mut gap, mut service) = (seed.stream("gap", 0), seed.stream("service", 0));
    let (mut queue, mut now) = (Queue::new(SERVERS), Duration::ZERO);
    (0..CUSTOMERS).map(move |_| {
        now += gaps.sample(&mut gap);
        let served = queue.arrive(now, services.sample(&mut service));
        let wait = served.wait().div_duration_f64(MEAN);
        (wait, wait + served.service().div_duration_f64(MEAN))
    })
}

#[test]
fn two_million_customers_wait_as_erlang_says() {
    for (load, tolerance, waits) in LOADS {
        let theory = Erlang::new(SERVERS, *load);
        let mean_if_any = 1.0 / (f64::from(SERVERS) * (1.0 - load));
        let waits: Vec<f64> = waits.iter().map(|wait| wait * mean_if_any).collect();
        let (mut sum, mut waited, mut stayed) = (0.0, vec![0u32; waits.len()], [0u32; 3]);
        for (wait, stay) in customers(*load, Seed(1)) {
            sum += wait;
            waited.iter_mut().zip(&waits).for_each(|(n, limit)| *n += u32::from(wait > *limit));
            stayed.iter_mut().zip(STAYS).for_each(|(n, limit)| *n += u32::from(stay > limit));
        }
        let share = |count: &u32| f64::from(*count) / f64::from(CUSTOMERS);
        let mut pairs = vec![("mean wait", sum / f64::from(CUSTOMERS), theory.mean_wait())];
        for (count, limit) in waited.iter().zip(&waits) {
            pairs.push(("waited", share(count), theory.wait_above(*limit)));
        }
        for (count, limit) in stayed.iter().zip(STAYS) {
            pairs.push(("stayed", share(count), theory.sojourn_above(limit)));
        }
        for (what, seen, expected) in pairs {
            let off = seen / expected - 1.0;
            assert!(off.abs() < *tolerance, "{load}: {what} {seen}, not {expected}: {off:+.4}");
        }
    }
}
