//! The journeys: what became of their iterations, how long they took, and where people got stuck.

use super::distribution;
use super::prose::{name, remark};
use super::setup::variants;
use super::table::{Cell, Column, Group, Row, Table};
use crate::base::names::{Journey, Variant};
use crate::measure::series::Kind;
use crate::measure::tally::share;
use crate::report::{faults, figures, timed};
use crate::result::dossier::Dossier;
use crate::result::summary::{FunnelStep, JourneySummary, TimeUs, WorkloadModel};
use maud::{Markup, Render, html};

/// Most rows of a table of journeys, and most funnels.
const MOST: usize = 120;

/// One of the times of a set.
pub(super) type Part = fn(&TimeUs) -> u64;

/// One of the sets of times of a journey.
type Clock = fn(&JourneySummary) -> Option<&TimeUs>;

/// The columns of times, wherever there are any.
pub(super) const TIMES: &[(Column, Part)] = &[
    (Column::figure("p50"), |times| times.p50),
    (Column::figure("p75"), |times| times.p75),
    (Column::figure("p90"), |times| times.p90),
    (Column::figure("p95"), |times| times.p95),
    (Column::figure("p99"), |times| times.p99),
    (Column::figure("p99.9"), |times| times.p99_9),
    (Column::figure("max"), |times| times.max),
];

/// The times of a journey: their kind, their name, and where they stand.
const CLOCKS: &[(Kind, &str, Clock)] = &[
    (Kind::Response, "response time", |row| row.response_time_us.as_ref()),
    (Kind::Service, "service time", |row| row.service_time_us.as_ref()),
    (Kind::Elapsed, "elapsed", |row| row.elapsed_us.as_ref()),
];

/// The cells of one row's times.
pub(super) fn times(times: Option<&TimeUs>) -> impl Iterator<Item = Cell> {
    TIMES.iter().map(move |(_, part)| Cell::time(times.map(part)))
}

/// The headings of those cells.
pub(super) fn time_columns() -> impl Iterator<Item = Column> {
    TIMES.iter().map(|(column, _)| *column)
}

pub(super) fn section(dossier: &Dossier) -> Markup {
    let summary = &dossier.summary;
    let mut rows: Vec<_> = summary.journeys.iter().collect();
    rows.sort_by_key(|row| (&row.journey, &row.variant));
    let several = variants(dossier).len() > 1;
    html! {
        h2 { "Journeys" }
        @if rows.is_empty() {
            (remark("No iteration was due in the measured part."))
        } @else {
            (endings(&rows, several))
            (clocks(dossier, &rows, several))
            h3 #funnels { "How far iterations came" }
            div.funnels {
                @for (place, row) in rows.iter().take(MOST).enumerate() { (funnel(place, row, several)) }
            }
            @if rows.len() > MOST { (remark(left_out(rows.len() - MOST))) }
        }
    }
}

/// What a bounded table leaves out, and where it is.
pub(super) fn left_out(number: usize) -> String {
    format!("{number} more rows are in summary.json.")
}

fn names(row: &JourneySummary, several: bool, below: Option<String>) -> Vec<Cell> {
    let named = html! {
        (name(row.journey.as_str()))
        @if let Some(below) = below { span.below.bad[row.failed > 0] { (below) } }
    };
    let variant = several.then(|| Cell::of(name(row.variant.as_str())));
    [Cell::of(named)].into_iter().chain(variant).collect()
}

fn name_columns(several: bool) -> Vec<Column> {
    let variant = several.then(|| Column::text("variant"));
    [Column::text("journey")].into_iter().chain(variant).collect()
}

fn endings(rows: &[&JourneySummary], several: bool) -> Markup {
    let has_lost = rows.iter().any(|row| row.lost > 0);
    let mut columns = name_columns(several);
    let titles = ["due", "completed", "failed", "dropped", "cut off"];
    columns.extend(titles.map(Column::figure));
    columns.extend(has_lost.then(|| Column::figure("lost")));
    columns.extend(["late", "completed/s"].map(Column::figure));
    let row = |row: &&JourneySummary| {
        let mut cells = names(row, several, timed::shortfall(row));
        cells.extend([
            Cell::count(row.due),
            Cell::count(row.completed),
            Cell::count_bad(row.failed),
            Cell::count_bad(row.dropped),
            Cell::count_or_dot(row.cut_off),
        ]);
        cells.extend(has_lost.then(|| Cell::count_bad(row.lost)));
        cells.extend([Cell::count_or_dot(row.late), Cell::rate(row.completed_per_s)]);
        Row::of(cells)
    };
    let groups = vec![Group { title: None, rows: rows.iter().take(MOST).map(row).collect() }];
    let caption = "What became of the iterations";
    Table { id: "journey-endings", caption, columns: &columns, groups }.render()
}

fn clocks(dossier: &Dossier, rows: &[&JourneySummary], several: bool) -> Markup {
    let is_closed = dossier.summary.workload_model == WorkloadModel::Closed;
    let shown = CLOCKS.iter().filter(|(kind, ..)| !(is_closed && *kind == Kind::Service));
    let shown: Vec<_> = shown.collect();
    let mut columns = name_columns(several);
    columns.push(Column::text("time"));
    columns.extend(time_columns());
    columns.push(Column::picture("spread"));
    let mut groups: Vec<Group> = Vec::new();
    for same in rows[..rows.len().min(MOST)].chunk_by(|a, b| a.journey == b.journey) {
        // One clock of all variants together: those are what is compared.
        let pairs = shown.iter().flat_map(|clock| same.iter().map(move |row| (clock, row)));
        let told = pairs.enumerate().map(|(place, ((kind, title, of), row))| {
            let its = |v: &Variant, j: &Journey| *v == row.variant && *j == row.journey;
            let named = html! { span.hidden[place > 0] { (name(row.journey.as_str())) } };
            let mut cells = vec![Cell::of(named)];
            cells.extend(several.then(|| Cell::of(name(row.variant.as_str()))));
            cells.push(Cell::of(title));
            cells.extend(times(of(row)));
            cells.push(Cell::drawn(distribution(&dossier.tally.iterations(*kind, its).good)));
            if *kind == Kind::Response { Row::sum(cells) } else { Row::of(cells) }
        });
        groups.push(Group { title: None, rows: told.collect() });
    }
    let caption = "Times of completed iterations";
    let none = rows.iter().all(|row| row.completed == 0);
    html! {
        (Table { id: "journey-times", caption, columns: &columns, groups })
        @if none { (remark("No iteration reached its goal, so there are no times.")) }
    }
}

fn funnel(place: usize, row: &JourneySummary, several: bool) -> Markup {
    let title = if several {
        format!("{} · {}", row.journey, row.variant)
    } else {
        row.journey.to_string()
    };
    let caption = format!("funnel-{place}");
    html! {
        div.scroll id={ (caption) "-box" } tabindex="0" role="group" aria-labelledby=(caption) {
            table.funnel {
                caption id=(caption) { (name(title)) }
                thead { tr {
                    th scope="col" { "step" } th scope="col" { span.hidden { "share of due" } }
                    th.n scope="col" { "reached" } th scope="col" { "ended there" }
                } }
                tbody {
                    (funnel_row("due", row.due, row.due, html! { @if row.dropped > 0 { (row.dropped) " dropped" } }))
                    @for step in &row.funnel { (funnel_step(step, row.due)) }
                    (funnel_row("completed", row.completed, row.due, html! {}))
                }
            }
        }
    }
}

fn funnel_step(step: &FunnelStep, due: u64) -> Markup {
    let left = faults::counted(&step.left).join(", ");
    funnel_row(step.step.as_str(), step.reached, due, html! { span.bad { (left) } })
}

fn funnel_row(step: &str, reached: u64, due: u64, left: Markup) -> Markup {
    let share = share(reached, due).clamp(0.0, 1.0);
    html! {
        tr {
            th scope="row" { (name(step)) }
            td.meter { span style={ "width:" (format!("{:.2}", share * 100.0)) "%" } {} }
            td.n { (figures::count(reached)) " " span.muted { (figures::share(share)) } }
            td { (left) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::fault::Fault;
    use crate::report::specimen;

    #[test]
    fn a_funnel_has_a_bar_for_each_step_and_says_who_left_where() {
        let mut summary = specimen::failing();
        let row = &mut summary.journeys[2];
        row.funnel = vec![FunnelStep {
            step: "credentials".into(),
            reached: row.due / 2,
            left: [(Fault::Http5xx, 20)].into_iter().collect(),
        }];
        let shown = funnel(2, row, false).into_string();
        assert!(shown.contains("width:49.93%"), "{shown}");
        assert!(shown.contains("20 http-5xx") && shown.contains("12 dropped"));
    }

    #[test]
    fn in_the_closed_model_the_service_time_is_not_told_twice() {
        let page = |summary| section(&specimen::dossier(summary)).into_string();
        assert!(!page(specimen::passing()).contains("service time"));
        assert!(page(specimen::failing()).contains("service time"));
    }

    #[test]
    fn a_funnel_of_a_damaged_summary_stays_within_its_bar() {
        assert!(funnel_row("a", 9, 3, html! {}).into_string().contains("width:100.00%"));
        assert!(funnel_row("a", 9, 0, html! {}).into_string().contains("width:0.00%"));
    }
}
