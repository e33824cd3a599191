//! The tables of the page: what to distrust, the levels, the rules at each, and the calls.

use crate::analysis::capacity::found::{Capacity, Level, LevelJourney, LevelVerdict};
use crate::report::capacity::words;
use crate::report::figures;
use crate::report::page::prose::{name, prose, remark};
use crate::report::page::table::{Cell, Column, Group, Row, Table};
use maud::{Markup, html};

pub(super) fn cautions(of: &Capacity) -> Markup {
    html! {
        @if !of.cautions.is_empty() {
            h2 { "Cautions" }
            ul.cautions { @for caution in &of.cautions {
                li { strong { (name(&caution.slug)) } ": " (prose(&caution.text)) ". " (prose(&caution.advice)) }
            } }
        }
    }
}

pub(super) fn levels(of: &Capacity) -> Markup {
    const COLUMNS: &[Column] = &[
        Column::text("rate"),
        Column::text("probe"),
        Column::text("verdict"),
        Column::figure("p50"),
        Column::figure("p95"),
        Column::figure("p99"),
        Column::figure("errors"),
        Column::figure("ended/s"),
        Column::figure("in flight"),
        Column::figure("settling"),
        Column::figure("measured"),
        Column::figure("worth"),
    ];
    let rows = words::by_rate(of).into_iter().flat_map(rows).collect();
    let open = words::by_rate(of).into_iter().filter(|level| !level.reasons.is_empty());
    let open: Vec<_> = open.collect();
    html! {
        h2 { "Levels" }
        @if of.levels.is_empty() { (remark("No level has been tried.")) } @else {
            (Table {
                id: "levels-table",
                caption: "Every level that was tried, by its rate",
                columns: COLUMNS,
                groups: vec![Group { title: None, rows }],
            })
            @if !open.is_empty() {
                h3 { "Why a level did not pass" }
                ul.why { @for level in open {
                    li {
                        b { (words::rate(level.rate_per_s)) } " (probe " (level.probe) "): "
                        @for (place, reason) in level.reasons.iter().enumerate() {
                            @if place > 0 { "; " }
                            (prose(reason))
                        }
                    }
                } }
            }
        }
    }
}

/// A level; with a row for each of its journeys, if there are several.
fn rows(level: &Level) -> Vec<Row> {
    let alone = match level.journeys.as_slice() {
        [alone] => Some(alone),
        _ => None,
    };
    let mut cells = vec![
        Cell::of(words::rate(level.rate_per_s)),
        Cell::of(format!("{}\u{a0}{}", level.probe, words::purpose(level.purpose))),
        Cell::of(verdict(level.verdict)),
    ];
    match alone {
        Some(journey) => cells.extend(times(journey)),
        None => {
            let median = timed((level.p50_us, words::median(level)));
            cells.extend([median, Cell::of(""), Cell::of(""), Cell::of("")]);
        }
    }
    let settling = if level.is_settled { "" } else { "> " };
    cells.extend([
        Cell::rate(level.completed_per_s),
        Cell::rate(level.in_flight),
        Cell::of(format!("{settling}{}", words::length(level.settling_s))),
        Cell::of(words::length(level.measured_s)),
        Cell::of(words::worth(level)),
    ]);
    let parts = level.journeys.iter().filter(|_| alone.is_none()).map(part);
    std::iter::once(Row::of(cells)).chain(parts).collect()
}

fn part(journey: &LevelJourney) -> Row {
    let mut cells = vec![Cell::of(""), Cell::of(name(&journey.journey)), Cell::of("")];
    cells.extend(times(journey));
    cells.push(Cell::rate(journey.completed_per_s));
    cells.extend(std::iter::repeat_n(Cell::of(""), 4));
    Row::of(cells)
}

fn times(journey: &LevelJourney) -> [Cell; 4] {
    let [p50, p95, p99] = words::times(journey);
    [
        timed((journey.p50_us, p50)),
        timed((journey.p95_us, p95)),
        timed((journey.p99_us, p99)),
        Cell::share_bad(journey.error_share),
    ]
}

/// A time by which the table can be sorted, or what is said where there is none.
fn timed((us, text): (Option<u64>, String)) -> Cell {
    if us.is_some() { Cell::time(us) } else { Cell::of(text) }
}

fn verdict(of: LevelVerdict) -> Markup {
    let word = words::verdict(of);
    html! {
        @match of {
            LevelVerdict::Pass => { b.good { (word) } }
            LevelVerdict::Fail => { b.bad { (word) } }
            LevelVerdict::Undecided => { span.open { (word) } }
            LevelVerdict::Void => { span.muted { (word) } }
        }
    }
}

pub(super) fn calls(of: &Capacity) -> Markup {
    const COLUMNS: &[Column] =
        &[Column::text("group"), Column::figure("calls"), Column::figure("for each iteration")];
    let rows = of.calls.iter().map(|calls| {
        let per_iteration = format!("{:.2}", calls.per_iteration);
        let cells = [name(&calls.group), words::rate(calls.per_s), per_iteration];
        Row::of(cells.map(Cell::of).into())
    });
    html! {
        @if !of.calls.is_empty() {
            h2 { "Calls by rate group" }
            (Table {
                id: "calls-table",
                caption: "Calls per second at the highest level that passed",
                columns: COLUMNS,
                groups: vec![Group { title: None, rows: rows.collect() }],
            })
            (remark("To be held against the limits of the licence, which are per group. Which call belongs to which group is assumed where it is not documented. Calls that the tenant makes by itself, such as writes to its directory, are not seen from here."))
        }
    }
}

pub(super) fn rules(of: &Capacity) -> Markup {
    const COLUMNS: &[Column] = &[
        Column::text("rate"),
        Column::figure("probe"),
        Column::text("rule"),
        Column::figure("observed"),
        Column::figure("95% interval"),
        Column::text("verdict"),
    ];
    let rows = words::by_rate(of).into_iter().flat_map(|level| {
        level.rules.iter().map(|rule| {
            let interval = rule.low.as_ref().zip(rule.high.as_ref());
            let interval = interval.map(|(low, high)| format!("{low} … {high}"));
            Row::of(vec![
                Cell::of(words::rate(level.rate_per_s)),
                Cell::of(level.probe.to_string()),
                Cell::of(html! { code { (name(&rule.rule)) } }),
                Cell::of(name(&rule.observed)),
                Cell::of(name(interval.unwrap_or_else(|| figures::NONE.to_owned()))),
                Cell::of(verdict(rule.verdict)),
            ])
        })
    });
    let groups = vec![Group { title: None, rows: rows.collect() }];
    html! {
        @if of.levels.iter().any(|level| !level.rules.is_empty()) {
            h2 { "Rules" }
            (Table { id: "rules-table", caption: "Every rule at every level", columns: COLUMNS, groups })
        }
    }
}
