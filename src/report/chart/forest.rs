//! Changes with their intervals, one row each, over a band of what does not matter.

use super::axis::{Axis, real};
use super::colour::{AXIS, BLUE, GREEN, GRID, RED, SHADE, SLATE, TEXT};
use super::figure::{About, Figure, Readout, Sheet};
use super::panel::{Anchor, Panel, WIDTH, shortened};
use crate::analysis::compare::found::Verdict;
use plotters::style::RGBColor;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// What changed.
    pub name: String,
    /// How much, a part: 0.1 for a tenth more.
    pub change: f64,
    /// Both ends of its interval.
    pub interval: (f64, f64),
    /// What does not matter to either side.
    pub margin: f64,
    /// What it comes to; none for what only describes.
    pub verdict: Option<Verdict>,
    /// The change and its interval in words.
    pub told: String,
    /// Whether it begins a group.
    pub is_first: bool,
}

/// What is said of the chart.
#[derive(Clone, Copy, Debug)]
pub struct Title<'a> {
    /// Its name in links.
    pub id: &'a str,
    /// The heading.
    pub title: &'a str,
    /// What the axis shows.
    pub axis: &'a str,
    /// What follows each number of it.
    pub unit: &'a str,
}

/// Height of a row in pixels.
const ROW: u32 = 21;

/// Room for names.
const LEFT: u32 = 268;

/// Characters of a name that fit there.
const LONGEST_NAME: usize = 40;

/// More than this nobody takes in; the table has everything.
const MOST_ROWS: usize = 60;

/// An interval may reach so many times as far as the farthest change or margin, before it is cut.
const FARTHEST: f64 = 2.5;

/// How long the head of an arrow is, as a part of the axis.
const ARROW: f64 = 0.012;

/// None without rows.
pub fn figure(title: Title<'_>, rows: &[Branch]) -> Option<Figure> {
    let rows = &rows[..rows.len().min(MOST_ROWS)];
    let number = u32::try_from(rows.len()).ok().filter(|number| *number > 0)?;
    let (low, high) = ends(rows);
    let panel = Panel {
        sheet: 12 + ROW * number + 40,
        left: LEFT,
        right: WIDTH - 28,
        top: 12,
        bottom: 12 + ROW * number,
        x: Axis::changes(title.axis, low, high, title.unit),
        y: Axis::rows(rows.len()),
    };
    let mut sheet = Sheet::default();
    let height = |place: usize| real((rows.len() - place) as u64) - 0.5;
    let placed = || rows.iter().enumerate().map(|(place, row)| (height(place), row));
    let band = placed().map(|(y, row)| [(-row.margin, y - 0.5), (row.margin, y + 0.5)]);
    sheet.add(&panel.cells(band, SHADE)?);
    sheet.add(&panel.mesh()?);
    let (left, right) = (panel.x.low(), panel.x.high());
    let between = placed().filter(|(y, row)| row.is_first && y + 0.5 < real(rows.len() as u64));
    let between = between.map(|(y, _)| [(left, y + 0.5), (right, y + 0.5)]);
    sheet.add(&panel.strokes(between, GRID, 10)?);
    sheet.add(&panel.strokes([[(0.0, panel.y.low()), (0.0, panel.y.high())]], AXIS, 10)?);
    for (y, row) in placed() {
        let (low, high) = row.interval;
        let mut piece = panel.strokes([[(low, y), (high, y)]], colour(row.verdict), 20)?;
        // What goes on beyond the axis ends in an arrow, and not as if it ended there.
        let cut = cut(row, (left, right));
        let step = (right - left) * ARROW;
        for (edge, inwards) in [(left, step), (right, -step)]
            .into_iter()
            .zip(cut)
            .filter_map(|(at, is)| is.then_some(at))
        {
            let head = [-0.25, 0.25].map(|side| [(edge + inwards, y + side), (edge, y)]);
            piece.push_str(&panel.strokes(head, colour(row.verdict), 20)?);
        }
        piece.push_str(&panel.dots(&[(row.change, y)], colour(row.verdict), 40)?);
        let (_, pixel) = panel.pixel((0.0, y));
        let name = format!("{}{}", shortened(&row.name, LONGEST_NAME - 14), verdict(row));
        let at = (f64::from(LEFT) - 10.0, pixel);
        piece.push_str(&panel.text(at, &name, Anchor::End, TEXT)?);
        sheet.add(&piece);
    }
    let about = About {
        id: title.id.to_owned(),
        title: title.title.to_owned(),
        alt: alt(title, rows, (left, right)),
        caption: "Each dot is the candidate compared with the baseline, its line the 95% interval. What \
                  lies within the shaded band does not matter; what is shown to lie beside it is worse on \
                  the right and better on the left. An arrow marks an interval that goes on beyond the axis."
            .to_owned(),
    };
    Some(sheet.figure(about, panel.sheet, &Readout::default()))
}

fn verdict(row: &Branch) -> String {
    row.verdict.map_or_else(String::new, |verdict| format!(" · {}", verdict.name()))
}

/// No colour says anything that the row's name does not.
const fn colour(verdict: Option<Verdict>) -> RGBColor {
    match verdict {
        Some(Verdict::Worse) => RED,
        Some(Verdict::Better) => GREEN,
        Some(Verdict::Same) => BLUE,
        Some(Verdict::CannotTell) | None => SLATE,
    }
}

/// Where the axis begins and ends: an interval without an end hides no other row.
fn ends(rows: &[Branch]) -> (f64, f64) {
    let far = rows.iter().map(|row| row.change.abs().max(row.margin)).fold(0.0, f64::max);
    let reach = far * FARTHEST;
    let low = rows.iter().map(|row| row.interval.0.min(-row.margin)).fold(0.0, f64::min);
    let high = rows.iter().map(|row| row.interval.1.max(row.margin)).fold(0.0, f64::max);
    (low.max(-reach) * 1.04, high.min(reach) * 1.04)
}

/// Whether the interval of a row goes on beyond the left and the right end of the axis.
fn cut(row: &Branch, (left, right): (f64, f64)) -> [bool; 2] {
    [row.interval.0 < left, row.interval.1 > right]
}

fn alt(title: Title<'_>, rows: &[Branch], ends: (f64, f64)) -> String {
    let beyond = |row: &Branch| match cut(row, ends) {
        [false, false] => "",
        [true, false] => ", cut on the left",
        [false, true] => ", cut on the right",
        [true, true] => ", cut on both sides",
    };
    let said =
        rows.iter().map(|row| format!("{} {}{}{}", row.name, row.told, verdict(row), beyond(row)));
    format!("{}: {}.", title.title, said.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::geometry;

    fn row(name: &str, change: f64, half: f64, verdict: Option<Verdict>) -> Branch {
        Branch {
            name: name.to_owned(),
            change,
            interval: (change - half, change + half),
            margin: 0.05,
            verdict,
            told: format!("{:+.0}%", change * 100.0),
            is_first: name.ends_with("p50"),
        }
    }

    const TITLE: Title<'_> =
        Title { id: "forest", title: "Changes", axis: "change of a time", unit: "%" };

    #[test]
    fn every_row_has_its_name_its_interval_and_its_dot() {
        let rows = [
            row("sign-on p50", 0.02, 0.01, Some(Verdict::Same)),
            row("sign-on <&\"' p95", 0.12, 0.03, Some(Verdict::Worse)),
            row("register p50", -0.2, 0.02, Some(Verdict::Better)),
            row("register p95", 0.0, 0.3, None),
        ];
        let drawn = figure(TITLE, &rows).unwrap();
        geometry::check(&drawn);
        assert_eq!(drawn.svg.matches("<circle").count(), rows.len());
        assert!(drawn.svg.contains(">sign-on p50 · same<"), "{}", drawn.svg);
        assert_eq!(
            drawn.alt,
            "Changes: sign-on p50 +2% · same; sign-on <&\"' p95 +12% · worse; register p50 -20% · \
             better; register p95 +0%."
        );
    }

    #[test]
    fn an_interval_that_is_cut_has_an_arrow_where_it_goes_on() {
        let strokes = |interval| {
            let row = Branch { interval, ..row("a p50", 0.01, 0.01, None) };
            let drawn = figure(TITLE, &[row]).unwrap();
            geometry::check(&drawn);
            // Each stroke of this width begins with a move.
            let paths = drawn.svg.split("<path").filter(|path| path.contains("stroke-width=\"2\""));
            let data = paths.filter_map(|path| path.split(" d=\"").nth(1)?.split('"').next());
            (data.flat_map(str::chars).filter(|c| "mM".contains(*c)).count(), drawn.alt)
        };
        let (whole, told) = strokes((0.0, 0.02));
        assert!(!told.contains("cut"), "{told}");
        let (right, told) = strokes((0.0, 9.0));
        assert_eq!(right, whole + 2, "two strokes for the head of an arrow");
        assert!(told.contains("cut on the right"), "{told}");
        let (both, told) = strokes((-9.0, 9.0));
        assert_eq!(both, whole + 4);
        assert!(told.contains("cut on both sides"), "{told}");
    }

    #[test]
    fn an_interval_without_bounds_is_cut_and_many_rows_are_not_drawn() {
        let rows: Vec<_> =
            (0..100).map(|n| row(&format!("journey {n} p50"), 0.01, 1e9, None)).collect();
        let drawn = figure(TITLE, &rows).unwrap();
        geometry::check(&drawn);
        assert_eq!(drawn.svg.matches("<circle").count(), MOST_ROWS);
        assert!(ends(&rows).1 < 0.2);
        assert!(drawn.alt.contains("+1%, cut on both sides; "), "{}", drawn.alt);
        assert_eq!(figure(TITLE, &[]), None);
    }
}
