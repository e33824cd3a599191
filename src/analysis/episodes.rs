//! Events that the lines of a run tell of by themselves: stretches of refused calls, flows that are new.

use crate::base::names::{Journey, Variant};
use crate::measure::fault::Fault;
use crate::measure::timeline::{Event, Line};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The slug of an event that begins or ends a stretch of calls turned down for their rate.
pub const RATE_LIMITED: &str = "rate-limited";

/// The same of calls turned away in front of the flow.
pub const BLOCKED: &str = "blocked";

/// The slug of an event that tells of a flow that was not there before.
pub const FLOW_CHANGE: &str = "flow-change";

/// Faults that come in stretches, and what one of them is called.
const EPISODES: &[(Fault, &str, &str)] =
    &[(Fault::RateLimited, RATE_LIMITED, "429"), (Fault::Blocked, BLOCKED, "blocked")];

/// A stretch is over when there was none for so long.
const QUIET: Duration = Duration::from_secs(10);

/// A flow that turns up among the first starts of a journey was there before: several take turns, perhaps.
const FIRST_STARTS: u64 = 100;

/// More changes of flows than these tell nobody anything.
const MOST_CHANGES: usize = 50;

/// Looks at a run line by line.
#[derive(Debug, Default)]
pub struct Episodes {
    open: BTreeMap<Fault, Open>,
    flows: BTreeMap<(Variant, Journey), Known>,
    changes: usize,
}

/// A stretch that goes on.
#[derive(Clone, Copy, Debug)]
struct Open {
    began_ms: u64,
    latest_ms: u64,
    exchanges: u64,
}

/// What a journey of a variant has met.
#[derive(Debug, Default)]
struct Known {
    starts: u64,
    fingerprints: BTreeSet<String>,
}

impl Episodes {
    /// What happened in an interval, in order.
    pub fn observe(&mut self, line: &Line) -> Vec<Event> {
        let mut events = Vec::new();
        for (fault, slug, name) in EPISODES {
            let event = |at_ms, text| Event { at_ms, slug: (*slug).to_owned(), text };
            let of = |row: &crate::measure::timeline::JourneyLine| {
                let found = row.exchange_faults.iter().find(|(found, _)| found == fault);
                found.map_or(0, |(_, number)| number)
            };
            let exchanges: u64 = line.journeys.iter().map(of).sum();
            match self.open.get_mut(fault) {
                Some(open) if exchanges > 0 => {
                    open.latest_ms = line.end_ms;
                    open.exchanges += exchanges;
                }
                Some(open) if line.end_ms.saturating_sub(open.latest_ms) >= millis(QUIET) => {
                    let lasted = Duration::from_millis(open.latest_ms - open.began_ms);
                    let text = format!(
                        "{name} no more: {} exchanges in {}s",
                        open.exchanges,
                        lasted.as_secs().max(1)
                    );
                    events.push(event(open.latest_ms, text));
                    self.open.remove(fault);
                }
                Some(_) => {}
                None if exchanges > 0 => {
                    let (began_ms, latest_ms) = (line.start_ms, line.end_ms);
                    self.open.insert(*fault, Open { began_ms, latest_ms, exchanges });
                    events.push(event(began_ms, format!("{name}: the tenant turns calls down")));
                }
                None => {}
            }
        }
        events.extend(self.flows(line));
        events
    }

    fn flows(&mut self, line: &Line) -> Vec<Event> {
        let mut events = Vec::new();
        for flow in &line.flows {
            let key = (flow.variant.clone(), flow.journey.clone());
            let known = self.flows.entry(key).or_default();
            let is_settled = known.starts >= FIRST_STARTS;
            known.starts += flow.starts;
            let is_new = !known.fingerprints.contains(&flow.fingerprint);
            if is_new {
                known.fingerprints.insert(flow.fingerprint.clone());
            }
            if is_new && is_settled && self.changes < MOST_CHANGES {
                self.changes += 1;
                let text = format!(
                    "{} of {} starts another flow: {}",
                    flow.journey, flow.variant, flow.fingerprint
                );
                events.push(Event { at_ms: line.start_ms, slug: FLOW_CHANGE.to_owned(), text });
            }
        }
        events
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::timeline::FlowLine;

    fn second(number: u64, limited: u64, flow: &str) -> Line {
        let row = serde_json::json!({
            "phase": "measured", "variant": "v1", "journey": "sign-on",
            "exchange_faults": { "rate-limited": limited },
        });
        Line {
            interval: number,
            start_ms: number * 1000,
            end_ms: number * 1000 + 1000,
            journeys: vec![serde_json::from_value(row).unwrap()],
            flows: vec![FlowLine {
                variant: "v1".into(),
                journey: "sign-on".into(),
                fingerprint: flow.to_owned(),
                starts: 20,
            }],
            ..Line::default()
        }
    }

    fn told(seconds: impl Iterator<Item = Line>) -> Vec<(u64, String)> {
        let mut episodes = Episodes::default();
        let events = seconds.flat_map(|line| episodes.observe(&line));
        events.map(|event| (event.at_ms, event.text)).collect()
    }

    #[test]
    fn a_stretch_of_429_has_a_beginning_and_an_end_whatever_short_pauses_it_has() {
        let limited = |n| if n == 40 { 7 } else { u64::from((20..30).contains(&n) && n % 3 == 0) };
        let found = told((0..80).map(|number| second(number, limited(number), "a")));
        let expected = [
            (21_000, "429: the tenant turns calls down"),
            (28_000, "429 no more: 3 exchanges in 7s"),
            (40_000, "429: the tenant turns calls down"),
            (41_000, "429 no more: 7 exchanges in 1s"),
        ];
        assert_eq!(found, expected.map(|(at, text)| (at, text.to_owned())));
    }

    #[test]
    fn a_flow_that_is_new_after_the_first_starts_is_told_of_once() {
        let flow = |n: u64| match n {
            0..5 if n % 2 == 1 => "b",
            10 | 12 => "c",
            _ => "a",
        };
        let found = told((0..20).map(|number| second(number, 0, flow(number))));
        assert_eq!(found, [(10_000, "sign-on of v1 starts another flow: c".to_owned())]);
        let endless = told((0..200).map(|number| second(number, 0, &number.to_string())));
        assert_eq!(endless.len(), MOST_CHANGES);
    }
}
