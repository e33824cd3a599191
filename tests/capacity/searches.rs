//! Whole searches: how near they come to what is true, with how many probes, and what stops them.

use crate::world::{Found, World, asked, search, tell};
use gander::analysis::capacity::found::{LevelVerdict, Purpose, Reason};
use std::time::Duration;

/// Servers, mean service, and the part of saturation at which the 95th percentile meets its limit.
const QUEUES: &[(u32, f64, f64)] =
    &[(1, 2.5, 0.7), (2, 10.0, 0.8), (4, 20.0, 0.85), (8, 40.0, 0.9), (16, 80.0, 0.95)];

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
    let (world, capacity) = limited(8, 40.0, 0.9, 1);
    let found = search(&world, &asked(capacity / 6.0));
    let (pass, fail) = off(&found, capacity);
    // Two minutes of so busy a queue tell little: the bracket is wide, and what it is about is near its middle.
    assert!((-0.2..=0.01).contains(&pass) && fail > -0.01, "{capacity}\n{}", found.told());
    let estimate = found.assembled().estimate.expect("an estimate");
    assert!((estimate.per_s / capacity - 1.0).abs() <= 0.05, "{estimate:?} {}", found.told());
    assert!(found.probes() <= 15, "{}", found.told());
    assert_eq!(found.ending.reason, Reason::Thresholds);
    assert!(found.ending.is_capacity, "{}", found.told());
}

/// What came of many searches of one kind of queue.
#[derive(Default)]
struct Score {
    /// Those whose estimate is within 5 %, whose highest pass is, in at most 15 probes; those whose bracket holds
    /// the truth.
    near: u64,
    holding: u64,
    near_pass: u64,
    /// Those whose highest pass is at most 10 % below the truth and not 2 % above it.
    fair_pass: u64,
    /// Most probes of any.
    probes: usize,
    minutes: f64,
    pass: f64,
    fail: f64,
}

/// The first seed of simulations that prove something.
const FRESH: u64 = 70_000;

/// Searches each kind of queue from a third to an eighth of its capacity, with levels of this length at most.
fn scores(searches: u64, measure: Duration) -> Vec<Score> {
    let each = |(servers, service_ms, load): &(u32, f64, f64)| {
        let mut score = Score::default();
        // Seeds of their own: the method was tuned on others.
        for seed in FRESH..FRESH + searches {
            let (mut world, capacity) = limited(*servers, *service_ms, *load, seed);
            world.measure = measure;
            let part = 3.0 + 5.0 * ((seed - FRESH) as f64) / (searches as f64);
            let found = search(&world, &asked(capacity / part));
            let (pass, fail) = off(&found, capacity);
            let estimate = found.assembled().estimate.map(|of| of.per_s / capacity - 1.0);
            let is_near = estimate.is_some_and(|off| off.abs() <= 0.05);
            let is_short = found.probes() <= 15;
            score.near += u64::from(is_near && is_short && found.ending.is_capacity);
            score.holding += u64::from(pass <= 0.005 && fail >= -0.005);
            score.fair_pass += u64::from((-0.10..=0.02).contains(&pass));
            score.near_pass += u64::from(pass.abs() <= 0.05 && is_short);
            score.probes = score.probes.max(found.probes());
            let levels = found.probed.iter().map(|probed| &probed.level);
            let seconds = levels.map(|l| l.measured_s + l.settling_s + l.cooled_s);
            score.minutes += seconds.sum::<f64>() / searches as f64 / 60.0;
            score.pass += pass / searches as f64;
            score.fail += fail / searches as f64;
            if !is_near || !is_short {
                tell(&format!("missed: capacity {capacity:.1}/s: {}", found.told()));
            }
        }
        tell(&format!(
            "levels of {} s: {servers:2} servers of {service_ms:3} ms, limit at {load:.2}: of {searches}, {} estimates and {} \
             highest passes within 5 % in at most 15 probes, {} highest passes from 10 % below to 2 % above, {} brackets hold the truth; most probes {}, {:.0} min \
             each; highest pass {:+.1} %, lowest fail {:+.1} % on average",
            measure.as_secs(),
            score.near,
            score.near_pass,
            score.fair_pass,
            score.holding,
            score.probes,
            score.minutes,
            score.pass * 100.0,
            score.fail * 100.0,
        ));
        score
    };
    QUEUES.iter().map(each).collect()
}

/// The promise: 9 of 10 end within 5 % in at most 15 probes, for each kind of queue and wherever it begins; and
/// as many brackets hold what is true.
#[test]
#[ignore = "minutes; ./scripts/prove capacity"]
fn nine_of_ten_searches_end_within_5_percent_in_at_most_15_probes() {
    const SEARCHES: u64 = 20;
    for score in scores(SEARCHES, Duration::from_secs(120)) {
        assert!(score.near * 10 >= SEARCHES * 9, "{} estimates of {SEARCHES}", score.near);
        assert!(score.holding * 10 >= SEARCHES * 9, "{} brackets of {SEARCHES}", score.holding);
    }
}

/// What was measured for longer is known better: with levels of six minutes even what may be promised, the highest
/// rate that passed by the whole of its interval, is near the truth, and on its good side.
#[test]
#[ignore = "minutes; ./scripts/prove capacity"]
fn with_longer_levels_the_highest_that_passed_is_within_10_percent() {
    const SEARCHES: u64 = 10;
    for score in scores(SEARCHES, Duration::from_secs(360)) {
        assert!(score.fair_pass * 10 >= SEARCHES * 9, "{} of {SEARCHES}", score.fair_pass);
    }
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
    let (mut world, capacity) = limited(8, 40.0, 0.9, 1);
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
    let (mut world, capacity) = limited(8, 40.0, 0.9, 1);
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
    let (mut world, capacity) = limited(8, 40.0, 0.9, 3);
    world.disturbed = Some((3, 4.0));
    let found = search(&world, &asked(capacity / 6.0));
    let verdicts: Vec<_> = found.probed.iter().take(5).map(|of| of.level.verdict).collect();
    assert_eq!(verdicts[2], LevelVerdict::Fail, "{}", found.told());
    assert_eq!(verdicts[3..], [LevelVerdict::Pass; 2], "{}", found.told());
    let (pass, _) = off(&found, capacity);
    assert!(pass.abs() <= 0.1, "{}", found.told());
}

/// The other way round: it begins far above what is possible.
#[test]
fn a_search_that_begins_too_high_goes_down() {
    let (world, capacity) = limited(8, 40.0, 0.9, 4);
    let found = search(&world, &asked(capacity * 2.5));
    let (pass, fail) = off(&found, capacity);
    assert!(pass.abs() <= 0.1 && fail > -0.01, "{}", found.told());
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
    let (world, capacity) = limited(8, 40.0, 0.9, 7);
    let mut asked = asked(capacity / 6.0);
    asked.to_per_s = Some(capacity / 2.0);
    let found = search(&world, &asked);
    assert_eq!(found.ending.reason, Reason::TopReached, "{}", found.told());
    assert!(!found.ending.is_capacity && found.ending.text.contains("at least"));
    assert_eq!(found.search.bracket().highest_pass_per_s, Some(capacity / 2.0));
}
