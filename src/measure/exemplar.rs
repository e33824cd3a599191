//! A few whole iterations kept for a closer look: a fair sample of each journey, and the slowest.

use super::catalogue::{Catalogue, JourneyId};
use super::sample::{Iteration, Traced, micros};
use super::series::Outcome;
use crate::base::names::{Capability, Journey, Step, Variant};
use crate::base::random::Seed;
use rand::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Size of the fair sample of each variant and journey.
pub const SAMPLED: usize = 50;

/// How many of the slowest are kept besides.
pub const SLOWEST: usize = 5;

/// One kept iteration, timings only: a line of `exemplars.jsonl`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Exemplar {
    /// Which configuration was under test.
    pub variant: Variant,
    /// What the user wanted to achieve.
    pub journey: Journey,
    /// Whether it is kept for being slow, besides or instead of being drawn.
    pub slowest: bool,
    /// Its number in the run.
    pub iteration: u64,
    /// When it was due, from the start of the run.
    pub due_us: u64,
    /// Its response time.
    pub response_us: u64,
    /// Its service time.
    pub service_us: u64,
    /// Its wall time.
    pub elapsed_us: u64,
    /// `completed`, or the slug of its fault.
    pub ending: String,
    /// Its exchanges in order.
    pub exchanges: Vec<ExemplarExchange>,
}

/// One exchange of a kept iteration.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct ExemplarExchange {
    /// The name of the rule that answered.
    pub step: Step,
    /// What the tenant was doing.
    pub capability: Capability,
    /// The event type of the answer.
    pub event: String,
    /// The key of the action taken.
    pub action: String,
    /// When it was sent, from the due time.
    pub sent_us: u64,
    /// Its service time.
    pub service_us: u64,
    /// How it ended.
    pub outcome: String,
}

/// The exemplars of a run that was taken up again, from those of its segments before and of the one that goes
/// on: those that a run in one piece would have kept. The seed is that of the run.
pub fn merged(seed: Seed, before: &[Exemplar], now: Vec<Exemplar>) -> Vec<Exemplar> {
    let mut drawn = Drawn::default();
    drawn.add(seed, before.iter().cloned().chain(now));
    drawn.finish()
}

/// Exemplars drawn from several samples, each by the lots of the seed that it was drawn by. Of parts of one run
/// those that the run in one piece would have kept; of several runs a fair sample of all their iterations, for lots
/// are even whatever the seed.
#[derive(Debug, Default)]
pub struct Drawn(BTreeMap<(Variant, Journey, bool), Vec<(u64, Exemplar)>>);

impl Drawn {
    /// Adds a sample, and keeps no more than belong to the whole.
    pub fn add(&mut self, seed: Seed, sample: impl IntoIterator<Item = Exemplar>) {
        let lots = Lots::new(seed);
        for exemplar in sample {
            let rank = match exemplar.slowest {
                true => u64::MAX - exemplar.response_us,
                false => lots.of(exemplar.iteration),
            };
            let key = (exemplar.variant.clone(), exemplar.journey.clone(), exemplar.slowest);
            self.0.entry(key).or_default().push((rank, exemplar));
        }
        for ((_, _, slowest), of) in &mut self.0 {
            of.sort_by_key(|(rank, exemplar)| (*rank, exemplar.iteration, exemplar.due_us));
            of.truncate(if *slowest { SLOWEST } else { SAMPLED });
        }
    }

    /// All of them: of each journey the sample in order of due time, then the slowest, slowest first.
    pub fn finish(self) -> Vec<Exemplar> {
        let chosen =
            |((_, _, slowest), mut of): ((Variant, Journey, bool), Vec<(u64, Exemplar)>)| {
                if !slowest {
                    of.sort_by_key(|(_, exemplar)| (exemplar.due_us, exemplar.iteration));
                }
                of.into_iter().map(|(_, exemplar)| exemplar)
            };
        self.0.into_iter().flat_map(chosen).collect()
    }
}

/// An iteration as a shard keeps it: names still numbers.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    index: u64,
    due_us: u64,
    response_us: u64,
    service_us: u64,
    elapsed_us: u64,
    ending: &'static str,
    exchanges: Vec<Traced>,
}

impl Kept {
    fn of(iteration: &Iteration<'_>) -> Arc<Self> {
        Arc::new(Self {
            index: iteration.index,
            due_us: micros(iteration.due),
            response_us: micros(iteration.response),
            service_us: micros(iteration.service),
            elapsed_us: micros(iteration.elapsed),
            ending: iteration.ending.fault().map_or("completed", |fault| fault.slug()),
            exchanges: iteration.exchanges.to_vec(),
        })
    }

    fn named(&self, journey: JourneyId, slowest: bool, names: &Catalogue) -> Exemplar {
        let about = &names.journeys[journey.place()];
        Exemplar {
            variant: about.variant.clone(),
            journey: about.journey.clone(),
            slowest,
            iteration: self.index,
            due_us: self.due_us,
            response_us: self.response_us,
            service_us: self.service_us,
            elapsed_us: self.elapsed_us,
            ending: self.ending.to_owned(),
            exchanges: self.exchanges.iter().map(|traced| named(traced, names)).collect(),
        }
    }
}

fn named(traced: &Traced, names: &Catalogue) -> ExemplarExchange {
    let row = names.rows.get(traced.row.place()).unwrap_or(&names.rows[0]);
    ExemplarExchange {
        step: row.step.clone(),
        capability: row.capability.clone(),
        event: row.event.to_string(),
        action: row.action.to_string(),
        sent_us: micros(traced.sent),
        service_us: micros(traced.service),
        outcome: Outcome::slug(traced.outcome).to_owned(),
    }
}

/// The iterations of one journey with the smallest lots, and the slowest.
///
/// The lot of an iteration is a fixed function of seed, journey and number, so that the sample is
/// fair, the same whichever thread performed what, and two samples merge into the one that a single
/// thread would have drawn.
#[derive(Clone, Debug, Default)]
pub(super) struct Reservoir {
    sampled: Vec<(u64, Arc<Kept>)>,
    slowest: Vec<(u64, Arc<Kept>)>,
}

impl Reservoir {
    /// Keeps the iteration if it is among the chosen. Allocates only then.
    pub(super) fn offer(&mut self, lot: u64, iteration: &Iteration<'_>) {
        let slowness = u64::MAX - micros(iteration.response);
        let drawn = admits(&self.sampled, SAMPLED, lot);
        let slow = admits(&self.slowest, SLOWEST, slowness);
        if !drawn && !slow {
            return;
        }
        let kept = Kept::of(iteration);
        if drawn {
            insert(&mut self.sampled, SAMPLED, lot, Arc::clone(&kept));
        }
        if slow {
            insert(&mut self.slowest, SLOWEST, slowness, kept);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (lot, kept) in &other.sampled {
            insert(&mut self.sampled, SAMPLED, *lot, Arc::clone(kept));
        }
        for (slowness, kept) in &other.slowest {
            insert(&mut self.slowest, SLOWEST, *slowness, Arc::clone(kept));
        }
    }

    /// With names: the sample in order of due time, then the slowest, slowest first. One that is
    /// both stands in both.
    pub(super) fn named(&self, journey: JourneyId, names: &Catalogue) -> Vec<Exemplar> {
        let mut sampled: Vec<_> = self.sampled.iter().map(|(_, kept)| kept).collect();
        sampled.sort_by_key(|kept| (kept.due_us, kept.index));
        let sampled = sampled.into_iter().map(|kept| kept.named(journey, false, names));
        let slowest = self.slowest.iter().map(|(_, kept)| kept.named(journey, true, names));
        sampled.chain(slowest).collect()
    }
}

fn admits(kept: &[(u64, Arc<Kept>)], most: usize, rank: u64) -> bool {
    kept.len() < most || kept.last().is_some_and(|(worst, _)| rank < *worst)
}

/// Keeps the list sorted by rank, then by number: equal ranks fall the same way in any order.
fn insert(list: &mut Vec<(u64, Arc<Kept>)>, most: usize, rank: u64, kept: Arc<Kept>) {
    let place = list.partition_point(|(other, held)| (*other, held.index) < (rank, kept.index));
    list.insert(place, (rank, kept));
    list.truncate(most);
}

/// Draws lots for iterations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lots {
    key: u64,
}

impl Lots {
    pub(super) fn new(seed: Seed) -> Self {
        Self { key: seed.stream("exemplars", 0).next_u64() }
    }

    /// The finaliser of `SplitMix64` (Steele, Lea and Flood 2014) over key and number: a bijection,
    /// so that no two iterations share a lot.
    pub(super) const fn of(self, index: u64) -> u64 {
        let mut mixed = (self.key ^ index).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Ending;
    use super::*;
    use std::time::Duration;

    fn iteration(index: u64, response_ms: u64) -> Iteration<'static> {
        let response = Duration::from_millis(response_ms);
        Iteration {
            index,
            due: Duration::from_millis(index),
            response,
            service: response,
            elapsed: response,
            ending: Ending::Completed,
            steps: &[],
            exchanges: &[],
        }
    }

    fn indices(list: &[(u64, Arc<Kept>)]) -> Vec<u64> {
        list.iter().map(|(_, kept)| kept.index).collect()
    }

    #[test]
    fn any_division_among_threads_keeps_the_same_iterations() {
        let lots = Lots::new(Seed(7));
        let mut whole = Reservoir::default();
        let mut parts = [Reservoir::default(), Reservoir::default(), Reservoir::default()];
        for index in 0..2000 {
            let iteration = iteration(index, index * 7919 % 501);
            whole.offer(lots.of(index), &iteration);
            parts[usize::try_from(index % 3).unwrap()].offer(lots.of(index), &iteration);
        }
        let mut merged = Reservoir::default();
        parts.iter().rev().for_each(|part| merged.merge(part));
        assert_eq!(whole.sampled.len(), SAMPLED);
        assert_eq!(indices(&merged.sampled), indices(&whole.sampled));
        assert_eq!(indices(&merged.slowest), indices(&whole.slowest));
        assert_eq!(whole.slowest[0].1.response_us, 500_000);
    }

    #[test]
    fn a_run_taken_up_again_keeps_those_that_one_in_one_piece_would_have_kept() {
        let seed = Seed(7);
        let lots = Lots::new(seed);
        let mut names = Catalogue::new(10);
        let journey = names.journey(&"v".into(), &"j".into());
        let of = |indices: std::ops::Range<u64>| {
            let mut reservoir = Reservoir::default();
            indices.for_each(|index| {
                reservoir.offer(lots.of(index), &iteration(index, index * 7919 % 501));
            });
            reservoir.named(journey, &names)
        };
        let (first, second, third) = (of(0..700), of(700..1200), of(1200..2000));
        let taken_up = merged(seed, &merged(seed, &first, second), third);
        assert_eq!(taken_up, of(0..2000));
        assert_eq!(taken_up.len(), SAMPLED + SLOWEST);
    }

    #[test]
    fn runs_of_other_seeds_are_drawn_from_as_fairly_as_they_are_large() {
        let mut small = 0;
        for seed in 0..200 {
            let mut names = Catalogue::new(10);
            let journey = names.journey(&"v".into(), &"j".into());
            let mut drawn = Drawn::default();
            for (number, size) in [(0, 100u64), (1, 900)] {
                let seed = Seed(2 * seed + number);
                let (lots, mut reservoir) = (Lots::new(seed), Reservoir::default());
                // Who is of the smaller run shows by its due time.
                (0..size).for_each(|index| {
                    let due = Duration::from_secs(size);
                    reservoir.offer(lots.of(index), &Iteration { due, ..iteration(index, 1) });
                });
                drawn.add(seed, reservoir.named(journey, &names));
            }
            let sample = drawn.finish();
            let sampled = sample.iter().filter(|exemplar| !exemplar.slowest);
            small += sampled.filter(|exemplar| exemplar.due_us == 100_000_000).count();
        }
        // 10,000 draws, a tenth of them expected; five standard deviations either way.
        assert!((850..1150).contains(&small), "{small}");
    }

    #[test]
    fn the_sample_is_fair() {
        let mut early = 0;
        for seed in 0..200 {
            let lots = Lots::new(Seed(seed));
            let mut reservoir = Reservoir::default();
            (0..500).for_each(|index| reservoir.offer(lots.of(index), &iteration(index, 1)));
            early += indices(&reservoir.sampled).iter().filter(|index| **index < 250).count();
        }
        // 10,000 draws, half of them expected early; five standard deviations either way.
        assert!((4_750..5_250).contains(&early), "{early}");
    }
}
