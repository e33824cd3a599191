//! What came of a level: every rule by the whole of its interval, and all of them together.

use super::enough::{effective, needed};
use super::found::{Level, LevelJourney, LevelRule, LevelVerdict, Purpose, Reason};
use super::goodput;
use super::level::{Order, Watched};
use crate::analysis::bootstrap::Draws;
use crate::analysis::guard::Breach;
use crate::analysis::rule::{Limit, Metric, Rule};
use crate::analysis::threshold::{DRAWS, Evidence, Weighed};
use crate::base::figures;
use crate::base::names::Journey;
use crate::measure::fault::Fault;
use crate::measure::histogram::{Judged, Percentile};
use crate::measure::sample::micros;
use crate::measure::series::Kind;
use crate::measure::tally::{Pool, Tally, share};
use crate::result::summary::{Summary, ThresholdSummary, Verdict};
use std::collections::BTreeSet;
use std::time::Duration;

/// How closely is looked while a level goes on. An interval that is looked at again and again holds the truth
/// less often than it says; with 99.9 % at every look but the last, which keeps its 95 %, all looks together
/// err hardly more often than the last alone.
///
/// Haybittle, *Repeated assessment of results in clinical trials of cancer treatment*, British Journal of
/// Radiology 44 (1971) 793–797; Peto et al., *Design and analysis of randomized clinical trials requiring
/// prolonged observation of each patient*, British Journal of Cancer 34 (1976) 585–612.
pub(super) const LOOKING: Draws = Draws { resamples: 300, seed: 1, confidence: 0.999 };

/// With so many of the arrivals late because all users were busy, the tenant kept them for too long.
const TOO_MANY_LATE: f64 = 0.01;

/// The quantile of the normal distribution that intervals of 95 % reach to.
const TWO_SIDES: f64 = 1.96;

/// A rule with what was observed and what that says.
#[derive(Clone, Debug)]
pub(super) struct Ruled {
    pub(super) weighed: Weighed,
    pub(super) verdict: LevelVerdict,
    limit: f64,
    wants_low: bool,
}

/// Every rule, and whether iterations complete as fast as they come, as the last.
pub(super) fn verdicts(rules: &[Rule], on: &Evidence<'_>, draws: Draws) -> Vec<Ruled> {
    let of_rule = |rule: &Rule| {
        let weighed = rule.weigh(on, draws);
        let verdict = verdict(rule, &weighed, on);
        let limit = match rule.limit.value {
            Limit::Time(limit) => limit.0.as_secs_f64() * 1e6,
            Limit::Share(limit) => limit.0,
            Limit::Rate(limit) => limit.per_second,
        };
        Ruled { weighed, verdict, limit, wants_low: rule.op.wants_low() }
    };
    let keeping_up = goodput::weigh(on, draws).map(|weighed| {
        let verdict = goodput::verdict(&weighed);
        Ruled { weighed, verdict, limit: goodput::LEAST, wants_low: false }
    });
    rules.iter().map(of_rule).chain(keeping_up).collect()
}

/// By the whole of the interval; by the number itself where there is no interval to be had.
fn verdict(rule: &Rule, weighed: &Weighed, on: &Evidence<'_>) -> LevelVerdict {
    let Some(observed) = weighed.observed else { return LevelVerdict::Undecided };
    let of = |holds: bool| if holds { LevelVerdict::Pass } else { LevelVerdict::Fail };
    let is_nought = matches!(rule.limit.value, Limit::Share(limit) if limit.0 == 0.0);
    let is_by_point = rule.is_of_stretches() || rule.metric == Metric::Max || is_nought;
    match weighed.interval {
        _ if is_by_point => of(rule.holds(observed)),
        Some((low, high)) => match [low, high].map(|end| rule.holds(observed.with(end))) {
            [true, true] => LevelVerdict::Pass,
            [false, false] => LevelVerdict::Fail,
            _ => LevelVerdict::Undecided,
        },
        #[expect(clippy::cast_precision_loss, reason = "at most 10^9")]
        None if effective(rule, on).is_some_and(|worth| worth >= needed(rule) as f64) => {
            of(rule.holds(observed))
        }
        None => LevelVerdict::Undecided,
    }
}

impl Ruled {
    fn level_rule(&self, reply_timeout: Duration) -> LevelRule {
        let ThresholdSummary { rule, observed, low, high, .. } = self.weighed.told.clone();
        let (excess, excess_error) = self.excess(reply_timeout).unzip();
        let excess_error = excess_error.flatten();
        LevelRule { rule, observed, low, high, verdict: self.verdict, excess, excess_error }
    }

    /// How far beyond the limit, as a logarithm, and its standard error.
    fn excess(&self, reply_timeout: Duration) -> Option<(f64, Option<f64>)> {
        let observed = self.weighed.observed?;
        let sign = if self.wants_low { 1.0 } else { -1.0 };
        let of = |value: f64| sign * (value / self.limit).ln();
        let value = observed.value();
        if self.limit <= 0.0 || value <= 0.0 {
            return None;
        }
        if value.is_infinite() {
            #[expect(clippy::cast_precision_loss, reason = "a time-out is below 2^52 µs")]
            let waited = micros(reply_timeout) as f64;
            return Some((of(waited).max(std::f64::consts::LN_2), None));
        }
        let error = self.weighed.interval.and_then(|(low, high)| {
            let up = (high / value).ln() / TWO_SIDES;
            let down = (value / low).ln() / TWO_SIDES;
            let both: Vec<f64> = [up, down].into_iter().filter(|side| side.is_finite()).collect();
            let sides = u32::try_from(both.len()).ok().filter(|sides| *sides > 0)?;
            Some(both.iter().sum::<f64>() / f64::from(sides))
        });
        Some((of(value), error))
    }

    fn why(&self) -> String {
        let told = &self.weighed.told;
        match self.verdict {
            LevelVerdict::Fail => told.broken(),
            _ => {
                let interval = told.interval().map(|interval| format!(" ({interval})"));
                format!(
                    "`{}`: {}{} does not tell",
                    told.rule,
                    told.observed,
                    interval.unwrap_or_default()
                )
            }
        }
    }
}

/// Judges a probe that is over, by its windows on file and the guard that ended it, if one did. Number, purpose
/// and directory of the level are the caller's to fill in; so is [`Level::stops`], where the run was ended by
/// something that is not seen here: a person, a full disk.
pub fn judge(
    order: &Order,
    (watched, breach): (&Watched, Option<&Breach>),
    on: &Evidence<'_>,
    summary: &Summary,
) -> Level {
    let tally = on.tally;
    let found = verdicts(&order.rules, on, DRAWS);
    let ended = breach.map(|breach| EndedByGuard::new(breach, order, watched));
    let (verdict, stops, reasons) = together(&found, (watched, ended.as_ref()), tally, summary);
    let mut rules: Vec<LevelRule> =
        found.iter().map(|ruled| ruled.level_rule(on.reply_timeout)).collect();
    rules.extend(ended.filter(|_| verdict == LevelVerdict::Fail).and_then(EndedByGuard::rule));
    let measured_s = Duration::from_millis(tally.run.measured_ms).as_secs_f64();
    let (effective_samples, needed_samples) = worth(order, on);
    let counts = || tally.journeys.values();
    Level {
        probe: 0,
        purpose: if order.hold.is_some() { Purpose::Hold } else { Purpose::Climb },
        dir: String::new(),
        rate_per_s: order.rate_per_s,
        verdict,
        reasons,
        stops,
        cooled_s: watched.cooled_s,
        settling_s: watched.settling_s,
        is_settled: watched.is_settled,
        measured_s,
        due: counts().map(|counts| counts.due).sum(),
        completed_per_s: counts().map(|counts| counts.completed_per_s(tally.run.measured_ms)).sum(),
        in_flight: watched.in_flight,
        p50_us: within(&tally.iterations(Kind::Response, |_, _| true), Percentile::P50),
        effective_samples,
        needed_samples,
        rules,
        journeys: journeys(tally),
    }
}

/// A guard ended the run of a level, while the generator was well.
enum EndedByGuard<'b> {
    /// A tenant that was well at this rate or below no longer is: it is the load.
    Overload(&'b Breach),
    /// Nobody knows whether less load would be better: nothing more is sent.
    Unknown(&'b Breach, &'static str),
}

impl<'b> EndedByGuard<'b> {
    fn new(breach: &'b Breach, order: &Order, watched: &Watched) -> Self {
        match (order.has_passed_below, watched.is_loaded) {
            (true, true) => Self::Overload(breach),
            (_, false) => Self::Unknown(breach, "in the rest before the level: it did not recover"),
            (false, true) => Self::Unknown(
                breach,
                "no level passed before: see whether it is well, or begin lower",
            ),
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Overload(breach) => breach.to_string(),
            Self::Unknown(breach, why) => format!("{breach}, {why}"),
        }
    }

    const fn breach(&self) -> &'b Breach {
        match self {
            Self::Overload(breach) | Self::Unknown(breach, _) => breach,
        }
    }

    /// Why it says nothing about the tenant, if it was the licence or an edge that turned calls down: a guard may
    /// see that before there are as many as the watch wants.
    fn of_others(&self) -> Option<Reason> {
        match self.breach().rule.metric {
            Metric::Fault(Fault::RateLimited) => Some(Reason::RateLimited),
            Metric::Fault(Fault::Blocked) => Some(Reason::Blocked),
            _ => None,
        }
    }

    /// As a rule of the level: what would have had to hold.
    fn rule(self) -> Option<LevelRule> {
        let Self::Overload(breach) = self else { return None };
        let expected = breach.expected();
        let Limit::Share(limit) = expected.limit.value else { return None };
        let excess = Some((breach.part() / limit.0).ln()).filter(|excess| excess.is_finite());
        Some(LevelRule {
            rule: expected.to_string(),
            observed: breach.observed(),
            low: None,
            high: None,
            verdict: LevelVerdict::Fail,
            excess,
            excess_error: None,
        })
    }
}

fn together(
    found: &[Ruled],
    (watched, ended): (&Watched, Option<&EndedByGuard<'_>>),
    tally: &Tally,
    summary: &Summary,
) -> (LevelVerdict, Option<Reason>, Vec<String>) {
    if let Some((reason, told)) = &watched.stops {
        return (LevelVerdict::Void, Some(*reason), vec![told.clone()]);
    }
    if summary.verdict == Verdict::Invalid {
        return (LevelVerdict::Void, None, summary.reasons.clone());
    }
    if let Some((by, reason)) = ended.and_then(|by| Some((by, by.of_others()?))) {
        return (LevelVerdict::Void, Some(reason), vec![by.breach().to_string()]);
    }
    match ended {
        Some(by @ EndedByGuard::Overload(_)) => return (LevelVerdict::Fail, None, vec![by.told()]),
        Some(by @ EndedByGuard::Unknown(..)) => {
            return (LevelVerdict::Void, Some(Reason::Aborted), vec![by.told()]);
        }
        None => {}
    }
    if tally.run.measured_ms == 0 {
        return (LevelVerdict::Void, None, vec!["nothing was measured".to_owned()]);
    }
    let (verdict, reasons) = by_rules(found, watched, tally);
    (verdict, None, reasons)
}

fn by_rules(found: &[Ruled], watched: &Watched, tally: &Tally) -> (LevelVerdict, Vec<String>) {
    let why = |verdict: LevelVerdict| {
        found.iter().filter(move |ruled| ruled.verdict == verdict).map(Ruled::why)
    };
    let mut fails: Vec<String> = why(LevelVerdict::Fail).collect();
    fails.extend(too_many_late(tally));
    if !fails.is_empty() {
        return (LevelVerdict::Fail, fails);
    }
    let mut open: Vec<String> = why(LevelVerdict::Undecided).collect();
    if !watched.is_settled {
        let in_flight = figures::rate(watched.in_flight);
        open.push(format!("it never settled, with {in_flight} iterations under way on average"));
    }
    let verdict = if open.is_empty() { LevelVerdict::Pass } else { LevelVerdict::Undecided };
    (verdict, open)
}

/// Arrivals that found all users busy, while the generator was well.
fn too_many_late(tally: &Tally) -> Option<String> {
    let late: u64 = tally.journeys.values().map(|counts| counts.late).sum();
    let due: u64 = tally.journeys.values().map(|counts| counts.due).sum();
    (share(late, due) >= TOO_MANY_LATE)
        .then(|| format!("max-users-reached: {late} of {due} arrivals found all users busy"))
}

/// The worth of the samples and the number needed, of the rule that has the smallest part of what it needs.
#[expect(clippy::cast_precision_loss, reason = "at most 10^9")]
fn worth(order: &Order, on: &Evidence<'_>) -> (Option<f64>, u64) {
    let of_rule = |rule: &Rule| Some((effective(rule, on), needed(rule))).filter(|of| of.1 > 0);
    let part = |of: &(Option<f64>, u64)| of.0.unwrap_or(0.0) / of.1 as f64;
    let rules = order.rules.iter().filter_map(of_rule);
    rules.min_by(|one, other| part(one).total_cmp(&part(other))).unwrap_or((None, 0))
}

fn journeys(tally: &Tally) -> Vec<LevelJourney> {
    let names: BTreeSet<&Journey> = tally.journeys.keys().map(|(_, journey)| journey).collect();
    let row = |name: &Journey| {
        let pool = tally.iterations(Kind::Response, |_, journey| journey == name);
        let mine = tally.journeys.iter().filter(|((_, journey), _)| journey == name);
        LevelJourney {
            journey: name.to_string(),
            completed_per_s: mine
                .map(|(_, counts)| counts.completed_per_s(tally.run.measured_ms))
                .sum(),
            error_share: pool.error_share(),
            p50_us: within(&pool, Percentile::P50),
            p95_us: within(&pool, Percentile::P95),
            p99_us: within(&pool, Percentile::P99),
        }
    };
    names.into_iter().map(row).collect()
}

fn within(pool: &Pool, percentile: Percentile) -> Option<u64> {
    match pool.judged(percentile)? {
        Judged::Within(time_us) => Some(time_us),
        Judged::BeyondAnyLimit => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::guard::Seen;
    use crate::analysis::lab::{Second, fine, run};
    use crate::base::random::{Seed, unit};
    use crate::result::summary::{Facts, Judgement, WorkloadModel};

    fn order(rule: &str) -> Order {
        Order {
            rate_per_s: 20.0,
            rules: vec![rule.parse().unwrap()],
            reply_timeout: Duration::from_secs(30),
            settle: Duration::from_secs(60),
            measure_at_least: Duration::from_secs(10),
            measure: Duration::from_secs(120),
            cool_down: None,
            hold: None,
            has_passed_below: false,
        }
    }

    fn settled() -> Watched {
        Watched { is_settled: true, is_loaded: true, in_flight: 2.0, ..Watched::default() }
    }

    fn judged(rule: &str, seconds: &[Second], watched: &Watched, verdict: Verdict) -> Level {
        judged_with(&order(rule), seconds, (watched, None), verdict)
    }

    fn judged_with(
        order: &Order,
        seconds: &[Second],
        (watched, breach): (&Watched, Option<&Breach>),
        verdict: Verdict,
    ) -> Level {
        let (tally, windows) = run(seconds, 1000);
        let facts = Facts {
            run_id: "r".into(),
            started_at: String::new(),
            workload_model: WorkloadModel::Open,
            parts: Vec::new(),
        };
        let reasons = vec!["the generator was the limit".to_owned()];
        let judgement = Judgement { verdict, reasons, thresholds: vec![], cautions: vec![] };
        let summary = Summary::new(facts, &tally, judgement);
        let reply_timeout = order.reply_timeout;
        let on = Evidence { tally: &tally, windows: Some(&windows), reply_timeout };
        judge(order, (watched, breach), &on, &summary)
    }

    /// Seconds of 20 sign-ons each, of which one in ten takes about this long.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time")]
    fn around(time_us: f64, number: u64) -> Vec<Second> {
        let mut random = Seed(9).stream("judge", number);
        (0..number).map(|_| fine(20, (time_us * (0.7 + 0.6 * unit(&mut random))) as u64)).collect()
    }

    #[test]
    fn a_rule_passes_or_fails_by_the_whole_of_its_interval() {
        for (rule, verdict) in [
            ("p50 < 200ms", LevelVerdict::Pass),
            ("p50 < 101ms", LevelVerdict::Undecided),
            ("p50 < 50ms", LevelVerdict::Fail),
            ("faults < 1%", LevelVerdict::Pass),
            ("faults <= 0%", LevelVerdict::Pass),
            ("max < 1s", LevelVerdict::Pass),
            ("max < 100ms", LevelVerdict::Fail),
            ("completed-rate > 10/s", LevelVerdict::Pass),
            ("p50 < 100ms over 10s", LevelVerdict::Fail),
            ("register.p95 < 1s", LevelVerdict::Undecided),
        ] {
            let level = judged(rule, &around(100_000.0, 60), &settled(), Verdict::Pass);
            assert_eq!(level.verdict, verdict, "{rule}: {:?}", level.reasons);
            assert_eq!(level.reasons.is_empty(), verdict == LevelVerdict::Pass, "{rule}");
            assert_eq!(level.rules.len(), 2, "the rule, and whether all keeps up");
        }
    }

    #[test]
    fn the_excess_is_nought_at_the_limit_and_more_is_worse() {
        let of = |rule: &str| {
            let level = judged(rule, &around(100_000.0, 60), &settled(), Verdict::Pass);
            (level.rules[0].excess.unwrap(), level.rules[0].excess_error.unwrap())
        };
        let (good, error) = of("p50 < 200ms");
        assert!((good + 2f64.ln()).abs() < 0.1 && error > 0.0 && error < 0.2, "{good} {error}");
        assert!(of("p50 < 50ms").0 > 0.6);
        assert!(of("completed-rate > 10/s").0 < -0.6, "wanting much is turned round");
        let none = judged("faults < 1%", &around(100_000.0, 60), &settled(), Verdict::Pass);
        assert_eq!(none.rules[0].excess, None);
    }

    #[test]
    fn what_never_settled_cannot_pass_but_can_fail() {
        let moving = Watched { is_settled: false, ..settled() };
        let of = |rule| judged(rule, &around(100_000.0, 60), &moving, Verdict::Pass).verdict;
        assert_eq!(of("p50 < 200ms"), LevelVerdict::Undecided);
        assert_eq!(of("p50 < 50ms"), LevelVerdict::Fail);
    }

    #[test]
    fn what_a_guard_ends_is_a_fail_where_less_load_was_well() {
        let rule = "faults > 20% over 30s".parse().unwrap();
        let breach = Breach { rule, seen: Seen { events: 50, hits: 20 } };
        let of = |has_passed_below, is_loaded, verdict| {
            let order = Order { has_passed_below, ..order("p50 < 200ms") };
            let watched = Watched { is_loaded, ..settled() };
            // It may be over before anything was measured.
            judged_with(&order, &[], (&watched, Some(&breach)), verdict)
        };
        let failed = of(true, true, Verdict::Fail);
        assert_eq!((failed.verdict, failed.stops), (LevelVerdict::Fail, None));
        let guard = failed.rules.last().unwrap();
        assert_eq!(
            (guard.rule.as_str(), guard.observed.as_str(), guard.verdict),
            ("faults <= 20% over 30s", "20 of 50 iterations, 40.0%", LevelVerdict::Fail)
        );
        assert!((guard.excess.unwrap() - 2f64.ln()).abs() < 1e-9);
        for (has_passed, is_loaded, why) in
            [(false, true, "no level passed before"), (true, false, "it did not recover")]
        {
            let level = of(has_passed, is_loaded, Verdict::Fail);
            assert_eq!((level.verdict, level.stops), (LevelVerdict::Void, Some(Reason::Aborted)));
            assert!(level.reasons[0].contains("guard `faults > 20%"), "{:?}", level.reasons);
            assert!(level.reasons[0].contains(why), "{:?}", level.reasons);
            assert!(level.rules.iter().all(|rule| !rule.rule.contains("faults")));
        }
        let level = of(true, true, Verdict::Invalid);
        assert_eq!((level.verdict, level.stops), (LevelVerdict::Void, None), "its own doing");
    }

    #[test]
    fn a_guard_that_the_licence_breaches_is_no_fail_of_the_tenant() {
        for (rule, reason) in [
            ("rate-limited > 5% over 10s", Reason::RateLimited),
            ("blocked > 5% over 10s", Reason::Blocked),
        ] {
            let breach = Breach { rule: rule.parse().unwrap(), seen: Seen { events: 39, hits: 2 } };
            for has_passed_below in [false, true] {
                let order = Order { has_passed_below, ..order("p50 < 200ms") };
                let watched = Watched { is_loaded: true, ..settled() };
                let level = judged_with(&order, &[], (&watched, Some(&breach)), Verdict::Fail);
                assert_eq!((level.verdict, level.stops), (LevelVerdict::Void, Some(reason)));
                assert!(level.reasons[0].contains("2 of 39"), "{:?}", level.reasons);
            }
        }
    }

    #[test]
    fn what_says_nothing_about_the_tenant_is_void() {
        let seconds = around(100_000.0, 60);
        let level = judged("p50 < 50ms", &seconds, &settled(), Verdict::Invalid);
        assert_eq!(level.verdict, LevelVerdict::Void);
        assert_eq!(level.reasons, ["the generator was the limit"]);
        let stops = Some((Reason::RateLimited, "9 of 100".to_owned()));
        let level = judged("p50 < 50ms", &seconds, &Watched { stops, ..settled() }, Verdict::Pass);
        assert_eq!((level.verdict, level.stops), (LevelVerdict::Void, Some(Reason::RateLimited)));
        let level = judged("p50 < 50ms", &[], &settled(), Verdict::Fail);
        assert_eq!(level.verdict, LevelVerdict::Void);
    }

    #[test]
    fn a_pass_is_no_pass_where_work_piles_up() {
        let seconds: Vec<Second> = around(100_000.0, 60)
            .into_iter()
            .map(|second| Second { dropped: 3, ..second })
            .collect();
        let level = judged("p50 < 200ms", &seconds, &settled(), Verdict::Pass);
        assert_eq!(level.verdict, LevelVerdict::Fail, "{level:?}");
        assert_eq!(level.rules[1].verdict, LevelVerdict::Fail);
        assert!(level.rules[1].excess.unwrap() > 0.05);
    }
}
