//! Pauses of users: think time between two steps of a journey, and pacing between two journeys.

use crate::base::document::Section;
use crate::base::random::unit;
use crate::base::remedy::Remedy;
use crate::base::units::{Span, UnitError};
use rand::Rng;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long users think between two steps. Written `none`, `2s`, `1s..3s` or `lognormal 2s 0.5`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ThinkTime {
    /// They do not.
    #[default]
    None,
    /// Always the same.
    Constant(Duration),
    /// Any time between two bounds is as likely as any other.
    Uniform {
        /// The shortest.
        shortest: Duration,
        /// The longest; longer than the shortest.
        longest: Duration,
    },
    /// Log-normal, as people are: most pauses are short, a few are long.
    Lognormal {
        /// Half of the pauses are shorter.
        median: Duration,
        /// Standard deviation of the natural logarithm, 0 to [`MOST_SIGMA`].
        sigma: f64,
    },
}

/// Above it the mean would be made by pauses of hours: a slip of the pen, not a person.
pub const MOST_SIGMA: f64 = 3.0;

/// No single pause is longer; only a log-normal draw can come to it.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// Why a text is not a think time.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ThinkTimeError {
    /// None of the models.
    #[error("`{text}` is not a think time")]
    Model {
        /// What was written.
        text: String,
    },
    /// The range ends before it begins.
    #[error("`{text}` ends before it begins")]
    Backwards {
        /// What was written.
        text: String,
    },
    /// A pause nobody means.
    #[error("`{text}` is longer than {}", Span(LONGEST))]
    TooLong {
        /// What was written.
        text: String,
    },
    /// Something else stands where a duration belongs.
    #[error(transparent)]
    Duration(#[from] UnitError),
}

impl Remedy for ThinkTimeError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Model { .. } => Some(format!(
                "write `none`, `2s`, `1s..3s`, or `lognormal 2s 0.5` with the median and a sigma from 0 to {MOST_SIGMA}"
            )),
            Self::Backwards { .. } => Some("write the shorter time first".to_owned()),
            Self::TooLong { .. } => Some("pause for less between two steps".to_owned()),
            Self::Duration(error) => error.remedy(),
        }
    }
}

impl ThinkTime {
    /// Reads the `[think_time]` table of a profile.
    pub fn read(section: &mut Section<'_>) -> Self {
        section.parsed("between_steps").map_or(Self::None, |sited| sited.value)
    }

    /// The next pause. Never longer than [`LONGEST`].
    pub fn draw(&self, random: &mut impl Rng) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Constant(pause) => *pause,
            Self::Uniform { shortest, longest } => {
                *shortest + longest.saturating_sub(*shortest).mul_f64(unit(random))
            }
            Self::Lognormal { median, sigma } => {
                let seconds = median.as_secs_f64() * (sigma * standard_normal(random)).exp();
                Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST)
            }
        }
    }
}

/// How long after the start of an iteration the next one of the same user may start, in the closed
/// model. Written as a think time is. One that takes longer is followed at once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pacing(pub ThinkTime);

/// Why a text is not a pacing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a pacing")]
pub struct PacingError {
    text: String,
    source: ThinkTimeError,
}

impl Remedy for PacingError {
    fn remedy(&self) -> Option<String> {
        self.source.remedy()
    }
}

impl FromStr for Pacing {
    type Err = PacingError;

    fn from_str(text: &str) -> Result<Self, PacingError> {
        let error = |source| PacingError { text: text.to_owned(), source };
        text.parse().map(Self).map_err(error)
    }
}

impl FromStr for ThinkTime {
    type Err = ThinkTimeError;

    fn from_str(text: &str) -> Result<Self, ThinkTimeError> {
        let duration = |part: &str| {
            let duration = part.parse::<Span>()?.0;
            if duration > LONGEST {
                return Err(ThinkTimeError::TooLong { text: text.to_owned() });
            }
            Ok(duration)
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["none"] => Ok(Self::None),
            ["lognormal", median, sigma] => {
                let sigma = sigma.parse().ok().filter(|sigma| (0.0..=MOST_SIGMA).contains(sigma));
                let sigma = sigma.ok_or_else(|| ThinkTimeError::Model { text: text.to_owned() })?;
                Ok(Self::Lognormal { median: duration(median)?, sigma })
            }
            ["lognormal", ..] => Err(ThinkTimeError::Model { text: text.to_owned() }),
            _ => match text.split_once("..") {
                Some((shortest, longest)) => {
                    let (shortest, longest) = (duration(shortest)?, duration(longest)?);
                    match shortest.cmp(&longest) {
                        std::cmp::Ordering::Less => Ok(Self::Uniform { shortest, longest }),
                        std::cmp::Ordering::Equal => Ok(Self::Constant(shortest)),
                        std::cmp::Ordering::Greater => {
                            Err(ThinkTimeError::Backwards { text: text.to_owned() })
                        }
                    }
                }
                None => Ok(Self::Constant(duration(text)?)),
            },
        }
    }
}

impl fmt::Display for ThinkTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Constant(pause) => Span(*pause).fmt(f),
            Self::Uniform { shortest, longest } => {
                write!(f, "{}..{}", Span(*shortest), Span(*longest))
            }
            Self::Lognormal { median, sigma } => write!(f, "lognormal {} {sigma}", Span(*median)),
        }
    }
}

/// A draw from the standard normal distribution (Box and Muller 1958).
fn standard_normal(random: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - unit(random)).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(random)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Seed;
    use proptest::prelude::*;

    fn pauses(text: &str) -> Vec<Duration> {
        let think: ThinkTime = text.parse().unwrap();
        let mut random = Seed(3).stream("think", 0);
        let mut drawn: Vec<_> = (0..10_001).map(|_| think.draw(&mut random)).collect();
        drawn.sort();
        drawn
    }

    #[test]
    fn a_range_is_covered_evenly_and_never_left() {
        let drawn = pauses("1s..3s");
        assert!(drawn[0] >= Duration::from_secs(1) && drawn[10_000] < Duration::from_secs(3));
        for (place, seconds) in [(1000, 1.2), (5000, 2.0), (9000, 2.8)] {
            let got = drawn[place].as_secs_f64();
            assert!((got - seconds).abs() < 0.04, "{place}: {got}");
        }
    }

    #[test]
    fn log_normal_pauses_have_the_median_and_spread_they_were_given() {
        let drawn = pauses("lognormal 2s 0.5");
        // Quantiles of exp(N(ln 2, 0.5)): 2·exp(0.5·z).
        for (place, seconds) in [(1587, 1.213), (5000, 2.0), (8413, 3.297), (9772, 5.437)] {
            let got = drawn[place].as_secs_f64();
            assert!((got / seconds - 1.0).abs() < 0.05, "{place}: {got}");
        }
    }

    #[test]
    fn no_pause_is_endless() {
        let think = ThinkTime::Lognormal { median: LONGEST, sigma: MOST_SIGMA };
        let mut random = Seed(3).stream("think", 0);
        assert!((0..1000).all(|_| think.draw(&mut random) <= LONGEST));
    }

    #[test]
    fn none_and_constant_draw_what_they_say() {
        assert_eq!(pauses("none")[10_000], Duration::ZERO);
        assert_eq!(pauses("250ms")[0], Duration::from_millis(250));
        assert_eq!(pauses("2s..2s")[0], Duration::from_secs(2));
    }

    #[test]
    fn mistakes_are_named_with_a_way_out() {
        let shown = |text: &str| {
            let error = text.parse::<ThinkTime>().unwrap_err();
            format!("{error} ({})", error.remedy().unwrap_or_default())
        };
        insta::assert_snapshot!(
            ["3s..1s", "2", "lognormal 2s", "lognormal 2s 9", "1s..x", "2h"].map(shown).join("\n"),
            @r"
        `3s..1s` ends before it begins (write the shorter time first)
        `2` is not a duration (write it with its unit, such as `250ms`, `30s` or `5m`)
        `lognormal 2s` is not a think time (write `none`, `2s`, `1s..3s`, or `lognormal 2s 0.5` with the median and a sigma from 0 to 3)
        `lognormal 2s 9` is not a think time (write `none`, `2s`, `1s..3s`, or `lognormal 2s 0.5` with the median and a sigma from 0 to 3)
        `x` is not a duration (write it with its unit, such as `250ms`, `30s` or `5m`)
        `2h` is longer than 1h (pause for less between two steps)
        "
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read_again(first in 0u64..60_000, second in 0u64..60_000, sigma in 0u32..=300) {
            let (shortest, longest) = (first.min(second), first.max(second));
            let sigma = f64::from(sigma) / 100.0;
            for text in [
                format!("{shortest}ms..{longest}ms"),
                format!("{longest}ms"),
                format!("lognormal {longest}ms {sigma}"),
            ] {
                let think: ThinkTime = text.parse().unwrap();
                prop_assert_eq!(think.to_string().parse(), Ok(think));
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[a-z0-9. ]{0,30}") {
            if let Ok(think) = text.parse::<ThinkTime>() {
                prop_assert!(think.draw(&mut Seed(1).stream("think", 1)) <= LONGEST);
            }
        }
    }
}
