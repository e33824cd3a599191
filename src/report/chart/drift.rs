//! How one figure of a run drifted: its stretches, the line through them, its jumps and the gaps.

use super::axis::Axis;
use super::colour::{AXIS, BLUE, ORANGE, SHADE, TEXT};
use super::figure::{About, Figure, Readout, Sheet, Track};
use super::panel::{Anchor, Panel, Place};
use super::timeline::{least, most};
use crate::report::{drift, figures};
use crate::result::soak::{DriftRow, DriftSummary};
use std::time::Duration;

/// The chart of a row that has its stretches. `number` tells it from the others of a page.
pub(super) fn figure(drift: &DriftSummary, row: &DriftRow, number: usize) -> Option<Figure> {
    let told = drift::told(row, drift);
    let level = row.slope.level;
    // Parts of its level, or what it is where it has none.
    let scaled = |value: f64| if level > 0.0 { value / level - 1.0 } else { value };
    let points = row.points.iter().map(|(at_s, value)| Some((at_s * 1000.0, scaled(*value))));
    let points: Vec<Option<Place>> = points.collect();
    let line =
        lines(row).into_iter().map(|place| place.map(|(at, value)| (at * 1000.0, scaled(value))));
    let line: Vec<Option<Place>> = line.collect();
    let values = || points.iter().chain(&line).map(|place| place.map(|(_, value)| value));
    let (low, high) = (least(values())?, most(values())?);
    let y = if level > 0.0 {
        let title =
            format!("{}, change from its median of {}", told.name, drift::value(row.figure, level));
        Axis::changes(&title, low.min(-0.01), high.max(0.01), "%")
    } else {
        Axis::share(&told.name, high)
    };
    let ends_ms = most(points.iter().map(|place| place.map(|(at, _)| at)))?;
    let panel = Panel::filling(240, Axis::time_of_run(whole(ends_ms)), y);
    let mut sheet = Sheet::default();
    for gap in &drift.gaps {
        let corners = [(gap.from_s * 1000.0, panel.y.low()), (gap.to_s * 1000.0, panel.y.high())];
        sheet.add(&panel.bars([corners], SHADE)?);
        let middle = panel.pixel((f64::midpoint(gap.from_s, gap.to_s) * 1000.0, 0.0)).0;
        sheet.add(&panel.text(
            (middle, f64::from(panel.top) + 9.0),
            "gap",
            Anchor::Middle,
            TEXT,
        )?);
    }
    sheet.add(&panel.mesh()?);
    for jump in &row.jumps {
        let ends = [(jump.at_s * 1000.0, panel.y.low()), (jump.at_s * 1000.0, panel.y.high())];
        let piece = panel.strokes([ends], AXIS, 10)?;
        sheet.add(&format!("<g stroke-dasharray=\"2 2\">{piece}</g>"));
    }
    let dots: Vec<Place> = points.iter().flatten().copied().collect();
    sheet.series("stretches", &panel.dots(&dots, BLUE, 25)?);
    sheet.series("line", &panel.line(&line, ORANGE, 20)?);
    let about = About {
        id: format!("drift-{number}"),
        title: format!("{} over time", told.name),
        alt: format!(
            "{} in {} stretches: {} ({}), {}. {}",
            told.name,
            row.points.len(),
            told.by,
            told.interval,
            told.ends,
            told.notes.iter().map(|note| format!("{note}. ")).collect::<String>()
        )
        .trim_end()
        .to_owned(),
        caption: "Each dot is a stretch of the run. The line is the median of the slopes between all pairs \
                  of them; a dotted line is a jump, and what is shaded was not measured."
            .to_owned(),
    };
    Some(sheet.figure(about, panel.sheet, &readout(&panel, row, &dots)))
}

/// The line from end to end, broken and moved where the row jumped.
fn lines(row: &DriftRow) -> Vec<Option<(f64, f64)>> {
    let (Some((first_s, _)), (last_s, last)) = (row.points.first(), row.slope.ends) else {
        return Vec::new();
    };
    let per_s = row.slope.per_h / 3600.0;
    let on = |at_s: f64, below: f64| Some((at_s, last + per_s * (at_s - last_s) - below));
    let (mut places, mut ends_s, mut below) = (Vec::new(), last_s, 0.0);
    for jump in row.jumps.iter().rev() {
        places.extend([on(ends_s, below), on(jump.at_s, below), None]);
        below += jump.to - jump.from;
        ends_s = jump.at_s;
    }
    places.extend([on(ends_s, below), on(*first_s, below)]);
    places.reverse();
    places
}

fn readout(panel: &Panel, row: &DriftRow, dots: &[Place]) -> Readout {
    let at = |(at_ms, _): &Place| {
        (panel.pixel((*at_ms, 0.0)).0, figures::clock(Duration::from_millis(whole(*at_ms))))
    };
    let said = row.points.iter().zip(dots);
    let said = said
        .map(|((_, value), place)| Some((panel.pixel(*place).1, drift::value(row.figure, *value))));
    Readout {
        label: "time",
        x: dots.iter().map(at).collect(),
        series: vec![Track { name: "stretches".to_owned(), colour: BLUE, points: said.collect() }],
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time of a run")]
fn whole(ms: f64) -> u64 {
    (ms.max(0.0) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::geometry::check;
    use super::*;
    use crate::report::specimen::drifting;

    #[test]
    fn every_row_that_changed_is_drawn_with_its_line_its_jump_and_the_gap() {
        let drift = drifting();
        let drawn: Vec<_> = drift
            .rows
            .iter()
            .filter(|row| !row.points.is_empty())
            .filter_map(|row| figure(&drift, row, 1))
            .collect();
        assert_eq!(drawn.len(), 3);
        drawn.iter().for_each(check);
        assert!(drawn.iter().all(|drawn| drawn.svg.contains("gap</text>")));
        let with_jump = drawn.iter().filter(|drawn| drawn.svg.contains("stroke-dasharray"));
        assert_eq!(with_jump.count(), 1);
        assert_eq!(drawn[0].data["series"][0]["text"].as_array().unwrap().len(), 60);
    }

    #[test]
    fn a_row_without_stretches_has_no_chart() {
        let drift = drifting();
        let row = DriftRow { points: Vec::new(), ..drift.rows[0].clone() };
        assert_eq!(figure(&drift, &row, 1), None);
    }

    #[test]
    fn a_line_is_moved_where_its_row_jumped() {
        let drift = drifting();
        let row = drift.rows.iter().find(|row| !row.jumps.is_empty()).unwrap();
        let line = lines(row);
        assert_eq!(line.iter().filter(|place| place.is_none()).count(), row.jumps.len());
        let (first, last) = (line[0].unwrap().1, line[line.len() - 1].unwrap().1);
        let slope = row.slope.per_h / 3600.0 * (row.slope.ends.0 - row.points[0].0);
        let jump = row.jumps[0].to - row.jumps[0].from;
        assert!((last - first - slope - jump).abs() < 1e-6 * last, "{first} {last}");
    }
}
