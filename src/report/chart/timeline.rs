//! What all charts over the time of a run have in common: the moments that tell something, the parts
//! that are not judged, and what was done to the run.

use super::axis::{Axis, real};
use super::colour::{AXIS, SHADE, TEXT};
use super::figure::{Dashes, Readout, Sheet, Track};
use super::panel::{Anchor, Panel, Place, plain, shortened, width_of};
use crate::measure::course::{Course, Moment};
use crate::report::figures;
use plotters::style::RGBColor;
use std::time::Duration;

/// A moment of which less than this part is told of has no rate that could be trusted: one iteration
/// in the last three milliseconds of a run is not 333 per second.
const LEAST_TOLD: u64 = 5;

/// Room for less of a label than this is no room, in pixels.
const LEAST_LABEL: f64 = 60.0;

/// A run over time, as charts see it.
pub(super) struct Timeline<'a> {
    course: &'a Course,
    /// Middle of each moment that is told of, in milliseconds from the start, and the moment.
    pub(super) told: Vec<(f64, &'a Moment)>,
    /// End of the run so far.
    pub(super) end_ms: u64,
}

/// One line over time.
pub(super) struct Trace {
    pub(super) name: String,
    pub(super) colour: RGBColor,
    pub(super) tenths_wide: u32,
    pub(super) dashes: Dashes,
    /// Whether the area below it is tinted.
    pub(super) is_filled: bool,
    /// One for each moment that is told of.
    pub(super) values: Vec<Option<f64>>,
    /// How a value is read out.
    pub(super) say: fn(f64) -> String,
}

impl<'a> Timeline<'a> {
    /// None of a course that tells nothing.
    pub(super) fn of(course: &'a Course) -> Option<Self> {
        let width_ms = course.width_ms();
        let moments = || course.moments().filter(|(_, moment)| moment.length_ms > 0);
        let is_told = |moment: &Moment| moment.length_ms.saturating_mul(LEAST_TOLD) >= width_ms;
        let mut told: Vec<_> = moments().filter(|(_, moment)| is_told(moment)).collect();
        if told.is_empty() {
            told = moments().collect();
        }
        let (last_ms, last) = moments().last()?;
        // Of a moment that is still going on, what has been; of a long one, all of it.
        let end_ms = last_ms + last.length_ms.min(width_ms);
        let middle = |start_ms| real(start_ms) + real(width_ms.min(end_ms)) / 2.0;
        let told =
            told.into_iter().map(|(start_ms, moment)| (middle(start_ms).min(real(end_ms)), moment));
        Some(Self { course, told: told.collect(), end_ms })
    }

    /// The horizontal axis of every chart over time.
    pub(super) fn axis(&self) -> Axis {
        Axis::time_of_run(self.end_ms)
    }

    /// Something of each moment that is told of.
    pub(super) fn each<T>(&self, of: impl Fn(&Moment) -> T) -> Vec<T> {
        self.told.iter().map(|(_, moment)| of(moment)).collect()
    }

    /// Where the measured part begins and ends, in milliseconds; none while nothing is measured.
    pub(super) fn measured(&self) -> Option<(u64, u64)> {
        let told = || self.course.moments().filter(|(_, moment)| moment.length_ms > 0);
        let (first_ms, first) = told().find(|(_, moment)| moment.measured_ms > 0)?;
        let (last_ms, last) = told().filter(|(_, moment)| moment.measured_ms > 0).last()?;
        let warm_ms = first.length_ms.saturating_sub(first.measured_ms);
        // A long interval is told of by the moment in its middle, and begins before it.
        let is_at_once = warm_ms == 0 && told().next().is_some_and(|(at_ms, _)| at_ms == first_ms);
        let begins_ms = if is_at_once { 0 } else { first_ms + warm_ms };
        let is_to_the_end = last.measured_ms == last.length_ms
            && told().last().is_some_and(|(at_ms, _)| at_ms == last_ms);
        let ends_ms = match (is_to_the_end, first_ms == last_ms) {
            (true, _) => self.end_ms,
            (false, true) => begins_ms + last.measured_ms,
            (false, false) => last_ms + last.measured_ms,
        };
        Some((begins_ms.min(self.end_ms), ends_ms.min(self.end_ms)))
    }

    /// Lays down the parts that are not judged, shaded.
    pub(super) fn shade(&self, sheet: &mut Sheet, panel: &Panel) -> Option<()> {
        let (begins_ms, ends_ms) = self.measured().unwrap_or((self.end_ms, self.end_ms));
        let ends = [(0, begins_ms, "warm-up"), (ends_ms, self.end_ms, "drain")];
        let gaps = self.course.gaps().iter();
        let gaps = gaps.flat_map(|gap| {
            [(gap.from_ms, gap.to_ms, "gap"), (gap.to_ms, gap.warm_ms.min(self.end_ms), "warm-up")]
        });
        // What stood still before anything was measured, or after all of it was, is no part of the ends.
        let spans = ends.into_iter().chain(gaps);
        for (from, to, name) in spans.filter(|(from, to, _)| from < to) {
            let corners = [(real(from), panel.y.low()), (real(to), panel.y.high())];
            sheet.add(&panel.bars([corners], SHADE)?);
            let (left, _) = panel.pixel((real(from), 0.0));
            let (right, _) = panel.pixel((real(to), 0.0));
            if right - left > width_of(name) + 6.0 {
                let middle = (left + right) / 2.0;
                sheet.add(&panel.text(
                    (middle, f64::from(panel.top) + 9.0),
                    name,
                    Anchor::Middle,
                    TEXT,
                )?);
            }
        }
        Some(())
    }

    /// Lays on what was done to the run: a line for each, and a label where there is room for it.
    pub(super) fn events(&self, sheet: &mut Sheet, panel: &Panel, labelled: bool) -> Option<()> {
        let lines = self.event_lines(panel);
        for (number, (x, at, text)) in lines.iter().enumerate() {
            let ends = [(*at, panel.y.low()), (*at, panel.y.high())];
            let piece = panel.strokes([ends], AXIS, 10)?;
            sheet.add(&format!("<g stroke-dasharray=\"2 2\">{piece}</g>"));
            if !labelled {
                continue;
            }
            let height = f64::from(panel.top) + 22.0;
            let next = lines.get(number + 1).map_or(f64::from(panel.right), |(next, ..)| *next);
            let room = next - x - 10.0;
            let is_last = number + 1 == lines.len();
            let before = x - if number == 0 { f64::from(panel.left) } else { lines[number - 1].0 };
            // The label of a late event stands before its line, if no other one is there.
            if is_last && number == 0 && room < width_of(text) && before > room {
                let label = fitting(text, before - 10.0);
                sheet.add(&panel.text((x - 4.0, height), &label, Anchor::End, TEXT)?);
            } else if room > LEAST_LABEL {
                let label = fitting(text, room);
                sheet.add(&panel.text((x + 4.0, height), &label, Anchor::Start, TEXT)?);
            }
        }
        Some(())
    }

    /// Place in pixels and in milliseconds of each line, and what it stands for. What happened at
    /// the same pixel is one line.
    fn event_lines(&self, panel: &Panel) -> Vec<(f64, f64, &'a str)> {
        let mut lines: Vec<(f64, f64, &str)> = Vec::new();
        for event in self.course.events() {
            let at = real(event.at_ms.min(self.end_ms));
            let (x, _) = panel.pixel((at, 0.0));
            if lines.last().is_none_or(|(last, ..)| x - last >= 1.0) {
                lines.push((x, at, &event.text));
            }
        }
        lines
    }

    /// What was done to the run, for a sentence: the first few, or nothing.
    pub(super) fn events_said(&self) -> String {
        const MOST: usize = 5;
        let number = self.course.events().count();
        let said: Vec<String> = self
            .course
            .events()
            .take(MOST)
            .map(|event| {
                format!(
                    " At {}: {}.",
                    figures::clock(Duration::from_millis(event.at_ms)),
                    plain(&event.text)
                )
            })
            .collect();
        let more = number.saturating_sub(MOST);
        let more = if more > 0 { format!(" {more} more events.") } else { String::new() };
        said.concat() + &more
    }

    /// Places of a trace on a panel's axes.
    pub(super) fn places(&self, values: &[Option<f64>]) -> Vec<Option<Place>> {
        let told = self.told.iter().zip(values);
        told.map(|((at, _), value)| value.map(|value| (*at, value))).collect()
    }

    /// The same places with a break wherever two neighbours stand on both sides of a gap.
    fn with_breaks(&self, places: Vec<Option<Place>>) -> Vec<Option<Place>> {
        let mut broken = Vec::with_capacity(places.len());
        let mut before: Option<f64> = None;
        for ((at, _), place) in self.told.iter().zip(places) {
            let is_between =
                |middle: f64| before.is_some_and(|before| before < middle) && middle < *at;
            let gaps = self.course.gaps().iter();
            if gaps.clone().any(|gap| is_between(real(gap.from_ms.midpoint(gap.to_ms)))) {
                broken.push(None);
            }
            broken.push(place);
            before = Some(*at);
        }
        broken
    }

    /// Lays on one line each.
    pub(super) fn lines(&self, sheet: &mut Sheet, panel: &Panel, traces: &[Trace]) -> Option<()> {
        for trace in traces {
            let places = self.with_breaks(self.places(&trace.values));
            let mut piece = panel.line(&places, trace.colour, trace.tenths_wide)?;
            if trace.is_filled {
                piece.insert_str(0, &panel.area(&places, trace.colour, 0.1)?);
            }
            sheet.dashed(&trace.name, trace.dashes, &piece);
        }
        Some(())
    }

    /// The read-out of lines.
    pub(super) fn readout(&self, panel: &Panel, traces: &[Trace]) -> Readout {
        Readout {
            label: "time",
            x: self.moments_on(panel),
            series: traces.iter().map(|trace| self.track(panel, trace)).collect(),
        }
    }

    /// Where the moments are, and what they are called.
    pub(super) fn moments_on(&self, panel: &Panel) -> Vec<(f64, String)> {
        let half = real(self.course.width_ms()) / 2.0;
        let moments = self.told.iter().map(|(at, _)| {
            let begins = Duration::from_secs_f64(((at - half) / 1000.0).clamp(0.0, 1e12));
            (panel.pixel((*at, 0.0)).0, figures::clock(begins))
        });
        moments.collect()
    }

    /// What is said of one line.
    pub(super) fn track(&self, panel: &Panel, trace: &Trace) -> Track {
        let points = self.places(&trace.values).into_iter();
        let say = |place: Place| (panel.pixel(place).1, (trace.say)(place.1));
        Track {
            name: trace.name.clone(),
            colour: trace.colour,
            points: points.map(|place| place.map(say)).collect(),
        }
    }
}

/// As much of a text as there is room for, in pixels.
fn fitting(text: &str, room: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few characters")]
    let characters = (room / width_of("x")).clamp(1.0, 60.0) as usize;
    shortened(text, characters)
}

/// The greatest of some values, if there are any.
pub(super) fn most(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    values.into_iter().flatten().filter(|value| value.is_finite()).max_by(f64::total_cmp)
}

/// The least of some values, if there are any.
pub(super) fn least(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    values.into_iter().flatten().filter(|value| value.is_finite()).min_by(f64::total_cmp)
}

/// How long a run was, for a sentence: `over 1:30`.
pub(super) fn over(timeline: &Timeline<'_>) -> String {
    format!("over {}", figures::clock(Duration::from_millis(timeline.end_ms)))
}

impl Trace {
    /// A line of a colour, two pixels wide.
    pub(super) fn new(
        name: &str,
        colour: RGBColor,
        values: Vec<Option<f64>>,
        say: fn(f64) -> String,
    ) -> Self {
        Self {
            name: name.to_owned(),
            colour,
            tenths_wide: 20,
            dashes: Dashes::None,
            is_filled: false,
            values,
            say,
        }
    }

    /// The greatest value.
    pub(super) fn peak(&self) -> Option<f64> {
        most(self.values.iter().copied())
    }

    /// `name peaks at 40.6/s`
    pub(super) fn peak_said(&self) -> Option<String> {
        let peak = self.peak()?;
        Some(format!("{} peaks at {}", self.name, (self.say)(peak)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::segment::Gap;
    use crate::measure::timeline::Line;

    fn measured(lines: &[(u64, u64, u64)]) -> Option<(u64, u64)> {
        let mut course = Course::default();
        for (start_ms, end_ms, measured_ms) in lines.iter().copied() {
            course.absorb_line(&Line { start_ms, end_ms, measured_ms, ..Line::default() });
        }
        Timeline::of(&course).and_then(|timeline| timeline.measured())
    }

    #[test]
    fn no_line_is_drawn_across_a_gap() {
        let told = |gaps: Vec<Gap>| {
            let mut course = Course::default().with_gaps(gaps);
            for start_ms in [0, 1000, 5000, 6000] {
                course.absorb_line(&Line { start_ms, end_ms: start_ms + 1000, ..Line::default() });
            }
            let timeline = Timeline::of(&course).unwrap();
            let places = timeline.with_breaks(timeline.places(&[Some(1.0); 4]));
            places.iter().map(Option::is_some).collect::<Vec<_>>()
        };
        let gap = Gap { from_ms: 2000, to_ms: 5000, warm_ms: 6000 };
        assert_eq!(told(vec![gap]), [true, true, false, true, true]);
        assert_eq!(told(Vec::new()), [true; 4]);
    }

    #[test]
    fn the_measured_part_lies_between_warm_up_and_drain() {
        for (lines, part) in [
            (
                &[
                    (0, 1000, 0),
                    (1000, 2000, 400),
                    (2000, 3000, 1000),
                    (3000, 4000, 300),
                    (4000, 5000, 0),
                ][..],
                (1600, 3300),
            ),
            (&[(0, 1000, 1000), (1000, 2000, 1000)], (0, 2000)),
            (&[(0, 1000, 600)], (400, 1000)),
            // A machine that stood still at first: one long interval, told of in its middle.
            (&[(0, 5000, 5000)], (0, 3000)),
        ] {
            assert_eq!(measured(lines), Some(part), "{lines:?}");
        }
        assert_eq!(measured(&[(0, 1000, 0)]), None);
        assert_eq!(measured(&[]), None);
    }
}
