//! The colours of the page, in light and in dark, as the rules of a style sheet.

use std::fmt::Write as _;

/// One colour of the page by what it is for.
pub(in crate::report) struct Colour {
    /// The name of its CSS variable, without the dashes.
    name: &'static str,
    /// In the light.
    light: &'static str,
    /// In the dark.
    dark: &'static str,
}

/// The table. Every text colour is told from every ground it stands on by at least 4.5 : 1.
pub(in crate::report) const COLOURS: &[Colour] = &[
    colour("ground", "#fcfcfb", "#15181c"),
    colour("raised", "#f3f4f5", "#1e2227"),
    colour("line", "#dfe2e6", "#323840"),
    colour("edge", "#7d8590", "#767e89"),
    colour("ink", "#1b1f24", "#e6e9ed"),
    colour("muted", "#59626d", "#a3abb6"),
    colour("link", "#0b57c2", "#7db0ff"),
    colour("good", "#17692f", "#5bd07c"),
    colour("good-ground", "#e8f5eb", "#15281b"),
    colour("bad", "#b3121d", "#ff8a80"),
    colour("bad-ground", "#fdecec", "#331b1c"),
    colour("warn", "#7a5200", "#e5b64b"),
    colour("warn-ground", "#fdf5e0", "#2c2411"),
    colour("now", "#0b57c2", "#7db0ff"),
    colour("now-ground", "#e9f1fd", "#172438"),
    colour("bar", "#9fb6d6", "#40618f"),
];

const fn colour(name: &'static str, light: &'static str, dark: &'static str) -> Colour {
    Colour { name, light, dark }
}

/// The variables of both themes: that of the system, unless the page's button says otherwise, and
/// the light one on paper. `more` are further variables, each with its light and its dark value.
pub(in crate::report) fn variables(more: &[(String, String, String)]) -> String {
    let (mut light, mut dark) = (String::new(), String::new());
    let own = COLOURS.iter().map(|colour| (colour.name, colour.light, colour.dark));
    let more = more.iter().map(|(name, l, d)| (name.as_str(), l.as_str(), d.as_str()));
    for (name, in_light, in_dark) in own.chain(more) {
        // Writing to a text does not fail.
        let _ = write!(light, "--{name}:{in_light};");
        let _ = write!(dark, "--{name}:{in_dark};");
    }
    let light = format!("color-scheme:light;{light}");
    let dark = format!("color-scheme:dark;{dark}");
    format!(
        ":root{{{light}}}\n\
         @media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n\
         @media screen{{:root[data-theme=dark]{{{dark}}}}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance after WCAG 2.2.
    fn luminance(hex: &str) -> f64 {
        let part = |from: usize| {
            let value = f64::from(u8::from_str_radix(&hex[from..from + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn of(name: &str) -> &'static Colour {
        COLOURS.iter().find(|colour| colour.name == name).unwrap()
    }

    #[test]
    fn every_text_can_be_read_on_every_ground_in_both_themes() {
        for ink in ["ink", "muted", "link", "good", "bad", "warn", "now"] {
            let own = format!("{ink}-ground");
            let grounds = COLOURS.iter().map(|colour| colour.name).filter(|name| {
                let is_ground = name.ends_with("ground") || *name == "raised";
                is_ground
                    && (!name.contains('-') || **name == *own || matches!(ink, "ink" | "muted"))
            });
            for ground in grounds {
                let (ink, ground) = (of(ink), of(ground));
                for (a, b) in [(ink.light, ground.light), (ink.dark, ground.dark)] {
                    assert!(
                        contrast(a, b) >= 4.5,
                        "{} on {}: {}",
                        ink.name,
                        ground.name,
                        contrast(a, b)
                    );
                }
            }
        }
        // What is no text but has to be seen.
        for ground in ["ground", "raised"] {
            let (edge, ground) = (of("edge"), of(ground));
            assert!(contrast(edge.dark, ground.dark) >= 3.0);
            assert!(contrast(edge.light, ground.light) >= 3.0);
        }
    }

    #[test]
    fn a_further_colour_has_its_value_in_each_theme() {
        let css = variables(&[("c1".into(), "#111111".into(), "#eeeeee".into())]);
        assert_eq!(css.matches("--c1:#111111").count(), 1);
        assert_eq!(css.matches("--c1:#eeeeee").count(), 2);
    }
}
