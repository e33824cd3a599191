//! Whether a level of load has come to rest: as many iterations under way as before, and as many as Little's
//! law has it.

use crate::base::names::Journey;
use crate::measure::histogram::{Bounds, Percentile, Times};
use crate::measure::series::Kind;
use crate::measure::timeline::Interval;
use std::collections::BTreeMap;

/// The part by which halves of the window may differ, and the number under way from what Little's law has.
const TOLERANCE: f64 = 0.1;

/// A level is watched at rest for so many median times of its longest journey …
const JOURNEYS: f64 = 3.0;

/// … and at least so long.
const SHORTEST_S: f64 = 3.0;

/// With a larger part of faults than this Little's law says nothing: their times are not known.
const MOST_FAULTS: f64 = 0.05;

/// A journey that was due so often and of which none has ended has not had its time yet.
const EXPECTED: u64 = 10;

/// No level is called hopeless before.
const PATIENCE_S: f64 = 8.0;

/// Where more than this part of what is due is left lying, and more and more of it, it is hopeless.
const LEFT_LYING: f64 = 0.05;

/// What is seen of a level so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Rest {
    /// It moves, or has not been watched for long enough.
    NotYet,
    /// It is at rest.
    Settled,
    /// More and more are under way: it will not come to rest.
    Hopeless,
}

/// Watches a level from its first second.
#[derive(Clone, Debug, Default)]
pub(super) struct Settling {
    seconds: Vec<Second>,
    journeys: BTreeMap<Journey, Pace>,
    start_ms: Option<u64>,
}

/// What happened in an interval, and how many were under way at its end.
#[derive(Clone, Copy, Debug)]
struct Second {
    end_ms: u64,
    length_s: f64,
    due: f64,
    ended: f64,
    faults: f64,
    completed: f64,
    elapsed_s: f64,
    in_flight: f64,
}

/// What is known of a journey's natural length.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    due: u64,
    ended: u64,
    /// The shortest median of an interval: a queue that grows makes journeys longer, never shorter.
    median_us: Option<u64>,
}

impl Settling {
    /// Adds an interval at whose end so many were under way, and says how it stands.
    pub(super) fn observe(&mut self, interval: &Interval, in_flight: f64) -> Rest {
        self.start_ms.get_or_insert(interval.line.start_ms);
        self.learn(interval);
        self.seconds.push(second(interval, in_flight));
        let Some(natural_s) = self.natural_s() else { return Rest::NotYet };
        if self.is_at_rest(natural_s) {
            Rest::Settled
        } else if self.is_hopeless(natural_s) {
            Rest::Hopeless
        } else {
            Rest::NotYet
        }
    }

    /// How long it has been watched.
    pub(super) fn watched_s(&self) -> f64 {
        let ends = self.seconds.last().map(|last| last.end_ms).zip(self.start_ms);
        ends.map_or(0.0, |(end, start)| seconds(end.saturating_sub(start)))
    }

    fn learn(&mut self, interval: &Interval) {
        for row in &interval.line.journeys {
            let pace = self.journeys.entry(row.journey.clone()).or_default();
            pace.due += row.due;
            pace.ended += row.completed + row.faults.total() + row.dropped + row.cut_off;
        }
        let mut elapsed: BTreeMap<&Journey, Times> = BTreeMap::new();
        for (key, times) in interval.series.iter().filter(|(key, _)| key.kind == Kind::Elapsed) {
            elapsed.entry(&key.journey).or_insert_with(|| Times::new(Bounds::Journey)).add(times);
        }
        for (journey, times) in elapsed {
            let (Some(pace), Some(median)) =
                (self.journeys.get_mut(journey), times.at(Percentile::P50))
            else {
                continue;
            };
            pace.median_us = Some(pace.median_us.map_or(median, |shortest| shortest.min(median)));
        }
    }

    /// The longest of the journeys' natural lengths; none while one of them has not had its time.
    fn natural_s(&self) -> Option<f64> {
        let (due, ended) = self
            .journeys
            .values()
            .fold((0, 0), |(due, ended), pace| (due + pace.due, ended + pace.ended));
        // Few come, and those who came are all still under way: nobody knows yet how long it takes.
        if due > 0 && ended == 0 {
            return None;
        }
        let expected = |pace: &&Pace| pace.due >= EXPECTED;
        if self.journeys.values().filter(expected).any(|pace| pace.ended == 0) {
            return None;
        }
        let longest = self.journeys.values().filter_map(|pace| pace.median_us).max();
        #[expect(clippy::cast_precision_loss, reason = "times are below 2^52")]
        Some(longest.unwrap_or(0) as f64 / 1e6)
    }

    fn is_at_rest(&self, natural_s: f64) -> bool {
        let window_s = (JOURNEYS * natural_s).max(SHORTEST_S);
        if self.watched_s() < natural_s + window_s {
            return false;
        }
        let seconds = self.last(window_s);
        let (early, late) = seconds.split_at(seconds.len() / 2);
        let mean = mean(seconds, |second| second.in_flight);
        // What a number that is read so often may be off by chance: arrivals come and go one by one.
        let chance = 2.0 * (mean / count(seconds)).sqrt();
        let moved = self::mean(late, |second| second.in_flight)
            - self::mean(early, |second| second.in_flight);
        let is_still = moved.abs() <= TOLERANCE * mean + chance * std::f64::consts::SQRT_2;
        let by_law = by_littles_law(seconds);
        is_still
            && by_law.is_none_or(|law| (mean - law).abs() <= TOLERANCE * mean.max(law) + chance)
    }

    /// Whether what is left lying in the later half of all that was watched is more than chance, and more
    /// than may be.
    fn is_hopeless(&self, natural_s: f64) -> bool {
        let watched_s = self.watched_s();
        if watched_s < PATIENCE_S.max(4.0 * natural_s) {
            return false;
        }
        let seconds = self.last(watched_s / 2.0);
        let (Some(first), Some(last)) = (seconds.first(), seconds.last()) else { return false };
        let left = last.in_flight - (first.in_flight - first.due + first.ended);
        let due: f64 = seconds.iter().map(|second| second.due).sum();
        left > LEFT_LYING * due + 3.0 * (last.in_flight + 1.0).sqrt()
    }

    /// The last seconds, as long as this at least.
    fn last(&self, length_s: f64) -> &[Second] {
        let mut first = self.seconds.len();
        let mut taken_s = 0.0;
        // Intervals end a few milliseconds early or late.
        while first > 0 && taken_s < length_s - 0.05 {
            first -= 1;
            taken_s += self.seconds[first].length_s;
        }
        &self.seconds[first..]
    }
}

/// How many would be under way by Little's law, L = λ W (*A proof for the queuing formula L = λW*, Operations
/// Research 9 (1961) 383–387): ends per second × the mean time in the system. None where too much failed.
fn by_littles_law(seconds: &[Second]) -> Option<f64> {
    let sum = |of: fn(&Second) -> f64| seconds.iter().map(of).sum::<f64>();
    let (ended, completed) = (sum(|second| second.ended), sum(|second| second.completed));
    let faults = sum(|second| second.faults);
    let length_s = sum(|second| second.length_s);
    if completed <= 0.0 || faults > MOST_FAULTS * ended || length_s <= 0.0 {
        return None;
    }
    Some(ended / length_s * (sum(|second| second.elapsed_s) / completed))
}

#[expect(clippy::cast_precision_loss, reason = "counts of an interval")]
fn second(interval: &Interval, in_flight: f64) -> Second {
    let line = &interval.line;
    let rows = || line.journeys.iter();
    let faults: u64 = rows().map(|row| row.faults.total()).sum();
    let completed: u64 = rows().map(|row| row.completed).sum();
    let lost: u64 = rows().map(|row| row.dropped + row.cut_off).sum();
    let elapsed = interval.series.iter().filter(|(key, _)| key.kind == Kind::Elapsed);
    let elapsed_us: f64 = elapsed.map(|(_, times)| times.mean_us() * times.count() as f64).sum();
    Second {
        end_ms: line.end_ms,
        length_s: seconds(line.end_ms.saturating_sub(line.start_ms)),
        due: rows().map(|row| row.due).sum::<u64>() as f64,
        ended: (completed + faults + lost) as f64,
        faults: (faults + lost) as f64,
        completed: completed as f64,
        elapsed_s: elapsed_us / 1e6,
        in_flight,
    }
}

fn mean(seconds: &[Second], of: impl Fn(&Second) -> f64) -> f64 {
    seconds.iter().map(of).sum::<f64>() / count(seconds)
}

#[expect(clippy::cast_precision_loss, reason = "a level has few seconds")]
fn count(seconds: &[Second]) -> f64 {
    seconds.len().max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "a level has few seconds")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::series::{Phase, SeriesKey};
    use crate::measure::timeline::{JourneyLine, Line};
    use std::sync::Arc;

    /// A second in which so many were due and completed, after so long.
    fn interval(number: u64, due: u64, completed: u64, elapsed_us: u64) -> Interval {
        let row: JourneyLine = serde_json::from_value(serde_json::json!({
            "phase": "warm-up", "variant": "v1", "journey": "sign-on",
            "due": due, "completed": completed,
        }))
        .unwrap();
        let line = Line {
            start_ms: number * 1000,
            end_ms: number * 1000 + 1000,
            journeys: vec![row],
            ..Line::default()
        };
        let key =
            SeriesKey::of_journey(Phase::WarmUp, &"v1".into(), &"sign-on".into(), Kind::Elapsed);
        let mut times = Times::new(Bounds::Journey);
        (0..completed).for_each(|_| times.record(elapsed_us));
        let series = if completed > 0 { [(Arc::new(key), times)].into() } else { BTreeMap::new() };
        Interval { line, series, failing: Vec::new() }
    }

    /// When it was settled or hopeless, in seconds, if it ever was.
    fn watch(seconds: impl Iterator<Item = (u64, u64, u64)>) -> Option<(Rest, u64)> {
        let (mut settling, mut in_flight) = (Settling::default(), 0.0);
        for (number, (due, completed, elapsed_us)) in (0..).zip(seconds) {
            in_flight += due as f64 - completed as f64;
            let rest = settling.observe(&interval(number, due, completed, elapsed_us), in_flight);
            if rest != Rest::NotYet {
                return Some((rest, number + 1));
            }
        }
        None
    }

    #[test]
    fn a_level_is_settled_when_it_has_been_at_rest_for_three_journeys() {
        let short = (0..30).map(|second| (100, if second == 0 { 80 } else { 100 }, 200_000));
        assert_eq!(watch(short), Some((Rest::Settled, 4)));
        // 5 seconds of thinking: nothing ends before, and then it has to stay so, to the resolution of a time.
        let long = (0..60).map(|second| (100, if second < 5 { 0 } else { 100 }, 5_000_000));
        assert_eq!(watch(long), Some((Rest::Settled, 21)));
    }

    #[test]
    fn a_level_is_not_settled_before_the_first_of_a_few_has_ended() {
        let few = (0..60).map(|second| (2, if second < 5 { 0 } else { 2 }, 5_000_000));
        assert_eq!(watch(few), Some((Rest::Settled, 21)));
    }

    #[test]
    fn a_level_that_leaves_more_and_more_lying_is_hopeless_and_soon() {
        let overload = (0..60).map(|second| (150, 100, 200_000 + second * 330_000));
        assert_eq!(watch(overload), Some((Rest::Hopeless, 8)));
    }

    #[test]
    fn as_many_as_before_is_no_rest_if_littles_law_has_another_number() {
        // Somebody's iterations never end: 50 are under way, and 20 ought to be.
        let stuck = (0..60).map(|second| (100, if second == 0 { 50 } else { 100 }, 200_000));
        assert_eq!(watch(stuck), None);
    }

    #[test]
    fn a_few_iterations_may_come_and_go_as_they_like() {
        let few = (0..60).map(|second| (2, if second == 0 { 1 } else { 2 }, 700_000));
        assert_eq!(watch(few), Some((Rest::Settled, 4)));
        assert_eq!(watch((0..60).map(|_| (0, 0, 0))), Some((Rest::Settled, 3)));
    }
}
