//! The segments of a run that was taken up again, and where its plan stood when the last one ended.

use super::series::Phase;
use super::timeline::{JourneyLine, KILLED, Line, RATE_CHANGE};
use crate::base::names::{Journey, Variant};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One stretch of a run: from a start of gander to its end, or to its last interval if it was killed. All
/// moments count from the first start of the run.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Segment {
    /// Its number, from 0. It stands in the logins that it makes.
    pub segment: u32,
    /// When it started, for people.
    pub started_at: String,
    /// The version of gander that ran.
    pub gander_version: String,
    /// When it started.
    pub start_ms: u64,
    /// How long it warmed up before the plan went on. That of the first is a part of the plan.
    pub warm_up_ms: u64,
    /// How much of the plan's time was over before it.
    pub plan_ms: u64,
    /// When it ended; none while it goes on, or if it was killed and not yet taken up again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_ms: Option<u64>,
    /// Iterations that were under way when it was killed, and count as cut off.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut_off: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Segment {
    /// How much of the plan's time is over at a moment of this segment.
    pub const fn plan_at(&self, at_ms: u64) -> u64 {
        let since_ms = at_ms.saturating_sub(self.start_ms.saturating_add(self.warm_up_ms));
        self.plan_ms.saturating_add(since_ms)
    }

    /// Whether its numbers are some that a run comes to.
    pub fn check(&self) -> Result<(), TooLarge> {
        let end_ms = self.end_ms.unwrap_or_default();
        let times = [
            ("start_ms", self.start_ms),
            ("warm_up_ms", self.warm_up_ms),
            ("plan_ms", self.plan_ms),
            ("end_ms", end_ms),
        ];
        times.into_iter().try_for_each(|(what, number)| bounded(what, number).map(drop))
    }
}

/// The largest number that a record may have: no run comes anywhere near, and JSON keeps it. A few of them
/// may be added up.
pub const LARGEST: u64 = 1 << 53;

/// A number that no run comes to: the record was damaged.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{what}` is {number}, which no run comes to")]
pub struct TooLarge {
    /// Its name.
    pub what: &'static str,
    /// What it is.
    pub number: u64,
}

const fn bounded(what: &'static str, number: u64) -> Result<u64, TooLarge> {
    if number < LARGEST { Ok(number) } else { Err(TooLarge { what, number }) }
}

/// A stretch between two segments in which no load was on, and the warm-up after it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gap {
    /// End of the segment before.
    pub from_ms: u64,
    /// Start of the next.
    pub to_ms: u64,
    /// End of that one's own warm-up: from here on is measured again.
    pub warm_ms: u64,
}

/// The gaps between segments, in order.
pub fn gaps(segments: &[Segment]) -> Vec<Gap> {
    let gap = |pair: &[Segment]| {
        let (from_ms, to_ms) = (pair[0].end_ms?, pair[1].start_ms);
        let warm_ms = to_ms.saturating_add(pair[1].warm_up_ms);
        // One that died in its warm-up: the rest belongs to the next gap.
        let warm_ms = pair[1].end_ms.map_or(warm_ms, |end_ms| warm_ms.min(end_ms)).max(to_ms);
        Some(Gap { from_ms, to_ms, warm_ms })
    };
    segments.windows(2).filter_map(gap).collect()
}

/// Where a run stood by the lines of its timeline.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stand {
    /// The number of the next interval.
    pub next_interval: u64,
    /// End of the last one.
    pub end_ms: u64,
    /// The number of the next iteration.
    pub next_number: u64,
    /// Index of the next persona.
    pub next_persona: u64,
    /// Iterations that were due.
    pub due: u64,
    /// Those of them that the plan had due, and no warm-up of a segment.
    pub arrivals: u64,
    /// Whether the rate was changed by hand, so that the number of arrivals says nothing about the plan.
    pub is_off_plan: bool,
    /// How many iterations were under way when it was killed, if that is booked already.
    pub booked: Option<u64>,
    /// The segment of the last line.
    segment: usize,
    /// How long that one was paused: its plan comes as much later.
    paused_ms: u64,
    under_way: BTreeMap<(Phase, Variant, Journey), (u64, u64)>,
}

impl Stand {
    /// Adds the next line of the timeline of a run with these segments; none are one. A line with a number
    /// that no run comes to is refused.
    pub fn absorb_line(&mut self, line: &Line, segments: &[Segment]) -> Result<(), TooLarge> {
        for (what, number) in [
            ("interval", line.interval),
            ("start_ms", line.start_ms),
            ("end_ms", line.end_ms),
            ("next_arrival", line.readings.next_arrival),
            ("next_persona", line.readings.next_persona),
        ] {
            bounded(what, number)?;
        }
        let of =
            segments.iter().rposition(|segment| segment.start_ms <= line.start_ms).unwrap_or(0);
        let is_anew = segments.get(of).is_none_or(|segment| segment.plan_ms == 0);
        if of != self.segment && is_anew {
            (self.arrivals, self.is_off_plan) = (0, false);
        }
        let before = if of == self.segment { self.paused_ms } else { 0 };
        self.paused_ms = before.saturating_add(bounded("paused_ms", line.paused_ms)?);
        self.segment = of;
        self.next_interval = line.interval + 1;
        self.end_ms = self.end_ms.max(line.end_ms);
        self.next_number = self.next_number.max(line.readings.next_arrival);
        self.next_persona = self.next_persona.max(line.readings.next_persona);
        let is_booking = line.events.iter().any(|event| event.slug == KILLED);
        let cut_off = line.journeys.iter().map(|row| row.cut_off);
        self.booked = is_booking.then(|| cut_off.fold(0, u64::saturating_add));
        self.is_off_plan |= line.events.iter().any(|event| event.slug == RATE_CHANGE);
        for row in &line.journeys {
            self.due = bounded("due", self.due.saturating_add(row.due))?;
            // No more than all that were due.
            self.arrivals += if is_anew || row.phase != Phase::WarmUp { row.due } else { 0 };
            let ends = [row.completed, row.faults.total(), row.dropped, row.cut_off, row.lost];
            let ended = ends.into_iter().fold(0, u64::saturating_add);
            let name = (row.phase, row.variant.clone(), row.journey.clone());
            let (due, all_ended) = self.under_way.entry(name).or_default();
            *due += row.due;
            *all_ended = bounded("ended", all_ended.saturating_add(ended))?;
        }
        Ok(())
    }

    /// Iterations that were due and of which nothing was heard since, as those that were cut off.
    pub fn cut_off(&self) -> Vec<JourneyLine> {
        let row = |((phase, variant, journey), (due, ended)): (
            &(Phase, Variant, Journey),
            &(u64, u64),
        )| {
            let cut_off = due.saturating_sub(*ended);
            JourneyLine { cut_off, ..JourneyLine::new(*phase, variant.clone(), journey.clone()) }
        };
        self.under_way.iter().map(row).filter(|row| row.cut_off > 0).collect()
    }

    /// How much of the plan's time is over.
    pub fn plan_ms(&self, segments: &[Segment]) -> u64 {
        let at_ms = self.end_ms.saturating_sub(self.paused_ms);
        segments.last().map_or(at_ms, |last| last.plan_at(at_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::super::timeline::{Event, Readings};
    use super::*;

    fn row(phase: Phase, due: u64, completed: u64) -> JourneyLine {
        serde_json::from_value(serde_json::json!({
            "phase": phase, "variant": "v1", "journey": "sign-on", "due": due, "completed": completed,
        }))
        .unwrap()
    }

    #[test]
    fn the_plan_of_a_run_that_was_paused_stands_as_much_earlier() {
        let mut stand = Stand::default();
        for number in 0..6 {
            let paused_ms = if number < 2 { 700 } else { 0 };
            let line = Line { paused_ms, ..line(number, number * 1000, Vec::new()) };
            stand.absorb_line(&line, &[]).unwrap();
        }
        assert_eq!((stand.end_ms, stand.plan_ms(&[])), (6000, 4600));
    }

    fn line(number: u64, start_ms: u64, journeys: Vec<JourneyLine>) -> Line {
        let readings = Readings { next_arrival: number * 10, ..Readings::default() };
        Line {
            interval: number,
            start_ms,
            end_ms: start_ms + 1000,
            journeys,
            readings,
            ..Line::default()
        }
    }

    fn segments() -> Vec<Segment> {
        let segment = |segment, start_ms, warm_up_ms, plan_ms, end_ms| Segment {
            segment,
            start_ms,
            warm_up_ms,
            plan_ms,
            end_ms,
            ..Segment::default()
        };
        vec![segment(0, 0, 0, 0, Some(3000)), segment(1, 9000, 1000, 3000, None)]
    }

    #[test]
    fn a_stand_knows_what_was_under_way_and_what_the_plan_has_had() {
        let mut stand = Stand::default();
        let lines = [
            line(0, 0, vec![row(Phase::WarmUp, 5, 1)]),
            line(1, 1000, vec![row(Phase::WarmUp, 0, 4), row(Phase::Measured, 5, 2)]),
            line(2, 2000, vec![row(Phase::Measured, 5, 4)]),
            line(4, 9000, vec![row(Phase::WarmUp, 6, 5)]),
            line(5, 10_000, vec![row(Phase::WarmUp, 0, 1), row(Phase::Measured, 5, 5)]),
        ];
        let segments = segments();
        lines[..3].iter().for_each(|line| stand.absorb_line(line, &[]).unwrap());
        assert_eq!((stand.due, stand.arrivals, stand.next_interval), (15, 15, 3));
        assert_eq!((stand.end_ms, stand.plan_ms(&[]), stand.next_number), (3000, 3000, 20));
        let cut = stand.cut_off();
        assert_eq!(
            cut.iter().map(|row| (row.phase, row.cut_off)).collect::<Vec<_>>(),
            [(Phase::Measured, 4)]
        );
        // Once that is booked nothing is under way any more.
        let booked =
            Line { journeys: cut, start_ms: 3000, end_ms: 3000, ..line(3, 3000, Vec::new()) };
        stand.absorb_line(&booked, &segments).unwrap();
        assert_eq!(stand.cut_off(), []);
        lines[3..].iter().for_each(|line| stand.absorb_line(line, &segments).unwrap());
        assert_eq!((stand.due, stand.arrivals, stand.next_interval), (26, 20, 6));
        assert_eq!((stand.end_ms, stand.plan_ms(&segments)), (11_000, 4000));
        assert_eq!(stand.cut_off(), []);
    }

    #[test]
    fn numbers_that_no_run_comes_to_are_refused_by_name() {
        let refused = |damage: &dyn Fn(&mut Line)| {
            let mut damaged = line(3, 2000, vec![row(Phase::Measured, 5, 4)]);
            damage(&mut damaged);
            let found = Stand::default().absorb_line(&damaged, &[]);
            found.err().map(|error| error.what)
        };
        let most = u64::MAX;
        assert_eq!(refused(&|_| ()), None);
        assert_eq!(refused(&|line| line.interval = most), Some("interval"));
        assert_eq!(refused(&|line| line.start_ms = most), Some("start_ms"));
        assert_eq!(refused(&|line| line.end_ms = most), Some("end_ms"));
        assert_eq!(refused(&|line| line.readings.next_arrival = most), Some("next_arrival"));
        assert_eq!(refused(&|line| line.readings.next_persona = most), Some("next_persona"));
        assert_eq!(refused(&|line| line.journeys[0].due = most), Some("due"));
        assert_eq!(refused(&|line| line.journeys[0].lost = most), Some("ended"));
        // Nor do many large ones add up to one.
        let mut stand = Stand::default();
        let large = line(0, 0, vec![row(Phase::Measured, LARGEST - 1, 0)]);
        assert_eq!(stand.absorb_line(&large, &[]), Ok(()));
        assert_eq!(stand.absorb_line(&large, &[]).map_err(|error| error.what), Err("due"));
    }

    #[test]
    fn a_segment_with_such_a_number_is_refused_and_wraps_nowhere() {
        for segment in segments() {
            assert_eq!(segment.check(), Ok(()));
        }
        let damaged = Segment { plan_ms: u64::MAX, ..Segment::default() };
        assert_eq!(damaged.check(), Err(TooLarge { what: "plan_ms", number: u64::MAX }));
        assert_eq!(damaged.plan_at(5), u64::MAX);
    }

    #[test]
    fn a_segment_that_died_in_its_warm_up_got_nowhere() {
        let segments = segments();
        for (at_ms, plan_ms) in [(9000, 3000), (9999, 3000), (10_000, 3000), (10_500, 3500)] {
            assert_eq!(segments[1].plan_at(at_ms), plan_ms);
        }
    }

    #[test]
    fn a_plan_that_began_anew_has_had_no_arrivals_before() {
        let mut segments = segments();
        (segments[1].plan_ms, segments[1].warm_up_ms) = (0, 0);
        let mut stand = Stand::default();
        let mut first = line(0, 0, vec![row(Phase::WarmUp, 5, 5)]);
        first.events.push(Event { at_ms: 1, slug: RATE_CHANGE.to_owned(), text: String::new() });
        stand.absorb_line(&first, &segments).unwrap();
        assert!(stand.is_off_plan);
        stand.absorb_line(&line(1, 9000, vec![row(Phase::WarmUp, 3, 3)]), &segments).unwrap();
        assert_eq!((stand.due, stand.arrivals, stand.is_off_plan), (8, 3, false));
        assert_eq!(stand.plan_ms(&segments), 1000);
    }

    #[test]
    fn a_gap_lasts_until_the_next_segment_and_its_warm_up_a_little_longer() {
        assert_eq!(gaps(&segments()), [Gap { from_ms: 3000, to_ms: 9000, warm_ms: 10_000 }]);
        assert_eq!(gaps(&[]), []);
        // Killed in its warm-up, the second was no use.
        let mut segments = segments();
        segments[1].end_ms = Some(9400);
        let third =
            Segment { segment: 2, start_ms: 20_000, warm_up_ms: 1000, ..Segment::default() };
        segments.push(third);
        let second = Gap { from_ms: 9400, to_ms: 20_000, warm_ms: 21_000 };
        assert_eq!(gaps(&segments), [Gap { from_ms: 3000, to_ms: 9000, warm_ms: 9400 }, second]);
    }
}
