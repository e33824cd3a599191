//! Quantities with their unit: durations, rates, shares and sizes, read and shown the same way.
//!
//! A bare number is an error everywhere: `250` may be seconds to one reader and milliseconds to
//! another.

use super::remedy::Remedy;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a text is not a quantity.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a {kind}")]
pub struct UnitError {
    text: String,
    kind: &'static str,
    example: &'static str,
}

impl Remedy for UnitError {
    fn remedy(&self) -> Option<String> {
        Some(format!("write it with its unit, such as {}", self.example))
    }
}

/// A length of time, `250ms`, `1.5s`, `5m`, `1h30m`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Span(pub Duration);

const TIME_UNITS: &[(&str, f64)] = &[
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError {
            text: text.to_owned(),
            kind: "duration",
            example: "`250ms`, `30s` or `5m`",
        };
        let mut seconds = 0.0;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(error());
        }
        while !rest.is_empty() {
            let (number, after) = leading_number(rest).ok_or_else(error)?;
            let unit_length = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, remaining) = after.split_at(unit_length);
            let factor =
                TIME_UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(error)?.1;
            seconds += number * factor;
            rest = remaining;
        }
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| error())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            0.0 => f.write_str("0s"),
            s if s < 1e-3 => write!(f, "{}us", trimmed(s * 1e6)),
            s if s < 1.0 => write!(f, "{}ms", trimmed(s * 1e3)),
            s if s < 60.0 => write!(f, "{}s", trimmed(s)),
            _ => {
                let whole = self.0.as_secs();
                let parts = [(whole / 3600, "h"), (whole / 60 % 60, "m"), (whole % 60, "s")];
                parts
                    .iter()
                    .filter(|(n, _)| *n > 0)
                    .try_for_each(|(n, unit)| write!(f, "{n}{unit}"))
            }
        }
    }
}

/// Happenings per unit of time, `40/s`, `600/min`, `60000/h`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate {
    /// Happenings per second; finite and not negative.
    pub per_second: f64,
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError {
            text: text.to_owned(),
            kind: "rate",
            example: "`40/s`, `600/min` or `60000/h`",
        };
        let (number, unit) = text.split_once('/').ok_or_else(error)?;
        let number: f64 = number.trim().parse().map_err(|_| error())?;
        let seconds = match unit.trim() {
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(error()),
        };
        let per_second = number / seconds;
        if per_second.is_finite() && number >= 0.0 { Ok(Self { per_second }) } else { Err(error()) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", trimmed(self.per_second))
    }
}

/// A part of a whole, 0 to 1 inside and `1.5%` for people.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl FromStr for Share {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError { text: text.to_owned(), kind: "share", example: "`1.5%`" };
        let number = text.trim().strip_suffix('%').ok_or_else(error)?;
        let percent: f64 = number.trim().parse().map_err(|_| error())?;
        if (0.0..=100.0).contains(&percent) { Ok(Self(percent / 100.0)) } else { Err(error()) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", trimmed(self.0 * 100.0))
    }
}

/// A number of bytes, `4MiB`, `512KiB`, `1000B`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Size(pub u64);

const SIZE_UNITS: &[(&str, u64)] =
    &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error =
            || UnitError { text: text.to_owned(), kind: "size", example: "`512KiB` or `4MiB`" };
        SIZE_UNITS
            .iter()
            .find_map(|(unit, factor)| Some((text.trim().strip_suffix(unit)?, factor)))
            .and_then(|(number, factor)| number.trim().parse::<u64>().ok()?.checked_mul(*factor))
            .map(Self)
            .ok_or_else(error)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = SIZE_UNITS
            .iter()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor));
        let (unit, factor) = fitting.unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

/// Splits `12.5ms` into 12.5 and `ms`.
fn leading_number(text: &str) -> Option<(f64, &str)> {
    let length = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Some((text[..length].parse().ok()?, &text[length..]))
}

/// A number with at most three decimals and no trailing zeros.
fn trimmed(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

macro_rules! read_from_text {
    ($($name:ident),*) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

read_from_text!(Span, Rate, Share, Size);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        for (text, microseconds) in [
            ("250ms", 250_000),
            ("1.5s", 1_500_000),
            ("5m", 300_000_000),
            ("1h30m", 5_400_000_000),
            ("2d", 172_800_000_000),
            ("10us", 10),
            ("0s", 0),
        ] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_micros(microseconds))), "{text}");
        }
        for text in ["250", "", "ms", "-1s", "1x", "1.2.3s", "s1", "99999999999999999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn rates_shares_and_sizes_are_read_with_their_unit() {
        assert_eq!("600/min".parse(), Ok(Rate { per_second: 10.0 }));
        assert_eq!("1.5%".parse(), Ok(Share(0.015)));
        assert_eq!("4MiB".parse(), Ok(Size(4 << 20)));
        for text in ["40", "/s", "40/y", "-1/s", "inf/s", "NaN/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for text in ["5", "101%", "-1%", "NaN%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
        for text in ["5", "5MB", "99999999999GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_message_says_what_to_write() {
        let error = "250".parse::<Span>().unwrap_err();
        assert_eq!(error.to_string(), "`250` is not a duration");
        assert_eq!(
            error.remedy().unwrap(),
            "write it with its unit, such as `250ms`, `30s` or `5m`"
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read_again(milliseconds in 0u64..86_400_000, bytes in 0u64..1 << 40) {
            // Above a minute whole seconds are shown.
            let shown = if milliseconds < 60_000 { milliseconds } else { milliseconds / 1000 * 1000 };
            let span = Span(Duration::from_millis(shown));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
            prop_assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
        }
    }
}
