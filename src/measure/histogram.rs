//! Times in microseconds, counted: bounds, recording without failing, and the quantile that judges.

use super::counters::{Counters, Layout, Shape};
use crate::base::remedy::Remedy;
use hdrhistogram::Histogram;
use std::fmt;
use std::str::FromStr;

/// Range and resolution of a histogram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bounds {
    /// 1 µs to 120 s at three digits: 18,432 counters.
    Exchange,
    /// 1 µs to 1 h at three digits: 23,552 counters.
    Journey,
    /// 1 µs to 1 h at one digit: a few hundred counters, for what is only counted.
    Coarse,
}

impl Bounds {
    /// The highest time that is told apart, and the digits.
    const fn high_us_and_digits(self) -> (u64, u8) {
        match self {
            Self::Exchange => (120_000_000, 3),
            Self::Journey => (3_600_000_000, 3),
            Self::Coarse => (3_600_000_000, 1),
        }
    }

    /// Three digits ask for 2,000 steps in the first octaves, one for 20, rounded up to powers of two.
    const fn layout(self) -> Layout {
        let (high, digits) = self.high_us_and_digits();
        Layout { bits: if digits == 3 { 11 } else { 5 }, high }
    }

    /// Whether they are these: lowest and highest time, and digits.
    pub fn are(self, low_us: u64, high_us: u64, digits: u32) -> bool {
        let (high, of) = self.high_us_and_digits();
        low_us == LOW_US && high_us == high && digits == u32::from(of)
    }

    /// An empty histogram of the library with these bounds.
    pub fn histogram(self) -> Histogram<u32> {
        let (high, digits) = self.high_us_and_digits();
        let histogram = Histogram::new_with_bounds(LOW_US, high, digits);
        histogram.expect("constant bounds are valid bounds")
    }
}

/// The lowest time that is told apart; shorter ones count as this long.
const LOW_US: u64 = 1;

/// A counted set of times in microseconds. Takes memory only for the ranges that occur.
#[derive(Clone, Debug, PartialEq)]
pub struct Times {
    counters: Counters,
    clipped: u64,
}

impl Times {
    /// No times yet.
    pub fn new(bounds: Bounds) -> Self {
        Self { counters: Counters::new(bounds.layout()), clipped: 0 }
    }

    /// Counts so many times of one place of the layout, as an interval log holds it. None if there is no
    /// such place, or no counter could take as many.
    #[inline]
    pub fn count_at(&mut self, place: usize, count: u64) -> Option<()> {
        self.counters.count_at(place, count)
    }

    /// Puts the counters into an empty histogram of [`Bounds::histogram`], for writing them.
    pub fn fill(&self, histogram: &mut Histogram<u32>) {
        self.counters.each(|value, _, count| histogram.saturating_record_n(value, count));
    }

    /// Counts one time. One beyond the bounds counts at the bound and as clipped.
    pub fn record(&mut self, time_us: u64) {
        self.clipped += u64::from(time_us > self.counters.layout().high);
        self.counters.count(time_us.max(LOW_US));
    }

    /// Adds all of another set; what is beyond these bounds at the bound.
    pub fn add(&mut self, other: &Self) {
        self.clipped += other.clipped;
        self.counters.add(&other.counters);
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.counters.clear();
        self.clipped = 0;
    }

    /// How many times are counted.
    pub const fn count(&self) -> u64 {
        self.counters.total()
    }

    /// Whether none is.
    pub const fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// How many were beyond the bounds since the last clearing. Not kept in interval logs.
    pub const fn clipped(&self) -> u64 {
        self.clipped
    }

    /// How many are not counted because their counter was full.
    pub const fn lost(&self) -> u64 {
        self.counters.lost()
    }

    /// The ranges that occurred, to be provided elsewhere.
    pub(super) fn shape(&self) -> Shape {
        self.counters.shape()
    }

    /// Gets the memory for ranges that occurred elsewhere, so that recording need not.
    pub(super) fn provide(&mut self, shape: Shape) {
        self.counters.provide(shape);
    }

    /// Memory of the counters, in bytes.
    pub fn bytes(&self) -> usize {
        self.counters.bytes()
    }

    /// How many times are longer than this, to the resolution of the counters.
    pub fn above(&self, time_us: u64) -> u64 {
        let mut longer = 0;
        self.counters
            .each(|value, _, count| longer += if value > time_us { count.into() } else { 0 });
        longer
    }

    /// Every counter that is not zero, in order: the shortest time that it counts, the longest, and
    /// how many.
    pub fn each(&self, each: impl FnMut(u64, u64, u32)) {
        self.counters.each(each);
    }

    /// The shortest time; 0 for an empty set.
    pub fn min_us(&self) -> u64 {
        self.counters.find(|lowest, _, _| Some(lowest)).unwrap_or(0)
    }

    /// The longest time; 0 for an empty set.
    pub fn max_us(&self) -> u64 {
        self.counters.highest().unwrap_or(0)
    }

    /// The arithmetic mean; 0 for an empty set.
    #[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2^52 samples")]
    pub fn mean_us(&self) -> f64 {
        let mut sum = 0u128;
        self.counters.each(|lowest, highest, count| {
            // The middle of the values that share the counter.
            sum += u128::from(lowest + (highest - lowest).div_ceil(2)) * u128::from(count);
        });
        if self.is_empty() { 0.0 } else { sum as f64 / self.count() as f64 }
    }

    /// The smallest time that `percentile` of all times do not exceed; none for an empty set.
    pub fn at(&self, percentile: Percentile) -> Option<u64> {
        let rank = percentile.rank(self.count())?;
        Some(self.at_rank(rank))
    }

    fn at_rank(&self, rank: u64) -> u64 {
        let mut seen = 0;
        let reached = self.counters.find(|_, highest, count| {
            seen += u64::from(count);
            (seen >= rank).then_some(highest)
        });
        reached.unwrap_or_else(|| self.max_us())
    }
}

/// A percentile in thousandths of a percent, so that ranks are whole-number arithmetic: 95 % of 20
/// is exactly the 19th.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Percentile(u32);

const WHOLE: u32 = 100_000;

impl Percentile {
    /// The median.
    pub const P50: Self = Self(50_000);
    /// Three quarters.
    pub const P75: Self = Self(75_000);
    /// Nine of ten.
    pub const P90: Self = Self(90_000);
    /// Nineteen of twenty.
    pub const P95: Self = Self(95_000);
    /// Ninety-nine of a hundred.
    pub const P99: Self = Self(99_000);
    /// All but one of a thousand.
    pub const P99_9: Self = Self(99_900);

    /// From thousandths of a percent; none outside 0 (excluded) to 100 %.
    pub const fn from_thousandths(thousandths: u32) -> Option<Self> {
        if thousandths == 0 || thousandths > WHOLE { None } else { Some(Self(thousandths)) }
    }

    /// How much is beyond it, in thousandths of a percent.
    pub const fn beyond_thousandths(self) -> u64 {
        (WHOLE - self.0) as u64
    }

    /// Which sample it is among `count` in order, the first being 1; none among none.
    pub fn rank(self, count: u64) -> Option<u64> {
        let product = u128::from(count) * u128::from(self.0);
        let rank = u64::try_from(product.div_ceil(u128::from(WHOLE))).unwrap_or(count);
        (count > 0).then_some(rank)
    }
}

/// `p95`, `p99.9`
impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1000, self.0 % 1000);
        if part == 0 {
            write!(f, "p{whole}")
        } else {
            write!(f, "p{whole}.{}", format!("{part:03}").trim_end_matches('0'))
        }
    }
}

/// Why a text is not a percentile.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a percentile")]
pub struct PercentileError {
    text: String,
}

impl Remedy for PercentileError {
    fn remedy(&self) -> Option<String> {
        Some("write it as `p50`, `p95` or `p99.9`".to_owned())
    }
}

impl FromStr for Percentile {
    type Err = PercentileError;

    fn from_str(text: &str) -> Result<Self, PercentileError> {
        let error = || PercentileError { text: text.to_owned() };
        let number = text.strip_prefix('p').ok_or_else(error)?;
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
        };
        if !digits(whole, 3) || !digits(part, 3) {
            return Err(error());
        }
        let whole: u32 = whole.parse().map_err(|_| error())?;
        let part: u32 = format!("{part:0<3}").parse().map_err(|_| error())?;
        Self::from_thousandths(whole * 1000 + part).ok_or_else(error)
    }
}

/// A time as a percentile that judges sees it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Judged {
    /// A time that a good sample took, in microseconds.
    Within(u64),
    /// The percentile falls on a time-out, a reset or something cut off: slower than any limit.
    BeyondAnyLimit,
}

impl Times {
    /// The percentile over these times and `beyond` more that are slower than any limit; none
    /// without either.
    pub fn judged(&self, percentile: Percentile, beyond: u64) -> Option<Judged> {
        let rank = percentile.rank(self.count().saturating_add(beyond))?;
        Some(if rank > self.count() {
            Judged::BeyondAnyLimit
        } else {
            Judged::Within(self.at_rank(rank))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times(values: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::new(Bounds::Exchange);
        values.into_iter().for_each(|value| times.record(value));
        times
    }

    #[test]
    fn six_of_a_hundred_held_until_the_time_out_are_the_95th_percentile() {
        let good = times(std::iter::repeat_n(25_000, 94));
        assert_eq!(good.judged(Percentile::P95, 6), Some(Judged::BeyondAnyLimit));
        assert_eq!(good.judged(Percentile::P90, 6), Some(Judged::Within(25_007)));
        let good = times(std::iter::repeat_n(25_000, 95));
        assert_eq!(good.judged(Percentile::P95, 5), Some(Judged::Within(25_007)));
    }

    #[test]
    fn without_samples_there_is_no_percentile() {
        let none = times([]);
        assert_eq!(none.at(Percentile::P50), None);
        assert_eq!(none.judged(Percentile::P50, 0), None);
        assert_eq!(none.judged(Percentile::P50, 1), Some(Judged::BeyondAnyLimit));
        assert_eq!((none.min_us(), none.max_us(), none.mean_us()), (0, 0, 0.0));
    }

    #[test]
    fn a_time_beyond_the_bounds_counts_at_the_bound_and_as_clipped() {
        let clipped = times([0, 119_000_000, 120_000_001, u64::MAX]);
        assert_eq!((clipped.count(), clipped.clipped()), (4, 2));
        assert_eq!(clipped.min_us(), 1);
        assert!(clipped.max_us() >= 120_000_000 && clipped.max_us() < 120_100_000);
    }

    #[test]
    fn sets_with_other_bounds_can_be_added() {
        let mut exchange = times([1000]);
        let mut journey = Times::new(Bounds::Journey);
        journey.record(3_000_000_000);
        exchange.add(&journey);
        assert_eq!(exchange.count(), 2);
        assert!(exchange.max_us() >= 120_000_000);
    }

    #[test]
    fn the_size_of_each_kind_of_bounds_is_known() {
        for (bounds, counters) in
            [(Bounds::Exchange, 18_432), (Bounds::Journey, 23_552), (Bounds::Coarse, 464)]
        {
            assert_eq!(bounds.histogram().distinct_values(), counters, "{bounds:?}");
        }
    }

    #[test]
    fn percentiles_are_read_and_shown() {
        for text in ["p50", "p75", "p99.9", "p99.99", "p99.999", "p100", "p0.001"] {
            assert_eq!(text.parse::<Percentile>().unwrap().to_string(), text);
        }
        for text in ["50", "p", "p0", "p101", "p99.9999", "p9,9", "p-1", "p+1", "p5.", "p.5"] {
            assert!(text.parse::<Percentile>().is_err(), "{text}");
        }
    }

    #[test]
    fn ranks_are_exact() {
        for (percentile, count, rank) in [
            (Percentile::P95, 20, Some(19)),
            (Percentile(7_000), 100, Some(7)),
            (Percentile::P50, 1, Some(1)),
            (Percentile::P99_9, 999, Some(999)),
            (Percentile::P50, 0, None),
        ] {
            assert_eq!(percentile.rank(count), rank, "{percentile} of {count}");
        }
    }

    proptest! {
        #[test]
        fn every_figure_is_that_of_the_library(
            values in prop::collection::vec(1u64..120_000_000, 1..300),
            bounds in prop::sample::select(&[Bounds::Exchange, Bounds::Journey, Bounds::Coarse][..]),
            per_mille in 1u32..=1000,
        ) {
            let mut reference = bounds.histogram();
            let mut times = Times::new(bounds);
            for value in values {
                reference.record(value).unwrap();
                times.record(value);
            }
            let mut filled = bounds.histogram();
            times.fill(&mut filled);
            prop_assert_eq!(&filled, &reference);
            prop_assert_eq!((times.min_us(), times.max_us()), (reference.min(), reference.max()));
            prop_assert_eq!(times.count(), reference.len());
            prop_assert!((times.mean_us() - reference.mean()).abs() < 1e-3);
            let percentile = Percentile(per_mille * 100);
            let rank = percentile.rank(times.count()).unwrap();
            // Half a rank lower, so that no rounding of the division can reach the next one.
            let quantile = (rank as f64 - 0.5) / times.count() as f64;
            prop_assert_eq!(times.at(percentile).unwrap(), reference.value_at_quantile(quantile));
        }

        #[test]
        fn a_percentile_is_the_sample_of_its_rank(
            mut values in prop::collection::vec(1u64..120_000_000, 1..300),
            thousandths in 1u32..=WHOLE,
        ) {
            let percentile = Percentile(thousandths);
            let set = times(values.iter().copied());
            values.sort_unstable();
            let rank = usize::try_from(percentile.rank(set.count()).unwrap()).unwrap();
            let exact = values[rank - 1];
            let shown = set.at(percentile).unwrap();
            prop_assert!(shown >= exact && shown <= exact + exact / 1000 + 1, "{} {}", shown, exact);
        }

        #[test]
        fn adding_is_the_same_as_recording_together(
            a in prop::collection::vec(1u64..200_000_000, 0..100),
            b in prop::collection::vec(1u64..200_000_000, 0..100),
        ) {
            let mut sum = times(a.iter().copied());
            sum.add(&times(b.iter().copied()));
            let together = times(a.into_iter().chain(b));
            prop_assert_eq!(&sum, &together);
            prop_assert_eq!(sum.clipped(), together.clipped());
            prop_assert_eq!(sum.max_us(), together.max_us());
            prop_assert_eq!(sum.min_us(), together.min_us());
        }
    }
}
