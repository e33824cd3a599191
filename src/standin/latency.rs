//! Delays put into replies: models, and the table that says which reply gets which.

use crate::base::random::Seed;
use crate::base::remedy::Remedy;
use crate::base::units::{Share, Span, UnitError};
use rand::Rng;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long a reply is held back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// Always the same.
    Constant(Duration),
    /// Log-normal: the logarithm is normal around that of the median.
    Lognormal {
        /// Half of the delays are shorter.
        median: Duration,
        /// Standard deviation of the natural logarithm; 0.5 is a usual service.
        sigma: f64,
    },
    /// Exponential: the service of queueing theory, without memory.
    Exponential {
        /// Their mean; 63 % are shorter.
        mean: Duration,
    },
}

/// Why a text is not a delay.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DelayError {
    /// None of the models.
    #[error("`{text}` is not a delay")]
    Model {
        /// What was written.
        text: String,
    },
    /// Something stands where the duration belongs.
    #[error(transparent)]
    Duration(#[from] UnitError),
}

impl Remedy for DelayError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Model { .. } => Some(
                "write `constant 50ms`, `exponential 20ms` with the mean, or `lognormal 25ms 0.5` with the median and a sigma from 0 to 5"
                    .to_owned(),
            ),
            Self::Duration(error) => error.remedy(),
        }
    }
}

impl FromStr for Delay {
    type Err = DelayError;

    fn from_str(text: &str) -> Result<Self, DelayError> {
        let error = || DelayError::Model { text: text.to_owned() };
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["constant", delay] => Ok(Self::Constant(delay.parse::<Span>()?.0)),
            ["exponential", mean] => Ok(Self::Exponential { mean: mean.parse::<Span>()?.0 }),
            ["lognormal", median, sigma] => {
                let median = median.parse::<Span>()?.0;
                let sigma: f64 = sigma.parse().map_err(|_| error())?;
                // Above 5 the mean is dominated by draws of hours: a mistake, not a tenant.
                if !(0.0..=5.0).contains(&sigma) {
                    return Err(error());
                }
                Ok(Self::Lognormal { median, sigma })
            }
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(delay) => write!(f, "constant {}", Span(*delay)),
            Self::Lognormal { median, sigma } => write!(f, "lognormal {} {sigma}", Span(*median)),
            Self::Exponential { mean } => write!(f, "exponential {}", Span(*mean)),
        }
    }
}

/// No draw is longer than this, so that a call always ends.
pub(super) const LONGEST: Duration = Duration::from_mins(10);

impl Delay {
    /// One delay; draw `index` of the seed's stream for delays.
    pub fn draw(&self, seed: Seed, index: u64) -> Duration {
        match self {
            // Nothing is drawn, so no stream is made either.
            Self::Constant(delay) => (*delay).min(LONGEST),
            _ => self.sample(&mut seed.stream("delay", index)),
        }
    }

    /// One delay, drawn from a stream that the caller keeps.
    pub fn sample(&self, random: &mut impl Rng) -> Duration {
        let times = |time: Duration, factor: f64| {
            Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(LONGEST)
        };
        let drawn = match self {
            Self::Constant(delay) => *delay,
            Self::Lognormal { median, sigma } => {
                times(*median, (sigma * standard_normal(random)).exp())
            }
            Self::Exponential { mean } => times(*mean, -unit(random).ln()),
        };
        drawn.min(LONGEST)
    }
}

/// A standard normal draw, by the method of Box and Muller.
fn standard_normal(random: &mut impl Rng) -> f64 {
    let (radius, angle) = (unit(random), unit(random));
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Even in (0, 1]: never 0, whose logarithm is infinite.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a float exactly")]
fn unit(random: &mut impl Rng) -> f64 {
    ((random.next_u64() >> 11) as f64 + 1.0) / (1u64 << 53) as f64
}

/// One row of the table of delays. An absent selector matches everything.
#[derive(Clone, Debug, PartialEq)]
pub struct DelayRule {
    /// Capability, such as `customHTMLTemplate` or `token`.
    pub capability: Option<String>,
    /// Event, such as `submit`.
    pub event: Option<String>,
    /// Action, such as `SIGNON`.
    pub action: Option<String>,
    /// Id of the flow policy that the flow of the call was started with.
    pub policy: Option<String>,
    /// The delay.
    pub delay: Delay,
    /// In which share of the calls it counts; in the others the next row does.
    pub share: Share,
}

impl DelayRule {
    /// A delay for everything.
    pub const fn everywhere(delay: Delay) -> Self {
        Self { capability: None, event: None, action: None, policy: None, delay, share: Share(1.0) }
    }

    /// Whether it counts for a call of this draw.
    fn applies(&self, seed: Seed, index: u64) -> bool {
        chance(self.share, || seed.stream("delay share", index))
    }

    const fn selectors(&self) -> Selectors<'_> {
        [&self.capability, &self.event, &self.action, &self.policy]
    }
}

/// What a row is about: capability, event, action, and the id of a flow policy. An absent one matches
/// everything.
pub(super) type Selectors<'r> = [&'r Option<String>; 4];

/// What a call has of that; its policy is empty where nobody can tell.
pub type Traits<'c> = [&'c str; 4];

/// The delay for a call: of all rows that match and whose share comes up, the one with the most
/// selectors, and among equals the one that stands first.
pub fn delay_for<'r>(
    rules: &'r [DelayRule],
    call: Traits<'_>,
    (seed, index): (Seed, u64),
) -> Option<&'r Delay> {
    let applying = rules.iter().filter(|rule| rule.applies(seed, index));
    let matching = applying.filter(|rule| matches(rule.selectors(), call));
    // `max_by_key` keeps the last of equals.
    matching.rev().max_by_key(|rule| specificity(rule.selectors())).map(|rule| &rule.delay)
}

/// Whether selectors fit a call.
pub(super) fn matches(selectors: Selectors<'_>, call: Traits<'_>) -> bool {
    let mut pairs = selectors.into_iter().zip(call);
    pairs.all(|(selector, value)| selector.as_deref().is_none_or(|selector| selector == value))
}

/// How many selectors there are.
pub(super) fn specificity(selectors: Selectors<'_>) -> usize {
    selectors.into_iter().filter(|selector| selector.is_some()).count()
}

/// Whether a share comes up; draws only where it is not everything.
pub(super) fn chance<R: Rng>(share: Share, stream: impl FnOnce() -> R) -> bool {
    share.0 >= 1.0 || unit(&mut stream()) <= share.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(selectors: [&str; 4], ms: u64) -> DelayRule {
        let [capability, event, action, policy] =
            selectors.map(|selector| (selector != "*").then(|| selector.to_owned()));
        let delay = Delay::Constant(Duration::from_millis(ms));
        DelayRule { capability, event, action, policy, delay, share: Share(1.0) }
    }

    #[test]
    fn the_most_specific_row_wins_and_the_first_of_equals() {
        let rules = [
            rule(["*", "*", "*", "*"], 1),
            rule(["form", "*", "*", "*"], 2),
            rule(["form", "submit", "UPDATE", "*"], 3),
            rule(["*", "*", "NEXT", "*"], 4),
            rule(["form", "*", "UPDATE", "two"], 5),
            rule(["*", "*", "*", "two"], 6),
        ];
        for (call, ms) in [
            (["token", "", "", ""], 1),
            (["token", "", "", "two"], 6),
            (["form", "action", "CANCEL", ""], 2),
            (["form", "submit", "UPDATE", "one"], 3),
            // Three selectors each: the first of equals.
            (["form", "submit", "UPDATE", "two"], 3),
            (["form", "action", "UPDATE", "two"], 5),
            (["form", "submit", "NEXT", ""], 2),
            (["other", "submit", "NEXT", ""], 4),
        ] {
            let expected = Delay::Constant(Duration::from_millis(ms));
            assert_eq!(delay_for(&rules, call, (Seed(1), 0)), Some(&expected), "{call:?}");
        }
        assert_eq!(delay_for(&rules[1..2], ["token", "", "", ""], (Seed(1), 0)), None);
    }

    #[test]
    fn a_row_with_a_share_leaves_the_other_calls_to_the_next_row() {
        let rare = DelayRule { share: Share(0.06), ..rule(["*"; 4], 9) };
        let rules = [rare, rule(["*"; 4], 1)];
        let token = ["token", "", "", ""];
        let drawn = (0..10_000).map(|index| delay_for(&rules, token, (Seed(5), index)));
        let held = drawn.filter(|delay| *delay == Some(&rules[0].delay)).count();
        // Three standard deviations of the binomial.
        assert!((530..=670).contains(&held), "{held} of 10,000 at 6 %");
    }

    #[test]
    fn log_normal_draws_have_the_median_and_spread_they_were_given() {
        let delay: Delay = "lognormal 25ms 0.5".parse().unwrap();
        let mut drawn: Vec<f64> =
            (0..20_000).map(|index| delay.draw(Seed(4), index).as_secs_f64() * 1e3).collect();
        drawn.sort_by(f64::total_cmp);
        // Quantiles of the log-normal: 25 ms, and 25 ms times e to ±0.5 at one sigma.
        for (share, expected) in [(0.5, 25.0), (0.841_345, 41.218), (0.158_655, 15.163)] {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test")]
            let observed = drawn[(share * 20_000.0) as usize];
            assert!((observed / expected - 1.0).abs() < 0.03, "{share}: {observed} {expected}");
        }
        assert_eq!(delay.draw(Seed(4), 9), delay.draw(Seed(4), 9));
    }

    #[test]
    fn exponential_draws_have_the_quantiles_of_their_mean() {
        let delay: Delay = "exponential 20ms".parse().unwrap();
        let mut random = Seed(4).stream("test", 0);
        let mut drawn: Vec<f64> =
            (0..20_000).map(|_| delay.sample(&mut random).as_secs_f64() * 1e3).collect();
        drawn.sort_by(f64::total_cmp);
        // Of the exponential distribution: mean times the logarithm of 1 / (1 - share).
        for (index, expected) in [(10_000, 13.863), (18_000, 46.052), (19_800, 92.103)] {
            let observed = drawn[index];
            assert!((observed / expected - 1.0).abs() < 0.03, "{index}: {observed} {expected}");
        }
        assert_eq!(delay.draw(Seed(4), 9), delay.draw(Seed(4), 9));
    }

    proptest! {
        #[test]
        fn any_delay_shown_can_be_read_again(milliseconds in 0u64..60_000, tenths in 0u8..=50) {
            let (median, sigma) = (Duration::from_millis(milliseconds), f64::from(tenths) / 10.0);
            for delay in [
                Delay::Constant(median),
                Delay::Lognormal { median, sigma },
                Delay::Exponential { mean: median },
            ] {
                prop_assert_eq!(delay.to_string().parse::<Delay>(), Ok(delay));
            }
        }

        #[test]
        fn no_text_makes_the_reader_of_delays_panic(text in "\\PC{0,40}") {
            let _ = text.parse::<Delay>();
        }
    }

    #[test]
    fn delays_are_read_as_they_are_shown() {
        for text in ["constant 50ms", "lognormal 25ms 0.5", "exponential 20ms"] {
            assert_eq!(text.parse::<Delay>().unwrap().to_string(), text);
        }
        for (text, message) in [
            ("50ms", "`50ms` is not a delay"),
            ("constant 50", "`50` is not a duration"),
            ("exponential 20", "`20` is not a duration"),
            ("exponential", "`exponential` is not a delay"),
            ("lognormal 25ms", "`lognormal 25ms` is not a delay"),
            ("lognormal 25ms 9", "`lognormal 25ms 9` is not a delay"),
        ] {
            let error = text.parse::<Delay>().unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(error.remedy().is_some());
        }
    }
}
