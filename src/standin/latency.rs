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

/// How delays grow with time: by a part of what they are at first, evenly, in every stretch of a length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// The part; negative for delays that become shorter, down to nothing.
    pub part: f64,
    /// In how long.
    pub per: Duration,
}

/// Why a text is not a drift.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a drift")]
pub struct DriftError {
    /// What was written.
    text: String,
}

impl Remedy for DriftError {
    fn remedy(&self) -> Option<String> {
        Some(
            "write it like `10% per 5m`, or `-10% per 1h` for delays that become shorter"
                .to_owned(),
        )
    }
}

impl FromStr for Drift {
    type Err = DriftError;

    fn from_str(text: &str) -> Result<Self, DriftError> {
        let read = || {
            let (part, per) = text.split_once(" per ")?;
            let (sign, part) = match part.trim().strip_prefix('-') {
                Some(part) => (-1.0, part),
                None => (1.0, part),
            };
            let percent: f64 = part.trim().strip_suffix('%')?.trim_end().parse().ok()?;
            let per = per.parse::<Span>().ok()?.0;
            let is_one = (0.0..=1e4).contains(&percent) && !per.is_zero();
            is_one.then_some(Self { part: sign * percent / 100.0, per })
        };
        read().ok_or_else(|| DriftError { text: text.to_owned() })
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}% per {}", (self.part * 1e6).round() / 1e4, Span(self.per))
    }
}

impl Drift {
    /// What a delay is multiplied by so long after the beginning.
    pub fn factor(&self, after: Duration) -> f64 {
        (self.part * after.as_secs_f64() / self.per.as_secs_f64() + 1.0).max(0.0)
    }
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
    /// How it grows, counted from the first call of a flow; none stays as it is.
    pub drift: Option<Drift>,
    /// In which share of the calls it counts; in the others the next row does.
    pub share: Share,
}

impl DelayRule {
    /// A delay for everything.
    pub const fn everywhere(delay: Delay) -> Self {
        let (capability, event, action, policy) = (None, None, None, None);
        Self { capability, event, action, policy, delay, drift: None, share: Share(1.0) }
    }

    /// The delay of one call; draw `index` of the seed's stream for delays, so long after the first call
    /// of a flow.
    pub fn draw(&self, seed: Seed, index: u64, after: Duration) -> Duration {
        let delay = self.delay.draw(seed, index);
        let Some(drift) = self.drift else { return delay };
        let grown = delay.as_secs_f64() * drift.factor(after);
        Duration::try_from_secs_f64(grown).unwrap_or(LONGEST).min(LONGEST)
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

/// The row for a call: of all rows that match and whose share comes up, the one with the most
/// selectors, and among equals the one that stands first.
pub fn delay_for<'r>(
    rules: &'r [DelayRule],
    call: Traits<'_>,
    (seed, index): (Seed, u64),
) -> Option<&'r DelayRule> {
    let applying = rules.iter().filter(|rule| rule.applies(seed, index));
    let matching = applying.filter(|rule| matches(rule.selectors(), call));
    // `max_by_key` keeps the last of equals.
    matching.rev().max_by_key(|rule| specificity(rule.selectors()))
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
        DelayRule { capability, event, action, policy, ..DelayRule::everywhere(delay) }
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
            let found = delay_for(&rules, call, (Seed(1), 0)).map(|rule| rule.delay);
            assert_eq!(found, Some(expected), "{call:?}");
        }
        assert_eq!(delay_for(&rules[1..2], ["token", "", "", ""], (Seed(1), 0)), None);
    }

    #[test]
    fn a_row_with_a_share_leaves_the_other_calls_to_the_next_row() {
        let rare = DelayRule { share: Share(0.06), ..rule(["*"; 4], 9) };
        let rules = [rare, rule(["*"; 4], 1)];
        let token = ["token", "", "", ""];
        let drawn = (0..10_000).map(|index| delay_for(&rules, token, (Seed(5), index)));
        let held = drawn.filter(|found| *found == Some(&rules[0])).count();
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

    #[test]
    fn a_drift_multiplies_every_draw_by_what_the_time_makes_of_it() {
        let drift: Drift = "10% per 5m".parse().unwrap();
        let rule = DelayRule { drift: Some(drift), ..rule(["*"; 4], 100) };
        let after = |minutes| rule.draw(Seed(1), 0, Duration::from_mins(minutes)).as_millis();
        assert_eq!([0, 5, 10, 60].map(after), [100, 110, 120, 220]);
        let shorter: Drift = "-50% per 1h".parse().unwrap();
        assert_eq!([0, 1, 3].map(|h| shorter.factor(Duration::from_hours(h))), [1.0, 0.5, 0.0]);
        let endless = DelayRule { drift: Some(Drift { part: 1e6, ..drift }), ..rule };
        assert_eq!(endless.draw(Seed(1), 0, Duration::MAX), LONGEST);
    }

    #[test]
    fn a_drift_is_read_as_it_is_written() {
        for (text, shown) in [
            ("10% per 5m", "10% per 5m"),
            ("-2.5 % per 90s", "-2.5% per 1m30s"),
            ("0% per 1h", "0% per 1h"),
        ] {
            assert_eq!(text.parse::<Drift>().unwrap().to_string(), shown);
        }
        for text in ["", "10%", "10 per 5m", "10% per 0s", "10% per", "--1% per 1h", "NaN% per 1h"]
        {
            let error = text.parse::<Drift>().unwrap_err();
            assert!(error.to_string().ends_with("is not a drift"), "{text}");
            assert!(error.remedy().unwrap().contains("10% per 5m"));
        }
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
