//! One pair of axes on a sheet: draws meshes, lines, areas and bars with plotters, each as a piece of
//! SVG of its own, so that pieces can be stacked and grouped.

use super::axis::Axis;
use super::colour::{AXIS, GRID, TEXT};
use super::compact::{FONT_SIZE, compact};
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::Ranged;
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::prelude::{IntoDrawingArea, SVGBackend};
use plotters::series::{AreaSeries, LineSeries};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, RGBColor, ShapeStyle, TRANSPARENT, TextStyle};

/// Width of every figure in pixels at its natural size.
pub(super) const WIDTH: u32 = 860;

/// Plotters counts in these: a pixel has ten.
const TENTHS: u32 = 10;

/// What plotters takes a font's size to be greater than what it writes.
const FONT_FACTOR: f64 = 1.24;

/// For the labels of a horizontal axis, in pixels.
const ROOM_FOR_LABELS: u32 = 20;

/// A plotting area on a sheet, in pixels from its upper left corner.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// Height of the whole sheet.
    pub(super) sheet: u32,
    /// Edges of the plotting area.
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) top: u32,
    pub(super) bottom: u32,
    pub(super) x: Axis,
    pub(super) y: Axis,
}

/// A place in the units of a panel's axes.
pub(super) type Place = (f64, f64);

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

/// Where a text begins, ends or has its middle.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Panel {
    /// A panel that fills a sheet of so many pixels' height, with room for labels.
    pub(super) const fn filling(sheet: u32, x: Axis, y: Axis) -> Self {
        Self { sheet, left: 64, right: WIDTH - 18, top: 26, bottom: sheet - 40, x, y }
    }

    /// Grid, labels and titles of the axes.
    pub(super) fn mesh(&self) -> Option<String> {
        self.mesh_with(true)
    }

    /// The same without labels of the horizontal axis: another panel stands below.
    pub(super) fn mesh_above(&self) -> Option<String> {
        self.mesh_with(false)
    }

    fn mesh_with(&self, labels_x: bool) -> Option<String> {
        let below = if labels_x { ROOM_FOR_LABELS } else { 0 };
        let grid = self.drawn_with(below, |chart| {
            let style = text_style(TEXT, Anchor::Middle, VPos::Top);
            let mut mesh = chart.configure_mesh();
            mesh.bold_line_style(line(GRID, 10))
                .light_line_style(line(GRID, 5))
                .axis_style(TRANSPARENT)
                .label_style(style)
                .set_all_tick_mark_size(30);
            mesh.draw().ok()
        })?;
        let base = self.drawn(|chart| {
            let ends = [(self.x.low(), self.y.low()), (self.x.high(), self.y.low())];
            chart.plotting_area().draw(&PathElement::new(ends.to_vec(), line(AXIS, 10))).ok()
        })?;
        let y_title = (4.0, f64::from(self.top) - 12.0);
        let mut titles = self.text(y_title, &self.y.title, Anchor::Start, TEXT)?;
        if labels_x {
            let x_title = (f64::from(self.right), f64::from(self.bottom) + 32.0);
            titles.push_str(&self.text(x_title, &self.x.title, Anchor::End, TEXT)?);
        }
        Some(format!("<g shape-rendering=\"crispEdges\">{base}</g>{grid}{titles}"))
    }

    /// A line through the places there are. It is broken where there is none; a place between two
    /// breaks is a dot.
    pub(super) fn line(
        &self,
        places: &[Option<Place>],
        colour: RGBColor,
        tenths_wide: u32,
    ) -> Option<String> {
        self.drawn(|chart| {
            for run in places.split(Option::is_none) {
                let run: Vec<Place> = run.iter().flatten().copied().collect();
                match run.as_slice() {
                    [] => {}
                    [alone] => self.dot(chart, *alone, colour, tenths_wide + 5)?,
                    _ => {
                        _ = chart
                            .draw_series(LineSeries::new(run, line(colour, tenths_wide)))
                            .ok()?
                    }
                }
            }
            Some(())
        })
    }

    /// The area between the horizontal axis and a line.
    pub(super) fn area(
        &self,
        places: &[Option<Place>],
        colour: RGBColor,
        opacity: f64,
    ) -> Option<String> {
        let style = colour.mix(opacity).filled();
        self.drawn(|chart| {
            for run in places.split(Option::is_none) {
                let run: Vec<Place> = run.iter().flatten().copied().collect();
                if run.len() > 1 {
                    chart.draw_series(AreaSeries::new(run, self.y.low(), style)).ok()?;
                }
            }
            Some(())
        })
    }

    /// Filled rectangles, each from one corner to the other.
    pub(super) fn bars(
        &self,
        bars: impl IntoIterator<Item = [Place; 2]>,
        colour: RGBColor,
    ) -> Option<String> {
        let bars = bars.into_iter().map(|corners| Rectangle::new(corners, colour.filled()));
        self.drawn(|chart| chart.draw_series(bars).ok().map(|_| ()))
    }

    /// The same with edges on whole pixels. Bars that share an edge leave no gap then, however a
    /// page is enlarged: places are told one from the other, and whole numbers add up exactly.
    pub(super) fn cells(
        &self,
        cells: impl IntoIterator<Item = [Place; 2]>,
        colour: RGBColor,
    ) -> Option<String> {
        let whole = |place: Place| {
            let (x, y) = self.pixel(place);
            (in_tenths(x.round()), in_tenths(y.round()))
        };
        on_sheet(self.sheet, |area| {
            cells.into_iter().try_for_each(|[one, other]| {
                let corners = [whole(one), whole(other)];
                area.draw(&Rectangle::new(corners, colour.filled())).ok()
            })
        })
    }

    /// Straight strokes of one width.
    pub(super) fn strokes(
        &self,
        strokes: impl IntoIterator<Item = [Place; 2]>,
        colour: RGBColor,
        tenths_wide: u32,
    ) -> Option<String> {
        let style = line(colour, tenths_wide);
        let strokes = strokes.into_iter().map(|ends| PathElement::new(ends.to_vec(), style));
        self.drawn(|chart| chart.draw_series(strokes).ok().map(|_| ()))
    }

    /// Filled dots with a radius in tenths of a pixel.
    pub(super) fn dots(&self, places: &[Place], colour: RGBColor, radius: u32) -> Option<String> {
        self.drawn(|chart| {
            places.iter().try_for_each(|place| self.dot(chart, *place, colour, radius))
        })
    }

    /// A text at a place of the sheet, in pixels; its middle line goes through it.
    pub(super) fn text(
        &self,
        (x, y): Place,
        text: &str,
        anchor: Anchor,
        colour: RGBColor,
    ) -> Option<String> {
        let style = text_style(colour, anchor, VPos::Center);
        let text = plain(text);
        on_sheet(self.sheet, |area| {
            area.draw(&Text::new(text, (in_tenths(x), in_tenths(y)), style)).ok()
        })
    }

    /// The place in pixels.
    pub(super) fn pixel(&self, (x, y): Place) -> Place {
        let across = (in_tenths(f64::from(self.left)), in_tenths(f64::from(self.right)) - 1);
        let up = (in_tenths(f64::from(self.bottom)) - 1, in_tenths(f64::from(self.top)));
        let pixel = |tenths: i32| f64::from(tenths) / f64::from(TENTHS);
        (pixel(self.x.map(&x, across)), pixel(self.y.map(&y, up)))
    }

    fn dot(
        &self,
        chart: &mut Chart<'_, '_>,
        place: Place,
        colour: RGBColor,
        radius: u32,
    ) -> Option<()> {
        chart.plotting_area().draw(&Circle::new(place, radius, colour.filled())).ok()
    }

    fn drawn(&self, draw: impl FnOnce(&mut Chart<'_, '_>) -> Option<()>) -> Option<String> {
        self.drawn_with(0, draw)
    }

    /// With room for labels below the plotting area, in pixels.
    fn drawn_with(
        &self,
        labels: u32,
        draw: impl FnOnce(&mut Chart<'_, '_>) -> Option<()>,
    ) -> Option<String> {
        let below = self.sheet.checked_sub(self.bottom)?.checked_sub(labels)?;
        let right = WIDTH.checked_sub(self.right)?;
        on_sheet(self.sheet, |area| {
            let mut chart = ChartBuilder::on(area)
                .margin_top(self.top * TENTHS)
                .margin_right(right * TENTHS)
                .margin_bottom(below * TENTHS)
                .x_label_area_size(labels * TENTHS)
                .y_label_area_size(self.left * TENTHS)
                .build_cartesian_2d(self.x.clone(), self.y.clone())
                .ok()?;
            draw(&mut chart)
        })
    }
}

type Sheet<'b> = plotters::drawing::DrawingArea<SVGBackend<'b>, plotters::coord::Shift>;

fn on_sheet(height: u32, draw: impl FnOnce(&Sheet<'_>) -> Option<()>) -> Option<String> {
    let mut drawn = String::new();
    {
        let backend = SVGBackend::with_string(&mut drawn, (WIDTH * TENTHS, height * TENTHS));
        let area = backend.into_drawing_area();
        draw(&area)?;
        area.present().ok()?;
    }
    Some(compact(&drawn))
}

fn line(colour: RGBColor, tenths_wide: u32) -> ShapeStyle {
    ShapeStyle::from(colour).stroke_width(tenths_wide)
}

fn text_style(colour: RGBColor, anchor: Anchor, v_pos: VPos) -> TextStyle<'static> {
    #[expect(clippy::cast_precision_loss, reason = "a size of a font")]
    let size = FONT_SIZE as f64 * FONT_FACTOR;
    let h_pos = match anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let style = TextStyle::from((FontFamily::SansSerif, size));
    TextStyle { color: colour.to_backend_color(), ..style }.pos(Pos::new(h_pos, v_pos))
}

#[expect(clippy::cast_possible_truncation, reason = "a place on a sheet")]
fn in_tenths(pixels: f64) -> i32 {
    (pixels * f64::from(TENTHS)).round() as i32
}

/// A text on one line, without what XML has no way to write.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || ('\u{fffe}'..='\u{ffff}').contains(&c) { ' ' } else { c })
        .collect()
}

/// About how wide a text is, in pixels: nobody knows the reader's fonts, and most are narrower.
#[expect(clippy::cast_precision_loss, reason = "a length of a text")]
pub(super) fn width_of(text: &str) -> f64 {
    text.chars().count() as f64 * 6.2
}

/// A text of at most so many characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}
