//! Whole searches: how near they come to what is true, with how many probes, and what stops them.

use crate::world::{Found, World, asked, search};
use gander::analysis::capacity::found::{LevelVerdict, Purpose, Reason};

/// Servers, mean service, and the part of saturation at which the 95th percentile meets its limit.
const QUEUES: &[(u32, f64, f64)] =
    &[(8, 40.0, 0.7), (4, 20.0, 0.8), (16, 60.0, 0.9), (2, 10.0, 0.6), (32, 200.0, 0.85)];

/// A world whose 95th percentile has its limit where the servers are so busy, and its capacity.
fn limited(servers: u32, service_ms: f64, load: f64, seed: u64) -> (World, f64) {
    let world = World::new(servers, service_ms, &[], seed);
    let limit_ms = world.limit_ms_at(load, 0.95);
    let rule = format!("p95 < {limit_ms}ms");
    let capacity = world.capacity_per_s(0.05, limit_ms);
    (World::new(servers, service_ms, &[&rule, "faults < 1%"], seed), capacity)
}

/// How far the ends of the bracket are from the truth, as parts of it.
fn off(found: &Found, capacity: f64) -> (f64, f64) {
    let bracket = found.search.bracket();
    let off = |end: Option<f64>| end.map_or(f64::INFINITY, |end| end / capacity - 1.0);
    (off(bracket.highest_pass_per_s), off(bracket.lowest_fail_per_s))
}

#[test]
fn a_search_finds_the_capacity_of_a_queue() {
    let (world, capacity) = limited(8, 40.0, 0.7, 1);
    let found = search(&world, &asked(capacity / 6.0));
    let (pass, fail) = off(&found, capacity);
    assert!(pass.abs() <= 0.05 && fail > 0.0, "{capacity}\n{}", found.told());
    assert!(found.probes() <= 15, "{}", found.told());
    assert_eq!(found.ending.reason, Reason::Thresholds);
    assert!(found.ending.is_capacity, "{}", found.told());
}

/// The promise: 9 of 10 within 5 % in at most 15 probes, for each kind of queue and wherever it begins.
#[test]
#[ignore = "minutes; ./scripts/prove capacity"]
fn nine_of_ten_searches_end_within_5_percent_in_at_most_15_probes() {
    const SEARCHES: u64 = 20;
    let mut bad = Vec::new();
    for (servers, service_ms, load) in QUEUES {
        let (mut near, mut probes, mut seconds) = (0, 0, 0.0);
        let mut ends = Vec::new();
        for seed in 0..SEARCHES {
            let (world, capacity) = limited(*servers, *service_ms, *load, seed);
            // From a third to a twelfth of it.
            let part = 3.0 + 9.0 * (seed as f64) / (SEARCHES as f64);
            let found = search(&world, &asked(capacity / part));
            let (pass, fail) = off(&found, capacity);
            let is_near = pass.abs() <= 0.05 && found.probes() <= 15 && found.ending.is_capacity;
            near += u64::from(is_near);
            probes += found.probes();
            let levels = || found.probed.iter().map(|probed| &probed.level);
            seconds += levels().map(|l| l.measured_s + l.settling_s + l.cooled_s).sum::<f64>();
            ends.push((pass, fail));
            if !is_near && std::env::var_os("GANDER_TOLD").is_some() {
                println!("capacity {capacity}\n{}\n", found.told());
            }
        }
        let mean =
            |of: fn(&(f64, f64)) -> f64| ends.iter().map(of).sum::<f64>() / ends.len() as f64;
        println!(
            "{servers:2} servers of {service_ms:3} ms at {load:.2}: {near} of {SEARCHES} within 5 %, {:.1} \
             probes and {:.0} min each; highest pass {:+.1} %, lowest fail {:+.1} % on average",
            probes as f64 / SEARCHES as f64,
            seconds / SEARCHES as f64 / 60.0,
            mean(|of| of.0) * 100.0,
            mean(|of| of.1) * 100.0,
        );
        if near * 10 < SEARCHES * 9 {
            bad.push((servers, service_ms, load, near));
        }
    }
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn without_a_threshold_the_limit_is_where_goodput_stops_rising() {
    let world = World::new(4, 20.0, &["faults < 1%"], 5);
    let found = search(&world, &asked(60.0));
    assert_eq!(found.ending.reason, Reason::GoodputStoppedRising, "{}", found.told());
    let (pass, fail) = off(&found, world.saturation_per_s());
    assert!(pass > -0.07 && pass < 0.02 && fail > 0.0 && fail < 0.15, "{}", found.told());
}

#[test]
fn a_licence_stops_the_search_and_no_capacity_is_claimed() {
    let (mut world, capacity) = limited(8, 40.0, 0.7, 1);
    world.licence_per_s = Some(capacity / 2.0);
    let found = search(&world, &asked(capacity / 6.0));
    assert_eq!(found.ending.reason, Reason::RateLimited, "{}", found.told());
    assert!(!found.ending.is_capacity && found.ending.text.contains("429"), "{}", found.told());
    let last = &found.probed.last().unwrap().level;
    assert!(last.measured_s + last.settling_s < 5.0, "it did not stop at once: {}", found.told());
    assert_eq!(found.search.bracket().lowest_fail_per_s, None);
}

#[test]
fn a_generator_that_is_the_limit_twice_ends_the_search() {
    let (mut world, capacity) = limited(8, 40.0, 0.7, 1);
    world.generator_per_s = Some(capacity / 2.0);
    let found = search(&world, &asked(capacity / 6.0));
    assert_eq!(found.ending.reason, Reason::GeneratorSaturated, "{}", found.told());
    assert!(!found.ending.is_capacity);
    let voids = found.probed.iter().filter(|of| of.level.verdict == LevelVerdict::Void).count();
    assert_eq!(voids, 2, "{}", found.told());
}

/// A minute in which the tenant was busy with something else, at a third of its capacity.
#[test]
fn one_bad_minute_does_not_end_the_climb() {
    let (mut world, capacity) = limited(8, 40.0, 0.7, 3);
    world.disturbed = Some((3, 4.0));
    let found = search(&world, &asked(capacity / 6.0));
    let verdicts: Vec<_> = found.probed.iter().take(5).map(|of| of.level.verdict).collect();
    assert_eq!(verdicts[2], LevelVerdict::Fail, "{}", found.told());
    assert_eq!(verdicts[3..], [LevelVerdict::Pass; 2], "{}", found.told());
    let (pass, _) = off(&found, capacity);
    assert!(pass.abs() <= 0.05, "{}", found.told());
}

/// The other way round: it begins far above what is possible.
#[test]
fn a_search_that_begins_too_high_goes_down() {
    let (world, capacity) = limited(8, 40.0, 0.7, 4);
    let found = search(&world, &asked(capacity * 2.5));
    let (pass, fail) = off(&found, capacity);
    assert!(pass.abs() <= 0.06 && fail > -0.01, "{}", found.told());
}

#[test]
fn a_limit_that_nothing_keeps_ends_with_nothing_passed() {
    let world = World::new(8, 40.0, &["p95 < 20ms"], 6);
    let found = search(&world, &asked(20.0));
    assert_eq!(found.ending.reason, Reason::NothingPassed, "{}", found.told());
    assert_eq!(found.search.bracket().highest_pass_per_s, None);
    assert!(found.probed.iter().all(|of| of.level.purpose != Purpose::Hold));
}

#[test]
fn up_to_the_highest_rate_allowed_the_capacity_is_at_least_that() {
    let (world, capacity) = limited(8, 40.0, 0.7, 7);
    let mut asked = asked(capacity / 6.0);
    asked.to_per_s = Some(capacity / 2.0);
    let found = search(&world, &asked);
    assert_eq!(found.ending.reason, Reason::TopReached, "{}", found.told());
    assert!(!found.ending.is_capacity && found.ending.text.contains("at least"));
    assert_eq!(found.search.bracket().highest_pass_per_s, Some(capacity / 2.0));
}
