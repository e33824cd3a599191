//! When iterations are due in the open model: a pure sequence of moments, whatever the tenant does.

use super::onward::Onward;
use super::shape::Shape;
use crate::base::random::{Seed, unit};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::Duration;

/// How arrivals are spread over time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arrivals {
    /// As independent users come: the gaps are exponential, so that bursts happen.
    Poisson,
    /// At equal distances while the rate stays.
    Constant,
}

/// What `arrivals` may be, as the profile writes it.
pub const ARRIVALS: &[(&str, Arrivals)] =
    &[("poisson", Arrivals::Poisson), ("constant", Arrivals::Constant)];

/// The moments at which iterations are due, counted from the start of the run, in order. Ends with
/// the shape.
///
/// Both kinds come from the area under the rate, Λ(t): at the moments at which it passes whole
/// numbers, or the points of a Poisson process of rate 1 (time rescaling; a Poisson process of
/// varying rate is one of rate 1 on the scale of its own Λ).
///
/// From a change at t₀ to a factor f on the rate is f·λ(t). An arrival keeps its place on the scale of
/// the area: with Λ' for the area that was used up to t₀, the one at Λ is due at
/// Λ⁻¹(Λ(t₀) + (Λ − Λ') / f). The points of a process of rate 1 beyond Λ' do not know of the change, so
/// that Poisson arrivals stay Poisson arrivals.
///
/// A schedule that goes on where it stood has the points of its plan from there on, after points of its own
/// for the area of its warm-up.
#[derive(Clone, Debug)]
pub struct Schedule {
    rate: Arc<Shape>,
    points: Points,
    /// What lies between the scale of the points and that of the area.
    offset: f64,
    /// No arrival is at less than this.
    least: f64,
    /// From this point on the plan has none.
    ends: f64,
    /// The points of the plan, while those of a warm-up come first.
    plan: Option<Points>,
    /// Λ of the next arrival.
    next: f64,
    /// When that is.
    due: Option<Duration>,
    /// The last one taken: nothing is ever due before it.
    taken: Duration,
    /// What the planned rate is multiplied by since the last change.
    factor: f64,
    /// The planned area up to the last change.
    planned: f64,
    /// The area that was used up to the last change.
    used: f64,
}

impl Schedule {
    /// The arrivals of a shape whose level is a rate per second. Same seed, same moments.
    pub fn new(rate: Shape, arrivals: Arrivals, seed: Seed) -> Self {
        let points = Points::new(arrivals, seed.stream("arrivals", 0));
        Self::of(rate, points, (0.0, 0.0), None).looked()
    }

    /// The arrivals of a shape from where it stood, after those of a warm-up at the rate that it had there.
    /// Moments count from the beginning of the warm-up.
    pub fn onward(rate: &Shape, arrivals: Arrivals, seed: Seed, onward: &Onward) -> Self {
        let (at, warm_up) = (onward.plan, onward.warm_up);
        let done = rate.area(at);
        let mut plan = Points::new(arrivals, seed.stream("arrivals", 0));
        match onward.arrivals {
            Some(taken) => {
                (0..taken).for_each(|_| plan.advance());
                // Nobody took them when it was time, and by now they would come all at once.
                plan.skip_to(rate.area(at.saturating_sub(LATEST)));
            }
            None => plan.skip_to(done),
        }
        let own = Points::new(arrivals, seed.stream("arrivals", onward.segment.into()));
        let begins = rate.level(at) * warm_up.as_secs_f64();
        let left = Self::of(rate.onward(at, warm_up), own, (begins - done, begins), Some(plan));
        Self { ends: rate.total(), ..left }.looked()
    }

    fn of(rate: Shape, points: Points, (offset, least): (f64, f64), plan: Option<Points>) -> Self {
        let (due, taken, next, ends) = (None, Duration::ZERO, 0.0, f64::INFINITY);
        let (factor, planned, used) = (1.0, 0.0, 0.0);
        let rate = Arc::new(rate);
        Self { rate, points, offset, least, ends, plan, next, due, taken, factor, planned, used }
    }

    fn looked(mut self) -> Self {
        self.look();
        self
    }

    /// Works out the next arrival.
    fn look(&mut self) {
        if self.points.at >= self.least
            && let Some(plan) = self.plan.take()
        {
            self.points = plan;
        }
        self.next = match self.plan {
            Some(_) => self.points.at,
            None => (self.points.at + self.offset).max(self.least),
        };
        self.due = self.when();
    }

    /// When the next one is due: what [`Iterator::next`] would take. None while there is none, which
    /// a change may end.
    pub const fn peek(&self) -> Option<Duration> {
        self.due
    }

    /// From `at` on the rate is `factor` times what was planned; nothing is due while that is 0. The
    /// end of the shape stays. Take what is due by `at` first; the change is not before the last
    /// arrival taken.
    pub fn change(&mut self, at: Duration, factor: f64) {
        let planned = self.rate.area(at.max(self.taken));
        self.used += (planned - self.planned).max(0.0) * self.factor;
        self.planned = planned.max(self.planned);
        self.factor = if factor.is_finite() { factor.max(0.0) } else { 0.0 };
        self.due = self.when();
    }

    /// The rate at a moment after the last change, per second.
    pub fn rate(&self, at: Duration) -> f64 {
        self.rate.level(at) * self.factor
    }

    fn when(&self) -> Option<Duration> {
        // A rate that somebody changed has more arrivals than its plan, or fewer.
        let is_as_planned = self.factor == 1.0 && self.used == self.planned;
        let is_over = is_as_planned && self.plan.is_none() && self.points.at >= self.ends;
        if self.factor <= 0.0 || is_over {
            return None;
        }
        self.rate.when(self.planned + (self.next - self.used).max(0.0) / self.factor)
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let due = self.due?;
        self.taken = due;
        self.points.advance();
        self.look();
        Some(due)
    }
}

/// How late an arrival of the plan may be when it is taken up again: those that were due even earlier are
/// left out.
const LATEST: Duration = Duration::from_secs(1);

/// The points of a process of rate 1, in order.
#[derive(Clone, Debug)]
struct Points {
    arrivals: Arrivals,
    random: ChaCha8Rng,
    number: u64,
    /// Where the next one is.
    at: f64,
}

impl Points {
    fn new(arrivals: Arrivals, mut random: ChaCha8Rng) -> Self {
        let at = match arrivals {
            Arrivals::Poisson => exponential(&mut random),
            Arrivals::Constant => 0.0,
        };
        Self { arrivals, random, number: 0, at }
    }

    fn advance(&mut self) {
        self.number += 1;
        #[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 arrivals")]
        let whole = self.number as f64;
        match self.arrivals {
            Arrivals::Poisson => self.at += exponential(&mut self.random),
            Arrivals::Constant => self.at = whole,
        }
    }

    fn skip_to(&mut self, least: f64) {
        while self.at < least {
            self.advance();
        }
    }
}

/// A draw with mean 1.
fn exponential(random: &mut ChaCha8Rng) -> f64 {
    -(1.0 - unit(random)).ln()
}

#[cfg(test)]
mod tests {
    use super::super::shape::Stage;
    use super::*;
    use proptest::prelude::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn stages(stages: &[(f64, u64, bool)]) -> Shape {
        let stage = |&(level, seconds, ramps): &_| Stage { level, lasts: s(seconds), ramps };
        Shape::of(&stages.iter().map(stage).collect::<Vec<_>>())
    }

    fn due(shape: &Shape, arrivals: Arrivals, seed: u64) -> Vec<Duration> {
        Schedule::new(shape.clone(), arrivals, Seed(seed)).collect()
    }

    #[test]
    fn a_constant_rate_is_due_at_equal_distances_from_the_start() {
        let shape = stages(&[(40.0, 10, false)]);
        let due = due(&shape, Arrivals::Constant, 1);
        assert_eq!(due.len(), 400);
        for (number, at) in due.iter().enumerate() {
            assert_eq!(at.as_micros(), number as u128 * 25_000);
        }
    }

    #[test]
    fn a_ramp_has_as_many_arrivals_as_its_area_up_to_every_moment() {
        // 0 to 100/s in 60 s, held, a spike of 10 s, and down again: Λ in closed form.
        let shape = stages(&[
            (100.0, 60, true),
            (100.0, 30, false),
            (400.0, 10, false),
            (100.0, 5, false),
            (0.0, 20, true),
        ]);
        let due = due(&shape, Arrivals::Constant, 1);
        let closed = |t: f64| match t {
            t if t <= 60.0 => 100.0 / 120.0 * t * t,
            t if t <= 90.0 => 3000.0 + 100.0 * (t - 60.0),
            t if t <= 100.0 => 6000.0 + 400.0 * (t - 90.0),
            t if t <= 105.0 => 10_000.0 + 100.0 * (t - 100.0),
            t => 10_500.0 + 100.0 * (t - 105.0) - 2.5 * (t - 105.0) * (t - 105.0),
        };
        for tenth in 0..=1250 {
            let t = f64::from(tenth) / 10.0;
            let counted = due.partition_point(|at| at.as_secs_f64() < t) as f64;
            assert!((counted - closed(t)).abs() <= 1.0, "{t} s: {counted}, not {}", closed(t));
        }
        assert_eq!(due.len(), 11_500);
    }

    /// Distance between the sorted sample and a distribution (Kolmogorov and Smirnov), × √n.
    fn distance(mut sample: Vec<f64>, distribution: impl Fn(f64) -> f64) -> f64 {
        sample.sort_by(f64::total_cmp);
        let n = sample.len() as f64;
        let off = |(place, value): (usize, &f64)| {
            let expected = distribution(*value);
            (expected - place as f64 / n).max((place + 1) as f64 / n - expected)
        };
        sample.iter().enumerate().map(off).fold(0.0, f64::max) * n.sqrt()
    }

    /// Above it, a sample of the very distribution is found in one of a thousand.
    const CRITICAL: f64 = 1.95;

    #[test]
    fn the_gaps_of_a_poisson_process_are_exponential() {
        for seed in 1..=5 {
            let shape = stages(&[(50.0, 400, false)]);
            let due = due(&shape, Arrivals::Poisson, seed);
            let gaps: Vec<_> =
                due.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
            let d = distance(gaps.clone(), |gap| 1.0 - (-50.0 * gap).exp());
            assert!(d < CRITICAL, "seed {seed}: {d}");
            // One gap says nothing about the next: correlation of neighbours 0 ± 4/√n.
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let products = gaps.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean));
            let correlation = products.sum::<f64>() / gaps.len() as f64 / (mean * mean);
            assert!(correlation.abs() < 4.0 / (gaps.len() as f64).sqrt(), "{seed}: {correlation}");
        }
    }

    #[test]
    fn gaps_that_are_not_exponential_are_found_by_the_same_test() {
        let even: Vec<_> = (0..20_000).map(|n| 0.02 + f64::from(n % 7) * 1e-4).collect();
        assert!(distance(even, |gap| 1.0 - (-50.0 * gap).exp()) > 10.0 * CRITICAL);
    }

    #[test]
    fn poisson_arrivals_follow_a_ramp() {
        let shape = stages(&[(100.0, 100, true), (20.0, 100, false)]);
        for seed in 1..=5 {
            let due = due(&shape, Arrivals::Poisson, seed);
            // 7000 ± 4 standard deviations.
            assert!(due.len().abs_diff(7000) < 335, "seed {seed}: {}", due.len());
            let sample = due.iter().map(Duration::as_secs_f64).collect();
            let total = shape.total();
            let d = distance(sample, |t| shape.area(Duration::from_secs_f64(t)) / total);
            assert!(d < CRITICAL, "seed {seed}: {d}");
        }
    }

    /// All arrivals of a schedule that is changed at such moments to such factors.
    fn changed(
        shape: &Shape,
        arrivals: Arrivals,
        seed: u64,
        changes: &[(Duration, f64)],
    ) -> Vec<Duration> {
        let mut schedule = Schedule::new(shape.clone(), arrivals, Seed(seed));
        let mut due = Vec::new();
        for (at, factor) in changes {
            while schedule.peek().is_some_and(|next| next <= *at) {
                due.extend(schedule.next());
            }
            schedule.change(*at, *factor);
        }
        due.extend(schedule);
        due
    }

    /// The area under a shape whose rate is changed.
    fn area(shape: &Shape, changes: &[(Duration, f64)], until: Duration) -> f64 {
        let mut edges = vec![(Duration::ZERO, 1.0)];
        edges.extend(changes.iter().filter(|(at, _)| *at < until));
        edges.push((until, 0.0));
        let part =
            |pair: &[(Duration, f64)]| (shape.area(pair[1].0) - shape.area(pair[0].0)) * pair[0].1;
        edges.windows(2).map(part).sum()
    }

    #[test]
    fn what_nobody_changes_is_due_as_if_nobody_could() {
        // The moments as they were defined before there were changes, to the last bit.
        let shape = stages(&[(80.0, 20, true), (80.0, 20, false), (3.0, 10, true)]);
        for seed in 1..=3 {
            let mut random = Seed(seed).stream("arrivals", 0);
            let mut next = exponential(&mut random);
            let mut planned = Vec::new();
            while let Some(at) = shape.when(next) {
                planned.push(at);
                next += exponential(&mut random);
            }
            assert!(planned.len() > 2000);
            assert_eq!(due(&shape, Arrivals::Poisson, seed), planned);
            // Nor by a change at the start that changes nothing.
            assert_eq!(changed(&shape, Arrivals::Poisson, seed, &[(s(0), 1.0)]), planned);
        }
    }

    #[test]
    fn after_a_change_arrivals_are_at_the_new_distance_from_that_moment() {
        // 40/s: at 1.015 s the area is 40.6; what is left up to 41 is gone through at 50/s.
        let shape = stages(&[(40.0, 3, false)]);
        let due = changed(&shape, Arrivals::Constant, 1, &[(Duration::from_millis(1015), 1.25)]);
        let ms: Vec<_> = due.iter().map(|at| at.as_secs_f64() * 1000.0).collect();
        let expected = |number: u32| match f64::from(number) {
            n if n <= 40.0 => n * 25.0,
            n => 1015.0 + (n - 40.6) * 20.0,
        };
        for (number, at) in (0..).zip(&ms) {
            assert!((at - expected(number)).abs() < 1e-3, "{number}: {at}");
        }
        assert_eq!(due.len(), 40 + 100);
    }

    #[test]
    fn constant_arrivals_count_as_the_changed_area_says_up_to_every_moment() {
        let shape = stages(&[(100.0, 20, true), (50.0, 20, false), (0.0, 20, true)]);
        let ms = Duration::from_millis;
        let changes = [
            (ms(7_770), 1.5),
            (ms(12_345), 0.1),
            (ms(25_001), 0.0),
            (ms(31_000), 2.0),
            (ms(45_500), 1.0),
        ];
        let due = changed(&shape, Arrivals::Constant, 1, &changes);
        assert!(due.is_sorted());
        for tenth in 0..=600 {
            let t = ms(tenth * 100);
            let counted = due.partition_point(|at| *at < t) as f64;
            let expected = area(&shape, &changes, t);
            assert!((counted - expected).abs() <= 1.0, "{t:?}: {counted}, not {expected}");
        }
        let paused = due.iter().filter(|at| (ms(25_002)..ms(31_000)).contains(*at)).count();
        assert_eq!(paused, 0);
    }

    #[test]
    fn poisson_arrivals_stay_poisson_arrivals_of_the_changed_rate() {
        let shape = stages(&[(100.0, 100, true), (20.0, 100, false)]);
        let changes = [(s(40), 2.0), (s(70), 0.5), (s(130), 3.0)];
        let end = shape.length().unwrap();
        let total = area(&shape, &changes, end);
        for seed in 1..=5 {
            let due = changed(&shape, Arrivals::Poisson, seed, &changes);
            let off = 4.0 * total.sqrt();
            assert!((due.len() as f64 - total).abs() < off, "seed {seed}: {} {total}", due.len());
            let on_scale: Vec<_> = due.iter().map(|at| area(&shape, &changes, *at)).collect();
            let d = distance(on_scale.clone(), |at| at / total);
            assert!(d < CRITICAL, "seed {seed}: {d}");
            // On the scale of the changed area the gaps are exponential with mean 1.
            let gaps = on_scale.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let d = distance(gaps, |gap| 1.0 - (-gap).exp());
            assert!(d < CRITICAL, "seed {seed}: {d}");
        }
    }

    #[test]
    fn a_change_that_did_not_take_place_is_found_by_the_same_test() {
        let shape = stages(&[(100.0, 100, false)]);
        let (planned, asked) = (due(&shape, Arrivals::Poisson, 1), [(s(50), 1.2)]);
        let total = area(&shape, &asked, s(100));
        let on_scale = planned.iter().map(|at| area(&shape, &asked, *at)).collect();
        assert!(distance(on_scale, |at| at / total) > CRITICAL);
    }

    #[test]
    fn a_pause_holds_everybody_and_the_end_by_time_stays() {
        let shape = stages(&[(10.0, 10, false)]);
        let mut schedule = Schedule::new(shape.clone(), Arrivals::Constant, Seed(1));
        assert_eq!(schedule.by_ref().take(30).last(), Some(Duration::from_millis(2900)));
        schedule.change(Duration::from_millis(2950), 0.0);
        assert_eq!((schedule.peek(), schedule.next(), schedule.rate(s(5))), (None, None, 0.0));
        schedule.change(s(8), 1.0);
        // Half a gap was over.
        assert_eq!(schedule.peek(), Some(Duration::from_millis(8050)));
        assert_eq!((schedule.rate(s(9)), schedule.by_ref().count()), (10.0, 20));
        // Beyond the end nothing helps.
        schedule.change(s(10), 5.0);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn nothing_is_due_before_what_was_taken_however_late_a_change_is_told() {
        let shape = Shape::constant(10.0);
        let mut schedule = Schedule::new(shape, Arrivals::Constant, Seed(1));
        assert_eq!(schedule.by_ref().take(11).last(), Some(s(1)));
        schedule.change(Duration::from_millis(500), 10.0);
        assert_eq!(schedule.next(), Some(Duration::from_millis(1010)));
        schedule.change(s(2), f64::NAN);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn the_same_seed_is_the_same_schedule() {
        let shape = stages(&[(50.0, 10, false)]);
        assert_eq!(due(&shape, Arrivals::Poisson, 7), due(&shape, Arrivals::Poisson, 7));
        assert_ne!(due(&shape, Arrivals::Poisson, 7), due(&shape, Arrivals::Poisson, 8));
    }

    proptest! {
        #[test]
        fn whatever_changes_arrivals_stay_in_order_and_as_many_as_the_area_says(
            level in 1u32..200,
            changes in proptest::collection::vec((0u64..20_000, 0u32..40), 0..8),
            poisson in any::<bool>(),
        ) {
            let shape = stages(&[(f64::from(level), 5, true), (f64::from(level), 15, false)]);
            let mut changes: Vec<_> = changes
                .into_iter()
                .map(|(ms, quarters)| (Duration::from_millis(ms), f64::from(quarters) / 4.0))
                .collect();
            changes.sort_by_key(|(at, _)| *at);
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let due = changed(&shape, arrivals, 3, &changes);
            prop_assert!(due.is_sorted());
            if !poisson {
                let expected = area(&shape, &changes, s(20));
                prop_assert!((due.len() as f64 - expected).abs() <= 1.0, "{} {expected}", due.len());
            }
        }

        #[test]
        fn arrivals_are_in_order_and_end_with_the_shape(
            parts in proptest::collection::vec((0u32..200, 0u64..20, any::<bool>()), 1..6),
            poisson in any::<bool>(),
        ) {
            let parts: Vec<_> = parts
                .into_iter()
                .map(|(level, seconds, ramps)| (f64::from(level), seconds, ramps))
                .collect();
            let shape = stages(&parts);
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let due = due(&shape, arrivals, 3);
            prop_assert!(due.is_sorted());
            let end = shape.length().unwrap();
            prop_assert!(due.iter().all(|at| *at <= end));
            if !poisson {
                prop_assert!((due.len() as f64 - shape.total()).abs() <= 1.0);
            }
        }
    }

    fn onward(plan: Duration, arrivals: Option<u64>, warm_up: Duration) -> Onward {
        Onward { plan, arrivals, warm_up, due: 0, next_number: 0, segment: 1 }
    }

    #[test]
    fn a_schedule_that_goes_on_has_the_arrivals_of_its_plan_after_those_of_a_warm_up() {
        let shape = stages(&[(80.0, 20, true), (80.0, 20, false), (3.0, 10, true)]);
        let ms = Duration::from_millis;
        for kind in [Arrivals::Poisson, Arrivals::Constant] {
            for (at, warm_up) in
                [(ms(0), s(0)), (ms(7_300), s(0)), (ms(25_000), s(4)), (ms(49_900), s(2))]
            {
                let whole = due(&shape, kind, 3);
                let (done, left) = whole.split_at(whole.partition_point(|due| *due < at));
                for taken in [Some(done.len() as u64), None] {
                    let goes_on =
                        Schedule::onward(&shape, kind, Seed(3), &onward(at, taken, warm_up));
                    let (own, plan): (Vec<_>, Vec<_>) = goes_on.partition(|due| *due < warm_up);
                    assert_eq!(plan.len(), left.len(), "{kind:?} {at:?}");
                    for (found, planned) in plan.iter().zip(left) {
                        let found = found.as_secs_f64() - warm_up.as_secs_f64() + at.as_secs_f64();
                        assert!(
                            (found - planned.as_secs_f64()).abs() < 1e-6,
                            "{found} {planned:?}"
                        );
                    }
                    let expected = shape.level(at) * warm_up.as_secs_f64();
                    assert!(
                        (own.len() as f64 - expected).abs() <= 4.0 * expected.sqrt(),
                        "{own:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_arrival_that_nobody_took_in_time_comes_at_once_and_older_ones_do_not() {
        let shape = stages(&[(10.0, 60, false)]);
        let goes_on = |taken| {
            let onward = onward(s(30), Some(taken), s(2));
            let due = Schedule::onward(&shape, Arrivals::Constant, Seed(1), &onward);
            due.filter(|due| *due >= s(2)).collect::<Vec<_>>()
        };
        let three_late = goes_on(297);
        assert_eq!((three_late.len(), &three_late[..4]), (303, &[s(2); 4][..]));
        assert_eq!(goes_on(100).len(), 310);
    }

    #[test]
    fn a_rate_that_is_changed_in_the_warm_up_is_changed_for_the_plan_too() {
        let shape = stages(&[(10.0, 60, false)]);
        let onward = onward(s(30), Some(300), s(10));
        let mut schedule = Schedule::onward(&shape, Arrivals::Constant, Seed(1), &onward);
        while schedule.peek().is_some_and(|due| due <= s(5)) {
            schedule.next();
        }
        schedule.change(s(5), 2.0);
        assert_eq!(schedule.filter(|due| *due >= s(10)).count(), 2 * 300);
    }
}
