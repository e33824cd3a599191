//! The parts of a merged run: what each did, and how its generator fared.

use super::prose::{name, remark};
use super::table::{Cell, Column, Group, Row, Table};
use crate::report::{figures, parts};
use crate::result::dossier::Dossier;
use crate::result::part::Part;
use maud::{Markup, html};
use std::time::Duration;

/// Most rows: the page has to stay below a megabyte.
const MOST_ROWS: usize = 300;

pub(super) fn section(dossier: &Dossier) -> Markup {
    let all = &dossier.summary.parts;
    if all.is_empty() {
        return html! {};
    }
    let columns: Vec<_> = [Column::text("part"), Column::figure("began at")]
        .into_iter()
        .chain(parts::HEADINGS.iter().copied().map(Column::figure))
        .collect();
    let (rows, left_out) = parts::shown(all, MOST_ROWS);
    let rows = rows.into_iter().map(row).collect();
    let groups = vec![Group { title: None, rows }];
    html! {
        h2 { "Parts" }
        (Table { id: "part-table", caption: "What the run was merged of", columns: &columns, groups })
        @if left_out > 0 {
            (remark(format!("{left_out} more in summary.json; shown are those that went worst.")))
        }
        (remark("Iterations due in the measured part of each. The lag is its generator's own, in the closed model that of its timers; CPU is the mean and the worst share of the cores it has. If the generator of one part was the limit, the whole run is invalid."))
    }
}

fn row(part: &Part) -> Row {
    let named = html! {
        (name(&part.name))
        @let about = parts::about(part);
        @if !about.is_empty() { span.below.muted { (name(about)) } }
        @if let Some(told) = parts::remarks(part) { span.below { (name(told)) } }
    };
    let share = |share: Option<f64>| match share {
        Some(share) => Cell::of(figures::share(share)),
        None => Cell::of(figures::NONE),
    };
    Row::of(vec![
        Cell::of(named),
        Cell::of(figures::clock(Duration::from_millis(part.offset_ms))),
        Cell::count(part.due),
        Cell::count(part.completed),
        Cell::count_bad(part.failed),
        Cell::count_bad(part.lost),
        Cell::time(part.own_lag_p99_us()),
        share(part.generator.cpu_share),
        share(part.generator.worst_cpu_share),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;

    #[test]
    fn a_run_of_one_machine_has_no_section_and_a_merged_one_a_row_for_each_part() {
        let mut dossier = specimen::dossier(specimen::passing());
        assert_eq!(section(&dossier).into_string(), "");
        dossier.summary.parts = specimen::parts();
        let page = section(&dossier).into_string();
        for part in &dossier.summary.parts {
            assert!(page.contains(&part.name), "{page}");
        }
        assert_eq!(page.matches("<tr>").count(), 1 + dossier.summary.parts.len());
    }
}
