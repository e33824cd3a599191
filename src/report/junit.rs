//! The result as test cases, so that a CI system shows what failed. Red exactly when the verdict is not
//! `pass`: what a run has to keep is said by its thresholds, here nothing is judged again.

use super::columns::clean;
use super::{RenderError, about, faults, figures};
use crate::analysis::rule::{Rule, Scope};
use crate::result::run_dir::RunRecord;
use crate::result::summary::{JourneySummary, Summary, ThresholdSummary, Verdict};
use quick_junit::{
    NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite, XmlString,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// What an invalid run says about the tenant.
const INVALID: &str =
    "the run is invalid: gander was the limit, the numbers say nothing about the tenant";

/// The whole document.
pub fn render(record: &RunRecord, summary: &Summary) -> Result<String, RenderError> {
    let mut report = Report::new("gander");
    report.timestamp = summary.started_at.parse().ok();
    report.time = seconds(summary.measured_s);
    report.add_test_suite(run(record, summary));
    report.add_test_suite(thresholds(summary));
    report.add_test_suite(journeys(summary));
    report.to_string().map_err(|source| RenderError::Xml { source })
}

/// One case: the verdict. It is there for what is no threshold's fault: a guard that stopped the run,
/// users that ran out, a generator that was the limit.
fn run(record: &RunRecord, summary: &Summary) -> TestSuite {
    let status = match summary.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => wrong(NonSuccessKind::Failure, "fail", &summary.reasons),
        Verdict::Invalid => wrong(NonSuccessKind::Error, "invalid", &summary.reasons),
    };
    let mut case = case("gander.run", "verdict", status);
    case.set_time(seconds(summary.measured_s).unwrap_or_default());
    let cautions = summary.cautions.iter();
    let cautions: Vec<_> =
        cautions.map(|of| format!("caution {}: {} ({})", of.slug, of.text, of.advice)).collect();
    if !cautions.is_empty() {
        case.set_system_out(xml(&cautions.join("\n")));
    }
    let mut suite = TestSuite::new("run");
    for (name, value) in [
        ("run_id", record.run_id.to_string()),
        ("gander_version", record.gander_version.clone()),
        ("seed", record.seed.clone()),
        ("tenant_hosts", about::hosts(record).join(", ")),
        ("interrupted", record.interrupted.to_string()),
    ] {
        suite.add_property(Property::new(name, xml(&value)));
    }
    suite.add_test_case(case);
    suite
}

fn thresholds(summary: &Summary) -> TestSuite {
    let mut suite = TestSuite::new("thresholds");
    let mut names = Names::default();
    suite.add_test_cases(summary.thresholds.iter().map(|found| {
        let status = match summary.verdict {
            Verdict::Invalid => skipped(),
            _ if found.holds => TestCaseStatus::success(),
            _ => wrong(NonSuccessKind::Failure, "threshold", &[found.broken()]),
        };
        let mut case = case("gander.thresholds", &names.apart(&found.rule), status);
        case.set_system_out(xml(&observed(found)));
        case
    }));
    suite
}

/// What was observed, for whoever opens the case of a threshold.
fn observed(found: &ThresholdSummary) -> String {
    let interval = found.interval().map(|interval| format!("95 % interval {interval}"));
    let worst = found.worst().map(|worst| format!("worst at {worst}"));
    let more = [interval, worst, found.remark.clone()].into_iter().flatten();
    more.fold(format!("observed {}", found.observed), |text, more| format!("{text}; {more}"))
}

fn journeys(summary: &Summary) -> TestSuite {
    let variants: BTreeSet<_> = summary.journeys.iter().map(|row| &row.variant).collect();
    let mut suite = TestSuite::new("journeys");
    let mut names = Names::default();
    suite.add_test_cases(summary.journeys.iter().map(|row| {
        let name = match variants.len() {
            0 | 1 => row.journey.to_string(),
            _ => format!("{} of {}", row.journey, row.variant),
        };
        let reasons = reasons(row, summary);
        let status = match summary.verdict {
            Verdict::Invalid => skipped(),
            Verdict::Fail if !reasons.is_empty() => {
                wrong(NonSuccessKind::Failure, "journey", &reasons)
            }
            Verdict::Fail | Verdict::Pass => TestCaseStatus::success(),
        };
        let mut case = case("gander.journeys", &names.apart(&name), status);
        // CI systems draw a case's time over builds: the median is what makes that worth looking at.
        let median = row.response_time_us.map(|times| Duration::from_micros(times.p50));
        case.set_time(median.unwrap_or_default());
        case.set_system_out(xml(&told(row)));
        case
    }));
    suite
}

/// Why a journey of a run that failed is to blame: a threshold about it or its steps does not hold, or
/// nobody got through it.
fn reasons(row: &JourneySummary, summary: &Summary) -> Vec<String> {
    let missed = summary.thresholds.iter().filter(|found| !found.holds && is_about(found, row));
    let missed = missed.map(ThresholdSummary::broken);
    let nobody = (row.due > 0 && row.completed == 0)
        .then(|| format!("none of {} iterations reached the goal", row.due));
    missed.chain(nobody).collect()
}

fn is_about(found: &ThresholdSummary, row: &JourneySummary) -> bool {
    match found.rule.parse::<Rule>().map(|rule| rule.scope) {
        Ok(Scope::Journey(journey) | Scope::Step(journey, _)) => journey == row.journey,
        _ => false,
    }
}

/// The figures of a journey, for whoever opens its case.
fn told(row: &JourneySummary) -> String {
    let others = [(row.failed, "failed"), (row.dropped, "dropped"), (row.cut_off, "cut off")];
    let others = others.iter().filter(|(number, _)| *number > 0);
    let others: String = others.map(|(number, what)| format!(", {number} {what}")).collect();
    let mut lines = vec![format!(
        "{} due, {} completed ({}/s){others}",
        row.due,
        row.completed,
        figures::rate(row.completed_per_s)
    )];
    if !row.faults.is_empty() {
        lines.push(format!("faults: {}", faults::counted(&row.faults).join(", ")));
    }
    if let Some(times) = &row.response_time_us {
        let shown = [
            ("p50", times.p50),
            ("p90", times.p90),
            ("p95", times.p95),
            ("p99", times.p99),
            ("max", times.max),
        ];
        let shown = shown.map(|(name, us)| format!("{name} {}", figures::time(us)));
        lines.push(format!("response time: {}", shown.join(", ")));
    }
    lines.join("\n")
}

fn case(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(xml(name), status);
    case.set_classname(class);
    case
}

fn wrong(kind: NonSuccessKind, of_type: &str, reasons: &[String]) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(of_type);
    if let Some(first) = reasons.first() {
        status.set_message(xml(first));
    }
    if reasons.len() > 1 {
        status.set_description(xml(&reasons.join("\n")));
    }
    status
}

fn skipped() -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(INVALID);
    status
}

/// Names given so far. CI systems take cases of one name for one case.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn apart(&mut self, name: &str) -> String {
        let name = clean(name);
        let numbered = (2..).map(|number| format!("{name} ({number})"));
        let mut candidates = std::iter::once(name.clone()).chain(numbered);
        let free = candidates.find(|name| !self.0.contains(name)).unwrap_or_default();
        self.0.insert(free.clone());
        free
    }
}

/// A text that XML can hold. Names come from tenants; the two code points at the end of the first plane
/// are no characters of XML 1.0 (section 2.2), nor are most control characters.
fn xml(text: &str) -> XmlString {
    let lines =
        text.split('\n').map(|line| clean(line).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"));
    XmlString::new(lines.collect::<Vec<_>>().join("\n"))
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;
    use proptest::prelude::*;

    fn rendered(summary: Summary) -> String {
        let dossier = specimen::dossier(summary);
        render(&dossier.record, &dossier.summary).unwrap()
    }

    fn read(summary: Summary) -> Report {
        let text = rendered(summary);
        Report::deserialize_from_str(&text).unwrap()
    }

    fn case_named<'r>(report: &'r Report, name: &str) -> &'r TestCase {
        let mut cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
        cases.find(|case| case.name.as_str() == name).unwrap_or_else(|| panic!("no {name}"))
    }

    fn is_success(case: &TestCase) -> bool {
        matches!(case.status, TestCaseStatus::Success { .. })
    }

    #[test]
    fn a_failing_run() {
        insta::assert_snapshot!(rendered(specimen::failing()), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="gander" tests="8" skipped="0" failures="4" errors="0" timestamp="2026-11-21T18:34:41.120+00:00" time="20.000">
            <testsuite name="run" tests="1" skipped="0" errors="0" failures="1">
                <properties>
                    <property name="run_id" value="20261121-183441-k3f9"/>
                    <property name="gander_version" value="0.1.0"/>
                    <property name="seed" value="7"/>
                    <property name="tenant_hosts" value="127.0.0.1"/>
                    <property name="interrupted" value="false"/>
                </properties>
                <testcase name="verdict" classname="gander.run" time="20.000">
                    <failure message="`sign-on.p95 &lt; 800ms` does not hold: &gt; 30 s" type="fail">`sign-on.p95 &lt; 800ms` does not hold: &gt; 30 s
        `faults &lt; 1%` does not hold: 6.78%</failure>
                    <system-out>caution short-run: `sign-on` has 608 completed iterations, too few for a 99th percentile that can be trusted to two figures (run for at least 2 minutes, or at a higher rate)</system-out>
                </testcase>
            </testsuite>
            <testsuite name="thresholds" tests="4" skipped="0" errors="0" failures="2">
                <testcase name="faults &lt; 1%" classname="gander.thresholds">
                    <failure message="`faults &lt; 1%` does not hold: 6.78%" type="threshold"/>
                    <system-out>observed 6.78%; 95 % interval 5.31% … 8.25%</system-out>
                </testcase>
                <testcase name="recovery.p99 &lt; 2s over 1m" classname="gander.thresholds">
                    <system-out>observed 581 ms; 95 % interval 520 ms … 655 ms; measured for 20s only: judged on all of it</system-out>
                </testcase>
                <testcase name="sign-on.p95 &lt; 800ms" classname="gander.thresholds">
                    <failure message="`sign-on.p95 &lt; 800ms` does not hold: &gt; 30 s" type="threshold"/>
                    <system-out>observed &gt; 30 s</system-out>
                </testcase>
                <testcase name="register.p95 &lt; 400ms over 5s" classname="gander.thresholds">
                    <system-out>observed 377 ms; worst at 11s … 16s</system-out>
                </testcase>
            </testsuite>
            <testsuite name="journeys" tests="3" skipped="0" errors="0" failures="1">
                <testcase name="recovery" classname="gander.journeys" time="0.181">
                    <system-out>601 due, 601 completed (30.1/s)
        response time: p50 181 ms, p90 346 ms, p95 413 ms, p99 581 ms, max 1.11 s</system-out>
                </testcase>
                <testcase name="register" classname="gander.journeys" time="0.132">
                    <system-out>811 due, 811 completed (40.5/s)
        response time: p50 132 ms, p90 252 ms, p95 301 ms, p99 424 ms, max 808 ms</system-out>
                </testcase>
                <testcase name="sign-on" classname="gander.journeys" time="0.214">
                    <failure message="`sign-on.p95 &lt; 800ms` does not hold: &gt; 30 s" type="journey"/>
                    <system-out>713 due, 608 completed (30.4/s), 91 failed, 12 dropped, 2 cut off
        faults: 61 read-timeout, 20 http-5xx, 7 no-account, 3 refused
        response time: p50 214 ms, p90 409 ms, p95 488 ms, p99 687 ms, max 1.31 s</system-out>
                </testcase>
            </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn it_is_red_exactly_when_the_verdict_is_not_pass() {
        for summary in specimen::all() {
            let (verdict, rows) = (summary.verdict, summary.journeys.len());
            let cases = 1 + summary.thresholds.len() + rows;
            let report = read(summary);
            let is_red = report.failures + report.errors > 0;
            assert_eq!(is_red, verdict != Verdict::Pass);
            assert_eq!(report.tests, cases);
            assert_eq!(report.errors, usize::from(verdict == Verdict::Invalid));
        }
    }

    #[test]
    fn a_journey_fails_for_thresholds_about_it_and_not_for_those_of_others() {
        let report = read(specimen::failing());
        assert!(!is_success(case_named(&report, "sign-on")));
        assert!(is_success(case_named(&report, "recovery")));
        assert!(!is_success(case_named(&report, "verdict")));
        let nobody = read(specimen::nothing_completed());
        assert!(!is_success(case_named(&nobody, "recovery")));
    }

    #[test]
    fn an_invalid_run_shows_nothing_but_an_error() {
        let report = read(specimen::invalid());
        assert_eq!((report.errors, report.failures), (1, 0));
        assert_eq!(report.skipped, report.tests - 1);
    }

    #[test]
    fn names_that_look_alike_stay_two_cases() {
        let mut summary = specimen::two_variants();
        summary.journeys.iter_mut().for_each(|row| row.variant = "same".into());
        let report = read(summary);
        assert!(is_success(case_named(&report, "recovery (2)")));
    }

    proptest! {
        #[test]
        fn no_name_breaks_the_document(
            name in "(?s).*|[<>&\"'\\]\u{0}-\u{1f}\u{7f}-\u{9f}\u{fffe}\u{ffff}]{1,12}",
        ) {
            let mut summary = specimen::failing();
            summary.journeys[0].journey = name.as_str().into();
            summary.thresholds[0].rule.clone_from(&name);
            summary.reasons[0].clone_from(&name);
            summary.cautions[0].text.clone_from(&name);
            let text = rendered(summary);
            let is_xml = |c: char| matches!(c, '\n' | ' '..='\u{7e}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
            prop_assert!(text.chars().all(is_xml));
            let report = Report::deserialize_from_str(&text).unwrap();
            prop_assert_eq!(report.tests, 8);
        }
    }
}
