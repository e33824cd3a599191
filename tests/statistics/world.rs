//! A simulated tenant under load: timelines whose truth is known, through the same counters as real ones.

use gander::base::names::{Capability, Journey, Step, Variant};
use gander::base::random::{Seed, unit};
use gander::measure::counts::FaultCounts;
use gander::measure::fault::Fault;
use gander::measure::histogram::Times;
use gander::measure::series::{Kind, Outcome, Phase, SeriesKey};
use gander::measure::timeline::{JourneyLine, Line};
use gander::measure::windows::Windows;
use rand::Rng;
use std::sync::Arc;

/// What is measured, and what the tenant is like.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// Length of the measured part.
    pub(crate) seconds: u64,
    /// Iterations per second, of all variants and journeys together: Poisson arrivals.
    pub(crate) rate: f64,
    /// The journeys, with their weights.
    pub(crate) journeys: Vec<Plan>,
    /// How much of the tenant's speed is left after a second: AR(1) of its logarithm.
    pub(crate) kept: f64,
    /// Standard deviation of that logarithm.
    pub(crate) wobble: f64,
    /// How much slower it gets in an hour, as a logarithm.
    pub(crate) drift: f64,
    /// Standard deviation of the logarithm of a run's own speed: what runs of the same thing differ by.
    pub(crate) spread: f64,
    /// Windows kept of a run at most.
    pub(crate) windows: usize,
    /// Whether exchanges are recorded too, or whole iterations alone.
    pub(crate) exchanges: bool,
}

/// A journey of the simulation.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) weight: f64,
    /// Each step with its part of the whole time.
    pub(crate) steps: &'static [(&'static str, &'static str, f64)],
    /// Median response time.
    pub(crate) median_us: f64,
    /// Standard deviation of the logarithm of the time of an iteration.
    pub(crate) sigma: f64,
    /// The same of each step on its own.
    pub(crate) step_sigma: f64,
    /// Iterations that fail at their last step.
    pub(crate) faults: f64,
}

/// In what a variant differs from the baseline.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change {
    /// Every time is so much longer, as a part.
    pub(crate) everywhere: f64,
    /// Those above the 90th percentile are so much longer besides.
    pub(crate) tail: f64,
    /// One step takes so many µs more.
    pub(crate) step: Option<(&'static str, f64)>,
    /// So much more of all iterations fail.
    pub(crate) faults: f64,
}

/// The 90th percentile of the normal distribution.
const NINE_OF_TEN: f64 = 1.281_552;

pub(crate) const SIGN_ON: Plan = Plan {
    name: "sign-on",
    weight: 7.0,
    steps: &[("credentials", "customHTMLTemplate", 1.0)],
    median_us: 120_000.0,
    sigma: 0.4,
    step_sigma: 0.0,
    faults: 0.0,
};

impl World {
    /// Sign-on alone on a tenant whose speed wanders by 8 % with a memory of some ten seconds.
    pub(crate) fn sign_on(rate: f64, minutes: u64) -> Self {
        Self {
            seconds: minutes * 60,
            rate,
            journeys: vec![SIGN_ON],
            kept: 0.9,
            wobble: 0.08,
            drift: 0.1,
            spread: 0.01,
            windows: 300,
            exchanges: true,
        }
    }

    /// Three journeys of several steps, with a few faults.
    pub(crate) fn mixed(rate: f64, minutes: u64) -> Self {
        let journeys = vec![
            Plan {
                steps: &[
                    ("authorize", "authorize", 0.2),
                    ("credentials", "customHTMLTemplate", 0.5),
                    ("token", "token", 0.3),
                ],
                step_sigma: 0.1,
                faults: 0.002,
                ..SIGN_ON
            },
            Plan {
                name: "register",
                weight: 2.0,
                steps: &[
                    ("authorize", "authorize", 0.1),
                    ("submit registration", "createUser", 0.5),
                    ("verify", "verifyEmail", 0.4),
                ],
                median_us: 300_000.0,
                step_sigma: 0.1,
                faults: 0.004,
                ..SIGN_ON
            },
            Plan {
                name: "recovery",
                weight: 1.0,
                steps: &[("authorize", "authorize", 0.2), ("verify", "verifyEmail", 0.8)],
                median_us: 220_000.0,
                step_sigma: 0.1,
                ..SIGN_ON
            },
        ];
        Self { journeys, ..Self::sign_on(rate, minutes) }
    }

    /// The windows of one run, whose iterations are dealt out in turn to the variants.
    pub(crate) fn run(&self, seed: u64, run: u64, variants: &[(&str, Change)]) -> Windows {
        let mut random = Seed(seed).stream("simulated run", run);
        let mut windows = Windows::new(1000, self.windows);
        let mut books: Vec<Book> = variants
            .iter()
            .flat_map(|(variant, _)| self.journeys.iter().map(|plan| Book::new(variant, plan)))
            .collect();
        let offset = self.spread * normal(&mut random);
        let mut speed = self.wobble * normal(&mut random);
        let fresh = (1.0 - self.kept * self.kept).sqrt();
        let weights: f64 = self.journeys.iter().map(|plan| plan.weight).sum();
        let mut turn = 0;
        let mut at_s = exponential(self.rate, &mut random);
        for second in 0..self.seconds {
            speed = self.kept * speed + self.wobble * fresh * normal(&mut random);
            let drift = self.drift * second as f64 / 3600.0;
            let scale = (speed + drift + offset).exp();
            while at_s < second as f64 + 1.0 {
                let mut draw = unit(&mut random) * weights;
                let is_drawn = |plan: &Plan| {
                    draw -= plan.weight;
                    draw < 0.0
                };
                let chosen = self.journeys.iter().position(is_drawn).unwrap_or(0);
                // In pairs, first one first, then the other.
                let (pair, place) = (turn / variants.len(), turn % variants.len());
                let place = if pair % 2 == 0 { place } else { variants.len() - 1 - place };
                let book = &mut books[place * self.journeys.len() + chosen];
                let plan = &self.journeys[chosen];
                book.iteration(plan, variants[place].1, (scale, self.exchanges), &mut random);
                turn += 1;
                at_s += exponential(self.rate, &mut random);
            }
            close(second, &mut books, &mut windows);
        }
        windows
    }
}

/// What one journey of one variant sees in a second.
struct Book {
    variant: Variant,
    journey: Journey,
    due: u64,
    completed: u64,
    failed: u64,
    response: (SeriesKey, Times),
    /// Step by step those that advanced, and last those that failed.
    exchanges: Vec<(SeriesKey, Times)>,
}

impl Book {
    fn new(variant: &str, plan: &Plan) -> Self {
        let (variant, journey) = (Variant::from(variant), Journey::from(plan.name));
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
        let advanced = plan.steps.iter().map(|step| exchange(step, Outcome::Advanced));
        let failed = plan.steps.last().map(|step| exchange(step, Outcome::Fault(Fault::Refused)));
        let exchanges = advanced.chain(failed).map(empty).collect();
        let response = empty(of(Kind::Response));
        Self { variant, journey, due: 0, completed: 0, failed: 0, response, exchanges }
    }

    fn iteration(
        &mut self,
        plan: &Plan,
        change: Change,
        (scale, exchanges): (f64, bool),
        random: &mut impl Rng,
    ) {
        let mine = normal(random);
        let tail = if mine > NINE_OF_TEN { 1.0 + change.tail } else { 1.0 };
        let whole =
            plan.median_us * scale * (plan.sigma * mine).exp() * (1.0 + change.everywhere) * tail;
        let fails = unit(random) < plan.faults + change.faults;
        let mut sum_us = 0.0;
        for (place, (name, _, part)) in plan.steps.iter().enumerate() {
            let own = if plan.step_sigma > 0.0 { plan.step_sigma * normal(random) } else { 0.0 };
            let more = change.step.filter(|(changed, _)| changed == name).map_or(0.0, |(_, us)| us);
            let time_us = whole * part * own.exp() + more;
            sum_us += time_us;
            let fails_here = fails && place + 1 == plan.steps.len();
            if exchanges {
                self.exchanges[place + usize::from(fails_here)].1.record(whole_us(time_us));
            }
        }
        self.due += 1;
        if fails {
            self.failed += 1;
        } else {
            self.completed += 1;
            self.response.1.record(whole_us(sum_us));
        }
    }
}

fn close(second: u64, books: &mut [Book], windows: &mut Windows) {
    let rows = books.iter_mut().map(|book| {
        let faults = [(Fault::Refused, std::mem::take(&mut book.failed))].into_iter().collect();
        let (due, completed) = (std::mem::take(&mut book.due), std::mem::take(&mut book.completed));
        row(&book.variant, &book.journey, Ends { due, completed, cut_off: 0, faults })
    });
    let line = line(second, 1000, rows.collect());
    windows.absorb_line(&line);
    for book in books {
        for (key, times) in std::iter::once(&mut book.response).chain(&mut book.exchanges) {
            if !times.is_empty() {
                windows.absorb_times(key, (line.start_ms, line.end_ms), times);
                times.clear();
            }
        }
    }
}

/// How the iterations of a line ended.
pub(crate) struct Ends {
    pub(crate) due: u64,
    pub(crate) completed: u64,
    pub(crate) cut_off: u64,
    pub(crate) faults: FaultCounts,
}

/// A line of a measured interval.
pub(crate) fn line(number: u64, width_ms: u64, journeys: Vec<JourneyLine>) -> Line {
    let start_ms = number * width_ms;
    Line {
        interval: number,
        start_ms,
        end_ms: start_ms + width_ms,
        measured_ms: width_ms,
        journeys,
        ..Line::default()
    }
}

/// A journey in such a line.
pub(crate) fn row(variant: &Variant, journey: &Journey, ends: Ends) -> JourneyLine {
    JourneyLine {
        phase: Phase::Measured,
        variant: variant.clone(),
        journey: journey.clone(),
        due: ends.due,
        late: 0,
        completed: ends.completed,
        dropped: 0,
        cut_off: ends.cut_off,
        lost: 0,
        faults: ends.faults,
        exchanges: 0,
        exchange_faults: FaultCounts::default(),
        response_us: None,
        funnel: Vec::new(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time, at least 1 µs"
)]
pub(crate) fn whole_us(time_us: f64) -> u64 {
    time_us.max(1.0) as u64
}

/// A normal deviate: Box & Muller.
pub(crate) fn normal(random: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - unit(random)).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(random)).cos()
}

fn exponential(rate: f64, random: &mut impl Rng) -> f64 {
    -(1.0 - unit(random)).ln() / rate
}
