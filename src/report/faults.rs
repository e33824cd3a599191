//! Faults in words: how many of which, whom they are charged to, what they mean.

use super::figures;
use crate::measure::counts::FaultCounts;
use crate::measure::fault::{Fault, Side};
use crate::result::summary::Summary;
use std::cmp::Reverse;

/// The faults that occurred, the most frequent first; equally frequent ones as in the table.
pub fn by_frequency(faults: &FaultCounts) -> Vec<(Fault, u64)> {
    let mut kinds: Vec<_> = faults.iter().collect();
    kinds.sort_by_key(|(_, number)| Reverse(*number));
    kinds
}

/// `61 read-timeout`, `20 http-5xx`, the most frequent first.
pub fn counted(faults: &FaultCounts) -> Vec<String> {
    let told =
        |(fault, number): (Fault, u64)| format!("{} {}", figures::count(number), fault.slug());
    by_frequency(faults).into_iter().map(told).collect()
}

/// All that a run met, of iterations and of exchanges, in the order of the table.
pub fn seen(summary: &Summary) -> Vec<Fault> {
    let of_iterations = summary.journeys.iter().map(|row| &row.faults);
    let of_exchanges = summary.capabilities.iter().map(|row| &row.faults);
    let all: Vec<_> = of_iterations.chain(of_exchanges).collect();
    Fault::all().filter(|fault| all.iter().any(|faults| faults.of(*fault) > 0)).collect()
}

/// Whom it is charged to and what it means.
pub fn explained(fault: Fault) -> String {
    format!("{}: {}", charged_to(fault), fault.entry().meaning)
}

/// Whom it is charged to.
pub const fn charged_to(fault: Fault) -> &'static str {
    match fault.side() {
        Side::Tenant => "the tenant",
        Side::Network => "the network",
        Side::Data => "what the run was given",
        Side::Generator => "gander itself",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;

    #[test]
    fn the_most_frequent_fault_comes_first_and_ties_keep_the_order_of_the_table() {
        let faults = [(Fault::Dns, 3), (Fault::Http5xx, 3), (Fault::Reset, 9)];
        let faults = faults.into_iter().collect();
        assert_eq!(counted(&faults), ["9 reset", "3 http-5xx", "3 dns"]);
    }

    #[test]
    fn faults_without_an_exchange_are_seen_too() {
        assert!(seen(&specimen::failing()).contains(&Fault::NoAccount));
        assert_eq!(seen(&specimen::passing()), []);
    }

    #[test]
    fn every_fault_is_explained_with_its_side() {
        for fault in Fault::all() {
            assert!(explained(fault).ends_with(fault.entry().meaning), "{fault:?}");
        }
    }
}
