//! The verdict of a run and the exit codes of the program.

use super::caution::{self, Circumstances};
use super::early::was_stopped_for;
use super::parts;
use super::rule::Rule;
use super::threshold::Evidence;
use crate::base::figures;
use crate::base::units::Share;
use crate::measure::fault::{Fault, Side};
use crate::measure::series::Kind;
use crate::measure::tally::{RunTally, Tally, share};
use crate::measure::timeline::CPU_LIMIT;
use crate::result::part::Part;
use crate::result::summary::{Judgement, ThresholdSummary, Verdict};

/// How the program ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Everything asked for holds.
    Passed,
    /// A mistake in gander.
    Bug,
    /// Profile, flag or file.
    WrongInput,
    /// The tenant could not be used at all.
    TenantNotUsable,
    /// Thresholds, capacity or comparison.
    Failed,
    /// The generator, not the tenant, was the limit.
    Invalid,
    /// By a person; results are kept.
    Interrupted,
}

/// Every exit code with its meaning.
pub const EXITS: &[(Exit, u8, &str)] = &[
    (Exit::Passed, 0, "passed"),
    (Exit::Bug, 1, "a bug in gander"),
    (Exit::WrongInput, 2, "wrong input: profile, flag or file"),
    (Exit::TenantNotUsable, 3, "the tenant is not usable"),
    (Exit::Failed, 4, "thresholds, capacity or comparison failed"),
    (Exit::Invalid, 5, "the run is invalid: the generator, not the tenant, was the limit"),
    (Exit::Interrupted, 130, "interrupted; results are kept"),
];

impl Exit {
    /// Its number.
    pub fn code(self) -> u8 {
        EXITS.iter().find(|(exit, ..)| *exit == self).map_or(1, |(_, code, _)| *code)
    }

    /// How a run ends. An interrupted one says so, whatever it had found by then.
    pub const fn of_run(verdict: Verdict, interrupted: bool) -> Self {
        match (interrupted, verdict) {
            (true, _) => Self::Interrupted,
            (false, Verdict::Pass) => Self::Passed,
            (false, Verdict::Fail) => Self::Failed,
            (false, Verdict::Invalid) => Self::Invalid,
        }
    }
}

/// The part of the measured time in which the generator may have been the limit, from which on a
/// run is invalid: a tenth. Below it is a caution.
pub const OVERLOADED_PART: u64 = 10;

/// Why a run without an end is no passed one, however well it went as far as it was written, and how it gets one.
const UNFINISHED: &str = "the run has no end on record: it is still under way, was killed, or its \
     results could not be written; one that was killed goes on where its plan stood with \
     `gander run … --resume RUN_DIR`, with the profile and the flags that it was started with";

/// Why a run that ended in its warm-up is no passed one: no rule was broken, and none was kept.
const UNMEASURED: &str = "nothing was measured: the run ended in its warm-up";

/// Judges a run. `stopped` is a reason for which it was ended early, such as a guard's: it fails the run. One share of a
/// plan fails by no threshold: those are for the whole.
pub fn judge(
    on: &Evidence<'_>,
    rules: &[Rule],
    stopped: Option<String>,
    circumstances: &Circumstances,
) -> Judgement {
    let tally = on.tally;
    let thresholds: Vec<_> = rules.iter().map(|rule| rule.evaluate(on)).collect();
    let mut reasons = match circumstances.parts.is_empty() {
        true => invalid(tally),
        false => parts::invalid(&circumstances.parts),
    };
    reasons.extend(parts::much_lost(tally, &circumstances.parts));
    let is_invalid = !reasons.is_empty();
    // Said of an invalid run, too: otherwise nobody would know why it was so late.
    reasons.extend(max_users_reached(tally, circumstances));
    // What stopped the run has its line already.
    let is_told = |found: &&ThresholdSummary| {
        stopped.as_ref().is_some_and(|stopped| was_stopped_for(&found.rule, stopped))
    };
    let is_whole = circumstances.share.is_none();
    let broken = thresholds.iter().filter(|found| is_whole && !found.holds && !is_told(found));
    let broken: Vec<_> = broken.collect();
    reasons.extend(stopped);
    reasons.extend(circumstances.unfinished.then(|| UNFINISHED.to_owned()));
    reasons.extend(parts::killed(&circumstances.parts));
    match tally.run.measured_ms {
        0 => reasons.extend(broken.first().map(|_| UNMEASURED.to_owned())),
        _ => reasons.extend(broken.into_iter().map(ThresholdSummary::broken)),
    }
    let verdict = match (is_invalid, reasons.is_empty()) {
        (true, _) => Verdict::Invalid,
        (false, false) => Verdict::Fail,
        (false, true) => Verdict::Pass,
    };
    Judgement { verdict, reasons, thresholds, cautions: caution::all(tally, circumstances) }
}

/// Arrivals that found all users busy: a finding about the tenant, while the generator was well.
fn max_users_reached(tally: &Tally, circumstances: &Circumstances) -> Option<String> {
    let late: u64 = tally.journeys.values().map(|counts| counts.late).sum();
    let due: u64 = tally.journeys.values().map(|counts| counts.due).sum();
    let users = circumstances.max_users.map(|users| format!("{users} ")).unwrap_or_default();
    (late > 0).then(|| {
        format!(
            "max-users-reached: {late} of {due} arrivals found all {users}users busy: the tenant \
             kept them for too long, or `workload.max_users` is too small for this rate"
        )
    })
}

/// Why the numbers say nothing about the tenant.
fn invalid(tally: &Tally) -> Vec<String> {
    // One that ended an iteration with its exchange is counted in both; the larger number is it.
    let exchanges = tally.exchanges(|_| true).faults;
    let iterations = tally.iterations(Kind::Response, |_, _| true).faults;
    let number = |fault| exchanges.of(fault).max(iterations.of(fault));
    Strain::from(&tally.run).limit().into_iter().chain(faults_of_generator(number)).collect()
}

/// Faults that are charged to the generator, each in a line of its own.
pub(super) fn faults_of_generator(number: impl Fn(Fault) -> u64) -> Vec<String> {
    let own = Fault::all().filter(|fault| fault.side() == Side::Generator && number(*fault) > 0);
    own.map(|fault| format!("{} × `{fault}`: {}", number(fault), fault.entry().meaning)).collect()
}

/// For how long of a measured time one generator may have been the limit, and by which signs.
pub(super) struct Strain {
    measured_ms: u64,
    overloaded_ms: u64,
    out_of_cpu_ms: u64,
    dispatched_late_ms: u64,
    cores: Option<f64>,
}

impl From<&RunTally> for Strain {
    fn from(run: &RunTally) -> Self {
        Self {
            measured_ms: run.measured_ms,
            overloaded_ms: run.overloaded_ms,
            out_of_cpu_ms: run.out_of_cpu_ms,
            dispatched_late_ms: run.dispatched_late_ms,
            cores: run.cores(),
        }
    }
}

impl Strain {
    /// That of a part.
    pub(super) const fn of(part: &Part) -> Self {
        Self {
            measured_ms: part.measured_ms,
            overloaded_ms: part.overloaded_ms,
            out_of_cpu_ms: part.out_of_cpu_ms,
            dispatched_late_ms: part.dispatched_late_ms,
            cores: part.generator.cores,
        }
    }

    /// That the generator was the limit, and why; none where it was not, or not for long.
    pub(super) fn limit(&self) -> Option<String> {
        let is_limit = self.measured_ms > 0
            && self.overloaded_ms.saturating_mul(OVERLOADED_PART) >= self.measured_ms;
        let part = figures::share(share(self.overloaded_ms, self.measured_ms));
        let most = Share(share(1, OVERLOADED_PART));
        is_limit.then(|| {
            format!(
                "the generator was the limit in {part} of the measured time (invalid from {most} on): {}",
                self.why()
            )
        })
    }

    /// Which of the two signs there were, and for how long.
    fn why(&self) -> String {
        let seconds = |ms: u64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
        let cores = self.cores.map_or_else(String::new, |cores| format!("{cores} "));
        let limit = Share(CPU_LIMIT);
        let cpu = (self.out_of_cpu_ms > 0).then(|| {
            format!("CPU above {limit} of the {cores}cores for {}", seconds(self.out_of_cpu_ms))
        });
        let late = (self.dispatched_late_ms > 0).then(|| {
            format!(
                "iterations begun late by its own fault for {}",
                seconds(self.dispatched_late_ms)
            )
        });
        let signs: Vec<_> = cpu.into_iter().chain(late).collect();
        signs.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::share::Share as PartOfPlan;
    use crate::measure::tally::JourneyTally;
    use std::time::Duration;

    fn tally(overloaded_ms: u64, fault: Option<Fault>) -> Tally {
        let mut tally = Tally::default();
        tally.run.measured_ms = 10_000;
        tally.run.overloaded_ms = overloaded_ms;
        tally.run.out_of_cpu_ms = overloaded_ms;
        let counts = JourneyTally {
            due: 1000,
            completed: 1000 - u64::from(fault.is_some()),
            completed_in_time_m: 1_000_000 - 1000 * u64::from(fault.is_some()),
            faults: fault.into_iter().map(|fault| (fault, 1)).collect(),
            ..JourneyTally::default()
        };
        tally.journeys.insert(("v1".into(), "sign-on".into()), counts);
        tally
    }

    fn all_of(tally: &Tally) -> Evidence<'_> {
        Evidence { tally, windows: None, reply_timeout: Duration::from_secs(30) }
    }

    fn judged(tally: &Tally, rules: &[&str], stopped: Option<&str>) -> (Verdict, Vec<String>) {
        let rules: Vec<_> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let stopped = stopped.map(str::to_owned);
        let judgement = judge(&all_of(tally), &rules, stopped, &Circumstances::default());
        (judgement.verdict, judgement.reasons)
    }

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        let codes: Vec<_> = EXITS.iter().map(|(exit, ..)| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 130]);
        for (verdict, interrupted, code) in [
            (Verdict::Pass, false, 0),
            (Verdict::Fail, false, 4),
            (Verdict::Invalid, false, 5),
            (Verdict::Fail, true, 130),
        ] {
            assert_eq!(Exit::of_run(verdict, interrupted).code(), code);
        }
    }

    #[test]
    fn a_run_whose_rules_hold_passes() {
        assert_eq!(judged(&tally(0, None), &["dropped <= 0%"], None), (Verdict::Pass, vec![]));
    }

    #[test]
    fn a_broken_rule_or_an_early_stop_fails_the_run_and_says_why() {
        let (verdict, reasons) =
            judged(&tally(0, Some(Fault::Reset)), &["completed-rate > 1000/s"], Some("guard"));
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(reasons, ["guard", "`completed-rate > 1000/s` does not hold: 99.9/s"]);
    }

    #[test]
    fn a_rule_that_stopped_the_run_is_told_once() {
        let broken = crate::analysis::early::Broken {
            rule: "completed-rate > 1000/s".to_owned(),
            observed: "99.0/s".to_owned(),
            measured: Duration::from_secs(5),
        };
        let stopped = broken.to_string();
        let rules = ["completed-rate > 1000/s", "completed-rate > 1000/s over 1h", "max < 1us"];
        let (verdict, reasons) = judged(&tally(0, None), &rules, Some(&stopped));
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(reasons, [stopped.as_str(), "`max < 1us` does not hold: no samples"]);
    }

    #[test]
    fn a_run_that_ended_in_its_warm_up_blames_no_threshold() {
        let guard = "guard `faults > 80% over 30s`: 25 of 25 iterations, 100%";
        let rules = ["p95 < 1s", "faults < 1%"];
        let (verdict, reasons) = judged(&Tally::default(), &rules, Some(guard));
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(reasons, [guard, UNMEASURED]);
        assert_eq!(judged(&Tally::default(), &[], Some(guard)).1, [guard]);
    }

    #[test]
    fn a_tenth_of_the_time_at_the_generators_limit_makes_a_run_invalid() {
        assert_eq!(judged(&tally(999, None), &[], None).0, Verdict::Pass);
        let (verdict, reasons) = judged(&tally(1000, None), &["p95 < 1us"], None);
        assert_eq!(verdict, Verdict::Invalid);
        assert_eq!(
            reasons[0],
            "the generator was the limit in 10.0% of the measured time (invalid from 10% on): CPU above \
             85% of the cores for 1.0 s"
        );
        assert_eq!(reasons.len(), 2, "what failed is said too");
    }

    #[test]
    fn a_run_without_an_end_never_passes() {
        let circumstances = Circumstances { unfinished: true, ..Circumstances::default() };
        let judgement = judge(&all_of(&tally(0, None)), &[], None, &circumstances);
        assert_eq!(
            (judgement.verdict, &judgement.reasons[..]),
            (Verdict::Fail, &[UNFINISHED.to_owned()][..])
        );
    }

    #[test]
    fn users_who_are_all_busy_are_a_finding_about_the_tenant_while_the_generator_is_well() {
        let judged = |overloaded_ms| {
            let mut tally = tally(overloaded_ms, None);
            tally.journeys.values_mut().for_each(|counts| counts.late = 3);
            let circumstances = Circumstances { max_users: Some(4), ..Circumstances::default() };
            judge(&all_of(&tally), &[], None, &circumstances)
        };
        let judgement = judged(0);
        assert_eq!(judgement.verdict, Verdict::Fail);
        assert!(
            judgement.reasons[0]
                .starts_with("max-users-reached: 3 of 1000 arrivals found all 4 users"),
            "{:?}",
            judgement.reasons
        );
        assert_eq!(judged(5000).verdict, Verdict::Invalid);
        assert!(judged(5000).reasons[1].starts_with("max-users-reached"), "said all the same");
    }

    #[test]
    fn a_fault_of_the_generator_makes_a_run_invalid() {
        for fault in Fault::all() {
            let (verdict, _) = judged(&tally(0, Some(fault)), &[], None);
            assert_eq!(verdict == Verdict::Invalid, fault.side() == Side::Generator, "{fault}");
        }
    }

    #[test]
    fn a_share_is_not_failed_by_what_is_asked_of_the_whole() {
        let rules: Vec<Rule> = vec!["completed-rate > 900/s".parse().unwrap()];
        let judged = |share, stopped: Option<&str>| {
            let circumstances = Circumstances { share, ..Circumstances::default() };
            let on = tally(0, None);
            let judged = judge(&all_of(&on), &rules, stopped.map(str::to_owned), &circumstances);
            let slugs: Vec<_> = judged.cautions.into_iter().map(|caution| caution.slug).collect();
            (judged.verdict, judged.thresholds[0].holds, slugs.contains(&"one-share".to_owned()))
        };
        let share = PartOfPlan::new(1, 4);
        assert_eq!(judged(None, None), (Verdict::Fail, false, false));
        assert_eq!(judged(share, None), (Verdict::Pass, false, true));
        // What a guard of its own ended has failed all the same.
        assert_eq!(judged(share, Some("a guard")), (Verdict::Fail, false, true));
    }
}
