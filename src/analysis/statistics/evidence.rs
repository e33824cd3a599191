//! What is known of a figure: its interval, and how probable it is where a claim is wrong.

use super::student;

/// An estimate with its doubt, on a scale on which doubt is even: the logarithm of times, shares as
/// they are.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// A standard error that is itself estimated.
    Student {
        /// The estimate.
        centre: f64,
        /// Its standard error.
        error: f64,
        /// From so many pieces, less one, the error is known.
        freedom: f64,
    },
    /// All resamples in order, where some are infinite, so that there is no standard error: the doubt is
    /// counted.
    Counted(Vec<f64>),
}

impl Evidence {
    /// Counted from resamples in any order.
    pub fn counted(mut resamples: Vec<f64>) -> Self {
        resamples.sort_by(f64::total_cmp);
        Self::Counted(resamples)
    }

    /// The interval that holds the truth with this confidence. Its ends may be infinite.
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        let outside = (1.0 - confidence) / 2.0;
        match self {
            Self::Student { centre, error, freedom } => {
                let width = student::quantile(*freedom, 1.0 - outside) * error;
                (centre - width, centre + width)
            }
            Self::Counted(resamples) => {
                let Some(last) = resamples.len().checked_sub(1) else {
                    return (f64::NEG_INFINITY, f64::INFINITY);
                };
                let low = place(outside, resamples.len()).min(last);
                (resamples[low], resamples[last - low])
            }
        }
    }

    /// How probable so large an estimate, or a larger one, is where the truth is `limit` or less.
    pub fn p_above(&self, limit: f64) -> f64 {
        match self {
            Self::Student { centre, error, freedom } => tail(centre - limit, *error, *freedom),
            Self::Counted(resamples) => {
                counted_p(resamples.iter().filter(|draw| **draw <= limit).count(), resamples.len())
            }
        }
    }

    /// How probable so small an estimate, or a smaller one, is where the truth is `limit` or more.
    pub fn p_below(&self, limit: f64) -> f64 {
        match self {
            Self::Student { centre, error, freedom } => tail(limit - centre, *error, *freedom),
            Self::Counted(resamples) => {
                counted_p(resamples.iter().filter(|draw| **draw >= limit).count(), resamples.len())
            }
        }
    }
}

fn tail(distance: f64, error: f64, freedom: f64) -> f64 {
    if distance.is_nan() || error.is_nan() {
        1.0
    } else if error > 0.0 {
        student::above(freedom, distance / error)
    } else if distance > 0.0 {
        0.0
    } else {
        1.0
    }
}

/// The estimate itself counts as one of the draws, so that no finite number of them is a proof: Davison
/// & Hinkley, *Bootstrap Methods and their Application* (1997) §4.2.
#[expect(clippy::cast_precision_loss, reason = "resamples are few")]
fn counted_p(as_far: usize, resamples: usize) -> f64 {
    (as_far as f64 + 1.0) / (resamples as f64 + 1.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "resamples are few, and a part of them fewer"
)]
fn place(part: f64, of: usize) -> usize {
    (part.max(0.0) * of as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_and_the_p_values_at_its_ends_agree() {
        let evidence = Evidence::Student { centre: 0.1, error: 0.02, freedom: 7.0 };
        let (low, high) = evidence.interval(0.95);
        assert!((evidence.p_above(low) - 0.025).abs() < 1e-6);
        assert!((evidence.p_below(high) - 0.025).abs() < 1e-6);
        assert!((evidence.p_above(0.1) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn what_never_varied_is_certain_of_itself() {
        let evidence = Evidence::Student { centre: 0.1, error: 0.0, freedom: 7.0 };
        assert_eq!(evidence.interval(0.95), (0.1, 0.1));
        assert_eq!((evidence.p_above(0.05), evidence.p_above(0.2)), (0.0, 1.0));
        assert_eq!((evidence.p_below(0.05), evidence.p_below(0.2)), (1.0, 0.0));
    }

    #[test]
    fn infinite_resamples_are_counted() {
        let mut resamples = vec![f64::INFINITY; 950];
        resamples.extend((0..50).map(f64::from));
        let evidence = Evidence::counted(resamples);
        assert_eq!(evidence.interval(0.95), (25.0, f64::INFINITY));
        assert!((evidence.p_above(9.0) - 11.0 / 1001.0).abs() < 1e-12);
        assert!(evidence.p_below(9.0) > 0.98);
        let none = Evidence::counted(Vec::new());
        assert_eq!(none.interval(0.95), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!((none.p_above(0.0), none.p_below(0.0)), (1.0, 1.0));
    }
}
