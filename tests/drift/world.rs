//! A simulated tenant over hours: timelines whose truth is known, through the same counters as real ones.

use gander::base::names::{Capability, Journey, Step, Variant};
use gander::base::random::{Seed, unit};
use gander::measure::counts::FaultCounts;
use gander::measure::fault::Fault;
use gander::measure::histogram::Times;
use gander::measure::series::{Kind, Outcome, Phase, SeriesKey};
use gander::measure::timeline::{JourneyLine, Line};
use gander::measure::windows::Windows;
use rand::Rng;
use std::ops::Range;
use std::sync::Arc;

/// What a tenant is like, and what of it is measured.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// What it is called in a result.
    pub(crate) name: &'static str,
    /// Length from beginning to end.
    pub(crate) seconds: u64,
    /// Windows on file are so long.
    pub(crate) width_s: u64,
    /// Iterations per second: Poisson arrivals.
    pub(crate) rate: f64,
    /// After so many seconds a third of what the tenant's speed was off by is left: an autoregression of the
    /// first order of its logarithm.
    pub(crate) memory_s: f64,
    /// The standard deviation of that logarithm.
    pub(crate) wobble: f64,
    /// Stretches in which everything takes ten times as long.
    pub(crate) stalls: &'static [Range<u64>],
    /// Stretches in which nothing is measured.
    pub(crate) gaps: &'static [Range<u64>],
}

/// What changes from the beginning to the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change {
    /// Times grow evenly by this part of what they are at first.
    pub(crate) grows: f64,
    /// From this second on, they are so much longer.
    pub(crate) jump: Option<(u64, f64)>,
    /// The share of failures grows evenly by so much.
    pub(crate) fails: f64,
}

/// Steps with their part of the whole time.
pub(crate) const STEPS: &[(&str, &str, f64)] = &[
    ("authorize", "authorize", 0.2),
    ("credentials", "customHTMLTemplate", 0.5),
    ("token", "token", 0.3),
];

/// Median of a whole sign-on.
const MEDIAN_US: f64 = 150_000.0;

/// The standard deviation of the logarithm of what single iterations take, and steps beside that.
const SIGMA: (f64, f64) = (0.35, 0.1);

/// Failures of a hundred.
const FAULTS: f64 = 0.004;

/// One after the other, again and again: tenants of several kinds.
pub(crate) const WORLDS: &[World] = &[
    World { name: "quiet", ..QUIET },
    World { name: "wandering", seconds: 7200, width_s: 10, memory_s: 60.0, wobble: 0.06, ..QUIET },
    World {
        name: "slowly wandering",
        seconds: 10_800,
        width_s: 10,
        memory_s: 240.0,
        wobble: 0.05,
        ..QUIET
    },
    World {
        name: "with stalls",
        stalls: &[600..640, 1900..1930, 1935..1940, 3100..3200],
        wobble: 0.04,
        ..QUIET
    },
    World { name: "thin", rate: 2.0, seconds: 7200, width_s: 10, ..QUIET },
    World {
        name: "resumed twice",
        seconds: 9000,
        gaps: &[2400..3600, 6000..6600],
        memory_s: 30.0,
        wobble: 0.04,
        ..QUIET
    },
];

pub(crate) const QUIET: World = World {
    name: "quiet",
    seconds: 3600,
    width_s: 10,
    rate: 8.0,
    memory_s: 10.0,
    wobble: 0.03,
    stalls: &[],
    gaps: &[],
};

impl World {
    /// The measured time.
    pub(crate) fn measured_s(&self) -> u64 {
        self.seconds - self.gaps.iter().map(|gap| gap.end - gap.start).sum::<u64>()
    }

    /// The windows of one run.
    pub(crate) fn run(&self, change: Change, seed: u64, run: u64) -> Windows {
        let mut random = Seed(seed).stream(self.name, run);
        let mut windows = Windows::new(self.width_s * 1000, 240);
        let mut book = Book::new();
        let kept = (-1.0 / self.memory_s).exp();
        let fresh = (1.0 - kept * kept).sqrt();
        let mut speed = self.wobble * normal(&mut random);
        let (mut at_s, mut measured_s) = (exponential(self.rate, &mut random), 0);
        for second in 0..self.seconds {
            speed = kept * speed + self.wobble * fresh * normal(&mut random);
            let is_gap = self.gaps.iter().any(|gap| gap.contains(&second));
            let scale = self.scale(change, second) * speed.exp();
            let part = second as f64 / self.seconds as f64;
            while at_s < second as f64 + 1.0 {
                if !is_gap {
                    book.iteration(scale, FAULTS + change.fails * part, &mut random);
                }
                at_s += exponential(self.rate, &mut random);
            }
            measured_s += u64::from(!is_gap);
            if (second + 1) % self.width_s == 0 {
                book.close(second + 1 - self.width_s, (self.width_s, measured_s), &mut windows);
                measured_s = 0;
            }
        }
        windows
    }

    fn scale(&self, change: Change, second: u64) -> f64 {
        let grown = 1.0 + change.grows * second as f64 / self.seconds as f64;
        let jumped = change.jump.filter(|(at, _)| second >= *at).map_or(1.0, |(_, by)| 1.0 + by);
        let is_stalled = self.stalls.iter().any(|stall| stall.contains(&second));
        grown * jumped * if is_stalled { 10.0 } else { 1.0 }
    }
}

/// What is seen in a window.
struct Book {
    variant: Variant,
    journey: Journey,
    completed: u64,
    failed: u64,
    response: (SeriesKey, Times),
    /// Step by step those that advanced, and last those that failed.
    exchanges: Vec<(SeriesKey, Times)>,
}

impl Book {
    fn new() -> Self {
        let (variant, journey) = (Variant::from("v1"), Journey::from("sign-on"));
        let empty = |key: SeriesKey| {
            let times = Times::new(key.bounds());
            (key, times)
        };
        let of = |kind| SeriesKey::of_journey(Phase::Measured, &variant, &journey, kind);
        let exchange = |(step, capability, _): &(&str, &str, f64), outcome| SeriesKey {
            step: Step::from(*step),
            capability: Capability::from(*capability),
            event: Arc::from("submit"),
            action: Arc::from(*step),
            outcome: Some(outcome),
            ..of(Kind::Exchange)
        };
        let advanced = STEPS.iter().map(|step| exchange(step, Outcome::Advanced));
        let failed = STEPS.last().map(|step| exchange(step, Outcome::Fault(Fault::Refused)));
        let exchanges = advanced.chain(failed).map(empty).collect();
        let response = empty(of(Kind::Response));
        Self { variant, journey, completed: 0, failed: 0, response, exchanges }
    }

    fn iteration(&mut self, scale: f64, faults: f64, random: &mut impl Rng) {
        let whole = MEDIAN_US * scale * (SIGMA.0 * normal(random)).exp();
        let fails = unit(random) < faults;
        let mut sum_us = 0.0;
        for (place, (_, _, part)) in STEPS.iter().enumerate() {
            let time_us = whole * part * (SIGMA.1 * normal(random)).exp();
            sum_us += time_us;
            let fails_here = fails && place + 1 == STEPS.len();
            self.exchanges[place + usize::from(fails_here)].1.record(whole_us(time_us));
        }
        if fails {
            self.failed += 1;
        } else {
            self.completed += 1;
            self.response.1.record(whole_us(sum_us));
        }
    }

    fn close(&mut self, start_s: u64, (width_s, measured_s): (u64, u64), windows: &mut Windows) {
        let failed = std::mem::take(&mut self.failed);
        let completed = std::mem::take(&mut self.completed);
        // While nothing is measured there is no line: gander is not there.
        if measured_s == 0 {
            return;
        }
        let faults: FaultCounts = [(Fault::Refused, failed)].into_iter().collect();
        let row = JourneyLine {
            phase: Phase::Measured,
            variant: self.variant.clone(),
            journey: self.journey.clone(),
            due: completed + failed,
            late: 0,
            completed,
            dropped: 0,
            cut_off: 0,
            lost: 0,
            faults,
            exchanges: 0,
            exchange_faults: FaultCounts::default(),
            response_us: None,
            funnel: Vec::new(),
        };
        let line = Line {
            start_ms: start_s * 1000,
            end_ms: (start_s + width_s) * 1000,
            measured_ms: measured_s * 1000,
            journeys: vec![row],
            ..Line::default()
        };
        windows.absorb_line(&line);
        for (key, times) in std::iter::once(&mut self.response).chain(&mut self.exchanges) {
            if !times.is_empty() {
                windows.absorb_times(key, (line.start_ms, line.end_ms), times);
                times.clear();
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time, at least 1 µs"
)]
fn whole_us(time_us: f64) -> u64 {
    time_us.max(1.0) as u64
}

/// A normal deviate: Box & Muller.
fn normal(random: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - unit(random)).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(random)).cos()
}

fn exponential(rate: f64, random: &mut impl Rng) -> f64 {
    -(1.0 - unit(random)).ln() / rate
}
