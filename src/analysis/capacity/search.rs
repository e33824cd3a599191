//! Which rate to try next, and when to end: a climb, then a bracket that is narrowed, then a confirmation.

use super::ending;
use super::fit::crossing;
use super::found::{Asked, Bracket, Ending, Level, LevelVerdict, Purpose, Reason};
use super::level::CoolDown;
use super::standing::{Rung, Standing, rungs};
use std::time::Duration;

/// Downwards nothing below this part of the first level is tried.
const LOWEST_PART: f64 = 20.0;

/// Confirmations at most; each that fails lowers the bracket.
const MOST_HOLDS: usize = 3;

/// A probe is kept this part of the bracket away from its ends.
const MARGIN: f64 = 0.25;

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// One more level.
    Probe {
        /// Iterations to start per second.
        rate_per_s: f64,
        /// Why.
        purpose: Purpose,
    },
    /// It is over.
    Done(Ending),
}

/// A search: the same levels, the same next step, always.
#[derive(Clone, Debug)]
pub struct Search {
    asked: Asked,
    levels: Vec<Level>,
}

impl Search {
    /// One that has not begun.
    pub fn new(asked: &Asked) -> Self {
        Self { asked: asked.clone(), levels: Vec::new() }
    }

    /// Takes a level in, in the order in which they were tried.
    pub fn note(&mut self, level: &Level) {
        self.levels.push(level.clone());
    }

    /// All levels so far.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// What is to be done next. Rates have four figures, as many as anybody can tell apart.
    pub fn next(&self) -> Step {
        match self.exactly() {
            // What was tried or asked for stays what it was.
            Step::Probe { rate_per_s, purpose: purpose @ (Purpose::Climb | Purpose::Narrow) } => {
                let is_asked =
                    Some(rate_per_s) == self.asked.to_per_s || rate_per_s == self.asked.from_per_s;
                let rate_per_s = if is_asked { rate_per_s } else { four_figures(rate_per_s) };
                Step::Probe { rate_per_s, purpose }
            }
            step => step,
        }
    }

    fn exactly(&self) -> Step {
        let Some(last) = self.levels.last() else {
            let rate_per_s = self.capped(self.asked.from_per_s);
            return Step::Probe { rate_per_s, purpose: Purpose::Climb };
        };
        if let Some(reason) = last.stops {
            return self.done(reason);
        }
        if last.verdict == LevelVerdict::Void {
            return self.after_void(last);
        }
        let rungs = rungs(&self.levels);
        let too_much = rungs.iter().find(|rung| rung.is_too_much());
        let passed = self.highest_pass(&rungs);
        if let Some(repeat) = too_much.and_then(|rung| self.repeat_at_once(rung)) {
            return repeat;
        }
        let step = match (passed, too_much) {
            (_, None) => self.climb(&rungs),
            (None, Some(too_much)) => self.descend(&rungs, too_much),
            (Some(passed), Some(too_much)) => self.narrow(&rungs, passed, too_much),
        };
        let wants_more = matches!(step, Step::Probe { purpose, .. } if purpose != Purpose::Hold);
        if wants_more && self.is_used_up() {
            return self.confirm(passed, Reason::ProbesUsedUp);
        }
        step
    }

    /// Between which rates the capacity lies, by now. Above it is what failed once: a lower end of which only
    /// is not yet said whether it counts.
    pub fn bracket(&self) -> Bracket {
        let rungs = rungs(&self.levels);
        let fails = rungs.iter().find(|rung| rung.standing == Standing::Fail);
        Bracket {
            highest_pass_per_s: self.highest_pass(&rungs).map(|rung| rung.rate_per_s),
            lowest_fail_per_s: fails.map(|rung| rung.rate_per_s),
        }
    }

    /// The rest that is due before the next level: after one that failed, at the lowest rate that passed, until
    /// times are what they were there. As long as none has, at next to nothing, until anything comes back.
    pub fn cool_down(&self, at_most: Duration) -> Option<CoolDown> {
        let failed = self.levels.last().is_some_and(|last| last.verdict == LevelVerdict::Fail);
        if !failed || at_most.is_zero() {
            return None;
        }
        let passed = self.levels.iter().filter(|level| level.verdict == LevelVerdict::Pass);
        let lowest = passed.min_by(|one, other| one.rate_per_s.total_cmp(&other.rate_per_s));
        let known = lowest.and_then(|level| Some((level.rate_per_s, level.p50_us?)));
        let (rate_per_s, p50_us) = known.unwrap_or((self.asked.from_per_s / LOWEST_PART, u64::MAX));
        Some(CoolDown { rate_per_s, p50_us, at_most })
    }

    /// Whether a level of this rate or a lower one passed.
    pub fn has_passed(&self, rate_per_s: f64) -> bool {
        let passed = self.levels.iter().filter(|level| level.verdict == LevelVerdict::Pass);
        passed.map(|level| level.rate_per_s).any(|passed| passed <= rate_per_s)
    }

    /// The highest that passed below all that is too much.
    fn highest_pass<'r>(&self, rungs: &'r [Rung]) -> Option<&'r Rung> {
        let below = rungs.iter().take_while(|rung| !rung.is_too_much());
        below.filter(|rung| rung.standing == Standing::Pass).last()
    }

    /// One that says nothing is repeated once; twice in a row, the generator is the limit.
    fn after_void(&self, last: &Level) -> Step {
        let again = self.levels.iter().rev().nth(1);
        let is_second = again.is_some_and(|before| {
            before.verdict == LevelVerdict::Void && before.rate_per_s == last.rate_per_s
        });
        if is_second {
            return self.done(Reason::GeneratorSaturated);
        }
        let purpose = if last.purpose == Purpose::Hold { Purpose::Hold } else { Purpose::Repeat };
        Step::Probe { rate_per_s: last.rate_per_s, purpose }
    }

    /// What failed on the way up is repeated before anything is built upon it; what failed within a bracket is
    /// repeated only if it comes to be the end of it, because a lower one that fails makes that needless.
    fn repeat_at_once(&self, rung: &Rung) -> Option<Step> {
        let is_on_the_way_up =
            rung.purpose == Purpose::Climb && rung.rate_per_s > self.asked.from_per_s;
        let is_due = match rung.standing {
            Standing::Split => true,
            Standing::Suspect => is_on_the_way_up,
            _ => false,
        };
        (is_due && !self.is_used_up()).then(|| repeat(rung))
    }

    fn climb(&self, rungs: &[Rung]) -> Step {
        let Some(top) = rungs.last() else { return self.done(Reason::Aborted) };
        let passed = self.highest_pass(rungs);
        let is_at_top = self.asked.to_per_s.is_some_and(|to| top.rate_per_s >= to * (1.0 - 1e-9));
        if !is_at_top {
            // Where it can no longer be told, the limit is near.
            let is_near = top.standing == Standing::Undecided && passed.is_some();
            let factor = if is_near { self.asked.climb.sqrt() } else { self.asked.climb };
            let rate_per_s = self.capped(top.rate_per_s * factor);
            return Step::Probe { rate_per_s, purpose: Purpose::Climb };
        }
        match passed {
            Some(passed) if top.standing == Standing::Undecided => {
                match self.between(passed.rate_per_s, top.rate_per_s) {
                    Some(rate_per_s) => Step::Probe { rate_per_s, purpose: Purpose::Narrow },
                    None => self.confirm(Some(passed), Reason::TopReached),
                }
            }
            Some(passed) => self.confirm(Some(passed), Reason::TopReached),
            None => self.done(Reason::NothingPassed),
        }
    }

    fn descend(&self, rungs: &[Rung], too_much: &Rung) -> Step {
        let lowest = rungs.first().unwrap_or(too_much);
        let least = self.asked.from_per_s / LOWEST_PART;
        if lowest.rate_per_s > least * (1.0 + 1e-9) {
            let rate_per_s = (lowest.rate_per_s / self.asked.climb).max(least);
            return Step::Probe { rate_per_s, purpose: Purpose::Climb };
        }
        if too_much.standing == Standing::Suspect {
            return repeat(too_much);
        }
        self.done(Reason::NothingPassed)
    }

    fn narrow(&self, rungs: &[Rung], passed: &Rung, too_much: &Rung) -> Step {
        let (low, high) = (passed.rate_per_s, too_much.rate_per_s);
        let is_narrow = high <= low * (1.0 + self.asked.resolution) * (1.0 + 1e-9);
        if !is_narrow {
            let inside =
                || rungs.iter().filter(|rung| rung.rate_per_s > low && rung.rate_per_s < high);
            let next = match (inside().next(), inside().next_back()) {
                (Some(lowest), Some(highest)) => {
                    let below = self.beside(low, lowest.rate_per_s);
                    let above = self.beside(high, highest.rate_per_s);
                    let is_wider_below = lowest.rate_per_s / low >= high / highest.rate_per_s;
                    if is_wider_below { below.or(above) } else { above.or(below) }
                }
                _ => Some(self.aimed(low, high)),
            };
            if let Some(rate_per_s) = next {
                return Step::Probe { rate_per_s, purpose: Purpose::Narrow };
            }
        }
        if too_much.standing == Standing::Suspect {
            return repeat(too_much);
        }
        self.confirm(Some(passed), ending::broken_by(&self.levels, high))
    }

    /// The rate at which the fit through all levels crosses the limit, kept away from the ends of the bracket.
    fn aimed(&self, low: f64, high: f64) -> f64 {
        let width = (high / low).ln();
        let middle = (low * high).sqrt();
        let root = crossing(&self.levels).map_or(middle, |crossing| crossing.rate_per_s);
        root.clamp(low * (MARGIN * width).exp(), high * (-MARGIN * width).exp())
    }

    /// Beside a rate of which nothing can be told, on the side of one that is decided: as near as something is
    /// likely to be told, if that moves the end of the bracket by more than the resolution.
    fn beside(&self, decided: f64, open: f64) -> Option<f64> {
        let width = (open / decided).ln();
        let crossing = crossing(&self.levels);
        let likely = crossing.and_then(|crossing| crossing.decidable(decided, open));
        let part = likely.map_or(0.5, |rate| (rate / decided).ln() / width);
        let part = part.clamp(0.5, 1.0 - MARGIN);
        let is_far = part * width.abs() > (1.0 + self.asked.resolution).ln();
        is_far.then(|| decided * (part * width).exp())
    }

    /// Half way between two rates, if it is worth while.
    fn between(&self, low: f64, high: f64) -> Option<f64> {
        let is_wide = (high / low).ln() > (1.0 + self.asked.resolution).ln() / 2.0;
        is_wide.then(|| (low * high).sqrt())
    }

    /// Ends with the confirmation of what passed, where one is wanted and still missing.
    fn confirm(&self, passed: Option<&Rung>, reason: Reason) -> Step {
        let holds = || self.levels.iter().filter(|level| level.purpose == Purpose::Hold);
        let telling = holds().filter(|level| level.verdict != LevelVerdict::Void).count();
        let Some(passed) = passed else { return self.done(reason) };
        let is_held = holds().any(|level| {
            level.rate_per_s == passed.rate_per_s && level.verdict == LevelVerdict::Pass
        });
        // A short one tells no more the second time.
        let is_open = holds().any(|level| {
            level.rate_per_s == passed.rate_per_s && level.verdict == LevelVerdict::Undecided
        });
        if self.asked.hold_s > 0.0 && !is_held && !is_open && telling < MOST_HOLDS {
            return Step::Probe { rate_per_s: passed.rate_per_s, purpose: Purpose::Hold };
        }
        self.done(reason)
    }

    fn done(&self, reason: Reason) -> Step {
        Step::Done(ending::ending(reason, &self.asked, &self.levels, self.bracket()))
    }

    fn is_used_up(&self) -> bool {
        let probes = self.levels.iter().filter(|level| level.purpose != Purpose::Hold).count();
        probes >= self.asked.most_probes as usize
    }

    fn capped(&self, rate_per_s: f64) -> f64 {
        self.asked.to_per_s.map_or(rate_per_s, |to| rate_per_s.min(to))
    }
}

fn repeat(rung: &Rung) -> Step {
    Step::Probe { rate_per_s: rung.rate_per_s, purpose: Purpose::Repeat }
}

fn four_figures(rate_per_s: f64) -> f64 {
    let text = format!("{rate_per_s:.3e}");
    text.parse().unwrap_or(rate_per_s)
}

#[cfg(test)]
mod tests {
    use super::super::specimen::level;
    use super::*;
    use LevelVerdict::{Fail, Pass, Undecided, Void};
    use proptest::prelude::*;

    fn asked() -> Asked {
        Asked {
            from_per_s: 10.0,
            to_per_s: None,
            resolution: 0.05,
            climb: 1.5,
            most_probes: 20,
            hold_s: 300.0,
            rules: vec![],
        }
    }

    /// Levels that are asked for, answered by a table of (lowest rate, verdict), from the highest down.
    fn played(asked: &Asked, answer: impl Fn(&[Level], f64, Purpose) -> LevelVerdict) -> Search {
        let mut search = Search::new(asked);
        while let Step::Probe { rate_per_s, purpose } = search.next() {
            assert!(search.levels.len() < 60, "it does not end: {}", told(&search));
            let verdict = answer(&search.levels, rate_per_s, purpose);
            // M/M/1 with its limit at 100 a second.
            let excess =
                if rate_per_s < 120.0 { -(1.0 - (rate_per_s - 100.0) / 20.0).ln() } else { 4.0 };
            search.note(&Level { purpose, ..level(rate_per_s, verdict, excess) });
        }
        search
    }

    fn told(search: &Search) -> String {
        let word = |level: &Level| {
            let verdict = match level.verdict {
                Pass => "+",
                Fail => "-",
                Undecided => "?",
                Void => "!",
            };
            let purpose = match level.purpose {
                Purpose::Climb => "",
                Purpose::Narrow => "n",
                Purpose::Repeat => "r",
                Purpose::Hold => "h",
            };
            format!("{purpose}{}{verdict}", level.rate_per_s)
        };
        let mut words: Vec<String> = search.levels.iter().map(word).collect();
        if let Step::Done(ending) = search.next() {
            words.push(format!("{:?}: {}", ending.reason, ending.text));
        }
        words.join(" ")
    }

    fn by_rate(rate_per_s: f64) -> LevelVerdict {
        match rate_per_s {
            rate if rate < 97.0 => Pass,
            rate if rate > 103.0 => Fail,
            _ => Undecided,
        }
    }

    #[test]
    fn it_climbs_narrows_repeats_what_counts_and_holds() {
        let search = played(&asked(), |_, rate, _| by_rate(rate));
        insta::assert_snapshot!(told(&search), @"10+ 15+ 22.5+ 33.75+ 50.62+ 75.93+ 113.9- r113.9- n96.45+ n100.5? n103.7- r103.7- h96.45+ Thresholds: `p95 < 400ms` does not hold at 104/s: 491 ms; inside the bracket what was measured cannot be told from the limit");
    }

    #[test]
    fn a_fail_that_does_not_come_again_is_forgotten() {
        let once = |levels: &[Level], rate, _| if levels.len() == 2 { Fail } else { by_rate(rate) };
        let search = played(&asked(), once);
        insta::assert_snapshot!(told(&search), @"10+ 15+ 22.5- r22.5+ r22.5+ 33.75+ 50.62+ 75.93+ 113.9- r113.9- n96.45+ n100.5? n103.7- r103.7- h96.45+ Thresholds: `p95 < 400ms` does not hold at 104/s: 491 ms; inside the bracket what was measured cannot be told from the limit");
    }

    #[test]
    fn a_confirmation_that_fails_lowers_the_bracket() {
        let answer = |_: &[Level], rate: f64, purpose| {
            if purpose == Purpose::Hold && rate > 90.0 { Fail } else { by_rate(rate) }
        };
        let search = played(&asked(), answer);
        insta::assert_snapshot!(told(&search), @"10+ 15+ 22.5+ 33.75+ 50.62+ 75.93+ 113.9- r113.9- n96.45+ n100.5? n103.7- r103.7- h96.45- n90.85+ n95.02+ h95.02- h90.85- n86.87+ Thresholds: `p95 < 400ms` does not hold at 90.8/s: 274 ms; no rate that passed was confirmed by the hold");
    }

    #[test]
    fn what_says_nothing_is_tried_once_more() {
        let once = |levels: &[Level], rate, _| if levels.len() == 2 { Void } else { by_rate(rate) };
        assert!(told(&played(&asked(), once)).starts_with("10+ 15+ 22.5! r22.5+ 33.75+"));
        let search = played(&asked(), |_, rate, _| if rate > 30.0 { Void } else { Pass });
        insta::assert_snapshot!(told(&search), @"10+ 15+ 22.5+ 33.75! r33.75! GeneratorSaturated: gander or its machine was the limit at 33.8/s");
    }

    #[test]
    fn where_little_can_be_told_it_goes_on_upwards() {
        let answer =
            |_: &[Level], rate: f64, _| if rate < 20.0 { Undecided } else { by_rate(rate) };
        assert!(told(&played(&asked(), answer)).starts_with("10? 15? 22.5+ 33.75+"));
    }

    #[test]
    fn what_ends_every_search_ends_this_one() {
        let mut search = Search::new(&asked());
        let stopped = Level { stops: Some(Reason::Blocked), ..level(10.0, Void, 0.0) };
        search.note(&stopped);
        assert_eq!(
            told(&search),
            "10! Blocked: the tenant's edge kept the generator out at 10.0/s"
        );
        let few = Asked { most_probes: 3, ..asked() };
        insta::assert_snapshot!(told(&played(&few, |_, rate, _| by_rate(rate))), @"10+ 15+ 22.5+ h22.5+ ProbesUsedUp: 3 probes were made, as many as were allowed");
    }

    #[test]
    fn after_a_fail_there_is_a_rest_at_the_lowest_rate_that_passed() {
        let mut search = Search::new(&asked());
        let minute = Duration::from_secs(60);
        search.note(&level(10.0, Pass, -1.0));
        search.note(&level(15.0, Pass, -1.0));
        assert_eq!(search.cool_down(minute), None);
        search.note(&level(22.5, Fail, 1.0));
        let rest = CoolDown { rate_per_s: 10.0, p50_us: 100_000, at_most: minute };
        assert_eq!(search.cool_down(minute), Some(rest));
        assert_eq!(search.cool_down(Duration::ZERO), None);
        let mut search = Search::new(&asked());
        search.note(&level(10.0, Fail, 1.0));
        let rest = CoolDown { rate_per_s: 0.5, p50_us: u64::MAX, at_most: minute };
        assert_eq!(search.cool_down(minute), Some(rest));
    }

    proptest! {
        /// Whatever levels say, it ends; nothing is asked beyond what was allowed; and what is called passed
        /// lies below what is called failed.
        #[test]
        fn it_ends_within_its_bounds_whatever_comes(
            verdicts in prop::collection::vec(0u8..8, 80),
            from in 0.5f64..100.0, top in prop::option::of(1.0f64..20.0), most in 1u32..25,
        ) {
            let to_per_s = top.map(|top| from * top);
            let asked = Asked { from_per_s: from, to_per_s, most_probes: most, ..asked() };
            let mut search = Search::new(&asked);
            while let Step::Probe { rate_per_s, purpose } = search.next() {
                let number = search.levels.len();
                prop_assert!(number < 70);
                prop_assert!(rate_per_s.is_finite() && rate_per_s >= from / 20.0 * 0.999);
                prop_assert!(to_per_s.is_none_or(|to| rate_per_s <= to));
                let verdict = match verdicts[number] {
                    0..4 => Pass, 4..6 => Fail, 6 => Undecided, _ => Void,
                };
                search.note(&Level { purpose, ..level(rate_per_s, verdict, 0.0) });
            }
            let probes = search.levels.iter().filter(|of| of.purpose != Purpose::Hold).count();
            prop_assert!(probes <= most as usize + 1, "{} {}", probes, most);
            let bracket = search.bracket();
            if let (Some(low), Some(high)) = (bracket.highest_pass_per_s, bracket.lowest_fail_per_s) {
                prop_assert!(low < high);
            }
        }
    }
}
