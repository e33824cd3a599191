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

/// Most places of a block whose weights are rounded, and most choices.
const BLOCK: usize = 1000;

/// Most places of a block whose weights are exact: thousandths of four variants.
const LARGEST: usize = 4 * BLOCK;

/// Fewest picks before the deck is dealt again from the top.
const DECK: usize = 1 << 16;

/// A weighted choice for every iteration number.
///
/// Choices are dealt in shuffled blocks, each of which holds every choice exactly as often as its
/// weight says: weights of 70, 20 and 10 make blocks of 7, 2 and 1. So the shares are exact every
/// ten iterations, two variants stay interleaved, and no pattern of the mix beats with one of the
/// tenant. Weights with no common measure below four thousand are rounded to thousandths, none above
/// zero to nothing.
///
/// Every shuffled block is followed by its mirror image, which for two variants makes ABBA or BAAB.
/// Over such a pair of blocks all choices have the same mean place, and of any two each comes before
/// the other equally often, whatever their weights: a tenant that grows steadily slower or faster
/// treats them alike, and whatever going first is worth goes to all. The deck has at least 65,536
/// cards and is then dealt again.
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
        if weights.iter().any(|weight| !(0.0..=MOST_WEIGHT * MOST_WEIGHT).contains(weight)) {
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
        let pairs = DECK.div_ceil(2 * block.len());
        let mut random = seed.stream("mix", 0);
        let mut deck = Vec::with_capacity(2 * pairs * block.len());
        for _ in 0..pairs {
            let first = shuffled(block.clone(), &mut random);
            deck.extend(first.iter().chain(first.iter().rev()));
        }
        let deck = deck.into_boxed_slice();
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
                reason = "never negative; what is too large fits no block either"
            )]
            near.then_some(scaled.round() as u64)
        };
        let wholes: Vec<u64> = weights.iter().map(whole).collect::<Option<_>>()?;
        let measure = wholes.iter().fold(0, |a, b| greatest_common_divisor(a, *b)).max(1);
        let times: Vec<usize> =
            wholes.iter().filter_map(|whole| usize::try_from(whole / measure).ok()).collect();
        let all = times.iter().try_fold(0usize, |sum, times| sum.checked_add(*times));
        all.is_some_and(|all| all <= LARGEST).then_some(times)
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
    fn the_order_of_pairs_of_blocks_is_by_chance_and_repeatable() {
        let sequence = |seed| {
            let mix = Mix::new(&[1.0, 1.0], Seed(seed)).unwrap();
            (0..4000).map(|iteration| mix.pick(iteration)).collect::<Vec<_>>()
        };
        let dealt = sequence(5);
        assert_eq!(dealt, sequence(5));
        assert_ne!(dealt, sequence(6));
        let pairs: Vec<&[usize]> = dealt.chunks(4).collect();
        assert!(pairs.iter().all(|pair| *pair == [0, 1, 1, 0] || *pair == [1, 0, 0, 1]));
        // Half of the pairs begin with the first choice: 500 ± 5 standard deviations.
        let first = pairs.iter().filter(|pair| pair[0] == 0).count();
        assert!((421..=579).contains(&first), "{first}");
        // Whether a pair repeats the one before is a toss of a coin, too.
        let repeated = pairs.windows(2).filter(|two| two[0] == two[1]).count();
        assert!((421..=579).contains(&repeated), "{repeated}");
    }

    /// Two variants of three journeys: choice 3 v + j is journey j of variant v.
    const JOURNEYS: [f64; 3] = [7.0, 2.0, 1.0];

    fn variants(of: [f64; 2]) -> Vec<f64> {
        of.iter().flat_map(|variant| JOURNEYS.map(|journey| variant * journey)).collect()
    }

    #[test]
    fn in_a_pair_of_blocks_all_choices_have_the_same_mean_place_and_precede_each_other_alike() {
        for weights in [variants([1.0, 1.0]), variants([9.0, 1.0]), variants([0.5, 1.5])] {
            let mix = Mix::new(&weights, Seed(3)).unwrap();
            let size = 2 * mix.block();
            for pair in 0..50 {
                let first = (pair * size) as u64;
                let dealt: Vec<usize> = (0..size as u64).map(|n| mix.pick(first + n)).collect();
                for choice in 0..weights.len() {
                    let places = (0..size).filter(|place| dealt[*place] == choice);
                    let (count, sum) = places.fold((0, 0), |(n, sum), place| (n + 1, sum + place));
                    // Twice the mean is the sum of the first and the last place: exact.
                    assert_eq!(2 * sum, count * (size - 1), "choice {choice} of {weights:?}");
                }
                for (one, other) in (0..3).flat_map(|a| [(a, a + 3), (a, (a + 1) % 3)]) {
                    let before = |a, b| {
                        let of = |from: usize| dealt[from..].iter().filter(|c| **c == b).count();
                        (0..size).filter(|at| dealt[*at] == a).map(of).sum::<usize>()
                    };
                    assert_eq!(before(one, other), before(other, one), "{one} {other} {weights:?}");
                }
            }
        }
    }

    #[test]
    fn each_variant_of_a_journey_is_first_equally_often() {
        let mix = Mix::new(&variants([1.0, 1.0]), Seed(8)).unwrap();
        let block = mix.block() as u64;
        for journey in 0..3 {
            let first = |number: u64| {
                let mut dealt = (number * block..(number + 1) * block).map(|n| mix.pick(n));
                dealt.find(|choice| choice % 3 == journey).unwrap() / 3
            };
            let firsts: Vec<usize> = (0..2000).map(first).collect();
            let of_one = firsts.iter().filter(|variant| **variant == 0).count();
            if journey == 2 {
                // Once in each block: the mirror image turns it round.
                assert_eq!(of_one, 1000);
            }
            // Else by chance: 1000 ± 5 standard deviations of 1000 tosses that count twice.
            assert!((842..=1158).contains(&of_one), "{journey}: {of_one}");
        }
    }

    #[test]
    fn no_journey_goes_with_one_variant() {
        let mix = Mix::new(&variants([1.0, 1.0]), Seed(8)).unwrap();
        let block = mix.block() as u64;
        for number in 0..200 {
            let counts = counted(&mix, number * block..(number + 1) * block, 6);
            assert_eq!(counts, [7, 2, 1, 7, 2, 1]);
        }
        // Nor does a place within the block: each holds either variant about as often.
        for place in 0..block {
            let of_one = (0..1000).filter(|pair| mix.pick(2 * pair * block + place) < 3).count();
            assert!((421..=579).contains(&of_one), "place {place}: {of_one}");
        }
    }

    #[test]
    fn different_pairs_of_blocks_are_shuffled_differently() {
        let mix = Mix::new(&variants([1.0, 1.0]), Seed(8)).unwrap();
        let pair = |number: u64| {
            let size = 2 * mix.block() as u64;
            (number * size..(number + 1) * size).map(|n| mix.pick(n)).collect::<Vec<_>>()
        };
        let orders: std::collections::BTreeSet<_> = (0..500).map(pair).collect();
        assert_eq!(orders.len(), 500);
    }

    #[test]
    fn thousandths_stay_exact_with_several_variants() {
        let weights: Vec<f64> = [1.0, 1.0].iter().flat_map(|v| [v * 99.9, v * 0.1]).collect();
        let mix = Mix::new(&weights, Seed(8)).unwrap();
        assert_eq!(counted(&mix, 0..mix.block() as u64, 4), [999, 1, 999, 1]);
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
        // The largest weights of a variant and a journey still make one.
        assert_eq!(Mix::new(&[MOST_WEIGHT * MOST_WEIGHT, 1.0], Seed(1)).unwrap().block(), 1001);
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
