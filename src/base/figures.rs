//! Numbers as people read them: three significant figures and the unit. The only place that
//! decides how a figure looks.
//!
//! Counts have no separators: they can be searched for, and pasted into other tools.

use std::time::Duration;

/// No value: nothing was there to take it from.
pub const NONE: &str = "–";

/// Zero where anything else would be news, so that news stands out.
pub const ZERO: &str = "·";

/// Up to which time a unit is used, how many microseconds it has, and its name. A time that rounds
/// to `1000 ms` is `1.00 s`.
const TIME_UNITS: &[(f64, f64, &str)] = &[
    (1e3, 1.0, "µs"),
    (999.5e3, 1e3, "ms"),
    (120e6, 1e6, "s"),
    (3_600e6, 60e6, "min"),
    (f64::INFINITY, 3_600e6, "h"),
];

const SIZE_UNITS: &[(f64, f64, &str)] = &[
    (1024.0, 1.0, "B"),
    (1023.5 * 1024.0, 1024.0, "KiB"),
    (1023.5 * 1_048_576.0, 1_048_576.0, "MiB"),
    (f64::INFINITY, 1_073_741_824.0, "GiB"),
];

/// A time in microseconds: `834 µs`, `12.3 ms`, `1.24 s`, `2.50 min`.
#[expect(clippy::cast_precision_loss, reason = "three figures are shown")]
pub fn time(us: u64) -> String {
    if us < 1000 { format!("{us} µs") } else { in_unit(us as f64, TIME_UNITS) }
}

/// A time that may not exist.
pub fn time_or_none(us: Option<u64>) -> String {
    us.map_or_else(|| NONE.to_owned(), time)
}

/// A length of time in seconds, as summaries hold it.
pub fn seconds(seconds: f64) -> String {
    if seconds == 0.0 {
        return "0 s".to_owned();
    }
    let us = seconds * 1e6;
    if is_shown(us) { in_unit(us, TIME_UNITS) } else { NONE.to_owned() }
}

/// When something is to be expected: below a second nobody can tell it from now.
pub fn after(seconds_from_now: f64, of: &str) -> String {
    if seconds_from_now < 1.0 {
        return "at once".to_owned();
    }
    format!("{} after {of}", seconds(seconds_from_now))
}

/// A time on the clock of the run: `0:20`, `1:02:03`. Parts of a second are left out.
pub fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// A number of things: `0`, `1284401`.
pub fn count(number: u64) -> String {
    number.to_string()
}

/// A number of things that had better be none: `·` for zero.
pub fn count_or_dot(number: u64) -> String {
    if number == 0 { ZERO.to_owned() } else { count(number) }
}

/// Happenings per second, without the unit, which stands in a heading or follows: `0`, `0.0333`,
/// `40.6`, `1234`. Less than a ten-thousandth shows as that.
pub fn rate(per_second: f64) -> String {
    match per_second {
        r if !is_shown(r) => NONE.to_owned(),
        0.0 => "0".to_owned(),
        r if r < 0.0001 => "<0.0001".to_owned(),
        r => three(r),
    }
}

/// A part of a whole in percent. Something is never shown as nothing, nor nearly all as all:
/// `0%`, `< 0.01%`, `1.23%`, `> 99.9%`, `100%`.
pub fn share(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if !is_shown(p) => NONE.to_owned(),
        0.0 => "0%".to_owned(),
        p if p < 0.005 => "< 0.01%".to_owned(),
        p if p < 9.995 => format!("{p:.2}%"),
        p if p < 99.95 => format!("{p:.1}%"),
        p if p < 100.0 => "> 99.9%".to_owned(),
        p if p < 1e6 => format!("{p:.0}%"),
        _ => "> 999999%".to_owned(),
    }
}

/// A share that had better be none: `·` for zero.
pub fn share_or_dot(part: f64) -> String {
    if part == 0.0 { ZERO.to_owned() } else { share(part) }
}

/// Cores that a process may use: `1 core`, `2 cores`, `0.1 cores`.
pub fn cores(number: f64) -> String {
    let figure = format!("{number:.2}");
    let figure = figure.trim_end_matches('0').trim_end_matches('.');
    if figure == "1" { "1 core".to_owned() } else { format!("{figure} cores") }
}

/// An amount of memory: `512 B`, `84.2 MiB`.
#[expect(clippy::cast_precision_loss, reason = "three figures are shown")]
pub fn bytes(number: u64) -> String {
    if number < 1024 { format!("{number} B") } else { in_unit(number as f64, SIZE_UNITS) }
}

/// Neither negative nor without end nor no number at all.
fn is_shown(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

fn in_unit(value: f64, units: &[(f64, f64, &str)]) -> String {
    let fitting = units.iter().find(|(limit, ..)| value < *limit).or(units.last());
    match fitting {
        Some((_, factor, unit)) => format!("{} {unit}", three(value / factor)),
        None => NONE.to_owned(),
    }
}

/// Three significant figures, but never fewer than all those before the point, nor more than four
/// behind it. What is beyond all sense is written by its power of ten.
fn three(value: f64) -> String {
    match value {
        v if v >= 999_999.5 => format!("{v:.2e}"),
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v if v >= 0.9995 => format!("{v:.2}"),
        v if v >= 0.099_95 => format!("{v:.3}"),
        v => format!("{v:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_have_three_figures_and_a_unit() {
        for (us, shown) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_000, "1.00 ms"),
            (9_994, "9.99 ms"),
            (9_996, "10.0 ms"),
            (12_345, "12.3 ms"),
            (99_940, "99.9 ms"),
            (99_960, "100 ms"),
            (999_499, "999 ms"),
            (999_500, "1.00 s"),
            (1_244_000, "1.24 s"),
            (30_000_000, "30.0 s"),
            (119_000_000, "119 s"),
            (120_000_000, "2.00 min"),
            (3_599_000_000, "60.0 min"),
            (3_600_000_000, "1.00 h"),
        ] {
            assert_eq!(time(us), shown, "{us}");
        }
        assert_eq!(time_or_none(None), "–");
    }

    #[test]
    fn rates_shares_and_sizes_never_pretend() {
        for (value, shown) in [
            (0.0, "0"),
            (0.000_01, "<0.0001"),
            (0.0333, "0.0333"),
            (0.333, "0.333"),
            (40.649, "40.6"),
            (1234.4, "1234"),
            (12_345_678.0, "1.23e7"),
            (f64::NAN, "–"),
            (f64::INFINITY, "–"),
            (-1.0, "–"),
        ] {
            assert_eq!(rate(value), shown, "{value}");
        }
        for (value, shown) in [
            (0.0, "0%"),
            (0.000_001, "< 0.01%"),
            (0.0123, "1.23%"),
            (0.099_96, "10.0%"),
            (0.999_9, "> 99.9%"),
            (1.0, "100%"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(share(value), shown, "{value}");
        }
        assert_eq!(share_or_dot(0.0), "·");
        assert_eq!(count_or_dot(0), "·");
        assert_eq!(count(1_284_401), "1284401");
        for (number, shown) in [
            (1000, "1000 B"),
            (1 << 20, "1.00 MiB"),
            (88_290_000, "84.2 MiB"),
            ((1 << 30) - 1, "1.00 GiB"),
        ] {
            assert_eq!(bytes(number), shown, "{number}");
        }
    }

    #[test]
    fn the_clock_of_a_run_has_hours_only_when_there_are_some() {
        assert_eq!(clock(Duration::from_millis(20_999)), "0:20");
        assert_eq!(clock(Duration::from_secs(3723)), "1:02:03");
        assert_eq!(seconds(20.0), "20.0 s");
        assert_eq!(seconds(0.0), "0 s");
        assert_eq!(seconds(f64::NAN), "–");
    }

    proptest! {
        #[test]
        fn a_shown_time_is_within_half_a_percent(us in 0u64..400_000_000_000) {
            let shown = time(us);
            let (number, unit) = shown.split_once(' ').unwrap();
            let factor = TIME_UNITS.iter().find(|(_, _, name)| *name == unit).unwrap().1;
            let meant = number.parse::<f64>().unwrap() * factor;
            prop_assert!((meant - us as f64).abs() <= us as f64 * 0.005 + 1e-6, "{} {}", us, shown);
            prop_assert!(shown.chars().count() <= 8, "{}", shown);
        }
    }
}
