//! Makes what plotters draws small: tenths of pixels become pixels, shapes of one style one path,
//! and whatever says nothing is left out.
//!
//! Plotters places everything on whole pixels. Charts are therefore drawn ten times as large, and
//! come out to a tenth of a pixel. What is read here is the output of one version of one library: an
//! element to a line, double quotes, entities for what XML reserves.

use std::fmt::Write;

/// The parts of a drawing that were drawn with one style, one after the other.
struct Run {
    /// Attributes that all of them share.
    style: String,
    shapes: Shapes,
}

enum Shapes {
    Path(Path),
    /// Elements without the shared attributes.
    Texts(String),
    Circles(String),
}

/// What stands between `<svg>` and `</svg>` of a drawing ten times as large, made small. Lines that
/// are no element of ours are left out.
pub(super) fn compact(drawn: &str) -> String {
    let mut runs: Vec<Run> = Vec::new();
    let mut lines = drawn.lines();
    while let Some(line) = lines.next() {
        let Some((tag, attributes)) = element(line) else { continue };
        let get = |name| attribute(attributes, name);
        match tag {
            "polyline" | "line" | "polygon" | "rect" => shape(tag, attributes, &mut runs),
            "circle" => {
                let mut body = "<circle".to_owned();
                for name in ["cx", "cy", "r"] {
                    _ = write!(body, " {name}=\"{}\"", Tenths(tenths(get(name))));
                }
                body.push_str("/>");
                circle(paint(attributes), &body, &mut runs);
            }
            "text" => text(attributes, lines.next().unwrap_or_default(), &mut runs),
            _ => {}
        }
    }
    runs.iter().fold(String::new(), |mut all, run| {
        run.write(&mut all);
        all
    })
}

impl Run {
    fn write(&self, out: &mut String) {
        let Self { style, shapes } = self;
        match shapes {
            Shapes::Path(path) => _ = write!(out, "<path{style} d=\"{}\"/>", path.text),
            Shapes::Texts(inside) | Shapes::Circles(inside) => {
                _ = write!(out, "<g{style}>{inside}</g>");
            }
        }
    }
}

/// The name of an element and its attributes, of a line that opens one.
fn element(line: &str) -> Option<(&str, &str)> {
    let inside = line.strip_prefix('<')?;
    let (tag, rest) = inside.split_once(' ')?;
    Some((tag, rest.trim_end_matches('>').trim_end_matches('/')))
}

fn attribute<'a>(attributes: &'a str, name: &str) -> &'a str {
    let mut rest = attributes;
    while let Some((key, after)) = rest.split_once("=\"") {
        let Some((value, next)) = after.split_once('"') else { break };
        if key.trim() == name {
            return value;
        }
        rest = next;
    }
    ""
}

/// A number as plotters writes it, in tenths of a pixel.
fn tenths(text: &str) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a place on a sheet")]
    let number = text.parse::<f64>().map_or(0, |number| number.round() as i64);
    number
}

/// Fill and stroke, as far as they are not what a shape has anyway.
fn paint(attributes: &str) -> String {
    let get = |name| attribute(attributes, name);
    let mut style = String::new();
    let fill = get("fill");
    if fill.is_empty() || fill == "none" {
        style.push_str(" fill=\"none\"");
    } else {
        _ = write!(style, " fill=\"{}\"", fill.to_lowercase());
    }
    let stroke = get("stroke");
    if !stroke.is_empty() && stroke != "none" {
        _ = write!(style, " stroke=\"{}\"", stroke.to_lowercase());
        let width = tenths(get("stroke-width"));
        if width != 10 {
            _ = write!(style, " stroke-width=\"{}\"", Tenths(width));
        }
    }
    let opacity = get("opacity");
    if !opacity.is_empty() && opacity != "1" {
        _ = write!(style, " opacity=\"{opacity}\"");
    }
    style
}

fn shape(tag: &str, attributes: &str, runs: &mut Vec<Run>) {
    let get = |name| tenths(attribute(attributes, name));
    let (points, is_closed) = match tag {
        "line" => (vec![(get("x1"), get("y1")), (get("x2"), get("y2"))], false),
        "rect" => {
            let (x, y, right, down) = (get("x"), get("y"), get("width"), get("height"));
            (vec![(x, y), (x + right, y), (x + right, y + down), (x, y + down)], true)
        }
        _ => {
            let pairs = attribute(attributes, "points").split_whitespace();
            let points = pairs.filter_map(|pair| pair.split_once(','));
            (points.map(|(x, y)| (tenths(x), tenths(y))).collect(), tag == "polygon")
        }
    };
    let style = paint(attributes);
    if let Some(Run { style: last, shapes: Shapes::Path(path) }) = runs.last_mut()
        && *last == style
    {
        path.add(&points, is_closed);
        return;
    }
    let mut path = Path::default();
    path.add(&points, is_closed);
    runs.push(Run { style, shapes: Shapes::Path(path) });
}

fn circle(style: String, body: &str, runs: &mut Vec<Run>) {
    if let Some(Run { style: last, shapes: Shapes::Circles(inside) }) = runs.last_mut()
        && *last == style
    {
        inside.push_str(body);
        return;
    }
    runs.push(Run { style, shapes: Shapes::Circles(body.to_owned()) });
}

/// Texts share their colour, size and anchor; the family is that of the sheet.
fn text(attributes: &str, content: &str, runs: &mut Vec<Run>) {
    if content.trim().is_empty() {
        return;
    }
    let get = |name| attribute(attributes, name);
    let mut style = format!(" fill=\"{}\"", get("fill").to_lowercase());
    let anchor = get("text-anchor");
    if anchor != "start" {
        _ = write!(style, " text-anchor=\"{anchor}\"");
    }
    let size = tenths(get("font-size"));
    if size != FONT_SIZE {
        _ = write!(style, " font-size=\"{}\"", Tenths(size));
    }
    if get("font-weight") == "bold" {
        style.push_str(" font-weight=\"600\"");
    }
    let (x, y) = (tenths(get("x")), tenths(get("y")));
    // What plotters leaves to `dy`, in tenths of the sheet's usual size.
    let down = match get("dy") {
        "0.76em" => size * 76 / 100,
        "0.5ex" => size * 35 / 100,
        _ => -(size * 20 / 100),
    };
    let body = format!("<text x=\"{}\" y=\"{}\">{content}</text>", Tenths(x), Tenths(y + down));
    if let Some(Run { style: last, shapes: Shapes::Texts(inside) }) = runs.last_mut()
        && *last == style
    {
        inside.push_str(&body);
        return;
    }
    runs.push(Run { style, shapes: Shapes::Texts(body) });
}

/// The size of text that needs no attribute: that of the whole sheet.
pub(super) const FONT_SIZE: i64 = 110;

/// A number of tenths as SVG writes it, without zeros that say nothing: `12`, `-.5`, `3.4`.
struct Tenths(i64);

impl std::fmt::Display for Tenths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        match (size / 10, size % 10) {
            (whole, 0) => write!(f, "{sign}{whole}"),
            (0, part) => write!(f, "{sign}.{part}"),
            (whole, part) => write!(f, "{sign}{whole}.{part}"),
        }
    }
}

/// The text of a path, written with relative moves.
#[derive(Default)]
struct Path {
    text: String,
    at: (i64, i64),
    /// The command that further numbers belong to.
    command: char,
}

impl Path {
    fn add(&mut self, points: &[(i64, i64)], is_closed: bool) {
        let Some((first, rest)) = points.split_first() else { return };
        self.moved(*first);
        let mut rest = rest.iter().copied().peekable();
        while let Some(point) = rest.next() {
            let beyond = rest.peek().copied();
            if point != self.at && !beyond.is_some_and(|next| is_on_the_way(self.at, point, next)) {
                let is_last = beyond.is_none();
                if !(is_closed && is_last && point == *first) {
                    self.line(point);
                }
            }
        }
        if is_closed {
            self.text.push('z');
            (self.command, self.at) = ('z', *first);
        }
    }

    fn moved(&mut self, (x, y): (i64, i64)) {
        if self.text.is_empty() {
            _ = write!(self.text, "M{}", Tenths(x));
            self.number(y);
            // Numbers after this would be places, and not how far to go.
            self.command = 'M';
        } else {
            _ = write!(self.text, "m{}", Tenths(x - self.at.0));
            self.number(y - self.at.1);
            self.command = 'l';
        }
        self.at = (x, y);
    }

    fn line(&mut self, (x, y): (i64, i64)) {
        let (right, down) = (x - self.at.0, y - self.at.1);
        match (right, down) {
            (right, 0) => self.step('h', right),
            (0, down) => self.step('v', down),
            (right, down) => {
                self.step('l', right);
                self.number(down);
            }
        }
        self.at = (x, y);
    }

    fn step(&mut self, command: char, number: i64) {
        if self.command == command {
            self.number(number);
        } else {
            self.text.push(command);
            _ = write!(self.text, "{}", Tenths(number));
            self.command = command;
        }
    }

    fn number(&mut self, number: i64) {
        let text = Tenths(number).to_string();
        if !text.starts_with('-') {
            self.text.push(' ');
        }
        self.text.push_str(&text);
    }
}

/// Whether a point can be left out because the line goes straight through it, level or upright.
fn is_on_the_way(from: (i64, i64), point: (i64, i64), to: (i64, i64)) -> bool {
    let along = |from: i64, point: i64, to: i64| {
        (from <= point && point <= to) || (from >= point && point >= to)
    };
    (from.0 == point.0 && point.0 == to.0 && along(from.1, point.1, to.1))
        || (from.1 == point.1 && point.1 == to.1 && along(from.0, point.0, to.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_style_become_one_path_of_small_numbers() {
        let drawn = r##"<svg width="8600" height="3000" viewBox="0 0 8600 3000" xmlns="http://www.w3.org/2000/svg">
<polyline fill="none" opacity="1" stroke="#0B63CE" stroke-width="15" points="100,200 133,205 133,300 166,295 "/>
<polyline fill="none" opacity="1" stroke="#0B63CE" stroke-width="15" points="200,200 210,200 220,200 "/>
<line opacity="1" stroke="#E3E7ED" stroke-width="10" x1="0" y1="5" x2="100" y2="5"/>
</svg>
"##;
        insta::assert_snapshot!(compact(drawn), @r##"<path fill="none" stroke="#0b63ce" stroke-width="1.5" d="M10 20l3.3 .5v9.5l3.3-.5m3.4-9.5h2"/><path fill="none" stroke="#e3e7ed" d="M0 .5h10"/>"##);
    }

    #[test]
    fn cells_of_one_colour_become_one_path() {
        let drawn = r##"<rect x="10" y="20" width="30" height="40" opacity="1" fill="#CFE1F2" stroke="none"/>
<rect x="40" y="20" width="30" height="40" opacity="1" fill="#CFE1F2" stroke="none"/>
<polygon opacity="0.2" fill="#CFE1F2" points="0,0 10,10 20,0 0,0 "/>
"##;
        insta::assert_snapshot!(compact(drawn), @r##"<path fill="#cfe1f2" d="M1 2h3v4h-3zm3 0h3v4h-3z"/><path fill="#cfe1f2" opacity="0.2" d="M0 0l1 1 1-1z"/>"##);
    }

    #[test]
    fn texts_keep_what_they_say_and_where() {
        let drawn = r##"<text x="500" y="400" dy="0.5ex" text-anchor="end" font-family="sans-serif" font-size="110" opacity="1" fill="#4D5966">
a &lt; b
</text>
<text x="500" y="500" dy="0.76em" text-anchor="end" font-family="sans-serif" font-size="110" opacity="1" fill="#4D5966">
1 2
</text>
<text x="1" y="1" dy="0.76em" text-anchor="end" font-family="sans-serif" font-size="110" opacity="1" fill="#4D5966">

</text>
"##;
        insta::assert_snapshot!(compact(drawn), @r##"<g fill="#4d5966" text-anchor="end"><text x="50" y="43.8">a &lt; b</text><text x="50" y="58.3">1 2</text></g>"##);
    }

    #[test]
    fn what_is_not_drawn_by_plotters_is_left_out_without_a_panic() {
        for odd in [
            "",
            "<",
            "<rect",
            "<rect x=\"",
            "<text x=\"1\">",
            "<circle cx=\"a\" r=\"\"/>",
            "\u{0}<g>",
        ] {
            assert!(!compact(odd).contains("NaN"), "{odd}");
        }
    }
}
