//! What a load costs a tenant, told before it is on.

use super::columns::{Cell, Grid};
use super::figures;
use super::paint::{Paint, Style};
use crate::analysis::budget::judge::{Budget, Cost, Fit, Row};
use crate::base::remedy::Listing;
use crate::base::share::Share;
use crate::base::units::Rate;
use std::fmt::Write;

/// What stands where nothing is known before.
const UNKNOWN: &str = "as many as the tenant answers";

/// The sheet for a terminal, each line ended.
pub fn render(budget: &Budget, columns: usize, paint: Paint) -> String {
    let mut text = paint.apply(Style::Strong, "Cost");
    text.push('\n');
    let facts = facts(&budget.cost, budget.peak_per_s);
    let room = facts.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    for (label, value) in facts {
        let label = paint.apply(Style::Faint, &format!("{label:room$}"));
        let _ = writeln!(text, "  {label}  {value}");
    }
    text.push_str(&groups("Calls by rate group", budget, (columns, paint)));
    if let Some(line) = forecast(budget) {
        let _ = writeln!(text, "  {}", paint.apply(Style::Bad, &line));
    }
    if let Some(before) = &budget.before {
        text.push_str(&groups("Accounts registering before the load", before, (columns, paint)));
        if let Some((row, at)) = before.first_refusal() {
            let (at, group) = (figures::after(at, "the first of them"), row.group);
            let line = format!("the first 429 is to be expected {at}, in `{group}`");
            let _ = writeln!(text, "  {}", paint.apply(Style::Bad, &line));
        }
    }
    text
}

/// What of it all a share has: the sheet is that of the whole plan.
pub fn of_share(budget: &Budget, share: Share) -> String {
    let part = |whole: f64| share.part(whole);
    let told = [
        budget.cost.iterations.map(|all| format!("about {} iterations", number(part(all).round()))),
        budget.peak_per_s.map(|peak| format!("{} at the peak", rate(part(peak)))),
        budget.cost.calls_per_s.map(|calls| format!("{} of calls", rate(part(calls)))),
        Some(budget.cost.provisioned)
            .filter(|made| *made > 0.0)
            .map(|made| format!("about {} accounts made", number(part(made).round()))),
    ];
    let told: Vec<_> = told.into_iter().flatten().collect();
    let own = if told.is_empty() {
        "its part of what the tenant answers".to_owned()
    } else {
        told.join(", ")
    };
    format!("share {share} of it: {own}")
}

/// The table of rate groups, after an empty line, and what is to be said of its rows.
fn groups(title: &'static str, budget: &Budget, (columns, paint): (usize, Paint)) -> String {
    if budget.rows.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new(&[]);
    grid.head(title, "", &["an iteration", "at the peak", "may be used", ""]);
    for row in &budget.rows {
        let style = match row.fit {
            Fit::Fits => Style::Good,
            Fit::Tight | Fit::Exceeds => Style::Bad,
            Fit::Unknown => Style::Faint,
        };
        let [each, peak, usable] = cells(row);
        let fit = Cell::new(row.fit.word(), style);
        let cells = vec![Cell::plain(each), Cell::plain(peak), Cell::plain(usable), fit];
        grid.row(2, Cell::plain(row.group), cells);
    }
    let mut text = format!("\n{}", grid.render(columns, paint));
    for line in notes(budget) {
        let _ = writeln!(text, "  {}", paint.apply(Style::Faint, &line));
    }
    text
}

/// What is to be said of single groups: why they are not judged, and which limits the tenant said itself.
pub fn notes(budget: &Budget) -> Vec<String> {
    let of_row = |row: &Row| Some(format!("`{}`: {}", row.group, row.note?));
    let mut notes: Vec<_> = budget.rows.iter().filter_map(of_row).collect();
    let asked = budget.rows.iter().filter(|row| row.is_asked);
    let asked: Listing = asked.map(|row| row.group).collect();
    if asked != Listing::default() {
        notes.push(format!("asked of the tenant's licence: {asked}"));
    }
    notes
}

/// When the first call is turned down, if one will be.
pub fn forecast(budget: &Budget) -> Option<String> {
    let (row, at) = budget.first_refusal()?;
    Some(format!(
        "the first 429 is to be expected {}, in `{}`",
        figures::after(at, "the start"),
        row.group
    ))
}

/// What a load costs, as labels and values.
pub fn facts(cost: &Cost, peak_per_s: Option<f64>) -> Vec<(&'static str, String)> {
    let peak = |per_s: Option<f64>| match (per_s, cost.bunches) {
        (None, _) => UNKNOWN.to_owned(),
        (Some(per_s), false) => format!("up to {}", rate(per_s)),
        (Some(per_s), true) => format!("about {} on average", rate(per_s)),
    };
    let all = cost.iterations.map_or_else(|| UNKNOWN.to_owned(), number);
    let mut facts = vec![
        (
            "iterations",
            format!("{all}, {} at the peak", peak_per_s.map_or_else(|| UNKNOWN.to_owned(), rate)),
        ),
        ("flow starts", peak(cost.starts_per_s)),
        (
            "calls",
            format!(
                "{}, {} an iteration{}",
                peak(cost.calls_per_s),
                figures::rate(cost.calls_per_iteration),
                if cost.preflights { ", half of them preflights" } else { "" }
            ),
        ),
    ];
    if cost.walked > 0 {
        let walked = format!(
            "{} more, each with an account: one of each journey and variant, if it is not left out",
            cost.walked
        );
        facts.push(("walk before", walked));
    }
    if peak_per_s.is_none() && cost.iterations.is_none() {
        facts[0].1 = UNKNOWN.to_owned();
    }
    let registered = cost.registered.map_or_else(
        || "as many registered as the tenant answers".to_owned(),
        |registered| format!("{} registered", number(registered)),
    );
    let made = format!("{} made before the load, {registered}", number(cost.provisioned));
    let identities = cost
        .identities()
        .map(|all| format!("{}: {made}; each counts for the licence", number(all)));
    facts.push(("identities", identities.unwrap_or(made)));
    let mails = cost.mails.map_or_else(
        || UNKNOWN.to_owned(),
        |mails| match mails {
            0.0 => "none".to_owned(),
            mails => format!("up to {}", number(mails)),
        },
    );
    let each = cost.mails_per_account.map(|(mails, state)| match state {
        "new" => format!("; up to {} for a new account", number(mails)),
        state => format!("; up to {} a day for an account in state `{state}`", number(mails)),
    });
    let after = cost.mails_run_out_after.map(|(iterations, state)| {
        let iterations = number(iterations);
        format!(
            "; after {iterations} iterations an account in state `{state}` has had those of a day"
        )
    });
    let (each, after) = (each.unwrap_or_default(), after.unwrap_or_default());
    facts.push(("mails", format!("{mails}{each}{after}")));
    facts
}

/// Calls of an iteration, at the peak, and what may be used of the licence's rate.
pub fn cells(row: &Row) -> [String; 3] {
    let none = || figures::NONE.to_owned();
    let usable = row.usable.zip(row.licence).map(|(usable, licence)| match usable.per_second {
        per_s if per_s < licence.per_second => format!("{} of {licence}", rate(per_s)),
        per_s => rate(per_s),
    });
    [
        row.per_iteration.map_or_else(none, figures::rate),
        match (row.peak_per_s, row.at_once) {
            (peak, None) => peak.map_or_else(none, rate),
            (None, Some(calls)) => format!("{} at once", number(calls)),
            (Some(peak), Some(calls)) => format!("{}, {} at once", rate(peak), number(calls)),
        },
        usable.unwrap_or_else(none),
    ]
}

fn rate(per_second: f64) -> String {
    Rate { per_second: (per_second * 100.0).round() / 100.0 }.to_string()
}

/// A number of things that was worked out: a whole one.
fn number(number: f64) -> String {
    format!("{:.0}", number.round())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::budget::groups::{DIRECTORY_WRITE, EXECUTION, START};

    fn row(group: &'static str, per_iteration: Option<f64>, fit: Fit) -> Row {
        let licence = (fit != Fit::Unknown).then_some(Rate { per_second: 100.0 });
        Row {
            group,
            covers: "",
            per_iteration,
            peak_per_s: per_iteration.map(|each| each * 20.0),
            licence,
            usable: licence.map(|_| Rate { per_second: 35.0 }),
            fit,
            first_refusal_s: (fit == Fit::Exceeds).then_some(2.333),
            at_once: None,
            is_asked: group == START,
            note: (fit == Fit::Unknown).then_some("nobody knows"),
        }
    }

    fn budget() -> Budget {
        Budget {
            rows: vec![
                row(START, Some(1.0), Fit::Fits),
                row(EXECUTION, Some(2.5), Fit::Exceeds),
                row(DIRECTORY_WRITE, None, Fit::Unknown),
            ],
            peak_per_s: Some(20.0),
            highest_per_s: Some(10.5),
            cost: Cost {
                starts_per_s: Some(20.0),
                calls_per_s: Some(90.0),
                calls_per_iteration: 4.5,
                iterations: Some(12_000.0),
                preflights: false,
                bunches: false,
                walked: 0,
                provisioned: 40.0,
                registered: Some(3600.0),
                mails: Some(6000.0),
                mails_per_account: Some((60.0, "ok")),
                mails_run_out_after: None,
            },
            before: None,
        }
    }

    #[test]
    fn the_sheet_says_what_is_spent_and_what_may_be() {
        insta::assert_snapshot!(render(&budget(), 100, Paint::Plain), @r"
        Cost
          iterations   12000, 20/s at the peak
          flow starts  up to 20/s
          calls        up to 90/s, 4.50 an iteration
          identities   3640: 40 made before the load, 3600 registered; each counts for the licence
          mails        up to 6000; up to 60 a day for an account in state `ok`

        Calls by rate group  an iteration  at the peak    may be used
          davinci-start              1.00         20/s  35/s of 100/s      fits
          davinci-execution          2.50         50/s  35/s of 100/s  too much
          directory-write               –            –              –   unknown
          `directory-write`: nobody knows
          asked of the tenant's licence: `davinci-start`
          the first 429 is to be expected 2.33 s after the start, in `davinci-execution`
        ");
    }

    #[test]
    fn what_comes_at_once_and_what_comes_before_are_on_the_sheet() {
        let mut herd = row(START, Some(0.5), Fit::Exceeds);
        herd.at_once = Some(100.0);
        let before = Budget { rows: vec![row(EXECUTION, Some(4.0), Fit::Exceeds)], ..budget() };
        let cost = Cost {
            mails_run_out_after: Some((1000.0, "ok")),
            mails_per_account: None,
            ..budget().cost
        };
        let sheet = Budget { rows: vec![herd], cost, before: Some(Box::new(before)), ..budget() };
        let text = render(&sheet, 100, Paint::Plain);
        for said in [
            "mails        up to 6000; after 1000 iterations an account in state `ok` has had those of a day",
            "10/s, 100 at once",
            "Accounts registering before the load",
            "2.33 s after the first of them, in `davinci-execution`",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }

    #[test]
    fn rates_of_arrivals_that_bunch_are_averages_and_a_walk_before_the_load_is_said() {
        let cost = Cost { bunches: true, walked: 2, ..budget().cost };
        let text = render(&Budget { cost, ..budget() }, 100, Paint::Plain);
        for said in [
            "flow starts  about 20/s on average\n",
            "calls        about 90/s on average, 4.50 an iteration\n",
            "walk before  2 more, each with an account: one of each journey and variant",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }

    #[test]
    fn what_is_to_be_expected_within_a_second_comes_at_once() {
        let mut soon = row(START, Some(1.0), Fit::Exceeds);
        soon.first_refusal_s = Some(0.0007);
        let line = forecast(&Budget { rows: vec![soon], ..budget() }).unwrap();
        assert_eq!(line, "the first 429 is to be expected at once, in `davinci-start`");
    }

    #[test]
    fn what_is_not_known_before_is_said_to_be_so() {
        let (registered, mails, iterations) = (None, None, None);
        let cost = Cost {
            registered,
            mails,
            iterations,
            starts_per_s: None,
            calls_per_s: None,
            ..budget().cost
        };
        let cost = Cost { mails_per_account: None, ..cost };
        let unknown = Budget { peak_per_s: None, rows: Vec::new(), cost, ..budget() };
        insta::assert_snapshot!(render(&unknown, 100, Paint::Plain), @r"
        Cost
          iterations   as many as the tenant answers
          flow starts  as many as the tenant answers
          calls        as many as the tenant answers, 4.50 an iteration
          identities   40 made before the load, as many registered as the tenant answers
          mails        as many as the tenant answers
        ");
    }
}
