//! What is needed of a tenant: a rate as it is, or what is foreseen for an hour and how far its peak rises.

use super::found::{Bracket, HeadRoom};
use crate::base::remedy::Remedy;
use crate::base::units::Rate;
use std::fmt;
use std::str::FromStr;

/// How many iterations a second have to be possible, and how somebody said so.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    text: String,
    per_s: f64,
}

/// Why a text is no forecast.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not a forecast")]
pub struct ForecastError {
    /// The text.
    pub text: String,
}

impl Remedy for ForecastError {
    fn remedy(&self) -> Option<String> {
        Some(
            "write how many are foreseen for which time and by what factor the peak is above that, such as \
             `60000/h peak 3`"
                .to_owned(),
        )
    }
}

impl Need {
    /// A rate that has to be possible.
    pub fn plan(rate: Rate) -> Self {
        Self { text: rate.to_string(), per_s: rate.per_second }
    }

    /// Iterations per second.
    pub const fn per_s(&self) -> f64 {
        self.per_s
    }

    /// What a bracket leaves above it. What passed is enough once it is confirmed (`is_held`), where that was
    /// asked for.
    pub fn head_room(&self, bracket: &Bracket, is_held: bool) -> HeadRoom {
        let pass = bracket.highest_pass_per_s;
        let is_above = |rate: Option<f64>| rate.is_some_and(|rate| rate <= self.per_s);
        let is_enough = if pass.is_some_and(|pass| pass >= self.per_s) {
            is_held.then_some(true)
        } else {
            is_above(bracket.lowest_fail_per_s).then_some(false)
        };
        HeadRoom {
            asked: self.text.clone(),
            needed_per_s: self.per_s,
            share: pass.filter(|_| self.per_s > 0.0).map(|pass| pass / self.per_s - 1.0),
            is_enough,
        }
    }
}

/// As it was said: `20/s`, `60000/h peak 3`.
impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A forecast: `60000/h peak 3` is three times 60,000 in an hour. Without `peak` it is a mean that never
/// rises.
impl FromStr for Need {
    type Err = ForecastError;

    fn from_str(text: &str) -> Result<Self, ForecastError> {
        let error = || ForecastError { text: text.to_owned() };
        let (mean, peak) = text.trim().split_once("peak").unwrap_or((text, "1"));
        let rate: Rate = mean.trim().parse().map_err(|_| error())?;
        let peak = peak.trim().trim_start_matches(['x', '×']);
        let peak: f64 = peak.trim().parse().map_err(|_| error())?;
        let per_s = rate.per_second * peak;
        let is_sensible = per_s.is_finite() && per_s > 0.0 && peak >= 1.0;
        is_sensible.then(|| Self { text: text.trim().to_owned(), per_s }).ok_or_else(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_is_a_mean_and_how_far_the_peak_is_above_it() {
        for (text, per_s) in [
            ("60000/h peak 3", 50.0),
            ("60000/h peak x3", 50.0),
            ("3600/h", 1.0),
            (" 20/s peak 1.5 ", 30.0),
        ] {
            let need: Need = text.parse().unwrap();
            assert!((need.per_s() - per_s).abs() < 1e-9, "{text}: {}", need.per_s());
            assert_eq!(need.to_string(), text.trim());
        }
    }

    #[test]
    fn what_is_no_forecast_says_how_to_write_one() {
        for text in ["", "60000", "60000/h peak", "60000/h peak 0.5", "0/h peak 3", "60000/h top 3"]
        {
            let error = text.parse::<Need>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not a forecast"));
            assert!(error.remedy().unwrap().contains("`60000/h peak 3`"));
        }
    }

    #[test]
    fn head_room_is_known_outside_the_bracket_alone() {
        let need = Need::plan("20/s".parse().unwrap());
        let of = |highest_pass_per_s, lowest_fail_per_s| {
            let bracket = Bracket { highest_pass_per_s, lowest_fail_per_s };
            let found = need.head_room(&bracket, true);
            let open = need.head_room(&bracket, false).is_enough;
            assert_eq!(open, found.is_enough.filter(|is_enough| !is_enough), "not confirmed");
            (found.is_enough, found.share.map(|share| (share * 100.0).round()))
        };
        assert_eq!(of(Some(25.0), Some(26.0)), (Some(true), Some(25.0)));
        assert_eq!(of(Some(25.0), None), (Some(true), Some(25.0)));
        assert_eq!(of(Some(19.0), Some(21.0)), (None, Some(-5.0)));
        assert_eq!(of(Some(10.0), Some(15.0)), (Some(false), Some(-50.0)));
        assert_eq!(of(None, Some(20.0)), (Some(false), None));
        assert_eq!(of(Some(15.0), None), (None, Some(-25.0)));
    }
}
