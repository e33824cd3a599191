//! Rules against the numbers of a run.

use super::rule::{Limit, Metric, Rule, Scope};
use crate::base::units::{Rate, Share, Span};
use crate::measure::histogram::Judged;
use crate::measure::sample::micros;
use crate::measure::series::{Kind, SeriesKey};
use crate::measure::tally::{JourneyTally, Pool, Tally, share};
use crate::result::summary::ThresholdSummary;
use std::time::Duration;

/// The rule that every run has that has no other about faults.
pub const DEFAULT_RULE: &str = "faults < 1%";

/// The rules of a run: those given, and [`DEFAULT_RULE`] unless one is about `faults`, of
/// whatever scope.
pub fn with_default(mut rules: Vec<Rule>) -> Vec<Rule> {
    if !rules.iter().any(|rule| rule.metric == Metric::Faults) {
        rules.extend(DEFAULT_RULE.parse::<Rule>());
    }
    rules
}

/// What a rule observed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Observed {
    /// A time in microseconds; infinite for one beyond any limit.
    Time(f64),
    Share(f64),
    Rate(f64),
    /// There was nothing to observe.
    Nothing,
    /// gander cannot do that yet.
    NotBuilt(&'static str),
}

impl Rule {
    /// What of the rule cannot be evaluated yet; none for most.
    pub fn not_built_yet(&self) -> Option<&'static str> {
        match (&self.over, self.metric) {
            (Some(_), _) => Some("windows (`over`)"),
            (None, Metric::Drift(_)) => Some("drift"),
            (None, _) => None,
        }
    }

    /// Looks at a settled tally. A rule that meets no sample does not hold. `reply_timeout` is what
    /// is slower than any limit has been waited for at most.
    pub fn evaluate(&self, tally: &Tally, reply_timeout: Duration) -> ThresholdSummary {
        let observed = match self.not_built_yet() {
            Some(what) => Observed::NotBuilt(what),
            None => self.observe(tally, reply_timeout),
        };
        let holds = match (observed, self.limit.value) {
            (Observed::Time(observed), Limit::Time(limit)) => {
                self.op.holds(observed, limit.0.as_secs_f64() * 1e6)
            }
            (Observed::Share(observed), Limit::Share(limit)) => self.op.holds(observed, limit.0),
            (Observed::Rate(observed), Limit::Rate(limit)) => {
                self.op.holds(observed, limit.per_second)
            }
            _ => false,
        };
        ThresholdSummary { rule: self.to_string(), observed: observed.shown(reply_timeout), holds }
    }

    fn observe(&self, tally: &Tally, reply_timeout: Duration) -> Observed {
        match self.metric {
            Metric::CompletedRate => self.completed_rate(tally),
            Metric::Dropped => self.dropped(tally),
            metric => observe_pool(metric, &self.scope.pool(tally), reply_timeout),
        }
    }

    fn journeys<'t>(&self, tally: &'t Tally) -> impl Iterator<Item = &'t JourneyTally> {
        tally.journeys.iter().filter_map(|((variant, journey), counts)| {
            let asked = match &self.scope {
                Scope::Run => true,
                Scope::Journey(one) => journey == one,
                Scope::Variant(one) => variant == one,
                Scope::Step(..) | Scope::Capability { .. } => false,
            };
            asked.then_some(counts)
        })
    }

    fn completed_rate(&self, tally: &Tally) -> Observed {
        let due: u64 = self.journeys(tally).map(|counts| counts.due).sum();
        let measured_ms = tally.run.measured_ms;
        if due == 0 || measured_ms == 0 {
            return Observed::Nothing;
        }
        Observed::Rate(self.journeys(tally).map(|counts| counts.completed_per_s(measured_ms)).sum())
    }

    fn dropped(&self, tally: &Tally) -> Observed {
        let due: u64 = self.journeys(tally).map(|counts| counts.due).sum();
        let dropped: u64 = self.journeys(tally).map(|counts| counts.dropped).sum();
        if due == 0 { Observed::Nothing } else { Observed::Share(share(dropped, due)) }
    }
}

impl Scope {
    /// The samples it is about: response times of iterations, service times of exchanges.
    pub fn pool(&self, tally: &Tally) -> Pool {
        match self {
            Self::Run => tally.iterations(Kind::Response, |_, _| true),
            Self::Journey(one) => tally.iterations(Kind::Response, |_, journey| journey == one),
            Self::Variant(one) => tally.iterations(Kind::Response, |variant, _| variant == one),
            Self::Step(journey, step) => {
                tally.exchanges(|key| key.journey == *journey && key.step == *step)
            }
            Self::Capability { capability, event, action } => {
                let asked = |asked: &Option<String>, found: &str| {
                    asked.as_ref().is_none_or(|asked| asked == found)
                };
                tally.exchanges(|key: &SeriesKey| {
                    key.capability == *capability
                        && asked(event, &key.event)
                        && asked(action, &key.action)
                })
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "times and counts are below 2^52")]
fn observe_pool(metric: Metric, pool: &Pool, reply_timeout: Duration) -> Observed {
    let good = pool.good.count();
    let timed = good + pool.beyond;
    match metric {
        Metric::Percentile(percentile) => match pool.judged(percentile) {
            None => Observed::Nothing,
            Some(Judged::Within(time_us)) => Observed::Time(time_us as f64),
            Some(Judged::BeyondAnyLimit) => Observed::Time(f64::INFINITY),
        },
        Metric::Max if timed > 0 && pool.beyond > 0 => Observed::Time(f64::INFINITY),
        Metric::Max if timed > 0 => Observed::Time(pool.good.max_us() as f64),
        Metric::Mean if timed > 0 => {
            let waited = micros(reply_timeout) as f64 * pool.beyond as f64;
            Observed::Time((pool.good.mean_us() * good as f64 + waited) / timed as f64)
        }
        Metric::Faults if pool.samples() > 0 => Observed::Share(pool.error_share()),
        Metric::Fault(fault) if pool.samples() > 0 => Observed::Share(pool.fault_share(fault)),
        _ => Observed::Nothing,
    }
}

impl Observed {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time in µs")]
    fn shown(self, reply_timeout: Duration) -> String {
        match self {
            Self::Time(time_us) if time_us.is_infinite() => {
                format!("> {} s", reply_timeout.as_secs_f64())
            }
            Self::Time(time_us) => Span(Duration::from_micros(time_us.round() as u64)).to_string(),
            Self::Share(share) => Share(share).to_string(),
            Self::Rate(per_second) => Rate { per_second }.to_string(),
            Self::Nothing => "no samples".to_owned(),
            Self::NotBuilt(what) => format!("not evaluated: {what} is not built yet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::fault::Fault;
    use crate::measure::histogram::Times;
    use crate::measure::series::{Outcome, Phase};
    use std::sync::Arc;

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// 94 sign-ons in 100 ms and 6 held until the time-out; one row of exchanges beneath.
    fn tally() -> Tally {
        let mut tally = Tally::default();
        tally.run.measured_ms = 10_000;
        let (variant, journey) = ("v1".into(), "sign-on".into());
        let response = SeriesKey::of_journey(Phase::Measured, &variant, &journey, Kind::Response);
        let exchange = |outcome| SeriesKey {
            step: "credentials".into(),
            capability: "customHTMLTemplate".into(),
            event: "submit".into(),
            action: "SIGNON".into(),
            outcome: Some(outcome),
            kind: Kind::Exchange,
            ..response.clone()
        };
        let mut add = |key: SeriesKey, time_us, count| {
            let mut times = Times::new(key.bounds());
            (0..count).for_each(|_| times.record(time_us));
            tally.absorb_times(&Arc::new(key), &times);
        };
        add(exchange(Outcome::Advanced), 20_000, 94);
        add(exchange(Outcome::Fault(Fault::ReadTimeout)), 30_000_000, 6);
        add(response.clone(), 100_000, 94);
        let counts = JourneyTally {
            due: 102,
            completed: 94,
            completed_in_time_m: 94_000,
            dropped: 2,
            faults: [(Fault::ReadTimeout, 6)].into_iter().collect(),
            ..JourneyTally::default()
        };
        tally.journeys.insert((variant, journey), counts);
        tally
    }

    fn observed(rule: &str) -> (String, bool) {
        let found = rule.parse::<Rule>().unwrap().evaluate(&tally(), TIMEOUT);
        (found.observed, found.holds)
    }

    #[test]
    fn six_of_a_hundred_held_until_the_time_out_fail_the_95th_percentile() {
        for rule in [
            "p95 < 800ms",
            "sign-on.p95 < 10h",
            "variant:v1.p95 < 800ms",
            "sign-on/credentials.p95 < 800ms",
            "capability:customHTMLTemplate.p95 < 800ms",
            "capability:customHTMLTemplate submit.p95 < 800ms",
            "capability:customHTMLTemplate submit SIGNON.p95 < 800ms",
            "max < 24h",
        ] {
            assert_eq!(observed(rule), ("> 30 s".to_owned(), false), "{rule}");
        }
        assert_eq!(observed("p90 < 800ms"), ("100.031ms".to_owned(), true));
        assert_eq!(observed("p94 <= 100.031ms"), ("100.031ms".to_owned(), true));
        assert_eq!(observed("p99.9 > 1s"), ("> 30 s".to_owned(), true));
    }

    #[test]
    fn every_metric_observes_its_number() {
        for (rule, observation, holds) in [
            ("faults < 1%", "6%", false),
            ("faults <= 6%", "6%", true),
            ("fault:read-timeout < 7%", "6%", true),
            ("fault:http-5xx <= 0%", "0%", true),
            ("dropped < 1%", "1.961%", false),
            ("completed-rate >= 9/s", "9.4/s", true),
            ("sign-on.completed-rate >= 600/min", "9.4/s", false),
            ("sign-on/credentials.faults < 10%", "6%", true),
        ] {
            assert_eq!(observed(rule), (observation.to_owned(), holds), "{rule}");
        }
        // 94 · 0.1 s + 6 · 30 s over 100.
        assert_eq!(observed("mean < 1s"), ("1.894s".to_owned(), false));
    }

    #[test]
    fn a_rule_that_meets_no_sample_fails() {
        for rule in [
            "register.p95 < 800ms",
            "register.faults < 1%",
            "register.dropped < 1%",
            "register.completed-rate > 0/s",
            "capability:other.max < 1s",
            "capability:customHTMLTemplate action.mean < 1s",
            "variant:v2.p95 > 1us",
        ] {
            assert_eq!(observed(rule), ("no samples".to_owned(), false), "{rule}");
        }
    }

    #[test]
    fn what_is_not_built_yet_never_passes() {
        for rule in ["p95 < 10h over 1m", "drift(p95) < 100%"] {
            let (observed, holds) = observed(rule);
            assert!(observed.ends_with("is not built yet") && !holds, "{rule}: {observed}");
        }
    }

    #[test]
    fn a_run_without_a_rule_about_faults_gets_one() {
        let rules = |texts: &[&str]| -> Vec<String> {
            let rules = texts.iter().map(|text| text.parse().unwrap()).collect();
            with_default(rules).iter().map(ToString::to_string).collect()
        };
        assert_eq!(rules(&[]), ["faults < 1%"]);
        assert_eq!(
            rules(&["p95 < 1s", "dns <= 0%"]),
            ["p95 < 1s", "fault:dns <= 0%", "faults < 1%"]
        );
        assert_eq!(rules(&["sign-on.faults < 5%"]), ["sign-on.faults < 5%"]);
    }
}
