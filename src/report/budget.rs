//! What a load costs a tenant, told before it is on.

use super::columns::{Cell, Grid};
use super::figures;
use super::paint::{Paint, Style};
use crate::analysis::budget::judge::{Budget, Cost, Fit, Row};
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
    let mut grid = Grid::new(&[]);
    grid.head("Calls by rate group", "", &["an iteration", "at the peak", "may be used", ""]);
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
    if !budget.rows.is_empty() {
        text.push('\n');
        text.push_str(&grid.render(columns, paint));
    }
    if let Some(line) = forecast(budget) {
        let _ = writeln!(text, "  {}", paint.apply(Style::Bad, &line));
    }
    text
}

/// When the first call is turned down, if one will be.
pub fn forecast(budget: &Budget) -> Option<String> {
    let (row, at) = budget.first_refusal()?;
    Some(format!(
        "the first 429 is to be expected {} after the start, in `{}`",
        figures::seconds(at),
        row.group
    ))
}

/// What a load costs, as labels and values.
pub fn facts(cost: &Cost, peak_per_s: Option<f64>) -> Vec<(&'static str, String)> {
    let peak = |per_s: Option<f64>| {
        per_s.map_or_else(|| UNKNOWN.to_owned(), |per_s| format!("up to {}", rate(per_s)))
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
                "{}, {} an iteration",
                peak(cost.calls_per_s),
                figures::rate(cost.calls_per_iteration)
            ),
        ),
    ];
    if peak_per_s.is_none() && cost.iterations.is_none() {
        facts[0].1 = UNKNOWN.to_owned();
    }
    let registered = cost.registered.map_or_else(
        || "as many registered as the tenant answers".to_owned(),
        |registered| format!("{} registered", number(registered)),
    );
    let made = format!("{} made before the load, {registered}", cost.provisioned);
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
    facts.push(("mails", format!("{mails}{}", each.unwrap_or_default())));
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
        row.peak_per_s.map_or_else(none, rate),
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
                provisioned: 40,
                registered: Some(3600.0),
                mails: Some(6000.0),
                mails_per_account: Some((60.0, "ok")),
            },
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
          the first 429 is to be expected 2.33 s after the start, in `davinci-execution`
        ");
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
