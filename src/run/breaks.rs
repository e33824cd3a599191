//! Pauses of a run in its intervals: paused time is marked, and is not measured.

use crate::load::{Events, Pauses};
use crate::measure::timeline::{Line, PAUSED};
use std::time::Instant;

/// The pauses of a load, as the intervals see them.
pub(super) struct Breaks {
    pauses: Option<Pauses>,
    /// Up to when they are marked.
    marked: Option<Instant>,
}

impl Breaks {
    pub(super) const fn of(pauses: Option<Pauses>) -> Self {
        Self { pauses, marked: None }
    }

    /// Marks the interval that ends at a moment of a load that began at another, and tells of pauses that are over.
    pub(super) fn mark(
        &mut self,
        line: &mut Line,
        (start, ends): (Instant, Instant),
        events: &Events,
    ) {
        let Some(pauses) = &self.pauses else { return };
        let begins = self.marked.replace(ends).unwrap_or(start);
        let paused = pauses.between(begins, ends);
        line.paused_ms = u64::try_from(paused.as_millis()).unwrap_or(u64::MAX);
        // What is paused of the warm-up, or after the end, was not measured anyway.
        let measured = pauses.between_measured(start, (begins, ends));
        let measured_ms = u64::try_from(measured.as_millis()).unwrap_or(u64::MAX);
        line.measured_ms = line.measured_ms.saturating_sub(measured_ms);
        for (from, length) in pauses.news() {
            let seconds = length.as_secs_f64();
            let text = format!("paused for {seconds:.1}s: the tenant answered 429");
            events.note(from.saturating_duration_since(start), PAUSED, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;
    use crate::measure::series::Phases;
    use std::time::{Duration, SystemTime};

    #[test]
    fn paused_time_is_marked_and_not_measured() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let phases = Phases { warm_up_ends: Duration::ZERO, measured_ends: None };
        let pauses = Pauses::new(clock.clone(), phases.into());
        let (start, ms) = (clock.now(), Duration::from_millis);
        pauses.begin(start);
        let (mut breaks, events) = (Breaks::of(Some(pauses.clone())), Events::default());
        let mut lines = Vec::new();
        for second in 0..4u64 {
            clock.advance(ms(400));
            if second == 0 {
                pauses.ask(Some(ms(2100)));
            }
            clock.advance(ms(600));
            let mut line = Line { measured_ms: 1000, ..Line::default() };
            breaks.mark(&mut line, (start, clock.now()), &events);
            lines.push((line.paused_ms, line.measured_ms));
        }
        assert_eq!(lines, [(600, 400), (1000, 0), (500, 500), (0, 1000)]);
        let told = events.drain();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].at_ms, told[0].slug.as_str()), (400, PAUSED));
        assert_eq!(told[0].text, "paused for 2.1s: the tenant answered 429");
    }
}
