//! The shorter sections: thresholds, other times, the generator, the glossary.

use super::distribution;
use super::journeys::{time_columns, times};
use super::prose::{facts, name, prose, remark};
use super::table::{Cell, Column, Group, Row, Table};
use crate::analysis::threshold::AT_THE_END;
use crate::measure::series::Kind;
use crate::report::{figures, health, timed};
use crate::result::dossier::Dossier;
use crate::result::summary::SeriesSummary;
use maud::{Markup, html};

pub(super) fn thresholds(dossier: &Dossier) -> Markup {
    let thresholds = &dossier.summary.thresholds;
    let has_intervals = thresholds.iter().any(|found| found.low.is_some());
    let has_stretches = thresholds.iter().any(|found| found.worst_from_s.is_some());
    let mut columns = vec![Column::text("rule"), Column::text("holds"), Column::figure("observed")];
    columns.extend(has_intervals.then(|| Column::figure("95 % interval")));
    columns.extend(has_stretches.then(|| Column::figure("worst at")));
    let none = || figures::NONE.to_owned();
    let rows = thresholds.iter().map(|found| {
        let (word, class) = match (found.holds, found.observed == AT_THE_END) {
            (_, true) => (figures::NONE, "muted"),
            (true, _) => ("✓ yes", "good"),
            (false, _) => ("✗ no", "bad"),
        };
        let rule = html! {
            code { (name(&found.rule)) }
            @if let Some(remark) = &found.remark { span.below.muted { (name(remark)) } }
        };
        let mut cells = vec![
            Cell::of(rule),
            Cell::of(html! { b class=(class) { (word) } }),
            Cell::of(name(&found.observed)),
        ];
        let interval = || name(found.interval().unwrap_or_else(none));
        cells.extend(has_intervals.then(|| Cell::of(interval())));
        cells.extend(has_stretches.then(|| Cell::of(found.worst().unwrap_or_else(none))));
        Row::of(cells)
    });
    let groups = vec![Group { title: None, rows: rows.collect() }];
    let caption = "Rules and what was observed";
    html! {
        h2 { "Thresholds" }
        @if thresholds.is_empty() { (remark("The run had none.")) } @else {
            (Table { id: "threshold-table", caption, columns: &columns, groups })
            (remark("Percentiles that judge count every time-out, reset and cut-off as slower than any limit; those of the other tables are of what ended well."))
            @if has_intervals {
                (remark("An interval of 95 % says how far chance may have moved what was observed; it knows that neighbouring seconds share their fate."))
            }
            @if has_stretches {
                (remark("A rule with “over” has to hold in every stretch of that length; what was observed is of the worst, which was at the times given, from the start of the run."))
            }
        }
    }
}

/// What each of the other series is, in the order of reports.
const SERIES: &[(Kind, &str)] = &[
    (Kind::Connect, "setting up a connection, in all"),
    (Kind::ConnectName, "finding the address of the host"),
    (Kind::ConnectTcp, "opening the TCP connection"),
    (Kind::ConnectTls, "the TLS handshake"),
    (Kind::FirstByte, "from the request on an open connection to the first byte of its reply"),
    (Kind::CodeWait, "waiting for a one-time code to arrive"),
    (Kind::PollWait, "pauses between polls that the tenant asked for"),
    (Kind::Think, "think time of the simulated users"),
    (Kind::Lag, "from when an iteration was due to its first request"),
    (Kind::Preflight, "OPTIONS calls, as a browser makes them"),
    (Kind::Management, "calls of the management API, outside the measured journeys"),
];

pub(super) fn series(dossier: &Dossier) -> Markup {
    let rows: Vec<_> = SERIES
        .iter()
        .filter_map(|(kind, meaning)| {
            let row = dossier.summary.series.iter().find(|row| row.kind == kind.slug())?;
            Some(series_row(dossier, (*kind, meaning), row))
        })
        .collect();
    if rows.is_empty() {
        return html! {};
    }
    let mut columns = vec![Column::text("what"), Column::figure("samples")];
    columns.extend(time_columns());
    columns.push(Column::picture("spread"));
    let groups = vec![Group { title: None, rows }];
    html! {
        h2 { "Also timed" }
        (Table { id: "series-times", caption: "Times beside those of steps and journeys", columns: &columns, groups })
    }
}

fn series_row(dossier: &Dossier, (kind, meaning): (Kind, &str), row: &SeriesSummary) -> Row {
    let known = timed::SERIES.iter().find(|(slug, _)| *slug == kind.slug());
    let title = known.map_or(kind.slug(), |(_, title)| title);
    let named = html! { (title) span.below.muted { (meaning) } };
    let mut cells = vec![Cell::of(named), Cell::count(row.samples)];
    cells.extend(times(row.time_us.as_ref()));
    cells.push(Cell::drawn(distribution(&dossier.tally.of_kind(kind))));
    Row::of(cells)
}

pub(super) fn generator(dossier: &Dossier) -> Markup {
    let generator = &dossier.summary.generator;
    let readings = health::readings(generator).into_iter().chain(health::limits(generator));
    let readings: Vec<_> =
        readings.map(|reading| (reading.name, html! { (name(&reading.value)) })).collect();
    html! {
        h2 { "Generator" }
        @if readings.is_empty() {
            (remark("This system does not tell how the generator fared: whether gander was the limit is not known."))
        } @else {
            (facts(&readings))
            (remark("How gander itself fared. A run in which gander, not the tenant, was the limit is invalid."))
        }
    }
}

/// The words of the report.
const GLOSSARY: &[(&str, &str)] = &[
    (
        "journey",
        "What a user wants to achieve, from start to end: sign on, register. One execution of it is an iteration.",
    ),
    ("step", "One form answered, by the rule of that name in the journey's file."),
    ("exchange, sample", "One HTTP request and its reply."),
    (
        "capability",
        "What the tenant was doing when it answered: the `capabilityName` of the form, or the name of a call outside a flow, such as `token`.",
    ),
    (
        "due",
        "When an iteration was planned to start. In the closed model that is when its user is free.",
    ),
    (
        "lag",
        "From due to the first request. It is what a user would have felt of a queue in front of the test, and only the open model has it.",
    ),
    (
        "late",
        "Iterations for which no user was free when they were due. They waited, or were dropped.",
    ),
    (
        "response time",
        "From due to the end of an iteration: lag, all exchanges and connections, and gander's own time between them. Thinking, waiting for codes and pauses between polls are not in it.",
    ),
    (
        "service time",
        "Of an exchange: from the request on an open connection to the last byte of its reply. Of a journey: its response time without the lag.",
    ),
    ("elapsed", "Wall time of an iteration, thinking and waits included."),
    (
        "completed",
        "Reached the goal of the journey: a code, a token, a form, or the refusal it expects.",
    ),
    (
        "failed",
        "Ended in a fault. Every fault has a name, a meaning, and a side it is charged to: the tenant, the network, what the run was given, or gander itself.",
    ),
    ("dropped", "Arrivals that found no free user in time and were given up."),
    ("cut off", "Iterations that were still under way when the run ended."),
    ("errors", "Faults among the samples, as a share of all of them."),
    (
        "p50, p95, p99",
        "Percentiles: half, 95 and 99 of a hundred samples took no longer than this. Shown ones are of what ended well; those of thresholds count time-outs, resets and cut-offs as slower than any limit.",
    ),
    (
        "open model",
        "Arrivals on a schedule of their own, which wait for nobody: a slow tenant gets as much load as a fast one.",
    ),
    ("closed model", "A fixed number of users in turn: a slow tenant gets less load."),
    (
        "warm-up, measured, drain",
        "The parts of a run. Only iterations due in the measured part are in these numbers; charts show all three.",
    ),
    (
        "spread",
        "The distribution of the row's times on a logarithmic axis, its own from end to end.",
    ),
];

pub(super) fn glossary(_: &Dossier) -> Markup {
    html! {
        h2 { "Glossary" }
        dl.glossary { @for (term, meaning) in GLOSSARY { div { dt { (term) } dd { (prose(meaning)) } } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;
    use crate::result::summary::SERIES_KINDS;

    #[test]
    fn every_series_of_a_summary_has_its_row() {
        let kinds: Vec<_> = SERIES.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, SERIES_KINDS);
    }

    #[test]
    fn a_threshold_says_in_words_whether_it_holds() {
        let page = thresholds(&specimen::dossier(specimen::failing())).into_string();
        assert_eq!((page.matches("✗ no").count(), page.matches("✓ yes").count()), (2, 2));
        for words in
            ["&gt; 30 s", "5.31% … 8.25%", "judged on all of it", "11s … 16s", "every stretch"]
        {
            assert!(page.contains(words), "{words}");
        }
    }

    #[test]
    fn a_rule_that_is_still_open_neither_holds_nor_fails() {
        let mut summary = specimen::passing();
        summary.thresholds[1].observed = AT_THE_END.to_owned();
        let page = thresholds(&specimen::dossier(summary)).into_string();
        assert_eq!((page.matches("✗ no").count(), page.matches("✓ yes").count()), (0, 1));
        assert!(page.contains(AT_THE_END) && !page.contains("95 % interval"), "{page}");
    }

    #[test]
    fn the_generator_is_told_in_the_words_of_the_console() {
        let page = generator(&specimen::dossier(specimen::passing())).into_string();
        for words in ["23.4% of 2 cores, at worst 31.0%", "84.2 MiB", "at most 61 of 20000"] {
            assert!(page.contains(words), "{words}");
        }
    }
}
