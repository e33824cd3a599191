//! Counters by value, laid out as `HdrHistogram` lays them out, in pages that are there only where
//! something was counted.
//!
//! A set of three digits up to an hour has 23,552 counters, 92 KiB; what is measured lies within a
//! few octaves of each other and fills a few pages of them.

/// Counters of a page: a quarter of an octave at three digits, 1 KiB.
const PAGE: usize = 256;

type Page = Box<[u32; PAGE]>;

/// How values share counters: the low ones have one each, higher ones one for each step of a
/// resolution that halves with each octave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Layout {
    /// Values below two to this power have a counter each.
    pub(super) bits: u32,
    /// The highest value that is told apart; higher ones count as this.
    pub(super) high: u64,
}

impl Layout {
    /// The place of a value's counter.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a step is below two to the power of `bits`"
    )]
    const fn place(self, value: u64) -> usize {
        let low = (1 << self.bits) - 1;
        let octave = (value | low).ilog2() + 1 - self.bits;
        let step = value >> octave;
        // The lower half of the steps of every octave but the first is in the octave below.
        ((octave as usize) << (self.bits - 1)) + step as usize
    }

    /// The lowest value of a place, and how many values share it.
    const fn values(self, place: usize) -> (u64, u64) {
        let half = self.bits - 1;
        let octave = (place >> half).saturating_sub(1);
        let step = (place - (octave << half)) as u64;
        (step << octave, 1 << octave)
    }

    const fn pages(self) -> usize {
        self.place(self.high) / PAGE + 1
    }
}

/// Which pages of a set are there, a bit for each.
pub(super) type Shape = u128;

/// A counter for each value of a layout.
#[derive(Clone, Debug)]
pub(super) struct Counters {
    layout: Layout,
    pages: Box<[Option<Page>]>,
    total: u64,
    lost: u64,
}

impl Counters {
    /// Nothing counted. Allocates no page yet.
    pub(super) fn new(layout: Layout) -> Self {
        Self { layout, pages: vec![None; layout.pages()].into_boxed_slice(), total: 0, lost: 0 }
    }

    pub(super) const fn layout(&self) -> Layout {
        self.layout
    }

    /// Counts a value once; one above the highest as the highest. Allocates when it is the first of
    /// its page.
    pub(super) fn count(&mut self, value: u64) {
        self.count_many(value, 1);
    }

    /// Counts a value so many times. What a full counter cannot take is lost, and known to be.
    pub(super) fn count_many(&mut self, value: u64, times: u64) {
        let place = self.layout.place(value.min(self.layout.high));
        let page = self.pages[place / PAGE].get_or_insert_with(empty);
        let counter = &mut page[place % PAGE];
        let room = u64::from(u32::MAX - *counter);
        // No more than there is room for.
        *counter += u32::try_from(times.min(room)).unwrap_or(u32::MAX);
        self.total += times.min(room);
        self.lost += times.saturating_sub(room);
    }

    /// Counts so many times of one place, and what a full counter cannot take as lost. None if there is no such
    /// place, or no counter could take as many.
    #[inline]
    pub(super) fn count_at(&mut self, place: usize, times: u64) -> Option<()> {
        let times = u32::try_from(times).ok()?;
        let (number, last) = (place / PAGE, self.pages.len() - 1);
        // Only the last page has places that are none.
        if number >= last && place > self.layout.place(self.layout.high) {
            return None;
        }
        let counter = &mut self.pages[number].get_or_insert_with(empty)[place % PAGE];
        let taken = times.min(u32::MAX - *counter);
        *counter += taken;
        self.total += u64::from(taken);
        self.lost += u64::from(times - taken);
        Some(())
    }

    /// Adds all of another set, whatever its layout.
    pub(super) fn add(&mut self, other: &Self) {
        if self.layout != other.layout {
            other.each(|value, _, count| self.count_many(value, count.into()));
            self.lost += other.lost;
            return;
        }
        for (mine, theirs) in self.pages.iter_mut().zip(&other.pages) {
            let Some(theirs) = theirs else { continue };
            let mine = mine.get_or_insert_with(empty);
            for (mine, theirs) in mine.iter_mut().zip(theirs.iter()) {
                let (sum, is_full) = mine.overflowing_add(*theirs);
                if is_full {
                    // What fits: the rest is told below.
                    self.lost += u64::from(sum) + 1;
                    self.total -= u64::from(sum) + 1;
                }
                *mine = if is_full { u32::MAX } else { sum };
            }
        }
        self.total += other.total;
        self.lost += other.lost;
    }

    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        if self.total > 0 {
            self.pages.iter_mut().flatten().for_each(|page| page.fill(0));
        }
        (self.total, self.lost) = (0, 0);
    }

    /// How many are counted.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// How many were lost to full counters.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Every counter that is not zero, in order: the lowest value that it counts, the highest, and
    /// how many.
    pub(super) fn each(&self, mut each: impl FnMut(u64, u64, u32)) {
        self.find(|value, highest, count| {
            each(value, highest, count);
            None::<()>
        });
    }

    /// The first answer that somebody gives to a counter that is not zero, from the lowest on.
    pub(super) fn find<T>(&self, mut ask: impl FnMut(u64, u64, u32) -> Option<T>) -> Option<T> {
        let pages = self.pages.iter().enumerate();
        for (number, page) in pages.filter_map(|(number, page)| Some((number, page.as_ref()?))) {
            for (place, count) in page.iter().enumerate().filter(|(_, count)| **count > 0) {
                let (value, shared) = self.layout.values(number * PAGE + place);
                if let Some(answer) = ask(value, value + shared - 1, *count) {
                    return Some(answer);
                }
            }
        }
        None
    }

    /// The highest value that shares the counter of the highest one counted.
    pub(super) fn highest(&self) -> Option<u64> {
        let pages = self.pages.iter().enumerate().rev();
        for (number, page) in pages.filter_map(|(number, page)| Some((number, page.as_ref()?))) {
            if let Some(place) = page.iter().rposition(|count| *count > 0) {
                let (value, shared) = self.layout.values(number * PAGE + place);
                return Some(value + shared - 1);
            }
        }
        None
    }

    /// Which pages are there.
    pub(super) fn shape(&self) -> Shape {
        let pages = self.pages.iter().enumerate().filter(|(_, page)| page.is_some());
        pages.fold(0, |shape, (number, _)| shape | 1 << number)
    }

    /// Allocates these pages, so that who counts does not have to.
    pub(super) fn provide(&mut self, shape: Shape) {
        for (number, page) in self.pages.iter_mut().enumerate() {
            if page.is_none() && shape >> number & 1 == 1 {
                *page = Some(empty());
            }
        }
    }

    /// Memory of the counters, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let pages = self.pages.iter().flatten().count();
        pages * size_of::<[u32; PAGE]>() + size_of_val(&*self.pages)
    }
}

fn empty() -> Page {
    Box::new([0; PAGE])
}

/// Equal if the same was counted, wherever pages are.
impl PartialEq for Counters {
    fn eq(&self, other: &Self) -> bool {
        let recorded = |counters: &Self| {
            let mut recorded = Vec::new();
            counters.each(|value, _, count| recorded.push((value, count)));
            recorded
        };
        self.layout == other.layout && self.lost == other.lost && recorded(self) == recorded(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    const LAYOUTS: [(Layout, u8); 3] = [
        (Layout { bits: 11, high: 120_000_000 }, 3),
        (Layout { bits: 11, high: 3_600_000_000 }, 3),
        (Layout { bits: 5, high: 3_600_000_000 }, 1),
    ];

    proptest! {
        #[test]
        fn values_share_counters_as_the_reference_has_it(value in 1u64..=3_600_000_000) {
            for (layout, digits) in LAYOUTS {
                let reference = Histogram::<u32>::new_with_bounds(1, layout.high, digits).unwrap();
                let value = value.min(layout.high);
                let (lowest, shared) = layout.values(layout.place(value));
                prop_assert_eq!(lowest, reference.lowest_equivalent(value));
                prop_assert_eq!(lowest + shared - 1, reference.highest_equivalent(value));
            }
        }
    }

    #[test]
    fn every_layout_fits_the_bits_of_a_shape() {
        for (layout, _) in LAYOUTS {
            assert!(layout.pages() <= Shape::BITS as usize);
            let mut counters = Counters::new(layout);
            counters.count(u64::MAX);
            counters.count(1);
            assert_eq!(counters.shape().count_ones(), if layout.pages() > 1 { 2 } else { 1 });
            assert_eq!(counters.total(), 2);
        }
    }

    #[test]
    fn a_full_counter_loses_what_it_cannot_take_and_says_how_much() {
        let (layout, _) = LAYOUTS[0];
        let full = u64::from(u32::MAX);
        let mut counters = Counters::new(layout);
        counters.count_many(500, full - 1);
        assert_eq!((counters.total(), counters.lost()), (full - 1, 0));
        counters.count_many(500, 3);
        assert_eq!((counters.total(), counters.lost()), (full, 2));
        counters.count(500);
        assert_eq!((counters.total(), counters.lost()), (full, 3));
        let mut more = Counters::new(layout);
        more.count_many(500, 10);
        more.count_many(700, 5);
        counters.add(&more);
        assert_eq!((counters.total(), counters.lost()), (full + 5, 13));
        let mut elsewhere = Counters::new(LAYOUTS[2].0);
        elsewhere.add(&counters);
        assert_eq!((elsewhere.total(), elsewhere.lost()), (full + 5, 13));
        counters.clear();
        assert_eq!((counters.total(), counters.lost()), (0, 0));
    }

    #[test]
    fn memory_is_where_something_was_counted() {
        let mut counters = Counters::new(LAYOUTS[0].0);
        let none = counters.bytes();
        (20_000..50_000).for_each(|value| counters.count(value));
        assert!(counters.bytes() - none <= 8 * 1024, "{}", counters.bytes());
        let shape = counters.shape();
        let mut ready = Counters::new(LAYOUTS[0].0);
        ready.provide(shape);
        assert_eq!(ready.shape(), shape);
        assert_ne!(ready, counters);
        ready.add(&counters);
        assert_eq!(ready, counters);
    }
}
