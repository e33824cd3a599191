//! How the run drifted: charts of what did, the table of all that was looked at, gander itself beside it.

use super::charts::still;
use super::prose::{name, prose, remark};
use super::table::{Cell, Column, Group, Row, Table};
use crate::report::{chart, drift, figures};
use crate::result::dossier::Dossier;
use crate::result::soak::{DriftSummary, Finding};
use maud::{Markup, html};

/// Most rows of a table: the page has to stay below a megabyte.
const MOST_ROWS: usize = 300;

/// Most charts of rows that changed; the table tells of all.
const MOST_CHARTS: usize = 3;

pub(super) fn section(dossier: &Dossier) -> Markup {
    let Some(found) = &dossier.summary.drift else { return html! {} };
    let changed = drift::changed(found);
    let drawn = changed.iter().filter(|(row, _)| !row.points.is_empty()).take(MOST_CHARTS);
    let drawn = drawn.enumerate();
    let charts: Vec<_> =
        drawn.filter_map(|(place, (row, _))| chart::drift(found, row, place + 1)).collect();
    html! {
        h2 { "Drift" }
        p { (name(sentence(&drift::headline(found)))) " " (sentence(&drift::of_gander(found))) }
        @for broken in drift::broken(&dossier.summary) { p { (prose(&sentence(&broken))) } }
        @for projection in &found.projections { p { (prose(&sentence(&drift::projected(projection)))) } }
        @for drawn in &charts { (still(drawn)) }
        @if !changed.is_empty() { (table(found, "drift-changed", "What changed", Finding::is_change)) }
        details id="drift-all" {
            summary { "All figures that were looked at" }
            (table(found, "drift-rows", "Slopes over the measured part", |_| true))
            (generator(found))
        }
        (remark("Slopes are of stretches of the run; their intervals know that neighbours share their fate, and \
                 each is of its figure alone. p allows for all that were looked at: it is how probable so steep a \
                 slope is by chance among so many, so that it may stand beside an interval far from nought."))
        (remark(format!(
            "Steady: the whole interval lies within {least} of the level, of an error share within a tenth of a \
             percentage point if that is more. Not told: a change of as much is neither told from chance nor ruled \
             out; a longer run, or more load, tells more. {series} series were looked at, those of rules among them.",
            least = figures::share(found.least_share),
            series = found.series,
        )))
    }
}

/// `No drift of gander itself or its load was told.`
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.by_ref().take(1).flat_map(char::to_uppercase).collect();
    first + letters.as_str() + "."
}

fn table(found: &DriftSummary, id: &str, caption: &str, shown: fn(Finding) -> bool) -> Markup {
    let columns = [
        Column::text("figure"),
        Column::text("change"),
        Column::text("95 % interval"),
        Column::text("from → to"),
        Column::figure("p"),
        Column::text("finding"),
    ];
    let row = |row: &crate::result::soak::DriftRow| {
        let told = drift::told(row, found);
        let notes = html! {
            (drift::finding(row.finding))
            @for note in &told.notes { span.below.muted { (name(note)) } }
        };
        Row::of(vec![
            Cell::of(name(&told.name)),
            Cell::of(&told.by),
            Cell::of(&told.interval),
            Cell::of(&told.ends),
            Cell::of(drift::chance(row.slope.p)),
            Cell::of(notes),
        ])
    };
    let all = || found.rows.iter().filter(|row| shown(row.finding));
    let rows = all().take(MOST_ROWS).map(row).collect();
    let left_out = all().count().saturating_sub(MOST_ROWS);
    let groups = vec![Group { title: None, rows }];
    html! {
        (Table { id, caption, columns: &columns, groups })
        @if left_out > 0 { (remark(format!("{left_out} more in summary.json."))) }
    }
}

fn generator(found: &DriftSummary) -> Markup {
    let columns = [
        Column::text("gander itself"),
        Column::text("from → to"),
        Column::figure("p"),
        Column::text("finding"),
    ];
    let row = |own: &crate::result::soak::OwnDrift| {
        let told = drift::own(own, found.measured_s);
        let of = own.figure.name();
        Row::of(vec![
            Cell::of(of),
            Cell::of(told.trim_start_matches(of).trim_start()),
            Cell::of(drift::chance(own.slope.p)),
            Cell::of(if own.drifts { "changed" } else { "not told" }),
        ])
    };
    let rows = found.generator.iter().map(row).collect();
    let groups = vec![Group { title: None, rows }];
    html! { (Table { id: "drift-own", caption: "Gander itself", columns: &columns, groups }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;

    #[test]
    fn a_short_run_has_no_section() {
        assert_eq!(section(&specimen::dossier(specimen::passing())).into_string(), "");
    }

    #[test]
    fn what_changed_is_drawn_and_everything_is_in_a_table() {
        let mut dossier = specimen::dossier(specimen::passing());
        dossier.summary.drift = Some(specimen::drifting());
        let page = section(&dossier).into_string();
        assert_eq!(page.matches("<svg ").count(), 3);
        for words in [
            "sign-on p95",
            "jumped from",
            "not charged to the tenant",
            "<code>sign-on.p95 &lt; 800ms</code>",
            "id=\"drift-rows\"",
            "memory",
        ] {
            assert!(page.contains(words), "{words}: {page}");
        }
        let all = page.split_once("id=\"drift-rows\"").unwrap().1;
        assert!(all.contains(">steady<"), "{all}");
    }

    #[test]
    fn what_was_not_told_is_not_called_steady_and_the_broken_rule_is_named() {
        let mut dossier = specimen::dossier(specimen::passing());
        let mut found = specimen::drifting();
        found.rows.iter_mut().for_each(|row| row.finding = Finding::NotTold);
        dossier.summary.drift = Some(found);
        let rule = &mut dossier.summary.thresholds[0];
        (rule.rule, rule.holds) = ("sign-on.drift(p95) < 10%".to_owned(), false);
        let page = section(&dossier).into_string();
        for words in [
            "No drift of 5.00% or more could be told from chance",
            "the likeliest is",
            "<code>sign-on.drift(p95) &lt; 10%</code> does not hold",
            ">not told<",
        ] {
            assert!(page.contains(words), "{words}: {page}");
        }
        assert!(!page.contains(">steady<"), "{page}");
    }
}
