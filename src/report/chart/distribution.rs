//! How times are spread, small enough for a row of a table.

use super::axis::real;
use super::colour::{BLUE, ORANGE, hex};
use crate::measure::histogram::{Percentile, Times};
use std::fmt::Write;

/// Bars, and their width and greatest height in pixels.
const BARS: usize = 24;
const WIDTH: usize = 3;
const HEIGHT: u64 = 16;

/// A tiny inline SVG of at most 400 bytes; empty if there are no times. From the shortest to the
/// longest on a log scale, the height of a bar in proportion to how many there are, with a line at
/// the 95th percentile. It says nothing to those who do not see it: the numbers stand beside it.
pub fn distribution(times: &Times) -> String {
    let Some(p95) = times.at(Percentile::P95) else { return String::new() };
    let low = real(times.min_us().max(1)).ln();
    // Times that are all alike are one bar in the middle of nothing, and not as wide as the others.
    let high = real(times.max_us().max(1)).ln();
    let (low, high) = if high - low < 0.1 { (low - 0.5, high + 0.5) } else { (low, high) };
    let part = |us: u64| ((real(us.max(1)).ln() - low) / (high - low)).clamp(0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of 72")]
    let whole = |part: f64| part as usize;
    let mut bars = [0u64; BARS];
    times.each(|lowest, highest, count| {
        let place = whole(part(lowest + (highest - lowest) / 2) * real(BARS as u64)).min(BARS - 1);
        bars[place] += u64::from(count);
    });
    let most = bars.iter().copied().max().unwrap_or(1).max(1);
    let mut path = format!("M0 {HEIGHT}");
    let (mut level, mut flat) = (0, 0);
    for count in bars {
        // What is there at all is seen.
        let height =
            u64::try_from((u128::from(count) * u128::from(HEIGHT)).div_ceil(u128::from(most)));
        let height = height.unwrap_or(HEIGHT).min(HEIGHT);
        if height != level {
            if flat > 0 {
                _ = write!(path, "h{flat}");
            }
            _ = write!(path, "V{}", HEIGHT - height);
            (level, flat) = (height, 0);
        }
        flat += WIDTH;
    }
    _ = write!(path, "h{flat}V{HEIGHT}z");
    let mark = whole(part(p95) * real((BARS * WIDTH) as u64)).min(BARS * WIDTH - 1);
    let width = BARS * WIDTH;
    format!(
        "<svg class=\"spread\" viewBox=\"0 0 {width} {HEIGHT}\" width=\"{width}\" \
         height=\"{HEIGHT}\" aria-hidden=\"true\"><path fill=\"{}\" d=\"{path}\"/>\
         <path fill=\"{}\" d=\"M{mark} 0h1v{HEIGHT}h-1z\"/></svg>",
        hex(BLUE),
        hex(ORANGE),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::histogram::Bounds;
    use proptest::prelude::*;

    fn times(values: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::new(Bounds::Exchange);
        values.into_iter().for_each(|value| times.record(value));
        times
    }

    #[test]
    fn two_bands_are_two_hills() {
        let two = times([&[20_000; 9][..], &[22_000; 5], &[90_000; 3]].concat());
        insta::assert_snapshot!(distribution(&two), @r##"<svg class="spread" viewBox="0 0 72 16" width="72" height="16" aria-hidden="true"><path fill="#0b63ce" d="M0 16V0h3V7h3V16h63V10h3V16z"/><path fill="#c2570c" d="M71 0h1v16h-1z"/></svg>"##);
        assert_eq!(distribution(&times([])), "");
    }

    proptest! {
        #[test]
        fn it_is_never_more_than_400_bytes(
            values in prop::collection::vec(prop_oneof![0u64..200_000_000, 1000u64..1100], 1..300),
        ) {
            let drawn = distribution(&times(values));
            prop_assert!(drawn.len() <= 400, "{} {}", drawn.len(), drawn);
            prop_assert!(!drawn.contains("h-3") && !drawn.contains("V-"), "{}", drawn);
        }
    }
}
