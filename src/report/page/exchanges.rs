//! The exchanges: capabilities by event and action, and the steps of each journey.

use super::distribution;
use super::journeys::{left_out, time_columns, times};
use super::prose::{name, remark};
use super::setup::variants;
use super::table::{Cell, Column, Group, Row, Table};
use crate::measure::counts::FaultCounts;
use crate::measure::series::SeriesKey;
use crate::report::{faults, timed};
use crate::result::dossier::Dossier;
use crate::result::summary::{ActionSummary, CapabilitySummary, StepSummary, TimeUs};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Most rows of each table: the page has to stay small.
const MOST: usize = 300;

pub(super) fn capabilities(dossier: &Dossier) -> Markup {
    let several = variants(dossier).len() > 1;
    let mut by_name: BTreeMap<_, Vec<&CapabilitySummary>> = BTreeMap::new();
    for row in &dossier.summary.capabilities {
        by_name.entry(&row.capability).or_default().push(row);
    }
    let mut left = MOST;
    let mut groups = Vec::new();
    let mut wanted = 0;
    for rows in by_name.values() {
        let group = capability(dossier, rows, several);
        wanted += group.rows.len();
        let fits = group.rows.len().min(left);
        left -= fits;
        let rows = group.rows.into_iter().take(fits).collect();
        groups.push(Group { title: None, rows });
    }
    groups.retain(|group| !group.rows.is_empty());
    let columns = columns("capability, event and action", several);
    let caption = "Service time by capability, event and action";
    html! {
        h2 { "Capabilities" }
        @if groups.is_empty() { (remark("No exchange was measured.")) } @else {
            (Table { id: "capability-times", caption, columns: &columns, groups })
            @if wanted > MOST { (remark(left_out(wanted - MOST))) }
            (remark("Times are of exchanges that ended well. The bold row of each capability is all of its actions together."))
        }
    }
}

pub(super) fn steps(dossier: &Dossier) -> Markup {
    let several = variants(dossier).len() > 1;
    let steps = &dossier.summary.steps;
    if steps.is_empty() {
        return html! {};
    }
    let mut by_journey: Vec<Group> = Vec::new();
    let mut rows: Vec<(usize, &StepSummary)> = steps.iter().enumerate().collect();
    if several {
        // The same step of all variants together, in the order of the first that has it.
        let first = |row: &StepSummary| timed::first_place(steps, row);
        rows.sort_by_cached_key(|(_, row)| (row.journey.clone(), first(row), row.variant.clone()));
    }
    for (_, row) in rows.into_iter().take(MOST) {
        let title = name(row.journey.as_str());
        if by_journey.last().is_none_or(|group| group.title.as_ref() != Some(&title)) {
            by_journey.push(Group { title: Some(title), rows: Vec::new() });
        }
        if let Some(group) = by_journey.last_mut() {
            group.rows.push(step(dossier, row, several));
        }
    }
    let columns = columns("step, and what it called", several);
    let caption = "Service time by step";
    html! {
        h2 { "Steps" }
        (Table { id: "step-times", caption, columns: &columns, groups: by_journey })
        @if steps.len() > MOST { (remark(left_out(steps.len() - MOST))) }
    }
}

fn columns(first: &'static str, several: bool) -> Vec<Column> {
    let variant = several.then(|| Column::text("variant"));
    let counts = [Column::figure("samples"), Column::figure("errors")];
    let names = [Column::text(first)].into_iter().chain(variant);
    names.chain(counts).chain(time_columns()).chain([Column::picture("spread")]).collect()
}

/// The rows of a capability: a subtotal for each variant, if there is anything to add up, then the
/// same action of all variants together.
fn capability(dossier: &Dossier, rows: &[&CapabilitySummary], several: bool) -> Group {
    let named = |action: &ActionSummary| timed::action_name(&action.event, &action.action);
    let is_subtotal = rows.iter().any(|row| row.actions.iter().any(|a| named(a).is_some()));
    let mut made = Vec::new();
    for row in rows {
        let of = |key: &SeriesKey| key.variant == row.variant && key.capability == row.capability;
        let measured = Measured {
            samples: row.samples,
            error_share: row.error_share,
            faults: (!is_subtotal).then_some(&row.faults),
            times: row.service_time_us.as_ref(),
            spread: distribution(&dossier.tally.exchanges(of).good),
        };
        let first = (html! { (name(row.capability.as_str())) }, row.variant.as_str());
        let cells = measured.cells(first, several);
        made.push(if is_subtotal { Row::sum(cells) } else { Row::of(cells) });
    }
    let of_all = rows.iter().flat_map(|row| row.actions.iter().map(move |action| (row, action)));
    let mut of_all: Vec<_> = of_all.filter(|_| is_subtotal).collect();
    of_all.sort_by_key(|(row, action)| (&action.event, &action.action, &row.variant));
    for (row, action) in of_all {
        let of = |key: &SeriesKey| {
            key.variant == row.variant
                && key.capability == row.capability
                && *key.event == *action.event
                && *key.action == *action.action
        };
        let measured = Measured {
            samples: action.samples,
            error_share: action.error_share,
            faults: Some(&action.faults),
            times: action.service_time_us.as_ref(),
            spread: distribution(&dossier.tally.exchanges(of).good),
        };
        let title = named(action).unwrap_or_else(|| "without an action".to_owned());
        let first = (html! { span.inner { (name(title)) } }, row.variant.as_str());
        made.push(Row::of(measured.cells(first, several)));
    }
    Group { title: None, rows: made }
}

fn step(dossier: &Dossier, row: &StepSummary, several: bool) -> Row {
    let of = |key: &SeriesKey| {
        (&key.variant, &key.journey, &key.step) == (&row.variant, &row.journey, &row.step)
            && key.capability == row.capability
            && *key.event == *row.event
            && *key.action == *row.action
    };
    let measured = Measured {
        samples: row.samples,
        error_share: row.error_share,
        faults: Some(&row.faults),
        times: row.service_time_us.as_ref(),
        spread: distribution(&dossier.tally.exchanges(of).good),
    };
    let action = timed::action_name(&row.event, &row.action).unwrap_or_default();
    let called = format!("{} {action}", row.capability);
    let named = html! {
        (name(row.step.as_str()))
        // Calls outside a flow are named after themselves.
        @if called.trim_end() != row.step.as_str() { span.below.muted { (name(called.trim_end())) } }
    };
    Row::of(measured.cells((named, row.variant.as_str()), several))
}

/// What is known of the exchanges of one row.
struct Measured<'a> {
    samples: u64,
    error_share: f64,
    /// Told below the name.
    faults: Option<&'a FaultCounts>,
    times: Option<&'a TimeUs>,
    spread: String,
}

impl Measured<'_> {
    fn cells(self, (first, variant): (Markup, &str), several: bool) -> Vec<Cell> {
        let faults = self.faults.filter(|faults| !faults.is_empty());
        let named = html! {
            (first)
            @if let Some(faults) = faults { span.below.bad { (faults::counted(faults).join(", ")) } }
        };
        let mut cells = vec![Cell::of(named)];
        cells.extend(several.then(|| Cell::of(name(variant))));
        cells.extend([Cell::count(self.samples), Cell::share_bad(self.error_share)]);
        cells.extend(times(self.times));
        cells.push(Cell::drawn(self.spread));
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;

    #[test]
    fn a_capability_has_its_subtotal_on_top_of_its_actions() {
        let dossier = specimen::dossier(specimen::failing());
        let page = capabilities(&dossier).into_string();
        assert_eq!(page.matches("class=\"sum\"").count(), 1);
        let place = |text: &str| page.find(text).unwrap();
        assert!(place("customHTMLTemplate") < place("submit SIGNON"));
        assert!(page.contains("61 read-timeout, 20 http-5xx, 3 refused"));
    }

    #[test]
    fn the_same_action_of_two_variants_stands_together() {
        let page = capabilities(&specimen::dossier(specimen::two_variants())).into_string();
        assert_eq!(page.matches("submit SIGNON").count(), 2);
        assert!(page.contains("<td>v1</td>") && page.contains("<td>v2</td>"));
    }

    #[test]
    fn a_table_is_bounded_and_says_what_it_leaves_out() {
        let mut dossier = specimen::dossier(specimen::passing());
        let action = dossier.summary.capabilities[1].actions[0].clone();
        dossier.summary.capabilities[1].actions = vec![action; 2000];
        let page = capabilities(&dossier).into_string();
        assert!(page.contains("1703 more rows"), "{}", page.len());
    }
}
