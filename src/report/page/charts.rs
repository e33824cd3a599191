//! The charts as figures of the page: their legend, their read-out, and their colours in the dark.

use super::prose::{lines, name, remark};
use crate::report::chart::colour::PALETTE;
use crate::report::chart::{self, Figure};
use crate::result::dossier::Dossier;
use maud::{Markup, PreEscaped, html};
use serde_json::Value;
use std::fmt::Write as _;

/// Most charts of one kind, such as one for each journey, that are not folded away.
const SHOWN_OF_A_KIND: usize = 6;

/// Most bytes of all charts together: the page has to stay below a megabyte.
const MOST_BYTES: usize = 500_000;

pub(super) fn section(dossier: &Dossier) -> Markup {
    let mut figures = chart::figures(dossier);
    let all = figures.len();
    bound(&mut figures);
    let left_out = all - figures.len();
    html! {
        h2 { "Charts" }
        @if figures.is_empty() { (remark("Nothing has been measured that could be drawn.")) } @else {
            // Shown by the script, without which there are no values to read.
            p.remark.reading hidden { "Point at a chart, or focus it and press ← or →, to read its values. A name of its legend switches its series off and on." }
            @for same in figures.chunk_by(|a, b| kind(a) == kind(b)) { (of_a_kind(same)) }
            @if left_out > 0 { (remark(format!("{left_out} more charts, one for each journey, would have made this page too large."))) }
        }
    }
}

/// Leaves out the last of those that would make the page too large.
fn bound(figures: &mut Vec<Figure>) {
    let mut bytes = 0;
    figures.retain(|drawn| {
        bytes += drawn.svg.len() + drawn.data.to_string().len();
        bytes <= MOST_BYTES
    });
}

/// `waterfall` of `waterfall-3-slow`.
fn kind(drawn: &Figure) -> &str {
    drawn.id.split_once(|c: char| c.is_ascii_digit()).map_or(&*drawn.id, |(kind, _)| kind)
}

fn of_a_kind(same: &[Figure]) -> Markup {
    let (shown, folded) = same.split_at(same.len().min(SHOWN_OF_A_KIND));
    html! {
        @for drawn in shown { (figure(drawn)) }
        @if let Some(first) = folded.first() {
            details id={ "more-" (first.id) } {
                summary { (folded.len()) " more of these: " (name(&first.title)) @if folded.len() > 1 { " …" } }
                @for drawn in folded { (figure(drawn)) }
            }
        }
    }
}

/// The plan as a curve, as far as it is known.
pub(super) fn workload(dossier: &Dossier) -> Markup {
    html! { @if let Some(drawn) = chart::workload(dossier) { (figure(&drawn)) } }
}

/// A chart on a page without a script, where nothing is read out.
pub(in crate::report) fn still(drawn: &Figure) -> Markup {
    framed(drawn, false)
}

fn figure(drawn: &Figure) -> Markup {
    framed(drawn, drawn.data.pointer("/x/pixels").and_then(Value::as_array).is_some())
}

fn framed(drawn: &Figure, has_values: bool) -> Markup {
    let id = format!("figure-{}", drawn.id);
    html! {
        figure id=(id) {
            figcaption {
                h3 id={ (id) "-title" } { (name(&drawn.title)) }
                @if !drawn.caption.is_empty() { p { (name(&drawn.caption)) } }
            }
            (legend(drawn))
            // Wider than a narrow window: it scrolls in its own box, which the script reads out.
            div.drawing id={ (id) "-drawing" } tabindex="0" role="group" aria-labelledby={ (id) "-title" } {
                div.plot { (PreEscaped(lines(&drawn.svg))) }
            }
            @if has_values {
                p.readout role="status" {}
                script.data type="application/json" { (PreEscaped(inert(&drawn.data))) }
            }
        }
    }
}

/// What each colour is. The script makes buttons of it.
fn legend(drawn: &Figure) -> Markup {
    let series = drawn.data.get("series").and_then(Value::as_array);
    let text = |series: &Value, key: &str| series.get(key).and_then(Value::as_str).map(name);
    let known = series
        .into_iter()
        .flatten()
        .filter_map(|one| Some((text(one, "name")?, text(one, "colour")?)));
    let known: Vec<_> = known.collect();
    html! {
        @if !known.is_empty() {
            ul.legend { @for (name, colour) in &known {
                li data-series=(name) { i style={ "background:" (css_of(colour)) } {} (name) }
            } }
        }
    }
}

/// JSON in which nothing ends the element it stands in, nor turns the text round when it is shown.
fn inert(data: &Value) -> String {
    name(data.to_string()).replace('<', "\\u003c")
}

/// A colour of the palette by its variable, so that it follows the theme; any other as it is, if it
/// is a colour at all.
fn css_of(colour: &str) -> String {
    let known = PALETTE.iter().find(|(_, light, _)| hex(light).eq_ignore_ascii_case(colour));
    let is_hex =
        |text: &str| text.starts_with('#') && text[1..].chars().all(|c| c.is_ascii_hexdigit());
    match known {
        Some((name, ..)) => format!("var(--{})", variable(name)),
        None if is_hex(colour) => colour.to_owned(),
        None => "currentColor".to_owned(),
    }
}

fn hex(colour: &plotters::style::RGBColor) -> String {
    format!("#{:02x}{:02x}{:02x}", colour.0, colour.1, colour.2)
}

/// A name of the palette beside those of the page, which has a `bad` of its own.
fn variable(name: &str) -> String {
    format!("plot-{}", name.trim_start_matches("--"))
}

/// The variables of the palette, each with its light and its dark value.
pub(in crate::report) fn colours() -> Vec<(String, String, String)> {
    PALETTE
        .iter()
        .map(|(name, light, dark)| (variable(name), hex(light), (*dark).to_owned()))
        .collect()
}

/// Charts are drawn in the light palette; these rules put the variables in its place.
pub(in crate::report) fn rules() -> String {
    let mut rules = String::new();
    for (variable, light, _) in PALETTE {
        let (variable, light) = (self::variable(variable), hex(light));
        for part in ["fill", "stroke"] {
            // Writing to a text does not fail.
            let _ = write!(rules, "svg [{part}=\"{light}\" i]{{{part}:var(--{variable})}}");
        }
    }
    rules.push('\n');
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn data_cannot_end_its_element() {
        let told = inert(&json!({ "a": "</script><b>" }));
        assert!(!told.contains('<'));
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["a"], "</script><b>");
    }

    fn drawn(id: &str, bytes: usize) -> Figure {
        Figure {
            id: id.to_owned(),
            title: id.to_owned(),
            alt: String::new(),
            caption: String::new(),
            svg: " ".repeat(bytes),
            data: Value::Null,
        }
    }

    #[test]
    fn many_charts_of_a_kind_are_folded_and_too_many_left_out() {
        let waterfalls: Vec<_> =
            (1..=9).map(|number| drawn(&format!("waterfall-{number}-slow"), 10)).collect();
        assert!(waterfalls.iter().all(|drawn| kind(drawn) == "waterfall-"));
        let shown = of_a_kind(&waterfalls).into_string();
        let (open, folded) = shown.split_once("<details").unwrap();
        assert_eq!((open.matches("<figure").count(), folded.matches("<figure").count()), (6, 3));
        let mut large = vec![drawn("heat-map", MOST_BYTES - 100), drawn("spectrum", 200)];
        bound(&mut large);
        assert_eq!(large.len(), 1);
    }

    #[test]
    fn a_colour_of_the_palette_follows_the_theme_and_no_other_text_becomes_a_style() {
        let (variable, light, _) = PALETTE[0];
        let variable = format!("var(--{})", self::variable(variable));
        assert_eq!(css_of(&hex(&light).to_uppercase()), variable);
        assert_eq!(css_of("#a1b2c3"), "#a1b2c3");
        assert_eq!(css_of("red;position:fixed"), "currentColor");
    }
}
