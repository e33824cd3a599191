//! Reasons to end a search that say nothing about the tenant's capacity: its licence, its edge, its accounts.

use super::found::Reason;
use crate::base::figures;
use crate::measure::fault::Fault;
use crate::measure::tally::share;
use crate::measure::timeline::Line;

/// What stops a search, and whether it is counted by exchange or by iteration.
const STOPS: &[(Reason, Fault, bool)] = &[
    (Reason::RateLimited, Fault::RateLimited, true),
    (Reason::Blocked, Fault::Blocked, true),
    (Reason::AccountsExhausted, Fault::NoAccount, false),
];

/// One or two may be anything.
const FEWEST: u64 = 3;

/// And one in a thousand.
const LEAST_PART: f64 = 0.001;

/// What was met so far, in every phase of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stops {
    met: [u64; STOPS.len()],
    /// Iterations that ended in it.
    failed: [u64; STOPS.len()],
    exchanges: u64,
    iterations: u64,
}

impl Stops {
    /// Adds an interval.
    pub(super) fn absorb(&mut self, line: &Line) {
        for row in &line.journeys {
            self.exchanges += row.exchanges;
            self.iterations += row.completed + row.faults.total() + row.cut_off;
            for (met, (_, fault, is_of_exchanges)) in self.met.iter_mut().zip(STOPS) {
                let faults = if *is_of_exchanges { &row.exchange_faults } else { &row.faults };
                *met += faults.of(*fault);
            }
            for (failed, (_, fault, _)) in self.failed.iter_mut().zip(STOPS) {
                *failed += row.faults.of(*fault);
            }
        }
    }

    /// The first reason of the table that was met often enough, and in words how often: by the moment at which
    /// that ended the level. Whoever counts later, or iterations alone as guards do, has other numbers.
    pub(super) fn reason(&self) -> Option<(Reason, String)> {
        let mut rows = self.met.iter().zip(&self.failed).zip(STOPS);
        rows.find_map(|((met, failed), (reason, fault, is_of_exchanges))| {
            let (of, what) = if *is_of_exchanges {
                (self.exchanges, "exchanges")
            } else {
                (self.iterations, "iterations")
            };
            let part = share(*met, of.max(*met));
            let with_them = if *is_of_exchanges {
                format!(", and with them {failed} of {} iterations", self.iterations)
            } else {
                String::new()
            };
            (*met >= FEWEST && part >= LEAST_PART).then(|| {
                let part = figures::share(part);
                let told = format!("{met} of {of} {what} ended in `{fault}`, {part}{with_them}");
                (*reason, format!("{told}, when the level was ended"))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::timeline::JourneyLine;

    fn line(exchange: (Fault, u64), iteration: (Fault, u64)) -> Line {
        let row: JourneyLine = serde_json::from_value(serde_json::json!({
            "phase": "warm-up", "variant": "v1", "journey": "sign-on",
            "completed": 100, "exchanges": 1000,
        }))
        .unwrap();
        let exchange_faults = [exchange].into_iter().collect();
        let faults = [iteration].into_iter().collect();
        Line { journeys: vec![JourneyLine { exchange_faults, faults, ..row }], ..Line::default() }
    }

    #[test]
    fn a_search_stops_for_what_is_no_capacity_when_it_is_more_than_an_accident() {
        for (exchange, iteration, reason) in [
            ((Fault::RateLimited, 2), (Fault::RateLimited, 2), None),
            ((Fault::RateLimited, 3), (Fault::RateLimited, 3), Some(Reason::RateLimited)),
            ((Fault::Blocked, 3), (Fault::Blocked, 3), Some(Reason::Blocked)),
            ((Fault::Http5xx, 0), (Fault::NoAccount, 3), Some(Reason::AccountsExhausted)),
            ((Fault::Http5xx, 900), (Fault::Http5xx, 90), None),
        ] {
            let mut stops = Stops::default();
            stops.absorb(&line(exchange, iteration));
            assert_eq!(stops.reason().map(|(reason, _)| reason), reason, "{exchange:?}");
        }
    }

    #[test]
    fn three_of_very_many_are_an_accident() {
        let mut stops = Stops::default();
        (0..9).for_each(|_| stops.absorb(&line((Fault::Blocked, 0), (Fault::Blocked, 0))));
        stops.absorb(&line((Fault::Blocked, 9), (Fault::Blocked, 9)));
        assert_eq!(stops.reason(), None);
        stops.absorb(&line((Fault::Blocked, 3), (Fault::Blocked, 3)));
        let (_, told) = stops.reason().unwrap();
        assert_eq!(
            told,
            "12 of 11000 exchanges ended in `blocked`, 0.11%, and with them 12 of 1112 iterations, when the \
             level was ended"
        );
    }
}
