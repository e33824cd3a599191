//! The parts of a merged run, a row for each: what it did, how late it was by its own fault, how busy it was.

use super::columns::{Cell, Grid};
use super::figures;
use super::markdown::Table;
use super::markup::code;
use super::paint::Style;
use crate::result::part::Part;
use std::cmp::Reverse;
use std::time::Duration;

/// Most rows on a terminal.
const MOST_ON_TERMINAL: usize = 20;

/// Most rows of a comment.
const MOST_IN_COMMENT: usize = 50;

/// The headings of the figures, in order.
pub(super) const HEADINGS: &[&str] = &["due", "done", "failed", "lost", "lag p99", "CPU", "worst"];

/// As many parts as there is room for, in their order; where there are more, those that went worst. And how many are
/// left out.
pub(super) fn shown(parts: &[Part], most: usize) -> (Vec<&Part>, usize) {
    let left_out = parts.len().saturating_sub(most);
    if left_out == 0 {
        return (parts.iter().collect(), 0);
    }
    let busiest = parts.iter().map(Part::busyness).max().unwrap_or_default();
    let mut worst: Vec<(usize, &Part)> = parts.iter().enumerate().collect();
    worst.sort_by_key(|(place, part)| (Reverse(gravity(part, busiest)), *place));
    worst.truncate(most);
    worst.sort_by_key(|(place, _)| *place);
    (worst.into_iter().map(|(_, part)| part).collect(), left_out)
}

/// The larger, the worse it went. The busiest of all is named elsewhere, and so has a row in any case but that of many
/// that went much worse.
fn gravity(part: &Part, busiest: (u64, u64)) -> (u64, u64, bool, u64, (u64, u64)) {
    let undone = part.lost.saturating_add(u64::from(part.is_unfinished()));
    let busyness = part.busyness();
    (undone, part.overloaded_ms, busyness == busiest, part.failed, busyness)
}

/// The figures of a part, in the order of [`HEADINGS`].
fn cells(part: &Part) -> [String; 7] {
    let share = |share: Option<f64>| share.map_or(figures::NONE.to_owned(), figures::share);
    [
        figures::count(part.due),
        figures::count(part.completed),
        figures::count_or_dot(part.failed),
        figures::count_or_dot(part.lost),
        figures::time_or_none(part.own_lag_p99_us()),
        share(part.generator.cpu_share),
        share(part.generator.worst_cpu_share),
    ]
}

/// What is to be said of a part besides its figures; none of one that went as planned.
pub(super) fn remarks(part: &Part) -> Option<String> {
    let number = |number: u64, what: &str| (number > 0).then(|| format!("{number} {what}"));
    let killed = part.is_unfinished().then(|| "no end on record".to_owned());
    let from = |what: &str, ms: Option<u64>| {
        ms.map(|ms| format!("{what} from {} on", figures::clock(Duration::from_millis(ms))))
    };
    let lost = from("lost", part.lost_from_ms);
    let taken_over = from("its load with others", part.taken_over_from_ms);
    let told = [
        killed,
        lost,
        taken_over,
        number(part.dropped, "dropped"),
        number(part.cut_off, "cut off"),
    ];
    let told: Vec<_> = told.into_iter().flatten().collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// What stands behind the name of a part: its share, and its machine.
pub(super) fn about(part: &Part) -> String {
    let share = part.share.map(|share| share.to_string());
    let host = Some(part.host.name.clone()).filter(|host| !host.is_empty());
    let of: Vec<_> = share.into_iter().chain(host).collect();
    of.join(" · ")
}

/// The table for a terminal; none without parts.
pub(super) fn grid(parts: &[Part]) -> Option<Grid> {
    let (rows, left_out) = shown(parts, MOST_ON_TERMINAL);
    if rows.is_empty() {
        return None;
    }
    let mut grid = Grid::new(&[6]);
    grid.head("Parts", "", HEADINGS);
    for part in rows {
        let cells = cells(part).into_iter().enumerate().map(|(place, text)| {
            let is_bad = matches!(place, 2 | 3) && text != figures::ZERO;
            Cell::new(text, if is_bad { Style::Bad } else { Style::Plain })
        });
        grid.row(2, Cell::plain(&part.name), cells.collect());
        if let Some(remarks) = remarks(part) {
            grid.note(4, Cell::new(remarks, Style::Faint));
        }
    }
    if left_out > 0 {
        let text = format!("{left_out} more in `summary.json`; shown are those that went worst");
        grid.note(2, Cell::new(text, Style::Faint));
    }
    Some(grid)
}

/// The table for a comment; without rows where there are no parts.
pub(super) fn table(parts: &[Part]) -> Table {
    let (rows, left_out) = shown(parts, MOST_IN_COMMENT);
    let row = |part: &Part| {
        let remarks = remarks(part).map(|told| format!(" ({told})")).unwrap_or_default();
        let mut row = vec![code(&part.name) + &remarks];
        row.extend(cells(part));
        row
    };
    Table {
        what: "parts",
        heading: match left_out {
            0 => "### Parts\n\n".to_owned(),
            more => {
                format!("### Parts\n\nThose that went worst; {more} more in `summary.json`.\n\n")
            }
        },
        headings: ["part"].iter().chain(HEADINGS).copied().collect(),
        names: 1,
        rows: rows.into_iter().map(row).collect(),
        after: "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::paint::Paint;
    use crate::report::specimen::parts;

    #[test]
    fn parts_stand_below_each_other_with_what_was_the_matter_with_them() {
        let text = grid(&parts()).unwrap().render(100, Paint::Plain);
        insta::assert_snapshot!(text, @"
        Parts          due  done  failed  lost  lag p99    CPU  worst
          agent-1     1010  1010       ·     ·  2.89 ms  23.4%  31.0%
          agent-2     1010   930      61     ·  3.53 ms      –      –
            no end on record, 12 dropped, 7 cut off
        ");
    }

    #[test]
    fn of_many_parts_those_are_shown_that_went_worst() {
        let many: Vec<Part> = (0..100)
            .map(|number| Part {
                name: format!("p{number}"),
                lost: u64::from(number == 77),
                ..parts()[0].clone()
            })
            .collect();
        let (rows, left_out) = shown(&many, MOST_ON_TERMINAL);
        assert_eq!((rows.len(), left_out), (20, 80));
        assert_eq!((rows[0].name.as_str(), rows[19].name.as_str()), ("p0", "p77"));
        let text = grid(&many).unwrap().render(100, Paint::Plain);
        assert!(
            text.ends_with("  80 more in `summary.json`; shown are those that went worst\n"),
            "{text}"
        );
        assert!(table(&many).heading.contains("50 more"));
        assert!(grid(&[]).is_none() && table(&[]).rows.is_empty());
    }
}
