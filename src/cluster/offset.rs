//! How far an agent's clock is from the conductor's, by a few questions about the time.
//!
//! A reply was written somewhere between the sending of its question and its arrival. The shorter that time, the less
//! it can be wrong about; so of several questions the one that was answered fastest is believed.

use crate::base::remedy::Remedy;
use std::time::{Duration, SystemTime};

/// How many questions are asked.
pub const QUESTIONS: usize = 9;

/// Agents whose clock is known less well than this cannot start together.
pub const MOST_UNCERTAIN: Duration = Duration::from_millis(50);

/// One question and its answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Asked {
    /// When it was asked, by our clock.
    pub sent: SystemTime,
    /// How long it was until the answer came, by a clock that nobody sets.
    pub took: Duration,
    /// What the other's clock said.
    pub theirs: SystemTime,
}

/// How far a clock is from ours.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Offset {
    /// Theirs less ours, in microseconds.
    pub offset_us: i64,
    /// How far from that it may be, in microseconds.
    pub within_us: u64,
}

/// The clock of an agent is not known well enough.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the clock of agent `{agent}` is known to {}.{} ms only, and agents start together within {} ms",
    within_us / 1000,
    within_us % 1000 / 100,
    MOST_UNCERTAIN.as_millis()
)]
pub struct Uncertain {
    /// The agent.
    pub agent: String,
    /// How far from what is known it may be.
    pub within_us: u64,
}

impl Remedy for Uncertain {
    fn remedy(&self) -> Option<String> {
        Some(
            "answers took too long: look for what keeps the network, the NATS server or the agent busy"
                .to_owned(),
        )
    }
}

impl Offset {
    /// What several answers say; none without any.
    pub fn of(answers: &[Asked]) -> Option<Self> {
        answers.iter().min_by_key(|asked| asked.took).map(|asked| {
            let half = asked.took / 2;
            Self {
                offset_us: between(asked.sent + half, asked.theirs),
                within_us: u64::try_from(half.as_micros()).unwrap_or(u64::MAX),
            }
        })
    }

    /// A moment of our clock as theirs tells it.
    pub fn theirs(&self, ours: SystemTime) -> SystemTime {
        let by = Duration::from_micros(self.offset_us.unsigned_abs());
        let moved = if self.offset_us < 0 { ours.checked_sub(by) } else { ours.checked_add(by) };
        moved.unwrap_or(ours)
    }

    /// Refuses one that is not known well enough.
    pub fn check(&self, agent: &str) -> Result<(), Uncertain> {
        if Duration::from_micros(self.within_us) <= MOST_UNCERTAIN {
            return Ok(());
        }
        Err(Uncertain { agent: agent.to_owned(), within_us: self.within_us })
    }
}

/// From one moment to another in microseconds.
fn between(from: SystemTime, to: SystemTime) -> i64 {
    let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    match to.duration_since(from) {
        Ok(ahead) => micros(ahead),
        Err(error) => -micros(error.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn us(number: u64) -> Duration {
        Duration::from_micros(number)
    }

    fn epoch() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_286_081)
    }

    /// A question whose way there and back took so long, to a clock that is so far ahead.
    fn asked(there: u64, back: u64, ahead_us: i64) -> Asked {
        let arrives = epoch() + us(there);
        let by = us(ahead_us.unsigned_abs());
        let theirs = if ahead_us < 0 { arrives - by } else { arrives + by };
        Asked { sent: epoch(), took: us(there + back), theirs }
    }

    #[test]
    fn the_fastest_answer_is_believed() {
        let answers = [asked(9000, 90_000, 5000), asked(300, 100, 5000), asked(40_000, 400, 5000)];
        let offset = Offset::of(&answers).unwrap();
        assert_eq!(offset, Offset { offset_us: 5100, within_us: 200 });
        assert_eq!(offset.theirs(epoch()), epoch() + us(5100));
        assert_eq!(Offset::of(&[]), None);
    }

    #[test]
    fn a_clock_that_is_not_known_is_refused_by_name() {
        let offset = Offset::of(&[asked(60_000, 61_000, 0)]).unwrap();
        let error = offset.check("load-2").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the clock of agent `load-2` is known to 60.5 ms only, and agents start together within 50 ms"
        );
        Offset::of(&[asked(50_000, 50_000, 0)]).unwrap().check("load-2").unwrap();
    }

    proptest! {
        /// Whatever the ways took, the truth is within what is said.
        #[test]
        fn the_truth_is_within_what_is_said(
            ways in prop::collection::vec((0u64..500_000, 0u64..500_000), 1..12),
            ahead_us in -10_000_000_000i64..10_000_000_000,
        ) {
            let answers: Vec<_> =
                ways.iter().map(|(there, back)| asked(*there, *back, ahead_us)).collect();
            let offset = Offset::of(&answers).unwrap();
            let wrong = offset.offset_us.abs_diff(ahead_us);
            prop_assert!(wrong <= offset.within_us + 1, "{wrong} of {offset:?}");
        }
    }
}
