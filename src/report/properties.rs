//! Whatever a summary holds, it can be shown.

use super::columns::width;
use super::console::{About, WIDEST, render};
use super::paint::Paint;
use super::specimen;
use crate::measure::counts::FaultCounts;
use crate::measure::fault::Fault;
use crate::result::summary::{
    ActionSummary, CapabilitySummary, Caution, JourneySummary, SeriesSummary, Summary,
    ThresholdSummary, TimeUs, Verdict, WorkloadModel,
};
use proptest::prelude::*;

/// Names of tenants and people, some of them hostile. None has an `n`, so that `NaN` and `inf` can
/// only be figures.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-mo-z-]{0,24}",
        1 => "[^nN\\p{C}]{0,60}",
        1 => "[a-mo-z \n\u{1b}\u{202e}]{0,140}",
    ]
}

fn faults() -> impl Strategy<Value = FaultCounts> {
    let fault = prop::sample::select(Fault::all().collect::<Vec<_>>());
    prop::collection::vec((fault, 0u64..1_000_000_000), 0..4)
        .prop_map(|faults| faults.into_iter().collect())
}

fn figure() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(f64::NAN), Just(f64::INFINITY), 0.0..1e9, any::<f64>()]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0u64..100_000, 0u64..1_000_000_000_000]
}

fn times() -> impl Strategy<Value = Option<TimeUs>> {
    prop::option::of(prop::array::uniform9(any::<u64>()).prop_map(|mut t| {
        t.sort_unstable();
        let [min, p50, p75, mean, p90, p95, p99, p99_9, max] = t;
        TimeUs { min, mean, p50, p75, p90, p95, p99, p99_9, max }
    }))
}

prop_compose! {
    fn journey()(
        variant in prop::sample::select(&["v1", "v2"][..]),
        journey in name(),
        [due, late, completed, failed, dropped, cut_off, lost] in prop::array::uniform7(number()),
        completed_per_s in figure(),
        faults in faults(),
        [response_time_us, service_time_us, elapsed_us] in prop::array::uniform3(times()),
    ) -> JourneySummary {
        JourneySummary {
            variant: variant.into(), journey: journey.into(),
            due, late, completed, failed, dropped, cut_off, lost, completed_per_s, faults,
            funnel: Vec::new(), response_time_us, service_time_us, elapsed_us,
        }
    }
}

prop_compose! {
    fn action()(
        event in "(submit|action|)",
        action in name(),
        samples in number(),
        faults in faults(),
        error_share in figure(),
        service_time_us in times(),
    ) -> ActionSummary {
        ActionSummary { event, action, samples, faults, error_share, service_time_us }
    }
}

prop_compose! {
    fn capability()(
        variant in prop::sample::select(&["v1", "v2"][..]),
        capability in name(),
        subtotal in action(),
        actions in prop::collection::vec(action(), 0..4),
    ) -> CapabilitySummary {
        let ActionSummary { samples, faults, error_share, service_time_us, .. } = subtotal;
        CapabilitySummary {
            variant: variant.into(), capability: capability.into(),
            samples, faults, error_share, service_time_us, actions,
        }
    }
}

prop_compose! {
    fn threshold()(
        (rule, observed, holds) in (name(), name(), any::<bool>()),
        [low, high, remark] in prop::array::uniform3(prop::option::of(name())),
        [worst_from_s, worst_to_s] in prop::array::uniform2(prop::option::of(figure())),
    ) -> ThresholdSummary {
        ThresholdSummary { rule, observed, low, high, worst_from_s, worst_to_s, remark, holds }
    }
}

prop_compose! {
    fn remarks()(
        reasons in prop::collection::vec(name(), 0..3),
        thresholds in prop::collection::vec(threshold(), 0..4),
        cautions in prop::collection::vec((name(), name(), name()), 0..3),
    ) -> (Vec<String>, Vec<ThresholdSummary>, Vec<Caution>) {
        let caution = |(slug, text, advice)| Caution { slug, text, advice };
        (
            reasons,
            thresholds,
            cautions.into_iter().map(caution).collect(),
        )
    }
}

prop_compose! {
    fn summary()(
        verdict in prop::sample::select(&[Verdict::Pass, Verdict::Fail, Verdict::Invalid][..]),
        workload_model in prop::sample::select(&[WorkloadModel::Open, WorkloadModel::Closed][..]),
        run_id in name(),
        [measured_s, cpu_share] in prop::array::uniform2(figure()),
        journeys in prop::collection::vec(journey(), 0..4),
        capabilities in prop::collection::vec(capability(), 0..4),
        series in prop::collection::vec(("(connect|lag|think|unheard-of)", number(), times()), 0..4),
        (reasons, thresholds, cautions) in remarks(),
        [peak_rss_bytes, max_open_sockets] in prop::array::uniform2(any::<u64>()),
        lag_us in times(),
    ) -> Summary {
        let mut summary = specimen::passing();
        summary.generator.cpu_share = (cpu_share < 0.9).then_some(cpu_share);
        summary.generator.peak_rss_bytes = Some(peak_rss_bytes);
        summary.generator.max_open_sockets = Some(max_open_sockets);
        summary.generator.lag_us = lag_us;
        let series = series.into_iter();
        let series = series.map(|(kind, samples, time_us)| SeriesSummary { kind, samples, time_us });
        Summary {
            drift: None,
            run_id: run_id.into(), verdict, reasons, workload_model, measured_s, journeys,
            capabilities, series: series.collect(), thresholds, cautions, ..summary
        }
    }
}

/// Every name and text that a line may be made of.
fn longest_name(summary: &Summary) -> usize {
    let journeys = summary.journeys.iter().map(|row| row.journey.as_str());
    let capabilities = summary.capabilities.iter().map(|row| row.capability.as_str());
    let actions = summary.capabilities.iter().flat_map(|row| &row.actions);
    let actions = actions.map(|row| row.action.as_str());
    let thresholds = summary.thresholds.iter();
    let thresholds =
        thresholds.flat_map(|row| [row.rule.as_str(), row.remark.as_deref().unwrap_or_default()]);
    let reasons = summary.reasons.iter().map(String::as_str);
    let cautions = summary.cautions.iter();
    let cautions = cautions.flat_map(|row| [&*row.slug, &*row.text, &*row.advice]);
    let all = journeys.chain(capabilities).chain(actions).chain(thresholds).chain(reasons);
    let all = all.chain(cautions).chain([summary.run_id.as_str()]);
    all.map(width).max().unwrap_or(0).max(widest_figures(summary))
}

/// What was observed and its interval stand in one line.
fn widest_figures(summary: &Summary) -> usize {
    let thresholds = || summary.thresholds.iter();
    let observed = thresholds().map(|row| width(&row.observed)).max();
    let interval = thresholds().filter_map(ThresholdSummary::interval);
    let interval = interval.map(|interval| width(&interval)).max();
    // Their headings are no wider than these.
    observed.unwrap_or(0).max(8) + interval.unwrap_or(0).max(13)
}

/// Indents, marks and the name of a variant.
const BESIDE_A_NAME: usize = 24;

proptest! {
    #[test]
    fn no_line_is_too_wide_unless_a_name_is(
        summary in summary(),
        columns in 0usize..200,
        directory in prop::option::of("[a-z/]{1,40}"),
    ) {
        let about = About { directory, ..About::default() };
        let text = render(&summary, &about, columns.max(WIDEST), Paint::Plain);
        let room = WIDEST.max(longest_name(&summary) + BESIDE_A_NAME);
        for line in text.lines() {
            prop_assert!(width(line) <= room, "{} of {}: {}", width(line), room, line);
            prop_assert_eq!(line.trim_end(), line);
        }
        prop_assert!(!text.contains("NaN") && !text.contains("inf"), "{}", text);
        prop_assert!(!text.contains(['\x1b', '\u{202e}']), "steers the terminal: {:?}", text);
        // Narrower, wider, coloured: whatever else happens, it can be shown.
        render(&summary, &about, columns, Paint::Plain);
        render(&summary, &about, columns, Paint::Ansi);
    }
}
