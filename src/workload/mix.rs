//! Which journey of which variant an iteration performs: weighted, repeatable, and evenly dealt.

use crate::base::document::{Section, Sited, Value};
use crate::base::random::Seed;
use crate::base::remedy::Remedy;
use rand::Rng;

/// Weights of the `[journeys]` table, by journey name, in the order of the document. Values that
/// are no weight are noted; a table that is absent or empty has none.
pub fn read_weights(section: Section<'_>) -> Vec<Sited<(String, f64)>> {
    let (problems, place) = (section.problems(), section.place());
    let path = section.name("");
    let mut weights = Vec::new();
    for (journey, _, item) in section.open_entries() {
        match weight_of(&item.value) {
            Some(weight) => {
                weights.push(Sited { place: item.place.clone(), value: (journey.clone(), weight) });
            }
            None => problems.note(
                Some(&item.place),
                format!("`{path}{journey}` is not a weight"),
                Some("write a number from 0 up; 7 and 3 make seven and three of ten".to_owned()),
            ),
        }
    }
    if !weights.is_empty() && weights.iter().all(|sited| sited.value.1 == 0.0) {
        let what = format!("all weights of `{}` are 0", path.trim_end_matches('.'));
        problems.note(place, what, Some("give one journey a weight above 0".to_owned()));
    }
    weights
}

fn weight_of(value: &Value) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a person's number, far below 2^52")]
    let weight = match value {
        Value::Integer(number) => *number as f64,
        Value::Float(number) => *number,
        _ => return None,
    };
    (weight.is_finite() && (0.0..=MOST_WEIGHT).contains(&weight)).then_some(weight)
}

/// Weights are compared, not counted: above it somebody put a count or a rate.
pub const MOST_WEIGHT: f64 = 1e9;

/// Why weights make no mix.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MixError {
    /// There is nothing to choose from.
    #[error("no journey has a weight above 0")]
    Empty,
    /// Not a weight.
    #[error("a weight is not a number from 0 up")]
    NotAWeight,
    /// More than the deck can tell apart.
    #[error("{choices} combinations of variant and journey are more than {BLOCK}")]
    TooMany {
        /// How many there are.
        choices: usize,
    },
}

impl Remedy for MixError {
    fn remedy(&self) -> Option<String> {
        Some(
            match self {
                Self::Empty => "give one journey a weight above 0",
                Self::NotAWeight => "write weights such as 7 and 3",
                Self::TooMany { .. } => "put fewer journeys or variants into one run",
            }
            .to_owned(),
        )
    }
}

/// Most places of a block.
const BLOCK: usize = 1000;

/// Fewest picks before the deck is dealt again from the top.
const DECK: usize = 1 << 16;

/// A weighted choice for every iteration number.
///
/// Choices are dealt in shuffled blocks, each of which holds every choice exactly as often as its
/// weight says: weights of 70, 20 and 10 make blocks of 7, 2 and 1. So the shares are exact every
/// ten iterations, two variants stay interleaved, and no pattern of the mix beats with one of the
/// tenant. Weights with no common measure below a thousand are rounded to thousandths, none above
/// zero to nothing. The shuffled deck has at least 65,536 cards and is then dealt again.
#[derive(Clone, Debug)]
pub struct Mix {
    deck: Box<[u16]>,
    block: usize,
    choices: usize,
}

impl Mix {
    /// A mix of the choices with these weights, shuffled by the seed. The weight of a variant's
    /// journey is the product of theirs.
    pub fn new(weights: &[f64], seed: Seed) -> Result<Self, MixError> {
        if weights.iter().any(|weight| !(0.0..=MOST_WEIGHT).contains(weight)) {
            return Err(MixError::NotAWeight);
        }
        let choices = weights.iter().filter(|weight| **weight > 0.0).count();
        if choices == 0 {
            return Err(MixError::Empty);
        }
        if choices > BLOCK || weights.len() > usize::from(u16::MAX) {
            return Err(MixError::TooMany { choices });
        }
        let block: Vec<u16> = (0..)
            .zip(exact(weights).unwrap_or_else(|| rounded(weights)))
            .flat_map(|(choice, times)| std::iter::repeat_n(choice, times))
            .collect();
        // Weights too small to be told from nothing.
        if block.is_empty() {
            return Err(MixError::Empty);
        }
        let blocks = DECK.div_ceil(block.len());
        let mut random = seed.stream("mix", 0);
        let deck = (0..blocks).flat_map(|_| shuffled(block.clone(), &mut random)).collect();
        Ok(Self { deck, block: block.len(), choices: weights.len() })
    }

    /// The choice of an iteration, an index into the weights. Same seed, same number, same choice.
    pub fn pick(&self, iteration: u64) -> usize {
        let length = self.deck.len() as u64;
        let place = usize::try_from(iteration % length).unwrap_or(0);
        self.deck.get(place).map_or(0, |choice| usize::from(*choice))
    }

    /// How many choices there are, those of weight 0 included.
    pub const fn choices(&self) -> usize {
        self.choices
    }

    /// After so many iterations the shares are exact.
    pub const fn block(&self) -> usize {
        self.block
    }
}

/// Smallest whole numbers in the same proportion, if a block can hold them.
fn exact(weights: &[f64]) -> Option<Vec<usize>> {
    [1.0, 10.0, 100.0, 1000.0].iter().find_map(|scale| {
        let whole = |weight: &f64| {
            let scaled = weight * scale;
            // Not exact: 0.7 × 10 is not 7 in binary.
            let near = (scaled - scaled.round()).abs() < 1e-9 * scaled.max(1.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "at most a million million, never negative"
            )]
            near.then_some(scaled.round() as u64)
        };
        let wholes: Vec<u64> = weights.iter().map(whole).collect::<Option<_>>()?;
        let measure = wholes.iter().fold(0, |a, b| greatest_common_divisor(a, *b)).max(1);
        let times: Vec<usize> =
            wholes.iter().filter_map(|whole| usize::try_from(whole / measure).ok()).collect();
        (times.iter().sum::<usize>() <= BLOCK).then_some(times)
    })
}

/// Thousandths by largest remainder; whatever has a weight gets at least one.
fn rounded(weights: &[f64]) -> Vec<usize> {
    let total: f64 = weights.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "a thousand")]
    let shares: Vec<f64> = weights.iter().map(|weight| weight / total * BLOCK as f64).collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to a thousand")]
    let mut times: Vec<usize> = shares
        .iter()
        .map(|share| if *share > 0.0 { (share.floor() as usize).max(1) } else { 0 })
        .collect();
    let mut order: Vec<usize> = (0..weights.len()).filter(|place| shares[*place] > 0.0).collect();
    order.sort_by(|a, b| shares[*b].fract().total_cmp(&shares[*a].fract()));
    let missing = BLOCK.saturating_sub(times.iter().sum());
    order.iter().cycle().take(missing).for_each(|place| times[*place] += 1);
    times
}

const fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Fisher and Yates.
fn shuffled(mut block: Vec<u16>, random: &mut impl Rng) -> Vec<u16> {
    for place in (1..block.len()).rev() {
        // The bias of a remainder of 64 bits by a thousand is one in 10^16.
        let other = usize::try_from(random.next_u64() % (place as u64 + 1)).unwrap_or(place);
        block.swap(place, other);
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};
    use proptest::prelude::*;

    fn counted(mix: &Mix, iterations: std::ops::Range<u64>, choices: usize) -> Vec<usize> {
        let mut counts = vec![0; choices];
        iterations.for_each(|iteration| counts[mix.pick(iteration)] += 1);
        counts
    }

    #[test]
    fn every_block_holds_each_choice_as_often_as_its_weight_says() {
        for (weights, block) in [
            (vec![70.0, 20.0, 10.0], vec![7, 2, 1]),
            (vec![0.4, 0.3, 0.3], vec![4, 3, 3]),
            (vec![1.0], vec![1]),
            (vec![5.0, 0.0, 5.0], vec![1, 0, 1]),
            (vec![99.9, 0.1], vec![999, 1]),
        ] {
            let mix = Mix::new(&weights, Seed(5)).unwrap();
            let size = mix.block() as u64;
            assert_eq!(mix.block(), block.iter().sum::<usize>(), "{weights:?}");
            for first in [0, size, 7 * size] {
                assert_eq!(counted(&mix, first..first + size, block.len()), block, "{weights:?}");
            }
        }
    }

    #[test]
    fn the_order_within_blocks_is_by_chance_and_repeatable() {
        let sequence = |seed| {
            let mix = Mix::new(&[1.0, 1.0], Seed(seed)).unwrap();
            (0..2000).map(|iteration| mix.pick(iteration)).collect::<Vec<_>>()
        };
        let dealt = sequence(5);
        assert_eq!(dealt, sequence(5));
        assert_ne!(dealt, sequence(6));
        // Half of the blocks of two begin with the first choice: 500 ± 5 standard deviations.
        let first = dealt.chunks(2).filter(|block| block[0] == 0).count();
        assert!((421..=579).contains(&first), "{first}");
        // Whether a block repeats the one before is a toss of a coin, too.
        let repeated = dealt.chunks(2).zip(dealt.chunks(2).skip(1)).filter(|(a, b)| a == b).count();
        assert!((421..=579).contains(&repeated), "{repeated}");
    }

    #[test]
    fn weights_without_a_common_measure_are_rounded_to_thousandths_and_none_is_lost() {
        let weights = [std::f64::consts::PI, std::f64::consts::E, 1e-6];
        let mix = Mix::new(&weights, Seed(5)).unwrap();
        let counts = counted(&mix, 0..mix.block() as u64, 3);
        assert_eq!(counts.iter().sum::<usize>(), mix.block());
        assert!(counts[0].abs_diff(536) <= 1 && counts[1].abs_diff(464) <= 1, "{counts:?}");
        assert_eq!(counts[2], 1);
    }

    #[test]
    fn weights_that_make_no_mix_are_refused() {
        let refused = |weights: &[f64]| Mix::new(weights, Seed(1)).unwrap_err();
        assert_eq!(refused(&[]), MixError::Empty);
        assert_eq!(refused(&[0.0, 0.0]), MixError::Empty);
        assert_eq!(refused(&[1.0, -1.0]), MixError::NotAWeight);
        assert_eq!(refused(&[f64::NAN]), MixError::NotAWeight);
        assert_eq!(refused(&vec![1.0; 1001]), MixError::TooMany { choices: 1001 });
    }

    #[test]
    fn the_table_is_read_in_its_order_and_mistakes_are_noted() {
        let read = |text: &str| {
            let table = Table::parse("p.toml", text).unwrap();
            let problems = Problems::default();
            let mut document = Section::document(&table, &problems);
            let weights = read_weights(document.section("journeys"));
            let weights: Vec<_> = weights.into_iter().map(|sited| sited.value).collect();
            let problems = problems.into_sorted().into_iter().map(|problem| problem.what);
            (weights, problems.collect::<Vec<_>>().join("\n"))
        };
        let (weights, problems) = read("[journeys]\nsign-on = 7\nregister = 0.5\n");
        assert_eq!(weights, [("sign-on".to_owned(), 7.0), ("register".to_owned(), 0.5)]);
        assert_eq!(problems, "");
        assert_eq!(read("[journeys]\na = 0\nb = 0\n").1, "all weights of `journeys` are 0");
        let (weights, problems) = read("[journeys]\na = -1\nb = \"x\"\nc = inf\nd = 2\n");
        assert_eq!(weights, [("d".to_owned(), 2.0)]);
        insta::assert_snapshot!(problems, @r"
        `journeys.a` is not a weight
        `journeys.b` is not a weight
        `journeys.c` is not a weight
        ");
        assert_eq!(read(""), (Vec::new(), String::new()));
    }

    proptest! {
        #[test]
        fn shares_follow_the_weights(weights in proptest::collection::vec(0u32..100, 1..6)) {
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let total: f64 = weights.iter().sum();
            match Mix::new(&weights, Seed(9)) {
                Err(error) => prop_assert!(total == 0.0, "{}", error),
                Ok(mix) => {
                    let counts = counted(&mix, 0..mix.block() as u64, weights.len());
                    for (count, weight) in counts.iter().zip(&weights) {
                        prop_assert!((*count as f64 / mix.block() as f64 - weight / total).abs() < 1e-3);
                    }
                }
            }
        }
    }
}
