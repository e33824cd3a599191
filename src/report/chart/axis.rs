//! Scales and their ticks: round numbers, ascending, within the range, with a unit.

use crate::report::figures;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;
use std::time::Duration;

/// One axis: what its length means and where it is labelled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    /// What it shows, with the unit in words.
    pub(super) title: String,
    is_log: bool,
    low: f64,
    high: f64,
    ticks: Vec<Tick>,
    /// Places of lines without a label.
    between: Vec<f64>,
}

/// A labelled place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// Steps of the clock in seconds.
const CLOCK_STEPS: &[u64] = &[
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
    172_800, 604_800,
];

/// Most labels of a horizontal axis, and of a vertical one.
const MOST_ACROSS: f64 = 12.0;
const MOST_UP: f64 = 6.0;
/// The same of a log axis, and of a panel of half the usual height.
const MOST_UP_LOG: f64 = 8.0;
const FEW_UP: f64 = 4.0;

/// With more between the least and the most than this, times stand on a log axis.
const LOG_FROM: f64 = 20.0;

/// How many microseconds the units of linear time axes have, up to which time they are used, and
/// their names.
const UNITS: &[(f64, f64, &str)] = &[
    (1.0, 1e3, "µs"),
    (1e3, 1e6, "ms"),
    (1e6, 120e6, "s"),
    (60e6, 7200e6, "min"),
    (3600e6, f64::INFINITY, "h"),
];

impl Axis {
    /// Time since the start of the run, in milliseconds: labels `m:ss`, from an hour on `h:mm`.
    pub(super) fn time_of_run(until_ms: u64) -> Self {
        // Three hundred years are for ever.
        let until = real(until_ms.clamp(1, 10_000_000_000_000));
        let most = until / 1000.0 / MOST_ACROSS;
        let step = CLOCK_STEPS.iter().find(|step| real(**step) >= most);
        let weeks = (most / 604_800.0).ceil().max(1.0) * 604_800.0;
        let step = step.map_or(weeks, |step| real(*step)) * 1000.0;
        let hours = until >= 3_600_000.0;
        let label = |at: f64| {
            let text = figures::clock(Duration::from_secs_f64((at / 1000.0).clamp(0.0, 1e15)));
            match text.strip_suffix(":00") {
                Some(short) if hours && at >= 3_600_000.0 => short.to_owned(),
                _ if hours => format!("0:{:02.0}", at / 60_000.0),
                _ => text,
            }
        };
        let unit = if hours { "h:mm" } else { "m:ss" };
        Self {
            title: format!("time of the run, {unit}"),
            is_log: false,
            low: 0.0,
            high: until,
            ticks: multiples(step, until, label),
            between: Vec::new(),
        }
    }

    /// From zero to a little above the most there is, such as iterations per second.
    pub(super) fn amount(title: &str, most: f64) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        Self::linear(title, most, round_step(most, MOST_UP), decimal)
    }

    /// The same for things that cannot be halved, with at most so many labels.
    pub(super) fn whole(title: &str, most: f64, most_labels: f64) -> Self {
        let most = if most.is_finite() { most.max(1.0) } else { 1.0 };
        Self::linear(title, most, round_step(most, most_labels).max(1.0), decimal)
    }

    /// Rows of something, without labels.
    pub(super) fn rows(number: usize) -> Self {
        Self {
            title: String::new(),
            is_log: false,
            low: 0.0,
            high: real(number.max(1) as u64),
            ticks: Vec::new(),
            between: Vec::new(),
        }
    }

    /// Parts of a whole: 0 to 100 %, or more where there is more.
    pub(super) fn share(title: &str, most: f64) -> Self {
        let most = if most.is_finite() && most > 1.0 { most } else { 0.98 };
        Self::linear(title, most, round_step(most, MOST_UP), |at, step| {
            format!("{}%", decimal(at * 100.0, step * 100.0))
        })
    }

    /// Times in microseconds, from the shortest to the longest that are to be shown: linear from
    /// zero, or logarithmic where they are too far apart for that.
    pub(super) fn times(title: &str, shortest: f64, longest: f64) -> Self {
        if is_wide(shortest, longest) {
            Self::log_times(title, shortest, longest)
        } else {
            Self::linear_times(title, longest, MOST_UP)
        }
    }

    /// The same for a panel of half the usual height.
    pub(super) fn few_times(title: &str, shortest: f64, longest: f64) -> Self {
        if is_wide(shortest, longest) {
            let axis = Self::log_times(title, shortest, longest);
            Self::log(title, axis.low, axis.high, FEW_UP)
        } else {
            Self::linear_times(title, longest, FEW_UP)
        }
    }

    /// Times in microseconds on a linear axis from zero, with at most so many labels.
    pub(super) fn linear_times(title: &str, longest: f64, most_labels: f64) -> Self {
        let longest = if longest.is_finite() { longest.max(1.0) } else { 1.0 };
        // What ends just below a unit has a label at it, or above.
        let fitting = UNITS.iter().find(|unit| longest * 1.25 < unit.1);
        let (factor, _, unit) = *fitting.unwrap_or(&(3600e6, f64::INFINITY, "h"));
        let step = round_step(longest / factor, most_labels) * factor;
        Self::linear(title, longest, step, |at, step| {
            let number = decimal(at / factor, step / factor);
            if at == 0.0 { number } else { format!("{number} {unit}") }
        })
    }

    /// Times in microseconds on a log axis that begins and ends with 1, 2 or 5 of a power of ten.
    pub(super) fn log_times(title: &str, shortest: f64, longest: f64) -> Self {
        let shortest = if shortest.is_finite() { shortest.clamp(1.0, 1e12) } else { 1.0 };
        let longest = if longest.is_finite() { longest.clamp(shortest, 1e13) } else { shortest };
        let low = round_times().rfind(|place| *place <= shortest).unwrap_or(1.0);
        let high = round_times().find(|place| *place >= longest && *place > low);
        Self::log(title, low, high.unwrap_or(low * 10.0), MOST_UP_LOG)
    }

    /// Times in microseconds on a log axis between two given ends.
    pub(super) fn log_between(title: &str, low: f64, high: f64) -> Self {
        Self::log(title, low, high, MOST_UP_LOG)
    }

    /// Labels at 1, 2 and 5 of each power of ten, or where those are too many, at 1 alone.
    fn log(title: &str, low: f64, high: f64, most_labels: f64) -> Self {
        let shown: Vec<f64> = round_times().filter(|place| (low..=high).contains(place)).collect();
        let is_ten = |place: f64| (place.log10() - place.log10().round()).abs() < 1e-9;
        let tens = shown.iter().filter(|place| is_ten(**place)).count();
        let tens_only = tens > 1 && real(shown.len() as u64) > most_labels;
        let (labelled, between): (Vec<f64>, Vec<f64>) =
            shown.into_iter().partition(|place| !tens_only || is_ten(*place));
        let tick = |at| Tick { at, label: round_time(at) };
        Self {
            title: title.to_owned(),
            is_log: true,
            low,
            high,
            ticks: labelled.into_iter().map(tick).collect(),
            between,
        }
    }

    /// Percentiles by nines: a place is `1 / (1 - p)`, so that each nine takes the same room.
    /// Reaches to the first label at or beyond `1 / (1 - p)` = `most`.
    pub(super) fn nines(title: &str, most: f64) -> Self {
        const LABELS: &[(f64, &str)] = &[
            (1.0, "0%"),
            (2.0, "50%"),
            (10.0, "90%"),
            (20.0, "95%"),
            (100.0, "99%"),
            (1e3, "99.9%"),
            (1e4, "99.99%"),
            (1e5, "99.999%"),
        ];
        let high = LABELS.iter().map(|(at, _)| *at).find(|at| *at >= most.max(10.0)).unwrap_or(1e5);
        let shown = LABELS.iter().filter(|(at, _)| *at <= high);
        Self {
            title: title.to_owned(),
            is_log: true,
            low: 1.0,
            high,
            ticks: shown.map(|(at, label)| Tick { at: *at, label: (*label).to_owned() }).collect(),
            between: Vec::new(),
        }
    }

    /// Changes to either side of none, parts as percent: the ends are rounded outwards to labels.
    /// `unit` follows each number.
    pub(super) fn changes(title: &str, low: f64, high: f64, unit: &str) -> Self {
        let finite = |end: f64| if end.is_finite() { end } else { 0.0 };
        let (low, high) = (finite(low).clamp(-1e6, -1e-9), finite(high).clamp(1e-9, 1e6));
        let step = round_step(high - low, MOST_UP_LOG);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let label = |at: f64| match decimal(at.abs() * 100.0, step * 100.0) {
            number if at == 0.0 => number,
            number => format!("{}{number}{unit}", if at < 0.0 { '-' } else { '+' }),
        };
        let places = (0..100).map(|number| first + real(number)).take_while(|place| *place <= last);
        // So that none is none, and not what is left of it.
        let places = places.map(|place| if place == 0.0 { 0.0 } else { place * step });
        Self {
            title: title.to_owned(),
            is_log: false,
            low: first * step,
            high: last * step,
            ticks: places.map(|at| Tick { at, label: label(at) }).collect(),
            between: Vec::new(),
        }
    }

    fn linear(title: &str, most: f64, step: f64, label: impl Fn(f64, f64) -> String) -> Self {
        // A line along the very top is easily missed: what ends there gets some air.
        let steps = (most / step * 1.02).ceil().max(1.0);
        let high = step * steps;
        Self {
            title: title.to_owned(),
            is_log: false,
            low: 0.0,
            high,
            ticks: multiples(step, high, |at| label(at, step)),
            between: Vec::new(),
        }
    }

    /// The labelled places.
    #[cfg(test)]
    pub(super) fn ticks(&self) -> &[Tick] {
        &self.ticks
    }

    /// The value where it begins.
    pub(super) const fn low(&self) -> f64 {
        self.low
    }

    /// The value where it ends.
    pub(super) const fn high(&self) -> f64 {
        self.high
    }

    /// How far along the axis a value lies, 0 to 1. What is beyond an end lies at it.
    pub(super) fn part(&self, value: f64) -> f64 {
        let along = if self.is_log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        // No number at all lies at the beginning, as nothing does.
        if along.is_nan() { 0.0 } else { along.clamp(0.0, 1.0) }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (begin, end): (i32, i32)) -> i32 {
        let place = f64::from(begin) + self.part(*value) * (f64::from(end) - f64::from(begin));
        #[expect(clippy::cast_possible_truncation, reason = "between two numbers of this type")]
        let place = place.round() as i32;
        place
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            self.between.clone()
        } else {
            self.ticks.iter().map(|tick| tick.at).collect()
        }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|tick| tick.at == *value);
        tick.map(|tick| tick.label.clone()).unwrap_or_default()
    }
}

/// A count as a number to draw with.
#[expect(clippy::cast_precision_loss, reason = "a pixel is coarser")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}

/// Whether two times are too far apart for a linear axis.
fn is_wide(shortest: f64, longest: f64) -> bool {
    shortest >= 1.0 && longest.is_finite() && longest / shortest > LOG_FROM
}

/// 1, 2 and 5 of every power of ten, in microseconds.
fn round_times() -> impl DoubleEndedIterator<Item = f64> {
    (0..45).map(|number| [1.0, 2.0, 5.0][number % 3] * ten(i32::try_from(number / 3).unwrap_or(0)))
}

fn ten(power: i32) -> f64 {
    10f64.powi(power)
}

/// The smallest of 1, 2 and 5 times a power of ten that needs at most so many steps.
fn round_step(most: f64, most_steps: f64) -> f64 {
    let least = (most / most_steps).max(1e-9);
    #[expect(clippy::cast_possible_truncation, reason = "a power of ten of a finite number")]
    let power = least.log10().floor() as i32;
    let steps = [1.0, 2.0, 5.0, 10.0].map(|n| n * ten(power));
    // A hair beyond is no reason for a step of twice the size.
    steps.into_iter().find(|step| *step >= least * 0.999_999).unwrap_or(10.0 * ten(power))
}

fn multiples(step: f64, until: f64, label: impl Fn(f64) -> String) -> Vec<Tick> {
    let places = (0..100).map(|number| real(number) * step);
    let places = places.take_while(|at| *at <= until * 1.000_001);
    places.map(|at| Tick { at: at.min(until), label: label(at) }).collect()
}

/// With as many digits behind the point as its step has.
fn decimal(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 9 digits"
    )]
    let digits = (-(step * 1.000_001).log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{value:.digits$}")
}

/// A time of 1, 2 or 5 times a power of ten.
fn round_time(us: f64) -> String {
    let (factor, unit) = match us {
        us if us < 1e3 => (1.0, "µs"),
        us if us < 1e6 => (1e3, "ms"),
        _ => (1e6, "s"),
    };
    format!("{:.0} {unit}", us / factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(axis: &Axis) -> String {
        let labels: Vec<_> = axis.ticks().iter().map(|tick| tick.label.as_str()).collect();
        labels.join(" | ")
    }

    #[test]
    fn the_clock_is_labelled_in_steps_that_a_clock_has() {
        for (until_s, shown) in [
            (1, "0:00 | 0:01"),
            (25, "0:00 | 0:05 | 0:10 | 0:15 | 0:20 | 0:25"),
            (300, "0:00 | 0:30 | 1:00 | 1:30 | 2:00 | 2:30 | 3:00 | 3:30 | 4:00 | 4:30 | 5:00"),
            (5400, "0:00 | 0:10 | 0:20 | 0:30 | 0:40 | 0:50 | 1:00 | 1:10 | 1:20 | 1:30"),
            (
                86_400,
                "0:00 | 2:00 | 4:00 | 6:00 | 8:00 | 10:00 | 12:00 | 14:00 | 16:00 | 18:00 | 20:00 \
                 | 22:00 | 24:00",
            ),
        ] {
            assert_eq!(labels(&Axis::time_of_run(until_s * 1000)), shown, "{until_s}");
        }
        assert_eq!(Axis::time_of_run(86_400_000).title, "time of the run, h:mm");
        assert_eq!(Axis::time_of_run(60_000).title, "time of the run, m:ss");
    }

    #[test]
    fn amounts_and_times_have_round_labels_with_their_unit() {
        for (axis, shown) in [
            (Axis::amount("", 41.2), "0 | 10 | 20 | 30 | 40 | 50"),
            (Axis::amount("", 0.31), "0 | 0.1 | 0.2 | 0.3 | 0.4"),
            (Axis::amount("", 0.0), "0 | 0.2 | 0.4 | 0.6 | 0.8 | 1.0 | 1.2"),
            (Axis::whole("", 2.0, 6.0), "0 | 1 | 2 | 3"),
            (Axis::share("", 0.31), "0% | 20% | 40% | 60% | 80% | 100%"),
            (Axis::times("", 25e3, 310e3), "0 | 100 ms | 200 ms | 300 ms | 400 ms"),
            (Axis::times("", 400e3, 900e3), "0 | 0.2 s | 0.4 s | 0.6 s | 0.8 s | 1.0 s"),
            (Axis::few_times("", 5e3, 310e3), "10 ms | 100 ms"),
            (Axis::times("", 400e3, 1.3e6), "0 | 0.5 s | 1.0 s | 1.5 s"),
            (Axis::times("", 20e3, 900e3), "20 ms | 50 ms | 100 ms | 200 ms | 500 ms | 1 s"),
            (Axis::times("", 40.0, 31e6), "100 µs | 1 ms | 10 ms | 100 ms | 1 s | 10 s"),
        ] {
            assert_eq!(labels(&axis), shown);
        }
    }

    #[test]
    fn changes_lie_to_both_sides_of_none() {
        for (low, high, unit, shown) in [
            (-0.06, 0.33, "%", "-10% | -5% | 0 | +5% | +10% | +15% | +20% | +25% | +30% | +35%"),
            (-0.05, 0.05, "%", "-6% | -4% | -2% | 0 | +2% | +4% | +6%"),
            (-0.0051, 0.012, " pt", "-1.0 pt | -0.5 pt | 0 | +0.5 pt | +1.0 pt | +1.5 pt"),
        ] {
            let axis = Axis::changes("", low, high, unit);
            assert!(axis.low() <= low && axis.high() >= high);
            assert!(labels(&axis).starts_with(shown), "{}", labels(&axis));
        }
    }

    #[test]
    fn every_nine_takes_the_same_room() {
        let axis = Axis::nines("", 730.0);
        assert_eq!(labels(&axis), "0% | 50% | 90% | 95% | 99% | 99.9%");
        for (at, part) in [(1.0, 0.0), (10.0, 1.0 / 3.0), (100.0, 2.0 / 3.0), (1000.0, 1.0)] {
            assert!((axis.part(at) - part).abs() < 1e-12);
        }
        assert_eq!(Axis::nines("", 1e9).high(), 1e5);
    }

    fn check(axis: &Axis) -> Result<(), TestCaseError> {
        prop_assert!(axis.low() < axis.high(), "{:?}", axis);
        prop_assert!(!axis.ticks.is_empty() && axis.ticks.len() <= 14, "{:?}", axis);
        for pair in axis.ticks.windows(2) {
            prop_assert!(pair[0].at < pair[1].at && pair[0].label != pair[1].label, "{:?}", axis);
        }
        for at in axis.ticks.iter().map(|tick| tick.at).chain(axis.between.iter().copied()) {
            prop_assert!((axis.low()..=axis.high()).contains(&at), "{:?}", axis);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn ticks_ascend_within_the_range_whatever_that_is(most in any::<f64>(), ms in any::<u64>()) {
            check(&Axis::time_of_run(ms))?;
            for most in [most, most.abs(), most.abs() % 1e6] {
                check(&Axis::amount("", most.abs().min(1e15)))?;
                check(&Axis::whole("", most.min(1e15), 4.0))?;
                check(&Axis::times("", most % 1e4, most.min(1e13)))?;
                check(&Axis::few_times("", most % 1e4, most.min(1e13)))?;
                check(&Axis::log_times("", most, most))?;
                check(&Axis::nines("", most))?;
                check(&Axis::changes("", most % 1e3, most.abs() % 1e3, "%"))?;
            }
        }

        #[test]
        fn labelled_amounts_are_what_they_say(most in 1e-3f64..1e9) {
            let axis = Axis::amount("", most);
            prop_assert!(axis.high() >= most && axis.high() <= most * 2.5, "{:?}", axis);
            for tick in &axis.ticks {
                let said: f64 = tick.label.parse().unwrap();
                prop_assert!((said - tick.at).abs() <= axis.high() * 1e-6, "{:?}", tick);
            }
        }

        #[test]
        fn a_place_lies_between_the_ends_and_in_order(
            low in 1.0f64..1e6, times in 1.0f64..1e6, a in any::<f64>(), b in any::<f64>(),
        ) {
            for axis in [Axis::times("", low, low * times), Axis::log_times("", low, low * times)] {
                let (less, more) = (a.abs().min(b.abs()), a.abs().max(b.abs()));
                let (first, second) = (axis.map(&less, (10, 990)), axis.map(&more, (10, 990)));
                prop_assert!(10 <= first && first <= second && second <= 990);
            }
        }
    }
}
