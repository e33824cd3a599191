//! The result as rows for a spreadsheet: journeys, capabilities, their actions, and steps, all in the
//! same columns.

use super::RenderError;
use super::columns::clean;
use crate::measure::counts::FaultCounts;
use crate::measure::fault::Fault;
use crate::measure::tally::share;
use crate::result::summary::{
    ActionSummary, CapabilitySummary, JourneySummary, StepSummary, Summary, TimeUs,
};

/// One row before it is written. What a level does not have is absent, and an empty cell.
#[derive(Default)]
struct Row<'s> {
    level: &'static str,
    variant: &'s str,
    journey: &'s str,
    step: &'s str,
    capability: &'s str,
    event: &'s str,
    action: &'s str,
    of_journey: Option<&'s JourneySummary>,
    samples: Option<u64>,
    faults: Option<&'s FaultCounts>,
    error_share: Option<f64>,
    times: Option<TimeUs>,
}

/// A column: its heading, and what stands in it.
struct Column {
    heading: &'static str,
    cell: fn(&Row<'_>) -> String,
}

const fn column(heading: &'static str, cell: fn(&Row<'_>) -> String) -> Column {
    Column { heading, cell }
}

/// The columns in order. A column for each fault follows them. A heading keeps its meaning; there may
/// be more of them one day, so readers go by the headings.
#[rustfmt::skip]
const COLUMNS: &[Column] = &[
    column("level", |row| row.level.to_owned()),
    column("variant", |row| text(row.variant)),
    column("journey", |row| text(row.journey)),
    column("step", |row| text(row.step)),
    column("capability", |row| text(row.capability)),
    column("event", |row| text(row.event)),
    column("action", |row| text(row.action)),
    column("due", |row| of_journey(row, |row| row.due)),
    column("late", |row| of_journey(row, |row| row.late)),
    column("completed", |row| of_journey(row, |row| row.completed)),
    column("dropped", |row| of_journey(row, |row| row.dropped)),
    column("cut_off", |row| of_journey(row, |row| row.cut_off)),
    column("lost", |row| of_journey(row, |row| row.lost)),
    column("completed_per_s", |row| number(row.of_journey.map(|row| row.completed_per_s))),
    column("samples", |row| number(row.samples)),
    column("faults", |row| number(row.faults.map(FaultCounts::total))),
    column("error_share", |row| number(row.error_share)),
    column("min_us", |row| time(row, |times| times.min)),
    column("mean_us", |row| time(row, |times| times.mean)),
    column("p50_us", |row| time(row, |times| times.p50)),
    column("p75_us", |row| time(row, |times| times.p75)),
    column("p90_us", |row| time(row, |times| times.p90)),
    column("p95_us", |row| time(row, |times| times.p95)),
    column("p99_us", |row| time(row, |times| times.p99)),
    column("p99_9_us", |row| time(row, |times| times.p99_9)),
    column("max_us", |row| time(row, |times| times.max)),
    column("service_p50_us", |row| service(row, |times| times.p50)),
    column("service_p95_us", |row| service(row, |times| times.p95)),
    column("service_p99_us", |row| service(row, |times| times.p99)),
    column("elapsed_p50_us", |row| elapsed(row, |times| times.p50)),
    column("elapsed_p95_us", |row| elapsed(row, |times| times.p95)),
    column("elapsed_p99_us", |row| elapsed(row, |times| times.p99)),
];

fn of_journey(row: &Row<'_>, of: fn(&JourneySummary) -> u64) -> String {
    number(row.of_journey.map(of))
}

fn time(row: &Row<'_>, of: fn(&TimeUs) -> u64) -> String {
    number(row.times.as_ref().map(of))
}

fn service(row: &Row<'_>, of: fn(&TimeUs) -> u64) -> String {
    number(row.of_journey.and_then(|row| row.service_time_us.as_ref()).map(of))
}

fn elapsed(row: &Row<'_>, of: fn(&TimeUs) -> u64) -> String {
    number(row.of_journey.and_then(|row| row.elapsed_us.as_ref()).map(of))
}

/// The whole table, headings first.
pub fn render(summary: &Summary) -> Result<String, RenderError> {
    let headings = COLUMNS.iter().map(|column| column.heading.to_owned());
    let mut table = vec![headings.chain(fault_headings("faults")).collect()];
    for row in rows(summary) {
        let cells = COLUMNS.iter().map(|column| (column.cell)(&row));
        table.push(cells.chain(fault_cells(row.faults)).collect());
    }
    written(&table)
}

fn rows(summary: &Summary) -> Vec<Row<'_>> {
    let capabilities = summary.capabilities.iter().flat_map(|row| {
        let actions = row.actions.iter().map(|action| action_row(row, action));
        std::iter::once(capability_row(row)).chain(actions)
    });
    let journeys = summary.journeys.iter().map(journey_row);
    journeys.chain(capabilities).chain(summary.steps.iter().map(step_row)).collect()
}

/// Shares as thresholds take them: of iterations, failed ÷ (completed + failed).
fn journey_row(row: &JourneySummary) -> Row<'_> {
    let samples = row.completed + row.failed;
    Row {
        level: "journey",
        variant: row.variant.as_str(),
        journey: row.journey.as_str(),
        of_journey: Some(row),
        samples: Some(samples),
        faults: Some(&row.faults),
        error_share: Some(share(row.failed, samples)),
        times: row.response_time_us,
        ..Row::default()
    }
}

fn capability_row(row: &CapabilitySummary) -> Row<'_> {
    Row {
        level: "capability",
        variant: row.variant.as_str(),
        capability: row.capability.as_str(),
        samples: Some(row.samples),
        faults: Some(&row.faults),
        error_share: Some(row.error_share),
        times: row.service_time_us,
        ..Row::default()
    }
}

fn action_row<'s>(of: &'s CapabilitySummary, row: &'s ActionSummary) -> Row<'s> {
    Row {
        level: "action",
        variant: of.variant.as_str(),
        capability: of.capability.as_str(),
        event: &row.event,
        action: &row.action,
        samples: Some(row.samples),
        faults: Some(&row.faults),
        error_share: Some(row.error_share),
        times: row.service_time_us,
        ..Row::default()
    }
}

fn step_row(row: &StepSummary) -> Row<'_> {
    Row {
        level: "step",
        variant: row.variant.as_str(),
        journey: row.journey.as_str(),
        step: row.step.as_str(),
        capability: row.capability.as_str(),
        event: &row.event,
        action: &row.action,
        samples: Some(row.samples),
        faults: Some(&row.faults),
        error_share: Some(row.error_share),
        times: row.service_time_us,
        ..Row::default()
    }
}

/// `faults_http_5xx`, a heading for each fault of the table.
pub(super) fn fault_headings(prefix: &str) -> impl Iterator<Item = String> {
    Fault::all().map(move |fault| format!("{prefix}_{}", fault.slug().replace('-', "_")))
}

/// How many of each.
pub(super) fn fault_cells(faults: Option<&FaultCounts>) -> impl Iterator<Item = String> {
    Fault::all().map(move |fault| number(faults.map(|faults| faults.of(fault))))
}

/// A number, or the empty cell of one that is not there.
pub(super) fn number(number: Option<impl ToString>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// How a formula begins, for one spreadsheet or another.
const FORMULA: &[char] = &['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// A name in a cell. Names come from tenants: what a spreadsheet would take for a formula gets an
/// apostrophe in front, which spreadsheets take for "this is text", and a row stays on one line.
pub(super) fn text(name: &str) -> String {
    let name = clean(name);
    if name.trim_start().starts_with(FORMULA) { format!("'{name}") } else { name }
}

/// Rows as RFC 4180 has them, with line feeds alone at their ends.
pub(super) fn written(rows: &[Vec<String>]) -> Result<String, RenderError> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let wrong = |source| RenderError::Csv { source };
    for row in rows {
        writer.write_record(row).map_err(wrong)?;
    }
    let bytes = writer.into_inner().map_err(|error| wrong(error.into_error().into()))?;
    // Only texts were written.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn table(summary: Summary) -> Vec<BTreeMap<String, String>> {
        let text = render(&summary).unwrap();
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        reader.deserialize().map(Result::unwrap).collect()
    }

    #[test]
    fn the_headings_are_an_interface() {
        let text = render(&specimen::passing()).unwrap();
        insta::assert_snapshot!(text.lines().next().unwrap().replace(',', " "), @"level variant journey step capability event action due late completed dropped cut_off lost completed_per_s samples faults error_share min_us mean_us p50_us p75_us p90_us p95_us p99_us p99_9_us max_us service_p50_us service_p95_us service_p99_us elapsed_p50_us elapsed_p95_us elapsed_p99_us faults_http_5xx faults_http_4xx faults_rate_limited faults_blocked faults_flow_failed faults_flow_timed_out faults_interaction_rejected faults_refused faults_not_refused faults_unexpected_form faults_malformed_reply faults_no_next_step faults_oversized_reply faults_foreign_link faults_not_acknowledged faults_dns faults_connect_refused faults_connect_timeout faults_tls faults_http_version faults_proxy_refused faults_reset faults_read_timeout faults_no_account faults_code_not_received faults_unmapped_field faults_saturated faults_out_of_sockets faults_panicked faults_ledger_not_written faults_cut_off");
    }

    #[test]
    fn every_row_of_the_summary_is_there_with_its_own_numbers() {
        let summary = specimen::failing();
        let rows = table(summary.clone());
        let of = |level: &str| rows.iter().filter(|row| row["level"] == level).count();
        let actions: usize = summary.capabilities.iter().map(|row| row.actions.len()).sum();
        assert_eq!(
            [of("journey"), of("capability"), of("action"), of("step")],
            [summary.journeys.len(), summary.capabilities.len(), actions, summary.steps.len()]
        );
        let sign_on = rows.iter().find(|row| row["journey"] == "sign-on").unwrap();
        let journey = &summary.journeys[2];
        for (heading, expected) in [
            ("due", journey.due.to_string()),
            ("completed", journey.completed.to_string()),
            ("dropped", "12".to_owned()),
            ("faults", "91".to_owned()),
            ("faults_read_timeout", "61".to_owned()),
            ("faults_dns", "0".to_owned()),
            ("p95_us", journey.response_time_us.unwrap().p95.to_string()),
            ("service_p95_us", journey.service_time_us.unwrap().p95.to_string()),
            ("step", String::new()),
        ] {
            assert_eq!(sign_on[heading], expected, "{heading}");
        }
        let signing = rows.iter().find(|row| row["action"] == "SIGNON").unwrap();
        assert_eq!((signing["faults"].as_str(), signing["due"].as_str()), ("84", ""));
    }

    #[test]
    fn what_nobody_completed_has_no_times() {
        let rows = table(specimen::nothing_completed());
        assert_eq!((rows[0]["completed"].as_str(), rows[0]["p50_us"].as_str()), ("0", ""));
        assert_eq!(rows[0]["error_share"], "1");
    }

    #[test]
    fn no_name_becomes_a_formula_or_breaks_a_row() {
        for (name, cell) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1+1", "'-1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  =1", "'  =1"),
            ("\t=1", "�=1"),
            ("＝1", "'＝1"),
            ("a,b\"c", "a,b\"c"),
            ("a\r\nb", "a��b"),
            ("sign-on", "sign-on"),
        ] {
            let mut summary = specimen::passing();
            summary.journeys[0].journey = name.into();
            summary.capabilities[1].actions[0].action = name.to_owned();
            let rows = table(summary);
            assert_eq!(rows[0]["journey"], cell);
            assert!(rows.iter().any(|row| row["action"] == cell), "{name}");
        }
    }

    proptest! {
        #[test]
        fn whatever_names_there_are_rows_stay_rows(name in "\\PC*|[=,\"\\r\\n'+-]{1,9}") {
            let mut summary = specimen::two_variants();
            summary.journeys[0].journey = name.as_str().into();
            let expected = rows(&summary).len();
            let text = render(&summary).unwrap();
            prop_assert_eq!(text.lines().count(), expected + 1);
            let found = table(summary);
            prop_assert_eq!(found.len(), expected);
            let bare = |name: &str| name.trim_start_matches('\'').to_owned();
            prop_assert_eq!(bare(&found[0]["journey"]), bare(&clean(&name)));
        }
    }
}
