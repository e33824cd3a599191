//! What a tenant will have to bear: a rate, or a forecast of how many come and how unevenly.

use crate::base::remedy::Remedy;
use crate::base::units::{Rate, UnitError};
use std::fmt;
use std::str::FromStr;

/// How many iterations per second are needed, and how somebody said so.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    asked: String,
    /// Iterations per second at the busiest time; above 0.
    pub per_second: f64,
}

/// Why a text is no forecast.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NeedError {
    /// How many come is no rate.
    #[error("`{text}` is no forecast")]
    Rate {
        /// What was written.
        text: String,
        #[source]
        source: UnitError,
    },
    /// Nobody comes.
    #[error("`{text}` is a forecast of nothing")]
    Nothing {
        /// What was written.
        text: String,
    },
    /// What stands behind the rate is not a peak.
    #[error("`{text}` is no forecast: its peak is not a number from 1 up")]
    Peak {
        /// What was written.
        text: String,
    },
}

impl Remedy for NeedError {
    fn remedy(&self) -> Option<String> {
        Some(
            "write how many iterations come, and how much more in the peak: `60000/h peak 3`"
                .to_owned(),
        )
    }
}

impl Need {
    /// A rate that was planned for.
    pub fn of_plan(rate: Rate) -> Self {
        Self { asked: rate.to_string(), per_second: rate.per_second }
    }
}

/// `60000/h peak 3`: so many come on average, and three times as many at the busiest time. Without a peak
/// they come evenly.
impl FromStr for Need {
    type Err = NeedError;

    fn from_str(text: &str) -> Result<Self, NeedError> {
        let owned = || text.trim().to_owned();
        let (rate, peak) = match text.split_once("peak") {
            Some((rate, peak)) => (rate, peak.trim().parse().ok()),
            None => (text, Some(1.0)),
        };
        let rate: Rate =
            rate.trim().parse().map_err(|source| NeedError::Rate { text: owned(), source })?;
        let peak = peak.filter(|peak: &f64| peak.is_finite() && *peak >= 1.0);
        let peak = peak.ok_or_else(|| NeedError::Peak { text: owned() })?;
        let per_second = rate.per_second * peak;
        if per_second <= 0.0 {
            return Err(NeedError::Nothing { text: owned() });
        }
        Ok(Self { asked: owned(), per_second })
    }
}

/// As it was said.
impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_is_what_comes_at_the_busiest_time() {
        for (text, per_second) in
            [("60000/h peak 3", 50.0), ("  600/min  ", 10.0), ("9/s peak 1.5", 13.5)]
        {
            let need: Need = text.parse().unwrap();
            assert!((need.per_second - per_second).abs() < 1e-9, "{text}: {}", need.per_second);
            assert_eq!(need.to_string(), text.trim());
        }
        assert_eq!(Need::of_plan(Rate { per_second: 20.0 }).to_string(), "20/s");
    }

    #[test]
    fn what_is_no_forecast_is_named() {
        for (text, message) in [
            ("60000", "`60000` is no forecast"),
            ("60000/h peak", "`60000/h peak` is no forecast: its peak is not a number from 1 up"),
            ("6/h peak 0.5", "`6/h peak 0.5` is no forecast: its peak is not a number from 1 up"),
            ("0/s peak 3", "`0/s peak 3` is a forecast of nothing"),
        ] {
            let error = text.parse::<Need>().unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(error.remedy().unwrap().contains("peak 3"));
        }
    }
}
