//! What the samples of a level are worth, and how many a rule needs.

use crate::analysis::observed::Observed;
use crate::analysis::rule::{Limit, Metric, Rule};
use crate::analysis::statistics::blocks::Deck;
use crate::analysis::statistics::figure::Figure;
use crate::analysis::statistics::ratio::Ratio;
use crate::analysis::statistics::share::{Share, design_effect};
use crate::analysis::threshold::Evidence;
use crate::measure::windows::Cell;

/// Samples that have to lie beyond a percentile: with 15 of them the interval between order statistics is
/// narrow enough to be of use (p95 needs 300 samples, p99 1500).
const BEYOND: f64 = 15.0;

/// A share of nought in so many samples is below a limit of three of them, at 95 %: the rule of three
/// (Hanley & Lippman-Hand, *If nothing goes wrong, is everything all right?*, JAMA 249 (1983) 1743–1745).
const OF_THREE: f64 = 3.0;

/// Samples for a mean.
const FOR_A_MEAN: u64 = 100;

/// Resamples for the error of a share: its square root is known to 4 %.
const RESAMPLES: u32 = 300;

/// How many independent samples a rule needs before it is judged; 0 where samples are not what it is about.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
pub fn needed(rule: &Rule) -> u64 {
    let whole = |number: f64| number.min(1e9).ceil() as u64;
    match (rule.metric, rule.limit.value) {
        (Metric::Percentile(percentile), _) => match percentile.beyond_thousandths() {
            0 => 0,
            #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
            beyond => whole(BEYOND * 1e5 / beyond as f64),
        },
        (Metric::Mean, _) => FOR_A_MEAN,
        (Metric::Faults | Metric::Fault(_) | Metric::Dropped, Limit::Share(limit))
            if limit.0 > 0.0 =>
        {
            whole(OF_THREE / limit.0)
        }
        _ => 0,
    }
}

/// How many independent samples those of a rule are worth, neighbours sharing their fate: batch means of the
/// indicator that the rule is about (slower than the percentile; a fault), from window to window. None where
/// nothing can be said of it: no samples, or too few windows with any.
///
/// Kish, *Survey Sampling* (1965) §8.2: the samples ÷ (the variance that blocks of windows show ÷ the variance
/// that independent samples would have).
pub fn effective(rule: &Rule, on: &Evidence<'_>) -> Option<f64> {
    let cells = rule.cells(on, on.windows?);
    let limit = rule.metric.of(&whole(&cells)?, on.reply_timeout)?;
    let ratio = Ratio::of(cells.iter().map(|cell| indicator(rule.metric, cell, limit)));
    let independent = Share { faults: ratio.part(), samples: ratio.whole() };
    let mut deck = Deck::new(1, 0, cells.len(), RESAMPLES);
    let seen = Figure::Ratio(&ratio).alone(&mut deck)?.variance?;
    let effect = design_effect(seen, independent.variance_if_independent());
    Some(ratio.whole() / effect)
}

/// How many samples of a cell have the property, and how many there are.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "times and counts of a run"
)]
fn indicator(metric: Metric, cell: &Cell, limit: Observed) -> (f64, f64) {
    let pool = &cell.pool;
    match metric {
        Metric::Faults => (pool.faults.total() as f64, pool.samples() as f64),
        Metric::Fault(fault) => (pool.faults.of(fault) as f64, pool.samples() as f64),
        Metric::Dropped => (cell.dropped as f64, cell.due as f64),
        _ => {
            let slower = match limit {
                Observed::Time(time_us) if time_us.is_finite() => pool.good.above(time_us as u64),
                _ => 0,
            };
            ((slower + pool.beyond) as f64, (pool.good.count() + pool.beyond) as f64)
        }
    }
}

fn whole(cells: &[Cell]) -> Option<Cell> {
    let mut cells = cells.iter();
    let mut sum = cells.next()?.clone();
    cells.for_each(|cell| sum.append(cell));
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::lab::{Second, fine, run};
    use crate::base::random::{Seed, unit};
    use std::time::Duration;

    #[test]
    fn a_rule_needs_samples_by_what_it_looks_for() {
        for (rule, samples) in [
            ("p50 < 1s", 30),
            ("p95 < 1s", 300),
            ("p99 < 1s", 1500),
            ("p99.9 < 1s", 15_000),
            ("faults < 1%", 300),
            ("fault:reset < 0.1%", 3000),
            ("faults <= 0%", 0),
            ("mean < 1s", 100),
            ("max < 1s", 0),
            ("completed-rate > 10/s", 0),
            ("drift(p95) < 5%", 0),
        ] {
            assert_eq!(needed(&rule.parse().unwrap()), samples, "{rule}");
        }
    }

    fn worth(seconds: &[Second], rule: &str) -> Option<f64> {
        let (tally, windows) = run(seconds, 1000);
        let reply_timeout = Duration::from_secs(30);
        let on = Evidence { tally: &tally, windows: Some(&windows), reply_timeout };
        effective(&rule.parse().unwrap(), &on)
    }

    /// Every second is slow or fast as a whole, and so are the five around it.
    #[test]
    fn samples_that_share_their_fate_are_worth_less_than_their_number() {
        let mut random = Seed(3).stream("enough", 0);
        let mut seconds = Vec::new();
        while seconds.len() < 240 {
            let time_us = if unit(&mut random) < 0.1 { 400_000 } else { 100_000 };
            seconds.extend([fine(20, time_us); 6]);
        }
        let found = worth(&seconds, "p80 < 1s").unwrap();
        assert!(found > 10.0 && found < 120.0, "4800 samples, 40 fates: {found}");
    }

    #[test]
    fn samples_that_know_nothing_of_each_other_are_worth_their_number() {
        let mut random = Seed(4).stream("enough", 0);
        let second = |slow: u64| Second { refused: slow, ..fine(20 - slow, 100_000) };
        let mut fault = || u64::from(unit(&mut random) < 0.1);
        let seconds: Vec<_> = (0..240).map(|_| second((0..20).map(|_| fault()).sum())).collect();
        let found = worth(&seconds, "faults < 20%").unwrap();
        assert!(found > 2400.0 && found <= 4800.0, "{found}");
        // None of it anywhere: nothing shares a fate.
        assert_eq!(worth(&[fine(20, 100_000); 60], "faults < 1%"), Some(1200.0));
        assert_eq!(worth(&[fine(20, 100_000); 3], "faults < 1%"), None);
    }
}
