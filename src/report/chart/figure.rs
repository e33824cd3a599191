//! A chart with everything that a page wants to say of it, and how one is put together.

use super::colour::hex;
use super::panel::{WIDTH, plain};
use plotters::style::RGBColor;
use serde_json::{Value, json};
use std::fmt::Write;

/// One chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its name in links: letters, digits and dashes; unique on a page.
    pub id: String,
    /// What it shows, as a heading.
    pub title: String,
    /// What there is to see, in a sentence with the main figures: for those who do not see it.
    pub alt: String,
    /// How to read it, in a sentence or two.
    pub caption: String,
    /// The whole `<svg>` element: 860 units wide, without a fixed size.
    pub svg: String,
    /// What a pointer reads out, in the units of the SVG:
    /// `{"x": {"label", "pixels": [], "text": []}, "series": [{"name", "colour", "pixels": [], "text": []}]}`.
    /// A series has as many entries as the axis; `null` where it has nothing to say.
    pub data: Value,
}

/// What a pointer reads out.
#[derive(Clone, Debug, Default)]
pub(super) struct Readout {
    /// What the horizontal axis is.
    pub(super) label: &'static str,
    /// Places along the horizontal axis, in pixels, and what they are called.
    pub(super) x: Vec<(f64, String)>,
    /// One entry for each of `x`.
    pub(super) series: Vec<Track>,
}

/// One series of a read-out.
#[derive(Clone, Debug)]
pub(super) struct Track {
    pub(super) name: String,
    pub(super) colour: RGBColor,
    /// Height in pixels, and what is said.
    pub(super) points: Vec<Option<(f64, String)>>,
}

impl Readout {
    fn json(&self) -> Value {
        let pixels: Vec<f64> = self.x.iter().map(|(pixel, _)| *pixel).collect();
        let text: Vec<&str> = self.x.iter().map(|(_, text)| text.as_str()).collect();
        let series: Vec<Value> = self.series.iter().map(Track::json).collect();
        json!({ "x": { "label": self.label, "pixels": pixels, "text": text }, "series": series })
    }
}

impl Track {
    fn json(&self) -> Value {
        let points = || self.points.iter();
        let pixels: Vec<Option<f64>> =
            points().map(|point| point.as_ref().map(|(pixel, _)| *pixel)).collect();
        let text: Vec<Option<&str>> =
            points().map(|point| point.as_ref().map(|(_, text)| text.as_str())).collect();
        let (name, colour) = (plain(&self.name), hex(self.colour));
        json!({ "name": name, "colour": colour, "pixels": pixels, "text": text })
    }
}

/// How lines are broken up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Dashes {
    None,
    Long,
    Short,
}

/// A sheet that pieces are laid upon, the first at the bottom.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    body: String,
}

impl Sheet {
    /// Lays a piece on top.
    pub(super) fn add(&mut self, piece: &str) {
        self.body.push_str(piece);
    }

    /// Lays a piece on top that can be switched off by the name of its series.
    pub(super) fn series(&mut self, name: &str, piece: &str) {
        self.dashed(name, Dashes::None, piece);
    }

    /// The same with lines of one's choice, where colours are not enough to tell them apart.
    pub(super) fn dashed(&mut self, name: &str, dashes: Dashes, piece: &str) {
        let dashes = match dashes {
            Dashes::None => "",
            Dashes::Long => " stroke-dasharray=\"5 3\"",
            Dashes::Short => " stroke-dasharray=\"2 2\"",
        };
        _ = write!(self.body, "<g data-series=\"{}\"{dashes}>{piece}</g>", escaped(name));
    }

    /// The finished chart.
    pub(super) fn figure(self, about: About, height: u32, readout: &Readout) -> Figure {
        let About { id, title, alt, caption } = about;
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             role=\"img\" aria-label=\"{}\" font-family=\"system-ui,sans-serif\" font-size=\"11\">\
             <title>{}</title>{}</svg>",
            escaped(&alt),
            escaped(&title),
            self.body,
        );
        Figure { id, title, alt, caption, svg, data: readout.json() }
    }
}

/// What is said of a figure.
#[derive(Debug)]
pub(super) struct About {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) alt: String,
    pub(super) caption: String,
}

/// A text for an attribute or between tags.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
    out
}
