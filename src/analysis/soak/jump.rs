//! Sudden change: where a run jumped from one level to another, beside whatever slope it has.

use super::inflation::Inflation;
use super::line::{deviation, median};
use super::stretch::Point;
use crate::analysis::statistics::student;

/// A jump.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jump {
    /// The first point after it.
    pub place: usize,
    /// How far.
    pub by: f64,
    /// How probable one so great is anywhere in a run that has none.
    pub p: f64,
}

/// With fewer points on a side there is no telling a jump from a stall.
const FEWEST_BESIDE: usize = 5;

/// More than these are no jumps but another way of moving.
const MOST: usize = 3;

/// Residuals further off than so many standard deviations count as so far off: stalls.
const FURTHEST: f64 = 4.0;

/// The jumps of a series, in order of time: those that are as great as `least` and more, and improbable by
/// chance as `significance` has it.
///
/// At each place the height of a jump is fitted together with a slope and the level of each segment (least
/// squares, by residuals of residuals: Frisch & Waugh, Econometrica 1 (1933) 387–401), so that a slope is no
/// jump. The place where that explains most is tested by Student's t with memory corrected for
/// ([`Inflation`]), times the number of places looked at (Bonferroni). Then the next one is looked for, beside
/// those found: three at most.
pub fn jumps(points: &[Point], least: f64, significance: f64) -> Vec<Jump> {
    let values = tamed(points);
    let (mut places, mut looked_at) = (Vec::new(), 0.0_f64);
    while places.len() < MOST {
        let basis = basis(points, &places);
        let Some((place, looked)) = best(points, &values, (&basis, &places)) else { break };
        places.push(place);
        looked_at = looked_at.max(looked);
    }
    loop {
        let jump = |place: &usize| {
            let others: Vec<usize> =
                places.iter().copied().filter(|other| other != place).collect();
            let fitted = fit(&values, &step(points.len(), *place), &basis(points, &others));
            let (by, p) = fitted.map_or((0.0, 1.0), |fitted| (fitted.by, fitted.p * looked_at));
            Jump { place: *place, by, p: p.min(1.0) }
        };
        let mut found: Vec<Jump> = places.iter().map(jump).collect();
        let doubtful = |jump: &&Jump| jump.p > significance || jump.by.abs() < least;
        let worst = found.iter().filter(doubtful).max_by(|a, b| a.p.total_cmp(&b.p)).copied();
        let Some(worst) = worst else {
            found.sort_by_key(|jump| jump.place);
            return found;
        };
        places.retain(|place| *place != worst.place);
    }
}

/// Values whose distance from their neighbours is no greater than is usual here.
fn tamed(points: &[Point]) -> Vec<f64> {
    let usual = |place: usize| {
        let around =
            place.saturating_sub(FEWEST_BESIDE)..(place + FEWEST_BESIDE + 1).min(points.len());
        let mut values: Vec<f64> = points[around].iter().map(|point| point.value).collect();
        median(&mut values)
    };
    let usual: Vec<f64> = (0..points.len()).map(usual).collect();
    let off: Vec<f64> =
        points.iter().zip(&usual).map(|(point, usual)| point.value - usual).collect();
    let reach = FURTHEST * deviation(&off);
    usual.iter().zip(&off).map(|(usual, off)| usual + off.clamp(-reach, reach)).collect()
}

/// 0 before a place, 1 from it on.
fn step(length: usize, place: usize) -> Vec<f64> {
    (0..length).map(|at| if at < place { 0.0 } else { 1.0 }).collect()
}

/// The levels of the segments, the slope and the jumps found so far, each freed of those before it and of
/// length 1.
fn basis(points: &[Point], places: &[usize]) -> Vec<Vec<f64>> {
    let is_first = |place: usize| place == 0 || points[place - 1].segment != points[place].segment;
    let starts = (0..points.len()).filter(|place| is_first(*place));
    let levels = starts.map(|place| step(points.len(), place));
    let slope = points.iter().map(|point| point.at_s).collect();
    let steps = places.iter().map(|place| step(points.len(), *place));
    let mut basis = Vec::new();
    for regressor in levels.chain(std::iter::once(slope)).chain(steps) {
        let length = norm(&regressor);
        let free = freed(regressor, &basis);
        let left = norm(&free);
        if left > 1e-6 * length {
            basis.push(free.into_iter().map(|value| value / left).collect());
        }
    }
    basis
}

/// What is left of a vector without its parts along others.
fn freed(mut vector: Vec<f64>, basis: &[Vec<f64>]) -> Vec<f64> {
    for direction in basis {
        let along = dot(&vector, direction);
        vector.iter_mut().zip(direction).for_each(|(value, part)| *value -= along * part);
    }
    vector
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn norm(vector: &[f64]) -> f64 {
    dot(vector, vector).sqrt()
}

/// The place where a jump explains most, and how many were looked at.
#[expect(clippy::cast_precision_loss, reason = "a few dozen points")]
fn best(
    points: &[Point],
    values: &[f64],
    (basis, taken): (&[Vec<f64>], &[usize]),
) -> Option<(usize, f64)> {
    let beside = FEWEST_BESIDE.max(points.len() / 10);
    let left = freed(values.to_vec(), basis);
    let is_free = |place: &usize| taken.iter().all(|other| place.abs_diff(*other) >= beside);
    let places = beside..(points.len() + 1).saturating_sub(beside);
    let explained = |place: usize| {
        let free = freed(step(points.len(), place), basis);
        let length = norm(&free);
        (length > 1e-3).then(|| (dot(&free, &left).abs() / length, place))
    };
    let looked: Vec<_> = places.filter(is_free).filter_map(explained).collect();
    let (_, place) = looked.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some((*place, looked.len() as f64))
}

#[derive(Clone, Copy)]
struct Fitted {
    by: f64,
    p: f64,
}

/// The height of one step beside a basis. None where the basis has it already.
#[expect(clippy::cast_precision_loss, reason = "a few dozen points")]
fn fit(values: &[f64], step: &[f64], basis: &[Vec<f64>]) -> Option<Fitted> {
    let free = freed(step.to_vec(), basis);
    let length = norm(&free);
    if length <= 1e-3 {
        return None;
    }
    let direction: Vec<f64> = free.into_iter().map(|value| value / length).collect();
    let left = freed(values.to_vec(), basis);
    let along = dot(&left, &direction);
    let residuals: Vec<f64> =
        left.iter().zip(&direction).map(|(value, part)| value - along * part).collect();
    let fitted = basis.len() + 1;
    let freedom = (values.len() as f64 - fitted as f64).max(1.0);
    let inflation = Inflation::of(&residuals, &direction, fitted);
    let error = (dot(&residuals, &residuals) / freedom * inflation.factor).sqrt();
    let t = along.abs() / error;
    // What never varies but for the jump leaves no residual.
    let p = if error > 0.0 { 2.0 * student::above(inflation.freedom, t) } else { 0.0 };
    let by = along / length;
    Some(Fitted { by, p: if by == 0.0 { 1.0 } else { p } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::{Seed, unit};

    /// Points with noise of a standard deviation of 1 that keeps so much of the one before.
    fn points(index: u64, kept: f64, value: impl Fn(usize) -> f64) -> Vec<Point> {
        let mut random = Seed(5).stream("jumps", index);
        let mut noise = move || (0..12).map(|_| unit(&mut random)).sum::<f64>() - 6.0;
        let mut wobble = noise();
        let fresh = f64::sqrt(1.0 - kept * kept);
        #[expect(clippy::cast_precision_loss, reason = "a test")]
        let point = |place: usize| {
            wobble = kept * wobble + fresh * noise();
            Point { at_s: place as f64 * 60.0, value: 100.0 + value(place) + wobble, segment: 0 }
        };
        (0..60).map(point).collect()
    }

    fn after(place: usize, by: f64) -> impl Fn(usize) -> f64 {
        move |at| if at < place { 0.0 } else { by }
    }

    #[test]
    fn a_jump_is_found_where_it_is_and_as_high_as_it_is() {
        for (index, place) in [(0, 12), (1, 30), (2, 51)] {
            let found = jumps(&points(index, 0.3, after(place, 10.0)), 5.0, 1e-4);
            assert_eq!(found.len(), 1, "{place}: {found:?}");
            assert!(found[0].place.abs_diff(place) <= 1, "{place}: {found:?}");
            assert!((found[0].by - 10.0).abs() < 2.5, "{found:?}");
        }
    }

    #[test]
    fn two_jumps_are_two_and_in_order() {
        let both = |at| after(40, -12.0)(at) + after(15, 12.0)(at);
        let found = jumps(&points(3, 0.2, both), 5.0, 1e-4);
        let places: Vec<_> = found.iter().map(|jump| jump.place).collect();
        assert_eq!(places, [15, 40]);
        assert!(found[0].by > 10.0 && found[1].by < -10.0, "{found:?}");
    }

    #[test]
    fn a_slope_a_stall_and_a_jump_at_a_gap_are_none() {
        #[expect(clippy::cast_precision_loss, reason = "a test")]
        let slope = points(4, 0.3, |at| at as f64);
        assert_eq!(jumps(&slope, 0.0, 1e-3), []);
        let stall = points(5, 0.3, |at| if (20..23).contains(&at) { 1e4 } else { 0.0 });
        assert_eq!(jumps(&stall, 0.0, 1e-3), []);
        let mut parted = points(6, 0.3, after(25, 30.0));
        parted[25..].iter_mut().for_each(|point| point.segment = 1);
        assert_eq!(jumps(&parted, 0.0, 1e-3), []);
        assert_eq!(jumps(&[], 0.0, 1.0), []);
        assert_eq!(jumps(&slope[..9], 0.0, 1.0), []);
    }

    #[test]
    fn one_that_is_smaller_than_counts_is_none() {
        let small = points(7, 0.0, after(30, 6.0));
        assert_eq!(jumps(&small, 1.0, 1e-3).len(), 1);
        assert_eq!(jumps(&small, 9.0, 1e-3), []);
    }

    /// Of runs whose neighbours share their fate, and which never jump, hardly any is said to.
    #[test]
    fn wandering_is_no_jump() {
        let alarms =
            (0..300).filter(|run| !jumps(&points(100 + run, 0.6, |_| 0.0), 0.0, 0.01).is_empty());
        let alarms = alarms.count();
        assert!(alarms <= 6, "{alarms} of 300");
    }
}
