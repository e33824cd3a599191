//! What a run in progress says: a line every few seconds where there is no terminal, and a short
//! message beside the spinner or bar where there is one.

use super::columns::clean;
use super::faults::by_frequency;
use super::figures;
use crate::base::names::{Journey, Variant};
use crate::measure::counts::FaultCounts;
use crate::measure::series::Phase;
use std::collections::BTreeSet;
use std::time::Duration;

/// How often a plain line is due.
pub const LINE_EVERY: Duration = Duration::from_secs(10);

/// More journeys than this are told as one sum: a line has to stay readable.
const MOST_TOLD: usize = 4;

/// A run at a moment. Plain values: whoever watches the run fills them in.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Since the start of the run, warm-up included.
    pub elapsed: Duration,
    /// The part of the run that `elapsed` lies in.
    pub phase: Phase,
    /// Users performing an iteration.
    pub users: u64,
    /// By variant and journey.
    pub journeys: Vec<JourneyNow>,
    /// Failed iterations since the start.
    pub faults: FaultCounts,
    /// Due → first request sent, 99th percentile of late; none in the closed model.
    pub lag_p99_us: Option<u64>,
}

/// One journey at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct JourneyNow {
    /// Which configuration is under test.
    pub variant: Variant,
    /// What the users want to achieve.
    pub journey: Journey,
    /// Iterations completed since the start.
    pub completed: u64,
    /// Iterations completed per second of late: since the line before, say.
    pub completed_per_s: f64,
    /// The response time of late, 95th percentile; none while nothing completes.
    pub response_p95_us: Option<u64>,
}

/// One plain line, without its end:
/// `0:20  measured  20 users  sign-on 812 done 40.6/s p95 81.0 ms  faults 0`.
pub fn line(now: &Snapshot) -> String {
    let mut parts = vec![figures::clock(now.elapsed), now.phase.slug().to_owned(), users(now)];
    if now.journeys.len() > MOST_TOLD {
        parts.push(format!("{} done {}", figures::count(completed(now)), pace(now)));
    } else {
        let mut rows: Vec<_> = now.journeys.iter().collect();
        rows.sort_by_key(|row| (&row.journey, &row.variant));
        parts.extend(rows.into_iter().map(|row| journey(row, has_several(now))));
    }
    parts.push(faults(&now.faults, usize::MAX));
    if let Some(lag) = now.lag_p99_us {
        parts.push(format!("lag p99 {}", figures::time(lag)));
    }
    parts.join("  ")
}

/// The same in short, for beside a spinner or bar that shows the time itself:
/// `measured  20 users  118/s  p95 212 ms (recovery)  faults 0`.
pub fn message(now: &Snapshot) -> String {
    let parts = [now.phase.slug().to_owned(), users(now), pace(now), faults(&now.faults, 2)];
    parts.join("  ")
}

fn users(now: &Snapshot) -> String {
    format!("{} {}", figures::count(now.users), if now.users == 1 { "user" } else { "users" })
}

fn has_several(now: &Snapshot) -> bool {
    now.journeys.iter().map(|row| &row.variant).collect::<BTreeSet<_>>().len() > 1
}

fn completed(now: &Snapshot) -> u64 {
    now.journeys.iter().map(|row| row.completed).sum()
}

/// All journeys together: their rate, and the slowest p95 with whose it is.
fn pace(now: &Snapshot) -> String {
    let rate = figures::rate(now.journeys.iter().map(|row| row.completed_per_s).sum());
    let slowest = now
        .journeys
        .iter()
        .filter_map(|row| Some((row.response_p95_us?, row)))
        .max_by_key(|(p95, _)| *p95);
    match slowest {
        Some((p95, row)) if now.journeys.len() > 1 => {
            format!("{rate}/s  p95 {} ({})", figures::time(p95), named(row, has_several(now)))
        }
        Some((p95, _)) => format!("{rate}/s  p95 {}", figures::time(p95)),
        None => format!("{rate}/s  p95 {}", figures::NONE),
    }
}

fn named(row: &JourneyNow, several: bool) -> String {
    let variant = if several { format!(" · {}", row.variant) } else { String::new() };
    clean(&format!("{}{variant}", row.journey))
}

fn journey(row: &JourneyNow, several: bool) -> String {
    let name = named(row, several);
    let done = figures::count(row.completed);
    let rate = figures::rate(row.completed_per_s);
    format!("{name} {done} done {rate}/s p95 {}", figures::time_or_none(row.response_p95_us))
}

/// `faults 12 (http-5xx 9, reset 3)`, the most frequent `most` of them.
fn faults(faults: &FaultCounts, most: usize) -> String {
    let kinds = by_frequency(faults);
    let mut told: Vec<_> = kinds
        .iter()
        .take(most)
        .map(|(fault, number)| format!("{} {}", fault.slug(), figures::count(*number)))
        .collect();
    if kinds.len() > told.len() {
        told.push("…".to_owned());
    }
    let told = if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) };
    format!("faults {}{told}", figures::count(faults.total()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::fault::Fault;

    fn row(variant: &str, journey: &str, p95_ms: Option<u64>) -> JourneyNow {
        JourneyNow {
            variant: variant.into(),
            journey: journey.into(),
            completed: 812,
            completed_per_s: 40.6,
            response_p95_us: p95_ms.map(|ms| ms * 1000),
        }
    }

    fn snapshot(journeys: Vec<JourneyNow>) -> Snapshot {
        Snapshot {
            elapsed: Duration::from_secs(20),
            phase: Phase::Measured,
            users: 20,
            journeys,
            faults: FaultCounts::default(),
            lag_p99_us: None,
        }
    }

    #[test]
    fn a_line_tells_each_of_a_few_journeys() {
        let now = snapshot(vec![row("v1", "recovery", Some(212)), row("v1", "sign-on", Some(81))]);
        insta::assert_snapshot!(line(&now), @"0:20  measured  20 users  recovery 812 done 40.6/s p95 212 ms  sign-on 812 done 40.6/s p95 81.0 ms  faults 0");
        insta::assert_snapshot!(message(&now), @"measured  20 users  81.2/s  p95 212 ms (recovery)  faults 0");
    }

    #[test]
    fn the_first_seconds_have_nothing_to_show_yet() {
        let mut now = snapshot(vec![row("v1", "sign-on", None)]);
        now.journeys[0].completed = 0;
        now.journeys[0].completed_per_s = 0.0;
        now.phase = Phase::WarmUp;
        now.users = 1;
        insta::assert_snapshot!(line(&now), @"0:20  warm-up  1 user  sign-on 0 done 0/s p95 –  faults 0");
        insta::assert_snapshot!(message(&now), @"warm-up  1 user  0/s  p95 –  faults 0");
        now.journeys.clear();
        insta::assert_snapshot!(message(&now), @"warm-up  1 user  0/s  p95 –  faults 0");
    }

    #[test]
    fn variants_are_named_when_there_are_several_and_lag_when_there_is_any() {
        let mut now =
            snapshot(vec![row("v1", "sign-on", Some(81)), row("v2", "sign-on", Some(95))]);
        now.lag_p99_us = Some(312);
        insta::assert_snapshot!(line(&now), @"0:20  measured  20 users  sign-on · v1 812 done 40.6/s p95 81.0 ms  sign-on · v2 812 done 40.6/s p95 95.0 ms  faults 0  lag p99 312 µs");
        insta::assert_snapshot!(message(&now), @"measured  20 users  81.2/s  p95 95.0 ms (sign-on · v2)  faults 0");
        now.journeys.insert(1, row("v1", "unlock", None));
        assert!(line(&now).contains("p95 81.0 ms  sign-on · v2 812 done"), "{}", line(&now));
    }

    #[test]
    fn many_journeys_are_one_sum_with_the_slowest_named() {
        let names = ["register", "sign-on", "recovery", "register-cancel", "sign-on-locked"];
        let mut now = snapshot(names.iter().map(|name| row("v1", name, Some(90))).collect());
        now.journeys[2].response_p95_us = Some(1_240_000);
        now.faults =
            [(Fault::Http5xx, 9), (Fault::Reset, 3), (Fault::Dns, 120)].into_iter().collect();
        insta::assert_snapshot!(line(&now), @"0:20  measured  20 users  4060 done 203/s  p95 1.24 s (recovery)  faults 132 (dns 120, http-5xx 9, reset 3)");
        insta::assert_snapshot!(message(&now), @"measured  20 users  203/s  p95 1.24 s (recovery)  faults 132 (dns 120, http-5xx 9, …)");
    }
}
