//! Where in the whole the lines of one part fall: what was counted where the middle of its interval lies, what was
//! measured where it was.

use super::merging::{INTERVAL_MS, cut};
use super::timeline::Line;
use std::cmp::Ordering;
use std::collections::VecDeque;

/// The lines of a part as pieces of intervals of the whole, in order. A piece waits until the next line is known, for
/// that may have begun in its interval.
#[derive(Debug, Default)]
pub struct Placing {
    offset_ms: u64,
    held: VecDeque<(u64, Line)>,
    /// What of the last line was measured after its own interval of the whole, and in which.
    carried: Option<(u64, u64)>,
    is_measuring: bool,
    is_over: bool,
}

impl Placing {
    /// Of a part that began so much later than the whole, in whole intervals.
    pub fn new(offset_ms: u64) -> Self {
        Self { offset_ms, ..Self::default() }
    }

    /// Adds its next line.
    pub fn take(&mut self, line: Line) {
        let span = measured(&line, self.is_measuring, self.offset_ms);
        self.is_measuring = line.measured_ms > 0;
        let carried = self.carried.take();
        let mut pieces = cut(line, self.offset_ms).peekable();
        let home = pieces.peek().map_or(0, |(slot, _)| self.in_order(*slot));
        if let Some((slot, ms)) = carried {
            self.fill(slot.min(home), ms);
        }
        let mut here = None;
        if let Some((from_ms, to_ms)) = span {
            let mut at_ms = from_ms;
            while at_ms < to_ms {
                let slot = at_ms / INTERVAL_MS;
                let next_ms = (slot + 1).saturating_mul(INTERVAL_MS).min(to_ms);
                let ms = next_ms - at_ms;
                match slot.cmp(&home) {
                    Ordering::Less => self.fill(slot, ms),
                    Ordering::Equal => here = Some(ms),
                    Ordering::Greater => self.carried = Some((slot, ms)),
                }
                at_ms = next_ms;
            }
        }
        let is_placed = span.is_some();
        for (slot, piece) in pieces {
            let slot = self.in_order(slot);
            let ms = if is_placed { here.unwrap_or(0) } else { piece.measured_ms };
            self.held.push_back((slot, Line { measured_ms: 0, ..piece }));
            self.fill(slot, ms);
        }
    }

    /// There are no more lines.
    pub fn end(&mut self) {
        if let (Some((_, ms)), Some((_, last))) = (self.carried.take(), self.held.back_mut()) {
            last.measured_ms += ms;
        }
        self.is_over = true;
    }

    /// Whether all of it was asked for.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Where the next piece belongs; none where that is not known yet, and at the end. Never less than before.
    pub fn place(&self) -> Option<u64> {
        let ((first, _), (last, _)) = (self.held.front()?, self.held.back()?);
        (self.is_over || first < last).then_some(*first)
    }

    /// The next piece, if its place is known.
    pub fn next_piece(&mut self) -> Option<Line> {
        self.place()?;
        self.held.pop_front().map(|(_, line)| line)
    }

    /// Lines stand in order, also in a file that was damaged.
    fn in_order(&self, slot: u64) -> u64 {
        self.held.back().map_or(slot, |(last, _)| slot.max(*last))
    }

    /// Adds measured time to an interval of the whole. All of one is in its first piece.
    fn fill(&mut self, slot: u64, ms: u64) {
        let slot = self.in_order(slot);
        let known = self.held.iter_mut().find(|(at, _)| *at == slot);
        match known {
            Some((_, piece)) => piece.measured_ms += ms,
            None if ms == 0 => {}
            None => {
                let readings = self.held.back().map(|(_, line)| line.readings).unwrap_or_default();
                let piece = Line { measured_ms: ms, readings, ..Line::default() };
                self.held.push_back((slot, piece));
            }
        }
    }
}

/// When a line was measured, by the clock of the whole, if it is one interval and was not paused: a line that is
/// measured in part is so up to its end where the one before was not, and else from its beginning.
fn measured(line: &Line, goes_on: bool, offset_ms: u64) -> Option<(u64, u64)> {
    let (start_ms, end_ms) =
        (line.start_ms.saturating_add(offset_ms), line.end_ms.saturating_add(offset_ms));
    let is_one = super::merging::covered((start_ms, end_ms)).count() == 1;
    let fits = line.measured_ms <= end_ms.saturating_sub(start_ms);
    (is_one && fits && line.paused_ms == 0 && line.measured_ms > 0).then(|| {
        if goes_on {
            (start_ms, start_ms + line.measured_ms)
        } else {
            (end_ms - line.measured_ms, end_ms)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The lines of a part that is measured between two moments, with intervals of these lengths.
    fn lines(lengths: &[u64], (from_ms, to_ms): (u64, u64)) -> Vec<Line> {
        let mut start_ms = 0;
        let line = |length: &u64| {
            let end_ms = start_ms + length;
            let measured_ms = end_ms.min(to_ms).saturating_sub(start_ms.max(from_ms));
            let line = Line { start_ms, end_ms, measured_ms, dispatched: 1, ..Line::default() };
            start_ms = end_ms;
            line
        };
        lengths.iter().map(line).collect()
    }

    fn placed(lines: Vec<Line>, offset_ms: u64) -> Vec<(u64, Line)> {
        let mut placing = Placing::new(offset_ms);
        let mut pieces = Vec::new();
        let mut lines = lines.into_iter();
        while !placing.is_over() {
            match lines.next() {
                Some(line) => placing.take(line),
                None => placing.end(),
            }
            while let Some(place) = placing.place() {
                pieces.push((place, placing.next_piece().unwrap()));
            }
        }
        pieces
    }

    #[test]
    fn a_stretched_interval_is_measured_where_it_was() {
        for (lengths, expected) in [
            (&[1000; 4][..], &[500, 1000, 500, 0][..]),
            // Its counts are in the first second, in which its middle lies.
            (&[1400, 600, 1000, 1000], &[500, 1000, 500, 0]),
            (&[800, 1300, 900, 1000], &[500, 1000, 500, 0]),
            (&[1003, 997, 1004, 996], &[500, 1000, 500, 0]),
            (&[1400, 1400, 1200], &[500, 1000, 500, 0]),
        ] {
            let mut found = vec![0; expected.len()];
            for (place, piece) in placed(lines(lengths, (500, 2500)), 0) {
                found[usize::try_from(place).unwrap()] += piece.measured_ms;
            }
            assert_eq!(found, expected, "{lengths:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_every_second_is_measured_as_it_was(
            lengths in prop::collection::vec(prop_oneof![4 => 990u64..1010, 1 => 300u64..1500], 1..20),
            from_ms in 0u64..3000, length_ms in 0u64..20_000, offset in 0u64..4,
        ) {
            // The drain.
            let lengths: Vec<_> = lengths.into_iter().chain([1000, 1000]).collect();
            let end_ms = lengths.iter().sum::<u64>() - 2000;
            let measured = (from_ms.min(end_ms), (from_ms + length_ms).min(end_ms));
            let pieces = placed(lines(&lengths, measured), offset * INTERVAL_MS);
            prop_assert!(pieces.windows(2).all(|pair| pair[0].0 <= pair[1].0));
            prop_assert_eq!(pieces.iter().map(|(_, piece)| piece.dispatched).sum::<u64>(), lengths.len() as u64);
            prop_assert_eq!(pieces.iter().map(|(_, piece)| piece.measured_ms).sum::<u64>(), measured.1 - measured.0);
            let is_short = lines(&lengths, measured).iter().filter(|line| line.measured_ms > 0).count() < 2;
            for (place, piece) in &pieces {
                let start_ms = (place - offset) * INTERVAL_MS;
                let overlap = measured.1.min(start_ms + INTERVAL_MS).saturating_sub(measured.0.max(start_ms));
                let one_of_the_same = pieces.iter().filter(|(at, _)| at == place).map(|(_, of)| of.measured_ms).max();
                // Of one that begins and ends within a line nobody knows where in it that was.
                prop_assert!(is_short || piece.measured_ms == 0 || piece.measured_ms == overlap);
                prop_assert!(is_short || one_of_the_same == Some(overlap));
            }
        }
    }

    #[test]
    fn what_was_paused_or_lasted_for_long_is_cut_as_ever() {
        let line = Line {
            start_ms: 1000,
            end_ms: 6000,
            measured_ms: 5000,
            dispatched: 3,
            ..Line::default()
        };
        let pieces = placed(vec![line.clone()], 2000);
        assert_eq!(pieces.len(), 5);
        assert!(pieces.iter().all(|(_, piece)| piece.measured_ms == 1000));
        assert_eq!((pieces[2].0, pieces[2].1.dispatched), (5, 3));
        let paused = Line { start_ms: 0, end_ms: 1400, measured_ms: 400, paused_ms: 1000, ..line };
        let pieces = placed(vec![paused], 0);
        assert_eq!((pieces.len(), pieces[0].1.measured_ms, pieces[0].1.paused_ms), (1, 400, 1000));
    }
}
