//! The tables of the page: what else differs, and what changed by journey, step and capability.

use super::class;
use crate::analysis::compare::found::{Change, METRICS, Metric, Row as Found, Verdict};
use crate::report::comparison::{Compared, words};
use crate::report::figures;
use crate::report::page::prose::{name, remark};
use crate::report::page::table::{Cell, Column, Group, Row, Table};
use maud::{Markup, html};

/// Most rows of a table.
const MOST_ROWS: usize = 300;

pub(super) fn mismatches(of: &Compared<'_>) -> Markup {
    let mismatches = &of.comparison.mismatches;
    html! {
        @if !mismatches.is_empty() {
            h2 { "What makes the sides hard to compare" }
            ul.cautions { @for mismatch in mismatches {
                li {
                    strong { (name(&mismatch.what)) } ": baseline " (name(&mismatch.baseline))
                    "; candidate " (name(&mismatch.candidate))
                }
            } }
            (remark("Each of these can be the reason for a change, or hide one. --strict refuses such a comparison."))
        }
    }
}

pub(super) fn journeys(of: &Compared<'_>) -> Markup {
    let rows = &of.comparison.journeys;
    let changes = || rows.iter().flat_map(|row| &row.changes);
    let shown = Shown {
        p: changes().any(|of| of.p_corrected.is_some()),
        needed: changes().any(|of| words::needed(of).is_some()),
    };
    let mut columns = vec![Column::text("metric")];
    columns.extend(["baseline", "candidate", "change", "95% interval"].map(Column::figure));
    columns.extend(shown.p.then_some(Column::figure("p, corrected")));
    columns.push(Column::figure("verdict"));
    columns.extend(shown.needed.then_some(Column::figure("still needed")));
    let group = |row: &Found| Group {
        title: Some(title(row)),
        rows: row.changes.iter().map(|of| metric(of, shown)).collect(),
    };
    let groups = rows.iter().take(MOST_ROWS).map(group).collect();
    html! {
        h2 { "Journeys" }
        @if rows.is_empty() { (remark("No journey is on both sides.")) } @else {
            (Table { id: "journey-changes", caption: "Response times and error shares", columns: &columns, groups })
            (left_out(rows.len()))
            (remark("Percentiles are those that judge: time-outs, resets and what was cut off count as slower than any limit. A change of a time is a part of the baseline's, that of an error share a difference in points. Where there are too few samples for an interval, there is none."))
        }
    }
}

/// Columns that stand in the table only if something stands in them.
#[derive(Clone, Copy)]
struct Shown {
    p: bool,
    needed: bool,
}

/// Name, verdict and samples of a journey.
fn title(row: &Found) -> String {
    let samples = match (row.baseline_samples, row.candidate_samples) {
        (Some(one), Some(other)) => {
            format!("{} and {} iterations", figures::count(one), figures::count(other))
        }
        _ => words::one_sided(row).unwrap_or_default().to_owned(),
    };
    let parts = [name(row.name()), words::verdict(row.verdict).to_owned(), samples];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn metric(of: &Change, shown: Shown) -> Row {
    let mut cells = vec![
        Cell::of(of.metric.name()),
        Cell::of(words::value(of.metric, of.baseline)),
        Cell::of(words::value(of.metric, of.candidate)),
        Cell::of(coloured(of.verdict, &words::change(of.metric, of.change))),
        Cell::of(words::interval(of)),
    ];
    if shown.p {
        let p = of.p_corrected.map_or_else(|| figures::NONE.to_owned(), probability);
        cells.push(Cell::of(p));
    }
    cells.push(Cell::of(coloured(of.verdict, words::verdict(of.verdict))));
    if shown.needed {
        cells.push(Cell::of(words::needed(of).unwrap_or_default()));
    }
    Row::of(cells)
}

fn probability(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{:.3}", p.min(1.0)) }
}

/// News in bold and in its colour.
fn coloured(verdict: Option<Verdict>, text: &str) -> Markup {
    html! {
        @match verdict {
            Some(found @ (Verdict::Worse | Verdict::Better)) => { b class=(class(found)) { (text) } }
            Some(Verdict::CannotTell) => { span.open { (text) } }
            Some(Verdict::Same) | None => { (text) }
        }
    }
}

pub(super) fn steps(of: &Compared<'_>) -> Markup {
    let caption = "Service times of steps, candidate compared with baseline";
    rows(("Steps", "step-changes", caption), &of.comparison.steps)
}

pub(super) fn capabilities(of: &Compared<'_>) -> Markup {
    let caption =
        "Service times of capabilities over all journeys, candidate compared with baseline";
    rows(("Capabilities", "capability-changes", caption), &of.comparison.capabilities)
}

fn rows((heading, id, caption): (&str, &str, &str), rows: &[Found]) -> Markup {
    if rows.is_empty() {
        return html! {};
    }
    let mut columns = vec![Column::text("row"), Column::figure("samples")];
    columns.extend(METRICS.iter().map(|(_, name)| Column::figure(name)));
    let is_judged = rows.iter().any(|row| row.verdict.is_some());
    columns.extend(is_judged.then_some(Column::figure("verdict")));
    let lines = rows.iter().take(MOST_ROWS).map(|row| line(row, is_judged));
    let groups = vec![Group { title: None, rows: lines.collect() }];
    html! {
        h2 { (heading) }
        (Table { id, caption, columns: &columns, groups })
        (left_out(rows.len()))
        @if is_judged {
            (remark("Judged where a journey changed, corrected for the rows of this table alone; a row without a verdict describes."))
        } @else {
            (remark("No journey changed: these rows describe, and none is judged."))
        }
    }
}

/// A row with the change of each metric, its interval below.
fn line(row: &Found, is_judged: bool) -> Row {
    let samples = match (row.baseline_samples, row.candidate_samples) {
        (Some(one), Some(other)) => {
            Cell::of(html! { (figures::count(one)) span.below.muted { (figures::count(other)) } })
        }
        _ => Cell::of(words::one_sided(row).unwrap_or_default()),
    };
    let change = |metric: &Metric| {
        let found = row.changes.iter().find(|of| of.metric == *metric);
        found.map_or_else(
            || Cell::of(figures::NONE),
            |of| {
                Cell::of(html! {
                    (coloured(of.verdict, &words::change(of.metric, of.change)))
                    span.below.muted { (words::interval(of)) }
                })
            },
        )
    };
    let mut cells = vec![Cell::of(name(row.name())), samples];
    cells.extend(METRICS.iter().map(|(metric, _)| change(metric)));
    if is_judged {
        cells.push(Cell::of(coloured(row.verdict, words::verdict(row.verdict))));
    }
    Row::of(cells)
}

fn left_out(rows: usize) -> Markup {
    let more = rows.saturating_sub(MOST_ROWS);
    html! { @if more > 0 { (remark(format!("{more} more rows would have made this page too large; --json has them."))) } }
}
