//! Where response times lie over time: how many iterations took how long, moment by moment.

use super::axis::{Axis, real};
use super::colour::{HEAT, TEXT};
use super::figure::{About, Figure, Readout, Sheet, Track};
use super::panel::{Panel, Place};
use super::timeline::{Timeline, over};
use crate::measure::course::{Course, Moment};
use crate::measure::histogram::{Percentile, Times};
use crate::report::figures;

/// Most rows, so that a cell can still be seen.
const MOST_ROWS: usize = 30;
const FEWEST_ROWS: usize = 8;

/// Rows of a power of ten that are tried, finest first.
const PER_DECADE: &[u32] = &[40, 20, 10, 5, 4, 2, 1];

/// About the height of all rows together, in pixels.
const HEIGHT: usize = 234;

/// How many iterations took how long when.
struct Grid {
    /// Rows of a power of ten.
    per_decade: f64,
    /// The number of the lowest row, counted from 1 µs.
    lowest: usize,
    rows: usize,
    columns: Vec<Column>,
    /// The most iterations of a cell.
    most: u64,
}

struct Column {
    begins_ms: u64,
    /// From the lowest row on.
    counts: Vec<u64>,
}

/// None of a run in which nothing was completed.
pub(super) fn figure(course: &Course, timeline: &Timeline<'_>) -> Option<Figure> {
    let grid = Grid::of(course)?;
    let row_height = HEIGHT.div_ceil(grid.rows).max(1);
    let height = u32::try_from(row_height * grid.rows).ok()?;
    let y = Axis::log_between("response time", grid.edge(0), grid.edge(grid.rows));
    let panel = Panel::filling(26 + height + 40, timeline.axis(), y);
    let mut sheet = Sheet::default();
    timeline.shade(&mut sheet, &panel)?;
    sheet.add(&panel.mesh()?);
    for (step, colour) in HEAT.into_iter().enumerate() {
        let cells = grid.cells(step, course.width_ms(), timeline.end_ms);
        if !cells.is_empty() {
            let cells = panel.cells(cells, colour)?;
            sheet.series(
                &grid.name(step)?,
                &format!("<g shape-rendering=\"crispEdges\">{cells}</g>"),
            );
        }
    }
    timeline.events(&mut sheet, &panel, false)?;
    let about = About {
        id: "heat-map".to_owned(),
        title: "Response times of all journeys, moment by moment".to_owned(),
        alt: alt(course, timeline, &grid),
        caption: "Each cell counts the iterations that completed in a moment with about that \
                  response time; the darker, the more, each shade a multiple of the one before. Two \
                  bands are two kinds of iterations; a lone cell far above is an outlier that \
                  percentiles may hide."
            .to_owned(),
    };
    Some(sheet.figure(about, panel.sheet, &readout(timeline, &panel, &grid)))
}

impl Grid {
    fn of(course: &Course) -> Option<Self> {
        let moments: Vec<(u64, Times)> = course
            .moments()
            .map(|(begins_ms, moment)| (begins_ms, moment.response()))
            .filter(|(_, times)| !times.is_empty())
            .collect();
        let shortest = moments.iter().map(|(_, times)| times.min_us()).min()?;
        let longest = moments.iter().map(|(_, times)| times.max_us()).max()?;
        let rows_of = |per_decade: u32| {
            let row = |us| row_of(us, f64::from(per_decade));
            row(longest) + 1 - row(shortest)
        };
        let per_decade = PER_DECADE.iter().copied().find(|number| rows_of(*number) <= MOST_ROWS)?;
        let needed = rows_of(per_decade);
        let per_decade = f64::from(per_decade);
        // Times that are all alike are not stretched to look as if they were not.
        let more = FEWEST_ROWS.saturating_sub(needed);
        let lowest = row_of(shortest, per_decade).saturating_sub(more / 2);
        let rows = needed + more;
        let columns: Vec<Column> = moments
            .iter()
            .map(|(begins_ms, times)| {
                let mut counts = vec![0; rows];
                times.each(|low, high, count| {
                    let row = row_of(low + (high - low) / 2, per_decade).saturating_sub(lowest);
                    if let Some(cell) = counts.get_mut(row.min(rows - 1)) {
                        *cell += u64::from(count);
                    }
                });
                Column { begins_ms: *begins_ms, counts }
            })
            .collect();
        let most = columns.iter().flat_map(|column| column.counts.iter().copied()).max()?;
        Some(Self { per_decade, lowest, rows, columns, most })
    }

    /// The time in microseconds between a row and the one below it.
    fn edge(&self, row: usize) -> f64 {
        10f64.powf(real((self.lowest + row) as u64) / self.per_decade)
    }

    /// The step of colour of so many iterations: steps are of equal ratio, the last holds the most.
    fn step(&self, count: u64) -> Option<usize> {
        let steps = HEAT.len();
        if count == 0 {
            return None;
        }
        (0..steps).rev().find(|step| count >= self.least_of(*step))
    }

    /// The fewest iterations of a step of colour.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "of a count")]
    fn least_of(&self, step: usize) -> u64 {
        // Below as many as there are steps, each number has its own.
        let ratio = real(self.most).max(1.0).powf(real(step as u64) / real(HEAT.len() as u64));
        (ratio.ceil() as u64).max(step as u64 + 1)
    }

    /// Which numbers of iterations a step of colour stands for; none of one that is not needed.
    fn name(&self, step: usize) -> Option<String> {
        let least = self.least_of(step);
        let most = if step + 1 < HEAT.len() { self.least_of(step + 1) - 1 } else { self.most };
        let most = most.min(self.most);
        match least {
            least if least > most => None,
            least if least == most => Some(figures::count(least)),
            least => Some(format!("{}–{}", figures::count(least), figures::count(most))),
        }
    }

    /// The cells of one colour, row by row, neighbours in a row as one.
    fn cells(&self, step: usize, width_ms: u64, end_ms: u64) -> Vec<[Place; 2]> {
        let mut cells = Vec::new();
        for row in 0..self.rows {
            let heights = (self.edge(row), self.edge(row + 1));
            let mut open: Option<(u64, u64)> = None;
            for column in &self.columns {
                if column.counts.get(row).and_then(|count| self.step(*count)) != Some(step) {
                    continue;
                }
                let (begins, ends) = (column.begins_ms, (column.begins_ms + width_ms).min(end_ms));
                open = match open {
                    Some((first, last)) if last == begins => Some((first, ends)),
                    Some(done) => {
                        cells.push(cell(done, heights));
                        Some((begins, ends))
                    }
                    None => Some((begins, ends)),
                };
            }
            cells.extend(open.map(|done| cell(done, heights)));
        }
        cells
    }
}

fn cell((begins_ms, ends_ms): (u64, u64), (low, high): (f64, f64)) -> [Place; 2] {
    [(real(begins_ms), low), (real(ends_ms), high)]
}

/// The row of a time, counted from 1 µs.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "log of 1 or more")]
fn row_of(us: u64, per_decade: f64) -> usize {
    (real(us.max(1)).log10() * per_decade + 1e-9).floor() as usize
}

/// The median of each moment; the steps of colour are there by name alone, for a legend.
fn readout(timeline: &Timeline<'_>, panel: &Panel, grid: &Grid) -> Readout {
    let said = timeline.told.iter().map(|(at, moment)| {
        let times = moment.response();
        let median = times.at(Percentile::P50)?;
        let text = format!(
            "{}, {} to {}, half within {}",
            figures::count(times.count()),
            figures::time(times.min_us()),
            figures::time(times.max_us()),
            figures::time(median)
        );
        Some((panel.pixel((*at, real(median))).1, text))
    });
    let medians = Track { name: "completed".to_owned(), colour: TEXT, points: said.collect() };
    let steps = HEAT.into_iter().enumerate().filter_map(|(step, colour)| {
        Some(Track { name: grid.name(step)?, colour, points: Vec::new() })
    });
    Readout {
        label: "time",
        x: timeline.moments_on(panel),
        series: std::iter::once(medians).chain(steps).collect(),
    }
}

fn alt(course: &Course, timeline: &Timeline<'_>, grid: &Grid) -> String {
    let mut all = Moment::default().response();
    course.moments().for_each(|(_, moment)| all.add(&moment.response()));
    let median = figures::time_or_none(all.at(Percentile::P50));
    format!(
        "Response times of {} completed iterations {}: from {} to {}, half of them within {median}; \
         at most {} of a moment took about the same time.",
        figures::count(all.count()),
        over(timeline),
        figures::time(all.min_us()),
        figures::time(all.max_us()),
        figures::count(grid.most),
    )
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn every_completed_iteration_is_in_a_cell_and_every_cell_is_drawn() {
        for course in [sample::course(60), sample::course(3000), sample::course(1)] {
            let grid = Grid::of(&course).unwrap();
            let completed: u64 =
                course.moments().map(|(_, moment)| moment.response().count()).sum();
            let counted: u64 = grid.columns.iter().flat_map(|column| &column.counts).sum();
            assert_eq!(counted, completed);
            let cells = grid.columns.iter().flat_map(|column| &column.counts);
            let filled = cells.filter(|count| **count > 0).count() as u64;
            let width_ms = course.width_ms();
            let drawn = (0..HEAT.len()).flat_map(|step| grid.cells(step, width_ms, u64::MAX));
            let drawn: f64 = drawn.map(|[(from, _), (to, _)]| to - from).sum();
            assert!((drawn - real(filled * width_ms)).abs() < 1e-6);
        }
    }

    #[test]
    fn steps_of_colour_cover_all_counts_without_overlap() {
        for most in [1, 2, 5, 8, 9, 100, 12_345] {
            let grid = Grid { per_decade: 5.0, lowest: 0, rows: 8, columns: Vec::new(), most };
            let names: Vec<_> = (0..HEAT.len()).filter_map(|step| grid.name(step)).collect();
            assert!(names[0] == "1" || names[0].starts_with("1–"), "{names:?}");
            assert!(names.last().unwrap().ends_with(&most.to_string()), "{names:?}");
            let steps: Vec<_> = (1..=most).map(|count| grid.step(count).unwrap()).collect();
            assert!(steps.is_sorted(), "{most}");
            for count in 1..=most {
                assert!(grid.name(grid.step(count).unwrap()).is_some(), "{most} {count}");
            }
        }
    }
}
