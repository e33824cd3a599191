//! Blocks of neighbouring windows drawn with replacement: the resamples of a timeline.

use crate::base::random::Seed;
use rand::Rng;
use std::collections::BTreeMap;

/// How often each window is in each resample.
///
/// The circular block bootstrap: Politis & Romano, *A circular block-resampling procedure for
/// stationary data*, in: Exploring the Limits of Bootstrap (1992) 263–270. The timeline is closed to a
/// ring, so that no window is drawn more rarely for being near an end.
#[derive(Clone, Debug, PartialEq)]
pub struct Resamples {
    windows: usize,
    weights: Vec<u32>,
}

impl Resamples {
    /// `number` resamples of `windows` windows, in blocks of `block` neighbours; the last block of each
    /// is cut so that every resample has as many windows as there are.
    pub fn new(windows: usize, block: usize, number: u32, random: &mut impl Rng) -> Self {
        let block = block.clamp(1, windows.max(1));
        let mut weights = vec![0u32; windows * number as usize];
        for resample in weights.chunks_exact_mut(windows.max(1)) {
            let mut missing = windows;
            while missing > 0 {
                let start = below(windows, random);
                for step in 0..block.min(missing) {
                    resample[(start + step) % windows] += 1;
                }
                missing = missing.saturating_sub(block);
            }
        }
        Self { windows, weights }
    }

    /// The weights of the windows, resample by resample.
    pub fn each(&self) -> impl Iterator<Item = &[u32]> {
        self.weights.chunks_exact(self.windows.max(1))
    }
}

/// Evenly from 0 up to but not `end`, to one part in 2^32 ÷ `end`.
fn below(end: usize, random: &mut impl Rng) -> usize {
    let scaled = (u64::from(random.next_u32()) * end as u64) >> 32;
    usize::try_from(scaled).unwrap_or(0)
}

/// The resamples of one timeline, by block length: made when they are first asked for and then the
/// same for everything that was measured along that timeline.
#[derive(Clone, Debug)]
pub struct Deck {
    seed: Seed,
    index: u64,
    windows: usize,
    number: u32,
    made: BTreeMap<usize, Resamples>,
}

/// The lengths that blocks are rounded up to, so that there are few decks of resamples to keep.
const LENGTHS: &[usize] = &[1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100];

impl Deck {
    /// Of the timeline numbered `index`, `windows` long.
    pub fn new(seed: u64, index: u64, windows: usize, number: u32) -> Self {
        Self { seed: Seed(seed), index, windows, number, made: BTreeMap::new() }
    }

    /// How many windows the timeline has.
    pub const fn windows(&self) -> usize {
        self.windows
    }

    /// The length of block to be used for one that was asked for: rounded up, at most a quarter of the
    /// timeline, so that there are four blocks at least.
    pub fn block(&self, asked: usize) -> usize {
        let most = (self.windows / 4).max(1);
        let asked = asked.clamp(1, most);
        LENGTHS.iter().copied().find(|length| *length >= asked).unwrap_or(asked).min(most)
    }

    /// The resamples in blocks of such a length.
    pub fn resamples(&mut self, block: usize) -> &Resamples {
        let Self { seed, index, windows, number, .. } = *self;
        self.made.entry(block).or_insert_with(|| {
            let mut random = seed.stream(&format!("bootstrap in blocks of {block}"), index);
            Resamples::new(windows, block, number, &mut random)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_resample_has_as_many_windows_as_there_are(
            windows in 1usize..80, block in 1usize..100, seed in 0u64..1000,
        ) {
            let mut random = Seed(seed).stream("test", 0);
            let resamples = Resamples::new(windows, block, 20, &mut random);
            prop_assert_eq!(resamples.each().count(), 20);
            for weights in resamples.each() {
                prop_assert_eq!(weights.iter().sum::<u32>() as usize, windows);
            }
        }
    }

    #[test]
    fn each_window_is_drawn_once_on_average_wherever_it_lies() {
        let mut random = Seed(1).stream("test", 0);
        let resamples = Resamples::new(40, 7, 4000, &mut random);
        let mut drawn = [0u32; 40];
        for weights in resamples.each() {
            drawn.iter_mut().zip(weights).for_each(|(drawn, weight)| *drawn += weight);
        }
        assert!(drawn.iter().all(|drawn| drawn.abs_diff(4000) < 400), "{drawn:?}");
    }

    #[test]
    fn blocks_hold_neighbours_together() {
        let mut random = Seed(1).stream("test", 0);
        let resamples = Resamples::new(12, 4, 50, &mut random);
        for weights in resamples.each() {
            // Three blocks begin at three places at most.
            let starts = (0..12).filter(|at| weights[*at] > weights[(at + 11) % 12]).count();
            assert!(starts <= 3, "{weights:?}");
        }
    }

    #[test]
    fn the_same_timeline_gets_the_same_resamples_whoever_asks_first() {
        let (mut one, mut other) = (Deck::new(7, 3, 60, 10), Deck::new(7, 3, 60, 10));
        one.resamples(2);
        assert_eq!(one.resamples(5), other.resamples(5));
        assert_ne!(Deck::new(7, 4, 60, 10).resamples(5), other.resamples(5));
        assert_eq!((one.block(0), one.block(7), one.block(999)), (1, 8, 15));
        assert_eq!(Deck::new(7, 0, 3, 1).block(2), 1);
        assert_eq!(Deck::new(7, 0, 0, 5).resamples(1).each().count(), 0);
    }
}
