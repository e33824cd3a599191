//! What a rule observes of samples taken together: the run, a stretch of it, a second.

use super::rule::{Limit, Metric, Rule, Scope};
use crate::base::figures;
use crate::measure::histogram::Judged;
use crate::measure::sample::micros;
use crate::measure::series::{Kind, SeriesKey};
use crate::measure::tally::{JourneyTally, Pool, Tally, share};
use crate::measure::windows::{Cell, Track};
use std::time::Duration;

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Observed {
    /// Microseconds; infinite for a time beyond any limit.
    Time(f64),
    /// A part of a whole. A drift is one too, and may be negative.
    Share(f64),
    /// Happenings per second.
    Rate(f64),
}

impl Observed {
    /// The bare number.
    pub const fn value(self) -> f64 {
        match self {
            Self::Time(value) | Self::Share(value) | Self::Rate(value) => value,
        }
    }

    /// Another number of the same unit.
    pub const fn with(self, value: f64) -> Self {
        match self {
            Self::Time(_) => Self::Time(value),
            Self::Share(_) => Self::Share(value),
            Self::Rate(_) => Self::Rate(value),
        }
    }

    /// For people, with three figures. What is slower than any limit was waited for as long as
    /// `reply_timeout`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time in µs")]
    pub fn shown(self, reply_timeout: Duration) -> String {
        match self {
            Self::Time(time_us) if time_us.is_infinite() => {
                format!("> {} s", reply_timeout.as_secs_f64())
            }
            Self::Time(time_us) => figures::time(time_us.round() as u64),
            Self::Share(share) if share >= 0.0 => figures::share(share),
            // A drift downwards. No `-0%`.
            Self::Share(share) if share > -5e-5 => figures::share(0.0),
            Self::Share(share) => format!("-{}", figures::share(-share)),
            Self::Rate(per_second) => format!("{}/s", figures::rate(per_second)),
        }
    }

    /// As precisely as is of any use.
    fn shown_precisely(self) -> String {
        match self {
            Self::Time(time_us) if time_us < 1e6 => format!("{:.3} ms", time_us / 1e3),
            Self::Time(time_us) => format!("{:.3} s", time_us / 1e6),
            Self::Share(share) => format!("{:.3}%", share * 100.0),
            Self::Rate(per_second) => format!("{per_second:.3}/s"),
        }
    }
}

impl Rule {
    /// What was observed, for people: three figures, and more of them where three would look like the
    /// limit.
    pub fn shown(&self, observed: Observed, reply_timeout: Duration) -> String {
        let limit = match self.limit.value {
            Limit::Time(limit) => Observed::Time(limit.0.as_secs_f64() * 1e6),
            Limit::Share(limit) => Observed::Share(limit.0),
            Limit::Rate(limit) => Observed::Rate(limit.per_second),
        };
        let shown = observed.shown(reply_timeout);
        let away = (observed.value() - limit.value()).abs();
        let differs = away.is_finite() && away > limit.value().abs() * 1e-9;
        if differs && shown == limit.shown(reply_timeout) {
            return observed.shown_precisely();
        }
        shown
    }

    /// Whether what was observed is as the rule has it. A number of another unit never is.
    pub fn holds(&self, observed: Observed) -> bool {
        match (observed, self.limit.value) {
            (Observed::Time(observed), Limit::Time(limit)) => {
                self.op.holds(observed, limit.0.as_secs_f64() * 1e6)
            }
            (Observed::Share(observed), Limit::Share(limit)) => self.op.holds(observed, limit.0),
            (Observed::Rate(observed), Limit::Rate(limit)) => {
                self.op.holds(observed, limit.per_second)
            }
            _ => false,
        }
    }

    /// Whether one observation is further than another from what the rule wants.
    pub fn is_worse(&self, one: Observed, than: Observed) -> bool {
        if self.op.wants_low() { one.value() > than.value() } else { one.value() < than.value() }
    }
}

impl Metric {
    /// The number that a cell shows. None without anything to see; of a drift always, which no single
    /// cell shows.
    #[expect(clippy::cast_precision_loss, reason = "times and counts are below 2^52")]
    pub fn of(self, cell: &Cell, reply_timeout: Duration) -> Option<Observed> {
        let pool = &cell.pool;
        let good = pool.good.count();
        let timed = good + pool.beyond;
        match self {
            Self::Percentile(percentile) => {
                Some(Observed::Time(match pool.judged(percentile)? {
                    Judged::Within(time_us) => time_us as f64,
                    Judged::BeyondAnyLimit => f64::INFINITY,
                }))
            }
            Self::Max if pool.beyond > 0 => Some(Observed::Time(f64::INFINITY)),
            Self::Max => (timed > 0).then(|| Observed::Time(pool.good.max_us() as f64)),
            Self::Mean => (timed > 0).then(|| {
                let waited = micros(reply_timeout) as f64 * pool.beyond as f64;
                Observed::Time((pool.good.mean_us() * good as f64 + waited) / timed as f64)
            }),
            Self::Faults => (pool.samples() > 0).then(|| Observed::Share(pool.error_share())),
            Self::Fault(fault) => {
                (pool.samples() > 0).then(|| Observed::Share(pool.fault_share(fault)))
            }
            // Thousandths over milliseconds are per second.
            Self::CompletedRate => (cell.measured_ms > 0)
                .then(|| Observed::Rate(share(cell.completed_in_time_m, cell.measured_ms))),
            // One that is due at the end of a cell is dropped in the next.
            Self::Dropped => (cell.due + cell.dropped > 0)
                .then(|| Observed::Share(share(cell.dropped, cell.due.max(cell.dropped)))),
            Self::Drift(_) => None,
        }
    }
}

impl Scope {
    /// Whether a track is what it is about.
    pub fn has(&self, track: &Track) -> bool {
        match (self, track) {
            (Self::Run, Track::Iterations { .. }) => true,
            (Self::Journey(one), Track::Iterations { journey, .. }) => journey == one,
            (Self::Variant(one), Track::Iterations { variant, .. }) => variant == one,
            (Self::Step(one, of), Track::Exchanges { journey, step, .. }) => {
                journey == one && step == of
            }
            (Self::Capability { .. }, Track::Exchanges { capability, event, action, .. }) => {
                self.is_row(capability.as_str(), event, action)
            }
            _ => false,
        }
    }

    /// Whether the times of a series are among those that it is about.
    pub fn has_times(&self, key: &SeriesKey) -> bool {
        match self {
            Self::Step(..) | Self::Capability { .. } => {
                key.kind == Kind::Exchange && self.has_exchange(key)
            }
            Self::Run => key.kind == Kind::Response,
            Self::Journey(one) => key.kind == Kind::Response && key.journey == *one,
            Self::Variant(one) => key.kind == Kind::Response && key.variant == *one,
        }
    }

    /// All of it that a run measured, as one cell.
    pub fn whole(&self, tally: &Tally) -> Cell {
        let mut cell = Cell {
            measured_ms: tally.run.measured_ms,
            pool: self.pool(tally),
            due: 0,
            dropped: 0,
            completed_in_time_m: 0,
        };
        for counts in self.journeys(tally) {
            cell.due += counts.due;
            cell.dropped += counts.dropped;
            cell.completed_in_time_m += counts.completed_in_time_m;
        }
        cell
    }

    /// The samples it is about: response times of iterations, service times of exchanges.
    pub fn pool(&self, tally: &Tally) -> Pool {
        match self {
            Self::Run => tally.iterations(Kind::Response, |_, _| true),
            Self::Journey(one) => tally.iterations(Kind::Response, |_, journey| journey == one),
            Self::Variant(one) => tally.iterations(Kind::Response, |variant, _| variant == one),
            Self::Step(..) | Self::Capability { .. } => {
                tally.exchanges(|key| self.has_exchange(key))
            }
        }
    }

    fn has_exchange(&self, key: &SeriesKey) -> bool {
        match self {
            Self::Step(journey, step) => key.journey == *journey && key.step == *step,
            _ => self.is_row(key.capability.as_str(), &key.event, &key.action),
        }
    }

    fn journeys<'t>(&self, tally: &'t Tally) -> impl Iterator<Item = &'t JourneyTally> {
        tally.journeys.iter().filter_map(|((variant, journey), counts)| {
            let track = Track::Iterations { variant: variant.clone(), journey: journey.clone() };
            self.has(&track).then_some(counts)
        })
    }

    fn is_row(&self, of: &str, of_event: &str, of_action: &str) -> bool {
        let Self::Capability { capability, event, action } = self else { return false };
        let asked =
            |asked: &Option<String>, found: &str| asked.as_ref().is_none_or(|asked| asked == found);
        capability.as_str() == of && asked(event, of_event) && asked(action, of_action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_observed_has_three_figures_and_more_where_they_would_hide_what_broke_the_limit() {
        let timeout = Duration::from_secs(30);
        for (rule, observed, shown) in [
            ("p95 < 800ms", Observed::Time(400_383.0), "400 ms"),
            ("p95 < 400ms", Observed::Time(400_383.0), "400.383 ms"),
            ("p95 <= 400ms", Observed::Time(400_000.0), "400 ms"),
            ("p95 < 2s", Observed::Time(1_999_000.0), "1.999 s"),
            ("p95 < 2s", Observed::Time(f64::INFINITY), "> 30 s"),
            ("p95 < 1ms", Observed::Time(834.0), "834 µs"),
            ("faults < 1%", Observed::Share(0.226_83), "22.7%"),
            ("faults < 1%", Observed::Share(0.010_02), "1.002%"),
            ("faults < 1%", Observed::Share(1e-7), "< 0.01%"),
            ("drift(p95) < 5%", Observed::Share(-0.0312), "-3.12%"),
            ("drift(p95) < 5%", Observed::Share(-1e-7), "0%"),
            ("completed-rate > 1/s", Observed::Rate(9.4), "9.40/s"),
            ("completed-rate > 40/s", Observed::Rate(39.99), "39.990/s"),
        ] {
            assert_eq!(rule.parse::<Rule>().unwrap().shown(observed, timeout), shown, "{rule}");
        }
    }
}
