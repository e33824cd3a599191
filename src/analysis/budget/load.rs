//! How many iterations start when, as far as it is known before a run, and when a rate limit is met by that.

use std::time::Duration;

/// A day, in which mails are counted.
const DAY_S: f64 = 86_400.0;

/// What is known of the load before it is on.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// How iterations start.
    pub pace: Pace,
    /// How users in turn are let in, so many a second: each of them starts at once. Nothing for arrivals.
    pub entries: Vec<Line>,
    /// When the last one may start; none where only the count ends it.
    pub ends: Option<Duration>,
    /// How many there are at most; none where only time ends it.
    pub iterations: Option<u64>,
}

/// A level in a straight line: when it begins and how long it lasts, in seconds, and its level at its beginning
/// and its end.
pub type Line = [f64; 4];

/// How iterations start.
#[derive(Clone, Debug, PartialEq)]
pub enum Pace {
    /// On a schedule: so many a second.
    Planned(Vec<Line>),
    /// By users in turn whose pauses keep them from more than so many a second.
    AtMost(Vec<Line>),
    /// By users in turn: as many as the tenant answers, which nobody knows before.
    AsAnswered,
}

/// How long it takes to let in users who all come in the same moment.
const MOMENT_S: f64 = 0.001;

/// How users are let in whose number goes like these lines, one after the other.
pub fn entries(users: &[Line]) -> Vec<Line> {
    let mut entries = Vec::new();
    let mut before = 0.0;
    for [begins, lasts, from, to] in users {
        let jump = (from - before).max(0.0);
        let moment = if jump > 0.0 { MOMENT_S.min(*lasts) } else { 0.0 };
        if moment > 0.0 {
            entries.push([*begins, moment, jump / moment, jump / moment]);
        }
        let rest = lasts - moment;
        if rest > 0.0 {
            let rate = (to - from).max(0.0) / rest;
            entries.push([begins + moment, rest, rate, rate]);
        }
        before = *to;
    }
    entries
}

impl Load {
    /// The lines as far as the count lets them go.
    fn lines(&self) -> Option<Vec<Line>> {
        match &self.pace {
            Pace::Planned(lines) | Pace::AtMost(lines) => Some(self.counted(lines)),
            Pace::AsAnswered => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    fn counted(&self, lines: &[Line]) -> Vec<Line> {
        let Some(count) = self.iterations else { return lines.to_vec() };
        let (mut left, mut counted) = (count as f64, Vec::new());
        for [begins, lasts, from, to] in lines {
            let area = lasts * f64::midpoint(*from, *to);
            if area < left {
                counted.push([*begins, *lasts, *from, *to]);
                left -= area;
                continue;
            }
            let part = until_spent((*from, *to), *lasts, left);
            let at = if *lasts > 0.0 { from + (to - from) * part / lasts } else { *to };
            counted.push([*begins, part, *from, at]);
            break;
        }
        counted
    }

    /// How many users are let in in the same moment, at most.
    pub fn at_once(&self) -> f64 {
        let moments = self.counted(&self.entries);
        let moments = moments.iter().filter(|[_, lasts, ..]| *lasts <= MOMENT_S);
        moments.map(|[_, lasts, rate, _]| lasts * rate).fold(0.0, f64::max)
    }

    /// Iterations a second at the peak, where they are known; at most so many with pauses alone.
    pub fn peak_per_s(&self) -> Option<f64> {
        let lines = self.lines()?;
        Some(lines.iter().fold(0.0, |peak: f64, [_, _, from, to]| peak.max(*from).max(*to)))
    }

    /// Iterations in all, where they are known; at most so many with pauses alone.
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    pub fn total(&self) -> Option<f64> {
        let by_count = self.iterations.map(|iterations| iterations as f64);
        let lines = match &self.pace {
            Pace::Planned(lines) | Pace::AtMost(lines) => self.ends.map(|_| lines),
            Pace::AsAnswered => None,
        };
        let by_time = lines.map(|lines| {
            lines.iter().map(|[_, lasts, from, to]| lasts * f64::midpoint(*from, *to)).sum::<f64>()
        });
        by_time.into_iter().chain(by_count).reduce(f64::min)
    }

    /// Iterations in the busiest day, at most.
    pub fn in_a_day(&self) -> Option<f64> {
        let at_peak = self.peak_per_s().map(|peak| peak * DAY_S);
        self.total().into_iter().chain(at_peak).reduce(f64::min)
    }

    /// When the first of the calls is turned down, in seconds from the first start, if each iteration makes so
    /// many in a group that has room for `usable` a second: one second's worth may come at once, as a bucket
    /// that is full at first and fills up at that rate. None if none is. How long an iteration takes to come to
    /// its calls is not in it.
    pub fn first_refusal_s(&self, per_iteration: f64, usable: f64) -> Option<f64> {
        spent_after(&self.lines()?, per_iteration, usable)
    }

    /// The same of the calls that users make as they are let in, so many each.
    pub fn first_refusal_of_entries_s(&self, each: f64, usable: f64) -> Option<f64> {
        spent_after(&self.counted(&self.entries), each, usable)
    }
}

fn spent_after(lines: &[Line], per_iteration: f64, usable: f64) -> Option<f64> {
    let full = usable.max(1.0);
    let mut level = full;
    for [begins, lasts, from, to] in lines {
        // What is left over, per second, along the line; it changes its sign at most once.
        let [from, to] = [from, to].map(|rate| usable - rate * per_iteration);
        let crosses = (from < 0.0) != (to < 0.0);
        let turns = if crosses { lasts * from / (from - to) } else { *lasts };
        let turn = if crosses { 0.0 } else { to };
        for (begins, lasts, from, to) in
            [(*begins, turns, from, turn), (begins + turns, lasts - turns, turn, to)]
        {
            let area = lasts * f64::midpoint(from, to);
            if level + area < 0.0 {
                return Some(begins + until_spent((-from, -to), lasts, level));
            }
            level = (level + area).min(full);
        }
    }
    None
}

/// After how many seconds so much is spent at a rate that goes in a straight line and is never negative.
fn until_spent((from, to): (f64, f64), lasts: f64, amount: f64) -> f64 {
    let slope = if lasts > 0.0 { (to - from) / lasts } else { 0.0 };
    let root = (2.0 * slope).mul_add(amount, from * from).max(0.0).sqrt();
    if amount > 0.0 { (2.0 * amount / (from + root)).min(lasts) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn planned(lines: &[Line]) -> Load {
        let ends = lines.iter().map(|[begins, lasts, ..]| begins + lasts).fold(0.0, f64::max);
        let ends = Some(Duration::from_secs_f64(ends));
        Load { pace: Pace::Planned(lines.to_vec()), entries: Vec::new(), ends, iterations: None }
    }

    #[test]
    fn the_first_refusal_comes_when_a_second_of_calls_is_spent() {
        // 40/s against 10/s: the bucket of 10 is empty after 10 ÷ 30 s.
        let steady = planned(&[[0.0, 60.0, 40.0, 40.0]]);
        assert!((steady.first_refusal_s(1.0, 10.0).unwrap() - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(steady.first_refusal_s(0.25, 10.0), None);
        assert_eq!(steady.first_refusal_s(0.0, 0.0), None);
        // A ramp of 5/s each second crosses 10/s at 2 s and has spent 10 above it at 4 s.
        let ramp = planned(&[[0.0, 8.0, 0.0, 40.0]]);
        assert!((ramp.first_refusal_s(1.0, 10.0).unwrap() - 4.0).abs() < 1e-9);
        // A short peak is what the bucket is for.
        let peak =
            planned(&[[0.0, 10.0, 5.0, 5.0], [10.0, 1.0, 15.0, 15.0], [11.0, 9.0, 5.0, 5.0]]);
        assert_eq!(peak.first_refusal_s(1.0, 10.0), None);
    }

    #[test]
    fn totals_are_those_of_whatever_ends_the_run_first() {
        let mut load = planned(&[[0.0, 10.0, 0.0, 10.0], [10.0, 10.0, 10.0, 10.0]]);
        assert_eq!((load.peak_per_s(), load.total()), (Some(10.0), Some(150.0)));
        load.iterations = Some(20);
        assert_eq!((load.total(), load.in_a_day()), (Some(20.0), Some(20.0)));
        let (pace, entries) = (Pace::AsAnswered, Vec::new());
        let answered = Load { pace, entries, ends: load.ends, iterations: None };
        assert_eq!(
            (answered.peak_per_s(), answered.total(), answered.in_a_day()),
            (None, None, None)
        );
        assert_eq!(answered.first_refusal_s(1.0, 1.0), None);
        let week = planned(&[[0.0, 7.0 * DAY_S, 1.0, 1.0]]);
        assert_eq!((week.total(), week.in_a_day()), (Some(7.0 * DAY_S), Some(DAY_S)));
    }

    #[test]
    fn a_count_that_is_done_before_the_room_is_spent_meets_no_limit() {
        // 40/s against 10/s: the fourteenth is turned down, and there are only so many.
        let mut load = planned(&[[0.0, 60.0, 40.0, 40.0]]);
        for (count, is_met) in [(5, false), (13, false), (14, true)] {
            load.iterations = Some(count);
            assert_eq!(load.first_refusal_s(1.0, 10.0).is_some(), is_met, "{count}");
        }
        let mut ramp = planned(&[[0.0, 10.0, 0.0, 40.0]]);
        ramp.iterations = Some(50);
        assert!((ramp.peak_per_s().unwrap() - 20.0).abs() < 1e-9, "{:?}", ramp.peak_per_s());
        assert_eq!(ramp.total(), Some(50.0));
    }

    #[test]
    fn users_who_are_let_in_together_start_together() {
        let users = |lines: &[Line]| Load {
            pace: Pace::AsAnswered,
            entries: entries(lines),
            ends: None,
            iterations: None,
        };
        let all = users(&[[0.0, 60.0, 100.0, 100.0]]);
        assert!((all.at_once() - 100.0).abs() < 1e-9);
        assert!(all.first_refusal_of_entries_s(1.0, 35.0).unwrap() < 0.001);
        assert_eq!(all.first_refusal_of_entries_s(1.0, 100.0), None);
        let few = Load { iterations: Some(30), ..all };
        assert_eq!(few.first_refusal_of_entries_s(1.0, 35.0), None);
        // 10 a second, then 40 more at once: those are too many.
        let stages =
            users(&[[0.0, 10.0, 0.0, 100.0], [10.0, 5.0, 100.0, 50.0], [15.0, 5.0, 90.0, 90.0]]);
        assert!((stages.at_once() - 40.0).abs() < 1e-9);
        let first = stages.first_refusal_of_entries_s(1.0, 35.0).unwrap();
        assert!((15.0..15.001).contains(&first), "{first}");
        assert_eq!(stages.first_refusal_of_entries_s(1.0, 41.0), None);
    }

    proptest! {
        /// The closed form against a bucket that is emptied and filled in small steps.
        #[test]
        fn the_closed_form_is_that_of_a_bucket_gone_through_step_by_step(
            levels in proptest::collection::vec((0u32..60, 0u32..60, 1u32..6), 1..5),
            usable in 5u32..40,
        ) {
            let mut lines = Vec::new();
            let mut begins = 0.0;
            for (from, to, lasts) in levels {
                let lasts = f64::from(lasts);
                lines.push([begins, lasts, f64::from(from), f64::from(to)]);
                begins += lasts;
            }
            let usable = f64::from(usable);
            let load = planned(&lines);
            let step = 1e-3;
            let (mut level, mut found) = (usable.max(1.0), None);
            for [begins, lasts, from, to] in &lines {
                let mut gone = 0.0;
                while gone < *lasts && found.is_none() {
                    let rate = from + (to - from) * (gone + step / 2.0) / lasts;
                    level = (level + (usable - rate) * step).min(usable.max(1.0));
                    gone += step;
                    if level < 0.0 { found = Some(begins + gone); }
                }
            }
            // At the very edge a step more or less decides: with a tenth less room it is not later, with a tenth more
            // not earlier.
            let (less, more) = (load.first_refusal_s(1.0, usable * 0.9), load.first_refusal_s(1.0, usable * 1.1));
            if let Some(found) = found {
                prop_assert!(less.is_some_and(|less| less <= found + 0.01), "{less:?} {found}");
            }
            if let Some(more) = more {
                prop_assert!(found.is_some_and(|found| found <= more + 0.01), "{found:?} {more}");
            }
        }
    }
}
