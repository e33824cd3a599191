//! The intervals of several parts of one run, added up: which belong together, and what is added, what is the
//! worst of all, and what only merged histograms can tell.

use super::collector::{Series, median_of_good, quick};
use super::series::{Kind, Phase};
use super::timeline::{
    Event, FlowLine, JourneyLine, Line, Percentiles, Quick, Readings, SCHEMA_VERSION,
};
use crate::base::names::{Journey, Variant};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// Length of an interval of the whole.
pub const INTERVAL_MS: u64 = 1000;

/// An interval that is not longer than this is one interval, however late it ended.
const ONE_MS: u64 = 1500;

/// Most intervals that a long one of a part is told to have lasted: a machine that slept for a week must not
/// make a line for each second of it.
const MOST_COVERED: u64 = 3600;

/// Most kinds of events of an interval that are kept. Parts that tell the same are one kind.
const MOST_EVENTS: usize = 50;

/// Most parts that are named where several tell the same.
const MOST_NAMED: usize = 3;

/// How much later than the whole a part began, to the nearest whole interval: intervals of parts that began within
/// half a second of one another fall together, one by one.
pub const fn in_intervals(offset_ms: u64) -> u64 {
    offset_ms.saturating_add(INTERVAL_MS / 2) / INTERVAL_MS * INTERVAL_MS
}

/// What belongs to a span of time belongs to where its middle lies.
pub const fn middle((start_ms, end_ms): (u64, u64)) -> u64 {
    start_ms.saturating_add(end_ms.saturating_sub(start_ms) / 2)
}

/// The intervals of the whole that a span of time covers, by their numbers: one, unless it is longer than that.
pub fn covered((start_ms, end_ms): (u64, u64)) -> Range<u64> {
    if end_ms.saturating_sub(start_ms) <= ONE_MS {
        let at = middle((start_ms, end_ms)) / INTERVAL_MS;
        return at..at + 1;
    }
    let nearest = |at_ms: u64| at_ms.saturating_add(INTERVAL_MS / 2) / INTERVAL_MS;
    let (first, end) = (nearest(start_ms), nearest(end_ms));
    first..end.clamp(first + 1, first + MOST_COVERED)
}

/// A line of a part cut up into the intervals of the whole that it covers, in order, each with its number. All that
/// was counted in it belongs to the one in its middle; that it was measured, to all. Its moments are those of the
/// whole: `offset_ms` is how much later the part began, in whole intervals.
pub fn cut(line: Line, offset_ms: u64) -> impl Iterator<Item = (u64, Line)> {
    let later = |at_ms: u64| at_ms.saturating_add(offset_ms);
    let span = (later(line.start_ms), later(line.end_ms));
    let covered = covered(span);
    let mut line = line;
    (line.start_ms, line.end_ms) = span;
    line.events.iter_mut().for_each(|event| event.at_ms = later(event.at_ms));
    let (number, first) = (covered.end - covered.start, covered.start);
    let home = (middle(span) / INTERVAL_MS).clamp(first, covered.end - 1);
    let (measured_ms, paused_ms, readings) = (line.measured_ms, line.paused_ms, line.readings);
    // Whole milliseconds, all of them.
    let part = move |of: u64, place: u64| {
        let up_to = |place: u64| u128::from(of) * u128::from(place) / u128::from(number);
        u64::try_from(up_to(place + 1) - up_to(place)).unwrap_or(of)
    };
    let mut counted = Some(line);
    covered.map(move |slot| {
        if number == 1 {
            return (slot, counted.take().unwrap_or_default());
        }
        let of = if slot == home { counted.take() } else { None };
        let of = of.unwrap_or_else(|| Line { readings, ..Line::default() });
        let (measured_ms, paused_ms) =
            (part(measured_ms, slot - first), part(paused_ms, slot - first));
        (slot, Line { measured_ms, paused_ms, ..of })
    })
}

/// What all parts told of one interval. Adding is the same in any order and in any grouping.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Together {
    /// That of the part that measured most of it: the whole is measured where a part of it is.
    measured_ms: u64,
    /// That of the part that paused least: the whole is paused where all of it is. None before the first part.
    paused_ms: Option<u64>,
    journeys: BTreeMap<(Phase, Variant, Journey), JourneyLine>,
    flows: BTreeMap<(Variant, Journey, String), u64>,
    dispatched: u64,
    dispatched_late: u64,
    clipped: u64,
    other: u64,
    events: BTreeMap<(String, String), Told>,
    readings: Readings,
}

/// One event, and who told it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    at_ms: u64,
    parts: BTreeSet<Arc<str>>,
}

impl Together {
    /// Adds what one part told, a piece of [`cut`].
    pub fn take(&mut self, part: &Arc<str>, line: Line) {
        self.measured_ms = self.measured_ms.max(line.measured_ms);
        self.paused_ms = Some(self.paused_ms.map_or(line.paused_ms, |ms| ms.min(line.paused_ms)));
        line.journeys.into_iter().for_each(|row| self.count(row));
        for flow in line.flows {
            let key = (flow.variant, flow.journey, flow.fingerprint);
            *self.flows.entry(key).or_default() += flow.starts;
        }
        self.dispatched += line.dispatched;
        self.dispatched_late += line.dispatched_late;
        self.clipped += line.clipped;
        self.other += line.other;
        for Event { at_ms, slug, text } in line.events {
            let told = Told { at_ms, parts: [Arc::clone(part)].into() };
            self.hear((slug, text), told);
        }
        self.readings = both(self.readings, line.readings);
    }

    /// Adds what other parts told of the same interval.
    pub fn add(&mut self, other: Self) {
        self.measured_ms = self.measured_ms.max(other.measured_ms);
        self.paused_ms = self.paused_ms.into_iter().chain(other.paused_ms).min();
        other.journeys.into_values().for_each(|row| self.count(row));
        for (key, starts) in other.flows {
            *self.flows.entry(key).or_default() += starts;
        }
        self.dispatched += other.dispatched;
        self.dispatched_late += other.dispatched_late;
        self.clipped += other.clipped;
        self.other += other.other;
        other.events.into_iter().for_each(|(what, told)| self.hear(what, told));
        self.readings = both(self.readings, other.readings);
    }

    fn count(&mut self, row: JourneyLine) {
        let (phase, variant, journey) = (row.phase, row.variant.clone(), row.journey.clone());
        let all = self.journeys.entry((phase, variant.clone(), journey.clone()));
        all.or_insert_with(|| JourneyLine::new(phase, variant, journey)).absorb(row);
    }

    fn hear(&mut self, what: (String, String), told: Told) {
        match self.events.get_mut(&what) {
            Some(known) => {
                known.at_ms = known.at_ms.min(told.at_ms);
                known.parts.extend(told.parts);
            }
            None => drop(self.events.insert(what, told)),
        }
    }

    /// The line of the whole, with this number and span. `figures` are those of its merged histograms, where there
    /// are some of this interval alone; without them it has none, for percentiles of parts make none of the whole.
    pub fn line(self, interval: u64, span: (u64, u64), figures: Option<&Figures>) -> Line {
        let length_ms = span.1.saturating_sub(span.0);
        let paused_ms = self.paused_ms.unwrap_or(0).min(length_ms);
        let response = figures.map(|figures| &figures.response);
        let journeys = self.journeys.into_iter().map(|(key, row)| {
            let response_us = response.and_then(|of| of.get(&key)).copied();
            JourneyLine { response_us, ..row }
        });
        let flow = |((variant, journey, fingerprint), starts)| FlowLine {
            variant,
            journey,
            fingerprint,
            starts,
        };
        Line {
            schema_version: SCHEMA_VERSION,
            interval,
            start_ms: span.0,
            end_ms: span.1,
            measured_ms: self.measured_ms.min(length_ms - paused_ms),
            paused_ms,
            journeys: journeys.collect(),
            flows: self.flows.into_iter().map(flow).collect(),
            exchange_p50_us: figures.and_then(|figures| figures.exchange_p50_us),
            lag_us: figures.and_then(|figures| figures.lag_us),
            dispatch_lag_us: figures.and_then(|figures| figures.dispatch_lag_us),
            scheduler_lag_us: figures.and_then(|figures| figures.scheduler_lag_us),
            dispatched: self.dispatched,
            dispatched_late: self.dispatched_late,
            clipped: self.clipped,
            other: self.other,
            events: in_order(self.events),
            readings: self.readings,
        }
    }
}

/// Users are added up. Of what is each machine's own, it is the worst: the generator that is the limit is not
/// relieved by another that idles.
fn both(a: Readings, b: Readings) -> Readings {
    let fewest = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
    Readings {
        users: a.users.saturating_add(b.users),
        next_arrival: a.next_arrival.max(b.next_arrival),
        next_persona: a.next_persona.max(b.next_persona),
        cores: a.cores.into_iter().chain(b.cores).min_by(f64::total_cmp),
        cpu_share: a.cpu_share.into_iter().chain(b.cpu_share).max_by(f64::total_cmp),
        rss_bytes: a.rss_bytes.max(b.rss_bytes),
        open_sockets: a.open_sockets.max(b.open_sockets),
        open_files: a.open_files.max(b.open_files),
        file_limit: fewest(a.file_limit, b.file_limit),
        ports_in_use: a.ports_in_use.max(b.ports_in_use),
        ports: fewest(a.ports, b.ports),
    }
}

/// Events by their time, with who told them in front.
fn in_order(events: BTreeMap<(String, String), Told>) -> Vec<Event> {
    let told = |((slug, text), told): ((String, String), Told)| {
        let names: Vec<&str> = told.parts.iter().take(MOST_NAMED).map(|name| &**name).collect();
        let more = match told.parts.len() - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!("{}{more}: {text}", names.join(", "));
        Event { at_ms: told.at_ms, slug, text }
    };
    let mut events: Vec<_> = events.into_iter().map(told).collect();
    events.sort_by_key(|event| event.at_ms);
    let left_out = events.len().saturating_sub(MOST_EVENTS);
    events.truncate(MOST_EVENTS);
    if let (1.., Some(last)) = (left_out, events.last()) {
        let text = format!("{left_out} more events of parts at this time");
        events.push(Event { at_ms: last.at_ms, slug: LEFT_OUT.to_owned(), text });
    }
    events
}

/// The slug of an event that says that there were more.
const LEFT_OUT: &str = "left-out";

/// What only the merged histograms of an interval can tell of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    response: BTreeMap<(Phase, Variant, Journey), Percentiles>,
    exchange_p50_us: Option<u64>,
    lag_us: Option<Quick>,
    dispatch_lag_us: Option<Quick>,
    scheduler_lag_us: Option<Quick>,
}

impl Figures {
    /// Reads them off.
    pub fn of(series: &Series) -> Self {
        let responses = series.iter().filter(|(key, _)| key.kind == Kind::Response);
        let response = responses.filter_map(|(key, times)| {
            let name = (key.phase, key.variant.clone(), key.journey.clone());
            Some((name, Percentiles::of(times)?))
        });
        Self {
            response: response.collect(),
            exchange_p50_us: median_of_good(series),
            lag_us: quick(series, Kind::Lag),
            dispatch_lag_us: quick(series, Kind::DispatchLag),
            scheduler_lag_us: quick(series, Kind::SchedulerLag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::timeline::FunnelLine;
    use super::*;
    use crate::measure::fault::Fault;
    use crate::measure::tally::Tally;
    use proptest::prelude::*;

    fn part(name: &str) -> Arc<str> {
        name.into()
    }

    prop_compose! {
        fn row()(
            phase in prop::sample::select(&[Phase::WarmUp, Phase::Measured, Phase::Drain][..]),
            journey in prop::sample::select(&["a", "b"][..]),
            counts in prop::array::uniform8(0u64..50),
            fault in prop::sample::select(Fault::all().collect::<Vec<_>>()),
            steps in prop::collection::vec((0usize..3, 1u64..9), 0..4),
        ) -> JourneyLine {
            let [due, late, completed, dropped, cut_off, lost, failed, exchanges] = counts;
            let step = |(step, reached): (usize, u64)| FunnelLine {
                step: ["x", "y", "z"][step].into(), reached, position_sum: reached,
                left: [(fault, 1)].into_iter().collect(),
            };
            JourneyLine {
                phase, variant: "v".into(), journey: journey.into(), due, late, completed, dropped, cut_off,
                lost, faults: [(fault, failed)].into_iter().collect(), exchanges,
                exchange_faults: [(fault, failed)].into_iter().collect(),
                response_us: Some(Percentiles { p50: 1, p95: 2, p99: 3 }),
                funnel: steps.into_iter().map(step).collect(),
            }
        }
    }

    prop_compose! {
        fn line()(
            journeys in prop::collection::vec(row(), 0..4),
            flows in prop::collection::vec(("[fg]", 1u64..9), 0..3),
            [measured_ms, paused_ms, dispatched, clipped, users, at_ms] in prop::array::uniform6(0u64..1000),
            cpu in prop::option::of(0.0f64..1.0),
            rss_bytes in prop::option::of(0u64..1000),
            texts in prop::collection::vec("[st]", 0..3),
        ) -> Line {
            let flow = |(fingerprint, starts): (String, u64)| FlowLine {
                variant: "v".into(), journey: "a".into(), fingerprint, starts,
            };
            let event = |text: String| Event { at_ms, slug: "e".to_owned(), text };
            Line {
                end_ms: 1000, measured_ms, paused_ms, journeys, dispatched, dispatched_late: dispatched / 2,
                clipped, other: clipped / 3, flows: flows.into_iter().map(flow).collect(),
                lag_us: Some(Quick { p50: 1, p99: 2, max: 3 }),
                events: texts.into_iter().map(event).collect(),
                readings: Readings { users, cpu_share: cpu, cores: cpu, rss_bytes, file_limit: rss_bytes, ..Readings::default() },
                ..Line::default()
            }
        }
    }

    fn sum(lines: &[(Arc<str>, Line)]) -> Together {
        let mut all = Together::default();
        lines.iter().for_each(|(part, line)| all.take(part, line.clone()));
        all
    }

    proptest! {
        #[test]
        fn adding_up_is_the_same_in_any_order_and_in_any_grouping(
            lines in prop::collection::vec(line(), 0..6), cut in 0usize..6,
        ) {
            let lines: Vec<_> = (0u8..).zip(lines).map(|(n, line)| (part(&format!("p{n}")), line)).collect();
            let whole = sum(&lines);
            let (one, other) = lines.split_at(cut.min(lines.len()));
            let (mut left, mut right) = (sum(one), sum(other));
            let reversed: Vec<_> = lines.iter().rev().cloned().collect();
            prop_assert_eq!(&sum(&reversed), &whole);
            left.add(sum(other));
            right.add(sum(one));
            prop_assert_eq!(&left, &whole);
            prop_assert_eq!(&right, &whole);
        }

        #[test]
        fn the_counts_of_the_whole_are_the_sums_of_the_parts(lines in prop::collection::vec(line(), 1..6)) {
            let named: Vec<_> = (0u8..).zip(lines.clone()).map(|(n, line)| (part(&format!("p{n}")), line)).collect();
            let (mut whole, mut parts) = (Tally::default(), Tally::default());
            whole.absorb_line(&sum(&named).line(0, (0, 1000), None));
            lines.iter().for_each(|line| parts.absorb_line(line));
            for ((_, mine), (_, theirs)) in whole.journeys.iter_mut().zip(parts.journeys.iter_mut()) {
                // What of an interval was in time depends on how much of it is measured.
                (mine.completed_in_time_m, theirs.completed_in_time_m) = (0, 0);
            }
            let names = |tally: &Tally| tally.flows.iter().map(|(name, flow)| (name.clone(), flow.starts)).collect::<Vec<_>>();
            prop_assert_eq!(names(&whole), names(&parts));
            for (name, counts) in &parts.journeys {
                let mine = whole.journeys.get(name).cloned().unwrap_or_default();
                prop_assert_eq!(&mine, counts);
            }
            prop_assert_eq!((whole.run.clipped, whole.run.other), (parts.run.clipped, parts.run.other));
            let users: u64 = lines.iter().map(|line| line.readings.users).sum();
            prop_assert_eq!(whole.run.max_users, users);
        }

        #[test]
        fn a_line_cut_up_loses_nothing_and_covers_what_it_lasted(
            line in line(), start_ms in 0u64..100_000, length_ms in 0u64..20_000, offset in 0u64..50,
        ) {
            let end_ms = start_ms + length_ms;
            let line = Line { start_ms, end_ms, measured_ms: length_ms, paused_ms: 0, ..line };
            let pieces: Vec<_> = cut(line.clone(), offset * INTERVAL_MS).collect();
            let mut joined = Together::default();
            let mut measured_ms = 0;
            for (number, (slot, piece)) in (pieces[0].0..).zip(pieces) {
                prop_assert_eq!(number, slot);
                measured_ms += piece.measured_ms;
                joined.take(&part("p"), Line { readings: Readings::default(), ..piece });
            }
            prop_assert_eq!(measured_ms, length_ms);
            let joined = joined.line(0, (0, 1000), None);
            let counted: Vec<_> = joined.journeys.iter().map(|row| row.due).collect();
            let expected = sum(&[(part("p"), line)]).line(0, (0, 1000), None);
            prop_assert_eq!(counted, expected.journeys.iter().map(|row| row.due).collect::<Vec<_>>());
        }
    }

    #[test]
    fn intervals_fall_where_their_middle_lies_and_long_ones_cover_several() {
        for (span, expected) in [
            ((0, 1000), 0..1),
            ((1003, 2001), 1..2),
            ((997, 2004), 1..2),
            ((65_000, 65_437), 65..66),
            ((5003, 5003), 5..6),
            ((10_002, 15_204), 10..15),
            ((0, u64::MAX), 0..MOST_COVERED),
        ] {
            assert_eq!(covered(span), expected, "{span:?}");
        }
        for (offset_ms, expected) in [(0, 0), (499, 0), (500, 1000), (29_600, 30_000)] {
            assert_eq!(in_intervals(offset_ms), expected);
        }
    }

    #[test]
    fn the_whole_is_measured_where_a_part_is_and_paused_where_all_are() {
        let line = |measured_ms, paused_ms| Line { measured_ms, paused_ms, ..Line::default() };
        for (parts, expected) in [
            (vec![line(1000, 0), line(0, 1000)], (1000, 0)),
            (vec![line(600, 400), line(300, 700)], (600, 400)),
            (vec![line(0, 1000), line(0, 1000)], (0, 1000)),
            (vec![line(1003, 0), line(999, 0)], (1000, 0)),
        ] {
            let named: Vec<_> = parts.into_iter().map(|line| (part("p"), line)).collect();
            let line = sum(&named).line(0, (0, 1000), None);
            assert_eq!((line.measured_ms, line.paused_ms), expected);
        }
    }

    #[test]
    fn what_several_parts_tell_is_told_once_with_their_names() {
        let told = |text: &str| Line {
            events: vec![Event { at_ms: 500, slug: "e".to_owned(), text: text.to_owned() }],
            ..Line::default()
        };
        let names = ["d", "b", "c", "a"];
        let mut lines: Vec<_> = names.iter().map(|name| (part(name), told("x"))).collect();
        lines.push((part("b"), told("y")));
        let texts = |lines: &[(Arc<str>, Line)]| {
            let line = sum(lines).line(0, (0, 1000), None);
            line.events.into_iter().map(|event| event.text).collect::<Vec<_>>()
        };
        assert_eq!(texts(&lines), ["a, b, c and 1 more: x", "b: y"]);
        let many: Vec<_> = (0..99).map(|n| (part("a"), told(&format!("{n:02}")))).collect();
        let texts = texts(&many);
        assert_eq!((texts.len(), texts[50].as_str()), (51, "49 more events of parts at this time"));
    }

    #[test]
    fn percentiles_come_from_merged_histograms_or_are_left_out() {
        use crate::measure::histogram::{Bounds, Times};
        use crate::measure::series::SeriesKey;
        let row = |journey: &str| -> JourneyLine {
            serde_json::from_value(serde_json::json!({
                "phase": "measured", "variant": "v", "journey": journey, "completed": 2,
                "response_us": { "p50": 7, "p95": 7, "p99": 7 },
            }))
            .unwrap()
        };
        let lag_us = Some(Quick { p50: 7, p99: 7, max: 7 });
        let line = Line { journeys: vec![row("a")], lag_us, ..Line::default() };
        let whole = || sum(&[(part("p"), line.clone()), (part("q"), line.clone())]);
        let without = whole().line(0, (0, 1000), None);
        assert_eq!((without.journeys[0].response_us, without.lag_us), (None, None));
        let of =
            |kind| Arc::new(SeriesKey::of_journey(Phase::Measured, &"v".into(), &"a".into(), kind));
        let mut times = Times::new(Bounds::Journey);
        [1000, 1500].into_iter().for_each(|time| times.record(time));
        let series = [(of(Kind::Response), times.clone()), (of(Kind::Lag), times)].into();
        let with = whole().line(0, (0, 1000), Some(&Figures::of(&series)));
        assert_eq!(
            with.journeys[0].response_us,
            Some(Percentiles { p50: 1000, p95: 1500, p99: 1500 })
        );
        assert_eq!(with.lag_us, Some(Quick { p50: 1000, p99: 1500, max: 1500 }));
        assert_eq!(with.scheduler_lag_us, None);
    }
}
