//! The table of everything that was timed: journeys, capabilities by event and action, and the
//! other series, all in the same columns.

use super::columns::{Cell, Grid};
use super::paint::Style;
use super::{faults, figures};
use crate::base::names::Variant;
use crate::measure::counts::FaultCounts;
use crate::result::summary::{
    CapabilitySummary, JourneySummary, StepSummary, Summary, TimeUs, WorkloadModel,
};
use std::collections::{BTreeMap, BTreeSet};

/// A column of times: its heading, and what stands in it.
struct Column {
    heading: &'static str,
    of: fn(&TimeUs) -> u64,
}

/// The columns of times, in order.
const TIMES: &[Column] = &[
    Column { heading: "p50", of: |times| times.p50 },
    Column { heading: "p90", of: |times| times.p90 },
    Column { heading: "p95", of: |times| times.p95 },
    Column { heading: "p99", of: |times| times.p99 },
    Column { heading: "max", of: |times| times.max },
];

/// The place of `p90` among the columns of figures: narrow terminals do without.
const P90: usize = 4;

/// The series that tell a person something, by their kind.
pub(super) const SERIES: &[(&str, &str)] = &[
    ("connect", "connect"),
    ("connect-name", "· name"),
    ("connect-tcp", "· TCP"),
    ("connect-tls", "· TLS"),
    ("first-byte", "first byte"),
    ("code-wait", "wait for a code"),
    ("poll-wait", "wait between polls"),
    ("lag", "lag"),
    ("preflight", "preflight"),
];

/// The whole table.
pub(super) fn grid(summary: &Summary) -> Grid {
    let mut grid = Grid::new(&[P90]);
    let of_journeys = summary.journeys.iter().map(|row| &row.variant);
    let of_capabilities = summary.capabilities.iter().map(|row| &row.variant);
    let variants: BTreeSet<_> = of_journeys.chain(of_capabilities).collect();
    let label = Label { several: variants.len() > 1 };
    journeys(&mut grid, summary, label);
    capabilities(&mut grid, summary, label);
    series(&mut grid, summary);
    grid
}

/// How a row is named. With several variants each is named in every row, next to its rivals.
#[derive(Clone, Copy)]
struct Label {
    several: bool,
}

impl Label {
    fn of(self, name: &str, variant: &Variant, style: Style) -> Cell {
        if self.several {
            Cell::new(format!("{name} · {variant}"), style)
        } else {
            Cell::new(name, style)
        }
    }
}

fn headings(first: [&str; 3]) -> Vec<&str> {
    first.into_iter().chain(TIMES.iter().map(|column| column.heading)).collect()
}

fn journeys(grid: &mut Grid, summary: &Summary, label: Label) {
    grid.head("Journeys", "response time", &headings(["done", "/s", "failed"]));
    let mut rows: Vec<_> = summary.journeys.iter().collect();
    rows.sort_by_key(|row| (&row.journey, &row.variant));
    for row in &rows {
        let figures = [
            Cell::plain(figures::count(row.completed)),
            Cell::plain(figures::rate(row.completed_per_s)),
            bad_unless_none(row.failed, figures::count_or_dot(row.failed)),
        ];
        let times = times(row.response_time_us.as_ref());
        let of_service = service_times(summary.workload_model, row);
        grid.row(
            2,
            label.of(row.journey.as_str(), &row.variant, Style::Plain),
            figures.into_iter().chain(times.clone()).collect(),
        );
        if let Some(of_service) = of_service.filter(|of_service| *of_service != times) {
            let blank = std::iter::repeat_n(Cell::default(), 3);
            grid.row(4, Cell::new("service time", Style::Faint), blank.chain(of_service).collect());
        }
        if let Some(shortfall) = shortfall(row) {
            let style = if row.failed > 0 { Style::Bad } else { Style::Faint };
            grid.note(4, Cell::new(shortfall, style));
        }
    }
    if rows.is_empty() {
        grid.note(2, Cell::plain("none was due in the measured part"));
    } else if rows.iter().all(|row| row.completed == 0) {
        grid.note(2, Cell::plain("no iteration reached its goal, so there are no response times"));
    }
}

/// In the closed model there is no lag, and the two are the same.
fn service_times(model: WorkloadModel, row: &JourneySummary) -> Option<Vec<Cell>> {
    match model {
        WorkloadModel::Closed => None,
        WorkloadModel::Open => Some(times(row.service_time_us.as_ref())),
    }
}

/// What became of the iterations that did not complete; none if all did.
pub(super) fn shortfall(row: &JourneySummary) -> Option<String> {
    let others = [(row.dropped, "dropped"), (row.cut_off, "cut off"), (row.lost, "lost")];
    let others = others.iter().filter(|(number, _)| *number > 0);
    let others = others.map(|(number, what)| format!("{number} {what}"));
    let parts: Vec<_> = faults::counted(&row.faults).into_iter().chain(others).collect();
    (!parts.is_empty()).then(|| format!("of {} due: {}", row.due, parts.join(", ")))
}

fn capabilities(grid: &mut Grid, summary: &Summary, label: Label) {
    if summary.capabilities.is_empty() {
        return;
    }
    grid.head("Capabilities", "service time", &headings(["count", "", "errors"]));
    let mut by_name: BTreeMap<_, Vec<&CapabilitySummary>> = BTreeMap::new();
    for row in &summary.capabilities {
        by_name.entry(&row.capability).or_default().push(row);
    }
    for (name, rows) in by_name {
        let has_actions = |row: &&CapabilitySummary| {
            row.actions.iter().any(|action| action_name(&action.event, &action.action).is_some())
        };
        let is_subtotal = rows.iter().any(has_actions);
        for row in &rows {
            let style = if is_subtotal { Style::Strong } else { Style::Plain };
            let figures = exchange_figures(row.samples, row.error_share, &row.faults);
            let times = times(row.service_time_us.as_ref());
            let name = label.of(name.as_str(), &row.variant, style);
            grid.row(2, name, figures.into_iter().chain(times).collect());
            if !is_subtotal {
                fault_note(grid, &row.faults);
            }
        }
        if is_subtotal {
            actions(grid, &rows, label);
        }
    }
}

/// The rows below a subtotal, the same action of all variants together.
fn actions(grid: &mut Grid, rows: &[&CapabilitySummary], label: Label) {
    let of_all = rows.iter().flat_map(|row| row.actions.iter().map(move |action| (row, action)));
    let mut of_all: Vec<_> = of_all.collect();
    of_all.sort_by_key(|(row, action)| (&action.event, &action.action, &row.variant));
    for (row, action) in of_all {
        let figures = exchange_figures(action.samples, action.error_share, &action.faults);
        let times = times(action.service_time_us.as_ref());
        let name = action_name(&action.event, &action.action);
        let name = name.unwrap_or_else(|| "without an action".to_owned());
        let name = label.of(&name, &row.variant, Style::Plain);
        grid.row(4, name, figures.into_iter().chain(times).collect());
        fault_note(grid, &action.faults);
    }
}

/// The place of the first step that a row is the same as, whatever the variant: what stands together
/// where there are several.
pub(super) fn first_place(steps: &[StepSummary], row: &StepSummary) -> Option<usize> {
    let key = |of: &StepSummary| {
        (&of.journey, &of.step, &of.capability, &of.event, &of.action)
            == (&row.journey, &row.step, &row.capability, &row.event, &row.action)
    };
    steps.iter().position(key)
}

/// `submit SIGNON`; none for calls outside a flow.
pub(super) fn action_name(event: &str, action: &str) -> Option<String> {
    let parts: Vec<_> = [event, action].into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn fault_note(grid: &mut Grid, of_row: &FaultCounts) {
    if !of_row.is_empty() {
        grid.note(6, Cell::new(faults::counted(of_row).join(", "), Style::Bad));
    }
}

fn series(grid: &mut Grid, summary: &Summary) {
    let known = SERIES.iter().filter_map(|(kind, name)| {
        let row = summary.series.iter().find(|row| row.kind == *kind)?;
        Some((*name, row))
    });
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        return;
    }
    grid.head("Also timed", "", &headings(["count", "", ""]));
    for (name, row) in known {
        let count = Cell::plain(figures::count(row.samples));
        let mut cells = vec![count, Cell::default(), Cell::default()];
        cells.extend(times(row.time_us.as_ref()));
        grid.row(2, Cell::plain(name), cells);
    }
}

fn exchange_figures(samples: u64, error_share: f64, faults: &FaultCounts) -> [Cell; 3] {
    [
        Cell::plain(figures::count(samples)),
        Cell::default(),
        bad_unless_none(faults.total(), figures::share_or_dot(error_share)),
    ]
}

fn bad_unless_none(number: u64, text: String) -> Cell {
    Cell::new(text, if number == 0 { Style::Faint } else { Style::Bad })
}

fn times(times: Option<&TimeUs>) -> Vec<Cell> {
    let cell = |column: &Column| match times {
        Some(times) => Cell::plain(figures::time((column.of)(times))),
        None => Cell::new(figures::NONE, Style::Faint),
    };
    TIMES.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::summary::SERIES_KINDS;

    #[test]
    fn every_series_shown_is_one_that_summaries_have() {
        for (kind, _) in SERIES {
            assert!(SERIES_KINDS.iter().any(|known| known.slug() == *kind), "{kind}");
        }
    }

    #[test]
    fn the_column_that_is_done_without_is_p90() {
        assert_eq!(headings(["", "", ""])[P90], "p90");
    }
}
