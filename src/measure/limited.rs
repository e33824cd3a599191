//! Stretches of a run in which the tenant turned calls down for their rate (429): what was measured then is the
//! licence's doing.

use super::fault::Fault;
use super::timeline::{JourneyLine, Line};

/// A stretch goes on over seconds without any such call, up to so many.
const QUIET_MS: u64 = 10_000;

/// The most stretches that are told apart; what comes after makes the last one longer.
const MOST: usize = 1000;

/// One stretch, in whole intervals.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stretch {
    /// Start of the first interval with such a call, from the start of the run.
    pub from_ms: u64,
    /// End of the last.
    pub to_ms: u64,
    /// Calls that were turned down.
    pub calls: u64,
}

/// The stretches of a run, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Limited(Vec<Stretch>);

impl Limited {
    /// Adds an interval; they come in order.
    pub fn absorb(&mut self, line: &Line) {
        let of = |row: &JourneyLine| row.exchange_faults.of(Fault::RateLimited);
        let calls: u64 = line.journeys.iter().map(of).sum();
        if calls == 0 {
            return;
        }
        let is_full = self.0.len() >= MOST;
        match self.0.last_mut() {
            Some(last) if is_full || line.start_ms <= last.to_ms + QUIET_MS => {
                last.to_ms = last.to_ms.max(line.end_ms);
                last.calls += calls;
            }
            _ => self.0.push(Stretch { from_ms: line.start_ms, to_ms: line.end_ms, calls }),
        }
    }

    /// All of them.
    pub fn stretches(&self) -> &[Stretch] {
        &self.0
    }

    /// How long they are together.
    pub fn length_ms(&self) -> u64 {
        self.0.iter().map(|stretch| stretch.to_ms.saturating_sub(stretch.from_ms)).sum()
    }
}

/// The stretches of a run in which nothing new began because the tenant asked for that, in whole intervals.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Paused(Vec<Stretch>);

impl Paused {
    /// Adds an interval; they come in order.
    pub fn absorb(&mut self, line: &Line) {
        if line.paused_ms == 0 {
            return;
        }
        let is_full = self.0.len() >= MOST;
        match self.0.last_mut() {
            Some(last) if is_full || line.start_ms <= last.to_ms => {
                last.to_ms = last.to_ms.max(line.end_ms);
            }
            _ => {
                let (from_ms, to_ms) = (line.start_ms, line.end_ms);
                self.0.push(Stretch { from_ms, to_ms, calls: 0 });
            }
        }
    }

    /// All of them.
    pub fn stretches(&self) -> &[Stretch] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: u64, limited: u64) -> Line {
        let row = serde_json::json!({
            "phase": "measured", "variant": "v1", "journey": "sign-on",
            "exchange_faults": { "rate-limited": limited },
        });
        let journeys = vec![serde_json::from_value(row).unwrap()];
        Line { start_ms: number * 1000, end_ms: number * 1000 + 1000, journeys, ..Line::default() }
    }

    fn of(seconds: impl Iterator<Item = (u64, u64)>) -> Limited {
        let mut limited = Limited::default();
        seconds.for_each(|(number, calls)| limited.absorb(&second(number, calls)));
        limited
    }

    #[test]
    fn a_stretch_goes_on_over_a_short_pause_and_ends_in_a_long_one() {
        let calls =
            |n: u64| u64::from((20..30).contains(&n) && n.is_multiple_of(3)) + u64::from(n == 60);
        let found = of((0..80).map(|n| (n, calls(n))));
        let expected = [
            Stretch { from_ms: 21_000, to_ms: 28_000, calls: 3 },
            Stretch { from_ms: 60_000, to_ms: 61_000, calls: 1 },
        ];
        assert_eq!(found.stretches(), expected);
        assert_eq!(found.length_ms(), 8000);
        assert!(of((0..80).map(|n| (n, 0))).stretches().is_empty());
    }

    #[test]
    fn a_pause_is_as_long_as_the_intervals_that_it_is_in() {
        let mut paused = Paused::default();
        for n in 0..20 {
            let paused_ms = if (3..6).contains(&n) || n == 9 { 400 } else { 0 };
            paused.absorb(&Line { paused_ms, ..second(n, 0) });
        }
        let found: Vec<_> = paused.stretches().iter().map(|it| (it.from_ms, it.to_ms)).collect();
        assert_eq!(found, [(3000, 6000), (9000, 10_000)]);
    }

    #[test]
    fn there_are_never_more_than_a_person_could_read_in_a_day() {
        let found = of((0..5000).map(|n| (n * 20, 1)));
        assert_eq!(found.stretches().len(), MOST);
        assert_eq!(found.stretches().iter().map(|stretch| stretch.calls).sum::<u64>(), 5000);
    }
}
