//! The closed list of colours of all charts: a light theme that is drawn, and the dark one that a
//! page puts in its place.

use plotters::style::RGBColor;

/// Every colour that a chart may hold: the name of the page's CSS variable, the colour as drawn for
/// a light page, and the one that the variable has on a dark page.
///
/// Charts name no colour but these, so that a page can restyle them by the attribute alone:
/// `[stroke="#0b63ce"] { stroke: var(--c1) }`, and the same for `fill`.
pub const PALETTE: &[(&str, RGBColor, &str)] = &[
    ("--c1", BLUE, "#5aa7ff"),
    ("--c2", ORANGE, "#ff9f55"),
    ("--c3", GREEN, "#2fbf93"),
    ("--c4", MAGENTA, "#f7a1d4"),
    ("--c5", CYAN, "#9fe3f7"),
    ("--c6", OLIVE, "#e8d26a"),
    ("--c7", VIOLET, "#b7a3ff"),
    ("--c8", SLATE, "#a7b4c3"),
    ("--bad", RED, "#ff7b80"),
    ("--heat-1", HEAT[0], "#1b3a57"),
    ("--heat-2", HEAT[1], "#1f5377"),
    ("--heat-3", HEAT[2], "#266f98"),
    ("--heat-4", HEAT[3], "#3590b5"),
    ("--heat-5", HEAT[4], "#55b2c7"),
    ("--heat-6", HEAT[5], "#86d0cf"),
    ("--heat-7", HEAT[6], "#bfe8d0"),
    ("--heat-8", HEAT[7], "#f2fbd3"),
    ("--chart-text", TEXT, "#b3bfcc"),
    ("--chart-axis", AXIS, "#5c6876"),
    ("--chart-grid", GRID, "#26303b"),
    ("--chart-shade", SHADE, "#1b2430"),
    ("--chart-gap", GAP, "#46525f"),
];

/// Colours that tell series apart, in the order in which they are used.
pub(super) const SERIES: [RGBColor; 8] = [BLUE, ORANGE, GREEN, MAGENTA, CYAN, OLIVE, VIOLET, SLATE];

/// Few to many, in steps of equal ratio.
pub(super) const HEAT: [RGBColor; 8] = [
    RGBColor(0xcf, 0xe1, 0xf2),
    RGBColor(0xa6, 0xcb, 0xe8),
    RGBColor(0x7a, 0xb2, 0xdc),
    RGBColor(0x4f, 0x96, 0xcb),
    RGBColor(0x2f, 0x79, 0xb5),
    RGBColor(0x1b, 0x5c, 0x9a),
    RGBColor(0x15, 0x40, 0x79),
    RGBColor(0x1a, 0x24, 0x55),
];

pub(super) const BLUE: RGBColor = RGBColor(0x0b, 0x63, 0xce);
pub(super) const ORANGE: RGBColor = RGBColor(0xc2, 0x57, 0x0c);
pub(super) const GREEN: RGBColor = RGBColor(0x0b, 0x6e, 0x4f);
pub(super) const MAGENTA: RGBColor = RGBColor(0x8a, 0x1f, 0x6d);
pub(super) const CYAN: RGBColor = RGBColor(0x2f, 0x93, 0xbd);
pub(super) const OLIVE: RGBColor = RGBColor(0x8f, 0x7a, 0x1d);
pub(super) const VIOLET: RGBColor = RGBColor(0x6a, 0x4b, 0xc4);
pub(super) const SLATE: RGBColor = RGBColor(0x5d, 0x6b, 0x7c);
/// What went wrong, and limits; nothing else is red.
pub(super) const RED: RGBColor = RGBColor(0xc8, 0x20, 0x2f);
pub(super) const TEXT: RGBColor = RGBColor(0x4d, 0x59, 0x66);
pub(super) const AXIS: RGBColor = RGBColor(0x98, 0xa3, 0xb0);
pub(super) const GRID: RGBColor = RGBColor(0xe3, 0xe7, 0xed);
/// Behind the parts of a run that are not judged.
pub(super) const SHADE: RGBColor = RGBColor(0xf4, 0xf1, 0xe8);
/// What lies between two things, and is neither.
pub(super) const GAP: RGBColor = RGBColor(0xc0, 0xc8, 0xd1);

/// As CSS and SVG write it: `#0b63ce`.
pub fn hex(colour: RGBColor) -> String {
    let RGBColor(red, green, blue) = colour;
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const WHITE: [f64; 3] = [1.0, 1.0, 1.0];

    fn read(hex: &str) -> [f64; 3] {
        [1, 3, 5].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0)
    }

    fn linear(colour: [f64; 3]) -> [f64; 3] {
        colour.map(
            |part| {
                if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            },
        )
    }

    /// The contrast of the web's accessibility guidelines, 1 to 21.
    fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
        let luminance = |colour| {
            let [red, green, blue] = linear(colour);
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        (one / other).max(other / one)
    }

    /// How far apart two colours look, in Oklab (Björn Ottosson's matrices).
    fn distance(one: [f64; 3], other: [f64; 3]) -> f64 {
        let lab = |[r, g, b]: [f64; 3]| {
            let l = (0.412_221 * r + 0.536_333 * g + 0.051_446 * b).cbrt();
            let m = (0.211_903 * r + 0.680_700 * g + 0.107_397 * b).cbrt();
            let s = (0.088_302 * r + 0.281_719 * g + 0.629_979 * b).cbrt();
            [
                0.210_454 * l + 0.793_618 * m - 0.004_072 * s,
                1.977_998 * l - 2.428_592 * m + 0.450_594 * s,
                0.025_904 * l + 0.782_772 * m - 0.808_676 * s,
            ]
        };
        let (one, other) = (lab(one), lab(other));
        (0..3).map(|at| (one[at] - other[at]).powi(2)).sum::<f64>().sqrt()
    }

    /// Full protanopia and deuteranopia (Machado, Oliveira and Fernandes, 2009), on linear RGB.
    const BLIND: [[[f64; 3]; 3]; 2] = [
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ];

    #[test]
    fn lines_and_marks_stand_out_and_text_is_read_in_both_themes() {
        let night = read("#0f1419");
        for (name, light, dark) in PALETTE {
            let (by_day, by_night) =
                (contrast(read(&hex(*light)), WHITE), contrast(read(dark), night));
            let least = match *name {
                "--chart-text" => 4.5,
                name if name.starts_with("--c") && !name.starts_with("--chart") => 3.0,
                "--bad" => 3.0,
                // Beside other cells; a lone one still has to be seen.
                name if name.starts_with("--heat") => 1.3,
                _ => 1.0,
            };
            assert!(by_day >= least && by_night >= least, "{name}: {by_day} {by_night}");
        }
    }

    #[test]
    fn no_two_colours_are_the_same_and_no_two_variables() {
        let lights: BTreeSet<_> = PALETTE.iter().map(|(_, light, _)| hex(*light)).collect();
        let names: BTreeSet<_> = PALETTE.iter().map(|(name, ..)| name).collect();
        assert_eq!((lights.len(), names.len()), (PALETTE.len(), PALETTE.len()));
    }

    #[test]
    fn the_first_series_are_told_apart_by_the_colour_blind_too() {
        let themes = [
            PALETTE[..5].iter().map(|(_, light, _)| read(&hex(*light))).collect::<Vec<_>>(),
            PALETTE[..5].iter().map(|(_, _, dark)| read(dark)).collect(),
        ];
        for colours in themes {
            for eyes in BLIND {
                let seen = |colour: [f64; 3]| {
                    let colour = linear(colour);
                    eyes.map(|row| (0..3).map(|at| row[at] * colour[at]).sum::<f64>().max(0.0))
                };
                for (place, one) in colours.iter().enumerate() {
                    for other in &colours[place + 1..] {
                        let apart = distance(seen(*one), seen(*other));
                        assert!(apart > 0.05, "{one:?} {other:?} {apart}");
                    }
                }
            }
        }
    }

    #[test]
    fn heat_goes_one_way_in_both_themes() {
        let steps: Vec<_> =
            PALETTE.iter().filter(|(name, ..)| name.starts_with("--heat")).collect();
        assert_eq!(steps.len(), HEAT.len());
        for pair in steps.windows(2) {
            let ((_, light, dark), (_, darker, lighter)) = (pair[0], pair[1]);
            let white = |colour| contrast(colour, WHITE);
            assert!(white(read(&hex(*darker))) > white(read(&hex(*light))) * 1.1);
            assert!(white(read(dark)) > white(read(lighter)) * 1.1);
        }
    }
}
