//! The faults of a run: how many of which, what they mean, and what some of them looked like.

use super::prose::{lines, name, prose, remark};
use super::table::{Cell, Column, Group, Row, Table};
use crate::measure::failing::FaultSample;
use crate::measure::fault::Fault;
use crate::report::{faults, figures, timed};
use crate::result::dossier::Dossier;
use crate::result::run_dir::FAULTS;
use maud::{Markup, Render, html};
use std::cmp::Reverse;
use std::time::Duration;

/// Most samples on the page.
const MOST: usize = 50;

/// Most bytes of each one's detail.
const LONGEST_DETAIL: usize = 1200;

/// How often one fault was met.
struct Met {
    fault: Fault,
    iterations: u64,
    exchanges: u64,
}

pub(super) fn section(dossier: &Dossier) -> Markup {
    let met = met(dossier);
    if met.is_empty() && dossier.failing.is_empty() {
        return html! { h2 { "Faults" } (remark("None.")) };
    }
    let shown = chosen(&met, &dossier.failing);
    let number: usize = shown.iter().map(|(_, samples)| samples.len()).sum();
    let all = dossier.failing.len();
    html! {
        h2 { "Faults" }
        (table(&met))
        @if number > 0 {
            h3 #fault-samples { "Samples of what failed" }
            (remark(format!("{number} of the {all} kept in {FAULTS}, secrets struck out; at most {MOST} here.")))
            @for (fault, samples) in &shown { (details(*fault, samples)) }
        }
    }
}

/// All faults that occurred, the most frequent first.
fn met(dossier: &Dossier) -> Vec<Met> {
    let summary = &dossier.summary;
    let of = |fault: Fault| Met {
        fault,
        iterations: summary.journeys.iter().map(|row| row.faults.of(fault)).sum(),
        exchanges: summary.capabilities.iter().map(|row| row.faults.of(fault)).sum(),
    };
    let mut met: Vec<_> = faults::seen(summary).into_iter().map(of).collect();
    met.sort_by_key(|met| Reverse(met.iterations.max(met.exchanges)));
    met
}

fn table(met: &[Met]) -> Markup {
    const COLUMNS: &[Column] = &[
        Column::text("fault"),
        Column::figure("iterations"),
        Column::figure("exchanges"),
        Column::text("charged to"),
        Column::text("what it means"),
    ];
    let row = |met: &Met| {
        Row::of(vec![
            Cell::of(html! { code { (met.fault.slug()) } }),
            Cell::count_or_dot(met.iterations),
            Cell::count_or_dot(met.exchanges),
            Cell::of(faults::charged_to(met.fault)),
            Cell::of(prose(met.fault.entry().meaning)),
        ])
    };
    let groups = vec![Group { title: None, rows: met.iter().map(row).collect() }];
    Table { id: "fault-table", caption: "Faults by kind", columns: COLUMNS, groups }.render()
}

/// The earliest samples of each fault, as many of each as there is room for.
fn chosen<'a>(met: &[Met], all: &'a [FaultSample]) -> Vec<(Fault, Vec<&'a FaultSample>)> {
    let rest = Fault::all().filter(|fault| met.iter().all(|met| met.fault != *fault));
    let order: Vec<_> = met.iter().map(|met| met.fault).chain(rest).collect();
    let of = |fault: Fault| {
        let mut samples: Vec<_> = all.iter().filter(|sample| sample.fault == fault).collect();
        samples.sort_by_key(|sample| sample.at_us);
        (fault, samples)
    };
    let mut groups: Vec<_> = order.into_iter().map(of).filter(|(_, of)| !of.is_empty()).collect();
    let (mut room, mut waiting) = (MOST, groups.len());
    // The smallest groups first, so that what they leave is for the others.
    let mut by_size: Vec<_> = (0..groups.len()).collect();
    by_size.sort_by_key(|place| groups[*place].1.len());
    for place in by_size {
        let fair = (room / waiting.max(1)).max(1).min(room);
        groups[place].1.truncate(fair);
        room -= groups[place].1.len();
        waiting -= 1;
    }
    groups.retain(|(_, samples)| !samples.is_empty());
    groups
}

fn details(fault: Fault, samples: &[&FaultSample]) -> Markup {
    html! {
        details id={ "samples-" (fault.slug()) } {
            summary { code { (fault.slug()) } " · " (samples.len()) @if samples.len() == 1 { " sample" } @else { " samples" } }
            p { (prose(&faults::explained(fault))) "." }
            ol.samples { @for sample in samples { li { (one(sample)) } } }
        }
    }
}

fn one(sample: &FaultSample) -> Markup {
    let detail = &sample.detail[..sample.detail.floor_char_boundary(LONGEST_DETAIL)];
    let at = figures::clock(Duration::from_micros(sample.at_us));
    let names = [sample.variant.as_str(), sample.journey.as_str(), sample.step.as_str()];
    let action = timed::action_name(&sample.event, &sample.action);
    let what: Vec<_> = [sample.capability.as_str()].into_iter().chain(action.as_deref()).collect();
    html! {
        p.where {
            b { (at) } " · "
            (names.iter().filter(|part| !part.is_empty()).map(name).collect::<Vec<_>>().join(" / "))
            " · " (name(what.join(" ")))
            @if let Some(status) = sample.status { " · status " (status) }
            " · iteration " (sample.iteration)
            @if let Some(id) = &sample.call_id { " · call " code { (name(id)) } }
        }
        pre { (lines(detail)) @if detail.len() < sample.detail.len() { "…" } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;

    fn sample(fault: Fault, at_us: u64) -> FaultSample {
        let mut dossier = specimen::dossier(specimen::failing());
        FaultSample { fault, at_us, ..dossier.failing.remove(0) }
    }

    #[test]
    fn rare_faults_have_room_beside_frequent_ones() {
        let mut all: Vec<_> = (0..200).map(|at| sample(Fault::Http5xx, at)).collect();
        all.push(sample(Fault::Dns, 7));
        let chosen = chosen(&[], &all);
        let numbers: Vec<_> = chosen.iter().map(|(fault, of)| (fault.slug(), of.len())).collect();
        assert_eq!(numbers, [("http-5xx", 49), ("dns", 1)]);
    }

    #[test]
    fn every_fault_that_was_met_is_explained() {
        let dossier = specimen::dossier(specimen::failing());
        let page = section(&dossier).into_string();
        for fault in faults::seen(&dossier.summary) {
            assert!(page.contains(fault.slug()), "{fault}");
        }
        assert!(page.contains("no account in the state the journey needs was free"));
    }

    #[test]
    fn what_a_tenant_said_is_shown_as_text() {
        let sample = FaultSample { detail: "<img src=x>".to_owned(), ..sample(Fault::Reset, 1) };
        assert!(one(&sample).into_string().contains("&lt;img src=x&gt;"));
    }
}
