//! The run interval by interval as rows for a notebook: for each interval a row of the run with its
//! readings, and one for each phase, variant and journey with its counts.

use super::RenderError;
use super::csv::{fault_cells, fault_headings, number, text, written};
use crate::base::clock::Utc;
use crate::measure::counts::FaultCounts;
use crate::measure::timeline::{JourneyLine, Line, Quick};
use crate::result::run_dir::RunRecord;
use std::time::{Duration, SystemTime};

/// One row: an interval, and one of its journeys if it is not about the run.
struct Row<'l> {
    record: &'l RunRecord,
    line: &'l Line,
    journey: Option<&'l JourneyLine>,
}

/// A column: its heading, and what stands in it.
struct Column {
    heading: &'static str,
    cell: fn(&Row<'_>) -> String,
}

const fn column(heading: &'static str, cell: fn(&Row<'_>) -> String) -> Column {
    Column { heading, cell }
}

/// The columns in order. A column for each fault of iterations follows them. Readings stand in the rows
/// of the run alone and counts in those of journeys: no sum or mean over a column counts anything twice.
#[rustfmt::skip]
const COLUMNS: &[Column] = &[
    column("time", time_of),
    column("start_ms", |row| row.line.start_ms.to_string()),
    column("end_ms", |row| row.line.end_ms.to_string()),
    column("measured_ms", |row| row.line.measured_ms.to_string()),
    column("level", |row| if row.journey.is_some() { "journey" } else { "run" }.to_owned()),
    column("phase", |row| row.journey.map_or(String::new(), |of| of.phase.slug().to_owned())),
    column("variant", |row| row.journey.map_or(String::new(), |of| text(of.variant.as_str()))),
    column("journey", |row| row.journey.map_or(String::new(), |of| text(of.journey.as_str()))),
    column("due", |row| number(row.journey.map(|of| of.due))),
    column("late", |row| number(row.journey.map(|of| of.late))),
    column("completed", |row| number(row.journey.map(|of| of.completed))),
    column("dropped", |row| number(row.journey.map(|of| of.dropped))),
    column("cut_off", |row| number(row.journey.map(|of| of.cut_off))),
    column("lost", |row| number(row.journey.map(|of| of.lost))),
    column("faults", |row| number(row.journey.map(|of| of.faults.total()))),
    column("exchanges", |row| number(row.journey.map(|of| of.exchanges))),
    column("exchange_faults", |row| number(row.journey.map(|of| of.exchange_faults.total()))),
    column("response_p50_us", |row| number(row.journey.and_then(|of| of.response_us).map(|of| of.p50))),
    column("response_p95_us", |row| number(row.journey.and_then(|of| of.response_us).map(|of| of.p95))),
    column("response_p99_us", |row| number(row.journey.and_then(|of| of.response_us).map(|of| of.p99))),
    column("users", |row| of_run(row, |line| Some(line.readings.users))),
    column("exchange_p50_us", |row| of_run(row, |line| line.exchange_p50_us)),
    column("lag_p50_us", |row| lag(row, |line| line.lag_us, |lag| lag.p50)),
    column("lag_p99_us", |row| lag(row, |line| line.lag_us, |lag| lag.p99)),
    column("lag_max_us", |row| lag(row, |line| line.lag_us, |lag| lag.max)),
    column("dispatch_lag_p99_us", |row| lag(row, |line| line.dispatch_lag_us, |lag| lag.p99)),
    column("scheduler_lag_p99_us", |row| lag(row, |line| line.scheduler_lag_us, |lag| lag.p99)),
    column("cores", |row| of_run(row, |line| line.readings.cores)),
    column("cpu_share", |row| of_run(row, |line| line.readings.cpu_share)),
    column("rss_bytes", |row| of_run(row, |line| line.readings.rss_bytes)),
    column("open_sockets", |row| of_run(row, |line| line.readings.open_sockets)),
    column("open_files", |row| of_run(row, |line| line.readings.open_files)),
    column("ports_in_use", |row| of_run(row, |line| line.readings.ports_in_use)),
    column("events", |row| of_run(row, |line| Some(events(line)))),
];

/// The headings.
pub fn head() -> Result<String, RenderError> {
    let headings = COLUMNS.iter().map(|column| column.heading.to_owned());
    written(&[headings.chain(fault_headings("faults")).collect()])
}

/// The rows of one interval.
pub fn rows(record: &RunRecord, line: &Line) -> Result<String, RenderError> {
    let of_journeys = line.journeys.iter().map(Some);
    let rows = std::iter::once(None).chain(of_journeys).map(|journey| {
        let row = Row { record, line, journey };
        let cells = COLUMNS.iter().map(|column| (column.cell)(&row));
        cells.chain(fault_cells(journey.map(|of| &of.faults as &FaultCounts))).collect()
    });
    written(&rows.collect::<Vec<_>>())
}

/// When the interval began, UTC.
fn time_of(row: &Row<'_>) -> String {
    let since_ms = row.record.started_unix_ms.saturating_add(row.line.start_ms);
    let moment = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(since_ms));
    moment.map_or_else(String::new, |moment| Utc::of(moment).stamp())
}

/// A cell of the rows of the run.
fn of_run<T: ToString>(row: &Row<'_>, of: fn(&Line) -> Option<T>) -> String {
    if row.journey.is_some() { String::new() } else { number(of(row.line)) }
}

fn lag(row: &Row<'_>, of: fn(&Line) -> Option<Quick>, part: fn(&Quick) -> u64) -> String {
    if row.journey.is_some() { String::new() } else { number(of(row.line).as_ref().map(part)) }
}

/// What was done to the run, for people; nothing in most intervals.
fn events(line: &Line) -> String {
    let told = line.events.iter().map(|event| format!("{}: {}", event.slug, event.text));
    text(&told.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::fault::Fault;
    use crate::measure::series::Phase;
    use crate::measure::timeline::{Event, Percentiles, Readings};
    use crate::report::specimen;
    use std::collections::BTreeMap;

    fn line() -> Line {
        let of = |phase, name: &str| JourneyLine {
            phase,
            variant: "v1".into(),
            journey: name.into(),
            due: 5,
            late: 0,
            completed: 4,
            dropped: 0,
            cut_off: 0,
            lost: 0,
            faults: [(Fault::Reset, 1)].into_iter().collect(),
            exchanges: 9,
            exchange_faults: FaultCounts::default(),
            response_us: Some(Percentiles { p50: 1000, p95: 2000, p99: 3000 }),
            funnel: Vec::new(),
        };
        Line {
            interval: 7,
            start_ms: 7000,
            end_ms: 8000,
            measured_ms: 500,
            journeys: vec![of(Phase::WarmUp, "register"), of(Phase::Measured, "=1+1")],
            lag_us: Some(Quick { p50: 1, p99: 2, max: 3 }),
            events: vec![Event {
                at_ms: 7100,
                slug: "rate-change".to_owned(),
                text: "20/s, then 40/s".to_owned(),
            }],
            readings: Readings { users: 3, cpu_share: Some(0.25), ..Readings::default() },
            ..Line::default()
        }
    }

    fn read(line: &Line) -> Vec<BTreeMap<String, String>> {
        let record = specimen::dossier(specimen::passing()).record;
        let text = head().unwrap() + &rows(&record, line).unwrap();
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        reader.deserialize().map(Result::unwrap).collect()
    }

    #[test]
    fn the_headings_are_an_interface() {
        insta::assert_snapshot!(head().unwrap().trim_end().replace(',', " "), @"time start_ms end_ms measured_ms level phase variant journey due late completed dropped cut_off lost faults exchanges exchange_faults response_p50_us response_p95_us response_p99_us users exchange_p50_us lag_p50_us lag_p99_us lag_max_us dispatch_lag_p99_us scheduler_lag_p99_us cores cpu_share rss_bytes open_sockets open_files ports_in_use events faults_http_5xx faults_http_4xx faults_rate_limited faults_blocked faults_flow_failed faults_flow_timed_out faults_interaction_rejected faults_refused faults_not_refused faults_unexpected_form faults_malformed_reply faults_no_next_step faults_oversized_reply faults_foreign_link faults_not_acknowledged faults_dns faults_connect_refused faults_connect_timeout faults_tls faults_http_version faults_proxy_refused faults_reset faults_read_timeout faults_no_account faults_code_not_received faults_unmapped_field faults_saturated faults_out_of_sockets faults_panicked faults_ledger_not_written faults_cut_off");
    }

    #[test]
    fn an_interval_is_a_row_of_the_run_and_one_of_each_journey() {
        let found = read(&line());
        let of = |place: usize, headings: &[&str]| {
            headings.iter().map(|heading| found[place][*heading].clone()).collect::<Vec<_>>()
        };
        assert_eq!(found.len(), 3);
        assert_eq!(
            of(
                0,
                &["time", "level", "phase", "users", "cpu_share", "rss_bytes", "lag_p99_us", "due"]
            ),
            ["2026-11-21T18:34:48.000Z", "run", "", "3", "0.25", "", "2", ""]
        );
        assert_eq!(found[0]["events"], "rate-change: 20/s, then 40/s");
        assert_eq!(
            of(1, &["time", "level", "phase", "journey", "due", "faults", "faults_reset", "users"]),
            ["2026-11-21T18:34:48.000Z", "journey", "warm-up", "register", "5", "1", "1", ""]
        );
        assert_eq!(
            of(2, &["phase", "journey", "response_p95_us", "measured_ms"]),
            ["measured", "'=1+1", "2000", "500"]
        );
    }

    #[test]
    fn an_interval_in_which_nothing_happened_still_has_its_readings() {
        let found = read(&Line { end_ms: 1000, ..Line::default() });
        assert_eq!((found.len(), found[0]["level"].as_str()), (1, "run"));
    }
}
