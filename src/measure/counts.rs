//! Counters of iterations: due, how they ended, and how far they came.

use super::catalogue::StepId;
use super::fault::Fault;
use super::sample::Ending;
use serde::de::{MapAccess, Visitor};
use std::fmt;

/// A counter for each fault. Takes no room before the first one: most steps of most intervals know none.
#[derive(Clone, Debug, Default)]
pub struct FaultCounts(Option<Box<[u64; Fault::COUNT]>>);

const NONE: [u64; Fault::COUNT] = [0; Fault::COUNT];

impl FaultCounts {
    /// Counts `number` more of one fault.
    pub fn add(&mut self, fault: Fault, number: u64) {
        if number > 0 {
            self.counters()[fault as usize] += number;
        }
    }

    fn counters(&mut self) -> &mut [u64; Fault::COUNT] {
        self.0.get_or_insert_with(|| Box::new(NONE))
    }

    fn numbers(&self) -> &[u64; Fault::COUNT] {
        self.0.as_deref().unwrap_or(&NONE)
    }

    /// Adds all of another set.
    pub fn merge(&mut self, other: &Self) {
        if let Some(theirs) = &other.0 {
            self.counters().iter_mut().zip(&**theirs).for_each(|(mine, theirs)| *mine += theirs);
        }
    }

    /// How many of one fault.
    pub fn of(&self, fault: Fault) -> u64 {
        self.numbers()[fault as usize]
    }

    /// How many in all.
    pub fn total(&self) -> u64 {
        self.0.as_ref().map_or(0, |numbers| numbers.iter().sum())
    }

    /// How many of those that percentiles that judge count as slower than any limit.
    pub fn beyond_any_limit(&self) -> u64 {
        self.iter().filter(|(fault, _)| fault.is_beyond_any_limit()).map(|(_, number)| number).sum()
    }

    /// Whether none was counted.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// The faults that occurred, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> {
        let numbers = self.0.as_deref().into_iter().flatten();
        Fault::all()
            .zip(numbers)
            .map(|(fault, number)| (fault, *number))
            .filter(|(_, number)| *number > 0)
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        if let Some(numbers) = &mut self.0 {
            **numbers = NONE;
        }
    }
}

/// Equal if the same was counted, whether there is room for more or not.
impl PartialEq for FaultCounts {
    fn eq(&self, other: &Self) -> bool {
        self.numbers() == other.numbers()
    }
}

impl Eq for FaultCounts {}

impl FromIterator<(Fault, u64)> for FaultCounts {
    fn from_iter<I: IntoIterator<Item = (Fault, u64)>>(faults: I) -> Self {
        let mut counts = Self::default();
        faults.into_iter().for_each(|(fault, number)| counts.add(fault, number));
        counts
    }
}

/// As a map from slug to number, without those that did not occur.
impl serde::Serialize for FaultCounts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> serde::Deserialize<'de> for FaultCounts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;

        impl<'de> Visitor<'de> for Map {
            type Value = FaultCounts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FaultCounts, A::Error> {
                let mut counts = FaultCounts::default();
                // Of a slug that is there twice, the last counts, as in any map.
                while let Some((fault, number)) = map.next_entry::<Fault, u64>()? {
                    counts.counters()[fault as usize] = number;
                }
                Ok(counts)
            }
        }

        deserializer.deserialize_map(Map)
    }
}

/// How many iterations reached one step, and with what they ended there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StepCounts {
    /// Iterations that came to it, however often.
    pub reached: u64,
    /// The sum of the positions (from 0) at which they first did: its mean puts the steps of a
    /// journey in order, wherever optional ones come in.
    pub position_sum: u64,
    /// Iterations that ended there without reaching the goal.
    pub left: FaultCounts,
}

impl StepCounts {
    /// Adds all of another set.
    pub fn merge(&mut self, other: &Self) {
        self.reached += other.reached;
        self.position_sum += other.position_sum;
        self.left.merge(&other.left);
    }
}

/// Iterations of one journey of one variant. In the end
/// `due = completed + failed + dropped + cut_off + lost`, `failed` being all faults.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Planned to start.
    pub due: u64,
    /// Found no free user when they were due.
    pub late: u64,
    /// Reached the goal.
    pub completed: u64,
    /// Found no free user in time.
    pub dropped: u64,
    /// Ended by the drain or an interrupt.
    pub cut_off: u64,
    /// Failed, by fault. Never holds [`Fault::CutOff`].
    pub faults: FaultCounts,
    /// The funnel, by [`StepId`].
    pub steps: Vec<StepCounts>,
}

impl Counts {
    /// Counts an end and the steps on the way to it. Allocates only when a step is new.
    pub fn end(&mut self, ending: Ending, steps: &[StepId]) {
        match ending {
            Ending::Completed => self.completed += 1,
            Ending::Dropped => self.dropped += 1,
            Ending::CutOff | Ending::Failed(Fault::CutOff) => self.cut_off += 1,
            Ending::Failed(fault) => self.faults.add(fault, 1),
        }
        let mut position = 0;
        for (place, step) in steps.iter().enumerate() {
            if !steps.iter().take(place).any(|earlier| earlier == step) {
                let counts = self.step(*step);
                counts.reached += 1;
                counts.position_sum += position;
                position += 1;
            }
        }
        if let (Some(fault), Some(last)) = (ending.fault(), steps.last()) {
            self.step(*last).left.add(fault, 1);
        }
    }

    fn step(&mut self, step: StepId) -> &mut StepCounts {
        let place = step.place();
        if place >= self.steps.len() {
            self.steps.resize_with(place + 1, StepCounts::default);
        }
        &mut self.steps[place]
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.due + self.late + self.completed + self.dropped + self.cut_off == 0
            && self.faults.is_empty()
            && self.steps.iter().all(|step| step.reached == 0)
    }

    /// Adds all of another set.
    pub fn merge(&mut self, other: &Self) {
        self.due += other.due;
        self.late += other.late;
        self.completed += other.completed;
        self.dropped += other.dropped;
        self.cut_off += other.cut_off;
        self.faults.merge(&other.faults);
        if other.steps.len() > self.steps.len() {
            self.steps.resize_with(other.steps.len(), StepCounts::default);
        }
        self.steps.iter_mut().zip(&other.steps).for_each(|(mine, theirs)| mine.merge(theirs));
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        let (mut steps, mut faults) =
            (std::mem::take(&mut self.steps), std::mem::take(&mut self.faults));
        for step in &mut steps {
            (step.reached, step.position_sum) = (0, 0);
            step.left.clear();
        }
        faults.clear();
        *self = Self { steps, faults, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iteration_counts_once_for_each_step_it_reached() {
        let step = StepId::from_place;
        let mut counts = Counts::default();
        counts.end(Ending::Completed, &[step(0), step(2)]);
        counts.end(Ending::Failed(Fault::Refused), &[step(0), step(1), step(1), step(2), step(1)]);
        counts.end(Ending::CutOff, &[step(0)]);
        counts.end(Ending::Dropped, &[]);
        counts.end(Ending::Failed(Fault::NoAccount), &[]);
        let reached: Vec<_> = counts.steps.iter().map(|s| (s.reached, s.position_sum)).collect();
        assert_eq!(reached, [(3, 0), (1, 1), (2, 1 + 2)]);
        assert_eq!(counts.steps[1].left.of(Fault::Refused), 1);
        assert_eq!(counts.steps[0].left.of(Fault::CutOff), 1);
        assert_eq!((counts.completed, counts.dropped, counts.cut_off), (1, 1, 1));
        assert_eq!(counts.faults.total(), 2);
    }

    #[test]
    fn clearing_forgets_everything() {
        let mut counts = Counts { due: 1, ..Counts::default() };
        counts.end(Ending::Failed(Fault::Dns), &[StepId::from_place(3)]);
        assert!(!counts.is_empty());
        counts.clear();
        assert!(counts.is_empty());
        assert_eq!(counts.steps.len(), 4);
    }

    #[test]
    fn faults_are_written_by_slug_and_read_back() {
        let counts: FaultCounts = [(Fault::Reset, 2), (Fault::Http5xx, 1)].into_iter().collect();
        let json = serde_json::to_string(&counts).unwrap();
        assert_eq!(json, r#"{"http-5xx":1,"reset":2}"#);
        assert_eq!(serde_json::from_str::<FaultCounts>(&json).unwrap(), counts);
        assert_eq!(counts.beyond_any_limit(), 2);
        let twice: FaultCounts = serde_json::from_str(r#"{"reset":7,"dns":0,"reset":2}"#).unwrap();
        assert_eq!(twice, [(Fault::Reset, 2)].into_iter().collect());
        for wrong in ["[]", r#"{"reset":-1}"#, r#"{"http-6xx":1}"#] {
            assert!(serde_json::from_str::<FaultCounts>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_counted_is_the_same_with_and_without_room() {
        let mut counts: FaultCounts = [(Fault::Reset, 2)].into_iter().collect();
        assert_ne!(counts, FaultCounts::default());
        counts.clear();
        assert_eq!(counts, FaultCounts::default());
        assert!(counts.is_empty() && counts.iter().next().is_none());
    }
}
